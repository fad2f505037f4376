/* SPDX-License-Identifier: MIT */
/* Where a jar keeps its cookies: see cookie_store.h. */
#include "client/cookie_store.h"

#include <asyncio/alloc.h>
#include <errno.h>
#include <stdint.h>

static struct span name_of(const struct cookie_domain *domain)
{
    return span_of(domain->name);
}

static int compare(struct span a, struct span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Where the domain is, or would be. */
static size_t place_of(const struct cookie_store *store, struct span name, bool *ret_is_there)
{
    size_t low = 0, high = store->domain_count;
    *ret_is_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(name, name_of(store->domains[middle]));
        if (order == 0) {
            *ret_is_there = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct cookie_domain *aiohttp__cookie_store_domain(const struct cookie_store *store,
                                                   struct span name)
{
    bool is_there;
    size_t place = place_of(store, name, &is_there);
    return is_there ? store->domains[place] : NULL;
}

/* --- the heap: earliest end first --- */

static void heap_set(struct cookie_store *store, size_t at, struct cookie *cookie)
{
    store->heap[at] = cookie;
    cookie->in_heap = at;
}

static void heap_up(struct cookie_store *store, size_t at, struct cookie *cookie)
{
    while (at > 0 && cookie->expires < store->heap[(at - 1) / 2]->expires) {
        heap_set(store, at, store->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(store, at, cookie);
}

static void heap_down(struct cookie_store *store, size_t at, struct cookie *cookie)
{
    for (size_t child; (child = 2 * at + 1) < store->ending; at = child) {
        if (child + 1 < store->ending &&
            store->heap[child + 1]->expires < store->heap[child]->expires)
            child++;
        if (cookie->expires <= store->heap[child]->expires)
            break;
        heap_set(store, at, store->heap[child]);
    }
    heap_set(store, at, cookie);
}

static void heap_remove(struct cookie_store *store, struct cookie *cookie)
{
    size_t at = cookie->in_heap;
    struct cookie *last = store->heap[--store->ending];
    cookie->in_heap = SIZE_MAX;
    if (last == cookie)
        return;
    if (at > 0 && last->expires < store->heap[(at - 1) / 2]->expires)
        heap_up(store, at, last);
    else
        heap_down(store, at, last);
}

/* --- the list by use --- */

static void use_remove(struct cookie_store *store, struct cookie *cookie)
{
    *(cookie->older ? &cookie->older->newer : &store->oldest) = cookie->newer;
    *(cookie->newer ? &cookie->newer->older : &store->newest) = cookie->older;
}

static void use_add(struct cookie_store *store, struct cookie *cookie)
{
    cookie->older = store->newest;
    cookie->newer = NULL;
    *(store->newest ? &store->newest->newer : &store->oldest) = cookie;
    store->newest = cookie;
    cookie->used = ++store->uses;
}

void aiohttp__cookie_store_touch(struct cookie_store *store, struct cookie *cookie)
{
    use_remove(store, cookie);
    use_add(store, cookie);
}

/* --- all of it --- */

struct cookie *aiohttp__cookie_store_find(const struct cookie_store *store,
                                          const struct cookie_facts *facts)
{
    struct cookie_domain *domain = aiohttp__cookie_store_domain(store, facts->domain);
    for (struct cookie *cookie = domain ? domain->first : NULL; cookie; cookie = cookie->next)
        if (span_is(span_of(cookie->shown.name), facts->name) &&
            cookie->shown.host_only == facts->is_host_only &&
            span_is((struct span){ cookie->shown.path, cookie->path_size }, facts->path))
            return cookie;
    return NULL;
}

static void drop_domain(struct cookie_store *store, struct cookie_domain *domain)
{
    bool is_there;
    size_t place = place_of(store, name_of(domain), &is_there);
    store->domain_count--;
    memmove(store->domains + place, store->domains + place + 1,
            (store->domain_count - place) * sizeof(struct cookie_domain *));
    asyncio_mem_free(domain);
}

void aiohttp__cookie_store_remove(struct cookie_store *store, struct cookie *cookie)
{
    struct cookie_domain *domain = cookie->domain;
    struct cookie **at = &domain->first;
    while (*at != cookie)
        at = &(*at)->next;
    *at = cookie->next;
    if (--domain->count == 0)
        drop_domain(store, domain);
    if (cookie->in_heap != SIZE_MAX)
        heap_remove(store, cookie);
    use_remove(store, cookie);
    struct cookie *last = store->all[--store->count];
    store->all[cookie->in_all] = last;
    last->in_all = cookie->in_all;
    asyncio_mem_free(cookie);
}

void aiohttp__cookie_store_expire(struct cookie_store *store, int64_t now)
{
    while (store->ending > 0 && store->heap[0]->expires <= now)
        aiohttp__cookie_store_remove(store, store->heap[0]);
}

void aiohttp__cookie_store_fini(struct cookie_store *store)
{
    while (store->count > 0)
        aiohttp__cookie_store_remove(store, store->all[store->count - 1]);
    asyncio_mem_free(store->all);
    asyncio_mem_free(store->heap);
    asyncio_mem_free(store->domains);
    *store = (struct cookie_store){ .count = 0 };
}

/* The first that has to go of a domain with too many: of those that are not Secure, or else of all,
 * the one that was not used for longest. */
static struct cookie *victim_of(const struct cookie_domain *domain)
{
    struct cookie *first = domain->first;
    for (struct cookie *cookie = first->next; cookie; cookie = cookie->next)
        if (cookie->shown.secure == first->shown.secure ? cookie->used < first->used :
                                                          first->shown.secure)
            first = cookie;
    return first;
}

static void keep_limits(struct cookie_store *store, const aiohttp_limits *limits,
                        struct cookie_domain *domain)
{
    if (domain->count > limits->cookies_domain)
        aiohttp__cookie_store_remove(store, victim_of(domain));
    while (store->count > limits->cookies_jar)
        aiohttp__cookie_store_remove(store, store->oldest);
}

static bool grow(void *array, size_t *capacity, size_t count)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 8;
    void *old;
    memcpy(&old, array, sizeof old);
    void *made = asyncio_mem_realloc(old, wanted * sizeof(void *));
    if (!made)
        return false;
    memcpy(array, &made, sizeof made);
    *capacity = wanted;
    return true;
}

/* Room for one more of everything. */
static bool has_room(struct cookie_store *store)
{
    size_t all = store->capacity, heap = store->capacity;
    if (!grow(&store->all, &all, store->count) || !grow(&store->heap, &heap, store->count))
        return false; /* one may be larger than is known: harmless */
    store->capacity = all;
    return grow(&store->domains, &store->domain_capacity, store->domain_count);
}

static char *copy(char **at, struct span text)
{
    char *copied = *at;
    if (text.size > 0)
        memcpy(copied, text.data, text.size);
    copied[text.size] = '\0';
    *at += text.size + 1;
    return copied;
}

static struct cookie *new_cookie(const struct cookie_facts *facts)
{
    static const char *const sites[] = { "", "Strict", "Lax", "None" };
    struct span value = facts->value;
    bool is_coded = value.size > 0 && value.data[0] == '"';
    struct cookie *cookie = asyncio_mem_calloc(
        1, sizeof *cookie + facts->name.size + (is_coded ? 2 : 1) * (value.size + 1) +
               facts->path.size + 2);
    if (!cookie)
        return NULL;
    char *at = cookie->text;
    aiohttp_cookie *shown = &cookie->shown;
    shown->name = copy(&at, facts->name);
    shown->path = copy(&at, facts->path);
    shown->coded_value = shown->value = copy(&at, value);
    if (is_coded) {
        struct bytes decoded = bytes_in(at, value.size);
        aiohttp__cookie_value_read(&decoded, value);
        at[decoded.size] = '\0';
        shown->value = at;
    }
    shown->samesite = sites[facts->same_site];
    shown->expires = facts->has_end ? (double)facts->expires : ASYNCIO_NONE;
    shown->host_only = facts->is_host_only;
    shown->secure = facts->is_secure;
    shown->httponly = facts->is_httponly;
    shown->partitioned = facts->is_partitioned;
    cookie->path_size = facts->path.size;
    cookie->expires = facts->expires;
    cookie->in_heap = SIZE_MAX;
    return cookie;
}

/* The domain, made when it is not there. */
static struct cookie_domain *domain_for(struct cookie_store *store, struct span name)
{
    bool is_there;
    size_t place = place_of(store, name, &is_there);
    if (is_there)
        return store->domains[place];
    struct cookie_domain *domain = asyncio_mem_calloc(1, sizeof *domain + name.size + 1);
    if (!domain)
        return NULL;
    if (name.size > 0)
        memcpy(domain->name, name.data, name.size);
    memmove(store->domains + place + 1, store->domains + place,
            (store->domain_count - place) * sizeof(struct cookie_domain *));
    store->domains[place] = domain;
    store->domain_count++;
    return domain;
}

int aiohttp__cookie_store_put(struct cookie_store *store, const aiohttp_limits *limits,
                              const struct cookie_facts *facts)
{
    struct cookie *old = aiohttp__cookie_store_find(store, facts);
    struct cookie *cookie = has_room(store) ? new_cookie(facts) : NULL;
    struct cookie_domain *domain = cookie ? domain_for(store, facts->domain) : NULL;
    if (!domain) {
        asyncio_mem_free(cookie);
        return -ENOMEM;
    }
    cookie->born = old ? old->born : ++store->births;
    cookie->domain = domain;
    cookie->shown.domain = domain->name;
    cookie->next = domain->first;
    domain->first = cookie;
    domain->count++;
    if (old)
        aiohttp__cookie_store_remove(store, old);
    cookie->in_all = store->count;
    store->all[store->count++] = cookie;
    use_add(store, cookie);
    if (facts->has_end)
        heap_up(store, store->ending++, cookie);
    keep_limits(store, limits, domain);
    return 0;
}
