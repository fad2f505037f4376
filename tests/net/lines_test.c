/* SPDX-License-Identifier: MIT */
/* readline, readuntil and its view: what they give, where their limits are, what they drop and
 * what they leave. */
#include "net/net_test.h"

static int send_text(asyncio_stream *stream, const char *text)
{
    return asyncio_stream_write(stream, text, strlen(text));
}

static int readline_reads_lines(struct pair *p)
{
    char line[32];
    CHECK_IS(send_text(p->a, "one\n\nthree\nfo"), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 4);
    CHECK(strcmp(line, "one\n") == 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 1);
    CHECK(strcmp(line, "\n") == 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 6);
    CHECK(strcmp(line, "three\n") == 0);
    CHECK_IS(send_text(p->a, "ur\nlast"), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 5);
    CHECK(strcmp(line, "four\n") == 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 4);
    CHECK(strcmp(line, "last") == 0);
    line[0] = 'x';
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 0);
    CHECK(line[0] == '\0');
    CHECK_IS(asyncio_stream_readline(p->b, line, 1), -EINVAL);
    CHECK_IS(asyncio_stream_readline(p->b, line, 0), -EINVAL);
    return 0;
}

static void test_readline(void **state)
{
    (void)state;
    with_pair(readline_reads_lines);
}

enum { LIMIT = 10 };

/* The limit counts what stands before the newline: exactly so many are fine. */
static int readline_at_the_limit(struct pair *p)
{
    char line[64];
    CHECK_IS(send_text(p->a, "0123456789\n"), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 11);
    CHECK(strcmp(line, "0123456789\n") == 0);
    CHECK_IS(send_text(p->a, "0123456789X\n"), 0);
    CHECK_IS(settle(), 0); /* all of it is there, so all of the line is dropped */
    CHECK_IS(asyncio_stream_fill(p->b, 12), 12);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(send_text(p->a, "next\n"), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 5);
    CHECK(strcmp(line, "next\n") == 0);
    return 0;
}

static void test_line_limit(void **state)
{
    (void)state;
    with_pair_of_limit(readline_at_the_limit, LIMIT);
}

/* Without a newline in sight, what is there is dropped, as CPython does. */
static int readline_drops_what_is_there(struct pair *p)
{
    char line[64];
    CHECK_IS(send_text(p->a, "0123456789X"), 0);
    CHECK_IS(asyncio_stream_fill(p->b, 11), 11);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(send_text(p->a, "rest\nnext\n"), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 5);
    CHECK(strcmp(line, "rest\n") == 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 5);
    CHECK(strcmp(line, "next\n") == 0);
    CHECK_IS(send_text(p->a, "0123456789"), 0); /* the limit itself, unfinished */
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 10);
    CHECK(strcmp(line, "0123456789") == 0);
    return 0;
}

static void test_line_dropped(void **state)
{
    (void)state;
    with_pair_of_limit(readline_drops_what_is_there, LIMIT);
}

/* The caller's buffer is a limit, too: text, newline and NUL have to fit. */
static int readline_at_the_buffer(struct pair *p)
{
    char line[8] = "";
    CHECK_IS(send_text(p->a, "123456\n"), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, 8), 7);
    CHECK(strcmp(line, "123456\n") == 0);
    CHECK_IS(send_text(p->a, "1234567\nok\n"), 0);
    CHECK_IS(asyncio_stream_fill(p->b, 11), 11);
    CHECK_IS(asyncio_stream_readline(p->b, line, 8), -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(asyncio_stream_readline(p->b, line, 8), 3);
    CHECK(strcmp(line, "ok\n") == 0);
    CHECK_IS(send_text(p->a, "\n"), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, 2), 1);
    CHECK_IS(send_text(p->a, "a\n"), 0);
    CHECK_IS(asyncio_stream_fill(p->b, 2), 2);
    CHECK_IS(asyncio_stream_readline(p->b, line, 2), -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(send_text(p->a, "1234567"), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    /* the last line needs no room for a newline */
    CHECK_IS(asyncio_stream_readline(p->b, line, 8), 7);
    CHECK(strcmp(line, "1234567") == 0);
    return 0;
}

static int last_line_too_long(struct pair *p)
{
    char line[8];
    CHECK_IS(send_text(p->a, "12345678"), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, 8), -ASYNCIO_LIMIT_OVERRUN);
    return 0;
}

static void test_line_buffer(void **state)
{
    (void)state;
    with_pair(readline_at_the_buffer);
    with_pair(last_line_too_long);
}

static int readuntil_reads_until(struct pair *p)
{
    char text[32];
    CHECK_IS(send_text(p->a, "ab\r\ncd\r\r\n\r\n"), 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, "\r\n", 2, text, sizeof text), 4);
    CHECK(memcmp(text, "ab\r\n", 4) == 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, "\r\n", 2, text, sizeof text), 5);
    CHECK(memcmp(text, "cd\r\r\n", 5) == 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, "\r\n", 2, text, sizeof text), 2);
    CHECK_IS(asyncio_stream_readuntil(p->b, "", 0, text, sizeof text), -EINVAL);
    CHECK_IS(send_text(p->a, "xx\0yy;"), 0);
    CHECK_IS(asyncio_stream_write(p->a, "\0z\0", 3), 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, "\0", 1, text, sizeof text), 3);
    CHECK_IS(asyncio_stream_readuntil(p->b, "\0", 1, text, sizeof text), 2);
    CHECK_IS(send_text(p->a, "part"), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, ";", 1, text, sizeof text), -ASYNCIO_INCOMPLETE_READ);
    CHECK_IS(read_all(p->b, text, sizeof text), 4); /* it stays */
    CHECK(memcmp(text, "part", 4) == 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, ";", 1, text, sizeof text), -ASYNCIO_INCOMPLETE_READ);
    return 0;
}

static void test_readuntil(void **state)
{
    (void)state;
    with_pair(readuntil_reads_until);
}

static int readuntil_limits_leave_data(struct pair *p)
{
    char text[64];
    const char *view;
    CHECK_IS(send_text(p->a, "0123456789;;"), 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, ";;", 2, text, sizeof text), 12);
    CHECK_IS(send_text(p->a, "0123456789X;;"), 0);
    for (int i = 0; i < 3; i++)
        CHECK_IS(asyncio_stream_readuntil(p->b, ";;", 2, text, sizeof text),
                 -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(asyncio_stream_readuntil_view(p->b, ";;", 2, &view), -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(read_all(p->b, text, 13), 13);
    CHECK(memcmp(text, "0123456789X;;", 13) == 0);
    CHECK_IS(send_text(p->a, "0123456789XY"), 0); /* no separator at all */
    CHECK_IS(asyncio_stream_readuntil(p->b, ";;", 2, text, sizeof text), -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(read_all(p->b, text, 12), 12);
    CHECK(memcmp(text, "0123456789XY", 12) == 0);
    return 0;
}

static int readuntil_at_the_buffer(struct pair *p)
{
    char text[8];
    CHECK_IS(send_text(p->a, "123456;;"), 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, ";;", 2, text, 8), 8);
    CHECK_IS(send_text(p->a, "1234567;;"), 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, ";;", 2, text, 8), -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(asyncio_stream_readuntil(p->b, ";;", 2, text, 1), -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(asyncio_stream_readuntil(p->b, ";", 1, text, 8), 8);
    CHECK(memcmp(text, "1234567;", 8) == 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, ";", 1, text, 1), 1);
    return 0;
}

/* A separator that is longer than the limit is found nevertheless. */
static int long_separator(struct pair *p)
{
    static const char separator[] = "----------------------------------------";
    char text[64];
    CHECK_IS(send_text(p->a, "0123456789"), 0);
    CHECK_IS(send_text(p->a, separator), 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, separator, strlen(separator), text, sizeof text),
             (int)(10 + strlen(separator)));
    return 0;
}

static void test_until_limits(void **state)
{
    (void)state;
    with_pair_of_limit(readuntil_limits_leave_data, LIMIT);
    with_pair(readuntil_at_the_buffer);
    with_pair_of_limit(long_separator, LIMIT);
}

static int views_are_lent(struct pair *p)
{
    const char *first, *second;
    CHECK_IS(send_text(p->a, "GET / HTTP/1.1\r\nHost: x\r\n"), 0);
    CHECK_IS(asyncio_stream_readuntil_view(p->b, "\r\n", 2, &first), 16);
    CHECK(memcmp(first, "GET / HTTP/1.1\r\n", 16) == 0);
    CHECK_IS(settle(), 0);
    /* until the next read, whatever else happens */
    CHECK(memcmp(first, "GET / HTTP/1.1\r\n", 16) == 0);
    CHECK_IS(asyncio_stream_readuntil_view(p->b, "\r\n", 2, &second), 9);
    CHECK(memcmp(second, "Host: x\r\n", 9) == 0);
    return 0;
}

static void test_view(void **state)
{
    (void)state;
    with_pair(views_are_lent);
}

static int read_line(asyncio_stream *stream)
{
    char line[64];
    return asyncio_stream_readline(stream, line, sizeof line);
}

static int cancelled_readline_keeps_the_line(struct pair *p)
{
    char line[64];
    asyncio_task *reader;
    START(reader, read_line, p->b);
    CHECK_IS(send_text(p->a, "half "), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(reader), 1);
    CHECK_IS(join(reader), -ECANCELED);
    CHECK_IS(send_text(p->a, "and half\n"), 0);
    CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), 14);
    CHECK(strcmp(line, "half and half\n") == 0);
    return 0;
}

static void test_cancel_line(void **state)
{
    (void)state;
    with_pair(cancelled_readline_keeps_the_line);
}

/* Lines of all lengths around the sizes of blocks, and plain reads between them. */
static int write_lines(asyncio_stream *stream, int count)
{
    static char line[12000];
    for (int i = 0; i < count; i++) {
        size_t size = (size_t)(i * 977) % sizeof line;
        memset(line, 'a' + i % 26, size);
        line[size ? size - 1 : 0] = '\n';
        int r = asyncio_stream_write(stream, line, size ? size : 1);
        if (r < 0)
            return r;
    }
    return 0;
}

static int many_lines(struct pair *p)
{
    static char line[12001];
    int count = world.is_chopped ? 12 : 60;
    asyncio_task *writer;
    START(writer, write_lines, p->a, count);
    for (int i = 0; i < count; i++) {
        int size = (i * 977) % 12000;
        size = size ? size : 1;
        if (i % 3 == 2)
            CHECK_IS(read_all(p->b, line, (size_t)size), size);
        else
            CHECK_IS(asyncio_stream_readline(p->b, line, sizeof line), size);
        CHECK(line[size - 1] == '\n');
        CHECK(size == 1 || line[0] == 'a' + i % 26);
    }
    return join(writer);
}

static void test_many_lines(void **state)
{
    (void)state;
    with_pair_of_limit(many_lines, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readline),    cmocka_unit_test(test_line_limit),
        cmocka_unit_test(test_line_dropped), cmocka_unit_test(test_line_buffer),
        cmocka_unit_test(test_readuntil),   cmocka_unit_test(test_until_limits),
        cmocka_unit_test(test_view),        cmocka_unit_test(test_cancel_line),
        cmocka_unit_test(test_many_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
