/* SPDX-License-Identifier: MIT */
/* zstd, by libzstd: see coding_stage.h. Its stable interface takes memory from malloc only. */
#include "message/coding_stage.h"

#include <aiohttp/error.h>
#include <errno.h>
#include <zstd.h>
#include <zstd_errors.h>

/* RFC 9659: no window above 8 MiB on the web. An encoder's own is smaller: 1 MiB. */
enum { LEVEL = 3, WINDOW_MOST = 23, WINDOW_BITS = 20 };

static int code_of(size_t result)
{
    return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? -ENOMEM :
                                                                       -AIOHTTP_CONTENT_ENCODING;
}

static int encoder_begin(struct stage *stage, int level)
{
    if (level < -1 || level > ZSTD_maxCLevel())
        return -EINVAL;
    ZSTD_CCtx *state = ZSTD_createCCtx();
    if (!state)
        return -ENOMEM;
    stage->state = state;
    ZSTD_CCtx_setParameter(state, ZSTD_c_compressionLevel, level < 0 ? LEVEL : level);
    ZSTD_CCtx_setParameter(state, ZSTD_c_windowLog, WINDOW_BITS);
    return 0;
}

static int encoder_step(struct stage *stage, struct span *in, enum encode how, char **out,
                        size_t *size)
{
    static const ZSTD_EndDirective directives[] = { ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end };
    ZSTD_inBuffer from = { in->data, in->size, 0 };
    ZSTD_outBuffer to = { *out, *size, 0 };
    size_t left = ZSTD_compressStream2(stage->state, &to, &from, directives[how]);
    *in = (struct span){ in->data + from.pos, in->size - from.pos };
    *out += to.pos;
    *size -= to.pos;
    if (ZSTD_isError(left))
        return code_of(left);
    if (left != 0 || in->size || how == ENCODE_MORE)
        return STEP_ON;
    return how == ENCODE_FINISH ? STEP_END : STEP_FLUSHED;
}

static void encoder_end(struct stage *stage)
{
    ZSTD_freeCCtx(stage->state);
}

static int decoder_begin(struct stage *stage, int level)
{
    (void)level;
    ZSTD_DCtx *state = ZSTD_createDCtx();
    if (!state)
        return -ENOMEM;
    stage->state = state;
    ZSTD_DCtx_setParameter(state, ZSTD_d_windowLogMax, WINDOW_MOST);
    return 0;
}

static int decoder_step(struct stage *stage, struct span *in, enum encode how, char **out,
                        size_t *size)
{
    (void)how;
    ZSTD_inBuffer from = { in->data, in->size, 0 };
    ZSTD_outBuffer to = { *out, *size, 0 };
    size_t left = ZSTD_decompressStream(stage->state, &to, &from);
    *in = (struct span){ in->data + from.pos, in->size - from.pos };
    *out += to.pos;
    *size -= to.pos;
    return ZSTD_isError(left) ? code_of(left) : left == 0 ? STEP_END : STEP_ON;
}

/* The context begins a frame by itself. */
static int decoder_again(struct stage *stage)
{
    (void)stage;
    return 0;
}

static void decoder_end(struct stage *stage)
{
    ZSTD_freeDCtx(stage->state);
}

const struct stage_kind aiohttp__zstd_encoder = { encoder_begin, encoder_step, NULL, encoder_end };
const struct stage_kind aiohttp__zstd_decoder = { decoder_begin, decoder_step, decoder_again,
                                                  decoder_end };
