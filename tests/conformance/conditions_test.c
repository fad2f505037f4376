/* SPDX-License-Identifier: MIT */
/* Conditions, as scenarios_conditions.py: who waits has the lock again when it goes on, cancelled
 * or not; no notification is lost. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

/* Each scenario is a process of its own. */
static asyncio_condition condition;

static const char *locked(void)
{
    return yes(asyncio_condition_locked(&condition));
}

static void release(void)
{
    ok(asyncio_condition_release(&condition));
}

static void acquire(void)
{
    ok(asyncio_condition_acquire(&condition));
}

static void init(void)
{
    ok(asyncio_condition_init(&condition));
}

static int waits(const char *who, int n)
{
    int r = asyncio_condition_acquire(&condition);
    if (r < 0)
        return r;
    say("%s waits", who);
    r = asyncio_condition_wait(&condition);
    say("%s %s, locked %s", who, name(r), locked());
    for (int i = 0; i < n; i++)
        (void)!asyncio_sleep(0);
    release();
    return r;
}

static int wants(const char *who, int n)
{
    int r = asyncio_condition_acquire(&condition);
    if (r < 0)
        return r;
    say("%s has the lock", who);
    r = passes(n);
    release();
    return r;
}

#define WAITS(who) start(asyncio_coro(waits, who, 0))
#define WANTS(who, n) start(asyncio_coro(wants, who, n))

static void notifies(int n)
{
    acquire();
    ok(asyncio_condition_notify(&condition, n));
    release();
}

static void all_end(asyncio_task **tasks, int count)
{
    const char *line = ends(tasks[0]);
    for (int i = 1; i < count; i++)
        line = text("%s %s", line, ends(tasks[i]));
    say("%s", line);
}

#define ALL_END(...)                                                                               \
    all_end((asyncio_task *[]){ __VA_ARGS__ }, (int)ASYNCIO__COUNT(__VA_ARGS__))

static int told(void *data)
{
    return *(int *)data;
}

SCENARIO(wait_and_notify_need_the_lock)
{
    static int no = 0, one = 1;
    init();
    say("%s", name(asyncio_condition_wait(&condition)));
    say("%s", name(asyncio_condition_notify(&condition, 1)));
    say("%s", name(asyncio_condition_notify_all(&condition)));
    say("%s", name(asyncio_condition_release(&condition)));
    int r = asyncio_condition_wait_for(&condition, told, &one);
    say("%s", r == 1 ? "0" : name(r)); /* True: no more than success here */
    say("%s", name(asyncio_condition_wait_for(&condition, told, &no)));
    return 0;
}

SCENARIO(a_notification_turn_by_turn)
{
    init();
    asyncio_task *a = WAITS("a");
    ok(passes(1));
    turns(5);
    acquire();
    ok(asyncio_condition_notify(&condition, 1));
    ok(passes(1));
    say("released");
    release();
    ALL_END(a);
    return 0;
}

SCENARIO(wait_gives_the_lock_to_who_waits_for_it)
{
    init();
    asyncio_task *a = WAITS("a"), *b = WANTS("b", 1);
    turns(4);
    ok(passes(3));
    notifies(1);
    ALL_END(a, b);
    return 0;
}

SCENARIO(notify_wakes_the_first_only)
{
    init();
    asyncio_task *a = WAITS("a"), *b = WAITS("b"), *c = WAITS("c");
    ok(passes(1));
    notifies(1);
    ok(passes(3));
    say("%s %s %s", state(a), state(b), state(c));
    notifies(1);
    notifies(1);
    ALL_END(a, b, c);
    return 0;
}

SCENARIO(notify_of_some)
{
    static const int numbers[] = { 0, -1, 2, 100 };
    init();
    asyncio_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = WAITS(text("%c", 'a' + i));
    ok(passes(1));
    for (int i = 0; i < 4; i++) {
        notifies(numbers[i]);
        ok(passes(3));
        say("%d: %s %s %s %s", numbers[i], state(tasks[0]), state(tasks[1]), state(tasks[2]),
            state(tasks[3]));
    }
    all_end(tasks, 4);
    return 0;
}

SCENARIO(a_notification_that_nobody_waits_for_is_gone)
{
    init();
    notifies(5);
    asyncio_task *a = WAITS("a");
    ok(passes(4));
    say("%s", state(a));
    notifies(1);
    ALL_END(a);
    return 0;
}

SCENARIO(notify_all_and_each_has_the_lock_in_turn)
{
    init();
    asyncio_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = start(asyncio_coro(waits, text("%c", 'a' + i), 1));
    ok(passes(1));
    acquire();
    ok(asyncio_condition_notify_all(&condition));
    release();
    turns(6);
    all_end(tasks, 3);
    return 0;
}

SCENARIO(who_is_notified_queues_behind_those_who_want_the_lock)
{
    init();
    asyncio_task *a = WAITS("a");
    ok(passes(1));
    acquire();
    asyncio_task *b = WANTS("b", 1);
    ok(passes(1));
    ok(asyncio_condition_notify(&condition, 1));
    release();
    asyncio_task *c = WANTS("c", 0);
    turns(5);
    ALL_END(a, b, c);
    return 0;
}

SCENARIO(notifying_twice_before_anybody_runs_wakes_two)
{
    init();
    asyncio_task *a = WAITS("a"), *b = WAITS("b"), *c = WAITS("c");
    ok(passes(1));
    acquire();
    ok(asyncio_condition_notify(&condition, 1));
    ok(asyncio_condition_notify(&condition, 1));
    release();
    ok(passes(3));
    say("%s %s %s", state(a), state(b), state(c));
    notifies(1);
    ALL_END(a, b, c);
    return 0;
}

SCENARIO(cancelled_while_it_waits_it_has_the_lock_again)
{
    init();
    asyncio_task *a = WAITS("a");
    ok(passes(1));
    asyncio_task_cancel(a);
    ALL_END(a);
    say("locked %s", locked());
    return 0;
}

SCENARIO(cancelled_while_another_has_the_lock)
{
    init();
    asyncio_task *a = WAITS("a");
    ok(passes(1));
    acquire();
    turns(7);
    asyncio_task_cancel(a);
    ok(passes(3));
    say("%s, released", state(a));
    release();
    ALL_END(a);
    say("cancelling %d", asyncio_task_cancelling(a));
    return 0;
}

SCENARIO(cancelled_again_and_again_while_it_wants_the_lock_back)
{
    init();
    asyncio_task *a = WAITS("a");
    ok(passes(1));
    acquire();
    for (int i = 0; i < 3; i++) {
        say("%s", yes(asyncio_task_cancel(a)));
        ok(passes(2));
    }
    say("%s, released", state(a));
    turns(3);
    release();
    ALL_END(a);
    say("cancelling %d", asyncio_task_cancelling(a));
    return 0;
}

SCENARIO(each_cancel_puts_it_behind_the_others_who_want_the_lock)
{
    init();
    asyncio_task *a = WAITS("a");
    ok(passes(1));
    acquire();
    ok(asyncio_condition_notify(&condition, 1));
    ok(passes(1));
    asyncio_task *b = WANTS("b", 1);
    ok(passes(1));
    asyncio_task_cancel(a);
    ok(passes(1));
    release();
    ALL_END(a, b);
    return 0;
}

SCENARIO(notified_and_cancelled_the_notification_goes_to_the_next)
{
    init();
    asyncio_task *a = WAITS("a"), *b = WAITS("b"), *c = WAITS("c");
    ok(passes(1));
    acquire();
    ok(asyncio_condition_notify(&condition, 1));
    asyncio_task_cancel(a);
    release();
    turns(5);
    ALL_END(a, b);
    say("%s", state(c));
    notifies(1);
    ALL_END(c);
    return 0;
}

SCENARIO(notified_and_cancelled_when_it_wants_the_lock_back)
{
    init();
    asyncio_task *a = WAITS("a"), *b = WAITS("b");
    ok(passes(1));
    acquire();
    ok(asyncio_condition_notify(&condition, 1));
    ok(passes(1));
    asyncio_task_cancel(a);
    ok(passes(1));
    release();
    turns(5);
    ALL_END(a, b);
    return 0;
}

SCENARIO(a_cancelled_one_wakes_another_without_cause)
{
    init();
    asyncio_task *a = WAITS("a"), *b = WAITS("b");
    ok(passes(1));
    turns(5);
    asyncio_task_cancel(a);
    ALL_END(a, b);
    return 0;
}

SCENARIO(a_cancelled_waiter_is_not_counted_by_notify)
{
    init();
    asyncio_task *a = WAITS("a"), *b = WAITS("b"), *c = WAITS("c");
    ok(passes(1));
    acquire();
    asyncio_task_cancel(a);
    ok(asyncio_condition_notify(&condition, 1));
    release();
    ok(passes(4));
    say("%s %s %s", state(a), state(b), state(c));
    acquire();
    ok(asyncio_condition_notify_all(&condition));
    release();
    ALL_END(a, b, c);
    return 0;
}

static int third_time(void *data)
{
    int *asked = data;
    say("asked %d, locked %s", ++*asked, locked());
    return *asked == 3 ? 7 : 0;
}

static int waits_for_the_third_time(void)
{
    int asked = 0;
    ok(asyncio_condition_enter(&condition));
    int r = asyncio_condition_wait_for(&condition, third_time, &asked);
    say("%s", name(r));
    return asyncio_condition_exit(&condition, 0);
}

SCENARIO(wait_for_asks_again_after_each_notification)
{
    init();
    asyncio_task *a = start(asyncio_coro(waits_for_the_third_time));
    ok(passes(2));
    notifies(1);
    ok(passes(3));
    notifies(1);
    ALL_END(a);
    say("locked %s", locked());
    return 0;
}

SCENARIO(wait_for_what_is_true_already)
{
    int five = 5;
    init();
    turns(1);
    acquire();
    say("%s", name(asyncio_condition_wait_for(&condition, told, &five)));
    release();
    say("in the same turn");
    return passes(1);
}

static int waits_for(int what)
{
    ok(asyncio_condition_enter(&condition));
    int r = asyncio_condition_wait_for(&condition, told, &what);
    return asyncio_condition_exit(&condition, r);
}

SCENARIO(a_predicate_that_fails)
{
    init();
    say("%s", name(waits_for(-EPIPE)));
    say("locked %s", locked());
    return 0;
}

SCENARIO(wait_for_is_cancelled)
{
    init();
    asyncio_task *a = start(asyncio_coro(waits_for, 0));
    ok(passes(1));
    asyncio_task_cancel(a);
    ALL_END(a);
    say("locked %s", locked());
    return 0;
}

SCENARIO(a_limit_on_a_condition)
{
    init();
    acquire();
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_condition_wait, &condition), 1 * T)));
    say("%s, locked %s", at(), locked());
    return 0;
}

static struct store {
    asyncio_lock lock;
    asyncio_condition full, empty;
    int count, item;
} store;

static int is_empty(void *data)
{
    (void)data;
    return store.count == 0;
}

static int is_full(void *data)
{
    (void)data;
    return store.count > 0;
}

static int producer(void)
{
    for (int i = 0; i < 3; i++) {
        int r;
        ASYNCIO_CONDITION(&store.full, r) {
            ok(asyncio_condition_wait_for(&store.full, is_empty, NULL));
            store.count++;
            store.item = i;
            say("put %d", i);
            r = asyncio_condition_notify(&store.empty, 1);
        }
        ok(r);
    }
    return 0;
}

static int consumer(void)
{
    for (int i = 0; i < 3; i++) {
        ok(asyncio_condition_enter(&store.empty));
        ok(asyncio_condition_wait_for(&store.empty, is_full, NULL));
        store.count--;
        say("got %d", store.item);
        int r = asyncio_condition_notify(&store.full, 1);
        ok(asyncio_condition_exit(&store.empty, r));
    }
    return 0;
}

SCENARIO(two_conditions_share_a_lock)
{
    asyncio_lock_init(&store.lock);
    ok(asyncio_condition_init(&store.full, .lock = &store.lock));
    ok(asyncio_condition_init(&store.empty, .lock = &store.lock));
    asyncio_task *a = start(asyncio_coro(producer)), *b = start(asyncio_coro(consumer));
    ALL_END(a, b);
    say("locked %s", yes(asyncio_lock_locked(&store.lock)));
    return 0;
}

static int a_block(void)
{
    int r;
    ASYNCIO_CONDITION(&condition, r)
    {
        say("locked %s", locked());
        return -EIO;
    }
    return r;
}

SCENARIO(a_block_with_a_condition)
{
    init();
    say("%s", name(a_block()));
    say("locked %s", locked());
    return 0;
}

SCENARIO(the_lock_released_by_another_before_the_wait)
{
    init();
    acquire();
    release();
    say("%s", name(asyncio_condition_wait(&condition)));
    return 0;
}

static int waits_in_vain(void)
{
    acquire();
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_condition_wait, &condition), 1 * T)));
    release();
    return 0;
}

static int waits_on_another_loop(void)
{
    say("%s", name(asyncio_condition_acquire(&condition)));
    say("%s", name(asyncio_condition_wait(&condition)));
    say("%s", locked());
    ok(asyncio_condition_notify_all(&condition));
    release();
    return 0;
}

PLAIN_SCENARIO(a_condition_belongs_to_the_loop_on_which_somebody_waited)
{
    init();
    ok(asyncio_run(asyncio_coro(waits_in_vain), .loop_factory = make_loop));
    return asyncio_run(asyncio_coro(waits_on_another_loop), .loop_factory = make_loop);
}

CONFORMANCE("conditions")
