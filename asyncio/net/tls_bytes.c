/* SPDX-License-Identifier: MIT */
/* A TLS transport's ciphertext, to and from the transport below: see tls.c.
 *
 * OUT        What the engine has to say goes down at once, and is stored there if need be.
 * IN         lies in one of three places: in the memory that all connections of the loop share,
 *            while the call that received it is under way; lent to the engine from there; or in
 *            `ahead`, when that call ends and the engine has not taken all. */
#include "net/tls_parts.h"

#include "base/alloc.h"

#include <errno.h>

enum { CIPHERTEXT_SIZE = 4 * (TLS_RECORD_MAX + 256) }; /* of one receive */

int asyncio__tls_flush(struct tls *tls)
{
    struct buffer *out = &tls->engine.out;
    if (tls->engine.is_handed_over)
        asyncio__tls_say_alert(tls);
    if (!out->count)
        return 0;
    int r = 0;
    /* in a child that has inherited it nothing is said to the parent's peer */
    if (!tls->is_lost && !tls->is_broken && !backend_is_inherited(tls->net->backend)) {
        struct iovec piece = { buffer_bytes(out), out->count };
        r = tls->lower->type->write(tls->lower, &piece, 1);
        tls->base.is_paused = tls->lower->is_paused;
    }
    asyncio__buffer_release(out, &tls->net->blocks);
    if (r == -ENOMEM) /* the peer would miss a part */
        asyncio__tls_fail(tls, r);
    return r;
}

/* Ciphertext has come into the shared memory. When another TLS stands on this one it reads into
 * the same memory, so it is moved away first. */
int asyncio__tls_lend(struct tls *tls, int count)
{
    if (tls->base.events != &asyncio__tls_lower_events) {
        tls->engine.in = tls->net->ciphertext;
        tls->engine.in_size = (size_t)count;
        return 0;
    }
    if (asyncio__buffer_reserve(&tls->ahead, &tls->net->blocks, (size_t)count) < 0)
        return -ENOMEM;
    asyncio__buffer_add(&tls->ahead, tls->net->ciphertext, (size_t)count);
    return 0;
}

void asyncio__tls_lend_ahead(struct tls *tls)
{
    if (!tls->engine.in_size && tls->ahead.count) {
        tls->engine.in = buffer_bytes(&tls->ahead);
        tls->engine.in_size = tls->ahead.count;
        tls->is_ahead_lent = true;
    }
}

int asyncio__tls_keep(struct tls *tls)
{
    struct tls_engine *engine = &tls->engine;
    size_t left = engine->in_size;
    engine->in_size = 0;
    if (tls->is_ahead_lent) {
        tls->is_ahead_lent = false;
        buffer_take(&tls->ahead, tls->ahead.count - left);
        if (!left)
            asyncio__buffer_release(&tls->ahead, &tls->net->blocks);
        return 0;
    }
    if (!left)
        return 0;
    if (asyncio__buffer_reserve(&tls->ahead, &tls->net->blocks, left) < 0)
        return -ENOMEM;
    asyncio__buffer_add(&tls->ahead, engine->in, left);
    return 0;
}

int asyncio__tls_fetch(struct tls *tls)
{
    (void)asyncio__tls_keep(tls);
    if (tls->is_fetching)
        return OP_PENDING;
    if (tls->has_end)
        return 0;
    struct net *net = tls->net;
    if (!net->ciphertext && !(net->ciphertext = asyncio__malloc(CIPHERTEXT_SIZE)))
        return -ENOMEM;
    int r = tls->lower->type->receive(tls->lower, net->ciphertext, CIPHERTEXT_SIZE);
    if (r == OP_PENDING)
        tls->is_fetching = true;
    if (r == 0)
        tls->has_end = true;
    if (r > 0 && asyncio__tls_lend(tls, r) < 0)
        return -ENOMEM;
    return r;
}

int asyncio__tls_take_receive(struct tls *tls)
{
    struct net *net = tls->net;
    if (!net->ciphertext && !(net->ciphertext = asyncio__malloc(CIPHERTEXT_SIZE)))
        return -ENOMEM;
    tls->lower->type->redirect(tls->lower, net->ciphertext, CIPHERTEXT_SIZE);
    tls->is_fetching = true;
    return 0;
}
