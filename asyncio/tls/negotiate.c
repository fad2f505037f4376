/* SPDX-License-Identifier: MIT */
/* What a server chooses in a handshake: the protocol above, and by the host name that the client
 * asks for, the context. That is chosen before OpenSSL looks at a session that the client has: one
 * that another context gave, which may have asked for less, is not resumed. */
#include "tls/context.h"

#include "base/alloc.h"
#include "tls/engine.h"

#include <string.h>

int asyncio_ssl_context_set_alpn_protocols(asyncio_ssl_context *context,
                                           const char *const *protocols, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(protocols[i]);
        if (length == 0 || length > 255)
            return asyncio_raise(-EINVAL, "ALPN protocols must be 1 to 255 bytes long");
        size += length + 1;
        if (size > ALPN_SIZE_MAX)
            return asyncio_raise(-EINVAL, "ALPN protocols are too long together");
    }
    unsigned char *wire = asyncio__malloc(size ? size : 1), *at = wire;
    if (!wire)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(protocols[i]);
        *at++ = (unsigned char)length;
        memcpy(at, protocols[i], length);
        at += length;
    }
    if (SSL_CTX_set_alpn_protos(context->ctx, wire, (unsigned)size) != 0) {
        asyncio__free(wire);
        return -ENOMEM;
    }
    asyncio__free(context->alpn);
    context->alpn = wire;
    context->alpn_size = (unsigned)size;
    return 0;
}

int asyncio__tls_select_alpn(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_size,
                             const unsigned char *offered, unsigned offered_size, void *data)
{
    (void)ssl;
    const asyncio_ssl_context *context = data;
    unsigned char *name;
    if (!context->alpn_size ||
        SSL_select_next_proto(&name, ret_size, context->alpn, context->alpn_size, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *ret_name = name;
    return SSL_TLSEXT_ERR_OK;
}

void(asyncio_ssl_context_set_sni_callback)(
    asyncio_ssl_context *context, asyncio_ssl_sni_callback *callback,
    const asyncio_ssl_context_set_sni_callback_options *options)
{
    asyncio_ssl_context_set_sni_callback_options old = context->sni_options;
    context->sni = callback;
    context->sni_options = (asyncio_ssl_context_set_sni_callback_options){ .size = sizeof old };
    if (options)
        context->sni_options = *options;
    if (old.destroy)
        old.destroy(old.data);
}

/* ---- by the host name ---- */

/* The host name that a client asks for; false: none. What is malformed OpenSSL refuses later. */
static bool asked_name(SSL *ssl, char name[TLSEXT_MAXLEN_host_name + 1])
{
    enum { HEAD = 5 }; /* bytes of all; a type, 0; bytes of the name */
    const unsigned char *data;
    size_t size;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) || size < HEAD)
        return false;
    size_t length = (size_t)data[3] << 8 | data[4];
    if (data[2] != TLSEXT_NAMETYPE_host_name || length != size - HEAD ||
        length > TLSEXT_MAXLEN_host_name || memchr(data + HEAD, 0, length))
        return false;
    memcpy(name, data + HEAD, length);
    name[length] = '\0';
    return true;
}

/* All that the other context says: its certificate, what it asks of clients, what it speaks. */
static bool go_on_with(SSL *ssl, asyncio_ssl_context *other)
{
    SSL_CTX *ctx = other->ctx;
    if (other->is_client || !SSL_set_SSL_CTX(ssl, ctx) ||
        !SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(ctx)) ||
        !SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(ctx)))
        return false;
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), NULL);
    SSL_clear_options(ssl, SSL_OP_ENABLE_KTLS);
    SSL_set_options(ssl, SSL_CTX_get_options(ctx) & SSL_OP_ENABLE_KTLS);
    struct tls_engine *engine = SSL_get_app_data(ssl);
    asyncio_ssl_context *old = engine->context;
    engine->context = asyncio_ssl_context_ref(other);
    asyncio_ssl_context_unref(old);
    return true;
}

int asyncio__tls_select_context(SSL *ssl, int *ret_alert, void *data)
{
    asyncio_ssl_context *context = data, *chosen = NULL;
    struct tls_engine *engine = SSL_get_app_data(ssl);
    char name[TLSEXT_MAXLEN_host_name + 1];
    if (!context->sni || engine->has_chosen)
        return SSL_CLIENT_HELLO_SUCCESS;
    engine->has_chosen = true; /* a client that is asked to begin anew is not asked again */
    int r = context->sni(context, asked_name(ssl, name) ? name : NULL, &chosen,
                         context->sni_options.data);
    if (r < 0) {
        *ret_alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (chosen && chosen != context && !go_on_with(ssl, chosen)) {
        *ret_alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

int asyncio__tls_acknowledge_name(SSL *ssl, int *ret_alert, void *data)
{
    (void)ret_alert;
    (void)data;
    const struct tls_engine *engine = SSL_get_app_data(ssl);
    return engine->has_chosen ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}
