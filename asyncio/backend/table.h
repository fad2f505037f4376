/* SPDX-License-Identifier: MIT */
/* The table of handles behind `sock`: an index finds the entry, a generation says whether it is
 * still the same one.
 *
 * Entries are of the backend's own size and begin with `struct entry`. They lie in pages that
 * never move and are freed only with the table, so a pointer to an entry may be looked at after
 * the entry is gone: its generation then differs. A generation is odd while the handle lives and
 * even while the entry is free; 0 is never a live one.
 *
 * An entry ends in two steps, since a kernel may still use what belongs to it: `retire` makes
 * every sock that names it stale, `release` lets the next `new` have it. Only `new` allocates. */
#pragma once

#include "backend/op.h"

#include <stdbool.h>

struct entry {
    uint32_t index, generation;
    struct entry *next_free;
};

struct table {
    char **pages;
    struct entry *free;
    size_t entry_size;
    uint32_t count;         /* entries there are, live or not */
    uint32_t page_capacity; /* of `pages` */
};

enum { TABLE_PAGE_SHIFT = 6, TABLE_PAGE = 1 << TABLE_PAGE_SHIFT };

void asyncio__table_init(struct table *table, size_t entry_size);
void asyncio__table_fini(struct table *table);

/* Makes sure that the next `new` cannot fail. -ENOMEM, -ENFILE. */
int asyncio__table_reserve(struct table *table);

/* A live entry, zeroed behind its head, or NULL: no memory. */
void *asyncio__table_new(struct table *table);

static inline struct entry *table_at(const struct table *table, uint32_t index)
{
    char *page = table->pages[index >> TABLE_PAGE_SHIFT];
    return (struct entry *)(void *)(page + (index & (TABLE_PAGE - 1)) * table->entry_size);
}

/* The live entry that `socket` names, or NULL. */
static inline void *table_get(const struct table *table, sock socket)
{
    if (socket.index >= table->count || !(socket.generation & 1))
        return NULL;
    struct entry *entry = table_at(table, socket.index);
    return entry->generation == socket.generation ? entry : NULL;
}

static inline bool entry_is_live(const struct entry *entry)
{
    return entry->generation & 1;
}

static inline sock entry_sock(const struct entry *entry)
{
    return (sock){ entry->index, entry->generation };
}

static inline void table_retire(struct entry *entry)
{
    entry->generation++;
}

static inline void table_release(struct table *table, struct entry *entry)
{
    entry->next_free = table->free;
    table->free = entry;
}
