/* SPDX-License-Identifier: MIT */
/* What is called has been awaited; what is no awaitable; too many of them. */
#include <asyncio.h>

int work(int x);

/* expect: what is called has been awaited. To delay the call, name it: asyncio_coro(function, */
int f(void) { return asyncio_await(work(1)); }

/* expect: what is called has been awaited */
int f(void) { return asyncio_gather(asyncio_coro(work, 1), work(2)); }

/* expect: what is called has been awaited */
int f(void) { return asyncio_wait_for(asyncio_sleep(1), 2); }

/* expect: what is called has been awaited */
int f(asyncio_task **task) { return asyncio_create_task(work(1), task, .name = "x"); }

/* expect: what is called has been awaited */
int main(void) { return asyncio_run(work(1)); }

/* expect: what is called has been awaited */
int f(asyncio_task_group *group) { return asyncio_task_group_create_task(group, work(1), NULL); }

/* expect: what is called has been awaited */
int f(void) { return asyncio_to_thread(work(1)); }

/* expect: what is called has been awaited */
int f(void) { return asyncio_shield(asyncio_gather(asyncio_coro(work, 1))); }

/* expect: what is called has been awaited */
int f(asyncio_loop *loop) { return asyncio_loop_run_until_complete(loop, work(1)); }

/* expect: what is called has been awaited */
int f(asyncio_awaitable *x) { *x = ASYNCIO_AWAITABLE(work(1)); return 0; }

/* expect: what is called has been awaited */
int f(asyncio_loop *loop) { return asyncio_run_coroutine_threadsafe(work(1), loop, NULL); }

/* expect: a_coroutine_object_a_task_or_a_future */
int f(void) { return asyncio_await("text"); }

/* expect: a_coroutine_object_a_task_or_a_future */
int f(asyncio_loop *loop) { return asyncio_await(loop); }

/* expect: a_coroutine_object_a_task_or_a_future */
int f(void) { return asyncio_await(work); }

/* expect: asyncio_coro */
int f(void) { return asyncio_run(work); }

/* expect: asyncio_coro */
int f(asyncio_task **task) { return asyncio_create_task(work, task); }

/* expect: error: */
int f(void) { return asyncio_gather(); }

/* expect: error: */
int f(asyncio_task *task) { return asyncio_run(task); }

/* expect: up to 16 here */
int f(asyncio_task *t) { return asyncio_gather(t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t, t); }

/* expect: tasks_or_futures */
int f(int *numbers) { return asyncio_wait(numbers, 1, NULL); }

/* expect: error: */
void f(asyncio_stream *stream) { asyncio_future_unref(stream); }

/* expect: tasks_or_futures */
int f(asyncio_coro *coros) { return asyncio_wait(coros, 2, NULL); }
