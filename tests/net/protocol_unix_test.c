/* SPDX-License-Identifier: MIT */
/* Protocols over AF_UNIX: paths, abstract names and sockets of one's own; TLS over them; what is
 * refused; and nothing is left, whatever fails and whenever it is cancelled. */
/* TEST: timeout 120 */
#include "net/protocol_test.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/protocol_unix_test.XXXXXX";
static char path[64];

/* Says a word, keeps the answer and closes when it is there; `done` tells of the end. */
struct asker {
    asyncio_protocol protocol; /* first */
    asyncio_transport *transport;
    char text[16];
    size_t size;
    int lost, error, destroyed;
    asyncio_future *done;
};

static struct asker *asker_of(asyncio_protocol *protocol)
{
    return (struct asker *)(void *)protocol;
}

static void ask(asyncio_protocol *protocol, asyncio_transport *transport)
{
    asker_of(protocol)->transport = transport;
    (void)asyncio_transport_write(transport, "hello", 5);
}

static void answered(asyncio_protocol *protocol, const void *data, size_t size)
{
    struct asker *asker = asker_of(protocol);
    if (size < sizeof asker->text - asker->size)
        memcpy(asker->text + asker->size, data, size);
    asker->size += size;
    if (asker->size == 5)
        asyncio_transport_close(asker->transport);
}

static void end_asking(asyncio_protocol *protocol, int error)
{
    struct asker *asker = asker_of(protocol);
    asker->lost++;
    asker->error = error;
    if (!asyncio_future_done(asker->done))
        asyncio_future_set_result(asker->done, 0);
}

static void destroy_asker(asyncio_protocol *protocol)
{
    asker_of(protocol)->destroyed++;
}

static const asyncio_protocol_methods asker_methods = { .connection_made = ask,
                                                        .data_received = answered,
                                                        .connection_lost = end_asking,
                                                        .destroy = destroy_asker };

static asyncio_protocol *give_asker(void *data)
{
    return &((struct asker *)data)->protocol;
}

static asyncio_loop *loop(void)
{
    return asyncio_get_running_loop();
}

static int wait_for_answer(struct asker *asker)
{
    CHECK_IS(asyncio_await(asker->done), 0);
    asyncio_future_unref(asker->done);
    CHECK(asker->size == 5 && memcmp(asker->text, "hello", 5) == 0);
    CHECK_IS(asker->lost, 1);
    CHECK_IS(asker->error, 0);
    return 0;
}

static int ask_at(const char *name, asyncio_create_unix_connection_options options)
{
    struct asker asker = { .protocol = { &asker_methods } };
    CHECK_IS(asyncio_future_new(&asker.done), 0);
    options.data = &asker;
    CHECK_IS((asyncio_loop_create_unix_connection)(loop(), give_asker, name, NULL, &options), 0);
    CHECK_IS(wait_for_answer(&asker), 0);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(asker.destroyed, 1);
    return 0;
}

#define OPTIONS(...)                                                                               \
    ASYNCIO__OPTIONS(asyncio_create_unix_connection_options,                                       \
                     (.sock = ASYNCIO__DEFAULT_SOCK, ASYNCIO__DEFAULT_SSL_TIMEOUTS), __VA_ARGS__)

/* A server is deaf once closed, and its file is gone. */
static int conversation(const char *name)
{
    asyncio_server *server;
    asyncio_transport *transport;
    char text[120];
    CHECK_IS(asyncio_loop_create_unix_server(loop(), new_echo, name, &server), 0);
    CHECK_IS(asyncio_server_sockname(server, 0, text, sizeof text), 0);
    CHECK(strcmp(text, name) == 0);
    CHECK_IS(ask_at(name, OPTIONS()), 0);
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), new_echo, name, &transport), 0);
    CHECK(asyncio_transport_get_extra_info(transport, "peername", text, sizeof text) > 0);
    CHECK(strcmp(text, name) == 0);
    asyncio_transport_close(transport);
    asyncio_transport_unref(transport);
    CHECK_IS(end_server(server), 0);
    int r = asyncio_loop_create_unix_connection(loop(), new_echo, name, NULL);
    CHECK_IS(r, *name == '@' ? -ECONNREFUSED : -ENOENT);
    return 0;
}

static int conversations(void *data)
{
    (void)data;
    CHECK_IS(conversation(path), 0);
    CHECK_IS(access(path, F_OK), -1);
    CHECK_IS(conversation(abstract("protocol_unix_test")), 0);
    return 0;
}

static int kept_file(void *data)
{
    (void)data;
    asyncio_server *server;
    CHECK_IS(asyncio_loop_create_unix_server(loop(), new_echo, path, &server, .start_serving = 0,
                                             .cleanup_socket = 0),
             0);
    CHECK_IS(asyncio_server_is_serving(server), 0);
    CHECK_IS(asyncio_server_start_serving(server), 0);
    CHECK_IS(ask_at(path, OPTIONS()), 0);
    CHECK_IS(end_server(server), 0);
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), new_echo, path, NULL),
             world.is_sim ? -ENOENT : -ECONNREFUSED); /* the sim has no files */
    CHECK_IS(asyncio_loop_create_unix_server(loop(), new_echo, path, &server), 0); /* it is stale */
    CHECK_IS(end_server(server), 0);
    return 0;
}

static int over_tls(void *data)
{
    (void)data;
    asyncio_ssl_context *server_side, *client_side;
    asyncio_server *server;
    CHECK_IS(server_context(certificates()->server, &server_side), 0);
    CHECK_IS(client_context(&client_side), 0);
    CHECK_IS(asyncio_loop_create_unix_server(loop(), new_echo, path, &server, .ssl = server_side),
             0);
    CHECK_IS(ask_at(path, OPTIONS(.ssl = client_side, .server_hostname = "localhost")), 0);
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), new_echo, path, NULL, .ssl = client_side),
             -EINVAL); /* whom does it want? */
    CHECK_IS(end_server(server), 0);
    asyncio_ssl_context_unref(server_side);
    asyncio_ssl_context_unref(client_side);
    return 0;
}

/* Sockets that somebody else made: each is taken on success, and only then. */
static int own_sockets(void *data)
{
    (void)data;
    if (world.is_sim)
        return 0; /* its adopted descriptors can only be polled */
    int pair[2], tcp = socket(AF_INET, SOCK_STREAM, 0);
    asyncio_transport *transport;
    CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), new_echo, NULL, &transport,
                                                 .sock = pair[0]),
             0);
    CHECK_IS(ask_at(NULL, OPTIONS(.sock = pair[1])), 0);
    asyncio_transport_unref(transport);
    CHECK(asyncio_loop_create_unix_connection(loop(), new_echo, NULL, NULL, .sock = tcp) < 0);
    CHECK_IS(close(tcp), 0);
    CHECK_IS(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), new_echo, NULL, NULL, .sock = pair[0]),
             -EINVAL);
    CHECK_IS(close(pair[0]), 0);
    CHECK_IS(close(pair[1]), 0);
    return settle();
}

static int serve(int descriptor, asyncio_ssl_context *context)
{
    return asyncio_loop_connect_accepted_socket(loop(), new_echo, descriptor, NULL, .ssl = context);
}

static int ask_accepted(asyncio_ssl_context *server_side, asyncio_ssl_context *client_side)
{
    int pair[2];
    asyncio_task *server;
    CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    START(server, serve, pair[0], server_side);
    CHECK_IS(ask_at(NULL, OPTIONS(.sock = pair[1], .ssl = client_side,
                                  .server_hostname = client_side ? "localhost" : NULL)),
             0);
    CHECK_IS(join(server), 0);
    CHECK_IS(settle(), 0);
    CHECK(fcntl(pair[0], F_GETFD) < 0 && fcntl(pair[1], F_GETFD) < 0); /* they were taken */
    return 0;
}

/* What somebody else has accepted, with TLS as its server. */
static int accepted(void *data)
{
    (void)data;
    asyncio_ssl_context *server_side, *client_side;
    if (world.is_sim)
        return 0; /* its adopted descriptors can only be polled */
    CHECK_IS(ask_accepted(NULL, NULL), 0);
    CHECK_IS(server_context(certificates()->server, &server_side), 0);
    CHECK_IS(client_context(&client_side), 0);
    CHECK_IS(ask_accepted(server_side, client_side), 0);
    int lone = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_IS(serve(lone, NULL), -ENOTCONN);
    CHECK_IS(serve(lone, client_side), -EINVAL); /* it is no server's */
    CHECK_IS(asyncio_loop_connect_accepted_socket(loop(), NULL, lone, NULL), -EINVAL);
    CHECK_IS(close(lone), 0);
    CHECK_IS(serve(lone, NULL), -EBADF);
    asyncio_ssl_context_unref(server_side);
    asyncio_ssl_context_unref(client_side);
    return 0;
}

static int misuse(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_loop *other;
    char name[200];
    memset(name, 'x', sizeof name);
    name[0] = '/';
    name[sizeof name - 1] = 0;
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), NULL, path, NULL), -EINVAL);
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), new_echo, NULL, NULL), -EINVAL);
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), new_echo, path, NULL, .sock = 0), -EINVAL);
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), new_echo, path, NULL,
                                                 .server_hostname = "localhost"),
             -EINVAL);
    CHECK_IS(asyncio_loop_create_unix_connection(loop(), new_echo, name, NULL), -ENAMETOOLONG);
    CHECK_IS(asyncio_loop_create_unix_server(loop(), NULL, path, &server), -EINVAL);
    CHECK_IS(asyncio_loop_create_unix_server(loop(), new_echo, NULL, &server), -EINVAL);
    CHECK_IS(asyncio_loop_create_unix_server(loop(), new_echo, path, &server, .sock = 0), -EINVAL);
    CHECK_IS(asyncio_loop_create_unix_server(loop(), new_echo, name, &server), -ENAMETOOLONG);
    CHECK_IS(asyncio_loop_new(&other), 0);
    CHECK_IS(asyncio_loop_create_unix_connection(other, new_echo, path, NULL),
             -ASYNCIO_OTHER_LOOP);
    CHECK_IS(asyncio_loop_create_unix_server(other, new_echo, path, &server),
             -ASYNCIO_OTHER_LOOP);
    CHECK_IS(asyncio_loop_close(other), 0);
    asyncio_loop_unref(other);
    return 0;
}

static int swept(void)
{
    asyncio_server *server;
    asyncio_transport *transport = NULL;
    int r = asyncio_loop_create_unix_server(loop(), new_echo, abstract("swept"), &server);
    if (r < 0)
        return r;
    r = asyncio_loop_create_unix_connection(loop(), new_echo, abstract("swept"), &transport);
    return end_swept(server, r, transport);
}

static void test_conversations(void **state)
{
    (void)state;
    run_everywhere(conversations);
    run_everywhere(kept_file);
}

static void test_tls(void **state)
{
    (void)state;
    run_everywhere(over_tls);
}

static void test_own_sockets(void **state)
{
    (void)state;
    run_everywhere(own_sockets);
    run_everywhere(accepted);
}

static void test_misuse(void **state)
{
    (void)state;
    run_everywhere(misuse);
}

static void test_sweep(void **state)
{
    (void)state;
    assert_true(sweep_allocations("protocols over AF_UNIX", swept) > 5);
    assert_true(sweep_cancellations("protocols over AF_UNIX", swept) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversations), cmocka_unit_test(test_tls),
        cmocka_unit_test(test_own_sockets),   cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_sweep),
    };
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/socket", folder);
    warm_up();
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(folder);
    return r;
}
