/* SPDX-License-Identifier: MIT */
/* What debug mode adds to tasks and futures: see debug_mode.c. */
#pragma once

#include "task/future.h"

struct creation;

/* For an object that is made while its loop is in debug mode: remembers where. */
void asyncio__creation_remember(asyncio_future *future);
void asyncio__creation_forget(struct creation *creation);   /* NULL allowed */

/* The run is over and its loop closed: names what is done and still referenced. */
void asyncio__creations_report(asyncio_loop *loop);

/* Gives the loop floor what it calls in debug mode. */
void asyncio__debug_mode_install(void);
