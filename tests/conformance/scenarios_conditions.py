# SPDX-License-Identifier: MIT
"""Condition: who waits has the lock again when it goes on, cancelled or not; no notification is
lost."""

import asyncio
import errno

from support import *


async def got(awaitable):
    """How it ended; True is no more than success, as in C."""
    result = await ends(awaitable)
    return "0" if result == "yes" else result


def start(coroutine):
    return asyncio.create_task(coroutine)


async def waits(who, condition, n=0):
    """Waits in the condition, then keeps the lock for n turns."""
    await condition.acquire()
    say(f"{who} waits")
    result = await got(condition.wait())
    say(f"{who} {result}, locked {yes(condition.locked())}")
    for _ in range(n):
        await ends(asyncio.sleep(0))
    condition.release()
    if result == "CancelledError":
        raise asyncio.CancelledError


async def wants(who, condition, n=0):
    await condition.acquire()
    say(f"{who} has the lock")
    await passes(n)
    condition.release()


async def notifies(condition, n=1):
    await condition.acquire()
    condition.notify(n)
    condition.release()


async def all_end(*tasks):
    say(" ".join([await ends(task) for task in tasks]))


@scenario
async def wait_and_notify_need_the_lock():
    condition = asyncio.Condition()
    say(await got(condition.wait()))
    say(tries(condition.notify))
    say(tries(condition.notify_all))
    say(tries(condition.release))
    say(await got(condition.wait_for(lambda: True)))
    say(await got(condition.wait_for(lambda: False)))


@scenario
async def a_notification_turn_by_turn():
    condition = asyncio.Condition()
    a = start(waits("a", condition))
    await passes(1)
    turns(5)
    await condition.acquire()
    condition.notify()
    await passes(1)
    say("released")
    condition.release()
    await all_end(a)


@scenario
async def wait_gives_the_lock_to_who_waits_for_it():
    condition = asyncio.Condition()
    a, b = start(waits("a", condition)), start(wants("b", condition, 1))
    turns(4)
    await passes(3)
    await notifies(condition)
    await all_end(a, b)


@scenario
async def notify_wakes_the_first_only():
    condition = asyncio.Condition()
    a, b, c = (start(waits(who, condition)) for who in "abc")
    await passes(1)
    await notifies(condition)
    await passes(3)
    say(f"{state(a)} {state(b)} {state(c)}")
    await notifies(condition)
    await notifies(condition)
    await all_end(a, b, c)


@scenario
async def notify_of_some():
    condition = asyncio.Condition()
    tasks = [start(waits(who, condition)) for who in "abcd"]
    await passes(1)
    for n in (0, -1, 2, 100):
        await notifies(condition, n)
        await passes(3)
        say(f"{n}: " + " ".join(state(task) for task in tasks))
    await all_end(*tasks)


@scenario
async def a_notification_that_nobody_waits_for_is_gone():
    condition = asyncio.Condition()
    await notifies(condition, 5)
    a = start(waits("a", condition))
    await passes(4)
    say(state(a))
    await notifies(condition)
    await all_end(a)


@scenario
async def notify_all_and_each_has_the_lock_in_turn():
    condition = asyncio.Condition()
    tasks = [start(waits(who, condition, 1)) for who in "abc"]
    await passes(1)
    await condition.acquire()
    condition.notify_all()
    condition.release()
    turns(6)
    await all_end(*tasks)


@scenario
async def who_is_notified_queues_behind_those_who_want_the_lock():
    condition = asyncio.Condition()
    a = start(waits("a", condition))
    await passes(1)
    await condition.acquire()
    b = start(wants("b", condition, 1))
    await passes(1)
    condition.notify()
    condition.release()
    c = start(wants("c", condition))
    turns(5)
    await all_end(a, b, c)


@scenario
async def notifying_twice_before_anybody_runs_wakes_two():
    condition = asyncio.Condition()
    a, b, c = (start(waits(who, condition)) for who in "abc")
    await passes(1)
    await condition.acquire()
    condition.notify()
    condition.notify()
    condition.release()
    await passes(3)
    say(f"{state(a)} {state(b)} {state(c)}")
    await notifies(condition)
    await all_end(a, b, c)


@scenario
async def cancelled_while_it_waits_it_has_the_lock_again():
    condition = asyncio.Condition()
    a = start(waits("a", condition))
    await passes(1)
    a.cancel()
    await all_end(a)
    say(f"locked {yes(condition.locked())}")


@scenario
async def cancelled_while_another_has_the_lock():
    condition = asyncio.Condition()
    a = start(waits("a", condition))
    await passes(1)
    await condition.acquire()
    turns(7)
    a.cancel()
    await passes(3)
    say(f"{state(a)}, released")
    condition.release()
    await all_end(a)
    say(f"cancelling {a.cancelling()}")


@scenario
async def cancelled_again_and_again_while_it_wants_the_lock_back():
    condition = asyncio.Condition()
    a = start(waits("a", condition))
    await passes(1)
    await condition.acquire()
    for _ in range(3):
        say(yes(a.cancel()))
        await passes(2)
    say(f"{state(a)}, released")
    turns(3)
    condition.release()
    await all_end(a)
    say(f"cancelling {a.cancelling()}")


@scenario
async def each_cancel_puts_it_behind_the_others_who_want_the_lock():
    condition = asyncio.Condition()
    a = start(waits("a", condition))
    await passes(1)
    await condition.acquire()
    condition.notify()
    await passes(1)
    b = start(wants("b", condition, 1))
    await passes(1)
    a.cancel()
    await passes(1)
    condition.release()
    await all_end(a, b)


@scenario
async def notified_and_cancelled_the_notification_goes_to_the_next():
    condition = asyncio.Condition()
    a, b, c = (start(waits(who, condition)) for who in "abc")
    await passes(1)
    await condition.acquire()
    condition.notify()
    a.cancel()
    condition.release()
    turns(5)
    await all_end(a, b)
    say(state(c))
    await notifies(condition)
    await all_end(c)


@scenario
async def notified_and_cancelled_when_it_wants_the_lock_back():
    condition = asyncio.Condition()
    a, b = start(waits("a", condition)), start(waits("b", condition))
    await passes(1)
    await condition.acquire()
    condition.notify()
    await passes(1)
    a.cancel()
    await passes(1)
    condition.release()
    turns(5)
    await all_end(a, b)


@scenario
async def a_cancelled_one_wakes_another_without_cause():
    condition = asyncio.Condition()
    a, b = start(waits("a", condition)), start(waits("b", condition))
    await passes(1)
    turns(5)
    a.cancel()
    await all_end(a, b)


@scenario
async def a_cancelled_waiter_is_not_counted_by_notify():
    condition = asyncio.Condition()
    a, b, c = (start(waits(who, condition)) for who in "abc")
    await passes(1)
    await condition.acquire()
    a.cancel()
    condition.notify()
    condition.release()
    await passes(4)
    say(f"{state(a)} {state(b)} {state(c)}")
    await condition.acquire()
    condition.notify_all()
    condition.release()
    await all_end(a, b, c)


@scenario
async def wait_for_asks_again_after_each_notification():
    condition = asyncio.Condition()
    asked = []

    def predicate():
        asked.append(1)
        say(f"asked {len(asked)}, locked {yes(condition.locked())}")
        return 7 if len(asked) == 3 else 0

    async def body():
        async with condition:
            say(await ends(condition.wait_for(predicate)))
    a = start(body())
    await passes(2)
    await notifies(condition)
    await passes(3)
    await notifies(condition)
    await all_end(a)
    say(f"locked {yes(condition.locked())}")


@scenario
async def wait_for_what_is_true_already():
    condition = asyncio.Condition()
    turns(1)
    await condition.acquire()
    say(await ends(condition.wait_for(lambda: 5)))
    condition.release()
    say("in the same turn")
    await passes(1)


@scenario
async def a_predicate_that_fails():
    condition = asyncio.Condition()

    def fails():
        raise error(errno.EPIPE)

    async def body():
        async with condition:
            await condition.wait_for(fails)
    say(await ends(body()))
    say(f"locked {yes(condition.locked())}")


@scenario
async def wait_for_is_cancelled():
    condition = asyncio.Condition()

    async def body():
        async with condition:
            await condition.wait_for(lambda: 0)
    a = start(body())
    await passes(1)
    a.cancel()
    await all_end(a)
    say(f"locked {yes(condition.locked())}")


@scenario
async def a_limit_on_a_condition():
    condition = asyncio.Condition()
    await condition.acquire()
    say(await got(asyncio.wait_for(condition.wait(), 1 * T)))
    say(f"{at()}, locked {yes(condition.locked())}")


@scenario
async def two_conditions_share_a_lock():
    lock = asyncio.Lock()
    full, empty = asyncio.Condition(lock), asyncio.Condition(lock)
    items = []

    async def producer():
        for i in range(3):
            async with full:
                await full.wait_for(lambda: len(items) == 0)
                items.append(i)
                say(f"put {i}")
                empty.notify()

    async def consumer():
        for _ in range(3):
            async with empty:
                await empty.wait_for(lambda: len(items) > 0)
                say(f"got {items.pop()}")
                full.notify()
    a, b = start(producer()), start(consumer())
    await all_end(a, b)
    say(f"locked {yes(lock.locked())}")


@scenario
async def a_block_with_a_condition():
    condition = asyncio.Condition()

    async def body():
        async with condition:
            say(f"locked {yes(condition.locked())}")
            raise error(errno.EIO)
    say(await ends(body()))
    say(f"locked {yes(condition.locked())}")


@scenario
async def the_lock_released_by_another_before_the_wait():
    condition = asyncio.Condition()
    await condition.acquire()
    condition.release()
    say(await got(condition.wait()))


@scenario
def a_condition_belongs_to_the_loop_on_which_somebody_waited():
    condition = asyncio.Condition()

    async def first():
        await condition.acquire()
        say(await got(asyncio.wait_for(condition.wait(), 1 * T)))
        condition.release()

    async def second():
        say(await got(condition.acquire()))
        say(await got(condition.wait()))
        say(yes(condition.locked()))
        condition.notify_all()
        condition.release()
    run(first())
    run(second())
