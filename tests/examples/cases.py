# SPDX-License-Identifier: MIT
"""What each small example has to do. A case takes the program and the backend."""
import hashlib
import re
import socket
import threading
import time

from program import PATIENCE, Failed, Program, check

RECORD = 1024       # bytes: the error that main prints is the thread's until it raises another one


def on_sim(case):
    """Has neither real time, threads nor peers, so the simulated backend can run it."""
    case.on_sim = True
    return case


def runs(path, lines, status=0, errors=None):
    with Program(path) as run:
        output = run.end(status, errors, kept=RECORD if status else 0)
    expected = "".join(line + "\n" for line in lines)
    check(re.fullmatch(expected, output), f"it prints:\n{output}\nnot:\n{expected}")


@on_sim
def hello_prints_and_takes_two_seconds(path, backend):
    begin = time.monotonic()
    runs(path, ["hello", "world"])
    took = time.monotonic() - begin
    if backend == "sim":
        check(took < 1.9, f"two simulated seconds took {took:.3f} s")
    else:
        check(took >= 1.9, f"two seconds took {took:.3f} s")


def hello_ctrl_c_is_130(path, backend):
    with Program(path) as run:
        run.wait_for("^hello$")
        run.interrupt()
        check(run.end(130, "KeyboardInterrupt") == "hello\n", "it went on")


@on_sim
def gather_gives_results_in_order(path, backend):
    compute = r"Task {}: Compute factorial\({}\), currently i={}\.\.\."
    runs(path, [compute.format("A", 2, 2), compute.format("B", 3, 2), compute.format("C", 4, 2),
                r"Task A: factorial\(2\) = 2",
                compute.format("B", 3, 3), compute.format("C", 4, 3),
                r"Task B: factorial\(3\) = 6",
                compute.format("C", 4, 4),
                r"Task C: factorial\(4\) = 24",
                r"\[2, 6, 24\]",
                r"\[2, EDOM, 0\]"],
         1, r"^Traceback .*03_gather\.c:\d+ \(half_of\)\nOSError: 5 has no half among the integers \[EDOM\]\n$")


@on_sim
def timeout_kinds(path, backend):
    runs(path, ["quick work: done", "slow work: ECANCELED", "around a part: ETIMEDOUT",
                "slow work: ECANCELED", "around a call: ETIMEDOUT",
                "step: done", "step: done", "step: done", "step: done", "around each step: 0"])


@on_sim
def task_group_cancels_and_cleans_up(path, backend):
    runs(path, [f"download {i}: {what}" for what in ("begins", "cancelled, removes its file", "has removed it") for i in (1, 2, 3)]
         + ["the group ended; tasks left beside this one: 0"],
         1, r"^  \| ExceptionGroup: unhandled errors in a TaskGroup \(1 sub-exception\) \[ENOSPC\]\n(.*\n)*"
         r".*05_task_group\.c:\d+ \(check_disk\)\n    \| OSError: no room in /var/tmp \[ENOSPC\]\n")


@on_sim
def own_coroutine_waits_is_cancelled_and_ends(path, backend):
    runs(path, ["one: a", "two: x", "one: b", "one: c", "one: is gone", "two: y", "two: is gone",
                "in place: p", "in place: q", "in place: is gone",
                "slow: s", "slow: ECANCELED", "slow: is gone", "the slow one: ETIMEDOUT", "never: is gone"])


@on_sim
def cancel_and_shield(path, backend):
    runs(path, [r"cancel_me\(\): before sleep", r"cancel_me\(\): cancel sleep", r"cancel_me\(\): after sleep",
                r"main\(\): sleeper is cancelled now: no longer needed",
                r"main\(\): after 0\.1 seconds: ETIMEDOUT",
                r"save\(\): the letter is saved"])


@on_sim
def locks_start_together_two_at_a_time(path, backend):
    runs(path, ["open", "customer 1: at a till", "customer 2: at a till", "customer 1: served", "customer 3: at a till",
                "customer 2: there are only 40 left", "customer 3: served", "left: 0"])


@on_sim
def queue_of_jobs_is_done_by_three(path, backend):
    if backend == "sim":    # two who are ready at the same moment: elsewhere either may come first
        return runs(path, ["ann: job 3 of rank 2", "bob: job 2 of rank 4", "cid: job 1 of rank 6", "ann: job 7 of rank 1", "boss: all are in",
                           "ann: job 6 of rank 3", "bob: job 5 of rank 5", "cid: job 8 of rank 6", "ann: job 4 of rank 7",
                           "boss: all are done", "bob: did 2 jobs", "cid: did 2 jobs", "ann: did 4 jobs"])
    with Program(path) as run:
        output = run.end(0)
    jobs = re.findall(r"^(?:ann|bob|cid): job (\d) of rank (\d)$", output, re.M)
    check(jobs[:4] == [("3", "2"), ("2", "4"), ("1", "6"), ("7", "1")] and sorted(rank for _, rank in jobs[4:]) == ["3", "5", "6", "7"],
          f"it prints:\n{output}")
    check(sorted(int(number) for number, _ in jobs) == list(range(1, 9)), f"it prints:\n{output}")
    check(sum(int(n) for n in re.findall(r": did (\d) jobs$", output, re.M)) == 8, f"it prints:\n{output}")


def to_thread_counts_while_the_loop_ticks(path, backend):
    with Program(path) as run:
        output = run.end(0)
    found = re.fullmatch(r"78498 primes below a million, 41538 below half of it\n"
                         r"the loop ticked (\d+) times meanwhile\nbelow two thousand million: ETIMEDOUT\n", output)
    check(found, f"it prints:\n{output}")
    check(int(found[1]) >= 5, f"the loop ticked only {found[1]} times")


def second_thread_feeds_the_loop(path, backend):
    with Program(path) as run:
        lines = run.end(0, kept=512).splitlines()
    check(sorted(lines) == sorted(["loop: the sum is 10"] + [f"thread: added {i}, and got {sum(range(i + 1))}" for i in (1, 2, 3, 4)]),
          f"it prints {lines}")


def pipeline_kills_what_is_late(path, backend):
    begin = time.monotonic()
    runs(path, [r"printf 'pear\\napple\\nfig\\n' \| sort: 0", "apple", "fig", "pear",
                r"echo soon; sleep 60; echo late \| cat: ETIMEDOUT"])
    check(time.monotonic() - begin < 30, "the late one was waited for")


# ---- servers ----

def connect(port, receive_buffer=None):
    peer = socket.socket()
    peer.settimeout(PATIENCE)
    if receive_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    peer.connect(("127.0.0.1", port))
    return peer


def read_until(peer, end):
    data = b""
    while not data.endswith(end):
        more = peer.recv(65536)
        if not more:
            raise Failed(f"the connection ended after {data[-200:]!r}, not with {end!r}")
        data += more
    return data


def read_to_end(peer):
    data = b""
    while True:
        try:
            more = peer.recv(65536)
        except ConnectionResetError:
            return data
        if not more:
            return data
        data += more


def is_refused(port):
    try:
        connect(port).close()
    except ConnectionResetError:    # it was in the backlog when the listener closed: the next one tells
        return False
    except ConnectionRefusedError:
        return True
    return False


def echo_server(path):
    run = Program(path, 0)
    return run, int(run.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1])


def echo_server_answers_many(path, backend):
    run, port = echo_server(path)
    with run:
        peers = [connect(port) for _ in range(50)]
        for i, peer in enumerate(peers):
            peer.sendall(b"line %d\nhalf" % i)
        for i, peer in enumerate(peers):
            check(read_until(peer, b"\n") == b"line %d\n" % i, "another answer")
            peer.sendall(b" and half\nlast, without an end")
            peer.shutdown(socket.SHUT_WR)
        for peer in peers:
            check(read_to_end(peer) == b"half and half\nlast, without an end", "another answer")
            peer.close()
        run.interrupt()
        run.end(130, "KeyboardInterrupt")
        check(is_refused(port), "it still listens")


def echo_server_waits_while_a_peer_is_slow(path, backend):
    run, port = echo_server(path)
    with run:
        peer = connect(port)
        data = b"x" * 99 + b"\n"
        sent = threading.Thread(target=lambda: (peer.sendall(data * 100000), peer.shutdown(socket.SHUT_WR)))
        sent.start()
        time.sleep(0.5)
        check(read_to_end(peer) == data * 100000, "ten million bytes did not come back as they were sent")
        sent.join()
        peer.close()
        run.interrupt()
        run.end(130, "KeyboardInterrupt")


def echo_server_reports_a_line_too_long(path, backend):
    run, port = echo_server(path)
    with run:
        peer = connect(port)
        peer.sendall(b"y" * 5000 + b"\n")
        check(read_to_end(peer) == b"", "it answered")
        run.wait_for(r"LIMIT_OVERRUN", "errors")
        other = connect(port)
        other.sendall(b"still here\n")
        check(read_until(other, b"\n") == b"still here\n", "another answer")
        other.close()
        peer.close()
        run.interrupt()
        run.end(130, "Unhandled exception in client_connected_cb.*LIMIT_OVERRUN.*KeyboardInterrupt")


def echo_server_second_ctrl_c_does_not_wait(path, backend):
    run, port = echo_server(path)
    with run:
        peer = connect(port)
        peer.sendall(b"here\n")
        read_until(peer, b"\n")
        run.interrupt()
        until = time.monotonic() + PATIENCE
        while not is_refused(port):
            check(time.monotonic() < until, "it still listens")
            time.sleep(0.05)
        peer.sendall(b"and still\n")
        check(read_until(peer, b"\n") == b"and still\n", "the connection did not live on")
        run.interrupt()
        run.end(130, "KeyboardInterrupt")
        peer.close()


def echo_server_port_in_use(path, backend):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Program(path, port) as run:
            run.end(1, rf"OSError: .*127\.0\.0\.1.*{port}.*\[EADDRINUSE\]", kept=RECORD)


class Target(threading.Thread):
    """A server that reads all of a connection, and answers with its digest and as many bytes again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(100)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(peer,), daemon=True).start()

    @staticmethod
    def answer(peer):
        with peer:
            peer.settimeout(PATIENCE)
            data = read_to_end(peer)
            if data != b"hang up":
                peer.sendall(hashlib.sha256(data).hexdigest().encode() + data)


def proxy(path, target_port):
    run = Program(path, "127.0.0.1", target_port, 0)
    return run, int(run.wait_for(rf"127\.0\.0\.1:(\d+) leads to 127\.0\.0\.1:{target_port}")[1])


def proxy_half_closes(path, backend):
    run, port = proxy(path, Target().port)
    with run:
        sizes = [0, 1, 1000, 100000] * 10 + [3000000]
        peers = [connect(port) for _ in sizes]
        def ask(peer, size):
            peer.sendall(b"z" * size)
            peer.shutdown(socket.SHUT_WR)
        for peer, size in zip(peers, sizes):
            threading.Thread(target=ask, args=(peer, size), daemon=True).start()
        for peer, size in zip(peers, sizes):
            data = b"z" * size
            check(read_to_end(peer) == hashlib.sha256(data).hexdigest().encode() + data, f"another answer to {size} bytes")
            peer.close()
        run.interrupt()
        run.end(130, "KeyboardInterrupt")


def proxy_answer_may_end_first(path, backend):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    run, port = proxy(path, listener.getsockname()[1])
    with run, listener:
        peer = connect(port)
        target, _ = listener.accept()
        target.settimeout(PATIENCE)
        target.sendall(b"that was all")
        target.shutdown(socket.SHUT_WR)
        check(read_to_end(peer) == b"that was all", "another answer")
        peer.sendall(b"but I go on")
        peer.shutdown(socket.SHUT_WR)
        check(read_to_end(target) == b"but I go on", "the other direction ended too")
        peer.close()
        target.close()
        run.interrupt()
        run.end(130, "KeyboardInterrupt")


def proxy_no_target(path, backend):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        run, port = proxy(path, nobody.getsockname()[1])
        with run:
            peer = connect(port)
            check(read_to_end(peer) == b"", "an answer from nowhere")
            peer.close()
            run.wait_for("ECONNREFUSED", "errors")
            run.interrupt()
            run.end(130, "ConnectionRefusedError.*KeyboardInterrupt")


def proxy_ctrl_c_with_open_connections(path, backend):
    run, port = proxy(path, Target().port)
    with run:
        peers = [connect(port) for _ in range(5)]
        for peer in peers:
            peer.sendall(b"not all yet")
        time.sleep(0.2)
        run.interrupt()
        run.end(130, "KeyboardInterrupt")
        for peer in peers:
            check(read_to_end(peer) == b"", "an answer after the end")
            peer.close()


def chat(path):
    run = Program(path, 0)
    return run, int(run.wait_for(r"chat on 127\.0\.0\.1:(\d+)")[1])


def join(port, here, receive_buffer=None):
    """Joins, and waits until all who are here know."""
    peer = connect(port, receive_buffer)
    name = "127.0.0.1:%d" % peer.getsockname()[1]
    for other in [*here, peer]:
        read_until(other, f"* {name} joined\n".encode())
    return peer, name


def chat_tells_all(path, backend):
    run, port = chat(path)
    with run:
        peers, names = [], []
        for _ in range(20):
            peer, name = join(port, peers)
            peers.append(peer)
            names.append(name)
        for peer, name in zip(peers, names):
            peer.sendall(b"hello everyone\n")
            for other in peers:
                check(read_until(other, b"\n") == f"{name}: hello everyone\n".encode(), "another message")
        peers[0].close()
        for other in peers[1:]:
            check(read_until(other, b"\n") == f"* {names[0]} left\n".encode(), "another message")
        run.interrupt()
        run.end(130, "KeyboardInterrupt")
        for peer in peers[1:]:
            check(read_to_end(peer) == b"" or True, "")
            peer.close()


class Listener(threading.Thread):
    """Reads what is said, and counts."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.peer, self.data = peer, b""
        self.start()

    def run(self):
        while True:
            try:
                more = self.peer.recv(65536)
            except OSError:
                return
            if not more:
                return
            self.data += more

    def count(self, line):
        return self.data.count(line)


def chat_drops_who_is_too_slow(path, backend):
    run, port = chat(path)
    with run:
        slow, slow_name = join(port, [], 4096)
        reader, _ = join(port, [])
        talker, talker_name = join(port, [reader])
        line = b"a" * 400 + b"\n"
        listeners = [Listener(reader), Listener(talker)]
        sent = 0
        until = time.monotonic() + PATIENCE
        while "too slow" not in run.output:
            check(time.monotonic() < until, "nobody was dropped")
            talker.sendall(line * 50)
            sent += 50
            while any(listener.count(line) < sent for listener in listeners) and time.monotonic() < until:
                time.sleep(0.002)
        run.wait_for(rf"^{re.escape(slow_name)} is too slow: dropped$")
        check(run.output.count("too slow") == 1, "somebody else was dropped too: " + run.output)
        check(all(listener.count(line) == sent for listener in listeners), "who did read has not got everything")
        check(len(read_to_end(slow)) > 0, "the slow one has got nothing")
        for peer in (slow, reader, talker):
            peer.close()
        run.interrupt()
        run.end(130, "KeyboardInterrupt")
