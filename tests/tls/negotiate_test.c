/* SPDX-License-Identifier: MIT */
/* What a server asks of its clients, by the name they come for: nobody comes around it with a
 * session that was given elsewhere. */
#include "tls/engine.h"

#include "support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { OPEN, CLOSED, CONTEXTS }; /* asks for no certificate, for one */

struct servers {
    asyncio_ssl_context *contexts[CONTEXTS], *client;
    struct blocks blocks;
    int named;                  /* which one "named.example.org" is; others are the first one's */
    unsigned choices;           /* calls of `choose` */
    bool is_certified;          /* the last client that came in */
};

static int choose(asyncio_ssl_context *context, const char *name, asyncio_ssl_context **ret_context,
                  void *data)
{
    struct servers *servers = data;
    servers->choices++;
    if (name && strcmp(name, "named.example.org") == 0)
        *ret_context = servers->contexts[servers->named];
    else
        *ret_context = context;
    return 0;
}

static asyncio_ssl_context *first_of(const struct servers *servers)
{
    return servers->contexts[servers->named == OPEN ? CLOSED : OPEN];
}

static void open_servers(struct servers *servers, int named, asyncio_ssl_version version)
{
    *servers = (struct servers){ .named = named };
    for (int i = 0; i < CONTEXTS; i++) {
        asyncio_ssl_context **context = &servers->contexts[i];
        assert_return_code(asyncio_ssl_create_default_context(ASYNCIO_SSL_CLIENT_AUTH, context,
                                                              .cafile = certificates()->ca),
                           0);
        assert_return_code(asyncio_ssl_context_load_cert_chain(*context, certificates()->server,
                                                               NULL, NULL),
                           0);
        assert_return_code(asyncio_ssl_context_set_maximum_version(*context, version), 0);
    }
    assert_return_code(asyncio_ssl_context_set_verify_mode(servers->contexts[CLOSED],
                                                           ASYNCIO_SSL_CERT_REQUIRED),
                       0);
    assert_return_code(asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH,
                                                          &servers->client,
                                                          .cafile = certificates()->ca),
                       0);
    asyncio_ssl_context_set_sni_callback(first_of(servers), choose, .data = servers);
}

static void close_servers(struct servers *servers)
{
    asyncio__blocks_fini(&servers->blocks);
    for (int i = 0; i < CONTEXTS; i++)
        asyncio_ssl_context_unref(servers->contexts[i]);
    asyncio_ssl_context_unref(servers->client);
}

/* What one has said, to the other. */
static int hand_over(struct tls_engine *from, struct tls_engine *to)
{
    char byte;
    to->in = buffer_bytes(&from->out);
    to->in_size = from->out.count;
    int r = to->is_open ? asyncio__tls_read(to, &byte, 1) : asyncio__tls_handshake(to);
    buffer_take(&from->out, from->out.count - to->in_size);
    to->in_size = 0;
    return r;
}

/* A client that comes as `name` with the session *session (NULL: none), which is replaced by the
 * one it is given. What the server's handshake says. */
static int visit(struct servers *servers, const char *name, SSL_SESSION **session, bool *ret_reused)
{
    struct tls_engine server = { .ssl = NULL }, client = { .ssl = NULL };
    assert_return_code(asyncio__tls_init(&server, first_of(servers), &servers->blocks, true, NULL),
                       0);
    assert_return_code(asyncio__tls_init(&client, servers->client, &servers->blocks, false, name),
                       0);
    if (*session) {
        assert_int_equal(SSL_set_session(client.ssl, *session), 1);
        SSL_SESSION_free(*session);
        *session = NULL;
    }
    int r = TLS_WANTS, told = asyncio__tls_handshake(&client);
    assert_int_equal(told, TLS_WANTS);
    for (int i = 0; i < 4 && r == TLS_WANTS; i++) {
        r = hand_over(&client, &server);
        (void)hand_over(&server, &client);
    }
    if (r == 0) {
        assert_true(client.is_open);
        *ret_reused = SSL_session_reused(server.ssl);
        servers->is_certified = SSL_get0_peer_certificate(server.ssl) != NULL;
        *session = SSL_get1_session(client.ssl);
    }
    asyncio__tls_fini(&server);
    asyncio__tls_fini(&client);
    return r;
}

static const asyncio_ssl_version versions[] = { ASYNCIO_SSL_TLSV1_2, ASYNCIO_SSL_TLSV1_3 };

/* Each context alone: who comes again to where he was resumes, also under another's name. */
static void test_resumed_where_it_was_given(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct servers servers;
        SSL_SESSION *session = NULL;
        bool is_reused;
        for (int named = OPEN; named <= CLOSED; named++) {
            open_servers(&servers, named, versions[i]);
            assert_return_code(asyncio_ssl_context_load_cert_chain(servers.client,
                                                                   certificates()->client, NULL,
                                                                   NULL),
                               0);
            static const char *const names[] = { "www.example.org", "named.example.org" };
            for (int j = 0; j < 2; j++) {
                assert_int_equal(visit(&servers, names[j], &session, &is_reused), 0);
                assert_false(is_reused);
                assert_int_equal(visit(&servers, names[j], &session, &is_reused), 0);
                assert_true(is_reused);
                SSL_SESSION_free(session);
                session = NULL;
            }
            assert_int_equal(servers.choices, 4);
            close_servers(&servers);
        }
    }
}

/* A session of the context that asks for nothing does not open the other. */
static void test_not_elsewhere(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        for (int named = OPEN; named <= CLOSED; named++) {
            struct servers servers;
            SSL_SESSION *session = NULL;
            bool is_reused;
            const char *open = named == OPEN ? "named.example.org" : "www.example.org";
            const char *closed = named == OPEN ? "www.example.org" : "named.example.org";
            open_servers(&servers, named, versions[i]);
            assert_int_equal(visit(&servers, closed, &session, &is_reused), -ASYNCIO_SSL);
            assert_int_equal(visit(&servers, open, &session, &is_reused), 0);
            assert_int_equal(visit(&servers, closed, &session, &is_reused), -ASYNCIO_SSL);
            assert_null(session);
            close_servers(&servers);
        }
    }
}

/* Nor does one that was given before certificates were asked for. */
static void test_not_after_the_mode_has_changed(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct servers servers;
        SSL_SESSION *session = NULL;
        bool is_reused;
        open_servers(&servers, CLOSED, versions[i]);
        assert_int_equal(visit(&servers, "www.example.org", &session, &is_reused), 0);
        assert_return_code(asyncio_ssl_context_set_verify_mode(servers.contexts[OPEN],
                                                               ASYNCIO_SSL_CERT_REQUIRED),
                           0);
        assert_int_equal(visit(&servers, "www.example.org", &session, &is_reused), -ASYNCIO_SSL);
        close_servers(&servers);
    }
}

/* What a client changes holds for whoever it has been to before, too. */
static void test_a_client_that_has_changed(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct servers servers;
        SSL_SESSION *session = NULL;
        bool is_reused;
        open_servers(&servers, CLOSED, versions[i]);
        assert_return_code(asyncio_ssl_context_set_verify_mode(servers.contexts[OPEN],
                                                               ASYNCIO_SSL_CERT_OPTIONAL),
                           0);
        for (int j = 0; j < 3; j++) {
            if (j == 1)
                assert_return_code(asyncio_ssl_context_load_cert_chain(servers.client,
                                                                       certificates()->client, NULL,
                                                                       NULL),
                                   0);
            if (j == 2) /* of 1.2, and not the one that is taken */
                assert_return_code(asyncio_ssl_context_set_ciphers(servers.client, "CHACHA20"), 0);
            assert_int_equal(visit(&servers, "www.example.org", &session, &is_reused), 0);
            assert_int_equal(servers.is_certified, j > 0);
            assert_false(is_reused);
            SSL_SESSION_free(session);
            session = NULL;
        }
        assert_int_equal(visit(&servers, "www.example.org", &session, &is_reused), 0);
        assert_true(is_reused);
        SSL_SESSION_free(session);
        close_servers(&servers);
    }
}

/* The one that goes on says which versions are spoken. */
static void test_the_versions_of_the_other(void **state)
{
    (void)state;
    struct servers servers;
    SSL_SESSION *session = NULL;
    bool is_reused;
    open_servers(&servers, OPEN, ASYNCIO_SSL_TLSV1_3);
    assert_return_code(asyncio_ssl_context_set_verify_mode(servers.contexts[CLOSED],
                                                           ASYNCIO_SSL_CERT_NONE),
                       0);
    assert_return_code(asyncio_ssl_context_set_minimum_version(servers.contexts[OPEN],
                                                               ASYNCIO_SSL_TLSV1_3),
                       0);
    assert_return_code(asyncio_ssl_context_set_maximum_version(servers.client, ASYNCIO_SSL_TLSV1_2),
                       0);
    assert_int_equal(visit(&servers, "www.example.org", &session, &is_reused), 0);
    SSL_SESSION_free(session);
    session = NULL;
    assert_int_equal(visit(&servers, "named.example.org", &session, &is_reused), -ASYNCIO_SSL);
    close_servers(&servers);
}

/* A client that is asked for another key sends its first message again: that is one connection. */
static void test_begun_anew(void **state)
{
    (void)state;
    struct servers servers;
    SSL_SESSION *session = NULL;
    bool is_reused;
    open_servers(&servers, OPEN, ASYNCIO_SSL_TLSV1_3);
    asyncio_ssl_context_set_sni_callback(servers.contexts[OPEN], choose, .data = &servers);
    for (int i = 0; i < CONTEXTS; i++)
        assert_int_equal(SSL_CTX_set1_groups_list(servers.contexts[i]->ctx, "P-384"), 1);
    assert_int_equal(SSL_CTX_set1_groups_list(servers.client->ctx, "X25519:P-384"), 1);
    assert_int_equal(visit(&servers, "named.example.org", &session, &is_reused), 0);
    assert_int_equal(servers.choices, 1);
    SSL_SESSION_free(session);
    close_servers(&servers);
}

/* A client's context cannot go on as a server. */
static void test_a_clients_context(void **state)
{
    (void)state;
    struct servers servers;
    SSL_SESSION *session = NULL;
    bool is_reused;
    open_servers(&servers, OPEN, ASYNCIO_SSL_TLSV1_3);
    asyncio_ssl_context_unref(servers.contexts[OPEN]);
    servers.contexts[OPEN] = asyncio_ssl_context_ref(servers.client);
    assert_int_equal(visit(&servers, "named.example.org", &session, &is_reused), -ASYNCIO_SSL);
    close_servers(&servers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resumed_where_it_was_given),
        cmocka_unit_test(test_not_elsewhere),
        cmocka_unit_test(test_not_after_the_mode_has_changed),
        cmocka_unit_test(test_a_client_that_has_changed),
        cmocka_unit_test(test_the_versions_of_the_other),
        cmocka_unit_test(test_begun_anew),
        cmocka_unit_test(test_a_clients_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
