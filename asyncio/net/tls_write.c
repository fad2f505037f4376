/* SPDX-License-Identifier: MIT */
/* What is written to a TLS transport: it is encrypted and handed down at once, so the water marks
 * are those of the one below. Without memory for the first records nothing has happened; later the
 * connection ends. See tls.c. */
#include "net/tls_parts.h"

#include <errno.h>
#include <string.h>

enum { CHUNK = 3 * TLS_RECORD_MAX }; /* encrypted, it fits a block that is kept */

/* At most CHUNK bytes. */
static int put(struct tls *tls, const void *data, size_t size)
{
    int r = asyncio__tls_reserve(&tls->engine, size);
    if (r >= 0)
        r = asyncio__tls_write(&tls->engine, data, size);
    if (r < 0) {
        asyncio__tls_fail(tls, r);
        return r;
    }
    return asyncio__tls_flush(tls);
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

int asyncio__tls_write_pieces(struct transport *base, const struct iovec *pieces, size_t count)
{
    struct tls *tls = tls_of(base);
    size_t total = 0, capacity;
    int r = tls_refuses(tls);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(total, pieces[i].iov_len, &total))
            return -EINVAL;
    if (total > PTRDIFF_MAX)
        return -EINVAL;
    if (!total)
        return 0;
    if (tls->engine.is_handed_over)
        return asyncio__tls_pass_on(tls, pieces, count);
    struct blocks *blocks = &tls->net->blocks;
    char *record = NULL;
    if (count > 1 && !(record = asyncio__blocks_get(blocks, TLS_RECORD_MAX, &capacity)))
        return -ENOMEM;
    r = asyncio__tls_reserve(&tls->engine, total < CHUNK ? total : CHUNK);
    tls_enter(tls);
    if (r >= 0)
        r = record ? put_pieces(tls, pieces, count, record)
                   : put_all(tls, pieces->iov_base, pieces->iov_len);
    if (record)
        asyncio__blocks_put(blocks, record, capacity);
    tls_leave(tls);
    return r;
}

size_t asyncio__tls_unsent(const struct transport *base)
{
    const struct tls *tls = container_of(base, struct tls, base);
    return tls->is_lost ? 0 : tls->lower->type->unsent(tls->lower);
}

void asyncio__tls_limits_changed(struct transport *base)
{
    struct tls *tls = tls_of(base);
    tls->lower->high = base->high;
    tls->lower->low = base->low;
    tls_enter(tls);
    tls->lower->type->limits_changed(tls->lower);
    base->is_paused = tls->lower->is_paused;
    tls_leave(tls);
}
