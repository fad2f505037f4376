/* SPDX-License-Identifier: MIT */
/* A server's sockets: from addresses, paths and descriptors to sockets that listen; and their end.
 * All or none: when one cannot be had, those before it are closed again. */
#include "net/resolve.h"
#include "net/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

static struct backend *backend_of(const struct asyncio_server *server)
{
    return server->net->backend;
}

static const struct backend_type *type_of(const struct asyncio_server *server)
{
    return server->net->backend->type;
}

/* ---- the end ---- */

/* Removes the file of a socket, when it is still that of this one; a process that was forked off
 * leaves it to its parent. */
static void remove_file(struct asyncio_server *server, struct listener *listener)
{
    struct backend *backend = backend_of(server);
    struct address address;
    char path[ADDRESS_TEXT_SIZE];
    uint64_t file[2];
    if (!listener->has_file || backend_is_inherited(backend) ||
        type_of(server)->getsockname(backend, listener->op.socket, &address.name,
                                     &address.size) < 0 ||
        asyncio__address_format(&address, path, sizeof path) < 0 ||
        type_of(server)->path_id(backend, path, file) < 0)
        return;
    if (file[0] == listener->file[0] && file[1] == listener->file[1])
        (void)type_of(server)->path_remove(backend, path);
}

void asyncio__server_close_listeners(struct asyncio_server *server)
{
    asyncio__loop_uncall(server->net->loop, &server->retry);
    asyncio__server_disarm(server);
    for (unsigned i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (!listener->is_open)
            continue;
        remove_file(server, listener);
        (void)type_of(server)->close(backend_of(server), listener->op.socket);
        listener->is_open = false;
    }
}

/* ---- sockets of our own ---- */

static int set_options(struct asyncio_server *server, sock socket, int family)
{
    const struct backend_type *type = type_of(server);
    struct backend *backend = backend_of(server);
    int one = 1, r = 0;
    if (family == AF_UNIX)
        return 0;
    if (server->options.reuse_address)
        r = type->setsockopt(backend, socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (r >= 0 && server->options.reuse_port)
        r = type->setsockopt(backend, socket, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (r >= 0 && family == AF_INET6)
        r = type->setsockopt(backend, socket, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (r >= 0 && server->options.keep_alive) /* the accepted sockets inherit both of these */
        (void)type->setsockopt(backend, socket, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    if (r >= 0)
        (void)type->setsockopt(backend, socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return r;
}

/* Binds to `address`. A second address of a server that may have any port gets that of the first,
 * if it is free there. */
static int bind_to(struct asyncio_server *server, sock socket, const struct address *address)
{
    const struct backend_type *type = type_of(server);
    bool is_unix = address->name.ss_family == AF_UNIX;
    if (!is_unix && server->port && asyncio__address_port(&address->name) == 0) {
        struct address same = *address;
        asyncio__address_set_port(&same.name, server->port);
        if (type->bind(backend_of(server), socket, (const struct sockaddr *)&same.name,
                       same.size) >= 0)
            return 0;
    }
    if (is_unix)
        asyncio__path_clear(server->net, address);
    return type->bind(backend_of(server), socket, (const struct sockaddr *)&address->name,
                      address->size);
}

/* What is known of a bound socket becomes the server's. */
static int add(struct asyncio_server *server, sock socket)
{
    const struct backend_type *type = type_of(server);
    struct backend *backend = backend_of(server);
    struct listener *listener = &server->listeners[server->listener_count];
    struct address bound;
    char path[ADDRESS_TEXT_SIZE];
    int r = type->getsockname(backend, socket, &bound.name, &bound.size);
    if (r < 0)
        return r;
    *listener =
        (struct listener){ .op = { .complete = asyncio__server_on_accept,
                                   .socket = socket,
                                   .kind = OP_ACCEPT },
                           .server = server,
                           .is_open = true };
    list_init(&listener->op.link);
    if (server->removes_file && bound.name.ss_family == AF_UNIX &&
        asyncio__address_format(&bound, path, sizeof path) >= 0 && *path && *path != '@')
        listener->has_file = type->path_id(backend, path, listener->file) >= 0;
    if (!server->port)
        server->port = asyncio__address_port(&bound.name);
    server->listener_count++;
    return 0;
}

static int open_socket(struct asyncio_server *server, const struct address *address)
{
    const struct backend_type *type = type_of(server);
    sock socket;
    int family = address->name.ss_family;
    int r = type->socket(backend_of(server), family, SOCK_STREAM, 0, &socket);
    if (r < 0)
        return r;
    r = set_options(server, socket, family);
    if (r >= 0)
        r = bind_to(server, socket, address);
    if (r >= 0)
        r = add(server, socket);
    if (r < 0)
        (void)type->close(backend_of(server), socket);
    return r;
}

static bool is_repeated(const struct addresses *addresses, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (asyncio__address_is_equal(&addresses->items[i], &addresses->items[index]))
            return true;
    return false;
}

/* A host that has no IPv6, or no IPv4, still has the other. */
static bool is_missing_family(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static int cannot_bind(int error, const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE] = "?";
    (void)asyncio__address_format(address, text, sizeof text);
    return asyncio_raise(error, "error while attempting to bind on address %s: %s", text,
                         asyncio_error_text(error));
}

int asyncio__server_bind(struct asyncio_server *server, const struct addresses *addresses)
{
    int r = -EADDRNOTAVAIL;
    for (size_t i = 0; i < addresses->count; i++) {
        if (is_repeated(addresses, i))
            continue;
        r = open_socket(server, &addresses->items[i]);
        if (r < 0 && !is_missing_family(r)) {
            r = cannot_bind(r, &addresses->items[i]);
            break;
        }
    }
    if (is_missing_family(r) && server->listener_count)
        r = 0;
    else if (is_missing_family(r) && addresses->count)
        r = cannot_bind(r, &addresses->items[addresses->count - 1]);
    if (r < 0)
        asyncio__server_close_listeners(server);
    return r;
}

/* ---- those of others ---- */

static int check_listener(struct asyncio_server *server, sock socket, bool is_unix)
{
    const struct backend_type *type = type_of(server);
    int kind = 0, family = 0;
    socklen_t size = sizeof kind;
    int r = type->getsockopt(backend_of(server), socket, SOL_SOCKET, SO_TYPE, &kind, &size);
    size = sizeof family;
    if (r >= 0)
        r = type->getsockopt(backend_of(server), socket, SOL_SOCKET, SO_DOMAIN, &family, &size);
    if (r < 0)
        return r;
    if (kind != SOCK_STREAM)
        return asyncio_raise(-EINVAL, "A Stream Socket was expected");
    if (is_unix && family != AF_UNIX)
        return asyncio_raise(-EINVAL, "A UNIX Domain Stream Socket was expected");
    return 0;
}

static void give_back(struct asyncio_server *server)
{
    for (unsigned i = 0; i < server->listener_count; i++) {
        int number;
        (void)type_of(server)->detach(backend_of(server), server->listeners[i].op.socket, &number);
    }
    server->listener_count = 0;
}

int asyncio__server_adopt(struct asyncio_server *server, const int *descriptors, size_t count,
                          bool is_unix)
{
    const struct backend_type *type = type_of(server);
    int r = 0;
    for (size_t i = 0; i < count && r >= 0; i++) {
        sock socket;
        int one = 1, number;
        r = type->adopt(backend_of(server), descriptors[i], &socket);
        if (r < 0)
            break;
        r = check_listener(server, socket, is_unix);
        if (r >= 0)
            r = add(server, socket);
        if (r < 0)
            (void)type->detach(backend_of(server), socket, &number);
        else /* what is no TCP does without */
            (void)type->setsockopt(backend_of(server), socket, IPPROTO_TCP, TCP_NODELAY, &one,
                                   sizeof one);
    }
    if (r < 0)
        give_back(server);
    return r;
}

void asyncio__server_drop_listeners(struct asyncio_server *server, bool is_adopted)
{
    if (is_adopted)
        give_back(server);
    else
        asyncio__server_close_listeners(server);
}

/* ---- listening ---- */

int asyncio__server_listen(struct asyncio_server *server)
{
    for (unsigned i = 0; i < server->listener_count; i++) {
        struct address address = { .size = 0 };
        sock socket = server->listeners[i].op.socket;
        int r = type_of(server)->listen(backend_of(server), socket, server->options.backlog);
        if (r < 0) {
            (void)type_of(server)->getsockname(backend_of(server), socket, &address.name,
                                               &address.size);
            return cannot_bind(r, &address);
        }
        if (!server->port && type_of(server)->getsockname(backend_of(server), socket,
                                                          &address.name, &address.size) >= 0)
            server->port = asyncio__address_port(&address.name); /* given unbound: it is now */
    }
    return 0;
}
