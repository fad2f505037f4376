/* SPDX-License-Identifier: MIT */
/* Every public macro once, bare and with a keyword argument, in what is C and C++ alike. It is
 * compiled and not called: what the calls do is tested elsewhere. compile.py finds a macro that
 * appears neither here nor in another program of its language. */
#pragma once

#include <asyncio.h>

struct every {
    asyncio_loop *loop;
    asyncio_task *task;
    asyncio_future *future;
    asyncio_stream *stream;
    asyncio_server *server;
    asyncio_transport *transport;
    asyncio_datagram_transport *datagrams;
    asyncio_subprocess_transport *child;
    asyncio_process *process;
    asyncio_ssl_context *ssl;
    asyncio_context *context;
    asyncio_queue queue;
    asyncio_thread_queue *threads;
    char text[8];
    int number;
};

static int nothing(void)
{
    return 0;
}

static void on_loop(asyncio_loop *loop, void *data)
{
    (void)loop;
    (void)data;
}

static void on_number(int number, void *data)
{
    (void)number;
    (void)data;
}

static void on_future(asyncio_future *future, void *data)
{
    (void)future;
    (void)data;
}

static int on_name(asyncio_ssl_context *context, const char *name, asyncio_ssl_context **ret_other,
                   void *data)
{
    (void)context;
    (void)name;
    (void)ret_other;
    (void)data;
    return 0;
}

static int on_stream(asyncio_stream *stream, void *data)
{
    (void)data;
    return asyncio_stream_write(stream, "x", 1);
}

static asyncio_protocol *no_protocol(void *data)
{
    (void)data;
    return NULL;
}

static asyncio_subprocess_protocol *no_child_protocol(void *data)
{
    (void)data;
    return NULL;
}

static int every_connection(struct every *it)
{
    asyncio_loop *loop = it->loop;
    int r = asyncio_open_connection("localhost", 1, &it->stream);
    r |= asyncio_open_connection("localhost", 1, &it->stream, .limit = 100, .ssl = it->ssl);
    r |= asyncio_open_unix_connection("/x", &it->stream);
    r |= asyncio_open_unix_connection("/x", &it->stream, .limit = 100);
    r |= asyncio_connect_accepted_socket(1, &it->stream);
    r |= asyncio_connect_accepted_socket(1, &it->stream, .limit = 100);
    r |= asyncio_start_server(on_stream, NULL, 1, &it->server);
    r |= asyncio_start_server(on_stream, NULL, 1, &it->server, .backlog = 1, .data = it);
    r |= asyncio_start_unix_server(on_stream, "/x", &it->server);
    r |= asyncio_start_unix_server(on_stream, "/x", &it->server, .backlog = 1, .data = it);
    r |= asyncio_loop_create_connection(loop, no_protocol, "localhost", 1, &it->transport);
    r |= asyncio_loop_create_connection(loop, no_protocol, "localhost", 1, NULL, .data = it);
    r |= asyncio_loop_create_unix_connection(loop, no_protocol, "/x", &it->transport);
    r |= asyncio_loop_create_unix_connection(loop, no_protocol, "/x", NULL, .data = it);
    r |= asyncio_loop_create_server(loop, no_protocol, NULL, 1, &it->server);
    r |= asyncio_loop_create_server(loop, no_protocol, NULL, 1, &it->server, .backlog = 1);
    r |= asyncio_loop_create_unix_server(loop, no_protocol, "/x", &it->server);
    r |= asyncio_loop_create_unix_server(loop, no_protocol, "/x", &it->server, .backlog = 1);
    r |= asyncio_loop_create_datagram_endpoint(loop, NULL, &it->datagrams);
    r |= asyncio_loop_create_datagram_endpoint(loop, NULL, &it->datagrams, .reuse_port = 1);
    r |= asyncio_loop_connect_accepted_socket(loop, no_protocol, 1, &it->transport);
    r |= asyncio_loop_connect_accepted_socket(loop, no_protocol, 1, NULL, .data = it);
    r |= asyncio_connect_read_pipe(0, &it->stream);
    r |= asyncio_connect_read_pipe(0, &it->stream, .limit = 100);
    r |= asyncio_connect_write_pipe(1, &it->stream);
    r |= asyncio_connect_write_pipe(1, &it->stream, .limit = 100);
    r |= asyncio_loop_connect_read_pipe(loop, no_protocol, 0, &it->transport);
    r |= asyncio_loop_connect_read_pipe(loop, no_protocol, 0, NULL, .data = it);
    r |= asyncio_loop_connect_write_pipe(loop, no_protocol, 1, &it->transport);
    r |= asyncio_loop_connect_write_pipe(loop, no_protocol, 1, NULL, .data = it);
    return r;
}

static int every_stream(struct every *it)
{
    asyncio_loop *loop = it->loop;
    struct iovec piece = { it->text, sizeof it->text };
    int r = asyncio_stream_read(it->stream, it->text, sizeof it->text);
    r |= asyncio_stream_readexactly(it->stream, it->text, sizeof it->text, NULL);
    r |= asyncio_stream_fill(it->stream, 1);
    asyncio_stream_consume(it->stream, 1);
    r |= asyncio_stream_write_nowait(it->stream, it->text, 1);
    r |= asyncio_stream_writelines(it->stream, &piece, 1);
    r |= asyncio_stream_start_tls(it->stream, it->ssl);
    r |= asyncio_stream_start_tls(it->stream, it->ssl, .server_hostname = "localhost");
    r |= asyncio_loop_start_tls(loop, it->transport, it->ssl);
    r |= asyncio_loop_start_tls(loop, it->transport, it->ssl, .server_side = 1);
    r |= asyncio_ssl_create_default_context(ASYNCIO_SSL_SERVER_AUTH, &it->ssl);
    r |= asyncio_ssl_create_default_context(ASYNCIO_SSL_CLIENT_AUTH, &it->ssl, .cafile = "/x");
    asyncio_ssl_context_set_sni_callback(it->ssl, on_name);
    asyncio_ssl_context_set_sni_callback(it->ssl, on_name, .data = it);
    r |= asyncio_loop_sendfile(loop, it->stream, 1, NULL);
    r |= asyncio_loop_sendfile(loop, it->stream, 1, NULL, .offset = 1);
    r |= asyncio_loop_sendfile(loop, it->transport, 1, NULL);
    r |= asyncio_loop_sendfile(loop, it->transport, 1, NULL, .offset = 1);
    r |= asyncio_loop_sock_sendfile(loop, 1, 1, NULL);
    r |= asyncio_loop_sock_sendfile(loop, 1, 1, NULL, .offset = 1);
    return r;
}

static int every_system(struct every *it)
{
    const struct sockaddr *address = NULL;
    asyncio_loop *loop = it->loop;
    struct addrinfo *infos;
    asyncio_nameinfo info;
    asyncio_process_output output;
    char *file;
    int r = asyncio_loop_getaddrinfo(loop, "localhost", NULL, &infos);
    r |= asyncio_loop_getaddrinfo(loop, "localhost", NULL, &infos, .family = 2);
    r |= asyncio_loop_getnameinfo(loop, address, sizeof *address, &info);
    r |= asyncio_loop_getnameinfo(loop, address, sizeof *address, &info, .flags = 1);
    r |= asyncio_loop_set_resolver(loop);
    r |= asyncio_loop_set_resolver(loop, .cache_size = 0);
    r |= asyncio_create_subprocess_shell("true", &it->process);
    r |= asyncio_create_subprocess_shell("true", &it->process, .cwd = "/");
    r |= asyncio_process_communicate(it->process, &output);
    r |= asyncio_process_communicate(it->process, NULL, .input = "x", .input_size = 1);
    r |= asyncio_loop_subprocess_shell(loop, no_child_protocol, "true", &it->child);
    r |= asyncio_loop_subprocess_shell(loop, no_child_protocol, "true", NULL, .cwd = "/");
    r |= asyncio_read_file("/x", &file, NULL);
    r |= asyncio_mkdir("/x");
    r |= asyncio_open("/x", 0);
    return r;
}

static int every_task(struct every *it)
{
    asyncio_loop *loop = it->loop;
    asyncio_concurrent_future *concurrent;
    asyncio_exit_stack stack;
    asyncio_as_completed completed;
    asyncio_timeout limit;
    asyncio_awaitable both[] = { ASYNCIO_AWAITABLE(it->task), ASYNCIO_AWAITABLE(it->future) };
    int r = asyncio_exit_stack_enter(&stack);
    r |= asyncio_as_completed_enter(&completed, both, 2);
    r |= asyncio_as_completed_enter(&completed, both, 2, .timeout = 1.0);
    r |= asyncio_context_run(it->context, asyncio_coro(nothing));
    r |= asyncio_ensure_future(asyncio_coro(nothing), &it->future);
    r |= asyncio_gather_future(both, 2, &it->future);
    r |= asyncio_gather_future(both, 2, &it->future, .return_exceptions = 1);
    r |= asyncio_shield_future(it->task, &it->future);
    r |= asyncio_task_remove_done_callback(it->task, on_future, NULL);
    r |= asyncio_loop_create_task(loop, asyncio_coro(nothing), &it->task);
    r |= asyncio_loop_create_task(loop, asyncio_coro(nothing), NULL, .name = "x");
    r |= asyncio_task_new(loop, asyncio_coro(nothing), NULL, NULL);
    r |= asyncio_loop_run_in_executor(loop, NULL, asyncio_coro(nothing), &it->future);
    r |= asyncio_run_coroutine_threadsafe(asyncio_coro(nothing), loop, &concurrent);
    r |= asyncio_queue_get_nowait(&it->queue, &it->number);
    r |= asyncio_thread_queue_get_nowait(it->threads, &it->number);
    r |= asyncio_lifo_queue_init(&it->queue, sizeof(int));
    r |= asyncio_lifo_queue_init(&it->queue, sizeof(int), .maxsize = 1);
    r |= asyncio_timeout_enter(&limit, 1.0);
    r |= asyncio_timeout_at_enter(&limit, 1.0);
    return r < 0 ? asyncio_raise(r, "%d", r) : r;
}

static int every_future(struct every *it)
{
    static asyncio_context_var variable = ASYNCIO_CONTEXT_VAR("x");
    int r = asyncio_future_cancel(it->future) + asyncio_future_cancel(it->task, .message = "x");
    r |= asyncio_future_cancelled(it->task) + asyncio_future_result(it->task);
    r |= asyncio_future_exception(it->task, &it->number);
    r |= asyncio_future_set_exception(it->future, -1);
    r |= asyncio_future_remove_done_callback(it->future, on_future, NULL);
    r |= asyncio_future_cancel_message(it->task) != NULL;
    r |= asyncio_context_var_set(&variable, it, NULL);
    r |= asyncio_context_var_set(&variable, it, NULL, .destroy = NULL);
    return r;
}

static int every_loop(struct every *it)
{
    asyncio_loop *loop = it->loop;
    asyncio_runner runner;
    int r = asyncio_loop_new(&it->loop);
    r |= asyncio_loop_add_reader(loop, 0, on_number);
    r |= asyncio_loop_add_reader(loop, 0, on_number, .data = it);
    r |= asyncio_loop_add_writer(loop, 0, on_number);
    r |= asyncio_loop_add_writer(loop, 0, on_number, .data = it);
    r |= asyncio_loop_add_signal_handler(loop, 1, on_number);
    r |= asyncio_loop_add_signal_handler(loop, 1, on_number, .data = it);
    r |= asyncio_loop_call_at(loop, 1.0, on_loop, NULL);
    r |= asyncio_loop_call_at(loop, 1.0, on_loop, NULL, .data = it);
    r |= asyncio_loop_call_soon_threadsafe(loop, on_loop, NULL);
    r |= asyncio_loop_call_soon_threadsafe(loop, on_loop, NULL, .data = it);
    asyncio_loop_call_exception_handler(loop, .message = "x");
    r |= asyncio_loop_run_until_complete(loop, it->future);
    r |= asyncio_loop_start_watchdog(loop);
    r |= asyncio_loop_start_watchdog(loop, .limit = 1.0);
    r |= asyncio_runner_enter(&runner);
    r |= asyncio_runner_enter(&runner, .debug = 1);
    r |= asyncio_runner_run(&runner, asyncio_coro(nothing));
    r |= asyncio_runner_run(&runner, asyncio_coro(nothing), .context = it->context);
    return r;
}

typedef int every_function(struct every *it);
static every_function *const every[] = { every_connection, every_stream, every_system,
                                         every_task,       every_future, every_loop };
