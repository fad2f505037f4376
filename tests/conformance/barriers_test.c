/* SPDX-License-Identifier: MIT */
/* Barriers, as scenarios_barriers.py: filling, draining, resetting, broken. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>

/* Each scenario is a process of its own. */
static asyncio_barrier barrier;

static int meets(const char *who)
{
    int r = asyncio_barrier_wait(&barrier);
    say("%s %s", who, name(r));
    return r;
}

#define MEETS(who) start(asyncio_coro(meets, who))

static void init(int parties)
{
    ok(asyncio_barrier_init(&barrier, parties));
}

static void say_how(const char *before)
{
    say("%s%d of %d, broken %s", before, asyncio_barrier_n_waiting(&barrier),
        asyncio_barrier_parties(&barrier), yes(asyncio_barrier_broken(&barrier)));
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

static const char *reset(void)
{
    return name(asyncio_barrier_reset(&barrier));
}

static const char *abort_it(void)
{
    return name(asyncio_barrier_abort(&barrier));
}

SCENARIO(parties_that_cannot_be)
{
    say("%s", name(asyncio_barrier_init(&barrier, 0)));
    say("%s", name(asyncio_barrier_init(&barrier, -1)));
    return 0;
}

SCENARIO(one_party_waits_for_nobody)
{
    init(1);
    turns(1);
    say("%s", name(asyncio_barrier_wait(&barrier)));
    say("%s", name(asyncio_barrier_wait(&barrier)));
    say_how("");
    return passes(1);
}

SCENARIO(all_go_on_when_the_last_has_come)
{
    init(3);
    asyncio_task *a = MEETS("a"), *b = MEETS("b");
    ok(passes(2));
    say_how("");
    turns(4);
    asyncio_task *c = MEETS("c");
    ALL_END(a, b, c);
    say_how("");
    return 0;
}

static int rounds(const char *who, int n)
{
    for (int i = 0; i < n; i++) {
        int r = meets(who);
        if (r < 0)
            return r;
    }
    return 0;
}

SCENARIO(it_serves_again_and_again)
{
    init(2);
    asyncio_task *a = start(asyncio_coro(rounds, "a", 3)), *b = start(asyncio_coro(rounds, "b", 3));
    ALL_END(a, b);
    say_how("");
    return 0;
}

SCENARIO(who_comes_while_it_drains_is_of_the_next_round)
{
    init(2);
    asyncio_task *tasks[6];
    for (int i = 0; i < 5; i++)
        tasks[i] = MEETS(text("%c", 'a' + i));
    ok(passes(1));
    turns(6);
    ok(passes(5));
    say_how("");
    tasks[5] = MEETS("f");
    all_end(tasks, 6);
    return 0;
}

SCENARIO(the_last_comes_back_at_once)
{
    init(2);
    asyncio_task *a = MEETS("a");
    ok(passes(1));
    say("%s", name(meets("main")));
    asyncio_task *b = MEETS("b");
    say("%s", name(meets("main")));
    ALL_END(a, b);
    return 0;
}

SCENARIO(one_who_is_cancelled_just_leaves)
{
    init(2);
    asyncio_task *a = MEETS("a");
    ok(passes(1));
    asyncio_task_cancel(a);
    ALL_END(a);
    say_how("");
    asyncio_task *b = MEETS("b"), *c = MEETS("c");
    ALL_END(b, c);
    return 0;
}

SCENARIO(one_of_two_who_wait_is_cancelled)
{
    init(3);
    asyncio_task *a = MEETS("a"), *b = MEETS("b");
    ok(passes(1));
    asyncio_task_cancel(a);
    ok(passes(4));
    say_how("");
    asyncio_task *c = MEETS("c"), *d = MEETS("d");
    ALL_END(a, b, c, d);
    return 0;
}

SCENARIO(one_who_was_let_go_is_cancelled)
{
    init(2);
    asyncio_task *a = MEETS("a");
    ok(passes(1));
    asyncio_task *b = MEETS("b");
    ok(passes(1));
    say("%s", state(b));
    asyncio_task_cancel(a);
    turns(3);
    ALL_END(a, b);
    say_how("");
    return 0;
}

SCENARIO(one_who_waits_for_the_next_round_is_cancelled)
{
    init(2);
    asyncio_task *a = MEETS("a"), *b = MEETS("b"), *c = MEETS("c");
    ok(passes(1));
    asyncio_task_cancel(c);
    ALL_END(a, b, c);
    say_how("");
    return 0;
}

SCENARIO(reset_sends_those_who_wait_away)
{
    init(3);
    asyncio_task *a = MEETS("a"), *b = MEETS("b");
    ok(passes(1));
    turns(5);
    say("%s", reset());
    say_how("");
    ALL_END(a, b);
    say_how("");
    asyncio_task *c = MEETS("c"), *d = MEETS("d"), *e = MEETS("e");
    ALL_END(c, d, e);
    return 0;
}

SCENARIO(reset_of_one_that_nobody_is_in)
{
    init(2);
    turns(1);
    say("%s", reset());
    say_how("");
    return passes(1);
}

SCENARIO(who_comes_while_it_resets_waits_for_the_next_round)
{
    init(2);
    asyncio_task *a = MEETS("a");
    ok(passes(1));
    ok(asyncio_barrier_reset(&barrier));
    asyncio_task *b = MEETS("b"), *c = MEETS("c");
    turns(5);
    ALL_END(a, b, c);
    return 0;
}

SCENARIO(reset_while_it_drains)
{
    init(3);
    asyncio_task *a = MEETS("a"), *b = MEETS("b"), *c = MEETS("c");
    ok(passes(1));
    say("%s", reset());
    turns(4);
    ALL_END(a, b, c);
    say_how("");
    return 0;
}

SCENARIO(abort_breaks_it_for_all)
{
    init(3);
    asyncio_task *a = MEETS("a"), *b = MEETS("b");
    ok(passes(1));
    turns(5);
    say("%s", abort_it());
    say_how("");
    ALL_END(a, b);
    say("%s", name(meets("main")));
    say_how("");
    return 0;
}

SCENARIO(abort_of_one_that_nobody_is_in)
{
    init(2);
    ok(asyncio_barrier_abort(&barrier));
    say("%s", name(meets("a")));
    say("%s", abort_it());
    say_how("");
    return 0;
}

SCENARIO(reset_after_abort_makes_it_whole)
{
    init(2);
    ok(asyncio_barrier_abort(&barrier));
    ok(asyncio_barrier_reset(&barrier));
    say_how("");
    asyncio_task *a = MEETS("a"), *b = MEETS("b");
    ALL_END(a, b);
    return 0;
}

SCENARIO(reset_right_after_abort_with_tasks_in_it)
{
    init(2);
    asyncio_task *a = MEETS("a");
    ok(passes(1));
    ok(asyncio_barrier_abort(&barrier));
    ok(asyncio_barrier_reset(&barrier));
    say_how("");
    asyncio_task *b = MEETS("b"), *c = MEETS("c");
    ALL_END(a, b, c);
    say_how("");
    return 0;
}

SCENARIO(abort_while_it_drains)
{
    init(3);
    asyncio_task *a = MEETS("a"), *b = MEETS("b"), *c = MEETS("c");
    ok(passes(1));
    say("%s", abort_it());
    turns(4);
    ALL_END(a, b, c);
    say_how("");
    return 0;
}

SCENARIO(a_limit_at_a_barrier)
{
    init(2);
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_barrier_wait, &barrier), 1 * T)));
    say_how(text("%s ", at()));
    return 0;
}

static int waits_in_vain(void)
{
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_barrier_wait, &barrier), 1 * T)));
    return 0;
}

static int waits_on_another_loop(void)
{
    say("%s", name(asyncio_barrier_wait(&barrier)));
    say_how("");
    return 0;
}

PLAIN_SCENARIO(a_barrier_belongs_to_the_loop_on_which_somebody_waited)
{
    init(2);
    ok(asyncio_run(asyncio_coro(waits_in_vain), .loop_factory = make_loop));
    return asyncio_run(asyncio_coro(waits_on_another_loop), .loop_factory = make_loop);
}

CONFORMANCE("barriers")
