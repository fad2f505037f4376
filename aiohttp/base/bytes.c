/* SPDX-License-Identifier: MIT */
/* Bytes that are appended to: see bytes.h. */
#include "base/bytes.h"

#include <asyncio/alloc.h>
#include <errno.h>

enum { FIRST = 64 };

/* Room for `more` bytes; false when there is none, and then `error` says why. */
static bool grow(struct bytes *bytes, size_t more)
{
    if (more > bytes->max - bytes->size) {
        bytes->error = -EMSGSIZE;
        return false;
    }
    size_t wanted = bytes->capacity < FIRST ? FIRST : bytes->capacity;
    while (wanted - bytes->size < more)
        wanted = wanted > bytes->max / 2 ? bytes->max : wanted * 2;
    if (wanted > bytes->max)
        wanted = bytes->max;
    char *data = asyncio_mem_realloc(bytes->is_lent ? NULL : bytes->data, wanted);
    if (!data) {
        bytes->error = -ENOMEM;
        return false;
    }
    if (bytes->is_lent)
        memcpy(data, bytes->data, bytes->size);
    bytes->is_lent = false;
    bytes->data = data;
    bytes->capacity = wanted;
    return true;
}

char *aiohttp__bytes_room(struct bytes *bytes, size_t more)
{
    if (bytes->error != 0 || (more > bytes->capacity - bytes->size && !grow(bytes, more)))
        return NULL;
    return bytes->data + bytes->size;
}

void aiohttp__bytes_append(struct bytes *bytes, const void *data, size_t size)
{
    if (bytes->error != 0 || size == 0)
        return;
    if (size > bytes->capacity - bytes->size && !grow(bytes, size))
        return;
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void aiohttp__bytes_number(struct bytes *bytes, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    aiohttp__bytes_append(bytes, digits + at, sizeof digits - at);
}

void aiohttp__bytes_fini(struct bytes *bytes)
{
    if (!bytes->is_lent)
        asyncio_mem_free(bytes->data);
    *bytes = bytes_up_to(bytes->max);
}
