# SPDX-License-Identifier: MIT
"""Chromium without a window, driven over its debugging protocol: pages are opened, looked into and clicked as a person would.
Only what that takes of WebSocket is here: one connection, text in frames that are not divided by us."""
import base64
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

from program import PATIENCE, Failed, Skipped, check


class Browser:
    """One page. `complaints` are its uncaught errors."""

    def __init__(self):
        command = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not command:
            raise Skipped("there is no chromium")
        self.folder = tempfile.TemporaryDirectory(prefix="asyncio-browser-", ignore_cleanup_errors=True)
        # Its sandbox takes rights that containers do not have; it sees nothing but our pages.
        self.process = subprocess.Popen(
            [command, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--remote-debugging-port=0", f"--user-data-dir={self.folder.name}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        self.number, self.complaints, self.rest = 0, [], b""
        try:
            self.peer = self.connect()
            self.call("Page.enable")
            self.call("Runtime.enable")
        except BaseException:
            self.__exit__()
            raise

    def connect(self):
        """The page's address is asked of a port that it writes into a file."""
        until, found = time.monotonic() + PATIENCE, None
        while not found:
            if self.process.poll() is not None:
                raise Skipped("chromium does not start here: " + self.process.stderr.read().decode()[-200:])
            check(time.monotonic() < until, "chromium does not come up")
            try:
                with open(os.path.join(self.folder.name, "DevToolsActivePort"), encoding="utf-8") as file:
                    port = int(file.readline())
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as answer:
                    pages = [page for page in json.load(answer) if page["type"] == "page"]
                found = re.fullmatch(r"ws://[^/]*(/.*)", pages[0]["webSocketDebuggerUrl"])[1]
            except (OSError, ValueError, IndexError):
                time.sleep(0.05)
        peer = socket.create_connection(("127.0.0.1", port), PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        peer.sendall(f"GET {found} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += peer.recv(1)
        check(head.startswith(b"HTTP/1.1 101"), f"{head}")
        return peer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        if hasattr(self, "peer"):
            self.peer.close()
        self.folder.cleanup()

    def take(self, size):
        while len(self.rest) < size:
            data = self.peer.recv(1 << 16)
            check(data, "chromium has gone")
            self.rest += data
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

    def receive(self):
        text = b""
        while True:
            first, size = self.take(2)
            if size > 125:
                size = struct.unpack(">H", self.take(2))[0] if size == 126 else struct.unpack(">Q", self.take(8))[0]
            data = self.take(size)
            if first & 15 in (0, 1):            # pings and their kin are none of our business
                text += data
                if first & 128:
                    return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        data = json.dumps({"id": self.number, "method": method, "params": parameters}).encode()
        size = struct.pack(">BB", 129, 128 | len(data)) if len(data) < 126 else struct.pack(">BBH", 129, 254, len(data))
        self.peer.sendall(size + bytes(4) + data)       # masked with zeros
        while True:
            answer = self.receive()
            if answer.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(answer["params"]["exceptionDetails"].get("exception", {}).get("description", "an error"))
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise Failed(f"{method}: {answer['error']}")
                return answer["result"]

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.wait_for(f"document.readyState == 'complete' && location.href != 'about:blank'")

    def run(self, script):
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        check("exceptionDetails" not in found, f"{script}: {found.get('exceptionDetails')}")
        return found["result"].get("value")

    def wait_for(self, script):
        """Waits until the expression is true, and returns its value."""
        until = time.monotonic() + PATIENCE
        while True:
            found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
            value = found["result"].get("value") if "exceptionDetails" not in found else None
            if value:
                return value
            if time.monotonic() > until:
                raise Failed(f"it does not come to {script}: the page shows\n{self.run('document.body.innerText')}")
            time.sleep(0.05)

    def resize(self, width, height, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
