/* SPDX-License-Identifier: MIT */
/* The names of libaiohttp's errors. */
#pragma once

#include <aiohttp/error.h>

/* Makes them known to libasyncio. Whatever creates the first object of a program calls it; calling
 * it again costs a load. */
void aiohttp__errors_add(void);
