/* SPDX-License-Identifier: MIT */
/* aiohttp.test_utils: a server for tests, and who asks it. */
#include "web/test_answer.h"

#include "message/headers.h"
#include "wire/chunked.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <asyncio/connect.h>
#include <errno.h>
#include <stdio.h>

struct aiohttp_test_server {
    aiohttp_web_runner *runner;
    aiohttp_web_site *site;
    struct test_answer answer;
    char *url;
};

/* Starts what `runner` (taken) runs. */
static int start(aiohttp_web_runner *runner, aiohttp_test_server **ret_server)
{
    aiohttp_test_server *server = asyncio_mem_calloc(1, sizeof *server);
    int r = server ? aiohttp_web_runner_setup(runner) : -ENOMEM;
    if (server) {
        server->runner = runner;
        test_answer_init(&server->answer);
    }
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &server->site);
    if (r >= 0)
        r = aiohttp_web_site_start(server->site);
    if (r >= 0)
        *ret_server = server;
    else if (server)
        aiohttp_test_server_close(server);
    else
        aiohttp_web_runner_unref(runner);
    return r < 0 ? r : 0;
}

int(aiohttp_test_server_new)(aiohttp_web_application *app, aiohttp_test_server **ret_server,
                             const aiohttp_test_server_options *options)
{
    aiohttp_web_runner *runner;
    aiohttp_web_runner_options how = { .size = sizeof how,
                                       .shutdown_timeout = AIOHTTP__DEFAULT_SHUTDOWN_TIMEOUT,
                                       .server = options ? options->server : NULL };
    int r = (aiohttp_web_app_runner_new)(app, &runner, &how);
    return r < 0 ? r : start(runner, ret_server);
}

int aiohttp_test_server_of(aiohttp_web_server *web_server, aiohttp_test_server **ret_server)
{
    aiohttp_web_runner *runner;
    int r = aiohttp_web_server_runner_new(web_server, &runner);
    return r < 0 ? r : start(runner, ret_server);
}

int aiohttp_test_server_close(aiohttp_test_server *server)
{
    if (!server)
        return 0;
    int r = aiohttp_web_runner_cleanup(server->runner);
    aiohttp_web_site_unref(server->site);
    aiohttp_web_runner_unref(server->runner);
    aiohttp__test_answer_fini(&server->answer);
    asyncio_mem_free(server->url);
    asyncio_mem_free(server);
    return r;
}

int aiohttp_test_server_port(const aiohttp_test_server *server)
{
    return aiohttp_web_site_port(server->site);
}

const char *aiohttp_test_server_make_url(aiohttp_test_server *server, const char *path)
{
    size_t size = strlen(path) + 64;
    asyncio_mem_free(server->url);
    if (!(server->url = asyncio_mem_malloc(size)))
        return "";
    snprintf(server->url, size, "http://127.0.0.1:%d%s", aiohttp_test_server_port(server), path);
    return server->url;
}

/* Reads until there is a whole head; its size. Heads of 1xx are skipped. */
static int read_head(asyncio_stream *stream, struct head *head, struct head_field *fields,
                     uint32_t capacity, const char *method, const aiohttp_limits *limits)
{
    for (;;) {
        aiohttp__head_begin(head, HEAD_RESPONSE, limits, 0, fields, capacity);
        aiohttp__head_answers(head, aiohttp__method_of(method, strlen(method)));
        int r = 0;
        size_t size = 0;
        const char *data;
        while (r == 0) {
            int filled = asyncio_stream_fill(stream, size + 1);
            if (filled < 0)
                return filled;
            if ((size_t)filled == size)
                return size ? -AIOHTTP_PAYLOAD : -ECONNRESET;
            size = asyncio_stream_peek(stream, &data);
            r = aiohttp__head_parse(head, data, size);
        }
        if (r < 0 || head->status_code >= 200)
            return r;
        asyncio_stream_consume(stream, (size_t)r);
    }
}

static int keep_head(struct test_answer *answer, const struct head *head, const char *data)
{
    answer->status = head->status_code;
    answer->headers = aiohttp_headers_new();
    struct span reason = head_text(data, head->reason);
    int r = answer->headers ? aiohttp__test_answer_reason(answer, reason.data, reason.size)
                            : -ENOMEM;
    for (uint32_t i = 0; i < head->field_count && r >= 0; i++)
        r = aiohttp__headers_add(answer->headers, head_field_name(data, &head->fields[i]),
                                 head_field_value(data, &head->fields[i]));
    return r;
}

static int read_body(struct test_answer *answer, asyncio_stream *stream, struct body *body,
                     const aiohttp_limits *limits)
{
    struct head trailers;
    struct head_field fields[16];
    bool is_in_trailers = false;
    for (;;) {
        const char *data;
        struct span piece;
        size_t used = 0, size = asyncio_stream_peek(stream, &data);
        int r = BODY_MORE;
        if (is_in_trailers) {
            r = size ? aiohttp__head_parse(&trailers, data, size) : 0;
            used = r > 0 ? (size_t)r : 0;
            is_in_trailers = r == 0;
            r = r > 0 ? BODY_DATA : r;
            piece = (struct span){ "", 0 };
        } else if (size || body_is_complete(body))
            r = aiohttp__body_next(body, data, size, &used, &piece);
        if (r < 0 || r == BODY_END)
            return r < 0 ? r : 0;
        if (r == BODY_DATA)
            bytes_add(&answer->body, piece);
        asyncio_stream_consume(stream, used);
        if (r == BODY_TRAILERS) {
            aiohttp__head_begin(&trailers, HEAD_TRAILERS, limits, 0, fields, 16);
            is_in_trailers = true;
        }
        if (r != BODY_MORE && !(is_in_trailers && used == size))
            continue;
        size = asyncio_stream_peek(stream, &data);
        if ((r = asyncio_stream_fill(stream, size + 1)) < 0)
            return r;
        if ((size_t)r == size)
            return is_in_trailers ? -AIOHTTP_PAYLOAD : aiohttp__body_eof(body);
    }
}

static int read_answer(struct test_answer *answer, asyncio_stream *stream, const char *method)
{
    struct head head;
    struct body body;
    struct head_field fields[128];
    const char *data;
    aiohttp_limits limits = aiohttp_client_limits();
    int r = read_head(stream, &head, fields, 128, method, &limits);
    if (r < 0)
        return r;
    asyncio_stream_peek(stream, &data);
    int kept = keep_head(answer, &head, data);
    if (kept < 0)
        return kept;
    asyncio_stream_consume(stream, (size_t)r);
    aiohttp__body_begin(&body, &head, &limits);
    r = head.body == BODY_NONE ? 0 : read_body(answer, stream, &body, &limits);
    return r < 0 ? r : answer->body.error;
}

int(aiohttp_test_server_request)(aiohttp_test_server *server, const char *method, const char *path,
                                 aiohttp_test_response *ret_response,
                                 const aiohttp_test_request_options *options)
{
    static const aiohttp_test_request_options usual = { .size = sizeof usual };
    asyncio_stream *stream = NULL;
    struct bytes request = bytes_up_to(TEST_BODY_MAX);
    aiohttp__test_answer_fini(&server->answer);
    int r = aiohttp__test_write_request(&request, method, path, options ? options : &usual);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", aiohttp_test_server_port(server), &stream);
    if (r >= 0)
        r = asyncio_stream_write(stream, request.data, request.size);
    /* It may answer before it has read all. */
    if (r >= 0 || r == -EPIPE)
        r = read_answer(&server->answer, stream, method);
    aiohttp__bytes_fini(&request);
    asyncio_stream_unref(stream);
    return r < 0 ? r : aiohttp__test_answer_lend(&server->answer, ret_response);
}
