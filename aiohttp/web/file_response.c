/* SPDX-License-Identifier: MIT */
/* What of a file is sent: conditions, ranges, headers. */
#include "web/file.h"

#include "base/bytes.h"
#include "wire/date.h"
#include "wire/etag.h"
#include "wire/range.h"
#include "wire/write.h"

#include <aiohttp/error.h>
#include <aiohttp/web_exceptions.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

enum { RANGES = 16, RANGES_MAX = 4096 };

static const char bytes_unit[] = "bytes";

/* HTTP dates have no fractions: what was changed within a second was changed at its end. */
static int64_t modified(const struct web_file *file)
{
    return file->status.st_mtim.tv_sec + (file->status.st_mtim.tv_nsec > 0);
}

static char *put_hex(char *at, uint64_t number)
{
    int shift = number ? (63 - __builtin_clzll(number)) & ~3 : 0;
    for (; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[number >> shift & 15];
    return at;
}

/* The tag in quotes, with a NUL behind it: its size. */
static size_t put_tag(const struct web_file *file, char *text)
{
    char *at = text;
    *at++ = '"';
    at = put_hex(at, (uint64_t)file->status.st_mtim.tv_sec * 1000000000u +
                         (uint64_t)file->status.st_mtim.tv_nsec);
    *at++ = '-';
    at = put_hex(at, (uint64_t)file->status.st_size);
    *at++ = '"';
    *at = '\0';
    return (size_t)(at - text);
}

/* Whether the date in a field is the file's. A later one is another's, which was replaced by an
 * older one since: pieces of both would make a third. */
static bool is_its_date(const struct web_file *file, struct span date)
{
    int64_t seconds;
    return aiohttp__date_parse(date, (int64_t)time(NULL), &seconds) >= 0 &&
           modified(file) == seconds;
}

/* Whether If-Range lets the Range count. */
static bool range_counts(aiohttp_web_request *request, const struct web_file *file,
                         const struct etag *tag)
{
    struct etag wanted;
    struct span text = web_request_field(request, HEADER_IF_RANGE);
    if (!text.data)
        return true;
    switch (aiohttp__if_range_parse(text, &wanted)) {
    case IF_RANGE_ETAG:
        return !wanted.is_weak && span_is(wanted.value, tag->value);
    case IF_RANGE_DATE:
        return is_its_date(file, text);
    default:
        return false;
    }
}

/* One range after the other, with a head of its own each. */
static int set_parts(aiohttp_web_request *request, const struct web_file *file,
                     const struct range *ranges, size_t count)
{
    struct aiohttp_web_response *response = &request->response;
    struct arena *arena = &request->exchange->arena;
    char boundary[24], type[80];
    struct web_part **end = &response->parts;
    int64_t total = 0;
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return -EIO;
    snprintf(boundary, sizeof boundary, "%016" PRIx64, random);
    for (size_t i = 0; i <= count; i++) {
        struct web_part *part = aiohttp__arena_calloc(arena, 1, sizeof *part);
        const char *text =
            i == count
                ? aiohttp__arena_printf(arena, "\r\n--%s--\r\n", boundary)
                : aiohttp__arena_printf(arena,
                                        "%s--%s\r\nContent-Type: %s\r\nContent-Range: bytes "
                                        "%" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n\r\n",
                                        i ? "\r\n" : "", boundary, file->type, ranges[i].first,
                                        ranges[i].last, (uint64_t)file->status.st_size);
        if (!part || !text)
            return -ENOMEM;
        part->text = span_of(text);
        if (i < count) {
            part->offset = (int64_t)ranges[i].first;
            part->size = (int64_t)(ranges[i].last - ranges[i].first + 1);
        }
        total += (int64_t)part->text.size + part->size;
        *end = part;
        end = &part->next;
    }
    response->file_size = total;
    snprintf(type, sizeof type, "multipart/byteranges; boundary=%s", boundary);
    return aiohttp_web_response_set_content_type(response, type);
}

static int set_ranges(aiohttp_web_request *request, const struct web_file *file,
                      struct web_described *described, const struct range *ranges, size_t count)
{
    struct aiohttp_web_response *response = &request->response;
    response->status = 206;
    if (count > 1)
        return set_parts(request, file, ranges, count);
    struct bytes out = bytes_in(described->range, sizeof described->range - 1);
    aiohttp__content_range_write(&out, ranges, (uint64_t)file->status.st_size);
    described->range[out.size] = '\0';
    response->file_offset = (int64_t)ranges->first;
    response->file_size = (int64_t)(ranges->last - ranges->first + 1);
    return aiohttp__headers_set_lent(response->headers, SPAN("Content-Range"), bytes_span(&out));
}

/* No range is in the file. */
static int refuse_range(aiohttp_web_request *request, const struct web_file *file)
{
    char text[64];
    snprintf(text, sizeof text, "bytes */%" PRIu64, (uint64_t)file->status.st_size);
    int r = aiohttp_web_response_set_header(&request->response, "Content-Range", text);
    return r < 0 ? r : aiohttp_web_http_request_range_not_satisfiable(request);
}

void aiohttp__web_file_forget(struct aiohttp_web_response *response)
{
    const struct web_described *said = response->described;
    struct aiohttp_headers *headers = response->headers;
    uint32_t kept = 0;
    response->described = NULL;
    if (!said || !headers || response->is_prepared)
        return;
    for (uint32_t i = 0; i < headers->count; i++) {
        const char *value = headers->fields[i].value;
        if (value != said->tag && value != said->date && value != said->range &&
            value != bytes_unit && (!said->coding || value != said->coding))
            headers->fields[kept++] = headers->fields[i];
    }
    headers->count = kept;
}

static int set_headers(aiohttp_web_request *request, const struct web_file *file,
                       struct web_described *text, struct etag *ret_tag,
                       const char *const *others)
{
    struct aiohttp_web_response *response = &request->response;
    int r = text ? aiohttp__web_response_add_headers(response, others) : -ENOMEM;
    struct aiohttp_headers *headers = r >= 0 ? aiohttp_web_response_headers(response) : NULL;
    if (!headers)
        return r < 0 ? r : -ENOMEM;
    struct span tag = { text->tag, put_tag(file, text->tag) };
    aiohttp__date_text(modified(file), text->date);
    text->date[DATE_SIZE] = '\0';
    r = aiohttp__headers_set_lent(headers, SPAN("ETag"), tag);
    if (r >= 0)
        r = aiohttp__headers_set_lent(headers, SPAN("Last-Modified"),
                                      (struct span){ text->date, DATE_SIZE });
    if (r >= 0)
        r = aiohttp__headers_set_lent(headers, SPAN("Accept-Ranges"),
                                      (struct span){ bytes_unit, sizeof bytes_unit - 1 });
    if (r >= 0 && file->varies)
        r = aiohttp__web_response_vary(response, "Accept-Encoding");
    *ret_tag = (struct etag){ .value = { tag.data + 1, tag.size - 2 } };
    return r;
}

/* The ranges that are asked for, as many as are allowed: how many, 0: all of the file. */
static int wanted_ranges(aiohttp_web_request *request, const struct web_file *file,
                         struct span wanted, struct range **ranges)
{
    size_t most = request->exchange->limits->ranges;
    most = most < RANGES_MAX ? most : RANGES_MAX;
    if (most > RANGES)
        *ranges = aiohttp__arena_alloc(&request->exchange->arena, most * sizeof **ranges);
    if (!*ranges)
        return -ENOMEM;
    return aiohttp__ranges_parse(wanted, (uint64_t)file->status.st_size, *ranges, most);
}

static int set_file(aiohttp_web_request *request, struct web_file *file,
                    const char *const *headers)
{
    struct etag tag;
    struct range few[RANGES], *ranges = few;
    struct aiohttp_web_response *response = &request->response;
    struct web_described *described = arena_alloc(&request->exchange->arena, sizeof *described);
    int r = set_headers(request, file, described, &tag, headers);
    if (r < 0)
        return r;
    int64_t changed = modified(file);
    enum web_condition condition = aiohttp__web_condition(request, &tag, &changed);
    if (condition == WEB_FAILED)
        return aiohttp_web_http_precondition_failed(request);
    if (condition == WEB_NOT_MODIFIED)
        return aiohttp_web_respond(request, NULL, .status = 304);
    struct span wanted = web_request_field(request, HEADER_RANGE);
    int count = 0;
    if (wanted.data && request->exchange->head.method == METHOD_GET &&
        range_counts(request, file, &tag))
        count = wanted_ranges(request, file, wanted, &ranges);
    if (count == -ENOMEM)
        return count;
    if (count < 0)
        return refuse_range(request, file);
    response->status = 200;
    response->content_type = file->type;
    response->has_static_type = false;
    response->file_offset = 0;
    response->file_size = file->status.st_size;
    response->parts = NULL;
    r = count > 0 ? set_ranges(request, file, described, ranges, (size_t)count) : 0;
    /* of this body, not of what says that there is none */
    if (r >= 0 && (described->coding = file->coding))
        r = aiohttp__headers_set_lent(response->headers, SPAN("Content-Encoding"),
                                      span_of(file->coding));
    if (r < 0) {
        response->status = 0;
        return r;
    }
    response->has_body = false;
    response->body_size = 0;
    response->described = described;
    response->file = file->descriptor;
    file->descriptor = -1;
    return 0;
}

int aiohttp__web_send_file(aiohttp_web_request *request, struct web_file *file,
                           const char *const *headers)
{
    struct aiohttp_web_response *response = &request->response;
    int r = -ASYNCIO_INVALID_STATE;
    if (!response->is_prepared && !response->is_preparing) {
        aiohttp__web_response_drop_file(response);
        r = set_file(request, file, headers);
    }
    if (file->descriptor >= 0)
        aiohttp__web_close(file->descriptor);
    return r;
}

static int open_path(struct web_opener *opener, const char *name)
{
    (void)opener;
    return aiohttp__web_open_path(name);
}

int(aiohttp_web_file_response)(aiohttp_web_request *request, const char *path,
                               const aiohttp_web_file_options *options)
{
    static const aiohttp_web_file_options usual = { .size = sizeof usual };
    struct web_opener opener = { .open = open_path };
    struct web_file file;
    if (!options)
        options = &usual;
    int r = path ? aiohttp__web_open_best(request, &opener, path, options->precompressed != 0,
                                          &file)
                 : -EINVAL;
    if (r < 0)
        return r == -EISDIR ? aiohttp_web_http_forbidden(request) : r;
    if (options->content_type)
        file.type = aiohttp__arena_text(&request->exchange->arena, span_of(options->content_type));
    if (!file.type || !aiohttp__is_value(span_of(file.type))) {
        aiohttp__web_close(file.descriptor);
        return file.type ? -EINVAL : -ENOMEM;
    }
    return aiohttp__web_send_file(request, &file, options->headers);
}
