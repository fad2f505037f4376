/* SPDX-License-Identifier: MIT */
/* Bodies of responses: all of it, or piece by piece. See reader.h. */
#include "client/reader.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <errno.h>
#include <limits.h>

enum { SMALL_BODY = 1024 };

int aiohttp__reader_need(aiohttp_client_response *response)
{
    if (response->reader)
        return 0;
    struct reader *reader = asyncio_mem_calloc(1, sizeof *reader);
    if (!reader)
        return -ENOMEM;
    reader->line = bytes_up_to(response->max_body < SIZE_MAX ? response->max_body + 1 : SIZE_MAX);
    reader->event = reader->data = reader->id = reader->line;
    reader->retry = -1;
    response->reader = reader;
    return 0;
}

void aiohttp__reader_free(struct reader *reader)
{
    if (!reader)
        return;
    aiohttp__decoder_free(reader->decoder);
    asyncio_mem_free(reader->decoded);
    aiohttp__bytes_fini(&reader->line);
    aiohttp__bytes_fini(&reader->event);
    aiohttp__bytes_fini(&reader->data);
    aiohttp__bytes_fini(&reader->id);
    asyncio_mem_free(reader);
}

/* What the answer says of its coding: asked until it is known. */
static int make_decoder(aiohttp_client_response *response)
{
    struct span coding = aiohttp__response_field(response, HEADER_CONTENT_ENCODING);
    struct decoder *decoder = NULL;
    int r = coding.size ? aiohttp__decoder_new(coding, &response->session->limits, &decoder) : 0;
    if (r == -(AIOHTTP_HTTP + 415)) /* what we did not ask for is given as it came */
        r = 0;
    if (r >= 0 && decoder) {
        r = aiohttp__reader_need(response);
        char *decoded = r >= 0 ? asyncio_mem_malloc(INFLATE_ROOM) : NULL;
        if (!decoded) {
            aiohttp__decoder_free(decoder);
            return -ENOMEM;
        }
        response->reader->decoder = decoder;
        response->reader->decoded = decoded;
    }
    response->decompresses = r < 0;
    return r;
}

/* The next piece as it came. It is being read until the callback has returned: who closes the
 * response there leaves the piece where it is. */
static int next_raw(aiohttp_client_response *response, const char **ret_data)
{
    response->is_reading = true;
    int r = exchange_read(&response->http.exchange, ret_data);
    r = wait_over(&response->wait, r);
    if (__builtin_expect(response->session->trace != NULL, 0) && r > 0) {
        const aiohttp_trace_config *trace = response->session->trace;
        if (trace->on_response_chunk_received)
            trace->on_response_chunk_received(
                &(aiohttp_trace){ .size = sizeof(aiohttp_trace),
                                  .context = response->trace_context,
                                  .method = aiohttp_client_response_method(response),
                                  .url = response->url,
                                  .response = response,
                                  .bytes = (size_t)r,
                                  .data = *ret_data },
                trace->data);
    }
    if (r > 0) {
        response->received += r;
        if (__builtin_expect(response->progress != NULL, 0)) {
            int told = response->progress(response->received,
                                          aiohttp_client_response_content_length(response),
                                          response->progress_data);
            response->was_refused = told < 0;
            r = told < 0 ? told : r;
        }
    }
    response->is_reading = false;
    return r;
}

static int next_decoded(aiohttp_client_response *response, const char **ret_data)
{
    struct reader *reader = response->reader;
    for (;;) {
        int r = aiohttp__decoder_step(reader->decoder, &reader->coded, reader->decoded,
                                      INFLATE_ROOM);
        if (r != 0) {
            *ret_data = reader->decoded;
            return r;
        }
        if (reader->is_coded_end)
            return aiohttp__decoder_finish(reader->decoder);
        const char *data;
        if ((r = next_raw(response, &data)) < 0)
            return r;
        reader->is_coded_end = r == 0;
        reader->coded = (struct span){ data, (size_t)r };
        if (r == 0)
            reader->coded = (struct span){ "", 0 };
    }
}

int aiohttp__response_next(aiohttp_client_response *response, const char **ret_data)
{
    if (response->failed)
        return response->failed;
    if (response->is_ended)
        return 0;
    if (!response->connection)
        return asyncio_raise(-ECONNRESET, "the response is closed");
    if (response->is_reading)
        return -EBUSY;
    int r = aiohttp__session_check(response->session);
    if (r < 0)
        return r;
    r = response->decompresses ? make_decoder(response) : 0;
    bool is_decoded = response->reader && response->reader->decoder;
    if (r >= 0)
        r = is_decoded ? next_decoded(response, ret_data) : next_raw(response, ret_data);
    if (r > 0 || (!response->was_refused && (r == -ECANCELED || r == -ENOMEM)))
        return r;
    if (r == 0)
        response->is_ended = true;
    else /* the progress function's error is its own */
        response->failed = r = response->was_refused ? r : aiohttp__response_raise(response, r);
    aiohttp__response_finish(response, r == 0);
    return r;
}

int aiohttp__reader_fail(aiohttp_client_response *response, int r)
{
    response->failed = aiohttp__response_raise(response, r);
    aiohttp__response_finish(response, false);
    return response->failed;
}

/* --- all of it --- */

static int give_body(aiohttp_client_response *response, const char **ret_body, size_t *ret_size)
{
    *ret_body = response->body.data;
    if (ret_size)
        *ret_size = response->body.size - 1;
    return 0;
}

/* Where it goes: small ones into the arena. */
static void begin_body(aiohttp_client_response *response)
{
    const struct head *head = &response->http.exchange.head;
    size_t most = response->max_body < SIZE_MAX ? response->max_body + 1 : SIZE_MAX;
    response->body = bytes_up_to(most);
    bool is_coded = response->decompresses && head_has(head, HEADER_CONTENT_ENCODING);
    if (head->body != BODY_LENGTH || head->content_length >= SMALL_BODY || is_coded ||
        head->content_length >= most || response->reader)
        return;
    size_t size = (size_t)head->content_length + 1;
    char *room = aiohttp__arena_alloc(&response->http.exchange.arena, size);
    if (room)
        response->body = bytes_in(room, size);
}

int aiohttp_client_response_read(aiohttp_client_response *response, const char **ret_body,
                                 size_t *ret_size)
{
    if (response->has_body)
        return give_body(response, ret_body, ret_size);
    if (response->body.max == 0)
        begin_body(response);
    struct bytes *body = &response->body;
    if (response->reader && response->reader->rest.size) {
        bytes_add(body, response->reader->rest);
        response->reader->rest.size = 0;
    }
    for (;;) {
        const char *data;
        int r = aiohttp__response_next(response, &data);
        if (r < 0)
            return r;
        if (r == 0)
            break;
        if ((size_t)r > response->max_body - (body->size < response->max_body
                                                  ? body->size
                                                  : response->max_body)) {
            return aiohttp__reader_fail(response, -AIOHTTP_BODY_TOO_LARGE);
        }
        aiohttp__bytes_append(body, data, (size_t)r);
        if (body->error)
            return aiohttp__reader_fail(response, body->error == -EMSGSIZE ? -AIOHTTP_BODY_TOO_LARGE
                                                                           : body->error);
    }
    bytes_put(body, '\0');
    if (body->error)
        return body->error;
    response->has_body = true;
    return give_body(response, ret_body, ret_size);
}

/* --- pieces --- */

int aiohttp_client_response_readany(aiohttp_client_response *response, const char **ret_data)
{
    struct reader *reader = response->reader;
    if (reader && reader->rest.size) {
        *ret_data = reader->rest.data;
        int size = (int)reader->rest.size;
        reader->rest.size = 0;
        return size;
    }
    return aiohttp__response_next(response, ret_data);
}

int aiohttp__reader_fill(aiohttp_client_response *response)
{
    const char *data;
    int r = aiohttp__reader_need(response);
    if (r < 0 || response->reader->rest.size)
        return r < 0 ? r : 1;
    r = aiohttp__response_next(response, &data);
    if (r > 0)
        response->reader->rest = (struct span){ data, (size_t)r };
    return r > 0 ? 1 : r;
}

/* Out of the rest. */
static void take(struct reader *reader, size_t size)
{
    reader->rest.data += size;
    reader->rest.size -= size;
}

int aiohttp_client_response_read_into(aiohttp_client_response *response, void *buffer, size_t size)
{
    if (size == 0)
        return 0;
    int r = aiohttp__reader_fill(response);
    if (r <= 0)
        return r;
    struct reader *reader = response->reader;
    size_t now = reader->rest.size < size ? reader->rest.size : size;
    memcpy(buffer, reader->rest.data, now);
    take(reader, now);
    return (int)now;
}

int aiohttp_client_response_readexactly(aiohttp_client_response *response, void *buffer,
                                        size_t size, size_t *ret_got)
{
    for (size_t got = 0; got < size;) {
        int r = aiohttp_client_response_read_into(response, (char *)buffer + got, size - got);
        if (r <= 0) {
            if (ret_got)
                *ret_got = got;
            return r < 0 ? r : -ASYNCIO_INCOMPLETE_READ;
        }
        got += (size_t)r;
    }
    return 0;
}

/* How many bytes of the rest end a separator that has begun in the line; 0: there is none. */
static size_t across(const struct reader *reader, struct span separator)
{
    const struct bytes *line = &reader->line;
    struct span rest = reader->rest;
    size_t begun = separator.size - 1 < line->size ? separator.size - 1 : line->size;
    for (; begun > 0; begun--) {
        size_t left = separator.size - begun;
        if (left <= rest.size && memcmp(rest.data, separator.data + begun, left) == 0 &&
            memcmp(line->data + line->size - begun, separator.data, begun) == 0)
            return left;
    }
    return 0;
}

/* Moves the rest into the line, up to the separator: true when that is there. What is behind it is
 * not touched: a rest may have many lines. */
static bool grow_line(struct reader *reader, struct span separator)
{
    struct span rest = reader->rest;
    size_t size = across(reader, separator);
    bool is_there = size > 0;
    if (!is_there) {
        const char *at = memmem(rest.data, rest.size, separator.data, separator.size);
        is_there = at != NULL;
        size = is_there ? (size_t)(at - rest.data) + separator.size : rest.size;
    }
    aiohttp__bytes_append(&reader->line, rest.data, size);
    take(reader, size);
    return is_there;
}

static int read_until(aiohttp_client_response *response, struct span separator,
                      const char **ret_data)
{
    int r = aiohttp__reader_need(response);
    if (r < 0)
        return r;
    struct reader *reader = response->reader;
    struct bytes *line = &reader->line;
    if (!reader->is_line_partial)
        line->size = 0;
    reader->is_line_partial = true;
    bool is_whole = false;
    while (!is_whole && (r = aiohttp__reader_fill(response)) > 0) {
        is_whole = grow_line(reader, separator);
        if (line->error || line->size > response->max_body || line->size > INT_MAX) {
            return aiohttp__reader_fail(response, line->error == -ENOMEM ? -ENOMEM
                                                                         : -AIOHTTP_BODY_TOO_LARGE);
        }
    }
    if (r < 0)
        return r;
    bytes_put(line, '\0');
    if (line->error)
        return line->error;
    line->size--;
    reader->is_line_partial = false;
    *ret_data = line->data;
    return (int)line->size;
}

int aiohttp_client_response_readline(aiohttp_client_response *response, const char **ret_line)
{
    return read_until(response, SPAN("\n"), ret_line);
}

int aiohttp_client_response_readuntil(aiohttp_client_response *response, const void *separator,
                                      size_t separator_size, const char **ret_data)
{
    if (separator_size == 0)
        return -EINVAL;
    return read_until(response, (struct span){ separator, separator_size }, ret_data);
}
