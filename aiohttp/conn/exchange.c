/* SPDX-License-Identifier: MIT */
/* What all kinds of exchanges have in common: see exchange.h. */
#include "conn/exchange.h"

#include <errno.h>

int aiohttp__exchange_settle(struct exchange *exchange)
{
    char *copy = aiohttp__arena_text(&exchange->arena,
                                     (struct span){ exchange->text, exchange->head_size });
    if (!copy)
        return -ENOMEM;
    exchange->text = copy;
    exchange->is_settled = true;
    return 0;
}

struct aiohttp_headers *aiohttp__exchange_headers(struct exchange *exchange,
                                                  const struct head_field *fields, uint32_t count,
                                                  char *text)
{
    struct aiohttp_headers *headers = aiohttp__arena_alloc(&exchange->arena, sizeof *headers);
    if (!headers)
        return NULL;
    aiohttp__headers_init(headers, &exchange->arena);
    if (aiohttp__headers_reserve(headers, count) < 0)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        aiohttp__headers_lend(headers, text + fields[i].name, fields[i].name_size,
                              text + fields[i].value, fields[i].value_size);
    return headers;
}
