/* SPDX-License-Identifier: MIT */
/* A flow of control with a stack of its own, and the one place that switches between two of them.
 *
 * MODEL    A `struct coro` stands for one stack: the thread's own, or a slot from a stack pool (coro/stack.h).
 *          While it is not running, `sp` is where its callee-saved registers lie. asyncio__coro_switch(from, to)
 *          suspends the running one and resumes another; it returns when somebody switches back. Symmetric: a
 *          task may switch straight to the next task, the loop's stack need not lie between.
 * SAVED    The callee-saved integer registers (and d8-d15 on AArch64), and C++'s exception globals, so that a
 *          task can suspend inside a catch block. Not saved: the floating-point control words (MXCSR, x87 CW,
 *          FPCR); a task that changes them must restore them before it suspends. Not saved: errno, the signal
 *          mask.
 * UNWIND   The switch has call-frame information at every instruction and the entry frame ends the chain, so gdb,
 *          perf and the C++ unwinder see a running task's frames down to its entry, and stop there.
 * TOOLS    ASan, TSan and valgrind are told about every switch and every stack: coro/sanitizer.h, nowhere else.
 * THREADS  A coro belongs to the thread that made it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Which sanitizer this is compiled for. Here, and not in sanitizer.h, because it decides the layout below. */
#if defined(__SANITIZE_ADDRESS__)
#define ASYNCIO__SANITIZE_ADDRESS 1
#endif
#if defined(__SANITIZE_THREAD__)
#define ASYNCIO__SANITIZE_THREAD 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(ASYNCIO__SANITIZE_ADDRESS)
#define ASYNCIO__SANITIZE_ADDRESS 1
#endif
#if __has_feature(thread_sanitizer) && !defined(ASYNCIO__SANITIZE_THREAD)
#define ASYNCIO__SANITIZE_THREAD 1
#endif
#endif
#if defined(ASYNCIO__SANITIZE_ADDRESS) || defined(ASYNCIO__SANITIZE_THREAD)
#define ASYNCIO__SANITIZE_FIBERS 1
#endif

struct coro {
    void *sp;         /* where the saved registers lie, while suspended; the assembly knows this offset */
    void *exceptions; /* the thread's C++ exception globals, two words; and this one */
#if defined(ASYNCIO__SANITIZE_FIBERS)
    void (*entry)(void *argument);
    void *argument;
    void *fake_stack;   /* ASan: the locals it moved to the heap */
    const void *bottom; /* ASan: lowest address of the stack, and its size */
    size_t size;
    void *fiber; /* TSan */
#endif
};

/* Makes *self stand for the thread's own stack. Once per thread and loop, before the first switch. */
void asyncio__coro_init_thread(struct coro *self);
void asyncio__coro_fini_thread(struct coro *self);

/* Makes *self a flow that will call entry(argument) on the stack [bottom, top) at the first switch to it. `entry`
 * never returns: it ends with asyncio__coro_exit. Touches the top of the stack, cannot fail (under TSan it allocates
 * a fiber). `top` is aligned to 16. */
void asyncio__coro_init(struct coro *self, void *bottom, void *top, void (*entry)(void *argument),
                        void *argument);

/* Frees what the tools hold for a flow that has ended, or that is dropped without having run to its end. */
void asyncio__coro_fini(struct coro *self);

/* The assembly below the two calls that follow (switch_<cpu>.S). Nobody else calls it. */
__attribute__((visibility("hidden"))) void asyncio__coro_swap(struct coro *from, struct coro *to);
__attribute__((visibility("hidden"), noreturn)) void asyncio__coro_jump(struct coro *from,
                                                                        struct coro *to);

#if defined(ASYNCIO__SANITIZE_FIBERS)

void asyncio__coro_switch(struct coro *from, struct coro *to);
__attribute__((noreturn)) void asyncio__coro_exit(struct coro *self, struct coro *to);

#else

/* Suspends `from`, which must be the running flow, and resumes `to`. Returns when `from` is resumed. */
static inline void asyncio__coro_switch(struct coro *from, struct coro *to)
{
    asyncio__coro_swap(from, to);
}

/* Resumes `to` and never comes back: `self`, the running flow, is over and its stack may be used again as soon as
 * another flow runs. The caller may have put the stack back into its pool already. */
__attribute__((noreturn)) static inline void asyncio__coro_exit(struct coro *self, struct coro *to)
{
    asyncio__coro_jump(self, to);
}

#endif
