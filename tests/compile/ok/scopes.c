/* SPDX-License-Identifier: MIT */
/* run
 *
 * The scope macros over timeouts, groups and exit stacks: nested, named, left in every way. */
#include <asyncio.h>
#include "check.h"

static int waits(int milliseconds)
{
    return asyncio_sleep(milliseconds / 1000.0);
}

static int in_time(void)
{
    int r;
    ASYNCIO_TIMEOUT(60, r)
        r = 7;
    return r;
}

static int too_late(void)
{
    int r;
    ASYNCIO_TIMEOUT(0.001, r) {
        r = waits(60000);
    }
    return r;
}

static int moved(void)
{
    int r, expired = -1;
    ASYNCIO_TIMEOUT(ASYNCIO_NONE, r, limit) {
        CHECK(asyncio_timeout_reschedule(limit, asyncio_loop_time(asyncio_get_running_loop())) ==
              0);
        r = waits(60000);
        expired = asyncio_timeout_expired(limit);
    }
    CHECK(expired == 1);
    return r;
}

static int at_a_moment(void)
{
    int r;
    ASYNCIO_TIMEOUT_AT(asyncio_loop_time(asyncio_get_running_loop()) - 1, r)
        r = waits(60000);
    CHECK(r == -ETIMEDOUT);
    ASYNCIO_TIMEOUT_AT(asyncio_loop_time(asyncio_get_running_loop()) + 60, r, limit)
        CHECK(asyncio_timeout_when(limit) > 0);
    return r;
}

static int returns(int value)
{
    int r;
    ASYNCIO_TIMEOUT(60, r)
        return value;
    return r;
}

static int breaks(void)
{
    int r, rounds = 0;
    for (int i = 0; i < 4; i++) {
        ASYNCIO_TIMEOUT(60, r, limit) {
            if (i == 1) {
                r = -EIO;
                break;
            }
            if (i == 2)
                goto out;
            r = asyncio_timeout_when(limit) > 0;
            continue;
        }
        CHECK(r == (i == 1 ? -EIO : 1));
        rounds++;
    }
out:
    return rounds;
}

static int fails(int code)
{
    return asyncio_raise(code, "number %d", -code);
}

static int group_of(int count, int code)
{
    int r;
    ASYNCIO_TASK_GROUP(group, r) {
        for (int i = 0; i < count && r >= 0; i++)
            r = asyncio_task_group_create_task(group, asyncio_coro(fails, code), NULL);
        if (r < 0)
            break;
        r = count;
    }
    return r;
}

static int nested(void)
{
    int r, inner;
    ASYNCIO_TIMEOUT(60, r) {
        ASYNCIO_TASK_GROUP(outer_group, r) {
            ASYNCIO_TASK_GROUP(group, inner) {
                inner = asyncio_task_group_create_task(group, asyncio_coro(waits, 1), NULL);
                CHECK(asyncio_task_group_create_task(outer_group, asyncio_coro(waits, 1), NULL) ==
                      0);
            }
            r = inner;
        }
    }
    return r;
}

static void count(void *number)
{
    ++*(int *)number;
}

static int deferred;

static int stacks(void)
{
    int r;
    ASYNCIO_EXIT_STACK(r) {
        CHECK(asyncio_defer(count, &deferred) == 0);
        CHECK(asyncio_strdup("text") && deferred == 0);
        r = 3;
    }
    CHECK(r == 3 && deferred == 1);
    ASYNCIO_EXIT_STACK(r)
        return asyncio_defer(count, &deferred);
    return r;
}

static int program(void)
{
    CHECK(in_time() == 7);
    CHECK(too_late() == -ETIMEDOUT);
    CHECK(moved() == -ETIMEDOUT);
    CHECK(at_a_moment() == 0);
    CHECK(returns(5) == 5);
    CHECK(breaks() == 2);
    CHECK(group_of(0, 0) == 0);
    CHECK(group_of(2, 0) == 2);
    CHECK(group_of(2, -EIO) == -EIO && asyncio_last_error(-EIO)->error_count == 2);
    CHECK(nested() == 0);
    CHECK(stacks() == 0 && deferred == 2);
    CHECK(asyncio_task_cancelling(asyncio_current_task()) == 0);
    return asyncio_sleep(0); /* nothing was left open: that would be reported */
}

int main(void)
{
    int ran = 0;
    int r = 1;
    ASYNCIO_TIMEOUT(1, r) /* no task */
        ran = 1;
    CHECK(r == -ASYNCIO_NO_TASK && !ran);
    ASYNCIO_TASK_GROUP(group, r)
        ran = asyncio_task_group_cancel(group) + 1;
    CHECK(r == -ASYNCIO_NO_TASK && !ran);
    ASYNCIO_EXIT_STACK(r)
        ran = 1;
    CHECK(r == -ASYNCIO_NO_TASK && !ran);
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return verdict();
}
