/* SPDX-License-Identifier: MIT */
/* Datagram endpoints: by calls and by callbacks, many at a time, full sockets, errors of the peer,
 * groups, cancelling, closing. */
#include "net/net_test.h"

#include "support/sweep.h"

#include <arpa/inet.h>
#include <asyncio.h>
#include <net/if.h>
#include <netinet/in.h>

typedef asyncio_datagram_transport udp;

static asyncio_loop *loop(void)
{
    return asyncio_get_running_loop();
}

static int open_local(udp **ret_udp)
{
    return asyncio_loop_create_datagram_endpoint(loop(), NULL, ret_udp, .local_host = "127.0.0.1");
}

static int port_of(const udp *transport)
{
    struct sockaddr_storage address;
    int r = asyncio_datagram_transport_sockname(transport, &address, NULL);
    return r < 0 ? r : ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int open_to(const udp *other, udp **ret_udp)
{
    return asyncio_loop_create_datagram_endpoint(loop(), NULL, ret_udp,
                                                 .remote_host = "127.0.0.1",
                                                 .remote_port = port_of(other));
}

static int send_text(udp *transport, const char *text)
{
    asyncio_datagram datagram = { .data = (void *)(uintptr_t)text, .size = strlen(text) };
    return asyncio_datagram_transport_send(transport, &datagram, 1);
}

static int receive_text(udp *transport, char *text, size_t size)
{
    asyncio_datagram datagram = { .data = text, .size = size - 1 };
    int r = asyncio_datagram_transport_receive(transport, &datagram, 1);
    if (r < 0)
        return r;
    text[datagram.length] = '\0';
    return (int)datagram.length;
}

static int there_and_back(void *data)
{
    (void)data;
    udp *a, *b;
    char text[16] = "";
    CHECK_IS(open_local(&a), 0);
    CHECK_IS(open_to(a, &b), 0);
    CHECK_IS(send_text(b, "hello"), 1);
    asyncio_datagram datagram = { .data = text, .size = sizeof text };
    CHECK_IS(asyncio_datagram_transport_receive(a, &datagram, 1), 1);
    CHECK(datagram.length == 5 && memcmp(text, "hello", 5) == 0 && !datagram.is_truncated);
    CHECK_IS(datagram.address_size, sizeof(struct sockaddr_in));
    /* back to where it came from */
    datagram.size = 2;
    CHECK_IS(asyncio_datagram_transport_send(a, &datagram, 1), 1);
    CHECK_IS(receive_text(b, text, sizeof text), 2);
    CHECK(strcmp(text, "he") == 0);
    /* of no length, and too long */
    CHECK_IS(send_text(b, ""), 1);
    CHECK_IS(send_text(b, "longer than that"), 1);
    CHECK_IS(receive_text(a, text, sizeof text), 0);
    datagram.size = 4;
    CHECK_IS(asyncio_datagram_transport_receive(a, &datagram, 1), 1);
    CHECK(datagram.length == 4 && datagram.is_truncated);
    CHECK_IS(asyncio_datagram_transport_sendto(b, "x", 1, NULL, 0), 0);
    CHECK_IS(receive_text(a, text, sizeof text), 1);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

/* Many by one call: more than one system call takes. */
static int bulk(void *data)
{
    (void)data;
    enum { MANY = 100 };
    udp *a, *b;
    asyncio_datagram out[MANY], in[MANY];
    int numbers[MANY], got[MANY], count = 0;
    CHECK_IS(open_local(&a), 0);
    CHECK_IS(open_to(a, &b), 0);
    for (int i = 0; i < MANY; i++) {
        numbers[i] = i;
        out[i] = (asyncio_datagram){ .data = &numbers[i], .size = sizeof numbers[i] };
        in[i] = (asyncio_datagram){ .data = &got[i], .size = sizeof got[i] };
    }
    CHECK_IS(asyncio_datagram_transport_send(b, out, MANY), MANY);
    while (count < MANY) {
        int r = asyncio_datagram_transport_receive(a, in + count, (size_t)(MANY - count));
        CHECK(r > 0);
        count += r;
    }
    for (int i = 0; i < MANY; i++)
        CHECK_IS(got[i], i);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

static int receive_one(udp *transport)
{
    char text[16];
    int r = receive_text(transport, text, sizeof text);
    return r >= 0 ? text[0] : r;
}

static int waiting(void *data)
{
    (void)data;
    udp *a, *b;
    char text[16];
    asyncio_task *task;
    CHECK_IS(open_local(&a), 0);
    CHECK_IS(open_to(a, &b), 0);
    START(task, receive_one, a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(task), 0);
    CHECK_IS(receive_text(a, text, sizeof text), -EBUSY);
    CHECK_IS(send_text(b, "1"), 1);
    CHECK_IS(join(task), '1');
    START(task, receive_one, a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(task), 1);
    CHECK_IS(join(task), -ECANCELED);
    CHECK_IS(send_text(b, "2"), 1); /* it was not for the one that was cancelled */
    CHECK_IS(receive_one(a), '2');
    START(task, receive_one, a);
    CHECK_IS(settle(), 0);
    asyncio_datagram_transport_close(a);
    CHECK_IS(join(task), -ECONNRESET);
    CHECK_IS(receive_one(a), -ECONNRESET);
    CHECK_IS(send_text(a, "x"), -ECONNRESET);
    CHECK_IS(asyncio_datagram_transport_sendto(a, "x", 1, NULL, 0), -ECONNRESET);
    CHECK_IS(asyncio_datagram_transport_is_closing(a), 1);
    CHECK_IS(port_of(a), -ECONNRESET);
    CHECK_IS(settle(), 0);
    /* nobody is there any more: the peer hears of it, and goes on */
    CHECK_IS(send_text(b, "3"), 1);
    CHECK_IS(settle(), 0);
    CHECK_IS(receive_one(b), -ECONNREFUSED);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

static int refused(void *data)
{
    (void)data;
    udp *a, *b = NULL;
    char byte = 'x';
    asyncio_datagram datagram = { .data = &byte, .size = 1 };
    CHECK_IS(open_local(&a), 0);
    CHECK_IS(asyncio_datagram_transport_send(a, &datagram, 1), -EDESTADDRREQ);
    if (!world.is_seeded) /* that may put it off, and then nobody is told */
        CHECK_IS(asyncio_datagram_transport_sendto(a, "x", 1, NULL, 0), -EDESTADDRREQ);
    CHECK_IS(asyncio_datagram_transport_send(a, &datagram, 0), -EINVAL);
    CHECK_IS(asyncio_datagram_transport_receive(a, &datagram, 0), -EINVAL);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &b, .local_host = "127.0.0.1",
                                                   .local_port = port_of(a)),
             -EADDRINUSE);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &b, .local_port = 70000), -EINVAL);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &b, .remote_host = "no such host",
                                                   .remote_port = 1),
             -ASYNCIO_RESOLVE);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &b, .local_host = "127.0.0.1",
                                                   .remote_host = "::1", .remote_port = 1),
             -EADDRNOTAVAIL);
    CHECK(b == NULL);
    CHECK_IS(asyncio_datagram_transport_set_write_buffer_limits(a, 1, 2), -EINVAL);
    CHECK_IS(asyncio_datagram_transport_join_group(a, "not a group", NULL), -EINVAL);
    CHECK_IS(asyncio_datagram_transport_join_group(a, NULL, NULL), -EINVAL);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(NULL);
    CHECK(asyncio_datagram_transport_ref(NULL) == NULL);
    return asyncio_sleep(0);
}

static int six(void *data)
{
    (void)data;
    udp *a, *b;
    char text[16];
    struct sockaddr_storage address;
    socklen_t size;
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &a, .local_host = "::1"), 0);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &b, .family = AF_INET6), 0);
    CHECK_IS(asyncio_datagram_transport_sockname(a, &address, &size), 0);
    CHECK_IS(size, sizeof(struct sockaddr_in6));
    CHECK_IS(asyncio_datagram_transport_sendto(b, "6", 1, (struct sockaddr *)&address, size), 0);
    CHECK_IS(receive_text(a, text, sizeof text), 1);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

static void test_calls(void **state)
{
    (void)state;
    run_everywhere(there_and_back);
    run_everywhere(bulk);
    run_everywhere(waiting);
    run_everywhere(refused);
    run_everywhere(six);
}

/* ---- full sockets ---- */

static int flood(udp *transport, int count)
{
    static char block[8000];
    asyncio_datagram datagrams[10];
    for (int i = 0; i < 10; i++)
        datagrams[i] = (asyncio_datagram){ .data = block, .size = sizeof block };
    for (int i = 0; i < count; i++) {
        int r = asyncio_datagram_transport_send(transport, datagrams, 10);
        if (r != 10)
            return r < 0 ? r : -EPROTO;
    }
    return 0;
}

/* Several senders at once, and copies between them. What arrives may be less. */
static int several(void *data)
{
    (void)data;
    udp *a, *b;
    asyncio_task *tasks[4];
    static char block[8000];
    CHECK_IS(open_local(&a), 0);
    CHECK_IS(open_to(a, &b), 0);
    for (int i = 0; i < 4; i++)
        START(tasks[i], flood, b, 20);
    for (int i = 0; i < 50; i++) {
        CHECK_IS(asyncio_datagram_transport_sendto(b, block, sizeof block, NULL, 0), 0);
        if (i % 10 == 0)
            CHECK_IS(asyncio_sleep(0), 0);
    }
    asyncio_task_cancel(tasks[2]);
    for (int i = 0; i < 4; i++) {
        int r = join(tasks[i]);
        CHECK(r == 0 || (i == 2 && r == -ECANCELED));
    }
    CHECK_IS(settle(), 0);
    CHECK_IS((int)asyncio_datagram_transport_get_write_buffer_size(b), 0);
    CHECK(receive_one(a) >= 0);
    asyncio_datagram_transport_unref(b);
    asyncio_datagram_transport_unref(a);
    return asyncio_sleep(0);
}

static void test_full(void **state)
{
    (void)state;
    run_everywhere(several);
}

/* ---- callbacks ---- */

struct log {
    asyncio_datagram_protocol protocol; /* first */
    udp *transport;                     /* lent */
    char text[256];
    int received, errors, last_error, destroyed;
    bool closes_first;
    void *seen; /* the variable, in datagram_received */
};

static void note(struct log *log, const char *word)
{
    size_t used = strlen(log->text);
    snprintf(log->text + used, sizeof log->text - used, "%s", word);
}

static asyncio_context_var variable = ASYNCIO_CONTEXT_VAR("variable");

static struct log *log_of(asyncio_datagram_protocol *protocol)
{
    return (struct log *)(void *)protocol;
}

static void made(asyncio_datagram_protocol *protocol, udp *transport)
{
    log_of(protocol)->transport = transport;
    note(log_of(protocol), "made ");
}

static void received(asyncio_datagram_protocol *protocol, const asyncio_datagram *datagram)
{
    struct log *log = log_of(protocol);
    log->received++;
    (void)asyncio_context_var_get(&variable, &log->seen);
    if (log->received <= 3)
        note(log, "received ");
    if (log->closes_first)
        asyncio_datagram_transport_unref(log->transport);
    else if (datagram->length == 4) /* an echo, but of "echo" alone */
        (void)!asyncio_datagram_transport_sendto(log->transport, datagram->data, datagram->length,
                                                 (const struct sockaddr *)&datagram->address,
                                                 datagram->address_size);
}

static void failed(asyncio_datagram_protocol *protocol, int error)
{
    struct log *log = log_of(protocol);
    log->errors++;
    log->last_error = error;
}

static void lost(asyncio_datagram_protocol *protocol, int error)
{
    note(log_of(protocol), error ? "lost by error " : "lost ");
}

static void destroyed(asyncio_datagram_protocol *protocol)
{
    log_of(protocol)->destroyed++;
}

static const asyncio_datagram_protocol_methods methods = { .connection_made = made,
                                                           .datagram_received = received,
                                                           .error_received = failed,
                                                           .connection_lost = lost,
                                                           .destroy = destroyed };

static asyncio_datagram_protocol *give_log(void *data)
{
    ((struct log *)data)->protocol.methods = &methods;
    return data;
}

static asyncio_datagram_protocol *give_nothing(void *data)
{
    (void)data;
    return NULL;
}

static int callbacks(void *data)
{
    (void)data;
    struct log log = { .received = 0 };
    udp *a, *b;
    char text[16];
    int value, other;
    CHECK_IS(asyncio_context_var_set(&variable, &value, NULL), 0);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), give_log, &a,
                                                   .local_host = "127.0.0.1", .data = &log), 0);
    CHECK_IS(asyncio_context_var_set(&variable, &other, NULL), 0);
    CHECK_IS(receive_text(a, text, sizeof text), -EINVAL);
    CHECK_IS(open_to(a, &b), 0);
    for (int i = 0; i < 50; i++)
        CHECK_IS(send_text(b, "word5"), 1);
    CHECK_IS(send_text(b, "echo"), 1);
    CHECK_IS(receive_text(b, text, sizeof text), 4);
    CHECK_IS(log.received, 51);
    CHECK(log.seen == &value); /* of when the endpoint was made */
    CHECK_IS(asyncio_datagram_transport_sendto(a, "x", 1, NULL, 0), 0); /* to nobody */
    CHECK_IS(settle(), 0);
    CHECK_IS(log.errors, 1);
    CHECK_IS(log.last_error, -EDESTADDRREQ);
    asyncio_datagram_transport_close(a);
    asyncio_datagram_transport_close(a);
    CHECK(strcmp(log.text, "made received received received ") == 0);
    CHECK_IS(settle(), 0);
    CHECK(strcmp(log.text, "made received received received lost ") == 0);
    CHECK_IS(log.destroyed, 1);
    asyncio_datagram_transport_unref(a);
    CHECK_IS(log.destroyed, 1);
    asyncio_datagram_transport_unref(b);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), give_nothing, &a,
                                                   .local_host = "127.0.0.1"), -ENOMEM);
    return asyncio_sleep(0);
}

/* The last reference goes in the first callback. */
static int ends_in_callback(void *data)
{
    (void)data;
    struct log log = { .closes_first = true };
    udp *a, *b;
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), give_log, &a,
                                                   .local_host = "127.0.0.1", .data = &log), 0);
    CHECK_IS(open_to(a, &b), 0);
    CHECK_IS(send_text(b, "one"), 1);
    CHECK_IS(send_text(b, "two"), 1);
    CHECK_IS(settle(), 0);
    CHECK(strcmp(log.text, "made received lost ") == 0);
    CHECK_IS(log.received, 1);
    CHECK_IS(log.destroyed, 1);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

/* The first datagram brings another protocol, also for those that have come with it. */
static struct log successor;

static void received_first(asyncio_datagram_protocol *protocol, const asyncio_datagram *datagram)
{
    struct log *log = log_of(protocol);
    received(protocol, datagram);
    give_log(&successor);
    if (asyncio_datagram_transport_set_protocol(log->transport, &successor.protocol) == protocol)
        note(log, "replaced ");
}

static asyncio_datagram_protocol *give_first(void *data)
{
    static const asyncio_datagram_protocol_methods first = { .connection_made = made,
                                                             .datagram_received = received_first,
                                                             .connection_lost = lost,
                                                             .destroy = destroyed };
    ((struct log *)data)->protocol.methods = &first;
    return data;
}

static int another_protocol(void *data)
{
    (void)data;
    struct log log = { .received = 0 };
    udp *a, *b;
    successor = (struct log){ .received = 0 };
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), give_first, &a,
                                                   .local_host = "127.0.0.1", .data = &log), 0);
    CHECK(asyncio_datagram_transport_get_protocol(a) == &log.protocol);
    CHECK(asyncio_datagram_transport_set_protocol(a, NULL) == NULL);
    CHECK(asyncio_datagram_transport_get_protocol(a) == &log.protocol);
    CHECK_IS(open_to(a, &b), 0);
    CHECK(asyncio_datagram_transport_get_protocol(b) == NULL); /* it has none, and gets none */
    CHECK(asyncio_datagram_transport_set_protocol(b, &successor.protocol) == NULL);
    for (int i = 0; i < 5; i++)
        CHECK_IS(send_text(b, "words"), 1);
    CHECK_IS(settle(), 0);
    CHECK(strcmp(log.text, "made received replaced ") == 0);
    CHECK_IS(log.received, 1);
    CHECK_IS(successor.received, 4);
    CHECK(asyncio_datagram_transport_get_protocol(a) == &successor.protocol);
    CHECK_IS(asyncio_datagram_transport_sendto(a, "x", 1, NULL, 0), 0); /* to nobody */
    CHECK_IS(settle(), 0);
    CHECK_IS(successor.errors, 1);
    asyncio_datagram_transport_close(a);
    CHECK_IS(settle(), 0);
    CHECK(strcmp(successor.text, "received received received lost ") == 0);
    CHECK(successor.destroyed == 1 && log.destroyed == 0); /* the first is ours again */
    CHECK(asyncio_datagram_transport_set_protocol(a, &log.protocol) == NULL);
    CHECK(asyncio_datagram_transport_get_protocol(a) == NULL);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

static int error_of_peer(void *data)
{
    (void)data;
    struct log log = { .received = 0 };
    udp *a, *b;
    CHECK_IS(open_local(&a), 0);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), give_log, &b,
                                                   .remote_host = "127.0.0.1",
                                                   .remote_port = port_of(a), .data = &log), 0);
    asyncio_datagram_transport_unref(a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_datagram_transport_sendto(b, "x", 1, NULL, 0), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(log.errors, 1);
    CHECK_IS(log.last_error, -ECONNREFUSED);
    CHECK_IS(asyncio_datagram_transport_is_closing(b), 0);
    asyncio_datagram_transport_abort(b);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

/* By callbacks and by calls: datagrams that come one by one for a while, and then the peer is gone.
 * Either is told once, and either goes on. */
static int gone_after_a_while(void *data)
{
    (void)data;
    enum { ROUNDS = 30 };
    struct log log = { .received = 0 };
    udp *a, *b, *c;
    char text[16];
    CHECK_IS(open_local(&a), 0);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), give_log, &b,
                                                   .remote_host = "127.0.0.1",
                                                   .remote_port = port_of(a), .data = &log), 0);
    CHECK_IS(open_to(a, &c), 0);
    for (int i = 0; i < ROUNDS; i++) {
        asyncio_datagram datagram = { .data = text, .size = 4 };
        CHECK_IS(send_text(c, "ping"), 1);
        CHECK_IS(asyncio_datagram_transport_receive(a, &datagram, 1), 1);
        CHECK_IS(asyncio_datagram_transport_send(a, &datagram, 1), 1); /* to c */
        CHECK_IS(receive_text(c, text, sizeof text), 4);
        struct sockaddr_storage name;
        socklen_t size;
        CHECK_IS(asyncio_datagram_transport_sockname(b, &name, &size), 0);
        CHECK_IS(asyncio_datagram_transport_sendto(a, "echo", 4, (struct sockaddr *)&name, size),
                 0);
        CHECK_IS(receive_text(a, text, sizeof text), 4);
    }
    CHECK_IS(log.received, ROUNDS);
    asyncio_datagram_transport_unref(a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_datagram_transport_sendto(b, "x", 1, NULL, 0), 0);
    CHECK_IS(send_text(c, "x"), 1);
    CHECK_IS(receive_text(c, text, sizeof text), -ECONNREFUSED);
    CHECK_IS(settle(), 0);
    CHECK_IS(log.errors, 1);
    CHECK_IS(log.last_error, -ECONNREFUSED);
    CHECK_IS(asyncio_datagram_transport_sendto(b, "x", 1, NULL, 0), 0);
    CHECK_IS(send_text(c, "x"), 1);
    CHECK_IS(receive_text(c, text, sizeof text), -ECONNREFUSED);
    CHECK_IS(settle(), 0);
    CHECK_IS(log.errors, 2);
    asyncio_datagram_transport_unref(b);
    asyncio_datagram_transport_unref(c);
    return asyncio_sleep(0);
}

/* Left open: the loop ends it, and destroy is called all the same. */
static struct log left_log;
static udp *left_transport;

static int left_open(void *data)
{
    (void)data;
    left_log = (struct log){ .received = 0 };
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), give_log, &left_transport,
                                                   .local_host = "127.0.0.1",
                                                   .data = &left_log), 0);
    return asyncio_sleep(0);
}

static void test_callbacks(void **state)
{
    (void)state;
    run_everywhere(callbacks);
    run_everywhere(ends_in_callback);
    run_everywhere(another_protocol);
    run_everywhere(error_of_peer);
    run_everywhere(gone_after_a_while);
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    assert_int_equal(asyncio_run(asyncio_coro(left_open, NULL)), 0);
    assert_int_equal(asyncio_datagram_transport_is_closing(left_transport), 1);
    assert_int_equal(asyncio_datagram_transport_sendto(left_transport, "x", 1, NULL, 0),
                     -ECONNRESET);
    asyncio_datagram_transport_close(left_transport);
    asyncio_datagram_transport_unref(left_transport);
    assert_int_equal(left_log.destroyed, 1);
    assert_int_equal(asyncio__alloc_live(), live);
}

/* ---- groups ---- */

static int groups(void *data)
{
    (void)data;
    if (world.is_sim)
        return 0;
    udp *a, *b;
    char text[16];
    struct sockaddr_in group = { .sin_family = AF_INET };
    inet_pton(AF_INET, "239.255.77.77", &group.sin_addr);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &a, .local_host = "0.0.0.0",
                                                   .reuse_port = 1), 0);
    CHECK_IS(asyncio_datagram_transport_join_group(a, "239.255.77.77", "127.0.0.1"), 0);
    CHECK_IS(open_local(&b), 0);
    CHECK_IS(asyncio_datagram_transport_set_multicast(b, 0, 1), 0); /* not beyond this host */
    group.sin_port = htons((uint16_t)port_of(a));
    int r = asyncio_datagram_transport_sendto(b, "all", 3, (struct sockaddr *)&group,
                                              sizeof group);
    if (r != -ENETUNREACH) { /* a host without a route */
        CHECK_IS(r, 0);
        CHECK_IS(receive_text(a, text, sizeof text), 3);
    }
    CHECK_IS(asyncio_datagram_transport_leave_group(a, "239.255.77.77", "127.0.0.1"), 0);
    CHECK_IS(asyncio_datagram_transport_leave_group(a, "239.255.77.77", "127.0.0.1"),
             -EADDRNOTAVAIL);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

/* By IPv6 an interface is a number, of the group's address, too. */
static int groups_of_six(void *data)
{
    (void)data;
    udp *a, *b;
    char text[16], number[16];
    struct sockaddr_in6 group = { .sin6_family = AF_INET6,
                                  .sin6_scope_id = if_nametoindex("lo") };
    snprintf(number, sizeof number, "%u", group.sin6_scope_id);
    inet_pton(AF_INET6, "ff01::4d", &group.sin6_addr);
    if (world.is_sim ||
        asyncio_loop_create_datagram_endpoint(loop(), NULL, &a, .local_host = "::1") < 0)
        return 0; /* a host without IPv6 */
    asyncio_datagram_transport_unref(a);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &a, .local_host = "::",
                                                   .family = AF_INET6),
             0);
    CHECK_IS(asyncio_datagram_transport_join_group(a, "ff01::4d", "lo"), -EINVAL);
    CHECK_IS(asyncio_datagram_transport_join_group(a, "ff01::4d", number), 0);
    CHECK_IS(asyncio_loop_create_datagram_endpoint(loop(), NULL, &b, .local_host = "::",
                                                   .family = AF_INET6),
             0);
    CHECK_IS(asyncio_datagram_transport_set_multicast(b, 1, 1), 0);
    group.sin6_port = htons((uint16_t)port_of(a));
    int r = asyncio_datagram_transport_sendto(b, "six", 3, (struct sockaddr *)&group, sizeof group);
    if (r != -ENETUNREACH && r != -EADDRNOTAVAIL) { /* a host without a route */
        CHECK_IS(r, 0);
        CHECK_IS(receive_text(a, text, sizeof text), 3);
    }
    CHECK_IS(asyncio_datagram_transport_leave_group(a, "ff01::4d", number), 0);
    CHECK_IS(asyncio_datagram_transport_leave_group(a, "ff01::4d", number), -EADDRNOTAVAIL);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return asyncio_sleep(0);
}

static void test_groups(void **state)
{
    (void)state;
    run_everywhere(groups);
    run_everywhere(groups_of_six);
}

/* ---- sweeps ---- */

static int talk(void)
{
    udp *a = NULL, *b = NULL;
    char text[8];
    int r = open_local(&a);
    if (r >= 0)
        r = open_to(a, &b);
    if (r >= 0)
        r = send_text(b, "one");
    if (r >= 0)
        r = receive_text(a, text, sizeof text);
    if (r >= 0)
        r = asyncio_datagram_transport_sendto(b, "two", 3, NULL, 0);
    if (r >= 0)
        r = receive_text(a, text, sizeof text);
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return r < 0 ? r : 0;
}

/* One by one for a while: by io_uring they come another way then. */
static int talk_for_a_while(void)
{
    static struct log log;
    udp *a = NULL, *b = NULL;
    char text[8];
    log = (struct log){ .received = 0 };
    int r = asyncio_loop_create_datagram_endpoint(loop(), give_log, &a,
                                                  .local_host = "127.0.0.1", .data = &log);
    if (r >= 0)
        r = open_to(a, &b);
    for (int i = 0; i < 12 && r >= 0; i++) {
        r = send_text(b, "echo");
        if (r >= 0)
            r = receive_text(b, text, sizeof text);
    }
    asyncio_datagram_transport_unref(a);
    asyncio_datagram_transport_unref(b);
    return r < 0 ? r : 0;
}

static void test_sweep(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    int descriptors = count_descriptors();
    assert_true(sweep_allocations("datagrams", talk) > 3);
    (void)sweep_cancellations("datagrams", talk);
    assert_true(sweep_allocations("datagrams for a while", talk_for_a_while) > 3);
    (void)sweep_cancellations("datagrams for a while", talk_for_a_while);
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),     cmocka_unit_test(test_full),
        cmocka_unit_test(test_callbacks), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
