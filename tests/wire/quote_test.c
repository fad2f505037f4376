/* SPDX-License-Identifier: MIT */
/* Percent-encoding, and the queries that use it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/query.h"
#include "wire/quote.h"

#include <errno.h>

typedef void writer(struct bytes *out, struct span text, int how);

static void quote(struct bytes *out, struct span text, int part)
{
    aiohttp__quote(out, text, (enum quote_part)part);
}

static void requote(struct bytes *out, struct span text, int part)
{
    aiohttp__requote(out, text, (enum quote_part)part);
}

static void unquote(struct bytes *out, struct span text, int kind)
{
    aiohttp__unquote(out, text, (enum unquote_kind)kind);
}

static void unquote_bytes(struct bytes *out, struct span text, int ignored)
{
    (void)ignored;
    aiohttp__unquote_bytes(out, text);
}

static void gives(writer *write, int how, struct span text, struct span wanted)
{
    char memory[512];
    struct bytes out = bytes_in(memory, sizeof memory);
    const char *copy = guarded(text.data, text.size);
    write(&out, (struct span){ copy, text.size }, how);
    guarded_free(copy, text.size);
    assert_int_equal(out.error, 0);
    if (!span_is(bytes_span(&out), wanted))
        fail_msg("%s became %.*s", text.data, (int)out.size, out.data);
}

#define GIVES(write, how, text, wanted) gives(write, how, SPAN(text), SPAN(wanted))

static void each_part_keeps_what_it_may_have(void **state)
{
    (void)state;
    static const char all[] = " !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~\x7f\xc3\xa9";
    gives(quote, QUOTE_PATH, SPAN(all),
          SPAN("%20!%22%23$%25&'()*+,-./09:;%3C=%3E%3F@AZ%5B%5C%5D%5E_%60az%7B%7C%7D~%7F%C3%A9"));
    gives(quote, QUOTE_QUERY, SPAN(all),
          SPAN("+!%22%23$%25&'()*+,-./09:;%3C=%3E?@AZ%5B%5C%5D%5E_%60az%7B%7C%7D~%7F%C3%A9"));
    GIVES(quote, QUOTE_QUERY_PART, "a=b&c+d;e f/?:@", "a%3Db%26c%2Bd%3Be+f/?:@");
    GIVES(quote, QUOTE_SEGMENT, "a/b", "a%2Fb");
    GIVES(quote, QUOTE_USER, "a:b@c/d", "a%3Ab%40c%2Fd");
    GIVES(quote, QUOTE_FRAGMENT, "a/b?c#d e", "a/b?c%23d%20e");
    GIVES(quote, QUOTE_PATH, "\0", "%00");
}

static void requoting_settles(void **state)
{
    (void)state;
    GIVES(requote, QUOTE_PATH, "/%7euser/%2f/%2b/%41/%zz%4", "/~user/%2F/%2B/A/%25zz%254");
    GIVES(requote, QUOTE_QUERY, "a=%26%3d%2B%3b%20b c", "a=%26%3D%2B%3B%20b+c");
    GIVES(requote, QUOTE_PATH, "%", "%25");
    GIVES(requote, QUOTE_PATH, "%25", "%25");
    GIVES(requote, QUOTE_PATH, "/~user/%2F/%2B/A/%25zz%254", "/~user/%2F/%2B/A/%25zz%254");
    GIVES(requote, QUOTE_PATH, "%c3%a9\xc3\xa9%ff", "%C3%A9%C3%A9%FF");
}

static void unquoting_gives_text(void **state)
{
    (void)state;
    GIVES(unquote, UNQUOTE_ALL, "a%20b+c%2Fd%25", "a b+c/d%");
    GIVES(unquote, UNQUOTE_ALL, "%C3%A9%E4%BD%A0%F0%9F%98%80",
          "\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80");
    GIVES(unquote, UNQUOTE_ALL, "%C3x%E4%BD%zz%ff%C0%80%ED%A0%80",
          "%C3x%E4%BD%zz%ff%C0%80%ED%A0%80");
    GIVES(unquote, UNQUOTE_ALL, "a%00b%", "a%00b%");
    GIVES(unquote, UNQUOTE_ALL, "%4", "%4");
    GIVES(unquote, UNQUOTE_PATH_SAFE, "/a%2Fb%25%20", "/a%2Fb%25 ");
    GIVES(unquote, UNQUOTE_QUERY, "a+b%2Bc%3Dd%26%3B%20", "a b%2Bc%3Dd%26%3B ");
    GIVES(unquote, UNQUOTE_FORM, "a+%2B%3D%FF%E4%BD%00", "a +=\xef\xbf\xbd\xef\xbf\xbd%00");
    GIVES(unquote_bytes, 0, "a+%00%fF%2", "a \0\xff%2");
}

static void what_does_not_fit_is_an_error(void **state)
{
    (void)state;
    char memory[4];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__quote(&out, SPAN("ab "), QUOTE_PATH);
    assert_int_equal(out.error, -EMSGSIZE);
    assert_int_equal(out.size, 2);
    bytes_put(&out, 'x');
    assert_int_equal(out.size, 2);
}

static void pairs_of_a_query(void **state)
{
    (void)state;
    static const struct {
        const char *query, *pairs;
    } rows[] = {
        { "a=1&b=2", "(a,1)(b,2)" },     { "a=1&a=2", "(a,1)(a,2)" }, { "&&a&&", "(a,)" },
        { "=v", "(,v)" },                { "=", "(,)" },              { "a==b=", "(a,=b=)" },
        { "a;b=1", "(a;b,1)" },          { "", "" },                  { "&", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char memory[128];
        struct bytes out = bytes_in(memory, sizeof memory);
        struct span query = span_of(rows[i].query), name, value;
        const char *copy = guarded(query.data, query.size);
        for (size_t at = 0;
             aiohttp__query_next((struct span){ copy, query.size }, &at, &name, &value);) {
            bytes_put(&out, '(');
            bytes_add(&out, name);
            bytes_put(&out, ',');
            bytes_add(&out, value);
            bytes_put(&out, ')');
        }
        guarded_free(copy, query.size);
        assert_true(span_is(bytes_span(&out), span_of(rows[i].pairs)));
    }
}

static void forms_are_written_as_browsers_do(void **state)
{
    (void)state;
    char memory[128];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__form_write(&out, 0, SPAN("na me"), SPAN("v&=+~*-._"));
    aiohttp__form_write(&out, 0, SPAN("\0"), SPAN("\xc3\xa9\r\n"));
    assert_true(span_is(bytes_span(&out), SPAN("na+me=v%26%3D%2B%7E*-._&%00=%C3%A9%0D%0A")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_keeps_what_it_may_have),
        cmocka_unit_test(requoting_settles),
        cmocka_unit_test(unquoting_gives_text),
        cmocka_unit_test(what_does_not_fit_is_an_error),
        cmocka_unit_test(pairs_of_a_query),
        cmocka_unit_test(forms_are_written_as_browsers_do),
    };
    return cmocka_run_group_tests_name("quote", tests, NULL, NULL);
}
