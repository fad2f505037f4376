/* SPDX-License-Identifier: MIT */
/* A dump: all tasks of a loop, what each waits for, who awaits it, and its C frames.
 *
 * MODEL     For a program to say of itself, at a point of its own or when a signal arrives. The
 *           loop writes it, in its thread; when that is stuck, a signal has it written all the
 *           same, by a thread of the library. From outside the command `asyncio ps` tells; the
 *           watchdog (asyncio_loop_start_watchdog) tells unasked who blocks a loop.
 * THREADS   The loop's, or any while it does not run. */
#pragma once

#include <asyncio/task.h>

ASYNCIO__BEGIN

/* Prints the tasks of `loop` (NULL: the running one) to `file` (NULL: standard error), in the order
 * of their making, and returns how many there are. -ASYNCIO_NO_RUNNING_LOOP, -ASYNCIO_WRONG_THREAD,
 * -ENOMEM. Does not suspend. */
ASYNCIO_API int asyncio_loop_dump_tasks(asyncio_loop *loop, FILE *file);

/* From now on `loop` dumps its tasks to standard error each time the signal (SIGQUIT, SIGUSR1)
 * arrives, in its next turn. When it does not come to that within a quarter of a second, because a
 * step blocks it, a thread made for this writes the dump: what each task waits for, and the frames
 * of all, also of the one that blocks; not who awaits it. For that the loop's thread is interrupted
 * by a real-time signal that the program has no handler for, as with the watchdog. Takes the place
 * of another handler that the loop has for the signal, and is taken back by
 * asyncio_loop_remove_signal_handler. Errors of asyncio_loop_add_signal_handler; -ENOMEM, -EAGAIN
 * without a thread or a free real-time signal. Loop's thread. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_dump_tasks_on_signal(asyncio_loop *loop,
                                                                    int signal_number);

ASYNCIO__END
