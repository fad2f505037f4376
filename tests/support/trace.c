/* SPDX-License-Identifier: MIT */
/* The words that scenarios are written in: what they say, what they own, calls that cannot fail. */
#include "support/trace.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OWNED = 2048 };

double T = 1.0;
struct trace_said *trace_said;
bool trace_polls = true;
bool trace_is_swept;
static asyncio_future *owned[OWNED];
static size_t owned_count;
static double loop_made_at;

/* ---- the trace ---- */

const char *text(const char *format, ...)
{
    static char buffers[64][512];
    static unsigned next;
    char *buffer = buffers[next++ % 64];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(buffer, sizeof buffers[0], format, arguments);
    va_end(arguments);
    return buffer;
}

void say(const char *format, ...)
{
    if (trace_is_swept)
        trace_said->length = 0;
    char *end = trace_said->text + trace_said->length;
    size_t room = TRACE_SIZE - trace_said->length - 1;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(end, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length + 1 >= room) {
        fprintf(stderr, "the trace is longer than %d bytes\n", TRACE_SIZE);
        abort();
    }
    end[length] = '\n';
    end[length + 1] = '\0';
    trace_said->length += (size_t)length + 1;
}

const char *yes(int condition)
{
    return condition ? "yes" : "no";
}

const char *name(int result)
{
    switch (result) {
    case -ECANCELED:
        return "CancelledError";
    case -ETIMEDOUT:
        return "TimeoutError";
    case -EINVAL:
        return "ValueError";
    case -EINTR:
        return "KeyboardInterrupt";
    default:
        if (result >= 0)
            return text("%d", result);
        return result > -4096 ? asyncio_error_name(result) : asyncio_error_class(result);
    }
}

static const char *error_name(const asyncio_error *error)
{
    if (!error->error_count)
        return name(error->code);
    const char *list = "";
    for (size_t i = 0; i < error->error_count; i++)
        list = text("%s%s%s", list, i ? ", " : "", error_name(error->errors[i]));
    return text("ExceptionGroup[%s]", list);
}

const char *group_name(int result)
{
    if (result >= 0 || result == -ECANCELED)
        return name(result);
    const asyncio_error *error = asyncio_last_error(result);
    return error ? error_name(error) : text("%s without a record", name(result));
}

const char *runtime_error(int result)
{
    return result == -ASYNCIO_INVALID_STATE ? "RuntimeError" : name(result);
}

const char *list_name(const int *results, size_t count)
{
    const char *list = "";
    for (size_t i = 0; results && i < count; i++)
        list = text("%s%s%s", list, i ? ", " : "", name(results[i]));
    return text("[%s]", list);
}

const char *at(void)
{
    double ticks = (asyncio_loop_time(running()) - loop_made_at) / T;
    return text("t=%g", round(ticks * 2) / 2); /* real clocks are a little late */
}

const char *state_of(asyncio_future *future)
{
    if (!asyncio_future_done(future))
        return "pending";
    return asyncio_future_cancelled(future) ? "cancelled" : "finished";
}

/* ---- what the scenario owns ---- */

asyncio_future *own(asyncio_future *future)
{
    if (owned_count == OWNED) {
        fprintf(stderr, "a scenario owns more than %d futures\n", OWNED);
        abort();
    }
    owned[owned_count++] = future;
    return future;
}

void drop_future(asyncio_future *future)
{
    for (size_t i = 0; i < owned_count; i++)
        if (owned[i] == future) {
            owned[i] = NULL;
            asyncio_future_unref(future);
            return;
        }
}

void drop_all(void)
{
    for (size_t i = 0; i < owned_count; i++)
        asyncio_future_unref(owned[i]);
    owned_count = 0;
}

static asyncio_task *own_task(asyncio_task *task)
{
    own(ASYNCIO__FUTURE(task));
    return task;
}

asyncio_task *start(asyncio_coro coro)
{
    asyncio_task *task;
    ok(asyncio_create_task(coro, &task));
    return own_task(task);
}

asyncio_task *start_named(asyncio_coro coro, const char *task_name)
{
    asyncio_task *task;
    ok(asyncio_create_task(coro, &task, .name = task_name));
    return own_task(task);
}

asyncio_task *start_eager(asyncio_coro coro)
{
    asyncio_task *task;
    ok(asyncio_create_task(coro, &task, .eager_start = 1));
    return own_task(task);
}

asyncio_future *new_future(void)
{
    asyncio_future *future;
    ok(asyncio_loop_create_future(running(), &future));
    return own(future);
}

/* ---- calls that cannot fail here ---- */

int ok_at(int result, const char *file, int line)
{
    if (result >= 0 || trace_is_swept)
        return result;
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, asyncio_error_name(result),
            asyncio_error_text(result));
    say("! %s:%d: %s", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line,
        asyncio_error_name(result));
    _exit(1);
}

asyncio_loop *running(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    return loop ? loop : (ok(-ASYNCIO_NO_RUNNING_LOOP), loop);
}

static void say_handled(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)data;
    const char *shielded = strstr(context->message, "exception in shielded future");
    say("handler: %s%s%s", shielded ? shielded : context->message, context->exception ? ": " : "",
        context->exception ? name(context->exception) : "");
}

int make_loop(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_loop_new(ret_loop, .poll_every_turn = trace_polls);
    if (r < 0)
        return r;
    asyncio_loop_set_exception_handler(*ret_loop, say_handled, NULL);
    loop_made_at = asyncio_loop_time(*ret_loop);
    return 0;
}

asyncio_loop *new_loop(void)
{
    asyncio_loop *loop = NULL;
    ok(make_loop(&loop, NULL));
    return loop;
}

void soon(void (*callback)(asyncio_loop *loop, void *data), void *data)
{
    ok(asyncio_loop_call_soon(running(), callback, NULL, .data = data));
}

void later(double ticks, void (*callback)(asyncio_loop *loop, void *data), void *data)
{
    ok(asyncio_loop_call_later(running(), ticks * T, callback, NULL, .data = data));
}

void say_words(asyncio_loop *loop, void *words)
{
    (void)loop;
    say("%s", (const char *)words);
}

void cancel_task(asyncio_loop *loop, void *task)
{
    (void)loop;
    asyncio_task_cancel((asyncio_task *)task);
}

void cancel_and_say(asyncio_loop *loop, void *task)
{
    (void)loop;
    say("cancel %s", yes(asyncio_task_cancel((asyncio_task *)task)));
}

void set_result_1(asyncio_loop *loop, void *future)
{
    (void)loop;
    ok(asyncio_future_set_result((asyncio_future *)future, 1));
}
