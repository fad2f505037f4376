/* SPDX-License-Identifier: MIT */
/* echo by protocols, the callback level: plain ones are given bytes, buffered ones say where they
 * go. What a protocol of a buffered kind reads into is one block for all: it is used up before the
 * next is read. */
#include "ours.h"

enum { BUFFER = 64 * 1024 };

struct echo {
    asyncio_protocol protocol;
    asyncio_transport *transport;
};

static char block[BUFFER];

static void made(asyncio_protocol *protocol, asyncio_transport *transport)
{
    ((struct echo *)protocol)->transport = transport;
    connections(1);
}

static void received(asyncio_protocol *protocol, const void *data, size_t size)
{
    (void)asyncio_transport_write(((struct echo *)protocol)->transport, data, size);
}

static size_t give_buffer(asyncio_protocol *protocol, size_t hint, void **ret_buffer)
{
    (void)protocol;
    (void)hint;
    *ret_buffer = block;
    return BUFFER;
}

static void updated(asyncio_protocol *protocol, size_t size)
{
    (void)asyncio_transport_write(((struct echo *)protocol)->transport, block, size);
}

/* A slow peer stops its own reading. */
static void slow_down(asyncio_protocol *protocol)
{
    asyncio_transport_pause_reading(((struct echo *)protocol)->transport);
}

static void go_on(asyncio_protocol *protocol)
{
    asyncio_transport_resume_reading(((struct echo *)protocol)->transport);
}

static void lost(asyncio_protocol *protocol, int error)
{
    (void)protocol;
    (void)error; /* the load hangs up with messages in flight */
    connections(-1);
}

static void destroy(asyncio_protocol *protocol)
{
    free(protocol);
}

static const asyncio_protocol_methods plain = {
    .connection_made = made,
    .data_received = received,
    .pause_writing = slow_down,
    .resume_writing = go_on,
    .connection_lost = lost,
    .destroy = destroy,
};

static const asyncio_protocol_methods buffered = {
    .connection_made = made,
    .get_buffer = give_buffer,
    .buffer_updated = updated,
    .pause_writing = slow_down,
    .resume_writing = go_on,
    .connection_lost = lost,
    .destroy = destroy,
};

static asyncio_protocol *make(void *data)
{
    struct echo *echo = malloc(sizeof *echo);
    if (!echo)
        return NULL;
    *echo = (struct echo){ .protocol = { .methods = data } };
    return &echo->protocol;
}

static int serve(const asyncio_protocol_methods *methods)
{
    asyncio_server *server;
    sure(asyncio_loop_create_server(asyncio_get_running_loop(), make, "127.0.0.1", 0, &server,
                                    .backlog = 4096, .data = (void *)(uintptr_t)methods));
    return serve_echo(server);
}

int protocol_server(void) { return serve(&plain); }
int buffered_server(void) { return serve(&buffered); }
