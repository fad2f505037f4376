/* SPDX-License-Identifier: MIT */
/* Sessions that servers gave to a client's context, to be offered again. */
#include "tls/context.h"

#include "base/alloc.h"
#include "tls/engine.h"

#include <string.h>

static void clear(struct session_slot *slot)
{
    SSL_SESSION_free(slot->session);
    asyncio__free(slot->name);
    *slot = (struct session_slot){ NULL, NULL };
}

int asyncio__tls_session_new(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_engine *engine = SSL_get_app_data(ssl);
    asyncio_ssl_context *context = engine->context;
    if (!engine->name || !SSL_SESSION_is_resumable(session))
        return 0;
    char *name = asyncio__strdup(engine->name);
    if (!name)
        return 0; /* the next handshake is a full one */
    pthread_mutex_lock(&context->lock);
    struct session_slot *slot = &context->sessions[context->next_slot];
    context->next_slot = (context->next_slot + 1) % SESSIONS_MAX;
    clear(slot);
    *slot = (struct session_slot){ session, name };
    pthread_mutex_unlock(&context->lock);
    return 1;
}

void asyncio__tls_session_offer(asyncio_ssl_context *context, SSL *ssl, const char *name)
{
    SSL_SESSION *session = NULL;
    pthread_mutex_lock(&context->lock);
    for (unsigned i = 0; i < SESSIONS_MAX && !session; i++) {
        unsigned newest_first = context->next_slot + SESSIONS_MAX - 1 - i;
        struct session_slot *slot = &context->sessions[newest_first % SESSIONS_MAX];
        if (slot->session && strcmp(slot->name, name) == 0) {
            session = slot->session;
            if (SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION) {
                SSL_SESSION_up_ref(session);
            } else { /* good for once */
                slot->session = NULL;
                clear(slot);
            }
        }
    }
    pthread_mutex_unlock(&context->lock);
    if (session)
        (void)SSL_set_session(ssl, session); /* refused: a full handshake */
    SSL_SESSION_free(session);
}

void asyncio__tls_sessions_drop(asyncio_ssl_context *context)
{
    pthread_mutex_lock(&context->lock);
    for (unsigned i = 0; i < SESSIONS_MAX; i++)
        clear(&context->sessions[i]);
    pthread_mutex_unlock(&context->lock);
}
