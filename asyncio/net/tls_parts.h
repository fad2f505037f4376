/* SPDX-License-Identifier: MIT */
/* What the parts of a TLS transport know of each other: see tls.c. */
#pragma once

#include "net/tls.h"

extern const struct transport_events asyncio__tls_lower_events;

static inline struct tls *tls_of(struct transport *transport)
{
    return container_of(transport, struct tls, base);
}

/* ---- tls_bytes.c ---- */

/* Sends what the engine has to say. An error: the connection has ended, by it. */
int asyncio__tls_flush(struct tls *tls);
/* The `count` bytes that have come into the shared memory go to the engine. -ENOMEM. */
int asyncio__tls_lend(struct tls *tls, int count);
/* Before the engine is called: what was kept is lent, when nothing newer is. */
void asyncio__tls_lend_ahead(struct tls *tls);
/* After the engine was called for the last time: keeps what it has not taken. -ENOMEM. */
int asyncio__tls_keep(struct tls *tls);
/* Gets more, when all that came is taken: more than 0, 0 at the end, OP_PENDING, or an error. */
int asyncio__tls_fetch(struct tls *tls);

/* ---- tls_write.c: the contract's functions ---- */

int asyncio__tls_write_pieces(struct transport *base, const struct iovec *pieces, size_t count);
size_t asyncio__tls_unsent(const struct transport *base);
void asyncio__tls_limits_changed(struct transport *base);

/* ---- tls_kernel.c ---- */

/* What is written after the handover: as asyncio__tls_write_pieces. */
int asyncio__tls_pass_on(struct tls *tls, const struct iovec *pieces, size_t count);
/* The alert that OpenSSL would have sent, if there is one. */
void asyncio__tls_say_alert(struct tls *tls);

/* ---- tls_end.c ---- */

/* No call makes sense any more: told once, to all who wait. */
void asyncio__tls_tell_ended(struct tls *tls, int error);
/* Ends it because of an error that was found here. */
void asyncio__tls_fail(struct tls *tls, int error);
/* After our close_notify: until there is no reason to wait any more. */
void asyncio__tls_await_goodbye(struct tls *tls);
void asyncio__tls_set_timer(struct tls *tls, int64_t ns);
void asyncio__tls_on_time(struct handle *handle, asyncio_loop *loop);
/* The contract's. */
void asyncio__tls_close(struct transport *base);
void asyncio__tls_abort(struct transport *base, bool reset);

/* ---- small ones ---- */

static inline void tls_enter(struct tls *tls)
{
    tls->entered++;
}

void asyncio__tls_tell_lost(struct tls *tls);
/* Nothing may be touched after it. */
static inline void tls_leave(struct tls *tls)
{
    if (--tls->entered == 0 && tls->is_lost)
        asyncio__tls_tell_lost(tls);
}

/* What a call gets while it makes no sense. */
static inline int tls_refuses(const struct tls *tls)
{
    if (__builtin_expect(tls->state == TLS_OPEN, 1))
        return 0;
    return tls->state == TLS_HANDSHAKE ? -EBUSY : tls->error ? tls->error : -ECONNRESET;
}

static inline void tls_stop_flushing(struct tls *tls)
{
    tls->net->flushing -= tls->is_flushing;
    tls->is_flushing = false;
}
