/* SPDX-License-Identifier: MIT */
/* What a protocol, or whoever holds a transport, asks of it. See callback.c. */
#include "net/callback.h"

#include "net/address.h"

#include <errno.h>
#include <string.h>

/* After anything by which more may be unsent. */
static void pause_if_told(asyncio_transport *transport)
{
    if (!transport->top->is_paused || transport->is_told_to_pause || transport->is_closing)
        return;
    transport->is_told_to_pause = true;
    if (transport->protocol->methods->pause_writing)
        transport->protocol->methods->pause_writing(transport->protocol);
}

static int may_write(const asyncio_transport *transport)
{
    int r = asyncio__loop_check(transport->tcp.net->loop);
    if (__builtin_expect(r >= 0 && transport->has_sent_eof, 0))
        r = transport->drainers ? -EBUSY : -EPIPE;
    return r;
}

int asyncio_transport_writelines(asyncio_transport *transport, const struct iovec *pieces,
                                 size_t count)
{
    if (transport->is_closing)
        return -ECONNRESET;
    int r = may_write(transport);
    if (r < 0)
        return r;
    if (count > PTRDIFF_MAX / sizeof *pieces)
        return -EINVAL;
    if (!count)
        return 0;
    r = transport->top->type->write(transport->top, pieces, count);
    pause_if_told(transport);
    return r;
}

int asyncio_transport_write(asyncio_transport *transport, const void *data, size_t size)
{
    struct iovec piece = { (void *)(uintptr_t)data, size };
    struct tcp *tcp = &transport->tcp;
    if (__builtin_expect(transport->is_closing || transport->top != &tcp->base ||
                             may_write(transport) < 0 || !tcp_writes_little(tcp, size), 0))
        return asyncio_transport_writelines(transport, &piece, 1);
    int n = tcp_send_little(tcp, &piece);
    if (__builtin_expect((size_t)(unsigned)n == size, 1)) /* nothing is unsent: it is not paused */
        return 0;
    int r = asyncio__tcp_sent_partly(tcp, &piece, 1, size, n);
    pause_if_told(transport);
    return r;
}

int asyncio_transport_write_eof(asyncio_transport *transport)
{
    if (transport->is_closing)
        return -ECONNRESET;
    int r = may_write(transport);
    if (r == -EPIPE)
        return 0;
    if (r < 0)
        return r;
    if (transport->is_pipe) {
        asyncio_transport_close(transport);
        return 0;
    }
    if (!transport->top->type->write_eof)
        return asyncio_raise(-ENOSYS, "TLS cannot end one direction alone");
    transport->has_sent_eof = true;
    return transport->top->type->write_eof(transport->top);
}

int asyncio_transport_can_write_eof(const asyncio_transport *transport)
{
    return transport->top->type->write_eof != NULL;
}

/* Harmless when it is closing, and refused in another thread. */
static bool may_change(asyncio_transport *transport)
{
    return !transport->is_lost && !net_is_other_thread(transport->tcp.net);
}

void asyncio_transport_close(asyncio_transport *transport)
{
    if (transport->is_closing || !may_change(transport))
        return;
    transport->is_closing = true;
    asyncio__buffer_release(&transport->in, &transport->tcp.net->blocks);
    transport->top->type->close(transport->top);
}

void asyncio_transport_abort(asyncio_transport *transport)
{
    if (!may_change(transport))
        return;
    transport->is_closing = true;
    transport->top->type->abort(transport->top, true);
}

int asyncio_transport_is_closing(const asyncio_transport *transport)
{
    return transport->is_closing;
}

void asyncio_transport_pause_reading(asyncio_transport *transport)
{
    if (may_change(transport))
        transport->is_reading_paused |= PAUSED_BY_USER;
}

static void read_on(asyncio_transport *transport)
{
    if (transport->is_reading_paused || transport->is_closing || !transport->is_made)
        return;
    list_remove(&transport->reading.link);
    asyncio__loop_call(transport->tcp.net->loop, &transport->reading);
}

void asyncio_transport_resume_reading(asyncio_transport *transport)
{
    if (!transport->is_reading_paused || !may_change(transport))
        return;
    transport->is_reading_paused &= (uint8_t)~PAUSED_BY_USER;
    read_on(transport);
}

int asyncio_transport_is_reading(const asyncio_transport *transport)
{
    return !transport->is_closing && !transport->is_reading_paused;
}

size_t asyncio_transport_get_write_buffer_size(const asyncio_transport *transport)
{
    return transport->is_lost ? 0 : transport->top->type->unsent(transport->top);
}

void asyncio_transport_get_write_buffer_limits(const asyncio_transport *transport, size_t *ret_low,
                                               size_t *ret_high)
{
    if (ret_low)
        *ret_low = transport->top->low;
    if (ret_high)
        *ret_high = transport->top->high;
}

int asyncio_transport_set_write_buffer_limits(asyncio_transport *transport, size_t high, size_t low)
{
    if (low > high)
        return asyncio_raise(-EINVAL, "high (%zu) must be >= low (%zu)", high, low);
    if (transport->is_lost)
        return 0;
    int r = asyncio__loop_check(transport->tcp.net->loop);
    if (r < 0)
        return r;
    transport->top->high = high;
    transport->top->low = low;
    transport->top->type->limits_changed(transport->top);
    pause_if_told(transport);
    return 0;
}

asyncio_protocol *asyncio_transport_set_protocol(asyncio_transport *transport,
                                                 asyncio_protocol *protocol)
{
    asyncio_protocol *old = transport->protocol;
    if (!old || !protocol || transport->is_part)
        return NULL; /* it is over, or the protocol is not the caller's */
    transport->protocol = protocol;
    return old;
}

asyncio_protocol *asyncio_transport_get_protocol(const asyncio_transport *transport)
{
    return transport->protocol;
}

int asyncio_transport_get_extra_info(const asyncio_transport *transport, const char *name,
                                     char *data, size_t size)
{
    return asyncio__extra_info(transport->top, transport->is_lost ? NULL : &transport->tcp, name,
                               data, size);
}

/* ---- files ---- */

int asyncio__transport_may_send_file(const asyncio_transport *transport)
{
    if (transport->is_closing)
        return -ECONNRESET;
    return transport->is_shaking_hands ? -EBUSY : may_write(transport);
}

void asyncio__transport_sends_file(asyncio_transport *transport, struct list *drainers)
{
    transport->drainers = drainers;
    transport->has_sent_eof = true;
    transport->is_reading_paused |= PAUSED_FOR_FILE;
}

void asyncio__transport_sent_file(asyncio_transport *transport)
{
    transport->drainers = NULL;
    transport->has_sent_eof = false;
    transport->is_reading_paused &= (uint8_t)~PAUSED_FOR_FILE;
    if (transport->is_closing)
        return;
    read_on(transport);
    pause_if_told(transport);
    if (transport->is_told_to_pause && !transport->top->is_paused) {
        list_remove(&transport->resuming.link);
        asyncio__loop_call(transport->tcp.net->loop, &transport->resuming);
    }
}
