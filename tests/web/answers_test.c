/* SPDX-License-Identifier: MIT */
/* What becomes of what a handler does: answers, errors, nothing, streams, headers. */
#include "web/web_test.h"

#include <jansson.h>

/* At once, after a content type that was set among the headers, and longer than a little. */
static int set_json(aiohttp_web_request *request, const char *path)
{
    char text[2001];
    memset(text, 'j', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    json_t *json = strcmp(path, "/json/long") == 0 ? json_string(text) : json_pack("[is]", 1, "a");
    int r = json ? 0 : -ENOMEM;
    if (r >= 0 && strcmp(path, "/json/typed") == 0)
        r = aiohttp_web_response_set_header(response, "Content-Type", "text/mine");
    if (r >= 0)
        r = aiohttp_web_respond_json(request, json);
    json_decref(json);
    return r;
}

/* The same without a value between. What is refused sets no answer. */
static int pack_json(aiohttp_web_request *request, const char *path)
{
    static const char *const fields[] = { "X-One", "1", NULL };
    char text[2001];
    memset(text, 'j', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    if (strcmp(path, "/packed/long") == 0)
        return aiohttp_web_respond_json_pack(request, "s", text);
    if (strcmp(path, "/packed/bad") == 0) {
        int r = aiohttp_web_respond_json_pack(request, "{s:s}", "a", "\xff");
        return r == -EINVAL ? 0 : r < 0 ? r : -EPROTO;
    }
    if (strcmp(path, "/packed/created") == 0)
        return aiohttp_web_respond_json_pack_with(
            request, AIOHTTP_WEB_RESPONSE(.status = 201, .reason = "Made", .headers = fields,
                                          .is_lent = 1), "{s:b}", "made", 1);
    if (strcmp(path, "/packed/typed") == 0)
        return aiohttp_web_respond_json_pack_with(
            request, AIOHTTP_WEB_RESPONSE(.content_type = "application/problem+json"), "[]");
    return aiohttp_web_respond_json_pack(request, "[i,s]", 1, "a");
}

static int set(aiohttp_web_request *request, const char *path)
{
    static const char *const fields[] = { "X-One", "1", "X-Two", "2", NULL };
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    if (strcmp(path, "/created") == 0)
        return aiohttp_web_respond(request, "made", .status = 201, .reason = "Made",
                                   .content_type = "text/html", .headers = fields);
    if (strcmp(path, "/empty") == 0)
        return aiohttp_web_respond(request, "");
    if (strcmp(path, "/nothing") == 0)
        return aiohttp_web_respond(request, "dropped", .status = 204);
    if (strcmp(path, "/reset") == 0)
        return aiohttp_web_respond(request, "dropped", .status = 205);
    if (strncmp(path, "/kept", 5) == 0) {
        static const char *const kept[] = { "connection", "Keep-Alive", NULL };
        static const char *const other[] = { "Connection", "X-Hop", "X-Hop", "1", NULL };
        return aiohttp_web_respond(request, "kept", .headers = path[5] ? other : kept);
    }
    if (strcmp(path, "/twice") == 0) {
        int r = aiohttp_web_respond(request, "one", .status = 201);
        return r < 0 ? r : aiohttp_web_respond(request, "two");
    }
    if (strcmp(path, "/changed") == 0) {
        int r = aiohttp_web_respond(request, "one");
        if (r >= 0)
            r = aiohttp_web_response_set_status(response, 202, NULL);
        if (r >= 0)
            r = aiohttp_web_response_set_body(response, "changed", 7);
        return r;
    }
    if (strcmp(path, "/split") == 0) {
        int r = aiohttp_web_response_set_header(response, "X-A", "b\r\nX-C: d");
        return r == -EINVAL ? aiohttp_web_respond(request, "refused") : -EPROTO;
    }
    if (strcmp(path, "/wide") == 0) {
        /* More than what is held back at most. */
        static char wide[6001];
        memset(wide, 'w', sizeof wide - 1);
        int r = aiohttp_web_response_set_header(response, "X-Wide", wide);
        return r < 0 ? r : aiohttp_web_respond(request, "wide");
    }
    if (strcmp(path, "/lengths") == 0) {
        /* Said twice it could be said differently. */
        int r = aiohttp_web_response_set_header(response, "Content-Length", "5");
        return r < 0 ? r : aiohttp_web_respond(request, "hello");
    }
    if (strncmp(path, "/packed", 7) == 0)
        return pack_json(request, path);
    return strncmp(path, "/json", 5) == 0 ? set_json(request, path) : -ENOSYS;
}

static int fail_as(aiohttp_web_request *request, const char *path)
{
    if (strcmp(path, "/404") == 0)
        return aiohttp_web_http_not_found(request);
    if (strcmp(path, "/text") == 0)
        return aiohttp_web_http_conflict(request, .text = "mine");
    if (strcmp(path, "/found") == 0)
        return aiohttp_web_http_found(request, "/there");
    if (strcmp(path, "/405") == 0)
        return aiohttp_web_http_method_not_allowed(request, "GET, HEAD");
    if (strcmp(path, "/bare") == 0)
        return -(AIOHTTP_HTTP + 403);
    if (strcmp(path, "/enoent") == 0)
        return -ENOENT;
    if (strcmp(path, "/late") == 0)
        return -ETIMEDOUT;
    if (strcmp(path, "/nowhere") == 0)
        return aiohttp_web_http_found(request, "/a\r\nX: b") == -EINVAL ? -EINVAL : -EPROTO;
    return set(request, path);
}

static int stream(aiohttp_web_request *request, const char *path)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = 0;
    if (strcmp(path, "/short") == 0 || strcmp(path, "/exact") == 0 || strcmp(path, "/long") == 0)
        r = aiohttp_web_response_set_content_length(response, 6);
    if (r >= 0)
        r = aiohttp_web_response_prepare(response);
    if (r >= 0)
        r = aiohttp_web_response_write(response, "one", 3);
    if (r >= 0 && strcmp(path, "/error") == 0)
        return -EIO;
    if (r >= 0 && strcmp(path, "/short") != 0)
        r = aiohttp_web_response_write(response, "two", 3);
    if (r >= 0 && strcmp(path, "/long") == 0)
        return aiohttp_web_response_write(response, "three", 5) == -EMSGSIZE ? 0 : -EPROTO;
    if (r >= 0 && strcmp(path, "/eof") == 0)
        r = aiohttp_web_response_write_eof(response);
    return r;
}

/* With a reason the answer is not one of the most usual ones, and is written the long way. */
static int one_answer(aiohttp_web_request *request, bool is_long)
{
    static char large[5001];
    const char *what = aiohttp_web_request_query_string(request);
    if (!what)
        return -ENOMEM;
    bool is_missing = strcmp(what, "missing") == 0;
    aiohttp_web_response_options options = { .size = sizeof options,
                                             .status = is_missing ? 404 : 200,
                                             .reason = is_long ? is_missing ? "Not Found" : "OK"
                                                               : NULL };
    memset(large, 'l', sizeof large - 1);
    if (*what >= '1' && *what <= '9')
        return (aiohttp_web_respond_bytes)(request, large, (size_t)atoi(what), &options);
    return (aiohttp_web_respond)(request,
                                 strcmp(what, "empty") == 0   ? "" :
                                 strcmp(what, "large") == 0 ? large :
                                                              "Hello, World!",
                                 &options);
}

static int handler(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request);
    (void)data;
    if (!path)
        return -ENOMEM;
    if (strcmp(path, "/none") == 0)
        return 0;
    if (strncmp(path, "/one", 4) == 0)
        return one_answer(request, path[4] != '\0');
    if (strncmp(path, "/stream", 7) == 0)
        return stream(request, path + 7);
    return fail_as(request, path);
}

struct talk {
    const char *path, *begins, *has, *body;
    unsigned reported;
    bool is_cut;
};

#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"

static const struct talk talks[] = {
    { "/created", "HTTP/1.1 201 Made\r\n", "\r\nX-One: 1\r\nX-Two: 2\r\n", "made", 0, false },
    { "/created", "HTTP/1.1 201 Made\r\n", "\r\nContent-Type: text/html\r\n", "made", 0, false },
    { "/empty", "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 0\r\n", "", 0, false },
    { "/nothing", "HTTP/1.1 204 No Content\r\n", "\r\n", "", 0, false },
    { "/reset", "HTTP/1.1 205 Reset Content\r\n", "\r\nContent-Length: 0\r\n", "", 0, false },
    { "/kept", "HTTP/1.1 200 OK\r\nconnection: Keep-Alive\r\n", "\r\n", "kept", 0, false },
    { "/twice", "HTTP/1.1 200 OK\r\n", "\r\n", "two", 0, false },
    { "/changed", "HTTP/1.1 202 Accepted\r\n", "\r\nContent-Length: 7\r\n", "changed", 0, false },
    { "/split", "HTTP/1.1 200 OK\r\n", "\r\n", "refused", 0, false },
    { "/lengths", "HTTP/1.1 500 ", "\r\n", NULL, 1, false },
    { "/wide", "HTTP/1.1 200 OK\r\n", "wwww\r\nContent-Type: ", "wide", 0, false },
    { "/json", JSON_HEAD, "\r\nContent-Length: 7\r\n", "[1,\"a\"]", 0, false },
    { "/json/typed", JSON_HEAD, "\r\nContent-Length: 7\r\n", "[1,\"a\"]", 0, false },
    { "/json/long", JSON_HEAD, "\r\nContent-Length: 2002\r\n", NULL, 0, false },
    { "/packed", JSON_HEAD, "\r\nContent-Length: 7\r\n", "[1,\"a\"]", 0, false },
    { "/packed/long", JSON_HEAD, "\r\nContent-Length: 2002\r\n", NULL, 0, false },
    { "/packed/created", "HTTP/1.1 201 Made\r\n", "\r\nX-One: 1\r\n", "{\"made\":true}", 0, false },
    { "/packed/created", "HTTP/1.1 201 Made\r\n",
      "\r\nContent-Type: application/json; charset=utf-8\r\n", "{\"made\":true}", 0, false },
    { "/packed/typed", "HTTP/1.1 200 OK\r\n", "\r\nContent-Type: application/problem+json\r\n",
      "[]", 0, false },
    { "/packed/bad", "HTTP/1.1 500 ", "\r\n", NULL, 1, false },
    { "/404", "HTTP/1.1 404 Not Found\r\n", "\r\n", "404: Not Found", 0, false },
    { "/text", "HTTP/1.1 409 Conflict\r\n", "\r\n", "mine", 0, false },
    { "/found", "HTTP/1.1 302 Found\r\n", "\r\nLocation: /there\r\n", "302: Found", 0, false },
    { "/405", "HTTP/1.1 405 ", "\r\nAllow: GET, HEAD\r\n", NULL, 0, false },
    { "/bare", "HTTP/1.1 403 Forbidden\r\n", "\r\n", "403: Forbidden", 0, false },
    { "/enoent", "HTTP/1.1 500 ", "\r\n", "500: Internal Server Error", 1, false },
    { "/late", "HTTP/1.1 504 ", "\r\n", NULL, 0, false },
    { "/nowhere", "HTTP/1.1 500 ", "\r\n", NULL, 1, false },
    { "/none", "HTTP/1.1 500 ", "\r\n", NULL, 1, false },
    { "/stream/", "HTTP/1.1 200 ", "\r\nTransfer-Encoding: chunked\r\n",
      "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", 0, false },
    { "/stream/eof", "HTTP/1.1 200 ", "\r\nTransfer-Encoding: chunked\r\n",
      "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", 0, false },
    { "/stream/exact", "HTTP/1.1 200 ", "\r\nContent-Length: 6\r\n", "onetwo", 0, false },
    { "/stream/long", "HTTP/1.1 200 ", "\r\nContent-Length: 6\r\n", "onetwo", 0, false },
    { "/stream/short", "HTTP/1.1 200 ", "\r\nContent-Length: 6\r\n", "one", 1, true },
    { "/stream/error", "HTTP/1.1 200 ", "\r\nTransfer-Encoding: chunked\r\n", "3\r\none\r\n", 1,
      true },
};

static int answers(void *data)
{
    char answer[16384], request[256];
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    for (size_t i = 0; i < sizeof talks / sizeof *talks && r >= 0; i++) {
        const struct talk *talk = &talks[i];
        unsigned before = reports.count;
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: a\r\n\r\nGET /empty HTTP/1.1\r\nHost: a\r\n\r\n",
                 talk->path);
        if ((r = live_ask(&live, request, answer, sizeof answer)) < 0)
            break;
        CHECK_BEGINS(answer, talk->begins);
        CHECK_HAS(answer, talk->has);
        /* The next request works, unless it could be taken for the rest of this answer. */
        char *next = strstr(answer + 1, "HTTP/1.1 200 OK\r\n");
        CHECK_IS(next == NULL, talk->is_cut);
        if (next)
            *next = '\0';
        if (talk->body)
            CHECK_TEXT(body_of(answer), talk->body);
        CHECK_IS(reports.count - before, talk->reported);
        /* Which request it was is told with it. */
        snprintf(request, sizeof request, ": GET %s", talk->path);
        if (talk->reported)
            CHECK_HAS(reports.message, request);
    }
    return live_end(&live, r);
}

/* A second may pass between two answers. */
static void mask_dates(char *text)
{
    while ((text = strstr(text, "\r\nDate: "))) {
        text += strlen("\r\nDate: ");
        memset(text, 'x', strcspn(text, "\r"));
    }
}

/* An answer is the same, byte by byte, whichever way it was written, and among others. */
static int both_ways(void *data)
{
    static const char *const kinds[] = { "hello", "missing", "empty", "1234",  "hello", "large",
                                         "hello", "9",       "10",    "99",    "100",   "3776",
                                         "3777",  "5",       "hello", "missing" };
    static const char *const lines[] = { "Host: a\r\n", "Host: a\r\nConnection: close\r\n" };
    static char answers[2][16384];
    char request[256];
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    for (size_t i = 0; i < 2 * sizeof kinds / sizeof *kinds && r >= 0; i++) {
        for (int way = 0; way < 2 && r >= 0; way++) {
            const char *line = lines[i & 1], *kind = kinds[i / 2];
            snprintf(request, sizeof request, "%s %s?%s HTTP/1.1\r\n%s\r\n%s",
                     i % 5 == 4 ? "HEAD" : "GET", way ? "/one/long" : "/one", kind, line,
                     i & 1 ? "" : "GET /one?empty HTTP/1.1\r\nHost: a\r\n\r\n");
            r = live_ask(&live, request, answers[way], sizeof answers[way]);
            if (r >= 0) {
                CHECK_HAS(answers[way], " GMT\r\n");
                mask_dates(answers[way]);
            }
        }
        if (r >= 0)
            CHECK_HAS(answers[0], "\r\nDate: x");
        if (r >= 0)
            CHECK_TEXT(answers[0], answers[1]);
    }
    return live_end(&live, r);
}

/* Who closes says so, whatever the handler has said. */
static int closes(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask(&live, "GET /kept HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer,
                     sizeof answer);
    if (r >= 0) {
        CHECK_HAS(answer, "\r\nConnection: close\r\n");
        CHECK(!strcasestr(answer, "keep-alive"));
        r = live_ask(&live, "GET /kept/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                     answer, sizeof answer);
    }
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_HAS(answer, "\r\nConnection: X-Hop\r\n");
    CHECK_HAS(answer, "\r\nConnection: close\r\n");
    return 0;
}

/* By HTTP/1.0 a stream ends with its connection. */
static int old_stream(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, handler);
    if (r >= 0)
        r = live_ask(&live, "GET /stream/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", answer,
                     sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_HAS(answer, "\r\nConnection: close\r\n");
    CHECK(!strstr(answer, "chunked"));
    CHECK_TEXT(body_of(answer), "onetwo");
    return 0;
}

static int asked(aiohttp_web_request *request, void *data)
{
    (void)data;
    const char *name, *value;
    size_t at = 0;
    char pairs[256] = "";
    while (aiohttp_web_request_query_next(request, &at, &name, &value) > 0)
        snprintf(pairs + strlen(pairs), sizeof pairs - strlen(pairs), "%s=%s;", name, value);
    const char *cookie = aiohttp_web_request_cookie(request, "b");
    const char *agent = aiohttp_web_request_header(request, "user-agent");
    return aiohttp_web_respondf(
        request, "%s %s %s %s %s %s %s %s %s %d %s", aiohttp_web_request_method(request),
        aiohttp_web_request_path(request), aiohttp_web_request_raw_path(request),
        aiohttp_web_request_query_string(request), pairs, cookie ? cookie : "-",
        agent ? agent : "-", aiohttp_web_request_host(request),
        aiohttp_web_request_scheme(request), aiohttp_web_request_version(request),
        aiohttp_web_request_content_type(request));
}

static int accessors(void *data)
{
    char answer[4096];
    struct live live;
    (void)data;
    int r = live_start(&live, asked);
    if (r >= 0)
        r = live_ask(&live,
                     "BREW /a%20b%2Fc?x=1%202&y=a+b&x HTTP/1.1\r\nHost: there:81\r\n"
                     "Cookie: a=1; b=\"2\"\r\nUser-Agent: me\r\n"
                     "Content-Type: text/html; charset=utf-8\r\n\r\n",
                     answer, sizeof answer);
    if (r >= 0) {
        CHECK_TEXT(body_of(answer), "BREW /a b%2Fc /a%20b%2Fc x=1%202&y=a+b&x x=1 2;y=a b;x=; 2 me "
                                    "there:81 http 11 text/html");
        r = live_ask(&live, "GET http://other/x?y HTTP/1.1\r\nHost: other\r\n\r\n", answer,
                     sizeof answer);
    }
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_TEXT(body_of(answer), "GET /x /x y y=; - - other http 11 application/octet-stream");
    return 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(answers)
CASE(both_ways)
CASE(closes)
CASE(old_stream)
CASE(accessors)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_closes),
        cmocka_unit_test(test_old_stream),
        cmocka_unit_test(test_accessors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
