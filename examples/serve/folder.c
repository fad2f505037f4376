/* SPDX-License-Identifier: MIT */
/* Finding and reading files, never outside of the folder. The kernel sees to that where it can
 * (openat2); elsewhere each part of a path is opened by itself, and a symbolic link is refused. */
#define _GNU_SOURCE 1
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };   /* no waiting for a FIFO */

static const struct {
    const char *suffix, *type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".htm", "text/html; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".mjs", "text/javascript; charset=utf-8" },
    { ".json", "application/json" },
    { ".xml", "application/xml" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".jpg", "image/jpeg" },
    { ".jpeg", "image/jpeg" },
    { ".gif", "image/gif" },
    { ".webp", "image/webp" },
    { ".ico", "image/x-icon" },
    { ".pdf", "application/pdf" },
    { ".wasm", "application/wasm" },
    { ".woff2", "font/woff2" },
    { ".mp3", "audio/mpeg" },
    { ".mp4", "video/mp4" },
    { ".webm", "video/webm" },
    { ".zip", "application/zip" },
    { ".gz", "application/gzip" },
};

/* By the name, else by whether it looks like text. */
static const char *type_of(const char *name, const char *begin, size_t size)
{
    const char *suffix = strrchr(name, '.');
    for (size_t i = 0; suffix && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(suffix, types[i].suffix) == 0)
            return types[i].type;
    return memchr(begin, 0, size) ? "application/octet-stream" : "text/plain; charset=utf-8";
}

static int status_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG: return 404;
    case EACCES:
    case EPERM:
    case ELOOP:
    case EXDEV: return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM: return 503;
    default: return 500;
    }
}

/* "a/b/c" without links. */
static int open_parts(int root, const char *path)
{
    int at = root;
    for (;;) {
        char part[256];
        size_t length = strcspn(path, "/");
        if (length >= sizeof part) {
            errno = ENAMETOOLONG;
            length = 0;
        } else {
            memcpy(part, path, length);
            part[length] = 0;
        }
        bool is_last = !path[length];
        int next = length ? openat(at, part, OPEN_FLAGS | O_NOFOLLOW) : -1;
        int error = errno;
        if (at != root)
            close(at);
        errno = error;
        if (next < 0 || is_last)
            return next;
        at = next;
        path += length + 1;
    }
}

int folder_open(int folder, const char *path)
{
    struct open_how how = { .flags = (unsigned)OPEN_FLAGS,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    int r = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
    return r < 0 && (errno == ENOSYS || errno == EPERM) ? open_parts(folder, path) : r;
}

/* "/a//b/" as "a/b", and "/" as "."; false for a name that begins with a dot, also for "..". */
static bool plain_path(const char *path, char *plain)
{
    char *end = plain;
    while (*path) {
        size_t length = strcspn(path, "/");
        if (length) {
            if (*path == '.')
                return false;
            if (end > plain)
                *end++ = '/';
            memcpy(end, path, length);
            end += length;
        }
        path += length + (path[length] == '/');
    }
    if (end == plain)
        *end++ = '.';
    *end = 0;
    return true;
}

int folder_read(int descriptor, char *buffer, size_t size, long long offset)
{
    ssize_t n;
    do
        n = pread(descriptor, buffer, size, offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (int)n;
}

/* Takes `descriptor`. */
static int take_file(int descriptor, const struct stat *about, const char *name,
                     struct folder_item *item, char *buffer, size_t size)
{
    item->descriptor = descriptor;
    item->length = about->st_size;
    int n = folder_read(descriptor, buffer, size, 0);
    if (n < 0)
        return status_of(-n);
    item->begun = (size_t)n < (size_t)item->length ? (size_t)n : (size_t)item->length;
    item->type = type_of(name, buffer, item->begun);
    return 200;
}

/* Takes `descriptor`. `plain` has room for a name more. */
static int look_into_directory(int root, int descriptor, const char *path, char *plain,
                               struct folder_item *item, char *buffer, size_t size)
{
    struct stat about;
    memcpy(plain + strlen(plain), "/index.html", sizeof "/index.html");
    int index = folder_open(root, plain);
    if (index >= 0 && fstat(index, &about) == 0 && S_ISREG(about.st_mode)) {
        close(descriptor);
        return take_file(index, &about, plain, item, buffer, size);
    }
    if (index >= 0)
        close(index);
    size_t length;
    item->text = folder_listing(descriptor, path, &length);
    item->length = (long long)length;
    item->type = "text/html; charset=utf-8";
    return item->text ? 200 : 503;
}

int folder_look(int root, const char *path, struct folder_item *item, char *buffer, size_t size)
{
    char plain[PATH_MAX + sizeof "./index.html"];
    if (strlen(path) >= PATH_MAX)
        return 404;
    if (!plain_path(path, plain))
        return 403;
    int descriptor = folder_open(root, plain);
    if (descriptor < 0)
        return status_of(errno);
    bool has_slash = path[strlen(path) - 1] == '/';
    struct stat about;
    int status;
    if (fstat(descriptor, &about) < 0)
        status = 500;
    else if (S_ISDIR(about.st_mode) && has_slash)
        return look_into_directory(root, descriptor, path, plain, item, buffer, size);
    else if (S_ISDIR(about.st_mode))
        status = 301;
    else if (has_slash)
        status = 404;
    else if (S_ISREG(about.st_mode))
        return take_file(descriptor, &about, plain, item, buffer, size);
    else
        status = 403;
    close(descriptor);
    return status;
}

void folder_release(struct folder_item *item)
{
    if (item->descriptor >= 0)
        close(item->descriptor);
    free(item->text);
    *item = (struct folder_item)FOLDER_NOTHING;
}
