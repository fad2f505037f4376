/* SPDX-License-Identifier: MIT */
/* Files from the inside: one operation and who waits for it.
 *
 * WAY        What needs no waiting is done at once (asyncio__file_try). Else the backend does it,
 *            where it can; else a thread of the loop's pool, when a descriptor that is no file's,
 *            as a pipe's, is ready: what is waited for is its other end, and no disk.
 * OWNERSHIP  A file_call is referenced by the task that waits and by who does the work. It owns
 *            copies of the paths. The caller's buffer is borrowed until the work is done: a
 *            cancelled call waits for that, and so does a loop that closes. A thread that opens a
 *            FIFO may wait for ever: it borrows nothing, and is left.
 * CANCELLED  What was done all the same tells its result, and the cancellation waits for the next
 *            suspension; but a descriptor that nobody gets is closed: `obtained` is one until who
 *            asked has it, and the last to let go of the call closes it. */
#pragma once

#include "backend/file.h"
#include "offload/call.h"

struct files {
    struct closer closer;
    asyncio_loop *loop;
    struct list calls; /* in the backend */
};

struct file_call {
    struct call call; /* a thread's */
    struct file_op op;
    struct list link; /* in files->calls */
    struct held held;
    struct awaited awaited;
    asyncio_task *task; /* waits; NULL: woken, or gone */
    bool is_in_backend, is_cancelled, is_done;
    bool is_left; /* cancelled, while a thread goes on with it */
    bool is_alone; /* and who waited for it has gone */
    atomic_bool has_run; /* in a thread: the buffer is free */
    int result;
    int obtained; /* an open descriptor, or -1 */
    char paths[]; /* copies; behind them the bytes of a FILE_WHOLE */
};

enum { FILE_WHOLE_SIZE = 16384 }; /* that much of a file is read in one go */

/* Does the operation and gives its result. `op` is the caller's: results in it are filled in. The
 * bytes of a FILE_WHOLE, whose `data` and `size` are ours, lie in the innermost scope, with room
 * for one more; NULL: there is a descriptor, and `status`. Suspends. */
int asyncio__file_do(struct file_op *op);

/* Closes it, whatever happens. Suspends. */
int asyncio__file_close(int descriptor);

/* For tests: as if nothing could be done without waiting. */
extern bool asyncio__file_tries_nothing;
