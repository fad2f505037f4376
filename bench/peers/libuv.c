/* SPDX-License-Identifier: MIT */
/* libuv: timers_cancel, timers_fire, threadsafe_post, threadsafe_roundtrip, offload_post,
 * offload_roundtrip, echo.
 *
 * Handles lie in one array, as a careful user would place them. Posting from a thread is what a C
 * program does with libuv: a list under a mutex and uv_async_send. The echo tries to write at
 * once, and queues only what is left. */
#include "../common.h"

#include <pthread.h>
#include <semaphore.h>
#include <uv.h>

static uv_loop_t *loop;
static long count, fired;

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static double median(int64_t *values, long n)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
    return (double)values[n / 2];
}

/* --- timers ------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
    fired++;
}

static void timers_cancel(void)
{
    uv_timer_t *timers = calloc((size_t)count, sizeof *timers);
    int64_t begin = wall();
    for (long i = 0; i < count; i++) {
        uv_timer_init(loop, &timers[i]);
        uv_timer_start(&timers[i], on_timer, (uint64_t)(3600000 + i * 7919 % 1000), 0);
    }
    for (long i = 0; i < count; i++)
        uv_timer_stop(&timers[i]);
    figure("ns", (double)(wall() - begin) / (double)count);
}

static void timers_fire(void)
{
    uv_timer_t *timers = calloc((size_t)count, sizeof *timers);
    int64_t begin = cpu();
    for (long i = 0; i < count; i++) {
        uv_timer_init(loop, &timers[i]);
        uv_timer_start(&timers[i], on_timer, (uint64_t)(i * 7919 % 1000), 0);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    figure("ns", (double)(cpu() - begin) / (double)count);
    if (fired != count)
        die("timers", EPROTO);
}

/* --- posts from another thread ----------------------------------------------------------- */

struct post {
    struct post *next;
    void (*fn)(void);
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct post *first, **last = &first;
static uv_async_t async;
static sem_t woken;
static int64_t begun, *trips;

static void post(void (*fn)(void))
{
    struct post *p = malloc(sizeof *p);
    *p = (struct post){ NULL, fn };
    pthread_mutex_lock(&lock);
    *last = p;
    last = &p->next;
    pthread_mutex_unlock(&lock);
    uv_async_send(&async);
}

static void on_async(uv_async_t *handle)
{
    (void)handle;
    pthread_mutex_lock(&lock);
    struct post *p = first;
    first = NULL;
    last = &first;
    pthread_mutex_unlock(&lock);
    while (p) {
        struct post *next = p->next;
        p->fn();
        free(p);
        p = next;
    }
}

static void one_post(void)
{
    if (++fired == count) {
        figure("ns", (double)(wall() - begun) / (double)count);
        uv_close((uv_handle_t *)&async, NULL);
    }
}

static void *produce(void *unused)
{
    long n = count; /* `fired`, beside it, belongs to the other thread */
    begun = wall();
    for (long i = 0; i < n; i++)
        post(one_post);
    return unused;
}

static void answer(void)
{
    sem_post(&woken);
    if (++fired == count)
        uv_close((uv_handle_t *)&async, NULL);
}

static void *ping(void *unused)
{
    for (long i = 0; i < count; i++) {
        int64_t begin = wall();
        post(answer);
        sem_wait(&woken);
        trips[i] = wall() - begin;
    }
    return unused;
}

static void threadsafe(void *(*producer)(void *))
{
    pthread_t thread;
    trips = calloc((size_t)count, sizeof *trips);
    sem_init(&woken, 0, 0);
    uv_async_init(loop, &async, on_async);
    pthread_create(&thread, NULL, producer, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
    if (producer == ping)
        figure("ns", median(trips, count));
}

/* --- jobs for the thread pool ------------------------------------------------------------ */

static long submitted;

static void nothing(uv_work_t *work) { (void)work; }

static void after(uv_work_t *work, int status)
{
    (void)status;
    if (++fired < count && submitted < count) {
        submitted++;
        uv_queue_work(loop, work, nothing, after);
    }
}

static void offload_post(void)
{
    static uv_work_t works[1000];
    int64_t begin = wall();
    for (; submitted < 1000 && submitted < count; submitted++)
        uv_queue_work(loop, &works[submitted], nothing, after);
    uv_run(loop, UV_RUN_DEFAULT);
    figure("ns", (double)(wall() - begin) / (double)count);
    if (fired != count)
        die("jobs", EPROTO);
}

static void after_trip(uv_work_t *work, int status)
{
    (void)status;
    trips[fired] = wall() - begun;
    if (++fired < count) {
        begun = wall();
        uv_queue_work(loop, work, nothing, after_trip);
    }
}

static void offload_roundtrip(void)
{
    uv_work_t work;
    trips = calloc((size_t)count, sizeof *trips);
    begun = wall();
    uv_queue_work(loop, &work, nothing, after_trip);
    uv_run(loop, UV_RUN_DEFAULT);
    figure("ns", median(trips, count));
}

/* --- echo -------------------------------------------------------------------------------- */

static char buffer[64 * 1024];

struct rest {
    uv_write_t request;
    char bytes[];
};

static void closed(uv_handle_t *handle) { free(handle); }

static void allocate(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    (void)handle;
    (void)wanted;
    *ret = uv_buf_init(buffer, sizeof buffer);
}

static void written(uv_write_t *request, int status)
{
    if (status < 0 && !uv_is_closing((uv_handle_t *)request->handle))
        uv_close((uv_handle_t *)request->handle, closed);
    free(request);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    if (n < 0) {
        uv_close((uv_handle_t *)stream, closed);
        return;
    }
    uv_buf_t out = uv_buf_init(buf->base, (unsigned)n);
    int sent = n ? uv_try_write(stream, &out, 1) : 0;
    if (sent == UV_EAGAIN)
        sent = 0;
    if (sent < 0) {
        uv_close((uv_handle_t *)stream, closed);
    } else if (sent < n) {
        struct rest *rest = malloc(sizeof *rest + (size_t)(n - sent));
        memcpy(rest->bytes, buf->base + sent, (size_t)(n - sent));
        out = uv_buf_init(rest->bytes, (unsigned)(n - sent));
        uv_write(&rest->request, stream, &out, 1, written);
    }
}

static void on_connection(uv_stream_t *server, int status)
{
    uv_tcp_t *client = malloc(sizeof *client);
    uv_tcp_init(loop, client);
    if (status < 0 || uv_accept(server, (uv_stream_t *)client) < 0) {
        uv_close((uv_handle_t *)client, closed);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, allocate, on_read);
}

static void echo(void)
{
    uv_tcp_t server;
    uv_tcp_init(loop, &server);
    uv_tcp_open(&server, listen_anywhere(SOCK_NONBLOCK));
    uv_listen((uv_stream_t *)&server, 4096, on_connection);
    uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    const char *work = argc > 1 ? argv[1] : "";
    count = argument(argc, argv, 2, 1000);
    loop = uv_default_loop();
    if (!strcmp(work, "timers_cancel"))
        timers_cancel();
    else if (!strcmp(work, "timers_fire"))
        timers_fire();
    else if (!strcmp(work, "threadsafe_post"))
        threadsafe(produce);
    else if (!strcmp(work, "threadsafe_roundtrip"))
        threadsafe(ping);
    else if (!strcmp(work, "offload_post"))
        offload_post();
    else if (!strcmp(work, "offload_roundtrip"))
        offload_roundtrip();
    else if (!strcmp(work, "echo"))
        echo();
    else
        die(work, EINVAL);
    return 0;
}
