/* SPDX-License-Identifier: MIT */
/* Streams: their making, their end, and waiting for bytes. What is read is in reader.c, what is
 * written in writer.c. */
#include "net/stream.h"

#include "base/alloc.h"
#include "net/address.h"
#include "net/start_tls.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { LIMIT_MAX = INT_MAX / 2 };   /* twice the limit is a result */

static void free_if_over(asyncio_stream *stream)
{
    if (stream->is_open || stream->refs)
        return;
    asyncio__buffer_release(&stream->in, NULL);
    if (stream->transport != &stream->tcp.base)
        asyncio__stream_free_tls(stream);
    asyncio__free(stream);
}

/* ---- what the transport tells ---- */

/* Bytes that came while nothing was buffered, but for the first `skipped`: from the scratch into a
 * buffer of their size. */
static int __attribute__((noinline)) keep(asyncio_stream *stream, int result, size_t skipped)
{
    struct net *net = stream->tcp.net;
    struct buffer *in = &stream->in;
    size_t size = (size_t)result - skipped;
    if (!buffer_begin(in, &net->blocks, size) &&
        asyncio__buffer_reserve(in, &net->blocks, size) < 0)
        return stream_has_a_hole(stream);
    memcpy(buffer_end(in), net->scratch + skipped, size);
    in->count += size;
    return result;
}

/* The same, but for what is expected. */
static int __attribute__((noinline)) take(asyncio_stream *stream, int result)
{
    size_t size = stream->expected_size;
    if (!stream->expected || (size_t)result < size ||
        memcmp(stream->tcp.net->scratch, stream->expected, size) != 0)
        return keep(stream, result, 0);
    stream->is_as_expected = true;
    return __builtin_expect((size_t)result == size, 1) ? result : keep(stream, result, size);
}

static void received(struct transport *transport, int result)
{
    asyncio_stream *stream = stream_of(transport);
    if (stream->is_diverted && result > 0)
        result = take(stream, result);
    asyncio_task *reader = stream->reader;
    if (__builtin_expect(reader != NULL, 1))
        net_wake(reader, result);
}

static void resumed(struct transport *transport)
{
    asyncio_stream *stream = stream_of(transport);
    asyncio__waiters_wake(&stream->drainers, 0);
}

static bool broken(struct transport *transport, int error)
{
    asyncio_stream *stream = stream_of(transport);
    bool is_read = !stream->has_eof || stream->in.count;
    if (stream->gone || !is_read || !list_empty(&stream->closers))
        return false;
    stream->gone = stream->lost_by = error;
    stream->is_half_gone = true;
    asyncio__waiters_wake(&stream->drainers, error);
    return true;
}

static void ended(struct transport *transport, int error)
{
    asyncio_stream *stream = stream_of(transport);
    stream->lost_by = error;
    stream->is_half_gone = false;
    if (!stream->gone)
        stream->gone = error ? error : -ECONNRESET;
    asyncio__waiters_wake(&stream->drainers, error ? error : -ECONNRESET);
}

static void lost(struct transport *transport, int error)
{
    asyncio_stream *stream = stream_of(transport);
    asyncio__waiters_wake(&stream->closers, error);
    list_remove(&stream->link);
    struct asyncio_server *server = stream->server;
    stream->server = NULL;
    stream->is_open = false;
    if (server)
        asyncio__server_lost(server, stream);
    free_if_over(stream);
}

static const struct future_type reading_type;
static const struct transport_events events = { received, resumed, broken, ended, lost };

/* ---- life ---- */

asyncio_stream *asyncio__stream_new(struct net *net, sock socket, size_t limit,
                                    struct asyncio_server *server, struct list *list)
{
    asyncio_stream *stream = asyncio__malloc(sizeof *stream);
    if (!stream)
        return NULL;
    *stream = (asyncio_stream){ .limit = limit < LIMIT_MAX ? limit : LIMIT_MAX,
                                .server = server,
                                .is_accepted = server != NULL,
                                .chunk = BLOCK_MIN,
                                .refs = 1,
                                .is_open = true };
    asyncio__tcp_init(&stream->tcp, net, socket, &events, stream);
    stream->transport = &stream->tcp.base;
    stream->reading.type = &reading_type;
    list_init(&stream->drainers);
    list_init(&stream->closers);
    list_append(list, &stream->link);
    return stream;
}

asyncio_stream *asyncio_stream_ref(asyncio_stream *stream)
{
    if (stream)
        stream->refs++;
    return stream;
}

void asyncio_stream_unref(asyncio_stream *stream)
{
    if (!stream)
        return;
    if (stream->refs == 1)
        asyncio_stream_close(stream); /* holding the last reference: it is not freed beneath us */
    stream->refs--;
    free_if_over(stream);
}

static void no_more_calls(asyncio_stream *stream)
{
    stream->is_half_gone = false;
    if (!stream->gone)
        stream->gone = -ECONNRESET;
}

void asyncio_stream_close(asyncio_stream *stream)
{
    if (stream->is_open && net_is_other_thread(stream->tcp.net))
        return;
    no_more_calls(stream);
    if (stream->is_open)
        stream->transport->type->close(stream->transport);
}

void asyncio_stream_abort(asyncio_stream *stream)
{
    if (stream->is_open && net_is_other_thread(stream->tcp.net))
        return;
    no_more_calls(stream);
    if (stream->is_open)
        stream->transport->type->abort(stream->transport, true);
}

/* When the loop closes. What is lost on the way tells its peer so. */
void asyncio__streams_abort(struct list *streams)
{
    for (struct list *node = streams->next, *next; node != streams; node = next) {
        next = node->next;
        asyncio_stream *stream = container_of(node, struct asyncio_stream, link);
        no_more_calls(stream);
        bool has_unsent = stream->transport->type->unsent(stream->transport) > 0;
        stream->transport->type->abort(stream->transport, has_unsent);
    }
}

int asyncio_stream_is_closing(const asyncio_stream *stream)
{
    return stream->gone != 0;
}

int asyncio_stream_wait_closed(asyncio_stream *stream)
{
    net_check_scopes(NET_CALLER());
    if (!task_current())
        return stream->is_open ? asyncio__net_refuses(stream->tcp.net) : -ASYNCIO_NO_TASK;
    int r = stream->is_open ? net_check_task(stream->tcp.net) : 0;
    if (r >= 0 && stream->is_half_gone)
        asyncio_stream_close(stream); /* it was lost already; what was not read is given up */
    if (r >= 0)
        r = stream->is_open ? asyncio__waiters_wait(&stream->closers, task_current())
                            : stream->lost_by;
    return asyncio__stream_error(stream, r);
}

static int name_of(const asyncio_stream *stream, bool of_peer, char *text, size_t size)
{
    if (!stream->is_open)
        return -ENOTCONN;
    struct address address;
    int r = stream->transport->type->address(stream->transport, of_peer, &address.name,
                                             &address.size);
    return r < 0 ? r : asyncio__address_format(&address, text, size);
}

int asyncio_stream_peername(const asyncio_stream *stream, char *text, size_t size)
{
    return name_of(stream, true, text, size);
}

int asyncio_stream_sockname(const asyncio_stream *stream, char *text, size_t size)
{
    return name_of(stream, false, text, size);
}

/* ---- errors ---- */

int asyncio__stream_error(const asyncio_stream *stream, int error)
{
    return error < 0 ? asyncio__raise_reason(stream->transport, error) : error;
}

/* ---- waiting for bytes ---- */

static int cancel_reading(asyncio_future *awaited, const char *message)
{
    asyncio_stream *stream =
        container_of((struct awaited *)(void *)awaited, struct asyncio_stream, reading);
    asyncio_task *task = stream->reader;
    if (task->future.task_flags & TASK_WOKEN)
        return 0;
    asyncio__future_keep_message(&task->future, message);
    stream->is_read_cancelled = true; /* also when it is closed before the task runs */
    if (stream->transport->type->cancel_receive(stream->transport) == 1)
        task_wake(task, -ECANCELED);
    return 1;
}

static const struct future_type reading_type = { "stream read", 0, cancel_reading, NULL };

/* Where cancellation is level-triggered, waiting is refused; but a receive that the kernel does
 * not give back at once has to be waited for. */
int asyncio__stream_refused(asyncio_stream *stream, asyncio_task *task)
{
    int r = task_refuses(task);
    if (r < 0 && stream->transport->type->cancel_receive(stream->transport) == 1)
        return r;
    stream->is_read_cancelled = r < 0;
    return 0;
}

/* A wait that did not just bring bytes. Bytes are never lost: with them a cancellation waits for
 * the next suspension, and an error of the other direction for the next read. */
static int waited(asyncio_stream *stream, asyncio_task *task, int result)
{
    int gone = stream_is_unreadable(stream);
    bool was_cancelled = stream->is_read_cancelled;
    stream->is_read_cancelled = false;
    if (result == 0)
        stream->has_eof = true;
    if (result > 0) {
        if (was_cancelled && task->future.cancelling > 0)
            task->future.task_flags |= TASK_MUST_CANCEL;
        return gone && !stream->lost_by ? gone : result;
    }
    if (task_take_cancel(task))
        return -ECANCELED;
    if (was_cancelled || (result == -ECANCELED && !gone)) {
        asyncio__task_put_message(task);
        return -ECANCELED;
    }
    if (gone && (result >= 0 || result == -ECANCELED))
        return gone; /* it was closed by somebody else */
    return result;
}

int asyncio__stream_waited(asyncio_stream *stream, asyncio_task *task, int result)
{
    return asyncio__stream_error(stream, waited(stream, task, result));
}

int asyncio__stream_no_bytes(asyncio_stream *stream, int result)
{
    if (result == 0)
        stream->has_eof = true;
    return asyncio__stream_error(stream, result);
}

int asyncio__stream_yield(asyncio_stream *stream)
{
    stream->tcp.net->streak = 0;
    stream->reader = task_current(); /* it is reading all the while */
    int r = asyncio_sleep(0);
    stream->reader = NULL;
    return r < 0 ? r : stream_is_unreadable(stream);
}

/* While nothing has come, an empty buffer goes back, and the receive under way gets the scratch
 * instead. */
static void divert(asyncio_stream *stream, size_t size)
{
    struct net *net = stream->tcp.net;
    if (!net_scratch(net))
        return;
    asyncio__buffer_release(&stream->in, &net->blocks);
    stream->is_diverted = true;
    stream->transport->type->redirect(stream->transport, net->scratch,
                                      size < SCRATCH_SIZE ? size : SCRATCH_SIZE);
}

/* What one receive has brought: the next block is made for as much. Beyond the scratch's size only
 * where the user's limit asks for it: a bulk transfer then takes fewer, larger receives, and sends
 * fewer acknowledgements. */
static void learn(asyncio_stream *stream, size_t got)
{
    size_t chunk = stream->chunk;
    size_t most = stream->limit >= LARGEST_FILL / 2 ? LARGEST_FILL : SCRATCH_SIZE;
    if (got >= chunk && chunk < most)
        stream->chunk = (uint32_t)(chunk * 4 < most ? chunk * 4 : most);
    else if (got < chunk / 4 && chunk > BLOCK_MIN)
        stream->chunk = (uint32_t)(chunk / 2);
}

/* In the middle of a bulk transfer what comes next is more than the scratch holds, and would be
 * copied from there: so a stream keeps its buffer, but only a few of a loop at a time. */
static int wait_for_first(asyncio_stream *stream, size_t capacity)
{
    struct net *net = stream->tcp.net;
    if (stream->chunk <= SCRATCH_SIZE || net->own_blocks >= OWN_BLOCKS_MAX) {
        divert(stream, capacity);
        return stream_wait(stream);
    }
    net->own_blocks++;
    int r = stream_wait(stream);
    net->own_blocks--;
    return r;
}

/* Messages have been small, and nothing is buffered. */
static inline bool comes_by_scratch(asyncio_stream *stream)
{
    return stream->chunk <= BLOCK_MIN && !stream->in.count &&
           stream->transport == &stream->tcp.base && net_scratch(stream->tcp.net);
}

/* Fills a buffer that is made when it is known for what. What is there already is taken only as far
 * as there is a block for it. */
static inline int fill_by_scratch(asyncio_stream *stream, size_t capacity)
{
    struct net *net = stream->tcp.net;
    size_t size = capacity < BLOCK_MIN ? capacity : BLOCK_MIN;
    if (stream->in.data)
        asyncio__buffer_release(&stream->in, &net->blocks);
    if (blocks_reserve(&net->blocks, BLOCK_MIN) < 0)
        return -ENOMEM;
    stream->is_diverted = true;
    int r = tcp_receive(&stream->tcp, net->scratch, size);
    if (__builtin_expect(r == OP_PENDING, 1)) {
        size = capacity < SCRATCH_SIZE ? capacity : SCRATCH_SIZE;
        tcp_redirect(&stream->tcp, net->scratch, size);
        r = stream_wait(stream);
    } else if ((r = stream_received_now(stream, r)) > 0)
        r = take(stream, r);
    stream->is_diverted = false;
    if (r >= BLOCK_MIN)
        learn(stream, (size_t)r);
    return r;
}

/* Fills the buffer as it is, or a block as large as the messages have been. */
static int __attribute__((noinline)) fill_directly(asyncio_stream *stream, size_t capacity)
{
    struct buffer *in = &stream->in;
    if (in->count == 0)
        in->head = 0;
    size_t most = capacity - in->count;
    size_t wanted = in->count > stream->chunk ? in->count : stream->chunk;
    if (wanted > most)
        wanted = most;
    if (buffer_room(in) < wanted &&
        asyncio__buffer_reserve(in, &stream->tcp.net->blocks, wanted) < 0)
        return -ENOMEM;
    size_t room = buffer_room(in) < most ? buffer_room(in) : most;
    int r = stream->transport->type->receive(stream->transport, buffer_end(in), room);
    if (r == OP_PENDING) {
        r = in->count == 0 ? wait_for_first(stream, capacity) : stream_wait(stream);
    } else {
        r = stream_received_now(stream, r);
    }
    if (r > 0 && !stream->is_diverted)
        in->count += (size_t)r;
    if (r > 0)
        learn(stream, (size_t)r);
    stream->is_diverted = false;
    return r;
}

static inline int fill(asyncio_stream *stream, size_t capacity)
{
    return comes_by_scratch(stream) ? fill_by_scratch(stream, capacity)
                                    : fill_directly(stream, capacity);
}

int asyncio__stream_fill_more(asyncio_stream *stream, size_t capacity)
{
    int r = stream_be_fair(stream);
    return r < 0 ? r : fill(stream, capacity);
}

int asyncio__stream_expect(asyncio_stream *stream, const void *expected, size_t size)
{
    net_check_scopes(NET_CALLER());
    int r = stream_may_read(stream);
    if (r < 0 || stream->in.count || stream->has_eof || (r = stream_be_fair(stream)) < 0)
        return r;
    stream->expected = size <= UINT32_MAX ? expected : NULL;
    stream->expected_size = (uint32_t)size;
    r = fill(stream, 2 * stream->limit);
    bool has_come = stream->is_as_expected;
    stream->is_as_expected = false;
    stream->expected = NULL;
    return r < 0 ? r : has_come;
}

int asyncio__stream_has_expected(const asyncio_stream *stream)
{
    return stream->is_as_expected && !stream->gone;
}
