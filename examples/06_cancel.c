/* SPDX-License-Identifier: MIT */
/* Cancelling a task: a request that it hears of as the result of what it awaits; and shielding work
 * from it. */
#include <asyncio.h>
#include <stdio.h>

static int cancel_me(void)
{
    puts("cancel_me(): before sleep");
    int r = asyncio_sleep(3600);
    if (r == -ECANCELED)
        puts("cancel_me(): cancel sleep");
    puts("cancel_me(): after sleep");
    return r;
}

static int cancel_it(void)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(cancel_me), &task, .name = "sleeper");
    if (r < 0)
        return r;
    r = asyncio_sleep(0.1);
    if (r >= 0) {
        asyncio_task_cancel(task, .message = "no longer needed");
        r = asyncio_await(task);
        if (r == -ECANCELED && asyncio_task_cancelled(task))   /* it was cancelled, not we */
            r = 0;
        printf("main(): %s is cancelled now: %s\n", asyncio_task_get_name(task),
               asyncio_future_cancel_message(task));
    }
    asyncio_task_unref(task);
    return r;
}

static int save(const char *what)
{
    int r = asyncio_sleep(0.2);
    printf("save(): %s %s\n", what, r < 0 ? "is lost" : "is saved");
    return r;
}

/* The limit ends the waiting, not the work: who kept the shielded task can await it again. */
static int shield_it(void)
{
    asyncio_task *saving;
    int r = asyncio_create_task(asyncio_coro(save, "the letter"), &saving);
    if (r < 0)
        return r;
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 0.1);
    r = asyncio_timeout_exit(&limit, asyncio_shield(saving));
    printf("main(): after 0.1 seconds: %s\n", asyncio_error_name(r));
    if (r == -ETIMEDOUT)
        r = asyncio_await(saving);
    asyncio_task_unref(saving);
    return r;
}

static int program(void)
{
    int r = cancel_it();
    return r < 0 ? r : shield_it();
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
