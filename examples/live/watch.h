/* SPDX-License-Identifier: MIT */
/* What the running loop is doing: its tasks, who awaits whom, how late it is. */
#pragma once

#include "events.h"

#include <stdatomic.h>

struct watch {
    struct events events;
    aiohttp_web_runner *const *runner;   /* whose server is shown, too; borrowed */
    /* Set while functions are named: the names are looked up once and kept as long as the process,
     * so what they take is not what a site leaves behind. Borrowed. */
    atomic_bool *is_naming;
};

/* Adds /live/loop/events (GET): a picture of the loop twice a second; and /live/loop.json, one.
 * `watch` is borrowed. */
void watch_add(aiohttp_web_application *app, struct watch *watch);
