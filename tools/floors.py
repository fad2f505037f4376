#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the tree to the table of floors in ARCHITECTURE.md.

    floors.py                      includes and system calls of the sources
    floors.py --symbols ARCHIVE    what the object files of the static library really need from one another
    floors.py --self-test          proves that it can fail

Fails on an include or a symbol that goes up or sideways, on a folder without a row, on a circle among public headers, on
the umbrella header inside the library, and on a system call for I/O on a floor whose row does not allow it.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBRARIES = ("asyncio", "aiohttp")

IO_CALLS = """
    read readv pread preadv pread64 write writev pwrite pwritev pwrite64 recv recvfrom recvmsg recvmmsg send sendto sendmsg
    sendmmsg sendfile splice tee accept accept4 connect socket socketpair bind listen shutdown getsockopt setsockopt
    getsockname getpeername poll ppoll select pselect epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
    epoll_pwait2 open openat creat close pipe pipe2 dup dup2 dup3 fcntl ioctl eventfd eventfd_read eventfd_write timerfd_create
    timerfd_settime signalfd inotify_init fsync fdatasync nanosleep clock_nanosleep sleep usleep syscall
    fopen fread fgets fscanf getline fdopen popen
""".split()
# syscall() with one of these is no I/O.
HARMLESS = re.compile(r"(?<![\w.>])syscall\s*\(\s*(?:SYS|__NR)_(?:gettid|tgkill|process_madvise|clock_gettime)\b")
IO_CALL = re.compile(r"(?<![\w.>])(?:" + "|".join(sorted(IO_CALLS, key=len, reverse=True)) + r"|io_uring_\w+)\s*\(")

# (path, call): why it is right there and nowhere else.
ALLOWED = {
    ("asyncio/coro/overflow.c", "write"): "the overflow handler: the stack is gone, write(2) is all that is left",
    ("asyncio/coro/guard.c", "syscall"): "pidfd_open of itself, for process_madvise: memory; libc has no name for it yet",
    ("asyncio/coro/guard.c", "open"): "reads vm.max_map_count, once, before any loop runs",
    ("asyncio/coro/guard.c", "read"): "reads vm.max_map_count, once, before any loop runs",
    ("asyncio/coro/guard.c", "close"): "of the above",
    ("aiohttp/web/static_open.c", "syscall"): "openat2: asyncio_open knows no directory that a name may not leave",
    ("aiohttp/web/static_open.c", "openat"): "the same, where there is no openat2",
    ("aiohttp/web/static_open.c", "close"): "of the above",
    ("aiohttp/web/static_open.c", "open"): "the root, once, before the server starts",
    ("aiohttp/web/listeners.c", "fcntl"): "duplicates: a supervisor's sockets outlive the loop that bound them, and it has none",
    ("aiohttp/web/listeners.c", "close"): "of the above",
    ("aiohttp/web/listeners.c", "dup2"): "in a child, before exec: where a successor looks for its sockets",
    ("aiohttp/web/listeners.c", "getsockopt"): "what a predecessor has handed on, before there is a loop",
    ("aiohttp/web/listeners.c", "getsockname"): "the supervisor's sockets, whose names it tells",
}


class Floors:
    """The table: number and right to I/O of each folder."""

    def __init__(self, text):
        self.level, self.may_do_io = {}, {}
        for row in re.finditer(r"^\| *(\d+) *\| *`([\w/]+?)/?` *\|.*\| *(yes|no) *\|$", text, re.M):
            number, folder, io = row.groups()
            self.level[folder] = int(number)
            self.may_do_io[folder] = io == "yes"
        if len(self.level) < 2:
            sys.exit("floors: no table of floors in ARCHITECTURE.md")

    def refuses(self, source, target):
        """Why `source` may not reach `target`; None when it may."""
        if source == target or self.level[target] < self.level[source]:
            return None
        way = "sideways" if self.level[target] == self.level[source] else "up"
        return f"goes {way}, from {source} (floor {self.level[source]}) to {target} (floor {self.level[target]})"


def bare(text):
    """The code without comments and the insides of strings; lines keep their numbers."""
    def blank(match):
        kept = re.sub(r"[^\n]", " ", match.group(0))
        return kept if match.group(0).startswith("/") else '"' + kept[1:-1] + '"'
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def check_includes(path, text, floors):
    folder = os.path.dirname(path)
    library = path.split("/")[0]
    for number, line in enumerate(text.splitlines(), 1):
        include = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not include:
            continue
        quoted, name = include.group(1) == '"', include.group(2)
        if name in ("asyncio.h", "aiohttp.h"):
            yield f"{path}:{number}: {name} is for users: it reaches every floor"
        elif quoted and "/" not in name:
            yield f"{path}:{number}: write it from the library's root: \"{folder[len(library) + 1:]}/{name}\""
        elif quoted:
            target = library + "/" + os.path.dirname(name)
            if target not in floors.level:
                yield f"{path}:{number}: {name}: {target} is no floor of ARCHITECTURE.md"
            elif floors.refuses(folder, target):
                yield f"{path}:{number}: {name} {floors.refuses(folder, target)}"


def check_calls(path, text, floors):
    if floors.may_do_io[os.path.dirname(path)]:
        return
    code = bare(text)
    own = set(re.findall(r"^static [\w *]*?\b(\w+)\(", code, re.M))   # a function of this file hides libc's
    for number, line in enumerate(code.splitlines(), 1):
        for call in IO_CALL.findall(HARMLESS.sub("", line)):
            name = call.rstrip("( \t")
            if name not in own and (path, name) not in ALLOWED:
                yield f"{path}:{number}: {name}(): system calls for I/O belong to backend/"


def check_source(path, text, floors):
    if os.path.dirname(path) not in floors.level:
        return [f"{path}: {os.path.dirname(path)} has no row in ARCHITECTURE.md"]
    return [*check_includes(path, text, floors), *check_calls(path, text, floors)]


def check_public(headers):
    """`headers`: text by name ("asyncio/loop.h"). A circle among them is an error."""
    edges = {name: re.findall(r'^\s*#\s*include\s+[<"]((?:asyncio|aiohttp)/[^>"]+)[>"]', text, re.M)
             for name, text in headers.items()}
    done, errors = set(), []

    def visit(name, way):
        if name in way:
            errors.append("include: a circle: " + " -> ".join(way[way.index(name):] + [name]))
        elif name not in done:
            for other in edges.get(name, ()):
                visit(other, way + [name])
            done.add(name)

    for name in edges:
        visit(name, [])
    return errors


def check_symbols(listing, floors):
    """`listing`: what nm -A -P says of the archive. Object names are the paths, with underscores: asyncio_base_alloc.c.o."""
    home, wanted, errors = {}, [], []
    by_length = sorted(floors.level, key=len, reverse=True)
    for line in listing.splitlines():
        place, _, rest = line.partition(": ")
        found = re.search(r"\[?([^\[\]/:]+\.o)\]?$", place)
        words = rest.split()
        if not found or len(words) < 2:
            continue
        folder = next((f for f in by_length if found.group(1).startswith(f.replace("/", "_") + "_")), None)
        if folder is None:
            errors.append(f"{found.group(1)}: on no floor")
        elif words[1] in "Uvw":
            wanted.append((folder, found.group(1), words[0]))
        elif words[1].isupper():
            home[words[0]] = folder
    for folder, item, symbol in wanted:
        if symbol in home and floors.refuses(folder, home[symbol]):
            errors.append(f"{item}: {symbol} {floors.refuses(folder, home[symbol])}")
    return errors, len(wanted)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def files_below(folder, endings):
    for at, _, names in sorted(os.walk(os.path.join(ROOT, folder))):
        for name in sorted(names):
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(at, name), ROOT)


def self_test():
    floors = Floors(read("ARCHITECTURE.md"))
    folder = {"low": "asyncio/base", "one": "asyncio/coro", "other": "asyncio/backend", "high": "asyncio/task"}
    assert floors.level[folder["low"]] < floors.level[folder["one"]] == floors.level[folder["other"]]

    def verdict(path, text):
        return len(check_source(path, text, floors))

    assert verdict("asyncio/task/x.c", '#include "task/y.h"\n#include "base/list.h"\n#include <asyncio/task.h>\n') == 0
    assert verdict("asyncio/base/x.c", '#include "task/task.h"\n') == 1, "an edge up was not seen"
    assert verdict("asyncio/coro/x.c", '#include "backend/op.h"\n') == 1, "an edge sideways was not seen"
    assert verdict("asyncio/task/x.c", '#include "nowhere/x.h"\n') == 1, "a folder without a row was not seen"
    assert verdict("asyncio/nowhere/x.c", "\n") == 1, "a file on no floor was not seen"
    assert verdict("asyncio/task/x.c", '#include "future.h"\n') == 1, "an include not from the root was not seen"
    assert verdict("asyncio/task/x.c", "#include <asyncio.h>\n") == 1, "the umbrella was not seen"
    assert verdict("asyncio/loop/x.c", "int f(void)\n{\n    return (int)read(0, b, 1);\n}\n") == 1, "read was not seen"
    assert verdict("asyncio/loop/x.c", "    io_uring_enter(1);\n") == 1, "io_uring was not seen"
    assert verdict("asyncio/backend/x.c", "    n = read(0, b, 1);\n") == 0
    assert verdict("asyncio/loop/x.c", '    b->poll(1); x.read(1); asyncio_read(1); /* read(1) */ "read(1)";\n') == 0
    assert verdict("asyncio/loop/x.c", "static int poll(int x)\n{\n}\n    poll(1);\n") == 0
    assert verdict("asyncio/loop/x.c", "    syscall(SYS_gettid);\n") == 0 and verdict("asyncio/loop/x.c", "    syscall(SYS_read);\n") == 1
    assert verdict("asyncio/coro/overflow.c", "    write(2, text, n);\n") == 0
    assert verdict("asyncio/coro/coro.c", "    write(2, text, n);\n") == 1
    assert check_public({"asyncio/a.h": "#include <asyncio/b.h>\n", "asyncio/b.h": "#include <asyncio/a.h>\n"})
    assert not check_public({"asyncio/a.h": "#include <asyncio/b.h>\n", "asyncio/b.h": ""})
    listing = ("lib.a[asyncio_base_x.c.o]: up U\nlib.a[asyncio_task_y.c.o]: up T 0 1\n"
               "lib.a[asyncio_task_y.c.o]: down U\nlib.a[asyncio_base_x.c.o]: down T 0 1\n")
    errors, _ = check_symbols(listing, floors)
    assert len(errors) == 1 and "up goes up" in errors[0], errors
    print("floors: the checks can fail")


def main(words):
    if words == ["--self-test"]:
        return self_test()
    floors = Floors(read("ARCHITECTURE.md"))
    if len(words) == 2 and words[0] == "--symbols":
        listing = subprocess.run([os.environ.get("NM", "nm"), "-A", "-P", words[1]], check=True, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        errors, count = check_symbols(listing, floors)
        what = f"{count} references between object files and libraries"
        if not count:
            errors.append(f"{words[1]}: nm shows nothing")
    elif words:
        sys.exit(__doc__)
    else:
        paths = [p for library in LIBRARIES for p in files_below(library, (".c", ".h", ".S"))]
        errors = [e for path in paths for e in check_source(path, read(path), floors)]
        errors += check_public({p[len("include/"):]: read(p) for p in files_below("include", (".h",))})
        what = f"{len(paths)} files on {len(floors.level)} floors"
    print("\n".join(errors) if errors else f"floors: {what}: nothing goes up or sideways")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
