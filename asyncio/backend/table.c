/* SPDX-License-Identifier: MIT */
/* The table of handles: pages of 64 entries, a free list through them. See table.h. */
#include "backend/table.h"

#include "base/alloc.h"

#include <errno.h>
#include <string.h>

enum { PAGES_MAX = 1 << 20 }; /* 64 million handles: more than a process can have descriptors */

void asyncio__table_init(struct table *table, size_t entry_size)
{
    size_t align = _Alignof(max_align_t);
    *table = (struct table){ .entry_size = (entry_size + align - 1) / align * align };
}

void asyncio__table_fini(struct table *table)
{
    for (uint32_t page = 0; page < table->count >> TABLE_PAGE_SHIFT; page++)
        asyncio__free(table->pages[page]);
    asyncio__free(table->pages);
    *table = (struct table){ .entry_size = table->entry_size };
}

int asyncio__table_reserve(struct table *table)
{
    if (table->free)
        return 0;
    uint32_t pages = table->count >> TABLE_PAGE_SHIFT;
    if (pages >= PAGES_MAX)
        return -ENFILE;
    if (pages == table->page_capacity) {
        uint32_t capacity = pages ? pages * 2 : 4;
        char **grown = asyncio__realloc(table->pages, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        table->pages = grown;
        table->page_capacity = capacity;
    }
    char *page = asyncio__calloc(TABLE_PAGE, table->entry_size);
    if (!page)
        return -ENOMEM;
    table->pages[pages] = page;
    uint32_t first = table->count;
    table->count += TABLE_PAGE;
    /* backwards, so that the lowest index is used first */
    for (uint32_t i = TABLE_PAGE; i-- > 0;) {
        struct entry *entry = table_at(table, first + i);
        entry->index = first + i;
        table_release(table, entry);
    }
    return 0;
}

void *asyncio__table_new(struct table *table)
{
    if (asyncio__table_reserve(table) < 0)
        return NULL;
    struct entry *entry = table->free;
    table->free = entry->next_free;
    memset((char *)entry + sizeof *entry, 0, table->entry_size - sizeof *entry);
    entry->next_free = NULL;
    entry->generation++;
    return entry;
}
