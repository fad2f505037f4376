/* SPDX-License-Identifier: MIT */
/* TLS between two of our streams: what goes through, how it ends, what can be asked, and who is
 * refused. Faults of the way are in tls_fault_test.c, OpenSSL's own programs in tls_real_test.c. */
/* TEST: timeout 120 */
#include "net/tls_test.h"

#include <asyncio/timeout.h>

/* ---- bytes ---- */

static int body_both_ways(struct pair *pair)
{
    char line[64];
    CHECK_IS(asyncio_stream_write(pair->a, "hello\n", 6), 0);
    CHECK_IS(asyncio_stream_readline(pair->b, line, sizeof line), 6);
    CHECK(strcmp(line, "hello\n") == 0);
    CHECK_IS(asyncio_stream_write(pair->b, "world\n", 6), 0);
    CHECK_IS(asyncio_stream_write(pair->b, "again\n", 6), 0);
    CHECK_IS(asyncio_stream_readline(pair->a, line, sizeof line), 6);
    CHECK(strcmp(line, "world\n") == 0);
    CHECK_IS(asyncio_stream_readexactly(pair->a, line, 2, NULL), 0);
    CHECK_IS(asyncio_stream_read(pair->a, line, 1), 1);
    CHECK(line[0] == 'a');
    CHECK_IS(asyncio_stream_fill(pair->a, 3), 3);
    return 0;
}

static void test_both_ways(void **state)
{
    (void)state;
    with_tls_pair(body_both_ways);
}

/* What has come and is not decrypted counts, and so does what is and was not read. */
static int body_readable(struct pair *pair)
{
    asyncio_timeout limit;
    char text[16];
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_stream_is_readable(pair->b), 0);
    CHECK_IS(asyncio_timeout_enter(&limit, 0.01), 0); /* its session tickets are nothing to read */
    CHECK_IS(asyncio_timeout_exit(&limit, asyncio_stream_fill(pair->a, 1)), -ETIMEDOUT);
    CHECK_IS(asyncio_stream_is_readable(pair->a), 0);
    CHECK_IS(asyncio_stream_write(pair->b, "0123456789", 10), 0);
    while (!asyncio_stream_is_readable(pair->a))
        CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(asyncio_stream_read(pair->a, text, 1), 1);
    CHECK_IS(asyncio_stream_is_readable(pair->a), 1);
    CHECK_IS(asyncio_stream_readexactly(pair->a, text, 9, NULL), 0);
    CHECK_IS(asyncio_stream_is_readable(pair->a), 0);
    asyncio_stream_close(pair->b);
    while (!asyncio_stream_is_readable(pair->a))
        CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(asyncio_stream_read(pair->a, text, 1), 0);
    CHECK_IS(asyncio_stream_is_readable(pair->a), 1);
    return 0;
}

static void test_readable(void **state)
{
    (void)state;
    with_tls_pair(body_readable);
}

enum { MUCH = 300000 };

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i * 31 + (i >> 8));
}

static int send_much(asyncio_stream *stream)
{
    size_t size = world.is_chopped ? 40000 : MUCH;
    char *block = asyncio__malloc(size);
    if (!block)
        return -ENOMEM;
    for (size_t i = 0; i < size; i++)
        block[i] = (char)pattern(i);
    int r = asyncio_stream_write(stream, block, size / 3);
    struct iovec pieces[40];
    size_t at = size / 3, step = (size - at) / 80;
    for (size_t i = 0; i < 39; i++, at += step)
        pieces[i] = (struct iovec){ block + at, step };
    pieces[39] = (struct iovec){ block + at, size - at };
    if (r >= 0)
        r = asyncio_stream_writelines(stream, pieces, 40);
    asyncio__free(block);
    if (r >= 0)
        asyncio_stream_close(stream);
    return r < 0 ? r : asyncio_stream_wait_closed(stream);
}

static int body_much(struct pair *pair)
{
    asyncio_task *sender;
    size_t size = world.is_chopped ? 40000 : MUCH, got = 0;
    START(sender, send_much, pair->a);
    char block[5000];
    int n;
    while ((n = asyncio_stream_read(pair->b, block, sizeof block)) > 0)
        for (int i = 0; i < n; i++, got++)
            CHECK((unsigned char)block[i] == pattern(got));
    CHECK_IS(n, 0);
    CHECK(got == size);
    CHECK(asyncio_stream_at_eof(pair->b));
    asyncio_stream_close(pair->b);
    CHECK_IS(asyncio_stream_wait_closed(pair->b), 0);
    return join(sender);
}

static void test_much(void **state)
{
    (void)state;
    with_tls_pair(body_much);
}

/* A peer that does not read: the writer waits, and what is stored is bounded. */
static int body_slow_reader(struct pair *pair)
{
    char *block = asyncio__calloc(1, 1 << 20);
    CHECK(block);
    asyncio_timeout limit;
    size_t most = 0;
    int r = 0;
    asyncio_timeout_enter(&limit, 0.2);
    for (int i = 0; i < 2000 && r >= 0; i++) {
        r = asyncio_stream_write(pair->a, block, 16000);
        if (asyncio_stream_get_write_buffer_size(pair->a) > most)
            most = asyncio_stream_get_write_buffer_size(pair->a);
    }
    r = asyncio_timeout_exit(&limit, r);
    asyncio__free(block);
    CHECK_IS(r, -ETIMEDOUT);
    CHECK(most < 65536 + 17000);
    CHECK(most > 65536 || world.is_chopped || world.is_seeded); /* else that takes its time */
    return 0;
}

static void test_slow_reader(void **state)
{
    (void)state;
    with_tls_pair(body_slow_reader);
}

static int drain_all(asyncio_stream *stream)
{
    char block[4096];
    int n;
    while ((n = asyncio_stream_read(stream, block, sizeof block)) > 0)
        ;
    return n;
}

/* After it was paused, writing goes on at the low mark. */
static int body_resumed(struct pair *pair)
{
    static char block[400000];
    CHECK_IS(asyncio_stream_set_write_buffer_limits(pair->a, 5000, 1000), 0);
    CHECK_IS(asyncio_stream_write_nowait(pair->a, block, world.is_chopped ? 20000 : sizeof block),
             0);
    asyncio_task *reader;
    START(reader, drain_all, pair->b);
    CHECK_IS(asyncio_stream_drain(pair->a), 0);
    CHECK(asyncio_stream_get_write_buffer_size(pair->a) <= 1000);
    asyncio_stream_close(pair->a);
    return join(reader);
}

static void test_resumed(void **state)
{
    (void)state;
    with_tls_pair(body_resumed);
}

/* ---- the end ---- */

static int body_close(struct pair *pair)
{
    char byte;
    asyncio_stream_close(pair->a);
    CHECK_IS(asyncio_stream_read(pair->a, &byte, 1), -ECONNRESET);
    CHECK_IS(asyncio_stream_write(pair->a, "x", 1), -ECONNRESET);
    CHECK_IS(asyncio_stream_read(pair->b, &byte, 1), 0);
    CHECK_IS(asyncio_stream_write(pair->b, "late", 4), 0); /* of no use, but no error */
    asyncio_stream_close(pair->b);
    CHECK_IS(asyncio_stream_wait_closed(pair->a), 0);
    CHECK_IS(asyncio_stream_wait_closed(pair->b), 0);
    return 0;
}

static void test_close(void **state)
{
    (void)state;
    with_tls_pair(body_close);
}

static int wait_for_byte(asyncio_stream *stream)
{
    char byte;
    return asyncio_stream_read(stream, &byte, 1);
}

static int body_close_while_reading(struct pair *pair)
{
    asyncio_task *reader;
    START(reader, wait_for_byte, pair->a);
    CHECK_IS(asyncio_sleep(0), 0);
    asyncio_stream_close(pair->a);
    CHECK_IS(join(reader), -ECONNRESET);
    asyncio_stream_close(pair->b);
    CHECK_IS(asyncio_stream_wait_closed(pair->a), 0);
    return 0;
}

static void test_close_while_reading(void **state)
{
    (void)state;
    with_tls_pair(body_close_while_reading);
}

static int body_write_eof(struct pair *pair)
{
    CHECK_IS(asyncio_stream_can_write_eof(pair->a), 0);
    CHECK_IS(asyncio_stream_write_eof(pair->a), -ENOSYS);
    return body_both_ways(pair);
}

static void test_write_eof(void **state)
{
    (void)state;
    with_tls_pair(body_write_eof);
}

/* Bytes that came are not lost when the read is cancelled. */
static int body_cancelled_read(struct pair *pair)
{
    asyncio_task *reader;
    char text[16];
    for (int i = 0; i < 5; i++) {
        START(reader, wait_for_byte, pair->a);
        CHECK_IS(asyncio_sleep(0), 0);
        CHECK_IS(asyncio_stream_write(pair->b, "0123456789", 10), 0);
        for (int turn = 0; turn < i; turn++)
            CHECK_IS(asyncio_sleep(0), 0);
        asyncio_task_cancel(reader);
        int r = join(reader);
        CHECK(r == -ECANCELED || r == 1);
        int taken = r == 1;
        CHECK_IS(asyncio_stream_readexactly(pair->a, text, (size_t)(10 - taken), NULL), 0);
        CHECK(memcmp(text, &"0123456789"[taken], (size_t)(10 - taken)) == 0);
    }
    return 0;
}

static void test_cancelled_read(void **state)
{
    (void)state;
    with_tls_pair(body_cancelled_read);
}

/* The loop closes while streams are open: what they hold goes with it. */
static int left_open(void *data)
{
    struct tls_pair tls;
    int r = tls_pair_open(&tls, 65536);
    asyncio_stream **kept = data;
    if (r >= 0)
        r = asyncio_stream_write_nowait(tls.pair.a, "unsent", 6);
    kept[0] = tls.pair.a;
    kept[1] = tls.pair.b;
    asyncio_server_unref(tls.pair.server);
    asyncio_future_unref(tls.pair.accepted);
    asyncio_future_unref(tls.pair.finished);
    asyncio_ssl_context_unref(tls.server);
    asyncio_ssl_context_unref(tls.client);
    return r;
}

static void test_left_open(void **state)
{
    (void)state;
    asyncio_stream *kept[2];
    for (unsigned long seed = 0; seed < 5; seed++) {
        enter_world("plain", false, seed);
        uint64_t live = asyncio__alloc_live();
        int r = asyncio_run(asyncio_coro(left_open, kept));
        assert_return_code(r, 0);
        for (int i = 0; i < 2; i++) {
            char text[64];
            assert_int_equal(asyncio_stream_get_extra_info(kept[i], "version", text, sizeof text),
                             7); /* also now */
            asyncio_stream_unref(kept[i]);
        }
        assert_int_equal(asyncio__alloc_live(), live);
    }
    enter_world("plain", false, 0);
}

/* ---- who is refused ---- */

static int count_handled(asyncio_stream *stream, void *data)
{
    (void)stream;
    ++*(int *)data;
    return 0;
}

struct refusal {
    const char *certificate, *hostname;
    int expected;
    const char *text;
};

static int refused(void *data)
{
    const struct refusal *refusal = data;
    asyncio_ssl_context *server_side, *client_side;
    asyncio_server *server;
    asyncio_stream *stream = NULL;
    int handled = 0;
    CHECK_IS(server_context(refusal->certificate, &server_side), 0);
    CHECK_IS(client_context(&client_side), 0);
    CHECK_IS(asyncio_start_server(count_handled, "127.0.0.1", 0, &server, .data = &handled,
                                  .ssl = server_side),
             0);
    int r = asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream,
                                    .ssl = client_side, .server_hostname = refusal->hostname);
    CHECK_IS(r, refusal->expected);
    CHECK(!stream);
    CHECK(asyncio_last_error(r) && strstr(asyncio_last_error(r)->text, refusal->text));
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    CHECK_IS(asyncio_sleep(0), 0);
    CHECK_IS(handled, 0);
    CHECK_IS(reports.count, 0);
    asyncio_server_unref(server);
    asyncio_ssl_context_unref(server_side);
    asyncio_ssl_context_unref(client_side);
    return 0;
}

static void test_refused(void **state)
{
    (void)state;
    const struct certificates *c = certificates();
    int bad = -ASYNCIO_SSL_CERT_VERIFICATION;
    struct refusal refusals[] = {
        { c->other, NULL, bad, "IP address mismatch" },
        { c->other, "localhost", bad, "ostname mismatch" },
        { c->server, "a.b.example.org", bad, "ostname mismatch" },
        { c->server, "127.0.0.2", bad, "IP address mismatch" },
        { c->expired, NULL, bad, "certificate has expired" },
        { c->early, NULL, bad, "certificate is not yet valid" },
        { c->self_signed, NULL, bad, "self-signed certificate" },
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        run_everywhere_with(refused, &refusals[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_readable),
        cmocka_unit_test(test_much),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_close_while_reading),
        cmocka_unit_test(test_write_eof),
        cmocka_unit_test(test_cancelled_read),
        cmocka_unit_test(test_left_open),
        cmocka_unit_test(test_refused),
    };
    warm_up();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
