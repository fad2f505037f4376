/* SPDX-License-Identifier: MIT */
/* Futures: states, results, references. Their callbacks are in callbacks.c. */
#include "task/future.h"

#include "base/alloc.h"
#include "task/debug_mode.h"

#include <string.h>

const struct future_type asyncio__future_type = { "Future", FUTURE_TYPE_REAL,
                                                  asyncio__future_cancel_plain, NULL };

struct future_extra *asyncio__future_extra(asyncio_future *future)
{
    if (!future->extra)
        future->extra = asyncio__calloc(1, sizeof *future->extra);
    return future->extra;
}

/* True: the handler took a reference, and so it stays. */
static bool report_unretrieved(asyncio_future *future)
{
    bool is_task = future->flags & FUTURE_IS_TASK;
    future->flags &= (uint8_t)~FUTURE_LOG;
    future->refs = 1; /* the handler may look at it */
    asyncio__loop_report(future->loop,
                         is_task ? "Task exception was never retrieved"
                                 : "Future exception was never retrieved",
                         future->result, future->extra ? future->extra->record : NULL, future,
                         is_task ? (asyncio_task *)(void *)future : NULL);
    return --future->refs > 0;
}

void asyncio__future_fini(asyncio_future *future)
{
    asyncio__handles_drop(&future->callbacks);
    struct future_extra *extra = future->extra;
    if (!extra)
        return;
    if (extra->destroy)
        extra->destroy(future->value);
    asyncio__record_unref(extra->record);
    asyncio__free(extra->message);
    asyncio__free(extra->name);
    asyncio__free(extra->own_value);
    asyncio__creation_forget(extra->creation);
    asyncio__free(extra);
    future->extra = NULL;
}

void asyncio__future_free(asyncio_future *future)
{
    if ((future->flags & FUTURE_LOG) && report_unretrieved(future))
        return;
    if (future->type->destroy) {
        future->type->destroy(future);
        return;
    }
    if (future_needs_fini(future))
        asyncio__future_fini(future);
    asyncio__loop_object_free(future->loop, LOOP_FREELIST_FUTURE, future);
}

void asyncio__future_finish(asyncio_future *future, int result, struct error_record *record)
{
    future->state = FUTURE_FINISHED;
    future->result = result;
    if (result < 0)
        future->flags |= FUTURE_LOG;
    if (record) {
        struct future_extra *extra = asyncio__future_extra(future);
        if (extra)
            extra->record = record;
        else
            asyncio__record_unref(record);
    }
    future_schedule_callbacks(future);
}

/* A message that finds no memory is lost; the cancellation is not. */
static void keep_message(asyncio_future *future, const char *message)
{
    if (!message && !(future->extra && future->extra->message))
        return;
    struct future_extra *extra = asyncio__future_extra(future);
    if (!extra || extra->message == message)
        return;
    char *copy = message ? asyncio__strdup(message) : NULL;
    asyncio__free(extra->message);
    extra->message = copy;
}

void asyncio__future_keep_message(asyncio_future *future, const char *message)
{
    keep_message(future, message);
}

void asyncio__future_set_cancelled(asyncio_future *future, const char *message)
{
    keep_message(future, message);
    future->state = FUTURE_CANCELLED;
    future->result = -ECANCELED;
    future_schedule_callbacks(future);
}

int asyncio__future_cancel_plain(asyncio_future *future, const char *message)
{
    future->flags &= (uint8_t)~FUTURE_LOG;
    if (future_done(future))
        return 0;
    asyncio__future_set_cancelled(future, message);
    return 1;
}

static __attribute__((format(printf, 2, 3))) struct error_record *record_of(int code,
                                                                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct error_record *record = asyncio__record_new(code, NULL, 0, NULL, format, arguments);
    va_end(arguments);
    return record;
}

void asyncio__put_cancel_message(const char *message)
{
    struct error_record *record = message ? record_of(-ECANCELED, "%s", message) : NULL;
    if (record)
        asyncio__record_put(record);
}

int asyncio__future_outcome(asyncio_future *future)
{
    future->flags &= (uint8_t)~FUTURE_LOG;
    if (future->result < 0) {
        struct error_record *record = future->extra ? future->extra->record : NULL;
        if (record)
            asyncio__record_put(asyncio__record_ref(record));
        else
            /* an older error's does not answer for this one */
            asyncio__record_unref(asyncio__record_take(future->result));
        if (future->result == -ECANCELED && !record && future->extra)
            asyncio__put_cancel_message(future->extra->message);
    }
    return future->result;
}

static inline __attribute__((always_inline)) int
create_future(asyncio_loop *loop, asyncio_future **ret_future, bool in_debug)
{
    asyncio_future *future = asyncio__loop_object(loop, LOOP_FREELIST_FUTURE);
    if (!future)
        return -ENOMEM;
    future_init(future, &asyncio__future_type, loop);
    if (in_debug)
        asyncio__creation_remember(future);
    *ret_future = future;
    return 0;
}

/* The loop is closed, or in debug mode. */
static __attribute__((noinline, cold)) int create_checked(asyncio_loop *loop,
                                                          asyncio_future **ret_future)
{
    int r = asyncio__loop_check_slow(loop);
    return r < 0 ? r : create_future(loop, ret_future, true);
}

int asyncio_loop_create_future(asyncio_loop *loop, asyncio_future **ret_future)
{
    return __builtin_expect(asyncio__loop_wants_check(loop), 0)
               ? create_checked(loop, ret_future)
               : create_future(loop, ret_future, false);
}

int asyncio_future_new(asyncio_future **ret_future)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    return loop ? asyncio_loop_create_future(loop, ret_future) : -ASYNCIO_NO_RUNNING_LOOP;
}

asyncio_future *(asyncio_future_ref)(asyncio_future *future)
{
    if (future && !asyncio__future_refuses_thread(future, "asyncio_future_ref"))
        future_ref(future);
    return future;
}

/* Apart, and jumped to: with debug mode off a call on the way would cost as much as all the
 * rest. */
static __attribute__((noinline, cold)) void unref_in_debug(asyncio_future *future)
{
    if (!asyncio__loop_refuses_thread(future->loop, "asyncio_future_unref"))
        future_unref(future);
}

void(asyncio_future_unref)(asyncio_future *future)
{
    if (!future)
        return;
    if (__builtin_expect(future->flags & FUTURE_IN_DEBUG, 0))
        unref_in_debug(future);
    else
        future_unref(future);
}

int(asyncio_future_done)(const asyncio_future *future)
{
    return future_done(future);
}

int(asyncio_future_cancelled)(const asyncio_future *future)
{
    return future->state == FUTURE_CANCELLED;
}

int(asyncio_future_result)(asyncio_future *future)
{
    return future_done(future) ? asyncio__future_outcome(future) : -ASYNCIO_INVALID_STATE;
}

int(asyncio_future_exception)(asyncio_future *future, int *ret_code)
{
    if (!future_done(future))
        return -ASYNCIO_INVALID_STATE;
    int result = asyncio__future_outcome(future);
    if (future->state == FUTURE_CANCELLED)
        return -ECANCELED;
    *ret_code = result < 0 ? result : 0;
    return 0;
}

void *(asyncio_future_value)(const asyncio_future *future)
{
    return future->value;
}

asyncio_loop *(asyncio_future_get_loop)(const asyncio_future *future)
{
    return future->loop;
}

const char *(asyncio_future_cancel_message)(const asyncio_future *future)
{
    return future->extra ? future->extra->message : NULL;
}

/* Of a future that is no task, pending and (debug mode) of this thread. */
static __attribute__((noinline, cold)) int check_settable(const asyncio_future *future,
                                                          const char *function)
{
    int r = asyncio__future_check_thread(future, function);
    if (r >= 0 && (future_done(future) || (future->flags & FUTURE_IS_TASK)))
        r = -ASYNCIO_INVALID_STATE;
    return r;
}

static inline bool is_odd(const asyncio_future *future)
{
    return future_done(future) || (future->flags & (FUTURE_IS_TASK | FUTURE_IN_DEBUG));
}

int(asyncio_future_set_result)(asyncio_future *future, int result,
                               const asyncio_future_set_result_options *options)
{
    int r = 0;
    struct future_extra *extra = NULL;
    if (result < 0)
        r = -EINVAL;
    else if (__builtin_expect(is_odd(future), 0) &&
             (r = check_settable(future, "asyncio_future_set_result")) < 0)
        ;
    else if (options && options->destroy && !(extra = asyncio__future_extra(future)))
        r = -ENOMEM;
    if (r < 0) {
        if (options && options->destroy)
            options->destroy(options->value);
        return r;
    }
    if (options)
        future->value = options->value;
    if (extra)
        extra->destroy = options->destroy;
    asyncio__future_finish(future, result, NULL);
    return 0;
}

int(asyncio_future_set_exception)(asyncio_future *future, int code)
{
    if (code >= 0)
        return -EINVAL;
    int r = check_settable(future, "asyncio_future_set_exception");
    if (r < 0)
        return r;
    asyncio__future_finish(future, code, asyncio__record_take(code));
    return 0;
}

int(asyncio_future_cancel)(asyncio_future *future, const asyncio_cancel_options *options)
{
    int r = asyncio__future_check_thread(future, "asyncio_future_cancel");
    return r < 0 ? r : future->type->cancel(future, options ? options->message : NULL);
}
