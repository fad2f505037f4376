/* SPDX-License-Identifier: MIT */
/* The connector inside: connections that are open, and who waits for one.
 *
 * MODEL      A route is where a connection leads and what makes it different from others to there:
 *            its key. Its idle connections are a stack, the one used last on top. A place is the
 *            right to have a connection: `open` counts those taken, by connections in use, idle
 *            ones and those being made. Who finds neither an idle connection nor a place queues.
 * FAIR       A connection or place that becomes free is given to the first in the queue that can
 *            use it, at once: a newcomer finds none. What was given to a task that is cancelled
 *            before it looked goes to the next one.
 * INVARIANT  open == connections in use + idle + being made (places granted and not yet used).
 * OWNERSHIP  Routes are counted, by connections, waiters and requests. A connection belongs to its
 *            list, and to whoever acquired it. */
#pragma once

#include "base/span.h"
#include "client/wait.h"

#include <aiohttp/connector.h>
#include <aiohttp/fingerprint.h>
#include <aiohttp/headers.h>
#include <aiohttp/limits.h>
#include <aiohttp/url.h>
#include <asyncio/loop.h>

/* What makes a connection different. Texts and pointers are borrowed. */
struct route_key {
    struct span host;             /* ASCII, lower case; IPv6 without brackets */
    int port;
    bool is_tls;
    asyncio_ssl_context *ssl;     /* NULL: the connector's */
    struct span server_hostname;  /* empty: the host */
    const aiohttp_fingerprint *fingerprint; /* or NULL */
    const aiohttp_url *proxy;     /* or NULL */
    const aiohttp_headers *proxy_headers;
};

struct route {
    struct route *next;           /* in its bucket */
    uint32_t hash;
    uint32_t references;
    struct aiohttp_connector *connector;
    struct connection *idle;      /* used last first */
    size_t open;
    char *host, *server_hostname; /* within the route's memory; server_hostname: NULL: the host */
    int port;
    bool is_tls, has_fingerprint;
    asyncio_ssl_context *ssl;     /* a reference, or NULL */
    aiohttp_url *proxy;           /* a reference, or NULL */
    aiohttp_headers *proxy_headers;
    aiohttp_fingerprint fingerprint;
};

struct connection {
    struct connection *before, *after;   /* in the connector's idle (newest first) or used */
    struct connection *above, *below;    /* in the route's stack */
    struct route *route;
    asyncio_stream *stream;
    double idle_since;
    uint32_t requests;                   /* that it has carried */
    bool is_idle;
};

struct waiter {
    struct waiter *before, *after;
    struct route *route;
    asyncio_future *woken;
    struct connection *connection;       /* what was given */
    bool has_place, is_queued;
};

/* A connection that is being made, by a task that waits. */
struct making {
    struct making *before, *after;
    struct wait *wait;                   /* of that task */
    asyncio_stream *stream;              /* once it is connected */
};

/* Somebody waits until none is being made. */
struct closer {
    struct closer *next;
    asyncio_future *woken;
};

enum { ROUTE_BUCKETS_MIN = 16 };

struct aiohttp_connector {
    unsigned references; /* of users: without any it is closed */
    unsigned held;       /* by them, and by routes: without any it is gone */
    bool is_closed;
    aiohttp_connector_options options;
    aiohttp_resolver resolver;           /* .resolve NULL: the loop's */
    char *path;                          /* of an AF_UNIX socket, or NULL */
    char *local_host;
    /* given; or made when they are wanted: that verifies, that leaves it to a fingerprint */
    asyncio_ssl_context *ssl, *made_ssl, *pinned_ssl;
    asyncio_loop *loop;
    struct route **buckets;
    size_t bucket_count, route_count;
    size_t open;
    struct connection *used, *idle, *idle_last;
    struct waiter *first_waiter, *last_waiter;
    struct making *makings;
    struct closer *closers;
    asyncio_handle *sweeper;
    aiohttp_connector_stats stats;
    struct proxy_auth *proxy_auths;      /* proxies.h */
};

static inline void aiohttp__connector_hold(struct aiohttp_connector *connector)
{
    connector->held++;
}
void aiohttp__connector_drop(struct aiohttp_connector *connector);

/* The context of https: the one given, or the default, made now, which verifies nothing where a
 * fingerprint is looked at instead. 0 or an error. */
int aiohttp__connector_ssl(struct aiohttp_connector *connector, bool is_pinned,
                           asyncio_ssl_context **ret_ssl);

/* The route of a key: one more reference; NULL without memory. */
struct route *aiohttp__route_get(struct aiohttp_connector *connector, const struct route_key *key);
struct route *aiohttp__route_ref(struct route *route);
void aiohttp__route_unref(struct route *route);
bool aiohttp__route_is(const struct route *route, const struct route_key *key);

/* Gets a connection, or a place for one, without waiting. 1: *ret_connection is in use now; 2: a
 * place; 0: neither. `is_fresh`: an idle one is not wanted. */
int aiohttp__pool_take(struct route *route, bool is_fresh, struct connection **ret_connection);

/* Queues, until one of them is given. As take, but not 0; -AIOHTTP_SESSION_CLOSED, -ECANCELED,
 * -ENOMEM. Suspends. */
int aiohttp__pool_wait(struct route *route, struct connection **ret_connection);

/* A place becomes a connection in use (takes the stream): NULL without memory, and the place and
 * the stream are still the caller's. */
struct connection *aiohttp__pool_add(struct route *route, asyncio_stream *stream);

/* Gives a place back. */
void aiohttp__pool_give_place(struct route *route);

/* Gives a connection back: into the pool, to who waits, or to its end. */
void aiohttp__pool_give(struct connection *connection, bool is_reusable);

/* Takes the stream out of a connection in use, whose place is given back: its new owner's. */
asyncio_stream *aiohttp__pool_give_away(struct connection *connection);

/* The running task makes a connection, from begin to end; `wait` is what it will wait by. It is
 * told to stop when the connector is closed: its wait ends with -AIOHTTP_SESSION_CLOSED. */
void aiohttp__making_begin(struct aiohttp_connector *connector, struct making *making,
                           struct wait *wait);
void aiohttp__making_end(struct aiohttp_connector *connector, struct making *making);

/* Nothing more is given: who waits is sent away, idle connections are ended. */
void aiohttp__pool_end(struct aiohttp_connector *connector);
