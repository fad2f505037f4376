/* SPDX-License-Identifier: MIT */
/* A connected socket, however it is got: dialled, or one that the caller has made. See dial.h. */
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
    return net_name_of(net, socket, true, &peer.name, &peer.size);
}

int asyncio__connect_adopt(struct net *net, int descriptor, enum adopt wanted,
                           struct connected *ret_connected)
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
    *ret_connected = (struct connected){ socket, true };
    return 0;
}

int asyncio__host_or_sock(bool has_host, int descriptor)
{
    if (has_host && descriptor >= 0)
        return asyncio_raise(-EINVAL, "host/port and sock can not be specified at the same time");
    return 0;
}

int asyncio__path_or_sock(const char *path, int descriptor, const char *neither)
{
    if (path && descriptor >= 0)
        return asyncio_raise(-EINVAL, "path and sock can not be specified at the same time");
    return path || descriptor >= 0 ? 0 : asyncio_raise(-EINVAL, "%s", neither);
}

int asyncio__connect_host(struct net *net, const char *host, int port, int descriptor,
                          enum adopt wanted, const struct dial_options *options,
                          struct connected *ret_connected)
{
    if (descriptor >= 0)
        return asyncio__connect_adopt(net, descriptor, wanted, ret_connected);
    struct connected connected = { .is_adopted = false };
    int r = asyncio__dial(net, host, port, options, &connected.socket);
    if (r >= 0)
        *ret_connected = connected;
    return r;
}

int asyncio__connect_path(struct net *net, const char *path, int descriptor,
                          struct connected *ret_connected)
{
    struct connected connected = { .is_adopted = false };
    int r = asyncio__path_or_sock(path, descriptor, "no path and sock were specified");
    if (r < 0)
        return r;
    if (!path)
        return asyncio__connect_adopt(net, descriptor, ADOPT_UNIX, ret_connected);
    r = asyncio__dial_path(net, path, &connected.socket);
    if (r >= 0)
        *ret_connected = connected;
    return r;
}

void asyncio__connected_give_back(struct net *net, struct connected connected)
{
    int descriptor;
    if (connected.is_adopted)
        (void)net->backend->type->detach(net->backend, connected.socket, &descriptor);
    else
        (void)net->backend->type->close(net->backend, connected.socket);
}
