/* SPDX-License-Identifier: MIT */
/* Chunked bodies: in pieces, copied out by little rooms, compacted where they lie, all give the
 * same bytes and the same end; and what was decoded and is encoded again decodes to the same. */
#include "split.h"

#include "wire/chunked.h"
#include "wire/write.h"

struct decoded {
    char *bytes;
    size_t size, used;
    int event;
};

static aiohttp_limits limits;

static void begin(struct body *body)
{
    struct head head = { .body = BODY_CHUNKED };
    aiohttp__body_begin(body, &head, &limits);
}

static void decode(struct decoded *to, const uint8_t *data, size_t size, uint32_t seed)
{
    struct body body;
    begin(&body);
    memset(to, 0, sizeof *to);
    to->bytes = malloc(size + 1);
    HOLDS(to->bytes != NULL);
    for (size_t at = 0; at < size && to->event == BODY_MORE;) {
        size_t known = seed == 0 ? size : next_split(&seed, at, size);
        char *copy = exact_copy(data + at, known - at);
        size_t from = 0;
        do {
            struct span piece = { NULL, 0 };
            size_t used;
            to->event = aiohttp__body_next(&body, copy + from, known - at - from, &used, &piece);
            HOLDS(used <= known - at - from);
            HOLDS(to->event != BODY_DATA || (used > 0 && piece.size > 0 && piece.size <= used));
            if (to->event == BODY_DATA)
                memcpy(to->bytes + to->size, piece.data, piece.size);
            to->size += piece.size;
            from += used;
        } while (to->event == BODY_DATA);
        HOLDS(to->event != BODY_MORE || at + from == known);
        free(copy);
        at += from;
        to->used = at;
    }
    HOLDS(body.total == to->size);
}

static void compact(struct decoded *to, const uint8_t *data, size_t size)
{
    struct body body;
    size_t used, got;
    begin(&body);
    memset(to, 0, sizeof *to);
    to->bytes = exact_copy(data, size);
    to->event = aiohttp__body_read(&body, to->bytes, size, &used, to->bytes, size + 1, &got);
    to->used = used;
    to->size = got;
    HOLDS(got <= used && used <= size);
    if (to->event == BODY_DATA) { /* an error behind what was good */
        struct span piece;
        to->event = aiohttp__body_next(&body, to->bytes + used, size - used, &used, &piece);
        to->used += used;
        HOLDS(to->event < 0);
    }
}

static void encode_again(const struct decoded *from)
{
    struct decoded again;
    size_t room = from->size * 8 + 100;
    char *memory = malloc(room);
    struct out out = out_of(memory, room);
    for (size_t at = 0; at < from->size;) {
        size_t step = from->size - at < 7 ? from->size - at : 7;
        aiohttp__write_chunk_head(&out, step);
        out_add(&out, (struct span){ from->bytes + at, step });
        out_add(&out, SPAN("\r\n"));
        at += step;
    }
    aiohttp__write_last_chunk(&out);
    HOLDS(out.result == 0);
    decode(&again, (const uint8_t *)memory, out.size, 0);
    HOLDS(again.event == BODY_TRAILERS && again.size == from->size && again.used == out.size);
    HOLDS(from->size == 0 || memcmp(again.bytes, from->bytes, from->size) == 0);
    free(again.bytes);
    free(memory);
}

static void same(const struct decoded *a, const struct decoded *b)
{
    HOLDS(a->event == b->event && a->size == b->size && a->used == b->used);
    HOLDS(a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct decoded whole, pieces, compacted;
    if (size < 2)
        return 0;
    limits = aiohttp_server_limits();
    if ((data[0] & 2) != 0)
        limits.chunk_extensions = data[1] & 31;
    uint32_t seed = (uint32_t)data[0] << 8 | data[1] | 0x10000u;
    decode(&whole, data + 2, size - 2, 0);
    decode(&pieces, data + 2, size - 2, seed);
    same(&whole, &pieces);
    compact(&compacted, data + 2, size - 2);
    same(&whole, &compacted);
    encode_again(&whole);
    free(whole.bytes);
    free(pieces.bytes);
    free(compacted.bytes);
    return 0;
}
