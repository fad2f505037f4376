/* SPDX-License-Identifier: MIT */
/* run
 *
 * Protocols of all kinds, with the options of what makes their transports. */
#include <asyncio.h>
#include <stddef.h>
#include <string.h>
#include "check.h"

struct child {
    asyncio_subprocess_protocol protocol;
    char text[16];
    size_t size;
    asyncio_future *over;
};

static void received(asyncio_subprocess_protocol *protocol, int fd, const void *data, size_t size)
{
    struct child *child = (struct child *)(void *)protocol;
    if (fd == 1 && size < sizeof child->text - child->size)
        memcpy(child->text + child->size, data, size);
    child->size += size;
}

static void lost(asyncio_subprocess_protocol *protocol, int error)
{
    asyncio_future_set_result(((struct child *)(void *)protocol)->over, error);
}

static const asyncio_subprocess_protocol_methods child_methods = { .pipe_data_received = received,
                                                                   .connection_lost = lost };

static asyncio_subprocess_protocol *give_child(void *data)
{
    ((struct child *)data)->protocol.methods = &child_methods;
    return &((struct child *)data)->protocol;
}

static asyncio_datagram_protocol *give_datagrams(void *data)
{
    static const asyncio_datagram_protocol_methods methods = { .destroy = NULL };
    ((asyncio_datagram_protocol *)data)->methods = &methods;
    return data;
}

static asyncio_protocol *give_protocol(void *data)
{
    static const asyncio_protocol_methods methods = { .destroy = NULL };
    ((asyncio_protocol *)data)->methods = &methods;
    return data;
}

static int children(asyncio_loop *loop)
{
    struct child child = { .size = 0 };
    asyncio_subprocess_transport *transport;
    int code;
    CHECK(asyncio_future_new(&child.over) == 0);
    CHECK(asyncio_loop_subprocess_exec(loop, give_child, ASYNCIO_ARGS("echo", "hello"), &transport,
                                       .std_in = ASYNCIO_SUBPROCESS_DEVNULL, .data = &child) == 0);
    CHECK(asyncio_await(child.over) == 0 && strcmp(child.text, "hello\n") == 0);
    CHECK(asyncio_subprocess_transport_get_returncode(transport, &code) == 0 && code == 0);
    asyncio_subprocess_transport_unref(transport);
    asyncio_future_unref(child.over);
    CHECK(asyncio_await(asyncio_coro(asyncio_loop_subprocess_shell, loop, give_child, NULL, NULL,
                                     NULL)) == -EINVAL);
    CHECK(asyncio_loop_subprocess_shell(loop, NULL, "exit 3", NULL) == -EINVAL);
    return 0;
}

static int program(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_datagram_protocol datagrams;
    asyncio_datagram_transport *udp;
    asyncio_protocol asks, answers;
    asyncio_transport *transport;
    asyncio_server *server;
    CHECK(asyncio_loop_create_datagram_endpoint(loop, give_datagrams, &udp,
                                                .local_host = "127.0.0.1",
                                                .data = &datagrams) == 0);
    asyncio_datagram_transport_unref(udp);
    CHECK(asyncio_loop_create_unix_server(loop, give_protocol, "@asyncio protocols", &server,
                                          .backlog = 5, .data = &answers) == 0);
    CHECK(asyncio_loop_create_unix_connection(loop, give_protocol, "@asyncio protocols", &transport,
                                              .data = &asks) == 0);
    CHECK(asyncio_loop_create_unix_connection(loop, give_protocol, NULL, NULL) == -EINVAL);
    asyncio_transport_close(transport);
    asyncio_transport_unref(transport);
    asyncio_server_close(server);
    CHECK(asyncio_server_wait_closed(server) == 0);
    asyncio_server_unref(server);
    return children(loop);
}

int main(void)
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return 0;
}
