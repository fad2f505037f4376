/* SPDX-License-Identifier: MIT */
/* Files: POSIX's calls, awaited. Python's asyncio has none.
 *
 *     char text[4096];
 *     int file = asyncio_open("notes.txt", O_RDONLY);
 *     if (file < 0)
 *         return file;
 *     int n = asyncio_read(file, text, sizeof text);
 *     int r = asyncio_close(file);
 *
 * MODEL      A disk cannot be polled. What lies in the page cache is opened and read at once; else
 *            io_uring does it, where it is the loop's backend, and elsewhere a thread of the loop's
 *            pool. Only the task waits. Names, flags and results are those of the call in section 2
 *            of the manual whose name follows `asyncio_`; a failure is -errno. Reads and writes may
 *            be short, as there.
 * DESCRIPTOR A plain one, close-on-exec, which any call of the system takes too. It is the
 *            caller's, and belongs to no loop. Two tasks that use its position disturb one
 *            another: pread and pwrite do not. For pipes, sockets and terminals there are streams.
 * CANCEL     The buffer is lent until the kernel or the thread is done with it: a cancelled call
 *            waits for that. What was done by then tells its result, data included, and the
 *            cancellation waits for the next suspension. Opening and reading a whole file lend
 *            nothing, and may wait for the other end of a FIFO: they return at once, and a file
 *            that is opened later is given back. So does who waits for a pipe, a socket or a
 *            terminal to have something, or room.
 * SIGNALS    None: what would raise SIGPIPE or, beyond RLIMIT_FSIZE, SIGXFSZ is -EPIPE or -EFBIG.
 *            Python's programs ignore both; here, what the program does with them stays as it is.
 * SOURCE     open(2), read(2), and so on. */
#pragma once

#include <asyncio/loop.h>
#include <fcntl.h>
#include <sys/stat.h>

ASYNCIO__BEGIN

#define ASYNCIO__DEFAULT_MODE 0666
#define ASYNCIO__DEFAULT_FOLDER_MODE 0777

typedef struct asyncio_open_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_open_options));
    unsigned mode ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_MODE); /* of a file that O_CREAT makes */
} asyncio_open_options;

/* Opens `path` with open(2)'s flags and returns a descriptor, to be closed by asyncio_close.
 * -ENOENT, -EACCES and so on, -ENOMEM, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_open(const char *path, int flags,
                                                const asyncio_open_options *options);
#define asyncio_open(...) asyncio__open_m(__VA_ARGS__, )
#define asyncio__open_m(path, flags, ...)                                                          \
    asyncio__open_v(path, flags,                                                                   \
                    ASYNCIO__OPTIONS(asyncio_open_options, (.mode = ASYNCIO__DEFAULT_MODE, ),      \
                                     __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__open_v(const char *path, int flags,
                                                     asyncio_open_options options)
{
    return (asyncio_open)(path, flags, &options);
}

/* Closes a descriptor: it is closed whatever this returns, also -ECANCELED. -EBADF, -EIO.
 * Suspends. */
ASYNCIO_API int asyncio_close(int descriptor);

/* Reads at most `size` bytes from where the file stands, and returns how many; 0 at its end.
 * -EBADF, -EISDIR, -EIO, -ENOMEM, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_read(int descriptor, void *buffer, size_t size);

/* As asyncio_read, from `offset` (bytes), wherever the file stands. -EINVAL for a negative one.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_pread(int descriptor, void *buffer, size_t size,
                                                 int64_t offset);

/* Writes at most `size` bytes where the file stands, and returns how many: no more than PIPE_BUF to
 * a pipe, a socket or a terminal. -EBADF, -ENOSPC, -EFBIG, -EPIPE, -EIO, -ENOMEM, -ECANCELED.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_write(int descriptor, const void *data, size_t size);

/* As asyncio_write, to `offset` (bytes), wherever the file stands. -EINVAL for a negative one.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_pwrite(int descriptor, const void *data, size_t size,
                                                  int64_t offset);

/* Waits until all that was written is on the disk. 0; after -EIO it is not known what is. -EBADF,
 * -ENOMEM, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_fsync(int descriptor);

/* As asyncio_fsync, without what only describes the file, such as its times. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_fdatasync(int descriptor);

/* Makes the file `size` bytes long. 0; -EBADF, -EINVAL, -EFBIG, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_ftruncate(int descriptor, int64_t size);

/* What is known of a file, into *ret_status. 0; -ENOENT and so on, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_stat(const char *path, struct stat *ret_status);

/* As asyncio_stat, of a symbolic link itself. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_lstat(const char *path, struct stat *ret_status);

/* As asyncio_stat, of an open file. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_fstat(int descriptor, struct stat *ret_status);

/* Renames a file; one that has the new name is gone. 0; -ENOENT, -EXDEV and so on, -ECANCELED.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_rename(const char *from, const char *to);

/* Removes a file. 0; -ENOENT, -EISDIR and so on, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_unlink(const char *path);

/* Removes an empty folder. 0; -ENOTEMPTY and so on, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_rmdir(const char *path);

typedef struct asyncio_mkdir_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_mkdir_options));
    unsigned mode ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_FOLDER_MODE);
} asyncio_mkdir_options;

/* Makes a folder. 0; -EEXIST and so on, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_mkdir(const char *path,
                                                 const asyncio_mkdir_options *options);
#define asyncio_mkdir(...) asyncio__mkdir_m(__VA_ARGS__, )
#define asyncio__mkdir_m(path, ...)                                                                \
    asyncio__mkdir_v(path, ASYNCIO__OPTIONS(asyncio_mkdir_options,                                 \
                                            (.mode = ASYNCIO__DEFAULT_FOLDER_MODE, ), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__mkdir_v(const char *path,
                                                      asyncio_mkdir_options options)
{
    return (asyncio_mkdir)(path, &options);
}

/* The names in a folder, but for "." and "..", in no order: returns how many, and *ret_names points
 * to them, with NULL behind the last. They lie in the innermost scope, as what asyncio_alloc gives.
 * -ENOENT, -ENOTDIR and so on, -ENOMEM, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_listdir(const char *path, char ***ret_names);

typedef struct asyncio_read_file_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_read_file_options));
    size_t max_size ASYNCIO__0;                /* bytes; 0: no limit */
} asyncio_read_file_options;

/* Reads a whole file: *ret_data points to its bytes, and a NUL behind them that *ret_size (NULL:
 * not wanted) does not count. They lie in the innermost scope, as what asyncio_alloc gives. -EFBIG
 * past .max_size, what open and read say, -ENOMEM, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_read_file(const char *path, char **ret_data,
                                                     size_t *ret_size,
                                                     const asyncio_read_file_options *options);
#define asyncio_read_file(...) asyncio__read_file_m(__VA_ARGS__, )
#define asyncio__read_file_m(path, ret_data, ret_size, ...)                                        \
    asyncio__read_file_v(path, ret_data, ret_size,                                                 \
                         ASYNCIO__OPTIONS(asyncio_read_file_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__read_file_v(const char *path, char **ret_data,
                                                          size_t *ret_size,
                                                          asyncio_read_file_options options)
{
    return (asyncio_read_file)(path, ret_data, ret_size, &options);
}

ASYNCIO__END
