# SPDX-License-Identifier: MIT
"""A program under test: started with a terminal as its standard output (so that lines come as they are written), read while
it runs, interrupted, and looked after when it has ended."""
import os
import pty
import re
import signal
import subprocess
import tempfile
import threading
import time
import tty

PATIENCE = 60.0 * (5 if os.environ.get("ASYNCIO_TEST_EMULATED") else 1)     # seconds; only a failure waits that long
WRAPPER = []                                                                # valgrind, when it is asked for


class Failed(Exception):
    pass


class Skipped(Exception):
    """Something is missing here that the case needs."""


def check(true, text):
    if not true:
        raise Failed(text)


class Program:
    """One run. `output` and `errors` grow while it runs."""

    def __init__(self, program, *arguments, environment=None):
        self.folder = tempfile.TemporaryDirectory(prefix="asyncio-example-")
        self.report = os.path.join(self.folder.name, "leftovers")
        self.output, self.errors = "", ""
        terminal, inner = pty.openpty()
        tty.setraw(inner)
        command = [*WRAPPER, *os.environ.get("TEST_RUNNER", "").split(), program, *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=inner, stderr=subprocess.PIPE,
            env={**os.environ, "LEFTOVERS": self.report, **(environment or {})},
            # Who runs the tests in the background of a shell has SIGINT ignored, and we would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        os.close(inner)
        self.readers = [threading.Thread(target=self.read, args=(terminal, "output"), daemon=True),
                        threading.Thread(target=self.read, args=(self.process.stderr.fileno(), "errors"), daemon=True)]
        for reader in self.readers:
            reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def read(self, descriptor, name):
        decoder = b""
        while True:
            try:
                data = os.read(descriptor, 65536)
            except OSError:             # a terminal whose other end is gone
                data = b""
            if not data:
                return
            decoder += data
            setattr(self, name, decoder.decode("utf-8", "replace"))

    def wait_for(self, pattern, name="output"):
        """Waits until the pattern is found in what it wrote, and returns the match."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            ended = self.process.poll() is not None
            found = re.search(pattern, getattr(self, name), re.M)
            if found:
                return found
            if ended:
                time.sleep(0.1)
                found = re.search(pattern, getattr(self, name), re.M)
                if found:
                    return found
                break
            time.sleep(0.01)
        raise Failed(f"no {pattern!r} in its {name}:\n{self.output}\n{self.errors}")

    def interrupt(self, number=signal.SIGINT):
        # ThreadSanitizer keeps a signal back until the thread calls something that it intercepts, and liburing's waiting is
        # none: one that comes just before the loop begins to wait is not seen. One that interrupts the waiting is.
        if "TSAN_OPTIONS" in os.environ:
            time.sleep(0.3)
        self.process.send_signal(number)

    def end(self, status, errors=None, kept=0):
        """Waits for its end: the status, what it wrote to standard error (a pattern; None: nothing), and nothing left, but for the
        `kept` bytes that a thread may keep: the record of its last error, some blocks for what it posts to loops."""
        try:
            found = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed(f"it does not end:\n{self.output}\n{self.errors}") from None
        for reader in self.readers:
            reader.join(PATIENCE)
        # valgrind's remarks on system calls that it does not know
        self.errors = re.sub(r"^--\d+-- .*\n", "", self.errors, flags=re.M)
        check(found == status, f"exit status {found}, not {status}:\n{self.output}\n{self.errors}")
        if errors is None:
            check(self.errors == "", f"it complains:\n{self.errors}")
        else:
            check(re.search(errors, self.errors, re.S), f"no {errors!r} in its complaints:\n{self.errors}")
        check(os.path.exists(self.report), "no report of what is left")
        with open(self.report, encoding="utf-8") as file:
            left = file.read().strip()
        found = re.fullmatch(r"0 descriptors, (\d+) bytes, 0 threads", left)
        check(found and int(found[1]) <= kept, "left behind: " + left)
        return self.output
