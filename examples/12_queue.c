/* SPDX-License-Identifier: MIT */
/* Workers and a queue: three tasks do the jobs that one puts in, the most urgent first; whoever
 * puts waits while the queue is full, and join tells when all is done. */
#include <asyncio.h>
#include <stdio.h>

struct job {
    int rank;
    int number;
};

static int by_rank(const void *a, const void *b)
{
    const struct job *x = a, *y = b;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static int worker(const char *name, asyncio_queue *jobs)
{
    struct job job;
    int r, done = 0;
    while ((r = asyncio_queue_get(jobs, &job)) >= 0) {
        printf("%s: job %d of rank %d\n", name, job.number, job.rank);
        r = asyncio_sleep(0.02 * job.rank);
        asyncio_queue_task_done(jobs);
        if (r < 0)
            return r;
        done++;
    }
    if (r != -ASYNCIO_QUEUE_SHUT_DOWN)           /* the end of the work, and no error */
        return r;
    printf("%s: did %d jobs\n", name, done);
    return 0;
}

static int boss(asyncio_queue *jobs)
{
    int r = 0;
    for (int i = 1; i <= 8 && r >= 0; i++)
        r = asyncio_queue_put(jobs, &(struct job){ .rank = i * 5 % 7 + 1, .number = i });
    puts("boss: all are in");
    if (r >= 0)
        r = asyncio_queue_join(jobs);
    puts("boss: all are done");
    asyncio_queue_shutdown(jobs);                /* wakes the workers: there is nothing to come */
    return r;
}

static int program(void)
{
    asyncio_queue jobs;
    int r = asyncio_priority_queue_init(&jobs, sizeof(struct job), by_rank, .maxsize = 4);
    if (r < 0)
        return r;
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    static const char *const names[] = { "ann", "bob", "cid" };
    for (int i = 0; i < 3 && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(worker, names[i], &jobs), NULL);
    if (r >= 0)
        r = boss(&jobs);
    r = asyncio_task_group_exit(&group, r);      /* no task uses the queue any more */
    asyncio_queue_fini(&jobs);
    return r;
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
