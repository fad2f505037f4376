# SPDX-License-Identifier: MIT
"""run and Runner: what comes out, who is cancelled at the end, Ctrl-C."""

import asyncio
import errno
import signal

from support import *


def make_future():
    return asyncio.get_running_loop().create_future()


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


@scenario
def run_returns_the_result():
    say(name(run(steps("a", 1, 7))))
    say(name(run(quick(0))))


@scenario
def run_raises_the_error():
    say(tries(run, failing("a", 1, errno.EPIPE)))


@scenario
def run_of_a_task_that_ends_cancelled():
    async def main():
        raise asyncio.CancelledError
    say(tries(run, main()))


@scenario
def run_of_a_main_that_cancels_itself():
    async def main():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)
    say(tries(run, main()))


@scenario
async def run_inside_a_running_loop_is_refused():
    body = quick(1)
    say(tries(run, body))
    body.close()
    await asyncio.sleep(0)
    say("the loop goes on")


@scenario
def run_after_run():
    async def main(n):
        say(f"run {n} {at()}")
        await asyncio.sleep(1 * T)
        return n
    for n in (1, 2):
        say(name(run(main(n))))


@scenario
def what_is_left_is_cancelled():
    async def main():
        asyncio.create_task(sleeper("left", 9))
        await asyncio.sleep(1 * T)
        say("main ends")
        return 3
    say(name(run(main())))


@scenario
def what_starts_in_the_turn_of_the_end_is_cancelled():
    async def main():
        asyncio.create_task(steps("left", 1))
        say("main ends")
    run(main())
    say("returned")


@scenario
def what_is_left_may_swallow_and_return():
    async def main():
        asyncio.create_task(stubborn("left", 1, 5))
        await passes(1)
        say("main ends")
    run(main())
    say("returned")


@scenario
def what_is_left_fails_in_its_cleanup():
    async def main():
        asyncio.create_task(breaking("left", 0, errno.EPIPE))
        await passes(1)
        say("main ends")
        return 3
    say(name(run(main())))


@scenario
def what_is_left_after_an_error():
    async def main():
        asyncio.create_task(sleeper("left", 9))
        await passes(1)
        raise error(errno.EIO)
    say(tries(run, main()))


@scenario
def what_is_left_awaits_in_its_cleanup():
    """C is level-triggered when the runner shuts down: there the await in the cleanup fails."""
    async def left():
        try:
            await make_future()
        finally:
            say("cleans")
            say(f"cleanup: {await ends(asyncio.sleep(1 * T))} {at()}")

    async def main():
        asyncio.create_task(left())
        await passes(1)
        say("main ends")
    run(main())
    say("returned")


@scenario
def tasks_that_wait_for_each_other_at_the_end():
    async def main():
        a = asyncio.create_task(sleeper("a", 9))
        asyncio.create_task(waiter("b", a))
        await passes(2)
        say("main ends")
    run(main())
    say("returned")


@scenario
def callbacks_scheduled_by_main_at_its_end():
    async def main():
        loop = asyncio.get_running_loop()
        loop.call_soon(say, "callback in the turn of the end")
        loop.call_later(9 * T, say, "never")
        say("main ends")
    run(main())
    say("returned")


@scenario
def two_runs_of_a_runner_share_the_loop():
    loops = []

    async def main(n):
        loops.append(asyncio.get_running_loop())
        say(f"run {n} {at()}")
        await asyncio.sleep(1 * T)
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main(1))
        runner.run(main(2))
        say(yes(loops[0] is loops[1] is runner.get_loop()))
    say(f"closed {yes(loops[0].is_closed())}")


@scenario
def a_background_task_goes_on_in_the_next_run():
    with asyncio.Runner(loop_factory=Loop) as runner:
        async def first():
            asyncio.create_task(steps("background", 4))
            await passes(2)
            say("first ends")
        runner.run(first())
        say("between")
        runner.run(passes(4))
        say("second ended")


@scenario
def a_runner_after_an_error():
    with asyncio.Runner(loop_factory=Loop) as runner:
        say(tries(runner.run, failing("a", 1, errno.EPIPE)))
        say(tries(runner.run, quick(4)))


@scenario
def a_runner_that_is_closed():
    runner = asyncio.Runner(loop_factory=Loop)
    runner.close()
    say(tries(runner.run, quick(1)))
    runner.close()
    runner.close()
    body = quick(2)
    say(f"run {tries(runner.run, body)}")
    body.close()
    say(f"get_loop {tries(runner.get_loop)}")


@scenario
def a_runner_cancels_what_is_left_at_its_end():
    with asyncio.Runner(loop_factory=Loop) as runner:
        async def main():
            asyncio.create_task(sleeper("left", 9))
            await passes(1)
        runner.run(main())
        say("run returned")
    say("closed")


@scenario
def ctrl_c_cancels_main():
    async def main():
        try:
            ctrl_c()
            await asyncio.sleep(9 * T)
        except asyncio.CancelledError:
            say(f"main cancelled, cancelling {asyncio.current_task().cancelling()}")
            raise
    say(tries(run, main()))


@scenario
def ctrl_c_during_a_sleep():
    async def main():
        asyncio.get_running_loop().call_later(1 * T, ctrl_c)
        say(f"{(result := await ends(asyncio.sleep(9 * T)))} {at()}")
        if result == "CancelledError":
            raise asyncio.CancelledError
    say(tries(run, main()))


@scenario
def ctrl_c_and_main_returns_a_value():
    async def main():
        ctrl_c()
        say(await ends(asyncio.sleep(9 * T)))
        return 5
    say(tries(run, main()))


@scenario
def ctrl_c_and_main_fails():
    async def main():
        ctrl_c()
        say(await ends(asyncio.sleep(9 * T)))
        raise error(errno.EPIPE)
    say(tries(run, main()))


@scenario
def ctrl_c_cleanup_may_await():
    async def main():
        try:
            ctrl_c()
            await asyncio.sleep(9 * T)
        finally:
            say(f"cleanup: {await ends(asyncio.sleep(1 * T))} {at()}")
    say(tries(run, main()))


@scenario
def ctrl_c_ends_the_other_tasks_too():
    async def main():
        asyncio.create_task(sleeper("other", 9))
        await passes(1)
        ctrl_c()
        await sleeper("main", 9)
    say(tries(run, main()))


@scenario
def ctrl_c_and_a_cancel_of_its_own():
    async def main():
        ctrl_c()
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
        say(await ends(asyncio.sleep(9 * T)))
        say(f"cancelling {asyncio.current_task().cancelling()}")
        say(await ends(asyncio.sleep(0)))
        say(f"cancelling {asyncio.current_task().cancelling()}")
        raise asyncio.CancelledError
    say(tries(run, main()))


@scenario
def ctrl_c_that_main_took_back():
    async def main():
        ctrl_c()
        say(await ends(asyncio.sleep(9 * T)))
        say(f"uncancel {asyncio.current_task().uncancel()}")
        say(await ends(asyncio.sleep(0)))
        return 5
    say(tries(run, main()))


@scenario
def ctrl_c_within_a_limit():
    async def main():
        async with asyncio.timeout(5 * T):
            ctrl_c()
            await sleeper("main", 9)
    say(tries(run, main()))


@scenario
def ctrl_c_within_a_group():
    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(cleaning("a", 1))
            await passes(1)
            ctrl_c()
            await sleeper("main", 9)
    say(tries(run, main()))


@scenario
def ctrl_c_in_each_run_of_a_runner():
    async def main(n):
        ctrl_c()
        await sleeper(f"run {n}", 9)
    with asyncio.Runner(loop_factory=Loop) as runner:
        for n in (1, 2):
            say(tries(runner.run, main(n)))
        say(tries(runner.run, quick(3)))
