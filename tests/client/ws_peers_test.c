/* SPDX-License-Identifier: MIT */
/* WebSockets with npm's package `ws`, both ways: without compression and with it, in its
 * variants. */
/* TEST: backends io_uring epoll; timeout 120; not valgrind aarch64 */
#include "client/client_test.h"

#include <aiohttp/client_websocket.h>
#include <asyncio/subprocess.h>

static char folder[512], script[512];
static const char *const modes[] = { "plain", "deflate", "small", "forget" };

/* --- it is the client --- */

static int handler(aiohttp_web_request *request)
{
    static const char *const protocols[] = { "chat", NULL };
    aiohttp_websocket *ws;
    aiohttp_ws_message message;
    int r = aiohttp_web_websocket_prepare(request, &ws, .protocols = protocols);
    while (r >= 0 && (r = aiohttp_websocket_receive(ws, &message)) > 0)
        r = aiohttp_websocket_send_frame(ws, message.data, message.size, message.type);
    return r;
}

static int serves(const char *mode, const char *url)
{
    asyncio_process *process;
    asyncio_process_output output;
    int r = asyncio_create_subprocess_exec(
        ASYNCIO_ARGS("node", script, folder, "client", mode, url), &process,
        .std_out = ASYNCIO_SUBPROCESS_PIPE);
    if (r < 0)
        return r;
    r = asyncio_process_communicate(process, &output);
    if (r >= 0 && strcmp(output.std_out, "ok\n") != 0) {
        print_error("%s: %s", mode, output.std_out);
        r = -EPROTO;
    }
    asyncio_process_unref(process);
    return r;
}

static int node_is_client(void *data)
{
    struct live live;
    char url[64];
    (void)data;
    int r = live_start(&live, (aiohttp_web_handler *)(void *)handler);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", live.port);
    for (size_t i = 0; i < 4 && r >= 0; i++)
        r = serves(modes[i], url);
    return live_end(&live, r);
}

/* --- it is the server --- */

static int same(aiohttp_websocket *ws, int type, const char *data, size_t size)
{
    aiohttp_ws_message message;
    int r = aiohttp_websocket_send_frame(ws, data, size, type);
    if (r >= 0)
        r = aiohttp_websocket_receive(ws, &message);
    if (r < 0)
        return r;
    CHECK_IS(r, 1);
    CHECK_IS(message.type, type);
    CHECK(message.size == size && memcmp(message.data, data, size) == 0);
    return 0;
}

static int talk(aiohttp_websocket *ws)
{
    static const size_t sizes[] = { 0, 1, 125, 126, 127, 1000, 65535, 65536, 300000 };
    static char data[300000];
    aiohttp_ws_message message;
    int r = 0;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)('a' + (i * i >> 4) % 26);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && r >= 0; i++) {
        r = same(ws, AIOHTTP_WS_TEXT, data, sizes[i]);
        if (r >= 0)
            r = same(ws, AIOHTTP_WS_BINARY, data, sizes[i]);
    }
    if (r >= 0)
        r = aiohttp_websocket_send_str(ws, "fragments");
    if (r >= 0)
        r = aiohttp_websocket_receive(ws, &message);
    if (r < 0)
        return r;
    CHECK_TEXT(message.data, "piece 0;piece 1;piece 2;piece 3;piece 4;piece 5;piece 6;piece 7;"
                             "piece 8;piece 9;");
    if ((r = aiohttp_websocket_send_str(ws, "close me")) < 0)
        return r;
    CHECK_IS(aiohttp_websocket_receive(ws, &message), 0);
    CHECK_IS(message.type, AIOHTTP_WS_CLOSE);
    CHECK_IS(message.code, 3005);
    CHECK_TEXT(message.data, "bye");
    return 0;
}

static int asks(const char *mode, aiohttp_client_session *session)
{
    static const char *const protocols[] = { "chat", NULL };
    asyncio_process *process;
    aiohttp_websocket *ws;
    char port[16], url[64];
    int r = asyncio_create_subprocess_exec(ASYNCIO_ARGS("node", script, folder, "server", mode),
                                           &process, .std_out = ASYNCIO_SUBPROCESS_PIPE);
    if (r < 0)
        return r;
    r = asyncio_stream_readline(asyncio_process_stdout(process), port, sizeof port);
    snprintf(url, sizeof url, "ws://127.0.0.1:%d/", r > 0 ? atoi(port) : 0);
    if (r >= 0)
        r = aiohttp_client_session_ws_connect(session, url, &ws, .protocols = protocols,
                                              .compress = 1);
    if (r >= 0) {
        bool is_right = (aiohttp_websocket_compress(ws) != 0) == (strcmp(mode, "plain") != 0);
        r = is_right ? talk(ws) : -EPROTO;
        if (r < 0)
            print_error("%s: %s, closed with %d\n", mode, asyncio_error_name(r),
                        aiohttp_websocket_close_code(ws));
        aiohttp_websocket_unref(ws);
    }
    asyncio_process_unref(process);
    return r;
}

static int node_is_server(void *data)
{
    aiohttp_client_session *session;
    (void)data;
    int r = aiohttp_client_session_new(&session);
    if (r < 0)
        return r;
    for (size_t i = 0; i < 4 && r >= 0; i++)
        r = asks(modes[i], session);
    int closed = aiohttp_client_session_close(session);
    aiohttp_client_session_unref(session);
    return r < 0 ? r : closed;
}

static void test_client(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_int_equal(run_once(node_is_client, NULL), 0);
}

static void test_server(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    assert_int_equal(run_once(node_is_server, NULL), 0);
}

/* Where npm has put the package: below the build, once for all tests. */
static bool have_package(void)
{
    char line[1400];
    const char *source = getenv("SOURCE_ROOT");
    snprintf(script, sizeof script, "%s/tests/client/ws_peers.js", source ? source : ".");
    snprintf(line, sizeof line, "%s/tests/support/npm/install.sh 2>/dev/null",
             source ? source : ".");
    FILE *said = popen(line, "r");
    if (!said)
        return false;
    bool is_there = fgets(folder, sizeof folder, said) != NULL;
    folder[strcspn(folder, "\n")] = '\0';
    return pclose(said) == 0 && is_there && system("node --version >/dev/null 2>&1") == 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_server),
    };
    if (getenv("ASYNCIO_TEST_ALLOCATIONS") || !have_package()) {
        print_message("skipped: there is no node, or npm could not install the package ws\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
