/* SPDX-License-Identifier: MIT */
/* What the two backends over real descriptors share: the handle's system side and the calls that
 * never wait.
 *
 * Both begin with a `struct posix`, and both have a table whose entries begin with a `struct
 * descriptor`. The slots below can be put into a backend_type as they are; closing and detaching
 * are each backend's own. */
#pragma once

#include "backend/backend.h"
#include "backend/table.h"
#include "base/quiet.h"

#include <errno.h>
#include <poll.h>

/* Received in one poll, then the floors above have their turn: they find the bytes in the cache,
 * and nobody waits for long. */
enum { POLL_BYTES = 65536 };

/* The kernel's own limit for one transfer; what comes back fits an int. */
#define TRANSFER_MAX ((size_t)0x7ffff000)

struct posix {
    struct backend backend;
    struct table table; /* of things that begin with struct descriptor */
    size_t chop;        /* no transfer is larger; SIZE_MAX: no limit */
    /* By number: 1 and the index of the handle that was the last to have it. Whether it still has
     * is the handle's to say, so nothing is ever taken out. From the first adoption on: who accepts
     * only pays nothing for it. */
    uint32_t *owners;
    size_t owner_count;
};

struct descriptor {
    struct entry entry;
    int number;
    /* There may be a hundred thousand of these: nothing is padded. */
    bool is_socket : 1;
    bool is_prepared : 1; /* is non-blocking and close-on-exec */
    /* a short transfer means: nothing left, or no room left, at that moment */
    bool is_tcp : 1;
    bool is_udp : 1; /* what comes is no longer than an IP packet */
    /* a stream socket: bytes without borders, so that they may wait in a buffer of ours */
    bool is_stream : 1;
    /* kernel TLS makes records of what is sent: short says nothing */
    bool is_framed : 1;
    /* TCP, and nothing but the bytes is asked of a receive; else how many are left, too */
    bool is_plain_tcp : 1;
    bool tells_no_left : 1; /* it was asked, in vain */
    uint8_t burst;      /* datagrams that the last receive has brought */
    int16_t late_error; /* an errno that came behind them, for the next receive */
};

/* What is known of a descriptor. READ_ON: hung up, an error or urgent data, after which there may
 * be no further edge; reading goes on until -EAGAIN or the end, short or not. */
enum { READY_IN = 1, READY_OUT = 2, READ_ON = 4 };

/* Adds what the poll(2) bits in `events` say. */
static inline void descriptor_on_events(uint8_t *ready, uint32_t events)
{
    unsigned in = (events & ~(uint32_t)POLLOUT) != 0;
    unsigned out = (events & (POLLOUT | POLLHUP | POLLERR)) != 0;
    unsigned on = (events & (POLLRDHUP | POLLPRI | POLLHUP | POLLERR)) != 0;
    *ready |= (uint8_t)(in * READY_IN | out * READY_OUT | on * READ_ON);
}

/* Closes the number that it had. By kernel TLS closing sends what was left, and so may find the
 * connection broken; there is no flag against SIGPIPE then. */
int asyncio__posix_close_number(const struct descriptor *descriptor, int number);

/* Kernel TLS has just taken bytes: whether the connection is over, 0 or -errno. It goes on taking
 * them then, record after record, once the socket's error has been told to somebody. */
int asyncio__posix_framed_error(int number);

/* A transfer that was shorter than asked: there was no room for more. */
static inline bool descriptor_was_full(const struct descriptor *descriptor, bool is_short)
{
    return is_short && descriptor->is_tcp && !descriptor->is_framed;
}

void asyncio__posix_init(struct posix *posix, const struct backend_limits *limits,
                         size_t entry_size);
/* Closes what is still open. */
void asyncio__posix_fini(struct posix *posix);

static inline bool posix_is_chopped(const struct posix *posix)
{
    return posix->chop != TRANSFER_MAX;
}

/* The handle `socket` names, or NULL. */
static inline void *posix_get(struct backend *backend, sock socket)
{
    return table_get(&((struct posix *)backend)->table, socket);
}

/* Makes a handle of a non-blocking descriptor that accept gave, like its listener; takes it, also
 * on failure. */
int asyncio__posix_accepted(struct posix *posix, const struct descriptor *listener, int number,
                            sock *ret_socket);
/* Non-blocking and close-on-exec before the first transfer: what is only polled is left as its
 * owner has it. */
int asyncio__posix_prepare(struct descriptor *descriptor);

/* Whether a receive tells how much is left. Then nothing has to be known of urgent data, at which
 * it stops. */
static inline bool descriptor_tells_left(const struct descriptor *descriptor)
{
    return descriptor->is_tcp && !descriptor->is_plain_tcp;
}

/* After a receive of `size` bytes that does not say whether more are there: bulk is worth asking
 * from the next one on. */
void asyncio__posix_ask_left(struct descriptor *descriptor, ssize_t size);

/* Reads for the op: a result, or OP_PENDING. Clears in *ready what is no longer so. */
int asyncio__posix_recv(struct posix *posix, struct descriptor *descriptor, uint8_t *ready,
                        struct op *op);
/* What a receive gives that the system has refused. */
int asyncio__posix_recv_failed(uint8_t *ready, int error);
/* With a way of its own for most messages: from a TCP socket. */
static inline int posix_try_recv(struct posix *posix, struct descriptor *descriptor, uint8_t *ready,
                                 struct op *op)
{
    if (!(*ready & READY_IN))
        return OP_PENDING;
    if (__builtin_expect(descriptor->is_plain_tcp && op->size <= posix->chop, 1)) {
        ssize_t n = recv(descriptor->number, op->data, op->size, 0);
        if (__builtin_expect(n > 0 && (size_t)n < op->size && !(*ready & READ_ON), 1)) {
            *ready &= (uint8_t)~READY_IN; /* nothing is left, and the next bytes are an edge */
            return (int)n;
        }
        if (n >= 0) {
            asyncio__posix_ask_left(descriptor, n);
            return (int)n;
        }
        if (errno != EINTR)
            return asyncio__posix_recv_failed(ready, errno);
    }
    return asyncio__posix_recv(posix, descriptor, ready, op);
}

/* One system call: what it sent, or -errno; -EAGAIN as it comes, EINTR never. The iovecs are left
 * as they are. *ret_short: less than it was asked to. */
int asyncio__posix_send_iov(struct posix *posix, struct descriptor *descriptor,
                            const struct iovec *iov, size_t count, bool *ret_short);
/* With a way of its own for most messages: one piece, to a socket. */
static inline int posix_send_iov(struct posix *posix, struct descriptor *descriptor,
                                 const struct iovec *iov, size_t count, bool *ret_short)
{
    bool is_plain = descriptor->is_socket & !descriptor->is_framed;
    if (__builtin_expect(count == 1 && is_plain && iov->iov_len <= posix->chop, 1)) {
        ssize_t n = send(descriptor->number, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
        if (__builtin_expect(n >= 0, 1)) { /* no more than TRANSFER_MAX: it fits an int */
            *ret_short = (size_t)n < iov->iov_len;
            return (int)n;
        }
        if (errno != EINTR) {
            *ret_short = true;
            return -errno;
        }
    }
    return asyncio__posix_send_iov(posix, descriptor, iov, count, ret_short);
}
/* The same for an op, whose iovecs and `done` it advances. */
int asyncio__posix_send(struct posix *posix, struct descriptor *descriptor, struct op *op,
                        bool *ret_short);
/* posix_datagram.c: for OP_RECV_DATAGRAMS and OP_SEND_DATAGRAMS: a result, or OP_PENDING, and then
 * *ready has lost its bit. Sending stops now and then, with the bit. */
int asyncio__posix_recv_datagrams(struct posix *posix, struct descriptor *descriptor,
                                  uint8_t *ready, struct op *op);
int asyncio__posix_send_datagrams(struct posix *posix, struct descriptor *descriptor,
                                  uint8_t *ready, struct op *op);
/* Drops empty iovecs in front. False: nothing is left to send. */
bool asyncio__posix_send_left(struct op *op);
/* What OP_SEND gives when all is sent. */
int asyncio__posix_send_result(const struct op *op);
/* Moves `sent` bytes out of the op's iovecs. */
void asyncio__posix_send_advance(struct op *op, size_t sent);
/* True for an accept that failed by itself, while the listener is as well as before. */
bool asyncio__posix_accept_is_transient(int error);
/* Starts one: 0, -EINPROGRESS or its error. */
int asyncio__posix_connect(const struct descriptor *descriptor, const struct op *op);
/* Of a connect under way: 0, -EINPROGRESS, or its error. */
int asyncio__posix_connect_result(const struct descriptor *descriptor);

int asyncio__posix_socket(struct backend *backend, int family, int type, int protocol,
                          sock *ret_socket);
int asyncio__posix_adopt(struct backend *backend, int number, sock *ret_socket);
int asyncio__posix_descriptor(struct backend *backend, sock socket);
int asyncio__posix_lend(struct backend *backend, sock socket);
int asyncio__posix_has(struct backend *backend, int number);
int asyncio__posix_bind(struct backend *backend, sock socket, const struct sockaddr *address,
                        socklen_t size);
int asyncio__posix_listen(struct backend *backend, sock socket, int backlog);
int asyncio__posix_setsockopt(struct backend *backend, sock socket, int level, int name,
                              const void *value, socklen_t size);
int asyncio__posix_getsockopt(struct backend *backend, sock socket, int level, int name,
                              void *value, socklen_t *size);
int asyncio__posix_getsockname(struct backend *backend, sock socket,
                               struct sockaddr_storage *address, socklen_t *size);
int asyncio__posix_getpeername(struct backend *backend, sock socket,
                               struct sockaddr_storage *address, socklen_t *size);
int asyncio__posix_path_id(struct backend *backend, const char *path, uint64_t ret_id[2]);
int asyncio__posix_path_remove(struct backend *backend, const char *path);
int asyncio__posix_shutdown(struct backend *backend, sock socket, int how);
int asyncio__posix_is_readable(struct backend *backend, sock socket);
