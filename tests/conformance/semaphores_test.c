/* SPDX-License-Identifier: MIT */
/* Semaphores, as scenarios_semaphores.py: permits are handed over in order, and none is lost. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

/* Each scenario is a process of its own. */
static asyncio_semaphore semaphore;

static int wants(const char *who, int n)
{
    int r = asyncio_semaphore_acquire(&semaphore);
    say("%s %s", who, name(r));
    if (r < 0 || (r = passes(n)) < 0 || (r = asyncio_semaphore_release(&semaphore)) < 0)
        return r;
    say("%s gave", who);
    return 0;
}

static int keeps(const char *who)
{
    int r = asyncio_semaphore_acquire(&semaphore);
    say("%s %s", who, name(r));
    return r;
}

#define WANTS(who, n) start(asyncio_coro(wants, who, n))
#define KEEPS(who) start(asyncio_coro(keeps, who))

static void init(int value)
{
    ok(asyncio_semaphore_init(&semaphore, value));
}

static void release(void)
{
    ok(asyncio_semaphore_release(&semaphore));
}

static const char *try_release(void)
{
    return name(asyncio_semaphore_release(&semaphore));
}

static const char *locked(void)
{
    return yes(asyncio_semaphore_locked(&semaphore));
}

/* How many can be had at once; none is kept. */
static void say_permits(void)
{
    int n = 0;
    while (!asyncio_semaphore_locked(&semaphore)) {
        ok(asyncio_semaphore_acquire(&semaphore));
        n++;
    }
    for (int i = 0; i < n; i++)
        release();
    say("%d", n);
}

static void all_end(asyncio_task **tasks, int count)
{
    const char *line = ends(tasks[0]);
    for (int i = 1; i < count; i++)
        line = text("%s %s", line, ends(tasks[i]));
    say("%s", line);
}

#define ALL_END(...)                                                                               \
    all_end((asyncio_task *[]){ __VA_ARGS__ }, (int)ASYNCIO__COUNT(__VA_ARGS__))

SCENARIO(permits_are_taken_without_a_turn)
{
    init(2);
    turns(1);
    for (int i = 0; i < 2; i++) {
        const char *before = locked();
        say("%s %s", before, name(asyncio_semaphore_acquire(&semaphore)));
    }
    say("%s", locked());
    release();
    say("%s", locked());
    return passes(1);
}

SCENARIO(values_that_cannot_be)
{
    say("%s", name(asyncio_semaphore_init(&semaphore, -1)));
    say("%s", name(asyncio_bounded_semaphore_init(&semaphore, -1)));
    return 0;
}

SCENARIO(two_at_a_time_in_their_order)
{
    init(2);
    asyncio_task *tasks[5];
    for (int i = 0; i < 5; i++)
        tasks[i] = WANTS(text("%c", 'a' + i), 2);
    turns(8);
    all_end(tasks, 5);
    say_permits();
    return 0;
}

SCENARIO(one_made_with_nothing_to_give)
{
    init(0);
    asyncio_task *a = KEEPS("a"), *b = KEEPS("b");
    ok(passes(2));
    release();
    say("locked %s", locked());
    ok(passes(2));
    say("%s %s", state(a), state(b));
    release();
    ALL_END(a, b);
    return 0;
}

SCENARIO(a_permit_handed_over_cannot_be_stolen)
{
    init(1);
    ok(asyncio_semaphore_acquire(&semaphore));
    asyncio_task *a = WANTS("a", 1);
    ok(passes(1));
    release();
    say("locked %s", locked());
    ok(wants("main", 0));
    ALL_END(a);
    return 0;
}

SCENARIO(locked_while_somebody_is_woken_though_there_are_permits)
{
    init(1);
    ok(asyncio_semaphore_acquire(&semaphore));
    asyncio_task *a = KEEPS("a");
    ok(passes(1));
    release();
    release();
    say("locked %s", locked());
    asyncio_task *b = KEEPS("b");
    turns(3);
    ok(passes(1));
    say("locked %s", locked());
    ALL_END(a, b);
    say_permits();
    return 0;
}

SCENARIO(who_runs_wakes_those_who_came_behind)
{
    init(0);
    asyncio_task *a = KEEPS("a");
    ok(passes(1));
    for (int i = 0; i < 3; i++)
        release();
    turns(4);
    ok(asyncio_gather(asyncio_coro(keeps, "b"), asyncio_coro(keeps, "c")));
    ALL_END(a);
    say_permits();
    return 0;
}

SCENARIO(several_releases_wake_as_many)
{
    init(0);
    asyncio_task *tasks[] = { KEEPS("a"), KEEPS("b"), KEEPS("c"), KEEPS("d") };
    ok(passes(1));
    turns(2);
    release();
    release();
    release();
    ok(passes(2));
    say("%s %s %s %s", state(tasks[0]), state(tasks[1]), state(tasks[2]), state(tasks[3]));
    release();
    all_end(tasks, 4);
    return 0;
}

SCENARIO(releases_may_raise_it_above_its_beginning)
{
    init(1);
    release();
    release();
    say_permits();
    return 0;
}

SCENARIO(a_waiter_is_cancelled)
{
    init(0);
    asyncio_task *a = KEEPS("a"), *b = KEEPS("b"), *c = KEEPS("c");
    ok(passes(1));
    asyncio_task_cancel(b);
    release();
    release();
    ALL_END(a, b, c);
    say_permits();
    return 0;
}

SCENARIO(a_woken_waiter_is_cancelled_and_the_next_gets_the_permit)
{
    init(0);
    asyncio_task *a = KEEPS("a"), *b = KEEPS("b");
    ok(passes(1));
    turns(4);
    release();
    asyncio_task_cancel(a);
    ALL_END(a, b);
    say_permits();
    return 0;
}

SCENARIO(the_only_woken_waiter_is_cancelled)
{
    init(0);
    asyncio_task *a = KEEPS("a");
    ok(passes(1));
    release();
    asyncio_task_cancel(a);
    ALL_END(a);
    say_permits();
    return 0;
}

SCENARIO(all_woken_ones_are_cancelled)
{
    init(0);
    asyncio_task *a = KEEPS("a"), *b = KEEPS("b"), *c = KEEPS("c");
    ok(passes(1));
    release();
    release();
    asyncio_task_cancel(a);
    asyncio_task_cancel(b);
    turns(4);
    ALL_END(a, b);
    say("%s", state(c));
    ALL_END(c);
    say_permits();
    return 0;
}

SCENARIO(cancelled_ones_do_not_hold_up_a_newcomer)
{
    init(0);
    asyncio_task *a = KEEPS("a");
    ok(passes(1));
    asyncio_task_cancel(a);
    release();
    say("locked %s", locked());
    turns(2);
    ok(keeps("main"));
    say("in the same turn");
    ALL_END(a);
    say("locked %s", locked());
    return 0;
}

SCENARIO(a_cancelled_waiter_that_runs_late_wakes_nobody_twice)
{
    init(0);
    asyncio_task *a = KEEPS("a"), *b = KEEPS("b"), *c = KEEPS("c");
    ok(passes(1));
    asyncio_task_cancel(a);
    release();
    turns(3);
    ok(passes(3));
    say("%s %s", state(b), state(c));
    release();
    ALL_END(a, b, c);
    say_permits();
    return 0;
}

SCENARIO(a_limit_on_the_wait)
{
    init(0);
    say("%s",
        name(asyncio_wait_for(asyncio_coro(asyncio_semaphore_acquire, &semaphore), 1 * T)));
    release();
    const char *when = at();
    say("%s 1", when);
    return asyncio_semaphore_acquire(&semaphore);
}

static int with_a_permit(int code)
{
    int r = asyncio_semaphore_enter(&semaphore);
    if (r < 0)
        return r;
    say("locked %s", locked());
    return asyncio_semaphore_exit(&semaphore, -code);
}

static int with_the_macro(int code)
{
    int r;
    ASYNCIO_SEMAPHORE(&semaphore, r)
    {
        say("locked %s", locked());
        if (code)
            return -code;
    }
    return r;
}

SCENARIO(a_block_with_a_permit)
{
    init(1);
    say("%s", name(with_a_permit(0)));
    say("%s", name(with_the_macro(EPIPE)));
    say_permits();
    return 0;
}

SCENARIO(a_bounded_one_is_released_too_often)
{
    ok(asyncio_bounded_semaphore_init(&semaphore, 2));
    say("%s", try_release());
    ok(asyncio_semaphore_acquire(&semaphore));
    say("%s", try_release());
    say("%s", try_release());
    say_permits();
    return 0;
}

SCENARIO(a_bounded_one_hands_over_like_any_other)
{
    ok(asyncio_bounded_semaphore_init(&semaphore, 1));
    ok(asyncio_semaphore_acquire(&semaphore));
    asyncio_task *a = WANTS("a", 1);
    ok(passes(1));
    say("%s", try_release());
    say("%s", try_release());
    say("%s", try_release());
    ALL_END(a);
    say("%s", try_release());
    say_permits();
    return 0;
}

SCENARIO(a_bounded_one_of_nothing)
{
    ok(asyncio_bounded_semaphore_init(&semaphore, 0));
    say("%s", locked());
    say("%s", try_release());
    return 0;
}

static int waits_in_vain(void)
{
    ok(asyncio_semaphore_acquire(&semaphore));
    say("%s",
        name(asyncio_wait_for(asyncio_coro(asyncio_semaphore_acquire, &semaphore), 1 * T)));
    release();
    return 0;
}

static int waits_on_another_loop(void)
{
    say("%s", name(asyncio_semaphore_acquire(&semaphore)));
    say("%s", name(asyncio_semaphore_acquire(&semaphore)));
    release();
    return 0;
}

PLAIN_SCENARIO(a_semaphore_belongs_to_the_loop_on_which_somebody_waited)
{
    init(1);
    ok(asyncio_run(asyncio_coro(waits_in_vain), .loop_factory = make_loop));
    return asyncio_run(asyncio_coro(waits_on_another_loop), .loop_factory = make_loop);
}

CONFORMANCE("semaphores")
