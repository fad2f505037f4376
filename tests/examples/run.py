#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs an example and checks what it does: what it prints, how it answers, how it ends, what it leaves behind.

    run.py NAME BACKEND PROGRAM PROBE [--valgrind]

PROGRAM is the example with leftovers.c. PROBE says whether this machine has io_uring. The cases of an example are the functions
of cases.py and of the other ..._cases.py named NAME_*; each is reported in cmocka's words, so that tools/test counts them. A server that
is interrupted ends with 130, as a shell expects it; `serve`, `live` and what aiohttp_web_run_app runs
handle Ctrl-C, and end with 0.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases            # noqa: E402
import client_cases     # noqa: E402
import part_cases       # noqa: E402
import program          # noqa: E402
import serve_cases      # noqa: E402
import web_cases        # noqa: E402

VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite",
            "--num-callers=20"]


def self_test():
    """The checks can fail."""
    for text, good in (("0 descriptors, 0 bytes, 0 threads", True), ("1 descriptors, 0 bytes, 0 threads", False),
                       ("0 descriptors, 1 bytes, 0 threads", False), ("0 descriptors, 0 bytes, 1 threads", False)):
        script = f"echo {shlex.quote(text)} >$LEFTOVERS; echo hello"
        with program.Program("/bin/sh", "-c", script) as run:
            try:
                run.end(0)
                assert good
            except program.Failed:
                assert not good
    for script, status, errors in (("exit 3", 0, None), ("echo x >&2", 0, None), ("true", 0, "words")):
        with program.Program("/bin/sh", "-c", "echo 0 descriptors, 0 bytes, 0 threads >$LEFTOVERS; " + script) as run:
            try:
                run.end(status, errors)
            except program.Failed:
                continue
            raise AssertionError(script)
    print("examples: the checks can fail")


def main(words):
    if words == ["--self-test"]:
        return self_test()
    name, backend, path, probe = words[:4]
    if backend == "io_uring":
        found = subprocess.run([*os.environ.get("TEST_RUNNER", "").split(), probe], stdout=subprocess.PIPE, text=True, check=False)
        if found.returncode not in (0, 1) or (found.returncode == 1 and not found.stdout):
            print(f"{probe} ended with {found.returncode}")     # which says nothing about io_uring
            return 1
        if found.returncode == 1:
            print("skipped: " + found.stdout.strip())
            return 77
    if "--valgrind" in words:
        if not shutil.which("valgrind"):
            print("skipped: there is no valgrind")
            return 77
        program.WRAPPER[:] = VALGRIND
    os.environ["ASYNCIO_BACKEND"] = backend
    named = re.sub(r"^\d+_", "", name)
    found = {key: case for module in (cases, client_cases, part_cases, serve_cases, web_cases) for key, case in vars(module).items()
             if key.startswith(named + "_") and callable(case)}
    failed, passed, skipped = not found, 0, 0
    for key, case in found.items():
        if backend == "sim" and not getattr(case, "on_sim", False):
            continue
        try:
            case(path, backend)
            print(f"[       OK ] {key}", flush=True)
            passed += 1
        except program.Skipped as reason:
            print(f"skipped: {reason}\n[  SKIPPED ] {key}", flush=True)
            skipped += 1
        except program.Failed as error:
            print(f"{error}\n[  FAILED  ] {key}", flush=True)
            failed = True
    return 1 if failed else 77 if skipped and not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
