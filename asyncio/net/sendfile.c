/* SPDX-License-Identifier: MIT */
/* Sending files: by sendfile(2) where the system can, else by reading and writing.
 *
 * CONNECTION What was written before goes out first: the water marks are brought to 0 until nothing
 *            is unsent. Then the kernel moves what the socket takes; when it takes no more, the
 *            connection tells when it does again. Meanwhile other writers are refused.
 * STREAM     and a protocol's transport differ in who is told and what they refuse. Python gives a
 *            transport another protocol meanwhile, or takes it out of the loop; here it has a flag
 *            (callback_calls.c).
 * TLS        By kernel TLS where the context wants it and it can be had (tls_kernel.c) and enough
 *            is left; the kernel is never asked for more than the file has, which some would make
 *            half a record of. Else by reading and encrypting. */
#include "net/callback.h"
#include "net/plain.h"
#include "net/tls.h"

#include "backend/ktls.h"
#include "backend/plain.h"
#include "base/alloc.h"
#include "files/files.h"

#include <asyncio/socket.h>
#include <errno.h>
#include <limits.h>

enum {
    PIECE = 65536,
    TLS_WORTH = 65536, /* what has to be left that the kernel takes TLS over */
    AT_ONCE = 2 << 20, /* bytes by one call: the page cache may have to wait for the disk */
    TLS_AT_ONCE = 1 << 20, /* likewise, of what is encrypted meanwhile */
    SHORT = 1 << 17,   /* not more than that by one call is like any write */
};

struct sending {
    struct held held; /* of the task: the buffer, and the connection's writers */
    asyncio_loop *loop;
    asyncio_stream *stream;
    asyncio_transport *transport;
    struct tcp *tcp;       /* of one of these; NULL: `socket` */
    struct list *drainers; /* where who is told of it waits */
    struct list senders;   /* a transport's, who has no others */
    int socket, file;
    bool by_kernel, fallback;
    bool is_full;               /* the socket is, by what it took last */
    int64_t offset, left, sent; /* `left` negative: to the end */
    int64_t *told;              /* who wants to know how much, now and then; NULL: nobody */
    char *buffer;
    struct iovec before;
};

static bool kernel_cannot(int error)
{
    return error == -EINVAL || error == -ENOSYS || error == -EOPNOTSUPP || error == -ENOTSOCK ||
           error == -EOVERFLOW;
}

static size_t wanted(const struct sending *sending, size_t most)
{
    return sending->left < 0 || (uint64_t)sending->left > most ? most : (size_t)sending->left;
}

static void count(struct sending *sending, int bytes)
{
    sending->sent += bytes;
    if (sending->told)
        *sending->told = sending->sent;
    if (sending->left > 0)
        sending->left -= bytes;
}

/* ---- the connection ---- */

static struct transport *top_of(const struct sending *sending)
{
    return sending->stream ? sending->stream->transport : sending->transport->top;
}

static struct tls *tls_of(const struct sending *sending)
{
    return sending->tcp ? asyncio__tls_of(top_of(sending)) : NULL;
}

/* 0 while calls make sense, or why they do not. */
static int gone(const struct sending *sending)
{
    if (sending->stream)
        return sending->stream->gone;
    const asyncio_transport *transport = sending->transport;
    if (!transport || !transport->is_closing)
        return 0;
    return transport->error ? transport->error : -ECONNRESET;
}

static bool is_open(const struct sending *sending)
{
    return sending->stream ? sending->stream->is_open : !sending->transport->is_lost;
}

static void set_marks(struct transport *transport, size_t high, size_t low)
{
    transport->high = high;
    transport->low = low;
    transport->type->limits_changed(transport); /* they are also those below */
}

/* ---- the ways out ---- */

/* Waits until all of it is sent. Marks that are set meanwhile hold from then on. */
static int drain_all(struct sending *sending)
{
    struct transport *transport = top_of(sending);
    size_t high = transport->high, low = transport->low;
    bool is_changed = false;
    int r = 0;
    while (r >= 0 && !gone(sending) && transport->type->unsent(transport)) {
        is_changed = true;
        set_marks(transport, 0, 0);
        if (!gone(sending) && transport->is_paused)
            r = asyncio__waiters_wait(sending->drainers, task_current());
        if (transport->high) {
            high = transport->high;
            low = transport->low;
        }
    }
    if (is_changed && is_open(sending))
        set_marks(transport, high, low);
    return r < 0 ? r : gone(sending);
}

/* The socket is full, and nothing is unsent. */
static int wait_for_room(struct sending *sending, int socket)
{
    if (!sending->tcp)
        return asyncio__plain_wait(sending->loop, socket, true);
    int r = asyncio__tcp_await_room(sending->tcp);
    return r < 0 ? r : asyncio__waiters_wait(sending->drainers, task_current());
}

static int write_all(struct sending *sending, struct iovec piece)
{
    if (!sending->tcp)
        return asyncio_loop_sock_sendall(sending->loop, sending->socket, piece.iov_base,
                                         piece.iov_len);
    int r = gone(sending);
    if (r >= 0)
        r = top_of(sending)->type->write(top_of(sending), &piece, 1);
    return r < 0 ? r : drain_all(sending);
}

static int write_piece(struct sending *sending, size_t size)
{
    return write_all(sending, (struct iovec){ sending->buffer, size });
}

/* One piece of at most `most` bytes by reading and writing: its size, 0 at the end. */
static int copy_piece(struct sending *sending, size_t most,
                      int (*put)(struct sending *sending, size_t size))
{
    if (!sending->buffer && !(sending->buffer = asyncio__malloc(PIECE)))
        return -ENOMEM;
    struct file_op op = { .kind = FILE_READ,
                          .descriptor = sending->file,
                          .data = sending->buffer,
                          .size = wanted(sending, most),
                          .offset = sending->offset };
    int n = asyncio__file_do(&op);
    if (n <= 0)
        return n;
    int r = put(sending, (size_t)n);
    if (r < 0)
        return r;
    sending->offset += n;
    return n;
}

static int by_hand(struct sending *sending, size_t most)
{
    return copy_piece(sending, most, write_piece);
}

/* ---- kernel TLS ---- */

/* What the file has from the offset on, as far as it is wanted, at most TLS_AT_ONCE. Can
 * suspend. */
static int rest_of(const struct sending *sending)
{
    struct stat status;
    struct file_op op = { .kind = FILE_STAT, .descriptor = sending->file, .status = &status };
    int r = asyncio__file_do(&op);
    if (r < 0 || status.st_size <= sending->offset)
        return r < 0 ? r : 0;
    int64_t rest = status.st_size - sending->offset;
    return (int)wanted(sending, rest < TLS_AT_ONCE ? (size_t)rest : TLS_AT_ONCE);
}

static bool tls_in_kernel(const struct sending *sending)
{
    struct tls *tls = tls_of(sending);
    return tls && tls_is_in_kernel(tls);
}

static int write_proof(struct sending *sending, size_t size)
{
    int r = gone(sending);
    if (r >= 0)
        r = asyncio__tls_send_proof(tls_of(sending), sending->buffer, size);
    return r < 0 ? r : drain_all(sending);
}

/* Before a file goes by TLS: brings the kernel to do it, where that is possible and worth it. */
static int go_to_kernel(struct sending *sending)
{
    struct tls *tls = tls_of(sending);
    if (!tls || gone(sending) || !asyncio__tls_may_go_to_kernel(tls))
        return 0;
    int r = rest_of(sending);
    if (r < TLS_WORTH)
        return r < 0 ? r : 0;
    r = copy_piece(sending, TLS_PROOF_MAX, write_proof);
    if (r <= 0)
        return r;
    count(sending, r);
    r = gone(sending);
    if (r >= 0)
        r = asyncio__tls_go_to_kernel(tls);
    return r < 0 ? r : 0;
}

static int descriptor_of(const struct sending *sending)
{
    const struct tcp *tcp = sending->tcp;
    if (!tcp)
        return sending->socket;
    struct backend *backend = sending->loop->backend;
    return top_of(sending) == &tcp->base || tls_in_kernel(sending)
               ? backend->type->lend(backend, tcp->out.socket)
               : -EINVAL;
}

/* As much as the kernel takes, or waits until it takes some: bytes, 0 at the end, or why not. Less
 * than it was asked for is what the socket had room for, unless it is the file's end. */
static int by_kernel(struct sending *sending)
{
    int socket = descriptor_of(sending);
    if (socket < 0)
        return -EINVAL;
    if (sending->is_full) {
        sending->is_full = false;
        int r = wait_for_room(sending, socket);
        return r < 0 ? r : -EAGAIN;
    }
    size_t most = AT_ONCE;
    bool is_tls = tls_in_kernel(sending);
    if (is_tls) {
        int rest = rest_of(sending);
        if (rest <= 0 || gone(sending))
            return rest <= 0 ? rest : gone(sending);
        most = (size_t)rest;
    }
    most = wanted(sending, most);
    int n = (is_tls ? asyncio__ktls_sendfile : asyncio__plain_sendfile)(socket, sending->file,
                                                                        &sending->offset, most);
    bool is_short = n > 0 && (size_t)n < most && sending->left > 0;
    sending->is_full = n == -EAGAIN || is_short;
    return n;
}

/* What goes out before the file. Nothing is unsent. Why the kernel does not take it is told by who
 * writes the rest. */
static int send_before(struct sending *sending)
{
    struct iovec rest = sending->before;
    int socket = sending->tcp ? descriptor_of(sending) : -1;
    if (sending->tcp && socket < 0 && !sending->fallback)
        return -ASYNCIO_SENDFILE_NOT_AVAILABLE;
    /* kernel TLS would keep a record open for it, for as long as nothing follows */
    int n = socket < 0 || tls_in_kernel(sending)
                ? 0
                : asyncio__plain_send_more(socket, rest.iov_base, rest.iov_len);
    if (n > 0) {
        rest.iov_base = (char *)rest.iov_base + n;
        rest.iov_len -= (size_t)n;
    }
    return rest.iov_len ? write_all(sending, rest) : 0;
}

/* Others have their turn: the socket may take all, for ever. */
static int be_fair(const struct sending *sending, int bytes)
{
    struct net *net = sending->tcp ? sending->tcp->net : NULL;
    if (net && sending->left == 0 && bytes <= SHORT && ++net->streak <= STREAK_MAX)
        return 0;
    if (net)
        net->streak = 0;
    return asyncio_sleep(0);
}

static int send_all(struct sending *sending)
{
    int r = sending->tcp ? drain_all(sending) : 0;
    if (r >= 0 && sending->before.iov_len)
        r = send_before(sending);
    if (r >= 0 && sending->left != 0)
        r = go_to_kernel(sending);
    while (r >= 0 && sending->left != 0) {
        if (gone(sending))
            return gone(sending);
        r = sending->by_kernel ? by_kernel(sending) : by_hand(sending, PIECE);
        if (r == 0)
            break;
        if (r > 0) {
            count(sending, r);
            r = sending->is_full ? 0 : be_fair(sending, r);
        } else if (sending->by_kernel && kernel_cannot(r) && sending->fallback) {
            sending->by_kernel = false;
            r = 0;
        } else if (r == -EAGAIN) {
            r = 0;
        }
    }
    if (r < 0 && sending->by_kernel && kernel_cannot(r) && !sending->fallback)
        return -ASYNCIO_SENDFILE_NOT_AVAILABLE;
    return r < 0 ? r : 0;
}

/* ---- around it ---- */

static void release(struct held *held)
{
    struct sending *sending = container_of(held, struct sending, held);
    asyncio__free(sending->buffer);
    if (sending->stream) {
        sending->stream->is_sending_file = sending->stream->has_sent_eof = false;
        asyncio_stream_unref(sending->stream);
    }
    if (sending->transport) {
        sending->transport->drainers = NULL;
        asyncio_transport_unref(sending->transport);
    }
}

static int check_file(int file)
{
    struct stat status;
    struct file_op op = { .kind = FILE_STAT, .descriptor = file, .status = &status };
    int r = asyncio__file_do(&op);
    if (r >= 0 && !S_ISREG(status.st_mode))
        r = asyncio_raise(-EINVAL, "only a regular file can be sent");
    return r;
}

static int send_checked(struct sending *sending, int64_t *ret_sent, bool leaves_place)
{
    int r = leaves_place ? 0 : check_file(sending->file);
    if (r < 0)
        return r;
    sending->told = ret_sent;
    r = send_all(sending);
    if (!leaves_place)
        (void)asyncio__plain_seek(sending->file, sending->offset);
    if (ret_sent)
        *ret_sent = sending->sent;
    return r;
}

/* Holds the connection from the beginning: asking the file can suspend. */
static int send_file(struct sending *sending, int64_t *ret_sent,
                     const asyncio_sendfile_options *options)
{
    sending->offset = options ? options->offset : 0;
    sending->left = options ? options->count : ASYNCIO__DEFAULT_COUNT;
    sending->fallback = options ? options->fallback : ASYNCIO__DEFAULT_FALLBACK;
    sending->by_kernel = true;
    if (options)
        sending->before = (struct iovec){ (void *)(uintptr_t)options->before,
                                          options->before_size };
    if (sending->offset < 0)
        return -EINVAL;
    if (sending->stream) {
        asyncio_stream_ref(sending->stream);
        sending->stream->is_sending_file = sending->stream->has_sent_eof = true;
    }
    if (sending->transport) {
        asyncio_transport_ref(sending->transport);
        asyncio__transport_sends_file(sending->transport, sending->drainers);
    }
    task_hold(task_current(), &sending->held, release);
    int r = send_checked(sending, ret_sent, options && options->leaves_place);
    task_let_go(task_current(), &sending->held);
    if (sending->tcp && r < 0)
        r = asyncio__raise_reason(top_of(sending), r);
    if (sending->transport)
        asyncio__transport_sent_file(sending->transport);
    release(&sending->held);
    return r;
}

int(asyncio_loop_sock_sendfile)(asyncio_loop *loop, int descriptor, int file, int64_t *ret_sent,
                                const asyncio_sendfile_options *options)
{
    net_check_scopes(NET_CALLER());
    struct sending sending = { .loop = loop, .socket = descriptor, .file = file };
    int r = asyncio__plain_begin(loop);
    if (r >= 0)
        r = asyncio__loop_may_use(loop, descriptor);
    if (r >= 0)
        r = asyncio__plain_unblock(descriptor);
    return r < 0 ? r : send_file(&sending, ret_sent, options);
}

int(asyncio_loop_sendfile)(asyncio_loop *loop, asyncio_stream *stream, int file, int64_t *ret_sent,
                           const asyncio_sendfile_options *options)
{
    net_check_scopes(NET_CALLER());
    struct sending sending = { .loop = loop,
                               .stream = stream,
                               .tcp = &stream->tcp,
                               .drainers = &stream->drainers,
                               .file = file };
    int r = asyncio__plain_begin(loop);
    if (r >= 0)
        r = stream->gone ? stream->gone : net_check_task(stream->tcp.net);
    if (r >= 0 && stream->has_sent_eof)
        r = stream->is_sending_file ? -EBUSY : -EPIPE;
    return r < 0 ? asyncio__stream_error(stream, r) : send_file(&sending, ret_sent, options);
}

int asyncio_transport_sendfile(asyncio_loop *loop, asyncio_transport *transport, int file,
                               int64_t *ret_sent, const asyncio_sendfile_options *options)
{
    net_check_scopes(NET_CALLER());
    struct sending sending = { .loop = loop,
                               .transport = transport,
                               .tcp = &transport->tcp,
                               .drainers = &sending.senders,
                               .file = file };
    list_init(&sending.senders);
    int r = asyncio__plain_begin(loop);
    if (r >= 0)
        r = net_check_task(transport->tcp.net);
    if (r >= 0)
        r = asyncio__transport_may_send_file(transport);
    return r < 0 ? r : send_file(&sending, ret_sent, options);
}
