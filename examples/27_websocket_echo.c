/* SPDX-License-Identifier: MIT */
/* A WebSocket server that sends back what it gets: example_27_websocket_echo [PORT].
 *
 * Where a browser asks for the page itself, it gets one that talks to the WebSocket. */
#include <aiohttp.h>
#include <stdio.h>
#include <stdlib.h>

static const char html[] =
    "<!DOCTYPE html><meta charset=utf-8><title>echo</title><input autofocus><ul></ul><script>\n"
    "const ws = new WebSocket(location.href.replace(/^http/, 'ws'));\n"
    "const input = document.querySelector('input'), list = document.querySelector('ul');\n"
    "ws.onmessage = (event) => list.append(Object.assign(document.createElement('li'),\n"
    "                                                    { textContent: event.data }));\n"
    "input.onchange = () => { ws.send(input.value); input.value = ''; };\n"
    "</script>\n";

static int page(aiohttp_web_request *request)
{
    return aiohttp_web_respond(request, html, .content_type = "text/html");
}

/* A client that says nothing for a minute, and does not answer when asked, is gone. */
static int echo(aiohttp_web_request *request)
{
    if (!aiohttp_web_websocket_can_prepare(request, NULL, NULL))
        return page(request);
    aiohttp_websocket *ws;
    aiohttp_ws_message message;
    int r = aiohttp_web_websocket_prepare(request, &ws, .heartbeat = 60);
    while (r >= 0 && (r = aiohttp_websocket_receive(ws, &message)) > 0)
        r = aiohttp_websocket_send_frame(ws, message.data, message.size, message.type);
    return r;
}

static void listening(const char *site, void *data)
{
    (void)data;
    printf("serving on %s\n", site);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 8080;
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_get(app, "/", echo);
    return asyncio_print_exception(
        aiohttp_web_run_app(app, .host = "127.0.0.1", .port = port, .print = listening));
}
