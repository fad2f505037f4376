/* SPDX-License-Identifier: MIT */
/* The limit of TLS echo: OpenSSL on the socket itself, edge-triggered epoll, and nothing between.
 *
 * A connection is read until there is no more or the buffer is full, and what came is written;
 * what the socket does not take is copied and waits for the next edge. OpenSSL reads ahead, so
 * that several records come by one system call. The certificate lies where BENCH_TLS says. */
#include "../common.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/epoll.h>

enum { BUFFER = 64 * 1024, AHEAD = 4 * (16384 + 256), EVENTS = 1024 };

struct connection {
    int fd;
    SSL *ssl;
    char *rest; /* what the socket did not take */
    size_t begin, end;
};

static char buffer[BUFFER];

static SSL_CTX *make_context(void)
{
    char name[512];
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    snprintf(name, sizeof name, "%s/cert.pem", getenv("BENCH_TLS"));
    if (!context || SSL_CTX_use_certificate_chain_file(context, name) != 1)
        die(name, EINVAL);
    snprintf(name, sizeof name, "%s/key.pem", getenv("BENCH_TLS"));
    if (SSL_CTX_use_PrivateKey_file(context, name, SSL_FILETYPE_PEM) != 1)
        die(name, EINVAL);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, AHEAD);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

static void drop(struct connection *c)
{
    SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    close(c->fd);
    free(c->rest);
    free(c);
    connections(-1);
}

/* 1: all is out. 0: the socket is full. -1: the connection is over. */
static int put(struct connection *c, const char *data, size_t size, size_t *ret_done)
{
    size_t n;
    for (*ret_done = 0; *ret_done < size; *ret_done += n)
        if (SSL_write_ex(c->ssl, data + *ret_done, size - *ret_done, &n) != 1)
            return SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_WRITE ? 0 : -1;
    return 1;
}

static int flush(struct connection *c)
{
    size_t n;
    int r = put(c, c->rest + c->begin, c->end - c->begin, &n);
    c->begin += n;
    if (r == 1) {
        free(c->rest);
        c->rest = NULL;
    }
    return r;
}

static int keep(struct connection *c, const char *data, size_t size)
{
    c->rest = malloc(size);
    if (!c->rest)
        return -1;
    memcpy(c->rest, data, size);
    c->begin = 0;
    c->end = size;
    return 0;
}

static int serve(struct connection *c)
{
    int r;
    if (c->rest && (r = flush(c)) <= 0)
        return r;
    for (bool is_over = false; !is_over;) {
        size_t n, got = 0;
        while (got < BUFFER && SSL_read_ex(c->ssl, buffer + got, BUFFER - got, &n) == 1)
            got += n;
        if (got < BUFFER) {
            is_over = true;
            if (SSL_get_error(c->ssl, 0) != SSL_ERROR_WANT_READ)
                return -1;
        }
        if ((r = put(c, buffer, got, &n)) < 0)
            return -1;
        if (r == 0)
            return keep(c, buffer + n, got - n);
    }
    return 0;
}

static void welcome(int poller, int listener, SSL_CTX *context)
{
    int fd, yes = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        struct epoll_event event = { EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, { .ptr = c } };
        if (!c || !(c->ssl = SSL_new(context)) || SSL_set_fd(c->ssl, fd) != 1)
            die("connection", ENOMEM);
        connections(1);
        c->fd = fd;
        SSL_set_accept_state(c->ssl);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
            die("epoll_ctl", errno);
    }
}

int main(void)
{
    static struct epoll_event events[EVENTS];
    SSL_CTX *context = make_context();
    int listener = listen_anywhere(SOCK_NONBLOCK), poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { EPOLLIN, { .ptr = NULL } };
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll", errno);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++)
            if (!events[i].data.ptr)
                welcome(poller, listener, context);
            else if (serve(events[i].data.ptr) < 0)
                drop(events[i].data.ptr);
    }
}
