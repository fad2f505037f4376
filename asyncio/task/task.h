/* SPDX-License-Identifier: MIT */
/* Tasks from the inside: a future that drives a coroutine.
 *
 * MODEL      A task is a control block of at most 256 bytes, off its stack, and a stack slot. Its
 *            `step` handle is in exactly one place: in a future's callbacks or armed as a timer
 *            while the task waits, in the ready queue when it is to run, nowhere while it runs.
 *            Waking a task is moving that handle.
 * SWITCH     task/step.c is the only place that switches. A task that suspends takes the next
 *            handle of the turn and, when that is a task too, switches straight to it; else to the
 *            loop's stack.
 * WAITING    `waiting` is what it waits for: a future, or something light that begins with a
 *            future_type pointer too (a sleep, an I/O operation), so that cancelling and looking
 *            at it need not know the difference.
 * CANCEL     CPython's two places: what is waited for is asked first; if it has nothing to cancel,
 *            `MUST_CANCEL` is set and the next step delivers -ECANCELED in place of whatever it
 *            would have. Each awaiting function ends with task_take_cancel. */
#pragma once

#include "base/context.h"
#include "coro/coro.h"
#include "task/future.h"

#include <asyncio/coroutine_type.h>
#include <asyncio/task.h>

enum {
    TASK_MUST_CANCEL = 1,
    TASK_STARTED = 2,          /* its body has been entered */
    TASK_STICKY = 4,
    TASK_WOKEN = 8,            /* what it waits for is done; its step is in the ready queue */
    TASK_FOREIGN = 16,         /* driven by its coroutine's table on the loop's stack */
    TASK_QUIET = 32,           /* no "destroyed but pending" report */
    TASK_NUMBERED_NAME = 64,
    TASK_LEFTOVER = 128,       /* the runner waits for it while it shuts down */
    TASK_CANCELLING = 256,     /* it is being cancelled: who meets it has gone in a circle */
    TASK_IN_DEBUG = ASYNCIO__DEBUG_MODE ? 512 : 0, /* made in debug mode: debug_mode.h */
    TASK_CANCEL_SEEN = 1024,   /* a cancellation got to its code: debug_cancel.c */
    TASK_MAY_SWALLOW = 2048,   /* the library's own, or the main one after Ctrl-C */
    TASK_RESUMING = 4096,      /* a function of its coroutine's table runs: nothing may suspend */
    TASK_NAME_ON_STACK = 8192, /* behind `prepared`, until the task is over: task_name_on_stack */
};

struct scope;
struct closing;
struct prepared;

/* What a task can wait for. Futures are this too. */
struct awaited {
    const struct future_type *type;
};

struct asyncio_task {
    struct asyncio_future future;
    /* The line that a switch needs, with the future's: ten thousand tasks that take turns have
     * only these two in the cache. The timer of `step` lies in the next. */
    struct coro *eager_return;             /* who goes on when an eager one first suspends; or
                                            * whose stack it is on, see task_on_stack */
    struct scope *scopes;                  /* the innermost open one */
    struct awaited *waiting;
    struct coro coro;
    struct timed_handle step;
    struct env env;
    struct list all;                       /* in loop->tasks while not done */
    /* on the top of its stack, which it names; NULL: it has none any more */
    struct prepared *prepared;
    struct held *held;                     /* base/context.h: by frames of the library */
    const asyncio_coroutine_type *type;
    void (*fn)(void);
    struct awaited sleeping;               /* what it waits for in asyncio_sleep */
    uint32_t number;
    int32_t wake_result;                   /* of what was waited for, when that is no future */
    uint8_t stack_class;                   /* which of the loop's stack pools */
    /* exit stacks that found no memory, entered and not left */
    uint8_t failed_stacks;
};

static inline asyncio_task *task_current(void)
{
    return asyncio__thread.task;
}

/* Whose stack is in use while `task` runs: an eager one that is driven by its table takes its first
 * step on its creator's. NULL: the loop's. */
static inline asyncio_task *task_on_stack(asyncio_task *task)
{
    if (!task || !(task->future.task_flags & TASK_FOREIGN))
        return task;
    return task->eager_return ? container_of(task->eager_return, struct asyncio_task, coro) : NULL;
}

static inline asyncio_task *task_of_step(struct handle *handle)
{
    return container_of(handle, struct asyncio_task, step.handle);
}

/* step.c */
void asyncio__task_run(struct handle *handle, asyncio_loop *loop);
void asyncio__task_entry(void *task);
/* Suspends the current task until its step runs again. The caller has put the step somewhere, or
 * somebody will wake it. */
void asyncio__task_suspend(asyncio_task *task);
/* Runs a new task's first step now, and returns when it suspends or ends. */
void asyncio__task_start_eagerly(asyncio_task *task);
/* Frees the stack of the task that ended last, when nobody ran since. */
void asyncio__task_reap(asyncio_loop *loop);

/* Puts the step of a task into the ready queue. */
static inline void task_ready(asyncio_task *task)
{
    asyncio__loop_call(task->future.loop, &task->step.handle);
}

/* scope.c: closes and reports the scopes that a frame below `frame` has left open. */
void asyncio__scopes_check(asyncio_task *task, void *frame);

/* For the beginning of each public function that suspends: what lies below its caller's frame is
 * gone. That ends at the canonical frame address; __builtin_frame_address(0) is the low end of the
 * function's own frame on AArch64, and what was left may lie within. Not in asyncio__task_suspend,
 * whose frame is deeper: a scope that was left lies where the runtime's frames are now. */
#define TASK_CHECK_SCOPES(task)                                                                    \
    do {                                                                                           \
        if (__builtin_expect((task)->scopes != NULL, 0))                                           \
            asyncio__scopes_check(task, __builtin_dwarf_cfa());                                    \
    } while (0)

/* The same where it need not be a task that calls. */
#define TASK_CHECK_CALLER()                                                                        \
    do {                                                                                           \
        asyncio_task *caller_ = task_current();                                                    \
        if (caller_)                                                                               \
            TASK_CHECK_SCOPES(caller_);                                                            \
    } while (0)

/* True once for each cancellation that is due now; puts its record into the env. */
bool asyncio__task_take_cancel_slow(asyncio_task *task);
static inline bool task_take_cancel(asyncio_task *task)
{
    return __builtin_expect(task->future.task_flags & TASK_MUST_CANCEL, 0) &&
           asyncio__task_take_cancel_slow(task);
}

/* The message of the cancellation that ended a light wait becomes the current record. */
static inline void asyncio__task_put_message(asyncio_task *task)
{
    if (task->future.extra)
        asyncio__put_cancel_message(task->future.extra->message);
}

/* Light waiting: what a suspending function of a lower kind does.
 *     r = asyncio__task_wait_begin(task)        -ECANCELED at once where cancellation is
 *     level-triggered arrange for task_wake(task, result) return asyncio__task_wait(task,
 *     &awaited) */
int asyncio__task_wait(asyncio_task *task, struct awaited *awaited);
static inline void task_wake(asyncio_task *task, int result)
{
    task->wake_result = result;
    task->future.task_flags |= TASK_WOKEN;
    task_ready(task);
}

/* Who does not look at results would be refused again and again in one turn, and no timer would
 * ever end it: so many are at once, and then one waits all the same. */
enum { REFUSED_AT_ONCE = 64, REFUSED_WAITS_NS = 1000000 };
/* await.c: the rare cases of task_refuses. */
int asyncio__task_refuses_slow(asyncio_task *task);
/* -ECANCELED when each suspension has to fail from now on (sticky cancel, shutdown),
 * -ASYNCIO_NO_TASK where there is no stack to suspend, else 0. */
static inline int task_refuses(asyncio_task *task)
{
    bool may = task->future.cancelling > 0 || (task->future.task_flags & TASK_RESUMING);
    return __builtin_expect(may, 0) ? asyncio__task_refuses_slow(task) : 0;
}

/* For frames that own something while they are suspended: hangs it off the task, and takes it off
 * again. */
static inline void task_hold(asyncio_task *task, struct held *held,
                             void (*drop)(struct held *held))
{
    held->outer = task->held;
    held->drop = drop;
    task->held = held;
}

static inline void task_let_go(asyncio_task *task, const struct held *held)
{
    task->held = held->outer;
}

/* A reference to a future that is awaited. */
struct held_future {
    struct held held;
    asyncio_future *future;
};
void asyncio__held_future_drop(struct held *held);

/* await.c */
int asyncio__await_future(asyncio_future *future);

/* sleep.c: the run function of a step that a sleep's timer has made ready. */
void asyncio__sleep_over(struct handle *handle, asyncio_loop *loop);
extern const struct future_type asyncio__sleep_type;
/* REFUSED_WAITS_NS, whatever is due. */
void asyncio__sleep_a_moment(asyncio_task *task);

/* foreign.c: coroutines driven by their table, on the loop's stack. */
void asyncio__foreign_run(struct handle *handle, asyncio_loop *loop);
int asyncio__foreign_init(asyncio_task *task, const asyncio_coro *coro);
void asyncio__foreign_fini(asyncio_task *task);
int asyncio__foreign_await(const asyncio_coro *coro);
/* Its first step, now. */
void asyncio__foreign_start(asyncio_task *task);

/* describe.c: what the loop's reports call it: asyncio__loop_describe. */
void asyncio__describe(asyncio_future *future, asyncio_task *task, char *text, size_t size);

/* run_until.c: runs the loop until `future` is done; its outcome, or why the run ended before. */
int asyncio__run_until_done(asyncio_loop *loop, asyncio_future *future);

/* task.c */
int asyncio__task_create(asyncio_loop *loop, const asyncio_coro *coro, asyncio_task **ret_task,
                         const asyncio_create_task_options *options);
/* factory.c: by the loop's factory, which is there. */
int asyncio__task_create_by_factory(asyncio_loop *loop, const asyncio_coro *coro,
                                    asyncio_task **ret_task,
                                    const asyncio_create_task_options *options);
/* The body is over: result, callbacks, references. */
void asyncio__task_finish(asyncio_task *task, int result);
int asyncio__task_cancel(asyncio_future *future, const char *message);
/* The same in two steps, for who must not go deeper for what a task waits for. */
struct cancel_chain {
    asyncio_task *first, *last;   /* of tasks that await one another */
};
enum { CANCEL_GOES_ON = 2 };
/* 1 or 0: that was it. CANCEL_GOES_ON: what the last one waits for is to be cancelled, then _end
 * with its answer (0 when it waits for nothing). */
int asyncio__task_cancel_begin(asyncio_task *first, const char *message,
                               struct cancel_chain *ret_chain);
void asyncio__task_cancel_end(const struct cancel_chain *chain, int accepted, const char *message);
/* Tasks that wait for one another in a circle: `task` gets its cancellation in place of what it
 * waits for. 1. */
int asyncio__task_cut_circle(asyncio_task *task, const char *message);

/* task_object.c: its stack goes, with the name that may lie there. Who holds the task, or is told
 * of its end (`is_told`), still finds that name, if there is memory for it. */
void asyncio__task_keep_name(asyncio_task *task, bool is_told);

/* coroutine.c: a coroutine object unwrapped from its notes. */
struct closing {                  /* an on_close that is due */
    struct closing *outer;
    void (*function)(void *data);
    void *data;
};
struct prepared {
    asyncio_coro coro;            /* innermost, with the addresses of copy and ret filled in */
    struct closing *closings;     /* run from the first to the last */
};
/* What it takes on a stack: what else lies there is behind it. */
enum { PREPARED_SIZE = (sizeof(struct prepared) + 15) & ~(size_t)15 };

/* The name of a task that nobody but the loop holds, as a server's: it costs no memory there. NULL:
 * it is elsewhere. It goes with the stack, so it is lent to nobody. */
static inline const char *task_name_on_stack(const asyncio_task *task)
{
    return task->future.task_flags & TASK_NAME_ON_STACK
               ? (const char *)task->prepared + PREPARED_SIZE
               : NULL;
}

/* Where a name is written out, or NULL: it has a number. Signal-safe. */
static inline const char *task_name(const asyncio_task *task)
{
    const char *name = task->future.extra ? task->future.extra->name : NULL;
    return name ? name : task_name_on_stack(task);
}
/* Bytes beyond the coroutine that `coro`'s notes need. */
size_t asyncio__coro_extra_size(const asyncio_coro *coro);
/* Of the T that asyncio_coro_ret wants, or 0. */
size_t asyncio__coro_ret_size(const asyncio_coro *coro);
const asyncio_coro *asyncio__coro_innermost(const asyncio_coro *coro);
/* False for a null function, and for a type that cannot be driven. */
bool asyncio__coro_is_one(const asyncio_coro *coro);
/* -EINVAL, raised: why it is none. */
int asyncio__coro_is_none(const asyncio_coro *coro);
/* Unwraps into `prepared`, using `memory` of the extra size; `value` is the T or NULL. */
void asyncio__coro_prepare_notes(const asyncio_coro *coro, void *memory, struct prepared *prepared,
                                 void *value);
/* Each once, also when one of them suspends and the task is dropped meanwhile. */
void asyncio__closings_run(struct prepared *prepared);
/* Drops a coroutine that will not run: its on_close functions are called. */
void asyncio__coro_close(const asyncio_coro *coro);
int asyncio__coro_call_words(const asyncio_coro *coro);
/* Runs it here and now, in the running task or outside of tasks. */
int asyncio__coro_await(const asyncio_coro *coro);
