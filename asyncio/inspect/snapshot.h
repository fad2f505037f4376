/* SPDX-License-Identifier: MIT */
/* What a loop's thread is doing at this moment, seen from another thread.
 *
 * MODEL    A signal goes to the loop's thread; its handler notes the running task and the frames
 *          into memory that was set aside, and nothing else. A real-time signal that nobody in the
 *          process has a handler for is taken by the first open and given back by the last close.
 * EFFECT   Like every signal it cuts short a sleep in which the thread blocks (nanosleep and poll
 *          return EINTR); reads, writes and locks go on (SA_RESTART).
 * THREADS  Any but the loop's. One snapshot at a time in a process, others wait for it. */
#pragma once

#include "inspect/frames.h"
#include "loop/loop.h"

enum { SNAPSHOT_FRAMES = 100, SNAPSHOT_NAME = 96 };

struct snapshot {
    bool has_task;
    char task[SNAPSHOT_NAME];
    struct raw_frame frames[SNAPSHOT_FRAMES];
    size_t frame_count;
};

/* Takes the signal, or counts one more user of it. -EAGAIN when all are in use. */
int asyncio__snapshot_open(void);
void asyncio__snapshot_close(void);

/* Where the loop's thread was interrupted. */
struct interrupted {
    void *ip, *sp;
};

/* Calls visit(loop, where, data) in the signal handler, in whatever step the loop is: it may not
 * lock and not allocate. Waits until it has returned. -ESRCH, -ETIMEDOUT. */
int asyncio__snapshot_visit(asyncio_loop *loop, int thread,
                            void (*visit)(asyncio_loop *loop, const struct interrupted *where,
                                          void *data),
                            void *data);

/* The task's name, of SNAPSHOT_NAME bytes at most: async-signal-safe. */
void asyncio__snapshot_name(const asyncio_task *task, char *name);

/* Of `loop`, run by `thread`, as long as it is in the step that began when loop->ran was `ran`.
 * -ESTALE when it has gone on, -ESRCH when the thread is gone, -ETIMEDOUT when it does not take the
 * signal. */
int asyncio__snapshot_take(asyncio_loop *loop, int thread, unsigned long ran,
                           struct snapshot *ret_snapshot);
