/* SPDX-License-Identifier: MIT */
/* What a trace is told, and in which order: of a redirect that takes its body along, of a request
 * that fails, of one that waits for a connection. (Of names: trace_names_test.c; of TLS:
 * tls_test.c.) */
#include "client/client_test.h"

#include <aiohttp/tracing.h>
#include <asyncio/wait.h>

static struct {
    char words[512];
    int error;
    aiohttp_client_phase phase;
} told;

#define TELLS(name)                                                                                \
    static void name(const aiohttp_trace *trace, void *data)                                       \
    {                                                                                              \
        size_t used = strlen(told.words);                                                          \
        (void)data;                                                                                \
        snprintf(told.words + used, sizeof told.words - used, #name "%s ",                         \
                 trace->bytes ? "!" : "");                                                         \
        told.error = trace->error;                                                                 \
        told.phase = trace->phase;                                                                 \
    }
TELLS(start)
TELLS(end)
TELLS(exception)
TELLS(redirect)
TELLS(head)
TELLS(sent)
TELLS(received)
TELLS(waits)
TELLS(goes_on)
TELLS(connects)
TELLS(connected)
TELLS(reuses)

static const aiohttp_trace_config tracing = {
    .size = sizeof tracing,
    .on_request_start = start,
    .on_request_end = end,
    .on_request_exception = exception,
    .on_request_redirect = redirect,
    .on_request_headers_sent = head,
    .on_request_chunk_sent = sent,
    .on_response_chunk_received = received,
    .on_connection_queued_start = waits,
    .on_connection_queued_end = goes_on,
    .on_connection_create_start = connects,
    .on_connection_create_end = connected,
    .on_connection_reuseconn = reuses,
};

static int serve(aiohttp_web_request *request, void *data)
{
    const char *body;
    size_t size;
    (void)data;
    int r = aiohttp_web_request_read(request, &body, &size);
    if (r < 0)
        return r;
    if (strcmp(aiohttp_web_request_path(request), "/moved") == 0)
        return aiohttp_web_respond(request, "", .status = 307,
                                   .headers = (const char *[]){ "Location", "/", NULL });
    return aiohttp_web_respond(request, "ok");
}

static int post(aiohttp_client_session *session, const char *url)
{
    aiohttp_client_response *response;
    const char *text;
    int r = aiohttp_client_session_post(session, url, &response, .text = "hi");
    if (r < 0)
        return r;
    r = aiohttp_client_response_text(response, &text);
    aiohttp_client_response_unref(response);
    return r;
}

static int in_order(aiohttp_client_session *session, struct both *both)
{
    aiohttp_client_response *response;
    char url[64];
    int r = post(session, at(both, "/moved"));
    if (r < 0)
        return r;
    if (!world.is_chopped && !world.is_seeded) /* in pieces there are more of them */
        CHECK_TEXT(told.words, "start connects connected head sent! redirect "
                               "reuses head sent! end received! ");
    told.words[0] = '\0';
    r = aiohttp_client_session_post(session, at(both, "/"), &response, .text = "hi",
                                    .expect100 = 1);
    if (r < 0)
        return r;
    aiohttp_client_response_unref(response);
    if (!world.is_chopped && !world.is_seeded)
        CHECK_TEXT(told.words, "start reuses head sent! end ");
    told.words[0] = '\0';
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", 1); /* nobody listens there */
    r = post(session, url);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -ECONNREFUSED);
    CHECK_TEXT(told.words, "start connects exception ");
    CHECK_IS(told.error, -ECONNREFUSED);
    CHECK_IS((int)told.phase, AIOHTTP_PHASE_CONNECT);
    return 0;
}

struct asking {
    aiohttp_client_session *session;
    const char *url;
};

static int ask(struct asking *asking)
{
    return post(asking->session, asking->url);
}

/* Of two the second waits. */
static int in_turn(aiohttp_client_session *session, struct both *both)
{
    struct asking asking = { session, at(both, "/") };
    int r = asyncio_gather(asyncio_coro(ask, &asking), asyncio_coro(ask, &asking));
    if (r < 0)
        return r;
    const char *first = strstr(told.words, "waits "), *second;
    CHECK(first);
    second = strstr(first, "goes_on ");
    CHECK(second);
    CHECK(!strstr(first + 1, "waits "));
    CHECK(!strstr(second + 1, "goes_on "));
    CHECK(strstr(second, "reuses "));
    return 0;
}

static int (*talk)(aiohttp_client_session *session, struct both *both);

static int with_session(void *data)
{
    struct both both = { .session = NULL };
    aiohttp_connector *connector = NULL;
    (void)data;
    memset(&told, 0, sizeof told);
    int r = live_start(&both.live, serve);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .limit = 1);
    if (r >= 0)
        r = aiohttp_client_session_new(&both.session, .connector = connector, .trace = &tracing);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        r = talk(both.session, &both);
    return both_end(&both, r);
}

static void all_is_told_in_order(void **state)
{
    (void)state;
    talk = in_order;
    run_everywhere(with_session);
}

static void waiting_is_told(void **state)
{
    (void)state;
    talk = in_turn;
    run_everywhere(with_session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_told_in_order),
        cmocka_unit_test(waiting_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
