/* SPDX-License-Identifier: MIT */
/* Streams on pipes: the same stream and the same transport, of which one direction is over from the
 * beginning. What is no socket has no half-closing, so ending the writing side closes it (tcp.c).
 *
 * A pipe that is written to says when its reader is gone, also to who does not write just then: as
 * CPython does, its end is watched for. Sockets, which CPython watches, too, and takes what their
 * peer says for its end, tell when they are written to.
 *
 * Terminals, sockets and regular files are taken as well: standard input is whatever the user made
 * it. A regular file is always ready; reading it waits for the disk. */
#include "net/stream.h"

#include "net/pipe.h"

#include "backend/spawn.h"

/* The descriptor is the caller's again. */
static int undo(struct net *net, asyncio_stream *stream, sock socket, int error)
{
    int number;
    (void)net->backend->type->detach(net->backend, socket, &number);
    list_remove(&stream->link);
    stream->is_open = false; /* and so it is freed by its last reference */
    asyncio_stream_unref(stream);
    return error;
}

int asyncio__pipe_stream(struct net *net, int descriptor, bool reads, size_t limit,
                         asyncio_stream **ret_stream)
{
    struct backend *backend = net->backend;
    sock socket;
    int number, r = backend->type->adopt(backend, descriptor, &socket);
    if (r < 0)
        return r;
    asyncio_stream *stream = asyncio__stream_new(net, socket, limit, NULL, &net->streams);
    if (!stream) {
        (void)backend->type->detach(backend, socket, &number);
        return -ENOMEM;
    }
    stream->has_eof = !reads;
    stream->has_sent_eof = reads;
    if (!reads && asyncio__is_write_pipe(descriptor) &&
        (r = asyncio__tcp_watch_reader(&stream->tcp)) < 0)
        return undo(net, stream, socket, r);
    *ret_stream = stream;
    return 0;
}

static int connect_pipe(int descriptor, bool reads, asyncio_stream **ret_stream,
                        const asyncio_connect_pipe_options *options)
{
    size_t limit = options ? options->limit : ASYNCIO__DEFAULT_LIMIT;
    struct net *net;
    int r = asyncio__net_of_task(&net);
    if (r < 0)
        return r;
    if (limit == 0)
        return asyncio_raise(-EINVAL, "Limit cannot be <= 0");
    return asyncio__pipe_stream(net, descriptor, reads, limit, ret_stream);
}

int(asyncio_connect_read_pipe)(int descriptor, asyncio_stream **ret_stream,
                               const asyncio_connect_pipe_options *options)
{
    return connect_pipe(descriptor, true, ret_stream, options);
}

int(asyncio_connect_write_pipe)(int descriptor, asyncio_stream **ret_stream,
                                const asyncio_connect_pipe_options *options)
{
    return connect_pipe(descriptor, false, ret_stream, options);
}
