/* SPDX-License-Identifier: MIT */
/* asyncio_loop_getaddrinfo and its like: the look-ups of names.h, in the form of netdb.h. */
#include "base/alloc.h"
#include "net/names.h"

#include <errno.h>
#include <string.h>

/* One block: the structs, then the addresses, then the canonical name. */
static struct addrinfo *list_of(const struct answer *answer)
{
    size_t count = answer->count, text = answer->canonical ? strlen(answer->canonical) + 1 : 0;
    struct addrinfo *infos = asyncio__calloc(
        1, count * (sizeof *infos + sizeof(struct sockaddr_storage)) + text);
    if (!infos)
        return NULL;
    struct sockaddr_storage *names = (struct sockaddr_storage *)(void *)(infos + count);
    for (size_t i = 0; i < count; i++) {
        const struct answer_item *item = &answer->items[i];
        names[i] = item->address.name;
        infos[i] = (struct addrinfo){ .ai_family = item->address.name.ss_family,
                                      .ai_socktype = item->type,
                                      .ai_protocol = item->protocol,
                                      .ai_addrlen = item->address.size,
                                      .ai_addr = (struct sockaddr *)&names[i],
                                      .ai_next = i + 1 < count ? &infos[i + 1] : NULL };
    }
    if (text)
        infos->ai_canonname = memcpy(names + count, answer->canonical, text);
    return infos;
}

static bool is_number(const char *text)
{
    return !text || (*text && strspn(text, "0123456789") == strlen(text));
}

static bool is_literal(const char *host)
{
    struct address address;
    bool is_one;
    (void)asyncio__address_parse(host, 0, 0, &address, &is_one);
    return is_one;
}

/* What nobody has to be asked for. The names of services are in a file, which is a look-up too. */
static bool is_known(const struct query *query)
{
    return is_number(query->service) && (!query->host || is_literal(query->host));
}

static int look_up(struct net *net, struct query *query, bool only_cached,
                   struct answer **ret_answer)
{
    if (!is_known(query)) {
        if (!only_cached)
            return asyncio__names_look_up(net, query, ret_answer);
        *ret_answer =
            asyncio__names_cache_find(&net->names, query, asyncio__loop_now(net->loop));
        return *ret_answer ? 0 : -EAGAIN;
    }
    int gai;
    query->flags |= AI_NUMERICHOST;
    int r = asyncio__names_ask(query, ret_answer, &gai);
    return r < 0 ? asyncio__names_raise(r, gai, query->host ? query->host : "this host") : r;
}

int(asyncio_loop_getaddrinfo)(asyncio_loop *loop, const char *host, const char *port,
                              struct addrinfo **ret_infos,
                              const asyncio_loop_getaddrinfo_options *options)
{
    net_check_scopes(NET_CALLER());
    struct query query = { .host = host && *host ? host : NULL, .service = port };
    if (options) {
        query.family = options->family;
        query.type = options->type;
        query.protocol = options->proto;
        query.flags = options->flags;
    }
    struct net *net = NULL;
    int r = asyncio__net_of_running(loop, &net);
    if (r < 0)
        return r;
    if (!query.host && !port)
        return asyncio_raise(-EINVAL, "neither a host nor a port");
    struct answer *answer = NULL;
    r = look_up(net, &query, options && options->only_cached, &answer);
    if (r < 0)
        return r;
    struct addrinfo *infos = answer->count ? list_of(answer) : NULL;
    r = infos ? 0 : answer->count ? -ENOMEM : asyncio__names_raise(-ASYNCIO_RESOLVE, 0, host);
    asyncio__answer_unref(answer);
    if (r >= 0)
        *ret_infos = infos;
    return r;
}

void asyncio_freeaddrinfo(struct addrinfo *infos)
{
    asyncio__free(infos);
}

int(asyncio_loop_getnameinfo)(asyncio_loop *loop, const struct sockaddr *address, socklen_t size,
                              asyncio_nameinfo *ret_info,
                              const asyncio_loop_getnameinfo_options *options)
{
    net_check_scopes(NET_CALLER());
    int flags = options ? options->flags : 0, gai;
    struct net *net = NULL;
    int r = asyncio__net_of_running(loop, &net);
    if (r < 0)
        return r;
    if (size < sizeof address->sa_family || size > sizeof(struct sockaddr_storage))
        return asyncio_raise(-EINVAL, "an address has no %u bytes", (unsigned)size);
    if ((flags & (NI_NUMERICHOST | NI_NUMERICSERV)) != (NI_NUMERICHOST | NI_NUMERICSERV))
        return asyncio__names_look_back(net, address, size, flags, ret_info);
    asyncio_nameinfo info;
    r = asyncio__names_ask_back(address, size, flags, &info, &gai);
    if (r < 0)
        return asyncio__names_raise(r, gai, "an address");
    *ret_info = info;
    return 0;
}

int(asyncio_loop_set_resolver)(asyncio_loop *loop, const asyncio_loop_set_resolver_options *options)
{
    static const asyncio_loop_set_resolver_options defaults = {
        .size = sizeof defaults,
        .timeout = ASYNCIO__DEFAULT_NAMES_TIMEOUT,
        .cache_size = ASYNCIO__DEFAULT_NAMES_CACHE_SIZE,
        .cache_ttl = ASYNCIO__DEFAULT_NAMES_CACHE_TTL,
    };
    int r = asyncio__loop_check(loop);
    if (r < 0)
        return r;
    if (!options)
        options = &defaults;
    if (options->timeout != options->timeout || !(options->cache_ttl >= 0))
        return asyncio_raise(-EINVAL, "a resolver's times are seconds, not negative");
    struct net *net = asyncio__net(loop);
    if (!net)
        return -ENOMEM;
    struct names *names = &net->names;
    bool is_limited = options->timeout != ASYNCIO_NONE && options->timeout < 1e9;
    names->timeout_ns = !is_limited            ? -1
                        : options->timeout > 0 ? (int64_t)(options->timeout * 1e9)
                                               : 0;
    names->cache_ns = options->cache_ttl < 1e9 ? (int64_t)(options->cache_ttl * 1e9)
                                               : INT64_MAX / 4;
    names->cache_size = options->cache_size;
    asyncio__names_cache_trim(names, names->cache_size);
    return 0;
}
