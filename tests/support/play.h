/* SPDX-License-Identifier: MIT */
/* What the two ways of playing the conformance scenarios share: play.c compares what they say,
 * play_points.c cancels them at every suspension. */
#pragma once

#include "support/trace.h"

/* Plays it in this process. */
void play(struct scenario *scenario);
/* Calls it in a process of its own: NULL, or what became of that. */
const char *apart(void (*function)(void *argument), void *argument);

/* Each scenario that can be played here, cancelled at every suspension (support/points.h), or at a
 * share of them: one in SWEEP_STRIDE. Fails the cmocka test with the points that went wrong. */
void play_points(struct scenario *scenarios);
/* Plays one point, or only counts with `nth` 0, and says how it went. */
void play_point(struct scenario *scenario, unsigned nth, unsigned how);
