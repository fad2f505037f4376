/* SPDX-License-Identifier: MIT */
/* The limit of echo on epoll: an echo server with nothing between it and the system calls.
 *
 * Each connection is registered once, edge-triggered, in both directions; an event is answered by
 * one read into one hot buffer and one write, and only a read that filled the buffer is followed
 * by another. What the socket does not take is copied and waits for the next edge; until then that
 * connection is not read. No other call is ever made. */
#include "../common.h"

#include <stdbool.h>
#include <sys/epoll.h>

enum { BUFFER = 256 * 1024, EVENTS = 1024 };

struct connection {
    int fd;
    bool readable;
    char *rest; /* what the socket did not take */
    size_t begin, end;
};

static char buffer[BUFFER];

static void drop(struct connection *c)
{
    close(c->fd);
    free(c->rest);
    free(c);
    connections(-1);
}

/* 1: all is out. 0: the socket is full. -1: the connection is over. */
static int flush(struct connection *c)
{
    while (c->begin < c->end) {
        ssize_t n = send(c->fd, c->rest + c->begin, c->end - c->begin, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        c->begin += (size_t)n;
    }
    free(c->rest);
    c->rest = NULL;
    return 1;
}

static int keep(struct connection *c, size_t begin, size_t end)
{
    c->rest = malloc(end - begin);
    if (!c->rest)
        return -1;
    memcpy(c->rest, buffer + begin, end - begin);
    c->begin = 0;
    c->end = end - begin;
    return 0;
}

static int serve(struct connection *c, uint32_t events)
{
    int r;
    if (events & ~(uint32_t)EPOLLOUT)
        c->readable = true;
    if (c->rest && (r = flush(c)) <= 0)
        return r;
    while (c->readable) {
        ssize_t n = recv(c->fd, buffer, BUFFER, 0), sent;
        if (n <= 0)
            return n < 0 && errno == EAGAIN ? (c->readable = false) : -1;
        if (n < BUFFER)
            c->readable = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        sent = send(c->fd, buffer, (size_t)n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return -1;
        if (sent < n) /* the next edge finds the socket writable again */
            return keep(c, sent < 0 ? 0 : (size_t)sent, (size_t)n);
    }
    return 0;
}

static void welcome(int poller, int listener)
{
    int fd, yes = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        struct epoll_event event = { EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, { .ptr = c } };
        if (!c)
            die("calloc", ENOMEM);
        connections(1);
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
            die("epoll_ctl", errno);
    }
}

int main(void)
{
    static struct epoll_event events[EVENTS];
    int listener = listen_anywhere(SOCK_NONBLOCK), poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { EPOLLIN, { .ptr = NULL } };
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll", errno);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++)
            if (!events[i].data.ptr)
                welcome(poller, listener);
            else if (serve(events[i].data.ptr, events[i].events) < 0)
                drop(events[i].data.ptr);
    }
}
