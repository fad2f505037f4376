/* SPDX-License-Identifier: MIT */
/* Executors: thread pools, or tables of functions of the user's, with references; a loop's default
 * one, and how it ends. */
#include "offload/executor.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "task/task.h"

#include <math.h>
#include <semaphore.h>
#include <stdio.h>

int asyncio_thread_pool_executor_new(unsigned max_workers, asyncio_executor **ret_executor)
{
    asyncio_executor *executor = asyncio__calloc(1, sizeof *executor);
    struct pool *pool = executor ? asyncio__pool_new(max_workers, "asyncio") : NULL;
    if (!pool) {
        asyncio__free(executor);
        return -ENOMEM;
    }
    atomic_init(&executor->refs, 1);
    executor->pool = pool;
    *ret_executor = executor;
    return 0;
}

int asyncio_executor_new(const asyncio_executor_type *type, void *data,
                         asyncio_executor **ret_executor)
{
    if (!type || type->size < sizeof *type || !type->submit)
        return asyncio_raise(-EINVAL, !type || type->size < sizeof *type
                                          ? "the size of an executor's type is its sizeof"
                                          : "an executor's type without a submit function");
    asyncio_executor *executor = asyncio__calloc(1, sizeof *executor);
    if (!executor)
        return -ENOMEM;
    atomic_init(&executor->refs, 1);
    executor->type = type;
    executor->data = data;
    *ret_executor = executor;
    return 0;
}

asyncio_executor *asyncio_executor_ref(asyncio_executor *executor)
{
    if (executor)
        atomic_fetch_add_explicit(&executor->refs, 1, memory_order_relaxed);
    return executor;
}

void asyncio_executor_unref(asyncio_executor *executor)
{
    if (!executor || atomic_fetch_sub_explicit(&executor->refs, 1, memory_order_acq_rel) != 1)
        return;
    asyncio_executor_shutdown(executor, false);
    if (executor->pool)
        asyncio__pool_unref(executor->pool);
    else if (executor->type->destroy)
        executor->type->destroy(executor->data);
    asyncio__free(executor);
}

void asyncio_executor_shutdown(asyncio_executor *executor, int wait)
{
    atomic_store(&executor->shut_down, true);
    if (executor->pool)
        asyncio__pool_shutdown(executor->pool, wait != 0);
    else if (executor->type->shutdown)
        executor->type->shutdown(executor->data, wait);
}

int asyncio__executor_for(asyncio_loop *loop, asyncio_executor *executor,
                          asyncio_executor **ret_executor)
{
    if (!executor) {
        struct offload_floor *floor = asyncio__offload_floor(loop);
        if (!floor)
            return -ENOMEM;
        if (floor->shut_down)
            return asyncio_raise(-ASYNCIO_EXECUTOR_SHUT_DOWN, "Executor shutdown has been called");
        if (!floor->executor && !loop->backend->type->job) {
            int r = asyncio_thread_pool_executor_new(0, &floor->executor);
            if (r < 0)
                return r;
        }
        executor = floor->executor;
    }
    *ret_executor = executor;
    return 0;
}

void asyncio_loop_set_default_executor(asyncio_loop *loop, asyncio_executor *executor)
{
    if (atomic_load(&loop->closed))
        return;
    struct offload_floor *floor = asyncio__offload_floor(loop);
    if (!floor)
        return;
    asyncio_executor *old = floor->executor;
    floor->executor = asyncio_executor_ref(executor);
    asyncio_executor_unref(old);
}

/* Waits for a pool in a thread of its own, since waiting has a limit and joining has none. Two
 * references: the thread's and the waiting task's; the last one frees. */
struct joiner {
    struct post post;
    struct awaited awaited;
    struct timed_handle timed;
    asyncio_task *task;                    /* waits; NULL: it does not any more */
    asyncio_loop *loop;                    /* a reference */
    asyncio_executor *executor;            /* a reference */
    atomic_uint refs;
};

static void joiner_unref(struct joiner *joiner)
{
    if (atomic_fetch_sub(&joiner->refs, 1) != 1)
        return;
    asyncio_executor_unref(joiner->executor);
    asyncio_loop_unref(joiner->loop);
    asyncio__free(joiner);
}

static void *join(void *argument)
{
    struct joiner *joiner = argument;
    asyncio_executor_shutdown(joiner->executor, true);
    if (asyncio__loop_post(joiner->loop, &joiner->post) < 0)
        joiner_unref(joiner);
    return NULL;
}

static void joined(struct handle *handle, asyncio_loop *loop)
{
    struct post *post = container_of(handle, struct post, handle);
    struct joiner *joiner = container_of(post, struct joiner, post);
    if (loop && joiner->task) {
        asyncio__loop_uncall(loop, &joiner->timed);
        task_wake(joiner->task, 0);
        joiner->task = NULL;
    }
    joiner_unref(joiner);
}

static void wake(struct joiner *joiner, int result)
{
    asyncio_task *task = joiner->task;
    joiner->task = NULL;
    asyncio__loop_uncall(joiner->loop, &joiner->timed);
    task_wake(task, result);
}

static void time_is_up(struct handle *handle, asyncio_loop *loop)
{
    struct joiner *joiner = container_of(handle, struct joiner, timed.handle);
    if (loop && joiner->task)
        wake(joiner, -ETIMEDOUT);
}

static int cancel(asyncio_future *awaited, const char *message)
{
    struct joiner *joiner = container_of((struct awaited *)(void *)awaited, struct joiner, awaited);
    if (!joiner->task)
        return 0;
    asyncio__future_keep_message(&joiner->task->future, message);
    wake(joiner, -ECANCELED);
    return 1;
}

static const struct future_type joiner_type = { "shutdown_default_executor", 0, cancel, NULL };

/* A task that waits for it. */
struct held_joiner {
    struct held held;
    struct joiner *joiner;
};

static void drop(struct held *held)
{
    struct joiner *joiner = container_of(held, struct held_joiner, held)->joiner;
    joiner->task = NULL;
    asyncio__loop_uncall(joiner->loop, &joiner->timed);
    joiner_unref(joiner);
}

static int start_joiner(asyncio_executor *executor, asyncio_loop *loop, struct joiner **ret_joiner)
{
    struct joiner *joiner = asyncio__calloc(1, sizeof *joiner);
    if (!joiner)
        return -ENOMEM;
    joiner->awaited.type = &joiner_type;
    joiner->post.handle.run = joined;
    list_init(&joiner->post.handle.link);
    joiner->timed.handle.run = time_is_up;
    list_init(&joiner->timed.handle.link);
    joiner->executor = asyncio_executor_ref(executor);
    joiner->loop = asyncio_loop_ref(loop);
    atomic_init(&joiner->refs, 2);
    pthread_t thread;
    int error = pthread_create(&thread, NULL, join, joiner);
    if (error) {
        joiner_unref(joiner);
        joiner_unref(joiner);
        return -error;
    }
    (void)pthread_detach(thread);
    *ret_joiner = joiner;
    return 0;
}

static void report_timeout(asyncio_loop *loop)
{
    asyncio__loop_report(loop, "The executor did not finish joining its threads within the timeout",
                         0, NULL, NULL, NULL);
}

int asyncio_loop_shutdown_default_executor(asyncio_loop *loop, double timeout)
{
    asyncio_task *task = task_current();
    int r = asyncio__loop_check(loop);
    if (r < 0)
        return r;
    if (task && task->future.loop != loop)
        return asyncio_raise(-ASYNCIO_OTHER_LOOP, "the executor belongs to a different loop");
    struct offload_floor *floor = asyncio__offload_floor(loop);
    if (!floor)
        return -ENOMEM;
    floor->shut_down = true;
    if (!floor->executor)
        return 0;
    if (!task)
        return -ASYNCIO_NO_TASK;
    int64_t when = INT64_MAX;
    if (timeout != ASYNCIO_NONE && asyncio__loop_deadline(loop, timeout, false, &when) < 0)
        return -EINVAL;
    r = task_refuses(task);
    if (r < 0)
        return r;
    struct joiner *joiner = NULL;
    r = start_joiner(floor->executor, loop, &joiner);
    if (r < 0)
        return r;
    joiner->task = task;
    asyncio__loop_call_at(loop, &joiner->timed, when);
    struct held_joiner held = { .joiner = joiner };
    task_hold(task, &held.held, drop);
    r = asyncio__task_wait(task, &joiner->awaited);
    task_let_go(task, &held.held);
    drop(&held.held);
    if (task_take_cancel(task))
        return -ECANCELED;
    if (r == -ETIMEDOUT)
        report_timeout(loop);
    return r;
}

/* As above, for a thread that blocks: joined when it is in time, left to itself when it is not. */
struct blocking_join {
    asyncio_executor *executor;            /* a reference */
    sem_t joined;
    atomic_bool abandoned;                 /* by one of the two; the other frees */
};

static void free_blocking_join(struct blocking_join *join)
{
    sem_destroy(&join->joined);
    asyncio_executor_unref(join->executor);
    asyncio__free(join);
}

static void *join_only(void *argument)
{
    struct blocking_join *join = argument;
    asyncio_executor_shutdown(join->executor, true);
    if (atomic_exchange(&join->abandoned, true))
        free_blocking_join(join);
    else
        (void)sem_post(&join->joined);
    return NULL;
}

static int wait_until(sem_t *semaphore, int64_t timeout_ns)
{
    int r;
    struct timespec until = clock_deadline(timeout_ns < 0 ? 0 : timeout_ns);
    do {
        r = timeout_ns < 0 ? sem_wait(semaphore)
                           : sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
    } while (r < 0 && errno == EINTR);
    return r;
}

/* The runner's way, outside of tasks: blocks the thread, within the time. */
static void shutdown_floor(struct closer *closer, asyncio_loop *loop, int64_t timeout_ns)
{
    struct offload_floor *floor = container_of(closer, struct offload_floor, closer);
    floor->shut_down = true;
    asyncio_executor *executor = floor->executor;
    if (!executor || (executor->pool && asyncio__pool_threads(executor->pool) == 0))
        return;
    struct blocking_join *join = floor->join;
    pthread_t thread;
    floor->join = NULL;
    join->executor = asyncio_executor_ref(executor);
    (void)sem_init(&join->joined, 0, 0);
    if (pthread_create(&thread, NULL, join_only, join)) {
        asyncio_executor_shutdown(executor, false);
        free_blocking_join(join);
        return;
    }
    if (wait_until(&join->joined, timeout_ns) == 0 || atomic_exchange(&join->abandoned, true)) {
        (void)pthread_join(thread, NULL);
        free_blocking_join(join);
        return;
    }
    report_timeout(loop);
    (void)pthread_detach(thread);
}

static void close_floor(struct closer *closer, asyncio_loop *loop)
{
    struct offload_floor *floor = container_of(closer, struct offload_floor, closer);
    loop->offload_floor = NULL;
    asyncio__calls_detach(&floor->calls);
    asyncio__followers_detach(&floor->followers);
    asyncio_executor_unref(floor->executor);
    asyncio__free(floor->join);
    asyncio__free(floor);
}

struct offload_floor *asyncio__offload_floor(asyncio_loop *loop)
{
    if (loop->offload_floor)
        return loop->offload_floor;
    struct offload_floor *floor = asyncio__calloc(1, sizeof *floor);
    if (!floor || !(floor->join = asyncio__calloc(1, sizeof *floor->join))) {
        asyncio__free(floor);
        return NULL;
    }
    list_init(&floor->calls);
    list_init(&floor->followers);
    floor->closer.close = close_floor;
    floor->closer.shutdown = shutdown_floor;
    list_prepend(&loop->closers, &floor->closer.link);
    loop->offload_floor = floor;
    return floor;
}
