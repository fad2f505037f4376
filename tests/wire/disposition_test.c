/* SPDX-License-Identifier: MIT */
/* Content-Disposition, Forwarded, Link, Authorization: Basic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "wire/disposition.h"
#include "wire/forwarded.h"
#include "wire/basic.h"
#include "wire/base64.h"

#include <errno.h>

static void names(const char *text, const char *name, const char *filename)
{
    struct disposition disposition;
    char memory[256];
    struct bytes out = bytes_in(memory, sizeof memory);
    const char *copy = guarded(text, strlen(text));
    int r = aiohttp__disposition_parse((struct span){ copy, strlen(text) }, &disposition);
    if (r < 0)
        fail_msg("%s", text);
    assert_int_equal(aiohttp__disposition_name(&out, &disposition), name != NULL);
    assert_true(span_is(bytes_span(&out), span_of(name ? name : "")));
    out.size = 0;
    assert_int_equal(aiohttp__disposition_filename(&out, &disposition), filename != NULL);
    if (!span_is(bytes_span(&out), span_of(filename ? filename : "")))
        fail_msg("%s: %.*s", text, (int)out.size, out.data);
    guarded_free(copy, strlen(text));
}

static void names_of_parts_and_files(void **state)
{
    (void)state;
    names("form-data; name=\"a\"; filename=\"b c.txt\"", "a", "b c.txt");
    names("form-data; name=a", "a", NULL);
    names("attachment", NULL, NULL);
    names("form-data; name=\"\xc3\xa9\"; filename=\"\"", "\xc3\xa9", "");
    names("form-data; name=\"a\\\"b\"; filename=\"C:\\dir\\x.txt\"", "a\"b", "C:\\dir\\x.txt");
    names("attachment; filename=\"x\"; filename*=UTF-8''%e2%82%ac%20y", NULL, "\xe2\x82\xac y");
    names("attachment; filename*=iso-8859-1'en'%A3", NULL, "\xc2\xa3");
    names("attachment; filename*=UTF-8''%ff; filename=x", NULL, "x");
    names("attachment; filename*=UTF-8''a%00b; filename=x", NULL, "x");
    names("attachment; filename*=koi8-r''a; filename=x", NULL, "x");
    names("attachment; filename*=UTF-8'a; filename=x", NULL, "x");
    names("attachment; FILENAME=x; foo=bar", NULL, "x");
}

static void what_is_no_disposition(void **state)
{
    (void)state;
    static const char *const rows[] = { "", ";", "; name=a", "form-data name=a", "form-data; name=",
                                        "form-data; name=\"a", "form-data; name=a; name=b",
                                        "form-data; name=a b", "form-data; filename=a; Filename=b",
                                        "form-data; name=\"a\r\nb\"" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct disposition disposition;
        if (aiohttp__disposition_parse(span_of(rows[i]), &disposition) != -EINVAL)
            fail_msg("%s", rows[i]);
    }
}

static void folders_are_cut_off(void **state)
{
    (void)state;
    assert_true(span_is(aiohttp__disposition_base(SPAN("../../etc/passwd")), SPAN("passwd")));
    assert_true(span_is(aiohttp__disposition_base(SPAN("C:\\a\\b")), SPAN("b")));
    assert_true(span_is(aiohttp__disposition_base(SPAN("a/")), SPAN("")));
    assert_true(span_is(aiohttp__disposition_base(SPAN("a")), SPAN("a")));
}

static void dispositions_are_written(void **state)
{
    (void)state;
    char memory[256];
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__disposition_write_form(&out, SPAN("a\"\r\nX: y"), &SPAN("f\xc3\xa9"));
    assert_true(span_is(bytes_span(&out),
                        SPAN("form-data; name=\"a%22%0D%0AX: y\"; filename=\"f\xc3\xa9\"")));
    aiohttp__disposition_write_form(&out, SPAN("a\0b"), NULL);
    assert_int_equal(out.error, -EINVAL);
    out = bytes_in(memory, sizeof memory);
    aiohttp__disposition_write(&out, SPAN("attachment"), &SPAN("a\"\r\n\xe2\x82\xac.txt"));
    assert_true(span_is(bytes_span(&out),
                        SPAN("attachment; filename=\"a\\\"_____.txt\"; "
                             "filename*=UTF-8''a%22__%E2%82%AC.txt")));
    names("attachment; filename=\"a\\\"_____.txt\"; filename*=UTF-8''a%22__%E2%82%AC.txt", NULL,
          "a\"__\xe2\x82\xac.txt");
    out.size = 0;
    aiohttp__disposition_write(&out, SPAN("inline"), &SPAN("x.txt"));
    assert_true(span_is(bytes_span(&out), SPAN("inline; filename=\"x.txt\"")));
    aiohttp__disposition_write(&out, SPAN("in line"), NULL);
    assert_int_equal(out.error, -EINVAL);
}

static void forwarded(void **state)
{
    (void)state;
    struct forwarded element;
    size_t at = 0;
    struct span text =
        SPAN("for=192.0.2.43;by=x;Proto=https;host=h, for=\"[2001:db8::1]:80\", for=a b, by=_y");
    const char *copy = guarded(text.data, text.size);
    struct span field = { copy, text.size };
    assert_int_equal(aiohttp__forwarded_next(field, &at, &element), 1);
    assert_true(span_is(element.for_.value, SPAN("192.0.2.43")) &&
                span_is(element.by.value, SPAN("x")));
    assert_true(span_is(element.proto.value, SPAN("https")) &&
                span_is(element.host.value, SPAN("h")));
    assert_int_equal(aiohttp__forwarded_next(field, &at, &element), 1);
    assert_true(span_is(element.for_.value, SPAN("[2001:db8::1]:80")) && !element.by.has_value);
    assert_int_equal(aiohttp__forwarded_next(field, &at, &element), -EINVAL);
    assert_int_equal(aiohttp__forwarded_next(field, &at, &element), 1);
    assert_true(span_is(element.by.value, SPAN("_y")));
    assert_int_equal(aiohttp__forwarded_next(field, &at, &element), 0);
    guarded_free(copy, text.size);
    static const char *const wrong[] = { "for", "for=a;for=b", "for=", "for=\"a" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        at = 0;
        assert_int_equal(aiohttp__forwarded_next(span_of(wrong[i]), &at, &element), -EINVAL);
    }
}

static void links(void **state)
{
    (void)state;
    struct link link;
    struct parameter parameter;
    size_t at = 0;
    struct span text = SPAN("<http://a/?x,y>; rel=\"next, prev\"; title=t,</b>;rel=last , <>");
    const char *copy = guarded(text.data, text.size);
    struct span field = { copy, text.size };
    assert_int_equal(aiohttp__link_next(field, &at, &link), 1);
    assert_true(span_is(link.target, SPAN("http://a/?x,y")));
    assert_true(aiohttp__link_parameter(&link, SPAN("REL"), &parameter));
    assert_true(span_is(parameter.value, SPAN("next, prev")));
    assert_int_equal(aiohttp__link_next(field, &at, &link), 1);
    assert_true(span_is(link.target, SPAN("/b")));
    assert_true(aiohttp__link_parameter(&link, SPAN("rel"), &parameter));
    assert_int_equal(aiohttp__link_next(field, &at, &link), 1);
    assert_true(link.target.size == 0 && !aiohttp__link_parameter(&link, SPAN("rel"), &parameter));
    assert_int_equal(aiohttp__link_next(field, &at, &link), 0);
    guarded_free(copy, text.size);
    static const char *const wrong[] = { "x", "<x", "<x> y", "<x\r\n>" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        at = 0;
        assert_int_equal(aiohttp__link_next(span_of(wrong[i]), &at, &link), -EINVAL);
    }
}

static void basic(void **state)
{
    (void)state;
    char memory[128], back[128];
    static const struct {
        const char *user, *password, *field;
    } rows[] = {
        { "Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" },
        { "", "", "Basic Og==" },
        { "u", ":p:", "Basic dTo6cDo=" },
        { "\xc3\xa9", "x", "Basic w6k6eA==" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes out = bytes_in(memory, sizeof memory), text = bytes_in(back, sizeof back);
        struct span user, password;
        aiohttp__basic_write(&out, span_of(rows[i].user), span_of(rows[i].password));
        assert_true(span_is(bytes_span(&out), span_of(rows[i].field)));
        assert_int_equal(aiohttp__basic_read(&text, bytes_span(&out), &user, &password), 0);
        assert_true(span_is(user, span_of(rows[i].user)));
        assert_true(span_is(password, span_of(rows[i].password)));
    }
    static const char *const wrong[] = {
        "",           "Basic",      "Basic ",        "Bearer Og==", "Basic Og=",
        "Basic Og",   "Basic O===", "Basic YQ==",    "Basic Oh==",  "Basic O g=",
        "Basic OgAA", "Basic =g==", "Basic Og==Og=="
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bytes text = bytes_in(back, sizeof back);
        struct span user, password;
        if (aiohttp__basic_read(&text, span_of(wrong[i]), &user, &password) != -EINVAL)
            fail_msg("%s", wrong[i]);
    }
    struct bytes out = bytes_in(memory, sizeof memory);
    aiohttp__basic_write(&out, SPAN("a:b"), SPAN(""));
    assert_int_equal(out.error, -EINVAL);
    out = bytes_in(memory, sizeof memory);
    aiohttp__basic_write(&out, SPAN("a"), SPAN("b\r\n"));
    assert_int_equal(out.error, -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_parts_and_files),
        cmocka_unit_test(what_is_no_disposition),
        cmocka_unit_test(folders_are_cut_off),
        cmocka_unit_test(dispositions_are_written),
        cmocka_unit_test(forwarded),
        cmocka_unit_test(links),
        cmocka_unit_test(basic),
    };
    return cmocka_run_group_tests_name("disposition", tests, NULL, NULL);
}
