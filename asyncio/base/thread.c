/* SPDX-License-Identifier: MIT */
/* The thread's state, and what becomes of it when the thread ends: see thread.h. */
#include "base/thread.h"

#include "base/error.h"

#include <asyncio/context.h>
#include <pthread.h>

_Thread_local struct thread_state asyncio__thread __attribute__((tls_model("initial-exec")));

static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A value's destroy may set variables again: then this is called again. */
static void thread_ends(void *value)
{
    struct thread_state *thread = value;
    struct env own = thread->own;
    thread->own = (struct env){ NULL, NULL };
    thread->is_watched = false;
    asyncio__record_unref(own.record);
    if (own.context)
        asyncio_context_unref(own.context);
}

static void make_key(void)
{
    (void)pthread_key_create(&at_exit, thread_ends);
}

void asyncio__thread_watch(void)
{
    (void)pthread_once(&once, make_key);
    asyncio__thread.is_watched = pthread_setspecific(at_exit, &asyncio__thread) == 0;
}
