/* SPDX-License-Identifier: MIT */
/* Opening files that are sent; those below a directory reach nothing outside of it. libc has no
 * name for openat2 yet. Where the kernel does not have it (before Linux 5.6, some containers) links
 * below a directory are not followed at all, and ".." is refused.
 *
 * A name that the kernel has in memory is opened in the loop's thread (RESOLVE_CACHED, since Linux
 * 5.12): that takes a microsecond, and a turn through a thread ten. What a disk would have to be
 * asked for is opened by a thread, which may wait. */
#include "web/file.h"

#include <asyncio/file.h>
#include <asyncio/threads.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

#define FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

int aiohttp__web_open_directory(const char *path)
{
    int r = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r < 0 ? -errno : r;
}

void aiohttp__web_close(int descriptor)
{
    close(descriptor);
}

/* Segment by segment, without links. */
static int open_slowly(int directory, const char *name)
{
    char segment[256];
    int at = openat(directory, ".", FLAGS | O_DIRECTORY);
    while (at >= 0 && *name) {
        size_t size = strcspn(name, "/");
        if (size >= sizeof segment || (size == 2 && memcmp(name, "..", 2) == 0)) {
            close(at);
            return size == 2 ? -EXDEV : -ENAMETOOLONG;
        }
        memcpy(segment, name, size);
        segment[size] = '\0';
        name += size + strspn(name + size, "/");
        if (!size)
            continue;
        int next = openat(at, segment, FLAGS | O_NOFOLLOW | (*name ? O_DIRECTORY : 0));
        int error = errno;
        close(at);
        errno = error;
        at = next;
    }
    return at < 0 ? -errno : at;
}

struct opening {
    int directory;
    const char *name;
    uint64_t resolve;
    bool is_tried;
    int descriptor; /* is_tried: or the error */
};

/* A kernel that does not know RESOLVE_CACHED is told so once: then the loop's thread opens all. */
static atomic_bool has_no_cached;

enum { TRIES_MAX = 16 };

static int open_name(const struct opening *opening, uint64_t cached)
{
    struct open_how how = { .flags = FLAGS, .resolve = opening->resolve | cached };
    long r = syscall(SYS_openat2, opening->directory, opening->name, &how, sizeof how);
    if (r >= 0)
        return (int)r;
    if (errno != ENOSYS && errno != EPERM)
        return -errno;
    return opening->directory == AT_FDCWD ? -ENOSYS
                                          : open_slowly(opening->directory, opening->name);
}

/* -EAGAIN: something was renamed while a ".." was looked at. */
static int open_waiting(const struct opening *opening)
{
    int r = -EAGAIN;
    for (int i = 0; i < TRIES_MAX && r == -EAGAIN; i++)
        r = open_name(opening, 0);
    return r;
}

static int open_in_thread(struct opening *opening)
{
    opening->descriptor = open_waiting(opening);
    opening->is_tried = true;
    return opening->descriptor;
}

/* Cancelling waits for the thread, which may have opened it. */
static int open_elsewhere(struct opening *opening)
{
    int r = asyncio_to_thread(asyncio_coro(open_in_thread, opening));
    if (!opening->is_tried)
        return r == -ECANCELED ? r : open_waiting(opening); /* there is no thread */
    if (r < 0 && opening->descriptor >= 0)
        close(opening->descriptor);
    return r;
}

static int open_cached(struct opening *opening)
{
    if (atomic_load_explicit(&has_no_cached, memory_order_relaxed))
        return open_waiting(opening);
    int r = open_name(opening, RESOLVE_CACHED);
    if (r == -EAGAIN)
        return open_elsewhere(opening);
    if (r != -EINVAL || (r = open_waiting(opening)) == -EINVAL)
        return r;
    atomic_store_explicit(&has_no_cached, true, memory_order_relaxed);
    return r;
}

static struct opening below(int directory, const char *name, bool may_leave)
{
    while (*name == '/')
        name++;
    return (struct opening){ .directory = directory,
                             .name = *name ? name : ".",
                             .resolve = RESOLVE_NO_MAGICLINKS |
                                        (may_leave ? 0 : RESOLVE_BENEATH) };
}

int aiohttp__web_open_below(int directory, const char *name, bool may_leave)
{
    struct opening opening = below(directory, name, may_leave);
    return open_cached(&opening);
}

int aiohttp__web_open_below_at_once(int directory, const char *name, bool may_leave)
{
    struct opening opening = below(directory, name, may_leave);
    return open_waiting(&opening);
}

int aiohttp__web_open_path(const char *path)
{
    struct opening opening = { .directory = AT_FDCWD, .name = path };
    int r = open_cached(&opening);
    return r == -ENOSYS ? asyncio_open(path, FLAGS) : r;
}
