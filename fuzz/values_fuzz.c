/* SPDX-License-Identifier: MIT */
/* The values of fields. The first byte says which; the rest is the value, in memory of its own
 * size. What can be written is read back the same; readers that go on from a position always do. */
#include "wire/base64.h"
#include "wire/basic.h"
#include "wire/cookie.h"
#include "wire/date.h"
#include "wire/disposition.h"
#include "wire/etag.h"
#include "wire/forwarded.h"
#include "wire/media.h"
#include "wire/query.h"
#include "wire/range.h"
#include "wire/write.h"

#include <stdlib.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char memory[1 << 16], other[1 << 16];

static void lists(struct span text)
{
    struct span element;
    struct parameter parameter;
    for (size_t at = 0, before = 0; aiohttp__list_next(text, &at, &element); before = at) {
        CHECK(at > before && at <= text.size && element.size > 0);
        for (size_t in = 0, was = 0; aiohttp__parameter_next(element, &in, &parameter) > 0;
             was = in)
            CHECK(in > was && in <= element.size);
    }
    struct bytes out = bytes_in(memory, sizeof memory), back = bytes_in(other, sizeof other);
    aiohttp__quoted_write(&out, text);
    if (out.error == 0 && text.size > 0) {
        bytes_text(&back, "n=");
        bytes_add(&back, bytes_span(&out));
        size_t in = 0;
        CHECK(aiohttp__parameter_next(bytes_span(&back), &in, &parameter) == 1);
        out.size = 0;
        aiohttp__quoted_read(&out, parameter.value);
        CHECK(span_is(bytes_span(&out), text));
    }
}

static void media(struct span text)
{
    static const struct span types[] = { { "text/html", 9 }, { "application/json;a=b", 20 } };
    static const struct span codings[] = { { "gzip", 4 }, { "identity", 8 } };
    struct media_type type;
    (void)aiohttp__media_type_parse(text, &type);
    int best = aiohttp__accept_best(text, types, 2);
    CHECK(best >= -1 && best < 2);
    best = aiohttp__accept_coding_best(text, codings, 2);
    CHECK(best >= -1 && best < 2);
}

static void ranges(struct span text)
{
    struct range found[16];
    struct content_range content;
    uint64_t total = 0, size = text.size * 7;
    int count = aiohttp__ranges_parse(text, size, found, 16);
    for (int i = 0; i < count; i++) {
        CHECK(found[i].first <= found[i].last && found[i].last < size);
        total += found[i].last - found[i].first + 1;
    }
    CHECK(count <= 16 && total <= size);
    int64_t first, last;
    (void)aiohttp__range_parse(text, &first, &last);
    if (aiohttp__content_range_parse(text, &content) == 0 && content.has_range &&
        content.has_size) {
        struct bytes out = bytes_in(memory, sizeof memory);
        struct content_range again;
        aiohttp__content_range_write(&out, &content.range, content.size);
        CHECK(aiohttp__content_range_parse(bytes_span(&out), &again) == 0);
        CHECK(again.range.first == content.range.first && again.range.last == content.range.last &&
              again.size == content.size);
    }
}

static void etags(struct span text)
{
    struct etag tag;
    for (size_t at = 0, before = 0; aiohttp__etag_next(text, &at, &tag) > 0; before = at) {
        CHECK(at > before && at <= text.size);
        struct bytes out = bytes_in(memory, sizeof memory);
        aiohttp__etag_write(&out, &tag);
        CHECK(out.error == 0 && aiohttp__etag_matches(bytes_span(&out), &tag, true));
    }
    (void)aiohttp__if_range_parse(text, &tag);
}

static void dates(struct span text)
{
    int64_t seconds, again;
    if (aiohttp__date_parse(text, 1700000000, &seconds) == 0 && seconds < 253402300800) {
        aiohttp__date_text(seconds, memory);
        CHECK(aiohttp__date_parse((struct span){ memory, DATE_SIZE }, 0, &again) == 0);
        CHECK(seconds == again);
    }
    (void)aiohttp__date_parse_cookie(text, &seconds);
}

static void cookies(struct span text)
{
    struct span name, value;
    struct set_cookie cookie, again;
    for (size_t at = 0, before = 0; aiohttp__cookie_next(text, &at, &name, &value); before = at) {
        CHECK(at > before && at <= text.size && name.size > 0);
        struct bytes out = bytes_in(memory, sizeof memory);
        aiohttp__cookie_value_read(&out, value);
        CHECK(out.error == 0 && out.size <= value.size);
    }
    struct bytes out = bytes_in(memory, sizeof memory), back = bytes_in(other, sizeof other);
    aiohttp__cookie_write(&out, SPAN("n"), text, false);
    size_t at = 0;
    if (out.error == 0) {
        CHECK(aiohttp__cookie_next(bytes_span(&out), &at, &name, &value));
        aiohttp__cookie_value_read(&back, value);
        CHECK(at == out.size && span_is(bytes_span(&back), text));
    }
    if (aiohttp__set_cookie_parse(text, &cookie) < 0)
        return;
    out = bytes_in(memory, sizeof memory);
    back = bytes_in(other, sizeof other);
    aiohttp__cookie_value_read(&back, cookie.value);
    cookie.value = bytes_span(&back);
    aiohttp__set_cookie_write(&out, &cookie);
    if (out.error != 0)
        return;
    for (size_t i = 0; i < out.size; i++)
        CHECK((unsigned char)out.data[i] >= ' ' && out.data[i] != 127);
    CHECK(aiohttp__set_cookie_parse(bytes_span(&out), &again) == 0);
    CHECK(span_is(again.name, cookie.name) && span_is(again.path, cookie.path) &&
          again.secure == cookie.secure && again.same_site == cookie.same_site);
}

static void dispositions(struct span text)
{
    struct disposition found;
    struct bytes out = bytes_in(memory, sizeof memory), back = bytes_in(other, sizeof other);
    if (aiohttp__disposition_parse(text, &found) == 0) {
        (void)aiohttp__disposition_name(&out, &found);
        (void)aiohttp__disposition_filename(&out, &found);
        CHECK(out.error == 0);
    }
    out = bytes_in(memory, sizeof memory);
    aiohttp__disposition_write(&out, SPAN("attachment"), &text);
    CHECK(out.error != 0 || aiohttp__disposition_parse(bytes_span(&out), &found) == 0);
    out = bytes_in(memory, sizeof memory);
    aiohttp__disposition_write_form(&out, text, NULL);
    for (size_t i = 0; out.error == 0 && i < out.size; i++)
        CHECK(out.data[i] != '\r' && out.data[i] != '\n');
    (void)back;
}

static void others(struct span text)
{
    struct forwarded element;
    struct link link;
    struct span user, password, name, value;
    struct bytes out = bytes_in(memory, sizeof memory), back = bytes_in(other, sizeof other);
    for (size_t at = 0, before = 0; aiohttp__forwarded_next(text, &at, &element) != 0; before = at)
        CHECK(at > before);
    for (size_t at = 0, before = 0; aiohttp__link_next(text, &at, &link) > 0; before = at)
        CHECK(at > before);
    for (size_t at = 0, before = 0; aiohttp__query_next(text, &at, &name, &value); before = at)
        CHECK(at > before);
    (void)aiohttp__basic_read(&out, text, &user, &password);
    out = bytes_in(memory, sizeof memory);
    aiohttp__base64_write(&out, text);
    CHECK(out.error != 0 || (aiohttp__base64_read(&back, bytes_span(&out)) == 0 &&
                             span_is(bytes_span(&back), text)));
    back.size = 0;
    out = bytes_in(memory, sizeof memory);
    if (aiohttp__base64_read(&out, text) == 0) {
        aiohttp__base64_write(&back, bytes_span(&out));
        CHECK(span_is(bytes_span(&back), text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(struct span) = { lists,   media,        ranges, etags, dates,
                                                  cookies, dispositions, others };
    if (size == 0 || size > 8192)
        return 0;
    char *copy = malloc(size - 1 ? size - 1 : 1);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    parts[data[0] % (sizeof parts / sizeof *parts)]((struct span){ copy, size - 1 });
    free(copy);
    return 0;
}
