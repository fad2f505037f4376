/* SPDX-License-Identifier: MIT */
/* TEST: backends io_uring epoll sim; timeout 120 */
/* Protocols to whom much comes: it is received when its turn comes, straight to where it belongs,
 * whatever the protocol does meanwhile. */
#include "net_test.h"

#include "net/callback.h"

enum { SIZE = 40000, ROOM_MAX = 65536 };
#define BYTE_AT(offset) ((char)((offset) * 7 % 251))

struct sink {
    asyncio_protocol protocol;
    asyncio_transport *transport;
    size_t total, calls, direct; /* direct: not copied */
    size_t room;                 /* of get_buffer */
    bool is_given;               /* get_buffer has been called, and the bytes not come yet */
    bool is_wrong, is_lost, has_end;
    int error;
    void (*on_data)(struct sink *sink);
    void (*on_get)(struct sink *sink);
};

static struct sink sink;
static char room[ROOM_MAX], sent[SIZE];

static void made(asyncio_protocol *protocol, asyncio_transport *transport)
{
    (void)protocol;
    sink.transport = asyncio_transport_ref(transport);
}

static void take(const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sink.is_wrong |= data[i] != BYTE_AT(sink.total + i);
    sink.is_wrong |= !asyncio_transport_is_reading(sink.transport);
    sink.total += size;
    sink.calls++;
    if (sink.on_data)
        sink.on_data(&sink);
}

static void received(asyncio_protocol *protocol, const void *data, size_t size)
{
    (void)protocol;
    sink.direct += data == sink.transport->tcp.net->scratch;
    take(data, size);
}

static size_t get_buffer(asyncio_protocol *protocol, size_t hint, void **ret_buffer)
{
    (void)protocol;
    sink.is_wrong |= !hint;
    sink.is_given = true;
    memset(room, 0, sizeof room);
    *ret_buffer = room;
    size_t size = sink.room;
    if (sink.on_get)
        sink.on_get(&sink);
    return size;
}

static void updated(asyncio_protocol *protocol, size_t size)
{
    (void)protocol;
    sink.is_wrong |= !sink.is_given || size > sink.room;
    sink.is_given = false;
    sink.direct += sink.transport->in.data == NULL && size >= 8192;
    take(room, size);
}

static int ended(asyncio_protocol *protocol)
{
    (void)protocol;
    sink.has_end = true;
    return 0;
}

static void lost(asyncio_protocol *protocol, int error)
{
    (void)protocol;
    sink.is_lost = true;
    sink.error = error;
}

static const asyncio_protocol_methods plain = { .connection_made = made,
                                                .data_received = received,
                                                .eof_received = ended,
                                                .connection_lost = lost };
static const asyncio_protocol_methods buffered = { .connection_made = made,
                                                   .get_buffer = get_buffer,
                                                   .buffer_updated = updated,
                                                   .eof_received = ended,
                                                   .connection_lost = lost };

static asyncio_protocol *give(void *data)
{
    sink.protocol.methods = data;
    return &sink.protocol;
}

struct link {
    asyncio_server *server;
    asyncio_stream *stream;
    size_t from;
};

static int open_link(struct link *link, const asyncio_protocol_methods *methods, size_t size)
{
    sink = (struct sink){ .room = size };
    *link = (struct link){ .server = NULL };
    CHECK_IS(asyncio_loop_create_server(asyncio_get_running_loop(), give, "127.0.0.1", 0,
                                        &link->server, .data = (void *)(uintptr_t)methods), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(link->server),
                                     &link->stream), 0);
    while (!sink.transport)
        CHECK_IS(asyncio_sleep(0.001), 0);
    return 0;
}

static int close_link(struct link *link)
{
    asyncio_stream_unref(link->stream);
    while (!sink.is_lost)
        CHECK_IS(asyncio_sleep(0.001), 0);
    asyncio_transport_unref(sink.transport);
    asyncio_server_close(link->server);
    CHECK_IS(asyncio_server_wait_closed(link->server), 0);
    asyncio_server_unref(link->server);
    CHECK_IS(settle(), 0);
    CHECK(!sink.is_wrong);
    return 0;
}

static size_t size_here(void)
{
    return world.is_chopped ? 300 : SIZE;
}

static int put(struct link *link)
{
    for (size_t i = 0; i < size_here(); i++)
        sent[i] = BYTE_AT(link->from + i);
    link->from += size_here();
    return asyncio_stream_write(link->stream, sent, size_here());
}

static int await_all(const struct link *link)
{
    while (sink.total < link->from && !sink.is_lost)
        CHECK_IS(asyncio_sleep(0.001), 0);
    CHECK(sink.total == link->from);
    return 0;
}

static bool is_exact(void)
{
    return !world.is_chopped && !world.is_seeded;
}

/* ---- each message ---- */

static int messages(const asyncio_protocol_methods *methods, size_t size)
{
    struct link link;
    CHECK_IS(open_link(&link, methods, size), 0);
    for (int i = 0; i < 8; i++) {
        CHECK_IS(put(&link), 0);
        CHECK_IS(await_all(&link), 0);
        CHECK(sink.transport->in.data == NULL);
    }
    if (is_exact() && size >= SIZE)
        CHECK(sink.direct >= 5);
    return close_link(&link);
}

static int each_message(void *data)
{
    (void)data;
    static const size_t sizes[] = { 100, 9000, SIZE, SIZE + 1, ROOM_MAX };
    CHECK_IS(messages(&plain, ROOM_MAX), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        CHECK_IS(messages(&buffered, sizes[i]), 0);
    return 0;
}

static void test_each_message(void **state)
{
    (void)state;
    run_everywhere(each_message);
}

/* ---- what a protocol does meanwhile ---- */

static void pause_it(struct sink *it)
{
    asyncio_transport_pause_reading(it->transport);
}

static void exchange(struct sink *it)
{
    static asyncio_protocol kinds[] = { { &plain }, { &buffered } };
    asyncio_protocol *now = asyncio_transport_get_protocol(it->transport);
    (void)asyncio_transport_set_protocol(it->transport, &kinds[now->methods == &plain]);
}

/* Once in four times, so that bytes come in the end. */
static void exchange_at_times(struct sink *it)
{
    static unsigned times;
    if (times++ % 4 == 0)
        exchange(it);
}

static void close_when_much(struct sink *it)
{
    if (it->total > 2 * size_here())
        asyncio_transport_close(it->transport);
}

static void abort_when_much(struct sink *it)
{
    if (it->total > 2 * size_here())
        asyncio_transport_abort(it->transport);
}

typedef void act(struct sink *sink);

/* Paused again and again, inside and outside: nothing comes meanwhile, and nothing is lost. */
static int paused(const asyncio_protocol_methods *methods, act *on_data, act *on_get)
{
    struct link link;
    CHECK_IS(open_link(&link, methods, ROOM_MAX), 0);
    sink.on_data = on_data;
    sink.on_get = on_get;
    for (int i = 0; i < 5; i++) {
        CHECK_IS(put(&link), 0);
        while (sink.total < link.from) {
            size_t before = sink.total;
            asyncio_transport_resume_reading(sink.transport);
            CHECK_IS(asyncio_sleep(0), 0);
            if (sink.on_get && sink.transport->is_reading_paused)
                sink.on_get = NULL;
            while (asyncio_transport_is_reading(sink.transport) && sink.total == before)
                CHECK_IS(asyncio_sleep(0.001), 0);
            asyncio_transport_pause_reading(sink.transport);
            before = sink.total;
            CHECK_IS(settle(), 0);
            CHECK(sink.total == before);
        }
        sink.on_get = on_get;
    }
    asyncio_transport_resume_reading(sink.transport);
    return close_link(&link);
}

static int pauses(void *data)
{
    (void)data;
    CHECK_IS(paused(&plain, NULL, NULL), 0);
    CHECK_IS(paused(&buffered, NULL, NULL), 0);
    CHECK_IS(paused(&plain, pause_it, NULL), 0);
    CHECK_IS(paused(&buffered, pause_it, NULL), 0);
    return 0;
}

static void test_pauses(void **state)
{
    (void)state;
    run_everywhere(pauses);
}

static int replaced(act *on_data, act *on_get)
{
    struct link link;
    CHECK_IS(open_link(&link, &plain, ROOM_MAX), 0);
    sink.on_data = on_data;
    sink.on_get = on_get;
    for (int i = 0; i < 8; i++) {
        CHECK_IS(put(&link), 0);
        CHECK_IS(await_all(&link), 0);
        if (!on_data)
            exchange(&sink);
    }
    sink.on_data = sink.on_get = NULL;
    (void)asyncio_transport_set_protocol(sink.transport, &sink.protocol);
    return close_link(&link);
}

static int replaces(void *data)
{
    (void)data;
    CHECK_IS(replaced(exchange, NULL), 0);
    CHECK_IS(replaced(NULL, NULL), 0);
    CHECK_IS(replaced(exchange_at_times, exchange_at_times), 0);
    return 0;
}

static void test_replaces(void **state)
{
    (void)state;
    run_everywhere(replaces);
}

static int closed(const asyncio_protocol_methods *methods, act *on_data, act *on_get)
{
    struct link link;
    CHECK_IS(open_link(&link, methods, ROOM_MAX), 0);
    sink.on_data = on_data;
    sink.on_get = on_get;
    int r = 0;
    for (int i = 0; i < 5 && r >= 0; i++) {
        r = put(&link);
        while (sink.total < link.from && !sink.is_lost)
            CHECK_IS(asyncio_sleep(0.001), 0);
    }
    CHECK(sink.is_lost && sink.error == 0 && !sink.has_end);
    CHECK(sink.total > 2 * size_here() && sink.total <= 3 * size_here());
    return close_link(&link);
}

static int closes(void *data)
{
    (void)data;
    CHECK_IS(closed(&plain, close_when_much, NULL), 0);
    CHECK_IS(closed(&plain, abort_when_much, NULL), 0);
    CHECK_IS(closed(&buffered, close_when_much, NULL), 0);
    CHECK_IS(closed(&buffered, NULL, close_when_much), 0);
    CHECK_IS(closed(&buffered, NULL, abort_when_much), 0);
    return 0;
}

static void test_closes(void **state)
{
    (void)state;
    run_everywhere(closes);
}

/* ---- the end, and no room ---- */

static int end_behind(const asyncio_protocol_methods *methods, bool is_reset)
{
    struct link link;
    CHECK_IS(open_link(&link, methods, SIZE), 0);
    for (int i = 0; i < 5; i++) {
        CHECK_IS(put(&link), 0);
        if (i < 4)
            CHECK_IS(await_all(&link), 0);
    }
    if (is_reset)
        asyncio_stream_abort(link.stream);
    else
        CHECK_IS(asyncio_stream_write_eof(link.stream), 0);
    while (!sink.is_lost)
        CHECK_IS(asyncio_sleep(0.001), 0);
    CHECK(is_reset || (sink.total == link.from && sink.has_end && sink.error == 0));
    CHECK(!is_reset || sink.error == -ECONNRESET);
    return close_link(&link);
}

static void no_room(struct sink *it)
{
    if (it->transport->bulk && !it->transport->in.count)
        it->room = 0;
}

static int refused(void)
{
    struct link link;
    CHECK_IS(open_link(&link, &buffered, ROOM_MAX), 0);
    sink.on_data = no_room;
    while (!sink.is_lost) {
        (void)put(&link);
        CHECK_IS(asyncio_sleep(0.001), 0);
    }
    CHECK_IS(sink.error, -EINVAL);
    sink.is_wrong = false;
    return close_link(&link);
}

static int ends(void *data)
{
    (void)data;
    for (int i = 0; i < 2; i++) {
        CHECK_IS(end_behind(&plain, i), 0);
        CHECK_IS(end_behind(&buffered, i), 0);
    }
    return is_exact() ? refused() : 0;
}

static void test_ends(void **state)
{
    (void)state;
    run_everywhere(ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_message), cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_replaces),     cmocka_unit_test(test_closes),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
