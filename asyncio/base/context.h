/* SPDX-License-Identifier: MIT */
/* Contexts from the inside: see <asyncio/context.h> for what they are for.
 *
 * MODEL      An env (base/thread.h) points to its context. NULL is the empty one. A context
 *            without an identity (nobody asked for it by name, no token refers to it) is shared
 *            with each new task and callback at the cost of a reference; the first of them that
 *            sets a variable gets a copy of its own. One with an identity is changed in place, and
 *            whoever inherits from it gets a copy.
 * IDENTITY   `pinned`: made by asyncio_copy_context or asyncio_context_new, or asked for by
 *            get_context. `tokens` not 0: asyncio_context_var_reset must find it again; then
 *            nothing shares it, and each token's variable has a place in it, so that reset never
 *            allocates.
 * THREADS    Counts are atomic, and a shared context is never changed: a reference may be
 *            inherited in one thread and used in another. One with an identity belongs to one
 *            thread at a time. A value's destroy runs wherever its last context ends. */
#pragma once

#include <asyncio/context.h>
#include <stdatomic.h>
#include <stdbool.h>

struct context_entry;

/* What a frame of the library holds while what it called may suspend. It hangs off the running
 * task, innermost first, so that a task that is dropped with its loop lets go of it: `drop` is
 * called in place of the frame's own end. */
struct held {
    struct held *outer;
    void (*drop)(struct held *held);
};

struct asyncio_context {
    atomic_uint refs;
    unsigned tokens;                 /* that refer to this context */
    bool pinned;
    bool entered;                    /* by asyncio_context_run */
    unsigned count, capacity;
    struct context_entry *entries;   /* sorted by the variable's address */
};

/* False: whoever inherits from it gets the empty context, NULL. */
static inline bool context_has_any(const struct asyncio_context *context)
{
    return context && context->count;
}

/* Gives a new task or callback what it starts with: a reference to share when the current context
 * has no identity (NULL stays NULL; cannot fail), else a copy. -ENOMEM. */
int asyncio__context_inherit(struct asyncio_context **ret_context);

/* Makes *slot, an owned reference, a context with an identity: a private one, replaced when it was
 * shared. -ENOMEM, and *slot is as it was. */
int asyncio__context_pin(struct asyncio_context **slot);

/* What the task floor puts here: runs a coroutine in the running task, or outside of tasks, with
 * `held` hung off the task meanwhile, and returns its result; and closes one that will not run.
 * NULL: there are no tasks, -ENOSYS. */
extern int (*asyncio__call_coro)(const asyncio_coro *coro, struct held *held);
extern void (*asyncio__close_coro)(const asyncio_coro *coro);
