/* SPDX-License-Identifier: MIT */
/* What a server chooses in a handshake: the protocol above, and by the host name that the client
 * asks for, the context. */
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

/* The other context's certificate and what it asks of clients. */
static bool go_on_with(SSL *ssl, asyncio_ssl_context *other)
{
    if (!SSL_set_SSL_CTX(ssl, other->ctx))
        return false;
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(other->ctx), NULL);
    struct tls_engine *engine = SSL_get_app_data(ssl);
    asyncio_ssl_context *old = engine->context;
    engine->context = asyncio_ssl_context_ref(other);
    asyncio_ssl_context_unref(old);
    return true;
}

int asyncio__tls_select_context(SSL *ssl, int *ret_alert, void *data)
{
    asyncio_ssl_context *context = data, *chosen = NULL;
    if (!context->sni)
        return SSL_TLSEXT_ERR_NOACK;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    int r = context->sni(context, name, &chosen, context->sni_options.data);
    if (r < 0) {
        *ret_alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (chosen && chosen != context && !go_on_with(ssl, chosen)) {
        *ret_alert = SSL_AD_INTERNAL_ERROR;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return SSL_TLSEXT_ERR_OK;
}
