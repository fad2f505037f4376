/* SPDX-License-Identifier: MIT */
/* Many small files, for ours and the limit: made before the clock runs, taken one by one by all who
 * read, removed after. */
#pragma once

#include "common.h"

#include <fcntl.h>
#include <stdatomic.h>

enum { SMALL_FILE = 4096 };

struct small_files {
    char folder[32];
    long count;
    atomic_long next;
};

static UNUSED void name_file(const struct small_files *files, long i, char *name, size_t size)
{
    snprintf(name, size, "%s/%ld", files->folder, i);
}

static UNUSED void make_files(struct small_files *files, long count)
{
    static const char bytes[SMALL_FILE];
    char name[64];
    *files = (struct small_files){ .folder = "/tmp/bench-files-XXXXXX", .count = count };
    if (!mkdtemp(files->folder))
        die(files->folder, errno);
    for (long i = 0; i < count; i++) {
        name_file(files, i, name, sizeof name);
        int file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (file < 0 || write(file, bytes, sizeof bytes) != sizeof bytes)
            die(name, errno);
        close(file);
    }
}

/* The next one's name, or false. */
static UNUSED int next_file(struct small_files *files, char *name, size_t size)
{
    long i = atomic_fetch_add(&files->next, 1);
    if (i >= files->count)
        return 0;
    name_file(files, i, name, size);
    return 1;
}

static UNUSED void remove_files(const struct small_files *files)
{
    char name[64];
    for (long i = 0; i < files->count; i++) {
        name_file(files, i, name, sizeof name);
        unlink(name);
    }
    rmdir(files->folder);
}
