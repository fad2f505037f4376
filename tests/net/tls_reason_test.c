/* SPDX-License-Identifier: MIT */
/* What TLS failed by is told to whoever meets it, in OpenSSL's words: also after the handshake, to
 * who waits then, to who comes later, and to protocols. */
/* TEST: timeout 120 */
#include "net/tls_test.h"

#include <asyncio/transport.h>

/* Bytes that are no record, beneath the TLS of `stream`. */
static int spoil(asyncio_stream *stream)
{
    char nonsense[] = "HTTP/1.1 400 this is no TLS, and never was";
    struct iovec piece = { nonsense, sizeof nonsense };
    return stream->tcp.base.type->write(&stream->tcp.base, &piece, 1);
}

static bool is_told(int error, const char *words)
{
    const asyncio_error *record = asyncio_last_error(error);
    bool is_so = record && strstr(record->text, words);
    asyncio__record_put(NULL); /* the next one has to bring its own */
    return is_so;
}

static int read_one(asyncio_stream *stream)
{
    char byte;
    return asyncio_stream_read(stream, &byte, 1);
}

static int check_read(asyncio_stream *stream, const char *words)
{
    CHECK_IS(read_one(stream), -ASYNCIO_SSL);
    CHECK(is_told(-ASYNCIO_SSL, words));
    return 0;
}

static int later_calls(asyncio_stream *stream, const char *words)
{
    const char *line;
    CHECK_IS(check_read(stream, words), 0);
    CHECK_IS(asyncio_stream_readline(stream, (char[8]){ 0 }, 8), -ASYNCIO_SSL);
    CHECK(is_told(-ASYNCIO_SSL, words));
    CHECK_IS(asyncio_stream_readuntil_view(stream, "\n", 1, &line),
             -ASYNCIO_SSL);
    CHECK(is_told(-ASYNCIO_SSL, words));
    CHECK_IS(asyncio_stream_write(stream, "x", 1), -ASYNCIO_SSL);
    CHECK(is_told(-ASYNCIO_SSL, words));
    CHECK_IS(asyncio_stream_write_nowait(stream, "x", 1), -ASYNCIO_SSL);
    CHECK(is_told(-ASYNCIO_SSL, words));
    CHECK_IS(asyncio_stream_drain(stream), -ASYNCIO_SSL);
    CHECK(is_told(-ASYNCIO_SSL, words));
    CHECK_IS(asyncio_stream_wait_closed(stream), -ASYNCIO_SSL);
    CHECK(is_told(-ASYNCIO_SSL, words));
    return 0;
}

static int who_waits(struct pair *pair)
{
    asyncio_task *task;
    START(task, check_read, pair->a, "wrong version number");
    CHECK_IS(settle(), 0);
    CHECK_IS(spoil(pair->b), 0);
    CHECK_IS(join(task), 0);
    CHECK_IS(later_calls(pair->a, "wrong version number"), 0);
    return later_calls(pair->b, "alert"); /* what the other side has said of it */
}

static int who_comes_later(struct pair *pair)
{
    CHECK_IS(spoil(pair->b), 0);
    CHECK_IS(settle(), 0);
    return later_calls(pair->a, "wrong version number");
}

/* Closing, and an end that is no error, have nothing to tell. */
static int no_words(struct pair *pair)
{
    CHECK_IS(spoil(pair->b), 0);
    asyncio__record_put(NULL);
    asyncio_stream_close(pair->a);
    CHECK_IS(read_one(pair->a), -ECONNRESET);
    CHECK(!asyncio_last_error(-ECONNRESET));
    return 0;
}

static void test_streams(void **state)
{
    (void)state;
    warm_up();
    with_tls_pair(who_waits);
    with_tls_pair(who_comes_later);
    with_tls_pair(no_words);
}

/* ---- protocols ---- */

struct listener {
    asyncio_protocol protocol; /* first */
    asyncio_future *gone;
    char text[256];
};

static void lost(asyncio_protocol *protocol, int error)
{
    struct listener *listener = (struct listener *)(void *)protocol;
    const asyncio_error *record = asyncio_last_error(error);
    snprintf(listener->text, sizeof listener->text, "%s", record ? record->text : "");
    if (!asyncio_future_done(listener->gone))
        asyncio_future_set_result(listener->gone, -error);
}

static asyncio_protocol *give(void *data)
{
    static const asyncio_protocol_methods methods = { .connection_lost = lost };
    struct listener *listener = data;
    listener->protocol.methods = &methods;
    return &listener->protocol;
}

static int protocol_hears(void *data)
{
    (void)data;
    struct listener listener = { .text = "" };
    struct tls_pair tls = { .server = NULL };
    struct pair *pair = &tls.pair;
    CHECK_IS(server_context(certificates()->server, &tls.server), 0);
    CHECK_IS(client_context(&tls.client), 0);
    CHECK_IS(asyncio_future_new(&listener.gone), 0);
    CHECK_IS(asyncio_future_new(&pair->accepted), 0);
    CHECK_IS(asyncio_future_new(&pair->finished), 0);
    CHECK_IS(asyncio_start_server(pair_handler, "127.0.0.1", 0, &pair->server, .data = pair,
                                  .ssl = tls.server), 0);
    CHECK_IS(asyncio_loop_create_connection(asyncio_get_running_loop(), give, "127.0.0.1",
                                            asyncio_server_port(pair->server), NULL,
                                            .ssl = tls.client, .data = &listener), 0);
    CHECK_IS(asyncio_await(pair->accepted), 0);
    CHECK_IS(spoil(pair->b), 0);
    CHECK_IS(asyncio_await(listener.gone), ASYNCIO_SSL);
    CHECK(strstr(listener.text, "wrong version number"));
    CHECK_IS(pair_close(pair, 0), 0);
    asyncio_future_unref(listener.gone);
    asyncio_ssl_context_unref(tls.server);
    asyncio_ssl_context_unref(tls.client);
    return 0;
}

static void test_protocols(void **state)
{
    (void)state;
    warm_up();
    run_everywhere(protocol_hears);
}

/* ---- TLS over TLS: the lower one's words reach whoever uses the upper one ---- */

static int secure_again(asyncio_stream *stream, asyncio_ssl_context *context, const char *name)
{
    return asyncio_stream_start_tls(stream, context, .server_hostname = name);
}

static int lower_fails(void *data)
{
    (void)data;
    struct tls_pair tls;
    asyncio_task *task;
    CHECK_IS(tls_pair_open(&tls, 65536), 0);
    struct pair *pair = &tls.pair;
    START(task, secure_again, pair->b, tls.server, (const char *)NULL);
    CHECK_IS(secure_again(pair->a, tls.client, "127.0.0.1"), 0);
    CHECK_IS(join(task), 0);
    CHECK_IS(spoil(pair->b), 0);
    CHECK_IS(check_read(pair->a, "wrong version number"), 0);
    CHECK_IS(check_read(pair->a, "wrong version number"), 0);
    CHECK_IS(pair_close(pair, 0), 0);
    asyncio_ssl_context_unref(tls.server);
    asyncio_ssl_context_unref(tls.client);
    return 0;
}

static void test_nested(void **state)
{
    (void)state;
    warm_up();
    run_everywhere(lower_fails);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
