/* SPDX-License-Identifier: MIT */
/* What the macros are made of in C++17 and later: templates. Included by coroutine.h.
 *
 * MODEL     asyncio_coro finds the parameters in the function's type, so that each argument is
 *           converted as the call itself would do it, NULL and 0 included. A lambda without
 *           captures is a function; one with captures is refused: what it captured may be gone
 *           when the task runs.
 * LIFETIME  What asyncio_coro_copy, _ret and _on_close note lies in the object that they give, not
 *           beside it as in C. As an argument of a macro it lives until the end of the whole
 *           expression; kept by `auto`, as long as the variable. An asyncio_coro, which refers to
 *           it, is made of it only where that does not outlive it: an
 *           asyncio_coro variable made of asyncio_coro_ret(...) is refused. */
#pragma once

#include <cstddef>
#include <type_traits>

template <typename T> inline constexpr bool asyncio__never = false;

template <typename P>
inline constexpr bool asyncio__is_word =
    (std::is_integral_v<P> || std::is_enum_v<P> || std::is_pointer_v<P> ||
     std::is_null_pointer_v<P>)&&sizeof(P) >= sizeof(int) &&
    sizeof(P) <= sizeof(uintptr_t);

template <typename P> uintptr_t asyncio__word(P value)
{
    if constexpr (std::is_pointer_v<P>)
        return reinterpret_cast<uintptr_t>(value);
    else if constexpr (std::is_null_pointer_v<P>)
        return 0;
    else
        return static_cast<uintptr_t>(value);
}

/* P comes from the function alone: std::common_type_t takes no part in deduction. */
template <typename... P>
asyncio_coro asyncio__make_coro(int (*fn)(P...), std::common_type_t<P>... args)
{
    constexpr bool words = (asyncio__is_word<P> && ...);
    static_assert(words, "a coroutine function takes pointers and integers at least as wide as int "
                         "and no wider than a register, or is int (double)");
    static_assert(sizeof...(P) <= 6,
                  "a coroutine takes up to six arguments: pass a struct by its address");
    if constexpr (words && sizeof...(P) <= 6)
        return { &asyncio__stackful, reinterpret_cast<void (*)()>(fn), { asyncio__word(args)... } };
    else
        return {};
}

inline asyncio_coro asyncio__make_coro(int (*fn)(double), double arg)
{
    return { &asyncio__stackful_double, reinterpret_cast<void (*)()>(fn),
             { asyncio__word_of_double(arg) } };
}

template <typename R, typename... P, std::enable_if_t<!std::is_same_v<R, int>, int> = 0>
asyncio_coro asyncio__make_coro(R (*)(P...), ...)
{
    static_assert(asyncio__never<R>, "a coroutine function returns int");
    return {};
}

template <typename F, typename = void> inline constexpr bool asyncio__is_plain = false;
template <typename F>
inline constexpr bool asyncio__is_plain<F, std::void_t<decltype(+std::declval<const F &>())>> =
    std::is_function_v<std::remove_pointer_t<decltype(+std::declval<const F &>())>>;

template <typename F, typename... A, std::enable_if_t<std::is_class_v<F>, int> = 0>
asyncio_coro asyncio__make_coro(const F &fn, A... args)
{
    static_assert(
        asyncio__is_plain<F>,
        "only a lambda without captures is a coroutine function: give it what it needs as "
        "arguments");
    if constexpr (asyncio__is_plain<F>)
        return asyncio__make_coro(+fn, args...);
    else
        return {};
}

/* A coroutine object with a note. Inner is an asyncio_coro or one of these. */
template <typename Inner> struct asyncio__noted_coro {
    Inner inner;
    mutable asyncio__coro_note note;

    operator asyncio_coro() const &;
    operator asyncio_coro() const && = delete; /* keep it: auto coro = asyncio_coro_...(...); */
};

inline asyncio_coro asyncio__coro_now(asyncio_coro coro)
{
    return coro;
}

template <typename Inner> asyncio_coro asyncio__coro_now(const asyncio__noted_coro<Inner> &coro)
{
    coro.note.inner = asyncio__coro_now(coro.inner);
    return { &asyncio__noted, nullptr, { reinterpret_cast<uintptr_t>(&coro.note) } };
}

template <typename Inner> asyncio__noted_coro<Inner>::operator asyncio_coro() const &
{
    return asyncio__coro_now(*this);
}

template <typename Int> inline constexpr bool asyncio__not_awaited = !std::is_same_v<Int, int>;
#define ASYNCIO__NOT_AWAITED(Int)                                                                  \
    static_assert(asyncio__not_awaited<Int>,                                                       \
                  "this has been awaited already: what is called has been awaited. To delay the "  \
                  "call, name it: asyncio_coro(function, arguments...)")

template <typename Int, std::enable_if_t<std::is_same_v<Int, int>, int> = 0>
asyncio_coro asyncio__coro_now(Int)
{
    ASYNCIO__NOT_AWAITED(Int);
    return {};
}

template <typename Inner>
asyncio__noted_coro<Inner> asyncio__on_close(Inner inner, void (*destroy)(void *data), void *data)
{
    return { inner, asyncio__note_on_close({}, destroy, data) };
}

inline asyncio__noted_coro<asyncio_coro> asyncio__noted_by(asyncio__coro_note note)
{
    return { note.inner, note };
}

template <typename T>
asyncio__noted_coro<asyncio_coro> asyncio__ret(asyncio_coro inner, unsigned index)
{
    static_assert(std::is_trivial_v<T>,
                  "the task gives a zeroed T, and no destructor of it is called");
    return asyncio__noted_by(asyncio__note_ret(inner, sizeof(T), index));
}

/* What lives until the end of the whole expression may be lent to a call: _now. */
inline asyncio_awaitable asyncio__awaited_now(asyncio_coro coro)
{
    return asyncio__awaitable_of_coro(coro);
}

inline asyncio_awaitable asyncio__awaited_now(asyncio_task *task)
{
    return asyncio__awaitable_of_task(task);
}

inline asyncio_awaitable asyncio__awaited_now(asyncio_future *future)
{
    return asyncio__awaitable_of_future(future);
}

inline asyncio_awaitable asyncio__awaited_now(asyncio_awaitable awaitable)
{
    return awaitable;
}

template <typename Inner>
asyncio_awaitable asyncio__awaited_now(const asyncio__noted_coro<Inner> &coro)
{
    return asyncio__awaitable_of_coro(asyncio__coro_now(coro));
}

template <typename Int, std::enable_if_t<std::is_same_v<Int, int>, int> = 0>
asyncio_awaitable asyncio__awaited_now(Int)
{
    ASYNCIO__NOT_AWAITED(Int);
    return {};
}

template <typename T> asyncio_awaitable asyncio__awaitable(const T &x)
{
    return asyncio__awaited_now(x);
}

template <typename Inner> asyncio_awaitable asyncio__awaitable(asyncio__noted_coro<Inner> &&)
{
    static_assert(asyncio__never<Inner>,
                  "the coroutine object would be gone at the end of this expression: keep it, "
                  "auto coro = ...");
    return {};
}

template <size_t count> struct asyncio__awaitables {
    asyncio_awaitable items[count];

    const asyncio_awaitable *data() const
    {
        return items;
    }
};

template <typename T> T asyncio__too_many(T x)
{
    static_assert(asyncio__never<T>, "up to 16 here: the form that ends in _all takes any number");
    return x;
}

inline asyncio_future *asyncio__future(asyncio_future *future)
{
    return future;
}

inline asyncio_future *asyncio__future(asyncio_task *task)
{
    return asyncio__future_of_task(task);
}

inline asyncio_future *asyncio__future_or_null(asyncio_future *future)
{
    return future;
}

inline asyncio_future *asyncio__future_or_null(asyncio_task *task)
{
    return asyncio__future_of_task(task);
}

inline asyncio_future *asyncio__future_or_null(std::nullptr_t)
{
    return nullptr;
}

inline const asyncio_future *asyncio__const_future(const asyncio_future *future)
{
    return future;
}

inline const asyncio_future *asyncio__const_future(const asyncio_task *task)
{
    return asyncio__const_future_of_task(task);
}

inline asyncio_future **asyncio__futures(asyncio_future **futures)
{
    return futures;
}

inline asyncio_future **asyncio__futures(asyncio_task **tasks)
{
    return reinterpret_cast<asyncio_future **>(tasks);
}

/* The first form that fn has or turns into. */
template <typename To, typename Form, typename... More, typename F>
To *asyncio__callback(const F &fn)
{
    if constexpr (std::is_convertible_v<const F &, Form>) {
        Form form = fn;
        return reinterpret_cast<To *>(reinterpret_cast<void (*)()>(form));
    } else if constexpr (sizeof...(More) > 0) {
        return asyncio__callback<To, More...>(fn);
    } else {
        static_assert(
            asyncio__never<F>,
            "no such callback here: its parameters differ, or it is a lambda with captures "
            "(give it what it needs as .data)");
        return nullptr;
    }
}

template <typename T> size_t asyncio__size(T size)
{
    static_assert(std::is_integral_v<T>, "a size is an integer");
    return static_cast<size_t>(size);
}

template <typename T>
inline constexpr bool asyncio__is_coro = std::is_same_v<T, asyncio_coro>;
template <typename Inner>
inline constexpr bool asyncio__is_coro<asyncio__noted_coro<Inner>> = true;
template <typename T>
inline constexpr bool asyncio__is_future =
    std::is_same_v<T, asyncio_future *> || std::is_same_v<T, asyncio_task *>;

#define ASYNCIO_AWAITABLE(x) asyncio__awaitable(x)
#define ASYNCIO__AWAITED_NOW(x) asyncio__awaited_now(x)
#define ASYNCIO__AWAITABLES(...)                                                                   \
    (asyncio__awaitables<ASYNCIO__COUNT(__VA_ARGS__)>{                                             \
        { ASYNCIO__MAP(ASYNCIO__AWAITED_NOW, __VA_ARGS__) } }                                      \
         .data())
#define ASYNCIO__TOO_MANY(x) asyncio__too_many(x)
#define ASYNCIO__CORO(x) asyncio__coro_now(x)
#define ASYNCIO__FUTURE(x) asyncio__future(x)
#define ASYNCIO__FUTURE_OR_NULL(x) asyncio__future_or_null(x)
#define ASYNCIO__CONST_FUTURE(x) asyncio__const_future(x)
#define ASYNCIO__FUTURES(x) asyncio__futures(x)
#define ASYNCIO__SIZE(x) asyncio__size(x)
#define ASYNCIO__CALLBACK(type, fn, ...) asyncio__callback<type, __VA_ARGS__>(fn)
#define asyncio_iscoroutine(x) asyncio__is_coro<std::decay_t<decltype(x)>>
#define asyncio_isfuture(x) asyncio__is_future<std::decay_t<decltype(x)>>
#define ASYNCIO__COPY(coro, size) asyncio__noted_by(asyncio__note_copy(coro, size))
#define ASYNCIO__RET(T, index, ...)                                                                \
    asyncio__ret<T>(asyncio_coro(__VA_ARGS__, static_cast<T *>(nullptr)), index)
#define ASYNCIO__ON_CLOSE(coro, destroy, data) asyncio__on_close(coro, destroy, data)
#define asyncio_coro(...) asyncio__make_coro(__VA_ARGS__)
