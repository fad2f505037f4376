/* SPDX-License-Identifier: MIT */
/* Noticing that the peer goes while a handler runs: a task of its own reads ahead meanwhile. */
#include "server/server.h"

#include <asyncio/error.h>
#include <asyncio/task.h>
#include <errno.h>

enum { AHEAD_MAX = 65536 };

static int watch(struct connection *connection)
{
    const char *data;
    size_t size = asyncio_stream_peek(connection->stream, &data);
    while (size < AHEAD_MAX) {
        int r = asyncio_stream_fill(connection->stream, size + 1);
        if (r == -ECANCELED)
            return r;
        if (r == -ASYNCIO_LIMIT_OVERRUN)
            return 0; /* it has sent more than is read ahead: it is there */
        if (r < 0 || (size_t)r == size) {
            connection->is_peer_gone = true;
            connection->work->http.exchange.closes = true;
            asyncio_task_cancel(connection->task);
            return 0;
        }
        size = (size_t)r;
    }
    return 0;
}

int aiohttp__connection_watch(struct http1 *http, bool is_on)
{
    struct connection *connection = http->owner;
    if (!is_on)
        return connection->watcher ? aiohttp__connection_unwatch(connection) : 0;
    if (connection->watcher || !http->exchange.is_body_read)
        return 0;
    /* What it reads moves the buffer. */
    int r = exchange_settle(&http->exchange);
    return r < 0 ? r : asyncio_create_task(asyncio_coro(watch, connection), &connection->watcher);
}

int aiohttp__connection_unwatch(struct connection *connection)
{
    asyncio_task *watcher = connection->watcher;
    connection->watcher = NULL;
    int r = 0;
    asyncio_task_cancel(watcher);
    while (!asyncio_task_done(watcher)) {
        int slept = asyncio_sleep(0);
        r = slept < 0 ? slept : r;
    }
    asyncio_task_unref(watcher);
    if (!connection->is_peer_gone)
        return r;
    /* That cancellation was ours. */
    return asyncio_task_uncancel(connection->task) > 0 ? -ECANCELED : -ECONNRESET;
}
