/* SPDX-License-Identifier: MIT */
/* Certificates by their fingerprint: aiohttp's Fingerprint.
 *
 *     aiohttp_fingerprint pin;
 *     int r = aiohttp_fingerprint_init(&pin, "3f:1d:...", 0);
 *
 * MODEL      The SHA-256 of the certificate that a server shows, in DER: a server with that very
 *            certificate is whom we want, and nobody else is. It is looked at beside what the TLS
 *            context verifies; with a context that verifies nothing it stands alone.
 * THREADS    Any. Nothing here suspends.
 * SOURCE     aiohttp's Fingerprint and ServerFingerprintMismatch. */
#pragma once

#include <aiohttp/macros.h>
#include <asyncio/stream.h>

ASYNCIO__BEGIN

typedef struct aiohttp_fingerprint {
    unsigned char sha256[32];
} aiohttp_fingerprint;

/* From 32 bytes (`size` 32), or from text (`size` 0): 64 hexadecimal digits, colons between them
 * allowed, as `openssl x509 -fingerprint -sha256` prints it. -EINVAL for another size: SHA-1 and
 * MD5 are not safe. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_fingerprint_init(aiohttp_fingerprint *fingerprint,
                                                            const void *data, size_t size);

/* Whether the peer of a TLS stream has that certificate: 0, -AIOHTTP_FINGERPRINT when it has
 * another, -EINVAL when it has none (no TLS), -ENOMEM. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_fingerprint_check(const aiohttp_fingerprint *fingerprint,
                                                             const asyncio_stream *stream);

ASYNCIO__END
