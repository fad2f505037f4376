/* SPDX-License-Identifier: MIT */
/* Subprocesses from the inside.
 *
 * LIFE       `refs` are the user's. While the child has not been reaped, `is_running`, the floor
 *            holds the memory too. The last of both frees it.
 * END        The child's descriptor (pidfd) is polled; when it is readable the child is reaped,
 *            there, and all who wait are woken. Nothing of that allocates.
 * CLOSING    The floor of a loop knows every child that runs: closing the loop kills and reaps them
 *            all. A forked copy of the loop leaves them to the parent. */
#pragma once

#include "net/net.h"

#include <asyncio/subprocess.h>

struct asyncio_subprocess_transport;

enum { STD_IN, STD_OUT, STD_ERR, STREAMS };

/* What was read of an output. */
struct output {
    char *data;
    size_t size, capacity;
};

struct processes {
    struct closer closer;
    asyncio_loop *loop;
    struct net *net;
    struct list running;
};

struct asyncio_process {
    struct processes *floor; /* valid while it runs */
    struct list link;        /* in floor->running */
    struct op op;            /* OP_POLL_IN: readable is ended */
    int pid, code;
    uint32_t refs;
    bool is_running, is_communicating;
    bool leads; /* a group of its own */
    struct list waiters;
    struct asyncio_subprocess_transport *owner; /* is told of its end, has its pipes; or NULL */
    asyncio_stream *streams[STREAMS];
    struct output outputs[STREAMS]; /* of communicate; that of STD_IN has no bytes */
    size_t fed;                     /* bytes of communicate's input that were accepted */
};

/* The floor of `loop`, made if need be; NULL without memory. */
struct processes *asyncio__processes(asyncio_loop *loop);

/* Has the floor watch a child that was just made. On failure the child has been killed and reaped,
 * and the descriptor is closed. */
int asyncio__process_watch(asyncio_process *process, int pidfd);

/* Kills it, and the group it leads. */
void asyncio__process_end(asyncio_process *process);

/* The same, and waits for its end, whatever happens to the task meanwhile. */
void asyncio__process_kill_and_wait(asyncio_process *process);

/* create.c: runs a program, or says why not, and then nothing is left of it. With an owner its
 * pipes are that one's; else streams. Does not suspend. */
int asyncio__process_make(const char *const *arguments, const asyncio_subprocess_options *options,
                          struct asyncio_subprocess_transport *owner,
                          asyncio_process **ret_process);

/* transport.c: our end of a pipe that is the child's standard stream `which`. On failure the
 * descriptor stays the caller's. */
int asyncio__subprocess_add_pipe(struct asyncio_subprocess_transport *transport, int which,
                                 int descriptor);
/* The child has been reaped. */
void asyncio__subprocess_ended(struct asyncio_subprocess_transport *transport);
