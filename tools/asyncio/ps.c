/* SPDX-License-Identifier: MIT */
/* asyncio ps: one line for each task, as Python's `python -m asyncio ps`. */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 5, STACK_FRAMES_SHOWN = 12, AWAITERS_SHOWN = 8, CELL = 1024 };

static const char *const titles[COLUMNS] = { "task id", "task name", "state", "coroutine stack",
                                             "awaited by" };

void show_loop(const struct loop *loop)
{
    printf("Loop %#" PRIx64 ", %srunning, %zu task%s\n", loop->at, loop->is_running ? "" : "not ",
           loop->task_count, loop->task_count == 1 ? "" : "s");
}

/* Appends to a cell what there is room for. */
static size_t put(char *cell, size_t at, const char *text)
{
    int length = snprintf(cell + at, CELL - at, "%s", text);
    return length < 0 || at + (size_t)length >= CELL ? CELL - 1 : at + (size_t)length;
}

/* The innermost first. */
static void stack_cell(const struct task *task, char *cell)
{
    size_t at = 0;
    if (task->coroutine[0])
        at = put(cell, at, task->coroutine);
    for (size_t i = 0; i < task->frame_count && i < STACK_FRAMES_SHOWN; i++) {
        const struct frame *frame = &task->frames[i];
        char address[32];
        (void)snprintf(address, sizeof address, "%#" PRIx64, frame->address);
        at = put(cell, at, i ? " <- " : "");
        at = put(cell, at, frame->function ? frame->function : address);
    }
    if (task->frame_count > STACK_FRAMES_SHOWN)
        at = put(cell, at, " <- ...");
    if (at == 0 && task->fn)
        (void)snprintf(cell, CELL, "%#" PRIx64, task->fn);
}

static void awaited_cell(const struct loop *loop, const struct task *task, char *cell)
{
    size_t at = 0;
    for (size_t i = 0; i < task->awaited_by_count && i < AWAITERS_SHOWN; i++) {
        at = put(cell, at, i ? ", " : "");
        at = put(cell, at, loop->tasks[task->awaited_by[i]].name);
    }
    if (task->awaited_by_count > AWAITERS_SHOWN) {
        char more[48];
        (void)snprintf(more, sizeof more, " and %zu more", task->awaited_by_count - AWAITERS_SHOWN);
        (void)put(cell, at, more);
    }
}

static void fill_row(const struct loop *loop, const struct task *task, char cells[COLUMNS][CELL])
{
    for (int i = 0; i < COLUMNS; i++)
        cells[i][0] = 0;
    (void)snprintf(cells[0], CELL, "%#" PRIx64, task->at);
    (void)put(cells[1], 0, task->name);
    (void)put(cells[2], 0, task->state);
    stack_cell(task, cells[3]);
    awaited_cell(loop, task, cells[4]);
}

static void print_row(char cells[COLUMNS][CELL], const int *widths)
{
    int last = COLUMNS - 1;
    while (last > 0 && !cells[last][0])
        last--;
    for (int i = 0; i < last; i++)
        printf("%-*s  ", widths[i], cells[i]);
    printf("%s\n", cells[last]);
}

void show_table(const struct loop *loop)
{
    static char cells[COLUMNS][CELL];
    int widths[COLUMNS];
    show_loop(loop);
    for (int i = 0; i < COLUMNS; i++)
        widths[i] = (int)strlen(titles[i]);
    for (size_t i = 0; i < loop->task_count; i++) {
        fill_row(loop, &loop->tasks[i], cells);
        for (int k = 0; k < COLUMNS; k++)
            widths[k] = (int)strlen(cells[k]) > widths[k] ? (int)strlen(cells[k]) : widths[k];
    }
    for (int i = 0; i < COLUMNS; i++)
        (void)put(cells[i], 0, titles[i]);
    if (loop->task_count)
        print_row(cells, widths);
    for (size_t i = 0; i < loop->task_count; i++) {
        fill_row(loop, &loop->tasks[i], cells);
        print_row(cells, widths);
    }
}
