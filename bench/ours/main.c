/* SPDX-License-Identifier: MIT */
/* ours WORK [COUNT]: one work, on the backend that ASYNCIO_BACKEND names. `ours backend` tells
 * which it is, and why. */
#include "ours.h"

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

void print_median(int64_t *values, long count)
{
    qsort(values, (size_t)count, sizeof *values, ascending);
    figure("ns", (double)values[count / 2]);
}

static int backend(void)
{
    puts(asyncio_loop_backend(asyncio_get_running_loop()));
    return 0;
}

int main(int argc, char **argv)
{
    const char *work = argc > 1 ? argv[1] : "";
    long count = argument(argc, argv, 2, 1000);
    struct {
        const char *name;
        asyncio_coro coro;
    } works[] = {
        { "backend", asyncio_coro(backend) },
        { "switch2", asyncio_coro(yielding, 2L, count) },
        { "switch10k", asyncio_coro(yielding, 10000L, count) },
        { "spawn", asyncio_coro(spawning, 1L, count) },
        { "spawn_batch", asyncio_coro(spawning, 1000L, count) },
        { "memory", asyncio_coro(sleeping, count) },
        { "handover", asyncio_coro(handover, count) },
        { "lock", asyncio_coro(locking, count) },
        { "semaphore", asyncio_coro(semaphores, count) },
        { "queue", asyncio_coro(queueing, count) },
        { "cancel_group", asyncio_coro(cancelling, count) },
        { "gather", asyncio_coro(gathering, count) },
        { "timers_cancel", asyncio_coro(timers_cancel, count) },
        { "timers_fire", asyncio_coro(timers_fire, count) },
        { "threadsafe_post", asyncio_coro(threadsafe_post, count) },
        { "threadsafe_roundtrip", asyncio_coro(threadsafe_roundtrip, count) },
        { "offload_post", asyncio_coro(offload_post, count) },
        { "offload_roundtrip", asyncio_coro(offload_roundtrip, count) },
        { "subprocess", asyncio_coro(subprocesses, count) },
        { "files", asyncio_coro(reading_files, count) },
        { "echo", asyncio_coro(echo_server) },
        { "echo_view", asyncio_coro(echo_view_server) },
        { "tls", asyncio_coro(tls_server) },
        { "protocol", asyncio_coro(protocol_server) },
        { "buffered", asyncio_coro(buffered_server) },
        { "udp", asyncio_coro(udp_server) },
        { "udp_protocol", asyncio_coro(udp_protocol_server) },
    };
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
        if (!strcmp(work, works[i].name))
            return asyncio_print_exception(asyncio_run(works[i].coro));
    die(work, EINVAL);
}
