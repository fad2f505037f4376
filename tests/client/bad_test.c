/* SPDX-License-Identifier: MIT */
/* Answers that are none: each is an error with a name and a place, in every split. */
#include "client/client_test.h"

struct bad {
    const char *name, *answer;
    int error;
    const char *says; /* part of the sentence */
};

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKS OK "Transfer-Encoding: chunked\r\n\r\n"

static const struct bad heads[] = {
    { "nothing", "", AIOHTTP_SERVER_DISCONNECTED, "without an answer" },
    { "half a status line", "HTTP/1.1 20", AIOHTTP_SERVER_DISCONNECTED, "within the head" },
    { "half a head", OK "A: b\r\n", AIOHTTP_SERVER_DISCONNECTED, "within the head" },
    { "no HTTP", "hello\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "another version", "HTTP/3.0 200 OK\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "0.9", "<html>hello</html>\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte 0" },
    { "two digits", "HTTP/1.1 20 OK\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "status 099", "HTTP/1.1 099 OK\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "bare CR in a value", OK "A: b\rX: y\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "a control", OK "A: b\001\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "a folded line", OK "A: b\r\n c\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "space before the colon", OK "A : b\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "no colon", OK "hello\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "bare LF", "HTTP/1.1 200 OK\nA: b\n\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "a negative length", OK "Content-Length: -1\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "a signed length", OK "Content-Length: +1\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "an endless length", OK "Content-Length: 99999999999999999999\r\n\r\n",
      AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "two lengths", OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
      AIOHTTP_BAD_HTTP_MESSAGE, "at byte" },
    { "length and chunks", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      AIOHTTP_BAD_HTTP_MESSAGE, "" },
    { "another coding", OK "Transfer-Encoding: gzip\r\n\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "" },
    { "chunked twice", OK "Transfer-Encoding: chunked, chunked\r\n\r\n",
      AIOHTTP_BAD_HTTP_MESSAGE, "" },
};

static const struct bad bodies[] = {
    { "short", OK "Content-Length: 5\r\n\r\nabc", AIOHTTP_PAYLOAD, "after 3 bytes" },
    { "chunks end", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nabc", AIOHTTP_PAYLOAD, "after 3" },
    { "no last chunk", OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", AIOHTTP_PAYLOAD,
      "after 3" },
    { "no end of trailers", OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
      AIOHTTP_PAYLOAD, "" },
    { "no digit", OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", AIOHTTP_BAD_HTTP_MESSAGE,
      "behind byte 0" },
    { "0x", OK "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n", AIOHTTP_BAD_HTTP_MESSAGE, "" },
    { "endless chunk", OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
      AIOHTTP_BAD_HTTP_MESSAGE, "" },
    { "no line end", OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
      AIOHTTP_BAD_HTTP_MESSAGE, "behind byte 3" },
    { "LF in an extension", OK "Transfer-Encoding: chunked\r\n\r\n3;a=\nb\r\nabc\r\n",
      AIOHTTP_BAD_HTTP_MESSAGE, "" },
    { "a bad trailer", OK "Transfer-Encoding: chunked\r\n\r\n0\r\nA : b\r\n\r\n",
      AIOHTTP_BAD_HTTP_MESSAGE, "" },
    { "no gzip", OK "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
      AIOHTTP_CONTENT_ENCODING, "\"gzip\", behind byte 0" },
    { "half a gzip", OK "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x08",
      AIOHTTP_CONTENT_ENCODING, "behind byte 0" },
    { "half a deflate",
      OK "Content-Encoding: deflate\r\nContent-Length: 7\r\n\r\n\x4b\x4c\x4a\x06\x01xx",
      AIOHTTP_CONTENT_ENCODING, "\"deflate\", behind byte 7" },
    { "a body too large", OK "Content-Length: 300\r\n\r\n", AIOHTTP_BODY_TOO_LARGE, "" },
};

static int read_it(aiohttp_client_response *response)
{
    const char *body;
    size_t size;
    int r = aiohttp_client_response_read(response, &body, &size);
    CHECK(r < 0 || size > 0);
    return r;
}

static int fails_as(const struct bad *bad, int r)
{
    if (r != -bad->error)
        print_error("%s: ", bad->name);
    CHECK_IS(r, -bad->error);
    const asyncio_error *error = asyncio_last_error(r);
    if (*bad->says && !allocation_is_failing()) {
        CHECK(error);
        CHECK_HAS(error->text, bad->says);
    }
    return 0;
}

static int one(const struct bad *bad, bool is_body)
{
    struct raw raw = { .answer = bad->answer };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    char body[400];
    if (strcmp(bad->name, "a body too large") == 0) {
        snprintf(body, sizeof body, "%s%0300d", bad->answer, 0);
        raw.answer = body;
    }
    int r = raw_start(&raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session);
    if (r >= 0) {
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response, .max_body = 256);
        if (r >= 0) {
            r = is_body ? read_it(response) : -EPROTO;
            aiohttp_client_response_unref(response);
        }
        r = r == -ENOMEM ? r : fails_as(bad, r);
    }
    aiohttp_connector_stats stats = { .in_use = 0 };
    if (session)
        aiohttp_connector_get_stats(aiohttp_client_session_connector(session), &stats);
    r = raw_end(&raw, session_end(session, r));
    CHECK_IS((int)stats.idle, 0);
    CHECK_IS((int)stats.in_use, 0);
    return r;
}

static int all_heads(void *data)
{
    (void)data;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        int r = one(&heads[i], false);
        if (r < 0)
            return r;
    }
    return 0;
}

static int all_bodies(void *data)
{
    (void)data;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        int r = one(&bodies[i], true);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What a limit allows, one less, one more. */
struct limit_case {
    const char *name;
    size_t from; /* sizes from..from+2 are tried: the last is too large */
    int error;
};

static void add(char *text, size_t room, const char *more)
{
    size_t size = strlen(text);
    snprintf(text + size, room - size, "%s", more);
}

static char *answer_of(const char *name, size_t size, char *text, size_t room)
{
    char filler[1024];
    memset(filler, 'a', sizeof filler);
    if (strcmp(name, "line") == 0)
        snprintf(text, room, "HTTP/1.1 200 %.*s\r\nContent-Length: 0\r\n\r\n", (int)(size - 13),
                 filler);
    else if (strcmp(name, "field") == 0)
        snprintf(text, room, OK "Content-Length: 0\r\nA: %.*s\r\n\r\n", (int)(size - 3), filler);
    else if (strcmp(name, "head") == 0)
        snprintf(text, room, OK "Content-Length: 0\r\nB: %.*s\r\nC: %.*s\r\n\r\n", 40, filler,
                 (int)(size - 88), filler);
    else if (strcmp(name, "trailer") == 0)
        snprintf(text, room, CHUNKS "1\r\nx\r\n0\r\nB: %.*s\r\nC: %.*s\r\n\r\n", 40, filler,
                 (int)(size - 52), filler);
    else if (strcmp(name, "chunk_extensions") == 0)
        snprintf(text, room, CHUNKS "1;a=b\r\nx\r\n0;%.*s\r\n\r\n", (int)(size - 5), filler);
    else if (strcmp(name, "trailers") == 0) {
        snprintf(text, room, CHUNKS "1\r\nx\r\n0\r\n");
        for (size_t i = 0; i < size; i++)
            add(text, room, "A: b\r\n");
        add(text, room, "\r\n");
    } else if (strcmp(name, "headers") == 0) {
        snprintf(text, room, OK "Content-Length: 0\r\n");
        for (size_t i = 1; i < size; i++)
            add(text, room, "A: b\r\n");
        add(text, room, "\r\n");
    } else if (strcmp(name, "body") == 0)
        snprintf(text, room, OK "Content-Length: %zu\r\n\r\n%.*s", size, (int)size, filler);
    else { /* 1xx */
        *text = '\0';
        for (size_t i = 0; i < size; i++)
            add(text, room, "HTTP/1.1 103 Early Hints\r\n\r\n");
        add(text, room, OK "Content-Length: 0\r\n\r\n");
    }
    return text;
}

static int ask_limited(const struct raw *raw, aiohttp_client_session *session)
{
    aiohttp_client_response *response;
    const char *body;
    int r = aiohttp_client_session_get(session, raw_url(raw, "/"), &response);
    if (r < 0)
        return r;
    r = aiohttp_client_response_read(response, &body, NULL);
    aiohttp_client_response_unref(response);
    return r;
}

static const struct limit_case limit_cases[] = {
    { "line", 99, AIOHTTP_LINE_TOO_LONG },
    { "field", 79, AIOHTTP_LINE_TOO_LONG },
    { "headers", 9, AIOHTTP_HEADERS_TOO_LARGE },
    { "head", 149, AIOHTTP_HEADERS_TOO_LARGE },
    { "body", 499, AIOHTTP_BODY_TOO_LARGE },
    { "1xx", 19, AIOHTTP_HEADERS_TOO_LARGE },
    { "chunk_extensions", 39, AIOHTTP_BAD_HTTP_MESSAGE },
    { "trailers", 4, AIOHTTP_HEADERS_TOO_LARGE },
    { "trailer", 99, AIOHTTP_HEADERS_TOO_LARGE },
};

enum { LIMIT_CASES = sizeof limit_cases / sizeof *limit_cases };

static int limited_session(aiohttp_client_session **ret_session)
{
    aiohttp_limits limits = aiohttp_client_limits();
    limits.line = 100;
    limits.field = 80;
    limits.headers = 10;
    limits.head = 150;
    limits.body = 500;
    limits.response_headers = 20;
    limits.chunk_extensions = 40;
    limits.trailers = 5;
    limits.trailer = 100;
    return aiohttp_client_session_new(ret_session, .limits = &limits);
}

static int limits(void *data)
{
    (void)data;
    for (size_t i = 0; i < LIMIT_CASES; i++)
        for (size_t more = 0; more < 3; more++) {
            char text[2048];
            struct raw raw = { .answer = answer_of(limit_cases[i].name, limit_cases[i].from + more,
                                                   text, sizeof text) };
            aiohttp_client_session *session = NULL;
            int r = raw_start(&raw);
            if (r >= 0)
                r = limited_session(&session);
            if (r >= 0)
                r = ask_limited(&raw, session);
            int expected = more < 2 ? 0 : -limit_cases[i].error;
            int ended = raw_end(&raw, session_end(session, 0));
            if (r != expected && r != -ENOMEM)
                print_error("%s + %zu: ", limit_cases[i].name, more);
            if (r == -ENOMEM || ended < 0)
                return r == -ENOMEM ? r : ended;
            CHECK_IS(r, expected);
        }
    return 0;
}

enum { LARGE_HEAD = 600000, LARGE_FIELD = 8000 };

/* One below, at, and one above a limit that is far above the default; and without one. */
static int large_heads(void *data)
{
    static char text[LARGE_HEAD + 3];
    (void)data;
    if (world.is_chopped || world.is_seeded || allocation_is_failing())
        return 0; /* it is a question of room */
    aiohttp_limits limits = aiohttp_client_limits();
    for (size_t size = LARGE_HEAD - 1; size <= LARGE_HEAD + 2; size++) {
        struct raw raw = { .answer = text };
        aiohttp_client_session *session = NULL;
        size_t at = (size_t)snprintf(text, sizeof text, OK "Content-Length: 0\r\n");
        for (size_t left; (left = size - 2 - at) > 0; at += left) {
            left = left > 2 * LARGE_FIELD ? LARGE_FIELD : left > LARGE_FIELD ? left / 2 : left;
            memset(text + at, 'a', left);
            text[at + 1] = ':';
            memcpy(text + at + left - 2, "\r\n", 2);
        }
        memcpy(text + at, "\r\n", 2);
        raw.size = size;
        limits.head = size < LARGE_HEAD + 2 ? LARGE_HEAD : AIOHTTP_UNLIMITED;
        int r = raw_start(&raw);
        if (r >= 0)
            r = aiohttp_client_session_new(&session, .limits = &limits);
        if (r >= 0)
            r = ask_limited(&raw, session);
        int ended = raw_end(&raw, session_end(session, 0));
        CHECK_IS(r, size == LARGE_HEAD + 1 ? -AIOHTTP_HEADERS_TOO_LARGE : 0);
        if (ended < 0)
            return ended;
    }
    return 0;
}

/* --- the same in two pieces, cut everywhere --- */

struct cut {
    struct raw raw;
    size_t at, count;
    char text[2048]; /* raw.answer */
};

static int serve_cut(asyncio_stream *stream, void *data)
{
    const struct cut *cut = data;
    char request[4096];
    int r = read_request(stream, request, sizeof request);
    if (r > 0)
        r = asyncio_stream_write(stream, cut->raw.answer, cut->at);
    if (r >= 0)
        r = asyncio_sleep(0.01);
    if (r >= 0) /* who has heard enough may be gone */
        r = asyncio_stream_write(stream, cut->raw.answer + cut->at, cut->raw.size - cut->at);
    return r == -ECANCELED ? r : 0;
}

static int cut_everywhere(struct cut *cut, aiohttp_client_session *session)
{
    cut->raw.answer = cut->text;
    for (size_t i = 0; i < LIMIT_CASES; i++)
        for (size_t more = 0; more < 3; more++) {
            answer_of(limit_cases[i].name, limit_cases[i].from + more, cut->text,
                      sizeof cut->text);
            cut->raw.size = strlen(cut->text);
            for (cut->at = 1; cut->at < cut->raw.size; cut->at++, cut->count++) {
                int r = ask_limited(&cut->raw, session);
                int expected = more < 2 ? 0 : -limit_cases[i].error;
                if (r != expected)
                    print_error("%s + %zu, cut at %zu: ", limit_cases[i].name, more, cut->at);
                CHECK_IS(r, expected);
            }
        }
    return 0;
}

/* Simulated time says exactly when the second piece comes: behind the first. */
static int limits_in_pieces(void *data)
{
    struct cut cut = { .at = 0 };
    aiohttp_client_session *session = NULL;
    (void)data;
    if (!world.is_sim || world.is_chopped || world.is_seeded || allocation_is_failing())
        return 0;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(serve_cut, "127.0.0.1", 0, &cut.raw.server, .data = &cut);
    if (r >= 0)
        r = limited_session(&session);
    if (r >= 0)
        r = cut_everywhere(&cut, session);
    if (r >= 0)
        CHECK(cut.count > 5000);
    return raw_end(&cut.raw, session_end(session, r));
}

static void limits_are_exact_wherever_it_is_cut(void **state)
{
    (void)state;
    run_everywhere(limits_in_pieces);
}

/* --- what comes unasked --- */

/* Redirects, and says more a little later; another connection is answered. */
static int serve_unasked(asyncio_stream *stream, void *data)
{
    static const char redirect[] = "HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
    static const char answer[] = OK "Content-Length: 2\r\n\r\nhi";
    static const char unasked[] = OK "Content-Length: 4\r\n\r\nevil";
    struct raw *raw = data;
    bool is_first = raw->connections++ == 0;
    int r;
    while ((r = read_request(stream, raw->request, sizeof raw->request)) > 0) {
        raw->requests++;
        r = is_first ? asyncio_stream_write(stream, redirect, sizeof redirect - 1)
                     : asyncio_stream_write(stream, answer, sizeof answer - 1);
        if (r >= 0 && is_first)
            r = asyncio_sleep(0.01);
        if (r >= 0 && is_first)
            r = asyncio_stream_write(stream, unasked, sizeof unasked - 1);
        if (r < 0)
            break;
    }
    return 0;
}

static int wait_first(aiohttp_client_request *request, aiohttp_client_next *next,
                      aiohttp_client_response **ret_response, void *data)
{
    const struct raw *raw = data;
    int r = raw->connections ? asyncio_sleep(0.2) : 0;
    return r < 0 ? r : next(request, ret_response);
}

/* Also the next hop of a redirect looks at its connection before it believes what has come. */
static int unasked(void *data)
{
    struct raw raw = { .server = NULL };
    const aiohttp_client_middleware_entry waits = { wait_first, &raw };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    char text[8] = "";
    (void)data;
    if (world.is_seeded) /* what came is told late there: as if it had come late */
        return 0;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(serve_unasked, "127.0.0.1", 0, &raw.server, .data = &raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .middlewares = &waits, .middleware_count = 1);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(&raw, "/"), &response);
    if (r >= 0) {
        const char *body;
        r = aiohttp_client_response_read(response, &body, NULL);
        snprintf(text, sizeof text, "%s", r < 0 ? "" : body);
        aiohttp_client_response_unref(response);
    }
    r = raw_end(&raw, session_end(session, r));
    if (r < 0)
        return r;
    CHECK_TEXT(text, "hi");
    CHECK_IS(raw.connections, 2);
    return 0;
}

static void what_nobody_asked_for_is_no_answer(void **state)
{
    (void)state;
    run_everywhere(unasked);
}

static void heads_have_a_name_and_a_place(void **state)
{
    (void)state;
    run_everywhere(all_heads);
}

static void bodies_have_a_name_and_a_place(void **state)
{
    (void)state;
    run_everywhere(all_bodies);
}

static void limits_are_exact(void **state)
{
    (void)state;
    run_everywhere(limits);
}

static void a_large_limit_has_room(void **state)
{
    (void)state;
    run_everywhere(large_heads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_have_a_name_and_a_place),
        cmocka_unit_test(bodies_have_a_name_and_a_place),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(limits_are_exact_wherever_it_is_cut),
        cmocka_unit_test(a_large_limit_has_room),
        cmocka_unit_test(what_nobody_asked_for_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
