/* SPDX-License-Identifier: MIT */
/* The backend over io_uring: requests gathered while tasks run, handed in and waited for by one
 * system call a turn.
 *
 * REQUESTS  Each handle has at most one request of each kind (enum request) in the kernel:
 *           `armed`. What is to be handed in at the next poll is `wanted`, what is to be taken
 *           back is `unwanted`; a handle with either is in the dirty list, so submit and cancel
 *           never touch the ring and cannot fail for want of room in it. A completion names its
 *           handle by address and kind. An entry of the table is not used again while anything of
 *           it is armed.
 * SMALL     Messages come by multishot receive through provided buffers: one request for the life
 *           of a connection. The bytes are copied to the op that waits for them, else into the
 *           handle's `spill`, so the buffers are back in the ring before the next completion is
 *           looked at, and who reads slowly never keeps them from others. An OP_RECV thus never
 *           has its buffer in the kernel, and cancelling one is done at once.
 * BULK      Large messages would be copied twice. After two of them a handle is `direct`: a
 *           multishot poll tells that there are bytes, and recv(2) takes them to where they
 *           belong, as with epoll. Small ones turn it back. Datagrams: io_uring_datagram.c.
 * SEND      is tried at once, while its bytes are hot; only what the socket does not take becomes
 *           a request. (Batching small ones as requests saves nothing: what the system call costs,
 *           the request and its completion cost too.)
 * CLOSE     takes back what is armed; the descriptor is closed when the last of it has
 * completed. */
#include "backend/io_uring.h"

#include "base/alloc.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    UNSUBMITTED_MAX = 64, /* requests that may wait while there are completions to handle */
    PUT_OFF_MAX = 4,      /* and how many polls they may wait */
    SENDS = 16,           /* system calls of one OP_SEND in a row */
};

/* ---- handing in ---- */

/* Several pieces by one request, or, for want of memory, the first alone. */
static void prepare_send(struct uring *uring, struct handle *handle, struct io_uring_sqe *sqe)
{
    struct op *op = handle->writer;
    int number = handle->descriptor.number;
    bool is_one = op->iov_count == 1 || posix_is_chopped(&uring->posix);
    if (!is_one && !handle->header)
        handle->header = asyncio__malloc(sizeof *handle->header);
    if (is_one || !handle->header) {
        size_t size = op->iov->iov_len < uring->posix.chop ? op->iov->iov_len : uring->posix.chop;
        io_uring_prep_send(sqe, number, op->iov->iov_base, size, MSG_NOSIGNAL | MSG_WAITALL);
        return;
    }
    *handle->header =
        (struct msghdr){ .msg_iov = op->iov,
                         .msg_iovlen = op->iov_count < IOV_MAX ? op->iov_count : IOV_MAX };
    io_uring_prep_sendmsg(sqe, number, handle->header, MSG_NOSIGNAL | MSG_WAITALL);
}

static void prepare(struct uring *uring, struct handle *handle, enum request request,
                    struct io_uring_sqe *sqe)
{
    int number = handle->descriptor.number;
    switch (request) {
    case RECV:
        io_uring_prep_recv(sqe, number, NULL, 0, 0);
        sqe->ioprio |= IORING_RECV_MULTISHOT;
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = RING_BUFFER_GROUP;
        break;
    case READABLE:
        io_uring_prep_poll_multishot(sqe, number, readable_events(&handle->descriptor));
        break;
    case ACCEPT:
        io_uring_prep_multishot_accept(sqe, number, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        break;
    case SEND: prepare_send(uring, handle, sqe); break;
    case CONNECT:
        io_uring_prep_connect(sqe, number, (struct sockaddr *)handle->writer->address,
                              handle->writer->address_size);
        break;
    case DATAGRAMS: asyncio__uring_prepare_datagrams(uring, handle, sqe); break;
    case WATCH_IN: io_uring_prep_poll_add(sqe, number, POLLIN); break;
    default: io_uring_prep_poll_add(sqe, number, POLLOUT); break;
    }
    sqe->user_data = request_data(handle, request);
}

/* False: the ring is full. */
static bool flush_handle(struct uring *uring, struct handle *handle)
{
    while (handle->to_cancel) {
        enum request request = (enum request)__builtin_ctz(handle->to_cancel);
        struct io_uring_sqe *sqe = asyncio__ring_request(&uring->ring);
        if (!sqe)
            return false;
        io_uring_prep_cancel64(sqe, request_data(handle, request), 0);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = DATA_IGNORED;
        handle->to_cancel &= (uint16_t)~bit(request);
    }
    for (unsigned todo; (todo = handle->wanted & ~(unsigned)handle->armed) != 0;) {
        enum request request = (enum request)__builtin_ctz(todo);
        struct io_uring_sqe *sqe = asyncio__ring_request(&uring->ring);
        if (!sqe)
            return false;
        prepare(uring, handle, request, sqe);
        handle->wanted &= (uint16_t)~bit(request);
        handle->armed |= bit(request);
        uring->in_kernel++;
        uring->levels += request >= WATCH_IN;
    }
    return true;
}

static void flush(struct uring *uring)
{
    if (!uring->is_wake_armed) {
        struct io_uring_sqe *sqe = asyncio__ring_request(&uring->ring);
        if (!sqe)
            return;
        /* an edge for each write: never read */
        io_uring_prep_poll_multishot(sqe, uring->wake, POLLIN);
        sqe->user_data = DATA_WAKE;
        uring->is_wake_armed = true;
        uring->in_kernel++;
    }
    if (!list_empty(&uring->files) || uring->closing_slots)
        asyncio__uring_flush_files(uring);
    for (struct list *link; (link = list_pop(&uring->dirty));) {
        if (!flush_handle(uring, container_of(link, struct handle, link))) {
            list_prepend(&uring->dirty, link);
            return;
        }
    }
}

/* ---- completing ---- */

/* What the kernel calls cancelled, though nobody asked for it, is an I/O error. */
static int honest(const struct op *op, int result)
{
    return result == -ECANCELED && !(op->flags & FLAG_CANCELLED) ? -EIO : result;
}

static int on_accept(struct uring *uring, struct handle *handle, const struct io_uring_cqe *cqe)
{
    struct op *op = handle->reader;
    bool is_armed = handle->armed & bit(ACCEPT);
    if (!op) {
        if (cqe->res >= 0)
            close(cqe->res);
        return 0;
    }
    int completed = 0, r = cqe->res;
    if (r >= 0) {
        r = asyncio__posix_accepted(&uring->posix, &handle->descriptor, r, &op->accepted);
        if (r >= 0) {
            struct handle *made = table_get(&uring->posix.table, op->accepted);
            list_init(&made->link);
            made->is_direct = !made->descriptor.is_stream;
            op->complete(op, 0);
            completed++;
        }
    }
    if (handle->reader != op || is_armed)
        /* also when r says that there was no memory: the next one may find some */
        return completed;
    if (op->flags & FLAG_CANCELLED)
        return completed + finish(&handle->reader, -ECANCELED);
    if (r < 0 && !asyncio__posix_accept_is_transient(-r))
        return completed + finish(&handle->reader, honest(op, r));
    want(uring, handle, ACCEPT);
    return completed;
}

/* Kernel TLS refuses the flag by which a request sends all of it. */
static bool sends_by_request(const struct handle *handle)
{
    return handle->descriptor.is_socket && !handle->descriptor.is_framed;
}

/* Sends what can be sent at once: the result, or OP_PENDING and what is left is a request. */
static int send_now(struct uring *uring, struct handle *handle, struct op *op)
{
    for (int i = 0; i < SENDS && asyncio__posix_send_left(op); i++) {
        bool is_short;
        int n = asyncio__posix_send(&uring->posix, &handle->descriptor, op, &is_short);
        if (n == -EAGAIN || (n >= 0 && descriptor_was_full(&handle->descriptor, is_short)))
            break;
        if (n < 0)
            return n;
    }
    if (!asyncio__posix_send_left(op))
        return asyncio__posix_send_result(op);
    want(uring, handle, sends_by_request(handle) ? SEND : WRITABLE);
    return OP_PENDING;
}

static int on_send(struct uring *uring, struct handle *handle, const struct io_uring_cqe *cqe)
{
    struct op *op = handle->writer;
    if (!op)
        return 0;
    if (cqe->res > 0)
        asyncio__posix_send_advance(op, (size_t)cqe->res);
    if (!asyncio__posix_send_left(op))
        return finish(&handle->writer, asyncio__posix_send_result(op));
    bool is_error = cqe->res < 0 && cqe->res != -EAGAIN && cqe->res != -EINTR;
    if (op->flags & FLAG_CANCELLED)
        return finish(&handle->writer, is_error ? cqe->res : -ECANCELED);
    if (is_error)
        return finish(&handle->writer, honest(op, cqe->res));
    want(uring, handle, SEND);
    return 0;
}

/* As many as the socket takes; for the rest, when it can be written to again. */
static int send_datagrams(struct uring *uring, struct handle *handle, struct op *op)
{
    uint8_t ready = READY_OUT;
    int r = asyncio__posix_send_datagrams(&uring->posix, &handle->descriptor, &ready, op);
    if (r == OP_PENDING) {
        handle->writer = op;
        want(uring, handle, WRITABLE);
    }
    return r;
}

static int on_writable(struct uring *uring, struct handle *handle)
{
    struct op *op = handle->writer;
    if (!op)
        return 0;
    if (op->flags & FLAG_CANCELLED)
        return finish(&handle->writer, -ECANCELED);
    int r = op->kind == OP_SEND ? send_now(uring, handle, op) : send_datagrams(uring, handle, op);
    return r == OP_PENDING ? 0 : finish(&handle->writer, r);
}

static int on_connect(struct uring *uring, struct handle *handle, const struct io_uring_cqe *cqe)
{
    struct op *op = handle->writer;
    if (!op)
        return 0;
    if (cqe->res == -ECONNABORTED && !(op->flags & (FLAG_RETRIED | FLAG_CANCELLED))) {
        /* the kernel's last word on an earlier attempt; now the socket is free */
        op->flags |= FLAG_RETRIED;
        want(uring, handle, CONNECT);
        return 0;
    }
    return finish(&handle->writer, honest(op, cqe->res));
}

/* Whether it is so now. A completion tells what was when the kernel noticed: since then a task may
 * have read what there was, and a callback that reads without need would block the loop. */
static bool is_ready(const struct handle *handle, enum request request)
{
    short events = request == WATCH_IN ? POLLIN : POLLOUT;
    struct pollfd level = { .fd = handle->descriptor.number, .events = events };
    return poll(&level, 1, 0) > 0;
}

static int on_watch(struct uring *uring, struct handle *handle, struct op **slot,
                    enum request request, int result)
{
    struct op *op = *slot;
    if (!op)
        return 0;
    if (result < 0 && result != -ECANCELED)
        return finish(slot, result);
    want(uring, handle, request); /* level-triggered: asked anew in every poll */
    if (result < 0 || !is_ready(handle, request))
        return 0;
    op->complete(op, 1);
    return 1;
}

static void end_handle(struct uring *uring, struct handle *handle)
{
    list_remove(&handle->link);
    if (handle->descriptor.number >= 0) {
        /* unread bytes: the peer gets a reset, as with recv(2) */
        if (handle->spill_count && handle->descriptor.is_tcp &&
            !backend_is_inherited(&uring->posix.backend))
            setsockopt(handle->descriptor.number, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
                       sizeof(struct linger));
        if (handle->is_held && handle->descriptor.is_tcp &&
            !backend_is_inherited(&uring->posix.backend))
            asyncio__uring_shut_held(handle);
        (void)asyncio__posix_close_number(&handle->descriptor, handle->descriptor.number);
    }
    asyncio__free(handle->spill);
    asyncio__free(handle->header);
    handle->spill = NULL;
    handle->header = NULL;
    handle->is_closing = false;
    table_release(&uring->posix.table, &handle->descriptor.entry);
}

/* Not a part of its caller: most messages do not come here. */
static int __attribute__((noinline))
dispatch(struct uring *uring, struct handle *handle, const struct io_uring_cqe *cqe)
{
    enum request request = (enum request)(cqe->user_data & KIND_MASK);
    bool was_unwanted = handle->unwanted & bit(request);
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        handle->armed &= (uint16_t)~bit(request);
        handle->unwanted &= (uint16_t)~bit(request);
        handle->to_cancel &= (uint16_t)~bit(request);
        uring->in_kernel--;
        uring->levels -= request >= WATCH_IN;
        if (handle->wanted & bit(request))
            want(uring, handle, request);
    }
    switch (request) {
    case RECV: return asyncio__uring_on_recv(uring, handle, cqe, was_unwanted);
    case READABLE: return asyncio__uring_on_readable(uring, handle, cqe);
    case ACCEPT: return on_accept(uring, handle, cqe);
    case SEND: return on_send(uring, handle, cqe);
    case WRITABLE: return on_writable(uring, handle);
    case CONNECT: return on_connect(uring, handle, cqe);
    case DATAGRAMS: return asyncio__uring_on_datagrams(uring, handle, cqe, was_unwanted);
    case WATCH_IN: return on_watch(uring, handle, &handle->poll_in, WATCH_IN, cqe->res);
    case WATCH_OUT: return on_watch(uring, handle, &handle->poll_out, WATCH_OUT, cqe->res);
    case REQUESTS: break;
    }
    return 0;
}

int asyncio__uring_on_completion(struct uring *uring, const struct io_uring_cqe *cqe)
{
    if (cqe->user_data == DATA_IGNORED)
        return 0;
    if (cqe->user_data == DATA_WAKE) {
        if (!(cqe->flags & IORING_CQE_F_MORE)) {
            uring->is_wake_armed = false;
            uring->in_kernel--;
        }
        return 0;
    }
    if ((cqe->user_data & KIND_MASK) >= REQUEST_FILE)
        return (cqe->user_data & KIND_MASK) == REQUEST_FILE ? asyncio__uring_on_file(uring, cqe)
                                                            : asyncio__uring_on_whole(uring, cqe);
    struct handle *handle = (struct handle *)(uintptr_t)(cqe->user_data & ~(uint64_t)KIND_MASK);
    if (cqe->flags & IORING_CQE_F_MORE && (cqe->user_data & KIND_MASK) == RECV &&
        asyncio__uring_on_message(uring, handle, cqe))
        return 1;
    handle->is_running = true;
    int completed = dispatch(uring, handle, cqe);
    handle->is_running = false;
    if (handle->is_closing && !handle->armed)
        end_handle(uring, handle);
    return completed;
}

/* Until enough is received. Levels do not wait for another poll: behind others' bulk their turn
 * might never come. */
static int handle_completions(struct uring *uring)
{
    int completed = 0;
    struct io_uring_cqe cqe;
    unsigned i = 0, count = ring_completions(&uring->ring);
    uring->received = 0;
    for (; i < count && uring->received < POLL_BYTES && ring_take(&uring->ring, &cqe); i++) {
        completed += asyncio__uring_on_completion(uring, &cqe);
    }
    for (unsigned ahead = 0; uring->levels && i + ahead < count; ahead++) {
        struct io_uring_cqe *later = ring_ahead(&uring->ring, ahead);
        enum request request = (enum request)(later->user_data & KIND_MASK);
        if (later->user_data <= KIND_MASK || (request != WATCH_IN && request != WATCH_OUT))
            continue;
        cqe = *later;
        later->user_data = DATA_IGNORED;
        completed += asyncio__uring_on_completion(uring, &cqe);
    }
    return completed;
}

/* The ring has been forbidden. What has come is handled, then it goes on without. */
static int __attribute__((noinline))
go_on_without(struct uring *uring, int64_t timeout_ns)
{
    int completed = 0;
    while (ring_completions(&uring->ring))
        completed += handle_completions(uring);
    completed += asyncio__uring_forbidden(uring);
    int r = asyncio__uring_poll_without(uring, completed ? 0 : timeout_ns);
    return r < 0 && !completed ? r : completed + (r > 0 ? r : 0);
}

static int backend_poll(struct backend *backend, int64_t timeout_ns)
{
    struct uring *uring = uring_of(backend);
    int r = 0;
    if (backend_is_inherited(backend))
        return -EBADF;
    if (__builtin_expect(uring->is_without, 0))
        return asyncio__uring_poll_without(uring, timeout_ns);
    if (!uring->ring.is_enabled && (r = asyncio__ring_enable(&uring->ring)) < 0)
        return asyncio__uring_is_forbidden(r) ? go_on_without(uring, timeout_ns) : r;
    flush(uring);
    bool is_empty = ring_completions(&uring->ring) == 0;
    bool waits = timeout_ns != 0 && is_empty && list_empty(&uring->dirty) &&
                 list_empty(&uring->files);
    unsigned unsubmitted = ring_unsubmitted(&uring->ring);
    bool is_due = unsubmitted || (is_empty && ring_has_deferred(&uring->ring));
    /* While there are completions to handle, more requests may be added. */
    if (is_due && !is_empty && unsubmitted < UNSUBMITTED_MAX && ++uring->put_off < PUT_OFF_MAX)
        is_due = false;
    if (waits || is_due) {
        r = asyncio__ring_enter(&uring->ring, waits ? 1 : 0, timeout_ns);
        uring->put_off = 0;
    }
    if (r < 0 && r != -ETIME && r != -EINTR && r != -EAGAIN && r != -EBUSY)
        return asyncio__uring_is_forbidden(r) ? go_on_without(uring, timeout_ns) : r;
    return handle_completions(uring);
}

static bool backend_ready(struct backend *backend)
{
    struct uring *uring = uring_of(backend);
    if (uring->is_without)
        return !list_empty(&uring->dirty);
    return ring_completions(&uring->ring) || ring_has_deferred(&uring->ring);
}

static void backend_wake(struct backend *backend)
{
    int saved = errno;
    ssize_t n = write(uring_of(backend)->wake, &(uint64_t){ 1 }, sizeof(uint64_t));
    (void)n;
    errno = saved;
}

static int backend_fileno(struct backend *backend)
{
    const struct uring *uring = uring_of(backend);
    return uring->is_without ? -EPERM : uring->ring.uring.ring_fd;
}

/* ---- handles ---- */

static int made(struct backend *backend, int r, const sock *socket)
{
    if (r >= 0) {
        struct handle *handle = posix_get(backend, *socket);
        list_init(&handle->link);
        handle->is_direct = !handle->descriptor.is_stream;
        handle->ready = READY_IN;
    }
    return r;
}

static int backend_socket(struct backend *backend, int family, int type, int protocol,
                          sock *ret_socket)
{
    return made(backend, asyncio__posix_socket(backend, family, type, protocol, ret_socket),
                ret_socket);
}

static int backend_adopt(struct backend *backend, int number, sock *ret_socket)
{
    return made(backend, asyncio__posix_adopt(backend, number, ret_socket), ret_socket);
}

/* Makes every sock of the handle stale, takes back what the kernel has, and ends it as soon as
 * nothing is armed. */
static void forget(struct uring *uring, struct handle *handle)
{
    table_retire(&handle->descriptor.entry);
    if (backend_is_inherited(&uring->posix.backend))
        handle->armed = 0; /* what is armed is the parent's */
    if (handle->reader && !(handle->reader->flags & FLAG_CANCELLED))
        handle->reader = NULL;
    if (handle->writer && !(handle->writer->flags & FLAG_CANCELLED))
        handle->writer = NULL;
    handle->poll_in = handle->poll_out = NULL;
    handle->wanted = 0;
    for (unsigned left = handle->armed; left; left &= left - 1)
        unwant(uring, handle, (enum request)__builtin_ctz(left));
    handle->is_closing = true;
    if (!handle->armed && !handle->is_running)
        end_handle(uring, handle);
}

/* Has the kernel let go of the handle's file now, not in the next poll. What the requests have to
 * say is told there nevertheless. */
static void hand_in_now(struct uring *uring)
{
    if (backend_is_inherited(&uring->posix.backend) || uring->is_without)
        return;
    flush(uring);
    asyncio__ring_enter(&uring->ring, 0, 0);
}

static int backend_close(struct backend *backend, sock socket)
{
    struct uring *uring = uring_of(backend);
    struct handle *handle = posix_get(backend, socket);
    if (!handle)
        return -EBADF;
    bool is_listening = handle->armed & bit(ACCEPT);
    forget(uring, handle);
    if (!is_listening)
        return 0;
    hand_in_now(uring); /* the port is free from here on */
    if (uring->is_without || ring_unsubmitted(&uring->ring) == 0) {
        if (handle->is_held && handle->descriptor.is_tcp)
            asyncio__uring_shut_held(handle);
        close(handle->descriptor.number);
        handle->descriptor.number = -1;
    }
    return 0;
}

static int backend_detach(struct backend *backend, sock socket, int *ret_descriptor)
{
    struct uring *uring = uring_of(backend);
    struct handle *handle = posix_get(backend, socket);
    if (!handle)
        return -EBADF;
    if (handle->spill_count || handle->armed & (bit(RECV) | bit(DATAGRAMS)))
        return -EBUSY; /* bytes of it may be in our hands */
    *ret_descriptor = handle->descriptor.number;
    handle->descriptor.number = -1;
    bool is_armed = handle->armed;
    forget(uring, handle);
    if (is_armed) { /* at once: a request keeps the file open even when the new owner closes it */
        hand_in_now(uring);
    }
    return 0;
}

/* ---- submit and cancel ---- */

static int submit_send(struct uring *uring, struct handle *handle, struct op *op)
{
    op->done = 0;
    int r = send_now(uring, handle, op);
    if (r == OP_PENDING)
        handle->writer = op;
    return r;
}

static int backend_send_now(struct backend *backend, sock socket, const struct iovec *iov,
                            size_t count)
{
    struct handle *handle = posix_get(backend, socket);
    if (!handle)
        return -EBADF;
    if (handle->writer)
        return -EBUSY;
    int r = handle->descriptor.is_prepared ? 0 : asyncio__posix_prepare(&handle->descriptor);
    if (r < 0 || count == 0)
        return r;
    bool is_short;
    return posix_send_iov(&uring_of(backend)->posix, &handle->descriptor, iov, count, &is_short);
}

/* Whether epoll would watch it: a regular file is always ready, and asking is a mistake. */
static int check_pollable(const struct handle *handle)
{
    int probe = epoll_create1(EPOLL_CLOEXEC);
    if (probe < 0)
        return -errno;
    int r =
        epoll_ctl(probe, EPOLL_CTL_ADD, handle->descriptor.number, &(struct epoll_event){ 0 }) < 0
            ? -errno
            : 0;
    close(probe);
    return r;
}

static int submit_poll(struct uring *uring, struct handle *handle, struct op *op,
                       enum request request)
{
    int r = handle->descriptor.is_socket ? 0 : check_pollable(handle);
    if (r < 0)
        return r;
    *(request == WATCH_IN ? &handle->poll_in : &handle->poll_out) = op;
    want(uring, handle, request);
    return OP_PENDING;
}

static struct op **slot_of(struct handle *handle, const struct op *op)
{
    switch ((enum op_kind)op->kind) {
    case OP_RECV:
    case OP_READABLE:
    case OP_RECV_DATAGRAMS:
    case OP_ACCEPT: return &handle->reader;
    case OP_SEND:
    case OP_SEND_DATAGRAMS:
    case OP_CONNECT: return &handle->writer;
    case OP_POLL_IN: return &handle->poll_in;
    case OP_POLL_OUT: return &handle->poll_out;
    }
    return NULL;
}

static int submit(struct uring *uring, struct handle *handle, struct op *op)
{
    switch ((enum op_kind)op->kind) {
    case OP_RECV: return asyncio__uring_submit_recv(uring, handle, op);
    case OP_READABLE: return asyncio__uring_submit_readable(uring, handle, op);
    case OP_SEND: return submit_send(uring, handle, op);
    case OP_RECV_DATAGRAMS: return asyncio__uring_submit_recv_datagrams(uring, handle, op);
    case OP_SEND_DATAGRAMS:
        op->done = 0;
        return send_datagrams(uring, handle, op);
    case OP_ACCEPT:
        handle->reader = op;
        want(uring, handle, ACCEPT);
        return OP_PENDING;
    case OP_CONNECT:
        handle->writer = op;
        want(uring, handle, CONNECT);
        return OP_PENDING;
    case OP_POLL_IN: return submit_poll(uring, handle, op, WATCH_IN);
    default: return submit_poll(uring, handle, op, WATCH_OUT);
    }
}

static int backend_submit(struct backend *backend, struct op *op)
{
    struct handle *handle = posix_get(backend, op->socket);
    if (!handle)
        return -EBADF;
    if (op->kind == OP_RECV && handle->descriptor.is_prepared)
        return asyncio__uring_submit_recv(uring_of(backend), handle, op);
    struct op **slot = slot_of(handle, op);
    if (!slot)
        return -EINVAL;
    if (*slot)
        return -EBUSY;
    if (op->kind != OP_POLL_IN && op->kind != OP_POLL_OUT) {
        int r = asyncio__posix_prepare(&handle->descriptor);
        if (r < 0)
            return r;
    }
    op->flags = 0;
    int r = submit(uring_of(backend), handle, op);
    if (r == OP_PENDING)
        op->state = OP_QUEUED;
    return r;
}

/* Free at once when the kernel does not have it, or has nothing of the caller's in it. */
static int cancel_request(struct uring *uring, struct handle *handle, struct op **slot,
                          enum request request)
{
    if (handle->armed & bit(request)) {
        (*slot)->flags |= FLAG_CANCELLED;
        unwant(uring, handle, request);
        return 0;
    }
    handle->wanted &= (uint16_t)~bit(request);
    *slot = NULL;
    return 1;
}

static int backend_cancel(struct backend *backend, struct op *op)
{
    struct uring *uring = uring_of(backend);
    if (op->state != OP_QUEUED)
        return 1;
    if (op->flags & FLAG_CANCELLED && !backend_is_inherited(backend))
        return 0;
    struct handle *handle = posix_get(backend, op->socket);
    struct op **slot = handle ? slot_of(handle, op) : NULL;
    int r = 1;
    if (!slot || *slot != op) {
        r = 1;
    } else if (backend_is_inherited(backend)) {
        *slot = NULL;
    } else if (op->kind == OP_ACCEPT) {
        r = cancel_request(uring, handle, slot, ACCEPT);
    } else if (op->kind == OP_CONNECT) {
        r = cancel_request(uring, handle, slot, CONNECT);
    } else if (op->kind == OP_SEND && sends_by_request(handle)) {
        r = cancel_request(uring, handle, slot, SEND);
    } else {
        *slot = NULL;
        if (op->kind == OP_RECV || op->kind == OP_READABLE || op->kind == OP_RECV_DATAGRAMS)
            handle->wanted &= (uint16_t) ~(bit(RECV) | bit(READABLE) | bit(DATAGRAMS));
        else
            unwant(uring, handle,
                   op->kind == OP_SEND || op->kind == OP_SEND_DATAGRAMS ? WRITABLE
                   : op->kind == OP_POLL_IN ? WATCH_IN
                                            : WATCH_OUT);
    }
    if (r == 1)
        op->state = OP_IDLE;
    return r;
}

/* ---- beginning and end ---- */

static int backend_init(struct backend *backend, const struct backend_limits *limits)
{
    struct uring *uring = uring_of(backend);
    _Static_assert((int)WHOLE_STEPS_END - 1 <= (int)KIND_MASK, "a request fits the low bits");
    asyncio__posix_init(&uring->posix, limits, sizeof(struct handle));
    list_init(&uring->dirty);
    list_init(&uring->files);
    list_init(&uring->files_in_kernel);
    uring->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (uring->wake < 0)
        return -errno;
    int r = asyncio__ring_init(&uring->ring, limits->ring_entries, limits->buffers,
                               limits->buffer_size);
    if (r < 0)
        close(uring->wake);
    return r;
}

/* Takes back everything, and waits for it: after this the kernel writes and reads nothing of ours
 * or our callers'. */
static void take_back(struct uring *uring)
{
    enum { TRIES = 100 };
    struct io_uring_sqe *sqe = asyncio__ring_request(&uring->ring);
    if (sqe) {
        io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
        sqe->user_data = DATA_IGNORED;
    }
    for (int i = 0; uring->in_kernel && i < TRIES; i++) {
        int r = asyncio__ring_enter(&uring->ring, 1, 100000000);
        if (r == -EEXIST || r == -EBADF || r == -EINVAL)
            break; /* the thread of this ring is another: closing the ring has to do */
        for (struct io_uring_cqe cqe; ring_take(&uring->ring, &cqe);) {
            if (cqe.user_data == DATA_IGNORED)
                continue;
            if (!(cqe.flags & IORING_CQE_F_MORE))
                uring->in_kernel--;
            uint64_t kind = cqe.user_data & KIND_MASK;
            if (cqe.user_data > KIND_MASK && (kind == ACCEPT || kind == WHOLE_KEEP) && cqe.res >= 0)
                close(cqe.res);
        }
    }
}

static void backend_fini(struct backend *backend)
{
    struct uring *uring = uring_of(backend);
    if (uring->ring.is_enabled && !backend_is_inherited(backend) && !uring->is_without)
        take_back(uring);
    if (!uring->is_without)
        asyncio__ring_fini(&uring->ring);
    for (uint32_t i = 0; i < uring->posix.table.count; i++) {
        struct handle *handle = (struct handle *)(void *)table_at(&uring->posix.table, i);
        if (entry_is_live(&handle->descriptor.entry))
            table_retire(&handle->descriptor.entry);
        else if (!handle->is_closing)
            continue;
        end_handle(uring, handle);
    }
    asyncio__uring_without_fini(uring);
    asyncio__posix_fini(&uring->posix);
    close(uring->wake);
}

const struct backend_type asyncio__backend_io_uring = {
    .name = "io_uring",
    .size = sizeof(struct uring),
    .init = backend_init,
    .fini = backend_fini,
    .poll = backend_poll,
    .ready = backend_ready,
    .wake = backend_wake,
    .fileno = backend_fileno,
    .socket = backend_socket,
    .adopt = backend_adopt,
    .detach = backend_detach,
    .descriptor = asyncio__posix_descriptor,
    .lend = asyncio__posix_lend,
    .has = asyncio__posix_has,
    .bind = asyncio__posix_bind,
    .listen = asyncio__posix_listen,
    .setsockopt = asyncio__posix_setsockopt,
    .getsockopt = asyncio__posix_getsockopt,
    .getsockname = asyncio__posix_getsockname,
    .getpeername = asyncio__posix_getpeername,
    .shutdown = asyncio__posix_shutdown,
    .path_id = asyncio__posix_path_id,
    .path_remove = asyncio__posix_path_remove,
    .close = backend_close,
    .submit = backend_submit,
    .cancel = backend_cancel,
    .send_now = backend_send_now,
    .is_readable = asyncio__uring_is_readable,
    .file = asyncio__uring_file,
    .file_cancel = asyncio__uring_file_cancel,
};
