/* SPDX-License-Identifier: MIT */
/* Kernel TLS, the sending side: a TCP socket whose bytes the kernel makes into records. Whose keys
 * they are, and when it may begin, is known above (net/tls_kernel.c).
 *
 * MODEL      Two steps: TCP_ULP puts the layer on the socket, which passes everything on as it is,
 *            and TLS_TX gives it the keys; from then on what is sent is encrypted, for good.
 * IN CLEAR   Who believes that the second step was done, and it was not, sends in clear. So the
 *            kernel has to show first that it can, on a connection of its own (`probe`: the layer,
 *            the cipher, and that what comes out is a record); and after the second step it is
 *            asked for the keys that it has. Between the two no byte is sent.
 * RECORDS    Every send is a record of the application, of at most 16 KiB; others are sent by
 *            `say`. A send that is cut off by a full socket counts what was taken, as ever.
 * THE END    Linux takes records also when the connection is broken, and says so only as long as
 *            nobody else, a receive for one, was told the socket's error. So after each send it is
 *            asked whether the connection is there (posix.h). */
#pragma once

#include "backend/backend.h"
#include "base/ktls_keys.h"

/* No result of a call is this: the socket is neither what it was nor known to encrypt. */
#define KTLS_BROKEN INT32_MIN

/* Whether this kernel encrypts so: 0, or -errno. The first time for each blocks for some system
 * calls; a lack of descriptors or memory is told, but not for good. Any thread. */
int asyncio__ktls_probe(uint16_t version, uint16_t cipher);

/* What is sent from now on, the kernel encrypts. Another error than KTLS_BROKEN: it does not, and
 * bytes still go as they are. */
int asyncio__ktls_start(struct backend *backend, sock socket, const struct ktls_keys *keys);

/* Sends one record of another type, all of it or -errno; -EAGAIN: when there is room. */
int asyncio__ktls_say(struct backend *backend, sock socket, uint8_t type, const void *data,
                      size_t size);

/* asyncio__plain_sendfile, where what an earlier call has left is sent, too: it may find the
 * connection broken whatever its result is, and raise SIGPIPE. Here that is an error. */
int asyncio__ktls_sendfile(int socket, int file, int64_t *offset, size_t size);
