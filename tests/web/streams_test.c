/* SPDX-License-Identifier: MIT */
/* Answers that are compressed, and server-sent events. */
#include "web/web_test.h"

#include "../aiohttp/message/coding.h"

static char text[20000];

static int handler(aiohttp_web_request *request, void *data)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    const char *path = aiohttp_web_request_path(request);
    (void)data;
    int r = path ? aiohttp_web_response_enable_compression(response) : -ENOMEM;
    if (r < 0)
        return r;
    if (strcmp(path, "/small") == 0)
        return aiohttp_web_respond(request, "small");
    if (strcmp(path, "/image") == 0)
        return aiohttp_web_respond_bytes(request, text, sizeof text, .content_type = "image/png");
    if (strcmp(path, "/stream") == 0) {
        r = aiohttp_web_response_prepare(response);
        for (size_t i = 0; i < sizeof text && r >= 0; i += 1000)
            r = aiohttp_web_response_write(response, text + i, 1000);
        return r;
    }
    static const char *const tag[] = { "ETag", "\"x\"", NULL };
    return aiohttp_web_respond_bytes(request, text, sizeof text, .headers = tag,
                                     .content_type = "text/plain", .is_lent = 1);
}

/* Takes the chunks out of a body, in place: its size. */
static size_t dechunk(char *body)
{
    char *from = body, *to = body;
    for (;;) {
        size_t size = strtoul(from, &from, 16);
        from += 2;
        if (!size)
            return (size_t)(to - body);
        memmove(to, from, size);
        to += size;
        from += size + 2;
    }
}

/* Whether `size` bytes of that coding are `text`. */
static int is_text(const char *coding, const char *body, size_t size)
{
    static char out[sizeof text + 1];
    struct decoder *decoder;
    aiohttp_limits limits = aiohttp_server_limits();
    struct span in = { body, size };
    size_t got = 0;
    int r = aiohttp__decoder_new(span_of(coding), &limits, &decoder);
    while (r >= 0 && (r = aiohttp__decoder_step(decoder, &in, out + got, sizeof out - got)) > 0)
        got += (size_t)r;
    if (r >= 0)
        r = aiohttp__decoder_finish(decoder);
    aiohttp__decoder_free(decoder);
    return r < 0 ? r : got == sizeof text && memcmp(out, text, got) == 0;
}

static int ask(struct live *live, const char *path, const char *accept, char *answer, size_t room)
{
    char request[256];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\nAccept-Encoding: %s\r\n\r\n",
             path, accept);
    return live_ask(live, request, answer, room);
}

static int compressed(struct live *live)
{
    static char answer[40000];
    char field[64];
    static const char *const codings[] = { "gzip", "deflate" };
    for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
        int r = ask(live, "/", codings[i], answer, sizeof answer);
        if (r < 0)
            return r;
        snprintf(field, sizeof field, "\r\nContent-Encoding: %s\r\n", codings[i]);
        CHECK_HAS(answer, field);
        CHECK_HAS(answer, "\r\nVary: Accept-Encoding\r\n");
        CHECK_HAS(answer, "\r\nETag: W/\"x\"\r\n");
        size_t head = (size_t)(body_of(answer) - answer);
        CHECK((size_t)r < head + sizeof text / 2);
        CHECK_IS(is_text(codings[i], body_of(answer), (size_t)r - head), 1);
        if ((r = ask(live, "/stream", codings[i], answer, sizeof answer)) < 0)
            return r;
        CHECK_HAS(answer, field);
        CHECK_HAS(answer, "\r\nTransfer-Encoding: chunked\r\n");
        char *body = answer + (body_of(answer) - answer);
        CHECK_IS(is_text(codings[i], body, dechunk(body)), 1);
    }
    int r = ask(live, "/", "gzip;q=0", answer, sizeof answer);
    if (r >= 0) {
        CHECK(!strstr(answer, "Content-Encoding"));
        CHECK_HAS(answer, "\r\nVary: Accept-Encoding\r\n");
        r = ask(live, "/small", "gzip", answer, sizeof answer);
    }
    if (r >= 0) {
        CHECK_TEXT(body_of(answer), "small");
        r = ask(live, "/image", "gzip", answer, sizeof answer);
    }
    if (r >= 0)
        CHECK(!strstr(answer, "Content-Encoding"));
    return r;
}

static int compress(void *data)
{
    struct live live;
    (void)data;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i * i % 7);
    int r = live_start(&live, handler);
    if (r >= 0)
        r = compressed(&live);
    return live_end(&live, r);
}

static int news(aiohttp_web_request *request, void *data)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    (void)data;
    if (aiohttp_web_event_source_send(response, "early") != -ASYNCIO_INVALID_STATE)
        return -EPROTO;
    int r = aiohttp_web_event_source_prepare(response);
    if (r >= 0)
        r = aiohttp_web_event_source_send(response, "one");
    if (r >= 0)
        r = aiohttp_web_event_source_send(response, "two\nlines\r\nthree", .event = "x", .id = "7",
                                          .retry = 1000);
    if (r >= 0 && aiohttp_web_event_source_send(response, "a", .event = "b\nc") != -EINVAL)
        r = -EPROTO;
    return r < 0 ? r : aiohttp_web_event_source_ping(response);
}

static int events(void *data)
{
    char answer[2000];
    struct live live;
    (void)data;
    int r = live_start(&live, news);
    if (r >= 0)
        r = live_ask(&live, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof answer);
    if ((r = live_end(&live, r)) < 0)
        return r;
    CHECK_HAS(answer, "\r\nContent-Type: text/event-stream\r\n");
    CHECK_HAS(answer, "\r\nCache-Control: no-cache\r\n");
    char *body = answer + (body_of(answer) - answer);
    body[dechunk(body)] = '\0';
    CHECK_TEXT(body, "data: one\n\nevent: x\nid: 7\nretry: 1000\ndata: two\ndata: lines\n"
                     "data: three\n\n: ping\n\n");
    return 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(compress)
CASE(events)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compress),
        cmocka_unit_test(test_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
