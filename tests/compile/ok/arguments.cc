// SPDX-License-Identifier: MIT
// run
//
// Every kind of argument that a coroutine function takes arrives as it was given, in C++ too;
// lambdas without captures.
#include <asyncio.h>
#include <climits>
#include <cstring>
#include <string>
#include "check.h"

namespace {

struct point {
    int x, y;
};
enum colour { red, green = 7 };
enum class scoped { one = 1, big = INT_MAX };
enum class wide : long { most = LONG_MAX };

int none()
{
    return 17;
}

int quiet(int value) noexcept
{
    return value;
}

int takes_integers(int a, unsigned b, long c, unsigned long d, size_t e, uintptr_t f)
{
    return a == -5 && b == UINT_MAX && c == -6 && d == ULONG_MAX && e == 7 && f == 8 ? 1 : -EINVAL;
}

int takes_enums(colour a, scoped b, wide c)
{
    return a == green && b == scoped::big && c == wide::most ? 2 : -EINVAL;
}

int takes_pointers(const char *text, const point *p, void *any, const void *null, std::nullptr_t,
                   char **list)
{
    return !std::strcmp(text, "hello") && p->y == 2 && any == p && !null && !list ? 3 : -EINVAL;
}

int takes_functions(int (*function)(int), int (*same)(int), void (*nothing)())
{
    return nothing ? -EINVAL : function(2) + same(2);
}

int takes_double(double seconds)
{
    return seconds < 0 ? 5 : 6;
}

template <typename T> int takes_any(T *ret_value, T value)
{
    *ret_value = value;
    return 7;
}

struct with_static {
    int value;

    static int method(with_static *self, int more)
    {
        return self->value + more;
    }
};

int program()
{
    point p{ 1, 2 };
    short little = -5;
    float half = -0.5f;
    long got = 0;
    with_static object{ 3 };
    std::string text = "hello";
    CHECK(asyncio_await(asyncio_coro(none)) == 17);
    CHECK(asyncio_await(asyncio_coro(quiet, true)) == 1);
    CHECK(asyncio_await(
              asyncio_coro(takes_integers, little, UINT_MAX, -6, ULONG_MAX, 7, sizeof p)) == 1);
    CHECK(asyncio_await(asyncio_coro(takes_enums, green, scoped::big, wide::most)) == 2);
    CHECK(asyncio_await(asyncio_coro(takes_pointers, text.c_str(), &p, &p, 0, nullptr, NULL)) == 3);
    CHECK(asyncio_await(asyncio_coro(takes_functions, quiet, &quiet, nullptr)) == 4);
    CHECK(asyncio_await(asyncio_coro(takes_double, -1)) == 5);
    CHECK(asyncio_await(asyncio_coro(takes_double, half)) == 5);
    CHECK(asyncio_await(asyncio_coro(takes_double, 1.5)) == 6);
    CHECK(asyncio_await(asyncio_coro(asyncio_sleep, 0.0)) == 0);
    CHECK(asyncio_await(asyncio_coro(takes_any<long>, &got, 9L)) == 7 && got == 9);
    CHECK(asyncio_await(asyncio_coro(with_static::method, &object, 4)) == 7);
    return 0;
}

int lambdas()
{
    static int calls;
    auto stored = [](int a, const char *b) { return a + b[0]; };
    int local = 4;
    CHECK(asyncio_await(asyncio_coro([] { return ++calls; })) == 1);
    CHECK(asyncio_await(asyncio_coro(stored, 1, "a")) == 'b');
    CHECK(asyncio_await(asyncio_coro([](int *where, int by) -> int { return *where *= by; }, &local,
                                     3)) == 12);
    CHECK(asyncio_await(asyncio_coro([](double delay) { return asyncio_sleep(delay); }, 0.001)) ==
          0);
    point p{ 5, 6 };
    int sum = asyncio_await(asyncio_coro(
        [](const point *which) noexcept {
            int x = which->x, y = which->y;
            return x + y;
        },
        &p));
    CHECK(sum == 11);
    return 0;
}

} // namespace

int main()
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    CHECK(asyncio_run(asyncio_coro(lambdas)) == 0);
    return verdict();
}
