/* SPDX-License-Identifier: MIT */
/* For users' own tests: a server on a free port (or in memory, with ASYNCIO_BACKEND=sim), somebody
 * to ask it, and requests without a connection. aiohttp.test_utils.
 *
 *     aiohttp_test_server *server;
 *     aiohttp_test_response answer;
 *     int r = aiohttp_test_server_new(app, &server);
 *     if (r >= 0)
 *         r = aiohttp_test_server_request(server, "GET", "/users/7", &answer);
 *     if (r >= 0 && answer.status != 200) ...
 *     aiohttp_test_server_close(server);
 *
 * MODEL      aiohttp_test_server_new sets the application up and listens on 127.0.0.1; a request
 *            opens a connection of its own and reads the whole answer. It is a client for tests:
 *            what it does not understand is an error, nothing is followed or decoded. For all else
 *            (JSON, forms, files, cookies, redirects, WebSockets) there is aiohttp_test_client_new,
 *            a session whose URLs begin at the server:
 *
 *                aiohttp_client_session *client;
 *                r = aiohttp_test_client_new(server, &client);
 *                if (r >= 0)
 *                    r = aiohttp_client_session_post(client, "/users", &response, .json = user);
 *
 * OWNERSHIP  An answer belongs to its server, until the next request or close.
 * THREADS    The running loop, inside a task.
 * SOURCE     aiohttp's test_utils.py. */
#pragma once

#include <aiohttp/client.h>
#include <aiohttp/web_runner.h>

ASYNCIO__BEGIN

typedef struct aiohttp_test_server aiohttp_test_server;

typedef struct aiohttp_test_server_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_test_server_options));
    const aiohttp_web_server_options *server ASYNCIO__0; /* as of a runner */
} aiohttp_test_server_options;

/* Sets `app` up (one more reference) and serves it. ret_server returns new. The errors of
 * aiohttp_web_runner_setup and aiohttp_web_site_start. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_test_server_new(aiohttp_web_application *app, aiohttp_test_server **ret_server,
                        const aiohttp_test_server_options *options);

/* As aiohttp_test_server_new, of a low-level server (one more reference): RawTestServer.
 * Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_test_server_of(aiohttp_web_server *web_server, aiohttp_test_server **ret_server);

/* Cleans up and frees; returns what cleaning up did. NULL allowed. Suspends. */
AIOHTTP_API int aiohttp_test_server_close(aiohttp_test_server *server);

/* Its port. Does not suspend. */
AIOHTTP_API int aiohttp_test_server_port(const aiohttp_test_server *server);

/* "http://127.0.0.1:8080/path": TestServer.make_url. Lent until the next call. Does not suspend. */
AIOHTTP_API const char *aiohttp_test_server_make_url(aiohttp_test_server *server,
                                                     const char *path);

/* What came. Lent texts with a NUL behind them. */
typedef struct aiohttp_test_response {
    int status;
    const char *reason;
    const aiohttp_headers *headers;
    const char *body;
    size_t body_size;
} aiohttp_test_response;

typedef struct aiohttp_test_request_options {
    size_t size ASYNCIO__DEFAULT(sizeof(aiohttp_test_request_options));
    const char *const *headers ASYNCIO__0;  /* name, value, name, value, ..., NULL */
    const char *text ASYNCIO__0;            /* the body; NULL: none, or `.data` */
    const void *data ASYNCIO__0;
    size_t data_size ASYNCIO__0;
} aiohttp_test_request_options;

/* Asks for `path` and reads the answer into *ret_response. -AIOHTTP_BAD_HTTP_MESSAGE and so on for
 * what is no answer, -AIOHTTP_PAYLOAD when it ends too early, -ECONNRESET, -EINVAL, -ENOMEM.
 * Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int aiohttp_test_server_request(
    aiohttp_test_server *server, const char *method, const char *path,
    aiohttp_test_response *ret_response, const aiohttp_test_request_options *options);

/* Makes a session whose relative URLs are the server's, "/users/7", and that keeps the cookies of
 * an address without a name: Python's TestClient. Options are a session's; a `.base_url` or
 * `.cookie_jar` of one's own counts. ret_client returns new: it is closed before the server, or
 * the server waits for its connections. As aiohttp_client_session_new. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_test_client_new(aiohttp_test_server *server, aiohttp_client_session **ret_client,
                        const aiohttp_client_session_new_options *options);

ASYNCIO_MUST_CHECK static inline int
aiohttp__test_client_new_v(aiohttp_test_server *server, aiohttp_client_session **ret_client,
                           aiohttp_client_session_new_options options)
{
    return aiohttp_test_client_new(server, ret_client, &options);
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__test_server_new_v(aiohttp_web_application *app, aiohttp_test_server **ret_server,
                           aiohttp_test_server_options options)
{
    return aiohttp_test_server_new(app, ret_server, &options);
}
ASYNCIO_MUST_CHECK static inline int
aiohttp__test_server_request_v(aiohttp_test_server *server, const char *method, const char *path,
                               aiohttp_test_response *ret_response,
                               aiohttp_test_request_options options)
{
    return aiohttp_test_server_request(server, method, path, ret_response, &options);
}

/* --- requests without a connection --- */

typedef struct aiohttp_mocked_request aiohttp_mocked_request;

/* A request as it would come from a peer, for tests of a handler alone: Python's
 * make_mocked_request. `method`, `path` and the options are what is sent, and are parsed as such.
 * ret_mocked returns new. -EINVAL for what is no request, -ENOMEM. Does not suspend. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_make_mocked_request(const char *method, const char *path,
                            aiohttp_mocked_request **ret_mocked,
                            const aiohttp_test_request_options *options);

/* The request, lent. Does not suspend. */
AIOHTTP_API aiohttp_web_request *
aiohttp_mocked_request_request(aiohttp_mocked_request *mocked);

/* Calls `handler` with it, sends its answer as a server would, and gives that: as it would have
 * been sent. The errors of aiohttp_test_server_request; what a connection would have ended with.
 * Suspends when the handler does. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_mocked_request_run(aiohttp_mocked_request *mocked, aiohttp_web_handler *handler,
                           void *data, aiohttp_test_response *ret_response);

/* Ends it. NULL allowed. Does not suspend, unless what the handler has deferred does. */
AIOHTTP_API void aiohttp_mocked_request_free(aiohttp_mocked_request *mocked);

ASYNCIO_MUST_CHECK static inline int
aiohttp__make_mocked_request_v(const char *method, const char *path,
                               aiohttp_mocked_request **ret_mocked,
                               aiohttp_test_request_options options)
{
    return aiohttp_make_mocked_request(method, path, ret_mocked, &options);
}

ASYNCIO__END

#define aiohttp_test_server_new(...) aiohttp__test_server_new_m(__VA_ARGS__, )
#define aiohttp__test_server_new_m(app, ret_server, ...)                                           \
    aiohttp__test_server_new_v(app, ret_server,                                                    \
                               ASYNCIO__OPTIONS(aiohttp_test_server_options, (), __VA_ARGS__))
#define aiohttp_test_client_new(...) aiohttp__test_client_new_m(__VA_ARGS__, )
#define aiohttp__test_client_new_m(server, ret_client, ...)                                        \
    aiohttp__test_client_new_v(server, ret_client,                                                 \
                               ASYNCIO__OPTIONS(aiohttp_client_session_new_options,                \
                                                (.where = AIOHTTP__HERE, ), __VA_ARGS__))
#define aiohttp_test_server_request(...) aiohttp__test_server_request_m(__VA_ARGS__, )
#define aiohttp__test_server_request_m(server, method, path, ret_response, ...)                    \
    aiohttp__test_server_request_v(                                                                \
        server, method, path, ret_response,                                                        \
        ASYNCIO__OPTIONS(aiohttp_test_request_options, (), __VA_ARGS__))
#define aiohttp_make_mocked_request(...) aiohttp__make_mocked_request_m(__VA_ARGS__, )
#define aiohttp__make_mocked_request_m(method, path, ret_mocked, ...)                              \
    aiohttp__make_mocked_request_v(                                                                \
        method, path, ret_mocked,                                                                  \
        ASYNCIO__OPTIONS(aiohttp_test_request_options, (), __VA_ARGS__))
