/* SPDX-License-Identifier: MIT */
/* Gathering results: of all, in the order of the calls, whichever ends first; and what a failure
 * does. */
#include <asyncio.h>
#include <stdbool.h>
#include <stdio.h>

static int factorial(const char *name, int number)
{
    int product = 1;
    for (int i = 2; i <= number; i++) {
        printf("Task %s: Compute factorial(%d), currently i=%d...\n", name, number, i);
        int r = asyncio_sleep(0.1);
        if (r < 0)
            return r;
        product *= i;
    }
    printf("Task %s: factorial(%d) = %d\n", name, number, product);
    return product;
}

static int half_of(int number)
{
    int r = asyncio_sleep(0.1);
    if (r < 0)
        return r;
    if (number % 2)
        return asyncio_raise(-EDOM, "%d has no half among the integers", number);
    return number / 2;
}

static int three_results(void)
{
    asyncio_awaitable calls[] = {
        ASYNCIO_AWAITABLE(asyncio_coro(factorial, "A", 2)),
        ASYNCIO_AWAITABLE(asyncio_coro(factorial, "B", 3)),
        ASYNCIO_AWAITABLE(asyncio_coro(factorial, "C", 4)),
    };
    int results[3];
    int r = asyncio_gather_all(calls, 3, results);
    if (r >= 0)
        printf("[%d, %d, %d]\n", results[0], results[1], results[2]);
    return r;
}

/* gather returns the first failure; with .return_exceptions it is a result like others. */
static int one_fails(void)
{
    asyncio_awaitable calls[] = {
        ASYNCIO_AWAITABLE(asyncio_coro(half_of, 4)),
        ASYNCIO_AWAITABLE(asyncio_coro(half_of, 5)),
        ASYNCIO_AWAITABLE(asyncio_coro(asyncio_sleep, 0.05)),   /* a call of the library, delayed */
    };
    int results[3];
    int r = asyncio_gather_all(calls, 3, results, .return_exceptions = true);
    if (r < 0)
        return r;
    printf("[%d, %s, %d]\n", results[0], asyncio_error_name(results[1]), results[2]);
    return asyncio_gather_all(calls, 3, results);
}

static int program(void)
{
    int r = three_results();
    return r < 0 ? r : one_fails();
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
