/* SPDX-License-Identifier: MIT */
/* A hash of addresses: each has a number. 0 is no address. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct map {
    struct map_entry {
        uint64_t key;
        size_t value;
    } *entries;
    size_t count, capacity; /* a power of two, or 0 */
};

enum { MAP_NONE = -1 };

void map_put(struct map *map, uint64_t key, size_t value);
/* (size_t)MAP_NONE when it is not there. */
size_t map_get(const struct map *map, uint64_t key);
void map_free(struct map *map);
