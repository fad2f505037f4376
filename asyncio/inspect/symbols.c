/* SPDX-License-Identifier: MIT */
/* The memory of symbols: see symbols.h. A hash of what was found, by address; it grows with the
 * number of places in the code that were asked for. When an object was unloaded, its addresses may
 * mean something else: then all is looked up anew, and what was lent stays. */
#include "inspect/symbols.h"

#include "base/alloc.h"
#include "base/background.h"
#include "inspect/spoken.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { BUCKETS = 512, STACK = 1 << 20 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct symbol *buckets[BUCKETS];
static struct symbol *outdated; /* found before an object was unloaded */
static unsigned long long loads, unloads;

/* A fork while another thread searches would leave the lock taken for ever in the child. */
static void lock(void)
{
    (void)pthread_mutex_lock(&mutex);
}

static void unlock(void)
{
    (void)pthread_mutex_unlock(&mutex);
}

static void watch_forks(void)
{
    (void)pthread_atfork(lock, unlock, unlock);
}

static struct symbol **bucket_of(uintptr_t address)
{
    return &buckets[(address ^ (address >> 9)) % BUCKETS];
}

static struct symbol *recall(uintptr_t address)
{
    struct symbol *symbol = *bucket_of(address);
    while (symbol && symbol->address != address)
        symbol = symbol->next;
    return symbol;
}

static int count_objects(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    unsigned long long *counts = data;
    counts[0] = info->dlpi_adds;
    counts[1] = info->dlpi_subs;
    return 1;
}

static bool has_changed(unsigned long long *counts)
{
    (void)dl_iterate_phdr(count_objects, counts);
    return counts[0] != loads || counts[1] != unloads;
}

static void notice_changes(void)
{
    unsigned long long counts[2] = { 0, 0 };
    if (!has_changed(counts))
        return;
    bool has_unloaded = counts[1] != unloads;
    loads = counts[0];
    unloads = counts[1];
    asyncio__libdw_refresh();
    for (size_t i = 0; has_unloaded && i < BUCKETS; i++)
        while (buckets[i]) {
            struct symbol *symbol = buckets[i];
            buckets[i] = symbol->next;
            symbol->next = outdated;
            outdated = symbol;
        }
}

static const char *put(char **at, const char *text, size_t length)
{
    char *copy = memcpy(*at, text, length);
    copy[length] = 0;
    *at += length + 1;
    return copy;
}

static void keep(uintptr_t address, const char *object, const struct place *places, size_t count)
{
    size_t size =
        sizeof(struct symbol) + count * sizeof *places + (object ? strlen(object) + 1 : 0);
    for (size_t i = 0; i < count; i++)
        size += (places[i].function ? spoken_length(places[i].function) + 1 : 0) +
                (places[i].file ? strlen(places[i].file) + 1 : 0);
    struct symbol *symbol = asyncio__malloc(size);
    if (!symbol)
        return;
    *symbol = (struct symbol){ .address = address, .place_count = count };
    char *at = (char *)&symbol->places[count];
    if (object)
        symbol->object = put(&at, object, strlen(object));
    for (size_t i = 0; i < count; i++) {
        const struct place *place = &places[i];
        symbol->places[i] = (struct place){
            .function = place->function
                            ? put(&at, place->function, spoken_length(place->function))
                            : NULL,
            .file = place->file ? put(&at, place->file, strlen(place->file)) : NULL,
            .line = place->line,
        };
    }
    struct symbol **bucket = bucket_of(address);
    symbol->next = *bucket;
    *bucket = symbol;
}

static void search(uintptr_t address, bool may_use_libdw)
{
    struct place places[PLACES_MAX] = { 0 };
    const char *object = NULL;
    size_t count = may_use_libdw ? asyncio__libdw_places(address, places, &object) : 0;
    Dl_info info;
    bool is_known = (!object || !places[0].function) && dladdr((void *)address, &info) != 0;
    if (is_known && !object)
        object = info.dli_fname;
    if (is_known && !places[0].function)
        places[0].function = info.dli_sname;
    keep(address, object, places, count ? count : 1);
}

struct search {
    const uintptr_t *addresses;
    size_t count;
    bool may_use_libdw;
};

static void *search_all(void *argument)
{
    struct search *job = argument;
    if (job->may_use_libdw)
        asyncio__libdw_load(); /* first: that it is loaded is no change to notice later */
    notice_changes();
    for (size_t i = 0; i < job->count; i++)
        if (!recall(job->addresses[i]))
            search(job->addresses[i], job->may_use_libdw);
    return NULL;
}

/* In a thread with stack enough for libdw; without it, here, by dladdr. */
static void search_elsewhere(struct search *job)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int r = pthread_attr_init(&attributes);
    if (r == 0) {
        r = pthread_attr_setstacksize(&attributes, STACK);
        if (r == 0)
            r = asyncio__background_start(&thread, &attributes, search_all, job);
        (void)pthread_attr_destroy(&attributes);
    }
    if (r == 0) {
        (void)pthread_join(thread, NULL);
    } else {
        job->may_use_libdw = false;
        (void)search_all(job);
    }
}

void asyncio__symbols_find(const uintptr_t *addresses, size_t count,
                           const struct symbol **ret_symbols)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, watch_forks);
    lock();
    unsigned long long counts[2] = { 0, 0 };
    bool is_all_known = !has_changed(counts);
    for (size_t i = 0; i < count && is_all_known; i++)
        is_all_known = recall(addresses[i]) != NULL;
    if (!is_all_known) {
        struct search job = { addresses, count, true };
        search_elsewhere(&job);
    }
    for (size_t i = 0; i < count; i++)
        ret_symbols[i] = recall(addresses[i]);
    unlock();
}

static void drop(struct symbol **list)
{
    while (*list) {
        struct symbol *symbol = *list;
        *list = symbol->next;
        asyncio__free(symbol);
    }
}

void asyncio__symbols_forget(void)
{
    lock();
    for (size_t i = 0; i < BUCKETS; i++)
        drop(&buckets[i]);
    drop(&outdated);
    asyncio__libdw_refresh();
    loads = unloads = 0;
    unlock();
}
