/* SPDX-License-Identifier: MIT */
/* asyncio_capture_call_graph: the nodes, found by going from the future upwards along the edges of
 * its loop, each once. The array of nodes is the queue. */
#include "inspect/call_graph.h"

#include "base/alloc.h"
#include "inspect/edges.h"
#include "inspect/frames.h"

#include <string.h>

enum { STACK_FRAMES_MAX = 4096 };

/* What a capture needs while it goes on. */
struct capture {
    struct graph *graph;
    struct edges edges;
    struct node **of_task; /* by the task's index in edges; NULL: not in the graph yet */
    asyncio_frame *frames; /* STACK_FRAMES_MAX */
    const void *from;      /* where the caller of the public function goes on */
    int depth, limit;
};

static void free_graph(struct graph *graph)
{
    for (size_t i = 0; i < graph->count; i++) {
        struct node *node = graph->nodes[i];
        future_unref(node->public.future);
        asyncio__free(node->frames);
        asyncio__free(node->text);
        asyncio__free(node->awaited_by);
        asyncio__free(node);
    }
    asyncio__free(graph->nodes);
    asyncio__free(graph);
}

static struct node *add_node(struct capture *capture, asyncio_future *future)
{
    struct graph *graph = capture->graph;
    if (graph->count == graph->capacity) {
        size_t capacity = graph->capacity ? graph->capacity * 2 : 8;
        struct node **nodes = asyncio__realloc(graph->nodes, capacity * sizeof(struct node *));
        if (!nodes)
            return NULL;
        graph->nodes = nodes;
        graph->capacity = capacity;
    }
    struct node *node = asyncio__calloc(1, sizeof *node);
    if (!node)
        return NULL;
    future_ref(future);
    node->graph = graph;
    node->public.future = future;
    if (future->flags & FUTURE_IS_TASK)
        node->public.task = (asyncio_task *)(void *)future;
    graph->nodes[graph->count++] = node;
    return node;
}

/* --- one node --- */

/* In a program that is not optimised the public macro's inline function is a frame. */
static bool is_macro(const asyncio_frame *frame)
{
    return frame->function && strncmp(frame->function, "asyncio__", 9) == 0;
}

static int take_stack(struct capture *capture, struct node *node, int depth)
{
    asyncio_task *task = node->public.task;
    if (!task || capture->limit == 0)
        return 0;
    int count = asyncio__stack_of(task, capture->from, capture->frames, STACK_FRAMES_MAX);
    if (count < 0)
        return count;
    const asyncio_frame *first = capture->frames;
    if (task == task_current()) {
        if (count > 0 && is_macro(first)) {
            first++;
            count--;
        }
        int skipped = depth < 1 ? 0 : depth - 1;
        skipped = skipped < count ? skipped : count;
        first += skipped;
        count -= skipped;
    }
    long limit = capture->limit;
    if (limit < 0 && -limit < count) {
        first += count + limit;
        count = (int)-limit;
    } else if (limit > 0 && limit < count) {
        count = (int)limit;
    }
    if (count == 0)
        return 0;
    node->frames = asyncio__malloc((size_t)count * sizeof *first);
    if (!node->frames)
        return -ENOMEM;
    memcpy(node->frames, first, (size_t)count * sizeof *first);
    if ((task->future.task_flags & TASK_FOREIGN) && first->function) { /* the thread's next one's */
        node->text = asyncio__strdup(first->function);
        if (!node->text)
            return -ENOMEM;
        node->frames[0].function = node->text;
    }
    node->public.call_stack = node->frames;
    node->public.call_stack_count = (size_t)count;
    return 0;
}

static int take_waiters(struct capture *capture, struct node *node)
{
    size_t count;
    const struct edge *edges =
        asyncio__edges_to(&capture->edges, node->public.future, &count);
    if (count == 0)
        return 0;
    node->awaited_by = asyncio__malloc(count * sizeof(asyncio_future_call_graph *));
    if (!node->awaited_by)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct node **waiter = &capture->of_task[edges[i].waiter];
        if (!*waiter)
            *waiter = add_node(capture, &capture->edges.tasks[edges[i].waiter]->future);
        if (!*waiter)
            return -ENOMEM;
        node->awaited_by[i] = &(*waiter)->public;
    }
    node->public.awaited_by = node->awaited_by;
    node->public.awaited_by_count = count;
    return 0;
}

/* --- the graph --- */

static int take_all(struct capture *capture, asyncio_future *future)
{
    struct graph *graph = capture->graph;
    struct node *root = add_node(capture, future);
    if (!root)
        return -ENOMEM;
    for (size_t i = 0; i < capture->edges.task_count; i++)
        if (&capture->edges.tasks[i]->future == future)
            capture->of_task[i] = root;
    int r = 0;
    for (size_t i = 0; i < graph->count && r >= 0; i++) {
        r = take_stack(capture, graph->nodes[i], i == 0 ? capture->depth : 1);
        if (r >= 0)
            r = take_waiters(capture, graph->nodes[i]);
    }
    return r;
}

static int capture_from(struct capture *capture, asyncio_future *future)
{
    int r = asyncio__edges_collect(future->loop, &capture->edges);
    if (r < 0)
        return r;
    capture->of_task = asyncio__calloc(capture->edges.task_count + 1, sizeof(struct node *));
    capture->frames = asyncio__malloc(STACK_FRAMES_MAX * sizeof *capture->frames);
    capture->graph = asyncio__calloc(1, sizeof *capture->graph);
    r = capture->of_task && capture->frames && capture->graph ? take_all(capture, future) : -ENOMEM;
    asyncio__free(capture->of_task);
    asyncio__free(capture->frames);
    asyncio__edges_fini(&capture->edges);
    if (r < 0 && capture->graph)
        free_graph(capture->graph);
    return r;
}

int asyncio__graph_capture(asyncio_future *future, const void *from, int depth, int limit,
                           struct graph **ret_graph)
{
    if (!future) {
        if (!asyncio__thread.loop)
            return -ASYNCIO_NO_RUNNING_LOOP;
        if (!task_current())
            return -ASYNCIO_NO_TASK;
        future = &task_current()->future;
    }
    asyncio_loop *loop = future->loop;
    if (asyncio__thread.loop != loop && atomic_load(&loop->running))
        return -ASYNCIO_WRONG_THREAD;
    struct capture capture = { .from = from, .depth = depth, .limit = limit };
    int r = capture_from(&capture, future);
    if (r < 0)
        return r;
    capture.graph->refs = 1;
    *ret_graph = capture.graph;
    return 0;
}

void asyncio__graph_unref(struct graph *graph)
{
    if (--graph->refs == 0)
        free_graph(graph);
}

static struct graph *graph_of(asyncio_future_call_graph *node)
{
    return container_of(node, struct node, public)->graph;
}

__attribute__((noinline)) int(asyncio_capture_call_graph)(
    asyncio_future *future, asyncio_future_call_graph **ret_graph,
    const asyncio_capture_call_graph_options *options)
{
    struct graph *graph;
    int r = asyncio__graph_capture(
        future, __builtin_extract_return_addr(__builtin_return_address(0)),
        options ? options->depth : ASYNCIO__DEFAULT_CALL_GRAPH_DEPTH,
        options ? options->limit : ASYNCIO__DEFAULT_CALL_GRAPH_LIMIT, &graph);
    if (r < 0)
        return r;
    *ret_graph = &graph->nodes[0]->public;
    return 0;
}

asyncio_future_call_graph *asyncio_future_call_graph_ref(asyncio_future_call_graph *node)
{
    if (node)
        graph_of(node)->refs++;
    return node;
}

void asyncio_future_call_graph_unref(asyncio_future_call_graph *node)
{
    if (node)
        asyncio__graph_unref(graph_of(node));
}
