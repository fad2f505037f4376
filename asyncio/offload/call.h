/* SPDX-License-Identifier: MIT */
/* A function call on its way through a thread pool and back.
 *
 * MODEL      A call is made on the loop's thread, run on a worker (or where an executor of the
 *            user's likes; or, on the sim backend, inside poll), and comes back as a post to the
 *            loop; there `finished` is called. A loop that closed in between gets nothing: the
 *            call is freed where it is.
 * OWNERSHIP  Two references: the loop's side, which waits for the result, and the worker's, which
 *            ends when the call has come back. The loop's side is detached when the loop closes
 *            first. The last one frees. The loop counts its calls (asyncio__loop_hold); one that
 *            outlives it gets a reference when it closes. */
#pragma once

#include "loop/loop.h"
#include "task/task.h"
#include "workers/pool.h"

#include <asyncio/threads.h>

struct call {
    struct work work;
    struct job job;                        /* on sim, in place of `work` */
    struct post post;
    asyncio_loop *loop;
    bool holds_loop;                       /* a reference of its own: the loop closed first */
    struct pool *pool;                     /* NULL on sim, and of an executor of the user's own: */
    asyncio_executor *executor;            /* a reference, else NULL */
    bool given_back;                       /* by it, unrun */
    struct prepared prepared;
    void *notes;                           /* memory behind `prepared` */
    asyncio_context *context;
    struct error_record *record;
    int result;
    atomic_bool cancelled;                 /* asyncio_thread_cancelled() in the function */
    struct list link;                      /* in the offload floor, while it is under way */
    atomic_uint refs;
    void (*finished)(struct call *call);   /* on the loop's thread; result and record are there */
    /* the loop closes first: forget who waits; then or later, unref */
    void (*detach)(struct call *call);
    void (*free)(struct call *call);       /* any thread: the memory */
};

/* Fills in *call, but for the three functions, and submits it to `executor` (NULL: the loop's
 * default one). On failure the coroutine is closed and *call is unused: -ENOMEM, -EAGAIN,
 * -ASYNCIO_EXECUTOR_SHUT_DOWN, -ASYNCIO_FORKED, -EINVAL. */
int asyncio__call_start(struct call *call, asyncio_loop *loop, asyncio_executor *executor,
                        const asyncio_coro *coro);

/* True: it had not begun and will not; `finished` is not called, and the worker's reference is
 * given back. False: it will be. */
bool asyncio__call_withdraw(struct call *call);

/* It runs, may never end, and nobody waits for it any more: nor does the end of a pool of ours. */
void asyncio__call_leave(struct call *call);

/* Any thread. */
void asyncio__call_unref(struct call *call);
