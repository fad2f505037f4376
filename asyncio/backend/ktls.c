/* SPDX-License-Identifier: MIT */
/* Kernel TLS. See ktls.h. */
#include "backend/ktls.h"

#include "backend/plain.h"
#include "backend/posix.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

enum { RECORD_HEAD = 5, RECORD_DATA = 23, PROBE_MS = 1000 };

/* ---- a socket, by the calls of whoever has it ---- */

struct calls {
    struct backend *backend;         /* NULL: the descriptor is ours */
    sock socket;
    int number;
};

static int set(const struct calls *calls, int level, int name, const void *value, socklen_t size)
{
    if (calls->backend)
        return calls->backend->type->setsockopt(calls->backend, calls->socket, level, name, value,
                                                size);
    return setsockopt(calls->number, level, name, value, size) < 0 ? -errno : 0;
}

static int get(const struct calls *calls, int level, int name, void *value, socklen_t *size)
{
    if (calls->backend)
        return calls->backend->type->getsockopt(calls->backend, calls->socket, level, name, value,
                                                size);
    return getsockopt(calls->number, level, name, value, size) < 0 ? -errno : 0;
}

static int start(const struct calls *calls, const struct ktls_keys *keys)
{
    socklen_t size = (socklen_t)ktls_size(keys->version, keys->cipher);
    if (!size)
        return -EOPNOTSUPP;
    int r = set(calls, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls");
    if (r < 0)
        return r;
    if (set(calls, SOL_TLS, TLS_TX, keys, size) < 0)
        return KTLS_BROKEN;
    struct ktls_keys has = { .version = 0 };
    socklen_t got = size;
    bool is_same = get(calls, SOL_TLS, TLS_TX, &has, &got) >= 0 && got == size &&
                   memcmp(&has, keys, size) == 0;
    explicit_bzero(&has, sizeof has);
    return is_same ? 0 : KTLS_BROKEN;
}

/* ---- whether it can ---- */

/* A pair of connected sockets; -errno: for want of something that has nothing to do with TLS. */
static int connect_pair(int ends[2])
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct sockaddr *address = (struct sockaddr *)&name;
    socklen_t size = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return -errno;
    int r = 0;
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ends[0] < 0 || bind(listener, address, size) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, address, &size) < 0 || connect(ends[0], address, size) < 0 ||
        (ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
        r = -errno;
    if (r < 0 && ends[0] >= 0)
        close(ends[0]);
    close(listener);
    return r;
}

/* Bytes are sent, more than a record's head: comes a record? */
static bool comes_as_record(const int ends[2])
{
    static const char bytes[32];
    unsigned char head[RECORD_HEAD] = { 0 };
    struct pollfd arrives = { .fd = ends[1], .events = POLLIN };
    return send(ends[0], bytes, sizeof bytes, MSG_NOSIGNAL) == sizeof bytes &&
           poll(&arrives, 1, PROBE_MS) == 1 &&
           recv(ends[1], head, sizeof head, MSG_DONTWAIT) == sizeof head &&
           head[0] == RECORD_DATA && head[1] == 3 && head[2] == 3 && head[3] == 0 &&
           head[4] > sizeof bytes;
}

int asyncio__ktls_probe(uint16_t version, uint16_t cipher)
{
    static atomic_int known[2][2]; /* 0: not tried; 1: it can; else the error */
    if (!ktls_size(version, cipher))
        return -EOPNOTSUPP;
    atomic_int *result = &known[version == TLS_1_3_VERSION][cipher == TLS_CIPHER_AES_GCM_256];
    int r = atomic_load_explicit(result, memory_order_relaxed);
    if (r)
        return r > 0 ? 0 : r;
    int ends[2] = { -1, -1 };
    r = connect_pair(ends);
    if (r < 0)
        return r;
    struct ktls_keys keys = { .version = version, .cipher = cipher };
    r = start(&(struct calls){ .number = ends[0] }, &keys);
    r = r == KTLS_BROKEN || (r == 0 && !comes_as_record(ends)) ? -EOPNOTSUPP : r;
    close(ends[0]);
    close(ends[1]);
    if (r != -ENOMEM && r != -ENOBUFS)
        atomic_store_explicit(result, r < 0 ? r : 1, memory_order_relaxed);
    return r;
}

/* ---- the real ones ---- */

int asyncio__ktls_start(struct backend *backend, sock socket, const struct ktls_keys *keys)
{
    return start(&(struct calls){ .backend = backend, .socket = socket }, keys);
}

int asyncio__ktls_say(struct backend *backend, sock socket, uint8_t type, const void *data,
                      size_t size)
{
    int number = backend->type->descriptor(backend, socket);
    if (number < 0)
        return number;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(1)];
    } control = { .bytes = { 0 } };
    struct iovec piece = { (void *)(uintptr_t)data, size };
    struct msghdr header = { .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control };
    struct cmsghdr *kind = CMSG_FIRSTHDR(&header);
    kind->cmsg_level = SOL_TLS;
    kind->cmsg_type = TLS_SET_RECORD_TYPE;
    kind->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(kind) = type;
    ssize_t n;
    do
        n = sendmsg(number, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (size_t)n == size ? 0 : -EIO;
}

int asyncio__ktls_sendfile(int socket, int file, int64_t *offset, size_t size)
{
    struct quiet quiet;
    asyncio__quiet_begin(&quiet);
    int r = asyncio__plain_sendfile(socket, file, offset, size);
    asyncio__quiet_end(&quiet, true);
    int error = r > 0 ? asyncio__posix_framed_error(socket) : 0;
    return error < 0 ? error : r;
}
