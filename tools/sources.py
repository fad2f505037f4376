#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which source files there are: the one place that knows, so that adding a file is only adding a file.

    sources.py --library NAME CPU   the sources of asyncio or aiohttp for that processor
    sources.py --tests              one line a test: path|name|backends|timeout|suites
    sources.py --folder DIR         the .c files directly in DIR
    sources.py --headers NAME       the public headers below include/asyncio or include/aiohttp
    sources.py --from DIR           the way from DIR to the tree, as the compiler is given it
    sources.py --stamp FILE         writes all of that to FILE; says `changed` when it was not so before
    sources.py --check FILE         for ninja: fails, and has Meson configure again, when FILE is not so any more

The variants of a processor are told by name: x_x86_64.S, x_aarch64.c. A test says what is special about it in one
comment within its first 40 lines; nothing need be said:

    /* TEST: backends io_uring epoll; timeout 120; suite slow; not valgrind aarch64 */

Tests of the floors in PER_BACKEND run once on each backend, those of other floors once; `backends` overrides it (`none`: once).
`suite slow` keeps a test out of `make test` and in `make test-all`. `not` names stages of tools/test that cannot run it; the
comment above says why.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CPUS = ("x86_64", "aarch64")
BACKENDS = ("io_uring", "epoll", "sim")
PER_BACKEND = ("loop", "task", "sync", "offload", "files", "net", "process", "inspect", "conformance",
               "conn", "server", "client", "web")


def walk(folder, endings):
    found = []
    for at, folders, names in os.walk(os.path.join(ROOT, folder)):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [os.path.relpath(os.path.join(at, n), ROOT) for n in names
                  if n.endswith(endings) and not n.startswith(".")]
    return sorted(found)


def of_other_cpu(path, cpu):
    stem = os.path.splitext(path)[0]
    return any(stem.endswith("_" + other) for other in CPUS if other != cpu)


def library(name, cpu):
    return [p for p in walk(name, (".c", ".S")) if not of_other_cpu(p, cpu)]


def folder(name):
    return [p for p in walk(name, (".c",)) if os.path.dirname(p) == name]


def test_line(path):
    """path|name|backends|timeout|suites of one test file."""
    floor = path.split("/")[1]
    name = re.sub(r"_test\.(c|cc)$", "", path[len("tests/"):])
    said = {"backends": " ".join(BACKENDS) if floor in PER_BACKEND else "", "timeout": "30", "suite": "normal",
            "not": ""}
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        head = "".join(line for line, _ in zip(file, range(40)))
    comment = re.search(r"/\* TEST: (.*?) \*/", head)
    for item in comment.group(1).split(";") if comment else ():
        key, _, value = item.strip().partition(" ")
        if key not in said:
            sys.exit(f"{path}: unknown word in the TEST comment: {key}")
        said[key] = value.strip()
    unknown = set(said["backends"].split()) - set(BACKENDS)
    if unknown and said["backends"] != "none":
        sys.exit(f"{path}: unknown backend in the TEST comment: {', '.join(sorted(unknown))}")
    backends = "" if said["backends"] == "none" else ",".join(said["backends"].split())
    suites = ",".join([said["suite"]] + ["not-" + stage for stage in said["not"].split()])
    return "|".join((path, name, backends, said["timeout"], suites))


def tests():
    return [test_line(p) for p in walk("tests", ("_test.c", "_test.cc")) if p.count("/") == 2]


def everything():
    parts = walk("asyncio", (".c", ".S")) + walk("aiohttp", (".c", ".S")) + tests() + walk("tests/support", (".c", ".cc"))
    parts += walk("tests/compile", (".c", ".cc")) + walk("examples", (".c",))
    parts += walk("include", (".h",))
    return "".join(p + "\n" for p in parts)


def recorded(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def main(words):
    what, value = words[0], words[1] if len(words) > 1 else None
    if what == "--library":
        print("\n".join(library(value, words[2])))
    elif what == "--tests":
        print("\n".join(tests()))
    elif what == "--folder":
        print("\n".join(folder(value)))
    elif what == "--headers":
        print("\n".join(walk("include/" + value, (".h",))))
    elif what == "--from":
        print(os.path.relpath(ROOT, value))
    elif what == "--stamp":
        if recorded(value) != everything():
            with open(value, "w", encoding="utf-8") as file:
                file.write(everything())
            print("changed")
    elif what == "--check":
        if recorded(value) != everything():
            os.utime(os.path.join(ROOT, "meson.build"))
            sys.exit("source files came or went: the next `ninja` configures again and takes them in")
        if len(words) > 2:
            with open(words[2], "w", encoding="utf-8"):
                pass
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:] or ["--help"])
