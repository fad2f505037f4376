/* SPDX-License-Identifier: MIT */
/* Encoding a body: see coding.h. */
#include "message/coding_stage.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <limits.h>

struct encoder {
    struct stage stage;
    bool is_finished;
};

int aiohttp__encoder_new(enum coding coding, int level, struct encoder **ret_encoder)
{
    const struct stage_kind *kind = aiohttp__coding_encoder(coding);
    if (!kind)
        return -ENOTSUP;
    struct encoder *encoder = asyncio_mem_calloc(1, sizeof *encoder);
    if (!encoder)
        return -ENOMEM;
    encoder->stage = (struct stage){ .kind = kind, .coding = coding };
    int r = kind->begin(&encoder->stage, level);
    if (r < 0) {
        asyncio_mem_free(encoder);
        return r;
    }
    *ret_encoder = encoder;
    return 0;
}

int aiohttp__encoder_step(struct encoder *encoder, struct span *in, enum encode how, char *out,
                          size_t size)
{
    if (encoder->is_finished || !size)
        return 0;
    /* zlib marks the end of a flush once more for each call that begins with little room */
    if (how == ENCODE_FLUSH && size < ENCODE_FLUSH_ROOM)
        return -EINVAL;
    size_t room = size > INT_MAX ? INT_MAX : size, all = room;
    for (;;) {
        size_t before = in->size, room_before = room;
        int r = encoder->stage.kind->step(&encoder->stage, in, how, &out, &room);
        if (r < 0)
            return r;
        encoder->is_finished = r == STEP_END;
        if (r != STEP_ON || !room || (in->size == before && room == room_before))
            return (int)(all - room);
        if (!in->size && how == ENCODE_MORE)
            return (int)(all - room);
    }
}

void aiohttp__encoder_free(struct encoder *encoder)
{
    if (encoder)
        encoder->stage.kind->end(&encoder->stage);
    asyncio_mem_free(encoder);
}
