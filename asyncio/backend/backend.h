/* SPDX-License-Identifier: MIT */
/* The backend contract: where the loop meets the kernel, or a simulation of it. Completions are
 * its only currency.
 *
 * Three implementations: io_uring.c, epoll.c (which imitates completions: system call first, then
 * wait for an edge), sim.c (virtual clock, in-memory network, driven by a seed). The backend never
 * names the loop: it completes ops.
 *
 * RULES
 *  - Everything but `wake` is called on the loop's thread.
 *  - `complete` is called only from inside `poll`; never from submit, cancel or close. It may call
 *    submit, cancel, close, and drop the op's memory.
 *  - `submit` either returns the result at once (and the op is free again), or OP_PENDING, and
 *    then `complete` is called exactly once (armed kinds: as op.h says). It allocates nothing that
 *    could fail where that can be avoided; where it must, it returns -ENOMEM and the op is free.
 *  - `cancel` of a pending op returns 1: the op is free now and `complete` will not be called; or
 *    0: the kernel still uses it (or has just finished), `complete` will be called with -ECANCELED
 *    or with its real result: what was obtained is never lost. Cancelling what is not pending
 *    returns 1.
 *  - `close` detaches the handle at once (its generation is over). Ops still pending on it must
 *    have been cancelled by the caller; those that answered 0 still complete, and the descriptor
 *    is closed only after the last of them. A listener's address is free at once.
 *  - No -ECANCELED but for an op that was cancelled: one that the kernel invents becomes -EIO.
 *  - After a fork the child can only clear up: `poll` is -EBADF, every cancel succeeds at once.
 *  - No SIGPIPE. EINTR never gets out. A descriptor opened here is close-on-exec and non-blocking.
 *  - Every slot returns 0 or more, or -errno. Slots marked (optional) may be NULL. */
#pragma once

#include "backend/op.h"
#include "base/clock.h"
#include "base/fork.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    FAULT_RESET = 1,               /* connections break */
    FAULT_ABORT = 2,               /* connections break before they are accepted */
    FAULT_LOSS = 4,                /* datagrams get lost, come twice, overtake each other */
    FAULT_SOCKET = 8,              /* there is no descriptor for a socket */
    FAULT_CONNECT = 16,            /* connections are refused, and end otherwise */
    FAULT_BUFFERS = 32,            /* -ENOBUFS of a send */
    FAULT_FILE = 64,               /* files: short transfers, -EIO, -ENOSPC, -EMFILE */
    FAULT_NAME = 128,              /* name servers fail */
    FAULT_HANG = 256,              /* thread jobs and look-ups that take a minute */
};

struct backend_limits {
    unsigned ring_entries;         /* io_uring: submission queue entries. 0: the default */
    unsigned buffers, buffer_size; /* io_uring: provided buffers. 0: the default */
    /* sim: 0 is plain and in order, any other is a world of its own disorder */
    uint64_t seed;
    /* sim, seeded: FAULT_..., which break what no program gets through unharmed */
    unsigned faults;
    unsigned long *counts;         /* sim: of each enum sim_event, or NULL */
    /* all: no read or write moves more bytes than this at a time. 0: no limit */
    unsigned chop;
};

struct file_op;                    /* backend/file.h */

struct job {                       /* work for a thread */
    struct list link;
    void (*run)(struct job *job);       /* on some thread */
    void (*complete)(struct job *job);  /* on the loop's thread, from poll */
};

struct backend_type {
    const char *name;
    /* of the implementation's struct, which begins with struct backend */
    size_t size;

    /* Makes *backend (zeroed, of `size`) usable. -ENOSYS, -EPERM and the like: this machine does
     * not have it. */
    int (*init)(struct backend *backend, const struct backend_limits *limits);
    /* Ends it. Ops still in the kernel are cancelled and waited for. */
    void (*fini)(struct backend *backend);

    /* Nanoseconds on a clock that never goes back. (optional: without, the monotonic clock) */
    int64_t (*now)(struct backend *backend);
    /* Submits what is prepared, waits until something completes, `wake` is called, or `timeout_ns`
     * have passed (negative: no limit; 0: only looks), and calls `complete` of all that is done.
     * Returns how many were completed: also 0 before the time is over, when a signal came between.
     * Bounded: what is left is found by the next poll. -EDEADLK (sim): nothing could ever end
     * it. */
    int (*poll)(struct backend *backend, int64_t timeout_ns);
    /* True when poll(0) would surely find something, from memory alone, without a system call.
     * (optional) */
    bool (*ready)(struct backend *backend);
    /* Makes the poll under way, or else the next one, return. Any thread, async-signal-safe. */
    void (*wake)(struct backend *backend);
    /* A descriptor that becomes readable when poll(0) would find something, for foreign loops.
     * (optional) */
    int (*fileno)(struct backend *backend);

    /* Handles. `socket` opens one; `adopt` takes over an open descriptor; `detach` gives it back
     * and forgets it; `descriptor` lends it, or -EBADF, and so does `lend`, to who moves bytes by
     * it himself. An adopted one becomes non-blocking and close-on-exec when bytes, a connection
     * or a connect are first asked of it, and by `lend`; OP_POLL_* alone leaves it as it is.
     * `detach` is -EBUSY once bytes of it may have been received ahead. */
    int (*socket)(struct backend *backend, int family, int type, int protocol, sock *ret_socket);
    int (*adopt)(struct backend *backend, int descriptor, sock *ret_socket);
    int (*detach)(struct backend *backend, sock socket, int *ret_descriptor);
    int (*descriptor)(struct backend *backend, sock socket);
    int (*lend)(struct backend *backend, sock socket);
    /* 1: the descriptor is one of a handle; 0; -ENOMEM. (optional) */
    int (*has)(struct backend *backend, int descriptor);
    int (*bind)(struct backend *backend, sock socket, const struct sockaddr *address,
                socklen_t size);
    int (*listen)(struct backend *backend, sock socket, int backlog);
    int (*setsockopt)(struct backend *backend, sock socket, int level, int name, const void *value,
                      socklen_t size);
    int (*getsockopt)(struct backend *backend, sock socket, int level, int name, void *value,
                      socklen_t *size);
    int (*getsockname)(struct backend *backend, sock socket, struct sockaddr_storage *address,
                       socklen_t *size);
    int (*getpeername)(struct backend *backend, sock socket, struct sockaddr_storage *address,
                       socklen_t *size);
    int (*shutdown)(struct backend *backend, sock socket, int how);
    int (*close)(struct backend *backend, sock socket);

    int (*submit)(struct backend *backend, struct op *op);
    int (*cancel)(struct backend *backend, struct op *op);

    /* Sends what the socket takes at this moment: bytes, perhaps fewer than there are, or an error.
     * -EAGAIN: none, or the backend does better with an OP_SEND. Only while none is pending there.
     * The iovecs are not modified. */
    int (*send_now)(struct backend *backend, sock socket, const struct iovec *iov, size_t count);

    /* Whether a receive on a stream socket would find something: bytes, the end, or an error. 1, 0,
     * or -errno. Takes nothing. */
    int (*is_readable)(struct backend *backend, sock socket);

    /* Files: does the operation without a thread; `complete` is called from poll. -EOPNOTSUPP: it
     * does not have this one. `file_cancel`: as `cancel`. (optional: io_uring) */
    int (*file)(struct backend *backend, struct file_op *op);
    int (*file_cancel)(struct backend *backend, struct file_op *op);

    /* Runs the job in the backend's own order instead of on the thread pool. (optional: sim) */
    int (*job)(struct backend *backend, struct job *job);
    /* The file of an AF_UNIX socket: what is no other file's (-ENOENT; -ENOTSOCK: it is none of a
     * socket), and its removal. */
    int (*path_id)(struct backend *backend, const char *path, uint64_t ret_id[2]);
    int (*path_remove)(struct backend *backend, const char *path);

    /* Names: resolves without asking the system. Returns how many addresses, without a port;
     * -ENOENT: there is no such host; -EAGAIN: nobody could tell. (optional: sim) */
    int (*resolve)(struct backend *backend, const char *host,
                   struct sockaddr_storage *ret_addresses, size_t capacity);
};

struct backend {
    const struct backend_type *type;
    unsigned forks;                /* asyncio__forks when it was made */
};

static inline int64_t backend_now(struct backend *backend)
{
    return backend->type->now ? backend->type->now(backend) : clock_ns();
}

/* True in a child of the process that made it: the kernel's side (epoll instance, ring, sockets) is
 * shared with the parent, and clearing up here must not be felt there. Only descriptors are
 * closed. */
static inline bool backend_is_inherited(const struct backend *backend)
{
    return asyncio__is_inherited(backend->forks);
}

extern const struct backend_type asyncio__backend_epoll;
extern const struct backend_type asyncio__backend_io_uring;
extern const struct backend_type asyncio__backend_sim;

/* Returns new backend: the one named `wanted` ("io_uring", "epoll", "sim"), else the one of
 * ASYNCIO_BACKEND, else the best that this machine allows. *ret_reason is a static sentence that
 * says why it was chosen. An unknown name is -EINVAL; a named one that cannot be had is its own
 * error. */
int asyncio__backend_new(const char *wanted, const struct backend_limits *limits,
                         struct backend **ret_backend, const char **ret_reason);
void asyncio__backend_free(struct backend *backend);
