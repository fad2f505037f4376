/* SPDX-License-Identifier: MIT */
/* One end of a TLS connection, free of I/O: ciphertext in and out of memory. Who owns the bytes'
 * way is above (net/tls.c).
 *
 * IN         `in` lends the ciphertext that has come; calls take it from the front. All of it is
 *            taken before a call answers TLS_WANTS.
 * OUT        What is to be sent is added to `out` by any call: it is sent, or lost, by the owner.
 *            A write reserves its room first: no memory then leaves all as it was. Later, in the
 *            middle of the protocol, it is fatal.
 * ERRORS     A fatal error stays, with its sentence: nothing but asyncio__tls_fini makes sense
 *            then, and sending `out`, which has the alert.
 * KERNEL TLS handover.h: the keys of what is sent may go to the kernel, for good. After that no
 *            call adds to `out`.
 * FLOODS     Messages after the handshake (tickets, key updates) cost more than they bring: only
 *            so many come between bytes of the application. */
#pragma once

#include "base/buffer.h"
#include "tls/context.h"

/* More ciphertext is needed. No result is this. */
#define TLS_WANTS INT32_MIN

enum {
    TLS_RECORD_MAX = 16384,          /* bytes of the application in one record */
    TLS_RECORD_EXTRA = 512,          /* what encryption adds at most, and some */
    TLS_LATE_MESSAGES_MAX = 32,
};

struct tls_engine {
    SSL *ssl;
    asyncio_ssl_context *context;
    char *name;                      /* the server_hostname of a client, or NULL */
    struct blocks *blocks;           /* that `out` is made of */
    const char *in;
    size_t in_size;
    struct buffer out;
    int error;
    unsigned late_messages;
    bool is_open, is_out_of_memory;
    bool has_chosen;                 /* a server: the SNI callback was called */
    struct tls_keys *keys;           /* of what is sent, while they may be handed over, or NULL */
    bool is_handed_over;             /* the kernel has them */
    bool wants_new_keys;             /* and the peer others */
    bool has_alert;                  /* that OpenSSL has sent since, into nothing */
    uint8_t alert[2];
    char reason[TLS_REASON_SIZE];
};

/* 0, or -EINVAL (raised): a context of the other side, or a name that cannot be. */
int asyncio__tls_check(const asyncio_ssl_context *context, bool is_server,
                       const char *server_hostname);
/* `engine` is zeroed, and stays where it is. `server_hostname`: whom a client wants, or NULL.
 * -EINVAL (raised), -ENOMEM. */
int asyncio__tls_init(struct tls_engine *engine, asyncio_ssl_context *context,
                      struct blocks *blocks, bool is_server, const char *server_hostname);
/* `blocks` is gone: the loop closed. Then fini frees. */
void asyncio__tls_fini(struct tls_engine *engine);

/* 0: done. TLS_WANTS, or an error. */
int asyncio__tls_handshake(struct tls_engine *engine);
/* Bytes; 0: the peer's close_notify; TLS_WANTS; or an error. */
int asyncio__tls_read(struct tls_engine *engine, void *data, size_t size);
/* Room for a write of `size` bytes, or -ENOMEM. */
int asyncio__tls_reserve(struct tls_engine *engine, size_t size);
/* 0, or an error. */
int asyncio__tls_write(struct tls_engine *engine, const void *data, size_t size);
/* Says close_notify. */
void asyncio__tls_shutdown(struct tls_engine *engine);

/* info.c: stores what is known by this name: its length, without the NUL that ends a text.
 * -ENOENT: nothing is. -ENOSPC. */
int asyncio__tls_info(const struct tls_engine *engine, const char *name, char *data, size_t size);

/* Whether plaintext, or a record that is not decrypted yet, waits in it. */
static inline bool tls_has_input(const struct tls_engine *engine)
{
    return engine->in_size || SSL_has_pending(engine->ssl);
}
