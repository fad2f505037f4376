# SPDX-License-Identifier: MIT
"""What examples/serve.c has to do: asked by curl, by Python's http.client, and by bytes that no decent client would send."""
import hashlib
import http.client
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

from cases import connect, is_refused, read_to_end, read_until
from program import PATIENCE, Program, check

GOODBYE = r"stopped after (\d+) answers; left behind: 0 tasks, 0 descriptors, 0 bytes\n"


class Site:
    """A folder with all sorts of things in it, and the server on it."""

    def __init__(self, path):
        self.folder = tempfile.TemporaryDirectory(prefix="asyncio-serve-")
        self.root = os.path.join(self.folder.name, "root")
        self.make("root/index.html", b"<h1>start</h1>")
        self.make("root/style.css", b"a{}")
        self.make("root/notes", b"plain text\n")
        self.make("root/a name & <b>.txt", b"odd")
        self.make("root/.hidden", b"secret")
        self.make("root/data/zeros.bin", bytes(1000))
        self.make("root/data/big.bin", os.urandom(1 << 20) * 8)
        self.make("root/data/empty.txt", b"")
        self.make("root/sub/index.html", b"<h1>sub</h1>")
        self.make("outside.txt", b"secret")
        os.symlink("../outside.txt", os.path.join(self.root, "leads-out.txt"))
        os.symlink("/etc", os.path.join(self.root, "etc"))
        os.mkfifo(os.path.join(self.root, "pipe"))
        self.run = Program(path, self.root, 0)
        self.port = int(self.run.wait_for(r"^Serving \S+ on http://127\.0\.0\.1:(\d+)/ ")[1])
        self.run.wait_for("^Ctrl-C ends it\\.$")

    def make(self, name, data):
        path = os.path.join(self.folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run.__exit__()
        self.folder.cleanup()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path, method="GET"):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        client.putrequest(method, path)
        client.endheaders()
        answer = client.getresponse()
        data = answer.read()
        client.close()
        return answer, data

    def status(self, path, method="GET"):
        return self.get(path, method)[0].status

    def ask(self, data):
        """The bytes that come back for these bytes, until the connection ends."""
        with connect(self.port) as peer:
            peer.sendall(data)
            return read_to_end(peer)

    def goodbye(self):
        output = self.run.end(0)
        check(re.search(GOODBYE + r"\Z", output), f"it does not say that nothing is left:\n{output}")
        check(is_refused(self.port), "it still listens")

    def stop(self):
        self.run.interrupt()
        self.goodbye()


def curl(*arguments):
    return subprocess.run(["curl", "-sS", "--max-time", str(int(PATIENCE)), *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)


def serve_measures_itself(path, backend):
    with Site(path) as site:
        table = site.run.output
        check(re.search(r"^100 tasks fetched (\d+) of its pages each", table, re.M), f"no table:\n{table}")
        pages = int(re.search(r"fetched (\d+)", table)[1])
        check(pages >= 6, f"it knows only {pages} pages")
        values = {key: float(re.search(rf"^    {key} +([\d.]+)", table, re.M)[1])
                  for key in ("requests", "failures", "bytes", "time", "requests/s", "slowest")}
        check(values["requests"] == 100 * pages and values["failures"] == 0, f"{values}")
        check(values["bytes"] > 0 and values["time"] > 0, f"{values}")
        check(abs(values["requests/s"] * values["time"] / values["requests"] - 1) < 0.2, f"{values}")
        site.stop()


def serve_curl(path, backend):
    with Site(path) as site:
        check(curl(site.url("/")).stdout == b"<h1>start</h1>", "another start page")
        check(curl(site.url("/sub/")).stdout == b"<h1>sub</h1>", "another index.html")
        check(curl("-L", site.url("/sub")).stdout == b"<h1>sub</h1>", "the redirection does not lead there")
        big = curl(site.url("/data/big.bin")).stdout
        with open(os.path.join(site.root, "data/big.bin"), "rb") as file:
            check(hashlib.sha256(file.read()).digest() == hashlib.sha256(big).digest(), "8 MiB came otherwise")
        head = curl("-I", site.url("/data/big.bin")).stdout.decode()
        check(head.startswith("HTTP/1.1 200 OK\r\n") and f"\r\nContent-Length: {8 << 20}\r\n" in head, head)
        check(curl("-I", site.url("/nothing")).stdout.startswith(b"HTTP/1.1 404 Not Found\r\n"), "no 404")
        both = curl("-v", site.url("/style.css"), site.url("/notes")).stdout
        check(b"Re-using existing connection" in both, "the connection is not kept alive:\n" + both.decode())
        answer = curl("-i", "--http1.0", site.url("/style.css")).stdout
        check(b"Connection: close" in answer and answer.endswith(b"\r\n\r\na{}"), f"{answer}")
        site.stop()


def serve_statuses_and_types(path, backend):
    with Site(path) as site:
        for url, status in (("/nothing", 404), ("/sub/nothing", 404), ("/style.css/", 404), ("/style.css/x", 404),
                            ("/../outside.txt", 403), ("/sub/../../outside.txt", 403), ("/%2e%2e/outside.txt", 403),
                            ("/..%2foutside.txt", 403), ("/leads-out.txt", 403), ("/etc/passwd", 403), ("/.hidden", 403),
                            ("/sub/%2e%2e/%2e%2e/outside.txt", 403), ("/pipe", 403), ("//etc/passwd", 403),
                            ("/%00", 400), ("/%zz", 400), ("/%2", 400), ("/" + "x" * 300, 404), ("/" + "x/" * 700, 414),
                            ("/sub", 301), ("//sub", 301), ("/style.css?v=1", 200), ("/%73tyle.css", 200),
                            ("/data/empty.txt", 200), ("//style.css", 200)):
            found = site.status(url)
            check(found == status, f"{url[:40]}: {found}, not {status}")
        for url, kind in (("/", "text/html; charset=utf-8"), ("/style.css", "text/css; charset=utf-8"),
                          ("/notes", "text/plain; charset=utf-8"), ("/data/zeros.bin", "application/octet-stream")):
            check(site.get(url)[0].headers["Content-Type"] == kind, f"{url} is another type")
        check(site.get("//sub")[0].headers["Location"] == "/sub/", "a redirection to another host")
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
            answer, _ = site.get("/", method)
            check(answer.status == 405 and answer.headers["Allow"] == "GET, HEAD", f"{method}: {answer.status}")
        site.stop()


def serve_lists_a_folder(path, backend):
    with Site(path) as site:
        os.unlink(os.path.join(site.root, "index.html"))
        answer, page = site.get("/")
        page = page.decode()
        check(answer.status == 200 and answer.headers["Content-Type"].startswith("text/html"), "no page")
        check('href="./a%20name%20%26%20%3Cb%3E.txt">a name &amp; &lt;b&gt;.txt</a>' in page, "a name is not escaped")
        check(page.index(">data/<") < page.index(">notes<"), "folders do not come first")
        for hidden in (".hidden", "pipe", "leads-out", "etc"):
            check(hidden not in page, f"{hidden} is listed")
        check(site.get("/a%20name%20%26%20%3Cb%3E.txt")[1] == b"odd", "the link does not lead there")
        check('href="../"' in site.get("/data/")[1].decode(), "no way back")
        site.stop()


def serve_refuses_what_is_no_request(path, backend):
    with Site(path) as site:
        host = b"Host: x\r\n"
        for request, status in ((b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n" + host * 2 + b"\r\n", 400),
                                (b"hello\r\n\r\n", 400), (b"GET / HTTP/2.0\r\n" + host + b"\r\n", 505),
                                (b"GET  / HTTP/1.1\r\n" + host + b"\r\n", 400), (b"GET style.css HTTP/1.1\r\n" + host + b"\r\n", 400),
                                (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n folded\r\n" + host + b"\r\n", 400),
                                (b"GET / HTTP/1.1\r\n" + host + b"X: \0\r\n\r\n", 400), (b"\xff\xfe / HTTP/1.1\r\n" + host + b"\r\n", 400),
                                (b"GET / HTTP/1.1\r\n" + host + b"X: " + b"y" * 9000 + b"\r\n\r\n", 431),
                                (b"GET / HTTP/1.1\r\n" + host + b"X: " + b"y" * 200000, 431),
                                (b"GET /" + b"z" * 100000, 431), (b"POST / HTTP/1.1\r\n" + host + b"Content-Length: 5\r\n\r\nhello", 405),
                                (b"GET / HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200),
                                (b"GET / HTTP/1.1\r\n" + host + b"Connection: x, Close\r\n\r\n", 200),
                                (b"GET http://x/style.css HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n", 200),
                                (b"GET / HTTP/1.0\r\n\r\n", 200)):
            answer = site.ask(request)
            check(answer.startswith(b"HTTP/1.1 %d " % status), f"{request[:60]}: {answer[:60]}, not {status}")
            check(answer.count(b"HTTP/1.1 ") == 1, f"{request[:60]}: more than one answer")
        check(site.ask(b"GET / HT") .startswith(b"HTTP/1.1 408 "), "half a request is waited for without an end")
        check(site.ask(b"") == b"", "an answer to nobody's question")
        site.stop()


def serve_pipelined_and_byte_by_byte(path, backend):
    with Site(path) as site, connect(site.port) as peer:
        one = b"GET /style.css HTTP/1.1\r\nHost: x\r\n\r\n"
        peer.sendall(one * 50)
        answers = b""
        while answers.count(b"\r\n\r\na{}") < 50:
            answers += read_until(peer, b"a{}")
        for byte in one:
            peer.sendall(bytes([byte]))
            time.sleep(0.002)
        check(read_until(peer, b"a{}").startswith(b"HTTP/1.1 200 "), "another answer")
        site.stop()


def serve_one_slow_reader_delays_nobody(path, backend):
    with Site(path) as site:
        slow = [connect(site.port, 4096) for _ in range(20)]
        for peer in slow:
            peer.sendall(b"GET /data/big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        begin = time.monotonic()
        for _ in range(20):
            check(site.status("/style.css") == 200, "no answer beside slow readers")
        took = time.monotonic() - begin
        check(took < PATIENCE / 10, f"20 requests took {took:.2f} s beside slow readers")
        for peer in slow[1:]:
            peer.close()                # in the middle of it
        data = b""
        while len(data) < 1 << 19:
            data += slow[0].recv(1 << 16)
        with open(os.path.join(site.root, "data/big.bin"), "rb") as file:
            check(file.read().startswith(data.split(b"\r\n\r\n", 1)[1]), "other bytes for a slow reader")
        slow[0].close()
        site.stop()


def serve_cuts_off_who_never_reads(path, backend):
    with Site(path) as site:
        site.make("root/data/some.bin", bytes(60000))
        one = b"GET /data/some.bin HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET /data/some.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        with connect(site.port, 4096) as peer:
            peer.sendall(one * 199 + last)      # more than sockets hold
            time.sleep(5)                       # SEND_SECONDS in this build are 3
            check(len(read_to_end(peer)) < 200 * 60000, "a client that did not read for 5 seconds got all the same")
        site.stop()


def serve_a_file_that_shrinks(path, backend):
    with Site(path) as site, connect(site.port, 4096) as peer:
        peer.sendall(b"GET /data/big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until_some = peer.recv(1000)
        check(b"Content-Length: %d" % (8 << 20) in read_until_some, "another length")
        os.truncate(os.path.join(site.root, "data/big.bin"), 1000)
        check(len(read_to_end(peer)) < 8 << 20, "bytes that the file has not")
        check(site.status("/data/big.bin") == 200, "it does not go on")
        site.stop()


def serve_stops_when_what_it_sends_is_sent(path, backend):
    with Site(path) as site, connect(site.port) as idle, connect(site.port) as begun, connect(site.port) as busy:
        begun.sendall(b"GET / HTTP/1.1\r\n")
        busy.sendall(b"GET /data/big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        first = busy.recv(1000)
        site.run.interrupt()
        site.run.wait_for("^stopping$")
        check(len(first + read_to_end(busy)) > 8 << 20, "what was under way is not finished")
        site.goodbye()
        for peer in (idle, begun):
            read_to_end(peer)


def serve_stops_though_somebody_does_not_read(path, backend):
    with Site(path) as site, connect(site.port, 4096) as stuck:
        stuck.sendall(b"GET /data/big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        stuck.recv(1000)
        time.sleep(0.2)
        site.run.interrupt()
        site.goodbye()


def serve_second_ctrl_c_does_not_wait(path, backend):
    with Site(path) as site, connect(site.port, 4096) as stuck:
        stuck.sendall(b"GET /data/big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        begin = time.monotonic()
        site.run.interrupt()
        site.run.wait_for("^stopping$")
        site.run.interrupt()
        site.run.end(130)
        check(time.monotonic() - begin < 2.5 or PATIENCE > 60, "it waited")


def serve_sigterm_and_ctrl_c_at_start(path, backend):
    with Site(path) as site:
        site.run.interrupt(signal.SIGTERM)
        check(re.search(GOODBYE + r"\Z", site.run.end(0)), "another end")
    for delay in (0.0, 0.01, 0.03):
        with tempfile.TemporaryDirectory() as folder, Program(path, folder, 0) as run:
            run.wait_for("^Serving ")
            time.sleep(delay)
            run.interrupt()
            check(re.search(GOODBYE + r"\Z", run.end(0)), "another end")


def serve_says_what_is_wrong(path, backend):
    with socket.socket() as taken, tempfile.TemporaryDirectory() as folder:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = os.path.join(folder, "file")
        with open(file, "w", encoding="utf-8"):
            pass
        for arguments, text in (((folder, port), rf"serve: port {port} of 127\.0\.0\.1 is in use: choose another one, like PORT={port + 1}\n"),
                                ((folder + "/none", 0), rf"serve: cannot serve the folder {folder}/none: No such file or directory\n"),
                                ((file, 0), rf"serve: cannot serve the folder {file}: Not a directory\n"),
                                ((folder, "http"), r"serve: http is not a port: 0 \(any\) to 65535\n"),
                                ((folder, 65536), r"serve: 65536 is not a port: 0 \(any\) to 65535\n"),
                                ((folder, 0, "192.0.2.1"), r"serve: 192\.0\.2\.1 is no address of this machine\n")):
            with Program(path, *arguments) as run:
                check(run.end(1, rf"\A{text}\Z") == "", "it prints something all the same")


def serve_many_at_once(path, backend):
    with Site(path) as site:
        wrong = []
        def client(number):
            client = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
            for i in range(10):
                url, data = (("/style.css", b"a{}"), ("/data/zeros.bin", bytes(1000)), ("/notes", b"plain text\n"))[(number + i) % 3]
                client.request("GET", url)
                answer = client.getresponse()
                if answer.status != 200 or answer.read() != data:
                    wrong.append(url)
            client.close()
        threads = [threading.Thread(target=client, args=(i,)) for i in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(not wrong, f"{len(wrong)} answers are wrong: {wrong[:5]}")
        site.stop()
