# SPDX-License-Identifier: MIT
"""wait: three ways to return, no exception of its own, nobody cancelled. And as_completed."""

import asyncio
import errno

from support import *


def shown(tasks, done, pending):
    """What each task came to, in the order they were made (the sets have none)."""
    assert done | pending == set(tasks.values()) and not done & pending
    return ", ".join(f"{who} {'done' if task in done else 'pending'}"
                     for who, task in tasks.items())


def start(**coroutines):
    return {who: asyncio.create_task(coro) for who, coro in coroutines.items()}


async def wait_shown(tasks, **options):
    say(f"{shown(tasks, *await asyncio.wait(tasks.values(), **options))} {at()}")


@scenario
async def wait_for_all():
    tasks = start(a=sleeper("a", 2), b=sleeper("b", 1), c=sleeper("c", 3))
    await wait_shown(tasks)


@scenario
async def wait_for_the_first():
    tasks = start(a=sleeper("a", 2), b=sleeper("b", 1), c=sleeper("c", 3))
    await wait_shown(tasks, return_when=asyncio.FIRST_COMPLETED)
    await wait_shown(tasks)


@scenario
async def wait_for_the_first_exception():
    tasks = start(a=sleeper("a", 1), b=late_failing("b", 2, errno.EPIPE), c=sleeper("c", 3))
    await wait_shown(tasks, return_when=asyncio.FIRST_EXCEPTION)
    await wait_shown(tasks, return_when=asyncio.ALL_COMPLETED)
    say(tries(tasks["b"].result))


@scenario
async def first_exception_without_one_waits_for_all():
    tasks = start(a=sleeper("a", 1), b=sleeper("b", 2))
    await wait_shown(tasks, return_when=asyncio.FIRST_EXCEPTION)


@scenario
async def a_cancelled_child_is_no_exception():
    tasks = start(a=sleeper("a", 9), b=sleeper("b", 2))
    asyncio.get_running_loop().call_later(1 * T, tasks["a"].cancel)
    await wait_shown(tasks, return_when=asyncio.FIRST_EXCEPTION)


@scenario
async def a_cancelled_child_counts_as_the_first_completed():
    tasks = start(a=sleeper("a", 9), b=sleeper("b", 2))
    asyncio.get_running_loop().call_later(1 * T, tasks["a"].cancel)
    await wait_shown(tasks, return_when=asyncio.FIRST_COMPLETED)
    await tasks["b"]


@scenario
async def a_timeout_cancels_nobody():
    tasks = start(a=sleeper("a", 1), b=sleeper("b", 3, 5))
    await wait_shown(tasks, timeout=2 * T)
    say(f"b cancelling {tasks['b'].cancelling()}")
    say(f"{await ends(tasks['b'])} {at()}")


@scenario
async def a_timeout_with_nothing_done():
    tasks = start(a=sleeper("a", 3))
    await wait_shown(tasks, timeout=1 * T, return_when=asyncio.FIRST_COMPLETED)
    await tasks["a"]


@scenario
async def a_timeout_that_is_not_needed():
    tasks = start(a=sleeper("a", 1))
    await wait_shown(tasks, timeout=5 * T)


@scenario
async def a_timeout_of_zero():
    turns(3)
    tasks = start(a=steps("a", 0), b=steps("b", 3))
    await wait_shown(tasks, timeout=0)
    await tasks["b"]


@scenario
async def a_negative_timeout():
    tasks = start(a=steps("a", 5))
    await wait_shown(tasks, timeout=-1 * T)
    await tasks["a"]


@scenario
async def wait_turn_by_turn():
    turns(6)
    tasks = start(a=steps("a", 1), b=steps("b", 2))
    await wait_shown(tasks)
    await passes(1)


@scenario
async def wait_suspends_even_when_all_are_done():
    tasks = start(a=quick(1), b=quick(2))
    await passes(1)
    say(f"{state(tasks['a'])} {state(tasks['b'])}")
    turns(3)
    await wait_shown(tasks)
    await passes(1)


@scenario
async def all_that_are_done_at_the_return_are_in_done():
    tasks = start(a=steps("a", 1), b=steps("b", 1), c=steps("c", 2), d=steps("d", 9))
    await wait_shown(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks.values():
        await task


@scenario
async def done_before_the_return_though_later_than_the_first():
    loop = asyncio.get_running_loop()
    futures = {who: loop.create_future() for who in "ab"}
    loop.call_soon(futures["a"].set_result, 1)
    loop.call_soon(loop.call_soon, futures["b"].set_result, 2)
    await wait_shown(futures, return_when=asyncio.FIRST_COMPLETED)


@scenario
async def wait_is_cancelled_the_children_are_not():
    tasks = start(a=sleeper("a", 2, 5))

    async def parent():
        await asyncio.wait(tasks.values())
    task = asyncio.create_task(parent())
    await asyncio.sleep(1 * T)
    task.cancel()
    say(await ends(task))
    say(f"a {state(tasks['a'])}, cancelling {tasks['a'].cancelling()}")
    say(await ends(tasks["a"]))


@scenario
async def wait_is_cancelled_in_the_turn_a_child_ends():
    tasks = start(a=steps("a", 1, 5))

    async def parent():
        try:
            await asyncio.wait(tasks.values())
            say("wait: returned")
        except asyncio.CancelledError:
            say("wait: CancelledError")
        return asyncio.current_task().cancelling()
    task = asyncio.create_task(parent())
    await passes(1)
    asyncio.get_running_loop().call_soon(
        lambda: say(f"a {state(tasks['a'])}, cancel {yes(task.cancel())}"))
    say(await ends(task))
    say(await ends(tasks["a"]))


@scenario
async def wait_does_not_raise_what_the_children_raise():
    tasks = start(a=failing("a", 1, errno.EPIPE), b=failing("b", 2, errno.EIO))
    await wait_shown(tasks)
    say(f"{tries(tasks['a'].result)} {tries(tasks['b'].exception)}")


@scenario
async def wait_does_not_fetch_the_exceptions():
    tasks = start(a=failing("a", 1, errno.EPIPE))
    await wait_shown(tasks)
    tasks.clear()
    drop()
    say("dropped")


@scenario
async def first_exception_fetches_all_but_the_last():
    tasks = start(a=failing("a", 1, errno.EPIPE), b=steps("b", 3))
    await wait_shown(tasks, return_when=asyncio.FIRST_EXCEPTION)
    await tasks["b"]
    tasks.clear()
    drop()
    say("dropped")


@scenario
async def wait_refuses_nonsense():
    task = asyncio.create_task(quick(1))
    say(f"nothing {await ends(asyncio.wait([]))}")
    say(f"return_when {await ends(asyncio.wait([task], return_when=99))}")
    await task


@scenario
async def the_same_task_twice_counts_once():
    task = asyncio.create_task(steps("a", 1))
    done, pending = await asyncio.wait([task, task])
    say(f"{len(done)} done, {len(pending)} pending")


@scenario
async def wait_for_plain_futures():
    loop = asyncio.get_running_loop()
    futures = {who: loop.create_future() for who in "abc"}
    loop.call_later(1 * T, futures["b"].set_result, 1)
    loop.call_later(2 * T, futures["a"].cancel)
    loop.call_later(3 * T, futures["c"].set_exception, error(errno.EPIPE))
    await wait_shown(futures, return_when=asyncio.FIRST_COMPLETED)
    await wait_shown(futures, return_when=asyncio.FIRST_EXCEPTION)
    say(tries(futures["c"].exception))


@scenario
async def wait_in_a_loop_until_all_are_done():
    tasks = start(a=sleeper("a", 3), b=sleeper("b", 1), c=sleeper("c", 2))
    pending = set(tasks.values())
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        say(f"{len(done)} done, {len(pending)} pending {at()}")


@scenario
async def two_wait_for_the_same_tasks():
    tasks = start(a=steps("a", 2))

    async def watcher(who):
        await asyncio.wait(tasks.values())
        say(f"{who} returns")
    watchers = [asyncio.create_task(watcher(who)) for who in ("first", "second")]
    for task in watchers:
        await task


@scenario
async def wait_is_cancelled_when_it_was_about_to_return():
    loop = asyncio.get_running_loop()
    tasks = start(a=steps("a", 1, 5))

    async def parent():
        try:
            await asyncio.wait(tasks.values())
            say("wait: returned")
        except asyncio.CancelledError:
            say("wait: CancelledError")
        return asyncio.current_task().cancelling()
    task = asyncio.create_task(parent())
    await passes(2)
    loop.call_soon(lambda: say(f"a {state(tasks['a'])}, cancel {yes(task.cancel())}"))
    say(await ends(task))
    say(await ends(tasks["a"]))


# ---- as_completed ------------------------------------------------------------------------------

async def drain(iterator):
    async for task in iterator:
        say(f"{task.get_name()}: {tries(task.result)} {at()}")
    say("no more")


def named(who, coro):
    return asyncio.create_task(coro, name=who)


@scenario
async def as_completed_by_time():
    tasks = [named("a", sleeper("a", 3, 1)), named("b", sleeper("b", 1, 2)),
             named("c", sleeper("c", 2, 3))]
    await drain(asyncio.as_completed(tasks))


@scenario
async def as_completed_hands_out_the_very_tasks():
    a, b = named("a", steps("a", 2, 1)), named("b", steps("b", 1, 2))
    got = [task async for task in asyncio.as_completed([a, b])]
    say(yes(got == [b, a]))


@scenario
async def as_completed_with_errors_and_cancels():
    tasks = [named("a", late_failing("a", 1, errno.EPIPE)), named("b", sleeper("b", 9)),
             named("c", sleeper("c", 3, 5))]
    asyncio.get_running_loop().call_later(2 * T, tasks[1].cancel)
    await drain(asyncio.as_completed(tasks))


@scenario
async def as_completed_of_nothing():
    turns(1)
    await drain(asyncio.as_completed([]))
    say("in the same turn")
    await passes(1)


@scenario
async def as_completed_turn_by_turn():
    turns(6)
    await drain(asyncio.as_completed([named("a", steps("a", 2)), named("b", steps("b", 1))]))
    await passes(1)


@scenario
async def as_completed_of_what_is_done_still_suspends():
    a, b = named("a", quick(1)), named("b", quick(2))
    await passes(1)
    turns(4)
    order = []
    async for task in asyncio.as_completed([a, b]):
        order.append(task.get_name())
        say(f"step {len(order)}")
    say(yes(sorted(order) == ["a", "b"]))
    await passes(1)


@scenario
async def as_completed_with_a_timeout():
    tasks = [named("a", sleeper("a", 1, 1)), named("b", sleeper("b", 3, 2)),
             named("c", sleeper("c", 4, 3))]
    iterator = asyncio.as_completed(tasks, timeout=2 * T)
    for _ in range(3):
        try:
            task = await anext(iterator)
            say(f"{task.get_name()} {at()}")
        except TimeoutError:
            say(f"TimeoutError {at()}")
    say(f"b {state(tasks[1])} {tasks[1].cancelling()}, c {state(tasks[2])}")
    say(f"{await ends(tasks[1])} {await ends(tasks[2])}")


@scenario
async def as_completed_ends_after_its_timeouts():
    tasks = [named("a", sleeper("a", 3)), named("b", sleeper("b", 4))]
    iterator = asyncio.as_completed(tasks, timeout=1 * T)
    for _ in range(4):
        try:
            await anext(iterator)
        except TimeoutError:
            say("TimeoutError")
        except StopAsyncIteration:
            say("no more")
    for task in tasks:
        await task


@scenario
async def as_completed_with_a_timeout_it_does_not_need():
    await drain(asyncio.as_completed([named("a", sleeper("a", 1, 1))], timeout=2 * T))
    await asyncio.sleep(2 * T)
    say(at())


@scenario
async def leaving_as_completed_early_cancels_nobody():
    tasks = [named("a", sleeper("a", 1, 1)), named("b", sleeper("b", 2, 2))]
    async for task in asyncio.as_completed(tasks):
        say(f"{task.get_name()} is enough")
        break
    say(await ends(tasks[1]))


@scenario
async def cancelled_in_as_completed_the_tasks_go_on():
    task = named("a", sleeper("a", 2, 1))

    async def parent():
        await drain(asyncio.as_completed([task]))
    outer = asyncio.create_task(parent())
    await asyncio.sleep(1 * T)
    outer.cancel()
    say(await ends(outer))
    say(f"a cancelling {task.cancelling()}, {await ends(task)}")


@scenario
async def the_same_task_twice_is_handed_out_once():
    task = named("a", steps("a", 1, 1))
    await drain(asyncio.as_completed([task, task]))


@scenario
async def as_completed_does_not_fetch_for_you():
    async for task in asyncio.as_completed([named("a", failing("a", 1, errno.EPIPE))]):
        say(f"{task.get_name()} {state(task)}")
    del task
    drop()
    say("dropped")


@scenario
async def as_completed_of_tasks_that_end_together():
    tasks = [named(who, steps(who, 1)) for who in "abc"]
    await drain(asyncio.as_completed(tasks))


@scenario
async def slow_consumer_of_as_completed():
    tasks = [named(who, sleeper(who, ticks)) for who, ticks in (("a", 1), ("b", 2), ("c", 4))]
    async for task in asyncio.as_completed(tasks):
        say(f"{task.get_name()} {at()}")
        await asyncio.sleep(2 * T)
    say(at())


@scenario
async def what_ends_after_the_timeout_is_not_handed_out():
    tasks = [named("a", sleeper("a", 2, 1)), named("b", sleeper("b", 3, 2))]
    iterator = asyncio.as_completed(tasks, timeout=1 * T)
    await asyncio.sleep(4 * T)
    for _ in range(2):
        try:
            task = await anext(iterator)
            say(task.get_name())
        except TimeoutError:
            say("TimeoutError")
    say(f"{tries(tasks[0].result)} {tries(tasks[1].result)}")


@scenario
async def cancelled_in_as_completed_when_it_was_about_to_return():
    loop = asyncio.get_running_loop()
    task = named("a", steps("a", 1, 5))

    async def parent():
        await drain(asyncio.as_completed([task]))
    outer = asyncio.create_task(parent())
    await passes(2)
    loop.call_soon(lambda: say(f"a {state(task)}, cancel {yes(outer.cancel())}"))
    say(await ends(outer))
    say(await ends(task))


@scenario
async def as_completed_of_an_error_and_a_timeout():
    tasks = [named("a", late_failing("a", 1, errno.EPIPE)), named("b", sleeper("b", 3))]
    iterator = asyncio.as_completed(tasks, timeout=2 * T)
    task = await anext(iterator)
    say(f"{task.get_name()}: {tries(task.result)} {at()}")
    try:
        await anext(iterator)
    except TimeoutError:
        say(f"TimeoutError {at()}")
    await tasks[1]
