/* SPDX-License-Identifier: MIT */
/* Names of content codings, and which one to use: see coding.h. */
#include "message/coding.h"

#include "message/coding_stage.h"
#include "wire/ascii.h"
#include "wire/fields.h"

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

/* "q=0.5" in thousandths; what is no weight is 0: not wanted. */
static int weight_of(struct span text)
{
    if (text.size < 3 || ascii_lower(text.data[0]) != 'q' || text.data[1] != '=')
        return 0;
    int weight = aiohttp__quality((struct span){ text.data + 2, text.size - 2 });
    return weight < 0 ? 0 : weight;
}

enum coding aiohttp__coding_choose(struct span accept, unsigned allowed)
{
    int weights[CODING_COUNT], any = -1, best = CODING_IDENTITY;
    struct span item;
    for (int i = 0; i < CODING_COUNT; i++)
        weights[i] = -1;
    for (size_t position = 0; aiohttp__list_next(accept, &position, &item);) {
        const char *semicolon = memchr(item.data, ';', item.size);
        size_t size = semicolon ? (size_t)(semicolon - item.data) : item.size;
        struct span name = ascii_trim((struct span){ item.data, size });
        int weight = semicolon ? weight_of(ascii_trim(
                                     (struct span){ semicolon + 1, item.size - size - 1 })) :
                                 1000;
        int coding = aiohttp__coding_of(name);
        if (coding >= 0)
            weights[coding] = weight;
        else if (span_is(name, SPAN("*")))
            any = weight;
    }
    allowed &= aiohttp__codings();
    for (int i = 0; i < CODING_COUNT; i++) {
        int weight = weights[i] >= 0 ? weights[i] : any;
        /* not named, identity is as good as the worst that is */
        weights[i] = i == CODING_IDENTITY && weight < 0 ? 1 : weight;
        if (i != CODING_IDENTITY && allowed >> i & 1 && weights[i] > 0 &&
            weights[i] >= weights[best])
            best = i;
    }
    return (enum coding)best;
}
