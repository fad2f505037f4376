/* SPDX-License-Identifier: MIT */
/* Calling a protocol's methods in its context: the one its transport was made in. What they set
 * there is the transport's from then on. */
#pragma once

#include "base/context.h"
#include "base/thread.h"

struct within {
    struct env *env;
    asyncio_context **context, *outer;
};

/* `context` is where the transport keeps its own, an owned reference. */
static inline struct within within_enter(asyncio_context **context)
{
    struct within within = { asyncio__env(), context, NULL };
    within.outer = within.env->context;
    within.env->context = *context;
    return within;
}

static inline void within_exit(struct within within)
{
    *within.context = within.env->context;
    within.env->context = within.outer;
}
