# SPDX-License-Identifier: MIT
"""shield: the outer may be cancelled, the inner is not touched."""

import asyncio
import errno

from support import *


@scenario
async def the_waiter_is_cancelled_the_inner_goes_on():
    inner = asyncio.create_task(sleeper("inner", 2, 7))

    async def outer():
        say(await ends(asyncio.shield(inner)))
        return asyncio.current_task().cancelling()
    task = asyncio.create_task(outer())
    await asyncio.sleep(1 * T)
    task.cancel()
    say(f"inner cancelling {inner.cancelling()}")
    say(await ends(task))
    say(f"inner {state(inner)} {at()}")
    say(f"{await ends(inner)} {at()}")


@scenario
async def shield_hands_on_the_result():
    turns(5)
    say(await ends(asyncio.shield(steps("inner", 1, 7))))
    await passes(1)


@scenario
async def shield_hands_on_the_error():
    inner = asyncio.create_task(failing("inner", 1, errno.EPIPE))
    say(await ends(asyncio.shield(inner)))
    say(await ends(inner))


@scenario
async def the_inner_is_cancelled_so_is_the_outer():
    inner = asyncio.create_task(sleeper("inner", 9))
    outer = asyncio.shield(inner)
    await passes(1)
    inner.cancel()
    say(await ends(outer))
    say(f"outer {state(outer)}, main cancelling {asyncio.current_task().cancelling()}")


@scenario
async def shield_of_what_is_done_is_the_thing_itself():
    inner = asyncio.create_task(quick(7))
    await passes(1)
    turns(1)
    shielded = asyncio.shield(inner)
    say(f"itself {yes(shielded is inner)}")
    say(await ends(shielded))
    say("in the same turn")
    await passes(1)


@scenario
async def cancelling_the_outer_future():
    inner = asyncio.create_task(sleeper("inner", 1, 7))
    outer = asyncio.shield(inner)
    say(f"cancel {yes(outer.cancel())}, outer {state(outer)}, "
        f"inner cancelling {inner.cancelling()}")
    say(f"again {yes(outer.cancel())}")
    say(await ends(outer))
    say(await ends(inner))


@scenario(python314="the inner's error goes to the handler at once, not when the inner is dropped")
async def the_inner_fails_after_the_outer_was_cancelled():
    inner = asyncio.create_task(late_failing("inner", 1, errno.EPIPE))
    outer = asyncio.shield(inner)
    await passes(1)
    outer.cancel()
    await asyncio.sleep(2 * T)
    say(f"inner {state(inner)}, outer {state(outer)}")
    del inner
    drop()
    say("dropped")


@scenario(python314="the inner's error goes to the handler once, whoever fetches it later")
async def two_shields_are_cancelled_and_the_inner_fails():
    inner = asyncio.create_task(late_failing("inner", 1, errno.EPIPE))
    shields = [asyncio.shield(inner), asyncio.shield(inner)]
    await passes(1)
    for outer in shields:
        outer.cancel()
    await asyncio.sleep(2 * T)
    say(await ends(inner))


@scenario(python314="the handler hears of it although the other shield hands the error on")
async def one_of_two_shields_is_cancelled_and_the_inner_fails():
    inner = asyncio.create_task(late_failing("inner", 1, errno.EPIPE))
    first, second = asyncio.shield(inner), asyncio.shield(inner)
    await passes(1)
    first.cancel()
    say(f"first {await ends(first)}")
    say(f"second {await ends(second)}")
    del inner
    drop()
    say("dropped")


@scenario
async def a_cancelled_shield_and_an_inner_that_is_cancelled_too():
    inner = asyncio.create_task(sleeper("inner", 9))
    outer = asyncio.shield(inner)
    await passes(1)
    outer.cancel()
    inner.cancel()
    say(f"{await ends(outer)} {await ends(inner)}")


@scenario
async def gather_of_shields_cancels_the_shields_only():
    inners = [asyncio.create_task(sleeper("a", 2, 0)), asyncio.create_task(sleeper("b", 2.5, 1))]

    async def parent():
        return await asyncio.gather(*[asyncio.shield(inner) for inner in inners])
    task = asyncio.create_task(parent())
    await asyncio.sleep(1 * T)
    task.cancel()
    say(f"{await ends(task)} {at()}")
    say(f"{state(inners[0])} {state(inners[1])}")
    for inner in inners:
        say(await ends(inner))


@scenario
async def shield_of_gather_leaves_gather_alone():
    together = asyncio.gather(sleeper("a", 2, 1), sleeper("b", 2.5, 2))

    async def parent():
        return await asyncio.shield(together)
    task = asyncio.create_task(parent())
    await asyncio.sleep(1 * T)
    task.cancel()
    say(f"{await ends(task)} {at()}")
    say(await ends(together))


@scenario
async def the_inner_ends_in_the_turn_of_the_cancel():
    inner = asyncio.create_task(steps("inner", 1, 7))

    async def parent():
        return await asyncio.shield(inner)
    task = asyncio.create_task(parent())
    await passes(1)
    asyncio.get_running_loop().call_soon(
        lambda: say(f"inner {state(inner)}, cancel {yes(task.cancel())}"))
    say(await ends(task))
    say(await ends(inner))


@scenario
async def wait_for_around_a_shield():
    inner = asyncio.create_task(sleeper("inner", 2, 7))
    say(f"{await ends(asyncio.wait_for(asyncio.shield(inner), 1 * T))} {at()}")
    say(f"{await ends(inner)} {at()}")


@scenario
async def timeout_around_a_shield():
    inner = asyncio.create_task(sleeper("inner", 2, 7))

    async def limited():
        async with asyncio.timeout(1 * T):
            return await asyncio.shield(inner)
    say(f"{await ends(limited())} {at()}")
    say(f"{await ends(inner)} {at()}")


@scenario
async def shield_of_a_future():
    future = asyncio.get_running_loop().create_future()
    outer = asyncio.shield(future)
    task = asyncio.create_task(waiter("a", outer))
    await passes(1)
    task.cancel()
    say(await ends(task))
    say(f"future {state(future)}, outer {state(outer)}")
    future.set_result(1)


@scenario
async def cleanup_behind_a_shield():
    async def body():
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            say("cleans")
            say(f"cleanup: {await ends(asyncio.shield(sleeper('last words', 1, 1)))}")
            raise
    task = asyncio.create_task(body())
    await passes(1)
    task.cancel()
    await passes(3)
    task.cancel()
    say(f"{await ends(task)} {at()}")
    await asyncio.sleep(2 * T)
    say(at())


@scenario
async def an_error_that_shield_hands_on_counts_as_fetched():
    inner = asyncio.create_task(failing("inner", 1, errno.EPIPE))
    say(await ends(asyncio.shield(inner)))
    del inner
    drop()
    say("dropped")


@scenario
async def an_error_that_nobody_fetched_from_shield():
    inner = asyncio.create_task(failing("inner", 1, errno.EPIPE))
    outer = asyncio.shield(inner)
    await passes(4)
    del inner
    drop()
    say("dropped the inner")
    del outer
    drop()
    say("dropped the outer")
