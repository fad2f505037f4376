/* SPDX-License-Identifier: MIT */
/* The limits on everything that comes from outside: one struct for server and client.
 *
 * MODEL      Each amount is counted as it comes, over all its pieces, and checked before memory is
 *            spent on it; what exceeds a limit fails as soon as it does, with the status that the
 *            field's comment names (a server answers it) or an error.
 * UNLIMITED  0 allows none. Without a limit is AIOHTTP_UNLIMITED; for times ASYNCIO_NONE.
 * UNITS      Sizes are bytes, times seconds.
 * USE        aiohttp_limits limits = aiohttp_server_limits(); limits.headers = 50; */
#pragma once

#include <aiohttp/macros.h>

ASYNCIO__BEGIN

#define AIOHTTP_UNLIMITED ((size_t)-1)

typedef struct aiohttp_limits {
    size_t size; /* sizeof(aiohttp_limits) */

    /* --- the head of a message --- */
    size_t line;        /* of a request or status line, without its end: 414 */
    size_t field;       /* of one field, name to value, without its end: 431 */
    size_t headers;     /* how many fields: 431 */
    size_t head;        /* of the whole head, from its first byte to its empty line: 431 */
    size_t empty_lines; /* before a request line: 400 */

    /* --- bodies --- */
    size_t body;             /* that is kept in memory as a whole (client_max_size): 413 */
    size_t chunk_extensions; /* of all chunks of a body together: 400 */
    size_t trailers;         /* how many trailer fields: 431 */
    size_t trailer;          /* of the whole trailer section: 431 */

    /* --- multipart --- */
    size_t parts;        /* of a body: 400 */
    size_t part_headers; /* how many fields a part has: 400 */
    size_t part_head;    /* of all fields of a part: 400 */
    size_t part_depth;   /* of multiparts within multiparts; 1: none within another */

    /* --- compressed bodies --- */
    size_t inflate_step;       /* that one step may give */
    size_t inflate_ratio;      /* of what comes out to what went in: 413 */
    size_t inflate_ratio_from; /* from which size on the ratio counts */
    size_t codings;            /* one over the other: 415; a response with more comes undecoded */
    size_t gzip_members;       /* one behind the other, or frames of zstd: 400 */

    /* --- a connection of a server; lingering, lingering_time and, for WebSockets, write_time are a
     * client's, too --- */
    size_t pipelined;        /* answers held back for those to requests that were sent ahead */
    size_t read_buffer_max;  /* what is read ahead; `head`, if that is more */
    size_t write_low_water;  /* writing goes on below it */
    size_t write_high_water; /* and waits above it */
    size_t requests;         /* on one connection; then it is closed */
    size_t connections;      /* of a server: at the limit none is accepted */
    size_t connections_per_address; /* of one IPv4 address, or one IPv6 network of 64 bits: what is
                                more is closed at once. Behind a proxy all are the proxy's */
    size_t backlog;          /* of a listening socket, unless its site says otherwise */
    size_t lingering;        /* read and thrown away of a request that was answered already, so that
                                the next one can follow; more: the connection closes */
    size_t lingering_close;  /* read and thrown away before a connection closes, so that a peer that
                                still sends reads its answer and is not reset */
    double head_time;        /* for the whole head: 408 */
    double tls_time;         /* for the handshake */
    double keep_alive_time;  /* idle, between two requests */
    double connection_time;  /* of a connection; no request is begun on it after that */
    double lingering_time;   /* for `lingering`, and for `lingering_close`; behind the answer, which
                                has write_time */
    double write_time;       /* without a byte taken by the peer */
    double body_grace;       /* a body may be slower than body_rate for so long: 408 */
    size_t body_rate;        /* bytes a second */
    double shutdown_time;    /* for the requests being answered when a server stops, unless its
                                runner says otherwise */

    /* --- a client --- */
    size_t redirects;
    size_t pool;             /* connections, idle ones too */
    size_t pool_per_host;    /* connections to one host */
    double pool_idle_time;   /* an idle one is kept */
    double total_time;       /* of a request, redirects and reading included */
    double connect_time;     /* of connecting to a host, all its addresses */
    double address_time;     /* of connecting to one of several addresses */
    size_t cookie;           /* name and value of one */
    size_t cookies;          /* of one response */
    size_t cookies_jar;      /* of a jar */
    size_t cookies_domain;   /* of one domain */
    size_t response_headers; /* 1xx responses before an answer, and their fields */

    /* --- WebSockets --- */
    size_t message;       /* after decompression: 1009 */
    size_t frame;         /* one frame's payload: 1009 */
    size_t fragments;     /* of a message: 1009 */
    double close_time;    /* for the peer's answer to a close */

    /* --- ranges --- */
    size_t ranges; /* of one request; more: the whole */
} aiohttp_limits;

/* The defaults of a server. */
static inline aiohttp_limits aiohttp_server_limits(void)
{
    aiohttp_limits limits;
    limits.size = sizeof limits;
    limits.line = 8190;
    limits.field = 8190;
    limits.headers = 128;
    limits.head = 65536;
    limits.empty_lines = 4;
    limits.body = 1048576;
    limits.chunk_extensions = 4096;
    limits.trailers = 64;
    limits.trailer = 16384;
    limits.parts = 1000;
    limits.part_headers = 32;
    limits.part_head = 16384;
    limits.part_depth = 1;
    limits.inflate_step = 65536;
    limits.inflate_ratio = 100;
    limits.inflate_ratio_from = 1048576;
    limits.codings = 2;
    limits.gzip_members = 1024;
    limits.pipelined = 16;
    limits.read_buffer_max = 65536;
    limits.write_low_water = 16384;
    limits.write_high_water = 65536;
    limits.requests = 10000;
    limits.connections = 10000;
    limits.connections_per_address = AIOHTTP_UNLIMITED;
    limits.backlog = 1024;
    limits.lingering = 65536;
    limits.lingering_close = AIOHTTP_UNLIMITED; /* lingering_time ends it, as in nginx */
    limits.head_time = 30.0;
    limits.tls_time = 10.0;
    limits.keep_alive_time = 75.0;
    limits.connection_time = 3600.0;
    limits.lingering_time = 5.0;
    limits.write_time = 60.0;
    limits.body_grace = 10.0;
    limits.body_rate = 240;
    limits.shutdown_time = 60.0;
    limits.redirects = 10;
    limits.pool = 100;
    limits.pool_per_host = AIOHTTP_UNLIMITED;
    limits.pool_idle_time = 15.0;
    limits.total_time = 300.0;
    limits.connect_time = 30.0;
    limits.address_time = 10.0;
    limits.cookie = 4096;
    limits.cookies = 50;
    limits.cookies_jar = 3000;
    limits.cookies_domain = 180;
    limits.response_headers = 1024;
    limits.message = 4194304;
    limits.frame = 4194304;
    limits.fragments = 1024;
    limits.close_time = 10.0;
    limits.ranges = 16;
    return limits;
}

/* The defaults of a client: a server's, but for what responses are known to need, and that the time
 * for a head is in total_time. */
static inline aiohttp_limits aiohttp_client_limits(void)
{
    aiohttp_limits limits = aiohttp_server_limits();
    limits.head = 262144;
    limits.body = 67108864;
    limits.head_time = ASYNCIO_NONE;
    limits.keep_alive_time = limits.pool_idle_time;
    return limits;
}

ASYNCIO__END
