# SPDX-License-Identifier: MIT
"""Runs one participant at one work, pinned, and returns its figures."""
import contextlib
import ctypes
import os
import random
import re
import resource
import select
import signal
import socket
import statistics
import subprocess
import tempfile
import time

CORES = sorted(os.sched_getaffinity(0))
SERVER, LOAD = CORES[0], CORES[min(1, len(CORES) - 1)]
LIBC = ctypes.CDLL(None)


class Failed(Exception):
    pass


def place(cores):
    """In the child: pinned, with descriptors enough for a thousand connections, and gone when we are."""
    def prepare():
        os.sched_setaffinity(0, {CORES[min(core, len(CORES) - 1)] for core in cores})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        LIBC.prctl(1, signal.SIGKILL)
    return prepare


def figures(text):
    """`name number` a line."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) == 2}


def finish(name, process, timeout):
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failed(f"{name}: not done after {timeout} s") from None
    if process.returncode != 0:
        why = err.strip().splitlines()[-1:] or [f"status {process.returncode}"]
        raise Failed(f"{name}: {why[0][:200]}")
    return figures(out)


def start(argv, cores, env=None, err=subprocess.PIPE):
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, text=True,
                            env=dict(os.environ, **(env or {})), preexec_fn=place(cores))


def run_work(who, work, quick):
    argv = who.argv(work, work.size(who.name, quick))
    return finish(who.name, start(argv, work.cores, who.env), 180)


class Server:
    """A server of somebody's, up and ready, its port known."""

    def __init__(self, who, cell, wrapper=(), env=None, cores=(0,)):
        self.name = who.name
        self.log = tempfile.TemporaryFile("w+")     # not a pipe: one that nobody reads would stop a server that complains
        self.process = start([*wrapper, *who.argv(cell, 0)], cores, {**who.env, **(env or {})}, self.log)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def __enter__(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 20)
        words = self.process.stdout.readline().split() if ready else []
        if len(words) != 2 or words[0] != "port":
            self.__exit__()
            why = self.said().strip().splitlines()[:1] or ["silence"]
            raise Failed(f"{self.name}: no port, but {why[0][:200]}")
        self.port = words[1]
        return self

    def load(self, load, cell, amount, timeout):
        argv = [str(load.with_name(cell.load)), cell.address(self.port), str(cell.connections), str(cell.size), str(cell.depth), str(amount)]
        argv += [str(self.process.pid)] if amount > 0 else []
        return finish(f"{self.name}, load", start(argv, (1,)), timeout)

    def __exit__(self, *unused):
        self.process.kill()
        self.process.communicate()


def run_echo(load, who, cell, seconds):
    with Server(who, cell) as server:
        time.sleep(0.02)
        return server.load(load, cell, seconds, 30 + 3 * seconds)


def run_idle(load, who, idle, connections):
    """Bytes for each connection. As many servers as it takes where a process may not have so many descriptors; all of
    them at the same time, each with a load of its own."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100
    parts = -(-connections // limit)
    sizes = [connections // parts + (i < connections % parts) for i in range(parts)]
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(who, idle)) for _ in sizes]
        loads = [subprocess.Popen([str(load.with_name("idle")), server.port, str(size), str(idle.exchanges),
                                   str(server.process.pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, preexec_fn=place((1,)))
                 for server, size in zip(servers, sizes)]
        grown = [one.stdout.readline().split()[1:] for one in loads]
        for one in loads:
            finish(f"{who.name}, load", one, 30)
        return {"bytes": sum(float(figure[0]) for figure in grown if figure) / connections}


CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")


def collected(name, err):
    found = re.search(r"Collected : (\d+)", err)
    if not found:
        raise Failed(f"{name}: callgrind gave no count: {err.strip()[-120:]}")
    return int(found.group(1))


def count_work_instructions(who, work, count):
    """User-space instructions for one of the work's steps: the difference of two runs of different length."""
    totals = []
    for n in (count, 3 * count):
        process = start([*CALLGRIND, *who.argv(work, n)], (0,), who.env)
        try:
            totals.append(collected(who.name, process.communicate(timeout=120)[1]))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failed(f"{who.name}: did not end under callgrind") from None
    return (totals[1] - totals[0]) / (2 * count)


def count_instructions(load, who, cell, messages):
    """User-space instructions a message: the difference of two runs under callgrind, so that start and end fall out."""
    totals = []
    for n in (messages, 3 * messages):
        with Server(who, cell, CALLGRIND, {"BENCH_ONCE": "1"}) as server:
            server.load(load, cell, -n, 120)
            try:
                server.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                raise Failed(f"{who.name}: did not end under callgrind") from None
            totals.append(collected(who.name, server.said()))
    return (totals[1] - totals[0]) / (2 * messages)


def connect(port, patience):
    """nginx and h2o tell their port before they listen."""
    until = time.monotonic() + patience
    while True:
        try:
            return socket.create_connection(("127.0.0.1", int(port)), timeout=20)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise Failed(f"nobody listens on port {port}") from None
            time.sleep(0.02)


def ask(port, path, count, patience=0.0):
    """So many requests on one connection, with wrk's head, each when the answer before it is whole."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    with connect(port, patience) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            peer.sendall(request)
            head, got = b"", b""
            while not head:
                piece = peer.recv(65536)
                if not piece:
                    raise Failed("the server closed the connection")
                got += piece
                head, _, body = got.partition(b"\r\n\r\n") if b"\r\n\r\n" in got else (b"", b"", b"")
            left = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head).group(1)) - len(body)
            while left > 0:
                left -= len(peer.recv(left))


def memory_of(pid):
    """Bytes, page tables counted: as common.h has it."""
    with open(f"/proc/{pid}/status") as status:
        return sum(int(line.split()[1]) for line in status if line.startswith(("VmRSS:", "VmPTE:"))) * 1024


def run_http_memory(who, work, connections):
    """What an HTTP server has grown by, for each connection that rests after its requests."""
    with Server(who, work) as server, contextlib.ExitStack() as stack:
        head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
        connect(server.port, 10).close()
        peers = []

        def more(count):
            """So many in addition, all of which have had all their requests in the end."""
            new = [stack.enter_context(connect(server.port, 0)) for _ in range(count)]
            for _ in range(work.exchanges):
                answer_each(new, head)
            peers.extend(new)
            return memory_of(server.process.pid)

        before = more(200)                              # what the first ones make is nobody's
        for _ in range(connections // 200):
            more(200)
        time.sleep(0.5)
        return {"bytes": (memory_of(server.process.pid) - before) / connections}


def answer_each(peers, request):
    """One request on each, all under way at once."""
    for peer in peers:
        peer.sendall(request)
    for peer in peers:
        got = b""
        while not got.endswith(b"Hello, World!"):
            piece = peer.recv(4096)
            if not piece:
                raise Failed(f"the server closed a connection after {got[:60]!r}")
            got += piece


def count_http_instructions(who, work, requests):
    """As count_instructions, of a request and its answer on one connection."""
    totals = []
    for n in (requests, 3 * requests):
        with Server(who, work, CALLGRIND, {"BENCH_ONCE": "1"}) as server:
            try:
                ask(server.port, work.path, n)
                server.process.wait(timeout=30)
            except (OSError, subprocess.TimeoutExpired):
                raise Failed(f"{who.name}: did not answer, or not end, under callgrind") from None
            totals.append(collected(who.name, server.said()))
    return (totals[1] - totals[0]) / (2 * requests)


def alternate(everyone, rounds, run, say, until=None, least=3):
    """rounds x everyone, each round in another order; {name: [figures or None]}. Who fails twice in a row is left out. After
    the moment `until` no further round begins, once there were `least`."""
    results = {who.name: [] for who in everyone}
    failures = {}
    for number in range(rounds):
        if until is not None and number >= least and time.monotonic() > until:
            break
        turn = number % len(everyone)
        order = everyone[turn:] + everyone[:turn]
        for who in order if number % 2 == 0 else order[::-1]:
            if failures.get(who.name, (0,))[0] >= 2:
                results[who.name].append(None)
                continue
            try:
                results[who.name].append(run(who))
                failures.pop(who.name, None)
            except Failed as failure:
                results[who.name].append(None)
                failures[who.name] = (failures.get(who.name, (0,))[0] + 1, str(failure))
                say(f"  {failure}")
    return results


def paired_ratios(ours, other):
    """Round by round, so that the drift of the host cancels."""
    return [b / a for a, b in zip(ours, other) if a and b]


def interval(ratios, rounds=4000):
    """95% bootstrap interval of the median, the same in every run for the same ratios."""
    rng = random.Random(len(ratios))
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(rounds))
    return medians[int(0.025 * rounds)], medians[int(0.975 * rounds) - 1]
