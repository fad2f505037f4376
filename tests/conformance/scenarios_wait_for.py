# SPDX-License-Identifier: MIT
"""wait_for: in the caller's own task, and right in every race."""

import asyncio
import errno

from support import *


def make_future():
    return asyncio.get_running_loop().create_future()


async def limited(aw, ticks):
    """wait_for with a limit in ticks (or None), and how it ended."""
    return await ends(asyncio.wait_for(aw, None if ticks is None else ticks * T))


@scenario
async def in_time():
    say(f"{await limited(sleeper('a', 1, 5), 2)} {at()}")
    await asyncio.sleep(2 * T)
    say(f"cancelling {asyncio.current_task().cancelling()} {at()}")


@scenario
async def too_late():
    say(f"{await limited(sleeper('a', 3, 5), 2)} {at()}")
    say(f"cancelling {asyncio.current_task().cancelling()}")
    await asyncio.sleep(2 * T)
    say(at())


@scenario
async def without_a_limit():
    say(f"{await limited(sleeper('a', 3, 5), None)} {at()}")


@scenario
async def a_coroutine_runs_in_the_callers_task():
    main = asyncio.current_task()

    async def body():
        say(f"the caller's task: {yes(asyncio.current_task() is main)}")
        return 5
    turns(1)
    say(await limited(body(), 2))
    say("without a turn")
    await passes(1)


@scenario
async def an_error_in_time():
    say(f"{await limited(late_failing('a', 1, errno.EPIPE), 2)} {at()}")


@scenario
async def a_timeout_error_of_its_own():
    async def body():
        raise TimeoutError
    say(f"{await limited(body(), 2)} {at()}")


@scenario
async def the_task_is_cancelled_and_awaited():
    task = asyncio.create_task(sleeper("a", 9))
    say(f"{await limited(task, 1)} {at()}")
    say(f"{state(task)}, cancelling {task.cancelling()}")


@scenario
async def the_cleanup_may_exceed_the_limit():
    async def body():
        try:
            await asyncio.sleep(9 * T)
        except asyncio.CancelledError:
            say(f"cleans {at()}")
            await asyncio.sleep(3 * T)
            raise
    task = asyncio.create_task(body())
    say(f"{await limited(task, 1)} {at()}")
    say(f"inline: {await limited(body(), 1)} {at()}")


@scenario
async def a_task_that_swallows_gives_its_value():
    task = asyncio.create_task(stubborn("a", 1, 5))
    say(f"{await limited(task, 1)} {at()}")
    say(f"main cancelling {asyncio.current_task().cancelling()}")


@scenario
async def a_coroutine_that_swallows_gives_its_value():
    say(f"{await limited(stubborn('a', 1, 5), 1)} {at()}")
    say(f"main cancelling {asyncio.current_task().cancelling()}")


@scenario
async def an_error_in_the_cleanup_is_raised():
    task = asyncio.create_task(breaking("a", 1, errno.EPIPE))
    say(await limited(task, 1))
    say(await limited(breaking("b", 1, errno.EIO), 1))
    say(f"main cancelling {asyncio.current_task().cancelling()}")


@scenario
async def a_future_that_is_late_is_cancelled():
    future = make_future()
    say(f"{await limited(future, 1)} {at()}")
    say(state(future))


@scenario
async def zero_with_a_coroutine_never_starts_it():
    turns(3)
    say(await limited(steps("a", 1), 0))
    await passes(1)


@scenario
async def zero_with_what_is_done():
    future = make_future()
    future.set_result(5)
    task = asyncio.create_task(failing("a", 0, errno.EPIPE))
    await passes(1)
    turns(1)
    say(f"{await limited(future, 0)} {await limited(task, 0)} {await limited(future, -1)}")
    say("without a turn")
    await passes(1)


@scenario
async def zero_with_a_task_that_waits():
    task = asyncio.create_task(cleaning("a", 1))
    await passes(1)
    turns(5)
    say(await limited(task, 0))
    say(state(task))


@scenario
async def zero_with_a_task_that_swallows():
    task = asyncio.create_task(stubborn("a", 1, 5))
    await passes(1)
    say(await limited(task, 0))


@scenario
async def zero_with_a_task_that_fails_in_cleanup():
    task = asyncio.create_task(breaking("a", 1, errno.EPIPE))
    await passes(1)
    say(await limited(task, -1))


@scenario
async def zero_with_a_pending_future():
    future = make_future()
    turns(3)
    say(await limited(future, 0))
    say(state(future))
    await passes(1)


@scenario
async def zero_and_the_caller_is_cancelled_while_it_waits():
    task = asyncio.create_task(cleaning("a", 3))
    await passes(1)

    async def caller():
        return await asyncio.wait_for(task, 0)
    outer = asyncio.create_task(caller())
    await passes(2)
    say(f"cancel {yes(outer.cancel())}")
    say(await ends(outer))
    say(f"a {state(task)}")
    say(await ends(task))


@scenario
async def the_caller_is_cancelled_so_is_the_task():
    task = asyncio.create_task(cleaning("a", 1))

    async def caller():
        return await asyncio.wait_for(task, 9 * T)
    outer = asyncio.create_task(caller())
    await asyncio.sleep(1 * T)
    turns(4)
    outer.cancel()
    say(f"{await ends(outer)} {at()}")
    say(f"a {state(task)}, outer {state(outer)}")


@scenario
async def the_caller_is_cancelled_and_the_task_swallows():
    task = asyncio.create_task(stubborn("a", 1, 5))

    async def caller():
        return await asyncio.wait_for(task, 9 * T)
    outer = asyncio.create_task(caller())
    await asyncio.sleep(1 * T)
    outer.cancel()
    say(f"{await ends(outer)} {at()}")
    say(f"outer {state(outer)}, cancelling {outer.cancelling()}")


@scenario
async def the_caller_is_cancelled_in_the_turn_the_task_ends():
    task = asyncio.create_task(steps("a", 1, 5))

    async def caller():
        return await asyncio.wait_for(task, 9 * T)
    outer = asyncio.create_task(caller())
    await passes(1)
    asyncio.get_running_loop().call_soon(
        lambda: say(f"a {state(task)}, cancel {yes(outer.cancel())}"))
    say(await ends(outer))
    say(await ends(task))


@scenario
async def the_caller_is_cancelled_in_the_turn_the_future_is_set():
    future = make_future()

    async def caller():
        return await asyncio.wait_for(future, 9 * T)
    outer = asyncio.create_task(caller())
    await passes(1)
    outer.cancel()
    say(tries(future.set_result, 5))
    say(await ends(outer))


@scenario
async def the_caller_is_cancelled_before_it_began():
    async def caller():
        return await asyncio.wait_for(sleeper("a", 1), 9 * T)
    outer = asyncio.create_task(caller())
    outer.cancel()
    say(f"{await ends(outer)} {at()}")


@scenario
async def the_task_is_cancelled_by_someone_else():
    task = asyncio.create_task(sleeper("a", 9))
    asyncio.get_running_loop().call_later(1 * T, task.cancel)
    say(f"{await limited(task, 5)} {at()}")
    say(f"main cancelling {asyncio.current_task().cancelling()}")


@scenario
async def the_caller_is_cancelled_while_a_late_task_cleans_up():
    async def body():
        try:
            await make_future()
        except asyncio.CancelledError:
            say(f"cleans {at()}")
            say(f"cleanup: {await ends(asyncio.sleep(2 * T))} {at()}")
            raise
    task = asyncio.create_task(body())

    async def caller():
        return await asyncio.wait_for(task, 1 * T)
    outer = asyncio.create_task(caller())
    await asyncio.sleep(2 * T)
    outer.cancel()
    say(f"{await ends(outer)} {at()}")
    say(f"outer cancelling {outer.cancelling()}, task cancelling {task.cancelling()}")


@scenario
async def inner_limit_first():
    async def inner():
        say(f"inner {await limited(sleeper('a', 9), 1)} {at()}")
        return 5
    say(f"outer {await limited(inner(), 2)} {at()}")


@scenario
async def outer_limit_first():
    async def inner():
        say(f"inner {(result := await limited(sleeper('a', 9), 2))} {at()}")
        if result == "CancelledError":
            raise asyncio.CancelledError
    say(f"outer {await limited(inner(), 1)} {at()}")


@scenario
async def two_limits_around_one_task():
    task = asyncio.create_task(sleeper("a", 9))
    one = asyncio.create_task(limited(task, 1))
    two = asyncio.create_task(limited(task, 2))
    say(f"{await ends(one)} {await ends(two)} {at()}")
    say(f"a cancelling {task.cancelling()}")


@scenario
async def a_limit_does_not_slow_things_down():
    turns(4)
    task = asyncio.create_task(steps("a", 1, 5))
    say(await limited(task, 5))
    await passes(1)


@scenario
async def limits_in_a_row():
    for ticks in (1, 3, 2):
        say(f"{await limited(sleeper('a', ticks, ticks), 2.5)} {at()}")


@scenario
async def zero_and_the_caller_is_cancelled_as_the_task_has_ended():
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(stubborn("a", 1, 5))
    await passes(1)

    async def caller():
        return await asyncio.wait_for(task, 0)
    outer = asyncio.create_task(caller())
    await passes(2)
    loop.call_soon(lambda: say(f"a {state(task)}, cancel {yes(outer.cancel())}"))
    say(await ends(outer))
    say(await ends(task))
