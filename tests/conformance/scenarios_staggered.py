# SPDX-License-Identifier: MIT
"""staggered_race: one after the other is started, the first that succeeds wins.

CPython keeps the runners in a set: in which order several are cancelled it leaves open, so at most one of them says so.
"""

import asyncio
import errno
import functools
from asyncio.staggered import staggered_race

from support import *

# Before, a race did not wait for those it had cancelled, and eager runners were not counted.
scenario = functools.partial(scenario, mended=((3, 13, 1), "gh-124309"))


async def race(delay, *functions):
    """Races them with a delay in ticks (or None), and says who won, how the others ended, when."""
    try:
        result, winner, errors = await staggered_race(functions, None if delay is None else delay * T)
    except (Exception, asyncio.CancelledError) as e:
        say(f"{name(e)} {at()}")
        return
    won = "nobody" if winner is None else f"{winner} with {name(result)}"
    say(f"{won} [{', '.join('-' if e is None else name(e) for e in errors)}] {at()}")


async def told(who, ticks, result):
    """As sleeper, and says when it is started."""
    say(f"{who} starts {at()}")
    return await sleeper(who, ticks, result)


async def silent(who, ticks):
    say(f"{who} starts {at()}")
    await asyncio.sleep(ticks * T)


async def told_failing(who, ticks, code):
    say(f"{who} starts {at()}")
    await late_failing(who, ticks, code)


@scenario
async def the_first_one_wins():
    await race(9, lambda: told("a", 1, 5), lambda: told("b", 1, 6))


@scenario
async def a_failure_starts_the_next_at_once():
    await race(9, lambda: told_failing("a", 1, errno.EPIPE), lambda: told("b", 1, 6))


@scenario
async def the_delay_starts_the_next():
    await race(2, lambda: told("a", 9, 5), lambda: told("b", 1, 7))


@scenario
async def the_first_one_wins_though_the_second_runs():
    await race(2, lambda: told("a", 3, 5), lambda: told("b", 9, 7), lambda: told("c", 1, 8))


@scenario
async def without_a_delay_one_after_the_other():
    await race(None, lambda: told_failing("a", 3, errno.EPIPE), lambda: told_failing("b", 2, errno.EIO),
               lambda: told("c", 1, 5), lambda: told("d", 1, 6))


@scenario
async def all_fail():
    await race(2, lambda: told_failing("a", 9, errno.EPIPE), lambda: told_failing("b", 1, errno.EIO),
               lambda: told_failing("c", 1, errno.EACCES))


@scenario
async def one_that_fails():
    turns(9)
    await race(1, lambda: failing("a", 0, errno.EPIPE))


@scenario
async def one_that_fails_without_a_delay():
    turns(9)
    await race(None, lambda: failing("a", 1, errno.EPIPE))


@scenario
async def one_that_wins():
    turns(9)
    await race(1, lambda: quick(4))


@scenario
async def two_yield_in_turns():
    turns(12)
    await race(0, lambda: steps("a", 6, 1), lambda: steps("b", 9, 2))


@scenario
async def a_delay_of_nothing_starts_all():
    turns(14)
    await race(0, lambda: steps("a", 20, 1), lambda: passes(20), lambda: steps("c", 1, 3))


@scenario
async def a_negative_delay():
    await race(-1, lambda: told("a", 3, 1), lambda: told("b", 1, 2))


@scenario
async def failures_without_a_turn():
    turns(12)
    await race(9, lambda: failing("a", 0, errno.EPIPE), lambda: failing("b", 0, errno.EIO),
               lambda: quick(3))


@scenario
async def the_race_waits_for_the_losers():
    turns(9)
    await race(0, lambda: cleaning("a", 3), lambda: steps("b", 2, 6))
    say(f"tasks {len(asyncio.all_tasks())}")


@scenario
async def a_loser_fails_while_it_cleans_up():
    await race(1, lambda: breaking("a", 2, errno.EIO), lambda: told("b", 1, 6))


@scenario
async def one_that_ends_cancelled_has_failed():
    async def body():
        raise asyncio.CancelledError
    await race(9, body, lambda: told("b", 1, 6))


@scenario
async def cancelled_from_outside():
    task = asyncio.create_task(race(1, lambda: told("a", 9, 5), lambda: silent("b", 9),
                                    lambda: told("c", 9, 7)))
    await asyncio.sleep(1.5 * T)
    say(f"cancel {yes(task.cancel())}")
    say(await ends(task))
    say(f"tasks {len(asyncio.all_tasks())}")


@scenario
async def cancelled_again_while_it_waits_for_the_runners():
    async def twice():
        say("a waits")
        for i in (1, 2):
            try:
                await asyncio.sleep(9 * T)
            except asyncio.CancelledError:
                say(f"a cancelled {i} {at()}")
        raise asyncio.CancelledError
    task = asyncio.create_task(race(5, twice))
    await asyncio.sleep(1 * T)
    task.cancel()
    await asyncio.sleep(1 * T)
    task.cancel()
    say(await ends(task))


@scenario
async def cancelled_in_the_turn_in_which_it_is_won():
    async def body():
        say(f"cancel {yes(task.cancel())}")
        return 5
    task = asyncio.create_task(race(1, body, lambda: quick(6)))
    say(await ends(task))
    say(f"cancelling {task.cancelling()}")


@scenario
async def cancelled_before_it_begins():
    async def body():
        asyncio.current_task().cancel()
        await race(1, lambda: told("a", 1, 5))
    task = asyncio.create_task(body())
    say(await ends(task))


@scenario
async def with_a_limit():
    async def body():
        await race(2, lambda: told("a", 9, 5), lambda: silent("b", 9))
    say(await ends(asyncio.wait_for(body(), 3 * T)))
    say(at())


@scenario
async def a_race_inside_a_race():
    async def inner():
        result, winner, _ = await staggered_race(
            [lambda: told("c", 9, 5), lambda: told("d", 1, 8)], 1 * T)
        return result + winner
    await race(1, lambda: told("a", 9, 1), inner)


@scenario
async def the_coroutines_run_in_tasks_of_their_own():
    main = asyncio.current_task()
    seen = []

    async def body(code):
        seen.append(asyncio.current_task())
        if code:
            raise error(code)
        return 3
    await race(9, lambda: body(errno.EPIPE), lambda: body(0))
    say(f"{yes(main in seen)} {yes(seen[0] is seen[1])} {len(seen)}")


@scenario
async def with_an_eager_factory():
    turns(12)
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    await race(9, lambda: failing("a", 1, errno.EPIPE), lambda: steps("b", 1, 6))


@scenario
async def with_an_eager_factory_and_no_delay():
    turns(12)
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    await race(0, lambda: steps("a", 9, 5), lambda: steps("b", 2, 6))
