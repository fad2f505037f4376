/* SPDX-License-Identifier: MIT */
/* Names to addresses and back, for the floor's own calls and for asyncio_loop_getaddrinfo.
 *
 * MODEL      A look-up (names.c) runs on a small pool of threads of its own, so that slow name
 *            servers and thread jobs do not wait for one another; in the sim backend as a job of
 *            it, with the backend's own table. Who asks for what is being looked up already joins
 *            that look-up. Answers are kept for a while (names_cache.c).
 * OWNERSHIP  A look-up owns copies of all it uses. Who waits for it can be cancelled and returns at
 *            once; when nobody waits any more it is forgotten: its result is dropped when it comes.
 *            An answer is counted and never changes.
 * DEADLINE   A look-up that has not come back in time is given up, queued or not: -ETIMEDOUT. Its
 *            thread comes back when the system lets it. */
#pragma once

#include "net/address.h"
#include "net/net.h"

#include <asyncio/names.h>

struct query {
    const char *host, *service;      /* NULL: none */
    int family, type, protocol, flags;
};

struct answer_item {
    int type, protocol;
    struct address address;
};

#define ANSWER_LIVES_UNKNOWN INT64_MAX

struct answer {
    unsigned refs;                   /* the loop's thread counts */
    size_t count;
    int64_t lives_ns;                /* so long it is true, where who answered has said so */
    char *canonical;                 /* NULL, or within the same block */
    struct answer_item items[];
};

static inline struct answer *answer_ref(struct answer *answer)
{
    answer->refs++;
    return answer;
}
void asyncio__answer_unref(struct answer *answer);   /* NULL allowed */

/* names_system.c: asks the system, in whatever thread this is. 0, -ENOMEM, -errno or
 * -ASYNCIO_RESOLVE, and *ret_gai is getaddrinfo's own word for it. */
int asyncio__names_ask(const struct query *query, struct answer **ret_answer, int *ret_gai);
int asyncio__names_ask_back(const struct sockaddr *address, socklen_t size, int flags,
                            asyncio_nameinfo *ret_info, int *ret_gai);
/* Of addresses that are known. */
struct answer *asyncio__answer_new(const struct query *query, const struct address *addresses,
                                   size_t count);

/* names.c: by the cache, a look-up under way or a new one. Suspends. */
int asyncio__names_look_up(struct net *net, const struct query *query, struct answer **ret_answer);
int asyncio__names_look_back(struct net *net, const struct sockaddr *address, socklen_t size,
                             int flags, asyncio_nameinfo *ret_info);
int asyncio__names_raise(int result, int gai, const char *host);

/* names_cares.c: an answer comes to asyncio__names_answered, perhaps before it returns. Closing it
 * answers all that is open. */
int asyncio__cares_ask(struct net *net, const struct query *query, void *lookup);
void asyncio__cares_close(struct names *names);
void asyncio__names_answered(void *lookup, int result, int gai, const struct address *addresses,
                             size_t count, int64_t lives_ns, bool is_closing);
extern const bool asyncio__have_cares;
extern const char *asyncio__cares_servers;   /* in place of those in resolv.conf, for tests */

/* names_cache.c: a reference, or NULL. */
struct answer *asyncio__names_cache_find(struct names *names, const struct query *query,
                                         int64_t now);
/* Keeps a reference, if there is memory. */
void asyncio__names_cache_add(struct names *names, const struct query *query,
                              struct answer *answer, int64_t now);
/* Drops what is beyond `size`, or all that is too old. */
void asyncio__names_cache_trim(struct names *names, size_t size);
bool asyncio__query_is_equal(const struct query *a, const struct query *b);
