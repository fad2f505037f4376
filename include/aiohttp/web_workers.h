/* SPDX-License-Identifier: MIT */
/* Workers: several loops that serve the same places, in processes, in threads, or both.
 *
 *     return asyncio_print_exception(aiohttp_web_run_app(app, .port = 8080, .workers = 4));
 *
 * or, with runners of one's own:
 *
 *     static int serve(aiohttp_web_worker *worker)
 *     {
 *         aiohttp_web_runner *runner;
 *         int r = aiohttp_web_server_runner_new(new_server(), &runner);
 *         if (r < 0)
 *             return r;
 *         r = aiohttp_web_runner_setup(runner);
 *         if (r >= 0)
 *             r = aiohttp_web_worker_serve(worker, runner);
 *         int ended = aiohttp_web_runner_cleanup(runner);
 *         ...
 *     }
 *     aiohttp_web_run_workers(serve, .port = 8080, .workers = 4);
 *
 * MODEL      `.workers = N`: the process that calls becomes the supervisor. It binds the sockets
 *            and forks N workers, of which each makes a loop of its own; it makes none while they
 *            run. `.threads = T`: each of them (without `.workers`: this process) has T loops, a
 *            thread each. A worker is one loop. Each has a listening socket of its own at each
 *            address (SO_REUSEPORT), between which the kernel shares out the connections; AF_UNIX
 *            sockets and those that were given are shared.
 * SOCKETS    The supervisor keeps every one open. So a worker that dies, or is replaced, takes no
 *            waiting connection with it: its successor has the same socket.
 * SIGNALS    To the supervisor, which blocks them in the thread that calls; SIGINT and SIGTERM:
 *            all workers end as run_app does, by one deadline: who has not ended some seconds
 *            after `.shutdown_timeout` is killed; a second such signal kills at once. SIGHUP:
 *            reload. SIGUSR2: takes over by `.exec`. A worker ends when its supervisor has gone.
 * RELOAD     New workers are forked; when all of them serve, the old ones drain: they accept no
 *            more, each answer is its connection's last ("Connection: close"), connections that
 *            are idle are kept for `.drain_timeout` more, since a request may be on its way. What
 *            is left ends as in a shutdown. When a new worker cannot start, that is told and the
 *            old ones stay. What a reload reads anew is what workers make: `.factory`, on_startup.
 * CRASHES    A worker that dies is replaced, at once; one that dies again within ten seconds of
 *            its start after a tenth of a second, then twice that, up to ten seconds. One that
 *            cannot start when the program starts ends it all: run_app returns its error. One that
 *            hangs while it serves is not found out: it is killed when it is to end, in its time.
 * TAKE-OVER  SIGUSR2 runs the program `.exec` with the sockets, as sd_listen_fds(3) says
 *            (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES) and AIOHTTP_TAKE_OVER, the number of its
 *            predecessor: a run_app of it with `.workers` serves these instead of binding its own,
 *            and tells its predecessor when all workers serve; that one drains and returns 0. When
 *            the new program dies before, the old one goes on.
 * LIMITS     Those of a server are each worker's.
 * THREADS    Call it from the program's first thread and before it makes others: a fork copies
 *            only the one that calls. In a worker process, everything made before the fork is a
 *            copy.
 * SOURCE     What Python leaves to gunicorn; nginx's master process; sd_listen_fds(3). */
#pragma once

#include <aiohttp/web_runner.h>

ASYNCIO__BEGIN

typedef struct aiohttp_web_worker aiohttp_web_worker;

/* The body of a worker: run as the main task of its loop, with the options' `.data`. When it
 * returns the worker ends; before aiohttp_web_worker_serve it has failed to start. */
typedef int aiohttp_web_worker_function(aiohttp_web_worker *worker, void *data);

/* Runs workers until SIGINT, SIGTERM, a take-over or an error. Of the options (those of run_app)
 * `.factory`, `.server`, `.handle_signals` and `.ssl_context` are not looked at, the last but for
 * what `.print` is told; `.workers` 0: no process is forked, and only threads serve. 0 after a
 * signal; the error of a worker that could not start, whose text names it; -ECHILD when it died
 * before it served; -EINVAL, the errors of asyncio_start_server, -EAGAIN and -ENOMEM of fork,
 * -ENOSYS on a backend that simulates, -ASYNCIO_LOOP_RUNNING inside a loop. Blocks the thread. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_run_workers(aiohttp_web_worker_function *function,
                        const aiohttp_web_run_app_options *options);

/* Starts sites of `runner`, which is set up, on the sockets of this worker, tells the supervisor
 * that it serves, and waits until the worker is to end, if need be for its draining. Then the
 * runner is to be cleaned up. `site` (NULL: the defaults) is copied; of it only backlog,
 * ssl_context and ssl_handshake_timeout count. 0; the errors of aiohttp_web_site_start;
 * -ASYNCIO_INVALID_STATE the second time; -ECANCELED. Suspends. */
AIOHTTP_API ASYNCIO_MUST_CHECK int
aiohttp_web_worker_serve(aiohttp_web_worker *worker, aiohttp_web_runner *runner,
                         const aiohttp_web_site_options *site);

/* Which one it is: 0 to workers * threads - 1. A replacement has the number of whom it replaces.
 * Does not suspend. */
AIOHTTP_API int aiohttp_web_worker_index(const aiohttp_web_worker *worker);

ASYNCIO_MUST_CHECK static inline int
aiohttp__run_workers_v(aiohttp_web_worker_function *function, aiohttp_web_run_app_options options)
{
    return aiohttp_web_run_workers(function, &options);
}
ASYNCIO_MUST_CHECK static inline int aiohttp__worker_serve_v(aiohttp_web_worker *worker,
                                                             aiohttp_web_runner *runner,
                                                             aiohttp_web_site_options options)
{
    return aiohttp_web_worker_serve(worker, runner, &options);
}

ASYNCIO__END

/* A worker's function with or without `data`, as the one that is called. */
#define AIOHTTP__WORKER(fn)                                                                        \
    ASYNCIO__CALLBACK(aiohttp_web_worker_function, fn, int (*)(aiohttp_web_worker *, void *),      \
                      int (*)(aiohttp_web_worker *))
#define aiohttp_web_run_workers(...) aiohttp__run_workers_m(__VA_ARGS__, )
#define aiohttp__run_workers_m(function, ...)                                                      \
    aiohttp__run_workers_v(AIOHTTP__WORKER(function), AIOHTTP__RUN_APP_OPTIONS(__VA_ARGS__))
#define aiohttp_web_worker_serve(...) aiohttp__worker_serve_m(__VA_ARGS__, )
#define aiohttp__worker_serve_m(worker, runner, ...)                                               \
    aiohttp__worker_serve_v(worker, runner, AIOHTTP__SITE_OPTIONS(__VA_ARGS__))
