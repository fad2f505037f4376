/* SPDX-License-Identifier: MIT */
/* Tasks that wait in a list for the same thing, of whatever floor: their steps lie in it. Nothing
 * here allocates. */
#pragma once

#include "task/task.h"

/* Waits in `waiters`: the result given to wake, or -ECANCELED. */
int asyncio__waiters_wait(struct list *waiters, asyncio_task *task);
/* The same, under a name of its own: a type whose `cancel` is asyncio__waiters_cancel. */
int asyncio__waiters_wait_as(struct list *waiters, asyncio_task *task,
                             const struct future_type *type);
int asyncio__waiters_cancel(asyncio_future *awaited, const char *message);
/* Wakes all who wait, in their order. */
void asyncio__waiters_wake(struct list *waiters, int result);

/* The running task waits until `descriptor`, whoever's it is, can be read, or written to: 0. What
 * the loop's watch says (-EBUSY, -EPERM: it cannot be polled), -ENOMEM, -ECANCELED. */
int asyncio__wait_ready(asyncio_loop *loop, int descriptor, bool writes,
                        const struct future_type *type);
