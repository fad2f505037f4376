/* SPDX-License-Identifier: MIT */
/* Routes: the first line of the input is a route's path, the second a request's. What a name stands
 * for lies in the path, in order; a path that is compared part by part gives what the machine for
 * patterns gives; and what is built of the values that were found is found again. */
#include "web/path.h"

#include "wire/quote.h"

#include <asyncio/alloc.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two ways to match may not disagree. */
static void machine_agrees(const struct route_path *route, struct span path, int found,
                           const struct span *values)
{
    struct arena arena = { .at = NULL };
    struct pattern_maker maker = { .arena = &arena };
    struct pattern *pattern;
    struct span others[PATTERN_NAMES];
    for (size_t i = 0; i < route->count; i++) {
        if (route->parts[i].name)
            aiohttp__pattern_segment(&maker);
        else
            aiohttp__pattern_literal(&maker, route->parts[i].literal);
    }
    /* {name:.*} has a pattern of its own: no segment. */
    if (!route->is_rest && aiohttp__pattern_make(&maker, &pattern) == 0) {
        CHECK(aiohttp__pattern_match(pattern, path, &arena, others) == found);
        for (size_t i = 0; found && i < route->names; i++)
            CHECK(others[i].data == values[i].data && others[i].size == values[i].size);
    }
    aiohttp__arena_fini(&arena);
}

static void built_again(const struct route_path *route, const struct span *values)
{
    struct arena arena = { .at = NULL };
    const char *pairs[PATTERN_NAMES * 2 + 1] = { NULL };
    size_t count = 0;
    for (size_t i = 0; i < route->count; i++) {
        if (!route->parts[i].name)
            continue;
        struct bytes text = bytes_up_to(1 << 20);
        aiohttp__unquote(&text, values[count / 2], UNQUOTE_REST);
        pairs[count] = route->parts[i].name;
        pairs[count + 1] = aiohttp__arena_text(&arena, bytes_since(&text, 0));
        count += 2;
        aiohttp__bytes_fini(&text);
    }
    struct bytes out = bytes_up_to(1 << 20);
    int r = aiohttp__path_build(route, pairs, &out);
    CHECK(r == 0 || r == -22); /* a '/' in a pattern's value, say, was "%2F" */
    for (size_t i = 0; i < out.size; i++)
        CHECK(out.data[i] > ' ' && out.data[i] <= '~');
    aiohttp__bytes_fini(&out);
    aiohttp__arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { .at = NULL };
    const char *end = size ? memchr(data, '\n', size) : NULL, *why;
    if (!end || size > 4000)
        return 0;
    struct span first = { (const char *)data, (size_t)(end - (const char *)data) };
    struct span path = { end + 1, size - first.size - 1 };
    struct route_path route;
    struct span values[PATTERN_NAMES];
    const char *text = aiohttp__arena_text(&arena, first);
    struct bytes decoded = bytes_up_to(1 << 20);
    aiohttp__unquote(&decoded, path, UNQUOTE_PATH_SAFE);
    path = bytes_since(&decoded, 0);
    if (aiohttp__path_make(&arena, text, &route, &why) == 0) {
        int found = aiohttp__path_match(&route, path, &arena, values);
        const char *at = path.data;
        CHECK(found >= 0);
        for (size_t i = 0; found && i < route.names; i++) {
            CHECK(values[i].data >= at);
            at = values[i].data + values[i].size;
            CHECK(at <= path.data + path.size);
        }
        if (!route.pattern)
            machine_agrees(&route, path, found, values);
        if (found)
            built_again(&route, values);
    }
    aiohttp__bytes_fini(&decoded);
    aiohttp__arena_fini(&arena);
    return 0;
}
