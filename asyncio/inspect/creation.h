/* SPDX-License-Identifier: MIT */
/* What answers debug mode: see creation.c. By its name somebody who links statically can have it
 * linked. */
#pragma once

#include "loop/loop.h"

extern const struct loop_inspector asyncio__inspector;
