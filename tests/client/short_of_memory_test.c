/* SPDX-License-Identifier: MIT */
/* Bodies that are read while memory is short for a moment: who asks again gets all of it, or an
 * error for good, and never something else. */
#include "client/client_test.h"

#include <zlib.h>

enum { LINES = 400, SIZE = LINES * 6 };

static char plain[SIZE + 1];
static char coded_answer[SIZE + 512], chunked_answer[SIZE + 512], events_answer[SIZE + 512];
static size_t coded_size, chunked_size, events_size;

static void make_answers(void)
{
    unsigned char packed[SIZE];
    for (int i = 0; i < LINES; i++) {
        char line[16];
        snprintf(line, sizeof line, "l%04d\n", i);
        memcpy(plain + 6 * (size_t)i, line, 6);
    }
    z_stream stream = { .next_in = (unsigned char *)plain,
                        .avail_in = SIZE,
                        .next_out = packed,
                        .avail_out = sizeof packed };
    deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    deflate(&stream, Z_FINISH);
    size_t count = stream.total_out;
    deflateEnd(&stream);
    coded_size = (size_t)snprintf(coded_answer, sizeof coded_answer,
                                  "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                                  "Content-Length: %zu\r\n\r\n",
                                  count);
    memcpy(coded_answer + coded_size, packed, count);
    coded_size += count;
    chunked_size = (size_t)snprintf(chunked_answer, sizeof chunked_answer,
                                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
                                    "\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
                                    SIZE, plain);
    events_size = (size_t)snprintf(events_answer, sizeof events_answer,
                                   "HTTP/1.1 200 OK\r\nContent-Type: "
                                   "text/event-stream\r\n\r\n"
                                   "data: a\ndata: b\n\n");
}

typedef int reading(aiohttp_client_response *response);

static int read_whole(aiohttp_client_response *response)
{
    const char *body;
    size_t size;
    int r = aiohttp_client_response_read(response, &body, &size);
    if (r >= 0 && (size != SIZE || memcmp(body, plain, SIZE) != 0))
        return -EPROTO;
    return r;
}

/* As many lines as are there, from where the last call has stopped. */
static int lines_read;

static int read_lines(aiohttp_client_response *response)
{
    const char *line;
    int r;
    while ((r = aiohttp_client_response_readline(response, &line)) > 0)
        if (r != 6 || memcmp(line, plain + 6 * lines_read++, 6) != 0)
            return -EPROTO;
    return r == 0 && lines_read != LINES ? -EPROTO : r;
}

static int read_events(aiohttp_client_response *response)
{
    aiohttp_client_event event;
    int r = aiohttp_client_response_read_event(response, &event);
    return r == 1 && strcmp(event.data, "a\nb") != 0 ? -EPROTO : r == 0 ? -EPROTO : r;
}

/* 1: the allocation that was to fail is beyond the last. */
static int without(size_t which, unsigned nth, const struct raw *raw, reading *reader)
{
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    int r = aiohttp_client_session_new(&session);
    if (r >= 0)
        r = aiohttp_client_session_get(session, raw_url(raw, "/"), &response);
    if (r < 0)
        return session_end(session, r);
    r = settle(); /* the answer is here by now: what fails is the reader's */
    lines_read = 0;
    asyncio__alloc_fail_at(nth, 0);
    int got = reader(response), first = got;
    asyncio__alloc_fail_at(0, 0);
    for (int i = 0; i < 3 && got == -ENOMEM; i++)
        got = reader(response);
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    r = session_end(session, r);
    if (r < 0)
        return r;
    if (got == -EPROTO)
        print_error("%zu: without allocation %u, what was read is not what was sent\n", which, nth);
    CHECK(got != -EPROTO);
    return first >= 0;
}

static int never_wrong(void *data)
{
    const struct {
        const char *answer;
        size_t size;
        reading *reader;
    } cases[] = {
        { coded_answer, coded_size, read_whole },     { coded_answer, coded_size, read_lines },
        { chunked_answer, chunked_size, read_whole }, { chunked_answer, chunked_size, read_lines },
        { events_answer, events_size, read_events },
    };
    (void)data;
    if (allocation_is_failing() || world.is_chopped || world.is_seeded)
        return 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct raw raw = { .answer = cases[i].answer, .size = cases[i].size };
        int r = raw_start(&raw);
        for (unsigned nth = 1; r == 0 && nth < 100; nth++)
            r = without(i, nth, &raw, cases[i].reader);
        r = raw_end(&raw, r < 0 ? r : 0);
        if (r < 0)
            return r;
    }
    return 0;
}

static void never_wrong_test(void **state)
{
    (void)state;
    make_answers();
    run_everywhere(never_wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(never_wrong_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
