/* SPDX-License-Identifier: MIT */
/* The io_uring backend when io_uring is forbidden in mid-life: by a filter on system calls that a
 * program puts on itself once it has what it needs.
 *
 * MODEL     The ring is given up, and the requests stay: this does what the kernel would have done
 *           with them, by poll(2) and the system call itself, and makes their completions up. So
 *           handles, ops and their rules are those of io_uring.c. Slower, and that is all.
 * LOST      What the kernel had begun and nobody can ask it about any more: a send under way (how
 *           much of it went is not known) and operations on files end in -EIO. Bytes that it had
 *           received are in completions, and those are all handled first.
 * KERNEL    It may hold on to the files of requests that it still has. So TCP sockets among them
 *           are shut down when they are closed, and the peer hears of it; the address of a listener
 *           may be in use a moment longer.
 * FOREIGN   No descriptor is left that a foreign loop could wait for: fileno is -EPERM. */
#include "backend/io_uring.h"

#include "backend/file.h"
#include "base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    GRACE_NS = 20000000, /* for the kernel to be done with files' memory */
    BACKLOG_NS = 1000000, /* an AF_UNIX backlog that is full tells nobody when it is not */
    SOME_NS = 1000000,    /* where not all can be polled at once */
};

bool asyncio__uring_is_forbidden(int error)
{
    return error == -EPERM || error == -EACCES || error == -ENOSYS;
}

static int complete(struct uring *uring, struct handle *handle, enum request request, int result)
{
    struct io_uring_cqe completion = { .user_data = (uintptr_t)handle | (uint64_t)request,
                                       .res = result };
    return asyncio__uring_on_completion(uring, &completion);
}

static struct handle *handle_at(struct uring *uring, uint32_t index)
{
    struct handle *handle = (struct handle *)(void *)table_at(&uring->posix.table, index);
    return entry_is_live(&handle->descriptor.entry) || handle->is_closing ? handle : NULL;
}

/* ---- giving the ring up ---- */

/* A request that the kernel never saw is wanted again. */
static void take_out(struct uring *uring, const struct io_uring_sqe *sqe)
{
    uint64_t data = sqe->user_data, kind = data & KIND_MASK;
    if (data == DATA_IGNORED || data == DATA_WAKE)
        return;
    uring->in_kernel--;
    if (kind >= REQUEST_FILE) {
        asyncio__uring_file_again(uring,
                                  (struct file_op *)(uintptr_t)(data & ~(uint64_t)KIND_MASK));
        return;
    }
    struct handle *handle = (struct handle *)(uintptr_t)(data & ~(uint64_t)KIND_MASK);
    enum request request = (enum request)kind;
    uring->levels -= request >= WATCH_IN;
    handle->armed &= (uint16_t)~bit(request);
    want(uring, handle, request);
    if (handle->unwanted & bit(request)) { /* and taken back: there it is found */
        handle->armed |= bit(request);
        uring->in_kernel++;
        uring->levels += request >= WATCH_IN;
        handle->wanted &= (uint16_t)~bit(request);
    }
}

static void take_all_out(struct uring *uring)
{
    struct io_uring_sq *sq = &uring->ring.uring.sq;
    unsigned head = IO_URING_READ_ONCE(*sq->khead);
    for (; head != sq->sqe_tail; head++)
        take_out(uring, &sq->sqes[head & sq->ring_mask]);
}

/* What the kernel has: some of it ends here, the rest is ours to do from now on. */
static int take_over(struct uring *uring, struct handle *handle)
{
    int completed = 0;
    handle->is_held = handle->armed != 0;
    for (unsigned had = handle->armed & (bit(RECV) | bit(DATAGRAMS)); had; had &= had - 1) {
        enum request request = (enum request)__builtin_ctz(had);
        handle->is_direct = true;
        handle->ready |= READY_IN | READ_ON;
        handle->unwanted |= bit(request);
        completed += complete(uring, handle, request, -ECANCELED);
    }
    if (handle->armed & bit(SEND))
        completed += complete(uring, handle, SEND, -EIO);
    if (handle->armed & handle->unwanted && list_empty(&handle->link))
        list_append(&uring->dirty, &handle->link);
    return completed;
}

int asyncio__uring_forbidden(struct uring *uring)
{
    int completed = 0;
    uring->is_without = true;
    uring->without.polled = uring->without.few_polled;
    uring->without.handles = uring->without.few_handles;
    uring->without.capacity = POLLED_FEW;
    take_all_out(uring);
    asyncio__ring_fini(&uring->ring);
    if (!list_empty(&uring->files_in_kernel))
        nanosleep(&(struct timespec){ 0, GRACE_NS }, NULL);
    completed += asyncio__uring_end_files(uring);
    for (uint32_t i = 0; i < uring->posix.table.count; i++) {
        struct handle *handle = handle_at(uring, i);
        if (handle && handle->armed)
            completed += take_over(uring, handle);
    }
    return completed;
}

void asyncio__uring_shut_held(const struct handle *handle)
{
    struct linger linger = { 0, 0 };
    socklen_t size = sizeof linger;
    int number = handle->descriptor.number;
    char byte;
    /* who would reset it by closing, also for what is unread, does so by taking it back */
    bool resets = recv(number, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0 ||
                  (getsockopt(number, SOL_SOCKET, SO_LINGER, &linger, &size) == 0 &&
                   linger.l_onoff && linger.l_linger == 0);
    if (!resets || connect(number, &(struct sockaddr){ .sa_family = AF_UNSPEC },
                           sizeof(struct sockaddr)) < 0)
        (void)shutdown(number, SHUT_RDWR);
}

void asyncio__uring_without_fini(struct uring *uring)
{
    struct without *without = &uring->without;
    if (without->capacity <= POLLED_FEW)
        return;
    asyncio__free(without->polled);
    asyncio__free(without->handles);
}

/* ---- being the kernel ---- */

/* What is taken back ends, what is wanted begins. */
static int take_in(struct uring *uring)
{
    struct list dirty = LIST_INIT(dirty);
    int completed = 0;
    list_splice(&dirty, &uring->dirty);
    for (struct list *link; (link = list_pop(&dirty));) {
        struct handle *handle = container_of(link, struct handle, link);
        for (unsigned ended; (ended = handle->armed & (unsigned)handle->unwanted) != 0;)
            completed += complete(uring, handle, (enum request)__builtin_ctz(ended), -ECANCELED);
        const unsigned through_buffers = bit(RECV) | bit(DATAGRAMS);
        if (handle->wanted & through_buffers) {
            handle->is_direct = true;
            handle->ready |= READY_IN;
            handle->wanted = (uint16_t)((handle->wanted & ~through_buffers) | bit(READABLE));
        }
        for (unsigned todo; (todo = handle->wanted & ~(unsigned)handle->armed) != 0;) {
            enum request request = (enum request)__builtin_ctz(todo);
            handle->wanted &= (uint16_t)~bit(request);
            handle->armed |= bit(request);
            uring->in_kernel++;
            uring->levels += request >= WATCH_IN;
        }
    }
    return completed;
}

static short events_of(const struct handle *handle)
{
    const unsigned in = bit(ACCEPT) | bit(WATCH_IN);
    const unsigned out = bit(SEND) | bit(WRITABLE) | bit(CONNECT) | bit(WATCH_OUT);
    return (short)((handle->armed & in ? POLLIN : 0) | (handle->armed & out ? POLLOUT : 0) |
                   (handle->armed & bit(READABLE) ? POLLIN | POLLRDHUP | POLLPRI : 0));
}

/* False: no memory. */
static bool grow(struct without *without)
{
    size_t capacity = without->capacity * 4, used = without->count;
    struct pollfd *polled = asyncio__malloc(capacity * sizeof *polled);
    struct handle **handles = asyncio__malloc(capacity * sizeof *handles);
    if (!polled || !handles) {
        asyncio__free(polled);
        asyncio__free(handles);
        return false;
    }
    memcpy(polled, without->polled, used * sizeof *polled);
    memcpy(handles, without->handles, used * sizeof *handles);
    if (without->capacity > POLLED_FEW) {
        asyncio__free(without->polled);
        asyncio__free(without->handles);
    }
    without->polled = polled;
    without->handles = handles;
    without->capacity = capacity;
    return true;
}

static bool add(struct without *without, struct handle *handle, int number, short events)
{
    if (without->count == without->capacity && !grow(without))
        return false;
    without->polled[without->count] = (struct pollfd){ number, events, 0 };
    without->handles[without->count++] = handle;
    return true;
}

/* False: for want of memory not all of them; the next time others have their turn. */
static bool gather(struct uring *uring)
{
    struct without *without = &uring->without;
    uint32_t count = uring->posix.table.count;
    without->count = 0;
    (void)add(without, NULL, uring->wake, POLLIN);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (without->first + i) % count;
        struct handle *handle = handle_at(uring, at);
        if (!handle || !handle->armed || handle->descriptor.number < 0)
            continue;
        if (!add(without, handle, handle->descriptor.number, events_of(handle))) {
            without->first = at;
            return false;
        }
    }
    return true;
}

static int connect_now(const struct handle *handle)
{
    int r = asyncio__posix_connect(&handle->descriptor, handle->writer);
    if (r == -EAGAIN)
        nanosleep(&(struct timespec){ 0, BACKLOG_NS }, NULL);
    return r == -EISCONN                                           ? 0
           : r == -EINPROGRESS || r == -EALREADY || r == -EAGAIN ? OP_PENDING
                                                                   : r;
}

/* What the kernel would do now; OP_PENDING: nothing yet. */
static int do_now(struct uring *uring, struct handle *handle, enum request request, short revents)
{
    bool is_short;
    int r;
    switch (request) {
    case ACCEPT:
        r = accept4(handle->descriptor.number, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        return r < 0 && errno == EAGAIN ? OP_PENDING : r < 0 ? -errno : r;
    case SEND:
        r = posix_send_iov(&uring->posix, &handle->descriptor, handle->writer->iov,
                           handle->writer->iov_count, &is_short);
        return r == -EAGAIN ? OP_PENDING : r;
    case CONNECT: return connect_now(handle);
    default: return revents;
    }
}

static int perform(struct uring *uring, struct handle *handle, short revents)
{
    const unsigned in = bit(READABLE) | bit(ACCEPT) | bit(WATCH_IN);
    const short always = POLLHUP | POLLERR | POLLNVAL;
    unsigned may = (revents & (POLLIN | POLLRDHUP | POLLPRI | always) ? in : 0) |
                   (revents & (POLLOUT | always) ? ~in : 0);
    int completed = 0;
    for (unsigned i = 0; i < REQUESTS; i++) {
        enum request request = (enum request)i;
        if (!(may & handle->armed & bit(request)) || handle->unwanted & bit(request))
            continue;
        int r = do_now(uring, handle, request, revents);
        if (r != OP_PENDING)
            completed += complete(uring, handle, request, r);
    }
    return completed;
}

static int wait(const struct without *without, int64_t timeout_ns)
{
    struct timespec limit = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
    int n = ppoll(without->polled, without->count, timeout_ns < 0 ? NULL : &limit, NULL);
    return n < 0 && errno != EINTR ? -errno : n;
}

int asyncio__uring_poll_without(struct uring *uring, int64_t timeout_ns)
{
    struct without *without = &uring->without;
    int completed = asyncio__uring_run_files(uring);
    completed += take_in(uring);
    if (!gather(uring) && (timeout_ns < 0 || timeout_ns > SOME_NS))
        timeout_ns = SOME_NS;
    int n = wait(without, completed || !list_empty(&uring->dirty) ? 0 : timeout_ns);
    if (n <= 0)
        return n < -1 && !completed ? n : completed;
    uint64_t wakes;
    if (without->polled[0].revents && read(uring->wake, &wakes, sizeof wakes) < 0)
        return completed; /* it would be a level */
    uring->received = 0;
    for (size_t i = 1; i < without->count; i++)
        if (without->polled[i].revents)
            completed += perform(uring, without->handles[i], without->polled[i].revents);
    return completed;
}
