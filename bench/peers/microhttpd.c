/* SPDX-License-Identifier: MIT */
/* libmicrohttpd: http_plain, http_pipelined, http_idle, http_static. Its own thread with epoll; one
 * answer that is made once, and files by descriptor, which it sends with sendfile. */
#include "../common.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <sys/stat.h>

static struct MHD_Response *hello;
static const char *folder;

static enum MHD_Result send_file(struct MHD_Connection *connection, const char *url)
{
    char path[512];
    struct stat status;
    if (strstr(url, ".."))
        return MHD_NO;
    snprintf(path, sizeof path, "%s/%s", folder, url + strlen("/static/"));
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0)
        return MHD_NO;
    struct MHD_Response *response = MHD_create_response_from_fd64((uint64_t)status.st_size, file);
    enum MHD_Result r = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return r;
}

static enum MHD_Result answer(void *data, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *body,
                              size_t *size, void **request)
{
    static int seen;
    (void)data, (void)method, (void)version, (void)body, (void)size;
    if (!*request) { /* the head has come; the answer is for when all of it has */
        *request = &seen;
        return MHD_YES;
    }
    if (strncmp(url, "/static/", 8) == 0)
        return send_file(connection, url);
    return MHD_queue_response(connection, MHD_HTTP_OK, hello);
}

int main(void)
{
    static char text[] = "Hello, World!";
    folder = getenv("BENCH_WWW");
    hello = MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(hello, "Content-Type", "text/plain; charset=utf-8");
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO, 0, NULL, NULL, answer, NULL,
                         MHD_OPTION_CONNECTION_LIMIT, 20000u, MHD_OPTION_LISTEN_BACKLOG_SIZE,
                         1024u, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "libmicrohttpd does not start\n");
        return 1;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    printf("port %d\n", info->port);
    fflush(stdout);
    for (;;)
        pause();
}
