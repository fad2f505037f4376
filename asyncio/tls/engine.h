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
 * KERNEL TLS is not used, and this is how it could be. With SSL_OP_ENABLE_KTLS OpenSSL offers the
 *            keys to any BIO, this one too, in the kernel's own struct, by the control that its
 *            bio.h names BIO_CTRL_SET_KTLS_SEND and calls internal, after a BIO_flush; refused, it
 *            goes on as before. So the engine can stay free of I/O: it refuses, keeps the struct,
 *            and counts the records that OpenSSL makes from then on (TLS 1.3: its tickets, two;
 *            1.2: the Finished). Once all of `out` is sent, TCP_ULP and TLS_TX with that count as
 *            rec_seq hand sending over, for good; alerts are then sendmsg(2) of their own kind.
 *            Tried on Linux 6.12 (tools/vm, its modules tls and gcm) with OpenSSL 3.0, TLS 1.2 and
 *            1.3, both AES-GCM: the peer had a file by sendfile(2), then our close_notify.
 *            TLS_TX can fail after TCP_ULP went well (-ENOENT without the cipher's module), and
 *            what is written then goes in clear: that has to end in going on by OpenSSL. For
 *            sending only: what is received goes into memory ahead of the engine.
 *            What it takes besides: the explicit nonce of TLS 1.2 goes on from OpenSSL's, too (`iv`
 *            by the same count): the offered one would come twice, which breaks AES-GCM. So the
 *            keys are best proven, by opening a record of OpenSSL's with them. OpenSSL answers a
 *            wish for new keys when it writes next, that is never: it has to be seen coming in, and
 *            needs a newer kernel (6.14), or ends the connection. The modules are crypto_null,
 *            gf128mul, ghash-generic, gcm, tls. A part of what was taken may lie above TCP: closing
 *            sends it, without MSG_NOSIGNAL where sendfile(2) left it, so SIGPIPE has to be held
 *            back around both. MSG_WAITALL is refused (io_uring's sends). With POLLOUT and send(2)
 *            in its place a build of it got through its tests by epoll, both versions; by io_uring
 *            not, and why is not found. Nothing of it may be half there.
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
