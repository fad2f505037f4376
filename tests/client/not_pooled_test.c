/* SPDX-License-Identifier: MIT */
/* Connections that serve no second request: what is a tunnel from its answer on, asked for or not,
 * and what "Connection: close" was said of, by whatever member of its list. */
#include "client/client_test.h"

struct once {
    const char *method, *connection, *answer;
    int status, idle;
};

#define EMPTY "Content-Length: 0\r\n\r\n"

static const struct once cases[] = {
    { "GET", NULL, "HTTP/1.1 200 OK\r\n" EMPTY, 200, 1 },
    { "GET", NULL, "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", 101, 0 },
    { "GET", NULL, "HTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY, 101, 0 },
    { "CONNECT", NULL, "HTTP/1.1 200 OK\r\n\r\n", 200, 0 },
    { "CONNECT", NULL, "HTTP/1.1 299 OK\r\n" EMPTY, 299, 0 },
    { "CONNECT", NULL, "HTTP/1.1 405 No\r\n" EMPTY, 405, 1 },
    { "GET", "close", "HTTP/1.1 200 OK\r\n" EMPTY, 200, 0 },
    { "GET", "x-mine, Close", "HTTP/1.1 200 OK\r\n" EMPTY, 200, 0 },
    { "GET", "close , x-mine", "HTTP/1.1 200 OK\r\n" EMPTY, 200, 0 },
    { "GET", "closed, x-close", "HTTP/1.1 200 OK\r\n" EMPTY, 200, 1 },
    { "GET", NULL, "HTTP/1.1 200 OK\r\nConnection: x, close\r\n" EMPTY, 200, 0 },
    { "HEAD", NULL, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", 200, 1 },
};

static int ask(aiohttp_client_session *session, const struct raw *raw, const struct once *once)
{
    aiohttp_client_response *response;
    aiohttp_connector_stats stats;
    const char *body;
    size_t size = 1;
    int r = aiohttp_client_session_request(
        session, once->method, raw_url(raw, "/"), &response,
        .fields = once->connection ? (const char *[]){ "Connection", once->connection, NULL }
                                   : NULL);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_client_response_status(response), once->status);
    r = aiohttp_client_response_read(response, &body, &size);
    /* Also before the response goes. */
    aiohttp_connector_get_stats(aiohttp_client_session_connector(session), &stats);
    aiohttp_client_response_unref(response);
    if (r < 0)
        return r;
    CHECK(size == 0);
    CHECK_IS((int)stats.idle, once->idle);
    CHECK_IS((int)stats.in_use, 0);
    return 0;
}

static int each(void *data)
{
    (void)data;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct raw raw = { .answer = cases[i].answer, .keeps = true };
        aiohttp_client_session *session = NULL;
        int r = raw_start(&raw);
        if (r >= 0)
            r = aiohttp_client_session_new(&session);
        if (r >= 0)
            r = ask(session, &raw, &cases[i]);
        if (r < 0 && r != -ENOMEM)
            print_error("case %zu\n", i);
        if ((r = raw_end(&raw, session_end(session, r))) < 0)
            return r;
    }
    return 0;
}

static void each_test(void **state)
{
    (void)state;
    run_everywhere(each);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(each_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
