/* SPDX-License-Identifier: MIT */
/* The pool of threads: see pool.h.
 *
 * SUBMIT     pushes onto a stack with one compare-and-swap; workers take all of it, under the
 *            lock, and put it behind the queue.
 * INVARIANT  `coming` counts the workers that are on their way to the queue and have not looked
 *            yet: just started, just woken, or spinning. While a job waits, one is coming, or none
 *            can come: all are busy and no more may be started. Whoever makes that untrue, by
 *            queueing or by taking one of several jobs, wakes one more. A worker that has come
 *            says so first and looks then; who submits pushes first and looks at `coming` then:
 *            one of the two sees the other. So a burst of tiny jobs costs its producer one
 *            wake-up, and a burst of long ones still reaches every thread.
 * GUARD      Who comes to find that the others take a job every few microseconds does not join
 *            them, since threads that fight for one lock are slower than one of them. It stays on
 *            its way, that is `coming`, and looks again a moment later: the first job that takes
 *            long costs the next one that moment. The last who falls asleep calls it in.
 * LOCK       One mutex, held for a few instructions, and while a thread is started: a job must not
 *            be queued by the word of another submit that is about to fail. glibc's adaptive kind
 *            spins before it sleeps. A semaphore is posted without it: its owner waits for exactly
 *            that, so it is still there.
 * LIFE       Users hold references, and each thread is counted as alive. The last of either frees
 *            the pool; the last reference goes under the lock, the others need none. A worker that
 *            ends either is joined by a shutdown that waits, or detaches itself.
 * FORK       A child has none of the threads, and perhaps a lock that one of them held: there the
 *            pool is not touched any more, and what it has is lost. */
#include "workers/pool.h"

#include "base/alloc.h"
#include "base/background.h"
#include "base/fork.h"
#include "base/spin.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

enum { THREADS_DEFAULT_MAX = 32, NAME_SIZE = 16 };

enum { SPIN_NS = 2000 }; /* about what waking a sleeper costs */

/* Jobs shorter than this are better done by those who are at it. */
enum { JOB_SHORT_NS = 3000, GUARD_NS = 100000 };

struct worker {
    struct list link;        /* in pool->workers, until somebody joins it */
    struct worker *next_idle;
    struct pool *pool;
    pthread_t thread;
    sem_t wake;
    int64_t called_at;       /* when it was called, and pool->taken then */
    unsigned long called_taken;
    unsigned number;
    const struct work *work; /* the job it runs: not to be looked into, it may be gone */
    bool is_left;            /* with that one */
    bool is_joined;          /* by a shutdown, which then frees it */
};

struct pool {
    atomic_uint users;
    char apart[64];          /* what follows is written by all */
    _Atomic(struct list *) incoming;  /* of struct work, newest first, linked by `next` */
    atomic_uint coming;      /* written under the lock */
    atomic_bool is_shut_down;
    char apart_too[64];
    pthread_mutex_t lock;
    struct list queue;
    size_t queued;           /* in it */
    unsigned long taken;     /* jobs, since the beginning */
    unsigned busy;           /* workers that run one, or spin */
    struct worker *guard;
    struct worker *idle;     /* the last to fall asleep is the first to be woken: it is warm */
    struct spin spin;
    bool is_spinning;
    unsigned alive, started, max_threads;
    unsigned left;           /* of those alive */
    unsigned forks;          /* asyncio__forks when it was made */
    struct list workers;
    pthread_cond_t ended;    /* alive became smaller */
    char name[NAME_SIZE];
};

static _Thread_local struct pool *working_for;   /* in its workers */

/* Under the lock. */
static bool has_work(struct pool *pool)
{
    struct list *node = atomic_load(&pool->incoming);
    if (node) {
        struct list newest_last = LIST_INIT(newest_last);
        node = atomic_exchange(&pool->incoming, NULL);
        while (node) {
            struct list *next = node->next;
            list_prepend(&newest_last, node);
            pool->queued++;
            node = next;
        }
        list_splice(&pool->queue, &newest_last);
    }
    return pool->queued > 0;
}

/* Under the lock: a job that is in the queue. */
static void unqueue(struct pool *pool, struct work *work)
{
    list_remove(&work->link);
    work->queued = false;
    pool->queued--;
}

static void pool_free(struct pool *pool)
{
    pthread_cond_destroy(&pool->ended);
    pthread_mutex_destroy(&pool->lock);
    asyncio__free(pool);
}

static void worker_free(struct worker *worker)
{
    sem_destroy(&worker->wake);
    asyncio__free(worker);
}

static void begin_to_count(const struct pool *pool, struct worker *worker)
{
    worker->called_at = clock_ns();
    worker->called_taken = pool->taken;
}

/* Under the lock: whether those at work take jobs so fast that one more would be in their way. */
static bool others_keep_up(const struct pool *pool, const struct worker *worker)
{
    unsigned long taken = pool->taken - worker->called_taken;
    return pool->busy > 0 && !atomic_load(&pool->is_shut_down) && taken > 0 &&
           clock_ns() - worker->called_at < (int64_t)taken * JOB_SHORT_NS;
}

static void *worker_main(void *argument);

/* Under the lock. False: it cannot be. */
static bool start_worker(struct pool *pool)
{
    struct worker *worker = asyncio__malloc(sizeof *worker);
    if (!worker)
        return false;
    *worker = (struct worker){ .pool = pool, .number = pool->started };
    begin_to_count(pool, worker);
    (void)sem_init(&worker->wake, 0, 0);
    if (asyncio__background_start(&worker->thread, NULL, worker_main, worker) != 0) {
        worker_free(worker);
        return false;
    }
    list_append(&pool->workers, &worker->link);
    pool->started++;
    pool->alive++;
    atomic_fetch_add(&pool->coming, 1);
    return true;
}

/* Under the lock. */
static bool may_start(const struct pool *pool)
{
    unsigned left = pool->left < pool->max_threads ? pool->left : pool->max_threads;
    return pool->alive < pool->max_threads + left;
}

/* Under the lock: keeps the invariant. Returns whom to wake after it, or NULL. */
static struct worker *call_one_more(struct pool *pool)
{
    if (atomic_load(&pool->coming) > 0 || !has_work(pool))
        return NULL;
    struct worker *worker = pool->idle;
    if (worker) {
        pool->idle = worker->next_idle;
        atomic_fetch_add(&pool->coming, 1);
        begin_to_count(pool, worker);
    } else if (may_start(pool)) {
        (void)start_worker(pool);
    }
    return worker;
}

static void wake(struct worker *worker)
{
    if (worker)
        (void)sem_post(&worker->wake);
}

/* Under the lock, which is let go meanwhile. Worth it when jobs come in quick succession: then
 * nobody needs to be woken. */
static void spin(struct pool *pool)
{
    pool->is_spinning = true;
    atomic_fetch_add(&pool->coming, 1);
    pool->busy++;
    pthread_mutex_unlock(&pool->lock);
    int64_t end = clock_ns() + SPIN_NS;
    bool found;
    do {
        spin_pause();
        found = atomic_load_explicit(&pool->incoming, memory_order_relaxed) != NULL;
    } while (!found && clock_ns() < end);
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_sub(&pool->coming, 1);
    pool->busy--;
    pool->is_spinning = false;
    spin_ended(&pool->spin, found);
}

static void sleep_until_woken(struct pool *pool, struct worker *worker)
{
    struct worker *guard = pool->busy == 0 ? pool->guard : NULL;
    if (guard)
        pool->guard = NULL;
    worker->next_idle = pool->idle;
    pool->idle = worker;
    pthread_mutex_unlock(&pool->lock);
    wake(guard);
    while (sem_wait(&worker->wake) < 0 && errno == EINTR)
        continue;
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_sub(&pool->coming, 1);
}

/* Under the lock, which is let go meanwhile. */
static void guard(struct pool *pool, struct worker *worker)
{
    begin_to_count(pool, worker);
    atomic_fetch_add(&pool->coming, 1);
    pool->guard = worker;
    pthread_mutex_unlock(&pool->lock);
    struct timespec until = clock_deadline(GUARD_NS);
    int r;
    do
        r = sem_clockwait(&worker->wake, CLOCK_MONOTONIC, &until);
    while (r < 0 && errno == EINTR);
    pthread_mutex_lock(&pool->lock);
    if (pool->guard == worker)
        pool->guard = NULL;
    else if (r < 0) /* called in just now */
        while (sem_wait(&worker->wake) < 0 && errno == EINTR)
            continue;
    atomic_fetch_sub(&pool->coming, 1);
}

/* Under the lock, which is let go meanwhile. The job is not the pool's any more when it runs. */
static void run_one(struct pool *pool, struct worker *worker)
{
    struct work *work = container_of(pool->queue.next, struct work, link);
    unqueue(pool, work);
    pool->taken++;
    pool->busy++;
    worker->work = work;
    struct worker *other = call_one_more(pool);
    pthread_mutex_unlock(&pool->lock);
    wake(other);
    work->run(work);
    pthread_mutex_lock(&pool->lock);
    worker->work = NULL;
    pool->left -= worker->is_left;
    worker->is_left = false;
    pool->busy--;
}

static void set_thread_name(const struct worker *worker)
{
    char name[NAME_SIZE + 12];
    if (!worker->pool->name[0])
        return;
    (void)snprintf(name, sizeof name, "%s-%u", worker->pool->name, worker->number);
    name[NAME_SIZE - 1] = '\0';   /* the kernel's limit */
    (void)pthread_setname_np(pthread_self(), name);
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    working_for = pool;
    set_thread_name(worker);
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_sub(&pool->coming, 1);
    bool is_late = true;     /* it was called, and may not be needed any more */
    for (;;) {
        if (is_late && !pool->guard && others_keep_up(pool, worker)) {
            guard(pool, worker);
        } else if (has_work(pool)) {
            run_one(pool, worker);
            is_late = false;
        } else if (atomic_load(&pool->is_shut_down)) {
            break;
        } else if (!pool->is_spinning && spin_is_worth_it(&pool->spin)) {
            spin(pool);
        } else {
            sleep_until_woken(pool, worker);
            is_late = true;
        }
    }
    if (!worker->is_joined) {
        list_remove(&worker->link);
        (void)pthread_detach(worker->thread);
        worker_free(worker);
    }
    bool is_last = --pool->alive == 0 && atomic_load(&pool->users) == 0;
    pthread_cond_broadcast(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        pool_free(pool);
    return NULL;
}

struct pool *asyncio__pool_new(unsigned max_threads, const char *thread_name)
{
    struct pool *pool = asyncio__malloc(sizeof *pool);
    if (!pool)
        return NULL;
    asyncio__forks_watch();
    unsigned cpus = asyncio__processors();
    if (max_threads == 0)
        max_threads = cpus + 4 < THREADS_DEFAULT_MAX ? cpus + 4 : THREADS_DEFAULT_MAX;
    *pool = (struct pool){
        .max_threads = max_threads,
        .spin = { .pays = cpus > 1, .credit = SPIN_CREDIT_MAX },
    };
    atomic_init(&pool->users, 1);
    pool->forks = atomic_load(&asyncio__forks);
    list_init(&pool->queue);
    list_init(&pool->workers);
    (void)snprintf(pool->name, sizeof pool->name, "%s", thread_name ? thread_name : "");
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    (void)pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&pool->lock, &kind);
    pthread_mutexattr_destroy(&kind);
    pthread_cond_init(&pool->ended, NULL);
    return pool;
}

struct pool *asyncio__pool_ref(struct pool *pool)
{
    if (!asyncio__is_inherited(pool->forks))
        atomic_fetch_add_explicit(&pool->users, 1, memory_order_relaxed);
    return pool;
}

/* Under the lock. Those asleep come to see that there is nothing left to do. */
static void begin_shutdown(struct pool *pool)
{
    atomic_store(&pool->is_shut_down, true);
    while (pool->idle) {
        struct worker *worker = pool->idle;
        pool->idle = worker->next_idle;
        atomic_fetch_add(&pool->coming, 1);
        wake(worker);
    }
}

void asyncio__pool_unref(struct pool *pool)
{
    if (!pool || asyncio__is_inherited(pool->forks))
        return;
    unsigned users = atomic_load_explicit(&pool->users, memory_order_relaxed);
    while (users > 1)
        if (atomic_compare_exchange_weak(&pool->users, &users, users - 1))
            return;
    pthread_mutex_lock(&pool->lock);
    bool is_last = atomic_fetch_sub(&pool->users, 1) == 1;
    if (is_last)
        begin_shutdown(pool);
    is_last = is_last && pool->alive == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        pool_free(pool);
}

/* Under the lock: takes back a job that was just pushed, unless somebody took it meanwhile; then it
 * is not there any more to be asked. */
static int take_back(struct pool *pool, struct work *work, int error)
{
    (void)has_work(pool);
    for (struct list *node = pool->queue.next; node != &pool->queue; node = node->next) {
        if (node == &work->link) {
            unqueue(pool, work);
            return error;
        }
    }
    return 0;
}

static void push(struct pool *pool, struct work *work)
{
    work->queued = true;
    struct list *head = atomic_load_explicit(&pool->incoming, memory_order_relaxed);
    do
        work->link.next = head;
    while (!atomic_compare_exchange_weak(&pool->incoming, &head, &work->link));
}

int asyncio__pool_submit(struct pool *pool, struct work *work)
{
    if (asyncio__is_inherited(pool->forks))
        return -ECHILD;
    if (atomic_load(&pool->is_shut_down))
        return -ESHUTDOWN;
    push(pool, work);
    bool is_shut_down = atomic_load(&pool->is_shut_down);
    if (!is_shut_down && atomic_load(&pool->coming) > 0)
        return 0;
    int r = 0;
    struct worker *worker = NULL;
    pthread_mutex_lock(&pool->lock);
    if (is_shut_down) {
        r = take_back(pool, work, -ESHUTDOWN);
    } else {
        worker = call_one_more(pool);
        if (pool->alive == pool->left) /* of them nothing can be expected */
            r = take_back(pool, work, -EAGAIN);
    }
    pthread_mutex_unlock(&pool->lock);
    wake(worker);
    return r;
}

bool asyncio__pool_cancel(struct pool *pool, struct work *work)
{
    if (asyncio__is_inherited(pool->forks))
        return false;
    pthread_mutex_lock(&pool->lock);
    (void)has_work(pool);
    bool was_queued = work->queued;
    if (was_queued)
        unqueue(pool, work);
    pthread_mutex_unlock(&pool->lock);
    return was_queued;
}

/* More than one worker may name it: those that had a job in the same memory before are on their way
 * back, and not left any more when they are. */
void asyncio__pool_leave(struct pool *pool, struct work *work)
{
    if (asyncio__is_inherited(pool->forks))
        return;
    pthread_mutex_lock(&pool->lock);
    for (struct list *node = pool->workers.next; node != &pool->workers; node = node->next) {
        struct worker *worker = container_of(node, struct worker, link);
        pool->left += worker->work == work && !worker->is_left;
        worker->is_left |= worker->work == work;
    }
    struct worker *other = call_one_more(pool);
    pthread_cond_broadcast(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    wake(other);
}

/* Under the lock: who is joined, and not left, moves to `claimed`. */
static void claim_workers(struct pool *pool, struct list *claimed)
{
    for (struct list *node = pool->workers.next, *next; node != &pool->workers; node = next) {
        next = node->next;
        struct worker *worker = container_of(node, struct worker, link);
        if (worker->is_left)
            continue;
        worker->is_joined = true;
        list_remove(node);
        list_append(claimed, node);
    }
}

void asyncio__pool_shutdown(struct pool *pool, bool wait)
{
    struct list claimed = LIST_INIT(claimed), *node;
    if (asyncio__is_inherited(pool->forks))
        return;
    pthread_mutex_lock(&pool->lock);
    begin_shutdown(pool);
    wait = wait && working_for != pool;
    if (wait)
        claim_workers(pool, &claimed);
    pthread_mutex_unlock(&pool->lock);
    while ((node = list_pop(&claimed))) {
        struct worker *worker = container_of(node, struct worker, link);
        (void)pthread_join(worker->thread, NULL);
        worker_free(worker);
    }
    pthread_mutex_lock(&pool->lock);
    while (wait && pool->alive > pool->left) /* others' to join, or on their way out */
        pthread_cond_wait(&pool->ended, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

size_t asyncio__pool_queued(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    (void)has_work(pool);
    size_t queued = pool->queued;
    pthread_mutex_unlock(&pool->lock);
    return queued;
}

unsigned asyncio__pool_threads(struct pool *pool)
{
    if (asyncio__is_inherited(pool->forks))
        return 0;
    pthread_mutex_lock(&pool->lock);
    unsigned alive = pool->alive;
    pthread_mutex_unlock(&pool->lock);
    return alive;
}
