/* SPDX-License-Identifier: MIT */
/* The call graph from the inside: what <asyncio/call_graph.h> shows, and what holds it. */
#pragma once

#include "task/task.h"

#include <asyncio/call_graph.h>

struct node {
    asyncio_future_call_graph public;
    struct graph *graph;
    asyncio_frame *frames;
    char *text;        /* of a coroutine that is driven by its table */
    bool is_shown;     /* while a text is made of it */
    asyncio_future_call_graph **awaited_by;
};

struct graph {
    unsigned refs;
    size_t count, capacity;
    struct node **nodes; /* the first is what was asked for */
};

/* `from`: where the caller of the public function goes on. Returns new. */
int asyncio__graph_capture(asyncio_future *future, const void *from, int depth, int limit,
                           struct graph **ret_graph);
void asyncio__graph_unref(struct graph *graph);
