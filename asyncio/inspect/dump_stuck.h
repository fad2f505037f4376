/* SPDX-License-Identifier: MIT */
/* A dump of all tasks by a signal, also while the loop is stuck.
 *
 *      the signal's handler (any thread)     the loop's thread        the dumper's thread
 *      notes the arrival, wakes both         dumps, if it comes to    waits a moment for that; then
 *                                            its next turn            has the tasks copied, and
 *                                                                     writes them itself
 *
 * MODEL    What is stuck cannot write, and its memory must not be read while it may go on. So the
 *          loop's thread is interrupted once more (inspect/snapshot.h), and copies, in the signal
 *          handler, names, what is waited for, and the addresses of frames into memory that was set
 *          aside: no lock, no allocation. Naming and writing is done by the dumper.
 * SAFE     The handler walks the list of tasks while whatever was interrupted may be changing it:
 *          each state on the way has a `next` that leads to a task or to the end; counting bounds
 *          it. A task's stack is walked when its saved stack pointer is right: not where the
 *          interrupted stack pointer lies in it. */
#pragma once

#include "loop/loop.h"

struct dumper;

/* -ENOMEM, -EAGAIN: no thread, or no free real-time signal. Loop's thread. */
int asyncio__dumper_new(asyncio_loop *loop, struct dumper **ret_dumper);
void asyncio__dumper_free(void *dumper);

/* The signal has arrived: async-signal-safe. */
void asyncio__dumper_notice(void *dumper);
/* The loop's turn to dump: false when the dumper has done it meanwhile. */
bool asyncio__dumper_answer(struct dumper *dumper);
