/* SPDX-License-Identifier: MIT */
/* Our side of the bench, written as a user would write it: public headers only.
 *
 * Each work is a coroutine function that takes the count, prints its figures and returns 0, or a
 * negative code. */
#pragma once

#include "../common.h"

#include <asyncio.h>

/* Results that cannot be bad unless memory is out. */
static inline int sure(int r)
{
    if (r < 0)
        die("ours", r);
    return r;
}

static inline void per(int64_t spent, long count) { figure("ns", (double)spent / (double)count); }

/* Sorts; prints the middle one. */
void print_median(int64_t *values, long count);

/* tasks.c */
int yielding(long tasks, long count);
int spawning(long batch, long count);
int sleeping(long count);
int handover(long count);

/* sync.c */
int locking(long count);
int semaphores(long count);
int queueing(long count);
int cancelling(long count);
int gathering(long count);

/* timers.c */
int timers_cancel(long count);
int timers_fire(long count);

/* threads.c */
int threadsafe_post(long count);
int threadsafe_roundtrip(long count);
int offload_post(long count);
int offload_roundtrip(long count);

/* system.c */
int subprocesses(long count);
int reading_files(long count);

/* echo.c */
int echo_server(void);
int echo_view_server(void);
int tls_server(void);
/* Prints the port, and serves. */
int serve_echo(asyncio_server *server);

/* protocol.c */
int protocol_server(void);
int buffered_server(void);

/* datagram.c */
int udp_server(void);
int udp_protocol_server(void);
