/* SPDX-License-Identifier: MIT */
/* Operations on files: what cannot be polled, and so has to be done somewhere else.
 *
 * MODEL      One struct for all of them. asyncio__file_run does it, and may wait for the disk:
 *            that is for a thread. asyncio__file_try does it if that takes no waiting: a file that
 *            lies in the page cache is opened and read in less time than it takes to ask somebody
 *            else. A backend that can (backend->file) does it without a thread.
 * BORROWED   What the pointers point to, until `complete`. */
#pragma once

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum file_kind {
    /* path, flags, mode -> a descriptor, close-on-exec; asyncio__file_try fills in `status`, too */
    FILE_OPEN,
    FILE_CLOSE,    /* descriptor */
    FILE_READ,     /* descriptor, data, size, offset -> bytes */
    FILE_WRITE,    /* the same */
    FILE_FSYNC,    /* descriptor; flags 1: fdatasync */
    FILE_TRUNCATE, /* descriptor, offset */
    FILE_STAT,     /* path, or descriptor when that is NULL; flags 1: of a link itself */
    FILE_RENAME,   /* path, other */
    FILE_UNLINK,   /* path; flags 1: a directory */
    FILE_MKDIR,    /* path, mode */
    FILE_LIST,     /* path; the names in `data`, each ended by NUL, `size` bytes: the caller's to
                    * asyncio__free */
    /* path, data, size -> how many bytes are in `data`. `descriptor` is -1: they are the whole
     * file, and its end was seen; else it stands behind them, open, the caller's. `try` may give
     * it with none read yet, and `status` filled in. */
    FILE_WHOLE,
};

enum { FILE_HERE = -1 }; /* `offset`: where the file stands */

/* What asyncio__file_try gives when it would have to wait. No result is this. */
#define FILE_WOULD_WAIT INT32_MIN

struct file_op {
    struct list link; /* the backend's */
    /* on the loop's thread, from poll */
    void (*complete)(struct file_op *op, int result);
    uint8_t kind;
    uint8_t state; /* the backend's */
    int descriptor, flags;
    mode_t mode;
    const char *path, *other;
    void *data;
    size_t size;
    int64_t offset;
    struct stat *status;
    union { /* a backend's */
        struct statx extended; /* on the way to `status` */
        struct {               /* io_uring_whole.c */
            int opened, read, tail;
            unsigned awaited;
            bool is_kept;
        } chain;
    };
};

int asyncio__file_run(struct file_op *op);
int asyncio__file_try(struct file_op *op);
/* False: it is read, or written to, where it stands, is no file but a pipe, a socket or a terminal,
 * and would wait, perhaps for ever. One that is ready takes PIPE_BUF bytes without waiting. */
bool asyncio__file_is_ready(const struct file_op *op, bool *ret_is_file);
/* Writing to a pipe or socket that nobody reads raises SIGPIPE, and beyond RLIMIT_FSIZE, where
 * there is one, SIGXFSZ: `run` keeps them back and a ring, in whatever call of the thread's it
 * goes on, does not. */
bool asyncio__file_write_signals(const struct file_op *op);
void asyncio__file_status(const struct statx *from, struct stat *to);
