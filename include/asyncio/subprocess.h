/* SPDX-License-Identifier: MIT */
/* Subprocesses: programs that run beside this one, their standard streams, their end.
 *
 *     asyncio_process *process;
 *     asyncio_process_output output;
 *     int r = asyncio_create_subprocess_exec(ASYNCIO_ARGS("date", "-u"), &process,
 *                                            .std_out = ASYNCIO_SUBPROCESS_PIPE);
 *     if (r < 0)
 *         return r;
 *     r = asyncio_process_communicate(process, &output);
 *     if (r >= 0)
 *         printf("%s", output.std_out);
 *     asyncio_process_unref(process);
 *
 * MODEL      A process is a child of this one. Its standard streams are those of this process
 *            unless the options say otherwise; what is ASYNCIO_SUBPROCESS_PIPE becomes an
 *            asyncio_stream of the process. It gets no other descriptor but .pass_fds, and the
 *            default signal mask and dispositions. That the program could not be run (-ENOENT,
 *            -EACCES) is told by the call that makes it.
 * CODE       As Python's: what it exited with, or -N when signal N ended it; 255 when somebody
 *            else has reaped it, which the exception handler is told.
 * OWNERSHIP  Creating returns new, and the streams belong to the process: they are lent. Giving
 *            the last reference back closes the streams and, as Python's transport does, kills a
 *            child that still runs, with its whole group if it leads one (.process_group = 0,
 *            .start_new_session); it is reaped by the loop. So a task that is cancelled while it
 *            waits leaves no child behind. With ret_process NULL nobody holds it: it runs on by
 *            itself, and is reaped. A loop that closes kills and reaps the children it still has.
 * WAITING    asyncio_process_wait is over when the child has ended, also while others hold its
 *            pipes. Who waits and does not read a pipe may wait for ever, as in Python: a child
 *            cannot write to a pipe that is full. asyncio_process_communicate reads.
 * SIGNALS    No handler for SIGCHLD is installed and none is disturbed: each child has a
 *            descriptor of its own (pidfd), so any thread's loop can have children, and a signal
 *            never reaches another process that got the same number.
 * SOURCE     CPython's Lib/asyncio/subprocess.py, Lib/subprocess.py. */
#pragma once

#include <asyncio/stream.h>

ASYNCIO__BEGIN

typedef struct asyncio_process asyncio_process;

enum asyncio_subprocess_stream {
    ASYNCIO_SUBPROCESS_PIPE = -1,    /* a stream of the process */
    ASYNCIO_SUBPROCESS_STDOUT = -2,  /* of standard error: where standard output goes */
    ASYNCIO_SUBPROCESS_DEVNULL = -3,
    ASYNCIO_SUBPROCESS_INHERIT = -4, /* Python's None: as this process has it */
};

#define ASYNCIO__DEFAULT_PROCESS_GROUP (-1)
#define ASYNCIO__DEFAULT_UMASK (-1)

/* How a subprocess is made. What is pointed to is borrowed for the call. */
typedef struct asyncio_subprocess_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_subprocess_options));
    size_t limit ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_LIMIT);  /* bytes, of each stream */
    /* ASYNCIO_SUBPROCESS_..., or a descriptor, which stays the caller's */
    int std_in ASYNCIO__DEFAULT(ASYNCIO_SUBPROCESS_INHERIT);
    int std_out ASYNCIO__DEFAULT(ASYNCIO_SUBPROCESS_INHERIT);
    int std_err ASYNCIO__DEFAULT(ASYNCIO_SUBPROCESS_INHERIT);
    const char *cwd ASYNCIO__0;                /* the directory it runs in; NULL: this one's */
    const char *const *env ASYNCIO__0;         /* "NAME=value", NULL at the end; NULL: this one's */
    const char *executable ASYNCIO__0;         /* the program, when its first argument is not */
    const int *pass_fds ASYNCIO__0;            /* it gets these too, by the same numbers */
    size_t pass_fd_count ASYNCIO__0;
    /* to join; 0: one of its own; -1: this one's */
    int process_group ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_PROCESS_GROUP);
    int start_new_session ASYNCIO__0;
    int umask ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_UMASK);     /* -1: this one's */
} asyncio_subprocess_options;

/* Runs the program `arguments[0]`, looked for in PATH (of .env, if that is given) when its name has
 * no slash. `arguments` ends with NULL: ASYNCIO_ARGS("ls", "-l") is such a list. ret_process (NULL:
 * not wanted) returns new. What exec says: -ENOENT, -EACCES, -ENOEXEC, -E2BIG, of .cwd too, and
 * asyncio_last_error tells which; -EMFILE, -EAGAIN, -ENOMEM; -EINVAL for what cannot be asked for;
 * -ECANCELED: the child has been killed and reaped. Blocks the loop until the program has been
 * found, as Python's does, then suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_create_subprocess_exec(
    const char *const *arguments, asyncio_process **ret_process,
    const asyncio_subprocess_options *options);

/* Runs `command` by /bin/sh, or .executable. What it contains of others' words has to be quoted, as
 * in any shell. Otherwise as asyncio_create_subprocess_exec. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_create_subprocess_shell(
    const char *command, asyncio_process **ret_process, const asyncio_subprocess_options *options);

/* The child's number; also when it has ended, and the number may be another's. */
ASYNCIO_API int asyncio_process_pid(const asyncio_process *process);

/* 0 and its code when it has ended; -ASYNCIO_INVALID_STATE while it runs (Python: None). Does not
 * suspend. */
ASYNCIO_API int asyncio_process_returncode(const asyncio_process *process, int *ret_code);

/* Its standard input, to write to; lent, NULL unless it is a pipe. */
ASYNCIO_API asyncio_stream *asyncio_process_stdin(const asyncio_process *process);

/* Its standard output, to read; lent, NULL unless it is a pipe. */
ASYNCIO_API asyncio_stream *asyncio_process_stdout(const asyncio_process *process);

/* Its standard error, to read; lent, NULL unless it is a pipe. */
ASYNCIO_API asyncio_stream *asyncio_process_stderr(const asyncio_process *process);

/* Waits until it has ended: 0, and its code in *ret_code (NULL: not wanted). Any number of tasks
 * may wait; cancelled (-ECANCELED) the child runs on, as long as there is a reference to it.
 * Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_process_wait(asyncio_process *process, int *ret_code);

/* What a process has written. Each ends with a NUL that is not counted; NULL unless it is a
 * pipe. */
typedef struct asyncio_process_output {
    const char *std_out;
    size_t std_out_size;
    const char *std_err;
    size_t std_err_size;
} asyncio_process_output;

typedef struct asyncio_process_communicate_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_process_communicate_options));
    const void *input ASYNCIO__0;    /* for its standard input, which is closed then */
    size_t input_size ASYNCIO__0;
    size_t max_output ASYNCIO__0;    /* bytes, of each stream; 0: no limit */
} asyncio_process_communicate_options;

/* Writes the input and closes, reads both outputs to their ends, and waits until the child has
 * ended. *ret_output (NULL: not wanted) is lent as long as the process. A child that does not read
 * its input is no error. Cancelled (-ECANCELED), nothing is lost: called again with the same input
 * it goes on where it was. -EINVAL for input without a pipe, -EBUSY while another task is in it,
 * -ASYNCIO_LIMIT_OVERRUN past .max_output, -ENOMEM. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_process_communicate(
    asyncio_process *process, asyncio_process_output *ret_output,
    const asyncio_process_communicate_options *options);

/* Sends it a signal. -ESRCH when its end is known, -EINVAL for what is no signal. Does not
 * suspend. */
ASYNCIO_API int asyncio_process_send_signal(asyncio_process *process, int signal_number);

/* Sends it SIGTERM: asks it to end. As send_signal. Does not suspend. */
ASYNCIO_API int asyncio_process_terminate(asyncio_process *process);

/* Sends it SIGKILL: ends it. As send_signal. Does not suspend. */
ASYNCIO_API int asyncio_process_kill(asyncio_process *process);

/* Takes one more reference and returns it. NULL allowed. */
ASYNCIO_API asyncio_process *asyncio_process_ref(asyncio_process *process);

/* Gives a reference back; the last one closes the streams and kills a child that still runs. NULL
 * allowed. Does not suspend. */
ASYNCIO_API void asyncio_process_unref(asyncio_process *process);

#define ASYNCIO__SUBPROCESS_DEFAULTS                                                               \
    (.limit = ASYNCIO__DEFAULT_LIMIT, .std_in = ASYNCIO_SUBPROCESS_INHERIT,                        \
     .std_out = ASYNCIO_SUBPROCESS_INHERIT, .std_err = ASYNCIO_SUBPROCESS_INHERIT,                 \
     .process_group = ASYNCIO__DEFAULT_PROCESS_GROUP, .umask = ASYNCIO__DEFAULT_UMASK, )

#define asyncio_create_subprocess_exec(...) asyncio__subprocess_exec_m(__VA_ARGS__, )
#define asyncio__subprocess_exec_m(arguments, ret_process, ...)                                    \
    asyncio__subprocess_exec_v(                                                                    \
        arguments, ret_process,                                                                    \
        ASYNCIO__OPTIONS(asyncio_subprocess_options, ASYNCIO__SUBPROCESS_DEFAULTS, __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__subprocess_exec_v(const char *const *arguments,
                                                                asyncio_process **ret_process,
                                                                asyncio_subprocess_options options)
{
    return (asyncio_create_subprocess_exec)(arguments, ret_process, &options);
}
#define asyncio_create_subprocess_shell(...) asyncio__subprocess_shell_m(__VA_ARGS__, )
#define asyncio__subprocess_shell_m(command, ret_process, ...)                                     \
    asyncio__subprocess_shell_v(                                                                   \
        command, ret_process,                                                                      \
        ASYNCIO__OPTIONS(asyncio_subprocess_options, ASYNCIO__SUBPROCESS_DEFAULTS, __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__subprocess_shell_v(const char *command,
                                                                 asyncio_process **ret_process,
                                                                 asyncio_subprocess_options options)
{
    return (asyncio_create_subprocess_shell)(command, ret_process, &options);
}
#define asyncio_process_communicate(...) asyncio__process_communicate_m(__VA_ARGS__, )
#define asyncio__process_communicate_m(process, ret_output, ...)                                   \
    asyncio__process_communicate_v(                                                                \
        process, ret_output,                                                                       \
        ASYNCIO__OPTIONS(asyncio_process_communicate_options, (), __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__process_communicate_v(
    asyncio_process *process, asyncio_process_output *ret_output,
    asyncio_process_communicate_options options)
{
    return (asyncio_process_communicate)(process, ret_output, &options);
}

ASYNCIO__END

/* The arguments of a program, the first its name: texts, lent until the end of the expression. */
#if defined(__cplusplus)
template <typename... T> struct asyncio__arguments {
    explicit asyncio__arguments(T... texts) : items{ texts..., nullptr } {}
    operator const char *const *() const { return items; }
    const char *items[sizeof...(T) + 1];
};
#define ASYNCIO_ARGS(...) (asyncio__arguments(__VA_ARGS__))
#else
#define ASYNCIO_ARGS(...) (__extension__(const char *const[]){ __VA_ARGS__, NULL })
#endif
