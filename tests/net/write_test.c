/* SPDX-License-Identifier: MIT */
/* Writing: all or nothing, water marks, half-close, and a peer that does not read. */
#include "net/net_test.h"

static int several_pieces(struct pair *p)
{
    char text[32] = "", first[] = "one ", second[] = "two ", third[] = "three";
    struct iovec pieces[] = { { first, 4 }, { second, 0 }, { second, 4 }, { third, 5 } };
    CHECK_IS(asyncio_stream_writelines(p->a, pieces, 4), 0);
    CHECK_IS(asyncio_stream_writelines(p->a, pieces, 0), 0);
    CHECK_IS(asyncio_stream_writelines(p->a, NULL, 0), 0);
    CHECK(pieces[0].iov_base == first && pieces[0].iov_len == 4);
    CHECK_IS(asyncio_stream_write(p->a, "", 0), 0);
    CHECK_IS(asyncio_stream_write_nowait(p->a, "!", 1), 0);
    CHECK_IS(asyncio_stream_drain(p->a), 0);
    memset(third, 'x', 5); /* ours again */
    CHECK_IS(read_all(p->b, text, 14), 14);
    CHECK(strcmp(text, "one two three!") == 0);
    struct iovec impossible[] = { { first, SIZE_MAX }, { second, 2 } };
    CHECK_IS(asyncio_stream_writelines(p->a, impossible, 2), -EINVAL);
    return 0;
}

static void test_pieces(void **state)
{
    (void)state;
    with_pair(several_pieces);
}

/* Writes without reading on the other side until something is unsent; the bytes that went in. */
static int write_until_unsent(asyncio_stream *stream, size_t wanted, size_t *ret_size)
{
    static char block[4096];
    size_t size = 0;
    for (int i = 0; i < 20000; i++) {
        int r = asyncio_stream_write_nowait(stream, block, sizeof block);
        if (r < 0)
            return r;
        size += sizeof block;
        if (i % 64 == 0)
            CHECK_IS(settle(), 0); /* gives the socket the time to take what it can */
        for (int k = 0; k < 3 && asyncio_stream_get_write_buffer_size(stream) >= wanted; k++)
            CHECK_IS(asyncio_sleep(0.0001), 0);
        if (asyncio_stream_get_write_buffer_size(stream) >= wanted) {
            CHECK_IS(settle(), 0);
            if (asyncio_stream_get_write_buffer_size(stream) >= wanted)
                break;
        }
    }
    *ret_size = size;
    return 0;
}

static int discard(asyncio_stream *stream, size_t size)
{
    static char block[65536];
    while (size) {
        int n = asyncio_stream_read(stream, block, size < sizeof block ? size : sizeof block);
        if (n <= 0)
            return n < 0 ? n : -EPIPE;
        size -= (size_t)n;
    }
    return 0;
}

static int write_block(asyncio_stream *stream, size_t size)
{
    char *block = calloc(1, size);
    int r = asyncio_stream_write(stream, block, size);
    free(block);
    return r;
}

static int drain_it(asyncio_stream *stream)
{
    return asyncio_stream_drain(stream);
}

static int marks(struct pair *p)
{
    if (world.is_chopped)
        return 0; /* the same code, a byte at a time: much too slow for socket buffers */
    CHECK_IS(asyncio_stream_set_write_buffer_limits(p->a, 10, 11), -EINVAL);
    CHECK_IS(asyncio_stream_set_write_buffer_limits(p->a, 50000, 20000), 0);
    size_t size;
    CHECK_IS(write_until_unsent(p->a, 8192, &size), 0);
    size_t unsent = asyncio_stream_get_write_buffer_size(p->a);
    CHECK(unsent < 50000);
    CHECK_IS(asyncio_stream_drain(p->a), 0); /* below the high mark nobody waits */
    /* exactly at the high mark: not above it */
    asyncio_task *writer, *drainer, *other;
    START(writer, write_block, p->a, (size_t)50000 - unsent);
    CHECK_IS(settle(), 0);
    CHECK_IS((long long)asyncio_stream_get_write_buffer_size(p->a), 50000);
    CHECK_IS(asyncio_task_done(writer), 1);
    CHECK_IS(join(writer), 0);
    /* one more */
    START(writer, write_block, p->a, (size_t)1);
    START(drainer, drain_it, p->a);
    START(other, drain_it, p->a);
    CHECK_IS(settle(), 0);
    CHECK_IS((long long)asyncio_stream_get_write_buffer_size(p->a), 50001);
    CHECK_IS(asyncio_task_done(writer), 0);
    CHECK_IS(asyncio_task_done(drainer), 0);
    /* the other side reads, a little at a time; who waits goes on exactly when no more than the
     * low mark is unsent */
    size_t left = size - unsent + 50001, step = world.is_sim ? 3000 : 400000;
    while (left) {
        size_t now = asyncio_stream_get_write_buffer_size(p->a);
        if (now > 20000)
            CHECK_IS(asyncio_task_done(writer), 0);
        size_t part = left < step ? left : step;
        CHECK_IS(discard(p->b, part), 0);
        left -= part;
        CHECK_IS(settle(), 0);
        now = asyncio_stream_get_write_buffer_size(p->a);
        if (now <= 20000) {
            CHECK_IS(asyncio_task_done(writer), 1);
            CHECK_IS(asyncio_task_done(drainer), 1);
            CHECK_IS(asyncio_task_done(other), 1);
        }
    }
    CHECK_IS((long long)asyncio_stream_get_write_buffer_size(p->a), 0);
    CHECK(p->a->tcp.sending.data == NULL && p->a->tcp.queued.data == NULL);
    CHECK_IS(join(writer), 0);
    CHECK_IS(join(drainer), 0);
    CHECK_IS(join(other), 0);
    return 0;
}

static void test_marks(void **state)
{
    (void)state;
    with_pair(marks);
}

static int high_mark_of_0(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    CHECK_IS(asyncio_stream_set_write_buffer_limits(p->a, 0, 0), 0);
    CHECK_IS(asyncio_stream_write(p->a, "x", 1), 0); /* goes out, so nobody waits for long */
    CHECK_IS((long long)asyncio_stream_get_write_buffer_size(p->a), 0);
    size_t size;
    CHECK_IS(write_until_unsent(p->a, 1, &size), 0);
    asyncio_task *drainer;
    START(drainer, drain_it, p->a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(drainer), 0);
    CHECK_IS(discard(p->b, size + 1), 0);
    CHECK_IS(join(drainer), 0);
    CHECK_IS((long long)asyncio_stream_get_write_buffer_size(p->a), 0);
    return 0;
}

/* Marks that are set below what is unsent take effect at once. */
static int marks_are_lowered(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    size_t size;
    CHECK_IS(write_until_unsent(p->a, 30000, &size), 0);
    CHECK_IS(asyncio_stream_drain(p->a), 0);
    CHECK_IS(asyncio_stream_set_write_buffer_limits(p->a, 1000, 1000), 0);
    asyncio_task *drainer;
    START(drainer, drain_it, p->a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(drainer), 0);
    size_t step = world.is_sim ? 500 : 400000;
    while (!asyncio_task_done(drainer)) {
        size_t part = size < step ? size : step;
        CHECK_IS(discard(p->b, part), 0);
        size -= part;
        CHECK_IS(settle(), 0);
        if (asyncio_stream_get_write_buffer_size(p->a) > 1000)
            CHECK_IS(asyncio_task_done(drainer), 0);
    }
    CHECK(asyncio_stream_get_write_buffer_size(p->a) <= 1000);
    CHECK_IS(join(drainer), 0);
    return discard(p->b, size);
}

/* The low mark lies inside of what is on its way already: writing goes on as soon as it is
 * reached, not later. */
static int mark_within_an_operation(struct pair *p)
{
    enum { ROOM = 65536, MARK = 20000 };
    static char block[ROOM + MARK];
    if (!world.is_sim || world.is_chopped)
        return 0; /* the size of the sockets' buffers has to be known */
    CHECK_IS(asyncio_stream_set_write_buffer_limits(p->a, MARK, MARK), 0);
    CHECK_IS(asyncio_stream_write_nowait(p->a, block, ROOM + MARK), 0);
    while (asyncio_stream_get_write_buffer_size(p->a) > MARK)
        CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_stream_drain(p->a), 0);
    CHECK_IS(asyncio_stream_write_nowait(p->a, block, 100), 0);
    asyncio_task *drainer;
    START(drainer, drain_it, p->a);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(drainer), 0);
    CHECK_IS(discard(p->b, 99), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(drainer), 0);
    CHECK_IS((long long)asyncio_stream_get_write_buffer_size(p->a), MARK + 1);
    CHECK_IS(discard(p->b, 1), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(drainer), 1);
    CHECK_IS(join(drainer), 0);
    CHECK_IS(discard(p->b, ROOM + MARK), 0);
    return 0;
}

static void test_other_marks(void **state)
{
    (void)state;
    with_pair(high_mark_of_0);
    with_pair(marks_are_lowered);
    with_pair(mark_within_an_operation);
}

/* ---- a write that waits ---- */

static int cancelled_write_has_written_all(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    size_t size;
    CHECK_IS(write_until_unsent(p->a, 60000, &size), 0);
    asyncio_task *writer;
    START(writer, write_block, p->a, (size_t)100000);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(writer), 0);
    CHECK_IS(asyncio_task_cancel(writer), 1);
    CHECK_IS(join(writer), -ECANCELED);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(discard(p->b, size + 100000), 0);
    char byte;
    CHECK_IS(asyncio_stream_read(p->b, &byte, 1), 0);
    return 0;
}

static void test_cancel_write(void **state)
{
    (void)state;
    with_pair(cancelled_write_has_written_all);
}

struct writing {
    asyncio_stream *stream;
    char letter;
    int count;
    size_t size;
};

static int write_letters(struct writing *writing)
{
    char *block = malloc(writing->size);
    memset(block, writing->letter, writing->size);
    int r = 0;
    for (int i = 0; i < writing->count && r >= 0; i++)
        r = asyncio_stream_write(writing->stream, block, writing->size);
    free(block);
    return came_to(r);
}

static int writes_do_not_interleave(struct pair *p)
{
    enum { WRITERS = 4 };
    size_t size = world.is_chopped ? 300 : 30000;
    struct writing writings[WRITERS];
    asyncio_task *writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writings[i] = (struct writing){ p->a, (char)('A' + i), 5, size };
        START(writers[i], write_letters, &writings[i]);
    }
    char *block = malloc(size);
    int counts[WRITERS] = { 0 }, r = 0;
    for (int i = 0; i < 5 * WRITERS && r >= 0; i++) {
        r = asyncio_stream_readexactly(p->b, block, size, NULL);
        for (size_t k = 1; k < size && r >= 0; k++)
            if (block[k] != block[0])
                r = -EPROTO;
        if (r >= 0)
            counts[block[0] - 'A']++;
    }
    free(block);
    CHECK_IS(r, 0);
    for (int i = 0; i < WRITERS; i++) {
        CHECK_IS(join(writers[i]), 0);
        CHECK_IS(counts[i], 5);
    }
    return 0;
}

static void test_interleave(void **state)
{
    (void)state;
    with_pair(writes_do_not_interleave);
}

/* ---- both ways at once, with large writes ---- */

static int swallow(struct writing *writing)
{
    return discard(writing->stream, writing->size * (size_t)writing->count);
}

static int both_ways(struct pair *p)
{
    size_t size = world.is_chopped ? 500 : 200000;
    struct writing ab = { p->a, 'a', 5, size }, ba = { p->b, 'b', 5, size };
    asyncio_task *tasks[4];
    START(tasks[0], write_letters, &ab);
    START(tasks[1], write_letters, &ba);
    START(tasks[2], swallow, &ab);
    START(tasks[3], swallow, &ba);
    for (int i = 0; i < 4; i++)
        CHECK_IS(join(tasks[i]), 0);
    return 0;
}

static void test_both_ways(void **state)
{
    (void)state;
    with_pair(both_ways);
}

/* ---- half-close ---- */

static int half_close(struct pair *p)
{
    char text[16] = "";
    CHECK_IS(asyncio_stream_can_write_eof(p->a), 1);
    CHECK_IS(asyncio_stream_write(p->a, "question", 8), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(asyncio_stream_write(p->a, "x", 1), -EPIPE);
    CHECK_IS(asyncio_stream_write_nowait(p->a, "x", 1), -EPIPE);
    CHECK_IS(read_all(p->b, text, sizeof text), 8);
    CHECK_IS(asyncio_stream_at_eof(p->b), 1);
    CHECK_IS(asyncio_stream_write(p->b, "answer", 6), 0);
    CHECK_IS(asyncio_stream_write_eof(p->b), 0);
    CHECK_IS(read_all(p->a, text, sizeof text), 6);
    CHECK(memcmp(text, "answer", 6) == 0);
    CHECK_IS(asyncio_stream_is_closing(p->a), 0);
    asyncio_stream_close(p->a);
    CHECK_IS(asyncio_stream_wait_closed(p->a), 0);
    return 0;
}

static int eof_follows_what_is_unsent(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    size_t size;
    CHECK_IS(write_until_unsent(p->a, 50000, &size), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(discard(p->b, size), 0);
    char byte;
    CHECK_IS(asyncio_stream_read(p->b, &byte, 1), 0);
    return 0;
}

static void test_half_close(void **state)
{
    (void)state;
    with_pair(half_close);
    with_pair(eof_follows_what_is_unsent);
}

/* ---- a peer that goes ---- */

static int write_to_who_has_gone(struct pair *p)
{
    asyncio_stream_abort(p->b);
    CHECK_IS(settle(), 0);
    int r = 0;
    for (int i = 0; i < 100 && r >= 0; i++) {
        r = asyncio_stream_write(p->a, "hello", 5);
        CHECK_IS(settle(), 0);
    }
    CHECK(r == -EPIPE || r == -ECONNRESET);
    CHECK_IS(asyncio_stream_is_closing(p->a), 1);
    CHECK_IS(asyncio_stream_write(p->a, "hello", 5), r);
    CHECK_IS(asyncio_stream_wait_closed(p->a), r);
    char byte;
    CHECK(asyncio_stream_read(p->a, &byte, 1) < 0);
    return 0;
}

static int waiting_writer_learns_of_reset(struct pair *p)
{
    if (world.is_chopped)
        return 0;
    size_t size;
    CHECK_IS(write_until_unsent(p->a, 60000, &size), 0);
    asyncio_task *writer;
    START(writer, write_block, p->a, (size_t)100000);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(writer), 0);
    asyncio_stream_abort(p->b);
    int r = join(writer);
    CHECK(r == -EPIPE || r == -ECONNRESET);
    CHECK_IS(asyncio_stream_drain(p->a), r);
    return 0;
}

static int reader_learns_of_reset(struct pair *p)
{
    char byte;
    asyncio_stream_abort(p->b);
    CHECK_IS(asyncio_stream_read(p->a, &byte, 1), -ECONNRESET);
    CHECK_IS(asyncio_stream_read(p->a, &byte, 1), -ECONNRESET);
    CHECK_IS(asyncio_stream_is_closing(p->a), 1);
    CHECK_IS(asyncio_stream_wait_closed(p->a), -ECONNRESET);
    return 0;
}

static int read_one(asyncio_stream *stream)
{
    char byte;
    return asyncio_stream_read(stream, &byte, 1);
}

static int write_on(asyncio_stream *stream)
{
    int r = 0;
    while (r >= 0) {
        r = asyncio_stream_write(stream, "tick", 4);
        if (r >= 0)
            r = asyncio_sleep(0);
    }
    return r;
}

/* Whoever finds the error first: nobody takes it for a cancellation. */
static int reader_and_writer_learn_of_reset(struct pair *p)
{
    asyncio_task *reader, *writer;
    START(reader, read_one, p->a);
    START(writer, write_on, p->a);
    CHECK_IS(settle(), 0);
    asyncio_stream_abort(p->b);
    int read = join(reader), written = join(writer);
    CHECK(read == -ECONNRESET || read == -EPIPE);
    CHECK(written == -ECONNRESET || written == -EPIPE);
    return 0;
}

static void test_reset(void **state)
{
    (void)state;
    with_pair(write_to_who_has_gone);
    with_pair(waiting_writer_learns_of_reset);
    with_pair(reader_learns_of_reset);
    with_pair(reader_and_writer_learn_of_reset);
}

/* ---- all or nothing, also without memory ---- */

/* The rest of a write is smaller than what was reserved for it: it finds its place all the same. */
static int rest_is_stored(struct pair *p)
{
    enum { ROOM = 65536, SIZE = 30000, REST = 1000 };
    static char block[ROOM];
    if (world.is_chopped || world.is_seeded)
        return 0;
    CHECK_IS(asyncio_stream_write_nowait(p->a, block, SIZE), 0);
    CHECK_IS(asyncio_stream_write_nowait(p->a, block, ROOM - SIZE - SIZE + REST), 0);
    asyncio__alloc_fail_at(1, 1);
    int r = asyncio_stream_write_nowait(p->a, block, SIZE);
    asyncio__alloc_fail_at(0, 0);
    CHECK_IS(r, 0);
    if (world.is_sim)
        CHECK_IS((long long)asyncio_stream_get_write_buffer_size(p->a), REST);
    asyncio__alloc_fail_at(1, 1);
    static char large[1 << 20];
    r = asyncio_stream_write_nowait(p->a, large, sizeof large);
    asyncio__alloc_fail_at(0, 0);
    CHECK_IS(r, -ENOMEM);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(discard(p->b, ROOM + REST), 0);
    CHECK_IS(asyncio_stream_read(p->b, block, 1), 0); /* nothing of what was refused */
    return 0;
}

static void test_no_memory(void **state)
{
    (void)state;
    with_pair(rest_is_stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),       cmocka_unit_test(test_marks),
        cmocka_unit_test(test_other_marks),  cmocka_unit_test(test_cancel_write),
        cmocka_unit_test(test_interleave),   cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_half_close),   cmocka_unit_test(test_reset),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
