/* SPDX-License-Identifier: MIT */
/* run
 *
 * The call graph from C++. */
#include <asyncio.h>
#include <cstdio>

static int program()
{
    char text[400];
    asyncio_future *future;
    asyncio_future_call_graph *graph;
    int r = asyncio_future_new(&future);
    if (r >= 0)
        r = asyncio_capture_call_graph(future, &graph);
    if (r < 0)
        return r;
    asyncio_future_call_graph_unref(graph);
    asyncio_future_unref(future);
    r = asyncio_capture_call_graph(nullptr, &graph, .depth = 1, .limit = -2);
    if (r < 0)
        return r;
    for (size_t i = 0; i < graph->call_stack_count; i++) {
        const asyncio_frame_call_graph_entry *frame = &graph->call_stack[i];
        std::printf("%s\n", frame->function != nullptr ? frame->function : "?");
    }
    asyncio_future_call_graph_unref(graph);
    r = asyncio_format_call_graph(asyncio_current_task(), text, sizeof text, .limit = 3);
    if (r >= 0)
        r = asyncio_print_call_graph(nullptr);
    if (r >= 0)
        r = asyncio_print_call_graph(asyncio_current_task(), .file = stderr, .depth = 2);
    return r >= 0 ? 0 : r;
}

int main()
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
