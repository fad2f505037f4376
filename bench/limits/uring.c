/* SPDX-License-Identifier: MIT */
/* The limit of echo on io_uring: an echo server with nothing between it and the ring.
 *
 *   uring [BUFFER_SIZE [BUFFERS [inc] [direct]]]       8192 4096; 65536 512; 65536 64 inc direct
 *
 * Single issuer, deferred and cooperative task work, the ring's descriptor registered; one
 * multishot accept, one multishot receive a connection, into buffers provided through a ring; one
 * enter a turn. What was received is sent from where it lies, and its buffer goes back when the
 * kernel is done with it. One send is in flight a connection; what arrives meanwhile goes out in
 * the next one, several pieces as one sendmsg. A receive that found no buffer is armed again when
 * one is back.
 *
 * inc     a buffer is consumed bit by bit (IOU_PBUF_RING_INC, Linux 6.12), so that small messages
 *         share one hot buffer and big ones still get a whole one
 * direct  tries send(2) at once, and leaves only what the socket did not take to the ring */
#include "../common.h"

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>

enum { ENTRIES = 4096, PIECES = 16, ACCEPT = 1, RECV = 2, SEND = 3, KIND = 3 };

#define BUFFER_RING_INC 2 /* newer than Debian's liburing */
#define CQE_BUFFER_MORE (1u << 4)

struct piece { /* received bytes, not yet sent */
    struct piece *next;
    char *bytes;
    unsigned size, buffer;
};

struct buffer {
    unsigned used; /* bytes received into it */
    unsigned refs; /* pieces in it, and one while the kernel may receive more into it */
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
static struct piece *spare;
static struct buffer *buffers;
static char *memory_of_buffers;
static bool incremental, direct;
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

static char *start_of(unsigned buffer)
{
    return memory_of_buffers + (size_t)buffer * buffer_size;
}

static void provide(unsigned buffer)
{
    buffers[buffer] = (struct buffer){ 0, 1 };
    io_uring_buf_ring_add(provided, start_of(buffer), buffer_size, (unsigned short)buffer,
                          io_uring_buf_ring_mask(buffer_count), (int)returned++);
}

static void release(unsigned buffer)
{
    if (--buffers[buffer].refs == 0)
        provide(buffer);
}

static struct piece *take(const struct io_uring_cqe *cqe)
{
    struct piece *piece = spare ? spare : malloc(sizeof *piece);
    unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT, size = (unsigned)cqe->res;
    if (!piece)
        die("piece", ENOMEM);
    if (spare)
        spare = spare->next;
    *piece = (struct piece){ NULL, start_of(buffer) + buffers[buffer].used, size, buffer };
    buffers[buffer].used += size;
    buffers[buffer].refs++;
    if (!(cqe->flags & CQE_BUFFER_MORE))
        release(buffer);
    return piece;
}

static void give_back(struct piece *piece)
{
    piece->next = spare;
    spare = piece;
    release(piece->buffer);
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
        c->iov[c->flying++] = (struct iovec){ p->bytes, p->size };
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

/* True when the socket took all of it; else what is left remains in the piece. */
static bool sent_at_once(struct connection *c, struct piece *piece)
{
    ssize_t n = send(c->fd, piece->bytes, piece->size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
        piece->bytes += n;
        piece->size -= (unsigned)n;
    }
    if (piece->size == 0)
        give_back(piece);
    return piece->size == 0;
}

static void received(struct connection *c, struct io_uring_cqe *cqe)
{
    c->armed = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (cqe->res > 0) {
        struct piece *piece = take(cqe);
        if (!direct || c->first || !sent_at_once(c, piece)) {
            *c->last = piece;
            c->last = &piece->next;
            if (!c->flying)
                send_next(c);
        }
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
    buffers = calloc(buffer_count, sizeof *buffers);
    if (!buffers ||
        posix_memalign((void **)&memory_of_buffers, 4096, (size_t)buffer_count * buffer_size) ||
        posix_memalign((void **)&provided, 4096, ring_size))
        die("buffers", ENOMEM);
    memset(provided, 0, ring_size);
    struct io_uring_buf_reg reg = { .ring_addr = (uintptr_t)provided,
                                    .ring_entries = buffer_count };
    uint16_t flags = incremental ? BUFFER_RING_INC : 0; /* behind bgid; its name has changed */
    memcpy((char *)&reg + offsetof(struct io_uring_buf_reg, bgid) + 2, &flags, sizeof flags);
    if ((r = io_uring_register_buf_ring(&ring, &reg, 0)) < 0)
        die("provided buffers", r);
    io_uring_buf_ring_init(provided);
    for (unsigned i = 0; i < buffer_count; i++)
        provide(i);
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
    for (int i = 3; i < argc; i++) {
        incremental |= !strcmp(argv[i], "inc");
        direct |= !strcmp(argv[i], "direct");
    }
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
