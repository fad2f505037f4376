/* SPDX-License-Identifier: MIT */
/* asyncio fetch: many downloads at once.
 *
 *      fetch        options, the workers       fetch_file   one download, resumed and repeated
 *      fetch_name   what a file is called      fetch_show   bars, lines, the table
 *
 * MODEL  A download goes into NAME.part, and NAME.part.tag has what the server calls this version
 *        of it (ETag, or Last-Modified). Where both are there, only the rest is asked for (Range
 *        with If-Range); a server that has another version by now sends all of it, from the
 *        beginning. When all is there, NAME.part becomes NAME, at once. */
#pragma once

#include <aiohttp.h>

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_INTERRUPTED = 130 };

enum state { WAITS, ASKS, LOADS, PAUSES, DONE, FAILED };

struct download {
    const char *url;
    char *name, *part, *tag;  /* files; name "-": standard output */
    enum state state;
    int attempt;              /* from 1 on */
    int http_status;          /* 0: no answer */
    int64_t from, have, size; /* had before, has, will have (-1: not known) */
    double began, ended;      /* the loop's time */
    /* seconds of the last attempt; below 0: it did not come to that */
    double dns_began, dns, connect_began, connect, tls_began, tls, first_byte;
    char error[256];
};

struct fetch {
    struct download *downloads;
    size_t count, next;      /* the first that nobody has begun */
    const char *folder, *output;
    int jobs, retries;
    int is_quiet, starts_over;
    aiohttp_client_session *session;
    struct shown *shown;
};

extern const aiohttp_trace_config fetch_tracing; /* its context is a struct download */

/* Loads one, with all its attempts: 0, or an error whose sentence is in download->error. */
int fetch_one(struct fetch *fetch, struct download *download);

/* Names all files; 0, -ENOMEM, -EINVAL. */
int fetch_names(struct fetch *fetch);

/* Begins to show, and ends; between them redraws ten times a second when there is a terminal. */
int show_begin(struct fetch *fetch);
void show_end(struct fetch *fetch);
/* One has ended: its line. */
void show_done(struct fetch *fetch, const struct download *download);
/* The table of timings, on standard output. */
void show_timings(const struct fetch *fetch);
