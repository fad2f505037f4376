/* SPDX-License-Identifier: MIT */
/* A loop's life: made, run, stopped, closed, freed. What a turn does is in turn.c. */
#include "loop/loop.h"

#include "base/alloc.h"
#include "base/context.h"
#include "coro/stack.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEFAULT_STACK_SIZE = 65536 };

struct list asyncio__loops = LIST_INIT(asyncio__loops);
static pthread_mutex_t loops_mutex = PTHREAD_MUTEX_INITIALIZER;

void (*asyncio__loop_made)(asyncio_loop *loop);

static void list_loop(asyncio_loop *loop)
{
    static uint64_t last_number;
    (void)pthread_mutex_lock(&loops_mutex);
    loop->number = ++last_number;
    list_append(&asyncio__loops, &loop->all);
    (void)pthread_mutex_unlock(&loops_mutex);
}

static void unlist_loop(asyncio_loop *loop)
{
    (void)pthread_mutex_lock(&loops_mutex);
    list_remove(&loop->all);
    (void)pthread_mutex_unlock(&loops_mutex);
}

static void before_fork(void)
{
    (void)pthread_mutex_lock(&loops_mutex);
}

static void after_fork_in_parent(void)
{
    (void)pthread_mutex_unlock(&loops_mutex);
}

/* Who asks an inherited loop for something is told so. */
static void after_fork_in_child(void)
{
    for (struct list *node = asyncio__loops.next; node != &asyncio__loops; node = node->next)
        atomic_store(&container_of(node, asyncio_loop, all)->wants_check, true);
    (void)pthread_mutex_unlock(&loops_mutex);
    asyncio__thread.loop = NULL;
    asyncio__thread.task = NULL;
    asyncio__thread.env = NULL;
}

static unsigned long step_number(void)
{
    const asyncio_loop *loop = asyncio__thread.loop;
    return loop ? loop->ran : 0;
}

/* Errors know no loops. */
__attribute__((constructor)) static void give_to_base(void)
{
    asyncio__step_number = step_number;
}

static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static bool environment_says_yes(const char *name)
{
    const char *value = getenv(name);
    return value && *value && strcmp(value, "0") != 0;
}

/* A number by an environment variable; unset or empty is none. 0, or -EINVAL: what was meant by it
 * would silently not happen. */
static int number_of(const char *name, uint64_t most, uint64_t *ret_value)
{
    const char *text = getenv(name);
    if (!text || !*text)
        return 0;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value > most)
        return asyncio_raise(-EINVAL, "%s=%s is no number from 0 to %" PRIu64, name, text, most);
    *ret_value = value;
    return 0;
}

/* What the options left open. */
static int ask_environment(asyncio_loop *loop, struct backend_limits *limits)
{
    uint64_t stack_size = 0, chop = 0, seed = 0;
    int r = number_of("ASYNCIO_STACK_SIZE", (uint64_t)1 << 30, &stack_size);
    if (r < 0 || (r = number_of("ASYNCIO_MAX_IO_BYTES", UINT_MAX, &chop)) < 0 ||
        (r = number_of("ASYNCIO_SIM_SEED", UINT64_MAX, &seed)) < 0)
        return r;
    if (!loop->stack_size)
        loop->stack_size = stack_size ? stack_size : DEFAULT_STACK_SIZE;
    if (!limits->chop)
        limits->chop = (unsigned)chop;
    if (!limits->seed)
        limits->seed = seed;
    return 0;
}

/* The floors above assert that their objects fit. */
static const size_t freelist_sizes[LOOP_FREELISTS] = { 64, LOOP_TASK_SIZE, LOOP_HANDLE_SIZE, 192 };

static void init(asyncio_loop *loop, const asyncio_loop_options *options)
{
    list_init(&loop->ready);
    list_init(&loop->batch);
    list_init(&loop->tasks);
    list_init(&loop->followers);
    list_init(&loop->closers);
    list_init(&loop->creations);
    list_init(&loop->lent_frames);
    for (int i = 0; i < LOOP_FREELISTS; i++)
        asyncio__freelist_init(&loop->freelists[i], freelist_sizes[i]);
    loop->look_interval = 16;
    loop->slow_ns = LOOP_SLOW_NS;
    loop->poll_every_turn =
        options->poll_every_turn || environment_says_yes("ASYNCIO_POLL_EVERY_TURN");
    loop->debug = environment_says_yes("ASYNCIO_DEBUG");
    atomic_init(&loop->wants_check, loop_debugs(loop));
    loop->stack_size = options->stack_size;
    loop->forks = atomic_load(&asyncio__forks);
    loop->thread = pthread_self();
    atomic_init(&loop->refs, 1);
}

static int remember_reason(asyncio_loop *loop, const char *reason)
{
    const char *name = loop->backend->type->name;
    size_t size = strlen(name) + strlen(reason) + 3;
    loop->backend_reason = asyncio__malloc(size);
    if (!loop->backend_reason)
        return -ENOMEM;
    snprintf(loop->backend_reason, size, "%s: %s", name, reason);
    return 0;
}

int(asyncio_loop_new)(asyncio_loop **ret_loop, const asyncio_loop_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, watch_forks);
    asyncio__forks_watch();

    asyncio_loop_options defaults = { .size = sizeof defaults };
    if (!options)
        options = &defaults;
    asyncio_loop *loop = asyncio__calloc(1, sizeof *loop);
    if (!loop)
        return -ENOMEM;
    init(loop, options);
    struct backend_limits limits = { .seed = options->seed, .chop = options->max_io_bytes };
    const char *reason;
    int r = ask_environment(loop, &limits);
    if (r >= 0)
        r = asyncio__backend_new(options->backend, &limits, &loop->backend, &reason);
    if (r >= 0 && (r = remember_reason(loop, reason)) < 0)
        asyncio__backend_free(loop->backend);
    if (r < 0) {
        asyncio__free(loop);
        return r;
    }
    /* with jobs of its own, a backend simulates threads, and the time */
    loop->spin.pays = !loop->backend->type->job && asyncio__processors() > 1;
    loop->now_at_poll = asyncio__loop_now(loop);
    asyncio__timers_init(&loop->timers, loop->now_at_poll);
    list_loop(loop);
    if (asyncio__loop_made)
        asyncio__loop_made(loop);
    *ret_loop = loop;
    return 0;
}

int asyncio_new_event_loop(asyncio_loop **ret_loop)
{
    return asyncio_loop_new(ret_loop);
}

asyncio_loop *asyncio_loop_ref(asyncio_loop *loop)
{
    if (loop)
        atomic_fetch_add_explicit(&loop->refs, 1, memory_order_relaxed);
    return loop;
}

static void free_loop(asyncio_loop *loop)
{
    for (int i = 0; i < LOOP_FREELISTS; i++)
        asyncio__freelist_fini(&loop->freelists[i]);
    asyncio__free(loop->backend_reason);
    asyncio__free(loop);
}

/* CPython's ResourceWarning. Only its objects hold it, or nobody: a reference of our own is for who
 * looks at it while it closes. */
static void close_forgotten(asyncio_loop *loop)
{
    char message[96], pending[48] = "";
    size_t tasks = 0;
    for (struct list *node = loop->tasks.next; node != &loop->tasks; node = node->next)
        tasks++;
    if (tasks)
        (void)snprintf(pending, sizeof pending, ": %zu task%s pending", tasks,
                       tasks == 1 ? " is" : "s are");
    (void)snprintf(message, sizeof message, "the event loop was not closed%s", pending);
    asyncio__loop_report(loop, message, 0, NULL, NULL, NULL);
    (void)asyncio_loop_close(loop);
}

void asyncio__loop_release(asyncio_loop *loop, unsigned one)
{
    unsigned left = atomic_fetch_sub_explicit(&loop->refs, one, memory_order_acq_rel) - one;
    if ((left & ~LOOP_HELD_BY_OBJECTS) == 0 && !atomic_load(&loop->closed)) {
        atomic_fetch_add(&loop->refs, 1);
        close_forgotten(loop);
        left = atomic_fetch_sub(&loop->refs, 1) - 1;
    }
    if (left == 0)
        free_loop(loop);
}

void asyncio_loop_unref(asyncio_loop *loop)
{
    if (loop)
        asyncio__loop_release(loop, 1);
}

asyncio_loop *asyncio_get_running_loop(void)
{
    return asyncio__thread.loop;
}

asyncio_loop *asyncio_get_event_loop(void)
{
    return asyncio__thread.loop ? asyncio__thread.loop : asyncio__thread.set_loop;
}

void asyncio_set_event_loop(asyncio_loop *loop)
{
    asyncio_loop *old = asyncio__thread.set_loop;
    asyncio__thread.set_loop = asyncio_loop_ref(loop);
    asyncio_loop_unref(old);
}

const char *asyncio_loop_backend(const asyncio_loop *loop)
{
    return loop->backend_reason;
}

int asyncio_loop_is_running(const asyncio_loop *loop)
{
    return atomic_load(&loop->running);
}

int asyncio_loop_is_closed(const asyncio_loop *loop)
{
    return atomic_load(&loop->closed);
}

void asyncio_loop_set_debug(asyncio_loop *loop, int enabled)
{
    loop->debug = enabled != 0;
    atomic_store(&loop->wants_check, loop_debugs(loop) || atomic_load(&loop->closed) ||
                                         asyncio__is_inherited(loop->forks));
}

int asyncio_loop_get_debug(const asyncio_loop *loop)
{
    return loop->debug;
}

int asyncio_loop_set_slow_callback_duration(asyncio_loop *loop, double seconds)
{
    if (isnan(seconds))
        return asyncio_raise(-EINVAL, "a duration cannot be NaN (not a number)");
    loop->slow_ns = (int64_t)(fmax(fmin(seconds, 9e9), -9e9) * 1e9);
    return 0;
}

double asyncio_loop_slow_callback_duration(const asyncio_loop *loop)
{
    return asyncio__seconds(loop->slow_ns);
}

int asyncio__loop_check_slow(asyncio_loop *loop)
{
    if (atomic_load_explicit(&loop->closed, memory_order_relaxed))
        return -ASYNCIO_LOOP_CLOSED;
    if (asyncio__is_inherited(loop->forks))
        return -ASYNCIO_FORKED;
    if (asyncio__loop_is_elsewhere(loop))
        return asyncio_raise(-ASYNCIO_WRONG_THREAD,
                             "a call that is not thread-safe, from another thread than the loop's");
    return 0;
}

int asyncio__loop_enter(asyncio_loop *loop)
{
    if (atomic_load(&loop->closed))
        return -ASYNCIO_LOOP_CLOSED;
    if (asyncio__is_inherited(loop->forks))
        return -ASYNCIO_FORKED;
    if (asyncio__thread.loop || atomic_exchange(&loop->running, true))
        return -ASYNCIO_LOOP_RUNNING;
    asyncio_loop_ref(loop); /* a callback may give the last one back */
    loop->thread = pthread_self();
    /* what was done outside of runs is not its work */
    loop->stats.entered_at = loop->now_at_poll = asyncio__loop_now(loop);
    asyncio__thread.loop = loop;
    asyncio__thread.env = &loop->env;
    asyncio__coro_init_thread(&loop->stack);
    (void)asyncio__stack_overflow_handler_install();
    if (__builtin_expect(loop->watchdog != NULL, 0)) {
        atomic_store(&loop->watchdog->thread, (int)syscall(SYS_gettid));
        asyncio__loop_goes_on(loop);
    }
    if (__builtin_expect(loop->tells_thread, 0))
        atomic_store(&loop->thread_id, (int)syscall(SYS_gettid));
    if (__builtin_expect(loop_debugs(loop), 0) && asyncio__loop_entered)
        asyncio__loop_entered(loop);
    return 0;
}

void asyncio__loop_leave(asyncio_loop *loop)
{
    asyncio__loop_pauses(loop);
    int64_t now = asyncio__loop_now(loop);
    (void)asyncio__loop_was_busy(loop, now);
    loop->stats.ran_ns += now - loop->stats.entered_at;
    asyncio__record_unref(loop->env.record);
    loop->env.record = NULL;
    asyncio__coro_fini_thread(&loop->stack);
    asyncio__thread.loop = NULL;
    asyncio__thread.env = NULL;
    loop->stopping = false;
    atomic_store(&loop->running, false);
    asyncio_loop_unref(loop);
}

int asyncio_loop_run_forever(asyncio_loop *loop)
{
    int r = asyncio__loop_enter(loop);
    if (r < 0)
        return r;
    do {
        r = asyncio__loop_turn(loop, true);
    } while (r >= 0 && !loop->stopping);
    if (loop->interrupted && r >= 0) {
        loop->interrupted = false;
        r = -EINTR;
    }
    asyncio__loop_leave(loop);
    return r;
}

void asyncio_loop_stop(asyncio_loop *loop)
{
    if (__builtin_expect(loop_debugs(loop), 0) &&
        asyncio__loop_refuses_thread(loop, "asyncio_loop_stop"))
        return;
    loop->stopping = true;
}

int asyncio_loop_fileno(asyncio_loop *loop)
{
    if (atomic_load(&loop->closed))
        return -ASYNCIO_LOOP_CLOSED;
    return loop->backend->type->fileno ? loop->backend->type->fileno(loop->backend) : -ENOSYS;
}

double asyncio_loop_timeout(asyncio_loop *loop)
{
    if (!list_empty(&loop->ready) || atomic_load(&loop->posts) || atomic_load(&loop->signals))
        return 0;
    int64_t next = timers_next(&loop->timers);
    if (next == INT64_MAX)
        return ASYNCIO_NONE;
    int64_t now = asyncio__loop_now(loop);
    return next > now ? asyncio__seconds(next - now) : 0;
}

int asyncio_loop_step(asyncio_loop *loop)
{
    int r = asyncio__loop_enter(loop);
    if (r < 0)
        return r;
    atomic_store(&loop->sleeping, true); /* between steps nobody looks: each post has to wake */
    /* a poll is due; the turns it pretends to have made without are none */
    loop->stats.turns_without_poll -= LOOP_TURNS_WITHOUT_POLL - loop->turns_since_poll;
    loop->turns_since_poll = LOOP_TURNS_WITHOUT_POLL;
    r = asyncio__loop_turn(loop, false);
    if (r >= 0)
        r = asyncio_loop_timeout(loop) == 0;
    asyncio__loop_leave(loop);
    return r;
}

static void drop_timers(asyncio_loop *loop)
{
    struct timer *timer;
    while ((timer = asyncio__timers_pop(&loop->timers, INT64_MAX))) {
        struct timed_handle *timed = container_of(timer, struct timed_handle, timer);
        timed->handle.run(&timed->handle, NULL);
    }
}

/* Threads that still use the backend; those of a parent process are not here. */
static void wait_for_visitors(asyncio_loop *loop)
{
    while (atomic_load(&loop->wakers) && !asyncio__is_inherited(loop->forks))
        sched_yield();
}

int asyncio_loop_close(asyncio_loop *loop)
{
    if (atomic_load(&loop->running))
        return -ASYNCIO_LOOP_RUNNING;
    if (atomic_load(&loop->closed))
        return 0;
    loop->now_at_poll = asyncio__loop_now(loop);
    atomic_store(&loop->closed, true); /* first: nothing is added while all is dropped */
    atomic_store(&loop->wants_check, true);
    asyncio_loop_ref(loop);
    unlist_loop(loop);
    asyncio__loop_close_posts(loop);
    struct list *node;
    while ((node = list_pop(&loop->closers))) {
        struct closer *closer = container_of(node, struct closer, link);
        closer->close(closer, loop);
    }
    asyncio__loop_close_signals(loop);
    asyncio__loop_close_watches(loop);
    asyncio__handles_drop(&loop->ready);
    drop_timers(loop);
    asyncio__handles_drop(&loop->followers);
    asyncio__record_unref(loop->env.record);
    asyncio_context_unref(loop->env.context);
    loop->env = (struct env){ NULL, NULL };
    wait_for_visitors(loop);
    asyncio__backend_free(loop->backend);
    loop->backend = NULL;
    asyncio_loop_unref(loop);
    return 0;
}

double asyncio__seconds(int64_t nanoseconds)
{
    return (double)nanoseconds * 1e-9;
}

int asyncio__loop_deadline(asyncio_loop *loop, double seconds, bool absolute, int64_t *ret_when)
{
    /* 285 years: what int64_t nanoseconds hold, less the clock's own start */
    const double never = 9.0e9;
    if (isnan(seconds))
        return -EINVAL;
    int64_t now = asyncio__loop_now(loop), base = absolute ? 0 : now;
    if (seconds >= never)
        *ret_when = INT64_MAX;
    else if (seconds <= -never)
        *ret_when = INT64_MIN;
    else
        *ret_when = base + (int64_t)llrint(seconds * 1e9);
    if (*ret_when <= now)
        loop->timer_due = true;
    return 0;
}

double asyncio_loop_time(const asyncio_loop *loop)
{
    asyncio_loop *visited = (asyncio_loop *)loop;
    if (asyncio__thread.loop == loop)
        return asyncio__seconds(asyncio__loop_now(loop));
    /* any thread: the backend must not go meanwhile */
    atomic_fetch_add(&visited->wakers, 1);
    int64_t now = atomic_load(&loop->closed) ? loop->now_at_poll : asyncio__loop_now(loop);
    atomic_fetch_sub(&visited->wakers, 1);
    return asyncio__seconds(now);
}
