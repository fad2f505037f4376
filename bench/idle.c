/* SPDX-License-Identifier: MIT */
/* The load of idle connections: what a server holds for each once it has been used.
 *
 *   idle PORT CONNECTIONS EXCHANGES SERVER_PID
 *
 * Connects all, then sends one small message on every one and reads them all back, again and again;
 * then looks what the server's memory has grown by, page tables counted, prints it, and keeps the
 * connections until standard input ends: several of these add up where a process may not have
 * as many descriptors. Local addresses are 127.0.0.2 and on, each with some thousand ports. */
#include "common.h"

enum { SIZE = 64, PORTS = 20000, BACKLOG = 1000 };

static int dial(uint16_t port, int number)
{
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET };
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(number / PORTS));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    if (fd < 0)
        die("socket", errno);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect", errno);
    return fd;
}

static void exchange(const int *all, int count)
{
    char out[SIZE], in[SIZE];
    memset(out, 'x', SIZE);
    for (int i = 0; i < count; i++)
        if (send(all[i], out, SIZE, MSG_NOSIGNAL) != SIZE)
            die("send", errno);
    for (int i = 0; i < count; i++)
        if (recv(all[i], in, SIZE, MSG_WAITALL) != SIZE || memcmp(in, out, SIZE) != 0)
            die("the echo is wrong", EPROTO);
}

int main(int argc, char **argv)
{
    if (argc < 5)
        die("idle PORT CONNECTIONS EXCHANGES SERVER_PID", EINVAL);
    int count = atoi(argv[2]), exchanges = atoi(argv[3]), server = atoi(argv[4]);
    int *all = calloc((size_t)count, sizeof *all);
    int64_t before = memory_of(server);
    for (int i = 0; i < count; i++) {
        all[i] = dial((uint16_t)atoi(argv[1]), i);
        if (i % BACKLOG == BACKLOG - 1) /* they are accepted before more come */
            exchange(all + i + 1 - BACKLOG, BACKLOG);
    }
    for (int i = 0; i < exchanges; i++)
        exchange(all, count);
    usleep(300000);
    figure("bytes", (double)(memory_of(server) - before));
    figure("connections", count);
    fflush(stdout);
    while (read(STDIN_FILENO, &(char){ 0 }, 1) > 0)
        ;
    return 0;
}
