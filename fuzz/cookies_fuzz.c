/* SPDX-License-Identifier: MIT */
/* A cookie jar: lines of a byte, which is the URL, and a Set-Cookie; then everything is asked for
 * each URL. What is sent has no control character; the jar's own order and limits hold. */
#include "client/cookie_jar.h"

#include <stdlib.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char memory[1 << 20];
static int64_t clock_now = 1700000000;

static int64_t now(void)
{
    return clock_now;
}

static void check(const aiohttp_cookie_jar *jar)
{
    const struct cookie_store *store = &jar->store;
    size_t count = 0;
    for (size_t i = 0; i < store->domain_count; i++) {
        struct cookie_domain *domain = store->domains[i];
        CHECK(domain->count > 0 && domain->count <= jar->limits.cookies_domain);
        CHECK(i == 0 || strcmp(store->domains[i - 1]->name, domain->name) < 0);
        count += domain->count;
    }
    CHECK(count == store->count && count <= jar->limits.cookies_jar);
    for (size_t i = 1; i < store->ending; i++)
        CHECK(store->heap[(i - 1) / 2]->expires <= store->heap[i]->expires);
    for (size_t i = 0; i < store->count; i++)
        CHECK(store->all[i]->in_all == i);
}

static void send(aiohttp_cookie_jar *jar, const aiohttp_url *url)
{
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__cookie_jar_write(jar, url, NULL, &out);
    CHECK(out.error == 0);
    for (size_t i = 0; i < out.size; i++)
        CHECK((unsigned char)out.data[i] >= ' ' && out.data[i] != 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const urls[] = { "http://a.org/", "https://a.org/x/y", "https://b.a.org/x",
                                        "http://127.0.0.1/", "http://co.uk/", "http://x.co.uk/" };
    aiohttp_limits limits = aiohttp_client_limits();
    limits.cookies_domain = 4;
    limits.cookies_jar = 8;
    aiohttp_cookie_jar *jar;
    aiohttp_url *made[sizeof urls / sizeof *urls];
    CHECK(aiohttp_cookie_jar_new(&jar, .unsafe = 1, .limits = &limits) == 0);
    aiohttp__cookie_jar_clock(jar, now);
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        CHECK(aiohttp_url_new(urls[i], &made[i]) == 0);
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t line = (end ? (size_t)(end - data) : size) - at;
        if (line > 0) {
            const aiohttp_url *url = made[data[at] % (sizeof urls / sizeof *urls)];
            struct span field = { (const char *)data + at + 1, line - 1 };
            clock_now += data[at] / 64;
            int r = aiohttp__cookie_jar_receive(jar, field, url);
            CHECK(r == 0 || r == 1);
            check(jar);
        }
        at += line + 1;
    }
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        send(jar, made[i]);
        check(jar);
        aiohttp_url_unref(made[i]);
    }
    clock_now += 400 * 86400;
    aiohttp_cookie_jar_clear_domain(jar, "a.org");
    check(jar);
    aiohttp_cookie_jar_unref(jar);
    return 0;
}
