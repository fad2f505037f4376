/* SPDX-License-Identifier: MIT */
/* Pipes by callbacks, as scenarios_pipes.py. The other end is a descriptor outside of the loop, so
 * not in the sim. */
/* TEST: backends io_uring epoll; timeout 120; not one-byte */
/* The traces tell what each read was given. */
#include "conformance/teller.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static char much[MUCH];

static int connect_it(bool reads)
{
    int ends_of[2];
    if (pipe2(ends_of, O_CLOEXEC) < 0)
        return -errno;
    int ours = ends_of[reads ? 0 : 1];
    peer = ends_of[reads ? 1 : 0];
    int r = reads ? asyncio_loop_connect_read_pipe(running(), give, ours, &transport,
                                                   .data = &tellers[0])
                  : asyncio_loop_connect_write_pipe(running(), give, ours, &transport,
                                                    .data = &tellers[0]);
    if (r < 0) {
        if (r != -ECANCELED)
            close(ours);
        close(peer);
        return r;
    }
    if (!reads)
        (void)fcntl(peer, F_SETFL, O_NONBLOCK);
    say("connected");
    return 0;
}

static void send_to_it(const char *words)
{
    if (write(peer, words, strlen(words)) < 0) /* its reader is there */
        say("send failed");
}

static int gone(int result)
{
    return result < 0 ? result : asyncio_await(tellers[0].gone);
}

static int read_much(size_t left)
{
    static char block[65536];
    while (left) {
        ssize_t n = read(peer, block, sizeof block);
        if (n == 0)
            return -EPIPE;
        if (n > 0)
            left -= (size_t)n;
        int r = n > 0 ? 0 : asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    return asyncio_sleep(T);
}

SCENARIO(made_data_eof_lost)
{
    int r = connect_it(true);
    if (r < 0)
        return r;
    send_to_it("hello");
    hang_up();
    r = gone(0);
    say("%s", yes(asyncio_transport_is_closing(transport)));
    return leave(r);
}

POLLING_SCENARIO(eof_and_lost_come_in_one_turn)
{
    int r = connect_it(true);
    if (r < 0)
        return r;
    r = asyncio_sleep(T);
    hang_up();
    turns(4);
    r = gone(r);
    return leave(r < 0 ? r : passes(4));
}

SCENARIO(what_eof_received_returns_changes_nothing)
{
    int r = connect_it(true);
    if (r < 0)
        return r;
    tellers[0].stays_open = 1;
    hang_up();
    return leave(gone(0));
}

SCENARIO(lost_never_comes_from_inside_of_close)
{
    int r = connect_it(true);
    if (r < 0)
        return r;
    asyncio_transport_close(transport);
    say("closed");
    r = asyncio_sleep(0);
    say("a turn later");
    asyncio_transport_close(transport);
    return leave(r < 0 ? r : asyncio_sleep(0));
}

SCENARIO(data_comes_behind_what_was_scheduled)
{
    int r = connect_it(true);
    if (r < 0)
        return r;
    send_to_it("x");
    say_soon("scheduled before");
    r = asyncio_sleep(T);
    asyncio_transport_close(transport);
    return leave(gone(r));
}

SCENARIO(paused_reading_keeps_data)
{
    int r = connect_it(true);
    if (r < 0)
        return r;
    asyncio_transport_pause_reading(transport);
    asyncio_transport_pause_reading(transport);
    say("%s", yes(asyncio_transport_is_reading(transport)));
    send_to_it("later");
    r = asyncio_sleep(T);
    say("nothing yet");
    asyncio_transport_resume_reading(transport);
    asyncio_transport_resume_reading(transport);
    say("resumed");
    if (r >= 0)
        r = asyncio_sleep(T);
    asyncio_transport_close(transport);
    return leave(gone(r));
}

SCENARIO(another_protocol)
{
    int r = connect_it(true);
    if (r < 0)
        return r;
    send_to_it("one");
    r = asyncio_sleep(T);
    asyncio_protocol *other = new_teller(&tellers[1], "other ");
    (void)asyncio_transport_set_protocol(transport, other);
    say("%s", yes(asyncio_transport_get_protocol(transport) == other));
    send_to_it("two");
    if (r >= 0)
        r = asyncio_sleep(T);
    hang_up();
    return leave(r < 0 ? r : asyncio_await(tellers[1].gone));
}

SCENARIO(pause_writing_comes_from_inside_of_write)
{
    int r = connect_it(false);
    if (r < 0)
        return r;
    ok(asyncio_transport_write(transport, much, sizeof much));
    say("written");
    ok(asyncio_transport_write(transport, "b", 1));
    say("written more");
    r = read_much(MUCH + 1);
    say("%zu", asyncio_transport_get_write_buffer_size(transport));
    asyncio_transport_close(transport);
    return leave(gone(r));
}

SCENARIO(marks_of_zero_pause_at_once)
{
    int r = connect_it(false);
    if (r < 0)
        return r;
    ok(asyncio_transport_set_write_buffer_limits(transport, 2 * MUCH, 0));
    ok(asyncio_transport_write(transport, much, sizeof much));
    say("written");
    ok(asyncio_transport_set_write_buffer_limits(transport, 0, 0));
    say("marks set");
    asyncio_transport_abort(transport);
    return leave(gone(0));
}

SCENARIO(write_eof_closes)
{
    char words[100] = "";
    int r = connect_it(false);
    if (r < 0)
        return r;
    say("%s", yes(asyncio_transport_can_write_eof(transport)));
    ok(asyncio_transport_write(transport, "last words", 10));
    ok(asyncio_transport_write_eof(transport));
    say("%s", yes(asyncio_transport_is_closing(transport)));
    (void)asyncio_transport_write_eof(transport); /* Python's returns nothing */
    r = gone(0);
    if (r >= 0 && read(peer, words, sizeof words - 1) > 0)
        say("%s", words);
    if (r >= 0)
        say("%d", (int)read(peer, words, sizeof words));
    return leave(r);
}

SCENARIO(write_eof_goes_behind_what_is_unsent)
{
    char byte;
    int r = connect_it(false);
    if (r < 0)
        return r;
    ok(asyncio_transport_write(transport, much, sizeof much));
    ok(asyncio_transport_write_eof(transport));
    say("%s", yes(asyncio_transport_is_closing(transport)));
    r = asyncio_sleep(T);
    say("still open");
    if (r >= 0)
        r = read_much(MUCH);
    r = gone(r);
    if (r >= 0)
        say("%d", (int)read(peer, &byte, 1));
    return leave(r);
}

SCENARIO(close_sends_what_is_unsent)
{
    int r = connect_it(false);
    if (r < 0)
        return r;
    ok(asyncio_transport_write(transport, much, sizeof much));
    asyncio_transport_close(transport);
    say("closed");
    return leave(gone(read_much(MUCH)));
}

SCENARIO(abort_drops_what_is_unsent)
{
    int r = connect_it(false);
    if (r < 0)
        return r;
    ok(asyncio_transport_write(transport, much, sizeof much));
    asyncio_transport_abort(transport);
    say("%s", yes(asyncio_transport_is_closing(transport)));
    return leave(gone(0));
}

SCENARIO(the_reader_goes)
{
    int r = connect_it(false);
    if (r < 0)
        return r;
    ok(asyncio_transport_write(transport, "taken", 5));
    r = asyncio_sleep(T);
    hang_up();
    r = gone(r);
    say("%s", yes(asyncio_transport_is_closing(transport)));
    return leave(r);
}

SCENARIO(the_reader_goes_before_all_is_sent)
{
    int r = connect_it(false);
    if (r < 0)
        return r;
    ok(asyncio_transport_write(transport, much, sizeof much));
    r = asyncio_sleep(T);
    hang_up();
    return leave(gone(r));
}

SCENARIO(writing_before_it_is_noticed)
{
    int r = connect_it(false);
    if (r < 0)
        return r;
    r = asyncio_sleep(T);
    hang_up();
    (void)asyncio_transport_write(transport, "x", 1); /* -EPIPE */
    say("written");
    return leave(gone(r));
}

SCENARIO(another_protocol_of_a_writer)
{
    int r = connect_it(false);
    if (r < 0)
        return r;
    (void)asyncio_transport_set_protocol(transport, new_teller(&tellers[1], "other "));
    ok(asyncio_transport_write(transport, much, sizeof much));
    r = read_much(MUCH);
    asyncio_transport_close(transport);
    return leave(r < 0 ? r : asyncio_await(tellers[1].gone));
}

CONFORMANCE("pipes")
