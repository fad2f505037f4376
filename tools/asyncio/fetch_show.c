/* SPDX-License-Identifier: MIT */
/* asyncio fetch: what is seen of it. On a terminal (standard error) a bar for each download under
 * way, redrawn in place, and above them a line for each that has ended; elsewhere only the lines.
 * See fetch.h. */
#include "fetch.h"

#include <asyncio/alloc.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { NARROWEST = 40, FIGURES = 34 };

struct shown {
    asyncio_task *task; /* that redraws; NULL: no terminal */
    int lines;          /* that are drawn now */
};

static double now(void)
{
    return asyncio_loop_time(asyncio_get_running_loop());
}

/* 12.3 MiB; in `text`, which is returned. */
static const char *amount(double bytes, char text[16])
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    unsigned unit = 0;
    while (bytes >= 1000 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, 16, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

/* --- lines --- */

void show_done(struct fetch *fetch, const struct download *download)
{
    char size[16], speed[16];
    double seconds = download->ended - download->began;
    if (fetch->shown->lines > 0)
        (void)fprintf(stderr, "\x1b[%dA\x1b[J", fetch->shown->lines);
    fetch->shown->lines = 0;
    if (download->state == FAILED)
        (void)fprintf(stderr, "failed  %s: %s\n", download->url, download->error);
    else if (download->state == THERE && !fetch->is_quiet)
        (void)fprintf(stderr, "there   %s  %s, not loaded again\n", download->name,
                      amount((double)download->have, size));
    else if (!fetch->is_quiet)
        (void)fprintf(
            stderr, "done    %s  %s in %.2f s (%s/s)%s\n", download->name,
            amount((double)download->have, size), seconds,
            amount((double)(download->have - download->from) / fmax(seconds, 0.001), speed),
            download->from > 0 ? ", resumed" : "");
}

/* --- bars --- */

static void draw_one(const struct download *download, int columns)
{
    static const char *const words[] = { "waits", "asks", "", "pauses" };
    char have[16], speed[16], figures[FIGURES + 16];
    int name_room = columns / 3 < 30 ? columns / 3 : 30;
    const char *name = strrchr(download->name, '/') ? strrchr(download->name, '/') + 1
                                                    : download->name;
    double seconds = fmax(now() - download->began, 0.001);
    if (download->state != LOADS)
        snprintf(figures, sizeof figures, "%s", words[download->state]);
    else if (download->size > 0)
        snprintf(figures, sizeof figures, "%3d%% %10s %10s/s",
                 (int)(100 * download->have / download->size), amount((double)download->have, have),
                 amount((double)(download->have - download->from) / seconds, speed));
    else
        snprintf(figures, sizeof figures, "     %10s %10s/s", amount((double)download->have, have),
                 amount((double)(download->have - download->from) / seconds, speed));
    int room = columns - name_room - FIGURES - 4;
    int full = download->size > 0 && room > 0
                   ? (int)((double)room * (double)download->have / (double)download->size)
                   : 0;
    (void)fprintf(stderr, "%-*.*s ", name_room, name_room, name);
    if (room > 3) {
        (void)fputc('[', stderr);
        for (int i = 0; i < room; i++)
            (void)fputc(i < full ? '#' : download->size > 0 ? '.' : ' ', stderr);
        (void)fputs("] ", stderr);
    }
    (void)fprintf(stderr, "%s\n", figures);
}

static void draw(struct fetch *fetch)
{
    struct winsize size = { .ws_row = 24, .ws_col = 80 };
    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    int columns = size.ws_col ? size.ws_col : 80, rows = size.ws_row ? size.ws_row : 24;
    if (fetch->shown->lines > 0)
        (void)fprintf(stderr, "\x1b[%dA\x1b[J", fetch->shown->lines);
    fetch->shown->lines = 0;
    for (size_t i = 0; i < fetch->next && columns >= NARROWEST; i++) {
        const struct download *download = &fetch->downloads[i];
        if (download->state == WAITS || download->state >= DONE || fetch->shown->lines >= rows - 2)
            continue;
        draw_one(download, columns);
        fetch->shown->lines++;
    }
}

static int redraw(struct fetch *fetch)
{
    int r = 0;
    while (r >= 0) {
        draw(fetch);
        r = asyncio_sleep(0.1);
    }
    return r;
}

int show_begin(struct fetch *fetch)
{
    fetch->shown = asyncio_mem_calloc(1, sizeof *fetch->shown);
    if (!fetch->shown)
        return -ENOMEM;
    const char *terminal = getenv("TERM");
    if (fetch->is_quiet || !isatty(STDERR_FILENO) || (terminal && strcmp(terminal, "dumb") == 0))
        return 0;
    return asyncio_create_task(asyncio_coro(redraw, fetch), &fetch->shown->task);
}

void show_end(struct fetch *fetch)
{
    if (!fetch->shown)
        return;
    if (fetch->shown->task) {
        draw(fetch); /* nothing is under way: clears */
        asyncio_task_cancel(fetch->shown->task);
        asyncio_task_unref(fetch->shown->task);
    }
    asyncio_mem_free(fetch->shown);
    fetch->shown = NULL;
}

/* --- the table --- */

static const char *seconds_of(double seconds, char text[16])
{
    if (seconds < 0)
        snprintf(text, 16, "-");
    else
        snprintf(text, 16, "%.3f", seconds);
    return text;
}

void show_timings(const struct fetch *fetch)
{
    printf("%6s %10s %8s %8s %8s %10s %8s  %s\n", "status", "bytes", "dns", "connect", "tls",
           "first byte", "total", "url");
    for (size_t i = 0; i < fetch->count; i++) {
        const struct download *download = &fetch->downloads[i];
        char dns[16], connect[16], tls[16], first[16], total[16];
        if (download->state == WAITS)
            continue;
        printf("%6d %10lld %8s %8s %8s %10s %8s  %s\n", download->http_status,
               (long long)download->have, seconds_of(download->dns, dns),
               seconds_of(download->connect, connect), seconds_of(download->tls, tls),
               seconds_of(download->first_byte, first),
               seconds_of(download->ended - download->began, total), download->url);
    }
}
