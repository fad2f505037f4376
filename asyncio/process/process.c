/* SPDX-License-Identifier: MIT */
/* Subprocesses: watching, waiting, signals, the end. Making them is in create.c. See process.h. */
#include "process/process.h"

#include "backend/spawn.h"
#include "base/alloc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

enum {
    UNKNOWN_CODE = 255, /* Python's, when somebody else has reaped it */
    CLOSE_MS = 2000,    /* for killed children to end, when the loop closes */
};

static const struct backend_type *backend_of(const asyncio_process *process)
{
    return process->floor->loop->backend->type;
}

static void free_if_over(asyncio_process *process)
{
    if (process->is_running || process->refs)
        return;
    for (int i = 0; i < STREAMS; i++)
        asyncio__free(process->outputs[i].data);
    asyncio__free(process);
}

/* ---- the end of a child ---- */

static void report_unknown(const asyncio_process *process)
{
    char text[80];
    snprintf(text, sizeof text, "the exit status of child %d was taken by somebody else",
             process->pid);
    asyncio__loop_report(process->floor->loop, text, -ECHILD, NULL, NULL, NULL);
}

static void ended(asyncio_process *process, int code)
{
    struct backend *backend = process->floor->loop->backend;
    process->code = code;
    process->is_running = false;
    list_remove(&process->link);
    (void)backend->type->cancel(backend, &process->op);
    (void)backend->type->close(backend, process->op.socket);
    asyncio__waiters_wake(&process->waiters, 0);
    if (process->owner)
        asyncio__subprocess_ended(process->owner);
    free_if_over(process);
}

static void on_readable(struct op *op, int result)
{
    asyncio_process *process = container_of(op, struct asyncio_process, op);
    struct backend *backend = process->floor->loop->backend;
    int code = UNKNOWN_CODE;
    int r = asyncio__child_reap(backend->type->descriptor(backend, op->socket), 0, &code);
    if (r == 0 && result >= 0)
        return; /* it runs, and is still watched */
    if (r < 0)
        report_unknown(process);
    ended(process, code);
}

int asyncio__process_watch(asyncio_process *process, int pidfd)
{
    struct backend *backend = process->floor->loop->backend;
    int code, r = backend->type->adopt(backend, pidfd, &process->op.socket);
    if (r >= 0) {
        process->op.kind = OP_POLL_IN;
        process->op.complete = on_readable;
        r = backend->type->submit(backend, &process->op);
        if (r == OP_PENDING) {
            process->is_running = true;
            list_append(&process->floor->running, &process->link);
            return 0;
        }
        (void)backend->type->detach(backend, process->op.socket, &pidfd);
    }
    (void)asyncio__child_signal(pidfd, process->pid, SIGKILL);
    (void)asyncio__child_reap(pidfd, -1, &code);
    asyncio__close(pidfd);
    return r < 0 ? r : -EIO;
}

void asyncio__process_end(asyncio_process *process)
{
    if (!process->is_running || backend_is_inherited(process->floor->loop->backend))
        return;
    struct backend *backend = process->floor->loop->backend;
    if (process->leads)
        asyncio__group_kill(process->pid);
    (void)asyncio__child_signal(backend->type->descriptor(backend, process->op.socket),
                                process->pid, SIGKILL);
}

/* ---- the floor ---- */

static void kill_all(struct processes *floor)
{
    for (struct list *node = floor->running.next; node != &floor->running; node = node->next)
        asyncio__process_end(container_of(node, struct asyncio_process, link));
}

static void close_floor(struct closer *closer, asyncio_loop *loop)
{
    struct processes *floor = container_of(closer, struct processes, closer);
    bool is_ours = !backend_is_inherited(loop->backend);
    if (is_ours)
        kill_all(floor);
    int left_ms = CLOSE_MS;
    while (!list_empty(&floor->running)) {
        asyncio_process *process =
            container_of(floor->running.next, struct asyncio_process, link);
        int pidfd = backend_of(process)->descriptor(loop->backend, process->op.socket);
        int code = -SIGKILL;
        if (is_ours && asyncio__child_reap(pidfd, left_ms, &code) == 0)
            left_ms = 0; /* in the kernel's hands: the others are killed too */
        ended(process, code);
    }
    loop->process_floor = NULL;
    asyncio__free(floor);
}

struct processes *asyncio__processes(asyncio_loop *loop)
{
    if (loop->process_floor)
        return loop->process_floor;
    struct net *net = asyncio__net(loop);
    struct processes *floor = net ? asyncio__calloc(1, sizeof *floor) : NULL;
    if (!floor)
        return NULL;
    floor->closer.close = close_floor;
    floor->loop = loop;
    floor->net = net;
    list_init(&floor->running);
    list_prepend(&loop->closers, &floor->closer.link); /* before the floors beneath */
    loop->process_floor = floor;
    return floor;
}

/* ---- waiting ---- */

static const struct future_type waiting_type = { "process", 0, asyncio__waiters_cancel, NULL };

int asyncio_process_wait(asyncio_process *process, int *ret_code)
{
    net_check_scopes(NET_CALLER());
    if (!task_current())
        return -ASYNCIO_NO_TASK;
    if (process->is_running) {
        int r = net_check_task(process->floor->net);
        if (r >= 0)
            r = asyncio__waiters_wait_as(&process->waiters, task_current(), &waiting_type);
        if (r < 0)
            return r;
    }
    if (ret_code)
        *ret_code = process->code;
    return 0;
}

/* Who kills a child that is nobody's yet sees it to its end: the second cancellation waits. */
static int cancel_later(asyncio_future *awaited, const char *message)
{
    (void)awaited;
    (void)message;
    return 0;
}

static const struct future_type ending_type = { "end of a process", 0, cancel_later, NULL };

void asyncio__process_kill_and_wait(asyncio_process *process)
{
    asyncio_task *task = task_current();
    asyncio__process_end(process);
    while (process->is_running) {
        task->sleeping.type = &ending_type;
        list_append(&process->waiters, &task->step.handle.link);
        (void)asyncio__task_wait(task, &task->sleeping);
        task->sleeping.type = &asyncio__sleep_type;
    }
}

/* ---- the rest ---- */

int asyncio_process_pid(const asyncio_process *process)
{
    return process->pid;
}

int asyncio_process_returncode(const asyncio_process *process, int *ret_code)
{
    if (process->is_running)
        return -ASYNCIO_INVALID_STATE;
    if (ret_code)
        *ret_code = process->code;
    return 0;
}

asyncio_stream *asyncio_process_stdin(const asyncio_process *process)
{
    return process->streams[STD_IN];
}

asyncio_stream *asyncio_process_stdout(const asyncio_process *process)
{
    return process->streams[STD_OUT];
}

asyncio_stream *asyncio_process_stderr(const asyncio_process *process)
{
    return process->streams[STD_ERR];
}

int asyncio_process_send_signal(asyncio_process *process, int signal_number)
{
    if (!process->is_running)
        return -ESRCH;
    struct backend *backend = process->floor->loop->backend;
    if (backend_is_inherited(backend))
        return -ASYNCIO_FORKED; /* it is no child of ours */
    int r = asyncio__loop_check(process->floor->loop);
    if (r < 0)
        return r;
    return asyncio__child_signal(backend->type->descriptor(backend, process->op.socket),
                                 process->pid, signal_number);
}

int asyncio_process_terminate(asyncio_process *process)
{
    return asyncio_process_send_signal(process, SIGTERM);
}

int asyncio_process_kill(asyncio_process *process)
{
    return asyncio_process_send_signal(process, SIGKILL);
}

asyncio_process *asyncio_process_ref(asyncio_process *process)
{
    if (process)
        process->refs++;
    return process;
}

void asyncio_process_unref(asyncio_process *process)
{
    if (!process || --process->refs)
        return;
    asyncio__process_end(process); /* first: half an input must not look like all of it */
    for (int i = 0; i < STREAMS; i++)
        asyncio_stream_unref(process->streams[i]);
    free_if_over(process);
}
