/* SPDX-License-Identifier: MIT */
/* Reading: plain reads, exact ones, the lent buffer, and what cancelling leaves. */
#include "net/net_test.h"

static int read_returns_what_there_is(struct pair *p)
{
    char text[64];
    CHECK_IS(asyncio_stream_write(p->a, "hello", 5), 0);
    int n = asyncio_stream_read(p->b, text, sizeof text);
    CHECK(n >= 1 && n <= 5);
    CHECK_IS(read_all(p->b, text + n, 5 - (size_t)n), 5 - n);
    CHECK(memcmp(text, "hello", 5) == 0);
    CHECK_IS(asyncio_stream_read(p->b, text, 0), 0);
    CHECK_IS(asyncio_stream_at_eof(p->b), 0);
    return 0;
}

static void test_read(void **state)
{
    (void)state;
    with_pair(read_returns_what_there_is);
}

static int read_gives_0_at_the_end(struct pair *p)
{
    char text[64];
    CHECK_IS(asyncio_stream_write(p->a, "bye", 3), 0);
    asyncio_stream_close(p->a);
    CHECK_IS(read_all(p->b, text, sizeof text), 3);
    CHECK_IS(asyncio_stream_read(p->b, text, sizeof text), 0);
    CHECK_IS(asyncio_stream_read(p->b, text, sizeof text), 0);
    CHECK_IS(asyncio_stream_at_eof(p->b), 1);
    CHECK_IS(asyncio_stream_is_closing(p->b), 0);
    return 0;
}

static void test_read_end(void **state)
{
    (void)state;
    with_pair(read_gives_0_at_the_end);
}

static int is_readable(struct pair *p)
{
    char text[4];
    CHECK_IS(asyncio_stream_is_readable(p->b), 0);
    CHECK_IS(asyncio_stream_write(p->a, "ab", 2), 0);
    while (!asyncio_stream_is_readable(p->b))
        CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(asyncio_stream_read(p->b, text, 1), 1);
    CHECK_IS(asyncio_stream_fill(p->b, 1), 1);
    CHECK_IS(asyncio_stream_is_readable(p->b), 1);
    CHECK_IS(asyncio_stream_read(p->b, text, 1), 1);
    CHECK_IS(asyncio_stream_is_readable(p->b), 0);
    asyncio_stream_close(p->a);
    CHECK_IS(asyncio_stream_is_readable(p->a), 1);
    CHECK_IS(asyncio_stream_wait_closed(p->a), 0);
    CHECK_IS(asyncio_stream_is_readable(p->a), 1);
    while (!asyncio_stream_is_readable(p->b))
        CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(asyncio_stream_read(p->b, text, 1), 0);
    CHECK_IS(asyncio_stream_is_readable(p->b), 1);
    asyncio_stream_abort(p->b);
    CHECK_IS(asyncio_stream_is_readable(p->b), 1);
    return 0;
}

static void test_is_readable(void **state)
{
    (void)state;
    with_pair(is_readable);
}

static int read_some(asyncio_stream *stream)
{
    char text[16];
    return asyncio_stream_read(stream, text, sizeof text);
}

static int read_has_one_reader(struct pair *p)
{
    asyncio_task *reader;
    char text[8];
    const char *view;
    START(reader, read_some, p->b);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(asyncio_stream_read(p->b, text, 8), -EBUSY);
    CHECK_IS(asyncio_stream_readexactly(p->b, text, 8, NULL), -EBUSY);
    CHECK_IS(asyncio_stream_readline(p->b, text, 8), -EBUSY);
    CHECK_IS(asyncio_stream_readuntil(p->b, "x", 1, text, 8), -EBUSY);
    CHECK_IS(asyncio_stream_readuntil_view(p->b, "x", 1, &view), -EBUSY);
    CHECK_IS(asyncio_stream_fill(p->b, 1), -EBUSY);
    CHECK_IS(asyncio_stream_write(p->a, "1", 1), 0);
    CHECK_IS(join(reader), 1);
    CHECK_IS(asyncio_stream_write(p->a, "2", 1), 0);
    CHECK_IS(asyncio_stream_read(p->b, text, 8), 1);
    return 0;
}

static void test_one_reader(void **state)
{
    (void)state;
    with_pair(read_has_one_reader);
}

static int cancelled_read_loses_nothing(struct pair *p)
{
    asyncio_task *reader;
    char text[16] = "";
    START(reader, read_some, p->b);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(reader, .message = "enough"), 1);
    int r = asyncio_await(reader);
    CHECK_IS(r, -ECANCELED);
    CHECK(asyncio_last_error(r) && strcmp(record_of(r)->text, "enough") == 0);
    asyncio_task_unref(reader);
    CHECK_IS(asyncio_stream_write(p->a, "still", 5), 0);
    CHECK_IS(read_all(p->b, text, 5), 5);
    CHECK(strcmp(text, "still") == 0);
    return 0;
}

static void test_cancel_read(void **state)
{
    (void)state;
    with_pair(cancelled_read_loses_nothing);
}

struct counted {
    asyncio_stream *stream;
    size_t count;
    int second;
};

/* Counts what it gets, and what the suspension after a late cancellation says. */
static int read_and_sleep(struct counted *counted)
{
    char text[16];
    int n = asyncio_stream_read(counted->stream, text, sizeof text);
    if (n > 0)
        counted->count += (size_t)n;
    counted->second = asyncio_sleep(0);
    return n;
}

/* Bytes and cancellation in every order: what the read got plus what is left is all there was. */
static int cancel_races_with_data(struct pair *p)
{
    for (int delay = 0; delay < 8; delay++) {
        struct counted counted = { .stream = p->b };
        asyncio_task *reader;
        START(reader, read_and_sleep, &counted);
        CHECK_IS(asyncio_sleep(0), 0);
        CHECK_IS(asyncio_stream_write(p->a, "abcd", 4), 0);
        for (int i = 0; i < delay; i++)
            CHECK_IS(asyncio_sleep(0), 0);
        bool was_asked = asyncio_task_cancel(reader) == 1;
        int r = asyncio_await(reader);
        CHECK(r == -ECANCELED || (r >= 1 && r <= 4));
        if (r > 0 && was_asked) /* the cancellation was not lost either */
            CHECK(counted.second == -ECANCELED || asyncio_task_cancelled(reader));
        if (r == -ECANCELED && !was_asked)
            return -EPROTO;
        asyncio_task_unref(reader);
        char text[8];
        CHECK_IS(read_all(p->b, text, 4 - counted.count), (int)(4 - counted.count));
        CHECK(memcmp(text, &"abcd"[counted.count], 4 - counted.count) == 0);
    }
    return 0;
}

static void test_cancel_race(void **state)
{
    (void)state;
    with_pair(cancel_races_with_data);
}

static int readexactly_reads_exactly(struct pair *p)
{
    char text[16] = "";
    size_t got = 99;
    CHECK_IS(asyncio_stream_write(p->a, "0123456789", 10), 0);
    CHECK_IS(asyncio_stream_readexactly(p->b, text, 4, &got), 0);
    CHECK(memcmp(text, "0123", 4) == 0 && got == 99);
    CHECK_IS(asyncio_stream_readexactly(p->b, text, 0, NULL), 0);
    CHECK_IS(asyncio_stream_readexactly(p->b, text, 6, NULL), 0);
    CHECK(memcmp(text, "456789", 6) == 0);
    CHECK_IS(asyncio_stream_write(p->a, "abc", 3), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(asyncio_stream_readexactly(p->b, text, 4, &got), -ASYNCIO_INCOMPLETE_READ);
    CHECK(got == 3 && memcmp(text, "abc", 3) == 0);
    CHECK_IS(asyncio_stream_at_eof(p->b), 1);
    CHECK_IS(asyncio_stream_readexactly(p->b, text, 1, &got), -ASYNCIO_INCOMPLETE_READ);
    CHECK(got == 0);
    CHECK_IS(asyncio_stream_readexactly(p->b, text, 1, NULL), -ASYNCIO_INCOMPLETE_READ);
    return 0;
}

static void test_readexactly(void **state)
{
    (void)state;
    with_pair(readexactly_reads_exactly);
}

/* ---- large amounts ---- */

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i * 7 + i / 251);
}

struct amount {
    asyncio_stream *stream;
    size_t size;
};

static int write_pattern(struct amount *amount)
{
    enum { PIECE = 3000 };
    unsigned char piece[PIECE];
    for (size_t at = 0; at < amount->size;) {
        size_t size = amount->size - at < PIECE ? amount->size - at : PIECE;
        for (size_t i = 0; i < size; i++)
            piece[i] = pattern(at + i);
        int r = asyncio_stream_write(amount->stream, piece, size);
        if (r < 0)
            return came_to(r);
        at += size;
    }
    return 0;
}

static int check_pattern(const unsigned char *bytes, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        CHECK_IS(bytes[i], pattern(from + i));
    return 0;
}

static size_t large(void)
{
    return world.is_chopped ? 20000 : 400000;
}

static int readexactly_goes_beyond_the_limit(struct pair *p)
{
    struct amount amount = { p->a, large() };
    unsigned char *bytes = malloc(amount.size);
    asyncio_task *writer;
    START(writer, write_pattern, &amount);
    int r = asyncio_stream_readexactly(p->b, bytes, 10, NULL); /* leaves some in the buffer */
    if (r >= 0)
        r = asyncio_stream_readexactly(p->b, bytes + 10, amount.size - 10, NULL);
    if (r >= 0)
        r = check_pattern(bytes, 0, amount.size);
    free(bytes);
    CHECK_IS(r, 0);
    return join(writer);
}

static void test_readexactly_large(void **state)
{
    (void)state;
    with_pair_of_limit(readexactly_goes_beyond_the_limit, 1000);
}

struct exact {
    asyncio_stream *stream;
    unsigned char *bytes;
    size_t size;
};

static int read_exactly(struct exact *exact)
{
    return asyncio_stream_readexactly(exact->stream, exact->bytes, exact->size, NULL);
}

static int cancelled_readexactly_consumes_nothing(struct pair *p)
{
    size_t sizes[] = { 10, 5000, 100000 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct amount amount = { p->a, sizes[i] - 3 };
        struct exact exact = { p->b, malloc(sizes[i]), sizes[i] };
        asyncio_task *reader;
        START(reader, read_exactly, &exact);
        CHECK_IS(write_pattern(&amount), 0);
        CHECK_IS(settle(), 0);
        CHECK_IS(asyncio_task_cancel(reader), 1);
        CHECK_IS(join(reader), -ECANCELED);
        CHECK_IS(read_all(p->b, exact.bytes, amount.size), (int)amount.size);
        CHECK_IS(check_pattern(exact.bytes, 0, amount.size), 0);
        free(exact.bytes);
    }
    return 0;
}

static void test_cancel_readexactly(void **state)
{
    (void)state;
    with_pair(cancelled_readexactly_consumes_nothing);
}

/* ---- the lent buffer ---- */

static int fill_peek_consume(struct pair *p)
{
    const char *view = NULL;
    CHECK_IS(asyncio_stream_fill(p->b, 0), 0);
    CHECK_IS((long long)asyncio_stream_peek(p->b, &view), 0);
    CHECK_IS(asyncio_stream_write(p->a, "abcdef", 6), 0);
    int n = asyncio_stream_fill(p->b, 1);
    CHECK(n >= 1 && n <= 6);
    CHECK_IS(asyncio_stream_fill(p->b, 6), 6);
    CHECK_IS((long long)asyncio_stream_peek(p->b, &view), 6);
    CHECK_IS((long long)asyncio_stream_peek(p->b, NULL), 6);
    CHECK(memcmp(view, "abcdef", 6) == 0);
    asyncio_stream_consume(p->b, 2);
    CHECK(memcmp(view, "abcdef", 6) == 0); /* still lent */
    CHECK_IS((long long)asyncio_stream_peek(p->b, &view), 4);
    CHECK(memcmp(view, "cdef", 4) == 0);
    CHECK_IS(asyncio_stream_write(p->a, "gh", 2), 0);
    CHECK_IS(asyncio_stream_fill(p->b, 6), 6);
    CHECK_IS((long long)asyncio_stream_peek(p->b, &view), 6);
    CHECK(memcmp(view, "cdefgh", 6) == 0);
    asyncio_stream_consume(p->b, 1000);
    CHECK_IS((long long)asyncio_stream_peek(p->b, &view), 0);
    CHECK_IS(asyncio_stream_write(p->a, "xy", 2), 0);
    asyncio_stream_close(p->a);
    CHECK_IS(asyncio_stream_fill(p->b, 10), 2); /* fewer at the end */
    CHECK_IS(asyncio_stream_at_eof(p->b), 0);
    asyncio_stream_consume(p->b, 2);
    CHECK_IS(asyncio_stream_fill(p->b, 1), 0);
    CHECK_IS(asyncio_stream_at_eof(p->b), 1);
    return 0;
}

static void test_fill(void **state)
{
    (void)state;
    with_pair(fill_peek_consume);
}

static int fill_stops_at_twice_the_limit(struct pair *p)
{
    struct amount amount = { p->a, 9000 };
    asyncio_task *writer;
    const char *view;
    START(writer, write_pattern, &amount);
    CHECK_IS(asyncio_stream_fill(p->b, 2001), -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(asyncio_stream_fill(p->b, 2000), 2000);
    CHECK_IS(settle(), 0);
    CHECK_IS((long long)asyncio_stream_peek(p->b, &view), 2000); /* and not a byte more */
    size_t got = 0;
    while (got < amount.size) {
        int n = asyncio_stream_fill(p->b, 1);
        CHECK(n > 0);
        size_t count = asyncio_stream_peek(p->b, &view);
        CHECK(count == (size_t)n && count <= 2000);
        CHECK_IS(check_pattern((const unsigned char *)view, got, count), 0);
        asyncio_stream_consume(p->b, count);
        got += count;
    }
    return join(writer);
}

static void test_fill_limit(void **state)
{
    (void)state;
    with_pair_of_limit(fill_stops_at_twice_the_limit, 1000);
}

static int fill_one(asyncio_stream *stream)
{
    return asyncio_stream_fill(stream, 100);
}

static int cancelled_fill_keeps_bytes(struct pair *p)
{
    asyncio_task *reader;
    const char *view;
    START(reader, fill_one, p->b);
    CHECK_IS(asyncio_stream_write(p->a, "kept", 4), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(reader), 1);
    CHECK_IS(join(reader), -ECANCELED);
    CHECK_IS(asyncio_stream_fill(p->b, 4), 4);
    CHECK_IS((long long)asyncio_stream_peek(p->b, &view), 4);
    CHECK(memcmp(view, "kept", 4) == 0);
    return 0;
}

static void test_cancel_fill(void **state)
{
    (void)state;
    with_pair(cancelled_fill_keeps_bytes);
}

/* ---- memory and fairness ---- */

static int idle_stream_has_no_buffer(struct pair *p)
{
    char line[16];
    asyncio_task *reader;
    START(reader, fill_one, p->b);
    CHECK_IS(settle(), 0);
    CHECK(p->b->in.data == NULL);
    CHECK_IS(asyncio_task_cancel(reader), 1);
    CHECK_IS(join(reader), -ECANCELED);
    CHECK_IS(asyncio_stream_write(p->a, "a line\n", 7), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 7);
    CHECK(p->b->in.data == NULL);
    CHECK(sizeof(struct asyncio_stream) <= 448);
    return 0;
}

static void test_idle(void **state)
{
    (void)state;
    with_pair(idle_stream_has_no_buffer);
}

static int count_turns(size_t *count)
{
    for (;;) {
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
        ++*count;
    }
}

/* Whoever always gets his answer at once lets others run all the same. */
static int reading_is_fair(struct pair *p)
{
    enum { SIZE = 20000 };
    struct amount amount = { p->a, SIZE };
    asyncio_task *counter;
    size_t turns = 0;
    char byte;
    CHECK_IS(write_pattern(&amount), 0);
    CHECK_IS(settle(), 0);
    START(counter, count_turns, &turns);
    for (int i = 0; i < SIZE; i++)
        CHECK_IS(asyncio_stream_read(p->b, &byte, 1), 1);
    CHECK(turns >= SIZE / STREAK_MAX / 2);
    asyncio_task_cancel(counter);
    CHECK_IS(join(counter), -ECANCELED);
    return 0;
}

static int read_bytes(asyncio_stream *stream, size_t count)
{
    char byte;
    for (size_t i = 0; i < count; i++) {
        int n = asyncio_stream_read(stream, &byte, 1);
        if (n < 0)
            return n;
    }
    return 0;
}

/* Letting others run does not let them read. */
static int fairness_keeps_the_reader(struct pair *p)
{
    enum { SIZE = 2000 };
    struct amount amount = { p->a, SIZE + 1 };
    asyncio_task *reader;
    char byte;
    CHECK_IS(write_pattern(&amount), 0);
    CHECK_IS(settle(), 0);
    START(reader, read_bytes, p->b, (size_t)SIZE);
    CHECK_IS(asyncio_sleep(0), 0);
    while (!asyncio_task_done(reader)) {
        CHECK_IS(asyncio_stream_read(p->b, &byte, 1), -EBUSY);
        CHECK_IS(asyncio_sleep(0), 0);
    }
    CHECK_IS(join(reader), 0);
    CHECK_IS(asyncio_stream_read(p->b, &byte, 1), 1);
    CHECK_IS((unsigned char)byte, pattern(SIZE));
    return 0;
}

static void test_fair(void **state)
{
    (void)state;
    with_pair(reading_is_fair);
    with_pair(fairness_keeps_the_reader);
}

/* ---- closed streams ---- */

static int closed_streams_say_so(struct pair *p)
{
    char text[8] = "";
    struct iovec piece = { text, 1 };
    const char *view;
    CHECK_IS(asyncio_stream_write(p->a, "unread", 6), 0);
    CHECK_IS(asyncio_stream_fill(p->b, 6), 6);
    asyncio_stream_close(p->b);
    asyncio_stream_close(p->b);
    CHECK_IS(asyncio_stream_is_closing(p->b), 1);
    CHECK_IS(asyncio_stream_read(p->b, text, 8), -ECONNRESET);
    CHECK_IS(asyncio_stream_readexactly(p->b, text, 8, NULL), -ECONNRESET);
    CHECK_IS(asyncio_stream_readline(p->b, text, 8), -ECONNRESET);
    CHECK_IS(asyncio_stream_readuntil(p->b, "x", 1, text, 8), -ECONNRESET);
    CHECK_IS(asyncio_stream_readuntil_view(p->b, "x", 1, &view), -ECONNRESET);
    CHECK_IS(asyncio_stream_fill(p->b, 1), -ECONNRESET);
    CHECK_IS((long long)asyncio_stream_peek(p->b, &view), 0);
    CHECK_IS(asyncio_stream_at_eof(p->b), 1);
    CHECK_IS(asyncio_stream_write(p->b, "x", 1), -ECONNRESET);
    CHECK_IS(asyncio_stream_write_nowait(p->b, "x", 1), -ECONNRESET);
    CHECK_IS(asyncio_stream_writelines(p->b, &piece, 1), -ECONNRESET);
    CHECK_IS(asyncio_stream_drain(p->b), -ECONNRESET);
    CHECK_IS(asyncio_stream_write_eof(p->b), -ECONNRESET);
    CHECK_IS((long long)asyncio_stream_get_write_buffer_size(p->b), 0);
    CHECK_IS(asyncio_stream_set_write_buffer_limits(p->b, 10, 5), 0);
    CHECK_IS(asyncio_stream_wait_closed(p->b), 0);
    CHECK_IS(asyncio_stream_peername(p->b, text, 8), -ENOTCONN);
    CHECK_IS(asyncio_stream_sockname(p->b, text, 8), -ENOTCONN);
    asyncio_stream_abort(p->b);
    asyncio_stream_unref(asyncio_stream_ref(p->b));
    CHECK(asyncio_stream_ref(NULL) == NULL);
    asyncio_stream_unref(NULL);
    return 0;
}

static void test_closed(void **state)
{
    (void)state;
    with_pair(closed_streams_say_so);
}

static int closing_ends_a_read(struct pair *p)
{
    asyncio_task *reader;
    START(reader, read_some, p->b);
    CHECK_IS(asyncio_sleep(0), 0);
    asyncio_stream_close(p->b);
    CHECK_IS(join(reader), -ECONNRESET);
    return 0;
}

static int aborting_ends_a_read(struct pair *p)
{
    asyncio_task *reader;
    START(reader, read_some, p->a);
    CHECK_IS(asyncio_sleep(0), 0);
    asyncio_stream_abort(p->a);
    CHECK_IS(join(reader), -ECONNRESET);
    return 0;
}

static void test_close_ends_read(void **state)
{
    (void)state;
    with_pair(closing_ends_a_read);
    with_pair(aborting_ends_a_read);
}

static asyncio_stream *lent_stream;
static int callback_result[6];

static void in_a_callback(asyncio_loop *loop, void *data)
{
    (void)loop;
    (void)data;
    char text[4];
    asyncio_stream *stream;
    asyncio_server *server;
    callback_result[0] = asyncio_stream_read(lent_stream, text, 4);
    callback_result[1] = asyncio_stream_write(lent_stream, text, 4);
    callback_result[2] = asyncio_stream_wait_closed(lent_stream);
    callback_result[3] = asyncio_open_connection("127.0.0.1", 1, &stream);
    callback_result[4] = asyncio_start_server(pair_handler, "127.0.0.1", 0, &server);
    callback_result[5] = asyncio_stream_drain(lent_stream);
}

static int callbacks_cannot_wait(struct pair *p)
{
    lent_stream = p->a;
    CHECK_IS(asyncio_loop_call_soon(asyncio_get_running_loop(), in_a_callback, NULL), 0);
    CHECK_IS(settle(), 0);
    for (int i = 0; i < 6; i++)
        CHECK_IS(callback_result[i], -ASYNCIO_NO_TASK);
    return 0;
}

static void test_no_task(void **state)
{
    (void)state;
    with_pair(callbacks_cannot_wait);
}

/* ---- large messages are not read in small pieces ---- */

static struct backend_type counting;
static const struct backend_type *counted;
static unsigned receives;

static int count_submit(struct backend *backend, struct op *op)
{
    receives += op->kind == OP_RECV;
    return counted->submit(backend, op);
}

static int large_at_once(struct pair *p)
{
    enum { SIZE = 60000 };
    struct backend *backend = p->a->tcp.net->backend;
    const char *view;
    if (world.is_chopped || world.is_seeded)
        return 0;
    char *block = calloc(1, SIZE);
    CHECK(block);
    counted = backend->type;
    counting = *counted;
    counting.submit = count_submit;
    backend->type = &counting;
    int fills[4], peeked = 0;
    for (int i = 0; i < 4; i++) {
        int r = asyncio_stream_write(p->a, block, SIZE);
        if (r >= 0)
            r = settle(); /* all of it is there */
        receives = 0;
        if (r >= 0) /* the first says how much it wants, the others what comes */
            r = asyncio_stream_fill(p->b, i == 0 ? SIZE : 1);
        fills[i] = r < 0 ? r : (int)receives;
        peeked += (int)asyncio_stream_peek(p->b, &view);
        asyncio_stream_consume(p->b, SIZE);
    }
    backend->type = counted;
    free(block);
    CHECK_IS(peeked, 4 * SIZE);
    CHECK(fills[0] <= 2); /* io_uring has some of it in a block of its own */
    CHECK(fills[1] + fills[2] + fills[3] <= 6);
    return 0;
}

static void test_large_fill(void **state)
{
    (void)state;
    with_pair(large_at_once);
}

/* In the middle of a bulk transfer a stream waits with its own buffer, but not more streams of a
 * loop than that. */
static int bulk_keeps_its_buffer(struct pair *p)
{
    struct net *net = p->b->tcp.net;
    const char *view;
    asyncio_task *reader;
    for (int i = 0; i < 4; i++) {
        unsigned others = i == 1 ? OWN_BLOCKS_MAX : 0;
        net->own_blocks = others;
        p->b->chunk = LARGEST_FILL; /* as after large receives */
        START(reader, fill_one, p->b);
        CHECK_IS(settle(), 0);
        CHECK_IS(net->own_blocks, others ? others : 1);
        CHECK_IS(p->b->is_diverted, others != 0);
        if (i == 2)
            CHECK_IS(asyncio_task_cancel(reader), 1);
        else if (i == 3)
            asyncio_stream_abort(p->b);
        else
            CHECK_IS(write_pattern(&(struct amount){ p->a, 1000 }), 0);
        CHECK_IS(join(reader) < 0, i >= 2);
        CHECK_IS(net->own_blocks, others);
        while (i < 2 && asyncio_stream_peek(p->b, &view) < 1000)
            CHECK(asyncio_stream_fill(p->b, 1000) > 0);
        if (i < 2)
            CHECK_IS(check_pattern((const unsigned char *)view, 0, 1000), 0);
        if (i < 2)
            asyncio_stream_consume(p->b, 1000);
    }
    net->own_blocks = 0;
    return 0;
}

static void test_bulk(void **state)
{
    (void)state;
    with_pair_of_limit(bulk_keeps_its_buffer, LARGEST_FILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_read_end),
        cmocka_unit_test(test_is_readable),
        cmocka_unit_test(test_one_reader),
        cmocka_unit_test(test_cancel_read),
        cmocka_unit_test(test_cancel_race),
        cmocka_unit_test(test_readexactly),
        cmocka_unit_test(test_readexactly_large),
        cmocka_unit_test(test_cancel_readexactly),
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_fill_limit),
        cmocka_unit_test(test_large_fill),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_cancel_fill),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_fair),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_close_ends_read),
        cmocka_unit_test(test_no_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
