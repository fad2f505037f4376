/* SPDX-License-Identifier: MIT */
/* System calls on sockets of the user's. See plain.h. */
#include "backend/plain.h"

#include "backend/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum { AT_ONCE = 1 << 30 }; /* bytes that one call moves at most: an int */

/* `call` until it is not interrupted. */
#define UNINTERRUPTED(call)                                                                        \
    (__extension__({                                                                               \
        ssize_t r_;                                                                                \
        do                                                                                         \
            r_ = (call);                                                                           \
        while (r_ < 0 && errno == EINTR);                                                          \
        r_ < 0 ? -errno : (int)r_;                                                                 \
    }))

static size_t at_once(size_t size)
{
    return size < AT_ONCE ? size : AT_ONCE;
}

int asyncio__plain_recv(int socket, void *data, size_t size, struct sockaddr_storage *address,
                        socklen_t *address_size)
{
    return UNINTERRUPTED(recvfrom(socket, data, at_once(size), MSG_DONTWAIT,
                                  (struct sockaddr *)address, address_size));
}

int asyncio__plain_send(int socket, const void *data, size_t size, const struct sockaddr *address,
                        socklen_t address_size)
{
    return UNINTERRUPTED(sendto(socket, data, at_once(size), MSG_DONTWAIT | MSG_NOSIGNAL, address,
                                address_size));
}

int asyncio__plain_send_more(int socket, const void *data, size_t size)
{
    return UNINTERRUPTED(send(socket, data, at_once(size),
                              MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE));
}

int asyncio__plain_unblock(int socket)
{
    int flags = fcntl(socket, F_GETFL);
    if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0))
        return -errno;
    return 0;
}

int asyncio__plain_accept(int socket, struct sockaddr_storage *address, socklen_t *address_size)
{
    int r = asyncio__plain_unblock(socket);
    if (r < 0)
        return r;
    r = UNINTERRUPTED(accept4(socket, (struct sockaddr *)address, address_size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
    return r < 0 && asyncio__posix_accept_is_transient(-r) ? -EAGAIN : r;
}

int asyncio__plain_connect(int socket, const struct sockaddr *address, socklen_t address_size)
{
    int r = asyncio__plain_unblock(socket);
    if (r < 0)
        return r;
    r = connect(socket, address, address_size) < 0 ? -errno : 0;
    return r == -EINTR ? -EINPROGRESS : r; /* it goes on by itself */
}

int asyncio__plain_connected(int socket)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

/* It has no flag against SIGPIPE, so that is held back, and one that was caused here taken away.
 * Where the caller holds it back already, one may be pending that is his.
 * Around each call, which costs 0.3 us (callers' pieces are large for that), and not for a turn or
 * a run of the loop: user code would run with it held back. What that writes to a pipe of its own
 * would no longer end the program, and its threads, and what it forks or runs by system(3), would
 * inherit the mask. Whether the signal is ignored costs a call to know as well, and another thread
 * may change it before the next. splice(2) raises it too. */
int asyncio__plain_sendfile(int socket, int file, int64_t *offset, size_t size)
{
    sigset_t broken, before, pending;
    sigemptyset(&broken);
    sigemptyset(&pending);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    bool was_held = sigismember(&before, SIGPIPE) == 1;
    if (was_held)
        sigpending(&pending);
    off_t at = (off_t)*offset;
    int r = UNINTERRUPTED(sendfile(socket, file, &at, at_once(size)));
    /* The kernel goes piece by piece: one that found the peer gone raises the signal, and those
     * before it are what is returned. */
    bool is_short = r >= 0 && (size_t)r < at_once(size);
    if ((r == -EPIPE || is_short) && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&broken, NULL, &(struct timespec){ 0, 0 }) < 0 && errno == EINTR)
            ;
    if (!was_held)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r > 0)
        *offset = at;
    return r;
}

int asyncio__plain_pread(int file, void *data, size_t size, int64_t offset)
{
    return UNINTERRUPTED(pread(file, data, at_once(size), (off_t)offset));
}

int64_t asyncio__plain_seek(int file, int64_t offset)
{
    off_t r = offset < 0 ? lseek(file, 0, SEEK_CUR) : lseek(file, (off_t)offset, SEEK_SET);
    return r < 0 ? -errno : (int64_t)r;
}
