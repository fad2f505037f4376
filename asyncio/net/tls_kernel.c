/* SPDX-License-Identifier: MIT */
/* A TLS transport whose sending goes over to the kernel, so that a file needs no copy in user
 * space. Keys and their safety: tls/handover.h; the socket: backend/ktls.h.
 *
 * WHEN       With OP_ENABLE_KTLS in the context, and only when a file is sent (sendfile.c) that is
 *            worth it: at that point nobody else may write, and what was written is sent. First a
 *            piece of it goes OpenSSL's way, which proves the keys; that is waited for, too. Then,
 *            in one go without a wait: nothing is unsent, in the engine or in TCP, so the last byte
 *            of OpenSSL's is in the socket; the socket gets the keys; the engine is told.
 * UNTIL THEN whatever is missing (kernel, cipher, a TCP socket right below: TLS over TLS never has
 *            it; new keys between) leaves all as it was, without a word.
 * BROKEN     A socket that took the layer and not the keys may send in clear: it is reset, and not
 *            a byte goes to it.
 * AFTER      What is written goes down as it is, with TCP's own queue, marks and errors. The only
 *            other record is the last one, an alert, which TCP sends behind its queue. Receiving is
 *            OpenSSL's: bytes of the next records may be in our memory already, and the backends
 *            read ahead. A second TLS may still be put on top: for this one its bytes are data. */
#include "net/tls_parts.h"

#include "backend/ktls.h"
#include "net/tcp.h"
#include "tls/handover.h"

#include <errno.h>
#include <stdio.h>

static bool is_possible(const struct tls *tls)
{
    return tls->state == TLS_OPEN && !tls->is_ended && asyncio__tcp_of(tls->lower) &&
           asyncio__tls_keys_may_go(&tls->engine) && !backend_is_inherited(tls->net->backend);
}

bool asyncio__tls_may_go_to_kernel(const struct tls *tls)
{
    if (!is_possible(tls))
        return false;
    const struct ktls_keys *keys = &tls->engine.keys->first;
    const struct backend *backend = tls->net->backend;
    return backend->type->descriptor(tls->net->backend, asyncio__tcp_of(tls->lower)->out.socket) >=
               0 &&
           asyncio__ktls_probe(keys->version, keys->cipher) >= 0;
}

int asyncio__tls_send_proof(struct tls *tls, const void *data, size_t size)
{
    int r = tls_refuses(tls);
    if (r < 0)
        return r;
    r = asyncio__tls_reserve(&tls->engine, size);
    if (r < 0)
        return r;
    tls_enter(tls);
    r = asyncio__tls_write_proof(&tls->engine, data, size);
    if (r < 0)
        asyncio__tls_fail(tls, r);
    else
        r = asyncio__tls_flush(tls);
    tls_leave(tls);
    return r;
}

int asyncio__tls_go_to_kernel(struct tls *tls)
{
    struct ktls_keys keys;
    struct tcp *tcp = asyncio__tcp_of(tls->lower);
    if (!is_possible(tls) || tcp->is_sending || tls->lower->type->unsent(tls->lower) ||
        !asyncio__tls_keys_now(&tls->engine, &keys))
        return 0;
    int r = asyncio__ktls_start(tls->net->backend, tcp->out.socket, &keys);
    explicit_bzero(&keys, sizeof keys);
    if (r >= 0) {
        asyncio__tls_hand_over(&tls->engine);
        return 1;
    }
    if (r != KTLS_BROKEN) {
        asyncio__tls_keys_forget(&tls->engine);
        return 0;
    }
    tls_enter(tls);
    snprintf(tls->engine.reason, sizeof tls->engine.reason,
             "the kernel's TLS took the connection and not its keys");
    asyncio__tls_tell_ended(tls, -ASYNCIO_SSL);
    tls->lower->type->abort(tls->lower, true);
    tls_leave(tls);
    return -ASYNCIO_SSL;
}

int asyncio__tls_pass_on(struct tls *tls, const struct iovec *pieces, size_t count)
{
    tls_enter(tls);
    int r = tls->lower->type->write(tls->lower, pieces, count);
    tls->base.is_paused = tls->lower->is_paused;
    tls_leave(tls);
    return r;
}

void asyncio__tls_say_alert(struct tls *tls)
{
    struct tls_engine *engine = &tls->engine;
    if (!engine->has_alert || tls->is_lost || backend_is_inherited(tls->net->backend))
        return;
    engine->has_alert = false;
    asyncio__tcp_say_last(asyncio__tcp_of(tls->lower), engine->alert);
}
