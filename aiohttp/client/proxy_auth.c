/* SPDX-License-Identifier: MIT */
/* Who we are, for proxies: Basic, and Digest where a proxy has asked for it. See WHO in proxies.h.
 *
 * MODEL      A connector has a list of the proxies that have asked for Digest, each with what it
 *            has asked last: the one that did so first is forgotten first. Users of one proxy are
 *            proxies of their own, since the user belongs to the URL. */
#include "client/pool.h"
#include "client/proxies.h"

#include <asyncio/alloc.h>
#include <errno.h>

struct proxy_auth {
    struct proxy_auth *next;
    aiohttp_url *proxy; /* a reference */
    struct digest digest;
};

static void auth_free(struct proxy_auth *auth)
{
    aiohttp__digest_fini(&auth->digest);
    aiohttp_url_unref(auth->proxy);
    asyncio_mem_free(auth);
}

void aiohttp__proxy_auths_free(struct proxy_auth *first)
{
    while (first) {
        struct proxy_auth *next = first->next;
        auth_free(first);
        first = next;
    }
}

static struct proxy_auth *find(struct aiohttp_connector *connector, const aiohttp_url *proxy)
{
    struct proxy_auth *at = connector->proxy_auths;
    while (at && at->proxy != proxy && !aiohttp_url_eq(at->proxy, proxy))
        at = at->next;
    return at;
}

/* In front of the others, the last of which goes when there are too many. */
static struct proxy_auth *add(struct aiohttp_connector *connector, const aiohttp_url *proxy)
{
    struct proxy_auth *made = asyncio_mem_calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->proxy = aiohttp_url_ref((aiohttp_url *)(uintptr_t)proxy);
    made->next = connector->proxy_auths;
    connector->proxy_auths = made;
    struct proxy_auth **at = &made->next;
    for (int i = 1; i < AUTHS_MOST && *at; i++)
        at = &(*at)->next;
    if (*at) {
        auth_free(*at);
        *at = NULL;
    }
    return made;
}

int aiohttp__proxy_authorize(struct aiohttp_connector *connector, const aiohttp_url *proxy,
                             const char *method, const char *target, struct span body,
                             struct bytes *out)
{
    struct proxy_auth *auth = find(connector, proxy);
    const char *user = aiohttp_url_user(proxy), *password = aiohttp_url_password(proxy);
    if (!auth && connector->options.proxy_digest)
        return 0;
    if (!auth) {
        aiohttp__url_authorization(out, proxy);
        return out->error;
    }
    struct digest_request ask = { .user = user ? user : "",
                                  .password = password ? password : "",
                                  .method = method,
                                  .url = proxy,
                                  .target = target,
                                  .body = body };
    int r = aiohttp__digest_write(&auth->digest, &ask, out);
    return r < 0 ? r : out->error;
}

int aiohttp__proxy_challenged(struct aiohttp_connector *connector, const aiohttp_url *proxy,
                              const aiohttp_headers *headers, int answers)
{
    if ((!aiohttp_url_user(proxy) && !aiohttp_url_password(proxy)) || answers >= PROXY_ANSWERS_MOST)
        return 0;
    struct digest learnt = { .origin = NULL };
    struct proxy_auth *auth = find(connector, proxy);
    /* A nonce of a proxy that has begun anew meanwhile is not said to be stale: the first refusal
     * is not the password's. */
    int r = aiohttp__digest_learn(auth ? &auth->digest : &learnt, headers, "Proxy-Authenticate",
                                  proxy, answers > 0);
    if (r > 0 && !auth) {
        auth = add(connector, proxy);
        if (auth)
            auth->digest = learnt;
        else
            r = -ENOMEM;
    }
    if (r < 0 && !auth)
        aiohttp__digest_fini(&learnt);
    return r == -EACCES || r == -ENOTSUP || r == -EINVAL ? 0 : r;
}
