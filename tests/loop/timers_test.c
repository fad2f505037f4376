/* SPDX-License-Identifier: MIT */
/* TEST: backends none; timeout 120 */
/* The set of timers against a model that is simply kept sorted: the same timers come out, in the
 * same order, never early and never late, whatever is added and removed and however the time
 * jumps. */
#include "loop/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 60, STEPS = 3000, TIMERS_MAX = 400 };

#define MS 1000000LL
#define HOUR (3600 * 1000 * MS)

static uint64_t random_state;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(uint64_t limit)
{
    return random_bits() % limit;
}

static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/* Distances as they are met, and as they are not. */
static int64_t random_distance(void)
{
    switch (below(12)) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return (int64_t)below(1000);
    case 3:
        return (int64_t)below(MS);
    case 4:
        return (1 << TIMER_TICK_BITS) * (int64_t)below(130);   /* where a tick starts */
    case 5:
        return (int64_t)below(100) * MS;
    case 6:
        return (int64_t)below(10000) * MS;
    case 7:
        return (int64_t)below(100) * HOUR;
    case 8:
        return (int64_t)1 << below(63);
    case 9:
        return (int64_t)(random_bits() >> 1 >> below(60));
    case 10:
        return 1LL << 62;
    default:
        return 30 * MS;
    }
}

static int64_t random_when(int64_t now)
{
    switch (below(20)) {
    case 0:
        return -(int64_t)below(1000);
    case 1:
        return INT64_MIN;
    case 2:
        return INT64_MAX;
    case 3:
        return INT64_MAX - 1;
    case 4:
        return plus(now, -random_distance());
    case 5:
        return (int64_t)random_bits();
    default:
        return plus(now, random_distance());
    }
}

/* The model: timers that are in, in the order they have to come out. */
struct model {
    struct timer *order[TIMERS_MAX];
    size_t count;
};

static void model_add(struct model *model, struct timer *timer)
{
    size_t at = model->count++;
    for (; at > 0 && model->order[at - 1]->when > timer->when; at--)
        model->order[at] = model->order[at - 1];
    model->order[at] = timer;
}

static void model_remove(struct model *model, const struct timer *timer)
{
    size_t at = 0;
    while (model->order[at] != timer)
        at++;
    model->count--;
    memmove(&model->order[at], &model->order[at + 1], (model->count - at) * sizeof(struct timer *));
}

static int64_t model_next(const struct model *model)
{
    return model->count ? model->order[0]->when : INT64_MAX;
}

static void pop_all(struct timers *timers, struct model *model, int64_t now)
{
    for (;;) {
        struct timer *timer = asyncio__timers_pop(timers, now);
        bool is_due = model->count && model->order[0]->when <= now;
        if (is_due && model->order[0]->when == INT64_MAX)   /* in any order */
            assert_true(timer && timer->when == INT64_MAX);
        else
            assert_ptr_equal(timer, is_due ? model->order[0] : NULL);
        if (!timer)
            return;
        assert_false(asyncio__timer_active(timer));
        model_remove(model, timer);
    }
}

/* next never is later than the first timer, and following it reaches that timer, in one step a
 * level at most. */
static void follow_next(struct timers *timers, struct model *model, int64_t *now)
{
    int64_t first = model_next(model);
    for (int steps = 0; *now < first; steps++) {
        int64_t next = timers_next(timers);
        assert_true(next <= first);
        assert_int_equal(next, timers_next(timers));
        assert_in_range(steps, 0, TIMER_LEVELS);
        if (next == INT64_MAX)
            break;
        assert_true(next > *now);
        *now = next;
        if (next < first)
            assert_null(asyncio__timers_pop(timers, next));
    }
    pop_all(timers, model, *now);
}

static void step(struct timers *timers, struct model *model, struct timer *all, int64_t *now)
{
    struct timer *timer = &all[below(TIMERS_MAX)];
    switch (below(8)) {
    case 0:
        pop_all(timers, model, *now);
        break;
    case 1:
        *now = plus(*now, below(3) ? (int64_t)below(3 * MS) : random_distance());
        pop_all(timers, model, *now);
        break;
    case 2:
        if (below(4) == 0)
            follow_next(timers, model, now);
        break;
    case 3:
        if (below(16) == 0)   /* a clock that went back */
            pop_all(timers, model, plus(*now, -random_distance()));
        break;
    default:
        if (asyncio__timer_active(timer)) {
            asyncio__timers_remove(timers, timer);
            asyncio__timers_remove(timers, timer);
            model_remove(model, timer);
        } else {
            timer->when = below(4) ? random_when(*now) : all[below(TIMERS_MAX)].when;
            asyncio__timers_add(timers, timer);
            model_add(model, timer);
        }
        break;
    }
    assert_int_equal(timers->count, model->count);
    assert_true(timers_next(timers) <= model_next(model));
    for (size_t i = 0; i < TIMERS_MAX; i += 37)
        assert_true(asyncio__timer_active(&all[i]) == (all[i].place != 0));
}

/* Some that never fire are taken out, the end of time has the others. */
static void finish(struct timers *timers, struct model *model)
{
    pop_all(timers, model, INT64_MAX - 1);
    for (size_t i = 0; i < model->count; i++)
        assert_true(model->order[i]->when == INT64_MAX);
    while (model->count > 3) {
        struct timer *timer = model->order[1];
        asyncio__timers_remove(timers, timer);
        model_remove(model, timer);
    }
    pop_all(timers, model, INT64_MAX);
    assert_int_equal(timers->count, 0);
    assert_int_equal(timers_next(timers), INT64_MAX);
}

static void same_as_a_sorted_list(void **state)
{
    (void)state;
    static const int64_t starts[] = { 0, 1, -1, 1LL << 40, INT64_MIN, INT64_MAX, 12345678901 };
    static struct timers timers = { .next = INT64_MAX, .next_known = true };
    static struct timer all[TIMERS_MAX];
    struct model model = { .count = 0 };
    int starts_seen = 0;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        random_state = seed * 0x9e3779b97f4a7c15ULL;
        int64_t now = INT64_MAX;
        for (int i = 0; i < STEPS; i++) {
            if (now > 1LL << 61) {   /* time is used up */
                finish(&timers, &model);
                now = starts[below(sizeof starts / sizeof *starts)];
                asyncio__timers_init(&timers, now);
                starts_seen++;
            }
            step(&timers, &model, all, &now);
        }
        finish(&timers, &model);
    }
    print_message("sweep: %d points, %d starts\n", ROUNDS * STEPS, starts_seen);
}

static void equal_times_come_in_order_of_adding(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static struct timers timers;
    static struct timer all[COUNT];
    static const int64_t distances[] = { 0, 1, MS, 100 * MS, HOUR, 1LL << 62 };
    for (size_t d = 0; d < sizeof distances / sizeof *distances; d++) {
        asyncio__timers_init(&timers, 5 * MS);
        for (int i = 0; i < COUNT; i++) {
            all[i].when = 5 * MS + distances[d];
            asyncio__timers_add(&timers, &all[i]);
        }
        for (int i = 0; i < COUNT; i += 3)
            asyncio__timers_remove(&timers, &all[i]);
        for (int i = 0; i < COUNT; i++)
            if (i % 3)
                assert_ptr_equal(asyncio__timers_pop(&timers, all[i].when), &all[i]);
        assert_int_equal(timers.count, 0);
    }
}

static void nothing_is_rounded(void **state)
{
    (void)state;
    static struct timers timers;
    for (int64_t when = 1; when < 1LL << 61; when = when * 3 + 1) {
        struct timer timer = { .when = when };
        asyncio__timers_init(&timers, 0);
        asyncio__timers_add(&timers, &timer);
        assert_int_equal(timers_next(&timers), when);
        assert_null(asyncio__timers_pop(&timers, when - 1));
        assert_int_equal(timers_next(&timers), when);
        assert_ptr_equal(asyncio__timers_pop(&timers, when), &timer);
    }
}

static void never_is_in_and_never_fires(void **state)
{
    (void)state;
    static struct timers timers;
    struct timer never = { .when = INT64_MAX }, other = { .when = INT64_MAX };
    struct timer last = { .when = INT64_MAX - 1 };
    asyncio__timers_init(&timers, 0);
    asyncio__timers_add(&timers, &never);
    assert_true(asyncio__timer_active(&never));
    assert_int_equal(timers.count, 1);
    assert_int_equal(timers_next(&timers), INT64_MAX);
    assert_null(asyncio__timers_pop(&timers, INT64_MAX - 1));
    asyncio__timers_add(&timers, &other);
    asyncio__timers_add(&timers, &last);
    assert_int_equal(timers_next(&timers), INT64_MAX - 1);
    asyncio__timers_remove(&timers, &never);
    assert_false(asyncio__timer_active(&never));
    assert_ptr_equal(asyncio__timers_pop(&timers, INT64_MAX), &last);
    assert_ptr_equal(asyncio__timers_pop(&timers, INT64_MAX), &other);   /* when a loop closes */
    assert_null(asyncio__timers_pop(&timers, INT64_MAX));
    assert_int_equal(timers.count, 0);
}

static void removed_timers_leave_no_wake_up_behind(void **state)
{
    (void)state;
    static struct timers timers;
    struct timer soon = { .when = 3 * MS }, late = { .when = 2 * HOUR };
    asyncio__timers_init(&timers, 0);
    asyncio__timers_add(&timers, &soon);
    asyncio__timers_add(&timers, &late);
    assert_int_equal(timers_next(&timers), 3 * MS);
    asyncio__timers_remove(&timers, &soon);
    assert_int_equal(timers_next(&timers), 2 * HOUR);
    asyncio__timers_remove(&timers, &late);
    assert_int_equal(timers_next(&timers), INT64_MAX);

    struct timer crowd[100] = { { .when = 0 } };
    for (int i = 0; i < 100; i++) {
        crowd[i].when = HOUR + i;
        asyncio__timers_add(&timers, &crowd[i]);
    }
    asyncio__timers_remove(&timers, &crowd[0]);
    assert_true(timers_next(&timers) <= HOUR);   /* the whole crowd's, not the first's */
    for (int i = 1; i < 100; i++)
        asyncio__timers_remove(&timers, &crowd[i]);
    assert_int_equal(timers_next(&timers), INT64_MAX);
}

static void few_timers_are_waited_for_exactly(void **state)
{
    (void)state;
    static struct timers timers;
    struct timer few[8] = { { .when = 0 } }, soon = { .when = MS };
    asyncio__timers_init(&timers, 0);
    asyncio__timers_add(&timers, &soon);
    for (int i = 0; i < 8; i++) {
        few[i].when = HOUR + (i * 5 + 2) % 8;
        asyncio__timers_add(&timers, &few[i]);
    }
    assert_ptr_equal(asyncio__timers_pop(&timers, MS), &soon);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(timers_next(&timers), HOUR + i);
        assert_non_null(asyncio__timers_pop(&timers, HOUR + i));
    }
}

/* A callback adds a timer that is due already: it comes in the same go, behind those that were due
 * before it. */
static void due_timers_added_while_popping(void **state)
{
    (void)state;
    static struct timers timers;
    struct timer a = { .when = 10 }, b = { .when = 20 }, between = { .when = 15 };
    asyncio__timers_init(&timers, 0);
    asyncio__timers_add(&timers, &a);
    asyncio__timers_add(&timers, &b);
    assert_ptr_equal(asyncio__timers_pop(&timers, HOUR), &a);
    asyncio__timers_add(&timers, &between);
    a.when = 20;
    asyncio__timers_add(&timers, &a);
    assert_ptr_equal(asyncio__timers_pop(&timers, HOUR), &between);
    assert_ptr_equal(asyncio__timers_pop(&timers, HOUR), &b);
    assert_ptr_equal(asyncio__timers_pop(&timers, HOUR), &a);
    assert_null(asyncio__timers_pop(&timers, HOUR));
}

static void a_hundred_thousand_at_once(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    static struct timers timers;
    struct timer *all = calloc(COUNT, sizeof *all);
    random_state = 99;
    asyncio__timers_init(&timers, 0);
    for (int i = 0; i < COUNT; i++) {
        all[i].when = (int64_t)below(1000 * MS);
        asyncio__timers_add(&timers, &all[i]);
    }
    int64_t last = 0;
    int fired = 0, wakes = 0;
    while (timers.count) {
        int64_t now = timers_next(&timers);
        wakes++;
        for (struct timer *timer; (timer = asyncio__timers_pop(&timers, now)); fired++) {
            assert_true(timer->when >= last && timer->when <= now);
            last = timer->when;
        }
    }
    assert_int_equal(fired, COUNT);
    assert_in_range(wakes, 1, COUNT + 2000);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_a_sorted_list),
        cmocka_unit_test(equal_times_come_in_order_of_adding),
        cmocka_unit_test(nothing_is_rounded),
        cmocka_unit_test(never_is_in_and_never_fires),
        cmocka_unit_test(removed_timers_leave_no_wake_up_behind),
        cmocka_unit_test(few_timers_are_waited_for_exactly),
        cmocka_unit_test(due_timers_added_while_popping),
        cmocka_unit_test(a_hundred_thousand_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
