# SPDX-License-Identifier: MIT
"""What the examples of libaiohttp's client have to do: sizes of pages, and a walk through a small site of Python's."""
import base64
import contextlib
import email
import hashlib
import http.server
import os
import re
import socket
import tempfile
import threading

from cases import RECORD
from program import PATIENCE, Program, check

PAGES = {"/": b'<a href="/a">a</a> <a href="b.html#part">b</a> <a href="http://elsewhere.invalid/">no</a> <a href="/gone">g</a>',
         "/a": b'<a href="/">home</a> <a href="/b.html">b</a>', "/b.html": b"no links", "/large": b"x" * 100000}


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/large")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = PAGES.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.headers["Content-Type"], body))
        answer = b"thank you"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def site():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def client_tells_sizes(path, backend):
    with site() as (_, url), Program(path, url + "/large", url + "/moved", url + "/gone") as run:
        output = run.end(0)
        check(sorted(output.splitlines()) == sorted([f"{url}/large: 100000 bytes", f"{url}/moved: 100000 bytes",
                                                     f"{url}/gone: GET {url}/gone: 404 Not Found"]), output)


def client_says_what_is_wrong(path, backend):
    with Program(path, "http://127.0.0.1:1/", "nonsense") as run:
        output = run.end(0)
        check(re.search(r"^http://127\.0\.0\.1:1/: cannot connect to 127\.0\.0\.1:1 \(connect\): ", output, re.M), output)
        check(re.search(r"^nonsense: the URL \"nonsense\" is relative", output, re.M), output)


def crawler_finds_all_once(path, backend):
    with site() as (server, url), Program(path, url + "/") as run:
        lines = sorted(line.split()[-1][len(url):] + " " + line.split()[0] for line in run.end(0).splitlines())
        check(lines == ["/ 200", "/a 200", "/b.html 200", "/gone 404"], f"{lines}")
        check(sorted(server.seen) == ["/", "/a", "/b.html", "/gone"], f"{server.seen}")


def crawler_stops_at_its_number(path, backend):
    with site() as (_, url), Program(path, url, 2) as run:
        check(len(run.end(0).splitlines()) == 2, "not two pages")


def send_files_shows_how_far_it_is(path, backend):
    with tempfile.TemporaryDirectory() as folder, site() as (server, url):
        contents = {"one.txt": b"hello", "two.bin": os.urandom(300000)}
        for name, data in contents.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        with Program(path, url + "/up", *(os.path.join(folder, name) for name in contents)) as run:
            output = run.end(0)
        kind, body = server.seen[0]
        parts = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body).get_payload()
        check(parts[0].get_param("name", header="Content-Disposition") == "from", parts[0].as_string())
        check(parts[0].get_payload() == "an example", parts[0].as_string())
        sent = {part.get_filename(): part.get_payload(decode=True) for part in parts[1:]}
        check(list(sent) == list(contents) and sent["one.txt"] == b"hello", f"{list(sent)}")
        check(contents["two.bin"] in body, "the second file is not the one that was sent")
        check(f"100% of {len(body)} bytes" in output and output.endswith("\nthank you\n"), output)


def send_files_needs_files(path, backend):
    with Program(path, "http://127.0.0.1:1/", "/nowhere/at/all") as run:
        run.end(1, "no such file or directory", kept=RECORD)


class Echoes:
    """A WebSocket server that answers so many messages of each connection, then reads one more and is gone without a word."""

    def __init__(self, *lives):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.url, self.lives, self.said, self.closed = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/", lives, [], []
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join(PATIENCE)
        self.listener.close()

    def serve(self):
        for life in self.lives:
            peer = self.listener.accept()[0]
            with peer, peer.makefile("rb") as file:
                head = b"".join(iter(file.readline, b"\r\n")).decode()
                if life is None:
                    peer.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    continue
                key = re.search(r"(?im)^sec-websocket-key: (\S+)", head)[1] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
                accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
                peer.sendall("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
                with contextlib.suppress(ConnectionResetError):         # Ctrl-C closes nothing
                    self.talk(peer, file, life)

    def talk(self, peer, file, life):
        while len(head := file.read(6)) == 6:
            data = bytes(byte ^ head[2 + i % 4] for i, byte in enumerate(file.read(head[1] & 0x7f)))
            if head[0] == 0x88:
                self.closed.append(int.from_bytes(data[:2], "big"))
                peer.sendall(bytes([0x88, len(data)]) + data)
                return
            self.said.append(data.decode())
            if life == 0:
                return
            peer.sendall(bytes([0x81, len(data)]) + data)
            life -= 1


def websocket_client_comes_back(path, backend):
    with Echoes(2, None, 0, 10) as server, Program(path, server.url, 5, 0.01) as run:
        output = run.end(0, r"; again in 0\.1 s\n.*; again in 0\.2 s\n.*; again in 0\.1 s\n", kept=RECORD)
        check(output.splitlines() == [f"message {number}" for number in range(1, 6)], output)
        check(server.said == [f"message {number}" for number in (1, 2, 3, 3, 3, 4, 5)], f"{server.said}")
        check(server.closed == [1000], f"{server.closed}")


def websocket_client_waits_longer_each_time(path, backend):
    with Program(path, "ws://127.0.0.1:1/") as run:
        run.wait_for(r"again in 0\.4 s", "errors")
        run.interrupt()
        run.end(130, r"\A.*refused.*again in 0\.1 s\n.*refused.*again in 0\.2 s\n.*refused.*again in 0\.4 s\n", kept=RECORD)


def websocket_client_ends_by_ctrl_c(path, backend):
    with Echoes(1000) as server, Program(path, server.url, 0, 0.01) as run:
        run.wait_for("^message 3$")
        run.interrupt()
        run.end(130, "", kept=RECORD)


def websocket_client_does_not_try_nonsense(path, backend):
    with Program(path, "nonsense") as run:
        run.end(1, "relative", kept=RECORD)
