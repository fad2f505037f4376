/* SPDX-License-Identifier: MIT */
/* Challenges of WWW-Authenticate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/challenge.h"

#include <errno.h>

/* All challenges: "scheme|token|parameters;", and "!" for what is broken. */
static void has(const char *text, const char *expected)
{
    char all[512] = "";
    struct challenge challenge;
    const char *copy = guarded(text, strlen(text));
    struct span span = { copy, strlen(text) };
    size_t at = 0;
    int r;
    while ((r = aiohttp__challenge_next(span, &at, &challenge)) > 0) {
        size_t have = strlen(all);
        snprintf(all + have, sizeof all - have, "%.*s|%.*s|%.*s;", (int)challenge.scheme.size,
                 challenge.scheme.data, (int)challenge.token.size, challenge.token.data,
                 (int)challenge.parameters.size, challenge.parameters.data);
    }
    size_t have = strlen(all);
    if (r < 0)
        snprintf(all + have, sizeof all - have, "!");
    else
        assert_int_equal(at, span.size);
    guarded_free(copy, strlen(text));
    assert_string_equal(all, expected);
}

static void several(void **state)
{
    (void)state;
    has("", "");
    has(" , ,", "");
    has("Basic realm=\"a\"", "Basic||realm=\"a\";");
    has("Basic", "Basic||;");
    has("Negotiate, Basic realm=x", "Negotiate||;Basic||realm=x;");
    has("Negotiate YII=, Basic realm=x", "Negotiate|YII=|;Basic||realm=x;");
    has("NTLM TlRM==", "NTLM|TlRM==|;");
    has("NTLM abc", "NTLM|abc|;");
    /* RFC 9110, 11.6.1 */
    has("Basic realm=\"simple\", Newauth realm=\"apps\", type=1, title=\"Log in \\\"apps\\\"\"",
        "Basic||realm=\"simple\";Newauth||realm=\"apps\", type=1, title=\"Log in \\\"apps\\\"\";");
    has("Digest a=1,,b = \"2, c=3\" ,  Basic", "Digest||a=1,,b = \"2, c=3\" ;Basic||;");
    has("X , Y a=b", "X||;Y||a=b;");
}

static void what_is_broken(void **state)
{
    (void)state;
    has("\"a\"", "!");
    has("Basic realm=\"a", "!");
    has("Basic realm=\"a\\", "!");
    has("Basic realm=", "Basic|realm=|;");
    has("Basic realm=\"a\" x", "!");
    has("Basic a b", "!");
    has("Basic=x", "!");
    has("Basic realm=a, =b", "Basic||realm=a;!");
}

static void parameters(void **state)
{
    (void)state;
    struct challenge challenge;
    struct parameter parameter;
    size_t at = 0;
    struct span text = SPAN("Digest realm=\"r\", , nonce=n, realm=again");
    assert_int_equal(aiohttp__challenge_next(text, &at, &challenge), 1);
    assert_true(aiohttp__challenge_parameter(&challenge, SPAN("REALM"), &parameter));
    assert_true(span_is(parameter.value, SPAN("r")) && parameter.is_quoted);
    assert_true(aiohttp__challenge_parameter(&challenge, SPAN("nonce"), &parameter));
    assert_true(span_is(parameter.value, SPAN("n")) && !parameter.is_quoted);
    assert_false(aiohttp__challenge_parameter(&challenge, SPAN("qop"), &parameter));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several),
        cmocka_unit_test(what_is_broken),
        cmocka_unit_test(parameters),
    };
    return cmocka_run_group_tests_name("challenge", tests, NULL, NULL);
}
