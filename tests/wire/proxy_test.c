/* SPDX-License-Identifier: MIT */
/* The rules of no_proxy, the messages of SOCKS5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/proxy.h"

#include <aiohttp/error.h>
#include <errno.h>

static bool spares(const char *list, const char *host, int port)
{
    const char *copy = guarded(list, strlen(list));
    bool spared = aiohttp__no_proxy((struct span){ copy, strlen(list) }, span_of(host), port);
    guarded_free(copy, strlen(list));
    return spared;
}

static void names(void **state)
{
    (void)state;
    assert_true(spares("*", "any.org", 80));
    assert_false(spares("", "any.org", 80));
    assert_false(spares(" , ,", "any.org", 80));
    assert_true(spares("a.org", "a.org", 80));
    assert_true(spares("a.org", "x.a.org", 80));
    assert_true(spares(".a.org", "a.org", 80));
    assert_true(spares("*.a.org", "x.y.a.org", 80));
    assert_true(spares("A.ORG", "a.org", 80));
    assert_true(spares("a.org.", "a.org", 80));
    assert_true(spares("a.org", "a.org.", 80));
    assert_false(spares("a.org", "ba.org", 80));
    assert_false(spares("a.org", "org", 80));
    assert_false(spares("a.org", "a.org.evil", 80));
    assert_false(spares(".", "a.org", 80));
    assert_false(spares("*a.org", "ba.org", 80));
    assert_true(spares("x, localhost\tb.org,c", "b.org", 80));
    assert_true(spares("x,localhost b.org,c", "localhost", 80));
}

static void ports(void **state)
{
    (void)state;
    assert_true(spares("a.org:8080", "a.org", 8080));
    assert_false(spares("a.org:8080", "a.org", 80));
    assert_true(spares("[::1]:80", "::1", 80));
    assert_false(spares("[::1]:81", "::1", 80));
    assert_true(spares("[::1]", "::1", 80));
    assert_true(spares("::1", "::1", 80));
    assert_true(spares("10.0.0.1:80", "10.0.0.1", 80));
    assert_false(spares("a.org:99999", "a.org", 80));
    assert_false(spares("a.org:", "a.org", 80));
}

static void networks(void **state)
{
    (void)state;
    assert_true(spares("10.0.0.0/8", "10.200.3.4", 80));
    assert_false(spares("10.0.0.0/8", "11.0.0.1", 80));
    assert_true(spares("10.1.128.0/17", "10.1.255.1", 80));
    assert_false(spares("10.1.128.0/17", "10.1.127.1", 80));
    assert_true(spares("10.0.0.1/32", "10.0.0.1", 80));
    assert_false(spares("10.0.0.1/32", "10.0.0.2", 80));
    assert_true(spares("0.0.0.0/0", "1.2.3.4", 80));
    assert_false(spares("0.0.0.0/0", "a.org", 80));
    assert_false(spares("0.0.0.0/0", "::1", 80));
    assert_true(spares("::/0", "::1", 80));
    assert_true(spares("fe80::/10", "febf::1", 80));
    assert_false(spares("fe80::/10", "fec0::1", 80));
    assert_true(spares("10.0.0.1", "::ffff:10.0.0.1", 80));
    assert_true(spares("10.0.0.0/8", "::ffff:10.0.0.1", 80));
    assert_true(spares("2001:DB8:0:0::1", "2001:db8::1", 80));
    /* what is no network is none */
    assert_false(spares("10.0.0.0/33", "10.0.0.1", 80));
    assert_false(spares("10.0.0.0/", "10.0.0.1", 80));
    assert_false(spares("10.0.0/8", "10.0.0.1", 80));
    assert_false(spares("10.0.0.0/-1", "10.0.0.1", 80));
    assert_false(spares("/8", "10.0.0.1", 80));
    /* an address has nothing below it */
    assert_false(spares("0.0.1", "10.0.0.1", 80));
    assert_false(spares("1", "10.0.0.1", 80));
}

static void written(struct bytes *out, const char *expected, size_t size)
{
    assert_int_equal(out->error, 0);
    assert_int_equal(out->size, size);
    assert_memory_equal(out->data, expected, size);
    out->size = 0;
}

static void questions(void **state)
{
    (void)state;
    char memory[600], long_text[257];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__socks_greeting(&out, false);
    written(&out, "\5\1\0", 3);
    aiohttp__socks_greeting(&out, true);
    written(&out, "\5\2\0\2", 4);
    aiohttp__socks_user(&out, SPAN("me"), SPAN("pw!"));
    written(&out, "\1\2me\3pw!", 8);
    aiohttp__socks_user(&out, SPAN("me"), SPAN(""));
    written(&out, "\1\2me\0", 5);
    aiohttp__socks_request(&out, SPAN("1.2.3.4"), 80);
    written(&out, "\5\1\0\1\1\2\3\4\0\x50", 10);
    aiohttp__socks_request(&out, SPAN("2001:db8::ff"), 65535);
    written(&out, "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff", 22);
    aiohttp__socks_request(&out, SPAN("a.org"), 443);
    written(&out, "\5\1\0\3\5a.org\1\xbb", 12);
    memset(long_text, 'x', 256);
    aiohttp__socks_request(&out, (struct span){ long_text, 255 }, 1);
    assert_int_equal(out.error, 0);
    assert_int_equal(out.size, 5 + 255 + 2);
    struct {
        struct span host;
        int port;
    } wrong[] = { { { long_text, 256 }, 1 }, { SPAN(""), 1 }, { SPAN("a"), 0 },
                  { SPAN("a"), 65536 }, { { "a\0b", 3 }, 80 } };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        out = bytes_in(memory, sizeof memory);
        aiohttp__socks_request(&out, wrong[i].host, wrong[i].port);
        assert_int_equal(out.error, -EINVAL);
        assert_int_equal(out.size, 0);
    }
    out = bytes_in(memory, sizeof memory);
    aiohttp__socks_user(&out, SPAN(""), SPAN("x"));
    assert_int_equal(out.error, -EINVAL);
    out = bytes_in(memory, sizeof memory);
    aiohttp__socks_user(&out, (struct span){ long_text, 256 }, SPAN("x"));
    assert_int_equal(out.error, -EINVAL);
}

typedef int reader(struct span text);

/* The same at every split: 0 until all of it is there, then its size; what follows is not looked
 * at. An error comes no later than with the whole. */
static void answers(reader *read, const char *text, size_t size, int expected)
{
    for (size_t have = 0; have < size; have++) {
        const char *copy = guarded(text, have);
        int r = read((struct span){ copy, have });
        guarded_free(copy, have);
        assert_true(r == 0 || (expected < 0 && r == expected));
    }
    assert_int_equal(read((struct span){ text, size }), expected);
}

static bool wants_user;

static int method(struct span text)
{
    return aiohttp__socks_method(text, true, &wants_user);
}

static int method_without(struct span text)
{
    return aiohttp__socks_method(text, false, &wants_user);
}

static void answers_to_them(void **state)
{
    (void)state;
    answers(method, "\5\2", 2, 2);
    assert_true(wants_user);
    answers(method_without, "\5\0", 2, 2);
    assert_false(wants_user);
    answers(method_without, "\5\2", 2, -AIOHTTP_SOCKS_PROTOCOL);
    answers(method, "\5\1", 2, -AIOHTTP_SOCKS_PROTOCOL);
    answers(method, "\5\xff", 2, -AIOHTTP_SOCKS_NO_METHOD);
    answers(method, "HTTP", 1, -AIOHTTP_SOCKS_PROTOCOL);
    answers(aiohttp__socks_user_answer, "\1\0", 2, 2);
    answers(aiohttp__socks_user_answer, "\1\1", 2, -AIOHTTP_SOCKS_AUTH);
    answers(aiohttp__socks_user_answer, "\5\0", 1, -AIOHTTP_SOCKS_PROTOCOL);
    answers(aiohttp__socks_reply, "\5\0\0\1\1\2\3\4\0\x50", 10, 10);
    answers(aiohttp__socks_reply, "\5\0\0\3\4name\0\x50", 11, 11);
    answers(aiohttp__socks_reply, "\5\0\0\3\0\0\x50", 7, 7);
    answers(aiohttp__socks_reply, "\5\0\0\4aaaabbbbccccdddd\0\x50", 22, 22);
    static const int errors[] = { -AIOHTTP_SOCKS_FAILURE, -AIOHTTP_SOCKS_NOT_ALLOWED,
                                  -AIOHTTP_SOCKS_NETWORK_UNREACHABLE,
                                  -AIOHTTP_SOCKS_HOST_UNREACHABLE, -AIOHTTP_SOCKS_REFUSED,
                                  -AIOHTTP_SOCKS_TTL_EXPIRED, -AIOHTTP_SOCKS_COMMAND,
                                  -AIOHTTP_SOCKS_ADDRESS, -AIOHTTP_SOCKS_PROTOCOL };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        const char text[] = { 5, (char)(i + 1), 0, 1, 0, 0, 0, 0, 0, 0 };
        answers(aiohttp__socks_reply, text, sizeof text, errors[i]);
    }
    answers(aiohttp__socks_reply, "\5\xff\0\1\0\0\0\0\0\0", 10, -AIOHTTP_SOCKS_PROTOCOL);
    answers(aiohttp__socks_reply, "\5\0\1\1\1\2\3\4\0\x50", 10, -AIOHTTP_SOCKS_PROTOCOL);
    answers(aiohttp__socks_reply, "\5\0\0\2\1\2\3\4\0\x50", 10, -AIOHTTP_SOCKS_PROTOCOL);
    answers(aiohttp__socks_reply, "\4\x5a", 2, -AIOHTTP_SOCKS_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(ports),
        cmocka_unit_test(networks),
        cmocka_unit_test(questions),
        cmocka_unit_test(answers_to_them),
    };
    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
