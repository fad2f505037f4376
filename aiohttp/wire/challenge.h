/* SPDX-License-Identifier: MIT */
/* The fields WWW-Authenticate and Proxy-Authenticate: challenges (RFC 9110, 11.3). Spans of the
 * text; linear. */
#pragma once

#include "wire/fields.h"

struct challenge {
    struct span scheme;
    struct span token;      /* token68 alone; size 0: none */
    struct span parameters; /* for aiohttp__challenge_parameter; size 0: none */
};

/* The next challenge: 1, 0 at the end, -EINVAL and nothing behind it can be read. */
int aiohttp__challenge_next(struct span text, size_t *position, struct challenge *ret_challenge);

/* The first parameter of that name, any case: true, and it. */
bool aiohttp__challenge_parameter(const struct challenge *challenge, struct span name,
                                  struct parameter *ret_parameter);
