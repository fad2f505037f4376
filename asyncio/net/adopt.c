/* SPDX-License-Identifier: MIT */
/* Sockets that others have made: a connected one becomes ours. See dial.h. */
#include "net/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

static int check_connected(struct net *net, sock socket, enum adopt wanted)
{
    const struct backend_type *backend = net->backend->type;
    int type = 0, family = 0;
    socklen_t size = sizeof type;
    struct address peer;
    int r = backend->getsockopt(net->backend, socket, SOL_SOCKET, SO_TYPE, &type, &size);
    if (r < 0)
        return r;
    size = sizeof family;
    r = backend->getsockopt(net->backend, socket, SOL_SOCKET, SO_DOMAIN, &family, &size);
    if (r < 0)
        return r;
    if (type != SOCK_STREAM)
        return asyncio_raise(-EINVAL, "A Stream Socket was expected");
    if (wanted != ADOPT_ANY && (family == AF_UNIX) != (wanted == ADOPT_UNIX))
        return asyncio_raise(-EINVAL, "A UNIX Domain Stream Socket was %sexpected",
                             wanted == ADOPT_UNIX ? "" : "not ");
    return backend->getpeername(net->backend, socket, &peer.name, &peer.size);
}

int asyncio__adopt_connected(struct net *net, int descriptor, enum adopt wanted, sock *ret_socket)
{
    const struct backend_type *backend = net->backend->type;
    sock socket;
    int r = backend->adopt(net->backend, descriptor, &socket);
    if (r < 0)
        return r;
    r = check_connected(net, socket, wanted);
    if (r < 0) {
        (void)backend->detach(net->backend, socket, &descriptor);
        return r;
    }
    int one = 1; /* what is no TCP does without */
    (void)backend->setsockopt(net->backend, socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *ret_socket = socket;
    return 0;
}
