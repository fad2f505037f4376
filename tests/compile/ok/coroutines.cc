// SPDX-License-Identifier: MIT
// run
//
// asyncio_coro_copy, _ret and _on_close in C++: as arguments, kept by auto, around one another.
#include <asyncio.h>
#include "check.h"

namespace {

struct point {
    int x, y;
};

int closed;

void on_close(void *data)
{
    closed += *static_cast<int *>(data);
}

int take_point(const point *p)
{
    return p->x * 10 + p->y;
}

int take_point_and(point *p, int factor, const char *name)
{
    return name ? -EINVAL : take_point(p) * factor;
}

int give_point(int x, int y, point *ret_point)
{
    CHECK(ret_point->x == 0 && ret_point->y == 0);
    *ret_point = { x, y };
    return 2;
}

int copies()
{
    asyncio_task *task;
    point p{ 4, 2 };
    point several[] = { { 1, 1 }, { 9, 9 } };
    int next = 0;
    CHECK(asyncio_create_task(asyncio_coro_copy(take_point, &p), &task) == 0);
    auto kept = asyncio_coro_copy(take_point, &p);
    auto copy = kept;
    p.x = 0;
    CHECK(asyncio_await(task) == 42);
    asyncio_task_unref(task);
    CHECK(asyncio_await(kept) == 2);
    CHECK(asyncio_await(copy) == 2);
    CHECK(asyncio_await(asyncio_coro_copy(take_point_and, &several[next++], 2, NULL)) == 22);
    CHECK(next == 1);
    CHECK(asyncio_await(asyncio_coro_copy([](point *q) { return q->x; }, several + 1)) == 9);
    asyncio_coro plain = kept;
    CHECK(asyncio_await(plain) == 2);
    return 0;
}

int results()
{
    asyncio_task *task;
    CHECK(asyncio_create_task(asyncio_coro_ret(give_point, point, 3, 4), &task, .name = "giver") ==
          0);
    CHECK(asyncio_await(task) == 2);
    auto got = static_cast<const point *>(asyncio_task_value(task));
    CHECK(got && got->x == 3 && got->y == 4);
    asyncio_task_unref(task);
    auto kept = asyncio_coro_ret([](double *ret_value) { *ret_value = 1.5; return 0; }, double);
    const auto &constant = kept;
    CHECK(asyncio_create_task(constant, &task) == 0);
    CHECK(asyncio_await(task) == 0);
    auto value = static_cast<double *>(asyncio_future_value(task));
    CHECK(value && *value > 1.4);
    asyncio_task_unref(task);
    CHECK(asyncio_gather(kept, asyncio_coro_ret(give_point, point, 1, 1)) == 0);
    return 0;
}

int closings()
{
    int one = 1, ten = 10;
    asyncio_task *task;
    point p{ 5, 6 };
    CHECK(asyncio_await(asyncio_coro_on_close(asyncio_coro(take_point, &p), on_close, &one)) == 56);
    CHECK(closed == 1);
    auto outer = asyncio_coro_on_close(asyncio_coro_copy(take_point, &p), on_close, &ten);
    auto twice = asyncio_coro_on_close(
        outer, [](void *data) { ++*static_cast<int *>(data); }, &one);
    CHECK(asyncio_create_task(twice, &task) == 0);
    p.y = 0;
    asyncio_task_cancel(task);
    CHECK(asyncio_await(task) == -ECANCELED);
    asyncio_task_unref(task);
    CHECK(closed == 11 && one == 2);
    CHECK(asyncio_to_thread(asyncio_coro_on_close(asyncio_coro(take_point, &p), on_close, &ten)) ==
          50);
    CHECK(closed == 21);
    asyncio_awaitable awaitable = ASYNCIO_AWAITABLE(outer);
    CHECK(asyncio_wait_for(awaitable, 1) == 50);
    CHECK(closed == 31);
    return 0;
}

int program()
{
    static_assert(asyncio_iscoroutine(asyncio_coro(copies)), "a coroutine object");
    static_assert(asyncio_iscoroutine(asyncio_coro_ret(give_point, point, 1, 2)),
                  "one with a note");
    static_assert(!asyncio_iscoroutine(3) && !asyncio_isfuture(3), "neither");
    asyncio_task *task = asyncio_current_task();
    static_assert(asyncio_isfuture(task) && !asyncio_iscoroutine(task), "a future");
    CHECK(task != nullptr);
    return asyncio_gather(asyncio_coro(copies), asyncio_coro(results), asyncio_coro(closings));
}

} // namespace

int main()
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
