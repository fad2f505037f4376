# SPDX-License-Identifier: MIT
"""What the examples on libaiohttp have to do: the hello of the first page, the JSON API, and the live site, which Chromium
looks at too, where there is one."""
import fcntl
import http.client
import json
import os
import re
import signal
import socket
import tempfile
import threading
import time

import browser
from cases import connect, is_refused, read_to_end
from program import PATIENCE, Program, Skipped, check

GOODBYE = r"stopped after (\d+) answers; left behind: 0 tasks, 0 descriptors, 0 bytes\n\Z"
TOKEN = {"Authorization": "Bearer secret"}


def ask(port, method, path, body=None, headers=None):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    client.request(method, path, body, headers or {})
    answer = client.getresponse()
    data = answer.read()
    client.close()
    return answer, data


# ---- hello ----

def web_hello_answers_by_name(path, backend):
    # Its port is in it, so one case at a time, and none where somebody else has it.
    with open(os.path.join(tempfile.gettempdir(), "asyncio-port-8080"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_refused(8080):
            raise Skipped("somebody listens on port 8080")
        with Program(path) as run:
            until = time.monotonic() + PATIENCE
            while is_refused(8080):
                check(time.monotonic() < until and run.process.poll() is None, "it does not listen:\n" + run.errors)
                time.sleep(0.02)
            answer, data = ask(8080, "GET", "/w%C3%B6rld")
            check(answer.status == 200 and data == "Hello, wörld\n".encode(), f"{answer.status} {data}")
            check(answer.headers["Content-Type"] == "text/plain; charset=utf-8", f"{answer.headers}")
            check(ask(8080, "GET", "/")[0].status == 404, "a name of no bytes")
            answer, _ = ask(8080, "POST", "/x")
            check(answer.status == 405 and answer.headers["Allow"] == "GET, HEAD", f"{answer.status} {answer.headers}")
            run.interrupt()
            run.end(0)


# ---- the API ----

class Api:
    def __init__(self, path):
        self.run = Program(path, 0)
        self.port = int(self.run.wait_for(r"^serving on http://127\.0\.0\.1:(\d+)$")[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run.__exit__()

    def json(self, status, method, path, body=None, headers=None):
        answer, data = ask(self.port, method, path, body, headers)
        check(answer.status == status, f"{method} {path}: {answer.status}, not {status}: {data}")
        return (json.loads(data) if data else None), answer.headers

    def stop(self, number=signal.SIGINT):
        self.run.interrupt(number)
        self.run.end(0)


def web_api_adds_reads_and_deletes(path, backend):
    with Api(path) as api:
        check(api.json(200, "GET", "/notes")[0] == {}, "notes at the start")
        text = "mi\"lk \N{CHEESE WEDGE}"
        note, headers = api.json(201, "POST", "/notes", json.dumps({"text": text}), TOKEN)
        check(note["id"] == 1 and note["text"] == text and headers["Location"] == "/notes/1", f"{note} {headers}")
        check(api.json(200, "GET", headers["Location"])[0] == note, "another note")
        api.json(201, "POST", "/notes", '{"text": "bread"}', TOKEN)
        check(list(api.json(200, "GET", "/notes")[0]) == ["1", "2"], "not both")
        api.json(204, "DELETE", "/notes/1", None, TOKEN)
        check(list(api.json(200, "GET", "/notes")[0]) == ["2"], "it is still there")
        api.stop(signal.SIGTERM)


def web_api_errors_are_json(path, backend):
    with Api(path) as api:
        for status, method, url, body, headers in (
                (401, "POST", "/notes", '{"text": "x"}', {}), (401, "DELETE", "/notes/1", None, {"Authorization": "Bearer x"}),
                (404, "GET", "/notes/7", None, {}), (404, "GET", "/notes/x", None, {}), (404, "GET", "/", None, {}),
                (404, "DELETE", "/notes/7", None, TOKEN), (405, "PUT", "/notes", "x", TOKEN),
                (400, "POST", "/notes", "{", TOKEN), (422, "POST", "/notes", "[]", TOKEN), (422, "POST", "/notes", '{"text": 1}', TOKEN),
                (413, "POST", "/notes", json.dumps({"text": "x" * 70000}), TOKEN)):
            found, _ = api.json(status, method, url, body, headers)
            check(found["status"] == status and found["error"], f"{method} {url}: {found}")
        check(api.json(200, "GET", "/notes")[0] == {}, "something was added")
        api.stop()


# ---- files by a form ----

def multipart(fields):
    """A body and its type; a field is a name, a file's name or None, a type or None, and bytes."""
    body = b""
    for name, filename, kind, data in fields:
        head = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        body += f"--xx\r\n{head}\r\n".encode() + (f"Content-Type: {kind}\r\n".encode() if kind else b"") + b"\r\n" + data + b"\r\n"
    return body + b"--xx--\r\n", {"Content-Type": "multipart/form-data; boundary=xx"}


def web_upload_keeps_and_shows(path, backend):
    big = os.urandom(300_000)
    with tempfile.TemporaryDirectory() as folder, Program(path, 0, folder) as run:
        port = int(run.wait_for(r"^serving on http://127\.0\.0\.1:(\d+)$")[1])
        body, headers = multipart([("title", None, None, "Ä <b>".encode()), ("file", "../../<x>.txt", "text/html", b"small"),
                                   ("file", "big.png", "image/png", big)])
        answer, _ = ask(port, "POST", "/", body, headers)
        check(answer.status == 303 and answer.headers["Location"] == "/", f"{answer.status} {answer.headers}")
        check(sorted(os.listdir(folder)) == ["1", "2"], f"{os.listdir(folder)}")
        answer, data = ask(port, "GET", "/")
        text = data.decode()
        check("Ä &lt;b&gt;" in text and "&lt;x&gt;.txt, 5 bytes" in text and "<b>" not in text, text)
        check('<img src="/files/2"' in text and '<img src="/files/1"' not in text, text)
        answer, data = ask(port, "GET", "/files/1")
        check(data == b"small" and answer.headers["Content-Disposition"] == "attachment", f"{answer.headers}")
        check(answer.headers["Content-Type"] == "application/octet-stream", "a page of somebody else's")
        answer, data = ask(port, "GET", "/files/2")
        check(data == big and answer.headers["Content-Type"] == "image/png", f"{answer.headers}")
        check(ask(port, "GET", "/files/3")[0].status == 404, "a file that is not there")
        for status, what in ((400, multipart([("title", None, None, b"x")])), (400, multipart([("file", "a", None, b"x")])),
                             (400, (body[:-20], headers)), (400, (b"title=x", {"Content-Type": "application/x-www-form-urlencoded"}))):
            answer, data = ask(port, "POST", "/", *what)
            check(answer.status == status, f"{answer.status}, not {status}: {data}")
        check(sorted(os.listdir(folder)) == ["1", "2"], f"{os.listdir(folder)}")
        answer, data = ask(port, "GET", "/none", None, {"Accept": "text/html"})
        check(answer.status == 404 and b"<h1>404</h1>" in data, f"{data}")
        run.interrupt()
        run.end(0)


def web_upload_says_what_is_wrong(path, backend):
    for arguments, text in (((0, "/nowhere/at/all"), r"nothing can be kept in /nowhere/at/all: No such file or directory\n"),
                            (("http", "."), r"http is no port\n"), ((70000, "."), r"70000 is no port\n")):
        with Program(path, *arguments) as run:
            check(run.end(2, rf"\A{text}\Z", kept=1024) == "", "it prints something all the same")


# ---- the live site ----

class Live:
    def __init__(self, path, folder="docs"):
        self.run = Program(path, folder, 0)
        self.port = int(self.run.wait_for(r"^Serving \S+ on http://127\.0\.0\.1:(\d+)/ ")[1])
        self.run.wait_for("^Ctrl-C ends it\\.$")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run.__exit__()

    def get(self, path):
        return ask(self.port, "GET", path)

    def say(self, name, text, status=204, headers=None):
        answer, data = ask(self.port, "POST", f"/live/chat/say?name={name}", text, headers)
        check(answer.status == status, f"{name} says {text[:20]}: {answer.status}, not {status}: {data}")

    def goodbye(self):
        output = self.run.end(0)
        check(re.search(GOODBYE, output), f"it does not say that nothing is left:\n{output}")
        check(is_refused(self.port), "it still listens")

    def stop(self):
        self.run.interrupt()
        self.goodbye()


class Events:
    """A stream of events, read in the background."""

    def __init__(self, port, path, last=None):
        self.peer, self.text = connect(port), ""
        more = f"Last-Event-ID: {last}\r\n" if last else ""
        self.peer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while data := self.peer.recv(65536):
            self.text += data.decode()

    def close(self):
        self.peer.shutdown(socket.SHUT_RDWR)
        self.reader.join(PATIENCE)
        self.peer.close()

    def wait_for(self, pattern):
        until = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text)):
            check(time.monotonic() < until, f"no {pattern!r} in:\n{self.text}")
            time.sleep(0.01)
        return found

    def ended(self):
        self.reader.join(PATIENCE)
        check(not self.reader.is_alive(), "the stream goes on")
        check(self.text.endswith("\r\n0\r\n\r\n"), "the stream is cut, not ended: ..." + self.text[-40:])
        self.peer.close()


class Socket(Events):
    """A WebSocket, read in the background: its messages, one a line, and the code of its end."""

    def __init__(self, port, path, origin=None):
        self.peer, self.text, self.code = connect(port), "", None
        more = f"Origin: {origin}\r\n" if origin else ""
        self.peer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{more}"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        self.file = self.peer.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while len(head := self.file.read(2)) == 2:
            size = head[1] if head[1] < 126 else int.from_bytes(self.file.read(2 if head[1] == 126 else 8), "big")
            data = self.file.read(size)
            if head[0] == 0x88:
                self.code = int.from_bytes(data[:2], "big")
                self.send(8, data[:2])
            elif head[0] == 0x81:
                self.text += data.decode() + "\n"

    def send(self, opcode, data):
        self.peer.sendall(bytes([0x80 | opcode, 0x80 | len(data), 0, 0, 0, 0]) + data)

    def ended(self):
        self.reader.join(PATIENCE)
        check(not self.reader.is_alive() and self.code == 1001, f"closed with {self.code}")
        self.file.close()
        self.peer.close()


def websocket_echo_sends_back_what_it_gets(path, backend):
    with Api(path) as server:
        answer, data = ask(server.port, "GET", "/")
        check(answer.headers["Content-Type"].startswith("text/html") and b"new WebSocket" in data, f"{answer.headers} {data}")
        sockets = [Socket(server.port, "/") for _ in range(3)]
        for number, one in enumerate(sockets):
            one.send(1, f"from {number}".encode())
            one.send(1, b"last")
        until = time.monotonic() + PATIENCE
        while not all(one.text.endswith("last\n") for one in sockets) and time.monotonic() < until:
            time.sleep(0.01)
        check([one.text for one in sockets] == [f"from {number}\nlast\n" for number in range(3)], f"{[one.text for one in sockets]}")
        server.run.interrupt()
        for one in sockets:
            one.ended()
        server.run.end(0)


def live_measures_itself_and_serves_the_docs(path, backend):
    with Live(path) as site:
        check(re.search(r"^    failures +0$", site.run.output, re.M), f"failures:\n{site.run.output}")
        for url in ("/", "/live/folder"):
            answer, _ = site.get(url)
            check(answer.status == 302 and answer.headers["Location"] == ("/live/" if url == "/" else "/docs/"), f"{url}: {answer.status}")
        for url, text in (("/docs/", "libasyncio"), ("/docs/tasks.html", "Tasks"), ("/live/", "A small live site"), ("/live/live.css", ":root")):
            answer, data = site.get(url)
            check(answer.status == 200 and text in data.decode(), f"{url}: {answer.status}")
        check(site.get("/docs/../examples/live.c")[0].status == 404, "a way out of the folder")
        site.stop()


def live_serves_another_folder(path, backend):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "a file.txt"), "w", encoding="utf-8") as file:
            file.write("words")
        with Live(path, folder) as site:
            check(site.get("/a%20file.txt")[1] == b"words", "another file")
            check("a%20file.txt" in site.get("/")[1].decode(), "no list of files")
            check(site.get("/live/folder")[0].headers["Location"] == "/", "the link leads elsewhere")
            check(site.get("/live/chat.html")[0].status == 200, "no chat")
            site.stop()


def live_chat_reaches_all(path, backend):
    with Live(path) as site:
        site.say("Ada", "before")
        streams = [Socket(site.port, "/live/chat/socket") for _ in range(5)]
        for stream in streams:
            stream.wait_for(r'\{"people": 5\}')
        site.say("Grace", 'say "hi"\nto <b>all</b>')
        for stream in streams:
            stream.wait_for(r'"text": "before"')
            stream.wait_for(r'\{"id": 2, .*"name": "Grace", "text": "say \\"hi\\"\\u000ato <b>all</b>"')
        streams[1].send(1, b'{"name": "Joan", "text": "by a socket"}')
        for stream in streams:
            stream.wait_for(r'"id": 3, .*"name": "Joan", "text": "by a socket"')
        for wrong in (b"no json", b"{}", b'{"name": "", "text": "x"}', b'{"name": "a", "text": 1}'):
            streams[2].send(1, wrong)
        streams[2].wait_for('(?s)(?:"problem".*){4}')
        check(Socket(site.port, "/live/chat/socket", "http://elsewhere").status == 403, "another site's page")
        late = Socket(site.port, "/live/chat/socket?last=1")
        check("before" not in late.wait_for(r"(?s).*Grace")[0], "it is told what it has seen")
        late.close()                       # and the others hear of it
        streams[0].wait_for(r'(?s)"people": 6.*"people": 5')
        for text, status, headers in (("", 400, None), (" \n", 400, None), ("x" * 1001, 413, None), (b"\xff", 400, None),
                                      ("x", 403, {"Sec-Fetch-Site": "cross-site"})):
            site.say("Ada", text, status, headers)
        for name in ("", "x" * 41):
            site.say(name, "text", 400)
        site.run.interrupt()
        site.run.wait_for("^stopping$")
        for stream in streams:
            stream.ended()
        site.goodbye()


def live_shows_its_loop(path, backend):
    with Live(path) as site:
        stream = Events(site.port, "/live/loop/events")
        stream.wait_for(r"(?s)event: picture\ndata: .*event: picture\ndata: .*\n\n")
        picture = json.loads(site.get("/live/loop.json")[1])
        tasks = {task["name"]: task for task in picture["tasks"]}
        names = {task["id"]: name for name, task in tasks.items()}
        check({"kitchen", "waiter", "cook 1", "cook 2", "cook 3", "dinner", "soup"} & set(tasks) >= {"kitchen", "waiter", "dinner"}, f"{set(tasks)}")
        for name, by in (("waiter", "kitchen"), ("cook 1", "kitchen"), ("dinner", "kitchen"), ("dessert", "dinner")):
            check([names.get(of) for of in tasks[name]["awaited_by"]] == [by], f"{name} is not awaited by {by} alone: {tasks[name]}")
        check(picture["tasks_alive"] == len(picture["tasks"]) and sum(task["running"] for task in picture["tasks"]) == 1, "other tasks")
        check(any(frame[0] == "waiter" for frame in tasks["waiter"]["frames"]), f"no frame of its own: {tasks['waiter']}")
        check(picture["backend"].startswith(backend) and picture["requests"] > 1000 and sum(picture["lag"]) > 0, f"{picture}")
        stream.close()
        site.stop()


def live_in_a_browser(path, backend):
    with browser.Browser() as page, Live(path) as site:
        at = f"http://127.0.0.1:{site.port}"
        page.go(at + "/")
        check(page.wait_for("document.querySelector('h1')?.textContent") == "A small live site", "another start page")
        page.go(at + "/live/folder")
        check(page.wait_for("location.pathname == '/docs/' && document.querySelector('h1').textContent"), "no docs")
        page.go(at + "/live/chat.html?name=Ada")
        page.wait_for("document.getElementById('state').textContent == 'only you are here'")
        site.say("Grace", "<b>hello</b>")
        page.run("document.getElementById('text').value = 'hi, Grace'; document.querySelector('form button').click()")
        said = page.wait_for("(t => t.length == 2 && t)([...document.querySelectorAll('#said li')].map(li =>"
                             " [li.querySelector('b').textContent, li.lastChild.textContent, li.className]))")
        check(said == [["Grace", "<b>hello</b>", ""], ["Ada", "hi, Grace", "mine"]], f"it shows {said}")
        page.go(at + "/live/loop.html")        # nobody chats while another page is open, though the browser may keep it
        page.go(at + "/live/chat.html")
        page.wait_for("document.getElementById('state').textContent == 'only you are here'")
        page.go(at + "/live/loop.html")
        page.wait_for("[...document.querySelectorAll('#tree b')].some(b => b.textContent == 'cook 2')")
        check(page.run("document.querySelectorAll('#tree > li > ul > li > ul > li').length") >= 1, "no courses below dinner below kitchen")
        page.wait_for("/^[\\d,.]+$/.test([...document.querySelectorAll('#figures div')].find(d =>"
                      " d.firstChild.textContent == 'Steps').children[1].textContent)")
        for width in (1200, 360):
            page.resize(width, 800)
            check(page.run("document.documentElement.scrollWidth") <= width, f"wider than a window of {width}")
        site.run.interrupt()
        page.wait_for("document.getElementById('state').textContent.startsWith('the server is gone')")
        site.goodbye()
        check(not page.complaints, f"the pages complain: {page.complaints}")


def live_second_ctrl_c_does_not_wait(path, backend):
    with Live(path) as site, connect(site.port) as half:
        half.sendall(b"POST /live/chat/say?name=x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        time.sleep(0.2)
        site.run.interrupt()
        site.run.wait_for("^stopping$")
        site.run.interrupt()
        site.run.end(130)
        read_to_end(half)


def live_says_what_is_wrong(path, backend):
    for arguments, text in ((("/nowhere/at/all", 0), r"live: cannot serve the folder /nowhere/at/all: No such file or directory\n"),
                            (("/etc/passwd", 0), r"live: cannot serve the folder /etc/passwd: Not a directory\n"),
                            (("docs", "http"), r"live: http is not a port: 0 \(any\) to 65535\n"),
                            (("docs", 0, "192.0.2.1"), r"live: 192\.0\.2\.1 is no address of this machine\n")):
        with Program(path, *arguments) as run:
            check(run.end(1, rf"\A{text}\Z", kept=1024) == "", "it prints something all the same")
