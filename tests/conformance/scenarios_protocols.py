# SPDX-License-Identifier: MIT
"""Transports and protocols: in which order a transport calls its protocol, and what it says when. The peer is the other end
of a socketpair, outside of the loop."""

import asyncio
import socket

from support import *
from teller import MUCH, Teller


async def connect():
    ours, peer = socket.socketpair()
    transport, protocol = await asyncio.get_running_loop().create_connection(Teller, sock=ours)
    say("connected")
    return transport, protocol, peer


@scenario
async def made_data_eof_lost():
    transport, protocol, peer = await connect()
    peer.send(b"hello")
    peer.close()
    await protocol.gone
    say(yes(transport.is_closing()))


@scenario
async def lost_never_comes_from_inside_of_close():
    transport, protocol, peer = await connect()
    transport.close()
    say("closed")
    await asyncio.sleep(0)
    say("a turn later")
    transport.close()
    transport.abort()
    await asyncio.sleep(0)
    peer.close()


@scenario
async def lost_never_comes_from_inside_of_abort():
    transport, protocol, peer = await connect()
    transport.abort()
    say("aborted")
    await asyncio.sleep(0)
    say("a turn later")
    peer.close()


@scenario
async def data_comes_behind_what_was_scheduled():
    transport, protocol, peer = await connect()
    peer.send(b"x")
    asyncio.get_running_loop().call_soon(say, "scheduled before")
    await asyncio.sleep(T)
    transport.abort()
    await protocol.gone
    peer.close()


@scenario
async def data_that_was_there_before():
    ours, peer = socket.socketpair()
    peer.send(b"early")
    transport, protocol = await asyncio.get_running_loop().create_connection(Teller, sock=ours)
    say("connected")
    await asyncio.sleep(0)
    say("a turn later")
    transport.abort()
    await protocol.gone
    peer.close()


@scenario
async def pause_writing_comes_from_inside_of_write():
    transport, protocol, peer = await connect()
    peer.setblocking(False)
    transport.write(b"a" * MUCH)
    say("written")
    transport.write(b"b")
    say("written more")
    left = MUCH + 1
    while left:
        try:
            left -= len(peer.recv(65536))
        except BlockingIOError:
            await asyncio.sleep(0)
    await asyncio.sleep(T)
    say(transport.get_write_buffer_size())
    transport.close()
    await protocol.gone
    peer.close()


@scenario
async def marks_of_zero_pause_at_once():
    transport, protocol, peer = await connect()
    transport.set_write_buffer_limits(high=2 * MUCH, low=0)
    transport.write(b"a" * MUCH)
    say("written")
    transport.set_write_buffer_limits(high=0)
    say("marks set")
    transport.abort()
    await protocol.gone
    peer.close()


@scenario
async def paused_reading_keeps_data():
    transport, protocol, peer = await connect()
    transport.pause_reading()
    say(yes(transport.is_reading()))
    peer.send(b"later")
    await asyncio.sleep(T)
    say("nothing yet")
    transport.resume_reading()
    transport.resume_reading()
    say("resumed")
    await asyncio.sleep(T)
    transport.close()
    say(yes(transport.is_reading()))
    await protocol.gone
    peer.close()


@scenario
async def a_true_eof_received_keeps_writing():
    transport, protocol, peer = await connect()
    protocol.stays_open = True
    peer.send(b"question")
    peer.shutdown(socket.SHUT_WR)
    await asyncio.sleep(T)
    say(yes(transport.is_closing()))
    transport.write(b"answer")
    say(peer.recv(100).decode())
    transport.close()
    await protocol.gone
    peer.close()


@scenario
async def another_protocol():
    transport, protocol, peer = await connect()
    peer.send(b"one")
    await asyncio.sleep(T)
    other = Teller("other ")
    transport.set_protocol(other)
    say(yes(transport.get_protocol() is other))
    peer.send(b"two")
    await asyncio.sleep(T)
    peer.close()
    await other.gone


@scenario
async def what_is_unsent_goes_before_the_end():
    transport, protocol, peer = await connect()
    transport.write(b"last words")
    transport.write_eof()
    transport.write_eof()
    transport.close()
    say("closed")
    await protocol.gone
    say(peer.recv(100).decode())
    say(len(peer.recv(100)))
    peer.close()
