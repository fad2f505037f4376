/* SPDX-License-Identifier: MIT */
/* A middleware that keeps an answer and gives it again, as a cache does: each request has its own
 * way there, and nothing is left behind. */
#include "client/client_test.h"

static int serve(aiohttp_web_request *request, void *data)
{
    (void)data;
    if (strcmp(aiohttp_web_request_path(request), "/here") == 0)
        return aiohttp_web_respond(request, "here");
    return aiohttp_web_respond(request, "moved", .status = 302,
                               .headers = (const char *[]){ "Location", "/here", NULL });
}

static int keep(aiohttp_client_request *request, aiohttp_client_next *next,
                aiohttp_client_response **ret_response, void *data)
{
    aiohttp_client_response **kept = data;
    if (strcmp(aiohttp_url_raw_path(aiohttp_client_request_url(request)), "/here") != 0)
        return next(request, ret_response);
    if (!*kept) {
        int r = next(request, ret_response);
        if (r >= 0)
            *kept = aiohttp_client_response_ref(*ret_response);
        return r;
    }
    *ret_response = aiohttp_client_response_ref(*kept);
    return 0;
}

static int ask(struct both *both, const char *path, size_t redirects)
{
    aiohttp_client_response *response;
    const char *text;
    int r = aiohttp_client_session_get(both->session, at(both, path), &response);
    if (r < 0)
        return r;
    r = aiohttp_client_response_text(response, &text);
    if (r >= 0) {
        CHECK_TEXT(text, "here");
        CHECK(aiohttp_client_response_history_count(response) == redirects);
        for (size_t i = 0; i < redirects; i++)
            CHECK_IS(aiohttp_client_response_status(aiohttp_client_response_history(response, i)),
                     302);
    }
    aiohttp_client_response_unref(response);
    return r;
}

static int cached(void *data)
{
    struct both both;
    aiohttp_client_response *kept = NULL;
    (void)data;
    int r = both_start(&both, serve);
    if (r >= 0) {
        aiohttp_client_session_unref(both.session);
        both.session = NULL;
        const aiohttp_client_middleware_entry entries[] = { { keep, &kept } };
        r = aiohttp_client_session_new(&both.session, .middlewares = entries,
                                       .middleware_count = 1);
    }
    static const char *const paths[] = { "/moved", "/moved", "/here", "/here", "/moved" };
    for (size_t i = 0; i < 5 && r >= 0; i++)
        r = ask(&both, paths[i], strcmp(paths[i], "/moved") == 0);
    aiohttp_client_response_unref(kept);
    return both_end(&both, r);
}

static void cached_test(void **state)
{
    (void)state;
    run_everywhere(cached);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cached_test) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
