/* SPDX-License-Identifier: MIT */
/* The switch: flows keep their registers and locals, may be resumed from anywhere, end, and unwind
 * down to their entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <unwind.h>

#include "coro/coro.h"
#include "coro/stack.h"

/* A flow, its stack, and what to do on it. */
struct flow {
    struct coro coro;
    struct stack stack;
    struct flow *next;
    struct coro *home;
    int number, rounds;
    uint64_t seed, sum;
    void *seen;
};

static struct stack_pool *pool;
static struct coro home;

static void flow_start(struct flow *flow, void (*entry)(void *))
{
    assert_int_equal(asyncio__stack_get(pool, &flow->stack), 0);
    flow->home = &home;
    asyncio__coro_init(&flow->coro, flow->stack.bottom, flow->stack.top, entry, flow);
}

static void flow_over(struct flow *flow)
{
    asyncio__stack_put(pool, flow->stack.bottom);
    asyncio__coro_exit(&flow->coro, flow->home);
}

static void begin(void)
{
    pool = asyncio__stack_pool_new(0);
    assert_non_null(pool);
    asyncio__coro_init_thread(&home);
}

static void end(void)
{
    asyncio__coro_fini_thread(&home);
    asyncio__stack_pool_free(pool);
}

/* --- back and forth --- */

static void counts(void *argument)
{
    struct flow *flow = argument;
    while (flow->rounds > 0) {
        flow->rounds--;
        asyncio__coro_switch(&flow->coro, flow->home);
    }
    flow_over(flow);
}

static void test_back_and_forth(void **state)
{
    (void)state;
    begin();
    struct flow flow = { .rounds = 1000 };
    flow_start(&flow, counts);
    for (int i = 999; i >= 0; i--) {
        asyncio__coro_switch(&home, &flow.coro);
        assert_int_equal(flow.rounds, i);
    }
    asyncio__coro_switch(&home, &flow.coro);
    asyncio__coro_fini(&flow.coro);
    end();
}

/* --- symmetric: who resumes a flow need not be who it switched to --- */

static int order[64], ordered;

static void passes_on(void *argument)
{
    struct flow *flow = argument;
    for (int i = 0; i < flow->rounds; i++) {
        order[ordered++] = flow->number;
        asyncio__coro_switch(&flow->coro, &flow->next->coro);
    }
    if (flow->number == 2)
        asyncio__coro_switch(&flow->coro, flow->home); /* all three rounds are done here */
    asyncio__stack_put(pool, flow->stack.bottom);
    asyncio__coro_exit(&flow->coro, flow->number == 0 ? flow->home : &flow->next->coro);
}

static void test_symmetric(void **state)
{
    (void)state;
    begin();
    struct flow ring[3];
    ordered = 0;
    for (int i = 0; i < 3; i++) {
        ring[i] = (struct flow){ .number = i, .rounds = 3, .next = &ring[(i + 1) % 3] };
        flow_start(&ring[i], passes_on);
    }
    /* 0 1 2 0 1 2 0 1 2, then 0 is resumed a fourth time and ends, to home. */
    asyncio__coro_switch(&home, &ring[0].coro);
    assert_int_equal(ordered, 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(order[i], i % 3);
    asyncio__coro_fini(&ring[0].coro);
    /* 1 ends into 2, which home has never switched to before; 2 comes home. */
    asyncio__coro_switch(&home, &ring[1].coro);
    asyncio__coro_fini(&ring[1].coro);
    ring[2].next = &ring[2];
    ring[2].number = 0;
    asyncio__coro_switch(&home, &ring[2].coro);
    asyncio__coro_fini(&ring[2].coro);
    end();
}

/* --- registers --- */

#if !defined(ASYNCIO__SANITIZE_FIBERS)
/* Fills every callee-saved register with seed, seed + 1, ..., switches, and stores what is in them
 * after. */
void swap_with_registers(struct coro *from, struct coro *to, uint64_t seed,
                         uint64_t *ret_registers);

#if defined(__x86_64__)
enum { REGISTERS = 6 };
__asm__(".text\n"
        ".globl swap_with_registers\n"
        ".type swap_with_registers, @function\n"
        "swap_with_registers:\n"
        "pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15; pushq %rcx\n"
        "leaq 0(%rdx), %rbx; leaq 1(%rdx), %rbp; leaq 2(%rdx), %r12\n"
        "leaq 3(%rdx), %r13; leaq 4(%rdx), %r14; leaq 5(%rdx), %r15\n"
        "leaq 1f(%rip), %rdx; jmp asyncio__coro_swap; 1:\n"
        "popq %rcx\n"
        "movq %rbx, (%rcx); movq %rbp, 8(%rcx); movq %r12, 16(%rcx)\n"
        "movq %r13, 24(%rcx); movq %r14, 32(%rcx); movq %r15, 40(%rcx)\n"
        "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp\n"
        "ret\n"
        ".size swap_with_registers, . - swap_with_registers\n");
#else
enum { REGISTERS = 11 }; /* x19 to x29 */
__asm__(".text\n"
        ".globl swap_with_registers\n"
        ".type swap_with_registers, %function\n"
        "swap_with_registers:\n"
        "stp x29, x30, [sp, #-112]!\n"
        "stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n stp x23, x24, [sp, #48]\n"
        "stp x25, x26, [sp, #64]\n stp x27, x28, [sp, #80]\n str x3, [sp, #96]\n"
        "add x19, x2, #0\n add x20, x2, #1\n add x21, x2, #2\n add x22, x2, #3\n"
        "add x23, x2, #4\n add x24, x2, #5\n add x25, x2, #6\n add x26, x2, #7\n"
        "add x27, x2, #8\n add x28, x2, #9\n add x29, x2, #10\n"
        "adr x30, 1f\n b asyncio__coro_swap\n 1: hint #36\n"
        "ldr x3, [sp, #96]\n"
        "stp x19, x20, [x3]\n stp x21, x22, [x3, #16]\n stp x23, x24, [x3, #32]\n"
        "stp x25, x26, [x3, #48]\n stp x27, x28, [x3, #64]\n str x29, [x3, #80]\n"
        "ldp x19, x20, [sp, #16]\n ldp x21, x22, [sp, #32]\n ldp x23, x24, [sp, #48]\n"
        "ldp x25, x26, [sp, #64]\n ldp x27, x28, [sp, #80]\n ldp x29, x30, [sp], #112\n"
        "ret\n"
        ".size swap_with_registers, . - swap_with_registers\n");
#endif

static void uses_registers(void *argument)
{
    struct flow *flow = argument;
    for (int i = 0; i < flow->rounds; i++) {
        uint64_t seed = flow->seed + 1000U * (uint64_t)i, after[REGISTERS];
        swap_with_registers(&flow->coro, flow->home, seed, after);
        for (uint64_t k = 0; k < REGISTERS; k++)
            flow->sum += after[k] == seed + k;
    }
    flow_over(flow);
}
#endif

static void test_registers(void **state)
{
    (void)state;
#if defined(ASYNCIO__SANITIZE_FIBERS)
    skip(); /* the sanitizer has to be told of each switch, which the assembly does not do */
#else
    begin();
    struct flow flows[2] = { { .rounds = 10, .seed = UINT64_C(0x1111000000000000) },
                             { .rounds = 10, .seed = UINT64_C(0x7ff1222200000000) } };
    flow_start(&flows[0], uses_registers);
    flow_start(&flows[1], uses_registers);
    uint64_t mine[REGISTERS];
    for (int i = 0; i < 22; i++) {
        swap_with_registers(&home, &flows[i % 2].coro, UINT64_C(0x333) << 40, mine);
        for (uint64_t k = 0; k < REGISTERS; k++)
            assert_true(mine[k] == (UINT64_C(0x333) << 40) + k);
    }
    assert_int_equal(flows[0].sum, 10 * REGISTERS);
    assert_int_equal(flows[1].sum, 10 * REGISTERS);
    end();
#endif
}

/* Twelve doubles and eight integers live across each switch: in registers as far as there are
 * any. */
__attribute__((noinline)) static double keeps_values(struct flow *flow,
                                                     const volatile double *source)
{
    double a = source[0], b = source[1], c = source[2], d = source[3], e = source[4], f = source[5];
    double g = source[6], h = source[7], i = source[8], j = source[9], k = source[10],
           l = source[11];
    uint64_t s = flow->seed, t = s * 3, u = s * 5, v = s * 7, w = s * 11, x = s * 13, y = s * 17;
    for (int n = 0; n < 10; n++) {
        asyncio__coro_switch(&flow->coro, flow->home);
        a += 1, b += 2, c += 3, d += 4, e += 5, f += 6, g += 7, h += 8, i += 9, j += 10, k += 11,
            l += 12;
        s += 1, t += 2, u += 3, v += 4, w += 5, x += 6, y += 7;
    }
    flow->sum = s + t + u + v + w + x + y;
    return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j * 10 + k * 11 +
           l * 12;
}

static void holds_values(void *argument)
{
    struct flow *flow = argument;
    volatile double source[12];
    double expected = 0;
    for (int n = 0; n < 12; n++) {
        source[n] = (double)(flow->number * 100 + n);
        expected += (source[n] + 10.0 * (n + 1)) * (n + 1);
    }
    double sum = keeps_values(flow, source);
    flow->rounds = sum > expected - 0.5 && sum < expected + 0.5;
    flow_over(flow);
}

static void test_values_in_registers(void **state)
{
    (void)state;
    begin();
    struct flow flows[3];
    for (int i = 0; i < 3; i++) {
        flows[i] = (struct flow){ .number = i + 1, .seed = 1000U * (uint64_t)i };
        flow_start(&flows[i], holds_values);
    }
    for (int n = 0; n < 11; n++)
        for (int i = 0; i < 3; i++)
            asyncio__coro_switch(&home, &flows[i].coro);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(flows[i].rounds, 1);
        assert_int_equal(flows[i].sum, flows[i].seed * 57 + 280);
        asyncio__coro_fini(&flows[i].coro);
    }
    end();
}

/* --- the frame of the entry --- */

static void prints_doubles(void *argument)
{
    struct flow *flow = argument;
    char text[64];
    double value = (double)flow->rounds / 8;
    snprintf(text, sizeof text, "%.3f %Lf", value, (long double)value); /* wants an aligned stack */
    flow->sum = strcmp(text, "0.875 0.875000") == 0;
    flow->seen = __builtin_frame_address(0);
    flow_over(flow);
}

static void test_entry_stack_is_aligned(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 40; i++) { /* all colours */
        struct flow flow = { .rounds = 7 }, skipped;
        flow_start(&flow, prints_doubles);
        asyncio__coro_switch(&home, &flow.coro);
        asyncio__coro_fini(&flow.coro);
        assert_int_equal(flow.sum, 1);
        assert_int_equal((uintptr_t)flow.seen % 16, 0);
        assert_true((char *)flow.seen > (char *)flow.stack.bottom);
        assert_true((char *)flow.seen < (char *)flow.stack.top);
        assert_int_equal(asyncio__stack_get(pool, &skipped.stack), 0);
    }
    end();
}

/* The slot goes back while the flow still runs on it, and the next flow gets it. */
static void test_exit_frees_the_stack_at_once(void **state)
{
    (void)state;
    begin();
    void *first = NULL;
    for (int i = 0; i < 1000; i++) {
        struct flow flow = { .rounds = i % 3 };
        flow_start(&flow, counts);
        if (i == 0)
            first = flow.stack.bottom;
        assert_ptr_equal(flow.stack.bottom, first);
        for (int k = 0; k <= i % 3; k++)
            asyncio__coro_switch(&home, &flow.coro);
        asyncio__coro_fini(&flow.coro);
    }
    end();
}

static void test_dropped_without_running(void **state)
{
    (void)state;
    begin();
    struct flow never, halfway = { .rounds = 5 };
    flow_start(&never, counts);
    asyncio__coro_fini(&never.coro);
    flow_start(&halfway, counts);
    asyncio__coro_switch(&home, &halfway.coro);
    asyncio__coro_fini(&halfway.coro);
    asyncio__stack_put(pool, never.stack.bottom);
    asyncio__stack_put(pool, halfway.stack.bottom);
    end();
}

/* --- unwinding --- */

extern const char asyncio__coro_entry[] __attribute__((visibility("hidden")));

struct trace {
    uintptr_t frames[64];
    int count;
};

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *data)
{
    struct trace *trace = data;
    if (trace->count == 64)
        return _URC_NORMAL_STOP;
    uintptr_t ip = _Unwind_GetIP(context);
    if (ip)
        trace->frames[trace->count++] = ip;
    return _URC_NO_REASON;
}

static struct trace trace;
static _Unwind_Reason_Code trace_end;

__attribute__((noinline)) static int traces_at(int depth, struct flow *flow)
{
    if (depth == 0) {
        asyncio__coro_switch(&flow->coro, flow->home);
        trace_end = _Unwind_Backtrace(note_frame, &trace);
        return 1;
    }
    int r = traces_at(depth - 1, flow);
    __asm__ volatile("" : "+r"(r)); /* no tail call: each depth keeps a frame */
    return r + 1;
}

static void traces(void *argument)
{
    struct flow *flow = argument;
    flow->sum = (uint64_t)traces_at(9, flow);
    flow_over(flow);
}

static void test_unwinds_to_the_entry(void **state)
{
    (void)state;
    begin();
    struct flow flow = { .rounds = 0 };
    trace = (struct trace){ .count = 0 };
    flow_start(&flow, traces);
    asyncio__coro_switch(&home, &flow.coro);
    asyncio__coro_switch(&home, &flow.coro);
    asyncio__coro_fini(&flow.coro);
    assert_int_equal(flow.sum, 10);
    assert_int_equal(trace_end, _URC_END_OF_STACK);
    /* traces_at ten times, traces, the entry; with a sanitizer one more, and perhaps its own
     * first */
    assert_in_range(trace.count, 12, 14);
    uintptr_t entry = (uintptr_t)asyncio__coro_entry, last = trace.frames[trace.count - 1];
    assert_in_range(last, entry, entry + 32);
    end();
}

struct visited {
    struct trace trace;
    _Unwind_Reason_Code end;
    void *stack;
    double sum;
};

static void visits(void *argument)
{
    struct visited *visited = argument;
    volatile double a = 0.5;
    visited->stack = __builtin_frame_address(0);
    visited->end = _Unwind_Backtrace(note_frame, &visited->trace);
    visited->sum += (double)a + 1;
}

/* Somebody else looks at a flow that waits, and it does not notice. */
static void test_visit_unwinds_a_suspended_flow(void **state)
{
    (void)state;
    begin();
    struct flow flow = { .rounds = 0 };
    uintptr_t entry = (uintptr_t)asyncio__coro_entry;
    trace = (struct trace){ .count = 0 };
    flow_start(&flow, traces);
    for (int round = 0; round < 3; round++) {
        struct visited visited = { .sum = 0 };
        asyncio__coro_visit(&home, &flow.coro, visits, &visited);
        assert_true(visited.sum > 1.4 && visited.sum < 1.6);
        assert_int_equal(visited.end, _URC_END_OF_STACK);
        assert_true((char *)visited.stack > (char *)flow.stack.bottom);
        assert_true((char *)visited.stack < (char *)flow.stack.top);
        assert_int_equal((uintptr_t)visited.stack % 16, 0);
        uintptr_t last = visited.trace.frames[visited.trace.count - 1];
        assert_in_range(last, entry, entry + 32);
        if (round == 0) { /* not started: visits, asyncio__coro_visitor, the entry */
            assert_in_range(visited.trace.count, 3, 6);
            asyncio__coro_switch(&home, &flow.coro);
        } else { /* and between them traces_at ten times, traces */
            assert_in_range(visited.trace.count, 14, 18);
        }
    }
    asyncio__coro_switch(&home, &flow.coro);
    asyncio__coro_fini(&flow.coro);
    assert_int_equal(flow.sum, 10);
    assert_in_range(trace.count, 12, 14);
    end();
}

/* --- threads --- */

static void *works_alone(void *unused)
{
    (void)unused;
    struct stack_pool *own = asyncio__stack_pool_new(0);
    struct coro thread;
    struct flow flows[50];
    asyncio__coro_init_thread(&thread);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 50; i++) {
            flows[i] = (struct flow){ .rounds = 3, .home = &thread };
            if (!own || asyncio__stack_get(own, &flows[i].stack) < 0)
                return NULL;
            asyncio__coro_init(&flows[i].coro, flows[i].stack.bottom, flows[i].stack.top, counts,
                               &flows[i]);
        }
        for (int k = 0; k < 3; k++)
            for (int i = 0; i < 50; i++)
                asyncio__coro_switch(&thread, &flows[i].coro);
        for (int i = 0; i < 50; i++) {
            asyncio__coro_fini(&flows[i].coro);
            asyncio__stack_put(own, flows[i].stack.bottom);
        }
    }
    asyncio__coro_fini_thread(&thread);
    asyncio__stack_pool_free(own);
    return own;
}

static void test_threads_have_their_own(void **state)
{
    (void)state;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, works_alone, NULL), 0);
    for (int i = 0; i < 3; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back_and_forth),
        cmocka_unit_test(test_symmetric),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_values_in_registers),
        cmocka_unit_test(test_entry_stack_is_aligned),
        cmocka_unit_test(test_exit_frees_the_stack_at_once),
        cmocka_unit_test(test_dropped_without_running),
        cmocka_unit_test(test_unwinds_to_the_entry),
        cmocka_unit_test(test_visit_unwinds_a_suspended_flow),
        cmocka_unit_test(test_threads_have_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
