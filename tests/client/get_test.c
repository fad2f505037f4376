/* SPDX-License-Identifier: MIT */
/* Requests of a session to our own server: verbs, bodies, headers, the pool. */
#include "client/client_test.h"

static int tell(aiohttp_web_request *request, void *data)
{
    const char *body = "";
    size_t size = 0;
    (void)data;
    int r = aiohttp_web_request_read(request, &body, &size);
    if (r < 0)
        return r;
    const char *agent = aiohttp_web_request_header(request, "User-Agent");
    const char *extra = aiohttp_web_request_header(request, "X-Extra");
    const char *type = aiohttp_web_request_header(request, "Content-Type");
    return aiohttp_web_respondf(request, "%s %s agent=%s extra=%s type=%s body=%.*s",
                                aiohttp_web_request_method(request),
                                aiohttp_web_request_path_qs(request), agent ? agent : "-",
                                extra ? extra : "-", type ? type : "-", (int)size, body);
}

static int read_text(aiohttp_client_response *response, int status, const char *expected)
{
    const char *text;
    CHECK_IS(aiohttp_client_response_status(response), status);
    int r = aiohttp_client_response_text(response, &text);
    if (r < 0)
        return r;
    CHECK_TEXT(text, expected);
    return 0;
}

static int get_on(struct both *both)
{
    aiohttp_client_response *response;
    int r = aiohttp_client_session_get(both->session, at(both, "/a?b=1"), &response,
                                       .params = "c=2");
    if (r < 0)
        return r;
    r = read_text(response, 200, "GET /a?b=1&c=2 agent=aiohttp/0.1.0 extra=- type=- body=");
    if (r >= 0) {
        CHECK_TEXT(aiohttp_client_response_reason(response), "OK");
        CHECK_TEXT(aiohttp_client_response_content_type(response), "text/plain");
        CHECK_TEXT(aiohttp_client_response_charset(response), "utf-8");
        CHECK_TEXT(aiohttp_client_response_method(response), "GET");
        CHECK_IS(aiohttp_client_response_version(response), 11);
        CHECK(aiohttp_client_response_ok(response));
        CHECK(aiohttp_client_response_header(response, "server"));
        CHECK(aiohttp_client_response_at_eof(response));
        CHECK(aiohttp_client_response_history_count(response) == 0);
    }
    aiohttp_client_response_unref(response);
    return r;
}

/* As aiohttp has it; else HEAD's answer would be waited for as if it had a body. */
static int small_letters(void *data)
{
    struct both both;
    aiohttp_client_response *response;
    (void)data;
    int r = both_start(&both, tell);
    for (int i = 0; i < 2 && r >= 0; i++) {
        r = aiohttp_client_session_request(both.session, "head", at(&both, "/a"), &response);
        if (r < 0)
            break;
        r = strcmp(aiohttp_client_response_method(response), "HEAD") == 0 &&
                    aiohttp_client_response_at_eof(response)
                ? 0
                : -EPROTO;
        aiohttp_client_response_unref(response);
    }
    if (r >= 0)
        r = aiohttp_client_session_request(both.session, "My-meTHOD", at(&both, "/a"), &response);
    if (r >= 0) {
        r = read_text(response, 200, "MY-METHOD /a agent=aiohttp/0.1.0 extra=- type=- body=");
        aiohttp_client_response_unref(response);
    }
    return both_end(&both, r);
}

static int get(void *data)
{
    struct both both;
    (void)data;
    int r = both_start(&both, tell);
    for (int i = 0; i < 3 && r >= 0; i++)
        r = get_on(&both);
    if (r >= 0) {
        aiohttp_connector_stats stats;
        aiohttp_connector_get_stats(aiohttp_client_session_connector(both.session), &stats);
        r = stats.created == 1 && stats.reused == 2 && stats.idle == 1 && stats.in_use == 0
                ? 0
                : -EPROTO;
    }
    return both_end(&both, r);
}

static int verbs_on(struct both *both)
{
    static const char *const extra[] = { "X-Extra", "e", "Content-Type", "a/b", NULL };
    aiohttp_client_response *response;
    int r = aiohttp_client_session_post(both->session, at(both, "/p"), &response, .text = "hi");
    if (r >= 0) {
        r = read_text(response, 200,
                      "POST /p agent=aiohttp/0.1.0 extra=- type=text/plain; charset=utf-8 body=hi");
        aiohttp_client_response_unref(response);
    }
    if (r >= 0)
        r = aiohttp_client_session_put(both->session, at(both, "/p"), &response, .body = "a\0b",
                                       .body_size = 1, .fields = extra);
    if (r >= 0) {
        r = read_text(response, 200, "PUT /p agent=aiohttp/0.1.0 extra=e type=a/b body=a");
        aiohttp_client_response_unref(response);
    }
    if (r >= 0)
        r = aiohttp_client_session_post(both->session, at(both, "/p"), &response);
    if (r >= 0) {
        r = read_text(response, 200, "POST /p agent=aiohttp/0.1.0 extra=- type=- body=");
        aiohttp_client_response_unref(response);
    }
    if (r >= 0)
        r = aiohttp_client_session_head(both->session, at(both, "/p"), &response);
    if (r >= 0) {
        r = read_text(response, 200, "");
        aiohttp_client_response_unref(response);
    }
    if (r >= 0)
        r = aiohttp_client_session_request(both->session, "BREW", at(both, "/p"), &response);
    if (r >= 0) {
        CHECK_TEXT(aiohttp_client_response_method(response), "BREW");
        r = read_text(response, 200, "BREW /p agent=aiohttp/0.1.0 extra=- type=- body=");
        aiohttp_client_response_unref(response);
    }
    return r;
}

static int verbs(void *data)
{
    struct both both;
    (void)data;
    int r = both_start(&both, tell);
    if (r >= 0)
        r = verbs_on(&both);
    return both_end(&both, r);
}

static int many_tasks(aiohttp_client_session *session, const char *url)
{
    for (int i = 0; i < 5; i++) {
        aiohttp_client_response *response;
        int r = aiohttp_client_session_get(session, url, &response);
        if (r < 0)
            return r;
        r = read_text(response, 200, "GET /m agent=aiohttp/0.1.0 extra=- type=- body=");
        aiohttp_client_response_unref(response);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Ten tasks over three connections. */
static int shared(void *data)
{
    struct both both = { .session = NULL };
    aiohttp_connector *connector = NULL;
    asyncio_task *tasks[10] = { NULL };
    (void)data;
    int r = live_start(&both.live, tell);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .limit = 3);
    if (r >= 0)
        r = aiohttp_client_session_new(&both.session, .connector = connector);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/m", both.live.port);
    for (int i = 0; i < 10 && r >= 0; i++)
        r = asyncio_create_task(asyncio_coro(many_tasks, both.session, url), &tasks[i]);
    for (int i = 0; i < 10; i++)
        if (tasks[i]) {
            int awaited = join(tasks[i]);
            r = r < 0 ? r : awaited;
        }
    if (r >= 0) {
        aiohttp_connector_stats stats;
        aiohttp_connector_get_stats(connector, &stats);
        r = stats.created == 3 && stats.in_use == 0 && stats.waiting == 0 ? 0 : -EPROTO;
    }
    aiohttp_connector_unref(connector);
    return both_end(&both, r);
}

static void get_works(void **state)
{
    (void)state;
    run_everywhere(get);
}

static void verbs_work(void **state)
{
    (void)state;
    run_everywhere(verbs);
}

static void methods_are_in_capitals(void **state)
{
    (void)state;
    run_everywhere(small_letters);
}

static void pool_is_shared(void **state)
{
    (void)state;
    run_everywhere(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_works),
        cmocka_unit_test(verbs_work),
        cmocka_unit_test(methods_are_in_capitals),
        cmocka_unit_test(pool_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
