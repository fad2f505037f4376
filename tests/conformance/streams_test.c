/* SPDX-License-Identifier: MIT */
/* Streams, as scenarios_streams.py. The peer is a descriptor outside of the loop, so not in the
 * sim. */
/* TEST: backends io_uring epoll; timeout 120; not one-byte */
/* The traces tell what each read was given. */
#include "support/trace.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MUCH = 4 << 20 };

static char much[MUCH];
static char words[128];

/* Of the scenario. */
static asyncio_stream *stream;
static int peer;

static int connect_with(size_t limit)
{
    int ends_of[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_of) < 0)
        return -errno;
    int r = asyncio_open_unix_connection(NULL, &stream, .sock = ends_of[0], .limit = limit);
    peer = ends_of[1];
    if (r < 0) {
        close(ends_of[0]);
        close(peer);
    }
    return r;
}

static int connect_it(void)
{
    return connect_with(65536);
}

static int leave(int result)
{
    asyncio_stream_abort(stream);
    asyncio_stream_unref(stream);
    if (peer >= 0)
        close(peer);
    return result;
}

static void send_to_it(const char *text_of)
{
    if (send(peer, text_of, strlen(text_of), MSG_NOSIGNAL) < 0)
        say("send failed");
}

static void hang_up(void)
{
    close(peer);
    peer = -1;
}

/* What a read into `words` has given, as Python's strip() has it. Returns what ended it. */
static int say_stripped(int result)
{
    if (result < 0)
        return result;
    while (result && strchr("\r\n", words[result - 1]))
        result--;
    say("%.*s", result ? result : 7, result ? words : "nothing");
    return 0;
}

static int say_line(void)
{
    return say_stripped(asyncio_stream_readline(stream, words, sizeof words));
}

static int say_read(size_t size)
{
    return say_stripped(asyncio_stream_read(stream, words, size));
}

/* How many bytes, or how it failed; a cancellation ends the scenario. */
static int say_length(int result)
{
    if (result == -ECANCELED)
        return result;
    say("%s", result < 0 ? name(result) : text("%d", result));
    return 0;
}

static int say_count(size_t size)
{
    return say_length(asyncio_stream_read(stream, words, size));
}

SCENARIO(lines)
{
    int r = connect_it();
    if (r < 0)
        return r;
    send_to_it("one\ntwo\nrest");
    r = say_line();
    say("%s", yes(asyncio_stream_at_eof(stream)));
    hang_up();
    if (r >= 0)
        r = say_line();
    if (r >= 0)
        r = say_line();
    say("%s", yes(asyncio_stream_at_eof(stream)));
    if (r >= 0)
        r = say_line();
    return leave(r);
}

SCENARIO(what_is_there)
{
    int r = connect_it();
    if (r < 0)
        return r;
    send_to_it("hello");
    r = say_read(100);
    send_to_it("world");
    if (r >= 0)
        r = say_read(3);
    if (r >= 0)
        r = say_read(100);
    if (r >= 0)
        r = say_count(0);
    hang_up();
    if (r >= 0)
        r = say_count(100);
    return leave(r);
}

static int read_exactly(int size)
{
    int r = asyncio_stream_readexactly(stream, words, size, NULL);
    return r < 0 ? r : size;
}

SCENARIO(exactly_so_many)
{
    int r = connect_it();
    if (r < 0)
        return r;
    send_to_it("abc");
    asyncio_task *task = start(asyncio_coro(read_exactly, 5));
    r = asyncio_sleep(T);
    say("%s", state(task));
    send_to_it("defg");
    if (r >= 0)
        r = say_length(asyncio_await(task));
    hang_up();
    if (r >= 0)
        r = say_length(read_exactly(5));
    if (r >= 0)
        r = say_count(5);
    return leave(r);
}

static int say_until(void)
{
    static char semicolon[] = ";", line_end[] = "\r\n";
    const struct iovec both[] = { { semicolon, 1 }, { line_end, 2 } };
    return asyncio_stream_readuntil_all(stream, both, 2, words, sizeof words);
}

SCENARIO(one_of_several_separators)
{
    int r = connect_it();
    if (r < 0)
        return r;
    send_to_it("a;b\r\nc.");
    r = say_stripped(say_until());
    if (r >= 0)
        r = say_stripped(say_until());
    if (r >= 0)
        r = say_stripped(asyncio_stream_readuntil(stream, ".", 1, words, sizeof words));
    send_to_it("no end");
    hang_up();
    if (r >= 0)
        r = say_length(say_until());
    return leave(r);
}

SCENARIO(more_than_the_limit)
{
    int r = connect_with(8);
    if (r < 0)
        return r;
    send_to_it("0123456789abcdef");
    r = say_length(asyncio_stream_readuntil(stream, "\n", 1, words, sizeof words));
    if (r >= 0)
        r = say_length(read_exactly(16)); /* nothing was lost */
    send_to_it("short\n");
    if (r >= 0)
        r = say_stripped(asyncio_stream_readuntil(stream, "\n", 1, words, sizeof words));
    return leave(r);
}

SCENARIO(a_cancelled_read_keeps_what_came)
{
    int r = connect_it();
    if (r < 0)
        return r;
    send_to_it("four");
    asyncio_task *task = start(asyncio_coro(read_exactly, 10));
    r = asyncio_sleep(T);
    (void)asyncio_task_cancel(task);
    say("%s", ends(task));
    if (r >= 0)
        r = say_stripped(read_exactly(4));
    return leave(r);
}

static int read_some(void)
{
    return asyncio_stream_read(stream, words, 100);
}

SCENARIO(the_reader_comes_behind_what_was_scheduled)
{
    int r = connect_it();
    if (r < 0)
        return r;
    asyncio_task *task = start(asyncio_coro(read_some));
    r = asyncio_sleep(0);
    send_to_it("x");
    say_soon("scheduled before");
    return leave(r < 0 ? r : say_stripped(asyncio_await(task)));
}

SCENARIO(a_reset_is_an_error_for_ever)
{
    int r = connect_it();
    if (r < 0)
        return r;
    ok(asyncio_stream_write_nowait(stream, "never read", 10));
    r = asyncio_sleep(T);
    hang_up();
    if (r >= 0)
        r = say_count(1);
    if (r >= 0)
        r = say_length(asyncio_stream_readline(stream, words, sizeof words));
    return leave(r);
}

static int drain(void)
{
    return asyncio_stream_drain(stream);
}

static int read_much(size_t left)
{
    static char block[65536];
    int r = 0;
    while (left && r >= 0) {
        ssize_t n = recv(peer, block, sizeof block, MSG_DONTWAIT);
        if (n > 0)
            left -= (size_t)n;
        else
            r = asyncio_sleep(0);
    }
    return r;
}

SCENARIO(writing_waits_for_a_slow_reader)
{
    int r = connect_it();
    if (r < 0)
        return r;
    ok(asyncio_stream_write_nowait(stream, much, sizeof much));
    asyncio_task *task = start(asyncio_coro(drain));
    r = asyncio_sleep(T);
    say("%s", state(task));
    if (r >= 0)
        r = read_much(MUCH);
    if (r >= 0) {
        say("%s", ends(task));
        say("%s", name(asyncio_stream_drain(stream)));
    }
    return leave(r);
}

SCENARIO(who_waits_for_a_reader_that_goes)
{
    int r = connect_it();
    if (r < 0)
        return r;
    ok(asyncio_stream_write_nowait(stream, much, sizeof much));
    asyncio_task *task = start(asyncio_coro(drain));
    r = asyncio_sleep(T);
    hang_up();
    if (r >= 0)
        r = asyncio_await(task);
    say("%s", r == -ECONNRESET || r == -EPIPE ? "reset" : "not reset");
    return leave(r == -ECANCELED ? r : 0);
}

SCENARIO(one_direction_ends)
{
    int r = connect_it();
    if (r < 0)
        return r;
    say("%s", yes(asyncio_stream_can_write_eof(stream)));
    ok(asyncio_stream_write_nowait(stream, "question", 8));
    ok(asyncio_stream_write_eof(stream));
    say("%s", yes(asyncio_stream_is_closing(stream)));
    r = asyncio_sleep(T);
    if (recv(peer, words, sizeof words, MSG_DONTWAIT) == 8)
        say("%.8s", words);
    say("%d", (int)recv(peer, words, sizeof words, MSG_DONTWAIT));
    send_to_it("answer");
    return leave(r < 0 ? r : say_read(100));
}

SCENARIO(closing)
{
    int r = connect_it();
    if (r < 0)
        return r;
    ok(asyncio_stream_write_nowait(stream, "last words", 10));
    asyncio_stream_close(stream);
    say("%s", yes(asyncio_stream_is_closing(stream)));
    r = asyncio_stream_wait_closed(stream);
    say("%s", name(r));
    if (recv(peer, words, sizeof words, MSG_DONTWAIT) == 10)
        say("%.10s", words);
    say("%d", (int)recv(peer, words, sizeof words, MSG_DONTWAIT));
    return leave(r);
}

SCENARIO(the_peer_is_gone)
{
    int r = connect_it();
    if (r < 0)
        return r;
    hang_up();
    r = say_count(1);
    say("%s", yes(asyncio_stream_at_eof(stream)));
    if (r >= 0)
        r = say_count(1);
    return leave(r);
}

CONFORMANCE("streams")
