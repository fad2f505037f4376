/* SPDX-License-Identifier: MIT */
/* Making children, by clone. See spawn.h. */
#include "backend/spawn.h"

#include "base/alloc.h"
#include "base/sanitize.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child borrows the parent's memory, a sanitizer's included, and never returns: what
 * instrumented functions note there would stay. */
#define IN_CHILD __attribute__((noinline, no_sanitize("address", "thread", "undefined")))

enum {
    STACK_SIZE = 65536, /* only the pages that are used cost anything */
    P_PIDFD_TYPE = 3,   /* older headers have no P_PIDFD */
    CLOSE_CLOEXEC = 4,  /* CLOSE_RANGE_CLOEXEC */
};

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

/* TSan takes clone for a fork, and sets itself right in the child: in the memory that is the
 * parent's. libc's other name for it goes by unseen. */
#if defined(ASYNCIO__SANITIZE_THREAD)
int __clone(int (*function)(void *data), void *stack, int flags, void *data, ...);
#define CLONE __clone
#else
#define CLONE clone
#endif

struct child {
    struct spawn *spawn;
    const char *search; /* PATH */
    char *path;         /* room for each file that is tried */
    int error;
};

/* ---- in the child ---- */

static IN_CHILD void fail(struct child *child, const char *what)
{
    child->error = errno;
    child->spawn->failed = what;
    _exit(127);
}

/* Those that the parent ignores, exec would leave ignored. A handler would run on the parent's
 * memory: all signals stay blocked until there is none. Libc keeps two to itself, which may have
 * been inherited as ignored, too: so the kernel is asked. */
static IN_CHILD void default_signals(void)
{
    const unsigned long all_default[8] = { 0 }; /* the kernel's struct, and longer */
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            (void)syscall(SYS_rt_sigaction, number, all_default, NULL, NSIG / 8);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts the standard streams where they belong. What lies below 3 would be overwritten on the way,
 * so it moves first. */
static IN_CHILD void standard_streams(struct child *child)
{
    int source[3];
    for (int i = 0; i < 3; i++) {
        source[i] = child->spawn->std[i];
        if (source[i] >= 0 && source[i] < 3 && source[i] != i &&
            (source[i] = fcntl(source[i], F_DUPFD_CLOEXEC, 3)) < 0)
            fail(child, "dup");
    }
    for (int i = 0; i < 3; i++) {
        if (source[i] == SPAWN_OUTPUT)
            source[i] = 1;
        if (source[i] == i ? fcntl(i, F_SETFD, 0) < 0 : source[i] >= 0 && dup2(source[i], i) < 0)
            fail(child, "dup");
    }
}

/* All but these go with exec. */
static IN_CHILD void other_descriptors(struct child *child)
{
    if (syscall(SYS_close_range, 3U, UINT_MAX, CLOSE_CLOEXEC) < 0)
        for (int i = 3, count = (int)sysconf(_SC_OPEN_MAX); i < count; i++)
            (void)fcntl(i, F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < child->spawn->pass_fd_count; i++)
        if (fcntl(child->spawn->pass_fds[i], F_SETFD, 0) < 0)
            fail(child, "pass_fds");
}

/* Python's order: all of PATH; what is told at the end is the first that was not just "there is
 * none". */
static IN_CHILD void run_program(struct child *child)
{
    const struct spawn *spawn = child->spawn;
    char *const *arguments = (char *const *)(uintptr_t)spawn->arguments;
    char *const *environment =
        spawn->environment ? (char *const *)(uintptr_t)spawn->environment : environ;
    if (strchr(spawn->file, '/')) {
        (void)execve(spawn->file, arguments, environment);
        return;
    }
    size_t file_size = strlen(spawn->file) + 1;
    int error = ENOENT;
    for (const char *at = child->search;; at++) {
        size_t size = strcspn(at, ":");
        memcpy(child->path, at, size);
        if (size)
            child->path[size++] = '/';
        memcpy(child->path + size, spawn->file, file_size);
        (void)execve(child->path, arguments, environment);
        if (errno != ENOENT && errno != ENOTDIR && error == ENOENT)
            error = errno;
        at += strcspn(at, ":");
        if (!*at)
            break;
    }
    errno = error;
}

static IN_CHILD int child_main(void *data)
{
    struct child *child = data;
    const struct spawn *spawn = child->spawn;
    default_signals();
    standard_streams(child);
    if (spawn->directory && chdir(spawn->directory) < 0)
        fail(child, "chdir");
    if (spawn->umask >= 0)
        (void)umask((mode_t)spawn->umask);
    if (spawn->new_session && setsid() < 0)
        fail(child, "setsid");
    if (spawn->process_group >= 0 && setpgid(0, spawn->process_group) < 0)
        fail(child, "setpgid");
    other_descriptors(child);
    run_program(child);
    fail(child, "exec");
    return 127;
}

/* ---- in the parent ---- */

static const char *search_path(const struct spawn *spawn)
{
    const char *found = NULL;
    if (!spawn->environment)
        found = getenv("PATH");
    for (const char *const *at = spawn->environment; at && *at && !found; at++)
        if (strncmp(*at, "PATH=", 5) == 0)
            found = *at + 5;
    return found ? found : "/bin:/usr/bin";
}

/* What an emulated kernel does not know (CLONE_PIDFD) can be had one after the other: the child
 * is not reaped before we say so. */
static pid_t make_child(struct child *child, char *stack)
{
    void *top = stack + STACK_SIZE - (uintptr_t)(stack + STACK_SIZE) % 64;
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    struct spawn *spawn = child->spawn;
    pid_t pid = CLONE(child_main, top, flags | CLONE_PIDFD, child, &spawn->pidfd);
    if (pid >= 0 || errno != EINVAL)
        return pid;
    pid = CLONE(child_main, top, flags, child);
    if (pid >= 0 && !child->error) {
        spawn->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (spawn->pidfd < 0) {
            child->error = errno;
            (void)kill(pid, SIGKILL);
        }
    }
    return pid;
}

static int spawn_with(struct child *child, char *stack)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    child->spawn->pidfd = -1;
    pid_t pid = make_child(child, stack);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return -error;
    if (child->error) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        if (child->spawn->pidfd >= 0)
            close(child->spawn->pidfd);
        return -child->error;
    }
    child->spawn->pid = pid;
    return 0;
}

int asyncio__spawn(struct spawn *spawn)
{
    struct child child = { .spawn = spawn, .search = search_path(spawn) };
    spawn->failed = NULL;
    size_t path_size = strlen(child.search) + strlen(spawn->file) + 2;
    char *stack = asyncio__malloc(STACK_SIZE + path_size);
    if (!stack)
        return -ENOMEM;
    child.path = stack + STACK_SIZE;
    int r = spawn_with(&child, stack);
    asyncio__free(stack);
    return r;
}

int asyncio__child_reap(int pidfd, int timeout_ms, int *ret_code)
{
    siginfo_t info = { .si_pid = 0 };
    struct pollfd end = { .fd = pidfd, .events = POLLIN };
    int r;
    if (timeout_ms > 0 && poll(&end, 1, timeout_ms) == 0)
        return 0;
    do
        r = waitid((idtype_t)P_PIDFD_TYPE, (id_t)pidfd, &info,
                   WEXITED | (timeout_ms < 0 ? 0 : WNOHANG));
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    if (!info.si_pid)
        return 0;
    *ret_code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return 1;
}

int asyncio__child_signal(int pidfd, pid_t pid, int signal_number)
{
    if (syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) == 0)
        return 0;
    /* an emulated kernel may not know it; while we have not reaped, the number is the child's */
    return errno == ENOSYS && kill(pid, signal_number) == 0 ? 0 : -errno;
}

void asyncio__group_kill(pid_t leader)
{
    (void)kill(-leader, SIGKILL);
}

int asyncio__pipe(int ret_ends[2])
{
    return pipe2(ret_ends, O_CLOEXEC) < 0 ? -errno : 0;
}

bool asyncio__is_write_pipe(int descriptor)
{
    struct stat status;
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && (flags & O_ACCMODE) == O_WRONLY && fstat(descriptor, &status) == 0 &&
           S_ISFIFO(status.st_mode);
}

int asyncio__open_null(void)
{
    int number = open("/dev/null", O_RDWR | O_CLOEXEC);
    return number < 0 ? -errno : number;
}

void asyncio__close(int descriptor)
{
    (void)close(descriptor);
}
