/* SPDX-License-Identifier: MIT */
/* Answers that are kept for a while: few, so a list will do, the last used in front. Only what was
 * found is kept, and no longer than the loop's setting says; nor longer than the answer is true,
 * which c-ares tells and the system does not. */
#include "base/alloc.h"
#include "net/names.h"

#include <string.h>

struct entry {
    struct list link;
    struct query query;              /* its texts lie behind */
    struct answer *answer;
    int64_t made_at;
    char text[];
};

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool asyncio__query_is_equal(const struct query *a, const struct query *b)
{
    return a->family == b->family && a->type == b->type && a->protocol == b->protocol &&
           a->flags == b->flags && is_same(a->host, b->host) && is_same(a->service, b->service);
}

static void drop(struct names *names, struct entry *entry)
{
    list_remove(&entry->link);
    names->cache.count--;
    asyncio__answer_unref(entry->answer);
    asyncio__free(entry);
}

static int64_t lives_ns(const struct names *names, const struct answer *answer)
{
    return answer->lives_ns < names->cache_ns ? answer->lives_ns : names->cache_ns;
}

struct answer *asyncio__names_cache_find(struct names *names, const struct query *query,
                                         int64_t now)
{
    struct list *entries = &names->cache.entries;
    for (struct list *node = entries->next, *next; node != entries; node = next) {
        next = node->next;
        struct entry *entry = container_of(node, struct entry, link);
        if (!asyncio__query_is_equal(&entry->query, query))
            continue;
        if (now - entry->made_at >= lives_ns(names, entry->answer)) {
            drop(names, entry);
            return NULL;
        }
        list_remove(node);
        list_prepend(entries, node);
        return answer_ref(entry->answer);
    }
    return NULL;
}

void asyncio__names_cache_add(struct names *names, const struct query *query,
                              struct answer *answer, int64_t now)
{
    if (!query->host || !names->cache_size || lives_ns(names, answer) <= 0)
        return;
    size_t host = strlen(query->host) + 1,
           service = query->service ? strlen(query->service) + 1 : 0;
    struct entry *entry = asyncio__malloc(sizeof *entry + host + service);
    if (!entry)
        return;
    asyncio__names_cache_trim(names, names->cache_size - 1);
    *entry = (struct entry){ .query = *query, .answer = answer_ref(answer), .made_at = now };
    entry->query.host = memcpy(entry->text, query->host, host);
    if (query->service)
        entry->query.service = memcpy(entry->text + host, query->service, service);
    list_prepend(&names->cache.entries, &entry->link);
    names->cache.count++;
}

void asyncio__names_cache_trim(struct names *names, size_t size)
{
    while (names->cache.count > size)
        drop(names, container_of(names->cache.entries.prev, struct entry, link));
}
