/* SPDX-License-Identifier: MIT */
/* Children of this process, at the level of the system: made, signalled, reaped. Nothing here
 * waits but for exec, and nothing knows a loop.
 *
 * MODEL      A child is made by clone with CLONE_VM and CLONE_VFORK: it borrows the parent's
 *            memory until it has become another program, so nothing is copied, and what it could
 *            not do it writes where the parent finds it. It has a stack of its own, calls nothing
 *            that locks or allocates, and changes no memory but its arguments and errno.
 * PIDFD      What is kept of a child is a descriptor: it becomes readable when the child has
 *            ended, and it never means another process, as a number may.
 * INHERITED  Default signal mask and dispositions, and no descriptor but 0, 1, 2 and those
 * named. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
    SPAWN_INHERIT = -1, /* of `std`: as the parent has it */
    SPAWN_OUTPUT = -2,  /* of std[2]: where standard output goes */
};

struct spawn {
    const char *file;             /* looked for in PATH when it has no slash */
    const char *const *arguments; /* NULL-terminated; the first is the name it is called by */
    const char *const *environment; /* NULL: the parent's */
    const char *directory;        /* NULL: the parent's */
    int std[3];                   /* descriptors, or SPAWN_... */
    const int *pass_fds;          /* that it gets under the same numbers */
    size_t pass_fd_count;
    pid_t process_group;          /* to join; 0: one of its own; -1: the parent's */
    bool new_session;
    int umask;                    /* -1: the parent's */
    /* filled in */
    pid_t pid;
    int pidfd;
    const char *failed;           /* "exec", "chdir", ...: what the child could not do, or NULL */
};

/* 0 when the program runs. -errno: there is no child; `failed` says what went wrong in it. */
int asyncio__spawn(struct spawn *spawn);

/* Waits until it has ended, at most so long (0: only looks; -1: no limit): 1 and its code, Python's
 * (negative: the signal that ended it), and it is reaped; 0: it runs. -ECHILD: somebody else has
 * reaped it. */
int asyncio__child_reap(int pidfd, int timeout_ms, int *ret_code);

/* -ESRCH when it has been reaped, -EINVAL for a number that is no signal. */
int asyncio__child_signal(int pidfd, pid_t pid, int signal_number);
/* Kills a group whose leader has not been reaped, so that its number is nobody else's. */
void asyncio__group_kill(pid_t leader);

/* Both close-on-exec; [0] is read from, [1] written to. */
int asyncio__pipe(int ret_ends[2]);
/* A pipe or FIFO that can be written to and not be read. */
bool asyncio__is_write_pipe(int descriptor);
/* The descriptor that is nobody's, close-on-exec. */
int asyncio__open_null(void);
void asyncio__close(int descriptor);
