/* SPDX-License-Identifier: MIT */
/* Where errors go that nobody awaits. The default handler is the only place of the library that
 * prints unasked, as CPython's does. */
#include "base/quiet.h"
#include "loop/loop.h"

#include <stdio.h>

enum { SHOWN_FRAMES = 24 };

void (*asyncio__loop_run_timed)(struct handle *handle, asyncio_loop *loop);
void (*asyncio__loop_entered)(asyncio_loop *loop);
size_t (*asyncio__loop_created)(asyncio_future *future, asyncio_frame *ret_frames, size_t capacity);
const struct loop_inspector *asyncio__loop_inspector;
void (*asyncio__loop_describe)(asyncio_future *future, asyncio_task *task, char *text, size_t size);

void asyncio_loop_set_exception_handler(asyncio_loop *loop, asyncio_exception_handler *handler,
                                        void *data)
{
    loop->exception_handler = handler;
    loop->exception_handler_data = data;
}

asyncio_exception_handler *asyncio_loop_get_exception_handler(const asyncio_loop *loop)
{
    return loop->exception_handler;
}

/* The outermost first, as Python's. */
static void print_frames(const char *title, const asyncio_frame *frames, size_t count)
{
    if (count)
        fprintf(stderr, "%s (most recent call last):\n", title);
    while (count-- > 0) {
        const asyncio_frame *frame = &frames[count];
        const char *function = frame->function ? frame->function : "?";
        if (!frame->address) /* a coroutine that is no C stack tells it in its own words */
            fprintf(stderr, "  %s\n", function);
        else if (frame->file)
            fprintf(stderr, "  File \"%s\", line %d, in %s\n", frame->file, frame->line, function);
        else
            fprintf(stderr, "  File \"%s\", at %p, in %s\n", frame->object ? frame->object : "?",
                    frame->address, function);
    }
}

void asyncio_loop_default_exception_handler(asyncio_loop *loop,
                                            const asyncio_exception_context *context)
{
    (void)loop;
    char object[256] = "";
    if (asyncio__loop_describe && (context->future || context->task))
        asyncio__loop_describe(context->future, context->task, object, sizeof object);
    struct quiet quiet; /* a log that nobody reads ends no server */
    asyncio__quiet_begin(&quiet);
    fprintf(stderr, "%s\n",
            context->message ? context->message : "Unhandled exception in event loop");
    if (object[0])
        fprintf(stderr, "%s: %s\n", context->task ? "task" : "future", object);
    if (context->where)
        fprintf(stderr, "where: %s\n", context->where);
    print_frames(context->handle ? "Handle created at" : "Object created at",
                 context->source_traceback, context->source_traceback_count);
    if (context->size >= sizeof *context)
        print_frames("Stack of the task", context->stack, context->stack_count);
    if (context->exception < 0)
        asyncio__print_error(stderr, context->exception, context->error);
    asyncio__quiet_end(&quiet, true);
}

void(asyncio_loop_call_exception_handler)(asyncio_loop *loop,
                                          const asyncio_exception_context *context)
{
    if (loop->exception_handler)
        loop->exception_handler(loop, context, loop->exception_handler_data);
    else
        asyncio_loop_default_exception_handler(loop, context);
}

static void report(asyncio_loop *loop, asyncio_exception_context *context)
{
    asyncio_frame frames[SHOWN_FRAMES];
    context->size = sizeof *context;
    if (loop->debug && context->future && asyncio__loop_created) {
        context->source_traceback_count =
            asyncio__loop_created(context->future, frames, SHOWN_FRAMES);
        context->source_traceback = context->source_traceback_count ? frames : NULL;
    }
    (asyncio_loop_call_exception_handler)(loop, context);
}

void asyncio__loop_report(asyncio_loop *loop, const char *message, int code,
                          struct error_record *record, asyncio_future *future, asyncio_task *task)
{
    const asyncio_error *error = record ? asyncio__record_view(record) : NULL;
    asyncio_exception_context context = {
        .message = message,
        .exception = code,
        .error = error,
        .future = future,
        .task = task,
        .where = error ? error->where : NULL,
    };
    report(loop, &context);
}

void asyncio__loop_report_at(asyncio_loop *loop, const char *message, const char *where,
                             asyncio_future *future, asyncio_task *task)
{
    asyncio_exception_context context = {
        .message = message, .future = future, .task = task, .where = where
    };
    report(loop, &context);
}
