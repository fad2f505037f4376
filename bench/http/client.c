/* SPDX-License-Identifier: MIT */
/* libaiohttp's client in the client_ works, against a server that bench/run has started. Every
 * answer is checked; the figures are of this process, after a first part that is not measured.
 *
 *     client client_get_64 COUNT URL     64 tasks, each with one GET after another
 *     client client_urls COUNT URL       so many (URL0, URL1, ...), a task each, a pool of 100
 *     client client_download COUNT URL   one answer of so many bytes, zeros, piece by piece
 *     client client_idle COUNT URL       so many connections of a session, used once, at rest
 *
 * cpu_ns, wall_ns: for each request, or MiB; bytes: of memory in use, page tables counted, for
 * each connection. */
#include "../common.h"

#include <aiohttp.h>
#include <malloc.h>
#include <stdbool.h>
#include <string.h>

enum { AT_ONCE = 64, POOL = 100, MIB = 1 << 20 };

static aiohttp_client_session *session;
static aiohttp_connector *connector;
static long left;

/* The answer is "Hello, World!". */
static int take(aiohttp_client_response *response)
{
    const char *body;
    size_t size;
    int r = aiohttp_client_response_read(response, &body, &size);
    if (r >= 0 && (aiohttp_client_response_status(response) != 200 || size != 13 ||
                   memcmp(body, "Hello, World!", 13) != 0))
        r = -EPROTO;
    aiohttp_client_response_unref(response);
    return r;
}

static int get(const char *url)
{
    aiohttp_client_response *response;
    int r = aiohttp_client_session_get(session, url, &response);
    return r < 0 ? r : take(response);
}

static int get_again_and_again(const char *url)
{
    int r = 0;
    while (r >= 0 && left-- > 0)
        r = get(url);
    return r;
}

static int get_64(const char *url, long count)
{
    asyncio_task_group group;
    int r = 0;
    left = count;
    asyncio_task_group_enter(&group);
    for (int i = 0; i < AT_ONCE && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(get_again_and_again, url), NULL);
    return asyncio_task_group_exit(&group, r);
}

static int get_numbered(const char *base, long number)
{
    char url[256];
    snprintf(url, sizeof url, "%s%ld", base, number);
    return get(url);
}

static int get_urls(const char *url, long count)
{
    asyncio_task_group group;
    int r = 0;
    asyncio_task_group_enter(&group);
    for (long i = 0; i < count && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(get_numbered, url, i), NULL);
    return asyncio_task_group_exit(&group, r);
}

static int download(const char *url, long size)
{
    aiohttp_client_response *response;
    const char *data;
    int64_t got = 0;
    int n = aiohttp_client_session_get(session, url, &response);
    if (n < 0)
        return n;
    while ((n = aiohttp_client_response_readany(response, &data)) > 0) {
        got += n;
        if (data[0] || data[n - 1])
            n = -EPROTO;
        if (n < 0)
            break;
    }
    if (n == 0 && (got != size || aiohttp_client_response_status(response) != 200))
        n = -EPROTO;
    aiohttp_client_response_unref(response);
    return n;
}

/* What was freed is given back to the system first. */
static double memory_in_use(void)
{
    malloc_trim(0);
    return (double)memory();
}

/* One task: what grows is the connections' alone. */
static int idle(const char *url, long count)
{
    aiohttp_connector_stats stats;
    aiohttp_client_response **all = calloc((size_t)count, sizeof *all);
    int r = all ? get(url) : -ENOMEM; /* what the first request makes is not a connection's */
    double before = memory_in_use();
    for (long i = 0; i < count && r >= 0; i++)
        r = aiohttp_client_session_get(session, url, &all[i]);
    for (long i = 0; i < count && r >= 0; i++)
        r = take(all[i]);
    free(all);
    aiohttp_connector_get_stats(connector, &stats);
    if (r >= 0 && stats.idle != (size_t)count)
        r = -EPROTO;
    if (r >= 0)
        figure("bytes", (memory_in_use() - before) / (double)(count - 1));
    return r;
}

static int work(const char *name, const char *url, long count)
{
    if (strcmp(name, "client_idle") == 0)
        return idle(url, count);
    bool is_download = strcmp(name, "client_download") == 0;
    int (*todo)(const char *url, long count) = is_download                       ? download
                                               : strcmp(name, "client_urls") == 0 ? get_urls
                                                                                  : get_64;
    int r = is_download ? 0 : todo(url, count / 10);
    int64_t spent = cpu(), began = wall();
    if (r >= 0)
        r = todo(url, count);
    if (r < 0)
        return r;
    double each = is_download ? (double)count / MIB : (double)count;
    figure("cpu_ns", (double)(cpu() - spent) / each);
    figure("wall_ns", (double)(wall() - began) / each);
    return r;
}

static int program(const char *name, long count, const char *url)
{
    bool is_idle = strcmp(name, "client_idle") == 0;
    int r = aiohttp_tcp_connector_new(&connector, .limit = is_idle ? (size_t)count : POOL,
                                      .keepalive_timeout = 3600);
    if (r < 0)
        return r;
    r = aiohttp_client_session_new(&session, .connector = connector);
    if (r >= 0) {
        r = work(name, url, count);
        aiohttp_client_session_close(session);
        aiohttp_client_session_unref(session);
    }
    aiohttp_connector_unref(connector);
    return r;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        die("client WORK COUNT URL", EINVAL);
    return asyncio_print_exception(
        asyncio_run(asyncio_coro(program, argv[1], atol(argv[2]), argv[3])));
}
