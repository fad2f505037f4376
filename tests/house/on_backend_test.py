#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/house/on_backend: only a probe that says no, and why, skips a test. One that is not there, or breaks, fails it."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# probe (None: there is none), backend, program: exit status
CASES = [
    ("exit 0", "io_uring", "true", 0),
    ("exit 0", "io_uring", "false", 1),
    ("echo not here; exit 1", "io_uring", "true", 77),
    ("exit 1", "io_uring", "true", 1),
    ("echo not here; exit 2", "io_uring", "true", 1),
    ("kill -9 $$", "io_uring", "true", 1),
    (None, "io_uring", "true", 1),
    (None, "epoll", "true", 0),
    (None, "sim", "false", 1),
]


def main():
    failures = 0
    for body, backend, program, expected in CASES:
        with tempfile.TemporaryDirectory() as folder:
            probe = os.path.join(folder, "probe")
            if body is not None:
                with open(probe, "w", encoding="utf-8") as out:
                    out.write("#!/bin/sh\n" + body + "\n")
                os.chmod(probe, 0o755)
            result = subprocess.run([os.path.join(HERE, "on_backend"), probe, backend, program], check=False,
                                    env=dict(os.environ, TEST_RUNNER=""), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if result.returncode != expected:
                print(f"probe {body!r}, {backend}, {program}: {result.returncode}, not {expected}")
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
