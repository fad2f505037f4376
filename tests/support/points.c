/* SPDX-License-Identifier: MIT */
/* See points.h. */
#include "support/points.h"

#include "coro/sanitizer.h"
#include "task/task.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WAITING_MAX = 256, /* suspended tasks that are watched at a time */
    TASKS_LOOKED_AT = 64,
    LOOPS = 16,
    READY_LOOKED_AT = 1000,
    QUIET_LOOKS = 3,
    BUSY_STEPS = 100000, /* without an end: as good as quiet */
};
/* Of the loop's clock: an hour where that jumps, as long as nobody waits for nothing elsewhere. */
static const int64_t quiet_sim_ns = 3600 * (int64_t)1000000000, quiet_real_ns = 10000000,
                     quiet_late_ns = 500000000;

/* A task that is suspended, at its nth suspension. */
struct waiting {
    asyncio_task *task;
    unsigned nth;
    bool is_woken;
};

/* Goes off when a loop has been quiet; then looks a few turns whether it is. */
struct quiet {
    struct timed_handle timed; /* first */
    asyncio_loop *loop;
    uint64_t number; /* of the loop; 0: free */
    unsigned looks, steps_seen;
};

static struct points *now;
static pthread_t thread;
static uint64_t loop_number;
static struct waiting waiting[WAITING_MAX];
static size_t waiting_count;
static asyncio_task *victim; /* to be cancelled later, or once more */
static unsigned busy_after;
static struct quiet quiets[LOOPS];
static void (*timed_before)(struct handle *handle, asyncio_loop *loop);
static void (*made_before)(asyncio_loop *loop);
static const struct loop_inspector *inspector_before;

static const char *const names[] = { "once", "twice", "and again at its next suspension",
                                     "just before what it waits for is done",
                                     "just after what it waits for is done" };

const char *points_name(enum points_how how)
{
    return names[how];
}

static void broken(const char *what, asyncio_task *task)
{
    char text[256];
    if (!now->broken[0])
        (void)snprintf(now->broken, sizeof now->broken, "%s%s%s", what, task ? ": " : "",
                       task ? points_waits(task, text, sizeof text) : "");
}

/* What it waits for is done, or it waits for nothing but its turn. */
static bool is_woken(asyncio_task *task)
{
    if (!task->waiting)
        return true;
    return task->waiting->type->flags & FUTURE_TYPE_REAL
               ? future_done((asyncio_future *)(void *)task->waiting)
               : (task->future.task_flags & TASK_WOKEN) != 0;
}

static struct waiting *find(asyncio_task *task)
{
    for (size_t i = 0; i < waiting_count; i++)
        if (waiting[i].task == task)
            return &waiting[i];
    return NULL;
}

static void forget(asyncio_task *task)
{
    struct waiting *one = find(task);
    if (one)
        *one = waiting[--waiting_count];
}

static void cancel(asyncio_task *task)
{
    if (asyncio_task_cancel(task))
        now->cancelled = true;
}

static void strike(asyncio_task *task)
{
    switch (now->how) {
    case POINTS_TWICE:
        cancel(task);
        cancel(task);
        break;
    case POINTS_AGAIN:
        cancel(task);
        victim = task;
        break;
    case POINTS_BEFORE:
    case POINTS_AFTER:
        victim = task;
        break;
    default:
        cancel(task);
    }
}

static void suspended(asyncio_task *task)
{
    unsigned nth = ++now->suspensions;
    struct waiting *one = find(task);
    if (!one && waiting_count < WAITING_MAX)
        one = &waiting[waiting_count++];
    if (one)
        *one = (struct waiting){ task, nth, is_woken(task) };
    if (nth <= POINTS_MAX && now->nth == 0)
        now->seen[nth].is_ready = is_woken(task);
    if (nth == now->nth) {
        strike(task);
    } else if (task == victim && now->how == POINTS_AGAIN) {
        victim = NULL;
        cancel(task);
    }
}

/* Who has been woken by this step, and who was started eagerly in it and has suspended. */
static void look_around(asyncio_loop *loop, asyncio_task *runner)
{
    size_t count = 0;
    for (struct list *node = loop->tasks.next; node != &loop->tasks; node = node->next)
        if (++count > TASKS_LOOKED_AT)
            return;
    for (struct list *node = loop->tasks.next; node != &loop->tasks; node = node->next) {
        asyncio_task *task = container_of(node, struct asyncio_task, all);
        struct waiting *one = find(task);
        if (one && !one->is_woken && is_woken(task)) {
            one->is_woken = true;
            if (now->nth == 0 && one->nth <= POINTS_MAX)
                now->seen[one->nth].completed_by = now->steps;
        } else if (!one && task != runner && (task->future.task_flags & TASK_STARTED) &&
                   waiting_count < WAITING_MAX) {
            suspended(task);
        }
    }
}

static void check_ready(asyncio_loop *loop)
{
    size_t count = 0;
    for (struct list *node = &loop->ready; count < READY_LOOKED_AT; node = node->next, count++) {
        if (node->next->prev != node)
            broken("the ready queue is torn", NULL);
        if (node->next == &loop->ready)
            break;
    }
}

static void check_resumed(asyncio_task *task)
{
    if (task->waiting && !is_woken(task) && !(task->future.task_flags & TASK_MUST_CANCEL))
        broken("a task goes on though what it waits for is not done", task);
}

/* ---- when nothing happens any more ---- */

static void cancel_all(asyncio_loop *loop)
{
    asyncio_task *last = NULL;
    if (++now->rounds > POINTS_ROUNDS_MAX) {
        if (!list_empty(&loop->tasks))
            last = container_of(loop->tasks.next, struct asyncio_task, all);
        broken("does not end", last);
        fprintf(stderr, "sweep: %s\n", now->broken);
        _exit(3);
    }
    for (struct list *node = loop->tasks.next; node != &loop->tasks; node = node->next)
        (void)asyncio_task_cancel(container_of(node, struct asyncio_task, all));
}

static void wait_for_quiet(struct quiet *quiet, asyncio_loop *loop)
{
    bool is_sim = strcmp(loop->backend->type->name, "sim") == 0;
    bool is_emulated = getenv("ASYNCIO_TEST_EMULATED") || sanitizer_is_valgrind();
    /* Where nobody is cancelled all goes on by itself, and a loaded machine only delivers late. */
    bool is_late = is_emulated || now->nth == 0;
    int64_t quiet_ns = is_sim ? quiet_sim_ns : is_late ? quiet_late_ns : quiet_real_ns;
    asyncio__loop_call_at(loop, &quiet->timed, asyncio__loop_now(loop) + quiet_ns);
}

static void look_at_quiet(struct handle *handle, asyncio_loop *loop)
{
    struct quiet *quiet = container_of(handle, struct quiet, timed.handle);
    if (!loop || !now) {
        quiet->number = 0;
        return;
    }
    if (quiet->steps_seen != now->steps)
        quiet->looks = 0;
    quiet->steps_seen = now->steps;
    if (quiet->looks++ < QUIET_LOOKS && now->steps < busy_after) {
        asyncio__loop_call(loop, handle);
        return;
    }
    char text[256];
    if (now->steps < busy_after && points_overlooked(loop, text, sizeof text))
        broken(text, NULL);
    quiet->looks = 0;
    busy_after = now->steps + BUSY_STEPS;
    cancel_all(loop);
    wait_for_quiet(quiet, loop);
}

static void watch(asyncio_loop *loop)
{
    struct quiet *quiet = NULL;
    for (size_t i = 0; i < LOOPS; i++) {
        if (quiets[i].number == loop->number)
            return;
        if (quiets[i].number == 0)
            quiet = &quiets[i];
    }
    if (!quiet)
        return;
    *quiet = (struct quiet){ .loop = loop, .number = loop->number };
    list_init(&quiet->timed.handle.link);
    quiet->timed.handle.run = look_at_quiet;
    wait_for_quiet(quiet, loop);
}

/* ---- the hook ---- */

static void enter(asyncio_loop *loop)
{
    loop_number = loop->number;
    waiting_count = 0;
    victim = NULL;
    watch(loop);
}

/* As an earlier step of the same turn would have cancelled it: a sleep's end is due, and goes.
 * Returns the handle when it has to run still. */
static struct handle *strike_before(struct handle *handle, asyncio_loop *loop)
{
    bool is_sleep_over = handle->run == asyncio__sleep_over && task_of_step(handle) == victim;
    if (is_sleep_over)
        list_prepend(&loop->ready, &handle->link);
    cancel(victim);
    victim = NULL;
    return is_sleep_over ? NULL : handle;
}

static void step(struct handle *handle, asyncio_loop *loop)
{
    if (!pthread_equal(thread, pthread_self()) || handle->run == look_at_quiet) {
        handle->run(handle, loop);
        return;
    }
    if (loop->number != loop_number)
        enter(loop);
    now->steps++;
    bool is_step = handle->run == asyncio__task_run || handle->run == asyncio__foreign_run;
    asyncio_task *task = is_step ? asyncio_task_ref(task_of_step(handle)) : NULL;
    struct handle *still_due = handle;
    if (victim && ((now->how == POINTS_BEFORE && now->steps == now->completed_by) ||
                   (now->how == POINTS_AFTER && victim == task)))
        still_due = strike_before(handle, loop);
    if (task)
        check_resumed(task);
    if (still_due)
        handle->run(handle, loop);
    if (task && !future_done(&task->future)) {
        suspended(task);
    } else if (task) {
        forget(task);
        victim = task == victim ? NULL : victim;
    }
    look_around(loop, task);
    check_ready(loop);
    asyncio_task_unref(task);
    if (now->steps > busy_after) {
        busy_after = now->steps + BUSY_STEPS;
        cancel_all(loop);
    }
}

static void loop_made(asyncio_loop *loop)
{
    if (made_before)
        made_before(loop);
    loop->debug = true;
}

void points_begin(struct points *points)
{
    unsigned nth = points->nth, completed_by = points->completed_by;
    enum points_how how = points->how;
    memset(points, 0, sizeof *points);
    points->nth = nth;
    points->how = how;
    points->completed_by = completed_by;
    now = points;
    thread = pthread_self();
    loop_number = 0;
    waiting_count = 0;
    victim = NULL;
    busy_after = BUSY_STEPS;
    timed_before = asyncio__loop_run_timed;
    asyncio__loop_run_timed = step;
    made_before = asyncio__loop_made;
    asyncio__loop_made = loop_made;
    inspector_before = asyncio__loop_inspector;
    asyncio__loop_inspector = NULL; /* a stack for each object takes time */
}

void points_end(void)
{
    asyncio__loop_run_timed = timed_before;
    asyncio__loop_made = made_before;
    asyncio__loop_inspector = inspector_before;
    now = NULL;
}

/* The task that is only queued is resumed in any case: there is no completion to be early for. */
static bool has(const struct points *counted, unsigned nth, enum points_how how)
{
    if (how == POINTS_BEFORE)
        return counted->seen[nth].completed_by != 0;
    return how != POINTS_AFTER || !counted->seen[nth].is_ready;
}

bool points_next(const struct points *counted, struct points *points)
{
    do {
        if (points->nth == 0 || ++points->how == POINTS_HOWS) {
            points->nth++;
            points->how = POINTS_ONCE;
        }
        if (points->nth > counted->suspensions || points->nth > POINTS_MAX)
            return false;
    } while (!has(counted, points->nth, points->how));
    points->completed_by = counted->seen[points->nth].completed_by;
    return true;
}
