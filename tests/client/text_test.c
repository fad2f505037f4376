/* SPDX-License-Identifier: MIT */
/* Texts of a response: decoded from what it says or what is asked for, each lent as long as the
 * response lives. */
#include "client/client_test.h"

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
                             "Content-Length: 4\r\n\r\na\xe4\xf6z";

static int look(aiohttp_client_response *response)
{
    const char *first, *again, *other, *bad;
    size_t size = 0;
    int r = aiohttp_client_response_text(response, &first);
    if (r >= 0)
        r = aiohttp_client_response_text(response, &other, .encoding = "koi8-r");
    if (r < 0)
        return r;
    CHECK_TEXT(first, "a\xc3\xa4\xc3\xb6z");
    CHECK_TEXT(other, "a\xd0\x94\xd0\x96z");
    r = aiohttp_client_response_text(response, &bad, .encoding = "utf-8");
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EILSEQ);
    static const char *const none[] = { "no such", "no-such", "koi8-r//IGNORE", "//", "" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        r = aiohttp_client_response_text(response, &bad, .encoding = none[i]);
        if (r == -ENOMEM)
            return r;
        CHECK_IS(r, -EINVAL);
    }
    /* what the program chooses may be any that there is */
    r = aiohttp_client_response_text(response, &bad, .encoding = "IBM037");
    if (r < 0)
        return r;
    CHECK_TEXT(bad, "/U6:");
    r = aiohttp_client_response_text(response, &bad, .encoding = "utf-8", .replace = 1);
    if (r >= 0)
        r = aiohttp_client_response_text(response, &again, .ret_size = &size);
    if (r < 0)
        return r;
    CHECK_TEXT(bad, "a\xef\xbf\xbd\xef\xbf\xbdz");
    CHECK_TEXT(first, "a\xc3\xa4\xc3\xb6z");
    CHECK_TEXT(other, "a\xd0\x94\xd0\x96z");
    CHECK(again == first && size == 6);
    return 0;
}

static int texts(void *data)
{
    struct raw raw = { .answer = answer, .keeps = true };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response = NULL;
    (void)data;
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response);
    if (r >= 0)
        r = look(response);
    aiohttp_client_response_unref(response);
    return raw_end(&raw, session_end(session, r));
}

/* What a peer says, what it is taken for, and what comes of it: text, or NULL for what is none. */
static const struct {
    const char *type, *body, *encoding, *text;
} said[] = {
    { "text/plain; charset=Shift_JIS", "\x8a\xbf\\", "shift_jis", "\xe6\xbc\xa2\\" },
    { "text/plain; charset=windows-1252", "\x80", "windows-1252", "\xe2\x82\xac" },
    { "text/plain; charset=windows-1252", "\x81", "windows-1252", NULL },
    { "text/plain; charset=gbk", "a\xba\xba", "gbk", "a\xe6\xb1\x89" },
    { "text/plain; charset=gbk", "a\xba", "gbk", NULL },
    { "text/plain; charset=UTF-16", "\xfe\xff\x6f\x22", "utf-16", "\xe6\xbc\xa2" },
    { "text/plain; charset=us-ascii", "a", "us-ascii", "a" },
    { "text/plain; charset=us-ascii", "\xc3\xa4", "us-ascii", NULL },
    { "text/plain; charset=utf-8", "\xf4\x90\x80\x80", "utf-8", NULL }, /* beyond Unicode */
    /* not for peers to choose: they are taken for what the session says */
    { "text/plain; charset=\"koi8-r//IGNORE\"", "\xc3\xa4", "utf-8", "\xc3\xa4" },
    { "text/plain; charset=\"//\"", "\xc3\xa4", "utf-8", "\xc3\xa4" },
    { "text/plain; charset=\"../../tmp/x\"", "a", "utf-8", "a" },
    { "text/plain; charset=utf-7", "+ADw-", "utf-8", "+ADw-" },
    { "text/plain; charset=ibm037", "a", "utf-8", "a" },
    { "text/plain; charset=iso-2022-kr", "a", "utf-8", "a" },
};

static int say(aiohttp_client_session *session, size_t i)
{
    char text[512];
    const char *got;
    aiohttp_client_response *response = NULL;
    struct raw raw = { .answer = text };
    snprintf(text, sizeof text,
             "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", said[i].type,
             strlen(said[i].body), said[i].body);
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response);
    if (r >= 0) {
        r = aiohttp_client_response_text(response, &got);
        if (r >= 0 && (!said[i].text || strcmp(got, said[i].text) != 0))
            r = -EPROTO;
        else if (r == -EILSEQ && !said[i].text)
            r = 0;
        if (strcmp(aiohttp_client_response_get_encoding(response), said[i].encoding) != 0)
            r = -EPROTO;
        if (r == -EPROTO)
            print_error("row %zu: %s\n", i, aiohttp_client_response_get_encoding(response));
    }
    aiohttp_client_response_unref(response);
    return raw_end(&raw, r);
}

static int charsets(void *data)
{
    aiohttp_client_session *session = NULL;
    (void)data;
    int r = aiohttp_client_session_new(&session);
    for (size_t i = 0; i < sizeof said / sizeof *said && r >= 0; i++)
        r = say(session, i);
    return session_end(session, r);
}

static void charsets_test(void **state)
{
    (void)state;
    run_everywhere(charsets);
}

static void texts_test(void **state)
{
    (void)state;
    run_everywhere(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_test),
                                        cmocka_unit_test(charsets_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
