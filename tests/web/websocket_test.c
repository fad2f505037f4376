/* SPDX-License-Identifier: MIT */
/* Requests that become WebSockets: the handshake, what is refused, subprotocols and extensions, and
 * what becomes of a WebSocket when its handler returns or its server ends. */
#include "conn/ws_pair.h"
#include "web/web_test.h"

#include <aiohttp/json.h>

static aiohttp_limits limits;

static const char *const protocols[] = { "chat.v2", "chat", NULL };

/* What the next handler does. */
static struct {
    int returns;       /* after the first message */
    int compress;
    bool sleeps;
    int ended;         /* with what receive has ended */
} now;

static int handler(aiohttp_web_request *request, void *data)
{
    aiohttp_websocket *ws;
    aiohttp_ws_message message;
    (void)data;
    int r = aiohttp_web_websocket_prepare(request, &ws, .protocols = protocols,
                                          .compress = now.compress, .heartbeat = 100);
    if (r < 0)
        return r;
    while ((r = aiohttp_websocket_receive(ws, &message)) > 0) {
        if ((r = aiohttp_websocket_send_frame(ws, message.data, message.size, message.type)) < 0)
            return r;
        if (now.sleeps && (r = asyncio_sleep(1000)) < 0)
            return r;
        if (now.returns)
            return now.returns > 0 ? 0 : now.returns;
    }
    now.ended = r;
    return r;
}

#define HANDSHAKE                                                                                  \
    "GET /ws?a=1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"                                    \
    "Connection: keep-alive, Upgrade\r\n"                                                          \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

/* Sends a request and reads the answer's head. */
static int shake(struct live *live, const char *request, char *head, size_t room,
                 asyncio_stream **ret_stream)
{
    asyncio_stream *stream;
    int r = live_open(live, &stream);
    if (r < 0)
        return r;
    r = asyncio_stream_write(stream, request, strlen(request));
    if (r >= 0)
        r = asyncio_stream_readuntil(stream, "\r\n\r\n", 4, head, room - 1);
    if (r < 0) {
        asyncio_stream_unref(stream);
        return r;
    }
    head[r] = '\0';
    *ret_stream = stream;
    return r;
}

/* A WebSocket of the client's side. */
static int connect_ws(struct live *live, const char *fields, struct ws_deflate deflate, char *head,
                      size_t room, aiohttp_websocket **ret_ws)
{
    char request[1024];
    asyncio_stream *stream;
    snprintf(request, sizeof request, HANDSHAKE "%s\r\n", fields);
    int r = shake(live, request, head, room, &stream);
    if (r < 0)
        return r;
    struct ws_setup setup = setup_of(true, &limits);
    setup.deflate = deflate;
    r = aiohttp__ws_new(&setup, stream, ret_ws);
    asyncio_stream_unref(stream);
    return r;
}

static int begin(struct live *live)
{
    memset(&now, 0, sizeof now);
    now.compress = 1;
    return live_start(live, handler);
}

/* --- the handshake --- */

static int agreed(struct live *live)
{
    char head[2048];
    aiohttp_websocket *ws;
    struct ws_deflate off = { .is_on = false };
    int r = connect_ws(live, "", off, head, sizeof head, &ws);
    if (r < 0)
        return r;
    CHECK_BEGINS(head, "HTTP/1.1 101 Switching Protocols\r\n");
    CHECK_HAS(head, "\r\nUpgrade: websocket\r\n");
    CHECK_HAS(head, "\r\nConnection: Upgrade\r\n");
    CHECK_HAS(head, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    CHECK(!strstr(head, "Protocol:") && !strstr(head, "Extensions:"));
    CHECK(!strstr(head, "Content-Length") && !strstr(head, "Content-Type"));
    CHECK(!strstr(head, "Connection: close") && !strstr(head, "Transfer-Encoding"));
    r = aiohttp_websocket_send_str(ws, "hello");
    if (r >= 0)
        r = ws_expects(ws, AIOHTTP_WS_TEXT, "hello", 5);
    int closed = aiohttp_websocket_close(ws, .code = 1000);
    aiohttp_websocket_unref(ws);
    return r < 0 ? r : closed;
}

static int extended(struct live *live)
{
    char head[2048];
    static char text[3000];
    aiohttp_websocket *ws;
    struct ws_deflate deflate = { true, false, true, 12, 15 };
    int r = connect_ws(live,
                       "Sec-WebSocket-Protocol: other, chat\r\nSec-WebSocket-Protocol: chat.v2\r\n"
                       "Sec-WebSocket-Extensions: x, permessage-deflate; bad\r\n"
                       "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12; "
                       "client_no_context_takeover\r\n",
                       deflate, head, sizeof head, &ws);
    if (r < 0)
        return r;
    CHECK_HAS(head, "\r\nSec-WebSocket-Protocol: chat\r\n");
    CHECK_HAS(head, "\r\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; "
                    "server_max_window_bits=12\r\n");
    memset(text, 'x', sizeof text);
    r = aiohttp_websocket_send_bytes(ws, text, sizeof text);
    if (r >= 0)
        r = ws_expects(ws, AIOHTTP_WS_BINARY, text, sizeof text);
    int closed = aiohttp_websocket_close(ws, .code = 1000);
    aiohttp_websocket_unref(ws);
    if (r < 0 || closed < 0)
        return r < 0 ? r : closed;
    now.compress = 0;
    r = connect_ws(live, "Sec-WebSocket-Extensions: permessage-deflate\r\n",
                   (struct ws_deflate){ .is_on = false }, head, sizeof head, &ws);
    if (r < 0)
        return r;
    CHECK(!strstr(head, "Extensions:"));
    closed = aiohttp_websocket_close(ws);
    aiohttp_websocket_unref(ws);
    return closed;
}

/* Frames that came with the request are the first. */
static int at_once(struct live *live)
{
    char head[1024];
    asyncio_stream *stream;
    int r = shake(live, HANDSHAKE "\r\n\x81\x81\x01\x01\x01\x01\x79", head, sizeof head, &stream);
    if (r < 0)
        return r;
    char frame[3];
    r = asyncio_stream_readexactly(stream, frame, 3, NULL);
    if (r >= 0)
        CHECK(memcmp(frame, "\x81\x01x", 3) == 0);
    asyncio_stream_unref(stream);
    return r;
}

static int handshakes(void *data)
{
    struct live live;
    (void)data;
    int r = begin(&live);
    if (r >= 0)
        r = agreed(&live);
    if (r >= 0)
        r = extended(&live);
    if (r >= 0)
        r = at_once(&live);
    return live_end(&live, r);
}

static void test_handshake(void **state)
{
    (void)state;
    run_everywhere(handshakes);
}

/* --- what is none --- */

static int refusals(void *data)
{
    struct live live;
    char answer[4096];
    (void)data;
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
    static const struct {
        const char *request, *status;
    } bad[] = {
        { "GET / HTTP/1.1\r\nHost: a\r\n" KEY VERSION "\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n" KEY VERSION "\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n" KEY VERSION "\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" KEY VERSION
          "\r\n", "400" },
        { "GET / HTTP/1.0\r\nHost: a\r\n" UPGRADE KEY VERSION "\r\n", "400" },
        { "POST / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY VERSION "\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY "\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY "Sec-WebSocket-Version: 12\r\n\r\n", "426" },
        { "GET / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY VERSION VERSION "\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\n" UPGRADE VERSION "\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\n" UPGRADE VERSION "Sec-WebSocket-Key: abc\r\n\r\n", "400" },
        { "GET / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY KEY VERSION "\r\n", "400" },
        /* CVE-2026-69243: the body of one that is refused is no request */
        { "GET / HTTP/1.1\r\nHost: a\r\n" UPGRADE KEY VERSION "Content-Length: 40\r\n\r\n"
          "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n12345", "400" },
    };
    int r = begin(&live);
    for (size_t i = 0; i < sizeof bad / sizeof *bad && r >= 0; i++) {
        char status[32];
        r = live_ask(&live, bad[i].request, answer, sizeof answer);
        snprintf(status, sizeof status, "HTTP/1.1 %s ", bad[i].status);
        if (r < 0)
            break;
        CHECK_BEGINS(answer, status);
        CHECK_IS(count_of(answer, "HTTP/1.1 "), 1);
        if (bad[i].status[1] == '2')
            CHECK_HAS(answer, "\r\nSec-WebSocket-Version: 13, 8, 7\r\n");
    }
    return live_end(&live, r);
}

static void test_refusals(void **state)
{
    (void)state;
    run_everywhere(refusals);
}

/* --- how it ends --- */

/* The close code that a client gets after `text` was sent; -1: none. */
static int code_after(struct live *live, const char *text)
{
    char head[2048];
    aiohttp_websocket *ws;
    aiohttp_ws_message message = { .type = 0 };
    int r = connect_ws(live, "", (struct ws_deflate){ .is_on = false }, head, sizeof head, &ws);
    if (r < 0)
        return r;
    r = aiohttp_websocket_send_str(ws, text);
    while (r >= 0 && (r = aiohttp_websocket_receive(ws, &message)) > 0)
        ;
    r = r < 0 ? r : message.type == AIOHTTP_WS_CLOSE ? message.code : -1;
    aiohttp_websocket_unref(ws);
    return r;
}

static int ends(void *data)
{
    struct live live;
    (void)data;
    int r = begin(&live);
    if (r < 0)
        return live_end(&live, r);
    now.returns = 1;
    CHECK_IS(code_after(&live, "x"), 1000);
    now.returns = -EDOM;
    CHECK_IS(code_after(&live, "x"), 1011);
    CHECK_IS(reports.count, 1);
    CHECK_IS(reports.last, -EDOM);
    return live_end(&live, 0);
}

static int client(struct live *live)
{
    return code_after(live, "x");
}

/* A server that ends closes those that are open, whatever their handlers do. */
static int shutdown_of(bool sleeps)
{
    struct live live;
    asyncio_task *task;
    int r = begin(&live);
    if (r < 0)
        return live_end(&live, r);
    now.sleeps = sleeps;
    now.ended = 1;
    START(task, client, &live);
    for (int i = 0; i < 20 && r >= 0; i++)
        r = settle();
    r = live_end(&live, r);
    int code = join(task);
    if (r < 0)
        return r;
    CHECK_IS(code, 1001);
    if (!sleeps)
        CHECK_IS(now.ended, 0);
    return 0;
}

static int shutdowns(void *data)
{
    (void)data;
    return shutdown_of(false);
}

static int shutdowns_asleep(void *data)
{
    (void)data;
    if (!world.is_sim)
        return 0; /* waits for shutdown_timeout */
    int r = shutdown_of(true);
    return r == -ETIMEDOUT ? 0 : r;
}

static void test_ends(void **state)
{
    (void)state;
    run_everywhere(ends);
    run_everywhere(shutdowns);
    run_everywhere(shutdowns_asleep);
}

int main(void)
{
    limits = aiohttp_server_limits();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
