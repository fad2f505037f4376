/* SPDX-License-Identifier: MIT */
/* Sending the body of a request.
 *
 * MODEL      What is in memory and small goes out with the head, in one write. All else is sent by
 *            a task of its own, while the request's task waits for the answer: an answer that
 *            comes first ends the sending (and, with it, the connection). What fails there, but
 *            for a lost connection, on which the answer may still come, ends the waiting.
 * ERRORS     of the payload, the progress function and the compression are the request's result. */
#include "client/upload.h"

#include "message/coding.h"

#include <asyncio/alloc.h>
#include <asyncio/task.h>
#include <errno.h>

/* What a socket takes without waiting, in all likelihood. */
enum { SMALL = 16384, PIECE = 16384 };

/* What is written at a time. */
enum { MOST = 65536 };

static int told(struct upload *upload)
{
    const aiohttp_client_request_options *options = upload->request->options;
    upload->response->output_size = upload->sent;
    return options->progress ? options->progress(upload->sent, upload->length, options->data) : 0;
}

/* What came of a write: its time limit is over, where it has one of its own. */
static int over(struct upload *upload, int r)
{
    if (upload->task)
        r = wait_over(&upload->response->upload_wait, r);
    upload->is_lost |= r < 0;
    return r;
}

/* The rest of the coded form, or as much as `how` asks for. */
static int write_coded(struct upload *upload, struct span data, enum encode how)
{
    struct exchange *exchange = &upload->response->http.exchange;
    char *out = asyncio_mem_malloc(PIECE);
    if (!out)
        return -ENOMEM;
    int r;
    while ((r = aiohttp__encoder_step(upload->encoder, &data, how, out, PIECE)) > 0) {
        int size = r;
        r = over(upload, exchange->type->write(exchange, out, (size_t)size, false));
        if (r < 0 || size < PIECE)
            break;
    }
    asyncio_mem_free(out);
    return r;
}

/* In parts, so that a time limit is that of one of them, and no more than that is copied. */
static int write_plain(struct upload *upload, struct span data)
{
    struct exchange *exchange = &upload->response->http.exchange;
    if (!upload->task)
        return over(upload, exchange->type->write(exchange, data.data, data.size, true));
    int r;
    do {
        size_t size = data.size < MOST ? data.size : MOST;
        r = over(upload, exchange->type->write(exchange, data.data, size, false));
        data = (struct span){ data.data + size, data.size - size };
    } while (r >= 0 && data.size);
    return r;
}

static int write_piece(struct aiohttp_payload_writer *writer, const void *data, size_t size)
{
    struct upload *upload = (struct upload *)(void *)writer;
    int r = upload->encoder ? write_coded(upload, (struct span){ data, size }, ENCODE_MORE)
                            : write_plain(upload, (struct span){ data, size });
    if (r < 0)
        return r;
    upload->sent += (int64_t)size;
    TRACE(upload->request, on_request_chunk_sent, .bytes = size, .data = data);
    return told(upload);
}

static int write_all(struct upload *upload)
{
    struct ask_body *body = &upload->request->body;
    struct exchange *exchange = &upload->response->http.exchange;
    body->was_sent = true;
    int r = 0;
    if (!body->is_bytes && !body->payload)
        r = 0;
    else if (!body->is_bytes)
        r = aiohttp__payload_write(body->payload, &upload->writer);
    else if (upload->encoder || !upload->request->options->progress)
        r = body->bytes.size ? write_piece(&upload->writer, body->bytes.data, body->bytes.size) : 0;
    else
        for (size_t at = 0, size; r >= 0 && at < body->bytes.size; at += size) {
            size = body->bytes.size - at < MOST ? body->bytes.size - at : MOST;
            r = write_piece(&upload->writer, body->bytes.data + at, size);
        }
    if (r >= 0 && upload->encoder)
        r = write_coded(upload, (struct span){ "", 0 }, ENCODE_FINISH);
    if (r >= 0)
        r = exchange->type->end(exchange);
    if (r >= 0)
        r = over(upload, exchange->type->flush(exchange));
    return r < 0 ? r : 0;
}

/* The sending has ended: the answer's time begins, or nobody need wait for it. */
static void ended(struct upload *upload)
{
    aiohttp_client_response *response = upload->response;
    int r = upload->result;
    upload->is_done = true;
    response->upload_complete = r >= 0;
    response->sent_at = asyncio_loop_time(response->session->loop);
    if (r >= 0) {
        if (upload->is_awaited && !upload->is_ending)
            aiohttp__wait_move(&response->wait, aiohttp__response_until(response, response->sent_at,
                                                                        response->head_limit));
        return;
    }
    response->http.exchange.closes = true;
    /* Only on what has lost the connection the answer may still come. */
    bool may_come = upload->is_lost && (r == -ECONNRESET || r == -EPIPE);
    if (!upload->is_ending && !may_come && response->connection)
        asyncio_stream_abort(response->connection->stream);
}

static int send_all(void *data)
{
    struct upload *upload = data;
    upload->result = write_all(upload);
    ended(upload);
    return upload->result; /* with its record, for who awaits it */
}

static bool is_small(const struct aiohttp_client_request *request)
{
    const struct ask_body *body = &request->body;
    return body->is_bytes && body->bytes.size <= SMALL && body->coding == 0;
}

int aiohttp__upload_begin(struct aiohttp_client_request *request,
                          aiohttp_client_response *response)
{
    struct exchange *exchange = &response->http.exchange;
    struct ask_body *body = &request->body;
    struct upload own = { .writer = { .write = write_piece, .left = -1 },
                          .request = request,
                          .response = response,
                          .length = body->is_bytes ? (int64_t)body->bytes.size
                                    : body->payload ? aiohttp_payload_length(body->payload)
                                                    : 0 };
    if ((!body->is_bytes && !body->payload) || is_small(request)) {
        int r = write_all(&own);
        response->upload_complete = r >= 0;
        request->has_source_failed = r < 0 && !own.is_lost;
        if (response->head_limit != ASYNCIO_NONE)
            response->sent_at = asyncio_loop_time(response->session->loop);
        return r;
    }
    int r = exchange->type->flush(exchange);
    if (r < 0)
        return r;
    struct upload *upload = asyncio_mem_malloc(sizeof *upload);
    if (!upload)
        return -ENOMEM;
    *upload = own;
    if (body->coding != CODING_IDENTITY)
        r = aiohttp__encoder_new((enum coding)body->coding, -1, &upload->encoder);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(send_all, upload), &upload->task,
                                .name = "aiohttp upload");
    if (r < 0) {
        aiohttp__encoder_free(upload->encoder);
        asyncio_mem_free(upload);
        return r;
    }
    aiohttp__wait_add(&response->session->waits, &response->upload_wait);
    response->upload = upload;
    return 0;
}

int aiohttp__upload_end(aiohttp_client_response *response, int *ret_failed)
{
    struct upload *upload = response->upload;
    asyncio_task *task = upload->task;
    bool was_done = upload->is_done;
    int r = 0;
    upload->is_ending = true;
    if (!was_done) {
        response->http.exchange.closes = true;
        asyncio_task_cancel(task);
    }
    /* It lives in this request: also who is cancelled waits until it has let go. Its result does
     * not tell who was: a cancellation of who waits is passed on to it. */
    while (!asyncio_task_done(task)) {
        int awaited = asyncio_await(task);
        bool is_asked = asyncio_task_cancelling(asyncio_current_task()) > upload->request->asked;
        if (!asyncio_task_done(task)) {
            r = awaited < 0 ? awaited : r;
            asyncio_task_cancel(task);
        } else if (is_asked)
            r = -ECANCELED;
    }
    int failed = asyncio_await(task); /* it is done: this has its record */
    *ret_failed = was_done && failed < 0 ? failed : 0;
    upload->request->has_source_failed = *ret_failed && !upload->is_lost;
    aiohttp__wait_remove(&response->upload_wait);
    asyncio_task_unref(task);
    aiohttp__encoder_free(upload->encoder);
    asyncio_mem_free(upload);
    response->upload = NULL;
    return r;
}
