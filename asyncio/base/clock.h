/* SPDX-License-Identifier: MIT */
/* The monotonic clock in nanoseconds, and moments of it as pthread's and semaphores' timed waits
 * want them. */
#pragma once

#include <stdint.h>
#include <time.h>

enum { NS_PER_SECOND = 1000000000 };

static inline int64_t clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static inline struct timespec timespec_of(int64_t ns)
{
    return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_SECOND),
                              .tv_nsec = (long)(ns % NS_PER_SECOND) };
}

/* The moment `timeout_ns` (not negative) from now; the last there is when that is beyond it. */
static inline struct timespec clock_deadline(int64_t timeout_ns)
{
    int64_t now = clock_ns();
    return timespec_of(timeout_ns < INT64_MAX - now ? now + timeout_ns : INT64_MAX);
}
