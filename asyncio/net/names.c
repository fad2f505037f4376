/* SPDX-License-Identifier: MIT */
/* Look-ups under way: started, joined, given up, back. See names.h. */
#include "net/names.h"

#include "base/alloc.h"
#include "workers/pool.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS_MAX = 8,                 /* of which some may hang in the system for half a minute */
    SIM_ADDRESSES_MAX = 8,
    DEFAULT_CACHE_SIZE = 1000,
    DEFAULT_CACHE_SECONDS = 10,
    DEFAULT_TIMEOUT_SECONDS = 30,
};
#define SECOND INT64_C(1000000000)

/* It has two owners: the loop's thread, as long as it has users or its work has not come back, and
 * who works on it: a thread of the pool, then the post that brings it back; or a job of the sim
 * backend. Whoever is last frees it. */
struct lookup {
    struct list link;                /* in names->lookups, while it has users */
    struct list waiters;
    unsigned users;                  /* calls that wait for it, or look at what it has brought */
    struct timed_handle timer;       /* its deadline */
    struct post post;
    struct work work;
    struct job job;
    struct net *net;                 /* for the loop's thread only */
    asyncio_loop *loop;              /* a reference, for the thread */
    atomic_uint owners;
    bool is_over;                    /* back, or given up: nobody joins it */
    bool is_working;                 /* with the thread or the backend */
    bool is_back_query;              /* an address to a name */
    bool is_cares;                   /* c-ares works on it: it comes back, come what may */
    int result, gai;
    struct query query;              /* its texts lie behind */
    struct answer *answer;
    struct address address;          /* of which the name is wanted */
    asyncio_nameinfo *info;          /* also behind */
    char text[];
};

static void release(struct lookup *lookup)
{
    if (atomic_fetch_sub_explicit(&lookup->owners, 1, memory_order_acq_rel) != 1)
        return;
    asyncio_loop *loop = lookup->loop;
    asyncio__answer_unref(lookup->answer);
    asyncio__free(lookup);
    asyncio_loop_unref(loop);
}

/* ---- the work ---- */

static void on_thread(struct work *work)
{
    struct lookup *lookup = container_of(work, struct lookup, work);
    if (lookup->is_back_query)
        lookup->result = asyncio__names_ask_back((const struct sockaddr *)&lookup->address.name,
                                                 lookup->address.size, lookup->query.flags,
                                                 lookup->info, &lookup->gai);
    else
        lookup->result = asyncio__names_ask(&lookup->query, &lookup->answer, &lookup->gai);
    if (asyncio__loop_post(lookup->loop, &lookup->post) < 0)
        release(lookup); /* the loop is closed */
}

/* The sim backend knows the addresses of names; of addresses only one name. */
static void ask_backend(struct lookup *lookup)
{
    struct backend *backend = lookup->loop->backend;
    if (!lookup->query.host) {
        lookup->result = asyncio__names_ask(&lookup->query, &lookup->answer, &lookup->gai);
        return;
    }
    struct sockaddr_storage names[SIM_ADDRESSES_MAX];
    struct address addresses[SIM_ADDRESSES_MAX];
    struct query service = lookup->query;
    struct answer *with_port = NULL;
    service.host = NULL;
    service.family = AF_INET;
    service.flags = 0;
    lookup->result = asyncio__names_ask(&service, &with_port, &lookup->gai);
    if (lookup->result < 0 && lookup->query.service)
        return;
    uint16_t port = with_port && with_port->count
                        ? asyncio__address_port(&with_port->items[0].address.name)
                        : 0;
    asyncio__answer_unref(with_port);
    int found = backend->type->resolve(backend, lookup->query.host, names, SIM_ADDRESSES_MAX);
    size_t count = 0;
    for (int i = 0; i < found; i++) {
        bool is_six = names[i].ss_family == AF_INET6;
        if (lookup->query.family && lookup->query.family != names[i].ss_family)
            continue;
        addresses[count] = (struct address){ names[i], is_six ? sizeof(struct sockaddr_in6)
                                                              : sizeof(struct sockaddr_in) };
        asyncio__address_set_port(&addresses[count++].name, port);
    }
    lookup->gai = count ? 0 : found == -EAGAIN ? EAI_AGAIN : EAI_NONAME;
    lookup->result = count ? 0 : -ASYNCIO_RESOLVE;
    if (count && !(lookup->answer = asyncio__answer_new(&lookup->query, addresses, count)))
        lookup->result = -ENOMEM;
}

static void run_job(struct job *job)
{
    struct lookup *lookup = container_of(job, struct lookup, job);
    if (!lookup->is_back_query) {
        ask_backend(lookup);
        return;
    }
    int flags = lookup->query.flags | NI_NUMERICHOST;
    lookup->result = asyncio__names_ask_back((const struct sockaddr *)&lookup->address.name,
                                             lookup->address.size, flags & ~NI_NAMEREQD,
                                             lookup->info, &lookup->gai);
    if (lookup->result < 0)
        return;
    if (strcmp(lookup->info->host, "127.0.0.1") == 0) {
        memcpy(lookup->info->host, "localhost", sizeof "localhost");
    } else if (lookup->query.flags & NI_NAMEREQD) {
        lookup->gai = EAI_NONAME;
        lookup->result = -ASYNCIO_RESOLVE;
    }
}

/* ---- back in the loop ---- */

/* All who wait go on; nobody joins it any more. */
static void end(struct lookup *lookup, int result)
{
    lookup->is_over = true;
    asyncio__loop_uncall(lookup->loop, &lookup->timer);
    asyncio__waiters_wake(&lookup->waiters, result);
}

static void come_back(struct lookup *lookup, bool is_open)
{
    lookup->is_working = false;
    if (is_open && !lookup->is_over) {
        if (lookup->answer && lookup->result >= 0)
            asyncio__names_cache_add(&lookup->net->names, &lookup->query, lookup->answer,
                                     asyncio__loop_now(lookup->loop));
        end(lookup, lookup->result);
    }
    release(lookup);
}

static void posted(struct handle *handle, asyncio_loop *loop)
{
    struct lookup *lookup = container_of(handle, struct lookup, post.handle);
    if (loop)
        lookup->net->names.working--;
    come_back(lookup, loop != NULL);
}

static void job_done(struct job *job)
{
    come_back(container_of(job, struct lookup, job), true);
}

/* Nobody wants it any more. If nobody works on it yet it goes now, else when it comes back. */
static void forget(struct lookup *lookup)
{
    struct names *names = &lookup->net->names;
    list_remove(&lookup->link);
    lookup->users = 0;
    lookup->is_over = true;
    asyncio__loop_uncall(lookup->loop, &lookup->timer);
    bool is_taken_back = false;
    if (lookup->is_cares) {
        is_taken_back = false;
    } else if (lookup->is_working && names->pool) {
        is_taken_back = asyncio__pool_cancel(names->pool, &lookup->work);
        names->working -= is_taken_back;
    } else if (lookup->is_working) {
        list_remove(&lookup->job.link);
        is_taken_back = true;
    }
    if (is_taken_back)
        release(lookup);
    release(lookup);
}

static void give_up(struct handle *handle, asyncio_loop *loop)
{
    if (loop)
        end(container_of(handle, struct lookup, timer.handle), -ETIMEDOUT);
}

/* ---- asking ---- */

#if defined(ASYNCIO__HAVE_CARES)
const bool asyncio__have_cares = true;

/* What it does as the system would; the rest is the system's. */
static bool is_for_cares(const struct lookup *lookup)
{
    const char *wanted = getenv("ASYNCIO_RESOLVER");
    return wanted && strcmp(wanted, "c-ares") == 0 && !lookup->net->backend->type->resolve &&
           !lookup->is_back_query && lookup->query.host && lookup->query.type &&
           !(lookup->query.flags & AI_CANONNAME);
}

static int ask_cares(struct net *net, struct lookup *lookup)
{
    return asyncio__cares_ask(net, &lookup->query, lookup);
}

static void close_cares(struct names *names)
{
    asyncio__cares_close(names);
}
#else
const bool asyncio__have_cares = false;

static bool is_for_cares(const struct lookup *lookup)
{
    (void)lookup;
    return false;
}

static int ask_cares(struct net *net, struct lookup *lookup)
{
    (void)net;
    (void)lookup;
    return -ENOSYS;
}

static void close_cares(struct names *names)
{
    (void)names;
}
#endif

const char *asyncio__cares_servers;

void asyncio__names_answered(void *data, int result, int gai, const struct address *addresses,
                             size_t count, int64_t lives_ns, bool is_closing)
{
    struct lookup *lookup = data;
    lookup->result = result;
    lookup->gai = gai;
    if (result >= 0 && !(lookup->answer = asyncio__answer_new(&lookup->query, addresses, count)))
        lookup->result = -ENOMEM;
    if (lookup->answer)
        lookup->answer->lives_ns = lives_ns;
    come_back(lookup, !is_closing);
}

static struct list *list_for(struct names *names, const struct query *query)
{
    unsigned sum = 0;
    for (const char *at = query->host ? query->host : ""; *at; at++)
        sum = sum * 31 + (unsigned char)*at;
    return &names->lookups[sum % LOOKUP_LISTS];
}

static int start(struct net *net, struct lookup *lookup)
{
    struct names *names = &net->names;
    int r;
    if (is_for_cares(lookup)) {
        lookup->is_cares = lookup->is_working = true;
        r = ask_cares(net, lookup);
    } else if (net->backend->type->resolve) {
        lookup->job.run = run_job;
        lookup->job.complete = job_done;
        r = net->backend->type->job(net->backend, &lookup->job);
    } else {
        if (!names->pool && !(names->pool = asyncio__pool_new(THREADS_MAX, "asyncio-names")))
            return -ENOMEM;
        lookup->work.run = on_thread;
        r = asyncio__pool_submit(names->pool, &lookup->work);
        names->working += r >= 0;
    }
    if (r < 0)
        return r;
    lookup->is_working = !lookup->is_cares || lookup->is_working;
    list_append(list_for(names, &lookup->query), &lookup->link);
    if (names->timeout_ns >= 0 && !lookup->is_over)
        asyncio__loop_call_at(net->loop, &lookup->timer,
                              asyncio__loop_now(net->loop) + names->timeout_ns);
    return 0;
}

static struct lookup *make(struct net *net, const struct query *query, size_t more)
{
    size_t host = query->host ? strlen(query->host) + 1 : 0;
    size_t service = query->service ? strlen(query->service) + 1 : 0;
    struct lookup *lookup = asyncio__calloc(1, sizeof *lookup + more + host + service);
    if (!lookup)
        return NULL;
    lookup->net = net;
    lookup->loop = asyncio_loop_ref(net->loop);
    lookup->query = *query;
    if (host)
        lookup->query.host = memcpy(lookup->text + more, query->host, host);
    if (service)
        lookup->query.service = memcpy(lookup->text + more + host, query->service, service);
    lookup->timer.handle.run = give_up;
    lookup->post.handle.run = posted;
    list_init(&lookup->link);
    list_init(&lookup->waiters);
    list_init(&lookup->timer.handle.link);
    list_init(&lookup->post.handle.link);
    list_init(&lookup->job.link);
    atomic_init(&lookup->owners, 2);
    return lookup;
}

/* Starts one, or gives it back. */
static int start_or_free(struct net *net, struct lookup *lookup)
{
    int r = start(net, lookup);
    if (r < 0) {
        release(lookup);
        release(lookup);
    }
    return r;
}

static struct lookup *find(struct names *names, const struct query *query)
{
    const struct list *lookups = list_for(names, query);
    for (struct list *node = lookups->next; node != lookups; node = node->next) {
        struct lookup *lookup = container_of(node, struct lookup, link);
        if (!lookup->is_over && !lookup->is_back_query &&
            asyncio__query_is_equal(&lookup->query, query))
            return lookup;
    }
    return NULL;
}

static const struct future_type names_type = { "name look-up", 0, asyncio__waiters_cancel, NULL };

/* Its result; the caller has become a user. */
static int wait_for(struct lookup *lookup)
{
    lookup->users++;
    if (lookup->is_over) /* it was answered at once */
        return lookup->result;
    return asyncio__waiters_wait_as(&lookup->waiters, task_current(), &names_type);
}

/* The resolver's word for a result that has come back: while a thread is at work it is the
 * thread's. */
static int gai_of(const struct lookup *lookup, int result)
{
    return result == -ASYNCIO_RESOLVE ? lookup->gai : 0;
}

static void leave(struct lookup *lookup)
{
    if (--lookup->users == 0)
        forget(lookup);
}

int asyncio__names_raise(int result, int gai, const char *host)
{
    if (!host)
        host = "this host";
    if (result == -ETIMEDOUT)
        return asyncio_raise(result, "%s: the name servers have not answered in time", host);
    if (result != -ASYNCIO_RESOLVE)
        return result;
    return asyncio_raise(result, "%s: %s", host, gai ? gai_strerror(gai) : "no address");
}

int asyncio__names_look_up(struct net *net, const struct query *query, struct answer **ret_answer)
{
    struct names *names = &net->names;
    *ret_answer = asyncio__names_cache_find(names, query, asyncio__loop_now(net->loop));
    if (*ret_answer)
        return 0;
    int r = task_refuses(task_current());
    if (r < 0)
        return r;
    struct lookup *lookup = find(names, query);
    if (!lookup) {
        lookup = make(net, query, 0);
        if (!lookup)
            return -ENOMEM;
        r = start_or_free(net, lookup);
        if (r < 0)
            return r;
    }
    r = wait_for(lookup);
    if (r >= 0)
        *ret_answer = answer_ref(lookup->answer);
    else
        r = asyncio__names_raise(r, gai_of(lookup, r), query->host);
    leave(lookup);
    return r;
}

int asyncio__names_look_back(struct net *net, const struct sockaddr *address, socklen_t size,
                             int flags, asyncio_nameinfo *ret_info)
{
    int r = task_refuses(task_current());
    if (r < 0)
        return r;
    struct lookup *lookup = make(net, &(struct query){ .flags = flags }, sizeof *ret_info);
    if (!lookup)
        return -ENOMEM;
    lookup->is_back_query = true;
    lookup->info = (asyncio_nameinfo *)(void *)lookup->text;
    memcpy(&lookup->address.name, address, size);
    lookup->address.size = size;
    r = start_or_free(net, lookup);
    if (r < 0)
        return r;
    r = wait_for(lookup);
    char text[ADDRESS_TEXT_SIZE] = "?";
    if (r >= 0) {
        *ret_info = *lookup->info;
    } else {
        (void)asyncio__address_format(&lookup->address, text, sizeof text);
        r = asyncio__names_raise(r, gai_of(lookup, r), text);
    }
    leave(lookup);
    return r;
}

/* ---- life ---- */

void asyncio__names_init(struct names *names)
{
    for (int i = 0; i < LOOKUP_LISTS; i++)
        list_init(&names->lookups[i]);
    list_init(&names->cache.entries);
    names->cache_size = DEFAULT_CACHE_SIZE;
    names->cache_ns = DEFAULT_CACHE_SECONDS * SECOND;
    names->timeout_ns = DEFAULT_TIMEOUT_SECONDS * SECOND;
}

/* When the loop closes: who waits is dropped with it, and what comes from a thread later finds it
 * closed. */
void asyncio__names_drop(struct net *net)
{
    for (int i = 0; i < LOOKUP_LISTS; i++) {
        struct list *lookups = &net->names.lookups[i];
        while (!list_empty(lookups)) {
            struct lookup *lookup = container_of(lookups->next, struct lookup, link);
            asyncio__waiters_wake(&lookup->waiters, -ECANCELED);
            forget(lookup);
        }
    }
    close_cares(&net->names);
}

void asyncio__names_fini(struct names *names)
{
    asyncio__names_cache_trim(names, 0);
    if (!names->pool)
        return;
    asyncio__pool_shutdown(names->pool, names->working == 0); /* a name server may be slow */
    asyncio__pool_unref(names->pool);
}
