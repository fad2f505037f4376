/* SPDX-License-Identifier: MIT */
/* A web server: one route, and a handler that answers in one line.
 *
 *     ./20_web_hello               then http://127.0.0.1:8080/world */
#include <aiohttp.h>

static int hello(aiohttp_web_request *request)
{
    return aiohttp_web_respondf(request, "Hello, %s\n",
                                aiohttp_web_request_match_info(request, "name"));
}

int main(void)
{
    aiohttp_web_application *app = aiohttp_web_application_new();
    aiohttp_web_application_add_get(app, "/{name}", hello);
    return asyncio_print_exception(aiohttp_web_run_app(app, .host = "127.0.0.1", .port = 8080));
}
