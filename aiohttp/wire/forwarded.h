/* SPDX-License-Identifier: MIT */
/* What proxies and servers say about requests and resources: Forwarded (RFC 7239) and Link
 * (RFC 8288). Spans of the text; linear. */
#pragma once

#include "wire/fields.h"

struct forwarded {
    struct parameter by, for_, host, proto; /* has_value says whether */
};

struct link {
    struct span target;     /* between < and > */
    struct span parameters; /* for aiohttp__parameter_next */
};

/* The next proxy's element: 1, 0 at the end, -EINVAL for one that is broken, behind which it can be
 * gone on. */
int aiohttp__forwarded_next(struct span text, size_t *position, struct forwarded *ret_element);

/* The next link: 1, 0 at the end, -EINVAL and nothing behind it can be read. */
int aiohttp__link_next(struct span text, size_t *position, struct link *ret_link);

/* The first parameter of that name of a link, any case: true, and it. */
bool aiohttp__link_parameter(const struct link *link, struct span name,
                             struct parameter *ret_parameter);
