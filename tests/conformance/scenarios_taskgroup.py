# SPDX-License-Identifier: MIT
"""TaskGroup: nobody outlives the block, the first failure ends the others, cancels are counted."""

import asyncio
import errno

from support import *


def make_future():
    return asyncio.get_running_loop().create_future()


def cancelling():
    return asyncio.current_task().cancelling()


@scenario
async def it_waits_for_all():
    async with asyncio.TaskGroup() as group:
        a = group.create_task(sleeper("a", 2, 1))
        b = group.create_task(sleeper("b", 1, 2))
        say("body ends")
    say(f"{tries(a.result)} {tries(b.result)} {at()}")


@scenario
async def a_group_without_tasks_does_not_suspend():
    turns(1)
    async with asyncio.TaskGroup():
        say("body")
    say("in the same turn")
    await passes(1)


@scenario
async def a_group_turn_by_turn():
    turns(5)
    async with asyncio.TaskGroup() as group:
        group.create_task(steps("a", 1))
        group.create_task(steps("b", 2))
    say("left")
    await passes(1)


@scenario
async def children_that_are_done_before_the_exit():
    async with asyncio.TaskGroup() as group:
        group.create_task(steps("a", 0))
        await passes(2)
        turns(1)
    say("in the same turn")
    await passes(1)


@scenario
async def a_child_fails_and_the_siblings_are_cancelled():
    siblings = []

    async def body():
        async with asyncio.TaskGroup() as group:
            siblings.append(group.create_task(sleeper("a", 9)))
            group.create_task(late_failing("b", 1, errno.EPIPE))
    say(f"{await ends(body())} {at()}")
    say(f"a {state(siblings[0])}, cancelling {cancelling()}")


@scenario
async def a_child_fails_and_the_body_is_cancelled():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(late_failing("a", 1, errno.EPIPE))
            say(f"body: {(result := await ends(asyncio.sleep(9 * T)))} {at()}")
            say(f"cancelling {cancelling()}")
            if result == "CancelledError":
                raise asyncio.CancelledError
    say(f"{await ends(body())} {at()}")
    say(f"cancelling {cancelling()}")
    say(await ends(asyncio.sleep(0)))


@scenario
async def the_body_swallows_the_cancel_of_its_group():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 1, errno.EPIPE))
            say(f"body: {await ends(make_future())}")
            say(f"again: {await ends(asyncio.sleep(0))}")
        say("never here")
    say(await ends(body()))
    say(f"cancelling {cancelling()}")


@scenario
async def a_failure_turn_by_turn():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 1, errno.EPIPE))
            group.create_task(cleaning("b", 1))
    turns(8)
    say(await ends(body()))
    await passes(1)


@scenario
async def a_child_fails_while_the_body_yields():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 0, errno.EPIPE))
            for i in range(1, 5):
                say(f"body {i}: {(result := await ends(asyncio.sleep(0)))}")
                if result == "CancelledError":
                    raise asyncio.CancelledError
    say(await ends(body()))


@scenario
async def errors_stand_in_the_order_they_came():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(breaking("slow", 3, errno.EIO))
            group.create_task(failing("first", 1, errno.EPIPE))
            group.create_task(breaking("quick", 1, errno.EBADF))
    say(await ends(body()))


@scenario
async def two_children_fail_in_the_same_turn():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 1, errno.EIO))
            group.create_task(failing("b", 1, errno.EPIPE))
    say(await ends(body()))
    say(f"cancelling {cancelling()}")


@scenario
async def a_cancelled_child_disturbs_nobody():
    async with asyncio.TaskGroup() as group:
        a = group.create_task(sleeper("a", 9))
        b = group.create_task(sleeper("b", 2, 5))
        asyncio.get_running_loop().call_later(1 * T, a.cancel)
    say(f"a {state(a)}, b {tries(b.result)} {at()}")


@scenario
async def a_child_cancelled_before_it_starts():
    async with asyncio.TaskGroup() as group:
        a = group.create_task(steps("a", 1))
        a.cancel()
    say(f"a {state(a)}")


@scenario
async def a_child_that_raises_cancelled_by_itself():
    async def child():
        raise asyncio.CancelledError
    async with asyncio.TaskGroup() as group:
        a = group.create_task(child())
        group.create_task(steps("b", 2))
    say(f"a {state(a)}")


@scenario
async def the_body_fails():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 1))
            await passes(1)
            say("body raises EPIPE")
            raise error(errno.EPIPE)
    say(await ends(body()))
    say(f"cancelling {cancelling()}")


@scenario
async def the_body_fails_and_a_child_in_its_cleanup():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(breaking("a", 1, errno.EIO))
            await passes(1)
            raise error(errno.EPIPE)
    say(await ends(body()))


@scenario
async def the_body_fails_without_children():
    async def body():
        async with asyncio.TaskGroup():
            raise error(errno.EPIPE)
    say(await ends(body()))


@scenario
async def the_body_ends_cancelled_though_nobody_asked():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 1))
            await passes(1)
            raise asyncio.CancelledError
    say(await ends(body()))
    say(f"cancelling {cancelling()}")


@scenario
async def the_parent_is_cancelled_in_the_body():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 1))
            say(f"body: {(result := await ends(make_future()))}")
            if result == "CancelledError":
                raise asyncio.CancelledError
    task = asyncio.create_task(body())
    await passes(2)
    turns(5)
    task.cancel()
    say(await ends(task))
    say(f"cancelling {task.cancelling()}")


@scenario
async def the_parent_is_cancelled_at_the_exit():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 1))
    task = asyncio.create_task(body())
    await passes(2)
    turns(5)
    task.cancel()
    say(await ends(task))
    say(f"{state(task)}, cancelling {task.cancelling()}")


@scenario
async def the_parent_is_cancelled_and_a_child_fails_in_its_cleanup():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(breaking("a", 1, errno.EPIPE))

    async def parent():
        say(await ends(body()))
        say(f"cancelling {cancelling()}")
        say(f"next: {await ends(asyncio.sleep(0))}")
        say(f"after: {await ends(asyncio.sleep(0))}, cancelling {cancelling()}")
    task = asyncio.create_task(parent())
    await passes(2)
    task.cancel()
    say(await ends(task))


@scenario
async def further_cancels_are_absorbed_while_it_aborts():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 4))
    task = asyncio.create_task(body())
    await passes(2)
    task.cancel()
    await passes(2)
    say(f"cancel {yes(task.cancel())}")
    await passes(1)
    say(f"cancel {yes(task.cancel())}, {state(task)}")
    say(await ends(task))
    say(f"cancelling {task.cancelling()}")


@scenario
async def a_child_fails_and_the_parent_is_cancelled_beside():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 1, errno.EPIPE))
            group.create_task(cleaning("b", 3))

    async def parent():
        say(await ends(body()))
        say(f"cancelling {cancelling()}")
        say(f"next: {await ends(asyncio.sleep(0))}")
    task = asyncio.create_task(parent())
    await passes(5)
    say(f"cancel {yes(task.cancel())}")
    say(await ends(task))
    say(f"cancelling {task.cancelling()}")


@scenario
async def the_group_takes_no_tasks_before_and_after():
    group = asyncio.TaskGroup()
    early = quick(1)
    say(f"before: {tries(group.create_task, early)}")
    async with group:
        group.create_task(quick(2))
    late = quick(3)
    say(f"after: {tries(group.create_task, late)}")


@scenario
async def a_child_may_add_siblings_while_the_group_exits():
    async with asyncio.TaskGroup() as group:
        async def child(n):
            say(f"child {n}")
            await asyncio.sleep(0)
            if n < 3:
                group.create_task(child(n + 1))
        group.create_task(child(1))
        say("body ends")
    say("left")


@scenario
async def no_siblings_while_the_group_aborts():
    group = asyncio.TaskGroup()

    async def adding():
        try:
            await make_future()
        except asyncio.CancelledError:
            say(f"create_task {tries(group.create_task, quick(1))}")
            raise

    async def body():
        async with group:
            group.create_task(adding())
            group.create_task(failing("a", 1, errno.EPIPE))
    say(await ends(body()))


@scenario
async def entered_twice():
    async def again():
        async with group:
            pass
    async with asyncio.TaskGroup() as group:
        say(f"inside: {await ends(again())}")
    say(f"after: {await ends(again())}")


@scenario
async def a_sibling_that_swallows_keeps_the_group_waiting():
    async def stays():
        say(await ends(make_future()))
        await asyncio.sleep(2 * T)
        say(f"ends when it likes {at()}")
        return 5

    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(stays())
            group.create_task(failing("a", 1, errno.EPIPE))
    say(f"{await ends(body())} {at()}")


@scenario
async def the_inner_group_fails():
    async def inner():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 1, errno.EPIPE))
            group.create_task(cleaning("b", 1))

    async def outer():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("c", 1))
            say(f"inner: {await ends(inner())}, cancelling {cancelling()}")
            raise error(errno.EIO)
    say(f"outer: {await ends(outer())}")
    say(f"cancelling {cancelling()}")


@scenario
async def the_outer_group_fails_while_the_inner_runs():
    async def inner():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("b", 1))

    async def outer():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 1, errno.EPIPE))
            say(f"inner: {(result := await ends(inner()))}, cancelling {cancelling()}")
            if result == "CancelledError":
                raise asyncio.CancelledError
    say(f"outer: {await ends(outer())}")
    say(f"cancelling {cancelling()}")


@scenario
async def the_outer_group_fails_and_the_inner_too():
    async def inner():
        async with asyncio.TaskGroup() as group:
            group.create_task(breaking("b", 1, errno.EIO))

    async def outer():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 1, errno.EPIPE))
            say(f"inner: {await ends(inner())}, cancelling {cancelling()}")
            say(f"next: {(result := await ends(asyncio.sleep(0)))}")
            if result == "CancelledError":
                raise asyncio.CancelledError
    say(f"outer: {await ends(outer())}")
    say(f"cancelling {cancelling()}")


@scenario
async def a_cancel_through_two_groups():
    async def inner():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("b", 1))

    async def outer():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 3))
            await inner()
    task = asyncio.create_task(outer())
    await passes(2)
    task.cancel()
    say(await ends(task))
    say(f"cancelling {task.cancelling()}")


@scenario
async def a_group_in_a_task_of_a_group():
    async def inner():
        async with asyncio.TaskGroup() as group:
            group.create_task(steps("b", 2))
            group.create_task(cleaning("c", 1))

    async def outer():
        async with asyncio.TaskGroup() as group:
            group.create_task(inner())
            group.create_task(failing("a", 4, errno.EPIPE))
    say(await ends(outer()))


@scenario
async def an_earlier_cancel_that_was_swallowed():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 1, errno.EPIPE))

    async def parent():
        say(await ends(make_future()))
        say(await ends(body()))
        say(f"cancelling {cancelling()}")
        say(f"next: {await ends(asyncio.sleep(0))}")
    task = asyncio.create_task(parent())
    await passes(1)
    task.cancel()
    await ends(task)


@scenario
async def a_limit_around_a_group():
    async def body():
        async with asyncio.timeout(1 * T):
            async with asyncio.TaskGroup() as group:
                group.create_task(cleaning("a", 1))
                group.create_task(sleeper("b", 0.5))
    say(f"{await ends(body())} {at()}")
    say(f"cancelling {cancelling()}")


@scenario
async def a_limit_inside_a_group():
    async def limited():
        async with asyncio.timeout(1 * T):
            await asyncio.sleep(9 * T)

    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(limited())
            group.create_task(cleaning("a", 1))
    say(f"{await ends(body())} {at()}")


@scenario
async def a_group_error_counts_as_fetched():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 1, errno.EPIPE))
            group.create_task(breaking("b", 1, errno.EIO))
    say(await ends(body()))
    drop()
    say("nothing reported")


@scenario
async def leaving_the_body_early_still_waits():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper("a", 1))
            return 7
    say(f"{await ends(body())} {at()}")


@scenario
async def the_body_awaits_a_child_that_fails():
    async def body():
        async with asyncio.TaskGroup() as group:
            child = group.create_task(failing("a", 1, errno.EPIPE))
            await child
    say(await ends(body()))
    say(f"cancelling {cancelling()}")


@scenario
async def the_body_awaits_a_child_that_is_cancelled():
    async def body():
        async with asyncio.TaskGroup() as group:
            child = group.create_task(sleeper("a", 9))
            other = group.create_task(cleaning("b", 1))
            await passes(1)
            child.cancel()
            await child
    say(await ends(body()))
    say(f"cancelling {cancelling()}")


@scenario
async def a_sibling_is_cancelled_once_though_two_fail():
    siblings = []

    async def body():
        async with asyncio.TaskGroup() as group:
            siblings.append(group.create_task(cleaning("slow", 4)))
            group.create_task(breaking("a", 1, errno.EIO))
            await passes(1)
            raise error(errno.EPIPE)
    say(await ends(body()))
    say(f"slow cancelling {siblings[0].cancelling()}, main cancelling {cancelling()}")


@scenario
async def two_cancels_in_one_turn_at_the_exit():
    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 2))
    task = asyncio.create_task(body())
    await passes(2)
    say(f"{yes(task.cancel())} {yes(task.cancel())}")
    say(await ends(task))
    say(f"cancelling {task.cancelling()}")


@scenario
async def the_parent_is_cancelled_when_all_children_have_ended():
    loop = asyncio.get_running_loop()
    children = []

    async def body():
        async with asyncio.TaskGroup() as group:
            children.append(group.create_task(steps("a", 1, 5)))
        say("never here")
    task = asyncio.create_task(body())
    await passes(3)
    loop.call_soon(lambda: say(f"a {state(children[0])}, cancel {yes(task.cancel())}"))
    say(await ends(task))
    say(f"cancelling {task.cancelling()}")


@scenario
async def the_parent_is_cancelled_in_the_turn_the_last_child_ends():
    loop = asyncio.get_running_loop()
    children = []

    async def body():
        async with asyncio.TaskGroup() as group:
            children.append(group.create_task(steps("a", 1, 5)))
        say("never here")
    task = asyncio.create_task(body())
    await passes(2)
    loop.call_soon(lambda: say(f"a {state(children[0])}, cancel {yes(task.cancel())}"))
    say(await ends(task))
    say(f"cancelling {task.cancelling()}")


@scenario
async def three_groups_deep_an_error_comes_up():
    async def level(n):
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning(f"beside {n}", n))
            if n == 0:
                group.create_task(failing("deep", 2, errno.EPIPE))
            else:
                group.create_task(caught(n - 1))

    async def caught(n):
        say(f"level {n}: {await ends(level(n))}")
        raise error(errno.EIO)
    say(f"level 2: {await ends(level(2))}")


@scenario
async def a_group_of_groups():
    async def inner():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("b", 1, errno.EPIPE))
            group.create_task(failing("c", 1, errno.EIO))

    async def outer():
        async with asyncio.TaskGroup() as group:
            group.create_task(inner())
            group.create_task(breaking("a", 1, errno.ENOENT))
    say(await ends(outer()))


@scenario
async def one_error_three_groups_deep():
    async def level(n):
        async with asyncio.TaskGroup() as group:
            group.create_task(level(n - 1) if n else failing("deep", 1, errno.EPIPE))
    say(await ends(level(2)))


@scenario
async def the_body_raises_the_group_of_an_inner_one():
    async def body():
        async with asyncio.TaskGroup() as outer:
            outer.create_task(cleaning("a", 1))
            async with asyncio.TaskGroup() as inner:
                inner.create_task(failing("b", 1, errno.EPIPE))
    say(await ends(body()))
