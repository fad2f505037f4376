/* SPDX-License-Identifier: MIT */
/* A flow of control with a stack of its own, and the one place that switches between two of them.
 *
 * MODEL    A `struct coro` stands for one stack: the thread's own, or a slot from a stack pool
 *          (coro/stack.h). While it is not running, `sp` is where its callee-saved registers lie.
 *          asyncio__coro_switch(from, to) suspends the running one and resumes another; it returns
 *          when somebody switches back. Symmetric: a task may switch straight to the next task,
 *          the loop's stack need not lie between.
 * SAVED    The callee-saved registers (d8-d15 on AArch64 by the compiler), and C++'s exception
 *          globals, so that a task can suspend inside a catch block. Not saved: the floating-point
 *          control words (MXCSR, x87 CW, FPCR); a task that changes them must restore them before
 *          it suspends. Not saved: errno, the signal mask.
 * UNWIND   The switch has call-frame information at every instruction and the entry frame ends the
 *          chain, so gdb, perf and the C++ unwinder see a running task's frames down to its entry,
 *          and stop there; asyncio__coro_visit lets them see a suspended one's.
 * TOOLS    ASan, TSan and valgrind are told about every switch and every stack: coro/sanitizer.h,
 *          nowhere else.
 * THREADS  A coro belongs to the thread that made it. */
#pragma once

#include "base/sanitize.h"

#include <stddef.h>
#include <stdint.h>

/* Here, and not in sanitizer.h, because it decides the layout below. */
#if defined(ASYNCIO__SANITIZE_ADDRESS) || defined(ASYNCIO__SANITIZE_THREAD)
#define ASYNCIO__SANITIZE_FIBERS 1
#endif
#if defined(ASYNCIO__SANITIZE_THREAD)
#include <signal.h>
#endif

struct coro {
    void *sp; /* where the saved registers lie, while suspended; the assembly knows this offset */
    void *exceptions; /* the thread's C++ exception globals, two words; and this one */
#if defined(ASYNCIO__SANITIZE_FIBERS)
    void (*entry)(void *argument);
    void *argument;
    void *fake_stack;   /* ASan: the locals it moved to the heap */
    const void *bottom; /* ASan: lowest address of the stack, and its size */
    size_t size;
    void *fiber; /* TSan */
#if defined(ASYNCIO__SANITIZE_THREAD)
    sigset_t signal_mask; /* the thread's, while it switches to this flow */
#endif
#endif
};

/* Makes *self stand for the thread's own stack. Once per thread and loop, before the first
 * switch. */
void asyncio__coro_init_thread(struct coro *self);
void asyncio__coro_fini_thread(struct coro *self);

/* Makes *self a flow that will call entry(argument) on the stack [bottom, top) at the first switch
 * to it. `entry` never returns: it ends with asyncio__coro_exit. Touches the top of the stack,
 * cannot fail (under TSan it allocates a fiber). `top` is aligned to 16. */
void asyncio__coro_init(struct coro *self, void *bottom, void *top, void (*entry)(void *argument),
                        void *argument);

/* Runs visit(argument) on the stack of `suspended`, as if it were called from where that waits, and
 * comes back when it returns. So an unwinder started in `visit` sees the frames of a flow that does
 * not run. `visit` must not switch; it needs room on that stack (_Unwind_Backtrace some 6 KiB), and
 * the pages it touches stay touched. `running` is the running flow. */
void asyncio__coro_visit(struct coro *running, struct coro *suspended,
                         void (*visit)(void *argument), void *argument);

/* Frees what the tools hold for a flow that has ended, or that is dropped without having run to
 * its end. */
#if defined(ASYNCIO__SANITIZE_FIBERS)
void asyncio__coro_fini(struct coro *self);
#else
static inline void asyncio__coro_fini(struct coro *self)
{
    (void)self;
}
#endif

/* The machine's switch, for the functions below and nobody else. Saving and restoring is out of
 * line, in switch_<cpu>.S; but that is jumped to, not called, and told where to go on: the reason
 * is told there. */
#if defined(__x86_64__)
#if defined(__AVX512F__)
#define ASYNCIO__CORO_AVX512                                                                       \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",    \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6",  \
        "k7"
#else
#define ASYNCIO__CORO_AVX512
#endif
#define ASYNCIO__CORO_SWAP(from, to)                                                               \
    __asm__ volatile("leaq 1f(%%rip), %%rdx\n\tjmp asyncio__coro_swap\n1:"                         \
                     : "+D"(from), "+S"(to)                                                        \
                     :                                                                             \
                     : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2",      \
                       "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",   \
                       "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)",        \
                       "st(4)", "st(5)", "st(6)", "st(7)", "memory", "cc" ASYNCIO__CORO_AVX512)
#define ASYNCIO__CORO_JUMP(from, to)                                                               \
    __asm__ volatile("leaq 1f(%%rip), %%rdx\n1:\tjmp asyncio__coro_jump"                           \
                     : "+D"(from), "+S"(to)                                                        \
                     :                                                                             \
                     : "memory")
#elif defined(__aarch64__)
#define ASYNCIO__CORO_SWAP(from, to)                                                               \
    do {                                                                                           \
        register struct coro *asyncio__x0 __asm__("x0") = (from);                                  \
        register struct coro *asyncio__x1 __asm__("x1") = (to);                                    \
        __asm__ volatile("adr x30, 1f\n\tb asyncio__coro_swap\n1:\thint #36"                       \
                         : "+r"(asyncio__x0), "+r"(asyncio__x1)                                    \
                         :                                                                         \
                         : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",    \
                           "x13", "x14", "x15", "x16", "x17", "x18", "x30", "v0", "v1", "v2",      \
                           "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",   \
                           "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23",   \
                           "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "memory",       \
                           "cc");                                                                  \
    } while (0)
#define ASYNCIO__CORO_JUMP(from, to)                                                               \
    do {                                                                                           \
        register struct coro *asyncio__x0 __asm__("x0") = (from);                                  \
        register struct coro *asyncio__x1 __asm__("x1") = (to);                                    \
        __asm__ volatile("adr x30, 1f\n1:\tb asyncio__coro_jump"                                   \
                         : "+r"(asyncio__x0), "+r"(asyncio__x1)                                    \
                         :                                                                         \
                         : "x30", "memory");                                                       \
    } while (0)
#else
#error "libasyncio has a stack switch for x86-64 and AArch64 only"
#endif

/* A hint: `soon` will be resumed a few switches from now. With thousands of ready flows their
 * stacks are in no near cache and their addresses in no translation buffer; fetched meanwhile,
 * that costs a fraction. What the switch saved, and above the red zone the frames of who called
 * it. */
static inline void asyncio__coro_prefetch(const struct coro *soon)
{
    const char *sp = (const char *)soon->sp;
    __builtin_prefetch(sp);
    __builtin_prefetch(sp + 64);
    __builtin_prefetch(sp + 200);
    __builtin_prefetch(sp + 264);
}

#if defined(ASYNCIO__SANITIZE_FIBERS)

void asyncio__coro_switch(struct coro *from, struct coro *to);
__attribute__((noreturn)) void asyncio__coro_exit(struct coro *self, struct coro *to);

#else

/* Suspends `from`, which must be the running flow, and resumes `to`. Returns when `from` is
 * resumed. */
static inline void asyncio__coro_switch(struct coro *from, struct coro *to)
{
    ASYNCIO__CORO_SWAP(from, to);
}

/* Resumes `to` and never comes back: `self`, the running flow, is over and its stack may be used
 * again as soon as another flow runs. The caller may have put the stack back into its pool
 * already. */
__attribute__((noreturn)) static inline void asyncio__coro_exit(struct coro *self, struct coro *to)
{
    ASYNCIO__CORO_JUMP(self, to);
    __builtin_unreachable();
}

#endif
