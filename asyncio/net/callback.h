/* SPDX-License-Identifier: MIT */
/* The callback level from the inside: see callback.c. */
#pragma once

#include "net/start_tls.h"
#include "net/tcp.h"

#include <asyncio/transport.h>

struct asyncio_transport {
    struct tcp tcp;
    struct transport *top;           /* TLS, or tcp's */
    asyncio_protocol *protocol;
    asyncio_context *context;        /* what the protocol's methods run in */
    struct buffer in;                /* came, and was not given to the protocol yet */
    char *own;                       /* a block of its own that the receive under way goes into */
    struct handle making;            /* connection_made */
    struct handle reading;           /* what came goes to the protocol, and reading goes on */
    struct handle resuming;          /* first wakes who asked for it, later resume_writing */
    struct handle losing;            /* connection_lost */
    struct list link;                /* in the floor's, or the server's */
    struct asyncio_server *server;
    struct list waiters;             /* the task that creates it */
    struct list *drainers;           /* where who sends a file waits; NULL: nobody sends one */
    int opened;                      /* for that: OP_PENDING, 0, or an error */
    int error;                       /* what it was lost by */
    int result;                      /* of the last receive, when that brought no bytes */
    size_t bulk;                     /* what comes at a time, where that is much; else 0 */
    uint32_t refs;                   /* the user's; and one until connection_lost has returned */
    bool is_made;                    /* connection_made has been called, connection_lost not yet */
    bool is_over;                    /* connection_lost has returned, or never will be called */
    bool is_lost;                    /* the one below is gone */
    bool is_closing, is_receiving;
    uint8_t is_reading_paused;       /* who has paused it: PAUSED_BY_USER, PAUSED_FOR_FILE */
    bool is_awaiting, is_awaited;    /* without memory; there is something to receive */
    bool is_shaking_hands;           /* TLS began later than the connection */
    bool is_pipe;                    /* its end is that of one direction */
    bool is_part;                    /* of another transport, whose the protocol is */
    bool has_result, has_eof;        /* to be given to the protocol; was given */
    bool is_told_to_pause;
    bool has_sent_eof;               /* also set while a file is sent: who may not write then */
};

enum { PAUSED_BY_USER = 1, PAUSED_FOR_FILE = 2 };

/* Returns new: a transport on a connected socket, in `list`, for what `factory` makes. -ENOMEM: the
 * socket is the caller's. */
int asyncio__transport_new(struct net *net, sock socket, asyncio_protocol_factory *factory,
                           void *data, struct asyncio_server *server, struct list *list,
                           asyncio_transport **ret_transport);
/* TLS from here on: `opened` and the waiters are told. */
int asyncio__transport_secure(asyncio_transport *transport, const struct secure *secure);
typedef int transport_begin(asyncio_transport *transport, const struct secure *secure);
/* Begins, by one of these, and waits for connection_made or the handshake. Takes a reference, which
 * is the caller's when it succeeds. */
int asyncio__transport_wait_open(asyncio_transport *transport, transport_begin *begin,
                                 const struct secure *secure);
/* Gives the caller's reference to *ret_transport, or back when that is NULL. */
static inline void transport_hand_over(asyncio_transport *transport,
                                       asyncio_transport **ret_transport)
{
    if (ret_transport)
        *ret_transport = transport;
    else
        asyncio_transport_unref(transport);
}
/* Before it has begun: nothing is left of it but its socket, the caller's again. */
void asyncio__transport_undo(asyncio_transport *transport);
/* Whether a file may be sent: 0, -ECONNRESET, -EPIPE, -EBUSY. */
int asyncio__transport_may_send_file(const asyncio_transport *transport);
/* From here on nothing is read, what others write is -EBUSY, the protocol is not told that it may
 * write, and who waits in `drainers` is told when nothing is unsent, or that it is over. */
void asyncio__transport_sends_file(asyncio_transport *transport, struct list *drainers);
/* All goes on, unless the transport is closing. */
void asyncio__transport_sent_file(asyncio_transport *transport);
/* connection_made is called soon, by TLS after the handshake. */
int asyncio__transport_begin(asyncio_transport *transport, const struct secure *secure);
