# SPDX-License-Identifier: MIT
"""TaskGroup.cancel, of Python 3.15: the group ends its tasks and its body, and the block is left
without an error; what others have cancelled is still told."""

import asyncio
import errno

from support import (at, breaking, cleaning, ends, failing, name, passes, say, scenario,
                     sleeper, state, steps, stubborn, T, turns)


def cancel_of_groups(body):
    return scenario(body, mended=((3, 15, 0), "gh-108951, no TaskGroup.cancel"))


def cancelling():
    return asyncio.current_task().cancelling()


@cancel_of_groups
async def cancelled_by_its_body():
    async with asyncio.TaskGroup() as group:
        a = group.create_task(sleeper("a", 9))
        await asyncio.sleep(1 * T)
        group.cancel()
        say(f"goes on, cancelling {cancelling()}")
        say(f"body: {await ends(asyncio.sleep(5 * T))} {at()}")
    say(f"left {at()}, a {state(a)}, cancelling {cancelling()}")
    say(await ends(asyncio.sleep(0)))


@cancel_of_groups
async def cancelled_by_its_body_which_leaves_at_once():
    turns(4)
    async with asyncio.TaskGroup() as group:
        group.create_task(steps("a", 3))
        await passes(1)
        group.cancel()
    say(f"left, cancelling {cancelling()}")
    await passes(1)


@cancel_of_groups
async def cancelled_without_tasks():
    turns(2)
    async with asyncio.TaskGroup() as group:
        group.cancel()
    say(f"left in the same turn, cancelling {cancelling()}")
    say(await ends(asyncio.sleep(0)))


@cancel_of_groups
async def cancelled_before_a_task_has_begun():
    async with asyncio.TaskGroup() as group:
        a = group.create_task(steps("a", 1))
        group.cancel()
    say(f"a {state(a)}")


@cancel_of_groups
async def cancelled_by_a_child_while_the_body_waits():
    async def child():
        await asyncio.sleep(1 * T)
        group.cancel()
        say(f"child: {await ends(asyncio.sleep(1 * T))}")
        raise asyncio.CancelledError
    async with asyncio.TaskGroup() as group:
        group.create_task(child())
        group.create_task(sleeper("b", 9))
        say(f"body: {await ends(asyncio.sleep(9 * T))} {at()}")
    say(f"left {at()}, cancelling {cancelling()}")


@cancel_of_groups
async def cancelled_by_a_child_at_the_exit():
    async def child():
        await asyncio.sleep(1 * T)
        group.cancel()
        return 7
    async with asyncio.TaskGroup() as group:
        a = group.create_task(child())
        group.create_task(sleeper("b", 9))
    say(f"left {at()}, a {state(a)}, cancelling {cancelling()}")
    say(await ends(asyncio.sleep(0)))


@cancel_of_groups
async def cancelled_from_outside_turn_by_turn():
    turns(6)
    async with asyncio.TaskGroup() as group:
        group.create_task(cleaning("a", 1))
        asyncio.get_running_loop().call_soon(lambda: group.cancel())
    say(f"left, cancelling {cancelling()}")
    await passes(1)


@cancel_of_groups
async def cancelled_twice_and_after_the_end():
    async with asyncio.TaskGroup() as group:
        a = group.create_task(stubborn("a", 1, 3))
        await passes(1)
        group.cancel()
        group.cancel()
        say(f"cancelling {cancelling()}, a {a.cancelling()}")
    group.cancel()
    say(f"left, cancelling {cancelling()}, a {name(a.result())}")
    say(await ends(asyncio.sleep(0)))


@cancel_of_groups
async def cancelled_and_a_child_fails_in_its_cleanup():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(breaking("a", 1, errno.EPIPE))
            await passes(1)
            group.cancel()
            await asyncio.sleep(9 * T)
    say(f"{await ends(body())}, cancelling {cancelling()}")
    say(await ends(asyncio.sleep(0)))


@cancel_of_groups
async def cancelled_after_a_child_has_failed():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 0, errno.EPIPE))
            group.create_task(cleaning("b", 2))
            say(f"body: {await ends(asyncio.sleep(9 * T))}")
            group.cancel()
            say(f"cancelling {cancelling()}")
    say(f"{await ends(body())}, cancelling {cancelling()}")


@cancel_of_groups
async def cancelled_and_the_body_goes_on():
    async with asyncio.TaskGroup() as group:
        group.create_task(steps("a", 9))
        await passes(1)
        group.cancel()
        say(f"body: {await ends(asyncio.sleep(0))}")
        say(f"again: {await ends(asyncio.sleep(1 * T))}")
    say(f"left {at()}, cancelling {cancelling()}")


@cancel_of_groups
async def cancelled_and_the_body_fails():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(steps("a", 9))
            group.cancel()
            await ends(asyncio.sleep(0))
            raise OSError(errno.ENOENT, "scenario")
    say(f"{await ends(body())}, cancelling {cancelling()}")


@cancel_of_groups
async def a_cancelled_group_takes_no_tasks():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 1))
            await passes(1)
            group.cancel()
            group.create_task(steps("b", 1))
    say(f"{await ends(body())}, cancelling {cancelling()}")


@cancel_of_groups
async def the_parent_is_cancelled_too_while_it_waits():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 3))
            await passes(1)
            group.cancel()
            say(f"body: {await ends(asyncio.sleep(0))}")
    task = asyncio.create_task(body())
    await passes(3)
    task.cancel()
    say(f"{await ends(task)}, cancelling {task.cancelling()}")


@cancel_of_groups
async def the_parent_is_cancelled_and_then_its_group():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 3))
            await passes(1)
            asyncio.current_task().cancel()
            say(f"body: {await ends(asyncio.sleep(0))}")
            group.cancel()
            say(f"cancelling {cancelling()}")
            await asyncio.sleep(0)
    task = asyncio.create_task(body())
    say(f"{await ends(task)}, cancelling {task.cancelling()}")


@cancel_of_groups
async def an_earlier_cancel_was_swallowed_before_the_group():
    async def body():
        asyncio.current_task().cancel()
        await ends(asyncio.sleep(0))
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 1))
            await passes(1)
            group.cancel()
        say("left")
    task = asyncio.create_task(body())
    say(f"{await ends(task)}, cancelling {task.cancelling()}")


@cancel_of_groups
async def an_earlier_cancel_was_swallowed_and_the_body_leaves_without_waiting():
    async def body():
        asyncio.current_task().cancel()
        await ends(asyncio.sleep(0))
        async with asyncio.TaskGroup() as group:
            group.cancel()
        say(f"left, cancelling {cancelling()}")
        say(await ends(asyncio.sleep(0)))
    task = asyncio.create_task(body())
    say(f"{await ends(task)}, cancelling {task.cancelling()}")


@cancel_of_groups
async def an_inner_group_is_cancelled():
    async with asyncio.TaskGroup() as outer:
        a = outer.create_task(sleeper("a", 2, 4))
        async with asyncio.TaskGroup() as inner:
            inner.create_task(sleeper("b", 9))
            await asyncio.sleep(1 * T)
            inner.cancel()
            await asyncio.sleep(9 * T)
        say(f"left the inner one {at()}, cancelling {cancelling()}")
    say(f"left {at()}, a {name(a.result())}")


@cancel_of_groups
async def the_outer_group_is_cancelled_within_the_inner():
    async with asyncio.TaskGroup() as outer:
        outer.create_task(sleeper("a", 9))
        async with asyncio.TaskGroup() as inner:
            inner.create_task(sleeper("b", 9))
            await asyncio.sleep(1 * T)
            outer.cancel()
            await asyncio.sleep(9 * T)
        say("not here")
    say(f"left {at()}, cancelling {cancelling()}")


@cancel_of_groups
async def both_groups_are_cancelled():
    async with asyncio.TaskGroup() as outer:
        async with asyncio.TaskGroup() as inner:
            inner.create_task(sleeper("a", 9))
            await asyncio.sleep(1 * T)
            inner.cancel()
            outer.cancel()
            say(f"cancelling {cancelling()}")
            await asyncio.sleep(9 * T)
        say("not here")
    say(f"left {at()}, cancelling {cancelling()}")


@cancel_of_groups
async def a_limit_around_a_group_that_is_cancelled():
    async with asyncio.timeout(5 * T) as limit:
        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper("a", 9))
            asyncio.get_running_loop().call_later(1 * T, lambda: group.cancel())
        say(f"left {at()}, cancelling {cancelling()}")
    say(f"expired {'yes' if limit.expired() else 'no'}")


@cancel_of_groups
async def the_limit_strikes_while_the_cancelled_group_cleans_up():
    async def cleans_long():
        try:
            await asyncio.sleep(9 * T)
        except asyncio.CancelledError:
            say(f"cleans: {await ends(asyncio.sleep(3 * T))}")
            raise

    async def body():
        async with asyncio.timeout(2 * T):
            async with asyncio.TaskGroup() as group:
                group.create_task(cleans_long())
                await asyncio.sleep(1 * T)
                group.cancel()
    say(f"{await ends(body())} {at()}, cancelling {cancelling()}")


@cancel_of_groups
async def cancelled_in_the_turn_in_which_the_last_child_ends():
    async with asyncio.TaskGroup() as group:
        a = group.create_task(steps("a", 1, 5))
        a.add_done_callback(lambda task: group.cancel())
    say(f"left, cancelling {cancelling()}, a {name(a.result())}")
    say(await ends(asyncio.sleep(0)))


@cancel_of_groups
async def an_eager_child_cancels_its_group():
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)

    async def child():
        group.cancel()
        say(f"child: {await ends(asyncio.sleep(3 * T))} {at()}")
        raise asyncio.CancelledError
    async with asyncio.TaskGroup() as group:
        a = group.create_task(child())
        say("body goes on")
    say(f"left {at()}, a {state(a)}, cancelling {cancelling()}")


@cancel_of_groups
async def cancelled_before_it_is_entered():
    group = asyncio.TaskGroup()
    group.cancel()
    async with group:
        say(f"cancelling {cancelling()}")
        say(f"body: {await ends(asyncio.sleep(9 * T))}")
    say(f"left {at()}, cancelling {cancelling()}")
