/* SPDX-License-Identifier: MIT */
/* readline, readuntil and its view: what they give, where their limits are, what they drop and
 * what they leave. */
#include "net/net_test.h"

/* This program's own memmem(3), which hides libc's: how many bytes were given to it. */
static size_t looked_through;

void *memmem(const void *bytes, size_t size, const void *wanted, size_t wanted_size)
{
    const char *at = bytes;
    looked_through += size;
    for (; size >= wanted_size; at++, size--)
        if (memcmp(at, wanted, wanted_size) == 0)
            return (void *)(uintptr_t)at;
    return NULL;
}

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

/* What the first has looked through has the other separator, and half of a third. */
static int another_separator_after_a_cancel(struct pair *p)
{
    char line[64];
    asyncio_task *reader;
    START(reader, read_line, p->b);
    CHECK_IS(send_text(p->a, "one;two\r"), 0);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(reader), 1);
    CHECK_IS(join(reader), -ECANCELED);
    CHECK_IS(asyncio_stream_readuntil(p->b, ";", 1, line, sizeof line), 4);
    CHECK(memcmp(line, "one;", 4) == 0);
    START(reader, read_line, p->b);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_cancel(reader), 1);
    CHECK_IS(join(reader), -ECANCELED);
    CHECK_IS(send_text(p->a, "\n"), 0);
    CHECK_IS(asyncio_stream_readuntil(p->b, "\r\n", 2, line, sizeof line), 5);
    CHECK(memcmp(line, "two\r\n", 5) == 0);
    return 0;
}

static void test_cancel_line(void **state)
{
    (void)state;
    with_pair(cancelled_readline_keeps_the_line);
    with_pair(another_separator_after_a_cancel);
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

/* ---- several separators ---- */

/* What CPython 3.13's StreamReader.readuntil gives for a tuple, again and again: what was read,
 * then I: and what was left at the end, or L for LimitOverrunError. */
static const struct {
    int limit;
    const char *data, *separators[3], *expected;
} tuples[] = {
        { 4, "ab-aa-ab-a", { "a", "b", "aa" }, "a|b|-a|a|-a|b|-a|I:" },
        { 100, "ba-aa---a--baaa-a", { "a-", "-" }, "ba-|aa-|-|-|a-|-|baaa-|I:a" },
        { 4, "-aa---aba--a-a-ab", { "bbb", "bbb", "a" }, "-a|a|---a|ba|--a|-a|-a|I:b" },
        { 100, "-abb", { "a", "b-" }, "-a|I:bb" },
        { 4, "b-b-", { "-b", "a" }, "b-b|I:-" },
        { 100, "aa-aa", { "abb", "a" }, "a|a|-a|a|I:" },
        { 4, "b--ba------ab--bb", { "ab", "baa" }, "L" },
        { 4, "baab-a", { "-" }, "baab-|I:a" },
        { 4, "ab-aaa-ba-bb-bbaa", { "bb", "aa" }, "ab-aa|L" },
        { 100, "-bb-a-aa-b", { "-a-" }, "-bb-a-|I:aa-b" },
        { 4, "-b", { "ab", "-", "-b-" }, "-|I:b" },
        { 100, "ab-aa-", { "-a", "b" }, "ab|-a|I:a-" },
        { 4, "a--bb-bb", { "a" }, "a|L" },
        { 100, "abab--ab-b-a-ab", { "b", "b", "ba-" }, "ab|ab|--ab|-b|-a-ab|I:" },
        { 4, "b-a-aaaaa-b-a-", { "-b", "-", "aaa" }, "b-|a-|aaa|aa-|b-|a-|I:" },
        { 100, "-abaaabab-a-bb-b", { "-" }, "-|abaaabab-|a-|bb-|I:b" },
        { 4, "---b-a-a--aba-", { "a" }, "L" },
        { 100, "--a-ab----ba-aa", { "aa" }, "--a-ab----ba-aa|I:" },
        { 100, "aabb----a-bb--b-a", { "b-a", "ab", "b" }, "aab|b|----a-b|b|--b|I:-a" },
        { 4, "a-abaa-baa", { "-ba", "ab", "-" }, "a-|ab|aa-|I:baa" },
        { 100, "ba-aa-b-bbba", { "a-", "ab" }, "ba-|aa-|I:b-bbba" },
        { 100, "-abb--b-aaaaab", { "a", "ab" }, "-a|bb--b-a|a|a|a|a|I:b" },
        { 4, "a---b-baba-a", { "b", "-" }, "a-|-|-|b|-|b|ab|a-|I:a" },
        { 4, "a-aababa", { "bb-", "a" }, "a|-a|a|ba|ba|I:" },
        { 100, "aba", { "b" }, "ab|I:a" },
        { 4, "abb--abbabaaa---", { "bab" }, "L" },
        { 100, "-b-b-b-aaba--", { "b", "aa", "a" }, "-b|-b|-b|-a|a|b|a|I:--" },
        { 100, "aaa-b--b-a-ba", { "a", "ba" }, "a|a|a|-b--b-a|-ba|I:" },
        { 4, "b-baababaab", { "b", "--" }, "b|-b|aab|ab|aab|I:" },
        { 4, "-aabaab", { "b", "b", "-a" }, "-a|ab|aab|I:" },
        { 4, "-a---bb-bab---aa--", { "--", "a--", "a--" }, "-a--|L" },
        { 4, "a-a---abbaba---a-", { "-", "bba", "a-" }, "a-|a-|-|-|abba|ba-|-|-|a-|I:" },
        { 4, "aababb-a-a-bb--bbb", { "-", "b" }, "aab|ab|b|-|a-|a-|b|b|-|-|b|b|b|I:" },
        { 100, "abba-bbbaaa-aa-", { "ba", "--b", "-" }, "abba|-|bbba|aa-|aa-|I:" },
        { 100, "bbbaaab", { "bb", "abb", "ba" }, "bb|ba|I:aab" },
        { 100, "bbabb-abb", { "b", "a" }, "b|b|a|b|b|-a|b|b|I:" },
        { 100, "abb-", { "b", "a-" }, "ab|b|I:-" },
        { 100, "-a-aa-bb-a-bba-aa", { "bb", "b-" }, "-a-aa-bb|-a-bb|I:a-aa" },
        { 100, "bba-aaaab-", { "ab" }, "bba-aaaab|I:-" },
        { 100, "aa-bbb--abbbabb-ba", { "--a", "b", "b" }, "aa-b|b|b|--a|b|b|b|ab|b|-b|I:a" },
};

static int read_pieces(asyncio_stream *stream, const char *const *texts, bool by_view, char *got,
                       size_t size)
{
    struct iovec separators[3];
    char buffer[64];
    size_t count = 0;
    int n;
    while (count < 3 && texts[count]) {
        separators[count] = (struct iovec){ (void *)(uintptr_t)texts[count], strlen(texts[count]) };
        count++;
    }
    *got = '\0';
    for (;;) {
        const char *data = buffer;
        n = by_view ? asyncio_stream_readuntil_all_view(stream, separators, count, &data)
                    : asyncio_stream_readuntil_all(stream, separators, count, buffer,
                                                   sizeof buffer);
        if (n < 0)
            break;
        snprintf(got + strlen(got), size - strlen(got), "%.*s|", n, data);
    }
    if (n == -ASYNCIO_LIMIT_OVERRUN) {
        snprintf(got + strlen(got), size - strlen(got), "L");
        return 0;
    }
    CHECK_IS(n, -ASYNCIO_INCOMPLETE_READ);
    n = asyncio_stream_read(stream, buffer, sizeof buffer);
    snprintf(got + strlen(got), size - strlen(got), "I:%.*s", n, buffer);
    return 0;
}

static int tuple_of(struct pair *p, size_t index, bool by_view)
{
    char got[128];
    CHECK_IS(send_text(p->a, tuples[index].data), 0);
    CHECK_IS(asyncio_stream_write_eof(p->a), 0);
    /* as in Python all of it is there before the first is looked for */
    CHECK_IS(asyncio_stream_fill(p->b, 2 * tuples[index].limit), strlen(tuples[index].data) >
             (size_t)(2 * tuples[index].limit) ? 2 * tuples[index].limit
                                               : (int)strlen(tuples[index].data));
    CHECK_IS(read_pieces(p->b, tuples[index].separators, by_view, got, sizeof got), 0);
    if (strcmp(got, tuples[index].expected) != 0) {
        print_error("%s: %s instead of %s\n", tuples[index].data, got, tuples[index].expected);
        return -EPROTO;
    }
    return 0;
}

static size_t tuple_index;
static bool tuple_by_view;

static int one_tuple(struct pair *p)
{
    return tuple_of(p, tuple_index, tuple_by_view);
}

static void test_several(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    for (tuple_index = 0; tuple_index < sizeof tuples / sizeof tuples[0]; tuple_index++) {
        for (int view = 0; view < 2; view++) {
            struct pair_program what = { one_tuple, (size_t)tuples[tuple_index].limit };
            tuple_by_view = view;
            assert_int_equal(run_once(pair_run, &what), 0);
        }
    }
}

static int several_misused(struct pair *p)
{
    struct iovec good = { (void *)(uintptr_t)"ab", 2 }, pair[2] = { good, { NULL, 0 } };
    char buffer[4];
    CHECK_IS(asyncio_stream_readuntil_all(p->b, &good, 0, buffer, sizeof buffer), -EINVAL);
    CHECK_IS(asyncio_stream_readuntil_all(p->b, pair, 2, buffer, sizeof buffer), -EINVAL);
    CHECK_IS(asyncio_stream_readuntil_all(p->b, &good, 1, buffer, 1), -ASYNCIO_LIMIT_OVERRUN);
    CHECK_IS(send_text(p->a, "xyzab-ab"), 0);
    CHECK_IS(asyncio_stream_readuntil_all(p->b, &good, 1, buffer, sizeof buffer),
             -ASYNCIO_LIMIT_OVERRUN); /* and it stays */
    char larger[8];
    CHECK_IS(asyncio_stream_readuntil_all(p->b, &good, 1, larger, sizeof larger), 5);
    CHECK(memcmp(larger, "xyzab", 5) == 0);
    CHECK_IS(asyncio_stream_readuntil_all(p->b, &good, 1, buffer, 3), 3);
    return 0;
}

static void test_several_misused(void **state)
{
    (void)state;
    with_pair(several_misused);
}

/* A separator that is frequent beside one that is rare: that is not looked for in all that is
 * buffered, each time. */
static int rare_beside_frequent(struct pair *p)
{
    enum { LINE = 10, LINES = 2000 };
    static const struct iovec both[] = { { (void *)(uintptr_t) "\r\n\r\n", 4 },
                                         { (void *)(uintptr_t) "\n", 1 } };
    static char text[LINE * LINES];
    const char *line;
    memset(text, 'x', sizeof text);
    for (size_t i = LINE - 1; i < sizeof text; i += LINE)
        text[i] = '\n';
    memcpy(text + sizeof text - 4, "\r\n\r\n", 4);
    asyncio_task *writer;
    START(writer, asyncio_stream_write, p->a, text, sizeof text);
    CHECK_IS(asyncio_stream_fill(p->b, sizeof text), sizeof text);
    CHECK_IS(join(writer), 0);
    looked_through = 0;
    for (int i = 0; i < LINES - 1; i++)
        CHECK_IS(asyncio_stream_readuntil_all_view(p->b, both, 2, &line), LINE);
    CHECK(looked_through < (size_t)LINES * 2000); /* not half of it for each */
    CHECK_IS(asyncio_stream_readuntil_all_view(p->b, both, 2, &line), LINE - 2);
    CHECK_IS(asyncio_stream_readuntil_all_view(p->b, both, 2, &line), 2);
    return 0;
}

/* One that begins in one piece of what is looked through and ends in another, or is as long. */
static int across_pieces(struct pair *p)
{
    static char text[5000], longest[3000];
    const char *found;
    memset(longest, 'y', sizeof longest);
    const struct iovec both[] = { { longest, sizeof longest }, { (void *)(uintptr_t) "ab", 2 } };
    for (size_t at = 4000; at < 4100; at++) {
        memset(text, 'x', sizeof text);
        memcpy(text + at, "ab", 2);
        CHECK_IS(asyncio_stream_write(p->a, text, at + 2), 0);
        CHECK_IS(asyncio_stream_fill(p->b, at + 2), (int)at + 2);
        CHECK_IS(asyncio_stream_readuntil_all_view(p->b, both, 2, &found), (int)at + 2);
        if (world.is_chopped || world.is_seeded)
            at += 33;
    }
    memcpy(text + 1500, longest, sizeof longest);
    memcpy(text + 4600, "ab", 2);
    CHECK_IS(asyncio_stream_write(p->a, text, 4602), 0);
    CHECK_IS(asyncio_stream_fill(p->b, 4602), 4602);
    CHECK_IS(asyncio_stream_readuntil_all_view(p->b, both, 2, &found), 4500);
    CHECK_IS(asyncio_stream_readuntil_all_view(p->b, both, 2, &found), 102);
    return 0;
}

static void test_several_in_much(void **state)
{
    (void)state;
    with_pair(rare_beside_frequent);
    with_pair(across_pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readline),    cmocka_unit_test(test_line_limit),
        cmocka_unit_test(test_line_dropped), cmocka_unit_test(test_line_buffer),
        cmocka_unit_test(test_readuntil),   cmocka_unit_test(test_until_limits),
        cmocka_unit_test(test_view),        cmocka_unit_test(test_cancel_line),
        cmocka_unit_test(test_many_lines),  cmocka_unit_test(test_several),
        cmocka_unit_test(test_several_misused), cmocka_unit_test(test_several_in_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
