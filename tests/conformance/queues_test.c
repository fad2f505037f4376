/* SPDX-License-Identifier: MIT */
/* Queues, as scenarios_queues.py: order of items and of those who wait, joins, shutdown. */
/* TEST: timeout 120 */
#include "support/trace.h"

#include <errno.h>
#include <stdlib.h>

/* Each scenario is a process of its own; what the queue has allocated is given back at its end. */
static asyncio_queue queue;

static int puts_item(const char *who, int item)
{
    int r = asyncio_queue_put(&queue, &item);
    if (r < 0)
        say("%s %s", who, name(r));
    else
        say("%s put %d", who, item);
    return r;
}

static int gets_item(const char *who)
{
    int item;
    int r = asyncio_queue_get(&queue, &item);
    if (r < 0) {
        say("%s %s", who, name(r));
        return r;
    }
    say("%s got %d", who, item);
    return item;
}

static int joins(const char *who)
{
    int r = asyncio_queue_join(&queue);
    say("%s %s", who, r < 0 ? name(r) : "joined");
    return r;
}

#define PUTS(who, item) start(asyncio_coro(puts_item, who, item))
#define GETS(who) start(asyncio_coro(gets_item, who))
#define JOINS(who) start(asyncio_coro(joins, who))

static void fini(void)
{
    ok(asyncio_queue_fini(&queue));
}

static void init(size_t maxsize)
{
    ok(asyncio_queue_init(&queue, sizeof(int), .maxsize = maxsize));
    (void)atexit(fini);
}

static int ascending(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

static int by_rank(const void *a, const void *b)
{
    return *(const int *)a / 100 - *(const int *)b / 100;
}

static void say_how(const char *before)
{
    say("%s%zu of %zu, empty %s, full %s", before, asyncio_queue_qsize(&queue),
        asyncio_queue_maxsize(&queue), yes(asyncio_queue_empty(&queue)),
        yes(asyncio_queue_full(&queue)));
}

static const char *drain(void)
{
    const char *items = "";
    int item;
    while (asyncio_queue_get_nowait(&queue, &item) >= 0)
        items = text("%s%s%d", items, *items ? " " : "", item);
    return items;
}

/* Awaited: how it ended. */
static const char *put(int item)
{
    return name(asyncio_queue_put(&queue, &item));
}

static const char *get(void)
{
    int item;
    int r = asyncio_queue_get(&queue, &item);
    return name(r < 0 ? r : item);
}

static const char *put_nowait(int item)
{
    return name(asyncio_queue_put_nowait(&queue, &item));
}

static const char *get_nowait(void)
{
    int item;
    int r = asyncio_queue_get_nowait(&queue, &item);
    return name(r < 0 ? r : item);
}

static const char *task_done(void)
{
    return name(asyncio_queue_task_done(&queue));
}

static void fill(int count)
{
    for (int i = 0; i < count; i++)
        ok(asyncio_queue_put_nowait(&queue, &i));
}

static void shut_down(void)
{
    ok(asyncio_queue_shutdown(&queue));
}

static void shut_down_now(void)
{
    ok(asyncio_queue_shutdown(&queue, .immediate = 1));
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

SCENARIO(first_in_first_out)
{
    init(0);
    turns(1);
    say_how("");
    for (int i = 0; i < 20; i++)
        ok(asyncio_queue_put(&queue, &i));
    say_how("");
    say("%s", drain());
    say_how("");
    say("in the same turn");
    return passes(1);
}

SCENARIO(last_in_first_out)
{
    ok(asyncio_lifo_queue_init(&queue, sizeof(int)));
    (void)atexit(fini);
    for (int i = 0; i < 5; i++)
        ok(asyncio_queue_put(&queue, &i));
    say("%s", get());
    (void)put(9);
    say("%s", drain());
    return 0;
}

static void init_priority(asyncio_queue_callback *compare, size_t maxsize)
{
    ok(asyncio_priority_queue_init(&queue, sizeof(int), compare, .maxsize = maxsize));
    (void)atexit(fini);
}

SCENARIO(the_smallest_first)
{
    static const int items[] = { 5, 3, 8, 1, 9, 2, 7, 7, 0, 4, 6, 3 };
    init_priority(ascending, 0);
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        ok(asyncio_queue_put(&queue, &items[i]));
    say("%s", get());
    (void)put(-1);
    say("%s", drain());
    return 0;
}

SCENARIO(items_of_equal_rank)
{
    init_priority(by_rank, 0);
    for (int i = 0; i < 12; i++)
        (void)put_nowait(i % 3 * 100 + i);
    const char *first = get_nowait();
    for (int i = 0; i < 4; i++)
        first = text("%s %s", first, get_nowait());
    for (int i = 12; i < 15; i++)
        (void)put_nowait(100 + i);
    say("%s", first);
    say("%s", drain());
    return 0;
}

SCENARIO(what_would_wait_without_waiting)
{
    init(2);
    say("%s", get_nowait());
    for (int i = 0; i < 3; i++)
        say("%s", put_nowait(i));
    say_how("");
    say("%s", get_nowait());
    say("%s", put_nowait(5));
    say("%s", drain());
    return 0;
}

SCENARIO(a_ring_goes_round)
{
    init(3);
    for (int i = 0; i < 10; i++) {
        (void)put_nowait(i);
        if (asyncio_queue_full(&queue)) {
            const char *first = get_nowait();
            say("%s %s", first, get_nowait());
        }
    }
    say("%s", drain());
    return 0;
}

SCENARIO(an_item_handed_over_turn_by_turn)
{
    init(0);
    asyncio_task *a = GETS("a");
    ok(passes(1));
    turns(3);
    (void)put(1);
    say_how("");
    ALL_END(a);
    return 0;
}

SCENARIO(those_who_get_are_served_in_their_order)
{
    init(0);
    asyncio_task *a = GETS("a"), *b = GETS("b"), *c = GETS("c");
    ok(passes(1));
    turns(3);
    for (int i = 0; i < 3; i++)
        (void)put(i);
    ALL_END(a, b, c);
    return 0;
}

SCENARIO(those_who_put_are_served_in_their_order)
{
    init(1);
    asyncio_task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = PUTS(text("%c", 'a' + i), i);
    ok(passes(1));
    turns(6);
    for (int i = 0; i < 4; i++)
        ok(gets_item("main"));
    all_end(tasks, 4);
    return 0;
}

SCENARIO(one_who_was_woken_finds_nothing_and_waits_behind_the_others)
{
    init(0);
    asyncio_task *a = GETS("a"), *b = GETS("b");
    ok(passes(1));
    (void)put_nowait(1);
    say("%s", get_nowait());
    ok(passes(2));
    (void)put_nowait(2);
    ok(passes(2));
    say("%s %s", state(a), state(b));
    (void)put_nowait(3);
    ALL_END(a, b);
    return 0;
}

SCENARIO(one_who_was_woken_finds_no_room_and_waits_behind_the_others)
{
    init(1);
    fill(1);
    asyncio_task *a = PUTS("a", 1), *b = PUTS("b", 2);
    ok(passes(1));
    say("%s", get_nowait());
    (void)put_nowait(9);
    ok(passes(2));
    say("%s", get_nowait());
    ok(passes(2));
    say("%s %s", state(a), state(b));
    say("%s", get_nowait());
    ALL_END(a, b);
    say("%s", drain());
    return 0;
}

SCENARIO(several_items_at_once_wake_as_many)
{
    init(0);
    asyncio_task *a = GETS("a"), *b = GETS("b"), *c = GETS("c");
    ok(passes(1));
    turns(2);
    (void)put_nowait(1);
    (void)put_nowait(2);
    ok(passes(2));
    say("%s %s %s", state(a), state(b), state(c));
    (void)put_nowait(3);
    ALL_END(a, b, c);
    return 0;
}

SCENARIO(a_getter_is_cancelled)
{
    init(0);
    asyncio_task *a = GETS("a"), *b = GETS("b");
    ok(passes(1));
    asyncio_task_cancel(a);
    (void)put_nowait(1);
    ALL_END(a, b);
    return 0;
}

SCENARIO(a_woken_getter_is_cancelled_and_the_next_gets_the_item)
{
    init(0);
    asyncio_task *a = GETS("a"), *b = GETS("b");
    ok(passes(1));
    turns(4);
    (void)put_nowait(1);
    asyncio_task_cancel(a);
    ALL_END(a, b);
    return 0;
}

SCENARIO(the_only_woken_getter_is_cancelled)
{
    init(0);
    asyncio_task *a = GETS("a");
    ok(passes(1));
    (void)put_nowait(1);
    asyncio_task_cancel(a);
    ALL_END(a);
    say_how("");
    say("%s", drain());
    return 0;
}

SCENARIO(a_woken_getter_is_cancelled_when_the_item_is_gone)
{
    init(0);
    asyncio_task *a = GETS("a"), *b = GETS("b"), *c = GETS("c");
    ok(passes(1));
    (void)put_nowait(1);
    say("%s", get_nowait());
    asyncio_task_cancel(a);
    ok(passes(3));
    say("%s %s %s", state(a), state(b), state(c));
    (void)put_nowait(2);
    (void)put_nowait(3);
    ALL_END(b, c);
    return 0;
}

SCENARIO(a_putter_is_cancelled)
{
    init(1);
    fill(1);
    asyncio_task *a = PUTS("a", 1), *b = PUTS("b", 2);
    ok(passes(1));
    asyncio_task_cancel(a);
    say("%s", get_nowait());
    ALL_END(a, b);
    say("%s", drain());
    return 0;
}

SCENARIO(a_woken_putter_is_cancelled_and_the_next_puts)
{
    init(1);
    fill(1);
    asyncio_task *a = PUTS("a", 1), *b = PUTS("b", 2);
    ok(passes(1));
    turns(4);
    say("%s", get_nowait());
    asyncio_task_cancel(a);
    ALL_END(a, b);
    say("%s", drain());
    return 0;
}

SCENARIO(limits_on_waiting)
{
    int item = 2;
    init(1);
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_queue_get, &queue, &item, sizeof item),
                                    1 * T)));
    (void)put_nowait(1);
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_queue_put, &queue, &item, sizeof item),
                                    1 * T)));
    say_how(text("%s ", at()));
    return 0;
}

static int producer(void)
{
    for (int i = 0; i < 6; i++)
        ok(puts_item("p", i));
    return 0;
}

static int consumer(void)
{
    for (int i = 0; i < 6; i++) {
        ok(gets_item("c"));
        ok(asyncio_queue_task_done(&queue));
    }
    return 0;
}

SCENARIO(producer_and_consumer_with_little_room)
{
    init(2);
    asyncio_task *a = start(asyncio_coro(producer)), *b = start(asyncio_coro(consumer));
    ALL_END(a, b);
    return joins("main");
}

SCENARIO(join_waits_until_all_work_is_done)
{
    init(0);
    fill(2);
    asyncio_task *a = JOINS("a"), *b = JOINS("b");
    ok(passes(1));
    say("%s", drain());
    ok(passes(2));
    (void)task_done();
    ok(passes(2));
    say("%s", state(a));
    turns(2);
    (void)task_done();
    ALL_END(a, b);
    return 0;
}

SCENARIO(join_of_a_queue_without_work)
{
    init(0);
    turns(1);
    ok(joins("a"));
    (void)put_nowait(1);
    (void)get_nowait();
    (void)task_done();
    ok(joins("b"));
    return passes(1);
}

SCENARIO(task_done_too_often)
{
    init(0);
    say("%s", task_done());
    (void)put_nowait(1);
    say("%s", task_done());
    say("%s", task_done());
    say("%s", drain());
    return 0;
}

SCENARIO(one_who_joins_goes_on_though_work_has_come_again)
{
    init(0);
    (void)put_nowait(1);
    asyncio_task *a = JOINS("a");
    ok(passes(1));
    (void)task_done();
    (void)put_nowait(2);
    ALL_END(a);
    asyncio_task *b = JOINS("b");
    ok(passes(2));
    say("%s", state(b));
    (void)task_done();
    ALL_END(b);
    return 0;
}

SCENARIO(one_who_joins_is_cancelled)
{
    init(0);
    (void)put_nowait(1);
    asyncio_task *a = JOINS("a");
    ok(passes(1));
    asyncio_task_cancel(a);
    ALL_END(a);
    return 0;
}

SCENARIO(after_shutdown_what_is_in_can_be_got)
{
    init(0);
    fill(2);
    shut_down();
    say("%s", put_nowait(5));
    say("%s", put(5));
    say("%s", get());
    say("%s", get_nowait());
    say("%s", get());
    say("%s", get_nowait());
    shut_down();
    say_how("");
    return 0;
}

SCENARIO(shutdown_wakes_all_who_get)
{
    init(0);
    asyncio_task *a = GETS("a"), *b = GETS("b");
    ok(passes(1));
    turns(2);
    shut_down();
    ALL_END(a, b);
    return 0;
}

SCENARIO(shutdown_wakes_all_who_put)
{
    init(1);
    fill(1);
    asyncio_task *a = PUTS("a", 1), *b = PUTS("b", 2);
    ok(passes(1));
    turns(2);
    shut_down();
    ALL_END(a, b);
    say("%s", drain());
    return 0;
}

SCENARIO(shutdown_between_a_put_and_the_step_of_the_getter)
{
    init(0);
    asyncio_task *a = GETS("a"), *b = GETS("b");
    ok(passes(1));
    (void)put_nowait(1);
    shut_down();
    ALL_END(a, b);
    return 0;
}

SCENARIO(a_putter_with_room_finds_it_shut_down)
{
    init(1);
    fill(1);
    asyncio_task *a = PUTS("a", 1);
    ok(passes(1));
    say("%s", get_nowait());
    shut_down();
    ALL_END(a);
    say_how("");
    return 0;
}

SCENARIO(a_full_queue_that_is_shut_down)
{
    init(1);
    fill(1);
    shut_down();
    say("%s", put_nowait(1));
    say("%s", put(1));
    return 0;
}

SCENARIO(join_after_shutdown_waits_for_the_work)
{
    init(0);
    (void)put_nowait(1);
    asyncio_task *a = JOINS("a");
    ok(passes(1));
    shut_down();
    ok(passes(2));
    say("%s", state(a));
    say("%s", get_nowait());
    (void)task_done();
    ALL_END(a);
    return 0;
}

SCENARIO(an_immediate_shutdown_drops_what_is_in)
{
    init(0);
    fill(3);
    asyncio_task *a = JOINS("a");
    ok(passes(1));
    turns(2);
    shut_down_now();
    say_how("");
    say("%s", get_nowait());
    say("%s", get());
    say("%s", put_nowait(1));
    ALL_END(a);
    say("%s", task_done());
    return 0;
}

SCENARIO(an_immediate_shutdown_with_work_under_way)
{
    init(0);
    fill(3);
    say("%s", get_nowait());
    asyncio_task *a = JOINS("a");
    ok(passes(1));
    shut_down_now();
    ok(passes(2));
    say("%s", state(a));
    say("%s", task_done());
    ALL_END(a);
    say("%s", task_done());
    return 0;
}

static asyncio_queue empty;

static int joins_empty(void)
{
    ok(asyncio_queue_join(&empty));
    say("no work joined");
    return 0;
}

static int gets_of_empty(void)
{
    int item;
    int r = asyncio_queue_get(&empty, &item);
    say("get %s", name(r));
    return r;
}

SCENARIO(an_immediate_shutdown_wakes_joiners_getters_and_putters)
{
    init(1);
    ok(asyncio_queue_init(&empty, sizeof(int)));
    fill(1);
    asyncio_task *a = JOINS("join"), *b = PUTS("put", 1);
    asyncio_task *c = start(asyncio_coro(joins_empty)), *d = start(asyncio_coro(gets_of_empty));
    ok(passes(1));
    turns(2);
    ok(asyncio_queue_shutdown(&empty, .immediate = 1));
    shut_down_now();
    ALL_END(a, b, c, d);
    return asyncio_queue_fini(&empty);
}

SCENARIO(an_immediate_shutdown_after_a_plain_one)
{
    init_priority(ascending, 0);
    fill(3);
    shut_down();
    say("%s", get_nowait());
    shut_down_now();
    say("%s", get_nowait());
    say_how("");
    return 0;
}

SCENARIO(a_priority_queue_hands_over_the_smallest_then)
{
    init_priority(ascending, 2);
    asyncio_task *a = GETS("a");
    ok(passes(1));
    (void)put_nowait(5);
    (void)put_nowait(3);
    asyncio_task *b = PUTS("b", 1);
    ALL_END(a, b);
    say("%s", drain());
    return 0;
}

static int gets_in_vain(void)
{
    int item;
    say("%s", name(asyncio_wait_for(asyncio_coro(asyncio_queue_get, &queue, &item, sizeof item),
                                    1 * T)));
    return 0;
}

static int waits_on_another_loop(void)
{
    say("%s", put_nowait(1));
    say("%s", put(2));
    say("%s", get());
    say("%s", get());
    return 0;
}

PLAIN_SCENARIO(a_queue_belongs_to_the_loop_on_which_somebody_waited)
{
    init(1);
    ok(asyncio_run(asyncio_coro(gets_in_vain), .loop_factory = make_loop));
    return asyncio_run(asyncio_coro(waits_on_another_loop), .loop_factory = make_loop);
}

CONFORMANCE("queues")
