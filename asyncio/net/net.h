/* SPDX-License-Identifier: MIT */
/* What the net floor keeps for a loop, and how tasks wait on this floor.
 *
 * MODEL      One `struct net` a loop, made when first needed. It knows every open stream, server
 *            and connection attempt, so that closing the loop can end them all: sockets are
 *            closed, and operations that the kernel still has are waited for, since they point
 *            into memory that goes.
 * WAITING    A task that waits alone for something (bytes) is named by it. Where several may wait,
 *            they lie in a list: task/waiters.h.
 * FAIRNESS   What is answered at once does not suspend, and a peer that is fast enough would keep
 *            its task running for ever. So after STREAK_MAX answers in a row the task yields
 * once. */
#pragma once

#include "base/alloc.h"
#include "base/buffer.h"
#include "task/waiters.h"

struct pool;

enum {
    /* the most that one read brings when nobody has said how much he wants */
    SCRATCH_SIZE = 65536,
    /* the same where a stream's limit is at least half of it */
    LARGEST_FILL = 262144,
    OWN_BLOCKS_MAX = 8, /* of a loop: connections at rest hold no more than these */
    STREAK_MAX = 64,
};

struct names_cache {
    struct list entries;             /* the last used in front */
    size_t count;
};

enum { LOOKUP_LISTS = 64 };

/* Look-ups of names: net/names.h. */
struct names {
    struct pool *pool;
    unsigned working;                /* look-ups that have not come back from there */
    struct cares *cares;             /* NULL: not used yet, or never */
    /* that somebody waits for, or looks at: by their host, since there may be thousands */
    struct list lookups[LOOKUP_LISTS];
    struct names_cache cache;
    size_t cache_size;
    int64_t cache_ns, timeout_ns;
};

struct net {
    struct closer closer;
    asyncio_loop *loop;
    struct backend *backend;
    unsigned flushing;                /* transports that are closing and have bytes to send */
    unsigned streak;                  /* answers at once since a task last waited here */
    struct list datagrams;            /* endpoints that are open */
    struct list streams;              /* not lost yet, and of no server */
    struct list transports;           /* of protocols, and of no server */
    struct list servers;              /* that have not ended yet */
    struct list connects;             /* attempts under way */
    struct blocks blocks;
    char *scratch;                    /* where reads of all streams with nothing buffered go */
    unsigned own_blocks;              /* who receives bulk into a block of his own instead */
    char *ciphertext;                 /* where those of all TLS transports go */
    struct names names;
};

/* The floor of `loop`, made if need be; NULL without memory. */
struct net *asyncio__net(asyncio_loop *loop);

/* The floor of the running task, whose result is checked: -ASYNCIO_NO_TASK, -ENOMEM. */
int asyncio__net_of_task(struct net **ret_net);

/* The same for a call that names the loop: -ASYNCIO_OTHER_LOOP (raised) unless it is the running
 * one. */
int asyncio__net_of_running(asyncio_loop *loop, struct net **ret_net);

/* 0 when the running task is one of the floor's loop, and may wait here. -ASYNCIO_NO_TASK,
 * -ASYNCIO_OTHER_LOOP, in debug mode -ASYNCIO_WRONG_THREAD. */
int asyncio__net_refuses(const struct net *net);
static inline int net_check_task(const struct net *net)
{
    const asyncio_task *task = task_current();
    return __builtin_expect(task && task->future.loop == net->loop, 1) ? 0
                                                                       : asyncio__net_refuses(net);
}

/* Where the caller's frame ends: what lies below is gone, as in TASK_CHECK_SCOPES. */
#define NET_CALLER() __builtin_dwarf_cfa()

/* At the beginning of each public call that may suspend. */
static inline void net_check_scopes(void *caller)
{
    asyncio_task *task = task_current();
    if (__builtin_expect(task && task->scopes, 0))
        asyncio__scopes_check(task, caller);
}

/* For calls that return nothing: true, and reported in the loop's thread, when this is debug mode
 * and another thread. */
bool asyncio__net_is_other_thread(const struct net *net);
static inline bool net_is_other_thread(const struct net *net)
{
    return __builtin_expect(loop_debugs(net->loop), 0) && asyncio__net_is_other_thread(net);
}

/* The scratch, made for the first who wants it; NULL without memory. */
static inline char *net_scratch(struct net *net)
{
    if (__builtin_expect(!net->scratch, 0))
        net->scratch = asyncio__malloc(SCRATCH_SIZE);
    return net->scratch;
}

/* Ends a task's wait. From now on there is nothing to cancel but the task itself; and when the
 * loop closes, and the task never runs again, it is not found waiting. */
static inline void net_wake(asyncio_task *task, int result)
{
    task->waiting = NULL;
    task_wake(task, result);
}

/* A socket's own name, or its peer's. */
static inline int net_name_of(const struct net *net, sock socket, bool of_peer,
                              struct sockaddr_storage *name, socklen_t *size)
{
    const struct backend_type *type = net->backend->type;
    return (of_peer ? type->getpeername : type->getsockname)(net->backend, socket, name, size);
}

/* What the parts of this floor do when the loop closes. */
void asyncio__servers_abort(struct net *net);
bool asyncio__servers_are_pending(const struct net *net);
void asyncio__datagrams_abort(struct net *net);
void asyncio__streams_abort(struct list *streams);
void asyncio__transports_abort(struct list *transports);
void asyncio__connects_abort(struct net *net);
void asyncio__names_init(struct names *names);
void asyncio__names_drop(struct net *net);
void asyncio__names_fini(struct names *names);
