/* SPDX-License-Identifier: MIT */
/* A small HTTP client: straight-line code, a hundred times at the same time in a task group. */
#include "measure.h"

#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int send_request(asyncio_stream *stream, const struct pages *pages, const char *path)
{
    char url[3 * HTTP_PATH_MAX + 1], request[sizeof url + 256];
    if (!http_quote(path, url, sizeof url))
        return asyncio_raise(-ENAMETOOLONG, "the path %s is too long", path);
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%d\r\n\r\n", url,
                          pages->host, pages->port);
    return asyncio_stream_write(stream, request, length);
}

/* The status, and the length of the body that follows. */
static int read_answer(asyncio_stream *stream, long long *ret_length)
{
    char head[4096];
    int n = asyncio_stream_readuntil(stream, "\r\n\r\n", 4, head, sizeof head - 1);
    if (n < 0)
        return n;
    head[n] = 0;
    const char *length = strstr(head, "\r\nContent-Length: ");
    if (strncmp(head, "HTTP/1.1 ", 9) != 0 || !length)
        return asyncio_raise(-EPROTO, "this is no answer: %.60s", head);
    *ret_length = strtoll(length + strlen("\r\nContent-Length: "), NULL, 10);
    return (int)strtol(head + 9, NULL, 10);
}

static int skip(asyncio_stream *stream, long long length)
{
    while (length > 0) {
        int n = asyncio_stream_fill(stream, 1);       /* what has come is lent, not copied */
        if (n <= 0)
            return n < 0 ? n : -ASYNCIO_INCOMPLETE_READ;
        if (n > length)
            n = (int)length;
        asyncio_stream_consume(stream, n);
        length -= n;
    }
    return 0;
}

static int fetch(asyncio_stream *stream, const struct pages *pages, const char *path,
                 struct measure *measure)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    double begin = asyncio_loop_time(loop);
    long long length = 0;
    int r = send_request(stream, pages, path);
    if (r >= 0)
        r = read_answer(stream, &length);
    int status = r;
    if (r >= 0)
        r = skip(stream, length);
    if (r < 0)
        return r;
    double took = asyncio_loop_time(loop) - begin;
    measure->requests++;
    measure->failures += status != 200;
    measure->bytes += length;
    if (took >= measure->slowest) {
        measure->slowest = took;
        measure->slowest_page = path;
    }
    return 0;
}

/* All of them share `measure`: they run in one thread, and never at the same instant. */
static int client(const struct pages *pages, int first, struct measure *measure)
{
    asyncio_stream *stream;
    int r = asyncio_open_connection(pages->host, pages->port, &stream);
    if (r < 0)
        return r;
    for (int i = 0; i < pages->count && r >= 0; i++)
        r = fetch(stream, pages, pages->paths[(first + i) % pages->count], measure);
    asyncio_stream_unref(stream);
    return r;
}

int measure_pages(const struct pages *pages, int tasks, struct measure *measure)
{
    *measure = (struct measure){ .slowest_page = "" };
    asyncio_loop *loop = asyncio_get_running_loop();
    double begin = asyncio_loop_time(loop);
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = 0;
    for (int i = 0; i < tasks && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(client, pages, i, measure), NULL);
    r = asyncio_task_group_exit(&group, r);
    measure->seconds = asyncio_loop_time(loop) - begin;
    return r;
}

void measure_print(const struct measure *measure, int tasks, int pages)
{
    printf("%d tasks fetched %d of its pages each, all at the same time:\n\n"
           "    requests    %10d\n"
           "    failures    %10d\n"
           "    bytes       %10.1f MB\n"
           "    time        %10.3f s\n"
           "    requests/s  %10.0f\n"
           "    slowest     %10.1f ms   %s\n\n",
           tasks, pages, measure->requests, measure->failures, (double)measure->bytes / 1e6,
           measure->seconds, measure->requests / (measure->seconds > 0 ? measure->seconds : 1e-9),
           measure->slowest * 1e3, measure->slowest_page);
}
