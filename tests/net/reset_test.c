/* SPDX-License-Identifier: MIT */
/* What a peer has sent before it resets the connection is read, though a write is what finds the
 * reset: by each way of reading, whoever waits at that moment, by TLS too; then comes the error. */
/* TEST: timeout 120 */
#include "net/tls_test.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

enum { MUCH = 50000, LITTLE = 900 };

static char sent[MUCH], got[MUCH + 1];

/* A byte at a time all takes longer. */
static size_t some(void)
{
    return world.is_chopped ? LITTLE : MUCH;
}

static void make_text(size_t size)
{
    for (size_t i = 0; i < size; i++)
        sent[i] = (char)('a' + i * 7 % 26);
    memset(got, 0, sizeof got);
}

/* What b has written and the other side's kernel does not have yet. */
static size_t on_the_way(asyncio_stream *stream)
{
    char text[16];
    int left = 0;
    if (!world.is_sim && asyncio_stream_get_extra_info(stream, "socket", text, sizeof text) > 0)
        (void)ioctl(atoi(text), SIOCOUTQ, &left);
    return asyncio_stream_get_write_buffer_size(stream) + (size_t)left;
}

/* b has said `size` bytes and reset the connection. */
static int say_and_reset(struct pair *p, size_t size)
{
    CHECK_IS(asyncio_stream_write_nowait(p->b, sent, size), 0);
    for (int i = 0; i < 1000 && on_the_way(p->b); i++)
        CHECK_IS(settle(), 0);
    CHECK_IS((long long)on_the_way(p->b), 0);
    asyncio_stream_abort(p->b);
    return 0;
}

/* Writes until that is refused; *ret_error is what by. */
static int find_out(struct pair *p, int *ret_error)
{
    int r = 0;
    for (int i = 0; i < 1000 && r == 0; i++)
        if ((r = asyncio_stream_write(p->a, "?", 1)) == 0 && i)
            CHECK_IS(settle(), 0);
    CHECK(r == -ECONNRESET || r == -EPIPE);
    *ret_error = r;
    return 0;
}

static int reset_behind(struct pair *p, size_t size, int *ret_error)
{
    make_text(size);
    int r = say_and_reset(p, size);
    if (r >= 0)
        r = settle();
    return r < 0 ? r : find_out(p, ret_error);
}

/* A receive has been under way there, and came to its end. */
static int receive_one(struct pair *p)
{
    CHECK_IS(asyncio_stream_write(p->b, "!", 1), 0);
    CHECK_IS(read_all(p->a, got, 1), 1);
    return 0;
}

static int is_over(struct pair *p, int error)
{
    for (int i = 0; i < 2; i++) {
        CHECK_IS(asyncio_stream_read(p->a, got, 1), error);
        CHECK_IS(asyncio_stream_write(p->a, "?", 1), error);
        CHECK_IS(asyncio_stream_at_eof(p->a), 1);
    }
    CHECK_IS(asyncio_stream_wait_closed(p->a), error);
    return 0;
}

static int read_by_read(struct pair *p)
{
    int error;
    CHECK_IS(reset_behind(p, some(), &error), 0);
    CHECK_IS(asyncio_stream_is_closing(p->a), 1);
    CHECK_IS(asyncio_stream_at_eof(p->a), 0);
    CHECK_IS(asyncio_stream_write(p->a, "?", 1), error);
    CHECK_IS(asyncio_stream_write_nowait(p->a, "?", 1), error);
    CHECK_IS(asyncio_stream_drain(p->a), error);
    CHECK_IS(asyncio_stream_write_eof(p->a), error);
    CHECK_IS(read_all(p->a, got, some()), (int)some());
    CHECK(memcmp(got, sent, some()) == 0);
    return is_over(p, error);
}

static int read_after_more(struct pair *p)
{
    CHECK_IS(receive_one(p), 0);
    return read_by_read(p);
}

static int read_exactly(struct pair *p)
{
    int error;
    size_t had = 0;
    CHECK_IS(receive_one(p), 0);
    CHECK_IS(reset_behind(p, some(), &error), 0);
    CHECK_IS(asyncio_stream_readexactly(p->a, got, some() - 10, NULL), 0);
    CHECK(memcmp(got, sent, some() - 10) == 0);
    CHECK_IS(asyncio_stream_readexactly(p->a, got, 20, &had), error);
    return is_over(p, error);
}

/* As aiohttp reads: in the stream's own buffer, which is smaller than what has come. */
static int read_by_view(struct pair *p)
{
    int error, r;
    size_t at = 0;
    CHECK_IS(reset_behind(p, some(), &error), 0);
    while ((r = asyncio_stream_fill(p->a, 1)) > 0) {
        const char *data;
        size_t size = asyncio_stream_peek(p->a, &data);
        CHECK_IS((long long)size, r);
        CHECK(at + size <= some() && memcmp(data, sent + at, size) == 0);
        at += size;
        asyncio_stream_consume(p->a, size);
    }
    CHECK_IS((long long)at, (long long)some());
    CHECK_IS(r, error);
    return is_over(p, error);
}

/* A part of it was buffered before; the last line has no end. */
static int read_lines(struct pair *p)
{
    int error;
    char line[64];
    static const char text[] = "one\ntwo\nthree\nrest";
    memcpy(sent, text, sizeof text);
    CHECK_IS(asyncio_stream_write(p->b, "zero\nand ", 9), 0);
    CHECK_IS(asyncio_stream_fill(p->a, 9), 9);
    CHECK_IS(say_and_reset(p, sizeof text - 1), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(find_out(p, &error), 0);
    static const char *const lines[] = { "zero\n", "and one\n", "two\n", "three\n" };
    for (size_t i = 0; i < 4; i++) {
        CHECK_IS(asyncio_stream_readline(p->a, line, sizeof line), (int)strlen(lines[i]));
        CHECK(strcmp(line, lines[i]) == 0);
    }
    CHECK_IS(asyncio_stream_readline(p->a, line, sizeof line), error);
    return is_over(p, error);
}

/* ---- at the same moment ---- */

static int read_to_the_end(asyncio_stream *stream, size_t *ret_size)
{
    int r;
    while ((r = asyncio_stream_read(stream, got + *ret_size, sizeof got - *ret_size)) > 0)
        *ret_size += (size_t)r;
    return r;
}

static int write_to_the_end(asyncio_stream *stream)
{
    int r = 0;
    while (r >= 0) {
        r = asyncio_stream_write(stream, sent, 100);
        if (r >= 0)
            r = asyncio_sleep(0);
    }
    return r;
}

/* Whoever is the first to learn of it. */
static int reader_waits(struct pair *p)
{
    asyncio_task *reader, *writer;
    size_t size = 0;
    make_text(some());
    START(reader, read_to_the_end, p->a, &size);
    START(writer, write_to_the_end, p->a);
    CHECK_IS(settle(), 0);
    CHECK_IS(say_and_reset(p, some()), 0);
    int read = join(reader), written = join(writer);
    CHECK(read == -ECONNRESET || read == -EPIPE);
    CHECK(written == -ECONNRESET || written == -EPIPE);
    CHECK_IS((long long)size, (long long)some());
    CHECK(memcmp(got, sent, size) == 0);
    return 0;
}

/* Who waits because too much is unsent is told, though nobody reads. */
static int drainer_is_told(struct pair *p)
{
    asyncio_task *writer;
    static char block[1 << 20];
    size_t size = world.is_chopped ? 200000 : sizeof block;
    make_text(LITTLE);
    for (int i = 0; i < 50 && !p->a->transport->is_paused; i++)
        CHECK_IS(asyncio_stream_write_nowait(p->a, block, size), 0);
    START(writer, asyncio_stream_drain, p->a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(writer), 0);
    CHECK_IS(say_and_reset(p, LITTLE), 0);
    int error = join(writer);
    CHECK(error == -ECONNRESET || error == -EPIPE);
    CHECK_IS((long long)asyncio_stream_get_write_buffer_size(p->a), 0);
    CHECK_IS(read_all(p->a, got, LITTLE), LITTLE);
    CHECK(memcmp(got, sent, LITTLE) == 0);
    return is_over(p, error);
}

/* ---- who does not want it ---- */

static int closing_gives_it_up(struct pair *p)
{
    int error;
    CHECK_IS(reset_behind(p, LITTLE, &error), 0);
    asyncio_stream_close(p->a);
    CHECK_IS(asyncio_stream_read(p->a, got, 1), error);
    CHECK_IS(asyncio_stream_wait_closed(p->a), error);
    return 0;
}

static int waiting_for_the_end_gives_it_up(struct pair *p)
{
    int error;
    CHECK_IS(reset_behind(p, LITTLE, &error), 0);
    CHECK_IS(asyncio_stream_wait_closed(p->a), error);
    CHECK_IS(asyncio_stream_read(p->a, got, 1), error);
    return 0;
}

static int who_waits_for_the_end_is_told(struct pair *p)
{
    int error;
    asyncio_task *waiter;
    START(waiter, asyncio_stream_wait_closed, p->a);
    CHECK_IS(settle(), 0);
    CHECK_IS(reset_behind(p, LITTLE, &error), 0);
    CHECK_IS(join(waiter), error);
    CHECK_IS(asyncio_stream_read(p->a, got, 1), error);
    return 0;
}

/* Nothing is done at all: what runs these sees whether something is left. */
static int nobody_cares(struct pair *p)
{
    int error;
    return reset_behind(p, LITTLE, &error);
}

/* What had been read to its end before stays so. */
static int end_has_come(struct pair *p)
{
    int error;
    CHECK_IS(asyncio_stream_write(p->b, "last", 4), 0);
    CHECK_IS(asyncio_stream_write_eof(p->b), 0);
    CHECK_IS(asyncio_stream_fill(p->a, 5), 4);
    asyncio_stream_abort(p->b);
    CHECK_IS(settle(), 0);
    CHECK_IS(find_out(p, &error), 0);
    CHECK_IS(asyncio_stream_readexactly(p->a, got, 4, NULL), 0);
    CHECK(memcmp(got, "last", 4) == 0);
    CHECK_IS(asyncio_stream_read(p->a, got, 1), 0);
    CHECK_IS(asyncio_stream_wait_closed(p->a), error);
    return 0;
}

/* ---- in between ---- */

static int read_one(asyncio_stream *stream)
{
    return asyncio_stream_read(stream, got, 1);
}

static int cancelled_in_between(struct pair *p)
{
    int error;
    CHECK_IS(reset_behind(p, LITTLE, &error), 0);
    asyncio_task *reader;
    START(reader, read_one, p->a);
    asyncio_task_cancel(reader);
    CHECK_IS(join(reader), -ECANCELED);
    CHECK_IS(read_all(p->a, got, LITTLE), LITTLE);
    CHECK(memcmp(got, sent, LITTLE) == 0);
    return is_over(p, error);
}

static int without_memory(struct pair *p)
{
    int error;
    CHECK_IS(reset_behind(p, LITTLE, &error), 0);
    int failed = 0;
    for (uint64_t at = 1; at < 20; at++) {
        asyncio__alloc_fail_at(at, 1);
        int r = asyncio_stream_fill(p->a, LITTLE);
        asyncio__alloc_fail_at(0, 0);
        CHECK(r == LITTLE || r == -ENOMEM);
        failed |= r == -ENOMEM;
    }
    int r = read_all(p->a, got, LITTLE);
    if (failed && r == -ENOMEM) /* what had come found no room: nothing that lies behind is given */
        return 0;
    CHECK_IS(r, LITTLE);
    CHECK(memcmp(got, sent, LITTLE) == 0);
    return is_over(p, error);
}

/* By AF_UNIX a write is refused, too, where the peer lives on and only reads no more: who reads
 * gets what is there, and does not wait for more. */
static int peer_reads_no_more(void *data)
{
    int ends[2];
    (void)data;
    if (world.is_sim)
        return 0;
    CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    struct pair p = { .server = NULL };
    int r = asyncio_open_unix_connection(NULL, &p.a, .sock = ends[0]);
    CHECK_IS(r, 0);
    make_text(LITTLE);
    CHECK_IS(send(ends[1], sent, LITTLE, 0), LITTLE);
    CHECK_IS(asyncio_stream_readexactly(p.a, got, 10, NULL), 0);
    asyncio_task *reader;
    size_t size = 10;
    START(reader, read_to_the_end, p.a, &size);
    CHECK_IS(settle(), 0);
    CHECK_IS(send(ends[1], "more", 4, 0), 4);
    CHECK_IS(shutdown(ends[1], SHUT_RD), 0);
    CHECK_IS(find_out(&p, &r), 0);
    CHECK_IS(r, -EPIPE);
    CHECK_IS(join(reader), r);
    CHECK_IS((long long)size, LITTLE + 4);
    CHECK(memcmp(got, sent, LITTLE) == 0 && memcmp(got + LITTLE, "more", 4) == 0);
    r = is_over(&p, r);
    asyncio_stream_unref(p.a);
    close(ends[1]);
    return r;
}

/* ---- all of them ---- */

static void test_ways(void **state)
{
    (void)state;
    with_pair(read_by_read);
    with_pair(read_after_more);
    with_pair_of_limit(read_after_more, 1000);
    with_pair(read_exactly);
    with_pair(read_by_view);
    with_pair_of_limit(read_by_view, 1000);
    with_pair(read_lines);
}

static void test_waiting(void **state)
{
    (void)state;
    with_pair(reader_waits);
    with_pair_of_limit(reader_waits, 1000);
    with_pair(drainer_is_told);
}

static void test_unwanted(void **state)
{
    (void)state;
    with_pair(closing_gives_it_up);
    with_pair(waiting_for_the_end_gives_it_up);
    with_pair(who_waits_for_the_end_is_told);
    with_pair(nobody_cares);
    with_pair(end_has_come);
    run_everywhere(peer_reads_no_more);
}

static void test_between(void **state)
{
    (void)state;
    with_pair(cancelled_in_between);
    with_pair(without_memory);
}

static void test_tls(void **state)
{
    (void)state;
    with_tls_pair(read_by_read);
    with_tls_pair(read_after_more);
    with_tls_pair(read_by_view);
    with_tls_pair(read_lines);
    with_tls_pair(reader_waits);
    with_tls_pair(drainer_is_told);
    with_tls_pair(closing_gives_it_up);
    with_tls_pair(waiting_for_the_end_gives_it_up);
    with_tls_pair(nobody_cares);
}

int main(void)
{
    warm_up();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways),    cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_unwanted), cmocka_unit_test(test_between),
        cmocka_unit_test(test_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
