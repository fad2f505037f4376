/* SPDX-License-Identifier: MIT */
/* Servers from the inside.
 *
 * MODEL      A server has one listener for each address it is bound to, and the streams of its
 *            connections. Each connection is a task that runs the user's handler; its stream stays
 *            the server's until it is lost, flushing included.
 * LIFE       `refs` are the user's; the last one closes. `holds` keep the memory: one for each
 *            connection, each accept that the kernel still has, and each handler that has not
 *            ended. `destroy` runs when both are 0.
 * BOUND      A server is bound to its sockets when it is made; it listens and accepts
 *            (`is_serving`) from start_serving on, until it is closed.
 * FILES      The file of an AF_UNIX socket goes with it, if it is still the one that was made
 *            then.
 * FULL       With max_connections open, accepting is taken back. What the kernel had accepted by
 *            then is parked, without a task, until there is room. What one address has more than
 *            it may is closed at once. */
#pragma once

#include "net/address.h"
#include "net/peers.h"
#include "net/stream.h"

#include <asyncio/protocol.h>
#include <asyncio/server.h>

struct listener {
    struct op op;                    /* OP_ACCEPT */
    struct asyncio_server *server;
    bool is_open, is_armed;
    bool has_file;                   /* to be removed, if it is still this one */
    uint64_t file[2];
    bool is_cancelled;               /* still armed, but not for long */
};

struct asyncio_server {
    struct list link;                /* in net->servers */
    struct net *net;
    asyncio_client_connected *handler;
    asyncio_protocol_factory *factory; /* instead of a handler */
    asyncio_start_server_options options;
    asyncio_context *context;        /* what the handlers' tasks inherit */
    struct list streams;             /* open ones with a task */
    struct list transports;          /* of a factory's protocols */
    struct list parked;
    size_t connections;              /* all of them */
    struct peers peers;              /* with max_connections_per_address */
    size_t handlers;                 /* tasks that have not ended */
    struct list waiters;             /* wait_closed */
    struct list idlers;              /* wait for the last connection and the last handler */
    struct list forever;             /* serve_forever */
    struct timed_handle retry;       /* accepting goes on */
    int64_t next_report;
    uint32_t refs, holds;
    bool is_closed, is_serving, removes_file;
    uint16_t port;
    unsigned listener_count;
    struct listener listeners[];
};

/* listen.c: binds to all addresses, or takes over descriptors; on failure none is open, and the
 * descriptors are the caller's. */
int asyncio__server_bind(struct asyncio_server *server, const struct addresses *addresses);
int asyncio__server_adopt(struct asyncio_server *server, const int *descriptors, size_t count,
                          bool is_unix);
/* Lets the kernel take connections in. -EADDRINUSE. */
int asyncio__server_listen(struct asyncio_server *server);
void asyncio__server_close_listeners(struct asyncio_server *server);
/* Before it was a server: closes them, or gives them back to who owns them. */
void asyncio__server_drop_listeners(struct asyncio_server *server, bool is_adopted);

/* inherited.c: the descriptors that a service manager gave this process under `name` ("": all), at
 * most `size`. Each is given once; -ENOENT: there are none. */
enum { INHERITED_MAX = 64 };
int asyncio__inherited_sockets(const char *name, int *ret_descriptors, size_t size);
/* They could not be used after all. */
void asyncio__inherited_give_back(const int *descriptors, size_t count);

/* accept.c */
void asyncio__server_on_accept(struct op *op, int result);
void asyncio__server_init_retry(struct asyncio_server *server);
void asyncio__server_arm(struct asyncio_server *server);
void asyncio__server_disarm(struct asyncio_server *server);

/* A protocol's connection is over, and later also its memory. */
void asyncio__server_lost_transport(struct asyncio_server *server, bool is_memory);

/* What every kind of options of a server has: their defaults, and a copy of another kind's. */
#define SERVER_DEFAULTS                                                                            \
    .sock = ASYNCIO__DEFAULT_SOCK, .backlog = ASYNCIO__DEFAULT_BACKLOG,                            \
    .start_serving = ASYNCIO__DEFAULT_START_SERVING, ASYNCIO__DEFAULT_SSL_TIMEOUTS
#define SERVER_OPTIONS(options)                                                                    \
    .sock = (options)->sock, .backlog = (options)->backlog,                                        \
    .start_serving = (options)->start_serving, .ssl = (options)->ssl,                              \
    .ssl_handshake_timeout = (options)->ssl_handshake_timeout,                                     \
    .ssl_shutdown_timeout = (options)->ssl_shutdown_timeout, .data = (options)->data,              \
    .destroy = (options)->destroy

/* start.c: of a handler, or a factory. */
int asyncio__server_start(asyncio_client_connected *handler, asyncio_protocol_factory *factory,
                          const char *host, int port, asyncio_server **ret_server,
                          const asyncio_start_server_options *options);
int asyncio__unix_server_start(asyncio_client_connected *handler, asyncio_protocol_factory *factory,
                               const char *path, asyncio_server **ret_server,
                               const asyncio_start_unix_server_options *options);

/* server.c: `holds` has become less. */
void asyncio__server_release(struct asyncio_server *server);
