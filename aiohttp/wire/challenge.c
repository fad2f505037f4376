/* SPDX-License-Identifier: MIT */
/* Challenges: see challenge.h.
 *
 * A comma divides challenges and the parameters of one. What follows a comma is a parameter when it
 * is a token with a =, and a scheme otherwise (RFC 9110, 11.2: the ambiguity is resolved so). */
#include "wire/challenge.h"

#include "wire/ascii.h"

#include <errno.h>

static void skip(struct span text, size_t *at, bool with_commas)
{
    while (*at < text.size &&
           (ascii_is_blank(text.data[*at]) || (with_commas && text.data[*at] == ',')))
        ++*at;
}

static struct span token(struct span text, size_t *at)
{
    size_t first = *at;
    while (*at < text.size && ascii_has(ascii_token, text.data[*at]))
        ++*at;
    return (struct span){ text.data + first, *at - first };
}

/* The value behind a =: a token or a quoted string. */
static bool value(struct span text, size_t *at, struct parameter *ret_parameter)
{
    ret_parameter->has_value = true;
    ret_parameter->is_quoted = *at < text.size && text.data[*at] == '"';
    if (!ret_parameter->is_quoted) {
        ret_parameter->value = token(text, at);
        return ret_parameter->value.size > 0;
    }
    size_t first = ++*at;
    while (*at < text.size && text.data[*at] != '"') {
        if (text.data[*at] == '\\')
            ++*at;
        ++*at;
    }
    if (*at >= text.size) {
        *at = text.size;
        return false;
    }
    ret_parameter->value = (struct span){ text.data + first, (*at)++ - first };
    return true;
}

/* A parameter at `at`, which goes behind it: 1; 0: what is there is none; -EINVAL. */
static int parameter(struct span text, size_t *at, struct parameter *ret_parameter)
{
    size_t here = *at;
    ret_parameter->name = token(text, &here);
    skip(text, &here, false);
    if (ret_parameter->name.size == 0 || here == text.size || text.data[here] != '=')
        return 0;
    here++;
    skip(text, &here, false);
    if (!value(text, &here, ret_parameter))
        return -EINVAL;
    skip(text, &here, false);
    if (here < text.size && text.data[here] != ',')
        return -EINVAL;
    *at = here;
    return 1;
}

/* token68 with nothing behind it but a comma. */
static struct span token68(struct span text, size_t *at)
{
    static const struct ascii_set set = {
        ASCII_DIGITS | ASCII_BIT('+') | ASCII_BIT('-') | ASCII_BIT('.') | ASCII_BIT('/'),
        ASCII_ALPHA | ASCII_BIT('_') | ASCII_BIT('~'),
    };
    size_t here = *at;
    while (here < text.size && ascii_has(set, text.data[here]))
        here++;
    while (here < text.size && text.data[here] == '=')
        here++;
    struct span found = { text.data + *at, here - *at };
    skip(text, &here, false);
    if (here < text.size && text.data[here] != ',')
        return (struct span){ text.data, 0 };
    *at = here;
    return found;
}

int aiohttp__challenge_next(struct span text, size_t *position, struct challenge *ret_challenge)
{
    size_t at = *position;
    skip(text, &at, true);
    *position = at;
    if (at == text.size)
        return 0;
    struct challenge challenge = { .scheme = token(text, &at) };
    if (challenge.scheme.size == 0)
        return -EINVAL;
    bool has_more = at < text.size && ascii_is_blank(text.data[at]);
    if (!has_more && at < text.size && text.data[at] != ',')
        return -EINVAL;
    skip(text, &at, false);
    size_t first = at;
    struct parameter one;
    int r = has_more ? parameter(text, &at, &one) : 0;
    if (has_more && r <= 0 && first < text.size && text.data[first] != ',') {
        /* "a==" looks like the beginning of a parameter */
        challenge.token = token68(text, &at);
        if (challenge.token.size == 0)
            return -EINVAL;
        r = 0;
    }
    size_t end = at;
    while (r > 0) {
        end = at;
        skip(text, &at, true);
        r = parameter(text, &at, &one);
    }
    if (r < 0)
        return r;
    challenge.parameters = (struct span){ text.data + first, end - first };
    if (challenge.token.size > 0)
        challenge.parameters.size = 0;
    *position = end;
    *ret_challenge = challenge;
    return 1;
}

bool aiohttp__challenge_parameter(const struct challenge *challenge, struct span name,
                                  struct parameter *ret_parameter)
{
    struct parameter one;
    size_t at = 0;
    for (;;) {
        skip(challenge->parameters, &at, true);
        if (parameter(challenge->parameters, &at, &one) <= 0)
            return false;
        if (span_is_case(one.name, name)) {
            *ret_parameter = one;
            return true;
        }
    }
}
