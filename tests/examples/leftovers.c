/* SPDX-License-Identifier: MIT */
/* Linked to each example in its test: looks, when the program has ended, what it leaves behind,
 * and writes that to the file that LEFTOVERS names. Bytes are those that the library has not given
 * back; descriptors and threads are compared with those at the start. */
#include <asyncio.h>
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 4096 };

/* ThreadSanitizer starts a thread of its own together with the program's first. */
#if defined(__SANITIZE_THREAD__)
enum { SANITIZER_THREADS = 1 };
#else
enum { SANITIZER_THREADS = 0 };
#endif

static atomic_llong bytes;
static bool was_open[DESCRIPTORS_MAX];
static int threads_before;

static void *counting_reallocate(void *old, size_t size, void *data)
{
    (void)data;
    long long before = (long long)malloc_usable_size(old);
    void *memory = NULL;
    if (size)
        memory = realloc(old, size);
    else
        free(old);
    if (memory || !size)
        atomic_fetch_add(&bytes, (long long)malloc_usable_size(memory) - before);
    return memory;
}

/* Libraries, and the program, are kept open by libdw once functions were named. */
static bool has_names(int descriptor)
{
    char link[64], target[4096] = "", program[4096] = "";
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    return readlink(link, target, sizeof target - 1) > 0 &&
           readlink("/proc/self/exe", program, sizeof program - 1) > 0 &&
           (strstr(target, ".so") || strcmp(target, program) == 0);
}

static bool is_open(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0 && !has_names(descriptor);
}

static int threads(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/task");
    for (struct dirent *found; directory && (found = readdir(directory)); )
        count += found->d_name[0] != '.';
    if (directory)
        closedir(directory);
    return count;
}

__attribute__((constructor)) static void begin(void)
{
    for (int i = 0; i < DESCRIPTORS_MAX; i++)
        was_open[i] = is_open(i);
    threads_before = threads();
    if (asyncio_set_allocator(counting_reallocate, NULL) < 0)
        atomic_store(&bytes, -1);
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("LEFTOVERS");
    int descriptors = 0;
    for (int i = 0; i < DESCRIPTORS_MAX; i++)
        descriptors += is_open(i) && !was_open[i];
    /* One that was joined may still be seen for an instant. */
    int most = threads_before + SANITIZER_THREADS;
    for (int i = 0; i < 100 && threads() > most; i++)
        usleep(10000);
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file)
        return;
    fprintf(file, "%d descriptors, %lld bytes, %d threads\n", descriptors, atomic_load(&bytes),
            threads() > most ? threads() - most : 0);
    fclose(file);
}
