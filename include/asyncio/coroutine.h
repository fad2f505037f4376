/* SPDX-License-Identifier: MIT */
/* Coroutines and awaitables.
 *
 * MODEL      A coroutine function is any C function that returns int and takes up to six pointers
 *            or integers, or is int (double). Calling it runs it, in the task that calls: what is
 *            called has been awaited. To delay the call, asyncio_coro(fn, args...) makes a
 *            coroutine object: a value of eight words. Nothing runs until it is awaited or made a
 *            task. It has no identity: awaited twice, it runs twice.
 * CHECKED    The compiler checks number and types of the arguments against the function, and
 *            refuses parameters it could not pass: floating (but int (double)), structs, narrower
 *            than int, wider than a register. In C23 it cannot see that a parameter is narrower
 *            than int: the argument has to fit it then.
 * COMMAS     The macros count their arguments by the commas that stand in no parentheses: a
 *            compound literal with more than one member stands in parentheses of its own,
 *            asyncio_coro(fn, (&(struct point){ 1, 2 })). asyncio_coro_copy takes its copy along.
 * C++        asyncio_coro takes lambdas without captures too; asyncio_coro_copy, _ret and
 *            _on_close give an object of their own, to be used in the same expression or kept by
 *            `auto`.
 * OWNERSHIP  Pointer arguments are borrowed until the coroutine is done. asyncio_coro_copy, _ret
 *            and _on_close refer to a note in the block that makes them until the coroutine has
 *            been awaited or made a task: do that before the block ends.
 * AWAITABLE  A coroutine object, a task or a future, where a macro takes any of them. */
#pragma once

#include <asyncio/error.h>

ASYNCIO__BEGIN

typedef struct asyncio_loop asyncio_loop;
typedef struct asyncio_future asyncio_future;
typedef struct asyncio_task asyncio_task;
typedef struct asyncio_context asyncio_context;
typedef struct asyncio_coroutine_type asyncio_coroutine_type;

/* A coroutine object. Its fields are the library's. */
typedef struct asyncio_coro {
    const asyncio_coroutine_type *type;
    void (*fn)(void);
    uintptr_t args[6];
} asyncio_coro;

/* What asyncio_gather and its like take: made by ASYNCIO_AWAITABLE from a coroutine object, a task
 * or a future. Borrowed references. */
typedef struct asyncio_awaitable {
    asyncio_coro coro;
    asyncio_future *future;      /* not NULL: this is awaited, and coro is not looked at */
} asyncio_awaitable;

/* What asyncio_coro_copy, _ret and _on_close note beside the coroutine. The library's. */
typedef struct asyncio__coro_note {
    asyncio_coro inner;
    const void *copy;
    size_t copy_size;
    size_t ret_size;
    unsigned ret_index;
    void (*on_close)(void *data);
    void *on_close_data;
} asyncio__coro_note;

/* int fn(up to six words) */
ASYNCIO_API extern const asyncio_coroutine_type asyncio__stackful;
ASYNCIO_API extern const asyncio_coroutine_type asyncio__stackful_double;  /* int fn(double) */
/* args[0] is an asyncio__coro_note */
ASYNCIO_API extern const asyncio_coroutine_type asyncio__noted;

static inline asyncio_awaitable asyncio__awaitable_of_coro(asyncio_coro coro)
{
    asyncio_awaitable awaitable = { coro, NULL };
    return awaitable;
}

static inline asyncio_awaitable asyncio__awaitable_of_future(asyncio_future *future)
{
    asyncio_awaitable awaitable = { { NULL, NULL, { 0, 0, 0, 0, 0, 0 } }, future };
    return awaitable;
}

static inline asyncio_awaitable asyncio__awaitable_of_task(asyncio_task *task)
{
    return asyncio__awaitable_of_future((asyncio_future *)(void *)task);
}

static inline asyncio_awaitable asyncio__awaitable_itself(asyncio_awaitable awaitable)
{
    return awaitable;
}

static inline const asyncio_future *asyncio__const_future_itself(const asyncio_future *future)
{
    return future;
}

static inline const asyncio_future *asyncio__const_future_of_task(const asyncio_task *task)
{
    return (const asyncio_future *)(const void *)task;
}

static inline asyncio_future *asyncio__future_itself(asyncio_future *future)
{
    return future;
}

static inline asyncio_future *asyncio__future_of_task(asyncio_task *task)
{
    return (asyncio_future *)(void *)task;
}

static inline asyncio_future **asyncio__futures_itself(asyncio_future **futures)
{
    return futures;
}

static inline asyncio_future **asyncio__futures_of_tasks(asyncio_task **tasks)
{
    return (asyncio_future **)(void *)tasks;
}

static inline size_t asyncio__size_itself(size_t size)
{
    return size;
}

static inline size_t asyncio__size_of_long(long long size)
{
    return (size_t)size;
}

static inline uintptr_t asyncio__word_of_double(double value)
{
    uintptr_t word = 0;
    __builtin_memcpy(&word, &value, sizeof value);
    return word;
}

static inline uintptr_t asyncio__word_itself(uintptr_t word)
{
    return word;
}

static inline asyncio__coro_note asyncio__note_of(asyncio_coro inner)
{
    asyncio__coro_note note = { inner, NULL, 0, 0, 0, NULL, NULL };
    return note;
}

/* The first argument of `inner` is the address of what to copy. */
static inline asyncio__coro_note asyncio__note_copy(asyncio_coro inner, size_t size)
{
    asyncio__coro_note note = asyncio__note_of(inner);
    note.copy = (const void *)inner.args[0];
    note.copy_size = size;
    return note;
}

static inline asyncio__coro_note asyncio__note_ret(asyncio_coro inner, size_t size, unsigned index)
{
    asyncio__coro_note note = asyncio__note_of(inner);
    note.ret_size = size;
    note.ret_index = index;
    return note;
}

static inline asyncio__coro_note asyncio__note_on_close(asyncio_coro inner,
                                                        void (*destroy)(void *data), void *data)
{
    asyncio__coro_note note = asyncio__note_of(inner);
    note.on_close = destroy;
    note.on_close_data = data;
    return note;
}

ASYNCIO__END

#if defined(__cplusplus)
#include <asyncio/cxx.h>
#else
#include <asyncio/coro_check.h>

#define ASYNCIO__AWAITED                                                                           \
    "this has been awaited already: what is called has been awaited. To delay the call, name it: " \
    "asyncio_coro(function, arguments...)"
#define ASYNCIO__NOT_AWAITED(x)                                                                    \
    __extension__({                                                                                \
        _Static_assert(_Generic((x), int: 0, default: 1), ASYNCIO__AWAITED);                       \
        0;                                                                                         \
    })

/* ASYNCIO_AWAITABLE(x): the awaitable made of a coroutine object, a task or a future; an int is a
 * compile error that says why. */
#define ASYNCIO_AWAITABLE(x)                                                                       \
    asyncio__checked_awaitable(ASYNCIO__NOT_AWAITED(x), _Generic((x),                              \
        asyncio_coro: asyncio__awaitable_of_coro,                                                  \
        asyncio_task *: asyncio__awaitable_of_task,                                                \
        asyncio_future *: asyncio__awaitable_of_future,                                            \
        asyncio_awaitable: asyncio__awaitable_itself,                                              \
        int: asyncio__awaitable_of_int,                                                            \
        default: asyncio__awaitable_of_nothing)(x))
asyncio_awaitable asyncio__awaitable_of_int(int result); /* never called */
/* Neither: their types tell in the compiler's message what is wanted. */
typedef struct {
    int none;
} asyncio__a_coroutine_object_a_task_or_a_future;
typedef struct {
    int none;
} asyncio__tasks_or_futures;
asyncio_awaitable asyncio__awaitable_of_nothing(
    asyncio__a_coroutine_object_a_task_or_a_future not_awaitable);
asyncio_future **asyncio__futures_of_nothing(asyncio__tasks_or_futures not_an_array_of_them);

static inline asyncio_awaitable asyncio__checked_awaitable(int zero, asyncio_awaitable awaitable)
{
    (void)zero;
    return awaitable;
}

static inline asyncio_coro asyncio__checked_coro(int zero, asyncio_coro coro)
{
    (void)zero;
    return coro;
}

/* An argument that may end with the call: in C like any other. */
#define ASYNCIO__AWAITED_NOW(x) ASYNCIO_AWAITABLE(x)
#define ASYNCIO__CORO(x) asyncio__checked_coro(ASYNCIO__NOT_AWAITED(x), x)

#define ASYNCIO__FUTURE(x)                                                                         \
    _Generic((x),                                                                                  \
        asyncio_task *: asyncio__future_of_task,                                                   \
        asyncio_future *: asyncio__future_itself)(x)
/* NULL is a void *. */
#define ASYNCIO__FUTURE_OR_NULL(x)                                                                 \
    _Generic((x), asyncio_task *: asyncio__future_of_task, default: asyncio__future_itself)(x)
#define ASYNCIO__CONST_FUTURE(x)                                                                   \
    _Generic((x),                                                                                  \
        asyncio_task *: asyncio__const_future_of_task,                                             \
        const asyncio_task *: asyncio__const_future_of_task,                                       \
        asyncio_future *: asyncio__const_future_itself,                                            \
        const asyncio_future *: asyncio__const_future_itself)(x)

#define ASYNCIO__FUTURES(x)                                                                        \
    _Generic((x),                                                                                  \
        asyncio_task **: asyncio__futures_of_tasks,                                                \
        asyncio_future **: asyncio__futures_itself,                                                \
        default: asyncio__futures_of_nothing)(x)
#define ASYNCIO__AWAITABLES(...)                                                                   \
    ((const asyncio_awaitable[]){ ASYNCIO__MAP(ASYNCIO_AWAITABLE, __VA_ARGS__) })

/* A function of one of the forms as a pointer to `type`. */
#define ASYNCIO__CALLBACK(type, fn, ...)                                                           \
    ((type *)(void (*)(void))ASYNCIO__FORMS(fn, __VA_ARGS__))
#define ASYNCIO__FORMS(fn, ...)                                                                    \
    ASYNCIO__CAT(ASYNCIO__FORMS_, ASYNCIO__COUNT(__VA_ARGS__))(fn, __VA_ARGS__)
#define ASYNCIO__FORMS_2(fn, a, b) _Generic((fn), a: (fn), b: (fn))
#define ASYNCIO__FORMS_3(fn, a, b, c) _Generic((fn), a: (fn), b: (fn), c: (fn))
#define ASYNCIO__FORMS_4(fn, a, b, c, d) _Generic((fn), a: (fn), b: (fn), c: (fn), d: (fn))

/* A size of any integer type without a warning: what was read is an int, and is written again. A
 * negative one becomes larger than any size, which is -EINVAL. */
#define ASYNCIO__SIZE(x)                                                                           \
    _Generic((x), int: asyncio__size_of_long, long: asyncio__size_of_long,                         \
             long long: asyncio__size_of_long, default: asyncio__size_itself)(x)

/* asyncio_iscoroutine(x), asyncio_isfuture(x): constants, known when compiling. */
#define asyncio_iscoroutine(x) _Generic((x), asyncio_coro: 1, default: 0)
#define asyncio_isfuture(x) _Generic((x), asyncio_future *: 1, asyncio_task *: 1, default: 0)

/* asyncio_coro(fn, args...): makes a coroutine object of the call fn(args...), which is not made
 * now. The compiler checks it as asyncio_coroutine(7) says. Does not suspend, cannot fail. */
#define asyncio_coro(...) ASYNCIO__CAT(ASYNCIO__CORO_, ASYNCIO__COUNT(__VA_ARGS__))(__VA_ARGS__)

#define ASYNCIO__NOTED(note)                                                                       \
    ((asyncio_coro){ &asyncio__noted, NULL, { (uintptr_t)(asyncio__coro_note[1]){ note } } })
#define ASYNCIO__COPY(coro, size) ASYNCIO__NOTED(asyncio__note_copy(coro, size))
#define ASYNCIO__RET(T, index, ...)                                                                \
    ASYNCIO__NOTED(asyncio__note_ret(asyncio_coro(__VA_ARGS__, (T *)0), sizeof(T), index))
#define ASYNCIO__ON_CLOSE(coro, destroy, data)                                                     \
    ASYNCIO__NOTED(asyncio__note_on_close(ASYNCIO__CORO(coro), destroy, data))
#endif

/* asyncio_coro_copy(fn, &value, args...): as asyncio_coro(fn, &value, args...), but *value is
 * copied into the task when that is made, and fn gets the address of the copy. */
#define asyncio_coro_copy(fn, ...)                                                                 \
    ASYNCIO__COPY(asyncio_coro(fn, __VA_ARGS__), sizeof *ASYNCIO__FIRST(__VA_ARGS__, 0))
#define ASYNCIO__FIRST(first, ...) (first)

/* asyncio_coro_ret(fn, T, args...): fn gets one argument more, the address of a zeroed T that
 * belongs to the task and lives as long as it: asyncio_task_value(task). */
#define asyncio_coro_ret(fn, ...)                                                                  \
    ASYNCIO__CAT(ASYNCIO__RET_, ASYNCIO__COUNT(__VA_ARGS__))(fn, __VA_ARGS__)
#define ASYNCIO__RET_1(fn, T) ASYNCIO__RET(T, 0, fn)
#define ASYNCIO__RET_2(fn, T, a) ASYNCIO__RET(T, 1, fn, a)
#define ASYNCIO__RET_3(fn, T, a, b) ASYNCIO__RET(T, 2, fn, a, b)
#define ASYNCIO__RET_4(fn, T, a, b, c) ASYNCIO__RET(T, 3, fn, a, b, c)
#define ASYNCIO__RET_5(fn, T, a, b, c, d) ASYNCIO__RET(T, 4, fn, a, b, c, d)
#define ASYNCIO__RET_6(fn, T, a, b, c, d, e) ASYNCIO__RET(T, 5, fn, a, b, c, d, e)

/* asyncio_coro_on_close(coro, destroy, data): the same coroutine; destroy(data) is called once
 * when it is over, also when its body never started. */
#define asyncio_coro_on_close(coro, destroy, data) ASYNCIO__ON_CLOSE(coro, destroy, data)
