/* SPDX-License-Identifier: MIT */
/* Debug mode: cancellations that were swallowed are reported with the place; those that somebody
 * takes back, delivers later, or was asked for by Ctrl-C are not. */
/* TEST: timeout 120 */
#include "inspect/creation.h"

#include <asyncio.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Linked statically, who wants places has to say so. */
static const struct loop_inspector *const wanted = &asyncio__inspector;

#define KEEP(r) __asm__ volatile("" : "+r"(r)) /* no tail call */

static char said[1 << 13];
static unsigned told;

static void handler(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)data;
    told++;
    size_t length = strlen(said);
    snprintf(said + length, sizeof said - length, "%s: %s at %s\n",
             context->task ? asyncio_task_get_name(context->task) : "?", context->message,
             context->where ? context->where : "?");
}

static int make_loop(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_loop_new(ret_loop);
    if (r < 0)
        return r;
    asyncio_loop_set_exception_handler(*ret_loop, handler, NULL);
    return asyncio_loop_set_slow_callback_duration(*ret_loop, 1e9); /* the machine may be slow */
}

static int in_debug(asyncio_coro coro)
{
    said[0] = 0;
    told = 0;
    return asyncio_run(coro, .debug = 1, .loop_factory = make_loop);
}

/* Runs `coro` as a task of its own and gives its result. */
static int awaits(asyncio_coro coro, const char *called)
{
    asyncio_task *task;
    int r = asyncio_create_task(coro, &task, .name = called);
    if (r < 0)
        return r;
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

/* The same, but cancels it after so many turns. */
static int cancels(asyncio_coro coro, const char *called, int turns)
{
    asyncio_task *task;
    int r = asyncio_create_task(coro, &task, .name = called);
    for (int i = 0; i < turns && r >= 0; i++)
        r = asyncio_sleep(0);
    if (r < 0)
        return r;
    asyncio_task_cancel(task);
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static int ends_with(int wanted_result, asyncio_coro coro)
{
    int r = cancels(coro, "victim", 1); /* where it waits first */
    if (r != wanted_result)
        fail_msg("%d instead of %d", r, wanted_result);
    return 0;
}

/* --- swallowed --- */

static __attribute__((noinline)) int ignores(void)
{
    int r = asyncio_sleep(100);
    KEEP(r);
    return 0; /* whatever it was */
}

static int goes_on(void)
{
    int r = ignores();
    KEEP(r);
    r = asyncio_sleep(0);
    return r < 0 ? r : 5;
}

static int one_goes_on(void)
{
    return ends_with(5, asyncio_coro(goes_on));
}

static void expect_one(asyncio_coro coro, const char *result, const char *place)
{
    char text[100];
    assert_return_code(in_debug(coro), 0);
    if (told != 1)
        fail_msg("%u reports:\n%s", told, said);
    snprintf(text, sizeof text, "A cancellation was swallowed: the task went on and returned %s",
             result);
    if (!strstr(said, text) || !strstr(said, place) || !strstr(said, "debug_cancel_test.c:"))
        fail_msg("%s and %s are not in: %s", text, place, said);
}

static void one_that_goes_on_is_told_with_its_place(void **state)
{
    (void)state;
    expect_one(asyncio_coro(one_goes_on), "5 ", " (ignores)\n");
    assert_int_equal(strncmp(said, "victim: ", 8), 0);
}

static int waits_for_lock(asyncio_lock *lock)
{
    int r = asyncio_lock_acquire(lock);
    return r == -ECANCELED ? 0 : r;
}

static int locked_out(void)
{
    asyncio_lock lock;
    asyncio_lock_init(&lock);
    int r = asyncio_lock_acquire(&lock);
    if (r >= 0)
        r = ends_with(0, asyncio_coro(waits_for_lock, &lock));
    (void)asyncio_lock_release(&lock);
    return r;
}

static void at_a_lock(void **state)
{
    (void)state;
    expect_one(asyncio_coro(locked_out), "0 ", " (waits_for_lock)\n");
}

/* Nobody has cancelled what is awaited: -ECANCELED comes by the step. */
static int cancels_itself(void)
{
    asyncio_task_cancel(asyncio_current_task());
    int r = ignores();
    return r < 0 ? r : 3;
}

static int by_itself(void)
{
    return awaits(asyncio_coro(cancels_itself), NULL) == 3 ? 0 : -EIO;
}

static void by_the_task_itself(void **state)
{
    (void)state;
    expect_one(asyncio_coro(by_itself), "3 ", " (ignores)\n");
}

static int sleeps(void)
{
    int r = asyncio_sleep(100);
    KEEP(r);
    return r;
}

static int awaits_and_ignores(void)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(sleeps), &task);
    if (r < 0)
        return r;
    (void)!asyncio_sleep(0);
    r = asyncio_await(task); /* cancelled with this one, and ends so */
    asyncio_task_unref(task);
    return r == -ECANCELED ? 1 : r;
}

static int twice_down(void)
{
    return cancels(asyncio_coro(awaits_and_ignores), "outer", 3) == 1 ? 0 : -EIO;
}

static void by_who_awaits_a_task(void **state)
{
    (void)state;
    expect_one(asyncio_coro(twice_down), "1 ", " (awaits_and_ignores)\n");
    assert_int_equal(strncmp(said, "outer: ", 7), 0);
}

static int awaits_one_that_ignores(void)
{
    return awaits(asyncio_coro(goes_on), "inner");
}

static int inner_one(void)
{
    return cancels(asyncio_coro(awaits_one_that_ignores), "outer", 3) == 5 ? 0 : -EIO;
}

/* The outer one never heard of it. */
static void the_inner_task_and_not_who_awaits_it(void **state)
{
    (void)state;
    expect_one(asyncio_coro(inner_one), "5 ", " (ignores)\n");
    assert_int_equal(strncmp(said, "inner: ", 7), 0);
}

static int shields_and_ignores(void)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(asyncio_sleep, 0.01), &task);
    if (r < 0)
        return r;
    r = asyncio_shield(task);
    KEEP(r);
    r = asyncio_await(task);
    asyncio_task_unref(task);
    return r;
}

static int shield(void)
{
    return ends_with(0, asyncio_coro(shields_and_ignores));
}

static void around_a_shield(void **state)
{
    (void)state;
    expect_one(asyncio_coro(shield), "0 ", " (shields_and_ignores)\n");
}

/* --- not swallowed --- */

static void expect_none(asyncio_coro coro)
{
    assert_return_code(in_debug(coro), 0);
    if (told)
        fail_msg("%s", said);
}

static int obeys(void)
{
    int r = asyncio_sleep(100);
    return r;
}

static int fails_on_its_way(void)
{
    int r = asyncio_sleep(100);
    return r == -ECANCELED ? -EPIPE : r;
}

static int takes_it_back(void)
{
    int r = asyncio_sleep(100);
    if (r == -ECANCELED && asyncio_task_uncancel(asyncio_current_task()) == 0)
        r = asyncio_sleep(0);
    return r;
}

static int is_due_at_its_end(void)
{
    asyncio_task_cancel(asyncio_current_task());
    return 4;
}

static int plain_ways(void)
{
    int r = ends_with(-ECANCELED, asyncio_coro(obeys));
    if (r >= 0)
        r = ends_with(-EPIPE, asyncio_coro(fails_on_its_way));
    if (r >= 0)
        r = ends_with(0, asyncio_coro(takes_it_back));
    if (r >= 0)
        r = ends_with(-ECANCELED, asyncio_coro(asyncio_sleep, 100.0));
    if (r < 0)
        return r;
    return awaits(asyncio_coro(is_due_at_its_end), NULL) == -ECANCELED ? 0 : -EIO;
}

static void who_obeys_fails_or_takes_it_back(void **state)
{
    (void)state;
    expect_none(asyncio_coro(plain_ways));
}

static int ignores_its_deadline(void)
{
    asyncio_timeout limit;
    asyncio_timeout_enter(&limit, 0.001);
    int r = asyncio_sleep(100);
    KEEP(r);
    return asyncio_timeout_exit(&limit, 2);
}

static int is_past_its_deadline(void)
{
    int r = asyncio_wait_for(asyncio_coro(sleeps), 0.001);
    return r == -ETIMEDOUT ? 0 : -EIO;
}

static int is_past_no_time(void)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(sleeps), &task);
    if (r < 0)
        return r;
    r = asyncio_wait_for(task, 0);
    asyncio_task_unref(task);
    return r == -ETIMEDOUT ? 0 : -EIO;
}

static int timeouts(void)
{
    int r = asyncio_gather(asyncio_coro(ignores_its_deadline), asyncio_coro(is_past_its_deadline),
                           asyncio_coro(is_past_no_time));
    return r;
}

static void what_timeouts_absorb(void **state)
{
    (void)state;
    expect_none(asyncio_coro(timeouts));
}

static int fails_soon(void)
{
    int r = asyncio_sleep(0.001);
    return r < 0 ? r : -EPIPE;
}

static int group_that_fails(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(fails_soon), NULL);
    if (r >= 0)
        r = asyncio_task_group_create_task(&group, asyncio_coro(sleeps), NULL);
    if (r >= 0)
        r = asyncio_sleep(100);
    r = asyncio_task_group_exit(&group, r);
    return r == -EPIPE ? 0 : -EIO;
}

static int group_that_waits(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(sleeps), NULL);
    return asyncio_task_group_exit(&group, r);
}

static int group_that_is_cancelled(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(sleeps), NULL);
    if (r >= 0)
        r = asyncio_task_group_cancel(&group);
    return asyncio_task_group_exit(&group, r);
}

static int ends_late(void)
{
    int r = asyncio_sleep(100);
    if (r == -ECANCELED)
        (void)!asyncio_sleep(0.01);
    return r;
}

/* From outside, while it ends its children anyway: told to nobody, as in CPython. */
static int group_in_its_exit(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(ends_late), NULL);
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r >= 0)
        r = asyncio_task_group_cancel(&group);
    r = asyncio_task_group_exit(&group, r);
    return r;
}

static int groups(void)
{
    int r = asyncio_gather(asyncio_coro(group_that_fails), asyncio_coro(group_that_is_cancelled));
    if (r >= 0)
        r = ends_with(-ECANCELED, asyncio_coro(group_that_waits));
    if (r >= 0)
        (void)cancels(asyncio_coro(group_in_its_exit), NULL, 4);
    return r;
}

static void what_groups_absorb(void **state)
{
    (void)state;
    expect_none(asyncio_coro(groups));
}

static int first_wins(void)
{
    asyncio_coro all[] = { asyncio_coro(asyncio_sleep, 0.001), asyncio_coro(sleeps) };
    return asyncio_staggered_race(all, 2, 0.0001, NULL);
}

static int awaits_cancelled(void)
{
    return cancels(asyncio_coro(sleeps), NULL, 1) == -ECANCELED ? 0 : -EIO; /* not its own */
}

static int others(void)
{
    return asyncio_gather(asyncio_coro(first_wins), asyncio_coro(awaits_cancelled));
}

static void what_was_another_tasks(void **state)
{
    (void)state;
    expect_none(asyncio_coro(others));
}

static int leaves_one(void)
{
    int r = asyncio_create_task(asyncio_coro(goes_on), NULL);
    return r < 0 ? r : asyncio_sleep(0);
}

static void what_ends_with_the_loop(void **state)
{
    (void)state;
    expect_none(asyncio_coro(leaves_one));
}

static int is_interrupted(void)
{
    raise(SIGINT);
    int r = asyncio_sleep(100);
    return r == -ECANCELED ? 6 : -EIO;
}

static void ctrl_c_that_the_main_task_handles(void **state)
{
    (void)state;
    assert_int_equal(in_debug(asyncio_coro(is_interrupted)), 6);
    if (told)
        fail_msg("%s", said);
}

static int shuts_debug_off(void)
{
    asyncio_loop_set_debug(asyncio_get_running_loop(), 0);
    return one_goes_on();
}

static void without_debug_mode_nothing_is_told(void **state)
{
    (void)state;
    expect_none(asyncio_coro(shuts_debug_off));
}

int main(void)
{
    assert_non_null(wanted);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_goes_on_is_told_with_its_place),
        cmocka_unit_test(at_a_lock),
        cmocka_unit_test(by_the_task_itself),
        cmocka_unit_test(by_who_awaits_a_task),
        cmocka_unit_test(the_inner_task_and_not_who_awaits_it),
        cmocka_unit_test(around_a_shield),
        cmocka_unit_test(who_obeys_fails_or_takes_it_back),
        cmocka_unit_test(what_timeouts_absorb),
        cmocka_unit_test(what_groups_absorb),
        cmocka_unit_test(what_was_another_tasks),
        cmocka_unit_test(what_ends_with_the_loop),
        cmocka_unit_test(ctrl_c_that_the_main_task_handles),
        cmocka_unit_test(without_debug_mode_nothing_is_told),
    };
    return cmocka_run_group_tests_name("swallowed", tests, NULL, NULL);
}
