/* SPDX-License-Identifier: MIT */
/* The process that has workers: see supervisor.c. */
#pragma once

#include "web/worker.h"

/* Forks options->workers processes with a crew each, and sees to them until they are to end. As
 * aiohttp_web_run_workers. Takes the listeners' sockets. */
int aiohttp__supervise(aiohttp_web_worker_function *function, void *data,
                       struct listeners *listeners, const aiohttp_web_run_app_options *options);
