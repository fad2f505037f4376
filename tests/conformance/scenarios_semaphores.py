# SPDX-License-Identifier: MIT
"""Semaphore and BoundedSemaphore: permits are handed over in order, and none is lost."""

import asyncio
import errno

from support import *


async def got(awaitable):
    """How it ended; True is no more than success, as in C."""
    result = await ends(awaitable)
    return "0" if result == "yes" else result


def start(coroutine):
    return asyncio.create_task(coroutine)


async def wants(who, semaphore, n=0):
    """Has a permit for n turns, and gives it back."""
    result = await got(semaphore.acquire())
    say(f"{who} {result}")
    if result == "CancelledError":
        raise asyncio.CancelledError
    await passes(n)
    semaphore.release()
    say(f"{who} gave")


async def keeps(who, semaphore):
    result = await got(semaphore.acquire())
    say(f"{who} {result}")
    if result == "CancelledError":
        raise asyncio.CancelledError


def permits(semaphore):
    """How many can be had at once; none is kept."""
    n = 0
    while not semaphore.locked():
        semaphore._value -= 1
        n += 1
    semaphore._value += n
    return n


async def all_end(*tasks):
    say(" ".join([await ends(task) for task in tasks]))


@scenario
async def permits_are_taken_without_a_turn():
    semaphore = asyncio.Semaphore(2)
    turns(1)
    for _ in range(2):
        say(f"{yes(semaphore.locked())} {await got(semaphore.acquire())}")
    say(yes(semaphore.locked()))
    semaphore.release()
    say(yes(semaphore.locked()))
    await passes(1)


@scenario
async def values_that_cannot_be():
    say(tries(asyncio.Semaphore, -1))
    say(tries(asyncio.BoundedSemaphore, -1))


@scenario
async def two_at_a_time_in_their_order():
    semaphore = asyncio.Semaphore(2)
    tasks = [start(wants(who, semaphore, 2)) for who in "abcde"]
    turns(8)
    await all_end(*tasks)
    say(permits(semaphore))


@scenario
async def one_made_with_nothing_to_give():
    semaphore = asyncio.Semaphore(0)
    a, b = start(keeps("a", semaphore)), start(keeps("b", semaphore))
    await passes(2)
    semaphore.release()
    say(f"locked {yes(semaphore.locked())}")
    await passes(2)
    say(f"{state(a)} {state(b)}")
    semaphore.release()
    await all_end(a, b)


@scenario
async def a_permit_handed_over_cannot_be_stolen():
    semaphore = asyncio.Semaphore(1)
    await semaphore.acquire()
    a = start(wants("a", semaphore, 1))
    await passes(1)
    semaphore.release()
    say(f"locked {yes(semaphore.locked())}")
    await wants("main", semaphore)
    await all_end(a)


@scenario
async def locked_while_somebody_is_woken_though_there_are_permits():
    semaphore = asyncio.Semaphore(1)
    await semaphore.acquire()
    a = start(keeps("a", semaphore))
    await passes(1)
    semaphore.release()
    semaphore.release()
    say(f"locked {yes(semaphore.locked())}")
    b = start(keeps("b", semaphore))
    turns(3)
    await passes(1)
    say(f"locked {yes(semaphore.locked())}")
    await all_end(a, b)
    say(permits(semaphore))


@scenario
async def who_runs_wakes_those_who_came_behind():
    semaphore = asyncio.Semaphore(0)
    a = start(keeps("a", semaphore))
    await passes(1)
    for _ in range(3):
        semaphore.release()
    turns(4)
    await asyncio.gather(keeps("b", semaphore), keeps("c", semaphore))
    await all_end(a)
    say(permits(semaphore))


@scenario
async def several_releases_wake_as_many():
    semaphore = asyncio.Semaphore(0)
    tasks = [start(keeps(who, semaphore)) for who in "abcd"]
    await passes(1)
    turns(2)
    semaphore.release()
    semaphore.release()
    semaphore.release()
    await passes(2)
    say(" ".join(state(task) for task in tasks))
    semaphore.release()
    await all_end(*tasks)


@scenario
async def releases_may_raise_it_above_its_beginning():
    semaphore = asyncio.Semaphore(1)
    semaphore.release()
    semaphore.release()
    say(permits(semaphore))


@scenario
async def a_waiter_is_cancelled():
    semaphore = asyncio.Semaphore(0)
    a, b, c = (start(keeps(who, semaphore)) for who in "abc")
    await passes(1)
    b.cancel()
    semaphore.release()
    semaphore.release()
    await all_end(a, b, c)
    say(permits(semaphore))


@scenario
async def a_woken_waiter_is_cancelled_and_the_next_gets_the_permit():
    semaphore = asyncio.Semaphore(0)
    a, b = start(keeps("a", semaphore)), start(keeps("b", semaphore))
    await passes(1)
    turns(4)
    semaphore.release()
    a.cancel()
    await all_end(a, b)
    say(permits(semaphore))


@scenario
async def the_only_woken_waiter_is_cancelled():
    semaphore = asyncio.Semaphore(0)
    a = start(keeps("a", semaphore))
    await passes(1)
    semaphore.release()
    a.cancel()
    await all_end(a)
    say(permits(semaphore))


@scenario
async def all_woken_ones_are_cancelled():
    semaphore = asyncio.Semaphore(0)
    a, b, c = (start(keeps(who, semaphore)) for who in "abc")
    await passes(1)
    semaphore.release()
    semaphore.release()
    a.cancel()
    b.cancel()
    turns(4)
    await all_end(a, b)
    say(state(c))
    await all_end(c)
    say(permits(semaphore))


@scenario
async def cancelled_ones_do_not_hold_up_a_newcomer():
    semaphore = asyncio.Semaphore(0)
    a = start(keeps("a", semaphore))
    await passes(1)
    a.cancel()
    semaphore.release()
    say(f"locked {yes(semaphore.locked())}")
    turns(2)
    await keeps("main", semaphore)
    say("in the same turn")
    await all_end(a)
    say(f"locked {yes(semaphore.locked())}")


@scenario
async def a_cancelled_waiter_that_runs_late_wakes_nobody_twice():
    semaphore = asyncio.Semaphore(0)
    a, b, c = (start(keeps(who, semaphore)) for who in "abc")
    await passes(1)
    a.cancel()
    semaphore.release()
    turns(3)
    await passes(3)
    say(f"{state(b)} {state(c)}")
    semaphore.release()
    await all_end(a, b, c)
    say(permits(semaphore))


@scenario
async def a_limit_on_the_wait():
    semaphore = asyncio.Semaphore(0)
    say(await got(asyncio.wait_for(semaphore.acquire(), 1 * T)))
    semaphore.release()
    say(f"{at()} {permits(semaphore)}")


@scenario
async def a_block_with_a_permit():
    semaphore = asyncio.Semaphore(1)

    async def body(code):
        async with semaphore:
            say(f"locked {yes(semaphore.locked())}")
            if code:
                raise error(code)
    say(await ends(body(0)))
    say(await ends(body(errno.EPIPE)))
    say(permits(semaphore))


@scenario
async def a_bounded_one_is_released_too_often():
    semaphore = asyncio.BoundedSemaphore(2)
    say(tries(semaphore.release))
    await semaphore.acquire()
    say(tries(semaphore.release))
    say(tries(semaphore.release))
    say(permits(semaphore))


@scenario
async def a_bounded_one_hands_over_like_any_other():
    semaphore = asyncio.BoundedSemaphore(1)
    await semaphore.acquire()
    a = start(wants("a", semaphore, 1))
    await passes(1)
    say(tries(semaphore.release))
    say(tries(semaphore.release))
    say(tries(semaphore.release))
    await all_end(a)
    say(tries(semaphore.release))
    say(permits(semaphore))


@scenario
async def a_bounded_one_of_nothing():
    semaphore = asyncio.BoundedSemaphore(0)
    say(yes(semaphore.locked()))
    say(tries(semaphore.release))


@scenario
def a_semaphore_belongs_to_the_loop_on_which_somebody_waited():
    semaphore = asyncio.Semaphore(1)

    async def first():
        await semaphore.acquire()
        say(await got(asyncio.wait_for(semaphore.acquire(), 1 * T)))
        semaphore.release()

    async def second():
        say(await got(semaphore.acquire()))
        say(await got(semaphore.acquire()))
        semaphore.release()
    run(first())
    run(second())
