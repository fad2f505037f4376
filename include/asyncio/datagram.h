/* SPDX-License-Identifier: MIT */
/* Datagrams: UDP and AF_UNIX sockets, by straight-line calls or by callbacks.
 *
 *     asyncio_datagram_transport *udp;
 *     char text[1500];
 *     int r = asyncio_loop_create_datagram_endpoint(asyncio_get_running_loop(), NULL, &udp,
 *                                                   .local_host = "127.0.0.1", .local_port = 9999);
 *     asyncio_datagram datagram = { .data = text, .size = sizeof text };
 *     while (r >= 0 && (r = asyncio_datagram_transport_receive(udp, &datagram, 1)) >= 0) {
 *         datagram.size = datagram.length;
 *         r = asyncio_datagram_transport_send(udp, &datagram, 1);
 *         datagram.size = sizeof text;
 *     }
 *
 * MODEL      An endpoint is a socket and its transport. Without a protocol a task receives and
 *            sends, many datagrams at a time where there are many: both wait, so a slow network
 *            slows the sender. With one, an object with methods as those of protocol.h, it is
 *            told, as Python's is; asyncio_datagram_transport_sendto never waits and keeps copies.
 * ORDER      connection_made, then datagram_received and error_received, then connection_lost,
 *            once. pause_writing and resume_writing take turns.
 * CONTEXT    Methods run in the loop's thread, in the context that the endpoint was made in,
 *            outside of tasks: they must not suspend.
 * OWNERSHIP  The transport is counted; the last reference closes it. A protocol belongs to its
 *            transport from the factory on; `destroy` is called once, after connection_lost, or
 *            when the loop closes before. One that set_protocol replaced is yours again. Datagrams'
 *            memory is the caller's; what a method is given
 *            is lent until it returns.
 * CANCEL     A cancelled receive has taken nothing; one that has returns it, and the cancellation
 *            waits for the next suspension. Of a cancelled send a part may have gone.
 * SOURCE     CPython's Lib/asyncio/selector_events.py (_SelectorDatagramTransport). */
#pragma once

#include <asyncio/connect.h>
#include <sys/socket.h>

ASYNCIO__BEGIN

typedef struct asyncio_datagram_transport asyncio_datagram_transport;

typedef struct asyncio_datagram {
    void *data;
    size_t size;                         /* bytes: to send, or that there is room for */
    size_t length;                       /* received: bytes that are in data */
    int is_truncated;                    /* received: it was longer than there was room for */
    socklen_t address_size;              /* to send: 0 is whom the endpoint is connected with */
    struct sockaddr_storage address;     /* whom to, or from whom */
} asyncio_datagram;

typedef struct asyncio_datagram_protocol asyncio_datagram_protocol;

/* Python's DatagramProtocol. Each may be NULL. */
typedef struct asyncio_datagram_protocol_methods {
    /* The endpoint is there. `transport` is lent until connection_lost has returned. */
    void (*connection_made)(asyncio_datagram_protocol *protocol,
                            asyncio_datagram_transport *transport);
    /* One has come, lent for this call. */
    void (*datagram_received)(asyncio_datagram_protocol *protocol,
                              const asyncio_datagram *datagram);
    /* Of one datagram, or of the peer (-ECONNREFUSED): the endpoint goes on. */
    void (*error_received)(asyncio_datagram_protocol *protocol, int error);
    /* The end. 0: it was closed here. */
    void (*connection_lost)(asyncio_datagram_protocol *protocol, int error);
    /* More than the high-water mark is unsent; until resume_writing. */
    void (*pause_writing)(asyncio_datagram_protocol *protocol);
    void (*resume_writing)(asyncio_datagram_protocol *protocol);
    /* Nothing calls it any more. */
    void (*destroy)(asyncio_datagram_protocol *protocol);
} asyncio_datagram_protocol_methods;

/* An object of yours begins with it, as with asyncio_protocol. */
struct asyncio_datagram_protocol {
    const asyncio_datagram_protocol_methods *methods;
};

/* Makes a protocol for one endpoint. NULL: no memory. Does not suspend. */
typedef asyncio_datagram_protocol *asyncio_datagram_protocol_factory(void *data);

typedef struct asyncio_loop_create_datagram_endpoint_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_loop_create_datagram_endpoint_options));
    /* to bind to; NULL with a port: all interfaces. With AF_UNIX a path, or "@name" of the abstract
     * kind: a socket that is there is removed first, and the file stays, as in CPython */
    const char *local_host ASYNCIO__0;
    int local_port ASYNCIO__0;
    const char *remote_host ASYNCIO__0;  /* to connect with; NULL: nobody */
    int remote_port ASYNCIO__0;
    int family ASYNCIO__0;               /* AF_INET, AF_INET6, 0: either of these; AF_UNIX */
    int reuse_port ASYNCIO__0;
    int allow_broadcast ASYNCIO__0;
    /* a datagram socket, in place of all of the above; taken on success */
    int sock ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_SOCK);
    void *data ASYNCIO__0;               /* the factory's argument */
} asyncio_loop_create_datagram_endpoint_options;

/* Makes an endpoint for what `factory` makes (NULL: it is received and sent by calls). `loop` is
 * the running one. A factory's connection_made has been called when it returns. ret_transport
 * returns new. -ASYNCIO_OTHER_LOOP, -ASYNCIO_RESOLVE, -EADDRINUSE, -EACCES and so on, -EINVAL
 * (options that exclude one another, `.sock` is of another kind), -EBADF and -EBUSY (`.sock`),
 * -ENOMEM, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_create_datagram_endpoint(
    asyncio_loop *loop, asyncio_datagram_protocol_factory *factory,
    asyncio_datagram_transport **ret_transport,
    const asyncio_loop_create_datagram_endpoint_options *options);
#define asyncio_loop_create_datagram_endpoint(...) asyncio__datagram_endpoint_m(__VA_ARGS__, )
#define asyncio__datagram_endpoint_m(loop, factory, ret_transport, ...)                            \
    asyncio__datagram_endpoint_v(                                                                  \
        loop, factory, ret_transport,                                                              \
        ASYNCIO__OPTIONS(asyncio_loop_create_datagram_endpoint_options,                            \
                         (.sock = ASYNCIO__DEFAULT_SOCK, ), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__datagram_endpoint_v(
    asyncio_loop *loop, asyncio_datagram_protocol_factory *factory,
    asyncio_datagram_transport **ret_transport,
    asyncio_loop_create_datagram_endpoint_options options)
{
    return (asyncio_loop_create_datagram_endpoint)(loop, factory, ret_transport, &options);
}

/* Waits for datagrams, takes at most `count`, and returns how many. -ECONNREFUSED and the like: of
 * an earlier datagram, and the endpoint goes on. -EBUSY while another task receives, -EINVAL with a
 * protocol, -ECONNRESET when it is closed, -ECANCELED. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_datagram_transport_receive(
    asyncio_datagram_transport *transport, asyncio_datagram *datagrams, size_t count);

/* Sends all of them, after those of others, waiting while the socket takes no more; returns
 * `count`. After an error those before the one that failed are sent. -EMSGSIZE, -EDESTADDRREQ,
 * -ECONNREFUSED and so on, -ECONNRESET when it is closed, -ECANCELED. -EAGAIN: the AF_UNIX socket
 * that an address names is full; only who is connected with it can wait for it. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_datagram_transport_send(
    asyncio_datagram_transport *transport, asyncio_datagram *datagrams, size_t count);

/* Sends one to `address` (NULL: whom the endpoint is connected with), or keeps a copy until the
 * socket takes it. With a protocol its error_received is told what the system says, and this
 * returns 0. -ENOMEM, -ECONNRESET when it is closed. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_datagram_transport_sendto(
    asyncio_datagram_transport *transport, const void *data, size_t size,
    const struct sockaddr *address, socklen_t address_size);

/* Receives what is sent to a multicast group: a literal address. `interface`: the literal address
 * (IPv4) or number (IPv6) of the one to listen on; NULL: the system's choice. -EINVAL, -ENODEV,
 * -EADDRINUSE. Does not suspend. */
ASYNCIO_API int asyncio_datagram_transport_join_group(asyncio_datagram_transport *transport,
                                                      const char *group, const char *interface);

/* The end of join_group. -EADDRNOTAVAIL. Does not suspend. */
ASYNCIO_API int asyncio_datagram_transport_leave_group(asyncio_datagram_transport *transport,
                                                       const char *group, const char *interface);

/* How far multicast datagrams go (`ttl` routers; 1: this network) and whether this host gets them,
 * too. Does not suspend. */
ASYNCIO_API int asyncio_datagram_transport_set_multicast(asyncio_datagram_transport *transport,
                                                         int ttl, int loop);

/* Calls another protocol from now on, which becomes the endpoint's; the one before is the caller's
 * again. Returns it; NULL, and nothing was done, when it is over, and for an endpoint without a
 * protocol. */
ASYNCIO_API asyncio_datagram_protocol *asyncio_datagram_transport_set_protocol(
    asyncio_datagram_transport *transport, asyncio_datagram_protocol *protocol);

/* The protocol, lent; NULL when it is gone, or there is none. */
ASYNCIO_API asyncio_datagram_protocol *asyncio_datagram_transport_get_protocol(
    const asyncio_datagram_transport *transport);

/* Bytes kept by sendto and not sent yet. */
ASYNCIO_API size_t asyncio_datagram_transport_get_write_buffer_size(
    const asyncio_datagram_transport *transport);

/* Sets the marks in bytes: pause_writing above `high`, resume_writing at `low`. -EINVAL unless high
 * >= low. */
ASYNCIO_API int asyncio_datagram_transport_set_write_buffer_limits(
    asyncio_datagram_transport *transport, size_t high, size_t low);

/* The endpoint's own address. -ECONNRESET when it is closed. Does not suspend. */
ASYNCIO_API int asyncio_datagram_transport_sockname(const asyncio_datagram_transport *transport,
                                                    struct sockaddr_storage *ret_address,
                                                    socklen_t *ret_size);

/* What is known of it, as text: "sockname", "peername" (whom it is connected with: -ENOTCONN when
 * nobody), "socket", the number of the descriptor, which stays the endpoint's (none of a simulated
 * one). Stores it in `data` and returns its length. -ENOENT where there is nothing of that name,
 * -ENOSPC, -ECONNRESET when it is closed. Does not suspend. */
ASYNCIO_API int asyncio_datagram_transport_get_extra_info(
    const asyncio_datagram_transport *transport, const char *name, char *data, size_t size);

/* Closes: receiving ends now, what sendto keeps goes out first. Twice is harmless. Does not
 * suspend. */
ASYNCIO_API void asyncio_datagram_transport_close(asyncio_datagram_transport *transport);

/* Ends it at once; what is kept is lost. Does not suspend. */
ASYNCIO_API void asyncio_datagram_transport_abort(asyncio_datagram_transport *transport);

/* 1 once close or abort was called. */
ASYNCIO_API int asyncio_datagram_transport_is_closing(const asyncio_datagram_transport *transport);

/* Takes one more reference and returns it. NULL allowed. */
ASYNCIO_API asyncio_datagram_transport *asyncio_datagram_transport_ref(
    asyncio_datagram_transport *transport);

/* Gives a reference back; the last one closes it. NULL allowed. */
ASYNCIO_API void asyncio_datagram_transport_unref(asyncio_datagram_transport *transport);

ASYNCIO__END
