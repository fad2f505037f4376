/* SPDX-License-Identifier: MIT */
/* Time limits: see wait.h. */
#include "client/wait.h"

#include <asyncio/task.h>
#include <errno.h>

/* Seconds between two looks: who is late by that much is not noticed. */
#define REST 0.05

static void look(asyncio_loop *loop, void *data);

static void stop(struct waits *waits)
{
    if (!waits->timer)
        return;
    asyncio_handle_cancel(waits->timer);
    asyncio_handle_unref(waits->timer);
    waits->timer = NULL;
    waits->next_look = NEVER;
}

/* Without memory what was armed before stays so. */
static int arm(struct waits *waits, double when)
{
    asyncio_handle *timer;
    int r = asyncio_loop_call_at(waits->loop, when, look, &timer, .data = waits);
    if (r < 0)
        return r;
    stop(waits);
    waits->timer = timer;
    waits->next_look = when;
    return 0;
}

/* Nobody would look at them any more. */
static void __attribute__((cold)) end_all(struct waits *waits, int reason)
{
    for (struct wait *wait = waits->first; wait; wait = wait->after)
        if (wait->deadline != NEVER)
            aiohttp__wait_end(wait, reason);
}

static void look(asyncio_loop *loop, void *data)
{
    struct waits *waits = data;
    double now = asyncio_loop_time(loop), next = NEVER;
    asyncio_handle_unref(waits->timer);
    waits->timer = NULL;
    waits->next_look = NEVER;
    for (struct wait *wait = waits->first; wait; wait = wait->after) {
        if (wait->deadline == NEVER || wait->reason)
            continue;
        if (wait->deadline <= now)
            aiohttp__wait_end(wait, -ETIMEDOUT);
        else if (wait->deadline < next)
            next = wait->deadline;
    }
    int r = next == NEVER ? 0 : arm(waits, next < now + REST ? now + REST : next);
    if (r < 0)
        end_all(waits, r);
}

void aiohttp__wait_add(struct waits *waits, struct wait *wait)
{
    wait->before = NULL;
    wait->after = waits->first;
    if (waits->first)
        waits->first->before = wait;
    else if (!waits->timer)
        waits->next_look = NEVER;
    waits->first = wait;
    wait->waits = waits;
    wait->task = NULL;
    wait->deadline = NEVER;
    wait->reason = 0;
    wait->is_late = false;
}

void aiohttp__wait_remove(struct wait *wait)
{
    struct waits *waits = wait->waits;
    if (!waits)
        return;
    if (wait->before)
        wait->before->after = wait->after;
    else
        waits->first = wait->after;
    if (wait->after)
        wait->after->before = wait->before;
    wait->waits = NULL;
}

void aiohttp__wait_until(struct wait *wait, double deadline)
{
    if (wait->reason)
        return; /* it learns of it when it waits */
    wait->task = asyncio_current_task();
    wait->cancelling = asyncio_task_cancelling(wait->task);
    aiohttp__wait_move(wait, deadline);
}

void aiohttp__wait_move(struct wait *wait, double deadline)
{
    wait->deadline = deadline;
    int r = deadline < wait->waits->next_look ? arm(wait->waits, deadline) : 0;
    if (r < 0)
        aiohttp__wait_end(wait, r);
}

void aiohttp__wait_end(struct wait *wait, int reason)
{
    if (wait->reason)
        return;
    wait->reason = reason;
    asyncio_task_cancel(wait->task);
}

int aiohttp__wait_over(struct wait *wait, int result)
{
    int reason = wait->reason;
    wait->deadline = NEVER;
    wait->reason = 0;
    if (!reason)
        return result;
    int left = asyncio_task_uncancel(wait->task);
    if (result != -ECANCELED || left > wait->cancelling)
        return result;
    wait->is_late = reason == -ETIMEDOUT;
    return reason;
}

void aiohttp__waits_fini(struct waits *waits)
{
    stop(waits);
}
