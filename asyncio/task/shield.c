/* SPDX-License-Identifier: MIT */
/* shield: an outer future that follows an inner one, and keeps a cancellation of the outer from
 * it. Rules as CPython's shield.
 *
 * Two nodes: one among the inner's callbacks, one among the outer's own. Each holds a reference to
 * the outer until it has run. When the outer is cancelled first, the inner's node stays only to
 * tell of an exception that would else be seen by nobody, and one of several shields is enough for
 * that. */
#include <asyncio/wait.h>

#include "base/alloc.h"
#include "task/task.h"

#include <stdio.h>

struct shield {
    asyncio_future future;
    struct handle on_inner, on_outer;
    struct handle follower;              /* in loop->followers */
    asyncio_future *inner;               /* a reference */
};

static void inner_done(struct handle *handle, asyncio_loop *loop);
static void inner_done_log(struct handle *handle, asyncio_loop *loop);

static void destroy(asyncio_future *future)
{
    struct shield *shield = (struct shield *)(void *)future;
    asyncio_loop *loop = future->loop;
    asyncio_future *inner = shield->inner;
    list_remove(&shield->follower.link);
    asyncio__future_fini(future);
    asyncio__loop_object_free(loop, LOOP_FREELIST_SCOPE, shield);
    future_unref(inner);
}

static const struct awaits inner_of_shield = { AWAITS_ONE, offsetof(struct shield, inner), 0, 0,
                                               0 };

static const struct future_type shield_type = { "shield", FUTURE_TYPE_REAL,
                                                asyncio__future_cancel_plain, destroy,
                                                &inner_of_shield };

_Static_assert(sizeof(struct shield) <= 192, "fits the loop's freelist of scopes");

static void inner_done(struct handle *handle, asyncio_loop *loop)
{
    struct shield *shield = container_of(handle, struct shield, on_inner);
    asyncio_future *inner = shield->inner, *outer = &shield->future;
    if (loop && !future_done(outer)) {
        inner->flags &= (uint8_t)~FUTURE_LOG;
        if (inner->state == FUTURE_CANCELLED) {
            asyncio__future_set_cancelled(outer, NULL); /* CPython hands no message on here */
        } else {
            outer->value = inner->value;
            asyncio__future_finish(outer, inner->result,
                                   asyncio__record_ref(inner->extra ? inner->extra->record : NULL));
        }
    }
    future_unref(outer);
}

static void inner_done_log(struct handle *handle, asyncio_loop *loop)
{
    struct shield *shield = container_of(handle, struct shield, on_inner);
    asyncio_future *inner = shield->inner;
    if (loop && inner->state == FUTURE_FINISHED && inner->result < 0) {
        inner->flags &= (uint8_t)~FUTURE_LOG;
        char message[96];
        snprintf(message, sizeof message, "%s exception in shielded future",
                 asyncio_error_class(inner->result));
        asyncio__loop_report(loop, message, inner->result,
                             inner->extra ? inner->extra->record : NULL, inner,
                             inner->flags & FUTURE_IS_TASK ? (asyncio_task *)(void *)inner : NULL);
    }
    future_unref(&shield->future);
}

static void outer_done(struct handle *handle, asyncio_loop *loop)
{
    struct shield *shield = container_of(handle, struct shield, on_outer);
    asyncio_future *inner = shield->inner;
    if (loop && !future_done(inner)) {
        for (struct list *node = inner->callbacks.next, *next; node != &inner->callbacks;
             node = next) {
            next = node->next;
            struct handle *other = container_of(node, struct handle, link);
            if (other->run != inner_done_log)
                continue;
            list_remove(node);
            future_unref(&container_of(other, struct shield, on_inner)->future);
        }
        list_remove(&shield->on_inner.link);
        shield->on_inner.run = inner_done_log;
        future_watch(inner, &shield->on_inner);
    }
    future_unref(&shield->future);
}

/* The loop closes: an inner future that is never done would keep it, and it that one. */
static void drop(struct handle *handle, asyncio_loop *loop)
{
    struct shield *shield = container_of(handle, struct shield, follower);
    struct handle *nodes[] = { &shield->on_inner, &shield->on_outer };
    (void)loop;
    future_ref(&shield->future);
    for (int i = 0; i < 2; i++) {
        if (list_empty(&nodes[i]->link))
            continue;
        list_remove(&nodes[i]->link);
        future_unref(&shield->future);
    }
    future_unref(&shield->future);
}

int(asyncio_shield_future)(asyncio_awaitable awaitable, asyncio_future **ret_future)
{
    asyncio_future *inner;
    int r = (asyncio_ensure_future)(awaitable, &inner);
    if (r < 0)
        return r;
    if (future_done(inner)) {
        *ret_future = inner;
        return 0;
    }
    struct shield *shield = asyncio__loop_object(inner->loop, LOOP_FREELIST_SCOPE);
    if (!shield) {
        if (!awaitable.future)
            (void)inner->type->cancel(inner, NULL);
        future_unref(inner);
        return -ENOMEM;
    }
    future_init(&shield->future, &shield_type, inner->loop);
    shield->inner = inner;
    shield->on_inner = (struct handle){ .run = inner_done };
    shield->on_outer = (struct handle){ .run = outer_done };
    shield->follower = (struct handle){ .run = drop };
    list_append(&inner->loop->followers, &shield->follower.link);
    shield->future.refs = 3;
    future_watch(inner, &shield->on_inner);
    future_watch(&shield->future, &shield->on_outer);
    *ret_future = &shield->future;
    return 0;
}

int(asyncio_shield)(asyncio_awaitable awaitable)
{
    TASK_CHECK_CALLER();
    asyncio_future *outer;
    if (!task_current()) {
        if (!awaitable.future)
            asyncio__coro_close(&awaitable.coro);
        return -ASYNCIO_NO_TASK;
    }
    int r = (asyncio_shield_future)(awaitable, &outer);
    if (r < 0)
        return r;
    struct held_future held = { .future = outer };
    task_hold(task_current(), &held.held, asyncio__held_future_drop);
    r = asyncio__await_future(outer);
    task_let_go(task_current(), &held.held);
    future_unref(outer);
    return r;
}
