/* SPDX-License-Identifier: MIT */
/* Tasks: made, cancelled, ended. How they run is in step.c, what they wait for in await.c. */
#include "task/task.h"

#include "base/alloc.h"
#include "base/context.h"
#include "task/debug.h"
#include "task/debug_mode.h"
#include "task/scope.h"
#include "task/stacks.h"

#include <stdio.h>
#include <string.h>

static void destroy(asyncio_future *future)
{
    asyncio_task *task = (asyncio_task *)(void *)future;
    asyncio_loop *loop = future->loop;
    if (future_needs_fini(future))
        asyncio__future_fini(future);
    if (task->env.record)
        asyncio__record_unref(task->env.record);
    if (task->env.context)
        asyncio_context_unref(task->env.context);
    asyncio__loop_object_free(loop, LOOP_FREELIST_TASK, task);
}

/* From a static library only what somebody needs is linked: so this stands here, not in
 * describe.c. */
__attribute__((constructor)) static void give_to_loop(void)
{
    asyncio__loop_describe = asyncio__describe;
    asyncio__debug_mode_install();
}

__attribute__((used)) static const struct debug_layout *const debuggers_need = &asyncio__debug;

static const struct future_type task_type = { "Task", FUTURE_TYPE_REAL, asyncio__task_cancel,
                                              destroy };

enum { NAME_ON_STACK_SIZE = 64 };

_Static_assert(sizeof(struct asyncio_task) <= LOOP_TASK_SIZE, "a million of them should fit");

/* Word by word: the caller has just written words, and a processor that reads two of them at once
 * has to wait until they have left its store buffer. */
static inline void copy_words(asyncio_coro *to, const asyncio_coro *from)
{
    to->type = from->type;
    to->fn = from->fn;
    for (int i = 0; i < 6; i++) {
        to->args[i] = from->args[i];
        __asm__("" : "+m"(to->args[i])); /* not two of them at once */
    }
}

/* The size of a name that goes onto the stack, or 0: a long one would make that larger. */
static size_t size_on_stack(const char *name)
{
    size_t length = strnlen(name, NAME_ON_STACK_SIZE);
    return length < NAME_ON_STACK_SIZE ? length + 1 : 0;
}

/* The arguments, a name, the copied struct and the notes lie on the top of the stack, above the
 * first frame. */
static inline void put_on_stack(asyncio_task *task, const asyncio_coro *coro, size_t notes,
                         const struct stack *stack, const char *name, size_t name_size)
{
    char *top = (char *)stack->top - ((notes + 15) & ~(size_t)15);
    char *bottom = top - PREPARED_SIZE;
    if (__builtin_expect(name_size != 0, 0)) {
        bottom -= (name_size + 15) & ~(size_t)15;
        memcpy(bottom + PREPARED_SIZE, name, name_size);
        task->future.task_flags |= TASK_NAME_ON_STACK;
    }
    struct prepared *prepared = (struct prepared *)(void *)bottom;
    if (coro->type != &asyncio__noted) {
        copy_words(&prepared->coro, coro);
        prepared->closings = NULL;
    } else {
        asyncio__coro_prepare_notes(coro, top, prepared,
                                    task->future.extra ? task->future.extra->own_value : NULL);
    }
    task->prepared = prepared;
    asyncio__coro_init(&task->coro, stack->bottom, prepared, asyncio__task_entry, task);
}

static int prepare_extra(asyncio_task *task, const asyncio_coro *coro, const char *name)
{
    if (!name && coro->type != &asyncio__noted)
        return 0;
    size_t value_size = asyncio__coro_ret_size(coro);
    if (!name && !value_size)
        return 0;
    struct future_extra *extra = asyncio__future_extra(&task->future);
    if (!extra)
        return -ENOMEM;
    if (name && !(extra->name = asyncio__strdup(name)))
        return -ENOMEM;
    if (value_size && !(extra->own_value = asyncio__calloc(1, value_size)))
        return -ENOMEM;
    task->future.value = extra->own_value;
    return 0;
}

/* Field by field: a compiler clears a block of this size with `rep stos`, which costs more than
 * the rest of making a task. */
static inline void blank(asyncio_task *task, asyncio_loop *loop)
{
    future_init(&task->future, &task_type, loop);
    task->future.flags = FUTURE_IS_TASK;
    list_init(&task->step.handle.link);
    task->step.handle.run = asyncio__task_run;
    task->step.timer.next = NULL;
    task->step.timer.place = 0;
    task->env.context = NULL;
    task->env.record = NULL;
    list_init(&task->all);
    task->waiting = NULL;
    task->prepared = NULL;
    task->scopes = NULL;
    task->held = NULL;
    task->eager_return = NULL;
    task->sleeping.type = &asyncio__sleep_type;
    task->number = 0;
    task->wake_result = 0;
    task->stack_class = 0;
    task->failed_stacks = 0;
}

static inline __attribute__((always_inline)) int
build(asyncio_task *task, asyncio_loop *loop, const asyncio_coro *coro,
      const asyncio_create_task_options *options, const char *name, bool is_held)
{
    blank(task, loop);
    const asyncio_coro *innermost =
        coro->type == &asyncio__noted ? asyncio__coro_innermost(coro) : coro;
    task->type = innermost->type;
    task->fn = innermost->fn;
    if (options && options->sticky_cancel)
        task->future.task_flags |= TASK_STICKY;
    size_t name_size = name && !is_held && !innermost->type->resume ? size_on_stack(name) : 0;
    int r = prepare_extra(task, coro, name_size ? NULL : name);
    if (r < 0)
        return r;
    if (options && options->context)
        task->env.context = asyncio_context_ref(options->context);
    else if (context_has_any(asyncio__env()->context) &&
             (r = asyncio__context_inherit(&task->env.context)) < 0)
        return r;
    if (innermost->type->resume) {
        r = asyncio__foreign_init(task, coro);
    } else {
        struct stack stack;
        size_t notes = coro->type == &asyncio__noted ? asyncio__coro_extra_size(coro) : 0;
        r = task_stack_get(loop, options ? options->stack_size : 0, notes, &stack,
                           &task->stack_class);
        if (r >= 0)
            put_on_stack(task, coro, notes, &stack, name, name_size);
    }
    if (r < 0)
        return r;
    if (name) {
        loop->stats.named_tasks++;
    } else {
        task->future.task_flags |= TASK_NUMBERED_NAME;
        task->number = (uint32_t)++loop->next_task_number;
    }
    return 0;
}

/* `is_held`: not by the loop alone. */
static __attribute__((noinline)) int build_named(asyncio_task *task, asyncio_loop *loop,
                                                 const asyncio_coro *coro,
                                                 const asyncio_create_task_options *options,
                                                 bool is_held)
{
    return build(task, loop, coro, options, options->name, is_held);
}

static inline __attribute__((always_inline)) int
create_one(asyncio_loop *loop, const asyncio_coro *coro, asyncio_task **ret_task,
           const asyncio_create_task_options *options, bool in_debug)
{
    int r = 0;
    if (__builtin_expect(!coro->fn, 0) && !asyncio__coro_is_one(coro))
        r = asyncio__coro_is_none(coro);
    asyncio_task *task = NULL;
    if (r >= 0 && !(task = asyncio__loop_object(loop, LOOP_FREELIST_TASK)))
        r = -ENOMEM;
    if (r >= 0)
        r = __builtin_expect(options && options->name, 0)
                ? build_named(task, loop, coro, options, ret_task != NULL)
                : build(task, loop, coro, options, NULL, true);
    if (task && r < 0)
        destroy(&task->future);
    if (r < 0) {
        asyncio__coro_close(coro);
        return r;
    }
    if (ret_task) {
        future_ref(&task->future);
        *ret_task = task;
    }
    list_append(&loop->tasks, &task->all);
    if (in_debug)
        asyncio__debug_task_made(task);
    if (options && options->eager_start > 0 && asyncio__thread.loop == loop)
        asyncio__task_start_eagerly(task);
    else
        asyncio__loop_call(loop, &task->step.handle);
    return 0;
}

/* The loop is closed, or in debug mode. */
static __attribute__((noinline)) int create_checked(asyncio_loop *loop, const asyncio_coro *coro,
                                                    asyncio_task **ret_task,
                                                    const asyncio_create_task_options *options)
{
    int r = asyncio__loop_check_slow(loop);
    if (r >= 0)
        return create_one(loop, coro, ret_task, options, true);
    asyncio__coro_close(coro);
    return r;
}

int asyncio__task_create(asyncio_loop *loop, const asyncio_coro *coro, asyncio_task **ret_task,
                         const asyncio_create_task_options *options)
{
    return __builtin_expect(asyncio__loop_wants_check(loop), 0)
               ? create_checked(loop, coro, ret_task, options)
               : create_one(loop, coro, ret_task, options, false);
}

/* CPython: a result with a cancellation still due becomes a cancellation; an error stays one. */
void asyncio__task_finish(asyncio_task *task, int result)
{
    asyncio_future *future = &task->future;
    list_remove(&task->all);
    future->loop->stats.tasks_ended++;
    if (future->task_flags & TASK_LEFTOVER)
        future->loop->leftover--;
    if (__builtin_expect(result >= 0 &&
                             !(future->task_flags &
                               (TASK_MUST_CANCEL | TASK_IN_DEBUG | TASK_NAME_ON_STACK)) &&
                             !task->env.record,
                         1)) {
        future_succeed(future, result);
        return;
    }
    if (future->task_flags & TASK_IN_DEBUG)
        asyncio__debug_task_over(task, result);
    asyncio__task_keep_name(task, result < 0);
    if (result >= 0 && (future->task_flags & TASK_MUST_CANCEL))
        result = -ECANCELED;
    future->task_flags &= (uint16_t)~TASK_MUST_CANCEL;
    struct error_record *record = result < 0 ? asyncio__record_take(result) : NULL;
    if (task->env.record) {
        asyncio__record_unref(task->env.record);
        task->env.record = NULL;
    }
    if (result == -ECANCELED) {
        const char *message = record ? asyncio__record_view(record)->text : NULL;
        asyncio__future_set_cancelled(future, message);
        asyncio__record_unref(record);
    } else {
        asyncio__future_finish(future, result, record);
        if (result < 0 && (future->task_flags & TASK_LEFTOVER)) {
            future->flags &= (uint8_t)~FUTURE_LOG;
            asyncio__loop_report(future->loop, "unhandled exception during asyncio.run() shutdown",
                                 result, future->extra ? future->extra->record : NULL, future,
                                 task);
        }
    }
}

/* Tasks that await one another in a circle would wait for ever: the one that is met again gets its
 * cancellation at once, in place of what it waits for. */
int asyncio__task_cut_circle(asyncio_task *task, const char *message)
{
    asyncio__future_keep_message(&task->future, message);
    task->future.task_flags |= TASK_MUST_CANCEL;
    list_remove(&task->step.handle.link);
    task_ready(task);
    return 1;
}

/* The task that `task` awaits, or NULL. */
static asyncio_task *awaited_task(const asyncio_task *task)
{
    asyncio_task *next = (asyncio_task *)(void *)task->waiting;
    return next && task->waiting->type == &task_type && !future_done(&next->future) ? next : NULL;
}

int asyncio__task_cancel_begin(asyncio_task *first, const char *message,
                               struct cancel_chain *ret_chain)
{
    asyncio_task *task = first, *next;
    first->future.flags &= (uint8_t)~FUTURE_LOG;
    if (future_done(&first->future))
        return 0;
    if (first->future.task_flags & TASK_CANCELLING)
        return asyncio__task_cut_circle(first, message);
    for (;; task = next) {
        task->future.cancelling++;
        task->future.task_flags |= TASK_CANCELLING;
        next = awaited_task(task);
        if (!next || (next->future.task_flags & TASK_CANCELLING))
            break;
    }
    *ret_chain = (struct cancel_chain){ first, task };
    return CANCEL_GOES_ON;
}

void asyncio__task_cancel_end(const struct cancel_chain *chain, int accepted, const char *message)
{
    asyncio_task *last = chain->last;
    if (!accepted) {
        /* What it waits for has been cancelled already: that one it will see. */
        if (!(last->future.task_flags & TASK_WOKEN) || last->wake_result != -ECANCELED)
            asyncio__future_keep_message(&last->future, message);
        last->future.task_flags |= TASK_MUST_CANCEL;
    } else if (last->future.task_flags & TASK_IN_DEBUG) {
        asyncio__debug_cancelled(last);
    }
    for (asyncio_task *task = chain->first;; task = awaited_task(task)) {
        task->future.task_flags &= (uint16_t)~TASK_CANCELLING;
        if (task == last)
            return;
    }
}

/* Cancels what the last task of a chain waits for: not by recursion, the chain may be longer than
 * a stack is deep. */
int asyncio__task_cancel(asyncio_future *future, const char *message)
{
    struct cancel_chain chain;
    int r = asyncio__task_cancel_begin((asyncio_task *)(void *)future, message, &chain);
    if (r != CANCEL_GOES_ON)
        return r;
    struct awaited *waiting = chain.last->waiting;
    int accepted =
        waiting ? waiting->type->cancel((asyncio_future *)(void *)waiting, message) : 0;
    asyncio__task_cancel_end(&chain, accepted, message);
    return 1;
}

bool asyncio__task_take_cancel_slow(asyncio_task *task)
{
    task->future.task_flags &= (uint16_t)~TASK_MUST_CANCEL;
    if (task->future.task_flags & TASK_IN_DEBUG)
        asyncio__debug_cancelled(task);
    asyncio__put_cancel_message(task->future.extra ? task->future.extra->message : NULL);
    return true;
}

int(asyncio_task_cancel)(asyncio_task *task, const asyncio_cancel_options *options)
{
    int r = asyncio__future_check_thread(&task->future, "asyncio_task_cancel");
    return r < 0 ? r : asyncio__task_cancel(&task->future, options ? options->message : NULL);
}

int asyncio_task_cancelling(const asyncio_task *task)
{
    return task->future.cancelling;
}

int asyncio_task_uncancel(asyncio_task *task)
{
    int r = asyncio__future_check_thread(&task->future, "asyncio_task_uncancel");
    if (r < 0)
        return r;
    if (task->future.cancelling > 0 && --task->future.cancelling == 0)
        task->future.task_flags &= (uint16_t) ~(TASK_MUST_CANCEL | TASK_CANCEL_SEEN);
    return task->future.cancelling;
}

static inline int create(asyncio_loop *loop, const asyncio_coro *coro, asyncio_task **ret_task,
                         const asyncio_create_task_options *options)
{
    if (__builtin_expect(loop->task_factory != NULL, 0))
        return asyncio__task_create_by_factory(loop, coro, ret_task, options);
    return asyncio__task_create(loop, coro, ret_task, options);
}

int asyncio__create_task(const asyncio_coro *coro, asyncio_task **ret_task,
                         const asyncio_create_task_options *options)
{
    asyncio_loop *loop = asyncio__thread.loop;
    if (__builtin_expect(!loop, 0)) {
        asyncio__coro_close(coro);
        return -ASYNCIO_NO_RUNNING_LOOP;
    }
    int r = create(loop, coro, ret_task, options);
    __asm__(""); /* not a jump: stack traces show this frame, of a creator of eager tasks */
    return r;
}

int(asyncio_create_task)(asyncio_coro coro, asyncio_task **ret_task,
                         const asyncio_create_task_options *options)
{
    return asyncio__create_task(&coro, ret_task, options);
}

int(asyncio_loop_create_task)(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                              const asyncio_create_task_options *options)
{
    return create(loop, &coro, ret_task, options);
}

int asyncio_task_new(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                     const asyncio_create_task_options *options)
{
    return asyncio__task_create(loop, &coro, ret_task, options);
}

asyncio_task *asyncio_current_task(void)
{
    return task_current();
}

int asyncio_all_tasks(asyncio_loop *loop, asyncio_task **ret_tasks, size_t capacity)
{
    if (!loop && !(loop = asyncio_get_running_loop()))
        return -ASYNCIO_NO_RUNNING_LOOP;
    int r = asyncio__loop_check_thread(loop, "asyncio_all_tasks");
    if (r < 0)
        return r;
    size_t count = 0;
    for (struct list *node = loop->tasks.next; node != &loop->tasks; node = node->next, count++)
        if (count < capacity)
            ret_tasks[count] = asyncio_task_ref(container_of(node, struct asyncio_task, all));
    return (int)count;
}
