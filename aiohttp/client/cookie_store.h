/* SPDX-License-Identifier: MIT */
/* Where a jar keeps its cookies: how they are found, how they end, which of them goes first.
 *
 * MODEL      Every cookie is in four places: in the list of its domain, in `all` (to iterate), in
 *            the list by use (to evict), and, when it has an end, in a heap by it. Domains are in
 *            an array sorted by name: nothing a peer chooses makes looking up slower than a binary
 *            search, and there are no more domains than cookies.
 * IDENTITY   Name, domain, host-only, path: a cookie that is set again takes the place of the one
 *            before and keeps its age.
 * INVARIANT  A domain has a cookie. Removing never allocates, and put changes nothing when there is
 *            no memory. */
#pragma once

#include "base/span.h"
#include "wire/cookie.h"

#include <aiohttp/cookie_jar.h>

struct cookie_domain {
    struct cookie *first; /* newest first */
    size_t count;
    char name[]; /* lower case; "" of those for all hosts */
};

struct cookie {
    aiohttp_cookie shown; /* first: what users see */
    struct cookie_domain *domain;
    struct cookie *next;           /* of the domain */
    struct cookie *older, *newer;  /* by use */
    size_t in_all, in_heap;        /* where; SIZE_MAX: not in the heap */
    uint64_t born, used;           /* order of creation, and of use */
    int64_t expires;               /* seconds since 1970, when it is in the heap */
    size_t path_size;
    char text[];
};

struct cookie_store {
    struct cookie **all, **heap; /* of one capacity; `heap` has `ending` */
    size_t count, ending, capacity;
    struct cookie_domain **domains; /* sorted by name */
    size_t domain_count, domain_capacity;
    struct cookie *oldest, *newest; /* by use */
    uint64_t births, uses;
};

/* What a cookie is made of; all of it is copied. */
struct cookie_facts {
    struct span name, value; /* value: as it is sent */
    struct span domain, path;
    bool is_host_only, is_secure, is_httponly, is_partitioned, has_end;
    enum same_site same_site;
    int64_t expires;
};

/* Adds or replaces. The limits hold when it returns, so the new one may be gone already. 0,
 * -ENOMEM. */
int aiohttp__cookie_store_put(struct cookie_store *store, const aiohttp_limits *limits,
                              const struct cookie_facts *facts);

/* The one with this identity, or NULL. */
struct cookie *aiohttp__cookie_store_find(const struct cookie_store *store,
                                          const struct cookie_facts *facts);

/* The domain of that name, or NULL. */
struct cookie_domain *aiohttp__cookie_store_domain(const struct cookie_store *store,
                                                   struct span name);

void aiohttp__cookie_store_remove(struct cookie_store *store, struct cookie *cookie);

/* It was sent: the last to be evicted. */
void aiohttp__cookie_store_touch(struct cookie_store *store, struct cookie *cookie);

/* Removes what has ended at `now`. */
void aiohttp__cookie_store_expire(struct cookie_store *store, int64_t now);

/* Removes all, and gives the memory back. */
void aiohttp__cookie_store_fini(struct cookie_store *store);
