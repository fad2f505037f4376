/* SPDX-License-Identifier: MIT */
/* Responses: their making, their head, their end. See session.h; bodies are in response_read.c. */
#include "client/reader.h"
#include "client/upload.h"

#include "client/reader.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <errno.h>
#include <stdio.h>

aiohttp_client_response *aiohttp__response_new(aiohttp_client_session *session)
{
    aiohttp_client_response *response = session->store;
    if (response) {
        session->store = response->next;
        session->stored--;
    } else if (!(response = asyncio_mem_malloc(sizeof *response)))
        return NULL;
    size_t begin = offsetof(aiohttp_client_response, references);
    memset((char *)response + begin, 0, offsetof(aiohttp_client_response, headers) - begin);
    response->reader = NULL;
    response->content_type = response->charset = NULL;
    response->body = bytes_up_to(0);
    response->texts = NULL;
    response->has_body = false;
    response->references = 1;
    response->session = session;
    aiohttp__session_hold(session);
    aiohttp__http1_init(&response->http, NULL, &session->limits);
    response->http.owner = response;
    response->http.on_wait = aiohttp__response_on_wait;
    aiohttp__wait_add(&session->waits, &response->wait);
    return response;
}

aiohttp_client_response *aiohttp_client_response_ref(aiohttp_client_response *response)
{
    if (response)
        response->references++;
    return response;
}

/* --- time limits --- */

double aiohttp__response_until(const aiohttp_client_response *response, double now, double seconds)
{
    double when = seconds == ASYNCIO_NONE ? NEVER : now + seconds;
    return when < response->total ? when : response->total;
}

static double now_of(const aiohttp_client_response *response)
{
    return asyncio_loop_time(response->session->loop);
}

/* The limit begins when the body is out: its task moves it here then. */
static void wait_head_of_upload(aiohttp_client_response *response)
{
    double limit = response->upload->is_done ? response->head_limit : ASYNCIO_NONE;
    response->upload->is_awaited = true;
    aiohttp__wait_until(&response->wait,
                        aiohttp__response_until(response, response->sent_at, limit));
}

void aiohttp__response_on_wait(struct http1 *http, enum http1_wait what)
{
    aiohttp_client_response *response = http->owner;
    double limit;
    switch (what) {
    case WAIT_NONE:
    case WAIT_OVER:
        break;
    case WAIT_HEAD:
        response->phase = AIOHTTP_PHASE_HEAD;
        if (response->upload) {
            wait_head_of_upload(response);
            break;
        }
        wait_until(&response->wait, aiohttp__response_until(response, response->sent_at,
                                                            response->head_limit));
        break;
    case WAIT_BODY:
        response->phase = AIOHTTP_PHASE_READ;
        limit = response->read_limit;
        wait_until(&response->wait,
                   aiohttp__response_until(response, limit == ASYNCIO_NONE ? 0 : now_of(response),
                                           limit));
        break;
    case WAIT_WRITE:
        if (response->upload) {
            limit = response->write_limit;
            wait_until(&response->upload_wait,
                       aiohttp__response_until(response, now_of(response), limit));
            break;
        }
        response->phase = AIOHTTP_PHASE_WRITE;
        wait_until(&response->wait,
                   aiohttp__response_until(response, response->clock, response->write_limit));
        break;
    }
}

/* --- what went wrong --- */

int aiohttp__raise_late(const aiohttp_client_session *session, const aiohttp_url *url,
                        double total, aiohttp_client_phase phase)
{
    const char *host = url ? aiohttp_url_host_port_subcomponent(url) : "";
    /* The timer looks a little late, never early. */
    bool is_total = total != NEVER && asyncio_loop_time(session->loop) >= total;
    return asyncio_raise(-ETIMEDOUT, "%s: the time limit %s%s has passed%s", host,
                         is_total ? "of the whole request (total)" : "of the phase ",
                         is_total ? "" : aiohttp_client_phase_name(phase),
                         is_total ? ", while the phase was not over" : "");
}

static int raise_coded(aiohttp_client_response *response, const char *host)
{
    struct span coding = aiohttp__response_field(response, HEADER_CONTENT_ENCODING);
    const struct reader *reader = response->reader;
    return asyncio_raise(-AIOHTTP_CONTENT_ENCODING, "%s: the body is no \"%.*s\", behind byte %llu",
                         host, coding.size < 100 ? (int)coding.size : 100, coding.data,
                         (unsigned long long)(reader && reader->decoder
                                                  ? aiohttp__decoder_given(reader->decoder)
                                                  : 0));
}

int aiohttp__response_raise(aiohttp_client_response *response, int r)
{
    const struct head *head = &response->http.exchange.head;
    const char *host = response->url ? aiohttp_url_host_port_subcomponent(response->url) : "";
    switch (r) {
    case -ETIMEDOUT:
        if (response->wait.is_late || response->upload_wait.is_late)
            return aiohttp__raise_late(response->session, response->url, response->total,
                                       response->phase);
        return asyncio_raise(r, "%s: the peer no longer answers, the system gave up (%s)", host,
                             aiohttp_client_phase_name(response->phase));
    case -AIOHTTP_BAD_HTTP_MESSAGE:
    case -AIOHTTP_LINE_TOO_LONG:
    case -AIOHTTP_HEADERS_TOO_LARGE:
        if (head->why && head->result < 0)
            return asyncio_raise(r, "%s: the head of the answer: %s, at byte %u", host, head->why,
                                 (unsigned)head->error_at);
        if (response->http.body.why)
            return asyncio_raise(r, "%s: the body of the answer, behind byte %llu: %s", host,
                                 (unsigned long long)response->http.body.total,
                                 response->http.body.why);
        return asyncio_raise(r, "%s: %s", host, asyncio_error_text(r));
    case -AIOHTTP_SERVER_DISCONNECTED:
        return asyncio_raise(r, "%s closed the connection %s", host,
                             response->answering.has_bytes ? "within the head of its answer"
                                                           : "without an answer");
    case -AIOHTTP_PAYLOAD:
        return asyncio_raise(r, "%s: the body ended after %llu bytes, before it was complete", host,
                             (unsigned long long)response->http.body.total);
    case -AIOHTTP_BODY_TOO_LARGE:
        return asyncio_raise(r, "%s: the body is larger than %zu bytes, or unpacks to too much",
                             host, response->max_body);
    case -AIOHTTP_CONTENT_ENCODING:
        return raise_coded(response, host);
    case -ECONNRESET:
    case -EPIPE:
        return asyncio_raise(r, "%s: the connection was lost (%s)", host,
                             aiohttp_client_phase_name(response->phase));
    default:
        return r;
    }
}

const char *aiohttp_client_phase_name(aiohttp_client_phase phase)
{
    static const char *const names[] = { "none", "pool",  "dns",  "connect", "proxy",
                                         "tls",  "write", "head", "read" };
    return (size_t)phase < sizeof names / sizeof *names ? names[phase] : "none";
}

/* --- the head --- */

int aiohttp_client_response_status(const aiohttp_client_response *response)
{
    return response->http.exchange.head.status_code;
}

int aiohttp_client_response_ok(const aiohttp_client_response *response)
{
    return aiohttp_client_response_status(response) < 400;
}

int aiohttp_client_response_version(const aiohttp_client_response *response)
{
    return response->http.exchange.head.version;
}

const aiohttp_url *aiohttp_client_response_url(const aiohttp_client_response *response)
{
    return response->url;
}

const char *aiohttp_client_response_method(const aiohttp_client_response *response)
{
    return response->method == METHOD_OTHER ? response->method_text
                                            : aiohttp__method_text(response->method).data;
}

struct span aiohttp__response_field(const aiohttp_client_response *response, enum header_id id)
{
    return exchange_field(&response->http.exchange, id);
}

static aiohttp_client_response *changed(const aiohttp_client_response *response)
{
    return (aiohttp_client_response *)(uintptr_t)response;
}

/* The head becomes a copy that NULs are put into: no span of it is read after that but by these. */
static void lend_fields(struct aiohttp_headers *headers, aiohttp_client_response *response)
{
    struct exchange *exchange = &response->http.exchange;
    char *text = (char *)(uintptr_t)exchange->text;
    for (uint32_t i = 0; i < exchange->head.field_count; i++) {
        const struct head_field *field = &exchange->head.fields[i];
        aiohttp__headers_lend(headers, text + field->name, field->name_size, text + field->value,
                              field->value_size);
    }
}

struct aiohttp_headers *aiohttp__response_headers(aiohttp_client_response *response)
{
    if (response->has_headers)
        return &response->headers;
    struct exchange *exchange = &response->http.exchange;
    aiohttp__headers_init(&response->headers, &exchange->arena);
    if (exchange_settle(exchange) < 0 ||
        aiohttp__headers_reserve(&response->headers, exchange->head.field_count) < 0)
        return NULL;
    lend_fields(&response->headers, response);
    response->has_headers = true;
    return &response->headers;
}

const aiohttp_headers *aiohttp_client_response_headers(const aiohttp_client_response *response)
{
    return aiohttp__response_headers(changed(response));
}

const char *aiohttp_client_response_header(const aiohttp_client_response *response,
                                           const char *name)
{
    const struct aiohttp_headers *headers = aiohttp__response_headers(changed(response));
    return headers ? aiohttp_headers_get(headers, name) : NULL;
}

const char *aiohttp_client_response_reason(const aiohttp_client_response *response)
{
    struct exchange *exchange = &changed(response)->http.exchange;
    struct place reason = exchange->head.reason;
    if (reason.size == 0 || exchange_settle(exchange) < 0)
        return "";
    /* Over the CR behind it. */
    char *text = (char *)(uintptr_t)exchange->text + reason.at;
    text[reason.size] = '\0';
    return text;
}

int64_t aiohttp_client_response_content_length(const aiohttp_client_response *response)
{
    const struct head *head = &response->http.exchange.head;
    return head->flags & HEAD_CONTENT_LENGTH && head->content_length <= INT64_MAX
               ? (int64_t)head->content_length
               : -1;
}

size_t aiohttp_client_response_history_count(const aiohttp_client_response *response)
{
    return response->history_count;
}

const aiohttp_client_response *
aiohttp_client_response_history(const aiohttp_client_response *response, size_t index)
{
    return index < response->history_count ? response->history[index] : NULL;
}

int64_t aiohttp_client_response_output_size(const aiohttp_client_response *response)
{
    return response->output_size;
}

int aiohttp_client_response_upload_complete(const aiohttp_client_response *response)
{
    return response->upload_complete;
}

int aiohttp_client_response_at_eof(const aiohttp_client_response *response)
{
    return response->is_ended;
}

/* --- the end --- */

/* What was read of the stream is given back. The last byte is read and not just consumed: so
 * nothing is lent any more, and an idle connection has no buffer. */
static void take_used(asyncio_stream *stream, size_t used)
{
    const char *data;
    char last;
    if (used && asyncio_stream_peek(stream, &data) == used) {
        asyncio_stream_consume(stream, used - 1);
        used = asyncio_stream_read(stream, &last, 1) == 1 ? 0 : 1;
    }
    asyncio_stream_consume(stream, used);
}

void aiohttp__response_finish(aiohttp_client_response *response, bool is_reusable)
{
    struct connection *connection = response->connection;
    struct exchange *exchange = &response->http.exchange;
    if (!connection)
        return;
    /* The head is a copy from now on; without memory for that it is empty. */
    if (exchange->head.status_code && exchange_settle(exchange) < 0) {
        exchange->head.field_count = 0;
        exchange->head.seen = (struct header_set){ { 0, 0 } };
        exchange->head.reason.size = 0;
    }
    if (exchange->stream)
        take_used(exchange->stream, response->http.used);
    response->http.used = 0;
    if (response->reader) /* it lies in the stream */
        response->reader->rest.size = 0;
    exchange->stream = NULL;
    response->connection = NULL;
    aiohttp__wait_remove(&response->wait);
    connection->requests++;
    aiohttp__pool_give(connection, is_reusable && !exchange->closes && !exchange->is_broken);
}

bool aiohttp__response_drop_seen(aiohttp_client_response *response)
{
    struct http1 *http = &response->http;
    if (!response->connection || http->exchange.is_body_read)
        return true;
    const char *data;
    size_t size = asyncio_stream_peek(http->exchange.stream, &data), used;
    while (size > http->used || body_is_complete(&http->body)) {
        struct span piece;
        int r = aiohttp__body_next(&http->body, data + http->used, size - http->used, &used,
                                   &piece);
        if (r < 0 || r == BODY_TRAILERS)
            return false;
        http->used += used;
        if (r == BODY_END) {
            http->exchange.is_body_read = true;
            return true;
        }
        if (used == 0)
            return false;
    }
    return false;
}

void aiohttp_client_response_close(aiohttp_client_response *response)
{
    response->was_closed = true;
    if (!response->connection)
        return;
    if (response->is_reading) { /* the stream is the reader's, who finds it ended */
        asyncio_stream_abort(response->connection->stream);
        return;
    }
    aiohttp__response_finish(response, !response->failed && aiohttp__response_drop_seen(response));
}

/* Reads and drops what is left, for so much time as that may take. */
static int drop(aiohttp_client_response *response)
{
    double total = response->total;
    response->total = aiohttp__response_until(response, now_of(response),
                                              response->session->limits.lingering_time);
    response->is_reading = true;
    int r = wait_over(&response->wait, aiohttp__http1_drop_body(&response->http));
    response->is_reading = false;
    response->total = total;
    return r;
}

int aiohttp_client_response_release(aiohttp_client_response *response)
{
    int r = aiohttp__session_check(response->session);
    if (r < 0)
        return r;
    response->was_closed = true;
    if (!response->connection || response->is_reading)
        return 0;
    if (!response->failed && !aiohttp__response_drop_seen(response) &&
        !response->http.exchange.closes)
        r = drop(response);
    if (response->connection)
        aiohttp__response_finish(response, r >= 0 && response->http.exchange.is_body_read);
    return r == -ECANCELED ? r : 0;
}

static void report(const aiohttp_client_response *response)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    if (loop)
        asyncio_loop_call_exception_handler(loop, .message = "Unclosed response",
                                            .where = response->where);
}

void aiohttp__response_set_history(aiohttp_client_response *response,
                                   aiohttp_client_response **history, size_t count)
{
    aiohttp_client_response **old = response->history;
    size_t old_count = response->history_count;
    response->history = history;
    response->history_count = count;
    for (size_t i = 0; i < old_count; i++)
        aiohttp_client_response_unref(old[i]);
    asyncio_mem_free(old);
}

/* What belongs to it, but not its memory. */
static void clear(aiohttp_client_response *response)
{
    aiohttp__response_set_history(response, NULL, 0);
    aiohttp__reader_free(response->reader);
    aiohttp__bytes_fini(&response->body);
    aiohttp__texts_free(response->texts);
    aiohttp_url_unref(response->url);
    aiohttp__http1_fini(&response->http);
    aiohttp__wait_remove(&response->wait);
}

void aiohttp_client_response_unref(aiohttp_client_response *response)
{
    if (!response || --response->references)
        return;
    aiohttp_client_session *session = response->session;
    if (response->connection) {
        bool is_whole = !response->failed && aiohttp__response_drop_seen(response);
        if (!is_whole && !response->was_closed && !response->failed && response->where)
            report(response);
        aiohttp__response_finish(response, is_whole);
    }
    clear(response);
    if (session->stored < RESPONSES_KEPT && !session->is_closed) {
        response->next = session->store;
        session->store = response;
        session->stored++;
    } else
        asyncio_mem_free(response);
    aiohttp__session_drop(session);
}
