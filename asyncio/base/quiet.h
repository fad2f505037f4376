/* SPDX-License-Identifier: MIT */
/* Writing without SIGPIPE to what may be a pipe. There is no flag that spares us the signal there,
 * so it is held back from the thread and, when the write has just caused one that was not pending
 * before, taken away. */
#pragma once

#include <signal.h>
#include <stdbool.h>

struct quiet {
    sigset_t before, pending;
};

/* Around the write. `errno` is kept by `end`, which is told whether it was -EPIPE, or may have
 * been. */
void asyncio__quiet_begin(struct quiet *quiet);
void asyncio__quiet_end(const struct quiet *quiet, bool is_broken);
