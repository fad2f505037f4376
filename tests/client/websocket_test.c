/* SPDX-License-Identifier: MIT */
/* WebSockets of a session: with a server of ours, and with servers that answer what they should
 * not. */
#include "client/client_test.h"

#include "../aiohttp/wire/ws_handshake.h"

#include <aiohttp/client_websocket.h>

static const char *const protocols[] = { "chat", NULL };

static int handler(aiohttp_web_request *request, void *data)
{
    aiohttp_websocket *ws;
    aiohttp_ws_message message;
    (void)data;
    const char *path = aiohttp_web_request_path(request);
    if (path && strcmp(path, "/no") == 0)
        return aiohttp_web_http_forbidden(request);
    if (path && strcmp(path, "/moved") == 0)
        return aiohttp_web_http_found(request, "/ws");
    if (path && strcmp(path, "/away") == 0) {
        char to[96];
        snprintf(to, sizeof to, "ws://%s/ws", aiohttp_web_request_host(request));
        return aiohttp_web_http_found(request, to);
    }
    const char *said = aiohttp_web_request_header(request, "X-Said");
    const char *cookie = aiohttp_web_request_cookie(request, "who");
    int r = aiohttp_web_websocket_prepare(request, &ws, .protocols = protocols);
    if (r >= 0 && said)
        r = aiohttp_websocket_send_str(ws, said);
    if (r >= 0 && cookie)
        r = aiohttp_websocket_send_str(ws, cookie);
    while (r >= 0 && (r = aiohttp_websocket_receive(ws, &message)) > 0)
        r = aiohttp_websocket_send_frame(ws, message.data, message.size, message.type);
    return r;
}

static int echoes(aiohttp_websocket *ws, const char *text)
{
    const char *answer;
    size_t size;
    int r = aiohttp_websocket_send_str(ws, text);
    if (r >= 0)
        r = aiohttp_websocket_receive_str(ws, &answer, &size);
    if (r < 0)
        return r;
    CHECK_IS(r, 1);
    CHECK(size == strlen(text));
    CHECK_TEXT(answer, text);
    return 0;
}

static int ended(aiohttp_websocket *ws, int result)
{
    int r = result >= 0 ? aiohttp_websocket_close(ws) : 0;
    aiohttp_websocket_unref(ws);
    return result < 0 ? result : r;
}

static int talks(struct both *both)
{
    aiohttp_websocket *ws;
    const char *text;
    static const char *const fields[] = { "X-Said", "hello", NULL };
    static const char *const cookies[] = { "who", "me", NULL };
    static const char *const wanted[] = { "other", "chat", NULL };
    char url[128];
    int r = aiohttp_client_session_ws_connect(both->session, at(both, "/ws"), &ws);
    if (r < 0)
        return r;
    CHECK(!aiohttp_websocket_protocol(ws));
    CHECK_IS(aiohttp_websocket_compress(ws), 0);
    if ((r = ended(ws, echoes(ws, "plain"))) < 0)
        return r;
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/ws", both->live.port);
    aiohttp_client_request_options request =
        AIOHTTP__REQUEST_OPTIONS(.cookies = cookies);
    r = aiohttp_client_session_ws_connect(both->session, url, &ws, .protocols = wanted,
                                          .fields = fields, .compress = 1, .origin = "http://a",
                                          .request = &request);
    if (r < 0)
        return r;
    CHECK_TEXT(aiohttp_websocket_protocol(ws), "chat");
    CHECK_IS(aiohttp_websocket_compress(ws), 15);
    CHECK_IS(aiohttp_websocket_receive_str(ws, &text, NULL), 1);
    CHECK_TEXT(text, "hello");
    CHECK_IS(aiohttp_websocket_receive_str(ws, &text, NULL), 1);
    CHECK_TEXT(text, "me");
    r = echoes(ws, "compressed compressed compressed compressed compressed compressed");
    if (r >= 0)
        r = aiohttp_websocket_send_bytes(ws, "b", 1);
    if (r < 0)
        return ended(ws, r);
    CHECK_IS(aiohttp_websocket_receive_str(ws, &text, NULL), -EPROTO);
    json_t *json;
    r = aiohttp_websocket_send_str(ws, "{\"a\": [1, 2]}");
    if (r >= 0)
        r = aiohttp_websocket_receive_json(ws, &json);
    if (r < 0)
        return ended(ws, r);
    r = aiohttp_websocket_send_json(ws, json);
    json_decref(json);
    if (r >= 0)
        r = aiohttp_websocket_receive_str(ws, &text, NULL);
    if (r < 0)
        return ended(ws, r);
    CHECK_TEXT(text, "{\"a\":[1,2]}");
    if ((r = ended(ws, 0)) < 0)
        return r;
    r = aiohttp_client_session_ws_connect(both->session, at(both, "/moved"), &ws, .compress = 9,
                                          .no_context_takeover = 1);
    if (r >= 0)
        r = ended(ws, echoes(ws, "moved"));
    if (r < 0)
        return r;
    /* a redirect that is relative keeps the scheme, ws, and one that is not may have it */
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/moved", both->live.port);
    r = aiohttp_client_session_ws_connect(both->session, url, &ws);
    if (r >= 0)
        r = ended(ws, echoes(ws, "moved"));
    if (r < 0)
        return r;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/away", both->live.port);
    r = aiohttp_client_session_ws_connect(both->session, url, &ws);
    return r < 0 ? r : ended(ws, echoes(ws, "away"));
}

/* One below, at, and one above what a message may have. */
static int large(struct both *both)
{
    for (int size = 99; size <= 101; size++) {
        char text[102] = "";
        aiohttp_websocket *ws;
        int r = aiohttp_client_session_ws_connect(both->session, at(both, "/ws"), &ws,
                                                  .max_msg_size = 100);
        if (r < 0)
            return r;
        memset(text, 'x', (size_t)size);
        r = echoes(ws, text);
        if (r == -ENOMEM || size <= 100) {
            if ((r = ended(ws, r)) < 0)
                return r;
            continue;
        }
        CHECK(r < 0);
        CHECK_IS(aiohttp_websocket_close_code(ws), 1009);
        aiohttp_websocket_unref(ws);
    }
    return 0;
}

static int refused(struct both *both)
{
    aiohttp_websocket *ws;
    static const char *const bad[] = { "a b", NULL };
    int r = aiohttp_client_session_ws_connect(both->session, at(both, "/no"), &ws);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -AIOHTTP_WS_HANDSHAKE);
    CHECK_HAS(record_of(r)->text, "403");
    r = aiohttp_client_session_ws_connect(both->session, at(both, "/ws"), &ws, .protocols = bad);
    CHECK_IS(r, -EINVAL);
    const char *half[] = { "X-Said", NULL };
    r = aiohttp_client_session_ws_connect(both->session, at(both, "/ws"), &ws, .fields = half);
    CHECK_IS(r, -EINVAL);
    return 0;
}

static int with_server(void *data)
{
    struct both both;
    (void)data;
    int r = both_start(&both, handler);
    if (r >= 0)
        r = talks(&both);
    if (r >= 0)
        r = large(&both);
    if (r >= 0)
        r = refused(&both);
    return both_end(&both, r);
}

static void test_server(void **state)
{
    (void)state;
    run_everywhere(with_server);
}

/* --- servers that answer what they should not --- */

static const struct answer_case {
    const char *fields; /* %s: the right accept */
    const char *why;    /* NULL: it is right */
    const char *version; /* NULL: 1.1 */
} answers[] = {
#define GOOD "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
    { GOOD, NULL },
    { GOOD "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10\r\n", NULL },
    { GOOD "Sec-WebSocket-Protocol: chat\r\n", NULL },
    { "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n", "Upgrade" },
    { "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n", "Upgrade" },
    { "Upgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n", "Connection" },
    { "Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Accept: %s\r\n", "Connection" },
    { "Upgrade: websocket\r\nConnection: Upgrade\r\n", "Accept" },
    { "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX: %s\r\n", "Accept" },
    { GOOD "Sec-WebSocket-Protocol: other\r\n", "subprotocol" },
    { GOOD "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n", "subprotocol" },
    { GOOD "Sec-WebSocket-Extensions: x-other\r\n", "extension" },
    { GOOD "Sec-WebSocket-Extensions: permessage-deflate; a=1\r\n", "extension" },
    { GOOD "Sec-WebSocket-Extensions: permessage-deflate\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate\r\n", "extension" },
    { GOOD, "HTTP/1.1", "1.0" },
};

/* The first frame comes with the head. */
static int answers_badly(asyncio_stream *stream, void *data)
{
    const struct answer_case *answer = data;
    char request[4096], accept[WS_ACCEPT_SIZE + 1] = "", fields[1024], text[2048];
    int r = read_request(stream, request, sizeof request);
    if (r <= 0)
        return r;
    const char *key = strstr(request, "Sec-WebSocket-Key: ");
    if (key)
        aiohttp__ws_accept((struct span){ key + 19, WS_KEY_SIZE }, accept);
    snprintf(fields, sizeof fields, answer->fields, accept);
    int size = snprintf(text, sizeof text, "HTTP/%s 101 Yes\r\n%s\r\n\x81\x02hi",
                        answer->version ? answer->version : "1.1", fields);
    r = asyncio_stream_write(stream, text, size);
    char byte;
    while (r >= 0 && (r = asyncio_stream_read(stream, &byte, 1)) > 0)
        ;
    return 0;
}

static int answered(struct answer_case *answer)
{
    asyncio_server *server;
    aiohttp_client_session *session;
    aiohttp_websocket *ws;
    const char *text = "";
    char url[64];
    int r = asyncio_start_server(answers_badly, "127.0.0.1", 0, &server, .data = answer);
    if (r < 0)
        return r;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", asyncio_server_port(server));
    if ((r = aiohttp_client_session_new(&session)) < 0)
        goto end;
    r = aiohttp_client_session_ws_connect(session, url, &ws, .protocols = protocols,
                                          .compress = 1);
    if (r >= 0) {
        r = aiohttp_websocket_receive_str(ws, &text, NULL);
        if (r > 0 && (strcmp(text, "hi") != 0 || answer->why))
            r = -EPROTO;
        aiohttp_websocket_unref(ws);
    } else if (r == -AIOHTTP_WS_HANDSHAKE)
        r = answer->why && strstr(record_of(r)->text, answer->why) ? 0 : -EPROTO;
    int closed = aiohttp_client_session_close(session);
    r = r < 0 ? r : closed;
    aiohttp_client_session_unref(session);
end:
    asyncio_server_close(server);
    int waited = asyncio_server_wait_closed(server);
    asyncio_server_unref(server);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : waited < 0 ? waited : slept;
}

static int all_answers(void *data)
{
    (void)data;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct answer_case answer = answers[i];
        int r = answered(&answer);
        if (r < 0) {
            if (!allocation_is_failing())
                print_error("answer %zu\n", i);
            return r;
        }
    }
    return 0;
}

static void test_answers(void **state)
{
    (void)state;
    run_everywhere(all_answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
