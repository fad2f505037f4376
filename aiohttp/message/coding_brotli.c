/* SPDX-License-Identifier: MIT */
/* br, by libbrotli: see coding_stage.h. */
#include "message/coding_stage.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <setjmp.h>
#include <stddef.h>

/* Answers are made on the fly: quality 4 is about as fast as gzip's 6, and smaller. */
enum { QUALITY = 4, WINDOW_BITS = 19 };

/* --- encoding --- */

/* The encoder has no error for it: without memory it ends the process (BROTLI_ENCODER_EXIT_ON_OOM,
 * as it is usually built). So its allocation jumps out of it instead, and what it had is given back
 * block by block: in the middle of a step it cannot be asked to do that itself. */
struct block {
    struct block *next, **place; /* in `blocks` */
    max_align_t memory[];
};

struct brotli {
    BrotliEncoderState *state; /* NULL: it has had no memory */
    struct block *blocks;
    jmp_buf *escape; /* of the step under way */
};

static void *take_block(void *data, size_t size)
{
    struct brotli *brotli = data;
    struct block *block =
        size < PTRDIFF_MAX ? asyncio_mem_malloc(sizeof *block + size) : NULL;
    if (!block && brotli->escape)
        longjmp(*brotli->escape, 1);
    if (!block)
        return NULL;
    block->next = brotli->blocks;
    block->place = &brotli->blocks;
    if (block->next)
        block->next->place = &block->next;
    brotli->blocks = block;
    return block->memory;
}

static void give_block(void *data, void *memory)
{
    (void)data;
    if (!memory)
        return;
    struct block *block = (void *)((char *)memory - offsetof(struct block, memory));
    *block->place = block->next;
    if (block->next)
        block->next->place = block->place;
    asyncio_mem_free(block);
}

static void encoder_end(struct stage *stage)
{
    struct brotli *brotli = stage->state;
    while (brotli && brotli->blocks)
        give_block(brotli, brotli->blocks->memory);
    asyncio_mem_free(brotli);
}

static int encoder_begin(struct stage *stage, int level)
{
    if (level < -1 || level > BROTLI_MAX_QUALITY)
        return -EINVAL;
    struct brotli *brotli = asyncio_mem_calloc(1, sizeof *brotli);
    if (!brotli)
        return -ENOMEM;
    stage->state = brotli;
    brotli->state = BrotliEncoderCreateInstance(take_block, give_block, brotli);
    if (!brotli->state) {
        encoder_end(stage);
        return -ENOMEM;
    }
    BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_QUALITY,
                              level < 0 ? QUALITY : (uint32_t)level);
    BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_LGWIN, WINDOW_BITS);
    return 0;
}

/* False without memory; with operations in their order it fails of nothing else. */
static bool compress(struct brotli *brotli, BrotliEncoderOperation operation, size_t *in_size,
                     const uint8_t **in, size_t *out_size, uint8_t **out)
{
    jmp_buf escape;
    if (setjmp(escape)) {
        brotli->escape = NULL;
        brotli->state = NULL;
        return false;
    }
    brotli->escape = &escape;
    bool is_right = BrotliEncoderCompressStream(brotli->state, operation, in_size, in, out_size,
                                                out, NULL);
    brotli->escape = NULL;
    return is_right;
}

static int encoder_step(struct stage *stage, struct span *in, enum encode how, char **out,
                        size_t *size)
{
    static const BrotliEncoderOperation operations[] = { BROTLI_OPERATION_PROCESS,
                                                         BROTLI_OPERATION_FLUSH,
                                                         BROTLI_OPERATION_FINISH };
    struct brotli *brotli = stage->state;
    const uint8_t *next_in = (const uint8_t *)in->data;
    uint8_t *next_out = (uint8_t *)*out;
    size_t room = *size;
    if (!brotli->state ||
        !compress(brotli, operations[how], &in->size, &next_in, size, &next_out))
        return -ENOMEM;
    in->data = (const char *)next_in;
    *out += room - *size;
    return BrotliEncoderIsFinished(brotli->state) ? STEP_END : STEP_ON;
}

/* --- decoding --- */

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
