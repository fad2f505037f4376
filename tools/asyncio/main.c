/* SPDX-License-Identifier: MIT */
/* The asyncio command: looks into a running program that uses libasyncio, without its help; and
 * downloads (fetch.h) and serves a folder (serve.c) by libaiohttp.
 *
 *      main      what is asked for
 *      process   its memory          layout   where things lie in it (asyncio/task/debug.h)
 *      tasks     loops and tasks, and what awaits what
 *      frames    their stacks        running      a thread, stopped for its registers
 *      ps, pstree   the two ways to show all that
 *
 * Looking, nothing is written, and without --stop nothing is stopped: it works as well when the
 * loop is stuck, and costs the program nothing. */
#include "frames.h"
#include "net.h"
#include "show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: asyncio ps [--stop] PID              a table of the tasks of a running process\n"
    "       asyncio pstree [--stop] PID          a tree: below each task those that it awaits\n"
    "       asyncio fetch [OPTION...] URL...     downloads; --help tells more\n"
    "       asyncio serve [OPTION...] [FOLDER]   serves a folder over HTTP; --help tells more\n"
    "       asyncio --version\n"
    "--stop: stops its threads for a moment, to see the stack of a task that runs\n";

static int look(pid_t pid, bool may_stop, void (*show)(const struct loop *loop))
{
    struct process process;
    struct debug_layout layout;
    struct picture picture = { .loops = NULL };
    int status = process_open(&process, pid);
    if (status == STATUS_OK)
        status = layout_find(&process, &layout);
    if (status == STATUS_OK)
        status = picture_take(&process, &layout, &picture);
    if (status == STATUS_OK) {
        bool has_frames = frames_open(&process);
        for (size_t i = 0; i < picture.loop_count; i++) {
            for (size_t k = 0; k < picture.loops[i].task_count; k++)
                frames_take(&picture.loops[i].tasks[k], may_stop);
            show(&picture.loops[i]);
        }
        if (picture.loop_count == 0)
            printf("process %d has no event loop\n", (int)pid);
        if (!has_frames)
            (void)complain(0, "without libdw (elfutils) there are no stacks to show");
        frames_close();
    }
    picture_free(&picture);
    process_close(&process);
    return status;
}

static bool read_pid(const char *text, pid_t *ret_pid)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < 1 || value != (pid_t)value)
        return false;
    *ret_pid = (pid_t)value;
    return true;
}

int main(int argc, char **argv)
{
    pid_t pid;
    const char *command = argc > 1 ? argv[1] : "";
    if (argc == 2 && (!strcmp(command, "--help") || !strcmp(command, "help"))) {
        (void)fputs(usage, stdout);
        return STATUS_OK;
    }
    if (argc == 2 && !strcmp(command, "--version")) {
        (void)puts("asyncio (libasyncio) " ASYNCIO__VERSION);
        return STATUS_OK;
    }
    if (!strcmp(command, "fetch"))
        return run_fetch(argc - 1, argv + 1);
    if (!strcmp(command, "serve"))
        return run_serve(argc - 1, argv + 1);
    bool is_table = !strcmp(command, "ps");
    if (!is_table && strcmp(command, "pstree") != 0) {
        if (*command)
            (void)complain(0, "'%s' is no command", command);
        (void)fputs(usage, stderr);
        return STATUS_USAGE;
    }
    bool may_stop = argc > 2 && !strcmp(argv[2], "--stop");
    if (argc != 3 + may_stop) {
        (void)fputs(usage, stderr);
        return STATUS_USAGE;
    }
    if (!read_pid(argv[argc - 1], &pid))
        return complain(STATUS_USAGE, "'%s' is no process id", argv[argc - 1]);
    int status = look(pid, may_stop, is_table ? show_table : show_tree);
    if (fflush(stdout) != 0 && status == STATUS_OK)
        status = complain(STATUS_FAILED, "the output cannot be written");
    return status;
}
