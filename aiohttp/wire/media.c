/* SPDX-License-Identifier: MIT */
/* Media types and negotiation: see media.h. */
#include "wire/media.h"

#include "wire/ascii.h"

#include <errno.h>

static struct span token_at(struct span text, size_t *at)
{
    size_t first = *at;
    while (*at < text.size && ascii_has(ascii_token, text.data[*at]))
        ++*at;
    return (struct span){ text.data + first, *at - first };
}

int aiohttp__media_type_parse(struct span text, struct media_type *ret_type)
{
    text = ascii_trim(text);
    size_t at = 0;
    struct media_type type = { .type = token_at(text, &at) };
    if (at >= text.size || text.data[at++] != '/')
        return -EINVAL;
    type.subtype = token_at(text, &at);
    type.parameters = (struct span){ text.data + at, text.size - at };
    if (type.type.size == 0 || type.subtype.size == 0)
        return -EINVAL;
    struct span rest = ascii_trim(type.parameters);
    if (rest.size > 0 && rest.data[0] != ';')
        return -EINVAL;
    struct parameter parameter;
    int r;
    for (size_t position = 0;
         (r = aiohttp__parameter_next(type.parameters, &position, &parameter)) > 0;)
        ;
    if (r == 0)
        *ret_type = type;
    return r;
}

bool aiohttp__media_type_parameter(const struct media_type *type, struct span name,
                                   struct parameter *ret_parameter)
{
    for (size_t position = 0;
         aiohttp__parameter_next(type->parameters, &position, ret_parameter) > 0;)
        if (span_is_case(ret_parameter->name, name))
            return true;
    return false;
}

/* How well an element of Accept fits: 0 not at all, 1 any, 2 the type, 3 the subtype, more with its
 * parameters. */
static int fits(const struct media_type *wanted, const struct media_type *type, int *ret_quality)
{
    bool any = span_is(wanted->type, SPAN("*")), any_sub = span_is(wanted->subtype, SPAN("*"));
    if ((any && !any_sub) || (!any && !span_is_case(wanted->type, type->type)) ||
        (!any_sub && !span_is_case(wanted->subtype, type->subtype)))
        return 0;
    int specific = any ? 1 : any_sub ? 2 : 3;
    struct parameter mine, theirs;
    *ret_quality = 1000;
    for (size_t position = 0;
         aiohttp__parameter_next(wanted->parameters, &position, &theirs) > 0;) {
        if (span_is_case(theirs.name, SPAN("q"))) {
            *ret_quality = aiohttp__quality(theirs.value);
            break; /* what follows are parameters of the wish */
        }
        if (!aiohttp__media_type_parameter(type, theirs.name, &mine) ||
            !span_is_case(mine.value, theirs.value))
            return 0;
        specific++;
    }
    return *ret_quality < 0 ? 0 : specific;
}

int aiohttp__accept_quality(struct span accept, const struct media_type *type)
{
    if (ascii_trim(accept).size == 0)
        return 1000;
    int best = 0, quality = 0;
    struct span element;
    for (size_t position = 0; aiohttp__list_next(accept, &position, &element);) {
        struct media_type wanted;
        int this_quality, specific;
        if (aiohttp__media_type_parse(element, &wanted) == 0 &&
            (specific = fits(&wanted, type, &this_quality)) > best) {
            best = specific;
            quality = this_quality;
        }
    }
    return quality;
}

int aiohttp__accept_best(struct span accept, const struct span *types, size_t count)
{
    int best = -1, quality = 0;
    for (size_t i = 0; i < count; i++) {
        struct media_type type;
        if (aiohttp__media_type_parse(types[i], &type) < 0)
            continue;
        int this_quality = aiohttp__accept_quality(accept, &type);
        if (this_quality > quality) {
            best = (int)i;
            quality = this_quality;
        }
    }
    return best;
}

int aiohttp__accept_coding_quality(struct span accept, struct span name)
{
    bool is_identity = span_is_case(name, SPAN("identity"));
    struct span element;
    int any = -1;
    if (ascii_trim(accept).size == 0)
        return is_identity ? 1000 : 0;
    for (size_t position = 0; aiohttp__list_next(accept, &position, &element);) {
        size_t at = 0;
        struct span coding = token_at(element, &at);
        struct span rest = { element.data + at, element.size - at };
        struct parameter q;
        int quality = 1000;
        if (coding.size == 0 || (rest.size > 0 && ascii_trim(rest).data[0] != ';'))
            continue;
        at = 0;
        if (span_is_case(coding, SPAN("x-gzip"))) /* RFC 9110, 8.4.1.3 */
            coding = SPAN("gzip");
        int r = rest.size > 0 ? aiohttp__parameter_next(rest, &at, &q) : 0;
        if (r != 0)
            quality = r > 0 && span_is_case(q.name, SPAN("q")) ? aiohttp__quality(q.value) : -1;
        if (quality >= 0 && span_is_case(coding, name))
            return quality;
        if (quality >= 0 && span_is(coding, SPAN("*")))
            any = quality;
    }
    return any >= 0 ? any : is_identity ? 1 : 0;
}

int aiohttp__accept_coding_best(struct span accept, const struct span *names, size_t count)
{
    int best = -1, quality = 0;
    for (size_t i = 0; i < count; i++) {
        int this_quality = aiohttp__accept_coding_quality(accept, names[i]);
        if (this_quality > quality) {
            best = (int)i;
            quality = this_quality;
        }
    }
    return best;
}
