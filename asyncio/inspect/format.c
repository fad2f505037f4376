/* SPDX-License-Identifier: MIT */
/* asyncio_format_call_graph, asyncio_print_call_graph: a graph as a text. CPython's lines, but each
 * task is shown whole once only: what branches and joins ten times would else be a thousand
 * texts. */
#include "base/alloc.h"
#include "inspect/call_graph.h"

#include <stdio.h>
#include <string.h>

enum { INDENT = 4, INDENT_LEVELS_MAX = 50 }; /* deeper ones are not moved further right */

/* Where the text goes: to a file, or to memory as far as there is room. */
struct sink {
    FILE *file;
    char *text;
    size_t size, length;
};

/* A node that is being shown, and which of those that await it comes next. */
struct shown {
    struct node *node;
    size_t next;
};

static void put(struct sink *sink, const char *text)
{
    size_t length = strlen(text);
    if (sink->file)
        (void)fputs(text, sink->file);
    else if (sink->length < sink->size) {
        size_t room = sink->size - sink->length - 1, taken = length < room ? length : room;
        memcpy(sink->text + sink->length, text, taken);
        sink->text[sink->length + taken] = 0;
    }
    sink->length += length;
}

static void put_indent(struct sink *sink, size_t level)
{
    char spaces[INDENT * INDENT_LEVELS_MAX + 1];
    size_t count = INDENT * (level < INDENT_LEVELS_MAX ? level : INDENT_LEVELS_MAX);
    memset(spaces, ' ', count);
    spaces[count] = 0;
    put(sink, spaces);
}

static void put_head(struct sink *sink, size_t level, const struct node *node)
{
    char id[40];
    if (sink->length)
        put(sink, "\n");
    put_indent(sink, level);
    put(sink, "* ");
    if (node->public.task) {
        put(sink, "Task(name='");
        put(sink, asyncio_task_get_name(node->public.task));
        put(sink, "', ");
    } else {
        put(sink, node->public.future->type->name);
        put(sink, "(");
    }
    (void)snprintf(id, sizeof id, "id=%p)", (void *)node->public.future);
    put(sink, id);
    if (node->is_shown && (node->public.call_stack_count || node->public.awaited_by_count))
        put(sink, ", shown above");
}

static void put_frame(struct sink *sink, size_t level, const asyncio_frame *frame, bool is_foreign)
{
    char place[64];
    put(sink, "\n");
    put_indent(sink, level);
    put(sink, "  |   ");
    const char *function = frame->function ? frame->function : "?";
    if (is_foreign) {
        put(sink, function);
        return;
    }
    put(sink, "File '");
    put(sink, frame->file ? frame->file : frame->object ? frame->object : "?");
    if (frame->file)
        (void)snprintf(place, sizeof place, "', line %d, in ", frame->line);
    else
        (void)snprintf(place, sizeof place, "', at %p, in ", frame->address);
    put(sink, place);
    put(sink, function);
    put(sink, "()");
}

/* All of a node but those that await it. True: these are to follow. */
static bool put_node(struct sink *sink, size_t level, struct node *node)
{
    const asyncio_future_call_graph *public = &node->public;
    put_head(sink, level, node);
    if (node->is_shown)
        return false;
    node->is_shown = true;
    if (public->call_stack_count) {
        put(sink, "\n");
        put_indent(sink, level);
        put(sink, "  + Call stack:");
    }
    for (size_t i = 0; i < public->call_stack_count; i++)
        put_frame(sink, level, &public->call_stack[i], node->text != NULL);
    if (public->awaited_by_count) {
        put(sink, "\n");
        put_indent(sink, level);
        put(sink, "  + Awaited by:");
    }
    return public->awaited_by_count > 0;
}

/* With a stack of its own: a chain of awaiting tasks can be longer than a task's stack is deep. */
static int put_graph(struct sink *sink, struct graph *graph)
{
    struct shown *stack = asyncio__malloc(graph->count * sizeof *stack);
    if (!stack)
        return -ENOMEM;
    size_t depth = 0;
    stack[depth++] = (struct shown){ graph->nodes[0], 0 };
    (void)put_node(sink, 0, graph->nodes[0]);
    while (depth > 0) {
        struct shown *top = &stack[depth - 1];
        if (top->next == top->node->public.awaited_by_count) {
            depth--;
            continue;
        }
        asyncio_future_call_graph *waiter = top->node->public.awaited_by[top->next++];
        struct node *node = container_of(waiter, struct node, public);
        if (put_node(sink, depth, node))
            stack[depth++] = (struct shown){ node, 0 };
    }
    asyncio__free(stack);
    return 0;
}

static int put_captured(struct sink *sink, asyncio_future *future, const void *from, int depth,
                        int limit)
{
    struct graph *graph;
    int r = asyncio__graph_capture(future, from, depth, limit, &graph);
    if (r == -ASYNCIO_NO_TASK)
        return 0;
    if (r < 0)
        return r;
    r = put_graph(sink, graph);
    asyncio__graph_unref(graph);
    return r;
}

__attribute__((noinline)) int(asyncio_format_call_graph)(
    asyncio_future *future, char *text, size_t size,
    const asyncio_format_call_graph_options *options)
{
    struct sink sink = { .text = text, .size = size };
    if (size > 0)
        text[0] = 0;
    int r = put_captured(&sink, future,
                         __builtin_extract_return_addr(__builtin_return_address(0)),
                         options ? options->depth : ASYNCIO__DEFAULT_CALL_GRAPH_DEPTH,
                         options ? options->limit : ASYNCIO__DEFAULT_CALL_GRAPH_LIMIT);
    if (r < 0)
        return r;
    return sink.length > INT_MAX ? -EOVERFLOW : (int)sink.length;
}

__attribute__((noinline)) int(asyncio_print_call_graph)(
    asyncio_future *future, const asyncio_print_call_graph_options *options)
{
    struct sink sink = { .file = options && options->file ? options->file : stdout };
    flockfile(sink.file);
    int r = put_captured(&sink, future,
                         __builtin_extract_return_addr(__builtin_return_address(0)),
                         options ? options->depth : ASYNCIO__DEFAULT_CALL_GRAPH_DEPTH,
                         options ? options->limit : ASYNCIO__DEFAULT_CALL_GRAPH_LIMIT);
    if (r >= 0)
        put(&sink, "\n");
    funlockfile(sink.file);
    return r < 0 ? r : 0;
}
