// SPDX-License-Identifier: MIT
// run
//
// Protocols in C++: an object with methods in a table.
#include <asyncio.h>
#include <string.h>
#include <string>
#include "check.h"

struct child {
    asyncio_subprocess_protocol protocol;
    std::string text;
    asyncio_future *over;
};

static child *child_of(asyncio_subprocess_protocol *protocol)
{
    return reinterpret_cast<child *>(protocol);
}

static asyncio_subprocess_protocol_methods methods_of_child()
{
    asyncio_subprocess_protocol_methods methods{};
    methods.pipe_data_received = [](asyncio_subprocess_protocol *protocol, int fd, const void *data,
                                    size_t size) {
        if (fd == 1)
            child_of(protocol)->text.append(static_cast<const char *>(data), size);
    };
    methods.connection_lost = [](asyncio_subprocess_protocol *protocol, int error) {
        asyncio_future_set_result(child_of(protocol)->over, error);
    };
    return methods;
}

static const asyncio_subprocess_protocol_methods child_methods = methods_of_child();

static asyncio_subprocess_protocol *give_child(void *data)
{
    static_cast<child *>(data)->protocol.methods = &child_methods;
    return &static_cast<child *>(data)->protocol;
}

static asyncio_protocol *give_protocol(void *data)
{
    static const asyncio_protocol_methods methods{};
    static_cast<asyncio_protocol *>(data)->methods = &methods;
    return static_cast<asyncio_protocol *>(data);
}

static int program()
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_protocol asks, answers;
    asyncio_transport *transport;
    asyncio_server *server;
    child one{};
    CHECK(asyncio_future_new(&one.over) == 0);
    CHECK(asyncio_loop_subprocess_exec(loop, give_child, ASYNCIO_ARGS("echo", "hello"), nullptr,
                                       .data = &one) == 0);
    CHECK(asyncio_await(one.over) == 0 && one.text == "hello\n");
    asyncio_future_unref(one.over);
    CHECK(asyncio_loop_create_unix_server(loop, give_protocol, "@asyncio protocols", &server,
                                          .backlog = 5, .data = &answers) == 0);
    CHECK(asyncio_loop_create_unix_connection(loop, give_protocol, "@asyncio protocols", &transport,
                                              .data = &asks) == 0);
    asyncio_transport_close(transport);
    asyncio_transport_unref(transport);
    asyncio_server_close(server);
    CHECK(asyncio_server_wait_closed(server) == 0);
    asyncio_server_unref(server);
    return 0;
}

int main()
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return 0;
}
