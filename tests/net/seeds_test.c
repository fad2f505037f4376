/* SPDX-License-Identifier: MIT */
/* A hundred thousand worlds of the sim backend: seeds.h. Each seed makes up a server, its clients
 * and what happens to them: by TCP, by AF_UNIX, some by TLS; connections that break, sockets,
 * buffers and names that are not to be had, cancellations and time limits at any moment. Whatever
 * happens, each byte that arrives is the right one, each call ends with a result that its manual
 * names, and nothing is left. */
/* TEST: backends sim; suite slow; timeout 1500 */
#include "net/seeds.h"

#include "net/tls_test.h"

#include <asyncio/timeout.h>
#include <openssl/rand.h>

enum { SEEDS_DEFAULT = 100000, CLIENTS_MAX = 4, MESSAGES_MAX = 5, SIZE_MAX_ = 70000 };

static int server_kind;
static bool is_tls;
static asyncio_ssl_context *of_server, *of_client; /* of all worlds: they cost more than one */

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
    int r = server_kind == 0   ? echo_read(stream)
            : server_kind == 1 ? echo_view(stream)
                               : echo_exactly(stream);
    note((uint64_t)(int64_t)r);
    bool is_gone = r == -ECONNRESET || r == -EPIPE || (is_tls && r == -ASYNCIO_SSL_EOF);
    return is_gone || is_fault(r) ? 0 : r;
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
    return is_tls ? 0 : asyncio_stream_write_eof(stream); /* TLS has no half of a connection */
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
        if (is_tls && got == total)
            return 0;
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
        return asyncio_open_unix_connection(abstract("seeds"), ret_stream, .limit = 1 + draw(5000));
    return asyncio_open_connection(hosts[client->how], asyncio_server_port(client->server),
                                   ret_stream, .limit = 1 + draw(5000),
                                   .happy_eyeballs_delay = draw(20) / 1000.0,
                                   .ssl = is_tls ? of_client : NULL,
                                   .server_hostname = is_tls ? "localhost" : NULL);
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
    if (r == 0 || (client->seconds && r == -ETIMEDOUT) || is_fault(r))
        return true;
    /* the end came before all of it */
    return story.faults & (FAULT_RESET | FAULT_ABORT | FAULT_BUFFERS) && r == -EBADMSG;
}

/* ---- a world ---- */

static int start_one(bool is_unix, asyncio_server **ret_server)
{
    int r = -EMFILE;
    for (int i = 0; i < 100 && r < 0 && (i == 0 || is_fault(r)); i++)
        r = is_unix ? asyncio_start_unix_server(serve, abstract("seeds"), ret_server)
                    : asyncio_start_server(serve, "127.0.0.1", 0, ret_server,
                                           .max_connections = draw(3),
                                           .ssl = is_tls ? of_server : NULL);
    return r;
}

static int conversations(void)
{
    asyncio_server *server;
    asyncio_task *tasks[CLIENTS_MAX];
    struct client clients[CLIENTS_MAX];
    bool is_unix = !is_tls && draw(4) == 0;
    int count = 1 + (int)draw(CLIENTS_MAX);
    server_kind = (int)draw(is_tls ? 2 : 3); /* the third waits for the end */
    CHECK_IS(start_one(is_unix, &server), 0);
    /* where the address that answers may fail, the one that never does is waited for */
    unsigned patient = story.faults & (FAULT_CONNECT | FAULT_SOCKET) ? 1 : 4;
    for (int i = 0; i < count; i++) {
        clients[i] = (struct client){ .server = server,
                                      .how = is_unix ? -1 : (int)draw(4),
                                      .seconds = draw(patient) ? 0 : 1 + (int)draw(300) };
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
        if (!was_cancelled && !is_fine(&clients[i], r))
            CHECK_IS(r, 0);
        story.done += r == 0;
        story.cut += r != 0;
        story.bytes += clients[i].got;
    }
    int r = asyncio_server_shutdown(server, draw(2) ? 0.5 : 0);
    if (r != -ETIMEDOUT)
        CHECK_IS(r, 0);
    CHECK_IS(asyncio_server_connections(server) != 0, 0);
    asyncio_server_unref(server);
    CHECK(reports.count == 0 || reports.last == -EMFILE);
    return settle();
}

static int plain(void *data)
{
    (void)data;
    is_tls = false;
    return conversations();
}

/* A client's context keeps sessions: one more block in a world is none that is left. So the
 * sessions are dropped with the context, and every world has its own. */
static int secured(void *data)
{
    (void)data;
    is_tls = true;
    int r = client_context(&of_client);
    if (r >= 0)
        r = conversations();
    asyncio_ssl_context_unref(of_client);
    return r;
}

enum {
    FAULTS = FAULT_RESET | FAULT_ABORT | FAULT_SOCKET | FAULT_CONNECT | FAULT_BUFFERS |
             FAULT_NAME | FAULT_HANG
};
static const struct world_kind kinds[] = {
    { "plain", plain, FAULTS }, { "plain", plain, FAULTS },     { "plain", plain, FAULTS },
    { "plain", plain, FAULTS }, { "plain", plain, FAULTS },     { "plain", plain, FAULTS },
    { "plain", plain, FAULTS }, { "secured", secured, FAULTS },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void test_replay(void **state)
{
    (void)state;
    replay_seeds(kinds, KINDS);
}

static void test_seeds(void **state)
{
    (void)state;
    static const enum sim_event events[] = {
        SIM_SHORT,     SIM_LATER,       SIM_OVERTAKES,     SIM_FULL,       SIM_CANCEL_LATE,
        SIM_NO_ACCEPT, SIM_CANCEL_LOST, SIM_JOB_LATER,     SIM_RESET,      SIM_ABORT,
        SIM_NO_SOCKET, SIM_NO_NAME,     SIM_NO_CONNECTION, SIM_NO_BUFFERS, SIM_HANGS,
    };
    play_seeds(kinds, KINDS, SEEDS_DEFAULT);
    expect_events(events, sizeof events / sizeof *events);
    unsigned long seeds = number_of("ASYNCIO_TEST_SEEDS", SEEDS_DEFAULT);
    assert_true(number_of("ASYNCIO_TEST_SEED", 0) || seeds < 1000 ||
                (story.done > seeds / 2 && story.cut > seeds / 20));
}

/* OpenSSL's chance is the world's, too: the length of a signature depends on it. (Certificates are
 * new in each process, so there a world with TLS may differ by a byte; the others never do.) */
static int world_bytes(unsigned char *bytes, int count)
{
    for (int i = 0; i < count; i++) {
        other_chance = other_chance * 6364136223846793005U + 1442695040888963407U;
        bytes[i] = (unsigned char)(other_chance >> 56);
    }
    return 1;
}

static int has_chance(void)
{
    return 1;
}

static int begin(void **state)
{
    (void)state;
    static const RAND_METHOD method = { .bytes = world_bytes,
                                        .pseudorand = world_bytes,
                                        .status = has_chance };
    enter_world("plain", false, 0);
    warm_up();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    assert_int_equal(RAND_set_rand_method(&method), 1);
#pragma GCC diagnostic pop
    return server_context(certificates()->server, &of_server);
}

static int finish(void **state)
{
    (void)state;
    asyncio_ssl_context_unref(of_server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
