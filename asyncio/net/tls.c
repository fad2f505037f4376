/* SPDX-License-Identifier: MIT */
/* TLS as a transport over a transport: the engine (tls/engine.h) between the bytes of the one below
 * and whoever uses this one, who may be another TLS.
 *
 * READING    Ciphertext is received into memory that all connections of the loop share, and is
 *            taken from there at once; what is left over when the reader's memory is full is kept
 *            in `ahead`. So an idle connection holds none. A read that is cancelled is over at
 *            once; what its receive still brings goes to `ahead`.
 * WRITING    is encrypted and handed down at once, so the water marks are those of the one below.
 *            Without memory for the first records nothing has happened; later the connection ends.
 * HANDSHAKE  begins with asyncio__tls_start; until on_open reading and writing are -EBUSY.
 * CLOSING    says close_notify, and reads on until the peer's comes, or the end, or too much else,
 *            or the time is up. Then the one below is closed.
 * FAILURE    tells `ended` at once, sends the alert, and closes the one below; what that loses by
 *            does not matter any more.
 * LIFE       Whatever is called below may end with `lost`. While a call is under way in here
 *            (`entered`) that is put off to its end, so no function looks at memory that went. */
#include "net/tls.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    CIPHERTEXT_SIZE = 4 * (TLS_RECORD_MAX + 256), /* of one receive */
    CHUNK = 3 * TLS_RECORD_MAX,                   /* encrypted, it fits a block that is kept */
    TRASH_SIZE = 4096,
    TRASH_MAX = 1 << 20,             /* what a peer may still send after our close_notify */
};

static const struct transport_events lower_events;

static struct tls *tls_of(struct transport *transport)
{
    return container_of(transport, struct tls, base);
}

/* ---- the end ---- */

static void stop_flushing(struct tls *tls)
{
    tls->net->flushing -= tls->is_flushing;
    tls->is_flushing = false;
}

static void tell_lost(struct tls *tls)
{
    asyncio__loop_uncall(tls->net->loop, &tls->timer);
    stop_flushing(tls);
    asyncio__buffer_release(&tls->ahead, &tls->net->blocks);
    asyncio__buffer_release(&tls->engine.out, &tls->net->blocks);
    tls->engine.blocks = NULL; /* it may outlive them */
    tls->base.events->lost(&tls->base, tls->error); /* may free it */
}

static void enter(struct tls *tls)
{
    tls->entered++;
}

/* Nothing may be touched after it. */
static void leave(struct tls *tls)
{
    if (--tls->entered == 0 && tls->is_lost)
        tell_lost(tls);
}

/* No call makes sense any more: told once, to all who wait. */
static void tell_ended(struct tls *tls, int error)
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

static void set_timer(struct tls *tls, int64_t ns)
{
    asyncio_loop *loop = tls->net->loop;
    asyncio__loop_uncall(loop, &tls->timer);
    int64_t when;
    if (__builtin_add_overflow(asyncio__loop_now(loop), ns, &when))
        when = INT64_MAX;
    asyncio__loop_call_at(loop, &tls->timer, when);
}

static int flush(struct tls *tls);

/* Ends it because of an error that was found here. */
static void fail(struct tls *tls, int error)
{
    if (tls->is_ended)
        return;
    tell_ended(tls, error);
    (void)flush(tls); /* the alert */
    set_timer(tls, tls->shutdown_ns);
    tls->lower->type->close(tls->lower);
}

/* ---- to and from the one below ---- */

/* Sends what the engine has to say. An error: the connection has ended, by it. */
static int flush(struct tls *tls)
{
    struct buffer *out = &tls->engine.out;
    if (!out->count)
        return 0;
    int r = 0;
    if (!tls->is_lost) {
        struct iovec piece = { buffer_bytes(out), out->count };
        r = tls->lower->type->write(tls->lower, &piece, 1);
        tls->base.is_paused = tls->lower->is_paused;
    }
    asyncio__buffer_release(out, &tls->net->blocks);
    if (r == -ENOMEM) /* the peer would miss a part */
        fail(tls, r);
    return r;
}

/* Ciphertext has come into the shared memory. When another TLS stands on this one it reads into
 * the same memory, so it is moved away first. */
static int lend(struct tls *tls, int count)
{
    if (tls->base.events != &lower_events) {
        tls->engine.in = tls->net->ciphertext;
        tls->engine.in_size = (size_t)count;
        return 0;
    }
    if (asyncio__buffer_reserve(&tls->ahead, &tls->net->blocks, (size_t)count) < 0)
        return -ENOMEM;
    asyncio__buffer_add(&tls->ahead, tls->net->ciphertext, (size_t)count);
    return 0;
}

/* Before the engine is called: what was kept is lent, when nothing newer is. */
static void lend_ahead(struct tls *tls)
{
    if (!tls->engine.in_size && tls->ahead.count) {
        tls->engine.in = buffer_bytes(&tls->ahead);
        tls->engine.in_size = tls->ahead.count;
        tls->is_ahead_lent = true;
    }
}

/* After the engine was called for the last time: keeps what it has not taken. */
static int keep(struct tls *tls)
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

/* Gets more, when all that came is taken: more than 0, 0 at the end, OP_PENDING, or an error. */
static int fetch(struct tls *tls)
{
    (void)keep(tls);
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
    if (r > 0 && lend(tls, r) < 0)
        return -ENOMEM;
    return r;
}

/* ---- the phases ---- */

static void shake(struct tls *tls)
{
    int r;
    do {
        lend_ahead(tls);
        r = asyncio__tls_handshake(&tls->engine);
        if (flush(tls) < 0)
            return;
        if (r == TLS_WANTS) {
            r = fetch(tls);
            if (r == OP_PENDING)
                return;
            if (r <= 0) {
                fail(tls, r ? r : -ECONNRESET);
                return;
            }
        }
    } while (r > 0);
    if (r == 0)
        r = keep(tls);
    if (r < 0) {
        fail(tls, r);
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
        lend_ahead(tls);
        int r = asyncio__tls_read(&tls->engine, data, size);
        int flushed = flush(tls); /* a refusal, or new keys */
        if (flushed < 0) {
            (void)keep(tls);
            return flushed;
        }
        if (r != TLS_WANTS) {
            int kept = keep(tls);
            if (r >= 0 && kept < 0)
                r = kept;
            if (r < 0)
                fail(tls, r);
            return r;
        }
        r = fetch(tls);
        if (r == 0)
            r = -ASYNCIO_SSL_EOF;
        if (r < 0 && r != OP_PENDING)
            fail(tls, r);
        if (r <= 0)
            return r;
    }
}

/* After our close_notify: until there is no reason to wait any more. */
static void wait_for_goodbye(struct tls *tls)
{
    char trash[TRASH_SIZE];
    int r;
    do {
        lend_ahead(tls);
        r = asyncio__tls_read(&tls->engine, trash, sizeof trash);
        if (r == TLS_WANTS)
            r = fetch(tls);
        else if (r > 0)
            tls->trash += (unsigned)r;
        if (r == OP_PENDING)
            return;
    } while (r > 0 && tls->trash <= TRASH_MAX);
    (void)keep(tls);
    asyncio__buffer_release(&tls->engine.out, &tls->net->blocks);
    tls->state = TLS_SHUT;
    tls->lower->type->close(tls->lower);
}

/* ---- what the one below tells ---- */

static void on_received(struct transport *lower, int result)
{
    struct tls *tls = lower->user;
    tls->is_fetching = false;
    enter(tls);
    if (result == 0)
        tls->has_end = true;
    if (result > 0 && lend(tls, result) < 0)
        result = -ENOMEM;
    if (tls->state == TLS_HANDSHAKE) {
        if (result > 0)
            shake(tls);
        else
            fail(tls, result ? result : -ECONNRESET);
    } else if (tls->state == TLS_CLOSING) {
        if (result >= 0)
            wait_for_goodbye(tls);
    } else if (tls->state == TLS_OPEN && tls->is_receiving) {
        tls->is_receiving = false; /* `fail` need not tell it */
        int r = result < 0 ? result : read_some(tls, tls->data, tls->size);
        if (r == OP_PENDING)
            tls->is_receiving = true;
        else
            tls->base.events->received(&tls->base, r);
    }
    if (keep(tls) < 0)
        fail(tls, -ENOMEM);
    leave(tls);
}

static void on_resumed(struct transport *lower)
{
    struct tls *tls = lower->user;
    tls->base.is_paused = false;
    stop_flushing(tls);
    tls->base.events->resumed(&tls->base);
}

/* After all was said, it does not matter how the peer leaves. */
static void on_ended(struct transport *lower, int error)
{
    struct tls *tls = lower->user;
    if (tls->state >= TLS_CLOSING && lower->type->unsent(lower) == 0)
        error = 0;
    enter(tls);
    tell_ended(tls, error);
    leave(tls);
}

static void on_lost(struct transport *lower, int error)
{
    struct tls *tls = lower->user;
    (void)error; /* on_ended has told */
    tls->is_lost = true;
    if (!tls->entered)
        tell_lost(tls);
}

static const struct transport_events lower_events = { on_received, on_resumed, on_ended, on_lost };

static void on_time(struct handle *handle, asyncio_loop *loop)
{
    struct tls *tls = container_of(handle, struct tls, timer.handle);
    if (!loop)
        return;
    enter(tls);
    if (tls->state == TLS_HANDSHAKE) {
        snprintf(tls->engine.reason, sizeof tls->engine.reason,
                 "SSL handshake is taking longer than %g seconds: aborting the connection",
                 asyncio__seconds(tls->handshake_ns));
        tell_ended(tls, -ECONNABORTED);
    } else if (tls->state == TLS_CLOSING) {
        tell_ended(tls, -ETIMEDOUT);
    }
    tls->lower->type->abort(tls->lower, true);
    leave(tls);
}

/* ---- the contract ---- */

static int refuses(const struct tls *tls)
{
    if (__builtin_expect(tls->state == TLS_OPEN, 1))
        return 0;
    return tls->state == TLS_HANDSHAKE ? -EBUSY : tls->error ? tls->error : -ECONNRESET;
}

static int receive(struct transport *base, void *data, size_t size)
{
    struct tls *tls = tls_of(base);
    int r = refuses(tls);
    if (r < 0)
        return r;
    enter(tls);
    r = tls->is_fetching ? OP_PENDING : read_some(tls, data, size);
    if (r == OP_PENDING) {
        tls->is_receiving = true;
        tls->data = data;
        tls->size = size;
    }
    leave(tls);
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

/* At most CHUNK bytes. */
static int put(struct tls *tls, const void *data, size_t size)
{
    int r = asyncio__tls_reserve(&tls->engine, size);
    if (r >= 0)
        r = asyncio__tls_write(&tls->engine, data, size);
    if (r < 0) {
        fail(tls, r);
        return r;
    }
    return flush(tls);
}

static int put_all(struct tls *tls, const char *data, size_t size)
{
    int r = 0;
    for (size_t n; size && r >= 0; data += n, size -= n) {
        n = size < CHUNK ? size : CHUNK;
        r = put(tls, data, n);
    }
    return r;
}

/* Small pieces share records; a large one is not copied. */
static int put_pieces(struct tls *tls, const struct iovec *pieces, size_t count, char *record)
{
    size_t used = 0;
    int r = 0;
    for (size_t i = 0; i < count && r >= 0; i++) {
        const char *data = pieces[i].iov_base;
        size_t size = pieces[i].iov_len;
        if (used && size > TLS_RECORD_MAX - used) {
            size_t n = TLS_RECORD_MAX - used;
            memcpy(record + used, data, n);
            data += n;
            size -= n;
            r = put(tls, record, TLS_RECORD_MAX);
            used = 0;
        }
        if (r >= 0 && size >= TLS_RECORD_MAX) {
            r = put_all(tls, data, size);
        } else if (size) {
            memcpy(record + used, data, size);
            used += size;
        }
    }
    return r >= 0 && used ? put(tls, record, used) : r;
}

static int write_pieces(struct transport *base, const struct iovec *pieces, size_t count)
{
    struct tls *tls = tls_of(base);
    size_t total = 0, capacity;
    int r = refuses(tls);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(total, pieces[i].iov_len, &total))
            return -EINVAL;
    if (total > PTRDIFF_MAX)
        return -EINVAL;
    if (!total)
        return 0;
    struct blocks *blocks = &tls->net->blocks;
    char *record = NULL;
    if (count > 1 && !(record = asyncio__blocks_get(blocks, TLS_RECORD_MAX, &capacity)))
        return -ENOMEM;
    r = asyncio__tls_reserve(&tls->engine, total < CHUNK ? total : CHUNK);
    enter(tls);
    if (r >= 0)
        r = record ? put_pieces(tls, pieces, count, record)
                   : put_all(tls, pieces->iov_base, pieces->iov_len);
    if (record)
        asyncio__blocks_put(blocks, record, capacity);
    leave(tls);
    return r;
}

static size_t unsent(const struct transport *base)
{
    const struct tls *tls = container_of(base, struct tls, base);
    return tls->is_lost ? 0 : tls->lower->type->unsent(tls->lower);
}

static void limits_changed(struct transport *base)
{
    struct tls *tls = tls_of(base);
    tls->lower->high = base->high;
    tls->lower->low = base->low;
    enter(tls);
    tls->lower->type->limits_changed(tls->lower);
    base->is_paused = tls->lower->is_paused;
    leave(tls);
}

/* What is unsent, close_notify with it, keeps a loop that shuts down for a moment. */
static void start_flushing(struct tls *tls)
{
    if (!unsent(&tls->base))
        return;
    tls->is_flushing = true;
    tls->net->flushing++;
    tls->base.high = tls->base.low = 0;
    limits_changed(&tls->base);
}

static void close_politely(struct transport *base)
{
    struct tls *tls = tls_of(base);
    if (tls->state >= TLS_CLOSING)
        return;
    enter(tls);
    if (tls->state == TLS_HANDSHAKE) {
        tls->lower->type->abort(tls->lower, false);
        leave(tls);
        return;
    }
    tls->state = TLS_CLOSING;
    if (tls->is_receiving) {
        tls->is_receiving = false;
        base->events->received(base, -ECONNRESET);
    }
    asyncio__tls_shutdown(&tls->engine);
    (void)flush(tls);
    if (tls->state == TLS_CLOSING) {
        start_flushing(tls);
        set_timer(tls, tls->shutdown_ns);
        wait_for_goodbye(tls);
    }
    leave(tls);
}

static void end_now(struct transport *base, bool reset)
{
    struct tls *tls = tls_of(base);
    enter(tls);
    tls->lower->type->abort(tls->lower, reset);
    leave(tls);
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

static const struct transport_type tls_type = {
    .name = "tls",
    .receive = receive,
    .redirect = redirect,
    .cancel_receive = cancel_receive,
    .write = write_pieces,
    .write_eof = NULL,
    .unsent = unsent,
    .limits_changed = limits_changed,
    .close = close_politely,
    .abort = end_now,
    .address = address_of,
    .info = info_of,
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
    tls->timer.handle.run = on_time;
    list_init(&tls->timer.handle.link);
    list_init(&tls->waiters);
    if (ahead) {
        tls->ahead = *ahead;
        *ahead = (struct buffer){ .data = NULL };
    }
    *ret_tls = tls;
    return 0;
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

void asyncio__tls_start(struct tls *tls)
{
    tls->lower->events = &lower_events;
    tls->lower->user = tls;
    set_timer(tls, tls->handshake_ns);
    enter(tls);
    shake(tls);
    leave(tls);
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
