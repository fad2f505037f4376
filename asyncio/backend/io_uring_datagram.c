/* SPDX-License-Identifier: MIT */
/* The io_uring backend's receiving of datagrams. See io_uring.c for the model.
 *
 * DIRECT    How a handle begins: a multishot poll tells that there is something, and recvmmsg(2)
 *           takes it to where it belongs, many at a time. Nothing is better for bursts.
 * SINGLES   Where each datagram comes alone, as questions and answers do, that is one system call
 *           for each, besides the one that waits. After some of them a UDP socket's come by
 *           multishot recvmsg through provided buffers instead: with the completion. Bursts and
 *           large ones turn it back. (Those of AF_UNIX may be longer than any buffer.)
 * SPILL     What comes while nobody asks is kept, as the bytes of a stream are: each as the kernel
 *           has it in the buffer. So buffers are back in the ring at once, whoever is idle. Without
 *           memory it is lost, as datagrams are.
 * ORDER     While the kernel has the request, also one that was taken back, nothing is received
 *           directly.
 * EXHAUSTED No buffer was left: the request ends, what came is still in the socket, and the handle
 *           is direct again. */
#include "backend/io_uring.h"

#include <asyncio/datagram.h>
#include <errno.h>
#include <string.h>

enum {
    SINGLES = 8,        /* that were waited for, in a row: they turn a handle */
    SINGLE_SIZE = 8192, /* a larger one is better received straight to where it belongs */
    COMPANY = 2,        /* what one weighs that did not come alone; one that did takes 1 off */
    COMPANY_MAX = 8,    /* so much turns it back */
};

/* ---- datagrams as the kernel puts them down ---- */

static void copy(const struct ring_datagram *from, struct asyncio_datagram *datagram)
{
    size_t length = from->head.payloadlen;
    datagram->is_truncated = length > datagram->size || from->head.flags & MSG_TRUNC;
    datagram->length = length < datagram->size ? length : datagram->size;
    datagram->address_size =
        from->head.namelen < sizeof from->name ? from->head.namelen : (socklen_t)sizeof from->name;
    memcpy(&datagram->address, from->name, sizeof from->name); /* all: that takes no call */
    if (datagram->length)
        memcpy(datagram->data, from->bytes, datagram->length);
}

/* In the spill each begins where its numbers may lie. */
static uint32_t size_in_spill(const struct ring_datagram *datagram)
{
    const uint32_t align = _Alignof(struct ring_datagram);
    return ((uint32_t)sizeof *datagram + datagram->head.payloadlen + align - 1) / align * align;
}

static int take_spilled(struct handle *handle, struct op *op)
{
    unsigned n = 0;
    while (n < op->datagram_count && handle->spill_count) {
        const struct ring_datagram *from =
            (const void *)(handle->spill + handle->spill_head);
        uint32_t size = size_in_spill(from);
        copy(from, &op->datagrams[n++]);
        asyncio__uring_spill_drop(handle, size);
    }
    return (int)n;
}

/* ---- receiving ---- */

static void turn_direct(struct uring *uring, struct handle *handle)
{
    handle->is_direct = true;
    handle->ready = READY_IN;
    handle->bulk_count = handle->small_count = 0;
    unwant(uring, handle, DATAGRAMS);
}

static void turn_to_buffers(struct uring *uring, struct handle *handle)
{
    handle->small_count = 0;
    if (!handle->descriptor.is_udp || posix_is_chopped(&uring->posix) || uring->is_without ||
        asyncio__ring_provide_datagrams(&uring->ring) < 0)
        return;
    handle->is_direct = false;
    handle->bulk_count = 0;
    unwant(uring, handle, READABLE);
}

/* What is there already, or OP_PENDING. */
static int receive_now(struct uring *uring, struct handle *handle, struct op *op)
{
    if (handle->spill_count)
        return take_spilled(handle, op);
    if (handle->armed & bit(DATAGRAMS))
        return OP_PENDING;
    int error = handle->recv_error;
    handle->recv_error = 0;
    if (error)
        return error;
    return handle->is_direct ? asyncio__posix_recv_datagrams(&uring->posix, &handle->descriptor,
                                                             &handle->ready, op)
                             : OP_PENDING;
}

/* Sees to it that a pending op gets somewhere. */
static void await_datagrams(struct uring *uring, struct handle *handle)
{
    if (handle->armed & bit(DATAGRAMS))
        return;
    if (!handle->is_direct)
        want(uring, handle, DATAGRAMS);
    else if (!(handle->armed & (unsigned)~handle->unwanted & bit(READABLE)))
        want(uring, handle, READABLE);
}

int asyncio__uring_submit_recv_datagrams(struct uring *uring, struct handle *handle, struct op *op)
{
    int r = receive_now(uring, handle, op);
    if (r != OP_PENDING) {
        handle->small_count = 0;
        return r;
    }
    if (handle->small_count >= SINGLES)
        turn_to_buffers(uring, handle);
    handle->reader = op;
    await_datagrams(uring, handle);
    return OP_PENDING;
}

int asyncio__uring_run_datagrams(struct uring *uring, struct handle *handle)
{
    struct op *op = handle->reader;
    int r = receive_now(uring, handle, op);
    if (r == OP_PENDING) {
        await_datagrams(uring, handle);
        return 0;
    }
    bool is_single = r == 1 && op->datagrams->length < SINGLE_SIZE;
    handle->small_count = is_single ? (uint8_t)(handle->small_count + 1) : 0;
    return finish(&handle->reader, r);
}

/* ---- with the completion ---- */

void asyncio__uring_prepare_datagrams(struct uring *uring, const struct handle *handle,
                                      struct io_uring_sqe *sqe)
{
    uring->datagram_shape = (struct msghdr){ .msg_namelen =
                                                 sizeof((struct ring_datagram *)0)->name };
    io_uring_prep_recvmsg_multishot(sqe, handle->descriptor.number, &uring->datagram_shape, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = RING_DATAGRAM_GROUP;
}

static int on_datagram(struct uring *uring, struct handle *handle, const struct io_uring_cqe *cqe)
{
    const struct ring_datagram *datagram = ring_datagram(&uring->ring, cqe);
    struct op *op = handle->reader; /* and then nothing is kept */
    bool is_single = op && cqe->res < SINGLE_SIZE;
    uring->received += (size_t)cqe->res;
    if (op)
        copy(datagram, op->datagrams);
    else if (!handle->is_closing)
        (void)asyncio__uring_spill_add(handle, (const char *)datagram, size_in_spill(datagram));
    ring_release_datagram(&uring->ring, cqe);
    if (is_single)
        handle->bulk_count = (uint8_t)(handle->bulk_count - (handle->bulk_count > 0));
    else if ((handle->bulk_count = (uint8_t)(handle->bulk_count + COMPANY)) >= COMPANY_MAX ||
             handle->spill_count > SPILL_MAX)
        turn_direct(uring, handle);
    return op ? finish(&handle->reader, 1) : 0;
}

static void on_none(struct uring *uring, struct handle *handle, const struct io_uring_cqe *cqe,
                    bool was_unwanted)
{
    if (cqe->flags & IORING_CQE_F_BUFFER)
        ring_release_datagram(&uring->ring, cqe);
    if (cqe->res == -ENOBUFS)
        turn_direct(uring, handle);
    else if (cqe->res == -ECANCELED && !was_unwanted)
        handle->recv_error = -EIO;
    else if (cqe->res != -ECANCELED && cqe->res != -EAGAIN && cqe->res != -EINTR)
        handle->recv_error = cqe->res;
}

int asyncio__uring_on_datagrams(struct uring *uring, struct handle *handle,
                                const struct io_uring_cqe *cqe, bool was_unwanted)
{
    int completed = 0;
    if (cqe->res >= (int)sizeof(struct ring_datagram))
        completed = on_datagram(uring, handle, cqe);
    else
        on_none(uring, handle, cqe, was_unwanted);
    if (handle->is_closing || handle->armed & bit(DATAGRAMS))
        return completed;
    return completed + asyncio__uring_run_reader(uring, handle);
}
