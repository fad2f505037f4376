/* SPDX-License-Identifier: MIT */
/* Waiting for descriptors of the user's: see plain.c. */
#pragma once

#include "net/net.h"

/* 0 when the running task may wait for something of `loop`, which is its own. */
int asyncio__plain_begin(asyncio_loop *loop);

/* Waits until the descriptor can be read (written): 0, -EPERM, -EBUSY, -EBADF, -ECANCELED. */
int asyncio__plain_wait(asyncio_loop *loop, int descriptor, bool writes);
