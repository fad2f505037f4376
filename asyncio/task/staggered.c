/* SPDX-License-Identifier: MIT */
/* staggered_race: one after the other is started, the first that succeeds wins. Rules and turns as
 * CPython's staggered.py.
 *
 *      caller ---- makes runner 0 ---- waits until no runner is left
 *      runner i:   waits until runner i-1 has failed, or `delay` has passed (runner 0: not at all);
 *                  makes runner i+1; awaits coroutine i; won: cancels all others
 *
 * There is one runner more than coroutines: the last finds nothing to run. An eager runner has to
 * wait until it is counted before it may go on.
 *
 * The race is one block of memory, held by the caller's task, and freed only when no runner can run
 * any more. Coroutines that were never started are closed with it. */
#include <asyncio/wait.h>

#include "base/alloc.h"
#include "base/context.h"
#include "task/task.h"

#include <math.h>

struct runner {
    struct handle handle;          /* called when its task is done */
    struct race *race;
    asyncio_task *task;            /* a reference; NULL: not made */
    asyncio_future *counted;       /* done when `running` counts it */
    asyncio_future *failed;        /* done when its coroutine has failed */
    struct error_record *record;   /* of its coroutine's error */
    int error;                     /* and its code; 0: it has not failed */
};

struct race {
    struct awaited awaited;
    struct held held;
    asyncio_task *caller;
    const asyncio_coro *coros;
    double delay;
    size_t count, made, started, running;
    size_t winner;                 /* NO_WINNER */
    int result;                    /* the winner's */
    int failure;                   /* of a runner itself: no memory */
    bool waiting;
    struct runner runners[];
};

#define NO_WINNER SIZE_MAX

static void wake(struct race *race, int result)
{
    if (!race->waiting)
        return;
    race->waiting = false;
    task_wake(race->caller, result);
}

static int cancel(asyncio_future *awaited, const char *message)
{
    struct race *race = container_of((struct awaited *)(void *)awaited, struct race, awaited);
    if (!race->waiting)
        return 0;
    asyncio__future_keep_message(&race->caller->future, message);
    wake(race, -ECANCELED);
    return 1;
}

/* A runner that is being made, or could not be, has no task. */
static const struct awaits runners_of_race = { AWAITS_INLINE, offsetof(struct race, runners),
                                               offsetof(struct race, made), sizeof(struct runner),
                                               offsetof(struct runner, task) };

static const struct future_type race_type = { "staggered_race", 0, cancel, NULL,
                                              &runners_of_race };

static void free_race(struct race *race)
{
    for (size_t i = 0; i < race->made; i++) {
        struct runner *runner = &race->runners[i];
        list_remove(&runner->handle.link);
        asyncio_task_unref(runner->task);
        (asyncio_future_unref)(runner->counted);
        (asyncio_future_unref)(runner->failed);
        asyncio__record_unref(runner->record);
    }
    for (size_t i = race->started; i < race->count; i++)
        asyncio__coro_close(&race->coros[i]);
    asyncio__free(race);
}

static void drop(struct held *held)
{
    free_race(container_of(held, struct race, held));
}

/* All but `except`. */
static void cancel_runners(struct race *race, const struct runner *except, const char *message)
{
    for (size_t i = 0; i < race->made; i++) {
        struct runner *runner = &race->runners[i];
        if (runner != except && runner->task)
            asyncio__task_cancel(&runner->task->future, message);
    }
}

static void runner_done(struct handle *handle, asyncio_loop *loop)
{
    if (!loop)
        return;
    struct runner *runner = container_of(handle, struct runner, handle);
    struct race *race = runner->race;
    asyncio_future *future = &runner->task->future;
    future->flags &= (uint8_t)~FUTURE_LOG;
    if (future->state == FUTURE_FINISHED && future->result < 0 && !race->failure)
        race->failure = future->result;
    if (--race->running == 0)
        wake(race, 0);
}

static int run(struct runner *runner);

static int add_runner(struct race *race)
{
    struct runner *runner = &race->runners[race->made];
    asyncio_loop *loop = race->caller->future.loop;
    *runner = (struct runner){ .handle.run = runner_done, .race = race };
    list_init(&runner->handle.link);
    race->made++;
    int r = asyncio_loop_create_future(loop, &runner->counted);
    if (r >= 0)
        r = asyncio_loop_create_future(loop, &runner->failed);
    if (r >= 0)
        r = (asyncio_create_task)(asyncio_coro(run, runner), &runner->task, NULL);
    if (r < 0)
        return r;
    race->running++;
    runner->task->future.task_flags |= TASK_MAY_SWALLOW; /* one that loses returns all the same */
    future_watch(&runner->task->future, &runner->handle);
    asyncio__future_finish(runner->counted, 0, NULL);
    return 0;
}

static int await_failure(asyncio_future *failed)
{
    return asyncio__await_future(failed);
}

/* 0: it is this one's turn. */
static int wait_for_turn(struct runner *runner)
{
    struct race *race = runner->race;
    int r = asyncio__await_future(runner->counted);
    if (r < 0 || runner == race->runners)
        return r;
    r = (asyncio_wait_for)(ASYNCIO_AWAITABLE(asyncio_coro(await_failure, (runner - 1)->failed)),
                           race->delay);
    return r == -ETIMEDOUT ? 0 : r;
}

static int run(struct runner *runner)
{
    struct race *race = runner->race;
    int r = wait_for_turn(runner);
    if (r < 0 || race->started == race->count)
        return r;
    size_t index = race->started++;
    r = add_runner(race);
    if (r < 0) { /* the race cannot go on: nobody wins it */
        race->failure = runner->error = r;
        asyncio__coro_close(&race->coros[index]);
        cancel_runners(race, runner, NULL);
        return r;
    }
    r = (asyncio_await)(ASYNCIO_AWAITABLE(race->coros[index]));
    if (r < 0) {
        runner->error = r;
        runner->record = asyncio__record_take(r);
        if (!future_done(runner->failed))
            asyncio__future_finish(runner->failed, 0, NULL);
        return 0;
    }
    if (race->winner == NO_WINNER) {
        race->winner = index;
        race->result = r;
        cancel_runners(race, runner, NULL);
    } else {
        runner->error = -ECANCELED; /* it has lost, whatever it says */
    }
    return 0;
}

/* Until no runner is left, through any number of cancellations; -ECANCELED when there was one. */
static int join(struct race *race)
{
    asyncio_task *task = race->caller;
    int cancelled = 0;
    while (race->running) {
        race->waiting = true;
        int r = asyncio__task_wait(task, &race->awaited);
        race->waiting = false;
        if (!task_take_cancel(task)) {
            if (r != -ECANCELED)
                continue;
            asyncio__task_put_message(task);
        }
        cancelled = -ECANCELED;
        cancel_runners(race, NULL, task->future.extra ? task->future.extra->message : NULL);
    }
    return cancelled;
}

/* Nobody has won: the first error is the result, the record lists all of them. */
static int raise_all(struct race *race)
{
    if (race->started == 0) /* the first runner was cancelled before it ran its coroutine */
        return -ECANCELED;
    size_t size = race->started * (sizeof(struct error_record *) + sizeof(int));
    struct error_record **records = race->started > 1 ? asyncio__malloc(size) : NULL;
    struct runner *runners = race->runners;
    struct error_record *record = NULL;
    if (records) {
        int *codes = (int *)(void *)(records + race->started);
        for (size_t i = 0; i < race->started; i++) {
            records[i] = runners[i].record;
            codes[i] = runners[i].error;
        }
        record = asyncio__record_group(runners[0].error, "nobody has won the staggered race",
                                       records, codes, race->started);
        asyncio__free(records);
    }
    if (!record)
        record = asyncio__record_ref(runners[0].record);
    if (record)
        asyncio__record_put(record);
    return runners[0].error;
}

static int outcome(struct race *race, int cancelled, size_t *ret_winner,
                   const asyncio_staggered_race_options *options)
{
    for (size_t i = 0; options && options->errors && i < race->count; i++)
        options->errors[i] = i < race->started ? race->runners[i].error : 1;
    if (race->failure)
        return race->failure;
    if (cancelled)
        return cancelled;
    if (race->winner == NO_WINNER)
        return raise_all(race);
    if (ret_winner)
        *ret_winner = race->winner;
    return race->result;
}

static int check(const asyncio_coro *coros, size_t count, double delay)
{
    if (!task_current())
        return -ASYNCIO_NO_TASK;
    if (!coros || count == 0)
        return asyncio_raise(-EINVAL, "there is nobody to run a race");
    if (isnan(delay))
        return asyncio_raise(-EINVAL, "Invalid delay: NaN (not a number)");
    return task_refuses(task_current());
}

int(asyncio_staggered_race)(const asyncio_coro *coros, size_t count, double delay,
                            size_t *ret_winner, const asyncio_staggered_race_options *options)
{
    TASK_CHECK_CALLER();
    int r = check(coros, count, delay);
    size_t size = 0;
    struct race *race = NULL;
    if (r >= 0 && (__builtin_mul_overflow(count, sizeof(struct runner), &size) ||
                   !(race = asyncio__malloc(sizeof *race + sizeof(struct runner) + size))))
        r = -ENOMEM;
    if (r < 0) {
        for (size_t i = 0; coros && i < count; i++)
            asyncio__coro_close(&coros[i]);
        return r;
    }
    *race = (struct race){ .awaited.type = &race_type,
                           .caller = task_current(),
                           .coros = coros,
                           .delay = delay,
                           .count = count,
                           .winner = NO_WINNER };
    int cancelled = 0;
    race->failure = add_runner(race);
    task_hold(race->caller, &race->held, drop);
    cancelled = join(race);
    task_let_go(race->caller, &race->held);
    r = outcome(race, cancelled, ret_winner, options);
    free_race(race);
    return r;
}
