/* SPDX-License-Identifier: MIT */
/* Every public macro, in C. */
#include "every.h"

int main(void)
{
    return sizeof every / sizeof *every == 6 && every[0] ? 0 : 1;
}
