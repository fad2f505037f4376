/* SPDX-License-Identifier: MIT */
/* gzip and deflate, by zlib: see coding_stage.h. */
#include "message/coding_stage.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <limits.h>
#include <zlib.h>

static void *take(void *data, unsigned count, unsigned size)
{
    (void)data;
    return asyncio_mem_calloc(count, size);
}

static void give(void *data, void *memory)
{
    (void)data;
    asyncio_mem_free(memory);
}

static z_stream *stream_new(struct stage *stage)
{
    z_stream *stream = asyncio_mem_calloc(1, sizeof *stream);
    if (stream) {
        stream->zalloc = take;
        stream->zfree = give;
        stage->state = stream;
    }
    return stream;
}

static unsigned at_most(size_t size)
{
    return size > INT_MAX ? INT_MAX : (unsigned)size;
}

/* Moves on what the stream has used of both. */
static void used(const z_stream *stream, struct span *in, char **out, size_t *size)
{
    size_t taken = (size_t)((const char *)stream->next_in - in->data);
    size_t given = (size_t)((char *)stream->next_out - *out);
    *in = (struct span){ in->data + taken, in->size - taken };
    *out += given;
    *size -= given;
}

static void lend(z_stream *stream, struct span in, char *out, size_t size)
{
    stream->next_in = (Bytef *)(uintptr_t)in.data;
    stream->avail_in = at_most(in.size);
    stream->next_out = (Bytef *)out;
    stream->avail_out = at_most(size);
}

/* --- encoding --- */

static int encoder_begin(struct stage *stage, int level)
{
    z_stream *stream = stream_new(stage);
    if (!stream)
        return -ENOMEM;
    int bits = stage->coding == CODING_GZIP ? 15 + 16 : 15;
    int r = level < -1 || level > 9 ? Z_STREAM_ERROR :
                                      deflateInit2(stream, level, Z_DEFLATED, bits, 8,
                                                   Z_DEFAULT_STRATEGY);
    if (r == Z_OK)
        return 0;
    asyncio_mem_free(stream);
    stage->state = NULL;
    return r == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
}

static int encoder_step(struct stage *stage, struct span *in, enum encode how, char **out,
                        size_t *size)
{
    z_stream *stream = stage->state;
    static const int flush[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
    bool is_all = in->size <= INT_MAX;
    lend(stream, *in, *out, *size);
    int r = deflate(stream, is_all ? flush[how] : Z_NO_FLUSH);
    used(stream, in, out, size);
    /* Z_BUF_ERROR: nothing could be done, which is no error here */
    return r == Z_STREAM_END ? STEP_END : r == Z_OK || r == Z_BUF_ERROR ? STEP_ON : -EINVAL;
}

static void encoder_end(struct stage *stage)
{
    if (stage->state)
        deflateEnd(stage->state);
    asyncio_mem_free(stage->state);
}

/* --- decoding --- */

static int decoder_begin(struct stage *stage, int level)
{
    (void)level;
    z_stream *stream = stream_new(stage);
    if (!stream)
        return -ENOMEM;
    if (inflateInit2(stream, stage->coding == CODING_GZIP ? 15 + 16 : 15) == Z_OK)
        return 0;
    asyncio_mem_free(stream);
    stage->state = NULL;
    return -ENOMEM;
}

static int inflated(z_stream *stream, struct span *in, char **out, size_t *size)
{
    lend(stream, *in, *out, *size);
    int r = inflate(stream, Z_NO_FLUSH);
    used(stream, in, out, size);
    switch (r) {
    case Z_STREAM_END: return STEP_END;
    case Z_OK:
    case Z_BUF_ERROR: return STEP_ON;
    case Z_MEM_ERROR: return -ENOMEM;
    default: return -AIOHTTP_CONTENT_ENCODING;
    }
}

/* Two bytes tell zlib's format (RFC 1950, 2.2) from bare deflate. */
static int deflate_begins(struct stage *stage, struct span *in, char **out, size_t *size)
{
    while (stage->head_size < 2 && in->size) {
        stage->head[stage->head_size++] = (unsigned char)in->data[0];
        *in = (struct span){ in->data + 1, in->size - 1 };
    }
    if (stage->head_size < 2)
        return STEP_ON;
    unsigned both = (unsigned)stage->head[0] << 8 | stage->head[1];
    stage->is_bare = (stage->head[0] & 15) != 8 || both % 31 != 0;
    if (stage->is_bare && inflateReset2(stage->state, -15) != Z_OK)
        return -ENOMEM;
    stage->head_size = 3;
    struct span head = { (const char *)stage->head, 2 };
    int r = inflated(stage->state, &head, out, size);
    /* both are taken, unless bare deflate has ended within the first: then the second is too
     * much */
    return r >= 0 && head.size ? -AIOHTTP_CONTENT_ENCODING : r;
}

static int decoder_step(struct stage *stage, struct span *in, enum encode how, char **out,
                        size_t *size)
{
    (void)how;
    if (stage->coding == CODING_DEFLATE && stage->head_size < 3) {
        int r = deflate_begins(stage, in, out, size);
        if (r != STEP_ON || stage->head_size < 3)
            return r;
    }
    return inflated(stage->state, in, out, size);
}

static int decoder_again(struct stage *stage)
{
    return stage->coding == CODING_GZIP && inflateReset(stage->state) == Z_OK ?
               0 :
               -AIOHTTP_CONTENT_ENCODING;
}

static void decoder_end(struct stage *stage)
{
    if (stage->state)
        inflateEnd(stage->state);
    asyncio_mem_free(stage->state);
}

const struct stage_kind aiohttp__zlib_encoder = { encoder_begin, encoder_step, NULL, encoder_end };
const struct stage_kind aiohttp__zlib_decoder = { decoder_begin, decoder_step, decoder_again,
                                                  decoder_end };
