# SPDX-License-Identifier: MIT
"""Barrier: filling, draining, resetting, broken."""

import asyncio

from support import *


def start(coroutine):
    return asyncio.create_task(coroutine)


async def meets(who, barrier):
    try:
        index = await barrier.wait()
    except (asyncio.BrokenBarrierError, asyncio.CancelledError) as e:
        say(f"{who} {name(e)}")
        raise
    say(f"{who} {index}")
    return index


async def all_end(*tasks):
    say(" ".join([await ends(task) for task in tasks]))


def how(barrier):
    return f"{barrier.n_waiting} of {barrier.parties}, broken {yes(barrier.broken)}"


@scenario
async def parties_that_cannot_be():
    say(tries(asyncio.Barrier, 0))
    say(tries(asyncio.Barrier, -1))


@scenario
async def one_party_waits_for_nobody():
    barrier = asyncio.Barrier(1)
    turns(1)
    say(await ends(barrier.wait()))
    say(await ends(barrier.wait()))
    say(how(barrier))
    await passes(1)


@scenario
async def all_go_on_when_the_last_has_come():
    barrier = asyncio.Barrier(3)
    a, b = start(meets("a", barrier)), start(meets("b", barrier))
    await passes(2)
    say(how(barrier))
    turns(4)
    c = start(meets("c", barrier))
    await all_end(a, b, c)
    say(how(barrier))


@scenario
async def it_serves_again_and_again():
    barrier = asyncio.Barrier(2)

    async def rounds(who, n):
        for _ in range(n):
            await meets(who, barrier)
    await all_end(start(rounds("a", 3)), start(rounds("b", 3)))
    say(how(barrier))


@scenario
async def who_comes_while_it_drains_is_of_the_next_round():
    barrier = asyncio.Barrier(2)
    tasks = [start(meets(who, barrier)) for who in "abcde"]
    await passes(1)
    turns(6)
    await passes(5)
    say(how(barrier))
    tasks.append(start(meets("f", barrier)))
    await all_end(*tasks)


@scenario
async def the_last_comes_back_at_once():
    barrier = asyncio.Barrier(2)
    a = start(meets("a", barrier))
    await passes(1)
    say(await ends(meets("main", barrier)))
    b = start(meets("b", barrier))
    say(await ends(meets("main", barrier)))
    await all_end(a, b)


@scenario
async def one_who_is_cancelled_just_leaves():
    barrier = asyncio.Barrier(2)
    a = start(meets("a", barrier))
    await passes(1)
    a.cancel()
    await all_end(a)
    say(how(barrier))
    b, c = start(meets("b", barrier)), start(meets("c", barrier))
    await all_end(b, c)


@scenario
async def one_of_two_who_wait_is_cancelled():
    barrier = asyncio.Barrier(3)
    a, b = start(meets("a", barrier)), start(meets("b", barrier))
    await passes(1)
    a.cancel()
    await passes(4)
    say(how(barrier))
    c, d = start(meets("c", barrier)), start(meets("d", barrier))
    await all_end(a, b, c, d)


@scenario
async def one_who_was_let_go_is_cancelled():
    barrier = asyncio.Barrier(2)
    a = start(meets("a", barrier))
    await passes(1)
    b = start(meets("b", barrier))
    await passes(1)
    say(state(b))
    a.cancel()
    turns(3)
    await all_end(a, b)
    say(how(barrier))


@scenario
async def one_who_waits_for_the_next_round_is_cancelled():
    barrier = asyncio.Barrier(2)
    a, b, c = (start(meets(who, barrier)) for who in "abc")
    await passes(1)
    c.cancel()
    await all_end(a, b, c)
    say(how(barrier))


@scenario
async def reset_sends_those_who_wait_away():
    barrier = asyncio.Barrier(3)
    a, b = start(meets("a", barrier)), start(meets("b", barrier))
    await passes(1)
    turns(5)
    say(await ends(barrier.reset()))
    say(how(barrier))
    await all_end(a, b)
    say(how(barrier))
    c, d, e = (start(meets(who, barrier)) for who in "cde")
    await all_end(c, d, e)


@scenario
async def reset_of_one_that_nobody_is_in():
    barrier = asyncio.Barrier(2)
    turns(1)
    say(await ends(barrier.reset()))
    say(how(barrier))
    await passes(1)


@scenario
async def who_comes_while_it_resets_waits_for_the_next_round():
    barrier = asyncio.Barrier(2)
    a = start(meets("a", barrier))
    await passes(1)
    await barrier.reset()
    b, c = start(meets("b", barrier)), start(meets("c", barrier))
    turns(5)
    await all_end(a, b, c)


@scenario
async def reset_while_it_drains():
    barrier = asyncio.Barrier(3)
    a, b, c = (start(meets(who, barrier)) for who in "abc")
    await passes(1)
    say(await ends(barrier.reset()))
    turns(4)
    await all_end(a, b, c)
    say(how(barrier))


@scenario
async def abort_breaks_it_for_all():
    barrier = asyncio.Barrier(3)
    a, b = start(meets("a", barrier)), start(meets("b", barrier))
    await passes(1)
    turns(5)
    say(await ends(barrier.abort()))
    say(how(barrier))
    await all_end(a, b)
    say(await ends(meets("main", barrier)))
    say(how(barrier))


@scenario
async def abort_of_one_that_nobody_is_in():
    barrier = asyncio.Barrier(2)
    await barrier.abort()
    say(await ends(meets("a", barrier)))
    say(await ends(barrier.abort()))
    say(how(barrier))


@scenario
async def reset_after_abort_makes_it_whole():
    barrier = asyncio.Barrier(2)
    await barrier.abort()
    await barrier.reset()
    say(how(barrier))
    await all_end(start(meets("a", barrier)), start(meets("b", barrier)))


@scenario
async def reset_right_after_abort_with_tasks_in_it():
    barrier = asyncio.Barrier(2)
    a = start(meets("a", barrier))
    await passes(1)
    await barrier.abort()
    await barrier.reset()
    say(how(barrier))
    b, c = start(meets("b", barrier)), start(meets("c", barrier))
    await all_end(a, b, c)
    say(how(barrier))


@scenario
async def abort_while_it_drains():
    barrier = asyncio.Barrier(3)
    a, b, c = (start(meets(who, barrier)) for who in "abc")
    await passes(1)
    say(await ends(barrier.abort()))
    turns(4)
    await all_end(a, b, c)
    say(how(barrier))


@scenario
async def a_limit_at_a_barrier():
    barrier = asyncio.Barrier(2)
    say(await ends(asyncio.wait_for(barrier.wait(), 1 * T)))
    say(f"{at()} {how(barrier)}")


@scenario
def a_barrier_belongs_to_the_loop_on_which_somebody_waited():
    barrier = asyncio.Barrier(2)

    async def first():
        say(await ends(asyncio.wait_for(barrier.wait(), 1 * T)))

    async def second():
        say(await ends(barrier.wait()))
        say(how(barrier))
    run(first())
    run(second())
