/* SPDX-License-Identifier: MIT */
/* Workers within one process: see worker.h. */
#include "web/worker.h"

#include <asyncio/alloc.h>
#include <asyncio/error.h>
#include <asyncio/future.h>
#include <asyncio/runner.h>
#include <asyncio/task.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* Seconds between two looks at what is left of the connections of one that drains. */
#define DRAIN_REST 0.02

static void end_now(asyncio_loop *loop, void *data)
{
    struct aiohttp_web_worker *worker = data;
    (void)loop;
    if (worker->ending && !asyncio_future_done(worker->ending))
        asyncio_future_set_result(worker->ending, 0);
}

/* Tells all to end, from any thread. */
static void end_crew(struct crew *crew, enum crew_end how)
{
    pthread_mutex_lock(&crew->lock);
    if (crew->end == CREW_GOES_ON || how == CREW_ENDS)
        crew->end = how;
    for (unsigned i = 0; i < crew->count; i++) {
        struct aiohttp_web_worker *worker = &crew->workers[i];
        /* Without memory for it the next signal tries again. */
        if (worker->loop)
            (void)asyncio_loop_call_soon_threadsafe(worker->loop, end_now, NULL, .data = worker);
    }
    pthread_mutex_unlock(&crew->lock);
}

/* Looks again who waits to be accepted. A process that has gone may have been woken for a
 * connection that it has not taken any more: of those that wait on one socket the kernel wakes
 * one. */
static void look_again(asyncio_loop *loop, void *data)
{
    struct aiohttp_web_worker *worker = data;
    (void)loop;
    for (struct aiohttp_web_site *at = worker->runner ? worker->runner->sites : NULL; at;
         at = at->next) {
        asyncio_server_stop_serving(at->server);
        int r = asyncio_server_start_serving(at->server);
        (void)r; /* the next look tries again */
    }
}

static void on_gone(int signal_number, void *data)
{
    struct crew *crew = data;
    (void)signal_number;
    pthread_mutex_lock(&crew->lock);
    for (unsigned i = 0; i < crew->count && crew->end == CREW_GOES_ON; i++)
        if (crew->workers[i].loop)
            (void)asyncio_loop_call_soon_threadsafe(crew->workers[i].loop, look_again, NULL,
                                                    .data = &crew->workers[i]);
    pthread_mutex_unlock(&crew->lock);
}

static void on_signal(int signal_number, void *data)
{
    end_crew(data, signal_number == SIGUSR1 ? CREW_DRAINS : CREW_ENDS);
}

static int signals_of(const struct crew *crew, int *ret_signals)
{
    ret_signals[0] = SIGTERM;
    ret_signals[1] = crew->is_supervised ? SIGUSR1 : SIGINT;
    return crew->is_supervised || crew->options->handle_signals ? 2 : 0;
}

static int take_signals(struct aiohttp_web_worker *worker)
{
    int signals[2], r = 0;
    int count = worker->is_thread ? 0 : signals_of(worker->crew, signals);
    for (int i = 0; i < count && r >= 0; i++)
        r = asyncio_loop_add_signal_handler(asyncio_get_running_loop(), signals[i], on_signal,
                                            .data = worker->crew);
    if (r >= 0 && worker->crew->is_supervised && count)
        r = asyncio_loop_add_signal_handler(asyncio_get_running_loop(), SIGUSR2, on_gone,
                                            .data = worker->crew);
    return r;
}

static void give_signals(struct aiohttp_web_worker *worker)
{
    int signals[2];
    int count = worker->is_thread ? 0 : signals_of(worker->crew, signals);
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++)
        sigaddset(&set, signals[i]);
    /* There may still be requests: a signal is not to kill them; the supervisor does in time. */
    if (worker->crew->count > 1 || worker->crew->is_supervised)
        pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < count; i++)
        asyncio_loop_remove_signal_handler(asyncio_get_running_loop(), signals[i]);
    if (count)
        asyncio_loop_remove_signal_handler(asyncio_get_running_loop(), SIGUSR2);
}

/* ---- serving ---- */

static int start_sites(struct aiohttp_web_worker *worker, aiohttp_web_runner *runner,
                       const aiohttp_web_site_options *options)
{
    struct listeners *listeners = worker->crew->listeners;
    unsigned number = worker->crew->first + worker->index;
    aiohttp_web_site_options how = { .size = sizeof how, .backlog = options->backlog,
                                     .ssl_context = options->ssl_context,
                                     .ssl_handshake_timeout = options->ssl_handshake_timeout };
    for (size_t i = 0; i < listeners->count; i++) {
        aiohttp_web_site *site;
        if (!aiohttp__listeners_is_for(listeners, i, number))
            continue;
        int descriptor = aiohttp__listeners_duplicate(listeners, i);
        int r = descriptor;
        if (r >= 0)
            r = (aiohttp_web_sock_site_new)(runner, descriptor, &site, &how);
        if (r >= 0) {
            r = aiohttp_web_site_start(site);
            aiohttp_web_site_unref(site);
        }
        if (r < 0) {
            aiohttp__listener_close(descriptor);
            return r;
        }
    }
    return 0;
}

/* This worker serves; the last one says so for all. */
static void serves(struct aiohttp_web_worker *worker)
{
    struct crew *crew = worker->crew;
    pthread_mutex_lock(&crew->lock);
    bool is_last = ++crew->serving == crew->count;
    pthread_mutex_unlock(&crew->lock);
    if (!is_last)
        return;
    /* Their sites have their own: so that one that is stopped refuses connections. */
    if (crew->on_serving)
        crew->on_serving(crew);
    aiohttp__listeners_close(crew->listeners);
    if (crew->state)
        atomic_store(&crew->state->stage, WORKER_SERVES);
}

static bool is_draining(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    bool it_is = crew->end == CREW_DRAINS;
    pthread_mutex_unlock(&crew->lock);
    return it_is;
}

/* No connection is accepted any more, and each answer is its connection's last. Until there is
 * none, or time is up: then the runner's cleanup ends those that are idle. */
static int drain(struct aiohttp_web_worker *worker, aiohttp_web_runner *runner)
{
    aiohttp_web_server_stats stats;
    asyncio_loop *loop = asyncio_get_running_loop();
    double until = asyncio_loop_time(loop) + worker->crew->options->drain_timeout;
    aiohttp_web_server *server = aiohttp_web_runner_server(runner);
    int r;
    aiohttp_web_runner_drain(runner);
    do {
        r = asyncio_sleep(DRAIN_REST);
        aiohttp_web_server_get_stats(server, &stats);
    } while (r >= 0 && stats.connections && is_draining(worker->crew) &&
             asyncio_loop_time(loop) < until);
    return r;
}

/* From here on the worker can be told to end; it may have been already. */
static void listen_to_crew(struct aiohttp_web_worker *worker, asyncio_loop *loop)
{
    struct crew *crew = worker->crew;
    pthread_mutex_lock(&crew->lock);
    worker->loop = loop;
    bool is_over = crew->end != CREW_GOES_ON;
    pthread_mutex_unlock(&crew->lock);
    if (is_over && loop)
        end_now(loop, worker);
}

static const aiohttp_web_site_options usual = { .size = sizeof usual };

int(aiohttp_web_worker_serve)(aiohttp_web_worker *worker, aiohttp_web_runner *runner,
                              const aiohttp_web_site_options *site)
{
    if (worker->has_served)
        return asyncio_raise(-ASYNCIO_INVALID_STATE, "a worker serves once");
    worker->has_served = true;
    int r = asyncio_future_new(&worker->ending);
    if (r < 0)
        return r;
    listen_to_crew(worker, asyncio_get_running_loop());
    r = take_signals(worker);
    if (r >= 0)
        r = start_sites(worker, runner, site ? site : &usual);
    if (r >= 0) {
        worker->runner = runner;
        serves(worker);
        r = asyncio_await(worker->ending);
        worker->runner = NULL;
    }
    if (r >= 0 && is_draining(worker->crew))
        r = drain(worker, runner);
    give_signals(worker);
    listen_to_crew(worker, NULL);
    asyncio_future_unref(worker->ending);
    worker->ending = NULL;
    return r;
}

int aiohttp_web_worker_index(const aiohttp_web_worker *worker)
{
    return (int)(worker->crew->first + worker->index);
}

/* ---- the crew ---- */

static int body(struct aiohttp_web_worker *worker)
{
    return worker->crew->function(worker, worker->crew->data);
}

/* Of several that fail the first is told of, and its text: records stay in their threads. */
static void tell(struct crew *crew, const struct aiohttp_web_worker *worker, int r)
{
    const asyncio_error *error = asyncio_last_error(r);
    const char *text = error && error->text ? error->text : asyncio_error_text(r);
    pthread_mutex_lock(&crew->lock);
    if (crew->state && !crew->state->error) {
        crew->state->error = r;
        snprintf(crew->state->text, sizeof crew->state->text, "worker %u: %s (%s)",
                 crew->first + worker->index, text, asyncio_error_name(r));
    }
    pthread_mutex_unlock(&crew->lock);
}

static void *run_worker(void *data)
{
    struct aiohttp_web_worker *worker = data;
    worker->result = asyncio_run(asyncio_coro(body, worker));
    if (worker->result < 0)
        tell(worker->crew, worker, worker->result);
    end_crew(worker->crew, CREW_ENDS); /* one for all */
    return NULL;
}

/* Threads that take no signals. */
static int start_threads(struct crew *crew)
{
    sigset_t all, old;
    int r = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (unsigned i = 1; i < crew->count && !r; i++) {
        r = -pthread_create(&crew->workers[i].thread, NULL, run_worker, &crew->workers[i]);
        crew->workers[i].is_started = !r;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

/* Why it ends, for the supervisor. */
static int fail_crew(struct crew *crew, int r)
{
    if (crew->state->error)
        r = asyncio_raise(crew->state->error, "%s", crew->state->text);
    else
        snprintf(crew->state->text, sizeof crew->state->text, "worker %u: %s (%s)", crew->first,
                 asyncio_error_text(r), asyncio_error_name(r));
    crew->state->error = r;
    atomic_store(&crew->state->stage, WORKER_FAILED);
    return r;
}

static int run_crew(struct crew *crew)
{
    sigset_t old;
    pthread_sigmask(SIG_SETMASK, NULL, &old);
    int r = start_threads(crew);
    if (r >= 0)
        run_worker(&crew->workers[0]);
    else
        end_crew(crew, CREW_ENDS);
    for (unsigned i = 1; i < crew->count; i++)
        if (crew->workers[i].is_started)
            pthread_join(crew->workers[i].thread, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    for (unsigned i = 0; i < crew->count && r >= 0; i++)
        r = crew->workers[i].result < 0 ? crew->workers[i].result : r;
    return r;
}

int aiohttp__crew_run(struct crew *crew)
{
    struct worker_state own = { .error = 0 };
    if (!crew->state)
        crew->state = &own;
    crew->workers = asyncio_mem_calloc(crew->count, sizeof *crew->workers);
    if (!crew->workers) {
        int r = fail_crew(crew, -ENOMEM);
        crew->state = crew->state == &own ? NULL : crew->state;
        return r;
    }
    for (unsigned i = 0; i < crew->count; i++) {
        crew->workers[i].crew = crew;
        crew->workers[i].index = i;
        crew->workers[i].is_thread = i > 0;
    }
    pthread_mutex_init(&crew->lock, NULL);
    int r = run_crew(crew);
    pthread_mutex_destroy(&crew->lock);
    asyncio_mem_free(crew->workers);
    if (r < 0)
        r = fail_crew(crew, r);
    if (crew->state == &own)
        crew->state = NULL;
    return r;
}
