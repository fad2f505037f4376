/* SPDX-License-Identifier: MIT */
/* asyncio fetch: the files of a download, and how NAME.part becomes NAME. What goes wrong with a
 * file is told with its name, and not tried again. See fetch.h. */
#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Says which file it was. */
static int fails(struct download *download, const char *path, const char *text, int r)
{
    if (r == -ECANCELED)
        return r;
    download->is_hopeless = 1;
    snprintf(download->error, sizeof download->error, "%s: %s",
             strcmp(path, "-") == 0 ? "standard output" : path,
             text ? text : asyncio_error_text(r));
    return r;
}

int part_look(struct fetch *fetch, struct download *download, struct stat *ret_there)
{
    download->is_stream = strcmp(download->name, "-") == 0;
    int r = download->is_stream ? -ENOENT : asyncio_stat(download->name, ret_there);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return fails(download, download->name, NULL, r);
    if (S_ISREG(ret_there->st_mode))
        return !fetch->replaces;
    if (S_ISDIR(ret_there->st_mode) || !fetch->output)
        return fails(download, download->name, "is there, and is no file", -EEXIST);
    download->is_stream = 1; /* as /dev/null: written to, and not replaced */
    return 0;
}

/* Keeps other processes from the part; one may have finished with it since it was opened. */
static int64_t keep(struct download *download, int file)
{
    struct stat kept, named;
    download->file = file;
    if (flock(file, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return fails(download, download->part, "another process writes it", -EBUSY);
    int r = asyncio_fstat(file, &kept);
    if (r >= 0)
        r = asyncio_lstat(download->part, &named);
    if (r == -ENOENT || (r >= 0 && kept.st_ino != named.st_ino))
        return fails(download, download->part, "another process writes it", -EBUSY);
    return r < 0 ? fails(download, download->part, NULL, r) : (int64_t)kept.st_size;
}

int64_t part_open(struct download *download)
{
    struct stat status;
    int r = asyncio_lstat(download->part, &status);
    if (r == -ENOENT)
        return 0;
    if (r >= 0 && !S_ISREG(status.st_mode))
        return fails(download, download->part, "is there, and is no file", -EEXIST);
    if (r >= 0)
        r = asyncio_open(download->part, O_WRONLY | O_NOFOLLOW);
    return r < 0 ? fails(download, download->part, NULL, r) : keep(download, r);
}

int part_tag(struct download *download, char ret_tag[TAG_ROOM])
{
    int file = asyncio_open(download->tag, O_RDONLY | O_NOFOLLOW);
    if (file < 0)
        return file == -ECANCELED ? file : 0;
    int n = asyncio_read(file, ret_tag, TAG_ROOM - 1);
    int closed = asyncio_close(file);
    ret_tag[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < n; i++)
        if ((unsigned char)ret_tag[i] < ' ')
            return 0;
    return closed == -ECANCELED ? closed : n;
}

int part_forget(struct download *download)
{
    int r = asyncio_unlink(download->tag);
    return r < 0 && r != -ENOENT ? fails(download, download->tag, NULL, r) : 0;
}

static int write_all(int file, const char *data, size_t size, int64_t offset)
{
    while (size > 0) {
        int n = offset < 0 ? asyncio_write(file, data, size)
                           : asyncio_pwrite(file, data, size, offset);
        if (n <= 0)
            return n < 0 ? n : -EIO;
        data += n;
        size -= (size_t)n;
        if (offset >= 0)
            offset += n;
    }
    return 0;
}

/* What the server calls this version; a weak ETag cannot be resumed by. */
static int write_tag(struct download *download, const aiohttp_client_response *response)
{
    const char *tag = aiohttp_client_response_header(response, "ETag");
    if (!tag || strncmp(tag, "W/", 2) == 0)
        tag = aiohttp_client_response_header(response, "Last-Modified");
    if (!tag || strlen(tag) >= TAG_ROOM)
        return part_forget(download);
    int file = asyncio_open(download->tag, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    int r = file < 0 ? file : write_all(file, tag, strlen(tag), 0);
    int closed = file < 0 ? 0 : asyncio_close(file);
    if (r >= 0)
        r = closed;
    return r < 0 ? fails(download, download->tag, NULL, r) : 0;
}

int part_begin(struct download *download, const aiohttp_client_response *response, int64_t from)
{
    int r;
    if (strcmp(download->name, "-") == 0) {
        download->file = STDOUT_FILENO;
        return 0;
    }
    if (download->is_stream) {
        r = download->file = asyncio_open(download->name, O_WRONLY);
        return r < 0 ? fails(download, download->name, NULL, r) : 0;
    }
    if (download->file < 0) {
        r = asyncio_open(download->part, O_WRONLY | O_CREAT | O_EXCL);
        if (r < 0)
            return fails(download, download->part,
                         r == -EEXIST ? "another process writes it" : NULL, r);
        int64_t kept = keep(download, r);
        if (kept < 0)
            return (int)kept;
    }
    r = asyncio_ftruncate(download->file, from);
    return r < 0 ? fails(download, download->part, NULL, r) : write_tag(download, response);
}

int part_write(struct download *download, const char *data, size_t size)
{
    const char *name = download->is_stream ? download->name : download->part;
    int r = write_all(download->file, data, size, download->is_stream ? -1 : download->have);
    if (r < 0)
        return fails(download, name, NULL, r);
    download->have += (int64_t)size;
    return 0;
}

/* Not over a file that has come meanwhile. This call alone is not awaited: it has no operation. */
static int rename_new(const char *from, const char *to)
{
    struct stat status;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS) /* a file system that cannot do so */
        return -errno;
    int r = asyncio_lstat(to, &status);
    return r >= 0 ? -EEXIST : r == -ENOENT ? asyncio_rename(from, to) : r;
}

int part_finish(const struct fetch *fetch, struct download *download)
{
    if (download->is_stream)
        return 0;
    int r = fetch->replaces ? asyncio_rename(download->part, download->name)
                            : rename_new(download->part, download->name);
    if (r < 0)
        return fails(download, download->name,
                     r == -EEXIST ? "is there by now; --force replaces it" : NULL, r);
    r = asyncio_unlink(download->tag);
    return r == -ECANCELED ? r : 0;
}

int part_close(struct download *download)
{
    int file = download->file;
    download->file = -1;
    if (file < 0 || file == STDOUT_FILENO)
        return 0;
    int r = asyncio_close(file);
    return r < 0 ? fails(download, download->is_stream ? download->name : download->part, NULL, r)
                 : 0;
}
