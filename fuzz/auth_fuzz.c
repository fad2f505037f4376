/* SPDX-License-Identifier: MIT */
/* What a client reads to know who it is and how to get there: challenges, netrc, no_proxy, SOCKS
 * answers, and what a proxy answers to CONNECT. The first byte says which; the rest is the text, in
 * memory of its own size. Answers come in every split with the same result. */
#include "client/digest.h"
#include "wire/head.h"
#include "wire/netrc.h"
#include "wire/proxy.h"

#include <stdlib.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            __builtin_trap();                                                                      \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char memory[1 << 16];

static void challenges(struct span text)
{
    struct challenge challenge;
    struct parameter parameter;
    int r;
    for (size_t at = 0, before = 0; (r = aiohttp__challenge_next(text, &at, &challenge)) > 0;
         before = at) {
        CHECK(at > before && at <= text.size && challenge.scheme.size > 0);
        CHECK(challenge.token.size == 0 || challenge.parameters.size == 0);
        if (aiohttp__challenge_parameter(&challenge, SPAN("nonce"), &parameter))
            CHECK(parameter.value.size < challenge.parameters.size);
    }
}

/* A whole digest: what is learnt of it is answered, and the answer has no control character. */
static void digests(struct span text)
{
    struct digest digest = { .count = 0 };
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp_url *url;
    aiohttp_headers *headers = aiohttp_headers_new();
    char *field = malloc(text.size + 1);
    CHECK(headers && field && aiohttp_url_new("http://h.org/p?q", &url) == 0);
    memcpy(field, text.data, text.size);
    field[text.size] = '\0';
    if (aiohttp_headers_add(headers, "WWW-Authenticate", field) == 0 &&
        aiohttp__digest_learn(&digest, headers, "WWW-Authenticate", url, false) == 1) {
        struct digest_request request = { .user = "user \"x\"", .password = "p", .method = "GET",
                                          .url = url, .body = SPAN("body") };
        (void)aiohttp__digest_covers(&digest, url);
        CHECK(aiohttp__digest_write(&digest, &request, &out) == 0);
        for (size_t i = 0; i < out.size; i++)
            CHECK((unsigned char)out.data[i] >= ' ' || out.data[i] == '\t');
    }
    aiohttp__digest_fini(&digest);
    aiohttp_headers_unref(headers);
    aiohttp_url_unref(url);
    free(field);
}

static void netrcs(struct span text)
{
    struct netrc netrc;
    struct bytes out = bytes_in(memory, sizeof memory);
    int r = aiohttp__netrc_read(&out, text, SPAN("h"), &netrc);
    CHECK(r <= 1 && netrc.line >= 1 && out.size <= text.size);
    if (r == 1)
        CHECK(netrc.login.size + netrc.password.size <= text.size);
}

static void rules(struct span text)
{
    static const char *const hosts[] = { "a.org", "10.0.0.1", "::1", "" };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        (void)aiohttp__no_proxy(text, span_of(hosts[i]), 80);
}

typedef int reader(struct span text);

static int method(struct span text)
{
    bool wants_user;
    return aiohttp__socks_method(text, true, &wants_user);
}

static void answer(reader *read, struct span text)
{
    int whole = read(text);
    CHECK(whole <= (int)text.size && whole <= SOCKS_ANSWER_MOST);
    for (size_t have = 0; have < text.size && have < 300; have++) {
        int r = read((struct span){ text.data, have });
        CHECK(r == 0 || r == whole);
        CHECK(whole <= 0 || r == (have < (size_t)whole ? 0 : whole));
    }
}

static void socks(struct span text)
{
    answer(method, text);
    answer(aiohttp__socks_user_answer, text);
    answer(aiohttp__socks_reply, text);
}

static int connected(struct span text, struct head_field *fields, struct head *head)
{
    static const aiohttp_limits *limits;
    static aiohttp_limits values;
    if (!limits) {
        values = aiohttp_client_limits();
        limits = &values;
    }
    aiohttp__head_begin(head, HEAD_RESPONSE, limits, 0, fields, 128);
    aiohttp__head_answers(head, METHOD_CONNECT);
    return aiohttp__head_parse(head, text.data, text.size);
}

static void proxies(struct span text)
{
    static struct head_field fields[128];
    struct head head;
    int r = connected(text, fields, &head);
    CHECK(r <= (int)text.size);
    if (r > 0) {
        CHECK(head.status_code >= 100 && head.status_code <= 999);
        CHECK(head.status_code / 100 != 2 || head.body == BODY_NONE);
        CHECK(connected((struct span){ text.data, (size_t)r }, fields, &head) == r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(struct span) = { challenges, digests, netrcs,
                                                  rules,      socks,   proxies };
    if (size == 0 || size > 8192)
        return 0;
    char *copy = malloc(size - 1 ? size - 1 : 1);
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    parts[data[0] % (sizeof parts / sizeof *parts)]((struct span){ copy, size - 1 });
    free(copy);
    return 0;
}
