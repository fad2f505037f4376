/* SPDX-License-Identifier: MIT */
/* C++ exceptions across switches: a flow that suspends inside a catch block, or while its stack is
 * being unwound, finds its own exceptions again, whatever others threw and caught meanwhile. */
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" {
#include <cmocka.h>

#include "coro/coro.h"
#include "coro/stack.h"
}

#include <exception>
#include <stdexcept>
#include <string>

namespace
{

struct stack_pool *pool;
struct coro home;

struct flow {
    struct coro coro;
    struct stack stack;
    std::string name;
    int wrong = 0;
    bool is_over = false;
    struct flow *next = nullptr;

    /* Lets the other flow run, if there is one, else goes home. */
    void suspend()
    {
        asyncio__coro_switch(&coro, next && !next->is_over ? &next->coro : &home);
    }

    void expect(bool holds)
    {
        wrong += !holds;
    }
};

void start(flow &f, void (*entry)(void *))
{
    assert_non_null(pool);
    assert_int_equal(asyncio__stack_get(pool, &f.stack), 0);
    asyncio__coro_init(&f.coro, f.stack.bottom, f.stack.top, entry, &f);
}

[[noreturn]] void over(flow *f)
{
    f->is_over = true;
    asyncio__coro_exit(&f->coro, f->next && !f->next->is_over ? &f->next->coro : &home);
}

void begin()
{
    pool = asyncio__stack_pool_new(0);
    asyncio__coro_init_thread(&home);
}

void end()
{
    asyncio__stack_pool_free(pool);
}

std::string current()
{
    try {
        if (std::current_exception())
            throw;
        return "none";
    } catch (const std::runtime_error &e) {
        return e.what();
    }
}

struct visit {
    flow *f;
    std::string seen;
};

/* On the stack of a flow inside a catch block; its exceptions are not the visitor's. */
void throws_on_a_visit(void *argument)
{
    auto *v = static_cast<visit *>(argument);
    v->seen = current();
    try {
        throw std::runtime_error("visitor");
    } catch (const std::runtime_error &e) {
        v->seen += e.what();
    }
}

/* --- nested catch blocks, interleaved --- */

void catches(flow *f, int depth)
{
    std::string mine = f->name + std::to_string(depth);
    try {
        throw std::runtime_error(mine);
    } catch (const std::runtime_error &e) {
        f->suspend();
        f->expect(mine == e.what());
        f->expect(current() == mine);
        if (depth > 0)
            catches(f, depth - 1);
        f->suspend();
        f->expect(current() == mine);
        try {
            throw; /* must be ours */
        } catch (const std::runtime_error &again) {
            f->suspend();
            f->expect(mine == again.what());
        }
    }
}

void catches_nested(void *argument)
{
    auto *f = static_cast<flow *>(argument);
    f->expect(!std::current_exception()); /* a flow starts with none, whoever started it */
    catches(f, 4);
    f->expect(!std::current_exception());
    over(f);
}

void test_interleaved_catch_blocks(void **)
{
    begin();
    {
        flow a, b;
        a.name = "a", b.name = "b";
        a.next = &b, b.next = &a;
        start(a, catches_nested);
        start(b, catches_nested);
        try {
            throw std::runtime_error("home");
        } catch (const std::runtime_error &) {
            asyncio__coro_switch(&home, &a.coro); /* comes back when both are over */
            assert_string_equal(current().c_str(), "home");
        }
        assert_true(a.is_over && b.is_over);
        assert_int_equal(a.wrong + b.wrong, 0);
        asyncio__coro_fini(&a.coro);
        asyncio__coro_fini(&b.coro);
    }
    end();
}

/* Alone, with home throwing and catching in between. */
void test_home_throws_in_between(void **)
{
    begin();
    {
        flow a;
        a.name = "a";
        start(a, catches_nested);
        for (int i = 0; !a.is_over; i++) {
            try {
                throw std::runtime_error("home" + std::to_string(i));
            } catch (const std::runtime_error &e) {
                asyncio__coro_switch(&home, &a.coro);
                assert_true(current() == e.what());
            }
        }
        assert_int_equal(a.wrong, 0);
        asyncio__coro_fini(&a.coro);
    }
    end();
}

/* --- a destructor that suspends while the stack is being unwound --- */

struct suspends_on_the_way {
    flow *f;
    ~suspends_on_the_way()
    {
        f->expect(std::uncaught_exceptions() == 1);
        f->suspend();
        f->expect(std::uncaught_exceptions() == 1);
        try {
            throw std::runtime_error("inner");
        } catch (const std::runtime_error &e) {
            f->expect(std::string(e.what()) == "inner");
            f->suspend();
        }
        f->expect(std::uncaught_exceptions() == 1);
    }
};

void throws_past(flow *f, int depth)
{
    suspends_on_the_way scope{ f };
    if (depth > 0)
        throws_past(f, depth - 1);
    throw std::runtime_error(f->name);
}

void unwinds(void *argument)
{
    auto *f = static_cast<flow *>(argument);
    for (int i = 0; i < 3; i++) {
        f->expect(std::uncaught_exceptions() == 0);
        try {
            throws_past(f, 3);
        } catch (const std::runtime_error &e) {
            f->expect(f->name == e.what());
        }
    }
    over(f);
}

void test_suspends_during_unwinding(void **)
{
    begin();
    {
        flow a, b;
        a.name = "a", b.name = "b";
        a.next = &b, b.next = &a;
        start(a, unwinds);
        start(b, unwinds);
        asyncio__coro_switch(&home, &a.coro);
        assert_true(a.is_over && b.is_over);
        assert_int_equal(a.wrong + b.wrong, 0);
        assert_int_equal(std::uncaught_exceptions(), 0);
        asyncio__coro_fini(&a.coro);
        asyncio__coro_fini(&b.coro);
    }
    end();
}

/* --- a flow that sits inside a catch block does not show in the others --- */

void test_waits_inside_catch(void **)
{
    begin();
    {
        flow a, b;
        a.name = "a", b.name = "b";
        start(a, catches_nested);
        asyncio__coro_switch(&home, &a.coro); /* is inside its catch block now */
        assert_true(!std::current_exception());
        visit v{ &a, "" };
        asyncio__coro_visit(&home, &a.coro, throws_on_a_visit, &v);
        assert_string_equal(v.seen.c_str(), "nonevisitor");
        assert_true(!std::current_exception());
        start(b, catches_nested);
        while (!b.is_over)
            asyncio__coro_switch(&home, &b.coro);
        assert_true(!std::current_exception());
        while (!a.is_over)
            asyncio__coro_switch(&home, &a.coro);
        assert_int_equal(a.wrong + b.wrong, 0);
        asyncio__coro_fini(&a.coro);
        asyncio__coro_fini(&b.coro);
    }
    end();
}

} // namespace

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interleaved_catch_blocks),
        cmocka_unit_test(test_home_throws_in_between),
        cmocka_unit_test(test_suspends_during_unwinding),
        cmocka_unit_test(test_waits_inside_catch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
