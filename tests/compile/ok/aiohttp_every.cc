/* SPDX-License-Identifier: MIT */
/* Every public macro of libaiohttp, in C++. */
#include "aiohttp_every.h"

int main(void)
{
    return sizeof all / sizeof *all == 8 && all[0] ? 0 : 1;
}
