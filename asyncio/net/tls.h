/* SPDX-License-Identifier: MIT */
/* TLS as a transport over a transport: see tls.c. */
#pragma once

#include "net/net.h"
#include "net/transport.h"
#include "tls/engine.h"
#include "tls/handover.h"

enum {
    TLS_HANDSHAKE,
    TLS_OPEN,
    TLS_CLOSING,                     /* our close_notify is said, the peer's awaited */
    TLS_SHUT,                        /* nothing is awaited but `lost` of the one below */
};

struct tls {
    struct transport base;
    struct transport *lower;
    struct net *net;
    struct tls_engine engine;
    struct buffer ahead;             /* ciphertext that has come and was not taken yet */
    void *data;                      /* of the receive that is pending: is_receiving */
    size_t size;
    /* told once: 0, or what the handshake failed by */
    void (*on_open)(struct tls *tls, int result);
    struct timed_handle timer;       /* the end of the handshake's time, later of the shutdown's */
    int64_t handshake_ns, shutdown_ns;
    int error;                       /* what `lost` will say */
    unsigned trash;                  /* bytes that came after our close_notify */
    struct list waiters;             /* a stream's, for on_open */
    int opened;                      /* a stream's: what on_open said */
    uint8_t state;
    bool is_receiving;
    bool is_fetching;                /* a receive of the one below is pending */
    bool is_ahead_lent;              /* to the engine, as its `in` */
    bool has_end;                    /* the one below has no more bytes */
    bool is_flushing;                /* counted in net->flushing */
    bool is_broken;                  /* the one below is: nothing goes out, what came is read */
    bool is_ended, is_lost;          /* told; to be told */
    unsigned entered;                /* calls under way in here: `lost` waits for them */
};

struct tls_options {
    asyncio_ssl_context *context;
    const char *server_hostname;     /* NULL: none */
    bool is_server;
    int64_t handshake_ns, shutdown_ns;
    void (*on_open)(struct tls *tls, int result);
};

/* Makes TLS over `lower`, for the user that `lower` has. `ahead` (NULL: nothing): what had been
 * read of `lower` before; empty after that. -EINVAL (raised), -ENOMEM: all is as it was. */
int asyncio__tls_new(struct net *net, struct transport *lower, struct buffer *ahead,
                     const struct tls_options *options, struct tls **ret_tls);

/* Before start: the receive of `lower` that is pending becomes this one's. -ENOMEM. */
int asyncio__tls_take_receive(struct tls *tls);

/* Takes `lower` over and begins the handshake. `on_open` is told how it ends, perhaps before this
 * returns; and so may `lost` be. */
void asyncio__tls_start(struct tls *tls);

/* After `lost`, or before start. NULL allowed. The transport below is not touched. */
void asyncio__tls_free(struct tls *tls);

/* The TLS transport that `transport` is, or NULL. */
struct tls *asyncio__tls_of(struct transport *transport);

/* ---- tls_kernel.c: sending by the kernel ---- */

/* Whether a file could go by the kernel, after a proof. */
bool asyncio__tls_may_go_to_kernel(const struct tls *tls);
/* As the contract's write, of at most TLS_PROOF_MAX bytes. */
int asyncio__tls_send_proof(struct tls *tls, const void *data, size_t size);
/* Once that is sent. 1: what is written to the socket is encrypted there. 0: all is as it was. An
 * error: the connection has ended by it. */
int asyncio__tls_go_to_kernel(struct tls *tls);
static inline bool tls_is_in_kernel(const struct tls *tls)
{
    return tls->engine.is_handed_over;
}
