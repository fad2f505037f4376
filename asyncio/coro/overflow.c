/* SPDX-License-Identifier: MIT */
/* The fault handler: says which task overflowed its stack and what helps, then dies by the same
 * signal.
 *
 * Runs on an alternate stack, since the one that overflowed has no room. Everything it calls is
 * async-signal-safe: it reads the table of slabs (coro/slab.h), asks the namer for the task's
 * name, writes one line.
 *
 * What counts as an overflow: the fault lies in a guard, and the stack pointer lies in the same
 * slot, or below it in the slab (a large frame has jumped the guard, and the access to its upper
 * end is what faulted). A wild pointer into a guard from another stack is a foreign fault. When
 * the kernel found no room for a signal's frame, it gives no address; then the place where that
 * frame would have ended decides. */
#include "coro/guard.h"
#include "coro/slab.h"
#include "coro/stack.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#if !defined(AT_MINSIGSTKSZ)
#define AT_MINSIGSTKSZ 51
#endif

/* Beyond what the processor's state takes; handlers we chain to want room, too. */
enum { ALTERNATE = 32 * 1024 };

typedef void namer(void *slot_address, char *text, size_t size);

static _Atomic(namer *) name_of;
static struct sigaction before_segv, before_bus;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int installed; /* 0 or -errno */
static size_t signal_frame; /* what the kernel pushes for a signal, all registers included */

static __thread void *alternate; /* NULL: the thread's alternate stack is not ours */
static __thread size_t alternate_size;

void asyncio__stack_set_namer(namer *name)
{
    atomic_store(&name_of, name);
}

static char *stack_pointer(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (char *)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (char *)context->uc_mcontext.sp;
#endif
}

/* 1 and the slot, when the fault is an overflow of one of our stacks. */
static int is_overflow(const siginfo_t *info, const ucontext_t *context, char **ret_slot,
                       size_t *ret_size)
{
    char *sp = stack_pointer(context), *address = info->si_addr, *slab, *slot;
    size_t size, guard = asyncio__guard_bytes();
    if (info->si_code <= 0)
        return 0; /* somebody's kill() */
    if (info->si_code == SI_KERNEL)
        address = sp - signal_frame;
    if (!asyncio__slab_find(address, &slab, &slot, &size) || address >= slot + guard)
        return 0;
    if (sp < slab || sp >= slot + size)
        return 0;
    *ret_slot = slot;
    *ret_size = size - guard;
    return 1;
}

static size_t append(char *line, size_t length, size_t size, const char *text)
{
    while (*text && length < size)
        line[length++] = *text++;
    return length;
}

static size_t append_number(char *line, size_t length, size_t size, size_t number)
{
    char digits[24], *first = digits + sizeof digits - 1;
    *first = 0;
    do
        *--first = (char)('0' + number % 10);
    while (number /= 10);
    return append(line, length, size, first);
}

static void report(char *slot, size_t usable)
{
    char line[512], name[128] = "";
    namer *function = atomic_load(&name_of);
    if (function)
        function(slot + asyncio__guard_bytes(), name, sizeof name);
    name[sizeof name - 1] = 0;
    size_t n = append(line, 0, sizeof line, "asyncio: stack overflow in ");
    n = append(line, n, sizeof line, name[0] ? "task '" : "a task");
    n = append(line, n, sizeof line, name);
    n = append(line, n, sizeof line, name[0] ? "': its " : ": its ");
    n = append_number(line, n, sizeof line, usable / 1024);
    n = append(line, n, sizeof line,
               " KiB of stack are used up; give it more with .stack_size, or all tasks with the "
               "environment variable ASYNCIO_STACK_SIZE\n");
    for (size_t done = 0; done < n;) {
        ssize_t r = write(STDERR_FILENO, line + done, n - done);
        if (r <= 0 && errno != EINTR)
            break;
        done += r > 0 ? (size_t)r : 0;
    }
}

/* As if we had not been there: the default action strikes when the handler returns, at the place
 * of the fault. */
static void die(int number)
{
    struct sigaction standard = { .sa_handler = SIG_DFL };
    sigaction(number, &standard, NULL);
    syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), number); /* blocked until we return */
}

static void chain(int number, siginfo_t *info, void *context)
{
    const struct sigaction *before = number == SIGSEGV ? &before_segv : &before_bus;
    sigset_t mask = before->sa_mask, old;
    if (!(before->sa_flags & SA_SIGINFO) && before->sa_handler == SIG_IGN && info->si_code <= 0)
        return; /* sent, and ignored; a real fault cannot be ignored */
    if (!(before->sa_flags & SA_SIGINFO) &&
        (before->sa_handler == SIG_DFL || before->sa_handler == SIG_IGN)) {
        die(number);
        return;
    }
    if (before->sa_flags & SA_NODEFER)
        sigdelset(&mask, number);
    else
        sigaddset(&mask, number);
    pthread_sigmask(SIG_BLOCK, &mask, &old);
    if (before->sa_flags & SA_NODEFER) {
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, number);
        pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    }
    if (before->sa_flags & SA_SIGINFO)
        before->sa_sigaction(number, info, context);
    else
        before->sa_handler(number);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    char *slot;
    size_t usable;
    if (is_overflow(info, context, &slot, &usable)) {
        report(slot, usable);
        die(number);
    } else {
        chain(number, info, context);
    }
    errno = saved;
}

static void install(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigemptyset(&action.sa_mask);
    (void)asyncio__guard_bytes(); /* the probe must not happen in the handler */
    size_t least = getauxval(AT_MINSIGSTKSZ);
    signal_frame = least > 2048 ? least : 2048;
    /* Read first, so that a fault between the two calls finds where to go on. */
    if (sigaction(SIGSEGV, NULL, &before_segv) < 0 || sigaction(SIGBUS, NULL, &before_bus) < 0 ||
        sigaction(SIGSEGV, &action, NULL) < 0 || sigaction(SIGBUS, &action, NULL) < 0)
        installed = -errno;
}

int asyncio__stack_overflow_handler_install(void)
{
    stack_t now;
    if (sigaltstack(NULL, &now) < 0)
        return -errno;
    if (now.ss_flags & SS_DISABLE) {
        size_t page = asyncio__guard_page(), least = getauxval(AT_MINSIGSTKSZ);
        size_t size = ((least + ALTERNATE + page - 1) & ~(page - 1)) + page;
        char *memory = asyncio__guard_map(size, page);
        if (!memory)
            return -ENOMEM;
        stack_t ours = { .ss_sp = memory + page, .ss_size = size - page };
        if (mprotect(memory, page, PROT_NONE) < 0 || sigaltstack(&ours, NULL) < 0) {
            int r = -errno;
            asyncio__guard_unmap(memory, size);
            return r;
        }
        alternate = memory;
        alternate_size = size;
    }
    pthread_once(&once, install);
    return installed;
}

void asyncio__stack_overflow_handler_thread_exit(void)
{
    stack_t now, off = { .ss_flags = SS_DISABLE };
    if (!alternate)
        return;
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == (char *)alternate + asyncio__guard_page() &&
        sigaltstack(&off, NULL) < 0)
        return; /* we are running on it */
    asyncio__guard_unmap(alternate, alternate_size);
    alternate = NULL;
}
