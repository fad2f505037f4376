# SPDX-License-Identifier: MIT
"""Tasks: when they step, in which order, how they end, what they know about themselves."""

import asyncio
import errno

from support import *


@scenario
async def a_task_first_runs_in_the_next_turn():
    turns(2)
    task = asyncio.create_task(steps("a", 1))
    say("created")
    asyncio.get_running_loop().call_soon(say, "queued behind")
    say(await ends(task))


@scenario
async def tasks_take_turns():
    tasks = [asyncio.create_task(steps(who, n)) for who, n in (("a", 3), ("b", 1), ("c", 2))]
    for task in tasks:
        await task


@scenario
async def sleep_zero_is_one_turn():
    turns(4)
    for i in range(1, 4):
        await asyncio.sleep(0)
        say(f"main {i}")


@scenario
async def a_negative_sleep_is_one_turn():
    turns(3)
    await asyncio.sleep(-1 * T)
    say("minus one")
    await asyncio.sleep(float("-inf"))
    say("minus infinity")
    say(at())


@scenario
async def sleeping_for_nan_is_an_error():
    turns(1)
    say(await ends(asyncio.sleep(float("nan"))))
    say("without a turn")
    await passes(1)


@scenario
async def an_infinite_sleep_can_be_cancelled():
    task = asyncio.create_task(sleeper("a", float("inf")))
    await asyncio.sleep(5 * T)
    task.cancel()
    say(await ends(task))
    say(at())


@scenario
async def sleepers_wake_by_deadline():
    tasks = [asyncio.create_task(sleeper(who, ticks)) for who, ticks in
             (("a", 3), ("b", 1), ("c", 2))]
    for task in tasks:
        await task
    say(at())


@scenario
async def a_sleep_that_is_over_needs_a_turn_to_wake():
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(sleeper("a", 1))
    await passes(1)

    def together():
        say("timer")
        loop.call_soon(say, "posted by the timer")
    loop.call_later(0.5 * T, together)
    await task
    say(at())


@scenario
async def awaiting_a_coroutine_takes_no_turn():
    turns(2)
    say(await ends(quick(3)))
    say("inline")
    await asyncio.sleep(0)
    say(await ends(steps("a", 1, 4)))


@scenario
async def a_tasks_end_wakes_its_waiter_a_turn_later():
    turns(5)
    task = asyncio.create_task(steps("a", 2))
    await task
    say("main")
    await asyncio.sleep(0)
    say("main again")


@scenario
async def awaiting_a_done_task_takes_no_turn():
    task = asyncio.create_task(quick(3))
    await passes(1)
    turns(1)
    say(f"{state(task)} {await ends(task)} {await ends(task)}")
    say("in the same turn")
    await passes(1)


@scenario
async def two_wait_for_one_task():
    task = asyncio.create_task(steps("a", 1, 5))
    others = [asyncio.create_task(waiter(who, task)) for who in "bc"]
    for other in others:
        say(await ends(other))


@scenario
async def two_wait_for_one_that_fails():
    task = asyncio.create_task(failing("a", 1, errno.EPIPE))
    others = [asyncio.create_task(waiter(who, task)) for who in "bc"]
    for other in others:
        say(await ends(other))


@scenario
async def a_chain_of_tasks_unwinds_one_a_turn():
    async def link(n):
        if n == 0:
            return await steps("end of the chain", 1, 9)
        task = asyncio.create_task(link(n - 1))
        result = await task
        say(f"link {n}")
        return result
    turns(10)
    say(await ends(asyncio.create_task(link(3))))


@scenario
async def an_error_travels_up_a_chain():
    async def link(n):
        try:
            return await (failing("end", 1, errno.EPIPE) if n == 0
                          else asyncio.create_task(link(n - 1)))
        finally:
            say(f"link {n}")
    say(await ends(asyncio.create_task(link(3))))


@scenario
async def tasks_born_in_tasks_run_breadth_first():
    async def tree(who, depth):
        say(who)
        if depth == 0:
            return 1
        children = [asyncio.create_task(tree(f"{who}.{i}", depth - 1)) for i in (1, 2)]
        return sum([await child for child in children])
    say(await ends(tree("t", 2)))


@scenario
async def a_thousand_tasks_in_order():
    order = []

    async def one(i):
        order.append(i)
        await asyncio.sleep(0)
        order.append(1000 + i)
    tasks = [asyncio.create_task(one(i)) for i in range(1000)]
    for task in tasks:
        await task
    say("in order" if order == list(range(2000)) else "not in order")


@scenario
async def two_tasks_hand_a_value_to_and_fro():
    loop = asyncio.get_running_loop()
    ball = [loop.create_future(), loop.create_future()]

    async def player(me, rounds):
        for _ in range(rounds):
            got = await ball[me]
            ball[me] = loop.create_future()
            say(f"player {me} has {got}")
            if not ball[1 - me].done():
                ball[1 - me].set_result(got + 1)
        return 0
    turns(8)
    tasks = [asyncio.create_task(player(i, 2)) for i in (0, 1)]
    ball[0].set_result(1)
    for task in tasks:
        await task


@scenario
async def an_exception_is_kept_for_everyone():
    task = asyncio.create_task(failing("a", 0, errno.EPIPE))
    await passes(1)
    say(f"{state(task)}, cancelled {yes(task.cancelled())}")
    say(f"{tries(task.exception)} {tries(task.result)} {await ends(task)} {await ends(task)}")


@scenario
async def a_task_that_runs_has_no_result_yet():
    task = asyncio.create_task(quick(3))
    say(f"{state(task)}: result {tries(task.result)}, exception {tries(task.exception)}")
    await task
    say(f"{state(task)}: result {tries(task.result)}, exception {tries(task.exception)}")


@scenario
async def a_tasks_exception_that_nobody_fetched():
    task = asyncio.create_task(failing("a", 1, errno.EPIPE))
    await passes(3)
    say("dropping")
    del task
    drop()
    say("dropped")


@scenario
async def fire_and_forget_failing():
    asyncio.create_task(failing("a", 1, errno.EPIPE))
    await passes(2)
    drop()
    say("main")
    await passes(2)


@scenario
async def fire_and_forget_goes_on():
    asyncio.create_task(sleeper("a", 2))
    drop()
    await asyncio.sleep(3 * T)
    say("main")


@scenario
async def a_tasks_exception_fetched_by_a_callback():
    task = asyncio.create_task(failing("a", 1, errno.EPIPE))
    task.add_done_callback(lambda task: say(tries(task.exception)))
    await passes(3)
    del task
    drop()
    say("dropped")


@scenario
async def done_callbacks_of_a_task_run_in_order_a_turn_later():
    turns(3)
    task = asyncio.create_task(steps("a", 1, 5))
    for who in ("first", "second"):
        task.add_done_callback(lambda task, who=who: say(f"{who} {tries(task.result)}"))
    await task
    say("main")
    task.add_done_callback(lambda task: say("late"))
    await passes(1)


@scenario
async def a_done_callback_of_a_task_can_be_removed():
    def callback(task):
        say("called")
    task = asyncio.create_task(quick(5))
    task.add_done_callback(callback)
    task.add_done_callback(callback)
    say(f"removed {task.remove_done_callback(callback)}")
    await task
    say("main")


@scenario
async def a_task_cannot_be_set_from_outside():
    task = asyncio.create_task(steps("a", 1, 2))
    say(f"set_result {tries(task.set_result, 1)}")
    say(f"set_exception {tries(task.set_exception, error(errno.EPIPE))}")
    say(await ends(task))


@scenario
async def a_task_that_awaits_itself():
    task = None

    async def body():
        say(await ends(task))
        say("goes on")
        return 3
    turns(4)
    task = asyncio.create_task(body())
    say(await ends(task))


@scenario
async def a_future_of_another_loop():
    other = Loop()
    future = other.create_future()
    done = other.create_future()
    done.set_result(4)
    turns(2)
    say(f"pending: {await ends(future)}")
    say("main")
    say(f"done: {await ends(done)}")
    other.close()


@scenario
async def who_is_the_current_task():
    main = asyncio.current_task()
    seen = []

    async def child():
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())
    task = asyncio.create_task(child())
    say(f"main: {yes(asyncio.current_task() is main)}")
    await task
    say(f"child: {yes(seen == [task, task])}")
    say(f"main again: {yes(asyncio.current_task() is main)}")
    asyncio.get_running_loop().call_soon(
        lambda: say(f"in a callback: {yes(asyncio.current_task() is None)}"))
    await passes(1)


@scenario
async def all_tasks_are_those_not_done():
    say(len(asyncio.all_tasks()))
    a = asyncio.create_task(steps("a", 1))
    b = asyncio.create_task(steps("b", 3))
    say(len(asyncio.all_tasks()))
    await a
    say(len(asyncio.all_tasks()))
    say(f"b {yes(b in asyncio.all_tasks())}, a {yes(a in asyncio.all_tasks())}")
    b.cancel()
    say(len(asyncio.all_tasks()))
    await ends(b)
    say(len(asyncio.all_tasks()))


@scenario
async def names():
    named = asyncio.create_task(quick(0), name="crawler")
    numbered = asyncio.create_task(quick(0))
    next_one = asyncio.create_task(quick(0))
    say(named.get_name())
    say(yes(numbered.get_name().startswith("Task-")))
    say(int(next_one.get_name()[5:]) - int(numbered.get_name()[5:]))
    numbered.set_name("renamed")
    say(numbered.get_name())
    for task in (named, numbered, next_one):
        await task
    say(f"{named.get_name()} {numbered.get_name()}")


@scenario
async def a_task_that_ends_cancelled_though_nobody_asked():
    async def body():
        raise asyncio.CancelledError
    task = asyncio.create_task(body())
    say(await ends(task))
    say(f"{state(task)}, cancelling {task.cancelling()}")
    say(f"main: cancelling {asyncio.current_task().cancelling()}")


@scenario
async def two_tasks_that_end_in_one_turn_wake_in_order():
    a = asyncio.create_task(steps("a", 2))
    b = asyncio.create_task(steps("b", 2))
    d = asyncio.create_task(waiter("d", b))
    c = asyncio.create_task(waiter("c", a))
    await d
    await c


@scenario
async def main_and_child_share_the_turns():
    async def child():
        for i in range(1, 4):
            say(f"child {i}")
            await asyncio.sleep(0)
    asyncio.create_task(child())
    for i in range(1, 5):
        say(f"main {i}")
        await asyncio.sleep(0)


@scenario
async def a_task_is_born_while_the_creator_never_suspends():
    task = asyncio.create_task(steps("a", 1))
    say("busy")
    say(f"{state(task)}")
    await quick(1)
    say("no turn yet")
    await task


@scenario
async def work_done_in_a_callback_is_seen_before_the_next_step():
    loop = asyncio.get_running_loop()
    box = []

    async def reader():
        for _ in range(3):
            say(f"reader sees {len(box)}")
            await asyncio.sleep(0)
    task = asyncio.create_task(reader())
    loop.call_soon(box.append, 1)
    await asyncio.sleep(0)
    loop.call_soon(box.append, 2)
    await task


@scenario
def a_task_before_the_loop_runs():
    loop = Loop()
    task = loop.create_task(steps("a", 1, 6))
    say(state(task))
    say(f"{len(asyncio.all_tasks(loop))} task")
    say(name(loop.run_until_complete(task)))
    say(f"{len(asyncio.all_tasks(loop))} tasks")
    loop.close()
