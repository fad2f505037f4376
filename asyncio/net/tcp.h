/* SPDX-License-Identifier: MIT */
/* The transport over a stream socket: see tcp.c. */
#pragma once

#include "base/buffer.h"
#include "net/net.h"
#include "net/transport.h"

struct tcp {
    struct transport base;
    struct net *net;
    struct op in, out;
    struct iovec piece;             /* what `out` sends: the front of `sending` */
    struct buffer sending;          /* not moved while `out` is pending */
    struct buffer queued;           /* behind it */
    int error;
    bool is_receiving, is_sending;  /* in, out are pending */
    bool is_watching : 1;           /* in is, for the end of a pipe that is written to */
    /* out was cancelled, to be submitted again up to a nearer end */
    bool is_split : 1;
    bool wants_eof : 1, has_sent_eof : 1;
    /* shut: the socket is closed, at most completions are waited for */
    bool is_closing : 1, is_shut : 1;
    bool is_broken : 1;             /* by a reset that a send has met: reading goes on */
    bool is_telling : 1;            /* of the end of reading: `lost` waits for that */
    bool has_last : 1;              /* kernel TLS: an alert is what is sent last */
    bool has_said_last : 1;
    uint8_t last[2];
};

enum { TCP_HIGH = 65536, TCP_LOW = 16384 };

/* Takes over a connected socket, for `user`. */
void asyncio__tcp_init(struct tcp *tcp, struct net *net, sock socket,
                       const struct transport_events *events, void *user);

/* Of a pipe that is written to, of which nothing will be read: ends it when its reader is gone. */
int asyncio__tcp_watch_reader(struct tcp *tcp);

/* The TCP transport that `transport` is, or NULL. */
struct tcp *asyncio__tcp_of(struct transport *transport);

/* Kernel TLS has the socket: after what is unsent comes this alert, and nothing else. Once. An
 * error ends the connection. */
void asyncio__tcp_say_last(struct tcp *tcp, const uint8_t alert[2]);

/* Nothing is unsent, and the socket takes no more: `resumed` comes as soon as it does, unless
 * something is written before, or `ended` does. An error has ended the connection. */
int asyncio__tcp_await_room(struct tcp *tcp);

/* The transport's own: send_now gave `result` for `total` bytes, less than all. Stores the rest,
 * or ends the connection. */
int asyncio__tcp_sent_partly(struct tcp *tcp, const struct iovec *pieces, size_t count,
                             size_t total, int result);

/* The transport's own: what a receive gives that has got no bytes. An error that is the
 * connection's ends it. */
int asyncio__tcp_received_none(struct tcp *tcp, int result);

/* The contract's `receive`, for who knows that it is TCP. */
static inline int tcp_receive(struct tcp *tcp, void *data, size_t size)
{
    struct backend *backend = tcp->net->backend;
    tcp->in.data = data;
    tcp->in.size = size;
    int r = backend->type->submit(backend, &tcp->in);
    if (__builtin_expect(r != OP_PENDING, 0))
        return r <= 0 ? asyncio__tcp_received_none(tcp, r) : r;
    tcp->is_receiving = true;
    return r;
}

/* The contract's `redirect`, likewise. */
static inline void tcp_redirect(struct tcp *tcp, void *data, size_t size)
{
    tcp->in.data = data;
    tcp->in.size = size;
}

/* The way of nearly every write, without a call through the contract: a little while nothing is
 * unsent, and with a block at hand for what may not go out. */
static inline bool tcp_writes_little(const struct tcp *tcp, size_t size)
{
    return !tcp->is_sending && size - 1 < BLOCK_MIN && tcp->net->blocks.free[0];
}

/* What the socket takes of it now; less than all goes to asyncio__tcp_sent_partly. */
static inline int tcp_send_little(struct tcp *tcp, const struct iovec *piece)
{
    struct backend *backend = tcp->net->backend;
    return backend->type->send_now(backend, tcp->in.socket, piece, 1);
}
