/* SPDX-License-Identifier: MIT */
/* The whole client, over the sim backend: a session asks a server that answers whatever the input
 * says; redirects, cookies, codings, kept connections, events. The input's first byte is the seed
 * of the splits, the second says how bodies are read, the third what is asked for (see HOW_ and
 * ASK_); then come the answers, each to the next request, on whatever connection that comes:
 *
 *     0xff 0x01     the answer ends, the connection is kept
 *     0xff 0x02     it ends, and no more is sent on this connection
 *     0xff 0x03     the connection is reset
 *     0xff 0x04     a second passes
 *     0xff 0x05     Sec-WebSocket-Accept of the request
 *
 * HOLDS: every request ends; no block of memory and no connection is left; answers in small pieces
 * give what they give as a whole: status, headers, URLs, body, error with its sentence, cookies,
 * and the same next requests; a body that fails gives the same bytes before, as far as both go;
 * what was meant for one origin is sent to no other. Before each hop a second passes, or more, in
 * which what is sent arrives: whether an answer that nobody asked for comes before or after the
 * next request, is a race that no client can win. */
#include "split.h"

#include "base/alloc.h"
#include "../asyncio/base/error.h"

#include "base/bytes.h"
#include "base/span.h"
#include "wire/scan.h"
#include "wire/ws_handshake.h"

#include <aiohttp/client.h>
#include <aiohttp/client_websocket.h>
#include <aiohttp/cookie_jar.h>
#include <aiohttp/json.h>
#include <asyncio/connect.h>
#include <asyncio/runner.h>
#include <asyncio/server.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

enum { ROOM = 1 << 17, INPUT_MAX = 16384, PORT = 8080, REQUESTS = 3, MARK = 0xff, BODY_MAX = 4000 };

enum {
    HOW_READ,
    HOW_ANY,
    HOW_LINE,
    HOW_EVENT,
    HOW_TEXT,
    HOW_JSON,
    HOW_INTO,
    HOW_RELEASE,
    HOW_RATIO, /* with the limit on it, beside one of the others */
};

enum {
    ASK_HEAD = 1,
    ASK_POST = 2,
    ASK_PLAIN = 4, /* no auto_decompress */
    ASK_RAISE = 8,
    ASK_PROXY = 16,
    ASK_EXPECT = 32,
    ASK_RETRY = 64,
    ASK_WEBSOCKET = 128,
};

#define SECRET "s3cr3t-0f-0ne-0r1g1n"
#define HOST "\r\nHost: a.test:8080\r\n"

struct note {
    size_t size;
    char text[ROOM];
};

struct play {
    const uint8_t *data;
    size_t size, at;
    uint32_t seed; /* 0: as large as can be */
    int how, ask;
    int busy;       /* answers under way */
    bool has_raced; /* what came may depend on how it was cut */
    struct note told;  /* all that came, without bodies */
    struct note asked; /* the requests */
    struct note bodies[REQUESTS];
    bool failed[REQUESTS];
};

static void note(struct note *note, const void *data, size_t size)
{
    if (size > ROOM - note->size)
        size = ROOM - note->size;
    if (size > 0)
        memcpy(note->text + note->size, data, size);
    note->size += size;
}

static void __attribute__((format(printf, 2, 3))) notef(struct note *to, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    note(to, text, size < (int)sizeof text ? (size_t)size : sizeof text - 1);
}

static void note_result(struct play *play, const char *what, int r)
{
    const asyncio_error *error = r < 0 ? asyncio_last_error(r) : NULL;
    notef(&play->told, "%s %d %s\n", what, r, error ? error->text : "");
}

/* --- the server --- */

static const char *find(const char *text, size_t size, const char *what)
{
    return size ? memmem(text, size, what, strlen(what)) : NULL;
}

/* Reads a request to its end, as far as this client sends any: in chunks it sends none. */
static int read_request(struct play *play, asyncio_stream *stream, char *text, size_t room)
{
    int r = asyncio_stream_readuntil(stream, "\r\n\r\n", 4, text, room - 1);
    if (r < 0)
        return r;
    text[r] = '\0';
    if (!(play->ask & ASK_WEBSOCKET)) /* each has a key of its own */
        note(&play->asked, text, (size_t)r);
    if (!find(text, (size_t)r, HOST))
        HOLDS(!find(text, (size_t)r, SECRET));
    const char *length = find(text, (size_t)r, "Content-Length: ");
    size_t left = length ? strtoul(length + 16, NULL, 10) : 0;
    char body[64];
    HOLDS(left < sizeof body);
    if (left == 0 || play->ask & ASK_EXPECT)
        return r;
    int got = asyncio_stream_readexactly(stream, body, left, NULL);
    return got < 0 ? got : r;
}

static int send_accept(struct play *play, asyncio_stream *stream, const char *request)
{
    static const char name[] = "\r\nSec-WebSocket-Accept: ";
    const char *key = strstr(request, "Sec-WebSocket-Key: ");
    size_t before = play->at - 2, size = sizeof name - 1;
    /* Each key is another: elsewhere it may be well-formed, or not. */
    if (before < size || memcmp(play->data + before - size, name, size) != 0)
        play->has_raced = true;
    char accept[WS_ACCEPT_SIZE + 1] = "";
    if (key)
        aiohttp__ws_accept((struct span){ key + 19, strcspn(key + 19, "\r") }, accept);
    return asyncio_stream_write(stream, accept, strlen(accept));
}

static int pause_for(int turns)
{
    int r = 0;
    for (int i = 0; i < turns && r >= 0; i++)
        r = asyncio_sleep(0);
    return r;
}

/* Where a stretch without a mark ends. */
static size_t stretch(const struct play *play)
{
    size_t end = play->at;
    while (end < play->size && !(play->data[end] == MARK && end + 1 < play->size &&
                                 play->data[end + 1] >= 1 && play->data[end + 1] <= 5))
        end++;
    return end;
}

/* Sends the next answer: 1: the connection is kept. */
static int send_answer(struct play *play, asyncio_stream *stream, const char *request)
{
    int r = 0;
    while (play->at < play->size) {
        size_t end = stretch(play);
        /* An answer goes on even where nobody reads it: the next begins where it ends. */
        for (size_t at = play->at, next; at < end; at = next) {
            next = play->seed ? next_split(&play->seed, at, end) : end;
            char *copy = exact_copy(play->data + at, next - at);
            if (r >= 0 && next > at)
                r = asyncio_stream_write(stream, copy, next - at);
            free(copy);
            if (r == -ECANCELED || (play->seed && pause_for(6) < 0))
                return -ECANCELED;
        }
        play->at = end;
        if (end == play->size)
            break;
        int mark = play->data[end + 1];
        play->at = end + 2;
        if (mark == 1)
            return r < 0 ? r : 1;
        if (mark == 2)
            return asyncio_stream_write_eof(stream) < 0 ? -ECONNRESET : 0;
        if (mark == 3) {
            play->has_raced = true;
            asyncio_stream_abort(stream);
            return -ECONNRESET;
        }
        int passed = mark == 4 ? asyncio_sleep(1) : r >= 0 ? send_accept(play, stream, request) : 0;
        if (passed == -ECANCELED)
            return passed;
    }
    return r;
}

static int serve(asyncio_stream *stream, void *data)
{
    struct play *play = data;
    char request[16384];
    int r = 1;
    while (r > 0) {
        r = read_request(play, stream, request, sizeof request);
        play->busy++;
        if (r >= 0)
            r = send_answer(play, stream, request);
        play->busy--;
    }
    /* What is left is read, so that closing is no reset. */
    if (r == 0 && asyncio_stream_write_eof(stream) >= 0)
        while ((r = asyncio_stream_read(stream, request, sizeof request)) > 0)
            ;
    return 0;
}

/* --- the client --- */

static int resolve(const char *host, int port, int family, aiohttp_resolved *ret_addresses,
                   size_t capacity, void *data)
{
    (void)host;
    (void)port;
    (void)family;
    (void)capacity;
    (void)data;
    snprintf(ret_addresses->address, sizeof ret_addresses->address, "127.0.0.1");
    return 1;
}

static int wait_first(aiohttp_client_request *request, aiohttp_client_next *next,
                      aiohttp_client_response **ret_response, void *data)
{
    const struct play *play = data;
    int r;
    do /* never at the same instant as a pause of the server's ends */
        r = asyncio_sleep(1.0625);
    while (r >= 0 && play->busy);
    return r < 0 ? r : next(request, ret_response);
}

static void note_head(struct play *play, const aiohttp_client_response *response)
{
    struct note *told = &play->told;
    aiohttp_client_cookie cookie;
    const char *name, *value;
    size_t position = 0;
    int r;
    notef(told, "%d %d %s %s %s\n", aiohttp_client_response_status(response),
          aiohttp_client_response_version(response), aiohttp_client_response_reason(response),
          aiohttp_client_response_method(response),
          aiohttp_url_str(aiohttp_client_response_url(response)));
    const aiohttp_headers *headers = aiohttp_client_response_headers(response);
    while (aiohttp_headers_next(headers, &position, &name, &value) > 0)
        notef(told, "%s: %s\n", name, value);
    position = 0;
    while ((r = aiohttp_client_response_cookies(response, &position, &cookie)) > 0)
        notef(told, "sets %s=%s\n", cookie.name, cookie.value);
    HOLDS(r == 0);
    aiohttp_url *link;
    r = aiohttp_client_response_link(response, "next", &link);
    notef(told, "%s %s %lld %d %s\n", aiohttp_client_response_content_type(response),
          aiohttp_client_response_get_encoding(response),
          (long long)aiohttp_client_response_content_length(response), r,
          r < 0 ? "" : aiohttp_url_str(link));
    if (r >= 0)
        aiohttp_url_unref(link);
}

static int read_events(aiohttp_client_response *response, struct note *body)
{
    aiohttp_client_event event;
    int r;
    while ((r = aiohttp_client_response_read_event(response, &event)) > 0) {
        HOLDS(strlen(event.data) <= event.data_size && event.data[event.data_size] == '\0');
        notef(body, "%s %s %lld ", event.event, event.id, (long long)event.retry);
        note(body, event.data, event.data_size);
    }
    return r;
}

static int read_json(aiohttp_client_response *response, struct note *body)
{
    json_t *json;
    int r = aiohttp_client_response_json(response, &json, .any_content_type = 1);
    char *text = r < 0 ? NULL : json_dumps(json, JSON_ENCODE_ANY);
    if (text)
        note(body, text, strlen(text));
    if (r >= 0)
        json_decref(json);
    free(text);
    return r;
}

static int read_body(struct play *play, aiohttp_client_response *response, struct note *body)
{
    const char *data = NULL;
    char piece[7];
    size_t size = 0;
    int r;
    switch (play->how & 7) {
    case HOW_ANY:
        while ((r = aiohttp_client_response_readany(response, &data)) > 0)
            note(body, data, (size_t)r);
        break;
    case HOW_LINE:
        while ((r = aiohttp_client_response_readline(response, &data)) > 0) {
            HOLDS(r <= BODY_MAX && data[r] == '\0');
            note(body, data, (size_t)r + 1);
        }
        break;
    case HOW_EVENT:
        r = read_events(response, body);
        break;
    case HOW_TEXT:
        r = aiohttp_client_response_text(response, &data, .ret_size = &size);
        note(body, data, r < 0 ? 0 : size);
        break;
    case HOW_JSON:
        r = read_json(response, body);
        break;
    case HOW_INTO:
        while ((r = aiohttp_client_response_read_into(response, piece, sizeof piece)) > 0)
            note(body, piece, (size_t)r);
        break;
    case HOW_RELEASE:
        r = aiohttp_client_response_release(response);
        break;
    default:
        r = aiohttp_client_response_read(response, &data, &size);
        HOLDS(r < 0 || (size <= BODY_MAX && data[size] == '\0'));
        note(body, data, r < 0 ? 0 : size);
    }
    HOLDS(r < 0 || (play->how & 7) == HOW_RELEASE || aiohttp_client_response_at_eof(response));
    return r;
}

static int ask(struct play *play, aiohttp_client_session *session, int index)
{
    aiohttp_client_response *response;
    char url[64];
    bool posts = play->ask & ASK_POST;
    int r;
    snprintf(url, sizeof url, "http://a.test:8080/%d", index);
    r = aiohttp_client_session_request(
        session, posts ? "POST" : play->ask & ASK_HEAD ? "HEAD" : "GET", url, &response,
        .text = posts ? "hello" : NULL, .expect100 = !!(play->ask & ASK_EXPECT),
        .cookies = (const char *const[]){ "own", SECRET, NULL },
        .authorization = "Bearer " SECRET);
    note_result(play, "asked", r);
    if (r < 0)
        return r;
    size_t hops = aiohttp_client_response_history_count(response);
    for (size_t i = 0; i < hops; i++)
        note_head(play, aiohttp_client_response_history(response, i));
    note_head(play, response);
    r = read_body(play, response, &play->bodies[index]);
    play->failed[index] = r < 0;
    note_result(play, "read", r);
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

static int talk(struct play *play, aiohttp_client_session *session, int index)
{
    aiohttp_websocket *ws;
    aiohttp_ws_message message;
    int r = aiohttp_client_session_ws_connect(session, "http://a.test:8080/ws", &ws,
                                              .compress = play->how & 1 ? 15 : 0,
                                              .max_msg_size = BODY_MAX,
                                              .receive_timeout = 10.28125);
    note_result(play, "connected", r);
    if (r < 0)
        return r;
    while ((r = aiohttp_websocket_receive(ws, &message)) > 0 &&
           (message.type == AIOHTTP_WS_TEXT || message.type == AIOHTTP_WS_BINARY)) {
        HOLDS(message.size <= BODY_MAX && message.data[message.size] == '\0');
        notef(&play->bodies[index], "%d ", message.type);
        note(&play->bodies[index], message.data, message.size);
    }
    play->failed[index] = r < 0;
    note_result(play, "received", r);
    r = aiohttp_websocket_close(ws);
    notef(&play->told, "closed with %d\n", aiohttp_websocket_close_code(ws));
    aiohttp_websocket_unref(ws);
    return r;
}

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
}

static int new_session(struct play *play, aiohttp_client_session **ret_session)
{
    static const aiohttp_resolver resolver = { .size = sizeof resolver, .resolve = resolve };
    const aiohttp_client_middleware_entry waits = { wait_first, play };
    static const aiohttp_client_retry retry = { .size = sizeof retry, .backoff = 1 };
    aiohttp_limits limits = aiohttp_client_limits();
    aiohttp_client_timeout timeout = aiohttp_client_timeout_default();
    aiohttp_connector *connector;
    limits.body = BODY_MAX;
    limits.inflate_ratio_from = play->how & HOW_RATIO ? 2000 : AIOHTTP_UNLIMITED;
    limits.headers = 30;
    limits.response_headers = 60;
    limits.line = limits.field = 500;
    limits.head = 2000;
    limits.lingering = 2000;
    timeout.total = 30.53125;
    timeout.read = 10.28125;
    HOLDS(aiohttp_tcp_connector_new(&connector, .resolver = &resolver) == 0);
    int r = aiohttp_client_session_new(
        ret_session, .connector = connector, .limits = &limits, .timeout = &timeout,
        .middlewares = &waits, .middleware_count = 1,
        .retry = play->ask & ASK_RETRY ? &retry : NULL,
        .raise_for_status = !!(play->ask & ASK_RAISE),
        .no_auto_decompress = !!(play->ask & ASK_PLAIN),
        .proxy = play->ask & ASK_PROXY ? "http://proxy.test:8080" : NULL);
    aiohttp_connector_unref(connector);
    return r;
}

static int play_client(struct play *play)
{
    aiohttp_client_session *session;
    asyncio_server *server;
    aiohttp_connector_stats stats;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), ignore, NULL);
    HOLDS(asyncio_start_server(serve, "127.0.0.1", PORT, &server, .data = play) == 0);
    HOLDS(new_session(play, &session) == 0);
    for (int i = 0; i < REQUESTS; i++) {
        int r = play->ask & ASK_WEBSOCKET ? talk(play, session, i) : ask(play, session, i);
        HOLDS(r != -ECANCELED && r != -ENOMEM);
        HOLDS(r != -EINVAL || (play->how & 7) == HOW_JSON || (play->how & 7) == HOW_TEXT);
    }
    aiohttp_connector *connector =
        aiohttp_connector_ref(aiohttp_client_session_connector(session));
    notef(&play->told, "%zu cookies\n",
          aiohttp_cookie_jar_count(aiohttp_client_session_cookie_jar(session)));
    aiohttp_connector_get_stats(connector, &stats);
    HOLDS(stats.in_use == 0 && stats.waiting == 0);
    HOLDS(aiohttp_client_session_close(session) == 0);
    aiohttp_client_session_unref(session);
    aiohttp_connector_get_stats(connector, &stats);
    HOLDS(stats.in_use == 0 && stats.idle == 0 && stats.waiting == 0);
    aiohttp_connector_unref(connector);
    asyncio_server_close(server);
    HOLDS(asyncio_server_wait_closed(server) >= 0);
    asyncio_server_unref(server);
    return asyncio_sleep(0);
}

/* --- twice the same --- */

static void run(struct play *play, const uint8_t *data, size_t size, uint32_t seed)
{
    play->data = data + 3;
    play->size = size - 3;
    play->at = 0;
    play->seed = seed;
    play->how = data[1] & 15;
    play->ask = data[2];
    /* What was unpacked is compared with what has come so far. */
    play->has_raced = play->how & HOW_RATIO || play->ask & ASK_EXPECT;
    play->told.size = play->asked.size = 0;
    for (int i = 0; i < REQUESTS; i++) {
        play->bodies[i].size = 0;
        play->failed[i] = false;
    }
    uint64_t before = asyncio__alloc_live();
    HOLDS(asyncio_run(asyncio_coro(play_client, play)) == 0);
    asyncio__record_put(NULL);
    HOLDS(asyncio__alloc_live() == before);
}

static bool is_same(const struct note *a, const struct note *b, bool is_prefix)
{
    size_t least = a->size < b->size ? a->size : b->size;
    return (is_prefix || a->size == b->size) && memcmp(a->text, b->text, least) == 0;
}

static void show(const char *name, const struct note *a, const struct note *b)
{
    fprintf(stderr, "--- %s, whole:\n%.*s\n--- in pieces:\n%.*s\n", name, (int)a->size, a->text,
            (int)b->size, b->text);
    HOLDS(!"the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct play whole, pieces;
    static bool is_ready;
    if (size < 4 || size > INPUT_MAX)
        return 0;
    if (!is_ready) {
        setenv("ASYNCIO_BACKEND", "sim", 1);
        setenv("SSL_CERT_FILE", "/dev/null", 1); /* all roots of a system take seconds to load */
        setenv("SSL_CERT_DIR", "/nonexistent", 1);
        aiohttp__lines_choose();
        static const uint8_t warm[] = "\0\0\0HTTP/1.1 200 OK\r\n"
                                      "Set-Cookie: a=b; Domain=a.test\r\n\r\n";
        run(&whole, warm, sizeof warm, 0); /* what is made once */
        is_ready = true;
    }
    run(&whole, data, size, 0);
    run(&pieces, data, size, data[0] | 0x100u);
    if (whole.has_raced || pieces.has_raced)
        return 0;
    if (!is_same(&whole.told, &pieces.told, false))
        show("told", &whole.told, &pieces.told);
    if (!is_same(&whole.asked, &pieces.asked, false))
        show("asked", &whole.asked, &pieces.asked);
    for (int i = 0; i < REQUESTS; i++)
        if (!is_same(&whole.bodies[i], &pieces.bodies[i], whole.failed[i]))
            show("body", &whole.bodies[i], &pieces.bodies[i]);
    return 0;
}
