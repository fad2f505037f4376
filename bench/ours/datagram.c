/* SPDX-License-Identifier: MIT */
/* UDP echo: a task that takes what is there and sends it back, and a protocol. An empty datagram
 * ends the process where it should (common.h). */
#include "ours.h"

enum { BATCH = 32, BUFFER = 2048 };

static void print_port_of(const asyncio_datagram_transport *udp)
{
    struct sockaddr_storage address;
    socklen_t size;
    sure(asyncio_datagram_transport_sockname(udp, &address, &size));
    print_port((const struct sockaddr_in *)(const void *)&address);
}

static int echo(asyncio_datagram_transport *udp)
{
    static char memory[BATCH][BUFFER];
    static asyncio_datagram datagrams[BATCH];
    for (int i = 0; i < BATCH; i++)
        datagrams[i] = (asyncio_datagram){ .data = memory[i], .size = BUFFER };
    for (;;) {
        int n, count;
        if ((count = asyncio_datagram_transport_receive(udp, datagrams, BATCH)) < 0)
            return count;
        for (int i = 0; i < count; i++)
            if (!(datagrams[i].size = datagrams[i].length))
                farewell();
        if ((n = asyncio_datagram_transport_send(udp, datagrams, (size_t)count)) < 0)
            return n;
        for (int i = 0; i < count; i++)
            datagrams[i].size = BUFFER;
    }
}

int udp_server(void)
{
    asyncio_datagram_transport *udp;
    sure(asyncio_loop_create_datagram_endpoint(asyncio_get_running_loop(), NULL, &udp,
                                               .local_host = "127.0.0.1", .local_port = 0));
    print_port_of(udp);
    return echo(udp);
}

struct echo {
    asyncio_datagram_protocol protocol;
    asyncio_datagram_transport *transport;
};

static void made(asyncio_datagram_protocol *protocol, asyncio_datagram_transport *transport)
{
    ((struct echo *)protocol)->transport = transport;
}

static void received(asyncio_datagram_protocol *protocol, const asyncio_datagram *datagram)
{
    if (!datagram->length)
        farewell();
    sure(asyncio_datagram_transport_sendto(
        ((struct echo *)protocol)->transport, datagram->data, datagram->length,
        (const struct sockaddr *)&datagram->address, datagram->address_size));
}

static asyncio_datagram_protocol *make(void *data)
{
    static const asyncio_datagram_protocol_methods methods = { .connection_made = made,
                                                               .datagram_received = received };
    static struct echo echo = { .protocol = { .methods = &methods } };
    (void)data;
    return &echo.protocol;
}

int udp_protocol_server(void)
{
    asyncio_datagram_transport *udp;
    sure(asyncio_loop_create_datagram_endpoint(asyncio_get_running_loop(), make, &udp,
                                               .local_host = "127.0.0.1", .local_port = 0));
    print_port_of(udp);
    return asyncio_sleep(1e9);
}
