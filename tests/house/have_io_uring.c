/* SPDX-License-Identifier: MIT */
/* Exit status 0 when this kernel and this container let a program make an io_uring, else 1 and the
 * reason. Tests of that backend are skipped, not failed, where it does not exist. Asks the kernel
 * and not our library: a backend of ours that is broken must not skip its own tests. */
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    struct io_uring_params params;
    memset(&params, 0, sizeof params);
    long fd = syscall(__NR_io_uring_setup, 8, &params);
    if (fd < 0) {
        printf("io_uring: %s\n", strerror(errno));
        return 1;
    }
    close((int)fd);
    return 0;
}
