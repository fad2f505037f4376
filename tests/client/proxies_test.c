/* SPDX-License-Identifier: MIT */
/* Through a proxy that is played: its answers whole and cut at each byte, what is no proxy, what
 * never ends, and which proxy the environment names. */
#include "net/net_test.h"

#include "client/proxies.h"

#include <aiohttp/error.h>
#include <asyncio/timeout.h>
#include <stdlib.h>

/* What the played proxy does with a connection: reads up to `wanted` bytes, sends pieces one after
 * the other, each once so many bytes have come in all, and hangs up. */
struct piece {
    const char *data;
    size_t size;
    int after; /* bytes of the client's that have to have come */
};

struct play {
    asyncio_server *server;
    const struct piece *pieces;
    size_t count, cut; /* bytes that are sent at most */
    bool floods;       /* goes on with fields for ever */
    char heard[1024];
    size_t heard_size;
};

static int listen_to(asyncio_stream *stream, struct play *play, size_t wanted)
{
    while (play->heard_size < wanted) {
        int n = asyncio_stream_read(stream, play->heard + play->heard_size,
                                    sizeof play->heard - 1 - play->heard_size);
        if (n <= 0)
            return n < 0 ? n : -ECONNRESET;
        play->heard_size += (size_t)n;
    }
    return 0;
}

static int flood(asyncio_stream *stream)
{
    int r = 0;
    while (r >= 0)
        r = asyncio_stream_write(stream, "X-Field: some value\r\n", 21);
    return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

static int proxy(asyncio_stream *stream, void *data)
{
    struct play *play = data;
    size_t left = play->cut;
    int r = 0;
    for (size_t i = 0; r >= 0 && i < play->count; i++) {
        const struct piece *piece = &play->pieces[i];
        size_t size = piece->size < left ? piece->size : left;
        r = listen_to(stream, play, (size_t)piece->after);
        if (r >= 0 && size > 0)
            r = asyncio_stream_write(stream, piece->data, size);
        left -= size;
        if (left == 0)
            break;
    }
    if (r >= 0 && play->floods)
        r = flood(stream);
    return r == -ECONNRESET || r == -EPIPE ? 0 : r;
}

typedef int asks(asyncio_stream *stream, void *data);

/* Connects to the played proxy and calls `ask`: its result. */
static int with_proxy(struct play *play, asks *ask, void *data)
{
    asyncio_stream *stream;
    play->heard_size = 0;
    int r = asyncio_start_server(proxy, "127.0.0.1", 0, &play->server, .data = play);
    if (r < 0)
        return r;
    r = asyncio_open_connection("127.0.0.1", asyncio_server_port(play->server), &stream);
    if (r >= 0) {
        r = ask(stream, data);
        asyncio_stream_abort(stream);
        asyncio_stream_unref(stream);
    }
    int ended = end_server(play->server);
    play->heard[play->heard_size] = '\0';
    return r < 0 ? r : ended;
}

/* --- CONNECT --- */

static int status;

static int connect_to(asyncio_stream *stream, void *data)
{
    static aiohttp_limits limits;
    limits = aiohttp_client_limits();
    limits.head = 8192;
    limits.headers = 40;
    struct proxy_connect connect = { .host = "target.org", .port = 443, .limits = &limits };
    if (data)
        connect = *(const struct proxy_connect *)data;
    connect.limits = &limits;
    return aiohttp__proxy_connect(stream, &connect, &status);
}

/* And reads what the target says. */
static int connect_and_read(asyncio_stream *stream, void *data)
{
    char text[16];
    int r = connect_to(stream, data);
    if (r < 0)
        return r;
    r = asyncio_stream_readexactly(stream, text, 5, NULL);
    if (r < 0)
        return r;
    CHECK(memcmp(text, "hello", 5) == 0);
    return 0;
}

#define REQUEST "CONNECT target.org:443 HTTP/1.1\r\nHost: target.org:443\r\n\r\n"
#define TEXT(text) text, sizeof(text) - 1

static int accepted(void *data)
{
    (void)data;
    /* what the target sends may be in the same packet */
    struct piece one[] = { { TEXT("HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\nhello"),
                             sizeof(REQUEST) - 1 } };
    struct play play = { .pieces = one, .count = 1, .cut = 1000 };
    int r = with_proxy(&play, connect_and_read, NULL);
    if (r < 0)
        return r;
    CHECK(strcmp(play.heard, REQUEST) == 0);
    CHECK_IS(status, 200);
    /* 1xx before it, a body that it says it has, and has not */
    struct piece two[] = { { TEXT("HTTP/1.1 103 x\r\nLink: <a>\r\n\r\nHTTP/1.1 204 No\r\n"
                                  "Content-Length: 9\r\n\r\nhello"),
                             sizeof(REQUEST) - 1 } };
    play.pieces = two;
    r = with_proxy(&play, connect_and_read, NULL);
    if (r < 0)
        return r;
    CHECK_IS(status, 204);
    /* what is sent to the proxy alone */
    aiohttp_headers *headers = aiohttp_headers_new();
    r = headers ? aiohttp_headers_add(headers, "X-Id", "7") : -ENOMEM;
    struct proxy_connect connect = { .host = "2001:db8::1", .port = 80, .authorization = "Basic eA",
                                     .headers = headers };
    static const char asked[] = "CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n"
                                "Proxy-Authorization: Basic eA\r\nX-Id: 7\r\n\r\n";
    struct piece three[] = { { TEXT("HTTP/1.1 200 \r\n\r\nhello"), sizeof asked - 1 } };
    play.pieces = three;
    if (r >= 0)
        r = with_proxy(&play, connect_and_read, &connect);
    aiohttp_headers_unref(headers);
    if (r < 0)
        return r;
    CHECK(strcmp(play.heard, asked) == 0);
    return 0;
}

static void a_way_through(void **state)
{
    (void)state;
    run_everywhere(accepted);
}

static int refused(void *data)
{
    (void)data;
    static const struct {
        const char *answer;
        int error, status;
    } rows[] = {
        { "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
          -AIOHTTP_PROXY, 407 },
        { "HTTP/1.1 503 \r\n\r\n<html>", -AIOHTTP_PROXY, 503 },
        { "HTTP/1.1 302 Found\r\nLocation: http://evil.org/\r\n\r\n", -AIOHTTP_PROXY, 302 },
        { "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", -AIOHTTP_PROXY,
          101 },
        { "SSH-2.0-OpenSSH\r\n", -AIOHTTP_BAD_HTTP_MESSAGE, 0 },
        { "\x16\x03\x01\x02\x03\r\n", -AIOHTTP_BAD_HTTP_MESSAGE, 0 },
        { "HTTP/1.1 2000 OK\r\n\r\n", -AIOHTTP_BAD_HTTP_MESSAGE, 0 },
        { "HTTP/1.1 200 OK\r\nBad Field: x\r\n\r\n", -AIOHTTP_BAD_HTTP_MESSAGE, 0 },
        { "HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n", -AIOHTTP_BAD_HTTP_MESSAGE, 0 },
        { "HTTP/9.1 200 OK\r\n\r\n", -AIOHTTP_BAD_HTTP_MESSAGE, 0 },
        { "", -AIOHTTP_PROXY_CLOSED, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct piece piece = { rows[i].answer, strlen(rows[i].answer), sizeof(REQUEST) - 1 };
        struct play play = { .pieces = &piece, .count = 1, .cut = 1000 };
        status = -1;
        int r = with_proxy(&play, connect_to, NULL);
        if (r == -ENOMEM)
            return r;
        if (r != rows[i].error)
            print_error("%s\n", rows[i].answer);
        CHECK_IS(r, rows[i].error);
        CHECK_IS(status, rows[i].status);
    }
    return 0;
}

static void no_way_through(void **state)
{
    (void)state;
    run_everywhere(refused);
}

static int cut(void *data)
{
    (void)data;
    struct piece piece = { TEXT("HTTP/1.1 200 OK\r\nVia: proxy\r\n\r\n"), sizeof(REQUEST) - 1 };
    for (size_t size = 0; size <= piece.size; size++) {
        struct play play = { .pieces = &piece, .count = 1, .cut = size };
        int r = with_proxy(&play, connect_to, NULL);
        if (r == -ENOMEM)
            return r;
        CHECK_IS(r, size == piece.size ? 0 : -AIOHTTP_PROXY_CLOSED);
    }
    return 0;
}

static void cut_at_each_byte(void **state)
{
    (void)state;
    run_everywhere(cut);
}

static int endless(void *data)
{
    (void)data;
    struct piece piece = { TEXT("HTTP/1.1 200 OK\r\n"), sizeof(REQUEST) - 1 };
    struct play play = { .pieces = &piece, .count = 1, .cut = 1000, .floods = true };
    CHECK_IS(with_proxy(&play, connect_to, NULL), -AIOHTTP_HEADERS_TOO_LARGE);
    /* and 1xx after 1xx */
    static char many[40 * 25];
    for (size_t i = 0; i < 40; i++)
        memcpy(many + 25 * i, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    struct piece interim = { many, sizeof many, sizeof(REQUEST) - 1 };
    play = (struct play){ .pieces = &interim, .count = 1, .cut = sizeof many };
    CHECK_IS(with_proxy(&play, connect_to, NULL), -AIOHTTP_BAD_HTTP_MESSAGE);
    return 0;
}

static void endless_answers(void **state)
{
    (void)state;
    run_everywhere(endless);
}

static int misuses(asyncio_stream *stream, void *data)
{
    static const struct {
        const char *host;
        int port;
        const char *authorization;
    } wrong[] = { { "a b", 80, NULL }, { "a\r\nX: y", 80, NULL }, { "", 80, NULL },
                  { NULL, 80, NULL },  { "a/b", 80, NULL },      { "a", 0, NULL },
                  { "a", 65536, NULL }, { "a@b", 80, NULL },     { "a", 80, "x\r\nY: z" } };
    (void)data;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct proxy_connect connect = { .host = wrong[i].host, .port = wrong[i].port,
                                         .authorization = wrong[i].authorization };
        CHECK_IS(connect_to(stream, &connect), -EINVAL);
    }
    return 0;
}

static int misused(void *data)
{
    (void)data;
    struct play play = { .pieces = NULL };
    int r = with_proxy(&play, misuses, NULL);
    CHECK(play.heard_size == 0);
    return r;
}

static void what_cannot_be_asked_for(void **state)
{
    (void)state;
    run_everywhere(misused);
}

/* A proxy that says nothing: whoever waits for it can be cancelled, and a deadline passes. */
static int silent(void *data)
{
    (void)data;
    struct piece piece = { TEXT("HTTP/1.1 200"), sizeof(REQUEST) - 1 };
    struct piece never = { TEXT("x"), 1000 };
    struct piece both[] = { piece, never };
    struct play play = { .pieces = both, .count = 2, .cut = 1000 };
    asyncio_timeout limit;
    int r = asyncio_timeout_enter(&limit, 0.05);
    if (r >= 0) /* without a limit it would take for ever */
        r = with_proxy(&play, connect_to, NULL);
    r = asyncio_timeout_exit(&limit, r);
    if (r == -ENOMEM)
        return r;
    CHECK_IS(r, -ETIMEDOUT);
    return 0;
}

static void a_silent_one(void **state)
{
    (void)state;
    run_everywhere(silent);
}

/* --- SOCKS5 --- */

struct socks {
    const char *host, *user, *password;
};

static int socks_to(asyncio_stream *stream, void *data)
{
    const struct socks *socks = data;
    return aiohttp__socks5_connect(stream, socks->host, 443, socks->user, socks->password);
}

static int socks_and_read(asyncio_stream *stream, void *data)
{
    char text[8];
    int r = socks_to(stream, data);
    if (r >= 0)
        r = asyncio_stream_readexactly(stream, text, 5, NULL);
    if (r >= 0)
        CHECK(memcmp(text, "hello", 5) == 0);
    return r;
}

static int socks_accepted(void *data)
{
    (void)data;
    struct socks name = { "target.org", NULL, NULL }, with_user = { "::1", "me", "pw" };
    struct piece plain[] = { { TEXT("\5\0"), 3 },
                             { TEXT("\5\0\0\1\1\2\3\4\0\x50hello"), 3 + 17 } };
    struct play play = { .pieces = plain, .count = 2, .cut = 1000 };
    int r = with_proxy(&play, socks_and_read, &name);
    if (r < 0)
        return r;
    CHECK(memcmp(play.heard, "\5\1\0\5\1\0\3\x0atarget.org\1\xbb", 20) == 0);
    struct piece authorized[] = { { TEXT("\5\2"), 4 },
                                  { TEXT("\1\0"), 4 + 7 },
                                  { TEXT("\5\0\0\3\2ab\0\x50hello"), 4 + 7 + 22 } };
    play = (struct play){ .pieces = authorized, .count = 3, .cut = 1000 };
    r = with_proxy(&play, socks_and_read, &with_user);
    if (r < 0)
        return r;
    CHECK(memcmp(play.heard, "\5\2\0\2\1\2me\2pw\5\1\0\4", 15) == 0);
    /* offered, and not wanted */
    struct piece unwanted[] = { { TEXT("\5\0"), 4 },
                                { TEXT("\5\0\0\1\1\2\3\4\0\x50hello"), 4 + 22 } };
    play = (struct play){ .pieces = unwanted, .count = 2, .cut = 1000 };
    return with_proxy(&play, socks_and_read, &with_user);
}

static void a_way_by_socks(void **state)
{
    (void)state;
    run_everywhere(socks_accepted);
}

static int socks_refused(void *data)
{
    (void)data;
    static const int errors[] = { -AIOHTTP_SOCKS_FAILURE, -AIOHTTP_SOCKS_NOT_ALLOWED,
                                  -AIOHTTP_SOCKS_NETWORK_UNREACHABLE,
                                  -AIOHTTP_SOCKS_HOST_UNREACHABLE, -AIOHTTP_SOCKS_REFUSED,
                                  -AIOHTTP_SOCKS_TTL_EXPIRED, -AIOHTTP_SOCKS_COMMAND,
                                  -AIOHTTP_SOCKS_ADDRESS, -AIOHTTP_SOCKS_PROTOCOL };
    struct socks name = { "target.org", NULL, NULL }, with_user = { "a", "me", "pw" };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        const char answer[] = { 5, (char)(i + 1), 0, 1, 0, 0, 0, 0, 0, 0 };
        struct piece pieces[] = { { TEXT("\5\0"), 3 }, { answer, sizeof answer, 3 + 17 } };
        struct play play = { .pieces = pieces, .count = 2, .cut = 1000 };
        int r = with_proxy(&play, socks_to, &name);
        if (r == -ENOMEM)
            return r;
        CHECK_IS(r, errors[i]);
    }
    struct piece none[] = { { TEXT("\5\xff"), 3 } }, http[] = { { TEXT("HTTP/1.1 400 \r\n"), 3 } };
    struct piece wrong_password[] = { { TEXT("\5\2"), 4 }, { TEXT("\1\1"), 4 + 7 } };
    struct play play = { .pieces = none, .count = 1, .cut = 1000 };
    CHECK_IS(with_proxy(&play, socks_to, &name), -AIOHTTP_SOCKS_NO_METHOD);
    play.pieces = http;
    CHECK_IS(with_proxy(&play, socks_to, &name), -AIOHTTP_SOCKS_PROTOCOL);
    play = (struct play){ .pieces = wrong_password, .count = 2, .cut = 1000 };
    CHECK_IS(with_proxy(&play, socks_to, &with_user), -AIOHTTP_SOCKS_AUTH);
    struct socks wrong = { "", NULL, NULL };
    CHECK_IS(with_proxy(&play, socks_to, &wrong), -EINVAL);
    CHECK(play.heard_size == 0);
    return 0;
}

static void each_reply_has_a_name(void **state)
{
    (void)state;
    run_everywhere(socks_refused);
}

static int socks_cut(void *data)
{
    (void)data;
    struct socks with_user = { "a", "me", "pw" };
    struct piece pieces[] = { { TEXT("\5\2"), 4 }, { TEXT("\1\0"), 4 + 7 },
                              { TEXT("\5\0\0\4aaaabbbbccccdddd\0\x50"), 4 + 7 + 8 } };
    for (size_t size = 0; size <= 2 + 2 + 22; size++) {
        struct play play = { .pieces = pieces, .count = 3, .cut = size };
        int r = with_proxy(&play, socks_to, &with_user);
        if (r == -ENOMEM)
            return r;
        CHECK_IS(r, size == 26 ? 0 : -AIOHTTP_PROXY_CLOSED);
    }
    return 0;
}

static void socks_cut_at_each_byte(void **state)
{
    (void)state;
    run_everywhere(socks_cut);
}

/* --- the environment --- */

/* Which proxy a request has, "-" for none, "!" for an error. */
static void chosen(const char *text, const char *expected)
{
    aiohttp_url *url, *proxy_url = NULL;
    assert_int_equal(aiohttp_url_new(text, &url), 0);
    int r = aiohttp__proxy_of_environment(url, &proxy_url);
    aiohttp_url_unref(url);
    char answer[256];
    snprintf(answer, sizeof answer, "%s", r == 1 ? aiohttp_url_str(proxy_url) : r == 0 ? "-" : "!");
    aiohttp_url_unref(proxy_url);
    assert_int_not_equal(r, -ENOMEM);
    assert_string_equal(answer, expected);
}

static void no_variables(void)
{
    static const char *const names[] = { "http_proxy", "https_proxy", "ws_proxy", "wss_proxy",
                                         "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY",
                                         "ALL_PROXY", "NO_PROXY", "WS_PROXY", "WSS_PROXY",
                                         "REQUEST_METHOD" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

static void by_the_environment(void **state)
{
    (void)state;
    no_variables();
    chosen("http://a.org/", "-");
    setenv("http_proxy", "http://p:3128", 1);
    chosen("http://a.org/", "http://p:3128");
    chosen("ws://a.org/", "http://p:3128");
    chosen("https://a.org/", "-");
    setenv("https_proxy", "socks5h://me:pw@s", 1);
    chosen("https://a.org/", "socks5h://me:pw@s");
    chosen("wss://a.org/", "socks5h://me:pw@s");
    setenv("wss_proxy", "https://t", 1);
    chosen("wss://a.org/", "https://t");
    /* lower case counts more; set and empty: none */
    setenv("HTTP_PROXY", "http://upper", 1);
    chosen("http://a.org/", "http://p:3128");
    unsetenv("http_proxy");
    chosen("http://a.org/", "http://upper");
    setenv("http_proxy", "", 1);
    setenv("all_proxy", "http://all", 1);
    chosen("http://a.org/", "-");
    /* a program of CGI: HTTP_PROXY is what the client sent as Proxy */
    unsetenv("http_proxy");
    setenv("REQUEST_METHOD", "GET", 1);
    chosen("http://a.org/", "http://all");
    unsetenv("all_proxy");
    chosen("http://a.org/", "-");
    setenv("http_proxy", "q:1", 1);
    chosen("http://a.org/", "http://q:1");
    /* spared */
    setenv("no_proxy", "x,a.org:80,10.0.0.0/8", 1);
    chosen("http://a.org/", "-");
    chosen("http://b.a.org/", "-");
    chosen("http://a.org:81/", "http://q:1");
    chosen("http://10.1.2.3/", "-");
    chosen("/relative", "-");
    chosen("ftp://a.org/", "-");
    /* what is none */
    setenv("http_proxy", "ftp://p", 1);
    chosen("http://c.org/", "!");
    setenv("http_proxy", "http://", 1);
    chosen("http://c.org/", "!");
    setenv("http_proxy", "http://secret:word@[::", 1);
    chosen("http://c.org/", "!");
    no_variables();
}

static void what_a_proxy_is(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum proxy_kind kind;
        int port;
        const char *authorization;
    } rows[] = { { "http://p", PROXY_HTTP, 80, "" },
                 { "https://p", PROXY_HTTPS, 443, "" },
                 { "socks5://p", PROXY_SOCKS5, 1080, "" },
                 { "socks5h://p:9", PROXY_SOCKS5H, 9, "" },
                 { "http://us%40er:p%3Aw@p:1", PROXY_HTTP, 1, "Basic dXNAZXI6cDp3" },
                 { "http://user@p:1", PROXY_HTTP, 1, "Basic dXNlcjo=" },
                 { "ftp://p:1", PROXY_NONE, 1, "" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char memory[64];
        aiohttp_url *url;
        struct bytes out = bytes_in(memory, sizeof memory);
        assert_int_equal(aiohttp_url_new(rows[i].text, &url), 0);
        assert_int_equal(aiohttp__proxy_kind(url), rows[i].kind);
        assert_int_equal(aiohttp__proxy_port(url), rows[i].port);
        aiohttp__url_authorization(&out, url);
        assert_int_equal(out.error, 0);
        assert_true(span_is(bytes_span(&out), span_of(rows[i].authorization)));
        aiohttp_url_unref(url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_way_through),
        cmocka_unit_test(no_way_through),
        cmocka_unit_test(cut_at_each_byte),
        cmocka_unit_test(endless_answers),
        cmocka_unit_test(what_cannot_be_asked_for),
        cmocka_unit_test(a_silent_one),
        cmocka_unit_test(a_way_by_socks),
        cmocka_unit_test(each_reply_has_a_name),
        cmocka_unit_test(socks_cut_at_each_byte),
        cmocka_unit_test(by_the_environment),
        cmocka_unit_test(what_a_proxy_is),
    };
    return cmocka_run_group_tests_name("proxies", tests, NULL, NULL);
}
