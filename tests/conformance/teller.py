# SPDX-License-Identifier: MIT
"""The protocol of scenarios about transports: it says how it is called. As teller.h."""

import asyncio

from support import name, say

MUCH = 4 << 20


class Teller(asyncio.Protocol):
    def __init__(self, who=""):
        self.who = who
        self.stays_open = False
        self.gone = asyncio.get_running_loop().create_future()
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        say(f"{self.who}made")

    def data_received(self, data):
        say(f"{self.who}data {data.decode()}")

    def eof_received(self):
        say(f"{self.who}eof")
        return self.stays_open

    def connection_lost(self, error):
        # one that the transport makes itself has no errno
        say(f"{self.who}lost {'EPIPE' if isinstance(error, BrokenPipeError) else name(error)}")
        self.gone.set_result(None)

    def pause_writing(self):
        say(f"{self.who}pause")

    def resume_writing(self):
        say(f"{self.who}resume")
