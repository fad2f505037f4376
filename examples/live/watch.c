/* SPDX-License-Identifier: MIT */
/* All of it comes from asyncio's public calls: asyncio_all_tasks, asyncio_capture_call_graph,
 * asyncio_loop_get_stats. A picture is made between two awaits, so it shows one instant. */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

enum {
    TASKS_SHOWN = 64,
    FRAMES_SHOWN = 5,            /* of each, the innermost */
    LISTED = 1024,               /* of which the shown ones are taken */
};

#define PERIOD 0.5               /* seconds between two pictures */

static void write_stats(FILE *out, const struct watch *watch)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_loop_stats stats = { 0 };
    asyncio_loop_get_stats(loop, &stats);
    aiohttp_web_server_stats server = { .size = sizeof server };
    if (*watch->runner)
        aiohttp_web_server_get_stats(aiohttp_web_runner_server(*watch->runner), &server);
    fprintf(out,
            "{\"backend\": \"%s\", \"time\": %.6f, \"turns\": %llu, \"polls\": %llu, "
            "\"steps\": %llu, \"tasks_made\": %llu, \"tasks_alive\": %llu, \"timers\": %llu, "
            "\"busy\": %.9f, \"slept\": %.9f, \"longest\": %.9f, ",
            asyncio_loop_backend(loop), asyncio_loop_time(loop), (unsigned long long)stats.turns,
            (unsigned long long)stats.polls, (unsigned long long)stats.steps,
            (unsigned long long)stats.tasks_made, (unsigned long long)stats.tasks_alive,
            (unsigned long long)stats.timers, stats.busy_time, stats.poll_time,
            stats.longest_step);
    fprintf(out, "\"connections\": %zu, \"requests\": %llu, \"lag\": [", server.connections,
            (unsigned long long)server.requests_count);
    for (int i = 0; i < ASYNCIO_LAG_BUCKETS; i++)
        fprintf(out, "%s%llu", i ? ", " : "", (unsigned long long)stats.lag[i]);
    fputs("]", out);
}

static void write_task(FILE *out, const struct watch *watch, asyncio_task *task)
{
    asyncio_future_call_graph *graph;
    atomic_store(watch->is_naming, true);
    fprintf(out, "{\"id\": \"%p\", \"name\": ", (void *)task);
    json_write(out, asyncio_task_get_name(task));
    fprintf(out, ", \"running\": %s", task == asyncio_current_task() ? "true" : "false");
    int r = asyncio_capture_call_graph(task, &graph, .limit = FRAMES_SHOWN);
    atomic_store(watch->is_naming, false);
    if (r < 0) {
        fputs(", \"frames\": [], \"awaited_by\": []}", out);
        return;
    }
    fputs(", \"frames\": [", out);
    for (size_t i = 0; i < graph->call_stack_count; i++) {
        const asyncio_frame *frame = &graph->call_stack[i];
        const char *name = frame->file ? strrchr(frame->file, '/') : NULL;
        fputs(i ? ", [" : "[", out);
        json_write(out, frame->function ? frame->function : "?");
        fputs(", ", out);
        json_write(out, name ? name + 1 : frame->file ? frame->file : "");
        fprintf(out, ", %d]", (int)frame->line);
    }
    fputs("], \"awaited_by\": [", out);
    for (size_t i = 0; i < graph->awaited_by_count; i++)
        fprintf(out, "%s\"%p\"", i ? ", " : "", (void *)graph->awaited_by[i]->task);
    fputs("]}", out);
    asyncio_future_call_graph_unref(graph);
}

/* One picture, malloc'ed, or NULL without memory. */
static char *picture(const struct watch *watch)
{
    char *json = NULL;
    size_t size;
    FILE *out = open_memstream(&json, &size);
    if (!out)
        return NULL;
    write_stats(out, watch);
    asyncio_task *tasks[LISTED];
    int count = asyncio_all_tasks(NULL, tasks, LISTED);
    fputs(", \"tasks\": [", out);
    for (int i = 0; i < count && i < LISTED; i++) {
        if (i < TASKS_SHOWN) {
            fputs(i ? ", " : "", out);
            write_task(out, watch, tasks[i]);
        }
        asyncio_task_unref(tasks[i]);
    }
    fputs("]}", out);
    if (fclose(out) == 0)
        return json;
    free(json);
    return NULL;
}

static int stream(aiohttp_web_request *request, void *data)
{
    struct watch *watch = data;
    aiohttp_web_response *page = aiohttp_web_request_response(request);
    int r = aiohttp_web_event_source_prepare(page);
    while (r >= 0 && !watch->events.is_stopping) {
        char *json = picture(watch);
        r = json ? aiohttp_web_event_source_send(page, json, .event = "picture") : -ENOMEM;
        free(json);
        if (r >= 0)
            r = events_wait(&watch->events, PERIOD);
    }
    return r;
}

static int once(aiohttp_web_request *request, void *data)
{
    char *json = picture(data);
    int r = json ? aiohttp_web_respond(request, json, .content_type = "application/json")
                 : -ENOMEM;
    free(json);                      /* the answer has a copy */
    return r;
}

static int begin(aiohttp_web_application *app, void *data)
{
    struct watch *watch = data;
    (void)app;
    asyncio_event_init(&watch->events.changed);
    return 0;
}

static int stop(aiohttp_web_application *app, void *data)
{
    struct watch *watch = data;
    (void)app;
    watch->events.is_stopping = true;
    events_pulse(&watch->events);
    return 0;
}

static int end(aiohttp_web_application *app, void *data)
{
    struct watch *watch = data;
    (void)app;
    return asyncio_event_fini(&watch->events.changed);
}

void watch_add(aiohttp_web_application *app, struct watch *watch)
{
    aiohttp_web_application_cleanup_ctx(app, begin, end, .data = watch);
    aiohttp_web_application_on_shutdown(app, stop, .data = watch);
    aiohttp_web_application_add_get(app, "/live/loop/events", stream, .data = watch,
                                    .handler_cancellation = 1, .no_head = 1);
    aiohttp_web_application_add_get(app, "/live/loop.json", once, .data = watch);
}
