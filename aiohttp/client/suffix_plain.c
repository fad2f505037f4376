/* SPDX-License-Identifier: MIT */
/* Public suffixes without a list of them: only top-level domains are known. */
#include "client/cookies.h"

bool aiohttp__is_public_suffix(const char *domain)
{
    return !strchr(domain, '.');
}
