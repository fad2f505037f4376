/* SPDX-License-Identifier: MIT */
/* Subprocesses by callbacks from the inside: see transport.c. */
#pragma once

#include "process/process.h"

#include <asyncio/subprocess_transport.h>

/* One of the child's standard streams: the protocol of its pipe. */
struct subprocess_pipe {
    asyncio_protocol protocol; /* first */
    struct asyncio_subprocess_transport *owner;
    asyncio_transport *transport; /* held; NULL: it is no pipe */
    int fd;
};

struct asyncio_subprocess_transport {
    asyncio_loop *loop;
    asyncio_process *process;              /* held */
    asyncio_subprocess_protocol *protocol; /* NULL: it is over */
    asyncio_context *context;              /* what the protocol's methods run in */
    struct subprocess_pipe pipes[STREAMS];
    unsigned open_pipes;    /* whose protocols have not been told the last */
    struct handle making;   /* connection_made */
    struct handle opening;  /* wakes who asked for it */
    struct handle exiting;  /* process_exited */
    struct handle losing;   /* connection_lost */
    struct list waiters;    /* the task that makes it */
    uint32_t refs;          /* the user's; one until it is over, one for each open pipe */
    bool is_made;           /* connection_made has been called */
    bool has_exited;        /* process_exited has been called, or never will be */
    bool is_ending;         /* connection_lost is scheduled */
    bool is_closing;
};
