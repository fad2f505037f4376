/* SPDX-License-Identifier: MIT */
/* Futures for several threads, from the inside. */
#pragma once

#include "loop/loop.h"

#include <asyncio/threads.h>

struct concurrent_callback {
    struct concurrent_callback *next;
    asyncio_concurrent_future_callback *function;
    void *data;
    bool allocated;                        /* freed after the call; else embedded in its owner */
};

struct asyncio_concurrent_future {
    atomic_uint refs;
    pthread_mutex_t mutex;
    pthread_cond_t done_or_not;
    /* FUTURE_PENDING and so on, under the mutex; and all below */
    int state;
    int result;
    struct concurrent_callback *callbacks; /* the newest first */
    asyncio_loop *loop;                    /* whose task completes it, a reference; or NULL */
    /* called once, unlocked, when it was cancelled; or NULL */
    void (*cancel)(asyncio_concurrent_future *future);
};

int asyncio__concurrent_init(asyncio_concurrent_future *future);
/* True when this call completed it. */
bool asyncio__concurrent_finish(asyncio_concurrent_future *future, int state, int result);
/* As the public one, with a node of the caller's. */
void asyncio__concurrent_watch(asyncio_concurrent_future *future,
                               struct concurrent_callback *callback);
/* True: it was still among the callbacks, and will not be called. */
bool asyncio__concurrent_unwatch(asyncio_concurrent_future *future,
                                 struct concurrent_callback *callback);
