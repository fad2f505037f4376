# SPDX-License-Identifier: MIT
"""What every scenario stands on: a virtual clock, the trace, one spelling for every outcome.

A scenario is one name with a Python and a C body that print the same lines. Lines are events in
order: who ran, what it got, how often the loop turned. Time appears only as multiples of T on a
clock that jumps: when the loop would sleep and no thread is at work, the clock moves to the next
timer at once. Nothing else of the loop is changed, _run_once is CPython's own.

What CPython itself leaves open must not reach a trace: the order of equal deadlines, of the
children a TaskGroup cancels (a set), of the tasks that asyncio.run cancels at the end (a set).
"""

import asyncio
import errno
import gc
import inspect
import selectors
import sys
import threading

T = 1.0                                 # one tick of the virtual clock

SCENARIOS = {}                          # topic -> {name: Scenario}
lines = []                              # the trace of the running scenario
over = False                            # its main coroutine has ended: nobody counts turns any more


class Scenario:
    def __init__(self, body, python314, mended):
        self.body = body
        self.name = body.__name__
        self.python314 = python314      # what 3.14 does otherwise, or None
        self.mended = mended            # (version, issue) from which on CPython plays it, or None

    def bug_here(self):
        """Why this interpreter cannot play it, or None."""
        if not self.mended or sys.version_info[:3] >= self.mended[0]:
            return None
        return "a bug of CPython before {}.{}.{}: {}".format(*self.mended[0], self.mended[1])


def scenario(body=None, *, python314=None, mended=None):
    """Registers a body under its name; python314= says where Python 3.14 differs and why, mended=
    from which version on, and by which issue, CPython does what is written."""
    def register(body):
        topic = body.__module__.removeprefix("scenarios_")
        of_topic = SCENARIOS.setdefault(topic, {})
        assert body.__name__ not in of_topic, f"two scenarios named {body.__name__}"
        of_topic[body.__name__] = Scenario(body, python314, mended)
        return body
    return register(body) if body else register


# ---- the trace ---------------------------------------------------------------------------------

def say(line):
    lines.append(str(line))


def yes(condition):
    return "yes" if condition else "no"


def name(outcome):
    """One spelling for a result or an exception, the same in both languages."""
    if outcome is None:
        return "0"
    if isinstance(outcome, BaseExceptionGroup):
        return "ExceptionGroup[" + ", ".join(name(e) for e in outcome.exceptions) + "]"
    if isinstance(outcome, OSError) and outcome.errno:
        return errno.errorcode[outcome.errno]
    if isinstance(outcome, BaseException):
        return type(outcome).__name__
    if isinstance(outcome, bool):
        return yes(outcome)
    if isinstance(outcome, list):
        return "[" + ", ".join(name(o) for o in outcome) + "]"
    return str(outcome)


def error(code):
    """A failure of a scenario's own: a system error, since that is what C has too."""
    return OSError(code, "scenario")


def state(future):
    """The state, read without touching the result."""
    if not future.done():
        return "pending"
    return "cancelled" if future.cancelled() else "finished"


async def ends(awaitable):
    """Awaits in place (no task, no turn of its own) and names how that ended."""
    try:
        return name(await awaitable)
    except (Exception, asyncio.CancelledError) as e:
        return name(e)


def tries(function, *args):
    """Calls and names the result or the exception."""
    try:
        return name(function(*args))
    except (Exception, asyncio.CancelledError, KeyboardInterrupt) as e:
        return name(e)


# ---- coroutines that many scenarios share ------------------------------------------------------

async def steps(who, n, result=0):
    """n steps, a bare yield after each."""
    for i in range(1, n + 1):
        say(f"{who} {i}")
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            say(f"{who} cancelled")
            raise
    say(f"{who} ends")
    return result


async def sleeper(who, ticks, result=0):
    """Sleeps, and says so when it is cancelled."""
    say(f"{who} sleeps")
    try:
        await asyncio.sleep(ticks * T)
    except asyncio.CancelledError:
        say(f"{who} cancelled")
        raise
    say(f"{who} wakes")
    return result


async def failing(who, n, code):
    """Fails after n bare yields."""
    for _ in range(n):
        await asyncio.sleep(0)
    say(f"{who} raises {errno.errorcode[code]}")
    raise error(code)


async def late_failing(who, ticks, code):
    """Fails after so many ticks."""
    await asyncio.sleep(ticks * T)
    say(f"{who} raises {errno.errorcode[code]}")
    raise error(code)


async def stubborn(who, n, result):
    """Waits for ever, swallows n cancellations, then returns."""
    say(f"{who} waits")
    for i in range(1, n + 1):
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            say(f"{who} swallows {i}")
    return result


async def cleaning(who, n):
    """Waits for ever; when cancelled takes n turns to clean up, then ends cancelled."""
    say(f"{who} waits")
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        say(f"{who} cleans")
        for _ in range(n):
            await asyncio.sleep(0)
        say(f"{who} is clean")
        raise


async def breaking(who, n, code):
    """Waits for ever; when cancelled takes n turns, then fails with an error of its own."""
    say(f"{who} waits")
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        for _ in range(n):
            await asyncio.sleep(0)
        say(f"{who} raises {errno.errorcode[code]}")
        raise error(code)


async def waiter(who, future):
    """Awaits a future and says what came."""
    say(f"{who} waits")
    try:
        result = await future
    except (Exception, asyncio.CancelledError) as e:
        say(f"{who} got {name(e)}")
        raise
    say(f"{who} got {name(result)}")
    return result


async def quick(result):
    """Returns without ever suspending."""
    return result


async def passes(n):
    """Lets n turns go by."""
    for _ in range(n):
        await asyncio.sleep(0)


def turns(n):
    """Counts the loop's turns in the trace: says "turn 1" to "turn n", one in each turn."""
    loop = asyncio.get_running_loop()

    def turn(i):
        if over:
            return
        say(f"turn {i}")
        if i < n:
            loop.call_soon(turn, i + 1)
    loop.call_soon(turn, 1)


def block(ticks):
    """Work that blocks the loop for so long."""
    asyncio.get_running_loop().clock.now += ticks * T


def at():
    """The virtual time since the loop was made, in ticks."""
    return f"t={asyncio.get_running_loop().time() / T:g}"


# ---- the loop ----------------------------------------------------------------------------------

class JumpingSelector(selectors.DefaultSelector):
    now = 0.0
    held = 0                            # threads at work that will wake the loop: wait for them

    def select(self, timeout=None):
        if self.held and timeout != 0:
            return super().select(30)
        if timeout is None:             # only a signal, or an end that never comes
            events = super().select(5)
            if not events:
                raise AssertionError("this scenario waits for ever")
            return events
        events = super().select(0)
        if not events and timeout > 0:
            self.now += timeout
        return events


class Loop(asyncio.SelectorEventLoop):
    """CPython's loop on a clock that jumps; what reaches the exception handler is traced."""

    def __init__(self):
        self.clock = JumpingSelector()
        super().__init__(self.clock)
        self.set_exception_handler(lambda loop, context: say(handled(context)))

    def time(self):
        return self.clock.now

    def hold(self):
        self.clock.held += 1

    def release(self):
        self.clock.held -= 1

    def run_in_executor(self, executor, function, *args):
        self.hold()
        future = super().run_in_executor(executor, function, *args)
        future.add_done_callback(lambda _: self.release())
        return future

    async def shutdown_default_executor(self, timeout=None):
        self.hold()
        try:
            await super().shutdown_default_executor(timeout)
        finally:
            self.release()


def handled(context):
    message = context["message"].split(" in callback")[0].removeprefix("_Gathering")
    if message.endswith(" exception in shielded future"):
        message = message.split(" ", 1)[1]      # the class says the same as the exception
    what = context.get("exception")
    return f"handler: {message}" + (f": {name(what)}" if what else "")


def drop():
    """What nobody holds any more is gone when this returns."""
    gc.collect()


def run(coroutine, **options):
    """asyncio.run on a loop of ours."""
    return asyncio.run(coroutine, loop_factory=Loop, **options)


async def main_of(scenario):
    global over
    try:
        return await scenario.body()
    finally:
        over = True


def play(scenario):
    """Runs one scenario and returns its trace."""
    global over
    over = False
    lines.clear()
    try:
        if inspect.iscoroutinefunction(scenario.body):
            outcome = run(main_of(scenario))
        else:
            outcome = scenario.body()
    except (Exception, asyncio.CancelledError, KeyboardInterrupt) as e:
        outcome = e
        e.__traceback__ = None
    say("= " + name(outcome))
    outcome = None
    trace = list(lines)
    drop()
    if lines != trace:
        raise AssertionError(f"{scenario.name}: said after its end: {lines[len(trace):]}")
    if threading.active_count() > 1:
        raise AssertionError(f"{scenario.name}: left a thread behind")
    return trace
