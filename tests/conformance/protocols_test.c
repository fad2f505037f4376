/* SPDX-License-Identifier: MIT */
/* Transports and protocols, as scenarios_protocols.py. The peer is a descriptor outside of the
 * loop, so not in the sim. */
/* TEST: backends io_uring epoll; timeout 120; not one-byte */
/* The traces tell what each read was given. */
#include "conformance/teller.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_with(const char *words)
{
    int ends_of[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_of) < 0)
        return -errno;
    if (words && send(ends_of[1], words, strlen(words), MSG_NOSIGNAL) < 0)
        say("send failed");
    int r = asyncio_loop_create_connection(running(), give, NULL, 0, &transport,
                                           .sock = ends_of[0], .data = &tellers[0]);
    peer = ends_of[1];
    if (r < 0) {
        close(ends_of[0]);
        close(peer);
        return r;
    }
    say("connected");
    return 0;
}

static int connect_it(void)
{
    return connect_with(NULL);
}

static void send_to_it(const char *words)
{
    if (send(peer, words, strlen(words), MSG_NOSIGNAL) < 0)
        say("send failed");
}

SCENARIO(made_data_eof_lost)
{
    int r = connect_it();
    if (r < 0)
        return r;
    send_to_it("hello");
    hang_up();
    r = asyncio_await(tellers[0].gone);
    say("%s", yes(asyncio_transport_is_closing(transport)));
    return leave(r);
}

SCENARIO(lost_never_comes_from_inside_of_close)
{
    int r = connect_it();
    if (r < 0)
        return r;
    asyncio_transport_close(transport);
    say("closed");
    r = asyncio_sleep(0);
    say("a turn later");
    asyncio_transport_close(transport);
    asyncio_transport_abort(transport);
    return leave(r < 0 ? r : asyncio_sleep(0));
}

SCENARIO(lost_never_comes_from_inside_of_abort)
{
    int r = connect_it();
    if (r < 0)
        return r;
    asyncio_transport_abort(transport);
    say("aborted");
    r = asyncio_sleep(0);
    say("a turn later");
    return leave(r);
}

SCENARIO(data_comes_behind_what_was_scheduled)
{
    int r = connect_it();
    if (r < 0)
        return r;
    send_to_it("x");
    say_soon("scheduled before");
    r = asyncio_sleep(T);
    asyncio_transport_abort(transport);
    return leave(r < 0 ? r : asyncio_await(tellers[0].gone));
}

POLLING_SCENARIO(data_that_was_there_before)
{
    int r = connect_with("early");
    if (r < 0)
        return r;
    r = asyncio_sleep(0);
    say("a turn later");
    asyncio_transport_abort(transport);
    return leave(r < 0 ? r : asyncio_await(tellers[0].gone));
}

static int read_much(size_t left)
{
    static char block[65536];
    while (left) {
        ssize_t n = recv(peer, block, sizeof block, MSG_DONTWAIT);
        if (n > 0)
            left -= (size_t)n;
        int r = n > 0 ? 0 : asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    return asyncio_sleep(T);
}

SCENARIO(pause_writing_comes_from_inside_of_write)
{
    static char much[MUCH];
    int r = connect_it();
    if (r < 0)
        return r;
    ok(asyncio_transport_write(transport, much, sizeof much));
    say("written");
    ok(asyncio_transport_write(transport, "b", 1));
    say("written more");
    r = read_much(MUCH + 1);
    say("%zu", asyncio_transport_get_write_buffer_size(transport));
    asyncio_transport_close(transport);
    return leave(r < 0 ? r : asyncio_await(tellers[0].gone));
}

SCENARIO(marks_of_zero_pause_at_once)
{
    static char much[MUCH];
    int r = connect_it();
    if (r < 0)
        return r;
    ok(asyncio_transport_set_write_buffer_limits(transport, 2 * MUCH, 0));
    ok(asyncio_transport_write(transport, much, sizeof much));
    say("written");
    ok(asyncio_transport_set_write_buffer_limits(transport, 0, 0));
    say("marks set");
    asyncio_transport_abort(transport);
    return leave(asyncio_await(tellers[0].gone));
}

SCENARIO(paused_reading_keeps_data)
{
    int r = connect_it();
    if (r < 0)
        return r;
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
    say("%s", yes(asyncio_transport_is_reading(transport)));
    return leave(r < 0 ? r : asyncio_await(tellers[0].gone));
}

SCENARIO(a_true_eof_received_keeps_writing)
{
    char answer[16] = "";
    int r = connect_it();
    if (r < 0)
        return r;
    tellers[0].stays_open = 1;
    send_to_it("question");
    shutdown(peer, SHUT_WR);
    r = asyncio_sleep(T);
    say("%s", yes(asyncio_transport_is_closing(transport)));
    int written = asyncio_transport_write(transport, "answer", 6);
    if (written >= 0 && recv(peer, answer, sizeof answer - 1, MSG_DONTWAIT) > 0)
        say("%s", answer);
    asyncio_transport_close(transport);
    return leave(r < 0 ? r : asyncio_await(tellers[0].gone));
}

SCENARIO(another_protocol)
{
    int r = connect_it();
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

SCENARIO(what_is_unsent_goes_before_the_end)
{
    char words[100] = "";
    int r = connect_it();
    if (r < 0)
        return r;
    ok(asyncio_transport_write(transport, "last words", 10));
    ok(asyncio_transport_write_eof(transport));
    ok(asyncio_transport_write_eof(transport));
    asyncio_transport_close(transport);
    say("closed");
    r = asyncio_await(tellers[0].gone);
    if (r >= 0 && recv(peer, words, sizeof words - 1, MSG_DONTWAIT) > 0)
        say("%s", words);
    if (r >= 0)
        say("%d", (int)recv(peer, words, sizeof words, MSG_DONTWAIT));
    return leave(r);
}

CONFORMANCE("protocols")
