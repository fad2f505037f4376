/* SPDX-License-Identifier: MIT */
/* A picture of the loops and tasks of a process, taken from its memory while it runs.
 *
 * TORN     The lists may change while they are read. Each link is checked against its neighbour;
 *          a picture that does not hold together is thrown away and taken anew, a few times. */
#pragma once

#include "layout.h"

enum { NAME_MAX_BYTES = 128, WHAT_MAX_BYTES = 240 };

struct frame {
    uint64_t address;     /* inside the instruction that it stands on */
    const char *function; /* NULL: not known. Lent until the process's frames are closed */
    const char *file;
    int line;
};

struct task {
    uint64_t at, sp, fn;
    uint64_t top;                  /* the end of its stack, while it runs; else 0 */
    char name[NAME_MAX_BYTES];
    char state[WHAT_MAX_BYTES];    /* "running", "waits for sleep", ... */
    char coroutine[NAME_MAX_BYTES]; /* of one driven by its table: its kind; else empty */
    bool is_suspended;             /* it has a stack that does not run */
    size_t *awaits;                /* indices of the tasks that it awaits, each once */
    size_t awaits_count;
    size_t *awaited_by;
    size_t awaited_by_count;
    struct frame *frames;          /* innermost first */
    size_t frame_count;
    int shown;                     /* for who prints */
};

struct loop {
    uint64_t at;
    bool is_running;
    struct task *tasks; /* in the order of their making */
    size_t task_count;
};

struct picture {
    struct loop *loops;
    size_t loop_count;
};

/* 0, or a status, said. Ended by picture_free. */
int picture_take(struct process *process, const struct debug_layout *layout,
                 struct picture *ret_picture);
void picture_free(struct picture *picture);
