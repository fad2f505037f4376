/* SPDX-License-Identifier: MIT */
/* How an operation on a file is done, and waited for. See files.h. */
#include "files/files.h"

#include "base/alloc.h"
#include "task/waiters.h"

#include <asyncio/exit_stack.h>

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <string.h>

enum {
    STREAK_MAX = 64, /* answers at once, then others have their turn */
    DRAIN_POLLS = 10000,
    DRAIN_POLL_NS = 1000000,
};

bool asyncio__file_tries_nothing;

static void close_number(int descriptor)
{
    struct file_op op = { .kind = FILE_CLOSE, .descriptor = descriptor };
    (void)asyncio__file_run(&op);
}

/* What the operation opened, seen by who did it. */
static void keep_obtained(struct file_call *file, int result)
{
    if (result >= 0 && file->op.kind == FILE_OPEN)
        file->obtained = result;
    else if (result >= 0 && file->op.kind == FILE_WHOLE)
        file->obtained = file->op.descriptor;
}

static void file_free(struct file_call *file)
{
    if (file->obtained >= 0)
        close_number(file->obtained);
    if (file->op.kind == FILE_LIST)
        asyncio__free(file->op.data);
    asyncio__free(file);
}

/* ---- waiting ---- */

static void wake(struct file_call *file, int result)
{
    asyncio_task *task = file->task;
    file->is_done = true;
    file->result = result;
    file->task = NULL;
    if (task)
        task_wake(task, result);
}

/* All that the work touches is the call's own. */
static bool lends_nothing(const struct file_call *file)
{
    return file->op.kind == FILE_OPEN || file->op.kind == FILE_WHOLE;
}

static int cancel(asyncio_future *awaited, const char *message)
{
    struct file_call *file =
        container_of((struct awaited *)(void *)awaited, struct file_call, awaited);
    asyncio_task *task = file->task;
    if (!task)
        return 0;
    asyncio__future_keep_message(&task->future, message);
    file->is_cancelled = true;
    if (file->op.kind == FILE_CLOSE)
        return 1; /* it has to be closed, whoever is cancelled */
    struct backend *backend = task->future.loop->backend;
    bool is_over = file->is_in_backend ? backend->type->file_cancel(backend, &file->op) == 1
                                       : asyncio__call_withdraw(&file->call);
    file->is_left = !is_over && !file->is_in_backend && lends_nothing(file);
    if (is_over)
        list_remove(&file->link);
    if (file->is_left)
        asyncio__call_leave(&file->call);
    if (is_over || file->is_left)
        wake(file, -ECANCELED);
    return 1; /* else its end is waited for */
}

static const struct future_type file_type = { "file", 0, cancel, NULL };

/* ---- by the backend ---- */

static void completed(struct file_op *op, int result)
{
    struct file_call *file = container_of(op, struct file_call, op);
    list_remove(&file->link);
    keep_obtained(file, result);
    wake(file, result);
}

static void close_files(struct closer *closer, asyncio_loop *loop)
{
    struct files *files = container_of(closer, struct files, closer);
    struct backend *backend = loop->backend;
    for (struct list *node = files->calls.next, *next; node != &files->calls; node = next) {
        next = node->next;
        struct file_call *file = container_of(node, struct file_call, link);
        file->task->waiting = NULL;
        file->task = NULL;
        if (backend->type->file_cancel(backend, &file->op) == 1) {
            list_remove(&file->link);
            file->is_done = true;
        }
    }
    for (int i = 0; i < DRAIN_POLLS && !list_empty(&files->calls); i++)
        if (backend->type->poll(backend, i ? DRAIN_POLL_NS : 0) < 0)
            break;
    loop->files_floor = NULL;
    if (list_empty(&files->calls))
        asyncio__free(files);
}

static struct files *files_of(asyncio_loop *loop)
{
    if (loop->files_floor)
        return loop->files_floor;
    struct files *files = asyncio__calloc(1, sizeof *files);
    if (!files)
        return NULL;
    files->closer.close = close_files;
    files->loop = loop;
    list_init(&files->calls);
    list_prepend(&loop->closers, &files->closer.link);
    loop->files_floor = files;
    return files;
}

/* The task's frame goes with its loop, after close_files; the call with it, unless the kernel has
 * not let it go. */
static void drop_in_backend(struct held *held)
{
    struct file_call *file = container_of(held, struct file_call, held);
    if (file->is_done)
        file_free(file);
}

/* -EOPNOTSUPP: the backend leaves it to threads. */
static int begin_in_backend(struct file_call *file, asyncio_loop *loop)
{
    if (!loop->backend->type->file)
        return -EOPNOTSUPP;
    struct files *files = files_of(loop);
    if (!files)
        return -ENOMEM;
    file->op.complete = completed;
    int r = loop->backend->type->file(loop->backend, &file->op);
    if (r >= 0) {
        file->is_in_backend = true;
        list_append(&files->calls, &file->link);
    }
    return r;
}

/* ---- by a thread ---- */

static int run_in_thread(struct file_op *op)
{
    struct file_call *file = container_of(op, struct file_call, op);
    int r = asyncio__file_run(op);
    keep_obtained(file, r);
    atomic_store(&file->has_run, true);
    return r;
}

static void free_call(struct call *call)
{
    file_free(container_of(call, struct file_call, call));
}

static void finished(struct call *call)
{
    struct file_call *file = container_of(call, struct file_call, call);
    wake(file, call->result);
    if (file->is_alone)
        asyncio__call_unref(call); /* not the last one: the work's own is given back behind this */
}

/* The task is dropped with its loop, right after this, and with it the buffer that is lent. Who
 * opens may wait for ever, and is left to itself. */
static void detach(struct call *call)
{
    struct file_call *file = container_of(call, struct file_call, call);
    if (file->task)
        file->task->waiting = NULL;
    file->task = NULL;
    if (call->pool && !asyncio__call_withdraw(call) && !lends_nothing(file))
        while (!atomic_load(&file->has_run))
            sched_yield();
    if (file->is_alone)
        asyncio__call_unref(call);
}

static void drop_thread(struct held *held)
{
    struct file_call *file = container_of(held, struct file_call, held);
    file->task = NULL;
    list_remove(&file->call.link);
    asyncio__call_unref(&file->call);
}

/* Nobody waits any more. While it is among the loop's calls, the reference of who waited is theirs,
 * until it has come back or the loop closes. */
static void leave(struct file_call *file)
{
    if (list_empty(&file->call.link))
        asyncio__call_unref(&file->call);
    else
        file->is_alone = true;
}

static int begin_in_thread(struct file_call *file, asyncio_loop *loop)
{
    asyncio_coro coro = asyncio_coro(run_in_thread, &file->op);
    file->call.finished = finished;
    file->call.detach = detach;
    file->call.free = free_call;
    return asyncio__call_start(&file->call, loop, NULL, &coro);
}

/* ---- doing ---- */

static char *copy_path(char **at, const char *path)
{
    if (!path)
        return NULL;
    size_t size = strlen(path) + 1;
    char *copy = memcpy(*at, path, size);
    *at += size;
    return copy;
}

static struct file_call *call_new(const struct file_op *op, asyncio_task *task)
{
    size_t size = (op->path ? strlen(op->path) + 1 : 0) + (op->other ? strlen(op->other) + 1 : 0);
    size_t whole = op->kind == FILE_WHOLE ? FILE_WHOLE_SIZE : 0;
    struct file_call *file = asyncio__malloc(sizeof *file + size + whole);
    if (!file)
        return NULL;
    char *at = file->paths;
    memset(file, 0, sizeof *file);
    file->op = *op;
    file->op.path = copy_path(&at, op->path);
    file->op.other = copy_path(&at, op->other);
    if (whole) {
        file->op.data = at;
        file->op.size = whole;
    }
    file->obtained = -1;
    file->task = task;
    file->awaited.type = &file_type;
    list_init(&file->op.link);
    list_init(&file->link);
    return file;
}

/* What a cancelled call has to say: see CANCELLED in files.h. */
static int outcome(struct file_call *file, asyncio_task *task)
{
    bool was_cancelled = task_take_cancel(task) || file->is_cancelled;
    if (!was_cancelled)
        return file->result;
    if (!file->is_done || file->result == -ECANCELED) {
        asyncio__task_put_message(task);
        return -ECANCELED;
    }
    if (file->op.kind == FILE_OPEN && file->result >= 0) {
        asyncio__task_put_message(task);
        return -ECANCELED;
    }
    if (task->future.cancelling > 0)
        task->future.task_flags |= TASK_MUST_CANCEL;
    return file->result;
}

/* Nobody can be asked to do it. Closing is not left out for that. */
static int refuse(struct file_op *op, int error)
{
    return op->kind == FILE_CLOSE ? asyncio__file_run(op) : error;
}

/* What belongs to who asked, now that it went well. */
static int hand_over(struct file_call *file, struct file_op *op, int result)
{
    if (op->kind == FILE_WHOLE) {
        op->data = asyncio_alloc((size_t)result + 1);
        if (!op->data)
            return -ENOMEM;
        memcpy(op->data, file->op.data, (size_t)result);
        op->descriptor = file->op.descriptor;
    } else if (op->kind == FILE_LIST) {
        op->data = file->op.data;
        op->size = file->op.size;
        file->op.data = NULL;
    }
    file->obtained = -1;
    return result;
}

static int do_elsewhere(struct file_op *op, asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    struct file_call *file = call_new(op, task);
    if (!file)
        return refuse(op, -ENOMEM);
    int r = begin_in_backend(file, loop);
    if (r == -EOPNOTSUPP)
        r = begin_in_thread(file, loop);
    if (r < 0) {
        asyncio__free(file);
        return refuse(op, r);
    }
    task_hold(task, &file->held, file->is_in_backend ? drop_in_backend : drop_thread);
    (void)asyncio__task_wait(task, &file->awaited);
    task_let_go(task, &file->held);
    r = outcome(file, task);
    if (r >= 0)
        r = hand_over(file, op, r);
    if (file->is_in_backend)
        file_free(file);
    else if (file->is_left)
        leave(file);
    else
        drop_thread(&file->held);
    return r;
}

/* What is answered at once does not suspend: now and then it has to. */
static int be_fair(void)
{
    static _Thread_local unsigned streak;
    if (++streak <= STREAK_MAX)
        return 0;
    streak = 0;
    return asyncio_sleep(0);
}

/* In the sim everything has its seeded turn. */
static bool may_try(const asyncio_task *task)
{
    return !task->future.loop->backend->type->job && !asyncio__file_tries_nothing;
}

static int try_now(struct file_op *op, const asyncio_task *task)
{
    return may_try(task) ? asyncio__file_try(op) : FILE_WOULD_WAIT;
}

static const struct future_type ready_type = { "file", 0, asyncio__waiters_cancel, NULL };

/* A thread that reads from a pipe where nothing comes, or writes to one that nobody reads, could
 * not be called back. So the loop waits for such a descriptor, and the thread does what does not
 * wait any more. So it is with a ring, whose workers are threads, too. */
static int wait_until_ready(struct file_op *op, asyncio_task *task)
{
    asyncio_loop *loop = task->future.loop;
    bool writes = op->kind == FILE_WRITE, is_file;
    int r = 0;
    if (loop->backend->type->job)
        return 0;
    while (r >= 0 && !asyncio__file_is_ready(op, &is_file))
        r = asyncio__wait_ready(loop, op->descriptor, writes, &ready_type);
    if (writes && !is_file && op->size > PIPE_BUF)
        op->size = PIPE_BUF;
    return r == -ECANCELED || r == -ENOMEM ? r : 0; /* the others are told by who does it */
}

int asyncio__file_close(int descriptor)
{
    struct file_op op = { .kind = FILE_CLOSE, .descriptor = descriptor };
    asyncio_task *task = task_current();
    if (!task || task_refuses(task) < 0 || task->future.task_flags & TASK_MUST_CANCEL)
        return asyncio__file_run(&op);
    int r = try_now(&op, task);
    return r == FILE_WOULD_WAIT ? do_elsewhere(&op, task) : r;
}

int asyncio__file_do(struct file_op *op)
{
    asyncio_task *task = task_current();
    if (!task)
        return -ASYNCIO_NO_TASK;
    int r = task_refuses(task);
    if (r >= 0 && may_try(task))
        r = be_fair();
    if (r < 0)
        return r;
    r = try_now(op, task);
    if (r != FILE_WOULD_WAIT)
        return r;
    r = wait_until_ready(op, task);
    return r < 0 ? r : do_elsewhere(op, task);
}
