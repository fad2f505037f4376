/* SPDX-License-Identifier: MIT */
/* Contexts: what is inherited and what stays apart, tokens, identity, the life of values, other
 * threads, and no memory. An env is what a task has; `enter` makes one the running code's. */
#include "base/alloc.h"
#include "base/context.h"
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static asyncio_context_var user = ASYNCIO_CONTEXT_VAR("user");
static asyncio_context_var level = ASYNCIO_CONTEXT_VAR_DEFAULT("level", (void *)7);
static atomic_int destroyed;

static void count_destroyed(void *value)
{
    atomic_fetch_add(&destroyed, *(int *)value);
}

static void enter(struct env *env)
{
    asyncio__thread.env = env;
}

static void env_fini(struct env *env)
{
    struct asyncio_context *context = env->context;
    env->context = NULL;
    asyncio_context_unref(context);
}

static int start(void **state)
{
    (void)state;
    destroyed = 0;
    asyncio__call_coro = NULL;
    asyncio__close_coro = NULL;
    return 0;
}

static int nothing_is_left(void **state)
{
    (void)state;
    asyncio__alloc_fail_at(0, 0);
    asyncio__thread.env = NULL;
    env_fini(&asyncio__thread.own);
    assert_int_equal(asyncio__alloc_live(), 0);
    return 0;
}

static void set(asyncio_context_var *var, intptr_t value)
{
    assert_int_equal(asyncio_context_var_set(var, (void *)value, NULL), 0);
}

static intptr_t get(const asyncio_context_var *var)
{
    void *value = NULL;
    int r = asyncio_context_var_get(var, &value);
    return r < 0 ? r : (intptr_t)value;
}

/* As create_task: another env that starts with the current one's context. */
static struct env child_env(void)
{
    struct env child = { NULL, NULL };
    assert_int_equal(asyncio__context_inherit(&child.context), 0);
    return child;
}

static void unset_gives_default_or_lookup_error(void **state)
{
    (void)state;
    void *value = &value;
    assert_int_equal(asyncio_context_var_get(&user, &value), -ASYNCIO_LOOKUP);
    assert_ptr_equal(value, &value);
    assert_int_equal(get(&level), 7);
    assert_int_equal(asyncio_context_var_get(&level, NULL), 0);
    assert_int_equal(asyncio_context_var_get(NULL, NULL), -EINVAL);
    assert_int_equal(asyncio__alloc_live(), 0);
}

static void set_is_seen_at_once(void **state)
{
    (void)state;
    set(&user, 1);
    assert_int_equal(get(&user), 1);
    set(&user, 2);
    set(&level, 3);
    assert_int_equal(get(&user), 2);
    assert_int_equal(get(&level), 3);
    assert_int_equal((asyncio_context_var_set)(NULL, NULL, NULL, NULL), -EINVAL);
}

static void set_to_null_is_set(void **state)
{
    (void)state;
    set(&level, 0);
    assert_int_equal(get(&level), 0);
}

static void inheriting_costs_nothing(void **state)
{
    (void)state;
    struct env child = child_env();
    assert_null(child.context);
    set(&user, 1);
    uint64_t before = asyncio__alloc_live();
    asyncio__alloc_fail_at(1, 1);
    struct env children[100];
    for (int i = 0; i < 100; i++)
        children[i] = child_env();
    asyncio__alloc_fail_at(0, 0);
    assert_int_equal(asyncio__alloc_live(), before);
    enter(&children[99]);
    assert_int_equal(get(&user), 1);
    for (int i = 0; i < 100; i++)
        env_fini(&children[i]);
}

static void what_one_sets_others_do_not_see(void **state)
{
    (void)state;
    set(&user, 1);
    struct env child = child_env();
    set(&user, 2);   /* after the child was made: not its business */
    enter(&child);
    assert_int_equal(get(&user), 1);
    set(&user, 3);
    set(&level, 3);
    struct env grandchild = child_env();
    enter(NULL);
    assert_int_equal(get(&user), 2);
    assert_int_equal(get(&level), 7);
    enter(&grandchild);
    assert_int_equal(get(&user), 3);
    env_fini(&child);
    assert_int_equal(get(&level), 3);
    env_fini(&grandchild);
}

static void token_puts_back(void **state)
{
    (void)state;
    asyncio_context_token *first, *second;
    assert_int_equal(asyncio_context_var_set(&user, (void *)1, &first), 0);
    assert_int_equal(asyncio_context_var_set(&user, (void *)2, &second), 0);
    assert_int_equal(asyncio_context_var_reset(&user, second), 0);
    assert_int_equal(get(&user), 1);
    assert_int_equal(asyncio_context_var_reset(&user, first), 0);
    assert_int_equal(get(&user), -ASYNCIO_LOOKUP);
    assert_int_equal(asyncio_context_var_set(&level, (void *)1, &first), 0);
    assert_int_equal(asyncio_context_var_reset(&level, first), 0);
    assert_int_equal(get(&level), 7);
}

static void tokens_used_out_of_order(void **state)
{
    (void)state;
    asyncio_context_token *first, *second;
    assert_int_equal(asyncio_context_var_set(&user, (void *)1, &first), 0);
    assert_int_equal(asyncio_context_var_set(&user, (void *)2, &second), 0);
    assert_int_equal(asyncio_context_var_reset(&user, first), 0);
    assert_int_equal(get(&user), -ASYNCIO_LOOKUP);
    assert_int_equal(asyncio_context_var_reset(&user, second), 0);
    assert_int_equal(get(&user), 1);
}

static void token_is_refused_elsewhere(void **state)
{
    (void)state;
    asyncio_context_token *token;
    assert_int_equal(asyncio_context_var_set(&user, (void *)1, &token), 0);
    assert_int_equal(asyncio_context_var_reset(&level, token), -EINVAL);
    struct env child = child_env();
    enter(&child);
    assert_int_equal(asyncio_context_var_reset(&user, token), -EINVAL);
    set(&user, 5);
    assert_int_equal(asyncio_context_var_reset(&user, token), -EINVAL);
    enter(NULL);
    env_fini(&child);
    assert_int_equal(asyncio_context_var_reset(&user, NULL), -EINVAL);
    assert_int_equal(asyncio_context_var_reset(&user, token), 0);
}

static void token_survives_inheriting_and_setting(void **state)
{
    (void)state;
    asyncio_context_token *token;
    set(&level, 1);
    struct env before = child_env();
    assert_int_equal(asyncio_context_var_set(&user, (void *)1, &token), 0);
    struct env after = child_env();
    set(&user, 2);
    set(&level, 2);
    assert_int_equal(asyncio_context_var_reset(&user, token), 0);
    assert_int_equal(get(&user), -ASYNCIO_LOOKUP);
    assert_int_equal(get(&level), 2);
    enter(&before);
    assert_int_equal(get(&user), -ASYNCIO_LOOKUP);
    assert_int_equal(get(&level), 1);
    enter(&after);
    assert_int_equal(get(&user), 1);
    enter(NULL);
    env_fini(&before);
    env_fini(&after);
}

static void reset_needs_no_memory(void **state)
{
    (void)state;
    asyncio_context_token *token;
    assert_int_equal(asyncio_context_var_set(&user, (void *)1, &token), 0);
    struct env child = child_env();
    asyncio__alloc_fail_at(1, 1);
    assert_int_equal(asyncio_context_var_reset(&user, token), 0);
    asyncio__alloc_fail_at(0, 0);
    assert_int_equal(get(&user), -ASYNCIO_LOOKUP);
    env_fini(&child);
}

static void without_tokens_inheriting_is_free_again(void **state)
{
    (void)state;
    asyncio_context_token *token;
    assert_int_equal(asyncio_context_var_set(&user, (void *)1, &token), 0);
    asyncio_context_token_unref(token);
    asyncio_context_token_unref(NULL);
    asyncio__alloc_fail_at(1, 1);
    struct env child = child_env();
    asyncio__alloc_fail_at(0, 0);
    assert_ptr_equal(child.context, asyncio__env()->context);
    env_fini(&child);
}

static void token_may_outlive_its_context(void **state)
{
    (void)state;
    asyncio_context_token *token;
    struct env task = { NULL, NULL };
    enter(&task);
    assert_int_equal(asyncio_context_var_set(&user, (void *)1, &token), 0);
    env_fini(&task);
    assert_int_equal(asyncio_context_var_reset(&user, token), -EINVAL);
    asyncio_context_token_unref(token);
}

static void places_of_used_tokens_are_used_again(void **state)
{
    (void)state;
    static asyncio_context_var many[10000];
    for (int i = 0; i < 10000; i++) {
        asyncio_context_token *token;
        assert_int_equal(asyncio_context_var_set(&many[i], (void *)1, &token), 0);
        assert_int_equal(asyncio_context_var_reset(&many[i], token), 0);
    }
    assert_in_range(asyncio__env()->context->capacity, 1, 16);
}

static void many_variables(void **state)
{
    (void)state;
    static asyncio_context_var many[1000];
    for (intptr_t i = 0; i < 1000; i++)
        set(&many[i * 379 % 1000], i * 379 % 1000);
    struct env child = child_env();
    enter(&child);
    set(&many[500], -500);
    for (intptr_t i = 0; i < 1000; i++)
        assert_int_equal(get(&many[i]), i == 500 ? -500 : i);
    enter(NULL);
    assert_int_equal(get(&many[500]), 500);
    env_fini(&child);
}

static void value_is_destroyed_once_by_its_last_holder(void **state)
{
    (void)state;
    static int one = 1, ten = 10;
    asyncio_context_token *token;
    assert_int_equal(asyncio_context_var_set(&user, &one, NULL, .destroy = count_destroyed), 0);
    struct env child = child_env();
    asyncio_context *copy;
    assert_int_equal(asyncio_copy_context(&copy), 0);
    assert_int_equal(asyncio_context_var_set(&user, &ten, &token, .destroy = count_destroyed), 0);
    env_fini(&child);
    asyncio_context_unref(copy);
    assert_int_equal(destroyed, 0);   /* the token holds it */
    assert_int_equal(asyncio_context_var_reset(&user, token), 0);
    assert_int_equal(destroyed, 10);
    set(&user, 0);
    assert_int_equal(destroyed, 11);
}

static void set_again(void *value)
{
    set(&user, *(int *)value);
    set(&level, *(int *)value);
}

static void destroy_may_set_variables(void **state)
{
    (void)state;
    static int value = 42;
    assert_int_equal(asyncio_context_var_set(&user, &value, NULL, .destroy = set_again), 0);
    struct env child = child_env();
    env_fini(&child);
    set(&user, 1);   /* the old value ends after the new one is there, and replaces it */
    assert_int_equal(get(&user), 42);
    assert_int_equal(get(&level), 42);
}

static asyncio_context_token *reused;
static int reused_result;

static void reset_again(void *value)
{
    (void)value;
    reused_result = asyncio_context_var_reset(&user, reused);
}

static void token_is_used_once(void **state)
{
    (void)state;
    static int value;
    int r = asyncio_context_var_set(&user, &value, &reused, .destroy = reset_again);
    assert_int_equal(r, 0);
    assert_int_equal(asyncio_context_var_reset(&user, reused), 0);
    assert_int_equal(reused_result, -ASYNCIO_INVALID_STATE);
}

static void pinned_keeps_its_identity(void **state)
{
    (void)state;
    struct env *env = asyncio__env();
    assert_int_equal(asyncio__context_pin(&env->context), 0);
    struct asyncio_context *pinned = env->context;
    assert_non_null(pinned);
    assert_int_equal(asyncio__context_pin(&env->context), 0);
    set(&user, 1);
    assert_ptr_equal(env->context, pinned);
    struct env child = child_env();
    assert_ptr_not_equal(child.context, pinned);
    set(&user, 2);
    assert_ptr_equal(env->context, pinned);
    enter(&child);
    assert_int_equal(get(&user), 1);
    env_fini(&child);
}

static void pinning_a_shared_one_leaves_the_others_alone(void **state)
{
    (void)state;
    set(&user, 1);
    struct env child = child_env();
    assert_int_equal(asyncio__context_pin(&child.context), 0);
    assert_ptr_not_equal(child.context, asyncio__env()->context);
    enter(&child);
    assert_int_equal(get(&user), 1);
    set(&user, 2);
    enter(NULL);
    assert_int_equal(get(&user), 1);
    env_fini(&child);
}

static void two_tasks_share_a_context_that_was_given(void **state)
{
    (void)state;
    asyncio_context *shared;
    assert_int_equal(asyncio_context_new(&shared), 0);
    struct env a = { asyncio_context_ref(shared), NULL }, b = { asyncio_context_ref(shared), NULL };
    enter(&a);
    set(&user, 1);
    enter(&b);
    assert_int_equal(get(&user), 1);
    set(&user, 2);
    enter(NULL);
    assert_int_equal(get(&user), -ASYNCIO_LOOKUP);
    void *value;
    assert_int_equal(asyncio_context_get(shared, &user, &value), 0);
    assert_int_equal((intptr_t)value, 2);
    assert_int_equal(asyncio_context_get(shared, &level, &value), 0);
    assert_int_equal((intptr_t)value, 7);
    assert_int_equal(asyncio_context_get(NULL, &user, &value), -ASYNCIO_LOOKUP);
    env_fini(&a);
    env_fini(&b);
    asyncio_context_unref(shared);
    asyncio_context_unref(NULL);
    assert_null(asyncio_context_ref(NULL));
}

static asyncio_context *running;
static int closed;

static int call_body(const asyncio_coro *coro, struct held *held)
{
    (void)held;
    int (*body)(void) = (int (*)(void))coro->fn;
    return body();
}

static void close_body(const asyncio_coro *coro)
{
    (void)coro;
    closed++;
}

static asyncio_coro coro_of(int (*body)(void))
{
    return (asyncio_coro){ .fn = (void (*)(void))body };
}

static int body_sets(void)
{
    assert_int_equal(get(&user), 1);
    set(&user, 2);
    assert_ptr_equal(asyncio__env()->context, running);
    assert_int_equal(asyncio_context_run(running, coro_of(body_sets)), -ASYNCIO_INVALID_STATE);
    return 33;
}

static int body_nests(void)
{
    set(&level, 1);
    assert_int_equal(asyncio_context_run(running, coro_of(body_sets)), 33);
    assert_int_equal(get(&user), 1);
    assert_int_equal(get(&level), 1);
    return -EIO;
}

static void run_keeps_what_was_set_in_the_context(void **state)
{
    (void)state;
    void *value;
    asyncio_context *outer;
    closed = 0;
    set(&user, 1);
    assert_int_equal(asyncio_copy_context(&running), 0);
    assert_int_equal(asyncio_copy_context(&outer), 0);
    assert_int_equal(asyncio_context_run(running, coro_of(body_sets)), -ENOSYS);
    asyncio__call_coro = call_body;
    asyncio__close_coro = close_body;
    assert_int_equal(asyncio_context_run(NULL, coro_of(body_sets)), -EINVAL);
    assert_int_equal(closed, 1);
    assert_int_equal(asyncio_context_run(outer, coro_of(body_nests)), -EIO);
    assert_int_equal(closed, 2);   /* the one inside that was refused */
    assert_int_equal(get(&user), 1);
    assert_int_equal(get(&level), 7);
    assert_int_equal(asyncio_context_get(running, &user, &value), 0);
    assert_int_equal((intptr_t)value, 2);
    asyncio_context_unref(running);
    asyncio_context_unref(outer);
}

static int body_gives_up_the_last_reference(void)
{
    asyncio_context_unref(running);
    set(&user, 1);
    return 0;
}

static void run_holds_the_context(void **state)
{
    (void)state;
    asyncio__call_coro = call_body;
    assert_int_equal(asyncio_context_new(&running), 0);
    assert_int_equal(asyncio_context_run(running, coro_of(body_gives_up_the_last_reference)), 0);
    assert_int_equal(get(&user), -ASYNCIO_LOOKUP);
}

static void running_the_current_context_is_refused(void **state)
{
    (void)state;
    asyncio__call_coro = call_body;
    struct asyncio_context **slot = &asyncio__env()->context;
    assert_int_equal(asyncio__context_pin(slot), 0);
    assert_int_equal(asyncio_context_run(*slot, coro_of(body_sets)), -ASYNCIO_INVALID_STATE);
}

/* Each thread gets a reference that was inherited in the main one, reads, sets, and lets go. */
static void *other_thread(void *argument)
{
    static int hundred = 100;
    struct env env = { argument, NULL };
    enter(&env);
    for (int i = 0; i < 1000; i++) {
        struct env child = child_env();
        enter(&child);
        assert_int_equal(*(int *)get(&user), i == 0 ? 1 : 100);
        assert_int_equal(asyncio_context_var_set(&user, &hundred, NULL), 0);
        enter(&env);
        env_fini(&env);
        env = child;
    }
    env_fini(&env);
    enter(NULL);
    return NULL;
}

static void inherited_in_one_thread_used_in_another(void **state)
{
    (void)state;
    static int one = 1;
    pthread_t threads[4];
    assert_int_equal(asyncio_context_var_set(&user, &one, NULL, .destroy = count_destroyed), 0);
    for (int i = 0; i < 4; i++) {
        struct env child = child_env();
        assert_int_equal(pthread_create(&threads[i], NULL, other_thread, child.context), 0);
    }
    env_fini(asyncio__env());
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(destroyed, 1);
}

/* All that can fail, in one program; what failed left everything as it was. */
static bool scenario(void)
{
    static int one = 1;
    asyncio_context *copy = NULL, *fresh = NULL;
    asyncio_context_token *token = NULL;
    struct env child = { NULL, NULL };
    int before = destroyed;
    bool ok = asyncio_context_var_set(&level, (void *)1, NULL) == 0;
    assert_int_equal(get(&level), ok ? 1 : 7);
    ok = ok && asyncio__context_inherit(&child.context) == 0;
    ok = ok && asyncio_context_var_set(&user, &one, &token, .destroy = count_destroyed) == 0;
    assert_int_equal(get(&user), ok ? (intptr_t)&one : -ASYNCIO_LOOKUP);
    ok = ok && asyncio_copy_context(&copy) == 0;
    ok = ok && asyncio_context_new(&fresh) == 0;
    ok = ok && asyncio__context_pin(&child.context) == 0;
    assert_int_equal(destroyed, before);
    bool set_it = token != NULL;
    if (token)
        assert_int_equal(asyncio_context_var_reset(&user, token), 0);
    asyncio_context_unref(copy);
    asyncio_context_unref(fresh);
    env_fini(&child);
    env_fini(asyncio__env());
    assert_int_equal(destroyed, before + set_it);
    return ok;
}

static void *sets_and_ends(void *unused)
{
    static int one = 1;
    (void)unused;
    return (void *)(intptr_t)asyncio_context_var_set(&user, &one, NULL,
                                                     .destroy = count_destroyed);
}

static void what_a_thread_set_goes_with_it(void **state)
{
    (void)state;
    pthread_t thread;
    void *value;
    int before = destroyed;
    assert_int_equal(pthread_create(&thread, NULL, sets_and_ends, NULL), 0);
    assert_int_equal(pthread_join(thread, &value), 0);
    assert_int_equal((intptr_t)value, 0);
    assert_int_equal(destroyed, before + 1);
}

static void each_allocation_fails_in_turn(void **state)
{
    (void)state;
    int points = 0;
    for (bool ok = false; !ok; points++) {
        asyncio__alloc_fail_at((uint64_t)points + 1, 0);
        ok = scenario();
        assert_true(ok == (asyncio__alloc_count() <= (uint64_t)points));
        asyncio__alloc_fail_at(0, 0);
        assert_int_equal(asyncio__alloc_live(), 0);
    }
    print_message("sweep: %d points\n", points - 1);
    assert_true(points > 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, nothing_is_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unset_gives_default_or_lookup_error),
        TEST(set_is_seen_at_once),
        TEST(set_to_null_is_set),
        TEST(inheriting_costs_nothing),
        TEST(what_one_sets_others_do_not_see),
        TEST(token_puts_back),
        TEST(tokens_used_out_of_order),
        TEST(token_is_refused_elsewhere),
        TEST(token_survives_inheriting_and_setting),
        TEST(reset_needs_no_memory),
        TEST(without_tokens_inheriting_is_free_again),
        TEST(token_may_outlive_its_context),
        TEST(places_of_used_tokens_are_used_again),
        TEST(many_variables),
        TEST(value_is_destroyed_once_by_its_last_holder),
        TEST(destroy_may_set_variables),
        TEST(token_is_used_once),
        TEST(pinned_keeps_its_identity),
        TEST(pinning_a_shared_one_leaves_the_others_alone),
        TEST(two_tasks_share_a_context_that_was_given),
        TEST(run_keeps_what_was_set_in_the_context),
        TEST(run_holds_the_context),
        TEST(running_the_current_context_is_refused),
        TEST(inherited_in_one_thread_used_in_another),
        TEST(what_a_thread_set_goes_with_it),
        TEST(each_allocation_fails_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
