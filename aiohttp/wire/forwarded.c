/* SPDX-License-Identifier: MIT */
/* Forwarded and Link: see forwarded.h. */
#include "wire/forwarded.h"

#include "wire/ascii.h"

#include <errno.h>

int aiohttp__forwarded_next(struct span text, size_t *position, struct forwarded *ret_element)
{
    struct span element;
    struct forwarded found = { .by = { .has_value = false } };
    if (!aiohttp__list_next(text, position, &element))
        return 0;
    const struct {
        struct span name;
        struct parameter *parameter;
    } known[] = {
        { SPAN("by"), &found.by },
        { SPAN("for"), &found.for_ },
        { SPAN("host"), &found.host },
        { SPAN("proto"), &found.proto },
    };
    struct parameter pair;
    int r;
    for (size_t at = 0; (r = aiohttp__parameter_next(element, &at, &pair)) > 0;) {
        if (!pair.has_value)
            return -EINVAL;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (span_is_case(pair.name, known[i].name)) {
                if (known[i].parameter->has_value)
                    return -EINVAL;
                *known[i].parameter = pair;
            }
    }
    if (r == 0)
        *ret_element = found;
    return r < 0 ? r : 1;
}

/* Up to the comma that ends it, outside of quotes. */
static size_t link_end(struct span text, size_t at)
{
    bool is_quoted = false;
    for (; at < text.size && (is_quoted || text.data[at] != ','); at++) {
        if (text.data[at] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && text.data[at] == '\\' && at + 1 < text.size)
            at++;
    }
    return at < text.size ? at : text.size;
}

int aiohttp__link_next(struct span text, size_t *position, struct link *ret_link)
{
    size_t at = *position;
    while (at < text.size && (ascii_is_blank(text.data[at]) || text.data[at] == ','))
        at++;
    if (at == text.size) {
        *position = at;
        return 0;
    }
    const char *close = memchr(text.data + at, '>', text.size - at);
    if (text.data[at] != '<' || !close)
        return -EINVAL;
    struct link found = { { text.data + at + 1, (size_t)(close - text.data) - at - 1 },
                          { close + 1, 0 } };
    at = (size_t)(close - text.data) + 1;
    size_t end = link_end(text, at);
    found.parameters = ascii_trim((struct span){ text.data + at, end - at });
    if (ascii_has_control(found.target) ||
        (found.parameters.size > 0 && found.parameters.data[0] != ';'))
        return -EINVAL;
    *position = end;
    *ret_link = found;
    return 1;
}

bool aiohttp__link_parameter(const struct link *link, struct span name,
                             struct parameter *ret_parameter)
{
    for (size_t at = 0; aiohttp__parameter_next(link->parameters, &at, ret_parameter) > 0;)
        if (span_is_case(ret_parameter->name, name))
            return true;
    return false;
}
