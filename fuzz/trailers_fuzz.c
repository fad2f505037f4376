/* SPDX-License-Identifier: MIT */
/* Heads of kind trailers: see heads.h. */
#include "heads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_head(HEAD_TRAILERS, data, size);
}
