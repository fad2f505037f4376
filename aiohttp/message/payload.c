/* SPDX-License-Identifier: MIT */
/* Payloads: see payload.h and <aiohttp/payload.h>. */
#include "message/payload.h"

#include "base/error.h"
#include "message/json.h"
#include "wire/write.h"

#include <asyncio/alloc.h>
#include <asyncio/file.h>

enum { PIECE = 16384 };

static int make(const struct payload_kind *kind, int64_t length,
                const aiohttp_payload_options *options, struct aiohttp_payload **ret_payload)
{
    const char *type = options ? options->content_type : NULL;
    aiohttp__errors_add();
    if (type && !aiohttp__is_value(span_of(type)))
        return asyncio_raise(-EINVAL, "this is no content type");
    struct aiohttp_payload *payload = asyncio_mem_calloc(1, sizeof *payload);
    if (!payload || (type && !(payload->content_type = asyncio_mem_strdup(type)))) {
        asyncio_mem_free(payload);
        return -ENOMEM;
    }
    payload->kind = kind;
    payload->references = 1;
    payload->length = length;
    payload->options = (aiohttp_payload_options){ .size = sizeof payload->options, .length = -1 };
    if (options)
        payload->options = *options;
    *ret_payload = payload;
    return 0;
}

aiohttp_payload *aiohttp_payload_ref(aiohttp_payload *payload)
{
    if (payload)
        payload->references++;
    return payload;
}

void aiohttp_payload_unref(aiohttp_payload *payload)
{
    if (!payload || --payload->references)
        return;
    if (payload->kind->close)
        payload->kind->close(payload);
    asyncio_mem_free(payload->copy);
    asyncio_mem_free(payload->content_type);
    asyncio_mem_free(payload);
}

int64_t aiohttp_payload_length(const aiohttp_payload *payload)
{
    return payload->length;
}

const char *aiohttp_payload_content_type(const aiohttp_payload *payload)
{
    return payload->content_type ? payload->content_type : payload->kind->content_type;
}

int aiohttp_payload_writer_write(aiohttp_payload_writer *writer, const void *data, size_t size)
{
    if (writer->left >= 0) {
        if (size > (uint64_t)writer->left)
            return asyncio_raise(-EMSGSIZE, "the payload is longer than it has said");
        writer->left -= (int64_t)size;
    }
    return size ? writer->write(writer, data, size) : 0;
}

int aiohttp__payload_write(struct aiohttp_payload *payload, struct aiohttp_payload_writer *writer)
{
    if (payload->is_written)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the payload has been written already");
    payload->is_written = true;
    writer->left = payload->length;
    int r = payload->kind->write(payload, writer);
    if (r >= 0 && writer->left > 0)
        return asyncio_raise(-EIO, "the payload is shorter than it has said");
    return r < 0 ? r : 0;
}

int aiohttp__payload_rewind(struct aiohttp_payload *payload)
{
    if (!payload->is_written)
        return 0;
    int r = payload->kind->rewind ? payload->kind->rewind(payload) : -ENOTSUP;
    if (r >= 0)
        payload->is_written = false;
    return r < 0 ? r : 0;
}

/* --- bytes, text, JSON --- */

static int bytes_write(struct aiohttp_payload *payload, struct aiohttp_payload_writer *writer)
{
    return aiohttp_payload_writer_write(writer, payload->bytes, (size_t)payload->length);
}

static int again(struct aiohttp_payload *payload)
{
    (void)payload;
    return 0;
}

static const struct payload_kind bytes_kind = { "application/octet-stream", bytes_write, again,
                                                NULL };
static const struct payload_kind string_kind = { "text/plain; charset=utf-8", bytes_write, again,
                                                 NULL };
static const struct payload_kind json_kind = { "application/json; charset=utf-8", bytes_write,
                                               again, NULL };

static int make_bytes(const struct payload_kind *kind, const void *data, size_t size,
                      const aiohttp_payload_options *options, struct aiohttp_payload **ret_payload)
{
    struct aiohttp_payload *payload;
    if (size > INT64_MAX)
        return -EINVAL;
    int r = make(kind, (int64_t)size, options, &payload);
    if (r < 0)
        return r;
    payload->bytes = data;
    if (size && !(options && options->is_lent)) {
        payload->copy = asyncio_mem_malloc(size);
        if (!payload->copy) {
            aiohttp_payload_unref(payload);
            return -ENOMEM;
        }
        payload->bytes = memcpy(payload->copy, data, size);
    }
    *ret_payload = payload;
    return 0;
}

int(aiohttp_bytes_payload_new)(const void *data, size_t size, aiohttp_payload **ret_payload,
                               const aiohttp_payload_options *options)
{
    return make_bytes(&bytes_kind, data, size, options, ret_payload);
}

int(aiohttp_string_payload_new)(const char *text, aiohttp_payload **ret_payload,
                                const aiohttp_payload_options *options)
{
    return make_bytes(&string_kind, text, strlen(text), options, ret_payload);
}

int(aiohttp_json_payload_new)(const struct json_t *json, aiohttp_payload **ret_payload,
                              const aiohttp_payload_options *options)
{
    struct bytes text = bytes_up_to(PTRDIFF_MAX);
    struct aiohttp_payload *payload;
    int r = aiohttp__json_write(&text, json, NULL);
    if (r >= 0)
        r = make(&json_kind, (int64_t)text.size, options, &payload);
    if (r < 0) {
        aiohttp__bytes_fini(&text);
        return r;
    }
    payload->bytes = payload->copy = text.data;
    *ret_payload = payload;
    return 0;
}

/* --- what is read: files, streams, source functions --- */

static int copy_all(struct aiohttp_payload *payload, struct aiohttp_payload_writer *writer,
                    bool is_cut,
                    int (*pull)(struct aiohttp_payload *payload, int64_t at, void *buffer,
                                size_t size))
{
    char *buffer = asyncio_mem_malloc(PIECE);
    if (!buffer)
        return -ENOMEM;
    int r = 0;
    for (int64_t at = 0; r >= 0; at += r) {
        /* what has become longer is cut: it is a file; other kinds are told so */
        int64_t left = is_cut ? payload->length - at : PIECE;
        if (left <= 0)
            break;
        size_t size = left < PIECE ? (size_t)left : PIECE;
        r = pull(payload, at, buffer, size);
        if (r == 0)
            break;
        int written = r < 0 ? r : aiohttp_payload_writer_write(writer, buffer, (size_t)r);
        if (written < 0)
            r = written;
    }
    asyncio_mem_free(buffer);
    return r;
}

static int file_read(struct aiohttp_payload *payload, int64_t at, void *buffer, size_t size)
{
    return asyncio_pread(payload->descriptor, buffer, size, at);
}

static int file_write(struct aiohttp_payload *payload, struct aiohttp_payload_writer *writer)
{
    return copy_all(payload, writer, true, file_read);
}

static void file_close(struct aiohttp_payload *payload)
{
    asyncio_close(payload->descriptor);
}

static const struct payload_kind file_kind = { "application/octet-stream", file_write, again,
                                               file_close };

int(aiohttp_file_payload_new)(const char *path, aiohttp_payload **ret_payload,
                              const aiohttp_payload_options *options)
{
    struct aiohttp_payload *payload;
    struct stat status;
    int descriptor = asyncio_open(path, O_RDONLY | O_NONBLOCK);
    if (descriptor < 0)
        return descriptor;
    int r = asyncio_fstat(descriptor, &status);
    if (r >= 0 && !S_ISREG(status.st_mode))
        r = asyncio_raise(-EINVAL, "%s is no regular file", path);
    if (r >= 0)
        r = make(&file_kind, status.st_size, options, &payload);
    if (r < 0) {
        asyncio_close(descriptor);
        return r;
    }
    payload->descriptor = descriptor;
    *ret_payload = payload;
    return 0;
}

static int stream_read(struct aiohttp_payload *payload, int64_t at, void *buffer, size_t size)
{
    (void)at;
    return asyncio_stream_read(payload->stream, buffer, size);
}

static int stream_write(struct aiohttp_payload *payload, struct aiohttp_payload_writer *writer)
{
    return copy_all(payload, writer, false, stream_read);
}

static void stream_close(struct aiohttp_payload *payload)
{
    asyncio_stream_unref(payload->stream);
}

static const struct payload_kind stream_kind = { "application/octet-stream", stream_write, NULL,
                                                 stream_close };

int(aiohttp_stream_payload_new)(asyncio_stream *stream, aiohttp_payload **ret_payload,
                                const aiohttp_payload_options *options)
{
    struct aiohttp_payload *payload;
    int r = make(&stream_kind, options ? options->length : -1, options, &payload);
    if (r < 0)
        return r;
    payload->stream = asyncio_stream_ref(stream);
    *ret_payload = payload;
    return 0;
}

/* --- functions --- */

static int function_rewind(struct aiohttp_payload *payload)
{
    return payload->options.rewind ? payload->options.rewind(payload->options.data) : -ENOTSUP;
}

static void function_close(struct aiohttp_payload *payload)
{
    if (payload->options.destroy)
        payload->options.destroy(payload->options.data);
}

static int generator_write(struct aiohttp_payload *payload, struct aiohttp_payload_writer *writer)
{
    return payload->generator(writer, payload->options.data);
}

static int source_read(struct aiohttp_payload *payload, int64_t at, void *buffer, size_t size)
{
    (void)at;
    return payload->source(payload->options.data, buffer, size);
}

static int source_write(struct aiohttp_payload *payload, struct aiohttp_payload_writer *writer)
{
    return copy_all(payload, writer, false, source_read);
}

static const struct payload_kind generator_kind = { "application/octet-stream", generator_write,
                                                    function_rewind, function_close };
static const struct payload_kind source_kind = { "application/octet-stream", source_write,
                                                 function_rewind, function_close };

static int make_function(const struct payload_kind *kind, const aiohttp_payload_options *options,
                         bool is_given, struct aiohttp_payload **ret_payload)
{
    int64_t length = options ? options->length : -1;
    int r = is_given && length >= -1 ? make(kind, length, options, ret_payload) : -EINVAL;
    if (r < 0 && options && options->destroy)
        options->destroy(options->data);
    return r;
}

int(aiohttp_generator_payload_new)(aiohttp_payload_generator *generator,
                                   aiohttp_payload **ret_payload,
                                   const aiohttp_payload_options *options)
{
    struct aiohttp_payload *payload;
    int r = make_function(&generator_kind, options, generator != NULL, &payload);
    if (r < 0)
        return r;
    payload->generator = generator;
    *ret_payload = payload;
    return 0;
}

int(aiohttp_source_payload_new)(aiohttp_payload_source *read, aiohttp_payload **ret_payload,
                                const aiohttp_payload_options *options)
{
    struct aiohttp_payload *payload;
    int r = make_function(&source_kind, options, read != NULL, &payload);
    if (r < 0)
        return r;
    payload->source = read;
    *ret_payload = payload;
    return 0;
}
