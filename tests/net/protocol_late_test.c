/* SPDX-License-Identifier: MIT */
/* What a transport is told late: after its protocol has heard of the end, while what was written
 * before still goes out. */
/* TEST: timeout 120 */
#include "net/protocol_test.h"

struct scene {
    asyncio_protocol protocol;       /* first */
    asyncio_transport *transport;    /* lent until it is lost */
    asyncio_future *lost, *read;     /* done when it is lost, and when the peer has all */
    int error;
    size_t unsent;                   /* when it was lost */
    unsigned pauses, resumes, ends;
    bool is_destroyed;
};

static struct scene *scene_of(asyncio_protocol *protocol)
{
    return (struct scene *)(void *)protocol;
}

static void made(asyncio_protocol *protocol, asyncio_transport *transport)
{
    scene_of(protocol)->transport = transport;
}

static void pauses(asyncio_protocol *protocol)
{
    scene_of(protocol)->pauses++;
}

static void resumes(asyncio_protocol *protocol)
{
    scene_of(protocol)->resumes++;
}

static void lost(asyncio_protocol *protocol, int error)
{
    struct scene *scene = scene_of(protocol);
    scene->ends++;
    scene->unsent = asyncio_transport_get_write_buffer_size(scene->transport);
    scene->transport = NULL;
    scene->error = error;
    asyncio_future_set_result(scene->lost, 0);
}

static void destroy(asyncio_protocol *protocol)
{
    scene_of(protocol)->is_destroyed = true;
}

static const asyncio_protocol_methods methods = { .connection_made = made,
                                                  .connection_lost = lost,
                                                  .pause_writing = pauses,
                                                  .resume_writing = resumes,
                                                  .destroy = destroy };

static asyncio_protocol *give(void *data)
{
    struct scene *scene = data;
    scene->protocol.methods = &methods;
    return &scene->protocol;
}

/* Says what is no TLS, and reads only when the other has heard of the end. */
static int speak_nonsense(asyncio_stream *stream, void *data)
{
    static char bytes[65536];
    struct scene *scene = data;
    CHECK_IS(asyncio_stream_write(stream, "this is not what you expect\r\n", 29), 0);
    CHECK_IS(asyncio_await(scene->lost), 0);
    while (asyncio_stream_read(stream, bytes, sizeof bytes) > 0)
        ;
    asyncio_future_set_result(scene->read, 0);
    return 0;
}

/* TLS fails while writing pauses: that it could go on is nobody's concern any more. */
static int failed_handshake(void *data)
{
    (void)data;
    static char much[16 << 20];
    size_t size = world.is_chopped ? 300000 : sizeof much;
    asyncio_ssl_context *context;
    asyncio_server *server;
    struct scene scene = { .unsent = 0 };
    CHECK_IS(client_context(&context), 0);
    CHECK_IS(asyncio_future_new(&scene.lost), 0);
    CHECK_IS(asyncio_future_new(&scene.read), 0);
    CHECK_IS(asyncio_start_server(speak_nonsense, "127.0.0.1", 0, &server, .data = &scene), 0);
    asyncio_loop *loop = asyncio_get_running_loop();
    CHECK_IS(asyncio_loop_create_connection(loop, give, "127.0.0.1", asyncio_server_port(server),
                                            NULL, .data = &scene),
             0);
    CHECK_IS(asyncio_transport_set_write_buffer_limits(scene.transport, 1, 0), 0);
    CHECK_IS(asyncio_transport_write(scene.transport, much, size), 0);
    CHECK_IS(scene.pauses, 1);
    CHECK_IS(asyncio_loop_start_tls(loop, scene.transport, context, .server_hostname = "localhost"),
             -ASYNCIO_SSL);
    CHECK_IS(asyncio_await(scene.read), 0);
    CHECK_IS(settle(), 0);
    CHECK(scene.unsent > 0 && scene.is_destroyed);
    CHECK_IS(scene.ends, 1);
    CHECK_IS(scene.error, -ASYNCIO_SSL);
    CHECK_IS(scene.resumes, 0);
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    asyncio_server_unref(server);
    asyncio_future_unref(scene.lost);
    asyncio_future_unref(scene.read);
    asyncio_ssl_context_unref(context);
    return 0;
}

static void test_failed_handshake(void **state)
{
    (void)state;
    run_everywhere(failed_handshake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_handshake),
    };
    warm_up();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
