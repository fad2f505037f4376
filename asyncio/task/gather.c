/* SPDX-License-Identifier: MIT */
/* gather: a future that is done when all its children are, or with the first error. Rules and
 * order as CPython's gather.
 *
 * One allocation: the future, a node for each child, the slots. A child's node is its done
 * callback; the gather holds a reference to each child and, while any is pending, one to itself:
 * a circle, which the end of the loop cuts where a child is never done. */
#include <asyncio/wait.h>

#include "base/alloc.h"
#include "task/task.h"
#include "task/unique.h"

#include <string.h>

struct gather_child {
    struct handle handle;
    struct gather *gather;
    asyncio_future *future;
};

struct gather {
    asyncio_future future;
    struct handle follower;           /* in loop->followers */
    size_t count, children_count, finished;
    bool return_exceptions, cancel_requested;
    /* while it is being cancelled: by which other one (or, when it goes, who goes next), through
     * which tasks, how far, and whether a child took it */
    struct gather *outer;
    struct cancel_chain chain;
    size_t next_child;
    int accepted;
    bool cancelling;
    struct gather_child *children;
    size_t *slots;                    /* argument -> child */
    int *results;
};

/* A hundred thousand children lie all over the memory: who goes through them fetches ahead. */
static inline __attribute__((always_inline)) void fetch_ahead(const struct gather *gather,
                                                              size_t index)
{
    enum { AHEAD = 6 };
    if (index + AHEAD < gather->children_count)
        __builtin_prefetch(gather->children[index + AHEAD].future, 1);
}

static const struct future_type gather_type;

/* A gather on the way is met again, so there is a task on the way that waits for it. */
static int cut_circle(struct gather *gather, const struct cancel_chain *chain, const char *message)
{
    for (; !chain->last && gather; gather = gather->outer)
        chain = &gather->chain;
    return chain->last ? asyncio__task_cut_circle(chain->last, message) : 0;
}

/* The gather that is cancelled for a child of `gather`: the child itself, or what the last of its
 * tasks waits for. NULL: that child is done with. */
static struct gather *cancel_child(struct gather *gather, asyncio_future *child,
                                   const char *message)
{
    struct cancel_chain chain = { NULL, NULL };
    asyncio_future *next = child;
    if (child->flags & FUTURE_IS_TASK) {
        int r = asyncio__task_cancel_begin((asyncio_task *)(void *)child, message, &chain);
        if (r != CANCEL_GOES_ON) {
            gather->accepted |= r;
            return NULL;
        }
        gather->accepted = 1;
        next = (asyncio_future *)(void *)chain.last->waiting;
    }
    struct gather *inner = (struct gather *)(void *)next;
    bool is_gather = next && next->type == &gather_type && !future_done(next);
    if (is_gather && !inner->cancelling) {
        inner->chain = chain;
        return inner;
    }
    int r = is_gather ? cut_circle(gather, &chain, message)
            : next    ? next->type->cancel(next, message)
                      : 0;
    if (chain.first)
        asyncio__task_cancel_end(&chain, r, message);
    else
        gather->accepted |= r;
    return NULL;
}

static void begin_cancel(struct gather *gather, struct gather *outer)
{
    gather->outer = outer;
    gather->cancelling = true;
    gather->next_child = 0;
    gather->accepted = 0;
}

/* Goes down into gathers of gathers, and up again, without recursion: they may be nested deeper
 * than a stack. */
static int cancel(asyncio_future *future, const char *message)
{
    struct gather *gather = (struct gather *)(void *)future;
    if (future_done(future))
        return 0;
    if (gather->cancelling)
        return 1;
    gather->chain = (struct cancel_chain){ NULL, NULL };
    begin_cancel(gather, NULL);
    for (;;) {
        if (gather->next_child < gather->children_count) {
            asyncio_future *child = gather->children[gather->next_child++].future;
            struct gather *inner = cancel_child(gather, child, message);
            if (inner) {
                begin_cancel(inner, gather);
                gather = inner;
            }
            continue;
        }
        gather->cancelling = false;
        if (gather->accepted)
            gather->cancel_requested = true;
        struct gather *outer = gather->outer;
        if (gather->chain.first)
            asyncio__task_cancel_end(&gather->chain, gather->accepted, message);
        if (!outer)
            return gather->accepted;
        outer->accepted |= gather->accepted;
        gather = outer;
    }
}

static void free_one(struct gather *gather)
{
    asyncio_loop *loop = gather->future.loop;
    list_remove(&gather->follower.link);
    asyncio__future_fini(&gather->future);
    for (size_t i = 0; i < gather->children_count; i++) {
        fetch_ahead(gather, i);
        future_unref(gather->children[i].future);
    }
    asyncio__free(gather);
    asyncio__loop_let_go(loop);
}

/* Those that go because the one that is being freed had the last reference. */
static _Thread_local struct gather *dying __attribute__((tls_model("initial-exec")));
static _Thread_local bool is_freeing __attribute__((tls_model("initial-exec")));

static void destroy(asyncio_future *future)
{
    struct gather *gather = (struct gather *)(void *)future;
    gather->outer = dying;
    dying = gather;
    if (is_freeing)
        return;
    is_freeing = true;
    while ((gather = dying)) {
        dying = gather->outer;
        free_one(gather);
    }
    is_freeing = false;
}

static const struct awaits children_of_gather = { AWAITS_ARRAY, offsetof(struct gather, children),
                                                  offsetof(struct gather, children_count),
                                                  sizeof(struct gather_child),
                                                  offsetof(struct gather_child, future) };

static const struct future_type gather_type = { "gather", FUTURE_TYPE_REAL, cancel, destroy,
                                                &children_of_gather };

static struct error_record *record_of(asyncio_future *future)
{
    return asyncio__record_ref(future->extra ? future->extra->record : NULL);
}

static void all_done(struct gather *gather, asyncio_future *last)
{
    for (size_t i = 0; i < gather->count; i++) {
        asyncio_future *child = gather->children[gather->slots[i]].future;
        fetch_ahead(gather, gather->slots[i]);
        child->flags &= (uint8_t)~FUTURE_LOG;
        gather->results[i] = child->result;
    }
    if (gather->cancel_requested) { /* whatever the children made of it */
        asyncio__future_keep_message(&gather->future, last->extra ? last->extra->message : NULL);
        asyncio__future_finish(&gather->future, -ECANCELED, NULL);
    } else {
        asyncio__future_finish(&gather->future, 0, NULL);
    }
}

static void child_done(struct gather *gather, asyncio_future *child)
{
    gather->finished++;
    if (future_done(&gather->future)) {
        child->flags &= (uint8_t)~FUTURE_LOG;
    } else if (!gather->return_exceptions && child->result < 0) {
        child->flags &= (uint8_t)~FUTURE_LOG;
        if (child->state == FUTURE_CANCELLED)
            asyncio__future_keep_message(&gather->future,
                                         child->extra ? child->extra->message : NULL);
        asyncio__future_finish(&gather->future, child->result, record_of(child));
    } else if (gather->finished == gather->children_count) {
        all_done(gather, child);
    }
}

static void on_child(struct handle *handle, asyncio_loop *loop)
{
    struct gather_child *child = container_of(handle, struct gather_child, handle);
    struct gather *gather = child->gather;
    fetch_ahead(gather, (size_t)(child - gather->children));
    if (loop)
        child_done(gather, child->future);
    else
        gather->finished++;
    if (gather->finished == gather->children_count)
        future_unref(&gather->future);
}

/* The loop closes. */
static void drop(struct handle *handle, asyncio_loop *loop)
{
    struct gather *gather = container_of(handle, struct gather, follower);
    (void)loop;
    if (gather->finished == gather->children_count)
        return;
    gather->finished = gather->children_count;
    for (size_t i = 0; i < gather->children_count; i++)
        list_remove(&gather->children[i].handle.link);
    future_unref(&gather->future);
}

static struct gather *allocate(asyncio_loop *loop, size_t count)
{
    size_t each = sizeof(struct gather_child) + sizeof(size_t) + sizeof(int);
    size_t size;
    if (__builtin_mul_overflow(count, each, &size) ||
        __builtin_add_overflow(size, sizeof(struct gather), &size))
        return NULL;
    struct gather *gather = asyncio__calloc(1, size);
    if (!gather)
        return NULL;
    future_init(&gather->future, &gather_type, loop);
    asyncio__loop_hold(loop);
    gather->follower.run = drop;
    list_append(&loop->followers, &gather->follower.link);
    gather->count = count;
    gather->children = (struct gather_child *)(gather + 1);
    gather->slots = (size_t *)(gather->children + count);
    gather->results = (int *)(gather->slots + count);
    return gather;
}

/* Not all could be made: the tasks that were are cancelled, the coroutines that are left closed. */
static void give_up(struct gather *gather, const asyncio_awaitable *awaitables, size_t failed)
{
    for (size_t i = failed + 1; i < gather->count; i++)
        if (!awaitables[i].future)
            asyncio__coro_close(&awaitables[i].coro);
    for (size_t i = 0; i < failed; i++)
        if (!awaitables[i].future)
            (void)gather->children[gather->slots[i]].future->type->cancel(
                gather->children[gather->slots[i]].future, NULL);
    future_unref(&gather->future);
}

static int add_child(struct gather *gather, const asyncio_awaitable *awaitable,
                     struct unique *unique, size_t slot)
{
    size_t index = gather->children_count;
    if (awaitable->future && asyncio__unique_add(unique, awaitable->future, &index) == 0) {
        gather->slots[slot] = index;
        return 0;
    }
    struct gather_child *child = &gather->children[gather->children_count];
    int r = (asyncio_ensure_future)(*awaitable, &child->future);
    if (r < 0)
        return r;
    if (!awaitable->future)
        ((asyncio_task *)(void *)child->future)->future.task_flags |= TASK_QUIET;
    child->gather = gather;
    child->handle.run = on_child;
    list_init(&child->handle.link);
    gather->slots[slot] = gather->children_count++;
    return 0;
}

/* Children that are done already (eager ones, or given so) count before the caller can suspend. */
static void watch_children(struct gather *gather)
{
    future_ref(&gather->future);
    size_t pending = 0;
    for (size_t i = 0; i < gather->children_count; i++) {
        struct gather_child *child = &gather->children[i];
        if (!future_done(child->future)) {
            future_watch(child->future, &child->handle);
            pending++;
        }
    }
    for (size_t i = 0; i < gather->children_count; i++)
        if (list_empty(&gather->children[i].handle.link))
            child_done(gather, gather->children[i].future);
    if (!pending)
        future_unref(&gather->future);
}

int(asyncio_gather_future)(const asyncio_awaitable *awaitables, size_t count,
                           asyncio_future **ret_future, const asyncio_gather_options *options)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    struct unique unique;
    struct gather *gather = NULL;
    int r = loop ? asyncio__unique_init(&unique, count) : -ASYNCIO_NO_RUNNING_LOOP;
    if (r >= 0 && !(gather = allocate(loop, count))) {
        asyncio__unique_fini(&unique);
        r = -ENOMEM;
    }
    if (r < 0) {
        for (size_t i = 0; i < count; i++)
            if (!awaitables[i].future)
                asyncio__coro_close(&awaitables[i].coro);
        return r;
    }
    gather->return_exceptions = options && options->return_exceptions;
    for (size_t i = 0; i < count && r >= 0; i++)
        if ((r = add_child(gather, &awaitables[i], &unique, i)) < 0)
            give_up(gather, awaitables, i);
    asyncio__unique_fini(&unique);
    if (r < 0)
        return r;
    if (count == 0)
        asyncio__future_finish(&gather->future, 0, NULL);
    else
        watch_children(gather);
    *ret_future = &gather->future;
    return 0;
}

const int *asyncio_gather_future_results(asyncio_future *future, size_t *ret_count)
{
    struct gather *gather = (struct gather *)(void *)future;
    if (future->type != &gather_type || !future_done(future) || future->result < 0)
        return NULL;
    if (ret_count)
        *ret_count = gather->count;
    return gather->results;
}

int(asyncio_gather_all)(const asyncio_awaitable *awaitables, size_t count, int *ret_results,
                        const asyncio_gather_options *options)
{
    TASK_CHECK_CALLER();
    asyncio_future *future;
    if (!task_current()) {
        for (size_t i = 0; i < count; i++)
            if (!awaitables[i].future)
                asyncio__coro_close(&awaitables[i].coro);
        return -ASYNCIO_NO_TASK;
    }
    int r = (asyncio_gather_future)(awaitables, count, &future, options);
    if (r < 0)
        return r;
    struct held_future held = { .future = future };
    task_hold(task_current(), &held.held, asyncio__held_future_drop);
    r = asyncio__await_future(future);
    task_let_go(task_current(), &held.held);
    size_t done;
    const int *results = r >= 0 ? asyncio_gather_future_results(future, &done) : NULL;
    if (results && ret_results)
        memcpy(ret_results, results, done * sizeof *results);
    future_unref(future);
    return r;
}
