/* SPDX-License-Identifier: MIT */
/* The cookie jar: which cookies it takes, which a request gets, how they end. */
/* TEST: backends none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/cookie_jar.h"

#include <errno.h>

static int64_t clock_now = 1700000000;

static int64_t now(void)
{
    return clock_now;
}

static aiohttp_url *url_of(const char *text)
{
    aiohttp_url *url;
    assert_int_equal(aiohttp_url_new(text, &url), 0);
    return url;
}

static aiohttp_cookie_jar *jar_of(const aiohttp_cookie_jar_options *options)
{
    aiohttp_cookie_jar *jar;
    int r = (aiohttp_cookie_jar_new)(&jar, options);
    assert_int_equal(r, 0);
    aiohttp__cookie_jar_clock(jar, now);
    return jar;
}

/* Sets what a response to `text` sets: 1 when it was taken. */
static int set(aiohttp_cookie_jar *jar, const char *text, const char *cookie)
{
    aiohttp_url *url = url_of(text);
    int r = aiohttp__cookie_jar_receive(jar, span_of(cookie), url);
    aiohttp_url_unref(url);
    assert_in_range(r, 0, 1);
    return r;
}

static void sends(aiohttp_cookie_jar *jar, const char *text, const char *expected)
{
    aiohttp_url *url = url_of(text);
    char memory[4096];
    struct bytes out = bytes_in(memory, sizeof memory - 1);
    aiohttp__cookie_jar_write(jar, url, NULL, &out);
    assert_int_equal(out.error, 0);
    memory[out.size] = '\0';
    assert_string_equal(memory, expected);
    aiohttp_url_unref(url);
}

static void host_only_and_domain(void **state)
{
    (void)state;
    aiohttp_cookie_jar *jar = jar_of(NULL);
    assert_int_equal(set(jar, "http://a.example.com/", "h=1"), 1);
    assert_int_equal(set(jar, "http://a.example.com/", "d=2; Domain=.Example.com"), 1);
    sends(jar, "http://a.example.com/", "h=1; d=2");
    sends(jar, "http://b.example.com/", "d=2");
    sends(jar, "http://x.a.example.com/", "d=2");
    sends(jar, "http://example.com/", "d=2");
    sends(jar, "http://example.org/", "");
    sends(jar, "http://badexample.com/", "");
    /* not its own */
    assert_int_equal(set(jar, "http://a.example.com/", "x=1; Domain=b.example.com"), 0);
    assert_int_equal(set(jar, "http://a.example.com/", "x=1; Domain=a.a.example.com"), 0);
    assert_int_equal(set(jar, "http://badexample.com/", "x=1; Domain=example.com"), 0);
    /* a dot at its end: as if there were none */
    assert_int_equal(set(jar, "http://a.example.com/", "t=1; Domain=example.com."), 1);
    sends(jar, "http://b.example.com/", "d=2");
    /* own domain, named: for all below it */
    assert_int_equal(set(jar, "http://example.org/", "o=1; Domain=example.org"), 1);
    sends(jar, "http://www.example.org/", "o=1");
    aiohttp_cookie_jar_unref(jar);
}

static void public_suffixes(void **state)
{
    (void)state;
    aiohttp_cookie_jar *jar = jar_of(NULL);
    assert_int_equal(set(jar, "http://a.com/", "x=1; Domain=com"), 0);
    assert_int_equal(set(jar, "http://localhost/", "x=1; Domain=localhost"), 1);
    sends(jar, "http://a.localhost/", "");
    sends(jar, "http://localhost/", "x=1");
    if (!aiohttp__is_public_suffix("co.uk")) {
        print_message("without libpsl\n");
    } else {
        assert_int_equal(set(jar, "http://shop.co.uk/", "x=1; Domain=co.uk"), 0);
        assert_int_equal(set(jar, "http://shop.co.uk/", "x=2; Domain=shop.co.uk"), 1);
        /* the suffix itself may have its own, and keeps it to itself */
        assert_int_equal(set(jar, "http://github.io/", "g=1; Domain=github.io"), 1);
        sends(jar, "http://github.io/", "g=1");
        sends(jar, "http://me.github.io/", "");
    }
    aiohttp_cookie_jar_unref(jar);
}

static void paths(void **state)
{
    (void)state;
    aiohttp_cookie_jar *jar = jar_of(NULL);
    set(jar, "http://h.org/a/b/c", "default=1");
    set(jar, "http://h.org/a/b/c", "root=2; Path=/");
    set(jar, "http://h.org/a/b/c", "other=3; Path=/x");
    set(jar, "http://h.org/a/b/c", "bad=4; Path=x");
    set(jar, "http://h.org/", "slash=5; Path=/a/");
    sends(jar, "http://h.org/a/b/d", "default=1; bad=4; slash=5; root=2");
    sends(jar, "http://h.org/a/b", "default=1; bad=4; slash=5; root=2");
    sends(jar, "http://h.org/a/bc", "slash=5; root=2");
    sends(jar, "http://h.org/a", "root=2");
    sends(jar, "http://h.org/x/y?a/b", "other=3; root=2");
    sends(jar, "http://h.org", "root=2");
    aiohttp_cookie_jar_unref(jar);
}

static void order_is_by_path_and_age(void **state)
{
    (void)state;
    aiohttp_cookie_jar *jar = jar_of(NULL);
    set(jar, "http://h.org/", "c=1");
    set(jar, "http://h.org/", "b=2");
    set(jar, "http://h.org/", "long=3; Path=/long");
    /* set again: keeps its age */
    set(jar, "http://h.org/", "c=4");
    sends(jar, "http://h.org/long", "long=3; c=4; b=2");
    assert_int_equal(aiohttp_cookie_jar_count(jar), 3);
    /* the same name at two paths are two */
    set(jar, "http://h.org/", "c=5; Path=/long");
    sends(jar, "http://h.org/long", "long=3; c=5; c=4; b=2");
    aiohttp_cookie_jar_unref(jar);
}

static void secure_ones(void **state)
{
    (void)state;
    const char *const origins[] = { "http://dev.org:8080/x", NULL };
    aiohttp_cookie_jar_options options = { .size = sizeof options, .quote_cookie = 1,
                                           .treat_as_secure_origin = origins };
    aiohttp_cookie_jar *jar = jar_of(&options);
    assert_int_equal(set(jar, "http://h.org/", "s=1; Secure"), 0);
    assert_int_equal(set(jar, "https://h.org/", "s=1; Secure; Domain=h.org"), 1);
    sends(jar, "http://h.org/", "");
    sends(jar, "https://h.org/", "s=1");
    sends(jar, "wss://h.org/", "s=1");
    sends(jar, "ws://h.org/", "");
    /* nothing from http hides it: same name, a path within its own */
    assert_int_equal(set(jar, "http://h.org/", "s=2"), 0);
    assert_int_equal(set(jar, "http://a.h.org/", "s=2"), 0);
    assert_int_equal(set(jar, "http://h.org/x/y", "s=2; Path=/x"), 0);
    assert_int_equal(set(jar, "http://h.org/", "t=2"), 1);
    assert_int_equal(set(jar, "https://h.org/", "s=3; Domain=h.org"), 1);
    sends(jar, "http://h.org/", "s=3; t=2");
    /* origins that are as good as https */
    assert_int_equal(set(jar, "http://dev.org:8080/", "d=1; Secure"), 1);
    sends(jar, "http://dev.org:8080/", "d=1");
    sends(jar, "http://dev.org/", "");
    /* prefixes */
    assert_int_equal(set(jar, "https://h.org/", "__Secure-a=1"), 0);
    assert_int_equal(set(jar, "https://h.org/", "__secure-a=1; Secure"), 1);
    assert_int_equal(set(jar, "https://h.org/", "__Host-a=1; Secure; Path=/; Domain=h.org"), 0);
    assert_int_equal(set(jar, "https://h.org/", "__Host-a=1; Secure"), 0);
    assert_int_equal(set(jar, "https://h.org/", "__Host-a=1; Secure; Path=/"), 1);
    aiohttp_cookie_jar_unref(jar);
}

static void addresses(void **state)
{
    (void)state;
    aiohttp_cookie_jar *jar = jar_of(NULL);
    assert_int_equal(set(jar, "http://127.0.0.1/", "x=1"), 0);
    assert_int_equal(set(jar, "http://[::1]/", "x=1"), 0);
    sends(jar, "http://127.0.0.1/", "");
    aiohttp_cookie_jar_unref(jar);
    aiohttp_cookie_jar_options options = { .size = sizeof options, .unsafe = 1 };
    jar = jar_of(&options);
    assert_int_equal(set(jar, "http://127.0.0.1/", "x=1; Domain=127.0.0.1"), 1);
    assert_int_equal(set(jar, "http://127.0.0.1/", "y=1; Domain=0.0.1"), 0);
    assert_int_equal(set(jar, "http://[::1]/", "z=1"), 1);
    sends(jar, "http://127.0.0.1/", "x=1");
    sends(jar, "http://1.127.0.0.1.org/", "");
    sends(jar, "http://[::1]:8080/", "z=1");
    aiohttp_cookie_jar_unref(jar);
}

static void ends(void **state)
{
    (void)state;
    clock_now = 1700000000; /* Tue, 14 Nov 2023 22:13:20 GMT */
    aiohttp_cookie_jar *jar = jar_of(NULL);
    set(jar, "http://h.org/", "session=1");
    set(jar, "http://h.org/", "age=1; Max-Age=10");
    set(jar, "http://h.org/", "both=1; Max-Age=20; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    set(jar, "http://h.org/", "date=1; Expires=Tue, 14 Nov 2023 22:13:50 GMT");
    set(jar, "http://h.org/", "bad=1; Max-Age=x");
    assert_int_equal(set(jar, "http://h.org/", "past=1; Expires=Tue, 14 Nov 2023 22:13:20 GMT"), 0);
    sends(jar, "http://h.org/", "session=1; age=1; both=1; date=1; bad=1");
    clock_now += 10;
    sends(jar, "http://h.org/", "session=1; both=1; date=1; bad=1");
    clock_now += 10;
    sends(jar, "http://h.org/", "session=1; date=1; bad=1");
    clock_now += 10;
    sends(jar, "http://h.org/", "session=1; bad=1");
    /* 400 days at most */
    set(jar, "http://h.org/", "long=1; Max-Age=99999999");
    size_t at = 0;
    const aiohttp_cookie *cookie;
    while (aiohttp_cookie_jar_next(jar, &at, &cookie) && strcmp(cookie->name, "long") != 0)
        ;
    assert_true(cookie->expires == (double)(clock_now + 400 * 86400));
    /* taken back: by age, by date */
    assert_int_equal(set(jar, "http://h.org/", "session=; Max-Age=0"), 1);
    assert_int_equal(set(jar, "http://h.org/", "bad=; Max-Age=-5"), 1);
    assert_int_equal(set(jar, "http://h.org/", "long=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"), 1);
    assert_int_equal(set(jar, "http://h.org/", "none=; Max-Age=0"), 0);
    assert_int_equal(aiohttp_cookie_jar_count(jar), 0);
    aiohttp_cookie_jar_unref(jar);
}

static void many_ends(void **state)
{
    (void)state;
    clock_now = 1700000000;
    aiohttp_cookie_jar *jar = jar_of(NULL);
    unsigned random = 1;
    int ending[300] = { 0 };
    for (int i = 0; i < 300; i++) {
        char text[64], url[64];
        random = random * 1103515245 + 12345;
        int age = (int)(random >> 16) % 500 + 1;
        int which = (int)(random >> 20) % 150;
        snprintf(text, sizeof text, "n%d=1; Max-Age=%d", which, age);
        snprintf(url, sizeof url, "http://h%d.org/", which % 7);
        assert_int_equal(set(jar, url, text), 1);
        ending[which] = age;
    }
    for (int second = 0; second <= 500; second += 25) {
        size_t expected = 0;
        clock_now = 1700000000 + second;
        sends(jar, "http://nobody.org/", "");
        for (int i = 0; i < 300; i++)
            expected += ending[i] > second;
        assert_int_equal(aiohttp_cookie_jar_count(jar), expected);
    }
    aiohttp_cookie_jar_unref(jar);
}

static void values_go_back_as_they_came(void **state)
{
    (void)state;
    aiohttp_cookie_jar *jar = jar_of(NULL);
    set(jar, "http://h.org/", "q=\"a \\\"b\\054\"; HttpOnly; SameSite=Lax; Partitioned");
    set(jar, "http://h.org/", "r={\"a\":1}");
    set(jar, "http://h.org/", "e=");
    sends(jar, "http://h.org/", "q=\"a \\\"b\\054\"; r={\"a\":1}; e=");
    size_t at = 0;
    const aiohttp_cookie *cookie;
    assert_int_equal(aiohttp_cookie_jar_next(jar, &at, &cookie), 1);
    assert_string_equal(cookie->value, "a \"b,");
    assert_string_equal(cookie->coded_value, "\"a \\\"b\\054\"");
    assert_string_equal(cookie->samesite, "Lax");
    assert_string_equal(cookie->domain, "h.org");
    assert_string_equal(cookie->path, "/");
    assert_true(cookie->httponly && cookie->partitioned && cookie->host_only && !cookie->secure);
    aiohttp_url *url = url_of("http://h.org/");
    aiohttp_multi_dict *dict;
    assert_int_equal(aiohttp_cookie_jar_filter_cookies(jar, url, &dict), 0);
    assert_int_equal(aiohttp_multi_dict_count(dict), 3);
    assert_string_equal(aiohttp_multi_dict_get(dict, "q"), "a \"b,");
    aiohttp_multi_dict_unref(dict);
    aiohttp_url_unref(url);
    /* what is no cookie */
    assert_int_equal(set(jar, "http://h.org/", ""), 0);
    assert_int_equal(set(jar, "http://h.org/", "novalue"), 0);
    assert_int_equal(set(jar, "http://h.org/", "=x"), 0);
    assert_int_equal(set(jar, "http://h.org/", "a=b\x01"), 0);
    aiohttp_cookie_jar_unref(jar);
}

static void given_ones(void **state)
{
    (void)state;
    aiohttp_cookie_jar *jar = jar_of(NULL);
    aiohttp_url *url = url_of("http://h.org/a/b");
    aiohttp_multi_dict *dict = aiohttp_multi_dict_new();
    assert_non_null(dict);
    assert_int_equal(aiohttp_multi_dict_add(dict, "k", "a b"), 0);
    assert_int_equal(aiohttp_cookie_jar_update_cookies(jar, dict, NULL), 0);
    aiohttp_multi_dict_clear(dict);
    assert_int_equal(aiohttp_multi_dict_add(dict, "l", "1"), 0);
    assert_int_equal(aiohttp_cookie_jar_update_cookies(jar, dict, url), 0);
    sends(jar, "http://anywhere.org/", "k=\"a b\"");
    sends(jar, "http://127.0.0.1/", "k=\"a b\"");
    sends(jar, "http://h.org/a/", "l=1; k=\"a b\"");
    /* a request's own come last and replace the jar's */
    char memory[256];
    struct bytes out = bytes_in(memory, sizeof memory - 1);
    aiohttp_multi_dict_clear(dict);
    assert_int_equal(aiohttp_multi_dict_add(dict, "k", "mine"), 0);
    aiohttp__cookie_jar_write(jar, url, dict, &out);
    assert_int_equal(out.error, 0);
    memory[out.size] = '\0';
    assert_string_equal(memory, "l=1; k=mine");
    out.size = 0;
    aiohttp__cookie_jar_write(NULL, url, dict, &out);
    assert_int_equal(out.size, 6);
    /* names that are none */
    aiohttp_multi_dict_clear(dict);
    assert_int_equal(aiohttp_multi_dict_add(dict, "a;b", "x"), 0);
    assert_int_equal(aiohttp_cookie_jar_update_cookies(jar, dict, url), -EINVAL);
    aiohttp__cookie_jar_write(jar, url, dict, &out);
    assert_int_equal(out.error, -EINVAL);
    aiohttp_cookie_jar_unref(jar);
    /* without quoting */
    aiohttp_cookie_jar_options options = { .size = sizeof options, .quote_cookie = 0 };
    jar = jar_of(&options);
    aiohttp_multi_dict_clear(dict);
    assert_int_equal(aiohttp_multi_dict_add(dict, "k", "a,b"), 0);
    assert_int_equal(aiohttp_cookie_jar_update_cookies(jar, dict, url), 0);
    sends(jar, "http://h.org/a/b", "k=a,b");
    assert_int_equal(aiohttp_multi_dict_set(dict, "k", "a;b"), 0);
    assert_int_equal(aiohttp_cookie_jar_update_cookies(jar, dict, url), -EINVAL);
    aiohttp_multi_dict_unref(dict);
    aiohttp_url_unref(url);
    aiohttp_cookie_jar_unref(jar);
}

static void limits_evict_in_order(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_client_limits();
    limits.cookie = 10;
    limits.cookies_domain = 3;
    limits.cookies_jar = 5;
    aiohttp_cookie_jar_options options = { .size = sizeof options, .limits = &limits };
    aiohttp_cookie_jar *jar = jar_of(&options);
    /* L-1, L, L+1 bytes of name and value */
    assert_int_equal(set(jar, "https://h.org/", "a=23456789"), 1);
    assert_int_equal(set(jar, "https://h.org/", "a=234567890"), 1);
    assert_int_equal(set(jar, "https://h.org/", "a=2345678901"), 0);
    aiohttp_cookie_jar_clear(jar, NULL, NULL);
    /* of a domain: what is not Secure first, then what was not used for longest */
    set(jar, "https://h.org/", "s=1; Secure");
    set(jar, "https://h.org/", "a=1; Path=/a");
    set(jar, "https://h.org/", "b=1; Path=/b");
    sends(jar, "http://h.org/a", "a=1");
    set(jar, "https://h.org/", "t=1; Secure");
    sends(jar, "https://h.org/a", "a=1; s=1; t=1");
    sends(jar, "https://h.org/b", "s=1; t=1");
    set(jar, "https://h.org/", "u=1; Secure");
    sends(jar, "https://h.org/a", "s=1; t=1; u=1");
    sends(jar, "https://h.org/", "s=1; t=1; u=1");
    set(jar, "https://h.org/", "v=1; Secure; Path=/v");
    assert_int_equal(aiohttp_cookie_jar_count(jar), 3);
    sends(jar, "https://h.org/v", "v=1; t=1; u=1");
    /* one that is not Secure is the first to go, even the new one */
    set(jar, "https://h.org/", "w=1");
    sends(jar, "https://h.org/v", "v=1; t=1; u=1");
    /* of the jar: what was not used for longest */
    set(jar, "https://i.org/", "i=1");
    set(jar, "https://j.org/", "j=1");
    sends(jar, "https://h.org/v", "v=1; t=1; u=1");
    set(jar, "https://k.org/", "k=1");
    assert_int_equal(aiohttp_cookie_jar_count(jar), 5);
    sends(jar, "https://i.org/", "");
    sends(jar, "https://j.org/", "j=1");
    sends(jar, "https://k.org/", "k=1");
    aiohttp_cookie_jar_unref(jar);
}

static int is_named(const aiohttp_cookie *cookie, void *data)
{
    return strcmp(cookie->name, data) == 0;
}

static void clearing(void **state)
{
    (void)state;
    char name[] = "a";
    aiohttp_cookie_jar *jar = jar_of(NULL);
    set(jar, "http://h.org/", "a=1");
    set(jar, "http://h.org/", "b=1; Domain=h.org");
    set(jar, "http://x.h.org/", "a=1");
    set(jar, "http://xh.org/", "b=1");
    aiohttp_cookie_jar_clear(jar, is_named, name);
    assert_int_equal(aiohttp_cookie_jar_count(jar), 2);
    set(jar, "http://x.h.org/", "c=1");
    aiohttp_cookie_jar_clear_domain(jar, "h.org");
    assert_int_equal(aiohttp_cookie_jar_count(jar), 1);
    sends(jar, "http://xh.org/", "b=1");
    aiohttp_cookie_jar_clear(jar, NULL, NULL);
    assert_int_equal(aiohttp_cookie_jar_count(jar), 0);
    aiohttp_cookie_jar_unref(jar);
}

static void headers_in_one_go(void **state)
{
    (void)state;
    aiohttp_limits limits = aiohttp_client_limits();
    limits.cookies = 2;
    aiohttp_cookie_jar_options options = { .size = sizeof options, .limits = &limits };
    aiohttp_cookie_jar *jar = jar_of(&options);
    aiohttp_headers *headers = aiohttp_headers_new();
    assert_non_null(headers);
    aiohttp_url *url = url_of("http://h.org/"), *relative = url_of("/x");
    assert_int_equal(aiohttp_headers_add(headers, "set-cookie", "a=1"), 0);
    assert_int_equal(aiohttp_headers_add(headers, "Set-Cookie", "nonsense"), 0);
    assert_int_equal(aiohttp_headers_add(headers, "Set-Cookie", "c=1"), 0);
    assert_int_equal(aiohttp_cookie_jar_update_cookies_from_headers(jar, headers, url), 1);
    sends(jar, "http://h.org/", "a=1");
    assert_int_equal(aiohttp_cookie_jar_update_cookies_from_headers(jar, headers, relative),
                     -EINVAL);
    assert_int_equal(aiohttp_cookie_jar_update_cookies_from_headers(jar, headers, NULL), -EINVAL);
    aiohttp_url_unref(relative);
    aiohttp_url_unref(url);
    aiohttp_headers_unref(headers);
    aiohttp_cookie_jar_unref(jar);
}

static void a_dummy_has_nothing(void **state)
{
    (void)state;
    aiohttp_cookie_jar *jar = aiohttp_dummy_cookie_jar_new();
    assert_non_null(jar);
    assert_int_equal(set(jar, "http://h.org/", "a=1"), 0);
    sends(jar, "http://h.org/", "");
    assert_int_equal(aiohttp_cookie_jar_count(jar), 0);
    assert_ptr_equal(aiohttp_cookie_jar_ref(jar), jar);
    aiohttp_cookie_jar_unref(jar);
    aiohttp_cookie_jar_unref(jar);
    assert_null(aiohttp_cookie_jar_ref(NULL));
    aiohttp_cookie_jar_unref(NULL);
    assert_int_equal(aiohttp_cookie_jar_count(NULL), 0);
}

static void origins_are_urls(void **state)
{
    (void)state;
    const char *const origins[] = { "http://h.org", "nothing", NULL };
    aiohttp_cookie_jar *jar;
    int r = aiohttp_cookie_jar_new(&jar, .treat_as_secure_origin = origins);
    assert_true(r == -AIOHTTP_INVALID_URL || r == -ENOMEM);
    assert_int_equal(r, -AIOHTTP_INVALID_URL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_only_and_domain),
        cmocka_unit_test(public_suffixes),
        cmocka_unit_test(paths),
        cmocka_unit_test(order_is_by_path_and_age),
        cmocka_unit_test(secure_ones),
        cmocka_unit_test(addresses),
        cmocka_unit_test(ends),
        cmocka_unit_test(many_ends),
        cmocka_unit_test(values_go_back_as_they_came),
        cmocka_unit_test(given_ones),
        cmocka_unit_test(limits_evict_in_order),
        cmocka_unit_test(clearing),
        cmocka_unit_test(headers_in_one_go),
        cmocka_unit_test(a_dummy_has_nothing),
        cmocka_unit_test(origins_are_urls),
    };
    return cmocka_run_group_tests_name("cookie_jar", tests, NULL, NULL);
}
