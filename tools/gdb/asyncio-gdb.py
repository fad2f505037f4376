# SPDX-License-Identifier: MIT
"""gdb looks into the loops and tasks of a program that uses libasyncio: alive or a core file, with or without debug information.

    asyncio tasks          the loops and their tasks: name, state, what each waits for
    asyncio bt TASK...     the stack of suspended tasks: a task by its name or address; `all` for all of them
    asyncio switch TASK    shows the program as that task sees it (bt, up, info locals), until it runs on;
                           `asyncio switch` alone returns

`make install PREFIX=/usr/local` puts it into /usr/local/share/libasyncio: `source /usr/local/share/libasyncio/asyncio-gdb.py`, or
that line in ~/.gdbinit. With PREFIX=/usr gdb finds it by itself.

Core files are to be the kernel's: gdb's own generate-core-file (and gcore) leave out a megabyte around each guard page, and
with it the stacks.

How: the library exports a table of offsets, asyncio__debug (asyncio/task/debug.h). A suspended task's callee-saved registers
lie at its `sp` (asyncio/coro/switch_*.S); an unwinder of ours gives them to gdb as those of the caller of the newest frame,
whose place the task's stack then takes. No register and no byte of the program is changed.
"""
import re
import struct

import gdb
import gdb.unwinder

VERSIONS = (1,)
# Where the registers of a suspended flow lie, from its sp; how far its stack pointer is above; names of pc and sp.
MACHINES = {
    "x86-64": ({"rip": 64, "rbp": 56, "rbx": 48, "r12": 40, "r13": 32, "r14": 24, "r15": 16}, 200, "rip", "rsp"),
    "aarch64": (dict({"pc": 8, "x29": 0}, **{f"x{19 + i}": 16 + 8 * i for i in range(10)}), 112, "pc", "sp"),
}
FIELDS = ("loop_all loop_tasks loop_running loop_thread task_all task_flags task_extra task_number "
          "task_waiting task_step_link task_sp task_fn task_type future_type future_state future_is future_type_name "
          "future_type_flags extra_name coroutine_type_name flag_started flag_foreign flag_real "
          "flag_is_task task_prepared task_scopes scope_outer scope_type scope_type_awaits future_type_awaits "
          "flag_name_on_stack name_on_stack").split()


def machine():
    name = gdb.selected_inferior().architecture().name()
    for key, value in MACHINES.items():
        if key in name:
            return value
    raise gdb.GdbError(f"asyncio: not on {name}")


def read(address, form):
    return struct.unpack("<" + form, gdb.selected_inferior().read_memory(address, struct.calcsize(form)).tobytes())[0]


def pointer(address):
    return read(address, "Q")


def text_at(address):
    """The text that a pointer in the program points to."""
    return gdb.Value(address).cast(gdb.lookup_type("char").pointer()).string(errors="replace")


def function_name(address):
    found = re.match(r"(\S+)", gdb.execute(f"info symbol {address:#x}", to_string=True))
    return found.group(1) if found and not found.group(1).startswith("No") else f"{address:#x}"


class Layout:
    def __init__(self):
        try:
            at = int(gdb.parse_and_eval("(unsigned long)&asyncio__debug"))
            magic = gdb.selected_inferior().read_memory(at, 8).tobytes()
        except gdb.error as error:
            raise gdb.GdbError(f"asyncio: no libasyncio in this program: {error}") from None
        version, size = read(at + 8, "I"), read(at + 12, "I")
        if magic != b"asyncio\0" or version not in VERSIONS or size < 24 + 4 * len(FIELDS):
            raise gdb.GdbError(f"asyncio: this script does not know version {version} of libasyncio's table")
        self.loops = pointer(at + 16)
        for i, name in enumerate(FIELDS):
            setattr(self, name, read(at + 24 + 4 * i, "I"))

    def members(self, head, offset):
        """The objects of a list whose node is at `offset`."""
        at = pointer(head)
        while at and at != head:
            yield at - offset
            at = pointer(at)

    def all_loops(self):
        return [Loop(self, at) for at in self.members(self.loops, self.loop_all)]

    def all_tasks(self):
        return [task for loop in self.all_loops() for task in loop.tasks()]


class Loop:
    def __init__(self, layout, at):
        self.layout, self.at = layout, at

    def tasks(self):
        layout = self.layout
        return [Task(layout, at) for at in layout.members(self.at + layout.loop_tasks, layout.task_all)]

    def thread(self):
        """The gdb thread that runs it, or None."""
        wanted = pointer(self.at + self.layout.loop_thread)
        for thread in gdb.selected_inferior().threads():
            try:
                if int.from_bytes(thread.handle(), "little") == wanted:
                    return thread
            except (gdb.error, NotImplementedError, AttributeError):
                pass
        return None

    def describe(self):
        if not read(self.at + self.layout.loop_running, "B"):
            return f"Loop {self.at:#x}, not running"
        thread = self.thread()
        return f"Loop {self.at:#x}, running" + (f" in thread {thread.num}" if thread else "")


class Task:
    def __init__(self, layout, at):
        self.layout, self.at = layout, at
        self.flags = read(at + layout.task_flags, "H")
        self.started = bool(self.flags & layout.flag_started)
        self.foreign = bool(self.flags & layout.flag_foreign)
        self.waiting = pointer(at + layout.task_waiting)

    def name(self):
        extra = pointer(self.at + self.layout.task_extra)
        name = pointer(extra + self.layout.extra_name) if extra else 0
        if not name and self.flags & self.layout.flag_name_on_stack:
            name = pointer(self.at + self.layout.task_prepared) + self.layout.name_on_stack
        return text_at(name) if name else "Task-%d" % read(self.at + self.layout.task_number, "I")

    def waits_for(self):
        layout = self.layout
        kind = pointer(self.waiting)
        what = text_at(pointer(kind + layout.future_type_name))
        if not read(kind + layout.future_type_flags, "I") & layout.flag_real:
            return f"waits for {what}"
        if read(self.waiting + layout.future_state, "B"):
            return f"ready: {what} {self.waiting:#x} is done"
        if read(self.waiting + layout.future_is, "B") & layout.flag_is_task:
            return f"waits for task '{Task(layout, self.waiting).name()}'"
        return f"waits for {what} {self.waiting:#x}"

    def state(self):
        if not self.started:
            return "not started"
        if self.waiting:
            return self.waits_for()
        link = self.at + self.layout.task_step_link
        return "running" if pointer(link) == link else "ready"

    def suspended(self):
        return self.started and not self.foreign and self.state() != "running"

    def function(self):
        kind = pointer(self.at + self.layout.task_type)
        if self.foreign:
            return text_at(pointer(kind + self.layout.coroutine_type_name))
        return function_name(pointer(self.at + self.layout.task_fn))


def find(words):
    """The tasks that are named so, or lie there."""
    layout = Layout()
    tasks = layout.all_tasks()
    if words == "all":
        return tasks
    found = [t for t in tasks if t.name() == words]
    if not found:
        try:
            at = int(gdb.parse_and_eval(words))
            found = [t for t in tasks if t.at == at]
        except gdb.error:
            pass
    if not found:
        raise gdb.GdbError(f"asyncio: no task '{words}'; `asyncio tasks` lists them")
    return found


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class TaskUnwinder(gdb.unwinder.Unwinder):
    """Lets the newest frame of the thread have been called from where a task waits."""

    def __init__(self):
        super().__init__("asyncio")
        self.sp = None

    def show(self, sp):
        frame, (_, _, pc_name, sp_name) = gdb.newest_frame(), machine()
        self.thread = gdb.selected_thread().ptid
        self.newest = int(frame.read_register(pc_name)), int(frame.read_register(sp_name))
        self.sp = sp
        gdb.invalidate_cached_frames()

    def hide(self, *_):
        if self.sp is not None:
            self.sp = None
            gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.sp is None or gdb.selected_thread() is None or gdb.selected_thread().ptid != self.thread:
            return None
        registers, above, pc_name, sp_name = machine()
        word = gdb.lookup_type("unsigned long")
        pc, sp = (int(pending.read_register(name).cast(word)) for name in (pc_name, sp_name))
        if (pc, sp) != self.newest:
            return None
        info = pending.create_unwind_info(FrameId(gdb.Value(self.sp).cast(word), gdb.Value(pc).cast(word)))
        for name, offset in registers.items():
            info.add_saved_register(name, gdb.Value(pointer(self.sp + offset)).cast(word))
        info.add_saved_register(sp_name, gdb.Value(self.sp + above).cast(word))
        return info


UNWINDER = TaskUnwinder()


def newest_is_shown():
    """The unwinder speaks for the newest frame of the thread: that one must be selected."""
    if gdb.selected_thread() is None:
        raise gdb.GdbError("asyncio: the program does not run, and is no core file")
    UNWINDER.hide()
    gdb.newest_frame().select()


def backtrace(task):
    """gdb's own backtrace of the task, without the thread's newest frame."""
    newest_is_shown()
    UNWINDER.show(pointer(task.at + task.layout.task_sp))
    try:
        text = gdb.execute("backtrace", to_string=True)
    finally:
        newest_is_shown()
    frames = re.split(r"^(?=#\d)", text, flags=re.M)[2:]
    return "".join(re.sub(r"^#(\d+)( ?)", lambda m: "#%-3d" % (int(m.group(1)) - 1), frame) for frame in frames)


class Prefix(gdb.Command):
    """Looks into the loops and tasks of libasyncio."""

    def __init__(self):
        super().__init__("asyncio", gdb.COMMAND_STACK, gdb.COMPLETE_COMMAND, True)


class Tasks(gdb.Command):
    """Lists all loops and their tasks: name, state, what each waits for, its function and address."""

    def __init__(self):
        super().__init__("asyncio tasks", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        for loop in Layout().all_loops():
            tasks = loop.tasks()
            print(f"{loop.describe()}, {len(tasks)} task{'' if len(tasks) == 1 else 's'}")
            rows = [(t.name(), t.state(), t.function(), f"{t.at:#x}") for t in tasks]
            widths = [max(len(row[i]) for row in rows) for i in range(3)] if rows else []
            for row in rows:
                print("  " + "  ".join([cell.ljust(w) for cell, w in zip(row, widths)] + [row[3]]))


class Backtrace(gdb.Command):
    """The stack of a suspended task: asyncio bt NAME, ADDRESS, or `all`."""

    def __init__(self):
        super().__init__("asyncio bt", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        if not argument:
            raise gdb.GdbError("asyncio: the stack of which task? `asyncio tasks` lists them")
        for task in find(argument):
            print(f"Task '{task.name()}', {task.state()}")
            if task.suspended():
                print(backtrace(task), end="")
            elif task.started and not task.foreign:
                print("  its frames are those of the thread that runs it: thread apply all bt")
            else:
                print(f"  {task.function()}")


class Switch(gdb.Command):
    """Shows the program as a suspended task sees it: bt, up, info locals. Without a task, as it is."""

    def __init__(self):
        super().__init__("asyncio switch", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        newest_is_shown()
        if not argument:
            return
        task = find(argument)[0]
        if not task.suspended():
            raise gdb.GdbError(f"asyncio: task '{task.name()}': {task.state()}; it is not suspended")
        UNWINDER.show(pointer(task.at + task.layout.task_sp))
        gdb.execute("up")


def install():
    gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)
    gdb.events.cont.connect(UNWINDER.hide)
    gdb.events.exited.connect(UNWINDER.hide)
    for command in (Prefix, Tasks, Backtrace, Switch):
        command()


install()
