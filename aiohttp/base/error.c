/* SPDX-License-Identifier: MIT */
/* The names of libaiohttp's errors: see error.h. */
#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>

static const asyncio_error_row rows[] = {
#define ROW(name, code, python, sentence) { code, "AIOHTTP_" #name, python, sentence },
    AIOHTTP_ERRORS(ROW)
#undef ROW
};

const char *aiohttp_version(void)
{
    return AIOHTTP__VERSION;
}

void aiohttp__errors_add(void)
{
    static asyncio_error_table table = { rows, sizeof rows / sizeof *rows, NULL };
    static atomic_bool is_added;
    if (!atomic_load(&is_added) && !atomic_exchange(&is_added, true))
        asyncio_error_table_add(&table);
}
