/* SPDX-License-Identifier: MIT */
/* Attempts at the addresses of a host, one after the other or beside each other. See dial.h. */
#include "net/dial.h"

#include "base/alloc.h"
#include "net/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

enum {
    FAILURES_SIZE = 1024,        /* of the text that lists what was tried */
    SELF_CONNECTS_MAX = 2,       /* then nobody else listens there */
    /* between two tries at an AF_UNIX listener whose backlog is full, which tells nobody when it is
     * so no more: twice as long each time */
    FULL_NS_MIN = 1000000,
    FULL_NS_MAX = 64000000,
};

struct attempt {
    struct op op;                    /* borrows its address from the dial's list */
    struct dial *dial;
    uint8_t self_connects;
    bool is_pending;
    int error;                       /* how it failed; 0: not yet */
};

struct dial {
    struct awaited awaited;
    asyncio_task *task;              /* NULL: nobody wants it any more */
    struct net *net;
    struct list link;                /* in net->connects */
    struct timed_handle timer;       /* the next attempt, or the same one once more */
    const struct dial_options *options;
    int64_t delay_ns;                /* negative: none */
    int64_t full_ns;                 /* how long it waited for a full listener */
    struct addresses addresses, locals;
    size_t started;
    unsigned pending;
    int result;                      /* OP_PENDING while it goes on */
    sock winner;
    struct attempt attempts[];       /* one for each address */
};

static const struct backend_type *backend_of(const struct dial *dial)
{
    return dial->net->backend->type;
}

static void free_dial(struct dial *dial)
{
    list_remove(&dial->link);
    asyncio__free(dial->addresses.items);
    asyncio__free(dial->locals.items);
    asyncio__free(dial);
}

/* ---- one attempt ---- */

static int bind_to(struct net *net, sock socket, int family, const struct addresses *locals)
{
    int r = -EADDRNOTAVAIL;
    for (size_t i = 0; i < locals->count; i++) {
        const struct address *local = &locals->items[i];
        if (local->name.ss_family != family)
            continue;
        r = net->backend->type->bind(net->backend, socket, (const struct sockaddr *)&local->name,
                                     local->size);
        if (r >= 0)
            return r;
    }
    return r;
}

/* Whether the kernel has connected a socket with itself: where nobody listens on the port, and it
 * happens to be the one that the socket got for its own. */
static bool is_self(struct net *net, sock socket)
{
    struct address here, there;
    return net_name_of(net, socket, false, &here.name, &here.size) >= 0 &&
           net_name_of(net, socket, true, &there.name, &there.size) >= 0 &&
           here.name.ss_family != AF_UNIX && asyncio__address_is_equal(&here, &there);
}

static bool has_local_port(const struct dial *dial)
{
    return dial->locals.count && asyncio__address_port(&dial->locals.items[0].name) != 0;
}

static void drop_socket(struct attempt *attempt)
{
    (void)backend_of(attempt->dial)->close(attempt->dial->net->backend, attempt->op.socket);
}

static void completed(struct op *op, int result);

/* 0: connected; OP_PENDING; or an error, and nothing is open. */
static int try_once(struct attempt *attempt)
{
    struct dial *dial = attempt->dial;
    struct backend *backend = dial->net->backend;
    struct address *address = &dial->addresses.items[attempt - dial->attempts];
    int family = address->name.ss_family;
    sock socket;
    int protocol = family == AF_UNIX ? 0 : dial->options->protocol;
    int r = backend->type->socket(backend, family, SOCK_STREAM, protocol, &socket);
    if (r < 0)
        return r;
    attempt->op = (struct op){ .complete = completed, .socket = socket, .kind = OP_CONNECT };
    list_init(&attempt->op.link);
    attempt->op.address = &address->name;
    attempt->op.address_size = address->size;
    if (dial->locals.count)
        r = bind_to(dial->net, socket, family, &dial->locals);
    if (r >= 0)
        r = backend->type->submit(backend, &attempt->op);
    if (r == OP_PENDING) {
        attempt->is_pending = true;
        dial->pending++;
    } else if (r < 0) {
        drop_socket(attempt);
    }
    return r;
}

/* What a try has given, until it is a connection, pending, or an error. A connection with itself is
 * none, unless the caller has named the port it comes from: another try gets another port, and so
 * the truth (Go's net package does the same). */
static int settle_self(struct attempt *attempt, int result)
{
    struct dial *dial = attempt->dial;
    while (result >= 0 && !has_local_port(dial) && is_self(dial->net, attempt->op.socket)) {
        drop_socket(attempt);
        if (attempt->self_connects++ == SELF_CONNECTS_MAX)
            return -ECONNREFUSED;
        result = try_once(attempt);
    }
    return result;
}

/* ---- all of them ---- */

static void arm(struct dial *dial, int64_t delay_ns)
{
    asyncio_loop *loop = dial->net->loop;
    asyncio__loop_uncall(loop, &dial->timer);
    asyncio__loop_call_at(loop, &dial->timer, asyncio__loop_now(loop) + delay_ns);
}

/* Nobody wants what is still under way. */
static void stop(struct dial *dial)
{
    asyncio__loop_uncall(dial->net->loop, &dial->timer);
    for (size_t i = 0; i < dial->started; i++) {
        struct attempt *attempt = &dial->attempts[i];
        if (!attempt->is_pending)
            continue;
        if (backend_of(dial)->cancel(dial->net->backend, &attempt->op) == 1) {
            attempt->is_pending = false;
            dial->pending--;
        }
        drop_socket(attempt);
    }
}

static void end(struct dial *dial, int result)
{
    dial->result = result;
    stop(dial);
    if (dial->task)
        task_wake(dial->task, result);
}

/* An AF_UNIX listener is full: the same attempt once more, later. */
static void try_later(struct dial *dial)
{
    dial->started--; /* it is the only one */
    dial->full_ns = dial->full_ns ? dial->full_ns * 2 : FULL_NS_MIN;
    if (dial->full_ns > FULL_NS_MAX)
        dial->full_ns = FULL_NS_MAX;
    arm(dial, dial->full_ns);
}

/* A try at an address has come to `result`. True: there is nothing to go on with now. */
static bool took(struct attempt *attempt, int result)
{
    struct dial *dial = attempt->dial;
    result = settle_self(attempt, result);
    if (result == OP_PENDING)
        return false;
    if (result >= 0) {
        dial->winner = attempt->op.socket;
        end(dial, 0);
        return true;
    }
    attempt->error = result;
    if (result == -ENOMEM)
        end(dial, result);
    else if (result == -EAGAIN && dial->addresses.items[0].name.ss_family == AF_UNIX)
        try_later(dial);
    else
        return false;
    return true;
}

/* Starts attempts until one is under way. */
static void go_on(struct dial *dial)
{
    while (dial->started < dial->addresses.count) {
        struct attempt *attempt = &dial->attempts[dial->started++];
        attempt->dial = dial;
        if (took(attempt, try_once(attempt)))
            return;
        if (attempt->is_pending) {
            if (dial->delay_ns >= 0 && dial->started < dial->addresses.count)
                arm(dial, dial->delay_ns);
            return;
        }
    }
    if (!dial->pending) /* the last one tells */
        end(dial, dial->attempts[dial->addresses.count - 1].error);
}

static void on_time(struct handle *handle, asyncio_loop *loop)
{
    if (loop)
        go_on(container_of(handle, struct dial, timer.handle));
}

static void completed(struct op *op, int result)
{
    struct attempt *attempt = container_of(op, struct attempt, op);
    struct dial *dial = attempt->dial;
    attempt->is_pending = false;
    dial->pending--;
    if (dial->result != OP_PENDING) { /* its socket is closed already */
        if (!dial->pending && !dial->task)
            free_dial(dial);
        return;
    }
    if (result < 0)
        drop_socket(attempt);
    if (!took(attempt, result) && !attempt->is_pending)
        go_on(dial);
}

/* ---- waiting for it ---- */

static int cancel(asyncio_future *awaited, const char *message)
{
    struct dial *dial = container_of((struct awaited *)(void *)awaited, struct dial, awaited);
    asyncio_task *task = dial->task;
    if (task->future.task_flags & TASK_WOKEN)
        return 0;
    asyncio__future_keep_message(&task->future, message);
    end(dial, -ECANCELED);
    return 1;
}

static const struct future_type dial_type = { "connect", 0, cancel, NULL };

/* The caller wants nothing more of it. */
static void let_go(struct dial *dial)
{
    dial->task = NULL;
    if (!dial->pending)
        free_dial(dial);
}

void asyncio__connects_abort(struct net *net)
{
    for (struct list *node = net->connects.next, *next; node != &net->connects; node = next) {
        next = node->next;
        struct dial *dial = container_of(node, struct dial, link);
        if (dial->task)
            dial->task->waiting = NULL;
        if (dial->result == 0 && dial->task)
            (void)backend_of(dial)->close(net->backend, dial->winner);
        dial->task = NULL;
        if (dial->result == OP_PENDING)
            end(dial, -ECANCELED);
        let_go(dial);
    }
}

static int wait_for(struct dial *dial, asyncio_task *task)
{
    int r = task_refuses(task);
    if (r < 0) {
        dial->result = r;
        return r;
    }
    go_on(dial);
    if (dial->result != OP_PENDING)
        return dial->result;
    dial->task = task;
    r = asyncio__task_wait(task, &dial->awaited);
    if (task_take_cancel(task)) {
        if (r >= 0)
            (void)backend_of(dial)->close(dial->net->backend, dial->winner);
        return -ECANCELED;
    }
    if (r == -ECANCELED)
        asyncio__task_put_message(task);
    return r;
}

/* ---- what is said when all have failed ---- */

static struct error_record *record_of(int error, ...)
{
    va_list arguments;
    va_start(arguments, error);
    struct error_record *record =
        asyncio__record_new(error, NULL, 0, NULL, "%s: %s", arguments);
    va_end(arguments);
    return record;
}

/* One error is itself; several are the last one's code and the list of all. */
static int raise_failures(const struct dial *dial, int error)
{
    char text[FAILURES_SIZE];
    size_t count = dial->addresses.count, used = 0;
    struct error_record **members = asyncio__calloc(count, sizeof *members);
    int *codes = asyncio__calloc(count, sizeof *codes);
    for (size_t i = 0; i < count; i++) {
        char address[ADDRESS_TEXT_SIZE] = "?";
        int code = dial->attempts[i].error;
        (void)asyncio__address_format(&dial->addresses.items[i], address, sizeof address);
        if (used < sizeof text - 1)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s: %s", i ? "; " : "",
                                     address, asyncio_error_text(code));
        if (members && codes) {
            members[i] = record_of(code, address, asyncio_error_text(code));
            codes[i] = code;
        }
    }
    error = asyncio_raise(error, "%s", text);
    if (members && codes && count > 1) {
        struct error_record *group = asyncio__record_group(error, text, members, codes, count);
        if (group)
            asyncio__record_put(group);
    }
    for (size_t i = 0; members && i < count; i++)
        asyncio__record_unref(members[i]);
    asyncio__free(members);
    asyncio__free(codes);
    return error;
}

/* ---- the calls ---- */

/* Takes the addresses. */
static struct dial *make(struct net *net, struct addresses *addresses, struct addresses *locals,
                         const struct dial_options *options)
{
    struct dial *dial =
        asyncio__calloc(1, sizeof *dial + addresses->count * sizeof dial->attempts[0]);
    if (!dial) {
        asyncio__free(addresses->items);
        asyncio__free(locals->items);
        return NULL;
    }
    dial->awaited.type = &dial_type;
    dial->net = net;
    dial->timer.handle.run = on_time;
    list_init(&dial->timer.handle.link);
    dial->options = options;
    dial->delay_ns = -1;
    dial->addresses = *addresses;
    dial->locals = *locals;
    dial->result = OP_PENDING;
    list_append(&net->connects, &dial->link);
    return dial;
}

static int run(struct dial *dial, sock *ret_socket)
{
    int r = wait_for(dial, task_current());
    if (r >= 0)
        *ret_socket = dial->winner;
    else if (r != -ECANCELED && r != -ENOMEM)
        r = raise_failures(dial, r);
    let_go(dial);
    return r;
}

static int delay_of(const struct dial_options *options, int64_t *ret_ns)
{
    *ret_ns = -1;
    if (options->delay == ASYNCIO_NONE)
        return 0;
    if (!(options->delay >= 0))
        return asyncio_raise(-EINVAL, "happy_eyeballs_delay must be 0 or more seconds");
    *ret_ns = options->delay < 1e9 ? (int64_t)(options->delay * 1e9) : INT64_MAX / 4;
    return 0;
}

static void set_options(struct net *net, sock socket, bool keep_alive)
{
    const struct backend_type *backend = net->backend->type;
    int one = 1;
    (void)backend->setsockopt(net->backend, socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (keep_alive)
        (void)backend->setsockopt(net->backend, socket, SOL_SOCKET, SO_KEEPALIVE, &one,
                                  sizeof one);
}

int asyncio__dial(struct net *net, const char *host, int port, const struct dial_options *options,
                  sock *ret_socket)
{
    struct addresses addresses = { NULL, 0 }, locals = { NULL, 0 };
    int64_t delay_ns;
    int r = delay_of(options, &delay_ns);
    if (r < 0)
        return r;
    struct resolve_hints hints = { options->family, options->protocol, options->flags };
    r = asyncio__resolve(net, host, port, &hints, &addresses);
    if (r >= 0 && options->is_local) {
        hints.flags |= AI_PASSIVE;
        r = asyncio__resolve(net, options->local_host, options->local_port, &hints, &locals);
    }
    int interleave = options->interleave < 0 ? delay_ns >= 0 : options->interleave;
    if (r >= 0 && interleave)
        r = asyncio__addresses_interleave(&addresses, (size_t)interleave);
    if (r < 0) {
        asyncio__free(addresses.items);
        asyncio__free(locals.items);
        return r;
    }
    struct dial *dial = make(net, &addresses, &locals, options);
    if (!dial)
        return -ENOMEM;
    dial->delay_ns = delay_ns;
    r = run(dial, ret_socket);
    if (r >= 0)
        set_options(net, *ret_socket, options->keep_alive);
    return r;
}

int asyncio__dial_path(struct net *net, const char *path, sock *ret_socket)
{
    static const struct dial_options options = { .delay = ASYNCIO_NONE };
    struct addresses addresses = { asyncio__calloc(1, sizeof(struct address)), 1 };
    struct addresses locals = { NULL, 0 };
    if (!addresses.items)
        return -ENOMEM;
    int r = asyncio__address_of_path(path, addresses.items);
    if (r < 0) {
        asyncio__free(addresses.items);
        return asyncio_raise(r, "%s is no path of a socket: %s", path, asyncio_error_text(r));
    }
    struct dial *dial = make(net, &addresses, &locals, &options);
    return dial ? run(dial, ret_socket) : -ENOMEM;
}
