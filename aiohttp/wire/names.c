/* SPDX-License-Identifier: MIT */
/* The known header names: see names.h. */
#include "wire/names_find.h"

const struct names aiohttp__names = {
    .slots = NAMES_TABLE,
    .size = {
#define SIZE(name, text) [HEADER_##name] = sizeof(text) - 1,
        HEADER_NAMES(SIZE)
#undef SIZE
    },
    .text = {
#define TEXT(name, text) [HEADER_##name] = text,
        HEADER_NAMES(TEXT)
#undef TEXT
    },
};

enum header_id aiohttp__header_id(const char *name, size_t size)
{
    unsigned id = names_guess(name, size);
    return id != HEADER_OTHER && !names_differ(name, aiohttp__names.text[id], size)
               ? (enum header_id)id
               : HEADER_OTHER;
}

struct span aiohttp__header_text(enum header_id id)
{
    return (struct span){ aiohttp__names.text[id], aiohttp__names.size[id] };
}
