/* SPDX-License-Identifier: MIT */
/* All conformance scenarios cancelled at all of their suspensions, in each of the ways of
 * support/points.h. The programs of the topics lie beside this one; each of them tries a share of
 * its points in the normal suite. */
/* TEST: backends sim; suite slow; timeout 900 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <glob.h>

/* The programs of the topics, this one not among them. */
static void find_topics(glob_t *ret_found)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 64);
    assert_in_range(length, 1, sizeof path - 64);
    path[length] = '\0';
    char *dash = strrchr(path, '_'); /* test_conformance_|points */
    assert_non_null(dash);
    memcpy(dash + 1, "*", 2);
    assert_int_equal(glob(path, 0, NULL, ret_found), 0);
}

static bool is_program(const char *path)
{
    const char *name = strrchr(path, '_');
    return access(path, X_OK) == 0 && !strchr(name, '.') && strcmp(name, "_points") != 0;
}

/* Its source says on which backends it can be played; nothing of them: on all. */
static bool is_for_sim(const char *program)
{
    char path[4096], text[2048];
    const char *root = getenv("SOURCE_ROOT"), *topic = strstr(program, "test_conformance_");
    assert_non_null(root);
    assert_non_null(topic);
    snprintf(path, sizeof path, "%s/tests/conformance/%s_test.c", root,
             topic + strlen("test_conformance_"));
    FILE *source = fopen(path, "r");
    assert_non_null(source);
    text[fread(text, 1, sizeof text - 1, source)] = '\0';
    fclose(source);
    char *backends = strstr(text, "/* TEST: backends ");
    if (!backends)
        return true;
    backends[strcspn(backends, ";\n")] = '\0';
    return strstr(backends, " sim") != NULL;
}

static int play_all_points(const char *program)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        const char *runner = getenv("TEST_RUNNER");
        if (runner && *runner)
            execlp(runner, runner, program, "--points", NULL);
        else
            execl(program, program, "--points", NULL);
        _exit(127);
    }
    int status = -1;
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

static void every_topic(void **state)
{
    (void)state;
    glob_t topics;
    int failed = 0, played = 0;
    find_topics(&topics);
    assert_int_equal(setenv("SWEEP_STRIDE", "1", 1), 0);
    for (size_t i = 0; i < topics.gl_pathc; i++) {
        const char *program = topics.gl_pathv[i];
        if (!is_program(program) || !is_for_sim(program))
            continue;
        played++;
        if (play_all_points(program) != 0) {
            printf("  went wrong: %s\n", program);
            failed++;
        }
    }
    globfree(&topics);
    assert_true(played >= 20);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
