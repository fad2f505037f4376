/* SPDX-License-Identifier: MIT */
/* Lists, parameters, quoted strings, weights: what fields are made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/fields.h"

#include <errno.h>

static void lists(struct span text, const char *wanted)
{
    char memory[256];
    struct bytes out = bytes_in(memory, sizeof memory);
    const char *copy = guarded(text.data, text.size);
    struct span element;
    for (size_t at = 0; aiohttp__list_next((struct span){ copy, text.size }, &at, &element);) {
        bytes_put(&out, '[');
        bytes_add(&out, element);
        bytes_put(&out, ']');
    }
    guarded_free(copy, text.size);
    assert_true(span_is(bytes_span(&out), span_of(wanted)));
}

static void commas_divide_but_in_quotes(void **state)
{
    (void)state;
    lists(SPAN("a, b ,c"), "[a][b][c]");
    lists(SPAN(",, a,,"), "[a]");
    lists(SPAN("a=\"x,y\", b"), "[a=\"x,y\"][b]");
    lists(SPAN("a=\"x\\\",y\", b"), "[a=\"x\\\",y\"][b]");
    lists(SPAN("a=\"x,y"), "[a=\"x,y]");
    lists(SPAN("a=\"x\\"), "[a=\"x\\]");
    lists(SPAN(""), "");
    lists(SPAN(" \t,"), "");
}

static void parameters(const char *text, const char *wanted)
{
    char memory[256];
    struct bytes out = bytes_in(memory, sizeof memory);
    const char *copy = guarded(text, strlen(text));
    struct parameter parameter;
    int r;
    for (size_t at = 0;
         (r = aiohttp__parameter_next((struct span){ copy, strlen(text) }, &at, &parameter)) > 0;) {
        bytes_put(&out, '[');
        bytes_add(&out, parameter.name);
        bytes_text(&out, parameter.has_value ? parameter.is_quoted ? "\"" : "=" : "");
        aiohttp__quoted_read(&out, parameter.value);
        bytes_put(&out, ']');
    }
    if (r < 0)
        bytes_put(&out, '!');
    guarded_free(copy, strlen(text));
    if (!span_is(bytes_span(&out), span_of(wanted)))
        fail_msg("%s: %.*s", text, (int)out.size, out.data);
}

static void parameters_follow_semicolons(void **state)
{
    (void)state;
    parameters("; a=b;c=\"d;e\"", "[a=b][c\"d;e]");
    parameters("a=b; c", "[a=b][c]");
    parameters(" ;; a = b ;", "[a=b]");
    parameters("a=\"x\\\"y\\\\\"", "[a\"x\"y\\]");
    parameters("a=\"\"", "[a\"]");
    parameters("", "");
    parameters(";", "");
    parameters("a=", "!");
    parameters("=b", "!");
    parameters("a=b c=d", "!");
    parameters("a=b; c=d e", "[a=b]!");
    parameters("a=\"x", "!");
    parameters("a=\"x\\\"", "!");
    parameters("a=\"", "!");
    parameters("a=\"x\r\ny\"", "!");
    parameters("a=\"x\"y", "!");
    parameters("\xc3\xa9=1", "!");
}

static void written(struct span text, const char *wanted)
{
    char memory[64];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__quoted_write(&out, text);
    if (!wanted) {
        assert_int_equal(out.error, -EINVAL);
        return;
    }
    assert_int_equal(out.error, 0);
    assert_true(span_is(bytes_span(&out), span_of(wanted)));
}

static void quotes_only_where_needed(void **state)
{
    (void)state;
    written(SPAN("token"), "token");
    written(SPAN(""), "\"\"");
    written(SPAN("a b"), "\"a b\"");
    written(SPAN("a\"\\"), "\"a\\\"\\\\\"");
    written(SPAN("a\r\nb"), NULL);
    written(SPAN("a\0"), NULL);
}

static void weights(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int wanted;
    } rows[] = {
        { "0", 0 },       { "1", 1000 },   { "0.5", 500 }, { "0.", 0 },     { "1.000", 1000 },
        { "0.001", 1 },   { "1.001", -1 }, { "", -1 },     { "0.0001", -1 }, { "2", -1 },
        { "-1", -1 },     { ".5", -1 },    { "0,5", -1 },  { "0.5x", -1 },  { "1e0", -1 },
        { "\xd9\xa1", -1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(aiohttp__quality(span_of(rows[i].text)), rows[i].wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_divide_but_in_quotes),
        cmocka_unit_test(parameters_follow_semicolons),
        cmocka_unit_test(quotes_only_where_needed),
        cmocka_unit_test(weights),
    };
    return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
