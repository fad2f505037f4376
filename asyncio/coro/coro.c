/* SPDX-License-Identifier: MIT */
/* Making and ending flows. The switch itself is assembly (switch_<cpu>.S) and, unless a sanitizer
 * is on, called without anything in between; with one, the calls below stand between and tell
 * it. */
#include "coro/coro.h"

#include "coro/sanitizer.h"

_Static_assert(offsetof(struct coro, sp) == 0 && offsetof(struct coro, exceptions) == 8,
               "switch_<cpu>.S knows these offsets");

__attribute__((visibility("hidden"))) void *asyncio__coro_prepare(void *top, void (*entry)(void *),
                                                                  void *argument);

__attribute__((visibility("hidden"))) void *
asyncio__coro_prepare_visit(void *sp, void (*visit)(void *), void *argument, struct coro *back);

enum { VISIT_FRAME = 200 }; /* what that writes at most, below `sp` */

/* Of the C++ runtime, when the program has one: a thread's stack of caught exceptions and its
 * count of uncaught ones. The address is constant for a thread. */
__attribute__((weak)) void *__cxa_get_globals(void);

/* initial-exec: a load instead of a call, in the path that makes tasks. */
#define THREAD_LOCAL static __thread __attribute__((tls_model("initial-exec")))

THREAD_LOCAL void *exceptions;
THREAD_LOCAL void *no_exceptions[2]; /* what the switch saves in a program without C++ */

static void *thread_exceptions(void)
{
    if (!exceptions)
        exceptions = __cxa_get_globals ? __cxa_get_globals() : no_exceptions;
    return exceptions;
}

#if defined(ASYNCIO__SANITIZE_FIBERS)

THREAD_LOCAL struct coro *previous; /* who ran before the flow that runs; NULL: it is over */

void asyncio__coro_init_thread(struct coro *self)
{
    *self = (struct coro){ .exceptions = thread_exceptions() };
    sanitizer_flow_init_thread(self);
}

void asyncio__coro_fini_thread(struct coro *self)
{
    (void)self;
}

/* First frame of a flow. */
SANITIZER_UNSEEN static void start(void *argument)
{
    struct coro *self = argument;
    sanitizer_arrive(self, previous);
    self->entry(self->argument);
}

void asyncio__coro_init(struct coro *self, void *bottom, void *top, void (*entry)(void *argument),
                        void *argument)
{
    *self = (struct coro){
        .sp = asyncio__coro_prepare(top, start, self),
        .exceptions = thread_exceptions(),
        .entry = entry,
        .argument = argument,
        .bottom = bottom,
        .size = (size_t)((char *)top - (char *)bottom),
    };
    sanitizer_flow_init(self);
}

void asyncio__coro_fini(struct coro *self)
{
    sanitizer_flow_fini(self);
}

SANITIZER_UNSEEN void asyncio__coro_switch(struct coro *from, struct coro *to)
{
    previous = from;
    sanitizer_leave(from, to, 0);
    struct coro *self = from;
    ASYNCIO__CORO_SWAP(from, to);
    sanitizer_arrive(self, previous);
}

SANITIZER_UNSEEN void asyncio__coro_exit(struct coro *self, struct coro *to)
{
    previous = NULL;
    sanitizer_leave(self, to, 1);
    ASYNCIO__CORO_JUMP(self, to);
    __builtin_unreachable();
}

struct visit {
    struct coro *running, *suspended;
    void (*function)(void *argument);
    void *argument;
};

SANITIZER_UNSEEN static void visits(void *argument)
{
    struct visit *visit = argument;
    sanitizer_arrive(visit->suspended, previous);
    visit->function(visit->argument);
    previous = visit->suspended;
    sanitizer_leave(visit->suspended, visit->running, 0);
}

SANITIZER_UNSEEN void asyncio__coro_visit(struct coro *running, struct coro *suspended,
                                          void (*visit)(void *argument), void *argument)
{
    struct visit order = { running, suspended, visit, argument };
    struct coro *self = running, visitor, *to = &visitor;
    sanitizer_below(suspended->sp, VISIT_FRAME);
    visitor.sp = asyncio__coro_prepare_visit(suspended->sp, visits, &order, running);
    previous = running;
    sanitizer_leave(running, suspended, 0);
    ASYNCIO__CORO_SWAP(running, to);
    sanitizer_arrive(self, previous);
}

#else

void asyncio__coro_visit(struct coro *running, struct coro *suspended,
                         void (*visit)(void *argument), void *argument)
{
    sanitizer_below(suspended->sp, VISIT_FRAME);
    struct coro visitor = {
        .sp = asyncio__coro_prepare_visit(suspended->sp, visit, argument, running),
    }, *to = &visitor;
    ASYNCIO__CORO_SWAP(running, to);
}

void asyncio__coro_init_thread(struct coro *self)
{
    *self = (struct coro){ .exceptions = thread_exceptions() };
}

void asyncio__coro_fini_thread(struct coro *self)
{
    (void)self;
}

void asyncio__coro_init(struct coro *self, void *bottom, void *top, void (*entry)(void *argument),
                        void *argument)
{
    (void)bottom;
    self->sp = asyncio__coro_prepare(top, entry, argument);
    self->exceptions = thread_exceptions();
}

#endif
