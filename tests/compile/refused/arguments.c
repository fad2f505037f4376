/* SPDX-License-Identifier: MIT */
/* Arguments that do not fit the function. */
#include <asyncio.h>

struct pair {
    int a, b;
};

int number(int value);
int pointer(const int *value);
int two(int a, const char *b);
int six(int a, int b, int c, int d, int e, int f);
int seven(int a, int b, int c, int d, int e, int f, int g);
int seconds(double value);
int copied(struct pair *pair, int b);
int given(int a, struct pair *ret_pair);

/* expect: too few arguments */
int f(void) { return asyncio_await(asyncio_coro(number)); }

/* expect: too many arguments */
int f(void) { return asyncio_await(asyncio_coro(number, 1, 2)); }

/* expect: too few arguments */
int f(void) { return asyncio_await(asyncio_coro(six, 1, 2, 3, 4, 5)); }

/* expect: up to six arguments */
int f(void) { return asyncio_await(asyncio_coro(seven, 1, 2, 3, 4, 5, 6, 7)); }

/* expect: too few arguments */
int f(void) { return asyncio_await(asyncio_coro(seconds)); }

/* expect gcc: incompatible pointer type */
/* expect clang: incompatible pointer types */
int f(long *x) { return asyncio_await(asyncio_coro(pointer, x)); }

/* expect gcc: makes pointer from integer */
/* expect clang: incompatible integer to pointer */
int f(void) { return asyncio_await(asyncio_coro(two, 1, 2)); }

/* expect gcc: makes integer from pointer */
/* expect clang: incompatible pointer to integer */
int f(void) { return asyncio_await(asyncio_coro(two, "a", "b")); }

/* expect gcc: incompatible type for argument */
/* expect clang: to parameter of incompatible type */
int f(void) { return asyncio_await(asyncio_coro(seconds, "1.0")); }

/* expect gcc: incompatible type for argument */
/* expect clang: to parameter of incompatible type */
int f(struct pair pair) { return asyncio_await(asyncio_coro(number, pair)); }

/* expect: convert a floating one yourself */
int f(void) { return asyncio_await(asyncio_coro(number, 1.5)); }

/* expect: convert a floating one yourself */
int f(float x) { return asyncio_await(asyncio_coro(six, 1, 2, 3, 4, 5, x)); }

/* expect: convert a floating one yourself */
__extension__ typedef __int128 wide;
int f(wide x) { return asyncio_await(asyncio_coro(six, 1, x, 3, 4, 5, 6)); }

/* expect gcc: incompatible pointer type */
/* expect clang: incompatible pointer types */
int f(int *x) { return asyncio_await(asyncio_coro_copy(copied, x, 1)); }

/* expect: too few arguments */
int f(struct pair *x) { return asyncio_await(asyncio_coro_copy(copied, x)); }

/* expect gcc: incompatible pointer type */
/* expect clang: incompatible pointer types */
int f(void) { return asyncio_await(asyncio_coro_ret(given, struct asyncio_frame, 1)); }

/* expect: too many arguments */
int f(void) { return asyncio_await(asyncio_coro_ret(number, struct pair, 1)); }

/* expect gcc: incompatible pointer type */
/* expect clang: incompatible function pointer types */
/* flags: -Werror=incompatible-pointer-types */
void destroy(int *data);
int f(void) { return asyncio_await(asyncio_coro_on_close(asyncio_coro(number, 1), destroy, NULL)); }
