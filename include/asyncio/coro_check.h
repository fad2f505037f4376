/* SPDX-License-Identifier: MIT */
/* How asyncio_coro checks a call, in C; included by coroutine.h. Nothing but the coroutine object
 * itself is evaluated. C cannot name the types of a function's parameters: calls that are never
 * made have to show them.
 *
 * CALL      The call as it is written has to compile and to give an int; a pointer for an integer,
 *           an integer for a pointer and a pointer of another type are errors, not warnings.
 * NARROW    int() is compatible with a function type only when no parameter is narrower than int.
 *           In C23 it means int(void); what shows a narrow parameter then is the warning for an
 *           int in its place, made an error.
 * WIDE      A constant of 128 bits, given to an __int128 of the other sign, changes its sign, and
 *           its value in anything narrower: two warnings, of which the first is made an error.
 * FLOATING  gcc: the same constant loses precision in any floating type, one more warning made an
 *           error. clang: a null pointer, which only integers, enumerations and pointers take.
 * GCC 11    No macro can change a warning (macros.h). Parameters that are floating or too wide are
 *           found where the others have the very types of their arguments. */
#pragma once

#define ASYNCIO__IS_DOUBLE_FN(fn) _Generic((fn), int (*)(double): 1, default: 0)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
typedef int asyncio__any_function();
#pragma GCC diagnostic pop

#define ASYNCIO__NOT_NARROW(fn)                                                                    \
    _Static_assert(!__builtin_types_compatible_p(asyncio__any_function, int(int)) ||               \
                       ASYNCIO__IS_DOUBLE_FN(fn) ||                                                \
                       __builtin_types_compatible_p(__typeof__(*(fn)), asyncio__any_function),     \
                   "a coroutine function takes pointers and integers at least as wide as int");

#if defined(__SIZEOF_INT128__)
__extension__ typedef __int128 asyncio__int128;
__extension__ typedef unsigned __int128 asyncio__uint128;
#else
typedef long long asyncio__int128;
typedef unsigned long long asyncio__uint128;
#endif
#define ASYNCIO__POINTER_OR_INTEGER_OF_A_REGISTER                                                  \
    (((asyncio__uint128)1 << (8 * sizeof(asyncio__uint128) - 1)) + 5)
#define ASYNCIO__POINTER_OR_INTEGER_OF_ONE_REGISTER                                                \
    (-((asyncio__int128)1 << (8 * sizeof(asyncio__int128) - 28)) - 1)
#define ASYNCIO__NULL ((void *)0)

/* Never called. */
static inline int asyncio__at_least_an_int(void)
{
    return 0;
}

static inline int asyncio__instead_of_int_double(const void *pointer)
{
    return pointer != NULL;
}

#define ASYNCIO__TRY(fn, arguments)                                                                \
    if (0) {                                                                                       \
        int asyncio__result = _Generic((fn), int (*)(double): asyncio__instead_of_int_double,      \
                                       default: (fn)) arguments;                                   \
        (void)asyncio__result;                                                                     \
    }
#if defined(__clang__)
#define ASYNCIO__TRY_ALL(fn, times)                                                                \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Wint-conversion")                                     \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Wnonnull")                                            \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Wconstant-conversion")                                \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Wimplicit-int-float-conversion")                      \
    ASYNCIO__PRAGMA(GCC diagnostic error "-Wsign-conversion")                                      \
    (void)sizeof(_Generic((fn), int (*)(double): asyncio__instead_of_int_double,                   \
                          default: (fn)) times(ASYNCIO__NULL));                                    \
    ASYNCIO__TRY(fn, times(ASYNCIO__POINTER_OR_INTEGER_OF_A_REGISTER))                             \
    ASYNCIO__TRY(fn, times(ASYNCIO__POINTER_OR_INTEGER_OF_ONE_REGISTER))                           \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Wsign-conversion")                                    \
    ASYNCIO__PRAGMA(GCC diagnostic error "-Wimplicit-int-conversion")                              \
    ASYNCIO__TRY(fn, times(asyncio__at_least_an_int()))
#elif __GNUC__ >= 12
#define ASYNCIO__TRY_ALL(fn, times)                                                                \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Wint-conversion")                                     \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Woverflow")                                           \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Wconversion")                                         \
    ASYNCIO__PRAGMA(GCC diagnostic error "-Wsign-conversion")                                      \
    ASYNCIO__PRAGMA(GCC diagnostic error "-Wfloat-conversion")                                     \
    ASYNCIO__TRY(fn, times(ASYNCIO__POINTER_OR_INTEGER_OF_A_REGISTER))                             \
    ASYNCIO__TRY(fn, times(ASYNCIO__POINTER_OR_INTEGER_OF_ONE_REGISTER))                           \
    ASYNCIO__PRAGMA(GCC diagnostic ignored "-Wsign-conversion")                                    \
    ASYNCIO__PRAGMA(GCC diagnostic error "-Wconversion")                                           \
    ASYNCIO__TRY(fn, times(asyncio__at_least_an_int()))
#else
#define ASYNCIO__TRY_ALL(fn, times)
#endif
#define ASYNCIO__TIMES_0(x) ()
#define ASYNCIO__TIMES_1(x) (x)
#define ASYNCIO__TIMES_2(x) (x, x)
#define ASYNCIO__TIMES_3(x) (x, x, x)
#define ASYNCIO__TIMES_4(x) (x, x, x, x)
#define ASYNCIO__TIMES_5(x) (x, x, x, x, x)
#define ASYNCIO__TIMES_6(x) (x, x, x, x, x, x)

/* Its value, 0, is the index of the coroutine object: zero[array] is array[0]. */
#define ASYNCIO__CHECK(fn, call, times, more)                                                      \
    __extension__({                                                                                \
        ASYNCIO__PRAGMA(GCC diagnostic push)                                                       \
        ASYNCIO__PRAGMA(GCC diagnostic error "-Wint-conversion")                                   \
        ASYNCIO__PRAGMA(GCC diagnostic error "-Wincompatible-pointer-types")                       \
        _Static_assert(__builtin_types_compatible_p(__typeof__(call), int),                        \
                       "a coroutine function returns int");                                        \
        ASYNCIO__NOT_NARROW(fn)                                                                    \
        more                                                                                       \
        ASYNCIO__TRY_ALL(fn, times)                                                                \
        ASYNCIO__PRAGMA(GCC diagnostic pop)                                                        \
        0;                                                                                         \
    })
#define ASYNCIO__MAKE(fn, ...)                                                                     \
    (asyncio_coro[1])                                                                              \
    {                                                                                              \
        { ASYNCIO__IS_DOUBLE_FN(fn) ? &asyncio__stackful_double : &asyncio__stackful,              \
          (void (*)(void))(fn), { __VA_ARGS__ } }                                                  \
    }

/* __typeof__ of the argument's value: arrays and functions have become pointers. */
#define ASYNCIO__T(a) __typeof__((void)0, (a))
#define ASYNCIO__IS_WORD(a)                                                                        \
    (_Generic((a), float: 0, double: 0, long double: 0, default: 1) &&                             \
     sizeof(ASYNCIO__T(a)) <= sizeof(uintptr_t))
#define ASYNCIO__WORDS(condition)                                                                  \
    _Static_assert(condition, "the arguments of a coroutine are pointers and integers no wider "   \
                              "than a register: convert a floating one yourself");

#if defined(__clang__) || __GNUC__ >= 12
#define ASYNCIO__NOT_WIDE(check, ...)
#else
#define ASYNCIO__NOT_WIDE(check, ...)                                                              \
    check(asyncio__int128, __VA_ARGS__) check(asyncio__uint128, __VA_ARGS__)                       \
    check(double, __VA_ARGS__) check(long double, __VA_ARGS__)
#endif
#define ASYNCIO__NOT(fn, ...)                                                                      \
    _Static_assert(ASYNCIO__IS_DOUBLE_FN(fn) ||                                                    \
                       !__builtin_types_compatible_p(__typeof__(*(fn)), int(__VA_ARGS__)),         \
                   "a coroutine function takes pointers and integers no wider than a register");
#define ASYNCIO__NOT_1(W, fn, A)                                                                   \
    ASYNCIO__NOT(fn, W)
#define ASYNCIO__NOT_2(W, fn, A, B)                                                                \
    ASYNCIO__NOT(fn, W, B) ASYNCIO__NOT(fn, A, W)
#define ASYNCIO__NOT_3(W, fn, A, B, C)                                                             \
    ASYNCIO__NOT(fn, W, B, C) ASYNCIO__NOT(fn, A, W, C) ASYNCIO__NOT(fn, A, B, W)
#define ASYNCIO__NOT_4(W, fn, A, B, C, D)                                                          \
    ASYNCIO__NOT(fn, W, B, C, D) ASYNCIO__NOT(fn, A, W, C, D) ASYNCIO__NOT(fn, A, B, W, D)         \
    ASYNCIO__NOT(fn, A, B, C, W)
#define ASYNCIO__NOT_5(W, fn, A, B, C, D, E)                                                       \
    ASYNCIO__NOT(fn, W, B, C, D, E) ASYNCIO__NOT(fn, A, W, C, D, E)                                \
    ASYNCIO__NOT(fn, A, B, W, D, E) ASYNCIO__NOT(fn, A, B, C, W, E)                                \
    ASYNCIO__NOT(fn, A, B, C, D, W)
#define ASYNCIO__NOT_6(W, fn, A, B, C, D, E, F)                                                    \
    ASYNCIO__NOT(fn, W, B, C, D, E, F) ASYNCIO__NOT(fn, A, W, C, D, E, F)                          \
    ASYNCIO__NOT(fn, A, B, W, D, E, F) ASYNCIO__NOT(fn, A, B, C, W, E, F)                          \
    ASYNCIO__NOT(fn, A, B, C, D, W, F) ASYNCIO__NOT(fn, A, B, C, D, E, W)

#define ASYNCIO__TYPE_FOR(fn)                                                                      \
    __typeof__(__builtin_choose_expr(ASYNCIO__IS_DOUBLE_FN(fn), 0.0, (uintptr_t)0))
#define ASYNCIO__WORD(fn, a)                                                                       \
    _Generic((ASYNCIO__TYPE_FOR(fn))(a), double: asyncio__word_of_double,                          \
             default: asyncio__word_itself)((ASYNCIO__TYPE_FOR(fn))(a))
#define ASYNCIO__CORO_1(fn)                                                                        \
    (ASYNCIO__CHECK(fn, (fn)(), ASYNCIO__TIMES_0, )[ASYNCIO__MAKE(fn, 0)])
#define ASYNCIO__CORO_2(fn, a)                                                                     \
    (ASYNCIO__CHECK(fn, (fn)(a), ASYNCIO__TIMES_1,                                                 \
                    ASYNCIO__WORDS(ASYNCIO__IS_DOUBLE_FN(fn) || ASYNCIO__IS_WORD(a))               \
                    ASYNCIO__NOT_WIDE(ASYNCIO__NOT_1, fn, ASYNCIO__T(a)))                          \
     [ASYNCIO__MAKE(fn, ASYNCIO__WORD(fn, a))])
#define ASYNCIO__CORO_3(fn, a, b)                                                                  \
    (ASYNCIO__CHECK(fn, (fn)(a, b), ASYNCIO__TIMES_2,                                              \
                    ASYNCIO__WORDS(ASYNCIO__IS_WORD(a) && ASYNCIO__IS_WORD(b))                     \
                    ASYNCIO__NOT_WIDE(ASYNCIO__NOT_2, fn, ASYNCIO__T(a), ASYNCIO__T(b)))           \
     [ASYNCIO__MAKE(fn, (uintptr_t)(a), (uintptr_t)(b))])
#define ASYNCIO__CORO_4(fn, a, b, c)                                                               \
    (ASYNCIO__CHECK(fn, (fn)(a, b, c), ASYNCIO__TIMES_3,                                           \
                    ASYNCIO__WORDS(ASYNCIO__IS_WORD(a) && ASYNCIO__IS_WORD(b) &&                   \
                                   ASYNCIO__IS_WORD(c))                                            \
                    ASYNCIO__NOT_WIDE(ASYNCIO__NOT_3, fn, ASYNCIO__T(a), ASYNCIO__T(b),            \
                                      ASYNCIO__T(c)))                                              \
     [ASYNCIO__MAKE(fn, (uintptr_t)(a), (uintptr_t)(b), (uintptr_t)(c))])
#define ASYNCIO__CORO_5(fn, a, b, c, d)                                                            \
    (ASYNCIO__CHECK(fn, (fn)(a, b, c, d), ASYNCIO__TIMES_4,                                        \
                    ASYNCIO__WORDS(ASYNCIO__IS_WORD(a) && ASYNCIO__IS_WORD(b) &&                   \
                                   ASYNCIO__IS_WORD(c) && ASYNCIO__IS_WORD(d))                     \
                    ASYNCIO__NOT_WIDE(ASYNCIO__NOT_4, fn, ASYNCIO__T(a), ASYNCIO__T(b),            \
                                      ASYNCIO__T(c), ASYNCIO__T(d)))                               \
     [ASYNCIO__MAKE(fn, (uintptr_t)(a), (uintptr_t)(b), (uintptr_t)(c), (uintptr_t)(d))])
#define ASYNCIO__CORO_6(fn, a, b, c, d, e)                                                         \
    (ASYNCIO__CHECK(fn, (fn)(a, b, c, d, e), ASYNCIO__TIMES_5,                                     \
                    ASYNCIO__WORDS(ASYNCIO__IS_WORD(a) && ASYNCIO__IS_WORD(b) &&                   \
                                   ASYNCIO__IS_WORD(c) && ASYNCIO__IS_WORD(d) &&                   \
                                   ASYNCIO__IS_WORD(e))                                            \
                    ASYNCIO__NOT_WIDE(ASYNCIO__NOT_5, fn, ASYNCIO__T(a), ASYNCIO__T(b),            \
                                      ASYNCIO__T(c), ASYNCIO__T(d), ASYNCIO__T(e)))                \
     [ASYNCIO__MAKE(fn, (uintptr_t)(a), (uintptr_t)(b), (uintptr_t)(c), (uintptr_t)(d),            \
                    (uintptr_t)(e))])
#define ASYNCIO__CORO_7(fn, a, b, c, d, e, f)                                                      \
    (ASYNCIO__CHECK(fn, (fn)(a, b, c, d, e, f), ASYNCIO__TIMES_6,                                  \
                    ASYNCIO__WORDS(ASYNCIO__IS_WORD(a) && ASYNCIO__IS_WORD(b) &&                   \
                                   ASYNCIO__IS_WORD(c) && ASYNCIO__IS_WORD(d) &&                   \
                                   ASYNCIO__IS_WORD(e) && ASYNCIO__IS_WORD(f))                     \
                    ASYNCIO__NOT_WIDE(ASYNCIO__NOT_6, fn, ASYNCIO__T(a), ASYNCIO__T(b),            \
                                      ASYNCIO__T(c), ASYNCIO__T(d), ASYNCIO__T(e),                 \
                                      ASYNCIO__T(f)))                                              \
     [ASYNCIO__MAKE(fn, (uintptr_t)(a), (uintptr_t)(b), (uintptr_t)(c), (uintptr_t)(d),            \
                    (uintptr_t)(e), (uintptr_t)(f))])

#define ASYNCIO__CORO_8(fn, ...) ASYNCIO__SEVEN(fn)
#define ASYNCIO__CORO_9(fn, ...) ASYNCIO__SEVEN(fn)
#define ASYNCIO__CORO_10(fn, ...) ASYNCIO__SEVEN(fn)
#define ASYNCIO__SEVEN(fn)                                                                         \
    (__extension__({                                                                               \
        _Static_assert(0, "a coroutine takes up to six arguments: pass a struct by its address");  \
        0;                                                                                         \
    })[ASYNCIO__MAKE(fn, 0)])
#define ASYNCIO__TOO_MANY(x)                                                                       \
    ((void)sizeof(struct {                                                                         \
        int unused;                                                                                \
        _Static_assert(0, "up to 16 here: the form that ends in _all takes any number");           \
    }), x)
