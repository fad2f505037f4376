/* SPDX-License-Identifier: MIT */
/* Locks and events, as scenarios_locks.py: first come first served, nobody overtakes, no wake-up
 * is lost. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

/* Each scenario is a process of its own. */
static asyncio_lock lock;
static asyncio_event event;

static int wants(const char *who, int n)
{
    say("%s wants", who);
    int r = asyncio_lock_acquire(&lock);
    say("%s %s", who, name(r));
    if (r < 0)
        return r;
    r = passes(n);
    if (r < 0)
        return r;
    ok(asyncio_lock_release(&lock));
    say("%s gave", who);
    return 0;
}

static int waits(const char *who)
{
    say("%s waits", who);
    int r = asyncio_event_wait(&event);
    say("%s %s", who, name(r));
    return r;
}

#define WANTS(who, n) start(asyncio_coro(wants, who, n))
#define WAITS(who) start(asyncio_coro(waits, who))

/* A lock that this task holds. */
static void hold(void)
{
    asyncio_lock_init(&lock);
    ok(asyncio_lock_acquire(&lock));
}

static const char *locked(void)
{
    return yes(asyncio_lock_locked(&lock));
}

static void release(void)
{
    ok(asyncio_lock_release(&lock));
}

static void end_both(asyncio_task *a, asyncio_task *b)
{
    const char *how = ends(a);
    say("%s %s", how, ends(b));
}

static void end_three(asyncio_task *a, asyncio_task *b, asyncio_task *c)
{
    const char *first = ends(a), *second = ends(b);
    say("%s %s %s", first, second, ends(c));
}

SCENARIO(a_free_lock_is_taken_without_a_turn)
{
    asyncio_lock_init(&lock);
    turns(1);
    say("%s", locked());
    say("%s", name(asyncio_lock_acquire(&lock)));
    say("%s", locked());
    release();
    say("%s", locked());
    say("in the same turn");
    return passes(1);
}

SCENARIO(waiters_get_the_lock_in_their_order)
{
    asyncio_task *tasks[4];
    asyncio_lock_init(&lock);
    for (int i = 0; i < 4; i++)
        tasks[i] = WANTS(text("%c", 'a' + i), 1);
    for (int i = 0; i < 4; i++)
        ok(asyncio_await(tasks[i]));
    return 0;
}

SCENARIO(a_handover_turn_by_turn)
{
    asyncio_lock_init(&lock);
    asyncio_task *a = WANTS("a", 2), *b = WANTS("b", 1);
    turns(6);
    ok(asyncio_await(a));
    return asyncio_await(b);
}

static int player(const char *who)
{
    for (int i = 0; i < 3; i++) {
        ok(asyncio_lock_acquire(&lock));
        say("%s %d", who, i);
        release();
        ok(passes(1));
    }
    return 0;
}

SCENARIO(two_tasks_pass_the_lock_to_and_fro)
{
    asyncio_lock_init(&lock);
    asyncio_task *a = start(asyncio_coro(player, "a")), *b = start(asyncio_coro(player, "b"));
    ok(asyncio_await(a));
    return asyncio_await(b);
}

static int greedy(void)
{
    ok(asyncio_lock_acquire(&lock));
    ok(passes(2));
    release();
    say("greedy gave");
    say("%s", name(asyncio_lock_acquire(&lock)));
    say("greedy again");
    release();
    return 0;
}

SCENARIO(a_holder_that_takes_it_again_at_once_waits_behind_the_others)
{
    asyncio_lock_init(&lock);
    asyncio_task *a = start(asyncio_coro(greedy)), *b = WANTS("b", 0);
    ok(asyncio_await(a));
    return asyncio_await(b);
}

SCENARIO(the_lock_is_free_between_release_and_the_woken_one)
{
    hold();
    asyncio_task *b = WANTS("b", 1);
    ok(passes(1));
    release();
    say("locked %s", locked());
    say("release %s", name(asyncio_lock_release(&lock)));
    ok(passes(1));
    say("locked %s", locked());
    ok(asyncio_await(b));
    say("locked %s", locked());
    return 0;
}

SCENARIO(nobody_overtakes_one_who_is_woken)
{
    hold();
    asyncio_task *b = WANTS("b", 1);
    ok(passes(1));
    release();
    ok(wants("main", 0));
    return asyncio_await(b);
}

SCENARIO(a_release_of_a_lock_that_nobody_holds)
{
    asyncio_lock_init(&lock);
    say("%s", name(asyncio_lock_release(&lock)));
    ok(asyncio_lock_acquire(&lock));
    release();
    say("%s", name(asyncio_lock_release(&lock)));
    say("%s", name(asyncio_lock_acquire(&lock)));
    return 0;
}

static int releases(void)
{
    release();
    return 0;
}

SCENARIO(another_task_may_release_it)
{
    hold();
    asyncio_task *a = WANTS("a", 0), *b = start(asyncio_coro(releases));
    ok(asyncio_await(b));
    return asyncio_await(a);
}

SCENARIO(a_waiter_is_cancelled)
{
    hold();
    asyncio_task *a = WANTS("a", 0), *b = WANTS("b", 0), *c = WANTS("c", 0);
    ok(passes(1));
    asyncio_task_cancel(b);
    ok(passes(2));
    release();
    end_three(a, b, c);
    return 0;
}

SCENARIO(a_woken_waiter_is_cancelled_and_the_next_gets_it)
{
    hold();
    asyncio_task *a = WANTS("a", 0), *b = WANTS("b", 0);
    ok(passes(1));
    turns(4);
    release();
    asyncio_task_cancel(a);
    end_both(a, b);
    say("%s", locked());
    return 0;
}

SCENARIO(the_only_waiter_is_woken_and_cancelled)
{
    hold();
    asyncio_task *a = WANTS("a", 0);
    ok(passes(1));
    release();
    asyncio_task_cancel(a);
    say("%s", ends(a));
    say("%s", locked());
    say("%s", name(asyncio_lock_acquire(&lock)));
    return 0;
}

SCENARIO(all_woken_ones_are_cancelled_one_after_the_other)
{
    asyncio_task *tasks[4];
    hold();
    for (int i = 0; i < 4; i++)
        tasks[i] = WANTS(text("%c", 'a' + i), 0);
    ok(passes(1));
    turns(6);
    release();
    for (int i = 0; i < 3; i++) {
        asyncio_task_cancel(tasks[i]);
        ok(passes(1));
    }
    say("%s", ends(tasks[3]));
    say("%s", locked());
    return 0;
}

SCENARIO(the_first_waiter_is_cancelled_then_the_lock_released)
{
    hold();
    asyncio_task *a = WANTS("a", 0), *b = WANTS("b", 0);
    ok(passes(1));
    turns(4);
    asyncio_task_cancel(a);
    release();
    say("locked %s", locked());
    end_both(a, b);
    return 0;
}

/* The lock released, and waiters cancelled, in the order of `what`: r, and a, b or c. */
static int three_wait(const char *what)
{
    hold();
    asyncio_task *tasks[] = { WANTS("a", 0), WANTS("b", 0), WANTS("c", 0) };
    ok(passes(1));
    turns(4);
    for (; *what; what++) {
        if (*what == 'r')
            release();
        else
            asyncio_task_cancel(tasks[*what - 'a']);
    }
    end_three(tasks[0], tasks[1], tasks[2]);
    return 0;
}

SCENARIO(the_lock_released_then_the_waiter_behind_the_woken_one_cancelled)
{
    return three_wait("rb");
}

SCENARIO(two_waiters_in_front_are_cancelled_then_the_lock_released)
{
    return three_wait("abr");
}

SCENARIO(cancelled_from_behind_then_the_lock_released)
{
    return three_wait("bar");
}

SCENARIO(the_second_waiter_is_cancelled_then_the_lock_released)
{
    return three_wait("br");
}

SCENARIO(a_newcomer_may_pass_waiters_that_are_all_cancelled)
{
    hold();
    asyncio_task *a = WANTS("a", 0);
    ok(passes(1));
    asyncio_task_cancel(a);
    release();
    turns(2);
    say("%s", name(asyncio_lock_acquire(&lock)));
    say("in the same turn");
    asyncio_task *b = WANTS("b", 0);
    ok(passes(2));
    release();
    end_both(a, b);
    return 0;
}

SCENARIO(a_newcomer_waits_though_the_first_is_cancelled)
{
    hold();
    asyncio_task *a = WANTS("a", 0), *b = WANTS("b", 1);
    ok(passes(1));
    asyncio_task_cancel(a);
    release();
    turns(5);
    ok(wants("main", 0));
    end_both(a, b);
    return 0;
}

SCENARIO(taken_and_given_back_while_a_cancelled_one_is_still_there)
{
    hold();
    asyncio_task *a = WANTS("a", 0);
    ok(passes(1));
    asyncio_task_cancel(a);
    release();
    ok(asyncio_lock_acquire(&lock));
    asyncio_task *b = WANTS("b", 0);
    turns(4);
    release();
    end_both(a, b);
    return 0;
}

SCENARIO(a_waiter_is_cancelled_twice)
{
    hold();
    asyncio_task *a = WANTS("a", 0), *b = WANTS("b", 0);
    ok(passes(1));
    asyncio_task_cancel(a);
    asyncio_task_cancel(a);
    say("%s", ends(a));
    say("cancelling %d", asyncio_task_cancelling(a));
    release();
    say("%s", ends(b));
    return 0;
}

static int tries_twice(void)
{
    say("%s", name(asyncio_lock_acquire(&lock)));
    return wants("a", 0);
}

SCENARIO(one_who_swallows_the_cancel_queues_anew)
{
    hold();
    asyncio_task *a = start(asyncio_coro(tries_twice)), *b = WANTS("b", 0);
    ok(passes(1));
    asyncio_task_cancel(a);
    ok(passes(1));
    release();
    end_both(a, b);
    return 0;
}

static int cancelled_and_lucky(void)
{
    asyncio_task_cancel(asyncio_current_task());
    say("%s", name(asyncio_lock_acquire(&lock)));
    say("%s", name(asyncio_sleep(0)));
    release();
    return 0;
}

SCENARIO(a_pending_cancel_does_not_keep_from_a_free_lock)
{
    asyncio_lock_init(&lock);
    ok(asyncio_await(start(asyncio_coro(cancelled_and_lucky))));
    say("%s", locked());
    return 0;
}

static int cancelled_before(void)
{
    asyncio_task_cancel(asyncio_current_task());
    say("%s", name(asyncio_lock_acquire(&lock)));
    return 0;
}

SCENARIO(a_pending_cancel_ends_the_wait_at_once)
{
    hold();
    turns(3);
    ok(asyncio_await(start(asyncio_coro(cancelled_before))));
    release();
    say("%s", locked());
    return 0;
}

SCENARIO(a_limit_on_the_wait)
{
    hold();
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_lock_acquire, &lock), 1 * T)));
    say("%s", at());
    release();
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_lock_acquire, &lock), 1 * T)));
    say("%s %s", at(), locked());
    return 0;
}

static int with_the_lock(int code)
{
    int r = asyncio_lock_enter(&lock);
    if (r < 0)
        return r;
    say("locked %s", locked());
    r = passes(1);
    return asyncio_lock_exit(&lock, r < 0 ? r : -code);
}

SCENARIO(a_block_with_the_lock)
{
    asyncio_lock_init(&lock);
    say("%s", name(with_the_lock(0)));
    say("%s", name(with_the_lock(EPIPE)));
    say("locked %s", locked());
    asyncio_task *a = start(asyncio_coro(with_the_lock, 0));
    asyncio_task *b = start(asyncio_coro(with_the_lock, EIO));
    ok(passes(1));
    asyncio_task_cancel(a);
    end_both(a, b);
    say("locked %s", locked());
    return 0;
}

SCENARIO(a_block_that_releases_by_itself)
{
    asyncio_lock_init(&lock);
    ok(asyncio_lock_enter(&lock));
    release();
    say("%s", name(asyncio_lock_exit(&lock, 0)));
    return 0;
}

static int blocks_on_it(void)
{
    ok(asyncio_lock_acquire(&lock));
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_lock_acquire, &lock), 1 * T)));
    release();
    return 0;
}

static int blocks_on_another_loop(void)
{
    say("%s", name(asyncio_lock_acquire(&lock)));
    say("%s", name(asyncio_lock_acquire(&lock)));
    release();
    return 0;
}

PLAIN_SCENARIO(a_lock_belongs_to_the_loop_on_which_somebody_waited)
{
    asyncio_lock_init(&lock);
    ok(asyncio_run(asyncio_coro(blocks_on_it), .loop_factory = make_loop));
    return asyncio_run(asyncio_coro(blocks_on_another_loop), .loop_factory = make_loop);
}

/* ---- events ---- */

SCENARIO(an_event_that_is_set_makes_nobody_wait)
{
    asyncio_event_init(&event);
    turns(1);
    say("%s", yes(asyncio_event_is_set(&event)));
    ok(asyncio_event_set(&event));
    ok(asyncio_event_set(&event));
    say("%s", yes(asyncio_event_is_set(&event)));
    say("%s", name(asyncio_event_wait(&event)));
    ok(asyncio_event_clear(&event));
    ok(asyncio_event_clear(&event));
    say("%s", yes(asyncio_event_is_set(&event)));
    return passes(1);
}

SCENARIO(set_wakes_all_in_their_order)
{
    asyncio_event_init(&event);
    asyncio_task *a = WAITS("a"), *b = WAITS("b"), *c = WAITS("c");
    ok(passes(1));
    turns(3);
    ok(asyncio_event_set(&event));
    say("set");
    ok(passes(1));
    say("%s %s %s", state(a), state(b), state(c));
    return passes(1);
}

SCENARIO(a_clear_does_not_take_a_set_back)
{
    asyncio_event_init(&event);
    asyncio_task *a = WAITS("a");
    ok(passes(1));
    ok(asyncio_event_set(&event));
    ok(asyncio_event_clear(&event));
    asyncio_task *b = WAITS("b");
    ok(passes(3));
    say("%s %s", state(a), state(b));
    ok(asyncio_event_set(&event));
    say("%s", ends(b));
    return 0;
}

static int waits_twice(void)
{
    ok(waits("first"));
    ok(asyncio_event_clear(&event));
    return waits("second");
}

SCENARIO(one_who_comes_after_a_clear_is_woken_by_the_next_set_only)
{
    asyncio_event_init(&event);
    asyncio_task *a = start(asyncio_coro(waits_twice)), *b = WAITS("b");
    ok(passes(1));
    ok(asyncio_event_set(&event));
    ok(passes(3));
    say("%s %s", state(a), state(b));
    ok(asyncio_event_set(&event));
    say("%s", ends(a));
    return 0;
}

SCENARIO(a_waiter_of_an_event_is_cancelled)
{
    asyncio_event_init(&event);
    asyncio_task *a = WAITS("a"), *b = WAITS("b");
    ok(passes(1));
    asyncio_task_cancel(a);
    ok(asyncio_event_set(&event));
    end_both(a, b);
    return 0;
}

SCENARIO(a_woken_waiter_of_an_event_is_cancelled)
{
    asyncio_event_init(&event);
    asyncio_task *a = WAITS("a");
    ok(passes(1));
    turns(2);
    ok(asyncio_event_set(&event));
    asyncio_task_cancel(a);
    const char *how = ends(a);
    say("%s %s", how, yes(asyncio_event_is_set(&event)));
    return 0;
}

static void set_it(asyncio_loop *loop, void *data)
{
    (void)loop;
    ok(asyncio_event_set(data));
}

SCENARIO(a_callback_sets_an_event)
{
    asyncio_event_init(&event);
    later(1, set_it, &event);
    ok(waits("a"));
    say("%s", at());
    return 0;
}

static int waits_in_vain(void)
{
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_event_wait, &event), 1 * T)));
    return 0;
}

static int waits_on_another_loop(void)
{
    say("%s", name(asyncio_event_wait(&event)));
    ok(asyncio_event_set(&event));
    say("%s", name(asyncio_event_wait(&event)));
    return 0;
}

PLAIN_SCENARIO(an_event_belongs_to_the_loop_on_which_somebody_waited)
{
    asyncio_event_init(&event);
    ok(asyncio_run(asyncio_coro(waits_in_vain), .loop_factory = make_loop));
    return asyncio_run(asyncio_coro(waits_on_another_loop), .loop_factory = make_loop);
}

CONFORMANCE("locks")
