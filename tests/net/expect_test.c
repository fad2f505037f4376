/* SPDX-License-Identifier: MIT */
/* Waiting for what is likely to come (asyncio__stream_expect): when it has, it is read and has
 * taken no memory; else all is there, as if nothing had been expected. */
#include "net/net_test.h"
#include "net/tls_test.h"

static const char head[] = "GET / HTTP/1.1\r\n\r\n";

enum { HEAD = sizeof head - 1 };

static int expecting(asyncio_stream *stream, const char *what, size_t size)
{
    return asyncio__stream_expect(stream, what, size);
}

/* Sends `text` when `reader` waits. What the wait has given. */
static int after_waiting(struct pair *p, const char *text, size_t size)
{
    asyncio_task *reader;
    START(reader, expecting, p->b, head, (size_t)HEAD);
    int r = settle();
    if (r >= 0)
        r = asyncio_stream_write(p->a, text, size);
    if (r < 0)
        asyncio_task_cancel(reader);
    int got = join(reader);
    return r < 0 ? r : got;
}

/* The next `size` bytes are `text`, and nothing follows. */
static int has_next(asyncio_stream *stream, const char *text, size_t size)
{
    char all[256];
    const char *data;
    CHECK(size < sizeof all);
    CHECK_IS(asyncio_stream_readexactly(stream, all, size, NULL), 0);
    CHECK(memcmp(all, text, size) == 0);
    CHECK(asyncio_stream_peek(stream, &data) == 0);
    return 0;
}

/* In pieces it has not come as expected, and is all there. */
static int comes(struct pair *p)
{
    for (int i = 0; i < 3; i++) {
        int r = after_waiting(p, head, HEAD);
        CHECK(r == 0 || r == 1);
        CHECK(r == 1 || world.is_seeded || world.is_chopped || p->b->transport != &p->b->tcp.base);
        if (r == 0 && (r = has_next(p->b, head, HEAD)) < 0)
            return r;
        const char *data;
        CHECK(asyncio_stream_peek(p->b, &data) == 0);
        CHECK_IS(asyncio__stream_has_expected(p->b), 0);
    }
    return 0;
}

/* It has no block while it waits, nor when all has come. */
static int takes_no_memory(struct pair *p)
{
    asyncio_task *reader;
    CHECK_IS(asyncio_stream_write(p->a, "abc", 3), 0);
    int r = has_next(p->b, "abc", 3);
    if (r < 0)
        return r;
    START(reader, expecting, p->b, head, (size_t)HEAD);
    CHECK_IS(settle(), 0);
    CHECK(!p->b->in.data);
    CHECK_IS(asyncio_stream_write(p->a, head, HEAD), 0);
    r = join(reader);
    CHECK(r == 0 || (r == 1 && !p->b->in.data));
    return 0;
}

static int rest_stays(struct pair *p)
{
    static const char text[] = "GET / HTTP/1.1\r\n\r\nGET /next";
    int r = after_waiting(p, text, sizeof text - 1);
    CHECK(r == 0 || r == 1);
    return r == 1 ? has_next(p->b, text + HEAD, sizeof text - 1 - HEAD)
                  : has_next(p->b, text, sizeof text - 1);
}

/* Another byte, the first or the last, or one too few. */
static int others_stay(struct pair *p)
{
    char text[HEAD];
    for (int i = 0; i < 3; i++) {
        size_t size = i < 2 ? HEAD : HEAD - 1;
        memcpy(text, head, HEAD);
        text[i == 0 ? 0 : HEAD - 1] ^= 1;
        CHECK_IS(after_waiting(p, text, size), 0);
        int r = has_next(p->b, text, size);
        if (r < 0)
            return r;
    }
    return 0;
}

/* What came before anybody waited is taken without waiting. */
static int there_already(struct pair *p)
{
    CHECK_IS(asyncio_stream_write(p->a, head, HEAD), 0);
    CHECK_IS(settle(), 0);
    int r = asyncio__stream_expect(p->b, head, HEAD);
    CHECK(r == 0 || r == 1);
    if (r == 0 && (r = has_next(p->b, head, HEAD)) < 0)
        return r;
    CHECK_IS(asyncio_stream_write(p->a, "GET", 3), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio__stream_expect(p->b, head, HEAD), 0);
    return has_next(p->b, "GET", 3);
}

/* What is buffered comes first, so nothing is waited for. */
static int behind_buffered(struct pair *p)
{
    CHECK_IS(asyncio_stream_write(p->a, "x", 1), 0);
    CHECK_IS(asyncio_stream_fill(p->b, 1), 1);
    CHECK_IS(asyncio__stream_expect(p->b, head, HEAD), 0);
    return has_next(p->b, "x", 1);
}

static int ends(struct pair *p)
{
    asyncio_task *reader;
    START(reader, expecting, p->b, head, (size_t)HEAD);
    CHECK_IS(settle(), 0);
    CHECK(!asyncio_task_done(reader)); /* it would be this task that waits for ever */
    CHECK_IS(asyncio__stream_expect(p->b, head, HEAD), -EBUSY);
    asyncio_stream_close(p->a);
    CHECK_IS(join(reader), 0);
    CHECK_IS(asyncio_stream_at_eof(p->b), 1);
    CHECK_IS(asyncio__stream_expect(p->b, head, HEAD), 0);
    asyncio_stream_close(p->b);
    CHECK_IS(asyncio__stream_expect(p->b, head, HEAD), -ECONNRESET);
    return 0;
}

struct seen {
    asyncio_stream *stream;
    asyncio_task *task;
    bool closes, is_over, has_come;
};

/* Before each step of a task: whether what is expected has come, and its reader has not run. */
static void look(asyncio_loop *loop, void *data)
{
    struct seen *seen = data;
    if (asyncio__stream_has_expected(seen->stream)) {
        seen->has_come = true;
        if (seen->closes)
            asyncio_stream_close(seen->stream);
        else
            asyncio_task_cancel(seen->task);
    }
    if (!seen->is_over && !seen->has_come)
        asyncio_loop_call_soon(loop, look, NULL, .data = seen);
}

/* Counts what is read, and what the suspension after a late cancellation says. */
static int expect_and_sleep(asyncio_stream *stream, int *ret_slept)
{
    int r = asyncio__stream_expect(stream, head, HEAD);
    *ret_slept = asyncio_sleep(0);
    return r;
}

static int look_while_it_comes(struct pair *p, struct seen *seen, int *ret_slept)
{
    START(seen->task, expect_and_sleep, p->b, ret_slept);
    int r = settle();
    asyncio_loop_call_soon(asyncio_get_running_loop(), look, NULL, .data = seen);
    if (r >= 0)
        r = asyncio_stream_write(p->a, head, HEAD);
    if (r < 0)
        asyncio_task_cancel(seen->task);
    int got = join(seen->task);
    seen->is_over = true;
    int slept = asyncio_sleep(0);
    return r < 0 ? r : slept < 0 ? slept : got;
}

/* What has come is told, and the cancellation is due at the next suspension. */
static int cancelled_late(struct pair *p)
{
    int slept;
    struct seen seen = { .stream = p->b };
    int r = look_while_it_comes(p, &seen, &slept);
    if (!seen.has_come)
        return r == 0 ? has_next(p->b, head, HEAD) : -EPROTO;
    CHECK_IS(r, 1);
    CHECK_IS(slept, -ECANCELED);
    CHECK_IS(asyncio__stream_has_expected(p->b), 0);
    return 0;
}

static int closed_late(struct pair *p)
{
    int slept;
    struct seen seen = { .stream = p->b, .closes = true };
    int r = look_while_it_comes(p, &seen, &slept);
    CHECK_IS(r, seen.has_come ? -ECONNRESET : 0);
    CHECK_IS(asyncio__stream_has_expected(p->b), 0);
    return 0;
}

static int cancelled_before(struct pair *p)
{
    asyncio_task *reader;
    START(reader, expecting, p->b, head, (size_t)HEAD);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(reader), 1);
    CHECK_IS(join(reader), -ECANCELED);
    CHECK_IS(asyncio_stream_write(p->a, head, HEAD), 0);
    return has_next(p->b, head, HEAD);
}

/* In a bulk transfer it comes into a block, and is not looked at. */
static int in_bulk(struct pair *p)
{
    static char bulk[200000];
    asyncio_task *writer;
    START(writer, asyncio_stream_write, p->a, bulk, sizeof bulk);
    size_t got = 0;
    while (got < sizeof bulk) {
        int r = asyncio_stream_fill(p->b, 1);
        CHECK(r > 0);
        asyncio_stream_consume(p->b, (size_t)r);
        got += (size_t)r;
    }
    CHECK_IS(join(writer), 0);
    int r = after_waiting(p, head, HEAD);
    CHECK(r == 0 || r == 1);
    return r ? 0 : has_next(p->b, head, HEAD);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        with_pair(name);                                                                           \
        with_tls_pair(name);                                                                       \
    }
CASE(comes)
CASE(rest_stays)
CASE(others_stay)
CASE(there_already)
CASE(behind_buffered)
CASE(ends)
CASE(cancelled_late)
CASE(closed_late)
CASE(cancelled_before)
CASE(in_bulk)

static void test_takes_no_memory(void **state)
{
    (void)state;
    with_pair(takes_no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes),
        cmocka_unit_test(test_takes_no_memory),
        cmocka_unit_test(test_rest_stays),
        cmocka_unit_test(test_others_stay),
        cmocka_unit_test(test_there_already),
        cmocka_unit_test(test_behind_buffered),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_cancelled_late),
        cmocka_unit_test(test_closed_late),
        cmocka_unit_test(test_cancelled_before),
        cmocka_unit_test(test_in_bulk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
