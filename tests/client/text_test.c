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
    r = aiohttp_client_response_text(response, &bad, .encoding = "no such");
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EINVAL);
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

static void texts_test(void **state)
{
    (void)state;
    run_everywhere(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(texts_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
