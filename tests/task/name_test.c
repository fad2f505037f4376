/* SPDX-License-Identifier: MIT */
/* Where a task's name lies: on its stack while nobody but the loop holds the task, so that a
 * server's costs no memory; and it is found from everywhere all the same, also when that stack is
 * gone. */
#include "base/alloc.h"

#include <asyncio.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LONG_NAME "a name that is longer than what a stack should be asked to carry, by far"

static char seen[400];
static asyncio_task *kept;
static const char *lent;

static void look(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)data;
    snprintf(seen, sizeof seen, "%s %s", context->message,
             context->task ? asyncio_task_get_name(context->task) : "-");
}

static int returns(int code)
{
    return code;
}

static int tells(void)
{
    snprintf(seen, sizeof seen, "%s", asyncio_task_get_name(asyncio_current_task()));
    return 0;
}

static int stays(int code)
{
    kept = asyncio_task_ref(asyncio_current_task());
    int r = asyncio_sleep(0);
    return r < 0 ? r : code;
}

static int stays_and_tells(int code)
{
    lent = asyncio_task_get_name(asyncio_current_task());
    return stays(code);
}

static int renames(void)
{
    int r = asyncio_task_set_name(asyncio_current_task(), "second");
    return r < 0 ? r : tells();
}

static int is_cancelled(void)
{
    (void)asyncio_task_cancel(asyncio_current_task());
    return stays(0);
}

static asyncio_loop *begin(void)
{
    asyncio_loop *loop;
    assert_return_code(asyncio_loop_new(&loop), 0);
    asyncio_loop_set_exception_handler(loop, look, NULL);
    seen[0] = 0;
    kept = NULL;
    return loop;
}

static void step(asyncio_loop *loop, int count)
{
    for (int i = 0; i < count; i++)
        assert_return_code(asyncio_loop_step(loop), 0);
}

static void end(asyncio_loop *loop)
{
    asyncio_task_unref(kept);
    assert_return_code(asyncio_loop_close(loop), 0);
    asyncio_loop_unref(loop);
}

static uint64_t blocks_of(asyncio_loop *loop, const char *name)
{
    uint64_t before = asyncio__alloc_count();
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(returns, 0), NULL, .name = name),
                       0);
    step(loop, 2);
    return asyncio__alloc_count() - before;
}

static void one_that_nobody_holds_costs_no_memory(void **state)
{
    (void)state;
    asyncio_loop *loop = begin();
    (void)blocks_of(loop, NULL); /* what is made once */
    asyncio__alloc_fail_at(0, 0);
    uint64_t nameless = blocks_of(loop, NULL);
    assert_int_equal(blocks_of(loop, "127.0.0.1:54321"), nameless);
    assert_true(blocks_of(loop, LONG_NAME) > nameless);
    end(loop);
}

static void it_is_told_while_the_task_runs(void **state)
{
    (void)state;
    static const char *const names[] = { "short", "", LONG_NAME };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        asyncio_loop *loop = begin();
        assert_return_code(
            asyncio_loop_create_task(loop, asyncio_coro(tells), NULL, .name = names[i]), 0);
        step(loop, 1);
        assert_string_equal(seen, names[i]);
        end(loop);
    }
}

static void a_new_one_takes_its_place(void **state)
{
    (void)state;
    asyncio_loop *loop = begin();
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(renames), NULL, .name = "first"),
                       0);
    step(loop, 1);
    assert_string_equal(seen, "second");
    end(loop);
}

/* The stack is given to another task meanwhile. */
static void after(asyncio_coro coro, const char *name)
{
    asyncio_loop *loop = begin();
    assert_return_code(
        (asyncio_loop_create_task)(loop, coro, NULL,
                                   &(asyncio_create_task_options){
                                       .size = sizeof(asyncio_create_task_options), .name = name }),
        0);
    step(loop, 3);
    assert_int_equal(asyncio_task_done(kept), 1);
    assert_return_code(
        asyncio_loop_create_task(loop, asyncio_coro(tells), NULL, .name = "another"), 0);
    step(loop, 1);
    assert_string_equal(asyncio_task_get_name(kept), name);
    end(loop);
}

static void who_holds_an_ended_task_finds_its_name(void **state)
{
    (void)state;
    after(asyncio_coro(stays, 0), "good");
    after(asyncio_coro(stays, -EIO), "bad");
    after(asyncio_coro(is_cancelled), "cancelled");
    after(asyncio_coro(stays, 0), LONG_NAME);
    lent = NULL;
    after(asyncio_coro(stays_and_tells, 0), "lent");
    assert_non_null(lent);
}

static void what_was_lent_outlives_the_stack(void **state)
{
    (void)state;
    asyncio_loop *loop = begin();
    assert_return_code(
        asyncio_loop_create_task(loop, asyncio_coro(stays_and_tells, 0), NULL, .name = "lent"), 0);
    step(loop, 3);
    assert_ptr_equal(asyncio_task_get_name(kept), lent);
    assert_string_equal(lent, "lent");
    end(loop);
}

static void an_error_that_nobody_takes_is_told_with_it(void **state)
{
    (void)state;
    asyncio_loop *loop = begin();
    assert_return_code(
        asyncio_loop_create_task(loop, asyncio_coro(returns, -EIO), NULL, .name = "loser"), 0);
    step(loop, 2);
    assert_string_equal(seen, "Task exception was never retrieved loser");
    end(loop);
}

static int waits(void)
{
    kept = asyncio_task_ref(asyncio_current_task());
    return asyncio_sleep(1000);
}

static void a_dropped_one_keeps_it(void **state)
{
    (void)state;
    asyncio_loop *loop = begin();
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(waits), NULL, .name = "dropped"),
                       0);
    step(loop, 1);
    assert_return_code(asyncio_loop_close(loop), 0);
    assert_string_equal(seen, "Task was destroyed but it is pending! dropped");
    assert_string_equal(asyncio_task_get_name(kept), "dropped");
    asyncio_task_unref(kept);
    asyncio_loop_unref(loop);
}

static int starves(void)
{
    kept = asyncio_task_ref(asyncio_current_task());
    asyncio__alloc_fail_at(1, 1);
    return strcmp(asyncio_task_get_name(kept), "Task") == 0 ? 7 : 0;
}

/* The name is lost then, and nothing else. */
static void without_memory_it_is_lost(void **state)
{
    (void)state;
    asyncio_loop *loop = begin();
    assert_return_code(asyncio_loop_create_task(loop, asyncio_coro(starves), NULL, .name = "x"), 0);
    step(loop, 1);
    assert_string_equal(asyncio_task_get_name(kept), "Task");
    asyncio__alloc_fail_at(0, 0);
    assert_int_equal(asyncio_task_result(kept), 7);
    assert_string_equal(asyncio_task_get_name(kept), "Task");
    end(loop);
}

int main(void)
{
    asyncio__alloc_track();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_nobody_holds_costs_no_memory),
        cmocka_unit_test(it_is_told_while_the_task_runs),
        cmocka_unit_test(a_new_one_takes_its_place),
        cmocka_unit_test(who_holds_an_ended_task_finds_its_name),
        cmocka_unit_test(what_was_lent_outlives_the_stack),
        cmocka_unit_test(an_error_that_nobody_takes_is_told_with_it),
        cmocka_unit_test(a_dropped_one_keeps_it),
        cmocka_unit_test(without_memory_it_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
