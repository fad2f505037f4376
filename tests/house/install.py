#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Installs into an empty folder and uses what is there from outside of the tree, as a stranger would.

`make install PREFIX=...`, then the same small program three times: with pkg-config against the shared library, with pkg-config
--static, and with CMake, after the installed tree was moved. Each must compile, run, and print what it prints. A man page
must be found by man, gdb must find its script, and no file of the library may name the place it was built in.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PROGRAM = """
#include <asyncio.h>
#include <stdio.h>

static int say(const char *what)
{
    int r = asyncio_sleep(0.001);
    if (r < 0)
        return r;
    puts(what);
    return 0;
}

static int program(void)
{
    return asyncio_gather(asyncio_coro(say, "hello"), asyncio_coro(say, "world"));
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
"""

CMAKE = """
cmake_minimum_required(VERSION 3.16)
project(stranger C)
find_package(libasyncio 0.1 REQUIRED)
add_executable(stranger program.c)
target_link_libraries(stranger PRIVATE asyncio::asyncio)
add_executable(stranger_static program.c)
target_link_libraries(stranger_static PRIVATE asyncio::asyncio_static)
"""


def run(command, folder, **environment):
    ran = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ran.returncode != 0:
        print("$", " ".join(command))
        print(ran.stdout)
        sys.exit(f"failed with {ran.returncode}")
    return ran.stdout


def expect(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what}: {found!r} instead of {wanted!r}")
    print("ok:", what)


def install(prefix):
    # The build below build/install is the user's; this one is the test's.
    run(["make", "--no-print-directory", "install", f"PREFIX={prefix}", "INTO=test-install"], ROOT)
    for path in ("lib/libasyncio.so", "lib/libasyncio.so.0", "lib/libasyncio.a", "include/asyncio.h", "include/asyncio/task.h",
                 "lib/pkgconfig/libasyncio.pc", "bin/asyncio", "share/man/man1/asyncio.1",
                 "lib/cmake/libasyncio/libasyncio-config.cmake"):
        if not os.path.exists(os.path.join(prefix, path)):
            sys.exit(f"not installed: {path}")
    print("ok: make install")


def with_pkg_config(work, prefix):
    place = {"PKG_CONFIG_PATH": os.path.join(prefix, "lib", "pkgconfig")}
    flags = run(["pkg-config", "--cflags", "libasyncio"], work, **place).split()
    if "-fstack-clash-protection" not in flags:
        sys.exit(f"pkg-config does not pass -fstack-clash-protection: {flags}")
    libraries = run(["pkg-config", "--libs", "libasyncio"], work, **place).split()
    run(["cc", *flags, "program.c", *libraries, "-o", "shared"], work)
    expect(run(["./shared"], work, LD_LIBRARY_PATH=os.path.join(prefix, "lib")), "hello\nworld\n", "pkg-config")
    libraries = run(["pkg-config", "--static", "--libs", "libasyncio"], work, **place).split()
    libraries = ["-l:libasyncio.a" if word == "-lasyncio" else word for word in libraries]
    run(["cc", *flags, "program.c", *libraries, "-o", "static"], work)
    expect(run(["./static"], work), "hello\nworld\n", "pkg-config --static")


def with_cmake(work, prefix):
    if not shutil.which("cmake"):
        print("skipped: cmake is not installed")
        return
    with open(os.path.join(work, "CMakeLists.txt"), "w", encoding="utf-8") as file:
        file.write(CMAKE)
    run(["cmake", "-S", ".", "-B", "out", f"-DCMAKE_PREFIX_PATH={prefix}"], work)
    run(["cmake", "--build", "out"], work)
    expect(run(["out/stranger"], work), "hello\nworld\n", "CMake, from a moved tree")
    expect(run(["out/stranger_static"], work), "hello\nworld\n", "CMake, static")


def command(work, prefix):
    said = run([os.path.join(prefix, "bin", "asyncio"), "--version"], work)
    expect(said.startswith("asyncio (libasyncio) "), True, "the command asyncio")


def man_pages(prefix):
    pages = glob.glob(os.path.join(prefix, "share", "man", "man3", "asyncio_*.3"))
    if not pages:
        sys.exit("no man page was installed")
    if shutil.which("man"):
        text = run(["man", "-M", os.path.join(prefix, "share", "man"), "3", "asyncio_gather"], ROOT, MANPAGER="cat", LC_ALL="C")
        if "SYNOPSIS" not in text:
            sys.exit(f"man 3 asyncio_gather:\n{text}")
    for library in ("asyncio", "aiohttp"):
        symbols = run(["nm", "-D", "--defined-only", os.path.join(prefix, "lib", f"lib{library}.so")], ROOT)
        functions = re.findall(rf" T ({library}_[a-z0-9]\w*)", symbols)
        missing = [f for f in functions if not os.path.exists(os.path.join(prefix, "share", "man", "man3", f + ".3"))]
        if missing or not functions:
            sys.exit(f"lib{library}: {len(functions)} functions, of which without a man page: {missing}")
    print(f"ok: {len(pages)} man pages, one for each function")


def gdb_script(work, prefix):
    """gdb reads it by itself where it looks, and when told to."""
    script = os.path.join(prefix, "share", "libasyncio", "asyncio-gdb.py")
    if not os.path.exists(script):
        sys.exit(f"not installed: {script}")
    if not shutil.which("gdb"):
        print("skipped: gdb is not installed")
        return
    start = ["gdb", "-nx", "-batch", "-ex", "set debuginfod enabled off"]    # nothing is run: containers may forbid ptrace
    by_itself = ["-ex", "set auto-load safe-path /", "-ex", f"set auto-load scripts-directory {prefix}/share/gdb/auto-load"]
    library = os.path.realpath(os.path.join(prefix, "lib", "libasyncio.so"))
    for how, words in {"by itself": by_itself, "when told to": ["-ex", f"source {script}"]}.items():
        ask = [*words, "-ex", f"file {library}", "-ex", "help asyncio tasks"]
        expect(run([*start, *ask], work).count("Lists all loops"), 1, f"gdb reads the script {how}")


def main():
    with tempfile.TemporaryDirectory() as work:
        prefix, moved = os.path.join(work, "prefix"), os.path.join(work, "moved")
        with open(os.path.join(work, "program.c"), "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        install(prefix)
        with_pkg_config(work, prefix)
        man_pages(prefix)
        command(work, prefix)
        gdb_script(work, prefix)
        os.rename(prefix, moved)
        with_cmake(work, moved)


if __name__ == "__main__":
    main()
