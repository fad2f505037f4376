/* SPDX-License-Identifier: MIT */
/* URLs cut into parts; every text lies before a page that cannot be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/url.h"

#include <aiohttp/error.h>

static struct span copy_of(const char *text)
{
    return (struct span){ guarded(text, strlen(text)), strlen(text) };
}

static void is(struct span span, const char *text)
{
    assert_int_equal(span.size, strlen(text));
    assert_memory_equal(span.data, text, span.size);
}

static void parts_are_where_rfc_3986_says(void **state)
{
    (void)state;
    static const struct {
        const char *text, *scheme, *user, *password, *host, *path, *query, *fragment;
        int port;
        enum url_host kind;
    } rows[] = {
        { "http://h", "http", "", "", "h", "", "", "", -1, URL_HOST_NAME },
        { "HTTP://u:p@H:80/a/b?c=d&e#f?g", "HTTP", "u", "p", "H", "/a/b", "c=d&e", "f?g", 80,
          URL_HOST_NAME },
        { "//h:1?q", "", "", "", "h", "", "q", "", 1, URL_HOST_NAME },
        { "http://h#/?", "http", "", "", "h", "", "", "/?", -1, URL_HOST_NAME },
        { "http://a@b@h/", "http", "a@b", "", "h", "/", "", "", -1, URL_HOST_NAME },
        { "http://a:b:c@h/", "http", "a", "b:c", "h", "/", "", "", -1, URL_HOST_NAME },
        { "http://[::1]:8080/", "http", "", "", "::1", "/", "", "", 8080, URL_HOST_IPV6 },
        { "http://[FE80::1%25eth0]", "http", "", "", "FE80::1%25eth0", "", "", "", -1,
          URL_HOST_IPV6 },
        { "http://127.0.0.1:0065535", "http", "", "", "127.0.0.1", "", "", "", 65535,
          URL_HOST_IPV4 },
        { "http://h:/x", "http", "", "", "h", "/x", "", "", -1, URL_HOST_NAME },
        { "  http://h", "http", "", "", "h", "", "", "", -1, URL_HOST_NAME },
        { "mailto:a@b", "mailto", "", "", "", "a@b", "", "", -1, URL_HOST_NONE },
        { "file:///x", "file", "", "", "", "/x", "", "", -1, URL_HOST_NONE },
        { "/a:b", "", "", "", "", "/a:b", "", "", -1, URL_HOST_NONE },
        { "1a:b", "", "", "", "", "1a:b", "", "", -1, URL_HOST_NONE },
        { "?", "", "", "", "", "", "", "", -1, URL_HOST_NONE },
        { "", "", "", "", "", "", "", "", -1, URL_HOST_NONE },
        { "http://a_b-c.d.", "http", "", "", "a_b-c.d.", "", "", "", -1, URL_HOST_NAME },
        { "http://1.2.3.4.example", "http", "", "", "1.2.3.4.example", "", "", "", -1,
          URL_HOST_NAME },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct url url;
        struct span text = copy_of(rows[i].text);
        assert_int_equal(aiohttp__url_parse(text, &url, NULL), 0);
        is(url.scheme, rows[i].scheme);
        is(url.user, rows[i].user);
        is(url.password, rows[i].password);
        is(url.host, rows[i].host);
        is(url.path, rows[i].path);
        is(url.query, rows[i].query);
        is(url.fragment, rows[i].fragment);
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.kind, rows[i].kind);
        guarded_free(text.data, text.size);
    }
}

static void refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } rows[] = {
        { "http://", 7 },          { "http:///path", 7 },       { "http:", 5 },
        { "http:h", 5 },           { "https:/h", 6 },           { "http://u@/", 7 },
        { "http://:80", 7 },       { "http://h:65536", 9 },     { "http://h:+80", 9 },
        { "http://h:8 0", 9 },     { "http://h:\xd9\xa1", 9 },  { "http://h:1:2", 9 },
        { "http://[::1", 7 },      { "http://[::1]x", 12 },     { "http://[]", 7 },
        { "http://x[::1]", 10 },    { "http://[::1]]", 12 },     { "http://[v1.a]", 8 },
        { "http://[::1%]", 11 },   { "http://[::1%25a/b]", 7 }, { "http://::1/", 8 },
        { "http://a b/", 8 },      { "http://a%62/", 8 },       { "http://a\\b@c/", 8 },
        { "http://a\\b/", 8 },     { "http://a..b/", 9 },       { "http://.a/", 7 },
        { "http://./", 7 },        { "http://\xc3\xa9/", 7 },   { "http://h/\r\nX: y", 9 },
        { "http://h/\n", 9 },      { "ht\ttp://h/", 2 },        { "http://h/\x7f", 9 },
        /* what inet_aton takes for an address */
        { "http://127.1/", 11 },   { "http://2130706433/", 7 }, { "http://0x7f000001/", 7 },
        { "http://0x7f.1/", 12 },  { "http://127.0.0.01/", 15 }, { "http://0177.0.0.1/", 16 },
        { "http://127.0.0.1./", 15 }, { "http://256.0.0.1/", 15 }, { "http://a.1/", 9 },
        { "http://1.2.3.4.5/", 15 }, { "http://a.0x/", 9 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct url url;
        struct url_error error = { 999, NULL };
        struct span text = copy_of(rows[i].text);
        if (aiohttp__url_parse(text, &url, &error) != -AIOHTTP_INVALID_URL ||
            error.at != rows[i].at)
            fail_msg("%s: refused at %zu, not at %zu", rows[i].text, error.at, rows[i].at);
        assert_non_null(error.why);
        guarded_free(text.data, text.size);
    }
}

static void a_nul_ends_nothing(void **state)
{
    (void)state;
    struct url url;
    struct url_error error;
    assert_int_equal(aiohttp__url_parse(SPAN("http://good.example\0.evil/"), &url, &error),
                     -AIOHTTP_INVALID_URL);
    assert_int_equal(error.at, 19);
}

static int parse_host(size_t labels, size_t size, size_t last)
{
    static char text[1024];
    size_t at = 7;
    memcpy(text, "http://", 7);
    for (size_t i = 0; i < labels; i++) {
        memset(text + at, 'a', size);
        at += size;
        text[at++] = '.';
    }
    memset(text + at, 'b', last);
    struct url url;
    return aiohttp__url_parse((struct span){ text, at + last }, &url, NULL);
}

static void hosts_and_labels_have_their_sizes(void **state)
{
    (void)state;
    assert_int_equal(parse_host(0, 0, 63), 0);
    assert_int_equal(parse_host(0, 0, 64), -AIOHTTP_INVALID_URL);
    assert_int_equal(parse_host(3, 63, 61), 0); /* 253 */
    assert_int_equal(parse_host(3, 63, 62), -AIOHTTP_INVALID_URL);
}

static void every_split_of_the_text_is_no_read_beyond_it(void **state)
{
    (void)state;
    static const char text[] = "http://user:pw@[2001:db8::1%25e]:8080/a/../b?c=%20&d#e";
    for (size_t size = 0; size < sizeof text; size++) {
        const char *copy = guarded(text, size);
        struct url url;
        struct url_error error;
        (void)aiohttp__url_parse((struct span){ copy, size }, &url, &error);
        guarded_free(copy, size);
    }
}

static void writes_dots(const char *path, const char *plain)
{
    char memory[128];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__url_remove_dots(&out, span_of(path));
    assert_int_equal(out.error, 0);
    is(bytes_span(&out), plain);
}

static void dots_never_climb_above_the_root(void **state)
{
    (void)state;
    writes_dots("/a/b/c/./../../g", "/a/g");
    writes_dots("/../../x", "/x");
    writes_dots("/a/..", "/");
    writes_dots("/a/.", "/a/");
    writes_dots("/..", "/");
    writes_dots("/.", "/");
    writes_dots("/", "/");
    writes_dots("", "");
    writes_dots("a/../b", "b");
    writes_dots("/a//../b", "/a/b");
    writes_dots("/a/.../b..c/.d", "/a/.../b..c/.d");
    writes_dots("mid/content=5/../6", "mid/6");
}

static void writes_host(const char *host, enum url_host kind, const char *written)
{
    char memory[64];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__url_write_host(&out, span_of(host), kind);
    is(bytes_span(&out), written);
}

static void hosts_have_one_form(void **state)
{
    (void)state;
    writes_host("EXAMPLE.Com", URL_HOST_NAME, "example.com");
    writes_host("2001:DB8:0:0:0:0:0:1", URL_HOST_IPV6, "2001:db8::1");
    writes_host("1:0:0:2:0:0:0:3", URL_HOST_IPV6, "1:0:0:2::3");
    writes_host("0:0:0:0:0:0:0:0", URL_HOST_IPV6, "::");
    writes_host("1:0:2:3:4:5:6:7", URL_HOST_IPV6, "1:0:2:3:4:5:6:7");
    writes_host("::ffff:1.2.3.4", URL_HOST_IPV6, "::ffff:102:304");
    writes_host("1::", URL_HOST_IPV6, "1::");
    writes_host("fe80::1%25Eth0", URL_HOST_IPV6, "fe80::1%25Eth0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_where_rfc_3986_says),
        cmocka_unit_test(refused_with_the_place),
        cmocka_unit_test(a_nul_ends_nothing),
        cmocka_unit_test(hosts_and_labels_have_their_sizes),
        cmocka_unit_test(every_split_of_the_text_is_no_read_beyond_it),
        cmocka_unit_test(dots_never_climb_above_the_root),
        cmocka_unit_test(hosts_have_one_form),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
