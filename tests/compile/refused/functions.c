/* SPDX-License-Identifier: MIT */
/* Functions that are no coroutine functions. Where gcc 11 is left out, it cannot see what is
 * wrong: the other arguments are not of the very types of the parameters. */
#include <asyncio.h>
#include <stdbool.h>

struct pair {
    int a, b;
};
__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 wide_unsigned;

/* expect: returns int */
void none(int x);
int f(void) { return asyncio_await(asyncio_coro(none, 1)); }

/* expect: returns int */
long larger(int x);
int f(void) { return asyncio_await(asyncio_coro(larger, 1)); }

/* expect: returns int */
int *pointer(void);
int f(void) { return asyncio_await(asyncio_coro(pointer)); }

/* expect: returns int */
double real(double x);
int f(void) { return asyncio_await(asyncio_coro(real, 1)); }

/* expect gcc: not a function */
/* expect clang: not a function */
int f(void) { return asyncio_await(asyncio_coro(3, 4)); }

/* expect: error: */
int floating(float x);
int f(void) { return asyncio_await(asyncio_coro(floating, 1)); }

/* expect: error: */
int floating(float x);
int f(void) { return asyncio_await(asyncio_coro(floating, 1.5f)); }

/* expect: error: */
int floating(int a, double b);
int f(void) { return asyncio_await(asyncio_coro(floating, 1, 2)); }

/* expect: convert a floating one yourself */
int floating(double a, int b);
int f(void) { return asyncio_await(asyncio_coro(floating, 1.5, 2)); }

/* expect: error: */
/* not: gcc 11 */
int floating(const char *a, double b, size_t c);
int f(void) { return asyncio_await(asyncio_coro(floating, "a", 2, 3)); }

/* expect: error: */
int floating(long double x);
int f(void) { return asyncio_await(asyncio_coro(floating, 1)); }

/* expect: error: */
/* not: gcc 11 */
int complex(double _Complex x);
int f(void) { return asyncio_await(asyncio_coro(complex, 1)); }

/* expect: error: */
int narrow(char x);
int f(void) { return asyncio_await(asyncio_coro(narrow, 'x')); }

/* expect: at least as wide as int */
/* standards: gnu11 c11 gnu17 */
int narrow(short x);
int f(short x) { return asyncio_await(asyncio_coro(narrow, x)); }

/* expect: error: */
/* not: gcc 11 */
int narrow(int a, unsigned short b, const char *c);
int f(unsigned short b) { return asyncio_await(asyncio_coro(narrow, 1, b, "c")); }

/* expect: at least as wide as int */
/* standards: gnu11 c11 gnu17 */
int flag(bool x);
int f(void) { return asyncio_await(asyncio_coro(flag, true)); }

/* expect: error: */
int wider(wide x);
int f(void) { return asyncio_await(asyncio_coro(wider, 1)); }

/* expect: error: */
int wider(wide_unsigned x);
int f(void) { return asyncio_await(asyncio_coro(wider, 1)); }

/* expect: error: */
/* not: gcc 11 */
int wider(const char *a, size_t b, wide c, int d);
int f(void) { return asyncio_await(asyncio_coro(wider, "a", 2, 3, 4)); }

/* expect: error: */
/* not: gcc 11 */
int wider(int a, const char *b, int c, int d, int e, wide_unsigned g);
int f(void) { return asyncio_await(asyncio_coro(wider, 1, "b", 3, 4, 5, 6)); }

/* expect: error: */
int by_value(struct pair x);
int f(struct pair x) { return asyncio_await(asyncio_coro(by_value, x)); }

/* expect: error: */
/* standards: gnu11 c11 gnu17 */
int variadic(const char *format, ...);
int f(void) { return asyncio_await(asyncio_coro(variadic, "a", 1)); }
