/* SPDX-License-Identifier: MIT */
/* Datagram endpoints: their life, receiving and sending. See datagram.h. */
#include "net/datagram.h"

#include "base/alloc.h"
#include "net/within.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static const struct backend_type *backend_of(const asyncio_datagram_transport *transport)
{
    return transport->net->backend->type;
}

asyncio_datagram_transport *asyncio_datagram_transport_ref(asyncio_datagram_transport *transport)
{
    if (transport)
        transport->refs++;
    return transport;
}

static void free_if_over(asyncio_datagram_transport *transport)
{
    if (transport->refs || transport->holds)
        return;
    asyncio_context_unref(transport->context);
    asyncio__free(transport->batch);
    asyncio__free(transport);
}

static void give_back(asyncio_datagram_transport *transport)
{
    transport->holds--;
    free_if_over(transport);
}

void asyncio_datagram_transport_unref(asyncio_datagram_transport *transport)
{
    if (!transport)
        return;
    if (transport->refs == 1)
        asyncio_datagram_transport_close(transport);
    transport->refs--;
    free_if_over(transport);
}

/* ---- the end ---- */

static void schedule(asyncio_datagram_transport *transport)
{
    if (list_empty(&transport->delivery.link))
        asyncio__loop_call(transport->net->loop, &transport->delivery);
}

static void drop_queue(asyncio_datagram_transport *transport)
{
    for (struct list *link; (link = list_pop(&transport->queue));)
        asyncio__free(container_of(link, struct packet, link));
    transport->queued = 0;
}

static void stop_receiving(asyncio_datagram_transport *transport)
{
    if (transport->is_receiving)
        (void)backend_of(transport)->cancel(transport->net->backend, &transport->in);
    transport->is_receiving = transport->has_received = false;
    if (transport->reader)
        net_wake(transport->reader, -ECONNRESET);
    transport->reader = NULL;
}

/* The socket is closed; the rest is told in a turn of its own. The open socket's reference goes to
 * that. */
static void shut(asyncio_datagram_transport *transport, int error)
{
    if (transport->is_shut)
        return;
    struct backend *backend = transport->net->backend;
    transport->is_shut = transport->is_closing = true;
    transport->error = error;
    stop_receiving(transport);
    if (transport->is_sending)
        (void)backend->type->cancel(backend, &transport->out);
    transport->is_sending = false;
    (void)backend->type->close(backend, transport->socket);
    drop_queue(transport);
    if (transport->sender)
        net_wake(transport->sender, -ECONNRESET);
    transport->sender = NULL;
    asyncio__waiters_wake(&transport->senders, -ECONNRESET);
    list_remove(&transport->link);
    schedule(transport);
}

void asyncio_datagram_transport_close(asyncio_datagram_transport *transport)
{
    if (transport->is_shut || net_is_other_thread(transport->net))
        return;
    transport->is_closing = true;
    if (list_empty(&transport->queue) && !transport->is_sending)
        shut(transport, 0);
    else
        stop_receiving(transport);
}

void asyncio_datagram_transport_abort(asyncio_datagram_transport *transport)
{
    if (!transport->is_shut && !net_is_other_thread(transport->net))
        shut(transport, 0);
}

int asyncio_datagram_transport_is_closing(const asyncio_datagram_transport *transport)
{
    return transport->is_closing;
}

/* When the loop closes: nothing more is told, and nobody waits any more. */
void asyncio__datagrams_abort(struct net *net)
{
    while (!list_empty(&net->datagrams))
        shut(container_of(net->datagrams.next, struct asyncio_datagram_transport, link), 0);
}

/* ---- the protocol ---- */

asyncio_datagram_protocol *asyncio_datagram_transport_set_protocol(
    asyncio_datagram_transport *transport, asyncio_datagram_protocol *protocol)
{
    asyncio_datagram_protocol *old = transport->protocol;
    if (old && protocol)
        transport->protocol = protocol;
    return protocol ? old : NULL;
}

asyncio_datagram_protocol *asyncio_datagram_transport_get_protocol(
    const asyncio_datagram_transport *transport)
{
    return transport->protocol;
}

/* ---- receiving by callbacks ---- */

static void receive_more(asyncio_datagram_transport *transport)
{
    transport->in.datagrams = transport->batch;
    transport->in.datagram_count = DATAGRAM_BATCH;
    int r = backend_of(transport)->submit(transport->net->backend, &transport->in);
    if (r == OP_PENDING) {
        transport->is_receiving = true;
        return;
    }
    transport->received = r;
    transport->has_received = true;
    schedule(transport); /* in the next turn: who sends much must not keep the others waiting */
}

static void error_of_one(asyncio_datagram_transport *transport, int error)
{
    asyncio_datagram_protocol *protocol = transport->protocol;
    if (protocol && protocol->methods->error_received)
        protocol->methods->error_received(protocol, error);
}

/* Each datagram may bring another protocol. */
static void deliver(asyncio_datagram_transport *transport)
{
    transport->has_received = false;
    if (transport->received < 0)
        error_of_one(transport, transport->received);
    for (int i = 0; i < transport->received && !transport->is_closing; i++) {
        asyncio_datagram_protocol *protocol = transport->protocol;
        if (protocol->methods->datagram_received)
            protocol->methods->datagram_received(protocol, &transport->batch[i]);
    }
    if (!transport->is_closing)
        receive_more(transport);
}

static void make_connection(asyncio_datagram_transport *transport)
{
    asyncio_datagram_protocol *protocol = transport->protocol;
    transport->is_made = true;
    if (protocol->methods->connection_made)
        protocol->methods->connection_made(protocol, transport);
}

static void run_start(struct handle *handle, asyncio_loop *loop)
{
    asyncio_datagram_transport *transport =
        container_of(handle, struct asyncio_datagram_transport, starting);
    if (!loop)
        return;
    asyncio__waiters_wake(&transport->waiters, 0);
    if (!transport->is_closing)
        receive_more(transport);
}

/* The last that the protocol is told; without a loop it is told nothing, and goes. */
static void lose_connection(asyncio_datagram_transport *transport, asyncio_loop *loop)
{
    asyncio_datagram_protocol *protocol = transport->protocol;
    transport->protocol = NULL;
    if (loop && protocol->methods->connection_lost)
        protocol->methods->connection_lost(protocol, transport->error);
    if (protocol->methods->destroy)
        protocol->methods->destroy(protocol);
}

/* What the protocol is told, in its order. */
static void run_delivery(struct handle *handle, asyncio_loop *loop)
{
    asyncio_datagram_transport *transport =
        container_of(handle, struct asyncio_datagram_transport, delivery);
    bool has_protocol = transport->protocol != NULL;
    transport->holds++;
    struct within within = within_enter(&transport->context);
    if (loop && has_protocol && !transport->is_made)
        make_connection(transport);
    else if (loop && has_protocol && transport->has_received && !transport->is_shut)
        deliver(transport);
    bool is_over = transport->is_shut && list_empty(&handle->link);
    if (is_over)
        list_remove(&transport->starting.link);
    if (is_over && has_protocol)
        lose_connection(transport, loop);
    within_exit(within);
    if (is_over)
        give_back(transport); /* the open socket's */
    give_back(transport);
}

/* ---- receiving by calls ---- */

static void on_received(struct op *op, int result)
{
    asyncio_datagram_transport *transport =
        container_of(op, struct asyncio_datagram_transport, in);
    transport->is_receiving = false;
    if (transport->protocol) {
        transport->received = result;
        transport->has_received = true;
        schedule(transport);
    } else if (transport->reader) {
        net_wake(transport->reader, result);
        transport->reader = NULL;
    }
}

static int cancel_reading(asyncio_future *awaited, const char *message)
{
    asyncio_datagram_transport *transport = container_of(
        (struct awaited *)(void *)awaited, struct asyncio_datagram_transport, reading);
    asyncio_task *task = transport->reader;
    if (!task)
        return 0;
    asyncio__future_keep_message(&task->future, message);
    (void)backend_of(transport)->cancel(transport->net->backend, &transport->in);
    transport->is_receiving = false;
    transport->reader = NULL;
    task_wake(task, -ECANCELED);
    return 1;
}

static const struct future_type reading_type = { "datagram", 0, cancel_reading, NULL };

/* After a wait: what was obtained is told, and then a cancellation waits for the next
 * suspension. */
static int waited(asyncio_task *task, int result)
{
    if (result >= 0)
        return result;
    if (task_take_cancel(task))
        return -ECANCELED;
    if (result == -ECANCELED)
        asyncio__task_put_message(task);
    return result;
}

static int be_fair(struct net *net)
{
    if (++net->streak < STREAK_MAX)
        return 0;
    net->streak = 0;
    return asyncio_sleep(0);
}

static int may_use(const asyncio_datagram_transport *transport, size_t count)
{
    if (transport->is_closing)
        return -ECONNRESET;
    int r = net_check_task(transport->net);
    return r < 0 ? r : count == 0 || count > INT_MAX ? -EINVAL : 0;
}

int asyncio_datagram_transport_receive(asyncio_datagram_transport *transport,
                                       asyncio_datagram *datagrams, size_t count)
{
    net_check_scopes(NET_CALLER());
    int r = may_use(transport, count);
    if (r >= 0 && transport->protocol)
        r = asyncio_raise(-EINVAL, "the endpoint's protocol receives");
    if (r >= 0)
        r = be_fair(transport->net);
    asyncio_task *task = task_current();
    if (r >= 0)
        r = transport->is_shut ? -ECONNRESET : transport->reader ? -EBUSY : task_refuses(task);
    if (r < 0)
        return r;
    transport->in.datagrams = datagrams;
    transport->in.datagram_count = (unsigned)count;
    r = backend_of(transport)->submit(transport->net->backend, &transport->in);
    if (r != OP_PENDING)
        return r;
    transport->is_receiving = true;
    transport->reader = task;
    transport->net->streak = 0;
    return waited(task, asyncio__task_wait(task, &transport->reading));
}

/* ---- sending ---- */

static void send_queue(asyncio_datagram_transport *transport);

static void resume_if_low(asyncio_datagram_transport *transport)
{
    if (!transport->is_paused || transport->queued > transport->low)
        return;
    transport->is_paused = false;
    asyncio_datagram_protocol *protocol = transport->protocol;
    if (protocol && protocol->methods->resume_writing)
        protocol->methods->resume_writing(protocol);
}

/* Whose turn is it: the next task's, or the queue's. */
static void next_turn(asyncio_datagram_transport *transport)
{
    if (transport->is_shut)
        return;
    if (!list_empty(&transport->queue))
        send_queue(transport);
    if (transport->is_sending || transport->is_shut || transport->sender)
        return;
    if (transport->is_closing && list_empty(&transport->queue)) {
        shut(transport, 0);
        return;
    }
    struct list *node = list_pop(&transport->senders);
    if (node)
        net_wake(task_of_step(container_of(node, struct handle, link)), 0);
}

static void packet_done(asyncio_datagram_transport *transport, int result)
{
    struct packet *packet =
        container_of(list_pop(&transport->queue), struct packet, link);
    transport->queued -= packet->datagram.size;
    asyncio__free(packet);
    if (result < 0)
        error_of_one(transport, result);
}

static void send_queue(asyncio_datagram_transport *transport)
{
    while (!transport->is_shut && !transport->is_sending && !list_empty(&transport->queue)) {
        struct packet *packet = container_of(transport->queue.next, struct packet, link);
        transport->out.datagrams = &packet->datagram;
        transport->out.datagram_count = 1;
        int r = backend_of(transport)->submit(transport->net->backend, &transport->out);
        if (r == OP_PENDING) {
            transport->is_sending = true;
            return;
        }
        packet_done(transport, r);
    }
    if (!transport->is_shut)
        resume_if_low(transport);
}

static void on_sent(struct op *op, int result)
{
    asyncio_datagram_transport *transport =
        container_of(op, struct asyncio_datagram_transport, out);
    transport->is_sending = false;
    transport->holds++; /* a callback may give back the last reference */
    struct within within = within_enter(&transport->context);
    if (transport->sender) {
        net_wake(transport->sender, result);
        transport->sender = NULL;
    } else {
        packet_done(transport, result);
    }
    next_turn(transport);
    within_exit(within);
    give_back(transport);
}

static int cancel_writing(asyncio_future *awaited, const char *message)
{
    asyncio_datagram_transport *transport = container_of(
        (struct awaited *)(void *)awaited, struct asyncio_datagram_transport, writing);
    asyncio_task *task = transport->sender;
    if (!task)
        return 0;
    asyncio__future_keep_message(&task->future, message);
    (void)backend_of(transport)->cancel(transport->net->backend, &transport->out);
    transport->is_sending = false;
    transport->sender = NULL;
    task_wake(task, -ECANCELED);
    next_turn(transport);
    return 1;
}

static const struct future_type writing_type = { "datagram send", 0, cancel_writing, NULL };

static bool is_busy(const asyncio_datagram_transport *transport)
{
    return transport->is_sending || transport->sender || !list_empty(&transport->queue);
}

int asyncio_datagram_transport_send(asyncio_datagram_transport *transport,
                                    asyncio_datagram *datagrams, size_t count)
{
    net_check_scopes(NET_CALLER());
    int r = may_use(transport, count);
    if (r >= 0)
        r = be_fair(transport->net);
    asyncio_task *task = task_current();
    while (r >= 0 && !transport->is_closing && is_busy(transport))
        r = asyncio__waiters_wait(&transport->senders, task);
    if (r >= 0)
        r = transport->is_closing ? -ECONNRESET : task_refuses(task);
    if (r < 0) {
        if (!transport->is_shut && !is_busy(transport))
            next_turn(transport); /* the turn that was ours */
        return r;
    }
    transport->out.datagrams = datagrams;
    transport->out.datagram_count = (unsigned)count;
    r = backend_of(transport)->submit(transport->net->backend, &transport->out);
    if (r == OP_PENDING) {
        transport->is_sending = true;
        transport->sender = task;
        transport->net->streak = 0;
        return waited(task, asyncio__task_wait(task, &transport->writing));
    }
    next_turn(transport);
    return r;
}

static int keep(asyncio_datagram_transport *transport, const asyncio_datagram *datagram)
{
    struct packet *packet = asyncio__malloc(sizeof *packet + datagram->size);
    if (!packet)
        return -ENOMEM;
    packet->datagram = *datagram;
    packet->datagram.data = packet->bytes;
    if (datagram->size)
        memcpy(packet->bytes, datagram->data, datagram->size);
    list_append(&transport->queue, &packet->link);
    transport->queued += datagram->size;
    if (transport->queued > transport->high && !transport->is_paused) {
        transport->is_paused = true;
        asyncio_datagram_protocol *protocol = transport->protocol;
        if (protocol && protocol->methods->pause_writing)
            protocol->methods->pause_writing(protocol);
    }
    return 0;
}

int asyncio_datagram_transport_sendto(asyncio_datagram_transport *transport, const void *data,
                                      size_t size, const struct sockaddr *address,
                                      socklen_t address_size)
{
    asyncio_datagram datagram = { .data = (void *)(uintptr_t)data, .size = size };
    if (transport->is_closing)
        return -ECONNRESET;
    int r = asyncio__loop_check(transport->net->loop);
    if (r >= 0 && (size > PTRDIFF_MAX || (address && address_size > sizeof datagram.address)))
        r = -EINVAL;
    if (r < 0)
        return r;
    if (address) {
        memcpy(&datagram.address, address, address_size);
        datagram.address_size = address_size;
    }
    if (!is_busy(transport)) {
        transport->out.datagrams = &datagram;
        transport->out.datagram_count = 1;
        r = backend_of(transport)->submit(transport->net->backend, &transport->out);
        if (r < 0 && r != OP_PENDING && transport->protocol) {
            error_of_one(transport, r);
            return 0;
        }
        if (r != OP_PENDING)
            return r < 0 ? r : 0;
        (void)backend_of(transport)->cancel(transport->net->backend, &transport->out);
    }
    transport->holds++;
    r = keep(transport, &datagram);
    if (!transport->is_shut && !transport->is_sending && !transport->sender)
        send_queue(transport);
    give_back(transport);
    return r;
}

size_t asyncio_datagram_transport_get_write_buffer_size(const asyncio_datagram_transport *transport)
{
    return transport->queued;
}

int asyncio_datagram_transport_set_write_buffer_limits(asyncio_datagram_transport *transport,
                                                       size_t high, size_t low)
{
    if (low > high)
        return asyncio_raise(-EINVAL, "high (%zu) must be >= low (%zu)", high, low);
    transport->high = high;
    transport->low = low;
    return 0;
}

/* ---- the beginning ---- */

void asyncio__datagram_begin(asyncio_datagram_transport *transport, sock socket)
{
    transport->socket = socket;
    transport->in = (struct op){ .complete = on_received,
                                 .socket = socket,
                                 .kind = OP_RECV_DATAGRAMS };
    transport->out = (struct op){ .complete = on_sent,
                                  .socket = socket,
                                  .kind = OP_SEND_DATAGRAMS };
    list_init(&transport->in.link);
    list_init(&transport->out.link);
    transport->reading.type = &reading_type;
    transport->writing.type = &writing_type;
    transport->delivery.run = run_delivery;
    transport->starting.run = run_start;
    list_append(&transport->net->datagrams, &transport->link);
    if (!transport->protocol)
        return;
    schedule(transport);
    asyncio__loop_call(transport->net->loop, &transport->starting);
}
