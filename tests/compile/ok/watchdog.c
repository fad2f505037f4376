/* SPDX-License-Identifier: MIT */
/* run
 *
 * A watchdog with and without options. */
#include <asyncio.h>
#include <stdio.h>

static void report(const asyncio_watchdog_report *report, void *data)
{
    FILE *file = data;
    fprintf(file, "%s blocks for %.3f s\n", report->task != NULL ? report->task : "a callback",
            report->blocked);
    for (size_t i = 0; i < report->frame_count; i++)
        fprintf(file, "    %s\n", report->frames[i].function);
}

static int program(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    int r = asyncio_loop_start_watchdog(loop);
    if (r < 0)
        return r;
    asyncio_loop_stop_watchdog(loop);
    return asyncio_loop_start_watchdog(loop, .limit = 3, .report = report, .data = stderr);
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
