# SPDX-License-Identifier: MIT
"""What is measured: the works, how big they are, and who takes part.

A work is run as `PROGRAM NAME COUNT` and gives figures; a row of the table is one figure of a work. An echo cell is a
work whose program is a server under the load generator. Lower is better in every row.
"""
import pathlib
import sys
from dataclasses import dataclass, field

PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"
SLOW = ("python-asyncio", "python-uvloop")      # a tenth of the count or less: their figures are flat in it


@dataclass(frozen=True)
class Work:
    name: str                                   # how the programs call it
    count: int                                  # for all but the slow ones
    slow_count: int
    quick_count: int
    rows: dict = field(default_factory=lambda: {"": ("ns", "ns")})      # suffix -> (figure, unit)
    cores: tuple = (0,)
    title: str = ""                             # row name, where it is not the name

    def row(self, suffix):
        return (self.title or self.name) + suffix

    def size(self, who, quick):
        count = self.slow_count if who in SLOW else self.count
        return min(count, self.quick_count) if quick else count


@dataclass(frozen=True)
class Echo:
    size: int
    connections: int
    depth: int = 1
    way: str = "echo"                           # how the programs call it; raw ones know one way only
    seconds: float = 0.0                        # measured at least, where a peer compiles while it runs

    @property
    def name(self):
        if not self.size:                       # of TLS: only the beginning and the end
            return f"{self.way}_handshake"
        return f"{self.way}_{self.size}_{self.connections}" + (f"_deep{self.depth}" if self.depth > 1 else "")

    @property
    def counted_name(self):
        return "instructions_" + self.name.removeprefix("echo_")

    @property
    def load(self):
        return "loadtls" if self.way == "tls" else "load"

    def address(self, port):
        kind = self.way.split("_")[0]
        return f"{kind}:{port}" if kind in ("udp", "ws") else port


@dataclass(frozen=True)
class Idle:
    """Connections that have been used, and are kept: what the server's memory has grown by, for each."""
    way: str
    connections: int = 100_000
    quick_connections: int = 500
    exchanges: int = 100

    @property
    def name(self):
        return self.way


@dataclass(frozen=True)
class Http:
    """A server under wrk, which asks for one thing again and again."""
    name: str
    path: str = "/"
    expected: bytes = b"Hello, World!"
    connections: int = 64
    depth: int = 1
    idle: int = 0                               # connections beside, that do nothing

    @property
    def counted_name(self):
        return self.name.replace("http_", "http_instructions_").replace("_plain", "")

    rows = {"": ("cpu_ns", "ns CPU/request"), "_time": ("wall_ns", "ns/request"), "_p99": ("p99_us", "us")}


@dataclass(frozen=True)
class HttpMemory:
    """Connections of an HTTP server that have had their requests, and rest: what it has grown by, for each."""
    name: str
    connections: int = 1000
    quick_connections: int = 200
    exchanges: int = 100


@dataclass(frozen=True)
class Client:
    """An HTTP client, who asks nginx on the other core."""
    name: str
    count: int
    quick_count: int
    path: str = "/"
    rows: dict = field(default_factory=lambda: {"": ("cpu_ns", "ns CPU/request"), "_time": ("wall_ns", "ns/request")})

    @property
    def file_size(self):
        """Of what is downloaded, when it is a file."""
        return self.count if self.path.startswith("/static/") else 0


TRIPS = dict(count=20000, slow_count=3000, quick_count=2000)
WORKS = [
    Work("switch2", 5_000_000, 200_000, 300_000),
    Work("switch10k", 5_000_000, 300_000, 500_000),
    Work("spawn", 1_000_000, 50_000, 100_000),
    Work("spawn_batch", 1_000_000, 50_000, 100_000),
    Work("memory", 1_000_000, 200_000, 50_000, rows={"": ("bytes", "bytes"), "_time": ("ns", "ns")}),
    Work("timers_cancel", 1_000_000, 100_000, 100_000),
    Work("timers_fire", 1_000_000, 100_000, 100_000),
    Work("handover", 2_000_000, 100_000, 200_000),
    Work("lock", 2_000_000, 100_000, 200_000),
    Work("semaphore", 2_000_000, 100_000, 200_000),
    Work("queue", 2_000_000, 100_000, 200_000),
    Work("cancel_group", 400_000, 100_000, 20_000),
    Work("gather", 1_000_000, 100_000, 20_000),
    Work("threadsafe_post", 1_000_000, 50_000, 100_000, cores=(0, 1)),
    Work("threadsafe_roundtrip", cores=(0, 1), **TRIPS),
    Work("threadsafe_roundtrip", cores=(0,), title="threadsafe_roundtrip_pinned", **TRIPS),
    Work("offload_post", 200_000, 10_000, 10_000, cores=(0, 1)),
    Work("offload_roundtrip", cores=(0, 1), **TRIPS),
    Work("subprocess", 2_000, 2_000, 50),
    Work("files", 10_000, 10_000, 500),
    Work("http_parse", 200_000, 20_000, 20_000),
]
CELLS = [Echo(size, n) for size in (64, 4096, 65536) for n in (1, 64, 1000)] + [Echo(64, 64, 16)]
CELLS += [Echo(size, n, way=way) for way in ("protocol", "buffered") for size, n in
          ((64, 1), (64, 64), (64, 1000), (4096, 64), (65536, 1), (65536, 64))]
CELLS += [Echo(size, n, way=way) for way in ("udp", "udp_protocol") for size, n in ((64, 1), (64, 64), (1400, 64))]
CELLS += [Echo(0, 1, way="tls"), Echo(65536, 1, way="tls"), Echo(65536, 64, way="tls")]
CELLS += [Echo(size, 64, way="ws", seconds=3.0) for size in (64, 65536)]
HTTP = [Http("http_plain"), Http("http_pipelined", depth=16),
        Http("http_json", "/api/orders/42", b"Ada Lovelace")]
HTTP += [Http("http_static_" + size, "/static/" + size, connections=16 if size == "10m" else 64)
         for size in ("1k", "64k", "10m")]
HTTP += [Http("http_idle_10000", idle=10_000)]
CLIENTS = [Client("client_get_64", 20_000, 500), Client("client_urls", 10_000, 500, "/numbered/"),
           Client("client_download", 1 << 30, 1 << 30, "/static/1g",
                  {"": ("cpu_ns", "ns CPU/MiB"), "_time": ("wall_ns", "ns/MiB")}),
           Client("client_idle", 1000, 1000, rows={"": ("bytes", "bytes")})]
HTTP_MEMORY = [HttpMemory("http_memory")]
COUNTED_HTTP = [h for h in HTTP if h.name in ("http_plain", "http_json")]
IDLE = [Idle("idle_stream"), Idle("idle_protocol")]
# instructions per message, by callgrind
COUNTED = [Echo(64, 1), Echo(64, 64), Echo(64, 64, 16), Echo(64, 1, way="protocol"), Echo(64, 64, way="protocol"),
           Echo(64, 1, way="buffered"), Echo(65536, 1, way="protocol"), Echo(64, 1, way="udp"), Echo(64, 64, way="udp"), Echo(64, 1, way="udp_protocol")]
COUNTED_WS = [Echo(64, 1, way="ws"), Echo(65536, 1, way="ws")]          # beside the echo of TCP

DEBUG_WORKS = ("switch2", "spawn", "handover")         # where a debug mode that is off would be seen

# the same of ours alone, per switch, task...
COUNTED_WORKS = ("switch2", "spawn", "timers_cancel", "handover", "lock", "semaphore", "queue")

TASKS = ("switch2", "switch10k", "spawn", "spawn_batch", "memory", "timers_cancel", "timers_fire", "handover")
SYNC = ("lock", "semaphore", "queue", "cancel_group", "gather")
THREADS = ("threadsafe_post", "threadsafe_roundtrip", "offload_post", "offload_roundtrip")
SYSTEM = ("subprocess", "files")
CALLBACKS = ("protocol", "buffered")
ECHOES = ("echo",) + CALLBACKS
UDP = ("udp", "udp_protocol")
IDLE_WAYS = {"idle_stream": "echo_view", "idle_protocol": "protocol"}
HTTP_PLAIN = ("http_plain", "http_pipelined", "http_idle_10000")
HTTP_FILES = ("http_static_1k", "http_static_64k", "http_static_10m")
CLIENT_LOADS = ("client_get_64", "client_urls", "client_download")
BY_CALLBACKS = dict.fromkeys(CALLBACKS, "echo")    # theirs has no other kind


@dataclass
class Who:
    """Somebody who takes part: one of ours (a backend), a peer, or a limit."""
    name: str
    kind: str                                   # "ours", "peer", "limit"
    command: list                               # the work and the count are appended
    works: tuple
    env: dict = field(default_factory=dict)
    fixed: bool = False                         # `command` is whole but for the count
    calls: dict = field(default_factory=dict)   # a way by another name: who echoes by callbacks only has one
    for_all: bool = False                       # a limit of both backends
    missing: str = ""                           # why it cannot take part

    def does(self, work):
        return (work.way if isinstance(work, (Echo, Idle)) else work.name) in self.works

    def argv(self, work, count):
        if isinstance(work, (Echo, Idle)):
            return self.command + ([] if self.fixed else [self.calls.get(work.way, work.way)])
        return self.command + ([] if self.fixed else [work.name]) + [str(count)]


def everybody(out, python, missing):
    """All who could take part, with their programs under `out`."""
    path = lambda name: str(out / name)
    ours = [Who(backend, "ours", [path("ours")], TASKS + SYNC + THREADS + SYSTEM + ECHOES + UDP +
                ("tls",) + tuple(IDLE_WAYS), {"ASYNCIO_BACKEND": backend},
                calls=IDLE_WAYS) for backend in ("io_uring", "epoll")]
    # ours, of a library that knows no debug mode
    ours_without = [Who("no-debug-" + who.name, "limit", [path("no-debug")], DEBUG_WORKS, who.env) for who in ours]
    # A parser waits for nothing: the same on both backends.
    ours += [Who("io_uring", "ours", [path("parse")], ("http_parse",), fixed=True)]
    ours += [Who(backend, "ours", [path("http")], HTTP_PLAIN + HTTP_FILES + ("http_json", "http_memory", "ws"),
                 {"ASYNCIO_BACKEND": backend}) for backend in ("io_uring", "epoll")]
    ours += [Who(backend, "ours", [path("client")], CLIENT_LOADS + ("client_idle",),
                 {"ASYNCIO_BACKEND": backend}) for backend in ("io_uring", "epoll")]
    peers = [
        Who("nginx", "peer", [sys.executable, str(PEERS / "configured.py"), "nginx", path("run")], HTTP_PLAIN + HTTP_FILES + ("http_memory",)),
        Who("nginx-reopens", "peer", [sys.executable, str(PEERS / "configured.py"), "nginx-reopens", path("run")], HTTP_FILES),
        Who("h2o", "peer", [sys.executable, str(PEERS / "configured.py"), "h2o", path("run")], HTTP_PLAIN + HTTP_FILES),
        Who("libmicrohttpd", "peer", [path("microhttpd")], HTTP_PLAIN + HTTP_FILES),
        Who("hyper", "peer", [path("hyper")], HTTP_PLAIN + ("http_memory",)),
        Who("go-http", "peer", [path("gohttp")], HTTP_PLAIN + HTTP_FILES + ("http_json",), {"GOMAXPROCS": "1"}),
        Who("libcurl", "peer", [path("curl")], CLIENT_LOADS),
        Who("hyper-client", "peer", [path("hyperclient")], ("client_get_64",)),
        Who("node-ws", "peer", ["node", str(PEERS / "ws.js"), path("npm")], ("ws",), fixed=True),
        Who("picohttpparser", "peer", [path("picohttpparser")], ("http_parse",), fixed=True),
        Who("libuv", "peer", [path("libuv")], ("timers_cancel", "timers_fire") + ECHOES + THREADS, calls=BY_CALLBACKS),
        Who("libevent", "peer", [path("libevent")], ("timers_cancel", "timers_fire") + ECHOES,
            calls=BY_CALLBACKS),
        Who("go", "peer", [path("go")], TASKS + ("queue", "gather", "echo", "tls"), {"GOMAXPROCS": "1"}),
        Who("tokio", "peer", [path("tokio")], TASKS + SYNC + THREADS + ("echo",)),
        # What a value costs from one task to another and back: the measure for whatever hands on.
        Who("tokio-channel", "peer", [path("tokio"), "handover"], ("lock", "semaphore", "queue"), fixed=True),
        Who("python-asyncio", "peer", python + ["asyncio"], TASKS + SYNC + THREADS + ("echo", "tls")),
        Who("python-uvloop", "peer", python + ["uvloop"], TASKS + SYNC + THREADS + ECHOES + ("tls",), calls=BY_CALLBACKS),
    ]
    limits = [
        Who("bare-switch", "limit", [path("switch"), "2"], ("switch2",), fixed=True),
        Who("bare-switch", "limit", [path("switch"), "10000"], ("switch10k",), fixed=True),
        Who("bare-memory", "limit", [path("memory")], ("memory",), fixed=True),
        Who("bare-spawn", "limit", [path("child")], ("subprocess",), fixed=True),
        Who("bare-files", "limit", [path("files")], ("files",), fixed=True),
        Who("raw-openssl", "limit", [path("tls")], ("tls",), fixed=True, for_all=True),
        Who("raw-epoll-one", "limit", [path("udp"), "one"], UDP, fixed=True),
        Who("raw-epoll-many", "limit", [path("udp"), "many"], UDP, fixed=True),
        Who("raw-io_uring-multishot", "limit", [path("udp"), "uring"], UDP, fixed=True),
        Who("raw-io_uring-poll", "limit", [path("udp"), "poll"], UDP, fixed=True),
        Who("raw-epoll", "limit", [path("epoll")], ECHOES + tuple(IDLE_WAYS), fixed=True),
        Who("raw-io_uring-8k", "limit", [path("uring"), "8192", "4096"], ECHOES, fixed=True),
        Who("raw-io_uring-64k", "limit", [path("uring"), "65536", "512"], ECHOES, fixed=True),
        Who("raw-io_uring-inc", "limit", [path("uring"), "65536", "64", "inc", "direct"], ECHOES, fixed=True),
    ]
    limits += ours_without
    for who in ours + peers + limits:
        who.missing = missing.get(who.name) or missing.get(who.command[0], "")
    return ours + peers + limits


def is_raw_of(who, backend):
    """Whether it is a limit that the backend is held against."""
    return who.kind == "limit" and (who.for_all or who.name.startswith("raw-" + backend))
