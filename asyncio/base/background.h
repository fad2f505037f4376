/* SPDX-License-Identifier: MIT */
/* Threads of the library's own, and what they wait on. */
#pragma once

#include <pthread.h>

/* A thread that takes no signals: they are for the threads that wait for them. `attributes` may be
 * NULL. 0 or pthread_create's error. */
int asyncio__background_start(pthread_t *ret_thread, const pthread_attr_t *attributes,
                              void *(*function)(void *argument), void *argument);

/* A condition whose timed waits go by the monotonic clock: base/clock.h. */
void asyncio__background_cond_init(pthread_cond_t *cond);
