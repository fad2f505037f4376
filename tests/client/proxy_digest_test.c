/* SPDX-License-Identifier: MIT */
/* A proxy that asks for Digest: plain requests and tunnels are answered, and once it is known what
 * it wants nothing else is sent; with `.proxy_digest` the password never is. */
#include "client/digests.h"

static struct {
    asyncio_server *server;
    int asked, basic, right, wrong; /* 407 without a try of Digest, or with Basic; by Digest */
    int nonce;                      /* its number: another one is stale */
    bool hides_stale, wants_basic, is_broken, never;
    char head[8192], body[64];
} proxy;

/* Whether the field answers for what the request line asks. */
static bool is_right(const char *head, const char *field)
{
    char method[16], target[256];
    return sscanf(head, "%15s %255s", method, target) == 2 &&
           digest_is_right(field, "me:the proxy:secret", method, target, NULL);
}

static const char *tunnel(const char *head)
{
    return strncmp(head, "CONNECT ", 8) == 0 ? "HTTP/1.1 200 Established\r\n\r\n" : NULL;
}

static int refuse(asyncio_stream *stream, bool is_stale)
{
    char text[512];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"b\"\r\n"
                     "Proxy-Authenticate: %s\r\nContent-Length: 4\r\n\r\nwho?",
                     proxy.is_broken     ? "Digest nonce"
                     : proxy.wants_basic ? "Basic realm=\"c\""
                                         : "");
    if (!proxy.is_broken && !proxy.wants_basic)
        n = snprintf(text, sizeof text,
                     "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"b\"\r\n"
                     "Proxy-Authenticate: Digest realm=\"the proxy\", nonce=\"n%d\", qop=\"auth\", "
                     "algorithm=SHA-256%s\r\nContent-Length: 4\r\n\r\nwho?",
                     proxy.nonce, is_stale && !proxy.hides_stale ? ", stale=true" : "");
    return asyncio_stream_write(stream, text, (size_t)n);
}

/* 1: a tunnel is open. */
static int answer(asyncio_stream *stream, const char *head)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const char *field = strstr(head, "\r\nProxy-Authorization: "), *opens = tunnel(head);
    char nonce[16];
    snprintf(nonce, sizeof nonce, "n%d", proxy.nonce);
    bool is_digest = field && strncmp(field + 23, "Digest ", 7) == 0;
    bool is_basic = field && strncmp(field + 23, "Basic ", 6) == 0;
    bool is_stale = is_digest && strcmp(digest_parameter(field, " nonce=\""), nonce) != 0;
    proxy.basic += is_basic;
    if (proxy.never || (proxy.wants_basic ? !is_basic
                                          : !is_digest || is_stale || !is_right(head, field))) {
        proxy.asked += !is_digest;
        proxy.wrong += is_digest;
        return refuse(stream, is_stale);
    }
    proxy.right++;
    int r = opens ? asyncio_stream_write(stream, opens, strlen(opens))
                  : asyncio_stream_write(stream, ok, sizeof ok - 1);
    return r < 0 ? r : opens != NULL;
}

static int serve(asyncio_stream *stream)
{
    int r;
    while ((r = read_request(stream, proxy.head, sizeof proxy.head)) > 0) {
        const char *length = strstr(proxy.head, "\r\nContent-Length: ");
        size_t size = length ? strtoul(length + 18, NULL, 10) : 0;
        if (size >= sizeof proxy.body)
            return -EPROTO;
        if (size)
            r = asyncio_stream_readexactly(stream, proxy.body, size, NULL);
        proxy.body[size] = '\0';
        if (r >= 0)
            r = answer(stream, proxy.head);
        if (r != 0)
            return r < 0 ? r : 0; /* a tunnel leads nowhere */
    }
    return r;
}

static const char *with_user(const char *user)
{
    static char text[128];
    snprintf(text, sizeof text, "http://%s@127.0.0.1:%d", user, asyncio_server_port(proxy.server));
    return text;
}

static struct {
    int (*talk)(aiohttp_client_session *session);
    int proxy_digest;
} how;

static int with_proxy(void *data)
{
    aiohttp_client_session *session = NULL;
    aiohttp_connector *connector = NULL;
    (void)data;
    memset(&proxy, 0, sizeof proxy);
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    int r = asyncio_start_server(serve, "127.0.0.1", 0, &proxy.server);
    if (r >= 0)
        r = aiohttp_tcp_connector_new(&connector, .proxy_digest = how.proxy_digest);
    if (r >= 0)
        r = aiohttp_client_session_new(&session, .connector = connector);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        r = how.talk(session);
    struct raw raw = { .server = proxy.server };
    return raw_end(&raw, session_end(session, r));
}

static void run_talk(int (*talk)(aiohttp_client_session *session), int proxy_digest)
{
    how.talk = talk;
    how.proxy_digest = proxy_digest;
    run_everywhere(with_proxy);
}

/* --- plain --- */

static int plain_talk(aiohttp_client_session *session)
{
    const char *me = with_user("me:secret");
    ASK(session, "http://target.invalid/x?y", me, NULL, 200);
    CHECK_BEGINS(proxy.head, "GET http://target.invalid/x?y HTTP/1.1\r\n");
    CHECK(!strstr(proxy.head, "\r\nAuthorization"));
    CHECK_IS(proxy.asked, 1);
    CHECK_IS(proxy.basic, how.proxy_digest ? 0 : 1);
    /* now it is known: at once, also with a body, and of another host */
    ASK(session, "http://other.invalid/", me, "the body", 200);
    CHECK_TEXT(proxy.body, "the body");
    CHECK_HAS(proxy.head, "nc=00000002");
    CHECK_IS(proxy.right, 2);
    CHECK_IS(proxy.asked + proxy.wrong, 1);
    /* another nonce: once more, with the body again */
    proxy.nonce++;
    ASK(session, "http://other.invalid/", me, "once more", 200);
    CHECK_TEXT(proxy.body, "once more");
    CHECK_IS(proxy.wrong, 1);
    CHECK_IS(proxy.right, 3);
    /* so when the proxy has begun anew and knows nothing of the old nonce */
    proxy.nonce++;
    proxy.hides_stale = true;
    ASK(session, "http://other.invalid/", me, NULL, 200);
    CHECK_IS(proxy.right, 4);
    CHECK_IS(proxy.basic, how.proxy_digest ? 0 : 1);
    return 0;
}

static void plain_requests(void **state)
{
    (void)state;
    run_talk(plain_talk, 0);
}

static void the_password_is_never_sent(void **state)
{
    (void)state;
    run_talk(plain_talk, 1);
}

static int wrong_talk(aiohttp_client_session *session)
{
    ASK(session, "http://target.invalid/", with_user("me:wrong"), NULL, 407);
    CHECK_IS(proxy.asked, 1);
    CHECK_IS(proxy.wrong, 1);
    /* who else asks by the same proxy is not troubled by that */
    ASK(session, "http://target.invalid/", with_user("me:secret"), NULL, 200);
    /* nobody: there is nothing to answer with */
    char by[64];
    snprintf(by, sizeof by, "http://127.0.0.1:%d", asyncio_server_port(proxy.server));
    ASK(session, "http://target.invalid/", by, NULL, 407);
    CHECK(!strstr(proxy.head, "Authorization"));
    /* it always says no, and that the nonce is stale: that has an end */
    proxy.never = true;
    int before = proxy.wrong;
    proxy.nonce++;
    ASK(session, "http://target.invalid/", with_user("me:secret"), NULL, 407);
    CHECK(proxy.wrong - before <= 3);
    return 0;
}

static void a_wrong_password(void **state)
{
    (void)state;
    run_talk(wrong_talk, 0);
}

static int other_talk(aiohttp_client_session *session)
{
    proxy.wants_basic = true;
    ASK(session, "http://target.invalid/", with_user("me:secret"), NULL,
        how.proxy_digest ? 407 : 200);
    CHECK_IS(proxy.basic, how.proxy_digest ? 0 : 1);
    proxy.wants_basic = false;
    proxy.is_broken = true;
    ASK(session, "http://target.invalid/", with_user("me:secret"), NULL, 407);
    ASK(session, "https://target.invalid/", with_user("me:secret"), NULL, -AIOHTTP_PROXY);
    CHECK_IS(proxy.wrong, 0);
    return 0;
}

static void a_proxy_that_wants_basic(void **state)
{
    (void)state;
    run_talk(other_talk, 0);
}

static void is_refused_it(void **state)
{
    (void)state;
    run_talk(other_talk, 1);
}

/* --- tunnels --- */

/* There is nobody behind the tunnel: with the first word of TLS it ends. */
static int tunnel_talk(aiohttp_client_session *session)
{
    const char *me = with_user("me:secret");
    int r = ask_status(session, "https://target.invalid:444/", me, NULL);
    if (r == -ENOMEM)
        return r;
    CHECK(r < 0 && r != -AIOHTTP_PROXY);
    CHECK_BEGINS(proxy.head, "CONNECT target.invalid:444 HTTP/1.1\r\n");
    CHECK_IS(proxy.asked, 1);
    CHECK_IS(proxy.right, 1);
    r = ask_status(session, "https://[::1]/", me, NULL);
    if (r == -ENOMEM)
        return r;
    CHECK(r < 0 && r != -AIOHTTP_PROXY);
    CHECK_BEGINS(proxy.head, "CONNECT [::1]:443 HTTP/1.1\r\n");
    CHECK_IS(proxy.asked, 1);
    CHECK_IS(proxy.right, 2);
    CHECK_IS(proxy.basic, how.proxy_digest ? 0 : 1);
    /* a plain request knows it too */
    ASK(session, "http://target.invalid/", me, NULL, 200);
    CHECK_IS(proxy.asked + proxy.wrong, 1);
    ASK(session, "https://target.invalid/", with_user("me:wrong"), NULL, -AIOHTTP_PROXY);
    const asyncio_error *error = asyncio_last_error(-AIOHTTP_PROXY);
    CHECK(error && strstr(error->text, "407"));
    CHECK_IS(proxy.wrong, 1);
    return 0;
}

static void tunnels(void **state)
{
    (void)state;
    run_talk(tunnel_talk, 0);
}

static void tunnels_without_the_password(void **state)
{
    (void)state;
    run_talk(tunnel_talk, 1);
}

/* --- many proxies --- */

static int many_talk(aiohttp_client_session *session)
{
    char user[32];
    for (int i = 0; i < 40; i++) {
        snprintf(user, sizeof user, "user%d:x", i % 20);
        ASK(session, "http://target.invalid/", with_user(user), NULL, 407);
    }
    CHECK_IS(proxy.asked, 40); /* whoever comes again was forgotten meanwhile */
    CHECK_IS(proxy.wrong, 40);
    return 0;
}

static void what_many_ask_is_not_kept_for_ever(void **state)
{
    (void)state;
    run_talk(many_talk, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_requests),
        cmocka_unit_test(the_password_is_never_sent),
        cmocka_unit_test(a_wrong_password),
        cmocka_unit_test(a_proxy_that_wants_basic),
        cmocka_unit_test(is_refused_it),
        cmocka_unit_test(tunnels),
        cmocka_unit_test(tunnels_without_the_password),
        cmocka_unit_test(what_many_ask_is_not_kept_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
