/* SPDX-License-Identifier: MIT */
/* The io_uring backend's own state, shared by its files. See io_uring.c for the model. */
#pragma once

#include "backend/io_uring_ring.h"
#include "backend/posix.h"

/* The kinds of request, and what a completion is for: the low bits of its user data. */
enum request {
    RECV,
    READABLE,
    ACCEPT,
    SEND,
    WRITABLE,
    CONNECT,
    DATAGRAMS,
    WATCH_IN,
    WATCH_OUT,
    REQUESTS,
};

enum {                                    /* of a file_op, and no handle */
    REQUEST_FILE = REQUESTS,
    REQUEST_WHOLE, /* and of a FILE_WHOLE, each step of it: */
    WHOLE_OPEN = REQUEST_WHOLE, WHOLE_READ, WHOLE_TAIL, WHOLE_KEEP, WHOLE_STEPS_END,
};
enum { KIND_MASK = 15 };                  /* entries of the table are aligned to more than this */
enum { DATA_IGNORED = 0, DATA_WAKE = 1 }; /* no handle lies at these addresses */

enum { FLAG_CANCELLED = 1, FLAG_RETRIED = 2 }; /* of an op; CANCELLED: cancel said 0 */

/* Of a file_op: `state`. */
enum { FILE_IDLE, FILE_QUEUED, FILE_IN_KERNEL, FILE_CANCELLED };

struct handle {
    struct descriptor descriptor;
    struct list link; /* in the dirty list, or alone */
    struct op *reader, *writer, *poll_in, *poll_out;
    uint16_t wanted, armed, unwanted; /* sets of requests; `unwanted` stays until the completion */
    /* those of `unwanted` that the kernel has not been told yet */
    uint16_t to_cancel;
    uint8_t ready; /* when direct */
    uint8_t bulk_count, small_count;
    bool is_direct;
    /* a completion is being handled: closing leaves the end to that */
    bool is_running;
    bool is_closing;
    bool is_held; /* the kernel may keep its file open: io_uring_without.c */
    bool has_eof;
    int recv_error; /* told after the spill */
    char *spill;
    uint32_t spill_head, spill_count, spill_capacity;
    struct msghdr *header; /* of the send in the kernel, once that had several pieces */
};

/* Bytes that nobody has asked for yet: beyond this what comes stays in the socket. */
enum { SPILL_MAX = 65536 };

enum { POLLED_FEW = 16 };

/* What is polled when there is no ring; the first is the wake. */
struct without {
    struct pollfd few_polled[POLLED_FEW], *polled;
    struct handle *few_handles[POLLED_FEW], **handles;
    size_t count, capacity;
    uint32_t first; /* of the table: where the next round begins */
};

struct uring {
    struct posix posix;
    struct ring ring;
    struct list dirty;  /* handles with requests to hand in or to take back */
    struct list files;  /* struct file_op, likewise */
    struct list files_in_kernel;
    uint64_t free_slots, closing_slots; /* io_uring_whole.c: of the ring's table of files */
    bool has_slots, has_no_slots;       /* neither: nobody has asked yet */
    bool is_without; /* io_uring_without.c: the ring is gone */
    struct without without;
    size_t received;    /* bytes, in this poll */
    unsigned in_kernel; /* requests */
    unsigned levels;    /* of these, WATCH_IN and WATCH_OUT */
    unsigned put_off;   /* polls that have left requests for the next one */
    struct msghdr datagram_shape; /* of each DATAGRAMS: what the kernel is to put down */
    int wake;
    bool is_wake_armed;
};

static inline struct uring *uring_of(struct backend *backend)
{
    return (struct uring *)(void *)backend;
}

static inline uint16_t bit(enum request request)
{
    return (uint16_t)(1U << request);
}

/* What the kernel gives back with its completions. */
static inline uint64_t request_data(const struct handle *handle, enum request request)
{
    return (uintptr_t)handle | (uint64_t)request;
}

static inline void want(struct uring *uring, struct handle *handle, enum request request)
{
    handle->wanted |= bit(request);
    if (list_empty(&handle->link))
        list_append(&uring->dirty, &handle->link);
}

/* Takes a request back, whether the kernel has it or not. */
static inline void unwant(struct uring *uring, struct handle *handle, enum request request)
{
    handle->wanted &= (uint16_t)~bit(request);
    if (!(handle->armed & bit(request)) || handle->unwanted & bit(request))
        return;
    handle->unwanted |= bit(request);
    handle->to_cancel |= bit(request);
    if (list_empty(&handle->link))
        list_append(&uring->dirty, &handle->link);
}

/* Completes the op in *slot. */
static inline int finish(struct op **slot, int result)
{
    struct op *op = *slot;
    *slot = NULL;
    op->state = OP_IDLE;
    op->complete(op, result);
    return 1;
}

/* What tells that there is something to read. The kernel's completion names POLLPRI with whatever
 * has come, urgent or not, and reading goes on then until there is nothing: so not of datagrams,
 * of which none is urgent, and it is overheard where a receive tells what is left. */
static inline unsigned readable_events(const struct descriptor *descriptor)
{
    bool has_urgent = descriptor->is_stream || !descriptor->is_socket;
    return POLLIN | POLLRDHUP | (has_urgent ? POLLPRI : 0U);
}

/* OP_RECV: what can be had at once, or OP_PENDING, and then it is seen to that something comes. */
int asyncio__uring_submit_recv(struct uring *uring, struct handle *handle, struct op *op);
int asyncio__uring_submit_readable(struct uring *uring, struct handle *handle, struct op *op);
/* What came for the handle's receive: how many ops completed. `was_unwanted`: it had been taken
 * back. */
int asyncio__uring_on_recv(struct uring *uring, struct handle *handle,
                           const struct io_uring_cqe *cqe, bool was_unwanted);
int asyncio__uring_on_readable(struct uring *uring, struct handle *handle,
                               const struct io_uring_cqe *cqe);
/* The common case of that: a small message for an op that waits, and the receive goes on. False: it
 * is another case, and nothing is done. */
bool asyncio__uring_on_message(struct uring *uring, struct handle *handle,
                               const struct io_uring_cqe *cqe);
/* What nobody has asked for yet: -ENOMEM, and nothing is kept. */
int asyncio__uring_spill_add(struct handle *handle, const char *bytes, uint32_t size);
/* So much of it was taken. */
void asyncio__uring_spill_drop(struct handle *handle, uint32_t size);
/* io_uring_datagram.c: the same for OP_RECV_DATAGRAMS, and its request. */
int asyncio__uring_submit_recv_datagrams(struct uring *uring, struct handle *handle,
                                         struct op *op);
int asyncio__uring_run_datagrams(struct uring *uring, struct handle *handle);
void asyncio__uring_prepare_datagrams(struct uring *uring, const struct handle *handle,
                                      struct io_uring_sqe *sqe);
int asyncio__uring_on_datagrams(struct uring *uring, struct handle *handle,
                                const struct io_uring_cqe *cqe, bool was_unwanted);
/* io_uring_file.c */
int asyncio__uring_file(struct backend *backend, struct file_op *op);
int asyncio__uring_file_cancel(struct backend *backend, struct file_op *op);
void asyncio__uring_flush_files(struct uring *uring);
int asyncio__uring_on_file(struct uring *uring, const struct io_uring_cqe *cqe);
/* io_uring_whole.c: as those above, of a FILE_WHOLE. `hand_in` is false when the ring is full. */
int asyncio__uring_whole(struct uring *uring, struct file_op *op);
bool asyncio__uring_hand_in_whole(struct uring *uring, struct file_op *op);
bool asyncio__uring_take_back_whole(struct uring *uring, const struct file_op *op);
int asyncio__uring_on_whole(struct uring *uring, const struct io_uring_cqe *cqe);
/* One that the kernel does not have is given up: its slot. */
void asyncio__uring_drop_whole(struct uring *uring, const struct file_op *op);
/* Has the files of slots that are done with closed. */
void asyncio__uring_close_slots(struct uring *uring);
/* Goes on with a pending OP_RECV, as far as bytes are there. */
int asyncio__uring_run_reader(struct uring *uring, struct handle *handle);
/* The contract's. */
int asyncio__uring_is_readable(struct backend *backend, sock socket);
/* Gives back to the list what was never handed in; ends what the kernel has, by an error; does what
 * is in the list: how many completed. */
void asyncio__uring_file_again(struct uring *uring, struct file_op *op);
int asyncio__uring_end_files(struct uring *uring);
int asyncio__uring_run_files(struct uring *uring);
/* io_uring.c */
int asyncio__uring_on_completion(struct uring *uring, const struct io_uring_cqe *cqe);
/* io_uring_without.c: whether an error of the ring is for ever; giving it up (how many completed);
 * poll from then on. */
bool asyncio__uring_is_forbidden(int error);
int asyncio__uring_forbidden(struct uring *uring);
int asyncio__uring_poll_without(struct uring *uring, int64_t timeout_ns);
/* Has the peer hear of the end although the kernel keeps the socket open. */
void asyncio__uring_shut_held(const struct handle *handle);
void asyncio__uring_without_fini(struct uring *uring);
