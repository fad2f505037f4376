/* SPDX-License-Identifier: MIT */
/* Streams from the inside.
 *
 * MODEL      A stream stands on a transport and adds what straight-line code wants: a task that
 *            waits for bytes, a buffer for what was read beyond what was asked for, tasks that
 *            wait until writing may go on or until all is over. It brings the struct of its first
 *            transport, TCP, along, so that a connection is one allocation.
 * READING    With nothing buffered a plain read goes straight into the caller's memory. The buffer
 *            exists while something is in it or lent from it; a task that waits for bytes with
 *            nothing buffered waits with the floor's scratch, unless it is in the middle of a bulk
 *            transfer. How large it begins follows from what came before: large messages are not
 *            read in small pieces, small ones cost no large block.
 * EXPECTED   The scratch is everybody's, so what comes there is taken out at once, before anything
 *            else runs. Who has said what is likely to come (asyncio__stream_expect) is told when
 *            it has, and then only what follows it is buffered.
 * LIFE       `refs` are the user's; the last one closes. `is_open` is a reference of the
 *            transport's, until `lost`.
 * GONE       0 while calls make sense, else what they return: -ECONNRESET after close and abort,
 *            or what it was lost by. Half gone it is where a write has met a reset: what came
 *            before that is still read, and then the stream is lost. */
#pragma once

#include "net/tcp.h"

#include <asyncio/stream.h>
#include <errno.h>

struct asyncio_server;

struct asyncio_stream {
    struct tcp tcp;
    /* What each read and write looks at lies together. */
    struct transport *transport; /* the top one */
    asyncio_task *reader;
    struct awaited reading;      /* what it waits for */
    struct buffer in;
    uint32_t chunk;              /* room that a fill asks for: as much as comes at a time */
    int gone, lost_by;
    bool is_open : 1;
    bool is_accepted : 1;   /* a server's: its side of TLS */
    bool is_half_gone : 1;  /* `gone` is what writing returns; reading goes on */
    bool is_parked : 1;     /* the server has no task for it yet */
    bool is_dismissed : 1;  /* by the server: no news to its handler's author */
    bool has_eof : 1;       /* the peer sends no more */
    bool has_sent_eof : 1;
    /* so has_sent_eof is set, for who may not write meanwhile */
    bool is_sending_file : 1;
    /* the wait of `reader` was, and its receive still completes */
    bool is_read_cancelled : 1;
    bool is_diverted : 1;   /* the receive under way stores in the scratch */
    bool is_as_expected : 1; /* `expected` has come there, and is not kept */
    uint32_t refs;
    uint32_t expected_size;
    size_t limit;
    /* borrowed of the reader while it waits for it; NULL: nothing is expected */
    const void *expected;
    struct list link; /* in the server's streams, or the floor's */
    struct asyncio_server *server;
    struct peer *peer;               /* whose connection it is, where the server counts them */
    struct asyncio_server *handled_by; /* whose task has not ended */
    struct list drainers, closers;     /* waiting tasks */
};

static inline struct asyncio_stream *stream_of(struct transport *transport)
{
    return transport->user;
}

/* Returns new: a stream on a connected socket, in `list`. NULL without memory: the socket is still
 * the caller's. */
asyncio_stream *asyncio__stream_new(struct net *net, sock socket, size_t limit,
                                    struct asyncio_server *server, struct list *list);

/* Returns `error`, which the stream was ended by, with the record that its transport has for it. */
int asyncio__stream_error(const asyncio_stream *stream, int error);

/* The slow parts of the inline functions below. */
int asyncio__stream_no_bytes(asyncio_stream *stream, int result);
int asyncio__stream_refused(asyncio_stream *stream, asyncio_task *task);
int asyncio__stream_waited(asyncio_stream *stream, asyncio_task *task, int result);
int asyncio__stream_yield(asyncio_stream *stream);

/* As `gone`, for reading. */
static inline int stream_is_unreadable(const asyncio_stream *stream)
{
    return stream->is_half_gone ? 0 : stream->gone;
}

/* Bytes are missing from here on. Returns -ENOMEM. */
static inline int stream_has_a_hole(asyncio_stream *stream)
{
    stream->is_half_gone = false;
    return stream->gone = -ENOMEM;
}

/* 0 when the running task may read now. */
static inline int stream_may_read(const asyncio_stream *stream)
{
    if (__builtin_expect(stream->gone && !stream->is_half_gone, 0))
        return asyncio__stream_error(stream, stream->gone);
    int r = net_check_task(stream->tcp.net);
    return __builtin_expect(!r && stream->reader, 0) ? -EBUSY : r;
}

/* Waits for the receive under way. A cancelled wait that got bytes gives them, and the
 * cancellation stays due. */
static inline int stream_wait(asyncio_stream *stream)
{
    asyncio_task *task = task_current();
    if (__builtin_expect(task->future.cancelling > 0, 0)) {
        int r = asyncio__stream_refused(stream, task);
        if (r < 0)
            return r;
    }
    stream->tcp.net->streak = 0;
    stream->reader = task;
    int r = asyncio__task_wait(task, &stream->reading);
    stream->reader = NULL;
    if (__builtin_expect(r > 0 && !stream->is_read_cancelled && !stream->gone, 1))
        return r;
    return asyncio__stream_waited(stream, task, r);
}

/* What a receive that did not have to wait has given. */
static inline int stream_received_now(asyncio_stream *stream, int result)
{
    stream->tcp.net->streak++;
    return __builtin_expect(result <= 0, 0) ? asyncio__stream_no_bytes(stream, result) : result;
}

/* A task that is always answered at once lets others run now and then. */
static inline int stream_be_fair(asyncio_stream *stream)
{
    return __builtin_expect(stream->tcp.net->streak >= STREAK_MAX, 0)
               ? asyncio__stream_yield(stream)
               : 0;
}

/* Receives into `data`, waiting if need be: bytes, 0 at the end, or an error. */
static inline int stream_receive(asyncio_stream *stream, void *data, size_t size)
{
    int r = stream_be_fair(stream);
    if (__builtin_expect(r < 0, 0))
        return r;
    r = __builtin_expect(stream->transport == &stream->tcp.base, 1)
            ? tcp_receive(&stream->tcp, data, size)
            : stream->transport->type->receive(stream->transport, data, size);
    return r == OP_PENDING ? stream_wait(stream) : stream_received_now(stream, r);
}

/* Adds at least one byte to the buffer, waiting if need be: how many, 0 at the end, or an error.
 * The buffer grows as far as `capacity`. */
int asyncio__stream_fill_more(asyncio_stream *stream, size_t capacity);

/* start_tls.c: frees what stands on TCP. */
void asyncio__stream_free_tls(asyncio_stream *stream);

/* The server's: a stream of it is over. */
void asyncio__server_lost(struct asyncio_server *server, asyncio_stream *stream);
