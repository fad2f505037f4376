/* SPDX-License-Identifier: MIT */
/* As flat_test.c, over a million requests on one connection. */
/* TEST: backends epoll io_uring; suite slow; timeout 1200; not allocations valgrind aarch64 tsan */
#include "server/flat.h"

int main(void)
{
    return flat_main(1000000);
}
