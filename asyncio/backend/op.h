/* SPDX-License-Identifier: MIT */
/* One operation under way, and one socket: the currency between the loop's backends and the floors
 * above.
 *
 * An op is embedded in what waits for it (a stream, a listener), never on a task's stack. It is
 * submitted, and then either done at once or completed exactly once later, from inside
 * backend->poll, by its `complete` callback. */
#pragma once

#include "base/list.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct backend;
struct asyncio_datagram; /* <asyncio/datagram.h> */

/* A socket or other descriptor in a backend's table. The generation makes a stale one harmless:
 * every call on it gives -EBADF, also when the kernel has given the number to somebody else. The
 * zero value is no handle. */
typedef struct sock {
    uint32_t index, generation;
} sock;

#define SOCK_NONE ((sock){ 0, 0 })

/* One of each kind at a time for each socket; a second one is -EBUSY. */
enum op_kind {
    /* data, size -> bytes, 0 at the end of file. They may be changed while it is pending: the
     * memory is written to only just before completion, so many may even share it. */
    OP_RECV,

    /* -> 1 when an OP_RECV has something to give, be it the end or an error; now and then also when
     * it has not. One of both at a time. Cancelling always succeeds at once. */
    OP_READABLE,

    /* iov, iov_count -> all bytes are sent (the result is `done`, at most INT_MAX), or an error,
     * with `done` telling how many went before. The iovecs and bytes are borrowed until
     * completion; the iovecs are modified. */
    OP_SEND,

    /* Stays armed: `complete` is called with 0 and `accepted` for each connection, until it is
     * cancelled, or with an error of one attempt (EMFILE, ENFILE, ENOBUFS, ENOMEM), after which it
     * is armed no longer and has to be submitted again. */
    OP_ACCEPT,

    /* address, address_size -> 0. Both are borrowed until completion. */
    OP_CONNECT,

    /* Level-triggered readiness, stays armed: `complete` is called with 1 in every poll in which
     * it is ready, until cancelled, which always succeeds at once. -EPERM when the descriptor
     * cannot be polled. */
    OP_POLL_IN,
    OP_POLL_OUT,

    /* datagrams, datagram_count -> how many were received, at least one: as many as there are.
     * Cancelling always succeeds at once: they are written to only just before completion. An error
     * of an earlier send may come instead. */
    OP_RECV_DATAGRAMS,

    /* datagrams, datagram_count -> datagram_count, or an error, with `done` telling how many went
     * before. Borrowed until completion, not modified; cancelling always succeeds at once. */
    OP_SEND_DATAGRAMS,
};

/* What backend->submit answers when the result comes later. No result is this. */
#define OP_PENDING INT32_MIN

enum { OP_IDLE, OP_QUEUED, OP_IN_KERNEL, OP_DONE }; /* for the backend's use: state */

struct op {
    struct list link; /* the backend's */

    /* On the loop's thread, from poll; may submit, cancel, close, and free the op. */
    void (*complete)(struct op *op, int result);

    sock socket;
    uint8_t kind, state, flags; /* `state` and `flags` are the backend's */
    uint32_t token;             /* the backend's */
    size_t done;                /* OP_SEND: bytes already sent; OP_SEND_DATAGRAMS: how many */
    union {
        struct { /* OP_RECV */
            void *data;
            size_t size;
        };
        struct { /* OP_SEND */
            struct iovec *iov;
            unsigned iov_count;
        };
        struct { /* OP_CONNECT */
            struct sockaddr_storage *address;
            socklen_t address_size;
        };
        struct { /* OP_RECV_DATAGRAMS, OP_SEND_DATAGRAMS */
            struct asyncio_datagram *datagrams;
            unsigned datagram_count;
        };
        sock accepted; /* OP_ACCEPT: yours */
    };
};
