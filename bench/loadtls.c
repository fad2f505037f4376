/* SPDX-License-Identifier: MIT */
/* The load for every TLS server, without session resumption.
 *
 *   loadtls PORT CONNECTIONS SIZE DEPTH SECONDS [SERVER_PID]   as load.c; DEPTH is always 1
 *   loadtls PORT CONNECTIONS SIZE DEPTH -MESSAGES
 *
 * SIZE 0 counts handshakes: connect, shake hands, 64 bytes there and back, close_notify, and the
 * server's end is awaited; one after the other. Else each connection has one message under way: all
 * are written, then all are read. Sockets block; the server is what is measured. Every byte is
 * checked in the warm-up. */
#include "common.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>

enum { SMALL = 64, LARGEST = 256 * 1024 };

static SSL_CTX *context;
static char pattern[LARGEST], incoming[LARGEST];
static bool checking = true;
static struct sockaddr_in address = { .sin_family = AF_INET };

static SSL *dial(void)
{
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect", errno);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    SSL *ssl = SSL_new(context);
    if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
        die("handshake", EPROTO);
    return ssl;
}

static void put(SSL *ssl, size_t size)
{
    size_t n;
    for (size_t done = 0; done < size; done += n)
        if (SSL_write_ex(ssl, pattern + done, size - done, &n) != 1)
            die("write", EPIPE);
}

static void get(SSL *ssl, size_t size)
{
    size_t n;
    for (size_t done = 0; done < size; done += n)
        if (SSL_read_ex(ssl, incoming + done, size - done, &n) != 1)
            die("the server closed a connection", EPIPE);
    if (checking && memcmp(incoming, pattern, size) != 0)
        die("the echo is wrong", EPROTO);
}

/* The server closes first, and a reset then leaves no TIME_WAIT on either side. */
static void hang_up(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    SSL_shutdown(ssl);
    while (recv(fd, incoming, sizeof incoming, 0) > 0)
        ;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
    SSL_free(ssl);
    close(fd);
}

/* Returns how many messages or handshakes. */
static long go_round(SSL **all, int count, size_t size)
{
    if (!size) {
        SSL *ssl = dial();
        put(ssl, SMALL);
        get(ssl, SMALL);
        hang_up(ssl);
        return 1;
    }
    for (int i = 0; i < count; i++)
        put(all[i], size);
    for (int i = 0; i < count; i++)
        get(all[i], size);
    return count;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        die("loadtls PORT CONNECTIONS SIZE DEPTH SECONDS|-MESSAGES [SERVER_PID]", EINVAL);
    int count = atoi(argv[2]), server = (int)argument(argc, argv, 6, 0);
    size_t size = (size_t)atol(argv[3]);
    double seconds = atof(argv[5]);
    clockid_t server_clock = 0;
    bool has_clock = server > 0 && clock_getcpuclockid(server, &server_clock) == 0;
    if (count < 1 || size > LARGEST)
        die("arguments", EINVAL);
    signal(SIGPIPE, SIG_IGN);
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    for (int i = 0; i < LARGEST; i++)
        pattern[i] = (char)('a' + i % 23);
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL **all = calloc((size_t)count, sizeof *all);
    for (int i = 0; size && i < count; i++)
        all[i] = dial();
    long done = 0;
    if (seconds < 0) {
        while (done < -seconds)
            done += go_round(all, count, size);
        for (int i = 0; size && i < count; i++)
            hang_up(all[i]);
        figure("messages", (double)done);
        return 0;
    }
    for (int64_t end = wall() + (int64_t)(seconds / 3 * 1e9); wall() < end;)
        go_round(all, count, size);
    checking = false;
    int64_t used = has_clock ? clock_read(server_clock) : 0;
    int64_t begin = wall(), now, longest = 0, last = begin;
    while ((now = wall()) < begin + (int64_t)(seconds * 1e9)) {
        longest = now - last > longest ? now - last : longest;
        last = now;
        done += go_round(all, count, size);
    }
    used = (has_clock ? clock_read(server_clock) : 0) - used;
    figure("rate", (double)done / ((double)(now - begin) / 1e9));
    figure("p50_us", (double)(now - begin) / 1000 / (double)done);
    figure("p99_us", (double)longest / 1000);
    if (has_clock) {
        figure("cpu_ns", (double)used / (double)done);
        figure("busy", (double)used / (double)(now - begin));
    }
    return 0;
}
