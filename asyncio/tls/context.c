/* SPDX-License-Identifier: MIT */
/* TLS contexts: their making, what they present and whom they trust. See context.h. */
#include "tls/context.h"

#include "base/alloc.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <string.h>

enum { SESSION_ID_SIZE = 16 };

/* ---- life ---- */

/* From here on the context's sessions are others than all before. */
static bool renew_id(asyncio_ssl_context *context)
{
    unsigned char id[SESSION_ID_SIZE];
    return RAND_bytes(id, sizeof id) == 1 &&
           SSL_CTX_set_session_id_context(context->ctx, id, sizeof id) == 1;
}

/* What holds for every context, whoever makes it. */
static bool set_defaults(asyncio_ssl_context *context)
{
    SSL_CTX *ctx = context->ctx;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx),
                                X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT |
                                    X509_V_FLAG_TRUSTED_FIRST);
    if (!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) || !renew_id(context))
        return false;
    if (context->is_client) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, asyncio__tls_session_new);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        return true;
    }
    SSL_CTX_set_alpn_select_cb(ctx, asyncio__tls_select_alpn, context);
    SSL_CTX_set_client_hello_cb(ctx, asyncio__tls_select_context, context);
    SSL_CTX_set_tlsext_servername_callback(ctx, asyncio__tls_acknowledge_name);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    return true;
}

static void free_context(asyncio_ssl_context *context)
{
    asyncio__tls_sessions_drop(context);
    if (context->sni_options.destroy)
        context->sni_options.destroy(context->sni_options.data);
    asyncio__free(context->alpn);
    SSL_CTX_free(context->ctx);
    pthread_mutex_destroy(&context->lock);
    asyncio__free(context);
}

static int make(bool is_client, asyncio_ssl_context **ret_context)
{
    asyncio_ssl_context *context = asyncio__calloc(1, sizeof *context);
    if (!context)
        return -ENOMEM;
    ERR_clear_error();
    context->ctx = SSL_CTX_new(is_client ? TLS_client_method() : TLS_server_method());
    if (!context->ctx) {
        asyncio__free(context);
        return asyncio__tls_raise();
    }
    pthread_mutex_init(&context->lock, NULL);
    atomic_init(&context->refs, 1);
    context->is_client = context->checks_hostname = is_client;
    if (!set_defaults(context)) {
        free_context(context);
        return asyncio__tls_raise();
    }
    *ret_context = context;
    return 0;
}

int(asyncio_ssl_create_default_context)(asyncio_ssl_purpose purpose,
                                        asyncio_ssl_context **ret_context,
                                        const asyncio_ssl_create_default_context_options *options)
{
    static const asyncio_ssl_create_default_context_options defaults = { .size = sizeof defaults };
    if (!options)
        options = &defaults;
    if (purpose != ASYNCIO_SSL_SERVER_AUTH && purpose != ASYNCIO_SSL_CLIENT_AUTH)
        return asyncio_raise(-EINVAL, "purpose must be SERVER_AUTH or CLIENT_AUTH");
    asyncio_ssl_context *context = NULL;
    int r = make(purpose == ASYNCIO_SSL_SERVER_AUTH, &context);
    if (r < 0)
        return r;
    if (options->cafile || options->capath || options->cadata)
        r = asyncio_ssl_context_load_verify_locations(context, options->cafile, options->capath,
                                                      options->cadata);
    else if (context->is_client)
        r = asyncio_ssl_context_load_default_certs(context);
    if (r < 0) {
        asyncio_ssl_context_unref(context);
        return r;
    }
    *ret_context = context;
    return 0;
}

asyncio_ssl_context *asyncio_ssl_context_ref(asyncio_ssl_context *context)
{
    if (context)
        atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

void asyncio_ssl_context_unref(asyncio_ssl_context *context)
{
    if (context && atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) == 1)
        free_context(context);
}

/* ---- what is presented ---- */

static int give_password(char *buffer, int size, int is_writing, void *data)
{
    (void)is_writing;
    const char *password = data;
    size_t length = password ? strlen(password) : 0;
    if (length > (size_t)size)
        return -1;
    memcpy(buffer, password ? password : "", length);
    return (int)length;
}

int asyncio_ssl_context_load_cert_chain(asyncio_ssl_context *context, const char *certfile,
                                        const char *keyfile, const char *password)
{
    SSL_CTX *ctx = context->ctx;
    ERR_clear_error();
    /* without one OpenSSL would ask at the terminal */
    SSL_CTX_set_default_passwd_cb(ctx, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, (void *)(uintptr_t)password);
    bool is_good =
        SSL_CTX_use_certificate_chain_file(ctx, certfile) == 1 &&
        SSL_CTX_use_PrivateKey_file(ctx, keyfile ? keyfile : certfile, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(ctx) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
    asyncio__tls_sessions_drop(context); /* they say who we were */
    return is_good ? 0 : asyncio__tls_raise();
}

/* ---- whom to trust ---- */

/* One certificate of the text after the other, until there is none. */
static int trust_text(asyncio_ssl_context *context, const char *text)
{
    size_t length = strlen(text);
    BIO *bio = length <= INT_MAX ? BIO_new_mem_buf(text, (int)length) : NULL;
    if (!bio)
        return -ENOMEM;
    X509_STORE *store = SSL_CTX_get_cert_store(context->ctx);
    int count = 0;
    X509 *certificate;
    bool is_good = true;
    while (is_good && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        is_good = X509_STORE_add_cert(store, certificate) == 1;
        X509_free(certificate);
        count++;
    }
    BIO_free(bio);
    /* it ends by "no start line" */
    if (is_good && count && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return 0;
    }
    return asyncio__tls_raise();
}

int asyncio_ssl_context_load_verify_locations(asyncio_ssl_context *context, const char *cafile,
                                              const char *capath, const char *cadata)
{
    if (!cafile && !capath && !cadata)
        return asyncio_raise(-EINVAL, "cafile, capath and cadata cannot be all omitted");
    ERR_clear_error();
    if ((cafile || capath) && SSL_CTX_load_verify_locations(context->ctx, cafile, capath) != 1)
        return asyncio__tls_raise();
    return cadata ? trust_text(context, cadata) : 0;
}

int asyncio_ssl_context_load_default_certs(asyncio_ssl_context *context)
{
    ERR_clear_error();
    return SSL_CTX_set_default_verify_paths(context->ctx) == 1 ? 0 : asyncio__tls_raise();
}

/* ---- how strictly ---- */

int asyncio_ssl_context_set_verify_mode(asyncio_ssl_context *context, asyncio_ssl_verify_mode mode)
{
    static const int modes[] = {
        [ASYNCIO_SSL_CERT_NONE] = SSL_VERIFY_NONE,
        [ASYNCIO_SSL_CERT_OPTIONAL] = SSL_VERIFY_PEER,
        [ASYNCIO_SSL_CERT_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    if ((unsigned)mode > ASYNCIO_SSL_CERT_REQUIRED)
        return asyncio_raise(-EINVAL, "invalid value for verify_mode");
    if (mode == ASYNCIO_SSL_CERT_NONE && context->checks_hostname)
        return asyncio_raise(-EINVAL, "Cannot set verify_mode to CERT_NONE when check_hostname is "
                                      "enabled.");
    ERR_clear_error();
    if (!context->is_client && !renew_id(context)) /* peers were verified as it was */
        return asyncio__tls_raise();
    SSL_CTX_set_verify(context->ctx, modes[mode], NULL);
    asyncio__tls_sessions_drop(context);
    return 0;
}

int asyncio_ssl_context_set_check_hostname(asyncio_ssl_context *context, int is_checked)
{
    context->checks_hostname = is_checked != 0;
    if (is_checked && SSL_CTX_get_verify_mode(context->ctx) == SSL_VERIFY_NONE)
        return asyncio_ssl_context_set_verify_mode(context, ASYNCIO_SSL_CERT_REQUIRED);
    asyncio__tls_sessions_drop(context);
    return 0;
}

static int check_version(asyncio_ssl_version version)
{
    if (version != ASYNCIO_SSL_TLSV1_2 && version != ASYNCIO_SSL_TLSV1_3)
        return asyncio_raise(-EINVAL, "TLS 1.2 and 1.3 are spoken, not version 0x%x",
                             (unsigned)version);
    return 0;
}

int asyncio_ssl_context_set_minimum_version(asyncio_ssl_context *context,
                                            asyncio_ssl_version version)
{
    int r = check_version(version);
    if (r < 0)
        return r;
    return SSL_CTX_set_min_proto_version(context->ctx, (int)version) == 1 ? 0
                                                                          : asyncio__tls_raise();
}

int asyncio_ssl_context_set_maximum_version(asyncio_ssl_context *context,
                                            asyncio_ssl_version version)
{
    int r = check_version(version);
    if (r < 0)
        return r;
    return SSL_CTX_set_max_proto_version(context->ctx, (int)version) == 1 ? 0
                                                                          : asyncio__tls_raise();
}

int asyncio_ssl_context_set_ciphers(asyncio_ssl_context *context, const char *ciphers)
{
    ERR_clear_error();
    asyncio__tls_sessions_drop(context); /* they have one of those of before */
    return SSL_CTX_set_cipher_list(context->ctx, ciphers) == 1 ? 0 : asyncio__tls_raise();
}

int asyncio_ssl_context_set_options(asyncio_ssl_context *context, unsigned options)
{
    if (options & ~(unsigned)ASYNCIO_SSL_OP_ENABLE_KTLS)
        return asyncio_raise(-EINVAL, "only OP_ENABLE_KTLS can be chosen, not 0x%x", options);
    if (options & ASYNCIO_SSL_OP_ENABLE_KTLS)
        SSL_CTX_set_options(context->ctx, SSL_OP_ENABLE_KTLS);
    else
        SSL_CTX_clear_options(context->ctx, SSL_OP_ENABLE_KTLS);
    return 0;
}
