/* SPDX-License-Identifier: MIT */
/* Opening below a directory: nothing outside of it is reached. libc has no name for openat2 yet.
 * Where the kernel does not have it (before Linux 5.6, some containers) links are not followed at
 * all, and ".." is refused.
 *
 * It is done in the loop's thread: a name that the kernel knows is opened in a microsecond, and a
 * turn through a thread costs ten. */
#include "web/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

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

int aiohttp__web_open_below(int directory, const char *name, bool may_leave, bool may_link)
{
    struct open_how how = { .flags = FLAGS, .resolve = RESOLVE_NO_MAGICLINKS };
    while (*name == '/')
        name++;
    if (!may_leave)
        how.resolve |= RESOLVE_BENEATH;
    if (!may_link)
        how.resolve |= RESOLVE_NO_SYMLINKS;
    long r = syscall(SYS_openat2, directory, *name ? name : ".", &how, sizeof how);
    if (r >= 0)
        return (int)r;
    return errno == ENOSYS || errno == EPERM ? open_slowly(directory, name) : -errno;
}
