/* SPDX-License-Identifier: MIT */
/* The body of a request: what the options say it is. Bytes and text stay where they are, all else
 * becomes a payload; both can be begun anew where their kind can. A middleware's is a payload
 * whatever it is: it outlives the call that has given it. */
#include "client/session.h"

#include "message/coding.h"
#include "message/payload.h"
#include "message/rewind.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <errno.h>

/* A middleware's body is in the place of what was asked for. */
struct rewritten {
    struct ask_body asked;
    char *content_type; /* of what is in its place, or NULL */
};

static int read_form(void *data, void *buffer, size_t size)
{
    return aiohttp_form_data_read(data, buffer, size);
}

static int rewind_form(void *data)
{
    return aiohttp__form_data_rewind(data);
}

static void drop_form(void *data)
{
    aiohttp_form_data_unref(data);
}

static int read_multipart(void *data, void *buffer, size_t size)
{
    return aiohttp_multipart_writer_read(data, buffer, size);
}

static int rewind_multipart(void *data)
{
    return aiohttp__multipart_writer_rewind(data);
}

static void drop_multipart(void *data)
{
    aiohttp_multipart_writer_unref(data);
}

static unsigned count_of(const aiohttp_client_request_options *options)
{
    return 0u + (options->body != NULL || options->body_size != 0) + (options->text != NULL) +
           (options->file != NULL) + (options->form != NULL) + (options->multipart != NULL) +
           (options->json != NULL) + (options->generator != NULL) + (options->payload != NULL);
}

/* What an earlier request has sent is begun anew, or refused before anything is sent. */
static int begin_anew(const aiohttp_client_request_options *options)
{
    int r = 0;
    if (options->form)
        r = aiohttp__form_data_rewind(options->form);
    else if (options->multipart)
        r = aiohttp__multipart_writer_rewind(options->multipart);
    else if (options->payload)
        r = aiohttp__payload_rewind(options->payload);
    return r < 0 && r != -ENOMEM && r != -ECANCELED
               ? asyncio_raise(-AIOHTTP_BODY_SENT, "the body was sent by another request, and "
                                                   "cannot be again")
               : r;
}

static int open_file(struct ask_body *body, const char *path)
{
    int r = aiohttp_file_payload_new(path, &body->payload);
    return r < 0 && r != -ENOMEM && r != -ECANCELED && r != -EINVAL
               ? asyncio_raise(r, "the body, %s: %s", path, asyncio_error_text(r))
               : r;
}

static int make_payload(struct ask_body *body, const aiohttp_client_request_options *options)
{
    if (options->file)
        return open_file(body, options->file);
    if (options->form)
        return aiohttp_source_payload_new(
            read_form, &body->payload, .length = aiohttp_form_data_length(options->form),
            .content_type = aiohttp_form_data_content_type(options->form), .rewind = rewind_form,
            .destroy = drop_form, .data = aiohttp__form_data_ref(options->form));
    if (options->multipart)
        return aiohttp_source_payload_new(
            read_multipart, &body->payload,
            .length = aiohttp_multipart_writer_length(options->multipart),
            .content_type = aiohttp_multipart_writer_content_type(options->multipart),
            .rewind = rewind_multipart, .destroy = drop_multipart,
            .data = aiohttp__multipart_writer_ref(options->multipart));
    if (options->json)
        return aiohttp_json_payload_new(options->json, &body->payload);
    if (options->generator)
        return (aiohttp_generator_payload_new)(
            options->generator, &body->payload,
            &(aiohttp_payload_options){ .size = sizeof(aiohttp_payload_options),
                                        .length = -1,
                                        .rewind = options->rewind,
                                        .data = options->data });
    body->payload = aiohttp_payload_ref(options->payload);
    return 0;
}

static int choose_coding(struct ask_body *body, const char *name)
{
    int coding = aiohttp__coding_of(span_of(name));
    if (coding < 0 || !(aiohttp__codings() >> coding & 1))
        return asyncio_raise(-EINVAL, "bodies cannot be compressed by \"%s\"", name);
    body->coding = coding;
    return 0;
}

/* Also after an error `body` may have a payload. */
static int make_body(struct ask_body *body, const aiohttp_client_request_options *options)
{
    *body = (struct ask_body){ .coding = CODING_IDENTITY };
    unsigned count = count_of(options);
    if (count == 0)
        return 0;
    if (count > 1)
        return asyncio_raise(-EINVAL, "a request has one body: %u of .body, .text, .file, .form, "
                                      ".multipart, .json, .generator, .payload are set", count);
    if (options->body_size && !options->body)
        return asyncio_raise(-EINVAL, "a body of %zu bytes is NULL", options->body_size);
    if (options->content_type && !aiohttp__is_value(span_of(options->content_type)))
        return asyncio_raise(-EINVAL, "this is no content type");
    if (options->body || options->body_size) {
        body->bytes = (struct span){ options->body, options->body_size };
        body->content_type = "application/octet-stream";
        body->is_bytes = true;
    } else if (options->text) {
        body->bytes = span_of(options->text);
        body->content_type = "text/plain; charset=utf-8";
        body->is_bytes = true;
    } else {
        int r = begin_anew(options);
        if (r >= 0)
            r = make_payload(body, options);
        if (r < 0)
            return r;
        body->content_type = aiohttp_payload_content_type(body->payload);
        if (options->json) {
            body->bytes = (struct span){ body->payload->bytes, (size_t)body->payload->length };
            body->is_bytes = true;
        }
    }
    if (options->content_type)
        body->content_type = options->content_type;
    return options->compress ? choose_coding(body, options->compress) : 0;
}

int aiohttp__body_begin_of(struct aiohttp_client_request *request)
{
    return make_body(&request->body, request->options);
}

void aiohttp__body_end_of(struct aiohttp_client_request *request)
{
    aiohttp_payload_unref(request->body.payload);
    request->body.payload = NULL;
}

void aiohttp__body_drop(struct aiohttp_client_request *request)
{
    aiohttp__body_end_of(request);
    request->body = (struct ask_body){ .coding = CODING_IDENTITY };
}

int aiohttp__body_rewind(struct aiohttp_client_request *request)
{
    struct ask_body *body = &request->body;
    if (body->is_bytes || !body->payload || !body->was_sent)
        return 1;
    int r = aiohttp__payload_rewind(body->payload);
    if (r < 0)
        return 0;
    body->was_sent = false;
    return 1;
}

int64_t aiohttp__body_length(const struct aiohttp_client_request *request)
{
    const struct ask_body *body = &request->body;
    if (!body->is_bytes && !body->payload) {
        /* Who means to send something says that it is nothing (RFC 9110, 8.6). */
        return request->id == METHOD_POST || request->id == METHOD_PUT ||
                       request->id == METHOD_PATCH
                   ? 0
                   : ASKS_NOTHING;
    }
    if (request->options->chunked || request->options->trailers || body->coding != CODING_IDENTITY)
        return ASKS_CHUNKS;
    return body->is_bytes ? (int64_t)body->bytes.size : aiohttp_payload_length(body->payload);
}

/* --- a middleware's --- */

static int copy_bytes(struct ask_body *body)
{
    if (!body->is_bytes || body->payload)
        return 0;
    int r = aiohttp_bytes_payload_new(body->bytes.data, body->bytes.size, &body->payload);
    if (r >= 0)
        body->bytes.data = body->bytes.size ? body->payload->bytes : "";
    return r;
}

/* What is sent as its type: that of the body which it takes the place of, unless its own says more
 * than that. NULL: none, or *ret_error. */
static char *type_of(const struct ask_body *before, const struct ask_body *body,
                     const aiohttp_client_update_body_options *options, int *ret_error)
{
    const char *type = body->content_type;
    if (type && before->content_type && !options->content_type && !options->form &&
        !options->multipart)
        type = before->content_type;
    char *copy = type ? asyncio_mem_strdup(type) : NULL;
    *ret_error = type && !copy ? -ENOMEM : 0;
    return copy;
}

static void replace(struct aiohttp_client_request *request, struct rewritten *rewritten,
                    const struct ask_body *made, char *content_type)
{
    if (request->rewritten) {
        aiohttp__body_end_of(request);
        asyncio_mem_free(rewritten->content_type);
    } else
        rewritten->asked = request->body;
    request->rewritten = rewritten;
    request->body = *made;
    request->body.content_type = rewritten->content_type = content_type;
}

int(aiohttp_client_request_update_body)(aiohttp_client_request *request,
                                        const aiohttp_client_update_body_options *given)
{
    static const aiohttp_client_update_body_options defaults;
    const aiohttp_client_update_body_options *options = given ? given : &defaults;
    const aiohttp_client_request_options asked = {
        .size = sizeof asked,
        .body = options->body,
        .body_size = options->body_size,
        .text = options->text,
        .file = options->file,
        .form = options->form,
        .multipart = options->multipart,
        .json = options->json,
        .generator = options->generator,
        .payload = options->payload,
        .content_type = options->content_type,
        .rewind = options->rewind,
        .compress = options->compress,
        .data = options->data,
    };
    struct rewritten *rewritten = request->rewritten;
    struct ask_body made;
    char *type = NULL;
    int r = make_body(&made, &asked);
    if (r >= 0)
        r = copy_bytes(&made);
    if (r >= 0)
        type = type_of(&request->body, &made, options, &r);
    if (r >= 0 && !rewritten && !(rewritten = asyncio_mem_malloc(sizeof *rewritten)))
        r = -ENOMEM;
    if (r < 0) {
        asyncio_mem_free(type);
        aiohttp_payload_unref(made.payload);
        return r;
    }
    if (!options->compress && made.payload)
        made.coding = request->body.coding;
    replace(request, rewritten, &made, type);
    return 0;
}

void aiohttp__body_restore(struct aiohttp_client_request *request)
{
    struct rewritten *rewritten = request->rewritten;
    if (!rewritten)
        return;
    /* the same payload may be both */
    rewritten->asked.was_sent |= request->body.was_sent;
    aiohttp__body_end_of(request);
    request->body = rewritten->asked;
    request->rewritten = NULL;
    asyncio_mem_free(rewritten->content_type);
    asyncio_mem_free(rewritten);
}
