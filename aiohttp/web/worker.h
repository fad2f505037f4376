/* SPDX-License-Identifier: MIT */
/* The workers of one process: a loop each, in a thread each, begun together and ended together.
 *
 * MODEL      A crew is what one process runs: its first worker in the thread that calls, which
 *            takes the signals, the others in threads of their own. When one ends, or a signal
 *            comes, all are told to end at the same moment, so their deadlines are one.
 * STATE      What the supervisor reads of it is in a struct worker_state, in memory that both
 *            share: written by the worker only, `stage` last.
 * LOCKS      `lock` guards ending and the loops that can be told of it. */
#pragma once

#include "web/listeners.h"
#include "web/runner.h"

#include <pthread.h>
#include <stdatomic.h>

enum worker_stage { WORKER_STARTS, WORKER_SERVES, WORKER_FAILED };

struct worker_state {
    _Atomic int stage;  /* enum worker_stage */
    int error;          /* of one that has failed */
    char text[240];
};

enum crew_end { CREW_GOES_ON, CREW_ENDS, CREW_DRAINS };

struct crew {
    const aiohttp_web_run_app_options *options;
    aiohttp_web_worker_function *function;
    void *data;
    struct listeners *listeners;
    struct worker_state *state;
    bool is_supervised;
    unsigned first, count;      /* its workers' numbers */
    struct aiohttp_web_worker *workers;
    pthread_mutex_t lock;
    unsigned serving;
    enum crew_end end;          /* under lock */
    void (*on_serving)(struct crew *crew); /* the last of them serves */
};

struct aiohttp_web_worker {
    struct crew *crew;
    unsigned index;         /* in the crew */
    asyncio_loop *loop;     /* under the crew's lock; NULL: it cannot be told */
    asyncio_future *ending;
    aiohttp_web_runner *runner; /* while it serves; lent */
    pthread_t thread;
    bool has_served, is_started, is_thread;
    int result;
};

/* Runs them all until they end. 0, or the error of the first that failed, with its record. */
int aiohttp__crew_run(struct crew *crew);
