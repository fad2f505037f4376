/* SPDX-License-Identifier: MIT */
/* What the net floor keeps for a loop, and how tasks wait on this floor.
 *
 * MODEL      One `struct net` a loop, made when first needed. It knows every open stream, server
 *            and connection attempt, so that closing the loop can end them all: sockets are
 *            closed, and operations that the kernel still has are waited for, since they point
 *            into memory that goes.
 * WAITING    A task that waits alone for something (bytes) is named by it. Where several may wait,
 *            their steps lie in a list: `waiters_wait` and `waiters_wake`. Neither allocates.
 * FAIRNESS   What is answered at once does not suspend, and a peer that is fast enough would keep
 *            its task running for ever. So after STREAK_MAX answers in a row the task yields
 * once. */
#pragma once

#include "base/buffer.h"
#include "task/task.h"

struct pool;

enum {
    /* the most that one read brings when nobody has said how much he wants */
    SCRATCH_SIZE = 65536,
    STREAK_MAX = 64,
};

struct net {
    struct closer closer;
    asyncio_loop *loop;
    struct backend *backend;
    unsigned flushing;                /* transports that are closing and have bytes to send */
    unsigned streak;                  /* answers at once since a task last waited here */
    struct list streams;              /* not lost yet, and of no server */
    struct list servers;              /* that have not ended yet */
    struct list connects;             /* attempts under way */
    struct list resolves;             /* name look-ups that somebody waits for */
    struct blocks blocks;
    char *scratch;                    /* where reads of all streams with nothing buffered go */
    struct pool *resolvers;
    unsigned lookups;                 /* that have not come back from there */
};

/* The floor of `loop`, made if need be; NULL without memory. */
struct net *asyncio__net(asyncio_loop *loop);

/* The floor of the running task, whose result is checked: -ASYNCIO_NO_TASK, -ENOMEM. */
int asyncio__net_of_task(struct net **ret_net);

/* Waits in `waiters`: the result given to wake, or -ECANCELED. */
int asyncio__waiters_wait(struct list *waiters, asyncio_task *task);
/* Wakes all who wait, in their order. */
void asyncio__waiters_wake(struct list *waiters, int result);

/* Ends a task's wait. From now on there is nothing to cancel but the task itself; and when the
 * loop closes, and the task never runs again, it is not found waiting. */
static inline void net_wake(asyncio_task *task, int result)
{
    task->waiting = NULL;
    task_wake(task, result);
}

/* What the parts of this floor do when the loop closes. */
void asyncio__servers_abort(struct net *net);
bool asyncio__servers_are_pending(const struct net *net);
void asyncio__streams_abort(struct list *streams);
void asyncio__connects_abort(struct net *net);
void asyncio__resolves_drop(struct net *net);
