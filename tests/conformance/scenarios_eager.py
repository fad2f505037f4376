# SPDX-License-Identifier: MIT
"""Eager tasks: the first step runs inside create_task.

Python 3.13 reaches them by asyncio.Task(..., eager_start=True) or a task factory, 3.14 also by
create_task(eager_start=True); C has .eager_start from the start.
"""

import asyncio
import contextvars
import errno

from support import *


def eager(coro, **options):
    return asyncio.Task(coro, loop=asyncio.get_running_loop(), eager_start=True, **options)


@scenario
async def an_eager_task_may_be_done_at_once():
    turns(1)
    task = eager(steps("a", 0, 5))
    say(f"created: {state(task)}")
    say(await ends(task))
    say("in the same turn")
    await passes(1)


@scenario
async def an_eager_task_that_suspends_goes_on_as_usual():
    turns(4)
    task = eager(steps("a", 2, 5))
    say(f"created: {state(task)}")
    say(await ends(task))


@scenario
async def eager_and_lazy_tasks_side_by_side():
    lazy = asyncio.create_task(steps("lazy", 2))
    fast = eager(steps("eager", 2))
    say("created")
    await lazy
    await fast


@scenario
async def an_eager_task_that_yields_queues_behind():
    loop = asyncio.get_running_loop()
    loop.call_soon(say, "before")
    task = eager(steps("a", 1))
    loop.call_soon(say, "after")
    await task


@scenario
async def the_current_task_during_the_eager_step():
    main = asyncio.current_task()
    seen = []

    async def body():
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())
    task = eager(body())
    say(f"inside: {yes(seen == [task])}, after: {yes(asyncio.current_task() is main)}")
    await task
    say(f"later: {yes(seen == [task, task])}")


@scenario
async def eager_inside_eager():
    async def outer():
        say("outer begins")
        task = eager(steps("inner", 1, 2))
        say(f"inner {state(task)}")
        result = await task
        say("outer ends")
        return result + 1
    task = eager(outer())
    say(f"outer {state(task)}")
    say(await ends(task))


@scenario
async def an_eager_task_that_fails_at_once():
    task = eager(failing("a", 0, errno.EPIPE))
    say(state(task))
    say(await ends(task))


@scenario
async def an_eager_failure_that_nobody_fetched():
    task = eager(failing("a", 0, errno.EPIPE))
    say("dropping")
    del task
    drop()
    say("dropped")


@scenario
async def cancelling_an_eager_task_that_is_done():
    task = eager(quick(5))
    say(f"cancel {yes(task.cancel())}, cancelling {task.cancelling()}")
    say(await ends(task))


@scenario
async def cancelling_an_eager_task_that_waits():
    task = eager(sleeper("a", 9))
    turns(2)
    say(f"cancel {yes(task.cancel())}")
    say(await ends(task))


@scenario
async def an_eager_task_cancels_itself():
    async def body():
        asyncio.current_task().cancel()
        say("goes on")
        await asyncio.sleep(0)
        say("never here")
    task = eager(body())
    say(state(task))
    say(await ends(task))


@scenario
async def an_eager_task_cancels_itself_and_returns():
    async def body():
        asyncio.current_task().cancel()
        return 3
    task = eager(body())
    say(state(task))
    say(await ends(task))


@scenario
async def an_eager_task_ends_cancelled():
    async def body():
        raise asyncio.CancelledError
    task = eager(body())
    say(f"{state(task)}, cancelling {task.cancelling()}")
    say(await ends(task))


@scenario
async def an_eager_step_cannot_cancel_its_creator_at_once():
    main = asyncio.current_task()

    async def body():
        say(f"cancel main {yes(main.cancel())}")
        return 3
    task = eager(body())
    say(f"main goes on, {state(task)}")
    say(await ends(asyncio.sleep(0)))
    say(f"uncancel {main.uncancel()}")


@scenario
async def all_tasks_holds_an_eager_one_in_its_first_step():
    seen = []

    async def body():
        seen.append(len(asyncio.all_tasks()))
        return 1
    before = len(asyncio.all_tasks())
    task = eager(body())
    say(f"{before} {seen[0]} {len(asyncio.all_tasks())}")
    await task


@scenario
async def a_done_callback_on_an_eager_task_that_is_done():
    task = eager(quick(5))
    task.add_done_callback(lambda task: say(f"callback {tries(task.result)}"))
    say("added")
    await passes(1)


@scenario
async def gather_of_eager_tasks_is_done_at_once():
    turns(1)
    together = asyncio.gather(eager(quick(1)), eager(quick(2)))
    say(state(together))
    say(await ends(together))
    say("in the same turn")
    await passes(1)


@scenario
async def gather_of_an_eager_failure_is_done_at_once():
    turns(1)
    other = asyncio.create_task(steps("b", 1))
    together = asyncio.gather(eager(failing("a", 0, errno.EPIPE)), other)
    say(state(together))
    say(await ends(together))
    say(state(other))
    await other


@scenario(mended=((3, 13, 2), "gh-128588"))
async def a_failing_eager_child_of_a_group_aborts_a_turn_later():
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)

    async def body():
        async with asyncio.TaskGroup() as group:
            group.create_task(failing("a", 0, errno.EPIPE))
            say("body goes on")
            group.create_task(sleeper("b", 9))
            say(f"first await: {await ends(asyncio.sleep(0))}")
            say(f"second await: {await ends(asyncio.sleep(0))}")
    say(await ends(body()))
    say(f"cancelling {asyncio.current_task().cancelling()}")


@scenario(mended=((3, 13, 2), "gh-128588"))
async def an_eager_task_in_a_group_that_never_suspends():
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    turns(3)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(quick(4))
        say(state(task))
    say(f"left with {tries(task.result)}")
    await passes(1)


@scenario
async def an_eager_step_has_its_own_context():
    var = contextvars.ContextVar("var", default=1)

    async def body():
        say(f"inside {var.get()}")
        var.set(3)
        await asyncio.sleep(0)
        say(f"later {var.get()}")
    var.set(2)
    task = eager(body())
    say(f"outside {var.get()}")
    var.set(4)
    await task
    say(f"outside {var.get()}")


@scenario
async def an_eager_step_in_a_given_context():
    var = contextvars.ContextVar("var", default=1)
    context = contextvars.copy_context()

    async def body():
        var.set(var.get() + 1)
        await asyncio.sleep(0)
        var.set(var.get() + 1)
    task = eager(body(), context=context)
    say(f"given {context[var]}, outside {var.get()}")
    await task
    say(f"given {context[var]}, outside {var.get()}")


@scenario
def not_eager_before_the_loop_runs():
    loop = Loop()
    task = asyncio.Task(steps("a", 1, 5), loop=loop, eager_start=True)
    say(f"created: {state(task)}")
    say(name(loop.run_until_complete(task)))
    loop.close()


@scenario
async def waiting_for_an_eager_child_that_is_done():
    async def parent():
        child = eager(quick(4))
        return await child + 1
    turns(1)
    task = eager(parent())
    say(f"{state(task)} {await ends(task)}")
    await passes(1)


@scenario
async def an_eager_task_waits_for_a_future_of_its_creator():
    future = asyncio.get_running_loop().create_future()
    task = eager(waiter("a", future))
    future.set_result(3)
    say("set")
    say(await ends(task))


@scenario
async def an_eager_task_from_a_callback():
    seen = []

    async def body():
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        say("later")

    def callback():
        seen.append(eager(body()))
        say(f"inside {yes(seen[0] is seen[1])}, after {yes(asyncio.current_task() is None)}")
    asyncio.get_running_loop().call_soon(callback)
    await passes(2)
    await seen[1]


@scenario
async def an_eager_task_that_cancels_a_sibling():
    sibling = asyncio.create_task(sleeper("sibling", 9))
    await passes(1)

    async def body():
        say(f"cancel {yes(sibling.cancel())}")
        return await ends(sibling)
    task = eager(body())
    say(f"created: {state(task)}")
    say(await ends(task))
