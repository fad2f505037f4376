/* SPDX-License-Identifier: MIT */
/* The limit of subprocess: posix_spawn and waitid in a loop.
 *
 *   spawn CHILDREN */
#include "../common.h"

#include <spawn.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
    extern char **environ;
    char name[] = "/bin/true", *const arguments[] = { name, NULL };
    long count = argument(argc, argv, 1, 1000);
    int64_t begin = wall();
    for (long i = 0; i < count; i++) {
        pid_t pid;
        siginfo_t info;
        int r = posix_spawn(&pid, name, NULL, NULL, arguments, environ);
        if (r || waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 || info.si_status)
            die(name, r ? r : errno);
    }
    figure("ns", (double)(wall() - begin) / (double)count);
    return 0;
}
