/* SPDX-License-Identifier: MIT */
/* TLS: contexts. Python's ssl module, as far as asyncio uses it; the work is done by OpenSSL 3.
 *
 * MODEL      A context says how connections are protected: what is presented, whom to trust, what
 *            is negotiated. It is made once, passed as `.ssl` to asyncio_open_connection,
 *            asyncio_start_server or asyncio_stream_start_tls, and shared by any number of
 *            connections, loops and threads. Change it before its first connection: what was set
 *            after that holds for later ones.
 * DEFAULTS   Those of Python's create_default_context: TLS 1.2 and later; a client verifies the
 *            chain against the system's roots and the host name; a server asks for no certificate.
 *            There is no renegotiation, no compression and no early data, whatever is set.
 * END        A connection ends by close_notify. A stream that ends without it was cut off: reading
 *            is -ASYNCIO_SSL_EOF. Closing sends ours and waits for the peer's, at most
 *            ssl_shutdown_timeout (30 s); a peer that never answers delays nobody longer, and is
 *            -ETIMEDOUT for asyncio_stream_wait_closed. One direction cannot be closed alone.
 * RESUMPTION A client's context keeps the last sessions of each server_hostname and offers them to
 *            it again; a server gives tickets. "session_reused" in the extra info tells. A server
 *            resumes what the same context gave, as that one verifies: where an SNI callback
 *            chooses another one there is a full handshake.
 * ERRORS     -ASYNCIO_SSL_CERT_VERIFICATION: whom we talk to is not who it should be.
 *            -ASYNCIO_SSL: the peer refused, or does not keep to the protocol. Their sentence
 *            (asyncio_last_error) is OpenSSL's, for every call that meets them, and within a
 *            protocol's connection_lost. -ECONNABORTED: the handshake took longer than
 *            ssl_handshake_timeout (60 s). -ENOMEM.
 * THREADS    Contexts may be used from any thread; changing one while another thread changes it is
 *            not allowed. Nothing here suspends; loading reads files, which blocks.
 * SOURCE     CPython's Lib/ssl.py, Modules/_ssl.c and Lib/asyncio/sslproto.py. */
#pragma once

#include <asyncio/macros.h>

ASYNCIO__BEGIN

typedef struct asyncio_ssl_context asyncio_ssl_context;

#define ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT 60.0
#define ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT 30.0
#define ASYNCIO__DEFAULT_SSL_TIMEOUTS                                                              \
    .ssl_handshake_timeout = ASYNCIO__DEFAULT_SSL_HANDSHAKE_TIMEOUT,                               \
    .ssl_shutdown_timeout = ASYNCIO__DEFAULT_SSL_SHUTDOWN_TIMEOUT,

/* Python's ssl.Purpose: whom the context is to authenticate. */
typedef enum asyncio_ssl_purpose {
    ASYNCIO_SSL_SERVER_AUTH = 1,     /* servers: the context is a client's */
    ASYNCIO_SSL_CLIENT_AUTH = 2,     /* clients: the context is a server's */
} asyncio_ssl_purpose;

/* Python's ssl.VerifyMode: what becomes of the peer's certificate. */
typedef enum asyncio_ssl_verify_mode {
    ASYNCIO_SSL_CERT_NONE = 0,       /* it is not looked at (a server: not asked for) */
    ASYNCIO_SSL_CERT_OPTIONAL = 1,   /* a server asks for one, and checks it when there is one */
    ASYNCIO_SSL_CERT_REQUIRED = 2,
} asyncio_ssl_verify_mode;

/* Python's ssl.TLSVersion, as far as it is not broken. */
typedef enum asyncio_ssl_version {
    ASYNCIO_SSL_TLSV1_2 = 0x0303,
    ASYNCIO_SSL_TLSV1_3 = 0x0304,
} asyncio_ssl_version;

typedef struct asyncio_ssl_create_default_context_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_ssl_create_default_context_options));
    const char *cafile ASYNCIO__0;   /* certificates to trust instead of the system's: PEM */
    const char *capath ASYNCIO__0;   /* a folder of such, named by their hashes */
    const char *cadata ASYNCIO__0;   /* such as text */
} asyncio_ssl_create_default_context_options;

/* Makes a context with safe defaults. ret_context returns new. A client's has the system's roots,
 * unless one of the options names others. -EINVAL for another purpose, -ENOENT and the like for a
 * file, -ASYNCIO_SSL for what is in it, -ENOMEM. Any thread; does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ssl_create_default_context(
    asyncio_ssl_purpose purpose, asyncio_ssl_context **ret_context,
    const asyncio_ssl_create_default_context_options *options);
#define asyncio_ssl_create_default_context(...)                                                    \
    asyncio__ssl_create_default_context_m(__VA_ARGS__, )
#define asyncio__ssl_create_default_context_m(purpose, ret_context, ...)                           \
    asyncio__ssl_create_default_context_v(                                                         \
        purpose, ret_context,                                                                      \
        ASYNCIO__OPTIONS(asyncio_ssl_create_default_context_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__ssl_create_default_context_v(
    asyncio_ssl_purpose purpose, asyncio_ssl_context **ret_context,
    asyncio_ssl_create_default_context_options options)
{
    return (asyncio_ssl_create_default_context)(purpose, ret_context, &options);
}

/* Takes one more reference and returns it. NULL allowed. Any thread. */
ASYNCIO_API asyncio_ssl_context *asyncio_ssl_context_ref(asyncio_ssl_context *context);

/* Gives a reference back; connections hold their own. NULL allowed. Any thread. */
ASYNCIO_API void asyncio_ssl_context_unref(asyncio_ssl_context *context);

/* Loads what is presented to the peer: a PEM file with the certificate and those that lead to its
 * root, and its private key (keyfile NULL: from the same file), decrypted by `password` (NULL: it
 * needs none). -ENOENT and the like, -ASYNCIO_SSL (not a certificate; the key is not its; the
 * password is wrong), -ENOMEM. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ssl_context_load_cert_chain(asyncio_ssl_context *context,
                                                                       const char *certfile,
                                                                       const char *keyfile,
                                                                       const char *password);

/* Trusts these certificates, too: a PEM file, a folder, or PEM text; NULL for what there is not.
 * -EINVAL without any, -ENOENT and the like, -ASYNCIO_SSL, -ENOMEM. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ssl_context_load_verify_locations(
    asyncio_ssl_context *context, const char *cafile, const char *capath, const char *cadata);

/* Trusts the system's roots, too. -ASYNCIO_SSL, -ENOMEM. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ssl_context_load_default_certs(
    asyncio_ssl_context *context);

/* Whether the peer's certificate is verified. Sessions of before are not resumed. -EINVAL for
 * another mode, and for CERT_NONE while the host name is checked; a server's: -ASYNCIO_SSL,
 * -ENOMEM. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ssl_context_set_verify_mode(
    asyncio_ssl_context *context, asyncio_ssl_verify_mode mode);

/* Whether the server's certificate has to be for server_hostname. 1 makes CERT_NONE
 * CERT_REQUIRED, by asyncio_ssl_context_set_verify_mode. 0. */
ASYNCIO_API int asyncio_ssl_context_set_check_hostname(asyncio_ssl_context *context,
                                                       int is_checked);

/* The oldest version that is spoken. -EINVAL for one before TLS 1.2. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ssl_context_set_minimum_version(
    asyncio_ssl_context *context, asyncio_ssl_version version);

/* The newest version that is spoken. -EINVAL for one before TLS 1.2. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ssl_context_set_maximum_version(
    asyncio_ssl_context *context, asyncio_ssl_version version);

/* The ciphers of TLS 1.2, as OpenSSL's ciphers(1) writes them; those of 1.3 are all good.
 * -ASYNCIO_SSL when none is left. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ssl_context_set_ciphers(asyncio_ssl_context *context,
                                                                   const char *ciphers);

/* Python's ssl.Options, as far as they are a choice here. */
typedef enum asyncio_ssl_options {
    /* A file that is sent by TLS (asyncio_loop_sendfile, and a server's static files) is encrypted
     * by the kernel, without a copy in user space; so is then what the connection writes after it,
     * until its end. Where the kernel, OpenSSL or the cipher (AES-GCM is needed) cannot, and for
     * less than 64 KiB, nothing changes; "ktls_send" in the extra info tells. The price: the keys
     * cannot be changed any more, so a peer that asks for new ones (TLS 1.3's key update with a
     * request, which hardly anybody sends) ends the connection, -ASYNCIO_SSL. Not set by default,
     * as in Python and OpenSSL. Bytes that come are always decrypted here. */
    ASYNCIO_SSL_OP_ENABLE_KTLS = 8,
} asyncio_ssl_options;

/* Python's SSLContext.options: sets exactly these, 0 for none. What is not listed is as DEFAULTS
 * says. -EINVAL for another. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ssl_context_set_options(asyncio_ssl_context *context,
                                                                   unsigned options);

/* The protocols that are spoken above, the best first: {"h2", "http/1.1"}. A client offers them, a
 * server takes its first one that was offered; without a common one there is none, and the
 * connection goes on. Names of 1 to 255 bytes, else -EINVAL; -ENOMEM. They are copied. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ssl_context_set_alpn_protocols(
    asyncio_ssl_context *context, const char *const *protocols, size_t count);

/* Called on a server's side with the host name that the client asks for, NULL when it asks for
 * none, once for each connection. It may store another server's context (a borrowed reference) in
 * *ret_context, which then goes on instead: its certificate, versions, protocols, and what it asks
 * of clients; its own callback is not called. 0, or a negative error: the client gets the alert
 * unrecognized_name. In the thread of the connection's loop, between tasks: it must not suspend. */
typedef int asyncio_ssl_sni_callback(asyncio_ssl_context *context, const char *server_name,
                                     asyncio_ssl_context **ret_context, void *data);

typedef struct asyncio_ssl_context_set_sni_callback_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_ssl_context_set_sni_callback_options));
    void *data ASYNCIO__0;                      /* the callback's last argument */
    void (*destroy)(void *data) ASYNCIO__0;     /* called once: replaced, or the context is gone */
} asyncio_ssl_context_set_sni_callback_options;

/* Sets the callback; NULL: none. */
ASYNCIO_API void asyncio_ssl_context_set_sni_callback(
    asyncio_ssl_context *context, asyncio_ssl_sni_callback *callback,
    const asyncio_ssl_context_set_sni_callback_options *options);
#define asyncio_ssl_context_set_sni_callback(...)                                                  \
    asyncio__ssl_context_set_sni_callback_m(__VA_ARGS__, )
#define asyncio__ssl_context_set_sni_callback_m(context, callback, ...)                            \
    asyncio__ssl_context_set_sni_callback_v(                                                       \
        context, callback,                                                                         \
        ASYNCIO__OPTIONS(asyncio_ssl_context_set_sni_callback_options, (), __VA_ARGS__))
static inline void asyncio__ssl_context_set_sni_callback_v(
    asyncio_ssl_context *context, asyncio_ssl_sni_callback *callback,
    asyncio_ssl_context_set_sni_callback_options options)
{
    (asyncio_ssl_context_set_sni_callback)(context, callback, &options);
}

ASYNCIO__END
