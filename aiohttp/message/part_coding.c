/* SPDX-License-Identifier: MIT */
/* The codings of a part: see part_coding.h. */
#include "message/part_coding.h"

#include "message/coding.h"
#include "wire/ascii.h"
#include "wire/transfer.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <errno.h>

enum { BETWEEN = 1024 };

struct part_coding {
    struct transfer transfer; /* TRANSFER_NONE: there is none */
    struct decoder *decoder;  /* NULL: there is none */
    struct span rest;         /* of what the transfer coding gave */
    char between[BETWEEN];
};

int aiohttp__part_coding_new(struct span transfer, struct span content,
                             const aiohttp_limits *limits, struct part_coding **ret_coding)
{
    struct decoder *decoder = NULL;
    int kind = transfer.data ? aiohttp__transfer_of(ascii_trim(transfer)) : TRANSFER_NONE;
    if (kind < 0)
        return -(AIOHTTP_HTTP + 415);
    int r = content.data ? aiohttp__decoder_new(content, limits, &decoder) : 0;
    if (r < 0)
        return r;
    if (kind == TRANSFER_NONE && !decoder) {
        *ret_coding = NULL;
        return 0;
    }
    struct part_coding *coding = asyncio_mem_malloc(sizeof *coding);
    if (!coding) {
        aiohttp__decoder_free(decoder);
        return -ENOMEM;
    }
    coding->transfer = aiohttp__transfer_begin((enum transfer_kind)kind);
    coding->decoder = decoder;
    coding->rest = (struct span){ coding->between, 0 };
    *ret_coding = coding;
    return 0;
}

void aiohttp__part_coding_free(struct part_coding *coding)
{
    if (coding)
        aiohttp__decoder_free(coding->decoder);
    asyncio_mem_free(coding);
}

static int untransfer(struct part_coding *coding, struct span *in, char *out, size_t size)
{
    int r = aiohttp__transfer_step(&coding->transfer, in, out, size);
    return r < 0 ? -AIOHTTP_CONTENT_ENCODING : r;
}

int aiohttp__part_coding_step(struct part_coding *coding, struct span *in, char *out, size_t size)
{
    bool is_transferred = coding->transfer.kind != TRANSFER_NONE;
    if (!coding->decoder)
        return untransfer(coding, in, out, size);
    if (!is_transferred)
        return aiohttp__decoder_step(coding->decoder, in, out, size);
    for (;;) {
        int r = aiohttp__decoder_step(coding->decoder, &coding->rest, out, size);
        if (r != 0)
            return r;
        r = untransfer(coding, in, coding->between, BETWEEN);
        if (r <= 0)
            return r;
        coding->rest = (struct span){ coding->between, (size_t)r };
    }
}

int aiohttp__part_coding_finish(const struct part_coding *coding)
{
    if (coding->transfer.kind != TRANSFER_NONE && aiohttp__transfer_finish(&coding->transfer) < 0)
        return -AIOHTTP_CONTENT_ENCODING;
    return coding->decoder ? aiohttp__decoder_finish(coding->decoder) : 0;
}
