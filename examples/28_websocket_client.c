/* SPDX-License-Identifier: MIT */
/* A WebSocket client that comes back: example_28_websocket_client URL [MESSAGES [SECONDS]].
 *
 * Says something every SECONDS and prints the answer, until Ctrl-C or MESSAGES answers. When it
 * cannot connect, or the connection is lost, it tries again, after a pause that doubles; what was
 * not answered is said once more. Try it with 27_websocket_echo, stopped and started again. */
#include <aiohttp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static const double first_pause = 0.1, longest_pause = 10.0;

static struct {
    const char *url;
    unsigned long answers, wanted; /* wanted 0: no end */
    double every, pause;
} client;

static bool is_done(void) { return client.wanted && client.answers == client.wanted; }

static int talk(aiohttp_websocket *ws)
{
    char text[64];
    const char *answer;
    size_t size;
    while (!is_done()) {
        snprintf(text, sizeof text, "message %lu", client.answers + 1);
        int r = aiohttp_websocket_send_str(ws, text);
        if (r >= 0)
            r = aiohttp_websocket_receive_str(ws, &answer, &size, .timeout = 30);
        if (r <= 0)
            return r ? r : -ECONNRESET; /* closed, but not by us */
        printf("%s\n", answer);
        client.answers++;
        if (!is_done() && (r = asyncio_sleep(client.every)) < 0)
            return r;
    }
    return aiohttp_websocket_close(ws);
}

static int connect_once(aiohttp_client_session *session)
{
    aiohttp_websocket *ws;
    int r = aiohttp_client_session_ws_connect(session, client.url, &ws, .heartbeat = 10);
    if (r < 0)
        return r;
    client.pause = first_pause;
    r = talk(ws);
    aiohttp_websocket_unref(ws);
    return r;
}

static int program(void)
{
    aiohttp_client_session *session;
    int r = aiohttp_client_session_new(&session);
    if (r < 0)
        return r;
    client.pause = first_pause;
    while ((r = connect_once(session)) < 0 && r != -ECANCELED && r != -AIOHTTP_INVALID_URL) {
        fprintf(stderr, "%s; again in %.1f s\n", asyncio_error_text(r), client.pause);
        if ((r = asyncio_sleep(client.pause)) < 0)
            break;
        client.pause = client.pause * 2 < longest_pause ? client.pause * 2 : longest_pause;
    }
    aiohttp_client_session_close(session);
    aiohttp_client_session_unref(session);
    return r;
}

int main(int argc, char **argv)
{
    client.url = argc > 1 ? argv[1] : "ws://127.0.0.1:8080/";
    client.wanted = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    client.every = argc > 3 ? strtod(argv[3], NULL) : 0.5;
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
