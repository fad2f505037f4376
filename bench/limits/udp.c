/* SPDX-License-Identifier: MIT */
/* The limit of UDP echo, without any runtime.
 *
 *   udp one      epoll, level-triggered; one recvfrom and one sendto an event
 *   udp many     epoll, edge-triggered; recvmmsg and sendmmsg of up to 32
 *   udp uring    multishot recvmsg into provided buffers; sendto at once
 *   udp poll     io_uring too: a multishot poll, then recvfrom until there is none, and sendto */
#include "../common.h"

#include <liburing.h>
#include <poll.h>
#include <sys/epoll.h>

enum { BATCH = 32, BUFFER = 2048, BUFFERS = 256, ENTRIES = 256 };

static char room[BUFFERS][BUFFER];
static struct sockaddr_in from[BATCH];

static void answer(int fd, const char *data, size_t size, const void *to, socklen_t to_size)
{
    if (!size)
        farewell();
    if (sendto(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, to, to_size) < 0)
        die("sendto", errno);
}

static int one(int fd)
{
    socklen_t size = sizeof from[0];
    ssize_t n = recvfrom(fd, room[0], BUFFER, MSG_DONTWAIT, (struct sockaddr *)from, &size);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n < 0)
        die("recvfrom", errno);
    answer(fd, room[0], (size_t)n, from, size);
    return 1;
}

/* Fewer than asked for: there are no more. */
static void many(int fd)
{
    static struct mmsghdr headers[BATCH];
    static struct iovec pieces[BATCH];
    int n;
    for (int i = 0; i < BATCH && !pieces[i].iov_base; i++)
        headers[i].msg_hdr = (struct msghdr){ .msg_name = &from[i],
                                              .msg_namelen = sizeof from[i],
                                              .msg_iov = &pieces[i],
                                              .msg_iovlen = 1 },
        pieces[i] = (struct iovec){ room[i], BUFFER };
    do {
        if ((n = recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, NULL)) < 0)
            return;
        for (int i = 0; i < n; i++)
            if (!(pieces[i].iov_len = headers[i].msg_len))
                farewell();
        if (sendmmsg(fd, headers, (unsigned)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n)
            die("sendmmsg", errno);
        for (int i = 0; i < n; i++)
            pieces[i].iov_len = BUFFER;
    } while (n == BATCH);
}

static void by_epoll(int fd, int is_many)
{
    int poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { is_many ? EPOLLIN | EPOLLET : EPOLLIN, { .fd = fd } };
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll", errno);
    for (;;) {
        int n = epoll_wait(poller, &event, 1, -1);
        if (n > 0 && is_many)
            many(fd);
        else if (n > 0)
            one(fd);
    }
}

static struct io_uring ring;

static void make_ring(void)
{
    struct io_uring_params params = { .flags = IORING_SETUP_SINGLE_ISSUER |
                                               IORING_SETUP_DEFER_TASKRUN |
                                               IORING_SETUP_COOP_TASKRUN };
    int r = io_uring_queue_init_params(ENTRIES, &ring, &params);
    if (r < 0)
        die("io_uring", r);
    io_uring_register_ring_fd(&ring);
}

static void by_poll(int fd)
{
    make_ring();
    for (int armed = 0;;) {
        struct io_uring_cqe *cqe;
        if (!armed)
            io_uring_prep_poll_multishot(io_uring_get_sqe(&ring), fd, POLLIN);
        armed = 1;
        io_uring_submit_and_wait(&ring, 1);
        while (io_uring_peek_cqe(&ring, &cqe) == 0) {
            armed = (cqe->flags & IORING_CQE_F_MORE) != 0;
            io_uring_cqe_seen(&ring, cqe);
        }
        while (one(fd))
            ;
    }
}

static void by_ring(int fd)
{
    struct msghdr shape = { .msg_namelen = sizeof(struct sockaddr_in) };
    make_ring();
    struct io_uring_buf_ring *provided;
    if (posix_memalign((void **)&provided, 4096, BUFFERS * sizeof(struct io_uring_buf)))
        die("buffers", ENOMEM);
    memset(provided, 0, BUFFERS * sizeof(struct io_uring_buf));
    struct io_uring_buf_reg reg = { .ring_addr = (uintptr_t)provided, .ring_entries = BUFFERS };
    int r = io_uring_register_buf_ring(&ring, &reg, 0), mask = io_uring_buf_ring_mask(BUFFERS);
    if (r < 0)
        die("provided buffers", r);
    for (unsigned short i = 0; i < BUFFERS; i++)
        io_uring_buf_ring_add(provided, room[i], BUFFER, i, mask, i);
    io_uring_buf_ring_advance(provided, BUFFERS);
    for (int armed = 0;;) {
        struct io_uring_cqe *cqe;
        if (!armed) {
            struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
            io_uring_prep_recvmsg_multishot(sqe, fd, &shape, 0);
            sqe->flags |= IOSQE_BUFFER_SELECT;
            armed = 1;
        }
        io_uring_submit_and_wait(&ring, 1);
        while (io_uring_peek_cqe(&ring, &cqe) == 0) {
            unsigned short id = (unsigned short)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
            armed = (cqe->flags & IORING_CQE_F_MORE) != 0;
            if (cqe->res >= 0) {
                struct io_uring_recvmsg_out *out =
                    io_uring_recvmsg_validate(room[id], cqe->res, &shape);
                answer(fd, io_uring_recvmsg_payload(out, &shape),
                       io_uring_recvmsg_payload_length(out, cqe->res, &shape),
                       io_uring_recvmsg_name(out), out->namelen);
                io_uring_buf_ring_add(provided, room[id], BUFFER, id, mask, 0);
                io_uring_buf_ring_advance(provided, 1);
            } else if (cqe->res != -ENOBUFS) {
                die("recvmsg", cqe->res);
            }
            io_uring_cqe_seen(&ring, cqe);
        }
    }
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "one";
    int fd = bind_anywhere(SOCK_DGRAM | SOCK_NONBLOCK);
    if (!strcmp(way, "uring"))
        by_ring(fd);
    else if (!strcmp(way, "poll"))
        by_poll(fd);
    else
        by_epoll(fd, !strcmp(way, "many"));
}
