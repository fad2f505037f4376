/* SPDX-License-Identifier: MIT */
/* The load for every echo server: one epoll thread, closed loop.
 *
 *   load PORT CONNECTIONS SIZE DEPTH SECONDS [SERVER_PID]   warms up for a third of it, measures
 *   load PORT CONNECTIONS SIZE DEPTH -MESSAGES              exactly so many in all, for callgrind
 *   load udp:PORT ...                                       datagrams, from connected sockets
 *   load ws:PORT ...                                        WebSocket messages, each of one frame
 *
 * Each connection keeps DEPTH messages of SIZE bytes in flight: for each whole message that came
 * back, the next one goes out. All bytes are counted and every byte is checked in the warm-up.
 * Prints messages per second, the median and 99th percentile of the round trip, and, with
 * SERVER_PID, the CPU time the server spent per message: the CPU clock of that process, which is
 * the sum of run times in /proc/PID/task/(all)/schedstat brought up to the moment of reading
 * (schedstat itself lags by up to a tick), threads that have ended counted too. */
#include "common.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>

enum { EVENTS = 1024, STAMPS = 64, BUFFER = 256 * 1024 };

struct connection {
    int fd;
    bool wants_out;
    int64_t to_send;            /* bytes that may go out now */
    int64_t sent, received;     /* bytes */
    int64_t stamp[STAMPS];      /* when the message of that number (modulo) began to go out */
};

/* Latencies by half-octaves split in 16: relative error under 5%. */
enum { SUB = 16, BUCKETS = 64 * SUB };
static uint64_t histogram[BUCKETS];
/* What one message is on the wire, again and again: as it goes out, and as it has to come back. */
static char *pattern, *expected, *incoming;
static int64_t out_size, in_size, done, budget = INT64_MAX, bad;
static int depth, poller;
static bool recording, checking = true, is_udp, is_ws;

static int bucket(int64_t ns)
{
    uint64_t v = (uint64_t)(ns < SUB ? SUB : ns);
    int shift = 63 - __builtin_clzll(v) - 4;
    return (shift + 1) * SUB + (int)((v >> shift) & (SUB - 1));
}

static double percentile(double fraction)
{
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < BUCKETS; i++)
        total += histogram[i];
    for (int i = 0; i < BUCKETS; i++)
        if ((seen += histogram[i]) > 0 && (double)seen >= fraction * (double)total)
            return (double)((uint64_t)(SUB + i % SUB) << (i / SUB - 1)) / 1000;
    return 0;
}

static void want(struct connection *c, bool out)
{
    struct epoll_event event = { .events = out ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c };
    if (c->wants_out != out && epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event) < 0)
        die("epoll_ctl", errno);
    c->wants_out = out;
}

/* Every connection's bytes repeat with the message size, so what comes back can be checked from
 * its offset alone. */
static void send_more(struct connection *c)
{
    int64_t now = wall();
    while (c->to_send > 0) {
        int64_t offset = c->sent % out_size, length = c->to_send < BUFFER ? c->to_send : BUFFER;
        if (is_udp)
            length = out_size;
        ssize_t n = send(c->fd, pattern + offset, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            die("send", errno);
        for (int64_t m = (c->sent + out_size - 1) / out_size; m * out_size < c->sent + n; m++)
            c->stamp[m % STAMPS] = now;
        c->sent += n;
        c->to_send -= n;
    }
    want(c, c->to_send > 0);
}

static void allow(struct connection *c, int64_t messages)
{
    if (messages > budget)
        messages = budget;
    budget -= messages;
    c->to_send += messages * out_size;
}

static void receive(struct connection *c)
{
    ssize_t n = recv(c->fd, incoming, BUFFER, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("the server closed a connection", n < 0 ? errno : EPIPE);
    if (checking && memcmp(incoming, expected + c->received % in_size, (size_t)n) != 0)
        bad++;
    int64_t now = wall(), before = c->received / in_size;
    c->received += n;
    int64_t after = c->received / in_size;
    if (after > c->sent / out_size)
        bad++;
    for (int64_t m = before; recording && m < after; m++)
        histogram[bucket(now - c->stamp[m % STAMPS])]++;
    done += after - before;
    allow(c, after - before);
    if (c->to_send > 0 && !c->wants_out)
        send_more(c);
}

static void turn(int timeout)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poller, events, EVENTS, timeout);
    if (n < 0 && errno != EINTR)
        die("epoll_wait", errno);
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT)
            send_more(c);
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            receive(c);
    }
}

/* A message's bytes, again and again, to twice the buffer. */
static char *repeated(const char *message, int64_t length)
{
    char *all = malloc(2 * BUFFER);
    for (int64_t i = 0; all && i < 2 * BUFFER; i++)
        all[i] = message[i % length];
    return all;
}

/* A frame's head: binary, whole, its length in one or two or eight bytes more. */
static int64_t head(char *to, int64_t size, bool is_masked)
{
    int bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
    to[0] = (char)0x82;
    to[1] = (char)((is_masked ? 0x80 : 0) | (bytes == 0 ? (int)size : bytes == 2 ? 126 : 127));
    for (int i = 0; i < bytes; i++)
        to[2 + i] = (char)(size >> 8 * (bytes - 1 - i));
    return 2 + bytes;
}

static void make_messages(int64_t size)
{
    static const char mask[4] = { 0x37, (char)0xfa, 0x21, 0x3d };
    char *out = malloc(2 * BUFFER), *in = malloc(2 * BUFFER);
    out_size = is_ws ? head(out, size, true) : 0;
    in_size = is_ws ? head(in, size, false) : 0;
    if (is_ws) {
        memcpy(out + out_size, mask, sizeof mask);
        out_size += (int64_t)sizeof mask;
    }
    for (int64_t i = 0; i < size; i++) {
        in[in_size + i] = (char)('a' + i % 23);
        out[out_size + i] = (char)(in[in_size + i] ^ (is_ws ? mask[i % 4] : 0));
    }
    in_size += size;
    out_size += size;
    pattern = repeated(out, out_size);
    expected = repeated(in, in_size);
    incoming = malloc(BUFFER);
    free(out);
    free(in);
}

/* The example of RFC 6455, 1.3. */
static void shake_hands(int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char answer[4096] = "";
    size_t got = 0;
    ssize_t n = send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
    while (n > 0 && got < sizeof answer - 1 && !strstr(answer, "\r\n\r\n"))
        if ((n = recv(fd, answer + got, sizeof answer - 1 - got, 0)) > 0)
            got += (size_t)n;
    if (strncmp(answer, "HTTP/1.1 101 ", 13) != 0 ||
        !strstr(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
        die("the server does not shake hands", EPROTO);
}

static struct connection *connect_all(int count, uint16_t port)
{
    struct connection *all = calloc((size_t)count, sizeof *all);
    struct sockaddr_in address = { AF_INET, htons(port), { htonl(INADDR_LOOPBACK) }, { 0 } };
    for (int i = 0; all && i < count; i++) {
        int yes = 1;
        all[i].fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
        if (all[i].fd < 0 || connect(all[i].fd, (struct sockaddr *)&address, sizeof address) < 0)
            die("connect", errno);
        setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (is_ws)
            shake_hands(all[i].fd);
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &all[i] };
        if (epoll_ctl(poller, EPOLL_CTL_ADD, all[i].fd, &event) < 0)
            die("epoll_ctl", errno);
    }
    return all;
}

static int64_t schedstat(int pid)
{
    char command[96];
    long long ns = 0, sum = 0;
    snprintf(command, sizeof command, "cat /proc/%d/task/*/schedstat", pid);
    FILE *file = popen(command, "r");
    while (file && fscanf(file, "%lld %*s %*s", &ns) == 1)
        sum += ns;
    if (file)
        pclose(file);
    return sum;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        die("load PORT CONNECTIONS SIZE DEPTH SECONDS|-MESSAGES [SERVER_PID]", EINVAL);
    int count = atoi(argv[2]), server = (int)argument(argc, argv, 6, 0);
    double seconds = atof(argv[5]);
    clockid_t server_clock = 0;
    bool has_clock = server > 0 && clock_getcpuclockid(server, &server_clock) == 0;
    is_udp = strncmp(argv[1], "udp:", 4) == 0;
    is_ws = strncmp(argv[1], "ws:", 3) == 0;
    int64_t size = atol(argv[3]);
    depth = atoi(argv[4]);
    if (count < 1 || size < 1 || size > BUFFER / 2 || depth < 1 || depth > STAMPS)
        die("arguments", EINVAL);
    signal(SIGPIPE, SIG_IGN);
    poller = epoll_create1(EPOLL_CLOEXEC);
    make_messages(size);
    struct connection *all = connect_all(count, (uint16_t)atoi(argv[1] + (is_udp  ? 4
                                                                          : is_ws ? 3
                                                                                  : 0)));

    if (seconds < 0) {
        int64_t goal = budget = (int64_t)-seconds;
        for (int i = 0; i < count; i++)
            allow(&all[i], depth), send_more(&all[i]);
        while (done < goal)
            turn(-1);
        if (is_udp) /* the server's end */
            (void)!send(all->fd, "", 0, 0);
        figure("messages", (double)done);
        return bad != 0;
    }
    for (int i = 0; i < count; i++)
        allow(&all[i], depth), send_more(&all[i]);
    for (int64_t end = wall() + (int64_t)(seconds / 3 * 1e9); wall() < end;)
        turn(100);
    checking = false;
    recording = true;
    int64_t stat = server ? schedstat(server) : 0;
    int64_t used = has_clock ? clock_read(server_clock) : 0;
    int64_t first = done, begin = wall(), now;
    while ((now = wall()) < begin + (int64_t)(seconds * 1e9))
        turn(100);
    used = (has_clock ? clock_read(server_clock) : 0) - used;
    int64_t messages = done - first;
    if (bad || messages == 0)
        die("the echo is wrong", EPROTO);
    figure("rate", (double)messages / ((double)(now - begin) / 1e9));
    figure("p50_us", percentile(0.50));
    figure("p99_us", percentile(0.99));
    if (server)
        figure("schedstat_ns", (double)(schedstat(server) - stat) / (double)messages);
    if (has_clock) {
        figure("cpu_ns", (double)used / (double)messages);
        figure("busy", (double)used / (double)(now - begin));
    }
    return 0;
}
