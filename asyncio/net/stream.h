/* SPDX-License-Identifier: MIT */
/* Streams from the inside.
 *
 * MODEL      A stream stands on a transport and adds what straight-line code wants: a task that
 *            waits for bytes, a buffer for what was read beyond what was asked for, tasks that
 *            wait until writing may go on or until all is over. It brings the struct of its first
 *            transport, TCP, along, so that a connection is one allocation.
 * READING    With nothing buffered a plain read goes straight into the caller's memory. The buffer
 *            exists while something is in it or lent from it; a task that waits for bytes with
 *            nothing buffered waits with the floor's scratch.
 * LIFE       `refs` are the user's; the last one closes. `is_open` is a reference of the
 *            transport's, until `lost`.
 * GONE       0 while calls make sense, else what they return: -ECONNRESET after close and abort,
 *            or what it was lost by. */
#pragma once

#include "net/tcp.h"

#include <asyncio/stream.h>

struct asyncio_server;

struct asyncio_stream {
    struct tcp tcp;
    struct transport *transport;     /* the top one */
    struct awaited reading;          /* what `reader` waits for */
    asyncio_task *reader;
    struct buffer in;
    size_t limit;
    struct list link;                /* in the server's streams, or the floor's */
    struct asyncio_server *server;
    struct asyncio_server *handled_by; /* whose task has not ended */
    struct list drainers, closers;   /* waiting tasks */
    uint32_t refs;
    int gone, lost_by;
    bool is_open;
    bool is_parked;                  /* the server has no task for it yet */
    bool has_eof;                    /* the peer sends no more */
    bool has_sent_eof;
    /* the wait of `reader` was cancelled, and its receive still completes */
    bool is_read_cancelled;
    bool is_diverted;                /* the receive under way stores in the scratch */
};

static inline struct asyncio_stream *stream_of(struct transport *transport)
{
    return container_of(transport, struct asyncio_stream, tcp.base);
}

/* Returns new: a stream on a connected socket, in `list`. NULL without memory: the socket is still
 * the caller's. */
asyncio_stream *asyncio__stream_new(struct net *net, sock socket, size_t limit,
                                    struct asyncio_server *server, struct list *list);

/* Receives into `data`, waiting if need be: bytes, 0 at the end, or an error. A cancelled wait
 * that got bytes gives them, and the cancellation stays due. */
int asyncio__stream_receive(asyncio_stream *stream, void *data, size_t size);

/* Adds at least one byte to the buffer, waiting if need be: how many, 0 at the end, or an error.
 * The buffer grows as far as `capacity`. */
int asyncio__stream_fill_more(asyncio_stream *stream, size_t capacity);

/* 0 when the running task may read now. */
int asyncio__stream_may_read(asyncio_stream *stream);

/* The server's: a stream of it is over. */
void asyncio__server_lost(struct asyncio_server *server, asyncio_stream *stream);
