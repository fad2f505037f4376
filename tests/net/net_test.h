/* SPDX-License-Identifier: MIT */
/* What the tests of the net floor share: programs that run to their end and leave nothing behind,
 * and a pair of streams that are connected with each other. Each program runs in several worlds:
 * plain, one byte at a time, and in the sim backend with some seeds. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "net/stream.h"
#include "support/failing.h"

#include <asyncio/runner.h>
#include <asyncio/connect.h>
#include <asyncio/server.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEDS = 12 };

/* Of the world that a program runs in. */
static struct {
    const char *name;
    bool is_sim, is_chopped, is_seeded;
    unsigned long seed;
} world;

/* What the loop's exception handler got. */
static struct {
    unsigned count;
    int last;
    char message[128];
} reports;

static inline void on_report(asyncio_loop *loop, const asyncio_exception_context *context,
                             void *data)
{
    (void)loop;
    (void)data;
    reports.count++;
    reports.last = context->exception;
    snprintf(reports.message, sizeof reports.message, "%s", context->message);
}

static inline int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

typedef int program(void *data);

static inline int observed(program *body, void *data)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_report, NULL);
    return body(data);
}

/* Runs a program and returns its result. No byte and no descriptor may be left. */
static inline int run_once(program *body, void *data)
{
    reports.count = 0;
    asyncio__record_put(NULL); /* the thread keeps the last one */
    uint64_t live = asyncio__alloc_live();
    int descriptors = count_descriptors();
    int r = asyncio_run(asyncio_coro(observed, body, data), .shutdown_timeout = 5.0);
    asyncio__record_put(NULL);
    if (asyncio__alloc_live() != live || count_descriptors() != descriptors)
        fail_msg("%s, seed %lu: %d blocks and %d descriptors are left", world.name, world.seed,
                 (int)(asyncio__alloc_live() - live), count_descriptors() - descriptors);
    return r;
}

static inline void enter_world(const char *name, bool is_chopped, unsigned long seed)
{
    const char *backend = getenv("ASYNCIO_BACKEND");
    world.name = name;
    world.is_sim = backend && strcmp(backend, "sim") == 0;
    world.is_chopped = is_chopped;
    world.is_seeded = seed != 0;
    world.seed = seed;
    char text[32];
    snprintf(text, sizeof text, "%lu", seed);
    setenv("ASYNCIO_SIM_SEED", text, 1);
    setenv("ASYNCIO_MAX_IO_BYTES", is_chopped ? "1" : "0", 1);
}

/* Runs it in all worlds; it has to return 0. */
static inline void run_everywhere_with(program *body, void *data)
{
    for (unsigned long i = 0; i < 2 + SEEDS; i++) {
        enter_world(i == 0 ? "plain" : i == 1 ? "chopped" : "seeded", i == 1, i < 2 ? 0 : i - 1);
        if (i >= 2 && !world.is_sim)
            break;
        int r = run_once(body, data);
        if (r != 0)
            fail_msg("%s, seed %lu: %s (%s)", world.name, world.seed, asyncio_error_name(r),
                     asyncio_last_error(r) ? asyncio_last_error(r)->text : "-");
    }
    enter_world("plain", false, 0);
}

static inline void run_everywhere(program *body)
{
    run_everywhere_with(body, NULL);
}

/* An abstract AF_UNIX name of this program's own: it may run on two backends at the same time. */
static inline const char *abstract(const char *name)
{
    static char text[80];
    static int number;
    if (!number) /* also in a child: the parent's */
        number = (int)getpid();
    snprintf(text, sizeof text, "@%s-%d", name, number);
    return text;
}

/* ---- inside programs: a check that fails ends the program with a code that names its line ---- */

/* Tasks that were started point into the frame of the program that gives up. */
static inline void check_failed(void)
{
    if (allocation_is_failing())
        fail();
}

/* What a task that another waits for came to: without memory it would be waited for in vain. */
static inline int came_to(int result)
{
    if (result == -ENOMEM)
        check_failed();
    return result;
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("%s:%d: %s (%s, seed %lu)\n", __FILE__, __LINE__, #condition, world.name,  \
                        world.seed);                                                               \
            check_failed();                                                                        \
            return -EPROTO;                                                                        \
        }                                                                                          \
    } while (0)

#define CHECK_IS(expression, expected)                                                             \
    do {                                                                                           \
        long long is_ = (expression), expected_ = (expected);                                      \
        if (is_ != expected_) {                                                                    \
            print_error("%s:%d: %s is %lld (%s), not %lld (%s, seed %lu)\n", __FILE__, __LINE__,   \
                        #expression, is_, asyncio_error_name((int)is_), expected_, world.name,     \
                        world.seed);                                                               \
            check_failed();                                                                        \
            return -EPROTO;                                                                        \
        }                                                                                          \
    } while (0)

/* ---- two connected streams ---- */

struct pair {
    asyncio_server *server;
    asyncio_stream *a;               /* the one that connected */
    asyncio_stream *b;               /* the accepted one */
    asyncio_future *accepted, *finished;
};

static inline int pair_handler(asyncio_stream *stream, void *data)
{
    struct pair *pair = data;
    pair->b = asyncio_stream_ref(stream);
    asyncio_future_set_result(pair->accepted, 0);
    asyncio_future *finished = asyncio_future_ref(pair->finished);
    int r = asyncio_await(finished);
    asyncio_future_unref(finished);
    return r;
}

/* Without memory the server drops who comes, and reports it. Sim finds out who waits in vain, and
 * its seeds have accepting fail, reported too, for a while. */
static inline int pair_accepted(struct pair *pair)
{
    if (!allocation_is_failing() || world.is_sim)
        return asyncio_await(pair->accepted);
    int r = 0;
    for (int i = 0; i < 10000 && r >= 0 && !asyncio_future_done(pair->accepted); i++)
        r = reports.count == 0 ? asyncio_sleep(0.001) : -ENOMEM;
    return asyncio_future_done(pair->accepted) ? 0 : -ENOMEM;
}

static inline int pair_open(struct pair *pair, size_t limit)
{
    *pair = (struct pair){ .server = NULL };
    int r = asyncio_future_new(&pair->accepted);
    if (r >= 0)
        r = asyncio_future_new(&pair->finished);
    if (r >= 0)
        r = asyncio_start_server(pair_handler, "127.0.0.1", 0, &pair->server, .limit = limit,
                                 .data = pair);
    if (r >= 0)
        r = asyncio_open_connection("127.0.0.1", asyncio_server_port(pair->server), &pair->a,
                                    .limit = limit);
    return r >= 0 ? pair_accepted(pair) : r;
}

/* Ends all that was opened, also half of it; returns `result`. */
static inline int pair_close(struct pair *pair, int result)
{
    if (pair->a)
        asyncio_stream_abort(pair->a);
    if (pair->b)
        asyncio_stream_abort(pair->b);
    asyncio_stream_unref(pair->a);
    asyncio_stream_unref(pair->b);
    if (pair->finished && !asyncio_future_done(pair->finished))
        asyncio_future_set_result(pair->finished, 0);
    if (pair->server) {
        asyncio_server_close(pair->server);
        int r = asyncio_server_wait_closed(pair->server);
        result = result < 0 ? result : r;
        asyncio_server_unref(pair->server);
        r = asyncio_sleep(0); /* the handler's task ends */
        result = result < 0 ? result : r;
    }
    asyncio_future_unref(pair->accepted);
    asyncio_future_unref(pair->finished);
    return result;
}

typedef int pair_body(struct pair *pair);

struct pair_program {
    pair_body *body;
    size_t limit;
};

static inline int pair_run(void *data)
{
    const struct pair_program *what = data;
    struct pair pair;
    int r = pair_open(&pair, what->limit);
    if (r >= 0)
        r = what->body(&pair);
    if (r < 0)
        check_failed();
    return pair_close(&pair, r);
}

/* Runs a body with two connected streams, in all worlds. */
static inline void with_pair_of_limit(pair_body *body, size_t limit)
{
    struct pair_program what = { body, limit };
    run_everywhere_with(pair_run, &what);
}

static inline void with_pair(pair_body *body)
{
    with_pair_of_limit(body, 65536);
}

/* Reads until `size` bytes are there or the stream ends; how many. */
static inline int read_all(asyncio_stream *stream, void *buffer, size_t size)
{
    size_t got = 0;
    while (got < size) {
        int n = asyncio_stream_read(stream, (char *)buffer + got, size - got);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (int)got;
}

/* Starts a task that is awaited later. */
#define START(task, ...)                                                                           \
    do {                                                                                           \
        int started_ = asyncio_create_task(asyncio_coro(__VA_ARGS__), &(task));                    \
        if (started_ < 0)                                                                          \
            return started_;                                                                       \
    } while (0)

static inline int join(asyncio_task *task)
{
    int r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

/* Lets everything else get as far as it can without time passing: turns, and in the sim what it
 * puts off. */
static inline int settle(void)
{
    int r = 0;
    for (int i = 0; i < 10 && r >= 0; i++)
        r = asyncio_sleep(world.is_sim ? 0.001 : 0.0005);
    return r;
}

/* ---- servers ---- */

static inline int say_hello(asyncio_stream *stream)
{
    return asyncio_stream_write(stream, "hello", 5);
}

/* 0: a server that says hello is there. */
static inline int hello_from(const char *host, int port,
                             const asyncio_open_connection_options *options)
{
    asyncio_stream *stream;
    char text[8];
    int r = (asyncio_open_connection)(host, port, &stream, options);
    if (r < 0)
        return r;
    r = asyncio_stream_readexactly(stream, text, 5, NULL);
    asyncio_stream_unref(stream);
    return r;
}

static inline int echo(asyncio_stream *stream)
{
    char text[4096];
    int n;
    while ((n = asyncio_stream_read(stream, text, sizeof text)) > 0)
        if ((n = asyncio_stream_write(stream, text, (size_t)n)) < 0)
            break;
    return n;
}

/* Closes it and waits for its connections. */
static inline int end_server(asyncio_server *server)
{
    asyncio_server_close(server);
    int r = asyncio_server_wait_closed(server);
    if (r >= 0)
        CHECK(asyncio_server_connections(server) == 0);
    asyncio_server_unref(server);
    return r < 0 ? r : settle();
}
