# SPDX-License-Identifier: MIT
"""Pipes by callbacks: connect_read_pipe and connect_write_pipe, in which order their transports call the protocol, and what
they make of an end. The other end is a descriptor outside of the loop."""

import asyncio
import os

from support import *
from teller import MUCH, Teller


async def reader():
    ours, theirs = os.pipe()
    transport, protocol = await asyncio.get_running_loop().connect_read_pipe(Teller, os.fdopen(ours, "rb", 0))
    say("connected")
    return transport, protocol, theirs


async def writer():
    theirs, ours = os.pipe()
    os.set_blocking(theirs, False)
    transport, protocol = await asyncio.get_running_loop().connect_write_pipe(Teller, os.fdopen(ours, "wb", 0))
    say("connected")
    return transport, protocol, theirs


async def read_much(peer, left):
    while left:
        try:
            left -= len(os.read(peer, 65536))
        except BlockingIOError:
            await asyncio.sleep(0)
    await asyncio.sleep(T)


@scenario
async def made_data_eof_lost():
    transport, protocol, peer = await reader()
    os.write(peer, b"hello")
    os.close(peer)
    await protocol.gone
    say(yes(transport.is_closing()))


@scenario
async def eof_and_lost_come_in_one_turn():
    transport, protocol, peer = await reader()
    await asyncio.sleep(T)
    os.close(peer)
    turns(4)
    await protocol.gone
    await passes(4)


@scenario
async def what_eof_received_returns_changes_nothing():
    transport, protocol, peer = await reader()
    protocol.stays_open = True
    os.close(peer)
    await protocol.gone


@scenario
async def lost_never_comes_from_inside_of_close():
    transport, protocol, peer = await reader()
    transport.close()
    say("closed")
    await asyncio.sleep(0)
    say("a turn later")
    transport.close()
    await asyncio.sleep(0)
    os.close(peer)


@scenario
async def data_comes_behind_what_was_scheduled():
    transport, protocol, peer = await reader()
    os.write(peer, b"x")
    asyncio.get_running_loop().call_soon(say, "scheduled before")
    await asyncio.sleep(T)
    transport.close()
    await protocol.gone
    os.close(peer)


@scenario
async def paused_reading_keeps_data():
    transport, protocol, peer = await reader()
    transport.pause_reading()
    transport.pause_reading()
    say(yes(transport.is_reading()))
    os.write(peer, b"later")
    await asyncio.sleep(T)
    say("nothing yet")
    transport.resume_reading()
    transport.resume_reading()
    say("resumed")
    await asyncio.sleep(T)
    transport.close()
    await protocol.gone
    os.close(peer)


@scenario
async def another_protocol():
    transport, protocol, peer = await reader()
    os.write(peer, b"one")
    await asyncio.sleep(T)
    other = Teller("other ")
    transport.set_protocol(other)
    say(yes(transport.get_protocol() is other))
    os.write(peer, b"two")
    await asyncio.sleep(T)
    os.close(peer)
    await other.gone


@scenario
async def pause_writing_comes_from_inside_of_write():
    transport, protocol, peer = await writer()
    transport.write(b"a" * MUCH)
    say("written")
    transport.write(b"b")
    say("written more")
    await read_much(peer, MUCH + 1)
    say(transport.get_write_buffer_size())
    transport.close()
    await protocol.gone
    os.close(peer)


@scenario
async def marks_of_zero_pause_at_once():
    transport, protocol, peer = await writer()
    transport.set_write_buffer_limits(high=2 * MUCH, low=0)
    transport.write(b"a" * MUCH)
    say("written")
    transport.set_write_buffer_limits(high=0)
    say("marks set")
    transport.abort()
    await protocol.gone
    os.close(peer)


@scenario
async def write_eof_closes():
    transport, protocol, peer = await writer()
    say(yes(transport.can_write_eof()))
    transport.write(b"last words")
    transport.write_eof()
    say(yes(transport.is_closing()))
    transport.write_eof()
    await protocol.gone
    say(os.read(peer, 100).decode())
    say(len(os.read(peer, 100)))
    os.close(peer)


@scenario
async def write_eof_goes_behind_what_is_unsent():
    transport, protocol, peer = await writer()
    transport.write(b"a" * MUCH)
    transport.write_eof()
    say(yes(transport.is_closing()))
    await asyncio.sleep(T)
    say("still open")
    await read_much(peer, MUCH)
    await protocol.gone
    say(len(os.read(peer, 100)))
    os.close(peer)


@scenario
async def close_sends_what_is_unsent():
    transport, protocol, peer = await writer()
    transport.write(b"a" * MUCH)
    transport.close()
    say("closed")
    await read_much(peer, MUCH)
    await protocol.gone
    os.close(peer)


@scenario
async def abort_drops_what_is_unsent():
    transport, protocol, peer = await writer()
    transport.write(b"a" * MUCH)
    transport.abort()
    say(yes(transport.is_closing()))
    await protocol.gone
    os.close(peer)


@scenario
async def the_reader_goes():
    transport, protocol, peer = await writer()
    transport.write(b"taken")
    await asyncio.sleep(T)
    os.close(peer)
    await protocol.gone
    say(yes(transport.is_closing()))


@scenario
async def the_reader_goes_before_all_is_sent():
    transport, protocol, peer = await writer()
    transport.write(b"a" * MUCH)
    await asyncio.sleep(T)
    os.close(peer)
    await protocol.gone


@scenario
async def writing_before_it_is_noticed():
    transport, protocol, peer = await writer()
    await asyncio.sleep(T)
    os.close(peer)
    transport.write(b"x")
    say("written")
    await protocol.gone


@scenario
async def another_protocol_of_a_writer():
    transport, protocol, peer = await writer()
    other = Teller("other ")
    transport.set_protocol(other)
    transport.write(b"a" * MUCH)
    await read_much(peer, MUCH)
    transport.close()
    await other.gone
    os.close(peer)
