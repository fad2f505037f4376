/* SPDX-License-Identifier: MIT */
/* asyncio fetch: one download. See fetch.h. */
#include "fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { OK = 200, PARTIAL = 206, RANGE_NOT_SATISFIABLE = 416, NOT_IMPLEMENTED = 501 };

static double now(void)
{
    return asyncio_loop_time(asyncio_get_running_loop());
}

/* --- timings --- */

static void dns_starts(const aiohttp_trace *trace, void *data)
{
    struct download *download = trace->context;
    (void)data;
    download->dns_began = now();
}

static void dns_ends(const aiohttp_trace *trace, void *data)
{
    struct download *download = trace->context;
    (void)data;
    download->dns = now() - download->dns_began;
    download->connect_began = now();
}

static void connect_starts(const aiohttp_trace *trace, void *data)
{
    struct download *download = trace->context;
    (void)data;
    download->connect_began = now();
}

static void tls_starts(const aiohttp_trace *trace, void *data)
{
    struct download *download = trace->context;
    (void)data;
    download->tls_began = now();
    download->connect = download->tls_began - download->connect_began;
}

static void tls_ends(const aiohttp_trace *trace, void *data)
{
    struct download *download = trace->context;
    (void)data;
    download->tls = now() - download->tls_began;
}

static void connect_ends(const aiohttp_trace *trace, void *data)
{
    struct download *download = trace->context;
    (void)data;
    if (download->connect < 0)
        download->connect = now() - download->connect_began;
}

static void head_comes(const aiohttp_trace *trace, void *data)
{
    struct download *download = trace->context;
    (void)data;
    download->first_byte = trace->seconds;
}

const aiohttp_trace_config fetch_tracing = {
    .size = sizeof fetch_tracing,
    .on_dns_resolvehost_start = dns_starts,
    .on_dns_resolvehost_end = dns_ends,
    .on_connection_create_start = connect_starts,
    .on_connection_create_end = connect_ends,
    .on_connection_tls_start = tls_starts,
    .on_connection_tls_end = tls_ends,
    .on_request_end = head_comes,
};

/* --- a file that is there --- */

/* As long, and not changed since it was loaded: to the second, and a server may tell the next whole
 * one, so ours is rounded up, too. */
static int is_same(const aiohttp_client_response *response, const struct stat *there)
{
    struct tm day = { .tm_year = 0 };
    const char *changed = aiohttp_client_response_header(response, "Last-Modified");
    if (aiohttp_client_response_content_length(response) != (int64_t)there->st_size)
        return 0;
    return !changed || !strptime(changed, "%a, %d %b %Y %H:%M:%S GMT", &day) ||
           timegm(&day) <= there->st_mtim.tv_sec + (there->st_mtim.tv_nsec > 0);
}

/* 1 when it is what the server has; else it is an error. */
static int judge(struct download *download, const aiohttp_client_response *response,
                 const struct stat *there)
{
    int status = download->http_status = aiohttp_client_response_status(response);
    if (status == OK && is_same(response, there)) {
        download->have = download->size = (int64_t)there->st_size;
        return 1;
    }
    if (status == 408 || status == 429 || (status >= 500 && status != NOT_IMPLEMENTED))
        return -(AIOHTTP_HTTP + status);
    download->is_hopeless = 1;
    snprintf(download->error, sizeof download->error,
             "%s is there already, %s; --force replaces it", download->name,
             status == OK && aiohttp_client_response_content_length(response) >= 0
                 ? "and the server has another"
                 : "and the server does not tell whether it has another");
    return -EEXIST;
}

static int compare(struct fetch *fetch, struct download *download, const struct stat *there)
{
    static const char *const fields[] = { "Accept-Encoding", "identity", NULL };
    aiohttp_client_response *response;
    int r = aiohttp_client_session_head(fetch->session, download->url, &response, .fields = fields,
                                        .allow_redirects = 1, .trace_context = download);
    if (r < 0)
        return r;
    r = judge(download, response, there);
    aiohttp_client_response_unref(response);
    return r;
}

/* --- the answer --- */

/* Where the answer begins: 0 for all of it; -EPROTO when it is another part than was asked for. */
static int64_t begins_at(struct download *download, const aiohttp_client_response *response)
{
    int64_t length = aiohttp_client_response_content_length(response);
    int64_t from = 0, total = -1;
    if (aiohttp_client_response_status(response) != PARTIAL) {
        download->size = length;
        return 0;
    }
    const char *range = aiohttp_client_response_header(response, "Content-Range");
    if (!range || sscanf(range, "bytes %" SCNd64 "-%*d/%" SCNd64, &from, &total) < 1 ||
        from != download->from)
        return -EPROTO;
    download->size = total >= 0 ? total : length >= 0 ? from + length : -1;
    return from;
}

static int load(struct download *download, aiohttp_client_response *response)
{
    const char *data;
    int n;
    while ((n = aiohttp_client_response_readany(response, &data)) > 0) {
        int r = part_write(download, data, (size_t)n);
        if (r < 0)
            return r;
    }
    if (n == 0 && download->size >= 0 && download->have != download->size)
        return -AIOHTTP_PAYLOAD;
    return n;
}

/* The rest has to be one of the same version, whatever the server makes of If-Range. */
static int is_of(const char *tag, const aiohttp_client_response *response)
{
    const char *now_called = aiohttp_client_response_header(response, "ETag");
    return *tag != '"' || !now_called || strcmp(tag, now_called) == 0;
}

/* Whether what was left is all of it: then there is no rest to be sent. */
static int is_all(const struct download *download, const aiohttp_client_response *response)
{
    int64_t total = -1;
    const char *range = aiohttp_client_response_header(response, "Content-Range");
    return range && sscanf(range, "bytes */%" SCNd64, &total) == 1 && total == download->from;
}

/* What the answer to a GET leads to. */
static int take(struct download *download, aiohttp_client_response *response, const char *tag)
{
    int status = download->http_status = aiohttp_client_response_status(response);
    if (status == RANGE_NOT_SATISFIABLE && *tag && is_all(download, response)) {
        download->size = download->have;
        return 0;
    }
    int64_t from = status == OK || status == PARTIAL ? begins_at(download, response) : 0;
    if (status == RANGE_NOT_SATISFIABLE || from < 0 ||
        (status == PARTIAL && !is_of(tag, response))) {
        int r = part_forget(download); /* the next attempt begins anew */
        return r < 0 ? r : from < 0 ? (int)from : -(AIOHTTP_HTTP + RANGE_NOT_SATISFIABLE);
    }
    if (status != OK && status != PARTIAL)
        return -(AIOHTTP_HTTP + status);
    download->state = LOADS;
    download->have = download->from = from;
    int r = part_begin(download, response, from);
    return r < 0 ? r : load(download, response);
}

/* --- attempts --- */

static void forget_times(struct download *download)
{
    download->dns = download->connect = download->tls = download->first_byte = -1;
    download->http_status = 0;
    download->state = ASKS;
    download->error[0] = '\0';
}

/* 0, an error, or the negative HTTP error of an answer that is no file. */
static int ask(struct fetch *fetch, struct download *download)
{
    char range[64], tag[TAG_ROOM] = "";
    aiohttp_client_response *response;
    const char *fields[8] = { "Accept-Encoding", "identity" };
    int64_t part = download->is_stream ? 0 : part_open(download);
    if (part < 0)
        return (int)part;
    int r = part > 0 && !fetch->starts_over ? part_tag(download, tag) : 0;
    if (r < 0)
        return r;
    download->from = download->have = r > 0 ? part : 0;
    if (r > 0) {
        snprintf(range, sizeof range, "bytes=%" PRId64 "-", part);
        fields[2] = "Range";
        fields[3] = range;
        fields[4] = "If-Range";
        fields[5] = tag;
    }
    r = aiohttp_client_session_get(fetch->session, download->url, &response, .fields = fields,
                                   .auto_decompress = 0, .trace_context = download);
    if (r < 0)
        return r;
    r = take(download, response, tag);
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

/* 0; 1 when it was there already; an error. */
static int attempt(struct fetch *fetch, struct download *download)
{
    struct stat there;
    forget_times(download);
    int r = part_look(fetch, download, &there);
    if (r > 0)
        return compare(fetch, download, &there);
    if (r >= 0)
        r = ask(fetch, download);
    if (r >= 0)
        r = part_finish(fetch, download);
    int closed = part_close(download);
    return r < 0 ? r : closed;
}

/* Whether another attempt may go better. */
static int is_worth_it(const struct fetch *fetch, const struct download *download, int r)
{
    int status = -r - AIOHTTP_HTTP;
    if (download->attempt > fetch->retries || download->is_stream || download->is_hopeless)
        return 0;
    switch (r) {
    case -ECANCELED: case -ENOMEM: case -EINVAL: case -AIOHTTP_INVALID_URL:
    case -AIOHTTP_NON_HTTP_URL: case -AIOHTTP_TOO_MANY_REDIRECTS:
    case -ASYNCIO_SSL_CERT_VERIFICATION:
        return 0;
    default:
        return status < 400 || status == 408 || status == 429 || status >= 500 ||
               status == RANGE_NOT_SATISFIABLE;
    }
}

static void say_error(struct download *download, int r)
{
    const asyncio_error *error = asyncio_last_error(r);
    if (download->is_hopeless)
        return;
    if (r <= -AIOHTTP_HTTP)
        snprintf(download->error, sizeof download->error, "the server answered %d",
                 -r - AIOHTTP_HTTP);
    else
        snprintf(download->error, sizeof download->error, "%s",
                 error && *error->text ? error->text : asyncio_error_text(r));
}

int fetch_one(struct fetch *fetch, struct download *download)
{
    double pause = 0.5;
    int r;
    download->began = now();
    for (download->attempt = 1;; download->attempt++, pause *= 2) {
        r = attempt(fetch, download);
        if (r >= 0 || !is_worth_it(fetch, download, r))
            break;
        say_error(download, r);
        download->state = PAUSES;
        if ((r = asyncio_sleep(pause < 30 ? pause : 30)) < 0)
            break;
    }
    download->ended = now();
    download->state = r > 0 ? THERE : r == 0 ? DONE : FAILED;
    if (r < 0)
        say_error(download, r);
    return r;
}
