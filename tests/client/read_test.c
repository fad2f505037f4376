/* SPDX-License-Identifier: MIT */
/* Bodies of answers: by lines, pieces, events; decompressed; left unread. */
#include "client/client_test.h"

#include <zlib.h>

static int start(struct raw *raw, aiohttp_client_session **ret_session)
{
    int r = raw_start(raw);
    return r < 0 ? r : aiohttp_client_session_new(ret_session);
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n"

static int lines_on(aiohttp_client_response *response)
{
    static const char *const expected[] = { "first\n", "\n", "a longer line\r\n", "last" };
    const char *line;
    for (size_t i = 0; i < 4; i++) {
        int r = aiohttp_client_response_readline(response, &line);
        if (r < 0)
            return r;
        CHECK_TEXT(line, expected[i]);
        CHECK_IS(r, (int)strlen(expected[i]));
    }
    CHECK_IS(aiohttp_client_response_readline(response, &line), 0);
    CHECK(aiohttp_client_response_at_eof(response));
    return 0;
}

static int separators_on(aiohttp_client_response *response)
{
    const char *data;
    char text[16];
    size_t got;
    int r = aiohttp_client_response_readuntil(response, "n\na", 3, &data);
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    /* No such separator: all of it comes, as the last. */
    CHECK_IS(r, 6 + 1 + 15 + 4);
    CHECK_IS(aiohttp_client_response_read_into(response, text, sizeof text), 0);
    CHECK_IS(aiohttp_client_response_readexactly(response, text, 1, &got),
             -ASYNCIO_INCOMPLETE_READ);
    CHECK(got == 0);
    return 0;
}

static int exactly_on(aiohttp_client_response *response)
{
    const char *data;
    char text[32] = "";
    size_t got;
    int r = aiohttp_client_response_readuntil(response, "\n\n", 2, &data);
    if (r < 0)
        return r;
    CHECK_TEXT(data, "first\n\n");
    r = aiohttp_client_response_readexactly(response, text, 8, NULL);
    if (r < 0)
        return r;
    CHECK_TEXT(text, "a longer");
    r = aiohttp_client_response_readexactly(response, text, 32, &got);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -ASYNCIO_INCOMPLETE_READ);
    CHECK(got == 11);
    return 0;
}

static int rest_on(aiohttp_client_response *response)
{
    const char *data, *body;
    size_t size;
    int r = aiohttp_client_response_readline(response, &data);
    if (r < 0)
        return r;
    r = aiohttp_client_response_read(response, &body, &size);
    if (r < 0)
        return r;
    CHECK(size == 20);
    CHECK_BEGINS(body, "\na longer line");
    return 0;
}

typedef int looking(aiohttp_client_response *response);

static int with_answer(const char *answer, size_t size, looking *look)
{
    struct raw raw = { .answer = answer, .size = size };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    int r = start(&raw, &session);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response, .max_body = 4096);
    if (r >= 0) {
        r = look(response);
        aiohttp_client_response_close(response);
        aiohttp_client_response_unref(response);
    }
    return raw_end(&raw, session_end(session, r));
}

static int pieces(void *data)
{
    static const char answer[] = CHUNKED "3\r\nfir\r\n5\r\nst\n\na\r\n8;x=\"y\"\r\n longer \r\n"
                                         "6\r\nline\r\n\r\n4\r\nlast\r\n0\r\nT: x\r\n\r\n";
    static looking *const looks[] = { lines_on, separators_on, exactly_on, rest_on };
    (void)data;
    for (size_t i = 0; i < 4; i++) {
        int r = with_answer(answer, 0, looks[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- events --- */

#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

static int events_on(aiohttp_client_response *response)
{
    aiohttp_client_event event;
    int r = aiohttp_client_response_read_event(response, &event);
    if (r < 0)
        return r;
    CHECK_IS(r, 1);
    CHECK_TEXT(event.event, "message");
    CHECK_TEXT(event.data, "one\ntwo");
    CHECK_TEXT(event.id, "");
    CHECK_IS(event.retry, -1);
    if ((r = aiohttp_client_response_read_event(response, &event)) < 0)
        return r;
    CHECK_TEXT(event.event, "add");
    CHECK_TEXT(event.data, "");
    CHECK_TEXT(event.id, "7");
    CHECK_IS(event.retry, 250);
    if ((r = aiohttp_client_response_read_event(response, &event)) < 0)
        return r;
    CHECK_TEXT(event.event, "message");
    CHECK_TEXT(event.data, " x");
    CHECK_TEXT(event.id, "7");
    CHECK_IS(aiohttp_client_response_read_event(response, &event), 0);
    return 0;
}

static int events(void *data)
{
    (void)data;
    return with_answer(EVENTS "\xef\xbb\xbf: hello\n\ndata: one\rdata:two\r\n\r\n"
                              "event:add\nid: 7\nretry: 250\nretry: x\ndata\n\n"
                              "event: none\n\ndata:  x\n\ndata: not ended\n", 0, events_on);
}

/* --- coded --- */

static size_t gzip(const char *text, size_t size, unsigned char *out, size_t room)
{
    z_stream stream = { .next_in = (unsigned char *)(uintptr_t)text,
                        .avail_in = (unsigned)size,
                        .next_out = out,
                        .avail_out = (unsigned)room };
    if (deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    deflate(&stream, Z_FINISH);
    size_t made = stream.total_out;
    deflateEnd(&stream);
    return made;
}

static int coded_on(aiohttp_client_response *response)
{
    const char *body;
    size_t size;
    int r = aiohttp_client_response_read(response, &body, &size);
    if (r < 0)
        return r;
    CHECK(size == 3000);
    CHECK(body[0] == 'z' && body[2999] == 'z');
    return 0;
}

static int too_much_on(aiohttp_client_response *response)
{
    const char *body;
    int r = aiohttp_client_response_read(response, &body, NULL);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -AIOHTTP_BODY_TOO_LARGE);
    return 0;
}

static int coded_with(size_t size, looking *look)
{
    static char text[100000], answer[2048];
    unsigned char packed[1024];
    memset(text, 'z', sizeof text);
    size_t count = gzip(text, size, packed, sizeof packed);
    int head = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                                               "Content-Length: %zu\r\n\r\n", count);
    memcpy(answer + head, packed, count);
    return with_answer(answer, (size_t)head + count, look);
}

static int coded(void *data)
{
    (void)data;
    int r = coded_with(3000, coded_on);
    return r < 0 ? r : coded_with(100000, too_much_on);
}

/* --- text, JSON, cookies, links --- */

#define META                                                                                       \
    "HTTP/1.1 200 Fine\r\nContent-Type: application/problem+json; charset=ISO-8859-1\r\n"          \
    "Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=\"x y\"\r\nSet-Cookie: ;;\r\n"                       \
    "Link: <https://a/1,2>; rel=\"prev start\", </p?page=3>; title=\"a,b\"; rel=next\r\n"          \
    "Content-Length: 9\r\n\r\n{\"k\":\"\xe4\"}"

static int meta_on(aiohttp_client_response *response)
{
    aiohttp_client_cookie cookie;
    size_t position = 0;
    CHECK_TEXT(aiohttp_client_response_content_type(response), "application/problem+json");
    CHECK_TEXT(aiohttp_client_response_charset(response), "iso-8859-1");
    CHECK_TEXT(aiohttp_client_response_reason(response), "Fine");
    CHECK_IS(aiohttp_client_response_content_length(response), 9);
    int r = aiohttp_client_response_cookies(response, &position, &cookie);
    if (r < 0)
        return r;
    CHECK_IS(r, 1);
    CHECK_TEXT(cookie.name, "a");
    CHECK_TEXT(cookie.value, "1");
    if ((r = aiohttp_client_response_cookies(response, &position, &cookie)) < 0)
        return r;
    CHECK_TEXT(cookie.value, "x y");
    CHECK_IS(aiohttp_client_response_cookies(response, &position, &cookie), 0);
    aiohttp_url *url;
    if ((r = aiohttp_client_response_link(response, "next", &url)) < 0)
        return r;
    CHECK_HAS(aiohttp_url_str(url), "/p?page=3");
    aiohttp_url_unref(url);
    if ((r = aiohttp_client_response_link(response, "start", &url)) < 0)
        return r;
    CHECK_TEXT(aiohttp_url_str(url), "https://a/1,2");
    aiohttp_url_unref(url);
    CHECK_IS(aiohttp_client_response_link(response, "last", &url), -ENOENT);
    const char *text;
    if ((r = aiohttp_client_response_text(response, &text)) < 0)
        return r;
    CHECK_TEXT(text, "{\"k\":\"\xc3\xa4\"}");
    r = aiohttp_client_response_text(response, &text, .encoding = "utf-8");
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EILSEQ);
    r = aiohttp_client_response_text(response, &text, .encoding = "utf-8", .replace = 1);
    if (r < 0)
        return r;
    CHECK_TEXT(text, "{\"k\":\"\xef\xbf\xbd\"}");
    r = aiohttp_client_response_text(response, &text, .encoding = "nonsense");
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EINVAL);
    struct json_t *json;
    r = aiohttp_client_response_json(response, &json);
    if (r < 0)
        return r;
    CHECK_TEXT(json_string_value(json_object_get(json, "k")), "\xc3\xa4");
    json_decref(json);
    r = aiohttp_client_response_json(response, &json, .content_type = "application/json");
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -AIOHTTP_CONTENT_TYPE);
    return 0;
}

static int meta(void *data)
{
    (void)data;
    return with_answer(META, sizeof META - 1, meta_on);
}

/* --- left unread --- */

static int unread(void *data)
{
    struct raw raw = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
                       .keeps = true };
    struct raw whole = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
                         .keeps = true };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    (void)data;
    int r = start(&raw, &session);
    if (r >= 0)
        r = raw_start(&whole);
    unsigned before = reports.count;
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response);
    if (r >= 0)
        aiohttp_client_response_unref(response);
    bool is_reported = reports.count == before + 1 && strstr(reports.message, "Unclosed response");
    for (int i = 0; i < 2 && r >= 0; i++) {
        r = aiohttp_client_session_get(session, raw_url(&whole, "/"), &response);
        if (r >= 0 && i == 0)
            aiohttp_client_response_unref(response);
        else if (r >= 0) {
            r = aiohttp_client_response_release(response);
            aiohttp_client_response_unref(response);
        }
        if (r >= 0)
            r = settle();
    }
    int connections = whole.connections;
    r = raw_end(&whole, raw_end(&raw, session_end(session, r)));
    if (r < 0)
        return r;
    CHECK(is_reported);
    /* One byte at a time it may not have come yet: then the connection is closed. */
    CHECK(connections == 1 || world.is_chopped || world.is_seeded);
    return 0;
}

static int unclosed(void *data)
{
    struct raw raw = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", .keeps = true };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    const char *body;
    (void)data;
    int r = start(&raw, &session);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response);
    unsigned before = reports.count;
    if (r >= 0) {
        r = aiohttp_client_response_read(response, &body, NULL);
        aiohttp_client_session_unref(session); /* it lives as long as its responses */
        session = NULL;
        aiohttp_client_response_unref(response);
    }
    if (r >= 0) {
        CHECK_IS((int)(reports.count - before), 1);
        CHECK_TEXT(reports.message, "Unclosed client session");
    }
    return raw_end(&raw, session_end(session, r));
}

/* What is behind a separator is not the line's: it neither counts nor is it looked at. */
static int short_lines_on(aiohttp_client_response *response)
{
    static const char *const expected[] = { "a\r\n", "\r\n", "\r\r\n", "longer\r\n", "\n\r\r\n" };
    const char *data;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        int r = aiohttp_client_response_readuntil(response, "\r\n", 2, &data);
        if (r < 0)
            return r;
        CHECK_TEXT(data, expected[i]);
        CHECK_IS(r, (int)strlen(expected[i]));
    }
    int r = aiohttp_client_response_readuntil(response, "12121", 5, &data);
    if (r < 0)
        return r;
    CHECK_TEXT(data, "1112121");
    r = aiohttp_client_response_readuntil(response, "\r\n", 2, &data);
    return r == -AIOHTTP_BODY_TOO_LARGE ? 0 : r < 0 ? r : -EPROTO;
}

static int short_lines(void *data)
{
    struct raw raw = { .answer =
                           "HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\na\r\n\r\n\r\r\nlonger"
                           "\r\n\n\r\r\n1112121too long\r\nrest.",
                       .keeps = true };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    (void)data;
    int r = start(&raw, &session);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response, .max_body = 8);
    if (r >= 0) {
        r = short_lines_on(response);
        aiohttp_client_response_unref(response);
    }
    return raw_end(&raw, session_end(session, r));
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(pieces)
CASE(events)
CASE(coded)
CASE(meta)
CASE(unread)
CASE(unclosed)
CASE(short_lines)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_test), cmocka_unit_test(events_test),
        cmocka_unit_test(coded_test),  cmocka_unit_test(meta_test),
        cmocka_unit_test(unread_test), cmocka_unit_test(unclosed_test),
        cmocka_unit_test(short_lines_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
