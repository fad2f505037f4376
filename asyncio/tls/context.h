/* SPDX-License-Identifier: MIT */
/* TLS contexts from the inside: see <asyncio/ssl.h>.
 *
 * MODEL      A context is an SSL_CTX with what OpenSSL has no place for: whether the host name is
 *            checked, the server's list of protocols, the SNI callback, and a client's sessions.
 *            Only this floor names OpenSSL; the floors above see contexts and engines.
 * SESSIONS   A session that a server gives lies in a ring, with the name it was given for. The
 *            newest of a name is offered; one of TLS 1.3 is taken out then, since it is good for
 *            once. A lock guards the ring: engines of several threads share a context. A server's
 *            sessions say which context gave them, and are good for that one alone.
 * OWNERSHIP  Counted, any thread. An engine holds its context. */
#pragma once

#include "base/error.h"

#include <asyncio/ssl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
    SESSIONS_MAX = 64,               /* of a context */
    SESSION_NAME_SIZE = 256,         /* a host name has at most 253 bytes */
    ALPN_SIZE_MAX = 65535,
    TLS_REASON_SIZE = 200,
};

struct session_slot {
    SSL_SESSION *session;            /* NULL: free */
    char *name;
};

struct asyncio_ssl_context {
    SSL_CTX *ctx;
    atomic_uint refs;
    bool is_client, checks_hostname;
    unsigned char *alpn;             /* as on the wire: each name after its length */
    unsigned alpn_size;
    asyncio_ssl_sni_callback *sni;
    asyncio_ssl_context_set_sni_callback_options sni_options;
    pthread_mutex_t lock;            /* of the sessions */
    unsigned next_slot;
    struct session_slot sessions[SESSIONS_MAX];
};

/* ---- reason.c: what OpenSSL says went wrong, as our code and a sentence; its queue is empty after
 * that ---- */

/* `ssl` NULL: no connection is concerned. */
int asyncio__tls_reason(const SSL *ssl, char *text, size_t size);
/* The same, raised. */
int asyncio__tls_raise(void);

/* ---- session.c ---- */

/* Called by OpenSSL with a new session; 1: it is kept. */
int asyncio__tls_session_new(SSL *ssl, SSL_SESSION *session);
/* Gives `ssl` the newest session of `name`, if there is one. */
void asyncio__tls_session_offer(asyncio_ssl_context *context, SSL *ssl, const char *name);
/* Forgets all. */
void asyncio__tls_sessions_drop(asyncio_ssl_context *context);

/* ---- negotiate.c ---- */

int asyncio__tls_select_alpn(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_size,
                             const unsigned char *offered, unsigned offered_size, void *context);
/* Called by OpenSSL with each ClientHello. */
int asyncio__tls_select_context(SSL *ssl, int *ret_alert, void *context);
/* Later, for its answer: the name was of use. */
int asyncio__tls_acknowledge_name(SSL *ssl, int *ret_alert, void *context);
