/* SPDX-License-Identifier: MIT */
/* The limit of memory: what the kernel asks for a million stacks, and nothing else.
 *
 *   memory SLOTS  in slabs of 64 MiB guards four pages of each 64 KiB slot, touches its top page
 *
 * The guards of a slab are installed in as few calls as the kernel takes (process_madvise on
 * ourselves, 1024 ranges each), one madvise each where it refuses; before Linux 6.13, where there
 * is no such guard, it says so and goes without: mprotect could not guard a million. Prints the
 * time per slot of all of it and the memory each one holds. */
#include "../common.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { SLOT = 64 * 1024, GUARD = 4 * 4096, PER_SLAB = 1024 };

static bool guard_each(struct iovec *guards, int count)
{
    for (int i = 0; i < count; i++)
        if (madvise(guards[i].iov_base, guards[i].iov_len, MADV_GUARD_INSTALL) < 0)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    long count = argument(argc, argv, 1, 1000000);
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    bool batch = self >= 0, guarded = true;
    int64_t before = memory(), begin = wall();
    for (long made = 0; made < count; made += PER_SLAB) {
        static struct iovec guards[PER_SLAB];
        size_t size = (size_t)PER_SLAB * SLOT;
        int here = count - made < PER_SLAB ? (int)(count - made) : PER_SLAB;
        char *slab = mmap(NULL, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (slab == MAP_FAILED)
            die("mmap", errno);
        madvise(slab, size, MADV_NOHUGEPAGE);
        for (int i = 0; i < here; i++)
            guards[i] = (struct iovec){ slab + (size_t)i * SLOT, GUARD };
        if (guarded && batch)
            batch = syscall(SYS_process_madvise, self, guards, here, MADV_GUARD_INSTALL, 0) ==
                    (long)here * GUARD;
        if (guarded && !batch)
            guarded = guard_each(guards, here);
        for (int i = 0; i < here; i++)
            *(volatile long *)(slab + (size_t)(i + 1) * SLOT - 64) = i;
    }
    int64_t spent = wall() - begin;
    if (!guarded)
        fprintf(stderr, "memory: no MADV_GUARD_INSTALL here, nothing was guarded\n");
    figure("batched", batch && guarded);
    figure("ns", (double)spent / (double)count);
    figure("bytes", (double)(memory() - before) / (double)count);
    return 0;
}
