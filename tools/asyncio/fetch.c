/* SPDX-License-Identifier: MIT */
/* asyncio fetch: options, and the tasks that download. See fetch.h. */
#include "fetch.h"
#include "net.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { JOBS = 8, JOBS_MOST = 1000, RETRIES = 3, RETRIES_MOST = 100 };

const char fetch_usage[] =
    "usage: asyncio fetch [OPTION...] URL...\n"
    "Downloads many URLs at once; what was begun is resumed.\n"
    "  -o, --output FILE   into that file, of one URL; -: to standard output\n"
    "  -d, --directory DIR into that folder\n"
    "  -j, --jobs N        so many at a time (8)\n"
    "  -r, --retries N     so many more attempts for each (3)\n"
    "      --start-over    does not resume\n"
    "  -f, --force         replaces files that are there\n"
    "  -t, --timings       a table of what took how long, at the end\n"
    "  -q, --quiet         only what fails\n";

static int has_failed, shows_timings;

/* Takes one URL after the other. */
static int work(struct fetch *fetch)
{
    while (fetch->next < fetch->count) {
        struct download *download = &fetch->downloads[fetch->next++];
        int r = fetch_one(fetch, download);
        if (r < 0)
            has_failed = 1;
        if (r == -ECANCELED)
            return r;
        show_done(fetch, download);
    }
    return 0;
}

static int work_all(struct fetch *fetch)
{
    size_t count = fetch->count < (size_t)fetch->jobs ? fetch->count : (size_t)fetch->jobs;
    asyncio_awaitable *workers = calloc(count, sizeof *workers);
    if (!workers)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        workers[i] = ASYNCIO_AWAITABLE(asyncio_coro(work, fetch));
    int r = asyncio_gather_all(workers, count, NULL);
    free(workers);
    return r;
}

static int program(struct fetch *fetch)
{
    aiohttp_client_timeout timeout = aiohttp_client_timeout_default();
    aiohttp_connector *connector = NULL;
    timeout.total = ASYNCIO_NONE;
    timeout.head = 60.0;
    timeout.read = 60.0;
    int r = aiohttp_tcp_connector_new(&connector, .limit = (size_t)fetch->jobs);
    if (r >= 0)
        r = aiohttp_client_session_new(&fetch->session, .connector = connector,
                                       .timeout = &timeout, .trust_env = 1,
                                       .trace = &fetch_tracing);
    aiohttp_connector_unref(connector);
    if (r >= 0)
        r = show_begin(fetch);
    if (r >= 0)
        r = work_all(fetch);
    show_end(fetch);
    int closed = fetch->session ? aiohttp_client_session_close(fetch->session) : 0;
    aiohttp_client_session_unref(fetch->session);
    return r < 0 ? r : closed;
}

static int number(const char *text, int least, int most, int *ret_number)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most) {
        (void)fprintf(stderr, "asyncio fetch: '%s' is no number from %d to %d\n", text, least,
                      most);
        return STATUS_USAGE;
    }
    *ret_number = (int)value;
    return STATUS_OK;
}

static int take(int c, struct fetch *fetch)
{
    switch (c) {
    case 'o':
        fetch->output = optarg;
        return STATUS_OK;
    case 'd':
        fetch->folder = optarg;
        return STATUS_OK;
    case 'j':
        return number(optarg, 1, JOBS_MOST, &fetch->jobs);
    case 'r':
        return number(optarg, 0, RETRIES_MOST, &fetch->retries);
    case 's':
        fetch->starts_over = 1;
        return STATUS_OK;
    case 'f':
        fetch->replaces = 1;
        return STATUS_OK;
    case 't':
        shows_timings = 1;
        return STATUS_OK;
    case 'q':
        fetch->is_quiet = 1;
        return STATUS_OK;
    case 'h':
        (void)fputs(fetch_usage, stdout);
        exit(STATUS_OK);
    default:
        (void)fputs(fetch_usage, stderr);
        return STATUS_USAGE;
    }
}

static int parse(int count, char **words, struct fetch *fetch)
{
    static const struct option options[] = { { "output", required_argument, NULL, 'o' },
                                             { "directory", required_argument, NULL, 'd' },
                                             { "jobs", required_argument, NULL, 'j' },
                                             { "retries", required_argument, NULL, 'r' },
                                             { "start-over", no_argument, NULL, 's' },
                                             { "force", no_argument, NULL, 'f' },
                                             { "timings", no_argument, NULL, 't' },
                                             { "quiet", no_argument, NULL, 'q' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    for (int c; (c = getopt_long(count, words, "o:d:j:r:ftqh", options, NULL)) != -1;) {
        int status = take(c, fetch);
        if (status != STATUS_OK)
            return status;
    }
    if (optind == count || (fetch->output && (count - optind > 1 || fetch->folder))) {
        (void)fputs(fetch_usage, stderr);
        return STATUS_USAGE;
    }
    fetch->count = (size_t)(count - optind);
    fetch->downloads = calloc(fetch->count, sizeof *fetch->downloads);
    if (!fetch->downloads)
        return STATUS_FAILED;
    for (size_t i = 0; i < fetch->count; i++)
        fetch->downloads[i] = (struct download){ .url = words[optind + (int)i], .file = -1 };
    return STATUS_OK;
}

static void free_all(struct fetch *fetch)
{
    for (size_t i = 0; i < fetch->count && fetch->downloads; i++) {
        free(fetch->downloads[i].name);
        free(fetch->downloads[i].part);
        free(fetch->downloads[i].tag);
    }
    free(fetch->downloads);
}

static int begin(struct fetch *fetch)
{
    int r = fetch_names(fetch);
    if (r < 0)
        return r == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
    if (fetch->folder && mkdir(fetch->folder, 0777) < 0 && errno != EEXIST) {
        (void)fprintf(stderr, "asyncio fetch: %s: %s\n", fetch->folder, asyncio_error_text(-errno));
        return STATUS_FAILED;
    }
    r = asyncio_run(asyncio_coro(program, fetch));
    if (r == -EINTR) {
        (void)fputs("asyncio fetch: interrupted; the same command resumes\n", stderr);
        return STATUS_INTERRUPTED;
    }
    if (r < 0) {
        const asyncio_error *error = asyncio_last_error(r);
        (void)fprintf(stderr, "asyncio fetch: %s: %s\n", asyncio_error_text(r),
                      error ? error->text : "");
    }
    if (shows_timings)
        show_timings(fetch);
    if (fflush(stdout) != 0)
        return STATUS_FAILED;
    return r < 0 || has_failed ? STATUS_FAILED : STATUS_OK;
}

int run_fetch(int count, char **words)
{
    struct fetch fetch = { .jobs = JOBS, .retries = RETRIES };
    int status = parse(count, words, &fetch);
    if (status == STATUS_OK)
        status = begin(&fetch);
    free_all(&fetch);
    return status;
}
