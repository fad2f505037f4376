/* SPDX-License-Identifier: MIT */
/* The user's handle: see handle.c. */
#pragma once

#include "loop/loop.h"

enum { HANDLE_SOON, HANDLE_TIMER, HANDLE_THREADSAFE };
enum { HANDLE_SCHEDULED, HANDLE_RUN, HANDLE_CANCELLED };

struct asyncio_handle {
    union {
        struct timed_handle timed;
        struct post post;
    };
    asyncio_loop *loop;
    asyncio_loop_callback *callback;
    void *data;
    void (*destroy)(void *data);
    asyncio_context *context;
    double when;
    atomic_uint refs;
    atomic_int state;
    atomic_bool cancelled;           /* by its user */
    uint8_t kind;
    bool holds_loop;                 /* threadsafe, and the user has a reference */
    bool running;                    /* its context is the loop's env's, meanwhile */
    uint32_t origin;                 /* debug mode: where it was made; 0: not known */
};

_Static_assert(offsetof(struct asyncio_handle, timed.handle) ==
                   offsetof(struct asyncio_handle, post.handle),
               "both views of a handle begin with the same link");

void asyncio__handle_run(struct handle *handle, asyncio_loop *loop);

/* handle_origin.c, any thread: the number of the frames it is made by now, or 0; and those frames,
 * for the inspector, or NULL. */
uint32_t asyncio__handle_origin_keep(void);
void asyncio__handle_origin_drop(uint32_t number);
const void *asyncio__handle_origin(const asyncio_handle *handle);

/* The user's function that a handle of add_reader, add_writer (watch.c), or of a signal (signals.c)
 * calls; NULL: it is none of these. */
const void *asyncio__watch_function(const struct handle *handle);
const void *asyncio__signal_function(const struct handle *handle);
