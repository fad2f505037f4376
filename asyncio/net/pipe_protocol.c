/* SPDX-License-Identifier: MIT */
/* Pipes by callbacks: the transport of callback.c on a descriptor that bytes go through in one
 * direction. What differs of its end is there; which calls come in which order is CPython's. */
#include "net/pipe.h"

#include "backend/spawn.h"
#include "net/callback.h"

#include <errno.h>

int asyncio__pipe_transport(struct net *net, int descriptor, bool reads,
                            asyncio_protocol_factory *factory, void *data,
                            asyncio_transport **ret_transport)
{
    struct backend *backend = net->backend;
    asyncio_transport *transport = NULL;
    sock socket;
    int r = backend->type->adopt(backend, descriptor, &socket);
    if (r < 0)
        return r;
    r = asyncio__transport_new(net, socket, factory, data, NULL, &net->transports, &transport);
    if (r >= 0 && !reads && asyncio__is_write_pipe(descriptor))
        r = asyncio__tcp_watch_reader(&transport->tcp);
    if (r < 0) {
        if (transport)
            asyncio__transport_undo(transport);
        (void)backend->type->detach(backend, socket, &descriptor);
        return r;
    }
    transport->is_pipe = true;
    transport->has_eof = !reads;
    transport->has_sent_eof = reads;
    *ret_transport = asyncio_transport_ref(transport);
    return 0;
}

static int connect_pipe(asyncio_loop *loop, asyncio_protocol_factory *factory, int descriptor,
                        bool reads, asyncio_transport **ret_transport,
                        const asyncio_loop_connect_pipe_options *options)
{
    struct net *net;
    asyncio_transport *transport;
    int r = asyncio__net_of_running(loop, &net);
    if (r >= 0 && !factory)
        r = asyncio_raise(-EINVAL, "a pipe needs a factory of protocols");
    if (r >= 0)
        r = asyncio__pipe_transport(net, descriptor, reads, factory, options ? options->data : NULL,
                                    &transport);
    if (r >= 0)
        r = asyncio__transport_wait_open(transport, asyncio__transport_begin, NULL);
    if (r < 0)
        return r;
    transport_hand_over(transport, ret_transport);
    return 0;
}

int(asyncio_loop_connect_read_pipe)(asyncio_loop *loop, asyncio_protocol_factory *factory,
                                    int descriptor, asyncio_transport **ret_transport,
                                    const asyncio_loop_connect_pipe_options *options)
{
    net_check_scopes(NET_CALLER());
    return connect_pipe(loop, factory, descriptor, true, ret_transport, options);
}

int(asyncio_loop_connect_write_pipe)(asyncio_loop *loop, asyncio_protocol_factory *factory,
                                     int descriptor, asyncio_transport **ret_transport,
                                     const asyncio_loop_connect_pipe_options *options)
{
    net_check_scopes(NET_CALLER());
    return connect_pipe(loop, factory, descriptor, false, ret_transport, options);
}
