/* SPDX-License-Identifier: MIT */
/* Files for a server to serve, all of one moment: so their tags and dates are known. */
#pragma once

#include "web/web_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* `folder`/`name`, changed last on 1 January 2020, and no fraction of a second. */
static inline void put_old_file(const char *folder, const char *name, const char *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, data, size), (ssize_t)size);
    struct timespec times[2] = { { 1577836800, 0 }, { 1577836800, 0 } };
    assert_int_equal(futimens(file, times), 0);
    close(file);
}
