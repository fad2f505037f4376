/* SPDX-License-Identifier: MIT */
/* Hashes: see hash.h. */
#include "base/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

int aiohttp__hash(enum hash hash, const struct span *pieces, size_t count,
                  unsigned char ret_hash[HASH_MOST])
{
    const EVP_MD *kind = hash == HASH_MD5    ? EVP_md5() :
                         hash == HASH_SHA256 ? EVP_sha256() :
                                               EVP_sha512_256();
    unsigned size = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context)
        return -ENOMEM;
    bool is_done = EVP_DigestInit_ex(context, kind, NULL) == 1;
    for (size_t i = 0; is_done && i < count; i++)
        is_done = EVP_DigestUpdate(context, pieces[i].data, pieces[i].size) == 1;
    is_done = is_done && EVP_DigestFinal_ex(context, ret_hash, &size) == 1;
    EVP_MD_CTX_free(context);
    return is_done ? (int)size : -ENOTSUP;
}

int aiohttp__random(void *memory, size_t size)
{
    return RAND_bytes(memory, (int)size) == 1 ? 0 : -EIO;
}

void aiohttp__hex(char *text, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
}
