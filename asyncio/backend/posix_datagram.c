/* SPDX-License-Identifier: MIT */
/* Datagrams over real sockets: many by one system call.
 *
 * HOW MANY   are asked for grows and shrinks with what comes, twice the last time's: asking for
 *            more than there are costs time for each. It is always one more than one, since a
 *            receive that brings less than it was asked for says that nothing is left, and saves
 *            asking again. */
#include "backend/posix.h"

#include <asyncio/datagram.h>
#include <limits.h>

enum {
    BATCH = 32,  /* datagrams by one system call: they need room on the stack */
    SENDS = 16,  /* system calls of one OP_SEND_DATAGRAMS in a row */
};

struct batch {
    struct mmsghdr headers[BATCH];
    struct iovec pieces[BATCH];
};

static unsigned fill(const struct posix *posix, struct batch *batch,
                     struct asyncio_datagram *datagrams, size_t count, bool to_send)
{
    unsigned most = posix_is_chopped(posix) ? 1 : BATCH;
    unsigned n = count < most ? (unsigned)count : most;
    for (unsigned i = 0; i < n; i++) {
        struct asyncio_datagram *datagram = &datagrams[i];
        size_t size = datagram->size < INT_MAX ? datagram->size : INT_MAX;
        batch->pieces[i] = (struct iovec){ datagram->data, size };
        batch->headers[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &batch->pieces[i],
                                                           .msg_iovlen = 1 } };
        if (!to_send || datagram->address_size) {
            batch->headers[i].msg_hdr.msg_name = &datagram->address;
            batch->headers[i].msg_hdr.msg_namelen =
                to_send ? datagram->address_size : (socklen_t)sizeof datagram->address;
        }
    }
    return n;
}

/* One alone, without the arrays: most calls. */
static int receive_one(const struct descriptor *descriptor, struct asyncio_datagram *datagram)
{
    socklen_t address_size = sizeof datagram->address;
    size_t size = datagram->size < INT_MAX ? datagram->size : INT_MAX;
    ssize_t n = recvfrom(descriptor->number, datagram->data, size, MSG_DONTWAIT | MSG_TRUNC,
                         (struct sockaddr *)&datagram->address, &address_size);
    if (n < 0)
        return -1;
    datagram->is_truncated = (size_t)n > size;
    datagram->length = (size_t)n < size ? (size_t)n : size;
    datagram->address_size = address_size;
    return 1;
}

static int send_one(const struct descriptor *descriptor, const struct asyncio_datagram *datagram)
{
    size_t size = datagram->size < INT_MAX ? datagram->size : INT_MAX;
    ssize_t n = sendto(descriptor->number, datagram->data, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                       datagram->address_size ? (const struct sockaddr *)&datagram->address : NULL,
                       datagram->address_size);
    return n < 0 ? -1 : 1;
}

/* One system call for the datagrams from the `first` on. An error that comes between two of them is
 * kept by the system for the next call, and is an edge of its own. */
static int receive_many(const struct posix *posix, struct descriptor *descriptor, uint8_t *ready,
                        struct op *op, unsigned first)
{
    struct batch batch;
    unsigned likely = descriptor->burst ? 2U * descriptor->burst : 2;
    unsigned left = op->datagram_count - first;
    unsigned count =
        fill(posix, &batch, op->datagrams + first, left < likely ? left : likely, false);
    int n = recvmmsg(descriptor->number, batch.headers, count, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        struct asyncio_datagram *datagram = &op->datagrams[first + (unsigned)i];
        datagram->length = batch.headers[i].msg_len;
        datagram->address_size = batch.headers[i].msg_hdr.msg_namelen;
        datagram->is_truncated = (batch.headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    }
    if (n > 0)
        descriptor->burst = (uint8_t)n;
    if (n > 0 && (unsigned)n < count && !(*ready & READ_ON))
        *ready &= (uint8_t)~READY_IN;
    return n;
}

/* As many as there are, or as one call takes. */
static int receive_all(const struct posix *posix, struct descriptor *descriptor, uint8_t *ready,
                       struct op *op)
{
    int n = receive_many(posix, descriptor, ready, op, 0);
    if (n < 2 || posix_is_chopped(posix))
        return n;
    int done = n;
    while (n > 0 && *ready & READY_IN && done < BATCH && (unsigned)done < op->datagram_count) {
        n = receive_many(posix, descriptor, ready, op, (unsigned)done);
        done += n > 0 ? n : 0;
    }
    if (n < 0 && errno == EAGAIN)
        (void)asyncio__posix_recv_failed(ready, errno);
    else if (n < 0 && errno != EINTR)
        descriptor->late_error = (int16_t)errno;
    return done;
}

static int send_many(const struct posix *posix, const struct descriptor *descriptor,
                     const struct op *op)
{
    struct batch batch;
    unsigned count =
        fill(posix, &batch, op->datagrams + op->done, op->datagram_count - op->done, true);
    return sendmmsg(descriptor->number, batch.headers, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int asyncio__posix_recv_datagrams(struct posix *posix, struct descriptor *descriptor,
                                  uint8_t *ready, struct op *op)
{
    if (!(*ready & READY_IN))
        return OP_PENDING;
    int n = descriptor->late_error;
    descriptor->late_error = 0;
    if (n)
        return -n;
    do
        n = op->datagram_count == 1 ? receive_one(descriptor, op->datagrams)
                                    : receive_all(posix, descriptor, ready, op);
    while (n < 0 && errno == EINTR);
    return n < 0 ? asyncio__posix_recv_failed(ready, errno) : n;
}

/* Nobody tells when an AF_UNIX socket that one is not connected with has room again. */
static bool is_to_path(const struct asyncio_datagram *datagram)
{
    return datagram->address_size && datagram->address.ss_family == AF_UNIX;
}

int asyncio__posix_send_datagrams(struct posix *posix, struct descriptor *descriptor,
                                  uint8_t *ready, struct op *op)
{
    for (int i = 0; i < SENDS && op->done < op->datagram_count; i++) {
        if (!(*ready & READY_OUT))
            return OP_PENDING;
        int n = op->datagram_count - op->done == 1
                    ? send_one(descriptor, &op->datagrams[op->done])
                    : send_many(posix, descriptor, op);
        if (n > 0)
            op->done += (size_t)n;
        else if (n < 0 && errno == EAGAIN && is_to_path(&op->datagrams[op->done]))
            return -EAGAIN;
        else if (n < 0 && errno == EAGAIN)
            *ready &= (uint8_t)~READY_OUT;
        else if (n < 0 && errno != EINTR)
            return -errno;
    }
    return op->done < op->datagram_count ? OP_PENDING : (int)op->datagram_count;
}
