/* SPDX-License-Identifier: MIT */
/* Servers from the inside.
 *
 * MODEL      A server has one listener for each address it is bound to, and the streams of its
 *            connections. Each connection is a task that runs the user's handler; its stream stays
 *            the server's until it is lost, flushing included.
 * LIFE       `refs` are the user's; the last one closes. `holds` keep the memory: one for each
 *            connection, each accept that the kernel still has, and each handler that has not
 *            ended. `destroy` runs when both are 0.
 * FULL       With max_connections open, accepting is taken back. What the kernel had accepted by
 *            then is parked, without a task, until there is room. */
#pragma once

#include "net/stream.h"
#include "net/resolve.h"

#include <asyncio/server.h>

struct listener {
    struct op op;                    /* OP_ACCEPT */
    struct asyncio_server *server;
    bool is_open, is_armed;
    bool is_cancelled;               /* still armed, but not for long */
};

struct asyncio_server {
    struct list link;                /* in net->servers */
    struct net *net;
    asyncio_client_connected *handler;
    asyncio_start_server_options options;
    asyncio_context *context;        /* what the handlers' tasks inherit */
    struct list streams;             /* open ones with a task */
    struct list parked;
    size_t connections;              /* all of them */
    struct list waiters;             /* wait_closed */
    struct list forever;             /* serve_forever */
    struct timed_handle retry;       /* accepting goes on */
    int64_t next_report;
    uint32_t refs, holds;
    bool is_closed;
    uint16_t port;
    unsigned listener_count;
    struct listener listeners[];
};

/* accept.c: binds to all addresses; on failure none is open. */
int asyncio__server_listen(struct asyncio_server *server, const struct addresses *addresses);
void asyncio__server_arm(struct asyncio_server *server);
void asyncio__server_disarm(struct asyncio_server *server);
void asyncio__server_close_listeners(struct asyncio_server *server);

/* server.c: `holds` has become less. */
void asyncio__server_release(struct asyncio_server *server);
