/* SPDX-License-Identifier: MIT */
/* Futures from the inside.
 *
 * MODEL      A future is 64 bytes: what it is (`type`), its state, its result, and the list of
 *            handles to schedule when it is done. A handle in that list is a callback's or a
 *            waiting task's own: completing is one splice into the ready queue, in order, without
 *            allocating, and cannot fail.
 * KINDS      A task, a gather, a shield begin with a future and differ by `type`.
 * OWNERSHIP  `refs` counts the user's references, one for each waiting task and queued callback,
 *            and for a task the loop's own. */
#pragma once

#include "base/error.h"
#include "loop/loop.h"

#include <asyncio/future.h>

enum { FUTURE_PENDING, FUTURE_CANCELLED, FUTURE_FINISHED };

enum {
    FUTURE_LOG = 1,            /* an exception that nobody has retrieved yet */
    FUTURE_IS_TASK = 2,
    /* has had done callbacks: each holds a reference once the future is done */
    FUTURE_WATCHED = 4,
    /* inspect/edges.c has followed it; never set for longer than it looks */
    FUTURE_FOLLOWED = 8,
    /* made in debug mode: calls from other threads are refused */
    FUTURE_IN_DEBUG = ASYNCIO__DEBUG_MODE ? 16 : 0,
};

/* a future; without it something lighter that begins with a type, too */
enum { FUTURE_TYPE_REAL = 1 };

/* What lies behind something that is waited for: told as data, not by a function, so that a look
 * from outside of the process can follow it as well. Offsets are from the struct awaited, or the
 * scope, whose type has this. */
enum {
    AWAITS_ONE = 1, /* `at`: a pointer to the future */
    AWAITS_ARRAY,   /* `at`: a pointer to items; `count`: how many, a size_t */
    AWAITS_INLINE,  /* `at`: the items themselves; `count` likewise */
    AWAITS_LIST,    /* `at`: the head of a list of items */
    AWAITS_OBJECT,  /* `at`: a pointer to what it is about (a lock, a queue): no future */
};

struct awaits {
    int32_t kind, at, count;
    int32_t item;   /* the size of an item; of a list's: where its link lies */
    int32_t future; /* where in an item the pointer to its future lies */
};

struct future_type {
    const char *name;
    unsigned flags;
    /* Asks it to become cancelled: 1, or 0 when it is done or cannot be. Never allocates (but for
     * the message, which may get lost). */
    int (*cancel)(asyncio_future *future, const char *message);
    /* A future's: frees what is beyond the base and the memory itself. Of something lighter: the
     * task that waits for it goes with its loop, and never runs again. May be NULL then. */
    void (*destroy)(asyncio_future *future);
    const struct awaits *awaits; /* NULL: nothing */
};

/* What few futures have. */
struct future_extra {
    struct error_record *record;
    char *message;                     /* of the cancellation */
    char *name;                        /* a task's */
    void (*destroy)(void *value);
    void *on_close;                    /* a task's: struct closing */
    void *own_value;                   /* a task's: what asyncio_coro_ret made, freed with it */
    struct creation *creation;         /* in debug mode: debug_mode.c */
};

struct asyncio_future {
    const struct future_type *type;
    asyncio_loop *loop;
    uint32_t refs;
    uint8_t state, flags;
    uint16_t task_flags;               /* a task's: see task.h */
    int32_t result;                    /* or the negative code of the exception */
    int32_t cancelling;                /* a task's */
    struct list callbacks;             /* of struct handle */
    void *value;
    struct future_extra *extra;
};

extern const struct future_type asyncio__future_type;

static inline void future_init(asyncio_future *future, const struct future_type *type,
                               asyncio_loop *loop)
{
    future->type = type;
    future->loop = loop;
    future->refs = 1;
    future->state = FUTURE_PENDING;
    future->flags = 0;
    future->task_flags = 0;
    future->result = 0;
    future->cancelling = 0;
    list_init(&future->callbacks);
    future->value = NULL;
    future->extra = NULL;
}

/* Drops its callbacks, frees extra and value; not the memory. */
void asyncio__future_fini(asyncio_future *future);
/* True when there is something for asyncio__future_fini to do. */
static inline bool future_needs_fini(const asyncio_future *future)
{
    return future->extra || !list_empty(&future->callbacks);
}
/* makes it; NULL without memory */
struct future_extra *asyncio__future_extra(asyncio_future *future);

static inline bool future_done(const asyncio_future *future)
{
    return future->state != FUTURE_PENDING;
}

static inline void future_ref(asyncio_future *future)
{
    future->refs++;
}

void asyncio__future_free(asyncio_future *future);

static inline void future_unref(asyncio_future *future)
{
    if (--future->refs == 0)
        asyncio__future_free(future);
}

/* PENDING to FINISHED or CANCELLED; schedules the callbacks. The record is taken. */
void asyncio__future_finish(asyncio_future *future, int result, struct error_record *record);
void asyncio__future_set_cancelled(asyncio_future *future, const char *message);
int asyncio__future_cancel_plain(asyncio_future *future, const char *message);

/* The outcome of a done future as its awaiter gets it: the result, or the code with the record put
 * into the current env. Counts as retrieved. */
int asyncio__future_outcome(asyncio_future *future);

/* The record of a cancellation with `message` (NULL: none) becomes the current one. */
void asyncio__put_cancel_message(const char *message);
void asyncio__future_keep_message(asyncio_future *future, const char *message);

/* callbacks.c: the user's function that a done callback's handle calls; NULL: it is none. */
const void *asyncio__done_callback_function(const struct handle *handle);

/* -ASYNCIO_WRONG_THREAD, for one that was made in debug mode and whose loop runs in another
 * thread. */
static inline int asyncio__future_check_thread(const asyncio_future *future, const char *function)
{
    return __builtin_expect(future->flags & FUTURE_IN_DEBUG, 0)
               ? asyncio__loop_check_thread_slow(future->loop, function)
               : 0;
}
/* For what returns nothing: true, it must not be done. */
static inline bool asyncio__future_refuses_thread(const asyncio_future *future,
                                                  const char *function)
{
    return __builtin_expect(future->flags & FUTURE_IN_DEBUG, 0) &&
           asyncio__loop_refuses_thread(future->loop, function);
}

/* callbacks.c: the future is done, each callback holds it from here on. */
void asyncio__future_hold_for_callbacks(asyncio_future *future);

static inline void future_schedule_callbacks(asyncio_future *future)
{
    if (future->flags & FUTURE_WATCHED)
        asyncio__future_hold_for_callbacks(future);
    if (__builtin_expect(atomic_load_explicit(&future->loop->closed, memory_order_relaxed), 0))
        asyncio__handles_drop(&future->callbacks);
    else
        list_splice(&future->loop->ready, &future->callbacks);
}

/* asyncio__future_finish, of what went well. */
static inline void future_succeed(asyncio_future *future, int result)
{
    future->state = FUTURE_FINISHED;
    future->result = result;
    future_schedule_callbacks(future);
}

/* A callback of the library's own on a future: `handle.run` is called by the loop when the future
 * is done. No reference. */
static inline void future_watch(asyncio_future *future, struct handle *handle)
{
    if (future_done(future))
        asyncio__loop_call(future->loop, handle);
    else
        list_append(&future->callbacks, &handle->link);
}
