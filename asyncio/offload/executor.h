/* SPDX-License-Identifier: MIT */
/* Executors, and what the offload floor keeps for a loop. */
#pragma once

#include "loop/loop.h"
#include "workers/pool.h"

#include <asyncio/threads.h>

struct asyncio_executor {
    atomic_uint refs;
    atomic_bool shut_down;
    struct pool *pool;                     /* NULL: the user's own, by `type` */
    const asyncio_executor_type *type;
    void *data;
};

struct offload_floor {
    struct closer closer;
    asyncio_executor *executor;            /* the default one, made when first needed */
    bool shut_down;
    struct list calls;                     /* of struct call: under way */
    struct list followers;                 /* of asyncio_wrap_future */
    /* what shutting down will need: it must not fail for want of memory */
    struct blocking_join *join;
};

/* call.c: the loop closes; nobody on its side waits for a call any more. */
void asyncio__calls_detach(struct list *calls);

/* threadsafe.c: the same for futures that follow those of other threads. */
void asyncio__followers_detach(struct list *followers);

/* The loop's, made if need be; NULL without memory. */
struct offload_floor *asyncio__offload_floor(asyncio_loop *loop);

/* The executor to use for `executor` (NULL: the default one), lent. -ENOMEM,
 * -ASYNCIO_EXECUTOR_SHUT_DOWN. */
int asyncio__executor_for(asyncio_loop *loop, asyncio_executor *executor,
                          asyncio_executor **ret_executor);
