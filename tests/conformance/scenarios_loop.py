# SPDX-License-Identifier: MIT
"""The loop itself: handles, timers, what comes first inside a turn, stopping, closing."""

import asyncio
import errno
import os
import signal
import socket

from support import *


@scenario
async def call_soon_is_fifo():
    loop = asyncio.get_running_loop()
    for who in "abcd":
        loop.call_soon(say, who)
    say("posted")
    await asyncio.sleep(0)
    say("main")


@scenario
async def call_soon_from_a_callback_runs_in_the_next_turn():
    loop = asyncio.get_running_loop()

    def first():
        say("first")
        loop.call_soon(second)

    def second():
        say("second")
        loop.call_soon(say, "third")
    turns(4)
    loop.call_soon(first)
    loop.call_soon(say, "beside first")
    await passes(4)


@scenario
async def a_callback_and_a_task_share_one_queue():
    loop = asyncio.get_running_loop()
    loop.call_soon(say, "callback 1")
    a = asyncio.create_task(steps("a", 2))
    loop.call_soon(say, "callback 2")
    b = asyncio.create_task(steps("b", 1))
    loop.call_soon(say, "callback 3")
    await a
    await b


@scenario
async def call_later_goes_by_deadline():
    loop = asyncio.get_running_loop()
    for ticks in (3, 1, 4, 2):
        loop.call_later(ticks * T, say, f"after {ticks}")
    await asyncio.sleep(5 * T)
    say(at())


@scenario
async def call_at_goes_by_deadline():
    loop = asyncio.get_running_loop()
    start = loop.time()
    for ticks in (2, 3, 1):
        loop.call_at(start + ticks * T, say, f"at {ticks}")
    await asyncio.sleep(4 * T)


@scenario
async def a_timer_that_is_due_runs_after_what_was_ready():
    loop = asyncio.get_running_loop()
    loop.call_later(0, say, "timer")
    loop.call_soon(say, "ready 1")
    loop.call_soon(say, "ready 2")
    await asyncio.sleep(0)
    say("main")
    await asyncio.sleep(0)
    say("main again")


@scenario
async def a_timer_from_a_timer_waits_for_the_next_turn():
    loop = asyncio.get_running_loop()

    def first():
        say("timer 1")
        loop.call_later(0, second)

    def second():
        say("timer 2")
    turns(4)
    loop.call_later(0, first)
    await passes(4)


@scenario
async def deadlines_in_the_past_go_oldest_first():
    loop = asyncio.get_running_loop()
    await asyncio.sleep(9 * T)
    now = loop.time()
    for ago in (1, 3, 2):
        loop.call_at(now - ago * T, say, f"{ago} ago")
    loop.call_soon(say, "ready")
    await passes(2)


@scenario
async def a_negative_delay_is_due_at_once():
    loop = asyncio.get_running_loop()
    turns(2)
    loop.call_later(-5 * T, say, "minus 5")
    loop.call_later(-7 * T, say, "minus 7")
    await passes(2)
    say(at())


@scenario
async def an_infinite_delay_never_comes():
    loop = asyncio.get_running_loop()
    never = loop.call_later(float("inf"), say, "never")
    loop.call_later(2 * T, say, "two")
    await asyncio.sleep(3 * T)
    say(at())
    say(yes(never.when() == float("inf")))
    never.cancel()


@scenario
async def timers_do_not_wait_for_the_queue_to_empty():
    loop = asyncio.get_running_loop()

    def again(n):
        say(f"busy {n}")
        if n < 4:
            loop.call_soon(again, n + 1)
    again(1)
    loop.call_later(0, say, "timer")
    await passes(4)


@scenario
async def a_hundred_timers_half_of_them_cancelled():
    loop = asyncio.get_running_loop()
    fired = []
    handles = {}
    for i in range(150):
        ticks = i * 37 % 150 + 1
        handles[ticks] = loop.call_later(ticks * T / 100, fired.append, ticks)
    for ticks in range(1, 151):
        if ticks % 3:
            handles[ticks].cancel()
    await asyncio.sleep(2 * T)
    say(f"{len(fired)} fired")
    say("in order" if fired == [t for t in range(1, 151) if t % 3 == 0] else "not in order")


@scenario
async def a_cancelled_handle_never_runs():
    loop = asyncio.get_running_loop()
    a = loop.call_soon(say, "a")
    b = loop.call_soon(say, "b")
    c = loop.call_soon(say, "c")
    b.cancel()
    say(f"{yes(a.cancelled())} {yes(b.cancelled())} {yes(c.cancelled())}")
    b.cancel()
    await asyncio.sleep(0)


@scenario
async def a_handle_cancelled_in_its_own_turn_is_skipped():
    loop = asyncio.get_running_loop()
    handles = {}

    def first():
        say("first cancels third")
        handles["third"].cancel()
    loop.call_soon(first)
    loop.call_soon(say, "second")
    handles["third"] = loop.call_soon(say, "third")
    loop.call_soon(say, "fourth")
    await asyncio.sleep(0)


@scenario
async def a_handle_cancelled_after_it_ran():
    loop = asyncio.get_running_loop()
    handle = loop.call_soon(say, "runs")
    await asyncio.sleep(0)
    say(yes(handle.cancelled()))
    handle.cancel()
    say(yes(handle.cancelled()))
    await asyncio.sleep(0)


@scenario
async def a_callback_cancels_its_own_handle():
    loop = asyncio.get_running_loop()
    handles = []

    def only():
        say("runs")
        handles[0].cancel()
        say(yes(handles[0].cancelled()))
    handles.append(loop.call_soon(only))
    await passes(2)


@scenario
async def a_cancelled_timer_never_fires():
    loop = asyncio.get_running_loop()
    a = loop.call_later(1 * T, say, "a")
    b = loop.call_later(2 * T, say, "b")
    loop.call_later(3 * T, say, "c")
    say(f"{yes(a.when() < b.when())}")
    b.cancel()
    await asyncio.sleep(4 * T)
    say(f"{yes(a.cancelled())} {yes(b.cancelled())}")


@scenario
async def a_timer_cancelled_by_another_one_that_is_due():
    loop = asyncio.get_running_loop()
    await asyncio.sleep(9 * T)
    handles = {}

    def older():
        say("older cancels newer")
        handles["newer"].cancel()
    now = loop.time()
    handles["newer"] = loop.call_at(now - 1 * T, say, "newer")
    loop.call_at(now - 2 * T, older)
    await passes(3)


@scenario
async def the_head_of_the_timers_is_cancelled():
    loop = asyncio.get_running_loop()
    head = loop.call_later(1 * T, say, "head")
    loop.call_later(2 * T, lambda: say(at()))
    head.cancel()
    await asyncio.sleep(3 * T)


@scenario
async def time_passes_by_ticks():
    loop = asyncio.get_running_loop()
    start = loop.time()
    await asyncio.sleep(2 * T)
    say(f"{(loop.time() - start) / T:g}")
    await asyncio.sleep(3 * T)
    say(f"{(loop.time() - start) / T:g}")


@scenario
async def inside_a_turn_ready_then_io_then_timers():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()

    def readable():
        say("readable")
        loop.remove_reader(ours)
    theirs.send(b"x")
    loop.add_reader(ours, readable)
    loop.call_later(0, say, "timer")
    loop.call_soon(say, "ready")
    await asyncio.sleep(0)
    say("main")
    await asyncio.sleep(0)
    say("main again")
    ours.close()
    theirs.close()


@scenario
async def one_descriptor_reads_before_it_writes():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()

    def writable():
        say("writable")
        loop.remove_writer(ours)

    def readable():
        say("readable")
        loop.remove_reader(ours)
    theirs.send(b"x")
    loop.add_writer(ours, writable)
    loop.add_reader(ours, readable)
    await passes(3)
    ours.close()
    theirs.close()


@scenario
async def a_reader_is_called_as_long_as_there_is_something():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    calls = 0

    def readable():
        nonlocal calls
        calls += 1
        say(f"readable {calls}")
        if calls == 3:
            os.read(ours.fileno(), 10)
    theirs.send(b"x")
    loop.add_reader(ours, readable)
    await passes(8)
    say(f"removed {yes(loop.remove_reader(ours))}")
    say(f"removed {yes(loop.remove_reader(ours))}")
    ours.close()
    theirs.close()


@scenario
async def adding_a_reader_again_replaces_the_first():
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()

    def reader(who):
        say(who)
        os.read(ours.fileno(), 10)
    theirs.send(b"x")
    loop.add_reader(ours, reader, "first")
    loop.add_reader(ours, reader, "second")
    await passes(4)
    loop.remove_reader(ours)
    ours.close()
    theirs.close()


@scenario
async def a_reader_removed_in_its_own_turn_is_skipped():
    loop = asyncio.get_running_loop()
    pairs = [socket.socketpair() for _ in range(2)]
    calls = 0

    def reader(other):
        nonlocal calls
        calls += 1
        say(f"reader {calls} removes the other: {yes(loop.remove_reader(other))}")
    for ours, theirs in pairs:
        theirs.send(b"x")
    loop.add_reader(pairs[0][0], reader, pairs[1][0])
    loop.add_reader(pairs[1][0], reader, pairs[0][0])
    await passes(2)
    for ours, theirs in pairs:
        loop.remove_reader(ours)
        ours.close()
        theirs.close()
    say(f"{calls} call")


@scenario
async def a_signal_handler_runs_in_the_loop():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, say, "signal")
    signal.raise_signal(signal.SIGUSR1)
    say("raised")
    await asyncio.sleep(2 * T)
    say(f"removed {yes(loop.remove_signal_handler(signal.SIGUSR1))}")
    say(f"removed {yes(loop.remove_signal_handler(signal.SIGUSR1))}")


@scenario
async def threadsafe_from_the_same_thread_keeps_the_order():
    loop = asyncio.get_running_loop()
    loop.call_soon(say, "a")
    loop.call_soon_threadsafe(say, "b")
    loop.call_soon(say, "c")
    loop.call_soon_threadsafe(say, "d").cancel()
    await asyncio.sleep(0)
    say("main")


@scenario
def stop_finishes_the_turn():
    loop = Loop()

    def stops():
        say("stops")
        loop.stop()
        loop.call_soon(say, "left for the next run")
    loop.call_soon(say, "before")
    loop.call_soon(stops)
    loop.call_soon(say, "after")
    loop.run_forever()
    say("returned")
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


@scenario
def stop_before_the_run():
    loop = Loop()

    def ready():
        say("ready")
        loop.call_soon(say, "left")
    loop.call_soon(ready)
    loop.call_later(9 * T, say, "timer")
    loop.stop()
    loop.run_forever()
    say("returned")
    loop.stop()
    loop.run_forever()
    say("returned")
    loop.close()


@scenario
def stop_before_the_run_still_fires_a_timer_that_is_due():
    loop = Loop()
    loop.call_later(0, say, "timer")
    loop.stop()
    loop.run_forever()
    say("returned")
    loop.close()


@scenario
def a_loop_runs_again_after_it_stopped():
    loop = Loop()
    task = loop.create_task(steps("a", 4))
    for _ in range(3):
        loop.stop()
        loop.run_forever()
        say(f"stopped, {state(task)}")
    loop.run_until_complete(task)
    say(state(task))
    loop.close()


@scenario
def run_until_complete_returns_the_result():
    loop = Loop()
    say(name(loop.run_until_complete(steps("a", 1, 7))))
    future = loop.create_future()
    loop.call_soon(future.set_result, 8)
    say(name(loop.run_until_complete(future)))
    say(name(loop.run_until_complete(future)))
    say(tries(loop.run_until_complete, failing("b", 1, errno.EPIPE)))
    loop.close()


@scenario
def run_until_complete_leaves_what_is_queued_behind_its_end():
    loop = Loop()

    async def body():
        loop.call_soon(before)
        say("body ends")

    def before():
        say("in the turn of the stop")
        loop.call_soon(say, "one turn too late")
    loop.run_until_complete(body())
    say("returned")
    loop.run_until_complete(passes(1))
    loop.close()


@scenario
def run_until_complete_of_a_loop_that_is_stopped():
    loop = Loop()
    task = loop.create_task(sleeper("a", 5))
    loop.call_later(2 * T, loop.stop)
    say(tries(loop.run_until_complete, task))
    say(state(task))
    loop.run_until_complete(task)
    say(state(task))
    loop.close()


@scenario(mended=((3, 13, 3), "gh-130145"))
async def a_loop_inside_a_loop_is_refused():
    loop = asyncio.get_running_loop()
    say(tries(loop.run_forever))
    future = loop.create_future()
    say(tries(loop.run_until_complete, future))
    other = Loop()
    say(tries(other.run_forever))
    say(yes(other.is_running()))
    other.close()
    say(tries(loop.close))
    say(f"running {yes(loop.is_running())}, closed {yes(loop.is_closed())}")


@scenario
def a_closed_loop_refuses_work():
    loop = Loop()
    future = loop.create_future()
    say(f"running {yes(loop.is_running())}, closed {yes(loop.is_closed())}")
    loop.call_soon(say, "never")
    loop.call_later(0, say, "never")
    loop.close()
    say(f"running {yes(loop.is_running())}, closed {yes(loop.is_closed())}")
    loop.close()
    say("call_soon " + tries(loop.call_soon, say, "x"))
    say("call_later " + tries(loop.call_later, 0, say, "x"))
    say("call_at " + tries(loop.call_at, 0, say, "x"))
    say("call_soon_threadsafe " + tries(loop.call_soon_threadsafe, say, "x"))
    say("run_forever " + tries(loop.run_forever))
    say("run_until_complete " + tries(loop.run_until_complete, future))
    body = quick(0)
    say("create_task " + tries(loop.create_task, body))
    body.close()


@scenario
def no_loop_runs_here():
    say("get_running_loop " + tries(asyncio.get_running_loop))
    body = quick(0)
    say("create_task " + tries(asyncio.create_task, body))
    body.close()
    say("current_task " + tries(asyncio.current_task))
    loop = Loop()
    seen = []
    loop.call_soon(lambda: seen.append(asyncio.get_running_loop()))
    loop.stop()
    loop.run_forever()
    say(f"inside: {yes(seen == [loop])}")
    say("after: " + tries(asyncio.get_running_loop))
    loop.close()


@scenario(python314="get_event_loop no longer makes a loop")
def get_event_loop_without_a_loop():
    asyncio.set_event_loop_policy(None)         # as in a thread that has never had one
    try:
        loop = asyncio.get_event_loop()
        say("a new one")
        loop.close()
        asyncio.set_event_loop(None)
    except RuntimeError as e:
        say(name(e))
    loop = Loop()
    asyncio.set_event_loop(loop)
    say(f"the one that was set: {yes(asyncio.get_event_loop() is loop)}")
    asyncio.set_event_loop(None)
    say(tries(asyncio.get_event_loop))
    loop.close()


@scenario
async def the_exception_handler_gets_what_it_is_told():
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "told by hand", "exception": error(errno.EPIPE)})
    loop.call_exception_handler({"message": "without an exception"})
    ours = loop.get_exception_handler()
    loop.set_exception_handler(lambda loop, context: say("another: " + context["message"]))
    loop.call_exception_handler({"message": "third"})
    loop.set_exception_handler(ours)
    loop.call_exception_handler({"message": "fourth"})


@scenario
async def a_task_factory_makes_the_tasks():
    loop = asyncio.get_running_loop()

    def factory(loop, coro, **options):
        say("factory")
        return asyncio.Task(coro, loop=loop, **options)
    say(yes(loop.get_task_factory() is None))
    loop.set_task_factory(factory)
    say(yes(loop.get_task_factory() is factory))
    a = asyncio.create_task(steps("a", 1))
    await asyncio.gather(a, steps("b", 1))
    loop.set_task_factory(None)
    await asyncio.create_task(steps("c", 1))


@scenario
def run_until_complete_of_a_cancelled_task():
    loop = Loop()
    task = loop.create_task(sleeper("a", 9))
    loop.call_later(1 * T, task.cancel)
    say(tries(loop.run_until_complete, task))
    say(state(task))
    loop.close()


@scenario
def a_pending_task_is_reported_with_its_loop_gone():
    loop = Loop()
    task = loop.create_task(sleeper("a", 9))
    loop.stop()
    loop.run_forever()
    say(state(task))
    loop.close()
    del task
    drop()
    say("dropped")
