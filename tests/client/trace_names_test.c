/* SPDX-License-Identifier: MIT */
/* What a trace is told of names: the first time the loop does not know it and asks, then it
 * does. */
#include "client/client_test.h"

#include <aiohttp/tracing.h>
#include <asyncio/names.h>

static char told[128];

static void tell(const aiohttp_trace *trace, const char *what)
{
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%s %s;", what, trace->host);
}

static void hits(const aiohttp_trace *trace, void *data)
{
    (void)data;
    tell(trace, "hit");
}

static void misses(const aiohttp_trace *trace, void *data)
{
    (void)data;
    tell(trace, "miss");
}

static void starts(const aiohttp_trace *trace, void *data)
{
    (void)data;
    tell(trace, "start");
}

static void ends(const aiohttp_trace *trace, void *data)
{
    (void)data;
    tell(trace, "end");
}

static const aiohttp_trace_config tracing = { .size = sizeof tracing,
                                              .on_dns_cache_hit = hits,
                                              .on_dns_cache_miss = misses,
                                              .on_dns_resolvehost_start = starts,
                                              .on_dns_resolvehost_end = ends };

static int hello(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_respond(request, "hello");
}

static int of_one_address(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                          size_t capacity, void *data)
{
    (void)host;
    (void)port;
    (void)family;
    (void)data;
    if (capacity < 1)
        return -EINVAL;
    snprintf(ret_addresses[0].address, sizeof ret_addresses[0].address, "127.0.0.1");
    return 1;
}

/* Two requests, each over a connection of its own. */
static int ask_twice(const char *host, const aiohttp_resolver *resolver, const char *wanted)
{
    struct live live;
    aiohttp_connector *connector = NULL;
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    char url[64];
    told[0] = '\0';
    int r = live_start(&live, hello);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .force_close = 1, .resolver = resolver);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector, .trace = &tracing);
    aiohttp_connector_unref(connector);
    snprintf(url, sizeof url, "http://%s:%d/", host, live.port);
    for (int i = 0; i < 2 && r >= 0; i++) {
        r = aiohttp_client_session_get(session, url, &response);
        if (r >= 0)
            aiohttp_client_response_unref(response);
    }
    if (r >= 0)
        CHECK_TEXT(told, wanted);
    if (session) {
        int closed = aiohttp_client_session_close(session);
        r = r < 0 ? r : closed;
    }
    aiohttp_client_session_unref(session);
    return live_end(&live, r);
}

static int names(void *data)
{
    static const aiohttp_resolver resolver = { .size = sizeof resolver, .resolve = of_one_address };
    (void)data;
    int r = asyncio_loop_set_resolver(asyncio_get_running_loop(), .cache_ttl = 1000);
    if (r >= 0)
        r = ask_twice("localhost", NULL,
                      "miss localhost;start localhost;end localhost;hit localhost;");
    if (r >= 0)
        r = ask_twice("127.0.0.1", NULL, "");
    if (r >= 0)
        r = ask_twice("one.test", &resolver,
                      "start one.test;end one.test;start one.test;end one.test;");
    return r;
}

static void names_are_told(void **state)
{
    (void)state;
    run_everywhere(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
