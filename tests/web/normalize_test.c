/* SPDX-License-Identifier: MIT */
/* normalize_path_middleware with each of its options: where it redirects to, and where it does not;
 * never to another host. As Python's impl() of web_middlewares.py does. */
#include "web/web_test.h"

#include <aiohttp/test_utils.h>

static int here(aiohttp_web_request *request)
{
    return aiohttp_web_respond(request, "here");
}

typedef aiohttp_web_normalize_path_options options;

static const options usual = { .size = sizeof usual };
static const options no_append = { .size = sizeof no_append, .keep_missing_slash = 1 };
static const options no_merge = { .size = sizeof no_merge, .keep_slashes = 1 };
static const options removes = { .size = sizeof removes, .remove_slash = 1 };
static const options only_removes = { .size = sizeof only_removes, .remove_slash = 1,
                                      .keep_slashes = 1 };
static const options nothing = { .size = sizeof nothing, .keep_missing_slash = 1,
                                 .keep_slashes = 1 };
static const options moved = { .size = sizeof moved, .status = 301 };
static const options found = { .size = sizeof found, .status = 302 };
static const options other = { .size = sizeof other, .status = 303 };
static const options temporary = { .size = sizeof temporary, .status = 307 };

static const struct talk {
    const options *options;
    const char *path;
    int status;
    const char *location; /* NULL: none */
} talks[] = {
    { &usual, "/slash/", 200, NULL },
    { &usual, "/slash", 308, "/slash/" },
    { &usual, "/slash?a=%2F&b", 308, "/slash/?a=%2F&b" },
    { &usual, "/plain/", 404, NULL },
    { &usual, "//plain", 308, "/plain" },
    { &usual, "/a///b", 308, "/a/b" },
    { &usual, "//slash", 308, "/slash/" },
    { &usual, "/nothing", 404, NULL },
    { &usual, "/nothing//", 404, NULL },
    { &usual, "/any%20thing//of/it", 308, "/any%20thing//of/it/" },
    { &no_append, "/slash", 404, NULL },
    { &no_append, "//slash/", 308, "/slash/" },
    { &no_append, "//plain", 308, "/plain" },
    { &no_merge, "/slash", 308, "/slash/" },
    { &no_merge, "/a//b", 404, NULL },
    { &removes, "/plain/", 308, "/plain" },
    { &removes, "/plain/?q=1", 308, "/plain?q=1" },
    { &removes, "//plain//", 308, "/plain" },
    { &removes, "/slash", 404, NULL },
    { &removes, "/", 404, NULL },
    { &removes, "//", 404, NULL },
    { &only_removes, "/plain/", 308, "/plain" },
    { &only_removes, "/a//b/", 404, NULL },
    { &nothing, "/slash", 404, NULL },
    { &nothing, "//plain", 404, NULL },
    { &moved, "/slash", 301, "/slash/" },
    { &found, "/slash", 302, "/slash/" },
    { &other, "/slash", 303, "/slash/" },
    { &temporary, "/slash", 307, "/slash/" },
    /* CVE-2021-21330: a path with a route of its own may begin with "//" */
    { &usual, "//any.com/x", 308, "/any.com/x/" },
    { &no_merge, "//any.com/x", 308, "/any.com/x/" },
    { &no_merge, "///any.com/x", 308, "/any.com/x/" },
    { &no_merge, "/\\any.com/x", 404, NULL },
    { &only_removes, "//plain/", 308, "/plain" },
};

static int ask(const struct talk *talk)
{
    aiohttp_test_server *server = NULL;
    aiohttp_test_response answer;
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_get(app, "/slash/", here);
    (void)aiohttp_web_application_add_get(app, "/plain", here);
    (void)aiohttp_web_application_add_get(app, "/a/b", here);
    (void)aiohttp_web_application_add_get(app, "/{rest:/*any.*}/", here);
    (void)aiohttp_web_application_add_middleware(app, aiohttp_web_normalize_path_middleware,
                                                 .data = (void *)(uintptr_t)talk->options);
    int r = aiohttp_test_server_new(app, &server);
    aiohttp_web_application_unref(app);
    if (r >= 0)
        r = aiohttp_test_server_request(server, "GET", talk->path, &answer);
    if (r >= 0 && (answer.status != talk->status ||
                   strcmp(aiohttp_headers_get(answer.headers, "Location")
                              ? aiohttp_headers_get(answer.headers, "Location")
                              : "-",
                          talk->location ? talk->location : "-") != 0)) {
        print_error("row %d, %s: %d to %s\n", (int)(talk - talks), talk->path, answer.status,
                    aiohttp_headers_get(answer.headers, "Location"));
        r = -EPROTO;
    }
    int ended = aiohttp_test_server_close(server);
    return r < 0 ? r : ended;
}

static int paths(void *data)
{
    int r = 0;
    (void)data;
    for (size_t i = 0; i < sizeof talks / sizeof *talks && r >= 0; i++)
        r = ask(&talks[i]);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : slept;
}

static void test_paths(void **state)
{
    (void)state;
    run_everywhere(paths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
