/* SPDX-License-Identifier: MIT */
/* Several servers, each an origin of its own, that redirect to one another as the path says and
 * keep what they were asked: who hears which secret.
 *
 * PATHS      /STATUS/N/rest leads to http://127.0.0.1:PORT of server N/rest, /STATUS/l/rest to
 *            http://localhost:PORT of server 0/rest (the same server, by another name),
 *            /STATUS/s/rest to https of the server that has TLS, /STATUS/-/rest to /rest; all else
 *            is answered by 200. */
#pragma once

#include "client/client_test.h"

enum { FARM_HOSTS = 3 };

struct farm;

struct farm_host {
    struct farm *farm;
    asyncio_server *server;
    char request[8192]; /* the last one */
    int requests;
};

struct farm {
    struct farm_host hosts[FARM_HOSTS], tls;
    aiohttp_client_session *session;
};

static inline int farm_port(const struct farm *farm, int host)
{
    return asyncio_server_port(farm->hosts[host].server);
}

static inline void farm_target(const struct farm *farm, char kind, const char *rest, char *text,
                               size_t size)
{
    if (kind == '-')
        snprintf(text, size, "/%s", rest);
    else if (kind == 'l')
        snprintf(text, size, "http://localhost:%d/%s", farm_port(farm, 0), rest);
    else if (kind == 's')
        snprintf(text, size, "https://127.0.0.1:%d/%s", asyncio_server_port(farm->tls.server),
                 rest);
    else
        snprintf(text, size, "http://127.0.0.1:%d/%s", farm_port(farm, kind - '0'), rest);
}

static inline int farm_serve(asyncio_stream *stream, void *data)
{
    struct farm_host *host = data;
    char location[1024], answer[2048], rest[512], path[512], kind;
    int r, status;
    while ((r = read_request(stream, host->request, sizeof host->request)) > 0) {
        host->requests++;
        *rest = '\0';
        if (sscanf(host->request, "%*s %511s", path) == 1 &&
            sscanf(path, "/%3d/%c/%511s", &status, &kind, rest) >= 2) {
            farm_target(host->farm, kind, rest, location, sizeof location);
            r = snprintf(answer, sizeof answer,
                         "HTTP/1.1 %d Go\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", status,
                         location);
        } else
            r = snprintf(answer, sizeof answer,
                         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%s",
                         strncmp(host->request, "HEAD", 4) == 0 ? "" : "ok");
        if ((r = asyncio_stream_write(stream, answer, (size_t)r)) < 0)
            break;
    }
    return 0;
}

/* The session is the caller's to make. */
static inline int farm_start(struct farm *farm)
{
    int r = 0;
    *farm = (struct farm){ .session = NULL };
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    for (int i = 0; i < FARM_HOSTS && r >= 0; i++) {
        farm->hosts[i].farm = farm;
        r = asyncio_start_server(farm_serve, "127.0.0.1", 0, &farm->hosts[i].server,
                                 .data = &farm->hosts[i]);
    }
    farm->tls.farm = farm;
    return r;
}

static inline int farm_end(struct farm *farm, int r)
{
    r = session_end(farm->session, r);
    for (int i = 0; i <= FARM_HOSTS; i++) {
        struct raw raw = { .server =
                               i < FARM_HOSTS ? farm->hosts[i].server : farm->tls.server };
        r = raw_end(&raw, r);
    }
    return r;
}

/* "http://127.0.0.1:PORT/path" of a server; `user`: "user:password@", or "". */
static inline const char *farm_url(const struct farm *farm, int host, const char *user,
                                   const char *path)
{
    static char text[8][512];
    static unsigned turn;
    char *url = text[turn++ % 8];
    snprintf(url, sizeof text[0], "http://%s127.0.0.1:%d%s", user, farm_port(farm, host), path);
    return url;
}

/* The end of a request whose answer has to be 200. */
static inline int farm_done(struct farm *farm, int r, aiohttp_client_response **response)
{
    (void)farm;
    if (r < 0)
        return r;
    r = aiohttp_client_response_status(*response) == 200 ? 0 : -EPROTO;
    int released = aiohttp_client_response_release(*response);
    aiohttp_client_response_unref(*response);
    return r < 0 ? r : released;
}

/* What a server has heard last, and whether some text was in it. */
static inline bool farm_heard(const struct farm *farm, int host, const char *text)
{
    return strstr(farm->hosts[host].request, text) != NULL;
}
