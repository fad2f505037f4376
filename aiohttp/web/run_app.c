/* SPDX-License-Identifier: MIT */
/* aiohttp.web.run_app: a program that serves until it is told to end, in one loop or by workers. */
#include "web/supervisor.h"

#include <asyncio/error.h>
#include <asyncio/runner.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>


struct running {
    aiohttp_web_application *app;
    const aiohttp_web_run_app_options *options;
    aiohttp_web_runner *runner;
    asyncio_future *end;
    aiohttp_web_worker *worker;     /* NULL: it is the only one */
};

static const aiohttp_web_run_app_options usual = { .size = sizeof usual,
                                                   .port = AIOHTTP__DEFAULT_RUN_PORT,
                                                   .sock = ASYNCIO__DEFAULT_SOCK,
                                                   .reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS,
                                                   .shutdown_timeout =
                                                       AIOHTTP__DEFAULT_SHUTDOWN_TIMEOUT,
                                                   .drain_timeout = AIOHTTP__DEFAULT_DRAIN_TIMEOUT,
                                                   .handle_signals =
                                                       AIOHTTP__DEFAULT_HANDLE_SIGNALS };

static void on_signal(int signal_number, void *data)
{
    asyncio_future *end = data;
    (void)signal_number;
    if (!asyncio_future_done(end))
        asyncio_future_set_result(end, 0);
}

/* Starts a site that was made, tells of it, and lets go of it: the runner keeps it. */
static int start(struct running *running, int result, aiohttp_web_site *site)
{
    if (result < 0)
        return result;
    const aiohttp_web_run_app_options *options = running->options;
    int r = aiohttp_web_site_start(site);
    if (r >= 0 && options->print)
        options->print(aiohttp_web_site_name(site), options->print_data);
    aiohttp_web_site_unref(site);
    return r;
}

static int start_sites(struct running *running)
{
    const aiohttp_web_run_app_options *options = running->options;
    aiohttp_web_site *site = NULL;
    aiohttp_web_site_options how = { .size = sizeof how,
                                     .backlog = options->backlog,
                                     .reuse_address = options->reuse_address,
                                     .reuse_port = options->reuse_port,
                                     .hosts = options->hosts,
                                     .listen_fds = options->listen_fds,
                                     .ssl_context = options->ssl_context };
    int r = 0;
    if (options->host || options->hosts || options->listen_fds ||
        (!options->path && options->sock < 0)) {
        r = (aiohttp_web_tcp_site_new)(running->runner, options->host, options->port, &site, &how);
        r = start(running, r, site);
    }
    how.hosts = NULL;
    how.listen_fds = NULL;
    if (r >= 0 && options->path) {
        r = (aiohttp_web_unix_site_new)(running->runner, options->path, &site, &how);
        r = start(running, r, site);
    }
    if (r >= 0 && options->sock >= 0) {
        r = (aiohttp_web_sock_site_new)(running->runner, options->sock, &site, &how);
        r = start(running, r, site);
    }
    return r;
}

static int serve_until_told(struct running *running)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    int r = asyncio_future_new(&running->end);
    if (r >= 0 && running->options->handle_signals) {
        r = asyncio_loop_add_signal_handler(loop, SIGINT, on_signal, .data = running->end);
        if (r >= 0)
            r = asyncio_loop_add_signal_handler(loop, SIGTERM, on_signal, .data = running->end);
    }
    if (r >= 0)
        r = start_sites(running);
    if (r >= 0)
        r = asyncio_await(running->end);
    if (running->end && running->options->handle_signals) {
        asyncio_loop_remove_signal_handler(loop, SIGINT);
        asyncio_loop_remove_signal_handler(loop, SIGTERM);
    }
    asyncio_future_unref(running->end);
    return r;
}

/* The application's life around `serve`: from being made, if it is by a factory, to its cleanup. */
static int run_around(struct running *running, int (*serve)(struct running *running))
{
    const aiohttp_web_run_app_options *from = running->options;
    aiohttp_web_application *made = NULL;
    aiohttp_web_runner_options options = { .size = sizeof options,
                                           .shutdown_timeout = from->shutdown_timeout,
                                           .server = from->server };
    int r = from->factory ? from->factory(&made, from->data) : 0;
    if (r < 0)
        return r;
    r = (aiohttp_web_app_runner_new)(from->factory ? made : running->app, &running->runner,
                                     &options);
    if (made)
        aiohttp_web_application_unref(made);
    if (r < 0)
        return r;
    r = aiohttp_web_runner_setup(running->runner);
    if (r >= 0)
        r = serve(running);
    int ended = aiohttp_web_runner_cleanup(running->runner);
    aiohttp_web_runner_unref(running->runner);
    return r < 0 ? r : ended == -ETIMEDOUT ? 0 : ended;
}

static int run(struct running *running)
{
    return run_around(running, serve_until_told);
}

/* ---- workers ---- */

static int serve_as_worker(struct running *running)
{
    aiohttp_web_site_options how = { .size = sizeof how,
                                     .backlog = running->options->backlog,
                                     .ssl_context = running->options->ssl_context };
    return (aiohttp_web_worker_serve)(running->worker, running->runner, &how);
}

static int run_worker(aiohttp_web_worker *worker, void *data)
{
    struct running running = *(struct running *)data;
    running.worker = worker;
    return run_around(&running, serve_as_worker);
}

static void print_places(struct crew *crew)
{
    aiohttp__listeners_print(crew->listeners, crew->options);
}

static int check(const aiohttp_web_run_app_options *options)
{
    if (options->workers < 0 || options->threads < 0 || options->workers > LISTENERS_MAX ||
        options->threads > LISTENERS_MAX)
        return asyncio_raise(-EINVAL, "no such number of workers or threads");
    if (!(options->drain_timeout >= 0) || isnan(options->shutdown_timeout))
        return asyncio_raise(-EINVAL, "a timeout is negative or no number");
    if (asyncio_get_running_loop())
        return asyncio_raise(-ASYNCIO_LOOP_RUNNING, "workers cannot be run by a running loop");
    return 0;
}

/* What the limits say where the options do not. */
static void take_limits(aiohttp_web_run_app_options *options)
{
    aiohttp_limits limits = options->server && options->server->limits ? *options->server->limits
                                                                       : aiohttp_server_limits();
    if (options->shutdown_timeout < 0)
        options->shutdown_timeout =
            limits.shutdown_time == ASYNCIO_NONE ? __builtin_inf() : limits.shutdown_time;
    if (options->backlog <= 0)
        options->backlog = limits.backlog < INT_MAX ? (int)limits.backlog : INT_MAX;
}

static int run_workers(aiohttp_web_worker_function *function, void *data,
                       const aiohttp_web_run_app_options *given)
{
    aiohttp_web_run_app_options filled_in = *given, *options = &filled_in;
    take_limits(options);
    struct listeners listeners;
    unsigned threads = options->threads > 1 ? (unsigned)options->threads : 1;
    unsigned processes = options->workers ? (unsigned)options->workers : 1;
    int r = check(options);
    if (r >= 0)
        r = aiohttp__listeners_open(&listeners, options, processes * threads);
    if (r < 0)
        return r;
    if (options->workers)
        return aiohttp__supervise(function, data, &listeners, options);
    struct crew crew = { .options = options,
                         .function = function,
                         .data = data,
                         .listeners = &listeners,
                         .count = threads,
                         .on_serving = print_places };
    r = aiohttp__crew_run(&crew);
    aiohttp__listeners_close(&listeners);
    aiohttp__listeners_remove_file(&listeners, options);
    return r;
}

int(aiohttp_web_run_workers)(aiohttp_web_worker_function *function,
                             const aiohttp_web_run_app_options *options)
{
    if (!function)
        return asyncio_raise(-EINVAL, "workers need a function");
    if (!options)
        options = &usual;
    return run_workers(function, options->data, options);
}

int(aiohttp_web_run_app)(aiohttp_web_application *app, const aiohttp_web_run_app_options *options)
{
    struct running running = { .app = app, .options = options ? options : &usual };
    options = running.options;
    int r;
    if (options->factory && app)
        r = asyncio_raise(-EINVAL, "an application and a factory of one exclude each other");
    else if (options->threads > 1 && !options->factory)
        r = asyncio_raise(-EINVAL, "several threads need a factory: an application has one loop");
    else if (options->workers || options->threads > 1)
        r = run_workers(run_worker, &running, options);
    else
        r = asyncio_run(asyncio_coro(run, &running));
    if (app)
        aiohttp_web_application_unref(app);
    return r;
}
