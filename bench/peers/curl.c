/* SPDX-License-Identifier: MIT */
/* libcurl's multi interface, under epoll by its socket callback, as its manual advises for many
 * transfers. Handles are made once and used again, each with a URL after another.
 *
 *     curl client_get_64 | client_urls | client_download COUNT URL        see http/client.c */
#include "../common.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>

enum { EVENTS = 256, MIB = 1 << 20 };

struct transfer {
    CURL *easy;
    int64_t got;
    char body[16];
    char url[256];
};

static CURLM *multi;
static int poller;
static long to_start, started, running, timeout_ms = -1;
static bool is_numbered, is_download;
static const char *base;

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *known)
{
    (void)easy, (void)data;
    struct epoll_event event = { .data.fd = fd };
    if (what == CURL_POLL_REMOVE)
        return epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL), 0;
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(poller, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0 &&
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl", errno);
    curl_multi_assign(multi, fd, &poller);
    return 0;
}

static int on_timer(CURLM *unused, long ms, void *data)
{
    (void)unused, (void)data;
    timeout_ms = ms;
    return 0;
}

static size_t on_data(char *data, size_t one, size_t size, void *of)
{
    struct transfer *t = of;
    (void)one;
    if (is_download && size && (data[0] || data[size - 1]))
        return 0;
    if (!is_download && (size_t)t->got + size < sizeof t->body)
        memcpy(t->body + t->got, data, size);
    t->got += (int64_t)size;
    return size;
}

static void next(struct transfer *t)
{
    if (started == to_start)
        return;
    t->got = 0;
    if (is_numbered) {
        snprintf(t->url, sizeof t->url, "%s%ld", base, started);
        curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
    }
    started++;
    running++;
    curl_multi_add_handle(multi, t->easy);
}

static void look_at_done(int64_t size)
{
    CURLMsg *message;
    int more;
    while ((message = curl_multi_info_read(multi, &more))) {
        struct transfer *t;
        long status = 0;
        CURLcode code = message->data.result;
        CURL *easy = message->easy_handle;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (code != CURLE_OK || status != 200 || t->got != size ||
            (!is_download && memcmp(t->body, "Hello, World!", 13) != 0))
            die(code ? curl_easy_strerror(code) : "a wrong answer", EPROTO);
        running--;
        curl_multi_remove_handle(multi, easy);
        next(t);
    }
}

static void run(struct transfer *all, int at_once, long count, int64_t size)
{
    struct epoll_event events[EVENTS];
    int still;
    to_start = count;
    started = 0;
    for (int i = 0; i < at_once; i++)
        next(&all[i]);
    while (running) {
        int n = epoll_wait(poller, events, EVENTS, (int)timeout_ms);
        for (int i = 0; i < n; i++) {
            int what = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                       (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                       (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
            curl_multi_socket_action(multi, events[i].data.fd, what, &still);
        }
        if (n == 0 || timeout_ms == 0) {
            timeout_ms = -1;
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &still);
        }
        look_at_done(size);
    }
}

int main(int argc, char **argv)
{
    if (argc < 4)
        die("curl WORK COUNT URL", EINVAL);
    is_numbered = strcmp(argv[1], "client_urls") == 0;
    is_download = strcmp(argv[1], "client_download") == 0;
    int at_once = is_download ? 1 : is_numbered ? 100 : 64;
    long count = atol(argv[2]), size = is_download ? count : 13;
    base = argv[3];
    poller = epoll_create1(EPOLL_CLOEXEC);
    curl_global_init(CURL_GLOBAL_ALL);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 100L);
    struct transfer *all = calloc((size_t)at_once, sizeof *all);
    for (int i = 0; i < at_once; i++) {
        all[i].easy = curl_easy_init();
        curl_easy_setopt(all[i].easy, CURLOPT_URL, base);
        curl_easy_setopt(all[i].easy, CURLOPT_PRIVATE, (char *)&all[i]);
        curl_easy_setopt(all[i].easy, CURLOPT_WRITEFUNCTION, on_data);
        curl_easy_setopt(all[i].easy, CURLOPT_WRITEDATA, &all[i]);
        curl_easy_setopt(all[i].easy, CURLOPT_NOSIGNAL, 1L);
        if (is_download) /* the largest that it takes */
            curl_easy_setopt(all[i].easy, CURLOPT_BUFFERSIZE, 512L * 1024);
    }
    if (!is_download)
        run(all, at_once, count / 10, size);
    int64_t spent = cpu(), began = wall();
    run(all, at_once, is_download ? 1 : count, size);
    double each = is_download ? (double)count / MIB : (double)count;
    figure("cpu_ns", (double)(cpu() - spent) / each);
    figure("wall_ns", (double)(wall() - began) / each);
    return 0;
}
