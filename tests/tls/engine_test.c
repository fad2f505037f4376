/* SPDX-License-Identifier: MIT */
/* The TLS engine by itself: two of them, and memory between them. */
#include "tls/engine.h"

#include "support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct ends {
    asyncio_ssl_context *server_side, *client_side;
    struct blocks blocks;
    struct tls_engine server, client;
};

static void open_ends(struct ends *ends)
{
    *ends = (struct ends){ .server_side = NULL };
    assert_return_code(asyncio_ssl_create_default_context(ASYNCIO_SSL_CLIENT_AUTH,
                                                          &ends->server_side),
                       0);
    assert_return_code(asyncio_ssl_context_load_cert_chain(ends->server_side,
                                                           certificates()->server, NULL, NULL),
                       0);
    assert_return_code(asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH,
                                                          &ends->client_side,
                                                          .cafile = certificates()->ca),
                       0);
    assert_return_code(asyncio__tls_init(&ends->server, ends->server_side, &ends->blocks, true,
                                         NULL),
                       0);
    assert_return_code(asyncio__tls_init(&ends->client, ends->client_side, &ends->blocks, false,
                                         "localhost"),
                       0);
}

static void close_ends(struct ends *ends)
{
    asyncio__tls_fini(&ends->server);
    asyncio__tls_fini(&ends->client);
    asyncio__blocks_fini(&ends->blocks);
    asyncio_ssl_context_unref(ends->server_side);
    asyncio_ssl_context_unref(ends->client_side);
}

/* What one has to say, to the other, in pieces of `step` bytes. */
static int shake_by(struct tls_engine *from, struct tls_engine *to, size_t step)
{
    int r = TLS_WANTS;
    while (from->out.count && r == TLS_WANTS) {
        size_t n = step < from->out.count ? step : from->out.count;
        to->in = buffer_bytes(&from->out);
        to->in_size = n;
        r = asyncio__tls_handshake(to);
        buffer_take(&from->out, n - to->in_size);
    }
    return r;
}

static void shake(struct ends *ends, size_t step)
{
    int server = TLS_WANTS, client = asyncio__tls_handshake(&ends->client);
    for (int i = 0; i < 10 && (server || client); i++) {
        if (ends->client.out.count)
            server = shake_by(&ends->client, &ends->server, step);
        if (ends->server.out.count && client)
            client = shake_by(&ends->server, &ends->client, step);
    }
    assert_int_equal(server, 0);
    assert_int_equal(client, 0);
}

static int read_of(struct tls_engine *from, struct tls_engine *to, void *data, size_t size)
{
    to->in = buffer_bytes(&from->out);
    to->in_size = from->out.count;
    int r = asyncio__tls_read(to, data, size);
    buffer_take(&from->out, from->out.count - to->in_size);
    to->in_size = 0;
    return r;
}

static void test_bytes(void **state)
{
    (void)state;
    static char data[100000], back[100000];
    for (size_t step = 1; step <= 1000; step *= 10) {
        struct ends ends;
        open_ends(&ends);
        shake(&ends, step);
        memset(data, 'a' + (int)(step % 26), sizeof data);
        assert_return_code(asyncio__tls_reserve(&ends.client, sizeof data), 0);
        size_t room = buffer_room(&ends.client.out);
        assert_return_code(asyncio__tls_write(&ends.client, data, sizeof data), 0);
        assert_true(ends.client.out.count <= room); /* what was reserved was enough */
        assert_int_equal(read_of(&ends.client, &ends.server, back, sizeof back), sizeof back);
        assert_memory_equal(data, back, sizeof back);
        assert_int_equal(read_of(&ends.client, &ends.server, back, 1), TLS_WANTS);
        asyncio__tls_shutdown(&ends.client);
        assert_int_equal(read_of(&ends.client, &ends.server, back, 1), 0);
        assert_int_equal(read_of(&ends.client, &ends.server, back, 1), 0);
        close_ends(&ends);
    }
}

/* New keys cost the other side more than whoever asks for them. */
static void test_key_updates(void **state)
{
    (void)state;
    char byte;
    struct ends ends;
    open_ends(&ends);
    shake(&ends, 1000);
    int r = TLS_WANTS, sent = 0;
    for (; sent < 1000 && r == TLS_WANTS; sent++) {
        assert_int_equal(SSL_key_update(ends.client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(ends.client.ssl), 1);
        r = read_of(&ends.client, &ends.server, &byte, 1);
    }
    assert_int_equal(r, -ASYNCIO_SSL);
    assert_true(sent > 20 && sent < 50);
    assert_non_null(strstr(ends.server.reason, "too many messages"));
    assert_int_equal(asyncio__tls_read(&ends.server, &byte, 1), -ASYNCIO_SSL); /* and stays so */
    close_ends(&ends);

    open_ends(&ends);
    shake(&ends, 1000);
    for (int i = 0; i < 200; i++) { /* between bytes they are welcome */
        assert_int_equal(SSL_key_update(ends.client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_return_code(asyncio__tls_write(&ends.client, "x", 1), 0);
        assert_int_equal(read_of(&ends.client, &ends.server, &byte, 1), 1);
    }
    close_ends(&ends);
}

/* Every byte of a record changed: never accepted. */
static void test_changed_bytes(void **state)
{
    (void)state;
    char text[64];
    enum { RECORD = 27 };
    for (size_t at = 0; at < RECORD; at++) {
        struct ends ends;
        open_ends(&ends);
        shake(&ends, 1000);
        (void)read_of(&ends.server, &ends.client, text, sizeof text); /* tickets */
        ends.client.out.count = ends.client.out.head = 0;
        assert_return_code(asyncio__tls_write(&ends.client, "hello", 5), 0);
        assert_int_equal(ends.client.out.count, RECORD);
        buffer_bytes(&ends.client.out)[at] ^= 0x40;
        int r = read_of(&ends.client, &ends.server, text, sizeof text);
        assert_true(r == -ASYNCIO_SSL || r == TLS_WANTS); /* a longer record is waited for */
        assert_true(r != TLS_WANTS || at == 3 || at == 4);
        close_ends(&ends);
    }
    print_message("sweep: each of %d bytes changed\n", RECORD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_key_updates),
        cmocka_unit_test(test_changed_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
