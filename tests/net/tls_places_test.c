/* SPDX-License-Identifier: MIT */
/* TLS wherever connections come from: AF_UNIX sockets, several addresses, descriptors of others;
 * and a server that shuts down under it. */
/* TEST: timeout 120 */
#include "net/tls_test.h"

#include <sys/socket.h>
#include <unistd.h>

static int echo_line(asyncio_stream *stream)
{
    char line[32];
    int n = asyncio_stream_readline(stream, line, sizeof line);
    return n > 0 ? asyncio_stream_write(stream, line, n) : n;
}

static int ask(asyncio_stream *stream)
{
    char line[32];
    CHECK_IS(asyncio_stream_write(stream, "hello\n", 6), 0);
    CHECK_IS(asyncio_stream_readline(stream, line, sizeof line), 6);
    CHECK(asyncio_stream_get_extra_info(stream, "cipher", line, sizeof line) > 0);
    return 0;
}

struct contexts {
    asyncio_ssl_context *server, *client;
};

static int shut_down(asyncio_server *server)
{
    int r = asyncio_server_shutdown(server, 5.0);
    asyncio_server_unref(server);
    return r < 0 ? r : settle();
}

static int over_unix(struct contexts *contexts)
{
    asyncio_server *server;
    asyncio_stream *stream;
    CHECK_IS(asyncio_start_unix_server(echo_line, abstract("tls places"), &server,
                                       .ssl = contexts->server),
             0);
    CHECK_IS(asyncio_open_unix_connection(abstract("tls places"), &stream, .ssl = contexts->client),
             -EINVAL); /* whose certificate? */
    CHECK_IS(asyncio_open_unix_connection(abstract("tls places"), &stream,
                                          .server_hostname = "localhost"),
             -EINVAL);
    CHECK_IS(asyncio_open_unix_connection(abstract("tls places"), &stream, .ssl = contexts->client,
                                          .server_hostname = "localhost"),
             0);
    CHECK_IS(ask(stream), 0);
    asyncio_stream_unref(stream);
    CHECK(asyncio_open_unix_connection(abstract("tls places"), &stream, .ssl = contexts->client,
                                       .server_hostname = "elsewhere.org") < 0);
    return shut_down(server);
}

static int over_several(struct contexts *contexts)
{
    asyncio_server *server;
    asyncio_stream *stream;
    CHECK_IS(asyncio_start_server(echo_line, "127.0.0.1", 0, &server, .ssl = contexts->server), 0);
    CHECK_IS(asyncio_open_connection("localhost", asyncio_server_port(server), &stream,
                                     .ssl = contexts->client, .happy_eyeballs_delay = 0.25),
             0);
    CHECK_IS(ask(stream), 0);
    asyncio_stream_unref(stream);
    return shut_down(server);
}

/* A handshake that never comes is ended by the server's shutdown. */
static int stuck_in_handshake(struct contexts *contexts)
{
    asyncio_server *server;
    asyncio_stream *stream;
    CHECK_IS(asyncio_start_server(echo_line, "127.0.0.1", 0, &server, .ssl = contexts->server), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream), 0);
    for (int i = 0; i < 1000 && !asyncio_server_connections(server); i++)
        CHECK_IS(asyncio_sleep(0.001), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_server_shutdown(server, 0.1), -ETIMEDOUT);
    CHECK(asyncio_server_connections(server) == 0);
    asyncio_stream_unref(stream);
    asyncio_server_unref(server);
    return settle();
}

static int accept_it(asyncio_ssl_context *context, int number)
{
    asyncio_stream *stream;
    int r = asyncio_connect_accepted_socket(number, &stream, .ssl = context);
    if (r < 0)
        return r;
    r = echo_line(stream);
    asyncio_stream_unref(stream);
    return r;
}

/* Both ends of a pair that somebody else has made. */
static int over_descriptors(struct contexts *contexts)
{
    int ends[2];
    asyncio_stream *stream;
    asyncio_task *task;
    CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    START(task, accept_it, contexts->server, ends[1]);
    CHECK_IS(asyncio_open_unix_connection(NULL, &stream, .sock = ends[0], .ssl = contexts->client,
                                          .server_hostname = "localhost"),
             0);
    CHECK_IS(ask(stream), 0);
    asyncio_stream_unref(stream);
    return join(task);
}

typedef int places(struct contexts *contexts);

static int with_contexts(void *data)
{
    places *const *body = data;
    struct contexts contexts = { NULL, NULL };
    int r = server_context(certificates()->server, &contexts.server);
    if (r >= 0)
        r = client_context(&contexts.client);
    if (r >= 0)
        r = (*body)(&contexts);
    asyncio_ssl_context_unref(contexts.server);
    asyncio_ssl_context_unref(contexts.client);
    return r;
}

static void test_places(void **state)
{
    (void)state;
    static places *const bodies[] = { over_unix, over_several, stuck_in_handshake };
    warm_up();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        run_everywhere_with(with_contexts, (void *)(uintptr_t)&bodies[i]);
}

static void test_descriptors(void **state)
{
    (void)state;
    static places *const body = over_descriptors;
    enter_world("plain", false, 0);
    if (world.is_sim)
        skip();
    warm_up();
    assert_int_equal(run_once(with_contexts, (void *)(uintptr_t)&body), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
