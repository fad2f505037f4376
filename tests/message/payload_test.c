/* SPDX-License-Identifier: MIT */
/* Payloads: each kind gives what it has, as long as it has said, and is closed whatever happens. */
/* TEST: backends io_uring epoll sim */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asyncio.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "message/payload.h"

#include <string.h>

struct sink {
    struct aiohttp_payload_writer writer;
    char text[100000];
    size_t size, fails_at;
};

static int sink_write(struct aiohttp_payload_writer *writer, const void *data, size_t size)
{
    struct sink *sink = (struct sink *)writer;
    if (sink->fails_at && sink->size + size >= sink->fails_at)
        return -EPIPE;
    if (size > sizeof sink->text - sink->size)
        return -ENOSPC;
    memcpy(sink->text + sink->size, data, size);
    sink->size += size;
    return asyncio_sleep(0);
}

static struct sink sink;

/* Writes it into the sink. */
static int wrote(aiohttp_payload *payload)
{
    sink.size = 0;
    sink.writer.write = sink_write;
    return aiohttp__payload_write(payload, &sink.writer);
}

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            return -EBADMSG;                                                                       \
        }                                                                                          \
    } while (0)

/* Gives, says and repeats: then the reference is given back. */
static int holds(aiohttp_payload *payload, const char *text, const char *type, int64_t length,
                 int rewinds)
{
    int r = wrote(payload);
    if (r >= 0) {
        EXPECT(sink.size == strlen(text) && memcmp(sink.text, text, sink.size) == 0);
        EXPECT(strcmp(aiohttp_payload_content_type(payload), type) == 0);
        EXPECT(aiohttp_payload_length(payload) == length);
        EXPECT(wrote(payload) == -ASYNCIO_INVALID_STATE);
        r = aiohttp__payload_rewind(payload);
        EXPECT(r == (rewinds ? 0 : -ENOTSUP));
        r = rewinds ? wrote(payload) : 0;
    }
    if (r >= 0 && rewinds)
        EXPECT(sink.size == strlen(text) && memcmp(sink.text, text, sink.size) == 0);
    aiohttp_payload_unref(payload);
    return r;
}

#define OCTETS "application/octet-stream"

static int bytes_and_text(void)
{
    aiohttp_payload *payload;
    char changing[] = "abc";
    int r = aiohttp_bytes_payload_new(changing, 3, &payload);
    changing[0] = 'x';
    if (r >= 0)
        r = holds(payload, "abc", OCTETS, 3, 1);
    if (r >= 0)
        r = aiohttp_bytes_payload_new("", 0, &payload);
    if (r >= 0)
        r = holds(payload, "", OCTETS, 0, 1);
    if (r >= 0)
        r = aiohttp_string_payload_new("text", &payload, .is_lent = 1);
    if (r >= 0)
        r = holds(payload, "text", "text/plain; charset=utf-8", 4, 1);
    if (r >= 0)
        r = aiohttp_string_payload_new("<p>", &payload, .content_type = "text/html");
    if (r >= 0)
        r = holds(payload, "<p>", "text/html", 3, 1);
    if (r < 0)
        return r;
    EXPECT(aiohttp_string_payload_new("x", &payload, .content_type = "a\r\nb") == -EINVAL);
    json_t *json = json_pack("{s:i}", "a", 1);
    r = aiohttp_json_payload_new(json, &payload);
    json_decref(json);
    if (r >= 0)
        r = holds(payload, "{\"a\":1}", "application/json; charset=utf-8", 7, 1);
    if (r >= 0)
        EXPECT(aiohttp_json_payload_new(NULL, &payload) == -EINVAL);
    return r;
}

struct given {
    int count, destroyed, rewound;
};

static int generate(aiohttp_payload_writer *writer, void *data)
{
    struct given *given = data;
    int r = 0;
    for (int i = 0; i < given->count && r >= 0; i++)
        r = aiohttp_payload_writer_write(writer, "tick ", 5);
    return r;
}

static int give(void *data, void *buffer, size_t size)
{
    struct given *given = data;
    if (!given->count)
        return 0;
    given->count--;
    memset(buffer, 'x', size < 3 ? size : 3);
    return (int)(size < 3 ? size : 3);
}

static int begins_anew(void *data)
{
    ((struct given *)data)->rewound++;
    ((struct given *)data)->count = 2;
    return 0;
}

static void destroys(void *data)
{
    ((struct given *)data)->destroyed++;
}

static int functions(void)
{
    struct given given = { 2, 0, 0 };
    aiohttp_payload *payload;
    int r = aiohttp_generator_payload_new(generate, &payload, .destroy = destroys, .data = &given);
    if (r >= 0)
        r = holds(payload, "tick tick ", OCTETS, -1, 0);
    EXPECT(given.destroyed == 1);
    if (r >= 0)
        r = aiohttp_generator_payload_new(generate, &payload, .length = 10, .rewind = begins_anew,
                                          .destroy = destroys, .data = &given);
    if (r >= 0) {
        r = holds(payload, "tick tick ", OCTETS, 10, 1);
        EXPECT(r < 0 || (given.destroyed == 2 && given.rewound == 1));
    }
    if (r >= 0)
        r = aiohttp_source_payload_new(give, &payload, .data = &given, .rewind = begins_anew);
    if (r >= 0)
        r = holds(payload, "xxxxxx", OCTETS, -1, 1);
    if (r < 0)
        return r;
    EXPECT(aiohttp_source_payload_new((aiohttp_payload_source *)0, &payload, .destroy = destroys,
                                      .data = &given) == -EINVAL);
    EXPECT(given.destroyed == 3);
    return 0;
}

/* Longer or shorter than was said: no message with a wrong length goes out as if it were right. */
static int lengths(void)
{
    for (int64_t length = 9; length < 12; length++) {
        struct given given = { 2, 0, 0 };
        aiohttp_payload *payload;
        int r = aiohttp_generator_payload_new(generate, &payload, .length = length, .data = &given);
        if (r < 0)
            return r;
        r = wrote(payload);
        aiohttp_payload_unref(payload);
        EXPECT(r == (length < 10 ? -EMSGSIZE : length > 10 ? -EIO : 0));
        EXPECT((int64_t)sink.size <= length);
    }
    return 0;
}

static char name[] = "/tmp/payload-XXXXXX";

static int file(void)
{
    static char text[40001];
    aiohttp_payload *payload;
    memset(text, 'f', sizeof text - 1);
    int r = truncate(name, 0);
    int descriptor = asyncio_open(name, O_WRONLY);
    if (descriptor < 0)
        return descriptor;
    for (int at = 0; r >= 0 && at < 40000; at += r)
        r = asyncio_write(descriptor, text + at, (size_t)(40000 - at));
    if (r >= 0)
        r = aiohttp_file_payload_new(name, &payload, .content_type = "text/x");
    if (r >= 0) {
        r = holds(payload, text, "text/x", 40000, 1);
        if (r >= 0)
            r = aiohttp_file_payload_new(name, &payload);
    }
    if (r < 0) {
        asyncio_close(descriptor);
        return r;
    }
    /* longer: as much as it was; shorter: an error */
    r = asyncio_ftruncate(descriptor, 50000);
    int longer = r < 0 ? r : wrote(payload);
    size_t size = sink.size;
    r = longer < 0 ? longer : asyncio_ftruncate(descriptor, 100);
    if (r >= 0)
        r = aiohttp__payload_rewind(payload);
    int shorter = r < 0 ? r : wrote(payload);
    aiohttp_payload_unref(payload);
    asyncio_close(descriptor);
    if (r < 0)
        return r;
    EXPECT(size == 40000);
    EXPECT(shorter == -EIO || shorter == -ENOMEM);
    EXPECT(aiohttp_file_payload_new("/tmp", &payload) < 0);
    return shorter == -ENOMEM ? -ENOMEM : 0;
}

/* CVE-2026-54280: what it keeps is given back when the peer goes in the middle. */
static int cut_off(void)
{
    struct given given = { 100, 0, 0 };
    aiohttp_payload *payload;
    int r = aiohttp_source_payload_new(give, &payload, .data = &given, .destroy = destroys);
    if (r < 0)
        return r;
    sink.fails_at = 20;
    r = wrote(payload);
    sink.fails_at = 0;
    aiohttp_payload_unref(aiohttp_payload_ref(payload));
    EXPECT(given.destroyed == 0);
    aiohttp_payload_unref(payload);
    aiohttp_payload_unref(NULL);
    EXPECT(given.destroyed == 1);
    EXPECT(r == -EPIPE || r == -ENOMEM);
    return r == -ENOMEM ? r : 0;
}

static int serves(asyncio_stream *stream)
{
    return asyncio_stream_write(stream, "from afar", 9);
}

static int of_a_stream(void)
{
    asyncio_server *server;
    asyncio_stream *stream;
    aiohttp_payload *payload;
    int r = asyncio_start_server(serves, "127.0.0.1", 0, &server);
    if (r < 0)
        return r;
    int port = asyncio_server_port(server);
    r = port < 0 ? port : asyncio_open_connection("127.0.0.1", port, &stream);
    if (r >= 0) {
        r = aiohttp_stream_payload_new(stream, &payload);
        asyncio_stream_unref(stream);
        if (r >= 0)
            r = holds(payload, "from afar", OCTETS, -1, 0);
    }
    asyncio_server_close(server);
    int waited = asyncio_server_wait_closed(server);
    asyncio_server_unref(server);
    return r < 0 ? r : waited;
}

#define CASE(function)                                                                             \
    static void test_##function(void **state)                                                      \
    {                                                                                              \
        (void)state;                                                                               \
        assert_int_equal(asyncio_run(asyncio_coro(function)), 0);                                  \
    }
CASE(bytes_and_text)
CASE(functions)
CASE(lengths)
CASE(file)
CASE(cut_off)
CASE(of_a_stream)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_and_text), cmocka_unit_test(test_functions),
        cmocka_unit_test(test_lengths),        cmocka_unit_test(test_file),
        cmocka_unit_test(test_cut_off),        cmocka_unit_test(test_of_a_stream),
    };
    int descriptor = mkstemp(name);
    if (descriptor < 0)
        return 1;
    close(descriptor);
    int failed = cmocka_run_group_tests_name("payload", tests, NULL, NULL);
    unlink(name);
    return failed;
}
