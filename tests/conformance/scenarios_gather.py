# SPDX-License-Identifier: MIT
"""gather: results in order, the first error, who is cancelled, what counts as fetched."""

import asyncio
import errno

from support import *


@scenario
async def gather_of_nothing_does_not_suspend():
    turns(1)
    say(await ends(asyncio.gather()))
    say("in the same turn")
    await passes(1)


@scenario
async def results_stand_in_the_order_of_arguments():
    say(await ends(asyncio.gather(sleeper("a", 3, 1), sleeper("b", 1, 2), sleeper("c", 2, 3))))
    say(at())


@scenario
async def gather_turn_by_turn():
    turns(6)
    say(await ends(asyncio.gather(steps("a", 2, 1), steps("b", 1, 2))))
    await passes(1)


@scenario
async def gather_mixes_futures_tasks_and_coroutines():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    task = asyncio.create_task(steps("task", 1, 2))
    loop.call_later(1 * T, future.set_result, 1)
    say(await ends(asyncio.gather(future, task, steps("coroutine", 1, 3))))


@scenario
async def the_first_error_ends_gather_and_siblings_go_on():
    slow = asyncio.create_task(sleeper("slow", 3, 1))
    say(await ends(asyncio.gather(slow, late_failing("bad", 1, errno.EPIPE))))
    say(f"{at()} slow {state(slow)}")
    say(f"{await ends(slow)} {at()}")


@scenario
async def the_first_error_in_time_not_in_order():
    say(await ends(asyncio.gather(late_failing("late", 2, errno.EIO),
                                  late_failing("early", 1, errno.EPIPE))))
    await asyncio.sleep(2 * T)
    drop()
    say("nothing reported")


@scenario
async def two_errors_in_one_turn_the_first_finished_wins():
    say(await ends(asyncio.gather(failing("a", 1, errno.EIO), failing("b", 1, errno.EPIPE))))
    await passes(1)
    drop()
    say("nothing reported")


@scenario
async def a_siblings_later_error_is_fetched():
    bad = asyncio.create_task(late_failing("bad", 2, errno.EIO))
    say(await ends(asyncio.gather(bad, late_failing("first", 1, errno.EPIPE))))
    await asyncio.sleep(2 * T)
    say(f"bad {state(bad)}")
    del bad
    drop()
    say("dropped")


@scenario
async def a_cancelled_child_counts_as_an_error():
    child = asyncio.create_task(sleeper("child", 9))
    other = asyncio.create_task(sleeper("other", 1, 2))
    together = asyncio.gather(child, other)
    await passes(1)
    child.cancel()
    say(await ends(together))
    say(f"gather {state(together)}, main cancelling {asyncio.current_task().cancelling()}")
    say(f"other {await ends(other)}")


@scenario
async def return_exceptions_collects_all():
    child = asyncio.create_task(sleeper("child", 9))
    asyncio.get_running_loop().call_later(1 * T, child.cancel)
    say(await ends(asyncio.gather(quick(1), late_failing("bad", 2, errno.EPIPE), child,
                                  sleeper("slow", 3, 4), return_exceptions=True)))
    say(at())


@scenario
async def return_exceptions_fetches_them():
    bad = asyncio.create_task(failing("bad", 1, errno.EPIPE))
    say(await ends(asyncio.gather(bad, return_exceptions=True)))
    del bad
    drop()
    say("nothing reported")


@scenario
async def cancelling_gather_cancels_every_child():
    async def parent():
        return await asyncio.gather(sleeper("a", 9), sleeper("b", 9), sleeper("c", 9))
    task = asyncio.create_task(parent())
    await passes(2)
    turns(4)
    say(f"cancel {yes(task.cancel())}")
    say(await ends(task))
    say(f"{state(task)} {at()}")


@scenario
async def cancelled_gather_leaves_with_the_first_cancelled_child():
    a = asyncio.create_task(cleaning("a", 6))
    b = asyncio.create_task(cleaning("b", 1))

    async def parent():
        return await asyncio.gather(a, b)
    task = asyncio.create_task(parent())
    await passes(2)
    task.cancel()
    say(await ends(task))
    say(f"a {state(a)}, b {state(b)}")
    say(await ends(a))


@scenario
async def cancelled_gather_with_return_exceptions_waits_for_all():
    a = asyncio.create_task(cleaning("a", 6))
    b = asyncio.create_task(cleaning("b", 1))

    async def parent():
        return await asyncio.gather(a, b, return_exceptions=True)
    task = asyncio.create_task(parent())
    await passes(2)
    task.cancel()
    say(await ends(task))
    say(f"a {state(a)}, b {state(b)}, {state(task)}")


@scenario
async def cancelled_gather_whose_children_swallow():
    for collect in (False, True):
        together = asyncio.gather(stubborn("a", 1, 1), stubborn("b", 1, 2),
                                  return_exceptions=collect)
        await passes(1)
        say(f"cancel {yes(together.cancel())}, {state(together)}")
        say(await ends(together))


@scenario
async def cancelled_gather_with_one_child_that_swallows():
    a = asyncio.create_task(stubborn("a", 1, 1))
    b = asyncio.create_task(cleaning("b", 2))
    together = asyncio.gather(a, b)
    await passes(1)
    together.cancel()
    say(await ends(together))
    say(f"{state(together)}, a {state(a)}, b {state(b)}")


@scenario
async def cancelled_gather_with_a_child_that_fails_in_cleanup():
    for collect in (False, True):
        together = asyncio.gather(breaking("a", 1, errno.EPIPE), cleaning("b", 2),
                                  return_exceptions=collect)
        await passes(1)
        together.cancel()
        say(await ends(together))
        await passes(2)


@scenario
async def cancelling_gather_when_all_children_are_done():
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(2)]
    together = asyncio.gather(*futures)
    for i, future in enumerate(futures):
        future.set_result(i)
    say(f"{state(together)}, cancel {yes(together.cancel())}")
    say(await ends(together))


@scenario
async def cancelling_who_awaits_gather_when_all_children_are_done():
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(2)]

    async def parent():
        result = await ends(asyncio.gather(*futures))
        say(f"gather: {result}")
        return asyncio.current_task().cancelling()
    task = asyncio.create_task(parent())
    await passes(1)
    for i, future in enumerate(futures):
        future.set_result(i)
    say(f"cancel {yes(task.cancel())}")
    say(await ends(task))


@scenario
async def cancelling_gather_that_has_ended_touches_nobody():
    slow = asyncio.create_task(sleeper("slow", 2, 1))
    together = asyncio.gather(slow, failing("bad", 1, errno.EPIPE))
    say(await ends(together))
    say(f"cancel {yes(together.cancel())}, slow cancelling {slow.cancelling()}")
    say(await ends(slow))


@scenario
async def cancelling_gather_spares_the_children_that_are_done():
    done = asyncio.create_task(quick(1))
    slow = asyncio.create_task(sleeper("slow", 9))
    together = asyncio.gather(done, slow)
    await passes(2)
    say(f"cancel {yes(together.cancel())}")
    say(await ends(together))
    say(f"done {state(done)} {done.cancelling()}, slow {state(slow)}")


@scenario
async def cancelling_gather_cancels_its_futures():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    together = asyncio.gather(future)
    together.cancel()
    say(f"future {state(future)}, gather {state(together)}")
    say(await ends(together))


@scenario
async def one_task_twice_fills_both_slots():
    task = asyncio.create_task(steps("a", 1, 5))
    say(await ends(asyncio.gather(task, quick(6), task)))


@scenario
async def gather_of_what_is_done_is_done_at_once():
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(2)]
    for i, future in enumerate(futures):
        future.set_result(i)
    turns(1)
    together = asyncio.gather(*futures)
    say(state(together))
    say(await ends(together))
    say("in the same turn")
    await passes(1)


@scenario
async def gather_of_what_failed_is_done_at_once():
    loop = asyncio.get_running_loop()
    failed, pending = loop.create_future(), loop.create_future()
    failed.set_exception(error(errno.EPIPE))
    together = asyncio.gather(pending, failed)
    say(f"{state(together)}, pending {state(pending)}")
    say(await ends(together))
    pending.set_result(1)


@scenario
async def gather_of_what_is_cancelled():
    loop = asyncio.get_running_loop()
    cancelled, pending = loop.create_future(), loop.create_future()
    cancelled.cancel()
    together = asyncio.gather(cancelled, pending)
    say(state(together))
    say(await ends(together))
    collected = asyncio.gather(cancelled, pending, return_exceptions=True)
    say(state(collected))
    pending.set_result(1)
    say(await ends(collected))


@scenario
async def gathers_error_that_nobody_fetched():
    together = asyncio.gather(failing("bad", 0, errno.EPIPE))
    await passes(3)
    say("dropping")
    del together
    drop()
    say("dropped")


@scenario
async def gather_in_gather_is_cancelled_to_the_leaves():
    async def parent():
        return await asyncio.gather(
            asyncio.gather(sleeper("a", 9), sleeper("b", 9)),
            asyncio.gather(sleeper("c", 9)))
    task = asyncio.create_task(parent())
    await passes(2)
    turns(5)
    task.cancel()
    say(await ends(task))


@scenario
async def gather_in_gather_results():
    say(await ends(asyncio.gather(asyncio.gather(quick(1), quick(2)), quick(3))))


@scenario
async def gather_as_a_future_with_a_callback():
    together = asyncio.gather(steps("a", 1, 1), steps("b", 0, 2))
    together.add_done_callback(lambda future: say(f"callback {tries(future.result)}"))
    say(state(together))
    await passes(3)
    say(state(together))
    await passes(1)


@scenario
async def gather_that_nobody_awaits_still_runs_its_children():
    asyncio.gather(steps("a", 1), steps("b", 1))
    await passes(4)
    say("main")


@scenario
async def gather_cancelled_before_its_children_began():
    a = asyncio.create_task(steps("a", 1))
    together = asyncio.gather(a, steps("b", 1))
    say(f"cancel {yes(together.cancel())}")
    say(await ends(together))
    say(f"a {state(a)}")


@scenario
async def gather_with_children_that_end_in_different_turns():
    turns(7)
    say(await ends(asyncio.gather(steps("a", 0, 1), steps("b", 3, 2), steps("c", 1, 3))))
