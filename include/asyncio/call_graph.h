/* SPDX-License-Identifier: MIT */
/* The call graph: where a task stands, who awaits it, who awaits those, and so on.
 *
 * MODEL      A node for each task or future: its C frames, and the tasks that await it. They await
 *            it directly or through gather, shield, wait, wait_for, as_completed; a task group's
 *            task awaits each child from its making to the exit. Timeouts do not stand in between,
 *            the body runs in the task itself; who waits for a lock or a queue awaits no task, its
 *            frames tell. Each task is one node, however many ways lead to it, so the graph stays
 *            small where it branches and joins, and tasks that await one another in a circle are a
 *            circle in it.
 * COST       Nothing, until somebody asks: no call registers who awaits whom. Asking looks through
 *            all tasks of the loop, and names the frames of those in the graph.
 * OWNERSHIP  A captured graph is one piece of memory; its nodes hold references to their futures.
 * THREADS    The loop's, or any while it does not run: else -ASYNCIO_WRONG_THREAD.
 * SOURCE     CPython's Lib/asyncio/graph.py, of 3.14. */
#pragma once

#include <asyncio/task.h>
#include <limits.h>

ASYNCIO__BEGIN

/* Python's limit=None: all frames. */
#define ASYNCIO__DEFAULT_CALL_GRAPH_LIMIT INT_MAX
#define ASYNCIO__DEFAULT_CALL_GRAPH_DEPTH 1

/* One frame of a node: what asyncio_task_get_stack gives. */
typedef asyncio_frame asyncio_frame_call_graph_entry;

/* A node. All of it is lent as long as the graph is there. */
typedef struct asyncio_future_call_graph asyncio_future_call_graph;
struct asyncio_future_call_graph {
    asyncio_future *future;                           /* a task's, too */
    asyncio_task *task;                               /* the same as a task; NULL: it is none */
    const asyncio_frame_call_graph_entry *call_stack; /* innermost first */
    size_t call_stack_count;
    asyncio_future_call_graph *const *awaited_by;     /* in the order in which they were made */
    size_t awaited_by_count;
};

typedef struct asyncio_capture_call_graph_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_capture_call_graph_options));
    /* of the running task: the frame to begin with, 1 is the caller's */
    int depth ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_CALL_GRAPH_DEPTH);
    /* frames of each node: so many innermost ones; negative: so many outermost ones */
    int limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_CALL_GRAPH_LIMIT);
} asyncio_capture_call_graph_options;

typedef struct asyncio_format_call_graph_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_format_call_graph_options));
    int depth ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_CALL_GRAPH_DEPTH); /* as in capture */
    int limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_CALL_GRAPH_LIMIT); /* as in capture */
} asyncio_format_call_graph_options;

typedef struct asyncio_print_call_graph_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_print_call_graph_options));
    FILE *file ASYNCIO__0;                                         /* NULL: standard output */
    int depth ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_CALL_GRAPH_DEPTH); /* as in capture */
    int limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_CALL_GRAPH_LIMIT); /* as in capture */
} asyncio_print_call_graph_options;

/* Returns new: the graph from `future` (a future or a task; NULL: the running task) upwards; give
 * it back with asyncio_future_call_graph_unref. Without a future: -ASYNCIO_NO_RUNNING_LOOP where
 * no loop runs, -ASYNCIO_NO_TASK where no task does (Python's None). -ENOMEM,
 * -ASYNCIO_WRONG_THREAD. Does not suspend. */
ASYNCIO_API ASYNCIO_MUST_CHECK int
asyncio_capture_call_graph(asyncio_future *future, asyncio_future_call_graph **ret_graph,
                           const asyncio_capture_call_graph_options *options);

/* Takes one more reference to the whole graph, of which `node` is any, and returns `node`. NULL
 * allowed. Does not suspend. */
ASYNCIO_API asyncio_future_call_graph *asyncio_future_call_graph_ref(
    asyncio_future_call_graph *node);

/* Gives a reference to the whole graph back, of which `node` is any. NULL allowed. Loop's thread.
 * Does not suspend. */
ASYNCIO_API void asyncio_future_call_graph_unref(asyncio_future_call_graph *node);

/* Writes the graph as text into `text`, of `size` bytes, a 0 at its end, and returns how long all
 * of it is: as snprintf, so `size` and more means that it was cut off, and with `size` 0 it only
 * counts. A task that more than one way leads to is shown whole once, and named after that. Empty
 * where no task runs and none is given. Errors of asyncio_capture_call_graph. Does not suspend. */
ASYNCIO_API int asyncio_format_call_graph(asyncio_future *future, char *text, size_t size,
                                          const asyncio_format_call_graph_options *options);

/* Prints what asyncio_format_call_graph writes, and the end of the line. 0, or its errors. Does
 * not suspend. */
ASYNCIO_API int asyncio_print_call_graph(asyncio_future *future,
                                         const asyncio_print_call_graph_options *options);

ASYNCIO_MUST_CHECK static inline int
asyncio__capture_call_graph_v(asyncio_future *future, asyncio_future_call_graph **ret_graph,
                              asyncio_capture_call_graph_options options)
{
    return asyncio_capture_call_graph(future, ret_graph, &options);
}

static inline int asyncio__format_call_graph_v(asyncio_future *future, char *text, size_t size,
                                               asyncio_format_call_graph_options options)
{
    return asyncio_format_call_graph(future, text, size, &options);
}

static inline int asyncio__print_call_graph_v(asyncio_future *future,
                                              asyncio_print_call_graph_options options)
{
    return asyncio_print_call_graph(future, &options);
}

ASYNCIO__END

#define ASYNCIO__CALL_GRAPH_DEFAULTS                                                               \
    (.depth = ASYNCIO__DEFAULT_CALL_GRAPH_DEPTH, .limit = ASYNCIO__DEFAULT_CALL_GRAPH_LIMIT, )
#define asyncio_capture_call_graph(...) asyncio__capture_call_graph_m(__VA_ARGS__, )
#define asyncio__capture_call_graph_m(f, ret_graph, ...)                                           \
    asyncio__capture_call_graph_v(                                                                 \
        ASYNCIO__FUTURE_OR_NULL(f), ret_graph,                                                     \
        ASYNCIO__OPTIONS(asyncio_capture_call_graph_options, ASYNCIO__CALL_GRAPH_DEFAULTS,         \
                         __VA_ARGS__))
#define asyncio_format_call_graph(...) asyncio__format_call_graph_m(__VA_ARGS__, )
#define asyncio__format_call_graph_m(f, text, size, ...)                                           \
    asyncio__format_call_graph_v(                                                                  \
        ASYNCIO__FUTURE_OR_NULL(f), text, ASYNCIO__SIZE(size),                                     \
        ASYNCIO__OPTIONS(asyncio_format_call_graph_options, ASYNCIO__CALL_GRAPH_DEFAULTS,          \
                         __VA_ARGS__))
#define asyncio_print_call_graph(...) asyncio__print_call_graph_m(__VA_ARGS__, )
#define asyncio__print_call_graph_m(f, ...)                                                        \
    asyncio__print_call_graph_v(ASYNCIO__FUTURE_OR_NULL(f),                                        \
                                ASYNCIO__OPTIONS(asyncio_print_call_graph_options,                 \
                                                 ASYNCIO__CALL_GRAPH_DEFAULTS, __VA_ARGS__))
