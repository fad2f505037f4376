/* SPDX-License-Identifier: MIT */
/* The watchdog: a thread for each watched loop.
 *
 *      the loop's thread                         the watchdog's
 *      loop->ran++ for each step                 every quarter of the limit: has it moved?
 *      watcher.activity++ around each wait       odd: parks, until the loop tells that it goes on
 *                                                unmoved for the limit: takes a snapshot, names
 *                                                the frames, reports; once for each step
 *
 * So a loop that is idle costs nothing, one that is busy four looks per limit. What is counted is
 * the time the watchdog saw pass: when the whole process stood still (a debugger, SIGSTOP), the
 * loop did not block. A step is caught for sure when it takes 1.25 of the limit, never before it
 * has taken the limit; but not while the watchdog names the frames of the one before, which can
 * take a tenth of a second when it first reads debug information. */
#include <asyncio/watchdog.h>

#include "base/alloc.h"
#include "base/background.h"
#include "base/clock.h"
#include "inspect/snapshot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOKS = 4, INTERVAL_MIN_NS = 50 * 1000 };

struct watchdog {
    struct watcher watcher;
    struct closer closer;
    asyncio_loop *loop;
    int64_t limit, interval; /* ns */
    void (*report)(const asyncio_watchdog_report *report, void *data);
    void *data;
    pthread_t thread;
    pid_t process;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* stopping, or no longer parked */
    bool stopping;
    /* The watchdog's thread only. */
    unsigned long ran, activity;
    int64_t looked_at, blocked;
    bool is_reported;
    struct snapshot snapshot;
    asyncio_frame frames[SNAPSHOT_FRAMES];
};

static struct watchdog *of_watcher(struct watcher *watcher)
{
    return container_of(watcher, struct watchdog, watcher);
}

#if defined(__clang__)
#define UNSEEN_BY_TSAN __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define UNSEEN_BY_TSAN __attribute__((noinline, no_sanitize("thread")))
#endif

/* The counter is the loop's own and not atomic, so that it costs the loop nothing; a word that is
 * one step old is as good. */
UNSEEN_BY_TSAN static unsigned long ran_now(const asyncio_loop *loop)
{
    return *(const volatile unsigned long *)&loop->ran;
}

/* --- reporting --- */

static void default_report(const asyncio_watchdog_report *report, void *data)
{
    char text[FRAME_TEXT_MAX];
    (void)data;
    flockfile(stderr);
    if (report->task)
        (void)fprintf(stderr, "asyncio: the task '%s' has been blocking its loop for %.3f s",
                      report->task, report->blocked);
    else
        (void)fprintf(stderr, "asyncio: a callback has been blocking its loop for %.3f s",
                      report->blocked);
    (void)fputs(report->frame_count ? " (most recent call last):\n"
                                    : "; its frames are not known\n",
                stderr);
    for (size_t i = report->frame_count; i-- > 0;) {
        asyncio__frame_text(&report->frames[i], text, sizeof text);
        (void)fputs(text, stderr);
    }
    funlockfile(stderr);
}

/* Without the lock: naming takes its time, and the report is the user's. */
static void bark(struct watchdog *dog)
{
    struct snapshot *snapshot = &dog->snapshot;
    int r =
        asyncio__snapshot_take(dog->loop, atomic_load(&dog->watcher.thread), dog->ran, snapshot);
    if (r == -ESTALE || r == -ESRCH)
        return; /* just over */
    size_t count = r == 0 ? asyncio__frames_of_step(snapshot->frames, snapshot->frame_count) : 0;
    int named = asyncio__frames_name(snapshot->frames, count, false, dog->frames, SNAPSHOT_FRAMES);
    asyncio_watchdog_report report = {
        .task = r == 0 && snapshot->has_task ? snapshot->task : NULL,
        .blocked = (double)dog->blocked * 1e-9,
        .frames = dog->frames,
        .frame_count = named > 0 ? (size_t)named : 0,
    };
    (dog->report ? dog->report : default_report)(&report, dog->data);
}

/* --- watching --- */

static void wait_until(struct watchdog *dog, int64_t when)
{
    struct timespec time = timespec_of(when);
    int r = 0;
    while (!dog->stopping && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&dog->changed, &dog->mutex, &time);
}

/* Sleeps while the loop does. It is told that we park before the last look, and the loop looks for
 * that after it has told that it goes on: one of the two sees the other. */
static void park(struct watchdog *dog)
{
    atomic_store(&dog->watcher.parked, true);
    while (!dog->stopping && atomic_load(&dog->watcher.parked) &&
           atomic_load(&dog->watcher.activity) == dog->activity)
        (void)pthread_cond_wait(&dog->changed, &dog->mutex);
    atomic_store(&dog->watcher.parked, false);
}

/* Any thread: in fact the loop's. */
static void unpark(struct watcher *watcher)
{
    struct watchdog *dog = of_watcher(watcher);
    (void)pthread_mutex_lock(&dog->mutex);
    atomic_store(&watcher->parked, false);
    (void)pthread_cond_signal(&dog->changed);
    (void)pthread_mutex_unlock(&dog->mutex);
}

static void look(struct watchdog *dog)
{
    unsigned long activity = atomic_load(&dog->watcher.activity), ran = ran_now(dog->loop);
    int64_t now = clock_ns(), passed = now - dog->looked_at;
    dog->looked_at = now;
    if (activity != dog->activity || ran != dog->ran) {
        dog->activity = activity;
        dog->ran = ran;
        dog->blocked = 0;
        dog->is_reported = false;
    } else if (activity & 1) {
        park(dog);
    } else {
        dog->blocked += passed < 2 * dog->interval ? passed : 2 * dog->interval;
        if (dog->blocked >= dog->limit && !dog->is_reported) {
            dog->is_reported = true;
            (void)pthread_mutex_unlock(&dog->mutex);
            bark(dog);
            (void)pthread_mutex_lock(&dog->mutex);
        }
    }
}

static void *watch(void *argument)
{
    struct watchdog *dog = argument;
    (void)pthread_mutex_lock(&dog->mutex);
    while (!dog->stopping) {
        look(dog);
        wait_until(dog, clock_ns() + dog->interval);
    }
    (void)pthread_mutex_unlock(&dog->mutex);
    return NULL;
}

/* --- beginning and end --- */

static void close_with_loop(struct closer *closer, asyncio_loop *loop)
{
    (void)closer;
    asyncio_loop_stop_watchdog(loop);
}

static struct watchdog *make(asyncio_loop *loop, const asyncio_watchdog_options *options)
{
    struct watchdog *dog = asyncio__calloc(1, sizeof *dog);
    if (!dog)
        return NULL;
    dog->loop = loop;
    dog->limit = (int64_t)(fmin(options->limit, 1e9) * 1e9);
    dog->interval = dog->limit / LOOKS > INTERVAL_MIN_NS ? dog->limit / LOOKS : INTERVAL_MIN_NS;
    dog->report = options->report;
    dog->data = options->data;
    dog->process = getpid();
    dog->closer.close = close_with_loop;
    dog->watcher.unpark = unpark;
    bool is_running = asyncio_get_running_loop() == loop;
    atomic_init(&dog->watcher.activity, !is_running);
    atomic_init(&dog->watcher.thread, (int)syscall(SYS_gettid));
    (void)pthread_mutex_init(&dog->mutex, NULL);
    asyncio__background_cond_init(&dog->changed);
    return dog;
}

static void destroy(struct watchdog *dog)
{
    (void)pthread_cond_destroy(&dog->changed);
    (void)pthread_mutex_destroy(&dog->mutex);
    asyncio__free(dog);
}

static int start_thread(struct watchdog *dog)
{
    int r = asyncio__background_start(&dog->thread, NULL, watch, dog);
    if (r == 0)
        (void)pthread_setname_np(dog->thread, "asyncio-watch");
    return r == 0 ? 0 : -EAGAIN;
}

int(asyncio_loop_start_watchdog)(asyncio_loop *loop, const asyncio_watchdog_options *options)
{
    static const asyncio_watchdog_options defaults = { .size = sizeof defaults,
                                                       .limit = ASYNCIO__DEFAULT_WATCHDOG_LIMIT };
    if (!options)
        options = &defaults;
    int r = asyncio__loop_check(loop);
    if (r < 0)
        return r;
    if (isnan(options->limit) || options->limit <= 0)
        return -EINVAL;
    if (loop->watchdog)
        return -EALREADY;
    struct watchdog *dog = make(loop, options);
    if (!dog)
        return -ENOMEM;
    r = asyncio__snapshot_open();
    if (r >= 0 && (r = start_thread(dog)) < 0)
        asyncio__snapshot_close();
    if (r < 0) {
        destroy(dog);
        return r;
    }
    list_prepend(&loop->closers, &dog->closer.link);
    loop->watchdog = &dog->watcher;
    return 0;
}

void asyncio_loop_stop_watchdog(asyncio_loop *loop)
{
    struct watchdog *dog = loop->watchdog ? of_watcher(loop->watchdog) : NULL;
    if (!dog)
        return;
    loop->watchdog = NULL;
    list_remove(&dog->closer.link);
    if (dog->process != getpid()) {
        asyncio__free(dog); /* forked: its thread is not here, and may have held the lock */
        return;
    }
    (void)pthread_mutex_lock(&dog->mutex);
    dog->stopping = true;
    (void)pthread_cond_signal(&dog->changed);
    (void)pthread_mutex_unlock(&dog->mutex);
    (void)pthread_join(dog->thread, NULL);
    asyncio__snapshot_close();
    destroy(dog);
}

/* --- ASYNCIO_WATCHDOG=SECONDS: for programs that do not ask for it --- */

static double limit_for_all;

static void watch_new_loop(asyncio_loop *loop)
{
    int r = asyncio_loop_start_watchdog(loop, .limit = limit_for_all);
    (void)r; /* the program did not ask: it runs unwatched */
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *value = getenv("ASYNCIO_WATCHDOG");
    limit_for_all = value ? strtod(value, NULL) : 0;
    if (limit_for_all > 0)
        asyncio__loop_made = watch_new_loop;
}
