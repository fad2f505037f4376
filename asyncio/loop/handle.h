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
};

_Static_assert(offsetof(struct asyncio_handle, timed.handle) ==
                   offsetof(struct asyncio_handle, post.handle),
               "both views of a handle begin with the same link");

void asyncio__handle_run(struct handle *handle, asyncio_loop *loop);
