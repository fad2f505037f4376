/* SPDX-License-Identifier: MIT */
/* The loop itself, as scenarios_loop.py: handles, timers, what comes first inside a turn,
 * stopping, closing. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

SCENARIO(call_soon_is_fifo)
{
    say_soon("a");
    say_soon("b");
    say_soon("c");
    say_soon("d");
    say("posted");
    int r = asyncio_sleep(0);
    say("main");
    return r;
}

static void second_of_three(asyncio_loop *loop)
{
    say("second");
    ok(asyncio_loop_call_soon(loop, say_words, NULL, .data = WORDS("third")));
}

static void first_of_three(asyncio_loop *loop)
{
    say("first");
    ok(asyncio_loop_call_soon(loop, second_of_three, NULL));
}

SCENARIO(call_soon_from_a_callback_runs_in_the_next_turn)
{
    turns(4);
    ok(asyncio_loop_call_soon(running(), first_of_three, NULL));
    say_soon("beside first");
    return passes(4);
}

SCENARIO(a_callback_and_a_task_share_one_queue)
{
    say_soon("callback 1");
    asyncio_task *a = start(asyncio_coro(steps, "a", 2, 0));
    say_soon("callback 2");
    asyncio_task *b = start(asyncio_coro(steps, "b", 1, 0));
    say_soon("callback 3");
    int r = asyncio_await(a);
    return r < 0 ? r : asyncio_await(b);
}

SCENARIO(call_later_goes_by_deadline)
{
    say_later(3, "after 3");
    say_later(1, "after 1");
    say_later(4, "after 4");
    say_later(2, "after 2");
    int r = asyncio_sleep(5 * T);
    say("%s", at());
    return r;
}

SCENARIO(call_at_goes_by_deadline)
{
    asyncio_loop *loop = running();
    double begin = asyncio_loop_time(loop);
    ok(asyncio_loop_call_at(loop, begin + 2 * T, say_words, NULL, .data = WORDS("at 2")));
    ok(asyncio_loop_call_at(loop, begin + 3 * T, say_words, NULL, .data = WORDS("at 3")));
    ok(asyncio_loop_call_at(loop, begin + 1 * T, say_words, NULL, .data = WORDS("at 1")));
    return asyncio_sleep(4 * T);
}

SCENARIO(a_timer_that_is_due_runs_after_what_was_ready)
{
    say_later(0, "timer");
    say_soon("ready 1");
    say_soon("ready 2");
    int r = asyncio_sleep(0);
    say("main");
    if (r >= 0)
        r = asyncio_sleep(0);
    say("main again");
    return r;
}

static void timer_1(asyncio_loop *loop)
{
    say("timer 1");
    ok(asyncio_loop_call_later(loop, 0, say_words, NULL, .data = WORDS("timer 2")));
}

SCENARIO(a_timer_from_a_timer_waits_for_the_next_turn)
{
    turns(4);
    ok(asyncio_loop_call_later(running(), 0, timer_1, NULL));
    return passes(4);
}

SCENARIO(deadlines_in_the_past_go_oldest_first)
{
    asyncio_loop *loop = running();
    int r = asyncio_sleep(9 * T);
    double now = asyncio_loop_time(loop);
    ok(asyncio_loop_call_at(loop, now - 1 * T, say_words, NULL, .data = WORDS("1 ago")));
    ok(asyncio_loop_call_at(loop, now - 3 * T, say_words, NULL, .data = WORDS("3 ago")));
    ok(asyncio_loop_call_at(loop, now - 2 * T, say_words, NULL, .data = WORDS("2 ago")));
    say_soon("ready");
    return r < 0 ? r : passes(2);
}

SCENARIO(a_negative_delay_is_due_at_once)
{
    turns(2);
    say_later(-5, "minus 5");
    say_later(-7, "minus 7");
    int r = passes(2);
    say("%s", at());
    return r;
}

SCENARIO(an_infinite_delay_never_comes)
{
    asyncio_handle *never;
    ok(asyncio_loop_call_later(running(), INFINITY, say_words, &never, .data = WORDS("never")));
    say_later(2, "two");
    int r = asyncio_sleep(3 * T);
    say("%s", at());
    say("%s", yes(isinf(asyncio_handle_when(never))));
    asyncio_handle_cancel(never);
    asyncio_handle_unref(never);
    return r;
}

static void busy(asyncio_loop *loop, void *data)
{
    int *n = data;
    say("busy %d", *n);
    if ((*n)++ < 4)
        ok(asyncio_loop_call_soon(loop, busy, NULL, .data = n));
}

SCENARIO(timers_do_not_wait_for_the_queue_to_empty)
{
    static int n = 1; /* the callback outlives a body that ends early */
    busy(running(), &n);
    say_later(0, "timer");
    return passes(4);
}

struct fired {
    int ticks[150], count;
};
struct timer_of_many {
    struct fired *fired;
    int ticks;
};

static void fire(asyncio_loop *loop, void *data)
{
    (void)loop;
    struct timer_of_many *timer = data;
    timer->fired->ticks[timer->fired->count++] = timer->ticks;
}

SCENARIO(a_hundred_timers_half_of_them_cancelled)
{
    static struct fired fired;
    static struct timer_of_many timers[151];
    static asyncio_handle *handles[151];
    for (int i = 0; i < 150; i++) {
        int ticks = i * 37 % 150 + 1;
        timers[ticks] = (struct timer_of_many){ &fired, ticks };
        ok(asyncio_loop_call_later(running(), ticks * T / 100, fire, &handles[ticks],
                                   .data = &timers[ticks]));
    }
    for (int ticks = 1; ticks <= 150; ticks++) {
        if (ticks % 3)
            asyncio_handle_cancel(handles[ticks]);
        asyncio_handle_unref(handles[ticks]);
    }
    int r = asyncio_sleep(2 * T);
    say("%d fired", fired.count);
    bool in_order = true;
    for (int i = 0; i < fired.count; i++)
        in_order = in_order && fired.ticks[i] == 3 * (i + 1);
    say(in_order ? "in order" : "not in order");
    return r;
}

SCENARIO(a_cancelled_handle_never_runs)
{
    asyncio_handle *handles[3];
    static char words[3][2] = { "a", "b", "c" };
    for (int i = 0; i < 3; i++)
        ok(asyncio_loop_call_soon(running(), say_words, &handles[i], .data = words[i]));
    asyncio_handle_cancel(handles[1]);
    say("%s %s %s", yes(asyncio_handle_cancelled(handles[0])),
        yes(asyncio_handle_cancelled(handles[1])), yes(asyncio_handle_cancelled(handles[2])));
    asyncio_handle_cancel(handles[1]);
    int r = asyncio_sleep(0);
    for (int i = 0; i < 3; i++)
        asyncio_handle_unref(handles[i]);
    return r;
}

static void first_cancels_third(asyncio_loop *loop, void *data)
{
    (void)loop;
    say("first cancels third");
    asyncio_handle_cancel(*(asyncio_handle **)data);
}

SCENARIO(a_handle_cancelled_in_its_own_turn_is_skipped)
{
    static asyncio_handle *third; /* the callback outlives a body that ends early */
    soon(first_cancels_third, &third);
    say_soon("second");
    ok(asyncio_loop_call_soon(running(), say_words, &third, .data = WORDS("third")));
    say_soon("fourth");
    int r = asyncio_sleep(0);
    asyncio_handle_unref(third);
    return r;
}

SCENARIO(a_handle_cancelled_after_it_ran)
{
    asyncio_handle *handle;
    ok(asyncio_loop_call_soon(running(), say_words, &handle, .data = WORDS("runs")));
    int r = asyncio_sleep(0);
    say("%s", yes(asyncio_handle_cancelled(handle)));
    asyncio_handle_cancel(handle);
    say("%s", yes(asyncio_handle_cancelled(handle)));
    asyncio_handle_unref(handle);
    return r < 0 ? r : asyncio_sleep(0);
}

static void cancels_its_own(asyncio_loop *loop, void *data)
{
    (void)loop;
    asyncio_handle **handle = data;
    say("runs");
    asyncio_handle_cancel(*handle);
    say("%s", yes(asyncio_handle_cancelled(*handle)));
}

SCENARIO(a_callback_cancels_its_own_handle)
{
    static asyncio_handle *handle; /* the callback outlives a body that ends early */
    ok(asyncio_loop_call_soon(running(), cancels_its_own, &handle, .data = &handle));
    int r = passes(2);
    asyncio_handle_unref(handle);
    return r;
}

SCENARIO(a_cancelled_timer_never_fires)
{
    asyncio_handle *a, *b;
    ok(asyncio_loop_call_later(running(), 1 * T, say_words, &a, .data = WORDS("a")));
    ok(asyncio_loop_call_later(running(), 2 * T, say_words, &b, .data = WORDS("b")));
    say_later(3, "c");
    say("%s", yes(asyncio_handle_when(a) < asyncio_handle_when(b)));
    asyncio_handle_cancel(b);
    int r = asyncio_sleep(4 * T);
    say("%s %s", yes(asyncio_handle_cancelled(a)), yes(asyncio_handle_cancelled(b)));
    asyncio_handle_unref(a);
    asyncio_handle_unref(b);
    return r;
}

static void older_cancels_newer(asyncio_loop *loop, void *data)
{
    (void)loop;
    say("older cancels newer");
    asyncio_handle_cancel(*(asyncio_handle **)data);
}

SCENARIO(a_timer_cancelled_by_another_one_that_is_due)
{
    asyncio_loop *loop = running();
    static asyncio_handle *newer; /* the callback outlives a body that ends early */
    int r = asyncio_sleep(9 * T);
    double now = asyncio_loop_time(loop);
    ok(asyncio_loop_call_at(loop, now - 1 * T, say_words, &newer, .data = WORDS("newer")));
    ok(asyncio_loop_call_at(loop, now - 2 * T, older_cancels_newer, NULL, .data = &newer));
    if (r >= 0)
        r = passes(3);
    asyncio_handle_unref(newer);
    return r;
}

static void say_at(asyncio_loop *loop)
{
    (void)loop;
    say("%s", at());
}

SCENARIO(the_head_of_the_timers_is_cancelled)
{
    asyncio_handle *head;
    ok(asyncio_loop_call_later(running(), 1 * T, say_words, &head, .data = WORDS("head")));
    ok(asyncio_loop_call_later(running(), 2 * T, say_at, NULL));
    asyncio_handle_cancel(head);
    asyncio_handle_unref(head);
    return asyncio_sleep(3 * T);
}

SCENARIO(time_passes_by_ticks)
{
    double begin = asyncio_loop_time(running());
    int r = asyncio_sleep(2 * T);
    say("%.0f", (asyncio_loop_time(running()) - begin) / T);
    if (r >= 0)
        r = asyncio_sleep(3 * T);
    say("%.0f", (asyncio_loop_time(running()) - begin) / T);
    return r;
}

/* ---- descriptors ---- */

struct pair {
    int ours, theirs, calls;
    struct pair *other;
};

static void make_pair(struct pair *pair)
{
    int ends_of_pair[2];
    *pair = (struct pair){ -1, -1, 0, NULL };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_of_pair) == 0) {
        pair->ours = ends_of_pair[0];
        pair->theirs = ends_of_pair[1];
    }
    ok(write(pair->theirs, "x", 1) == 1 ? 0 : -errno);
}

static void close_pair(struct pair *pair)
{
    (void)asyncio_loop_remove_reader(running(), pair->ours);
    close(pair->ours);
    close(pair->theirs);
}

static void take_byte(int descriptor)
{
    char byte;
    ok(read(descriptor, &byte, 1) == 1 ? 0 : -errno);
}

static void readable(int descriptor)
{
    say("readable");
    (void)asyncio_loop_remove_reader(running(), descriptor);
}

static void writable(int descriptor)
{
    say("writable");
    (void)asyncio_loop_remove_writer(running(), descriptor);
}

POLLING_SCENARIO(inside_a_turn_ready_then_io_then_timers)
{
    struct pair pair;
    make_pair(&pair);
    ok(asyncio_loop_add_reader(running(), pair.ours, readable));
    say_later(0, "timer");
    say_soon("ready");
    int r = asyncio_sleep(0);
    say("main");
    if (r >= 0)
        r = asyncio_sleep(0);
    say("main again");
    close_pair(&pair);
    return r;
}

POLLING_SCENARIO(one_descriptor_reads_before_it_writes)
{
    struct pair pair;
    make_pair(&pair);
    ok(asyncio_loop_add_writer(running(), pair.ours, writable));
    ok(asyncio_loop_add_reader(running(), pair.ours, readable));
    int r = passes(3);
    close_pair(&pair);
    return r;
}

static void readable_three_times(int descriptor, void *data)
{
    int *calls = data;
    say("readable %d", ++*calls);
    if (*calls == 3)
        take_byte(descriptor);
}

POLLING_SCENARIO(a_reader_is_called_as_long_as_there_is_something)
{
    struct pair pair;
    make_pair(&pair);
    ok(asyncio_loop_add_reader(running(), pair.ours, readable_three_times, .data = &pair.calls));
    int r = passes(8);
    say("removed %s", yes(asyncio_loop_remove_reader(running(), pair.ours)));
    say("removed %s", yes(asyncio_loop_remove_reader(running(), pair.ours)));
    close_pair(&pair);
    return r;
}

static void reader_says(int descriptor, void *data)
{
    say("%s", (const char *)data);
    take_byte(descriptor);
}

POLLING_SCENARIO(adding_a_reader_again_replaces_the_first)
{
    struct pair pair;
    make_pair(&pair);
    ok(asyncio_loop_add_reader(running(), pair.ours, reader_says, .data = WORDS("first")));
    ok(asyncio_loop_add_reader(running(), pair.ours, reader_says, .data = WORDS("second")));
    int r = passes(4);
    close_pair(&pair);
    return r;
}

static int reader_calls;

static void reader_removes_the_other(int descriptor, void *data)
{
    (void)descriptor;
    struct pair *other = data;
    say("reader %d removes the other: %s", ++reader_calls,
        yes(asyncio_loop_remove_reader(running(), other->ours)));
}

POLLING_SCENARIO(a_reader_removed_in_its_own_turn_is_skipped)
{
    struct pair a, b;
    reader_calls = 0;
    make_pair(&a);
    make_pair(&b);
    ok(asyncio_loop_add_reader(running(), a.ours, reader_removes_the_other, .data = &b));
    ok(asyncio_loop_add_reader(running(), b.ours, reader_removes_the_other, .data = &a));
    int r = passes(2);
    close_pair(&a);
    close_pair(&b);
    say("%d call", reader_calls);
    return r;
}

static void on_signal(int signal_number, void *data)
{
    (void)signal_number;
    say("%s", (const char *)data);
}

SCENARIO(a_signal_handler_runs_in_the_loop)
{
    ok(asyncio_loop_add_signal_handler(running(), SIGUSR1, on_signal, .data = WORDS("signal")));
    raise(SIGUSR1);
    say("raised");
    int r = asyncio_sleep(2 * T);
    say("removed %s", yes(asyncio_loop_remove_signal_handler(running(), SIGUSR1)));
    say("removed %s", yes(asyncio_loop_remove_signal_handler(running(), SIGUSR1)));
    return r;
}

SCENARIO(threadsafe_from_the_same_thread_keeps_the_order)
{
    asyncio_handle *handle;
    say_soon("a");
    ok(asyncio_loop_call_soon_threadsafe(running(), say_words, NULL, .data = WORDS("b")));
    say_soon("c");
    ok(asyncio_loop_call_soon_threadsafe(running(), say_words, &handle, .data = WORDS("d")));
    asyncio_handle_cancel(handle);
    asyncio_handle_unref(handle);
    int r = asyncio_sleep(0);
    say("main");
    return r;
}

/* ---- stopping and running ---- */

static void stop(asyncio_loop *loop)
{
    asyncio_loop_stop(loop);
}

static void stops(asyncio_loop *loop)
{
    say("stops");
    asyncio_loop_stop(loop);
    ok(asyncio_loop_call_soon(loop, say_words, NULL, .data = WORDS("left for the next run")));
}

static int end_loop(asyncio_loop *loop)
{
    int r = asyncio_loop_close(loop);
    asyncio_loop_unref(loop);
    return r;
}

PLAIN_SCENARIO(stop_finishes_the_turn)
{
    asyncio_loop *loop = new_loop();
    ok(asyncio_loop_call_soon(loop, say_words, NULL, .data = WORDS("before")));
    ok(asyncio_loop_call_soon(loop, stops, NULL));
    ok(asyncio_loop_call_soon(loop, say_words, NULL, .data = WORDS("after")));
    ok(asyncio_loop_run_forever(loop));
    say("returned");
    ok(asyncio_loop_call_soon(loop, stop, NULL));
    ok(asyncio_loop_run_forever(loop));
    return end_loop(loop);
}

static void ready_and_left(asyncio_loop *loop)
{
    say("ready");
    ok(asyncio_loop_call_soon(loop, say_words, NULL, .data = WORDS("left")));
}

PLAIN_SCENARIO(stop_before_the_run)
{
    asyncio_loop *loop = new_loop();
    ok(asyncio_loop_call_soon(loop, ready_and_left, NULL));
    ok(asyncio_loop_call_later(loop, 9 * T, say_words, NULL, .data = WORDS("timer")));
    for (int i = 0; i < 2; i++) {
        asyncio_loop_stop(loop);
        ok(asyncio_loop_run_forever(loop));
        say("returned");
    }
    return end_loop(loop);
}

PLAIN_SCENARIO(stop_before_the_run_still_fires_a_timer_that_is_due)
{
    asyncio_loop *loop = new_loop();
    ok(asyncio_loop_call_later(loop, 0, say_words, NULL, .data = WORDS("timer")));
    asyncio_loop_stop(loop);
    ok(asyncio_loop_run_forever(loop));
    say("returned");
    return end_loop(loop);
}

PLAIN_SCENARIO(a_loop_runs_again_after_it_stopped)
{
    asyncio_loop *loop = new_loop();
    asyncio_task *task;
    ok(asyncio_loop_create_task(loop, asyncio_coro(steps, "a", 4, 0), &task));
    for (int i = 0; i < 3; i++) {
        asyncio_loop_stop(loop);
        ok(asyncio_loop_run_forever(loop));
        say("stopped, %s", state(task));
    }
    int r = asyncio_loop_run_until_complete(loop, task);
    say("%s", state(task));
    asyncio_task_unref(task);
    ok(end_loop(loop));
    return r;
}

static void set_result_8(asyncio_loop *loop, void *future)
{
    (void)loop;
    ok(asyncio_future_set_result((asyncio_future *)future, 8));
}

PLAIN_SCENARIO(run_until_complete_returns_the_result)
{
    asyncio_loop *loop = new_loop();
    asyncio_future *future;
    say("%s", name(asyncio_loop_run_until_complete(loop, asyncio_coro(steps, "a", 1, 7))));
    ok(asyncio_loop_create_future(loop, &future));
    ok(asyncio_loop_call_soon(loop, set_result_8, NULL, .data = future));
    say("%s", name(asyncio_loop_run_until_complete(loop, future)));
    say("%s", name(asyncio_loop_run_until_complete(loop, future)));
    say("%s", name(asyncio_loop_run_until_complete(loop, asyncio_coro(failing, "b", 1, EPIPE))));
    asyncio_future_unref(future);
    return end_loop(loop);
}

static void in_the_turn_of_the_stop(asyncio_loop *loop)
{
    say("in the turn of the stop");
    ok(asyncio_loop_call_soon(loop, say_words, NULL, .data = WORDS("one turn too late")));
}

static int body_with_a_callback(void)
{
    ok(asyncio_loop_call_soon(running(), in_the_turn_of_the_stop, NULL));
    say("body ends");
    return 0;
}

PLAIN_SCENARIO(run_until_complete_leaves_what_is_queued_behind_its_end)
{
    asyncio_loop *loop = new_loop();
    ok(asyncio_loop_run_until_complete(loop, asyncio_coro(body_with_a_callback)));
    say("returned");
    ok(asyncio_loop_run_until_complete(loop, asyncio_coro(passes, 1)));
    return end_loop(loop);
}

PLAIN_SCENARIO(run_until_complete_of_a_loop_that_is_stopped)
{
    asyncio_loop *loop = new_loop();
    asyncio_task *task;
    ok(asyncio_loop_create_task(loop, asyncio_coro(sleeper, "a", TICKS(5), 0), &task));
    ok(asyncio_loop_call_later(loop, 2 * T, stop, NULL));
    say("%s", name(asyncio_loop_run_until_complete(loop, task)));
    say("%s", state(task));
    int r = asyncio_loop_run_until_complete(loop, task);
    say("%s", state(task));
    asyncio_task_unref(task);
    ok(end_loop(loop));
    return r;
}

SCENARIO(a_loop_inside_a_loop_is_refused)
{
    asyncio_loop *loop = running(), *other = NULL;
    say("%s", name(asyncio_loop_run_forever(loop)));
    say("%s", name(asyncio_loop_run_until_complete(loop, new_future())));
    ok(asyncio_loop_new(&other));
    say("%s", name(asyncio_loop_run_forever(other)));
    say("%s", yes(asyncio_loop_is_running(other)));
    ok(end_loop(other));
    say("%s", name(asyncio_loop_close(loop)));
    say("running %s, closed %s", yes(asyncio_loop_is_running(loop)),
        yes(asyncio_loop_is_closed(loop)));
    return 0;
}

PLAIN_SCENARIO(a_closed_loop_refuses_work)
{
    asyncio_loop *loop = new_loop();
    asyncio_future *future;
    ok(asyncio_loop_create_future(loop, &future));
    say("running %s, closed %s", yes(asyncio_loop_is_running(loop)),
        yes(asyncio_loop_is_closed(loop)));
    ok(asyncio_loop_call_soon(loop, say_words, NULL, .data = WORDS("never")));
    ok(asyncio_loop_call_later(loop, 0, say_words, NULL, .data = WORDS("never")));
    ok(asyncio_loop_close(loop));
    say("running %s, closed %s", yes(asyncio_loop_is_running(loop)),
        yes(asyncio_loop_is_closed(loop)));
    ok(asyncio_loop_close(loop));
    say("call_soon %s", name(asyncio_loop_call_soon(loop, stop, NULL)));
    say("call_later %s", name(asyncio_loop_call_later(loop, 0, stop, NULL)));
    say("call_at %s", name(asyncio_loop_call_at(loop, 0, stop, NULL)));
    say("call_soon_threadsafe %s", name(asyncio_loop_call_soon_threadsafe(loop, stop, NULL)));
    say("run_forever %s", name(asyncio_loop_run_forever(loop)));
    say("run_until_complete %s", name(asyncio_loop_run_until_complete(loop, future)));
    say("create_task %s", name(asyncio_loop_create_task(loop, asyncio_coro(quick, 0), NULL)));
    asyncio_future_unref(future);
    asyncio_loop_unref(loop);
    return 0;
}

static asyncio_loop *seen_loop;

static void see_loop(void)
{
    seen_loop = asyncio_get_running_loop();
}

/* Where Python raises RuntimeError, asyncio_get_running_loop and asyncio_current_task give NULL. */
PLAIN_SCENARIO(no_loop_runs_here)
{
    say("get_running_loop %s", asyncio_get_running_loop() ? "a loop" : "RuntimeError");
    say("create_task %s", name(asyncio_create_task(asyncio_coro(quick, 0), NULL)));
    say("current_task %s", asyncio_current_task() ? "a task" : "RuntimeError");
    asyncio_loop *loop = new_loop();
    ok(asyncio_loop_call_soon(loop, see_loop, NULL));
    asyncio_loop_stop(loop);
    ok(asyncio_loop_run_forever(loop));
    say("inside: %s", yes(seen_loop == loop));
    say("after: %s", asyncio_get_running_loop() ? "a loop" : "RuntimeError");
    return end_loop(loop);
}

PLAIN_SCENARIO(get_event_loop_without_a_loop)
{
    say("%s", asyncio_get_event_loop() ? "a new one" : "RuntimeError");
    asyncio_loop *loop = new_loop();
    asyncio_set_event_loop(loop);
    say("the one that was set: %s", yes(asyncio_get_event_loop() == loop));
    asyncio_set_event_loop(NULL);
    say("%s", asyncio_get_event_loop() ? "a loop" : "RuntimeError");
    return end_loop(loop);
}

static void another_handler(asyncio_loop *loop, const asyncio_exception_context *context,
                            void *data)
{
    (void)loop;
    (void)data;
    say("another: %s", context->message);
}

SCENARIO(the_exception_handler_gets_what_it_is_told)
{
    asyncio_loop *loop = running();
    asyncio_loop_call_exception_handler(loop, .message = "told by hand", .exception = -EPIPE);
    asyncio_loop_call_exception_handler(loop, .message = "without an exception");
    asyncio_exception_handler *ours = asyncio_loop_get_exception_handler(loop);
    asyncio_loop_set_exception_handler(loop, another_handler, NULL);
    asyncio_loop_call_exception_handler(loop, .message = "third");
    asyncio_loop_set_exception_handler(loop, ours, NULL);
    asyncio_loop_call_exception_handler(loop, .message = "fourth");
    return 0;
}

static int factory(asyncio_loop *loop, asyncio_coro coro, asyncio_task **ret_task,
                   const asyncio_create_task_options *options, void *data)
{
    (void)data;
    say("factory");
    return asyncio_task_new(loop, coro, ret_task, options);
}

SCENARIO(a_task_factory_makes_the_tasks)
{
    asyncio_loop *loop = running();
    say("%s", yes(asyncio_loop_get_task_factory(loop) == NULL));
    asyncio_loop_set_task_factory(loop, factory, NULL);
    say("%s", yes(asyncio_loop_get_task_factory(loop) == factory));
    asyncio_task *a = start(asyncio_coro(steps, "a", 1, 0));
    int r = asyncio_gather(a, asyncio_coro(steps, "b", 1, 0));
    asyncio_loop_set_task_factory(loop, NULL, NULL);
    if (r >= 0)
        r = asyncio_await(start(asyncio_coro(steps, "c", 1, 0)));
    return r;
}

static void cancels(asyncio_loop *loop, void *task)
{
    (void)loop;
    asyncio_task_cancel((asyncio_task *)task);
}

PLAIN_SCENARIO(run_until_complete_of_a_cancelled_task)
{
    asyncio_loop *loop = new_loop();
    asyncio_task *task;
    ok(asyncio_loop_create_task(loop, asyncio_coro(sleeper, "a", TICKS(9), 0), &task));
    ok(asyncio_loop_call_later(loop, 1 * T, cancels, NULL, .data = task));
    say("%s", name(asyncio_loop_run_until_complete(loop, task)));
    say("%s", state(task));
    asyncio_task_unref(task);
    return end_loop(loop);
}

/* Python reports it when the garbage collector finds it, C when the loop is closed. */
PLAIN_SCENARIO(a_pending_task_is_reported_with_its_loop_gone)
{
    asyncio_loop *loop = new_loop();
    asyncio_task *task;
    ok(asyncio_loop_create_task(loop, asyncio_coro(sleeper, "a", TICKS(9), 0), &task));
    asyncio_loop_stop(loop);
    ok(asyncio_loop_run_forever(loop));
    say("%s", state(task));
    ok(asyncio_loop_close(loop));
    asyncio_task_unref(task);
    say("dropped");
    asyncio_loop_unref(loop);
    return 0;
}

CONFORMANCE("loop")
