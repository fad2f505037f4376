/* SPDX-License-Identifier: MIT */
/* Writing without signals. See quiet.h. */
#include "base/quiet.h"

#include <errno.h>
#include <time.h>

static const int numbers[] = { SIGPIPE, SIGXFSZ };

void asyncio__quiet_begin(struct quiet *quiet)
{
    sigset_t held;
    sigemptyset(&held);
    sigemptyset(&quiet->pending);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&held, numbers[i]);
    pthread_sigmask(SIG_BLOCK, &held, &quiet->before);
    sigpending(&quiet->pending);
}

void asyncio__quiet_end(const struct quiet *quiet, bool is_broken)
{
    int error = errno;
    sigset_t caused;
    sigemptyset(&caused);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!sigismember(&quiet->pending, numbers[i]))
            sigaddset(&caused, numbers[i]);
    while (is_broken) {
        int r = sigtimedwait(&caused, NULL, &(struct timespec){ 0, 0 });
        is_broken = r >= 0 || errno == EINTR;
    }
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
    errno = error;
}
