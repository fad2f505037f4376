/* SPDX-License-Identifier: MIT */
/* Protocols: what a connection calls, for authors of libraries. Programs are better off with
 * streams.
 *
 *     struct echo {
 *         asyncio_protocol protocol;               first, so that one is the other
 *         asyncio_transport *transport;
 *     };
 *     static void made(asyncio_protocol *protocol, asyncio_transport *transport)
 *     {
 *         ((struct echo *)protocol)->transport = transport;
 *     }
 *     static void received(asyncio_protocol *protocol, const void *data, size_t size)
 *     {
 *         (void)asyncio_transport_write(((struct echo *)protocol)->transport, data, size);
 *     }
 *     static const asyncio_protocol_methods methods = {
 *         .connection_made = made, .data_received = received, .destroy = ... };
 *
 * MODEL      A protocol is an object of yours that begins with asyncio_protocol, whose methods are
 *            Python's Protocol or BufferedProtocol; each may be NULL. A factory makes one for each
 *            connection.
 * ORDER      connection_made, then data_received (or get_buffer and buffer_updated) any number of
 *            times, then eof_received at most once, then connection_lost exactly once.
 *            pause_writing and resume_writing take turns, between the first and the last. All but
 *            pause_writing come from the loop, never from inside a call to the transport.
 * CONTEXT    They run in the loop's thread, in the context that create_connection or create_server
 *            was called in, outside of tasks: they must not suspend.
 * OWNERSHIP  A protocol belongs to its transport from the factory on; `destroy` is called once,
 *            after connection_lost, or when the loop closes before. One that set_protocol replaced
 *            is yours again.
 * SOURCE     CPython's Lib/asyncio/protocols.py. */
#pragma once

#include <asyncio/macros.h>

ASYNCIO__BEGIN

typedef struct asyncio_transport asyncio_transport;
typedef struct asyncio_protocol asyncio_protocol;

/* Python's BaseProtocol, Protocol and BufferedProtocol: one with get_buffer is the last. */
typedef struct asyncio_protocol_methods {
    /* The connection is there. `transport` is lent until connection_lost has returned. */
    void (*connection_made)(asyncio_protocol *protocol, asyncio_transport *transport);
    /* Bytes have come, lent for this call. */
    void (*data_received)(asyncio_protocol *protocol, const void *data, size_t size);
    /* Instead of data_received: where bytes are to go, and for how many there is room (not 0).
     * `hint` is how many there are, or may be. */
    size_t (*get_buffer)(asyncio_protocol *protocol, size_t hint, void **ret_buffer);
    /* So many bytes of that buffer have been filled. */
    void (*buffer_updated)(asyncio_protocol *protocol, size_t size);
    /* The peer sends no more. 1: writing goes on (not by TLS); 0, and without it: it is closed. */
    int (*eof_received)(asyncio_protocol *protocol);
    /* The end. 0: it was closed, or by the peer; else what it was lost by. */
    void (*connection_lost)(asyncio_protocol *protocol, int error);
    /* More than the high-water mark is unsent; until resume_writing. */
    void (*pause_writing)(asyncio_protocol *protocol);
    void (*resume_writing)(asyncio_protocol *protocol);
    /* Nothing calls it any more. */
    void (*destroy)(asyncio_protocol *protocol);
} asyncio_protocol_methods;

struct asyncio_protocol {
    const asyncio_protocol_methods *methods;
};

/* Makes a protocol for one connection. NULL: no memory. Does not suspend. */
typedef asyncio_protocol *asyncio_protocol_factory(void *data);

ASYNCIO__END
