/* SPDX-License-Identifier: MIT */
/* Operations on files, by system calls. See file.h. */
#include "backend/file.h"

#include "base/alloc.h"
#include "base/quiet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NAMES_MIN = 1024 };

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

static int result_of(ssize_t r)
{
    return r < 0 ? -errno : r > INT_MAX ? INT_MAX : (int)r;
}

static size_t transfer(const struct file_op *op)
{
    return op->size < INT_MAX ? op->size : INT_MAX;
}

/* ---- what may wait ---- */

static int add_name(struct file_op *op, size_t *capacity, const char *name)
{
    size_t size = strlen(name) + 1;
    if (op->size + size > *capacity) {
        size_t wanted = *capacity ? *capacity * 2 : NAMES_MIN;
        char *grown = asyncio__realloc(op->data, wanted);
        if (!grown)
            return -ENOMEM;
        op->data = grown;
        *capacity = wanted;
    }
    memcpy((char *)op->data + op->size, name, size);
    op->size += size;
    return 0;
}

/* How many names there are, without "." and "..". */
static int list_folder(struct file_op *op)
{
    DIR *folder = opendir(op->path);
    if (!folder)
        return -errno;
    size_t capacity = 0;
    int count = 0, r = 0;
    op->data = NULL;
    op->size = 0;
    while (r >= 0) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry) {
            r = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if ((r = add_name(op, &capacity, entry->d_name)) >= 0)
            count++;
    }
    closedir(folder);
    if (r >= 0)
        return count;
    asyncio__free(op->data);
    op->data = NULL;
    return r;
}

/* That its end is there is seen by a read that brings nothing: a short one says nothing. */
static int read_whole(struct file_op *op)
{
    size_t size = 0;
    int number = open(op->path, O_RDONLY | O_CLOEXEC);
    if (number < 0)
        return -errno;
    while (size < op->size) {
        ssize_t n = read(number, (char *)op->data + size, op->size - size);
        if (n < 0 && errno == EINTR)
            continue;
        int error = errno;
        if (n <= 0) {
            close(number);
            op->descriptor = -1;
            return n < 0 ? -error : (int)size;
        }
        size += (size_t)n;
    }
    op->descriptor = number;
    return (int)size;
}

/* A pipe may be broken, a file as large as it may become. */
static ssize_t change(const struct file_op *op)
{
    struct quiet quiet;
    asyncio__quiet_begin(&quiet);
    ssize_t n = op->kind == FILE_TRUNCATE ? ftruncate(op->descriptor, op->offset)
                : op->offset < 0 ? write(op->descriptor, op->data, transfer(op))
                                 : pwrite(op->descriptor, op->data, transfer(op), op->offset);
    asyncio__quiet_end(&quiet, n < 0 && (errno == EPIPE || errno == EFBIG));
    return n;
}

static bool is_limited(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY;
}

static bool is_pipe(int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 &&
           (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

bool asyncio__file_write_signals(const struct file_op *op)
{
    return op->kind == FILE_WRITE &&
           (is_limited() || (op->offset < 0 && is_pipe(op->descriptor)));
}

static int run_once(struct file_op *op)
{
    switch ((enum file_kind)op->kind) {
    case FILE_OPEN: return result_of(open(op->path, op->flags | O_CLOEXEC, op->mode));
    case FILE_CLOSE: return close(op->descriptor) < 0 && errno != EINTR ? -errno : 0;
    case FILE_READ:
        return result_of(op->offset < 0
                             ? read(op->descriptor, op->data, transfer(op))
                             : pread(op->descriptor, op->data, transfer(op), op->offset));
    case FILE_WRITE:
    case FILE_TRUNCATE: return result_of(change(op));
    case FILE_FSYNC:
        return result_of(op->flags ? fdatasync(op->descriptor) : fsync(op->descriptor));
    case FILE_STAT:
        return result_of(!op->path   ? fstat(op->descriptor, op->status)
                         : op->flags ? lstat(op->path, op->status)
                                     : stat(op->path, op->status));
    case FILE_RENAME: return result_of(rename(op->path, op->other));
    case FILE_UNLINK: return result_of(op->flags ? rmdir(op->path) : unlink(op->path));
    case FILE_MKDIR: return result_of(mkdir(op->path, op->mode));
    case FILE_LIST: return list_folder(op);
    case FILE_WHOLE: return read_whole(op);
    }
    return -EINVAL;
}

int asyncio__file_run(struct file_op *op)
{
    int r;
    do
        r = run_once(op);
    while (r == -EINTR);
    return r;
}

/* ---- what does not wait ---- */

/* A FIFO would wait for its other end, and must not be opened in passing. For what is kept, being
 * non-blocking means nothing. */
static int try_open(const struct file_op *op)
{
    struct open_how how = { .flags = (unsigned)(op->flags | O_CLOEXEC | O_NONBLOCK),
                            .resolve = RESOLVE_CACHED };
    struct stat status;
    if (op->flags & (O_CREAT | O_TRUNC | O_PATH) || (op->flags & O_ACCMODE) != O_RDONLY ||
        op->flags & ~(O_ACCMODE | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW))
        return FILE_WOULD_WAIT;
    int number = (int)syscall(SYS_openat2, AT_FDCWD, op->path, &how, sizeof how);
    if (number < 0) /* -EAGAIN is what it says; the others are told by who asks again */
        return FILE_WOULD_WAIT;
    if (fstat(number, &status) < 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
        close(number);
        return FILE_WOULD_WAIT;
    }
    if (op->status)
        *op->status = status;
    return number;
}

static int try_read(const struct file_op *op)
{
    struct iovec piece = { op->data, transfer(op) };
    ssize_t n = preadv2(op->descriptor, &piece, 1, op->offset, RWF_NOWAIT);
    return n < 0 ? FILE_WOULD_WAIT : (int)n;
}

/* Nothing was written that closing would have to bring somewhere. */
static int try_close(struct file_op *op)
{
    int flags = fcntl(op->descriptor, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY ? asyncio__file_run(op) : FILE_WOULD_WAIT;
}

/* Nothing is read yet: who has the size reads it into the right place. */
static int try_whole(struct file_op *op)
{
    int number = try_open(op);
    if (number < 0)
        return number;
    op->descriptor = number;
    return 0;
}

int asyncio__file_try(struct file_op *op)
{
    switch ((enum file_kind)op->kind) {
    case FILE_OPEN: return try_open(op);
    case FILE_WHOLE: return try_whole(op);
    case FILE_READ: return try_read(op);
    case FILE_CLOSE: return try_close(op);
    case FILE_STAT: return op->path ? FILE_WOULD_WAIT : asyncio__file_run(op);
    default: return FILE_WOULD_WAIT;
    }
}

/* What is non-blocking says -EAGAIN, as its owner wants it. */
bool asyncio__file_is_ready(const struct file_op *op, bool *ret_is_file)
{
    struct stat status;
    int flags = 0;
    *ret_is_file = (op->kind != FILE_READ && op->kind != FILE_WRITE) || op->offset >= 0 ||
                   fstat(op->descriptor, &status) < 0 ||
                   !(S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) ||
                     S_ISCHR(status.st_mode)) ||
                   (flags = fcntl(op->descriptor, F_GETFL)) < 0 || flags & O_NONBLOCK;
    struct pollfd one = { .fd = op->descriptor,
                          .events = op->kind == FILE_READ ? POLLIN : POLLOUT };
    return *ret_is_file || poll(&one, 1, 0) != 0;
}

void asyncio__file_status(const struct statx *from, struct stat *to)
{
    *to = (struct stat){
        .st_dev = makedev(from->stx_dev_major, from->stx_dev_minor),
        .st_ino = from->stx_ino,
        .st_mode = from->stx_mode,
        .st_nlink = from->stx_nlink,
        .st_uid = from->stx_uid,
        .st_gid = from->stx_gid,
        .st_rdev = makedev(from->stx_rdev_major, from->stx_rdev_minor),
        .st_size = (off_t)from->stx_size,
        .st_blksize = (blksize_t)from->stx_blksize,
        .st_blocks = (blkcnt_t)from->stx_blocks,
        .st_atim = { from->stx_atime.tv_sec, from->stx_atime.tv_nsec },
        .st_mtim = { from->stx_mtime.tv_sec, from->stx_mtime.tv_nsec },
        .st_ctim = { from->stx_ctime.tv_sec, from->stx_ctime.tv_nsec },
    };
}
