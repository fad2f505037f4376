/* SPDX-License-Identifier: MIT */
/* Requests that become WebSockets: the server's side of the handshake, and what becomes of them
 * when the handler has returned. */
#include "web/websocket.h"

#include "conn/ws.h"
#include "web/request.h"
#include "wire/fields.h"

#include <aiohttp/error.h>
#include <aiohttp/web_exceptions.h>
#include <aiohttp/web_websocket.h>
#include <asyncio/task.h>
#include <errno.h>

/* What the request asks for. */
struct asked {
    struct span key, protocol;
    const char *our_protocol;   /* the same, of our own list */
    struct ws_deflate deflate;
    const char *why;            /* it is no handshake */
    bool is_old;                /* of a version that we do not speak */
};

typedef bool field_function(struct span field, void *data);

/* Goes through the fields of that name, until one is it. */
static bool any_field(const struct exchange *exchange, enum header_id id, field_function *is_it,
                      void *data)
{
    const struct head_field *at = NULL;
    while ((at = head_find(&exchange->head, id, at)))
        if (is_it(head_field_value(exchange->text, at), data))
            return true;
    return false;
}

static bool has_websocket(struct span field, void *data)
{
    (void)data;
    return aiohttp__list_has(field, SPAN("websocket"));
}

struct choice {
    const char *const *protocols;
    const char *chosen;
};

static bool choose_protocol(struct span field, void *data)
{
    struct choice *choice = data;
    struct span element;
    for (size_t at = 0; aiohttp__list_next(field, &at, &element);)
        for (const char *const *ours = choice->protocols; *ours; ours++)
            if (span_is(element, span_of(*ours))) {
                choice->chosen = *ours;
                return true;
            }
    return false;
}

struct agreement {
    struct ws_deflate ours, agreed;
};

static bool agree(struct span field, void *data)
{
    struct agreement *agreement = data;
    return aiohttp__ws_agree(field, &agreement->ours, &agreement->agreed);
}

/* The value of a field that is there once; else no data. */
static struct span only(const struct exchange *exchange, enum header_id id)
{
    const struct head_field *field = head_find(&exchange->head, id, NULL);
    if (!field || head_find(&exchange->head, id, field))
        return (struct span){ NULL, 0 };
    return head_field_value(exchange->text, field);
}

static void look(const struct exchange *exchange, struct asked *asked)
{
    const struct head *head = &exchange->head;
    struct span version = only(exchange, HEADER_SEC_WEBSOCKET_VERSION);
    *asked = (struct asked){ .key = only(exchange, HEADER_SEC_WEBSOCKET_KEY) };
    if (head->method != METHOD_GET)
        asked->why = "a WebSocket begins with GET";
    else if (!(head->flags & HEAD_UPGRADE) ||
             !any_field(exchange, HEADER_UPGRADE, has_websocket, NULL))
        asked->why = "no upgrade to WebSocket";
    else if (!exchange->is_body_read)
        asked->why = "a WebSocket's request has no body";
    else if (!version.data)
        asked->why = "no Sec-WebSocket-Version";
    else if (!span_is(version, SPAN("13")) && !span_is(version, SPAN("8")) &&
             !span_is(version, SPAN("7"))) {
        asked->why = "unsupported version";
        asked->is_old = true;
    } else if (!asked->key.data || !aiohttp__ws_key_is_valid(asked->key))
        asked->why = "no valid Sec-WebSocket-Key";
}

/* What is optional: the subprotocol, the extension. */
static void look_further(const struct exchange *exchange, const char *const *protocols,
                         int compress, struct asked *asked)
{
    struct choice choice = { protocols, NULL };
    if (protocols)
        (void)any_field(exchange, HEADER_SEC_WEBSOCKET_PROTOCOL, choose_protocol, &choice);
    asked->our_protocol = choice.chosen;
    if (choice.chosen)
        asked->protocol = span_of(choice.chosen);
    struct agreement agreement = { .ours = {
                                       .is_on = true, .server_bits = 15, .client_bits = 15 } };
    if (compress >= 8 && compress <= 15)
        agreement.ours.server_bits = (uint8_t)compress;
    if (compress && any_field(exchange, HEADER_SEC_WEBSOCKET_EXTENSIONS, agree, &agreement))
        asked->deflate = agreement.agreed;
}

int aiohttp_web_websocket_can_prepare(aiohttp_web_request *request, const char *const *protocols,
                                      const char **ret_protocol)
{
    struct asked asked;
    if (request->response.is_prepared)
        return 0;
    look(request->exchange, &asked);
    if (asked.why)
        return 0;
    look_further(request->exchange, protocols, 0, &asked);
    if (ret_protocol)
        *ret_protocol = asked.our_protocol;
    return 1;
}

static int refuse(aiohttp_web_request *request, const struct asked *asked)
{
    static const char *const versions[] = { "Sec-WebSocket-Version", "13, 8, 7", NULL };
    return asked->is_old ? aiohttp_web_http_upgrade_required(request, .headers = versions)
                         : aiohttp_web_http_bad_request(request, .text = asked->why);
}

static int set_headers(aiohttp_web_request *request, const struct asked *asked)
{
    struct aiohttp_web_response *response = &request->response;
    char room[WS_ACCEPT_SIZE + 1], extension[160];
    struct bytes out = bytes_in(extension, sizeof extension - 1);
    aiohttp__ws_accept(asked->key, room);
    room[WS_ACCEPT_SIZE] = '\0';
    int r = aiohttp_web_response_set_header(response, "Upgrade", "websocket");
    if (r >= 0)
        r = aiohttp_web_response_set_header(response, "Connection", "Upgrade");
    if (r >= 0)
        r = aiohttp_web_response_set_header(response, "Sec-WebSocket-Accept", room);
    if (r >= 0 && asked->our_protocol)
        r = aiohttp_web_response_set_header(response, "Sec-WebSocket-Protocol",
                                            asked->our_protocol);
    if (r >= 0 && asked->deflate.is_on) {
        aiohttp__ws_write_answer(&out, &asked->deflate);
        extension[out.size] = '\0';
        r = aiohttp_web_response_set_header(response, "Sec-WebSocket-Extensions", extension);
    }
    return r;
}

/* The server shuts down. */
static void shut(void *data)
{
    aiohttp_websocket *ws = data;
    if (!ws_is_closed(ws)) {
        ws->close_code = AIOHTTP_WS_CLOSE_GOING_AWAY;
        aiohttp__ws_begin_close(ws, AIOHTTP_WS_CLOSE_GOING_AWAY, SPAN("Server shutdown"));
    }
}

static int answer(aiohttp_web_request *request, const struct asked *asked, aiohttp_websocket *ws)
{
    struct aiohttp_web_response *response = &request->response;
    struct exchange *exchange = request->exchange;
    asyncio_stream *stream;
    int r = set_headers(request, asked);
    if (r < 0)
        return r;
    response->status = 101;
    response->reason = NULL;
    response->content_type = NULL;
    response->has_body = false;
    response->compresses = false;
    if ((r = exchange->type->watch(exchange, false)) < 0)
        return r;
    if ((r = aiohttp__web_response_begin(response, -1)) < 0) {
        response->status = 0;
        return r;
    }
    if ((r = exchange->type->upgrade(exchange, &stream)) < 0)
        return r;
    response->is_ended = true;
    aiohttp__ws_start(ws, stream);
    exchange->on_shutdown = shut;
    exchange->on_shutdown_data = ws;
    return 0;
}

static const aiohttp_web_websocket_options usual = { .size = sizeof usual,
                                                     .compress = AIOHTTP__DEFAULT_WS_ON,
                                                     .autoping = AIOHTTP__DEFAULT_WS_ON,
                                                     .autoclose = AIOHTTP__DEFAULT_WS_ON };

int(aiohttp_web_websocket_prepare)(aiohttp_web_request *request, aiohttp_websocket **ret_ws,
                                   const aiohttp_web_websocket_options *options)
{
    struct asked asked;
    if (request->response.is_prepared)
        return -ASYNCIO_INVALID_STATE;
    options = options ? options : &usual;
    int r = exchange_settle(request->exchange);
    if (r < 0)
        return r;
    look(request->exchange, &asked);
    if (asked.why)
        return refuse(request, &asked);
    look_further(request->exchange, options->protocols, options->compress, &asked);
    struct ws_setup setup = { .limits = request->exchange->limits,
                              .message_max = options->max_msg_size,
                              .autoping = options->autoping,
                              .autoclose = options->autoclose,
                              .heartbeat = options->heartbeat,
                              .receive_timeout = options->receive_timeout,
                              .close_time = options->timeout,
                              .deflate = asked.deflate,
                              .protocol = asked.protocol };
    aiohttp_websocket *ws;
    if ((r = aiohttp__ws_prepare(&setup, &ws)) < 0)
        return r;
    if ((r = answer(request, &asked, ws)) < 0) {
        aiohttp_websocket_unref(ws);
        return r;
    }
    request->websocket = ws;
    *ret_ws = ws;
    return 0;
}

int aiohttp__web_websocket_end(aiohttp_web_request *request, int result)
{
    aiohttp_websocket *ws = request->websocket;
    bool is_own_error = result < 0 && result != ws->exception && result != -ECONNRESET &&
                        result != -EPIPE && !aiohttp_web_http_status(result);
    request->exchange->is_ended = true;
    if (is_own_error)
        aiohttp__web_report(request, result, "Error in a WebSocket's handler");
    int code = is_own_error ? AIOHTTP_WS_CLOSE_INTERNAL_ERROR : AIOHTTP_WS_CLOSE_OK;
    int r = aiohttp_websocket_close(ws, .code = code);
    return r == -ECANCELED ? r : 0;
}

void aiohttp__web_websocket_free(aiohttp_web_request *request)
{
    aiohttp_websocket *ws = request->websocket;
    if (!ws)
        return;
    request->websocket = NULL;
    request->exchange->on_shutdown = NULL;
    shut(ws); /* the handler was cancelled */
    aiohttp__ws_lost(ws, 0);
    aiohttp_websocket_unref(ws);
}
