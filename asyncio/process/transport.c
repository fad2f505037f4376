/* SPDX-License-Identifier: MIT */
/* The callback level of subprocesses: a process whose pipes are transports, and a protocol that is
 * told what happens to all of them.
 *
 * ORDER      As with the transports of connections, what is told is a handle of its own.
 *            connection_made goes ahead of the first handles of the pipes, and nothing of the child
 *            can be known before the loop polls again: so it comes first. A pipe tells in the
 *            handles of its own transport.
 * END        When the process has been reaped and the last pipe's protocol is gone, connection_lost
 *            is scheduled. A loop that closes reaps, ends the pipes and drops the handles: the same
 *            way, but nothing is told.
 * LIFE       `refs` are the user's, one until connection_lost has returned, and one for each pipe,
 *            whose protocol lies in here. */
#include "process/transport.h"

#include "base/alloc.h"
#include "net/callback.h"
#include "net/pipe.h"
#include "net/within.h"

#include <errno.h>
#include <signal.h>

static void release(asyncio_subprocess_transport *transport)
{
    if (--transport->refs)
        return;
    for (int i = 0; i < STREAMS; i++)
        asyncio_transport_unref(transport->pipes[i].transport);
    asyncio_process_unref(transport->process);
    asyncio_context_unref(transport->context);
    asyncio__free(transport);
}

static void destroy_protocol(asyncio_subprocess_transport *transport)
{
    asyncio_subprocess_protocol *protocol = transport->protocol;
    transport->protocol = NULL;
    if (protocol && protocol->methods->destroy)
        protocol->methods->destroy(protocol);
}

/* ---- the end ---- */

static void lose_connection(struct handle *handle, asyncio_loop *loop)
{
    asyncio_subprocess_transport *transport =
        container_of(handle, struct asyncio_subprocess_transport, losing);
    asyncio_subprocess_protocol *protocol = transport->protocol;
    transport->is_closing = true;
    list_remove(&transport->making.link);
    list_remove(&transport->opening.link);
    if (loop && transport->is_made && protocol->methods->connection_lost) {
        struct within within = within_enter(&transport->context);
        protocol->methods->connection_lost(protocol, 0);
        within_exit(within);
    }
    destroy_protocol(transport);
    release(transport);
}

static void end_if_over(asyncio_subprocess_transport *transport)
{
    if (!transport->has_exited || transport->open_pipes || transport->is_ending)
        return;
    transport->is_ending = true;
    if (atomic_load(&transport->loop->closed))
        lose_connection(&transport->losing, NULL);
    else
        asyncio__loop_call(transport->loop, &transport->losing);
}

static void exit_process(struct handle *handle, asyncio_loop *loop)
{
    asyncio_subprocess_transport *transport =
        container_of(handle, struct asyncio_subprocess_transport, exiting);
    asyncio_subprocess_protocol *protocol = transport->protocol;
    if (loop && transport->is_made && protocol->methods->process_exited) {
        struct within within = within_enter(&transport->context);
        protocol->methods->process_exited(protocol);
        within_exit(within);
    }
    transport->has_exited = true;
    end_if_over(transport);
}

void asyncio__subprocess_ended(asyncio_subprocess_transport *transport)
{
    asyncio__loop_call(transport->loop, &transport->exiting);
}

/* ---- pipes ---- */

static struct subprocess_pipe *pipe_of(asyncio_protocol *protocol)
{
    return (struct subprocess_pipe *)(void *)protocol;
}

static void pipe_received(asyncio_protocol *protocol, const void *data, size_t size)
{
    struct subprocess_pipe *pipe = pipe_of(protocol);
    asyncio_subprocess_protocol *told = pipe->owner->protocol;
    if (told->methods->pipe_data_received)
        told->methods->pipe_data_received(told, pipe->fd, data, size);
}

static void pipe_lost(asyncio_protocol *protocol, int error)
{
    struct subprocess_pipe *pipe = pipe_of(protocol);
    asyncio_subprocess_protocol *told = pipe->owner->protocol;
    if (told->methods->pipe_connection_lost)
        told->methods->pipe_connection_lost(told, pipe->fd, error);
}

static void pipe_pauses(asyncio_protocol *protocol)
{
    asyncio_subprocess_protocol *told = pipe_of(protocol)->owner->protocol;
    if (told->methods->pause_writing)
        told->methods->pause_writing(told);
}

static void pipe_resumes(asyncio_protocol *protocol)
{
    asyncio_subprocess_protocol *told = pipe_of(protocol)->owner->protocol;
    if (told->methods->resume_writing)
        told->methods->resume_writing(told);
}

static void pipe_over(asyncio_protocol *protocol)
{
    asyncio_subprocess_transport *transport = pipe_of(protocol)->owner;
    transport->open_pipes--;
    end_if_over(transport);
    release(transport);
}

static const asyncio_protocol_methods pipe_methods = { .data_received = pipe_received,
                                                       .connection_lost = pipe_lost,
                                                       .pause_writing = pipe_pauses,
                                                       .resume_writing = pipe_resumes,
                                                       .destroy = pipe_over };

static asyncio_protocol *give_pipe(void *data)
{
    struct subprocess_pipe *pipe = data;
    pipe->protocol.methods = &pipe_methods;
    pipe->owner->open_pipes++;
    pipe->owner->refs++;
    return &pipe->protocol;
}

int asyncio__subprocess_add_pipe(asyncio_subprocess_transport *transport, int which, int descriptor)
{
    struct subprocess_pipe *pipe = &transport->pipes[which];
    pipe->owner = transport;
    pipe->fd = which;
    int r = asyncio__pipe_transport(transport->loop->net_floor, descriptor, which != STD_IN,
                                    give_pipe, pipe, &pipe->transport);
    if (r >= 0)
        pipe->transport->is_part = true;
    return r;
}

/* ---- making one ---- */

static void make_connection(struct handle *handle, asyncio_loop *loop)
{
    asyncio_subprocess_transport *transport =
        container_of(handle, struct asyncio_subprocess_transport, making);
    asyncio_subprocess_protocol *protocol = transport->protocol;
    if (!loop)
        return;
    transport->is_made = true;
    if (!protocol->methods->connection_made)
        return;
    struct within within = within_enter(&transport->context);
    protocol->methods->connection_made(protocol, transport);
    within_exit(within);
}

static void open_done(struct handle *handle, asyncio_loop *loop)
{
    asyncio_subprocess_transport *transport =
        container_of(handle, struct asyncio_subprocess_transport, opening);
    if (loop)
        asyncio__waiters_wake(&transport->waiters, 0);
}

static int make(asyncio_loop *loop, asyncio_subprocess_protocol_factory *factory, void *data,
                asyncio_subprocess_transport **ret_transport)
{
    asyncio_subprocess_transport *transport = asyncio__calloc(1, sizeof *transport);
    if (!transport)
        return -ENOMEM;
    int r = asyncio__context_inherit(&transport->context);
    if (r >= 0) {
        struct within within = within_enter(&transport->context);
        transport->protocol = factory(data);
        within_exit(within);
        r = transport->protocol ? 0 : -ENOMEM;
    }
    if (r < 0) {
        asyncio_context_unref(transport->context);
        asyncio__free(transport);
        return r;
    }
    transport->loop = loop;
    transport->making.run = make_connection;
    transport->opening.run = open_done;
    transport->exiting.run = exit_process;
    transport->losing.run = lose_connection;
    list_init(&transport->making.link);
    list_init(&transport->opening.link);
    list_init(&transport->exiting.link);
    list_init(&transport->losing.link);
    list_init(&transport->waiters);
    transport->refs = 1;
    *ret_transport = transport;
    return 0;
}

/* There is no child. The protocol hears nothing, and pipes that were made go by themselves. */
static void give_up(asyncio_subprocess_transport *transport)
{
    transport->is_ending = transport->is_closing = true;
    for (int i = 0; i < STREAMS; i++)
        if (transport->pipes[i].transport)
            asyncio_transport_abort(transport->pipes[i].transport);
    destroy_protocol(transport);
    release(transport);
}

static void begin(asyncio_subprocess_transport *transport)
{
    asyncio__loop_call(transport->loop, &transport->making);
    for (int i = 0; i < STREAMS; i++)
        if (transport->pipes[i].transport)
            (void)asyncio__transport_begin(transport->pipes[i].transport, NULL);
    asyncio__loop_call(transport->loop, &transport->opening);
}

struct held_transport {
    struct held held;
    asyncio_subprocess_transport *transport;
};

static void drop(struct held *held)
{
    asyncio_subprocess_transport_unref(
        container_of(held, struct held_transport, held)->transport);
}

/* Takes a reference, which is the caller's when it succeeds. Who is cancelled leaves no child. */
static int wait_open(asyncio_subprocess_transport *transport)
{
    asyncio_task *task = task_current();
    struct held_transport held = { .transport = transport };
    task_hold(task, &held.held, drop);
    int r = asyncio__waiters_wait(&transport->waiters, task);
    if (r < 0) {
        asyncio_subprocess_transport_close(transport);
        asyncio__process_kill_and_wait(transport->process);
    }
    task_let_go(task, &held.held);
    if (r < 0)
        asyncio_subprocess_transport_unref(transport);
    return r;
}

static int create(asyncio_loop *loop, asyncio_subprocess_protocol_factory *factory,
                  const char *const *arguments, asyncio_subprocess_transport **ret_transport,
                  const asyncio_loop_subprocess_options *options)
{
    const asyncio_subprocess_options common = {
        .size = sizeof common,
        .limit = ASYNCIO__DEFAULT_LIMIT,
        .std_in = options->std_in,
        .std_out = options->std_out,
        .std_err = options->std_err,
        .cwd = options->cwd,
        .env = options->env,
        .executable = options->executable,
        .pass_fds = options->pass_fds,
        .pass_fd_count = options->pass_fd_count,
        .process_group = options->process_group,
        .start_new_session = options->start_new_session,
        .umask = options->umask,
    };
    struct net *net;
    asyncio_subprocess_transport *transport;
    int r = asyncio__net_of_running(loop, &net);
    if (r >= 0 && !factory)
        r = asyncio_raise(-EINVAL, "a subprocess needs a factory of protocols");
    if (r >= 0)
        r = make(loop, factory, options->data, &transport);
    if (r < 0)
        return r;
    r = asyncio__process_make(arguments, &common, transport, &transport->process);
    if (r < 0) {
        give_up(transport);
        return r;
    }
    begin(transport);
    r = wait_open(asyncio_subprocess_transport_ref(transport));
    if (r < 0)
        return r;
    if (ret_transport)
        *ret_transport = transport;
    else
        asyncio_subprocess_transport_unref(transport);
    return 0;
}

static const asyncio_loop_subprocess_options defaults = {
    .size = sizeof defaults,
    .std_in = ASYNCIO_SUBPROCESS_PIPE,
    .std_out = ASYNCIO_SUBPROCESS_PIPE,
    .std_err = ASYNCIO_SUBPROCESS_PIPE,
    .process_group = ASYNCIO__DEFAULT_PROCESS_GROUP,
    .umask = ASYNCIO__DEFAULT_UMASK,
};

int(asyncio_loop_subprocess_exec)(asyncio_loop *loop, asyncio_subprocess_protocol_factory *factory,
                                  const char *const *arguments,
                                  asyncio_subprocess_transport **ret_transport,
                                  const asyncio_loop_subprocess_options *options)
{
    net_check_scopes(NET_CALLER());
    return create(loop, factory, arguments, ret_transport, options ? options : &defaults);
}

int(asyncio_loop_subprocess_shell)(asyncio_loop *loop, asyncio_subprocess_protocol_factory *factory,
                                   const char *command,
                                   asyncio_subprocess_transport **ret_transport,
                                   const asyncio_loop_subprocess_options *options)
{
    net_check_scopes(NET_CALLER());
    if (!options)
        options = &defaults;
    const char *shell = options->executable ? options->executable : "/bin/sh";
    const char *const arguments[] = { shell, "-c", command, NULL };
    if (!command)
        return -EINVAL;
    return create(loop, factory, arguments, ret_transport, options);
}

/* ---- what is asked of it ---- */

int asyncio_subprocess_transport_get_pid(const asyncio_subprocess_transport *transport)
{
    return asyncio_process_pid(transport->process);
}

int asyncio_subprocess_transport_get_returncode(const asyncio_subprocess_transport *transport,
                                                int *ret_code)
{
    return asyncio_process_returncode(transport->process, ret_code);
}

asyncio_transport *asyncio_subprocess_transport_get_pipe_transport(
    const asyncio_subprocess_transport *transport, int fd)
{
    return fd >= 0 && fd < STREAMS ? transport->pipes[fd].transport : NULL;
}

int asyncio_subprocess_transport_send_signal(asyncio_subprocess_transport *transport,
                                             int signal_number)
{
    return asyncio_process_send_signal(transport->process, signal_number);
}

int asyncio_subprocess_transport_terminate(asyncio_subprocess_transport *transport)
{
    return asyncio_process_send_signal(transport->process, SIGTERM);
}

int asyncio_subprocess_transport_kill(asyncio_subprocess_transport *transport)
{
    return asyncio_process_send_signal(transport->process, SIGKILL);
}

void asyncio_subprocess_transport_close(asyncio_subprocess_transport *transport)
{
    if (transport->is_closing || atomic_load(&transport->loop->closed) ||
        net_is_other_thread(transport->loop->net_floor))
        return;
    transport->is_closing = true;
    /* Before its pipes close, which may be at once: Python's close only schedules that, so that the
     * child always ends by the signal, never by the end of its input. */
    asyncio__process_end(transport->process);
    for (int i = 0; i < STREAMS; i++)
        if (transport->pipes[i].transport)
            asyncio_transport_close(transport->pipes[i].transport);
}

int asyncio_subprocess_transport_is_closing(const asyncio_subprocess_transport *transport)
{
    return transport->is_closing;
}

asyncio_subprocess_protocol *asyncio_subprocess_transport_set_protocol(
    asyncio_subprocess_transport *transport, asyncio_subprocess_protocol *protocol)
{
    asyncio_subprocess_protocol *old = transport->protocol;
    if (old && protocol)
        transport->protocol = protocol;
    return protocol ? old : NULL;
}

asyncio_subprocess_protocol *asyncio_subprocess_transport_get_protocol(
    const asyncio_subprocess_transport *transport)
{
    return transport->protocol;
}

asyncio_subprocess_transport *asyncio_subprocess_transport_ref(
    asyncio_subprocess_transport *transport)
{
    if (transport)
        transport->refs++;
    return transport;
}

void asyncio_subprocess_transport_unref(asyncio_subprocess_transport *transport)
{
    if (transport)
        release(transport);
}
