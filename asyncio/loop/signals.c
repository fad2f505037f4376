/* SPDX-License-Identifier: MIT */
/* Signals, delivered by the loop.
 *
 * The handler proper only notes the arrival and wakes the loop; what the user gave runs as a
 * handle of the next turn. One loop at a time owns a signal: the table is per process, as
 * dispositions are. */
#include "loop/handle.h"

#include "base/alloc.h"

#include <sched.h>
#include <signal.h>

struct signal_watch {
    struct handle handle;
    _Atomic(asyncio_loop *) loop;
    atomic_bool arrived;
    asyncio_signal_callback *callback;
    void *data;
    void (*destroy)(void *data);
    struct sigaction before;
    atomic_uint unanswered;           /* arrivals since the loop last looked */
    atomic_bool fatal_when_stuck;
    atomic_uint inside;               /* threads in on_signal: the loop has to stay */
    void (*_Atomic noticed)(void *data);
};

enum { UNANSWERED_MAX = 2 };

static struct signal_watch watches[NSIG];

static void on_signal(int signal_number)
{
    int saved_errno = errno;
    struct signal_watch *watch = &watches[signal_number];
    atomic_fetch_add(&watch->inside, 1);
    asyncio_loop *loop = atomic_load(&watch->loop);
    if (loop) {
        if (atomic_fetch_add(&watch->unanswered, 1) >= UNANSWERED_MAX && watch->fatal_when_stuck) {
            (void)signal(signal_number, SIG_DFL);
            (void)raise(signal_number);
        }
        void (*noticed)(void *) = atomic_load(&watch->noticed);
        if (noticed)
            noticed(watch->data);
        atomic_store(&watch->arrived, true);
        atomic_store(&loop->signals, true);
        if (atomic_load(&loop->sleeping))
            asyncio__loop_wake(loop);
    }
    atomic_fetch_sub(&watch->inside, 1);
    errno = saved_errno;
}

static void run(struct handle *handle, asyncio_loop *loop)
{
    struct signal_watch *watch = container_of(handle, struct signal_watch, handle);
    if (loop && watch->callback)
        watch->callback((int)(watch - watches), watch->data);
}

const void *asyncio__signal_function(const struct handle *handle)
{
    if (handle->run != run)
        return NULL;
    return (const void *)(uintptr_t)container_of(handle, struct signal_watch, handle)->callback;
}

void asyncio__loop_take_signals(asyncio_loop *loop)
{
    if (!atomic_exchange(&loop->signals, false))
        return;
    for (int i = 1; i < NSIG; i++) {
        struct signal_watch *watch = &watches[i];
        if (atomic_load(&watch->loop) != loop || !atomic_exchange(&watch->arrived, false))
            continue;
        atomic_store(&watch->unanswered, 0);
        if (list_empty(&watch->handle.link))
            asyncio__loop_call(loop, &watch->handle);
    }
}

/* Other threads' handlers may still have the loop, or the data. */
static void wait_for_handlers(struct signal_watch *watch, asyncio_loop *loop)
{
    while (atomic_load(&watch->inside) && !backend_is_inherited(loop->backend))
        sched_yield();
}

void asyncio__loop_notice_signal(asyncio_loop *loop, int signal_number,
                                 void (*noticed)(void *data))
{
    if (atomic_load(&watches[signal_number].loop) == loop)
        atomic_store(&watches[signal_number].noticed, noticed);
}

int(asyncio_loop_add_signal_handler)(asyncio_loop *loop, int signal_number,
                                     asyncio_signal_callback *callback,
                                     const asyncio_watch_options *options)
{
    int r = asyncio__loop_check(loop);
    if (r < 0)
        return r;
    if (!callback || signal_number < 1 || signal_number >= NSIG || signal_number == SIGKILL ||
        signal_number == SIGSTOP)
        return -EINVAL;
    struct signal_watch *watch = &watches[signal_number];
    asyncio_loop *nobody = NULL;
    bool is_new = atomic_compare_exchange_strong(&watch->loop, &nobody, loop);
    if (!is_new && nobody != loop)
        return -EBUSY;
    if (is_new) {
        list_init(&watch->handle.link);
        watch->handle.run = run;
        atomic_store(&watch->arrived, false);
        atomic_store(&watch->unanswered, 0);
        struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        sigemptyset(&action.sa_mask);
        if (sigaction(signal_number, &action, &watch->before) < 0) {
            r = -errno;
            atomic_store(&watch->loop, NULL);
            return r;
        }
        loop->signal_count++;
    }
    if (atomic_exchange(&watch->noticed, NULL))
        wait_for_handlers(watch, loop);
    void (*destroy)(void *) = watch->destroy;
    void *data = watch->data;
    atomic_store(&watch->fatal_when_stuck, false);
    watch->callback = callback;
    watch->data = options ? options->data : NULL;
    watch->destroy = options ? options->destroy : NULL;
    if (destroy)
        destroy(data); /* last: it may remove what was just added */
    return 0;
}

int asyncio_loop_remove_signal_handler(asyncio_loop *loop, int signal_number)
{
    if (signal_number < 1 || signal_number >= NSIG)
        return -EINVAL;
    int r = asyncio__loop_check_thread(loop, "asyncio_loop_remove_signal_handler");
    if (r < 0)
        return r;
    struct signal_watch *watch = &watches[signal_number];
    if (atomic_load(&watch->loop) != loop)
        return 0;
    (void)sigaction(signal_number, &watch->before, NULL);
    void (*destroy)(void *) = watch->destroy;
    void *data = watch->data;
    watch->callback = NULL;
    watch->destroy = NULL;
    list_remove(&watch->handle.link);
    loop->signal_count--;
    atomic_store(&watch->noticed, NULL);
    wait_for_handlers(watch, loop);
    atomic_store(&watch->loop, NULL); /* from here on it may be another loop's, data and all */
    wait_for_handlers(watch, loop);
    if (destroy)
        destroy(data);
    return 1;
}

void asyncio__loop_close_signals(asyncio_loop *loop)
{
    for (int i = 1; i < NSIG && loop->signal_count; i++)
        (void)asyncio_loop_remove_signal_handler(loop, i);
}

int asyncio__loop_watch_interrupt(asyncio_loop *loop, asyncio_signal_callback *callback, void *data)
{
    int r = asyncio_loop_add_signal_handler(loop, SIGINT, callback, .data = data);
    if (r >= 0)
        atomic_store(&watches[SIGINT].fatal_when_stuck, true);
    return r;
}

bool asyncio__loop_watches_interrupt(asyncio_loop *loop, asyncio_signal_callback *callback)
{
    return atomic_load(&watches[SIGINT].loop) == loop && watches[SIGINT].callback == callback;
}
