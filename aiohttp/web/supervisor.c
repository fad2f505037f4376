/* SPDX-License-Identifier: MIT */
/* The supervisor: forks workers, replaces those that die, renews all of them, ends them.
 *
 * MODEL      Each worker is a struct process, from its fork until it is reaped, and starts, serves
 *            or ends. A slot is a worker's number; it has one process that starts or serves of
 *            each generation. A reload begins a generation; when all of it serve, those before are
 *            told to drain. Nothing here waits but sigtimedwait(2), and there is no loop.
 * SIGNALS    Are blocked and taken one by one. What a worker is, is read from memory that it
 *            shares with us; while one starts, that is looked at every few milliseconds.
 * RATE       A slot whose worker dies within SOON of its fork waits before it is replaced:
 *            FIRST_WAIT, twice that the next time, up to LAST_WAIT. */
#include "web/supervisor.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOON 10.0
#define FIRST_WAIT 0.1
#define LAST_WAIT 10.0
#define STARTING_REST 0.01 /* seconds between two looks at workers that start */
#define FIRST_LOOK 0.03    /* after a process has gone, until others look what it has left */
#define LAST_LOOK 1.0
#define GRACE 5.0          /* beyond the shutdown timeout: for cleanups */

struct process {
    struct process *next;
    pid_t pid;
    unsigned slot, generation;
    bool is_ending, drains, has_served; /* `drains`: told to end so */
    double began, deadline; /* of one that ends: then it is killed */
    struct worker_state *state;
};

struct slot {
    unsigned failures;
    double retry; /* when it is to be filled; INFINITY: it need not be */
};

struct supervisor {
    const aiohttp_web_run_app_options *options;
    aiohttp_web_worker_function *function;
    void *data;
    struct listeners *listeners;
    struct process *processes;
    struct slot *slots;
    unsigned count, generation, serving; /* `serving`: the generation that does */
    bool is_ending, is_asked, is_asked_twice, wants_reload; /* `is_asked`: by a signal */
    int result;
    pid_t successor; /* 0: none was started */
    double look, look_after; /* INFINITY: nothing is left to look for */
    sigset_t signals, old;
    struct sigaction old_child;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void report(const struct supervisor *supervisor, const char *format, ...)
    ASYNCIO_PRINTF(2, 3);
static void report(const struct supervisor *supervisor, const char *format, ...)
{
    char text[512];
    va_list arguments;
    if (!supervisor->options->report)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    supervisor->options->report(text, supervisor->options->report_data);
}

/* ---- a worker's process ---- */

static void restore_signals(struct supervisor *supervisor)
{
    sigaction(SIGCHLD, &supervisor->old_child, NULL);
    sigprocmask(SIG_SETMASK, &supervisor->old, NULL);
}

static _Noreturn void be_worker(struct supervisor *supervisor, const struct process *process,
                                pid_t parent)
{
    unsigned threads = supervisor->options->threads > 1 ? (unsigned)supervisor->options->threads
                                                        : 1;
    struct crew crew = { .options = supervisor->options,
                         .function = supervisor->function,
                         .data = supervisor->data,
                         .listeners = supervisor->listeners,
                         .state = process->state,
                         .is_supervised = true,
                         .first = process->slot * threads,
                         .count = threads };
    /* Ctrl-C and a lost terminal are told to the whole group: the supervisor sees to them. */
    static const int ignored[] = { SIGINT, SIGHUP, SIGUSR2 };
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        sigaction(ignored[i], &ignore, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int r = getppid() == parent ? 0 : -ESRCH;
    restore_signals(supervisor);
    if (r >= 0)
        r = aiohttp__crew_run(&crew);
    fflush(NULL);
    _exit(r < 0); /* what the program does at its exit is the supervisor's */
}

static void free_process(struct process *process)
{
    if (process->state)
        munmap(process->state, sizeof *process->state);
    asyncio_mem_free(process);
}

static int start_process(struct supervisor *supervisor, unsigned slot)
{
    struct process *process = asyncio_mem_calloc(1, sizeof *process);
    if (!process)
        return -ENOMEM;
    process->slot = slot;
    process->generation = supervisor->generation;
    process->began = now();
    void *memory = mmap(NULL, sizeof *process->state, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    process->state = memory == MAP_FAILED ? NULL : memory;
    pid_t parent = getpid();
    fflush(NULL); /* what is buffered is printed once */
    process->pid = process->state ? fork() : -1;
    if (process->pid < 0) {
        int r = -errno;
        free_process(process);
        return asyncio_raise(r, "no process for worker %u: %s", slot, asyncio_error_text(r));
    }
    if (process->pid == 0)
        be_worker(supervisor, process, parent);
    process->next = supervisor->processes;
    supervisor->processes = process;
    return 0;
}

static void end_process(struct supervisor *supervisor, struct process *process, bool drains)
{
    const aiohttp_web_run_app_options *options = supervisor->options;
    process->is_ending = true;
    process->drains = drains;
    process->deadline =
        now() + options->shutdown_timeout + (drains ? options->drain_timeout : 0) + GRACE;
    kill(process->pid, drains ? SIGUSR1 : SIGTERM);
}

/* ---- generations ---- */

/* Those of a generation and up to another that are not told to end yet, or not so soon. */
static void end_generations(struct supervisor *supervisor, unsigned first, unsigned last,
                            bool drains)
{
    for (struct process *at = supervisor->processes; at; at = at->next)
        if ((!at->is_ending || (at->drains && !drains)) && at->generation >= first &&
            at->generation <= last)
            end_process(supervisor, at, drains && at->has_served);
}

static void end_all(struct supervisor *supervisor, int result)
{
    if (supervisor->is_ending)
        return;
    supervisor->is_ending = true;
    supervisor->result = result;
    aiohttp__listeners_close(supervisor->listeners);
    end_generations(supervisor, 0, supervisor->generation, false);
}

/* A worker of a new generation cannot start: what was there before stays, if there was anything. */
static void give_up(struct supervisor *supervisor, const struct process *process, const char *why)
{
    int error = process->state->error ? process->state->error : -ECHILD;
    if (!supervisor->serving) {
        end_all(supervisor, asyncio_raise(error, "%s", why));
        return;
    }
    report(supervisor, "%s: the reload is given up", why);
    end_generations(supervisor, supervisor->generation, supervisor->generation, false);
    supervisor->generation = supervisor->serving;
}

static void begin_generation(struct supervisor *supervisor)
{
    supervisor->wants_reload = false;
    supervisor->generation++;
    for (unsigned i = 0; i < supervisor->count; i++) {
        int r = start_process(supervisor, i);
        if (r >= 0)
            continue;
        struct worker_state state = { .error = r };
        const struct process none = { .state = &state };
        const asyncio_error *error = asyncio_last_error(r);
        give_up(supervisor, &none, error ? error->text : asyncio_error_text(r));
        return;
    }
}

static void finish_generation(struct supervisor *supervisor)
{
    bool is_first = !supervisor->serving;
    supervisor->serving = supervisor->generation;
    for (unsigned i = 0; i < supervisor->count; i++)
        supervisor->slots[i].retry = INFINITY; /* nobody misses them any more */
    if (!is_first) {
        end_generations(supervisor, 0, supervisor->generation - 1, true);
        report(supervisor, "reloaded: %u workers", supervisor->count);
        return;
    }
    aiohttp__listeners_print(supervisor->listeners, supervisor->options);
    if (supervisor->listeners->predecessor)
        kill(supervisor->listeners->predecessor, SIGUSR1);
}

/* Looks what has become of those that start. */
static void look_at_starting(struct supervisor *supervisor)
{
    unsigned serving = 0;
    for (struct process *at = supervisor->processes; at; at = at->next) {
        at->has_served |= atomic_load(&at->state->stage) == WORKER_SERVES;
        serving += at->has_served && !at->is_ending && at->generation == supervisor->generation;
    }
    if (!supervisor->is_ending && supervisor->generation != supervisor->serving &&
        serving == supervisor->count)
        finish_generation(supervisor);
}

static bool is_starting(const struct supervisor *supervisor)
{
    for (const struct process *at = supervisor->processes; at; at = at->next)
        if (!at->has_served && !at->is_ending)
            return true;
    return false;
}

/* ---- ends ---- */

static void describe(const struct process *process, int status, char *text, size_t room)
{
    unsigned slot = process->slot;
    int pid = (int)process->pid;
    if (process->state->error)
        snprintf(text, room, "%s (process %d, exit status %d)", process->state->text, pid,
                 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    else if (WIFSIGNALED(status))
        snprintf(text, room, "worker %u (process %d) was ended by signal %d (%s)", slot, pid,
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, room, "worker %u (process %d) ended with exit status %d", slot, pid,
                 WEXITSTATUS(status));
}

static void replace_later(struct supervisor *supervisor, const struct process *process,
                          const char *what)
{
    struct slot *slot = &supervisor->slots[process->slot];
    double wait = 0;
    if (now() - process->began < SOON) {
        wait = slot->failures ? fmin(ldexp(FIRST_WAIT, (int)slot->failures - 1), LAST_WAIT) : 0;
        slot->failures += slot->failures < 16;
    } else
        slot->failures = 0;
    slot->retry = now() + wait;
    report(supervisor, wait > 0 ? "%s, and is replaced in %.1f s" : "%s, and is replaced", what,
           wait);
}

static void process_has_ended(struct supervisor *supervisor, const struct process *process,
                              int status)
{
    char text[400];
    bool is_new = process->generation == supervisor->generation &&
                  supervisor->generation != supervisor->serving;
    bool is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    describe(process, status, text, sizeof text);
    if (process->is_ending) {
        if (is_killed || (process->has_served && process->state->error))
            report(supervisor, "%s while it was to end", text);
    } else if (supervisor->is_ending)
        report(supervisor, "%s", text);
    else if (is_new)
        give_up(supervisor, process, text);
    else
        replace_later(supervisor, process, text);
}

static void reap(struct supervisor *supervisor)
{
    for (struct process **at = &supervisor->processes; *at;) {
        struct process *process = *at;
        int status;
        if (waitpid(process->pid, &status, WNOHANG) != process->pid) {
            at = &process->next;
            continue;
        }
        *at = process->next;
        process->has_served |= atomic_load(&process->state->stage) == WORKER_SERVES;
        process_has_ended(supervisor, process, status);
        supervisor->look_after = FIRST_LOOK;
        supervisor->look = now() + FIRST_LOOK;
        free_process(process);
        at = &supervisor->processes; /* the list may have changed */
    }
    int status;
    if (supervisor->successor > 0 &&
        waitpid(supervisor->successor, &status, WNOHANG) == supervisor->successor) {
        if (!supervisor->is_ending)
            report(supervisor, "the program that was to take over has ended: this one goes on");
        supervisor->successor = 0;
    }
}

/* ---- what is due ---- */

static void retry(struct supervisor *supervisor)
{
    unsigned generation = supervisor->generation;
    for (unsigned i = 0; i < supervisor->count && !supervisor->is_ending; i++)
        if (supervisor->slots[i].retry <= now()) {
            /* Also during a reload: it is the old generation that misses it. */
            supervisor->generation = supervisor->serving;
            supervisor->slots[i].retry =
                start_process(supervisor, i) < 0 ? now() + LAST_WAIT : INFINITY;
            supervisor->generation = generation;
        }
}

static void kill_late(struct supervisor *supervisor)
{
    for (struct process *at = supervisor->processes; at; at = at->next)
        if (at->is_ending && (supervisor->is_asked_twice || at->deadline <= now())) {
            kill(at->pid, SIGKILL);
            at->deadline = INFINITY;
        }
}

/* A connection that a process was woken for, and did not take before it went, would wait for the
 * next one to come: those that serve look, more than once, since the kernel clears up in its own
 * time. */
static void look_again(struct supervisor *supervisor)
{
    if (now() < supervisor->look)
        return;
    for (struct process *at = supervisor->processes; at; at = at->next)
        if (at->has_served && !at->is_ending)
            kill(at->pid, SIGUSR2);
    supervisor->look_after *= 2;
    supervisor->look =
        supervisor->look_after > LAST_LOOK ? INFINITY : now() + supervisor->look_after;
}

static void do_what_is_due(struct supervisor *supervisor)
{
    reap(supervisor);
    look_at_starting(supervisor);
    retry(supervisor);
    if (supervisor->wants_reload && !supervisor->is_ending &&
        supervisor->generation == supervisor->serving)
        begin_generation(supervisor);
    look_again(supervisor);
    kill_late(supervisor);
}

static double next_wait(const struct supervisor *supervisor)
{
    double next = fmin(now() + 60.0, supervisor->look);
    if (is_starting(supervisor))
        return STARTING_REST;
    for (unsigned i = 0; i < supervisor->count; i++)
        next = fmin(next, supervisor->slots[i].retry);
    for (const struct process *at = supervisor->processes; at; at = at->next)
        next = at->is_ending ? fmin(next, at->deadline) : next;
    return fmax(next - now(), 0.001);
}

/* ---- signals ---- */

static void take_over(struct supervisor *supervisor)
{
    const char *const *program = supervisor->options->exec;
    if (!program || supervisor->successor || supervisor->is_ending)
        return;
    pid_t parent = getpid();
    fflush(NULL);
    supervisor->successor = fork();
    if (supervisor->successor == 0) {
        restore_signals(supervisor);
        (void)aiohttp__listeners_exec(supervisor->listeners, program, parent);
        _exit(127);
    }
    if (supervisor->successor < 0)
        report(supervisor, "no process for %s", program[0]);
}

static void on_signal(struct supervisor *supervisor, int number, pid_t sender)
{
    if (number == SIGHUP)
        supervisor->wants_reload = true;
    else if (number == SIGUSR2)
        take_over(supervisor);
    else if (number == SIGUSR1 && sender && sender == supervisor->successor) {
        report(supervisor, "process %d has taken over", (int)sender);
        supervisor->is_ending = true;
        aiohttp__listeners_close(supervisor->listeners);
        end_generations(supervisor, 0, supervisor->generation, true);
    } else if (number == SIGTERM || number == SIGINT) {
        /* The first one while it drains, or has failed, is not the second. */
        supervisor->is_asked_twice = supervisor->is_asked;
        supervisor->is_asked = true;
        end_all(supervisor, 0);
        end_generations(supervisor, 0, supervisor->generation, false);
    }
}

static void wait_for_signal(struct supervisor *supervisor)
{
    siginfo_t info;
    double seconds = next_wait(supervisor);
    struct timespec wait = { .tv_sec = (time_t)seconds };
    wait.tv_nsec = (long)((seconds - (double)wait.tv_sec) * 1e9);
    int number = sigtimedwait(&supervisor->signals, &info, &wait);
    if (number > 0)
        on_signal(supervisor, number, info.si_pid);
}

static void on_child(int number)
{
    (void)number; /* a signal that is ignored would be lost, and children reaped unseen */
}

static void take_signals(struct supervisor *supervisor)
{
    static const int numbers[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };
    struct sigaction action = { .sa_handler = on_child };
    sigemptyset(&action.sa_mask);
    sigemptyset(&supervisor->signals);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(&supervisor->signals, numbers[i]);
    sigprocmask(SIG_BLOCK, &supervisor->signals, &supervisor->old);
    sigaction(SIGCHLD, &action, &supervisor->old_child);
}

int aiohttp__supervise(aiohttp_web_worker_function *function, void *data,
                       struct listeners *listeners, const aiohttp_web_run_app_options *options)
{
    struct supervisor supervisor = { .options = options,
                                     .function = function,
                                     .data = data,
                                     .listeners = listeners,
                                     .look = INFINITY,
                                     .count = (unsigned)options->workers };
    supervisor.slots = asyncio_mem_calloc(supervisor.count, sizeof *supervisor.slots);
    if (!supervisor.slots) {
        aiohttp__listeners_close(listeners);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < supervisor.count; i++)
        supervisor.slots[i].retry = INFINITY;
    take_signals(&supervisor);
    begin_generation(&supervisor);
    while (supervisor.processes || !supervisor.is_ending) {
        wait_for_signal(&supervisor);
        do_what_is_due(&supervisor);
    }
    if (!supervisor.successor)
        aiohttp__listeners_remove_file(listeners, options);
    restore_signals(&supervisor);
    asyncio_mem_free(supervisor.slots);
    return supervisor.result;
}
