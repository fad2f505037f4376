/* SPDX-License-Identifier: MIT */
/* Threads, as scenarios_threads.py: work for them, work from them. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>
#include <pthread.h>

/* threading.Event */
struct event {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool is_set;
};

#define EVENT_INITIALIZER { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false }

static void event_set(struct event *event)
{
    pthread_mutex_lock(&event->mutex);
    event->is_set = true;
    pthread_cond_broadcast(&event->condition);
    pthread_mutex_unlock(&event->mutex);
}

static void event_wait(struct event *event)
{
    pthread_mutex_lock(&event->mutex);
    while (!event->is_set)
        pthread_cond_wait(&event->condition, &event->mutex);
    pthread_mutex_unlock(&event->mutex);
}

static bool event_is_set(struct event *event)
{
    pthread_mutex_lock(&event->mutex);
    bool is_set = event->is_set;
    pthread_mutex_unlock(&event->mutex);
    return is_set;
}

static pthread_t in_thread(void *(*function)(void *data), void *data)
{
    pthread_t thread;
    ok(-pthread_create(&thread, NULL, function, data));
    return thread;
}

static void set_result_0(asyncio_loop *loop, void *future)
{
    (void)loop;
    ok(asyncio_future_set_result((asyncio_future *)future, 0));
}

/* ---- to_thread ---- */

static int add(int a, int b)
{
    return a + b;
}

SCENARIO(to_thread_returns_the_result)
{
    say("%s", name(asyncio_to_thread(asyncio_coro(add, 2, 3))));
    return 0;
}

SCENARIO(to_thread_raises_the_error)
{
    say("%s", name(asyncio_to_thread(asyncio_coro(quick, -EPIPE))));
    return 0;
}

static int this_thread(pthread_t *ret_thread)
{
    *ret_thread = pthread_self();
    return 0;
}

THREADS_SCENARIO(to_thread_runs_somewhere_else)
{
    pthread_t thread;
    ok(asyncio_to_thread(asyncio_coro(this_thread, &thread)));
    say("%s", yes(!pthread_equal(thread, pthread_self())));
    return 0;
}

static int has_no_loop(void)
{
    return asyncio_get_running_loop() == NULL;
}

SCENARIO(there_is_no_loop_in_a_thread)
{
    say("%s", yes(asyncio_to_thread(asyncio_coro(has_no_loop))));
    return 0;
}

static int waits_for_the_gate(struct event *gate)
{
    event_wait(gate);
    return 5;
}

static int gated_to_thread(struct event *gate)
{
    return asyncio_to_thread(asyncio_coro(waits_for_the_gate, gate));
}

THREADS_SCENARIO(the_loop_turns_while_a_thread_works)
{
    struct event gate = EVENT_INITIALIZER;
    asyncio_task *task = start(asyncio_coro(gated_to_thread, &gate));
    steps("main", 3, 0);
    say("%s", state(task));
    event_set(&gate);
    say("%s", ends(task));
    return 0;
}

static int square(int n)
{
    return n * n;
}

static int square_in_thread(int n)
{
    return asyncio_to_thread(asyncio_coro(square, n));
}

SCENARIO(gather_of_threads)
{
    asyncio_awaitable calls[4];
    int results[4];
    for (int n = 1; n <= 4; n++)
        calls[n - 1] = ASYNCIO_AWAITABLE(asyncio_coro(square_in_thread, n));
    ok(asyncio_gather_all(calls, 4, results));
    say("%s", list_name(results, 4));
    return 0;
}

struct gates {
    struct event started, gate, ended;
};

static int says_when_it_ended(struct gates *gates)
{
    event_set(&gates->started);
    event_wait(&gates->gate);
    event_set(&gates->ended);
    return 5;
}

static int abandons(struct gates *gates)
{
    return asyncio_to_thread(asyncio_coro(says_when_it_ended, gates), .abandon = 1);
}

THREADS_SCENARIO(a_cancelled_to_thread_leaves_its_function_alone)
{
    struct gates gates = { EVENT_INITIALIZER, EVENT_INITIALIZER, EVENT_INITIALIZER };
    asyncio_task *task = start(asyncio_coro(abandons, &gates));
    while (!event_is_set(&gates.started)) /* what has not started yet would be cancelled for good */
        ok(asyncio_sleep(0));
    say("cancel %s", yes(asyncio_task_cancel(task)));
    say("%s", ends(task));
    say("function ended: %s", yes(event_is_set(&gates.ended)));
    event_set(&gates.gate);
    event_wait(&gates.ended);
    say("function ended: %s", yes(event_is_set(&gates.ended)));
    return 0;
}

/* ---- executors ---- */

static asyncio_future *in_executor(asyncio_executor *executor, asyncio_coro call)
{
    asyncio_future *future;
    ok(asyncio_loop_run_in_executor(running(), executor, call, &future));
    return own(future);
}

SCENARIO(run_in_executor_gives_a_future)
{
    asyncio_future *future = in_executor(NULL, asyncio_coro(add, 4, 1));
    say("isfuture %s", yes(asyncio_isfuture(future)));
    say("%s", ends(future));
    return 0;
}

static int order[3], order_count;

static int notes_its_order(int n)
{
    order[order_count++] = n;
    return n;
}

SCENARIO(an_executor_of_ones_own)
{
    asyncio_executor *executor;
    asyncio_awaitable calls[3];
    int results[3];
    order_count = 0;
    ok(asyncio_thread_pool_executor_new(1, &executor));
    for (int n = 0; n < 3; n++)
        calls[n] = ASYNCIO_AWAITABLE(in_executor(executor, asyncio_coro(notes_its_order, n)));
    ok(asyncio_gather_all(calls, 3, results));
    say("%s", list_name(results, 3));
    asyncio_executor_shutdown(executor, 1);
    asyncio_executor_unref(executor);
    say("one after the other: %s", yes(order[0] == 0 && order[1] == 1 && order[2] == 2));
    return 0;
}

SCENARIO(the_default_executor_after_its_shutdown)
{
    asyncio_future *future;
    say("%s", name(asyncio_to_thread(asyncio_coro(quick, 1))));
    ok(asyncio_loop_shutdown_default_executor(running(), ASYNCIO_NONE));
    say("%s", name(asyncio_loop_run_in_executor(running(), NULL, asyncio_coro(quick, 2), &future)));
    return 0;
}

/* ---- a thread calls ---- */

struct call {
    asyncio_loop *loop;
    asyncio_future *done;
};

static void set_result_5(asyncio_loop *loop, void *future)
{
    (void)loop;
    ok(asyncio_future_set_result((asyncio_future *)future, 5));
}

static void *wakes_the_loop(void *data)
{
    struct call *call = data;
    ok(asyncio_loop_call_soon_threadsafe(call->loop, say_words, NULL,
                                         .data = WORDS("from the thread")));
    ok(asyncio_loop_call_soon_threadsafe(call->loop, set_result_5, NULL, .data = call->done));
    return NULL;
}

SCENARIO(a_thread_wakes_an_idle_loop)
{
    struct call call = { running(), new_future() };
    pthread_t thread = in_thread(wakes_the_loop, &call);
    say("%s", ends(call.done));
    pthread_join(thread, NULL);
    return 0;
}

static int got[100], got_count;
static int numbers[100];

static void get_number(asyncio_loop *loop, void *number)
{
    (void)loop;
    got[got_count++] = *(int *)number;
}

static void *calls_a_hundred_times(void *data)
{
    struct call *call = data;
    for (int i = 0; i < 100; i++) {
        numbers[i] = i;
        ok(asyncio_loop_call_soon_threadsafe(call->loop, get_number, NULL, .data = &numbers[i]));
    }
    ok(asyncio_loop_call_soon_threadsafe(call->loop, set_result_0, NULL, .data = call->done));
    return NULL;
}

SCENARIO(a_thread_keeps_the_order_of_its_calls)
{
    struct call call = { running(), new_future() };
    got_count = 0;
    pthread_t thread = in_thread(calls_a_hundred_times, &call);
    ok(asyncio_await(call.done));
    pthread_join(thread, NULL);
    bool in_order = got_count == 100;
    for (int i = 0; i < got_count; i++)
        in_order = in_order && got[i] == i;
    say(in_order ? "in order" : "not in order");
    return 0;
}

static int handle_is_cancelled;

static void *cancels_its_call(void *data)
{
    struct call *call = data;
    asyncio_handle *handle;
    ok(asyncio_loop_call_soon_threadsafe(call->loop, say_words, &handle, .data = WORDS("never")));
    asyncio_handle_cancel(handle);
    handle_is_cancelled = asyncio_handle_cancelled(handle);
    asyncio_handle_unref(handle);
    ok(asyncio_loop_call_soon_threadsafe(call->loop, set_result_0, NULL, .data = call->done));
    return NULL;
}

SCENARIO(a_handle_of_a_threads_call_can_be_cancelled)
{
    struct call call = { running(), new_future() };
    pthread_join(in_thread(cancels_its_call, &call), NULL); /* the loop cannot run meanwhile */
    ok(asyncio_await(call.done));
    say("%s", yes(handle_is_cancelled));
    return 0;
}

/* ---- run_coroutine_threadsafe ---- */

struct outcome {
    asyncio_loop *loop;
    asyncio_future *done, *gate;
    asyncio_coro coro;
    struct event started;
    int result, before, was_done, was_cancelled;
};

static void tell(struct outcome *outcome)
{
    ok(asyncio_loop_call_soon_threadsafe(outcome->loop, set_result_0, NULL, .data = outcome->done));
}

static void *runs_a_coroutine(void *data)
{
    struct outcome *outcome = data;
    asyncio_concurrent_future *future;
    ok(asyncio_run_coroutine_threadsafe(outcome->coro, outcome->loop, &future));
    outcome->result = asyncio_concurrent_future_result(future, 10);
    outcome->was_cancelled = asyncio_concurrent_future_cancelled(future);
    asyncio_concurrent_future_unref(future);
    tell(outcome);
    return NULL;
}

/* Waits without a limit: on the sim backend a thread's work takes no virtual time. */
static void play_in_thread(void *(*function)(void *data), struct outcome *outcome)
{
    outcome->loop = running();
    outcome->done = new_future();
    pthread_t thread = in_thread(function, outcome);
    ok(asyncio_await(outcome->done));
    pthread_join(thread, NULL);
}

OUTSIDE_SCENARIO(run_coroutine_threadsafe_returns_the_result)
{
    struct outcome outcome = { .coro = asyncio_coro(steps, "a", 1, 5) };
    play_in_thread(runs_a_coroutine, &outcome);
    say("%s", name(outcome.result));
    return 0;
}

OUTSIDE_SCENARIO(run_coroutine_threadsafe_raises_the_error)
{
    struct outcome outcome = { .coro = asyncio_coro(failing, "a", 1, EPIPE) };
    play_in_thread(runs_a_coroutine, &outcome);
    say("%s", name(outcome.result));
    return 0;
}

static int says_it_is_cancelled(struct outcome *outcome)
{
    event_set(&outcome->started);
    int r = wait_for_ever();
    say("cancelled");
    ok(asyncio_future_set_result(outcome->done, 0));
    return r;
}

static void *cancels_the_coroutine(void *data)
{
    struct outcome *outcome = data;
    asyncio_concurrent_future *future;
    ok(asyncio_run_coroutine_threadsafe(asyncio_coro(says_it_is_cancelled, outcome), outcome->loop,
                                        &future));
    event_wait(&outcome->started);
    asyncio_concurrent_future_cancel(future);
    outcome->was_cancelled = asyncio_concurrent_future_cancelled(future);
    outcome->was_done = asyncio_concurrent_future_done(future);
    asyncio_concurrent_future_unref(future);
    return NULL;
}

OUTSIDE_SCENARIO(the_thread_cancels_the_coroutine)
{
    struct outcome outcome = { .started = EVENT_INITIALIZER };
    play_in_thread(cancels_the_coroutine, &outcome);
    say("cancelled %s, done %s", yes(outcome.was_cancelled), yes(outcome.was_done));
    return 0;
}

static void *gives_up_waiting(void *data)
{
    struct outcome *outcome = data;
    asyncio_concurrent_future *future;
    ok(asyncio_run_coroutine_threadsafe(asyncio_coro(waiter, "a", outcome->gate), outcome->loop,
                                        &future));
    outcome->before = asyncio_concurrent_future_result(future, 0.02);
    outcome->was_done = asyncio_concurrent_future_done(future);
    ok(asyncio_loop_call_soon_threadsafe(outcome->loop, set_result_5, NULL, .data = outcome->gate));
    outcome->result = asyncio_concurrent_future_result(future, 10);
    asyncio_concurrent_future_unref(future);
    tell(outcome);
    return NULL;
}

OUTSIDE_SCENARIO(the_thread_gives_up_waiting)
{
    struct outcome outcome = { .gate = new_future() };
    play_in_thread(gives_up_waiting, &outcome);
    say("%s, done %s", name(outcome.before), yes(outcome.was_done));
    say("%s", name(outcome.result));
    return 0;
}

OUTSIDE_SCENARIO(the_coroutine_ends_cancelled)
{
    struct outcome outcome = { .coro = asyncio_coro(cancelled_coroutine) };
    play_in_thread(runs_a_coroutine, &outcome);
    say("%s", name(outcome.result));
    say("cancelled %s", yes(outcome.was_cancelled));
    return 0;
}

static void *calls_a_closed_loop(void *data)
{
    struct outcome *outcome = data;
    outcome->before =
        asyncio_loop_call_soon_threadsafe(outcome->loop, say_words, NULL, .data = WORDS("never"));
    outcome->result = asyncio_run_coroutine_threadsafe(asyncio_coro(quick, 1), outcome->loop, NULL);
    return NULL;
}

PLAIN_SCENARIO(a_loop_that_is_closed)
{
    struct outcome outcome = { .loop = new_loop() };
    ok(asyncio_loop_run_until_complete(outcome.loop, asyncio_coro(passes, 1)));
    ok(asyncio_loop_close(outcome.loop));
    pthread_join(in_thread(calls_a_closed_loop, &outcome), NULL);
    say("%s", name(outcome.before));
    say("%s", name(outcome.result));
    asyncio_loop_unref(outcome.loop);
    return 0;
}

/* ---- wrap_future ---- */

static asyncio_future *wrapped(asyncio_concurrent_future *shared)
{
    asyncio_future *future;
    ok(asyncio_wrap_future(shared, &future));
    return own(future);
}

static void *sets_result(void *shared)
{
    ok(asyncio_concurrent_future_set_result((asyncio_concurrent_future *)shared, 5));
    return NULL;
}

static void *sets_exception(void *shared)
{
    ok(asyncio_concurrent_future_set_exception((asyncio_concurrent_future *)shared, -EPIPE));
    return NULL;
}

static void *cancels(void *shared)
{
    asyncio_concurrent_future_cancel((asyncio_concurrent_future *)shared);
    return NULL;
}

SCENARIO(wrap_future_follows_the_concurrent_one)
{
    void *(*const hows[])(void *) = { sets_result, sets_exception, cancels };
    for (int i = 0; i < 3; i++) {
        asyncio_concurrent_future *shared;
        ok(asyncio_concurrent_future_new(&shared));
        asyncio_future *future = wrapped(shared);
        pthread_t thread = in_thread(hows[i], shared);
        say("%s", ends(future));
        pthread_join(thread, NULL);
        asyncio_concurrent_future_unref(shared);
    }
    return 0;
}

SCENARIO(cancelling_the_wrapped_future_cancels_the_concurrent_one)
{
    asyncio_concurrent_future *shared;
    ok(asyncio_concurrent_future_new(&shared));
    asyncio_future *future = wrapped(shared);
    say("cancel %s", yes(asyncio_future_cancel(future)));
    ok(passes(1));
    say("shared cancelled %s", yes(asyncio_concurrent_future_cancelled(shared)));
    asyncio_concurrent_future_unref(shared);
    return 0;
}

static asyncio_future *shielded(asyncio_future *future)
{
    asyncio_future *outer;
    ok(asyncio_shield_future(future, &outer));
    return own(outer);
}

THREADS_SCENARIO(a_limit_on_a_thread)
{
    struct event gate = EVENT_INITIALIZER;
    asyncio_future *future = in_executor(NULL, asyncio_coro(waits_for_the_gate, &gate));
    say("%s", name(asyncio_wait_for(shielded(future), 0)));
    event_set(&gate);
    say("%s", ends(future));
    return 0;
}

CONFORMANCE("threads")
