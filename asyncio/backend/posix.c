/* SPDX-License-Identifier: MIT */
/* What epoll and io_uring share: handles over descriptors, and the system calls that never wait.
 * See posix.h. */
#include "backend/posix.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ASKING_SIZE = 8192 }; /* bytes that came: asking how many are left is worth its time */

void asyncio__posix_init(struct posix *posix, const struct backend_limits *limits,
                         size_t entry_size)
{
    asyncio__table_init(&posix->table, entry_size);
    posix->chop = limits && limits->chop ? limits->chop : TRANSFER_MAX;
}

void asyncio__posix_fini(struct posix *posix)
{
    for (uint32_t i = 0; i < posix->table.count; i++) {
        struct descriptor *descriptor = (struct descriptor *)(void *)table_at(&posix->table, i);
        if (entry_is_live(&descriptor->entry))
            (void)asyncio__posix_close_number(descriptor, descriptor->number);
    }
    asyncio__table_fini(&posix->table);
    asyncio__free(posix->owners);
}

/* ---- whose a descriptor is ---- */

enum { OWNERS_MIN = 64 };

static int own(struct posix *posix, const struct descriptor *descriptor)
{
    size_t number = (size_t)descriptor->number, count = posix->owner_count;
    if (number >= count) {
        while (count <= number)
            count = count ? count * 2 : OWNERS_MIN;
        uint32_t *grown = asyncio__realloc(posix->owners, count * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        memset(grown + posix->owner_count, 0, (count - posix->owner_count) * sizeof *grown);
        posix->owners = grown;
        posix->owner_count = count;
    }
    posix->owners[number] = descriptor->entry.index + 1;
    return 0;
}

static int own_all(struct posix *posix)
{
    for (uint32_t i = 0; i < posix->table.count; i++) {
        const struct descriptor *descriptor =
            (struct descriptor *)(void *)table_at(&posix->table, i);
        if (!entry_is_live(&descriptor->entry) || own(posix, descriptor) >= 0)
            continue;
        asyncio__free(posix->owners); /* all of them or none */
        posix->owners = NULL;
        posix->owner_count = 0;
        return -ENOMEM;
    }
    return 0;
}

static bool is_owned(const struct posix *posix, int number)
{
    uint32_t owner = (size_t)number < posix->owner_count ? posix->owners[number] : 0;
    if (!owner)
        return false;
    const struct descriptor *descriptor =
        (struct descriptor *)(void *)table_at(&posix->table, owner - 1);
    return entry_is_live(&descriptor->entry) && descriptor->number == number;
}

/* A new handle for `number`. NULL without memory, and then the number is the caller's. */
static struct descriptor *descriptor_new(struct posix *posix, int number)
{
    struct descriptor *descriptor = asyncio__table_new(&posix->table);
    if (!descriptor)
        return NULL;
    descriptor->number = number;
    if (!posix->owners || own(posix, descriptor) >= 0)
        return descriptor;
    table_retire(&descriptor->entry);
    table_release(&posix->table, &descriptor->entry);
    return NULL;
}

/* ---- making them ---- */

int asyncio__posix_socket(struct backend *backend, int family, int type, int protocol,
                          sock *ret_socket)
{
    struct posix *posix = (struct posix *)backend;
    int r = asyncio__table_reserve(&posix->table);
    if (r < 0)
        return r;
    int number = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (number < 0)
        return -errno;
    struct descriptor *descriptor = descriptor_new(posix, number);
    if (!descriptor) {
        close(number);
        return -ENOMEM;
    }
    descriptor->is_socket = descriptor->is_prepared = true;
    descriptor->is_stream = (type & 0xf) == SOCK_STREAM;
    bool is_ip = family == AF_INET || family == AF_INET6;
    descriptor->is_tcp =
        descriptor->is_stream && is_ip && (protocol == 0 || protocol == IPPROTO_TCP);
    descriptor->is_udp = (type & 0xf) == SOCK_DGRAM && is_ip &&
                         (protocol == 0 || protocol == IPPROTO_UDP);
    descriptor->is_plain_tcp = descriptor->is_tcp;
    *ret_socket = entry_sock(&descriptor->entry);
    return 0;
}

int asyncio__posix_has(struct backend *backend, int number)
{
    struct posix *posix = (struct posix *)backend;
    int r = posix->owners ? 0 : own_all(posix);
    return r < 0 ? r : is_owned(posix, number);
}

int asyncio__posix_adopt(struct backend *backend, int number, sock *ret_socket)
{
    struct posix *posix = (struct posix *)backend;
    struct stat status;
    if (fstat(number, &status) < 0)
        return -errno;
    int r = asyncio__posix_has(backend, number);
    if (r)
        return r < 0 ? r : -EBUSY;
    struct descriptor *descriptor = descriptor_new(posix, number);
    if (!descriptor)
        return -ENOMEM;
    int type = 0, protocol = 0;
    socklen_t size = sizeof protocol;
    descriptor->is_socket = S_ISSOCK(status.st_mode);
    if (descriptor->is_socket &&
        getsockopt(number, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0) {
        descriptor->is_tcp = protocol == IPPROTO_TCP;
        descriptor->is_udp = protocol == IPPROTO_UDP;
    }
    descriptor->is_plain_tcp = descriptor->is_tcp;
    descriptor->is_stream = descriptor->is_socket &&
                            getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
                            type == SOCK_STREAM;
    *ret_socket = entry_sock(&descriptor->entry);
    return 0;
}

int asyncio__posix_accepted(struct posix *posix, const struct descriptor *listener, int number,
                            sock *ret_socket)
{
    struct descriptor *descriptor = descriptor_new(posix, number);
    if (!descriptor) {
        close(number);
        return -ENOMEM;
    }
    descriptor->is_socket = descriptor->is_prepared = true;
    descriptor->is_tcp = descriptor->is_plain_tcp = listener->is_tcp;
    descriptor->is_stream = listener->is_stream;
    *ret_socket = entry_sock(&descriptor->entry);
    return 0;
}

int asyncio__posix_prepare(struct descriptor *descriptor)
{
    if (descriptor->is_prepared)
        return 0;
    int flags = fcntl(descriptor->number, F_GETFL);
    if (flags < 0)
        return -errno;
    if (!(flags & O_NONBLOCK) && fcntl(descriptor->number, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    if (descriptor->number > STDERR_FILENO && fcntl(descriptor->number, F_SETFD, FD_CLOEXEC) < 0)
        return -errno; /* children keep their standard streams */
    descriptor->is_prepared = true;
    return 0;
}

int asyncio__posix_recv_failed(uint8_t *ready, int error)
{
    if (error != EAGAIN)
        return -error;
    *ready &= (uint8_t) ~(READY_IN | READ_ON);
    return OP_PENDING;
}

void asyncio__posix_ask_left(struct descriptor *descriptor, ssize_t size)
{
    if (size < ASKING_SIZE || !descriptor->is_plain_tcp || descriptor->tells_no_left)
        return;
    descriptor->tells_no_left =
        setsockopt(descriptor->number, IPPROTO_TCP, TCP_INQ, &(int){ 1 }, sizeof(int)) < 0;
    descriptor->is_plain_tcp = descriptor->tells_no_left;
}

/* Receives, and stores how many bytes are left, or -1 when the kernel does not say. */
static ssize_t recv_and_ask(const struct descriptor *descriptor, void *data, size_t size,
                            int *ret_left)
{
    _Alignas(struct cmsghdr) char told[CMSG_SPACE(sizeof *ret_left)];
    struct iovec piece = { data, size };
    struct msghdr header = { .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = told,
                             .msg_controllen = sizeof told };
    ssize_t n = recvmsg(descriptor->number, &header, 0);
    *ret_left = -1;
    const struct cmsghdr *left = n >= 0 ? CMSG_FIRSTHDR(&header) : NULL;
    if (left && left->cmsg_level == IPPROTO_TCP && left->cmsg_type == TCP_CM_INQ)
        memcpy(ret_left, CMSG_DATA(left), sizeof *ret_left);
    return n;
}

int asyncio__posix_recv(struct posix *posix, struct descriptor *descriptor, uint8_t *ready,
                        struct op *op)
{
    size_t size = op->size < posix->chop ? op->size : posix->chop;
    for (;;) {
        bool asks = descriptor_tells_left(descriptor);
        int left = -1;
        ssize_t n = asks                    ? recv_and_ask(descriptor, op->data, size, &left)
                    : descriptor->is_socket ? recv(descriptor->number, op->data, size, 0)
                                            : read(descriptor->number, op->data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return asyncio__posix_recv_failed(ready, errno);
        if (asks && left < 0) { /* as if it had not been asked */
            descriptor->is_plain_tcp = descriptor->tells_no_left = true;
            *ready |= READ_ON;
        }
        /* nothing is left, as a short one tells, too, and the next bytes are an edge */
        bool is_last = asks ? left == 0 : (size_t)n < size && descriptor->is_tcp;
        if (is_last && n > 0 && !(*ready & READ_ON))
            *ready &= (uint8_t)~READY_IN;
        else
            asyncio__posix_ask_left(descriptor, n);
        return (int)n;
    }
}

bool asyncio__posix_send_left(struct op *op)
{
    while (op->iov_count && op->iov->iov_len == 0) {
        op->iov++;
        op->iov_count--;
    }
    return op->iov_count != 0;
}

int asyncio__posix_send_result(const struct op *op)
{
    return op->done > INT_MAX ? INT_MAX : (int)op->done;
}

void asyncio__posix_send_advance(struct op *op, size_t sent)
{
    op->done += sent;
    while (sent) {
        size_t part = sent < op->iov->iov_len ? sent : op->iov->iov_len;
        op->iov->iov_base = (char *)op->iov->iov_base + part;
        op->iov->iov_len -= part;
        sent -= part;
        asyncio__posix_send_left(op);
    }
}

int asyncio__posix_framed_error(int number)
{
    struct pollfd state = { .fd = number };
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&state, 1, 0) <= 0)
        return 0;
    if (getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    return error ? -error : -EPIPE;
}

int asyncio__posix_close_number(const struct descriptor *descriptor, int number)
{
    if (!descriptor->is_framed)
        return close(number);
    struct quiet quiet;
    asyncio__quiet_begin(&quiet);
    int r = close(number);
    asyncio__quiet_end(&quiet, true);
    return r;
}

static ssize_t write_quietly(int number, const struct iovec *iov, int count)
{
    struct quiet quiet;
    asyncio__quiet_begin(&quiet);
    ssize_t n = writev(number, iov, count);
    asyncio__quiet_end(&quiet, n < 0 && errno == EPIPE);
    return n;
}

/* Several pieces, or a descriptor that is no socket. Kept out of the path of the others. */
static __attribute__((noinline)) ssize_t send_pieces(const struct posix *posix,
                                                     const struct descriptor *descriptor,
                                                     const struct iovec *iov, size_t count,
                                                     size_t *ret_asked)
{
    struct iovec part = *iov;
    if (posix_is_chopped(posix)) {
        part.iov_len = part.iov_len < posix->chop ? part.iov_len : posix->chop;
        iov = &part;
        count = 1;
    }
    if (count > IOV_MAX)
        count = IOV_MAX;
    *ret_asked = 0;
    for (size_t i = 0; i < count; i++)
        *ret_asked += iov[i].iov_len;
    if (!descriptor->is_socket)
        return write_quietly(descriptor->number, iov, (int)count);
    struct msghdr header = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = count };
    return sendmsg(descriptor->number, &header, MSG_NOSIGNAL);
}

int asyncio__posix_send_iov(struct posix *posix, struct descriptor *descriptor,
                            const struct iovec *iov, size_t count, bool *ret_short)
{
    for (;;) {
        ssize_t n;
        size_t asked;
        if (count == 1 && descriptor->is_socket) {
            asked = iov->iov_len < posix->chop ? iov->iov_len : posix->chop;
            n = send(descriptor->number, iov->iov_base, asked, MSG_NOSIGNAL);
        } else {
            n = send_pieces(posix, descriptor, iov, count, &asked);
        }
        *ret_short = (size_t)n < asked;
        if (n >= 0) {
            int r = descriptor->is_framed ? asyncio__posix_framed_error(descriptor->number) : 0;
            return r < 0 ? r : n < INT_MAX ? (int)n : INT_MAX;
        }
        if (errno != EINTR)
            return -errno;
    }
}

int asyncio__posix_send(struct posix *posix, struct descriptor *descriptor, struct op *op,
                        bool *ret_short)
{
    int n = asyncio__posix_send_iov(posix, descriptor, op->iov, op->iov_count, ret_short);
    if (n > 0)
        asyncio__posix_send_advance(op, (size_t)n);
    return n;
}

bool asyncio__posix_accept_is_transient(int error)
{
    switch (error) { /* accept(2): errors of the connection or of the network, delivered early */
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPERM:
    case EINTR:
    case ETIMEDOUT:
    case ECONNRESET: return true;
    default: return false;
    }
}

int asyncio__posix_connect(const struct descriptor *descriptor, const struct op *op)
{
    const struct sockaddr *address = (const struct sockaddr *)op->address;
    int r = connect(descriptor->number, address, op->address_size);
    /* the kernel's last word on an earlier attempt; now the socket is free */
    if (r < 0 && errno == ECONNABORTED)
        r = connect(descriptor->number, address, op->address_size);
    if (r < 0 && errno == EINTR) /* it goes on by itself */
        return -EINPROGRESS;
    return r < 0 ? -errno : 0;
}

int asyncio__posix_connect_result(const struct descriptor *descriptor)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(descriptor->number, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    if (error)
        return -error;
    /* No error, yet perhaps no connection either: a socket that was watched before it connects
     * says "hung up". */
    struct sockaddr_storage peer;
    size = sizeof peer;
    if (getpeername(descriptor->number, (struct sockaddr *)&peer, &size) == 0)
        return 0;
    return errno == ENOTCONN ? -EINPROGRESS : -errno;
}

int asyncio__posix_descriptor(struct backend *backend, sock socket)
{
    struct descriptor *descriptor = posix_get(backend, socket);
    return descriptor ? descriptor->number : -EBADF;
}

int asyncio__posix_lend(struct backend *backend, sock socket)
{
    struct descriptor *descriptor = posix_get(backend, socket);
    int r = descriptor ? asyncio__posix_prepare(descriptor) : -EBADF;
    return r < 0 ? r : descriptor->number;
}

int asyncio__posix_bind(struct backend *backend, sock socket, const struct sockaddr *address,
                        socklen_t size)
{
    struct descriptor *descriptor = posix_get(backend, socket);
    if (!descriptor)
        return -EBADF;
    return bind(descriptor->number, address, size) < 0 ? -errno : 0;
}

int asyncio__posix_listen(struct backend *backend, sock socket, int backlog)
{
    struct descriptor *descriptor = posix_get(backend, socket);
    if (!descriptor)
        return -EBADF;
    return listen(descriptor->number, backlog) < 0 ? -errno : 0;
}

int asyncio__posix_setsockopt(struct backend *backend, sock socket, int level, int name,
                              const void *value, socklen_t size)
{
    struct descriptor *descriptor = posix_get(backend, socket);
    if (!descriptor || backend_is_inherited(backend))
        return -EBADF;
    if (setsockopt(descriptor->number, level, name, value, size) < 0)
        return -errno;
    if (level == IPPROTO_TCP && name == TCP_ULP)
        descriptor->is_framed = true;
    return 0;
}

int asyncio__posix_getsockopt(struct backend *backend, sock socket, int level, int name,
                              void *value, socklen_t *size)
{
    struct descriptor *descriptor = posix_get(backend, socket);
    if (!descriptor)
        return -EBADF;
    return getsockopt(descriptor->number, level, name, value, size) < 0 ? -errno : 0;
}

int asyncio__posix_getsockname(struct backend *backend, sock socket,
                               struct sockaddr_storage *address, socklen_t *size)
{
    struct descriptor *descriptor = posix_get(backend, socket);
    if (!descriptor)
        return -EBADF;
    struct sockaddr_storage name = { 0 };
    socklen_t length = sizeof name;
    if (getsockname(descriptor->number, (struct sockaddr *)&name, &length) < 0)
        return -errno;
    *address = name;
    *size = length;
    return 0;
}

int asyncio__posix_getpeername(struct backend *backend, sock socket,
                               struct sockaddr_storage *address, socklen_t *size)
{
    struct descriptor *descriptor = posix_get(backend, socket);
    if (!descriptor)
        return -EBADF;
    struct sockaddr_storage name = { 0 };
    socklen_t length = sizeof name;
    if (getpeername(descriptor->number, (struct sockaddr *)&name, &length) < 0)
        return -errno;
    *address = name;
    *size = length;
    return 0;
}

int asyncio__posix_shutdown(struct backend *backend, sock socket, int how)
{
    struct descriptor *descriptor = posix_get(backend, socket);
    if (!descriptor || backend_is_inherited(backend))
        return -EBADF;
    return shutdown(descriptor->number, how) < 0 ? -errno : 0;
}

int asyncio__posix_is_readable(struct backend *backend, sock socket)
{
    struct descriptor *descriptor = posix_get(backend, socket);
    if (!descriptor)
        return -EBADF;
    struct pollfd poll_of = { .fd = descriptor->number, .events = POLLIN | POLLRDHUP };
    int n;
    while ((n = poll(&poll_of, 1, 0)) < 0 && errno == EINTR)
        continue;
    return n < 0 ? -errno : n;
}

int asyncio__posix_path_id(struct backend *backend, const char *path, uint64_t ret_id[2])
{
    (void)backend;
    struct stat status;
    if (stat(path, &status) < 0)
        return -errno;
    if (!S_ISSOCK(status.st_mode))
        return -ENOTSOCK;
    ret_id[0] = status.st_dev;
    ret_id[1] = status.st_ino;
    return 0;
}

int asyncio__posix_path_remove(struct backend *backend, const char *path)
{
    (void)backend;
    return unlink(path) < 0 ? -errno : 0;
}
