/* SPDX-License-Identifier: MIT */
/* The limit of echo on io_uring: an echo server with nothing between it and the ring.
 *
 *   uring [BUFFER_SIZE [BUFFERS]]            8192 and 4096, or for bulk 65536 and fewer of them
 *
 * Single issuer, deferred and cooperative task work, the ring's descriptor registered; one
 * multishot accept, one multishot receive a connection, into buffers provided through a ring; one
 * enter a turn. A received buffer is sent as it is and goes back into the ring when the kernel is
 * done with it. One send is in flight a connection; what arrives meanwhile goes out in the next
 * one, several buffers as one sendmsg. A receive that found no buffer is armed again when one is
 * back. */
#include "../common.h"

#include <liburing.h>
#include <stdbool.h>

enum { ENTRIES = 4096, PIECES = 16, ACCEPT = 1, RECV = 2, SEND = 3, KIND = 3 };

struct piece {
    struct piece *next;
    unsigned size;
};

struct connection {
    int fd;
    unsigned flying;            /* pieces in the send that is under way */
    bool armed, over;
    struct piece *first, **last; /* received and not yet sent; the flying ones in front */
    struct connection *hungry;
    struct iovec iov[PIECES];
    struct msghdr message;
};

static struct io_uring ring;
static struct io_uring_buf_ring *provided;
static struct piece *pieces;    /* one for each buffer, at its index */
static char *buffers;
static unsigned buffer_size = 8192, buffer_count = 4096, returned;
static struct connection *hungry;

static struct io_uring_sqe *entry(void *data, unsigned kind)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    while (!sqe) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    sqe->user_data = (uintptr_t)data | kind;
    return sqe;
}

static char *bytes_of(struct piece *piece)
{
    return buffers + (size_t)(piece - pieces) * buffer_size;
}

static void give_back(struct piece *piece)
{
    io_uring_buf_ring_add(provided, bytes_of(piece), buffer_size, (unsigned short)(piece - pieces),
                          io_uring_buf_ring_mask(buffer_count), (int)returned++);
}

static void arm(struct connection *c)
{
    struct io_uring_sqe *sqe = entry(c, RECV);
    uint64_t data = sqe->user_data;
    io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
    sqe->user_data = data;
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
    c->armed = true;
}

static void send_next(struct connection *c)
{
    struct io_uring_sqe *sqe = entry(c, SEND);
    uint64_t data = sqe->user_data;
    c->flying = 0;
    for (struct piece *p = c->first; p && c->flying < PIECES; p = p->next)
        c->iov[c->flying++] = (struct iovec){ bytes_of(p), p->size };
    if (c->flying == 1) {
        io_uring_prep_send(sqe, c->fd, c->iov[0].iov_base, c->iov[0].iov_len,
                           MSG_WAITALL | MSG_NOSIGNAL);
    } else {
        c->message = (struct msghdr){ .msg_iov = c->iov, .msg_iovlen = c->flying };
        io_uring_prep_sendmsg(sqe, c->fd, &c->message, MSG_WAITALL | MSG_NOSIGNAL);
    }
    sqe->user_data = data;
}

static void forget(struct connection *c)
{
    if (c->armed || c->flying)
        return;
    while (c->first) {
        struct piece *piece = c->first;
        c->first = piece->next;
        give_back(piece);
    }
    for (struct connection **p = &hungry; *p; p = &(*p)->hungry)
        if (*p == c) {
            *p = c->hungry;
            break;
        }
    close(c->fd);
    free(c);
    connections(-1);
}

static void accepted(int fd)
{
    struct connection *c = calloc(1, sizeof *c);
    int yes = 1;
    if (fd < 0 || !c)
        die("accept", fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connections(1);
    c->fd = fd;
    c->last = &c->first;
    arm(c);
}

static void received(struct connection *c, struct io_uring_cqe *cqe)
{
    c->armed = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (cqe->res > 0) {
        struct piece *piece = &pieces[cqe->flags >> IORING_CQE_BUFFER_SHIFT];
        *piece = (struct piece){ NULL, (unsigned)cqe->res };
        *c->last = piece;
        c->last = &piece->next;
        if (!c->flying)
            send_next(c);
        if (!c->armed)
            arm(c);
    } else if (cqe->res == -ENOBUFS) {
        c->hungry = hungry;
        hungry = c;
    } else {
        c->over = true;
        forget(c);
    }
}

static void sent(struct connection *c, int result)
{
    size_t size = 0;
    for (unsigned i = 0; i < c->flying; i++) {
        struct piece *piece = c->first;
        size += piece->size;
        c->first = piece->next;
        give_back(piece);
    }
    if (!c->first)
        c->last = &c->first;
    c->flying = 0;
    c->over |= result < 0 || (size_t)result != size;
    if (!c->over && c->first)
        send_next(c);
    else if (c->over && c->armed)
        shutdown(c->fd, SHUT_RDWR);
    else if (c->over)
        forget(c);
}

static void make_ring(void)
{
    struct io_uring_params params = { .flags = IORING_SETUP_SINGLE_ISSUER |
                                               IORING_SETUP_DEFER_TASKRUN |
                                               IORING_SETUP_COOP_TASKRUN | IORING_SETUP_CQSIZE,
                                      .cq_entries = 4 * ENTRIES };
    int r = io_uring_queue_init_params(ENTRIES, &ring, &params);
    if (r < 0)
        die("io_uring", r);
    io_uring_register_ring_fd(&ring);
    size_t ring_size = buffer_count * sizeof(struct io_uring_buf);
    pieces = calloc(buffer_count, sizeof *pieces);
    if (!pieces || posix_memalign((void **)&buffers, 4096, (size_t)buffer_count * buffer_size) ||
        posix_memalign((void **)&provided, 4096, ring_size))
        die("buffers", ENOMEM);
    memset(provided, 0, ring_size);
    struct io_uring_buf_reg reg = { .ring_addr = (uintptr_t)provided,
                                    .ring_entries = buffer_count };
    if ((r = io_uring_register_buf_ring(&ring, &reg, 0)) < 0)
        die("provided buffers", r);
    io_uring_buf_ring_init(provided);
    for (unsigned i = 0; i < buffer_count; i++)
        give_back(&pieces[i]);
}

static void complete(struct io_uring_cqe *cqe)
{
    void *data = (void *)(uintptr_t)(cqe->user_data & ~(uint64_t)KIND);
    switch (cqe->user_data & KIND) {
    case ACCEPT:
        accepted(cqe->res);
        break;
    case RECV:
        received(data, cqe);
        break;
    default:
        sent(data, cqe->res);
    }
}

int main(int argc, char **argv)
{
    buffer_size = (unsigned)argument(argc, argv, 1, buffer_size);
    buffer_count = (unsigned)argument(argc, argv, 2, buffer_count);
    int listener = listen_anywhere(0);
    make_ring();
    struct io_uring_sqe *sqe = entry(NULL, ACCEPT);
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    sqe->user_data = ACCEPT;
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;
        if (returned) {
            io_uring_buf_ring_advance(provided, (int)returned);
            returned = 0;
            for (struct connection *c; (c = hungry) != NULL;) {
                hungry = c->hungry;
                arm(c);
            }
        }
        int r = io_uring_submit_and_wait(&ring, 1);
        if (r < 0 && r != -EINTR)
            die("io_uring_enter", r);
        io_uring_for_each_cqe(&ring, head, cqe) {
            complete(cqe);
            seen++;
        }
        io_uring_cq_advance(&ring, seen);
    }
}
