/* SPDX-License-Identifier: MIT */
/* Writing without SIGPIPE to what may be a pipe, and without SIGXFSZ to what may be a file as large
 * as RLIMIT_FSIZE allows. There is no flag that spares us these signals, and a program's own way
 * with them is not ours to change: so they are held back from the thread and, when the write has
 * just caused one that was not pending before, taken away. */
#pragma once

#include <signal.h>
#include <stdbool.h>

struct quiet {
    sigset_t before, pending;
};

/* Around the write. `errno` is kept by `end`, which is told whether it was one of the two's, EPIPE
 * or EFBIG, or may have been. */
void asyncio__quiet_begin(struct quiet *quiet);
void asyncio__quiet_end(const struct quiet *quiet, bool is_broken);
