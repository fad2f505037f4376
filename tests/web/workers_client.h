/* SPDX-License-Identifier: MIT */
/* The client of the tests of workers: blocking sockets, one request after the other, and a load of
 * several threads that counts what fails. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { PATIENCE = 60 }; /* seconds, on a machine that does much else */

/* Where it connects: to `path` while there is no port. */
static struct {
    int port;
    const char *path;
} place;

struct client {
    int descriptor;
    char answer[2048];
    bool closes;
};

static bool dial(struct client *client)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_un local;
    } address = { .any.sa_family = place.port ? AF_INET : AF_UNIX };
    struct timeval patience = { .tv_sec = PATIENCE };
    if (place.port) {
        address.v4.sin_port = htons((uint16_t)place.port);
        address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else
        snprintf(address.local.sun_path, sizeof address.local.sun_path, "%s", place.path);
    client->descriptor = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(client->descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return connect(client->descriptor, &address.any,
                   place.port ? sizeof address.v4 : sizeof address.local) == 0;
}

static void hang_up(struct client *client)
{
    if (client->descriptor >= 0)
        close(client->descriptor);
    client->descriptor = -1;
}

/* One request, on the connection that is there or a new one. The answer's body, or NULL: failed. */
static const char *ask(struct client *client, const char *path)
{
    char request[128];
    size_t size = 0;
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    if (client->descriptor < 0 && !dial(client))
        return NULL;
    if (send(client->descriptor, request, (size_t)length, MSG_NOSIGNAL) != length)
        return NULL;
    for (;;) {
        ssize_t n = recv(client->descriptor, client->answer + size,
                         sizeof client->answer - 1 - size, 0);
        if (n <= 0)
            return NULL;
        size += (size_t)n;
        client->answer[size] = '\0';
        const char *body = strstr(client->answer, "\r\n\r\n");
        const char *field = strcasestr(client->answer, "\r\nContent-Length: ");
        if (!body || !field || strncmp(client->answer, "HTTP/1.1 200 ", 13) != 0)
            continue;
        if (strlen(body + 4) < strtoul(field + 18, NULL, 10))
            continue;
        if (strcasestr(client->answer, "\r\nConnection: close\r\n"))
            hang_up(client);
        return body + 4;
    }
}

static long pid_of(const char *body)
{
    return body ? strtol(body, NULL, 10) : -1;
}

static struct {
    atomic_bool is_over;
    atomic_uint done, failed;
    atomic_ulong pids;  /* how many changes of who answers were seen */
} load;

static void *load_one(void *data)
{
    struct client client = { .descriptor = -1 };
    bool is_keeping = data != NULL;
    long last = 0;
    while (!atomic_load(&load.is_over)) {
        const char *body = ask(&client, "/");
        if (!body) {
            atomic_fetch_add(&load.failed, 1);
            hang_up(&client);
        }
        if (body && pid_of(body) != last)
            atomic_fetch_add(&load.pids, 1);
        last = pid_of(body);
        atomic_fetch_add(&load.done, 1);
        if (!is_keeping)
            hang_up(&client);
        usleep(500); /* also a connection that rests is not to be lost */
    }
    hang_up(&client);
    return NULL;
}

enum { LOADERS = 6 };
static pthread_t loaders[LOADERS];

static void begin_load(void)
{
    atomic_store(&load.is_over, false);
    atomic_store(&load.done, 0);
    atomic_store(&load.failed, 0);
    for (int i = 0; i < LOADERS; i++)
        assert_int_equal(pthread_create(&loaders[i], NULL, load_one, i % 3 ? &load : NULL), 0);
}

static void end_load(void)
{
    for (int i = 0; i < 6000 && atomic_load(&load.done) <= 200; i++)
        usleep(5000);
    atomic_store(&load.is_over, true);
    for (int i = 0; i < LOADERS; i++)
        pthread_join(loaders[i], NULL);
    assert_true(atomic_load(&load.done) > 100);
    assert_int_equal(atomic_load(&load.failed), 0);
}
