/* SPDX-License-Identifier: MIT */
/* Multipart bodies, written: see <aiohttp/multipart.h>.
 *
 * MODEL  A list of parts, each with its head ready (boundary, fields, empty line) and either its
 *        bytes or the source of them. Reading walks through it: what lies in memory is copied, a
 *        source writes straight into the reader's buffer, and only when nothing else is in it: so
 *        an error of a source takes nothing with it. */
#include <aiohttp/multipart.h>

#include "base/bytes.h"
#include "base/error.h"
#include "message/headers.h"
#include "message/rewind.h"
#include "wire/ascii.h"
#include "wire/fields.h"
#include "wire/multipart.h"
#include "wire/write.h"

#include <asyncio/alloc.h>
#include <errno.h>
#include <limits.h>
#include <sys/random.h>

enum { RANDOM = 16, TYPE_MOST = 512 };

struct part {
    struct part *next;
    struct bytes head; /* up to the empty line */
    struct bytes data; /* without a source */
    aiohttp_multipart_source *read;
    void *source;
    void (*destroy)(void *source); /* NULL: none, or called */
    int (*rewind)(void *source);   /* NULL: it cannot begin anew */
    bool was_read;                 /* some of the source */
    int64_t length;                /* of the body; -1: not known */
    int64_t given;                 /* by the source */
};

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_TAIL };

struct aiohttp_multipart_writer {
    unsigned references;
    struct bytes type; /* Content-Type, NUL */
    char boundary[BOUNDARY_MAX];
    size_t boundary_size;
    struct part *first, *last;
    struct part *now; /* being read; NULL: the end */
    enum phase phase;
    size_t at; /* in what lies in memory */
    bool has_begun;
    char end[BOUNDARY_MAX + 6]; /* --boundary--, CR LF */
    size_t end_size;
};

static int random_boundary(char text[2 * RANDOM])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[RANDOM];
    size_t have = 0;
    while (have < sizeof bytes) {
        ssize_t n = getrandom(bytes + have, sizeof bytes - have, 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        have += n > 0 ? (size_t)n : 0;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return 0;
}

int(aiohttp_multipart_writer_new)(const char *subtype, aiohttp_multipart_writer **ret_writer,
                                  const aiohttp_multipart_writer_options *options)
{
    char text[2 * RANDOM];
    struct span boundary = { text, sizeof text };
    struct multipart check;
    aiohttp__errors_add();
    int r = 0;
    if (options && options->boundary)
        boundary = span_of(options->boundary);
    else
        r = random_boundary(text);
    if (r < 0)
        return r;
    if (!aiohttp__is_token(span_of(subtype)) || strlen(subtype) > TYPE_MOST / 2 ||
        aiohttp__multipart_begin(&check, boundary, 0) < 0)
        return -EINVAL;
    aiohttp_multipart_writer *writer = asyncio_mem_calloc(1, sizeof *writer);
    if (!writer)
        return -ENOMEM;
    writer->references = 1;
    memcpy(writer->boundary, boundary.data, boundary.size);
    writer->boundary_size = boundary.size;
    struct bytes end = bytes_in(writer->end, sizeof writer->end);
    bytes_text(&end, "--");
    bytes_add(&end, boundary);
    bytes_text(&end, "--\r\n");
    writer->end_size = end.size;
    writer->type = bytes_up_to(TYPE_MOST);
    bytes_text(&writer->type, "multipart/");
    bytes_text(&writer->type, subtype);
    bytes_text(&writer->type, "; boundary=");
    aiohttp__quoted_write(&writer->type, boundary);
    bytes_put(&writer->type, '\0');
    if (writer->type.error) {
        r = writer->type.error;
        aiohttp_multipart_writer_unref(writer);
        return r;
    }
    *ret_writer = writer;
    return 0;
}

static void end_source(struct part *part)
{
    void (*destroy)(void *) = part->destroy;
    part->destroy = NULL;
    if (destroy)
        destroy(part->source);
}

static void part_free(struct part *part)
{
    end_source(part);
    aiohttp__bytes_fini(&part->head);
    aiohttp__bytes_fini(&part->data);
    asyncio_mem_free(part);
}

aiohttp_multipart_writer *aiohttp__multipart_writer_ref(aiohttp_multipart_writer *writer)
{
    writer->references++;
    return writer;
}

void aiohttp_multipart_writer_unref(aiohttp_multipart_writer *writer)
{
    if (!writer || --writer->references > 0)
        return;
    for (struct part *part = writer->first; part;) {
        struct part *next = part->next;
        part_free(part);
        part = next;
    }
    aiohttp__bytes_fini(&writer->type);
    asyncio_mem_free(writer);
}

/* A part with its head; the same check of each field as for a message's. */
static struct part *part_new(const aiohttp_multipart_writer *writer,
                             const aiohttp_headers *headers, const char *type, int *ret_error)
{
    struct part *part = asyncio_mem_calloc(1, sizeof *part);
    *ret_error = -ENOMEM;
    if (!part)
        return NULL;
    struct bytes *head = &part->head;
    *head = bytes_up_to(SIZE_MAX / 2);
    part->data = bytes_up_to(SIZE_MAX / 2);
    bytes_text(head, "--");
    bytes_add(head, (struct span){ writer->boundary, writer->boundary_size });
    bytes_text(head, "\r\n");
    if (type) {
        bytes_text(head, "Content-Type: ");
        bytes_text(head, type);
        bytes_text(head, "\r\n");
    }
    const char *name, *value;
    for (size_t at = 0; headers && aiohttp_headers_next(headers, &at, &name, &value);) {
        if (!aiohttp__is_token(span_of(name)) || !aiohttp__is_value(span_of(value)))
            head->error = -EINVAL;
        bytes_text(head, name);
        bytes_text(head, ": ");
        bytes_text(head, value);
        bytes_text(head, "\r\n");
    }
    bytes_text(head, "\r\n");
    if (head->error) {
        *ret_error = head->error;
        part_free(part);
        return NULL;
    }
    return part;
}

static void append(aiohttp_multipart_writer *writer, struct part *part)
{
    if (writer->last)
        writer->last->next = part;
    else
        writer->first = part;
    writer->last = part;
}

int aiohttp_multipart_writer_append(aiohttp_multipart_writer *writer, const void *data, size_t size,
                                    const aiohttp_headers *headers)
{
    int r;
    if (writer->has_begun)
        return -EINVAL;
    struct part *part = part_new(writer, headers, NULL, &r);
    if (!part)
        return r;
    aiohttp__bytes_append(&part->data, data, size);
    if (part->data.error) {
        part_free(part);
        return -ENOMEM;
    }
    part->length = (int64_t)size;
    append(writer, part);
    return 0;
}

static int append_source(aiohttp_multipart_writer *writer, aiohttp_multipart_source *read,
                         void *source, const aiohttp_headers *headers, const char *type,
                         const aiohttp_multipart_stream_options *options)
{
    int r;
    if (writer->has_begun || options->length < AIOHTTP_UNKNOWN_LENGTH)
        return -EINVAL;
    struct part *part = part_new(writer, headers, type, &r);
    if (!part)
        return r;
    part->read = read;
    part->source = source;
    part->length = options->length;
    part->destroy = options->destroy;
    part->rewind = options->rewind;
    append(writer, part);
    return 0;
}

int(aiohttp_multipart_writer_append_stream)(aiohttp_multipart_writer *writer,
                                            aiohttp_multipart_source *read, void *source,
                                            const aiohttp_headers *headers,
                                            const aiohttp_multipart_stream_options *options)
{
    static const aiohttp_multipart_stream_options defaults = { .length = AIOHTTP_UNKNOWN_LENGTH };
    return append_source(writer, read, source, headers, NULL, options ? options : &defaults);
}

static int read_inner(void *source, void *buffer, size_t size)
{
    return aiohttp_multipart_writer_read(source, buffer, size);
}

static int rewind_inner(void *source)
{
    return aiohttp__multipart_writer_rewind(source);
}

static void unref_inner(void *source)
{
    aiohttp_multipart_writer_unref(source);
}

int aiohttp_multipart_writer_append_multipart(aiohttp_multipart_writer *writer,
                                              aiohttp_multipart_writer *inner)
{
    if (writer == inner || inner->has_begun)
        return -EINVAL;
    /* a part without a source has no reader: what was added to inner later would change its
     * length */
    inner->has_begun = true;
    inner->now = inner->first;
    int r = append_source(writer, read_inner, inner, NULL, inner->type.data,
                          &(aiohttp_multipart_stream_options){
                              .length = aiohttp_multipart_writer_length(inner),
                              .destroy = unref_inner,
                              .rewind = rewind_inner });
    if (r < 0)
        inner->has_begun = false;
    return r;
}

const char *aiohttp_multipart_writer_content_type(const aiohttp_multipart_writer *writer)
{
    return writer->type.data;
}

int64_t aiohttp_multipart_writer_length(const aiohttp_multipart_writer *writer)
{
    int64_t length = (int64_t)writer->end_size;
    for (const struct part *part = writer->first; part; part = part->next)
        if (part->length < 0 || __builtin_add_overflow(length, part->length, &length) ||
            __builtin_add_overflow(length, (int64_t)part->head.size + 2, &length))
            return -1;
    return length;
}

/* Reads from the part's source: how many bytes, 0 when its body has ended, or an error. */
static int read_source(struct part *part, void *buffer, size_t size)
{
    if (part->length >= 0 && (uint64_t)(part->length - part->given) < size)
        size = (size_t)(part->length - part->given);
    part->was_read = true;
    int r = size > 0 ? part->read(part->source, buffer, size) : 0;
    if (r < 0)
        return r;
    if (r == 0 && part->length >= 0 && part->given < part->length)
        return asyncio_raise(-AIOHTTP_PAYLOAD, "multipart: a part ended before its length");
    part->given += r;
    if (r == 0 && !part->rewind)
        end_source(part);
    return r;
}

/* Copies what is left of `from` after writer->at: true when that was all. */
static bool copy(aiohttp_multipart_writer *writer, struct span from, char *buffer, size_t size,
                 size_t *filled)
{
    size_t left = from.size - writer->at, room = size - *filled;
    size_t now = left < room ? left : room;
    if (now > 0)
        memcpy(buffer + *filled, from.data + writer->at, now);
    *filled += now;
    writer->at += now;
    if (now < left)
        return false;
    writer->at = 0;
    return true;
}

int aiohttp_multipart_writer_read(aiohttp_multipart_writer *writer, void *buffer, size_t size)
{
    size_t filled = 0;
    if (!writer->has_begun) {
        writer->has_begun = true;
        writer->now = writer->first;
    }
    if (size > INT_MAX)
        size = INT_MAX;
    while (writer->now && filled < size) {
        struct part *part = writer->now;
        if (writer->phase == PHASE_HEAD) {
            if (copy(writer, bytes_span(&part->head), buffer, size, &filled))
                writer->phase = PHASE_BODY;
        } else if (writer->phase == PHASE_TAIL) {
            if (copy(writer, SPAN("\r\n"), buffer, size, &filled)) {
                writer->phase = PHASE_HEAD;
                writer->now = part->next;
            }
        } else if (!part->read) {
            if (copy(writer, bytes_span(&part->data), buffer, size, &filled))
                writer->phase = PHASE_TAIL;
        } else {
            if (filled > 0)
                return (int)filled;
            int r = read_source(part, buffer, size);
            if (r != 0)
                return r;
            writer->phase = PHASE_TAIL;
        }
    }
    if (!writer->now && filled < size && writer->at < writer->end_size) {
        size_t left = writer->end_size - writer->at;
        size_t now = left < size - filled ? left : size - filled;
        memcpy((char *)buffer + filled, writer->end + writer->at, now);
        writer->at += now;
        filled += now;
    }
    return (int)filled;
}

int aiohttp__multipart_writer_rewind(aiohttp_multipart_writer *writer)
{
    if (!writer->has_begun)
        return 0;
    for (const struct part *part = writer->first; part; part = part->next)
        if (part->was_read && !part->rewind)
            return -ENOTSUP;
    for (struct part *part = writer->first; part; part = part->next) {
        int r = part->was_read ? part->rewind(part->source) : 0;
        if (r < 0)
            return r;
        part->was_read = false;
        part->given = 0;
    }
    writer->now = writer->first;
    writer->phase = PHASE_HEAD;
    writer->at = 0;
    return 0;
}
