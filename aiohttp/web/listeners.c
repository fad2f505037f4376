/* SPDX-License-Identifier: MIT */
/* Sockets of several workers: see listeners.h. */
#include "web/listeners.h"

#include <arpa/inet.h>
#include <asyncio/error.h>
#include <asyncio/loop.h>
#include <asyncio/runner.h>
#include <asyncio/server.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_HANDED = 3, OF_ONE_SERVER = 64 };

/* ---- binding ---- */

struct binding {
    struct listeners *listeners;
    const aiohttp_web_run_app_options *options;
    int port; /* that of the first, when any would do */
};

static int nobody(asyncio_stream *stream)
{
    (void)stream;
    return 0;
}

static int add(struct listeners *listeners, int descriptor, int worker, bool is_unix)
{
    if (listeners->count == LISTENERS_MAX)
        return asyncio_raise(-EMFILE, "more than %d listening sockets", LISTENERS_MAX);
    /* Above the numbers that a successor gets them by. */
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, FIRST_HANDED + LISTENERS_MAX);
    if (copy < 0 && errno == EINVAL) /* RLIMIT_NOFILE is that low: a small server's */
        copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 128);
    if (copy < 0)
        return -errno;
    listeners->items[listeners->count].descriptor = copy;
    listeners->items[listeners->count].worker = worker;
    listeners->items[listeners->count++].is_unix = is_unix;
    return 0;
}

/* Takes the sockets of a server, and ends it. */
static int take(struct binding *binding, asyncio_server *server, int worker, bool is_unix)
{
    int descriptors[OF_ONE_SERVER], r = 0;
    int count = asyncio_server_sockets(server, descriptors, OF_ONE_SERVER);
    if (count > OF_ONE_SERVER)
        r = asyncio_raise(-EMFILE, "more than %d sockets of one worker", OF_ONE_SERVER);
    for (int i = 0; i < count && r >= 0; i++)
        r = descriptors[i] < 0 ? asyncio_raise(-ENOSYS, "a simulated socket cannot be shared")
                               : add(binding->listeners, descriptors[i], worker, is_unix);
    if (!is_unix && !binding->port && asyncio_server_port(server) > 0)
        binding->port = asyncio_server_port(server);
    asyncio_server_unref(server);
    return r;
}

static int port_of(const aiohttp_web_run_app_options *options)
{
    return options->port >= 0 ? options->port : options->ssl_context ? 8443 : 8080;
}

/* A socket for each worker at each address. */
static int bind_tcp(struct binding *binding)
{
    const aiohttp_web_run_app_options *options = binding->options;
    unsigned workers = binding->listeners->workers;
    asyncio_server *server;
    int r = 0;
    for (unsigned i = 0; i < workers && r >= 0; i++) {
        r = asyncio_start_server(nobody, options->host, binding->port ? binding->port
                                                                      : port_of(options),
                                 &server, .hosts = options->hosts, .backlog = options->backlog,
                                 .reuse_address = options->reuse_address,
                                 .reuse_port = options->reuse_port || workers > 1,
                                 .keep_alive = !options->server || options->server->tcp_keepalive,
                                 .start_serving = 0);
        if (r >= 0)
            r = take(binding, server, (int)i, false);
    }
    return r;
}

static int bind_unix(struct binding *binding)
{
    const char *path = binding->options->path;
    asyncio_server *server;
    struct stat status;
    int r = asyncio_start_unix_server(nobody, path, &server, .start_serving = 0,
                                      .cleanup_socket = 0);
    if (r < 0)
        return r;
    if (stat(path, &status) == 0) {
        binding->listeners->file[0] = status.st_dev;
        binding->listeners->file[1] = status.st_ino;
    }
    return take(binding, server, LISTENER_FOR_ALL, true);
}

/* Those that were given to this process. */
static int bind_given(struct binding *binding, const char *listen_fds, int sock)
{
    asyncio_server *server;
    /* A server closes what it has taken: the user's is duplicated first. */
    int copy = listen_fds ? -1 : fcntl(sock, F_DUPFD_CLOEXEC, 0);
    if (!listen_fds && copy < 0)
        return -errno;
    int r = asyncio_start_server(nobody, NULL, 0, &server, .listen_fds = listen_fds, .sock = copy,
                                 .start_serving = 0);
    if (r < 0 && copy >= 0)
        close(copy);
    return r < 0 ? r : take(binding, server, LISTENER_FOR_ALL, false);
}

static int bind_all(struct binding *binding)
{
    const aiohttp_web_run_app_options *options = binding->options;
    int r = 0;
    if (options->listen_fds)
        r = bind_given(binding, options->listen_fds, -1);
    else if (options->host || options->hosts || (!options->path && options->sock < 0))
        r = bind_tcp(binding);
    if (r >= 0 && options->path)
        r = bind_unix(binding);
    if (r >= 0 && options->sock >= 0)
        r = bind_given(binding, NULL, options->sock);
    return r;
}

/* ---- from a predecessor ---- */

static int number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long number = text ? strtol(text, &end, 10) : 0;
    return text && *text && !*end && number > 0 && number <= INT_MAX ? (int)number : 0;
}

static int family_of(int descriptor)
{
    int family = 0;
    socklen_t size = sizeof family;
    return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0 ? -errno : family;
}

static int take_over(struct listeners *listeners, int predecessor)
{
    const char *names = getenv("LISTEN_FDNAMES");
    int count = number_of("LISTEN_FDS"), r = 0;
    listeners->predecessor = predecessor;
    for (int i = 0; i < count && r >= 0; i++) {
        int worker = LISTENER_FOR_ALL, family = family_of(FIRST_HANDED + i);
        if (names && sscanf(names, "aiohttp-%d", &worker) != 1)
            worker = LISTENER_FOR_ALL;
        names = names ? strchr(names, ':') : NULL;
        names = names ? names + 1 : NULL;
        r = family < 0 ? family : add(listeners, FIRST_HANDED + i, worker, family == AF_UNIX);
        if (r >= 0)
            close(FIRST_HANDED + i);
        if (worker >= (int)listeners->workers)
            listeners->workers = (unsigned)worker + 1;
    }
    /* Those that this program's children run are not to think they were given any. */
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    unsetenv("AIOHTTP_TAKE_OVER");
    return r < 0 ? asyncio_raise(r, "the predecessor's sockets are none") : r;
}

int aiohttp__listeners_open(struct listeners *listeners, const aiohttp_web_run_app_options *options,
                            unsigned workers)
{
    struct binding binding = { .listeners = listeners, .options = options };
    listeners->count = 0;
    listeners->workers = workers;
    listeners->file[0] = listeners->file[1] = 0;
    listeners->predecessor = 0;
    int predecessor = number_of("AIOHTTP_TAKE_OVER"), r;
    if (predecessor > 0 && number_of("LISTEN_FDS") > 0 && number_of("LISTEN_PID") == getpid()) {
        struct stat status;
        listeners->workers = 1;
        r = take_over(listeners, predecessor);
        if (r >= 0 && options->path && stat(options->path, &status) == 0) {
            listeners->file[0] = status.st_dev;
            listeners->file[1] = status.st_ino;
        }
    } else
        r = asyncio_run(asyncio_coro(bind_all, &binding));
    if (r < 0)
        aiohttp__listeners_close(listeners);
    return r;
}

bool aiohttp__listeners_is_for(const struct listeners *listeners, size_t index, unsigned worker)
{
    int wanted = listeners->items[index].worker;
    return wanted == LISTENER_FOR_ALL || (unsigned)wanted == worker % listeners->workers;
}

int aiohttp__listeners_duplicate(const struct listeners *listeners, size_t index)
{
    int copy = fcntl(listeners->items[index].descriptor, F_DUPFD_CLOEXEC, 0);
    return copy < 0 ? -errno : copy;
}

void aiohttp__listener_close(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

void aiohttp__listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        close(listeners->items[i].descriptor);
    listeners->count = 0;
}

void aiohttp__listeners_remove_file(const struct listeners *listeners,
                                    const aiohttp_web_run_app_options *options)
{
    struct stat status;
    if (options->path && stat(options->path, &status) == 0 && S_ISSOCK(status.st_mode) &&
        status.st_dev == listeners->file[0] && status.st_ino == listeners->file[1])
        unlink(options->path);
}

int aiohttp__listeners_exec(const struct listeners *listeners, const char *const *program,
                            int predecessor)
{
    char names[LISTENERS_MAX * 16], text[32];
    size_t size = 0;
    names[0] = '\0';
    for (size_t i = 0; i < listeners->count; i++) {
        int worker = listeners->items[i].worker;
        if (dup2(listeners->items[i].descriptor, FIRST_HANDED + (int)i) < 0)
            return -errno;
        size += (size_t)snprintf(names + size, sizeof names - size,
                                 worker == LISTENER_FOR_ALL ? "%saiohttp-all" : "%saiohttp-%d",
                                 i ? ":" : "", worker);
    }
    setenv("LISTEN_FDNAMES", names, 1);
    snprintf(text, sizeof text, "%zu", listeners->count);
    setenv("LISTEN_FDS", text, 1);
    snprintf(text, sizeof text, "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    snprintf(text, sizeof text, "%d", predecessor);
    setenv("AIOHTTP_TAKE_OVER", text, 1);
    execv(program[0], (char *const *)(uintptr_t)program);
    return -errno;
}

/* ---- their names ---- */

/* As aiohttp_web_site_name has it. */
static void name_of(const struct listeners *listeners, size_t index,
                    const aiohttp_web_run_app_options *options, char *text, size_t room)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } address = { .any.sa_family = AF_UNSPEC };
    char host[INET6_ADDRSTRLEN] = "";
    socklen_t size = sizeof address;
    const char *scheme = options->ssl_context ? "https" : "http";
    if (getsockname(listeners->items[index].descriptor, &address.any, &size) < 0)
        address.any.sa_family = AF_UNSPEC;
    text[0] = '\0';
    if (address.any.sa_family == AF_UNIX)
        snprintf(text, room, "%s://unix:%s:", scheme,
                 options->path ? options->path : address.local.sun_path);
    else if (address.any.sa_family == AF_INET6 &&
             inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof host))
        snprintf(text, room, "%s://[%s]:%d", scheme, host, ntohs(address.v6.sin6_port));
    else if (address.any.sa_family == AF_INET &&
             inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof host))
        snprintf(text, room, "%s://%s:%d", scheme, host, ntohs(address.v4.sin_port));
}

void aiohttp__listeners_print(const struct listeners *listeners,
                              const aiohttp_web_run_app_options *options)
{
    char text[256];
    for (size_t i = 0; i < listeners->count && options->print; i++) {
        name_of(listeners, i, options, text, sizeof text);
        if (*text && (listeners->items[i].worker <= 0)) /* of several workers' the first */
            options->print(text, options->print_data);
    }
}
