/* SPDX-License-Identifier: MIT */
/* The client's side of a WebSocket's handshake. */
#include "client/session.h"
#include "client/upgrade.h"
#include "conn/ws.h"
#include "wire/fields.h"
#include "wire/write.h"

#include <aiohttp/client_websocket.h>
#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <errno.h>

enum { OWN_FIELDS = 7, VALUES = 8, LIST_MAX = 4096 };

/* What we ask for. */
struct offer {
    const aiohttp_client_ws_connect_options *options;
    struct ws_deflate deflate;
    char key[WS_KEY_SIZE + 1];
    char extension[160];
    char *protocols;      /* the list, allocated; NULL: none */
    const char **fields;  /* name, value, ..., NULL; allocated */
};

static void offer_end(struct offer *offer)
{
    asyncio_mem_free(offer->protocols);
    asyncio_mem_free(offer->fields);
}

/* "a, b": 0, -EINVAL, -ENOMEM. */
static int join_protocols(struct offer *offer)
{
    const char *const *at = offer->options->protocols;
    struct bytes list = bytes_up_to(LIST_MAX);
    if (!at || !*at)
        return 0;
    for (bool is_first = true; *at; at++, is_first = false) {
        if (!aiohttp__is_token(span_of(*at))) {
            aiohttp__bytes_fini(&list);
            return asyncio_raise(-EINVAL, "the subprotocol \"%s\" is no token", *at);
        }
        bytes_text(&list, is_first ? "" : ", ");
        bytes_text(&list, *at);
    }
    bytes_put(&list, '\0');
    if (list.error) {
        aiohttp__bytes_fini(&list);
        return list.error;
    }
    offer->protocols = list.data;
    return 0;
}

static int make_fields(struct offer *offer)
{
    const aiohttp_client_ws_connect_options *options = offer->options;
    size_t count = 0;
    for (; options->fields && options->fields[count]; count += 2)
        if (!options->fields[count + 1])
            return asyncio_raise(-EINVAL, "the field \"%s\" has no value",
                                 options->fields[count]);
    offer->fields = asyncio_mem_malloc((count + 2 * OWN_FIELDS + 1) * sizeof *offer->fields);
    if (!offer->fields)
        return -ENOMEM;
    const char **at = offer->fields;
    for (size_t i = 0; i < count; i++)
        *at++ = options->fields[i];
    const char *const own[OWN_FIELDS][2] = {
        { "Upgrade", "websocket" },
        { "Connection", "Upgrade" },
        { "Sec-WebSocket-Version", "13" },
        { "Sec-WebSocket-Key", offer->key },
        { "Sec-WebSocket-Protocol", offer->protocols },
        { "Sec-WebSocket-Extensions", offer->deflate.is_on ? offer->extension : NULL },
        { "Origin", options->origin },
    };
    for (size_t i = 0; i < OWN_FIELDS; i++)
        if (own[i][1]) {
            *at++ = own[i][0];
            *at++ = own[i][1];
        }
    *at = NULL;
    return 0;
}

static int ask(struct offer *offer)
{
    const aiohttp_client_ws_connect_options *options = offer->options;
    uint8_t random[16];
    int r = aiohttp__random(random, sizeof random);
    if (r < 0)
        return r;
    aiohttp__ws_key(random, offer->key);
    offer->key[WS_KEY_SIZE] = '\0';
    if (options->compress) {
        int bits = options->compress >= 8 && options->compress <= 15 ? options->compress : 15;
        offer->deflate = (struct ws_deflate){ .is_on = true,
                                               .server_forgets = options->no_context_takeover,
                                               .client_forgets = options->no_context_takeover,
                                               .server_bits = 15,
                                               .client_bits = (uint8_t)bits };
        struct bytes out = bytes_in(offer->extension, sizeof offer->extension - 1);
        aiohttp__ws_write_offer(&out, &offer->deflate);
        offer->extension[out.size] = '\0';
    }
    if ((r = join_protocols(offer)) >= 0)
        r = make_fields(offer);
    return r;
}

static int no_handshake(const char *why)
{
    return asyncio_raise(-AIOHTTP_WS_HANDSHAKE, "%s", why);
}

/* The only value of that name: 1; 0 without one; -1: there are several. */
static int only(const aiohttp_headers *headers, const char *name, struct span *ret_value)
{
    const char *value[VALUES];
    size_t count = aiohttp_headers_getall(headers, name, value, VALUES);
    if (count == 1)
        *ret_value = span_of(value[0]);
    return count > 1 ? -1 : (int)count;
}

/* The subprotocol that the server chose, if any. */
static int check_protocol(const struct offer *offer, const aiohttp_headers *headers,
                          struct span *ret_protocol)
{
    int r = only(headers, "Sec-WebSocket-Protocol", ret_protocol);
    if (r < 0)
        return no_handshake("more than one subprotocol");
    const char *const *at = offer->options->protocols;
    for (; r > 0 && at && *at; at++)
        if (span_is(*ret_protocol, span_of(*at)))
            return 0;
    return r > 0 ? no_handshake("a subprotocol that was not offered") : 0;
}

static int check(const struct offer *offer, const aiohttp_client_response *response,
                 struct ws_deflate *ret_deflate, struct span *ret_protocol)
{
    const aiohttp_headers *headers = aiohttp_client_response_headers(response);
    struct span value;
    char accept[WS_ACCEPT_SIZE];
    const char *extensions[VALUES], *connections[VALUES];
    if (!headers)
        return -ENOMEM;
    if (aiohttp_client_response_version(response) < 11)
        return no_handshake("101 by less than HTTP/1.1");
    if (only(headers, "Upgrade", &value) != 1 || !span_is_case(value, SPAN("websocket")))
        return no_handshake("no Upgrade: websocket");
    size_t count = aiohttp_headers_getall(headers, "Connection", connections, VALUES);
    bool upgrades = false;
    for (size_t i = 0; i < count && i < VALUES; i++)
        upgrades |= aiohttp__list_has(span_of(connections[i]), SPAN("upgrade"));
    if (!upgrades)
        return no_handshake("no Connection: upgrade");
    aiohttp__ws_accept((struct span){ offer->key, WS_KEY_SIZE }, accept);
    if (only(headers, "Sec-WebSocket-Accept", &value) != 1 ||
        !span_is(value, (struct span){ accept, sizeof accept }))
        return no_handshake("no Sec-WebSocket-Accept of our key");
    count = aiohttp_headers_getall(headers, "Sec-WebSocket-Extensions", extensions, VALUES);
    for (size_t i = 0; i < count; i++)
        if (i == VALUES || aiohttp__ws_read_answer(span_of(extensions[i]), &offer->deflate,
                                                   ret_deflate) < 0)
            return no_handshake("an extension that was not offered so");
    return check_protocol(offer, headers, ret_protocol);
}

/* The answer was 101: is it one to what we asked? */
static int begin(aiohttp_client_session *session, const struct offer *offer, asyncio_stream *stream,
                 const aiohttp_client_response *response, aiohttp_websocket **ret_ws)
{
    const aiohttp_client_ws_connect_options *options = offer->options;
    struct ws_setup setup = { .limits = &session->limits,
                              .message_max = options->max_msg_size,
                              .is_client = true,
                              .autoping = options->autoping,
                              .autoclose = options->autoclose,
                              .heartbeat = options->heartbeat,
                              .receive_timeout = options->receive_timeout,
                              .close_time = options->timeout };
    int r = check(offer, response, &setup.deflate, &setup.protocol);
    return r < 0 ? r : aiohttp__ws_new(&setup, stream, ret_ws);
}

static int connect_it(aiohttp_client_session *session, const char *url,
                      const struct offer *offer, aiohttp_websocket **ret_ws)
{
    asyncio_stream *stream;
    aiohttp_client_response *response;
    aiohttp_client_request_options request = AIOHTTP__REQUEST_OPTIONS();
    const aiohttp_client_request_options *given = offer->options->request;
    if (given)
        memcpy(&request, given, given->size < sizeof request ? given->size : sizeof request);
    request.fields = offer->fields;
    request.raise_for_status = 0;
    if (request.allow_redirects == AIOHTTP__AS_SESSION)
        request.allow_redirects = 1;
    int r = aiohttp__client_upgrade(session, url, &request, &stream, &response);
    if (r < 0)
        return r;
    if (r == 0)
        r = asyncio_raise(-AIOHTTP_WS_HANDSHAKE, "the server answered %d",
                          aiohttp_client_response_status(response));
    else {
        r = begin(session, offer, stream, response, ret_ws);
        if (r < 0)
            asyncio_stream_abort(stream);
        asyncio_stream_unref(stream);
    }
    if (r < 0)
        aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

static const aiohttp_client_ws_connect_options usual = { .size = sizeof usual,
                                                         .autoping = AIOHTTP__DEFAULT_CLIENT_WS,
                                                         .autoclose =
                                                             AIOHTTP__DEFAULT_CLIENT_WS };

int(aiohttp_client_session_ws_connect)(aiohttp_client_session *session, const char *url,
                                       aiohttp_websocket **ret_ws,
                                       const aiohttp_client_ws_connect_options *options)
{
    struct offer offer = { .options = options ? options : &usual };
    int r = ask(&offer);
    if (r >= 0)
        r = connect_it(session, url, &offer, ret_ws);
    offer_end(&offer);
    return r;
}
