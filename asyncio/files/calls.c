/* SPDX-License-Identifier: MIT */
/* The public calls on files: each fills in an operation. */
#include <asyncio/file.h>

#include "files/files.h"

#include <errno.h>

/* At the beginning of each: what lies below the caller's frame is gone. */
#define CHECK_SCOPES()                                                                             \
    do {                                                                                           \
        if (task_current())                                                                        \
            TASK_CHECK_SCOPES(task_current());                                                     \
    } while (0)

static int do_kind(enum file_kind kind, struct file_op op)
{
    op.kind = (uint8_t)kind;
    return asyncio__file_do(&op);
}

int(asyncio_open)(const char *path, int flags, const asyncio_open_options *options)
{
    CHECK_SCOPES();
    if (!path)
        return -EFAULT;
    unsigned mode = options ? options->mode : ASYNCIO__DEFAULT_MODE;
    return do_kind(FILE_OPEN, (struct file_op){ .path = path, .flags = flags, .mode = mode });
}

/* Closing is not left out for a cancellation, nor for want of memory. */
int asyncio_close(int descriptor)
{
    CHECK_SCOPES();
    return asyncio__file_close(descriptor);
}

static int transfer(enum file_kind kind, int descriptor, void *data, size_t size, int64_t offset)
{
    return do_kind(kind, (struct file_op){ .descriptor = descriptor,
                                           .data = data,
                                           .size = size,
                                           .offset = offset });
}

int asyncio_read(int descriptor, void *buffer, size_t size)
{
    CHECK_SCOPES();
    return transfer(FILE_READ, descriptor, buffer, size, FILE_HERE);
}

int asyncio_pread(int descriptor, void *buffer, size_t size, int64_t offset)
{
    CHECK_SCOPES();
    return offset < 0 ? -EINVAL : transfer(FILE_READ, descriptor, buffer, size, offset);
}

int asyncio_write(int descriptor, const void *data, size_t size)
{
    CHECK_SCOPES();
    return transfer(FILE_WRITE, descriptor, (void *)(uintptr_t)data, size, FILE_HERE);
}

int asyncio_pwrite(int descriptor, const void *data, size_t size, int64_t offset)
{
    CHECK_SCOPES();
    return offset < 0 ? -EINVAL
                      : transfer(FILE_WRITE, descriptor, (void *)(uintptr_t)data, size, offset);
}

int asyncio_fsync(int descriptor)
{
    CHECK_SCOPES();
    return do_kind(FILE_FSYNC, (struct file_op){ .descriptor = descriptor });
}

int asyncio_fdatasync(int descriptor)
{
    CHECK_SCOPES();
    return do_kind(FILE_FSYNC, (struct file_op){ .descriptor = descriptor, .flags = 1 });
}

int asyncio_ftruncate(int descriptor, int64_t size)
{
    CHECK_SCOPES();
    return do_kind(FILE_TRUNCATE, (struct file_op){ .descriptor = descriptor, .offset = size });
}

/* Into a struct of ours first: *ret_status stays as it is on failure. */
static int status_of(struct file_op op, struct stat *ret_status)
{
    struct stat status;
    op.status = &status;
    int r = do_kind(FILE_STAT, op);
    if (r >= 0)
        *ret_status = status;
    return r;
}

int asyncio_stat(const char *path, struct stat *ret_status)
{
    CHECK_SCOPES();
    return path ? status_of((struct file_op){ .path = path }, ret_status) : -EFAULT;
}

int asyncio_lstat(const char *path, struct stat *ret_status)
{
    CHECK_SCOPES();
    return path ? status_of((struct file_op){ .path = path, .flags = 1 }, ret_status) : -EFAULT;
}

int asyncio_fstat(int descriptor, struct stat *ret_status)
{
    CHECK_SCOPES();
    return status_of((struct file_op){ .descriptor = descriptor }, ret_status);
}

int asyncio_rename(const char *from, const char *to)
{
    CHECK_SCOPES();
    return from && to ? do_kind(FILE_RENAME, (struct file_op){ .path = from, .other = to })
                      : -EFAULT;
}

int asyncio_unlink(const char *path)
{
    CHECK_SCOPES();
    return path ? do_kind(FILE_UNLINK, (struct file_op){ .path = path }) : -EFAULT;
}

int asyncio_rmdir(const char *path)
{
    CHECK_SCOPES();
    return path ? do_kind(FILE_UNLINK, (struct file_op){ .path = path, .flags = 1 }) : -EFAULT;
}

int(asyncio_mkdir)(const char *path, const asyncio_mkdir_options *options)
{
    CHECK_SCOPES();
    unsigned mode = options ? options->mode : ASYNCIO__DEFAULT_FOLDER_MODE;
    return path ? do_kind(FILE_MKDIR, (struct file_op){ .path = path, .mode = mode }) : -EFAULT;
}
