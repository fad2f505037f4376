/* SPDX-License-Identifier: MIT */
/* See dump_stuck.h. */
#include "inspect/dump_stuck.h"

#include "base/alloc.h"
#include "base/background.h"
#include "base/clock.h"
#include "inspect/frames.h"
#include "inspect/snapshot.h"
#include "task/stacks.h"

#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STUCK_NS = 250 * 1000 * 1000, TASKS_MAX = 1 << 20, FRAMES_EACH = 32, FRAMES_MOST = 100 };

struct dumper {
    asyncio_loop *loop;
    pthread_t thread;
    pid_t process;
    sem_t arrived;
    atomic_uint arrivals;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned told; /* up to which arrival it has been dumped, by whomever */
    bool stopping;
};

struct task_copy {
    char name[SNAPSHOT_NAME], other[SNAPSHOT_NAME]; /* of the task it waits for */
    const char *what;                               /* a type's name: constant */
    const void *object;
    enum { NOT_STARTED, READY, RUNNING, WAITS_TASK, WAITS, DONE_AWAITED } state;
    bool is_foreign;
    size_t first_frame, frame_count;
};

struct copy {
    size_t count, capacity;             /* tasks: all there are; what there is room for */
    size_t frame_count, frame_capacity;
    struct task_copy *tasks;
    struct raw_frame *frames;
    struct task_copy callback; /* when no task's step runs: the frames of what does */
    bool has_running;
};

/* --- in the loop's thread, in a signal handler --- */

static bool is_on(const asyncio_task *task, uintptr_t sp)
{
    const struct task_floor *floor = task->future.loop->task_floor;
    if ((task->future.task_flags & TASK_FOREIGN) || !task->prepared || !floor)
        return false;
    const struct stack_pool *pool = floor->pools[task->stack_class];
    return stack_slot_of(pool, (void *)sp) == stack_slot_of(pool, task->prepared);
}

static void copy_waiting(const asyncio_task *task, struct task_copy *ret)
{
    const struct awaited *waiting = task->waiting;
    const struct future_type *type = waiting->type;
    const asyncio_future *future = (const asyncio_future *)(const void *)waiting;
    ret->what = type->name;
    ret->state = WAITS;
    if (!(type->flags & FUTURE_TYPE_REAL)) {
        if (type->awaits && type->awaits->kind == AWAITS_OBJECT)
            ret->object =
                *(void *const *)(const void *)((const char *)waiting + type->awaits->at);
        return;
    }
    ret->object = future;
    if (future_done(future)) {
        ret->state = DONE_AWAITED;
    } else if (future->flags & FUTURE_IS_TASK) {
        ret->state = WAITS_TASK;
        asyncio__snapshot_name((const asyncio_task *)(const void *)future, ret->other);
    }
}

static void copy_task(const asyncio_task *task, const struct interrupted *at, struct copy *copy)
{
    struct task_copy *ret = &copy->tasks[copy->count];
    size_t room = copy->frame_capacity - copy->frame_count - FRAMES_MOST; /* for the callback */
    struct raw_frame *frames = copy->frames + copy->frame_count;
    room = room < FRAMES_MOST ? room : FRAMES_MOST;
    *ret = (struct task_copy){ .first_frame = copy->frame_count,
                               .is_foreign = task->future.task_flags & TASK_FOREIGN };
    asyncio__snapshot_name(task, ret->name);
    if (is_on(task, (uintptr_t)at->sp) || (ret->is_foreign && task == task_current())) {
        ret->state = RUNNING;
        copy->has_running = true;
        ret->frame_count = asyncio__frames_here(frames, room, at->ip);
    } else if (!(task->future.task_flags & TASK_STARTED)) {
        ret->state = NOT_STARTED;
    } else {
        ret->state = READY;
        if (task->waiting && task != task_current())
            copy_waiting(task, ret);
        if (!ret->is_foreign && task != task_current())
            ret->frame_count = asyncio__frames_of(&task->coro, frames, room);
    }
    copy->frame_count += ret->frame_count;
}

/* Without room it only counts. */
static void copy_all(asyncio_loop *loop, const struct interrupted *at, void *data)
{
    struct copy *copy = data;
    copy->count = copy->frame_count = 0;
    copy->has_running = false;
    for (const struct list *node = loop->tasks.next;
         node != &loop->tasks && copy->count < TASKS_MAX; node = node->next, copy->count++) {
        if (copy->count < copy->capacity)
            copy_task(container_of(node, asyncio_task, all), at, copy);
        if (node->next == node)
            break; /* about to be linked */
    }
    if (copy->has_running || copy->frame_capacity == 0)
        return;
    copy->callback = (struct task_copy){ .first_frame = copy->frame_count, .state = RUNNING };
    copy->callback.frame_count = asyncio__frames_here(
        copy->frames + copy->frame_count, copy->frame_capacity - copy->frame_count, at->ip);
}

/* --- in the dumper's thread --- */

static void write_frames(const struct copy *copy, const struct task_copy *task)
{
    asyncio_frame frames[FRAMES_MOST];
    char text[FRAME_TEXT_MAX];
    const struct raw_frame *raw = copy->frames + task->first_frame;
    size_t count = asyncio__frames_of_step(raw, task->frame_count);
    int named =
        asyncio__frames_name(raw, count, task->state != RUNNING, frames, FRAMES_MOST);
    for (int i = named; i-- > 0;) {
        asyncio__frame_text(&frames[i], text, sizeof text);
        (void)dprintf(STDERR_FILENO, "%s", text);
    }
}

static void write_task(const struct copy *copy, const struct task_copy *task)
{
    char state[SNAPSHOT_NAME + 64];
    switch (task->state) {
    case WAITS_TASK:
        (void)snprintf(state, sizeof state, "waits for task '%s'", task->other);
        break;
    case DONE_AWAITED:
        (void)snprintf(state, sizeof state, "ready: %s %p is done", task->what, task->object);
        break;
    case WAITS:
        if (task->object)
            (void)snprintf(state, sizeof state, "waits for %s %p", task->what, task->object);
        else
            (void)snprintf(state, sizeof state, "waits for %s", task->what);
        break;
    default:
        (void)snprintf(state, sizeof state, "%s",
                       task->state == RUNNING       ? "running"
                       : task->state == NOT_STARTED ? "not started"
                                                    : "ready");
        break;
    }
    (void)dprintf(STDERR_FILENO, "Task '%s', %s\n", task->name, state);
    write_frames(copy, task);
}

static void write_all(const struct dumper *dumper, const struct copy *copy)
{
    size_t count = copy->count < copy->capacity ? copy->count : copy->capacity;
    (void)dprintf(STDERR_FILENO, "Loop %p, stuck in a %s, %zu task%s\n", (void *)dumper->loop,
                  copy->has_running ? "task's step" : "callback", copy->count,
                  copy->count == 1 ? "" : "s");
    if (!copy->has_running) {
        (void)dprintf(STDERR_FILENO, "Callback\n");
        write_frames(copy, &copy->callback);
    }
    for (size_t i = 0; i < count; i++)
        write_task(copy, &copy->tasks[i]);
    if (count < copy->count)
        (void)dprintf(STDERR_FILENO, "and %zu more\n", copy->count - count);
}

/* First how many there are, then with room for them and a few that are made meanwhile. */
static void dump(const struct dumper *dumper)
{
    struct copy copy = { .count = 0 };
    asyncio_loop *loop = dumper->loop;
    int thread = atomic_load(&loop->thread_id);
    int r = atomic_load(&loop->running) ? asyncio__snapshot_visit(loop, thread, copy_all, &copy)
                                        : -ESRCH;
    if (r == 0) {
        copy.capacity = copy.count + copy.count / 8 + 16;
        copy.frame_capacity = copy.capacity * FRAMES_EACH + 2 * FRAMES_MOST;
        copy.tasks = asyncio__malloc(copy.capacity * sizeof *copy.tasks);
        copy.frames = asyncio__malloc(copy.frame_capacity * sizeof *copy.frames);
        r = copy.tasks && copy.frames ? asyncio__snapshot_visit(loop, thread, copy_all, &copy)
                                      : -ENOMEM;
    }
    if (r == 0)
        write_all(dumper, &copy);
    else
        (void)dprintf(STDERR_FILENO, "Loop %p: its tasks cannot be told, %s\n", (void *)loop,
                      r == -ESRCH    ? "it does not run"
                      : r == -ENOMEM ? "there is no memory"
                                     : "its thread takes no signals");
    asyncio__free(copy.tasks);
    asyncio__free(copy.frames);
}

static bool is_answered_in_time(struct dumper *dumper, unsigned arrival)
{
    struct timespec end = timespec_of(clock_ns() + STUCK_NS);
    int r = 0;
    while (!dumper->stopping && (int)(dumper->told - arrival) < 0 && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&dumper->changed, &dumper->mutex, &end);
    return dumper->stopping || (int)(dumper->told - arrival) >= 0;
}

static void *work(void *data)
{
    struct dumper *dumper = data;
    for (;;) {
        while (sem_wait(&dumper->arrived) != 0)
            ;
        (void)pthread_mutex_lock(&dumper->mutex);
        unsigned arrival = atomic_load(&dumper->arrivals);
        bool is_over = dumper->stopping;
        bool is_stuck = !is_over && !is_answered_in_time(dumper, arrival);
        if (is_stuck)
            dumper->told = arrival;
        (void)pthread_mutex_unlock(&dumper->mutex);
        if (is_over)
            return NULL;
        if (is_stuck)
            dump(dumper);
    }
}

/* --- beginning and end --- */

void asyncio__dumper_notice(void *data)
{
    struct dumper *dumper = data;
    atomic_fetch_add(&dumper->arrivals, 1);
    (void)sem_post(&dumper->arrived);
}

bool asyncio__dumper_answer(struct dumper *dumper)
{
    (void)pthread_mutex_lock(&dumper->mutex);
    unsigned arrival = atomic_load(&dumper->arrivals);
    bool is_ours = (int)(dumper->told - arrival) < 0;
    dumper->told = arrival;
    (void)pthread_cond_signal(&dumper->changed);
    (void)pthread_mutex_unlock(&dumper->mutex);
    return is_ours;
}

static void destroy(struct dumper *dumper)
{
    (void)pthread_cond_destroy(&dumper->changed);
    (void)pthread_mutex_destroy(&dumper->mutex);
    (void)sem_destroy(&dumper->arrived);
    asyncio__free(dumper);
}

static int start(struct dumper *dumper)
{
    int r = asyncio__background_start(&dumper->thread, NULL, work, dumper);
    return r == 0 ? 0 : -EAGAIN;
}

int asyncio__dumper_new(asyncio_loop *loop, struct dumper **ret_dumper)
{
    struct dumper *dumper = asyncio__calloc(1, sizeof *dumper);
    if (!dumper)
        return -ENOMEM;
    dumper->loop = loop;
    dumper->process = getpid();
    loop->tells_thread = true;
    if (asyncio__thread.loop == loop)
        atomic_store(&loop->thread_id, (int)syscall(SYS_gettid));
    (void)sem_init(&dumper->arrived, 0, 0);
    (void)pthread_mutex_init(&dumper->mutex, NULL);
    asyncio__background_cond_init(&dumper->changed);
    int r = asyncio__snapshot_open();
    if (r >= 0 && (r = start(dumper)) < 0)
        asyncio__snapshot_close();
    if (r < 0) {
        destroy(dumper);
        return r;
    }
    *ret_dumper = dumper;
    return 0;
}

void asyncio__dumper_free(void *data)
{
    struct dumper *dumper = data;
    if (dumper->process != getpid()) {
        asyncio__free(dumper); /* forked: its thread is not here, and may have held the lock */
        return;
    }
    (void)pthread_mutex_lock(&dumper->mutex);
    dumper->stopping = true;
    (void)pthread_cond_signal(&dumper->changed);
    (void)pthread_mutex_unlock(&dumper->mutex);
    (void)sem_post(&dumper->arrived);
    (void)pthread_join(dumper->thread, NULL);
    asyncio__snapshot_close();
    destroy(dumper);
}
