/* SPDX-License-Identifier: MIT */
/* The message of a cancellation, as scenarios_messages.py: how far it travels. In C it is the text
 * of the result's record. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

static const char *message(int r)
{
    const asyncio_error *error = asyncio_last_error(r);
    return error ? error->text : "no message";
}

static const char *why(int r)
{
    return r == -ECANCELED ? text("CancelledError: %s", message(r)) : name(r);
}

/* Says with what message it was cancelled, and ends so. */
static int teller(const char *who, asyncio_awaitable *awaitable)
{
    int r = (asyncio_await)(*awaitable);
    if (r == -ECANCELED)
        say("%s: %s", who, message(r));
    return r;
}

static int teller_of_nothing(const char *who)
{
    int r = wait_for_ever();
    if (r == -ECANCELED)
        say("%s: %s", who, message(r));
    return r;
}

static void cancelled_with(asyncio_coro coro, const char *words)
{
    asyncio_task *task = start(coro);
    ok(passes(2));
    asyncio_task_cancel(task, .message = words);
    int r = asyncio_await(task);
    say("main: %s", why(r));
}

static int tell(const char *who, asyncio_awaitable awaitable)
{
    cancelled_with(asyncio_coro(teller, who, &awaitable), "enough");
    return 0;
}

SCENARIO(to_a_sleeper)
{
    return tell("task", ASYNCIO_AWAITABLE(asyncio_coro(asyncio_sleep, 9 * T)));
}

SCENARIO(to_who_waits_for_a_future)
{
    return tell("task", ASYNCIO_AWAITABLE(new_future()));
}

SCENARIO(to_who_yields)
{
    return tell("task", ASYNCIO_AWAITABLE(asyncio_coro(passes, 9)));
}

SCENARIO(without_a_message)
{
    cancelled_with(asyncio_coro(teller_of_nothing, "task"), NULL);
    return 0;
}

SCENARIO(to_a_task_that_has_not_started)
{
    asyncio_task *task = start(asyncio_coro(quick, 0));
    asyncio_task_cancel(task, .message = "early");
    int r = asyncio_await(task);
    say("%s", why(r));
    return 0;
}

SCENARIO(of_two_cancels_before_the_start_the_second)
{
    asyncio_task *task = start(asyncio_coro(quick, 0));
    asyncio_task_cancel(task, .message = "one");
    asyncio_task_cancel(task, .message = "two");
    int r = asyncio_await(task);
    say("%s", why(r));
    return 0;
}

SCENARIO(of_two_cancels_of_a_waiter_the_first)
{
    asyncio_task *task = start(asyncio_coro(teller_of_nothing, "task"));
    ok(passes(1));
    asyncio_task_cancel(task, .message = "one");
    asyncio_task_cancel(task, .message = "two");
    int r = asyncio_await(task);
    say("%s", why(r));
    return 0;
}

static int cancels_itself(const char *who, asyncio_awaitable *awaitable)
{
    asyncio_task_cancel(asyncio_current_task(), .message = "myself");
    return teller(who, awaitable);
}

static int by_itself(const char *who, asyncio_awaitable awaitable)
{
    int r = asyncio_await(start(asyncio_coro(cancels_itself, who, &awaitable)));
    say("%s", why(r));
    return 0;
}

SCENARIO(to_oneself)
{
    return by_itself("yield", ASYNCIO_AWAITABLE(asyncio_coro(asyncio_sleep, 0.0)));
}

SCENARIO(to_oneself_before_a_future)
{
    return by_itself("future", ASYNCIO_AWAITABLE(new_future()));
}

SCENARIO(in_place_of_a_result)
{
    asyncio_future *future = new_future();
    asyncio_awaitable awaitable = ASYNCIO_AWAITABLE(future);
    asyncio_task *task = start(asyncio_coro(teller, "task", &awaitable));
    ok(passes(1));
    ok(asyncio_future_set_result(future, 5));
    asyncio_task_cancel(task, .message = "too late");
    int r = asyncio_await(task);
    say("%s", why(r));
    return 0;
}

SCENARIO(through_two_tasks)
{
    return tell("outer", ASYNCIO_AWAITABLE(start(asyncio_coro(teller_of_nothing, "inner"))));
}

/* ---- gather ---- */

static asyncio_future *gathered(const asyncio_awaitable *children, size_t count, int collect)
{
    asyncio_future *together;
    ok(asyncio_gather_future(children, count, &together, .return_exceptions = collect));
    return own(together);
}

SCENARIO(to_gather)
{
    asyncio_awaitable children[2] = { ASYNCIO_AWAITABLE(asyncio_coro(teller_of_nothing, "a")),
                                      ASYNCIO_AWAITABLE(asyncio_coro(teller_of_nothing, "b")) };
    return tell("parent", ASYNCIO_AWAITABLE(gathered(children, 2, 0)));
}

SCENARIO(to_gather_that_collects)
{
    asyncio_awaitable child = ASYNCIO_AWAITABLE(asyncio_coro(teller_of_nothing, "a"));
    return tell("parent", ASYNCIO_AWAITABLE(gathered(&child, 1, 1)));
}

SCENARIO(to_a_child_of_gather)
{
    asyncio_task *child = start(asyncio_coro(sleeper, "child", TICKS(9), 0));
    asyncio_awaitable children[1] = { ASYNCIO_AWAITABLE(child) };
    asyncio_future *together = gathered(children, 1, 0);
    ok(passes(1));
    asyncio_task_cancel(child, .message = "only the child");
    int r = asyncio_await(together);
    say("%s", why(r));
    return 0;
}

/* ---- shield ---- */

static asyncio_future *shield_of(asyncio_task *inner)
{
    asyncio_future *outer;
    ok(asyncio_shield_future(inner, &outer));
    return own(outer);
}

SCENARIO(to_who_waits_behind_a_shield)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(1), 0));
    tell("outer", ASYNCIO_AWAITABLE(shield_of(inner)));
    return asyncio_await(inner);
}

SCENARIO(to_the_inner_of_a_shield)
{
    asyncio_task *inner = start(asyncio_coro(sleeper, "inner", TICKS(9), 0));
    asyncio_future *outer = shield_of(inner);
    ok(passes(1));
    asyncio_task_cancel(inner, .message = "the inner");
    int r = asyncio_await(outer);
    say("%s", why(r));
    r = asyncio_await(inner);
    say("%s", why(r));
    return 0;
}

/* ---- what waits inside something ---- */

static int waits_for(void)
{
    return asyncio_wait_for(asyncio_coro(teller_of_nothing, "inner"), 9 * T);
}

SCENARIO(to_wait_for)
{
    return tell("outer", ASYNCIO_AWAITABLE(asyncio_coro(waits_for)));
}

static int waits(asyncio_future *future)
{
    return asyncio_wait(&future, 1, NULL);
}

SCENARIO(to_wait)
{
    return tell("task", ASYNCIO_AWAITABLE(asyncio_coro(waits, new_future())));
}

static int waits_for_the_next(asyncio_future *future)
{
    asyncio_awaitable awaitable = ASYNCIO_AWAITABLE(future);
    asyncio_as_completed all;
    asyncio_as_completed_enter(&all, &awaitable, 1);
    int r = asyncio_as_completed_next(&all, NULL, NULL);
    return asyncio_as_completed_exit(&all, r);
}

SCENARIO(to_as_completed)
{
    return tell("task", ASYNCIO_AWAITABLE(asyncio_coro(waits_for_the_next, new_future())));
}

static int limited(void)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 9 * T);
    return asyncio_timeout_exit(&limit, teller_of_nothing("inside"));
}

SCENARIO(to_a_limit)
{
    return tell("outside", ASYNCIO_AWAITABLE(asyncio_coro(limited)));
}

static int grouped(int body_waits)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(teller_of_nothing, "child"), NULL);
    if (body_waits)
        r = teller_of_nothing("body");
    return asyncio_task_group_exit(&group, r);
}

SCENARIO(to_a_group_in_its_body)
{
    return tell("outside", ASYNCIO_AWAITABLE(asyncio_coro(grouped, 1)));
}

SCENARIO(to_a_group_at_its_exit)
{
    return tell("outside", ASYNCIO_AWAITABLE(asyncio_coro(grouped, 0)));
}

static int cleans(void)
{
    int r = wait_for_ever();
    ok(asyncio_sleep(0));
    return r;
}

SCENARIO(through_a_cleanup_that_awaits)
{
    return tell("task", ASYNCIO_AWAITABLE(asyncio_coro(cleans)));
}

SCENARIO(a_future_that_is_cancelled)
{
    asyncio_future *future = new_future();
    asyncio_awaitable awaitable = ASYNCIO_AWAITABLE(future);
    asyncio_task *task = start(asyncio_coro(teller, "task", &awaitable));
    ok(passes(1));
    asyncio_future_cancel(future, .message = "the future");
    int r = asyncio_await(task);
    say("%s", why(r));
    r = asyncio_await(future);
    say("%s", why(r));
    return 0;
}

CONFORMANCE("messages")
