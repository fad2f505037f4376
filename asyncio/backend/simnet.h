/* SPDX-License-Identifier: MIT */
/* A network in memory: stream sockets over the loopback addresses and over names, for the sim
 * backend.
 *
 * MODEL    Each thread has a network of its own: the list of its bound sockets. A connection is
 *          two ends with a bounded buffer each; what one end sends lies in the other's buffer
 *          until it is read there, and a full buffer is what back-pressure looks like. Bytes, end
 *          of file and resets arrive at once: delay and disorder are the business of sim.c, which
 *          decides when it looks.
 * TCP      as far as programs see it: a backlog with a limit, connection refused, half-close, end
 *          of file after the last byte, a reset for who closes with unread bytes or with SO_LINGER
 *          0 or sends to who has closed.
 * CALLS    never wait: -EAGAIN, and `changed` is called when it is worth trying again. */
#pragma once

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct simnet_connection;

struct simnet_socket {
    void (*changed)(struct simnet_socket *socket); /* an op that waits may get further now */
    int family;
    bool is_bound, is_listening;
    bool is_linger_zero; /* close resets */
    struct sockaddr_storage local, peer;
    socklen_t address_size;
    uint64_t path_id; /* of a bound AF_UNIX socket: no other one's */
    struct list bound_link; /* in the thread's network */
    struct list backlog;    /* a listener's: connections not yet accepted */
    unsigned backlog_count, backlog_limit;
    /* a listener's: sockets that connect while the backlog is full */
    struct list waiters;
    struct list waiter_link;
    struct simnet_connection *connection;
    int end;                          /* which of its two ends this is */
    unsigned send_size, receive_size; /* SO_SNDBUF, SO_RCVBUF; 0: the default */
};

void asyncio__simnet_open(struct simnet_socket *socket, int family,
                          void (*changed)(struct simnet_socket *));
void asyncio__simnet_close(struct simnet_socket *socket);
/* The part of closing that others see at once: the address is free, and nobody listens there. */
void asyncio__simnet_unbind(struct simnet_socket *socket);

int asyncio__simnet_bind(struct simnet_socket *socket, const struct sockaddr *address,
                         socklen_t size);
/* Names of AF_UNIX sockets, as files have them: who a path leads to (-ENOENT: to nobody), and that
 * it does so no more. */
int asyncio__simnet_path_id(const char *path, uint64_t *ret_id);
int asyncio__simnet_path_remove(const char *path);
int asyncio__simnet_listen(struct simnet_socket *socket, int backlog);
/* 0: connected. -EAGAIN: the backlog is full; call again when `changed`. */
int asyncio__simnet_connect(struct simnet_socket *socket, const struct sockaddr *address,
                            socklen_t size);
void asyncio__simnet_connect_cancel(struct simnet_socket *socket);
/* Makes *socket, which is not open, the accepting end of the oldest connection in the backlog. */
int asyncio__simnet_accept(struct simnet_socket *listener, struct simnet_socket *socket,
                           void (*changed)(struct simnet_socket *));
/* Bytes moved, at least 1; 0 from recv is the end of file. */
int asyncio__simnet_recv(struct simnet_socket *socket, void *data, size_t size);
int asyncio__simnet_send(struct simnet_socket *socket, const void *data, size_t size);
int asyncio__simnet_shutdown(struct simnet_socket *socket, int how);
/* Breaks the connection for both ends, as a network can; with none, the oldest one of a listener's
 * backlog. */
void asyncio__simnet_reset(struct simnet_socket *socket);

bool asyncio__simnet_is_readable(const struct simnet_socket *socket);
bool asyncio__simnet_is_writable(const struct simnet_socket *socket);
