/* SPDX-License-Identifier: MIT */
/* https, AF_UNIX, upgrades, fingerprints: connections that are different from others. */
#include "net/tls_test.h"

#include "client/client_test.h"
#include "client/upgrade.h"

static int hello(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_respondf(request, "%s %s", aiohttp_web_request_scheme(request),
                                aiohttp_web_request_path(request));
}

static int fails(int r, int expected)
{
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, expected);
    return 0;
}

static int over_tls(aiohttp_client_session *session, int port)
{
    aiohttp_client_response *response;
    aiohttp_fingerprint wrong = { .sha256 = { 1 } };
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d/a", port);
    int r = 0;
    for (int i = 0; i < 3 && r >= 0; i++) {
        r = aiohttp_client_session_get(session, url, &response);
        r = text_is(r, &response, "https /a");
    }
    aiohttp_connector_stats stats;
    aiohttp_connector_get_stats(aiohttp_client_session_connector(session), &stats);
    if (r >= 0)
        CHECK_IS((int)stats.created, 1);
    /* Another name is another connection, and this one is refused (CVE-2026-54275). */
    if (r >= 0)
        r = fails(aiohttp_client_session_get(session, url, &response,
                                             .server_hostname = "other.example.net"),
                  -ASYNCIO_SSL_CERT_VERIFICATION);
    if (r >= 0)
        r = fails(aiohttp_client_session_get(session, url, &response, .fingerprint = &wrong),
                  -AIOHTTP_FINGERPRINT);
    if (r >= 0) {
        r = aiohttp_client_session_get(session, url, &response, .server_hostname = "localhost");
        r = text_is(r, &response, "https /a");
    }
    aiohttp_connector_get_stats(aiohttp_client_session_connector(session), &stats);
    if (r >= 0)
        CHECK_IS((int)stats.created, 2);
    return r;
}

/* Without a context of one's own: the right fingerprint stands for the chain that is not
 * trusted. */
static int pinned(int port)
{
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    aiohttp_fingerprint right, wrong = { .sha256 = { 1 } };
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d/a", port);
    CHECK_IS(certificate_digest(certificates()->server, right.sha256), 0);
    int r = aiohttp_client_session_new(&session);
    if (r >= 0)
        r = fails(aiohttp_client_session_get(session, url, &response),
                  -ASYNCIO_SSL_CERT_VERIFICATION);
    if (r >= 0)
        r = fails(aiohttp_client_session_get(session, url, &response, .fingerprint = &wrong),
                  -AIOHTTP_FINGERPRINT);
    if (r >= 0)
        r = aiohttp_client_session_get(session, url, &response, .fingerprint = &right);
    r = text_is(r, &response, "https /a");
    /* The connection that was pinned is not one for who wants verification. */
    if (r >= 0)
        r = fails(aiohttp_client_session_get(session, url, &response),
                  -ASYNCIO_SSL_CERT_VERIFICATION);
    return session_end(session, r);
}

/* With a context that verifies nothing the fingerprint is all there is: it counts on every hop. */
static int moves(asyncio_stream *stream, void *data)
{
    struct raw *raw = data;
    char text[256];
    int r = read_request(stream, raw->request, sizeof raw->request);
    if (r <= 0)
        return 0;
    snprintf(text, sizeof text,
             "HTTP/1.1 302 Go\r\nLocation: https://127.0.0.1:%d/there\r\nContent-Length: 0\r\n\r\n",
             raw->requests);
    return asyncio_stream_write(stream, text, strlen(text));
}

static int pinned_hops(int port)
{
    struct raw raw = { .requests = port };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    aiohttp_fingerprint pin;
    asyncio_ssl_context *server = NULL, *careless = NULL;
    char url[64];
    CHECK_IS(certificate_digest(certificates()->other, pin.sha256), 0);
    int r = server_context(certificates()->other, &server);
    if (r >= 0)
        r = asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, &careless);
    if (r >= 0)
        r = asyncio_ssl_context_set_check_hostname(careless, 0);
    if (r >= 0)
        r = asyncio_ssl_context_set_verify_mode(careless, ASYNCIO_SSL_CERT_NONE);
    if (r >= 0)
        r = asyncio_start_server(moves, "127.0.0.1", 0, &raw.server, .data = &raw, .ssl = server);
    if (r >= 0)
        r = aiohttp_client_session_new(&session);
    if (r >= 0) {
        snprintf(url, sizeof url, "https://127.0.0.1:%d/", asyncio_server_port(raw.server));
        r = fails(aiohttp_client_session_get(session, url, &response, .ssl = careless,
                                             .fingerprint = &pin),
                  -AIOHTTP_FINGERPRINT);
    }
    if (r >= 0)
        CHECK_BEGINS(raw.request, "GET / "); /* it was asked, and believed */
    asyncio_ssl_context_unref(server);
    asyncio_ssl_context_unref(careless);
    return raw_end(&raw, session_end(session, r));
}

/* Handshakes: their ends lie behind their beginnings, and what failed has none. */
static int handshakes[2];

static void tls_starts(const aiohttp_trace *trace, void *data)
{
    (void)data;
    handshakes[0] += trace->host != NULL;
}

static void tls_ends(const aiohttp_trace *trace, void *data)
{
    (void)data;
    handshakes[1] += trace->host != NULL && handshakes[0] > handshakes[1];
}

static const aiohttp_trace_config tracing = { .size = sizeof tracing,
                                              .on_connection_tls_start = tls_starts,
                                              .on_connection_tls_end = tls_ends };

static int tls(void *data)
{
    struct live live;
    aiohttp_client_session *session = NULL;
    aiohttp_web_site *site = NULL;
    asyncio_ssl_context *server = NULL, *client = NULL;
    aiohttp_limits limits = aiohttp_server_limits();
    (void)data;
    /* To load all roots takes longer than a handshake may, on a slow machine. */
    limits.tls_time = ASYNCIO_NONE;
    int r =
        live_start_with(&live, hello,
                        &(aiohttp_web_server_options){ .size = sizeof(aiohttp_web_server_options),
                                                       .keepalive_timeout = -1,
                                                       .limits = &limits });
    if (r >= 0)
        r = server_context(certificates()->server, &server);
    if (r >= 0)
        r = client_context(&client);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(live.runner, "127.0.0.1", 0, &site, .ssl_context = server);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .ssl = client, .trace = &tracing);
    memset(handshakes, 0, sizeof handshakes);
    if (r >= 0)
        r = over_tls(session, aiohttp_web_site_port(site));
    r = session_end(session, r);
    if (r >= 0 && world.seed < 2) /* all roots are loaded each time */
        r = pinned(aiohttp_web_site_port(site));
    if (r >= 0) {
        CHECK_IS(handshakes[0], 4); /* one for another name, one with another certificate */
        CHECK_IS(handshakes[1], 3);
        r = pinned_hops(aiohttp_web_site_port(site));
    }
    r = live_end(&live, r);
    aiohttp_web_site_unref(site);
    asyncio_ssl_context_unref(server);
    asyncio_ssl_context_unref(client);
    return r;
}

static int path(void *data)
{
    struct live live;
    aiohttp_client_session *session = NULL;
    aiohttp_connector *connector = NULL;
    aiohttp_client_response *response;
    aiohttp_web_site *site = NULL;
    (void)data;
    int r = live_start(&live, hello);
    if (r >= 0)
        r = aiohttp_web_unix_site_new(live.runner, abstract("client"), &site);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    if (r >= 0)
        r = aiohttp_unix_connector_new(abstract("client"), &connector);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector,
                                       .base_url = "http://localhost/base/");
    aiohttp_connector_unref(connector);
    for (int i = 0; i < 2 && r >= 0; i++) {
        r = aiohttp_client_session_get(session, "below", &response);
        r = text_is(r, &response, "http /base/below");
    }
    r = session_end(session, r);
    r = live_end(&live, r);
    aiohttp_web_site_unref(site);
    return r;
}

/* --- upgrades --- */

static int serve_upgrade(asyncio_stream *stream, void *data)
{
    struct raw *raw = data;
    char text[16];
    int r = read_request(stream, raw->request, sizeof raw->request);
    if (r > 0)
        r = asyncio_stream_write(stream, raw->answer, strlen(raw->answer));
    while (r >= 0 && (r = asyncio_stream_read(stream, text, sizeof text)) > 0)
        r = asyncio_stream_write(stream, text, (size_t)r);
    return 0;
}

static int upgrade_with(const char *answer, bool is_agreed)
{
    static const char *const fields[] = { "Upgrade", "echo", NULL };
    struct raw raw = { .answer = answer };
    aiohttp_client_session *session = NULL;
    aiohttp_client_response *response;
    asyncio_stream *stream = NULL;
    char text[32] = "", url[64];
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(serve_upgrade, "127.0.0.1", 0, &raw.server, .data = &raw);
    if (r >= 0)
        r = aiohttp_client_session_new(&session);
    if (r >= 0) {
        aiohttp_client_request_options options = AIOHTTP__REQUEST_OPTIONS(.fields = fields, );
        snprintf(url, sizeof url, "ws://127.0.0.1:%d/w", asyncio_server_port(raw.server));
        r = aiohttp__client_upgrade(session, url, &options, &stream, &response);
    }
    if (r >= 0) {
        CHECK_IS(r, is_agreed);
        CHECK_HAS(raw.request, "\r\nConnection: Upgrade\r\n");
        CHECK_HAS(raw.request, "\r\nUpgrade: echo\r\n");
        CHECK_IS(aiohttp_client_response_status(response), is_agreed ? 101 : 400);
        CHECK_TEXT(aiohttp_client_response_header(response, "X-Y"), "z");
        if (is_agreed) {
            r = asyncio_stream_readexactly(stream, text, 5, NULL);
            if (r >= 0)
                r = asyncio_stream_write(stream, "hello", 5);
            if (r >= 0)
                r = asyncio_stream_readexactly(stream, text + 5, 5, NULL);
            if (r >= 0)
                CHECK_TEXT(text, "earlyhello");
            asyncio_stream_close(stream);
            asyncio_stream_unref(stream);
            aiohttp_client_response_unref(response);
        } else
            r = text_is(r, &response, "no");
    }
    return raw_end(&raw, session_end(session, r));
}

static int upgrades(void *data)
{
    (void)data;
    int r = upgrade_with("HTTP/1.1 101 Switching\r\nUpgrade: echo\r\nConnection: Upgrade\r\n"
                         "X-Y: z\r\n\r\nearly", true);
    return r < 0 ? r : upgrade_with("HTTP/1.1 400 No\r\nContent-Length: 2\r\nX-Y: z\r\n\r\nno",
                                    false);
}

#define CASE(name)                                                                                 \
    static void name##_test(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(path)
CASE(upgrades)

static void CVE_2026_54275_another_name_is_another_connection(void **state)
{
    (void)state;
    run_everywhere(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(CVE_2026_54275_another_name_is_another_connection),
        cmocka_unit_test(path_test),
        cmocka_unit_test(upgrades_test),
    };
    signal(SIGPIPE, SIG_DFL);
    certificates();
    warm_up();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
