/* SPDX-License-Identifier: MIT */
/* What is current in this thread: the one place that says so.
 *
 * `env` points to the environment of whatever runs: a task's, a callback's, or the thread's own
 * outside of loops. The task floor moves it at every switch, so that context variables and error
 * records need to know nothing of tasks. */
#pragma once

#include <stdbool.h>

struct asyncio_loop;
struct asyncio_task;
struct asyncio_context;
struct error_record;

/* What code runs in. Both are owned references, NULL: an empty context, no record. */
struct env {
    struct asyncio_context *context;
    struct error_record *record;
};

struct thread_state {
    struct env *env;                  /* NULL: `own` */
    struct asyncio_task *task;        /* the running task, or NULL */
    struct asyncio_loop *loop;        /* the running loop, or NULL */
    struct asyncio_loop *set_loop;    /* by asyncio_set_event_loop, an owned reference */
    struct env own;                   /* outside of loops; freed when the thread ends */
    bool is_watched;                  /* its end will be told */
    /* where an error was last put, and in which step: only a fresh one may become a cause */
    const struct env *fresh;
    unsigned long fresh_step;
};

/* initial-exec: one instruction to reach, and the library is linked, not dlopen'ed late with much
 * TLS. */
extern _Thread_local struct thread_state asyncio__thread __attribute__((tls_model("initial-exec")));

/* The environment of whatever runs now. */
static inline struct env *asyncio__env(void)
{
    struct thread_state *thread = &asyncio__thread;
    return thread->env ? thread->env : &thread->own;
}

/* Asks to be told of the thread's end, when `own` may hold something then. */
void asyncio__thread_watch(void);
static inline void asyncio__thread_keeps(const struct env *env)
{
    if (env == &asyncio__thread.own && !asyncio__thread.is_watched)
        asyncio__thread_watch();
}
