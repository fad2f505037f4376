/* SPDX-License-Identifier: MIT */
/* Where suspended tasks of another process stand: their C frames, by the unwind tables of the
 * objects it has loaded.
 *
 * MODEL   A suspended task's registers lie at its `sp` (asyncio/coro/switch_<cpu>.S); libdw unwinds
 *         from there, through memory that is read. It is loaded when it is on the machine; without
 *         it a task has no frames. What is shown is what asyncio_task_get_stack shows: the user's
 *         frames, and as the innermost the public function they wait in. */
#pragma once

#include "tasks.h"

/* False: no libdw here, or it cannot read the process. */
bool frames_open(struct process *process);
void frames_close(void);

/* Fills in the frames of a task that is suspended, and of one that runs when its thread `may_stop`
 * for a moment; of another the function it is to run, when that has a name. */
void frames_take(struct task *task, bool may_stop);
