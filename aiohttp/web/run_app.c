/* SPDX-License-Identifier: MIT */
/* aiohttp.web.run_app: a program that serves until it is told to end. */
#include "web/runner.h"

#include <asyncio/error.h>
#include <asyncio/runner.h>
#include <errno.h>
#include <signal.h>


struct running {
    aiohttp_web_application *app;
    const aiohttp_web_run_app_options *options;
    aiohttp_web_runner *runner;
    asyncio_future *end;
};

static const aiohttp_web_run_app_options usual = { .size = sizeof usual,
                                                   .port = AIOHTTP__DEFAULT_RUN_PORT,
                                                   .sock = ASYNCIO__DEFAULT_SOCK,
                                                   .backlog = AIOHTTP__DEFAULT_SITE_BACKLOG,
                                                   .reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS,
                                                   .shutdown_timeout =
                                                       AIOHTTP__DEFAULT_SHUTDOWN_TIMEOUT,
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

static int run(struct running *running)
{
    aiohttp_web_runner_options options = { .size = sizeof options,
                                           .shutdown_timeout = running->options->shutdown_timeout,
                                           .server = running->options->server };
    int r = (aiohttp_web_app_runner_new)(running->app, &running->runner, &options);
    if (r < 0)
        return r;
    r = aiohttp_web_runner_setup(running->runner);
    if (r >= 0)
        r = serve_until_told(running);
    int ended = aiohttp_web_runner_cleanup(running->runner);
    aiohttp_web_runner_unref(running->runner);
    return r < 0 ? r : ended == -ETIMEDOUT ? 0 : ended;
}

int(aiohttp_web_run_app)(aiohttp_web_application *app, const aiohttp_web_run_app_options *options)
{
    struct running running = { .app = app, .options = options ? options : &usual };
    int r = asyncio_run(asyncio_coro(run, &running));
    if (app)
        aiohttp_web_application_unref(app);
    return r;
}
