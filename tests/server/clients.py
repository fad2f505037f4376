#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Others' clients and proxies against our server: wrk, ab, h2load, Node's undici and autocannon, and everything that matters through
nginx and haproxy. What they get is looked at, not only that they got something.

    clients.py SERVER [CASE...]       SERVER: the built clients_server.c; ASYNCIO_BACKEND as ever

A case whose program is not there is named and left out; 77 when none was there. undici and autocannon come from npm: ../support/npm.
"""
import contextlib
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 60
LARGE = bytes(97 + i % 26 for i in range(3_000_000))
os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"


class Failed(Exception):
    pass


class Missing(Exception):
    pass


def check(true, text):
    if not true:
        raise Failed(text)


def is_equal(actual, expected, what):
    check(actual == expected, f"{what}: {str(actual)[:300]!r}, not {str(expected)[:300]!r}")


def need(program, package):
    if not shutil.which(program):
        raise Missing(f"no {program} ({package})")


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=PATIENCE, check=False, **more)
    check(done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stdout.strip()[-600:]}")
    return done.stdout


def die_with_us():
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@contextlib.contextmanager
def process(*command, **more):
    """A server that ends with the block: by SIGTERM, and its status is 0."""
    child = subprocess.Popen([str(word) for word in command], text=True, preexec_fn=die_with_us, **more)
    try:
        yield child
        check(child.poll() is None, f"{command[0]} has ended with {child.returncode}")
        child.send_signal(signal.SIGTERM)
        status = child.wait(PATIENCE)
        check(status in (0, 143, -15), f"{command[0]} ended with {status}")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


@contextlib.contextmanager
def server(program, folder):
    (folder / "file.txt").write_text("a file\n")
    with process(program, folder, stdout=subprocess.PIPE) as child:
        words = child.stdout.readline().split()
        check(len(words) == 2 and words[0] == "port", f"the server says {words}")
        yield int(words[1])


# ---- load generators ----

def wrk(port, folder):
    need("wrk", "wrk")
    out = run("wrk", "-t2", "-c16", "-d1s", "-s", HERE / "clients.lua", f"http://127.0.0.1:{port}/")
    told = re.search(r"good (\d+) bad (\d+) errors (\d+)", out)
    check(told and int(told[1]) > 100 and told[2] == told[3] == "0", out)


def ab(port, folder):
    need("ab", "apache2-utils")
    body = folder / "body"
    body.write_bytes(b"ball " * 20)
    for keep in ([], ["-k"]):
        out = run("ab", "-q", *keep, "-n", 2000, "-c", 16, "-p", body, "-T", "text/plain", f"http://127.0.0.1:{port}/whole")
        check(re.search(r"Complete requests: +2000\nFailed requests: +0\n", out), out)
        check("Non-2xx" not in out and re.search(r"Document Length: +100 bytes", out), out)
        check(not keep or re.search(r"Keep-Alive requests: +2000\n", out), "HTTP/1.0 with keep-alive: " + out)
        check(re.search(r"HTML transferred: +200000 bytes", out), out)
        out = run("ab", "-q", *keep, "-v", 4, "-n", 2, "-p", body, "-T", "text/plain", f"http://127.0.0.1:{port}/whole")
        check(out.count("ball " * 20) >= 2, out)


def h2load(port, folder):
    need("h2load", "nghttp2-client")
    size = len("Hello, h2load\n")
    in_bytes = os.environ.get("ASYNCIO_MAX_IO_BYTES") == "1"
    for ahead in (1, 8):
        out = run("h2load", "--h1", "-n", 2000, "-c", 16, "-m", ahead, f"http://127.0.0.1:{port}/hello/h2load")
        check("2000 succeeded, 0 failed, 0 errored, 0 timeout" in out, out)
        # it counts an answer's status again for each piece of its line
        told = re.search(r"(\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", out)
        check(told and (int(told[1]) == 2000 or in_bytes and int(told[1]) > 2000), out)
        data = re.search(r"\((\d+)\) data", out)
        check(data and int(data[1]) == 2000 * size, out)
    body = folder / "body"
    body.write_bytes(b"x" * 20_000)
    out = run("h2load", "--h1", "-n", 500, "-c", 8, "-d", body, f"http://127.0.0.1:{port}/whole")
    data = re.search(r"\((\d+)\) data", out)
    check(("500 2xx" in out or in_bytes) and "500 succeeded" in out and data and int(data[1]) == 500 * 20_000, out)


def npm_folder():
    """Where the modules are: made by npm from our lock file, in the build folder."""
    try:
        done = subprocess.run([HERE.parent / "support/npm/install.sh"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=240, check=False)
    except subprocess.TimeoutExpired:
        raise Missing("npm does not end, no network?") from None
    if done.returncode != 0:
        raise Missing("npm brings nothing, no network? " + done.stderr.strip()[-200:].replace("\n", " "))
    return pathlib.Path(done.stdout.strip())


def node(port, folder):
    need("node", "nodejs")
    need("npm", "npm")
    out = run("node", HERE / "clients.mjs", npm_folder(), f"http://127.0.0.1:{port}")
    check(re.search(r"^ok \d{3}$", out, re.M), out)


# ---- through proxies ----

NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_max_body_size 100m;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream ours {{ server 127.0.0.1:{port}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{own};
        proxy_http_version 1.1;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header X-Forwarded-For $remote_addr;
        location / {{ proxy_pass http://ours; }}
        location /unbuffered/ {{ proxy_pass http://ours/; proxy_request_buffering off; proxy_buffering off; }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    timeout tunnel 20s
    option http-keep-alive
    http-reuse always
frontend in
    bind 127.0.0.1:{own}
    http-request set-path %[path,regsub(^/unbuffered,)]
    default_backend ours
backend ours
    server one 127.0.0.1:{port}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port):
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except ConnectionRefusedError:
            check(time.monotonic() < until, f"nobody listens on port {port}")
            time.sleep(0.02)


def ask(client, method, path, body=None, headers=None, chunked=False):
    client.request(method, path, body, headers or {}, encode_chunked=chunked)
    answer = client.getresponse()
    return answer, answer.read()


def pieces_of(data, size):
    return (data[at:at + size] for at in range(0, len(data), size))


def proxied_bodies(client, prefix):
    """Bodies in all sizes both ways, with a length and in chunks."""
    chunked = {"Transfer-Encoding": "chunked"}
    for size in (0, 1, 100, 65_536, 700_000):
        data = LARGE[:size]
        answer, body = ask(client, "POST", prefix + "/whole", data)
        check(answer.status == 200 and body == data, f"{prefix} {size} bytes: {answer.status}, {len(body)} bytes")
        answer, body = ask(client, "POST", prefix + "/echo", pieces_of(data, 5000), chunked, True)
        check(answer.status == 200 and body == data, f"{prefix} {size} in chunks: {answer.status}, {len(body)} bytes")
        answer, body = ask(client, "PUT", prefix + "/echo", data)
        check(answer.status == 200 and body == data, f"{prefix} {size}, chunks back: {answer.status}, {len(body)} bytes")
    huge = LARGE * 7                    # 21 MB
    expected = f"{len(huge)} {zlib.adler32(huge)}\n".encode()
    answer, body = ask(client, "POST", prefix + "/sum", huge)
    is_equal((answer.status, body), (200, expected), f"{prefix} a large upload")
    answer, body = ask(client, "PUT", prefix + "/sum", pieces_of(huge, 100_000), chunked, True)
    is_equal((answer.status, body), (200, expected), f"{prefix} a large upload in chunks")
    for path in ("/large", "/pieces"):
        answer, body = ask(client, "GET", prefix + path)
        check(answer.status == 200 and body == LARGE, f"{prefix}{path}: {answer.status}, {len(body)} bytes")


def proxied_heads(client, prefix):
    """Answers without bodies, conditions, ranges, errors: each leaves the connection in order for the next."""
    answer, body = ask(client, "HEAD", prefix + "/hello/x")
    is_equal((answer.status, answer.headers["Content-Length"], body), (200, "9", b""), "HEAD")
    answer, body = ask(client, "HEAD", prefix + "/static/file.txt")
    is_equal((answer.status, answer.headers["Content-Length"], body), (200, "7", b""), "HEAD of a file")
    answer, body = ask(client, "GET", prefix + "/static/file.txt")
    is_equal((answer.status, body), (200, b"a file\n"), "a file")
    tag = answer.headers["ETag"]
    for _ in range(3):
        answer, body = ask(client, "GET", prefix + "/static/file.txt", headers={"If-None-Match": tag})
        is_equal((answer.status, body), (304, b""), "not modified")
    answer, body = ask(client, "GET", prefix + "/static/file.txt", headers={"Range": "bytes=2-5"})
    is_equal((answer.status, body, answer.headers["Content-Range"]), (206, b"file", "bytes 2-5/7"), "a range")
    answer, body = ask(client, "GET", prefix + "/static/file.txt", headers={"Range": "bytes=70-"})
    is_equal(answer.status, 416, "a range beyond")
    answer, body = ask(client, "GET", prefix + "/no/such")
    check(answer.status == 404 and body.startswith(b"404"), f"{answer.status} {body}")
    answer, body = ask(client, "DELETE", prefix + "/echo")
    is_equal((answer.status, answer.headers["Allow"]), (405, "POST, PUT"), "no such method")
    answer, body = ask(client, "GET", prefix + "/hello/w%C3%B6rld")
    is_equal(body, "Hello, wörld\n".encode(), "a name")


def proxied_limits(port, prefix):
    """Too much: 413, through the proxy; and the server goes on."""
    for body, headers in ((LARGE, {}), (pieces_of(LARGE, 50_000), {"Transfer-Encoding": "chunked"})):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.request("POST", prefix + "/whole", body, headers, encode_chunked=bool(headers))
        is_equal(client.getresponse().status, 413, f"{prefix} more than is read")
        client.close()


def proxied_expect(port, folder, prefix):
    """curl waits for 100 Continue before it sends."""
    need("curl", "curl")
    path = folder / "upload"
    path.write_bytes(LARGE)
    out = run("curl", "-s", "--noproxy", "*", "-m", 30, "-T", path, "-H", "Expect: 100-continue", "--expect100-timeout", 20,
              f"http://127.0.0.1:{port}{prefix}/sum")
    is_equal(out, f"{len(LARGE)} {zlib.adler32(LARGE)}\n", "Expect")


def proxied_upgrade(port, prefix):
    """After 101 the connection is the handler's, both ways."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as one:
        one.sendall(f"GET {prefix}/upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = one.recv(1000)
            check(more, f"the end instead of 101: {head}")
            head += more
        check(head.startswith(b"HTTP/1.1 101 "), f"{head}")
        got = head.split(b"\r\n\r\n", 1)[1]
        for i in range(20):
            one.sendall(b"message %d\n" % i)
            while got.count(b"\n") <= i:
                more = one.recv(1000)
                check(more, f"the end after {got}")
                got += more
        is_equal(got, b"".join(b"message %d\n" % i for i in range(20)), "what came back")


def behind(port, own, folder):
    wait_for_port(own)
    client = http.client.HTTPConnection("127.0.0.1", own, timeout=PATIENCE)
    for prefix in ("", "/unbuffered"):
        proxied_bodies(client, prefix)
        proxied_heads(client, prefix)
        proxied_limits(own, prefix)
        proxied_expect(own, folder, prefix)
        proxied_upgrade(own, prefix)
    # One request after the other goes by one connection of the proxy's, which is kept.
    peers = {ask(client, "GET", "/peer")[1] for _ in range(20)}
    check(len(peers) <= 2, f"the proxy's connections are not kept: {peers}")
    client.close()
    need("wrk", "wrk")
    out = run("wrk", "-t1", "-c8", "-d1s", "-s", HERE / "clients.lua", f"http://127.0.0.1:{own}/")
    told = re.search(r"good (\d+) bad (\d+) errors (\d+)", out)
    check(told and int(told[1]) > 50 and told[2] == told[3] == "0", out)


def nginx(port, folder):
    need("nginx", "nginx-light")
    own = free_port()
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, port=port, own=own))
    with process("nginx", "-p", folder, "-c", path, stderr=subprocess.DEVNULL):
        behind(port, own, folder)
    said = [line for line in (folder / "nginx.log").read_text().splitlines()
            if "buffered to a temporary file" not in line]
    check(not said, "nginx complains: " + "\n".join(said[:5]))


def haproxy(port, folder):
    need("haproxy", "haproxy")
    own = free_port()
    path = folder / "haproxy.conf"
    path.write_text(HAPROXY.format(port=port, own=own))
    with process("haproxy", "-db", "-q", "-f", path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        behind(port, own, folder)


CASES = [wrk, ab, h2load, node, nginx, haproxy]


def main():
    program, wanted = sys.argv[1], sys.argv[2:]
    ran, failed = 0, 0
    for case in [c for c in CASES if not wanted or c.__name__ in wanted]:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="aiohttp-clients-") as folder:
            try:
                with server(program, pathlib.Path(folder)) as port:
                    case(port, pathlib.Path(folder))
            except Missing as missing:
                print(f"skipped {case.__name__}: {missing}", flush=True)
                continue
            except (Failed, OSError, http.client.HTTPException, subprocess.TimeoutExpired) as failure:
                failed += 1
                print(f"FAILED {case.__name__}: {type(failure).__name__}: {failure}", flush=True)
                continue
        ran += 1
        print(f"ok {case.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    return 1 if failed else 77 if not ran else 0


if __name__ == "__main__":
    sys.exit(main())
