/* SPDX-License-Identifier: MIT */
/* Coroutine objects: what asyncio_coro and its kin make, called, unwrapped from their notes,
 * closed. */
#include "base/alloc.h"
#include "base/context.h"
#include "task/task.h"

#include <string.h>

const asyncio_coroutine_type asyncio__stackful = { .size = sizeof asyncio__stackful,
                                                   .name = "coroutine" };
const asyncio_coroutine_type asyncio__stackful_double = { .size = sizeof asyncio__stackful_double,
                                                          .name = "coroutine" };
const asyncio_coroutine_type asyncio__noted = { .size = sizeof asyncio__noted,
                                                .name = "coroutine" };

/* Six words in the registers of six parameters: a function that takes fewer does not look at the
 * rest. */
int asyncio__coro_call_words(const asyncio_coro *coro)
{
    if (coro->type == &asyncio__stackful_double) {
        double value;
        memcpy(&value, &coro->args[0], sizeof value);
        return ((int (*)(double))coro->fn)(value);
    }
    int (*function)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t) =
        (int (*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t))coro->fn;
    return function(coro->args[0], coro->args[1], coro->args[2], coro->args[3], coro->args[4],
                    coro->args[5]);
}

static const asyncio__coro_note *note_of(const asyncio_coro *coro)
{
    return coro->type == &asyncio__noted ? (const asyncio__coro_note *)coro->args[0] : NULL;
}

const asyncio_coro *asyncio__coro_innermost(const asyncio_coro *coro)
{
    const asyncio__coro_note *note;
    while ((note = note_of(coro)))
        coro = &note->inner;
    return coro;
}

static bool is_stackful(const asyncio_coroutine_type *type)
{
    return type == &asyncio__stackful || type == &asyncio__stackful_double;
}

bool asyncio__coro_is_one(const asyncio_coro *coro)
{
    if (!coro->type)
        return false;
    const asyncio_coro *innermost = asyncio__coro_innermost(coro);
    const asyncio_coroutine_type *type = innermost->type;
    return type && type->size >= sizeof *type && (is_stackful(type) ? innermost->fn != NULL
                                                                    : type->resume != NULL);
}

int asyncio__coro_is_none(const asyncio_coro *coro)
{
    const asyncio_coroutine_type *type = coro->type ? asyncio__coro_innermost(coro)->type : NULL;
    if (!type || is_stackful(type))
        return asyncio_raise(-EINVAL, "a null function is no coroutine");
    return type->size < sizeof *type
               ? asyncio_raise(-EINVAL, "a coroutine type of %zu bytes: .size is its sizeof, %zu",
                               type->size, sizeof *type)
               : asyncio_raise(-EINVAL, "a coroutine type without a resume function");
}

size_t asyncio__coro_ret_size(const asyncio_coro *coro)
{
    const asyncio__coro_note *note;
    for (; (note = note_of(coro)); coro = &note->inner)
        if (note->ret_size)
            return note->ret_size;
    return 0;
}

static size_t aligned(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

size_t asyncio__coro_extra_size(const asyncio_coro *coro)
{
    size_t size = 0;
    const asyncio__coro_note *note;
    for (; (note = note_of(coro)); coro = &note->inner)
        size += aligned(note->copy_size) + (note->on_close ? aligned(sizeof(struct closing)) : 0);
    return size;
}

void asyncio__coro_prepare_notes(const asyncio_coro *coro, void *memory, struct prepared *prepared,
                                 void *value)
{
    char *at = memory;
    const asyncio__coro_note *note;
    void *copy = NULL;
    unsigned ret_index = 0;
    struct closing *closings = NULL, **last = &closings;
    for (; (note = note_of(coro)); coro = &note->inner) {
        if (note->copy) {
            copy = memcpy(at, note->copy, note->copy_size);
            at += aligned(note->copy_size);
        }
        if (note->ret_size)
            ret_index = note->ret_index;
        if (note->on_close) {
            struct closing *closing = (struct closing *)(void *)at;
            *closing = (struct closing){ NULL, note->on_close, note->on_close_data };
            *last = closing;
            last = &closing->outer;
            at += aligned(sizeof *closing);
        }
    }
    prepared->coro = *coro;
    prepared->closings = closings;
    if (copy)
        prepared->coro.args[0] = (uintptr_t)copy;
    if (value)
        prepared->coro.args[ret_index] = (uintptr_t)value;
}

void asyncio__closings_run(struct prepared *prepared)
{
    struct closing *closing;
    while ((closing = prepared->closings)) {
        prepared->closings = closing->outer;
        closing->function(closing->data);
    }
}

void asyncio__coro_close(const asyncio_coro *coro)
{
    const asyncio__coro_note *note;
    for (; (note = note_of(coro)); coro = &note->inner)
        if (note->on_close)
            note->on_close(note->on_close_data);
    if (coro->type && coro->type->size >= sizeof *coro->type && coro->type->destroy)
        coro->type->destroy((void *)coro->args[0]);
}

/* A coroutine object that is awaited in a task that runs already, and is more than a call. */
struct awaited_coro {
    struct held held;
    struct prepared prepared;
    void *memory;
};

static void end_awaited(struct held *held)
{
    struct awaited_coro *awaited = container_of(held, struct awaited_coro, held);
    const asyncio_coro *coro = &awaited->prepared.coro;
    if (coro->type->resume && coro->type->destroy)
        coro->type->destroy((void *)coro->args[0]);
    asyncio__closings_run(&awaited->prepared);
    asyncio__free(awaited->memory);
}

int asyncio__coro_await(const asyncio_coro *coro)
{
    if (!asyncio__coro_is_one(coro)) {
        int r = asyncio__coro_is_none(coro);
        asyncio__coro_close(coro);
        return r;
    }
    if (coro->type == &asyncio__stackful || coro->type == &asyncio__stackful_double)
        return asyncio__coro_call_words(coro);
    size_t size = asyncio__coro_extra_size(coro),
           value_size = aligned(asyncio__coro_ret_size(coro));
    char *memory = size + value_size ? asyncio__calloc(1, size + value_size) : NULL;
    if (size + value_size && !memory) {
        asyncio__coro_close(coro);
        return -ENOMEM;
    }
    struct awaited_coro awaited = { .memory = memory };
    asyncio_task *task = task_current();
    asyncio__coro_prepare_notes(coro, memory, &awaited.prepared,
                                value_size ? memory + size : NULL);
    if (task)
        task_hold(task, &awaited.held, end_awaited);
    int r = awaited.prepared.coro.type->resume ? asyncio__foreign_await(&awaited.prepared.coro)
                                               : asyncio__coro_call_words(&awaited.prepared.coro);
    asyncio__closings_run(&awaited.prepared); /* they may suspend, too */
    if (task)
        task_let_go(task, &awaited.held);
    end_awaited(&awaited.held);
    return r;
}

/* For the context floor. */
static int await_held(const asyncio_coro *coro, struct held *held)
{
    asyncio_task *task = task_current();
    if (task)
        task_hold(task, held, held->drop);
    int r = asyncio__coro_await(coro);
    if (task)
        task_let_go(task, held);
    return r;
}

/* The context floor runs and closes coroutines without knowing what they are. */
__attribute__((constructor)) static void give_to_base(void)
{
    asyncio__call_coro = await_held;
    asyncio__close_coro = asyncio__coro_close;
}
