/* SPDX-License-Identifier: MIT */
/* Requests that take their connection over: see upgrade.h. */
#include "client/upgrade.h"

#include "client/session.h"

#include <aiohttp/error.h>
#include <errno.h>

int aiohttp__client_upgrade(aiohttp_client_session *session, const char *url,
                            const aiohttp_client_request_options *options,
                            asyncio_stream **ret_stream, aiohttp_client_response **ret_response)
{
    aiohttp_client_response *response;
    int r = aiohttp__session_request(session, "GET", url, NULL, true, &response, options);
    if (r < 0)
        return r;
    if (aiohttp_client_response_status(response) != 101 || !response->connection) {
        *ret_response = response;
        return 0;
    }
    struct exchange *exchange = &response->http.exchange;
    if ((r = exchange_settle(exchange)) < 0) {
        aiohttp_client_response_close(response);
        aiohttp_client_response_unref(response);
        return r;
    }
    asyncio_stream_consume(exchange->stream, response->http.used);
    response->http.used = 0;
    exchange->stream = NULL;
    *ret_stream = aiohttp__pool_give_away(response->connection);
    response->connection = NULL;
    response->is_ended = true;
    aiohttp__wait_remove(&response->wait);
    *ret_response = response;
    return 1;
}
