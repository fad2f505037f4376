/* SPDX-License-Identifier: MIT */
/* A folder as a web site: what a connection is answered. */
#pragma once

#include <asyncio.h>
#include <stdbool.h>

enum { SITE_CONNECTIONS_MAX = 500 };   /* two descriptors each, and 1024 is the usual limit */

struct site {
    const char *host;
    int root, port;
    bool is_stopping;            /* answers say that they are the last */
    unsigned busy;               /* connections with an answer under way */
    asyncio_future *quiet;       /* completed when none is, once we are stopping */
    unsigned long long answered;
    int tasks_left;              /* when the main task ends */
};

/* Handles one connection: answers its requests, one after the other. `data` is the site. */
int site_serve(asyncio_stream *stream, void *data);
