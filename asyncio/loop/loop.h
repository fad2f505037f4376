/* SPDX-License-Identifier: MIT */
/* The loop's inside: handles, the ready queue, one turn.
 *
 * MODEL       What runs is a `struct handle`: a link and a function. It is embedded in what it
 *             serves (a task, a timer, a user's callback), so scheduling it allocates nothing.
 *             `ready` holds what runs in the next turn; a turn moves all of it to `batch` and runs
 *             that. A handle is in at most one list, and leaves it by being unlinked.
 * KNOWS       only handles. Tasks and futures are above: they see `batch` through
 *             asyncio__loop_next, which lets a task switch straight to the next one without coming
 *             back to the loop's stack.
 * OBJECTS     Futures, tasks and handles come from the loop's freelists and may outlive it:
 *             `objects` counts them, and while there are any, they hold the loop's memory together,
 *             by one reference that can be told from others (LOOP_HELD_BY_OBJECTS). They do not
 *             keep it open: who gives the last other reference back, closes it.
 * THREADS     The loop's thread, but for what is marked (any thread). */
#pragma once

#include "backend/backend.h"
#include "base/error.h"
#include "base/freelist.h"
#include "base/list.h"
#include "base/spin.h"
#include "base/thread.h"
#include "coro/coro.h"
#include "loop/timers.h"

#include <asyncio/loop.h>
#include <pthread.h>
#include <stdatomic.h>

struct handle {
    struct list link;
    /* Called once, after the handle has left its list. With loop NULL it will never run, because
     * the loop closes or what it waited for is gone: it frees what it holds, and that is all. */
    void (*run)(struct handle *handle, asyncio_loop *loop);
};

/* A handle that a timer makes ready. */
struct timed_handle {
    struct handle handle;
    struct timer timer;
};

struct post; /* from another thread: loop/posts.c */
struct watch;

enum {
    LOOP_FREELIST_FUTURE,
    LOOP_FREELIST_TASK,
    LOOP_FREELIST_HANDLE,
    LOOP_FREELIST_SCOPE,
    LOOP_FREELISTS
};

/* A task's control block; with what a sanitizer adds to a flow of control. */
enum { LOOP_TASK_SIZE = 256 + (sizeof(struct coro) - 2 * sizeof(void *)) };

/* A user's callback, a timer's too, and a done callback. */
enum { LOOP_HANDLE_SIZE = 128 };

/* What asyncio_loop_get_stats tells and nobody else needs. Only written where the clock has been
 * read anyway, at a look at the kernel and around a run: not for each turn or step. Turns that did
 * not look are in turns_since_poll until the next look. */
struct loop_stats {
    uint64_t turns_without_poll;
    int64_t waited_ns, longest_ns;
    uint64_t lag[ASYNCIO_LAG_BUCKETS]; /* one for each poll: their sum */
    uint64_t named_tasks;              /* the others are counted by their numbers */
    uint64_t tasks_ended;
    int64_t entered_at, ran_ns;        /* the run under way; all runs before */
};

/* 0: a library that knows no debug mode, for bench/ to compare with. */
#ifndef ASYNCIO__DEBUG_MODE
#define ASYNCIO__DEBUG_MODE 1
#endif

enum { LOOP_APART = 64 };   /* bytes: a cache line, wherever malloc put the loop */

struct asyncio_loop {
    /* The hot part: what each turn touches. */
    struct list ready, batch;
    unsigned long ran;                /* handles run since the beginning: a watchdog reads it */
    /* value of `ran` at which the clock is asked whether to poll: turn.c */
    unsigned long look_at;
    unsigned turns_since_poll;
    unsigned look_interval;           /* handles from one such look to the next */
    bool stopping, poll_every_turn, debug, interrupted;
    /* one was armed for a time that had come: the next turn looks at the clock */
    bool timer_due;
    atomic_bool closed;
    atomic_bool wants_check;          /* closed, inherited, in debug mode: one look for all */
    bool had_posts;                   /* in this turn */
    struct spin spin;
    struct timers timers;
    struct backend *backend;
    void *after_switch;               /* the task floor's: one that ended, its stack is to go */
    struct coro stack;                /* the flow of control of run_forever */
    int64_t now_at_poll;
    /* the task floor's: gives unneeded memory back before a sleep. After how many nanoseconds it
     * wants to be called again, also if nothing else happens; -1: whenever there is a sleep */
    int64_t (*give_back)(asyncio_loop *loop, int64_t now);

    struct env env;                   /* what callbacks run in */
    struct freelist freelists[LOOP_FREELISTS];
    size_t objects;
    struct list tasks;                /* the task floor's: all that are not done, by their making */
    /* struct handle: futures that follow others, and which these hold in turn. Dropped last. */
    struct list followers;
    /* whatever these floors keep per loop */
    void *task_floor, *offload_floor, *files_floor, *net_floor, *process_floor;
    /* struct closer: who has to be told before the loop closes, last first */
    struct list closers;

    /* What other threads write to, away from what the loop's thread is busy with. */
    char apart_before[LOOP_APART];
    /* a stack, newest first; POSTS_CLOSED: the loop takes no more */
    _Atomic(struct post *) posts;
    atomic_bool sleeping;             /* in the kernel, or about to be: a post must wake it */
    atomic_bool signals;              /* one of the signals it handles has arrived */
    /* threads inside asyncio__loop_wake or asyncio_loop_time: the backend has to stay */
    atomic_uint wakers;
    atomic_uint refs;                 /* LOOP_HELD_BY_OBJECTS is the objects' */
    char apart_after[LOOP_APART];

    uint64_t number;                  /* of no other loop of the process; never 0 */
    atomic_bool running;
    pthread_t thread;                 /* that runs it, while running */
    unsigned forks;                   /* asyncio__forks when it was made */
    char *backend_reason;             /* "epoll: why" */
    size_t stack_size;
    asyncio_exception_handler *exception_handler;
    void *exception_handler_data;
    asyncio_task_factory *task_factory;
    void *task_factory_data;
    struct watch **watches;           /* by descriptor */
    size_t watch_count;
    unsigned signal_count;            /* handlers installed */
    unsigned long next_task_number;
    struct watcher *watchdog;         /* NULL: nobody watches */
    struct list all;                  /* asyncio__loops */
    struct loop_stats stats;
    int64_t slow_ns;                  /* debug mode: a step that takes so long is reported */
    struct list creations;            /* debug mode: the task floor's, of its objects */
    struct list lent_frames;          /* debug mode: the task floor's, of the thread's stack */
    bool shutting_down;               /* cancellation is level-triggered from here on */
    unsigned refused;                 /* suspensions that it has refused */
    size_t leftover;                  /* tasks the runner still waits for, shutting down */
    bool had_overflow_stack;
    bool tells_thread;                /* somebody wants to know thread_id */
    atomic_int thread_id;             /* the kernel's number of the thread that runs it */
};

static inline bool loop_debugs(const asyncio_loop *loop)
{
    return ASYNCIO__DEBUG_MODE && loop->debug;
}

/* Told when the loop pauses: waits in the kernel, or does not run. The loop's thread writes, a
 * watcher's reads (inspect/watchdog.c); a loop that nobody watches pays a look at a pointer for
 * each wait. */
struct watcher {
    atomic_ulong activity;            /* odd: it pauses. Counts the beginnings and ends of pauses */
    /* the watcher sleeps until the loop goes on, and has to be told */
    atomic_bool parked;
    atomic_int thread;                /* the kernel's number of the thread that runs the loop */
    void (*unpark)(struct watcher *watcher);
};

static inline unsigned long watcher_activity(struct watcher *watcher)
{
    return atomic_load_explicit(&watcher->activity, memory_order_relaxed);
}

static inline void asyncio__loop_pauses(asyncio_loop *loop)
{
    struct watcher *watcher = loop->watchdog;
    if (__builtin_expect(watcher != NULL, 0))
        atomic_store_explicit(&watcher->activity, watcher_activity(watcher) + 1,
                              memory_order_release);
}

/* The watcher says that it parks, then looks at `activity`; the other way round here. */
static inline void asyncio__loop_goes_on(asyncio_loop *loop)
{
    struct watcher *watcher = loop->watchdog;
    if (__builtin_expect(watcher == NULL, 1))
        return;
    atomic_store(&watcher->activity, watcher_activity(watcher) + 1);
    if (atomic_load(&watcher->parked))
        watcher->unpark(watcher);
}

/* All open loops of the process, by `all`, for debuggers. */
extern struct list asyncio__loops;

/* Called with each new loop, when it is set. */
extern void (*asyncio__loop_made)(asyncio_loop *loop);

/* Told before the loop closes, while it still works. Embedded in who wants to know. */
struct closer {
    struct list link;
    void (*close)(struct closer *closer, asyncio_loop *loop);
    /* When a runner shuts down, before close: ends politely, within the time (ns, negative: no
     * limit). May be NULL. */
    void (*shutdown)(struct closer *closer, asyncio_loop *loop, int64_t timeout_ns);
};

/* Schedules a handle for the next turn, behind all others. It must be in no list. */
static inline void asyncio__loop_call(asyncio_loop *loop, struct handle *handle)
{
    list_append(&loop->ready, &handle->link);
}

/* The next handle of the turn under way, or NULL; it stays where it is. */
static inline struct handle *asyncio__loop_peek(asyncio_loop *loop)
{
    struct list *node = loop->batch.next;
    return node == &loop->batch ? NULL : container_of(node, struct handle, link);
}

/* Takes the handle that asyncio__loop_peek gave out of the turn: the caller runs it. */
static inline void asyncio__loop_take(asyncio_loop *loop, struct handle *handle)
{
    struct list *node = &handle->link;
    loop->batch.next = node->next;
    node->next->prev = &loop->batch;
    list_init(node);
    loop->ran++;
}

enum { LOOP_SLOW_NS = 100000000 };
enum { LOOP_TURNS_WITHOUT_POLL = 512, LOOP_POLL_INTERVAL_NS = 50000 };

/* Begins the next turn where it stands, on a task's stack, when that turn has nothing to do but to
 * run what is ready: the same conditions under which asyncio__loop_turn would go straight to run.
 * False: the loop has to come round itself. */
static inline bool asyncio__loop_turn_in_place(asyncio_loop *loop)
{
    if (list_empty(&loop->ready) || loop->stopping || loop->poll_every_turn || loop->timer_due ||
        loop->turns_since_poll >= LOOP_TURNS_WITHOUT_POLL - 1 || loop->ran >= loop->look_at ||
        atomic_load_explicit(&loop->posts, memory_order_relaxed) ||
        atomic_load_explicit(&loop->signals, memory_order_relaxed) || !loop->timers.next_known ||
        loop->timers.next <= loop->now_at_poll + LOOP_POLL_INTERVAL_NS)
        return false;
    loop->turns_since_poll++;
    list_splice(&loop->batch, &loop->ready);
    return true;
}

#define LOOP_HELD_BY_OBJECTS (1U << 31)

/* loop.c: `one` reference, of the user's or of the objects, goes. */
void asyncio__loop_release(asyncio_loop *loop, unsigned one);

/* What else needs the loop's memory, and is counted by the loop's thread. */
static inline void asyncio__loop_hold(asyncio_loop *loop)
{
    if (loop->objects++ == 0)
        atomic_fetch_add_explicit(&loop->refs, LOOP_HELD_BY_OBJECTS, memory_order_relaxed);
}

static inline void asyncio__loop_let_go(asyncio_loop *loop)
{
    if (--loop->objects == 0)
        asyncio__loop_release(loop, LOOP_HELD_BY_OBJECTS);
}

/* Objects that may outlive the loop: see OBJECTS above. */
static inline void *asyncio__loop_object(asyncio_loop *loop, int freelist)
{
    void *object = asyncio__freelist_get(&loop->freelists[freelist]);
    if (object)
        asyncio__loop_hold(loop);
    return object;
}

static inline void asyncio__loop_object_free(asyncio_loop *loop, int freelist, void *object)
{
    asyncio__freelist_put(&loop->freelists[freelist], object);
    asyncio__loop_let_go(loop);
}

/* Nanoseconds of asyncio_loop_time. */
static inline int64_t asyncio__loop_now(const asyncio_loop *loop)
{
    return backend_now(loop->backend);
}

/* Arms `timed` for the time `when` (nanoseconds); it becomes ready then. */
static inline void asyncio__loop_call_at(asyncio_loop *loop, struct timed_handle *timed,
                                         int64_t when)
{
    timed->timer.when = when;
    asyncio__timers_add(&loop->timers, &timed->timer);
}

/* Takes `timed` out of wherever it is scheduled. */
static inline void asyncio__loop_uncall(asyncio_loop *loop, struct timed_handle *timed)
{
    asyncio__timers_remove(&loop->timers, &timed->timer);
    list_remove(&timed->handle.link);
}

/* Seconds to nanoseconds of the loop's clock: 0, or -EINVAL for NaN. Beyond what the clock can
 * count is never. */
int asyncio__loop_deadline(asyncio_loop *loop, double seconds, bool absolute, int64_t *ret_when);
double asyncio__seconds(int64_t nanoseconds);

/* It has been busy since the last poll. In debug mode each step is timed by itself. */
static inline int64_t asyncio__loop_was_busy(asyncio_loop *loop, int64_t now)
{
    int64_t busy = now - loop->now_at_poll;
    if (__builtin_expect(busy > loop->stats.longest_ns, 0) && !loop_debugs(loop))
        loop->stats.longest_ns = busy;
    return busy;
}

/* One turn. `wait`: sleep in the kernel when nothing is ready. 0 or the backend's error. */
int asyncio__loop_turn(asyncio_loop *loop, bool wait);

/* Around a run on this thread: -ASYNCIO_LOOP_RUNNING, -ASYNCIO_LOOP_CLOSED, -ASYNCIO_FORKED. */
int asyncio__loop_enter(asyncio_loop *loop);
void asyncio__loop_leave(asyncio_loop *loop);

/* 0 when `loop` may be used from here: open, of this process and (debug mode) in its thread. */
int asyncio__loop_check_slow(asyncio_loop *loop);
static inline bool asyncio__loop_wants_check(const asyncio_loop *loop)
{
    return atomic_load_explicit(&loop->wants_check, memory_order_relaxed);
}
static inline int asyncio__loop_check(asyncio_loop *loop)
{
    return __builtin_expect(asyncio__loop_wants_check(loop), 0) ? asyncio__loop_check_slow(loop)
                                                                : 0;
}

/* wrong_thread.c, debug mode. -ASYNCIO_WRONG_THREAD when the loop runs in another thread. */
bool asyncio__loop_is_elsewhere(const asyncio_loop *loop);
int asyncio__loop_check_thread_slow(const asyncio_loop *loop, const char *function);
static inline int asyncio__loop_check_thread(const asyncio_loop *loop, const char *function)
{
    return __builtin_expect(loop_debugs(loop), 0) ? asyncio__loop_check_thread_slow(loop, function)
                                                  : 0;
}
/* True: it is so, and the loop will report it. For what returns nothing: it is not done then. */
bool asyncio__loop_refuses_thread(asyncio_loop *loop, const char *function);

/* posts.c (any thread): hands a post over and wakes the loop; -ASYNCIO_LOOP_CLOSED, and the post
 * stays the caller's. */
struct post {
    struct handle handle;
    struct post *next;
};
int asyncio__loop_post(asyncio_loop *loop, struct post *post);
void asyncio__loop_take_posts(asyncio_loop *loop);
void asyncio__loop_close_posts(asyncio_loop *loop);

/* Drops every handle of a list that will never run. */
static inline void asyncio__handles_drop(struct list *handles)
{
    struct list *node;
    while ((node = list_pop(handles))) {
        struct handle *handle = container_of(node, struct handle, link);
        handle->run(handle, NULL);
    }
}

/* watch.c: arms `descriptor` to be readable (or writable), once: *ret_waiters is where to wait, and
 * `wake` is called with it and 1, or an error. Given back by unwatch when nobody waits any more.
 * -EPERM for what cannot be polled, -EBUSY for what a stream has. */
int asyncio__loop_watch(asyncio_loop *loop, int descriptor, bool writes,
                        void (*wake)(struct list *waiters, int result), struct list **ret_waiters);
void asyncio__loop_unwatch(asyncio_loop *loop, int descriptor, bool writes);
/* -EBUSY (raised): a stream, transport or server has the descriptor; -ENOMEM. */
int asyncio__loop_may_use(const asyncio_loop *loop, int descriptor);
void asyncio__loop_close_watches(asyncio_loop *loop);

/* signals.c */
void asyncio__loop_take_signals(asyncio_loop *loop);
void asyncio__loop_close_signals(asyncio_loop *loop);
/* Ctrl-C for a runner: as add_signal_handler, and a third signal that the loop does not react to
 * ends the process. */
int asyncio__loop_watch_interrupt(asyncio_loop *loop, asyncio_signal_callback *callback,
                                  void *data);
/* What the loop handles is also told at once, in the signal handler: noticed(data), `data` as given
 * to add_signal_handler. */
void asyncio__loop_notice_signal(asyncio_loop *loop, int signal_number,
                                 void (*noticed)(void *data));
/* True while `callback` is what handles SIGINT. */
bool asyncio__loop_watches_interrupt(asyncio_loop *loop, asyncio_signal_callback *callback);
/* posts.c (any thread, async-signal-safe): ends the loop's sleep, if it sleeps or is about to. */
void asyncio__loop_wake(asyncio_loop *loop);

/* exception.c: reports with what is known; every field of the context may be left out. */
void asyncio__loop_report(asyncio_loop *loop, const char *message, int code,
                          struct error_record *record, asyncio_future *future, asyncio_task *task);
/* One that is about a place: "work.c:12 (work)", NULL: it is not known. */
void asyncio__loop_report_at(asyncio_loop *loop, const char *message, const char *where,
                             asyncio_future *future, asyncio_task *task);
/* Set by the task floor, called in debug mode: runs a step, and reports one that took too long; the
 * frames of where an object was made, at most `capacity`. */
extern void (*asyncio__loop_run_timed)(struct handle *handle, asyncio_loop *loop);
extern void (*asyncio__loop_entered)(asyncio_loop *loop); /* a run begins */
extern size_t (*asyncio__loop_created)(asyncio_future *future, asyncio_frame *ret_frames,
                                       size_t capacity);
/* A function's part of a stack: [low, end), and where the function returns to. */
struct stack_frame {
    uintptr_t low, end, function, back;
};
/* Set by the floor that knows stacks and symbols; NULL where that is not linked. */
struct loop_inspector {
    /* The frames of the running code, or of one that is suspended: a block to be freed, or
     * NULL. */
    void *(*capture)(void);
    void *(*capture_of)(const struct coro *suspended);
    /* What they take of the stack; NULL: of the running code. Returns how many there are, at most
     * `capacity`. */
    size_t (*frames)(const struct coro *suspended, struct stack_frame *ret_frames,
                     size_t capacity);
    /* Names what `capture` gave; the texts stay. Returns how many there are. */
    size_t (*name)(const void *stack, asyncio_frame *ret_frames, size_t capacity);
    /* "work() at work.c:12"; false when its name is not known. */
    bool (*describe)(const void *function, char *text, size_t size);
    /* The frames in which a task stands that does not run; the texts stay for a while. */
    size_t (*stack)(asyncio_task *task, asyncio_frame *ret_frames, size_t capacity);
};
extern const struct loop_inspector *asyncio__loop_inspector;
/* Set by the task floor: how a task or future is called in a report. */
extern void (*asyncio__loop_describe)(asyncio_future *future, asyncio_task *task, char *text,
                                      size_t size);
