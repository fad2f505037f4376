/* SPDX-License-Identifier: MIT */
/* The machinery of the public macros: attributes, argument counting, keyword arguments. Nothing
 * here is meant to be called by name.
 *
 * KEYWORD ARGUMENTS  A macro f(a, b, .key = value) appends a comma (`f_(__VA_ARGS__, )`), so that
 *                    "none at all" leaves an empty initialiser behind, and passes an options
 *                    struct whose defaults stand first. The override warning is silenced inside
 *                    the macro only. In C++ the keys stand in the order of the fields, as C++20
 *                    wants it; C++17 takes them as an extension.
 * DEFAULTS           Fields are zero (ASYNCIO__0: C++ wants it said) unless ASYNCIO__DEFAULT says
 *                    otherwise. A default that is not zero has a name, used there, by the macro,
 *                    and by the library when it is given no options.
 * LIFETIME           What an argument points to may be a compound literal: no macro puts an
 *                    argument that is evaluated into a statement expression or a lambda, where the
 *                    literal would end before the call.
 * FUNCTIONS          The bare name of every public macro is a function with the same parameters
 *                    and a pointer to its options last, NULL for the defaults: what
 *                    asyncio_coro(asyncio_sleep, 1.0) and other languages call. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
#define ASYNCIO__BEGIN                                                                             \
    _Pragma("GCC diagnostic push")                                                                 \
    _Pragma("GCC diagnostic ignored \"-Wold-style-cast\"") extern "C" {
#define ASYNCIO__END                                                                               \
    }                                                                                              \
    _Pragma("GCC diagnostic pop")
#else
#define ASYNCIO__BEGIN
#define ASYNCIO__END
#endif

/* The result of this call must be looked at: it can suspend, fail or create. */
#define ASYNCIO_MUST_CHECK __attribute__((warn_unused_result))
#define ASYNCIO_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#if defined(ASYNCIO__BUILD)
#define ASYNCIO_API __attribute__((visibility("default")))
#else
#define ASYNCIO_API
#endif

/* None where Python takes None for a time or a limit. */
#define ASYNCIO_NONE (-1.0e308)

#define ASYNCIO__CAT(a, b) ASYNCIO__CAT_(a, b)
#define ASYNCIO__CAT_(a, b) a##b

/* 1 to 16, and a few more, so that one too many gets a sentence for an answer. */
#define ASYNCIO__COUNT(...)                                                                        \
    ASYNCIO__COUNT_(__VA_ARGS__, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3,  \
                    2, 1, 0)
#define ASYNCIO__COUNT_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, count, ...)    \
    count

#define ASYNCIO__MAP(m, ...)                                                                       \
    ASYNCIO__CAT(ASYNCIO__MAP_, ASYNCIO__COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define ASYNCIO__MAP_1(m, a) m(a)
#define ASYNCIO__MAP_2(m, a, ...) m(a), ASYNCIO__MAP_1(m, __VA_ARGS__)
#define ASYNCIO__MAP_3(m, a, ...) m(a), ASYNCIO__MAP_2(m, __VA_ARGS__)
#define ASYNCIO__MAP_4(m, a, ...) m(a), ASYNCIO__MAP_3(m, __VA_ARGS__)
#define ASYNCIO__MAP_5(m, a, ...) m(a), ASYNCIO__MAP_4(m, __VA_ARGS__)
#define ASYNCIO__MAP_6(m, a, ...) m(a), ASYNCIO__MAP_5(m, __VA_ARGS__)
#define ASYNCIO__MAP_7(m, a, ...) m(a), ASYNCIO__MAP_6(m, __VA_ARGS__)
#define ASYNCIO__MAP_8(m, a, ...) m(a), ASYNCIO__MAP_7(m, __VA_ARGS__)
#define ASYNCIO__MAP_9(m, a, ...) m(a), ASYNCIO__MAP_8(m, __VA_ARGS__)
#define ASYNCIO__MAP_10(m, a, ...) m(a), ASYNCIO__MAP_9(m, __VA_ARGS__)
#define ASYNCIO__MAP_11(m, a, ...) m(a), ASYNCIO__MAP_10(m, __VA_ARGS__)
#define ASYNCIO__MAP_12(m, a, ...) m(a), ASYNCIO__MAP_11(m, __VA_ARGS__)
#define ASYNCIO__MAP_13(m, a, ...) m(a), ASYNCIO__MAP_12(m, __VA_ARGS__)
#define ASYNCIO__MAP_14(m, a, ...) m(a), ASYNCIO__MAP_13(m, __VA_ARGS__)
#define ASYNCIO__MAP_15(m, a, ...) m(a), ASYNCIO__MAP_14(m, __VA_ARGS__)
#define ASYNCIO__MAP_16(m, a, ...) m(a), ASYNCIO__MAP_15(m, __VA_ARGS__)
#define ASYNCIO__MAP_17(m, a, ...) ASYNCIO__TOO_MANY(m(a))
#define ASYNCIO__MAP_18(m, a, ...) ASYNCIO__TOO_MANY(m(a))
#define ASYNCIO__MAP_19(m, a, ...) ASYNCIO__TOO_MANY(m(a))
#define ASYNCIO__MAP_20(m, a, ...) ASYNCIO__TOO_MANY(m(a))

/* Keeps _Pragma out of macros where the compiler moves it in front of the macro that it is an
 * argument of: gcc 11. */
#if defined(__clang__) || __GNUC__ >= 12
#define ASYNCIO__PRAGMA(x) _Pragma(#x)
#else
#define ASYNCIO__PRAGMA(x)
#endif

/* A statement that runs in a scope: a loop that runs once, over a variable that is left when it
 * goes out of scope. `name` is the caller's struct in there. A `break` in the statement ends the
 * inner loop, after which the outer one finds nothing to do. */
#define ASYNCIO__SCOPE(kind, name, r, ...)                                                         \
    for (asyncio__##kind##_scope ASYNCIO__CAT(asyncio__scope_, __LINE__)                           \
             __attribute__((__cleanup__(asyncio__##kind##_scope_exit))) =                          \
                 asyncio__##kind##_scope_of(&(r)),                                                 \
             *ASYNCIO__CAT(asyncio__in_scope_, __LINE__) = asyncio__##kind##_scope_enter(          \
                 &ASYNCIO__CAT(asyncio__scope_, __LINE__), __VA_ARGS__);                           \
         ASYNCIO__CAT(asyncio__in_scope_, __LINE__);                                               \
         ASYNCIO__CAT(asyncio__in_scope_, __LINE__) = NULL)                                        \
        for (asyncio_##kind *name = &ASYNCIO__CAT(asyncio__in_scope_, __LINE__)->kind;             \
             ASYNCIO__CAT(asyncio__in_scope_, __LINE__);                                           \
             ASYNCIO__CAT(asyncio__in_scope_, __LINE__) = NULL, (void)name)

#if defined(__cplusplus)
#define ASYNCIO__OPTIONS(type, defaults, ...) (__extension__ type{ __VA_ARGS__ })
#define ASYNCIO__DEFAULT(value) = value
#define ASYNCIO__0 = {}
#else
/* zero[array] is array[0]: the only way to stand after one statement expression and before another
 * with a value that is in neither. */
#define ASYNCIO__OPTIONS(type, defaults, ...)                                                      \
    (__extension__({                                                                               \
        ASYNCIO__PRAGMA(GCC diagnostic push)                                                       \
        ASYNCIO__PRAGMA(GCC diagnostic ignored "-Woverride-init")                                  \
        0;                                                                                         \
    })[(type[1]){ { .size = sizeof(type), ASYNCIO__THESE defaults __VA_ARGS__ } } +                \
       __extension__({                                                                             \
           ASYNCIO__PRAGMA(GCC diagnostic pop)                                                     \
           0;                                                                                      \
       })])
#define ASYNCIO__THESE(...) __VA_ARGS__
#define ASYNCIO__DEFAULT(value)
#define ASYNCIO__0
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 12
#pragma GCC diagnostic ignored "-Woverride-init"
#endif
#endif
