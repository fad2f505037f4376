/* SPDX-License-Identifier: MIT */
/* asyncio_open_connection: the addresses of a host, one after the other.
 *
 * What an attempt needs while it is under way (the operation, the address it borrows) lies in a
 * `struct attempt`, off the task's stack. A cancelled attempt waits until the kernel has let go of
 * it, and closes what it may have got. */
#include "net/resolve.h"
#include "net/start_tls.h"

#include "base/alloc.h"

#include <asyncio/connect.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

enum {
    FAILURES_SIZE = 512,         /* of the text that lists what was tried */
    SELF_CONNECTS_MAX = 2,       /* then nobody else listens there */
};

struct attempt {
    struct awaited awaited;
    asyncio_task *task;
    struct net *net;
    struct list link;                /* in net->connects */
    struct op op;
    struct sockaddr_storage address;
    bool is_pending, is_cancelled;   /* the operation; cancelled, it may still complete */
    struct addresses addresses, locals;
    char failures[FAILURES_SIZE];
};

static void free_attempt(struct attempt *attempt)
{
    list_remove(&attempt->link);
    asyncio__free(attempt->addresses.items);
    asyncio__free(attempt->locals.items);
    asyncio__free(attempt);
}

static void completed(struct op *op, int result)
{
    struct attempt *attempt = container_of(op, struct attempt, op);
    attempt->is_pending = false;
    if (attempt->task)
        task_wake(attempt->task, result);
    else
        free_attempt(attempt); /* the loop closes, and its task is no more */
}

static int cancel(asyncio_future *awaited, const char *message)
{
    struct attempt *attempt =
        container_of((struct awaited *)(void *)awaited, struct attempt, awaited);
    asyncio_task *task = attempt->task;
    if (task->future.task_flags & TASK_WOKEN)
        return 0;
    asyncio__future_keep_message(&task->future, message);
    attempt->is_cancelled = true;
    if (attempt->net->backend->type->cancel(attempt->net->backend, &attempt->op) == 1) {
        attempt->is_pending = false;
        task_wake(task, -ECANCELED);
    }
    return 1;
}

static const struct future_type attempt_type = { "connect", 0, cancel, NULL };

void asyncio__connects_abort(struct net *net)
{
    const struct backend_type *backend = net->backend->type;
    for (struct list *node = net->connects.next, *next; node != &net->connects; node = next) {
        next = node->next;
        struct attempt *attempt = container_of(node, struct attempt, link);
        if (attempt->task)
            attempt->task->waiting = NULL;
        attempt->task = NULL;
        if (attempt->is_pending && backend->cancel(net->backend, &attempt->op) == 1)
            attempt->is_pending = false;
        (void)backend->close(net->backend, attempt->op.socket);
        if (!attempt->is_pending)
            free_attempt(attempt);
    }
}

/* Waits for the connect of a socket. */
static int connect_to(struct attempt *attempt, sock socket, const struct address *address)
{
    asyncio_task *task = task_current();
    struct net *net = attempt->net;
    int r = task_refuses(task);
    if (r < 0)
        return r;
    attempt->address = address->name;
    attempt->is_cancelled = false;
    attempt->op = (struct op){ .complete = completed, .socket = socket, .kind = OP_CONNECT };
    list_init(&attempt->op.link);
    attempt->op.address = &attempt->address;
    attempt->op.address_size = address->size;
    r = net->backend->type->submit(net->backend, &attempt->op);
    if (r == OP_PENDING) {
        attempt->is_pending = true;
        attempt->task = task;
        r = asyncio__task_wait(task, &attempt->awaited);
        attempt->task = NULL;
    }
    if (task_take_cancel(task))
        return -ECANCELED;
    if (attempt->is_cancelled) { /* also when it came through all the same */
        asyncio__task_put_message(task);
        return -ECANCELED;
    }
    return r;
}

static int bind_to(struct net *net, sock socket, int family, const struct addresses *locals)
{
    int r = -EADDRNOTAVAIL;
    for (size_t i = 0; i < locals->count; i++) {
        const struct address *local = &locals->items[i];
        if (local->name.ss_family != family)
            continue;
        r = net->backend->type->bind(net->backend, socket, (const struct sockaddr *)&local->name,
                                     local->size);
        if (r >= 0)
            return r;
    }
    return r;
}

/* Whether the kernel has connected a socket with itself: where nobody listens on the port, and it
 * happens to be the one that the socket got for its own. */
static bool is_self(struct net *net, sock socket)
{
    const struct backend_type *backend = net->backend->type;
    struct address here, there;
    return backend->getsockname(net->backend, socket, &here.name, &here.size) >= 0 &&
           backend->getpeername(net->backend, socket, &there.name, &there.size) >= 0 &&
           asyncio__address_is_equal(&here, &there);
}

static bool has_local_port(const struct attempt *attempt)
{
    return attempt->locals.count && asyncio__address_port(&attempt->locals.items[0].name) != 0;
}

/* One address and one socket: connected, or why not. */
static int try_socket(struct attempt *attempt, const struct address *address, sock *ret_socket)
{
    struct net *net = attempt->net;
    const struct backend_type *backend = net->backend->type;
    sock socket;
    int family = address->name.ss_family;
    int r = backend->socket(net->backend, family, SOCK_STREAM, 0, &socket);
    if (r < 0)
        return r;
    if (attempt->locals.count)
        r = bind_to(net, socket, family, &attempt->locals);
    if (r >= 0)
        r = connect_to(attempt, socket, address);
    if (r < 0) {
        (void)backend->close(net->backend, socket);
        return r;
    }
    (void)backend->setsockopt(net->backend, socket, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 },
                              sizeof(int));
    *ret_socket = socket;
    return 0;
}

/* One address. A connection with itself is not one, unless the caller has named the port it comes
 * from: another try gets another port, and so the truth (Go's net package does the same). */
static int try_address(struct attempt *attempt, const struct address *address, sock *ret_socket)
{
    for (int i = 0; i <= SELF_CONNECTS_MAX; i++) {
        sock socket;
        int r = try_socket(attempt, address, &socket);
        if (r < 0)
            return r;
        if (has_local_port(attempt) || !is_self(attempt->net, socket)) {
            *ret_socket = socket;
            return 0;
        }
        (void)attempt->net->backend->type->close(attempt->net->backend, socket);
    }
    return -ECONNREFUSED;
}

static void note_failure(struct attempt *attempt, const struct address *address, int error)
{
    char text[ADDRESS_TEXT_SIZE] = "?";
    (void)asyncio__address_format(&address->name, text, sizeof text);
    size_t used = strlen(attempt->failures);
    snprintf(attempt->failures + used, sizeof attempt->failures - used, "%s%s: %s",
             used ? "; " : "", text, asyncio_error_text(error));
}

static int try_addresses(struct attempt *attempt, size_t limit, asyncio_stream **ret_stream)
{
    struct net *net = attempt->net;
    const struct addresses *addresses = &attempt->addresses;
    int r = -EADDRNOTAVAIL;
    for (size_t i = 0; i < addresses->count; i++) {
        sock socket;
        r = try_address(attempt, &addresses->items[i], &socket);
        if (r >= 0) {
            asyncio_stream *stream = asyncio__stream_new(net, socket, limit, NULL, &net->streams);
            if (!stream) {
                (void)net->backend->type->close(net->backend, socket);
                return -ENOMEM;
            }
            *ret_stream = stream;
            return 0;
        }
        if (r == -ECANCELED || r == -ENOMEM)
            return r;
        note_failure(attempt, &addresses->items[i], r);
    }
    return asyncio_raise(r, "%s", attempt->failures);
}

static int resolve_both(struct attempt *attempt, const char *host, int port,
                        const asyncio_open_connection_options *options)
{
    int r = asyncio__resolve(attempt->net, host, port, options->family, false, &attempt->addresses);
    if (r >= 0 && (options->local_host || options->local_port))
        r = asyncio__resolve(attempt->net, options->local_host, options->local_port,
                             options->family, true, &attempt->locals);
    return r;
}

/* The handshake of a connection that is to be TLS. Takes the stream when it fails. */
static int secure(asyncio_stream *stream, const struct secure *how)
{
    struct held_stream held;
    asyncio__hold_stream(&held, stream);
    int r = asyncio__stream_secure(stream, how);
    asyncio__let_stream_go(&held);
    if (r < 0)
        asyncio_stream_unref(stream);
    return r;
}

int(asyncio_open_connection)(const char *host, int port, asyncio_stream **ret_stream,
                             const asyncio_open_connection_options *options)
{
    asyncio_open_connection_options chosen = { .size = sizeof chosen,
                                               .limit = ASYNCIO__DEFAULT_LIMIT,
                                               ASYNCIO__DEFAULT_SSL_TIMEOUTS };
    net_check_scopes(NET_CALLER());
    if (options)
        chosen = *options;
    struct net *net;
    int r = asyncio__net_of_task(&net);
    if (r < 0)
        return r;
    if (chosen.limit == 0)
        return asyncio_raise(-EINVAL, "Limit cannot be <= 0");
    if (chosen.server_hostname && !chosen.ssl)
        return asyncio_raise(-EINVAL, "server_hostname is only meaningful with ssl");
    struct secure how = { .context = chosen.ssl,
                          .server_hostname = chosen.server_hostname ? chosen.server_hostname : host,
                          .handshake_timeout = chosen.ssl_handshake_timeout,
                          .shutdown_timeout = chosen.ssl_shutdown_timeout };
    if (chosen.ssl && (r = asyncio__secure_check(&how)) < 0)
        return r;
    struct attempt *attempt = asyncio__calloc(1, sizeof *attempt);
    if (!attempt)
        return -ENOMEM;
    attempt->awaited.type = &attempt_type;
    attempt->net = net;
    list_append(&net->connects, &attempt->link);
    r = resolve_both(attempt, host, port, &chosen);
    asyncio_stream *stream = NULL;
    if (r >= 0)
        r = try_addresses(attempt, chosen.limit, &stream);
    free_attempt(attempt);
    if (r >= 0 && chosen.ssl)
        r = secure(stream, &how);
    if (r >= 0)
        *ret_stream = stream;
    return r;
}
