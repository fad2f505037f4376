# SPDX-License-Identifier: MIT
"""Subprocesses by callbacks: what their transport tells the protocol, and what of it comes in which order. The children are
shells that do one thing after the other; what a kernel may tell in either order is only counted."""

import asyncio
import signal

from support import *


class Overseer(asyncio.SubprocessProtocol):
    def __init__(self, who=""):
        loop = asyncio.get_running_loop()
        self.who = who
        self.counts = [0, 0, 0]
        self.heard, self.exited, self.gone = (loop.create_future() for _ in range(3))

    def connection_made(self, transport):
        self.transport = transport
        say(f"{self.who}made")

    def pipe_data_received(self, fd, data):
        say(f"{self.who}data {fd} {data.decode().strip()}")
        if not self.heard.done():
            self.heard.set_result(None)

    def pipe_connection_lost(self, fd, error):
        self.counts[fd] += 1

    def process_exited(self):
        say(f"{self.who}exited {self.transport.get_returncode()}")
        self.exited.set_result(None)

    def connection_lost(self, error):
        say(f"{self.who}pipes lost {self.counts[0]} {self.counts[1]} {self.counts[2]}")
        say(f"{self.who}lost {name(error)}")
        self.gone.set_result(None)


async def run_shell(command, **options):
    transport, protocol = await asyncio.get_running_loop().subprocess_shell(Overseer, command, **options)
    return transport, protocol


@scenario
async def made_data_exited_lost():
    transport, protocol = await run_shell("read line; echo got $line; read line; exit 3")
    say("running")
    say(transport.get_returncode() is None and "runs")
    transport.get_pipe_transport(0).write(b"one\n")
    await protocol.heard
    transport.get_pipe_transport(0).write(b"two\n")
    await protocol.gone
    say(transport.get_returncode())


@scenario
async def standard_error():
    transport, protocol = await run_shell("echo wrong >&2; read line")
    await protocol.heard
    transport.get_pipe_transport(0).close()
    await protocol.gone


@scenario
async def no_pipes():
    transport, protocol = await run_shell("exit 5", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                                          stderr=asyncio.subprocess.DEVNULL)
    await protocol.gone
    say(yes(transport.get_pipe_transport(0) is None and transport.get_pipe_transport(1) is None))


@scenario
async def eof_of_its_standard_input():
    transport, protocol = await run_shell("while read line; do echo $line; done; exit 4")
    transport.get_pipe_transport(0).write(b"last words\n")
    transport.get_pipe_transport(0).write_eof()
    await protocol.gone


@scenario
async def terminate():
    transport, protocol = await run_shell("echo ready; read line")
    await protocol.heard
    transport.terminate()
    await protocol.gone


@scenario
async def a_signal():
    transport, protocol = await run_shell("trap 'exit 9' USR1; echo ready; read line; exit 1")
    await protocol.heard
    transport.send_signal(signal.SIGUSR1)
    await protocol.gone


@scenario
async def close_kills():
    transport, protocol = await run_shell("echo ready; read line")
    await protocol.heard
    transport.close()
    say(yes(transport.is_closing()))
    transport.close()
    await protocol.gone
    say(transport.get_returncode())


@scenario
async def signals_after_the_end():
    transport, protocol = await run_shell("exit 0")
    await protocol.gone
    say(tries(transport.kill))
    say(tries(transport.terminate))


@scenario
async def lost_waits_for_who_holds_a_pipe():
    # the child's own child, which reads what the child would have
    transport, protocol = await run_shell("exec 3<&0; (read line; echo late) <&3 & exit 6")
    await protocol.exited
    say("still open")
    transport.get_pipe_transport(0).write(b"\n")
    await protocol.gone


@scenario
async def another_protocol():
    transport, protocol = await run_shell("read line; echo got $line; read line; echo got $line")
    other = Overseer("other ")
    other.transport = transport
    transport.get_pipe_transport(0).write(b"one\n")
    await protocol.heard
    transport.set_protocol(other)
    say(yes(transport.get_protocol() is other))
    transport.get_pipe_transport(0).write(b"two\n")
    await other.gone


@scenario
async def connection_made_comes_before_who_asked_goes_on():
    asyncio.get_running_loop().call_soon(say, "a turn later")
    transport, protocol = await run_shell("read line")
    say("running")
    transport.get_pipe_transport(0).close()
    await protocol.gone
