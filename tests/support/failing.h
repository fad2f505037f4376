/* SPDX-License-Identifier: MIT */
/* With ASYNCIO_TEST_ALLOCATIONS in its environment a test program runs each of its cases again and
 * again, each time in a process of its own and with one more of the library's allocations failing:
 * see failing.c. Cases need to know nothing of it, but for those that start processes. */
#pragma once

#include <asyncio/error.h>
#include <stdbool.h>

/* True in such a process. */
bool allocation_is_failing(void);

/* The record of the error `r`. Without memory there is none: then the case refuses. */
const asyncio_error *record_of(int r);
