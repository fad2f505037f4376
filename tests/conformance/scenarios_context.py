# SPDX-License-Identifier: MIT
"""Context variables: who sees what was set, and where a callback looks."""

import asyncio
import contextvars

from support import *

var = contextvars.ContextVar("var", default=0)
other = contextvars.ContextVar("other")


@scenario
async def a_task_works_on_a_copy():
    var.set(1)

    async def child():
        say(f"child sees {var.get()}")
        var.set(2)
        await asyncio.sleep(0)
        say(f"child still sees {var.get()}")
    task = asyncio.create_task(child())
    var.set(3)
    await passes(1)
    say(f"main sees {var.get()}")
    var.set(4)
    await task
    say(f"main sees {var.get()}")


@scenario
async def the_copy_is_made_when_the_task_is_made():
    async def child():
        say(f"child sees {var.get()}")
    var.set(1)
    first = asyncio.create_task(child())
    var.set(2)
    second = asyncio.create_task(child())
    var.set(3)
    await first
    await second


@scenario
async def a_coroutine_awaited_in_place_shares_the_context():
    async def inline():
        say(f"inline sees {var.get()}")
        var.set(2)
    var.set(1)
    await inline()
    say(f"main sees {var.get()}")


@scenario
async def a_task_in_a_given_context_shares_it():
    context = contextvars.copy_context()

    async def child(value):
        say(f"child sees {var.get()}")
        var.set(value)
    var.set(1)
    await asyncio.create_task(child(5), context=context)
    say(f"main sees {var.get()}, the context has {context.get(var)}")
    await asyncio.create_task(child(6), context=context)
    say(f"the context has {context.get(var)}")


@scenario
async def call_soon_keeps_the_context_of_the_call():
    loop = asyncio.get_running_loop()
    var.set(1)
    loop.call_soon(lambda: say(f"first sees {var.get()}"))
    var.set(2)
    loop.call_soon(lambda: say(f"second sees {var.get()}"))
    loop.call_later(0, lambda: say(f"timer sees {var.get()}"))
    loop.call_soon_threadsafe(lambda: say(f"threadsafe sees {var.get()}"))
    var.set(3)
    await passes(2)


@scenario
async def what_a_callback_sets_stays_with_it():
    loop = asyncio.get_running_loop()

    def callback():
        var.set(9)
        loop.call_soon(lambda: say(f"its own callback sees {var.get()}"))
    var.set(1)
    loop.call_soon(callback)
    loop.call_soon(lambda: say(f"another callback sees {var.get()}"))
    await passes(2)
    say(f"main sees {var.get()}")


@scenario
async def a_callback_in_a_given_context():
    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()

    def callback():
        say(f"callback sees {var.get()}")
        var.set(var.get() + 1)
    var.set(5)
    loop.call_soon(callback, context=context)
    loop.call_soon(callback, context=context)
    await passes(1)
    say(f"main sees {var.get()}, the context has {context.get(var)}")


@scenario
async def a_done_callback_has_the_context_it_was_added_in():
    future = asyncio.get_running_loop().create_future()
    var.set(1)
    future.add_done_callback(lambda f: say(f"first sees {var.get()}"))
    var.set(2)
    future.add_done_callback(lambda f: say(f"second sees {var.get()}"))
    var.set(3)

    async def setter():
        var.set(4)
        future.set_result(0)
    await asyncio.create_task(setter())
    future.add_done_callback(lambda f: say(f"late sees {var.get()}"))
    var.set(5)
    await passes(1)


@scenario
async def no_value_and_no_default():
    say(tries(other.get))
    say(var.get())
    token = other.set(1)
    say(other.get())
    other.reset(token)
    say(tries(other.get))


@scenario
async def tokens_put_back_what_was():
    first = var.set(1)
    second = var.set(2)
    say(var.get())
    var.reset(second)
    say(var.get())
    var.reset(first)
    say(var.get())


@scenario
async def tokens_in_the_wrong_order():
    first = var.set(1)
    second = var.set(2)
    var.reset(first)
    say(var.get())
    var.reset(second)
    say(var.get())


@scenario
async def a_token_of_another_context():
    tokens = []

    async def child():
        tokens.append(var.set(1))
    await asyncio.create_task(child())
    say(tries(var.reset, tokens[0]))
    say(f"of another variable: {tries(other.reset, var.set(2))}")


@scenario
async def context_run():
    context = contextvars.copy_context()

    def inside():
        say(f"inside sees {var.get()}")
        var.set(7)
        return 3
    var.set(1)
    say(name(context.run(inside)))
    say(f"main sees {var.get()}, the context has {context.get(var)}")
    context.run(inside)


@scenario
async def a_context_is_entered_once_at_a_time():
    context = contextvars.copy_context()
    say(context.run(lambda: tries(context.run, lambda: 1)))
    say(name(context.run(lambda: 2)))


@scenario
async def copies_are_independent():
    var.set(1)
    copy = contextvars.copy_context()
    var.set(2)
    copy_of_copy = copy.copy()
    copy.run(var.set, 3)
    say(f"main {var.get()}, copy {copy.get(var)}, its copy {copy_of_copy.get(var)}")
    empty = contextvars.Context()
    say(f"empty: {'nothing' if empty.get(var) is None else 'something'}, {empty.run(var.get)}")


@scenario
async def gather_gives_each_coroutine_its_copy():
    async def child(n):
        say(f"child {n} sees {var.get()}")
        var.set(n)
        await asyncio.sleep(0)
        say(f"child {n} sees {var.get()}")
    var.set(9)
    await asyncio.gather(child(1), child(2))
    say(f"main sees {var.get()}")


@scenario
async def wait_for_keeps_the_callers_context():
    async def inside():
        var.set(2)
    var.set(1)
    await asyncio.wait_for(inside(), 5 * T)
    say(f"main sees {var.get()}")


@scenario
async def shield_makes_a_copy():
    async def inside():
        say(f"inside sees {var.get()}")
        var.set(2)
    var.set(1)
    await asyncio.shield(inside())
    say(f"main sees {var.get()}")


@scenario
async def to_thread_takes_a_copy_along():
    def inside():
        seen = var.get()
        var.set(2)
        return seen
    var.set(1)
    say(f"the thread sees {await asyncio.to_thread(inside)}")
    say(f"main sees {var.get()}")


@scenario
async def a_group_gives_each_child_its_copy():
    async def child(n):
        say(f"child {n} sees {var.get()}")
        var.set(n)
    var.set(9)
    async with asyncio.TaskGroup() as group:
        group.create_task(child(1))
        var.set(8)
        group.create_task(child(2))
    say(f"main sees {var.get()}")


@scenario
async def a_grandchild_sees_what_the_child_had_set():
    async def grandchild():
        say(f"grandchild sees {var.get()}")

    async def child():
        var.set(2)
        task = asyncio.create_task(grandchild())
        var.set(3)
        await task
    var.set(1)
    await asyncio.create_task(child())


@scenario
def the_runs_of_a_runner_share_a_context():
    async def setter():
        say(f"sees {var.get()}")
        var.set(var.get() + 1)
    var.set(1)
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(setter())
        runner.run(setter())
        mine = contextvars.copy_context()
        mine.run(var.set, 7)
        runner.run(setter(), context=mine)
        runner.run(setter())
    say(f"outside sees {var.get()}, mine has {mine.get(var)}")
    var.set(0)


@scenario
async def the_task_knows_its_context():
    context = contextvars.copy_context()
    context.run(var.set, 4)
    task = asyncio.create_task(quick(0), context=context)
    say(f"the given one: {yes(task.get_context() is context)}")
    await task
    plain = asyncio.create_task(quick(0))
    say(f"a copy: {yes(plain.get_context() is not context)}, {plain.get_context().run(var.get)}")
    await plain
