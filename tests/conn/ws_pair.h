/* SPDX-License-Identifier: MIT */
/* What the tests of WebSockets share: one over each of two connected streams, or one and a peer
 * that sends what it likes. */
#pragma once

#include "net/net_test.h"

#include "../aiohttp/conn/ws.h"

#include <aiohttp/error.h>
#include <asyncio/timeout.h>

static inline struct ws_setup setup_of(bool is_client, const aiohttp_limits *limits)
{
    return (struct ws_setup){ .limits = limits,
                              .is_client = is_client,
                              .autoping = true,
                              .autoclose = true };
}

/* A WebSocket on the accepted stream (or the one that connected); the other stream is the peer. */
struct raw {
    aiohttp_websocket *ws;
    asyncio_stream *peer;
    bool is_client;
};

static inline int raw_open(struct raw *raw, struct pair *pair, const struct ws_setup *setup)
{
    raw->is_client = setup->is_client;
    raw->peer = setup->is_client ? pair->b : pair->a;
    return aiohttp__ws_new(setup, setup->is_client ? pair->a : pair->b, &raw->ws);
}

/* Writes a frame as the peer of `raw` has to, into `room`: its size. `first`: FIN, RSV, opcode. */
static inline size_t frame_of(const struct raw *raw, uint8_t first, const void *payload,
                              size_t size, char *room)
{
    struct ws_frame frame = { .size = size,
                              .opcode = first & 15,
                              .is_final = (first & 0x80) != 0,
                              .is_deflated = (first & 0x40) != 0,
                              .is_masked = !raw->is_client,
                              .mask = { 0x37, 0xfa, 0x21, 0x3d } };
    size_t header = aiohttp__ws_write_header(room, &frame);
    room[0] = (char)first;
    if (size)
        memcpy(room + header, payload, size);
    if (frame.is_masked)
        aiohttp__ws_mask(room + header, size, frame.mask, 0);
    return header + size;
}

static inline int peer_sends(struct raw *raw, int first, const void *payload,
                             size_t size)
{
    char *room = malloc(WS_HEADER_MAX + size);
    if (!room)
        abort();
    int r =
        asyncio_stream_write(raw->peer, room, frame_of(raw, (uint8_t)first, payload, size, room));
    free(room);
    return came_to(r);
}

/* Reads the next frame that the peer gets into `payload`, unmasked: its first byte. */
static inline int peer_reads(struct raw *raw, char *payload, size_t room, size_t *ret_size)
{
    uint8_t header[8], mask[4];
    int r = asyncio_stream_readexactly(raw->peer, header, 2, NULL);
    if (r < 0)
        return r;
    size_t size = header[1] & 0x7f, more = size == 126 ? 2 : size == 127 ? 8 : 0;
    CHECK_IS(header[1] >> 7, raw->is_client);
    uint8_t first = header[0];
    if (more) {
        if ((r = asyncio_stream_readexactly(raw->peer, header, more, NULL)) < 0)
            return r;
        size = 0;
        for (size_t i = 0; i < more; i++)
            size = size << 8 | header[i];
    }
    if (raw->is_client && (r = asyncio_stream_readexactly(raw->peer, mask, 4, NULL)) < 0)
        return r;
    CHECK(size <= room);
    if (size && (r = asyncio_stream_readexactly(raw->peer, payload, size, NULL)) < 0)
        return r;
    if (raw->is_client)
        aiohttp__ws_mask(payload, size, mask, 0);
    *ret_size = size;
    return first;
}

/* The peer gets a close frame with that code, behind pongs. */
static inline int peer_reads_close(struct raw *raw, int code)
{
    char payload[125];
    size_t size;
    int r;
    do
        r = peer_reads(raw, payload, sizeof payload, &size);
    while (r == 0x8a);
    if (r < 0)
        return r;
    CHECK_IS(r, 0x88);
    CHECK(size >= 2);
    CHECK_IS((uint8_t)payload[0] << 8 | (uint8_t)payload[1], code);
    return 0;
}

/* Two that speak with each other. */
struct both {
    aiohttp_websocket *client, *server;
};

static inline int both_open(struct both *both, struct pair *pair, const struct ws_setup *client,
                            const struct ws_setup *server)
{
    *both = (struct both){ .client = NULL };
    int r = aiohttp__ws_new(client, pair->a, &both->client);
    return r < 0 ? r : aiohttp__ws_new(server, pair->b, &both->server);
}

static inline int both_end(struct both *both, int result)
{
    aiohttp_websocket_unref(both->client);
    aiohttp_websocket_unref(both->server);
    return result;
}

/* Sends back what comes, to the end. */
static inline int ws_echo(aiohttp_websocket *ws)
{
    aiohttp_ws_message message;
    int r;
    while ((r = aiohttp_websocket_receive(ws, &message)) > 0)
        if ((r = aiohttp_websocket_send_frame(ws, message.data, message.size, message.type)) < 0)
            break;
    return came_to(r);
}

/* The next message is that one. */
static inline int ws_expects(aiohttp_websocket *ws, int type, const void *data, size_t size)
{
    aiohttp_ws_message message;
    int r = aiohttp_websocket_receive(ws, &message);
    if (r < 0)
        return r;
    CHECK_IS(r, 1);
    CHECK_IS(message.type, type);
    CHECK_IS((long long)message.size, (long long)size);
    CHECK(memcmp(message.data, data, size) == 0);
    CHECK(message.data[size] == '\0');
    return 0;
}
