/* SPDX-License-Identifier: MIT */
/* Names of hosts: to addresses and back.
 *
 * MODEL      The system's resolver (getaddrinfo, getnameinfo) asked by a small pool of threads of
 *            its own, so that slow name servers and thread jobs do not wait for one another.
 *            Literal addresses are answered at once. Tasks that want the same at the same time
 *            share one look-up.
 * C-ARES     Where the library was built with it, ASYNCIO_RESOLVER=c-ares in the environment has
 *            c-ares ask the name servers, in the loop's own thread, for whatever has a kind of
 *            socket and no canonical name. It knows resolv.conf and /etc/hosts, and nothing of
 *            nsswitch.conf: so it is not the default.
 * CANCEL     A cancelled call returns at once; the answer is dropped when it comes.
 * DEADLINE   A look-up has 30 seconds, those it waits for a thread included; then it is -ETIMEDOUT.
 * CACHE      What was found is kept for 10 seconds, up to 1000 names, in each loop; by c-ares, no
 *            longer than the name server says that it is true. What was not found is not kept.
 *            asyncio_loop_set_resolver changes or switches it off.
 * ERRORS     -ASYNCIO_RESOLVE, Python's gaierror; its record has the resolver's own words.
 * SOURCE     CPython's Lib/asyncio/base_events.py (getaddrinfo, getnameinfo); getaddrinfo(3). */
#pragma once

#include <asyncio/loop.h>
#include <netdb.h>
#include <sys/socket.h>

ASYNCIO__BEGIN

struct addrinfo; /* which <netdb.h> hides from strict C */

typedef struct asyncio_loop_getaddrinfo_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_loop_getaddrinfo_options));
    int family ASYNCIO__0;            /* AF_INET, AF_INET6, 0: any */
    int type ASYNCIO__0;              /* SOCK_STREAM, ..., 0: any */
    int proto ASYNCIO__0;
    int flags ASYNCIO__0;             /* AI_... */
    int only_cached ASYNCIO__0;       /* what is known by now, without suspending; else -EAGAIN */
} asyncio_loop_getaddrinfo_options;

/* The addresses of `host` (NULL: this host) and `port`, a number or the name of a service (NULL:
 * none), as getaddrinfo(3) gives them. ret_infos returns new, for asyncio_freeaddrinfo and not for
 * libc's freeaddrinfo. -ASYNCIO_RESOLVE, -EAGAIN (`.only_cached`), -ETIMEDOUT, -ECANCELED,
 * -ENOMEM, -EINVAL (neither host nor port); -ASYNCIO_OTHER_LOOP: `loop` is not the running task's.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_getaddrinfo(
    asyncio_loop *loop, const char *host, const char *port, struct addrinfo **ret_infos,
    const asyncio_loop_getaddrinfo_options *options);
#define asyncio_loop_getaddrinfo(...) asyncio__loop_getaddrinfo_m(__VA_ARGS__, )
#define asyncio__loop_getaddrinfo_m(loop, host, port, ret_infos, ...)                              \
    asyncio__loop_getaddrinfo_v(                                                                   \
        loop, host, port, ret_infos,                                                               \
        ASYNCIO__OPTIONS(asyncio_loop_getaddrinfo_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_getaddrinfo_v(
    asyncio_loop *loop, const char *host, const char *port, struct addrinfo **ret_infos,
    asyncio_loop_getaddrinfo_options options)
{
    return (asyncio_loop_getaddrinfo)(loop, host, port, ret_infos, &options);
}

/* Frees what asyncio_loop_getaddrinfo has given. NULL allowed. Any thread; does not suspend. */
ASYNCIO_API void asyncio_freeaddrinfo(struct addrinfo *infos);

/* Python's tuple of host and port. */
typedef struct asyncio_nameinfo {
    char host[1025];                  /* NI_MAXHOST */
    char port[32];                    /* NI_MAXSERV */
} asyncio_nameinfo;

typedef struct asyncio_loop_getnameinfo_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_loop_getnameinfo_options));
    int flags ASYNCIO__0;             /* NI_... */
} asyncio_loop_getnameinfo_options;

/* The names of an address and its port, as getnameinfo(3) gives them, in *ret_info. With
 * NI_NUMERICHOST and NI_NUMERICSERV at once. -ASYNCIO_RESOLVE, -ETIMEDOUT, -ECANCELED, -ENOMEM,
 * -EINVAL (no address has that length), -ASYNCIO_OTHER_LOOP. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_getnameinfo(
    asyncio_loop *loop, const struct sockaddr *address, socklen_t size, asyncio_nameinfo *ret_info,
    const asyncio_loop_getnameinfo_options *options);
#define asyncio_loop_getnameinfo(...) asyncio__loop_getnameinfo_m(__VA_ARGS__, )
#define asyncio__loop_getnameinfo_m(loop, address, size, ret_info, ...)                            \
    asyncio__loop_getnameinfo_v(                                                                   \
        loop, address, size, ret_info,                                                             \
        ASYNCIO__OPTIONS(asyncio_loop_getnameinfo_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_getnameinfo_v(
    asyncio_loop *loop, const struct sockaddr *address, socklen_t size, asyncio_nameinfo *ret_info,
    asyncio_loop_getnameinfo_options options)
{
    return (asyncio_loop_getnameinfo)(loop, address, size, ret_info, &options);
}

#define ASYNCIO__DEFAULT_NAMES_TIMEOUT 30.0
#define ASYNCIO__DEFAULT_NAMES_CACHE_SIZE 1000
#define ASYNCIO__DEFAULT_NAMES_CACHE_TTL 10.0

typedef struct asyncio_loop_set_resolver_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_loop_set_resolver_options));
    /* seconds, of a look-up; ASYNCIO_NONE: no limit */
    double timeout ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_NAMES_TIMEOUT);
    /* names that are kept; 0: none, the cache is off */
    size_t cache_size ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_NAMES_CACHE_SIZE);
    double cache_ttl ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_NAMES_CACHE_TTL); /* seconds */
} asyncio_loop_set_resolver_options;

/* How names are looked up in this loop from now on, also those of connections and servers. What is
 * not named has its default again. -EINVAL (NaN, a negative time to live), -ENOMEM. Does not
 * suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_set_resolver(
    asyncio_loop *loop, const asyncio_loop_set_resolver_options *options);
#define asyncio_loop_set_resolver(...) asyncio__loop_set_resolver_m(__VA_ARGS__, )
#define asyncio__loop_set_resolver_m(loop, ...)                                                    \
    asyncio__loop_set_resolver_v(                                                                  \
        loop, ASYNCIO__OPTIONS(asyncio_loop_set_resolver_options,                                  \
                               (.timeout = ASYNCIO__DEFAULT_NAMES_TIMEOUT,                         \
                                .cache_size = ASYNCIO__DEFAULT_NAMES_CACHE_SIZE,                   \
                                .cache_ttl = ASYNCIO__DEFAULT_NAMES_CACHE_TTL, ),                  \
                               __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_set_resolver_v(
    asyncio_loop *loop, asyncio_loop_set_resolver_options options)
{
    return (asyncio_loop_set_resolver)(loop, &options);
}

ASYNCIO__END
