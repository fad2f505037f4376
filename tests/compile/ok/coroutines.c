/* SPDX-License-Identifier: MIT */
/* run
 *
 * asyncio_coro_copy, _ret and _on_close, alone and around one another, at once and kept in a
 * variable; compound literals as arguments, which live as long as their block. */
#include <asyncio.h>
#include "check.h"

struct point {
    int x, y;
};

static int closed;

static void on_close(void *data)
{
    closed += *(int *)data;
}

static int take_point(const struct point *point)
{
    return point->x * 10 + point->y;
}

static int take_point_and(const struct point *point, int factor, const char *name)
{
    return name[0] == 'n' ? take_point(point) * factor : -EINVAL;
}

static int give_point(struct point *ret_point)
{
    CHECK(ret_point->x == 0 && ret_point->y == 0);
    ret_point->x = 8;
    return 1;
}

static int give_point_of(int x, int y, struct point *ret_point)
{
    ret_point->x = x;
    ret_point->y = y;
    return 2;
}

static int add_up(const int *numbers, size_t count)
{
    int sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += numbers[i];
    return sum;
}

static int many(int a, long b, void *c, const char *d, unsigned e, double *ret_value)
{
    *ret_value = a + (double)b + (c == NULL) + d[0] - 'a' + e;
    return 0;
}

static int copies(void)
{
    asyncio_task *task;
    struct point point = { 4, 2 };
    struct point several[2] = { { 1, 1 }, { 9, 9 } };
    int next = 0;
    CHECK(asyncio_create_task(asyncio_coro_copy(take_point, &point), &task) == 0);
    point.x = 0;
    CHECK(asyncio_await(task) == 42);
    asyncio_task_unref(task);
    CHECK(asyncio_await(asyncio_coro_copy(take_point_and, &several[next++], 2, "name")) == 22);
    CHECK(next == 1);
    CHECK(asyncio_await(asyncio_coro_copy(take_point, several + 1)) == 99);
    CHECK(asyncio_await(asyncio_coro_copy(take_point, several)) == 11);
    return 0;
}

static int results(void)
{
    asyncio_task *task;
    CHECK(asyncio_create_task(asyncio_coro_ret(give_point, struct point), &task, .name = "giver") ==
          0);
    CHECK(asyncio_await(task) == 1);
    const struct point *got = asyncio_task_value(task);
    CHECK(got != NULL && got->x == 8);
    asyncio_task_unref(task);

    asyncio_coro coro = asyncio_coro_ret(give_point_of, struct point, 3, 4);
    CHECK(asyncio_create_task(coro, &task) == 0);
    CHECK(asyncio_await(task) == 2);
    got = asyncio_future_value(task);
    CHECK(got != NULL && got->x == 3 && got->y == 4);
    asyncio_task_unref(task);

    CHECK(asyncio_create_task(asyncio_coro_ret(many, double, 1, 2, NULL, "c", 3u), &task) == 0);
    CHECK(asyncio_await(task) == 0);
    const double *value = asyncio_task_value(task);
    CHECK(value != NULL && *value == 9.0);
    asyncio_task_unref(task);
    return 0;
}

static int closings(void)
{
    int one = 1, ten = 10, hundred = 100;
    asyncio_task *task;
    struct point point = { 5, 6 };
    CHECK(asyncio_await(asyncio_coro_on_close(asyncio_coro(take_point, &point), on_close, &one)) ==
          56);
    CHECK(closed == 1);
    asyncio_coro coro =
        asyncio_coro_on_close(asyncio_coro_copy(take_point, &point), on_close, &ten);
    CHECK(asyncio_create_task(coro, &task) == 0);
    point.y = 0;
    asyncio_task_cancel(task);
    CHECK(asyncio_await(task) == -ECANCELED);
    CHECK(closed == 11);
    asyncio_task_unref(task);
    CHECK(asyncio_create_task(asyncio_coro_on_close(
                                  asyncio_coro_on_close(asyncio_coro_ret(give_point, struct point),
                                                        on_close, &hundred),
                                  on_close, &one),
                              &task) == 0);
    CHECK(asyncio_await(task) == 1);
    asyncio_task_unref(task);
    CHECK(closed == 112);
    return 0;
}

static int literals(void)
{
    asyncio_coro coro = asyncio_coro(take_point, (&(struct point){ 7, 8 }));
    asyncio_coro other = asyncio_coro(add_up, ((int[]){ 1, 2, 3 }), 3);
    asyncio_coro third = asyncio_coro_copy(take_point, (&(struct point){ .y = 3, .x = 2 }));
    CHECK(asyncio_await(coro) == 78);
    CHECK(asyncio_await(other) == 6);
    CHECK(asyncio_await(third) == 23);
    CHECK(asyncio_await(asyncio_coro(add_up, ((int[]){ 4, 5 }), 2)) == 9);
    return 0;
}

static int program(void)
{
    _Static_assert(asyncio_iscoroutine(((asyncio_coro){ 0 })), "a coroutine object");
    _Static_assert(!asyncio_iscoroutine(3), "an int");
    _Static_assert(!asyncio_isfuture(3), "an int");
    _Static_assert(asyncio_isfuture((asyncio_task *)NULL), "a task is a future");
    _Static_assert(asyncio_isfuture((asyncio_future *)NULL), "a future");
    asyncio_coro coro = asyncio_coro(copies);
    CHECK(asyncio_iscoroutine(coro) && !asyncio_isfuture(coro));
    return asyncio_gather(coro, asyncio_coro(results), asyncio_coro(closings),
                          asyncio_coro(literals));
}

int main(void)
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
