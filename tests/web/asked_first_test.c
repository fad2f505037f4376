/* SPDX-License-Identifier: MIT */
/* What is asked of a request before it becomes a WebSocket, and what a WebSocket says of itself;
 * by the tools for users' own tests, around a server without an application. */
#include "web/web_test.h"

#include <aiohttp/client_websocket.h>
#include <aiohttp/test_utils.h>
#include <aiohttp/web_websocket.h>

static const char *const protocols[] = { "chat.v2", "chat", NULL };

/* Says what it would become; becomes it if it can. */
static int handler(aiohttp_web_request *request, void *data)
{
    const char *protocol = "unset";
    aiohttp_websocket *ws;
    const void *bytes;
    size_t size;
    char peer[64];
    (void)data;
    int can = aiohttp_web_websocket_can_prepare(request, protocols, &protocol);
    CHECK_IS(aiohttp_web_websocket_can_prepare(request, protocols, NULL), can);
    CHECK_IS(aiohttp_web_response_status(aiohttp_web_request_response(request)), 0);
    if (!can)
        return aiohttp_web_respond(request, "no");
    int r = aiohttp_web_websocket_prepare(request, &ws, .protocols = protocols);
    if (r < 0)
        return r;
    const char *spoken = aiohttp_websocket_protocol(ws);
    CHECK((protocol == NULL) == (spoken == NULL));
    if (spoken)
        CHECK_TEXT(spoken, protocol);
    r = aiohttp_websocket_get_extra_info(ws, "peername", peer, sizeof peer);
    if (r < 0)
        return r;
    CHECK_BEGINS(peer, "127.0.0.1:");
    r = aiohttp_websocket_receive_bytes(ws, &bytes, &size);
    if (r < 0)
        return r;
    r = aiohttp_websocket_send_bytes(ws, bytes, size);
    if (r >= 0) /* text is none */
        r = aiohttp_websocket_receive_bytes(ws, &bytes, &size);
    CHECK(r < 0);
    return r == -ENOMEM || r == -ECANCELED ? r : aiohttp_websocket_send_str(ws, "bytes!");
}

static int talks(aiohttp_client_session *client, const char *const *wanted, const char *spoken)
{
    aiohttp_websocket *ws;
    const void *bytes;
    const char *text;
    size_t size;
    int r = aiohttp_client_session_ws_connect(client, "/", &ws, .protocols = wanted);
    if (r < 0)
        return r;
    const char *protocol = aiohttp_websocket_protocol(ws);
    r = aiohttp_websocket_send_bytes(ws, "\0\xff", 2);
    if (r >= 0)
        r = aiohttp_websocket_receive_bytes(ws, &bytes, &size);
    bool is_same = r >= 0 && size == 2 && memcmp(bytes, "\0\xff", 2) == 0;
    if (r >= 0)
        r = aiohttp_websocket_send_str(ws, "text");
    if (r >= 0)
        r = aiohttp_websocket_receive_str(ws, &text, &size);
    bool is_told = r >= 0 && strcmp(text, "bytes!") == 0;
    bool is_right = spoken ? protocol && strcmp(protocol, spoken) == 0 : !protocol;
    int closed = aiohttp_websocket_close(ws);
    aiohttp_websocket_unref(ws);
    if (r < 0)
        return r;
    CHECK(is_same && is_told && is_right);
    return closed == -ENOMEM || closed == -ECANCELED ? closed : 0;
}

static int all(void *data)
{
    static const char *const second[] = { "other", "chat", NULL };
    static const char *const none[] = { "other", NULL };
    aiohttp_test_server *server = NULL;
    aiohttp_client_session *client = NULL;
    aiohttp_web_server *raw = NULL;
    aiohttp_test_response answer;
    (void)data;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = aiohttp_web_server_new(handler, &raw);
    if (r >= 0)
        r = aiohttp_test_server_of(raw, &server);
    aiohttp_web_server_unref(raw);
    if (r >= 0)
        r = aiohttp_test_server_request(server, "GET", "/", &answer);
    if (r >= 0) {
        CHECK_TEXT(answer.body, "no");
        r = aiohttp_test_client_new(server, &client);
    }
    if (r >= 0)
        r = talks(client, second, "chat");
    if (r >= 0)
        r = talks(client, none, NULL);
    if (r >= 0)
        r = talks(client, NULL, NULL);
    int closed = client ? aiohttp_client_session_close(client) : 0;
    aiohttp_client_session_unref(client);
    int ended = aiohttp_test_server_close(server);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : closed < 0 ? closed : ended < 0 ? ended : slept;
}

static void test_all(void **state)
{
    (void)state;
    run_everywhere(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
