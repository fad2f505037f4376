/* SPDX-License-Identifier: MIT */
/* run
 *
 * Every kind of argument that a coroutine function takes arrives as it was given. */
#include <asyncio.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include "check.h"

struct point {
    int x, y;
};
enum colour { RED, GREEN = 7 };
enum below { MINUS_ONE = -1, MINUS_THREE = -3 };
typedef int binary(int, int);

static int sum(int a, int b)
{
    return a + b;
}

static int none(void)
{
    return 17;
}

static int takes_int(int value)
{
    return value == -5 ? 1 : -EINVAL;
}

static int takes_unsigned(unsigned value)
{
    return value == 4000000000u ? 2 : -EINVAL;
}

static int takes_long(long value, long other)
{
    return value == -5 && other == LONG_MIN ? 3 : -EINVAL;
}

static int takes_unsigned_long(unsigned long value, unsigned long long other, uintptr_t third)
{
    return value == ULONG_MAX && other == ULLONG_MAX - 1 && third == 5 ? 4 : -EINVAL;
}

static int takes_sizes(size_t size, ssize_t signed_size, ptrdiff_t difference, off_t offset)
{
    return size == 6 && signed_size == -7 && difference == -8 && offset == 9 ? 5 : -EINVAL;
}

static int takes_enums(enum colour colour, enum below below, enum below other)
{
    return colour == GREEN && below == MINUS_THREE && other == MINUS_ONE ? 6 : -EINVAL;
}

static int takes_flags(int yes, int no, unsigned compared)
{
    return yes == 1 && no == 0 && compared == 1 ? 7 : -EINVAL;
}

static int takes_texts(const char *text, char *buffer, const char *const *list, char **out)
{
    *out = buffer;
    return strcmp(text, "hello") == 0 && strcmp(list[1], "two") == 0 ? 8 : -EINVAL;
}

static int takes_pointers(const struct point *point, struct point *other, const void *any,
                          void *null)
{
    other->x = point->y;
    return any == point && null == NULL ? 9 : -EINVAL;
}

static int takes_arrays(int numbers[3], const int table[2][2], const char name[static 2])
{
    return numbers[2] == 30 && table[1][0] == 3 && name[1] == 'b' ? 10 : -EINVAL;
}

static int takes_functions(int (*function)(int, int), binary *same, void (*nothing)(void))
{
    return nothing == NULL ? function(1, 2) + same(3, 4) + 1 : -EINVAL;
}

static int takes_six(char *const *a, int b, long c, size_t d, enum colour e, const void *f)
{
    return a == NULL && b == -1 && c == -2 && d == 3 && e == GREEN && f == &failures ? 12 : -EINVAL;
}

static int takes_five(int a, int b, int c, int d, int e)
{
    return a * 10000 + b * 1000 + c * 100 + d * 10 + e;
}

static int takes_double(double seconds)
{
    return seconds == -1.5 ? 13 : seconds == 3.0 ? 14 : seconds == 0.25 ? 15 : -EINVAL;
}

static int takes_fixed(int8_t *a, uint32_t b, int32_t c, uint64_t d, int64_t e, bool *f)
{
    *f = *a == -1 && b == UINT32_MAX && c == INT32_MIN && d == UINT64_MAX && e == INT64_MIN;
    return 16;
}

static int texts(void)
{
    char buffer[8] = "b";
    const char *list[] = { "one", "two" };
    char *out = NULL;
    struct point point = { 1, 2 }, other = { 0, 0 };
    int numbers[3] = { 10, 20, 30 };
    static const int table[2][2] = { { 1, 2 }, { 3, 4 } };
    CHECK(asyncio_await(asyncio_coro(takes_texts, "hello", buffer, list, &out)) == 8);
    CHECK(out == buffer);
    CHECK(asyncio_await(asyncio_coro(takes_pointers, &point, &other, &point, NULL)) == 9);
    CHECK(other.x == 2);
    CHECK(asyncio_await(asyncio_coro(takes_arrays, numbers, table, "ab")) == 10);
    CHECK(asyncio_await(asyncio_coro(takes_functions, sum, &sum, 0)) == 11);
    return 0;
}

static int integers(void)
{
    int n = -5, flag = 2;
    unsigned char byte = 6;
    short little = -7;
    char letter = 5;
    bool yes = true;
    long big = LONG_MIN;
    const int constant = -8;
    volatile int changing = 9;
    CHECK(asyncio_await(asyncio_coro(none)) == 17);
    CHECK(asyncio_await(asyncio_coro(takes_int, -5)) == 1);
    CHECK(asyncio_await(asyncio_coro(takes_int, n)) == 1);
    CHECK(asyncio_await(asyncio_coro(&takes_int, n)) == 1);
    CHECK(asyncio_await(asyncio_coro(takes_unsigned, 4000000000u)) == 2);
    CHECK(asyncio_await(asyncio_coro(takes_long, n, big)) == 3);
    CHECK(asyncio_await(
              asyncio_coro(takes_unsigned_long, (unsigned long)-1, ULLONG_MAX - 1, letter)) == 4);
    CHECK(asyncio_await(asyncio_coro(takes_sizes, byte, little, constant, changing)) == 5);
    CHECK(asyncio_await(asyncio_coro(takes_enums, GREEN, MINUS_THREE, MINUS_ONE)) == 6);
    CHECK(asyncio_await(asyncio_coro(takes_flags, yes, !yes, flag == 2)) == 7);
    CHECK(asyncio_await(asyncio_coro(takes_five, 1, 2, 3, 4, byte)) == 12346);
    CHECK(asyncio_await(asyncio_coro(takes_six, NULL, -1, -2, 3, GREEN, &failures)) == 12);
    return 0;
}

static int doubles(void)
{
    float quarter = 0.25f;
    CHECK(asyncio_await(asyncio_coro(takes_double, -1.5)) == 13);
    CHECK(asyncio_await(asyncio_coro(takes_double, 3)) == 14);
    CHECK(asyncio_await(asyncio_coro(takes_double, 3u)) == 14);
    CHECK(asyncio_await(asyncio_coro(takes_double, 3L)) == 14);
    CHECK(asyncio_await(asyncio_coro(takes_double, quarter)) == 15);
    CHECK(asyncio_await(asyncio_coro(asyncio_sleep, 0)) == 0);
    CHECK(asyncio_await(asyncio_coro(asyncio_sleep, 0.001)) == 0);
    int (*function)(double) = takes_double;
    CHECK(asyncio_await(asyncio_coro(function, 0.25)) == 15);
    return 0;
}

static int program(void)
{
    int8_t small = -1;
    bool right = false;
    int (*chosen[2])(int, int) = { sum, NULL };
    CHECK(asyncio_await(asyncio_coro(chosen[0], 20, 3)) == 23);
    CHECK(asyncio_await(asyncio_coro(takes_fixed, &small, UINT32_MAX, INT32_MIN, UINT64_MAX,
                                     INT64_MIN, &right)) == 16);
    CHECK(right);
    CHECK(asyncio_gather(asyncio_coro(texts), asyncio_coro(integers), asyncio_coro(doubles)) == 0);
    return 0;
}

int main(void)
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
