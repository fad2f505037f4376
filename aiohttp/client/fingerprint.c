/* SPDX-License-Identifier: MIT */
/* Certificates by their fingerprint: see <aiohttp/fingerprint.h>. */
#include <aiohttp/fingerprint.h>

#include "base/error.h"
#include "base/hash.h"
#include "wire/ascii.h"

#include <asyncio/alloc.h>
#include <errno.h>

enum { SIZE = 32, CERTIFICATE_FIRST = 4096, CERTIFICATE_MOST = 1 << 20 };

int aiohttp_fingerprint_init(aiohttp_fingerprint *fingerprint, const void *data, size_t size)
{
    aiohttp_fingerprint made;
    aiohttp__errors_add();
    if (fingerprint && data && size == SIZE) {
        memcpy(fingerprint->sha256, data, SIZE);
        return 0;
    }
    if (!fingerprint || !data || size != 0)
        return asyncio_raise(-EINVAL, "a fingerprint is the 32 bytes of a SHA-256");
    const char *at = data, *end = at + strlen(at);
    for (size_t i = 0; i < SIZE; i++) {
        if (i > 0 && *at == ':')
            at++;
        int byte = ascii_hex_pair(at, end);
        if (byte < 0)
            return asyncio_raise(-EINVAL, "a fingerprint is 64 hexadecimal digits of a SHA-256");
        made.sha256[i] = (unsigned char)byte;
        at += 2;
    }
    if (at != end)
        return asyncio_raise(-EINVAL, "a fingerprint is 64 hexadecimal digits, and no more");
    *fingerprint = made;
    return 0;
}

/* The peer's certificate, new, and its size. */
static int certificate_of(const asyncio_stream *stream, char **ret_data)
{
    for (size_t room = CERTIFICATE_FIRST; room <= CERTIFICATE_MOST; room *= 4) {
        char *data = asyncio_mem_malloc(room);
        if (!data)
            return -ENOMEM;
        int size = asyncio_stream_get_extra_info(stream, "peercert", data, room);
        if (size >= 0) {
            *ret_data = data;
            return size;
        }
        asyncio_mem_free(data);
        if (size != -ENOSPC)
            return size == -ENOENT ? asyncio_raise(-EINVAL, "the peer has no certificate") : size;
    }
    return -AIOHTTP_FINGERPRINT;
}

int aiohttp_fingerprint_check(const aiohttp_fingerprint *fingerprint, const asyncio_stream *stream)
{
    char *data = NULL, theirs[2 * SIZE + 1] = "", ours[2 * SIZE + 1] = "";
    unsigned char hash[HASH_MOST], differ = 0;
    aiohttp__errors_add();
    if (!fingerprint || !stream)
        return asyncio_raise(-EINVAL, "a fingerprint is checked with a stream");
    int r = certificate_of(stream, &data);
    if (r < 0)
        return r;
    struct span whole = { data, (size_t)r };
    r = aiohttp__hash(HASH_SHA256, &whole, 1, hash);
    asyncio_mem_free(data);
    if (r < 0)
        return r;
    for (size_t i = 0; i < SIZE; i++)
        differ |= hash[i] ^ fingerprint->sha256[i];
    if (!differ)
        return 0;
    aiohttp__hex(theirs, hash, SIZE);
    aiohttp__hex(ours, fingerprint->sha256, SIZE);
    return asyncio_raise(-AIOHTTP_FINGERPRINT, "it has %s, and should have %s", theirs, ours);
}
