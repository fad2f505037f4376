/* SPDX-License-Identifier: MIT */
/* Fetching pages with many tasks at the same time, and what that took. */
#pragma once

#include <asyncio.h>

struct measure {
    int requests, failures;      /* a failure is an answer that is not 200, or comes short */
    long long bytes;             /* of the pages */
    double seconds;
    double slowest;              /* seconds */
    const char *slowest_page;    /* lent by the caller */
};

struct pages {
    const char *host;
    int port;
    char **paths;
    int count;
};

/* Fetches all pages with each of `tasks` tasks, over one connection for each. Suspends. */
int measure_pages(const struct pages *pages, int tasks, struct measure *measure);

void measure_print(const struct measure *measure, int tasks, int pages);
