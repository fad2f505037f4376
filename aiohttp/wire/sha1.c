/* SPDX-License-Identifier: MIT */
/* SHA-1: see sha1.h. */
#include "wire/sha1.h"

static uint32_t turned(uint32_t word, int by)
{
    return word << by | word >> (32 - by);
}

static void block(uint32_t state[5], const uint8_t *data)
{
    uint32_t words[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 |
                   (uint32_t)data[4 * i + 2] << 8 | data[4 * i + 3];
    for (int i = 16; i < 80; i++)
        words[i] = turned(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                     : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                     : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                              : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t next = turned(a, 5) + f + e + words[i];
        e = d;
        d = c;
        c = turned(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

void aiohttp__sha1(struct span bytes, uint8_t ret_hash[SHA1_SIZE])
{
    uint32_t state[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
    uint8_t last[128] = { 0 };
    size_t at = 0;
    for (; bytes.size - at >= 64; at += 64)
        block(state, (const uint8_t *)bytes.data + at);
    size_t rest = bytes.size - at, size = rest < 56 ? 64 : 128;
    if (rest)
        memcpy(last, bytes.data + at, rest);
    last[rest] = 0x80;
    for (size_t i = 0; i < 8; i++)
        last[size - 1 - i] = (uint8_t)((uint64_t)bytes.size * 8 >> 8 * i);
    for (at = 0; at < size; at += 64)
        block(state, last + at);
    for (size_t i = 0; i < SHA1_SIZE; i++)
        ret_hash[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}
