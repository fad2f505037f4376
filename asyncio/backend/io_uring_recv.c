/* SPDX-License-Identifier: MIT */
/* The io_uring backend's receiving half: small messages by multishot receive and through the
 * spill, large ones straight to where they belong. See io_uring.c for the model. */
#include "backend/io_uring.h"

#include "base/alloc.h"

#include <errno.h>
#include <string.h>

enum {
    SPILL_KEPT = 4096, /* an empty spill larger than this is freed */
    BULK_SIZE = 8192,  /* a message that is better read straight to where it belongs */
    BULK_COUNT = 2,    /* how many of them turn a handle */
    SMALL_SIZE = 2048,
    SMALL_COUNT = 8,
};

/* ---- the spill: bytes that came before anybody asked ---- */

int asyncio__uring_spill_add(struct handle *handle, const char *bytes, uint32_t size)
{
    if (handle->spill_head &&
        handle->spill_head + handle->spill_count + size > handle->spill_capacity) {
        memmove(handle->spill, handle->spill + handle->spill_head, handle->spill_count);
        handle->spill_head = 0;
    }
    if (handle->spill_count + size > handle->spill_capacity) {
        uint32_t capacity = handle->spill_capacity ? handle->spill_capacity * 2 : 1024;
        while (capacity < handle->spill_count + size)
            capacity *= 2;
        char *grown = asyncio__realloc(handle->spill, capacity);
        if (!grown)
            return -ENOMEM;
        handle->spill = grown;
        handle->spill_capacity = capacity;
    }
    memcpy(handle->spill + handle->spill_head + handle->spill_count, bytes, size);
    handle->spill_count += size;
    return 0;
}

void asyncio__uring_spill_drop(struct handle *handle, uint32_t size)
{
    handle->spill_head += size;
    handle->spill_count -= size;
    if (handle->spill_count)
        return;
    handle->spill_head = 0;
    if (handle->spill_capacity > SPILL_KEPT) {
        asyncio__free(handle->spill);
        handle->spill = NULL;
        handle->spill_capacity = 0;
    }
}

static int spill_take(struct uring *uring, struct handle *handle, struct op *op)
{
    size_t size = op->size < uring->posix.chop ? op->size : uring->posix.chop;
    if (size > handle->spill_count)
        size = handle->spill_count;
    memcpy(op->data, handle->spill + handle->spill_head, size);
    asyncio__uring_spill_drop(handle, (uint32_t)size);
    return (int)size;
}

/* ---- receiving ---- */

/* Bytes, the end or an error that are there already, or OP_PENDING. */
static int recv_now(struct uring *uring, struct handle *handle, struct op *op)
{
    if (handle->spill_count)
        return spill_take(uring, handle, op);
    if (handle->armed & bit(RECV))
        return OP_PENDING; /* the next bytes come that way, and in order */
    int error = handle->recv_error;
    if (error) {
        if (error != -ENOMEM) /* bytes are missing: the stream stays broken */
            handle->recv_error = 0;
        return error;
    }
    if (handle->has_eof)
        return 0;
    if (!handle->is_direct)
        return OP_PENDING;
    int n = posix_try_recv(&uring->posix, &handle->descriptor, &handle->ready, op);
    uring->received += n > 0 ? (size_t)n : 0;
    handle->small_count = n >= 0 && n < SMALL_SIZE && !(handle->ready & READY_IN)
                              ? (uint8_t)(handle->small_count + 1)
                          : n == OP_PENDING ? handle->small_count
                                            : 0;
    if (handle->small_count >= SMALL_COUNT && handle->descriptor.is_stream) {
        handle->is_direct = false;
        handle->small_count = handle->bulk_count = 0;
        unwant(uring, handle, READABLE);
    }
    return n;
}

/* Whether recv_now would give something, most likely. */
static bool gives_now(const struct handle *handle)
{
    if (handle->spill_count)
        return true;
    if (handle->armed & bit(RECV))
        return false;
    return handle->recv_error || handle->has_eof || (handle->is_direct && handle->ready & READY_IN);
}

/* Sees to it that a pending OP_RECV or OP_READABLE gets somewhere. */
static void await_bytes(struct uring *uring, struct handle *handle)
{
    if (!(handle->armed & bit(RECV)))
        want(uring, handle, handle->is_direct ? READABLE : RECV);
}

/* Whether the ring may hold completions of a request that were not looked at yet. */
static bool has_completed(const struct ring *ring, uint64_t data)
{
    for (unsigned i = 0, count = ring_completions(ring); i < count; i++)
        if (ring_ahead(ring, i)->user_data == data)
            return true;
    return ring_has_overflow(ring);
}

int asyncio__uring_is_readable(struct backend *backend, sock socket)
{
    struct uring *uring = uring_of(backend);
    struct handle *handle = posix_get(backend, socket);
    if (handle && (handle->spill_count || handle->recv_error || handle->has_eof))
        return 1;
    int r = asyncio__posix_is_readable(backend, socket);
    /* after the socket: what the kernel receives meanwhile is there then */
    if (r == 0 && handle->armed & bit(RECV))
        return has_completed(&uring->ring, request_data(handle, RECV));
    return r;
}

int asyncio__uring_run_reader(struct uring *uring, struct handle *handle)
{
    if (handle->reader && handle->reader->kind == OP_RECV_DATAGRAMS)
        return asyncio__uring_run_datagrams(uring, handle);
    if (!handle->reader || (handle->reader->kind != OP_RECV && handle->reader->kind != OP_READABLE))
        return 0;
    int r = handle->reader->kind == OP_RECV ? recv_now(uring, handle, handle->reader)
            : gives_now(handle)             ? 1
                                            : OP_PENDING;
    if (r != OP_PENDING)
        return finish(&handle->reader, r);
    await_bytes(uring, handle);
    return 0;
}

static void turn_direct(struct uring *uring, struct handle *handle)
{
    handle->is_direct = true;
    handle->ready = READY_IN;
    handle->small_count = 0;
    unwant(uring, handle, RECV);
}

static void keep_bytes(struct uring *uring, struct handle *handle, const char *bytes, size_t size)
{
    if (asyncio__uring_spill_add(handle, bytes, (uint32_t)size) < 0) {
        handle->recv_error = -ENOMEM;
        unwant(uring, handle, RECV);
    } else if (handle->spill_count > SPILL_MAX) {
        turn_direct(uring, handle);
    }
}

static int on_bytes(struct uring *uring, struct handle *handle, const struct io_uring_cqe *cqe)
{
    const char *bytes = ring_bytes(&uring->ring, cqe);
    size_t size = (size_t)cqe->res, taken = 0;
    uring->received += size;
    struct op *op = handle->reader;
    if (op && op->kind == OP_RECV && handle->spill_count == 0) {
        taken = op->size < uring->posix.chop ? op->size : uring->posix.chop;
        taken = size < taken ? size : taken;
        memcpy(op->data, bytes, taken);
    }
    if (taken < size && handle->recv_error != -ENOMEM && !handle->is_closing)
        keep_bytes(uring, handle, bytes + taken, size - taken);
    ring_release(&uring->ring, cqe);
    if (size < BULK_SIZE)
        handle->bulk_count = 0;
    else if (++handle->bulk_count >= BULK_COUNT && !handle->is_direct)
        turn_direct(uring, handle);
    if (op && op->kind == OP_READABLE)
        return finish(&handle->reader, 1);
    return taken ? finish(&handle->reader, (int)taken) : 0;
}

static int recv_without_buffer(struct uring *uring, struct handle *handle)
{
    handle->ready = READY_IN;
    int n = asyncio__posix_recv(&uring->posix, &handle->descriptor, &handle->ready, handle->reader);
    uring->received += n > 0 ? (size_t)n : 0;
    if (n != OP_PENDING)
        return finish(&handle->reader, n);
    await_bytes(uring, handle);
    return 0;
}

bool asyncio__uring_on_message(struct uring *uring, struct handle *handle,
                               const struct io_uring_cqe *cqe)
{
    struct op *op = handle->reader;
    size_t size = (size_t)cqe->res;
    if (cqe->res <= 0 || !op || handle->spill_count || size >= BULK_SIZE || size > op->size ||
        size > uring->posix.chop)
        return false;
    memcpy(op->data, ring_bytes(&uring->ring, cqe), size);
    ring_release(&uring->ring, cqe);
    uring->received += size;
    handle->bulk_count = 0;
    finish(&handle->reader, (int)size);
    return true;
}

int asyncio__uring_on_recv(struct uring *uring, struct handle *handle,
                           const struct io_uring_cqe *cqe, bool was_unwanted)
{
    int completed = 0;
    if (cqe->flags & IORING_CQE_F_BUFFER && cqe->res <= 0)
        ring_release(&uring->ring, cqe);
    if (cqe->res > 0)
        completed = on_bytes(uring, handle, cqe);
    else if (cqe->res == 0)
        handle->has_eof = true;
    else if (cqe->res == -ECANCELED && !was_unwanted)
        handle->recv_error = -EIO;
    else if (cqe->res != -ECANCELED && cqe->res != -ENOBUFS && cqe->res != -EAGAIN &&
             cqe->res != -EINTR)
        handle->recv_error = cqe->res;
    if (handle->is_closing || handle->armed & bit(RECV))
        return completed;
    /* All buffers of this turn are taken. The bytes are there: no need to ask again and again. */
    if (cqe->res == -ENOBUFS && handle->reader && handle->reader->kind == OP_RECV &&
        handle->spill_count == 0)
        return completed + recv_without_buffer(uring, handle);
    return completed + asyncio__uring_run_reader(uring, handle);
}

int asyncio__uring_on_readable(struct uring *uring, struct handle *handle,
                               const struct io_uring_cqe *cqe)
{
    unsigned overheard = descriptor_tells_left(&handle->descriptor) ? POLLPRI : 0U;
    if (cqe->res > 0)
        descriptor_on_events(&handle->ready, (uint32_t)cqe->res & ~overheard);
    else if (cqe->res != -ECANCELED)
        handle->ready |= READY_IN; /* let the call itself say what is wrong */
    return handle->is_closing ? 0 : asyncio__uring_run_reader(uring, handle);
}

int asyncio__uring_submit_readable(struct uring *uring, struct handle *handle, struct op *op)
{
    op->size = 0; /* nothing is stored there */
    if (gives_now(handle))
        return 1;
    await_bytes(uring, handle);
    handle->reader = op;
    return OP_PENDING;
}

int asyncio__uring_submit_recv(struct uring *uring, struct handle *handle, struct op *op)
{
    if (handle->reader)
        return -EBUSY;
    if (!(handle->armed & bit(RECV)) || handle->spill_count) {
        int r = recv_now(uring, handle, op);
        if (r != OP_PENDING)
            return r;
        await_bytes(uring, handle);
    }
    handle->reader = op;
    op->flags = 0;
    op->state = OP_QUEUED;
    return OP_PENDING;
}
