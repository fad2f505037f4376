/* SPDX-License-Identifier: MIT */
/* Text at the end of a page, with nothing behind it: whoever reads one byte too many dies. */
#pragma once

#include <stddef.h>

/* A copy of `size` bytes whose last one is the last of a readable page. To be freed by
 * guarded_free. Fails the cmocka test when there is none. */
const char *guarded(const char *text, size_t size);
void guarded_free(const char *text, size_t size);
