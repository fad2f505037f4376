/* SPDX-License-Identifier: MIT */
/* A debugger looks into a flow: gdb, in batch mode, runs this very program with --inferior, and
 * its backtraces must reach the flow's entry, or main, and stop there: in a function of the flow,
 * and at every instruction of a switch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "coro/coro.h"
#include "coro/stack.h"

/* --- the program looked into --- */

static struct coro home, flow;

__attribute__((noinline)) void stop_here(void);
__attribute__((noinline)) void stop_here(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) static int reads_line(int depth)
{
    int r = 0;
    if (depth > 0)
        r = reads_line(depth - 1);
    else {
        asyncio__coro_switch(&flow, &home);
        stop_here();
    }
    __asm__ volatile("" : "+r"(r)); /* no tail call */
    return r + 1;
}

__attribute__((noinline)) static void serves_request(void *argument)
{
    (void)argument;
    volatile int lines = reads_line(3);
    (void)lines;
    asyncio__coro_exit(&flow, &home);
}

static int inferior(void)
{
    struct stack stack;
    struct stack_pool *pool = asyncio__stack_pool_new(0);
    asyncio__coro_init_thread(&home);
    if (!pool || asyncio__stack_get(pool, &stack) < 0)
        return 1;
    asyncio__coro_init(&flow, stack.bottom, stack.top, serves_request, NULL);
    asyncio__coro_switch(&home, &flow);
    asyncio__coro_switch(&home, &flow);
    asyncio__coro_fini(&flow);
    asyncio__stack_pool_free(pool);
    return 0;
}

/* --- the debugger --- */

static char said[1 << 20];

/* Runs gdb with `commands`, one per line, on this program; its output is in `said`. */
static void debug(const char *commands)
{
    char script[] = "/tmp/asyncio-unwind-XXXXXX", self[512], command[1500];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = 0;
    int fd = mkstemp(script);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, commands, strlen(commands)), strlen(commands));
    close(fd);
    snprintf(
        command, sizeof command,
        "LC_ALL=C timeout 100 gdb -nx -batch -iex 'set debuginfod enabled off' "
             "-ex 'set pagination off' "
        "-ex 'set width 0' -x %s --args %s --inferior 2>&1 </dev/null",
        script, self);
    FILE *gdb = popen(command, "re");
    assert_non_null(gdb);
    said[fread(said, 1, sizeof said - 1, gdb)] = 0;
    pclose(gdb);
    unlink(script);
    if (!strstr(said, "Breakpoint 1, ")) { /* no gdb, or it may not trace */
        fprintf(stderr, "gdb does not run here: %.200s\n", said);
        skip();
    }
}

/* Every backtrace between the marks must be whole. Returns how many there were. */
static int check_backtraces(void)
{
    int count = 0;
    char *next;
    for (char *trace = strstr(said, "<<<"); trace; trace = next) {
        char *end = strstr(trace, ">>>");
        if (!end)
            break;
        *end = 0;
        next = strstr(end + 1, "<<<");
        count++;
        char *last = NULL; /* the outermost frame */
        for (char *line = strchr(trace, '#'); line; line = strstr(line + 1, "\n#"))
            last = line;
        int is_whole = last && (strstr(last, "coro_entry (") || strstr(last, " main (")) &&
                       !strstr(trace, "??") && !strstr(trace, "corrupt") &&
                       !strstr(trace, "Backtrace stopped");
        if (!is_whole)
            fprintf(stderr, "%s\n", trace);
        assert_true(is_whole);
    }
    return count;
}

/* (Of an assembler function built by clang, gdb takes the name for Ada and shows
 * asyncio.coro_entry.) */
static void test_backtrace_in_a_flow(void **state)
{
    (void)state;
    debug("break stop_here\nrun\necho <<<\nbt\necho >>>\nkill\n");
    assert_int_equal(check_backtraces(), 1);
    int depth = 0;
    for (char *p = said; (p = strstr(p, "reads_line (")) != NULL; p++)
        depth++;
    assert_int_equal(depth, 4);
    assert_non_null(strstr(said, "serves_request ("));
    assert_non_null(strstr(said, "coro_entry ("));
    assert_null(strstr(said, "inferior ("));
}

/* The first switch starts the flow, the second comes back home, the third resumes the flow; then
 * it exits. */
static void test_backtrace_at_every_instruction_of_a_switch(void **state)
{
    (void)state;
    debug(
        "break *asyncio__coro_swap\nbreak *asyncio__coro_jump\nrun\n"
        "set $switches = 0\n"
        "while $switches < 4\n"
        "  while (char *)$pc >= (char *)&asyncio__coro_swap && "
          "(char *)$pc < (char *)&asyncio__coro_prepare\n"
        "    echo <<<\\n\n"
        "    bt\n"
        "    echo >>>\\n\n"
        "    stepi\n"
        "  end\n"
        "  set $switches = $switches + 1\n"
        "  if $switches < 4\n"
        "    continue\n"
        "  end\n"
        "end\n"
        "kill\n");
    assert_in_range(check_backtraces(), 80,
                    200); /* three times 24 instructions, 13, and 4 of the entry */
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--inferior") == 0)
        return inferior();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backtrace_in_a_flow),
        cmocka_unit_test(test_backtrace_at_every_instruction_of_a_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
