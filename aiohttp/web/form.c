/* SPDX-License-Identifier: MIT */
/* post() and multipart(): see <aiohttp/web_form.h>.
 *
 * MODEL      A struct web_form in the request's arena keeps what is not: the multi-dict, the
 *            reader, the files. A multipart body is read by one reader, whose source counts the
 *            bytes.
 * FILES      Grow in memory up to a limit, then go to a file that has no name: nobody finds it,
 *            and nothing is left behind whatever happens. upload.c has what touches the disk. */
#include "web/upload.h"

#include "message/charset.h"
#include "message/multi_dict.h"
#include "message/multipart_reader.h"
#include "wire/media.h"
#include "wire/query.h"
#include "wire/quote.h"

#include <aiohttp/error.h>
#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <errno.h>
#include <stdlib.h>

enum { PIECE = 16384 };

struct web_form {
    aiohttp_web_request *request;
    aiohttp_multi_dict *fields;
    struct web_upload *files, **last;
    aiohttp_multipart_reader *reader;
    size_t taken;   /* of the body */
    bool counts;    /* up to client_max_size */
    bool is_read;   /* `result` is what came of it */
    bool is_cancelled; /* the reading was: `result` is that */
    int result;
    struct upload_room room;
};

void aiohttp__web_form_end(struct web_form *form)
{
    aiohttp_multipart_reader_unref(form->reader);
    aiohttp_multi_dict_unref(form->fields);
    for (struct web_upload *file = form->files; file; file = file->next)
        aiohttp__web_upload_end(file);
}

static int get_form(aiohttp_web_request *request, struct web_form **ret_form)
{
    struct web_form *form = request->form;
    if (!form) {
        form = aiohttp__arena_calloc(&request->exchange->arena, 1, sizeof *form);
        if (!form)
            return -ENOMEM;
        form->request = request;
        form->last = &form->files;
        request->form = form;
    }
    *ret_form = form;
    return 0;
}

/* The body, for the reader: what was read as a whole before, or what comes. */
static int read_body(void *data, void *buffer, size_t size)
{
    struct web_form *form = data;
    aiohttp_web_request *request = form->request;
    int r;
    if (request->is_read) {
        size_t left = request->body_size - form->taken;
        r = (int)(left < size ? left : size);
        if (r)
            memcpy(buffer, request->body + form->taken, (size_t)r);
    } else {
        r = aiohttp_web_request_content_read(request, buffer, size);
    }
    if (r <= 0)
        return r;
    if (form->counts && (form->taken > request->max_size ||
                         (size_t)r > request->max_size - form->taken))
        return -(AIOHTTP_HTTP + 413);
    form->taken += (size_t)r;
    return r;
}

static int get_reader(struct web_form *form)
{
    aiohttp_web_request *request = form->request;
    aiohttp_limits limits = *request->exchange->limits;
    limits.body = request->max_size;
    if (form->reader)
        return 0;
    if (request->is_in_pieces)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the body was read in pieces already");
    struct span type = web_request_field(request, HEADER_CONTENT_TYPE);
    const char *text = aiohttp__arena_text(&request->exchange->arena,
                                           type.data ? type : SPAN(""));
    if (!text)
        return -ENOMEM;
    int r = aiohttp_multipart_reader_new(text, read_body, form, &form->reader, .limits = &limits);
    if (r == -EINVAL)
        return -(AIOHTTP_HTTP + 415);
    if (r >= 0)
        aiohttp__multipart_reader_answers(form->reader);
    return r;
}

int aiohttp_web_request_multipart(aiohttp_web_request *request,
                                  aiohttp_multipart_reader **ret_reader)
{
    struct web_form *form;
    int r = get_form(request, &form);
    if (r >= 0)
        r = form->is_read ? -ASYNCIO_INVALID_STATE : get_reader(form);
    if (r < 0)
        return r;
    *ret_reader = form->reader;
    return 0;
}

/* --- urlencoded --- */

/* Appends a name or value. What is malformed is U+FFFD, as it is in UTF-8. */
static int decode(struct charset_decoder *decoder, struct bytes *raw, struct span text,
                  struct bytes *out)
{
    raw->size = 0;
    aiohttp__unquote_bytes(raw, text);
    struct span plain = bytes_since(raw, 0);
    int r = raw->error ? raw->error : aiohttp__charset_decode(decoder, plain, true, out);
    return r >= 0 && memchr(plain.data, '\0', plain.size) ? -(AIOHTTP_HTTP + 400) : r;
}

static int add_fields(struct web_form *form, const struct charset *charset, struct span body)
{
    struct bytes raw = bytes_up_to(body.size), text = bytes_up_to(body.size * 4);
    struct charset_decoder decoder;
    struct span name, value;
    int r = aiohttp__charset_begin(&decoder, charset);
    if (r < 0)
        return r == -EINVAL ? -(AIOHTTP_HTTP + 415) : r;
    for (size_t at = 0; r >= 0 && aiohttp__query_next(body, &at, &name, &value);) {
        text.size = 0;
        r = decode(&decoder, &raw, name, &text);
        size_t cut_at = text.size;
        if (r >= 0)
            r = decode(&decoder, &raw, value, &text);
        if (r >= 0)
            r = aiohttp__multi_dict_add(form->fields, (struct span){ text.data, cut_at },
                                        bytes_since(&text, cut_at));
    }
    aiohttp__charset_end(&decoder);
    aiohttp__bytes_fini(&raw);
    aiohttp__bytes_fini(&text);
    return r;
}

static int read_urlencoded(struct web_form *form)
{
    aiohttp_web_request *request = form->request;
    struct span body, name, value;
    const char *label = aiohttp_web_request_charset(request);
    const struct charset *charset = aiohttp__charset_find(span_of(label ? label : "utf-8"));
    if (!charset || charset->unit > 1) /* & and = are bytes */
        return -(AIOHTTP_HTTP + 415);
    int r = aiohttp_web_request_read(request, &body.data, &body.size);
    if (r < 0)
        return r;
    size_t count = 0;
    for (size_t position = 0; aiohttp__query_next(body, &position, &name, &value);)
        if (count++ == request->exchange->limits->parts)
            return asyncio_raise(-(AIOHTTP_HTTP + 400), "the form has too many fields");
    return aiohttp__charset_is_utf8(charset)
               ? aiohttp__multi_dict_add_query(form->fields, body)
               : add_fields(form, charset, body);
}

/* --- multipart --- */

/* What a part is allowed to be; its media type, and its charset where it is text. */
static int check_part(aiohttp_body_part_reader *part, struct media_type *ret_type,
                      struct span *ret_charset)
{
    struct parameter charset;
    const aiohttp_headers *headers = aiohttp_body_part_reader_headers(part);
    const char *type = aiohttp_headers_get(headers, "Content-Type");
    if (!aiohttp_body_part_reader_name(part))
        return asyncio_raise(-(AIOHTTP_HTTP + 400), "a part of the form has no name");
    int r = aiohttp_body_part_reader_decode(part);
    if (r < 0)
        return r;
    if (aiohttp__media_type_parse(span_of(type ? type : "text/plain"), ret_type) < 0)
        *ret_type = (struct media_type){ SPAN("application"), SPAN("octet-stream"), { "", 0 } };
    if (span_is_case(ret_type->type, SPAN("multipart")))
        return asyncio_raise(-(AIOHTTP_HTTP + 415), "a part of the form is multipart itself");
    *ret_charset = SPAN("utf-8");
    if (aiohttp__media_type_parameter(ret_type, SPAN("charset"), &charset))
        *ret_charset = charset.value;
    return 0;
}

static int read_text(struct web_form *form, aiohttp_body_part_reader *part, bool is_text,
                     struct span charset)
{
    struct span value;
    int r = aiohttp_body_part_reader_read(part, &value.data, &value.size);
    if (r >= 0 && is_text)
        r = aiohttp__web_text(&form->request->exchange->arena, charset, value, &value);
    return r < 0 ? r
                 : aiohttp__multi_dict_add(form->fields,
                                           span_of(aiohttp_body_part_reader_name(part)), value);
}

static int read_file(struct web_form *form, aiohttp_body_part_reader *part, char *buffer)
{
    struct web_upload *file;
    int r = aiohttp__web_upload_new(&form->request->exchange->arena, part, &file);
    if (r < 0)
        return r;
    *form->last = file;
    form->last = &file->next;
    while ((r = aiohttp_body_part_reader_read_chunk(part, buffer, PIECE)) > 0)
        if ((r = aiohttp__web_upload_add(file, &form->room, buffer, (size_t)r)) < 0)
            break;
    return r < 0 ? r : aiohttp__web_upload_done(file);
}

static int read_parts(struct web_form *form)
{
    char *buffer = NULL;
    aiohttp_body_part_reader *part;
    form->counts = true;
    int r = get_reader(form);
    while (r >= 0 && (r = aiohttp_multipart_reader_next(form->reader, &part)) > 0) {
        struct media_type type;
        struct span charset;
        const char *filename = aiohttp_body_part_reader_filename(part);
        if ((r = check_part(part, &type, &charset)) < 0)
            break;
        if (!filename || !*filename)
            r = read_text(form, part, span_is_case(type.type, SPAN("text")), charset);
        else if (!buffer && !(buffer = asyncio_mem_malloc(PIECE)))
            r = -ENOMEM;
        else
            r = read_file(form, part, buffer);
    }
    /* What follows counts too, however it is cut into pieces. */
    char rest[256];
    while (r == 0 && (r = read_body(form, rest, sizeof rest)) > 0)
        r = 0;
    asyncio_mem_free(buffer);
    return r;
}

static bool may_have_form(const aiohttp_web_request *request)
{
    switch (request->exchange->head.method) {
    case METHOD_POST:
    case METHOD_PUT:
    case METHOD_PATCH:
    case METHOD_DELETE:
    case METHOD_TRACE:
        return true;
    default:
        return false;
    }
}

static int read_form(struct web_form *form)
{
    aiohttp_web_request *request = form->request;
    const struct head *head = &request->exchange->head;
    const char *type = aiohttp_web_request_content_type(request);
    if (!type || !(form->fields = aiohttp_multi_dict_new()))
        return -ENOMEM;
    bool is_parts = strcmp(type, "multipart/form-data") == 0;
    if (!may_have_form(request) ||
        (!is_parts && strcmp(type, "application/x-www-form-urlencoded") != 0))
        return 0;
    if (form->reader || request->is_in_pieces)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the body was read in pieces already");
    if (!is_parts)
        return read_urlencoded(form);
    if (!request->is_read && head->body == BODY_LENGTH && head->content_length > request->max_size)
        return -(AIOHTTP_HTTP + 413);
    return read_parts(form);
}

int(aiohttp_web_request_post)(aiohttp_web_request *request, const aiohttp_multi_dict **ret_form,
                              const aiohttp_web_post_options *options)
{
    struct web_form *form;
    int r = get_form(request, &form);
    if (r < 0)
        return r;
    if (!form->is_read) {
        const char *directory = options ? options->directory : NULL;
        if (!directory && !(directory = getenv("TMPDIR")))
            directory = "/tmp";
        form->room.directory = directory;
        form->room.in_memory = options ? options->file_in_memory
                                       : AIOHTTP__DEFAULT_FILE_IN_MEMORY;
        r = read_form(form);
        form->is_read = true;
        form->is_cancelled = r == -ECANCELED; /* said once: later it would be no cancellation */
        form->result = r < 0 ? r : 0;
        if (r == -ECANCELED)
            return r;
    }
    if (form->is_cancelled)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "reading the form was cancelled");
    if (form->result >= 0 && ret_form)
        *ret_form = form->fields;
    return form->result;
}

int aiohttp_web_request_file_next(aiohttp_web_request *request, size_t *position,
                                  const aiohttp_web_file_field **ret_file)
{
    const struct web_upload *file = request->form ? request->form->files : NULL;
    if (!request->form || !request->form->is_read || request->form->result < 0)
        return 0;
    for (size_t i = 0; file && i < *position; i++)
        file = file->next;
    if (!file)
        return 0;
    ++*position;
    *ret_file = &file->field;
    return 1;
}

const aiohttp_web_file_field *aiohttp_web_request_file(aiohttp_web_request *request,
                                                       const char *name)
{
    const aiohttp_web_file_field *file;
    for (size_t position = 0; aiohttp_web_request_file_next(request, &position, &file) > 0;)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}
