/* SPDX-License-Identifier: MIT */
/* Each amount of aiohttp_limits that a server looks at, at one below, at, and one above it, in
 * every way that the bytes may come: the right status, and whether the connection lives on. */
/* TEST: timeout 180; not allocations */
#include "server/delivered.h"
#include "support/coded.h"

#include <aiohttp/limits.h>
#include <aiohttp/web_form.h>

/* --- requests of a certain amount of something --- */

#define GET_HEAD "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST_HEAD "POST /read HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST_HEAD "Transfer-Encoding: chunked\r\n\r\n"

static void a_line(struct request_text *text, size_t amount)
{
    text_add(text, "GET /");
    text_fill(text, 'x', amount - strlen("GET / HTTP/1.1"));
    text_add(text, " HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void a_field(struct request_text *text, size_t amount)
{
    text_add(text, GET_HEAD "Name: ");
    text_fill(text, 'v', amount - 6);
    text_add(text, "\r\n\r\n");
}

static void many_fields(struct request_text *text, size_t amount)
{
    text_add(text, GET_HEAD);
    for (size_t i = 1; i < amount; i++)
        text_add(text, "A: b\r\n");
    text_add(text, "\r\n");
}

static void a_head(struct request_text *text, size_t amount)
{
    text_add(text, GET_HEAD);
    while (amount - text->size > 2) {
        size_t step = amount - text->size - 2;
        step = step > 8000 ? 7000 : step;
        text_add(text, "N: ");
        text_fill(text, 'v', step - 5);
        text_add(text, "\r\n");
    }
    text_add(text, "\r\n");
}

static void empty_lines(struct request_text *text, size_t amount)
{
    for (size_t i = 0; i < amount; i++)
        text_add(text, "\r\n");
    text_add(text, GET_HEAD "\r\n");
}

static void a_body(struct request_text *text, size_t amount)
{
    char length[64];
    text_add(text, POST_HEAD);
    snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n", amount);
    text_add(text, length);
    text_fill(text, 'b', amount);
}

static void an_unread_body(struct request_text *text, size_t amount)
{
    char head[100];
    snprintf(head, sizeof head, "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
             amount);
    text_add(text, head);
    text_fill(text, 'b', amount);
}

static void a_body_in_chunks(struct request_text *text, size_t amount)
{
    text_add(text, CHUNKED);
    for (size_t i = 0; i < amount; i += 4) {
        char head[16];
        size_t size = amount - i < 4 ? amount - i : 4;
        snprintf(head, sizeof head, "%zx\r\n", size);
        text_add(text, head);
        text_fill(text, 'b', size);
        text_add(text, "\r\n");
    }
    text_add(text, "0\r\n\r\n");
}

/* Some of them at the first chunk, the rest at the last one. */
static void extensions(struct request_text *text, size_t amount)
{
    text_add(text, CHUNKED "3;");
    text_fill(text, 'e', amount / 2 - 1);
    text_add(text, "\r\nabc\r\n0;");
    text_fill(text, 'e', amount - amount / 2 - 1);
    text_add(text, "\r\n\r\n");
}

static void many_trailers(struct request_text *text, size_t amount)
{
    text_add(text, CHUNKED "3\r\nabc\r\n0\r\n");
    for (size_t i = 0; i < amount; i++)
        text_add(text, "A: b\r\n");
    text_add(text, "\r\n");
}

static void a_trailer(struct request_text *text, size_t amount)
{
    text_add(text, CHUNKED "3\r\nabc\r\n0\r\n");
    for (amount -= 2; amount > 0;) {
        size_t step = amount > 8000 ? 7000 : amount;
        text_add(text, "N: ");
        text_fill(text, 'v', step - 5);
        text_add(text, "\r\n");
        amount -= step;
    }
    text_add(text, "\r\n");
}

static void encoded(struct request_text *text, void (*make)(struct coded *, size_t), size_t amount)
{
    static struct coded coded;
    char head[128];
    make(&coded, amount);
    snprintf(head, sizeof head, "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
             coded.names, coded.size);
    text_add(text, POST_HEAD);
    text_add(text, head);
    text_add_bytes(text, coded.data, coded.size);
}

static void gzip_members(struct request_text *text, size_t amount)
{
    encoded(text, coded_members, amount);
}

static void codings(struct request_text *text, size_t amount)
{
    encoded(text, coded_layers, amount);
}

static void inflated(struct request_text *text, size_t amount)
{
    encoded(text, coded_zeros, amount);
}

/* --- multipart --- */

#define PARTS "POST /parts HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/mixed; boundary=b\r\n"

/* The body that `make` adds, behind a head. */
static void a_multipart(struct request_text *text, void (*make)(struct request_text *, size_t),
                        size_t amount)
{
    static struct request_text body;
    char length[64];
    body.size = 0;
    make(&body, amount);
    text_add(text, PARTS);
    snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n", body.size);
    text_add(text, length);
    text_add(text, body.data);
}

static void parts_of(struct request_text *body, size_t amount)
{
    for (size_t i = 0; i < amount; i++)
        text_add(body, "--b\r\n\r\nx\r\n");
    text_add(body, "--b--\r\n");
}

static void many_parts(struct request_text *text, size_t amount)
{
    a_multipart(text, parts_of, amount);
}

static void fields_of(struct request_text *body, size_t amount)
{
    text_add(body, "--b\r\n");
    for (size_t i = 0; i < amount; i++)
        text_add(body, "A: b\r\n");
    text_add(body, "\r\nx\r\n--b--\r\n");
}

static void part_fields(struct request_text *text, size_t amount)
{
    a_multipart(text, fields_of, amount);
}

static void head_of(struct request_text *body, size_t amount)
{
    text_add(body, "--b\r\n");
    for (amount -= 2; amount > 0;) {
        size_t step = amount > 8000 ? 7000 : amount;
        text_add(body, "N: ");
        text_fill(body, 'v', step - 5);
        text_add(body, "\r\n");
        amount -= step;
    }
    text_add(body, "\r\nx\r\n--b--\r\n");
}

static void a_part_head(struct request_text *text, size_t amount)
{
    a_multipart(text, head_of, amount);
}

/* One within the other, by boundaries "b", "c", ... */
static void depth_of(struct request_text *body, size_t amount)
{
    char line[100];
    for (size_t i = 1; i < amount; i++) {
        snprintf(line, sizeof line,
                 "--%c\r\nContent-Type: multipart/mixed; boundary=%c\r\n\r\n",
                 (char)('a' + i), (char)('b' + i));
        text_add(body, line);
    }
    for (size_t i = amount > 0 ? amount : 1; i > 0; i--) {
        char c = (char)('a' + i);
        snprintf(line, sizeof line, i < amount ? "\r\n--%c--" : "--%c\r\n\r\nx\r\n--%c--", c, c);
        text_add(body, line);
    }
    text_add(body, "\r\n");
}

static void part_depth(struct request_text *text, size_t amount)
{
    a_multipart(text, depth_of, amount);
}

/* --- the table --- */

#define LIMIT(field) #field, offsetof(aiohttp_limits, field)

/* At the limit the first answer is 200 and the connection lives on. */
static const struct row {
    const char *name;
    size_t field;
    void (*make)(struct request_text *text, size_t amount);
    size_t small;      /* a limit at which every split can be tried; 0: only the default */
    bool at_default;   /* and the default is tried, too */
    int status;        /* above the limit */
    bool closes;
} rows[] = {
    { LIMIT(line), a_line, 40, true, 414, true },
    { LIMIT(field), a_field, 40, true, 431, true },
    { LIMIT(headers), many_fields, 5, true, 431, true },
    { LIMIT(head), a_head, 60, true, 431, true },
    { LIMIT(empty_lines), empty_lines, 2, true, 400, true },
    { LIMIT(empty_lines), empty_lines, 4, true, 400, true },
    /* what is left of such a body is so little that it is read and dropped */
    { LIMIT(body), a_body, 20, false, 413, false },
    { LIMIT(body), a_body_in_chunks, 20, false, 413, false },
    { LIMIT(chunk_extensions), extensions, 12, true, 400, true },
    { LIMIT(trailers), many_trailers, 3, true, 431, true },
    { LIMIT(trailer), a_trailer, 30, true, 431, true },
    { LIMIT(parts), many_parts, 3, true, 400, false },
    { LIMIT(part_headers), part_fields, 3, true, 400, false },
    { LIMIT(part_head), a_part_head, 30, true, 400, false },
    { LIMIT(part_depth), part_depth, 2, true, 400, false },
    { LIMIT(gzip_members), gzip_members, 3, true, 400, false },
    { LIMIT(codings), codings, 1, true, 415, false },
    { LIMIT(inflate_ratio_from), inflated, 30000, false, 413, false },
};

/* All parts, and those within them. */
static int read_parts(aiohttp_multipart_reader *reader)
{
    aiohttp_body_part_reader *part;
    aiohttp_multipart_reader *inner;
    char chunk[7];
    int r;
    while ((r = aiohttp_multipart_reader_next(reader, &part)) > 0) {
        if (aiohttp_headers_get(aiohttp_body_part_reader_headers(part), "Content-Type")) {
            r = aiohttp_body_part_reader_multipart(part, &inner);
            if (r >= 0) {
                r = read_parts(inner);
                aiohttp_multipart_reader_unref(inner);
            }
        } else
            while ((r = aiohttp_body_part_reader_read_chunk(part, chunk, sizeof chunk)) > 0)
                ;
        if (r < 0)
            return r;
    }
    return r;
}

static int handler(aiohttp_web_request *request, void *data)
{
    const char *path = aiohttp_web_request_path(request), *body;
    aiohttp_multipart_reader *reader;
    size_t size;
    (void)data;
    if (path && strcmp(path, "/unread") == 0)
        return aiohttp_web_respond(request, "unread");
    if (path && strcmp(path, "/parts") == 0) {
        int r = aiohttp_web_request_multipart(request, &reader);
        if (r >= 0)
            r = read_parts(reader);
        return r < 0 ? r : aiohttp_web_respond(request, "parts");
    }
    if (path && strcmp(path, "/behind") == 0)
        return aiohttp_web_respond(request, "behind");
    int r = aiohttp_web_request_read(request, &body, &size);
    return r < 0 ? r : aiohttp_web_respondf(request, "%zu", size);
}

static aiohttp_web_server_options options_of(const aiohttp_limits *limits)
{
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.limits = limits;
    return options;
}

static int at_limit(const struct row *row, size_t limit, const aiohttp_limits *limits)
{
    static struct request_text text;
    struct live live;
    aiohttp_web_server_options options = options_of(limits);
    int r = live_start_with(&live, handler, &options);
    for (size_t more = 0; more < 3 && r >= 0; more++) {
        bool is_above = more == 2;
        text.size = 0;
        row->make(&text, limit - 1 + more);
        r = deliver_every_way(&live, row->name, &text, is_above ? row->status : 200,
                              is_above && row->closes);
    }
    return live_end(&live, r);
}

static int each_limit(void *data)
{
    (void)data;
    int r = 0;
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows && r >= 0; row++) {
        aiohttp_limits limits = aiohttp_server_limits();
        size_t *field = (size_t *)(void *)((char *)&limits + row->field);
        limits.inflate_ratio = 10; /* counts from inflate_ratio_from on */
        if (row->at_default)
            r = at_limit(row, *field, &limits);
        *field = row->small;
        if (row->small && r >= 0)
            r = at_limit(row, row->small, &limits);
    }
    return r;
}

/* A body that no handler has read is dropped, or, when there is more of it, ends the connection. */
static int lingering(void *data)
{
    static struct request_text text;
    aiohttp_limits limits = aiohttp_server_limits();
    struct live live;
    (void)data;
    limits.lingering = 20;
    aiohttp_web_server_options options = options_of(&limits);
    int r = live_start_with(&live, handler, &options);
    for (size_t size = 19; size <= 21 && r >= 0; size++) {
        if (size > 20 && (world.is_chopped || world.is_seeded))
            break; /* it is reset when it sends on */
        text.size = 0;
        an_unread_body(&text, size);
        r = deliver_and_check(&live, "lingering", &text, 1000, 1000, 200, size > 20);
    }
    return live_end(&live, r);
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(each_limit)
CASE(lingering)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_limit),
        cmocka_unit_test(test_lingering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
