/* SPDX-License-Identifier: MIT */
/* Names of content codings, and which one to use: see coding.h. */
#include "message/coding.h"

#include "message/coding_stage.h"
#include "wire/media.h"

static const struct span names[CODING_COUNT] = {
    [CODING_IDENTITY] = { "identity", 8 }, [CODING_DEFLATE] = { "deflate", 7 },
    [CODING_GZIP] = { "gzip", 4 },         [CODING_BR] = { "br", 2 },
    [CODING_ZSTD] = { "zstd", 4 },
};

/* The only place that knows what is built in. */
static const struct {
    const struct stage_kind *encoder, *decoder;
} kinds[CODING_COUNT] = {
    [CODING_DEFLATE] = { &aiohttp__zlib_encoder, &aiohttp__zlib_decoder },
    [CODING_GZIP] = { &aiohttp__zlib_encoder, &aiohttp__zlib_decoder },
#if defined(AIOHTTP__HAVE_BROTLI)
    [CODING_BR] = { &aiohttp__brotli_encoder, &aiohttp__brotli_decoder },
#endif
#if defined(AIOHTTP__HAVE_ZSTD)
    [CODING_ZSTD] = { &aiohttp__zstd_encoder, &aiohttp__zstd_decoder },
#endif
};

const struct stage_kind *aiohttp__coding_encoder(enum coding coding)
{
    return coding < CODING_COUNT ? kinds[coding].encoder : NULL;
}

const struct stage_kind *aiohttp__coding_decoder(enum coding coding)
{
    return coding < CODING_COUNT ? kinds[coding].decoder : NULL;
}

int aiohttp__coding_of(struct span name)
{
    for (int i = 0; i < CODING_COUNT; i++)
        if (span_is_case(name, names[i]))
            return i;
    return span_is_case(name, SPAN("x-gzip")) ? CODING_GZIP : -1;
}

struct span aiohttp__coding_name(enum coding coding)
{
    return names[coding];
}

unsigned aiohttp__codings(void)
{
    unsigned all = 1u << CODING_IDENTITY;
    for (int i = 0; i < CODING_COUNT; i++)
        all |= kinds[i].decoder ? 1u << i : 0;
    return all;
}

struct span aiohttp__coding_accept(void)
{
#if defined(AIOHTTP__HAVE_ZSTD) && defined(AIOHTTP__HAVE_BROTLI)
    return SPAN("zstd, br, gzip, deflate");
#elif defined(AIOHTTP__HAVE_ZSTD)
    return SPAN("zstd, gzip, deflate");
#elif defined(AIOHTTP__HAVE_BROTLI)
    return SPAN("br, gzip, deflate");
#else
    return SPAN("gzip, deflate");
#endif
}

enum coding aiohttp__coding_choose(struct span accept, unsigned allowed)
{
    /* What is packed best comes first among equals, and not to pack at all last. */
    struct span offered[CODING_COUNT];
    enum coding codings[CODING_COUNT];
    size_t count = 0;
    allowed &= aiohttp__codings();
    for (int i = CODING_COUNT - 1; i >= 0; i--)
        if (i == CODING_IDENTITY || allowed >> i & 1) {
            codings[count] = (enum coding)i;
            offered[count++] = names[i];
        }
    int best = aiohttp__accept_coding_best(accept, offered, count);
    return best < 0 ? CODING_IDENTITY : codings[best];
}
