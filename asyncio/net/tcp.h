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
    /* out was cancelled, to be submitted again up to a nearer end */
    bool is_split;
    bool wants_eof, has_sent_eof;
    /* shut: the socket is closed, at most completions are waited for */
    bool is_closing, is_shut;
};

enum { TCP_HIGH = 65536, TCP_LOW = 16384 };

/* Takes over a connected socket. */
void asyncio__tcp_init(struct tcp *tcp, struct net *net, sock socket,
                       const struct transport_events *events);

/* The transport's own: send_now gave `result` for `total` bytes, less than all. Stores the rest,
 * or ends the connection. */
int asyncio__tcp_sent_partly(struct tcp *tcp, const struct iovec *pieces, size_t count,
                             size_t total, int result);

/* The way of nearly every write, without a call through the contract: a little while nothing is
 * unsent, and with a block at hand for what may not go out. False: it has to go the other way. */
static inline bool tcp_write_little(struct tcp *tcp, const struct iovec *piece, int *ret_result)
{
    struct net *net = tcp->net;
    if (tcp->is_sending || piece->iov_len - 1 >= BLOCK_MIN || !net->blocks.free[0])
        return false;
    int n = net->backend->type->send_now(net->backend, tcp->in.socket, piece, 1);
    *ret_result = __builtin_expect((size_t)(unsigned)n == piece->iov_len, 1)
                      ? 0
                      : asyncio__tcp_sent_partly(tcp, piece, 1, piece->iov_len, n);
    return true;
}
