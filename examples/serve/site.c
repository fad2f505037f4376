/* SPDX-License-Identifier: MIT */
/* One task a connection, straight-line code. What reads the disk is called in a thread, piece by
 * piece, so that the loop never waits for it. */
#include "site.h"

#include "folder.h"
#include "http.h"

#include <stdio.h>
#include <string.h>

enum { PIECE = 64 * 1024 };      /* of a file, read and sent at a time */

#if !defined(SEND_SECONDS)       /* the tests are less patient */
#define SEND_SECONDS 30.0        /* for a piece, before a client counts as gone */
#endif

static void release_item(void *data)
{
    folder_release(data);
}

/* Writes an answer's head and the beginning of its body; who does not take what he asked for is cut
 * off. */
static int send_head(asyncio_stream *stream, const struct http_answer *answer, const void *body,
                     size_t size)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, SEND_SECONDS);
    int r = http_write_head(stream, answer, body, size);
    r = asyncio_timeout_exit(&limit, r);
    if (r == -ETIMEDOUT)
        asyncio_stream_abort(stream);
    return r;
}

/* Waits until all is sent. Without that a connection whose client does not read would be closing,
 * and count as one, for as long as he likes. */
static int send_rest(asyncio_stream *stream)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, SEND_SECONDS);
    int r = asyncio_stream_set_write_buffer_limits(stream, 0, 0);
    if (r >= 0)
        r = asyncio_stream_drain(stream);
    r = asyncio_timeout_exit(&limit, r);
    if (r == -ETIMEDOUT)
        asyncio_stream_abort(stream);
    return r;
}

/* A page that says what is wrong, or where to go. */
static int send_status(asyncio_stream *stream, const struct http_request *request, int status,
                       const char *location)
{
    char page[256];
    int length = snprintf(page, sizeof page,
                          "<!doctype html><meta charset=utf-8><title>%d</title>"
                          "<body style=\"font:16px system-ui;margin:3rem\"><h1>%d %s</h1>\n",
                          status, status, http_reason(status));
    struct http_answer answer = { .status = status, .type = "text/html; charset=utf-8",
                                  .location = location, .length = length,
                                  .keep_alive = request->keep_alive };
    return send_head(stream, &answer, page, request->is_head ? 0 : (size_t)length);
}

/* Each piece has SEND_SECONDS: the deadline moves on while the client takes what it asked for. */
static int send_file(asyncio_stream *stream, const struct folder_item *item, char *buffer)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, SEND_SECONDS);
    int r = 0;
    for (long long sent = (long long)item->begun; sent < item->length && r >= 0; ) {
        long long rest = item->length - sent;
        size_t size = rest < PIECE ? (size_t)rest : PIECE;
        int n = asyncio_to_thread(asyncio_coro(folder_read, item->descriptor, buffer, size, sent));
        if (n == 0)                  /* it has become shorter, and its length is announced */
            r = -ECONNRESET;
        else
            r = n < 0 ? n : asyncio_stream_write(stream, buffer, n);
        sent += n;
        if (r >= 0)
            r = asyncio_timeout_reschedule(&limit, asyncio_loop_time(loop) + SEND_SECONDS);
    }
    r = asyncio_timeout_exit(&limit, r);
    if (r < 0)
        asyncio_stream_abort(stream);
    return r == -ETIMEDOUT ? -ECONNRESET : r;
}

static int answer_in_scope(struct site *site, asyncio_stream *stream, struct http_request *request)
{
    static const struct folder_item nothing = FOLDER_NOTHING;
    struct folder_item *item = asyncio_alloc(sizeof *item);
    char *buffer = asyncio_alloc(PIECE);
    if (!item || !buffer)
        return send_status(stream, request, 503, NULL);
    *item = nothing;
    int r = asyncio_defer(release_item, item);
    if (r < 0)
        return r;
    int status = asyncio_to_thread(
        asyncio_coro(folder_look, site->root, request->path, item, buffer, (size_t)PIECE));
    if (status == -EAGAIN || status == -ENOMEM)
        status = 503;
    if (status < 0)
        return status;
    if (status == 301) {
        char url[3 * HTTP_PATH_MAX + 1];
        const char *path = request->path + strspn(request->path, "/");   /* "//x" is another host */
        if (!http_quote(path, url, sizeof url))
            return send_status(stream, request, 414, NULL);
        return send_status(stream, request, 301, asyncio_printf("/%s/", url));
    }
    if (status != 200)
        return send_status(stream, request, status, NULL);
    struct http_answer answer = { .status = 200, .type = item->type, .length = item->length,
                                  .keep_alive = request->keep_alive };
    if (request->is_head)
        return send_head(stream, &answer, NULL, 0);
    if (item->text)
        return send_head(stream, &answer, item->text, (size_t)item->length);
    r = send_head(stream, &answer, buffer, item->begun);
    return r < 0 ? r : send_file(stream, item, buffer);
}

/* What an answer needs lives in a scope of its own: it ends with the answer, not the connection. */
static int answer(struct site *site, asyncio_stream *stream, struct http_request *request)
{
    asyncio_exit_stack scope;
    asyncio_exit_stack_enter(&scope);
    return asyncio_exit_stack_exit(&scope, answer_in_scope(site, stream, request));
}

/* Says that nothing more comes, and hears the client out for a moment: to close while bytes of his
 * are unread would take our answer away from him. */
static int hang_up(asyncio_stream *stream)
{
    char buffer[4096];
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 1.0);
    int r = asyncio_stream_write_eof(stream);
    for (int i = 0; i < 64 && r >= 0; i++)
        if ((r = asyncio_stream_read(stream, buffer, sizeof buffer)) == 0)
            break;
    r = asyncio_timeout_exit(&limit, r);
    return r == -ETIMEDOUT ? 0 : r;
}

int site_serve(asyncio_stream *stream, void *data)
{
    struct site *site = data;
    struct http_request request = { .keep_alive = true };
    int r = 0;
    while (r >= 0 && request.keep_alive) {
        r = http_read_request(stream, &request);
        if (r < 0 || r == 1)
            break;
        site->busy++;
        if (site->is_stopping || r >= 400)
            request.keep_alive = false;
        r = r >= 400 ? send_status(stream, &request, r, NULL) : answer(site, stream, &request);
        site->answered++;
        if (--site->busy == 0 && site->is_stopping && site->quiet)
            asyncio_future_set_result(site->quiet, 0);
        if (r >= 0 && !request.keep_alive && (r = send_rest(stream)) >= 0)
            r = hang_up(stream);
    }
    if (r >= 0)
        r = send_rest(stream);
    return r == -ECONNRESET || r == -EPIPE || r == -ETIMEDOUT ? 0 : r;   /* clients come and go */
}
