/* SPDX-License-Identifier: MIT */
/* The ring itself under the io_uring backend: setting it up, handing requests in, waiting,
 * provided buffers.
 *
 * liburing sets it up; what is here is what a loop does thousands of times a second, and what
 * newer kernels add.
 *
 * SUBMIT    The index array of the submission queue is the identity and never touched again:
 *           handing in is one store to the tail and the system call that waits anyhow.
 * BUFFERS   One group of provided buffers for all multishot receives. Whoever handles a completion
 *           takes its bytes out at once and gives the buffer back, so a handful of buffers serves
 *           any number of connections. On kernels that can (6.12), a buffer is consumed piece by
 *           piece: many small messages share a cache-hot page.
 * DATAGRAMS A group of its own, made for the first who wants it: a buffer that is consumed piece by
 *           piece may have too little left for one, and cut it off. These hold whatever comes by
 *           UDP; of their pages only those that were used cost anything. */
#pragma once

#include <liburing.h>
#include <netinet/in.h>
#include <stdbool.h>

/* From newer headers than liburing 2.3's; each is tried at run time. */
#define RING_PBUF_INCREMENTAL 2U       /* a buffer is consumed piece by piece */
#define RING_OP_FIXED_FD_INSTALL 54U /* a file of the ring's table becomes a descriptor (6.8) */
#define RING_CQE_BUFFER_MORE (1U << 4) /* the completion's buffer has room left, is not ours yet */

/* struct io_uring_buf_reg, whose `flags` has the name `pad` in older headers. */
struct ring_buffer_registration {
    uint64_t address;
    uint32_t entries;
    uint16_t group, flags;
    uint64_t reserved[3];
};

enum { RING_BUFFER_GROUP = 1, RING_DATAGRAM_GROUP = 2 };

/* A datagram as the kernel puts it into a buffer, whose request has room for this name and for no
 * control message. */
struct ring_datagram {
    struct io_uring_recvmsg_out head;
    char name[sizeof(struct sockaddr_in6)];
    char bytes[];
};

/* Buffers and the ring by which they are given to the kernel, in one mapping. */
struct ring_buffers {
    struct io_uring_buf_ring *ring; /* NULL: there are none */
    char *bytes;
    unsigned count, size;
    size_t mapping_size;
};

struct ring {
    struct io_uring uring;
    bool is_enabled;
    bool is_incremental;
    uint64_t opcodes; /* a bit for each operation that the kernel has */
    unsigned enter_flags; /* IORING_ENTER_REGISTERED_RING, once that is so */
    struct ring_buffers buffers;
    uint32_t *consumed; /* of each buffer, when incremental */
    struct ring_buffers datagrams;
    unsigned datagram_count; /* how many there shall be; 0: there is no way */
};

/* `entries`, `buffers`, `buffer_size`: 0 is the default. -ENOSYS, -EPERM, -EINVAL (too old, or an
 * operation on sockets is missing): not on this machine. */
int asyncio__ring_init(struct ring *ring, unsigned entries, unsigned buffers, unsigned buffer_size);
void asyncio__ring_fini(struct ring *ring);

/* Has buffers for datagrams. -ENOMEM, or what the kernel says: there are none, and never will
 * be. */
int asyncio__ring_provide_datagrams(struct ring *ring);

/* On the thread that will use it from now on. */
int asyncio__ring_enable(struct ring *ring);

/* A request to fill, zeroed; hands in what there is when the queue is full. NULL: the kernel takes
 * no more now. */
struct io_uring_sqe *asyncio__ring_request(struct ring *ring);

/* Hands in all requests and, with wait_count, waits until so many completions are there or the
 * time is over (negative: no limit). */
int asyncio__ring_enter(struct ring *ring, unsigned wait_count, int64_t timeout_ns);

static inline bool ring_has(const struct ring *ring, unsigned opcode)
{
    return ring->opcodes >> opcode & 1;
}

/* How many requests fit before what there is has to be handed in. */
static inline unsigned ring_room(const struct ring *ring)
{
    return ring->uring.sq.ring_entries -
           (ring->uring.sq.sqe_tail - io_uring_smp_load_acquire(ring->uring.sq.khead));
}

/* Requests that are filled and not yet handed in. */
static inline unsigned ring_unsubmitted(const struct ring *ring)
{
    return ring->uring.sq.sqe_tail - IO_URING_READ_ONCE(*ring->uring.sq.khead);
}

static inline unsigned ring_completions(const struct ring *ring)
{
    return io_uring_smp_load_acquire(ring->uring.cq.ktail) - *ring->uring.cq.khead;
}

/* True when completions did not fit into the queue, and wait in the kernel. */
static inline bool ring_has_overflow(const struct ring *ring)
{
    return IO_URING_READ_ONCE(*ring->uring.sq.kflags) & IORING_SQ_CQ_OVERFLOW;
}

/* True when the kernel has completions that only a system call brings into the queue. */
static inline bool ring_has_deferred(const struct ring *ring)
{
    return IO_URING_READ_ONCE(*ring->uring.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

/* Takes the oldest completion. False: there is none. */
static inline bool ring_take(struct ring *ring, struct io_uring_cqe *ret_completion)
{
    struct io_uring_cq *cq = &ring->uring.cq;
    unsigned head = *cq->khead;
    if (head == io_uring_smp_load_acquire(cq->ktail))
        return false;
    const struct io_uring_cqe *from = &cq->cqes[head & cq->ring_mask];
    ret_completion->user_data = from->user_data;
    ret_completion->res = from->res;
    ret_completion->flags = from->flags;
    io_uring_smp_store_release(cq->khead, head + 1);
    return true;
}

/* The completion that is `ahead` places behind the oldest, which is there. */
static inline struct io_uring_cqe *ring_ahead(const struct ring *ring, unsigned ahead)
{
    const struct io_uring_cq *cq = &ring->uring.cq;
    return &cq->cqes[(*cq->khead + ahead) & cq->ring_mask];
}

static inline void ring_give_buffer(struct ring_buffers *buffers, unsigned id)
{
    io_uring_buf_ring_add(buffers->ring, buffers->bytes + (size_t)id * buffers->size, buffers->size,
                          (unsigned short)id, io_uring_buf_ring_mask(buffers->count), 0);
    io_uring_buf_ring_advance(buffers->ring, 1);
}

/* The bytes of a receive's completion, valid until they are released: once for each completion that
 * names a buffer. */
static inline const char *ring_bytes(const struct ring *ring, const struct io_uring_cqe *completion)
{
    unsigned id = completion->flags >> IORING_CQE_BUFFER_SHIFT;
    return ring->buffers.bytes + (size_t)id * ring->buffers.size + ring->consumed[id];
}

static inline void ring_release(struct ring *ring, const struct io_uring_cqe *completion)
{
    unsigned id = completion->flags >> IORING_CQE_BUFFER_SHIFT;
    if (completion->flags & RING_CQE_BUFFER_MORE) {
        ring->consumed[id] += (uint32_t)(completion->res > 0 ? completion->res : 0);
        return;
    }
    ring->consumed[id] = 0;
    ring_give_buffer(&ring->buffers, id);
}

/* Those of a datagram's completion, likewise. */
static inline const struct ring_datagram *ring_datagram(const struct ring *ring,
                                                        const struct io_uring_cqe *completion)
{
    unsigned id = completion->flags >> IORING_CQE_BUFFER_SHIFT;
    return (const void *)(ring->datagrams.bytes + (size_t)id * ring->datagrams.size);
}

static inline void ring_release_datagram(struct ring *ring, const struct io_uring_cqe *completion)
{
    ring_give_buffer(&ring->datagrams, completion->flags >> IORING_CQE_BUFFER_SHIFT);
}
