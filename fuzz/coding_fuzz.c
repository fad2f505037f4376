/* SPDX-License-Identifier: MIT */
/* Content codings: what is decoded does not depend on how it came, no step gives more than was
 * asked for, and what was encoded comes back. The first byte chooses codings, the second the
 * split. */
#include "message/coding.h"

#include <stdint.h>
#include <stdlib.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 17, MORE = MOST * 2 };

static const char *const lists[] = { "gzip",      "deflate",  "br",       "zstd",
                                     "gzip, br",  "br, gzip", "zstd, br", "deflate, gzip",
                                     "gzip,zstd", "gzip,gzip" };

/* The result: how many bytes, or the error; the bytes in `out`. */
static int decode(const char *list, struct span data, size_t in, size_t room, char *out)
{
    aiohttp_limits limits = aiohttp_server_limits();
    struct decoder *decoder;
    size_t used = 0;
    limits.inflate_ratio_from = 4096;
    limits.gzip_members = 9;
    int r = aiohttp__decoder_new(span_of(list), &limits, &decoder);
    CHECK(r == 0 && decoder);
    while (r >= 0 && data.size && used < MOST) {
        struct span piece = { data.data, data.size < in ? data.size : in };
        data = (struct span){ data.data + piece.size, data.size - piece.size };
        while (used < MOST && (r = aiohttp__decoder_step(decoder, &piece, out + used, room)) > 0) {
            CHECK((size_t)r <= room);
            used += (size_t)r;
        }
        CHECK(r != 0 || piece.size == 0);
    }
    if (r >= 0 && used < MOST)
        r = aiohttp__decoder_finish(decoder);
    aiohttp__decoder_free(decoder);
    return r < 0 ? r : (int)used;
}

static void there_and_back(enum coding coding, struct span data, size_t step)
{
    static char packed[MORE], back[MORE];
    struct encoder *encoder;
    struct span rest = data;
    size_t used = 0;
    int r = aiohttp__encoder_new(coding, 1, &encoder);
    if (r < 0)
        return;
    do {
        struct span piece = { rest.data, rest.size < step ? rest.size : step };
        rest = (struct span){ rest.data + piece.size, rest.size - piece.size };
        enum encode how = !rest.size ? ENCODE_FINISH : step & 1 ? ENCODE_FLUSH : ENCODE_MORE;
        size_t room = step < ENCODE_FLUSH_ROOM && how == ENCODE_FLUSH ? ENCODE_FLUSH_ROOM : step;
        while ((r = aiohttp__encoder_step(encoder, &piece, how, packed + used, room)) > 0 &&
               ((size_t)r == room || piece.size)) {
            used += (size_t)r;
            CHECK(used + room < sizeof packed);
        }
        used += r > 0 ? (size_t)r : 0;
        CHECK(used + room < sizeof packed);
    } while (r >= 0 && rest.size);
    aiohttp__encoder_free(encoder);
    CHECK(r >= 0);
    struct span sent = { packed, used };
    CHECK(decode(aiohttp__coding_name(coding).data, sent, step, step, back) == (int)data.size);
    CHECK(data.size == 0 || memcmp(back, data.data, data.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char first[MORE], second[MORE];
    if (size < 2 || size > 2000)
        return 0;
    const char *list = lists[data[0] % (sizeof lists / sizeof *lists)];
    struct span body = { (const char *)data + 2, size - 2 };
    size_t step = data[1] ? data[1] : 1000;
    int whole = decode(list, body, body.size ? body.size : 1, 65536, first);
    int split = decode(list, body, step, step, second);
    /* what is limited is found out a step sooner or later */
    CHECK(whole == split || whole >= MOST || split >= MOST || (whole < 0 && split < 0));
    CHECK(whole < 0 || whole != split || memcmp(first, second, (size_t)whole) == 0);
    there_and_back((enum coding)(data[0] % CODING_COUNT), body, step);
    (void)aiohttp__coding_choose(body, CODING_ALL);
    return 0;
}
