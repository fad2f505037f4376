/* SPDX-License-Identifier: MIT */
/* A thread of one's own that feeds the loop: it runs coroutines there, waits for their results, and
 * posts callbacks. */
#include <asyncio.h>
#include <pthread.h>
#include <stdio.h>

struct account {
    asyncio_loop *loop;
    int sum;                     /* only the loop's thread touches it, so there is no lock */
};

static int add(struct account *account, int number)
{
    int r = asyncio_sleep(0.01);
    return r < 0 ? r : (account->sum += number);
}

static void report(asyncio_loop *loop, void *data)
{
    (void)loop;
    const struct account *account = data;
    printf("loop: the sum is %d\n", account->sum);
}

static void *feed(void *data)
{
    struct account *account = data;
    for (int i = 1; i <= 4; i++) {
        asyncio_concurrent_future *future;
        int r = asyncio_run_coroutine_threadsafe(asyncio_coro(add, account, i), account->loop,
                                                 &future);
        if (r >= 0) {
            r = asyncio_concurrent_future_result(future, 5.0);   /* blocks this thread only */
            asyncio_concurrent_future_unref(future);
        }
        printf("thread: added %d, and got %d\n", i, r);
    }
    asyncio_loop_call_soon_threadsafe(account->loop, report, NULL, .data = account);
    return NULL;
}

static int join(pthread_t thread)
{
    return -pthread_join(thread, NULL);
}

static int program(void)
{
    struct account account = { .loop = asyncio_get_running_loop() };
    pthread_t thread;
    int r = -pthread_create(&thread, NULL, feed, &account);
    if (r < 0)
        return r;
    /* Joining blocks, so a thread of the pool does it. Also when this is cancelled, it returns only
     * once the thread has ended, and with it the use of `account`. */
    return asyncio_to_thread(asyncio_coro(join, thread));
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
