/* SPDX-License-Identifier: MIT */
/* Decoding a body, one coding over the other: see coding.h.
 *
 * MODEL      Stages in a row, each with a piece of memory behind it but for the last one, which
 *            gives to the caller. A step asks the last stage; one that has nothing to work on asks
 *            the one before it.
 * INVARIANT  What a stage has given is counted before it is looked at; `error` stays. A stage's
 *            error comes when what stands before it is out: where the input was cut changes
 *            nothing. */
#include "message/coding_stage.h"

#include "wire/ascii.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <limits.h>

enum { STAGES = 8, BETWEEN = 4096 };

struct between {
    char *memory; /* of BETWEEN bytes */
    struct span rest;
};

struct decoder {
    size_t count;
    size_t step, ratio, ratio_from, members;
    uint64_t taken, given;
    int error;
    struct stage stages[STAGES];
    struct between between[STAGES]; /* [i] is in front of stages[i]; not of the first */
};

/* The codings, the first to be undone first. How many, or an error. */
static int named(struct span list, size_t most, enum coding codings[STAGES])
{
    size_t count = 0;
    const char *end = list.data ? list.data + list.size : NULL;
    while (end && end > list.data) {
        const char *from = end;
        while (from > list.data && from[-1] != ',')
            from--;
        struct span name = ascii_trim((struct span){ from, (size_t)(end - from) });
        int coding = aiohttp__coding_of(name);
        end = from > list.data ? from - 1 : from;
        if (!name.size || coding == CODING_IDENTITY)
            continue;
        if (coding < 0 || !aiohttp__coding_decoder((enum coding)coding) || count == STAGES ||
            count >= most)
            return -(AIOHTTP_HTTP + 415);
        codings[count++] = (enum coding)coding;
    }
    return (int)count;
}

int aiohttp__decoder_new(struct span content_encoding, const aiohttp_limits *limits,
                         struct decoder **ret_decoder)
{
    enum coding codings[STAGES];
    int count = named(content_encoding, limits->codings, codings);
    if (count <= 0) {
        if (count == 0)
            *ret_decoder = NULL;
        return count;
    }
    struct decoder *decoder = asyncio_mem_calloc(1, sizeof *decoder);
    if (!decoder)
        return -ENOMEM;
    decoder->step = limits->inflate_step < INT_MAX ? limits->inflate_step : INT_MAX;
    decoder->ratio = limits->inflate_ratio;
    decoder->ratio_from = limits->inflate_ratio_from;
    decoder->members = limits->gzip_members;
    int r = 0;
    for (int i = 0; i < count && r >= 0; i++) {
        struct stage *stage = &decoder->stages[i];
        *stage = (struct stage){ .kind = aiohttp__coding_decoder(codings[i]),
                                 .coding = codings[i] };
        if (i && !(decoder->between[i].memory = asyncio_mem_malloc(BETWEEN)))
            r = -ENOMEM;
        if (r >= 0)
            r = stage->kind->begin(stage, 0);
        decoder->count += r >= 0;
        if (r < 0)
            asyncio_mem_free(decoder->between[i].memory);
    }
    if (r < 0)
        aiohttp__decoder_free(decoder);
    else
        *ret_decoder = decoder;
    return r;
}

void aiohttp__decoder_free(struct decoder *decoder)
{
    for (size_t i = 0; decoder && i < decoder->count; i++) {
        decoder->stages[i].kind->end(&decoder->stages[i]);
        asyncio_mem_free(decoder->between[i].memory);
    }
    asyncio_mem_free(decoder);
}

/* Bytes are there and the last member was complete: another one begins. */
static int next_member(struct stage *stage)
{
    if (!stage->kind->again)
        return -AIOHTTP_CONTENT_ENCODING;
    stage->has_ended = false;
    return stage->kind->again(stage);
}

/* One stage, as far as its input and the room go, which is less then. 0, or an error. */
static int stage_go(const struct decoder *decoder, struct stage *stage, struct span *in, char *out,
                    size_t *room)
{
    for (;;) {
        if (in->size && stage->has_ended) {
            int r = next_member(stage);
            if (r < 0)
                return r;
        }
        if (in->size && !stage->has_begun && ++stage->members > decoder->members)
            return -AIOHTTP_CONTENT_ENCODING;
        stage->has_begun |= in->size != 0;
        if (!stage->has_begun || stage->has_ended)
            return 0;
        size_t before = in->size, room_before = *room;
        int r = stage->kind->step(stage, in, ENCODE_MORE, &out, room);
        if (r < 0)
            return r;
        if (r == STEP_END) {
            stage->has_ended = true;
            stage->has_begun = false;
        }
        bool has_moved = in->size != before || *room != room_before;
        if (!has_moved && in->size && r != STEP_END)
            return -AIOHTTP_CONTENT_ENCODING; /* for ever, if it were asked again */
        if (!*room || (!has_moved && r != STEP_END) || (!in->size && r == STEP_END))
            return 0;
    }
}

/* As far as its input and the room go: bytes given, or an error. */
static int stage_step(const struct decoder *decoder, struct stage *stage, struct span *in,
                      char *out, size_t size)
{
    size_t room = size;
    if (!stage->error)
        stage->error = stage_go(decoder, stage, in, out, &room);
    return room < size ? (int)(size - room) : stage->error;
}

/* What stage `i` gives; input of the first one is *in. */
static int pull(struct decoder *decoder, size_t i, struct span *in, char *out, size_t size)
{
    struct between *before = &decoder->between[i];
    if (i == 0)
        return stage_step(decoder, &decoder->stages[0], in, out, size);
    for (;;) {
        int given = stage_step(decoder, &decoder->stages[i], &before->rest, out, size);
        if (given != 0)
            return given;
        int more = pull(decoder, i - 1, in, before->memory, BETWEEN);
        if (more <= 0)
            return more;
        before->rest = (struct span){ before->memory, (size_t)more };
    }
}

int aiohttp__decoder_step(struct decoder *decoder, struct span *in, char *out, size_t size)
{
    if (decoder->error || !size)
        return decoder->error;
    size_t before = in->size;
    int given = pull(decoder, decoder->count - 1, in, out,
                     size < decoder->step ? size : decoder->step);
    decoder->taken += before - in->size;
    decoder->given += given > 0 ? (uint64_t)given : 0;
    if (given >= 0 &&
        coding_is_bomb(decoder->given, decoder->taken, decoder->ratio, decoder->ratio_from))
        given = -AIOHTTP_BODY_TOO_LARGE;
    if (given < 0)
        decoder->error = given;
    return given;
}

uint64_t aiohttp__decoder_given(const struct decoder *decoder)
{
    return decoder->given;
}

int aiohttp__decoder_finish(const struct decoder *decoder)
{
    if (decoder->error)
        return decoder->error;
    if (!decoder->taken)
        return 0;
    for (size_t i = 0; i < decoder->count; i++)
        if (!decoder->stages[i].has_ended || decoder->between[i].rest.size)
            return -AIOHTTP_CONTENT_ENCODING;
    return 0;
}
