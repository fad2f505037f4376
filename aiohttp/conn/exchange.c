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
