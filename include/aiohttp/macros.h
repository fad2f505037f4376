/* SPDX-License-Identifier: MIT */
/* What marks libaiohttp's public functions. The machinery of keyword arguments is asyncio's. */
#pragma once

#include <asyncio/macros.h>

#if defined(AIOHTTP__BUILD)
#define AIOHTTP_API __attribute__((visibility("default")))
#else
#define AIOHTTP_API
#endif

ASYNCIO__BEGIN

/* The version of the library that is linked, "0.1.0": Python's aiohttp.__version__. Static text;
 * any thread; does not suspend. */
AIOHTTP_API const char *aiohttp_version(void);

ASYNCIO__END
