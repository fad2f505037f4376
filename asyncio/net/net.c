/* SPDX-License-Identifier: MIT */
/* The net floor of a loop: its making and its end. See net.h. */
#include "net/net.h"

#include "base/alloc.h"

enum {
    /* what a shutdown gives to bytes that were accepted and not sent */
    FLUSH_NS_MAX = 100000000,
    /* when the loop closes: for operations to come back from the kernel */
    DRAIN_POLLS = 1000,
    DRAIN_POLL_NS = 1000000,
};

static bool has_pending(const struct net *net)
{
    return !list_empty(&net->streams) || !list_empty(&net->transports) ||
           asyncio__servers_are_pending(net) || !list_empty(&net->connects);
}

/* Sockets are closed now. An operation that the kernel has not let go yet still completes into its
 * stream, which is why the loop cannot go before. */
static void close_floor(struct closer *closer, asyncio_loop *loop)
{
    struct net *net = container_of(closer, struct net, closer);
    (void)loop->backend->type->poll(loop->backend, 0); /* hands in what was written last */
    asyncio__names_drop(net);
    asyncio__connects_abort(net);
    asyncio__datagrams_abort(net);
    asyncio__servers_abort(net);
    asyncio__streams_abort(&net->streams);
    asyncio__transports_abort(&net->transports);
    for (int i = 0; i < DRAIN_POLLS && has_pending(net); i++)
        if (loop->backend->type->poll(loop->backend, i ? DRAIN_POLL_NS : 0) < 0)
            break;
    asyncio__names_fini(&net->names);
    asyncio__blocks_fini(&net->blocks);
    asyncio__free(net->scratch);
    asyncio__free(net->ciphertext);
    loop->net_floor = NULL;
    if (has_pending(net))
        return; /* the kernel does not let go: what it may still write to must not be freed */
    /* they wait for their handlers' tasks, which the floor beneath drops */
    while (list_pop(&net->servers))
        ;
    asyncio__free(net);
}

struct alarm {
    struct timed_handle timed;
    bool rang;
};

static void ring(struct handle *handle, asyncio_loop *loop)
{
    (void)loop;
    container_of(handle, struct alarm, timed.handle)->rang = true;
}

/* A moment for what was written and closed just before the end; a peer that does not read gets no
 * more than that. */
static void shut_down(struct closer *closer, asyncio_loop *loop, int64_t timeout_ns)
{
    struct net *net = container_of(closer, struct net, closer);
    if (!net->flushing || asyncio__loop_enter(loop) < 0)
        return;
    struct alarm alarm = { .timed.handle.run = ring };
    list_init(&alarm.timed.handle.link);
    int64_t limit = timeout_ns < 0 || timeout_ns > FLUSH_NS_MAX ? FLUSH_NS_MAX : timeout_ns;
    asyncio__loop_call_at(loop, &alarm.timed, asyncio__loop_now(loop) + limit);
    while (!alarm.rang && net->flushing && asyncio__loop_turn(loop, true) >= 0)
        ;
    asyncio__loop_uncall(loop, &alarm.timed);
    asyncio__task_reap(loop);
    asyncio__loop_leave(loop);
}

struct net *asyncio__net(asyncio_loop *loop)
{
    struct net *net = loop->net_floor;
    if (__builtin_expect(net != NULL, 1))
        return net;
    net = asyncio__calloc(1, sizeof *net);
    if (!net)
        return NULL;
    net->closer.close = close_floor;
    net->closer.shutdown = shut_down;
    net->loop = loop;
    net->backend = loop->backend;
    list_init(&net->streams);
    list_init(&net->transports);
    list_init(&net->datagrams);
    list_init(&net->servers);
    list_init(&net->connects);
    asyncio__names_init(&net->names);
    list_prepend(&loop->closers, &net->closer.link); /* before the floors beneath */
    loop->net_floor = net;
    return net;
}

int asyncio__net_refuses(const struct net *net)
{
    int r = asyncio__loop_check(net->loop);
    if (r < 0)
        return r;
    asyncio_task *task = task_current();
    if (!task)
        return -ASYNCIO_NO_TASK;
    return asyncio_raise(-ASYNCIO_OTHER_LOOP,
                         "Task %s got a stream or server attached to a different loop",
                         asyncio_task_get_name(task));
}

static void report_other_thread(asyncio_loop *loop, void *data)
{
    (void)data;
    asyncio__loop_report(loop,
                         "a stream or server was closed from another thread than the loop's: "
                         "nothing was done",
                         -ASYNCIO_WRONG_THREAD, NULL, NULL, NULL);
}

bool asyncio__net_is_other_thread(const struct net *net)
{
    if (asyncio__loop_check(net->loop) != -ASYNCIO_WRONG_THREAD)
        return false;
    (void)asyncio_loop_call_soon_threadsafe(net->loop, report_other_thread, NULL);
    return true;
}

int asyncio__net_of_task(struct net **ret_net)
{
    asyncio_task *task = task_current();
    if (!task)
        return -ASYNCIO_NO_TASK;
    struct net *net = asyncio__net(task->future.loop);
    if (!net)
        return -ENOMEM;
    *ret_net = net;
    return 0;
}

int asyncio__net_of_running(asyncio_loop *loop, struct net **ret_net)
{
    int r = asyncio__loop_check(loop);
    if (r >= 0)
        r = asyncio__net_of_task(ret_net);
    if (r < 0)
        return r;
    if ((*ret_net)->loop != loop)
        return asyncio_raise(-ASYNCIO_OTHER_LOOP, "this is not the running loop");
    return 0;
}
