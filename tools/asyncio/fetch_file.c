/* SPDX-License-Identifier: MIT */
/* asyncio fetch: one download. See fetch.h. */
#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TAG_MOST = 1024, OK = 200, PARTIAL = 206, RANGE_NOT_SATISFIABLE = 416 };

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

/* --- the file --- */

static int64_t size_of(const char *path)
{
    struct stat status;
    int r = asyncio_stat(path, &status);
    return r < 0 || !S_ISREG(status.st_mode) ? -1 : (int64_t)status.st_size;
}

/* The tag that the part in the file has: its size, 0 without one. */
static int read_tag(const char *path, char text[TAG_MOST])
{
    int file = asyncio_open(path, O_RDONLY);
    if (file < 0)
        return file == -ECANCELED ? file : 0;
    int n = asyncio_read(file, text, TAG_MOST - 1);
    int closed = asyncio_close(file);
    text[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ')
            return 0;
    return closed == -ECANCELED ? closed : n;
}

static int write_all(int file, const char *data, size_t size, int64_t offset)
{
    while (size > 0) {
        int n = offset < 0 ? asyncio_write(file, data, size)
                           : asyncio_pwrite(file, data, size, offset);
        if (n <= 0)
            return n < 0 ? n : -EIO;
        data += n;
        size -= (size_t)n;
        if (offset >= 0)
            offset += n;
    }
    return 0;
}

/* What the server calls this version; a weak ETag cannot be resumed by. */
static int write_tag(const struct download *download, const aiohttp_client_response *response)
{
    const char *tag = aiohttp_client_response_header(response, "ETag");
    if (!tag || strncmp(tag, "W/", 2) == 0)
        tag = aiohttp_client_response_header(response, "Last-Modified");
    if (!tag || strlen(tag) >= TAG_MOST) {
        int r = asyncio_unlink(download->tag);
        return r == -ECANCELED ? r : 0;
    }
    int file = asyncio_open(download->tag, O_WRONLY | O_CREAT | O_TRUNC);
    if (file < 0)
        return file;
    int r = write_all(file, tag, strlen(tag), 0);
    int closed = asyncio_close(file);
    return r < 0 ? r : closed;
}

static int finish(const struct download *download)
{
    int r = asyncio_rename(download->part, download->name);
    if (r < 0)
        return r;
    r = asyncio_unlink(download->tag);
    return r == -ECANCELED ? r : 0;
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

static int load(struct download *download, aiohttp_client_response *response, int file,
                int is_stream)
{
    const char *data;
    int n;
    while ((n = aiohttp_client_response_readany(response, &data)) > 0) {
        int r = write_all(file, data, (size_t)n, is_stream ? -1 : download->have);
        if (r < 0)
            return r;
        download->have += n;
    }
    if (n == 0 && download->size >= 0 && download->have != download->size)
        return -AIOHTTP_PAYLOAD;
    return n;
}

static int load_file(struct download *download, aiohttp_client_response *response)
{
    int64_t from = begins_at(download, response);
    if (from < 0)
        return (int)from;
    download->state = LOADS;
    download->have = download->from = from;
    if (strcmp(download->name, "-") == 0)
        return load(download, response, STDOUT_FILENO, 1);
    int file = asyncio_open(download->part, O_WRONLY | O_CREAT);
    if (file < 0)
        return file;
    int r = asyncio_ftruncate(file, from);
    if (r >= 0)
        r = write_tag(download, response);
    if (r >= 0)
        r = load(download, response, file, 0);
    int closed = asyncio_close(file);
    return r < 0 ? r : closed;
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
static int attempt(struct fetch *fetch, struct download *download)
{
    char range[64], tag[TAG_MOST] = "";
    aiohttp_client_response *response;
    const char *fields[8] = { "Accept-Encoding", "identity" };
    int64_t part = strcmp(download->name, "-") == 0 || fetch->starts_over ? -1
                                                                         : size_of(download->part);
    int r = part > 0 ? read_tag(download->tag, tag) : 0;
    if (r < 0)
        return r;
    forget_times(download);
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
    int status = download->http_status = aiohttp_client_response_status(response);
    if (status == OK || status == PARTIAL)
        r = load_file(download, response);
    else
        r = -(AIOHTTP_HTTP + status);
    aiohttp_client_response_close(response);
    aiohttp_client_response_unref(response);
    return r;
}

/* Whether another attempt may go better. */
static int is_worth_it(const struct fetch *fetch, const struct download *download, int r)
{
    int status = -r - AIOHTTP_HTTP;
    if (download->attempt > fetch->retries || strcmp(download->name, "-") == 0)
        return 0;
    switch (r) {
    case -ECANCELED: case -ENOMEM: case -EINVAL: case -ENOSPC: case -EACCES: case -EISDIR:
    case -ENOENT: case -EROFS: case -AIOHTTP_INVALID_URL: case -AIOHTTP_NON_HTTP_URL:
    case -AIOHTTP_TOO_MANY_REDIRECTS: case -ASYNCIO_SSL_CERT_VERIFICATION:
        return 0;
    default:
        return status < 400 || status == 408 || status == 429 || status >= 500 ||
               status == RANGE_NOT_SATISFIABLE;
    }
}

static void say_error(struct download *download, int r)
{
    const asyncio_error *error = asyncio_last_error(r);
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
        if (r >= 0 && strcmp(download->name, "-") != 0)
            r = finish(download);
        if (r >= 0 || !is_worth_it(fetch, download, r))
            break;
        say_error(download, r);
        download->state = PAUSES;
        if (r == -(AIOHTTP_HTTP + RANGE_NOT_SATISFIABLE) && (r = asyncio_unlink(download->tag)) < 0)
            break;
        if ((r = asyncio_sleep(pause < 30 ? pause : 30)) < 0)
            break;
    }
    download->ended = now();
    download->state = r >= 0 ? DONE : FAILED;
    if (r < 0)
        say_error(download, r);
    return r;
}
