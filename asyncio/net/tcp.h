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
