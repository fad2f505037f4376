/* SPDX-License-Identifier: MIT */
/* Text at the end of a page: see guarded.h. */
#include "support/guarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static size_t pages(size_t size, size_t page)
{
    return (size / page + 1) * page;
}

const char *guarded(const char *text, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = pages(size, page);
    char *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                        0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory + room, page, PROT_NONE), 0);
    if (size > 0)
        memcpy(memory + room - size, text, size);
    return memory + room - size;
}

void guarded_free(const char *text, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = pages(size, page);
    uintptr_t memory = (uintptr_t)text + size - room;
    assert_int_equal(munmap((void *)memory, room + page), 0);
}
