/* SPDX-License-Identifier: MIT */
/* libevent: timers_cancel, timers_fire, echo. Timers by evtimer_new, as its manual shows; the echo
 * is a bufferevent that moves its input to its output without copying. */
#include "../common.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

static struct event_base *base;
static long count, fired;

static void on_timer(evutil_socket_t fd, short what, void *unused)
{
    (void)fd;
    (void)what;
    (void)unused;
    fired++;
}

static struct event *start(int64_t milliseconds)
{
    struct timeval delay = { milliseconds / 1000, milliseconds % 1000 * 1000 };
    struct event *timer = evtimer_new(base, on_timer, NULL);
    if (!timer || evtimer_add(timer, &delay) < 0)
        die("timer", ENOMEM);
    return timer;
}

static void timers_cancel(void)
{
    struct event **timers = calloc((size_t)count, sizeof(struct event *));
    int64_t begin = wall();
    for (long i = 0; i < count; i++)
        timers[i] = start(3600000 + i * 7919 % 1000);
    for (long i = 0; i < count; i++)
        event_free(timers[i]);
    figure("ns", (double)(wall() - begin) / (double)count);
}

static void timers_fire(void)
{
    struct event **timers = calloc((size_t)count, sizeof(struct event *));
    int64_t begin = cpu();
    for (long i = 0; i < count; i++)
        timers[i] = start(i * 7919 % 1000);
    event_base_dispatch(base);
    for (long i = 0; i < count; i++)
        event_free(timers[i]);
    figure("ns", (double)(cpu() - begin) / (double)count);
    if (fired != count)
        die("timers", EPROTO);
}

static void on_read(struct bufferevent *stream, void *unused)
{
    (void)unused;
    bufferevent_write_buffer(stream, bufferevent_get_input(stream));
}

static void on_event(struct bufferevent *stream, short what, void *unused)
{
    (void)unused;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(stream);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
                          struct sockaddr *peer, int size, void *unused)
{
    int yes = 1;
    (void)listener;
    (void)peer;
    (void)size;
    (void)unused;
    struct bufferevent *stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!stream)
        die("bufferevent", ENOMEM);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    bufferevent_set_max_single_read(stream, 64 * 1024);
    bufferevent_set_max_single_write(stream, 64 * 1024);
    bufferevent_setcb(stream, on_read, NULL, on_event, NULL);
    bufferevent_enable(stream, EV_READ | EV_WRITE);
}

static void echo(void)
{
    int fd = listen_anywhere(SOCK_NONBLOCK);
    if (!evconnlistener_new(base, on_connection, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd))
        die("listener", ENOMEM);
    event_base_dispatch(base);
}

int main(int argc, char **argv)
{
    const char *work = argc > 1 ? argv[1] : "";
    count = argument(argc, argv, 2, 1000);
    base = event_base_new();
    if (!strcmp(work, "timers_cancel"))
        timers_cancel();
    else if (!strcmp(work, "timers_fire"))
        timers_fire();
    else if (!strcmp(work, "echo"))
        echo();
    else
        die(work, EINVAL);
    return 0;
}
