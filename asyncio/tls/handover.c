/* SPDX-License-Identifier: MIT */
/* The engine's sending side on its way to the kernel. See handover.h. */
#include "tls/handover.h"

#include "base/alloc.h"
#include "tls/engine.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

enum { TYPE_CHANGE_CIPHER = 20, TYPE_DATA = 23, TAG_SIZE = 16, NONCE_SIZE = 12, EXPLICIT_SIZE = 8 };

/* ---- the kernel's structs, field by field ---- */

struct fields {
    unsigned char *salt, *key, *iv, *sequence; /* 4, key_size, 8, 8 bytes */
    const EVP_CIPHER *cipher;
};

static struct fields fields_of(struct ktls_keys *keys)
{
    if (keys->cipher == TLS_CIPHER_AES_GCM_256) {
        struct tls12_crypto_info_aes_gcm_256 *info = (void *)keys;
        return (struct fields){ info->salt, info->key, info->iv, info->rec_seq,
                                EVP_aes_256_gcm() };
    }
    struct tls12_crypto_info_aes_gcm_128 *info = (void *)keys;
    return (struct fields){ info->salt, info->key, info->iv, info->rec_seq, EVP_aes_128_gcm() };
}

static uint64_t number_of(const unsigned char *bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | bytes[i];
    return number;
}

static void put_number(unsigned char *bytes, uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        bytes[i] = (unsigned char)number;
}

/* Those for record number `records` since the first. */
static void advance(struct ktls_keys *keys, uint64_t records)
{
    struct fields fields = fields_of(keys);
    put_number(fields.sequence, number_of(fields.sequence) + records);
    if (keys->version == TLS_1_2_VERSION)
        put_number(fields.iv, number_of(fields.iv) + records);
}

/* ---- keeping and counting ---- */

void asyncio__tls_keys_offered(struct tls_engine *engine, const void *info)
{
    struct tls_crypto_info kind;
    memcpy(&kind, info, sizeof kind);
    size_t size = ktls_size(kind.version, kind.cipher_type);
    asyncio__tls_keys_forget(engine);
    if (!size || !(engine->keys = asyncio__calloc(1, sizeof *engine->keys)))
        return;
    memcpy(&engine->keys->first, info, size);
}

void asyncio__tls_keys_forget(struct tls_engine *engine)
{
    if (engine->keys)
        explicit_bzero(engine->keys, sizeof *engine->keys);
    asyncio__free(engine->keys);
    engine->keys = NULL;
}

void asyncio__tls_keys_count(struct tls_keys *keys, const char *data, size_t size)
{
    for (size_t n; size; data += n, size -= n) {
        if (keys->body_left) {
            n = size < keys->body_left ? size : keys->body_left;
            keys->body_left -= n;
            continue;
        }
        n = sizeof keys->head - keys->head_size;
        n = size < n ? size : n;
        memcpy(keys->head + keys->head_size, data, n);
        keys->head_size = (uint8_t)(keys->head_size + n);
        if (keys->head_size < sizeof keys->head)
            continue;
        keys->head_size = 0;
        keys->body_left = (size_t)keys->head[3] << 8 | keys->head[4];
        keys->records += keys->head[0] != TYPE_CHANGE_CIPHER; /* that one is in clear */
    }
}

/* ---- the proof ---- */

bool asyncio__tls_keys_may_go(const struct tls_engine *engine)
{
    return engine->keys && engine->is_open && !engine->error && !engine->is_handed_over;
}

/* What authenticates the record besides its bytes; where its ciphertext begins. */
static size_t prepare(const struct ktls_keys *keys, const struct fields *fields,
                      const unsigned char *record, size_t plain_size, unsigned char *nonce,
                      unsigned char *data, int *ret_data_size)
{
    memcpy(nonce, fields->salt, 4);
    memcpy(nonce + 4, fields->iv, 8);
    if (keys->version == TLS_1_3_VERSION) {
        for (int i = 0; i < 8; i++)
            nonce[4 + i] ^= fields->sequence[i];
        memcpy(data, record, TLS_RECORD_HEAD);
        *ret_data_size = TLS_RECORD_HEAD;
        return TLS_RECORD_HEAD;
    }
    memcpy(data, fields->sequence, 8);
    memcpy(data + 8, record, 3);
    data[11] = (unsigned char)(plain_size >> 8);
    data[12] = (unsigned char)plain_size;
    *ret_data_size = 13;
    return TLS_RECORD_HEAD + EXPLICIT_SIZE;
}

/* True: these keys made the record of `plain`. */
static bool opens(struct ktls_keys *keys, const unsigned char *record, size_t size,
                  const unsigned char *plain, size_t plain_size)
{
    struct fields fields = fields_of(keys);
    unsigned char nonce[NONCE_SIZE], data[16], back[TLS_PROOF_MAX + 1], tag[TAG_SIZE];
    bool is_13 = keys->version == TLS_1_3_VERSION;
    int data_size, n = 0, last = 0;
    size_t begin = prepare(keys, &fields, record, plain_size, nonce, data, &data_size);
    size_t inner = plain_size + is_13; /* 1.3 has the type at the end */
    if (size != begin + inner + TAG_SIZE || record[0] != TYPE_DATA ||
        (!is_13 && memcmp(record + TLS_RECORD_HEAD, fields.iv, EXPLICIT_SIZE) != 0))
        return false;
    memcpy(tag, record + begin + inner, sizeof tag);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool is_good =
        cipher && EVP_DecryptInit_ex(cipher, fields.cipher, NULL, fields.key, nonce) == 1 &&
        EVP_DecryptUpdate(cipher, NULL, &n, data, data_size) == 1 &&
        EVP_DecryptUpdate(cipher, back, &n, record + begin, (int)inner) == 1 &&
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1 &&
        EVP_DecryptFinal_ex(cipher, back + n, &last) == 1 && memcmp(back, plain, plain_size) == 0 &&
        (!is_13 || back[plain_size] == TYPE_DATA);
    EVP_CIPHER_CTX_free(cipher);
    ERR_clear_error();
    return is_good;
}

int asyncio__tls_write_proof(struct tls_engine *engine, const void *data, size_t size)
{
    const struct tls_keys *keys = engine->keys;
    uint64_t records = keys ? keys->records : 0;
    bool is_fresh = keys && !engine->out.count && !keys->head_size && !keys->body_left &&
                    size <= TLS_PROOF_MAX;
    int r = asyncio__tls_write(engine, data, size);
    if (r < 0 || engine->keys != keys || !keys)
        return r;
    struct ktls_keys used = keys->first;
    advance(&used, records);
    engine->keys->is_proven =
        is_fresh && keys->records == records + 1 && !keys->head_size && !keys->body_left &&
        opens(&used, (const unsigned char *)buffer_bytes(&engine->out), engine->out.count, data,
              size);
    explicit_bzero(&used, sizeof used);
    if (!keys->is_proven)
        asyncio__tls_keys_forget(engine);
    return r;
}

/* ---- the handover ---- */

bool asyncio__tls_keys_now(const struct tls_engine *engine, struct ktls_keys *ret_keys)
{
    const struct tls_keys *keys = engine->keys;
    if (!asyncio__tls_keys_may_go(engine) || !keys->is_proven || engine->out.count ||
        keys->head_size || keys->body_left)
        return false;
    *ret_keys = keys->first;
    advance(ret_keys, keys->records);
    return true;
}

void asyncio__tls_hand_over(struct tls_engine *engine)
{
    asyncio__tls_keys_forget(engine);
    engine->is_handed_over = true;
}
