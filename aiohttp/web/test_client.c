/* SPDX-License-Identifier: MIT */
/* aiohttp.test_utils.TestClient: a session that is at home at a test server. */
#include <aiohttp/cookie_jar.h>
#include <aiohttp/test_utils.h>
#include <asyncio/alloc.h>
#include <errno.h>

int(aiohttp_test_client_new)(aiohttp_test_server *server, aiohttp_client_session **ret_client,
                             const aiohttp_client_session_new_options *given)
{
    aiohttp_client_session_new_options options = { .size = sizeof options };
    aiohttp_cookie_jar *jar = NULL;
    if (given)
        options = *given;
    if (!options.base_url) {
        options.base_url = aiohttp_test_server_make_url(server, "/");
        if (!*options.base_url)
            return -ENOMEM;
    }
    if (!options.cookie_jar) {
        int r = aiohttp_cookie_jar_new(&jar, .unsafe = 1, .limits = options.limits);
        if (r < 0)
            return r;
        options.cookie_jar = jar;
    }
    int r = (aiohttp_client_session_new)(ret_client, &options);
    aiohttp_cookie_jar_unref(jar);
    return r;
}
