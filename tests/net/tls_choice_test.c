/* SPDX-License-Identifier: MIT */
/* What two ends of TLS agree on: protocols, names, certificates of clients, sessions; TLS from some
 * point on, and inside of TLS; and misuse. */
/* TEST: timeout 120 */
#include "net/tls_test.h"
#include "support/failing.h"

#include <asyncio/socket.h>
#include <openssl/x509.h>
#include <sys/mman.h>

struct ends {
    asyncio_ssl_context *server, *client;
    asyncio_server *listener;
    int port;
};

static int open_ends(struct ends *ends)
{
    CHECK_IS(server_context(certificates()->server, &ends->server), 0);
    CHECK_IS(client_context(&ends->client), 0);
    CHECK_IS(asyncio_start_server(echo, "127.0.0.1", 0, &ends->listener, .ssl = ends->server), 0);
    ends->port = asyncio_server_port(ends->listener);
    return 0;
}

static int close_ends(struct ends *ends)
{
    asyncio_server_close(ends->listener);
    CHECK_IS(asyncio_server_wait_closed(ends->listener), 0);
    asyncio_server_unref(ends->listener);
    asyncio_ssl_context_unref(ends->server);
    asyncio_ssl_context_unref(ends->client);
    return settle();
}

static int ask(asyncio_stream *stream, const char *line)
{
    char answer[128];
    CHECK_IS(asyncio_stream_write(stream, line, strlen(line)), 0);
    CHECK_IS(asyncio_stream_readline(stream, answer, sizeof answer), (int)strlen(line));
    CHECK(strcmp(line, answer) == 0);
    return 0;
}

static int close_it(asyncio_stream *stream)
{
    asyncio_stream_close(stream);
    CHECK_IS(asyncio_stream_wait_closed(stream), 0);
    asyncio_stream_unref(stream);
    return 0;
}

/* Connects, asks, and stores what `info` says. */
static int visit(struct ends *ends, const char *name, const char *info, char *text, size_t size)
{
    asyncio_stream *stream;
    CHECK_IS(asyncio_open_connection("127.0.0.1", ends->port, &stream, .ssl = ends->client,
                                     .server_hostname = name),
             0);
    CHECK_IS(ask(stream, "are you there?\n"), 0);
    int r = asyncio_stream_get_extra_info(stream, info, text, size);
    CHECK_IS(close_it(stream), 0);
    return r;
}

/* ---- ALPN ---- */

static int alpn(void *data)
{
    (void)data;
    static const char *const both[] = { "h2", "http/1.1" }, *const old[] = { "http/1.1" },
                             *const others[] = { "spdy/1" };
    struct ends ends;
    char text[64];
    CHECK_IS(open_ends(&ends), 0);
    CHECK_IS(visit(&ends, NULL, "selected_alpn_protocol", text, sizeof text), -ENOENT);
    CHECK_IS(asyncio_ssl_context_set_alpn_protocols(ends.server, both, 2), 0);
    CHECK_IS(visit(&ends, NULL, "selected_alpn_protocol", text, sizeof text), -ENOENT);
    CHECK_IS(asyncio_ssl_context_set_alpn_protocols(ends.client, old, 1), 0);
    CHECK_IS(visit(&ends, NULL, "selected_alpn_protocol", text, sizeof text), 8);
    CHECK(strcmp(text, "http/1.1") == 0);
    CHECK_IS(asyncio_ssl_context_set_alpn_protocols(ends.client, both, 2), 0);
    CHECK_IS(visit(&ends, NULL, "selected_alpn_protocol", text, sizeof text), 2);
    CHECK(strcmp(text, "h2") == 0);
    CHECK_IS(asyncio_ssl_context_set_alpn_protocols(ends.client, others, 1), 0);
    CHECK_IS(visit(&ends, NULL, "selected_alpn_protocol", text, sizeof text), -ENOENT);
    return close_ends(&ends);
}

static void test_alpn(void **state)
{
    (void)state;
    run_everywhere(alpn);
}

/* ---- SNI ---- */

struct choices {
    asyncio_ssl_context *other;
    char asked[64];
    unsigned destroyed;
};

static int choose(asyncio_ssl_context *context, const char *name, asyncio_ssl_context **ret_context,
                  void *data)
{
    (void)context;
    struct choices *names = data;
    snprintf(names->asked, sizeof names->asked, "%s", name ? name : "(none)");
    if (name && strcmp(name, "nobody.example.org") == 0)
        return -ENOENT;
    if (name && strcmp(name, "other.example.net") == 0)
        *ret_context = names->other;
    return 0;
}

static void destroy_names(void *data)
{
    ((struct choices *)data)->destroyed++;
}

static int sni(void *data)
{
    (void)data;
    struct ends ends;
    struct choices names = { .other = NULL };
    char text[256];
    asyncio_stream *stream;
    CHECK_IS(open_ends(&ends), 0);
    CHECK_IS(server_context(certificates()->other, &names.other), 0);
    asyncio_ssl_context_set_sni_callback(ends.server, choose, .data = &names,
                                         .destroy = destroy_names);
    CHECK(visit(&ends, "localhost", "peercert.subject", text, sizeof text) > 0);
    CHECK(strcmp(text, "CN=server") == 0);
    CHECK(strcmp(names.asked, "localhost") == 0);
    CHECK(visit(&ends, "other.example.net", "peercert.subject", text, sizeof text) > 0);
    CHECK(strcmp(text, "CN=other") == 0);
    CHECK(visit(&ends, NULL, "peercert.subject", text, sizeof text) > 0); /* an address: no name */
    CHECK(strcmp(names.asked, "(none)") == 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.client,
                                     .server_hostname = "nobody.example.org"),
             -ASYNCIO_SSL);
    CHECK(strstr(record_of(-ASYNCIO_SSL)->text, "unrecognized name"));
    CHECK_IS(close_ends(&ends), 0);
    CHECK_IS(names.destroyed, 1);
    asyncio_ssl_context_unref(names.other);
    return 0;
}

static void test_sni(void **state)
{
    (void)state;
    run_everywhere(sni);
}

/* ---- certificates of clients ---- */

static int client_certificates(void *data)
{
    (void)data;
    struct ends ends;
    asyncio_stream *stream;
    char text[64];
    CHECK_IS(open_ends(&ends), 0);
    CHECK_IS(asyncio_ssl_context_load_verify_locations(ends.server, certificates()->ca, NULL, NULL),
             0);
    CHECK_IS(asyncio_ssl_context_set_verify_mode(ends.server, ASYNCIO_SSL_CERT_REQUIRED), 0);
    int r = asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.client);
    if (r >= 0) { /* TLS 1.3: the server's refusal comes behind the client's handshake */
        r = asyncio_stream_read(stream, text, sizeof text);
        asyncio_stream_unref(stream);
    }
    CHECK(r == -ASYNCIO_SSL || r == -ECONNRESET || r == -EPIPE);
    CHECK_IS(asyncio_ssl_context_load_cert_chain(ends.client, certificates()->client, NULL, NULL),
             0);
    CHECK(visit(&ends, NULL, "version", text, sizeof text) > 0);
    CHECK(strcmp(text, "TLSv1.3") == 0);
    return close_ends(&ends);
}

static void test_client_certificates(void **state)
{
    (void)state;
    run_everywhere(client_certificates);
}

/* ---- sessions ---- */

static int sessions(void *data)
{
    (void)data;
    struct ends ends;
    char text[8];
    asyncio_ssl_version versions[] = { ASYNCIO_SSL_TLSV1_3, ASYNCIO_SSL_TLSV1_2 };
    CHECK_IS(open_ends(&ends), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_IS(asyncio_ssl_context_set_maximum_version(ends.client, versions[i]), 0);
        CHECK_IS(asyncio_ssl_context_set_check_hostname(ends.client, 1), 0); /* forgets */
        CHECK_IS(visit(&ends, "localhost", "session_reused", text, sizeof text), 1);
        CHECK(text[0] == '0');
        CHECK_IS(visit(&ends, "localhost", "session_reused", text, sizeof text), 1);
        CHECK(text[0] == '1');
        CHECK_IS(visit(&ends, "www.example.org", "session_reused", text, sizeof text), 1);
        CHECK(text[0] == '0'); /* of another name */
        CHECK_IS(visit(&ends, "localhost", "session_reused", text, sizeof text), 1);
        CHECK(text[0] == '1');
    }
    return close_ends(&ends);
}

/* A session of when nobody was verified does not stand for who has to be. */
static int unverified(void *data)
{
    (void)data;
    struct ends ends;
    asyncio_stream *stream;
    char text[8];
    asyncio_ssl_version versions[] = { ASYNCIO_SSL_TLSV1_3, ASYNCIO_SSL_TLSV1_2 };
    CHECK_IS(open_ends(&ends), 0);
    for (int i = 0; i < 2; i++) {
        asyncio_ssl_context_unref(ends.client);
        CHECK_IS(asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, &ends.client), 0);
        CHECK_IS(asyncio_ssl_context_set_maximum_version(ends.client, versions[i]), 0);
        CHECK_IS(asyncio_ssl_context_set_check_hostname(ends.client, 0), 0);
        CHECK_IS(asyncio_ssl_context_set_verify_mode(ends.client, ASYNCIO_SSL_CERT_NONE), 0);
        CHECK_IS(visit(&ends, "localhost", "session_reused", text, sizeof text), 1);
        CHECK_IS(asyncio_ssl_context_set_verify_mode(ends.client, ASYNCIO_SSL_CERT_REQUIRED), 0);
        CHECK_IS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.client,
                                         .server_hostname = "localhost"),
                 -ASYNCIO_SSL_CERT_VERIFICATION);
    }
    return close_ends(&ends);
}

static void test_sessions(void **state)
{
    (void)state;
    run_everywhere(sessions);
    run_everywhere(unverified);
}

/* ---- what can be asked ---- */

static int info(void *data)
{
    (void)data;
    struct ends ends;
    asyncio_stream *stream;
    char text[2048], small[4];
    CHECK_IS(open_ends(&ends), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.client,
                                     .server_hostname = "localhost"),
             0);
    CHECK(asyncio_stream_get_extra_info(stream, "cipher", text, sizeof text) > 10);
    CHECK(strncmp(text, "TLS_", 4) == 0);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "cipher", small, sizeof small), -ENOSPC);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "version", text, sizeof text), 7);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "server_hostname", text, sizeof text), 9);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "peername", text, sizeof text),
             (int)strlen(text));
    CHECK(strncmp(text, "127.0.0.1:", 10) == 0);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "peercert.issuer", text, sizeof text), 12);
    CHECK(strcmp(text, "CN=authority") == 0);
    CHECK(asyncio_stream_get_extra_info(stream, "peercert.subjectAltName", text, sizeof text) > 0);
    CHECK(strcmp(text, "DNS:localhost, DNS:*.example.org, IP Address:127.0.0.1") == 0);
    CHECK(asyncio_stream_get_extra_info(stream, "peercert.notAfter", text, sizeof text) > 10);
    CHECK(strstr(text, "GMT"));
    CHECK(asyncio_stream_get_extra_info(stream, "peercert.notBefore", text, sizeof text) > 10);
    CHECK(asyncio_stream_get_extra_info(stream, "peercert.serialNumber", text, sizeof text) > 2);
    int size = asyncio_stream_get_extra_info(stream, "peercert", text, sizeof text);
    const unsigned char *at = (const unsigned char *)text;
    X509 *certificate = d2i_X509(NULL, &at, size);
    CHECK(size > 200 && certificate);
    X509_free(certificate);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "peercert", text, 100), -ENOSPC);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "peercert.nothing", text, sizeof text), -ENOENT);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "peercertificate", text, sizeof text), -ENOENT);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "compression", text, sizeof text), -ENOENT);
    asyncio_stream_ref(stream);
    CHECK_IS(close_it(stream), 0);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "version", text, sizeof text), 7);
    asyncio_stream_unref(stream);
    return close_ends(&ends);
}

static void test_info(void **state)
{
    (void)state;
    run_everywhere(info);
}

/* ---- from some point on ---- */

/* SMTP's way: a line in the open, then TLS. What comes in one piece with the line belongs to it. */
static int serve_starttls(asyncio_stream *stream, void *data)
{
    char line[64];
    int r = asyncio_stream_readline(stream, line, sizeof line);
    if (r > 0)
        r = asyncio_stream_write(stream, "go ahead\n", 9);
    if (r >= 0)
        r = asyncio_stream_start_tls(stream, data);
    return r < 0 ? r : echo(stream);
}

static int start_tls(void *data)
{
    (void)data;
    struct ends ends;
    asyncio_stream *stream;
    asyncio_server *server;
    char line[64];
    CHECK_IS(open_ends(&ends), 0);
    CHECK_IS(asyncio_start_server(serve_starttls, "127.0.0.1", 0, &server, .data = ends.server), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream), 0);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "version", line, sizeof line), -ENOENT);
    CHECK_IS(asyncio_stream_write(stream, "STARTTLS\n", 9), 0);
    CHECK_IS(asyncio_stream_readline(stream, line, sizeof line), 9);
    CHECK_IS(asyncio_stream_start_tls(stream, ends.client, .server_hostname = "localhost"), 0);
    CHECK_IS(ask(stream, "in private\n"), 0);
    CHECK_IS(asyncio_stream_get_extra_info(stream, "version", line, sizeof line), 7);
    CHECK_IS(close_it(stream), 0);
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    asyncio_server_unref(server);
    return close_ends(&ends);
}

static void test_start_tls(void **state)
{
    (void)state;
    run_everywhere(start_tls);
}

/* More than any socket takes. */
static size_t large(void)
{
    return world.is_sim ? 400000 : 20000000;
}

static int secure_it(asyncio_stream *stream, asyncio_ssl_context *context, int is_server)
{
    return asyncio_stream_start_tls(stream, context, .server_hostname = "localhost",
                                    .server_side = is_server);
}

static int send_it(asyncio_stream *stream, int file)
{
    return asyncio_loop_sendfile(asyncio_get_running_loop(), stream, file, NULL);
}

/* What comes while a handshake is under way is refused, and does it no harm. */
static int while_shaking_hands(struct pair *p, const struct ends *ends, int file)
{
    asyncio_task *first;
    char byte;
    START(first, secure_it, p->a, ends->client, 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(secure_it(p->a, ends->client, 0), -EBUSY);
    CHECK_IS(send_it(p->a, file), -EBUSY);
    CHECK_IS(asyncio_stream_write(p->a, "x", 1), -EBUSY);
    CHECK_IS(asyncio_stream_read(p->a, &byte, 1), -EBUSY);
    CHECK_IS(secure_it(p->b, ends->server, 1), 0);
    CHECK_IS(join(first), 0);
    CHECK_IS(asyncio_stream_write(p->a, "y", 1), 0);
    CHECK_IS(asyncio_stream_read(p->b, &byte, 1), 1);
    return byte == 'y' ? 0 : -EPROTO;
}

/* And so is a handshake while a file is on its way. */
static int while_sending(struct pair *p, const struct ends *ends, int file)
{
    if (world.is_chopped)
        return 0;
    asyncio_task *sender;
    char *back = malloc(large());
    START(sender, send_it, p->a, file);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(sender), 0);
    CHECK_IS(secure_it(p->a, ends->client, 0), -EBUSY);
    CHECK_IS(asyncio_stream_readexactly(p->b, back, large(), NULL), 0);
    CHECK_IS(join(sender), 0);
    free(back);
    return 0;
}

static int one_at_a_time(struct pair *p)
{
    struct ends ends;
    int file = memfd_create("asyncio", MFD_CLOEXEC);
    CHECK_IS(ftruncate(file, (off_t)large()), 0);
    CHECK_IS(open_ends(&ends), 0);
    int r = while_sending(p, &ends, file);
    if (r >= 0)
        r = while_shaking_hands(p, &ends, file);
    close(file);
    int closed = close_ends(&ends);
    return r < 0 ? r : closed;
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    with_pair(one_at_a_time);
}

/* The client does not wait for the answer: its handshake comes in one piece with its line, and the
 * server has read it all before it begins. */
static int greedy_server(asyncio_stream *stream, void *data)
{
    char line[64];
    int r = asyncio_stream_fill(stream, 9 + 100);
    if (r >= 0)
        r = asyncio_stream_readline(stream, line, sizeof line);
    if (r > 0)
        r = asyncio_stream_start_tls(stream, data, .server_side = 1);
    return r < 0 ? r : echo(stream);
}

static int buffered(void *data)
{
    (void)data;
    struct ends ends;
    asyncio_stream *stream;
    asyncio_server *server;
    CHECK_IS(open_ends(&ends), 0);
    CHECK_IS(asyncio_start_server(greedy_server, "127.0.0.1", 0, &server, .data = ends.server), 0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream), 0);
    CHECK_IS(asyncio_stream_write(stream, "STARTTLS\n", 9), 0);
    CHECK_IS(asyncio_stream_start_tls(stream, ends.client, .server_hostname = "localhost"), 0);
    CHECK_IS(ask(stream, "nothing was lost\n"), 0);
    CHECK_IS(close_it(stream), 0);
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    asyncio_server_unref(server);
    return close_ends(&ends);
}

static void test_buffered(void **state)
{
    (void)state;
    run_everywhere(buffered);
}

/* ---- TLS inside of TLS ---- */

static int serve_twice(asyncio_stream *stream, void *data)
{
    int r = asyncio_stream_start_tls(stream, data);
    return r < 0 ? r : echo(stream);
}

static int much_through(asyncio_stream *stream)
{
    static char block[90000], back[90000];
    size_t size = world.is_chopped ? 3000 : sizeof block;
    for (size_t i = 0; i < size; i++)
        block[i] = i % 100 == 99 || i == size - 1 ? '\n' : (char)('a' + i % 26);
    CHECK_IS(asyncio_stream_write_nowait(stream, block, size), 0);
    CHECK_IS(asyncio_stream_readexactly(stream, back, size, NULL), 0);
    CHECK(memcmp(block, back, size) == 0);
    return 0;
}

static int nested(void *data)
{
    (void)data;
    struct ends ends;
    asyncio_stream *stream;
    asyncio_server *server;
    CHECK_IS(open_ends(&ends), 0);
    CHECK_IS(asyncio_start_server(serve_twice, "127.0.0.1", 0, &server, .ssl = ends.server,
                                  .data = ends.server),
             0);
    CHECK_IS(asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream,
                                     .ssl = ends.client),
             0);
    CHECK_IS(asyncio_stream_start_tls(stream, ends.client, .server_hostname = "localhost"), 0);
    CHECK_IS(ask(stream, "deep inside\n"), 0);
    CHECK_IS(much_through(stream), 0);
    CHECK_IS(close_it(stream), 0);
    asyncio_server_close(server);
    CHECK_IS(asyncio_server_wait_closed(server), 0);
    asyncio_server_unref(server);
    return close_ends(&ends);
}

static void test_nested(void **state)
{
    (void)state;
    run_everywhere(nested);
}

/* ---- misuse ---- */

#define CHECK_SAYS(expression, code, sentence)                                                     \
    do {                                                                                           \
        CHECK_IS(expression, code);                                                                \
        CHECK(asyncio_last_error(code) && strstr(asyncio_last_error(code)->text, sentence));       \
    } while (0)

static int misuse(void *data)
{
    (void)data;
    const struct certificates *c = certificates();
    static const char *const empty[] = { "" };
    struct ends ends;
    asyncio_stream *stream = NULL;
    asyncio_server *server = NULL;
    asyncio_ssl_context *none = NULL;
    CHECK_IS(open_ends(&ends), 0);
    CHECK_SAYS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.server),
               -EINVAL, "client socket");
    CHECK_SAYS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .server_hostname = "x"),
               -EINVAL, "only meaningful with ssl");
    CHECK_SAYS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.client,
                                       .ssl_handshake_timeout = 0),
               -EINVAL, "ssl_handshake_timeout should be a positive number, got 0");
    CHECK_SAYS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.client,
                                       .ssl_shutdown_timeout = -1),
               -EINVAL, "ssl_shutdown_timeout should be a positive number, got -1");
    CHECK_SAYS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.client,
                                       .server_hostname = ".org"),
               -EINVAL, "leading dot");
    CHECK_SAYS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.client,
                                       .server_hostname = ""),
               -EINVAL, "check_hostname requires server_hostname");
    CHECK_SAYS(asyncio_start_server(echo, "127.0.0.1", 0, &server, .ssl = ends.client), -EINVAL,
               "server socket");
    CHECK(!stream && !server);
    CHECK_IS(asyncio_ssl_create_default_context((asyncio_ssl_purpose)7, &none), -EINVAL);
    CHECK_IS(asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, &none, .cafile = "/none"),
             -ENOENT);
    CHECK_IS(
        asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, &none, .cadata = "rubbish"),
        -ASYNCIO_SSL);
    CHECK(!none);
    CHECK_IS(asyncio_ssl_context_load_cert_chain(ends.server, "/none", NULL, NULL), -ENOENT);
    CHECK_SAYS(asyncio_ssl_context_load_cert_chain(ends.server, c->server, c->other, NULL),
               -ASYNCIO_SSL, "key values mismatch");
    CHECK_IS(asyncio_ssl_context_load_cert_chain(ends.server, c->locked, NULL, NULL), -ASYNCIO_SSL);
    CHECK_IS(asyncio_ssl_context_load_cert_chain(ends.server, c->locked, NULL, "no"), -ASYNCIO_SSL);
    CHECK_IS(asyncio_ssl_context_load_cert_chain(ends.server, c->locked, NULL, "sesame"), 0);
    CHECK_IS(asyncio_ssl_context_load_verify_locations(ends.client, NULL, NULL, NULL), -EINVAL);
    CHECK_SAYS(asyncio_ssl_context_set_verify_mode(ends.client, ASYNCIO_SSL_CERT_NONE), -EINVAL,
               "check_hostname is enabled");
    CHECK_IS(asyncio_ssl_context_set_verify_mode(ends.client, (asyncio_ssl_verify_mode)9), -EINVAL);
    CHECK_IS(asyncio_ssl_context_set_minimum_version(ends.client, (asyncio_ssl_version)0x301),
             -EINVAL);
    CHECK_IS(asyncio_ssl_context_set_ciphers(ends.client, "none-of-these"), -ASYNCIO_SSL);
    CHECK_IS(asyncio_ssl_context_set_alpn_protocols(ends.client, empty, 1), -EINVAL);
    CHECK_IS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.client), 0);
    CHECK_IS(asyncio_stream_start_tls(stream, NULL), -EINVAL);
    CHECK_IS(ask(stream, "still there\n"), 0); /* and none of that did any harm */
    CHECK_IS(close_it(stream), 0);
    return close_ends(&ends);
}

static void test_misuse(void **state)
{
    (void)state;
    run_everywhere(misuse);
}

/* Nobody is believed where nothing is checked; trust by text. */
static int trust(void *data)
{
    (void)data;
    struct ends ends;
    static char text[8192];
    FILE *file = fopen(certificates()->ca, "r");
    CHECK(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    CHECK_IS(open_ends(&ends), 0);
    asyncio_ssl_context_unref(ends.client);
    CHECK_IS(asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, &ends.client,
                                                .cadata = text),
             0);
    CHECK(visit(&ends, NULL, "version", text, sizeof text) > 0);
    asyncio_ssl_context_unref(ends.client);
    CHECK_IS(asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, &ends.client), 0);
    asyncio_stream *stream;
    CHECK_IS(asyncio_open_connection("127.0.0.1", ends.port, &stream, .ssl = ends.client),
             -ASYNCIO_SSL_CERT_VERIFICATION); /* the system's roots do not know it */
    CHECK_IS(asyncio_ssl_context_set_check_hostname(ends.client, 0), 0);
    CHECK_IS(asyncio_ssl_context_set_verify_mode(ends.client, ASYNCIO_SSL_CERT_NONE), 0);
    CHECK(visit(&ends, "anything", "version", text, sizeof text) > 0);
    return close_ends(&ends);
}

static void test_trust(void **state)
{
    (void)state;
    run_everywhere(trust);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_sni),
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_start_tls),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_buffered),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_trust),
    };
    warm_up();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
