/* SPDX-License-Identifier: MIT */
/* One operation under way, and one socket: the currency between the loop's backends and the floors above.
 *
 * An op is embedded in what waits for it (a stream, a listener), never on a task's stack. It is submitted, and then
 * either done at once or completed exactly once later, from inside backend->poll, by its `complete` callback. */
#pragma once

#include "base/list.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct backend;

/* A socket or other descriptor in a backend's table. The generation makes a stale one harmless: every call on it
 * gives -EBADF, also when the kernel has given the number to somebody else. The zero value is no handle. */
typedef struct sock {
    uint32_t index, generation;
} sock;

#define SOCK_NONE ((sock){ 0, 0 })

enum op_kind {
    OP_RECV,      /* data, size -> bytes, 0 at end of file. One at a time per socket.                              */
    OP_SEND,      /* iov, iov_count -> all bytes are sent (the result is `done`, at most INT_MAX), or an error, with */
                  /* `done` telling how many went before. One at a time per socket (a second one: -EBUSY; so with  */
                  /* all kinds). The iovecs and bytes are borrowed until completion; iovecs are modified.          */
    OP_ACCEPT,    /* stays armed: `complete` is called with 0 and `accepted` for each connection, or with an error */
                  /* of one attempt (EMFILE, ENFILE, ENOBUFS, ENOMEM: and then it is no longer armed, and has to   */
                  /* be submitted again), until cancelled.                                                         */
    OP_CONNECT,   /* address, address_size -> 0                                                                    */
    OP_POLL_IN,   /* level-triggered readiness, stays armed: `complete` is called with 1 in every poll in which it */
    OP_POLL_OUT,  /* is ready, until cancelled. -EPERM when the descriptor cannot be polled.                       */
};

/* What backend->submit answers when the result comes later. No result is this. */
#define OP_PENDING INT32_MIN

enum { OP_IDLE, OP_QUEUED, OP_IN_KERNEL, OP_DONE };   /* for the backend's use: state */

struct op {
    struct list link;                                  /* the backend's */
    void (*complete)(struct op *op, int result);       /* on the loop's thread, from poll; may submit, cancel, close */
    sock socket;
    uint8_t kind, state, flags;
    uint32_t token;                                    /* the backend's */
    size_t done;                                       /* OP_SEND: bytes already sent */
    union {
        struct { void *data; size_t size; };                           /* OP_RECV */
        struct { struct iovec *iov; unsigned iov_count; };             /* OP_SEND */
        struct { struct sockaddr_storage *address; socklen_t address_size; };   /* OP_CONNECT: borrowed till done */
        sock accepted;                                                 /* OP_ACCEPT: yours */
    };
};
