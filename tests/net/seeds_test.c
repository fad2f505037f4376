/* SPDX-License-Identifier: MIT */
/* A hundred thousand worlds of the sim backend. Each seed makes up a server, its clients and what
 * happens to them: chopped, delayed and reordered I/O, in half of the worlds connections that
 * break, cancellations and time limits at any moment. Whatever happens, each byte that arrives is
 * the right one, each call ends with a result that its manual names, and nothing is left.
 *
 * ASYNCIO_TEST_SEED=N plays that one alone, twice, and says what it was; ASYNCIO_TEST_SEEDS=N
 * plays so many; ASYNCIO_TEST_FIRST_SEED=N begins there. */
/* TEST: backends sim; suite slow; timeout 1500 */
#include "net/net_test.h"

#include "backend/sim.h"

#include <asyncio/timeout.h>

enum { SEEDS_DEFAULT = 100000, CLIENTS_MAX = 4, MESSAGES_MAX = 5, SIZE_MAX_ = 70000 };

/* Chance of the test's own, so that what it does is the same whatever the backend draws. */
static uint64_t chance;

static unsigned draw(unsigned n)
{
    chance = chance * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(chance >> 33) % n;
}

static struct {
    bool breaks;                     /* connections may */
    int server_kind;
    unsigned long done, cut, bytes;  /* clients that got through, that did not; of all seeds */
    uint64_t trace;                  /* of what happened, in its order */
} story;

static void note(uint64_t what)
{
    story.trace = (story.trace ^ what) * 0x100000001b3U;
}

static size_t some_size(void)
{
    switch (draw(4)) {
    case 0: return 1 + draw(3);
    case 1: return 1 + draw(300);
    case 2: return 1 + draw(9000);
    default: return draw(8) ? 1 + draw(2000) : 1 + draw(SIZE_MAX_);
    }
}

static char letter(size_t at)
{
    return (char)('a' + at * 7 % 26);
}

/* ---- the server: several ways to read the same ---- */

static int echo_read(asyncio_stream *stream)
{
    char block[3000];
    int n;
    while ((n = asyncio_stream_read(stream, block, 1 + draw(sizeof block - 1))) > 0)
        if ((n = asyncio_stream_write(stream, block, (size_t)n)) < 0)
            break;
    return n;
}

static int echo_view(asyncio_stream *stream)
{
    const char *data;
    int n;
    while ((n = asyncio_stream_fill(stream, 1)) > 0) {
        size_t size = asyncio_stream_peek(stream, &data);
        if ((n = asyncio_stream_write_nowait(stream, data, size)) < 0 ||
            (n = asyncio_stream_drain(stream)) < 0)
            break;
        asyncio_stream_consume(stream, size);
    }
    return n;
}

static int echo_exactly(asyncio_stream *stream)
{
    char block[500];
    size_t got;
    int r;
    do {
        got = 1 + draw(sizeof block - 1);
        size_t wanted = got;
        r = asyncio_stream_readexactly(stream, block, wanted, &got);
        int sent = asyncio_stream_write(stream, block, r < 0 ? got : wanted);
        if (sent < 0 && r >= 0)
            r = sent;
    } while (r >= 0);
    return r == -ASYNCIO_INCOMPLETE_READ ? 0 : r;
}

static int serve(asyncio_stream *stream)
{
    int r = story.server_kind == 0 ? echo_read(stream)
            : story.server_kind == 1 ? echo_view(stream)
                                     : echo_exactly(stream);
    note((uint64_t)(int64_t)r);
    return r == -ECONNRESET || r == -EPIPE ? 0 : r;
}

/* ---- a client ---- */

static int send_all(asyncio_stream *stream, const size_t *total)
{
    static char block[SIZE_MAX_];
    size_t sent = 0;
    while (sent < *total) {
        size_t size = some_size() < *total - sent ? some_size() : *total - sent;
        if (size > *total - sent)
            size = *total - sent;
        for (size_t i = 0; i < size; i++)
            block[i] = letter(sent + i);
        int r = asyncio_stream_write(stream, block, size);
        if (r < 0)
            return r;
        sent += size;
        if (draw(8) == 0 && (r = asyncio_sleep(draw(2) / 1000.0)) < 0)
            return r;
    }
    return asyncio_stream_write_eof(stream);
}

static int receive_all(asyncio_stream *stream, size_t total, size_t *ret_got)
{
    char block[5000];
    size_t got = 0;
    int n;
    while ((n = asyncio_stream_read(stream, block, 1 + draw(sizeof block - 1))) > 0) {
        for (int i = 0; i < n; i++)
            if (block[i] != letter(got + (size_t)i))
                return -EPROTO;
        got += (size_t)n;
        *ret_got = got;
    }
    return n < 0 ? n : got == total ? 0 : -EBADMSG;
}

static int converse(asyncio_stream *stream, size_t *ret_got)
{
    size_t total = some_size() * (1 + draw(MESSAGES_MAX));
    if (total > SIZE_MAX_)
        total = SIZE_MAX_;
    asyncio_task *sender;
    int r = asyncio_create_task(asyncio_coro(send_all, stream, &total), &sender);
    if (r < 0)
        return r;
    r = receive_all(stream, total, ret_got);
    if (r < 0)
        asyncio_task_cancel(sender);
    int sent = asyncio_await(sender);
    asyncio_task_unref(sender);
    return r < 0 ? r : sent;
}

struct client {
    asyncio_server *server;
    int how;
    int seconds;                     /* thousandths, of its limit; 0: none */
    size_t got;
};

static int open_one(struct client *client, asyncio_stream **ret_stream)
{
    static const char *const hosts[] = { "127.0.0.1", "localhost", "192.0.2.1,127.0.0.1",
                                         "8.8.8.8,192.0.2.1,127.0.0.1" };
    if (client->how < 0)
        return asyncio_open_unix_connection("@seeds", ret_stream, .limit = 1 + draw(5000));
    return asyncio_open_connection(hosts[client->how], asyncio_server_port(client->server),
                                   ret_stream, .limit = 1 + draw(5000),
                                   .happy_eyeballs_delay = draw(20) / 1000.0);
}

static int client_body(struct client *client)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, client->seconds ? client->seconds / 1000.0 : ASYNCIO_NONE);
    asyncio_stream *stream = NULL;
    int r = open_one(client, &stream);
    if (r >= 0)
        r = converse(stream, &client->got);
    if (stream && draw(2))
        asyncio_stream_abort(stream);
    asyncio_stream_unref(stream);
    return asyncio_timeout_exit(&limit, r);
}

/* What may come of a client that nobody cancelled. */
static bool is_fine(const struct client *client, int r)
{
    if (r == 0 || (client->seconds && r == -ETIMEDOUT))
        return true;
    return story.breaks && (r == -ECONNRESET || r == -EPIPE || r == -ECONNREFUSED ||
                            r == -EBADMSG /* the end came before all of it */);
}

/* ---- a world ---- */

static int world_of(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_task *tasks[CLIENTS_MAX];
    struct client clients[CLIENTS_MAX];
    bool is_unix = draw(4) == 0;
    int count = 1 + (int)draw(CLIENTS_MAX);
    story.server_kind = (int)draw(3);
    if (is_unix)
        CHECK_IS(asyncio_start_unix_server(serve, "@seeds", &server), 0);
    else
        CHECK_IS(asyncio_start_server(serve, "127.0.0.1", 0, &server,
                                      .max_connections = draw(3)),
                 0);
    for (int i = 0; i < count; i++) {
        clients[i] = (struct client){ .server = server,
                                      .how = is_unix ? -1 : (int)draw(4),
                                      .seconds = draw(4) ? 0 : 1 + (int)draw(300) };
        START(tasks[i], client_body, &clients[i]);
    }
    if (draw(3) == 0) {
        CHECK_IS(asyncio_sleep(draw(20) / 1000.0), 0);
        asyncio_task_cancel(tasks[draw((unsigned)count)]);
    }
    for (int i = 0; i < count; i++) {
        int r = asyncio_await(tasks[i]);
        bool was_cancelled = asyncio_task_cancelled(tasks[i]) == 1;
        asyncio_task_unref(tasks[i]);
        note((uint64_t)(int64_t)r + clients[i].got);
        CHECK(was_cancelled || is_fine(&clients[i], r));
        story.done += r == 0;
        story.cut += r != 0;
        story.bytes += clients[i].got;
    }
    int r = asyncio_server_shutdown(server, draw(2) ? 0.5 : 0);
    CHECK(r == 0 || r == -ETIMEDOUT);
    CHECK_IS(asyncio_server_connections(server) != 0, 0);
    asyncio_server_unref(server);
    CHECK(reports.count == 0 || reports.last == -EMFILE);
    return settle();
}

static int with_faults(asyncio_loop **ret_loop, void *data)
{
    int r = asyncio_new_event_loop(ret_loop);
    if (r >= 0)
        sim_of((*ret_loop)->backend)->faults = *(const unsigned *)data;
    return r;
}

static int play(unsigned long seed)
{
    unsigned faults = seed % 2 ? 0 : FAULT_RESET | FAULT_ABORT;
    enter_world("seeded", false, seed);
    chance = seed * 0x9e3779b97f4a7c15U;
    story.breaks = faults != 0;
    story.trace = 0xcbf29ce484222325U;
    reports.count = 0;
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    int r = asyncio_run(asyncio_coro(observed, world_of, NULL), .loop_factory = with_faults,
                        .loop_factory_data = &faults, .shutdown_timeout = 5.0);
    asyncio__record_put(NULL);
    if (asyncio__alloc_live() == live)
        return r;
    print_error("seed %lu: %d blocks are left\n", seed, (int)(asyncio__alloc_live() - live));
    return -EPROTO;
}

static unsigned long number_of(const char *name, unsigned long fallback)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 0) : fallback;
}

static void play_or_fail(unsigned long seed)
{
    int r = play(seed);
    if (r != 0)
        fail_msg("seed %lu: %s. ASYNCIO_TEST_SEED=%lu plays it alone", seed, asyncio_error_name(r),
                 seed);
}

static void test_seeds(void **state)
{
    (void)state;
    int descriptors = count_descriptors();
    unsigned long one = number_of("ASYNCIO_TEST_SEED", 0);
    unsigned long first = one ? one : number_of("ASYNCIO_TEST_FIRST_SEED", 1);
    unsigned long count = one ? 1 : number_of("ASYNCIO_TEST_SEEDS", SEEDS_DEFAULT);
    for (unsigned long seed = first; seed < first + count; seed++)
        play_or_fail(seed);
    print_message("sweep: %lu seeds, %lu clients got through and %lu did not, %lu bytes\n", count,
                  story.done, story.cut, story.bytes);
    assert_int_equal(count_descriptors(), descriptors);
    assert_true(one || count < 1000 || (story.done > count / 2 && story.cut > count / 20));
}

/* A seed is worth something only when it repeats itself. */
static void test_replay(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= 200; seed++) {
        play_or_fail(seed);
        uint64_t trace = story.trace;
        play_or_fail(seed);
        if (trace != story.trace)
            fail_msg("seed %lu plays differently the second time", seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
