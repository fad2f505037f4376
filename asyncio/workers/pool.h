/* SPDX-License-Identifier: MIT */
/* A pool of threads that run jobs. It knows no loop: handing a result over is the business of the
 * job's `run`.
 *
 * MODEL      Jobs wait in one queue, first in, first out, and each worker takes one at a time. A
 *            worker is started when a job finds none idle, up to the maximum, and lives until
 *            shutdown. At most one worker spins for a moment when it runs dry; the others sleep,
 *            each on a semaphore of its own, and a wake-up goes to exactly one of them.
 * OWNERSHIP  A `struct work` is the caller's, zeroed before its first use. It is the pool's from
 *            submit until `run` is called or cancel returned true; `run` may free it or submit it
 *            again.
 * LEFT       A job that may never end, and that nobody waits for any more, is left: no shutdown
 *            waits for it, and another thread takes its place, up to as many as there may be.
 * SIGNALS    All are blocked in the workers.
 * FORK       In a child submit is -ECHILD, and all else does nothing. */
#pragma once

#include "base/list.h"

struct pool;

struct work {
    struct list link;
    void (*run)(struct work *work);
    bool queued;   /* under the pool's lock */
};

/* Returns new, or NULL without memory. `max_threads` 0: Python's default, 4 more than there are
 * processors, at most 32. Threads are named `thread_name`-0 and so on (NULL: as the process). */
struct pool *asyncio__pool_new(unsigned max_threads, const char *thread_name);

struct pool *asyncio__pool_ref(struct pool *pool);   /* any thread */

/* Any thread. NULL allowed. Without the last reference the pool shuts down as if without waiting:
 * what is queued still runs. */
void asyncio__pool_unref(struct pool *pool);

/* Queues a job; any thread. -ESHUTDOWN after shutdown; -EAGAIN when there is no thread at all,
 * or all were left, and none can be started; -ECHILD in a forked child. */
int asyncio__pool_submit(struct pool *pool, struct work *work);

/* True: the job was still queued and is removed, `run` will not be called. False: it runs, has
 * run, or was never queued. Any thread, while the job's memory is there. */
bool asyncio__pool_cancel(struct pool *pool, struct work *work);

/* The job, which runs, has run or is about to, is left. Any thread, while its memory is there. */
void asyncio__pool_leave(struct pool *pool, struct work *work);

/* No job is taken any more; those queued still run. `wait`: returns when all threads have ended,
 * but for those that were left; a worker of the pool does not wait, since it would for itself. Any
 * thread, also twice. */
void asyncio__pool_shutdown(struct pool *pool, bool wait);

size_t asyncio__pool_queued(struct pool *pool);    /* jobs that wait */
unsigned asyncio__pool_threads(struct pool *pool); /* that were started and have not ended */
