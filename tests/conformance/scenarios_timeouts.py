# SPDX-License-Identifier: MIT
"""timeout and timeout_at: whose cancel it was decides what comes out."""

import asyncio
import errno

from support import *


def make_future():
    return asyncio.get_running_loop().create_future()


def cancelling():
    return asyncio.current_task().cancelling()


@scenario
async def in_time():
    async def body():
        async with asyncio.timeout(2 * T) as limit:
            await sleeper("a", 1)
        say(f"expired {yes(limit.expired())}")
        return 5
    say(f"{await ends(body())} {at()}")
    await asyncio.sleep(2 * T)
    say(f"cancelling {cancelling()}")


@scenario
async def too_late():
    limit = None

    async def body():
        nonlocal limit
        async with asyncio.timeout(1 * T) as limit:
            await sleeper("a", 3)
            say("never here")
    say(f"{await ends(body())} {at()}")
    say(f"expired {yes(limit.expired())}, cancelling {cancelling()}")
    await asyncio.sleep(1 * T)
    say(at())


@scenario
async def without_a_limit():
    async with asyncio.timeout(None) as limit:
        await asyncio.sleep(3 * T)
        say(yes(limit.when() is None))
    say(f"expired {yes(limit.expired())} {at()}")


@scenario
async def zero_does_not_stop_who_does_not_suspend():
    async def body():
        async with asyncio.timeout(0) as limit:
            say(await quick(3))
        say(f"expired {yes(limit.expired())}")
        return 5
    say(await ends(body()))
    say(await ends(asyncio.sleep(0)))
    say(f"cancelling {cancelling()}")


@scenario
async def zero_strikes_at_the_first_turn():
    async def body():
        async with asyncio.timeout(0):
            say(f"inside: {await ends(asyncio.sleep(0))}")
            say(f"again: {await ends(asyncio.sleep(0))}")
            raise asyncio.CancelledError
    turns(4)
    say(await ends(body()))
    say(f"cancelling {cancelling()}")
    await passes(1)


@scenario
async def a_negative_limit_is_like_zero():
    async def body(delay):
        async with asyncio.timeout(delay):
            await asyncio.sleep(0)
    say(await ends(body(-1 * T)))
    say(await ends(body(float("-inf"))))


@scenario
async def an_infinite_limit():
    async with asyncio.timeout(float("inf")) as limit:
        await asyncio.sleep(2 * T)
    say(f"expired {yes(limit.expired())} {at()}")


@scenario
async def zero_and_a_done_future():
    future = make_future()
    future.set_result(3)
    async with asyncio.timeout(0) as limit:
        say(await ends(future))
    say(f"expired {yes(limit.expired())}")


@scenario
async def timeout_at_a_moment():
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def body(ticks):
        async with asyncio.timeout_at(start + ticks * T) as limit:
            say(f"when {(limit.when() - start) / T:g}")
            await asyncio.sleep(2 * T)
        return 5
    say(f"{await ends(body(1))} {at()}")
    say(f"{await ends(body(0))} {at()}")
    say(f"{await ends(body(9))} {at()}")


@scenario
async def timeout_knows_its_moment():
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.timeout(2 * T) as limit:
        say(f"{round((limit.when() - start) / T)}")
        await asyncio.sleep(1 * T)
        say(f"{round((limit.when() - start) / T)}")


@scenario
async def rescheduled_to_later():
    loop = asyncio.get_running_loop()

    async def body():
        async with asyncio.timeout(1 * T) as limit:
            limit.reschedule(loop.time() + 3 * T)
            await asyncio.sleep(2 * T)
            say(f"still here {at()}")
            await asyncio.sleep(2 * T)
    say(f"{await ends(body())} {at()}")


@scenario
async def rescheduled_to_sooner():
    loop = asyncio.get_running_loop()

    async def body():
        async with asyncio.timeout(5 * T) as limit:
            limit.reschedule(loop.time() + 1 * T)
            await asyncio.sleep(9 * T)
    say(f"{await ends(body())} {at()}")


@scenario
async def rescheduled_to_never():
    async def body():
        async with asyncio.timeout(1 * T) as limit:
            limit.reschedule(None)
            await asyncio.sleep(3 * T)
        return 5
    say(f"{await ends(body())} {at()}")


@scenario
async def rescheduled_to_the_past_strikes_at_the_next_turn():
    loop = asyncio.get_running_loop()

    async def body():
        async with asyncio.timeout(5 * T) as limit:
            limit.reschedule(loop.time() - 1 * T)
            say("not at once")
            await asyncio.sleep(0)
            say("never here")
    say(f"{await ends(body())} {at()}")


@scenario
async def rescheduled_by_someone_else():
    limit = asyncio.timeout(1 * T)
    loop = asyncio.get_running_loop()
    loop.call_later(0.5 * T, lambda: limit.reschedule(loop.time() + 2 * T))

    async def body():
        async with limit:
            await asyncio.sleep(9 * T)
    say(f"{await ends(body())} {at()}")


@scenario
async def reschedule_only_while_active():
    limit = asyncio.timeout(1 * T)
    say(f"before: {tries(limit.reschedule, 5)}, expired {yes(limit.expired())}")
    async with limit:
        await passes(1)
    say(f"after: {tries(limit.reschedule, 5)}, expired {yes(limit.expired())}")
    late = asyncio.timeout(0)

    async def body():
        async with late:
            try:
                await asyncio.sleep(0)
            finally:
                say(f"expiring: {tries(late.reschedule, 5)}, expired {yes(late.expired())}")
    say(await ends(body()))
    say(f"expired: {tries(late.reschedule, 5)}, expired {yes(late.expired())}")


@scenario
async def entered_twice():
    async def again():
        async with limit:
            pass
    async with asyncio.timeout(1 * T) as limit:
        say(f"inside: {await ends(again())}")
    say(f"after: {await ends(again())}")


@scenario
async def nested_the_inner_strikes_first():
    async def inner():
        async with asyncio.timeout(1 * T):
            await asyncio.sleep(9 * T)

    async def outer():
        async with asyncio.timeout(3 * T) as limit:
            say(f"inner: {await ends(inner())} {at()}")
            await asyncio.sleep(1 * T)
        say(f"outer expired {yes(limit.expired())}")
        return 5
    say(f"outer: {await ends(outer())} {at()}")
    say(f"cancelling {cancelling()}")


@scenario
async def nested_the_outer_strikes_first():
    inner_limit = None

    async def inner():
        nonlocal inner_limit
        async with asyncio.timeout(3 * T) as inner_limit:
            await sleeper("a", 9)

    async def outer():
        async with asyncio.timeout(1 * T):
            try:
                await inner()
            except asyncio.CancelledError:
                say(f"through the inner: CancelledError {at()}")
                raise
    say(f"outer: {await ends(outer())} {at()}")
    say(f"inner expired {yes(inner_limit.expired())}, cancelling {cancelling()}")


@scenario
async def nested_with_equal_deadlines():
    when = asyncio.get_running_loop().time() + 1 * T
    limits = [asyncio.timeout_at(when), asyncio.timeout_at(when)]

    async def inner():
        async with limits[1]:
            try:
                await asyncio.sleep(9 * T)
            finally:
                say(f"struck, cancelling {cancelling()}")

    async def outer():
        async with limits[0]:
            say(f"inner: {(result := await ends(inner()))}, cancelling {cancelling()}")
            if result == "CancelledError":
                raise asyncio.CancelledError
    say(f"outer: {await ends(outer())} {at()}")
    say(f"expired {yes(limits[0].expired())} {yes(limits[1].expired())}, cancelling {cancelling()}")


@scenario
async def nested_zero_in_zero():
    limits = [asyncio.timeout(0), asyncio.timeout(0)]

    async def body():
        async with limits[0]:
            async with limits[1]:
                await asyncio.sleep(0)
    say(await ends(body()))
    say(f"expired {yes(limits[0].expired())} {yes(limits[1].expired())}, cancelling {cancelling()}")


@scenario
async def a_foreign_cancel_is_not_converted():
    limit = asyncio.timeout(5 * T)

    async def body():
        async with limit:
            await sleeper("a", 9)
    task = asyncio.create_task(body())
    await asyncio.sleep(1 * T)
    task.cancel()
    say(f"{await ends(task)} {at()}")
    say(f"expired {yes(limit.expired())}, cancelling {task.cancelling()}")


@scenario
async def a_foreign_cancel_beside_the_deadline():
    limit = asyncio.timeout(0)

    async def body():
        async with limit:
            await make_future()
    task = asyncio.create_task(body())
    await passes(1)
    task.cancel()
    say(await ends(task))
    say(f"expired {yes(limit.expired())}, cancelling {task.cancelling()}")


@scenario
async def a_foreign_cancel_in_the_cleanup_after_the_deadline():
    async def slow():
        async with asyncio.timeout(1 * T):
            try:
                await make_future()
            except asyncio.CancelledError:
                say(f"cleans {at()}")
                await asyncio.sleep(1 * T)
                raise
    other = asyncio.create_task(slow())
    await asyncio.sleep(1.5 * T)
    other.cancel()
    say(f"{await ends(other)} {at()}")
    say(f"cancelling {other.cancelling()}")


@scenario
async def an_earlier_cancel_that_was_swallowed_is_not_counted():
    async def limited():
        async with asyncio.timeout(1 * T):
            await asyncio.sleep(9 * T)

    async def body():
        say(await ends(make_future()))
        say(await ends(limited()))
        return cancelling()
    task = asyncio.create_task(body())
    await passes(1)
    task.cancel()
    say(await ends(task))


@scenario
async def a_pending_cancel_is_converted_by_zero():
    """A known wart of CPython (gh-134471): the older cancel is eaten."""
    async def limited():
        async with asyncio.timeout(0):
            await asyncio.sleep(0)

    async def body():
        asyncio.current_task().cancel()
        say(await ends(limited()))
        return cancelling()
    say(await ends(asyncio.create_task(body())))


@scenario
async def the_body_swallows_the_deadline():
    async def body():
        async with asyncio.timeout(1 * T) as limit:
            say(f"{await ends(asyncio.sleep(9 * T))} {at()}")
            say(f"expired {yes(limit.expired())}, cancelling {cancelling()}")
            await asyncio.sleep(1 * T)
        say(f"left {at()}, cancelling {cancelling()}")
        return 5
    say(await ends(body()))


@scenario
async def the_body_fails_after_the_deadline():
    async def body():
        async with asyncio.timeout(1 * T):
            await breaking("a", 1, errno.EPIPE)
    say(f"{await ends(body())} {at()}")
    say(f"cancelling {cancelling()}")


@scenario
async def the_body_fails_in_time():
    async def body():
        async with asyncio.timeout(1 * T) as limit:
            raise error(errno.EPIPE)
    say(f"{await ends(body())}, cancelling {cancelling()}")
    await asyncio.sleep(2 * T)
    say(at())


@scenario
async def the_body_ends_cancelled_in_time():
    async def body():
        async with asyncio.timeout(1 * T):
            raise asyncio.CancelledError
    say(f"{await ends(body())}, cancelling {cancelling()}")


@scenario
async def the_cleanup_takes_longer():
    async def body():
        async with asyncio.timeout(1 * T):
            try:
                await asyncio.sleep(9 * T)
            finally:
                say(f"cleans {at()}")
                await asyncio.sleep(2 * T)
    say(f"{await ends(body())} {at()}")


@scenario
async def a_limit_inside_the_cleanup():
    async def last_words():
        async with asyncio.timeout(1 * T):
            await asyncio.sleep(9 * T)

    async def body():
        try:
            await make_future()
        except asyncio.CancelledError:
            say(f"last words: {await ends(last_words())} {at()}")
            say(f"cancelling {cancelling()}")
            raise
    task = asyncio.create_task(body())
    await passes(1)
    task.cancel()
    say(await ends(task))


@scenario
async def the_deadline_beats_a_result_that_is_already_there():
    future = make_future()
    loop = asyncio.get_running_loop()
    loop.call_soon(future.set_result, 5)

    async def body():
        async with asyncio.timeout(0):
            return await future
    say(await ends(body()))
    say(f"future {tries(future.result)}, cancelling {cancelling()}")


@scenario
async def a_limit_around_gather():
    async def body():
        async with asyncio.timeout(1 * T):
            await asyncio.gather(sleeper("a", 9), sleeper("b", 9))
    say(f"{await ends(body())} {at()}")


@scenario
async def a_limit_around_a_task():
    task = asyncio.create_task(cleaning("a", 2))

    async def body():
        async with asyncio.timeout(1 * T):
            await task
    say(f"{await ends(body())} {at()}")
    say(state(task))


@scenario
async def a_limit_outside_a_task():
    def callback():
        coro = asyncio.timeout(1 * T).__aenter__()
        try:
            coro.send(None)
        except RuntimeError as e:
            say(name(e))
    asyncio.get_running_loop().call_soon(callback)
    await passes(1)


@scenario
async def two_limits_one_after_the_other():
    async def limited(ticks):
        async with asyncio.timeout(1.5 * T):
            return await sleeper(f"a{ticks}", ticks, ticks)
    for ticks in (1, 2, 1):
        say(f"{await ends(limited(ticks))} {at()}")
    say(f"cancelling {cancelling()}")


@scenario
async def a_limit_hits_only_its_own_task():
    async def limited(who, ticks):
        async with asyncio.timeout(ticks * T):
            return await sleeper(who, 2)
    a = asyncio.create_task(limited("a", 1))
    b = asyncio.create_task(limited("b", 3))
    say(f"{await ends(a)} {await ends(b)} {at()}")
