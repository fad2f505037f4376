/* SPDX-License-Identifier: MIT */
/* The text of a netrc file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/netrc.h"

#include <errno.h>

/* "login:password" of a host, "-" for none, "!LINE" for what is no netrc. */
static void says(const char *text, const char *host, const char *expected)
{
    char memory[512], answer[512];
    struct netrc netrc;
    struct bytes out = bytes_in(memory, sizeof memory);
    const char *copy = guarded(text, strlen(text));
    int r = aiohttp__netrc_read(&out, (struct span){ copy, strlen(text) }, span_of(host), &netrc);
    guarded_free(copy, strlen(text));
    if (r > 0)
        snprintf(answer, sizeof answer, "%.*s:%.*s", (int)netrc.login.size, netrc.login.data,
                 (int)netrc.password.size, netrc.password.data);
    else if (r == 0)
        snprintf(answer, sizeof answer, "-");
    else
        snprintf(answer, sizeof answer, "!%zu", netrc.line);
    assert_in_range(r + 100, -EINVAL + 100, 101);
    assert_string_equal(answer, expected);
}

static void machines(void **state)
{
    (void)state;
    const char *text = "machine a.org login one password two\n"
                       "machine b.org\n\tlogin three\n\taccount x\n\tpassword four\n"
                       "machine a.org login again password again\n"
                       "machine c.org password alone machine d.org user who\n";
    says(text, "a.org", "one:two");
    says(text, "A.ORG", "one:two");
    says(text, "b.org", "three:four");
    says(text, "c.org", ":alone");
    says(text, "d.org", "who:");
    says(text, "e.org", "-");
    says("", "e.org", "-");
    says(" \n\n", "e.org", "-");
}

static void the_default(void **state)
{
    (void)state;
    says("machine a login b password c\ndefault login d password e\n", "x", "d:e");
    says("machine a login b password c\ndefault login d password e\n", "a", "b:c");
    /* also when it is not last */
    says("default login d password e machine a login b password c", "a", "b:c");
    says("default login d password e default login f password g", "a", "d:e");
}

static void macros_and_comments(void **state)
{
    (void)state;
    const char *text = "# login x\n"
                       "machine a login b password #c # more words\n"
                       "macdef init\n machine z login no password no\n cd /\n\n"
                       "#comment\nmachine d login e password f";
    says(text, "a", "b:#c");
    says(text, "d", "e:f");
    says(text, "z", "-");
    says("macdef init\nmachine z login a password b\n", "z", "-");
    says("macdef init\r\nline\r\n\r\nmachine z login a password b\r\n", "z", "a:b");
    says("#", "z", "-");
}

static void quotes_and_backslashes(void **state)
{
    (void)state;
    says("machine a login \"b c\" password \"d\\\"e\"", "a", "b c:d\"e");
    says("machine a login b\\ c password \\\\d\\\n", "a", "b c:\\d\n");
    says("machine a login \"\" password \"\"", "a", ":");
    says("machine \"a b\" login c password d\\", "a b", "c:d\\");
}

static void what_is_none(void **state)
{
    (void)state;
    says("machine", "a", "!1");
    says("machine a login", "a", "!1");
    says("machine a login b password", "a", "!1");
    says("\n\nmachine a login b\nnonsense", "a", "!4");
    says("login b", "a", "!1");
    says("\nmachine a login \"b\nc", "a", "!3");
}

static void memory_that_is_too_small(void **state)
{
    char memory[4];
    struct netrc netrc;
    (void)state;
    struct bytes out = bytes_in(memory, sizeof memory);
    assert_int_equal(aiohttp__netrc_read(&out, SPAN("machine a login abcde password b"), SPAN("a"),
                                         &netrc),
                     -EMSGSIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines),
        cmocka_unit_test(the_default),
        cmocka_unit_test(macros_and_comments),
        cmocka_unit_test(quotes_and_backslashes),
        cmocka_unit_test(what_is_none),
        cmocka_unit_test(memory_that_is_too_small),
    };
    return cmocka_run_group_tests_name("netrc", tests, NULL, NULL);
}
