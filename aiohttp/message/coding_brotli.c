/* SPDX-License-Identifier: MIT */
/* br, by libbrotli: see coding_stage.h. */
#include "message/coding_stage.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <brotli/decode.h>
#include <brotli/encode.h>

/* Answers are made on the fly: quality 4 is about as fast as gzip's 6, and smaller. */
enum { QUALITY = 4, WINDOW_BITS = 19 };

static void *take(void *data, size_t size)
{
    (void)data;
    return asyncio_mem_malloc(size);
}

static void give(void *data, void *memory)
{
    (void)data;
    asyncio_mem_free(memory);
}

static int encoder_begin(struct stage *stage, int level)
{
    if (level < -1 || level > BROTLI_MAX_QUALITY)
        return -EINVAL;
    BrotliEncoderState *state = BrotliEncoderCreateInstance(take, give, NULL);
    if (!state)
        return -ENOMEM;
    stage->state = state;
    BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY,
                              level < 0 ? QUALITY : (uint32_t)level);
    BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, WINDOW_BITS);
    return 0;
}

static int encoder_step(struct stage *stage, struct span *in, enum encode how, char **out,
                        size_t *size)
{
    static const BrotliEncoderOperation operations[] = { BROTLI_OPERATION_PROCESS,
                                                         BROTLI_OPERATION_FLUSH,
                                                         BROTLI_OPERATION_FINISH };
    const uint8_t *next_in = (const uint8_t *)in->data;
    uint8_t *next_out = (uint8_t *)*out;
    size_t room = *size;
    bool is_right = BrotliEncoderCompressStream(stage->state, operations[how], &in->size, &next_in,
                                                size, &next_out, NULL);
    in->data = (const char *)next_in;
    *out += room - *size;
    if (!is_right)
        return -ENOMEM; /* with operations in their order it fails of nothing else */
    return BrotliEncoderIsFinished(stage->state) ? STEP_END : STEP_ON;
}

static void encoder_end(struct stage *stage)
{
    if (stage->state)
        BrotliEncoderDestroyInstance(stage->state);
}

static int decoder_begin(struct stage *stage, int level)
{
    (void)level;
    stage->state = BrotliDecoderCreateInstance(take, give, NULL);
    return stage->state ? 0 : -ENOMEM;
}

static int decoder_step(struct stage *stage, struct span *in, enum encode how, char **out,
                        size_t *size)
{
    (void)how;
    const uint8_t *next_in = (const uint8_t *)in->data;
    uint8_t *next_out = (uint8_t *)*out;
    size_t room = *size;
    BrotliDecoderResult result = BrotliDecoderDecompressStream(stage->state, &in->size, &next_in,
                                                               size, &next_out, NULL);
    in->data = (const char *)next_in;
    *out += room - *size;
    if (result != BROTLI_DECODER_RESULT_ERROR)
        return result == BROTLI_DECODER_RESULT_SUCCESS ? STEP_END : STEP_ON;
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(stage->state);
    return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                   code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES ?
               -ENOMEM :
               -AIOHTTP_CONTENT_ENCODING;
}

static void decoder_end(struct stage *stage)
{
    if (stage->state)
        BrotliDecoderDestroyInstance(stage->state);
}

const struct stage_kind aiohttp__brotli_encoder = { encoder_begin, encoder_step, NULL,
                                                    encoder_end };
const struct stage_kind aiohttp__brotli_decoder = { decoder_begin, decoder_step, NULL,
                                                    decoder_end };
