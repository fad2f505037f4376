/* SPDX-License-Identifier: MIT */
/* See snapshot.h.
 *
 * `state` says whose the request and the snapshot are: the asking thread's while IDLE, the
 * handler's while TAKING. A signal that comes late finds no request, or one that is not for its
 * thread's loop, and does nothing; as long as one may still come, the handler stays installed: the
 * default action of these signals ends the process. */
#include "inspect/snapshot.h"

#include "base/background.h"
#include "base/clock.h"
#include "task/task.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { IDLE, REQUESTED, TAKING, TAKEN, STALE };
enum { PATIENCE_NS = 1000 * 1000 * 1000, POLL_NS = 200 * 1000 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never;
static unsigned users;
static int signal_number; /* 0: none is taken */
static struct sigaction before;

static atomic_int state;
static _Atomic(asyncio_loop *) wanted_loop;
static atomic_ulong wanted_ran;
static void (*wanted_visit)(asyncio_loop *loop, const struct interrupted *where, void *data);
static void *wanted_data; /* both written before the request, read behind it */
static struct snapshot snapshot;
static atomic_uint sent, handled;

/* --- in the loop's thread, in a signal handler --- */

static struct interrupted interrupted_at(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (struct interrupted){ (void *)context->uc_mcontext.gregs[REG_RIP],
                                 (void *)context->uc_mcontext.gregs[REG_RSP] };
#elif defined(__aarch64__)
    return (struct interrupted){ (void *)context->uc_mcontext.pc,
                                 (void *)context->uc_mcontext.sp };
#endif
}

void asyncio__snapshot_name(const asyncio_task *task, char *ret_name)
{
    static const char prefix[] = "Task-";
    const char *name = task_name(task);
    if (name) {
        size_t length = strnlen(name, SNAPSHOT_NAME - 1);
        memcpy(ret_name, name, length);
        ret_name[length] = 0;
        return;
    }
    char digits[12], *first = digits + sizeof digits - 1;
    *first = 0;
    uint32_t number = task->number;
    do
        *--first = (char)('0' + number % 10);
    while (number /= 10);
    memcpy(ret_name, prefix, sizeof prefix - 1);
    memcpy(ret_name + sizeof prefix - 1, first,
           (size_t)(digits + sizeof digits - first));
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    int saved_errno = errno, requested = REQUESTED;
    atomic_fetch_add(&handled, 1);
    asyncio_loop *loop = asyncio__thread.loop;
    if (loop && atomic_load(&state) == REQUESTED && atomic_load(&wanted_loop) == loop &&
        atomic_compare_exchange_strong(&state, &requested, TAKING)) {
        if (atomic_load(&wanted_loop) != loop) {
            atomic_store(&state, REQUESTED);
        } else if (wanted_visit) {
            const struct interrupted where = interrupted_at(context);
            wanted_visit(loop, &where, wanted_data);
            atomic_store(&state, TAKEN);
        } else if (loop->ran != atomic_load(&wanted_ran)) {
            atomic_store(&state, STALE);
        } else {
            const asyncio_task *task = task_current();
            snapshot.has_task = task != NULL;
            if (task)
                asyncio__snapshot_name(task, snapshot.task);
            snapshot.frame_count = asyncio__frames_here(snapshot.frames, SNAPSHOT_FRAMES,
                                                        interrupted_at(context).ip);
            atomic_store(&state, TAKEN);
        }
    }
    errno = saved_errno;
}

/* --- in the asking thread --- */

/* The parent's threads do not exist in the child: nobody waits, and nobody holds the lock. */
static void forget_after_fork(void)
{
    (void)pthread_mutex_init(&mutex, NULL);
    atomic_store(&state, IDLE);
    atomic_store(&sent, atomic_load(&handled));
}

static void prepare(void)
{
    asyncio__background_cond_init(&never);
    (void)pthread_atfork(NULL, NULL, forget_after_fork);
    asyncio__frames_prepare();
}

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_signal;
}

static bool interrupt(int thread, int number)
{
    atomic_fetch_add(&sent, 1);
    if (syscall(SYS_tgkill, getpid(), thread, number) == 0)
        return true;
    atomic_fetch_sub(&sent, 1);
    return false;
}

/* From above: the lowest ones are what programs take first. The highest is valgrind's. Tried out:
 * under qemu some can be handled, but not sent. */
static int take_signal(void)
{
    struct sigaction action = { .sa_sigaction = on_signal,
                                .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP };
    (void)sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        (void)sigdelset(&action.sa_mask, faults[i]);
    for (int number = SIGRTMAX - 1; number >= SIGRTMIN; number--) {
        if (sigaction(number, NULL, &before) < 0 || (before.sa_flags & SA_SIGINFO) ||
            before.sa_handler != SIG_DFL || sigaction(number, &action, NULL) < 0)
            continue;
        if (interrupt((int)syscall(SYS_gettid), number)) {
            signal_number = number;
            return 0;
        }
        (void)sigaction(number, &before, NULL);
    }
    return -EAGAIN;
}

static void give_signal_back(void)
{
    struct sigaction now;
    if (atomic_load(&sent) != atomic_load(&handled))
        return;
    if (sigaction(signal_number, NULL, &now) == 0 && is_ours(&now))
        (void)sigaction(signal_number, &before, NULL);
    signal_number = 0;
}

int asyncio__snapshot_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, prepare);
    (void)pthread_mutex_lock(&mutex);
    int r = signal_number ? 0 : take_signal();
    users += r == 0;
    (void)pthread_mutex_unlock(&mutex);
    return r;
}

void asyncio__snapshot_close(void)
{
    (void)pthread_mutex_lock(&mutex);
    if (--users == 0)
        give_signal_back();
    (void)pthread_mutex_unlock(&mutex);
}

/* Nobody signals: the handler may not. */
static void wait_until(int64_t when)
{
    struct timespec time = timespec_of(when);
    (void)pthread_cond_timedwait(&never, &mutex, &time);
}

static int wait_for_handler(void)
{
    int64_t now = clock_ns(), end = now + PATIENCE_NS, pause = POLL_NS;
    for (;;) {
        int is = atomic_load(&state), requested = REQUESTED;
        if (is == TAKEN || is == STALE)
            return is == TAKEN ? 0 : -ESTALE;
        if (now >= end && atomic_compare_exchange_strong(&state, &requested, IDLE))
            return -ETIMEDOUT;
        wait_until(now + pause);
        pause = pause < POLL_NS * 32 ? pause * 2 : pause;
        now = clock_ns();
    }
}

/* With the lock. */
static int request(asyncio_loop *loop, int thread)
{
    atomic_store(&wanted_loop, loop);
    atomic_store(&state, REQUESTED);
    return interrupt(thread, signal_number) ? wait_for_handler() : -ESRCH;
}

static void lock_when_idle(void)
{
    (void)pthread_mutex_lock(&mutex);
    while (atomic_load(&state) != IDLE) /* another thread's, which waits and has let go the lock */
        wait_until(clock_ns() + POLL_NS);
}

int asyncio__snapshot_visit(asyncio_loop *loop, int thread,
                            void (*visit)(asyncio_loop *loop, const struct interrupted *where,
                                          void *data),
                            void *data)
{
    lock_when_idle();
    wanted_visit = visit;
    wanted_data = data;
    int r = request(loop, thread);
    wanted_visit = NULL;
    atomic_store(&state, IDLE);
    (void)pthread_mutex_unlock(&mutex);
    return r;
}

int asyncio__snapshot_take(asyncio_loop *loop, int thread, unsigned long ran,
                           struct snapshot *ret_snapshot)
{
    lock_when_idle();
    atomic_store(&wanted_ran, ran);
    int r = request(loop, thread);
    if (r == 0)
        *ret_snapshot = snapshot;
    atomic_store(&state, IDLE);
    (void)pthread_mutex_unlock(&mutex);
    return r;
}
