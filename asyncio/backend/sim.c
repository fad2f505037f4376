/* SPDX-License-Identifier: MIT */
/* The backend over nothing: a virtual clock and a network in memory (simnet.h), driven by a seed.
 *
 * CLOCK    Stands still while there is work, and jumps to the timeout when poll would wait. So
 *          that a program that is never idle gets to its timers all the same, from the 1000th
 *          poll(0) in a row on each costs a microsecond.
 * SEED 0   Everything is plain: whole transfers, first in first out, a cancel takes effect at
 * once.
 * SEEDED   What could be done at once is sometimes put off; completions of different sockets
 *          overtake each other; transfers are chopped; a cancel sometimes answers 0, and then
 *          either the cancellation or the real result comes later; accepts fail with EMFILE now
 *          and then; thread jobs run in any order; operations on files, too, and some it does not
 *          have. Time passes at some deliveries, so that timers fall between them. The same seed
 *          and the same calls give the same run. Faults that no program gets through unharmed come
 *          only when backend_limits.faults names them (sim_fault.c). What has happened is counted
 *          for who asks (backend_limits.counts).
 * NAMES    "localhost", and every list of literal addresses ("192.0.2.1,127.0.0.1"): those are its
 *          addresses. Nobody answers at the addresses that are reserved for examples.
 * REAL     An adopted descriptor can be polled (OP_POLL_*), and nothing else. What can only come
 *          from outside, from such a descriptor or another thread's wake, is waited for in real
 *          time, but not for ever: -EDEADLK. */
#include "backend/sim.h"

#include <asyncio/datagram.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ACCEPTS = 64,        /* connections taken from one listener in one poll */
    REAL_WAIT_MS = 3000, /* of real time, for another thread or process */
    REAL_WAIT_DESCRIPTORS = 64,
    FREE_POLLS = 1000, /* poll(0) calls in a row that cost no time */
    BUSY_NS = 1000,    /* and what each one after them costs */
};
#define HANG_NS INT64_C(60000000000)

static size_t chopped(struct sim *sim, size_t size)
{
    if (size > sim->chop)
        size = sim->chop;
    if (size > INT_MAX)
        size = INT_MAX;
    if (size > 1 && event_happens(sim, SIM_SHORT, 2))
        size = happens(sim, 4) ? 1 : 1 + (size_t)(sim_draw(sim) % size);
    return size;
}

/* ---- what waits for attention ---- */

void asyncio__sim_activate(struct sim_handle *handle)
{
    struct sim *sim = handle->sim;
    if (!list_empty(&handle->link))
        return;
    handle->delay = happens(sim, 2) ? (unsigned)(sim_draw(sim) % 4) : 0;
    if (handle->delay)
        sim_count(sim, SIM_LATER);
    if (event_happens(sim, SIM_OVERTAKES, 2))
        list_prepend(&sim->active, &handle->link);
    else
        list_append(&sim->active, &handle->link);
}

void asyncio__sim_changed(struct simnet_socket *socket)
{
    struct sim_handle *handle = container_of(socket, struct sim_handle, socket);
    if (handle->reader || handle->writer)
        asyncio__sim_activate(handle);
}

struct sim_handle *asyncio__sim_handle_new(struct sim *sim)
{
    struct sim_handle *handle = asyncio__table_new(&sim->table);
    if (!handle)
        return NULL;
    handle->sim = sim;
    handle->number = -1;
    list_init(&handle->link);
    return handle;
}

void asyncio__sim_handle_end(struct sim_handle *handle)
{
    list_remove(&handle->link);
    if (handle->number >= 0)
        close(handle->number);
    else if (handle->datagrams)
        asyncio__simnet_datagrams_close(handle->datagrams);
    else
        asyncio__simnet_close(&handle->socket);
    handle->is_closing = false;
    table_release(&handle->sim->table, &handle->entry);
}

/* ---- ops ---- */

static int try_recv(struct sim *sim, struct sim_handle *handle, struct op *op)
{
    if (handle->socket.connection && fault_happens(sim, FAULT_RESET, SIM_RESET, 64))
        asyncio__simnet_reset(&handle->socket);
    int n = asyncio__simnet_recv(&handle->socket, op->data, chopped(sim, op->size));
    return n == -EAGAIN ? OP_PENDING : n;
}

static int try_readable(struct sim *sim, struct sim_handle *handle)
{
    return asyncio__simnet_is_readable(&handle->socket) || happens(sim, 16) ? 1 : OP_PENDING;
}

static int try_send(struct sim *sim, struct sim_handle *handle, struct op *op)
{
    for (;;) {
        while (op->iov_count && op->iov->iov_len == 0) {
            op->iov++;
            op->iov_count--;
        }
        if (!op->iov_count)
            return op->done > INT_MAX ? INT_MAX : (int)op->done;
        if (op->done && event_happens(sim, SIM_FULL, 4)) { /* the rest later, although there is
                                                            * room */
            asyncio__sim_activate(handle);
            return OP_PENDING;
        }
        if (fault_happens(sim, FAULT_BUFFERS, SIM_NO_BUFFERS, 64))
            return -ENOBUFS;
        int n = asyncio__simnet_send(&handle->socket, op->iov->iov_base,
                                     chopped(sim, op->iov->iov_len));
        if (n < 0)
            return n == -EAGAIN ? OP_PENDING : n;
        op->iov->iov_base = (char *)op->iov->iov_base + n;
        op->iov->iov_len -= (size_t)n;
        op->done += (size_t)n;
    }
}

/* As many as have come, or some of them. */
static int try_recv_datagrams(struct sim *sim, struct sim_handle *handle, struct op *op)
{
    unsigned count = 0;
    if (fault_happens(sim, FAULT_LOSS, SIM_SHUFFLED, 8))
        asyncio__simnet_datagrams_shuffle(handle->datagrams);
    while (count < op->datagram_count) {
        int r = asyncio__simnet_datagrams_receive(handle->datagrams, &op->datagrams[count]);
        if (r < 0) /* an error is told when nothing has come before it: see simnet_datagram.c */
            return count ? (int)count : r == -EAGAIN ? OP_PENDING : r;
        count++;
        if (happens(sim, 4))
            break;
    }
    return (int)count;
}

static int try_send_datagrams(struct sim *sim, struct sim_handle *handle, struct op *op)
{
    while (op->done < op->datagram_count) {
        if (event_happens(sim, SIM_FULL, 4)) { /* for a moment */
            asyncio__sim_activate(handle);
            return OP_PENDING;
        }
        if (fault_happens(sim, FAULT_BUFFERS, SIM_NO_BUFFERS, 16))
            return -ENOBUFS;
        int r = fault_happens(sim, FAULT_LOSS, SIM_LOST, 8)
                    ? 0
                    : asyncio__simnet_datagrams_send(handle->datagrams, &op->datagrams[op->done]);
        if (r < 0)
            return r;
        if (fault_happens(sim, FAULT_LOSS, SIM_TWICE, 8) &&
            (r = asyncio__simnet_datagrams_send(handle->datagrams, &op->datagrams[op->done])) < 0)
            return r;
        op->done++;
    }
    return (int)op->datagram_count;
}

void asyncio__sim_datagrams_changed(void *data)
{
    struct sim_handle *handle = data;
    if (handle->reader || handle->writer)
        asyncio__sim_activate(handle);
}

static int try_connect(struct sim *sim, struct sim_handle *handle, struct op *op)
{
    int fault = handle->datagrams ? 0 : asyncio__sim_connect_fault(sim);
    if (fault < 0) {
        asyncio__simnet_connect_cancel(&handle->socket);
        return fault;
    }
    if (handle->datagrams)
        return asyncio__simnet_datagrams_connect(
            handle->datagrams, (const struct sockaddr *)op->address, op->address_size);
    int r = asyncio__simnet_connect(&handle->socket, (const struct sockaddr *)op->address,
                                    op->address_size);
    return r == -EAGAIN ? OP_PENDING : r;
}

static bool is_reader(const struct op *op)
{
    return op->kind == OP_RECV || op->kind == OP_READABLE || op->kind == OP_ACCEPT ||
           op->kind == OP_RECV_DATAGRAMS;
}

static int finish(struct op **slot, int result)
{
    struct op *op = *slot;
    *slot = NULL;
    op->state = OP_IDLE;
    op->flags = 0;
    op->complete(op, result);
    return 1;
}

static int finish_cancelled(struct sim_handle *handle, struct op **slot)
{
    if ((*slot)->kind == OP_CONNECT && !handle->datagrams)
        asyncio__simnet_connect_cancel(&handle->socket);
    return finish(slot, -ECANCELED);
}

static int run_accept(struct sim *sim, struct sim_handle *handle)
{
    struct op *op = handle->reader;
    int completed = 0;
    for (int i = 0; i < ACCEPTS; i++) {
        if (!asyncio__simnet_is_readable(&handle->socket) && handle->socket.is_listening)
            return completed;
        if (event_happens(sim, SIM_NO_ACCEPT, 32))
            return completed + finish(&handle->reader, -EMFILE);
        if (fault_happens(sim, FAULT_ABORT, SIM_ABORT, 8)) {
            asyncio__simnet_reset(&handle->socket);
            continue;
        }
        struct sim_handle *made = asyncio__sim_handle_new(sim);
        if (!made)
            return completed + finish(&handle->reader, -ENOMEM);
        int r = asyncio__simnet_accept(&handle->socket, &made->socket, asyncio__sim_changed);
        if (r < 0) {
            table_retire(&made->entry);
            table_release(&sim->table, &made->entry);
            return r == -EAGAIN ? completed : completed + finish(&handle->reader, r);
        }
        op->accepted = entry_sock(&made->entry);
        op->complete(op, 0);
        completed++;
        if (handle->reader != op || op->flags & FLAG_CANCELLED)
            return completed;
    }
    asyncio__sim_activate(handle);
    return completed;
}

static int run_op(struct sim *sim, struct sim_handle *handle, struct op **slot)
{
    struct op *op = *slot;
    if (op->flags & FLAG_CANCELLED && (op->kind == OP_ACCEPT || happens(sim, 2)))
        return finish_cancelled(handle, slot);
    int r;
    switch ((enum op_kind)op->kind) {
    case OP_ACCEPT: return run_accept(sim, handle);
    case OP_RECV: r = try_recv(sim, handle, op); break;
    case OP_READABLE: r = try_readable(sim, handle); break;
    case OP_SEND: r = try_send(sim, handle, op); break;
    case OP_RECV_DATAGRAMS: r = try_recv_datagrams(sim, handle, op); break;
    case OP_SEND_DATAGRAMS: r = try_send_datagrams(sim, handle, op); break;
    default: r = try_connect(sim, handle, op); break;
    }
    if (r == OP_PENDING)
        return op->flags & FLAG_CANCELLED ? finish_cancelled(handle, slot) : 0;
    if (op->flags & FLAG_CANCELLED)
        sim_count(sim, SIM_CANCEL_LOST);
    return finish(slot, r);
}

static int run(struct sim *sim, struct sim_handle *handle)
{
    handle->is_running = true;
    int completed = 0;
    if (handle->reader)
        completed += run_op(sim, handle, &handle->reader);
    if (handle->writer)
        completed += run_op(sim, handle, &handle->writer);
    handle->is_running = false;
    if (handle->is_closing) {
        if (!handle->reader && !handle->writer)
            asyncio__sim_handle_end(handle);
        else
            asyncio__sim_activate(handle);
    }
    return completed;
}

static bool is_ready_to_poll(struct sim *sim, struct sim_handle *handle, const struct op *op)
{
    (void)sim;
    if (handle->number < 0)
        return op->kind == OP_POLL_IN ? asyncio__simnet_is_readable(&handle->socket)
                                      : asyncio__simnet_is_writable(&handle->socket);
    short events = op->kind == OP_POLL_IN ? POLLIN : POLLOUT;
    struct pollfd real = { .fd = handle->number, .events = events };
    return poll(&real, 1, 0) > 0 && real.revents & (events | POLLHUP | POLLERR);
}

static int run_polls(struct sim *sim)
{
    struct list armed = LIST_INIT(armed);
    list_splice(&armed, &sim->polls);
    int completed = 0;
    for (struct list *link; (link = list_pop(&armed));) {
        struct op *op = container_of(link, struct op, link);
        struct sim_handle *handle = handle_of(sim, op->socket);
        if (!handle)
            continue;
        list_append(&sim->polls, link);
        if (is_ready_to_poll(sim, handle, op)) {
            op->complete(op, 1);
            completed++;
        }
    }
    return completed;
}

void asyncio__sim_polls_drop(struct sim_handle *handle)
{
    struct list *polls = &handle->sim->polls;
    for (struct list *link = polls->next, *next; link != polls; link = next) {
        next = link->next;
        struct op *op = container_of(link, struct op, link);
        if (op->socket.index == handle->entry.index &&
            op->socket.generation == handle->entry.generation) {
            list_remove(link);
            op->state = OP_IDLE;
        }
    }
}

static int run_jobs(struct sim *sim)
{
    int completed = 0;
    if (sim->now >= sim->hang_end)
        list_splice(&sim->jobs, &sim->hanging);
    struct list done = LIST_INIT(done);
    list_splice(&done, &sim->jobs_done);
    for (struct list *link; (link = list_pop(&done));) {
        struct job *job = container_of(link, struct job, link);
        job->complete(job);
        completed++;
    }
    struct list started = LIST_INIT(started);
    list_splice(&started, &sim->jobs);
    for (struct list *link; (link = list_pop(&started));) {
        struct job *job = container_of(link, struct job, link);
        if (event_happens(sim, SIM_JOB_LATER, 2)) { /* another one first */
            list_append(&sim->jobs, link);
            continue;
        }
        job->run(job);
        if (happens(sim, 2)) {
            list_append(&sim->jobs_done, link);
            continue;
        }
        job->complete(job);
        completed++;
    }
    return completed;
}

/* One look at everything. */
static int step(struct sim *sim)
{
    int completed = 0;
    struct list now = LIST_INIT(now);
    list_splice(&now, &sim->active);
    for (struct list *link; (link = list_pop(&now));) {
        struct sim_handle *handle = container_of(link, struct sim_handle, link);
        if (handle->delay) {
            handle->delay--;
            list_append(&sim->active, link);
        } else {
            completed += run(sim, handle);
        }
    }
    completed += run_jobs(sim);
    completed += asyncio__sim_run_files(sim);
    return completed + run_polls(sim);
}

/* ---- waiting ---- */

static bool take_wake(struct sim *sim)
{
    if (!atomic_exchange(&sim->is_woken, false))
        return false;
    uint64_t count;
    ssize_t n = read(sim->wake, &count, sizeof count);
    (void)n; /* the waker may not have got to its write yet: then one wait ends early */
    return true;
}

/* Threads of this process; 2 when that cannot be known. */
static int thread_count(void)
{
    char text[1024];
    int number = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t n = number < 0 ? -1 : read(number, text, sizeof text - 1);
    if (number >= 0)
        close(number);
    if (n <= 0)
        return 2;
    text[n] = '\0';
    /* field 2, and it may contain spaces; num_threads is field 20 */
    const char *field = strrchr(text, ')');
    for (int i = 2; field && i < 20; i++)
        field = strchr(field + 1, ' ');
    int count = 2;
    if (field)
        sscanf(field, "%d", &count);
    return count;
}

/* Waits in real time for what only the world outside can bring. */
static int wait_outside(struct sim *sim)
{
    struct pollfd real[REAL_WAIT_DESCRIPTORS] = { { .fd = sim->wake, .events = POLLIN } };
    nfds_t count = 1;
    for (struct list *link = sim->polls.next; link != &sim->polls && count < REAL_WAIT_DESCRIPTORS;
         link = link->next) {
        struct op *op = container_of(link, struct op, link);
        struct sim_handle *handle = handle_of(sim, op->socket);
        if (handle && handle->number >= 0)
            real[count++] =
                (struct pollfd){ handle->number, op->kind == OP_POLL_IN ? POLLIN : POLLOUT, 0 };
    }
    if (count == 1 && thread_count() == 1 && !atomic_load(&sim->is_woken))
        return -EDEADLK;
    int n = poll(real, count, REAL_WAIT_MS);
    if (n == 0 && !atomic_load(&sim->is_woken))
        return -EDEADLK;
    return n < 0 && errno != EINTR ? -errno : 0;
}

/* Lets time pass until the next delivery; false: the timeout came first. */
static bool pass_time(struct sim *sim, int64_t *timeout_ns)
{
    int64_t latency = happens(sim, 3) ? (int64_t)(sim_draw(sim) % 200000) : 0;
    if (*timeout_ns < 0) {
        sim->now += latency;
        return true;
    }
    if (latency >= *timeout_ns)
        latency = *timeout_ns;
    sim->now += latency;
    *timeout_ns -= latency;
    return *timeout_ns > 0;
}

static bool has_work(const struct sim *sim)
{
    return !list_empty(&sim->active) || !list_empty(&sim->jobs) || !list_empty(&sim->jobs_done) ||
           !list_empty(&sim->files);
}

/* Nothing else is left to wait for: time jumps to the end of what hangs, or to the timeout before
 * it. False: that came first. */
static bool pass_hanging(struct sim *sim, int64_t *timeout_ns)
{
    int64_t left = sim->hang_end > sim->now ? sim->hang_end - sim->now : 0;
    bool is_first = *timeout_ns >= 0 && *timeout_ns <= left;
    int64_t passed = is_first ? *timeout_ns : left;
    sim->now += passed;
    *timeout_ns -= *timeout_ns >= 0 ? passed : 0;
    return !is_first;
}

static int backend_poll(struct backend *backend, int64_t timeout_ns)
{
    struct sim *sim = sim_of(backend);
    bool is_woken = take_wake(sim);
    int completed = step(sim);
    if (timeout_ns == 0 && ++sim->busy_polls > FREE_POLLS)
        sim->now += BUSY_NS;
    if (timeout_ns != 0)
        sim->busy_polls = 0;
    while (completed == 0 && timeout_ns != 0 && !is_woken && !atomic_load(&sim->is_woken)) {
        if (has_work(sim) || !list_empty(&sim->hanging)) {
            if (has_work(sim) ? !pass_time(sim, &timeout_ns) : !pass_hanging(sim, &timeout_ns))
                return 0;
        } else if (timeout_ns > 0) {
            sim->now += timeout_ns;
            return 0;
        } else {
            int r = wait_outside(sim);
            if (r < 0)
                return r;
            is_woken = take_wake(sim);
        }
        completed = step(sim);
    }
    return completed;
}

static bool backend_ready(struct backend *backend)
{
    struct sim *sim = sim_of(backend);
    if (sim->seed)
        return false; /* what is put off is not surely found */
    return !list_empty(&sim->active) || !list_empty(&sim->jobs);
}

static void backend_wake(struct backend *backend)
{
    struct sim *sim = sim_of(backend);
    if (atomic_exchange(&sim->is_woken, true))
        return;
    int saved = errno;
    ssize_t n = write(sim->wake, &(uint64_t){ 1 }, sizeof(uint64_t));
    (void)n;
    errno = saved;
}

/* ---- submit and cancel ---- */

static int backend_send_now(struct backend *backend, sock socket, const struct iovec *iov,
                            size_t count)
{
    struct sim *sim = sim_of(backend);
    struct sim_handle *handle = handle_of(sim, socket);
    if (!handle)
        return -EBADF;
    if (handle->number >= 0)
        return -ENOTSUP;
    if (handle->writer)
        return -EBUSY;
    if (count && event_happens(sim, SIM_FULL, 4))
        return -EAGAIN;
    if (count && fault_happens(sim, FAULT_BUFFERS, SIM_NO_BUFFERS, 64))
        return -ENOBUFS;
    int total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t left = INT_MAX - (size_t)total;
        size_t size = chopped(sim, iov[i].iov_len < left ? iov[i].iov_len : left);
        if (size == 0)
            continue;
        int n = asyncio__simnet_send(&handle->socket, iov[i].iov_base, size);
        if (n < 0)
            return total ? total : n;
        total += n;
        if ((size_t)n < iov[i].iov_len)
            break;
    }
    return total;
}

static int submit_poll(struct sim *sim, struct sim_handle *handle, struct op *op)
{
    if (handle->number >= 0) {
        struct stat status;
        if (fstat(handle->number, &status) < 0)
            return -errno;
        if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
            return -EPERM;
    }
    for (struct list *link = sim->polls.next; link != &sim->polls; link = link->next) {
        struct op *other = container_of(link, struct op, link);
        if (other->kind == op->kind && other->socket.index == op->socket.index &&
            other->socket.generation == op->socket.generation)
            return -EBUSY;
    }
    list_append(&sim->polls, &op->link);
    op->state = OP_QUEUED;
    return OP_PENDING;
}

/* What is done before it is pending; OP_PENDING: nothing, or not enough. */
static int try_now(struct sim *sim, struct sim_handle *handle, struct op *op)
{
    bool is_datagrams = op->kind == OP_RECV_DATAGRAMS || op->kind == OP_SEND_DATAGRAMS;
    if (is_datagrams != (handle->datagrams != NULL) && op->kind != OP_CONNECT)
        return -EOPNOTSUPP;
    if (op->kind == OP_SEND || op->kind == OP_SEND_DATAGRAMS)
        op->done = 0;
    if (is_datagrams)
        return op->kind == OP_RECV_DATAGRAMS ? try_recv_datagrams(sim, handle, op)
                                             : try_send_datagrams(sim, handle, op);
    if (op->kind == OP_ACCEPT)
        return handle->socket.is_listening ? OP_PENDING : -EINVAL;
    if (op->kind == OP_CONNECT) {
        if (handle->socket.connection)
            return -EISCONN;
        return OP_PENDING; /* even on the loopback device the answer comes later */
    }
    if (happens(sim, 2))
        return OP_PENDING;
    if (op->kind == OP_READABLE)
        return try_readable(sim, handle);
    return op->kind == OP_RECV ? try_recv(sim, handle, op) : try_send(sim, handle, op);
}

static int backend_submit(struct backend *backend, struct op *op)
{
    struct sim *sim = sim_of(backend);
    struct sim_handle *handle = handle_of(sim, op->socket);
    if (!handle)
        return -EBADF;
    op->flags = 0;
    if (op->kind == OP_POLL_IN || op->kind == OP_POLL_OUT)
        return submit_poll(sim, handle, op);
    if (op->kind > OP_SEND_DATAGRAMS)
        return -EINVAL;
    if (handle->number >= 0)
        return -ENOTSUP;
    struct op **slot =
        is_reader(op) ? &handle->reader : &handle->writer;
    if (*slot)
        return -EBUSY;
    int r = try_now(sim, handle, op);
    if (r != OP_PENDING)
        return r;
    *slot = op;
    op->state = OP_QUEUED;
    asyncio__sim_activate(handle);
    return OP_PENDING;
}

static int cancel_poll(struct op *op)
{
    if (op->state != OP_QUEUED)
        return 1;
    list_remove(&op->link);
    op->state = OP_IDLE;
    return 1;
}

static int backend_cancel(struct backend *backend, struct op *op)
{
    struct sim *sim = sim_of(backend);
    if (op->state == OP_QUEUED && op->flags & FLAG_CANCELLED)
        return 0;
    struct sim_handle *handle = handle_of(sim, op->socket);
    if (op->kind == OP_POLL_IN || op->kind == OP_POLL_OUT)
        return cancel_poll(op);
    if (!handle)
        return 1;
    struct op **slot =
        is_reader(op) ? &handle->reader : &handle->writer;
    if (*slot != op)
        return 1;
    bool is_datagrams = op->kind == OP_RECV_DATAGRAMS || op->kind == OP_SEND_DATAGRAMS;
    bool is_ours = is_datagrams || op->kind == OP_READABLE; /* nothing of it could be lost */
    if (!is_ours && event_happens(sim, SIM_CANCEL_LATE, 2)) {
        op->flags |= FLAG_CANCELLED;
        asyncio__sim_activate(handle);
        return 0;
    }
    if (op->kind == OP_CONNECT && !handle->datagrams)
        asyncio__simnet_connect_cancel(&handle->socket);
    *slot = NULL;
    op->state = OP_IDLE;
    return 1;
}

static int backend_job(struct backend *backend, struct job *job)
{
    struct sim *sim = sim_of(backend);
    if (fault_happens(sim, FAULT_HANG, SIM_HANGS, 8)) {
        if (list_empty(&sim->hanging))
            sim->hang_end = sim->now + HANG_NS;
        list_append(&sim->hanging, &job->link);
    } else if (happens(sim, 2))
        list_prepend(&sim->jobs, &job->link);
    else
        list_append(&sim->jobs, &job->link);
    return 0;
}

/* ---- beginning and end ---- */

static int64_t virtual_now(struct backend *backend)
{
    return sim_of(backend)->now;
}

static int backend_init(struct backend *backend, const struct backend_limits *limits)
{
    struct sim *sim = sim_of(backend);
    asyncio__table_init(&sim->table, sizeof(struct sim_handle));
    list_init(&sim->active);
    list_init(&sim->polls);
    list_init(&sim->jobs);
    list_init(&sim->jobs_done);
    list_init(&sim->hanging);
    list_init(&sim->files);
    sim->chop = limits->chop ? limits->chop : SIZE_MAX;
    sim->seed = sim->random = limits->seed;
    sim->faults = limits->faults;
    sim->counts = limits->counts;
    sim->now = (int64_t)1000 * 1000000000; /* any but 0, which would hide a missing start */
    sim->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return sim->wake < 0 ? -errno : 0;
}

static void backend_fini(struct backend *backend)
{
    struct sim *sim = sim_of(backend);
    for (uint32_t i = 0; i < sim->table.count; i++) {
        struct sim_handle *handle = (struct sim_handle *)(void *)table_at(&sim->table, i);
        if (entry_is_live(&handle->entry))
            table_retire(&handle->entry);
        else if (!handle->is_closing)
            continue;
        handle->reader = handle->writer = NULL;
        asyncio__sim_handle_end(handle);
    }
    asyncio__table_fini(&sim->table);
    close(sim->wake);
}

const struct backend_type asyncio__backend_sim = {
    .name = "sim",
    .size = sizeof(struct sim),
    .init = backend_init,
    .fini = backend_fini,
    .now = virtual_now,
    .poll = backend_poll,
    .ready = backend_ready,
    .wake = backend_wake,
    .socket = asyncio__sim_socket,
    .adopt = asyncio__sim_adopt,
    .detach = asyncio__sim_detach,
    .descriptor = asyncio__sim_descriptor,
    .lend = asyncio__sim_descriptor,
    .bind = asyncio__sim_bind,
    .listen = asyncio__sim_listen,
    .setsockopt = asyncio__sim_setsockopt,
    .getsockopt = asyncio__sim_getsockopt,
    .getsockname = asyncio__sim_getsockname,
    .getpeername = asyncio__sim_getpeername,
    .shutdown = asyncio__sim_shutdown,
    .close = asyncio__sim_close,
    .submit = backend_submit,
    .cancel = backend_cancel,
    .send_now = backend_send_now,
    .is_readable = asyncio__sim_is_readable,
    .file = asyncio__sim_file,
    .file_cancel = asyncio__sim_file_cancel,
    .job = backend_job,
    .path_id = asyncio__sim_path_id,
    .path_remove = asyncio__sim_path_remove,
    .resolve = asyncio__sim_resolve,
};
