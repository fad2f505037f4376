/* SPDX-License-Identifier: MIT */
/* Names to addresses, on threads of their own. See resolve.h. */
#include "net/resolve.h"

#include "base/alloc.h"
#include "workers/pool.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

enum { RESOLVERS_MAX = 4, NAMES_MAX = 8 };

/* A look-up. It has two owners: who waits for it, in the loop's thread, and who works on it: a
 * thread of the pool, then the post that brings it back; or a job of the sim backend. Whoever is
 * last frees it. `task` is NULL when nobody waits. */
struct lookup {
    struct awaited awaited;
    asyncio_task *task;
    struct list link;               /* in net->resolves, while somebody waits */
    struct post post;
    struct work work;
    struct job job;
    struct net *net;                /* for the loop's thread only */
    asyncio_loop *loop;             /* a reference, for the thread */
    atomic_uint owners;
    struct resolve_hints hints;
    uint16_t port;
    bool is_back;                   /* in the loop, where its task has been woken */
    int gai_error, result;
    struct addresses found;
    char host[];
};

static void release(struct lookup *lookup)
{
    if (atomic_fetch_sub_explicit(&lookup->owners, 1, memory_order_acq_rel) != 1)
        return;
    asyncio_loop *loop = lookup->loop;
    asyncio__free(lookup->found.items);
    asyncio__free(lookup);
    asyncio_loop_unref(loop);
}

/* ---- on the thread ---- */

static int keep(struct lookup *lookup, const struct addrinfo *infos)
{
    size_t count = 0;
    for (const struct addrinfo *info = infos; info; info = info->ai_next)
        count++;
    lookup->found.items = count ? asyncio__calloc(count, sizeof *lookup->found.items) : NULL;
    if (!lookup->found.items)
        return count ? -ENOMEM : -ASYNCIO_RESOLVE;
    for (const struct addrinfo *info = infos; info; info = info->ai_next) {
        struct address *address = &lookup->found.items[lookup->found.count];
        if (info->ai_addrlen > sizeof address->name)
            continue;
        memcpy(&address->name, info->ai_addr, info->ai_addrlen);
        address->size = info->ai_addrlen;
        asyncio__address_set_port(&address->name, lookup->port);
        lookup->found.count++;
    }
    return 0;
}

static void look_up(struct work *work)
{
    struct lookup *lookup = container_of(work, struct lookup, work);
    struct addrinfo hints = { .ai_family = lookup->hints.family,
                              .ai_socktype = SOCK_STREAM,
                              .ai_protocol = lookup->hints.protocol,
                              .ai_flags = lookup->hints.flags };
    struct addrinfo *infos = NULL;
    int r = getaddrinfo(lookup->host, NULL, &hints, &infos);
    if (r == 0) {
        lookup->result = keep(lookup, infos);
        freeaddrinfo(infos);
    } else {
        lookup->gai_error = r;
        lookup->result = r == EAI_MEMORY ? -ENOMEM : -ASYNCIO_RESOLVE;
    }
    if (asyncio__loop_post(lookup->loop, &lookup->post) < 0)
        release(lookup); /* the loop is closed */
}

/* ---- back in the loop ---- */

static void hand_over(struct lookup *lookup)
{
    lookup->is_back = true;
    if (lookup->task)
        task_wake(lookup->task, lookup->result);
    release(lookup);
}

/* Also when the loop drops it: then nobody waits any more. */
static void posted(struct handle *handle, asyncio_loop *loop)
{
    struct lookup *lookup = container_of(handle, struct lookup, post.handle);
    if (loop)
        lookup->net->lookups--;
    hand_over(lookup);
}

static void run_job(struct job *job)
{
    struct lookup *lookup = container_of(job, struct lookup, job);
    struct backend *backend = lookup->loop->backend;
    struct sockaddr_storage names[NAMES_MAX];
    int count = backend->type->resolve(backend, lookup->host, names, NAMES_MAX);
    for (int i = 0; i < count; i++) {
        if (lookup->hints.family && lookup->hints.family != names[i].ss_family)
            continue;
        struct address *address = &lookup->found.items[lookup->found.count++];
        *address = (struct address){ names[i], names[i].ss_family == AF_INET6
                                                   ? sizeof(struct sockaddr_in6)
                                                   : sizeof(struct sockaddr_in) };
        asyncio__address_set_port(&address->name, lookup->port);
    }
    if (!lookup->found.count) {
        lookup->gai_error = EAI_NONAME;
        lookup->result = -ASYNCIO_RESOLVE;
    }
}

static void job_done(struct job *job)
{
    hand_over(container_of(job, struct lookup, job));
}

/* Nobody waits any more. One that nobody works on yet goes now, any other when it comes back. */
static void forget(struct lookup *lookup)
{
    struct net *net = lookup->net;
    list_remove(&lookup->link);
    lookup->task = NULL;
    if (!lookup->is_back && net->resolvers && asyncio__pool_cancel(net->resolvers, &lookup->work)) {
        net->lookups--;
        release(lookup);
    }
    if (!lookup->is_back && !net->resolvers) {
        list_remove(&lookup->job.link);
        release(lookup);
    }
    release(lookup);
}

static int cancel(asyncio_future *awaited, const char *message)
{
    struct lookup *lookup = container_of((struct awaited *)(void *)awaited, struct lookup, awaited);
    asyncio_task *task = lookup->task;
    if (task->future.task_flags & TASK_WOKEN)
        return 0;
    asyncio__future_keep_message(&task->future, message);
    task->waiting = NULL; /* the look-up may be gone before the task runs */
    forget(lookup);
    task_wake(task, -ECANCELED);
    return 1;
}

static const struct future_type lookup_type = { "name look-up", 0, cancel, NULL };

static int start(struct net *net, struct lookup *lookup)
{
    if (net->backend->type->resolve) {
        lookup->found.items = asyncio__calloc(NAMES_MAX, sizeof *lookup->found.items);
        if (!lookup->found.items)
            return -ENOMEM;
        lookup->job.run = run_job;
        lookup->job.complete = job_done;
        return net->backend->type->job(net->backend, &lookup->job);
    }
    if (!net->resolvers && !(net->resolvers = asyncio__pool_new(RESOLVERS_MAX, "asyncio-names")))
        return -ENOMEM;
    lookup->work.run = look_up;
    int r = asyncio__pool_submit(net->resolvers, &lookup->work);
    net->lookups += r >= 0;
    return r;
}

static int raise_unresolved(const struct lookup *lookup)
{
    return asyncio_raise(-ASYNCIO_RESOLVE, "%s: %s", lookup->host,
                         lookup->gai_error ? gai_strerror(lookup->gai_error) : "no address");
}

static int resolve_name(struct net *net, const char *host, uint16_t port,
                        const struct resolve_hints *hints, struct addresses *ret_addresses)
{
    asyncio_task *task = task_current();
    int r = task_refuses(task);
    if (r < 0)
        return r;
    size_t length = strlen(host);
    struct lookup *lookup = asyncio__calloc(1, sizeof *lookup + length + 1);
    if (!lookup)
        return -ENOMEM;
    memcpy(lookup->host, host, length);
    lookup->awaited.type = &lookup_type;
    lookup->net = net;
    lookup->loop = asyncio_loop_ref(net->loop);
    lookup->hints = *hints;
    lookup->port = port;
    lookup->post.handle.run = posted;
    lookup->task = task;
    list_init(&lookup->link);
    list_init(&lookup->post.handle.link);
    list_init(&lookup->job.link);
    atomic_init(&lookup->owners, 2);
    r = start(net, lookup);
    if (r < 0) {
        release(lookup);
        release(lookup);
        return r;
    }
    list_append(&net->resolves, &lookup->link);
    r = asyncio__task_wait(task, &lookup->awaited);
    bool is_cancelled = task_take_cancel(task);
    if (r == -ECANCELED) { /* by cancel: the look-up is somebody else's now */
        asyncio__task_put_message(task);
        return r;
    }
    if (is_cancelled) {
        r = -ECANCELED;
    } else if (r >= 0) {
        *ret_addresses = lookup->found;
        lookup->found.items = NULL;
    } else if (r == -ASYNCIO_RESOLVE) {
        r = raise_unresolved(lookup);
    }
    forget(lookup);
    return r;
}

/* When the loop closes: who waits is dropped with it, and what comes from a thread later finds it
 * closed. */
void asyncio__resolves_drop(struct net *net)
{
    while (!list_empty(&net->resolves)) {
        struct lookup *lookup = container_of(net->resolves.next, struct lookup, link);
        lookup->task->waiting = NULL;
        forget(lookup);
    }
}

int asyncio__resolve(struct net *net, const char *host, int port,
                     const struct resolve_hints *hints, struct addresses *ret_addresses)
{
    int family = hints->family;
    bool passive = hints->flags & AI_PASSIVE;
    if (port < 0 || port > UINT16_MAX)
        return asyncio_raise(-EINVAL, "port must be 0-65535, not %d", port);
    if (family && family != AF_INET && family != AF_INET6)
        return asyncio_raise(-EINVAL, "address family %d is neither AF_INET nor AF_INET6", family);
    bool is_none = !host || !*host, is_literal = false;
    struct address literal;
    if (!is_none && !asyncio__address_parse(host, (uint16_t)port, family, &literal, &is_literal)) {
        if (is_literal)
            return asyncio_raise(-ASYNCIO_RESOLVE, "%s: Address family for hostname not supported",
                                 host);
        return resolve_name(net, host, (uint16_t)port, hints, ret_addresses);
    }
    struct address *items = asyncio__calloc(2, sizeof *items);
    if (!items)
        return -ENOMEM;
    size_t count = 0;
    if (!is_none)
        items[count++] = literal;
    if (is_none && family != AF_INET6)
        asyncio__address_of_none(AF_INET, passive, (uint16_t)port, &items[count++]);
    if (is_none && family != AF_INET)
        asyncio__address_of_none(AF_INET6, passive, (uint16_t)port, &items[count++]);
    *ret_addresses = (struct addresses){ items, count };
    return 0;
}
