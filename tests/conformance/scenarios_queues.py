# SPDX-License-Identifier: MIT
"""Queue, PriorityQueue, LifoQueue: order of items and of those who wait, joins, shutdown."""

import asyncio
import functools

from support import *


def start(coroutine):
    return asyncio.create_task(coroutine)


async def puts(who, queue, item):
    try:
        await queue.put(item)
    except (asyncio.QueueShutDown, asyncio.CancelledError) as e:
        say(f"{who} {name(e)}")
        raise
    say(f"{who} put {item}")


async def gets(who, queue):
    try:
        item = await queue.get()
    except (asyncio.QueueShutDown, asyncio.CancelledError) as e:
        say(f"{who} {name(e)}")
        raise
    say(f"{who} got {item}")
    return item


async def joins(who, queue):
    try:
        await queue.join()
    except asyncio.CancelledError:
        say(f"{who} CancelledError")
        raise
    say(f"{who} joined")


async def all_end(*tasks):
    say(" ".join([await ends(task) for task in tasks]))


def how(queue):
    return f"{queue.qsize()} of {queue.maxsize}, empty {yes(queue.empty())}, full {yes(queue.full())}"


def drain(queue):
    items = []
    while not queue.empty():
        items.append(str(queue.get_nowait()))
    return " ".join(items)


@scenario
async def first_in_first_out():
    queue = asyncio.Queue()
    turns(1)
    say(how(queue))
    for i in range(20):
        await queue.put(i)
    say(how(queue))
    say(drain(queue))
    say(how(queue))
    say("in the same turn")
    await passes(1)


@scenario
async def last_in_first_out():
    queue = asyncio.LifoQueue()
    for i in range(5):
        await queue.put(i)
    say(await queue.get())
    await queue.put(9)
    say(drain(queue))


@scenario
async def the_smallest_first():
    queue = asyncio.PriorityQueue()
    for item in (5, 3, 8, 1, 9, 2, 7, 7, 0, 4, 6, 3):
        await queue.put(item)
    say(await queue.get())
    await queue.put(-1)
    say(drain(queue))


@functools.total_ordering
class Job:
    """Compared by its rank alone: equal ones come out as the heap has it."""

    def __init__(self, number):
        self.number = number

    def __lt__(self, other):
        return self.number // 100 < other.number // 100

    def __str__(self):
        return str(self.number)


@scenario
async def items_of_equal_rank():
    queue = asyncio.PriorityQueue()
    for i in range(12):
        queue.put_nowait(Job(i % 3 * 100 + i))
    first = [str(queue.get_nowait()) for _ in range(5)]
    for i in range(12, 15):
        queue.put_nowait(Job(100 + i))
    say(" ".join(first))
    say(drain(queue))


@scenario
async def what_would_wait_without_waiting():
    queue = asyncio.Queue(2)
    say(tries(queue.get_nowait))
    for i in range(3):
        say(tries(queue.put_nowait, i))
    say(how(queue))
    say(tries(queue.get_nowait))
    say(tries(queue.put_nowait, 5))
    say(drain(queue))


@scenario
async def a_ring_goes_round():
    queue = asyncio.Queue(3)
    for i in range(10):
        queue.put_nowait(i)
        if queue.full():
            say(f"{queue.get_nowait()} {queue.get_nowait()}")
    say(drain(queue))


@scenario
async def an_item_handed_over_turn_by_turn():
    queue = asyncio.Queue()
    a = start(gets("a", queue))
    await passes(1)
    turns(3)
    await queue.put(1)
    say(how(queue))
    await all_end(a)


@scenario
async def those_who_get_are_served_in_their_order():
    queue = asyncio.Queue()
    tasks = [start(gets(who, queue)) for who in "abc"]
    await passes(1)
    turns(3)
    for i in range(3):
        await queue.put(i)
    await all_end(*tasks)


@scenario
async def those_who_put_are_served_in_their_order():
    queue = asyncio.Queue(1)
    tasks = [start(puts(who, queue, i)) for i, who in enumerate("abcd")]
    await passes(1)
    turns(6)
    for _ in range(4):
        await gets("main", queue)
    await all_end(*tasks)


@scenario
async def one_who_was_woken_finds_nothing_and_waits_behind_the_others():
    queue = asyncio.Queue()
    a, b = start(gets("a", queue)), start(gets("b", queue))
    await passes(1)
    queue.put_nowait(1)
    say(queue.get_nowait())
    await passes(2)
    queue.put_nowait(2)
    await passes(2)
    say(f"{state(a)} {state(b)}")
    queue.put_nowait(3)
    await all_end(a, b)


@scenario
async def one_who_was_woken_finds_no_room_and_waits_behind_the_others():
    queue = asyncio.Queue(1)
    queue.put_nowait(0)
    a, b = start(puts("a", queue, 1)), start(puts("b", queue, 2))
    await passes(1)
    say(queue.get_nowait())
    queue.put_nowait(9)
    await passes(2)
    say(queue.get_nowait())
    await passes(2)
    say(f"{state(a)} {state(b)}")
    say(queue.get_nowait())
    await all_end(a, b)
    say(drain(queue))


@scenario
async def several_items_at_once_wake_as_many():
    queue = asyncio.Queue()
    tasks = [start(gets(who, queue)) for who in "abc"]
    await passes(1)
    turns(2)
    queue.put_nowait(1)
    queue.put_nowait(2)
    await passes(2)
    say(" ".join(state(task) for task in tasks))
    queue.put_nowait(3)
    await all_end(*tasks)


@scenario
async def a_getter_is_cancelled():
    queue = asyncio.Queue()
    a, b = start(gets("a", queue)), start(gets("b", queue))
    await passes(1)
    a.cancel()
    queue.put_nowait(1)
    await all_end(a, b)


@scenario
async def a_woken_getter_is_cancelled_and_the_next_gets_the_item():
    queue = asyncio.Queue()
    a, b = start(gets("a", queue)), start(gets("b", queue))
    await passes(1)
    turns(4)
    queue.put_nowait(1)
    a.cancel()
    await all_end(a, b)


@scenario
async def the_only_woken_getter_is_cancelled():
    queue = asyncio.Queue()
    a = start(gets("a", queue))
    await passes(1)
    queue.put_nowait(1)
    a.cancel()
    await all_end(a)
    say(how(queue))
    say(drain(queue))


@scenario
async def a_woken_getter_is_cancelled_when_the_item_is_gone():
    queue = asyncio.Queue()
    a, b, c = (start(gets(who, queue)) for who in "abc")
    await passes(1)
    queue.put_nowait(1)
    say(queue.get_nowait())
    a.cancel()
    await passes(3)
    say(f"{state(a)} {state(b)} {state(c)}")
    queue.put_nowait(2)
    queue.put_nowait(3)
    await all_end(b, c)


@scenario
async def a_putter_is_cancelled():
    queue = asyncio.Queue(1)
    queue.put_nowait(0)
    a, b = start(puts("a", queue, 1)), start(puts("b", queue, 2))
    await passes(1)
    a.cancel()
    say(queue.get_nowait())
    await all_end(a, b)
    say(drain(queue))


@scenario
async def a_woken_putter_is_cancelled_and_the_next_puts():
    queue = asyncio.Queue(1)
    queue.put_nowait(0)
    a, b = start(puts("a", queue, 1)), start(puts("b", queue, 2))
    await passes(1)
    turns(4)
    say(queue.get_nowait())
    a.cancel()
    await all_end(a, b)
    say(drain(queue))


@scenario
async def limits_on_waiting():
    queue = asyncio.Queue(1)
    say(await ends(asyncio.wait_for(queue.get(), 1 * T)))
    queue.put_nowait(1)
    say(await ends(asyncio.wait_for(queue.put(2), 1 * T)))
    say(f"{at()} {how(queue)}")


@scenario
async def producer_and_consumer_with_little_room():
    queue = asyncio.Queue(2)

    async def producer():
        for i in range(6):
            await puts("p", queue, i)

    async def consumer():
        for _ in range(6):
            await gets("c", queue)
            queue.task_done()
    a, b = start(producer()), start(consumer())
    await all_end(a, b)
    await joins("main", queue)


@scenario
async def join_waits_until_all_work_is_done():
    queue = asyncio.Queue()
    for i in range(2):
        queue.put_nowait(i)
    a, b = start(joins("a", queue)), start(joins("b", queue))
    await passes(1)
    say(drain(queue))
    await passes(2)
    queue.task_done()
    await passes(2)
    say(state(a))
    turns(2)
    queue.task_done()
    await all_end(a, b)


@scenario
async def join_of_a_queue_without_work():
    queue = asyncio.Queue()
    turns(1)
    await joins("a", queue)
    queue.put_nowait(1)
    queue.get_nowait()
    queue.task_done()
    await joins("b", queue)
    await passes(1)


@scenario
async def task_done_too_often():
    queue = asyncio.Queue()
    say(tries(queue.task_done))
    queue.put_nowait(1)
    say(tries(queue.task_done))
    say(tries(queue.task_done))
    say(drain(queue))


@scenario
async def one_who_joins_goes_on_though_work_has_come_again():
    queue = asyncio.Queue()
    queue.put_nowait(1)
    a = start(joins("a", queue))
    await passes(1)
    queue.task_done()
    queue.put_nowait(2)
    await all_end(a)
    b = start(joins("b", queue))
    await passes(2)
    say(state(b))
    queue.task_done()
    await all_end(b)


@scenario
async def one_who_joins_is_cancelled():
    queue = asyncio.Queue()
    queue.put_nowait(1)
    a = start(joins("a", queue))
    await passes(1)
    a.cancel()
    await all_end(a)


@scenario
async def after_shutdown_what_is_in_can_be_got():
    queue = asyncio.Queue()
    for i in range(2):
        queue.put_nowait(i)
    queue.shutdown()
    say(tries(queue.put_nowait, 5))
    say(await ends(queue.put(5)))
    say(await ends(queue.get()))
    say(tries(queue.get_nowait))
    say(await ends(queue.get()))
    say(tries(queue.get_nowait))
    queue.shutdown()
    say(how(queue))


@scenario
async def shutdown_wakes_all_who_get():
    queue = asyncio.Queue()
    a, b = start(gets("a", queue)), start(gets("b", queue))
    await passes(1)
    turns(2)
    queue.shutdown()
    await all_end(a, b)


@scenario
async def shutdown_wakes_all_who_put():
    queue = asyncio.Queue(1)
    queue.put_nowait(0)
    a, b = start(puts("a", queue, 1)), start(puts("b", queue, 2))
    await passes(1)
    turns(2)
    queue.shutdown()
    await all_end(a, b)
    say(drain(queue))


@scenario
async def shutdown_between_a_put_and_the_step_of_the_getter():
    queue = asyncio.Queue()
    a, b = start(gets("a", queue)), start(gets("b", queue))
    await passes(1)
    queue.put_nowait(1)
    queue.shutdown()
    await all_end(a, b)


@scenario
async def a_putter_with_room_finds_it_shut_down():
    queue = asyncio.Queue(1)
    queue.put_nowait(0)
    a = start(puts("a", queue, 1))
    await passes(1)
    say(queue.get_nowait())
    queue.shutdown()
    await all_end(a)
    say(how(queue))


@scenario
async def a_full_queue_that_is_shut_down():
    queue = asyncio.Queue(1)
    queue.put_nowait(0)
    queue.shutdown()
    say(tries(queue.put_nowait, 1))
    say(await ends(queue.put(1)))


@scenario
async def join_after_shutdown_waits_for_the_work():
    queue = asyncio.Queue()
    queue.put_nowait(1)
    a = start(joins("a", queue))
    await passes(1)
    queue.shutdown()
    await passes(2)
    say(state(a))
    say(queue.get_nowait())
    queue.task_done()
    await all_end(a)


@scenario
async def an_immediate_shutdown_drops_what_is_in():
    queue = asyncio.Queue()
    for i in range(3):
        queue.put_nowait(i)
    a = start(joins("a", queue))
    await passes(1)
    turns(2)
    queue.shutdown(immediate=True)
    say(how(queue))
    say(tries(queue.get_nowait))
    say(await ends(queue.get()))
    say(tries(queue.put_nowait, 1))
    await all_end(a)
    say(tries(queue.task_done))


@scenario
async def an_immediate_shutdown_with_work_under_way():
    queue = asyncio.Queue()
    for i in range(3):
        queue.put_nowait(i)
    say(queue.get_nowait())
    a = start(joins("a", queue))
    await passes(1)
    queue.shutdown(immediate=True)
    await passes(2)
    say(state(a))
    say(tries(queue.task_done))
    await all_end(a)
    say(tries(queue.task_done))


@scenario
async def an_immediate_shutdown_wakes_joiners_getters_and_putters():
    full, empty = asyncio.Queue(1), asyncio.Queue()
    full.put_nowait(0)
    a, b = start(joins("join", full)), start(puts("put", full, 1))
    c, d = start(joins("no work", empty)), start(gets("get", empty))
    await passes(1)
    turns(2)
    empty.shutdown(immediate=True)
    full.shutdown(immediate=True)
    await all_end(a, b, c, d)


@scenario
async def an_immediate_shutdown_after_a_plain_one():
    queue = asyncio.PriorityQueue()
    for i in range(3):
        queue.put_nowait(i)
    queue.shutdown()
    say(queue.get_nowait())
    queue.shutdown(immediate=True)
    say(tries(queue.get_nowait))
    say(how(queue))


@scenario
async def a_priority_queue_hands_over_the_smallest_then():
    queue = asyncio.PriorityQueue(2)
    a = start(gets("a", queue))
    await passes(1)
    queue.put_nowait(5)
    queue.put_nowait(3)
    b = start(puts("b", queue, 1))
    await all_end(a, b)
    say(drain(queue))


@scenario
def a_queue_belongs_to_the_loop_on_which_somebody_waited():
    queue = asyncio.Queue(1)

    async def first():
        say(await ends(asyncio.wait_for(queue.get(), 1 * T)))

    async def second():
        say(tries(queue.put_nowait, 1))
        say(await ends(queue.put(2)))
        say(await ends(queue.get()))
        say(await ends(queue.get()))
    run(first())
    run(second())
