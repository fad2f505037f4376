# SPDX-License-Identifier: MIT
"""What the examples do that talk to real servers: with these, and with servers that say what no decent server would."""
import functools
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

import parts
from cases import RECORD, connect, proxy, read_to_end, read_until
from parts import Scripted
from program import PATIENCE, Program, check


def ends(path, *arguments, output=None, errors=None):
    """Runs it: what it prints (a pattern), and with `errors` (a pattern), that it fails with these words."""
    with Program(path, *arguments) as run:
        found = run.end(1 if errors else 0, errors, kept=RECORD if errors else 0)
    check(output is None or re.fullmatch(output, found, re.S), f"it prints:\n{found}\nnot:\n{output}")
    return found


@functools.lru_cache
def real(start):
    """One server for all cases of this process; who cannot be had is asked for each time."""
    return start()


# ---- the proxy, which is a client of what is behind it ----

def proxy_half_closes_to_socat(path, backend):
    echo, count = parts.socat("EXEC:cat"), parts.socat("EXEC:wc -c")
    for server, size in ((echo, 0), (echo, 1), (echo, 3000000), (count, 0), (count, 3000000)):
        run, port = proxy(path, server.port)
        with run, connect(port) as peer:
            data = os.urandom(size)
            sending = threading.Thread(target=lambda: (peer.sendall(data), peer.shutdown(socket.SHUT_WR)), daemon=True)
            sending.start()
            answer = read_to_end(peer)
            sending.join(PATIENCE)
            check(answer == data if server is echo else answer.split() == [b"%d" % size], f"another answer to {size} bytes: {answer[:60]}")
            run.interrupt()
            run.end(130, "KeyboardInterrupt")
    echo.stop()
    count.stop()


def proxy_passes_on_that_socat_resets(path, backend):
    server = parts.socat("EXEC:head -c 5", "TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,so-linger=0", patience=0.1)
    run, port = proxy(path, server.port)
    with run:
        for _ in range(3):
            with connect(port) as peer:
                peer.sendall(b"hello and more")
                answer, until = peer.recv(5, socket.MSG_WAITALL), time.monotonic() + PATIENCE
                check(answer == b"hello", f"it answers {answer}")
                try:
                    while time.monotonic() < until:
                        peer.sendall(bytes(1000))
                        time.sleep(0.01)
                    check(False, "it takes what nobody reads any more")
                except ConnectionError:         # passed on to us; who hangs up is not reported
                    pass
        run.interrupt()
        run.end(130, r"\A(?!.*ECONNRESET|.*EPIPE).*KeyboardInterrupt")
    server.stop()


def proxy_before_nginx(path, backend):
    folder = parts.Folder()
    server = parts.nginx(folder)
    big = os.urandom(1 << 20) * 8
    with open(os.path.join(folder.file("root"), "big.bin"), "wb") as file:
        file.write(big)
    run, port = proxy(path, server.port)
    with run:
        found = []
        def client():
            done = subprocess.run([parts.need("curl"), "-sS", "--noproxy", "*", *[f"http://127.0.0.1:{port}/big.bin"] * 3],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE, check=False)
            found.append(done.returncode == 0 and done.stdout == big * 3)
        threads = [threading.Thread(target=client, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        check(found == [True] * 4, f"another file came: {found}")
        run.interrupt()
        run.end(130, "KeyboardInterrupt")
    server.stop()


# ---- redis ----

REDIS = (r"SET pear: OK\nSET fig: OK\nGET pear: 5 bytes, green\nINCR pear: error: ERR value is not an integer or out of range\n"
         r"GET plum: nothing\nGET fig: 4 bytes, a\r\nb\n")
REDIS_ANSWER = b"+OK\r\n+OK\r\n$5\r\ngreen\r\n-ERR value is not an integer or out of range\r\n$-1\r\n$4\r\na\r\nb\r\n"
REDIS_LAST = b"*2\r\n$3\r\nGET\r\n$3\r\nfig\r\n"


def redis_gets_what_it_has_set(path, backend):
    server = real(parts.redis)
    with connect(server.port) as peer:
        peer.sendall(b"FLUSHALL\r\n")
        read_until(peer, b"+OK\r\n")
        for _ in range(3):
            ends(path, server.port, output=REDIS)
        peer.sendall(b"GET pear\r\nDBSIZE\r\n")
        check(read_until(peer, b":2\r\n") == b"$5\r\ngreen\r\n:2\r\n", "another value is in the database")
        peer.sendall(b"DEL pear\r\nLPUSH pear x\r\n")
        read_until(peer, b":1\r\n:1\r\n")
    ends(path, server.port, "localhost", output=REDIS)


def redis_sends_all_before_it_reads(path, backend):
    for piece in (1 << 20, 1, 7):
        server = Scripted(REDIS_LAST, REDIS_ANSWER, piece)      # does not answer before the last command
        ends(path, server.port, output=REDIS)
        check(server.heard.count(b"*") == 6, f"it said {server.heard}")


def redis_tells_what_is_wrong(path, backend):
    for answer, errors in ((b"", "INCOMPLETE_READ"), (b"+OK", "INCOMPLETE_READ"), (b"+OK\r\n$5\r\ngre", "3 of 7 bytes came"),
                           (b"HTTP/1.1 400 Bad Request\r\n", "that is no reply of Redis: HTTP/1.1 400 Bad Request"),
                           (b"\r\n", "no reply"), (b"$\r\n", "no reply"), (b"$ \r\n5\r\n", "no reply"), (b"$5x\r\n", "no reply"),
                           (b"$-2\r\n", "no reply"), (b"$99999999999999999999\r\n", "no reply"), (b"*1\r\n", "no reply"),
                           (b"$500000000\r\nx", "LIMIT_OVERRUN"), (b"+" + b"x" * 200000 + b"\r\n", "LIMIT_OVERRUN")):
        ends(path, Scripted(REDIS_LAST, answer).port, errors=errors)


def redis_nobody_listens(path, backend):
    ends(path, parts.free_port(), output="", errors="ECONNREFUSED")


# ---- PostgreSQL ----

def message(kind, body):
    return kind + struct.pack(">I", len(body) + 4) + body


def postgres_prints_rows(path, backend):
    server = real(parts.postgres)
    ends(path, server.port, output=r"PostgreSQL \d+.*\nSELECT 1\n")
    ends(path, server.port, "postgres", "VALUES (1, 'a', NULL), (-2, '', 'b')", output=r"1 \| a \| NULL\n-2 \|  \| b\nSELECT 2\n")
    rows = "".join(f"{i} | {i * i}\n" for i in range(1, 3001))
    found = ends(path, server.port, "postgres", "SELECT i, i * i FROM generate_series(1, 3000) i")
    check(found == rows + "SELECT 3000\n", f"it prints {len(found)} other bytes")
    ends(path, server.port, "postgres", "CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (7); SELECT a FROM t",
         output=r"CREATE TABLE\nINSERT 0 1\n7\nSELECT 1\n")
    ends(path, server.port, "postgres", "", output="")
    ends(path, server.port, "postgres", "SELECT length('" + "y" * 70000 + "')", output=r"70000\nSELECT 1\n")


def postgres_tells_what_is_wrong(path, backend):
    server = real(parts.postgres)
    for user, sql, errors in (("postgres", "SELEKT", 'syntax error at or near "SELEKT"'), ("nobody", "SELECT 1", 'role "nobody" does not'),
                              ("postgres", "SELECT repeat('x', 20000)", "a message of 20006 bytes"),
                              ("postgres", "CREATE TEMP TABLE t (a int); COPY t FROM STDIN", "it asks for data"),
                              ("postgres", "SELECT 1 / 0", "division by zero")):
        ends(path, server.port, user, sql, errors=errors)
    ends(path, parts.free_port(), output="", errors="ECONNREFUSED")


def postgres_stands_what_no_server_says(path, backend):
    start = b"database\0postgres\0\0"
    trusted, ready = message(b"R", bytes(4)), message(b"Z", b"I")
    for answer, errors in ((b"", "INCOMPLETE_READ"), (b"R\0\0", "INCOMPLETE_READ"), (trusted, "INCOMPLETE_READ"),
                           (message(b"R", b"\0\0\0\3"), "it asks for a password"), (b"R\0\0\0\0", "a message of"),
                           (b"R\xff\xff\xff\xff", "a message of"), (b"R\0\0\x40\x03", "INCOMPLETE_READ"),
                           (message(b"D", b"\0\2\0\0\0\1x"), "a row ends elsewhere"), (message(b"D", b""), "a row ends elsewhere"),
                           (message(b"D", b"\xff\xff\x7f\xff\xff\xff"), "a row ends elsewhere"),
                           (message(b"D", b"\0\1\0\0\0\1xy"), "a row ends elsewhere"), (message(b"E", b""), "the server says: "),
                           (message(b"E", b"SFATAL"), "the server says: "), (message(b"E", b"Mno end"), "the server says: "),
                           (message(b"E", b"SERROR\0Mno\0\0"), r"the server says: no \[")):
        ends(path, Scripted(start, answer).port, errors=errors)
    # Byte by byte, with a notice and a setting in between; then it hangs up instead of answering the query.
    answer = trusted + message(b"S", b"a\0b\0") + message(b"D", b"\0\1\0\0\0\2hi") + message(b"N", b"\0") + ready
    ends(path, Scripted(start, answer, 1).port, output=r"hi\n", errors="INCOMPLETE_READ|EPIPE|ECONNRESET")


# ---- TLS ----

@functools.lru_cache
def certified():
    folder = parts.Folder()
    return folder, *parts.certificate(folder)


def a_tls_server(path):
    _, certificate, key = certified()
    run = Program(path, "server", certificate, key, 0)
    return run, int(run.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1])


TALK = r"TLSv1\.3 with CN ?= ?localhost\nnobody else reads this\n"


def tls_client_and_server_trust_each_other(path, backend):
    run, port = a_tls_server(path)
    with run:
        for _ in range(5):
            ends(path, "client", "localhost", port, certified()[1], output=TALK)
        run.interrupt()
        run.end(130, "KeyboardInterrupt")


def tls_client_leaves_a_stranger(path, backend):
    run, port = a_tls_server(path)
    with run:
        ends(path, "client", "localhost", port, output="", errors="certificate verify failed: self-signed.*SSL_CERT_VERIFICATION")
        ends(path, "client", "127.0.0.1", port, certified()[1], output="", errors="mismatch.*SSL_CERT_VERIFICATION")
        ends(path, "client", "localhost", port, certified()[1], output=TALK)
        run.interrupt()
        run.end(130, "KeyboardInterrupt")


def tls_server_outlives_bad_clients(path, backend):
    run, port = a_tls_server(path)
    with run:
        for words in (b"GET / HTTP/1.1\r\n\r\n", b"", b"\x16\x03\x01\x02\0", bytes(1000)):
            with connect(port) as peer:
                try:
                    peer.sendall(words)
                    peer.shutdown(socket.SHUT_WR)
                    read_to_end(peer)
                except OSError:
                    pass    # it may have been dropped already
        with connect(port) as silent:
            done = subprocess.run([parts.need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", certified()[1],
                                   "-verify_return_error", "-servername", "localhost", "-quiet", "-no_ign_eof"],
                                  input=b"hello\nQ\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
            check(done.returncode == 0, f"openssl s_client: {done.stderr.decode()}")
            silent.close()
        ends(path, "client", "localhost", port, certified()[1], output=TALK)
        run.interrupt()
        run.end(130, "KeyboardInterrupt")


def python_server(answer, end):
    """A TLS server of one connection, by Python: sends `answer` to the client's line, and then calls end(connection)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certified()[1:])
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        peer, _ = listener.accept()
        with listener, context.wrap_socket(peer, server_side=True) as connection:
            connection.settimeout(PATIENCE)
            connection.recv(100)
            connection.sendall(answer)
            end(connection)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def tls_client_hears_of_a_cut(path, backend):
    certificate = certified()[1]
    ends(path, "client", "localhost", python_server(b"whole\n", lambda c: c.unwrap()), certificate, output=r".*localhost\nwhole\n")
    ends(path, "client", "localhost", python_server(b"half a li", lambda c: None), certificate, errors="SSL_EOF|ECONNRESET")


def tls_client_talks_to_nginx(path, backend):
    folder, certificate, _ = certified()
    server = parts.nginx(folder, tls=True)
    # "nobody else reads this" is no request.
    ends(path, "client", "localhost", server.port, certificate, output=r"TLSv1\.[23] with CN ?= ?localhost\n(HTTP/1.1 400.*|<html>)\r?\n")
    server.stop()


def tls_client_talks_to_socat(path, backend):
    folder, certificate, key = certified()
    server = parts.socat("PIPE", f"OPENSSL-LISTEN:{{port}},bind=127.0.0.1,reuseaddr,fork,verify=0,cert={certificate},key={key}", folder)
    for _ in range(3):
        ends(path, "client", "localhost", server.port, certificate, output=TALK)
    server.stop()


def tls_says_how_it_is_used(path, backend):
    for words in ((), ("server",), ("client", "localhost"), ("neither", "a", "b")):
        with Program(path, *words) as run:
            check(run.end(2, "^tls server CERTIFICATE KEY") == "", "it prints something all the same")
    with Program(path, "server", "/none.pem", "/none.pem", 0) as run:
        check(run.end(1, "ENOENT", kept=RECORD) == "", "it serves without a certificate")
