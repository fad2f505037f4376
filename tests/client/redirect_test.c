/* SPDX-License-Identifier: MIT */
/* Redirects: which are followed and how, what goes along, how many. */
#include "client/client_test.h"

/* /STATUS/TARGET redirects; /count/N counts down; else it tells what came. */
static int redirecting(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request), *body;
    struct both *both = data;
    size_t size;
    int status, number;
    char target[128];
    int r = aiohttp_web_request_read(request, &body, &size);
    if (r < 0)
        return r;
    if (sscanf(path, "/count/%d", &number) == 1 && number > 0) {
        snprintf(target, sizeof target, "%d", number - 1);
        return aiohttp_web_respond(request, "", .status = 302,
                                   .headers = (const char *[]){ "Location", target, NULL });
    }
    if (strncmp(path, "/away/", 6) == 0) {
        snprintf(target, sizeof target, "http://localhost:%d/%s", both->live.port, path + 6);
        return aiohttp_web_respond(request, "", .status = 302,
                                   .headers = (const char *[]){ "Location", target, NULL });
    }
    if (sscanf(path, "/%d/%100s", &status, target) == 2) {
        const char *headers[] = { "Location", target, NULL };
        return aiohttp_web_respond(request, "moved", .status = status,
                                   .headers = strcmp(target, "none") == 0 ? NULL : headers);
    }
    const char *authorization = aiohttp_web_request_header(request, "Authorization");
    const char *cookie = aiohttp_web_request_header(request, "Cookie");
    return aiohttp_web_respondf(request, "%s %s auth=%s cookie=%s body=%.*s",
                                aiohttp_web_request_method(request), path,
                                authorization ? authorization : "-", cookie ? cookie : "-",
                                (int)size, body);
}

static int redirect_start(struct both *both)
{
    *both = (struct both){ .session = NULL };
    int r =
        live_start_with(&both->live, redirecting,
                        &(aiohttp_web_server_options){ .size = sizeof(aiohttp_web_server_options),
                                                       .data = both,
                                                       .keepalive_timeout = -1,
                                                       .tcp_keepalive = 1 });
    return r < 0 ? r : aiohttp_client_session_new(&both->session);
}

struct hop {
    const char *method, *path;
    int status;
    const char *text;
    size_t hops;
};

static int follow(struct both *both, const struct hop *hop)
{
    aiohttp_client_response *response;
    bool has_body = strcmp(hop->method, "POST") == 0 || strcmp(hop->method, "PUT") == 0;
    int r = aiohttp_client_session_request(both->session, hop->method, at(both, hop->path),
                                           &response, .text = has_body ? "hi" : NULL);
    if (r < 0)
        return r;
    if (aiohttp_client_response_status(response) != hop->status)
        print_error("%s %s: ", hop->method, hop->path);
    CHECK_IS(aiohttp_client_response_status(response), hop->status);
    CHECK_IS((int)aiohttp_client_response_history_count(response), (int)hop->hops);
    return text_is(r, &response, hop->text);
}

static int rules(void *data)
{
    static const struct hop hops[] = {
        { "GET", "/301//end", 200, "GET /end auth=- cookie=- body=", 1 },
        { "POST", "/301//x", 200, "GET /x auth=- cookie=- body=", 1 },
        { "POST", "/302//x", 200, "GET /x auth=- cookie=- body=", 1 },
        { "POST", "/303//x", 200, "GET /x auth=- cookie=- body=", 1 },
        { "POST", "/307//x", 200, "POST /x auth=- cookie=- body=hi", 1 },
        { "POST", "/308//x", 200, "POST /x auth=- cookie=- body=hi", 1 },
        { "PUT", "/301//x", 200, "PUT /x auth=- cookie=- body=hi", 1 },
        { "PUT", "/302//x", 200, "PUT /x auth=- cookie=- body=hi", 1 },
        { "PUT", "/303//x", 200, "GET /x auth=- cookie=- body=", 1 },
        { "DELETE", "/302//x", 200, "DELETE /x auth=- cookie=- body=", 1 },
        { "GET", "/304/x", 304, "", 0 },
        { "GET", "/300//x", 300, "moved", 0 },
        { "GET", "/302/none", 302, "moved", 0 },
        { "HEAD", "/302//x", 302, "", 0 },
    };
    struct both both;
    (void)data;
    int r = redirect_start(&both);
    for (size_t i = 0; i < sizeof hops / sizeof *hops && r >= 0; i++)
        r = follow(&both, &hops[i]);
    return both_end(&both, r);
}

static int counts_on(struct both *both)
{
    aiohttp_client_response *response;
    int r = aiohttp_client_session_get(both->session, at(both, "/count/10"), &response);
    if (r < 0)
        return r;
    CHECK_IS((int)aiohttp_client_response_history_count(response), 10);
    const aiohttp_client_response *first = aiohttp_client_response_history(response, 0);
    CHECK_IS(aiohttp_client_response_status(first), 302);
    CHECK_HAS(aiohttp_url_str(aiohttp_client_response_url(first)), "/count/10");
    CHECK_HAS(aiohttp_url_str(aiohttp_client_response_url(response)), "/count/0");
    CHECK(!aiohttp_client_response_history(response, 10));
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    r = aiohttp_client_session_get(both->session, at(both, "/count/11"), &response);
    if (r != -ENOMEM)
        CHECK_IS(r, -AIOHTTP_TOO_MANY_REDIRECTS);
    else
        return r;
    r = aiohttp_client_session_get(both->session, at(both, "/count/1"), &response,
                                   .max_redirects = 0);
    if (r != -ENOMEM)
        CHECK_IS(r, -AIOHTTP_TOO_MANY_REDIRECTS);
    else
        return r;
    r = aiohttp_client_session_get(both->session, at(both, "/count/1"), &response,
                                   .allow_redirects = 0);
    if (r < 0)
        return r;
    CHECK_IS(aiohttp_client_response_status(response), 302);
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    r = aiohttp_client_session_get(both->session, at(both, "/302/ftp://x/y"), &response);
    if (r != -ENOMEM)
        CHECK_IS(r, -AIOHTTP_NON_HTTP_URL_REDIRECT);
    else
        return r;
    r = aiohttp_client_session_get(both->session, at(both, "/302/http://[x/y"), &response);
    if (r != -ENOMEM)
        CHECK_IS(r, -AIOHTTP_INVALID_URL_REDIRECT);
    return r == -ENOMEM ? r : 0;
}

static int counts(void *data)
{
    struct both both;
    (void)data;
    int r = redirect_start(&both);
    if (r >= 0)
        r = counts_on(&both);
    return both_end(&both, r);
}

/* Secrets go to the origin that they are for, and to no other (CVE-2026-34518, -47265). */
static int fields_on(struct both *both)
{
    static const char *const fields[] = { "Authorization", "secret", "Authorization", "again",
                                          "Cookie", "c=1", NULL };
    aiohttp_client_response *response;
    int r = aiohttp_client_session_get(both->session, at(both, "/302//x"), &response,
                                       .fields = fields);
    r = text_is(r, &response, "GET /x auth=again cookie=c=1 body=");
    if (r < 0)
        return r;
    r = aiohttp_client_session_get(both->session, at(both, "/away/x"), &response, .fields = fields);
    return text_is(r, &response, "GET /x auth=- cookie=- body=");
}

static int options_on(struct both *both)
{
    static const char *const cookies[] = { "d", "2", NULL };
    aiohttp_client_response *response;
    int r = aiohttp_client_session_get(both->session, at(both, "/302//x"), &response,
                                       .cookies = cookies, .authorization = "secret");
    r = text_is(r, &response, "GET /x auth=secret cookie=d=2 body=");
    if (r < 0)
        return r;
    r = aiohttp_client_session_get(both->session, at(both, "/away/x"), &response,
                                   .cookies = cookies, .authorization = "secret");
    return text_is(r, &response, "GET /x auth=- cookie=- body=");
}

static int secret_fields(void *data)
{
    struct both both;
    (void)data;
    int r = redirect_start(&both);
    if (r >= 0)
        r = fields_on(&both);
    return both_end(&both, r);
}

static int secret_options(void *data)
{
    struct both both;
    (void)data;
    int r = redirect_start(&both);
    if (r >= 0)
        r = options_on(&both);
    return both_end(&both, r);
}

static int once(aiohttp_payload_writer *writer, void *data)
{
    (void)data;
    return aiohttp_payload_writer_write(writer, "once", 4);
}

static int unrewindable(void *data)
{
    struct both both;
    aiohttp_client_response *response;
    (void)data;
    int r = redirect_start(&both);
    if (r >= 0) {
        r = aiohttp_client_session_post(both.session, at(&both, "/307//x"), &response,
                                        .generator = once);
        r = r == -AIOHTTP_BODY_SENT ? 0 : r < 0 ? r : -EPROTO;
    }
    return both_end(&both, r);
}

static void rules_are_kept(void **state)
{
    (void)state;
    run_everywhere(rules);
}

static void hops_are_counted(void **state)
{
    (void)state;
    run_everywhere(counts);
}

static void CVE_2026_34518_fields_stay(void **state)
{
    (void)state;
    run_everywhere(secret_fields);
}

static void CVE_2026_47265_cookies_of_one_request_stay(void **state)
{
    (void)state;
    run_everywhere(secret_options);
}

static void bodies_that_cannot_be_sent_again_are_not(void **state)
{
    (void)state;
    run_everywhere(unrewindable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_kept),
        cmocka_unit_test(hops_are_counted),
        cmocka_unit_test(CVE_2026_34518_fields_stay),
        cmocka_unit_test(CVE_2026_47265_cookies_of_one_request_stay),
        cmocka_unit_test(bodies_that_cannot_be_sent_again_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
