/* SPDX-License-Identifier: MIT */
/* run
 *
 * Two tasks that wait, as a first program has it. */
#include <asyncio.h>
#include <stdio.h>

/* a coroutine function is a plain C function */
static int say_after(int milliseconds, const char *what)
{
    int r = asyncio_sleep(milliseconds / 1000.0);            /* awaiting is calling */
    if (r < 0)
        /* -ECANCELED travels up like an exception */
        return r;
    puts(what);
    return 0;
}

static int program(void)
{
    return asyncio_gather(asyncio_coro(say_after, 10, "hello"),
                          asyncio_coro(say_after, 20, "world"));
}

int main(void)
{
    /* silent and 0 when all went well */
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
