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

/* Memory as the library itself takes it: by the allocator that was set, and failing where tests
 * make it fail. For libraries on top of this one. As malloc, calloc, realloc, free and strdup; any
 * thread; none suspends. */
ASYNCIO_API void *asyncio_mem_malloc(size_t size) __attribute__((malloc, warn_unused_result));
ASYNCIO_API void *asyncio_mem_calloc(size_t count, size_t size)
    __attribute__((malloc, warn_unused_result));
ASYNCIO_API void *asyncio_mem_realloc(void *old, size_t size) __attribute__((warn_unused_result));
ASYNCIO_API void asyncio_mem_free(void *memory);
ASYNCIO_API char *asyncio_mem_strdup(const char *text) __attribute__((malloc, warn_unused_result));

ASYNCIO__END
