# SPDX-License-Identifier: MIT
"""Lock and Event: first come first served, nobody overtakes, no wake-up is lost."""

import asyncio
import errno

from support import *


async def got(awaitable):
    """How it ended; True is no more than success, as in C."""
    result = await ends(awaitable)
    return "0" if result == "yes" else result


async def wants(who, lock, n=0):
    """Has the lock for n turns, and gives it back."""
    say(f"{who} wants")
    result = await got(lock.acquire())
    say(f"{who} {result}")
    if result == "CancelledError":
        raise asyncio.CancelledError
    await passes(n)
    lock.release()
    say(f"{who} gave")


async def waits(who, event):
    say(f"{who} waits")
    result = await got(event.wait())
    say(f"{who} {result}")
    if result == "CancelledError":
        raise asyncio.CancelledError


def start(coroutine):
    return asyncio.create_task(coroutine)


@scenario
async def a_free_lock_is_taken_without_a_turn():
    lock = asyncio.Lock()
    turns(1)
    say(yes(lock.locked()))
    say(await got(lock.acquire()))
    say(yes(lock.locked()))
    lock.release()
    say(yes(lock.locked()))
    say("in the same turn")
    await passes(1)


@scenario
async def waiters_get_the_lock_in_their_order():
    lock = asyncio.Lock()
    tasks = [start(wants(who, lock, 1)) for who in "abcd"]
    for task in tasks:
        await task


@scenario
async def a_handover_turn_by_turn():
    lock = asyncio.Lock()
    a, b = start(wants("a", lock, 2)), start(wants("b", lock, 1))
    turns(6)
    await a
    await b


@scenario
async def two_tasks_pass_the_lock_to_and_fro():
    lock = asyncio.Lock()

    async def player(who):
        for i in range(3):
            await lock.acquire()
            say(f"{who} {i}")
            lock.release()
            await passes(1)
    a, b = start(player("a")), start(player("b"))
    await a
    await b


@scenario
async def a_holder_that_takes_it_again_at_once_waits_behind_the_others():
    lock = asyncio.Lock()

    async def greedy():
        await lock.acquire()
        await passes(2)
        lock.release()
        say("greedy gave")
        say(await got(lock.acquire()))
        say("greedy again")
        lock.release()
    a, b = start(greedy()), start(wants("b", lock))
    await a
    await b


@scenario
async def the_lock_is_free_between_release_and_the_woken_one():
    lock = asyncio.Lock()
    await lock.acquire()
    b = start(wants("b", lock, 1))
    await passes(1)
    lock.release()
    say(f"locked {yes(lock.locked())}")
    say(f"release {tries(lock.release)}")
    await passes(1)
    say(f"locked {yes(lock.locked())}")
    await b
    say(f"locked {yes(lock.locked())}")


@scenario
async def nobody_overtakes_one_who_is_woken():
    lock = asyncio.Lock()
    await lock.acquire()
    b = start(wants("b", lock, 1))
    await passes(1)
    lock.release()
    await wants("main", lock)
    await b


@scenario
async def a_release_of_a_lock_that_nobody_holds():
    lock = asyncio.Lock()
    say(tries(lock.release))
    await lock.acquire()
    lock.release()
    say(tries(lock.release))
    say(await got(lock.acquire()))


@scenario
async def another_task_may_release_it():
    lock = asyncio.Lock()
    await lock.acquire()

    async def releases():
        lock.release()
    a, b = start(wants("a", lock)), start(releases())
    await b
    await a


@scenario
async def a_waiter_is_cancelled():
    lock = asyncio.Lock()
    await lock.acquire()
    a, b, c = (start(wants(who, lock)) for who in "abc")
    await passes(1)
    b.cancel()
    await passes(2)
    lock.release()
    say(f"{await ends(a)} {await ends(b)} {await ends(c)}")


@scenario
async def a_woken_waiter_is_cancelled_and_the_next_gets_it():
    lock = asyncio.Lock()
    await lock.acquire()
    a, b = start(wants("a", lock)), start(wants("b", lock))
    await passes(1)
    turns(4)
    lock.release()
    a.cancel()
    say(f"{await ends(a)} {await ends(b)}")
    say(yes(lock.locked()))


@scenario
async def the_only_waiter_is_woken_and_cancelled():
    lock = asyncio.Lock()
    await lock.acquire()
    a = start(wants("a", lock))
    await passes(1)
    lock.release()
    a.cancel()
    say(await ends(a))
    say(yes(lock.locked()))
    say(await got(lock.acquire()))


@scenario
async def all_woken_ones_are_cancelled_one_after_the_other():
    lock = asyncio.Lock()
    await lock.acquire()
    tasks = [start(wants(who, lock)) for who in "abcd"]
    await passes(1)
    turns(6)
    lock.release()
    for task in tasks[:3]:
        task.cancel()
        await passes(1)
    say(await ends(tasks[3]))
    say(yes(lock.locked()))


@scenario
async def the_first_waiter_is_cancelled_then_the_lock_released():
    lock = asyncio.Lock()
    await lock.acquire()
    a, b = start(wants("a", lock)), start(wants("b", lock))
    await passes(1)
    turns(4)
    a.cancel()
    lock.release()
    say(f"locked {yes(lock.locked())}")
    say(f"{await ends(a)} {await ends(b)}")


@scenario
async def the_lock_released_then_the_waiter_behind_the_woken_one_cancelled():
    lock = asyncio.Lock()
    await lock.acquire()
    a, b, c = (start(wants(who, lock)) for who in "abc")
    await passes(1)
    turns(4)
    lock.release()
    b.cancel()
    say(f"{await ends(a)} {await ends(b)} {await ends(c)}")


@scenario
async def two_waiters_in_front_are_cancelled_then_the_lock_released():
    lock = asyncio.Lock()
    await lock.acquire()
    a, b, c = (start(wants(who, lock)) for who in "abc")
    await passes(1)
    turns(4)
    a.cancel()
    b.cancel()
    lock.release()
    say(f"{await ends(a)} {await ends(b)} {await ends(c)}")


@scenario
async def cancelled_from_behind_then_the_lock_released():
    lock = asyncio.Lock()
    await lock.acquire()
    a, b, c = (start(wants(who, lock)) for who in "abc")
    await passes(1)
    turns(4)
    b.cancel()
    a.cancel()
    lock.release()
    say(f"{await ends(a)} {await ends(b)} {await ends(c)}")


@scenario
async def the_second_waiter_is_cancelled_then_the_lock_released():
    lock = asyncio.Lock()
    await lock.acquire()
    a, b, c = (start(wants(who, lock)) for who in "abc")
    await passes(1)
    turns(4)
    b.cancel()
    lock.release()
    say(f"{await ends(a)} {await ends(b)} {await ends(c)}")


@scenario
async def a_newcomer_may_pass_waiters_that_are_all_cancelled():
    lock = asyncio.Lock()
    await lock.acquire()
    a = start(wants("a", lock))
    await passes(1)
    a.cancel()
    lock.release()
    turns(2)
    say(await got(lock.acquire()))
    say("in the same turn")
    b = start(wants("b", lock))
    await passes(2)
    lock.release()
    say(f"{await ends(a)} {await ends(b)}")


@scenario
async def a_newcomer_waits_though_the_first_is_cancelled():
    lock = asyncio.Lock()
    await lock.acquire()
    a, b = start(wants("a", lock)), start(wants("b", lock, 1))
    await passes(1)
    a.cancel()
    lock.release()
    turns(5)
    await wants("main", lock)
    say(f"{await ends(a)} {await ends(b)}")


@scenario
async def taken_and_given_back_while_a_cancelled_one_is_still_there():
    lock = asyncio.Lock()
    await lock.acquire()
    a = start(wants("a", lock))
    await passes(1)

    async def newcomer():
        await wants("b", lock)
    a.cancel()
    lock.release()
    await lock.acquire()
    b = start(newcomer())
    turns(4)
    lock.release()
    say(f"{await ends(a)} {await ends(b)}")


@scenario
async def a_waiter_is_cancelled_twice():
    lock = asyncio.Lock()
    await lock.acquire()
    a, b = start(wants("a", lock)), start(wants("b", lock))
    await passes(1)
    a.cancel()
    a.cancel()
    say(await ends(a))
    say(f"cancelling {a.cancelling()}")
    lock.release()
    say(await ends(b))


@scenario
async def one_who_swallows_the_cancel_queues_anew():
    lock = asyncio.Lock()
    await lock.acquire()

    async def stubborn():
        say(await got(lock.acquire()))
        await wants("a", lock)
    a, b = start(stubborn()), start(wants("b", lock))
    await passes(1)
    a.cancel()
    await passes(1)
    lock.release()
    say(f"{await ends(a)} {await ends(b)}")


@scenario
async def a_pending_cancel_does_not_keep_from_a_free_lock():
    lock = asyncio.Lock()

    async def body():
        asyncio.current_task().cancel()
        say(await got(lock.acquire()))
        say(await got(asyncio.sleep(0)))
        lock.release()
    await start(body())
    say(yes(lock.locked()))


@scenario
async def a_pending_cancel_ends_the_wait_at_once():
    lock = asyncio.Lock()
    await lock.acquire()

    async def body():
        asyncio.current_task().cancel()
        say(await got(lock.acquire()))
    turns(3)
    await start(body())
    lock.release()
    say(yes(lock.locked()))


@scenario
async def a_limit_on_the_wait():
    lock = asyncio.Lock()
    await lock.acquire()
    say(await got(asyncio.wait_for(lock.acquire(), 1 * T)))
    say(at())
    lock.release()
    say(await got(asyncio.wait_for(lock.acquire(), 1 * T)))
    say(f"{at()} {yes(lock.locked())}")


@scenario
async def a_block_with_the_lock():
    lock = asyncio.Lock()

    async def body(code):
        async with lock:
            say(f"locked {yes(lock.locked())}")
            await passes(1)
            if code:
                raise error(code)
    say(await ends(body(0)))
    say(await ends(body(errno.EPIPE)))
    say(f"locked {yes(lock.locked())}")
    a, b = start(body(0)), start(body(errno.EIO))
    await passes(1)
    a.cancel()
    say(f"{await ends(a)} {await ends(b)}")
    say(f"locked {yes(lock.locked())}")


@scenario
async def a_block_that_releases_by_itself():
    lock = asyncio.Lock()

    async def body():
        async with lock:
            lock.release()
    say(await ends(body()))


@scenario
def a_lock_belongs_to_the_loop_on_which_somebody_waited():
    lock = asyncio.Lock()

    async def taken():
        await lock.acquire()
        say(await got(asyncio.wait_for(lock.acquire(), 1 * T)))
        lock.release()

    async def again():
        say(await got(lock.acquire()))
        say(await got(lock.acquire()))
        lock.release()
    run(taken())
    run(again())


# ---- events ----

@scenario
async def an_event_that_is_set_makes_nobody_wait():
    event = asyncio.Event()
    turns(1)
    say(yes(event.is_set()))
    event.set()
    event.set()
    say(yes(event.is_set()))
    say(await got(event.wait()))
    event.clear()
    event.clear()
    say(yes(event.is_set()))
    await passes(1)


@scenario
async def set_wakes_all_in_their_order():
    event = asyncio.Event()
    tasks = [start(waits(who, event)) for who in "abc"]
    await passes(1)
    turns(3)
    event.set()
    say("set")
    await passes(1)
    say(" ".join(state(task) for task in tasks))
    await passes(1)


@scenario
async def a_clear_does_not_take_a_set_back():
    event = asyncio.Event()
    a = start(waits("a", event))
    await passes(1)
    event.set()
    event.clear()
    b = start(waits("b", event))
    await passes(3)
    say(f"{state(a)} {state(b)}")
    event.set()
    say(await ends(b))


@scenario
async def one_who_comes_after_a_clear_is_woken_by_the_next_set_only():
    event = asyncio.Event()

    async def twice():
        await waits("first", event)
        event.clear()
        await waits("second", event)
    a, b = start(twice()), start(waits("b", event))
    await passes(1)
    event.set()
    await passes(3)
    say(f"{state(a)} {state(b)}")
    event.set()
    say(await ends(a))


@scenario
async def a_waiter_of_an_event_is_cancelled():
    event = asyncio.Event()
    a, b = start(waits("a", event)), start(waits("b", event))
    await passes(1)
    a.cancel()
    event.set()
    say(f"{await ends(a)} {await ends(b)}")


@scenario
async def a_woken_waiter_of_an_event_is_cancelled():
    event = asyncio.Event()
    a = start(waits("a", event))
    await passes(1)
    turns(2)
    event.set()
    a.cancel()
    say(f"{await ends(a)} {yes(event.is_set())}")


@scenario
async def a_callback_sets_an_event():
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(1 * T, event.set)
    await waits("a", event)
    say(at())


@scenario
def an_event_belongs_to_the_loop_on_which_somebody_waited():
    event = asyncio.Event()

    async def first():
        say(await got(asyncio.wait_for(event.wait(), 1 * T)))

    async def second():
        say(await got(event.wait()))
        event.set()
        say(await got(event.wait()))
    run(first())
    run(second())
