/* SPDX-License-Identifier: MIT */
/* The pool of threads: see pool.h.
 *
 * INVARIANT  `coming` counts the workers that are on their way to the queue and have not looked
 *            yet: just started, just woken, or spinning. While a job waits, one is coming, or none
 *            can come: all are busy and no more may be started. Whoever makes that untrue, by
 *            queueing or by taking one of several jobs, wakes one more. So a burst of tiny jobs
 *            costs its producer one wake-up, and a burst of long ones still reaches every thread.
 * LOCK       One mutex, held for a few instructions, and while a thread is started: a job must not
 *            be queued by the word of another submit that is about to fail. glibc's adaptive kind
 *            spins before it sleeps. A semaphore is posted without it: its owner waits for exactly
 *            that, so it is still there.
 * LIFE       Users hold references, and each thread is counted as alive. The last of either frees
 *            the pool. A worker that ends either is joined by a shutdown that waits, or detaches
 *            itself.
 * FORK       A child has none of the threads, and perhaps a lock that one of them held: there the
 *            pool is not touched any more, and what it has is lost. */
#include "workers/pool.h"

#include "base/alloc.h"
#include "base/fork.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_DEFAULT_MAX = 32, NAME_SIZE = 16 };

/* About what waking a sleeper costs. A spin that found nothing takes away credit; without credit
 * only each 16th is tried. */
enum { SPIN_NS = 2000, SPIN_CREDIT_MAX = 8, SPIN_RETRY = 16 };

struct worker {
    struct list link;        /* in pool->workers, until somebody joins it */
    struct worker *next_idle;
    struct pool *pool;
    pthread_t thread;
    sem_t wake;
    unsigned number;
    bool is_joined;          /* by a shutdown, which then frees it */
};

struct pool {
    pthread_mutex_t lock;
    struct list queue;
    _Atomic size_t queued;   /* written under the lock, read by who spins */
    struct worker *idle;     /* the last to fall asleep is the first to be woken: it is warm */
    unsigned coming;
    unsigned spin_credit, spins_skipped;
    bool spins_pay;          /* more than one processor */
    bool is_spinning;
    bool is_shut_down;
    unsigned users, alive, started, max_threads;
    unsigned forks;          /* asyncio__forks when it was made */
    struct list workers;
    pthread_cond_t ended;    /* alive became smaller */
    char name[NAME_SIZE];
};

static _Thread_local struct pool *working_for;   /* in its workers */

static unsigned processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

static int64_t clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

static void set_queued(struct pool *pool, struct work *work, bool queued)
{
    size_t count = atomic_load_explicit(&pool->queued, memory_order_relaxed);
    work->queued = queued;
    atomic_store_explicit(&pool->queued, queued ? count + 1 : count - 1, memory_order_relaxed);
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

static void *worker_main(void *argument);

/* Under the lock. False: it cannot be. */
static bool start_worker(struct pool *pool)
{
    struct worker *worker = asyncio__malloc(sizeof *worker);
    if (!worker)
        return false;
    *worker = (struct worker){ .pool = pool, .number = pool->started };
    (void)sem_init(&worker->wake, 0, 0);
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&worker->thread, NULL, worker_main, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0) {
        worker_free(worker);
        return false;
    }
    list_append(&pool->workers, &worker->link);
    pool->started++;
    pool->alive++;
    pool->coming++;
    return true;
}

/* Under the lock: keeps the invariant. Returns whom to wake after it, or NULL. */
static struct worker *call_one_more(struct pool *pool)
{
    if (list_empty(&pool->queue) || pool->coming > 0)
        return NULL;
    struct worker *worker = pool->idle;
    if (worker) {
        pool->idle = worker->next_idle;
        pool->coming++;
    } else if (pool->alive < pool->max_threads) {
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
    pool->coming++;
    pthread_mutex_unlock(&pool->lock);
    int64_t end = clock_ns() + SPIN_NS;
    bool found;
    do {
        for (unsigned i = 0; i < 8; i++)
            relax();
        found = atomic_load_explicit(&pool->queued, memory_order_relaxed) > 0;
    } while (!found && clock_ns() < end);
    pthread_mutex_lock(&pool->lock);
    pool->coming--;
    pool->is_spinning = false;
    if (found && pool->spin_credit < SPIN_CREDIT_MAX)
        pool->spin_credit++;
    else if (!found && pool->spin_credit > 0)
        pool->spin_credit--;
}

static bool should_spin(struct pool *pool)
{
    if (!pool->spins_pay || pool->is_spinning)
        return false;
    return pool->spin_credit > 0 || ++pool->spins_skipped % SPIN_RETRY == 0;
}

static void sleep_until_woken(struct pool *pool, struct worker *worker)
{
    worker->next_idle = pool->idle;
    pool->idle = worker;
    pthread_mutex_unlock(&pool->lock);
    while (sem_wait(&worker->wake) < 0 && errno == EINTR)
        continue;
    pthread_mutex_lock(&pool->lock);
    pool->coming--;
}

/* Under the lock, which is let go meanwhile. The job is not the pool's any more when it runs. */
static void run_one(struct pool *pool)
{
    struct work *work = container_of(list_pop(&pool->queue), struct work, link);
    set_queued(pool, work, false);
    struct worker *other = call_one_more(pool);
    pthread_mutex_unlock(&pool->lock);
    wake(other);
    work->run(work);
    pthread_mutex_lock(&pool->lock);
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
    pool->coming--;
    for (;;) {
        if (!list_empty(&pool->queue))
            run_one(pool);
        else if (pool->is_shut_down)
            break;
        else if (should_spin(pool))
            spin(pool);
        else
            sleep_until_woken(pool, worker);
    }
    if (!worker->is_joined) {
        list_remove(&worker->link);
        (void)pthread_detach(worker->thread);
        worker_free(worker);
    }
    bool is_last = --pool->alive == 0 && pool->users == 0;
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
    unsigned cpus = processors();
    if (max_threads == 0)
        max_threads = cpus + 4 < THREADS_DEFAULT_MAX ? cpus + 4 : THREADS_DEFAULT_MAX;
    *pool = (struct pool){ .users = 1, .max_threads = max_threads, .spins_pay = cpus > 1 };
    pool->spin_credit = SPIN_CREDIT_MAX;
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
    if (asyncio__is_inherited(pool->forks))
        return pool;
    pthread_mutex_lock(&pool->lock);
    pool->users++;
    pthread_mutex_unlock(&pool->lock);
    return pool;
}

/* Under the lock. Those asleep come to see that there is nothing left to do. */
static void begin_shutdown(struct pool *pool)
{
    pool->is_shut_down = true;
    while (pool->idle) {
        struct worker *worker = pool->idle;
        pool->idle = worker->next_idle;
        pool->coming++;
        wake(worker);
    }
}

void asyncio__pool_unref(struct pool *pool)
{
    if (!pool || asyncio__is_inherited(pool->forks))
        return;
    pthread_mutex_lock(&pool->lock);
    bool is_last = --pool->users == 0;
    if (is_last)
        begin_shutdown(pool);
    is_last = is_last && pool->alive == 0;
    pthread_mutex_unlock(&pool->lock);
    if (is_last)
        pool_free(pool);
}

int asyncio__pool_submit(struct pool *pool, struct work *work)
{
    if (asyncio__is_inherited(pool->forks))
        return -ECHILD;
    pthread_mutex_lock(&pool->lock);
    if (pool->is_shut_down) {
        pthread_mutex_unlock(&pool->lock);
        return -ESHUTDOWN;
    }
    list_append(&pool->queue, &work->link);
    set_queued(pool, work, true);
    struct worker *worker = call_one_more(pool);
    int r = 0;
    if (pool->alive == 0) {
        list_remove(&work->link);
        set_queued(pool, work, false);
        r = -EAGAIN;
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
    bool was_queued = work->queued;
    if (was_queued) {
        list_remove(&work->link);
        set_queued(pool, work, false);
    }
    pthread_mutex_unlock(&pool->lock);
    return was_queued;
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
        list_splice(&claimed, &pool->workers);
    for (node = claimed.next; node != &claimed; node = node->next)
        container_of(node, struct worker, link)->is_joined = true;
    pthread_mutex_unlock(&pool->lock);
    while ((node = list_pop(&claimed))) {
        struct worker *worker = container_of(node, struct worker, link);
        (void)pthread_join(worker->thread, NULL);
        worker_free(worker);
    }
    pthread_mutex_lock(&pool->lock);
    while (wait && pool->alive > 0)   /* those that another shutdown joins, or that were leaving */
        pthread_cond_wait(&pool->ended, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

size_t asyncio__pool_queued(struct pool *pool)
{
    return atomic_load_explicit(&pool->queued, memory_order_relaxed);
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
