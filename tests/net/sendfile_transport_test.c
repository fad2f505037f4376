/* SPDX-License-Identifier: MIT */
/* Files through the transports of protocols: by TCP, AF_UNIX and TLS, what is refused meanwhile,
 * what the protocol is told, and each way to end early. */
/* TEST: timeout 120 */
#include "net/protocol_test.h"

#include <asyncio.h>
#include <fcntl.h>

static size_t size_of_file;
static char *content;

/* A file of so many bytes, nameless. */
static int make_file(size_t size)
{
    char name[] = "/tmp/asyncio-sendfile-XXXXXX";
    int file = mkstemp(name);
    unlink(name);
    free(content);
    content = malloc(size + 1);
    size_of_file = size;
    for (size_t i = 0; i < size; i++)
        content[i] = (char)('a' + (i * 7 + i / 26) % 26);
    if (write(file, content, size) != (ssize_t)size)
        return -EIO;
    return file;
}

/* More than any socket takes. */
static size_t large(void)
{
    return world.is_chopped ? 20000 : world.is_sim ? 400000 : 12000000;
}

/* ---- two ends, whose protocols keep what comes and what they are told ---- */

struct end {
    asyncio_protocol protocol; /* first */
    asyncio_transport *transport;
    char log[32];
    char *data;
    size_t size, room;
    int error;
};

struct two {
    asyncio_server *server;
    asyncio_ssl_context *server_side, *client_side;
    struct end a, b; /* who connected, who was accepted */
    bool is_tls;
};

static struct end *end_of(asyncio_protocol *protocol)
{
    return (struct end *)(void *)protocol;
}

static void note(struct end *end, char what)
{
    size_t length = strlen(end->log);
    if (length + 1 < sizeof end->log && (what != 'd' || !length || end->log[length - 1] != 'd'))
        end->log[length] = what;
}

static void made(asyncio_protocol *protocol, asyncio_transport *transport)
{
    end_of(protocol)->transport = asyncio_transport_ref(transport);
    note(end_of(protocol), 'm');
}

static void received(asyncio_protocol *protocol, const void *data, size_t size)
{
    struct end *end = end_of(protocol);
    size_t n = size < end->room - end->size ? size : end->room - end->size;
    memcpy(end->data + end->size, data, n);
    end->size += n;
    note(end, n == size ? 'd' : '!');
}

static void lost(asyncio_protocol *protocol, int error)
{
    end_of(protocol)->error = error;
    note(end_of(protocol), 'l');
}

static void paused(asyncio_protocol *protocol)
{
    note(end_of(protocol), 'p');
}

static void resumed(asyncio_protocol *protocol)
{
    note(end_of(protocol), 'r');
}

static const asyncio_protocol_methods methods = { .connection_made = made,
                                                  .data_received = received,
                                                  .connection_lost = lost,
                                                  .pause_writing = paused,
                                                  .resume_writing = resumed };

static asyncio_protocol *give_end(void *data)
{
    return &((struct end *)data)->protocol;
}

static int end_init(struct end *end)
{
    *end = (struct end){ .protocol = { &methods }, .room = 2 * large() };
    end->data = malloc(end->room);
    return end->data ? 0 : -ENOMEM;
}

enum { BY_TCP, BY_UNIX, BY_TLS };

static int open_two(struct two *two, int how)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    *two = (struct two){ .is_tls = how == BY_TLS };
    CHECK_IS(end_init(&two->a), 0);
    CHECK_IS(end_init(&two->b), 0);
    if (how == BY_UNIX) {
        CHECK_IS(asyncio_loop_create_unix_server(loop, give_end, abstract("sendfile"),
                                                 &two->server, .data = &two->b), 0);
        CHECK_IS(asyncio_loop_create_unix_connection(loop, give_end, abstract("sendfile"), NULL,
                                                     .data = &two->a), 0);
    } else {
        if (how == BY_TLS) {
            CHECK_IS(server_context(certificates()->server, &two->server_side), 0);
            CHECK_IS(client_context(&two->client_side), 0);
        }
        CHECK_IS(asyncio_loop_create_server(loop, give_end, "127.0.0.1", 0, &two->server,
                                            .data = &two->b, .ssl = two->server_side), 0);
        CHECK_IS(asyncio_loop_create_connection(loop, give_end, "127.0.0.1",
                                                asyncio_server_port(two->server), NULL,
                                                .data = &two->a, .ssl = two->client_side), 0);
    }
    for (int i = 0; i < 5000 && !two->b.transport; i++)
        CHECK_IS(asyncio_sleep(0.001), 0);
    return two->b.transport ? 0 : -EPROTO;
}

static int close_two(struct two *two, int r)
{
    struct end *ends[] = { &two->a, &two->b };
    for (int i = 0; i < 2; i++)
        if (ends[i]->transport)
            asyncio_transport_abort(ends[i]->transport);
    if (two->server) {
        asyncio_server_close(two->server);
        int closed = asyncio_server_wait_closed(two->server);
        r = r < 0 ? r : closed;
        closed = settle();
        r = r < 0 ? r : closed;
        asyncio_server_unref(two->server);
    }
    for (int i = 0; i < 2; i++) {
        asyncio_transport_unref(ends[i]->transport);
        free(ends[i]->data);
    }
    asyncio_ssl_context_unref(two->server_side);
    asyncio_ssl_context_unref(two->client_side);
    return r;
}

typedef int two_body(struct two *two);

struct what {
    two_body *body;
    int how;
};

static int run_two(void *data)
{
    const struct what *what = data;
    struct two two;
    int r = open_two(&two, what->how);
    if (r >= 0)
        r = what->body(&two);
    return close_two(&two, r);
}

static void by_all(two_body *body)
{
    for (int how = BY_TCP; how <= BY_TLS; how++) {
        struct what what = { body, how };
        run_everywhere_with(run_two, &what);
    }
}

/* Until the other end has as much, or is lost. */
static int await_size(struct end *end, size_t size)
{
    int r = 0;
    for (int i = 0; i < 60000 && r >= 0 && end->size < size && !strchr(end->log, 'l'); i++)
        r = asyncio_sleep(0.001);
    return r < 0 ? r : end->size == size ? 0 : -EPROTO;
}

static int await_letter(struct end *end, char letter)
{
    int r = 0;
    for (int i = 0; i < 60000 && r >= 0 && !strchr(end->log, letter); i++)
        r = asyncio_sleep(0.001);
    return r < 0 ? r : strchr(end->log, letter) ? 0 : -EPROTO;
}

static int send_it(asyncio_transport *transport, int file, int64_t *ret_sent)
{
    return asyncio_loop_sendfile(asyncio_get_running_loop(), transport, file, ret_sent);
}

/* Sending to one who does not read: the socket is full now, and the task waits. */
static int begin(struct two *two, int *ret_file, int64_t *ret_sent, asyncio_task **ret_task)
{
    *ret_file = make_file(large());
    CHECK(*ret_file >= 0);
    asyncio_transport_pause_reading(two->b.transport);
    CHECK_IS(settle(), 0);
    START(*ret_task, send_it, two->a.transport, *ret_file, ret_sent);
    CHECK_IS(settle(), 0);
    return 0;
}

/* ---- all goes well ---- */

static int refused(struct two *two, int file)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_transport *transport = two->a.transport;
    struct iovec piece = { content, 1 };
    CHECK_IS(asyncio_transport_write(transport, "x", 1), -EBUSY);
    CHECK_IS(asyncio_transport_writelines(transport, &piece, 1), -EBUSY);
    CHECK_IS(asyncio_transport_write_eof(transport), -EBUSY);
    CHECK_IS(asyncio_loop_sendfile(loop, transport, file, NULL), -EBUSY);
    if (two->is_tls)
        CHECK_IS(asyncio_loop_start_tls(loop, transport, two->client_side,
                                        .server_hostname = "localhost"),
                 -EBUSY);
    CHECK_IS(asyncio_transport_is_reading(transport), 0);
    return 0;
}

static int whole(struct two *two)
{
    int file;
    int64_t sent = -1;
    asyncio_task *sender;
    CHECK_IS(asyncio_transport_write(two->a.transport, "before ", 7), 0);
    CHECK_IS(begin(two, &file, &sent, &sender), 0);
    if (!asyncio_task_done(sender))
        CHECK_IS(refused(two, file), 0);
    CHECK_IS(asyncio_transport_write(two->b.transport, "hello", 5), 0);
    CHECK_IS(settle(), 0);
    CHECK(asyncio_task_done(sender) || two->a.size == 0); /* it does not read meanwhile */
    asyncio_transport_resume_reading(two->b.transport);
    CHECK_IS(join(sender), 0);
    CHECK_IS(sent, (int64_t)size_of_file);
    CHECK_IS(lseek(file, 0, SEEK_CUR), sent);
    CHECK_IS(asyncio_transport_is_reading(two->a.transport), 1);
    CHECK_IS(asyncio_transport_write(two->a.transport, " after", 6), 0);
    CHECK_IS(await_size(&two->b, size_of_file + 13), 0);
    CHECK_IS(await_size(&two->a, 5), 0);
    const char *data = two->b.data;
    CHECK(memcmp(data, "before ", 7) == 0 && memcmp(data + 7, content, size_of_file) == 0 &&
          memcmp(data + 7 + size_of_file, " after", 6) == 0);
    size_t low, high;
    asyncio_transport_get_write_buffer_limits(two->a.transport, &low, &high);
    CHECK(high == TCP_HIGH && low == TCP_LOW);
    CHECK(strcmp(two->a.log, "md") == 0);
    close(file);
    return 0;
}

static int part(struct two *two)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_transport *transport = two->a.transport;
    int64_t sent = 7;
    int file = make_file(1000);
    CHECK_IS(asyncio_loop_sendfile(loop, transport, file, &sent, .offset = 10, .count = 5), 0);
    CHECK_IS(sent, 5);
    CHECK_IS(lseek(file, 0, SEEK_CUR), 15);
    CHECK_IS(asyncio_loop_sendfile(loop, transport, file, &sent, .offset = 998, .count = 50), 0);
    CHECK_IS(sent, 2); /* the file ends there */
    CHECK_IS(asyncio_loop_sendfile(loop, transport, file, &sent, .count = 0), 0);
    CHECK_IS(sent, 0);
    CHECK_IS(asyncio_loop_sendfile(loop, transport, file, &sent, .offset = 5000), 0);
    CHECK_IS(sent, 0);
    CHECK_IS(asyncio_loop_sendfile(loop, transport, file, &sent, .offset = 20, .count = 4,
                                   .before = "head", .before_size = 4), 0);
    CHECK_IS(sent, 4);
    CHECK_IS(await_size(&two->b, 15), 0);
    CHECK(memcmp(two->b.data, content + 10, 5) == 0 &&
          memcmp(two->b.data + 5, content + 998, 2) == 0 &&
          memcmp(two->b.data + 7, "head", 4) == 0 &&
          memcmp(two->b.data + 11, content + 20, 4) == 0);
    CHECK_IS(asyncio_loop_sendfile(loop, transport, file, &sent, .offset = -1), -EINVAL);
    int r = asyncio_loop_sendfile(loop, transport, file, &sent, .count = 3, .fallback = 0);
    CHECK_IS(r, two->is_tls || world.is_sim ? -ASYNCIO_SENDFILE_NOT_AVAILABLE : 0);
    close(file);
    CHECK_IS(asyncio_loop_sendfile(loop, transport, file, &sent), -EBADF);
    file = open("/tmp", O_RDONLY | O_CLOEXEC);
    CHECK_IS(asyncio_loop_sendfile(loop, transport, file, &sent), -EINVAL);
    close(file);
    CHECK_IS(asyncio_transport_is_reading(transport), 1); /* also after those that failed */
    CHECK_IS(asyncio_transport_write(transport, "!", 1), 0);
    return 0;
}

/* The protocol was told to pause before, and hears that it may write when it may. */
static int told_to_pause(struct two *two)
{
    if (world.is_chopped)
        return 0;
    int file = make_file(large());
    int64_t sent;
    asyncio_task *sender;
    asyncio_transport_pause_reading(two->b.transport);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_transport_write(two->a.transport, content, large()), 0);
    CHECK(strcmp(two->a.log, "mp") == 0);
    START(sender, send_it, two->a.transport, file, &sent);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_transport_set_write_buffer_limits(two->a.transport, large(), large() / 2), 0);
    asyncio_transport_resume_reading(two->b.transport);
    while (!asyncio_task_done(sender)) {
        CHECK(strcmp(two->a.log, "mp") == 0);
        CHECK_IS(asyncio_sleep(0), 0);
    }
    CHECK_IS(join(sender), 0);
    CHECK_IS(await_size(&two->b, 2 * large()), 0);
    CHECK_IS(await_letter(&two->a, 'r'), 0);
    CHECK(strcmp(two->a.log, "mpr") == 0);
    CHECK(memcmp(two->b.data, content, large()) == 0 &&
          memcmp(two->b.data + large(), content, large()) == 0); /* one behind the other */
    size_t low, high;
    asyncio_transport_get_write_buffer_limits(two->a.transport, &low, &high);
    CHECK(high == large() && low == large() / 2);
    close(file);
    return 0;
}

/* What is asked for meanwhile holds afterwards. */
static int paused_meanwhile(struct two *two)
{
    if (world.is_chopped)
        return 0;
    for (int pauses = 0; pauses < 2; pauses++) {
        int file;
        int64_t sent;
        asyncio_task *sender;
        CHECK_IS(begin(two, &file, &sent, &sender), 0);
        CHECK(!asyncio_task_done(sender));
        if (pauses)
            asyncio_transport_pause_reading(two->a.transport);
        else
            asyncio_transport_resume_reading(two->a.transport);
        CHECK_IS(asyncio_transport_write(two->b.transport, "x", 1), 0);
        CHECK_IS(settle(), 0);
        CHECK(two->a.size == 0);
        asyncio_transport_resume_reading(two->b.transport);
        CHECK_IS(join(sender), 0);
        CHECK_IS(settle(), 0);
        CHECK_IS(asyncio_transport_is_reading(two->a.transport), !pauses);
        if (pauses)
            CHECK(two->a.size == 0);
        asyncio_transport_resume_reading(two->a.transport);
        CHECK_IS(await_size(&two->a, 1), 0);
        two->a.size = two->b.size = 0;
        close(file);
    }
    return 0;
}

static int replaced(struct two *two)
{
    if (world.is_chopped)
        return 0;
    struct end other;
    int file;
    int64_t sent;
    asyncio_task *sender;
    CHECK_IS(end_init(&other), 0);
    CHECK_IS(begin(two, &file, &sent, &sender), 0);
    CHECK(asyncio_transport_set_protocol(two->a.transport, &other.protocol) == &two->a.protocol);
    CHECK_IS(asyncio_transport_write(two->b.transport, "x", 1), 0);
    asyncio_transport_resume_reading(two->b.transport);
    CHECK_IS(join(sender), 0);
    CHECK_IS(await_size(&other, 1), 0);
    asyncio_transport_abort(two->a.transport);
    CHECK_IS(await_letter(&other, 'l'), 0);
    CHECK(strcmp(other.log, "dl") == 0 && strcmp(two->a.log, "m") == 0);
    free(other.data);
    close(file);
    return 0;
}

static void test_whole(void **state)
{
    (void)state;
    by_all(whole);
}

static void test_part(void **state)
{
    (void)state;
    by_all(part);
}

static void test_flow(void **state)
{
    (void)state;
    by_all(told_to_pause);
    by_all(paused_meanwhile);
    by_all(replaced);
}

/* ---- early ends ---- */

static int cut_meanwhile(struct two *two)
{
    if (world.is_chopped)
        return 0;
    int file;
    int64_t sent = -1;
    asyncio_task *sender;
    CHECK_IS(begin(two, &file, &sent, &sender), 0);
    CHECK(!asyncio_task_done(sender));
    CHECK_IS(ftruncate(file, 1000), 0);
    asyncio_transport_resume_reading(two->b.transport);
    CHECK_IS(join(sender), 0);
    CHECK(sent >= 1000 && sent < (int64_t)large());
    CHECK_IS(await_size(&two->b, (size_t)sent), 0);
    close(file);
    return 0;
}

static int is_reset(int r)
{
    return r == -EPIPE || r == -ECONNRESET;
}

static int peer_resets(struct two *two)
{
    if (world.is_chopped)
        return 0;
    int file;
    int64_t sent = -1;
    asyncio_task *sender;
    CHECK_IS(begin(two, &file, &sent, &sender), 0);
    CHECK(!asyncio_task_done(sender));
    asyncio_transport_abort(two->b.transport);
    CHECK(is_reset(join(sender)));
    CHECK(sent >= 0 && sent < (int64_t)large());
    CHECK_IS(await_letter(&two->a, 'l'), 0);
    CHECK_IS(asyncio_loop_sendfile(asyncio_get_running_loop(), two->a.transport, file, NULL),
             -ECONNRESET);
    close(file);
    return 0;
}

static int ended_here(struct two *two, void (*ends)(asyncio_transport *transport))
{
    if (world.is_chopped)
        return 0;
    int file;
    int64_t sent = -1;
    asyncio_task *sender;
    CHECK_IS(begin(two, &file, &sent, &sender), 0);
    CHECK(!asyncio_task_done(sender));
    ends(two->a.transport);
    CHECK_IS(asyncio_loop_sendfile(asyncio_get_running_loop(), two->a.transport, file, NULL),
             -ECONNRESET);
    asyncio_transport_resume_reading(two->b.transport);
    CHECK_IS(join(sender), -ECONNRESET);
    CHECK_IS(await_letter(&two->a, 'l'), 0);
    CHECK_IS(two->a.error, 0);
    CHECK_IS(await_letter(&two->b, 'l'), 0);
    CHECK(two->b.size <= large() && memcmp(two->b.data, content, two->b.size) == 0);
    close(file);
    return 0;
}

static int closed(struct two *two)
{
    return ended_here(two, asyncio_transport_close);
}

static int aborted(struct two *two)
{
    return ended_here(two, asyncio_transport_abort);
}

/* After a cancelled one the transport is as it was: it writes, reads, and closes. */
static int cancelled(struct two *two)
{
    if (world.is_chopped)
        return 0;
    for (int turns = 0; turns < 8; turns++) {
        int file = make_file(large());
        int64_t sent = 0;
        asyncio_task *sender;
        START(sender, send_it, two->a.transport, file, &sent);
        asyncio_transport_pause_reading(two->b.transport);
        for (int i = 0; i < turns; i++)
            CHECK_IS(asyncio_sleep(0), 0);
        if (turns == 7)
            CHECK_IS(settle(), 0);
        bool was_done = asyncio_task_done(sender);
        CHECK_IS(asyncio_task_cancel(sender), !was_done);
        CHECK_IS(join(sender), was_done ? 0 : -ECANCELED);
        CHECK_IS(asyncio_transport_write(two->a.transport, "end", 3), 0);
        asyncio_transport_resume_reading(two->b.transport);
        CHECK_IS(asyncio_transport_is_reading(two->a.transport), 1);
        for (int i = 0; i < 60000; i++) {
            if (two->b.size >= 3 && memcmp(two->b.data + two->b.size - 3, "end", 3) == 0)
                break;
            CHECK_IS(asyncio_sleep(0.001), 0);
        }
        /* what was on its way then comes, too */
        CHECK(two->b.size >= (size_t)sent + 3 &&
              memcmp(two->b.data, content, two->b.size - 3) == 0);
        CHECK_IS(asyncio_transport_write(two->b.transport, "x", 1), 0);
        CHECK_IS(await_size(&two->a, 1), 0);
        two->a.size = two->b.size = 0;
        close(file);
    }
    return 0;
}

/* Nothing is unsent after it was cancelled: closing has nothing to wait for. */
static int cancelled_and_closed(struct two *two)
{
    if (world.is_chopped || world.is_sim || two->is_tls)
        return 0;
    int file;
    int64_t sent = -1;
    asyncio_task *sender;
    CHECK_IS(begin(two, &file, &sent, &sender), 0);
    CHECK_IS(asyncio_task_cancel(sender), 1);
    CHECK_IS(join(sender), -ECANCELED);
    CHECK(asyncio_transport_get_write_buffer_size(two->a.transport) == 0);
    asyncio_transport_close(two->a.transport);
    CHECK_IS(settle(), 0);
    CHECK(strcmp(two->a.log, "ml") == 0);
    close(file);
    return 0;
}

static int write_eof(struct two *two)
{
    if (two->is_tls)
        return 0;
    int file = make_file(10);
    CHECK_IS(asyncio_transport_write_eof(two->a.transport), 0);
    CHECK_IS(asyncio_loop_sendfile(asyncio_get_running_loop(), two->a.transport, file, NULL),
             -EPIPE);
    CHECK_IS(asyncio_transport_is_reading(two->a.transport), 1);
    close(file);
    return 0;
}

static void test_ends(void **state)
{
    (void)state;
    by_all(cut_meanwhile);
    by_all(peer_resets);
    by_all(closed);
    by_all(aborted);
    by_all(write_eof);
}

static void test_cancelled(void **state)
{
    (void)state;
    by_all(cancelled);
    by_all(cancelled_and_closed);
}

/* ---- sweeps ---- */

/* To a socket, with nobody behind it whose failures would be others'. */
static int talk(void)
{
    enum { SIZE = 600000 };
    int ends[2], file = make_file(SIZE);
    static char back[SIZE];
    size_t got = 0;
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_transport *transport = NULL;
    asyncio_task *sender = NULL;
    int64_t sent = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    int r = asyncio_loop_connect_accepted_socket(loop, new_echo, ends[0], &transport);
    if (r < 0)
        close(ends[0]);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(send_it, transport, file, &sent), &sender);
    while (r >= 0 && got < SIZE) {
        r = asyncio_task_done(sender) && asyncio_task_result(sender) < 0
                ? asyncio_task_result(sender)
                : asyncio_loop_sock_recv(loop, ends[1], back + got, SIZE - got);
        got += r > 0 ? (size_t)r : 0;
    }
    if (sender) {
        if (r < 0)
            (void)asyncio_task_cancel(sender);
        int ended = asyncio_await(sender);
        r = r < 0 ? r : ended;
        asyncio_task_unref(sender);
    }
    if (r >= 0)
        r = sent == SIZE && memcmp(back, content, SIZE) == 0 ? 0 : -EPROTO;
    if (transport) {
        asyncio_transport_abort(transport);
        asyncio_transport_unref(transport);
    }
    close(ends[1]);
    close(file);
    return r;
}

static void test_sweep(void **state)
{
    (void)state;
    const char *backend = getenv("ASYNCIO_BACKEND");
    if (backend && strcmp(backend, "sim") == 0)
        return; /* it has no real sockets */
    enter_world("plain", false, 0);
    int descriptors = count_descriptors();
    assert_true(sweep_allocations("sendfile by transports", talk) > 2);
    (void)sweep_cancellations("sendfile by transports", talk);
    (void)sweep_suspensions("sendfile by transports", talk);
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),     cmocka_unit_test(test_part),
        cmocka_unit_test(test_flow),      cmocka_unit_test(test_ends),
        cmocka_unit_test(test_cancelled), cmocka_unit_test(test_sweep),
    };
    signal(SIGPIPE, SIG_DFL);
    warm_up();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(content);
    return failed;
}
