# SPDX-License-Identifier: MIT
"""Threads: work for them, work from them. While a thread is at work the clock stands still."""

import asyncio
import concurrent.futures
import errno
import threading

from support import *


def in_thread(function, *args):
    """Runs a function in a thread of its own; the loop waits for it instead of jumping ahead."""
    loop = asyncio.get_running_loop()
    loop.hold()
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


def join(thread):
    thread.join()
    asyncio.get_running_loop().release()


@scenario
async def to_thread_returns_the_result():
    def work(a, b):
        return a + b
    say(await ends(asyncio.to_thread(work, 2, 3)))


@scenario
async def to_thread_raises_the_error():
    def work():
        raise error(errno.EPIPE)
    say(await ends(asyncio.to_thread(work)))


@scenario
async def to_thread_runs_somewhere_else():
    here = threading.get_ident()
    say(yes(await asyncio.to_thread(threading.get_ident) != here))


@scenario
async def there_is_no_loop_in_a_thread():
    def work():
        return yes(asyncio._get_running_loop() is None)
    say(await asyncio.to_thread(work))


@scenario
async def the_loop_turns_while_a_thread_works():
    gate = threading.Event()

    def work():
        gate.wait()
        return 5
    task = asyncio.create_task(asyncio.to_thread(work))
    await steps("main", 3)
    say(state(task))
    gate.set()
    say(await ends(task))


@scenario
async def gather_of_threads():
    def work(n):
        return n * n
    say(await ends(asyncio.gather(*[asyncio.to_thread(work, n) for n in range(1, 5)])))


@scenario
async def a_cancelled_to_thread_leaves_its_function_alone():
    """In C with .abandon, which is Python's way; by default C waits for the function."""
    started, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def work():
        started.set()
        gate.wait()
        ended.set()
        return 5
    task = asyncio.create_task(asyncio.to_thread(work))
    while not started.is_set():         # what has not started yet would be cancelled for good
        await asyncio.sleep(0)
    say(f"cancel {yes(task.cancel())}")
    say(await ends(task))
    say(f"function ended: {yes(ended.is_set())}")
    gate.set()
    say(f"function ended: {yes(ended.wait(10))}")


@scenario
async def run_in_executor_gives_a_future():
    loop = asyncio.get_running_loop()

    def work(n):
        return n + 1
    future = loop.run_in_executor(None, work, 4)
    say(f"isfuture {yes(asyncio.isfuture(future))}")
    say(await ends(future))


@scenario
async def an_executor_of_ones_own():
    loop = asyncio.get_running_loop()
    order = []

    def work(n):
        order.append(n)
        return n
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as executor:
        futures = [loop.run_in_executor(executor, work, n) for n in range(3)]
        say(await ends(asyncio.gather(*futures)))
    say(f"one after the other: {yes(order == [0, 1, 2])}")


@scenario
async def the_default_executor_after_its_shutdown():
    loop = asyncio.get_running_loop()
    say(await ends(asyncio.to_thread(lambda: 1)))
    await loop.shutdown_default_executor()
    try:
        loop.run_in_executor(None, lambda: 2)
    except RuntimeError as e:
        say(name(e))
        loop.release()


@scenario
async def a_thread_wakes_an_idle_loop():
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def work():
        loop.call_soon_threadsafe(say, "from the thread")
        loop.call_soon_threadsafe(future.set_result, 5)
    thread = in_thread(work)
    say(await ends(future))
    join(thread)


@scenario
async def a_thread_keeps_the_order_of_its_calls():
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    got = []

    def work():
        for i in range(100):
            loop.call_soon_threadsafe(got.append, i)
        loop.call_soon_threadsafe(done.set_result, 0)
    thread = in_thread(work)
    await done
    join(thread)
    say("in order" if got == list(range(100)) else "not in order")


@scenario
async def a_handle_of_a_threads_call_can_be_cancelled():
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def work():
        handle = loop.call_soon_threadsafe(say, "never")
        handle.cancel()
        handled_is_cancelled.append(handle.cancelled())
        loop.call_soon_threadsafe(done.set_result, 0)
    handled_is_cancelled = []
    blocker = threading.Thread(target=work)
    blocker.start()
    blocker.join()                      # the loop cannot run meanwhile
    await done
    say(yes(handled_is_cancelled[0]))


@scenario
async def run_coroutine_threadsafe_returns_the_result():
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def work():
        future = asyncio.run_coroutine_threadsafe(steps("a", 1, 5), loop)
        result = future.result(10)
        loop.call_soon_threadsafe(done.set_result, result)
    thread = in_thread(work)
    say(await ends(done))
    join(thread)


@scenario
async def run_coroutine_threadsafe_raises_the_error():
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def work():
        future = asyncio.run_coroutine_threadsafe(failing("a", 1, errno.EPIPE), loop)
        try:
            future.result(10)
        except OSError as e:
            loop.call_soon_threadsafe(done.set_exception, e)
    thread = in_thread(work)
    say(await ends(done))
    join(thread)


@scenario
async def the_thread_cancels_the_coroutine():
    loop = asyncio.get_running_loop()
    started, done = threading.Event(), loop.create_future()

    async def body():
        started.set()
        try:
            await loop.create_future()
        finally:
            say("cancelled")
            loop.call_soon(done.set_result, 0)

    def work():
        future = asyncio.run_coroutine_threadsafe(body(), loop)
        started.wait()
        future.cancel()
        outcome.append((future.cancelled(), future.done()))
    outcome = []
    thread = in_thread(work)
    await done
    join(thread)
    say(f"cancelled {yes(outcome[0][0])}, done {yes(outcome[0][1])}")


@scenario
async def the_thread_gives_up_waiting():
    loop = asyncio.get_running_loop()
    gate, done = loop.create_future(), loop.create_future()

    def work():
        future = asyncio.run_coroutine_threadsafe(waiter("a", gate), loop)
        try:
            future.result(0.02)
        except TimeoutError as e:
            outcome.append(f"{name(e)}, done {yes(future.done())}")
        loop.call_soon_threadsafe(gate.set_result, 5)
        outcome.append(name(future.result(10)))
        loop.call_soon_threadsafe(done.set_result, 0)
    outcome = []
    thread = in_thread(work)
    await done
    join(thread)
    for line in outcome:
        say(line)


@scenario
async def the_coroutine_ends_cancelled():
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    async def body():
        raise asyncio.CancelledError

    def work():
        future = asyncio.run_coroutine_threadsafe(body(), loop)
        try:
            future.result(10)
        except concurrent.futures.CancelledError as e:
            outcome.append(name(e))
        outcome.append(f"cancelled {yes(future.cancelled())}")
        loop.call_soon_threadsafe(done.set_result, 0)
    outcome = []
    thread = in_thread(work)
    await done
    join(thread)
    for line in outcome:
        say(line)


@scenario
def a_loop_that_is_closed():
    loop = Loop()
    loop.run_until_complete(passes(1))
    loop.close()

    def work():
        outcome.append(tries(loop.call_soon_threadsafe, say, "never"))
        body = quick(1)
        outcome.append(tries(asyncio.run_coroutine_threadsafe, body, loop))
        body.close()
    outcome = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    for line in outcome:
        say(line)


@scenario
async def wrap_future_follows_the_concurrent_one():
    loop = asyncio.get_running_loop()
    for how in ("result", "exception", "cancel"):
        shared = concurrent.futures.Future()
        future = asyncio.wrap_future(shared)

        def work():
            if how == "result":
                shared.set_result(5)
            elif how == "exception":
                shared.set_exception(error(errno.EPIPE))
            else:
                shared.cancel()
        thread = in_thread(work)
        say(await ends(future))
        join(thread)


@scenario
async def cancelling_the_wrapped_future_cancels_the_concurrent_one():
    shared = concurrent.futures.Future()
    future = asyncio.wrap_future(shared)
    say(f"cancel {yes(future.cancel())}")
    await passes(1)
    say(f"shared cancelled {yes(shared.cancelled())}")


@scenario
async def a_limit_on_a_thread():
    loop = asyncio.get_running_loop()
    gate = threading.Event()

    def work():
        gate.wait()
        return 5
    future = loop.run_in_executor(None, work)
    say(await ends(asyncio.wait_for(asyncio.shield(future), 0)))
    gate.set()
    say(await ends(future))
