/* SPDX-License-Identifier: MIT */
/* What every C program of the bench shares: the clock, the memory of this process, the line a
 * figure is printed on.
 *
 * A program is called as `PROGRAM WORK [COUNT]` and prints one line per figure: its name and a
 * number. Servers print `port N` and then serve until they are killed, or, with BENCH_ONCE in the
 * environment, until their last connection has ended (valgrind cannot interrupt an io_uring wait).
 * bench/run reads both. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static UNUSED int64_t clock_read(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Nanoseconds of the wall, for what waits; of this process's CPU, for what overlaps with
 * waiting. */
static UNUSED int64_t wall(void) { return clock_read(CLOCK_MONOTONIC); }
static UNUSED int64_t cpu(void) { return clock_read(CLOCK_PROCESS_CPUTIME_ID); }

static UNUSED void figure(const char *name, double value)
{
    printf("%s %.6g\n", name, value);
    fflush(stdout);
}

static UNUSED __attribute__((noreturn)) void die(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, strerror(error < 0 ? -error : error));
    exit(1);
}

/* Bytes a process holds in memory, its page tables counted: what VmRSS alone does not show. */
static UNUSED int64_t memory_of(int pid)
{
    char name[64], line[256];
    snprintf(name, sizeof name, "/proc/%d/status", pid);
    FILE *file = fopen(name, "r");
    long kib, sum = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1 || sscanf(line, "VmPTE: %ld", &kib) == 1)
            sum += kib;
    if (file)
        fclose(file);
    return (int64_t)sum * 1024;
}

static UNUSED int64_t memory(void) { return memory_of(getpid()); }

static UNUSED long argument(int argc, char **argv, int index, long otherwise)
{
    return argc > index ? atol(argv[index]) : otherwise;
}

/* Counts a server's connections: +1, -1. The last to go ends the process where it should. */
static UNUSED void connections(int change)
{
    static int open;
    open += change;
    if (open == 0 && change < 0 && getenv("BENCH_ONCE"))
        exit(0);
}

/* The end of a server without connections: an empty datagram. */
static UNUSED void farewell(void)
{
    if (getenv("BENCH_ONCE"))
        exit(0);
}

/* Returns a socket of a free port on loopback. */
static UNUSED int bound(int type, struct sockaddr_in *ret_address)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        die("bind", errno);
    *ret_address = address;
    return fd;
}

static UNUSED void print_port(const struct sockaddr_in *address)
{
    printf("port %d\n", ntohs(address->sin_port));
    fflush(stdout);
}

static UNUSED int bind_anywhere(int type)
{
    struct sockaddr_in address;
    int fd = bound(type, &address);
    print_port(&address);
    return fd;
}

static UNUSED int listen_anywhere(int flags)
{
    struct sockaddr_in address;
    int listener = bound(SOCK_STREAM | flags, &address);
    if (listen(listener, 4096) < 0)
        die("listen", errno);
    print_port(&address);
    return listener;
}
