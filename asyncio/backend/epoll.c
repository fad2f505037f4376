/* SPDX-License-Identifier: MIT */
/* The backend over epoll: it imitates completions. A system call is tried first; only when that
 * would block is the descriptor watched, once and for both directions, edge-triggered, until it is
 * closed.
 *
 * READY    Each handle remembers what the kernel last said of it. A bit is set by an event, and
 *          cleared by -EAGAIN or, on TCP, by a transfer shorter than asked: then the next call
 *          would only say -EAGAIN, and the next edge is certain (but see READ_ON). So by a receive
 *          of fewer datagrams than asked for, and by one of bulk that tells that nothing is left
 *          (asyncio__posix_ask_left).
 * POLL     While an OP_POLL is armed the registration is level-triggered, for what is waited for
 *          and nothing else; changing a registration makes the kernel report again, so no edge is
 *          lost on the way.
 * ACTIVE   Handles with work that no event will announce (the bound of one poll was reached, or
 *          readiness is already known) are in the active list, and the next poll does not wait.
 * WAKE     An eventfd, edge-triggered: each write is an edge, so nobody ever has to read it. */
#include "backend/posix.h"
#include "base/sanitize.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    EVENTS = 256, /* taken from the kernel in one poll */
    ACCEPTS = 64, /* connections taken from one listener in one poll */
    SENDS = 16,   /* system calls of one OP_SEND before others have their turn */
};

#define EDGE ((uint32_t)EPOLLET | EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI)

struct handle {
    struct descriptor descriptor;
    struct list link;  /* in the active list, or alone */
    struct op *reader; /* OP_RECV, OP_READABLE or OP_ACCEPT, pending */
    struct op *writer; /* OP_SEND or OP_CONNECT, pending */
    struct op *poll_in, *poll_out;
    uint32_t registered; /* the events the kernel watches, 0: it does not */
    bool is_edge;        /* an op has blocked: watched until closed */
    uint8_t ready;
};

struct epoll {
    struct posix posix;
    int number, wake;
    bool has_pwait2;
    bool is_exported; /* somebody polls our descriptor: it must show the active list too */
    struct list active;
    unsigned levels; /* handles that are watched level-triggered */
    size_t received; /* bytes, in this poll */
    int next, count; /* of `events`: the first that is not handled yet, and how many there are */
    struct epoll_event events[EVENTS];
};

#define WAKE_DATA UINT64_MAX

static struct epoll *epoll_of(struct backend *backend)
{
    return (struct epoll *)(void *)backend;
}

static uint64_t data_of(const struct handle *handle)
{
    return (uint64_t)handle->descriptor.entry.generation << 32 | handle->descriptor.entry.index;
}

static bool is_alive(const struct handle *handle, uint32_t generation)
{
    return handle->descriptor.entry.generation == generation;
}

/* Of a datagram socket the kernel tells that it can be written to whenever a datagram has left it:
 * that is only asked for where one waits. */
static uint32_t edges(const struct handle *handle)
{
    bool is_told = handle->descriptor.is_stream || !handle->descriptor.is_socket || handle->writer;
    return is_told ? EDGE : EDGE & ~(uint32_t)EPOLLOUT;
}

static uint32_t interest(const struct handle *handle)
{
    if (!handle->poll_in && !handle->poll_out)
        return handle->is_edge ? edges(handle) : 0;
    return (handle->poll_in || handle->reader ? EPOLLIN : 0U) |
           (handle->poll_out || handle->writer ? EPOLLOUT : 0U);
}

static bool is_level(uint32_t events)
{
    return events && !(events & (uint32_t)EPOLLET);
}

/* Brings the kernel's registration in line with what is pending. */
static int watch(struct epoll *epoll, struct handle *handle)
{
    uint32_t events = interest(handle);
    if (events == handle->registered || backend_is_inherited(&epoll->posix.backend))
        return 0;
    int what = !handle->registered ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    struct epoll_event event = { .events = events, .data.u64 = data_of(handle) };
    if (epoll_ctl(epoll->number, what, handle->descriptor.number, &event) < 0)
        return -errno;
    epoll->levels += is_level(events);
    epoll->levels -= is_level(handle->registered);
    handle->registered = events;
    return 0;
}

static int watch_edges(struct epoll *epoll, struct handle *handle)
{
    handle->is_edge = true;
    return watch(epoll, handle);
}

static void backend_wake(struct backend *backend)
{
    int saved = errno;
    ssize_t n = write(epoll_of(backend)->wake, &(uint64_t){ 1 }, sizeof(uint64_t));
    (void)n; /* full after 2^64 writes; and then it is an edge nevertheless */
    errno = saved;
}

static void activate(struct epoll *epoll, struct handle *handle)
{
    if (!list_empty(&handle->link))
        return;
    list_append(&epoll->active, &handle->link);
    if (epoll->is_exported)
        backend_wake(&epoll->posix.backend);
}

/* ---- the ops: each tries, and says OP_PENDING when it has to wait for an event ---- */

static int try_send(struct epoll *epoll, struct handle *handle, struct op *op)
{
    for (int i = 0; i < SENDS; i++) {
        if (!asyncio__posix_send_left(op))
            return asyncio__posix_send_result(op);
        if (!(handle->ready & READY_OUT))
            return OP_PENDING;
        bool is_short = false;
        int n = asyncio__posix_send(&epoll->posix, &handle->descriptor, op, &is_short);
        if (n == -EAGAIN || descriptor_was_full(&handle->descriptor, is_short))
            handle->ready &= (uint8_t)~READY_OUT;
        else if (n < 0)
            return n;
    }
    if (!asyncio__posix_send_left(op))
        return asyncio__posix_send_result(op);
    if (handle->ready & READY_OUT)
        activate(epoll, handle);
    return OP_PENDING;
}

static int try_send_datagrams(struct epoll *epoll, struct handle *handle, struct op *op)
{
    int r = asyncio__posix_send_datagrams(&epoll->posix, &handle->descriptor, &handle->ready, op);
    if (r == OP_PENDING && handle->ready & READY_OUT)
        activate(epoll, handle);
    return r;
}

static int try_connect(struct handle *handle)
{
    if (!(handle->ready & READY_OUT))
        return OP_PENDING;
    int r = asyncio__posix_connect_result(&handle->descriptor);
    if (r == -EINPROGRESS) {
        handle->ready = 0;
        return OP_PENDING;
    }
    return r;
}

static int start_connect(struct handle *handle, struct op *op)
{
    int r = asyncio__posix_connect(&handle->descriptor, op);
    if (r == 0)
        handle->ready = READY_IN | READY_OUT;
    if (r != -EINPROGRESS)
        return r;
    handle->ready = 0;
    return OP_PENDING;
}

/* ---- completing ---- */

static int finish(struct op **slot, int result)
{
    struct op *op = *slot;
    *slot = NULL;
    op->state = OP_IDLE;
    op->complete(op, result);
    return 1;
}

/* Takes what connections there are. The op stays armed unless an attempt failed for want of
 * something. */
static int run_accept(struct epoll *epoll, struct handle *handle)
{
    struct op *op = handle->reader;
    uint32_t generation = handle->descriptor.entry.generation;
    int completed = 0;
    for (int i = 0; i < ACCEPTS; i++) {
        /* first: an accepted connection must not be lost */
        int r = asyncio__table_reserve(&epoll->posix.table);
        if (r < 0)
            return completed + finish(&handle->reader, r);
        int number = accept4(handle->descriptor.number, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (number < 0) {
            if (errno == EAGAIN) {
                handle->ready &= (uint8_t) ~(READY_IN | READ_ON);
                return completed;
            }
            if (asyncio__posix_accept_is_transient(errno))
                continue;
            return completed + finish(&handle->reader, -errno);
        }
        sock accepted = SOCK_NONE;
        r = asyncio__posix_accepted(&epoll->posix, &handle->descriptor, number, &accepted);
        if (r < 0)
            return completed + finish(&handle->reader, r);
        struct handle *made = posix_get(&epoll->posix.backend, accepted);
        list_init(&made->link);
        made->ready = READY_IN | READY_OUT;
        op->accepted = accepted;
        op->complete(op, 0);
        completed++;
        if (!is_alive(handle, generation) || handle->reader != op)
            return completed;
    }
    activate(epoll, handle);
    return completed;
}

static int run_recv_datagrams(struct epoll *epoll, struct handle *handle)
{
    int r = asyncio__posix_recv_datagrams(&epoll->posix, &handle->descriptor, &handle->ready,
                                          handle->reader);
    return r == OP_PENDING ? 0 : finish(&handle->reader, r);
}

/* Goes on with what is pending on the handle, as far as it is ready. */
static int run(struct epoll *epoll, struct handle *handle)
{
    uint32_t generation = handle->descriptor.entry.generation;
    int completed = 0;
    if (handle->reader && handle->ready & READY_IN) {
        if (handle->reader->kind == OP_ACCEPT) {
            completed += run_accept(epoll, handle);
        } else if (handle->reader->kind == OP_RECV_DATAGRAMS) {
            completed += run_recv_datagrams(epoll, handle);
        } else if (handle->reader->kind == OP_READABLE) {
            completed += finish(&handle->reader, 1);
        } else {
            int r =
                posix_try_recv(&epoll->posix, &handle->descriptor, &handle->ready, handle->reader);
            epoll->received += r > 0 ? (size_t)r : 0;
            if (r != OP_PENDING)
                completed += finish(&handle->reader, r);
        }
        if (!is_alive(handle, generation))
            return completed;
    }
    if (handle->writer && handle->ready & READY_OUT) {
        int r = handle->writer->kind == OP_CONNECT ? try_connect(handle)
                : handle->writer->kind == OP_SEND  ? try_send(epoll, handle, handle->writer)
                                                   : try_send_datagrams(epoll, handle,
                                                                        handle->writer);
        if (r != OP_PENDING)
            completed += finish(&handle->writer, r);
    }
    return completed;
}

/* Nearly every event: bytes for an op that waits for them, and nobody waits for anything else. */
static inline bool is_message(const struct handle *handle, uint32_t events)
{
    return !(events & ~(uint32_t)(EPOLLIN | EPOLLOUT)) && events & EPOLLIN && handle->reader &&
           handle->reader->kind == OP_RECV && !handle->writer && handle->registered == EDGE;
}

static int on_message(struct epoll *epoll, struct handle *handle, uint32_t events)
{
    _Static_assert((int)EPOLLIN == READY_IN && (int)EPOLLOUT >> 1 == READY_OUT, "the same bits");
    handle->ready |= (uint8_t)((events & EPOLLIN) | (events & EPOLLOUT) >> 1);
    int r = posix_try_recv(&epoll->posix, &handle->descriptor, &handle->ready, handle->reader);
    if (__builtin_expect(r == OP_PENDING, 0))
        return 0;
    epoll->received += r > 0 ? (size_t)r : 0;
    return finish(&handle->reader, r);
}

static int __attribute__((noinline)) on_other_event(struct epoll *epoll, struct handle *handle,
                                                    uint32_t events)
{
    uint32_t generation = handle->descriptor.entry.generation;
    bool was_level = is_level(handle->registered);
    descriptor_on_events(&handle->ready, events);
    int completed = run(epoll, handle);
    if (!was_level || !is_alive(handle, generation))
        return completed;
    if (handle->poll_in && events & ~(uint32_t)EPOLLOUT) {
        handle->poll_in->complete(handle->poll_in, 1);
        completed++;
    }
    if (is_alive(handle, generation) && handle->poll_out &&
        events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        handle->poll_out->complete(handle->poll_out, 1);
        completed++;
    }
    if (is_alive(handle, generation))
        watch(epoll, handle); /* a reader or writer is done: no level of its own any more */
    return completed;
}

static inline int on_event(struct epoll *epoll, struct handle *handle, uint32_t events)
{
    return __builtin_expect(is_message(handle, events), 1) ? on_message(epoll, handle, events)
                                                           : on_other_event(epoll, handle, events);
}

/* ---- the slots ---- */

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

static int submit_recv(struct epoll *epoll, struct handle *handle, struct op *op)
{
    int r;
    if (handle->reader)
        return -EBUSY;
    if (!handle->descriptor.is_prepared && (r = asyncio__posix_prepare(&handle->descriptor)) < 0)
        return r;
    r = posix_try_recv(&epoll->posix, &handle->descriptor, &handle->ready, op);
    if (r != OP_PENDING)
        return r;
    handle->reader = op;
    if (handle->registered != EDGE && (r = watch_edges(epoll, handle)) < 0) {
        handle->reader = NULL;
        return r;
    }
    op->state = OP_QUEUED;
    return OP_PENDING;
}

static int try_now(struct epoll *epoll, struct handle *handle, struct op *op)
{
    switch ((enum op_kind)op->kind) {
    case OP_SEND: op->done = 0; return try_send(epoll, handle, op);
    case OP_CONNECT: return start_connect(handle, op);
    case OP_READABLE: return handle->ready & READY_IN ? 1 : OP_PENDING;
    case OP_RECV_DATAGRAMS:
        return asyncio__posix_recv_datagrams(&epoll->posix, &handle->descriptor, &handle->ready,
                                             op);
    case OP_SEND_DATAGRAMS: op->done = 0; return try_send_datagrams(epoll, handle, op);
    case OP_ACCEPT:
        if (handle->registered && handle->ready & READY_IN)
            activate(epoll, handle);
        return OP_PENDING;
    default: return OP_PENDING;
    }
}

static int __attribute__((noinline)) submit(struct epoll *epoll, struct handle *handle,
                                            struct op *op)
{
    if (op->kind == OP_RECV)
        return submit_recv(epoll, handle, op);
    struct op **slot = slot_of(handle, op);
    if (!slot)
        return -EINVAL;
    if (*slot)
        return -EBUSY;
    bool is_poll = op->kind == OP_POLL_IN || op->kind == OP_POLL_OUT;
    int r = is_poll ? 0 : asyncio__posix_prepare(&handle->descriptor);
    if (r < 0)
        return r;
    r = try_now(epoll, handle, op);
    if (r != OP_PENDING)
        return r;
    *slot = op;
    r = is_poll ? watch(epoll, handle) : watch_edges(epoll, handle);
    if (r < 0) {
        *slot = NULL;
        return r;
    }
    op->state = OP_QUEUED;
    return OP_PENDING;
}

static int backend_submit(struct backend *backend, struct op *op)
{
    struct handle *handle = posix_get(backend, op->socket);
    if (!handle)
        return -EBADF;
    if (__builtin_expect(op->kind != OP_RECV || handle->reader || handle->ready & READY_IN ||
                             handle->registered != EDGE, 0))
        return submit(epoll_of(backend), handle, op);
    handle->reader = op; /* nothing to read, and the next bytes are an edge */
    op->state = OP_QUEUED;
    return OP_PENDING;
}

static int backend_cancel(struct backend *backend, struct op *op)
{
    struct handle *handle = posix_get(backend, op->socket);
    struct op **slot = handle ? slot_of(handle, op) : NULL;
    op->state = OP_IDLE;
    if (slot && *slot == op) {
        *slot = NULL;
        if (handle->registered != EDGE)
            watch(epoll_of(backend), handle);
    }
    return 1;
}

static int __attribute__((noinline)) send_slowly(struct posix *posix, struct handle *handle,
                                                 const struct iovec *iov, size_t count)
{
    if (handle->writer)
        return -EBUSY;
    int r = handle->descriptor.is_prepared ? 0 : asyncio__posix_prepare(&handle->descriptor);
    if (r < 0 || count == 0)
        return r;
    if (!(handle->ready & READY_OUT))
        return -EAGAIN;
    bool is_short;
    int n = asyncio__posix_send_iov(posix, &handle->descriptor, iov, count, &is_short);
    if (n == -EAGAIN || descriptor_was_full(&handle->descriptor, is_short))
        handle->ready &= (uint8_t)~READY_OUT;
    return n;
}

/* With a way of its own for most messages: one piece, to a TCP socket, which takes all of it. */
static int backend_send_now(struct backend *backend, sock socket, const struct iovec *iov,
                            size_t count)
{
    struct posix *posix = &epoll_of(backend)->posix;
    struct handle *handle = posix_get(backend, socket);
    if (!handle)
        return -EBADF;
    if (__builtin_expect(handle->writer || !(handle->ready & READY_OUT) || count != 1 ||
                             !handle->descriptor.is_tcp || !handle->descriptor.is_prepared ||
                             handle->descriptor.is_framed ||
                             iov->iov_len > posix->chop, 0))
        return send_slowly(posix, handle, iov, count);
    ssize_t n = send(handle->descriptor.number, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
    if (__builtin_expect((size_t)n == iov->iov_len, 1))
        return (int)n; /* no more than TRANSFER_MAX */
    if (n < 0 && errno != EAGAIN)
        return errno == EINTR ? send_slowly(posix, handle, iov, count) : -errno;
    handle->ready &= (uint8_t)~READY_OUT;
    return n < 0 ? -EAGAIN : (int)n;
}

/* Ends the handle, and the kernel's watch with it: a duplicate elsewhere would keep that alive. */
static int forget(struct epoll *epoll, struct handle *handle)
{
    int number = handle->descriptor.number;
    if (handle->registered && !backend_is_inherited(&epoll->posix.backend))
        epoll_ctl(epoll->number, EPOLL_CTL_DEL, number, NULL);
    epoll->levels -= is_level(handle->registered);
    list_remove(&handle->link);
    table_retire(&handle->descriptor.entry);
    table_release(&epoll->posix.table, &handle->descriptor.entry);
    return number;
}

static int backend_close(struct backend *backend, sock socket)
{
    struct handle *handle = posix_get(backend, socket);
    if (!handle)
        return -EBADF;
    struct descriptor was = handle->descriptor;
    int number = forget(epoll_of(backend), handle);
    /* the number is free, interrupted or not */
    return asyncio__posix_close_number(&was, number) < 0 && errno != EINTR ? -errno : 0;
}

static int backend_detach(struct backend *backend, sock socket, int *ret_descriptor)
{
    struct handle *handle = posix_get(backend, socket);
    if (!handle)
        return -EBADF;
    *ret_descriptor = forget(epoll_of(backend), handle);
    return 0;
}

static int made(struct backend *backend, int r, const sock *socket)
{
    if (r >= 0) {
        struct handle *handle = posix_get(backend, *socket);
        list_init(&handle->link);
        handle->ready = READY_IN | READY_OUT; /* unknown, so the first call finds out */
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

static int wait_events(struct epoll *epoll, int64_t timeout_ns)
{
    int n;
    if (epoll->has_pwait2 && timeout_ns > 0) {
        struct {
            int64_t seconds, nanoseconds;
        } limit = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
        n = (int)syscall(SYS_epoll_pwait2, epoll->number, epoll->events, EVENTS, &limit, NULL, 0);
    } else {
        int64_t milliseconds = timeout_ns <= 0 ? timeout_ns : (timeout_ns - 1) / 1000000 + 1;
        int limit = milliseconds < 0 ? -1 : milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
        n = epoll_wait(epoll->number, epoll->events, EVENTS, limit);
    }
    return n >= 0 ? n : errno == EINTR ? 0 : -errno;
}

static struct handle *handle_of(struct epoll *epoll, const struct epoll_event *event)
{
    uint64_t data = event->data.u64;
    if (data == WAKE_DATA)
        return NULL;
    return posix_get(&epoll->posix.backend, (sock){ (uint32_t)data, (uint32_t)(data >> 32) });
}

/* Goes on with the events at hand, until enough is received. Levels do not wait for another poll:
 * they may be no longer so by then, and behind others' bulk their turn might never come. */
static int handle_events(struct epoll *epoll)
{
    int completed = 0;
    struct handle *handle;
    while (epoll->next < epoll->count && epoll->received < POLL_BYTES) {
        struct epoll_event *event = &epoll->events[epoll->next++];
        if ((handle = handle_of(epoll, event)))
            completed += on_event(epoll, handle, event->events);
    }
    for (int i = epoll->next; epoll->levels && i < epoll->count; i++) {
        struct epoll_event *event = &epoll->events[i];
        if (!(handle = handle_of(epoll, event)) || !is_level(handle->registered))
            continue;
        event->data.u64 = WAKE_DATA; /* done with */
        completed += on_event(epoll, handle, event->events);
    }
    return completed;
}

static bool has_work(const struct epoll *epoll)
{
    return epoll->next < epoll->count || !list_empty(&epoll->active);
}

/* What gets active from here on is the next poll's. */
static int __attribute__((noinline)) run_active(struct epoll *epoll)
{
    struct list active = LIST_INIT(active);
    int completed = 0;
    list_splice(&active, &epoll->active);
    for (struct list *link; (link = list_pop(&active));)
        completed += run(epoll, container_of(link, struct handle, link));
    return completed;
}

static int backend_poll(struct backend *backend, int64_t timeout_ns)
{
    struct epoll *epoll = epoll_of(backend);
    bool has_active = !list_empty(&epoll->active);
    if (backend_is_inherited(backend))
        return -EBADF;
    epoll->received = 0;
    if (epoll->next == epoll->count) {
        int n = wait_events(epoll, has_active ? 0 : timeout_ns);
        if (n < 0)
            return n;
        epoll->next = 0;
        epoll->count = n;
    }
    int completed = has_active ? run_active(epoll) : 0;
    completed += handle_events(epoll);
    if (epoll->is_exported && has_work(epoll))
        backend_wake(backend);
    return completed;
}

static bool backend_ready(struct backend *backend)
{
    return has_work(epoll_of(backend));
}

static int backend_fileno(struct backend *backend)
{
    struct epoll *epoll = epoll_of(backend);
    epoll->is_exported = true;
    if (has_work(epoll))
        backend_wake(backend);
    return epoll->number;
}

/* Whether the kernel waits for nanoseconds. Asked no more after the first no. TSan keeps signals
 * back until a call that it knows: a program that waits in others would never see them. */
static bool has_pwait2(struct epoll *epoll)
{
#if defined(ASYNCIO__SANITIZE_THREAD)
    (void)epoll;
    return false;
#endif
    static atomic_bool is_missing;
    struct {
        int64_t seconds, nanoseconds;
    } none = { 0, 0 };
    if (!atomic_load(&is_missing) &&
        syscall(SYS_epoll_pwait2, epoll->number, epoll->events, EVENTS, &none, NULL, 0) < 0)
        atomic_store(&is_missing, true);
    return !atomic_load(&is_missing);
}

static int backend_init(struct backend *backend, const struct backend_limits *limits)
{
    struct epoll *epoll = epoll_of(backend);
    asyncio__posix_init(&epoll->posix, limits, sizeof(struct handle));
    list_init(&epoll->active);
    epoll->number = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->number < 0)
        return -errno;
    epoll->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN | (uint32_t)EPOLLET, .data.u64 = WAKE_DATA };
    if (epoll->wake < 0 || epoll_ctl(epoll->number, EPOLL_CTL_ADD, epoll->wake, &event) < 0) {
        int r = -errno;
        if (epoll->wake >= 0)
            close(epoll->wake);
        close(epoll->number);
        return r;
    }
    epoll->has_pwait2 = has_pwait2(epoll);
    return 0;
}

static void backend_fini(struct backend *backend)
{
    struct epoll *epoll = epoll_of(backend);
    asyncio__posix_fini(&epoll->posix);
    close(epoll->wake);
    close(epoll->number);
}

const struct backend_type asyncio__backend_epoll = {
    .name = "epoll",
    .size = sizeof(struct epoll),
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
    .is_readable = asyncio__posix_is_readable,
};
