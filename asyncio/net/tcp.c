/* SPDX-License-Identifier: MIT */
/* A transport over a stream socket.
 *
 * WRITING    What is written when nothing waits is sent at once from where it lies
 *            (backend->send_now); the rest, and all that comes while something waits, is copied
 *            behind `queued`. One OP_SEND at a time is under way, on `sending`, whose bytes stay
 *            where they are until it is done; then the two change places.
 * MARKS      An OP_SEND completes when all of it is sent. So that writing resumes exactly when
 *            `low` is reached, the operation ends there: it is made that long, or taken back and
 *            made again when the mark moves into it.
 * ROOM       Who sends past it, as a file is sent, waits for room with `out` as OP_POLL_OUT, while
 *            nothing is unsent. What is written meanwhile, because he has given up, waits with it.
 * LAST       By kernel TLS the last thing sent is a record of its own kind. `out` waits for room
 *            for it, as OP_POLL_OUT, and once more after it: a part of what the kernel has taken
 *            may lie above TCP, and that it has room again says that closing loses none of it.
 * BROKEN     A send that meets the peer's reset ends the sending alone: what came before the reset
 *            is still in the kernel. Who reads goes on there, if he is one who wants that (`broken`
 *            in transport.h), and where nothing is left he gets the send's error. So nothing has to
 *            be read that nobody asked for. A peer who only stopped reading, as by AF_UNIX, would
 *            leave him waiting: the socket is shut down, and what is there has an end.
 * END        The socket is closed by `shut`. Operations that the kernel does not give back at once
 *            still complete, into this struct; `lost` comes after the last of them. */
#include "net/tcp.h"

#include "backend/ktls.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

static struct tcp *tcp_of(struct transport *transport)
{
    return container_of(transport, struct tcp, base);
}

static const struct backend_type *backend_of(const struct tcp *tcp)
{
    return tcp->net->backend->type;
}

/* ---- the end ---- */

static void end_if_free(struct tcp *tcp)
{
    if (tcp->is_receiving || tcp->is_sending || tcp->is_telling)
        return;
    asyncio__buffer_release(&tcp->sending, &tcp->net->blocks);
    asyncio__buffer_release(&tcp->queued, &tcp->net->blocks);
    tcp->base.events->lost(&tcp->base, tcp->error); /* may free it */
}

/* Closes the socket. Ends with `lost`, now or later: nothing may be touched after it. */
static void shut(struct tcp *tcp, int error)
{
    if (tcp->is_shut)
        return;
    struct net *net = tcp->net;
    if (tcp->is_broken)
        error = tcp->error;
    if (tcp->is_closing)
        net->flushing--;
    tcp->is_shut = true;
    tcp->error = error;
    tcp->base.events->ended(&tcp->base, error);
    if (tcp->is_watching)
        (void)backend_of(tcp)->cancel(net->backend, &tcp->in);
    tcp->is_watching = false;
    bool is_over = tcp->is_receiving && backend_of(tcp)->cancel(net->backend, &tcp->in) == 1;
    if (tcp->is_sending && backend_of(tcp)->cancel(net->backend, &tcp->out) == 1)
        tcp->is_sending = false;
    (void)backend_of(tcp)->close(net->backend, tcp->in.socket);
    if (is_over) {
        tcp->is_receiving = false;
        tcp->base.events->received(&tcp->base, error ? error : -ECONNRESET);
    }
    end_if_free(tcp);
}

/* ---- reading ---- */

static bool is_passing(int error)
{
    return error == -ENOMEM || error == -ENOBUFS || error == -ENOSPC || error == -EBUSY;
}

/* What a receive without bytes tells: after a reset the kernel may call it the end. */
static int told_by(const struct tcp *tcp, int result)
{
    return tcp->is_broken && result != -ECANCELED && !is_passing(result) ? tcp->error : result;
}

int asyncio__tcp_received_none(struct tcp *tcp, int result)
{
    if (tcp->is_shut) /* a reader that has got bytes since may come once more */
        return tcp->error ? tcp->error : -ECONNRESET;
    result = told_by(tcp, result);
    if (tcp->is_watching)
        result = -EBADF; /* nothing can be read there, whatever asked for it: TLS, say */
    if (result < 0 && !is_passing(result))
        shut(tcp, result);
    return result;
}

static void __attribute__((noinline)) received_no_bytes(struct tcp *tcp, int result)
{
    tcp->is_telling = true; /* whoever is told may close it, which then ends here */
    if (!tcp->is_shut)
        result = told_by(tcp, result);
    tcp->base.events->received(&tcp->base, result);
    tcp->is_telling = false;
    if (tcp->is_shut)
        end_if_free(tcp);
    else if (result < 0 && result != -ECANCELED)
        (void)asyncio__tcp_received_none(tcp, result);
}

static void on_received(struct op *op, int result)
{
    struct tcp *tcp = container_of(op, struct tcp, in);
    tcp->is_receiving = false;
    if (__builtin_expect(result > 0 && !tcp->is_shut, 1))
        tcp->base.events->received(&tcp->base, result);
    else
        received_no_bytes(tcp, result);
}

static int receive(struct transport *base, void *data, size_t size)
{
    return tcp_receive(tcp_of(base), data, size);
}

static void receive_again(struct tcp *tcp)
{
    tcp->in.kind = OP_RECV;
    tcp->in.complete = on_received;
}

static void on_readable(struct op *op, int result)
{
    receive_again(container_of(op, struct tcp, in));
    on_received(op, result);
}

static int await_bytes(struct transport *base)
{
    struct tcp *tcp = tcp_of(base);
    tcp->in.kind = OP_READABLE;
    tcp->in.complete = on_readable;
    int r = backend_of(tcp)->submit(tcp->net->backend, &tcp->in);
    tcp->is_receiving = r == OP_PENDING;
    if (r != OP_PENDING)
        receive_again(tcp);
    return r == OP_PENDING ? r : 1; /* a receive tells what is wrong */
}

static void redirect(struct transport *base, void *data, size_t size)
{
    tcp_redirect(tcp_of(base), data, size);
}

static int cancel_receive(struct transport *base)
{
    struct tcp *tcp = tcp_of(base);
    if (!tcp->is_receiving)
        return 1;
    if (backend_of(tcp)->cancel(tcp->net->backend, &tcp->in) == 0)
        return 0;
    tcp->is_receiving = false;
    receive_again(tcp);
    return 1;
}

/* ---- writing ---- */

static size_t unsent(const struct transport *base)
{
    const struct tcp *tcp = container_of(base, struct tcp, base);
    size_t last = tcp->has_last && !tcp->has_said_last ? sizeof tcp->last : 0;
    return tcp->sending.count + tcp->queued.count - (tcp->is_sending ? tcp->out.done : 0) + last;
}

/* ---- the reader of a pipe that is written to ---- */

static void on_reader_gone(struct op *op, int result)
{
    struct tcp *tcp = container_of(op, struct tcp, in);
    (void)result;
    shut(tcp, unsent(&tcp->base) ? -EPIPE : 0);
}

int asyncio__tcp_watch_reader(struct tcp *tcp)
{
    struct backend *backend = tcp->net->backend;
    tcp->in.kind = OP_POLL_IN; /* it is never ready to be read, but for an error */
    tcp->in.complete = on_reader_gone;
    int r = backend->type->submit(backend, &tcp->in);
    if (r != OP_PENDING)
        return r < 0 ? r : -EIO;
    tcp->is_watching = true;
    return 0;
}

static void resume_if_low(struct tcp *tcp)
{
    if (tcp->base.is_paused && tcp->sending.count + tcp->queued.count <= tcp->base.low) {
        tcp->base.is_paused = false;
        tcp->base.events->resumed(&tcp->base);
    }
}

/* No send is under way. The socket may be closed now. */
static void send_failed(struct tcp *tcp, int error)
{
    const struct transport_events *events = tcp->base.events;
    bool is_reset = error == -EPIPE || error == -ECONNRESET;
    if (!is_reset || tcp->is_watching || tcp->is_closing || tcp->has_last || !events->broken ||
        !events->broken(&tcp->base, error)) {
        shut(tcp, error);
        return;
    }
    tcp->is_broken = true;
    tcp->error = error;
    asyncio__buffer_release(&tcp->sending, &tcp->net->blocks);
    asyncio__buffer_release(&tcp->queued, &tcp->net->blocks);
    (void)backend_of(tcp)->shutdown(tcp->net->backend, tcp->in.socket, SHUT_RDWR);
}

static bool on_flushed(struct tcp *tcp);
static int send_on(struct tcp *tcp);
static void on_sent(struct op *op, int result);

static void on_room(struct op *op, int result)
{
    struct tcp *tcp = container_of(op, struct tcp, out);
    (void)backend_of(tcp)->cancel(tcp->net->backend, op);
    tcp->is_sending = false;
    op->kind = OP_SEND;
    op->complete = on_sent;
    if (tcp->is_shut) {
        end_if_free(tcp);
    } else if (result < 0) {
        shut(tcp, result);
    } else {
        if (!tcp->has_last && !unsent(&tcp->base))
            tcp->base.events->resumed(&tcp->base);
        (void)send_on(tcp);
    }
}

/* False: the socket is closed now. */
static bool await_room(struct tcp *tcp)
{
    struct op *op = &tcp->out;
    op->kind = OP_POLL_OUT;
    op->complete = on_room;
    op->done = 0;
    tcp->piece.iov_len = 0;
    int r = backend_of(tcp)->submit(tcp->net->backend, op);
    tcp->is_sending = r == OP_PENDING;
    if (r != OP_PENDING)
        shut(tcp, r < 0 ? r : -EIO);
    return r == OP_PENDING;
}

int asyncio__tcp_await_room(struct tcp *tcp)
{
    if (!tcp->is_sending && !await_room(tcp))
        return tcp->error ? tcp->error : -ECONNRESET;
    return 0;
}

/* Nothing is unsent, and somebody waits for room, perhaps in vain. */
static bool is_only_waiting(const struct tcp *tcp)
{
    return tcp->out.kind == OP_POLL_OUT && !tcp->has_last && !unsent(&tcp->base);
}

/* The alert, which is due. True: the socket is closed now. */
static bool say_last(struct tcp *tcp)
{
    enum { ALERT = 21 };
    int r = asyncio__ktls_say(tcp->net->backend, tcp->out.socket, ALERT, tcp->last,
                              sizeof tcp->last);
    if (r < 0 && r != -EAGAIN) {
        shut(tcp, r);
        return true;
    }
    tcp->has_said_last = r >= 0;
    if (tcp->has_said_last)
        resume_if_low(tcp);
    return tcp->is_shut || !await_room(tcp);
}

/* All that was accepted is sent. True: the socket is closed now. */
static bool on_flushed(struct tcp *tcp)
{
    asyncio__buffer_release(&tcp->sending, &tcp->net->blocks);
    asyncio__buffer_release(&tcp->queued, &tcp->net->blocks);
    if (tcp->has_last && !tcp->has_said_last)
        return say_last(tcp);
    if (tcp->is_closing) {
        shut(tcp, 0);
        return true;
    }
    if (tcp->wants_eof && !tcp->has_sent_eof) {
        tcp->has_sent_eof = true;
        /* reading tells what failed */
        if (backend_of(tcp)->shutdown(tcp->net->backend, tcp->out.socket, SHUT_WR) == -ENOTSOCK) {
            shut(tcp, 0); /* a pipe ends by being closed */
            return true;
        }
    }
    return false;
}

/* Sends on, from the front of what is unsent, as far as it goes. 0, or the error that has ended
 * the connection: then the transport may be gone. */
static int send_on(struct tcp *tcp)
{
    for (;;) {
        if (!tcp->sending.count) {
            struct buffer empty = tcp->sending;
            tcp->sending = tcp->queued;
            tcp->queued = empty;
        }
        if (!tcp->sending.count) {
            (void)on_flushed(tcp);
            return 0;
        }
        size_t all = tcp->sending.count + tcp->queued.count, size = tcp->sending.count;
        if (tcp->base.is_paused && all > tcp->base.low && size > all - tcp->base.low)
            size = all - tcp->base.low;
        tcp->piece = (struct iovec){ buffer_bytes(&tcp->sending), size };
        tcp->out.iov = &tcp->piece;
        tcp->out.iov_count = 1;
        int r = backend_of(tcp)->submit(tcp->net->backend, &tcp->out);
        if (r == OP_PENDING) {
            tcp->is_sending = true;
            return 0;
        }
        if (r < 0) {
            send_failed(tcp, r);
            return r;
        }
        buffer_take(&tcp->sending, size);
        resume_if_low(tcp);
    }
}

static void on_sent(struct op *op, int result)
{
    struct tcp *tcp = container_of(op, struct tcp, out);
    bool was_split = tcp->is_split;
    tcp->is_sending = tcp->is_split = false;
    buffer_take(&tcp->sending, op->done);
    if (tcp->is_shut) {
        end_if_free(tcp);
        return;
    }
    if (result < 0 && !(was_split && result == -ECANCELED)) {
        send_failed(tcp, result);
        return;
    }
    resume_if_low(tcp);
    (void)send_on(tcp);
}

/* Pauses above the high mark. The operation under way may have to end at the low one now. */
static void pause_if_high(struct tcp *tcp)
{
    if (tcp->base.is_paused || unsent(&tcp->base) <= tcp->base.high)
        return;
    tcp->base.is_paused = true;
    size_t all = tcp->sending.count + tcp->queued.count;
    size_t end = tcp->out.done + tcp->piece.iov_len; /* of the operation, counted from the front */
    if (!tcp->is_sending || tcp->is_split || end <= all - tcp->base.low)
        return;
    if (backend_of(tcp)->cancel(tcp->net->backend, &tcp->out) == 0) {
        tcp->is_split = true;
        return;
    }
    tcp->is_sending = false;
    buffer_take(&tcp->sending, tcp->out.done);
    resume_if_low(tcp);
    (void)send_on(tcp);
}

/* Adds what is left of the pieces after the first `sent` bytes. There is room. */
static void queue(struct tcp *tcp, const struct iovec *pieces, size_t count, size_t sent)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = pieces[i].iov_len, skipped = sent < size ? sent : size;
        sent -= skipped;
        if (size > skipped)
            asyncio__buffer_add(&tcp->queued, (const char *)pieces[i].iov_base + skipped,
                                size - skipped);
    }
}

static int total_of(const struct iovec *pieces, size_t count, size_t *ret_total)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        if (__builtin_add_overflow(total, pieces[i].iov_len, &total))
            return -EINVAL;
    *ret_total = total;
    return 0;
}

/* Stores what did not go out, and sees to it that it will. */
static int store(struct tcp *tcp, const struct iovec *pieces, size_t count, size_t sent,
                 size_t total)
{
    int r = asyncio__buffer_reserve(&tcp->queued, &tcp->net->blocks, total - sent);
    if (r < 0 && sent) /* the block that was reserved before is larger than the rest */
        r = asyncio__buffer_reserve(&tcp->queued, &tcp->net->blocks, total);
    if (r < 0)
        return r;
    queue(tcp, pieces, count, sent);
    bool is_idle = !tcp->is_sending;
    if (is_idle && unsent(&tcp->base) > tcp->base.high)
        tcp->base.is_paused = true; /* before the operation is made: it ends at the low mark */
    if (is_idle)
        return send_on(tcp);
    pause_if_high(tcp);
    return tcp->error;
}

int asyncio__tcp_sent_partly(struct tcp *tcp, const struct iovec *pieces, size_t count,
                             size_t total, int result)
{
    if (tcp->is_broken)
        return tcp->error;
    if (result < 0 && result != -EAGAIN) {
        send_failed(tcp, result);
        return result;
    }
    return store(tcp, pieces, count, result > 0 ? (size_t)result : 0, total);
}

static int write_large(struct tcp *tcp, const struct iovec *pieces, size_t count, size_t total)
{
    struct net *net = tcp->net;
    if (blocks_reserve(&net->blocks, total) < 0)
        return -ENOMEM;
    int n = net->backend->type->send_now(net->backend, tcp->out.socket, pieces, count);
    bool is_sent = n >= 0 && (size_t)n == total;
    int r = is_sent ? 0 : asyncio__tcp_sent_partly(tcp, pieces, count, total, n);
    asyncio__blocks_unreserve(&net->blocks);
    return r;
}

/* Before anything is sent there is room for all of it: the rest, if there is one, can be stored
 * for sure. */
static int write_pieces(struct transport *base, const struct iovec *pieces, size_t count)
{
    struct tcp *tcp = tcp_of(base);
    struct net *net = tcp->net;
    size_t total = pieces->iov_len;
    if (__builtin_expect(count != 1, 0) && total_of(pieces, count, &total) < 0)
        return -EINVAL;
    if (__builtin_expect(total - 1 >= PTRDIFF_MAX, 0))
        return total ? -EINVAL : 0;
    if (__builtin_expect(tcp->is_sending, 0))
        return store(tcp, pieces, count, 0, total);
    if (__builtin_expect(total > BLOCK_MAX, 0))
        return write_large(tcp, pieces, count, total);
    if (__builtin_expect(blocks_reserve(&net->blocks, total) < 0, 0))
        return -ENOMEM;
    int n = net->backend->type->send_now(net->backend, tcp->out.socket, pieces, count);
    if (__builtin_expect(n == (int)total, 1))
        return 0;
    return asyncio__tcp_sent_partly(tcp, pieces, count, total, n);
}

static int write_eof(struct transport *base)
{
    struct tcp *tcp = tcp_of(base);
    tcp->wants_eof = true;
    if (!unsent(base))
        (void)on_flushed(tcp);
    return 0;
}

void asyncio__tcp_say_last(struct tcp *tcp, const uint8_t alert[2])
{
    if (tcp->is_shut || tcp->has_last)
        return;
    memcpy(tcp->last, alert, sizeof tcp->last);
    tcp->has_last = true;
    if (!tcp->is_sending)
        (void)on_flushed(tcp);
}

static void limits_changed(struct transport *base)
{
    struct tcp *tcp = tcp_of(base);
    pause_if_high(tcp);
}

static void close_after_flush(struct transport *base)
{
    struct tcp *tcp = tcp_of(base);
    if (tcp->is_shut || tcp->is_closing)
        return;
    if (!tcp->is_sending || is_only_waiting(tcp)) {
        shut(tcp, 0);
        return;
    }
    tcp->is_closing = true;
    tcp->net->flushing++;
    if (tcp->is_receiving && cancel_receive(base) == 1)
        base->events->received(base, -ECONNRESET);
}

static void end_now(struct transport *base, bool reset)
{
    struct tcp *tcp = tcp_of(base);
    if (tcp->is_shut)
        return;
    if (reset) {
        struct linger now = { .l_onoff = 1, .l_linger = 0 };
        (void)backend_of(tcp)->setsockopt(tcp->net->backend, tcp->in.socket, SOL_SOCKET, SO_LINGER,
                                          &now, sizeof now);
    }
    shut(tcp, 0);
}

static int address_of(const struct transport *base, bool of_peer, struct sockaddr_storage *address,
                      socklen_t *size)
{
    const struct tcp *tcp = container_of(base, struct tcp, base);
    if (tcp->is_shut)
        return -ENOTCONN;
    return net_name_of(tcp->net, tcp->in.socket, of_peer, address, size);
}

static bool is_readable(const struct transport *base)
{
    const struct tcp *tcp = container_of(base, struct tcp, base);
    struct backend *backend = tcp->net->backend;
    return tcp->is_shut || backend->type->is_readable(backend, tcp->in.socket) != 0;
}

static const struct transport_type tcp_type = {
    .name = "tcp",
    .receive = receive,
    .await = await_bytes,
    .redirect = redirect,
    .cancel_receive = cancel_receive,
    .is_readable = is_readable,
    .write = write_pieces,
    .write_eof = write_eof,
    .unsent = unsent,
    .limits_changed = limits_changed,
    .close = close_after_flush,
    .abort = end_now,
    .address = address_of,
};

struct tcp *asyncio__tcp_of(struct transport *transport)
{
    return transport->type == &tcp_type ? tcp_of(transport) : NULL;
}

void asyncio__tcp_init(struct tcp *tcp, struct net *net, sock socket,
                       const struct transport_events *events, void *user)
{
    *tcp = (struct tcp){
        .base = { .type = &tcp_type,
                  .events = events,
                  .user = user,
                  .high = TCP_HIGH,
                  .low = TCP_LOW },
        .net = net,
        .in = { .complete = on_received, .socket = socket, .kind = OP_RECV },
        .out = { .complete = on_sent, .socket = socket, .kind = OP_SEND },
    };
    list_init(&tcp->in.link);
    list_init(&tcp->out.link);
}
