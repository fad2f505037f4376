/* SPDX-License-Identifier: MIT */
/* A loop that is closed under waiting tasks: what the library's own frames hold on the dropped
 * stacks is given back, whatever they wait in. */
/* TEST: timeout 120 */
#include "base/alloc.h"
#include "base/error.h"

#include <asyncio.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static unsigned reports, closed;
static asyncio_future *shared;

static void count(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)context;
    (void)data;
    reports++;
}

static void close_one(void *data)
{
    (void)data;
    closed++;
}

/* Runs `program` for some turns, closes the loop under it, and wants every block back. */
static void drop_after(int (*program)(void), unsigned turns)
{
    asyncio_loop *loop;
    assert_return_code(asyncio_loop_new(&loop), 0);
    asyncio_loop_set_exception_handler(loop, count, NULL);
    assert_return_code(asyncio_loop_create_future(loop, &shared), 0);
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(program), NULL), 0);
    for (unsigned i = 0; i < turns; i++)
        assert_return_code(asyncio_loop_step(loop), 0);
    reports = 0;
    assert_return_code(asyncio_loop_close(loop), 0);
    assert_true(reports > 0);
    asyncio_future_unref(shared);
    asyncio_loop_unref(loop);
    asyncio__record_put(NULL);
}

static void drop(const char *name, int (*program)(void))
{
    drop_after(program, 4); /* fills what is made once */
    for (unsigned turns = 0; turns < 6; turns++) {
        uint64_t before = asyncio__alloc_live();
        drop_after(program, turns);
        if (asyncio__alloc_live() != before)
            fail_msg("%s: %d blocks left after %u turns", name,
                     (int)(asyncio__alloc_live() - before), turns);
    }
}

static int forever(void)
{
    return asyncio_sleep(1000);
}

static int waits_for_shared(void)
{
    return asyncio_await(shared);
}

static int in_gather(void)
{
    return asyncio_gather(asyncio_coro(forever), asyncio_coro(waits_for_shared), shared);
}

static int in_wait(void)
{
    asyncio_future *both[2] = { shared, asyncio_future_ref(shared) };
    asyncio_future_unref(shared);
    return asyncio_wait(both, 2, NULL, .timeout = 1000);
}

static int in_shield(void)
{
    return asyncio_shield(asyncio_coro(forever));
}

static int in_a_shield_of_a_future(void)
{
    return asyncio_shield(shared);
}

static int in_a_cancelled_shield(void)
{
    asyncio_future *outer;
    int r = asyncio_shield_future(shared, &outer);
    if (r < 0)
        return r;
    asyncio_future_cancel(outer);
    asyncio_future_unref(outer);
    return asyncio_sleep(1000);
}

static int in_wait_for(void)
{
    return asyncio_wait_for(asyncio_coro(forever), 1000);
}

/* Goes on when it is cancelled. */
static int stubborn(void)
{
    int r = asyncio_sleep(1000);
    return r == -ECANCELED ? asyncio_sleep(1000) : r;
}

static int stubborn_later(void)
{
    int r = asyncio_sleep(0);
    return r < 0 ? r : stubborn();
}

static int in_wait_for_no_time(void)
{
    asyncio_task *task;
    int r = asyncio_create_task(asyncio_coro(stubborn_later), &task);
    if (r < 0 || (r = asyncio_sleep(0)) < 0 || (r = asyncio_sleep(0)) < 0)
        return r;
    asyncio_future *future = (asyncio_future *)(void *)task;
    asyncio_awaitable awaitable = asyncio__awaitable_of_future(future);
    asyncio_task_unref(task);
    return (asyncio_wait_for)(awaitable, 0);
}

static int in_as_completed(void)
{
    asyncio_as_completed each;
    asyncio_awaitable both[2] = { ASYNCIO_AWAITABLE(asyncio_coro(forever)),
                                  ASYNCIO_AWAITABLE(shared) };
    asyncio_as_completed_enter(&each, both, 2, .timeout = 1000);
    int r = asyncio_as_completed_next(&each, NULL, NULL);
    return asyncio_as_completed_exit(&each, r);
}

static int takes_next(asyncio_as_completed *each)
{
    return asyncio_as_completed_next(each, NULL, NULL);
}

static int in_anothers_as_completed(void)
{
    asyncio_as_completed each;
    asyncio_awaitable one = ASYNCIO_AWAITABLE(shared);
    asyncio_as_completed_enter(&each, &one, 1);
    int r = asyncio_create_task(asyncio_coro(takes_next, &each), NULL);
    if (r >= 0)
        r = asyncio_sleep(1000);
    return asyncio_as_completed_exit(&each, r);
}

struct big {
    char bytes[300];
};

static int with_copy(struct big *big, int *ret)
{
    *ret = big->bytes[0];
    return forever();
}

static int in_a_noted_coroutine(void)
{
    struct big big = { "x" };
    int r = 0, *ret = &r;
    asyncio_coro coro = asyncio_coro_copy(with_copy, &big, ret);
    return asyncio_await(asyncio_coro_on_close(coro, close_one, NULL));
}

static asyncio_context_var variable = ASYNCIO_CONTEXT_VAR("variable");

static int sets_and_waits(void)
{
    int r = asyncio_context_var_set(&variable, &variable, NULL);
    return r < 0 ? r : forever();
}

static asyncio_context *kept;

static int in_a_context(void)
{
    int r = asyncio_context_var_set(&variable, &kept, NULL);
    return r < 0 ? r : asyncio_context_run(kept, asyncio_coro(sets_and_waits));
}

static int fails(void)
{
    return asyncio_raise(-EIO, "no");
}

static int in_a_group(void)
{
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(stubborn), NULL);
    if (r >= 0)
        r = asyncio_sleep(0);
    if (r >= 0)
        r = fails();
    return asyncio_task_group_exit(&group, r);
}

static void suspends_at_its_end(void *data)
{
    close_one(data);
    int r = asyncio_sleep(1000);
    (void)r;
}

static int nothing(void)
{
    return 0;
}

static int in_an_on_close(void)
{
    asyncio_coro inner = asyncio_coro(nothing);
    asyncio_coro coro = asyncio_coro_on_close(inner, close_one, NULL);
    return asyncio_await(asyncio_coro_on_close(coro, suspends_at_its_end, NULL));
}

static sem_t may_end;

static int blocks(void)
{
    while (sem_wait(&may_end) < 0)
        continue;
    return 0;
}

static int in_the_executors_shutdown(void)
{
    asyncio_future *future;
    int r = asyncio_loop_run_in_executor(asyncio_get_running_loop(), NULL, asyncio_coro(blocks),
                                         &future);
    if (r < 0)
        return r;
    asyncio_future_unref(future);
    return asyncio_loop_shutdown_default_executor(asyncio_get_running_loop(), 1000);
}

static int in_a_race(void)
{
    asyncio_coro inner = asyncio_coro(forever);
    asyncio_coro last = asyncio_coro_on_close(inner, close_one, NULL);
    const asyncio_coro coros[] = { asyncio_coro(forever), asyncio_coro(waits_for_shared), last };
    return asyncio_staggered_race(coros, 3, 1000, NULL);
}

static int in_a_race_of_all(void)
{
    const asyncio_coro coros[] = { asyncio_coro(forever), asyncio_coro(waits_for_shared),
                                   asyncio_coro(stubborn) };
    return asyncio_staggered_race(coros, 3, 0, NULL);
}

static void in_each_call(void **state)
{
    (void)state;
    drop("sleep", forever);
    drop("await", waits_for_shared);
    drop("gather", in_gather);
    drop("shield", in_shield);
    drop("shield of a future", in_a_shield_of_a_future);
    drop("cancelled shield", in_a_cancelled_shield);
    drop("wait_for", in_wait_for);
    drop("wait_for 0", in_wait_for_no_time);
    drop("as_completed", in_as_completed);
    drop("another's as_completed", in_anothers_as_completed);
    drop("group", in_a_group);
    drop("race", in_a_race);
    drop("race of all", in_a_race_of_all);
}

static void what_a_race_did_not_start_is_closed(void **state)
{
    (void)state;
    for (unsigned turns = 1; turns < 5; turns++) {
        closed = 0;
        drop_after(in_a_race, turns);
        assert_int_equal(closed, 1);
    }
}

static void in_wait_with_a_timeout(void **state)
{
    (void)state;
    drop("wait", in_wait);
}

static void in_a_coroutine_that_is_awaited(void **state)
{
    (void)state;
    for (unsigned turns = 0; turns < 3; turns++) {
        closed = 0;
        drop_after(in_a_noted_coroutine, turns);
        assert_int_equal(closed, turns > 0);
        closed = 0;
        drop_after(in_an_on_close, turns);
        assert_int_equal(closed, turns > 0 ? 2 : 0);
    }
    drop("coroutine with notes", in_a_noted_coroutine);
    drop("on_close", in_an_on_close);
}

static int made_with_on_close(void)
{
    asyncio_coro inner = asyncio_coro(nothing);
    asyncio_coro coro = asyncio_coro_on_close(inner, close_one, NULL);
    return asyncio_create_task(asyncio_coro_on_close(coro, suspends_at_its_end, NULL), NULL);
}

/* Each once: the one that was under way is not called again. */
static void in_an_on_close_of_a_task(void **state)
{
    (void)state;
    closed = 0;
    drop_after(made_with_on_close, 3);
    assert_int_equal(closed, 2);
}

static void in_another_context(void **state)
{
    (void)state;
    assert_return_code(asyncio_context_new(&kept), 0);
    drop("context", in_a_context);
    /* nobody is in it any more */
    void *value;
    assert_return_code(asyncio_context_get(kept, &variable, &value), 0);
    assert_ptr_equal(value, &variable);
    assert_return_code(asyncio_context_run(kept, asyncio_coro(nothing)), 0);
    asyncio_context_unref(kept);
}

static void in_the_shutdown_of_its_executor(void **state)
{
    (void)state;
    asyncio_loop *loop;
    sem_init(&may_end, 0, 0);
    assert_return_code(asyncio_loop_new(&loop, .backend = "epoll"), 0);
    asyncio_loop_set_exception_handler(loop, count, NULL);
    assert_return_code(
        asyncio_loop_create_task(loop, asyncio_coro(in_the_executors_shutdown), NULL), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_return_code(asyncio_loop_step(loop), 0);
    asyncio_loop_ref(loop);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
    sem_post(&may_end);
    asyncio_loop_unref(loop);
}

static int leaves(asyncio_as_completed *each)
{
    return asyncio_as_completed_exit(each, 7);
}

/* Who takes from it learns that it is over. */
static int left_under_another(void)
{
    static asyncio_as_completed each;
    asyncio_future *future;
    asyncio_task *taker;
    assert_return_code(asyncio_future_new(&future), 0);
    asyncio_awaitable one = ASYNCIO_AWAITABLE(future);
    assert_return_code(asyncio_as_completed_enter(&each, &one, 1), 0);
    assert_return_code(asyncio_create_task(asyncio_coro(takes_next, &each), &taker), 0);
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(asyncio_as_completed_next(&each, NULL, NULL), -EBUSY);
    assert_int_equal(leaves(&each), 7);
    assert_int_equal(asyncio_await(taker), -ASYNCIO_INVALID_STATE);
    asyncio_task_unref(taker);
    asyncio_future_unref(future);
    return 0;
}

static void as_completed_left_while_another_task_takes(void **state)
{
    (void)state;
    assert_return_code(asyncio_run(asyncio_coro(left_under_another)), 0);
}

int main(void)
{
    asyncio__alloc_track();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_each_call),
        cmocka_unit_test(what_a_race_did_not_start_is_closed),
        cmocka_unit_test(in_wait_with_a_timeout),
        cmocka_unit_test(in_a_coroutine_that_is_awaited),
        cmocka_unit_test(in_an_on_close_of_a_task),
        cmocka_unit_test(in_another_context),
        cmocka_unit_test(in_the_shutdown_of_its_executor),
        cmocka_unit_test(as_completed_left_while_another_task_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
