/* SPDX-License-Identifier: MIT */
/* Coroutines and awaitables.
 *
 * MODEL      A coroutine function is any C function that returns int and takes up to six pointers or integers, or is
 *            int (double). Calling it runs it, in the task that calls: what is called has been awaited. To delay the call,
 *            asyncio_coro(fn, args...) makes a coroutine object: a value of eight words. Nothing runs until it is
 *            awaited or made a task. It has no identity: awaited twice, it runs twice.
 * CHECKED    The compiler checks number and types of the arguments against the function, and refuses parameters it
 *            could not pass: floating (but int (double)), structs, narrower than int, wider than a register.
 * OWNERSHIP  Pointer arguments are borrowed until the coroutine is done. asyncio_coro_copy, _ret and _on_close refer to
 *            a note in the block that makes them until the coroutine has been awaited or made a task: do that before
 *            the block ends.
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

/* What asyncio_gather and its like take: made by ASYNCIO_AWAITABLE from a coroutine object, a task or a future. Borrowed
 * references. */
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

ASYNCIO_API extern const asyncio_coroutine_type asyncio__stackful;         /* int fn(up to six words) */
ASYNCIO_API extern const asyncio_coroutine_type asyncio__stackful_double;  /* int fn(double) */
ASYNCIO_API extern const asyncio_coroutine_type asyncio__noted;            /* args[0] is an asyncio__coro_note */

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

asyncio_awaitable asyncio__awaitable_of_int(int result)
    __attribute__((error("this has been awaited already: what is called has been awaited. "
                         "To delay the call, name it: asyncio_coro(function, arguments...)")));

static inline asyncio_future *asyncio__future_itself(asyncio_future *future)
{
    return future;
}

static inline asyncio_future *asyncio__future_of_task(asyncio_task *task)
{
    return (asyncio_future *)(void *)task;
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

ASYNCIO__END

#if defined(__cplusplus)
#include <asyncio/cxx.h>
#else

/* ASYNCIO_AWAITABLE(x): the awaitable made of a coroutine object, a task or a future; an int is a compile error that says
 * why. */
#define ASYNCIO_AWAITABLE(x)                                                                       \
    _Generic((x),                                                                                  \
        asyncio_coro: asyncio__awaitable_of_coro,                                                  \
        asyncio_task *: asyncio__awaitable_of_task,                                                \
        asyncio_future *: asyncio__awaitable_of_future,                                            \
        asyncio_awaitable: asyncio__awaitable_itself,                                              \
        int: asyncio__awaitable_of_int)(x)

#define ASYNCIO__FUTURE(x)                                                                         \
    _Generic((x),                                                                                  \
        asyncio_task *: asyncio__future_of_task,                                                   \
        asyncio_future *: asyncio__future_itself)(x)

/* asyncio_iscoroutine(x), asyncio_isfuture(x): constants, known when compiling. */
#define asyncio_iscoroutine(x) _Generic((x), asyncio_coro: 1, default: 0)
#define asyncio_isfuture(x) _Generic((x), asyncio_future *: 1, asyncio_task *: 1, default: 0)

/* asyncio_coro(fn, args...): a coroutine object for the call fn(args...). Checked by the compiler as the top of this page
 * says. Does not suspend, cannot fail. */
#define asyncio_coro(...) ASYNCIO__CAT(ASYNCIO__CORO_, ASYNCIO__COUNT(__VA_ARGS__))(__VA_ARGS__)

#define ASYNCIO__IS_DOUBLE_FN(fn) _Generic((fn), int (*)(double): 1, default: 0)
#define ASYNCIO__TYPE_FOR(fn)                                                                      \
    __typeof__(__builtin_choose_expr(ASYNCIO__IS_DOUBLE_FN(fn), 0.0, (uintptr_t)0))
#define ASYNCIO__WORD(fn, a)                                                                       \
    _Generic((ASYNCIO__TYPE_FOR(fn))(a), double: asyncio__word_of_double,                          \
             default: asyncio__word_itself)((ASYNCIO__TYPE_FOR(fn))(a))

#if __STDC_VERSION__ > 201710L
#define ASYNCIO__NOT_NARROW(fn)
#else
#define ASYNCIO__NOT_NARROW(fn)                                                                    \
    _Static_assert(ASYNCIO__IS_DOUBLE_FN(fn) ||                                                    \
                       __builtin_types_compatible_p(__typeof__(*(fn)), int()),                     \
                   "a coroutine function takes pointers and integers at least as wide as int");
#endif
/* Evaluates nothing: the call as written has to compile, and so has the one with null pointers for all arguments. */
#define ASYNCIO__CHECK(fn, call, ...)                                                              \
    ASYNCIO__PRAGMA(GCC diagnostic push)                                                           \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Wstrict-prototypes")                                  \
    _Static_assert(__builtin_types_compatible_p(__typeof__(call), int),                            \
                   "a coroutine function returns int");                                            \
    ASYNCIO__NOT_NARROW(fn)                                                                        \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Wint-conversion")                                     \
    (void)sizeof(_Generic((fn), int (*)(double): asyncio__takes_double_check, default: (fn)) __VA_ARGS__); \
    ASYNCIO__PRAGMA(GCC diagnostic pop)
#define ASYNCIO__MAKE(fn, ...)                                                                     \
    ((asyncio_coro){ ASYNCIO__IS_DOUBLE_FN(fn) ? &asyncio__stackful_double : &asyncio__stackful,   \
                     (void (*)(void))(fn), { __VA_ARGS__ } })

int asyncio__takes_double_check(const void *); /* never called: stands in for an int (double) in the check */

#define ASYNCIO__NULL ((void *)0)
#define ASYNCIO__CORO_1(fn)                                                                        \
    __extension__({                                                                                \
        ASYNCIO__CHECK(fn, (fn)(), ()) ASYNCIO__MAKE(fn, 0);                                       \
    })
#define ASYNCIO__CORO_2(fn, a)                                                                     \
    __extension__({                                                                                \
        ASYNCIO__CHECK(fn, (fn)(a), (ASYNCIO__NULL)) ASYNCIO__MAKE(fn, ASYNCIO__WORD(fn, a));      \
    })
#define ASYNCIO__CORO_3(fn, a, b)                                                                  \
    __extension__({                                                                                \
        ASYNCIO__CHECK(fn, (fn)(a, b), (ASYNCIO__NULL, ASYNCIO__NULL))                             \
        ASYNCIO__MAKE(fn, (uintptr_t)(a), (uintptr_t)(b));                                         \
    })
#define ASYNCIO__CORO_4(fn, a, b, c)                                                               \
    __extension__({                                                                                \
        ASYNCIO__CHECK(fn, (fn)(a, b, c), (ASYNCIO__NULL, ASYNCIO__NULL, ASYNCIO__NULL))           \
        ASYNCIO__MAKE(fn, (uintptr_t)(a), (uintptr_t)(b), (uintptr_t)(c));                         \
    })
#define ASYNCIO__CORO_5(fn, a, b, c, d)                                                            \
    __extension__({                                                                                \
        ASYNCIO__CHECK(fn, (fn)(a, b, c, d),                                                       \
                       (ASYNCIO__NULL, ASYNCIO__NULL, ASYNCIO__NULL, ASYNCIO__NULL))               \
        ASYNCIO__MAKE(fn, (uintptr_t)(a), (uintptr_t)(b), (uintptr_t)(c), (uintptr_t)(d));         \
    })
#define ASYNCIO__CORO_6(fn, a, b, c, d, e)                                                         \
    __extension__({                                                                                \
        ASYNCIO__CHECK(fn, (fn)(a, b, c, d, e),                                                    \
                       (ASYNCIO__NULL, ASYNCIO__NULL, ASYNCIO__NULL, ASYNCIO__NULL, ASYNCIO__NULL)) \
        ASYNCIO__MAKE(fn, (uintptr_t)(a), (uintptr_t)(b), (uintptr_t)(c), (uintptr_t)(d),          \
                      (uintptr_t)(e));                                                             \
    })
#define ASYNCIO__CORO_7(fn, a, b, c, d, e, f)                                                      \
    __extension__({                                                                                \
        ASYNCIO__CHECK(fn, (fn)(a, b, c, d, e, f),                                                 \
                       (ASYNCIO__NULL, ASYNCIO__NULL, ASYNCIO__NULL, ASYNCIO__NULL, ASYNCIO__NULL, \
                        ASYNCIO__NULL))                                                            \
        ASYNCIO__MAKE(fn, (uintptr_t)(a), (uintptr_t)(b), (uintptr_t)(c), (uintptr_t)(d),          \
                      (uintptr_t)(e), (uintptr_t)(f));                                             \
    })

/* asyncio_coro_copy(fn, &value, args...): as asyncio_coro(fn, &value, args...), but *value is copied into the task when
 * that is made, and fn gets the address of the copy. */
#define asyncio_coro_copy(fn, ...)                                                                 \
    ASYNCIO__NOTED(asyncio_coro(fn, __VA_ARGS__), .copy = ASYNCIO__FIRST(__VA_ARGS__, 0),          \
                   .copy_size = sizeof *ASYNCIO__FIRST(__VA_ARGS__, 0))
#define ASYNCIO__FIRST(first, ...) first

/* asyncio_coro_ret(fn, T, args...): fn gets one argument more, the address of a zeroed T that belongs to the task and
 * lives as long as it: asyncio_task_value(task). */
#define asyncio_coro_ret(fn, ...)                                                                  \
    ASYNCIO__CAT(ASYNCIO__RET_, ASYNCIO__COUNT(__VA_ARGS__))(fn, __VA_ARGS__)
#define ASYNCIO__RET(T, index, ...)                                                                \
    ASYNCIO__NOTED(asyncio_coro(__VA_ARGS__, (T *)0), .ret_size = sizeof(T), .ret_index = index)
#define ASYNCIO__RET_1(fn, T) ASYNCIO__RET(T, 0, fn)
#define ASYNCIO__RET_2(fn, T, a) ASYNCIO__RET(T, 1, fn, a)
#define ASYNCIO__RET_3(fn, T, a, b) ASYNCIO__RET(T, 2, fn, a, b)
#define ASYNCIO__RET_4(fn, T, a, b, c) ASYNCIO__RET(T, 3, fn, a, b, c)
#define ASYNCIO__RET_5(fn, T, a, b, c, d) ASYNCIO__RET(T, 4, fn, a, b, c, d)
#define ASYNCIO__RET_6(fn, T, a, b, c, d, e) ASYNCIO__RET(T, 5, fn, a, b, c, d, e)

/* asyncio_coro_on_close(coro, destroy, data): the same coroutine; destroy(data) is called once when it is over, also when
 * its body never started. */
#define asyncio_coro_on_close(coro_, destroy, data)                                                \
    ASYNCIO__NOTED((coro_), .on_close = (destroy), .on_close_data = (data))

#define ASYNCIO__NOTED(coro_, ...)                                                                 \
    ((asyncio_coro){ &asyncio__noted, NULL,                                                        \
                     { (uintptr_t) & (asyncio__coro_note){ .inner = (coro_), __VA_ARGS__ } } })
#endif
