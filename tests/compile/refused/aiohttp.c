/* SPDX-License-Identifier: MIT */
/* Options there are not, handlers and middlewares of another form, results that nobody looks at,
 * values that are not of a key's type. */
#include <aiohttp.h>

int no_handler(int x);
int other_data(aiohttp_web_request *request, int data);
void no_result(aiohttp_web_request *request);
int no_middleware(aiohttp_web_request *request);
int no_signal(aiohttp_web_request *request);
int handler(aiohttp_web_request *request);
typedef aiohttp_web_application app_type;
struct pool;
struct other;
static AIOHTTP_WEB_APP_KEY(pool_key, struct pool);
void use(const void *key);
void use(const void *key) { use(&pool_key); }

/* expect gcc: has no member named 'statsu' */
/* expect clang: 'statsu' does not refer to any field */
int f(aiohttp_web_request *request) { return aiohttp_web_respond(request, "x", .statsu = 1); }

/* expect gcc: has no member named 'timeout' */
/* expect clang: 'timeout' does not refer to any field */
int f(app_type *app) { return aiohttp_web_run_app(app, .timeout = 1); }

/* expect: error: */
/* flags: -Werror=int-conversion */
int f(aiohttp_web_request *request) { return aiohttp_web_respond(request, 5); }

/* expect: error: */
int f(app_type *app) { return aiohttp_web_application_add_get(app, "/", no_handler); }

/* expect: error: */
int f(app_type *app) { return aiohttp_web_application_add_get(app, "/", other_data); }

/* expect: error: */
int f(app_type *app) { return aiohttp_web_application_add_get(app, "/", no_result); }

/* expect: error: */
int f(app_type *app) { return aiohttp_web_application_add_get(app, handler); }

/* expect: error: */
int f(app_type *app) { return aiohttp_web_application_add_middleware(app, no_middleware); }

/* expect: error: */
int f(app_type *app) { return aiohttp_web_application_on_startup(app, no_signal); }

/* expect: error: */
int f(aiohttp_web_server **server) { return aiohttp_web_server_new(no_handler, server); }

/* expect: error: */
int f(app_type *app, struct other *x) { return aiohttp_web_application_set(app, &pool_key, x, 0); }

/* expect: error: */
/* flags: -Werror=unused-result */
void f(aiohttp_web_request *request) { aiohttp_web_respond(request, "x"); }

/* expect: error: */
/* flags: -Werror=unused-result */
void f(aiohttp_web_request *request) { aiohttp_web_http_not_found(request); }

/* expect: error: */
/* flags: -Werror=unused-result */
void f(aiohttp_web_runner *runner) { aiohttp_web_runner_setup(runner); }
