# SPDX-License-Identifier: MIT
"""Streams: what reads give when, what limits and ends do, when writing waits. The peer is the other end of a socketpair,
outside of the loop."""

import asyncio
import socket

from support import *

MUCH = 4 << 20


async def connect(limit=65536):
    ours, peer = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours, limit=limit)
    return reader, writer, peer


async def leave(writer, peer):
    writer.transport.abort()
    peer.close()


async def length_of(awaitable):
    """How many bytes, or how it failed."""
    try:
        return str(len(await awaitable))
    except (Exception, asyncio.CancelledError) as e:
        return name(e)


async def words_of(awaitable):
    return (await awaitable).decode().strip() or "nothing"


@scenario
async def lines():
    reader, writer, peer = await connect()
    peer.send(b"one\ntwo\nrest")
    say(await words_of(reader.readline()))
    say(yes(reader.at_eof()))
    peer.close()
    say(await words_of(reader.readline()))
    say(await words_of(reader.readline()))
    say(yes(reader.at_eof()))
    say(await words_of(reader.readline()))
    await leave(writer, peer)


@scenario
async def what_is_there():
    reader, writer, peer = await connect()
    peer.send(b"hello")
    say(await words_of(reader.read(100)))
    peer.send(b"world")
    say(await words_of(reader.read(3)))
    say(await words_of(reader.read(100)))
    say(len(await reader.read(0)))
    peer.close()
    say(len(await reader.read(100)))
    await leave(writer, peer)


@scenario
async def exactly_so_many():
    reader, writer, peer = await connect()
    peer.send(b"abc")
    task = asyncio.create_task(length_of(reader.readexactly(5)))
    await asyncio.sleep(T)
    say(state(task))
    peer.send(b"defg")
    say(await task)
    peer.close()
    say(await length_of(reader.readexactly(5)))
    say(len(await reader.read(5)))
    await leave(writer, peer)


@scenario
async def one_of_several_separators():
    reader, writer, peer = await connect()
    peer.send(b"a;b\r\nc.")
    say(await words_of(reader.readuntil((b";", b"\r\n"))))
    say(await words_of(reader.readuntil((b";", b"\r\n"))))
    say(await words_of(reader.readuntil(b".")))
    peer.send(b"no end")
    peer.close()
    say(await length_of(reader.readuntil((b";", b"\r\n"))))
    await leave(writer, peer)


@scenario
async def more_than_the_limit():
    reader, writer, peer = await connect(limit=8)
    peer.send(b"0123456789abcdef")
    say(await length_of(reader.readuntil(b"\n")))
    say(len(await reader.readexactly(16)))          # nothing was lost
    peer.send(b"short\n")
    say(await words_of(reader.readuntil(b"\n")))
    await leave(writer, peer)


@scenario
async def a_cancelled_read_keeps_what_came():
    reader, writer, peer = await connect()
    peer.send(b"four")
    task = asyncio.create_task(reader.readexactly(10))
    await asyncio.sleep(T)
    task.cancel()
    say(await ends(task))
    say(await words_of(reader.readexactly(4)))
    await leave(writer, peer)


@scenario
async def the_reader_comes_behind_what_was_scheduled():
    reader, writer, peer = await connect()
    task = asyncio.create_task(words_of(reader.read(100)))
    await asyncio.sleep(0)
    peer.send(b"x")
    asyncio.get_running_loop().call_soon(say, "scheduled before")
    say(await task)
    await leave(writer, peer)


@scenario
async def a_reset_is_an_error_for_ever():
    reader, writer, peer = await connect()
    writer.write(b"never read")
    await asyncio.sleep(T)
    peer.close()
    say(await length_of(reader.read(1)))
    say(await length_of(reader.readline()))
    await leave(writer, peer)


@scenario
async def writing_waits_for_a_slow_reader():
    reader, writer, peer = await connect()
    peer.setblocking(False)
    writer.write(b"a" * MUCH)
    task = asyncio.create_task(writer.drain())
    await asyncio.sleep(T)
    say(state(task))
    left = MUCH
    while left:
        try:
            left -= len(peer.recv(65536))
        except BlockingIOError:
            await asyncio.sleep(0)
    say(await ends(task))
    say(await ends(writer.drain()))
    await leave(writer, peer)


@scenario
async def who_waits_for_a_reader_that_goes():
    reader, writer, peer = await connect()
    writer.write(b"a" * MUCH)
    task = asyncio.create_task(length_of(writer.drain()))
    await asyncio.sleep(T)
    peer.close()
    say("reset" if await task in ("ECONNRESET", "EPIPE", "ConnectionResetError") else "not reset")
    await leave(writer, peer)


@scenario
async def one_direction_ends():
    reader, writer, peer = await connect()
    say(yes(writer.can_write_eof()))
    writer.write(b"question")
    writer.write_eof()
    say(yes(writer.is_closing()))
    await asyncio.sleep(T)
    say(peer.recv(100).decode())
    say(len(peer.recv(100)))
    peer.send(b"answer")
    say(await words_of(reader.read(100)))
    await leave(writer, peer)


@scenario
async def closing():
    reader, writer, peer = await connect()
    writer.write(b"last words")
    writer.close()
    say(yes(writer.is_closing()))
    say(await ends(writer.wait_closed()))
    say(peer.recv(100).decode())
    say(len(peer.recv(100)))
    await leave(writer, peer)


@scenario
async def the_peer_is_gone():
    reader, writer, peer = await connect()
    peer.close()
    say(len(await reader.read(1)))
    say(yes(reader.at_eof()))
    say(len(await reader.read(1)))
    await leave(writer, peer)
