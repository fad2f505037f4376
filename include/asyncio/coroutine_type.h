/* SPDX-License-Identifier: MIT */
/* Coroutines of one's own kind: driven by a table of functions, as Python drives a generator.
 *
 *     static int resume(void *state, int sent, asyncio_future **ret_awaits)
 *     {
 *         struct script *script = state;
 *         if (sent < 0)
 *             return sent;                        an error, or a cancellation: -ECANCELED
 *         if (script->at == script->end)
 *             return 0;                           it is over, with this result
 *         *ret_awaits = asyncio_future_ref(script->at++->future);
 *         return ASYNCIO_SUSPENDED;               goes on when that is done
 *     }
 *     static const asyncio_coroutine_type script_type = {
 *         .size = sizeof script_type, .name = "script", .resume = resume, .destroy = free };
 *
 *     asyncio_create_task(asyncio_coro_of(&script_type, script), &task)
 *
 * MODEL      A C function runs on a stack of its own, and what it calls may wait. Such a coroutine
 *            has no stack: the task calls `resume`, which computes and returns; what it wants to
 *            wait for it hands out. It is for interpreters whose coroutines are objects (Lua,
 *            Python), and for state machines of which there are many. asyncio_coro_of makes a
 *            coroutine object of it, which goes wherever one does: asyncio_create_task,
 *            asyncio_gather, asyncio_wait_for, asyncio_await.
 * WAITING    `resume`, `raise` and `destroy` run inside the task (asyncio_current_task is it), but
 *            cannot wait by themselves: there is no stack to put aside. What suspends answers
 *            -ASYNCIO_NO_TASK there, with a sentence. Awaited inside another coroutine
 *            (asyncio_await), it is that one's task that waits.
 * CANCEL     As for all tasks: what it handed out is cancelled, or `resume` gets -ECANCELED. A task
 *            that is cancelled before its first step never calls it.
 * OWNERSHIP  `destroy` ends `state`: once for each task or await that the coroutine object was
 *            given to, after the end, and also when it never ran (the task could not be made, was
 *            cancelled first, or went with its loop). A coroutine object has no identity: given
 *            away twice, `destroy` is called twice.
 * THREADS    All calls come from the thread of the loop. */
#pragma once

#include <asyncio/coroutine.h>
#include <limits.h>

ASYNCIO__BEGIN

/* What `resume` returns when it is not over. */
#define ASYNCIO_SUSPENDED INT_MIN

/* Lives as long as its coroutines do; usually static. */
struct asyncio_coroutine_type {
    size_t size;              /* sizeof(asyncio_coroutine_type) */
    const char *name;         /* as in reports and dumps: "script" */
    /* Goes on. `sent` is 0 at the first step and after a turn, the result of what was waited for
     * after that; negative, an error to be raised inside. Returns the final result; or
     * ASYNCIO_SUSPENDED after it has stored what it waits for, a new reference (its own is not
     * touched), in *ret_awaits, which is NULL before: left so, it waits for one turn of the
     * loop. */
    int (*resume)(void *state, int sent, asyncio_future **ret_awaits);
    /* Goes on with an error, as `resume` does with a result. NULL: `resume` gets errors, too. */
    int (*raise)(void *state, int code, asyncio_future **ret_awaits);
    /* Ends `state`, which may not have run, or not to its end. NULL: nothing to do. */
    void (*destroy)(void *state);
    /* Tells where it stands, for a stack trace: a line of text. NULL: its name. */
    void (*trace)(void *state, char *text, size_t size);
};

/* The coroutine object of a coroutine of this kind. What takes it says -EINVAL when the type has no
 * `resume`, or is of another size. Does not suspend, cannot fail. */
static inline asyncio_coro asyncio_coro_of(const asyncio_coroutine_type *type, void *state)
{
    asyncio_coro coro = { type, NULL, { (uintptr_t)state, 0, 0, 0, 0, 0 } };
    return coro;
}

ASYNCIO__END
