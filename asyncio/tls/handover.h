/* SPDX-License-Identifier: MIT */
/* The sending side of an engine, given to the kernel: the keys, and where they stand.
 *
 * MODEL      With SSL_OP_ENABLE_KTLS OpenSSL offers the keys of what is sent to the BIO, once, in
 *            the kernel's own struct. The engine keeps them and refuses, so OpenSSL goes on, and
 *            counts the records that are made by them. At some moment, with all of `out` sent, the
 *            owner gives them to a socket, the count with them, and tells the engine: from then on
 *            it makes no record that anybody sees. There is no way back.
 * SAFETY     A nonce that is used twice breaks AES-GCM. The control that OpenSSL offers the keys by
 *            is not documented, so nothing is believed: before they are given away one record of
 *            OpenSSL's is decrypted with them, under the number (TLS 1.2: and the explicit nonce)
 *            that the count says. That proves key, salt, nonce and count at once. The count goes on
 *            from there by the bytes themselves, whatever made them. TLS 1.2 has its nonce on the
 *            wire and counts it, too: the kernel's begins where OpenSSL's ended.
 *            A new key (TLS 1.3's key update) makes them useless: they are forgotten. Only AES-GCM
 *            is given away.
 * AFTER      What OpenSSL would send is dropped, and told: `alert` has the close_notify or the
 *            fatal alert that is to be sent by other means (a warning is not worth it). An answer
 *            to the peer's wish for new keys cannot be given, and ends the connection: nothing may
 *            be sent before it (RFC 8446, 4.6.3), and kernels before 6.14 take no second key.
 *            Tickets were sent with the handshake. Receiving is not concerned.
 * OWNERSHIP  The keys are the engine's until it is told, and then wiped. */
#pragma once

#include "base/ktls_keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_engine;

enum { TLS_PROOF_MAX = 1024, TLS_RECORD_HEAD = 5 };

struct tls_keys {
    struct ktls_keys first;          /* as OpenSSL gave them */
    uint64_t records;                /* made by them */
    bool is_proven;
    /* where the bytes stand: in a head, or so many before the next one */
    uint8_t head_size;
    unsigned char head[TLS_RECORD_HEAD];
    size_t body_left;
};

/* OpenSSL offers keys. Without memory they are not kept. */
void asyncio__tls_keys_offered(struct tls_engine *engine, const void *info);
/* Bytes that OpenSSL made, in the order they are sent. */
void asyncio__tls_keys_count(struct tls_keys *keys, const char *data, size_t size);
void asyncio__tls_keys_forget(struct tls_engine *engine);

/* Whether a handover may come, by proof: all of the engine's side of it is there. */
bool asyncio__tls_keys_may_go(const struct tls_engine *engine);
/* As asyncio__tls_write of 1 to TLS_PROOF_MAX bytes, with `out` empty before: what was made of them
 * proves the keys, or they are forgotten. */
int asyncio__tls_write_proof(struct tls_engine *engine, const void *data, size_t size);
/* What the kernel has to begin with, for the next record. False: they are not proven. Wipe it. */
bool asyncio__tls_keys_now(const struct tls_engine *engine, struct ktls_keys *ret_keys);
/* The kernel has them. `out` is empty. */
void asyncio__tls_hand_over(struct tls_engine *engine);
