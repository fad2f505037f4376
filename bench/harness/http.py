# SPDX-License-Identifier: MIT
"""HTTP servers under wrk: what is asked of them, and what it costs them."""
import contextlib
import http.client
import os
import pathlib
import re
import resource
import socket
import time

from . import measure
from .measure import Failed

HERE = pathlib.Path(__file__).resolve().parent.parent
SIZES = {"1k": 1 << 10, "64k": 1 << 16, "10m": 10 << 20}
UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}


def make_files(folder):
    """What the http_static_... works ask for: bytes that do not compress into nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        path = folder / name
        if not path.exists() or path.stat().st_size != size:
            path.write_bytes(bytes(range(256)) * (size // 256))


def connect(port):
    return measure.connect(port, 10.0)


def check(name, port, work):
    """The right answer, before anything is measured."""
    connect(port).close()
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    connection.request("GET", work.path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    size = SIZES.get(work.path.rsplit("/", 1)[1])
    right = body == bytes(range(256)) * (size // 256) if size else work.expected in body
    if answer.status != 200 or not right:
        raise Failed(f"{name}: {work.path} is answered by {answer.status} and {len(body)} bytes")


@contextlib.contextmanager
def idle_connections(port, count, work):
    """So many connections beside, each with one request behind it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if count > hard - 200:
        raise Failed(f"a process may have {hard} descriptors only, not {count}")
    request = f"GET {work.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            one = stack.enter_context(connect(port))
            one.sendall(request)
            answer = b""
            while work.expected not in answer:
                more = one.recv(4096)
                if not more:
                    raise Failed(f"a connection was closed after {answer[:60]!r}")
                answer += more
        yield


def cpu(pid):
    """Seconds that all threads of a process have run, by its own clock: see README.md."""
    return time.clock_gettime((~pid << 3) | 2)


def read_wrk(name, text):
    """What wrk has printed, as figures."""
    done = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m),", text)
    quantiles = dict(re.findall(r"^ +(50|99)% +([\d.]+(?:us|ms|s|m))$", text, re.M))
    if not done or len(quantiles) != 2 or int(done.group(1)) == 0:
        raise Failed(f"{name}: wrk told nothing: {text.strip()[-120:]}")
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", text)
    if wrong:
        raise Failed(f"{name}: {wrong.group(0)}")
    micro = {k: float(re.match(r"[\d.]+", v).group(0)) * UNITS[re.search(r"[a-z]+", v).group(0)] for k, v in quantiles.items()}
    return {"requests": int(done.group(1)), "seconds": float(done.group(2)) * UNITS[done.group(3)] / 1e6,
            "p50_us": micro["50"], "p99_us": micro["99"]}


def run_client(who, work, nginx, quick):
    """A client on core 0 and nginx on the other. It checks what it gets, and tells its own figures."""
    if work.file_size:
        path = pathlib.Path(os.environ["BENCH_WWW"]) / work.path.rsplit("/", 1)[1]
        with open(path, "ab") as file:
            file.truncate(work.file_size)               # zeros, which take no space
    with measure.Server(nginx, work, cores=(1,)) as server:
        connect(server.port).close()
        argv = [*who.argv(work, work.quick_count if quick else work.count), f"http://127.0.0.1:{server.port}{work.path}"]
        return measure.finish(who.name, measure.start(argv, (0,), who.env), 120)


def run_http(who, work, seconds):
    with measure.Server(who, work) as server, contextlib.ExitStack() as stack:
        check(who.name, server.port, work)
        if work.idle:
            stack.enter_context(idle_connections(server.port, work.idle, work))
        script = ["-s", str(HERE / "http/pipeline.lua")] if work.depth > 1 else []
        argv = ["wrk", "-t1", f"-c{work.connections}", f"-d{max(1, round(seconds))}s", "--latency", *script,
                f"http://127.0.0.1:{server.port}{work.path}"]
        before, began = cpu(server.process.pid), time.monotonic()
        process = measure.start(argv, (1,))
        try:
            text = process.communicate(timeout=60 + 3 * seconds)[0]
        except measure.subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failed(f"{who.name}: wrk does not end") from None
        spent, took = cpu(server.process.pid) - before, time.monotonic() - began
        told = read_wrk(who.name, text)
        return {"cpu_ns": spent * 1e9 / told["requests"], "rate": told["requests"] / told["seconds"],
                "wall_ns": told["seconds"] * 1e9 / told["requests"], "busy": spent / took,
                "p50_us": told["p50_us"], "p99_us": told["p99_us"]}
