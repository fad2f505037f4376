/* SPDX-License-Identifier: MIT */
/* What other threads hand to the loop: a stack that anybody pushes to with one compare-and-swap,
 * and that the loop takes as a whole and turns round, so that the posts of one thread keep their
 * order.
 *
 * A closed loop has a mark in place of the stack: to push is to learn that it is closed, without a
 * lock and without a gap. */
#include "loop/loop.h"

static struct post closed_mark;
#define POSTS_CLOSED (&closed_mark)

/* Who wakes a loop counts itself in `wakers` first, and close waits for that before it frees the
 * backend. The loop itself cannot, since the caller holds a reference. */
int asyncio__loop_post(asyncio_loop *loop, struct post *post)
{
    if (asyncio__thread.loop == loop) { /* its own thread: exactly call_soon */
        if (atomic_load_explicit(&loop->posts, memory_order_relaxed) == POSTS_CLOSED)
            return -ASYNCIO_LOOP_CLOSED;
        asyncio__loop_call(loop, &post->handle);
        return 0;
    }
    struct post *head = atomic_load_explicit(&loop->posts, memory_order_relaxed);
    do {
        if (head == POSTS_CLOSED)
            return -ASYNCIO_LOOP_CLOSED;
        post->next = head;
    } while (!atomic_compare_exchange_weak(&loop->posts, &head, post));
    if (atomic_load(&loop->sleeping))
        asyncio__loop_wake(loop);
    return 0;
}

void asyncio__loop_wake(asyncio_loop *loop)
{
    atomic_fetch_add(&loop->wakers, 1);
    if (atomic_exchange(&loop->sleeping, false))
        loop->backend->type->wake(loop->backend);
    atomic_fetch_sub(&loop->wakers, 1);
}

static void append_reversed(asyncio_loop *loop, struct post *post)
{
    struct list taken = LIST_INIT(taken);
    while (post) {
        struct post *next = post->next;
        __builtin_prefetch((char *)post + LOOP_APART); /* the rest of it: another core wrote it */
        list_prepend(&taken, &post->handle.link);
        post = next;
    }
    list_splice(&loop->ready, &taken);
}

void asyncio__loop_take_posts(asyncio_loop *loop)
{
    append_reversed(loop, atomic_exchange_explicit(&loop->posts, NULL, memory_order_acquire));
}

void asyncio__loop_close_posts(asyncio_loop *loop)
{
    struct post *post = atomic_exchange(&loop->posts, POSTS_CLOSED);
    append_reversed(loop, post == POSTS_CLOSED ? NULL : post);
    atomic_store(&loop->sleeping, false);
}
