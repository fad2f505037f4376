/* SPDX-License-Identifier: MIT */
/* Scopes: timeouts, task groups and exit stacks that a task has open.
 *
 * MODEL      A scope lives in the loop's memory; the user's struct only points to it. Open scopes
 *            form a stack in the task. `owner` is the address of the user's struct: when it lies
 *            on the task's stack and the frame it was in is gone, the scope was left without its
 *            exit.
 * LEFT OPEN  Found at the next suspension, or when its struct is entered again, or at the task's
 *            end (a struct that lies elsewhere: static, allocated); closed, and reported with the
 *            place of its enter. The user's struct may be gone by then, and is not touched. */
#pragma once

#include "task/task.h"

struct scope;

struct scope_type {
    /* as in a report: "timeout", "task group", "exit stack" */
    const char *name;
    /* Ends a scope that was left without its exit; the scope has been taken off the task. May not
     * suspend unless the task's body is over (`at_end`). Returns the task's result as it is from
     * here on. */
    int (*abandon)(struct scope *scope, int result, bool at_end);
    /* what its task waits for as long as it is open; NULL: nothing */
    const struct awaits *awaits;
};

struct scope {
    const struct scope_type *type;
    struct scope *outer;
    asyncio_task *task;
    void *owner;
    /* owner when that lies on the task's stack, else NULL */
    void *frame_owner;
    const char *file;
    int line;
};

/* Opens `scope` in the current task. */
void asyncio__scope_push(struct scope *scope, const struct scope_type *type, asyncio_task *task,
                         void *owner, const char *file, int line);
/* The open scope of the current task that `user`, the address of the caller's struct, stands for;
 * NULL when there is none. `scope`, what the struct says, is not looked into: it may be gone. */
struct scope *asyncio__scope_of(const void *user, const void *scope);
/* For the beginning of an enter. 0, or -ASYNCIO_INVALID_STATE, raised, when `user` is entered
 * already. One that it was entered with before, and that was left without its exit, is closed and
 * reported. `*user_scope` is only read when the task has a scope of this owner. */
int asyncio__scope_check_enter(asyncio_task *task, const void *user, void *const *user_scope);
/* 0 and off the task when it is the innermost; -ASYNCIO_SCOPE_ORDER, reported, when an inner one
 * is still open. */
int asyncio__scope_pop(struct scope *scope);

/* The body is over: closes and reports what is left open. Returns the task's result. */
int asyncio__scopes_close(asyncio_task *task, int result);
/* The task is dropped unfinished, with its loop: frees without running anything that could
 * suspend. */
void asyncio__scopes_drop(asyncio_task *task);

/* exit_stack.c: the scope around a task's body, made when first needed. */
extern const struct scope_type asyncio__exit_stack_type;
