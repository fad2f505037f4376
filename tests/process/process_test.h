/* SPDX-License-Identifier: MIT */
/* What the tests of subprocesses share: programs of which no child is left. */
#pragma once

#include "net/net_test.h"

#include <sys/wait.h>

static inline void no_child_is_left(void)
{
    siginfo_t info = { .si_pid = 0 };
    int r = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
    if (r == 0)
        fail_msg("a child is left, %s", info.si_pid ? "a zombie" : "and it runs");
    assert_int_equal(errno, ECHILD);
}

/* Plain, and one byte at a time; it has to return 0. */
static inline void run_program(program *body)
{
    for (int i = 0; i < 2; i++) {
        enter_world(i ? "chopped" : "plain", i, 0);
        int r = run_once(body, NULL);
        if (r != 0)
            fail_msg("%s: %s (%s)", world.name, asyncio_error_name(r),
                     asyncio_last_error(r) ? asyncio_last_error(r)->text : "-");
        no_child_is_left();
    }
    enter_world("plain", false, 0);
}
