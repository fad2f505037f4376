# SPDX-License-Identifier: MIT
"""Work that blocked the loop: several things are due in one turn, and their order decides.

What is due first runs first; what it completes wakes others a turn later, so that something due
in the same turn can still come between.
"""

import asyncio
import errno

from support import *


def make_future():
    return asyncio.get_running_loop().create_future()


def set_unless_done(future, result):
    if not future.done():
        future.set_result(result)


def cancelling():
    return asyncio.current_task().cancelling()


@scenario
async def overdue_timers_go_by_deadline_in_one_turn():
    loop = asyncio.get_running_loop()
    for ticks in (3, 1, 2):
        loop.call_later(ticks * T, say, f"timer {ticks}")
    loop.call_soon(say, "ready")
    turns(2)
    block(5)
    say("blocked")
    await passes(2)


@scenario
async def overdue_sleepers_wake_in_order():
    tasks = [asyncio.create_task(sleeper(who, ticks)) for who, ticks in
             (("a", 3), ("b", 1), ("c", 2))]
    await passes(1)
    turns(3)
    block(5)
    for task in tasks:
        await task
    say(at())


@scenario
async def an_overdue_timer_cancels_another_one():
    loop = asyncio.get_running_loop()
    handles = []
    loop.call_later(1 * T, lambda: (say("first cancels second"), handles[0].cancel()))
    handles.append(loop.call_later(2 * T, say, "second"))
    block(3)
    await passes(3)


@scenario
async def the_result_was_due_first_the_deadline_wins():
    loop = asyncio.get_running_loop()
    future = make_future()
    loop.call_later(1 * T, future.set_result, 5)

    async def body():
        async with asyncio.timeout(2 * T):
            loop.call_soon(block, 3)
            return await future
    say(await ends(body()))
    say(f"future {tries(future.result)}, cancelling {cancelling()}")


@scenario
async def the_deadline_was_due_first():
    loop = asyncio.get_running_loop()
    future = make_future()
    loop.call_later(2 * T, set_unless_done, future, 5)

    async def body():
        async with asyncio.timeout(1 * T):
            loop.call_soon(block, 3)
            return await future
    say(await ends(body()))
    say(f"future {state(future)}, cancelling {cancelling()}")


@scenario
async def wait_for_a_sleep_that_was_over_in_time():
    asyncio.get_running_loop().call_soon(block, 3)
    say(await ends(asyncio.wait_for(sleeper("a", 1, 5), 2 * T)))


@scenario
async def wait_for_a_task_whose_sleep_was_over_in_time():
    task = asyncio.create_task(sleeper("a", 1, 5))
    await passes(1)
    asyncio.get_running_loop().call_soon(block, 3)
    say(await ends(asyncio.wait_for(task, 2 * T)))
    say(f"{state(task)}, cancelling {task.cancelling()}")


@scenario
async def a_cancel_comes_between_a_sleep_and_its_end():
    task = asyncio.create_task(sleeper("a", 1, 5))
    asyncio.get_running_loop().call_later(2 * T, task.cancel)
    await passes(1)
    block(3)
    say(await ends(task))


@scenario
async def a_cancel_just_before_the_end_of_a_sleep():
    task = asyncio.create_task(sleeper("a", 2, 5))
    asyncio.get_running_loop().call_later(1 * T, task.cancel)
    await passes(1)
    block(3)
    say(await ends(task))


@scenario
async def a_cancel_is_taken_back_before_the_sleeper_learns_of_it():
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(sleeper("a", 1, 5))
    loop.call_later(2 * T, task.cancel)
    loop.call_later(3 * T, lambda: say(f"uncancel {task.uncancel()}"))
    await passes(1)
    block(4)
    say(await ends(task))


@scenario
async def wait_whose_child_was_done_in_time():
    loop = asyncio.get_running_loop()
    future = make_future()
    loop.call_later(1 * T, future.set_result, 5)
    loop.call_soon(block, 3)
    done, pending = await asyncio.wait([future], timeout=2 * T)
    say(f"{len(done)} done, {len(pending)} pending")


@scenario
async def wait_whose_child_was_done_too_late():
    loop = asyncio.get_running_loop()
    future = make_future()
    loop.call_later(2 * T, future.set_result, 5)
    loop.call_soon(block, 3)
    done, pending = await asyncio.wait([future], timeout=1 * T)
    say(f"{len(done)} done, {len(pending)} pending")


@scenario
async def as_completed_whose_child_was_done_in_time():
    loop = asyncio.get_running_loop()
    future = make_future()
    loop.call_later(1 * T, future.set_result, 5)
    loop.call_soon(block, 3)
    try:
        async for done in asyncio.as_completed([future], timeout=2 * T):
            say(tries(done.result))
    except TimeoutError:
        say("TimeoutError")
    say(tries(future.result))


@scenario
async def two_limits_are_overdue():
    loop = asyncio.get_running_loop()
    limits = [asyncio.timeout(1 * T), asyncio.timeout(2 * T)]

    async def body():
        async with limits[0]:
            async with limits[1]:
                loop.call_soon(block, 3)
                await make_future()
    say(await ends(body()))
    say(f"expired {yes(limits[0].expired())} {yes(limits[1].expired())}, cancelling {cancelling()}")


@scenario
async def a_limit_and_a_foreign_cancel_are_overdue():
    loop = asyncio.get_running_loop()

    async def body():
        async with asyncio.timeout(1 * T):
            await make_future()
    task = asyncio.create_task(body())
    await passes(1)
    loop.call_later(2 * T, task.cancel)
    block(3)
    say(await ends(task))
    say(f"cancelling {task.cancelling()}")


@scenario
async def a_limit_was_left_before_its_overdue_timer_ran():
    loop = asyncio.get_running_loop()

    async def body():
        async with asyncio.timeout(1 * T) as limit:
            block(3)
        say(f"left, expired {yes(limit.expired())}")
        await passes(3)
        return cancelling()
    say(await ends(body()))


@scenario
async def an_overdue_failure_and_a_sibling_that_is_over_too():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(late_failing("a", 1, errno.EPIPE))
            group.create_task(sleeper("b", 2))
            group.create_task(sleeper("c", 9))
            await passes(1)
            block(3)
    say(await ends(body()))


@scenario
async def gather_of_overdue_sleepers():
    asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, block, 5)
    say(await ends(asyncio.gather(sleeper("a", 3, 1), late_failing("b", 1, errno.EPIPE),
                                  sleeper("c", 2, 3))))
    await passes(3)


@scenario
async def the_clock_stands_still_for_nobody():
    await asyncio.sleep(1 * T)
    block(2)
    say(at())
    await asyncio.sleep(1 * T)
    say(at())
