/* SPDX-License-Identifier: MIT */
/* Results and errors.
 *
 * MODEL   A result is an int: 0 or more on success, a negative error otherwise: -errno, or one of
 *         the codes below, which are Python's exception classes that errno has no word for.
 *         ASYNCIO_INVALID_STATE is for any object that is asked for what its state does not allow:
 *         InvalidStateError of futures, and where Python raises a RuntimeError of a timeout,
 *         group, runner or context that is not entered, or entered already.
 *         Cancelled is -ECANCELED and nothing else is; timed out is -ETIMEDOUT.
 * RECORD  Beside the number there can be a record for people: what happened, in a sentence, where,
 *         and because of what. It belongs to the task that raised it, travels with its result to
 *         whoever awaits the task, and never steers control flow. No memory for it: the number
 *         alone remains. */
#pragma once

#include <asyncio/macros.h>
#include <errno.h>

ASYNCIO__BEGIN

/* code, Python's name, sentence */
#define ASYNCIO_ERRORS(X)                                                                          \
    X(INVALID_STATE, 4096, "InvalidStateError", "the operation is not allowed in this state")      \
    X(LOOP_CLOSED, 4097, "RuntimeError", "the event loop is closed")                               \
    X(NO_RUNNING_LOOP, 4098, "RuntimeError", "no running event loop")                              \
    X(LOOP_RUNNING, 4099, "RuntimeError", "an event loop is running in this thread already")       \
    X(LOOP_STOPPED, 4100, "RuntimeError", "the event loop stopped before the future completed")    \
    X(OTHER_LOOP, 4101, "RuntimeError", "the future is attached to a different loop")              \
    X(AWAITS_ITSELF, 4102, "RuntimeError", "a task cannot await itself")                           \
    X(NO_TASK, 4103, "RuntimeError", "this must be called from inside a task")                     \
    X(WRONG_THREAD, 4104, "RuntimeError", "the event loop belongs to another thread")              \
    X(SCOPE_OPEN, 4105, "RuntimeError", "a scope was left without its exit")                       \
    X(SCOPE_ORDER, 4106, "RuntimeError", "scopes must be left in the reverse order of entering")   \
    X(GROUP_CLOSED, 4107, "RuntimeError", "the task group takes no more tasks")                    \
    X(LOOKUP, 4108, "LookupError", "the context variable has no value")                            \
    X(INCOMPLETE_READ, 4109, "IncompleteReadError",                                                \
      "the stream ended before all that was asked for")                                            \
    X(LIMIT_OVERRUN, 4110, "LimitOverrunError",                                                    \
      "the limit was passed before the separator was found")                                       \
    X(QUEUE_EMPTY, 4111, "QueueEmpty", "the queue is empty")                                       \
    X(QUEUE_FULL, 4112, "QueueFull", "the queue is full")                                          \
    X(QUEUE_SHUT_DOWN, 4113, "QueueShutDown", "the queue has been shut down")                      \
    X(BROKEN_BARRIER, 4114, "BrokenBarrierError", "the barrier is broken")                         \
    X(SENDFILE_NOT_AVAILABLE, 4115, "SendfileNotAvailableError", "sendfile is not available here") \
    X(RESOLVE, 4116, "gaierror", "the host name could not be resolved")                            \
    X(EXECUTOR_SHUT_DOWN, 4117, "RuntimeError", "the executor has been shut down")                 \
    X(FORKED, 4118, "RuntimeError", "the event loop belongs to the parent of this process")        \
    X(ALREADY_AWAITED, 4119, "RuntimeError", "the coroutine has been awaited already")       \
    X(NOT_LOCKED, 4120, "RuntimeError", "the lock is not acquired")                                \
    X(SSL, 4121, "SSLError", "TLS failed")                                                         \
    X(SSL_EOF, 4122, "SSLEOFError", "the TLS connection was cut off: it ended without a goodbye")  \
    X(SSL_CERT_VERIFICATION, 4123, "SSLCertVerificationError",                                     \
      "the certificate of the peer is not to be trusted")

enum asyncio_error_code {
#define ASYNCIO__CODE(name, code, python, sentence) ASYNCIO_##name = code,
    ASYNCIO_ERRORS(ASYNCIO__CODE)
#undef ASYNCIO__CODE
};

/* The record of an error, lent: valid until the task that asked for it suspends or raises again,
 * or ends. */
typedef struct asyncio_error {
    int code;                                 /* negative, as the function returned it */
    const char *text;                         /* a sentence, never NULL */
    const char *where;                        /* "file:line (function)", or NULL */
    const struct asyncio_error *cause;        /* what led to it, or NULL */
    /* the errors of a group, in the order they came, or NULL */
    const struct asyncio_error *const *errors;
    size_t error_count;
} asyncio_error;

/* The name of a result as C programs know it: "ETIMEDOUT", "ASYNCIO_QUEUE_FULL"; "0" for success.
 * Static text, never NULL. Any thread; does not suspend. */
ASYNCIO_API const char *asyncio_error_name(int result);

/* Python's class for a result: "TimeoutError", "QueueFull", "OSError". Static text, never NULL.
 * Any thread; does not suspend. */
ASYNCIO_API const char *asyncio_error_class(int result);

/* The sentence for a result, without a full stop. Static text, never NULL. Any thread; does not
 * suspend. */
ASYNCIO_API const char *asyncio_error_text(int result);

/* A row of a table of errors: the positive code, its name, Python's class, the sentence. */
typedef struct asyncio_error_row {
    int code;
    const char *name, *python, *sentence;
} asyncio_error_row;

/* Errors of a library on top of this one. Static memory: it is linked in, and stays. */
typedef struct asyncio_error_table {
    const asyncio_error_row *rows;
    size_t count;
    struct asyncio_error_table *next; /* the library's */
} asyncio_error_table;

/* Makes the errors of `table` known to the functions above and to asyncio_print_exception. Borrows
 * it for ever; once for each table. Codes from 8192 up are free for it. Any thread; does not
 * suspend. */
ASYNCIO_API void asyncio_error_table_add(asyncio_error_table *table);

/* Records `code` (negative) with a sentence of printf's form for the running task, or for the
 * thread outside of tasks, and returns `code`: `return asyncio_raise(-EINVAL, "port %d is out of
 * range", port);`. An error of another code that became known to the same task, and has not been
 * printed or followed by a suspension since, becomes its cause: Python's __context__, as far as C
 * can know that an error is still being handled. Does not suspend. */
ASYNCIO_API int asyncio_raise(int code, const char *format, ...) ASYNCIO_PRINTF(2, 3);
#define asyncio_raise(...) asyncio__raise(__FILE__, __LINE__, __func__, __VA_ARGS__)
ASYNCIO_API int asyncio__raise(const char *file, int line, const char *function, int code,
                               const char *format, ...) ASYNCIO_PRINTF(5, 6);

/* The record that belongs to `result`, lent, or NULL when there is none: nothing was recorded, or
 * the last record of this task (outside of tasks: of this thread) is of another code. Does not
 * suspend. */
ASYNCIO_API const asyncio_error *asyncio_last_error(int result);

/* Prints what `result` means to standard error, as Python prints an exception that nobody caught,
 * with its causes and its group, and returns the exit status for main: 0 and silence for a result
 * of 0 or more, 130 for -EINTR (Ctrl-C), 1 otherwise. Does not suspend. */
ASYNCIO_API int asyncio_print_exception(int result);

ASYNCIO__END
