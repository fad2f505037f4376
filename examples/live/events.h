/* SPDX-License-Identifier: MIT */
/* Waking handlers that send events: each is a task that sends what is new, then waits for more. */
#pragma once

#include <aiohttp.h>
#include <stdbool.h>
#include <stdio.h>

/* Who ends the site wakes all streams with this. */
struct events {
    asyncio_event changed;       /* set and cleared at once: a pulse for all that wait */
    bool is_stopping;
};

/* Wakes all that wait in events_wait. */
void events_pulse(struct events *events);

/* Waits for a pulse: 1, or 0 when none came within `seconds`. Suspends. */
int events_wait(struct events *events, double seconds);

/* Writes `text` as JSON does, quotes included. */
void json_write(FILE *out, const char *text);
