/* SPDX-License-Identifier: MIT */
/* What the tests of protocols share: one that sends back what comes, until the peer ends, and how a
 * program that is swept ends. */
#pragma once

#include "net/tls_test.h"

#include "support/sweep.h"

#include <asyncio/transport.h>

struct echo {
    asyncio_protocol protocol; /* first */
    asyncio_transport *transport;
};

static inline void echo_made(asyncio_protocol *protocol, asyncio_transport *transport)
{
    ((struct echo *)(void *)protocol)->transport = transport;
}

static inline void echo_received(asyncio_protocol *protocol, const void *data, size_t size)
{
    asyncio_transport *transport = ((struct echo *)(void *)protocol)->transport;
    if (asyncio_transport_write(transport, data, size) < 0)
        asyncio_transport_abort(transport);
}

static inline void echo_destroy(asyncio_protocol *protocol)
{
    asyncio__free(protocol);
}

static const asyncio_protocol_methods echo_methods = { .connection_made = echo_made,
                                                       .data_received = echo_received,
                                                       .destroy = echo_destroy };

static inline asyncio_protocol *new_echo(void *data)
{
    (void)data;
    struct echo *echo = asyncio__calloc(1, sizeof *echo);
    if (!echo)
        return NULL;
    echo->protocol.methods = &echo_methods;
    return &echo->protocol;
}

/* Closes what was opened; returns the first error. */
static inline int end_swept(asyncio_server *server, int r, asyncio_transport *transport)
{
    if (transport) {
        r = asyncio_sleep(0);
        asyncio_transport_close(transport);
        asyncio_transport_unref(transport);
    }
    asyncio_server_close(server);
    if (r < 0)
        asyncio_server_abort_clients(server);
    int closed = asyncio_server_wait_closed(server);
    asyncio_server_unref(server);
    return r < 0 ? r : closed;
}
