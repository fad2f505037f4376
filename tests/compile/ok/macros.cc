// SPDX-License-Identifier: MIT
// run
//
// Keyword arguments, callbacks and awaitables in C++; what an option points to lives as long as the
// call.
#include <asyncio.h>
#include <cstring>
#include <string>
#include <vector>
#include "check.h"

namespace {

int called;

int give(int value)
{
    int r = asyncio_sleep(0);
    return r < 0 ? r : value;
}

void plain(asyncio_loop *)
{
    called |= 1;
}

void with_data(asyncio_loop *, void *data)
{
    called |= *static_cast<int *>(data);
}

void task_done(asyncio_task *task)
{
    called |= asyncio_task_done(task) ? 4 : 0;
}

std::string name_of(int i)
{
    return "a name that is too long to be kept inside of a string " + std::to_string(i);
}

int callbacks()
{
    asyncio_loop *loop = asyncio_get_running_loop();
    int two = 2, eight = 8;
    asyncio_future *future;
    asyncio_task *task;
    CHECK(asyncio_loop_call_soon(loop, plain, nullptr) == 0);
    CHECK(asyncio_loop_call_soon(loop, &with_data, nullptr, .data = &two) == 0);
    CHECK(asyncio_loop_call_later(
              loop, 0, [](asyncio_loop *, void *data) { called |= *static_cast<int *>(data); },
              nullptr, .data = &eight) == 0);
    CHECK(asyncio_loop_call_soon(loop, [] { called |= 16; }, nullptr) == 0);
    CHECK(asyncio_create_task(asyncio_coro(give, 1), &task) == 0);
    CHECK(asyncio_future_add_done_callback(task, task_done) == 0);
    CHECK(asyncio_task_add_done_callback(task, [](asyncio_future *) { called |= 32; }) == 0);
    CHECK(asyncio_future_new(&future) == 0);
    CHECK(asyncio_future_add_done_callback(future,
                                           [](asyncio_future *, void *) { called |= 64; }) == 0);
    CHECK(asyncio_future_set_result(future, 0) == 0);
    CHECK(asyncio_await(task) == 1);
    CHECK(asyncio_sleep(0.01) == 0);
    CHECK(called == 127);
    const asyncio_future *constant = future;
    CHECK(asyncio_future_done(constant) && asyncio_future_done(task) &&
          asyncio_future_get_loop(task) == loop);
    asyncio_future_unref(asyncio_future_ref(task));
    asyncio_future_unref(task);
    asyncio_future_unref(future);
    return 0;
}

int keywords()
{
    asyncio_task *task;
    CHECK(asyncio_create_task(asyncio_coro(give, 1), nullptr) == 0);
    CHECK(asyncio_create_task(asyncio_coro(give, 1), &task, .name = name_of(7).c_str()) == 0);
    CHECK(name_of(7) == asyncio_task_get_name(task));
    asyncio_task_unref(task);
    CHECK(asyncio_create_task(asyncio_coro(give, 1), &task, .name = "x", .context = nullptr,
                              .eager_start = true, .stack_size = 1 << 17, .sticky_cancel = 0) == 0);
    asyncio_task_cancel(task, .message = "enough");
    CHECK(asyncio_await(task) == -ECANCELED);
    asyncio_task_unref(task);
    asyncio_run_options run;
    CHECK(run.size == sizeof run && run.debug == -1 && run.shutdown_timeout > 299 && !run.context);
    asyncio_wait_options wait;
    CHECK(wait.timeout <= ASYNCIO_NONE && wait.return_when == ASYNCIO_ALL_COMPLETED);
    asyncio_start_server_options server;
    CHECK(server.limit == 65536 && server.backlog == 100 && server.reuse_address == 1 &&
          !server.data);
    asyncio_create_task_options none{};
    CHECK(none.size == sizeof none && !none.name && !none.eager_start);
    return 0;
}

int awaitables()
{
    std::vector<asyncio_task *> tasks(3);
    for (auto &task : tasks)
        CHECK(asyncio_create_task(asyncio_coro(give, 1), &task) == 0);
    size_t done;
    CHECK(asyncio_wait(tasks.data(), tasks.size(), &done) == 0 && done == 3);
    CHECK(asyncio_wait(tasks.data(), 3, nullptr, .timeout = 1,
                       .return_when = ASYNCIO_FIRST_COMPLETED) == 0);
    CHECK(asyncio_gather(tasks[0], tasks[1], asyncio_coro(give, 1), ASYNCIO_AWAITABLE(tasks[2]),
                         asyncio_coro([] { return asyncio_sleep(0); })) == 0);
    std::vector<asyncio_awaitable> all;
    for (auto task : tasks)
        all.push_back(ASYNCIO_AWAITABLE(task));
    all.push_back(ASYNCIO_AWAITABLE(asyncio_coro(give, 2)));
    std::vector<int> got(4);
    CHECK(asyncio_gather_all(all.data(), all.size(), got.data(), .return_exceptions = true) == 0);
    CHECK(got[3] == 2);
    CHECK(asyncio_wait_for(asyncio_coro(asyncio_sleep, 100), 0.001) == -ETIMEDOUT);
    CHECK(asyncio_shield(tasks[0]) == 1);
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = asyncio_task_group_create_task(&group, asyncio_coro(give, 3), nullptr, .name = "child");
    CHECK(asyncio_task_group_exit(&group, r) == 0);
    for (auto task : tasks)
        asyncio_task_unref(task);
    return 0;
}

int echo(asyncio_stream *stream)
{
    char line[256];
    int n;
    while ((n = asyncio_stream_readline(stream, line, sizeof line)) > 0)
        if ((n = asyncio_stream_write(stream, line, n)) < 0)
            break;
    return n;
}

int serve()
{
    asyncio_server *server;
    int r = asyncio_start_server(echo, "127.0.0.1", 0, &server, .backlog = 1024);
    if (r < 0)
        return r;
    asyncio_stream *stream;
    r = asyncio_open_connection("127.0.0.1", asyncio_server_port(server), &stream, .limit = 1000);
    if (r >= 0) {
        char line[16];
        CHECK(asyncio_stream_write(stream, "hello\n", std::strlen("hello\n")) == 0);
        CHECK(asyncio_stream_readline(stream, line, sizeof line) == 6);
        asyncio_stream_unref(stream);
    }
    asyncio_server_unref(server);
    return r;
}

int program()
{
    return asyncio_gather(asyncio_coro(callbacks), asyncio_coro(keywords), asyncio_coro(awaitables),
                          asyncio_coro(serve));
}

} // namespace

int main()
{
    CHECK(asyncio_run(asyncio_coro(program), .debug = 0) == 0);
    CHECK(asyncio_run(asyncio_coro(give, 0), .debug = -1, .shutdown_timeout = 0) == 0);
    return verdict();
}
