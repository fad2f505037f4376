/* SPDX-License-Identifier: MIT */
/* asyncio serve: a folder over HTTP, by libaiohttp's static files and run_app. On standard output
 * goes one line, where it is served; on standard error the log, one line for each answer. */
#include "net.h"

#include <aiohttp.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATUS_OK = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, PORT = 8080 };

const char serve_usage[] =
    "usage: asyncio serve [OPTION...] [FOLDER]\n"
    "Serves a folder (the current one) over HTTP until Ctrl-C.\n"
    "  -b, --bind HOST   listen there (127.0.0.1)\n"
    "  -p, --port PORT   on that port (8080); 0: on a free one\n"
    "      --dot-files   also files whose names begin with a dot\n"
    "  -q, --quiet       no log\n";

struct serving {
    const char *host, *folder;
    int port;
    int shows_dot_files, is_quiet;
    int is_colourful;
};

static void says_where(const char *site, void *data)
{
    const struct serving *serving = data;
    printf("serving %s at %s/\n", serving->folder, site);
    (void)fflush(stdout);
}

/* A line begins with its status. */
static void logs(const char *line, size_t size, void *data)
{
    const struct serving *serving = data;
    static const char *const colours[] = { "0", "36", "32", "33", "31", "35" };
    unsigned kind = size > 0 ? (unsigned)(line[0] - '0') : 0;
    if (serving->is_colourful)
        (void)fprintf(stderr, "\x1b[%sm%.3s\x1b[0m%.*s\n", colours[kind <= 5 ? kind : 0], line,
                      size > 3 ? (int)size - 3 : 0, line + (size > 3 ? 3 : size));
    else
        (void)fprintf(stderr, "%.*s\n", (int)size, line);
}

static int parse(int count, char **words, struct serving *serving)
{
    static const struct option options[] = { { "bind", required_argument, NULL, 'b' },
                                             { "port", required_argument, NULL, 'p' },
                                             { "dot-files", no_argument, NULL, 'd' },
                                             { "quiet", no_argument, NULL, 'q' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    char *end;
    long port;
    for (int c; (c = getopt_long(count, words, "b:p:qh", options, NULL)) != -1;) {
        switch (c) {
        case 'b':
            serving->host = optarg;
            break;
        case 'p':
            port = strtol(optarg, &end, 10);
            if (end == optarg || *end || port < 0 || port > 65535) {
                (void)fprintf(stderr, "asyncio serve: '%s' is no port\n", optarg);
                return STATUS_USAGE;
            }
            serving->port = (int)port;
            break;
        case 'd':
            serving->shows_dot_files = 1;
            break;
        case 'q':
            serving->is_quiet = 1;
            break;
        case 'h':
            (void)fputs(serve_usage, stdout);
            exit(STATUS_OK);
        default:
            (void)fputs(serve_usage, stderr);
            return STATUS_USAGE;
        }
    }
    if (count - optind > 1) {
        (void)fputs(serve_usage, stderr);
        return STATUS_USAGE;
    }
    if (optind < count)
        serving->folder = words[optind];
    return STATUS_OK;
}

int run_serve(int count, char **words)
{
    struct serving serving = { .host = "127.0.0.1", .folder = ".", .port = PORT };
    int status = parse(count, words, &serving);
    if (status != STATUS_OK)
        return status;
    serving.is_colourful = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
    aiohttp_web_application *app = aiohttp_web_application_new();
    int r = app ? aiohttp_web_application_add_static(app, "/", serving.folder, .show_index = 1,
                                                     .index = "index.html", .precompressed = 1,
                                                     .dot_files = serving.shows_dot_files)
                : -ENOMEM;
    if (r < 0) {
        (void)fprintf(stderr, "asyncio serve: %s: %s\n", serving.folder, asyncio_error_text(r));
        aiohttp_web_application_unref(app);
        return STATUS_FAILED;
    }
    aiohttp_web_server_options server = { .size = sizeof server, .keepalive_timeout = -1,
                                          .tcp_keepalive = 1,
                                          .access_log = serving.is_quiet ? NULL : logs,
                                          .access_log_data = &serving,
                                          .access_log_format = "%s %a \"%r\" %b bytes %Tf s" };
    r = aiohttp_web_run_app(app, .host = serving.host, .port = serving.port, .server = &server,
                            .shutdown_timeout = 5.0, .print = says_where, .print_data = &serving);
    if (r < 0) {
        const asyncio_error *error = asyncio_last_error(r);
        (void)fprintf(stderr, "asyncio serve: %s: %s\n", asyncio_error_text(r),
                      error ? error->text : "");
        return STATUS_FAILED;
    }
    return STATUS_OK;
}
