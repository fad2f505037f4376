/* SPDX-License-Identifier: MIT */
/* asyncio pstree: below each task its frames, outermost first, and below those the tasks that it
 * awaits, as Python's `python -m asyncio pstree`. A task that several await is shown whole once.
 * Tasks that await one another in a circle, which no root leads to, are named first: each waits
 * for itself. */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_SHOWN, SHOWN };
enum { PREFIX_MAX = 4096 }; /* bytes: deeper levels are not moved further right */

static char prefix[PREFIX_MAX];
static size_t prefix_length;

/* Enters a level below an item; returns the length to go back to. */
static size_t enter(bool is_last)
{
    const char *more = is_last ? "    " : "│   ";
    size_t before = prefix_length, length = strlen(more);
    if (prefix_length + length < PREFIX_MAX) {
        memcpy(prefix + prefix_length, more, length + 1);
        prefix_length += length;
    }
    return before;
}

static void leave(size_t before)
{
    prefix_length = before;
    prefix[before] = 0;
}

static void begin_line(bool is_last)
{
    printf("%s%s", prefix, is_last ? "└── " : "├── ");
}

static void print_frame(const struct frame *frame)
{
    if (frame->function)
        printf(" %s", frame->function);
    else
        printf(" %#" PRIx64, frame->address);
    if (frame->file)
        printf(" %s:%d", frame->file, frame->line);
    printf("\n");
}

/* What is left to show of a task: a frame of this stack takes the place of recursion, since chains
 * can be long. */
struct level {
    struct task *task;
    size_t next, before; /* of what it awaits; the prefix to go back to */
};

/* The line of a task, and its frames. True: below them comes what it awaits. */
static bool print_task(struct task *task, bool is_last, size_t *ret_before)
{
    bool is_new = task->shown == NOT_SHOWN;
    begin_line(is_last);
    printf("(T) %s: %s%s\n", task->name, task->state, is_new ? "" : ", shown above");
    if (!is_new)
        return false;
    task->shown = SHOWN;
    *ret_before = enter(is_last);
    if (task->coroutine[0]) {
        begin_line(true);
        printf(" %s\n", task->coroutine);
        (void)enter(true);
    }
    for (size_t i = task->frame_count; i-- > 0;) {
        begin_line(true);
        print_frame(&task->frames[i]);
        (void)enter(true);
    }
    return true;
}

static void print_tree(const struct loop *loop, struct task *root, bool is_last)
{
    struct level *levels = grow(NULL, loop->task_count + 1, sizeof *levels);
    size_t depth = 0, before;
    if (print_task(root, is_last, &before))
        levels[depth++] = (struct level){ root, 0, before };
    while (depth > 0) {
        struct level *level = &levels[depth - 1];
        if (level->next == level->task->awaits_count) {
            leave(level->before);
            depth--;
            continue;
        }
        struct task *task = &loop->tasks[level->task->awaits[level->next++]];
        if (print_task(task, level->next == level->task->awaits_count, &before))
            levels[depth++] = (struct level){ task, 0, before };
    }
    free(levels);
}

/* Some task of the circle that `from` leads into, by going up to who awaits it. */
static size_t in_circle(const struct loop *loop, size_t from)
{
    char *seen = grow(NULL, loop->task_count, 1);
    memset(seen, 0, loop->task_count);
    while (!seen[from] && loop->tasks[from].awaited_by_count) {
        seen[from] = 1;
        from = loop->tasks[from].awaited_by[0];
    }
    free(seen);
    return from;
}

/* `start` and those that await it, first by first, are a circle. */
static void print_circle(const struct loop *loop, size_t start)
{
    printf("These tasks await one another, so none of them goes on: %s", loop->tasks[start].name);
    size_t at = start;
    do {
        at = loop->tasks[at].awaited_by[0];
        printf(" <- %s", loop->tasks[at].name);
    } while (at != start);
    printf("\n");
}

void show_tree(const struct loop *loop)
{
    size_t roots = 0, left = 0;
    show_loop(loop);
    for (size_t i = 0; i < loop->task_count; i++)
        roots += loop->tasks[i].awaited_by_count == 0;
    for (size_t i = 0; i < loop->task_count; i++)
        if (loop->tasks[i].awaited_by_count == 0)
            print_tree(loop, &loop->tasks[i], --roots == 0);
    for (size_t i = 0; i < loop->task_count; i++) {
        if (loop->tasks[i].shown != NOT_SHOWN)
            continue;
        left = in_circle(loop, i);
        print_circle(loop, left);
        print_tree(loop, &loop->tasks[left], true);
    }
}
