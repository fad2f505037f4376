/* SPDX-License-Identifier: MIT */
/* The whole server, over the sim backend: an application with routes, bodies of every kind, forms,
 * streams, compression. The input is what up to four connections send, and when.
 *
 *     0xf8 .. 0xfb  what follows goes to connection 0 .. 3 (which is opened)
 *     0xfc          that connection sends no more
 *     0xfd          a pause of a few turns
 *     0xfe          that connection is reset
 *     0xff          a second passes
 *
 * All other bytes are sent as they are; the first byte of the input is the seed of the splits.
 * HOLDS: the server ends; no block of memory is left; what comes is answers that our own parser of
 * responses reads, as many at most as there were requests; in small pieces the same answers come
 * as in large ones (when nobody is reset, no time passes and nobody waits for 100 Continue). */
#include "split.h"

#include "base/alloc.h"
#include "../asyncio/base/error.h"

#include "wire/chunked.h"
#include "wire/head.h"
#include "wire/scan.h"

#include <aiohttp/headers.h>
#include <aiohttp/limits.h>
#include <aiohttp/web.h>
#include <aiohttp/web_event_source.h>
#include <aiohttp/web_form.h>
#include <asyncio/connect.h>
#include <asyncio/runner.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

enum { PEERS = 4, ROOM = 1 << 18, INPUT_MAX = 16384, FIELDS = 200 };

struct peer {
    asyncio_stream *stream;
    asyncio_task *reader;
    bool has_ended, was_reset, is_broken;
    size_t size;
    char got[ROOM];
};

struct play {
    const uint8_t *data;
    size_t size;
    uint32_t seed; /* 0: as large as can be */
    struct peer peers[PEERS];
    int used;
    uint64_t requests;
};

/* --- the application --- */

static int read_whole(aiohttp_web_request *request)
{
    const char *body;
    size_t size;
    int r = aiohttp_web_request_read(request, &body, &size);
    return r < 0 ? r : aiohttp_web_respond_bytes(request, body, size);
}

static int read_text(aiohttp_web_request *request)
{
    const char *text;
    int r = aiohttp_web_request_text(request, &text);
    return r < 0 ? r : aiohttp_web_respond(request, text);
}

static int read_json(aiohttp_web_request *request)
{
    struct json_t *json;
    int r = aiohttp_web_request_json(request, &json);
    return r < 0 ? r : aiohttp_web_respond_json(request, json);
}

static int read_form(aiohttp_web_request *request)
{
    const aiohttp_multi_dict *form;
    const aiohttp_web_file_field *file;
    size_t position = 0, files = 0;
    int r = aiohttp_web_request_post(request, &form);
    while (r >= 0 && aiohttp_web_request_file_next(request, &position, &file) > 0)
        files++;
    return r < 0 ? r : aiohttp_web_respondf(request, "%zu files", files);
}

static int unread(aiohttp_web_request *request)
{
    const char *query = aiohttp_web_request_query(request, "q");
    const char *cookie = aiohttp_web_request_cookie(request, "c");
    return aiohttp_web_respondf(request, "%s %s", query ? query : "-", cookie ? cookie : "-");
}

static int echo_stream(aiohttp_web_request *request)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    char piece[100];
    int r = aiohttp_web_response_prepare(response);
    while (r >= 0 && (r = aiohttp_web_request_content_read(request, piece, sizeof piece)) > 0)
        r = aiohttp_web_response_write(response, piece, (size_t)r);
    return r;
}

static int compressed(aiohttp_web_request *request)
{
    aiohttp_web_response *response = aiohttp_web_request_response(request);
    int r = aiohttp_web_response_enable_compression(response);
    return r < 0 ? r : aiohttp_web_respond(request, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

static int named(aiohttp_web_request *request)
{
    return aiohttp_web_respond(request, aiohttp_web_request_match_info(request, "name"));
}

static int moved(aiohttp_web_request *request)
{
    return aiohttp_web_http_found(request, aiohttp_web_request_path_qs(request));
}

static int nothing(aiohttp_web_request *request)
{
    (void)request;
    return 0;
}

static int failing(aiohttp_web_request *request)
{
    (void)request;
    return -EIO;
}

/* So that a reader of the answers knows what they are to. */
static int name_method(aiohttp_web_request *request)
{
    const char *method = aiohttp_web_request_method(request);
    return method ? aiohttp_web_response_set_header(aiohttp_web_request_response(request),
                                                    "X-Method", method)
                  : -ENOMEM;
}

static aiohttp_web_application *new_application(void)
{
    aiohttp_web_application *app = aiohttp_web_application_new();
    (void)aiohttp_web_application_add_route(app, "*", "/", read_whole);
    (void)aiohttp_web_application_add_post(app, "/t", read_text);
    (void)aiohttp_web_application_add_post(app, "/j", read_json);
    (void)aiohttp_web_application_add_post(app, "/f", read_form);
    (void)aiohttp_web_application_add_route(app, "*", "/u", unread);
    (void)aiohttp_web_application_add_route(app, "*", "/s", echo_stream);
    (void)aiohttp_web_application_add_get(app, "/z", compressed);
    (void)aiohttp_web_application_add_get(app, "/n/{name}", named);
    (void)aiohttp_web_application_add_get(app, "/m/", moved);
    (void)aiohttp_web_application_add_get(app, "/0", nothing);
    (void)aiohttp_web_application_add_get(app, "/e", failing);
    (void)aiohttp_web_application_add_middleware(app, aiohttp_web_normalize_path_middleware);
    (void)aiohttp_web_application_on_response_prepare(app, name_method);
    return app;
}

/* --- peers --- */

static int read_on(struct peer *peer)
{
    int r = 0;
    while (peer->size < ROOM &&
           (r = asyncio_stream_read(peer->stream, peer->got + peer->size, ROOM - peer->size)) > 0)
        peer->size += (size_t)r;
    peer->was_reset |= r < 0;
    return 0;
}

static int open_peer(struct play *play, struct peer *peer, int port)
{
    if (peer->stream)
        return 0;
    int r = asyncio_open_connection("127.0.0.1", port, &peer->stream);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(read_on, peer), &peer->reader);
    play->used++;
    return r;
}

static int pause_for(int turns)
{
    int r = 0;
    for (int i = 0; i < turns && r >= 0; i++)
        r = asyncio_sleep(0);
    return r;
}

static int send_piece(struct play *play, struct peer *peer, const uint8_t *data, size_t size)
{
    uint32_t seed = play->seed;
    for (size_t at = 0, end; at < size && !peer->has_ended && !peer->is_broken; at = end) {
        end = play->seed ? next_split(&seed, at, size) : size;
        if (end == at)
            continue;
        char *copy = exact_copy(data + at, end - at);
        int r = asyncio_stream_write(peer->stream, copy, end - at);
        free(copy);
        peer->is_broken |= r < 0;
        if (r == -ECANCELED || (r = pause_for(play->seed ? 6 : 0)) < 0)
            return r;
    }
    return 0;
}

static int act(struct play *play, struct peer *peer, uint8_t what)
{
    switch (what) {
    case 0xfc:
        if (!peer->has_ended && asyncio_stream_write_eof(peer->stream) < 0)
            peer->is_broken = true;
        peer->has_ended = true;
        return 0;
    case 0xfd:
        return pause_for(8);
    case 0xfe:
        asyncio_stream_abort(peer->stream);
        peer->has_ended = peer->was_reset = true;
        return 0;
    default:
        return play->seed ? 0 : asyncio_sleep(1);
    }
}

static int play_input(struct play *play, int port)
{
    struct peer *peer = &play->peers[0];
    int r = open_peer(play, peer, port);
    for (size_t at = 0, end; at < play->size && r >= 0; at = end) {
        for (end = at; end < play->size && play->data[end] < 0xf8; end++)
            ;
        if (end > at)
            r = send_piece(play, peer, play->data + at, end - at);
        if (end == play->size || r < 0)
            break;
        uint8_t what = play->data[end++];
        if (what <= 0xfb)
            r = open_peer(play, peer = &play->peers[what - 0xf8], port);
        else
            r = act(play, peer, what);
    }
    for (int i = 0; i < PEERS && r >= 0; i++)
        if (play->peers[i].stream)
            r = act(play, &play->peers[i], 0xfc);
    for (int i = 0; i < PEERS; i++)
        if (play->peers[i].reader) {
            int ended = asyncio_await(play->peers[i].reader);
            HOLDS(ended == 0);
            asyncio_task_unref(play->peers[i].reader);
            asyncio_stream_unref(play->peers[i].stream);
        }
    return r;
}

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
}

static int play_server(struct play *play)
{
    aiohttp_web_runner *runner;
    aiohttp_web_site *site;
    aiohttp_limits limits = aiohttp_server_limits();
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    aiohttp_web_server_stats stats;
    limits.body = 4000;
    limits.inflate_ratio_from = 2000;
    limits.parts = 10;
    limits.requests = 50;
    options.limits = &limits;
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), ignore, NULL);
    aiohttp_web_application *app = new_application();
    HOLDS(aiohttp_web_app_runner_new(app, &runner, .server = &options) == 0);
    aiohttp_web_application_unref(app);
    HOLDS(aiohttp_web_runner_setup(runner) == 0);
    HOLDS(aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &site) == 0);
    HOLDS(aiohttp_web_site_start(site) == 0);
    int r = play_input(play, aiohttp_web_site_port(site));
    HOLDS(r == 0);
    aiohttp_web_server_get_stats(aiohttp_web_runner_server(runner), &stats);
    play->requests = stats.requests_count + stats.refused + stats.timed_out;
    r = aiohttp_web_runner_cleanup(runner);
    HOLDS(r == 0);
    aiohttp_web_site_unref(site);
    aiohttp_web_runner_unref(runner);
    return asyncio_sleep(0);
}

/* --- what came --- */

/* One answer at `data`: its size, or 0 when it is not whole. Its Date is blanked out, so that two
 * can be compared. *ret_status. */
static size_t one_answer(char *data, size_t size, int *ret_status)
{
    static struct head_field fields[FIELDS];
    aiohttp_limits limits = aiohttp_client_limits();
    struct head head;
    struct body body;
    struct span piece;
    aiohttp__head_begin(&head, HEAD_RESPONSE, &limits, 0, fields, FIELDS);
    int r = aiohttp__head_parse(&head, data, size);
    HOLDS(r >= 0);
    if (r == 0)
        return 0;
    enum method method = METHOD_GET;
    for (uint32_t i = 0; i < head.field_count; i++) {
        struct span name = head_field_name(data, &fields[i]);
        struct span value = head_field_value(data, &fields[i]);
        if (span_is(name, SPAN("X-Method")))
            method = aiohttp__method_of(value.data, value.size);
        if (span_is(name, SPAN("Date")))
            memset(data + fields[i].value, '-', fields[i].value_size);
    }
    aiohttp__head_begin(&head, HEAD_RESPONSE, &limits, 0, fields, FIELDS);
    aiohttp__head_answers(&head, method);
    r = aiohttp__head_parse(&head, data, size);
    HOLDS(r > 0);
    *ret_status = head.status_code;
    if (head.body == BODY_NONE)
        return (size_t)r;
    aiohttp__body_begin(&body, &head, &limits);
    for (size_t at = (size_t)r, used;; at += used) {
        int event = aiohttp__body_next(&body, data + at, size - at, &used, &piece);
        HOLDS(event >= 0);
        if (event == BODY_TRAILERS) {
            struct head trailers;
            aiohttp__head_begin(&trailers, HEAD_TRAILERS, &limits, 0, fields, FIELDS);
            int more = aiohttp__head_parse(&trailers, data + at + used, size - at - used);
            HOLDS(more >= 0);
            if (more == 0)
                return 0;
            used += (size_t)more;
        }
        if (event == BODY_END)
            return at + used;
        if (event == BODY_MORE)
            return head.body == BODY_CLOSE ? size : 0;
    }
}

/* How many answers came; interim ones do not count. Only the last one may be cut short. */
static uint64_t count_answers(struct peer *peer)
{
    uint64_t count = 0;
    for (size_t at = 0, used; at < peer->size; at += used) {
        int status = 0;
        used = one_answer(peer->got + at, peer->size - at, &status);
        if (used == 0)
            return count + 1;
        count += status >= 200 || status == 101;
    }
    return count;
}

static void run(struct play *play, const uint8_t *data, size_t size, uint32_t seed)
{
    memset(play, 0, offsetof(struct play, peers));
    for (int i = 0; i < PEERS; i++)
        memset(&play->peers[i], 0, offsetof(struct peer, got));
    play->used = 0;
    play->data = data;
    play->size = size;
    play->seed = seed;
    uint64_t before = asyncio__alloc_live();
    HOLDS(asyncio_run(asyncio_coro(play_server, play)) == 0);
    asyncio__record_put(NULL);
    HOLDS(asyncio__alloc_live() == before);
    uint64_t answers = 0;
    for (int i = 0; i < PEERS; i++)
        answers += count_answers(&play->peers[i]);
    HOLDS(answers <= play->requests);
}

static bool is_told_of(const uint8_t *data, size_t size, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i + length <= size; i++) {
        size_t k = 0;
        while (k < length && tolower(data[i + k]) == word[k])
            k++;
        if (k == length)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct play whole, pieces;
    static bool is_ready;
    if (size < 2 || size > INPUT_MAX)
        return 0;
    if (!is_ready) {
        setenv("ASYNCIO_BACKEND", "sim", 1);
        aiohttp__lines_choose();
        struct play *warm = &whole; /* what is made once */
        HOLDS(asyncio_run(asyncio_coro(play_server, warm)) == 0);
        asyncio__record_put(NULL);
        is_ready = true;
    }
    run(&whole, data + 1, size - 1, 0);
    run(&pieces, data + 1, size - 1, data[0] | 0x100u);
    if (memchr(data + 1, 0xfe, size - 1) || memchr(data + 1, 0xff, size - 1) ||
        is_told_of(data + 1, size - 1, "100-continue"))
        return 0;
    for (int i = 0; i < PEERS; i++) {
        struct peer *a = &whole.peers[i], *b = &pieces.peers[i];
        if (a->was_reset || b->was_reset)
            continue;
        HOLDS(a->size == b->size && memcmp(a->got, b->got, a->size) == 0);
    }
    return 0;
}
