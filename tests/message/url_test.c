/* SPDX-License-Identifier: MIT */
/* URLs as programs use them: parts, encoded and decoded, and URLs made of URLs. The wanted values
 * are yarl's, but where <aiohttp/url.h> says otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <aiohttp/url.h>
#include <asyncio/alloc.h>

static aiohttp_url *url_of(const char *text)
{
    aiohttp_url *url = NULL;
    assert_int_equal(aiohttp_url_new(text, &url), 0);
    return url;
}

static void text_is(const char *text, const char *wanted)
{
    if (!wanted)
        assert_null(text);
    else
        assert_string_equal(text, wanted);
}

static void parts(void **state)
{
    (void)state;
    aiohttp_url *url = url_of("HTTP://us%65r:p%40ss@Example.COM:8080/a%20b/%2F/n\xc3\xa4me.tar.gz"
                              "?k=v+w&k=%26#fr ag");
    text_is(aiohttp_url_str(url), "http://user:p%40ss@example.com:8080/a%20b/%2F/n%C3%A4me.tar.gz"
                                  "?k=v+w&k=%26#fr%20ag");
    text_is(aiohttp_url_scheme(url), "http");
    text_is(aiohttp_url_raw_authority(url), "user:p%40ss@example.com:8080");
    text_is(aiohttp_url_authority(url), "user:p@ss@example.com:8080");
    text_is(aiohttp_url_raw_user(url), "user");
    text_is(aiohttp_url_user(url), "user");
    text_is(aiohttp_url_raw_password(url), "p%40ss");
    text_is(aiohttp_url_password(url), "p@ss");
    text_is(aiohttp_url_raw_host(url), "example.com");
    text_is(aiohttp_url_host(url), "example.com");
    text_is(aiohttp_url_host_port_subcomponent(url), "example.com:8080");
    assert_int_equal(aiohttp_url_port(url), 8080);
    assert_int_equal(aiohttp_url_explicit_port(url), 8080);
    assert_int_equal(aiohttp_url_is_default_port(url), 0);
    assert_int_equal(aiohttp_url_absolute(url), 1);
    text_is(aiohttp_url_raw_path(url), "/a%20b/%2F/n%C3%A4me.tar.gz");
    text_is(aiohttp_url_path(url), "/a b///n\xc3\xa4me.tar.gz");
    text_is(aiohttp_url_path_safe(url), "/a b/%2F/n\xc3\xa4me.tar.gz");
    text_is(aiohttp_url_raw_path_qs(url), "/a%20b/%2F/n%C3%A4me.tar.gz?k=v+w&k=%26");
    text_is(aiohttp_url_path_qs(url), "/a b///n\xc3\xa4me.tar.gz?k=v w&k=%26");
    text_is(aiohttp_url_query_string(url), "k=v w&k=%26");
    text_is(aiohttp_url_fragment(url), "fr ag");
    text_is(aiohttp_url_raw_fragment(url), "fr%20ag");
    text_is(aiohttp_url_raw_name(url), "n%C3%A4me.tar.gz");
    text_is(aiohttp_url_name(url), "n\xc3\xa4me.tar.gz");
    text_is(aiohttp_url_suffix(url), ".gz");
    text_is(aiohttp_multi_dict_get(aiohttp_url_query(url), "k"), "v w");
    const char *values[2];
    assert_int_equal(aiohttp_multi_dict_getall(aiohttp_url_query(url), "k", values, 2), 2);
    text_is(values[1], "&");
    const char *list[8];
    assert_int_equal(aiohttp_url_parts(url, list, 8), 4);
    text_is(list[0], "/");
    text_is(list[1], "a b");
    text_is(list[2], "/");
    text_is(list[3], "n\xc3\xa4me.tar.gz");
    assert_int_equal(aiohttp_url_raw_parts(url, list, 3), 4);
    text_is(list[2], "%2F");
    char *human = aiohttp_url_human_repr(url);
    assert_non_null(human);
    text_is(human,
            "http://user:p%40ss@example.com:8080/a b///n\xc3\xa4me.tar.gz?k=v w&k=%26#fr ag");
    asyncio_mem_free(human);
    aiohttp_url_unref(url);
}

static void a_relative_url_has_no_host(void **state)
{
    (void)state;
    aiohttp_url *url = url_of("a/../b");
    text_is(aiohttp_url_str(url), "a/../b");
    text_is(aiohttp_url_host(url), NULL);
    text_is(aiohttp_url_user(url), NULL);
    text_is(aiohttp_url_host_port_subcomponent(url), NULL);
    text_is(aiohttp_url_authority(url), "");
    assert_int_equal(aiohttp_url_port(url), -1);
    assert_int_equal(aiohttp_url_absolute(url), 0);
    assert_int_equal(aiohttp_url_is_default_port(url), 0);
    assert_null(aiohttp_multi_dict_get(aiohttp_url_query(url), "x"));
    assert_int_equal(aiohttp_multi_dict_count(aiohttp_url_query(url)), 0);
    aiohttp_url *made = NULL;
    assert_int_equal(aiohttp_url_origin(url, &made), -AIOHTTP_INVALID_URL);
    assert_int_equal(aiohttp_url_with_host(url, "h", &made), -AIOHTTP_INVALID_URL);
    assert_int_equal(aiohttp_url_with_port(url, 1, &made), -AIOHTTP_INVALID_URL);
    assert_int_equal(aiohttp_url_with_scheme(url, "http", &made), -AIOHTTP_INVALID_URL);
    assert_null(made);
    aiohttp_url_unref(url);
}

static void written_in_one_form(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "http://h", "http://h" },
        { "http://h?x", "http://h/?x" },
        { "HTTP://H:80/", "http://h/" },
        { "http://h:443/", "http://h:443/" },
        { "http://h/a/./b/../c", "http://h/a/c" },
        { "http://h/%2e%2E/%61", "http://h/a" },
        { "http://[0:0::0:1]:80", "http://[::1]" },
        { "http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/" },
        { "ws://h:80", "ws://h" },
        { "http://\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84/",
          "http://xn--e1afmkfd.xn--p1ai/" },
        { "http://fa\xc3\x9f.de", "http://xn--fa-hia.de" },
        { "http://u@h", "http://u@h" },
        { "http://:p@h", "http://:p@h" },
        { "http://u:@h", "http://u:@h" },
        { "//h/x", "//h/x" },
        { "////x", "////x" },
        { "file:/x", "file:///x" },
        { "file:x", "file:x" }, /* and not the host x */
        { "file:", "file://" },
        { "./a:b", "./a:b" },
        { "", "" },
        { "http://h/a\\b", "http://h/a%5Cb" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aiohttp_url *url = url_of(rows[i][0]), *again = NULL;
        text_is(aiohttp_url_str(url), rows[i][1]);
        again = url_of(rows[i][1]);
        text_is(aiohttp_url_str(again), rows[i][1]);
        assert_true(aiohttp_url_eq(url, again));
        aiohttp_url_unref(url);
        aiohttp_url_unref(again);
    }
}

static void internationalised_hosts_in_both_forms(void **state)
{
    (void)state;
    aiohttp_url *url = url_of("http://B\xc3\xbc" "cher.example./");
    text_is(aiohttp_url_raw_host(url), "xn--bcher-kva.example.");
    text_is(aiohttp_url_host(url), "b\xc3\xbc" "cher.example.");
    text_is(aiohttp_url_host_port_subcomponent(url), "xn--bcher-kva.example");
    aiohttp_url_unref(url);
}

/* CVE-2022-33124: one kind of error for whatever is no URL. And CVE-2019-9740: no CR or LF. */
static void one_error_for_what_is_no_url(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "http://[::1",
        "http://[::1]x/",
        "http://[::g]/",
        "http://]/",
        "http://",
        "http:x",
        "http://h:x/",
        "http://h/\r\nHost: evil",
        "http://a\tb/",
        "http://127.1/",
        "http://0x7f.1/",
        "http://e\xe2\x80\x8bvil.com/",
        "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/",
        "http://h\xff/",
        ("http://a\xef\xbc\x8f"
         "b/"),
        "http://xn--\xc3\xa9/",
        "http://\xe2\x84\xa6\xcc\x80.\xf0\x9f\x92/",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        aiohttp_url *url = NULL;
        int r = aiohttp_url_new(rows[i], &url);
        if (r != -AIOHTTP_INVALID_URL)
            fail_msg("%s: %d", rows[i], r);
        assert_null(url);
    }
}

static void the_error_says_where(void **state)
{
    (void)state;
    aiohttp_url *url;
    int r = aiohttp_url_new("http://example.com:99999/", &url);
    assert_int_equal(r, -AIOHTTP_INVALID_URL);
    const asyncio_error *error = asyncio_last_error(r);
    if (error)
        assert_non_null(strstr(error->text, "byte 19"));
}

/* CVE-2024-24806: a host is never cut short. */
static void a_long_host_is_refused_not_cut(void **state)
{
    (void)state;
    char text[400] = "http://";
    for (size_t i = 0; i < 260; i++)
        text[7 + i] = i % 8 == 7 ? '.' : 'a';
    aiohttp_url *url = NULL;
    assert_int_equal(aiohttp_url_new(text, &url), -AIOHTTP_INVALID_URL);
    text[7 + 254] = '\0';
    text[7 + 253] = '.'; /* the root's dot is not counted */
    text[7 + 252] = 'a';
    assert_int_equal(aiohttp_url_new(text, &url), 0);
    assert_int_equal(strlen(aiohttp_url_raw_host(url)), 254);
    aiohttp_url_unref(url);
}

static void encoded_is_taken_as_it_is(void **state)
{
    (void)state;
    aiohttp_url *url = NULL;
    assert_int_equal(aiohttp_url_new("http://h/%7e/../%zz?%2c+", &url, .encoded = 1), 0);
    text_is(aiohttp_url_str(url), "http://h/%7e/../%zz?%2c+");
    aiohttp_url_unref(url);
    assert_int_equal(aiohttp_url_new("http://h/a b", &url, .encoded = 1), -AIOHTTP_INVALID_URL);
}

static void built_of_parts(void **state)
{
    (void)state;
    aiohttp_url *url = NULL;
    aiohttp_multi_dict *query = aiohttp_multi_dict_new();
    assert_non_null(query);
    assert_int_equal(aiohttp_multi_dict_add(query, "a b", "c&d"), 0);
    assert_int_equal(aiohttp_multi_dict_add(query, "e", "\xc3\xa9"), 0);
    assert_int_equal(aiohttp_url_build(&url, .scheme = "http", .user = "u:", .password = "p@",
                                       .host = "H", .port = 80, .path = "/%/../x y",
                                       .query = query, .fragment = "f#"),
                     0);
    text_is(aiohttp_url_str(url), "http://u%3A:p%40@h/x%20y?a+b=c%26d&e=%C3%A9#f%23");
    aiohttp_url_unref(url);
    assert_int_equal(aiohttp_url_build(&url, .scheme = "http", .authority = "u@[::1]:81"), 0);
    text_is(aiohttp_url_str(url), "http://u@[::1]:81");
    aiohttp_url_unref(url);
    assert_int_equal(aiohttp_url_build(&url, .host = "::1", .query_string = "a=b c"), 0);
    text_is(aiohttp_url_str(url), "//[::1]/?a=b+c");
    aiohttp_url_unref(url);
    assert_int_equal(aiohttp_url_build(&url, .path = "a/b"), 0);
    text_is(aiohttp_url_str(url), "a/b");
    aiohttp_url_unref(url);
    aiohttp_multi_dict_unref(query);
    url = NULL;
    assert_int_equal(aiohttp_url_build(&url, .port = 1), -AIOHTTP_INVALID_URL);
    assert_int_equal(aiohttp_url_build(&url, .host = "h", .path = "x"), -AIOHTTP_INVALID_URL);
    assert_int_equal(aiohttp_url_build(&url, .authority = "h/x"), -AIOHTTP_INVALID_URL);
    assert_int_equal(aiohttp_url_build(&url, .authority = "h", .host = "h"), -AIOHTTP_INVALID_URL);
    assert_int_equal(aiohttp_url_build(&url, .scheme = "h p"), -AIOHTTP_INVALID_URL);
    assert_int_equal(aiohttp_url_build(&url, .host = "a/b"), -AIOHTTP_INVALID_URL);
    assert_int_equal(aiohttp_url_build(&url, .host = "h", .path = "/\n", .encoded = 1),
                     -AIOHTTP_INVALID_URL);
    assert_null(url);
}

typedef int change(const aiohttp_url *url, const char *value, aiohttp_url **ret_url);

static int with_path(const aiohttp_url *url, const char *value, aiohttp_url **ret_url)
{
    return aiohttp_url_with_path(url, value, ret_url);
}

static int join(const aiohttp_url *url, const char *value, aiohttp_url **ret_url)
{
    aiohttp_url *other = url_of(value);
    int r = aiohttp_url_join(url, other, ret_url);
    aiohttp_url_unref(other);
    return r;
}

static int without(const aiohttp_url *url, const char *value, aiohttp_url **ret_url)
{
    return aiohttp_url_without_query_params(url, &value, 1, ret_url);
}

static int origin(const aiohttp_url *url, const char *value, aiohttp_url **ret_url)
{
    (void)value;
    return aiohttp_url_origin(url, ret_url);
}

static int relative(const aiohttp_url *url, const char *value, aiohttp_url **ret_url)
{
    (void)value;
    return aiohttp_url_relative(url, ret_url);
}

static int parent(const aiohttp_url *url, const char *value, aiohttp_url **ret_url)
{
    (void)value;
    return aiohttp_url_parent(url, ret_url);
}

static const struct {
    change *change;
    const char *url, *value, *wanted; /* NULL: refused */
} changes[] = {
    { origin, "http://u:p@h:81/x?y#z", "", "http://h:81" },
    { relative, "http://u:p@h:81/x?y#z", "", "/x?y#z" },
    { relative, "http://h//x", "", "////x" }, /* and not the host x */
    { parent, "http://h/a/b?c#d", "", "http://h/a" },
    { parent, "http://h/", "", "http://h/" },
    { aiohttp_url_with_scheme, "http://h/x", "HTTPS", "https://h/x" },
    { aiohttp_url_with_scheme, "http://h/x", "a\nb", NULL },
    { aiohttp_url_with_user, "http://u:p@h/", "n e", "http://n%20e:p@h/" },
    { aiohttp_url_with_user, "http://u:p@h/", NULL, "http://h/" },
    { aiohttp_url_with_password, "http://u@h/", "a:b", "http://u:a%3Ab@h/" },
    { aiohttp_url_with_password, "http://u:p@h/", NULL, "http://u@h/" },
    { aiohttp_url_with_host, "http://u@h:81/x", "::1", "http://u@[::1]:81/x" },
    { aiohttp_url_with_host, "http://h/", "a@b", NULL },
    { aiohttp_url_with_host, "http://h/", "", NULL },
    { aiohttp_url_with_host, "http://h/", "evil.com/x", NULL },
    { with_path, "http://h/x?y#z", "/a b/../%41", "http://h/%2541" },
    { with_path, "http://h", "a", "http://h/a" },
    { aiohttp_url_with_query, "http://h/?a#f", "b=c d&e=%41", "http://h/?b=c+d&e=%2541#f" },
    { aiohttp_url_with_query, "http://h/?a", NULL, "http://h/" },
    { aiohttp_url_extend_query, "http://h/?a=1", "a=2", "http://h/?a=1&a=2" },
    { aiohttp_url_extend_query, "http://h/", "a=2", "http://h/?a=2" },
    { aiohttp_url_extend_query, "http://h/?a", NULL, "http://h/?a" },
    { aiohttp_url_update_query, "http://h/?a=1&b=2&a=3&c=4", "a=9&d=5",
      "http://h/?a=9&b=2&c=4&d=5" },
    { aiohttp_url_update_query, "http://h/?b=2&a=1", "a=7&a=8", "http://h/?b=2&a=7&a=8" },
    { aiohttp_url_update_query, "http://h/?a", NULL, "http://h/" },
    { without, "http://h/?a=1&b=2&a=3", "a", "http://h/?b=2" },
    { without, "http://h/?a=%2c", "x", "http://h/?a=," },
    { aiohttp_url_with_fragment, "http://h/#x", "y#", "http://h/#y%23" },
    { aiohttp_url_with_fragment, "http://h/#x", NULL, "http://h/" },
    { aiohttp_url_with_name, "http://h/a/b?c", "d e", "http://h/a/d%20e" },
    { aiohttp_url_with_name, "http://h", "d", "http://h/d" },
    { aiohttp_url_with_name, "http://h/a", "b/c", NULL },
    { aiohttp_url_with_name, "http://h/a", "..", NULL },
    { aiohttp_url_with_suffix, "http://h/a.b.c", ".d", "http://h/a.b.d" },
    { aiohttp_url_with_suffix, "http://h/%20.c", ".d", "http://h/%20.d" },
    { aiohttp_url_with_suffix, "http://h/a.b", "", "http://h/a" },
    { aiohttp_url_with_suffix, "http://h/a", "b", NULL },
    { aiohttp_url_with_suffix, "http://h/", ".b", NULL },
    { aiohttp_url_joinpath, "http://h", "a/b c", "http://h/a/b%20c" },
    { aiohttp_url_joinpath, "http://h/x/", "a", "http://h/x/a" },
    { aiohttp_url_joinpath, "http://h/x?q#f", "../a", "http://h/a" },
    { aiohttp_url_joinpath, "x", "../a", "x/../a" },
    { aiohttp_url_joinpath, "http://h/x", "/a", NULL },
    /* RFC 3986, 5.4 */
    { join, "http://a/b/c/d;p?q", "g:h", "g:h" },
    { join, "http://a/b/c/d;p?q", "g", "http://a/b/c/g" },
    { join, "http://a/b/c/d;p?q", "./g", "http://a/b/c/g" },
    { join, "http://a/b/c/d;p?q", "g/", "http://a/b/c/g/" },
    { join, "http://a/b/c/d;p?q", "/g", "http://a/g" },
    { join, "http://a/b/c/d;p?q", "//g", "http://g" },
    { join, "http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y" },
    { join, "http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y" },
    { join, "http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q#s" },
    { join, "http://a/b/c/d;p?q", ";x", "http://a/b/c/;x" },
    { join, "http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q" },
    { join, "http://a/b/c/d;p?q", ".", "http://a/b/c/" },
    { join, "http://a/b/c/d;p?q", "..", "http://a/b/" },
    { join, "http://a/b/c/d;p?q", "../../../../g", "http://a/g" },
    { join, "http://a/b/c/d;p?q", "g/./h/../i", "http://a/b/c/g/i" },
    { join, "http://a/b/c/d;p?q", "https://o/", "https://o/" },
    { join, "http://a", "g", "http://a/g" },
};

static void urls_made_of_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        aiohttp_url *url = url_of(changes[i].url), *made = NULL;
        int r = changes[i].change(url, changes[i].value, &made);
        if (changes[i].wanted) {
            assert_int_equal(r, 0);
            text_is(aiohttp_url_str(made), changes[i].wanted);
        } else {
            assert_int_equal(r, -AIOHTTP_INVALID_URL);
            assert_null(made);
        }
        aiohttp_url_unref(made);
        aiohttp_url_unref(url);
    }
}

static void ports(void **state)
{
    (void)state;
    aiohttp_url *url = url_of("https://h:81/x"), *made = NULL;
    assert_int_equal(aiohttp_url_with_port(url, -1, &made), 0);
    text_is(aiohttp_url_str(made), "https://h/x");
    assert_int_equal(aiohttp_url_port(made), 443);
    assert_int_equal(aiohttp_url_explicit_port(made), -1);
    assert_int_equal(aiohttp_url_is_default_port(made), 1);
    assert_int_equal(aiohttp_url_eq(url, made), 0);
    aiohttp_url_unref(made);
    made = NULL;
    assert_int_equal(aiohttp_url_with_port(url, 65536, &made), -AIOHTTP_INVALID_URL);
    assert_null(made);
    aiohttp_url_unref(url);
    url = url_of("http://h:80");
    made = url_of("http://h/");
    assert_int_equal(aiohttp_url_eq(url, made), 1);
    aiohttp_url_unref(url);
    aiohttp_url_unref(made);
}

static void a_path_with_its_query_kept(void **state)
{
    (void)state;
    aiohttp_url *url = url_of("http://h/x?y#z"), *made = NULL;
    assert_int_equal(aiohttp_url_with_path(url, "/%41?", &made, .keep_query = 1,
                                           .keep_fragment = 1), 0);
    text_is(aiohttp_url_str(made), "http://h/%2541%3F?y#z");
    aiohttp_url_unref(made);
    assert_int_equal(aiohttp_url_with_path(url, "/%41", &made, .encoded = 1), 0);
    text_is(aiohttp_url_str(made), "http://h/%41");
    aiohttp_url_unref(made);
    assert_int_equal(aiohttp_url_with_path(url, "/a?b", &made, .encoded = 1),
                     -AIOHTTP_INVALID_URL);
    aiohttp_url_unref(url);
}

static void texts_over_a_mebibyte_are_refused(void **state)
{
    (void)state;
    size_t size = 1 << 20;
    char *text = asyncio_mem_malloc(size + 2);
    assert_non_null(text);
    memset(text, 'a', size + 1);
    text[0] = '/';
    text[size] = '\0';
    aiohttp_url *url = NULL;
    assert_int_equal(aiohttp_url_new(text, &url), 0);
    assert_int_equal(strlen(aiohttp_url_str(url)), size);
    aiohttp_url_unref(url);
    url = NULL;
    text[size / 2] = ' '; /* a URL that grows beyond it */
    assert_int_equal(aiohttp_url_new(text, &url), -AIOHTTP_INVALID_URL);
    text[size / 2] = text[size] = 'a';
    text[size + 1] = '\0';
    assert_int_equal(aiohttp_url_new(text, &url), -AIOHTTP_INVALID_URL);
    assert_null(url);
    asyncio_mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts),
        cmocka_unit_test(a_relative_url_has_no_host),
        cmocka_unit_test(written_in_one_form),
        cmocka_unit_test(internationalised_hosts_in_both_forms),
        cmocka_unit_test(one_error_for_what_is_no_url),
        cmocka_unit_test(the_error_says_where),
        cmocka_unit_test(a_long_host_is_refused_not_cut),
        cmocka_unit_test(encoded_is_taken_as_it_is),
        cmocka_unit_test(built_of_parts),
        cmocka_unit_test(urls_made_of_urls),
        cmocka_unit_test(ports),
        cmocka_unit_test(a_path_with_its_query_kept),
        cmocka_unit_test(texts_over_a_mebibyte_are_refused),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
