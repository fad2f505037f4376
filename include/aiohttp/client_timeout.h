/* SPDX-License-Identifier: MIT */
/* Time limits of a client's requests: one for each phase, and one for all of it. aiohttp's
 * ClientTimeout.
 *
 *     aiohttp_client_timeout timeout = aiohttp_client_timeout_default();
 *     timeout.head = 2.0;
 *     r = aiohttp_client_session_get(session, url, &response, .timeout = &timeout);
 *
 * MODEL      A request goes through phases, again for each redirect; each has its own limit, in
 *            seconds, ASYNCIO_NONE for none. `total` is over all of them, redirects, retries and
 *            the reading of the body included. What is late ends with -ETIMEDOUT, its record says
 *            which limit it was and to whom we talked, and `.ret_phase` of the request has the
 *            phase.
 * EXACT      A limit that passes is noticed within a tenth of a second: one timer serves all
 *            requests of a session.
 * THREADS    Values; nothing here suspends.
 * SOURCE     aiohttp's ClientTimeout (total, connect, sock_connect, sock_read), taken apart: issue
 *            10313 and its like ask which one it was. */
#pragma once

#include <aiohttp/macros.h>

ASYNCIO__BEGIN

/* Where a request is, or was when it failed. */
typedef enum aiohttp_client_phase {
    AIOHTTP_PHASE_NONE,
    AIOHTTP_PHASE_POOL,    /* waits for a connection to be free */
    AIOHTTP_PHASE_DNS,     /* asks for the addresses of a name */
    AIOHTTP_PHASE_CONNECT, /* connects to one of them */
    AIOHTTP_PHASE_PROXY,   /* asks a proxy for a way through */
    AIOHTTP_PHASE_TLS,     /* the handshake */
    AIOHTTP_PHASE_WRITE,   /* sends, and the peer takes nothing */
    AIOHTTP_PHASE_HEAD,    /* waits for the head of the answer */
    AIOHTTP_PHASE_READ,    /* waits for more of the body */
} aiohttp_client_phase;

/* Seconds; ASYNCIO_NONE: no limit. */
typedef struct aiohttp_client_timeout {
    size_t size;    /* sizeof(aiohttp_client_timeout) */
    double total;   /* of the whole request, the body included: 300 */
    double pool;    /* none */
    double dns;     /* 30 */
    double connect; /* of all addresses: 30 */
    double proxy;   /* 30 */
    double tls;     /* 30 */
    double write;   /* without a byte taken by the peer: 60 */
    double head;    /* from the end of the request to that of the answer's head: none */
    double read;    /* without a byte of the body: none */
    double expect;  /* for "100 Continue"; then the body is sent without it: 1 */
} aiohttp_client_timeout;

/* The defaults above. */
static inline aiohttp_client_timeout aiohttp_client_timeout_default(void)
{
    aiohttp_client_timeout timeout;
    timeout.size = sizeof timeout;
    timeout.total = 300.0;
    timeout.pool = ASYNCIO_NONE;
    timeout.dns = 30.0;
    timeout.connect = 30.0;
    timeout.proxy = 30.0;
    timeout.tls = 30.0;
    timeout.write = 60.0;
    timeout.head = ASYNCIO_NONE;
    timeout.read = ASYNCIO_NONE;
    timeout.expect = 1.0;
    return timeout;
}

/* The name of a phase: "connect". Static. Any thread; does not suspend. */
AIOHTTP_API const char *aiohttp_client_phase_name(aiohttp_client_phase phase);

ASYNCIO__END
