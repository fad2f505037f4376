/* SPDX-License-Identifier: MIT */
/* One turn of the loop, on one screen:
 *
 *      +-> poll        what the kernel completed; sleeps only when nothing is ready
 *      |   posts       what other threads and signals handed over
 *      |   timers      what is due
 *      +-- run         exactly what is ready now; what that adds runs in the next turn
 *
 * The order is CPython's (_run_once): callbacks queued before, then I/O, then timers.
 *
 * A busy turn may skip the poll: storms of sleep(0) would else be storms of system calls. It never
 * skips more than LOOP_TURNS_WITHOUT_POLL turns, nor for longer than LOOP_POLL_INTERVAL_NS. The
 * clock costs as much as several callbacks, so it is asked only every `look_interval` callbacks;
 * that adapts to how long they take (tests/loop/starvation_test.c). asyncio__loop_turn_in_place is
 * the same decision for a task that would switch to the next one. */
#include "loop/loop.h"

enum {
    LOOK_INTERVAL_MIN = 16,
    LOOK_INTERVAL_MAX = 512,
    MANY_TIMERS = 1024,
    MANY_TIMERS_WAIT_NS = 1000000,
    LOOP_SPIN_NS = 1500,            /* less than a wake-up costs */
};

static inline unsigned lag_bucket(int64_t lag_ns)
{
    uint64_t units = (uint64_t)lag_ns >> 10;
    unsigned bucket = units ? 64 - (unsigned)__builtin_clzll(units) : 0;
    return bucket < ASYNCIO_LAG_BUCKETS ? bucket : ASYNCIO_LAG_BUCKETS - 1;
}

/* `slept_from`: since when, INT64_MIN: it did not sleep, and is reckoned as busy. */
static void polled(asyncio_loop *loop, int64_t slept_from)
{
    int64_t now = asyncio__loop_now(loop);
    int64_t until = now;
    if (slept_from != INT64_MIN) {
        loop->stats.waited_ns += now - slept_from;
        until = slept_from;
    }
    loop->stats.lag[lag_bucket(asyncio__loop_was_busy(loop, until))]++;
    loop->stats.turns_without_poll += loop->turns_since_poll;
    loop->turns_since_poll = 0;
    loop->now_at_poll = now;
    loop->look_at = loop->ran + loop->look_interval;
}

static bool poll_is_due(asyncio_loop *loop)
{
    if (loop->poll_every_turn || loop->turns_since_poll >= LOOP_TURNS_WITHOUT_POLL - 1)
        return true;
    if (loop->ran < loop->look_at)
        return false;
    if (loop->backend->type->ready && loop->backend->type->ready(loop->backend))
        return true;
    int64_t since = asyncio__loop_now(loop) - loop->now_at_poll;
    if (since < LOOP_POLL_INTERVAL_NS / 4 && loop->look_interval < LOOK_INTERVAL_MAX)
        loop->look_interval *= 2;
    else if (since > LOOP_POLL_INTERVAL_NS)
        loop->look_interval = LOOK_INTERVAL_MIN;
    loop->look_at = loop->ran + loop->look_interval;
    return since >= LOOP_POLL_INTERVAL_NS;
}

static int64_t time_to_wait(asyncio_loop *loop, int64_t now)
{
    int64_t next = timers_next(&loop->timers);
    if (next == INT64_MAX)
        return -1;
    int64_t wait = next > now ? next - now : 0;
    /* With very many timers there is always one due in a moment: then those of a millisecond share
     * a wake-up, as they do in CPython. */
    return wait < MANY_TIMERS_WAIT_NS && loop->timers.count >= MANY_TIMERS ? MANY_TIMERS_WAIT_NS
                                                                           : wait;
}

/* Where time is simulated it would pass by waking up for that. */
static int64_t give_back(asyncio_loop *loop, int64_t now, int64_t timeout)
{
    if (timeout == 0 || !loop->give_back || loop->backend->type->job)
        return timeout;
    int64_t wait = loop->give_back(loop, now);
    return wait >= 0 && (timeout < 0 || wait < timeout) ? wait : timeout;
}

/* Sleeping is announced before the last look at the posts, and a post is made before the look at
 * `sleeping`: one of the two sees the other. */
static int poll_and_wait(asyncio_loop *loop, int64_t *ret_from)
{
    atomic_store(&loop->sleeping, true);
    int64_t timeout = 0;
    *ret_from = asyncio__loop_now(loop);
    if (!atomic_load(&loop->posts) && !atomic_load(&loop->signals))
        timeout = give_back(loop, *ret_from, time_to_wait(loop, *ret_from));
    asyncio__loop_pauses(loop);
    int r = loop->backend->type->poll(loop->backend, timeout);
    asyncio__loop_goes_on(loop);
    atomic_store_explicit(&loop->sleeping, false, memory_order_relaxed);
    return r;
}

/* Other threads have just posted: looks a moment whether they go on, since waking a loop that
 * sleeps costs both sides more. True: they do, and no poll is due. */
static bool look_for_more_posts(asyncio_loop *loop)
{
    if (!spin_is_worth_it(&loop->spin))
        return false;
    int64_t now = asyncio__loop_now(loop), end = now + LOOP_SPIN_NS;
    if (now - loop->now_at_poll >= LOOP_POLL_INTERVAL_NS)
        return false;
    bool found;
    do {
        spin_pause();
        found = atomic_load_explicit(&loop->posts, memory_order_relaxed) != NULL;
    } while (!found && asyncio__loop_now(loop) < end);
    spin_ended(&loop->spin, found);
    return found;
}

/* *ret_is_fresh: the clock has been read behind it. */
static int poll(asyncio_loop *loop, bool wait, bool *ret_is_fresh)
{
    int r;
    *ret_is_fresh = false;
    int64_t slept_from = INT64_MIN;
    if (__builtin_expect(loop->had_posts, 0)) {
        loop->had_posts = false;
        if (wait && !loop->poll_every_turn && list_empty(&loop->ready) && !loop->stopping &&
            look_for_more_posts(loop)) {
            loop->stats.turns_without_poll++;
            return 0;
        }
    }
    if (list_empty(&loop->ready)) {
        r = wait && !loop->stopping ? poll_and_wait(loop, &slept_from)
                                    : loop->backend->type->poll(loop->backend, 0);
    } else if (poll_is_due(loop)) {
        r = loop->backend->type->poll(loop->backend, 0);
    } else {
        loop->turns_since_poll++;
        return 0;
    }
    polled(loop, slept_from);
    *ret_is_fresh = true;
    return r;
}

/* The clock is read only where something can have become due. */
static void expire(asyncio_loop *loop, bool is_fresh)
{
    int64_t next = timers_next(&loop->timers);
    if (next == INT64_MAX)
        return;
    if (loop->turns_since_poll != 0 && !loop->timer_due &&
        next > loop->now_at_poll + LOOP_POLL_INTERVAL_NS)
        return;
    int64_t now = is_fresh && !loop->timer_due ? loop->now_at_poll : asyncio__loop_now(loop);
    loop->timer_due = false;
    if (next > now)
        return;
    struct timer *timer;
    while ((timer = asyncio__timers_pop(&loop->timers, now))) {
        struct timed_handle *timed = container_of(timer, struct timed_handle, timer);
        __builtin_prefetch(timed + 1); /* what the handle is embedded in */
        asyncio__loop_call(loop, &timed->handle);
    }
}

/* In debug mode each step comes back here, and is run by itself: a task does not switch to the
 * next one, since the batch is empty and no turn can begin where it stands. */
static __attribute__((noinline)) void run_in_debug(asyncio_loop *loop)
{
    struct list turn = LIST_INIT(turn);
    list_splice(&turn, &loop->ready);
    struct list *node;
    while ((node = list_pop(&turn))) {
        loop->look_at = 0;
        loop->ran++;
        asyncio__loop_run_timed(container_of(node, struct handle, link), loop);
    }
}

static void run(asyncio_loop *loop)
{
    if (__builtin_expect(loop_debugs(loop), 0) && asyncio__loop_run_timed) {
        run_in_debug(loop);
        return;
    }
    list_splice(&loop->batch, &loop->ready);
    struct handle *handle;
    while ((handle = asyncio__loop_peek(loop))) {
        asyncio__loop_take(loop, handle);
        handle->run(handle, loop);
    }
}

int asyncio__loop_turn(asyncio_loop *loop, bool wait)
{
    bool is_fresh;
    int r = poll(loop, wait, &is_fresh);
    if (atomic_load_explicit(&loop->posts, memory_order_relaxed)) {
        asyncio__loop_take_posts(loop);
        loop->had_posts = true;
    }
    if (atomic_load_explicit(&loop->signals, memory_order_relaxed))
        asyncio__loop_take_signals(loop);
    expire(loop, is_fresh);
    run(loop);
    return r < 0 ? r : 0;
}
