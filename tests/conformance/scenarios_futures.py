# SPDX-License-Identifier: MIT
"""Futures: states, who may set what, callbacks and their order, exceptions that nobody fetched."""

import asyncio
import errno

from support import *


def make_future():
    return asyncio.get_running_loop().create_future()


def speaker(who):
    return lambda future: say(f"{who} {state(future)}")


@scenario
async def callbacks_go_through_the_loop_in_order():
    future = make_future()
    for who in ("first", "second", "third"):
        future.add_done_callback(speaker(who))
    future.set_result(1)
    say("set")
    asyncio.get_running_loop().call_soon(say, "queued behind")
    await asyncio.sleep(0)
    say("main")


@scenario
async def a_callback_on_a_done_future_waits_a_turn():
    future = make_future()
    future.set_result(1)
    future.add_done_callback(speaker("late"))
    say("added")
    await asyncio.sleep(0)
    say("main")


@scenario
async def a_callback_added_by_a_callback():
    future = make_future()

    def first(future):
        say("first")
        future.add_done_callback(speaker("added by first"))
    turns(3)
    future.add_done_callback(first)
    future.add_done_callback(speaker("second"))
    future.set_result(1)
    await passes(3)


@scenario
async def a_callback_removed_by_a_callback_runs_all_the_same():
    future = make_future()
    second = speaker("second")

    def first(future):
        say(f"first removes {future.remove_done_callback(second)}")
    future.add_done_callback(first)
    future.add_done_callback(second)
    future.set_result(1)
    await passes(2)


@scenario
async def removing_a_callback_removes_all_its_equals():
    future = make_future()
    twice, once = speaker("twice"), speaker("once")
    future.add_done_callback(twice)
    future.add_done_callback(once)
    future.add_done_callback(twice)
    say(f"removed {future.remove_done_callback(twice)}")
    say(f"removed {future.remove_done_callback(twice)}")
    future.set_result(1)
    await passes(1)
    say(f"removed {future.remove_done_callback(once)}")


@scenario
async def the_same_callback_twice_runs_twice():
    future = make_future()
    same, other = speaker("same"), speaker("other")
    future.add_done_callback(same)
    future.add_done_callback(other)
    future.add_done_callback(same)
    future.set_result(1)
    await passes(1)


@scenario
async def a_callback_reads_the_result():
    loop = asyncio.get_running_loop()
    for how in ("result", "exception", "cancel"):
        future = loop.create_future()
        future.add_done_callback(lambda f: say(f"{tries(f.result)} {state(f)}"))
        if how == "result":
            future.set_result(5)
        elif how == "exception":
            future.set_exception(error(errno.EPIPE))
        else:
            future.cancel()
        await passes(1)


@scenario
async def a_callback_sets_another_future():
    first, second = make_future(), make_future()
    first.add_done_callback(lambda f: (say("first done"), second.set_result(f.result() + 1)))
    second.add_done_callback(lambda f: say(f"second {f.result()}"))
    turns(4)
    first.set_result(1)
    say(await ends(second))
    await passes(1)


@scenario
async def what_is_done_cannot_be_set():
    loop = asyncio.get_running_loop()
    finished, failed, cancelled = (loop.create_future() for _ in range(3))
    finished.set_result(1)
    failed.set_exception(error(errno.EPIPE))
    say(f"cancel {yes(cancelled.cancel())}")
    for future in (finished, failed, cancelled):
        say(f"{state(future)}: set_result {tries(future.set_result, 2)}, "
            f"set_exception {tries(future.set_exception, error(errno.EIO))}, "
            f"cancel {yes(future.cancel())}")
        say(f"{tries(future.result)}")


@scenario
async def a_pending_future_has_no_result():
    future = make_future()
    say(f"{state(future)}: result {tries(future.result)}, exception {tries(future.exception)}")
    future.set_result(3)
    say(f"{state(future)}: result {tries(future.result)}, exception {tries(future.exception)}")


@scenario
async def a_cancelled_future_raises_from_both():
    future = make_future()
    future.cancel()
    say(f"done {yes(future.done())}, cancelled {yes(future.cancelled())}")
    say(f"result {tries(future.result)}, exception {tries(future.exception)}")


@scenario
async def a_failed_future_is_not_cancelled():
    future = make_future()
    future.set_exception(error(errno.EPIPE))
    say(f"done {yes(future.done())}, cancelled {yes(future.cancelled())}")
    say(f"result {tries(future.result)}, exception {tries(future.exception)}")
    say(f"again {tries(future.result)}")


@scenario
async def awaiting_a_done_future_does_not_suspend():
    future = make_future()
    future.set_result(4)
    turns(1)
    say(await ends(future))
    say(await ends(future))
    say("still the first turn")
    await passes(1)


@scenario
async def awaiting_a_failed_future_does_not_suspend():
    failed, cancelled = make_future(), make_future()
    failed.set_exception(error(errno.EPIPE))
    cancelled.cancel()
    turns(1)
    say(await ends(failed))
    say(await ends(failed))
    say(await ends(cancelled))
    say("still the first turn")
    await passes(1)


@scenario
async def waking_costs_one_turn():
    future = make_future()
    turns(4)
    asyncio.get_running_loop().call_soon(future.set_result, 6)
    say(await ends(future))
    await passes(1)
    say("main")


@scenario
async def waiters_wake_in_the_order_they_came():
    future = make_future()
    tasks = [asyncio.create_task(waiter(who, future)) for who in "abc"]
    await passes(1)
    future.set_result(1)
    say("set")
    for task in reversed(tasks):
        await task


@scenario
async def callbacks_and_waiters_share_one_list():
    future = make_future()
    future.add_done_callback(speaker("callback 1"))
    task = asyncio.create_task(waiter("a", future))
    await passes(1)
    future.add_done_callback(speaker("callback 2"))
    future.set_result(1)
    await task


@scenario
async def two_futures_wake_in_the_order_they_were_set():
    loop = asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    a = asyncio.create_task(waiter("a", first))
    b = asyncio.create_task(waiter("b", second))
    await passes(1)
    second.set_result(2)
    first.set_result(1)
    await a
    await b


@scenario
async def an_exception_reaches_all_who_wait():
    future = make_future()
    tasks = [asyncio.create_task(waiter(who, future)) for who in "ab"]
    await passes(1)
    future.set_exception(error(errno.EPIPE))
    for task in tasks:
        say(await ends(task))


@scenario
async def cancelling_a_future_cancels_all_who_wait():
    future = make_future()
    tasks = [asyncio.create_task(waiter(who, future)) for who in "ab"]
    await passes(1)
    say(f"cancel {yes(future.cancel())}")
    await passes(1)
    for task in tasks:
        say(f"{state(task)}, cancelling {task.cancelling()}")
        say(await ends(task))


@scenario
async def a_waiter_may_swallow_the_cancellation_of_its_future():
    future = make_future()

    async def body():
        say(await ends(future))
        await asyncio.sleep(0)
        say("goes on")
        return 1
    task = asyncio.create_task(body())
    await passes(1)
    future.cancel()
    say(await ends(task))


@scenario
async def cancelling_one_waiter_cancels_the_future_of_both():
    future = make_future()
    a = asyncio.create_task(waiter("a", future))
    b = asyncio.create_task(waiter("b", future))
    await passes(1)
    a.cancel()
    say(f"future {state(future)}")
    say(f"set_result {tries(future.set_result, 1)}")
    say(await ends(b))
    say(f"b: cancelling {b.cancelling()}")


@scenario
async def an_exception_that_nobody_fetched():
    future = make_future()
    future.set_exception(error(errno.EPIPE))
    say("dropping")
    del future
    drop()
    say("dropped")


@scenario
async def result_fetches_the_exception():
    future = make_future()
    future.set_exception(error(errno.EPIPE))
    say(tries(future.result))
    del future
    drop()
    say("dropped")


@scenario
async def exception_fetches_the_exception():
    future = make_future()
    future.set_exception(error(errno.EPIPE))
    say(tries(future.exception))
    del future
    drop()
    say("dropped")


@scenario
async def awaiting_fetches_the_exception():
    future = make_future()
    future.set_exception(error(errno.EPIPE))
    say(await ends(future))
    del future
    drop()
    say("dropped")


@scenario
async def even_a_late_cancel_counts_as_fetching():
    future = make_future()
    future.set_exception(error(errno.EPIPE))
    say(f"cancel {yes(future.cancel())}")
    del future
    drop()
    say("dropped")


@scenario
async def asking_whether_it_is_done_does_not_fetch():
    future = make_future()
    future.set_exception(error(errno.EPIPE))
    say(f"{yes(future.done())} {yes(future.cancelled())}")
    del future
    drop()
    say("dropped")


@scenario
async def a_callback_that_does_not_look_does_not_fetch():
    future = make_future()
    future.add_done_callback(lambda f: say("called"))
    future.set_exception(error(errno.EPIPE))
    await passes(1)
    say("dropping")
    del future
    drop()
    say("dropped")


@scenario
async def a_pending_or_cancelled_future_is_dropped_in_silence():
    pending, cancelled = make_future(), make_future()
    cancelled.cancel()
    del pending, cancelled
    drop()
    say("dropped")


@scenario
async def the_message_of_a_cancel():
    future = make_future()
    future.cancel("because")
    try:
        await future
    except asyncio.CancelledError as e:
        say(f"CancelledError: {e.args[0]}")


@scenario
async def ensure_future_takes_what_it_gets():
    future = make_future()
    task = asyncio.create_task(quick(1))
    say(f"future: itself {yes(asyncio.ensure_future(future) is future)}")
    say(f"task: itself {yes(asyncio.ensure_future(task) is task)}")
    made = asyncio.ensure_future(quick(2))
    say(f"coroutine: {state(made)}")
    say(f"{await ends(made)} {await ends(task)}")


@scenario
async def a_future_knows_its_loop():
    future = make_future()
    task = asyncio.create_task(quick(1))
    say(yes(future.get_loop() is asyncio.get_running_loop()))
    say(yes(task.get_loop() is asyncio.get_running_loop()))
    await task


@scenario
async def set_and_cancel_in_the_same_turn_the_first_wins():
    first, second = make_future(), make_future()
    a = asyncio.create_task(waiter("a", first))
    b = asyncio.create_task(waiter("b", second))
    await passes(1)
    first.set_result(1)
    say(f"cancel after set {yes(first.cancel())}")
    second.cancel()
    say(f"set after cancel {tries(second.set_result, 2)}")
    say(f"{await ends(a)} {await ends(b)}")
