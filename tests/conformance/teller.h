/* SPDX-License-Identifier: MIT */
/* The protocol of scenarios about transports: it says how it is called. As teller.py. */
#pragma once

#include "support/trace.h"

#include <unistd.h>

enum { MUCH = 4 << 20 };

struct teller {
    asyncio_protocol protocol; /* first */
    const char *who;
    int stays_open;
    asyncio_future *gone;
};

/* Of the scenario: it ends when both are gone. */
static struct teller tellers[2];
static asyncio_transport *transport;
static int peer;

static inline struct teller *teller(asyncio_protocol *protocol)
{
    return (struct teller *)(void *)protocol;
}

static inline void made(asyncio_protocol *protocol, asyncio_transport *made_transport)
{
    (void)made_transport;
    say("%smade", teller(protocol)->who);
}

static inline void received(asyncio_protocol *protocol, const void *data, size_t size)
{
    say("%sdata %.*s", teller(protocol)->who, (int)size, (const char *)data);
}

static inline int eof_received(asyncio_protocol *protocol)
{
    say("%seof", teller(protocol)->who);
    return teller(protocol)->stays_open;
}

static inline void lost(asyncio_protocol *protocol, int error)
{
    say("%slost %s", teller(protocol)->who, name(error));
    ok(asyncio_future_set_result(teller(protocol)->gone, 0));
}

static inline void pause_writing(asyncio_protocol *protocol)
{
    say("%spause", teller(protocol)->who);
}

static inline void resume_writing(asyncio_protocol *protocol)
{
    say("%sresume", teller(protocol)->who);
}

static const asyncio_protocol_methods methods = { .connection_made = made,
                                                  .data_received = received,
                                                  .eof_received = eof_received,
                                                  .connection_lost = lost,
                                                  .pause_writing = pause_writing,
                                                  .resume_writing = resume_writing };

static inline asyncio_protocol *new_teller(struct teller *one, const char *who)
{
    *one = (struct teller){ .protocol = { &methods }, .who = who, .gone = new_future() };
    return &one->protocol;
}

static inline asyncio_protocol *give(void *data)
{
    return new_teller(data, "");
}

static inline int leave(int result)
{
    asyncio_transport_unref(transport);
    if (peer >= 0)
        close(peer);
    return result;
}

static inline void hang_up(void)
{
    close(peer);
    peer = -1;
}
