/* SPDX-License-Identifier: MIT */
/* TLS on a stream: see start_tls.c. */
#pragma once

#include "net/stream.h"
#include "net/tls.h"

struct secure {
    asyncio_ssl_context *context;
    const char *server_hostname;     /* NULL: none */
    bool is_server;
    double handshake_timeout, shutdown_timeout;
};

/* What a client's options say of it. */
#define SECURE_CLIENT(options)                                                                     \
    { .context = (options)->ssl,                                                                   \
      .server_hostname = (options)->server_hostname,                                               \
      .handshake_timeout = (options)->ssl_handshake_timeout,                                       \
      .shutdown_timeout = (options)->ssl_shutdown_timeout }

/* What a server's options say of it. */
#define SECURE_SERVER(options)                                                                     \
    { .context = (options)->ssl,                                                                   \
      .is_server = true,                                                                           \
      .handshake_timeout = (options)->ssl_handshake_timeout,                                       \
      .shutdown_timeout = (options)->ssl_shutdown_timeout }

/* All but `on_open`. -EINVAL (raised): a limit that is none. */
int asyncio__secure_options(const struct secure *secure, struct tls_options *ret_options);

/* What is known of a connection: see asyncio_stream_get_extra_info. `tcp` is NULL once it is
 * lost. */
int asyncio__extra_info(const struct transport *transport, const struct tcp *tcp, const char *name,
                        char *data, size_t size);

/* Returns `error`, which a transport was ended by, raised with the sentence that it has for it. */
int asyncio__raise_reason(const struct transport *transport, int error);

/* 0, or -EINVAL (raised) where that could never work. */
int asyncio__secure_check(const struct secure *secure);
/* The same for a call that connects to `host` (NULL: to no name), which the certificate is of where
 * the caller names no other. */
int asyncio__secure_check_for(struct secure *secure, const char *host, bool needs_name);

/* A reference that a frame holds while it is suspended: given back also where the loop closes and
 * the task never goes on. */
struct held_stream {
    struct held held;
    asyncio_stream *stream;
};
/* Takes the caller's reference, until it is let go and the caller's again. */
void asyncio__hold_stream(struct held_stream *held, asyncio_stream *stream);
static inline void asyncio__let_stream_go(const struct held_stream *held)
{
    task_let_go(task_current(), &held->held);
}

/* Puts TLS on the stream and waits for its handshake, in the running task. On failure the stream
 * is closed, unless nothing was begun: -EINVAL, -EBUSY, -ENOMEM. */
int asyncio__stream_secure(asyncio_stream *stream, const struct secure *secure);
