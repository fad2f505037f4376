/* SPDX-License-Identifier: MIT */
/* The sim backend's calls on handles, those that never wait: mostly hand-overs to the network in
 * memory. */
#include "backend/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

static int open_datagrams(struct sim *sim, int family, sock *ret_socket)
{
    struct sim_handle *handle = asyncio__sim_handle_new(sim);
    if (!handle)
        return -ENOMEM;
    handle->datagrams =
        asyncio__simnet_datagrams_open(family, asyncio__sim_datagrams_changed, handle);
    if (!handle->datagrams) {
        table_retire(&handle->entry);
        table_release(&sim->table, &handle->entry);
        return -ENOMEM;
    }
    *ret_socket = entry_sock(&handle->entry);
    return 0;
}

int asyncio__sim_socket(struct backend *backend, int family, int type, int protocol,
                        sock *ret_socket)
{
    struct sim *sim = sim_of(backend);
    int fault = asyncio__sim_socket_fault(sim);
    if (fault < 0)
        return fault;
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return -EAFNOSUPPORT;
    if ((type & 0xf) == SOCK_DGRAM && family != AF_UNIX)
        return open_datagrams(sim, family, ret_socket);
    if ((type & 0xf) != SOCK_STREAM ||
        (protocol != 0 && (protocol != IPPROTO_TCP || family == AF_UNIX)))
        return -EPROTONOSUPPORT;
    struct sim_handle *handle = asyncio__sim_handle_new(sim);
    if (!handle)
        return -ENOMEM;
    asyncio__simnet_open(&handle->socket, family, asyncio__sim_changed);
    *ret_socket = entry_sock(&handle->entry);
    return 0;
}

int asyncio__sim_adopt(struct backend *backend, int number, sock *ret_socket)
{
    if (fcntl(number, F_GETFD) < 0)
        return -errno;
    struct sim_handle *handle = asyncio__sim_handle_new(sim_of(backend));
    if (!handle)
        return -ENOMEM;
    handle->number = number;
    *ret_socket = entry_sock(&handle->entry);
    return 0;
}

int asyncio__sim_detach(struct backend *backend, sock socket, int *ret_descriptor)
{
    struct sim *sim = sim_of(backend);
    struct sim_handle *handle = handle_of(sim, socket);
    if (!handle)
        return -EBADF;
    if (handle->number < 0)
        return -ENOTSUP;
    *ret_descriptor = handle->number;
    asyncio__sim_polls_drop(handle);
    table_retire(&handle->entry);
    table_release(&sim->table, &handle->entry);
    return 0;
}

int asyncio__sim_descriptor(struct backend *backend, sock socket)
{
    struct sim_handle *handle = handle_of(sim_of(backend), socket);
    return handle && handle->number >= 0 ? handle->number : -EBADF;
}

static struct simnet_socket *memory_socket(struct backend *backend, sock socket)
{
    struct sim_handle *handle = handle_of(sim_of(backend), socket);
    return handle && handle->number < 0 && !handle->datagrams ? &handle->socket : NULL;
}

static struct simnet_datagrams *datagrams_of(struct backend *backend, sock socket)
{
    struct sim_handle *handle = handle_of(sim_of(backend), socket);
    return handle ? handle->datagrams : NULL;
}

int asyncio__sim_bind(struct backend *backend, sock socket, const struct sockaddr *address,
                      socklen_t size)
{
    struct simnet_socket *memory = memory_socket(backend, socket);
    struct simnet_datagrams *datagrams = datagrams_of(backend, socket);
    if (datagrams)
        return asyncio__simnet_datagrams_bind(datagrams, address, size);
    return memory ? asyncio__simnet_bind(memory, address, size) : -EBADF;
}

int asyncio__sim_listen(struct backend *backend, sock socket, int backlog)
{
    struct simnet_socket *memory = memory_socket(backend, socket);
    return memory ? asyncio__simnet_listen(memory, backlog) : -EBADF;
}

static void apply_option(struct sim_handle *handle, int level, int name, int value,
                         const void *data, socklen_t size)
{
    if (level != SOL_SOCKET)
        return;
    unsigned bytes = value < 256 ? 256 : value > 1 << 24 ? 1U << 24 : (unsigned)value;
    if (name == SO_SNDBUF)
        handle->socket.send_size = bytes;
    if (name == SO_RCVBUF)
        handle->socket.receive_size = bytes;
    if (name == SO_LINGER && size >= sizeof(struct linger)) {
        struct linger linger;
        memcpy(&linger, data, sizeof linger);
        handle->socket.is_linger_zero = linger.l_onoff && linger.l_linger == 0;
    }
}

int asyncio__sim_setsockopt(struct backend *backend, sock socket, int level, int name,
                            const void *value, socklen_t size)
{
    struct sim_handle *handle = handle_of(sim_of(backend), socket);
    if (!handle)
        return -EBADF;
    int number;
    if (size < sizeof number)
        return -EINVAL;
    memcpy(&number, value, sizeof number);
    unsigned i = 0;
    while (i < handle->option_count &&
           (handle->options[i].level != level || handle->options[i].name != name))
        i++;
    if (i == SIM_OPTIONS)
        return -ENOBUFS;
    handle->options[i] = (struct option){ level, name, number };
    if (i == handle->option_count)
        handle->option_count++;
    apply_option(handle, level, name, number, value, size);
    return 0;
}

int asyncio__sim_getsockopt(struct backend *backend, sock socket, int level, int name, void *value,
                            socklen_t *size)
{
    struct sim_handle *handle = handle_of(sim_of(backend), socket);
    if (!handle)
        return -EBADF;
    int number = 0;
    if (*size < sizeof number)
        return -EINVAL;
    for (unsigned i = 0; i < handle->option_count; i++)
        if (handle->options[i].level == level && handle->options[i].name == name)
            number = handle->options[i].value;
    if (level == SOL_SOCKET && name == SO_TYPE)
        number = handle->datagrams ? SOCK_DGRAM : SOCK_STREAM;
    if (level == SOL_SOCKET && name == SO_DOMAIN)
        number = handle->socket.family;
    if (level == SOL_SOCKET && name == SO_PROTOCOL)
        number = IPPROTO_TCP;
    if (level == SOL_SOCKET && name == SO_ACCEPTCONN)
        number = handle->socket.is_listening;
    memcpy(value, &number, sizeof number);
    *size = sizeof number;
    return 0;
}

/* As the kernel counts: a name as long as it is, with the NUL of a path; nothing for none. */
static socklen_t size_of_name(const struct sockaddr_storage *address, socklen_t size)
{
    if (address->ss_family != AF_UNIX)
        return size;
    const char *bytes = (const char *)address;
    size_t end = sizeof(struct sockaddr_un);
    size_t begin = offsetof(struct sockaddr_un, sun_path);
    while (end > begin && !bytes[end - 1])
        end--;
    bool is_path = end > begin && bytes[begin] && end < sizeof(struct sockaddr_un);
    return (socklen_t)(end + is_path);
}

int asyncio__sim_getsockname(struct backend *backend, sock socket, struct sockaddr_storage *address,
                             socklen_t *size)
{
    struct simnet_socket *memory = memory_socket(backend, socket);
    struct simnet_datagrams *datagrams = datagrams_of(backend, socket);
    if (datagrams) {
        *address = datagrams->local;
        *size = datagrams->address_size;
        return 0;
    }
    if (!memory)
        return -EBADF;
    *address = memory->local;
    *size = size_of_name(address, memory->address_size);
    return 0;
}

int asyncio__sim_getpeername(struct backend *backend, sock socket, struct sockaddr_storage *address,
                             socklen_t *size)
{
    struct simnet_socket *memory = memory_socket(backend, socket);
    if (!memory)
        return -EBADF;
    if (!memory->connection)
        return -ENOTCONN;
    *address = memory->peer;
    *size = size_of_name(address, memory->address_size);
    return 0;
}

int asyncio__sim_shutdown(struct backend *backend, sock socket, int how)
{
    struct simnet_socket *memory = memory_socket(backend, socket);
    return memory ? asyncio__simnet_shutdown(memory, how) : -EBADF;
}

int asyncio__sim_is_readable(struct backend *backend, sock socket)
{
    struct simnet_socket *memory = memory_socket(backend, socket);
    return memory ? asyncio__simnet_is_readable(memory) : -EBADF;
}

int asyncio__sim_close(struct backend *backend, sock socket)
{
    struct sim_handle *handle = handle_of(sim_of(backend), socket);
    if (!handle)
        return -EBADF;
    asyncio__sim_polls_drop(handle);
    table_retire(&handle->entry);
    /* What was not cancelled is the caller's no more; what was, and answered 0, still completes. */
    if (handle->reader && !(handle->reader->flags & FLAG_CANCELLED))
        handle->reader = NULL;
    if (handle->writer && !(handle->writer->flags & FLAG_CANCELLED))
        handle->writer = NULL;
    if (handle->datagrams)
        list_remove(&handle->datagrams->link);
    else if (handle->number < 0)
        asyncio__simnet_unbind(&handle->socket);
    if (handle->is_running || handle->reader || handle->writer)
        handle->is_closing = true;
    else
        asyncio__sim_handle_end(handle);
    return 0;
}

/* ---- names ---- */

int asyncio__sim_path_id(struct backend *backend, const char *path, uint64_t ret_id[2])
{
    (void)backend;
    uint64_t id;
    int r = asyncio__simnet_path_id(path, &id);
    if (r < 0)
        return r;
    ret_id[0] = 0;
    ret_id[1] = id;
    return 0;
}

int asyncio__sim_path_remove(struct backend *backend, const char *path)
{
    (void)backend;
    return asyncio__simnet_path_remove(path);
}

static int resolve_one(const char *host, size_t length, struct sockaddr_storage *ret_address)
{
    struct sockaddr_storage address = { 0 };
    struct sockaddr_in *four = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
    char text[INET6_ADDRSTRLEN];
    if (length >= sizeof text)
        return -ENOENT;
    memcpy(text, host, length);
    text[length] = '\0';
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
        four->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
        six->sin6_family = AF_INET6;
    else
        return -ENOENT;
    *ret_address = address;
    return 0;
}

int asyncio__sim_resolve(struct backend *backend, const char *host,
                         struct sockaddr_storage *ret_addresses, size_t capacity)
{
    if (fault_happens(sim_of(backend), FAULT_NAME, SIM_NO_NAME, 4))
        return -EAGAIN;
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    size_t count = 0;
    for (const char *end; count < capacity; host = end + 1, count++) {
        end = strchrnul(host, ',');
        int r = resolve_one(host, (size_t)(end - host), &ret_addresses[count]);
        if (r < 0)
            return r;
        if (!*end)
            return (int)count + 1;
    }
    return -ENOBUFS;
}
