/* SPDX-License-Identifier: MIT */
/* C frames: of the running code, of a suspended task, and what of them a user wants to see.
 *
 * MODEL   Capturing gives bare addresses, innermost first, and is all that a signal handler may
 *         do; telling what they are called (asyncio__frames_name) is for quieter times. The
 *         addresses are from the unwind tables, so no frame pointers are needed.
 * SHOWN   The user's own frames, and as the innermost the public function they wait in
 *         (asyncio_sleep). The runtime's frames within that one and around the coroutine are left
 *         out; so are the inline functions that the public macros call. */
#pragma once

#include "loop/loop.h"

#include <asyncio/task.h>
#include <stdbool.h>
#include <stdint.h>

struct raw_frame {
    void *address;      /* of the instruction it goes on with */
    uintptr_t lookup;   /* in the instruction it stands on: what it is named by */
    uintptr_t function; /* where its function begins, 0: unknown */
};

/* The frames of the running code, at most `capacity`, beginning with the one that goes on at
 * `from` (in a signal handler: where the thread was interrupted); with all of them when it is not
 * found. Async-signal-safe once asyncio__frames_prepare was called. */
size_t asyncio__frames_here(struct raw_frame *frames, size_t capacity, const void *from);
void asyncio__frames_prepare(void);

/* The frames of a flow that does not run. */
size_t asyncio__frames_of(const struct coro *suspended, struct raw_frame *frames, size_t capacity);

/* What the frames of the running code (NULL), or of a flow that does not run, take of its stack. */
size_t asyncio__frames_extent(const struct coro *suspended, struct stack_frame *ret_frames,
                              size_t capacity);

/* How many of the frames belong to the innermost task or callback: those before its entry. */
size_t asyncio__frames_of_step(const struct raw_frame *frames, size_t count);

/* Names the frames and stores the shown ones, at most `capacity`; returns how many. `is_waiting`:
 * the flow is suspended, the innermost frames are the runtime's. -ENOMEM. */
int asyncio__frames_name(const struct raw_frame *frames, size_t count, bool is_waiting,
                         asyncio_frame *ret_frames, size_t capacity);

/* task_stack.c: asyncio_task_get_stack. Of the running task from where the caller of the public
 * function goes on, `from`. */
int asyncio__stack_of(asyncio_task *task, const void *from, asyncio_frame *ret_frames,
                      size_t capacity);

/* "  File "x.c", line 12, in work", with the end of the line. `text` holds FRAME_TEXT_MAX. */
enum { FRAME_TEXT_MAX = 1024 };
void asyncio__frame_text(const asyncio_frame *frame, char *text, size_t size);
