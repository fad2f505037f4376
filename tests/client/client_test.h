/* SPDX-License-Identifier: MIT */
/* What the tests of the client share: a server of ours with a handler, a session for it, and raw
 * servers that say what they are told to. */
#pragma once

#include "web/web_test.h"

#include <aiohttp/client.h>
#include <aiohttp/json.h>
#include <jansson.h>

struct both {
    struct live live;
    aiohttp_client_session *session;
    char url[64]; /* lent: "http://127.0.0.1:port" */
};

static inline const char *at(struct both *both, const char *path)
{
    static char text[8][512];
    static unsigned turn;
    char *url = text[turn++ % 8];
    snprintf(url, sizeof text[0], "http://127.0.0.1:%d%s", both->live.port, path);
    return url;
}

static inline int both_start(struct both *both, aiohttp_web_handler *handler)
{
    *both = (struct both){ .session = NULL };
    int r = live_start(&both->live, handler);
    return r < 0 ? r : aiohttp_client_session_new(&both->session);
}

static inline int both_end(struct both *both, int result)
{
    int r = both->session ? aiohttp_client_session_close(both->session) : 0;
    aiohttp_client_session_unref(both->session);
    if (result >= 0 && r < 0)
        result = r;
    return live_end(&both->live, result);
}

/* --- raw servers --- */

struct raw {
    asyncio_server *server;
    const char *answer; /* to each request */
    size_t size;
    bool keeps;         /* the connection */
    int requests, connections;
    char request[8192]; /* the last one */
};

/* Reads to the end of a head: its size; 0 at the end. */
static inline int read_request(asyncio_stream *stream, char *text, size_t size)
{
    int r = asyncio_stream_readuntil(stream, "\r\n\r\n", 4, text, size - 1);
    if (r == -ASYNCIO_INCOMPLETE_READ)
        return 0;
    if (r >= 0)
        text[r] = '\0';
    return r;
}

static inline int raw_serve(asyncio_stream *stream, void *data)
{
    struct raw *raw = data;
    int r;
    raw->connections++;
    while ((r = read_request(stream, raw->request, sizeof raw->request)) > 0) {
        raw->requests++;
        r = asyncio_stream_write(stream, raw->answer, raw->size ? raw->size : strlen(raw->answer));
        if (r < 0 || !raw->keeps)
            break;
    }
    return 0;
}

static inline int raw_start(struct raw *raw)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    return asyncio_start_server(raw_serve, "127.0.0.1", 0, &raw->server, .data = raw);
}

static inline const char *raw_url(const struct raw *raw, const char *path)
{
    static char text[4][256];
    static unsigned turn;
    char *url = text[turn++ % 4];
    snprintf(url, sizeof text[0], "http://127.0.0.1:%d%s", asyncio_server_port(raw->server), path);
    return url;
}

static inline int raw_end(struct raw *raw, int result)
{
    if (!raw->server)
        return result;
    asyncio_server_close(raw->server);
    int r = asyncio_server_wait_closed(raw->server);
    asyncio_server_unref(raw->server);
    int slept = asyncio_sleep(0);
    return result < 0 ? result : r < 0 ? r : slept;
}

static inline int session_end(aiohttp_client_session *session, int result)
{
    int r = session ? aiohttp_client_session_close(session) : 0;
    aiohttp_client_session_unref(session);
    return result < 0 ? result : r;
}

/* --- requests of which only the status counts --- */

/* A GET, or with a text a POST; `proxy` NULL: none. The status, or an error. */
static inline int ask_status(aiohttp_client_session *session, const char *url, const char *proxy,
                             const char *text)
{
    aiohttp_client_response *response;
    int r = text ? aiohttp_client_session_post(session, url, &response, .proxy = proxy,
                                               .text = text)
                 : aiohttp_client_session_get(session, url, &response, .proxy = proxy);
    if (r < 0)
        return r;
    r = aiohttp_client_response_status(response);
    int released = aiohttp_client_response_release(response);
    aiohttp_client_response_unref(response);
    return released < 0 ? released : r;
}

/* Inside programs. */
#define ASK(session, url, proxy, text, expected)                                                   \
    do {                                                                                           \
        int asked_ = ask_status(session, url, proxy, text);                                        \
        if (asked_ == -ENOMEM)                                                                     \
            return asked_;                                                                         \
        CHECK_IS(asked_, expected);                                                                \
    } while (0)

/* --- requests of which the text counts --- */

/* The end of a request that gave `r`: the answer has to be this text, and is given back. A server
 * in this program that an allocation failed says 500. */
static inline int text_is(int r, aiohttp_client_response **response, const char *expected)
{
    const char *text;
    if (r < 0)
        return r;
    bool is_refused = aiohttp_client_response_status(*response) >= 500 && allocation_is_failing();
    r = aiohttp_client_response_text(*response, &text);
    if (r >= 0 && is_refused)
        r = -ENOMEM;
    if (r >= 0)
        CHECK_TEXT(text, expected);
    aiohttp_client_response_unref(*response);
    return r;
}
