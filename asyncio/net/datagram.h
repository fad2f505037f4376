/* SPDX-License-Identifier: MIT */
/* Datagram endpoints from the inside.
 *
 * RECEIVING  By call: the operation stores into the caller's datagrams, and is taken back when the
 *            call is cancelled. By callbacks: into a batch of the transport's own; what came is
 *            delivered by a handle of the turn, and only then is more received.
 * SENDING    One operation at a time: of the task at the head of `senders`, or of the queue that
 *            sendto fills. Tasks and queue take turns in the order they came: who finds somebody
 *            before him waits.
 * BEGINNING  connection_made, the waking of who asked for the endpoint and the first receive are as
 *            CPython's in a row, so that nothing is received before that task goes on.
 * LIFE       `refs` are the user's; the last one closes. `holds` keep the memory: the open
 *            socket's, given back with connection_lost, which is a handle of its own turn, and one
 *            around each call that may run a callback. */
#pragma once

#include "net/net.h"

#include <asyncio/datagram.h>

enum { DATAGRAM_BATCH = 8, DATAGRAM_MAX = 65536 };

struct packet {
    struct list link;
    asyncio_datagram datagram;
    char bytes[];
};

struct asyncio_datagram_transport {
    struct net *net;
    struct list link; /* in net->datagrams, while open */
    sock socket;
    uint32_t refs, holds;
    bool is_closing, is_shut, is_paused, is_receiving, is_sending, is_made;
    int error;

    asyncio_datagram_protocol *protocol; /* NULL: by calls, or it is over */
    asyncio_context *context; /* what the protocol's methods run in */
    struct handle delivery; /* connection_made, what was received, connection_lost */
    struct handle starting; /* after connection_made: who asked for it goes on, and receiving */
    struct list waiters;    /* the task that asked */
    asyncio_datagram *batch; /* with a protocol */
    int received;            /* of the batch, not delivered yet; or an error */
    bool has_received;

    struct op in, out;
    asyncio_task *reader, *sender; /* that wait for in, out */
    struct awaited reading, writing;
    struct opening *opening; /* while it is made */
    struct list senders; /* tasks that wait for their turn */
    struct list queue;   /* struct packet */
    size_t queued, high, low;
};

/* Makes it begin: the socket is ready, and is the transport's from now on. */
void asyncio__datagram_begin(asyncio_datagram_transport *transport, sock socket);
