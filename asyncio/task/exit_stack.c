/* SPDX-License-Identifier: MIT */
/* Exit stacks: an arena and deferred calls for each scope; the one around a task's body is made
 * when it is first used. */
#include <asyncio/exit_stack.h>

#include "base/alloc.h"
#include "task/scope.h"

#include <stdio.h>
#include <string.h>

struct deferred {
    struct deferred *next;
    void (*function)(void *data);
    void *data;
};

struct chunk {
    struct chunk *next;
    size_t size, used;
    _Alignas(16) char bytes[];
};

struct exit_scope {
    struct scope scope;
    struct chunk *chunks;
    struct deferred *deferred;     /* the last first; in the arena */
    bool exiting;                  /* its deferred calls run: one of them may not exit it again */
};

/* In every loop, not only in debug mode. */
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
enum { POISONS = 0 };
#else
enum { POISONS = 1 };
#endif

enum { CHUNK_SIZE = 1024 - sizeof(struct chunk) };

_Static_assert(sizeof(struct exit_scope) <= 192, "fits the loop's freelist of scopes");

static void end(struct exit_scope *stack)
{
    while (stack->deferred) {
        struct deferred *deferred = stack->deferred;
        stack->deferred = deferred->next; /* it may defer more, or allocate */
        deferred->function(deferred->data);
    }
    while (stack->chunks) {
        struct chunk *chunk = stack->chunks;
        stack->chunks = chunk->next;
        if (POISONS || loop_debugs(stack->scope.task->future.loop))
            memset(chunk->bytes, 0xA5, chunk->used);
        asyncio__free(chunk);
    }
    asyncio__loop_object_free(stack->scope.task->future.loop, LOOP_FREELIST_SCOPE, stack);
}

/* Deferred calls run while the scope is still the innermost, so they may use its arena. */
static int abandon(struct scope *scope, int result, bool at_end)
{
    struct exit_scope *stack = container_of(scope, struct exit_scope, scope);
    if (at_end) {
        scope->outer = scope->task->scopes;
        scope->owner = NULL;
        scope->frame_owner = NULL;
        scope->task->scopes = scope;
    }
    stack->exiting = true;
    while (stack->deferred) {
        struct deferred *deferred = stack->deferred;
        stack->deferred = deferred->next;
        deferred->function(deferred->data);
    }
    if (at_end)
        scope->task->scopes = scope->outer;
    end(stack);
    return result;
}

const struct scope_type asyncio__exit_stack_type = { "exit stack", abandon };

static struct exit_scope *new_stack(asyncio_task *task)
{
    struct exit_scope *stack = asyncio__loop_object(task->future.loop, LOOP_FREELIST_SCOPE);
    if (stack)
        *stack = (struct exit_scope){ .chunks = NULL };
    return stack;
}

int asyncio__exit_stack_enter(asyncio_exit_stack *user, const char *file, int line)
{
    asyncio_task *task = task_current();
    int r = task ? asyncio__scope_check_enter(task, user, &user->scope) : 0;
    if (r < 0)
        return user->error = r;
    *user = (asyncio_exit_stack){ .scope = NULL };
    if (!task)
        return user->error = -ASYNCIO_NO_TASK;
    struct exit_scope *stack = new_stack(task);
    if (!stack) {
        task->failed_stacks++;
        return user->error = -ENOMEM;
    }
    asyncio__scope_push(&stack->scope, &asyncio__exit_stack_type, task, user, file, line);
    user->scope = stack;
    return 0;
}

int(asyncio_exit_stack_enter)(asyncio_exit_stack *user)
{
    return asyncio__exit_stack_enter(user, NULL, 0);
}

int asyncio_exit_stack_exit(asyncio_exit_stack *user, int result)
{
    struct exit_scope *stack = user->scope;
    if (!stack) {
        int error = user->error < 0 ? user->error : -ASYNCIO_INVALID_STATE;
        if (error == -ENOMEM && task_current() && task_current()->failed_stacks)
            task_current()->failed_stacks--;
        user->error = -ASYNCIO_INVALID_STATE;
        return error;
    }
    if (!asyncio__scope_of(user, stack))
        return asyncio_raise(-ASYNCIO_INVALID_STATE,
                             "this task has not entered the exit stack, or has left it");
    asyncio_task *task = stack->scope.task;
    if (stack->exiting)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the exit stack is being left already");
    if (task->scopes != &stack->scope)
        return asyncio__scope_pop(&stack->scope);
    stack->exiting = true;
    while (stack->deferred) {
        struct deferred *deferred = stack->deferred;
        stack->deferred = deferred->next;
        deferred->function(deferred->data);
    }
    int r = asyncio__scope_pop(&stack->scope);
    stack->exiting = false;
    if (r < 0)
        return r; /* a deferred call left a scope open inside this one */
    user->scope = NULL;
    end(stack);
    return result >= 0 && user->error < 0 ? user->error : result; /* entered twice */
}

int asyncio__scopes_are_none(void)
{
    asyncio_task *task = task_current();
    return task && !task->scopes && !task->failed_stacks;
}

int asyncio__scopes_end(int result)
{
    asyncio_task *task = task_current();
    return __builtin_expect(!task || !task->scopes, 1) ? result
                                                        : asyncio__scopes_close(task, result);
}

/* The innermost exit stack of the running task; the one around its body, the outermost scope, when
 * there is none yet. */
static struct exit_scope *innermost(void)
{
    asyncio_task *task = task_current();
    /* nothing may end up in an outer scope instead: it lives too long */
    if (!task || task->failed_stacks)
        return NULL;
    struct scope **link = &task->scopes;
    for (; *link; link = &(*link)->outer)
        if ((*link)->type == &asyncio__exit_stack_type)
            return container_of(*link, struct exit_scope, scope);
    struct exit_scope *stack = new_stack(task);
    if (!stack)
        return NULL;
    stack->scope = (struct scope){ .type = &asyncio__exit_stack_type, .task = task };
    *link = &stack->scope;
    return stack;
}

static void *take(struct exit_scope *stack, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + 15) & ~(size_t)15;
    struct chunk *chunk = stack->chunks;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        chunk = asyncio__malloc(sizeof *chunk + capacity);
        if (!chunk)
            return NULL;
        *chunk = (struct chunk){ .next = stack->chunks, .size = capacity };
        stack->chunks = chunk;
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += size;
    return memory;
}

void *asyncio_alloc(size_t size)
{
    struct exit_scope *stack = innermost();
    return stack ? take(stack, size ? size : 1) : NULL;
}

char *asyncio_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = asyncio_alloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

char *asyncio_printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : asyncio_alloc((size_t)length + 1);
    if (!text)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

int asyncio_defer(void (*function)(void *data), void *data)
{
    if (!function)
        return -EINVAL;
    struct exit_scope *stack = innermost();
    struct deferred *deferred = stack ? take(stack, sizeof *deferred) : NULL;
    if (!deferred) {
        function(data);
        return task_current() ? -ENOMEM : -ASYNCIO_NO_TASK;
    }
    *deferred = (struct deferred){ stack->deferred, function, data };
    stack->deferred = deferred;
    return 0;
}
