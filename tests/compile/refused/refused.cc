// SPDX-License-Identifier: MIT
// What C++ refuses: parameters, arguments, lambdas with captures, coroutine objects that dangle.
#include <asyncio.h>
#include <functional>

struct pair {
    int a, b;
};
int number(int value);
int two(int a, const char *b);
int six(int a, int b, int c, int d, int e, int f);
void on_int(int value);

/* expect: no matching function */
int f() { return asyncio_await(asyncio_coro(number)); }

/* expect: no matching function */
int f() { return asyncio_await(asyncio_coro(number, 1, 2)); }

/* expect: no matching function */
int f() { return asyncio_await(asyncio_coro(two, "a", "b")); }

/* expect: no matching function */
int f() { return asyncio_await(asyncio_coro(two, 1, 2)); }

/* expect: up to six arguments */
int seven(int, int, int, int, int, int, int);
int f() { return asyncio_await(asyncio_coro(seven, 1, 2, 3, 4, 5, 6, 7)); }

/* expect: returns int */
void none(int);
int f() { return asyncio_await(asyncio_coro(none, 1)); }

/* expect: returns int */
long larger();
int f() { return asyncio_await(asyncio_coro(larger)); }

/* expect: at least as wide as int and no wider than a register, or is int (double) */
int floating(float);
int f() { return asyncio_await(asyncio_coro(floating, 1)); }

/* expect: at least as wide as int */
int floating(double, int);
int f() { return asyncio_await(asyncio_coro(floating, 1, 2)); }

/* expect: at least as wide as int */
int narrow(bool);
int f() { return asyncio_await(asyncio_coro(narrow, true)); }

/* expect: at least as wide as int */
int narrow(int, char);
int f() { return asyncio_await(asyncio_coro(narrow, 1, 'x')); }

/* expect: no wider than a register */
__extension__ typedef __int128 wide;
int wider(const char *, wide);
int f() { return asyncio_await(asyncio_coro(wider, "a", 1)); }

/* expect: pointers and integers */
int by_value(pair);
int f() { return asyncio_await(asyncio_coro(by_value, pair{})); }

/* expect: pointers and integers */
int by_reference(int &);
int f(int x) { return asyncio_await(asyncio_coro(by_reference, x)); }

/* expect: only a lambda without captures is a coroutine function */
int f(int x) { return asyncio_await(asyncio_coro([x] { return x; })); }

/* expect: only a lambda without captures is a coroutine function */
int f(int x) { return asyncio_await(asyncio_coro([&](int y) { return x + y; }, 1)); }

/* expect: only a lambda without captures is a coroutine function */
int f(std::function<int()> function) { return asyncio_await(asyncio_coro(function)); }

/* expect: what is called has been awaited */
int f() { return asyncio_await(number(1)); }

/* expect: what is called has been awaited */
int f() { return asyncio_gather(asyncio_coro(number, 1), number(2)); }

/* expect: what is called has been awaited */
int f() { return asyncio_create_task(number(1), nullptr); }

/* expect: up to 16 here */
int f(asyncio_task *t) { return asyncio_gather(t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t); }

/* expect: no matching function */
int f() { return asyncio_await("text"); }

/* expect: delete */
int give(int *ret);
int f() { asyncio_coro coro = asyncio_coro_ret(give, int); return asyncio_await(coro); }

/* expect: keep it */
int give(int *ret);
int f()
{
    asyncio_awaitable all[] = { ASYNCIO_AWAITABLE(asyncio_coro_ret(give, int)) };
    return asyncio_gather_all(all, 1, nullptr);
}

/* expect: no destructor of it is called */
struct with_destructor { ~with_destructor(); };
int give(with_destructor *ret);
int f() { return asyncio_await(asyncio_coro_ret(give, with_destructor)); }

/* expect gcc: has no non-static data member named 'nmae' */
/* expect clang: 'nmae' does not */
int f() { return asyncio_create_task(asyncio_coro(number, 1), nullptr, .nmae = "x"); }

/* expect: error: */
int f() { return asyncio_create_task(asyncio_coro(number, 1), nullptr, .name = 5); }

/* expect: no such callback here */
int f(asyncio_loop *loop) { return asyncio_loop_call_soon(loop, on_int, nullptr); }

/* expect: no such callback here */
int f(asyncio_loop *loop, int x)
{
    return asyncio_loop_call_soon(
        loop, [x](asyncio_loop *) { on_int(x); }, nullptr);
}

/* expect: no such callback here */
int f(asyncio_future *future) { return asyncio_future_add_done_callback(future, on_int); }

/* expect: no such callback here */
int f(asyncio_server **server) { return asyncio_start_server(number, nullptr, 0, server); }

/* expect: a size is an integer */
int f(asyncio_stream *stream) { return asyncio_stream_write(stream, "text", 1.5); }

/* expect on each line: unused-result */
/* flags: -Werror=unused-result */
void f(asyncio_stream *stream, asyncio_task *task)
{
    asyncio_await(asyncio_coro(number, 1));
    asyncio_gather(asyncio_coro(number, 1), asyncio_coro(two, 1, "b"));
    asyncio_create_task(asyncio_coro(number, 1), nullptr, .name = "x");
    asyncio_wait(&task, 1, nullptr, .timeout = 1);
    asyncio_run(asyncio_coro(number, 1));
    asyncio_stream_write(stream, "text", 4);
}
