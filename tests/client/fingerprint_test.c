/* SPDX-License-Identifier: MIT */
/* Certificates by their fingerprint. */
#include "net/tls_test.h"

#include <aiohttp/error.h>
#include <aiohttp/fingerprint.h>

static unsigned char expected[32];

static int checks(struct pair *pair)
{
    aiohttp_fingerprint right, wrong;
    CHECK_IS(certificate_digest(certificates()->server, expected), 0);
    CHECK_IS(aiohttp_fingerprint_init(&right, expected, sizeof expected), 0);
    wrong = right;
    wrong.sha256[31] ^= 1;
    int r = aiohttp_fingerprint_check(&right, pair->a);
    if (r < 0)
        return r;
    r = aiohttp_fingerprint_check(&wrong, pair->a);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -AIOHTTP_FINGERPRINT);
    /* a client shows none */
    r = aiohttp_fingerprint_check(&right, pair->b);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -EINVAL);
    return 0;
}

static void of_a_stream(void **state)
{
    (void)state;
    warm_up();
    with_tls_pair(checks);
}

static int plain(void *data)
{
    aiohttp_fingerprint any = { { 0 } };
    asyncio_server *server;
    asyncio_stream *stream;
    (void)data;
    int r = asyncio_start_server(say_hello, "127.0.0.1", 0, &server);
    if (r < 0)
        return r;
    r = asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream);
    if (r >= 0) {
        CHECK_IS(aiohttp_fingerprint_check(&any, NULL), -EINVAL);
        CHECK_IS(aiohttp_fingerprint_check(NULL, stream), -EINVAL);
        r = aiohttp_fingerprint_check(&any, stream);
        asyncio_stream_abort(stream);
        asyncio_stream_unref(stream);
        if (r != -ENOMEM)
            CHECK_IS(r, -EINVAL);
    }
    int ended = end_server(server);
    return r == -EINVAL ? ended : r;
}

static void without_tls(void **state)
{
    (void)state;
    run_everywhere(plain);
}

/* A server that nobody vouches for is the right one by its fingerprint alone. */
static int unverified(void *data)
{
    (void)data;
    asyncio_ssl_context *server = NULL, *client = NULL;
    asyncio_server *listening = NULL;
    asyncio_stream *stream = NULL;
    aiohttp_fingerprint right;
    int r = server_context(certificates()->server, &server);
    if (r >= 0)
        r = asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, &client);
    if (r >= 0)
        r = asyncio_ssl_context_set_check_hostname(client, 0);
    if (r >= 0)
        r = asyncio_ssl_context_set_verify_mode(client, ASYNCIO_SSL_CERT_NONE);
    if (r >= 0)
        r = asyncio_start_server(say_hello, "127.0.0.1", 0, &listening, .ssl = server);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", asyncio_server_port(listening), &stream,
                                    .ssl = client);
    if (r >= 0)
        r = certificate_digest(certificates()->server, expected);
    if (r >= 0)
        r = aiohttp_fingerprint_init(&right, expected, sizeof expected);
    if (r >= 0)
        r = aiohttp_fingerprint_check(&right, stream);
    if (stream)
        asyncio_stream_abort(stream);
    asyncio_stream_unref(stream);
    int ended = listening ? end_server(listening) : 0;
    asyncio_ssl_context_unref(server);
    asyncio_ssl_context_unref(client);
    return r < 0 ? r : ended;
}

static void without_an_authority(void **state)
{
    (void)state;
    warm_up();
    run_everywhere(unverified);
}

static void as_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "00:01:02:03:04:05:06:07:08:09:0A:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:"
        "1e:1f",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1B1C1d1e1f",
    };
    static const char *const wrong[] = {
        "", "00", "000102030405060708090a0b0c0d0e0f101112131415161718191a1B1C1d1e1",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1B1C1d1e1fa",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1B1C1d1e1g",
        ":00102030405060708090a0b0c0d0e0f101112131415161718191a1B1C1d1e1f",
        "000102030405060708090a0b0c0d0e0f10111213", /* SHA-1 */
    };
    aiohttp_fingerprint made;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(aiohttp_fingerprint_init(&made, texts[i], 0), 0);
        for (unsigned n = 0; n < 32; n++)
            assert_int_equal(made.sha256[n], n);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(aiohttp_fingerprint_init(&made, wrong[i], 0), -EINVAL);
    assert_int_equal(aiohttp_fingerprint_init(&made, texts[1], 20), -EINVAL);
    assert_int_equal(aiohttp_fingerprint_init(&made, texts[1], 16), -EINVAL);
    assert_int_equal(aiohttp_fingerprint_init(&made, NULL, 0), -EINVAL);
    assert_int_equal(aiohttp_fingerprint_init(NULL, texts[0], 0), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_stream),
        cmocka_unit_test(without_tls),
        cmocka_unit_test(without_an_authority),
        cmocka_unit_test(as_text),
    };
    return cmocka_run_group_tests_name("fingerprint", tests, NULL, NULL);
}
