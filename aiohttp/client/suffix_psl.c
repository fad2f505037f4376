/* SPDX-License-Identifier: MIT */
/* Public suffixes, by libpsl and the list that it was built with. */
#include "client/cookies.h"

#include <libpsl.h>

bool aiohttp__is_public_suffix(const char *domain)
{
    const psl_ctx_t *list = psl_builtin();
    return list ? psl_is_public_suffix(list, domain) != 0 : !strchr(domain, '.');
}
