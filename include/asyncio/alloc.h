/* SPDX-License-Identifier: MIT */
/* Whose memory the library uses. */
#pragma once

#include <asyncio/error.h>

ASYNCIO__BEGIN

/* Resizes `old` (NULL: allocates) to `size` bytes and returns it, or NULL without memory; with
 * `size` 0 frees `old` and returns NULL. Called from any thread. */
typedef void *asyncio_reallocate(void *old, size_t size, void *data);

/* Makes the library allocate by `function` (NULL: by libc's realloc again). `function` is called
 * with `data`, from any thread. Stacks are mapped and do not come from here.
 * -ASYNCIO_INVALID_STATE once the library has allocated, so call it first in main. Does not
 * suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_set_allocator(asyncio_reallocate *function, void *data);

ASYNCIO__END
