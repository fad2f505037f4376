/* SPDX-License-Identifier: MIT */
/* Guards and their memory. Two kinds:
 *
 *   MADV_GUARD_INSTALL (Linux 6.13)  a mark in the page table: no mapping is split, a million cost
 *   nothing else.
 *                                    process_madvise takes hundreds of ranges in a call.
 *   mprotect                         splits the mapping in two, of which a process may have
 *   vm.max_map_count; we stop
 *                                    at 45% of it, what comes after goes unguarded.
 *
 * Which one is decided once per process, by trying: a kernel, sandbox or emulator that merely
 * ignores the advice must not count. The try asks the kernel to write to the guarded page, so a
 * fault is an EFAULT and not a signal. */
#include "coro/guard.h"

#include "coro/sanitizer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#if !defined(MADV_GUARD_INSTALL)
#define MADV_GUARD_INSTALL 102
#endif
#if !defined(SYS_pidfd_open)
#define SYS_pidfd_open 434
#endif
#if !defined(SYS_process_madvise)
#define SYS_process_madvise 440
#endif

enum { GUARD = 16384, BATCH = 256 }; /* BATCH: ranges in one call; the kernel takes 1024 */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static size_t page;
static int has_marks;       /* MADV_GUARD_INSTALL works */
static size_t mappings_max; /* guards by mprotect, over the whole process */
static atomic_size_t mappings;
static atomic_int forced;
static atomic_size_t forced_max;
static atomic_int no_vectors; /* process_madvise was refused: do not ask again */

static int faults(void *address)
{
    return syscall(SYS_clock_gettime, CLOCK_MONOTONIC, address) < 0 && errno == EFAULT;
}

static size_t max_map_count(void)
{
    char text[32];
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 65530;
    text[n] = 0;
    return strtoul(text, NULL, 10);
}

static void probe(void)
{
    page = (size_t)sysconf(_SC_PAGESIZE);
    atomic_store(&no_vectors, sanitizer_is_valgrind()); /* it knows no process_madvise */
    mappings_max = max_map_count() / 2 * 9 / 10 / 2;    /* each guard makes two mappings of one */
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    has_marks = madvise(memory, page, MADV_GUARD_INSTALL) == 0 && faults(memory) &&
                !faults(memory + page) && madvise(memory, page, MADV_DONTNEED) == 0 &&
                faults(memory);
    munmap(memory, 2 * page);
}

size_t asyncio__guard_page(void)
{
    pthread_once(&once, probe);
    return page;
}

size_t asyncio__guard_bytes(void)
{
    return asyncio__guard_page() > GUARD ? page : GUARD;
}

void *asyncio__guard_map(size_t size, size_t alignment)
{
    size_t reserve;
    if (__builtin_add_overflow(size, alignment, &reserve))
        return NULL;
    char *memory = mmap(NULL, reserve, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    char *aligned = (char *)(((uintptr_t)memory + alignment - 1) & ~(uintptr_t)(alignment - 1));
    if (aligned > memory)
        munmap(memory, (size_t)(aligned - memory));
    if (memory + alignment > aligned)
        munmap(aligned + size, (size_t)(memory + alignment - aligned));
    /* One huge page under 32 idle stacks would cost 2 MiB instead of 128 KiB. EINVAL: there are
     * none anyway. */
    (void)madvise(aligned, size, MADV_NOHUGEPAGE);
    return aligned;
}

void asyncio__guard_unmap(void *memory, size_t size)
{
    munmap(memory, size);
}

/* Gives the same advice on `count` ranges, in few calls where the kernel takes a vector for our
 * own process (Linux 6.13 for these advices). Returns how many were advised. */
static size_t advise(struct iovec *ranges, size_t count, int advice)
{
    size_t done = 0;
    if (count > 1 && !atomic_load_explicit(&no_vectors, memory_order_relaxed)) {
        int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
        long r = self < 0 ? -1 : syscall(SYS_process_madvise, self, ranges, count, advice, 0);
        if (self >= 0)
            close(self);
        if (r < 0)
            atomic_store_explicit(&no_vectors, 1, memory_order_relaxed);
        for (; r >= (long)ranges[done].iov_len; done++) {
            r -= (long)ranges[done].iov_len;
            if (done + 1 == count)
                return count;
        }
    }
    while (done < count && madvise(ranges[done].iov_base, ranges[done].iov_len, advice) == 0)
        done++;
    return done;
}

static size_t install_marks(char *slots, size_t slot_size, size_t count)
{
    struct iovec ranges[BATCH];
    size_t done = 0;
    while (done < count) {
        size_t n = count - done < BATCH ? count - done : BATCH;
        for (size_t i = 0; i < n; i++)
            ranges[i] = (struct iovec){ slots + (done + i) * slot_size, asyncio__guard_bytes() };
        size_t advised = advise(ranges, n, MADV_GUARD_INSTALL);
        done += advised;
        if (advised < n)
            break;
    }
    return done;
}

static int use_marks(void)
{
    pthread_once(&once, probe);
    return has_marks && !atomic_load_explicit(&forced, memory_order_relaxed);
}

static size_t install_mappings(char *slots, size_t slot_size, size_t count)
{
    size_t max = atomic_load(&forced_max) ? atomic_load(&forced_max) : mappings_max;
    size_t done = 0;
    while (done < count) {
        if (atomic_fetch_add(&mappings, 1) >= max ||
            mprotect(slots + done * slot_size, asyncio__guard_bytes(), PROT_NONE) < 0) {
            atomic_fetch_sub(&mappings, 1);
            break;
        }
        done++;
    }
    return done;
}

size_t asyncio__guard_install(char *slots, size_t slot_size, size_t count)
{
    return use_marks() ? install_marks(slots, slot_size, count)
                       : install_mappings(slots, slot_size, count);
}

void asyncio__guard_forget(size_t count)
{
    if (!use_marks())
        atomic_fetch_sub(&mappings, count);
}

void asyncio__guard_drop(char *const *ranges, size_t size, size_t count)
{
    struct iovec vector[BATCH];
    for (size_t done = 0; done < count;) {
        size_t n = count - done < BATCH ? count - done : BATCH;
        for (size_t i = 0; i < n; i++)
            vector[i] = (struct iovec){ ranges[done + i], size };
        (void)advise(vector, n, MADV_DONTNEED);
        done += n;
    }
}

void asyncio__guard_force_mprotect(int force, size_t guards_max)
{
    atomic_store(&forced, force);
    atomic_store(&forced_max, guards_max);
}
