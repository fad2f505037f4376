/* SPDX-License-Identifier: MIT */
/* Datagram endpoints by callbacks, as scenarios_datagrams.py. The peer is a socket outside of the
 * loop, so not in the sim. */
/* TEST: backends io_uring epoll; timeout 120 */
#include "support/trace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct teller {
    asyncio_datagram_protocol protocol; /* first */
    const char *who;
    int closes;
    struct teller *successor;
    asyncio_future *gone;
};

/* Of the scenario: it ends when both are gone. */
static struct teller tellers[2];
static asyncio_datagram_transport *transport;
static int peer;
static bool is_early; /* it sends from within connection_made */

static struct teller *teller(asyncio_datagram_protocol *protocol)
{
    return (struct teller *)(void *)protocol;
}

static void made(asyncio_datagram_protocol *protocol, asyncio_datagram_transport *endpoint)
{
    struct sockaddr_storage address;
    socklen_t size;
    transport = endpoint;
    say("%smade", teller(protocol)->who);
    if (is_early && asyncio_datagram_transport_sockname(endpoint, &address, &size) >= 0 &&
        sendto(peer, "early", 5, 0, (struct sockaddr *)&address, size) < 0)
        say("send failed");
}

static void received(asyncio_datagram_protocol *protocol, const asyncio_datagram *datagram)
{
    struct teller *one = teller(protocol);
    say("%sreceived %.*s", one->who, (int)datagram->length, (const char *)datagram->data);
    if (one->closes)
        asyncio_datagram_transport_close(transport);
    if (one->successor)
        (void)asyncio_datagram_transport_set_protocol(transport, &one->successor->protocol);
}

static void failed(asyncio_datagram_protocol *protocol, int error)
{
    say("%serror %s", teller(protocol)->who, name(error));
}

static void lost(asyncio_datagram_protocol *protocol, int error)
{
    say("%slost %s", teller(protocol)->who, name(error));
    ok(asyncio_future_set_result(teller(protocol)->gone, 0));
}

static const asyncio_datagram_protocol_methods methods = { .connection_made = made,
                                                           .datagram_received = received,
                                                           .error_received = failed,
                                                           .connection_lost = lost };

static asyncio_datagram_protocol *new_teller(struct teller *one, const char *who)
{
    *one = (struct teller){ .protocol = { &methods }, .who = who, .gone = new_future() };
    return &one->protocol;
}

static asyncio_datagram_protocol *give(void *data)
{
    return new_teller(data, "");
}

static int open_it(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    struct sockaddr_storage ours;
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(peer, (struct sockaddr *)&address, sizeof address) < 0 ||
        getsockname(peer, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    int r = asyncio_loop_create_datagram_endpoint(running(), give, &transport,
                                                  .remote_host = "127.0.0.1",
                                                  .remote_port = ntohs(address.sin_port),
                                                  .data = &tellers[0]);
    if (r >= 0)
        r = asyncio_datagram_transport_sockname(transport, &ours, &size);
    if (r < 0) {
        close(peer);
        return r;
    }
    if (connect(peer, (struct sockaddr *)&ours, size) < 0)
        say("the peer cannot connect");
    say("open");
    return 0;
}

static int leave(int result)
{
    asyncio_datagram_transport_unref(transport);
    if (peer >= 0)
        close(peer);
    return result;
}

static int over(int result)
{
    asyncio_datagram_transport_close(transport);
    return leave(result < 0 ? result : asyncio_await(tellers[0].gone));
}

static void send_to_it(const char *words)
{
    if (send(peer, words, strlen(words), MSG_NOSIGNAL) < 0)
        say("send failed");
}

static void send_from_it(const void *data, size_t size)
{
    ok(asyncio_datagram_transport_sendto(transport, data, size, NULL, 0));
}

/* As Python's recv of the peer. */
static void say_what_came(void)
{
    char words[100] = "";
    ssize_t n = recv(peer, words, sizeof words - 1, MSG_DONTWAIT);
    if (n >= 0)
        say("%s", n ? words : "0");
}

SCENARIO(made_received_lost)
{
    int r = open_it();
    if (r < 0)
        return r;
    send_to_it("one");
    send_to_it("two");
    r = asyncio_sleep(T);
    say("%s", yes(asyncio_datagram_transport_is_closing(transport)));
    asyncio_datagram_transport_close(transport);
    say("%s", yes(asyncio_datagram_transport_is_closing(transport)));
    return over(r);
}

SCENARIO(lost_never_comes_from_inside_of_close)
{
    int r = open_it();
    if (r < 0)
        return r;
    asyncio_datagram_transport_close(transport);
    say("closed");
    r = asyncio_sleep(0);
    say("a turn later");
    asyncio_datagram_transport_close(transport);
    asyncio_datagram_transport_abort(transport);
    return leave(r < 0 ? r : asyncio_sleep(0));
}

SCENARIO(lost_never_comes_from_inside_of_abort)
{
    int r = open_it();
    if (r < 0)
        return r;
    asyncio_datagram_transport_abort(transport);
    say("aborted");
    r = asyncio_sleep(0);
    say("a turn later");
    return leave(r);
}

SCENARIO(datagrams_come_behind_what_was_scheduled)
{
    int r = open_it();
    if (r < 0)
        return r;
    send_to_it("x");
    say_soon("scheduled before");
    return over(asyncio_sleep(T));
}

POLLING_SCENARIO(datagrams_that_were_there_before)
{
    is_early = true;
    int r = open_it();
    is_early = false;
    if (r < 0)
        return r;
    r = asyncio_sleep(0);
    say("a turn later");
    return over(r);
}

SCENARIO(there_and_back)
{
    int r = open_it();
    if (r < 0)
        return r;
    send_from_it("question", 8);
    say_what_came();
    send_to_it("answer");
    r = asyncio_sleep(T);
    say("%zu", asyncio_datagram_transport_get_write_buffer_size(transport));
    return over(r);
}

SCENARIO(of_no_length)
{
    int r = open_it();
    if (r < 0)
        return r;
    send_from_it("", 0);
    say_what_came();
    send_to_it("");
    return over(asyncio_sleep(T));
}

SCENARIO(what_the_peer_refuses_is_an_error_and_no_end)
{
    int r = open_it();
    if (r < 0)
        return r;
    close(peer);
    peer = -1;
    send_from_it("anybody there?", 14);
    r = asyncio_sleep(T);
    say("%s", yes(asyncio_datagram_transport_is_closing(transport)));
    return over(r);
}

SCENARIO(too_long)
{
    static const char much[70000];
    int r = open_it();
    if (r < 0)
        return r;
    send_from_it(much, sizeof much);
    r = asyncio_sleep(T);
    send_from_it("short", 5);
    say_what_came();
    return over(r);
}

SCENARIO(closed_by_a_datagram)
{
    int r = open_it();
    if (r < 0)
        return r;
    tellers[0].closes = 1;
    send_to_it("one");
    send_to_it("two");
    return over(asyncio_sleep(T));
}

SCENARIO(another_protocol)
{
    int r = open_it();
    if (r < 0)
        return r;
    send_to_it("one");
    r = asyncio_sleep(T);
    asyncio_datagram_protocol *other = new_teller(&tellers[1], "other ");
    (void)asyncio_datagram_transport_set_protocol(transport, other);
    say("%s", yes(asyncio_datagram_transport_get_protocol(transport) == other));
    send_to_it("two");
    if (r >= 0)
        r = asyncio_sleep(T);
    asyncio_datagram_transport_close(transport);
    return leave(r < 0 ? r : asyncio_await(tellers[1].gone));
}

SCENARIO(another_protocol_for_the_second_of_two)
{
    int r = open_it();
    if (r < 0)
        return r;
    (void)new_teller(&tellers[1], "other ");
    tellers[0].successor = &tellers[1];
    send_to_it("one");
    send_to_it("two");
    r = asyncio_sleep(T);
    asyncio_datagram_transport_close(transport);
    return leave(r < 0 ? r : asyncio_await(tellers[1].gone));
}

CONFORMANCE("datagrams")
