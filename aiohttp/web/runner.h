/* SPDX-License-Identifier: MIT */
/* Runners and sites from the inside.
 *
 * LIFE       A runner has references of its sites while they are started, and a site one of its
 *            runner. Cleaning up, or the last reference of the user's, parts them. */
#pragma once

#include "web/server.h"

#include <aiohttp/web_runner.h>

struct aiohttp_web_runner {
    uint32_t refs;
    bool is_set_up, is_cleaned;
    double shutdown_timeout;
    aiohttp_web_application *app;       /* NULL: a ServerRunner */
    bool has_app;
    aiohttp_web_server *server;
    aiohttp_web_server_options options;
    aiohttp_limits limits;              /* what options.limits points to */
    struct aiohttp_web_site *sites;     /* started */
};

struct aiohttp_web_site {
    struct aiohttp_web_site *next;      /* of its runner's */
    uint32_t refs;
    struct aiohttp_web_runner *runner;  /* NULL: it has been cleaned up */
    asyncio_server *server;             /* NULL: not started, or stopped */
    bool is_unix, has_started;
    int port, sock;
    char *host, *path, *listen_fds;
    char **hosts;
    asyncio_ssl_context *ssl;
    aiohttp_web_site_options options;
    char *name;
};

/* Takes a started site in, which it may then be asked for. */
void aiohttp__web_runner_add(struct aiohttp_web_runner *runner, struct aiohttp_web_site *site);
void aiohttp__web_runner_remove(struct aiohttp_web_runner *runner, struct aiohttp_web_site *site);
