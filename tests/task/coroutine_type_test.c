/* SPDX-License-Identifier: MIT */
/* Coroutines of the user's own kind: awaited, cancelled, ended without having run, and wrong in
 * every way that a table of functions can be. */
/* TEST: timeout 120 */
#include "inspect/creation.h"
#include "support/failing.h"

#include <asyncio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* From the static library only what somebody names is linked. */
__attribute__((used)) static const struct loop_inspector *const wanted = &asyncio__inspector;

/* Waits for each future in turn, NULL being a turn of the loop, adds up what they give, and returns
 * the sum. */
struct script {
    asyncio_future *futures[4];
    unsigned count, at;
    int sum;
    int swallows;              /* so many cancellations are taken for nothing */
    int started, raised, destroyed;
    int inside;                /* the current task was the script's own in each step */
    asyncio_task *task;
};

static int resume_script(void *state, int sent, asyncio_future **ret_awaits)
{
    struct script *script = state;
    script->started++;
    script->inside += asyncio_current_task() == script->task;
    if (sent == -ECANCELED && script->swallows-- > 0)
        sent = 0;
    if (sent < 0)
        return sent;
    script->sum += sent;
    if (script->at == script->count)
        return script->sum;
    *ret_awaits = asyncio_future_ref(script->futures[script->at++]);
    return ASYNCIO_SUSPENDED;
}

static int raise_in_script(void *state, int code, asyncio_future **ret_awaits)
{
    struct script *script = state;
    (void)ret_awaits;
    script->raised++;
    return script->swallows-- > 0 ? resume_script(state, 0, ret_awaits) : code;
}

static void destroy_script(void *state)
{
    ((struct script *)state)->destroyed++;
}

static void trace_script(void *state, char *text, size_t size)
{
    snprintf(text, size, "script at %u", ((struct script *)state)->at);
}

static const asyncio_coroutine_type script_type = {
    .size = sizeof script_type,
    .name = "script",
    .resume = resume_script,
    .destroy = destroy_script,
    .trace = trace_script,
};

static const asyncio_coroutine_type raising_type = {
    .size = sizeof raising_type,
    .name = "raising script",
    .resume = resume_script,
    .raise = raise_in_script,
    .destroy = destroy_script,
};

static asyncio_future *pending(void)
{
    asyncio_future *future;
    assert_return_code(asyncio_future_new(&future), 0);
    return future;
}

static void completes(asyncio_loop *loop, void *future)
{
    (void)loop;
    asyncio_future *done = future;
    assert_return_code(asyncio_future_set_result(done, 5), 0);
}

static void complete_later(asyncio_future *future)
{
    assert_return_code(asyncio_loop_call_later(asyncio_get_running_loop(), 0.001, completes, NULL,
                                               .data = future),
                       0);
}

static void run(int (*program)(void))
{
    assert_return_code(asyncio_run(asyncio_coro(program)), 0);
}

static asyncio_task *start(struct script *script, const asyncio_coroutine_type *type)
{
    assert_return_code(asyncio_create_task(asyncio_coro_of(type, script), &script->task), 0);
    return script->task;
}

/* --- as any coroutine --- */

static int as_a_task(void)
{
    asyncio_future *future = pending();
    struct script script = { .futures = { NULL, future, NULL }, .count = 3 };
    asyncio_task *task = start(&script, &script_type);
    complete_later(future);
    assert_int_equal(script.started, 0);
    assert_int_equal(asyncio_await(task), 5);
    assert_int_equal(script.started, 4);
    assert_int_equal(script.inside, 4);
    assert_int_equal(script.destroyed, 1);
    asyncio_task_unref(task);
    asyncio_future_unref(future);
    return 0;
}

static int awaited(void)
{
    asyncio_future *future = pending();
    struct script script = { .futures = { NULL, future, future }, .count = 3 };
    script.task = asyncio_current_task();
    complete_later(future);
    assert_int_equal(asyncio_await(asyncio_coro_of(&script_type, &script)), 10);
    assert_int_equal(script.inside, 4);
    assert_int_equal(script.destroyed, 1);
    asyncio_future_unref(future);
    return 0;
}

static int wherever_one_goes(void)
{
    asyncio_future *future = pending();
    struct script a = { .futures = { future }, .count = 1 }, b = a, c = a, d = a;
    complete_later(future);
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro_of(&script_type, &a), NULL);
    assert_return_code(r, 0);
    int results[2];
    const asyncio_awaitable both[] = { ASYNCIO_AWAITABLE(asyncio_coro_of(&script_type, &b)),
                                       ASYNCIO_AWAITABLE(asyncio_coro_of(&script_type, &c)) };
    assert_return_code(asyncio_gather_all(both, 2, results), 0);
    assert_int_equal(results[0] + results[1], 10);
    assert_return_code(asyncio_task_group_exit(&group, 0), 0);
    assert_int_equal(asyncio_wait_for(asyncio_coro_of(&script_type, &d), 10), 5);
    assert_int_equal(a.destroyed + b.destroyed + c.destroyed + d.destroyed, 4);
    asyncio_future_unref(future);
    return 0;
}

static int eagerly(void)
{
    asyncio_future *future = pending();
    struct script done = { .count = 0 }, waits = { .futures = { future }, .count = 1 };
    asyncio_task *task, *self = asyncio_current_task();
    assert_return_code(
        asyncio_create_task(asyncio_coro_of(&script_type, &done), &task, .eager_start = 1), 0);
    assert_true(asyncio_task_done(task));
    assert_int_equal(done.destroyed, 1);
    assert_ptr_equal(asyncio_current_task(), self);
    asyncio_task_unref(task);
    assert_return_code(
        asyncio_create_task(asyncio_coro_of(&script_type, &waits), &task, .eager_start = 1), 0);
    assert_int_equal(waits.started, 1);
    assert_return_code(asyncio_sleep(0), 0);
    assert_int_equal(waits.started, 1);
    complete_later(future);
    assert_int_equal(asyncio_await(task), 5);
    assert_int_equal(waits.destroyed, 1);
    asyncio_task_unref(task);
    asyncio_future_unref(future);
    return 0;
}

static void as_any_coroutine(void **state)
{
    (void)state;
    run(as_a_task);
    run(awaited);
    run(wherever_one_goes);
    run(eagerly);
}

/* --- cancelled --- */

static int cancelled_as_it_waits(const asyncio_coroutine_type *type)
{
    asyncio_future *first = pending(), *second = pending();
    struct script script = { .futures = { first, second }, .count = 2 };
    asyncio_task *task = start(&script, type);
    assert_return_code(asyncio_sleep(0), 0);
    asyncio_task_cancel(task);
    assert_int_equal(asyncio_await(task), -ECANCELED);
    assert_true(asyncio_task_cancelled(task));
    assert_true(asyncio_future_cancelled(first)); /* what it waited for */
    assert_false(asyncio_future_done(second));
    assert_int_equal(script.destroyed, 1);
    assert_int_equal(script.raised, type->raise ? 1 : 0);
    assert_int_equal(script.started, type->raise ? 1 : 2);
    asyncio_task_unref(task);
    asyncio_future_unref(first);
    /* one that takes it for nothing goes on */
    struct script swallows = { .futures = { NULL, second }, .count = 2, .swallows = 1 };
    task = start(&swallows, type);
    assert_return_code(asyncio_sleep(0), 0);
    asyncio_task_cancel(task);
    complete_later(second);
    assert_int_equal(asyncio_await(task), 5);
    assert_int_equal(asyncio_task_cancelling(task), 1);
    assert_int_equal(swallows.destroyed, 1);
    asyncio_task_unref(task);
    asyncio_future_unref(second);
    return 0;
}

static int cancelled_inside_another(void)
{
    asyncio_future *future = pending();
    struct script script = { .futures = { future }, .count = 1 };
    assert_int_equal(asyncio_wait_for(asyncio_coro_of(&raising_type, &script), 0.001), -ETIMEDOUT);
    assert_int_equal(script.raised, 1);
    assert_int_equal(script.destroyed, 1);
    asyncio_future_unref(future);
    return 0;
}

static int cancelled_before_it_began(void)
{
    struct script script = { .count = 0 };
    asyncio_task *task = start(&script, &script_type);
    asyncio_task_cancel(task);
    assert_int_equal(asyncio_await(task), -ECANCELED);
    assert_int_equal(script.started, 0);
    assert_int_equal(script.destroyed, 1);
    asyncio_task_unref(task);
    return 0;
}

static int all_cancelled(void)
{
    int r = cancelled_as_it_waits(&script_type);
    if (r >= 0)
        r = cancelled_as_it_waits(&raising_type);
    if (r >= 0)
        r = cancelled_inside_another();
    return r < 0 ? r : cancelled_before_it_began();
}

static void cancelled(void **state)
{
    (void)state;
    run(all_cancelled);
}

/* --- ended without having run, or not to the end --- */

static void ignore(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop, (void)context, (void)data;
}

static void ended_with_its_loop(void **state)
{
    (void)state;
    asyncio_loop *loop;
    asyncio_future *future;
    struct script never = { .count = 0 }, waits = { .count = 1 }, refused = { .count = 0 };
    assert_return_code(asyncio_loop_new(&loop), 0);
    asyncio_loop_set_exception_handler(loop, ignore, NULL);
    assert_return_code(asyncio_loop_create_future(loop, &future), 0);
    waits.futures[0] = future;
    assert_return_code(
        asyncio_loop_create_task(loop, asyncio_coro_of(&script_type, &waits), NULL), 0);
    asyncio_loop_stop(loop);
    assert_return_code(asyncio_loop_run_forever(loop), 0);
    assert_int_equal(waits.started, 1);
    assert_return_code(
        asyncio_loop_create_task(loop, asyncio_coro_of(&script_type, &never), NULL), 0);
    assert_return_code(asyncio_loop_close(loop), 0);
    assert_int_equal(never.started, 0);
    assert_int_equal(never.destroyed, 1);
    assert_int_equal(waits.destroyed, 1);
    assert_int_equal(
        asyncio_loop_create_task(loop, asyncio_coro_of(&script_type, &refused), NULL),
        -ASYNCIO_LOOP_CLOSED);
    assert_int_equal(refused.destroyed, 1);
    asyncio_future_unref(future);
    asyncio_loop_unref(loop);
    /* no task to run it in */
    struct script outside = { .count = 0 };
    assert_int_equal(asyncio_await(asyncio_coro_of(&script_type, &outside)), -ASYNCIO_NO_TASK);
    assert_int_equal(outside.destroyed, 1);
}

/* --- wrong tables --- */

static int wrong_types(void)
{
    static const asyncio_coroutine_type none = { .size = sizeof none, .destroy = destroy_script },
                                        no_size = { .resume = resume_script };
    struct script script = { .count = 0 };
    assert_int_equal(asyncio_create_task(asyncio_coro_of(&none, &script), NULL), -EINVAL);
    assert_non_null(strstr(record_of(-EINVAL)->text, "without a resume"));
    assert_int_equal(script.destroyed, 1);
    assert_int_equal(asyncio_await(asyncio_coro_of(&none, &script)), -EINVAL);
    assert_int_equal(script.destroyed, 2);
    assert_int_equal(asyncio_create_task(asyncio_coro_of(&no_size, &script), NULL), -EINVAL);
    assert_non_null(strstr(record_of(-EINVAL)->text, "of 0 bytes"));
    assert_int_equal(asyncio_await(asyncio_coro_of(&no_size, &script)), -EINVAL);
    assert_int_equal(asyncio_create_task(asyncio_coro_of(NULL, &script), NULL), -EINVAL);
    assert_int_equal(asyncio_to_thread(asyncio_coro_of(&script_type, &script)), -EINVAL);
    assert_int_equal(script.destroyed, 3);
    assert_int_equal(script.started, 0);
    return 0;
}

static int resume_over_with_a_future(void *state, int sent, asyncio_future **ret_awaits)
{
    asyncio_future *future = state;
    (void)sent;
    *ret_awaits = asyncio_future_ref(future);
    return 3;
}

static int resume_itself(void *state, int sent, asyncio_future **ret_awaits)
{
    struct script *script = state;
    if (script->started++)
        return sent;
    *ret_awaits = asyncio_future_ref(script->futures[0] ? script->futures[0]
                                                        : ASYNCIO__FUTURE(script->task));
    return ASYNCIO_SUSPENDED;
}

static int wrong_awaits(void)
{
    static const asyncio_coroutine_type over = { .size = sizeof over,
                                                 .resume = resume_over_with_a_future },
                                        itself = { .size = sizeof itself,
                                                   .resume = resume_itself };
    asyncio_future *future = pending(); /* a reference that is left shows as a leak */
    assert_int_equal(asyncio_await(asyncio_coro_of(&over, future)), 3);
    asyncio_future_unref(future);
    struct script script = { .count = 0 };
    assert_int_equal(asyncio_await(start(&script, &itself)), -ASYNCIO_AWAITS_ITSELF);
    asyncio_task_unref(script.task);
    asyncio_loop *other;
    assert_return_code(asyncio_loop_new(&other), 0);
    struct script of_another = { .count = 0 };
    assert_return_code(asyncio_loop_create_future(other, &of_another.futures[0]), 0);
    assert_int_equal(asyncio_await(start(&of_another, &itself)), -ASYNCIO_OTHER_LOOP);
    asyncio_task_unref(of_another.task);
    asyncio_future_unref(of_another.futures[0]);
    assert_return_code(asyncio_loop_close(other), 0);
    asyncio_loop_unref(other);
    return 0;
}

static void wrong_tables(void **state)
{
    (void)state;
    run(wrong_types);
    run(wrong_awaits);
}

/* --- what suspends, called where there is no stack --- */

static asyncio_lock lock;
static asyncio_queue queue;
static unsigned calls;

static int nothing(void)
{
    return 0;
}

static void refused(int r)
{
    assert_string_equal(asyncio_error_name(r), "ASYNCIO_NO_TASK");
    assert_non_null(strstr(record_of(r)->text, "has no stack to wait on"));
    calls++;
}

static int resume_waiting(void *state, int sent, asyncio_future **ret_awaits)
{
    asyncio_future *future = state;
    int item;
    (void)sent, (void)ret_awaits;
    refused(asyncio_sleep(0));
    refused(asyncio_sleep(1));
    refused(asyncio_await(future));
    refused(asyncio_gather(future));
    refused(asyncio_shield(future));
    refused(asyncio_wait_for(future, 1));
    refused(asyncio_wait_for(asyncio_coro(asyncio_sleep, 1.0), 1));
    refused(asyncio_wait(&future, 1, NULL));
    refused(asyncio_to_thread(asyncio_coro(nothing)));
    refused(asyncio_lock_acquire(&lock));
    refused(asyncio_queue_get(&queue, &item));
    const asyncio_awaitable aws[] = { ASYNCIO_AWAITABLE(future) };
    asyncio_as_completed each;
    assert_return_code(asyncio_as_completed_enter(&each, aws, 1), 0);
    refused(asyncio_as_completed_next(&each, NULL, NULL));
    assert_return_code(asyncio_as_completed_exit(&each, 0), 0);
    asyncio_task_group group;
    assert_return_code(asyncio_task_group_enter(&group), 0);
    asyncio_task *task;
    assert_return_code(asyncio_task_group_create_task(&group, asyncio_coro(nothing), &task), 0);
    refused(asyncio_task_group_exit(&group, 0));
    asyncio_task_unref(task);
    asyncio_exit_stack stack; /* what does not wait works */
    assert_return_code(asyncio_exit_stack_enter(&stack), 0);
    assert_non_null(asyncio_strdup("text"));
    assert_return_code(asyncio_exit_stack_exit(&stack, 0), -ASYNCIO_SCOPE_ORDER);
    return 9;
}

static const asyncio_coroutine_type waiting_type = { .size = sizeof waiting_type,
                                                     .name = "waiting script",
                                                     .resume = resume_waiting };

static unsigned reports;

static void count(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop, (void)data;
    reports += context->exception == -ASYNCIO_SCOPE_OPEN;
}

static int waits_in_resume(void)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), count, NULL);
    asyncio_lock_init(&lock);
    assert_return_code(asyncio_lock_acquire(&lock), 0);
    assert_return_code(asyncio_queue_init(&queue, sizeof(int)), 0);
    asyncio_future *future = pending();
    asyncio_task *task;
    assert_return_code(asyncio_create_task(asyncio_coro_of(&waiting_type, future), &task), 0);
    assert_int_equal(asyncio_await(task), 9);
    asyncio_task_unref(task);
    assert_int_equal(calls, 13);
    assert_int_equal(reports, 1); /* the group it could not leave */
    assert_int_equal(asyncio_await(asyncio_coro_of(&waiting_type, future)), 9);
    assert_int_equal(calls, 26);
    assert_return_code(asyncio_sleep(0), 0); /* here one may again */
    assert_int_equal(reports, 2);
    asyncio_future_unref(future);
    assert_return_code(asyncio_lock_release(&lock), 0);
    assert_return_code(asyncio_queue_fini(&queue), 0);
    return 0;
}

static void what_suspends_called_in_resume(void **state)
{
    (void)state;
    run(waits_in_resume);
}

/* --- one that refuses to end --- */

static int resume_for_ever(void *state, int sent, asyncio_future **ret_awaits)
{
    (void)sent, (void)ret_awaits;
    ++*(unsigned *)state;
    return ASYNCIO_SUSPENDED;
}

static void trace_for_ever(void *state, char *text, size_t size)
{
    (void)state;
    snprintf(text, size, "line 7 for ever");
}

static char stood_at[64];

static void note_stack(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop, (void)data;
    if (context->stack_count)
        snprintf(stood_at, sizeof stood_at, "%s", context->stack[0].function);
}

static int leaves_one(unsigned *steps)
{
    static const asyncio_coroutine_type type = { .size = sizeof type,
                                                 .resume = resume_for_ever,
                                                 .trace = trace_for_ever };
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), note_stack, NULL);
    int r = asyncio_create_task(asyncio_coro_of(&type, steps), NULL);
    return r < 0 ? r : asyncio_sleep(0);
}

static void one_that_refuses_to_end(void **state)
{
    (void)state;
    unsigned steps = 0;
    assert_return_code(asyncio_run(asyncio_coro(leaves_one, &steps), .shutdown_timeout = 0.05), 0);
    assert_true(steps > 2);
    assert_string_equal(stood_at, "line 7 for ever");
}

/* --- eager ones that make eager ones, on whose stack ever --- */

static int reports_of_nest;

static void count_report(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop, (void)context, (void)data;
    reports_of_nest++;
}

struct nest {
    int depth;                 /* so many more of this kind, the last makes a C function */
    int *number;
    asyncio_task *child;
};

static int adds_one(int *number)
{
    int before = *number;
    int r = asyncio_sleep(0);
    *number = before + 1;
    return r < 0 ? r : asyncio_sleep(0.001);
}

static const asyncio_coroutine_type nest_type;

static int resume_nest(void *state, int sent, asyncio_future **ret_awaits)
{
    struct nest *nest = state;
    if (nest->child || sent < 0) {
        asyncio_task_unref(nest->child);
        return sent;
    }
    asyncio_frame frames[8];
    asyncio_task *tasks[8];
    int r = 0, count = asyncio_all_tasks(NULL, tasks, 8);
    for (int i = 0; i < count; i++) {
        r = r < 0 ? r : asyncio_task_get_stack(tasks[i], frames, 8);
        asyncio_task_unref(tasks[i]);
    }
    if (r < 0)
        return r;
    struct nest *inner = nest + 1;
    *inner = (struct nest){ .depth = nest->depth - 1, .number = nest->number };
    asyncio_coro coro = nest->depth > 0 ? asyncio_coro_of(&nest_type, inner)
                                        : asyncio_coro(adds_one, nest->number);
    r = asyncio_create_task(coro, &nest->child, .eager_start = 1);
    if (r < 0)
        return r;
    *ret_awaits = asyncio_future_ref(nest->child);
    return ASYNCIO_SUSPENDED;
}

static const asyncio_coroutine_type nest_type = {
    .size = sizeof nest_type, .name = "nest", .resume = resume_nest
};

static int eager_in_eager(void)
{
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), count_report, NULL);
    for (int depth = 0; depth < 3; depth++)
        for (int eager = 0; eager < 2; eager++) {
            int number = 0;
            struct nest nests[5] = { { .depth = depth, .number = &number } };
            asyncio_task *task;
            assert_return_code(asyncio_create_task(asyncio_coro_of(&nest_type, nests), &task,
                                                   .eager_start = eager),
                               0);
            for (int i = 0; i < 4; i++)
                assert_return_code(asyncio_sleep(0), 0);
            assert_int_equal(number, 1);
            assert_return_code(asyncio_await(task), 0);
            asyncio_task_unref(task);
        }
    return 0;
}

static void eager_ones_that_make_eager_ones(void **state)
{
    (void)state;
    for (int debug = 0; debug < 2; debug++) {
        assert_return_code(asyncio_run(asyncio_coro(eager_in_eager), .debug = debug), 0);
        assert_int_equal(reports_of_nest, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_any_coroutine),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(ended_with_its_loop),
        cmocka_unit_test(wrong_tables),
        cmocka_unit_test(what_suspends_called_in_resume),
        cmocka_unit_test(one_that_refuses_to_end),
        cmocka_unit_test(eager_ones_that_make_eager_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
