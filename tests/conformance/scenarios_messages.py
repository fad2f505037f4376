# SPDX-License-Identifier: MIT
"""The message of a cancellation: how far it travels. It steers nothing, but people read it."""

import asyncio

from support import *


def make_future():
    return asyncio.get_running_loop().create_future()


async def why(awaitable):
    """How it ended, with the message of a cancellation."""
    try:
        return name(await awaitable)
    except asyncio.CancelledError as e:
        return f"CancelledError: {e.args[0] if e.args else 'no message'}"


async def teller(who, awaitable):
    """Says with what message it was cancelled, and ends so."""
    try:
        return await awaitable
    except asyncio.CancelledError as e:
        say(f"{who}: {e.args[0] if e.args else 'no message'}")
        raise


async def cancelled_with_message(coro, message="enough"):
    """Starts, lets it come to its wait, cancels it and says what main gets."""
    task = asyncio.create_task(coro)
    await passes(2)
    task.cancel(message)
    say(f"main: {await why(task)}")
    return task


@scenario
async def to_a_sleeper():
    await cancelled_with_message(teller("task", asyncio.sleep(9 * T)))


@scenario
async def to_who_waits_for_a_future():
    await cancelled_with_message(teller("task", make_future()))


@scenario
async def to_who_yields():
    await cancelled_with_message(teller("task", passes(9)))


@scenario
async def without_a_message():
    await cancelled_with_message(teller("task", make_future()), None)


@scenario
async def to_a_task_that_has_not_started():
    task = asyncio.create_task(quick(0))
    task.cancel("early")
    say(await why(task))


@scenario
async def of_two_cancels_before_the_start_the_second():
    task = asyncio.create_task(quick(0))
    task.cancel("one")
    task.cancel("two")
    say(await why(task))


@scenario
async def of_two_cancels_of_a_waiter_the_first():
    task = asyncio.create_task(teller("task", make_future()))
    await passes(1)
    task.cancel("one")
    task.cancel("two")
    say(await why(task))


@scenario
async def to_oneself():
    async def body():
        asyncio.current_task().cancel("myself")
        await teller("yield", asyncio.sleep(0))
    say(await why(asyncio.create_task(body())))


@scenario
async def to_oneself_before_a_future():
    async def body():
        asyncio.current_task().cancel("myself")
        await teller("future", make_future())
    say(await why(asyncio.create_task(body())))


@scenario
async def in_place_of_a_result():
    future = make_future()
    task = asyncio.create_task(teller("task", future))
    await passes(1)
    future.set_result(5)
    task.cancel("too late")
    say(await why(task))


@scenario
async def through_two_tasks():
    inner = asyncio.create_task(teller("inner", make_future()))
    await cancelled_with_message(teller("outer", inner))


@scenario
async def to_gather():
    await cancelled_with_message(
        teller("parent", asyncio.gather(teller("a", make_future()), teller("b", make_future()))))


@scenario
async def to_gather_that_collects():
    await cancelled_with_message(
        teller("parent", asyncio.gather(teller("a", make_future()), return_exceptions=True)))


@scenario
async def to_a_child_of_gather():
    child = asyncio.create_task(sleeper("child", 9))
    together = asyncio.gather(child)
    await passes(1)
    child.cancel("only the child")
    say(await why(together))


@scenario
async def to_who_waits_behind_a_shield():
    inner = asyncio.create_task(sleeper("inner", 1))
    await cancelled_with_message(teller("outer", asyncio.shield(inner)))
    await inner


@scenario
async def to_the_inner_of_a_shield():
    inner = asyncio.create_task(sleeper("inner", 9))
    outer = asyncio.shield(inner)
    await passes(1)
    inner.cancel("the inner")
    say(await why(outer))
    say(await why(inner))


@scenario
async def to_wait_for():
    await cancelled_with_message(
        teller("outer", asyncio.wait_for(teller("inner", make_future()), 9 * T)))


@scenario
async def to_wait():
    future = make_future()

    async def waits():
        await asyncio.wait([future])
    await cancelled_with_message(teller("task", waits()))


@scenario
async def to_as_completed():
    future = make_future()

    async def waits():
        async for _ in asyncio.as_completed([future]):
            pass
    await cancelled_with_message(teller("task", waits()))


@scenario
async def to_a_limit():
    async def limited():
        async with asyncio.timeout(9 * T):
            await teller("inside", make_future())
    await cancelled_with_message(teller("outside", limited()))


@scenario
async def to_a_group_in_its_body():
    async def grouped():
        async with asyncio.TaskGroup() as group:
            group.create_task(teller("child", make_future()))
            await teller("body", make_future())
    await cancelled_with_message(teller("outside", grouped()))


@scenario
async def to_a_group_at_its_exit():
    async def grouped():
        async with asyncio.TaskGroup() as group:
            group.create_task(teller("child", make_future()))
    await cancelled_with_message(teller("outside", grouped()))


@scenario
async def through_a_cleanup_that_awaits():
    async def body():
        try:
            await make_future()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            raise
    await cancelled_with_message(teller("task", body()))


@scenario
async def a_future_that_is_cancelled():
    future = make_future()
    task = asyncio.create_task(teller("task", future))
    await passes(1)
    future.cancel("the future")
    say(await why(task))
    say(await why(future))
