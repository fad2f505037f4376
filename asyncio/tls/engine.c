/* SPDX-License-Identifier: MIT */
/* The engine: OpenSSL between a span of memory and a buffer. See engine.h. */
#include "tls/engine.h"

#include "base/alloc.h"
#include "tls/handover.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* ---- OpenSSL's way to the bytes ---- */

static int take_in(BIO *bio, char *data, int size)
{
    struct tls_engine *engine = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (engine->in_size == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = (size_t)size < engine->in_size ? (size_t)size : engine->in_size;
    memcpy(data, engine->in, n);
    engine->in += n;
    engine->in_size -= n;
    return (int)n;
}

static int put_out(BIO *bio, const char *data, int size)
{
    struct tls_engine *engine = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (engine->is_handed_over)
        return size; /* by these keys only the kernel sends */
    if (asyncio__buffer_reserve(&engine->out, engine->blocks, (size_t)size) < 0) {
        engine->is_out_of_memory = true;
        return -1;
    }
    asyncio__buffer_add(&engine->out, data, (size_t)size);
    if (engine->keys)
        asyncio__tls_keys_count(engine->keys, data, (size_t)size);
    return size;
}

/* What openssl/bio.h names in a comment: keys; `number` is not 0 for those of what is sent. */
enum { OFFERS_KEYS = 72 };

static long control(BIO *bio, int command, long number, void *pointer)
{
    if (command == OFFERS_KEYS && number && pointer)
        asyncio__tls_keys_offered(BIO_get_data(bio), pointer);
    return command == BIO_CTRL_FLUSH; /* refused: OpenSSL goes on by itself */
}

static BIO_METHOD *bio_method;
static pthread_mutex_t bio_lock = PTHREAD_MUTEX_INITIALIZER;

/* One for the process; made anew where memory was missing. */
static BIO_METHOD *method(void)
{
    pthread_mutex_lock(&bio_lock);
    if (!bio_method) {
        BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "asyncio");
        if (made) {
            (void)BIO_meth_set_read(made, take_in);
            (void)BIO_meth_set_write(made, put_out);
            (void)BIO_meth_set_ctrl(made, control);
        }
        bio_method = made;
    }
    pthread_mutex_unlock(&bio_lock);
    return bio_method;
}

/* The keys of what is sent change, or will before the next byte: the peer asks for it, and OpenSSL
 * answers when it writes. */
static void on_new_keys(struct tls_engine *engine)
{
    engine->wants_new_keys = engine->is_handed_over;
    asyncio__tls_keys_forget(engine);
}

static bool is_key_update(int type, const unsigned char *bytes, size_t size)
{
    return type == SSL3_RT_HANDSHAKE && size > SSL3_HM_HEADER_LENGTH &&
           bytes[0] == SSL3_MT_KEY_UPDATE;
}

static void on_sent_message(struct tls_engine *engine, int type, const unsigned char *bytes,
                            size_t size)
{
    if (is_key_update(type, bytes, size))
        on_new_keys(engine);
    if (type == SSL3_RT_ALERT && size == 2 && engine->is_handed_over && !engine->has_alert &&
        (bytes[0] == SSL3_AL_FATAL || bytes[1] == SSL_AD_CLOSE_NOTIFY)) {
        memcpy(engine->alert, bytes, 2);
        engine->has_alert = true;
    }
}

/* Counts what comes after the handshake and is not for the application. */
static void on_message(int is_sent, int version, int type, const void *bytes, size_t size, SSL *ssl,
                       void *data)
{
    (void)version;
    (void)ssl;
    struct tls_engine *engine = data;
    if (is_sent)
        on_sent_message(engine, type, bytes, size);
    else if (is_key_update(type, bytes, size) &&
             ((const unsigned char *)bytes)[SSL3_HM_HEADER_LENGTH] == SSL_KEY_UPDATE_REQUESTED)
        on_new_keys(engine);
    if (!is_sent && type == SSL3_RT_HANDSHAKE && engine->is_open)
        engine->late_messages++;
}

/* ---- life ---- */

static bool is_address(const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/* Whom the client asks for, and whom the certificate has to be for. */
static int aim_at(struct tls_engine *engine, const char *name)
{
    SSL *ssl = engine->ssl;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    engine->name = asyncio__strdup(name);
    if (!engine->name)
        return -ENOMEM;
    bool has_address = is_address(name);
    if (!has_address && SSL_set_tlsext_host_name(ssl, name) != 1)
        return asyncio__tls_raise();
    if (engine->context->checks_hostname) {
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (has_address ? X509_VERIFY_PARAM_set1_ip_asc(param, name) != 1
                        : X509_VERIFY_PARAM_set1_host(param, name, 0) != 1)
            return asyncio__tls_raise();
    }
    asyncio__tls_session_offer(engine->context, ssl, name);
    return 0;
}

int asyncio__tls_check(const asyncio_ssl_context *context, bool is_server, const char *name)
{
    bool has_name = name && name[0];
    if (is_server == context->is_client)
        return asyncio_raise(-EINVAL, is_server
                                          ? "Cannot create a server socket with a client context"
                                          : "Cannot create a client socket with a server context");
    if (has_name && (name[0] == '.' || strlen(name) >= SESSION_NAME_SIZE))
        return asyncio_raise(-EINVAL, "server_hostname cannot be so long or start with a leading "
                                      "dot");
    if (!is_server && !has_name && context->checks_hostname)
        return asyncio_raise(-EINVAL, "check_hostname requires server_hostname");
    return 0;
}

int asyncio__tls_init(struct tls_engine *engine, asyncio_ssl_context *context,
                      struct blocks *blocks, bool is_server, const char *name)
{
    int r = asyncio__tls_check(context, is_server, name);
    if (r < 0)
        return r;
    engine->context = asyncio_ssl_context_ref(context);
    engine->blocks = blocks;
    ERR_clear_error();
    engine->ssl = SSL_new(context->ctx);
    BIO *bio = engine->ssl && method() ? BIO_new(bio_method) : NULL;
    if (!bio || SSL_set_app_data(engine->ssl, engine) != 1) {
        BIO_free(bio);
        ERR_clear_error();
        asyncio__tls_fini(engine);
        return -ENOMEM;
    }
    BIO_set_data(bio, engine);
    BIO_set_init(bio, 1);
    SSL_set_bio(engine->ssl, bio, bio);
    SSL_set_msg_callback(engine->ssl, on_message);
    SSL_set_msg_callback_arg(engine->ssl, engine);
    if (is_server)
        SSL_set_accept_state(engine->ssl);
    else
        SSL_set_connect_state(engine->ssl);
    if (!is_server && name && name[0] && (r = aim_at(engine, name)) < 0)
        asyncio__tls_fini(engine);
    return r;
}

void asyncio__tls_fini(struct tls_engine *engine)
{
    asyncio__buffer_release(&engine->out, engine->blocks);
    asyncio__tls_keys_forget(engine);
    /* else a session that is still in use counts as broken */
    if (engine->ssl && engine->is_open && !engine->error)
        SSL_set_shutdown(engine->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(engine->ssl);
    asyncio__free(engine->name);
    asyncio_ssl_context_unref(engine->context);
    *engine = (struct tls_engine){ .ssl = NULL };
}

/* ---- the calls ---- */

static int fail(struct tls_engine *engine, int code, const char *reason)
{
    engine->error = code;
    snprintf(engine->reason, sizeof engine->reason, "%s", reason);
    return code;
}

/* What a call that did not succeed has met. */
static int result_of(struct tls_engine *engine, int r)
{
    switch (SSL_get_error(engine->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        break;
    }
    char reason[TLS_REASON_SIZE];
    int code = asyncio__tls_reason(engine->ssl, reason, sizeof reason);
    if (engine->is_out_of_memory)
        code = -ENOMEM;
    return fail(engine, code, reason);
}

int asyncio__tls_handshake(struct tls_engine *engine)
{
    if (engine->error)
        return engine->error;
    ERR_clear_error();
    int r = SSL_do_handshake(engine->ssl);
    if (r == 1) {
        engine->is_open = true;
        return 0;
    }
    r = result_of(engine, r);
    return r ? r : fail(engine, -ASYNCIO_SSL, "the peer closed during the handshake");
}

int asyncio__tls_read(struct tls_engine *engine, void *data, size_t size)
{
    if (engine->error)
        return engine->error;
    size_t got = 0;
    if (size > INT_MAX)
        size = INT_MAX;
    ERR_clear_error();
    do {
        size_t n;
        int r = SSL_read_ex(engine->ssl, (char *)data + got, size - got, &n);
        if (engine->wants_new_keys) {
            got += r == 1 ? n : 0;
            r = fail(engine, -ASYNCIO_SSL, "the peer wants new keys, and the kernel has the old");
            return got ? (int)got : r;
        }
        if (r != 1) {
            r = result_of(engine, r);
            if (r == TLS_WANTS && engine->late_messages > TLS_LATE_MESSAGES_MAX)
                r = fail(engine, -ASYNCIO_SSL, "too many messages after the handshake");
            return got ? (int)got : r; /* OpenSSL, or `error`, says it again */
        }
        got += n;
        engine->late_messages = 0;
    } while (got < size && tls_has_input(engine));
    return (int)got;
}

int asyncio__tls_reserve(struct tls_engine *engine, size_t size)
{
    size_t records = size / TLS_RECORD_MAX + 1;
    return asyncio__buffer_reserve(&engine->out, engine->blocks,
                                   size + records * TLS_RECORD_EXTRA);
}

int asyncio__tls_write(struct tls_engine *engine, const void *data, size_t size)
{
    if (engine->error)
        return engine->error;
    if (!size)
        return 0;
    if (engine->is_handed_over)
        return fail(engine, -ASYNCIO_SSL, "the kernel sends");
    size_t n;
    ERR_clear_error();
    int r = SSL_write_ex(engine->ssl, data, size, &n);
    if (r == 1)
        return 0;
    r = result_of(engine, r);
    /* it never waits for the peer: there is no renegotiation */
    return r < 0 && r != TLS_WANTS ? r : fail(engine, -ASYNCIO_SSL, "writing is not possible");
}

void asyncio__tls_shutdown(struct tls_engine *engine)
{
    if (engine->error || !engine->is_open)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(engine->ssl);
    ERR_clear_error();
}
