/* SPDX-License-Identifier: MIT */
/* Whether spinning can pay: see spin.h. */
#include "base/spin.h"

#include <sched.h>
#include <unistd.h>

unsigned asyncio__processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}
