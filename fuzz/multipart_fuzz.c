/* SPDX-License-Identifier: MIT */
/* Multipart bodies: the same events however the bytes come. The first byte is the size of the
 * pieces of the second run, and its highest bit says whether codings of parts are undone; the
 * boundary is "b"; the rest is the body. */
#include <aiohttp/error.h>
#include <aiohttp/multipart.h>

#include "base/bytes.h"

#include <asyncio/alloc.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PART_MOST = 1 << 14 }; /* of a part is read, when it may be a bomb */

struct source {
    const uint8_t *data;
    size_t size, at, piece;
};

static int read_source(void *p, void *buffer, size_t size)
{
    struct source *source = p;
    size_t left = source->size - source->at;
    size_t now = left < size ? left : size;
    if (source->piece > 0 && now > source->piece)
        now = source->piece;
    if (now > 0)
        memcpy(buffer, source->data + source->at, now);
    source->at += now;
    return (int)now;
}

/* How much of a damaged part comes before the damage is found depends on the pieces, for some
 * codings: it does not count. */
static int read_part(aiohttp_body_part_reader *part, bool decodes, struct bytes *out)
{
    char chunk[16];
    size_t before = out->size, left = decodes ? PART_MOST : SIZE_MAX;
    int r;
    while (left > 0 &&
           (r = aiohttp_body_part_reader_read_chunk(
                part, chunk, left < sizeof chunk ? left : sizeof chunk)) > 0) {
        aiohttp__bytes_append(out, chunk, (size_t)r);
        left -= (size_t)r;
    }
    if (left == 0 || r != -AIOHTTP_CONTENT_ENCODING)
        return left == 0 ? 0 : r;
    CHECK(decodes && aiohttp_body_part_reader_read_chunk(part, chunk, 1) == r);
    out->size = before;
    bytes_put(out, '!');
    return 0;
}

static int read_parts(aiohttp_multipart_reader *reader, bool decodes, struct bytes *out, int depth)
{
    aiohttp_body_part_reader *part;
    aiohttp_multipart_reader *inner;
    int r, steps = 0;
    while ((r = aiohttp_multipart_reader_next(reader, &part)) > 0) {
        const char *name, *value;
        const aiohttp_headers *headers = aiohttp_body_part_reader_headers(part);
        CHECK(++steps < 1 << 16);
        bytes_put(out, '[');
        for (size_t at = 0; aiohttp_headers_next(headers, &at, &name, &value);) {
            bytes_text(out, name);
            bytes_put(out, ':');
            bytes_text(out, value);
        }
        if (aiohttp_body_part_reader_filename(part))
            bytes_text(out, aiohttp_body_part_reader_filename(part));
        if (decodes)
            bytes_put(out, aiohttp_body_part_reader_decode(part) == 0 ? 'd' : 'u');
        bool nests = !decodes || (!aiohttp_headers_get(headers, "Content-Encoding") &&
                                  !aiohttp_headers_get(headers, "Content-Transfer-Encoding"));
        if (nests && depth < 2 && aiohttp_body_part_reader_multipart(part, &inner) == 0) {
            bytes_put(out, '0' + (char)(read_parts(inner, decodes, out, depth + 1) == 0));
            aiohttp_multipart_reader_unref(inner);
            continue;
        }
        r = read_part(part, decodes, out);
        if (r < 0)
            return r;
        bytes_put(out, ']');
    }
    return r;
}

static int run(const uint8_t *data, size_t size, bool decodes, size_t piece, struct bytes *out)
{
    struct source source = { data, size, 0, piece };
    aiohttp_multipart_reader *reader;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.parts = 20;
    limits.part_head = 512;
    limits.part_headers = 8;
    limits.part_depth = 2;
    CHECK(aiohttp_multipart_reader_new("multipart/mixed; boundary=b", read_source, &source, &reader,
                                       .limits = &limits) == 0);
    int r = read_parts(reader, decodes, out, 0);
    aiohttp_multipart_reader_unref(reader);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes whole = bytes_up_to(1 << 22), pieces = bytes_up_to(1 << 22);
    bool decodes = data[0] >= 128;
    int a = run(data + 1, size - 1, decodes, 0, &whole);
    int b = run(data + 1, size - 1, decodes, data[0] % 16 + 1u, &pieces);
    CHECK(a == b && whole.error == 0 && span_is(bytes_span(&whole), bytes_span(&pieces)));
    aiohttp__bytes_fini(&whole);
    aiohttp__bytes_fini(&pieces);
    return 0;
}
