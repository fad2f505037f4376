/* SPDX-License-Identifier: MIT */
/* asyncio fetch: many downloads at once.
 *
 *      fetch        options, the workers       fetch_file   one download, resumed and repeated
 *      fetch_name   what a file is called      fetch_part   the files of a download
 *      fetch_show   bars, lines, the table
 *
 * MODEL  A download goes into NAME.part, and NAME.part.tag has what the server calls this version
 *        of it (ETag, or Last-Modified). Where both are there, only the rest is asked for (Range
 *        with If-Range); a server that has another version by now sends all of it, from the
 *        beginning. When all is there, NAME.part becomes NAME, at once.
 * THERE  A file NAME that is there already is never replaced without --force. The server is asked
 *        (HEAD) whether it is the same: as long, and not changed since. Then it counts as loaded,
 *        so that a command can be given again; else it is an error.
 * LOCK   NAME.part is locked (flock) while it is written, so that two commands do not write one. */
#pragma once

#include <aiohttp.h>
#include <sys/stat.h>

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_INTERRUPTED = 130 };

enum { TAG_ROOM = 1024 };

enum state { WAITS, ASKS, LOADS, PAUSES, DONE, THERE, FAILED };

struct download {
    const char *url;
    char *name, *part, *tag;  /* files; name "-": standard output */
    int file;                 /* NAME.part, locked, or the stream; -1: not open */
    int is_stream;            /* standard output, or something that is no file: not resumed */
    int is_hopeless;          /* no other attempt would go better; `error` says why */
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
    int is_quiet, starts_over, replaces;
    aiohttp_client_session *session;
    struct shown *shown;
};

extern const aiohttp_trace_config fetch_tracing; /* its context is a struct download */

/* Loads one, with all its attempts: 0, or an error whose sentence is in download->error. */
int fetch_one(struct fetch *fetch, struct download *download);

/* --- the files of a download --- */

/* Looks what NAME is: 1 when it is a file that has to stay, with its status; 0; an error. */
int part_look(struct fetch *fetch, struct download *download, struct stat *ret_there);
/* Opens what an earlier attempt left of it: how much, 0 when there is none. */
int64_t part_open(struct download *download);
/* The tag of what was left: its size; 0 without one. It has room for TAG_ROOM. */
int part_tag(struct download *download, char ret_tag[TAG_ROOM]);
/* Begins to write from `from` on, of the version that the server's answer tells. */
int part_begin(struct download *download, const aiohttp_client_response *response, int64_t from);
/* Writes behind what it has. */
int part_write(struct download *download, const char *data, size_t size);
/* What was left is of no use any more. */
int part_forget(struct download *download);
/* All is there: it gets its name. */
int part_finish(const struct fetch *fetch, struct download *download);
/* Closes it, however it went. */
int part_close(struct download *download);

/* Names all files; 0, -ENOMEM, -EINVAL. */
int fetch_names(struct fetch *fetch);

/* Begins to show, and ends; between them redraws ten times a second when there is a terminal. */
int show_begin(struct fetch *fetch);
void show_end(struct fetch *fetch);
/* One has ended: its line. */
void show_done(struct fetch *fetch, const struct download *download);
/* The table of timings, on standard output. */
void show_timings(const struct fetch *fetch);
