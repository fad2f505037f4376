/* SPDX-License-Identifier: MIT */
/* Worlds of the sim backend (seeds.h) without streams: datagrams that get lost, come twice and
 * overtake each other; protocols, whose methods are called in order and whose last is called once;
 * names from servers that fail and hang; files on a disk that is full or broken. */
/* TEST: backends sim; suite slow; timeout 1500 */
#include "net/seeds.h"

#include "files/files.h"

#include <arpa/inet.h>
#include <asyncio.h>
#include <asyncio/timeout.h>
#include <netinet/in.h>
#include <unistd.h>

enum { SEEDS_DEFAULT = 50000 };

static char letter(size_t at)
{
    return (char)('a' + at * 7 % 26);
}

static bool is_right(const char *bytes, size_t size, size_t from)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != letter(from + i))
            return false;
    return true;
}

/* Tries again where a fault is the reason. */
#define UNTIL_DONE(r, call)                                                                        \
    do {                                                                                           \
        (r) = (call);                                                                              \
    } while ((r) < 0 && is_fault(r))

/* ---- datagrams: each begins with its number ---- */

enum { DATAGRAMS = 60, DATAGRAM_MAX = 1500 };

struct inbox {
    asyncio_datagram_protocol protocol; /* first */
    asyncio_future *gone;
    unsigned times[DATAGRAMS];
    int last, made, lost, errors;
    bool is_disordered, is_wrong;
};

static void take(struct inbox *inbox, const char *bytes, size_t size)
{
    int number = -1;
    if (size >= sizeof number)
        memcpy(&number, bytes, sizeof number);
    if (number < 0 || number >= DATAGRAMS ||
        !is_right(bytes + sizeof number, size - sizeof number, (size_t)number)) {
        inbox->is_wrong = true;
        return;
    }
    inbox->is_disordered = inbox->is_disordered || number < inbox->last;
    inbox->last = number;
    inbox->times[number]++;
    note((uint64_t)number);
}

static void inbox_made(asyncio_datagram_protocol *protocol, asyncio_datagram_transport *transport)
{
    struct inbox *inbox = (struct inbox *)(void *)protocol;
    (void)transport;
    inbox->is_wrong = inbox->is_wrong || inbox->made++;
}

static void inbox_received(asyncio_datagram_protocol *protocol, const asyncio_datagram *datagram)
{
    struct inbox *inbox = (struct inbox *)(void *)protocol;
    inbox->is_wrong = inbox->is_wrong || !inbox->made || inbox->lost;
    take(inbox, datagram->data, datagram->length);
}

static void inbox_error(asyncio_datagram_protocol *protocol, int error)
{
    struct inbox *inbox = (struct inbox *)(void *)protocol;
    inbox->is_wrong = inbox->is_wrong || !is_fault(error);
    inbox->errors++;
}

static void inbox_lost(asyncio_datagram_protocol *protocol, int error)
{
    struct inbox *inbox = (struct inbox *)(void *)protocol;
    inbox->is_wrong = inbox->is_wrong || inbox->lost++ || error;
    asyncio_future_set_result(inbox->gone, 0);
}

static const asyncio_datagram_protocol_methods inbox_methods = {
    .connection_made = inbox_made,
    .datagram_received = inbox_received,
    .error_received = inbox_error,
    .connection_lost = inbox_lost,
};

static asyncio_datagram_protocol *give_inbox(void *data)
{
    return data;
}

static int open_udp(struct inbox *inbox, int port, asyncio_datagram_transport **ret_udp)
{
    int r;
    UNTIL_DONE(r, asyncio_loop_create_datagram_endpoint(
                      asyncio_get_running_loop(), inbox ? give_inbox : NULL, ret_udp,
                      .local_host = port ? NULL : "127.0.0.1",
                      .remote_host = port ? "127.0.0.1" : NULL, .remote_port = port,
                      .data = inbox));
    return r;
}

/* Until none has come for a second. */
static int receive_all(asyncio_datagram_transport *udp, struct inbox *inbox)
{
    static char room[8][DATAGRAM_MAX];
    int r = 0;
    while (r >= 0) {
        asyncio_datagram datagrams[8];
        asyncio_timeout limit;
        for (int i = 0; i < 8; i++)
            datagrams[i] = (asyncio_datagram){ .data = room[i], .size = sizeof room[i] };
        bool is_last = draw(8) != 0;
        asyncio_timeout_enter(&limit, is_last ? 1.0 : draw(100) / 1000.0);
        r = asyncio_datagram_transport_receive(udp, datagrams, 1 + draw(8));
        for (int i = 0; i < r; i++)
            take(inbox, room[i], datagrams[i].length);
        r = asyncio_timeout_exit(&limit, r);
        if (r == -ETIMEDOUT && !is_last)
            r = 0;
    }
    return r == -ETIMEDOUT ? 0 : r;
}

static size_t fill(char *bytes, int number)
{
    size_t size = sizeof number + draw(DATAGRAM_MAX - sizeof number);
    memcpy(bytes, &number, sizeof number);
    for (size_t i = sizeof number; i < size; i++)
        bytes[i] = letter((size_t)number + i - sizeof number);
    return size;
}

/* Some at a time by a call that waits, or each by one that keeps it. */
static int send_numbers(asyncio_datagram_transport *udp, bool keeps)
{
    static char block[8][DATAGRAM_MAX];
    for (int at = 0; at < DATAGRAMS;) {
        asyncio_datagram datagrams[8];
        int count = 1 + (int)draw(8), r;
        count = count < DATAGRAMS - at ? count : DATAGRAMS - at;
        for (int i = 0; i < count; i++)
            datagrams[i] = (asyncio_datagram){ .data = block[i], .size = fill(block[i], at + i) };
        if (keeps) {
            count = 1;
            r = asyncio_datagram_transport_sendto(udp, block[0], datagrams[0].size, NULL, 0);
        } else {
            r = asyncio_datagram_transport_send(udp, datagrams, (size_t)count);
        }
        if (r < 0 && !is_fault(r))
            return r;
        story.bytes += datagrams[0].size;
        at += count;
        if (draw(4) == 0 && (r = asyncio_sleep(draw(3) / 1000.0)) < 0)
            return r;
    }
    return 0;
}

static int judge(const struct inbox *inbox)
{
    CHECK(!inbox->is_wrong);
    unsigned once = 0, more = 0;
    for (int i = 0; i < DATAGRAMS; i++) {
        once += inbox->times[i] == 1;
        more += inbox->times[i] > 1;
    }
    if (!story.faults) { /* every one, once, in order */
        CHECK_IS(once, DATAGRAMS);
        CHECK(!inbox->is_disordered);
    }
    CHECK(!more || story.faults & FAULT_LOSS);
    story.done += once == DATAGRAMS;
    story.cut += once != DATAGRAMS;
    return 0;
}

static int udp_port(const asyncio_datagram_transport *udp)
{
    struct sockaddr_storage address;
    int r = asyncio_datagram_transport_sockname(udp, &address, NULL);
    return r < 0 ? r : ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int datagrams(void *data)
{
    (void)data;
    struct inbox inbox = { .protocol = { &inbox_methods }, .last = -1 };
    bool by_protocol = draw(2), keeps = draw(2);
    asyncio_datagram_transport *to, *from;
    asyncio_task *receiver = NULL;
    CHECK_IS(asyncio_future_new(&inbox.gone), 0);
    CHECK_IS(open_udp(by_protocol ? &inbox : NULL, 0, &to), 0);
    CHECK_IS(open_udp(NULL, udp_port(to), &from), 0);
    if (!by_protocol)
        START(receiver, receive_all, to, &inbox);
    CHECK_IS(send_numbers(from, keeps), 0);
    if (receiver && draw(4) == 0) { /* whoever receives may change */
        asyncio_task_cancel(receiver);
        int r = join(receiver);
        CHECK(r == -ECANCELED || r == 0);
        START(receiver, receive_all, to, &inbox);
    }
    CHECK_IS(asyncio_sleep(1.0), 0);
    if (receiver)
        CHECK_IS(join(receiver), 0);
    asyncio_datagram_transport_close(from);
    asyncio_datagram_transport_unref(from);
    asyncio_datagram_transport_close(to);
    asyncio_datagram_transport_unref(to);
    if (by_protocol)
        CHECK_IS(asyncio_await(inbox.gone), 0);
    CHECK_IS(inbox.lost, by_protocol);
    asyncio_future_unref(inbox.gone);
    CHECK_IS(judge(&inbox), 0);
    return settle();
}

/* ---- protocols: one that echoes, one that asks ---- */

struct peer {
    asyncio_protocol protocol; /* first */
    asyncio_transport *transport;
    asyncio_future *gone;
    size_t total, sent, received; /* of one that asks; total 0: echoes */
    int made, eof, lost, error;
    bool is_paused, is_wrong;
};

static struct peer *peer_of(asyncio_protocol *protocol)
{
    return (struct peer *)(void *)protocol;
}

static void go_on(struct peer *peer)
{
    char block[3000];
    while (!peer->is_paused && peer->sent < peer->total) {
        size_t size = 1 + draw(sizeof block);
        size = size < peer->total - peer->sent ? size : peer->total - peer->sent;
        for (size_t i = 0; i < size; i++)
            block[i] = letter(peer->sent + i);
        peer->sent += size;
        if (asyncio_transport_write(peer->transport, block, size) < 0)
            return;
    }
}

static void peer_made(asyncio_protocol *protocol, asyncio_transport *transport)
{
    struct peer *peer = peer_of(protocol);
    peer->is_wrong = peer->is_wrong || peer->made++;
    peer->transport = asyncio_transport_ref(transport);
    go_on(peer);
}

static void peer_received(asyncio_protocol *protocol, const void *data, size_t size)
{
    struct peer *peer = peer_of(protocol);
    peer->is_wrong = peer->is_wrong || !peer->made || peer->eof || peer->lost || !size;
    note(size);
    if (!peer->total) {
        int r = asyncio_transport_write(peer->transport, data, size);
        (void)r; /* it hears of it by connection_lost */
        return;
    }
    peer->is_wrong = peer->is_wrong || !is_right(data, size, peer->received);
    peer->received += size;
    if (peer->received == peer->total)
        asyncio_transport_close(peer->transport);
}

static int peer_eof(asyncio_protocol *protocol)
{
    struct peer *peer = peer_of(protocol);
    peer->is_wrong = peer->is_wrong || peer->eof++ || peer->lost;
    return 0;
}

static void peer_lost(asyncio_protocol *protocol, int error)
{
    struct peer *peer = peer_of(protocol);
    peer->is_wrong = peer->is_wrong || peer->lost++ || !peer->made;
    peer->error = error;
    if (peer->gone)
        asyncio_future_set_result(peer->gone, 0);
}

static void peer_pause(asyncio_protocol *protocol)
{
    struct peer *peer = peer_of(protocol);
    peer->is_wrong = peer->is_wrong || peer->is_paused;
    peer->is_paused = true;
    if (!peer->total)
        asyncio_transport_pause_reading(peer->transport);
}

static void peer_resume(asyncio_protocol *protocol)
{
    struct peer *peer = peer_of(protocol);
    peer->is_wrong = peer->is_wrong || !peer->is_paused;
    peer->is_paused = false;
    if (!peer->total)
        asyncio_transport_resume_reading(peer->transport);
    go_on(peer);
}

static unsigned peers_wrong, peers_alive;

static void peer_destroy(asyncio_protocol *protocol)
{
    struct peer *peer = peer_of(protocol);
    peers_wrong += peer->is_wrong || (peer->made && !peer->lost);
    peers_alive--;
    asyncio_transport_unref(peer->transport);
    if (!peer->total)
        asyncio__free(peer);
}

static const asyncio_protocol_methods peer_methods = {
    .connection_made = peer_made,
    .data_received = peer_received,
    .eof_received = peer_eof,
    .connection_lost = peer_lost,
    .pause_writing = peer_pause,
    .resume_writing = peer_resume,
    .destroy = peer_destroy,
};

static asyncio_protocol *make_echo(void *data)
{
    (void)data;
    struct peer *peer = asyncio__calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    peer->protocol.methods = &peer_methods;
    peers_alive++;
    return &peer->protocol;
}

static asyncio_protocol *give_peer(void *data)
{
    peers_alive++;
    return data;
}

static int ask(int port)
{
    struct peer peer = { .protocol = { &peer_methods }, .total = 1 + draw(draw(4) ? 3000 : 90000) };
    asyncio_timeout limit;
    int r = asyncio_future_new(&peer.gone);
    if (r < 0)
        return r;
    asyncio_timeout_enter(&limit, draw(4) ? 60.0 : draw(40) / 1000.0);
    r = asyncio_loop_create_connection(asyncio_get_running_loop(), give_peer, "127.0.0.1", port,
                                       NULL, .data = &peer);
    if (r >= 0)
        r = asyncio_await(peer.gone);
    r = asyncio_timeout_exit(&limit, r);
    if (peer.made && !peer.lost)
        asyncio_transport_abort(peer.transport);
    asyncio_future_unref(peer.gone);
    if (asyncio_future_new(&peer.gone) < 0)
        return -ENOMEM;
    while (peer.made && !peer.lost) /* also when it is cancelled now */
        if (asyncio_await(peer.gone) == -ECANCELED)
            r = -ECANCELED;
    for (int i = 0; i < 20; i++) /* its last method comes a turn after that */
        if (asyncio_sleep(0) < 0)
            r = -ECANCELED;
    asyncio_future_unref(peer.gone);
    story.bytes += peer.received;
    note(peer.received);
    return r < 0                            ? r
           : peer.error < 0                 ? peer.error
           : peer.received == peer.total    ? 0
           : story.faults & (FAULT_RESET | FAULT_ABORT | FAULT_BUFFERS)    ? -ECONNRESET
                                            : -EBADMSG;
}

static int protocols(void *data)
{
    (void)data;
    enum { CLIENTS = 3 };
    asyncio_server *server;
    asyncio_task *tasks[CLIENTS];
    int r;
    peers_wrong = peers_alive = 0;
    UNTIL_DONE(r, asyncio_loop_create_server(asyncio_get_running_loop(), make_echo, "127.0.0.1", 0,
                                             &server));
    CHECK_IS(r, 0);
    for (int i = 0; i < CLIENTS; i++)
        START(tasks[i], ask, asyncio_server_port(server));
    if (draw(3) == 0) {
        CHECK_IS(asyncio_sleep(draw(20) / 1000.0), 0);
        asyncio_task_cancel(tasks[draw(CLIENTS)]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        r = asyncio_await(tasks[i]);
        bool was_cancelled = asyncio_task_cancelled(tasks[i]) == 1;
        asyncio_task_unref(tasks[i]);
        if (!was_cancelled && r != -ETIMEDOUT && !is_fault(r))
            CHECK_IS(r, 0);
        note((uint64_t)(int64_t)r);
        story.done += r == 0;
        story.cut += r != 0;
    }
    r = asyncio_server_shutdown(server, 0.5);
    CHECK(r == 0 || r == -ETIMEDOUT);
    asyncio_server_unref(server);
    CHECK(reports.count == 0 || reports.last == -EMFILE);
    CHECK_IS(settle(), 0);
    CHECK_IS(peers_wrong, 0);
    CHECK_IS(peers_alive, 0);
    return 0;
}

/* ---- names ---- */

static int ask_name(int which)
{
    static const char *const hosts[] = { "localhost", "127.0.0.1", "192.0.2.1,127.0.0.1", "nobody",
                                         "::1,127.0.0.1" };
    static const int counts[] = { 1, 1, 2, 0, 2 };
    struct sockaddr_in four = { .sin_family = AF_INET };
    struct addrinfo *infos;
    asyncio_nameinfo info;
    asyncio_loop *loop = asyncio_get_running_loop();
    int count = 0;
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (which == 5) {
        int r = asyncio_loop_getnameinfo(loop, (struct sockaddr *)&four, sizeof four, &info);
        return r < 0 ? r : strcmp(info.host, "localhost") == 0 ? 0 : -EPROTO;
    }
    int r = asyncio_loop_getaddrinfo(loop, hosts[which], "80", &infos, .type = SOCK_STREAM);
    if (r < 0)
        return which == 3 && r == -ASYNCIO_RESOLVE ? 0 : r;
    for (const struct addrinfo *one = infos; one; one = one->ai_next)
        count++;
    asyncio_freeaddrinfo(infos);
    return count == counts[which] ? 0 : -EPROTO;
}

static int names(void *data)
{
    (void)data;
    enum { TASKS = 12 };
    asyncio_task *tasks[TASKS];
    CHECK_IS(asyncio_loop_set_resolver(asyncio_get_running_loop(), .cache_size = draw(4),
                                       .cache_ttl = draw(10) / 1000.0,
                                       .timeout = 1.0 + draw(100)),
             0);
    for (int i = 0; i < TASKS; i++) {
        START(tasks[i], ask_name, (int)draw(6));
        if (draw(2))
            CHECK_IS(asyncio_sleep(draw(4) / 1000.0), 0);
    }
    for (unsigned i = draw(3); i; i--)
        asyncio_task_cancel(tasks[draw(TASKS)]);
    for (int i = 0; i < TASKS; i++) {
        int r = asyncio_await(tasks[i]);
        bool was_cancelled = asyncio_task_cancelled(tasks[i]) == 1;
        asyncio_task_unref(tasks[i]);
        if (!was_cancelled && !is_fault(r))
            CHECK_IS(r, 0);
        note((uint64_t)(int64_t)r);
        story.done += r == 0;
        story.cut += r != 0;
    }
    return 0;
}

/* ---- files ---- */

static char folder[48]; /* in memory, if that can be: thousands of fsyncs take long */

static int write_whole(int file, size_t size)
{
    char block[2000];
    for (size_t at = 0; at < size;) {
        size_t n = 1 + draw(sizeof block);
        n = n < size - at ? n : size - at;
        for (size_t i = 0; i < n; i++)
            block[i] = letter(at + i);
        int r = draw(2) ? asyncio_write(file, block, n)
                        : asyncio_pwrite(file, block, n, (int64_t)at);
        if (r > 0 && lseek(file, (off_t)(at + (size_t)r), SEEK_SET) < 0)
            return -errno;
        if (r < 0)
            return r;
        at += (size_t)r;
    }
    return asyncio_fsync(file);
}

static int read_back(const char *path, size_t size)
{
    char *whole;
    size_t got;
    asyncio_exit_stack stack;
    asyncio_exit_stack_enter(&stack);
    int r = asyncio_read_file(path, &whole, &got);
    if (r >= 0 && (got != size || !is_right(whole, size, 0)))
        r = -EPROTO;
    return asyncio_exit_stack_exit(&stack, r);
}

static int use_file(int number)
{
    char path[80], other[80];
    size_t size = 1 + draw(9000);
    struct stat status;
    snprintf(path, sizeof path, "%s/%d", folder, number);
    snprintf(other, sizeof other, "%s/%d.new", folder, number);
    int file = asyncio_open(path, O_RDWR | O_CREAT | O_TRUNC, .mode = 0600);
    if (file < 0)
        return file;
    int r = write_whole(file, size);
    int closed = asyncio_close(file);
    r = r < 0 ? r : closed;
    if (r >= 0)
        r = asyncio_stat(path, &status);
    if (r >= 0 && status.st_size != (off_t)size)
        r = -EPROTO;
    if (r >= 0)
        r = read_back(path, size);
    if (r >= 0)
        r = asyncio_rename(path, other);
    if (r >= 0)
        r = asyncio_unlink(other);
    story.bytes += r >= 0 ? size : 0;
    return r;
}

static int files(void *data)
{
    (void)data;
    enum { TASKS = 4 };
    asyncio_task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++)
        START(tasks[i], use_file, i);
    if (draw(2)) {
        CHECK_IS(asyncio_sleep(draw(4) / 1000.0), 0);
        asyncio_task_cancel(tasks[draw(TASKS)]);
    }
    for (int i = 0; i < TASKS; i++) {
        int r = asyncio_await(tasks[i]);
        bool was_cancelled = asyncio_task_cancelled(tasks[i]) == 1;
        asyncio_task_unref(tasks[i]);
        if (!was_cancelled && !is_fault(r))
            CHECK_IS(r, 0);
        note((uint64_t)(int64_t)r);
        story.done += r == 0;
        story.cut += r != 0;
    }
    return 0;
}

/* ---- all of them ---- */

static const struct world_kind kinds[] = {
    { "datagrams", datagrams, FAULT_LOSS | FAULT_BUFFERS | FAULT_SOCKET },
    { "protocols", protocols,
      (FAULT_RESET | FAULT_ABORT | FAULT_BUFFERS) | FAULT_SOCKET | FAULT_CONNECT },
    { "names", names, FAULT_NAME | FAULT_HANG },
    { "files", files, FAULT_FILE },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void test_replay(void **state)
{
    (void)state;
    asyncio__file_tries_nothing = true; /* what lies in the cache is the system's chance */
    replay_seeds(kinds, KINDS);
}

static void test_seeds(void **state)
{
    (void)state;
    static const enum sim_event events[] = {
        SIM_LOST,       SIM_TWICE,       SIM_SHUFFLED,   SIM_NO_BUFFERS, SIM_NO_SOCKET,
        SIM_RESET,      SIM_ABORT,       SIM_NO_OPCODE,  SIM_FILE_SHORT, SIM_FILE_FAILED,
        SIM_NO_NAME,    SIM_HANGS,       SIM_FULL,       SIM_SHORT,      SIM_JOB_LATER,
        SIM_CANCEL_LATE, SIM_CANCEL_LOST, SIM_NO_CONNECTION,
    };
    asyncio__file_tries_nothing = true;
    play_seeds(kinds, KINDS, SEEDS_DEFAULT);
    expect_events(events, sizeof events / sizeof *events);
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/asyncio-seeds-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
