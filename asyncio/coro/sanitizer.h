/* SPDX-License-Identifier: MIT */
/* What ASan, TSan and valgrind must know about stacks and switches, in one place: each function is
 * empty without the tool, so the code that calls it has no #ifdef. coro/coro.h works out which
 * sanitizer is on.
 *
 * - ASan wants to be told where the stack is that comes next, before a switch, and that it has
 *   arrived, after.
 * - TSan has a state per flow ("fiber") and is switched along; a switch is a synchronisation.
 * - valgrind finds by itself that the stack pointer moved far, but takes it for a huge frame unless
 *   the stacks are registered; that is a search through a list, so only slots that were used are
 *   registered. */
#pragma once

#include "coro/coro.h"

#if defined(ASYNCIO__SANITIZE_ADDRESS)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(ASYNCIO__SANITIZE_THREAD)
#include <sanitizer/tsan_interface.h>
#endif
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#define ASYNCIO__VALGRIND 1
#endif
#endif

#if defined(ASYNCIO__SANITIZE_FIBERS)

/* Not instrumented: between the tool's switch and the machine's, a record would go to the wrong
 * flow. The parts of a switch must not become calls either: such a call would be entered in one
 * flow and left in the other. */
#if defined(__clang__)
#define SANITIZER_UNSEEN __attribute__((disable_sanitizer_instrumentation))
#else
#define SANITIZER_UNSEEN __attribute__((no_sanitize("address", "thread", "undefined")))
#endif
#define SANITIZER_PART __attribute__((always_inline)) SANITIZER_UNSEEN static inline

#if defined(ASYNCIO__SANITIZE_THREAD)

/* TSan notes a signal in the record of the flow that it hits, and hands it over when that flow next
 * makes a call which TSan knows: never, if the flow has just made its last one or waits for ever.
 * So none comes while a switch is under way, and the call that sees to it is one of those. Making
 * and destroying a flow switches to it as well, inside TSan. */
SANITIZER_PART void sanitizer_keep_signals(sigset_t *ret_mask)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, ret_mask);
}

SANITIZER_PART void sanitizer_let_signals(const sigset_t *mask)
{
    (void)pthread_sigmask(SIG_SETMASK, mask, NULL);
}

#endif

static inline void sanitizer_flow_init_thread(struct coro *self)
{
#if defined(ASYNCIO__SANITIZE_THREAD)
    self->fiber = __tsan_get_current_fiber();
#else
    (void)self;
#endif
}

static inline void sanitizer_flow_init(struct coro *self)
{
#if defined(ASYNCIO__SANITIZE_THREAD)
    sigset_t mask;
    sanitizer_keep_signals(&mask);
    self->fiber = __tsan_create_fiber(0);
    sanitizer_let_signals(&mask);
#else
    (void)self;
#endif
}

static inline void sanitizer_flow_fini(struct coro *self)
{
#if defined(ASYNCIO__SANITIZE_THREAD)
    sigset_t mask;
    sanitizer_keep_signals(&mask);
    if (self->fiber)
        __tsan_destroy_fiber(self->fiber);
    sanitizer_let_signals(&mask);
    self->fiber = NULL;
#else
    (void)self;
#endif
}

/* Last thing on the old stack. `is_last`: the flow will not run again. */
SANITIZER_PART void sanitizer_leave(struct coro *from, struct coro *to, int is_last)
{
#if defined(ASYNCIO__SANITIZE_ADDRESS)
    __sanitizer_start_switch_fiber(is_last ? NULL : &from->fake_stack, to->bottom, to->size);
#endif
#if defined(ASYNCIO__SANITIZE_THREAD)
    sanitizer_keep_signals(&to->signal_mask);
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    (void)from;
    (void)to;
    (void)is_last;
}

/* First thing on the new stack. Also learns where the old stack was: for a thread's own, only ASan
 * knows. */
SANITIZER_PART void sanitizer_arrive(struct coro *self, struct coro *previous)
{
#if defined(ASYNCIO__SANITIZE_ADDRESS)
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
    if (previous && !previous->bottom) {
        previous->bottom = bottom;
        previous->size = size;
    }
#endif
#if defined(ASYNCIO__SANITIZE_THREAD)
    sanitizer_let_signals(&self->signal_mask);
#endif
    (void)self;
    (void)previous;
}

#endif

/* A slot is handed out again: what the last flow's frames poisoned on it is forgotten. */
static inline void sanitizer_slot_reuse(void *bottom, void *top)
{
#if defined(ASYNCIO__SANITIZE_ADDRESS)
    __asan_unpoison_memory_region(bottom, (size_t)((char *)top - (char *)bottom));
#endif
#if defined(ASYNCIO__VALGRIND)
    VALGRIND_MAKE_MEM_UNDEFINED(bottom, (size_t)((char *)top - (char *)bottom));
#endif
    (void)bottom;
    (void)top;
}

/* Whether a variable's frame or block is gone, as far as a tool knows. ASan may keep variables
 * apart from the stack (detect_stack_use_after_return), where no stack pointer tells. */
static inline int sanitizer_is_gone(const void *variable)
{
#if defined(ASYNCIO__SANITIZE_ADDRESS)
    return __asan_address_is_poisoned(variable);
#else
    (void)variable;
    return 0;
#endif
}

/* Somebody else is about to write below the stack pointer of a suspended flow. */
static inline void sanitizer_below(void *sp, size_t size)
{
#if defined(ASYNCIO__VALGRIND)
    VALGRIND_MAKE_MEM_UNDEFINED((char *)sp - size, size);
#endif
    (void)sp;
    (void)size;
}

/* Then slots have to be registered, and system calls that are new must be left alone. */
static inline int sanitizer_is_valgrind(void)
{
#if defined(ASYNCIO__VALGRIND)
    return RUNNING_ON_VALGRIND != 0;
#else
    return 0;
#endif
}

/* A slot is used for the first time. Returns what sanitizer_slot_fini wants. */
static inline unsigned sanitizer_slot_init(void *bottom, void *top)
{
#if defined(ASYNCIO__VALGRIND)
    return VALGRIND_STACK_REGISTER(bottom, (char *)top - 1);
#else
    (void)bottom;
    (void)top;
    return 0;
#endif
}

static inline void sanitizer_slot_fini(unsigned id)
{
#if defined(ASYNCIO__VALGRIND)
    VALGRIND_STACK_DEREGISTER(id);
#endif
    (void)id;
}
