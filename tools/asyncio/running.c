/* SPDX-License-Identifier: MIT */
/* See running.h. PTRACE_SEIZE and PTRACE_INTERRUPT: no signal that the program could see. */
#include "running.h"

#include <dirent.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

enum { PATIENCE = 100, POLL_NS = 1000 * 1000 };

static bool get_registers(pid_t thread, struct registers *ret)
{
    *ret = (struct registers){ .pc = 0 };
    struct user_regs_struct user;
    struct iovec place = { &user, sizeof user };
    if (ptrace(PTRACE_GETREGSET, thread, (void *)NT_PRSTATUS, &place) < 0)
        return false;
#if defined(__x86_64__)
    const uint64_t all[] = { user.rax, user.rdx, user.rcx, user.rbx, user.rsi, user.rdi,
                             user.rbp, user.rsp, user.r8,  user.r9,  user.r10, user.r11,
                             user.r12, user.r13, user.r14, user.r15, user.rip };
    ret->sp = user.rsp;
    ret->pc = user.rip;
#elif defined(__aarch64__)
    uint64_t all[32];
    for (int i = 0; i < 31; i++)
        all[i] = user.regs[i];
    ret->sp = all[31] = user.sp;
    ret->pc = user.pc;
#endif
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ret->all[i] = all[i];
    return true;
}

/* One that does not stop (it is deep in the kernel) is let go when this command ends. */
static bool stop(pid_t thread, struct stopped *ret)
{
    *ret = (struct stopped){ .thread = thread };
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0)
        return false;
    if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) < 0) {
        running_go_on(ret);
        return false;
    }
    for (int i = 0; i < PATIENCE; i++) {
        const struct timespec pause = { .tv_nsec = POLL_NS };
        int status;
        pid_t stopped = waitpid(thread, &status, __WALL | WNOHANG);
        if (stopped == thread && WIFSTOPPED(status)) {
            ret->signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
            return true;
        }
        if (stopped == thread)
            return false; /* it has ended */
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

void running_go_on(const struct stopped *stopped)
{
    void *signal = (void *)(intptr_t)stopped->signal;
    (void)ptrace(PTRACE_DETACH, stopped->thread, NULL, signal);
}

/* Stacks do not overlap: of the threads that stand below `top`, the one on this stack is the
 * nearest. */
bool running_stop(const struct process *process, uint64_t top, struct stopped *ret_stopped)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)process->pid);
    DIR *folder = opendir(path);
    struct stopped best = { .thread = 0 };
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        struct stopped stopped;
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread <= 0 || !stop(thread, &stopped))
            continue;
        if (!get_registers(thread, &stopped.registers) || stopped.registers.sp >= top ||
            (best.thread && stopped.registers.sp < best.registers.sp)) {
            running_go_on(&stopped);
            continue;
        }
        if (best.thread)
            running_go_on(&best);
        best = stopped;
    }
    if (folder)
        (void)closedir(folder);
    if (best.thread)
        *ret_stopped = best;
    return best.thread != 0;
}
