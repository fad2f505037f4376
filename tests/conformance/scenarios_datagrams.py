# SPDX-License-Identifier: MIT
"""Datagram endpoints by callbacks: in which order they call the protocol, and what they make of errors and of their end. The
peer is a socket outside of the loop."""

import asyncio
import socket

from support import *


class Teller(asyncio.DatagramProtocol):
    def __init__(self, who=""):
        self.who = who
        self.closes = self.early = self.successor = None
        self.gone = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        say(f"{self.who}made")
        if self.early:
            self.early.sendto(b"early", transport.get_extra_info("sockname"))

    def datagram_received(self, data, address):
        say(f"{self.who}received {data.decode()}")
        if self.closes:
            self.transport.close()
        if self.successor:
            self.transport.set_protocol(self.successor)

    def error_received(self, error):
        say(f"{self.who}error {name(error)}")

    def connection_lost(self, error):
        say(f"{self.who}lost {name(error)}")
        self.gone.set_result(None)


def udp():
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.setblocking(False)
    return peer


async def endpoint(early=False):
    """One that knows its peer, and is known by it; which is early when it sends from within connection_made."""
    peer = udp()

    def make():
        teller = Teller()
        teller.early = peer if early else None
        return teller

    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        make, remote_addr=peer.getsockname())
    peer.connect(transport.get_extra_info("sockname"))
    say("open")
    return transport, protocol, peer


async def over(transport, protocol, peer):
    transport.close()
    await protocol.gone
    peer.close()


@scenario
async def made_received_lost():
    transport, protocol, peer = await endpoint()
    peer.send(b"one")
    peer.send(b"two")
    await asyncio.sleep(T)
    say(yes(transport.is_closing()))
    transport.close()
    say(yes(transport.is_closing()))
    await protocol.gone
    peer.close()


@scenario
async def lost_never_comes_from_inside_of_close():
    transport, protocol, peer = await endpoint()
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
    transport, protocol, peer = await endpoint()
    transport.abort()
    say("aborted")
    await asyncio.sleep(0)
    say("a turn later")
    peer.close()


@scenario
async def datagrams_come_behind_what_was_scheduled():
    transport, protocol, peer = await endpoint()
    peer.send(b"x")
    asyncio.get_running_loop().call_soon(say, "scheduled before")
    await asyncio.sleep(T)
    await over(transport, protocol, peer)


@scenario
async def datagrams_that_were_there_before():
    transport, protocol, peer = await endpoint(early=True)
    await asyncio.sleep(0)
    say("a turn later")
    await over(transport, protocol, peer)


@scenario
async def there_and_back():
    transport, protocol, peer = await endpoint()
    transport.sendto(b"question")
    say(peer.recv(100).decode())
    peer.send(b"answer")
    await asyncio.sleep(T)
    say(transport.get_write_buffer_size())
    await over(transport, protocol, peer)


@scenario
async def of_no_length():
    transport, protocol, peer = await endpoint()
    transport.sendto(b"")
    say(len(peer.recv(100)))
    peer.send(b"")
    await asyncio.sleep(T)
    await over(transport, protocol, peer)


@scenario
async def what_the_peer_refuses_is_an_error_and_no_end():
    transport, protocol, peer = await endpoint()
    peer.close()
    transport.sendto(b"anybody there?")
    await asyncio.sleep(T)
    say(yes(transport.is_closing()))
    await over(transport, protocol, peer)


@scenario
async def too_long():
    transport, protocol, peer = await endpoint()
    transport.sendto(bytes(70000))
    await asyncio.sleep(T)
    transport.sendto(b"short")
    say(peer.recv(100).decode())
    await over(transport, protocol, peer)


@scenario
async def closed_by_a_datagram():
    transport, protocol, peer = await endpoint()
    protocol.closes = True
    peer.send(b"one")
    peer.send(b"two")
    await asyncio.sleep(T)
    await protocol.gone
    peer.close()


@scenario
async def another_protocol():
    transport, protocol, peer = await endpoint()
    peer.send(b"one")
    await asyncio.sleep(T)
    other = Teller("other ")
    transport.set_protocol(other)
    say(yes(transport.get_protocol() is other))
    peer.send(b"two")
    await asyncio.sleep(T)
    transport.close()
    await other.gone
    peer.close()


@scenario
async def another_protocol_for_the_second_of_two():
    transport, protocol, peer = await endpoint()
    protocol.successor = Teller("other ")
    peer.send(b"one")
    peer.send(b"two")
    await asyncio.sleep(T)
    transport.close()
    await protocol.successor.gone
    peer.close()
