/* SPDX-License-Identifier: MIT */
/* staggered_race, as scenarios_staggered.py. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>
#include <stdint.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define RACE(quarters, ...)                                                                        \
    race(quarters, (const asyncio_coro[]){ __VA_ARGS__ },                                          \
         COUNT(((const asyncio_coro[]){ __VA_ARGS__ })))

enum { ALONE = 1 << 20 }; /* no delay: one after the other */

static int race(int quarters, const asyncio_coro *coros, size_t count)
{
    size_t winner = 0;
    int errors[8] = { 2, 2, 2, 2, 2, 2, 2, 2 };
    double delay = quarters == ALONE ? ASYNCIO_NONE : quarters * T / 4;
    int r = asyncio_staggered_race(coros, count, delay, &winner, .errors = errors);
    if (r == -ECANCELED) {
        say("%s %s", name(r), at());
        return 0;
    }
    const char *list = "";
    bool lost = true;
    for (size_t i = 0; i < count && errors[i] <= 0; i++) {
        list = text("%s%s%s", list, i ? ", " : "", errors[i] ? name(errors[i]) : "-");
        lost = lost && errors[i] < 0;
    }
    say("%s [%s] %s", lost ? "nobody" : text("%zu with %s", winner, name(r)), list, at());
    return lost == (r < 0) ? 0 : -EPROTO;
}

static int told(const char *who, int quarters, int result)
{
    say("%s starts %s", who, at());
    return sleeper(who, quarters, result);
}

static int silent(const char *who, int quarters)
{
    say("%s starts %s", who, at());
    return asyncio_sleep(quarters * T / 4);
}

static int told_failing(const char *who, int quarters, int code)
{
    say("%s starts %s", who, at());
    return late_failing(who, quarters, code);
}

#define TOLD(who, ticks, result) asyncio_coro(told, who, TICKS(ticks), result)
#define SILENT(who, ticks) asyncio_coro(silent, who, TICKS(ticks))
#define TOLD_FAILING(who, ticks, code) asyncio_coro(told_failing, who, TICKS(ticks), code)

SCENARIO(the_first_one_wins)
{
    return RACE(TICKS(9), TOLD("a", 1, 5), TOLD("b", 1, 6));
}

SCENARIO(a_failure_starts_the_next_at_once)
{
    return RACE(TICKS(9), TOLD_FAILING("a", 1, EPIPE), TOLD("b", 1, 6));
}

SCENARIO(the_delay_starts_the_next)
{
    return RACE(TICKS(2), TOLD("a", 9, 5), TOLD("b", 1, 7));
}

SCENARIO(the_first_one_wins_though_the_second_runs)
{
    return RACE(TICKS(2), TOLD("a", 3, 5), TOLD("b", 9, 7), TOLD("c", 1, 8));
}

SCENARIO(without_a_delay_one_after_the_other)
{
    return RACE(ALONE, TOLD_FAILING("a", 3, EPIPE), TOLD_FAILING("b", 2, EIO), TOLD("c", 1, 5),
                TOLD("d", 1, 6));
}

SCENARIO(all_fail)
{
    return RACE(TICKS(2), TOLD_FAILING("a", 9, EPIPE), TOLD_FAILING("b", 1, EIO),
                TOLD_FAILING("c", 1, EACCES));
}

SCENARIO(one_that_fails)
{
    turns(9);
    return RACE(TICKS(1), asyncio_coro(failing, "a", 0, EPIPE));
}

SCENARIO(one_that_fails_without_a_delay)
{
    turns(9);
    return RACE(ALONE, asyncio_coro(failing, "a", 1, EPIPE));
}

SCENARIO(one_that_wins)
{
    turns(9);
    return RACE(TICKS(1), asyncio_coro(quick, 4));
}

SCENARIO(two_yield_in_turns)
{
    turns(12);
    return RACE(0, asyncio_coro(steps, "a", 6, 1), asyncio_coro(steps, "b", 9, 2));
}

SCENARIO(a_delay_of_nothing_starts_all)
{
    turns(14);
    return RACE(0, asyncio_coro(steps, "a", 20, 1), asyncio_coro(passes, 20),
                asyncio_coro(steps, "c", 1, 3));
}

SCENARIO(a_negative_delay)
{
    return RACE(TICKS(-1), TOLD("a", 3, 1), TOLD("b", 1, 2));
}

SCENARIO(failures_without_a_turn)
{
    turns(12);
    return RACE(TICKS(9), asyncio_coro(failing, "a", 0, EPIPE), asyncio_coro(failing, "b", 0, EIO),
                asyncio_coro(quick, 3));
}

SCENARIO(the_race_waits_for_the_losers)
{
    turns(9);
    int r = RACE(0, asyncio_coro(cleaning, "a", 3), asyncio_coro(steps, "b", 2, 6));
    say("tasks %d", asyncio_all_tasks(NULL, NULL, 0));
    return r;
}

SCENARIO(a_loser_fails_while_it_cleans_up)
{
    return RACE(TICKS(1), asyncio_coro(breaking, "a", 2, EIO), TOLD("b", 1, 6));
}

SCENARIO(one_that_ends_cancelled_has_failed)
{
    return RACE(TICKS(9), asyncio_coro(cancelled_coroutine), TOLD("b", 1, 6));
}

static int race_of_three(void)
{
    return RACE(TICKS(1), TOLD("a", 9, 5), SILENT("b", 9), TOLD("c", 9, 7));
}

SCENARIO(cancelled_from_outside)
{
    asyncio_task *task = start(asyncio_coro(race_of_three));
    ok(asyncio_sleep(1.5 * T));
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("%s", ends(task));
    say("tasks %d", asyncio_all_tasks(NULL, NULL, 0));
    return 0;
}

static int twice(void)
{
    say("a waits");
    for (int i = 1; i <= 2; i++)
        if (asyncio_sleep(9 * T) == -ECANCELED)
            say("a cancelled %d %s", i, at());
    return -ECANCELED;
}

static int race_of_twice(void)
{
    return RACE(TICKS(5), asyncio_coro(twice));
}

SCENARIO(cancelled_again_while_it_waits_for_the_runners)
{
    asyncio_task *task = start(asyncio_coro(race_of_twice));
    ok(asyncio_sleep(1 * T));
    asyncio_task_cancel(task);
    ok(asyncio_sleep(1 * T));
    asyncio_task_cancel(task);
    say("%s", ends(task));
    return 0;
}

static asyncio_task *the_task;

static int cancels_the_race(void)
{
    say("cancel %s", yes(asyncio_task_cancel(the_task)));
    return 5;
}

static int race_that_is_cancelled(void)
{
    return RACE(TICKS(1), asyncio_coro(cancels_the_race), asyncio_coro(quick, 6));
}

SCENARIO(cancelled_in_the_turn_in_which_it_is_won)
{
    the_task = start(asyncio_coro(race_that_is_cancelled));
    say("%s", ends(the_task));
    say("cancelling %d", asyncio_task_cancelling(the_task));
    return 0;
}

static int cancelled_then_races(void)
{
    asyncio_task_cancel(asyncio_current_task());
    return RACE(TICKS(1), TOLD("a", 1, 5));
}

SCENARIO(cancelled_before_it_begins)
{
    asyncio_task *task = start(asyncio_coro(cancelled_then_races));
    say("%s", ends(task));
    return 0;
}

static int race_of_two(void)
{
    return RACE(TICKS(2), TOLD("a", 9, 5), SILENT("b", 9));
}

SCENARIO(with_a_limit)
{
    say("%s", name(asyncio_wait_for(asyncio_coro(race_of_two), 3 * T)));
    say("%s", at());
    return 0;
}

static int inner_race(void)
{
    const asyncio_coro coros[] = { TOLD("c", 9, 5), TOLD("d", 1, 8) };
    size_t winner;
    int r = asyncio_staggered_race(coros, 2, 1 * T, &winner);
    return r < 0 ? r : r + (int)winner;
}

SCENARIO(a_race_inside_a_race)
{
    return RACE(TICKS(1), TOLD("a", 9, 1), asyncio_coro(inner_race));
}

static asyncio_task *seen[3];
static int seen_count;

static int sees_itself(int code)
{
    seen[seen_count++] = asyncio_current_task();
    return code ? -code : 3;
}

SCENARIO(the_coroutines_run_in_tasks_of_their_own)
{
    asyncio_task *me = asyncio_current_task();
    seen_count = 0;
    int r = RACE(TICKS(9), asyncio_coro(sees_itself, EPIPE), asyncio_coro(sees_itself, 0));
    say("%s %s %d", yes(seen[0] == me || seen[1] == me), yes(seen[0] == seen[1]), seen_count);
    return r;
}

SCENARIO(with_an_eager_factory)
{
    turns(12);
    asyncio_loop_set_task_factory(running(), asyncio_eager_task_factory, NULL);
    return RACE(TICKS(9), asyncio_coro(failing, "a", 1, EPIPE), asyncio_coro(steps, "b", 1, 6));
}

SCENARIO(with_an_eager_factory_and_no_delay)
{
    turns(12);
    asyncio_loop_set_task_factory(running(), asyncio_eager_task_factory, NULL);
    return RACE(0, asyncio_coro(steps, "a", 9, 5), asyncio_coro(steps, "b", 2, 6));
}

CONFORMANCE("staggered")
