/* SPDX-License-Identifier: MIT */
/* One connection and very many requests: plain ones, ones with a body, chunked ones, refused
 * bodies' ends, in groups that are sent ahead. What is measured: blocks of memory that are live,
 * how many were asked for on the way, and the pages of the process (RSS). */
#pragma once

#include "base/sanitize.h"
#include "web/web_test.h"

enum {
    GROUP = 10,         /* requests that are sent ahead */
    BLOCKS_MORE = 8,    /* what is under way, and a timer */
    RSS_MORE = 1 << 20, /* bytes: a page here and there */
};

static long flat_requests;

static int flat_handler(aiohttp_web_request *request, void *data)
{
    const char *body;
    size_t size;
    (void)data;
    int r = aiohttp_web_request_read(request, &body, &size);
    return r < 0 ? r : aiohttp_web_respond_bytes(request, body, size);
}

static long resident(void)
{
    long pages = 0, all = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%ld %ld", &all, &pages) != 2)
        pages = 0;
    if (file)
        fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* GROUP requests in one text: of each kind some. */
static const char *group(void)
{
    static char text[GROUP * 200];
    text[0] = '\0';
    for (int i = 0; i < GROUP; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s",
                 i % 3 == 0 ? "GET /a?b=c HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nX-Y: z\r\n\r\n"
                 : i % 3 == 1
                     ? "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                     : "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n1\r\nd\r\n0\r\nT: t\r\n\r\n");
    return text;
}

static int read_answers(asyncio_stream *stream)
{
    char head[1000], body[8];
    for (int i = 0; i < GROUP; i++) {
        size_t got, size = i % 3 == 0 ? 0 : i % 3 == 1 ? 5 : 4;
        int r = asyncio_stream_readuntil(stream, "\r\n\r\n", 4, head, sizeof head);
        if (r < 0)
            return r;
        CHECK(memcmp(head, "HTTP/1.1 200 ", 13) == 0);
        if (size && (r = asyncio_stream_readexactly(stream, body, size, &got)) < 0)
            return r;
    }
    return 0;
}

static int flat_on(asyncio_stream *stream)
{
    const char *text = group();
    uint64_t blocks = 0, asked = 0;
    long pages = 0, warm = flat_requests / 10;
    for (long i = 0; i < flat_requests; i += GROUP) {
        int r = asyncio_stream_write(stream, text, strlen(text));
        if (r >= 0)
            r = read_answers(stream);
        if (r < 0)
            return r;
        if (i < warm && i + GROUP >= warm) {
            blocks = asyncio__alloc_live();
            asked = asyncio__alloc_count();
            pages = resident();
        }
    }
    long grown = resident() - pages;
    double each = (double)(asyncio__alloc_count() - asked) / (double)(flat_requests - warm);
    print_message("%ld requests on a connection: %ld bytes more, %.3f allocations each\n",
                  flat_requests, grown, each);
    CHECK(asyncio__alloc_live() <= blocks + BLOCKS_MORE);
#if !defined(ASYNCIO__SANITIZE_ADDRESS) /* which keeps freed blocks from being used again */
    CHECK(grown <= RSS_MORE);
#endif
    return 0;
}

static int flat_program(void *data)
{
    aiohttp_limits limits = aiohttp_server_limits();
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    struct live live;
    asyncio_stream *stream = NULL;
    (void)data;
    limits.requests = AIOHTTP_UNLIMITED;
    limits.connection_time = ASYNCIO_NONE;
    options.limits = &limits;
    int r = live_start_with(&live, flat_handler, &options);
    if (r >= 0)
        r = live_open(&live, &stream);
    if (r >= 0)
        r = flat_on(stream);
    asyncio_stream_unref(stream);
    return live_end(&live, r);
}

static void test_flat(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_int_equal(run_once(flat_program, NULL), 0);
}

static inline int flat_main(long requests)
{
    flat_requests = requests;
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_flat) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
