/* SPDX-License-Identifier: MIT */
/* A task group: no task outlives the function that started it. When one fails the others are
 * cancelled and put their things away, which may take time; only then the group ends, with the
 * failure. */
#include <asyncio.h>
#include <stdio.h>

static int download(int number)
{
    printf("download %d: begins\n", number);
    int r = asyncio_sleep(3600);
    if (r == -ECANCELED) {
        printf("download %d: cancelled, removes its file\n", number);
        int cleanup = asyncio_sleep(0.05);       /* a cancellation comes once: cleanup may await */
        printf("download %d: %s\n", number, cleanup < 0 ? "was interrupted" : "has removed it");
    }
    return r;                                    /* still -ECANCELED: pass it on */
}

static int check_disk(const char *path)
{
    int r = asyncio_sleep(0.1);
    if (r < 0)
        return r;
    return asyncio_raise(-ENOSPC, "no room in %s", path);
}

static int download_all(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);            /* async with asyncio.TaskGroup() as group: */
    int r = 0;
    for (int i = 1; i <= 3 && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(download, i), NULL);
    if (r >= 0)
        r = asyncio_task_group_create_task(&group, asyncio_coro(check_disk, "/var/tmp"), NULL);
    return asyncio_task_group_exit(&group, r);   /* waits for all of them, whatever happened */
}

static int program(void)
{
    int r = download_all();
    printf("the group ended; tasks left beside this one: %d\n",
           asyncio_all_tasks(NULL, NULL, 0) - 1);
    return r;                        /* asyncio_print_exception tells whose failure it was */
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
