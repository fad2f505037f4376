/* SPDX-License-Identifier: MIT */
/* Connecting to one of several addresses: see addresses.h. */
#include "client/addresses.h"

#include <arpa/inet.h>
#include <asyncio/timeout.h>
#include <asyncio/wait.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool write_text(const struct sockaddr *address, aiohttp_resolved *out)
{
    const struct sockaddr_in6 *six = (const void *)address;
    const struct sockaddr_in *four = (const void *)address;
    bool has_six = address->sa_family == AF_INET6;
    const void *bytes = has_six ? (const void *)&six->sin6_addr : &four->sin_addr;
    if ((!has_six && address->sa_family != AF_INET) ||
        !inet_ntop(address->sa_family, bytes, out->address, sizeof out->address))
        return false;
    size_t size = strlen(out->address);
    if (has_six && six->sin6_scope_id)
        snprintf(out->address + size, sizeof out->address - size, "%%%u",
                 (unsigned)six->sin6_scope_id);
    return true;
}

static bool is_six(const aiohttp_resolved *address)
{
    return strchr(address->address, ':') != NULL;
}

/* The next one behind `from` that is of that family, or not: its place, or `count`. */
static int next_of(const aiohttp_resolved *addresses, int from, int count, bool of_six)
{
    while (from < count && is_six(&addresses[from]) != of_six)
        from++;
    return from;
}

static void take_turns(aiohttp_resolved *addresses, int count, int interleave)
{
    aiohttp_resolved in[AIOHTTP_RESOLVED_MAX];
    bool first = count && is_six(&addresses[0]), turn = first;
    int at[2] = { 0, 0 }, run = interleave;
    memcpy(in, addresses, (size_t)count * sizeof *in);
    for (int i = 0; i < count; i++) {
        int *mine = &at[turn == first ? 0 : 1];
        *mine = next_of(in, *mine, count, turn);
        if (*mine == count) { /* none is left: the others */
            turn = !turn;
            mine = &at[turn == first ? 0 : 1];
            *mine = next_of(in, *mine, count, turn);
        }
        addresses[i] = in[(*mine)++];
        if (--run <= 0)
            turn = !turn;
    }
}

int aiohttp__addresses_of(const struct addrinfo *infos, int interleave,
                          aiohttp_resolved *ret_addresses)
{
    int count = 0;
    for (; infos && count < AIOHTTP_RESOLVED_MAX; infos = infos->ai_next)
        count += write_text(infos->ai_addr, &ret_addresses[count]);
    if (interleave > 0)
        take_turns(ret_addresses, count, interleave);
    return count;
}

struct attempt {
    const aiohttp_connector_options *options;
    const char *host;
    size_t limit;
    int port;
    asyncio_stream *stream;
};

static int connect_one(struct attempt *attempt)
{
    return asyncio_open_connection(attempt->host, attempt->port, &attempt->stream,
                                   .limit = attempt->limit, .family = attempt->options->family,
                                   .local_addr = attempt->options->local_addr);
}

static int connect_in_time(struct attempt *attempt)
{
    asyncio_timeout limit;
    int r = asyncio_timeout_enter(&limit, attempt->options->address_timeout);
    return r < 0 ? r : asyncio_timeout_exit(&limit, connect_one(attempt));
}

int aiohttp__addresses_connect(const aiohttp_connector_options *options, size_t limit,
                               aiohttp_resolved *addresses, int count, int port,
                               asyncio_stream **ret_stream)
{
    struct attempt attempts[AIOHTTP_RESOLVED_MAX];
    asyncio_coro coros[AIOHTTP_RESOLVED_MAX] = { asyncio_coro(connect_in_time, &attempts[0]) };
    size_t winner = 0;
    for (int i = 0; i < count; i++) {
        addresses[i].address[sizeof addresses[i].address - 1] = '\0';
        attempts[i] = (struct attempt){ options, addresses[i].address, limit, port, NULL };
        coros[i] = asyncio_coro(connect_in_time, &attempts[i]);
    }
    int r = count == 1 ? connect_one(&attempts[0])
                       : asyncio_staggered_race(coros, (size_t)count,
                                                options->happy_eyeballs_delay, &winner);
    for (int i = 0; i < count; i++) /* who came second, or was too late to be told so */
        if (attempts[i].stream && (r < 0 || (size_t)i != winner)) {
            asyncio_stream_abort(attempts[i].stream);
            asyncio_stream_unref(attempts[i].stream);
        }
    if (r >= 0)
        *ret_stream = attempts[winner].stream;
    return r < 0 ? r : 0;
}
