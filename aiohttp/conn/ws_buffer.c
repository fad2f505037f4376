/* SPDX-License-Identifier: MIT */
/* WebSockets: the bytes that came, and getting more of them. */
#include "conn/ws.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <errno.h>

enum { MESSAGE_KEPT = 4096 };

void aiohttp__ws_take_back_all(aiohttp_websocket *ws)
{
    if (ws->held) {
        asyncio_mem_free(ws->held);
        ws->held = NULL;
    }
    if (ws->message && !ws->reader.in_message && !ws->in_frame) {
        ws->message_size = 0;
        if (ws->message_capacity > MESSAGE_KEPT) {
            asyncio_mem_free(ws->message);
            ws->message = NULL;
            ws->message_capacity = 0;
        }
    }
}

static void judge_size(aiohttp_websocket *ws)
{
    ws->has_good_size = ws->capacity >= ws->chunk && ws->capacity <= 8 * ws->chunk;
}

/* A buffer of that capacity, with what is not parsed yet at its beginning. */
static int replace(aiohttp_websocket *ws, size_t capacity)
{
    size_t count = ws->end - ws->begin;
    char *data = asyncio_mem_malloc(capacity + 1);
    if (!data)
        return -ENOMEM;
    if (count)
        memcpy(data, ws->data + ws->begin, count);
    if (count && ws->nul == ws->data + ws->begin)
        data[0] = ws->behind; /* copied was the NUL */
    if (ws->nul && !ws->held) {
        ws->held = ws->data; /* lent from: its NUL stays */
        ws->nul = NULL;
    } else
        asyncio_mem_free(ws->data);
    ws->data = data;
    ws->capacity = capacity;
    judge_size(ws);
    ws->scanned = ws->scanned > ws->begin ? ws->scanned - ws->begin : 0;
    ws->begin = 0;
    ws->end = count;
    return 0;
}

/* What has come decides how much is made room for: a frame that is only announced costs nothing. */
static int __attribute__((noinline)) make_room(aiohttp_websocket *ws)
{
    size_t count = ws->end - ws->begin;
    if (count == 0 && ws->nul) {
        /* the NUL behind what is lent stays where it is */
        ws->begin = ws->end += ws->end < ws->capacity;
        ws->scanned = ws->begin;
    } else if (count == 0)
        ws->begin = ws->end = ws->scanned = 0;
    size_t missing = ws->wanted > count ? ws->wanted - count : 0;
    size_t room = missing < count ? missing : count;
    if (room < ws->chunk / 2)
        room = ws->chunk / 2;
    bool is_too_large = count == 0 && !ws->nul && ws->capacity > 8 * ws->chunk;
    if (ws->data && ws->capacity - ws->end >= room && !is_too_large)
        return 0;
    size_t capacity = count + (room > ws->chunk ? room : ws->chunk);
    if (!ws->nul && ws->capacity >= capacity && !is_too_large) {
        memmove(ws->data, ws->data + ws->begin, count);
        ws->scanned = ws->scanned > ws->begin ? ws->scanned - ws->begin : 0;
        ws->begin = 0;
        ws->end = count;
        return 0;
    }
    return replace(ws, capacity);
}

void aiohttp__ws_learn(aiohttp_websocket *ws, size_t got)
{
    if (ws->end == ws->capacity && ws->chunk < WS_CHUNK_MAX)
        ws->chunk *= 4;
    else if (got < ws->chunk / 8 && ws->chunk > WS_CHUNK_MIN)
        ws->chunk /= 2;
    judge_size(ws);
}

/* Somebody else reads: what it gets is for both. */
static int wait_for_reader(aiohttp_websocket *ws)
{
    ws->waiters++;
    int r = asyncio_event_wait(&ws->arrived);
    ws->waiters--;
    return r < 0 ? r : !ws->is_over;
}

int aiohttp__ws_before_read(aiohttp_websocket *ws)
{
    if (ws->is_over)
        return 0;
    if (ws->is_reading)
        return wait_for_reader(ws);
    int r = make_room(ws);
    if (r >= 0)
        return WS_READ;
    aiohttp__ws_lost(ws, r);
    return r;
}

int aiohttp__ws_after_read(aiohttp_websocket *ws, int result)
{
    if (ws->waiters > 0) {
        (void)asyncio_event_set(&ws->arrived);
        if (!ws->is_over)
            (void)asyncio_event_clear(&ws->arrived);
    }
    if (result > 0 || result == -ECANCELED)
        return result;
    if (result == -ASYNCIO_NO_TASK || result == -ASYNCIO_OTHER_LOOP)
        return result; /* the caller's fault, not the connection's */
    aiohttp__ws_lost(ws, result);
    return 0;
}

int aiohttp__ws_message_room(aiohttp_websocket *ws, size_t size)
{
    size_t wanted = ws->message_size + size + 1;
    if (wanted <= ws->message_capacity)
        return 0;
    size_t capacity = wanted < 256 ? 256 : wanted + wanted / 2;
    size_t most = ws->message_max < SIZE_MAX - 2 ? ws->message_max + 2 : SIZE_MAX;
    if (capacity > most)
        capacity = wanted > most ? wanted : most;
    char *message = asyncio_mem_realloc(ws->message, capacity);
    if (!message)
        return -ENOMEM;
    ws->message = message;
    ws->message_capacity = capacity;
    return 0;
}
