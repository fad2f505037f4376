# SPDX-License-Identifier: MIT
"""What the examples of libaiohttp's client have to do: sizes of pages, and a walk through a small site of Python's."""
import contextlib
import email
import http.server
import os
import re
import tempfile
import threading

from cases import RECORD
from program import Program, check

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
