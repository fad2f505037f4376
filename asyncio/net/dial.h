/* SPDX-License-Identifier: MIT */
/* Connecting: from a host and a port, a path or a descriptor to a connected socket. Streams and
 * transports stand on what comes out of here.
 *
 * MODEL      A dial is one call. It has an attempt for each address; the next one starts when the
 *            one before has failed, or (happy eyeballs, RFC 8305) when it has not succeeded within
 *            the delay. The first that succeeds ends the others. No task but the caller's.
 * OWNERSHIP  What the kernel may still use (an operation, the address it borrows) lies in the dial,
 *            off the task's stack. A cancelled call returns at once; the dial goes when the kernel
 *            has let go of the last operation, and what that got is closed. */
#pragma once

#include "net/address.h"
#include "net/net.h"

/* What a socket that the caller has connected has to be. */
enum adopt { ADOPT_ANY, ADOPT_UNIX, ADOPT_NOT_UNIX };

struct dial_options {
    int family, protocol, flags;      /* for getaddrinfo; 0: any */
    const char *local_host;           /* bind to it first */
    int local_port;
    bool is_local;                    /* one of the two was given */
    double delay;                     /* seconds, of happy eyeballs. ASYNCIO_NONE: one by one */
    int interleave;                   /* negative: 1 with a delay, else 0 */
    bool keep_alive;
};

/* What the options of a call that connects say of it. */
#define DIAL_OPTIONS(options)                                                                      \
    { .family = (options)->family,                                                                 \
      .protocol = (options)->proto,                                                                \
      .flags = (options)->flags,                                                                   \
      .local_host = (options)->local_addr.host,                                                    \
      .local_port = (options)->local_addr.port,                                                    \
      .is_local = (options)->local_addr.host || (options)->local_addr.port,                        \
      .delay = (options)->happy_eyeballs_delay,                                                    \
      .interleave = (options)->interleave,                                                         \
      .keep_alive = (options)->keep_alive != 0 }

/* *ret_socket: connected, TCP_NODELAY. When all attempts fail: the code of the last, and a record
 * that lists them all. Suspends. */
int asyncio__dial(struct net *net, const char *host, int port, const struct dial_options *options,
                  sock *ret_socket);

/* The same to an AF_UNIX socket. */
int asyncio__dial_path(struct net *net, const char *path, sock *ret_socket);

/* A connected socket of which nothing has come yet. */
struct connected {
    sock socket;
    bool is_adopted;                  /* it was the caller's, as a descriptor */
};

/* A host and a port, or a path, or a descriptor (negative: none) that the caller has connected:
 * -EINVAL, raised, unless it is one of them. */
int asyncio__host_or_sock(bool has_host, int descriptor);
int asyncio__path_or_sock(const char *path, int descriptor, const char *neither);

/* From either of them to a connected socket. Suspends. */
int asyncio__connect_host(struct net *net, const char *host, int port, int descriptor,
                          enum adopt wanted, const struct dial_options *options,
                          struct connected *ret_connected);
int asyncio__connect_path(struct net *net, const char *path, int descriptor,
                          struct connected *ret_connected);
/* Takes over a connected stream socket of the family that is wanted. On failure it stays the
 * caller's. -EINVAL, -ENOTCONN, -EBADF. Does not suspend. */
int asyncio__connect_adopt(struct net *net, int descriptor, enum adopt wanted,
                           struct connected *ret_connected);

/* Nothing comes of it: it is closed, or the caller's descriptor again. */
void asyncio__connected_give_back(struct net *net, struct connected connected);
