# SPDX-License-Identifier: MIT
"""Cancellation: edge-triggered and counted. Each scenario is a rule that is easily got wrong."""

import asyncio
import errno

from support import *


def make_future():
    return asyncio.get_running_loop().create_future()


@scenario
async def a_task_cancelled_before_its_first_step_never_runs():
    turns(3)
    task = asyncio.create_task(steps("a", 1))
    say(f"cancel {yes(task.cancel())}, {state(task)}, cancelling {task.cancelling()}")
    say(await ends(task))
    say(f"{state(task)}, cancelling {task.cancelling()}")


@scenario
async def cancelled_by_a_callback_just_before_its_first_step():
    task = None
    asyncio.get_running_loop().call_soon(lambda: say(f"cancel {yes(task.cancel())}"))
    task = asyncio.create_task(steps("a", 1))
    say(await ends(task))


@scenario
async def cancelled_and_uncancelled_before_its_first_step_it_runs():
    task = asyncio.create_task(steps("a", 1, 4))
    task.cancel()
    say(f"uncancel {task.uncancel()}")
    say(await ends(task))


@scenario
async def cancelled_twice_uncancelled_once_before_its_first_step():
    task = asyncio.create_task(steps("a", 1, 4))
    task.cancel()
    task.cancel()
    say(f"uncancel {task.uncancel()}")
    say(await ends(task))
    say(f"cancelling {task.cancelling()}")


@scenario
async def a_sleeping_task_is_woken_by_cancel():
    task = asyncio.create_task(sleeper("a", 9))
    await passes(1)
    turns(3)
    say(f"cancel {yes(task.cancel())}")
    say(f"{state(task)}")
    say(await ends(task))
    say(f"{state(task)} {at()}")


@scenario
async def cancel_at_a_bare_yield():
    task = asyncio.create_task(steps("a", 3))
    await passes(1)
    task.cancel()
    say(await ends(task))


@scenario
async def two_cancels_in_one_turn_are_counted_but_come_once():
    future = make_future()

    async def body():
        for i in (1, 2):
            say(f"wait {i}: {await ends(future if i == 1 else asyncio.sleep(0))}")
        return asyncio.current_task().cancelling()
    task = asyncio.create_task(body())
    await passes(1)
    say(f"{yes(task.cancel())} {yes(task.cancel())} cancelling {task.cancelling()}")
    say(await ends(task))


@scenario
async def two_cancels_in_two_turns_come_twice():
    task = asyncio.create_task(stubborn("a", 2, 5))
    await passes(1)
    task.cancel()
    await passes(1)
    task.cancel()
    say(await ends(task))
    say(f"{state(task)}, cancelling {task.cancelling()}")


@scenario
async def cancelling_what_is_done():
    task = asyncio.create_task(quick(5))
    await task
    say(f"cancel {yes(task.cancel())}, cancelling {task.cancelling()}, {state(task)}")
    gone = asyncio.create_task(sleeper("a", 1))
    gone.cancel()
    await ends(gone)
    say(f"cancel {yes(gone.cancel())}, cancelling {gone.cancelling()}, {state(gone)}")


@scenario
async def cancelling_what_failed_fetches_its_exception():
    task = asyncio.create_task(failing("a", 0, errno.EPIPE))
    await passes(2)
    say(f"cancel {yes(task.cancel())}")
    del task
    drop()
    say("dropped")


@scenario
async def a_cancel_that_is_swallowed():
    task = asyncio.create_task(stubborn("a", 1, 5))
    await passes(1)
    say(f"cancel {yes(task.cancel())}")
    say(await ends(task))
    say(f"cancelled {yes(task.cancelled())}, cancelling {task.cancelling()}")


@scenario
async def a_cancel_comes_once_then_cleanup_may_await():
    turns(6)
    task = asyncio.create_task(cleaning("a", 2))
    await passes(1)
    task.cancel()
    say(f"cancelled {yes(task.cancelled())}")
    await passes(1)
    say(f"cancelled {yes(task.cancelled())}")
    say(await ends(task))
    say(f"cancelled {yes(task.cancelled())}")


@scenario
async def a_second_cancel_hits_the_cleanup():
    async def body():
        try:
            await make_future()
        except asyncio.CancelledError:
            say("cleans")
            say(f"cleanup: {await ends(asyncio.sleep(9 * T))}")
            return 7
    task = asyncio.create_task(body())
    await passes(1)
    task.cancel()
    await passes(2)
    task.cancel()
    say(await ends(task))
    say(f"cancelling {task.cancelling()} {at()}")


@scenario
async def a_task_cancels_itself():
    async def body():
        me = asyncio.current_task()
        say(f"cancel {yes(me.cancel())}, cancelling {me.cancelling()}")
        say("goes on")
        say(await ends(asyncio.sleep(0)))
        say(await ends(asyncio.sleep(0)))
        return 3
    turns(4)
    task = asyncio.create_task(body())
    say(await ends(task))


@scenario
async def cancelled_while_it_returns_the_value_is_lost():
    async def body():
        asyncio.current_task().cancel()
        return 3
    task = asyncio.create_task(body())
    say(await ends(task))
    say(state(task))


@scenario
async def cancelled_while_it_fails_the_error_wins():
    async def body():
        asyncio.current_task().cancel()
        raise error(errno.EPIPE)
    task = asyncio.create_task(body())
    say(await ends(task))
    say(f"{state(task)}, cancelling {task.cancelling()}")


@scenario
async def uncancel_takes_a_cancel_of_itself_back():
    async def body():
        me = asyncio.current_task()
        me.cancel()
        say(f"uncancel {me.uncancel()}")
        say(await ends(asyncio.sleep(0)))
        me.cancel()
        me.uncancel()
        return 3
    task = asyncio.create_task(body())
    say(await ends(task))


@scenario
async def uncancel_of_one_of_two_takes_nothing_back():
    async def body():
        me = asyncio.current_task()
        me.cancel()
        me.cancel()
        say(f"uncancel {me.uncancel()}")
        say(await ends(asyncio.sleep(0)))
        say(f"uncancel {me.uncancel()}")
        return 3
    task = asyncio.create_task(body())
    say(await ends(task))


@scenario
async def uncancel_stops_at_zero():
    me = asyncio.current_task()
    say(f"{me.cancelling()} {me.uncancel()} {me.uncancel()} {me.cancelling()}")
    me.cancel()
    say(await ends(asyncio.sleep(0)))
    say(f"{me.cancelling()} {me.uncancel()} {me.cancelling()}")


@scenario
async def uncancel_does_not_stop_a_cancel_under_way():
    task = asyncio.create_task(waiter("a", make_future()))
    await passes(1)
    task.cancel()
    say(f"uncancel {task.uncancel()}")
    say(await ends(task))


@scenario
async def a_cancel_waits_for_a_suspension():
    done = make_future()
    done.set_result(4)

    async def body():
        asyncio.current_task().cancel()
        say(f"done future: {await ends(done)}")
        say(f"coroutine: {await ends(quick(5))}")
        say(f"bare yield: {await ends(asyncio.sleep(0))}")
        return 3
    say(await ends(asyncio.create_task(body())))


@scenario
async def a_pending_cancel_kills_the_next_future_at_once():
    future = make_future()

    async def body():
        asyncio.current_task().cancel()
        say(f"awaited: {await ends(future)}")
        return 3
    turns(4)
    task = asyncio.create_task(body())
    asyncio.get_running_loop().call_soon(lambda: say(f"future {state(future)}"))
    say(await ends(task))


@scenario
async def cancel_beats_a_result_that_is_already_there():
    future = make_future()
    task = asyncio.create_task(waiter("a", future))
    await passes(1)
    future.set_result(5)
    say(f"cancel {yes(task.cancel())}")
    say(await ends(task))
    say(f"future {state(future)} {tries(future.result)}")


@scenario
async def cancel_beats_an_exception_that_is_already_there():
    future = make_future()
    task = asyncio.create_task(waiter("a", future))
    await passes(1)
    future.set_exception(error(errno.EPIPE))
    say(f"cancel {yes(task.cancel())}")
    say(await ends(task))
    del future
    drop()
    say("dropped")


@scenario
async def a_result_comes_too_late_for_a_cancel():
    future = make_future()
    task = asyncio.create_task(waiter("a", future))
    await passes(1)
    say(f"cancel {yes(task.cancel())}")
    say(f"set_result {tries(future.set_result, 5)}")
    say(await ends(task))


@scenario
async def cancelling_the_outer_cancels_the_inner_first():
    inner = asyncio.create_task(cleaning("inner", 2))
    outer = asyncio.create_task(waiter("outer", inner))
    await passes(2)
    turns(5)
    say(f"cancel {yes(outer.cancel())}")
    say(f"inner cancelling {inner.cancelling()}, outer cancelling {outer.cancelling()}")
    say(await ends(outer))
    say(f"inner {state(inner)}, outer {state(outer)}")


@scenario
async def the_inner_swallows_and_the_outer_goes_on():
    inner = asyncio.create_task(stubborn("inner", 1, 8))
    outer = asyncio.create_task(waiter("outer", inner))
    await passes(2)
    outer.cancel()
    say(await ends(outer))
    say(f"outer {state(outer)}, cancelling {outer.cancelling()}")


@scenario
async def a_second_cancel_hits_the_inner_again():
    inner = asyncio.create_task(stubborn("inner", 2, 8))
    outer = asyncio.create_task(waiter("outer", inner))
    await passes(2)
    outer.cancel()
    await passes(1)
    say(f"outer {state(outer)}")
    outer.cancel()
    say(await ends(outer))
    say(f"inner cancelling {inner.cancelling()}, outer cancelling {outer.cancelling()}")


@scenario
async def the_inner_fails_in_its_cleanup():
    inner = asyncio.create_task(breaking("inner", 1, errno.EPIPE))
    outer = asyncio.create_task(waiter("outer", inner))
    await passes(2)
    outer.cancel()
    say(await ends(outer))
    say(f"outer {state(outer)}, cancelling {outer.cancelling()}")


@scenario
async def the_inner_ends_in_the_turn_of_the_cancel():
    inner = asyncio.create_task(steps("inner", 1, 5))
    outer = asyncio.create_task(waiter("outer", inner))
    await passes(1)
    asyncio.get_running_loop().call_soon(
        lambda: say(f"inner {state(inner)}, cancel {yes(outer.cancel())}"))
    say(await ends(outer))
    say(f"inner {tries(inner.result)}")


@scenario
async def the_inner_is_cancelled_by_someone_else():
    inner = asyncio.create_task(sleeper("inner", 9))
    outer = asyncio.create_task(waiter("outer", inner))
    await passes(2)
    inner.cancel()
    say(await ends(outer))
    say(f"outer {state(outer)}, cancelling {outer.cancelling()}")


@scenario
async def a_chain_of_three_unwinds_from_the_inside():
    a = asyncio.create_task(cleaning("a", 1))
    b = asyncio.create_task(waiter("b", a))
    c = asyncio.create_task(waiter("c", b))
    await passes(2)
    turns(6)
    c.cancel()
    say(f"cancelling {a.cancelling()} {b.cancelling()} {c.cancelling()}")
    say(await ends(c))


@scenario
async def two_wait_for_a_task_and_one_is_cancelled():
    inner = asyncio.create_task(sleeper("inner", 9))
    b = asyncio.create_task(waiter("b", inner))
    c = asyncio.create_task(waiter("c", inner))
    await passes(2)
    b.cancel()
    say(f"{await ends(c)} {await ends(b)}")
    say(f"cancelling {b.cancelling()} {c.cancelling()}")


@scenario
async def the_message_reaches_the_task_and_who_awaits_it():
    async def body():
        try:
            await make_future()
        except asyncio.CancelledError as e:
            say(f"task: {e.args[0]}")
            raise
    task = asyncio.create_task(body())
    await passes(1)
    task.cancel("enough")
    try:
        await task
    except asyncio.CancelledError as e:
        say(f"main: {e.args[0]}")


@scenario
async def the_message_travels_through_an_inner_task():
    inner = asyncio.create_task(sleeper("inner", 9))
    outer = asyncio.create_task(waiter("outer", inner))
    await passes(2)
    outer.cancel("enough")
    try:
        await outer
    except asyncio.CancelledError as e:
        say(f"main: {e.args[0]}")


@scenario
async def the_exception_of_a_cancelled_task():
    task = asyncio.create_task(sleeper("a", 9))
    task.cancel()
    await ends(task)
    say(f"result {tries(task.result)}, exception {tries(task.exception)}")
    say(await ends(task))


@scenario
async def cancelled_tasks_are_dropped_in_silence():
    task = asyncio.create_task(sleeper("a", 9))
    await passes(1)
    task.cancel()
    await passes(2)
    say(state(task))
    del task
    drop()
    say("dropped")


@scenario
async def awaiting_a_cancelled_task_does_not_cancel_the_waiter():
    gone = asyncio.create_task(sleeper("a", 9))
    gone.cancel()
    me = asyncio.current_task()
    say(f"{await ends(gone)}, cancelling {me.cancelling()}")
    say(await ends(asyncio.sleep(0)))


@scenario
async def done_callbacks_run_when_the_cleanup_is_over():
    turns(5)
    task = asyncio.create_task(cleaning("a", 1))
    task.add_done_callback(lambda task: say(f"callback: {state(task)}"))
    await passes(1)
    task.cancel()
    await ends(task)
    say("main")


@scenario
async def cancel_in_a_loop_until_it_gives_in():
    task = asyncio.create_task(stubborn("a", 3, 5))
    await passes(1)
    count = 0
    while not task.done():
        task.cancel()
        count += 1
        await asyncio.sleep(0)
    say(f"{count} cancels, {await ends(task)}, cancelling {task.cancelling()}")


@scenario
async def cancelling_main_reaches_what_main_awaits():
    main = asyncio.current_task()
    inner = asyncio.create_task(sleeper("inner", 9))
    asyncio.get_running_loop().call_later(1 * T, main.cancel)
    say(f"{await ends(inner)} {at()}")
    say(f"inner {state(inner)}, cancelling {main.cancelling()}")
    await asyncio.sleep(1 * T)
    say(f"main goes on {at()}")


@scenario
async def a_sibling_cancels_in_the_same_turn_before_the_step():
    victim = None

    async def killer():
        say(f"killer cancels {yes(victim.cancel())}")
    first = asyncio.create_task(killer())
    victim = asyncio.create_task(steps("victim", 2))
    say(await ends(victim))
    await first


@scenario
async def a_sibling_cancels_in_the_same_turn_after_the_step():
    victim = asyncio.create_task(steps("victim", 2))

    async def killer():
        say(f"killer cancels {yes(victim.cancel())}")
    second = asyncio.create_task(killer())
    say(await ends(victim))
    await second


@scenario
async def a_yielding_task_swallows_and_is_cancelled_again():
    async def body():
        for i in range(1, 4):
            say(f"step {i}: {await ends(asyncio.sleep(0))}")
        return asyncio.current_task().cancelling()
    task = asyncio.create_task(body())
    await passes(1)
    task.cancel()
    await passes(1)
    task.cancel()
    say(await ends(task))


@scenario
async def two_cancels_of_a_sleep_in_one_turn():
    async def body():
        say(f"sleep: {await ends(asyncio.sleep(9 * T))}")
        say(f"yield: {await ends(asyncio.sleep(0))}")
        return asyncio.current_task().cancelling()
    task = asyncio.create_task(body())
    await passes(1)
    say(f"{yes(task.cancel())} {yes(task.cancel())}")
    say(await ends(task))


@scenario
async def two_cancels_of_a_wait_in_one_turn():
    inner = asyncio.create_task(sleeper("inner", 1))

    async def body():
        try:
            await asyncio.wait([inner])
        except asyncio.CancelledError:
            say("wait: CancelledError")
        say(f"yield: {await ends(asyncio.sleep(0))}")
        return asyncio.current_task().cancelling()
    task = asyncio.create_task(body())
    await passes(2)
    say(f"{yes(task.cancel())} {yes(task.cancel())}")
    say(await ends(task))
    await inner


@scenario
async def uncancel_of_one_of_two_under_way():
    task = asyncio.create_task(stubborn("a", 1, 5))
    await passes(1)
    task.cancel()
    task.cancel()
    say(f"uncancel {task.uncancel()} {task.uncancel()}")
    say(await ends(task))
    say(f"{state(task)}, cancelling {task.cancelling()}")


@scenario
async def a_future_may_be_cancelled_twice_by_its_waiter():
    future = make_future()

    async def body():
        say(f"first: {await ends(future)}")
        say(f"again: {await ends(future)}")
        return 3
    task = asyncio.create_task(body())
    await passes(1)
    task.cancel()
    say(await ends(task))
