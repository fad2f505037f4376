/* SPDX-License-Identifier: MIT */
/* Operations on files by io_uring: requests of no handle, in a list until the next poll. */
#include "backend/io_uring.h"

#include "backend/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

_Static_assert(_Alignof(max_align_t) > KIND_MASK, "what is allocated leaves room for the kind");

static void prepare(struct file_op *op, struct io_uring_sqe *sqe)
{
    unsigned size = op->size < INT_MAX ? (unsigned)op->size : INT_MAX;
    uint64_t offset = (uint64_t)op->offset; /* FILE_HERE is the kernel's, too */
    const char *path = op->path ? op->path : "";
    switch ((enum file_kind)op->kind) {
    case FILE_OPEN:
        io_uring_prep_openat(sqe, AT_FDCWD, op->path, op->flags | O_CLOEXEC, op->mode);
        /* at first it would be tried as non-blocking: wrong for a FIFO */
        sqe->flags |= IOSQE_ASYNC;
        break;
    case FILE_CLOSE: io_uring_prep_close(sqe, op->descriptor); break;
    case FILE_READ: io_uring_prep_read(sqe, op->descriptor, op->data, size, offset); break;
    case FILE_WRITE: io_uring_prep_write(sqe, op->descriptor, op->data, size, offset); break;
    case FILE_FSYNC:
        io_uring_prep_fsync(sqe, op->descriptor, op->flags ? IORING_FSYNC_DATASYNC : 0);
        break;
    case FILE_STAT:
        io_uring_prep_statx(sqe, op->path ? AT_FDCWD : op->descriptor, path,
                            op->path ? (op->flags ? AT_SYMLINK_NOFOLLOW : 0) : AT_EMPTY_PATH,
                            STATX_BASIC_STATS, &op->extended);
        break;
    case FILE_RENAME:
        io_uring_prep_renameat(sqe, AT_FDCWD, op->path, AT_FDCWD, op->other, 0);
        break;
    case FILE_UNLINK:
        io_uring_prep_unlinkat(sqe, AT_FDCWD, op->path, op->flags ? AT_REMOVEDIR : 0);
        break;
    case FILE_MKDIR: io_uring_prep_mkdirat(sqe, AT_FDCWD, op->path, op->mode); break;
    case FILE_TRUNCATE:
    case FILE_LIST:
    case FILE_WHOLE: break; /* refused before; goes its own way */
    }
    sqe->user_data = (uintptr_t)op | REQUEST_FILE;
}

static bool has(const struct uring *uring, enum file_kind kind)
{
    static const uint8_t opcodes[] = {
        [FILE_OPEN] = IORING_OP_OPENAT,     [FILE_CLOSE] = IORING_OP_CLOSE,
        [FILE_READ] = IORING_OP_READ,       [FILE_WRITE] = IORING_OP_WRITE,
        [FILE_FSYNC] = IORING_OP_FSYNC,     [FILE_STAT] = IORING_OP_STATX,
        [FILE_RENAME] = IORING_OP_RENAMEAT, [FILE_UNLINK] = IORING_OP_UNLINKAT,
        [FILE_MKDIR] = IORING_OP_MKDIRAT,
    };
    return kind != FILE_LIST && kind != FILE_TRUNCATE && ring_has(&uring->ring, opcodes[kind]);
}

int asyncio__uring_file(struct backend *backend, struct file_op *op)
{
    struct uring *uring = uring_of(backend);
    if (uring->is_without)
        return -EOPNOTSUPP;
    if (op->kind == FILE_WHOLE)
        return asyncio__uring_whole(uring, op);
    if (!has(uring, op->kind) || asyncio__file_write_signals(op))
        return -EOPNOTSUPP;
    op->state = FILE_QUEUED;
    list_append(&uring->files, &op->link);
    return 0;
}

/* False: the ring is full. */
static bool hand_in(struct uring *uring, struct file_op *op)
{
    if (op->kind == FILE_WHOLE)
        return asyncio__uring_hand_in_whole(uring, op);
    struct io_uring_sqe *sqe = asyncio__ring_request(&uring->ring);
    if (!sqe)
        return false;
    prepare(op, sqe);
    uring->in_kernel++;
    return true;
}

static bool take_back(struct uring *uring, const struct file_op *op)
{
    if (op->kind == FILE_WHOLE)
        return asyncio__uring_take_back_whole(uring, op);
    struct io_uring_sqe *sqe = asyncio__ring_request(&uring->ring);
    if (!sqe)
        return false;
    io_uring_prep_cancel64(sqe, (uintptr_t)op | REQUEST_FILE, 0);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = DATA_IGNORED;
    return true;
}

void asyncio__uring_flush_files(struct uring *uring)
{
    asyncio__uring_close_slots(uring);
    if (uring->closing_slots)
        return; /* the ring is full */
    for (struct list *link; (link = list_pop(&uring->files));) {
        struct file_op *op = container_of(link, struct file_op, link);
        bool is_new = op->state == FILE_QUEUED;
        if (!(is_new ? hand_in(uring, op) : take_back(uring, op))) {
            list_prepend(&uring->files, link);
            return;
        }
        if (is_new)
            op->state = FILE_IN_KERNEL;
        list_append(&uring->files_in_kernel, &op->link);
    }
}

int asyncio__uring_file_cancel(struct backend *backend, struct file_op *op)
{
    struct uring *uring = uring_of(backend);
    if (op->state == FILE_QUEUED || backend_is_inherited(backend)) {
        list_remove(&op->link);
        op->state = FILE_IDLE;
        if (op->kind == FILE_WHOLE)
            asyncio__uring_drop_whole(uring, op);
        return 1;
    }
    if (op->state == FILE_IN_KERNEL) {
        op->state = FILE_CANCELLED;
        list_remove(&op->link);
        list_append(&uring->files, &op->link);
    }
    return op->state == FILE_IDLE;
}

/* By the kernel's own numbers, which it keeps to itself elsewhere (Linux 6.18: of an open). */
static bool is_interrupted(int result)
{
    enum { RESTART_FIRST = 512, RESTART_LAST = 516 };
    return -result >= RESTART_FIRST && -result <= RESTART_LAST;
}

int asyncio__uring_on_file(struct uring *uring, const struct io_uring_cqe *cqe)
{
    struct file_op *op =
        (struct file_op *)(uintptr_t)(cqe->user_data & ~(uint64_t)KIND_MASK);
    int result = cqe->res;
    uring->in_kernel--;
    if (op->state != FILE_CANCELLED && result == -ECANCELED)
        result = -EIO; /* nobody asked for it */
    if (op->state == FILE_CANCELLED && (result == -EINTR || is_interrupted(result)))
        result = -ECANCELED;
    list_remove(&op->link);
    op->state = FILE_IDLE;
    if (op->kind == FILE_STAT && result >= 0)
        asyncio__file_status(&op->extended, op->status);
    op->complete(op, result);
    return 1;
}

/* ---- without a ring ---- */

void asyncio__uring_file_again(struct uring *uring, struct file_op *op)
{
    list_remove(&op->link);
    list_append(&uring->files, &op->link);
    if (op->state == FILE_IN_KERNEL)
        op->state = FILE_QUEUED;
}

static int end(struct file_op *op, int result)
{
    bool was_cancelled = op->state == FILE_CANCELLED;
    list_remove(&op->link);
    op->state = FILE_IDLE;
    op->complete(op, was_cancelled ? -ECANCELED : result);
    return 1;
}

int asyncio__uring_end_files(struct uring *uring)
{
    int completed = 0;
    while (!list_empty(&uring->files_in_kernel))
        completed += end(container_of(uring->files_in_kernel.next, struct file_op, link), -EIO);
    return completed;
}

int asyncio__uring_run_files(struct uring *uring)
{
    int completed = 0;
    while (!list_empty(&uring->files)) {
        struct file_op *op = container_of(uring->files.next, struct file_op, link);
        /* its file went with the ring */
        bool is_begun = op->kind == FILE_WHOLE && op->chain.is_kept;
        completed += end(op, op->state == FILE_CANCELLED ? 0
                             : is_begun                  ? -EIO
                                                         : asyncio__file_run(op));
    }
    return completed;
}
