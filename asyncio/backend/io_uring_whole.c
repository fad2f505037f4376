/* SPDX-License-Identifier: MIT */
/* Whole files by io_uring: opened and read by one chain of requests, without a descriptor.
 *
 * MODEL     Three linked requests: open into a slot of the ring's own table of files; read; read
 *           once more behind that. A short read says nothing about the end, so the second, which
 *           brings nothing where the first brought all, is there to see it. Each has its
 *           completion, also when an earlier one failed, and the last decides. The reads go by the
 *           file's position, which is behind the first whatever that brought.
 * LARGE     Where more follows, the file gets a descriptor (WHOLE_KEEP), and who asked reads on
 *           from there. Nothing is opened twice: what was read from a pipe is not lost.
 * SLOTS     belong to the ring, and end with it. The file of one that is done with is closed by a
 *           request of the next turn, before any that opens: requests begin in their order, so the
 *           slot is free already. None is, or a kernel before 6.8: -EOPNOTSUPP, and others do it.
 * CANCEL    asks for all steps, and again after the first read: its end begins the second. */
#include "backend/io_uring.h"

#include "backend/file.h"
#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum {
    SLOTS = 64,
    CHAIN = 3,
    TAIL_SIZE = 256, /* of the buffer, for the second read */
};

static uint64_t data_of(const struct file_op *op, unsigned step)
{
    return (uintptr_t)op | step;
}

static uint64_t slot_bit(const struct file_op *op)
{
    return UINT64_C(1) << op->descriptor;
}

static bool has_slots(struct uring *uring)
{
    if (uring->has_slots || uring->has_no_slots || !uring->ring.is_enabled)
        return uring->has_slots;
    uring->has_slots = uring->ring.uring.sq.ring_entries > CHAIN &&
                       ring_has(&uring->ring, RING_OP_FIXED_FD_INSTALL) &&
                       ring_has(&uring->ring, IORING_OP_OPENAT) && !asyncio__alloc_fails() &&
                       io_uring_register_files_sparse(&uring->ring.uring, SLOTS) >= 0;
    uring->has_no_slots = !uring->has_slots;
    uring->free_slots = uring->has_slots ? UINT64_MAX >> (64 - SLOTS) : 0;
    return uring->has_slots;
}

int asyncio__uring_whole(struct uring *uring, struct file_op *op)
{
    if (!has_slots(uring) || !uring->free_slots || op->size <= TAIL_SIZE)
        return -EOPNOTSUPP;
    op->descriptor = __builtin_ctzll(uring->free_slots);
    uring->free_slots &= ~slot_bit(op);
    op->chain.is_kept = false;
    op->state = FILE_QUEUED;
    list_append(&uring->files, &op->link);
    return 0;
}

/* ---- handing in ---- */

static struct io_uring_sqe *request_of(struct uring *uring, const struct file_op *op, unsigned step)
{
    struct io_uring_sqe *sqe = asyncio__ring_request(&uring->ring);
    if (sqe)
        sqe->user_data = data_of(op, step);
    return sqe;
}

static void prepare_read(struct io_uring_sqe *sqe, const struct file_op *op, unsigned step)
{
    size_t first = op->size - TAIL_SIZE;
    char *data = op->data;
    if (step == WHOLE_READ)
        io_uring_prep_read(sqe, op->descriptor, data, (unsigned)first, (uint64_t)FILE_HERE);
    else
        io_uring_prep_read(sqe, op->descriptor, data + first, TAIL_SIZE, (uint64_t)FILE_HERE);
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = data_of(op, step);
}

static bool hand_in_keep(struct uring *uring, struct file_op *op)
{
    struct io_uring_sqe *sqe = request_of(uring, op, WHOLE_KEEP);
    if (!sqe)
        return false;
    io_uring_prep_rw(RING_OP_FIXED_FD_INSTALL, sqe, op->descriptor, NULL, 0, 0); /* close-on-exec */
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = data_of(op, WHOLE_KEEP);
    uring->in_kernel++;
    op->chain.awaited = 1;
    return true;
}

/* A chain may not be torn apart by the system call that makes room. */
bool asyncio__uring_hand_in_whole(struct uring *uring, struct file_op *op)
{
    if (op->chain.is_kept)
        return hand_in_keep(uring, op);
    if (ring_room(&uring->ring) < CHAIN)
        asyncio__ring_enter(&uring->ring, 0, 0);
    if (ring_room(&uring->ring) < CHAIN)
        return false;
    struct io_uring_sqe *sqe = request_of(uring, op, WHOLE_OPEN);
    io_uring_prep_openat_direct(sqe, AT_FDCWD, op->path, O_RDONLY, 0, (unsigned)op->descriptor);
    sqe->user_data = data_of(op, WHOLE_OPEN);
    sqe->flags |= IOSQE_IO_LINK;
    sqe = request_of(uring, op, WHOLE_READ);
    prepare_read(sqe, op, WHOLE_READ);
    sqe->flags |= IOSQE_IO_HARDLINK; /* a short read ends a softer one */
    sqe = request_of(uring, op, WHOLE_TAIL);
    prepare_read(sqe, op, WHOLE_TAIL);
    uring->in_kernel += CHAIN;
    op->chain.awaited = CHAIN;
    return true;
}

bool asyncio__uring_take_back_whole(struct uring *uring, const struct file_op *op)
{
    for (unsigned step = REQUEST_WHOLE; step < WHOLE_STEPS_END; step++) {
        struct io_uring_sqe *sqe = asyncio__ring_request(&uring->ring);
        if (!sqe)
            return false;
        io_uring_prep_cancel64(sqe, data_of(op, step), 0);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = DATA_IGNORED;
    }
    return true;
}

void asyncio__uring_drop_whole(struct uring *uring, const struct file_op *op)
{
    uring->free_slots |= slot_bit(op);
    if (op->chain.is_kept)
        uring->closing_slots |= slot_bit(op);
}

void asyncio__uring_close_slots(struct uring *uring)
{
    while (uring->closing_slots) {
        struct io_uring_sqe *sqe = asyncio__ring_request(&uring->ring);
        if (!sqe)
            return;
        unsigned slot = (unsigned)__builtin_ctzll(uring->closing_slots);
        io_uring_prep_close_direct(sqe, slot);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = DATA_IGNORED;
        uring->closing_slots &= ~(UINT64_C(1) << slot);
    }
}

/* ---- completing ---- */

static int end(struct uring *uring, struct file_op *op, int descriptor, int result)
{
    bool is_cancelled = op->state == FILE_CANCELLED;
    if (result == -ECANCELED && !is_cancelled)
        result = -EIO; /* nobody asked for it */
    if (result == -EINTR && is_cancelled)
        result = -ECANCELED;
    uring->free_slots |= slot_bit(op);
    if (op->chain.opened >= 0)
        uring->closing_slots |= slot_bit(op);
    op->descriptor = descriptor;
    op->state = FILE_IDLE;
    op->complete(op, result);
    return 1;
}

/* What was read, without the gap; at least one of both reads brought something to fill it. */
static int join(const struct file_op *op)
{
    size_t first = op->size - TAIL_SIZE, read = (size_t)op->chain.read;
    if (op->chain.tail && read < first)
        memmove((char *)op->data + read, (char *)op->data + first, (size_t)op->chain.tail);
    return op->chain.read + op->chain.tail;
}

static int ended(struct uring *uring, struct file_op *op)
{
    int error = op->chain.opened < 0 ? op->chain.opened
                : op->chain.read < 0 ? op->chain.read
                                     : op->chain.tail;
    if (error < 0)
        return end(uring, op, -1, error);
    if (op->chain.tail == 0)
        return end(uring, op, -1, op->chain.read);
    if (op->state == FILE_CANCELLED)
        return end(uring, op, -1, -ECANCELED);
    op->chain.read = join(op);
    op->chain.is_kept = true;
    op->state = FILE_QUEUED;
    list_append(&uring->files, &op->link);
    return 0;
}

int asyncio__uring_on_whole(struct uring *uring, const struct io_uring_cqe *cqe)
{
    struct file_op *op = (struct file_op *)(uintptr_t)(cqe->user_data & ~(uint64_t)KIND_MASK);
    unsigned step = (unsigned)(cqe->user_data & KIND_MASK);
    uring->in_kernel--;
    if (step == WHOLE_OPEN)
        op->chain.opened = cqe->res;
    else if (step == WHOLE_READ)
        op->chain.read = cqe->res;
    else if (step == WHOLE_TAIL)
        op->chain.tail = cqe->res;
    bool is_over = --op->chain.awaited == 0;
    if (is_over || (op->state == FILE_CANCELLED && step == WHOLE_READ))
        list_remove(&op->link);
    if (!is_over) {
        if (op->state == FILE_CANCELLED && step == WHOLE_READ)
            list_append(&uring->files, &op->link);
        return 0;
    }
    if (step == WHOLE_KEEP)
        return end(uring, op, cqe->res < 0 ? -1 : cqe->res,
                   cqe->res < 0 ? cqe->res : op->chain.read);
    return ended(uring, op);
}
