/* SPDX-License-Identifier: MIT */
/* What each call of a trace knows: whose it is, what was asked for, the bytes of a piece. (Their
 * order: trace_test.c.) */
#include "client/client_test.h"

#include <aiohttp/tracing.h>

static char told[512];
static int context;

static void tell(const char *what, const aiohttp_trace *trace)
{
    size_t used = strlen(told);
    bool is_known = trace->context == &context && trace->method && trace->url;
    snprintf(told + used, sizeof told - used, "%s%s", what, is_known ? "" : "?");
    used = strlen(told);
    const char *asked = trace->headers ? aiohttp_headers_get(trace->headers, "X-A") : NULL;
    snprintf(told + used, sizeof told - used, "%s%.*s ", asked ? asked : "", (int)trace->bytes,
             trace->data ? (const char *)trace->data : "");
}

#define TELLS(name)                                                                                \
    static void name(const aiohttp_trace *trace, void *data)                                       \
    {                                                                                              \
        (void)data;                                                                                \
        tell(#name, trace);                                                                        \
    }
TELLS(start)
TELLS(end)
TELLS(exception)
TELLS(redirect)
TELLS(head)
TELLS(sent)
TELLS(received)
TELLS(create)
TELLS(created)
TELLS(reused)

static const aiohttp_trace_config tracing = { .size = sizeof tracing,
                                              .on_request_start = start,
                                              .on_request_end = end,
                                              .on_request_exception = exception,
                                              .on_request_redirect = redirect,
                                              .on_request_headers_sent = head,
                                              .on_request_chunk_sent = sent,
                                              .on_response_chunk_received = received,
                                              .on_connection_create_start = create,
                                              .on_connection_create_end = created,
                                              .on_connection_reuseconn = reused };

static int handler(aiohttp_web_request *request, void *data)
{
    (void)data;
    if (strcmp(aiohttp_web_request_path(request), "/a") == 0)
        return aiohttp_web_respond(request, "", .status = 307,
                                   .headers = (const char *[]){ "Location", "/b", NULL });
    return aiohttp_web_respond(request, "ok");
}

static int post(aiohttp_client_session *session, const char *url, int expect100)
{
    static const char *const fields[] = { "X-A", "=", NULL };
    aiohttp_client_response *response;
    const char *text;
    told[0] = '\0';
    int r = aiohttp_client_session_post(session, url, &response, .text = "body", .fields = fields,
                                        .trace_context = &context, .expect100 = expect100);
    if (r < 0)
        return r;
    r = aiohttp_client_response_text(response, &text);
    aiohttp_client_response_unref(response);
    return r;
}

static int knows(void *data)
{
    struct both both = { .session = NULL };
    (void)data;
    int r = live_start(&both.live, handler);
    if (r >= 0)
        r = aiohttp_client_session_new(&both.session, .trace = &tracing);
    if (r >= 0)
        r = post(both.session, at(&both, "/a"), 0);
    if (r >= 0 && !world.is_chopped && !world.is_seeded) /* there it comes in pieces */
        CHECK_TEXT(told,
                   "start= create= created= head= sent=body redirect= reused= head= sent=body "
                   "end= receivedok ");
    return both_end(&both, r);
}

static void each_knows(void **state)
{
    (void)state;
    run_everywhere(knows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_knows),
    };
    return cmocka_run_group_tests_name("trace_knows", tests, NULL, NULL);
}
