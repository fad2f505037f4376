/* SPDX-License-Identifier: MIT */
/* The table of the process's libasyncio that says where everything lies (asyncio/task/debug.h). It
 * is found by its mark in the data of what is loaded, not by its symbol: so a stripped program, one
 * that the library is linked into, and one whose file is gone meanwhile are all the same. */
#pragma once

#include "process.h"

#include "task/debug.h"

/* 0 and *ret_layout, or a status, said. */
int layout_find(struct process *process, struct debug_layout *ret_layout);
