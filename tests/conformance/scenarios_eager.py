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


# ---- by the loop's factory ----

def make_eager(factory=asyncio.eager_task_factory):
    asyncio.get_running_loop().set_task_factory(factory)


@scenario
async def the_eager_factory_is_a_factory():
    loop = asyncio.get_running_loop()
    make_eager()
    say(yes(loop.get_task_factory() is asyncio.eager_task_factory))
    task = asyncio.create_task(steps("a", 0, 5))
    say(f"created: {state(task)}")
    loop.set_task_factory(None)
    task = asyncio.create_task(steps("b", 0, 6))
    say(f"created: {state(task)}")
    say(await ends(task))


@scenario
async def by_the_factory_one_that_suspends():
    make_eager()
    turns(4)
    task = asyncio.create_task(steps("a", 2, 5))
    say(f"created: {state(task)}")
    say(await ends(task))


@scenario
async def the_factory_keeps_name_and_context():
    var = contextvars.ContextVar("var", default=1)
    context = contextvars.copy_context()
    make_eager()

    async def body():
        say(f"sees {var.get()}")
        var.set(7)
    task = asyncio.create_task(body(), name="worker", context=context)
    say(f"{task.get_name()} {state(task)}")
    await task
    say(f"given {context[var]}, outside {var.get()}")


@scenario
def run_until_complete_with_an_eager_factory():
    loop = Loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    task = loop.create_task(steps("a", 0, 5))
    say(f"created: {state(task)}")
    say(name(loop.run_until_complete(task)))
    say(name(loop.run_until_complete(steps("b", 1, 6))))
    loop.close()


@scenario
async def gather_makes_its_tasks_eagerly():
    make_eager()
    turns(2)
    say(await ends(asyncio.gather(steps("a", 0, 1), steps("b", 0, 2))))
    say("in the same turn")
    say(await ends(asyncio.gather(steps("c", 1, 3), steps("d", 0, 4))))


@scenario
async def gather_of_an_eager_coroutine_that_fails_runs_the_others():
    make_eager()
    turns(2)
    say(await ends(asyncio.gather(failing("a", 0, errno.EPIPE), steps("b", 0, 2))))
    say("in the same turn")


@scenario
async def no_time_to_wait_for_an_eager_coroutine():
    make_eager()
    say(await ends(asyncio.wait_for(steps("a", 0, 5), 0)))
    say(await ends(asyncio.wait_for(steps("b", 1, 5), 0)))


@scenario
async def shield_of_an_eager_coroutine():
    make_eager()
    turns(2)
    say(await ends(asyncio.shield(steps("a", 0, 5))))
    say("in the same turn")
    say(await ends(asyncio.shield(steps("b", 1, 6))))


@scenario
async def ensure_future_of_an_eager_coroutine():
    make_eager()
    future = asyncio.ensure_future(steps("a", 0, 5))
    say(f"{state(future)} {await ends(future)}")


@scenario
async def eager_children_of_eager_children():
    make_eager()

    async def nested(depth):
        say(f"begins {depth}")
        result = await asyncio.create_task(nested(depth - 1)) if depth else 0
        await asyncio.sleep(0)
        say(f"ends {depth}")
        return result + depth
    turns(6)
    task = asyncio.create_task(nested(3))
    say(f"created: {state(task)}")
    say(await ends(task))


@scenario
async def a_factory_of_ones_own_constructor():
    def constructor(coro, *, loop, **options):
        say(f"constructs eagerly: {yes(options.pop('eager_start'))}")
        return asyncio.Task(coro, loop=loop, eager_start=True, **options)
    make_eager(asyncio.create_eager_task_factory(constructor))
    task = asyncio.create_task(steps("a", 0, 5), name="worker")
    say(f"{task.get_name()} {state(task)}")
    say(await ends(asyncio.gather(steps("b", 1, 6), task)))
    make_eager(None)


@scenario
async def a_constructor_that_makes_lazy_tasks():
    def constructor(coro, *, loop, eager_start, **options):
        return asyncio.Task(coro, loop=loop, **options)
    make_eager(asyncio.create_eager_task_factory(constructor))
    task = asyncio.create_task(steps("a", 0, 5))
    say(f"created: {state(task)}")
    say(await ends(task))


@scenario
async def a_constructor_that_fails():
    def constructor(coro, **options):
        coro.close()
        raise error(errno.EMFILE)
    make_eager(asyncio.create_eager_task_factory(constructor))
    coro = steps("a", 0, 5)
    say(tries(asyncio.create_task, coro))
    say("goes on")
    make_eager(None)


@scenario
async def a_deadline_reaches_an_eager_child():
    make_eager()

    async def body():
        async with asyncio.timeout(1 * T):
            await asyncio.create_task(sleeper("a", 9))
    say(await ends(body()))


@scenario
async def eager_tasks_of_a_group_add_siblings():
    make_eager()
    turns(4)
    async with asyncio.TaskGroup() as group:
        async def child():
            say("child")
            group.create_task(steps("sibling", 1))
            say("child ends")
        group.create_task(child())
        say("body ends")
    say("left")


@scenario
async def waiting_for_eager_tasks_that_are_done():
    make_eager()
    turns(3)
    tasks = [asyncio.create_task(quick(1)), asyncio.create_task(steps("b", 9))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    say(f"{len(done)} done, {len(pending)} pending, first {yes(tasks[0] in done)}")
    tasks[1].cancel()
    say(await ends(tasks[1]))


@scenario
async def as_completed_of_eager_coroutines():
    make_eager()
    for next_one in asyncio.as_completed([steps("a", 0, 1)]):
        say(await ends(next_one))
    for next_one in asyncio.as_completed([steps("b", 2, 2)]):
        say(await ends(next_one))


@scenario
async def a_callback_makes_an_eager_task():
    make_eager()
    loop = asyncio.get_running_loop()
    made = []

    def callback():
        made.append(loop.create_task(steps("a", 1, 5)))
        say(f"callback goes on, current {yes(asyncio.current_task() is not None)}")
    loop.call_soon(callback)
    loop.call_soon(say, "behind")
    await passes(1)
    say(await ends(made[0]))
