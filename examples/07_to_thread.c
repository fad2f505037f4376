/* SPDX-License-Identifier: MIT */
/* Work that computes or blocks belongs into a thread: the loop goes on meanwhile. */
#include <asyncio.h>
#include <stdbool.h>
#include <stdio.h>

static bool is_prime(int n)
{
    for (int divisor = 2; divisor <= n / divisor; divisor++)
        if (n % divisor == 0)
            return false;
    return n > 1;
}

/* Runs in a thread, as plain C. Its caller waits for it whatever happens, so may lend it memory. */
static int count_primes(int below)
{
    int count = 0;
    for (int n = 2; n < below && !asyncio_thread_cancelled(); n++)
        count += is_prime(n);
    return count;
}

static int in_a_thread(int below)
{
    return asyncio_to_thread(asyncio_coro(count_primes, below));
}

static int tick(int *ticks)
{
    int r;
    while ((r = asyncio_sleep(0.001)) >= 0)
        ++*ticks;
    return r;
}

static int program(void)
{
    int ticks = 0;
    asyncio_task *clock;
    int r = asyncio_create_task(asyncio_coro(tick, &ticks), &clock);
    if (r < 0)
        return r;

    asyncio_awaitable calls[] = {
        ASYNCIO_AWAITABLE(asyncio_coro(in_a_thread, 1000000)),
        ASYNCIO_AWAITABLE(asyncio_coro(in_a_thread, 500000)),
    };
    int primes[2];
    r = asyncio_gather_all(calls, 2, primes);
    if (r >= 0)
        printf("%d primes below a million, %d below half of it\n", primes[0], primes[1]);
    printf("the loop ticked %d times meanwhile\n", ticks);

    /* A thread cannot be stopped, only asked: this one looks at asyncio_thread_cancelled(). */
    if (r >= 0) {
        r = asyncio_wait_for(asyncio_coro(in_a_thread, 2000000000), 0.1);
        printf("below two thousand million: %s\n", asyncio_error_name(r));
    }
    asyncio_task_cancel(clock);
    asyncio_task_unref(clock);
    return r == -ETIMEDOUT ? 0 : r;
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
