// SPDX-License-Identifier: MIT
// run
//
// The scope macros in C++: left by an exception, too.
#include <asyncio.h>
#include "check.h"

namespace {

int waits(int milliseconds)
{
    return asyncio_sleep(milliseconds / 1000.0);
}

int too_late()
{
    int r;
    ASYNCIO_TIMEOUT(0.001, r)
        r = waits(60000);
    return r;
}

int moved()
{
    int r;
    ASYNCIO_TIMEOUT(ASYNCIO_NONE, r, limit) {
        CHECK(asyncio_timeout_reschedule(limit, asyncio_loop_time(asyncio_get_running_loop())) ==
              0);
        r = waits(60000);
    }
    return r;
}

int group()
{
    int r;
    ASYNCIO_TIMEOUT_AT(asyncio_loop_time(asyncio_get_running_loop()) + 60, r) {
        ASYNCIO_TASK_GROUP(tasks, r) {
            r = asyncio_task_group_create_task(tasks, asyncio_coro(waits, 1), nullptr);
            if (r >= 0)
                r = asyncio_task_group_create_task(
                    tasks, asyncio_coro([](int number) { return number; }, -EIO), nullptr);
        }
    }
    return r;
}

int deferred;

void throws()
{
    int r;
    ASYNCIO_EXIT_STACK(r) {
        ASYNCIO_TIMEOUT(60, r) {
            if (asyncio_defer([](void *number) { ++*static_cast<int *>(number); }, &deferred) == 0)
                throw r;
        }
    }
}

int program()
{
    CHECK(too_late() == -ETIMEDOUT);
    CHECK(moved() == -ETIMEDOUT);
    CHECK(group() == -EIO && asyncio_last_error(-EIO)->error_count == 1);
    bool caught = false;
    try {
        throws();
    } catch (int) {
        caught = true;
    }
    CHECK(caught && deferred == 1);
    return asyncio_sleep(0);
}

} // namespace

int main()
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
