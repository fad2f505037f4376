/* SPDX-License-Identifier: MIT */
/* A web server for a folder: `serve [DIR [PORT [HOST]]]`, or `make run DIR=... PORT=...`.
 *
 * At start it fetches its own pages with 100 tasks at the same time. Ctrl-C cancels the main task:
 * what is under way is finished, the rest closed, and what is left behind (nothing) counted.
 * serve/site.c answers connections, serve/http.c knows the protocol, serve/folder.c the files. */
#include "serve/folder.h"
#include "serve/http.h"
#include "serve/measure.h"
#include "serve/site.h"

#include <asyncio.h>
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TASKS = 100,                 /* that fetch our own pages... */
    PAGES_MAX = 16,              /* ...this many of them */
};

#if !defined(STOP_SECONDS)       /* the tests are less patient */
#define STOP_SECONDS 10.0        /* for answers under way when we stop */
#endif

static int fetch_own_pages(struct site *site)
{
    char *paths[PAGES_MAX] = { NULL };
    int count = asyncio_to_thread(asyncio_coro(folder_pages, site->root, paths, PAGES_MAX));
    struct pages pages = { site->host, site->port, paths, count };
    struct measure measure;
    int r = count;
    if (r >= 0)
        r = asyncio_wait_for(asyncio_coro(measure_pages, &pages, TASKS, &measure), 20.0);
    if (r >= 0)
        measure_print(&measure, TASKS, count);
    for (int i = 0; i < PAGES_MAX; i++)
        free(paths[i]);              /* also when we were cancelled: the thread has made its list */
    return r;
}

/* Waits until every other task has ended, and counts those that do not. */
static int tasks_left(void)
{
    asyncio_task *tasks[SITE_CONNECTIONS_MAX + 1];
    int count = asyncio_all_tasks(NULL, tasks, SITE_CONNECTIONS_MAX + 1), others = 0;
    if (count > SITE_CONNECTIONS_MAX + 1)
        count = SITE_CONNECTIONS_MAX + 1;
    for (int i = 0; i < count; i++)
        if (tasks[i] != asyncio_current_task())
            tasks[others++] = tasks[i];
        else
            asyncio_task_unref(tasks[i]);
    size_t done = 0;
    if (others && asyncio_wait(tasks, (size_t)others, &done, .timeout = STOP_SECONDS) < 0)
        done = 0;
    for (int i = 0; i < others; i++)
        asyncio_task_unref(tasks[i]);
    return others - (int)done;
}

/* Answers that are under way are finished, if that takes no longer than STOP_SECONDS; what is idle
 * is closed. */
static int stop(struct site *site, asyncio_server *server)
{
    printf("\nstopping\n");
    if (site->busy)
        printf("%u answer%s under way, for %g seconds at most; Ctrl-C does not wait\n", site->busy,
               site->busy == 1 ? "" : "s", STOP_SECONDS);
    fflush(stdout);
    site->is_stopping = true;
    asyncio_server_close(server);
    int r = site->busy ? asyncio_wait_for(site->quiet, STOP_SECONDS) : 0;
    if (r >= 0) {
        asyncio_server_close_clients(server);
        r = asyncio_wait_for(asyncio_coro(asyncio_server_wait_closed, server), STOP_SECONDS);
    }
    if (r == -ETIMEDOUT) {
        asyncio_server_abort_clients(server);
        r = asyncio_server_wait_closed(server);
    }
    if (r >= 0)
        site->tasks_left = tasks_left();
    return r;                        /* -ECANCELED: Ctrl-C again, which ends it at once */
}

static int explain(int r, const struct site *site)
{
    switch (-r) {
    case EADDRINUSE:
        return asyncio_raise(r, "port %d of %s is in use: choose another one, like PORT=%d",
                             site->port, site->host, site->port + 1);
    case EACCES:
        return asyncio_raise(r, "port %d of %s needs more rights: choose one from 1024 up",
                             site->port, site->host);
    case EADDRNOTAVAIL:
        return asyncio_raise(r, "%s is no address of this machine", site->host);
    default:
        return r;
    }
}

static void on_terminate(int signal_number, void *data)
{
    (void)signal_number;
    asyncio_task_cancel((asyncio_task *)data);
}

static int program(struct site *site, const char *folder)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    asyncio_server *server;
    int r = asyncio_loop_create_future(loop, &site->quiet);
    if (r < 0)
        return r;
    r = asyncio_start_server(site_serve, site->host, site->port, &server, .data = site,
                             .limit = HTTP_HEAD_MAX, .backlog = 1024,
                             .max_connections = SITE_CONNECTIONS_MAX);
    if (r < 0) {
        asyncio_future_unref(site->quiet);
        return explain(r, site);
    }
    asyncio_loop_add_signal_handler(loop, SIGTERM, on_terminate, .data = asyncio_current_task());
    site->port = asyncio_server_port(server);
    const char *bracket = strchr(site->host, ':') ? "[" : "";
    printf("Serving %s on http://%s%s%s:%d/   (%s)\n\n", folder, bracket, site->host,
           *bracket ? "]" : "", site->port, asyncio_loop_backend(loop));
    fflush(stdout);
    r = fetch_own_pages(site);
    if (r < 0 && r != -ECANCELED) {
        fprintf(stderr, "fetching our own pages failed:\n");
        asyncio_print_exception(r);
        r = 0;
    }
    if (r >= 0) {
        printf("Ctrl-C ends it.\n");
        fflush(stdout);
        r = asyncio_sleep(INFINITY);
    }
    if (r == -ECANCELED) {           /* Ctrl-C or SIGTERM: what we asked for, so no error */
        asyncio_task_uncancel(asyncio_current_task());
        r = stop(site, server);
    }
    asyncio_server_unref(server);
    asyncio_future_unref(site->quiet);
    site->quiet = NULL;              /* a handler may still be on its way out */
    return r;
}

/* ---- what is left behind ---- */

static atomic_llong bytes_in_use;

static void *counting_reallocate(void *old, size_t size, void *data)
{
    (void)data;
    long long before = (long long)malloc_usable_size(old);
    void *memory = NULL;
    if (size)
        memory = realloc(old, size);
    else
        free(old);
    if (memory || !size)
        atomic_fetch_add(&bytes_in_use, (long long)malloc_usable_size(memory) - before);
    return memory;
}

static int descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

static int port_from(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);
    return *text && !*end && port >= 0 && port <= 65535 ? (int)port : -1;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    struct site site = { .host = argc > 3 ? argv[3] : "127.0.0.1",
                         .port = port_from(argc > 2 ? argv[2] : "8080") };
    if (site.port < 0) {
        fprintf(stderr, "serve: %s is not a port: 0 (any) to 65535\n", argv[2]);
        return 1;
    }
    site.root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (site.root < 0) {
        fprintf(stderr, "serve: cannot serve the folder %s: %s\n", folder, strerror(errno));
        return 1;
    }
    char *full = realpath(folder, NULL);
    int before = descriptors();
    int r = asyncio_set_allocator(counting_reallocate, NULL);
    if (r >= 0)
        r = asyncio_run(asyncio_coro(program, &site, full ? full : folder));
    int left = descriptors() - before;
    long long bytes = atomic_load(&bytes_in_use);
    free(full);
    close(site.root);
    if (r == -EINTR)
        return 130;                  /* Ctrl-C twice */
    if (r < 0) {
        const asyncio_error *error = asyncio_last_error(r);
        fprintf(stderr, "serve: %s\n", error ? error->text : asyncio_error_text(r));
        return 1;
    }
    printf("stopped after %llu answers; left behind: %d tasks, %d descriptors, %lld bytes\n",
           site.answered, site.tasks_left, left, bytes);
    return site.tasks_left || left || bytes;
}
