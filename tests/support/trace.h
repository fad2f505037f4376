/* SPDX-License-Identifier: MIT */
/* What the conformance scenarios stand on in C: as tests/conformance/support.py in Python, with
 * the same words.
 *
 * MODEL      A scenario is one name with a Python and a C body that say the same lines.
 *            SCENARIO(name) { ... } is a coroutine that the harness runs with asyncio_run;
 *            PLAIN_SCENARIO(name) { ... } runs loops itself. What it returns is its last line. Its
 *            lines are compared with tests/conformance/traces/<topic>.txt, written by CPython;
 *            each scenario is one case of cmocka. A trace that no scenario here answers for is a
 *            failure.
 * TURNS      Each is played twice: on a loop that polls in every turn, as CPython's does, and on
 *            one as programs have it, where a busy turn may skip the poll and what follows from
 *            it. Those that count turns between I/O or timers are POLLING_SCENARIO, and only
 *            played the first way.
 * ISOLATION  Each runs in a process of its own, so that one that crashes or waits for ever is one
 *            failure.
 * CLOCK      T is one tick: 1 s on the sim backend, whose clock jumps, 20 ms of real time
 *            elsewhere. A loaded machine may be late: on a real clock a scenario that fails is
 *            played again with longer ticks, up to half a second.
 * OWNERSHIP  What start, new_future and own give belongs to the scenario: it is given back when
 *            the body ends, or by drop. */
#pragma once

#include <asyncio.h>
#include <stdbool.h>
#include <stddef.h>

extern double T; /* seconds in a tick */

struct scenario {
    const char *name;
    int (*body)(void);
    bool plain;            /* not a coroutine: it runs loops itself */
    bool polls;            /* only on a loop that polls in every turn */
    bool needs_threads;    /* beside the loop: sim runs a pool's functions on the loop's thread */
    bool outside;          /* a thread of its own waits for what the loop does: not swept */
    const char *why;       /* why there is no body, or why the lines are not CPython's */
    const char *lines;     /* the lines where C differs on purpose */
    struct scenario *next;
};

enum { TRACE_SIZE = 1 << 16 };

/* What was said. Shared with the process that plays: it is there even when that crashes. */
struct trace_said {
    size_t length;
    char text[TRACE_SIZE];
};
extern struct trace_said *trace_said;
/* The loops of make_loop poll in every turn. */
extern bool trace_polls;
/* Nobody reads what is said, and calls that cannot fail may: play_points.c. (Where an allocation
 * fails, failing.h, such a call ends the process instead: what it should give is not there.) */
extern bool trace_is_swept;
/* The main coroutine has ended: nobody counts turns any more. */
extern bool trace_over;

void scenario_add(struct scenario *scenario);

#define SCENARIO_ADD(name_, ...)                                                                   \
    __attribute__((constructor)) static void add_##name_(void)                                     \
    {                                                                                              \
        static struct scenario scenario = { .name = #name_, __VA_ARGS__ };                         \
        scenario_add(&scenario);                                                                   \
    }
#define SCENARIO(name_)                                                                            \
    static int name_(void);                                                                        \
    SCENARIO_ADD(name_, .body = name_)                                                             \
    static int name_(void)
#define PLAIN_SCENARIO(name_)                                                                      \
    static int name_(void);                                                                        \
    SCENARIO_ADD(name_, .body = name_, .plain = true)                                              \
    static int name_(void)
#define POLLING_SCENARIO(name_)                                                                    \
    static int name_(void);                                                                        \
    SCENARIO_ADD(name_, .body = name_, .polls = true)                                              \
    static int name_(void)
/* A function in the pool waits for what the loop does: skipped on sim. */
#define THREADS_SCENARIO(name_)                                                                    \
    static int name_(void);                                                                        \
    SCENARIO_ADD(name_, .body = name_, .needs_threads = true)                                      \
    static int name_(void)
/* It starts a thread that waits for the loop: cancelled, that would wait for ever. */
#define OUTSIDE_SCENARIO(name_)                                                                    \
    static int name_(void);                                                                        \
    SCENARIO_ADD(name_, .body = name_, .outside = true)                                            \
    static int name_(void)
/* C differs on purpose (design: why_), and says these lines. */
#define SCENARIO_DIFFERS(name_, why_, lines_)                                                      \
    static int name_(void);                                                                        \
    SCENARIO_ADD(name_, .body = name_, .why = why_, .lines = lines_)                               \
    static int name_(void)
#define PLAIN_SCENARIO_DIFFERS(name_, why_, lines_)                                                \
    static int name_(void);                                                                        \
    SCENARIO_ADD(name_, .body = name_, .plain = true, .why = why_, .lines = lines_)                \
    static int name_(void)
/* C has no such thing: why_. */
#define LEFT_OUT(name_, why_) SCENARIO_ADD(name_, .why = why_)

/* The main function of the scenarios of one topic. With arguments it plays the scenarios they
 * name, in this process, and prints what they say; --points: only the sweep of cancellations;
 * --point NAME NTH HOW: one point of that. */
#define CONFORMANCE(topic)                                                                         \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return play_topic(topic, argc, argv);                                                      \
    }
int play_topic(const char *topic, int argc, char **argv);

/* ---- the trace: texts are lent until a few dozen more were asked for ---- */
void say(const char *format, ...) ASYNCIO_PRINTF(1, 2);
const char *text(const char *format, ...) ASYNCIO_PRINTF(1, 2);
const char *yes(int condition);
const char *name(int result);                        /* Python's spelling of a result or an error */
/* what a task group's exit returned: ExceptionGroup[...] */
const char *group_name(int result);
/* as name; -ASYNCIO_INVALID_STATE stands for a RuntimeError here */
const char *runtime_error(int result);
const char *list_name(const int *results, size_t count);
/* the time since the loop was made, in ticks */
void block(int ticks); /* work that blocks the loop for so long */
const char *at(void);
const char *state_of(asyncio_future *future);
#define state(x) state_of(ASYNCIO__FUTURE(x))
/* Awaits and names how that ended. */
#define ends(x) name(asyncio_await(x))

/* ---- what the scenario owns ---- */
asyncio_task *start(asyncio_coro coro);
asyncio_task *start_named(asyncio_coro coro, const char *name);
asyncio_task *start_eager(asyncio_coro coro);
asyncio_future *new_future(void);
asyncio_future *own(asyncio_future *future);
void drop_future(asyncio_future *future);
void drop_all(void);
#define drop(x) drop_future(ASYNCIO__FUTURE(x))

/* ---- calls that cannot fail here ---- */
#define ok(call) ok_at((call), __FILE__, __LINE__)
int ok_at(int result, const char *file, int line);
asyncio_loop *running(void);                         /* the running loop */
/* a loop that tells the trace of its errors; unref it */
asyncio_loop *new_loop(void);
int make_loop(asyncio_loop **ret_loop, void *data);  /* the same as a loop factory */
void soon(void (*callback)(asyncio_loop *loop, void *data), void *data);
void later(double ticks, void (*callback)(asyncio_loop *loop, void *data), void *data);
/* A text as a callback's data. */
#define WORDS(words) ((void *)(uintptr_t)(words))
#define say_soon(words) soon(say_words, WORDS(words))
#define say_later(ticks, words) later(ticks, say_words, WORDS(words))
void say_words(asyncio_loop *loop, void *words);
void cancel_task(asyncio_loop *loop, void *task);
void cancel_and_say(asyncio_loop *loop, void *task);  /* "cancel yes" */
void set_result_1(asyncio_loop *loop, void *future);

/* ---- coroutines that many scenarios share ---- */
/* Parts of a tick pass through a coroutine's arguments as an int: quarters. */
#define TICKS(ticks) ((int)((ticks) * 4))
enum { FOR_EVER = 1 << 30 };

int steps(const char *who, int n, int result);       /* n steps, a bare yield after each */
int sleeper(const char *who, int quarters, int result);
int failing(const char *who, int n, int code);       /* fails with -code after n bare yields */
int late_failing(const char *who, int quarters, int code);
/* waits for ever, swallows n cancellations, then returns */
int stubborn(const char *who, int n, int result);
int cleaning(const char *who, int n);                /* when cancelled takes n turns to clean up */
int breaking(const char *who, int n, int code);      /* when cancelled takes n turns, then fails */
int waiter(const char *who, asyncio_future *future);
int task_waiter(const char *who, asyncio_task *task);
int quick(int result);
int passes(int n);                                   /* lets n turns go by */
int cancelled_coroutine(void);                       /* ends cancelled though nobody asked */
int wait_for_ever(void);
/* says "turn 1" to "turn n", one in each turn */
void turns(int n);
