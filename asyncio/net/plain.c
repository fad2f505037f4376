/* SPDX-License-Identifier: MIT */
/* sock_recv and its like: the call is tried, and when it would wait, the task waits in the loop's
 * watch of that descriptor (loop/watch.c), which it shares with everybody else who does. */
#include "net/plain.h"

#include "backend/plain.h"

#include <asyncio/socket.h>
#include <errno.h>

static const struct future_type waiting_type = { "socket", 0, asyncio__waiters_cancel, NULL };

int asyncio__plain_begin(asyncio_loop *loop)
{
    asyncio_task *task = task_current();
    int r = asyncio__loop_check(loop);
    if (r >= 0 && !task)
        r = -ASYNCIO_NO_TASK;
    if (r >= 0 && task->future.loop != loop)
        r = -ASYNCIO_OTHER_LOOP;
    return r;
}

int asyncio__plain_wait(asyncio_loop *loop, int descriptor, bool writes)
{
    return asyncio__wait_ready(loop, descriptor, writes, &waiting_type);
}

/* What is answered at once does not suspend: now and then it has to. */
static int be_fair(asyncio_loop *loop)
{
    struct net *net = asyncio__net(loop);
    if (!net)
        return -ENOMEM;
    if (++net->streak < STREAK_MAX)
        return 0;
    net->streak = 0;
    return asyncio_sleep(0);
}

static int begin(asyncio_loop *loop, int descriptor)
{
    int r = asyncio__plain_begin(loop);
    if (r >= 0)
        r = asyncio__loop_may_use(loop, descriptor);
    return r < 0 ? r : be_fair(loop);
}

int asyncio_loop_sock_recvfrom(asyncio_loop *loop, int descriptor, void *buffer, size_t size,
                               struct sockaddr_storage *ret_address, socklen_t *ret_address_size)
{
    net_check_scopes(NET_CALLER());
    struct sockaddr_storage address;
    socklen_t address_size = sizeof address;
    int r = begin(loop, descriptor);
    while (r >= 0) {
        r = asyncio__plain_recv(descriptor, buffer, size, &address, &address_size);
        if (r != -EAGAIN)
            break;
        r = asyncio__plain_wait(loop, descriptor, false);
    }
    if (r >= 0 && ret_address)
        *ret_address = address;
    if (r >= 0 && ret_address_size)
        *ret_address_size = address_size;
    return r;
}

int asyncio_loop_sock_recv(asyncio_loop *loop, int descriptor, void *buffer, size_t size)
{
    net_check_scopes(NET_CALLER());
    int r = begin(loop, descriptor);
    while (r >= 0) {
        r = asyncio__plain_recv(descriptor, buffer, size, NULL, NULL);
        if (r != -EAGAIN)
            break;
        r = asyncio__plain_wait(loop, descriptor, false);
    }
    return r;
}

int asyncio_loop_sock_sendall(asyncio_loop *loop, int descriptor, const void *data, size_t size)
{
    net_check_scopes(NET_CALLER());
    const char *at = data;
    int r = begin(loop, descriptor);
    if (r >= 0 && size == 0)
        return 0;
    while (r >= 0 && size) {
        r = asyncio__plain_send(descriptor, at, size, NULL, 0);
        if (r == -EAGAIN) {
            r = asyncio__plain_wait(loop, descriptor, true);
        } else if (r > 0) {
            at += r;
            size -= (size_t)r;
        }
    }
    return r < 0 ? r : 0;
}

int asyncio_loop_sock_sendto(asyncio_loop *loop, int descriptor, const void *data, size_t size,
                             const struct sockaddr *address, socklen_t address_size)
{
    net_check_scopes(NET_CALLER());
    int r = begin(loop, descriptor);
    while (r >= 0) {
        r = asyncio__plain_send(descriptor, data, size, address, address ? address_size : 0);
        if (r != -EAGAIN)
            break;
        r = asyncio__plain_wait(loop, descriptor, true);
    }
    return r;
}

int asyncio_loop_sock_connect(asyncio_loop *loop, int descriptor, const struct sockaddr *address,
                              socklen_t address_size)
{
    net_check_scopes(NET_CALLER());
    int r = begin(loop, descriptor);
    if (r >= 0)
        r = asyncio__plain_connect(descriptor, address, address_size);
    while (r == -EAGAIN) { /* AF_UNIX: the listener's backlog is full, and nobody tells when it is
                            * not */
        r = asyncio_sleep(0.001);
        if (r >= 0)
            r = asyncio__plain_connect(descriptor, address, address_size);
    }
    if (r != -EINPROGRESS)
        return r;
    r = asyncio__plain_wait(loop, descriptor, true);
    return r < 0 ? r : asyncio__plain_connected(descriptor);
}

int asyncio_loop_sock_accept(asyncio_loop *loop, int descriptor,
                             struct sockaddr_storage *ret_address, socklen_t *ret_address_size)
{
    net_check_scopes(NET_CALLER());
    struct sockaddr_storage address;
    socklen_t address_size = sizeof address;
    int r = begin(loop, descriptor);
    while (r >= 0) {
        r = asyncio__plain_accept(descriptor, &address, &address_size);
        if (r != -EAGAIN)
            break;
        r = asyncio__plain_wait(loop, descriptor, false);
        address_size = sizeof address;
    }
    if (r >= 0 && ret_address)
        *ret_address = address;
    if (r >= 0 && ret_address_size)
        *ret_address_size = address_size;
    return r;
}
