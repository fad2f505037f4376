/* SPDX-License-Identifier: MIT */
/* The two ways to show a picture, on standard output. */
#pragma once

#include "tasks.h"

/* A table: a task in each line. */
void show_table(const struct loop *loop);
/* A tree: below each task those that it awaits. */
void show_tree(const struct loop *loop);

/* "Loop 0x..., running, 3 tasks". */
void show_loop(const struct loop *loop);
