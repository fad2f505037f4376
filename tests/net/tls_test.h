/* SPDX-License-Identifier: MIT */
/* What the tests of TLS share: contexts of the test's own authority, and a pair of streams that are
 * connected by TLS. */
#pragma once

#include "net/net_test.h"

#include "support/certificates.h"

#include <asyncio/connect.h>
#include <asyncio/server.h>
#include <asyncio/ssl.h>
#include <signal.h>

static inline int server_context(const char *file, asyncio_ssl_context **ret_context)
{
    asyncio_ssl_context *context;
    int r = asyncio_ssl_create_default_context(ASYNCIO_SSL_CLIENT_AUTH, &context);
    if (r < 0)
        return r;
    r = asyncio_ssl_context_load_cert_chain(context, file, NULL, NULL);
    if (r < 0)
        asyncio_ssl_context_unref(context);
    else
        *ret_context = context;
    return r;
}

static inline int client_context(asyncio_ssl_context **ret_context)
{
    return asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, ret_context,
                                              .cafile = certificates()->ca);
}

/* OpenSSL keeps what it loads once, and what its threads need: so that blocks can be counted. */
static inline void warm_up(void)
{
    asyncio_ssl_context *context = NULL;
    assert_return_code(server_context(certificates()->server, &context), 0);
    asyncio_ssl_context_unref(context);
}

/* ---- two streams, connected by TLS ---- */

struct tls_pair {
    struct pair pair;
    asyncio_ssl_context *server, *client;
};

static inline int tls_pair_open(struct tls_pair *tls, size_t limit)
{
    *tls = (struct tls_pair){ .server = NULL };
    struct pair *pair = &tls->pair;
    int r = server_context(certificates()->server, &tls->server);
    if (r >= 0)
        r = client_context(&tls->client);
    if (r >= 0)
        r = asyncio_future_new(&pair->accepted);
    if (r >= 0)
        r = asyncio_future_new(&pair->finished);
    if (r >= 0)
        r = asyncio_start_server(pair_handler, "127.0.0.1", 0, &pair->server, .limit = limit,
                                 .data = pair, .ssl = tls->server);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", asyncio_server_port(pair->server), &pair->a,
                                    .limit = limit, .ssl = tls->client);
    return r >= 0 ? asyncio_await(pair->accepted) : r;
}

static inline int tls_pair_run(void *data)
{
    const struct pair_program *what = data;
    struct tls_pair tls;
    int r = tls_pair_open(&tls, what->limit);
    if (r >= 0)
        r = what->body(&tls.pair);
    r = pair_close(&tls.pair, r);
    asyncio_ssl_context_unref(tls.server);
    asyncio_ssl_context_unref(tls.client);
    return r;
}

/* Runs a body with two streams connected by TLS, in all worlds. */
static inline void with_tls_pair(pair_body *body)
{
    struct pair_program what = { body, 65536 };
    run_everywhere_with(tls_pair_run, &what);
}
