/* SPDX-License-Identifier: MIT */
/* TEST: timeout 120; not allocations */
/* The pool of threads: every job runs once, in order, on as many threads as it takes; cancelling,
 * shutting down and letting go at any moment; threads and memory that cannot be had. Waits for
 * events, never for time: so where a thread could not be had jobs that wait for each other do so
 * for ever, and each failed allocation has cases of its own here. */
#include "base/alloc.h"
#include "workers/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct job {
    struct work work;
    sem_t *started, *may_end;   /* NULL: does not say, does not wait */
    atomic_int runs;
    pthread_t thread;
    char thread_name[16];
    sigset_t mask;
    void (*body)(struct job *job);
    struct pool *pool;
    unsigned place;             /* in the order of running */
};

static atomic_uint places;

static void run(struct work *work)
{
    struct job *job = container_of(work, struct job, work);
    job->place = atomic_fetch_add(&places, 1);
    job->thread = pthread_self();
    assert_int_equal(pthread_getname_np(pthread_self(), job->thread_name, 16), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &job->mask), 0);
    if (job->started)
        sem_post(job->started);
    if (job->may_end)
        sem_wait(job->may_end);
    if (job->body)
        job->body(job);
    atomic_fetch_add(&job->runs, 1);
}

static sem_t started, may_end;

static int start(void **state)
{
    (void)state;
    sem_init(&started, 0, 0);
    sem_init(&may_end, 0, 0);
    atomic_store(&places, 0);
    return 0;
}

/* A detached thread may be freeing its memory still. */
static int nothing_is_left(void **state)
{
    (void)state;
    asyncio__alloc_fail_at(0, 0);
    while (asyncio__alloc_live() > 0)
        sched_yield();
    sem_destroy(&started);
    sem_destroy(&may_end);
    return 0;
}

static void submit(struct pool *pool, struct job *job)
{
    job->work.run = run;
    assert_int_equal(asyncio__pool_submit(pool, &job->work), 0);
}

static void finish(struct pool *pool)
{
    asyncio__pool_shutdown(pool, true);
    assert_int_equal(asyncio__pool_threads(pool), 0);
    asyncio__pool_unref(pool);
}

static void jobs_run_once_and_in_order(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static struct job jobs[COUNT];
    struct pool *pool = asyncio__pool_new(1, NULL);
    for (unsigned i = 0; i < COUNT; i++)
        submit(pool, &jobs[i]);
    finish(pool);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(jobs[i].runs, 1);
        assert_int_equal(jobs[i].place, i);
    }
}

static void no_thread_before_the_first_job(void **state)
{
    (void)state;
    struct pool *pool = asyncio__pool_new(4, NULL);
    assert_int_equal(asyncio__pool_threads(pool), 0);
    finish(pool);
    pool = asyncio__pool_new(4, NULL);
    asyncio__pool_unref(pool);
    asyncio__pool_unref(NULL);
}

/* Jobs that block reach every thread, and no more than there may be. */
static void blocked_jobs_fill_all_threads(void **state)
{
    (void)state;
    enum { THREADS = 6, COUNT = 10 };
    struct job jobs[COUNT] = { 0 };
    struct pool *pool = asyncio__pool_new(THREADS, NULL);
    for (int i = 0; i < COUNT; i++) {
        jobs[i].started = &started;
        jobs[i].may_end = &may_end;
        submit(pool, &jobs[i]);
    }
    for (int i = 0; i < THREADS; i++)
        sem_wait(&started);
    assert_int_equal(asyncio__pool_threads(pool), THREADS);
    assert_int_equal(asyncio__pool_queued(pool), COUNT - THREADS);
    for (int i = 0; i < COUNT; i++)
        sem_post(&may_end);
    finish(pool);
    assert_int_equal(asyncio__alloc_live(), 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(jobs[i].runs, 1);
}

/* Not always: the thread may still be on its way back when the next job comes. */
static void idle_thread_is_used_again(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct pool *pool = asyncio__pool_new(COUNT, NULL);
    for (int i = 0; i < COUNT; i++) {
        struct job job = { .started = NULL };
        submit(pool, &job);
        while (!atomic_load(&job.runs))
            sched_yield();
    }
    assert_in_range(asyncio__pool_threads(pool), 1, COUNT / 2);
    finish(pool);
}

static void threads_have_names_and_no_signals(void **state)
{
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    struct job job = { 0 }, long_name = { 0 }, no_name = { 0 };
    struct pool *pool = asyncio__pool_new(1, "asyncio");
    submit(pool, &job);
    finish(pool);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
    assert_string_equal(job.thread_name, "asyncio-0");
    const int signals[] = { SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGPIPE, SIGALRM };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        assert_int_equal(sigismember(&job.mask, signals[i]), 1);

    pool = asyncio__pool_new(1, "a name that is much too long");
    submit(pool, &long_name);
    finish(pool);
    assert_int_equal(strncmp(long_name.thread_name, "a name that is", 14), 0);
    pool = asyncio__pool_new(1, NULL);
    submit(pool, &no_name);
    finish(pool);
    char mine[16];
    pthread_getname_np(pthread_self(), mine, sizeof mine);
    assert_string_equal(no_name.thread_name, mine);
}

static void cancel_takes_what_is_queued_and_nothing_else(void **state)
{
    (void)state;
    struct job first = { .started = &started, .may_end = &may_end }, second = { 0 }, third = { 0 };
    struct job never = { 0 };
    struct pool *pool = asyncio__pool_new(1, NULL);
    submit(pool, &first);
    submit(pool, &second);
    submit(pool, &third);
    sem_wait(&started);
    assert_false(asyncio__pool_cancel(pool, &never.work));
    assert_false(asyncio__pool_cancel(pool, &first.work));
    assert_true(asyncio__pool_cancel(pool, &second.work));
    assert_false(asyncio__pool_cancel(pool, &second.work));
    assert_int_equal(asyncio__pool_queued(pool), 1);
    sem_post(&may_end);
    finish(pool);
    assert_int_equal(first.runs, 1);
    assert_int_equal(second.runs, 0);
    assert_int_equal(third.runs, 1);
}

static void shutdown_runs_what_is_queued(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct job first = { .started = &started, .may_end = &may_end }, jobs[COUNT] = { 0 };
    struct job late = { .work.run = run };
    struct pool *pool = asyncio__pool_new(1, NULL);
    submit(pool, &first);
    sem_wait(&started);
    for (int i = 0; i < COUNT; i++)
        submit(pool, &jobs[i]);
    asyncio__pool_shutdown(pool, false);
    assert_int_equal(asyncio__pool_submit(pool, &late.work), -ESHUTDOWN);
    assert_int_equal(first.runs, 0);
    sem_post(&may_end);
    finish(pool);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(jobs[i].runs, 1);
    assert_int_equal(late.runs, 0);
}

static void shut_down(struct job *job)
{
    asyncio__pool_shutdown(job->pool, true);   /* would wait for itself */
}

static void worker_may_shut_its_pool_down(void **state)
{
    (void)state;
    struct pool *pool = asyncio__pool_new(2, NULL);
    struct job job = { .body = shut_down, .pool = pool };
    submit(pool, &job);
    while (!atomic_load(&job.runs))
        sched_yield();
    finish(pool);
}

static void *shut_down_thread(void *pool)
{
    asyncio__pool_shutdown(pool, true);
    assert_int_equal(asyncio__pool_threads(pool), 0);
    return NULL;
}

static void two_may_wait_for_the_end(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct job jobs[THREADS] = { 0 };
    struct pool *pool = asyncio__pool_new(THREADS, NULL);
    pthread_t other;
    for (int i = 0; i < THREADS; i++) {
        jobs[i].started = &started;
        jobs[i].may_end = &may_end;
        submit(pool, &jobs[i]);
    }
    for (int i = 0; i < THREADS; i++)
        sem_wait(&started);
    assert_int_equal(pthread_create(&other, NULL, shut_down_thread, pool), 0);
    for (int i = 0; i < THREADS; i++)
        sem_post(&may_end);
    asyncio__pool_shutdown(pool, true);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(jobs[i].runs, 1);
    assert_int_equal(pthread_join(other, NULL), 0);
    finish(pool);
}

static void let_go(struct job *job)
{
    asyncio__pool_unref(job->pool);
    if (job->started)
        sem_post(job->started);
}

/* Without users a pool ends by itself, even when a worker was the last. */
static void last_reference_may_be_a_worker_s(void **state)
{
    (void)state;
    struct pool *pool = asyncio__pool_new(3, NULL);
    static struct job jobs[3];
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct job){ .body = let_go, .pool = asyncio__pool_ref(pool) };
        jobs[i].may_end = &may_end;
        submit(pool, &jobs[i]);
    }
    asyncio__pool_unref(pool);
    for (int i = 0; i < 3; i++)
        sem_post(&may_end);
    while (asyncio__alloc_live() > 0)
        sched_yield();
    for (int i = 0; i < 3; i++)
        assert_int_equal(jobs[i].runs, 1);
}

static void run_again(struct job *job)
{
    if (atomic_load(&job->runs) < 1000)
        assert_int_equal(asyncio__pool_submit(job->pool, &job->work), 0);
    else
        sem_post(&may_end);
}

static void job_may_submit_itself_again(void **state)
{
    (void)state;
    struct pool *pool = asyncio__pool_new(1, NULL);
    struct job job = { .body = run_again, .pool = pool };
    submit(pool, &job);
    sem_wait(&may_end);
    finish(pool);
    assert_int_equal(job.runs, 1001);
}

/* Several producers, jobs that end at once and jobs that take a moment, cancels in between: each
 * either ran or was cancelled. */
enum { PRODUCERS = 3, EACH = 4000 };

struct producer {
    pthread_t thread;
    struct pool *pool;
    struct job jobs[EACH];
    bool cancelled[EACH];
};

static void dawdle(struct job *job)
{
    for (unsigned i = 0; i < job->place % 500; i++)
        sched_getcpu();
}

static void *produce(void *argument)
{
    struct producer *self = argument;
    for (unsigned i = 0; i < EACH; i++) {
        self->jobs[i].body = i % 7 == 0 ? dawdle : NULL;
        submit(self->pool, &self->jobs[i]);
        if (i % 5 == 4)
            self->cancelled[i - 2] = asyncio__pool_cancel(self->pool, &self->jobs[i - 2].work);
        if (i % 97 == 0)
            sched_yield();
    }
    return NULL;
}

static void each_job_runs_or_is_cancelled(void **state)
{
    (void)state;
    struct producer *producers = calloc(PRODUCERS, sizeof *producers);
    struct pool *pool = asyncio__pool_new(4, NULL);
    for (int p = 0; p < PRODUCERS; p++) {
        producers[p].pool = pool;
        assert_int_equal(pthread_create(&producers[p].thread, NULL, produce, &producers[p]), 0);
    }
    for (int p = 0; p < PRODUCERS; p++)
        assert_int_equal(pthread_join(producers[p].thread, NULL), 0);
    finish(pool);
    int cancelled = 0;
    for (int p = 0; p < PRODUCERS; p++)
        for (int i = 0; i < EACH; i++) {
            assert_int_equal(producers[p].jobs[i].runs, producers[p].cancelled[i] ? 0 : 1);
            cancelled += producers[p].cancelled[i];
        }
    print_message("%d jobs, %d cancelled\n", PRODUCERS * EACH, cancelled);
    free(producers);
}

/* A wake-up that got lost would leave the job, and this test, waiting for ever. */
static void no_wake_up_is_lost(void **state)
{
    (void)state;
    struct pool *pool = asyncio__pool_new(3, NULL);
    static struct job pair[2];
    for (int i = 0; i < 3000; i++) {
        memset(pair, 0, sizeof pair);
        pair[0].started = pair[1].started = &started;
        submit(pool, &pair[0]);
        for (int pause = 0; pause < i % 200; pause++)   /* meets the worker spinning, or asleep */
            sched_getcpu();
        submit(pool, &pair[1]);
        sem_wait(&started);
        sem_wait(&started);
        while (!atomic_load(&pair[0].runs) || !atomic_load(&pair[1].runs))
            sched_yield();
    }
    finish(pool);
}

static void wait_for_end(const struct job *job)
{
    while (!atomic_load(&job->runs))
        sched_yield();
}

static void nobody_waits_for_what_is_left(void **state)
{
    (void)state;
    struct job stuck = { .started = &started, .may_end = &may_end }, next = { .started = NULL };
    struct pool *pool = asyncio__pool_new(1, NULL);
    submit(pool, &stuck);
    sem_wait(&started);
    submit(pool, &next);
    assert_int_equal(asyncio__pool_queued(pool), 1);
    asyncio__pool_leave(pool, &stuck.work);
    wait_for_end(&next); /* by another thread */
    asyncio__pool_shutdown(pool, true);
    assert_int_equal(asyncio__pool_threads(pool), 1);
    assert_int_equal(stuck.runs, 0);
    sem_post(&may_end);
    wait_for_end(&stuck);
    while (asyncio__pool_threads(pool))
        sched_yield();
    asyncio__pool_unref(pool);
}

/* Each of those that may be is replaced once; then there is no thread to be had. */
static void what_is_left_is_bounded(void **state)
{
    (void)state;
    enum { THREADS = 3, COUNT = 2 * THREADS };
    struct job jobs[COUNT] = { 0 }, next = { .work.run = run }, last = next;
    struct pool *pool = asyncio__pool_new(THREADS, NULL);
    for (int i = 0; i < COUNT; i++) {
        jobs[i].started = &started;
        jobs[i].may_end = &may_end;
        submit(pool, &jobs[i]);
        sem_wait(&started);
        asyncio__pool_leave(pool, &jobs[i].work);
    }
    assert_int_equal(asyncio__pool_threads(pool), COUNT);
    assert_int_equal(asyncio__pool_submit(pool, &next.work), -EAGAIN);
    assert_int_equal(asyncio__pool_queued(pool), 0);
    for (int i = 0; i < COUNT; i++)
        sem_post(&may_end);
    for (int i = 0; i < COUNT; i++)
        wait_for_end(&jobs[i]);
    while (asyncio__pool_submit(pool, &last.work) < 0) /* they are on their way back */
        sched_yield();
    wait_for_end(&last);
    finish(pool);
    assert_int_equal(next.runs, 0);
}

static void without_memory_there_is_no_pool_and_no_thread(void **state)
{
    (void)state;
    asyncio__alloc_fail_at(1, 0);
    assert_null(asyncio__pool_new(2, NULL));
    asyncio__alloc_fail_at(0, 0);
    struct pool *pool = asyncio__pool_new(2, NULL);
    struct job job = { .work.run = run }, blocked = { .started = &started, .may_end = &may_end };
    asyncio__alloc_fail_at(1, 1);
    assert_int_equal(asyncio__pool_submit(pool, &job.work), -EAGAIN);
    assert_int_equal(asyncio__pool_queued(pool), 0);
    assert_false(asyncio__pool_cancel(pool, &job.work));
    asyncio__alloc_fail_at(0, 0);
    submit(pool, &blocked);
    sem_wait(&started);
    asyncio__alloc_fail_at(1, 1);   /* no second thread: the first will come to it */
    assert_int_equal(asyncio__pool_submit(pool, &job.work), 0);
    sem_post(&may_end);
    finish(pool);
    asyncio__alloc_fail_at(0, 0);
    assert_int_equal(job.runs, 1);
}

static void system_without_threads(void **state)
{
    (void)state;
    struct job job = { .work.run = run };
    struct pool *pool = asyncio__pool_new(2, NULL);
    pthread_attr_t usual, huge;
    /* A stack that no address space holds: pthread_create fails as it does without memory. */
    assert_int_equal(pthread_getattr_default_np(&usual), 0);
    assert_int_equal(pthread_attr_init(&huge), 0);
    assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 56), 0);
    assert_int_equal(pthread_setattr_default_np(&huge), 0);
    int r = asyncio__pool_submit(pool, &job.work);
    assert_int_equal(pthread_setattr_default_np(&usual), 0);
    assert_int_equal(r, -EAGAIN);
    assert_int_equal(asyncio__pool_threads(pool), 0);
    assert_int_equal(asyncio__pool_submit(pool, &job.work), 0);
    finish(pool);
    assert_int_equal(job.runs, 1);
    pthread_attr_destroy(&usual);
    pthread_attr_destroy(&huge);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, nothing_is_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(jobs_run_once_and_in_order),
        TEST(no_thread_before_the_first_job),
        TEST(blocked_jobs_fill_all_threads),
        TEST(idle_thread_is_used_again),
        TEST(threads_have_names_and_no_signals),
        TEST(cancel_takes_what_is_queued_and_nothing_else),
        TEST(shutdown_runs_what_is_queued),
        TEST(worker_may_shut_its_pool_down),
        TEST(two_may_wait_for_the_end),
        TEST(last_reference_may_be_a_worker_s),
        TEST(job_may_submit_itself_again),
        TEST(each_job_runs_or_is_cancelled),
        TEST(no_wake_up_is_lost),
        TEST(nobody_waits_for_what_is_left),
        TEST(what_is_left_is_bounded),
        TEST(without_memory_there_is_no_pool_and_no_thread),
        TEST(system_without_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
