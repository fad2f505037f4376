/* SPDX-License-Identifier: MIT */
/* The ring under the io_uring backend. See io_uring_ring.h. */
#include "backend/io_uring_ring.h"

#include "base/alloc.h"
#include "base/sanitize.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    ENTRIES = 256,
    COMPLETIONS_PER_ENTRY = 16, /* a thousand connections may answer in one turn */
    INCREMENTAL_BUFFERS = 16,
    INCREMENTAL_SIZE = 32768,
    WHOLE_BUFFERS = 1024,
    WHOLE_SIZE = 4096,
    BUFFERS_MAX = 32768, /* the kernel's own limit */
    DATAGRAM_BUFFERS = 32,
    /* no IP packet is longer than 65,535 bytes. A line more than a round number: the beginnings of
     * neighbours are not in one another's way in the cache */
    DATAGRAM_SIZE = 65536 + 64,
    SIGNAL_LOOK_NS = 200 * 1000 * 1000,
};

static unsigned power_of_two(unsigned number)
{
    unsigned power = 1;
    while (power < number && power < BUFFERS_MAX)
        power *= 2;
    return power;
}

static int register_buffers(struct ring *ring, const struct ring_buffers *buffers, uint16_t group,
                            bool is_incremental)
{
    struct ring_buffer_registration registration = {
        .address = (uintptr_t)buffers->ring,
        .entries = buffers->count,
        .group = group,
        .flags = is_incremental ? RING_PBUF_INCREMENTAL : 0,
    };
    _Static_assert(sizeof registration == sizeof(struct io_uring_buf_reg), "the kernel's layout");
    return io_uring_register_buf_ring(&ring->uring,
                                      (struct io_uring_buf_reg *)(void *)&registration, 0);
}

static int map_buffers(struct ring_buffers *buffers, unsigned count, unsigned size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    buffers->count = power_of_two(count);
    buffers->size = size;
    size_t head = (buffers->count * sizeof(struct io_uring_buf) + page - 1) / page * page;
    buffers->mapping_size = head + (size_t)buffers->count * size;
    if (asyncio__alloc_fails())
        return -ENOMEM;
    void *mapping = mmap(NULL, buffers->mapping_size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return -ENOMEM;
    buffers->ring = mapping;
    buffers->bytes = (char *)mapping + head;
    return 0;
}

static void unmap_buffers(struct ring_buffers *buffers)
{
    if (buffers->ring)
        munmap(buffers->ring, buffers->mapping_size);
    buffers->ring = NULL;
}

static void give_all(struct ring_buffers *buffers)
{
    for (unsigned id = 0; id < buffers->count; id++)
        ring_give_buffer(buffers, id);
}

static int init_buffers(struct ring *ring, unsigned count, unsigned size)
{
    struct ring_buffers *buffers = &ring->buffers;
    int r = map_buffers(buffers, count ? count : INCREMENTAL_BUFFERS,
                        size ? size : INCREMENTAL_SIZE);
    if (r < 0)
        return r;
    r = register_buffers(ring, buffers, RING_BUFFER_GROUP, true);
    ring->is_incremental = r == 0;
    /* an older kernel: each message has a buffer of its own, so there must be more of them */
    if (r < 0) {
        unmap_buffers(buffers);
        r = map_buffers(buffers, count ? count : WHOLE_BUFFERS, size ? size : WHOLE_SIZE);
        if (r == 0)
            r = register_buffers(ring, buffers, RING_BUFFER_GROUP, false);
    }
    if (r < 0)
        return r;
    ring->consumed = asyncio__calloc(buffers->count, sizeof *ring->consumed);
    if (!ring->consumed)
        return -ENOMEM;
    give_all(buffers);
    return 0;
}

int asyncio__ring_provide_datagrams(struct ring *ring)
{
    struct ring_buffers *buffers = &ring->datagrams;
    if (buffers->ring)
        return 0;
    int r = ring->datagram_count ? map_buffers(buffers, ring->datagram_count, DATAGRAM_SIZE)
                                 : -ENOBUFS;
    if (r >= 0)
        r = register_buffers(ring, buffers, RING_DATAGRAM_GROUP, false);
    if (r >= 0) {
        give_all(buffers);
        return 0;
    }
    unmap_buffers(buffers);
    ring->datagram_count = 0;
    return r;
}

/* Which operations there are: all that sockets need, or none of this is of use. Those on files are
 * looked at one by one. */
static int look_up_opcodes(struct ring *ring)
{
    enum { OPCODES = 64 };
    static const uint8_t needed[] = { IORING_OP_POLL_ADD, IORING_OP_SENDMSG, IORING_OP_ACCEPT,
                                      IORING_OP_CONNECT,  IORING_OP_SEND,    IORING_OP_RECV,
                                      IORING_OP_ASYNC_CANCEL };
    union {
        struct io_uring_probe head;
        char room[sizeof(struct io_uring_probe) + OPCODES * sizeof(struct io_uring_probe_op)];
    } probe;
    memset(&probe, 0, sizeof probe);
    int r = io_uring_register_probe(&ring->uring, &probe.head, OPCODES);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < probe.head.ops_len && i < OPCODES; i++)
        if (probe.head.ops[i].flags & IO_URING_OP_SUPPORTED)
            ring->opcodes |= UINT64_C(1) << probe.head.ops[i].op;
    for (size_t i = 0; i < sizeof needed; i++)
        if (!ring_has(ring, needed[i]))
            return -EINVAL;
    return 0;
}

/* A ring may get the addresses that another thread's had. The kernel orders that, by liburing's own
 * system calls, which TSan does not see: so it is said here, too. */
static unsigned ended;

int asyncio__ring_init(struct ring *ring, unsigned entries, unsigned buffers, unsigned buffer_size)
{
    *ring = (struct ring){ .uring.ring_fd = -1,
                           .datagram_count = buffers ? buffers : DATAGRAM_BUFFERS };
    struct io_uring_params params = {
        .flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL,
        .cq_entries = entries ? entries * 2 : ENTRIES * COMPLETIONS_PER_ENTRY,
    };
    if (asyncio__alloc_fails())
        return -ENOMEM;
    int r = io_uring_queue_init_params(entries ? entries : ENTRIES, &ring->uring, &params);
    if (r < 0)
        return r;
    (void)__atomic_load_n(&ended, __ATOMIC_ACQUIRE);
    if (!(params.features & IORING_FEAT_EXT_ARG) || !(params.features & IORING_FEAT_NODROP)) {
        io_uring_queue_exit(&ring->uring);
        return -EINVAL;
    }
    for (unsigned i = 0; i < ring->uring.sq.ring_entries; i++)
        ring->uring.sq.array[i] = i;
    r = look_up_opcodes(ring);
    if (r >= 0)
        r = init_buffers(ring, buffers, buffer_size);
    if (r < 0)
        asyncio__ring_fini(ring);
    return r;
}

void asyncio__ring_fini(struct ring *ring)
{
    __atomic_fetch_add(&ended, 1, __ATOMIC_RELEASE);
    io_uring_queue_exit(&ring->uring);
    unmap_buffers(&ring->buffers);
    unmap_buffers(&ring->datagrams);
    asyncio__free(ring->consumed);
    ring->consumed = NULL;
}

int asyncio__ring_enable(struct ring *ring)
{
    /* liburing 2.3 declares a function for this and forgets to export it. */
    if (syscall(SYS_io_uring_register, ring->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) <
        0)
        return -errno;
    ring->is_enabled = true;
    /* saves a look-up in each call; not a must */
    if (io_uring_register_ring_fd(&ring->uring) == 1)
        ring->enter_flags = IORING_ENTER_REGISTERED_RING;
    return 0;
}

int asyncio__ring_enter(struct ring *ring, unsigned wait_count, int64_t timeout_ns)
{
    io_uring_smp_store_release(ring->uring.sq.ktail, ring->uring.sq.sqe_tail);
#if defined(ASYNCIO__SANITIZE_THREAD)
    /* It keeps a signal that comes between two calls which it intercepts until the second of them,
     * and does not know this one: so nobody sleeps long in it. */
    if (timeout_ns < 0 || timeout_ns > SIGNAL_LOOK_NS)
        timeout_ns = SIGNAL_LOOK_NS;
#endif
    struct __kernel_timespec limit = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
    struct io_uring_getevents_arg arg = { .ts = timeout_ns >= 0 ? (uintptr_t)&limit : 0 };
    unsigned flags = ring->enter_flags | IORING_ENTER_GETEVENTS;
    if (!wait_count)
        return io_uring_enter2((unsigned)ring->uring.enter_ring_fd, ring_unsubmitted(ring), 0,
                               flags, NULL, 0);
    return io_uring_enter2((unsigned)ring->uring.enter_ring_fd, ring_unsubmitted(ring), wait_count,
                           flags | IORING_ENTER_EXT_ARG, (sigset_t *)(void *)&arg, sizeof arg);
}

struct io_uring_sqe *asyncio__ring_request(struct ring *ring)
{
    struct io_uring_sqe *request = io_uring_get_sqe(&ring->uring);
    if (!request) {
        asyncio__ring_enter(ring, 0, 0);
        request = io_uring_get_sqe(&ring->uring);
    }
    return request;
}
