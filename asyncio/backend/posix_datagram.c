/* SPDX-License-Identifier: MIT */
/* Datagrams over real sockets: many by one system call. */
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

int asyncio__posix_recv_datagrams(struct posix *posix, struct descriptor *descriptor,
                                  uint8_t *ready, struct op *op)
{
    struct batch batch;
    if (!(*ready & READY_IN))
        return OP_PENDING;
    unsigned count = fill(posix, &batch, op->datagrams, op->datagram_count, false);
    int n;
    do
        n = recvmmsg(descriptor->number, batch.headers, count, MSG_DONTWAIT, NULL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return asyncio__posix_recv_failed(ready, errno);
    for (int i = 0; i < n; i++) {
        struct asyncio_datagram *datagram = &op->datagrams[i];
        datagram->length = batch.headers[i].msg_len;
        datagram->address_size = batch.headers[i].msg_hdr.msg_namelen;
        datagram->is_truncated = (batch.headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    }
    return n;
}

int asyncio__posix_send_datagrams(struct posix *posix, struct descriptor *descriptor,
                                  uint8_t *ready, struct op *op)
{
    struct batch batch;
    for (int i = 0; i < SENDS && op->done < op->datagram_count; i++) {
        if (!(*ready & READY_OUT))
            return OP_PENDING;
        unsigned count =
            fill(posix, &batch, op->datagrams + op->done, op->datagram_count - op->done, true);
        int n = sendmmsg(descriptor->number, batch.headers, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            op->done += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            *ready &= (uint8_t)~READY_OUT;
        else if (n < 0 && errno != EINTR)
            return -errno;
    }
    return op->done < op->datagram_count ? OP_PENDING : (int)op->datagram_count;
}
