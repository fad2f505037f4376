/* SPDX-License-Identifier: MIT */
/* WebSocket messages, with and without compression, in both roles: what is parsed is the same
 * however the bytes come, and no message is larger than allowed. */
#include "split.h"

#include "conn/ws.h"

#include <asyncio/alloc.h>

enum { MOST = 4096 };

/* What came of the bytes. */
struct outcome {
    int result; /* the last: 0, PARSE_CLOSE, or the error */
    size_t count;
    uint64_t hash;
};

static void add(struct outcome *outcome, const aiohttp_ws_message *message)
{
    outcome->count++;
    outcome->hash = outcome->hash * 31 + (uint64_t)message->type * 7 + (uint64_t)message->code;
    HOLDS(message->size <= MOST && message->data[message->size] == '\0');
    for (size_t i = 0; i < message->size; i++)
        outcome->hash = outcome->hash * 1099511628211u + (uint8_t)message->data[i];
}

/* Puts bytes behind what is buffered, as ws_more does. */
static void put(aiohttp_websocket *ws, const char *data, size_t size)
{
    size_t count = ws->end - ws->begin;
    char *larger = asyncio_mem_malloc(count + size + 1);
    HOLDS(larger != NULL);
    if (count)
        memcpy(larger, ws->data + ws->begin, count);
    if (size)
        memcpy(larger + count, data, size);
    asyncio_mem_free(ws->data);
    ws->data = larger;
    ws->begin = 0;
    ws->end = ws->capacity = count + size;
}

static void run(const struct ws_setup *setup, const char *data, size_t size, uint32_t seed,
                struct outcome *outcome)
{
    aiohttp_websocket *ws;
    aiohttp_ws_message message;
    HOLDS(aiohttp__ws_prepare(setup, &ws) >= 0);
    *outcome = (struct outcome){ .result = 0 };
    for (size_t at = 0; at < size && outcome->result == 0;) {
        size_t next = seed ? next_split(&seed, at, size) : size;
        put(ws, data + at, next - at);
        at = next;
        while ((outcome->result = aiohttp__ws_parse(ws, &message)) == PARSE_MESSAGE) {
            add(outcome, &message);
            aiohttp__ws_take_back(ws);
        }
    }
    if (outcome->result == PARSE_CLOSE)
        add(outcome, &message);
    aiohttp_websocket_unref(ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    aiohttp_limits limits = aiohttp_server_limits();
    limits.message = limits.frame = MOST;
    limits.inflate_ratio = AIOHTTP_UNLIMITED; /* what went in counts by pieces */
    /* Nothing is answered: there is no stream. */
    struct ws_setup setup = { .limits = &limits, .is_client = data[0] & 1 };
    if (data[0] & 2)
        setup.deflate = (struct ws_deflate){ true, data[0] & 4, data[0] & 8, 15, 15, false };
    struct outcome whole, split;
    run(&setup, (const char *)data + 2, size - 2, 0, &whole);
    run(&setup, (const char *)data + 2, size - 2, (uint32_t)data[0] << 8 | data[1] | 0x10000u,
        &split);
    HOLDS(whole.result == split.result && whole.count == split.count && whole.hash == split.hash);
    return 0;
}
