/* SPDX-License-Identifier: MIT */
/* A background task of the application: started when it starts, cancelled when it ends. In it a
 * task group of a waiter and three cooks, with a queue between them, and a dinner that gathers its
 * courses. */
#include "kitchen.h"

#include <stdio.h>

static int waiter(asyncio_queue *orders)
{
    for (int order = 1;; order++) {
        int r = asyncio_queue_put(orders, &order);   /* waits while the cooks have enough to do */
        if (r >= 0)
            r = asyncio_sleep(0.35);
        if (r < 0)
            return r;
    }
}

static int cook(asyncio_queue *orders)
{
    for (;;) {
        int order;
        int r = asyncio_queue_get(orders, &order);
        if (r >= 0)
            r = asyncio_sleep(0.5 + order % 5 * 0.3);
        if (r < 0)
            return r;
    }
}

static int course(double seconds)
{
    return asyncio_sleep(seconds);
}

static int dinner(void)
{
    for (;;) {
        static const char *const names[] = { "soup", "roast", "dessert" };
        asyncio_task *courses[3] = { NULL };
        int r = 0;
        for (int i = 0; i < 3 && r >= 0; i++)
            r = asyncio_create_task(asyncio_coro(course, 1.5 + i), &courses[i], .name = names[i]);
        if (r >= 0)
            r = asyncio_gather(courses[0], courses[1], courses[2]);
        for (int i = 0; i < 3; i++)
            asyncio_task_unref(courses[i]);
        if (r < 0)
            return r;
    }
}

static int kitchen(void)
{
    asyncio_queue orders;
    int r = asyncio_queue_init(&orders, sizeof(int), .maxsize = 4);
    if (r < 0)
        return r;
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    r = asyncio_task_group_create_task(&group, asyncio_coro(waiter, &orders), NULL,
                                       .name = "waiter");
    for (int i = 1; i <= 3 && r >= 0; i++) {
        char name[16];
        snprintf(name, sizeof name, "cook %d", i);
        r = asyncio_task_group_create_task(&group, asyncio_coro(cook, &orders), NULL,
                                           .name = name);
    }
    if (r >= 0)
        r = asyncio_task_group_create_task(&group, asyncio_coro(dinner), NULL, .name = "dinner");
    r = asyncio_task_group_exit(&group, r);
    asyncio_queue_fini(&orders);
    return r;
}

static AIOHTTP_WEB_APP_KEY(kitchen_key, asyncio_task);

static void unref(void *task)
{
    asyncio_task_unref(task);
}

static int open_kitchen(aiohttp_web_application *app)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(kitchen), &task, .name = "kitchen");
    return r < 0 ? r : aiohttp_web_application_set(app, &kitchen_key, task, unref);
}

static int close_kitchen(aiohttp_web_application *app)
{
    asyncio_task *task = aiohttp_web_application_get(app, &kitchen_key);
    asyncio_task_cancel(task);
    int r = asyncio_await(task);
    return r == -ECANCELED ? 0 : r;
}

void kitchen_add(aiohttp_web_application *app)
{
    aiohttp_web_application_cleanup_ctx(app, open_kitchen, close_kitchen);
}
