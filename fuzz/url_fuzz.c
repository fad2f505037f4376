/* SPDX-License-Identifier: MIT */
/* URLs: what is taken has one form, which is taken again as it is; its parts, put together, are it;
 * and joining it to another never gives what is refused. The first line of the input is the URL,
 * the rest what is joined to it. */
#include "message/url.h"

#include "message/multi_dict.h"
#include "wire/quote.h"

#include <asyncio/alloc.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void quoting_settles(struct span text)
{
    for (int part = QUOTE_USER; part <= QUOTE_FRAGMENT; part++) {
        if (part == QUOTE_QUERY_PART) /* a + is a blank there, or one that is to be encoded */
            continue;
        struct bytes once = bytes_up_to(1 << 22), twice = bytes_up_to(1 << 22);
        aiohttp__requote(&once, text, (enum quote_part)part);
        aiohttp__requote(&twice, bytes_span(&once), (enum quote_part)part);
        CHECK(once.error == 0 && span_is(bytes_span(&once), bytes_span(&twice)));
        for (size_t i = 0; i < once.size; i++)
            CHECK(once.data[i] > ' ' && once.data[i] <= '~');
        aiohttp__bytes_fini(&once);
        aiohttp__bytes_fini(&twice);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size > 0 ? memchr(text, '\n', size) : NULL;
    struct span first = { text, end ? (size_t)(end - text) : size };
    struct span second = { end ? end + 1 : text, end ? size - first.size - 1 : 0 };
    aiohttp_url *url, *again, *other, *joined;
    quoting_settles(second);
    if (aiohttp__url_from(first, false, &url) < 0)
        return 0;
    CHECK(strlen(aiohttp_url_str(url)) < (1 << 21));
    CHECK(aiohttp_url_new(aiohttp_url_str(url), &again) == 0);
    CHECK(strcmp(aiohttp_url_str(url), aiohttp_url_str(again)) == 0);
    CHECK(aiohttp_url_absolute(url) == aiohttp_url_absolute(again));
    aiohttp_url_unref(again);
    struct url_parts parts = aiohttp__url_parts(url);
    CHECK(aiohttp__url_make(&parts, &again) == 0 && aiohttp_url_eq(url, again));
    aiohttp_url_unref(again);
    asyncio_mem_free(aiohttp_url_human_repr(url));
    if (aiohttp__url_from(second, false, &other) == 0) {
        if (aiohttp_url_join(url, other, &joined) == 0) {
            CHECK(aiohttp_url_new(aiohttp_url_str(joined), &again) == 0);
            CHECK(aiohttp_url_absolute(joined) == aiohttp_url_absolute(again));
            if (aiohttp_url_absolute(joined))
                CHECK(strcmp(aiohttp_url_raw_host(joined), aiohttp_url_raw_host(again)) == 0);
            aiohttp_url_unref(again);
            aiohttp_url_unref(joined);
        }
        if (aiohttp_url_update_query(url, aiohttp_url_query_string(other), &joined) == 0)
            aiohttp_url_unref(joined);
        aiohttp_url_unref(other);
    }
    aiohttp_url_unref(url);
    return 0;
}
