/* SPDX-License-Identifier: MIT */
/* TLS as a transport over a transport: the engine (tls/engine.h) between the bytes of the one below
 * and whoever uses this one, who may be another TLS. Here are its phases until it ends, reading and
 * its life; tls_bytes.c moves ciphertext, tls_write.c encrypts, tls_end.c closes and fails.
 *
 * READING    Ciphertext is received into memory that all connections of the loop share, and is
 *            taken from there at once; what is left over when the reader's memory is full is kept
 *            in `ahead`. So an idle connection holds none. A read that is cancelled is over at
 *            once; what its receive still brings goes to `ahead`.
 * HANDSHAKE  begins with asyncio__tls_start; until on_open reading and writing are -EBUSY.
 * LIFE       Whatever is called below may end with `lost`. While a call is under way in here
 *            (`entered`) that is put off to its end, so no function looks at memory that went. */
#include "net/tls_parts.h"

#include "base/alloc.h"

#include <errno.h>

/* ---- the phases ---- */

static void shake(struct tls *tls)
{
    int r;
    do {
        asyncio__tls_lend_ahead(tls);
        r = asyncio__tls_handshake(&tls->engine);
        if (asyncio__tls_flush(tls) < 0)
            return;
        if (r == TLS_WANTS) {
            r = asyncio__tls_fetch(tls);
            if (r == OP_PENDING)
                return;
            if (r <= 0) {
                asyncio__tls_fail(tls, r ? r : -ECONNRESET);
                return;
            }
        }
    } while (r > 0);
    if (r == 0)
        r = asyncio__tls_keep(tls);
    if (r < 0) {
        asyncio__tls_fail(tls, r);
        return;
    }
    tls->state = TLS_OPEN;
    asyncio__loop_uncall(tls->net->loop, &tls->timer);
    tls->on_open(tls, 0);
}

/* As the contract's receive. */
static int read_some(struct tls *tls, void *data, size_t size)
{
    for (;;) {
        asyncio__tls_lend_ahead(tls);
        int r = asyncio__tls_read(&tls->engine, data, size);
        int flushed = asyncio__tls_flush(tls); /* a refusal, or new keys */
        if (flushed < 0 && !tls->is_broken) {
            (void)asyncio__tls_keep(tls);
            return flushed;
        }
        if (r != TLS_WANTS) {
            int kept = asyncio__tls_keep(tls);
            if (r >= 0 && kept < 0)
                r = kept;
            if (r < 0)
                asyncio__tls_fail(tls, r);
            return r;
        }
        r = asyncio__tls_fetch(tls);
        if (r == 0)
            r = -ASYNCIO_SSL_EOF;
        if (r < 0 && r != OP_PENDING)
            asyncio__tls_fail(tls, r);
        if (r <= 0)
            return r;
    }
}

/* ---- what the one below tells ---- */

static void on_received(struct transport *lower, int result)
{
    struct tls *tls = lower->user;
    tls->is_fetching = false;
    tls_enter(tls);
    if (result == 0)
        tls->has_end = true;
    if (result > 0 && asyncio__tls_lend(tls, result) < 0)
        result = -ENOMEM;
    if (tls->state == TLS_HANDSHAKE) {
        if (result > 0)
            shake(tls);
        else
            asyncio__tls_fail(tls, result ? result : -ECONNRESET);
    } else if (tls->state == TLS_CLOSING) {
        if (result >= 0)
            asyncio__tls_await_goodbye(tls);
    } else if (tls->state == TLS_OPEN && tls->is_receiving) {
        tls->is_receiving = false; /* `fail` need not tell it */
        int r = result < 0 ? result : read_some(tls, tls->data, tls->size);
        if (r == OP_PENDING)
            tls->is_receiving = true;
        else
            tls->base.events->received(&tls->base, r);
    }
    if (asyncio__tls_keep(tls) < 0)
        asyncio__tls_fail(tls, -ENOMEM);
    tls_leave(tls);
}

static void on_resumed(struct transport *lower)
{
    struct tls *tls = lower->user;
    tls->base.is_paused = false;
    tls_stop_flushing(tls);
    tls->base.events->resumed(&tls->base);
}

/* What came before the reset is decrypted and read; a handshake is of no use any more. */
static bool on_broken(struct transport *lower, int error)
{
    struct tls *tls = lower->user;
    const struct transport_events *events = tls->base.events;
    tls->is_broken =
        tls->state == TLS_OPEN && events->broken && events->broken(&tls->base, error);
    return tls->is_broken;
}

/* After all was said, it does not matter how the peer leaves. */
static void on_ended(struct transport *lower, int error)
{
    struct tls *tls = lower->user;
    if (tls->state >= TLS_CLOSING && lower->type->unsent(lower) == 0)
        error = 0;
    tls_enter(tls);
    asyncio__tls_tell_ended(tls, error);
    tls_leave(tls);
}

static void on_lost(struct transport *lower, int error)
{
    struct tls *tls = lower->user;
    (void)error; /* on_ended has told */
    tls->is_lost = true;
    if (!tls->entered)
        asyncio__tls_tell_lost(tls);
}

const struct transport_events asyncio__tls_lower_events = { on_received, on_resumed, on_broken,
                                                            on_ended, on_lost };

/* ---- the contract ---- */

static int receive(struct transport *base, void *data, size_t size)
{
    struct tls *tls = tls_of(base);
    int r = tls_refuses(tls);
    if (r < 0)
        return r;
    tls_enter(tls);
    r = tls->is_fetching ? OP_PENDING : read_some(tls, data, size);
    if (r == OP_PENDING) {
        tls->is_receiving = true;
        tls->data = data;
        tls->size = size;
    }
    tls_leave(tls);
    return r;
}

static void redirect(struct transport *base, void *data, size_t size)
{
    struct tls *tls = tls_of(base);
    tls->data = data;
    tls->size = size;
}

static int cancel_receive(struct transport *base)
{
    tls_of(base)->is_receiving = false;
    return 1;
}

static bool is_readable(const struct transport *base)
{
    const struct tls *tls = container_of(base, struct tls, base);
    return tls->state != TLS_OPEN || tls->has_end || tls->is_broken || tls->ahead.count ||
           tls_has_input(&tls->engine) || tls->lower->type->is_readable(tls->lower);
}

static int address_of(const struct transport *base, bool of_peer, struct sockaddr_storage *address,
                      socklen_t *size)
{
    const struct tls *tls = container_of(base, struct tls, base);
    return tls->lower->type->address(tls->lower, of_peer, address, size);
}

static int info_of(const struct transport *base, const char *name, char *data, size_t size)
{
    const struct tls *tls = container_of(base, struct tls, base);
    int r = asyncio__tls_info(&tls->engine, name, data, size);
    if (r == -ENOENT && tls->lower->type->info)
        r = tls->lower->type->info(tls->lower, name, data, size);
    return r;
}

static const char *reason_of(const struct transport *base, int error)
{
    const struct tls *tls = container_of(base, struct tls, base);
    if (tls->engine.reason[0] && (error == tls->error || error == tls->engine.error))
        return tls->engine.reason;
    return tls->lower->type->reason ? tls->lower->type->reason(tls->lower, error) : NULL;
}

static const struct transport_type tls_type = {
    .name = "tls",
    .receive = receive,
    .redirect = redirect,
    .cancel_receive = cancel_receive,
    .is_readable = is_readable,
    .write = asyncio__tls_write_pieces,
    .write_eof = NULL,
    .unsent = asyncio__tls_unsent,
    .limits_changed = asyncio__tls_limits_changed,
    .close = asyncio__tls_close,
    .abort = asyncio__tls_abort,
    .address = address_of,
    .info = info_of,
    .reason = reason_of,
};

/* ---- life ---- */

int asyncio__tls_new(struct net *net, struct transport *lower, struct buffer *ahead,
                     const struct tls_options *options, struct tls **ret_tls)
{
    struct tls *tls = asyncio__calloc(1, sizeof *tls);
    if (!tls)
        return -ENOMEM;
    int r = asyncio__tls_init(&tls->engine, options->context, &net->blocks, options->is_server,
                              options->server_hostname);
    if (r < 0) {
        asyncio__free(tls);
        return r;
    }
    tls->base = (struct transport){ .type = &tls_type,
                                    .events = lower->events,
                                    .user = lower->user,
                                    .high = lower->high,
                                    .low = lower->low,
                                    .is_paused = lower->is_paused };
    tls->net = net;
    tls->lower = lower;
    tls->on_open = options->on_open;
    tls->handshake_ns = options->handshake_ns;
    tls->shutdown_ns = options->shutdown_ns;
    tls->timer.handle.run = asyncio__tls_on_time;
    list_init(&tls->timer.handle.link);
    list_init(&tls->waiters);
    if (ahead) {
        tls->ahead = *ahead;
        *ahead = (struct buffer){ .data = NULL };
    }
    *ret_tls = tls;
    return 0;
}

void asyncio__tls_start(struct tls *tls)
{
    tls->lower->events = &asyncio__tls_lower_events;
    tls->lower->user = tls;
    asyncio__tls_set_timer(tls, tls->handshake_ns);
    tls_enter(tls);
    shake(tls);
    tls_leave(tls);
}

void asyncio__tls_free(struct tls *tls)
{
    if (!tls)
        return;
    asyncio__buffer_release(&tls->ahead, tls->engine.blocks);
    asyncio__tls_fini(&tls->engine);
    asyncio__free(tls);
}

struct tls *asyncio__tls_of(struct transport *transport)
{
    return transport->type == &tls_type ? tls_of(transport) : NULL;
}
