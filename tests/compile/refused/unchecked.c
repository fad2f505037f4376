/* SPDX-License-Identifier: MIT */
/* Results that nobody looks at, of calls that suspend, create or fail: the attribute goes through
 * the macros. */
#include <asyncio.h>

int work(int x);
int serve(asyncio_stream *stream);
void done(asyncio_future *future);
extern asyncio_awaitable all[2];
extern asyncio_task *task;
extern asyncio_future *future;
extern asyncio_loop *loop;
extern asyncio_task_group group;
extern asyncio_timeout limit;
extern asyncio_as_completed each;
extern asyncio_context *context;
extern asyncio_context_var variable;
extern asyncio_runner runner;
extern asyncio_stream *stream;
extern asyncio_server *server;
extern char buffer[4];
void f(void);

/* expect on each line: unused-result */
/* flags: -Werror=unused-result */
void f(void)
{
    asyncio_await(asyncio_coro(work, 1));
    asyncio_sleep(1);
    asyncio_run(asyncio_coro(work, 1));
    asyncio_run(asyncio_coro(work, 1), .debug = 1);
    asyncio_gather(asyncio_coro(work, 1), asyncio_coro(work, 2));
    asyncio_gather_all(all, 2, NULL);
    asyncio_gather_all(all, 2, NULL, .return_exceptions = 1);
    asyncio_gather_future(all, 2, &future);
    asyncio_create_task(asyncio_coro(work, 1), &task);
    asyncio_create_task(asyncio_coro(work, 1), &task, .name = "x");
    asyncio_loop_create_task(loop, asyncio_coro(work, 1), &task);
    asyncio_task_new(loop, asyncio_coro(work, 1), &task, NULL);
    asyncio_task_group_create_task(&group, asyncio_coro(work, 1), NULL);
    asyncio_task_group_exit(&group, 0);
    asyncio_timeout_exit(&limit, 0);
    asyncio_ensure_future(task, &future);
    asyncio_shield(task);
    asyncio_shield_future(task, &future);
    asyncio_wait_for(task, 1);
    asyncio_wait(&task, 1, NULL);
    asyncio_wait(&task, 1, NULL, .timeout = 1);
    asyncio_as_completed_next(&each, NULL, NULL);
    asyncio_to_thread(asyncio_coro(work, 1));
    asyncio_run_coroutine_threadsafe(asyncio_coro(work, 1), loop, NULL);
    asyncio_loop_run_in_executor(loop, NULL, asyncio_coro(work, 1), &future);
    asyncio_context_run(context, asyncio_coro(work, 1));
    asyncio_context_var_set(&variable, NULL, NULL);
    asyncio_future_add_done_callback(future, done);
    asyncio_task_add_done_callback(task, done, .data = NULL);
    asyncio_loop_new(&loop, .backend = "sim");
    asyncio_loop_run_until_complete(loop, task);
    asyncio_loop_run_forever(loop);
    asyncio_runner_run(&runner, asyncio_coro(work, 1));
    asyncio_open_connection("localhost", 80, &stream);
    asyncio_start_server(serve, NULL, 80, &server, .backlog = 1);
    asyncio_stream_write(stream, "text", 4);
    asyncio_stream_write_nowait(stream, "text", 4);
    asyncio_stream_writelines(stream, NULL, 0);
    asyncio_stream_read(stream, buffer, 4);
    asyncio_stream_readexactly(stream, buffer, 4, NULL);
    asyncio_stream_fill(stream, 1);
    asyncio_loop_start_watchdog(loop);
}
