/* SPDX-License-Identifier: MIT */
/* Memory is flat over a hundred thousand requests on one connection; flat_million_test.c has a
 * million. */
/* TEST: backends epoll io_uring; timeout 300; not allocations valgrind aarch64 tsan */
#include "server/flat.h"

int main(void)
{
    return flat_main(100000);
}
