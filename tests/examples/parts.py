# SPDX-License-Identifier: MIT
"""Real servers for the tests: redis-server, PostgreSQL, nginx, socat. Each is started by who needs it, on a free port of
127.0.0.1 and in a folder of its own, and is ended with this process, also when that is killed. Where one cannot be had the case
is skipped, and says why."""
import atexit
import ctypes
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from program import PATIENCE, Failed, Skipped

PR_SET_PDEATHSIG = 1
prctl = ctypes.CDLL(None).prctl
ATTEMPTS = 5            # a port that was free may be taken by the time it is used


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def need(*names):
    """The path of the first of these commands that is here; a pattern means the newest of its files."""
    for name in names:
        found = sorted(glob.glob(name))[-1:] or [shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")]
        if found[0]:
            return found[0]
    raise Skipped(f"there is no {names[0]}")


class Folder:
    """A temporary folder. A root that makes it gives it to nobody when `as_user` is wanted."""

    def __init__(self, as_user=False):
        self.made = tempfile.TemporaryDirectory(prefix="asyncio-part-")
        atexit.register(self.made.cleanup)
        self.path = self.made.name
        self.identity = {}
        if as_user and os.geteuid() == 0:
            try:
                user = pwd.getpwnam("nobody")
            except KeyError:
                raise Skipped("we are root, and there is no user nobody") from None
            os.chown(self.path, user.pw_uid, user.pw_gid)
            self.identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def file(self, name, text=""):
        path = os.path.join(self.path, name)
        if text:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path


class Part:
    """A server that runs: command(port) is what starts it, and it is ready when it accepts connections, and has logged `says`."""

    def __init__(self, command, folder, ending=signal.SIGTERM, says=""):
        self.folder, self.ending, self.says, self.log = folder, ending, says, folder.file("log")
        for _ in range(ATTEMPTS):
            self.port = free_port()
            if self.start(command(self.port)):
                atexit.register(self.stop)
                return
        with open(self.log, encoding="utf-8", errors="replace") as file:
            raise Failed(f"{command(self.port)[0]} does not start:\n{file.read()[-2000:]}")

    def has_said_so(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return self.says in file.read()

    def start(self, command):
        ending, parent = self.ending, os.getpid()

        def follow_us():
            prctl(PR_SET_PDEATHSIG, ending)
            if os.getppid() != parent:
                os._exit(1)

        with open(self.log, "a", encoding="utf-8") as log:
            try:
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder.path,
                                                preexec_fn=follow_us, **self.folder.identity)
            except (PermissionError, subprocess.SubprocessError) as error:
                raise Skipped(f"{command[0]} cannot be started: {error}") from None
        until = time.monotonic() + PATIENCE / 2
        while self.process.poll() is None and time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0 and self.has_said_so():
                    return True
            time.sleep(0.02)
        self.stop()
        return False

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.ending)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def redis():
    server = need("redis-server")
    return Part(lambda port: [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], Folder())


def postgres():
    """It refuses to be root. Whoever connects is trusted; its superuser is postgres."""
    server = need("/usr/lib/postgresql/*/bin/postgres", "postgres")
    folder = Folder(as_user=True)
    data = folder.file("data")
    try:
        made = subprocess.run([os.path.join(os.path.dirname(os.path.realpath(server)), "initdb"), "-D", data, "-A", "trust",
                               "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder.path, check=False,
                              **folder.identity)
    except (OSError, subprocess.SubprocessError) as error:
        raise Skipped(f"initdb cannot be run: {error}") from None
    if made.returncode:
        raise Skipped(f"initdb cannot make a database: {made.stdout[-500:]}")
    # SIGQUIT is its end at once.
    return Part(lambda port: [server, "-D", data, "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c",
                              "unix_socket_directories=", "-c", "fsync=off"], folder, signal.SIGQUIT,
                says="ready to accept connections")


def certificate(folder):
    """A certificate of localhost that signs itself, and its key."""
    paths = folder.file("cert.pem"), folder.file("key.pem")
    made = subprocess.run([need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                           "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", paths[0], "-keyout",
                           paths[1]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if made.returncode:
        raise Failed(f"openssl makes no certificate: {made.stdout.decode()}")
    return paths


NGINX = """daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off; root {folder}/root;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d;
    scgi_temp_path {folder}/e;
    server {{ listen 127.0.0.1:{port}{tls}; }}
}}
"""


def nginx(folder, tls=False):
    """A web server of folder's root; with `tls` it presents folder's certificate."""
    server = need("nginx")
    os.makedirs(folder.file("root"), exist_ok=True)
    words = f" ssl; ssl_certificate {folder.file('cert.pem')}; ssl_certificate_key {folder.file('key.pem')}" if tls else ""

    def command(port):
        conf = folder.file("nginx.conf", NGINX.format(folder=folder.path, port=port, tls=words))
        return [server, "-e", "stderr", "-p", folder.path, "-c", conf]

    return Part(command, folder)


def socat(what, listen="TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork", folder=None, patience=PATIENCE):
    """Each connection that it accepts is joined to `what`, one of socat's addresses. When one side has ended, the other one has
    `patience` seconds."""
    program = need("socat")
    return Part(lambda port: [program, "-t", str(patience), listen.format(port=port), what], folder or Folder())


class Scripted(threading.Thread):
    """A server of one connection that says what it is told: waits for bytes that end with `after`, sends `answer` (in pieces of so
    many bytes), and hangs up. `heard` is what the client had sent before."""

    def __init__(self, after, answer, piece=1 << 20):
        super().__init__(daemon=True)
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.after, self.answer, self.piece, self.heard = after, answer, piece, b""
        self.start()

    def run(self):
        peer, _ = self.listener.accept()
        with peer, self.listener:
            peer.settimeout(PATIENCE)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not self.heard.endswith(self.after):
                more = peer.recv(65536)
                if not more:
                    return
                self.heard += more
            try:
                for at in range(0, len(self.answer), self.piece):
                    peer.sendall(self.answer[at:at + self.piece])
                    time.sleep(0.001)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass
            except OSError:             # a client that has enough of it
                pass
