/* SPDX-License-Identifier: MIT */
/* Names asked by c-ares, in the loop's own thread: where it is built in, and wanted by
 * ASYNCIO_RESOLVER=c-ares. It reads resolv.conf and /etc/hosts, and nothing of nsswitch.conf; so
 * the system's resolver is the default.
 *
 * c-ares has sockets of its own. The backend is given them only to be polled; what comes is read
 * by ares_process_fd. Its time limits are one timer of the loop's. */
#include "net/names.h"

#include "base/alloc.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/time.h>

enum { ADDRESSES_MAX = 64 };

struct cares {
    struct net *net;
    ares_channel channel;
    struct list sockets;
    struct timed_handle timer;
};

struct watched {
    struct list link;
    struct cares *cares;
    int number;
    sock socket;
    struct op in, out;
    bool is_in, is_out;              /* armed */
};

static const struct backend_type *type_of(const struct cares *cares)
{
    return cares->net->backend->type;
}

/* ---- time ---- */

static void arm(struct cares *cares)
{
    asyncio_loop *loop = cares->net->loop;
    struct timeval left;
    asyncio__loop_uncall(loop, &cares->timer);
    if (ares_timeout(cares->channel, NULL, &left))
        asyncio__loop_call_at(loop, &cares->timer,
                              asyncio__loop_now(loop) + (int64_t)left.tv_sec * 1000000000 +
                                  (int64_t)left.tv_usec * 1000);
}

static void process(struct cares *cares, int in, int out)
{
    ares_process_fd(cares->channel, in, out);
    arm(cares);
}

static void on_time(struct handle *handle, asyncio_loop *loop)
{
    if (loop)
        process(container_of(handle, struct cares, timer.handle), ARES_SOCKET_BAD,
                ARES_SOCKET_BAD);
}

/* ---- its sockets ---- */

static void on_in(struct op *op, int result)
{
    const struct watched *watched = container_of(op, struct watched, in);
    (void)result;
    process(watched->cares, watched->number, ARES_SOCKET_BAD);
}

static void on_out(struct op *op, int result)
{
    const struct watched *watched = container_of(op, struct watched, out);
    (void)result;
    process(watched->cares, ARES_SOCKET_BAD, watched->number);
}

static void watch(struct cares *cares, struct op *op, bool *is_armed, bool wanted)
{
    if (wanted && !*is_armed)
        *is_armed = type_of(cares)->submit(cares->net->backend, op) == OP_PENDING;
    else if (!wanted && *is_armed) {
        (void)type_of(cares)->cancel(cares->net->backend, op);
        *is_armed = false;
    }
}

static struct watched *find(struct cares *cares, int number)
{
    for (struct list *node = cares->sockets.next; node != &cares->sockets; node = node->next) {
        struct watched *watched = container_of(node, struct watched, link);
        if (watched->number == number)
            return watched;
    }
    return NULL;
}

/* Without memory its answer is not seen, and the question comes to its time limit. */
static struct watched *add(struct cares *cares, int number)
{
    struct watched *watched = asyncio__calloc(1, sizeof *watched);
    if (!watched)
        return NULL;
    if (type_of(cares)->adopt(cares->net->backend, number, &watched->socket) < 0) {
        asyncio__free(watched);
        return NULL;
    }
    watched->cares = cares;
    watched->number = number;
    watched->in = (struct op){ .complete = on_in, .socket = watched->socket, .kind = OP_POLL_IN };
    watched->out =
        (struct op){ .complete = on_out, .socket = watched->socket, .kind = OP_POLL_OUT };
    list_init(&watched->in.link);
    list_init(&watched->out.link);
    list_append(&cares->sockets, &watched->link);
    return watched;
}

static void on_socket(void *data, ares_socket_t number, int readable, int writable)
{
    struct cares *cares = data;
    struct watched *watched = find(cares, number);
    if (!watched && (readable || writable))
        watched = add(cares, number);
    if (!watched)
        return;
    watch(cares, &watched->in, &watched->is_in, readable != 0);
    watch(cares, &watched->out, &watched->is_out, writable != 0);
    if (readable || writable)
        return;
    (void)type_of(cares)->detach(cares->net->backend, watched->socket, &number);
    list_remove(&watched->link);
    asyncio__free(watched);
}

/* ---- questions ---- */

static int gai_of(int status)
{
    switch (status) {
    case ARES_ENOTFOUND: return EAI_NONAME;
    case ARES_ENODATA: return EAI_NODATA;
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
    case ARES_ESERVFAIL: return EAI_AGAIN;
    case ARES_ESERVICE: return EAI_SERVICE;
    default: return EAI_FAIL;
    }
}

/* The shortest time to live of all that the answer was made of. */
static int64_t lives_ns(const struct ares_addrinfo *infos)
{
    int64_t seconds = INT32_MAX;
    for (const struct ares_addrinfo_node *node = infos->nodes; node; node = node->ai_next)
        seconds = node->ai_ttl < seconds ? node->ai_ttl : seconds;
    for (const struct ares_addrinfo_cname *name = infos->cnames; name; name = name->next)
        seconds = name->ttl < seconds ? name->ttl : seconds;
    return seconds > 0 ? seconds * 1000000000 : 0;
}

static void answered(void *data, int status, int timeouts, struct ares_addrinfo *infos)
{
    struct address addresses[ADDRESSES_MAX];
    size_t count = 0;
    (void)timeouts;
    for (const struct ares_addrinfo_node *node = status == ARES_SUCCESS ? infos->nodes : NULL;
         node && count < ADDRESSES_MAX; node = node->ai_next) {
        struct address *address = &addresses[count++];
        *address = (struct address){ .size = (socklen_t)node->ai_addrlen };
        memcpy(&address->name, node->ai_addr, (size_t)node->ai_addrlen);
    }
    int64_t lives = infos ? lives_ns(infos) : 0;
    if (infos)
        ares_freeaddrinfo(infos);
    int r = count                    ? 0
            : status == ARES_ENOMEM ? -ENOMEM
                                    : -ASYNCIO_RESOLVE;
    asyncio__names_answered(data, r, status == ARES_SUCCESS ? EAI_NODATA : gai_of(status),
                            addresses, count, lives, status == ARES_EDESTRUCTION);
}

static int make(struct net *net, struct cares **ret_cares)
{
    struct cares *cares = asyncio__calloc(1, sizeof *cares);
    if (!cares)
        return -ENOMEM;
    cares->net = net;
    list_init(&cares->sockets);
    cares->timer.handle.run = on_time;
    list_init(&cares->timer.handle.link);
    struct ares_options options = { .sock_state_cb = on_socket, .sock_state_cb_data = cares };
    int wanted = ARES_OPT_SOCK_STATE_CB;
#if defined(ARES_OPT_QUERY_CACHE) /* from 1.31 on it has a cache of its own: one will do */
    wanted |= ARES_OPT_QUERY_CACHE;
#endif
    int status = ares_init_options(&cares->channel, &options, wanted);
    if (status == ARES_SUCCESS && asyncio__cares_servers)
        status = ares_set_servers_ports_csv(cares->channel, asyncio__cares_servers);
    if (status != ARES_SUCCESS) {
        if (cares->channel)
            ares_destroy(cares->channel);
        asyncio__free(cares);
        return status == ARES_ENOMEM ? -ENOMEM
                                     : asyncio_raise(-EIO, "c-ares: %s", ares_strerror(status));
    }
    *ret_cares = cares;
    return 0;
}

int asyncio__cares_ask(struct net *net, const struct query *query, void *lookup)
{
    if (!net->names.cares) {
        int r = make(net, &net->names.cares);
        if (r < 0)
            return r;
    }
    struct ares_addrinfo_hints hints = { .ai_family = query->family,
                                         .ai_socktype = query->type,
                                         .ai_protocol = query->protocol };
    if (query->flags & AI_PASSIVE)
        hints.ai_flags |= ARES_AI_PASSIVE;
    if (query->flags & AI_ADDRCONFIG)
        hints.ai_flags |= ARES_AI_ADDRCONFIG;
    ares_getaddrinfo(net->names.cares->channel, query->host, query->service, &hints, answered,
                     lookup);
    arm(net->names.cares);
    return 0;
}

void asyncio__cares_close(struct names *names)
{
    struct cares *cares = names->cares;
    names->cares = NULL;
    if (!cares)
        return;
    ares_destroy(cares->channel); /* answers all that is still open, and lets its sockets go */
    asyncio__loop_uncall(cares->net->loop, &cares->timer);
    asyncio__free(cares);
}
