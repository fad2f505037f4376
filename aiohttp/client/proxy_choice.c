/* SPDX-License-Identifier: MIT */
/* Which proxy the environment names: see proxies.h. */
#include "client/proxies.h"

#include "base/error.h"
#include "wire/basic.h"

#include <asyncio/alloc.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { HTTP_PORT = 80, HTTPS_PORT = 443, SOCKS_PORT = 1080 };

enum proxy_kind aiohttp__proxy_kind(const aiohttp_url *proxy)
{
    static const struct {
        const char *scheme;
        enum proxy_kind kind;
    } kinds[] = { { "http", PROXY_HTTP },
                  { "https", PROXY_HTTPS },
                  { "socks5", PROXY_SOCKS5 },
                  { "socks5h", PROXY_SOCKS5H } };
    const char *scheme = aiohttp_url_scheme(proxy);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(scheme, kinds[i].scheme) == 0)
            return kinds[i].kind;
    return PROXY_NONE;
}

bool aiohttp__is_proxy(const aiohttp_url *proxy)
{
    return aiohttp__proxy_kind(proxy) != PROXY_NONE && aiohttp_url_raw_host(proxy);
}

int aiohttp__proxy_port(const aiohttp_url *proxy)
{
    int port = aiohttp_url_explicit_port(proxy);
    enum proxy_kind kind = aiohttp__proxy_kind(proxy);
    return port >= 0           ? port :
           kind == PROXY_HTTP  ? HTTP_PORT :
           kind == PROXY_HTTPS ? HTTPS_PORT :
                                 SOCKS_PORT;
}

/* A variable's value: the lower case name's, if it is there at all, or the upper case one's. "" is
 * none. A CGI program gets the field Proxy of whoever asks it as HTTP_PROXY, so that is left
 * alone (CVE-2016-1000110, "httpoxy"). */
static const char *variable(const char *lower)
{
    char upper[16];
    const char *value = getenv(lower);
    if (value)
        return *value ? value : NULL;
    size_t i = 0;
    for (; lower[i] && i + 1 < sizeof upper; i++)
        upper[i] = lower[i] >= 'a' && lower[i] <= 'z' ? (char)(lower[i] - 32) : lower[i];
    upper[i] = '\0';
    if (strcmp(upper, "HTTP_PROXY") == 0 && getenv("REQUEST_METHOD"))
        return NULL;
    value = getenv(upper);
    return value && *value ? value : NULL;
}

/* The variables that are asked for a scheme, the first that is set counts; NULL: none. */
static const char *value_for(const char *scheme, const char **ret_name)
{
    static const struct {
        const char *scheme, *names[4];
    } rules[] = { { "http", { "http_proxy", "all_proxy" } },
                  { "https", { "https_proxy", "all_proxy" } },
                  { "ws", { "ws_proxy", "http_proxy", "all_proxy" } },
                  { "wss", { "wss_proxy", "https_proxy", "all_proxy" } } };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(scheme, rules[i].scheme) != 0)
            continue;
        for (size_t n = 0; rules[i].names[n]; n++) {
            const char *value = variable(rules[i].names[n]);
            *ret_name = rules[i].names[n];
            if (value || getenv(rules[i].names[n])) /* set, and empty: none is wanted */
                return value;
        }
    }
    return NULL;
}

/* `value` as a proxy's URL. Its text may have a password: it goes into no message. */
static int url_of(const char *name, const char *value, aiohttp_url **ret_proxy)
{
    aiohttp_url *proxy;
    char *text = NULL;
    if (!strstr(value, "://")) {
        size_t room = strlen(value) + sizeof "http://";
        text = asyncio_mem_malloc(room);
        if (!text)
            return -ENOMEM;
        snprintf(text, room, "http://%s", value);
    }
    int r = aiohttp_url_new(text ? text : value, &proxy);
    asyncio_mem_free(text);
    if (r == -ENOMEM)
        return r;
    if (r >= 0 && !aiohttp__is_proxy(proxy)) {
        aiohttp_url_unref(proxy);
        r = -AIOHTTP_INVALID_URL;
    }
    if (r < 0)
        return asyncio_raise(-AIOHTTP_INVALID_URL,
                             "the variable %s is no http, https, socks5 or socks5h URL", name);
    *ret_proxy = proxy;
    return 1;
}

int aiohttp__proxy_of_environment(const aiohttp_url *url, aiohttp_url **ret_proxy)
{
    const char *host = aiohttp_url_raw_host(url), *name = NULL;
    aiohttp__errors_add();
    if (!host)
        return 0;
    const char *value = value_for(aiohttp_url_scheme(url), &name);
    if (!value)
        return 0;
    const char *none = variable("no_proxy");
    if (none && aiohttp__no_proxy(span_of(none), span_of(host), aiohttp_url_port(url)))
        return 0;
    return url_of(name, value, ret_proxy);
}

void aiohttp__url_authorization(struct bytes *out, const aiohttp_url *url)
{
    const char *user = aiohttp_url_user(url), *password = aiohttp_url_password(url);
    if (user || password)
        aiohttp__basic_write(out, span_of(user ? user : ""), span_of(password ? password : ""));
}
