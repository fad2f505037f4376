/* SPDX-License-Identifier: MIT */
/* Cancel at every await: four tasks at work on one object, and one of them is cancelled, once or
 * twice, after each number of turns. The three others must end as if it had never been there, and
 * the object must be whole. */
/* TEST: timeout 120 */
#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WORKERS = 4, ROUNDS = 3, TURNS_MAX = 400 };

/* What the four share: a work uses what it needs. */
static struct {
    asyncio_lock lock;
    asyncio_event event;
    asyncio_condition condition;
    asyncio_semaphore semaphore;
    asyncio_barrier barrier;
    asyncio_queue queue;
    int inside, inside_max, sum, ready;
} shared;

struct work {
    const char *name;
    void (*begin)(void);
    int (*worker)(int number);
    /* what the main task does until all have ended; may be NULL */
    void (*help)(void);
    /* all have ended; `victim` was cancelled */
    void (*check)(int victim);
};

static int work_inside(void)
{
    if (++shared.inside > shared.inside_max)
        shared.inside_max = shared.inside;
    int r = asyncio_sleep(0);
    shared.inside--;
    return r;
}

/* ---- lock ---- */

static void begin_lock(void)
{
    asyncio_lock_init(&shared.lock);
}

static int work_lock(int number)
{
    (void)number;
    for (int i = 0; i < ROUNDS; i++) {
        int r = asyncio_lock_acquire(&shared.lock);
        if (r < 0)
            return r;
        r = work_inside();
        if (asyncio_lock_release(&shared.lock) < 0 || r < 0)
            return r < 0 ? r : -EPROTO;
    }
    return 0;
}

static void check_lock(int victim)
{
    (void)victim;
    assert_int_equal(shared.inside_max, 1);
    assert_int_equal(asyncio_lock_locked(&shared.lock), 0);
    assert_return_code(asyncio_lock_fini(&shared.lock), 0);
}

/* ---- semaphore: two at a time ---- */

static void begin_semaphore(void)
{
    assert_return_code(asyncio_bounded_semaphore_init(&shared.semaphore, 2), 0);
}

static int work_semaphore(int number)
{
    (void)number;
    for (int i = 0; i < ROUNDS; i++) {
        int r;
        ASYNCIO_SEMAPHORE(&shared.semaphore, r)
            r = work_inside();
        if (r < 0)
            return r;
    }
    return 0;
}

static void check_semaphore(int victim)
{
    (void)victim;
    assert_in_range(shared.inside_max, 1, 2);
    assert_int_equal(asyncio_semaphore_release(&shared.semaphore), -EINVAL); /* all are back */
    assert_return_code(asyncio_semaphore_fini(&shared.semaphore), 0);
}

/* ---- event: set by the helper ---- */

static void begin_event(void)
{
    asyncio_event_init(&shared.event);
}

static int work_event(int number)
{
    (void)number;
    for (int i = 0; i < ROUNDS; i++) {
        int r = asyncio_event_wait(&shared.event);
        if (r < 0 || (r = asyncio_sleep(0)) < 0)
            return r;
    }
    return 0;
}

static void help_event(void)
{
    asyncio_event_set(&shared.event);
    asyncio_event_clear(&shared.event);
}

static void check_event(int victim)
{
    (void)victim;
    assert_return_code(asyncio_event_fini(&shared.event), 0);
}

/* ---- condition: each takes what another has made ready ---- */

static void begin_condition(void)
{
    assert_return_code(asyncio_condition_init(&shared.condition), 0);
}

static int is_ready(void *data)
{
    (void)data;
    return shared.ready > 0;
}

static int work_condition(int number)
{
    (void)number;
    for (int i = 0; i < ROUNDS; i++) {
        int r;
        ASYNCIO_CONDITION(&shared.condition, r)
        {
            r = asyncio_condition_wait_for(&shared.condition, is_ready, NULL);
            if (!asyncio_condition_locked(&shared.condition))
                return -EPROTO;
            if (r > 0) {
                shared.ready--;
                r = work_inside();
            }
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* One more is ready, and one is told. */
static void help_condition(void)
{
    if (shared.ready || asyncio_condition_locked(&shared.condition))
        return;
    if (asyncio_condition_acquire(&shared.condition) < 0)
        return;
    shared.ready++;
    asyncio_condition_notify(&shared.condition, 1);
    asyncio_condition_release(&shared.condition);
}

static void check_condition(int victim)
{
    (void)victim;
    assert_int_equal(shared.inside_max, 1);
    assert_return_code(asyncio_condition_fini(&shared.condition), 0);
}

/* ---- barrier of two: in pairs, and whoever is left over meets the helper ---- */

static void begin_barrier(void)
{
    assert_return_code(asyncio_barrier_init(&shared.barrier, 2), 0);
}

static int work_barrier(int number)
{
    (void)number;
    for (int i = 0; i < ROUNDS; i++) {
        int r = asyncio_barrier_wait(&shared.barrier);
        if (r < 0)
            return r;
        if (r > 1)
            return -EPROTO;
    }
    return 0;
}

static int idle_turns;

static void help_barrier(void)
{
    if (asyncio_barrier_n_waiting(&shared.barrier) != 1) {
        idle_turns = 0;
    } else if (++idle_turns > 5) { /* nobody else comes */
        idle_turns = 0;
        assert_return_code(asyncio_barrier_wait(&shared.barrier), 0);
    }
}

static void check_barrier(int victim)
{
    (void)victim;
    assert_int_equal(asyncio_barrier_broken(&shared.barrier), 0);
    assert_int_equal(asyncio_barrier_n_waiting(&shared.barrier), 0);
    assert_return_code(asyncio_barrier_fini(&shared.barrier), 0);
}

/* ---- queue: 0 and 1 put, 2 and 3 get, little room ---- */

static int put_sum, got_sum;

static void begin_queue(void)
{
    put_sum = got_sum = 0;
    assert_return_code(asyncio_queue_init(&shared.queue, sizeof(int), .maxsize = 1), 0);
}

static int work_queue(int number)
{
    for (int i = 1; i <= ROUNDS; i++) {
        int item = i << (8 * (number % 2)), r;
        if (number < 2) {
            if ((r = asyncio_queue_put(&shared.queue, &item)) < 0)
                return r;
            put_sum += item;
        } else {
            if ((r = asyncio_queue_get(&shared.queue, &item)) < 0)
                return r;
            got_sum += item;
            asyncio_queue_task_done(&shared.queue);
        }
    }
    return 0;
}

/* Stands in for the one who was cancelled, when the others have been stuck for long enough. */
static void help_queue(void)
{
    int item = 1 << 20;
    if (++idle_turns <= 30)
        return;
    if (asyncio_queue_empty(&shared.queue)) {
        assert_return_code(asyncio_queue_put_nowait(&shared.queue, &item), 0);
        put_sum += item;
    } else if (asyncio_queue_get_nowait(&shared.queue, &item) >= 0) {
        got_sum += item;
        asyncio_queue_task_done(&shared.queue);
    }
    idle_turns = 25;
}

/* What was put has been got, or is still in. */
static void check_queue(int victim)
{
    (void)victim;
    int item;
    while (asyncio_queue_get_nowait(&shared.queue, &item) >= 0) {
        got_sum += item;
        asyncio_queue_task_done(&shared.queue);
    }
    assert_int_equal(put_sum, got_sum);
    assert_return_code(asyncio_queue_join(&shared.queue), 0);
    assert_return_code(asyncio_queue_fini(&shared.queue), 0);
}

/* ---- the driver ---- */

/* How many of the tasks have ended. */
static int count_ended(asyncio_task **tasks)
{
    int ended = 0;
    for (int i = 0; i < WORKERS; i++)
        ended += asyncio_task_done(tasks[i]);
    return ended;
}

/* 1 when the victim had ended before its turn to be cancelled. */
static int cancelled_after(const struct work *work, int turns, int victim, int times)
{
    asyncio_task *tasks[WORKERS];
    memset(&shared, 0, sizeof shared);
    idle_turns = 0;
    work->begin();
    for (int i = 0; i < WORKERS; i++)
        assert_return_code(asyncio_create_task(asyncio_coro(work->worker, i), &tasks[i]), 0);
    int was_done = 1; /* all may have ended before that turn */
    for (int turn = 0; turn < TURNS_MAX && count_ended(tasks) < WORKERS; turn++) {
        if (turn == turns)
            was_done = asyncio_task_done(tasks[victim]);
        if (turn == turns) /* before the helper: the wake-up may come in the same turn, or not */
            for (int i = 0; i < times; i++)
                asyncio_task_cancel(tasks[victim]);
        if (work->help)
            work->help();
        if (turn == turns && times == 2) /* and after it */
            asyncio_task_cancel(tasks[victim]);
        assert_return_code(asyncio_sleep(0), 0);
    }
    if (count_ended(tasks) < WORKERS)
        fail_msg("%s: task %d cancelled %d times after %d turns: the others never end", work->name,
                 victim, times, turns);
    for (int i = 0; i < WORKERS; i++) {
        int r = asyncio_await(tasks[i]);
        if (r < 0 && (i != victim || r != -ECANCELED))
            fail_msg("%s: task %d cancelled after %d turns: task %d ended with %s", work->name,
                     victim, turns, i, asyncio_error_name(r));
        asyncio_task_unref(tasks[i]);
    }
    work->check(victim);
    return was_done;
}

static int at_every_turn(const struct work *work)
{
    int points = 0;
    for (int victim = 0; victim < WORKERS; victim++)
        for (int times = 1; times <= 2; times++)
            for (int turns = 0; turns < TURNS_MAX; turns++, points++)
                if (cancelled_after(work, turns, victim, times) == 1)
                    break;
    return points;
}

static void one_is_cancelled(void **state)
{
    const struct work *work = *state;
    int points = asyncio_run(asyncio_coro(at_every_turn, work));
    print_message("sweep: %s: %d points\n", work->name, points);
    assert_in_range(points, 40, 4000);
}

static const struct work works[] = {
    { "lock", begin_lock, work_lock, NULL, check_lock },
    { "semaphore", begin_semaphore, work_semaphore, NULL, check_semaphore },
    { "event", begin_event, work_event, help_event, check_event },
    { "condition", begin_condition, work_condition, help_condition, check_condition },
    { "barrier", begin_barrier, work_barrier, help_barrier, check_barrier },
    { "queue", begin_queue, work_queue, help_queue, check_queue },
};

int main(void)
{
    struct CMUnitTest tests[sizeof works / sizeof *works];
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        tests[i] = (struct CMUnitTest){ .name = works[i].name,
                                        .test_func = one_is_cancelled,
                                        .initial_state = (void *)(uintptr_t)&works[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
