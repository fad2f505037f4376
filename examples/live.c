/* SPDX-License-Identifier: MIT */
/* A small live site: `live [DIR [PORT [HOST]]]`, or `make run DIR=... PORT=...`.
 *
 * A folder as static files, a chat over WebSockets, and a page that shows the running loop.
 * At start it fetches its own pages with 100 tasks at the same time. Ctrl-C cancels the main task:
 * what is under way is finished, the rest closed, and what is left behind (nothing) counted.
 * live/chat.c is the chat, live/watch.c the picture of the loop, live/kitchen.c what there is to
 * see in it; live/pages the pages. */
#define _GNU_SOURCE 1
#include "live/chat.h"
#include "live/kitchen.h"
#include "live/watch.h"
#include "serve/folder.h"
#include "serve/measure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TASKS = 100,                 /* that fetch our own pages... */
    PAGES_MAX = 16,              /* ...this many of them */
    TASKS_LEFT_MAX = 1000,
};

#if !defined(STOP_SECONDS)       /* the tests are less patient */
#define STOP_SECONDS 10.0        /* for answers under way when we stop */
#endif

struct site {
    const char *folder, *host, *pages;
    const char *mount;           /* where the folder is: "/docs", or "" for all of the site */
    int port, tasks_left;
    unsigned long long answered;
    aiohttp_web_runner *runner;
    struct chat chat;
    struct watch watch;
};

/* ---- what is left behind ---- */

static atomic_llong bytes_in_use;        /* but for names of functions, see watch.h */
static atomic_bool is_naming;

struct block {
    alignas(max_align_t) size_t size;
    bool is_name;
};

static void *counting_reallocate(void *old, size_t size, void *data)
{
    (void)data;
    struct block *block = old ? (struct block *)old - 1 : NULL;
    long long before = block && !block->is_name ? (long long)block->size : 0;
    bool is_name = block ? block->is_name : atomic_load(&is_naming);
    if (!size) {
        free(block);
        atomic_fetch_sub(&bytes_in_use, before);
        return NULL;
    }
    block = size > SIZE_MAX - sizeof *block ? NULL : realloc(block, sizeof *block + size);
    if (!block)
        return NULL;
    *block = (struct block){ size, is_name };
    if (!is_name)
        atomic_fetch_add(&bytes_in_use, (long long)size - before);
    return block + 1;
}

/* Programs and libraries that are open belong to the names of their functions, see watch.h. */
static bool has_names(int folder, const char *descriptor)
{
    char target[PATH_MAX] = "", program[PATH_MAX] = "";
    ssize_t n = readlinkat(folder, descriptor, target, sizeof target - 1);
    return n > 0 && readlink("/proc/self/exe", program, sizeof program - 1) > 0 &&
           (strstr(target, ".so") || strcmp(target, program) == 0);
}

static int descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        count += !has_names(dirfd(directory), entry->d_name);
    if (directory)
        closedir(directory);
    return count;
}

/* ---- the site ---- */

static int home(aiohttp_web_request *request)
{
    return aiohttp_web_http_found(request, "/live/");
}

/* The pages link to the folder without knowing where it is. */
static int folder_link(aiohttp_web_request *request, void *data)
{
    const struct site *site = data;
    return aiohttp_web_http_found(request, *site->mount ? "/docs/" : "/");
}

/* What is wrong with it is told by aiohttp_web_runner_setup. */
static aiohttp_web_application *application(struct site *site)
{
    aiohttp_web_application *app = aiohttp_web_application_new();
    site->watch.runner = &site->runner;
    site->watch.is_naming = &is_naming;
    chat_add(app, &site->chat);
    watch_add(app, &site->watch);
    kitchen_add(app);
    if (*site->mount)
        aiohttp_web_application_add_get(app, "/", home);
    aiohttp_web_application_add_get(app, "/live/folder", folder_link, .data = site);
    aiohttp_web_application_add_static(app, "/live", site->pages, .index = "index.html");
    aiohttp_web_application_add_static(app, site->mount, site->folder, .index = "index.html",
                                       .show_index = 1);
    return app;
}

/* Pages of ours, then of the folder; each malloc'ed. */
static int list_pages(const struct site *site, char **pages)
{
    static const char *const own[] = { "/live/", "/live/chat.html", "/live/loop.html",
                                       "/live/loop.json" };
    enum { OWN = sizeof own / sizeof own[0] };
    int root = open(site->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
    if (root < 0)
        return -errno;
    for (size_t i = 0; i < OWN; i++)
        if ((pages[count] = strdup(own[i])))
            count++;
    int all = count + folder_pages(root, pages + count, PAGES_MAX - count);
    for (; count < all; count++) {
        char *path;
        if (asprintf(&path, "%s%s", site->mount, pages[count]) < 0)
            continue;
        free(pages[count]);
        pages[count] = path;
    }
    close(root);
    return all;
}

static int fetch_own_pages(struct site *site)
{
    char *paths[PAGES_MAX] = { NULL };
    int count = asyncio_to_thread(asyncio_coro(list_pages, site, paths));
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
    asyncio_task *tasks[TASKS_LEFT_MAX];
    int count = asyncio_all_tasks(NULL, tasks, TASKS_LEFT_MAX), others = 0;
    if (count > TASKS_LEFT_MAX)
        count = TASKS_LEFT_MAX;
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

static int listen_on(struct site *site)
{
    aiohttp_web_site *listener;
    int r = aiohttp_web_runner_setup(site->runner);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(site->runner, site->host, site->port, &listener);
    if (r < 0)
        return r;
    r = aiohttp_web_site_start(listener);
    if (r < 0) {
        r = explain(r, site);
    } else {
        site->port = aiohttp_web_site_port(listener);
        printf("Serving %s on %s/   (%s)\n\n", site->folder, aiohttp_web_site_name(listener),
               asyncio_loop_backend(asyncio_get_running_loop()));
        fflush(stdout);
    }
    aiohttp_web_site_unref(listener);
    return r;
}

static int serve(struct site *site)
{
    int r = fetch_own_pages(site);
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
    return r;
}

/* Answers that are under way are finished, if that takes no longer than STOP_SECONDS; what is idle
 * is closed, and streams of events end by themselves. */
static int stop(struct site *site)
{
    printf("\nstopping\n");
    fflush(stdout);
    aiohttp_web_server_stats stats = { .size = sizeof stats };
    aiohttp_web_server_get_stats(aiohttp_web_runner_server(site->runner), &stats);
    site->answered = stats.requests_count;
    int r = aiohttp_web_runner_cleanup(site->runner);
    if (r == -ETIMEDOUT)
        r = 0;                       /* somebody did not read his answer */
    if (r >= 0)
        site->tasks_left = tasks_left();
    return r;                        /* -ECANCELED: Ctrl-C again, which ends it at once */
}

static int program(struct site *site)
{
    aiohttp_web_application *app = application(site);
    int r = aiohttp_web_app_runner_new(app, &site->runner, .shutdown_timeout = STOP_SECONDS);
    aiohttp_web_application_unref(app);              /* the runner keeps it */
    if (r < 0)
        return r;
    asyncio_loop_add_signal_handler(asyncio_get_running_loop(), SIGTERM, on_terminate,
                                    .data = asyncio_current_task());
    r = listen_on(site);
    if (r >= 0)
        r = serve(site);
    if (r == -ECANCELED) {           /* Ctrl-C or SIGTERM: what we asked for, so no error */
        asyncio_task_uncancel(asyncio_current_task());
        r = stop(site);
    } else {
        int ended = aiohttp_web_runner_cleanup(site->runner);
        r = r < 0 ? r : ended;
    }
    aiohttp_web_runner_unref(site->runner);
    site->runner = NULL;
    return r;
}

static int port_from(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);
    return *text && !*end && port >= 0 && port <= 65535 ? (int)port : -1;
}

/* "docs", or none, is the site's own documentation; any other folder is all of the site. */
static int look_at_folder(struct site *site, const char *folder, char **ret_full)
{
    struct stat about;
    site->pages = getenv("LIVE_PAGES");
    if (!site->pages)
        site->pages = LIVE_PAGES;
    site->mount = strcmp(folder, "docs") == 0 ? "/docs" : "";
    site->folder = *ret_full = realpath(folder, NULL);
    if (!site->folder || stat(site->folder, &about) < 0)
        return -errno;
    return S_ISDIR(about.st_mode) ? 0 : -ENOTDIR;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "docs";
    struct site site = { .host = argc > 3 ? argv[3] : "127.0.0.1",
                         .port = port_from(argc > 2 ? argv[2] : "8080") };
    if (site.port < 0) {
        fprintf(stderr, "live: %s is not a port: 0 (any) to 65535\n", argv[2]);
        return 1;
    }
    char *full = NULL;
    int r = look_at_folder(&site, folder, &full);
    if (r < 0) {
        fprintf(stderr, "live: cannot serve the folder %s: %s\n", folder, strerror(-r));
        free(full);
        return 1;
    }
    int before = descriptors();
    r = asyncio_set_allocator(counting_reallocate, NULL);
    if (r >= 0)
        r = asyncio_run(asyncio_coro(program, &site));
    int left = descriptors() - before;
    long long bytes = atomic_load(&bytes_in_use);
    free(full);
    if (r == -EINTR)
        return 130;                  /* Ctrl-C twice */
    if (r < 0) {
        const asyncio_error *error = asyncio_last_error(r);
        fprintf(stderr, "live: %s\n", error ? error->text : asyncio_error_text(r));
        return 1;
    }
    printf("stopped after %llu answers; left behind: %d tasks, %d descriptors, %lld bytes\n",
           site.answered, site.tasks_left, left, bytes);
    return site.tasks_left || left || bytes;
}
