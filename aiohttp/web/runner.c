/* SPDX-License-Identifier: MIT */
/* Runners: how a server begins and ends. */
#include "web/runner.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <errno.h>
#include <math.h>

/* Until there are applications. */

static const aiohttp_web_runner_options usual = { .size = sizeof usual,
                                                  .shutdown_timeout =
                                                      AIOHTTP__DEFAULT_SHUTDOWN_TIMEOUT };

static int new_runner(const aiohttp_web_runner_options *options, aiohttp_web_runner **ret_runner)
{
    if (!options)
        options = &usual;
    if (isnan(options->shutdown_timeout))
        return asyncio_raise(-EINVAL, "shutdown_timeout is no number");
    aiohttp_web_runner *runner = asyncio_mem_calloc(1, sizeof *runner);
    if (!runner)
        return -ENOMEM;
    runner->refs = 1;
    runner->shutdown_timeout = options->shutdown_timeout;
    if (options->server)
        runner->options = *options->server;
    else
        runner->options =
            (aiohttp_web_server_options){ .size = sizeof runner->options,
                                          .keepalive_timeout = AIOHTTP__DEFAULT_KEEPALIVE_TIMEOUT,
                                          .tcp_keepalive = AIOHTTP__DEFAULT_TCP_KEEPALIVE };
    if (runner->options.limits) {
        runner->limits = *runner->options.limits;
        runner->options.limits = &runner->limits;
    }
    *ret_runner = runner;
    return 0;
}

int(aiohttp_web_app_runner_new)(aiohttp_web_application *app, aiohttp_web_runner **ret_runner,
                                const aiohttp_web_runner_options *options)
{
    int r = new_runner(options, ret_runner);
    if (r < 0)
        return r;
    (*ret_runner)->has_app = true;
    (*ret_runner)->app = app ? aiohttp_web_application_ref(app) : NULL;
    return 0;
}

int(aiohttp_web_server_runner_new)(aiohttp_web_server *server, aiohttp_web_runner **ret_runner,
                                   const aiohttp_web_runner_options *options)
{
    if (!server)
        return asyncio_raise(-EINVAL, "a runner needs a server");
    int r = new_runner(options, ret_runner);
    if (r >= 0)
        (*ret_runner)->server = aiohttp_web_server_ref(server);
    return r;
}

static void unref_app(void *app)
{
    aiohttp_web_application_unref(app);
}

int aiohttp_web_runner_setup(aiohttp_web_runner *runner)
{
    if (runner->is_set_up)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the runner has been set up already");
    runner->is_set_up = true;
    if (!runner->has_app)
        return 0;
    if (!runner->app)
        return -ENOMEM; /* it could not be made */
    aiohttp_web_server_options options = runner->options;
    options.data = aiohttp_web_application_ref(runner->app);
    options.destroy = unref_app;
    int r = (aiohttp_web_server_new)(aiohttp__web_application_handle, &runner->server, &options);
    if (r < 0) {
        aiohttp_web_application_unref(runner->app);
        return r;
    }
    return aiohttp__web_application_startup(runner->app);
}

void aiohttp__web_runner_add(struct aiohttp_web_runner *runner, struct aiohttp_web_site *site)
{
    struct aiohttp_web_site **end = &runner->sites;
    while (*end)
        end = &(*end)->next;
    site->next = NULL;
    *end = aiohttp_web_site_ref(site);
}

void aiohttp__web_runner_remove(struct aiohttp_web_runner *runner, struct aiohttp_web_site *site)
{
    for (struct aiohttp_web_site **at = &runner->sites; *at; at = &(*at)->next)
        if (*at == site) {
            *at = site->next;
            aiohttp_web_site_unref(site);
            return;
        }
}

static void stop_sites(aiohttp_web_runner *runner)
{
    while (runner->sites)
        aiohttp_web_site_stop(runner->sites); /* leaves the list */
}

void aiohttp_web_runner_drain(aiohttp_web_runner *runner)
{
    for (struct aiohttp_web_site *at = runner->sites; at; at = at->next)
        asyncio_server_stop_serving(at->server);
    if (runner->server)
        aiohttp__server_drain(&runner->server->server);
}

/* The steps between the listeners and on_cleanup, by one deadline. */
static int end_server(aiohttp_web_runner *runner, double deadline)
{
    int r = asyncio_sleep(0); /* what was accepted gets its task */
    if (runner->server)
        aiohttp_web_server_pre_shutdown(runner->server);
    int shut = runner->app && r >= 0 ? aiohttp__web_application_shutdown(runner->app, deadline)
                                      : 0;
    int ended = !runner->server ? 0
                : r < 0         ? aiohttp_web_server_shutdown_at(runner->server, 0)
                                : aiohttp_web_server_shutdown_at(runner->server, deadline);
    return r < 0 ? r : shut < 0 ? shut : ended;
}

static double shutdown_time(const aiohttp_web_runner *runner)
{
    double limit = runner->server ? runner->server->server.limits.shutdown_time : 0;
    return runner->shutdown_timeout >= 0 ? runner->shutdown_timeout
           : limit == ASYNCIO_NONE       ? __builtin_inf()
                                         : limit;
}

int aiohttp_web_runner_cleanup(aiohttp_web_runner *runner)
{
    if (runner->is_cleaned)
        return 0;
    runner->is_cleaned = true;
    double deadline = asyncio_loop_time(asyncio_get_running_loop()) + shutdown_time(runner);
    aiohttp_web_runner_ref(runner);
    stop_sites(runner);
    int r = runner->is_set_up ? end_server(runner, deadline) : 0;
    int cleaned = runner->is_set_up && runner->app ? aiohttp__web_application_cleanup(runner->app)
                                                   : 0;
    aiohttp_web_runner_unref(runner);
    return r < 0 ? r : cleaned;
}

aiohttp_web_server *aiohttp_web_runner_server(const aiohttp_web_runner *runner)
{
    return runner->server;
}

size_t aiohttp_web_runner_sites(const aiohttp_web_runner *runner, aiohttp_web_site **ret_sites,
                                size_t capacity)
{
    size_t count = 0;
    for (struct aiohttp_web_site *at = runner->sites; at; at = at->next, count++)
        if (count < capacity)
            ret_sites[count] = at;
    return count;
}

aiohttp_web_runner *aiohttp_web_runner_ref(aiohttp_web_runner *runner)
{
    if (runner)
        runner->refs++;
    return runner;
}

void aiohttp_web_runner_unref(aiohttp_web_runner *runner)
{
    if (!runner || --runner->refs)
        return;
    runner->refs++; /* while its sites let go of it */
    stop_sites(runner);
    if (runner->server && !runner->is_cleaned)
        aiohttp__server_abort(&runner->server->server);
    aiohttp_web_server_unref(runner->server);
    if (runner->app)
        aiohttp_web_application_unref(runner->app);
    asyncio_mem_free(runner);
}
