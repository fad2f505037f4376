/* SPDX-License-Identifier: MIT */
/* The thread that runs a task: stopped for a moment, so that its registers can be read. */
#pragma once

#include "process.h"

enum { REGISTERS = 33 };

struct registers {
    uint64_t all[REGISTERS]; /* by their DWARF numbers; x86-64 has its pc among them, as 16 */
    uint64_t pc, sp;
};

struct stopped {
    pid_t thread; /* 0: none */
    int signal;   /* that was on its way to it just then, and is handed on */
    struct registers registers;
};

/* Stops the thread that stands on the stack which ends at `top`, and no other for longer than it
 * takes to look. False when no thread can be stopped, or none stands there. */
bool running_stop(const struct process *process, uint64_t top, struct stopped *ret_stopped);
void running_go_on(const struct stopped *stopped);
