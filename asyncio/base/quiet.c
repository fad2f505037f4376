/* SPDX-License-Identifier: MIT */
/* Writing without SIGPIPE. See quiet.h. */
#include "base/quiet.h"

#include <errno.h>
#include <time.h>

void asyncio__quiet_begin(struct quiet *quiet)
{
    sigset_t broken;
    sigemptyset(&broken);
    sigemptyset(&quiet->pending);
    sigaddset(&broken, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken, &quiet->before);
    sigpending(&quiet->pending);
}

void asyncio__quiet_end(const struct quiet *quiet, bool is_broken)
{
    int error = errno;
    sigset_t broken;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    if (is_broken && !sigismember(&quiet->pending, SIGPIPE))
        while (sigtimedwait(&broken, NULL, &(struct timespec){ 0, 0 }) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
    errno = error;
}
