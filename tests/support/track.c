/* SPDX-License-Identifier: MIT */
/* Every test program counts allocations from its first one on. */
#include "base/alloc.h"

__attribute__((constructor)) static void track(void)
{
    asyncio__alloc_track();
}
