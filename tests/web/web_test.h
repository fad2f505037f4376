/* SPDX-License-Identifier: MIT */
/* What the tests of servers share: a server with a handler on a free port, and raw conversations
 * with it, in all worlds of net_test.h. */
#pragma once

#include "net/net_test.h"

#include <aiohttp/error.h>
#include <aiohttp/headers.h>
#include <aiohttp/web.h>
#include <stdlib.h>
#include <sys/socket.h>

struct live {
    aiohttp_web_server *server;
    aiohttp_web_runner *runner;
    aiohttp_web_site *site;
    int port;
};

/* What is told of requests; not that the simulated world had no descriptor for a while. */
static inline void on_web_report(asyncio_loop *loop, const asyncio_exception_context *context,
                                 void *data)
{
    if (strncmp(context->message, "accepting connections", 21) != 0)
        on_report(loop, context, data);
}

static inline int live_start_with(struct live *live, aiohttp_web_handler *handler,
                                  const aiohttp_web_server_options *options)
{
    *live = (struct live){ .port = 0 };
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = (aiohttp_web_server_new)(handler, &live->server, options);
    if (r >= 0)
        r = aiohttp_web_server_runner_new(live->server, &live->runner, .shutdown_timeout = 5.0);
    if (r >= 0)
        r = aiohttp_web_runner_setup(live->runner);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(live->runner, "127.0.0.1", 0, &live->site);
    if (r >= 0)
        r = aiohttp_web_site_start(live->site);
    if (r >= 0)
        r = live->port = aiohttp_web_site_port(live->site);
    return r;
}

static inline int live_start(struct live *live, aiohttp_web_handler *handler)
{
    return live_start_with(live, handler, NULL);
}

/* Ends what was started, also half of it; returns `result`, or what cleaning up has failed with. */
static inline int live_end(struct live *live, int result)
{
    int r = live->runner ? aiohttp_web_runner_cleanup(live->runner) : 0;
    aiohttp_web_site_unref(live->site);
    aiohttp_web_runner_unref(live->runner);
    aiohttp_web_server_unref(live->server);
    int slept = asyncio_sleep(0);
    return result < 0 ? result : r < 0 ? r : slept;
}

static inline int live_open(struct live *live, asyncio_stream **ret_stream)
{
    return asyncio_open_connection("127.0.0.1", live->port, ret_stream);
}

/* As live_open, of a peer whose kernel takes little ahead: by itself it may take 32 MiB, and what
 * was written to one that reads nothing is soon gone. */
static inline int live_open_small(struct live *live, asyncio_stream **ret_stream)
{
    char text[16];
    int size = 16384, r = live_open(live, ret_stream);
    if (r < 0 || world.is_sim)
        return r;
    r = asyncio_stream_get_extra_info(*ret_stream, "socket", text, sizeof text);
    if (r >= 0 && setsockopt(atoi(text), SOL_SOCKET, SO_RCVBUF, &size, sizeof size) < 0)
        r = -errno;
    if (r < 0) {
        asyncio_stream_unref(*ret_stream);
        *ret_stream = NULL;
    }
    return r < 0 ? r : 0;
}

/* Sends `request`, ends the sending side, and stores all that comes, with a NUL. The size. */
static inline int live_ask_bytes(struct live *live, const void *request, size_t size, char *answer,
                                 size_t room)
{
    asyncio_stream *stream;
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    r = asyncio_stream_write(stream, request, size);
    if (r >= 0)
        r = asyncio_stream_write_eof(stream);
    /* It may be answered and closed before all of it was sent. */
    if (r >= 0 || r == -EPIPE || r == -ECONNRESET)
        r = read_all(stream, answer, room - 1);
    if (r >= 0)
        answer[r] = '\0';
    asyncio_stream_close(stream);
    asyncio_stream_unref(stream);
    return r;
}

static inline int live_ask(struct live *live, const char *request, char *answer, size_t room)
{
    return live_ask_bytes(live, request, strlen(request), answer, room);
}

/* As live_ask, a GET with those fields ("A: b\r\n" each). */
static inline int live_get(struct live *live, const char *path, const char *fields, char *answer,
                           size_t room)
{
    char request[8192];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, fields);
    return live_ask(live, request, answer, room);
}

#define CHECK_HAS(text, part)                                                                      \
    do {                                                                                           \
        if (!strstr(text, part)) {                                                                 \
            print_error("%s:%d: no \"%s\" in \"%s\" (%s, seed %lu)\n", __FILE__, __LINE__, part,   \
                        text, world.name, world.seed);                                             \
            check_failed();                                                                        \
            return -EPROTO;                                                                        \
        }                                                                                          \
    } while (0)

#define CHECK_BEGINS(text, part)                                                                   \
    do {                                                                                           \
        if (strncmp(text, part, strlen(part)) != 0) {                                              \
            print_error("%s:%d: not \"%s\" first in \"%s\" (%s, seed %lu)\n", __FILE__, __LINE__,  \
                        part, text, world.name, world.seed);                                       \
            check_failed();                                                                        \
            return -EPROTO;                                                                        \
        }                                                                                          \
    } while (0)

#define CHECK_TEXT(text, expected)                                                                 \
    do {                                                                                           \
        const char *text_ = (text);                                                                \
        if (!text_ || strcmp(text_, expected) != 0) {                                              \
            print_error("%s:%d: %s is \"%s\", not \"%s\" (%s, seed %lu)\n", __FILE__, __LINE__,    \
                        #text, text_ ? text_ : "(null)", expected, world.name, world.seed);        \
            check_failed();                                                                        \
            return -EPROTO;                                                                        \
        }                                                                                          \
    } while (0)

/* The body of an answer: what follows its empty line. */
static inline const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    return end ? end + 4 : "";
}

/* How often `part` is in `text`. */
static inline int count_of(const char *text, const char *part)
{
    int count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}
