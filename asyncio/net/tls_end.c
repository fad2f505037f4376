/* SPDX-License-Identifier: MIT */
/* The end of a TLS transport: see tls.c.
 *
 * CLOSING    says close_notify, and reads on until the peer's comes, or the end, or too much else,
 *            or the time is up. Then the one below is closed.
 * FAILURE    tells `ended` at once, sends the alert, and closes the one below; what that loses by
 *            does not matter any more.
 * TIME       One timer: of the handshake, later of closing. */
#include "net/tls_parts.h"

#include <errno.h>
#include <stdio.h>

enum {
    TRASH_SIZE = 4096,
    TRASH_MAX = 1 << 20,             /* what a peer may still send after our close_notify */
};

void asyncio__tls_tell_lost(struct tls *tls)
{
    asyncio__loop_uncall(tls->net->loop, &tls->timer);
    tls_stop_flushing(tls);
    asyncio__buffer_release(&tls->ahead, &tls->net->blocks);
    asyncio__buffer_release(&tls->engine.out, &tls->net->blocks);
    tls->engine.blocks = NULL; /* it may outlive them */
    tls->base.events->lost(&tls->base, tls->error); /* may free it */
}

void asyncio__tls_tell_ended(struct tls *tls, int error)
{
    bool was_handshake = tls->state == TLS_HANDSHAKE;
    tls->state = TLS_SHUT;
    if (tls->is_ended)
        return;
    tls->is_ended = true;
    tls->error = error;
    tls->base.events->ended(&tls->base, error);
    if (tls->is_receiving) {
        tls->is_receiving = false;
        tls->base.events->received(&tls->base, error ? error : -ECONNRESET);
    }
    if (was_handshake)
        tls->on_open(tls, error ? error : -ECONNRESET);
}

void asyncio__tls_set_timer(struct tls *tls, int64_t ns)
{
    asyncio_loop *loop = tls->net->loop;
    asyncio__loop_uncall(loop, &tls->timer);
    int64_t when;
    if (__builtin_add_overflow(asyncio__loop_now(loop), ns, &when))
        when = INT64_MAX;
    asyncio__loop_call_at(loop, &tls->timer, when);
}

void asyncio__tls_fail(struct tls *tls, int error)
{
    if (tls->is_ended)
        return;
    asyncio__tls_tell_ended(tls, error);
    (void)asyncio__tls_flush(tls); /* the alert */
    asyncio__tls_set_timer(tls, tls->shutdown_ns);
    tls->lower->type->close(tls->lower);
}

/* ---- closing ---- */

void asyncio__tls_await_goodbye(struct tls *tls)
{
    char trash[TRASH_SIZE];
    /* what comes is the parent's, where this is a child that has inherited it */
    int r = backend_is_inherited(tls->net->backend) ? 0 : 1;
    while (r > 0 && tls->trash <= TRASH_MAX) {
        asyncio__tls_lend_ahead(tls);
        r = asyncio__tls_read(&tls->engine, trash, sizeof trash);
        if (r == TLS_WANTS)
            r = asyncio__tls_fetch(tls);
        else if (r > 0)
            tls->trash += (unsigned)r;
        if (r == OP_PENDING)
            return;
    }
    (void)asyncio__tls_keep(tls);
    asyncio__buffer_release(&tls->engine.out, &tls->net->blocks);
    tls->state = TLS_SHUT;
    tls->lower->type->close(tls->lower);
}

/* What is unsent, close_notify with it, keeps a loop that shuts down for a moment. */
static void start_flushing(struct tls *tls)
{
    if (!asyncio__tls_unsent(&tls->base))
        return;
    tls->is_flushing = true;
    tls->net->flushing++;
    tls->base.high = tls->base.low = 0;
    asyncio__tls_limits_changed(&tls->base);
}

void asyncio__tls_close(struct transport *base)
{
    struct tls *tls = tls_of(base);
    if (tls->state >= TLS_CLOSING)
        return;
    tls_enter(tls);
    if (tls->state == TLS_HANDSHAKE || tls->is_broken) { /* nobody is there to say goodbye to */
        tls->lower->type->abort(tls->lower, false);
        tls_leave(tls);
        return;
    }
    tls->state = TLS_CLOSING;
    if (tls->is_receiving) {
        tls->is_receiving = false;
        base->events->received(base, -ECONNRESET);
    }
    asyncio__tls_shutdown(&tls->engine);
    (void)asyncio__tls_flush(tls);
    if (tls->state == TLS_CLOSING) {
        start_flushing(tls);
        asyncio__tls_set_timer(tls, tls->shutdown_ns);
        asyncio__tls_await_goodbye(tls);
    }
    tls_leave(tls);
}

void asyncio__tls_abort(struct transport *base, bool reset)
{
    struct tls *tls = tls_of(base);
    tls_enter(tls);
    tls->lower->type->abort(tls->lower, reset);
    tls_leave(tls);
}

void asyncio__tls_on_time(struct handle *handle, asyncio_loop *loop)
{
    struct tls *tls = container_of(handle, struct tls, timer.handle);
    if (!loop)
        return;
    tls_enter(tls);
    if (tls->state == TLS_HANDSHAKE) {
        snprintf(tls->engine.reason, sizeof tls->engine.reason,
                 "SSL handshake is taking longer than %g seconds: aborting the connection",
                 asyncio__seconds(tls->handshake_ns));
        asyncio__tls_tell_ended(tls, -ECONNABORTED);
    } else if (tls->state == TLS_CLOSING) {
        asyncio__tls_tell_ended(tls, -ETIMEDOUT);
    }
    tls->lower->type->abort(tls->lower, true);
    tls_leave(tls);
}
