/* SPDX-License-Identifier: MIT */
/* The user's ~/.netrc: see netrc.h. */
#include "client/netrc.h"

#include "base/error.h"
#include "wire/netrc.h"

#include <asyncio/alloc.h>
#include <asyncio/file.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 1 << 20 };

/* The file's name, new. 0, -ENOENT, -ENOMEM. */
static int name_of_file(char **ret_path)
{
    const char *named = getenv("NETRC"), *home = getenv("HOME");
    if ((!named || !*named) && (!home || !*home))
        return -ENOENT;
    char *path;
    if (named && *named) {
        path = asyncio_mem_strdup(named);
    } else {
        size_t room = strlen(home) + sizeof "/.netrc";
        path = asyncio_mem_malloc(room);
        if (path)
            snprintf(path, room, "%s/.netrc", home);
    }
    if (!path)
        return -ENOMEM;
    *ret_path = path;
    return 0;
}

static int is_safe(int file, const char *path)
{
    struct stat status;
    int r = asyncio_fstat(file, &status);
    if (r < 0)
        return r;
    if (!S_ISREG(status.st_mode))
        return asyncio_raise(-EINVAL, "%s is no file", path);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return asyncio_raise(-EPERM, "%s belongs to somebody else", path);
    if (status.st_mode & (S_IRWXG | S_IRWXO))
        return asyncio_raise(-EPERM, "%s has passwords, and mode %04o lets others in", path,
                             (unsigned)status.st_mode & 07777);
    return status.st_size > MOST ? -EFBIG : 0;
}

static int read_all(int file, struct bytes *text)
{
    char piece[4096];
    for (;;) {
        int n = asyncio_read(file, piece, sizeof piece);
        if (n <= 0)
            return n;
        aiohttp__bytes_append(text, piece, (size_t)n);
        if (text->error)
            return text->error == -EMSGSIZE ? -EFBIG : text->error;
    }
}

/* The text of the file at `path`, appended. */
static int read_file(const char *path, struct bytes *text)
{
    int file = asyncio_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return file;
    int r = is_safe(file, path);
    if (r >= 0)
        r = read_all(file, text);
    int closed = asyncio_close(file);
    return r < 0 ? r : closed;
}

static char *copy_of(struct span text)
{
    char *copied = asyncio_mem_malloc(text.size + 1);
    if (!copied)
        return NULL;
    if (text.size > 0)
        memcpy(copied, text.data, text.size);
    copied[text.size] = '\0';
    return copied;
}

static int find(struct span text, const char *path, const char *host, char **ret_user,
                char **ret_password)
{
    struct netrc netrc;
    struct bytes words = bytes_up_to(MOST);
    int r = aiohttp__netrc_read(&words, text, span_of(host), &netrc);
    if (r == -EINVAL)
        r = asyncio_raise(r, "%s, line %zu", path, netrc.line);
    if (r > 0) {
        char *user = copy_of(netrc.login), *password = copy_of(netrc.password);
        if (user && password) {
            *ret_user = user;
            *ret_password = password;
        } else {
            asyncio_mem_free(user);
            asyncio_mem_free(password);
            r = -ENOMEM;
        }
    }
    aiohttp__bytes_fini(&words);
    return r;
}

int aiohttp__netrc_find(const char *host, char **ret_user, char **ret_password)
{
    char *path;
    struct bytes text = bytes_up_to(MOST);
    int r = name_of_file(&path);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = read_file(path, &text);
    if (r >= 0)
        r = find(bytes_span(&text), path, host, ret_user, ret_password);
    else if (r == -ENOENT)
        r = 0;
    aiohttp__bytes_fini(&text);
    asyncio_mem_free(path);
    return r;
}
