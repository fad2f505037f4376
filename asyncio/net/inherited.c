/* SPDX-License-Identifier: MIT */
/* Sockets that a service manager has opened for this process: systemd's LISTEN_FDS protocol
 * (sd_listen_fds(3)). Descriptors 3 and up are passed, LISTEN_FDS of them, to the process
 * LISTEN_PID, with the names LISTEN_FDNAMES, between colons. The environment is left as it is:
 * changing it is not safe beside other threads. So what was given once is remembered here. */
#include "net/server.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST = 3, COUNTED = 64 };

static atomic_ullong given; /* one bit for each */

static long number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    if (!text || !*text)
        return -1;
    errno = 0;
    long number = strtol(text, &end, 10);
    return errno || *end ? -1 : number;
}

/* Whether the next one of the names, which begin at *names, is `name`. */
static bool is_next(const char **names, const char *name)
{
    size_t length = strcspn(*names, ":");
    bool is_it = strlen(name) == length && memcmp(*names, name, length) == 0;
    *names += length + ((*names)[length] == ':');
    return is_it;
}

int asyncio__inherited_sockets(const char *name, int *ret_descriptors, size_t size)
{
    long count = number_of("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    size_t found = 0;
    if (count <= 0 || number_of("LISTEN_PID") != getpid())
        return asyncio_raise(-ENOENT, "no service manager has passed sockets to this process");
    if (!names)
        names = "";
    for (int i = 0; i < count && i < COUNTED && found < size; i++) {
        if (!(is_next(&names, name) || !*name))
            continue;
        unsigned long long bit = 1ULL << i;
        if (!(atomic_fetch_or(&given, bit) & bit))
            ret_descriptors[found++] = FIRST + i;
    }
    return found ? (int)found
                 : asyncio_raise(-ENOENT, "the service manager has passed no %s socket %s",
                                 *name ? "such" : "more", name);
}

void asyncio__inherited_give_back(const int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        atomic_fetch_and(&given, ~(1ULL << (descriptors[i] - FIRST)));
}
