/* SPDX-License-Identifier: MIT */
/* One coding, one way: what a library has to do for coding.h. Each library has a file with a table
 * for each way (coding_zlib.c, coding_brotli.c, coding_zstd.c). */
#pragma once

#include "message/coding.h"

#include <stdint.h>

enum step {
    STEP_ON,      /* went as far as input and room allow */
    STEP_FLUSHED, /* encoders: all that came in is out (who cannot say so says STEP_ON) */
    STEP_END,     /* the stream is complete; the rest of the input is not its own */
};

struct stage {
    const struct stage_kind *kind;
    void *state; /* the library's */
    enum coding coding;
    bool has_begun; /* had a byte of the member under way */
    bool has_ended; /* the last member is complete */
    bool is_bare;   /* deflate without zlib's header */
    unsigned char head[2]; /* deflate: the first bytes, until it is known which it is */
    uint8_t head_size;
    uint64_t members;
    int error; /* behind what it has given */
};

struct stage_kind {
    int (*begin)(struct stage *stage, int level);
    /* Takes from *in, gives to *out, moves both on. STEP_ON, STEP_END, or an error. Decoders are
     * not told `how`. */
    int (*step)(struct stage *stage, struct span *in, enum encode how, char **out, size_t *size);
    /* Decoders: begins the next member; NULL: there can be one only. */
    int (*again)(struct stage *stage);
    void (*end)(struct stage *stage);
};

extern const struct stage_kind aiohttp__zlib_encoder, aiohttp__zlib_decoder;
extern const struct stage_kind aiohttp__brotli_encoder, aiohttp__brotli_decoder;
extern const struct stage_kind aiohttp__zstd_encoder, aiohttp__zstd_decoder;

/* NULL when it is not built in, or there is nothing to do. */
const struct stage_kind *aiohttp__coding_encoder(enum coding coding);
const struct stage_kind *aiohttp__coding_decoder(enum coding coding);
