/* SPDX-License-Identifier: MIT */
/* Making a subprocess: what its standard streams are, and what has to be there before it runs, so
 * that hardly anything can fail afterwards. */
#include "process/process.h"

#include "backend/spawn.h"
#include "base/alloc.h"
#include "net/pipe.h"

#include <errno.h>

static const asyncio_subprocess_options defaults = {
    .size = sizeof defaults,
    .limit = ASYNCIO__DEFAULT_LIMIT,
    .std_in = ASYNCIO_SUBPROCESS_INHERIT,
    .std_out = ASYNCIO_SUBPROCESS_INHERIT,
    .std_err = ASYNCIO_SUBPROCESS_INHERIT,
    .process_group = ASYNCIO__DEFAULT_PROCESS_GROUP,
    .umask = ASYNCIO__DEFAULT_UMASK,
};

/* The child's ends, closed when it has been made or could not be. */
struct ends {
    int numbers[STREAMS]; /* -1: none */
};

static void close_ends(const struct ends *ends)
{
    for (int i = 0; i < STREAMS; i++)
        if (ends->numbers[i] >= 0)
            asyncio__close(ends->numbers[i]);
}

static int make_pipe(asyncio_process *process, int which, size_t limit, struct ends *ends)
{
    int pair[2], r = asyncio__pipe(pair);
    if (r < 0)
        return r;
    bool reads = which != STD_IN; /* we do */
    int ours = pair[reads ? 0 : 1];
    ends->numbers[which] = pair[reads ? 1 : 0];
    r = process->owner ? asyncio__subprocess_add_pipe(process->owner, which, ours)
                       : asyncio__pipe_stream(process->floor->net, ours, reads, limit,
                                              &process->streams[which]);
    if (r < 0)
        asyncio__close(ours);
    return r;
}

/* Finds what the child gets as standard stream `which`. */
static int redirect(asyncio_process *process, struct spawn *spawn, int which, int wanted,
                    size_t limit, struct ends *ends)
{
    switch (wanted) {
    case ASYNCIO_SUBPROCESS_INHERIT: spawn->std[which] = SPAWN_INHERIT; return 0;
    case ASYNCIO_SUBPROCESS_STDOUT:
        if (which != STD_ERR)
            return asyncio_raise(-EINVAL, "STDOUT can only be used for stderr");
        spawn->std[which] = SPAWN_OUTPUT;
        return 0;
    case ASYNCIO_SUBPROCESS_PIPE: {
        int r = make_pipe(process, which, limit, ends);
        spawn->std[which] = ends->numbers[which];
        return r;
    }
    case ASYNCIO_SUBPROCESS_DEVNULL:
        spawn->std[which] = ends->numbers[which] = asyncio__open_null();
        return spawn->std[which] < 0 ? spawn->std[which] : 0;
    default:
        if (wanted < 0)
            return asyncio_raise(-EINVAL, "%d is no descriptor", wanted);
        spawn->std[which] = wanted;
        return 0;
    }
}

static int spawn_failed(const struct spawn *spawn, int r)
{
    if (!spawn->failed)
        return r;
    const char *what = spawn->failed[0] == 'e'                  ? spawn->file
                       : spawn->failed[0] == 'c'                ? spawn->directory
                                                                : spawn->failed;
    return asyncio_raise(r, "%s: %s", asyncio_error_text(r), what);
}

/* The child runs, or nothing is left of it. */
static int start(asyncio_process *process, const char *const *arguments,
                 const asyncio_subprocess_options *options)
{
    struct spawn spawn = {
        .file = options->executable ? options->executable : arguments[0],
        .arguments = arguments,
        .environment = options->env,
        .directory = options->cwd,
        .pass_fds = options->pass_fds,
        .pass_fd_count = options->pass_fds ? options->pass_fd_count : 0,
        .process_group = options->process_group < 0 ? -1 : options->process_group,
        .new_session = options->start_new_session,
        .umask = options->umask,
    };
    struct ends ends = { { -1, -1, -1 } };
    const int wanted[STREAMS] = { options->std_in, options->std_out, options->std_err };
    int r = 0;
    for (int i = 0; i < STREAMS && r >= 0; i++)
        r = redirect(process, &spawn, i, wanted[i], options->limit, &ends);
    if (r >= 0 && (r = asyncio__spawn(&spawn)) < 0)
        r = spawn_failed(&spawn, r);
    close_ends(&ends);
    if (r < 0)
        return r;
    process->pid = spawn.pid;
    process->leads = spawn.new_session || spawn.process_group == 0;
    return asyncio__process_watch(process, spawn.pidfd);
}

static int check(const char *const *arguments, const asyncio_subprocess_options *options)
{
    if (!arguments || !arguments[0])
        return asyncio_raise(-EINVAL, "a program has a name");
    if (options->limit == 0)
        return asyncio_raise(-EINVAL, "Limit cannot be <= 0");
    return 0;
}

/* Until it is the user's it is the task's: it goes with a task that is dropped with its loop. */
struct own {
    struct held held;
    asyncio_process *process;
};

static void drop(struct held *held)
{
    asyncio_process_unref(container_of(held, struct own, held)->process);
}

/* Others' turn: making children takes long. Who is cancelled in it leaves no child. */
static int let_others_run(asyncio_task *task, asyncio_process *process)
{
    struct own own = { .process = process };
    task_hold(task, &own.held, drop);
    int r = asyncio_sleep(0);
    if (r < 0)
        asyncio__process_kill_and_wait(process);
    task_let_go(task, &own.held);
    return r;
}

static void close_streams(asyncio_process *process)
{
    for (int i = 0; i < STREAMS; i++) {
        asyncio_stream_unref(process->streams[i]);
        process->streams[i] = NULL;
    }
}

int asyncio__process_make(const char *const *arguments, const asyncio_subprocess_options *options,
                          struct asyncio_subprocess_transport *owner, asyncio_process **ret_process)
{
    asyncio_task *task = task_current();
    if (!task)
        return -ASYNCIO_NO_TASK;
    int r = check(arguments, options);
    if (r >= 0)
        r = task_refuses(task);
    if (r >= 0 && task_take_cancel(task))
        r = -ECANCELED;
    if (r < 0)
        return r;
    struct processes *floor = asyncio__processes(task->future.loop);
    asyncio_process *process = floor ? asyncio__calloc(1, sizeof *process) : NULL;
    if (!process)
        return -ENOMEM;
    process->floor = floor;
    process->refs = 1;
    process->owner = owner;
    list_init(&process->link);
    list_init(&process->op.link);
    list_init(&process->waiters);
    r = start(process, arguments, options);
    if (r >= 0) {
        *ret_process = process;
        return r;
    }
    close_streams(process);
    asyncio_process_unref(process);
    return r;
}

static int create(const char *const *arguments, asyncio_process **ret_process,
                  const asyncio_subprocess_options *options)
{
    asyncio_process *process;
    int r = asyncio__process_make(arguments, options, NULL, &process);
    if (r < 0)
        return r;
    r = let_others_run(task_current(), process);
    if (r >= 0 && ret_process) {
        *ret_process = process;
        return 0;
    }
    close_streams(process);
    if (r >= 0) /* nobody holds it, and so nobody's end kills it */
        process->refs = 0;
    else
        asyncio_process_unref(process);
    return r;
}

int(asyncio_create_subprocess_exec)(const char *const *arguments, asyncio_process **ret_process,
                                    const asyncio_subprocess_options *options)
{
    net_check_scopes(NET_CALLER());
    return create(arguments, ret_process, options ? options : &defaults);
}

int(asyncio_create_subprocess_shell)(const char *command, asyncio_process **ret_process,
                                     const asyncio_subprocess_options *options)
{
    net_check_scopes(NET_CALLER());
    asyncio_subprocess_options chosen = options ? *options : defaults;
    const char *shell = chosen.executable ? chosen.executable : "/bin/sh";
    const char *const arguments[] = { shell, "-c", command, NULL };
    if (!command)
        return -EINVAL;
    return create(arguments, ret_process, &chosen);
}
