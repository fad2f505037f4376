/* SPDX-License-Identifier: MIT */
/* What the system says of names: getaddrinfo and getnameinfo, and their answers in our form. They
 * wait: only threads call this, but for questions that nobody has to be asked. */
#include "base/alloc.h"
#include "net/names.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

void asyncio__answer_unref(struct answer *answer)
{
    if (answer && --answer->refs == 0)
        asyncio__free(answer);
}

static struct answer *make(size_t count, const char *canonical)
{
    size_t text = canonical ? strlen(canonical) + 1 : 0;
    size_t items = count * sizeof(struct answer_item);
    struct answer *answer = asyncio__malloc(sizeof *answer + items + text);
    if (!answer)
        return NULL;
    *answer = (struct answer){ .refs = 1, .lives_ns = ANSWER_LIVES_UNKNOWN };
    if (canonical)
        answer->canonical = memcpy((char *)answer + sizeof *answer + items, canonical, text);
    return answer;
}

static int translate(const struct addrinfo *infos, struct answer **ret_answer)
{
    size_t count = 0;
    for (const struct addrinfo *info = infos; info; info = info->ai_next)
        count++;
    struct answer *answer = make(count, infos->ai_canonname);
    if (!answer)
        return -ENOMEM;
    for (const struct addrinfo *info = infos; info; info = info->ai_next) {
        struct answer_item *item = &answer->items[answer->count];
        if (info->ai_addrlen > sizeof item->address.name)
            continue;
        *item = (struct answer_item){ .type = info->ai_socktype, .protocol = info->ai_protocol };
        memcpy(&item->address.name, info->ai_addr, info->ai_addrlen);
        item->address.size = info->ai_addrlen;
        answer->count++;
    }
    *ret_answer = answer;
    return 0;
}

static int result_of(int gai)
{
    if (gai == EAI_MEMORY)
        return -ENOMEM;
    return gai == EAI_SYSTEM && errno > 0 && errno != ECANCELED ? -errno : -ASYNCIO_RESOLVE;
}

int asyncio__names_ask(const struct query *query, struct answer **ret_answer, int *ret_gai)
{
    struct addrinfo hints = { .ai_family = query->family,
                              .ai_socktype = query->type,
                              .ai_protocol = query->protocol,
                              .ai_flags = query->flags };
    struct addrinfo *infos = NULL;
    int r = getaddrinfo(query->host, query->service, &hints, &infos);
    *ret_gai = r;
    if (r != 0)
        return result_of(r);
    r = infos ? translate(infos, ret_answer) : -ASYNCIO_RESOLVE;
    if (infos)
        freeaddrinfo(infos);
    return r;
}

int asyncio__names_ask_back(const struct sockaddr *address, socklen_t size, int flags,
                            asyncio_nameinfo *ret_info, int *ret_gai)
{
    int r = getnameinfo(address, size, ret_info->host, sizeof ret_info->host, ret_info->port,
                        sizeof ret_info->port, flags);
    *ret_gai = r;
    return r == 0 ? 0 : result_of(r);
}

struct answer *asyncio__answer_new(const struct query *query, const struct address *addresses,
                                   size_t count)
{
    struct answer *answer = make(count, query->flags & AI_CANONNAME ? query->host : NULL);
    if (!answer)
        return NULL;
    for (size_t i = 0; i < count; i++)
        answer->items[answer->count++] = (struct answer_item){
            .type = query->type ? query->type : SOCK_STREAM,
            .protocol = query->protocol ? query->protocol
                        : query->type == SOCK_DGRAM ? IPPROTO_UDP
                                                    : IPPROTO_TCP,
            .address = addresses[i],
        };
    return answer;
}
