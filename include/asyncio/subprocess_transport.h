/* SPDX-License-Identifier: MIT */
/* Subprocesses by callbacks: the level beneath asyncio_process, for authors of libraries. Programs
 * are better off with asyncio_create_subprocess_exec.
 *
 * MODEL      A protocol is an object of yours with methods, as that of protocol.h. Its transport
 *            is a child of this process; each of its standard streams that is
 *            ASYNCIO_SUBPROCESS_PIPE, which all three are unless the options say otherwise, is a
 *            pipe with an asyncio_transport of its own: what comes from it is the protocol's
 *            pipe_data_received, and get_pipe_transport gives the one to write to, pause or close.
 * ORDER      connection_made; then pipe_data_received and, for each pipe, pipe_connection_lost
 *            once, after its data; process_exited once, before, between or after these;
 *            connection_lost at last, when the child has ended and every pipe is lost: a
 *            grandchild that holds a pipe holds it up. Methods come from the loop, never from
 *            inside a call to the transport, but pause_writing.
 * CONTEXT    They run in the loop's thread, in the context that the child was made in, outside of
 *            tasks: they must not suspend.
 * OWNERSHIP  A protocol belongs to its transport from the factory on; `destroy` is called once,
 *            after connection_lost, or when the loop closes before. One that set_protocol replaced
 *            is yours again. The loop holds the transport until the end. What holds for the child
 *            is told in subprocess.h; it is killed by close, and by the loop that closes, not by
 *            the last reference.
 * SOURCE     CPython's Lib/asyncio/base_subprocess.py, protocols.py, transports.py. */
#pragma once

#include <asyncio/subprocess.h>
#include <asyncio/transport.h>

ASYNCIO__BEGIN

typedef struct asyncio_subprocess_transport asyncio_subprocess_transport;
typedef struct asyncio_subprocess_protocol asyncio_subprocess_protocol;

/* Python's SubprocessProtocol. Each may be NULL. `fd` is 0, 1 or 2: the child's. */
typedef struct asyncio_subprocess_protocol_methods {
    /* The child runs. `transport` is lent until connection_lost has returned. */
    void (*connection_made)(asyncio_subprocess_protocol *protocol,
                            asyncio_subprocess_transport *transport);
    /* It has written this, lent for this call. */
    void (*pipe_data_received)(asyncio_subprocess_protocol *protocol, int fd, const void *data,
                               size_t size);
    /* The end of a pipe. 0: it was closed, here or there; else what it was lost by. */
    void (*pipe_connection_lost)(asyncio_subprocess_protocol *protocol, int fd, int error);
    /* It has ended; its code is asyncio_subprocess_transport_get_returncode. */
    void (*process_exited)(asyncio_subprocess_protocol *protocol);
    /* All of it is over. `error` is 0, as in Python. */
    void (*connection_lost)(asyncio_subprocess_protocol *protocol, int error);
    /* More than the high-water mark is unsent to its standard input; until resume_writing. */
    void (*pause_writing)(asyncio_subprocess_protocol *protocol);
    void (*resume_writing)(asyncio_subprocess_protocol *protocol);
    /* Nothing calls it any more. */
    void (*destroy)(asyncio_subprocess_protocol *protocol);
} asyncio_subprocess_protocol_methods;

struct asyncio_subprocess_protocol {
    const asyncio_subprocess_protocol_methods *methods;
};

/* Makes a protocol for one child. NULL: no memory. Does not suspend. */
typedef asyncio_subprocess_protocol *asyncio_subprocess_protocol_factory(void *data);

/* As asyncio_subprocess_options, which tells of the fields. What is pointed to is borrowed for the
 * call. */
typedef struct asyncio_loop_subprocess_options {
    size_t size ASYNCIO__DEFAULT(sizeof(asyncio_loop_subprocess_options));
    int std_in ASYNCIO__DEFAULT(ASYNCIO_SUBPROCESS_PIPE);
    int std_out ASYNCIO__DEFAULT(ASYNCIO_SUBPROCESS_PIPE);
    int std_err ASYNCIO__DEFAULT(ASYNCIO_SUBPROCESS_PIPE);
    const char *cwd ASYNCIO__0;
    const char *const *env ASYNCIO__0;
    const char *executable ASYNCIO__0;
    const int *pass_fds ASYNCIO__0;
    size_t pass_fd_count ASYNCIO__0;
    int process_group ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_PROCESS_GROUP);
    int start_new_session ASYNCIO__0;
    int umask ASYNCIO__DEFAULT(ASYNCIO__DEFAULT_UMASK);
    void *data ASYNCIO__0; /* the factory's argument */
} asyncio_loop_subprocess_options;

/* Runs a program, as asyncio_create_subprocess_exec does, for what `factory` makes, whose
 * connection_made has been called when it returns. `loop` is the running one. ret_transport (NULL:
 * not wanted) returns new. The errors of asyncio_create_subprocess_exec, of which the protocol
 * hears nothing; cancelled (-ECANCELED) the child has been killed and reaped, which a protocol that
 * was told of it is told, too. -ASYNCIO_OTHER_LOOP. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_subprocess_exec(
    asyncio_loop *loop, asyncio_subprocess_protocol_factory *factory, const char *const *arguments,
    asyncio_subprocess_transport **ret_transport, const asyncio_loop_subprocess_options *options);

/* Runs `command` by /bin/sh, or .executable; see asyncio_create_subprocess_shell. Otherwise as
 * asyncio_loop_subprocess_exec. Suspends. */
ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_loop_subprocess_shell(
    asyncio_loop *loop, asyncio_subprocess_protocol_factory *factory, const char *command,
    asyncio_subprocess_transport **ret_transport, const asyncio_loop_subprocess_options *options);

/* The child's number; also when it has ended, and the number may be another's. */
ASYNCIO_API int asyncio_subprocess_transport_get_pid(const asyncio_subprocess_transport *transport);

/* 0 and its code when it has ended; -ASYNCIO_INVALID_STATE while it runs (Python: None). */
ASYNCIO_API int asyncio_subprocess_transport_get_returncode(
    const asyncio_subprocess_transport *transport, int *ret_code);

/* The transport of its standard stream `fd`; lent as long as this one, NULL unless it is a pipe.
 * Its protocol is not to be replaced. */
ASYNCIO_API asyncio_transport *asyncio_subprocess_transport_get_pipe_transport(
    const asyncio_subprocess_transport *transport, int fd);

/* Sends it a signal. -ESRCH when its end is known, -EINVAL for what is no signal. */
ASYNCIO_API int asyncio_subprocess_transport_send_signal(asyncio_subprocess_transport *transport,
                                                         int signal_number);

/* Sends it SIGTERM: asks it to end. As send_signal. */
ASYNCIO_API int asyncio_subprocess_transport_terminate(asyncio_subprocess_transport *transport);

/* Sends it SIGKILL: ends it. As send_signal. */
ASYNCIO_API int asyncio_subprocess_transport_kill(asyncio_subprocess_transport *transport);

/* Closes its pipes, and kills it when it still runs, with its whole group if it leads one; the
 * protocol hears of all that later. Twice is harmless. */
ASYNCIO_API void asyncio_subprocess_transport_close(asyncio_subprocess_transport *transport);

/* 1 once close was called, or all is over. */
ASYNCIO_API int asyncio_subprocess_transport_is_closing(
    const asyncio_subprocess_transport *transport);

/* Calls another protocol from now on, which becomes the transport's; the one before is the caller's
 * again. Returns it; NULL, and nothing was done, when it is over. */
ASYNCIO_API asyncio_subprocess_protocol *asyncio_subprocess_transport_set_protocol(
    asyncio_subprocess_transport *transport, asyncio_subprocess_protocol *protocol);

/* The protocol, lent; NULL when it is gone. */
ASYNCIO_API asyncio_subprocess_protocol *asyncio_subprocess_transport_get_protocol(
    const asyncio_subprocess_transport *transport);

/* Takes one more reference and returns it. NULL allowed. */
ASYNCIO_API asyncio_subprocess_transport *asyncio_subprocess_transport_ref(
    asyncio_subprocess_transport *transport);

/* Gives a reference back. The last one does not close: the loop holds it until connection_lost.
 * NULL allowed. */
ASYNCIO_API void asyncio_subprocess_transport_unref(asyncio_subprocess_transport *transport);

#define ASYNCIO__LOOP_SUBPROCESS_DEFAULTS                                                          \
    (.std_in = ASYNCIO_SUBPROCESS_PIPE, .std_out = ASYNCIO_SUBPROCESS_PIPE,                        \
     .std_err = ASYNCIO_SUBPROCESS_PIPE, .process_group = ASYNCIO__DEFAULT_PROCESS_GROUP,          \
     .umask = ASYNCIO__DEFAULT_UMASK, )

#define asyncio_loop_subprocess_exec(...) asyncio__loop_subprocess_exec_m(__VA_ARGS__, )
#define asyncio__loop_subprocess_exec_m(loop, factory, arguments, ret_transport, ...)              \
    asyncio__loop_subprocess_exec_v(loop, factory, arguments, ret_transport,                       \
                                    ASYNCIO__OPTIONS(asyncio_loop_subprocess_options,              \
                                                     ASYNCIO__LOOP_SUBPROCESS_DEFAULTS,            \
                                                     __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_subprocess_exec_v(
    asyncio_loop *loop, asyncio_subprocess_protocol_factory *factory, const char *const *arguments,
    asyncio_subprocess_transport **ret_transport, asyncio_loop_subprocess_options options)
{
    return (asyncio_loop_subprocess_exec)(loop, factory, arguments, ret_transport, &options);
}
#define asyncio_loop_subprocess_shell(...) asyncio__loop_subprocess_shell_m(__VA_ARGS__, )
#define asyncio__loop_subprocess_shell_m(loop, factory, command, ret_transport, ...)               \
    asyncio__loop_subprocess_shell_v(loop, factory, command, ret_transport,                        \
                                     ASYNCIO__OPTIONS(asyncio_loop_subprocess_options,             \
                                                      ASYNCIO__LOOP_SUBPROCESS_DEFAULTS,           \
                                                      __VA_ARGS__))
ASYNCIO_MUST_CHECK static inline int asyncio__loop_subprocess_shell_v(
    asyncio_loop *loop, asyncio_subprocess_protocol_factory *factory, const char *command,
    asyncio_subprocess_transport **ret_transport, asyncio_loop_subprocess_options options)
{
    return (asyncio_loop_subprocess_shell)(loop, factory, command, ret_transport, &options);
}

ASYNCIO__END
