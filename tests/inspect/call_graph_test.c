/* SPDX-License-Identifier: MIT */
/* asyncio_capture_call_graph, _format_, _print_: who awaits whom, through everything that stands in
 * between; which frames; how it is written. The names of frames need libdw on the machine. */
/* TEST: timeout 60 */
#include <asyncio.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/sweep.h"
#include "task/task.h"

#define KEEP(r) __asm__ volatile("" : "+r"(r)) /* no tail call */

static void run(asyncio_coro coro)
{
    assert_int_equal(asyncio_run(coro), 0);
}

static asyncio_task *start(const char *name, asyncio_coro coro)
{
    asyncio_task *task;
    assert_int_equal(asyncio_create_task(coro, &task, .name = name), 0);
    return task;
}

static void turns(int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(asyncio_sleep(0), 0);
}

static void end(asyncio_task *task)
{
    asyncio_task_cancel(task);
    int r = asyncio_await(task);
    assert_int_equal(r, -ECANCELED);
    asyncio_task_unref(task);
}

static int sleeps(void)
{
    int r = asyncio_sleep(1000);
    KEEP(r);
    return r;
}

static int awaits(asyncio_task *task)
{
    int r = asyncio_await(task);
    KEEP(r);
    return r;
}

static int awaits_future(asyncio_future *future)
{
    int r = asyncio_await(future);
    KEEP(r);
    return r;
}

/* Who awaits `x`: their names, and those that await them in brackets. */
static char said[4096];

static void append(const char *text)
{
    size_t length = strlen(said);
    snprintf(said + length, sizeof said - length, "%s", text);
}

static void name_waiters(const asyncio_future_call_graph *node, int depth)
{
    for (size_t i = 0; i < node->awaited_by_count; i++) {
        const asyncio_future_call_graph *waiter = node->awaited_by[i];
        assert_non_null(waiter->task);
        assert_ptr_equal(waiter->task, waiter->future);
        append(i ? " " : depth ? "(" : "");
        append(asyncio_task_get_name(waiter->task));
        name_waiters(waiter, depth + 1);
    }
    if (node->awaited_by_count && depth)
        append(")");
}

static const char *waiters_of_future(asyncio_future *future)
{
    asyncio_future_call_graph *graph;
    assert_int_equal(asyncio_capture_call_graph(future, &graph), 0);
    assert_ptr_equal(graph->future, future);
    said[0] = 0;
    name_waiters(graph, 0);
    asyncio_future_call_graph_unref(graph);
    return said;
}
#define waiters_of(x) waiters_of_future(ASYNCIO__FUTURE(x))

/* --- the ways to await --- */

static int look_at_chain(void)
{
    asyncio_task *a = start("a", asyncio_coro(sleeps)), *b = start("b", asyncio_coro(awaits, a)),
                 *c = start("c", asyncio_coro(awaits, b));
    turns(2);
    assert_string_equal(waiters_of(a), "b(c)");
    assert_string_equal(waiters_of(b), "c");
    assert_string_equal(waiters_of(c), "");
    end(a);
    assert_string_equal(waiters_of(b), "");
    turns(2);
    asyncio_task_unref(b);
    asyncio_task_unref(c);
    return 0;
}

static void test_a_chain(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_chain));
}

static int look_at_future(void)
{
    asyncio_future *future;
    assert_int_equal(asyncio_future_new(&future), 0);
    asyncio_task *a = start("a", asyncio_coro(awaits_future, future)),
                 *b = start("b", asyncio_coro(awaits_future, future));
    turns(1);
    assert_string_equal(waiters_of(future), "a b");
    asyncio_future_set_result(future, 0);
    assert_string_equal(waiters_of(future), "");
    turns(1);
    asyncio_future_unref(future);
    asyncio_task_unref(a);
    asyncio_task_unref(b);
    return 0;
}

static void test_a_future_of_two(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_future));
}

static int gathers(asyncio_task *a, asyncio_task *b)
{
    int r = asyncio_gather(a, b, a);
    KEEP(r);
    return r;
}

static int shields(asyncio_task *a)
{
    int r = asyncio_shield(a);
    KEEP(r);
    return r;
}

static int waits_for_two(asyncio_task *a, asyncio_task *b)
{
    asyncio_task *tasks[] = { a, b };
    int r = asyncio_wait(tasks, 2, NULL);
    KEEP(r);
    return r;
}

static int waits_with_limit(asyncio_task *a)
{
    int r = asyncio_wait_for(a, 1000);
    KEEP(r);
    return r;
}

static int takes_as_completed(asyncio_task *a, asyncio_task *b)
{
    asyncio_awaitable all[] = { ASYNCIO_AWAITABLE(a), ASYNCIO_AWAITABLE(b) };
    asyncio_as_completed each;
    int r = asyncio_as_completed_enter(&each, all, 2);
    if (r >= 0)
        r = asyncio_as_completed_next(&each, NULL, NULL);
    return asyncio_as_completed_exit(&each, r);
}

/* The race's runners stand in between: tasks of the library's own. */
static int races(asyncio_task *a, asyncio_task *b)
{
    asyncio_coro all[] = { asyncio_coro(awaits, a), asyncio_coro(awaits, b) };
    int r = asyncio_staggered_race(all, 2, 0, NULL);
    KEEP(r);
    return r;
}

static int look_at_a_race(void)
{
    asyncio_task *a = start("a", asyncio_coro(sleeps)), *b = start("b", asyncio_coro(sleeps)),
                 *race = start("race", asyncio_coro(races, a, b));
    for (int i = 0; i < 100 && !strstr(waiters_of(b), "(race)"); i++)
        assert_int_equal(asyncio_sleep(0.001), 0);
    assert_int_equal(strncmp(waiters_of(a), "Task-", 5), 0);
    assert_non_null(strstr(said, "(race)"));
    assert_int_equal(strncmp(waiters_of(b), "Task-", 5), 0);
    assert_non_null(strstr(said, "(race)"));
    end(race);
    end(a);
    end(b);
    return 0;
}

static void test_a_race(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_a_race));
}

static int look_at_ways(void)
{
    asyncio_task *a = start("a", asyncio_coro(sleeps)), *b = start("b", asyncio_coro(sleeps));
    asyncio_task *all[] = {
        start("gather", asyncio_coro(gathers, a, b)),
        start("shield", asyncio_coro(shields, a)),
        start("wait", asyncio_coro(waits_for_two, a, b)),
        start("wait_for", asyncio_coro(waits_with_limit, a)),
        start("as_completed", asyncio_coro(takes_as_completed, a, b)),
    };
    turns(1);
    assert_string_equal(waiters_of(a), "gather shield wait wait_for as_completed");
    assert_string_equal(waiters_of(b), "gather wait as_completed");
    assert_string_equal(waiters_of(all[0]), "");
    /* what is done is awaited by nobody; who still waits for others is by these */
    end(b);
    assert_string_equal(waiters_of(b), "");
    turns(3);
    assert_string_equal(waiters_of(a), "shield wait wait_for");
    end(a);
    turns(3);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_true(asyncio_task_done(all[i]));
        asyncio_task_unref(all[i]);
    }
    return 0;
}

static void test_all_ways_to_await(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_ways));
}

/* --- wait_for without time: waits for one that does not end at once --- */

static int ends_late(void)
{
    int r = asyncio_sleep(1000);
    if (r == -ECANCELED)
        turns(5);
    return r;
}

static int waits_without_time(asyncio_task *task)
{
    int r = asyncio_wait_for(task, 0);
    KEEP(r);
    return r;
}

static int look_at_no_time(void)
{
    asyncio_task *a = start("a", asyncio_coro(ends_late));
    turns(1);
    asyncio_task *b = start("b", asyncio_coro(waits_without_time, a));
    turns(2);
    assert_string_equal(waiters_of(a), "b");
    int r = asyncio_await(b);
    assert_int_equal(r, -ETIMEDOUT);
    asyncio_task_unref(a);
    asyncio_task_unref(b);
    return 0;
}

static void test_wait_for_without_time(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_no_time));
}

/* --- groups: from the making of a child on --- */

static int groups(asyncio_task **ret_child, asyncio_future *go_on)
{
    asyncio_task_group group, inner;
    asyncio_timeout limit;
    asyncio_task_group_enter(&group);
    asyncio_timeout_enter(&limit, 1000);
    asyncio_task_group_enter(&inner);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(sleeps), &ret_child[0],
                                           .name = "child");
    if (r >= 0)
        r = asyncio_task_group_create_task(&inner, asyncio_coro(sleeps), &ret_child[1],
                                           .name = "inner child");
    if (r >= 0)
        r = asyncio_await(go_on);
    r = asyncio_task_group_exit(&inner, r);
    r = asyncio_timeout_exit(&limit, r);
    return asyncio_task_group_exit(&group, r);
}

static int look_at_groups(void)
{
    asyncio_task *children[2] = { NULL, NULL };
    asyncio_future *go_on;
    assert_int_equal(asyncio_future_new(&go_on), 0);
    asyncio_task *group = start("group", asyncio_coro(groups, children, go_on));
    turns(2);
    assert_string_equal(waiters_of(children[0]), "group"); /* its body waits for something else */
    assert_string_equal(waiters_of(children[1]), "group");
    assert_string_equal(waiters_of(go_on), "group");
    asyncio_future_set_result(go_on, 0);
    turns(2);
    assert_string_equal(waiters_of(children[0]), "group"); /* it is in the inner exit */
    assert_string_equal(waiters_of(children[1]), "group");
    end(children[1]);
    turns(2);
    assert_string_equal(waiters_of(children[0]), "group"); /* in the outer one */
    end(children[0]);
    int r = asyncio_await(group);
    assert_int_equal(r, 0);
    asyncio_future_unref(go_on);
    asyncio_task_unref(group);
    return 0;
}

static void test_groups(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_groups));
}

/* --- nested: gathers and shields of gathers --- */

static int look_at_nested(void)
{
    asyncio_task *a = start("a", asyncio_coro(sleeps)), *b = start("b", asyncio_coro(sleeps));
    asyncio_future *inner, *shield, *outer;
    asyncio_awaitable both[] = { ASYNCIO_AWAITABLE(a), ASYNCIO_AWAITABLE(b) };
    assert_int_equal(asyncio_gather_future(both, 2, &inner), 0);
    assert_int_equal(asyncio_shield_future(inner, &shield), 0);
    asyncio_awaitable those[] = { ASYNCIO_AWAITABLE(inner), ASYNCIO_AWAITABLE(shield) };
    assert_int_equal(asyncio_gather_future(those, 2, &outer), 0);
    assert_string_equal(waiters_of(a), ""); /* nobody awaits any of it yet */
    asyncio_task *c = start("c", asyncio_coro(awaits_future, outer));
    turns(1);
    assert_string_equal(waiters_of(a), "c");
    assert_string_equal(waiters_of(b), "c");
    assert_string_equal(waiters_of(inner), "c");
    assert_string_equal(waiters_of(shield), "c");
    assert_string_equal(waiters_of(outer), "c");
    end(a);
    end(b);
    turns(4);
    assert_true(asyncio_task_done(c));
    asyncio_future_unref(inner);
    asyncio_future_unref(shield);
    asyncio_future_unref(outer);
    asyncio_task_unref(c);
    return 0;
}

static void test_nested(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_nested));
}

/* --- graphs that are no trees --- */

enum { LAYERS = 40 };

static int look_at_diamonds(void)
{
    asyncio_task *all[2 * LAYERS], *bottom = start("bottom", asyncio_coro(sleeps));
    for (int i = 0; i < LAYERS; i++)
        for (int k = 0; k < 2; k++)
            all[2 * i + k] =
                start(NULL, i ? asyncio_coro(gathers, all[2 * i - 2], all[2 * i - 1])
                              : asyncio_coro(awaits, bottom));
    turns(2);
    asyncio_future_call_graph *graph;
    assert_int_equal(asyncio_capture_call_graph(bottom, &graph), 0);
    for (int i = 0; i < LAYERS; i++) {
        assert_int_equal(graph->awaited_by_count, 2);
        if (i + 1 < LAYERS)
            assert_ptr_equal(graph->awaited_by[0]->awaited_by[0],
                             graph->awaited_by[1]->awaited_by[0]);
        graph = graph->awaited_by[1];
    }
    asyncio_future_call_graph_unref(graph); /* any node stands for all of it */
    int length = asyncio_format_call_graph(bottom, NULL, 0);
    assert_in_range(length, 1000, 100000);
    asyncio_task_cancel(bottom);
    turns(4 * LAYERS + 4);
    for (int i = 0; i < 2 * LAYERS; i++) {
        assert_true(asyncio_task_done(all[i]));
        asyncio_task_unref(all[i]);
    }
    asyncio_task_unref(bottom);
    return 0;
}

static void test_a_branching_graph_stays_small(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_diamonds));
}

static int awaits_later(asyncio_task **other)
{
    turns(1);
    int r = asyncio_await(*other);
    KEEP(r);
    return r;
}

static int look_at_circle(void)
{
    asyncio_task *a, *b;
    a = start("a", asyncio_coro(awaits_later, &b));
    b = start("b", asyncio_coro(awaits, a));
    turns(3);
    asyncio_future_call_graph *graph;
    assert_int_equal(asyncio_capture_call_graph(a, &graph), 0);
    assert_int_equal(graph->awaited_by_count, 1);
    assert_ptr_equal(graph->awaited_by[0]->task, b);
    assert_int_equal(graph->awaited_by[0]->awaited_by_count, 1);
    assert_ptr_equal(graph->awaited_by[0]->awaited_by[0], graph);
    asyncio_future_call_graph_unref(graph);
    int length = asyncio_format_call_graph(a, said, sizeof said);
    assert_in_range(length, 1, sizeof said - 1);
    assert_non_null(strstr(said, "shown above"));
    asyncio_task_cancel(a);
    turns(4);
    assert_true(asyncio_task_done(a) && asyncio_task_done(b));
    asyncio_task_unref(a);
    asyncio_task_unref(b);
    return 0;
}

static void test_a_circle(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_circle));
}

enum { CHAIN = 3000 };

static int look_at_long_chain(void)
{
    static asyncio_task *all[CHAIN];
    all[0] = start("first", asyncio_coro(sleeps));
    for (int i = 1; i < CHAIN; i++)
        all[i] = start(NULL, asyncio_coro(awaits, all[i - 1]));
    turns(1);
    int length = asyncio_format_call_graph(all[0], NULL, 0, .limit = 0);
    assert_in_range(length, CHAIN, 1 << 22);
    asyncio_task_cancel(all[0]);
    turns(CHAIN + 2);
    for (int i = 0; i < CHAIN; i++)
        asyncio_task_unref(all[i]);
    return 0;
}

static void test_a_chain_deeper_than_a_stack(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_long_chain));
}

/* --- frames --- */

static asyncio_future_call_graph *whole, *second, *one, *last, *none;

__attribute__((noinline)) static int captures(void)
{
    int r = 0;
    for (int i = 0; i < 5; i++) {
        asyncio_future_call_graph **graphs[] = { &whole, &second, &one, &last, &none };
        static const int limits[] = { INT_MAX, INT_MAX, 1, -1, 0 };
        r = asyncio_capture_call_graph(NULL, graphs[i], .depth = i == 1 ? 2 : 1,
                                       .limit = limits[i]);
        assert_int_equal(r, 0);
    }
    KEEP(r);
    return r;
}

__attribute__((noinline)) static int calls_captures(void)
{
    int r = captures();
    KEEP(r);
    return r;
}

static int look_at_frames(void)
{
    int r = calls_captures();
    KEEP(r);
    size_t count = whole->call_stack_count;
    assert_ptr_equal(whole->task, asyncio_current_task());
    assert_true(count >= 3);
    assert_int_equal(second->call_stack_count, count - 1);
    assert_ptr_equal(second->call_stack[0].address, whole->call_stack[1].address);
    assert_int_equal(one->call_stack_count, 1);
    assert_int_equal(last->call_stack_count, 1);
    assert_ptr_equal(last->call_stack[0].address, whole->call_stack[count - 1].address);
    assert_int_equal(none->call_stack_count, 0);
    if (whole->call_stack[0].function) {
        assert_string_equal(whole->call_stack[0].function, "captures");
        assert_string_equal(whole->call_stack[1].function, "calls_captures");
        assert_string_equal(last->call_stack[0].function, "look_at_frames");
    }
    asyncio_future_call_graph *const all[] = { whole, second, one, last, none };
    for (int i = 0; i < 5; i++)
        asyncio_future_call_graph_unref(all[i]);
    return r;
}

static void test_frames_limit_and_depth(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_frames));
}

static int takes_lock(asyncio_lock *lock)
{
    int r = asyncio_lock_acquire(lock);
    KEEP(r);
    return r;
}

static int look_at_lock(void)
{
    asyncio_lock lock;
    asyncio_lock_init(&lock);
    int r = asyncio_lock_acquire(&lock);
    assert_int_equal(r, 0);
    asyncio_task *task = start("waits", asyncio_coro(takes_lock, &lock));
    turns(1);
    asyncio_future_call_graph *graph;
    assert_int_equal(asyncio_capture_call_graph(task, &graph), 0);
    assert_int_equal(graph->awaited_by_count, 0);
    assert_true(graph->call_stack_count >= 1);
    const char *function = graph->call_stack[0].function; /* a tail call hides the library's */
    if (function && strcmp(function, "takes_lock") != 0)
        assert_string_equal(function, "asyncio_lock_acquire");
    asyncio_future_call_graph_unref(graph);
    end(task);
    asyncio_lock_release(&lock);
    return 0;
}

static void test_who_waits_for_a_lock(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_lock));
}

/* --- as text --- */

static void check_text(const char *written, asyncio_task *a, asyncio_task *b)
{
    char line[200];
    snprintf(line, sizeof line, "* Task(name='a', id=%p)\n  + Call stack:\n  |   ", (void *)a);
    assert_memory_equal(written, line, strlen(line));
    snprintf(line, sizeof line,
             "\n  + Awaited by:\n    * Task(name='b', id=%p)\n      + Call stack:", (void *)b);
    assert_non_null(strstr(written, line));
    assert_non_null(strstr(written, "\n      |   File '"));
}

static int look_at_text(void)
{
    asyncio_task *a = start("a", asyncio_coro(sleeps)), *b = start("b", asyncio_coro(awaits, a));
    turns(2);
    char cut[20], beyond = 'x';
    int length = asyncio_format_call_graph(a, said, sizeof said);
    assert_in_range(length, 1, sizeof said - 1);
    assert_int_equal(strlen(said), length);
    check_text(said, a, b);
    memset(cut, 'x', sizeof cut);
    assert_int_equal(asyncio_format_call_graph(a, cut, sizeof cut - 1), length);
    assert_int_equal(strlen(cut), sizeof cut - 2);
    assert_int_equal(cut[sizeof cut - 1], beyond);
    assert_int_equal(asyncio_format_call_graph(a, NULL, 0), length);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(asyncio_print_call_graph(a, .file = file), 0);
    rewind(file);
    static char printed[sizeof said];
    size_t count = fread(printed, 1, sizeof printed - 1, file);
    fclose(file);
    assert_int_equal(count, length + 1);
    assert_memory_equal(printed, said, (size_t)length);
    assert_int_equal(printed[length], '\n');
    end(a);
    turns(1);
    asyncio_task_unref(b);
    return 0;
}

static void test_as_text(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_text));
}

/* --- a coroutine that is driven by its table --- */

static int foreign_resume(void *state, int sent, asyncio_future **ret_awaits)
{
    asyncio_future *future = state;
    if (sent < 0)
        return sent;
    *ret_awaits = asyncio_future_ref(future);
    return ASYNCIO_SUSPENDED;
}

static void foreign_trace(void *state, char *text, size_t size)
{
    (void)state;
    snprintf(text, size, "line 7 of a script");
}

static const asyncio_coroutine_type foreign = { .size = sizeof foreign,
                                                .name = "script",
                                                .resume = foreign_resume,
                                                .trace = foreign_trace };

static int look_at_foreign(void)
{
    asyncio_future *future;
    assert_int_equal(asyncio_future_new(&future), 0);
    asyncio_task *task =
        start("foreign", (asyncio_coro){ .type = &foreign, .args = { (uintptr_t)future } });
    turns(1);
    asyncio_future_call_graph *graph;
    assert_int_equal(asyncio_capture_call_graph(future, &graph), 0);
    assert_null(graph->task);
    assert_int_equal(graph->awaited_by_count, 1);
    assert_ptr_equal(graph->awaited_by[0]->task, task);
    assert_int_equal(graph->awaited_by[0]->call_stack_count, 1);
    assert_string_equal(graph->awaited_by[0]->call_stack[0].function, "line 7 of a script");
    asyncio_future_call_graph_unref(graph);
    assert_true(asyncio_format_call_graph(future, said, sizeof said) > 0);
    assert_memory_equal(said, "* Future(id=", 12);
    assert_non_null(strstr(said, "\n      |   line 7 of a script"));
    end(task);
    asyncio_future_unref(future);
    return 0;
}

static void test_a_foreign_coroutine(void **state)
{
    (void)state;
    run(asyncio_coro(look_at_foreign));
}

/* --- where there is no task, and other misuse --- */

static int in_callback;

static void looks_from_callback(asyncio_loop *loop, void *data)
{
    asyncio_future_call_graph *graph = (asyncio_future_call_graph *)(void *)&in_callback;
    (void)data;
    in_callback = asyncio_capture_call_graph(NULL, &graph);
    assert_ptr_equal(graph, &in_callback); /* untouched */
    said[0] = 'x';
    assert_int_equal(asyncio_format_call_graph(NULL, said, sizeof said), 0);
    assert_string_equal(said, "");
    asyncio_loop_stop(loop);
}

static void *looks_from_thread(void *task)
{
    asyncio_future_call_graph *graph;
    intptr_t r = asyncio_capture_call_graph((asyncio_task *)task, &graph);
    return (void *)r;
}

static int look_from_thread(void)
{
    pthread_t thread;
    void *r;
    assert_int_equal(
        pthread_create(&thread, NULL, looks_from_thread, asyncio_current_task()), 0);
    pthread_join(thread, &r);
    assert_int_equal((intptr_t)r, -ASYNCIO_WRONG_THREAD);
    return 0;
}

static void test_where_there_is_nothing(void **state)
{
    (void)state;
    asyncio_future_call_graph *graph;
    asyncio_loop *loop;
    assert_int_equal(asyncio_capture_call_graph(NULL, &graph), -ASYNCIO_NO_RUNNING_LOOP);
    assert_int_equal(asyncio_format_call_graph(NULL, said, sizeof said), -ASYNCIO_NO_RUNNING_LOOP);
    assert_int_equal(asyncio_print_call_graph(NULL), -ASYNCIO_NO_RUNNING_LOOP);
    assert_int_equal(asyncio_new_event_loop(&loop), 0);
    assert_int_equal(asyncio_loop_call_soon(loop, looks_from_callback, NULL), 0);
    assert_int_equal(asyncio_loop_run_forever(loop), 0);
    assert_int_equal(in_callback, -ASYNCIO_NO_TASK);
    /* from outside, while it does not run */
    asyncio_task *task;
    assert_int_equal(asyncio_loop_create_task(loop, asyncio_coro(sleeps), &task), 0);
    assert_int_equal(asyncio_capture_call_graph(task, &graph), 0);
    assert_int_equal(graph->call_stack_count, 0);
    asyncio_future_call_graph_unref(graph);
    asyncio_task_unref(task);
    asyncio_loop_close(loop);
    asyncio_loop_unref(loop);
    run(asyncio_coro(look_from_thread));
    asyncio_future_call_graph_unref(NULL);
    assert_null(asyncio_future_call_graph_ref(NULL));
}

/* --- no memory --- */

static int captures_with_little_memory(void)
{
    asyncio_task *a = NULL, *b = NULL;
    asyncio_future_call_graph *graph = NULL;
    int r = asyncio_create_task(asyncio_coro(sleeps), &a);
    if (r >= 0)
        r = asyncio_create_task(asyncio_coro(gathers, a, a), &b);
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r >= 0)
        r = asyncio_capture_call_graph(a, &graph, .limit = 1);
    asyncio_future_call_graph_unref(graph);
    if (r >= 0)
        r = asyncio_format_call_graph(a, said, sizeof said, .limit = 1);
    if (a)
        asyncio_task_cancel(a);
    for (int i = 0; i < 4; i++) {
        int slept = asyncio_sleep(0);
        (void)slept;
    }
    asyncio_task_unref(a);
    asyncio_task_unref(b);
    return r < 0 ? r : 0;
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_true(sweep_allocations("call graph", captures_with_little_memory) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain),
        cmocka_unit_test(test_a_future_of_two),
        cmocka_unit_test(test_all_ways_to_await),
        cmocka_unit_test(test_a_race),
        cmocka_unit_test(test_wait_for_without_time),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_a_branching_graph_stays_small),
        cmocka_unit_test(test_a_circle),
        cmocka_unit_test(test_a_chain_deeper_than_a_stack),
        cmocka_unit_test(test_frames_limit_and_depth),
        cmocka_unit_test(test_who_waits_for_a_lock),
        cmocka_unit_test(test_as_text),
        cmocka_unit_test(test_a_foreign_coroutine),
        cmocka_unit_test(test_where_there_is_nothing),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("call_graph", tests, NULL, NULL);
}
