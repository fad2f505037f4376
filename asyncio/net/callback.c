/* SPDX-License-Identifier: MIT */
/* The callback level: a transport that reads by itself and calls a protocol.
 *
 * ORDER      Protocols are called from handles of their own, as CPython's are from callbacks of the
 *            loop: what came from the kernel waits its turn behind what was scheduled before, and
 *            each turn gives a connection what one receive brought. connection_made, the waking of
 *            who asked for the connection and the beginning of reading are three handles in a row.
 *            CPython has the last two the other way, but only asks the kernel in the next turn:
 *            there, too, nothing is received before that task goes on.
 *            Only pause_writing comes from inside a call, as there.
 * READING    goes into memory that all share; what comes later than asked for is kept in `in`, a
 *            block of the floor's, until the protocol has had it. While it is there, or reading is
 *            paused, no more is asked for.
 * BULK       Where much comes only that is waited for which tells that something has come. It is
 *            received when its turn comes, into the memory that all share or that get_buffer gives,
 *            and is the protocol's at once: nothing is copied. TLS cannot wait so: a few of its
 *            transports read into a block of their own.
 * LIFE       connection_lost is scheduled when the one below says that it has ended. A reference of
 *            the transport's own is given back when that has returned (or the loop closes and it
 *            never will), and the kernel has let go of the last operation. */
#include "net/callback.h"

#include "base/alloc.h"
#include "net/server.h"
#include "net/within.h"

#include <errno.h>

static void schedule(asyncio_transport *transport, struct handle *handle)
{
    list_remove(&handle->link);
    asyncio__loop_call(transport->tcp.net->loop, handle);
}

static void fail(asyncio_transport *transport, int error)
{
    if (!transport->is_closing)
        transport->error = error;
    transport->is_closing = true;
    if (!transport->is_lost)
        transport->top->type->abort(transport->top, true);
}

static void release(asyncio_transport *transport)
{
    if (--transport->refs)
        return;
    struct tls *tls;
    while ((tls = asyncio__tls_of(transport->top))) {
        transport->top = tls->lower;
        asyncio__tls_free(tls);
    }
    asyncio_context_unref(transport->context);
    asyncio__free(transport);
}

static void destroy_protocol(asyncio_transport *transport)
{
    asyncio_protocol *protocol = transport->protocol;
    transport->protocol = NULL;
    if (protocol && protocol->methods->destroy)
        protocol->methods->destroy(protocol);
}

/* ---- reading ---- */

static bool may_receive(const asyncio_transport *transport)
{
    return !transport->is_closing && !transport->is_reading_paused && !transport->is_receiving &&
           !transport->is_shaking_hands && !transport->has_result && !transport->has_eof &&
           !transport->in.count;
}

enum { BULK_SIZE = 8192 }; /* what is better not copied */

_Static_assert((int)SCRATCH_SIZE == (int)BLOCK_MAX, "a block of its own takes as much");

static size_t bulk_of(int result)
{
    return result >= BULK_SIZE ? (size_t)result : 0;
}

/* Where the next receive goes; NULL without memory. */
static char *memory_for(asyncio_transport *transport)
{
    struct net *net = transport->tcp.net;
    size_t capacity;
    if (transport->bulk && net->own_blocks < OWN_BLOCKS_MAX &&
        (transport->own = asyncio__blocks_get(&net->blocks, BLOCK_MAX, &capacity))) {
        net->own_blocks++;
        return transport->own;
    }
    return net_scratch(net);
}

/* No receive goes into it any more. */
static char *take_own(asyncio_transport *transport)
{
    char *block = transport->own;
    transport->tcp.net->own_blocks -= block != NULL;
    transport->own = NULL;
    return block;
}

static void drop_own(asyncio_transport *transport)
{
    char *block = take_own(transport);
    if (block)
        asyncio__blocks_put(&transport->tcp.net->blocks, block, BLOCK_MAX);
}

/* Keeps what a receive has given until its turn comes. */
static void keep(asyncio_transport *transport, int result)
{
    struct net *net = transport->tcp.net;
    transport->bulk = bulk_of(result);
    if (result > 0 && transport->own) {
        transport->in = (struct buffer){ .data = take_own(transport),
                                         .count = (size_t)result,
                                         .capacity = BLOCK_MAX };
    } else if (result > 0 && !buffer_begin(&transport->in, &net->blocks, (size_t)result) &&
               asyncio__buffer_reserve(&transport->in, &net->blocks, (size_t)result) < 0) {
        result = -ENOMEM;
    } else if (result > 0) {
        asyncio__buffer_add(&transport->in, net->scratch, (size_t)result);
    }
    if (transport->own)
        drop_own(transport);
    if (result <= 0) {
        transport->has_result = true;
        transport->result = result;
    }
    if (!transport->is_reading_paused)
        schedule(transport, &transport->reading);
}

/* Bulk is received when its turn comes. */
static void __attribute__((noinline)) on_awaited(asyncio_transport *transport, int result)
{
    transport->is_awaiting = false;
    if (result <= 0) {
        keep(transport, result);
        return;
    }
    transport->is_awaited = true;
    if (!transport->is_reading_paused)
        schedule(transport, &transport->reading);
}

static bool is_taking(const asyncio_transport *transport)
{
    return !transport->is_closing && !transport->is_reading_paused;
}

/* How much room the protocol gives; 0: it has failed by giving none, or has been closed in there,
 * or paused, or replaced. */
static size_t get_buffer(asyncio_transport *transport, size_t hint, void **ret_memory)
{
    asyncio_protocol *protocol = transport->protocol;
    *ret_memory = NULL;
    size_t room = protocol->methods->get_buffer(protocol, hint, ret_memory);
    if (!is_taking(transport) || transport->protocol != protocol)
        return 0;
    if (!room || !*ret_memory) {
        fail(transport, asyncio_raise(-EINVAL, "get_buffer() returned an empty buffer"));
        return 0;
    }
    return room;
}

static void give_to_buffered(asyncio_transport *transport, struct buffer *bytes)
{
    while (bytes->count && is_taking(transport)) {
        asyncio_protocol *protocol = transport->protocol;
        void *memory;
        if (!protocol->methods->get_buffer)
            break; /* it has been replaced meanwhile */
        size_t room = get_buffer(transport, bytes->count, &memory);
        if (!room)
            continue;
        size_t n = room < bytes->count ? room : bytes->count;
        memcpy(memory, buffer_bytes(bytes), n);
        buffer_take(bytes, n);
        if (protocol->methods->buffer_updated)
            protocol->methods->buffer_updated(protocol, n);
    }
}

/* What has come, to the protocol; what it does not take because it pauses comes back. */
static void give(asyncio_transport *transport)
{
    struct blocks *blocks = &transport->tcp.net->blocks;
    struct buffer bytes = transport->in;
    transport->in = (struct buffer){ .data = NULL };
    struct within within = within_enter(&transport->context);
    if (transport->protocol->methods->get_buffer)
        give_to_buffered(transport, &bytes);
    if (bytes.count && is_taking(transport)) {
        const asyncio_protocol_methods *methods = transport->protocol->methods;
        if (methods->data_received)
            methods->data_received(transport->protocol, buffer_bytes(&bytes), bytes.count);
        bytes.count = 0;
    }
    within_exit(within);
    if (bytes.count && !transport->is_closing)
        transport->in = bytes;
    else
        asyncio__buffer_release(&bytes, blocks);
}

static int tell_end(asyncio_transport *transport)
{
    const asyncio_protocol_methods *methods = transport->protocol->methods;
    struct within within = within_enter(&transport->context);
    int goes_on = methods->eof_received ? methods->eof_received(transport->protocol) : 0;
    within_exit(within);
    return goes_on;
}

static void tell_pipe_end(struct handle *handle, asyncio_loop *loop)
{
    if (loop)
        (void)tell_end(container_of(handle, asyncio_transport, resuming));
}

/* As CPython's: what the protocol is told of a pipe's end are two handles, whatever it answers. */
static void end_pipe(asyncio_transport *transport)
{
    transport->is_closing = true;
    transport->resuming.run = tell_pipe_end;
    schedule(transport, &transport->resuming);
    transport->top->type->close(transport->top);
}

static void give_end(asyncio_transport *transport)
{
    transport->has_eof = true;
    if (transport->is_pipe) {
        end_pipe(transport);
        return;
    }
    int goes_on = tell_end(transport);
    if (goes_on <= 0 || transport->top != &transport->tcp.base)
        asyncio_transport_close(transport);
}

static void give_result(asyncio_transport *transport, int result)
{
    if (result == 0)
        give_end(transport);
    else
        fail(transport, result);
}

/* Where bulk goes, and for how much there is room; 0: nothing is received now. */
static size_t bulk_memory(asyncio_transport *transport, void **ret_memory)
{
    asyncio_protocol *protocol = transport->protocol;
    *ret_memory = net_scratch(transport->tcp.net);
    if (!*ret_memory) {
        fail(transport, -ENOMEM);
        return 0;
    }
    if (!protocol->methods->get_buffer)
        return SCRATCH_SIZE;
    struct within within = within_enter(&transport->context);
    size_t room = get_buffer(transport, transport->bulk, ret_memory);
    within_exit(within);
    return room;
}

static void give_bulk(asyncio_transport *transport, const void *memory, size_t size)
{
    const asyncio_protocol_methods *methods = transport->protocol->methods;
    struct within within = within_enter(&transport->context);
    if (methods->get_buffer) {
        if (methods->buffer_updated)
            methods->buffer_updated(transport->protocol, size);
    } else if (methods->data_received) {
        methods->data_received(transport->protocol, memory, size);
    }
    within_exit(within);
}

/* What has come goes to the protocol from where it is received. */
static void receive_bulk(asyncio_transport *transport)
{
    void *memory;
    size_t room = bulk_memory(transport, &memory);
    if (!room)
        return;
    int r = transport->top->type->receive(transport->top, memory, room);
    if (r == OP_PENDING) { /* nothing, after all; what comes later must not find his memory */
        transport->is_receiving = true;
        transport->top->type->redirect(transport->top, transport->tcp.net->scratch, SCRATCH_SIZE);
    } else if (transport->is_closing) {
        return;
    } else if (r > 0) {
        if (r >= BULK_SIZE || (size_t)r < room)
            transport->bulk = bulk_of(r);
        give_bulk(transport, memory, (size_t)r);
    } else {
        give_result(transport, r);
    }
}

static void receive_next(asyncio_transport *transport)
{
    char *memory = memory_for(transport);
    int r = memory ? transport->top->type->receive(transport->top, memory, SCRATCH_SIZE) : -ENOMEM;
    if (r == OP_PENDING)
        transport->is_receiving = true;
    else if (!transport->is_closing)
        keep(transport, r);
    else
        drop_own(transport);
}

/* False: it is received as all else is. */
static bool __attribute__((noinline)) await_bulk(asyncio_transport *transport)
{
    struct transport *top = transport->top;
    if (!top->type->await)
        return false;
    if (top->type->await(top) == OP_PENDING)
        transport->is_receiving = transport->is_awaiting = true;
    else
        on_awaited(transport, 1);
    return true;
}

static void read_on(struct handle *handle, asyncio_loop *loop)
{
    asyncio_transport *transport = container_of(handle, asyncio_transport, reading);
    if (!loop || transport->is_closing || transport->is_reading_paused ||
        transport->is_shaking_hands)
        return;
    transport->refs++;
    if (transport->in.count) {
        give(transport);
    } else if (transport->has_result) {
        transport->has_result = false;
        give_result(transport, transport->result);
    } else if (transport->is_awaited) {
        transport->is_awaited = false;
        receive_bulk(transport);
    }
    if (may_receive(transport) &&
        !(__builtin_expect(transport->bulk != 0, 0) && await_bulk(transport)))
        receive_next(transport);
    release(transport);
}

/* ---- beginning and end ---- */

static void make_connection(struct handle *handle, asyncio_loop *loop)
{
    asyncio_transport *transport = container_of(handle, asyncio_transport, making);
    if (!loop)
        return;
    transport->is_made = true;
    struct within within = within_enter(&transport->context);
    if (transport->protocol->methods->connection_made)
        transport->protocol->methods->connection_made(transport->protocol, transport);
    within_exit(within);
}

static void resume(struct handle *handle, asyncio_loop *loop)
{
    asyncio_transport *transport = container_of(handle, asyncio_transport, resuming);
    if (!loop || !transport->is_told_to_pause || transport->top->is_paused || transport->drainers)
        return;
    transport->is_told_to_pause = false;
    struct within within = within_enter(&transport->context);
    if (transport->protocol->methods->resume_writing)
        transport->protocol->methods->resume_writing(transport->protocol);
    within_exit(within);
}

/* The second handle of the beginning: who asked for the connection goes on. */
static void open_done(struct handle *handle, asyncio_loop *loop)
{
    asyncio_transport *transport = container_of(handle, asyncio_transport, resuming);
    transport->resuming.run = resume;
    if (!loop)
        return;
    transport->opened = 0;
    asyncio__waiters_wake(&transport->waiters, 0);
}

/* Neither the protocol nor what is below needs it any more. */
static void part(asyncio_transport *transport)
{
    if (!transport->is_over || !transport->is_lost)
        return;
    if (transport->server)
        asyncio__server_lost_transport(transport->server, true);
    release(transport);
}

static void lose_connection(struct handle *handle, asyncio_loop *loop)
{
    asyncio_transport *transport = container_of(handle, asyncio_transport, losing);
    list_remove(&transport->making.link);
    list_remove(&transport->reading.link);
    list_remove(&transport->resuming.link);
    bool is_told = loop && transport->is_made;
    transport->is_made = false; /* what was written may still go out: that is told no more */
    if (is_told) {
        struct within within = within_enter(&transport->context);
        (void)asyncio__raise_reason(transport->top, transport->error);
        if (transport->protocol->methods->connection_lost)
            transport->protocol->methods->connection_lost(transport->protocol, transport->error);
        within_exit(within);
    }
    if (transport->opened == OP_PENDING)
        transport->opened = transport->error ? transport->error : -ECONNRESET;
    if (loop)
        asyncio__waiters_wake(&transport->waiters, transport->opened);
    destroy_protocol(transport);
    transport->is_over = true;
    if (transport->server)
        asyncio__server_lost_transport(transport->server, false);
    part(transport);
}

static void begin(asyncio_transport *transport)
{
    schedule(transport, &transport->making);
    schedule(transport, &transport->resuming);
    schedule(transport, &transport->reading);
}

/* ---- what the transport below tells ---- */

static void received(struct transport *top, int result)
{
    asyncio_transport *transport = top->user;
    transport->is_receiving = false;
    if (transport->is_closing)
        drop_own(transport);
    else if (__builtin_expect(transport->is_awaiting, 0))
        on_awaited(transport, result);
    else
        keep(transport, result);
}

static void resumed(struct transport *top)
{
    asyncio_transport *transport = top->user;
    if (transport->drainers)
        asyncio__waiters_wake(transport->drainers, 0);
    else if (transport->is_made)
        schedule(transport, &transport->resuming);
}

static void ended(struct transport *top, int error)
{
    asyncio_transport *transport = top->user;
    if (!transport->error)
        transport->error = error;
    transport->is_closing = true;
    schedule(transport, &transport->losing); /* the kernel may take longer to let go */
    if (transport->drainers)
        asyncio__waiters_wake(transport->drainers, error ? error : -ECONNRESET);
}

static void lost(struct transport *top, int error)
{
    asyncio_transport *transport = top->user;
    (void)error; /* `ended` has told */
    transport->is_lost = true;
    drop_own(transport);
    asyncio__buffer_release(&transport->in, &transport->tcp.net->blocks);
    list_remove(&transport->link);
    part(transport);
}

static const struct transport_events events = { received, resumed, NULL, ended, lost };

/* ---- making one ---- */

static int make_protocol(asyncio_transport *transport, asyncio_protocol_factory *factory,
                         void *data)
{
    struct within within = within_enter(&transport->context);
    transport->protocol = factory(data);
    within_exit(within);
    return transport->protocol ? 0 : -ENOMEM;
}

int asyncio__transport_new(struct net *net, sock socket, asyncio_protocol_factory *factory,
                           void *data, struct asyncio_server *server, struct list *list,
                           asyncio_transport **ret_transport)
{
    asyncio_transport *transport = asyncio__calloc(1, sizeof *transport);
    if (!transport)
        return -ENOMEM;
    int r = asyncio__context_inherit(&transport->context);
    if (r >= 0)
        r = make_protocol(transport, factory, data);
    if (r < 0) {
        asyncio_context_unref(transport->context);
        asyncio__free(transport);
        return r;
    }
    asyncio__tcp_init(&transport->tcp, net, socket, &events, transport);
    transport->top = &transport->tcp.base;
    transport->making.run = make_connection;
    transport->reading.run = read_on;
    transport->resuming.run = open_done;
    transport->losing.run = lose_connection;
    list_init(&transport->making.link);
    list_init(&transport->reading.link);
    list_init(&transport->resuming.link);
    list_init(&transport->losing.link);
    list_init(&transport->waiters);
    list_append(list, &transport->link);
    transport->server = server;
    transport->opened = OP_PENDING;
    transport->refs = 1;
    *ret_transport = transport;
    return 0;
}

void asyncio__transport_undo(asyncio_transport *transport)
{
    list_remove(&transport->link);
    destroy_protocol(transport);
    release(transport);
}

static void on_open(struct tls *tls, int result)
{
    asyncio_transport *transport = tls->base.user;
    if (result < 0)
        transport->error = result; /* `lost` follows */
    else
        begin(transport);
}

int asyncio__transport_begin(asyncio_transport *transport, const struct secure *secure)
{
    struct tls_options options;
    struct tls *tls;
    if (!secure) {
        begin(transport);
        return 0;
    }
    int r = asyncio__secure_options(secure, &options);
    options.on_open = on_open;
    if (r >= 0)
        r = asyncio__tls_new(transport->tcp.net, transport->top, NULL, &options, &tls);
    if (r < 0) {
        fail(transport, r);
        return r;
    }
    transport->top = &tls->base;
    asyncio__tls_start(tls);
    return 0;
}

static void on_open_later(struct tls *tls, int result)
{
    asyncio_transport *transport = tls->base.user;
    transport->is_shaking_hands = false;
    transport->opened = result;
    asyncio__waiters_wake(&transport->waiters, result);
    if (result >= 0)
        schedule(transport, &transport->reading);
}

/* A receive that is pending goes on as that of the TLS transport. */
int asyncio__transport_secure(asyncio_transport *transport, const struct secure *secure)
{
    struct tls_options options;
    struct tls *tls;
    int r = asyncio__secure_options(secure, &options);
    options.on_open = on_open_later;
    if (r >= 0)
        r = asyncio__tls_new(transport->tcp.net, transport->top, &transport->in, &options, &tls);
    if (r >= 0 && transport->is_awaiting) {
        (void)transport->top->type->cancel_receive(transport->top);
        transport->is_receiving = transport->is_awaiting = false;
    }
    transport->is_awaited = false;
    if (r >= 0 && transport->is_receiving && (r = asyncio__tls_take_receive(tls)) < 0) {
        transport->in = tls->ahead;
        tls->ahead = (struct buffer){ .data = NULL };
        asyncio__tls_free(tls);
    }
    if (r < 0)
        return r;
    drop_own(transport); /* the receive goes elsewhere now */
    transport->top = &tls->base;
    transport->is_receiving = false;
    transport->is_shaking_hands = true;
    transport->opened = OP_PENDING;
    asyncio__tls_start(tls);
    return 0;
}

void asyncio__transports_abort(struct list *transports)
{
    for (struct list *node = transports->next, *next; node != transports; node = next) {
        next = node->next;
        asyncio_transport *transport = container_of(node, asyncio_transport, link);
        transport->is_closing = true;
        bool has_unsent = transport->top->type->unsent(transport->top) > 0;
        transport->top->type->abort(transport->top, has_unsent);
    }
}

asyncio_transport *asyncio_transport_ref(asyncio_transport *transport)
{
    if (transport)
        transport->refs++;
    return transport;
}

void asyncio_transport_unref(asyncio_transport *transport)
{
    if (transport)
        release(transport);
}
