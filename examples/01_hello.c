/* SPDX-License-Identifier: MIT */
/* Two tasks that wait side by side: the whole takes two seconds, not three.
 *
 *     cc 01_hello.c $(pkg-config --cflags --libs libasyncio) -o hello && ./hello */
#include <asyncio.h>
#include <stdio.h>

static int say_after(int milliseconds, const char *what)   /* a coroutine function is plain C */
{
    int r = asyncio_sleep(milliseconds / 1000.0);    /* awaiting is calling */
    if (r < 0)
        return r;                                    /* -ECANCELED travels up like an exception */
    puts(what);
    return 0;
}

static int program(void)
{
    return asyncio_gather(asyncio_coro(say_after, 1000, "hello"),
                          asyncio_coro(say_after, 2000, "world"));
}

int main(void)
{
    int r = asyncio_run(asyncio_coro(program));
    return asyncio_print_exception(r);               /* silent and 0 when all went well */
}
