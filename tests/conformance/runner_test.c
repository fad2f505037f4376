/* SPDX-License-Identifier: MIT */
/* run and the runner, as scenarios_runner.py: what comes out, who is cancelled at the end,
 * Ctrl-C. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>
#include <signal.h>

#define RUN(...) asyncio_run(asyncio_coro(__VA_ARGS__), .loop_factory = make_loop)

static int cancelling(void)
{
    return asyncio_task_cancelling(asyncio_current_task());
}

/* A task that is left over when main ends. */
#define LEAVE(...) ok(asyncio_create_task(asyncio_coro(__VA_ARGS__), NULL))

PLAIN_SCENARIO(run_returns_the_result)
{
    say("%s", name(RUN(steps, "a", 1, 7)));
    say("%s", name(RUN(quick, 0)));
    return 0;
}

PLAIN_SCENARIO(run_raises_the_error)
{
    say("%s", name(RUN(failing, "a", 1, EPIPE)));
    return 0;
}

PLAIN_SCENARIO(run_of_a_task_that_ends_cancelled)
{
    say("%s", name(RUN(cancelled_coroutine)));
    return 0;
}

static int cancels_itself(void)
{
    asyncio_task_cancel(asyncio_current_task());
    return asyncio_sleep(0);
}

PLAIN_SCENARIO(run_of_a_main_that_cancels_itself)
{
    say("%s", name(RUN(cancels_itself)));
    return 0;
}

SCENARIO(run_inside_a_running_loop_is_refused)
{
    say("%s", name(RUN(quick, 1)));
    ok(asyncio_sleep(0));
    say("the loop goes on");
    return 0;
}

static int numbered_run(int n)
{
    say("run %d %s", n, at());
    int r = asyncio_sleep(1 * T);
    return r < 0 ? r : n;
}

PLAIN_SCENARIO(run_after_run)
{
    for (int n = 1; n < 3; n++)
        say("%s", name(RUN(numbered_run, n)));
    return 0;
}

/* ---- what is left over ---- */

static int leaves_a_sleeper(void)
{
    LEAVE(sleeper, "left", TICKS(9), 0);
    int r = asyncio_sleep(1 * T);
    say("main ends");
    return r < 0 ? r : 3;
}

PLAIN_SCENARIO(what_is_left_is_cancelled)
{
    say("%s", name(RUN(leaves_a_sleeper)));
    return 0;
}

static int leaves_what_starts_at_the_end(void)
{
    LEAVE(steps, "left", 1, 0);
    say("main ends");
    return 0;
}

PLAIN_SCENARIO(what_starts_in_the_turn_of_the_end_is_cancelled)
{
    int r = RUN(leaves_what_starts_at_the_end);
    say("returned");
    return r;
}

static int leaves_a_stubborn_one(void)
{
    LEAVE(stubborn, "left", 1, 5);
    int r = passes(1);
    say("main ends");
    return r;
}

PLAIN_SCENARIO(what_is_left_may_swallow_and_return)
{
    int r = RUN(leaves_a_stubborn_one);
    say("returned");
    return r;
}

static int leaves_one_that_breaks(void)
{
    LEAVE(breaking, "left", 0, EPIPE);
    int r = passes(1);
    say("main ends");
    return r < 0 ? r : 3;
}

PLAIN_SCENARIO(what_is_left_fails_in_its_cleanup)
{
    say("%s", name(RUN(leaves_one_that_breaks)));
    return 0;
}

static int fails_and_leaves(void)
{
    LEAVE(sleeper, "left", TICKS(9), 0);
    int r = passes(1);
    return r < 0 ? r : -EIO;
}

PLAIN_SCENARIO(what_is_left_after_an_error)
{
    say("%s", name(RUN(fails_and_leaves)));
    return 0;
}

static int cleans_by_sleeping(void)
{
    int r = wait_for_ever();
    say("cleans");
    const char *how = name(asyncio_sleep(1 * T));
    say("cleanup: %s %s", how, at());
    return r;
}

static int leaves_one_that_cleans(void)
{
    LEAVE(cleans_by_sleeping);
    int r = passes(1);
    say("main ends");
    return r;
}

PLAIN_SCENARIO_DIFFERS(what_is_left_awaits_in_its_cleanup,
                       "when the runner shuts down, cancellation is level-triggered",
                       "main ends\ncleans\ncleanup: CancelledError t=0\nreturned\n= 0\n")
{
    int r = RUN(leaves_one_that_cleans);
    say("returned");
    return r;
}

static int leaves_two(void)
{
    asyncio_task *a = start(asyncio_coro(sleeper, "a", TICKS(9), 0));
    LEAVE(task_waiter, "b", a);
    int r = passes(2);
    say("main ends");
    return r;
}

PLAIN_SCENARIO(tasks_that_wait_for_each_other_at_the_end)
{
    int r = RUN(leaves_two);
    say("returned");
    return r;
}

static int leaves_callbacks(void)
{
    say_soon("callback in the turn of the end");
    say_later(9, "never");
    say("main ends");
    return 0;
}

PLAIN_SCENARIO(callbacks_scheduled_by_main_at_its_end)
{
    int r = RUN(leaves_callbacks);
    say("returned");
    return r;
}

/* ---- the runner ---- */

static asyncio_loop *loops[2];

static int remembers_its_loop(int n)
{
    loops[n - 1] = running();
    say("run %d %s", n, at());
    return asyncio_sleep(1 * T);
}

PLAIN_SCENARIO(two_runs_of_a_runner_share_the_loop)
{
    asyncio_runner runner;
    asyncio_loop *loop;
    asyncio_runner_enter(&runner, .loop_factory = make_loop);
    ok(asyncio_runner_run(&runner, asyncio_coro(remembers_its_loop, 1)));
    ok(asyncio_runner_run(&runner, asyncio_coro(remembers_its_loop, 2)));
    ok(asyncio_runner_get_loop(&runner, &loop));
    say("%s", yes(loops[0] == loop && loops[1] == loop));
    asyncio_loop_ref(loop);
    ok(asyncio_runner_exit(&runner, 0));
    say("closed %s", yes(asyncio_loop_is_closed(loop)));
    asyncio_loop_unref(loop);
    return 0;
}

static int starts_in_the_background(void)
{
    LEAVE(steps, "background", 4, 0);
    int r = passes(2);
    say("first ends");
    return r;
}

PLAIN_SCENARIO(a_background_task_goes_on_in_the_next_run)
{
    asyncio_runner runner;
    asyncio_runner_enter(&runner, .loop_factory = make_loop);
    ok(asyncio_runner_run(&runner, asyncio_coro(starts_in_the_background)));
    say("between");
    int r = asyncio_runner_run(&runner, asyncio_coro(passes, 4));
    say("second ended");
    return asyncio_runner_exit(&runner, r);
}

PLAIN_SCENARIO(a_runner_after_an_error)
{
    asyncio_runner runner;
    asyncio_runner_enter(&runner, .loop_factory = make_loop);
    say("%s", name(asyncio_runner_run(&runner, asyncio_coro(failing, "a", 1, EPIPE))));
    say("%s", name(asyncio_runner_run(&runner, asyncio_coro(quick, 4))));
    return asyncio_runner_exit(&runner, 0);
}

/* A C runner is entered before it is used: only its closing twice and what comes after can be
 * shown. */
PLAIN_SCENARIO(a_runner_that_is_closed)
{
    asyncio_runner runner;
    asyncio_loop *loop;
    asyncio_runner_enter(&runner, .loop_factory = make_loop);
    say("%s", name(asyncio_runner_run(&runner, asyncio_coro(quick, 1))));
    ok(asyncio_runner_exit(&runner, 0));
    ok(asyncio_runner_exit(&runner, 0));
    say("run %s", runtime_error(asyncio_runner_run(&runner, asyncio_coro(quick, 2))));
    say("get_loop %s", runtime_error(asyncio_runner_get_loop(&runner, &loop)));
    return 0;
}

static int leaves_it_to_the_runner(void)
{
    LEAVE(sleeper, "left", TICKS(9), 0);
    return passes(1);
}

PLAIN_SCENARIO(a_runner_cancels_what_is_left_at_its_end)
{
    asyncio_runner runner;
    asyncio_runner_enter(&runner, .loop_factory = make_loop);
    ok(asyncio_runner_run(&runner, asyncio_coro(leaves_it_to_the_runner)));
    say("run returned");
    ok(asyncio_runner_exit(&runner, 0));
    say("closed");
    return 0;
}

/* ---- Ctrl-C ---- */

static int interrupted(void)
{
    raise(SIGINT);
    int r = asyncio_sleep(9 * T);
    if (r == -ECANCELED)
        say("main cancelled, cancelling %d", cancelling());
    return r;
}

PLAIN_SCENARIO(ctrl_c_cancels_main)
{
    say("%s", name(RUN(interrupted)));
    return 0;
}

static void ctrl_c(void)
{
    raise(SIGINT);
}

static int interrupted_in_its_sleep(void)
{
    ok(asyncio_loop_call_later(running(), 1 * T, ctrl_c, NULL));
    int r = asyncio_sleep(9 * T);
    say("%s %s", name(r), at());
    return r;
}

PLAIN_SCENARIO(ctrl_c_during_a_sleep)
{
    say("%s", name(RUN(interrupted_in_its_sleep)));
    return 0;
}

static int interrupted_and_returns(int result)
{
    raise(SIGINT);
    say("%s", name(asyncio_sleep(9 * T)));
    return result;
}

PLAIN_SCENARIO(ctrl_c_and_main_returns_a_value)
{
    say("%s", name(RUN(interrupted_and_returns, 5)));
    return 0;
}

PLAIN_SCENARIO(ctrl_c_and_main_fails)
{
    say("%s", name(RUN(interrupted_and_returns, -EPIPE)));
    return 0;
}

static int interrupted_and_cleans(void)
{
    raise(SIGINT);
    int r = asyncio_sleep(9 * T);
    const char *how = name(asyncio_sleep(1 * T));
    say("cleanup: %s %s", how, at());
    return r;
}

PLAIN_SCENARIO(ctrl_c_cleanup_may_await)
{
    say("%s", name(RUN(interrupted_and_cleans)));
    return 0;
}

static int interrupted_beside_another(void)
{
    LEAVE(sleeper, "other", TICKS(9), 0);
    ok(passes(1));
    raise(SIGINT);
    return sleeper("main", TICKS(9), 0);
}

PLAIN_SCENARIO(ctrl_c_ends_the_other_tasks_too)
{
    say("%s", name(RUN(interrupted_beside_another)));
    return 0;
}

static int interrupted_and_cancelled(void)
{
    raise(SIGINT);
    soon(cancel_task, asyncio_current_task());
    say("%s", name(asyncio_sleep(9 * T)));
    say("cancelling %d", cancelling());
    say("%s", name(asyncio_sleep(0)));
    say("cancelling %d", cancelling());
    return -ECANCELED;
}

PLAIN_SCENARIO(ctrl_c_and_a_cancel_of_its_own)
{
    say("%s", name(RUN(interrupted_and_cancelled)));
    return 0;
}

static int interrupted_and_takes_it_back(void)
{
    raise(SIGINT);
    say("%s", name(asyncio_sleep(9 * T)));
    say("uncancel %d", asyncio_task_uncancel(asyncio_current_task()));
    say("%s", name(asyncio_sleep(0)));
    return 5;
}

PLAIN_SCENARIO(ctrl_c_that_main_took_back)
{
    say("%s", name(RUN(interrupted_and_takes_it_back)));
    return 0;
}

static int interrupted_within_a_limit(void)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 5 * T);
    raise(SIGINT);
    return asyncio_timeout_exit(&limit, sleeper("main", TICKS(9), 0));
}

PLAIN_SCENARIO(ctrl_c_within_a_limit)
{
    say("%s", name(RUN(interrupted_within_a_limit)));
    return 0;
}

static int interrupted_within_a_group(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    ok(asyncio_task_group_create_task(&group, asyncio_coro(cleaning, "a", 1), NULL));
    ok(passes(1));
    raise(SIGINT);
    return asyncio_task_group_exit(&group, sleeper("main", TICKS(9), 0));
}

PLAIN_SCENARIO(ctrl_c_within_a_group)
{
    say("%s", name(RUN(interrupted_within_a_group)));
    return 0;
}

static int interrupted_run(int n)
{
    raise(SIGINT);
    return sleeper(text("run %d", n), TICKS(9), 0);
}

PLAIN_SCENARIO(ctrl_c_in_each_run_of_a_runner)
{
    asyncio_runner runner;
    asyncio_runner_enter(&runner, .loop_factory = make_loop);
    for (int n = 1; n < 3; n++)
        say("%s", name(asyncio_runner_run(&runner, asyncio_coro(interrupted_run, n))));
    say("%s", name(asyncio_runner_run(&runner, asyncio_coro(quick, 3))));
    return asyncio_runner_exit(&runner, 0);
}

CONFORMANCE("runner")
