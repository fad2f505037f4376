/* SPDX-License-Identifier: MIT */
/* run
 *
 * Keyword arguments: none, some, all, in any order, zero where the default is not; and the
 * defaults themselves. */
#include <asyncio.h>
#include <string.h>
#include "check.h"

static int nothing(void)
{
    return 0;
}

static int new_loop(asyncio_loop **ret_loop, void *data)
{
    ++*(int *)data;
    return asyncio_loop_new(ret_loop);
}

static int tasks(void)
{
    asyncio_task *task;
    asyncio_context *context;
    const char *name = "crawler";
    CHECK(asyncio_copy_context(&context) == 0);
    CHECK(asyncio_create_task(asyncio_coro(nothing), NULL) == 0);
    CHECK(asyncio_create_task(asyncio_coro(nothing), &task, .name = name) == 0);
    CHECK(strcmp(asyncio_task_get_name(task), "crawler") == 0);
    asyncio_task_unref(task);
    CHECK(asyncio_create_task(asyncio_coro(nothing), &task, .sticky_cancel = 0, .name = NULL,
                              .stack_size = 1 << 17, .eager_start = 1, .context = context) == 0);
    CHECK(asyncio_task_done(task) && asyncio_task_get_context(task) == context);
    asyncio_task_unref(task);
    CHECK(asyncio_loop_create_task(asyncio_get_running_loop(), asyncio_coro(nothing), &task,
                                   .name = "other") == 0);
    asyncio_task_cancel(task);
    asyncio_task_cancel(task, .message = "twice");
    asyncio_task_unref(task);
    CHECK(asyncio_task_new(asyncio_get_running_loop(), asyncio_coro(nothing), NULL, NULL) == 0);
    CHECK(asyncio_to_thread(asyncio_coro(nothing)) == 0);
    CHECK(asyncio_to_thread(asyncio_coro(nothing), .abandon = 1) == 0);
    CHECK(asyncio_context_run(context, asyncio_coro(nothing)) == 0);
    asyncio_context_unref(context);
    return asyncio_sleep(0);
}

static int variables(void)
{
    static asyncio_context_var user = ASYNCIO_CONTEXT_VAR("user");
    static int value = 5;
    static asyncio_context_var other = ASYNCIO_CONTEXT_VAR_DEFAULT("other", &value);
    asyncio_context_token *token;
    void *got = NULL;
    CHECK(asyncio_context_var_get(&user, &got) == -ASYNCIO_LOOKUP);
    CHECK(asyncio_context_var_get(&other, &got) == 0 && got == &value);
    CHECK(asyncio_context_var_set(&user, &value, &token) == 0);
    CHECK(asyncio_context_var_reset(&user, token) == 0);
    CHECK(asyncio_context_var_set(&user, &value, NULL, .destroy = NULL) == 0);
    return 0;
}

static int later(void)
{
    return asyncio_await(asyncio_coro(tasks)) + asyncio_await(asyncio_coro(variables));
}

static void defaults(void)
{
    asyncio_run_options run = ASYNCIO__OPTIONS(asyncio_run_options, ASYNCIO__RUN_DEFAULTS, );
    CHECK(run.size == sizeof run && run.debug == -1 && run.shutdown_timeout >= 300 &&
          run.loop_factory == NULL && run.context == NULL);
    run = ASYNCIO__OPTIONS(asyncio_run_options, ASYNCIO__RUN_DEFAULTS, .shutdown_timeout = 0,
                           .debug = 0, );
    CHECK(run.debug == 0 && run.shutdown_timeout <= 0);
}

int main(void)
{
    int made = 0;
    asyncio_loop *loop;
    defaults();
    CHECK(asyncio_run(asyncio_coro(nothing)) == 0);
    CHECK(asyncio_run(asyncio_coro(later), .debug = 0, .shutdown_timeout = ASYNCIO_NONE) == 0);
    CHECK(asyncio_run(asyncio_coro(nothing), .loop_factory = new_loop,
                      .loop_factory_data = &made) == 0);
    CHECK(made == 1);
    asyncio_runner runner;
    asyncio_runner_enter(&runner);
    CHECK(asyncio_runner_run(&runner, asyncio_coro(nothing)) == 0);
    CHECK(asyncio_runner_run(&runner, asyncio_coro(nothing), .context = NULL) == 0);
    CHECK(asyncio_runner_exit(&runner, 0) == 0);
    asyncio_runner_enter(&runner, .debug = 1);
    CHECK(asyncio_runner_exit(&runner, 3) == 3);
    CHECK(asyncio_loop_new(&loop, .backend = "epoll", .poll_every_turn = 1) == 0);
    CHECK(asyncio_loop_run_until_complete(loop, asyncio_coro(nothing)) == 0);
    CHECK(asyncio_loop_close(loop) == 0);
    asyncio_loop_unref(loop);
    return verdict();
}
