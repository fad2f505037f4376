/* SPDX-License-Identifier: MIT */
/* Forms to be sent: see <aiohttp/form.h>.
 *
 * MODEL  Each field is written as a part of a multipart body, and, as long as none needs that, as
 *        a pair of the other form as well: which of the two is sent is known when the last was
 *        added. */
#include <aiohttp/form.h>

#include "base/bytes.h"
#include "message/headers.h"
#include "message/rewind.h"
#include "wire/disposition.h"
#include "wire/query.h"

#include <asyncio/alloc.h>
#include <errno.h>
#include <limits.h>

struct aiohttp_form_data {
    unsigned references;
    aiohttp_multipart_writer *writer;
    struct bytes pairs;
    size_t at; /* in pairs: what was read */
    bool is_multipart, has_begun;
};

aiohttp_form_data *aiohttp_form_data_new(void)
{
    aiohttp_form_data *form = asyncio_mem_calloc(1, sizeof *form);
    if (!form)
        return NULL;
    form->references = 1;
    form->pairs = bytes_up_to(SIZE_MAX / 2);
    if (aiohttp_multipart_writer_new("form-data", &form->writer) < 0) {
        asyncio_mem_free(form);
        return NULL;
    }
    return form;
}

aiohttp_form_data *aiohttp__form_data_ref(aiohttp_form_data *form)
{
    form->references++;
    return form;
}

void aiohttp_form_data_unref(aiohttp_form_data *form)
{
    if (!form || --form->references > 0)
        return;
    aiohttp_multipart_writer_unref(form->writer);
    aiohttp__bytes_fini(&form->pairs);
    asyncio_mem_free(form);
}

static bool is_one_line(const char *text)
{
    return !text || !strpbrk(text, "\r\n");
}

/* The fields of a part's head. NULL and why. */
static aiohttp_headers *headers_of(const char *name, const aiohttp_form_data_field_options *o,
                                   int *ret_error)
{
    struct bytes text = bytes_up_to(SIZE_MAX / 2);
    struct span filename = span_of(o->filename ? o->filename : "");
    const char *type = o->content_type;
    if (!type && (o->filename || o->read))
        type = "application/octet-stream";
    aiohttp__disposition_write_form(&text, span_of(name), o->filename ? &filename : NULL);
    aiohttp_headers *headers = aiohttp_headers_new();
    int r = text.error ? text.error : headers ? 0 : -ENOMEM;
    if (r == 0)
        r = aiohttp__headers_add(headers, SPAN("Content-Disposition"), bytes_span(&text));
    if (r >= 0 && type)
        r = aiohttp_headers_add(headers, "Content-Type", type);
    aiohttp__bytes_fini(&text);
    *ret_error = r;
    if (r >= 0)
        return headers;
    aiohttp_headers_unref(headers);
    return NULL;
}

int(aiohttp_form_data_add_field)(aiohttp_form_data *form, const char *name, const char *value,
                                 const aiohttp_form_data_field_options *options)
{
    static const aiohttp_form_data_field_options defaults = { .length = AIOHTTP_UNKNOWN_LENGTH };
    const aiohttp_form_data_field_options *o = options ? options : &defaults;
    int r;
    if (form->has_begun || !name || !value == !o->read || !is_one_line(name) ||
        !is_one_line(o->filename) || !is_one_line(o->content_type))
        return -EINVAL;
    struct span text = { value, 0 };
    if (value)
        text.size = o->length >= 0 ? (size_t)o->length : strlen(value);
    bool is_multipart = form->is_multipart || o->filename || o->content_type || o->read;
    size_t before = form->pairs.size;
    if (!is_multipart) {
        aiohttp__form_write(&form->pairs, 0, span_of(name), text);
        if (form->pairs.error) {
            form->pairs.error = 0;
            form->pairs.size = before;
            return -ENOMEM;
        }
    }
    aiohttp_headers *headers = headers_of(name, o, &r);
    if (headers && o->read)
        r = aiohttp_multipart_writer_append_stream(form->writer, o->read, o->source, headers,
                                                   .length = o->length, .destroy = o->destroy,
                                                   .rewind = o->rewind);
    else if (headers)
        r = aiohttp_multipart_writer_append(form->writer, text.data, text.size, headers);
    aiohttp_headers_unref(headers);
    if (r < 0) {
        form->pairs.size = before;
        return r;
    }
    form->is_multipart = is_multipart;
    if (is_multipart)
        aiohttp__bytes_fini(&form->pairs);
    return 0;
}

int aiohttp_form_data_is_multipart(const aiohttp_form_data *form)
{
    return form->is_multipart;
}

const char *aiohttp_form_data_content_type(const aiohttp_form_data *form)
{
    return form->is_multipart ? aiohttp_multipart_writer_content_type(form->writer) :
                                "application/x-www-form-urlencoded";
}

int64_t aiohttp_form_data_length(const aiohttp_form_data *form)
{
    return form->is_multipart ? aiohttp_multipart_writer_length(form->writer) :
                                (int64_t)form->pairs.size;
}

int aiohttp_form_data_read(aiohttp_form_data *form, void *buffer, size_t size)
{
    form->has_begun = true;
    if (form->is_multipart)
        return aiohttp_multipart_writer_read(form->writer, buffer, size);
    size_t left = form->pairs.size - form->at;
    size_t now = left < size ? left : size;
    if (now > INT_MAX)
        now = INT_MAX;
    if (now > 0)
        memcpy(buffer, form->pairs.data + form->at, now);
    form->at += now;
    return (int)now;
}

int aiohttp__form_data_rewind(aiohttp_form_data *form)
{
    form->at = 0;
    return form->is_multipart ? aiohttp__multipart_writer_rewind(form->writer) : 0;
}
