/* SPDX-License-Identifier: MIT */
/* See map.h: open addressing, at most half full. */
#include "map.h"

#include "process.h"

#include <stdlib.h>
#include <string.h>

static struct map_entry *place(const struct map *map, uint64_t key)
{
    size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (map->capacity - 1);
    while (map->entries[at].key && map->entries[at].key != key)
        at = (at + 1) & (map->capacity - 1);
    return &map->entries[at];
}

void map_put(struct map *map, uint64_t key, size_t value)
{
    if (map->count * 2 >= map->capacity) {
        struct map larger = { .capacity = map->capacity ? map->capacity * 2 : 64 };
        larger.entries = grow(NULL, larger.capacity, sizeof *larger.entries);
        memset(larger.entries, 0, larger.capacity * sizeof *larger.entries);
        for (size_t i = 0; i < map->capacity; i++)
            if (map->entries[i].key)
                *place(&larger, map->entries[i].key) = map->entries[i];
        larger.count = map->count;
        free(map->entries);
        *map = larger;
    }
    struct map_entry *entry = place(map, key);
    map->count += entry->key == 0;
    *entry = (struct map_entry){ key, value };
}

size_t map_get(const struct map *map, uint64_t key)
{
    const struct map_entry *entry = map->capacity ? place(map, key) : NULL;
    return entry && entry->key ? entry->value : (size_t)MAP_NONE;
}

void map_free(struct map *map)
{
    free(map->entries);
    *map = (struct map){ .count = 0 };
}
