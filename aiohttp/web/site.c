/* SPDX-License-Identifier: MIT */
/* Sites: where a runner listens. */
#include "web/runner.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

static void free_site(struct aiohttp_web_site *site)
{
    asyncio_mem_free(site->host);
    asyncio_mem_free(site->path);
    asyncio_mem_free(site->listen_fds);
    asyncio_mem_free(site->name);
    for (char **at = site->hosts; at && *at; at++)
        asyncio_mem_free(*at);
    asyncio_mem_free(site->hosts);
    asyncio_ssl_context_unref(site->ssl);
    asyncio_mem_free(site);
}

/* A copy of `text` in *place, which is NULL for NULL. */
static int copy(char **place, const char *text)
{
    return !text || (*place = asyncio_mem_strdup(text)) ? 0 : -ENOMEM;
}

static int copy_hosts(struct aiohttp_web_site *site, const char *const *hosts)
{
    size_t count = 0;
    while (hosts && hosts[count])
        count++;
    if (!hosts)
        return 0;
    if (!(site->hosts = asyncio_mem_calloc(count + 1, sizeof *site->hosts)))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (copy(&site->hosts[i], hosts[i]) < 0)
            return -ENOMEM;
    return 0;
}

static const aiohttp_web_site_options usual = { .size = sizeof usual,
                                                .reuse_address = ASYNCIO__DEFAULT_REUSE_ADDRESS };

static int new_site(aiohttp_web_runner *runner, const char *host, const char *path,
                    const aiohttp_web_site_options *options, struct aiohttp_web_site **ret_site)
{
    if (!options)
        options = &usual;
    if (!runner->is_set_up || runner->is_cleaned || !runner->server)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the runner has to be set up first");
    struct aiohttp_web_site *site = asyncio_mem_calloc(1, sizeof *site);
    if (!site)
        return -ENOMEM;
    site->refs = 1;
    site->sock = -1;
    site->options = *options;
    site->ssl = asyncio_ssl_context_ref(options->ssl_context);
    if (copy(&site->host, host) < 0 || copy(&site->path, path) < 0 ||
        copy(&site->listen_fds, options->listen_fds) < 0 || copy_hosts(site, options->hosts) < 0) {
        free_site(site);
        return -ENOMEM;
    }
    site->runner = aiohttp_web_runner_ref(runner);
    *ret_site = site;
    return 0;
}

int(aiohttp_web_tcp_site_new)(aiohttp_web_runner *runner, const char *host, int port,
                              aiohttp_web_site **ret_site, const aiohttp_web_site_options *options)
{
    int r = new_site(runner, host, NULL, options, ret_site);
    if (r >= 0)
        (*ret_site)->port = port >= 0 ? port : (*ret_site)->ssl ? 8443 : 8080;
    return r;
}

int(aiohttp_web_unix_site_new)(aiohttp_web_runner *runner, const char *path,
                               aiohttp_web_site **ret_site, const aiohttp_web_site_options *options)
{
    if (!path)
        return asyncio_raise(-EINVAL, "a UNIX site needs a path");
    int r = new_site(runner, NULL, path, options, ret_site);
    if (r >= 0)
        (*ret_site)->is_unix = true;
    return r;
}

int(aiohttp_web_sock_site_new)(aiohttp_web_runner *runner, int sock, aiohttp_web_site **ret_site,
                               const aiohttp_web_site_options *options)
{
    int r = new_site(runner, NULL, NULL, options, ret_site);
    if (r >= 0)
        (*ret_site)->sock = sock;
    return r;
}

static int connected(asyncio_stream *stream, void *data)
{
    return aiohttp_web_server_handle(data, stream);
}

static void unref_server(void *server)
{
    aiohttp_web_server_unref(server);
}

static double handshake_time(const struct aiohttp_web_site *site)
{
    double limit = site->runner->server->server.limits.tls_time;
    if (site->options.ssl_handshake_timeout > 0)
        return site->options.ssl_handshake_timeout;
    return limit == ASYNCIO_NONE ? __builtin_inf() : limit;
}

/* As large as the largest head needs: the buffer stops at twice the limit. */
static size_t buffer_limit(const aiohttp_limits *limits)
{
    size_t head = limits->head == AIOHTTP_UNLIMITED ? PTRDIFF_MAX / 4 : limits->head;
    return head > limits->read_buffer_max ? head : limits->read_buffer_max;
}

/* asyncio's 0 is no limit. */
static unsigned at_most(size_t limit)
{
    return limit < UINT32_MAX ? (unsigned)limit : 0;
}

static int backlog_of(const struct aiohttp_web_site *site)
{
    size_t limit = site->runner->server->server.limits.backlog;
    return site->options.backlog > 0 ? site->options.backlog : limit < INT_MAX ? (int)limit
                                                                               : INT_MAX;
}

static int listen_tcp(struct aiohttp_web_site *site)
{
    aiohttp_web_server *server = site->runner->server;
    const aiohttp_limits *limits = &server->server.limits;
    bool is_given = site->sock >= 0 || site->listen_fds;
    return asyncio_start_server(
        connected, is_given ? NULL : site->host, is_given ? 0 : site->port, &site->server,
        .limit = buffer_limit(limits), .sock = site->sock, .backlog = backlog_of(site),
        .reuse_address = site->options.reuse_address, .reuse_port = site->options.reuse_port,
        .keep_alive = server->keeps_alive, .hosts = (const char *const *)site->hosts,
        .listen_fds = site->listen_fds, .stack_size = server->stack_size,
        .max_connections = at_most(limits->connections),
        .max_connections_per_address = at_most(limits->connections_per_address), .ssl = site->ssl,
        .ssl_handshake_timeout = handshake_time(site), .data = aiohttp_web_server_ref(server),
        .destroy = unref_server);
}

static int listen_unix(struct aiohttp_web_site *site)
{
    aiohttp_web_server *server = site->runner->server;
    const aiohttp_limits *limits = &server->server.limits;
    return asyncio_start_unix_server(
        connected, site->path, &site->server, .limit = buffer_limit(limits),
        .backlog = backlog_of(site), .stack_size = server->stack_size,
        .max_connections = at_most(limits->connections), .ssl = site->ssl,
        .ssl_handshake_timeout = handshake_time(site), .data = aiohttp_web_server_ref(server),
        .destroy = unref_server);
}

int aiohttp_web_site_start(aiohttp_web_site *site)
{
    if (site->has_started || !site->runner || site->runner->is_cleaned)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "the site has started already");
    site->has_started = true;
    aiohttp_web_server *server = site->runner->server;
    int r = site->is_unix ? listen_unix(site) : listen_tcp(site);
    if (r < 0) {
        /* A server that was not made has not taken what it was given. */
        aiohttp_web_server_unref(server);
        site->has_started = false;
        return r;
    }
    aiohttp__web_runner_add(site->runner, site);
    return 0;
}

void aiohttp_web_site_stop(aiohttp_web_site *site)
{
    if (!site->server)
        return;
    asyncio_server_close(site->server);
    asyncio_server_unref(site->server);
    site->server = NULL;
    aiohttp_web_runner *runner = site->runner;
    site->runner = NULL;
    aiohttp__web_runner_remove(runner, site);
    aiohttp_web_runner_unref(runner);
}

const char *aiohttp_web_site_name(aiohttp_web_site *site)
{
    if (site->name)
        return site->name;
    char text[256], address[128];
    const char *scheme = site->ssl ? "https" : "http";
    int port = aiohttp_web_site_port(site);
    if (site->is_unix)
        snprintf(text, sizeof text, "%s://unix:%s:", scheme, site->path);
    else if (site->host && *site->host && port >= 0)
        snprintf(text, sizeof text, strchr(site->host, ':') ? "%s://[%s]:%d" : "%s://%s:%d", scheme,
                 site->host, port);
    else if (site->server && asyncio_server_sockname(site->server, 0, address, sizeof address) >= 0)
        snprintf(text, sizeof text, "%s://%s", scheme, address);
    else
        snprintf(text, sizeof text, "%s://0.0.0.0:%d", scheme, port >= 0 ? port : site->port);
    if (!site->server)
        return ""; /* not yet, or no more */
    site->name = asyncio_mem_strdup(text);
    return site->name ? site->name : "";
}

int aiohttp_web_site_port(const aiohttp_web_site *site)
{
    return site->server ? asyncio_server_port(site->server) : -ASYNCIO_INVALID_STATE;
}

aiohttp_web_site *aiohttp_web_site_ref(aiohttp_web_site *site)
{
    if (site)
        site->refs++;
    return site;
}

void aiohttp_web_site_unref(aiohttp_web_site *site)
{
    if (!site || --site->refs)
        return;
    aiohttp_web_runner_unref(site->runner);
    free_site(site);
}
