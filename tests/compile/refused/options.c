/* SPDX-License-Identifier: MIT */
/* Options there are not, values of another type, callbacks of another form. */
#include <asyncio.h>

int work(int x);
int no_server(asyncio_server *server);
void no_result(asyncio_stream *stream);
void on_int(int value);
int with_result(asyncio_loop *loop);
void other_data(asyncio_loop *loop, int data);

/* expect gcc: has no member named 'nmae' */
/* expect clang: 'nmae' does not refer to any field */
int f(void) { return asyncio_create_task(asyncio_coro(work, 1), NULL, .nmae = "x"); }

/* expect gcc: has no member named 'timeout' */
/* expect clang: 'timeout' does not refer to any field */
int f(void) { return asyncio_run(asyncio_coro(work, 1), .timeout = 1); }

/* expect: error: */
/* flags: -Werror=int-conversion */
int f(void) { return asyncio_create_task(asyncio_coro(work, 1), NULL, .name = 5); }

/* expect: error: */
int f(void) { return asyncio_run(asyncio_coro(work, 1), .shutdown_timeout = "1"); }

/* expect: error: */
int f(void) { return asyncio_create_task(asyncio_coro(work, 1)); }

/* expect: error: */
int f(asyncio_loop *loop) { return asyncio_loop_call_soon(loop, with_result, NULL); }

/* expect: error: */
int f(asyncio_loop *loop) { return asyncio_loop_call_soon(loop, other_data, NULL); }

/* expect: error: */
int f(asyncio_loop *loop) { return asyncio_loop_call_later(loop, 1, 2, NULL); }

/* expect: error: */
int f(asyncio_future *future) { return asyncio_future_add_done_callback(future, on_int); }

/* expect: error: */
int f(asyncio_loop *loop) { return asyncio_loop_add_reader(loop, 0, work); }

/* expect: error: */
int f(asyncio_server **server) { return asyncio_start_server(no_server, NULL, 0, server); }

/* expect: error: */
int f(asyncio_server **server) { return asyncio_start_server(no_result, NULL, 0, server); }

/* expect: error: */
/* flags: -Werror=int-conversion */
int f(asyncio_stream *stream) { return asyncio_stream_write(stream, "text", "4"); }
