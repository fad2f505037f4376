# SPDX-License-Identifier: MIT
"""Python's own asyncio, plain or on uvloop:

    python.py asyncio|uvloop WORK [COUNT]

switch2, switch10k, spawn, spawn_batch, memory, timers_cancel, timers_fire, handover, lock, semaphore, queue, cancel_group,
gather, threadsafe_post, threadsafe_roundtrip, offload_post, offload_roundtrip,
echo, tls (streams on asyncio; a Protocol on uvloop, its fastest).
"""
import asyncio
import gc
import os
import socket
import ssl
import sys
import threading
import time


def figure(name, value):
    print(name, f"{value:.6g}", flush=True)


def per(begin, count, clock=time.perf_counter_ns):
    figure("ns", (clock() - begin) / count)


def median(trips):
    figure("ns", sorted(trips)[len(trips) // 2])


def memory():
    with open("/proc/self/status") as status:
        return sum(int(line.split()[1]) for line in status if line.startswith(("VmRSS:", "VmPTE:"))) * 1024


async def yielding(tasks, total):
    each, gate = total // tasks, asyncio.Event()

    async def one():
        await gate.wait()
        for _ in range(each):
            await asyncio.sleep(0)

    all_tasks = [asyncio.create_task(one()) for _ in range(tasks)]
    await asyncio.sleep(0)
    begin = time.perf_counter_ns()
    gate.set()
    await asyncio.gather(*all_tasks)
    per(begin, each * tasks)


async def spawn(count, batch):
    async def nothing():
        pass

    begin = time.perf_counter_ns()
    for _ in range(count // batch):
        for task in [asyncio.create_task(nothing()) for _ in range(batch)]:
            await task
    per(begin, count // batch * batch)


async def sleeping(count):
    gc.disable()
    before, begin = memory(), time.perf_counter_ns()
    tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(count)]
    await asyncio.sleep(0)
    per(begin, count)
    figure("bytes", (memory() - before) / count)
    end(tasks)


async def timers_cancel(count):
    loop = asyncio.get_running_loop()
    begin = time.perf_counter_ns()
    timers = [loop.call_later(3600 + i * 7919 % 1000 / 1000, end) for i in range(count)]
    for timer in timers:
        timer.cancel()
    await asyncio.sleep(0)
    per(begin, count)


async def timers_fire(count):
    loop, fired, done = asyncio.get_running_loop(), 0, asyncio.Event()

    def fire():
        nonlocal fired
        fired += 1
        if fired == count:
            done.set()

    begin = time.process_time_ns()
    for i in range(count):
        loop.call_later(i * 7919 % 1000 / 1000, fire)
    await done.wait()
    per(begin, count, time.process_time_ns)


async def handover(count):
    loop = asyncio.get_running_loop()
    inbox = [loop.create_future(), loop.create_future()]

    async def other():
        while (value := await inbox[1]) is not None:
            inbox[1] = loop.create_future()
            inbox[0].set_result(value + 1)

    task = asyncio.create_task(other())
    begin = time.perf_counter_ns()
    for i in range(count // 2):
        inbox[1].set_result(i)
        await inbox[0]
        inbox[0] = loop.create_future()
    per(begin, count // 2 * 2)
    inbox[1].set_result(None)
    await task


async def taking_turns(lock, count):
    async def player():
        await lock.acquire()
        await asyncio.sleep(0)          # the other one comes, and waits
        for _ in range(count // 2):
            lock.release()
            await lock.acquire()
        lock.release()

    begin = time.perf_counter_ns()
    await asyncio.gather(player(), player())
    per(begin, count // 2 * 2)


async def queue(count):
    items = asyncio.Queue(1)

    async def producer():
        for i in range(count):
            await items.put(i)

    async def consumer():
        for _ in range(count):
            await items.get()

    begin = time.perf_counter_ns()
    await asyncio.gather(producer(), consumer())
    per(begin, count)


MANY = 100000


async def cancel_group(count):
    many = min(count, MANY)
    spent = 0
    for _ in range(count // many):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(3600)) for _ in range(many)]
            await asyncio.sleep(0)
            begin = time.perf_counter_ns()
            for task in tasks:
                task.cancel()
        spent += time.perf_counter_ns() - begin
    figure("ns", spent / (count // many * many))


async def gather(count):
    async def nothing():
        pass

    many = min(count, MANY)
    begin = time.perf_counter_ns()
    for _ in range(count // many):
        await asyncio.gather(*(nothing() for _ in range(many)))
    per(begin, count // many * many)


async def threadsafe_post(count):
    loop, done, seen, begin = asyncio.get_running_loop(), asyncio.Event(), 0, 0

    def one():
        nonlocal seen
        seen += 1
        if seen == count:
            done.set()

    def produce():
        nonlocal begin
        begin = time.perf_counter_ns()
        for _ in range(count):
            loop.call_soon_threadsafe(one)

    thread = threading.Thread(target=produce)
    thread.start()
    await done.wait()
    per(begin, count)
    thread.join()


async def threadsafe_roundtrip(count):
    loop, done, trips = asyncio.get_running_loop(), asyncio.Event(), []

    def ping():
        semaphore = threading.Semaphore(0)
        for _ in range(count):
            begin = time.perf_counter_ns()
            loop.call_soon_threadsafe(semaphore.release)
            semaphore.acquire()
            trips.append(time.perf_counter_ns() - begin)
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=ping).start()
    await done.wait()
    median(trips)


def nothing():
    pass


async def offload_post(count):
    async def one():
        for _ in range(count // 1000):
            await asyncio.to_thread(nothing)

    begin = time.perf_counter_ns()
    await asyncio.gather(*(one() for _ in range(1000)))
    per(begin, count // 1000 * 1000)


async def offload_roundtrip(count):
    trips = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        await asyncio.to_thread(nothing)
        trips.append(time.perf_counter_ns() - begin)
    median(trips)


async def on_stream(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


def tls_context():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(os.environ["BENCH_TLS"] + "/cert.pem", os.environ["BENCH_TLS"] + "/key.pem")
    return context


async def echo(protocol, context=None):
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print("port", listener.getsockname()[1], flush=True)
    if protocol:
        server = await asyncio.get_running_loop().create_server(Echo, sock=listener, backlog=4096, ssl=context)
    else:
        server = await asyncio.start_server(on_stream, sock=listener, backlog=4096, ssl=context)
    await server.serve_forever()


def end(unused=None):
    """Without unwinding: a million sleeping tasks are not worth collecting."""
    sys.stdout.flush()
    os._exit(0)


def main():
    kind, work = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    if kind == "uvloop":
        import uvloop
        uvloop.install()
    works = {
        "switch2": lambda: yielding(2, count),
        "switch10k": lambda: yielding(10000, count),
        "spawn": lambda: spawn(count, 1),
        "spawn_batch": lambda: spawn(count, 1000),
        "memory": lambda: sleeping(count),
        "timers_cancel": lambda: timers_cancel(count),
        "timers_fire": lambda: timers_fire(count),
        "handover": lambda: handover(count),
        "lock": lambda: taking_turns(asyncio.Lock(), count),
        "semaphore": lambda: taking_turns(asyncio.Semaphore(1), count),
        "queue": lambda: queue(count),
        "cancel_group": lambda: cancel_group(count),
        "gather": lambda: gather(count),
        "threadsafe_post": lambda: threadsafe_post(count),
        "threadsafe_roundtrip": lambda: threadsafe_roundtrip(count),
        "offload_post": lambda: offload_post(count),
        "offload_roundtrip": lambda: offload_roundtrip(count),
        "echo": lambda: echo(kind == "uvloop"),
        "tls": lambda: echo(kind == "uvloop", tls_context()),
    }
    asyncio.run(works[work]())


main()
