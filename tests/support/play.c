/* SPDX-License-Identifier: MIT */
/* The harness of the conformance scenarios: plays each in a process of its own and compares what
 * it said with what CPython did. */
#include "support/play.h"

#include "support/failing.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SECONDS = 20, CASES = 512 };

static struct scenario *scenarios, **last_scenario = &scenarios;
static bool is_sim;

void scenario_add(struct scenario *scenario)
{
    *last_scenario = scenario;
    last_scenario = &scenario->next;
}

static int body_then_drop(struct scenario *scenario)
{
    int r = scenario->body();
    trace_over = true;
    /* a body that ended early may have left callbacks that use them */
    if (!trace_is_swept && !allocation_is_failing())
        drop_all();
    return r;
}

void play(struct scenario *scenario)
{
    int r;
    trace_over = false;
    if (scenario->plain) {
        r = scenario->body();
        drop_all();
    } else {
        r = asyncio_run(asyncio_coro(body_then_drop, scenario), .loop_factory = make_loop);
        drop_all();
    }
    say("= %s", name(r));
}

const char *apart(void (*function)(void *argument), void *argument)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS);
        function(argument);
        exit(0); /* not _exit: the leak checker wants to look */
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return "could not be played";
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGALRM ? "waits for ever"
                                           : text("killed: %s", strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status) ? text("ended with status %d", WEXITSTATUS(status)) : NULL;
}

static void play_argument(void *scenario)
{
    play(scenario);
}

/* Plays it in a process of its own. NULL, or what became of that. */
static const char *play_apart(struct scenario *scenario)
{
    trace_said->length = 0;
    trace_said->text[0] = '\0';
    return apart(play_argument, scenario);
}

/* ---- what CPython said ---- */

static char *expected; /* the whole file */

static void read_traces(const char *topic)
{
    const char *root = getenv("SOURCE_ROOT");
    const char *path = text("%s/tests/conformance/traces/%s.txt", root ? root : ".", topic);
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    enum { LIMIT = 1 << 20 };
    expected = calloc(1, LIMIT);
    if (!expected || fread(expected, 1, LIMIT - 1, file) == LIMIT - 1)
        exit(1);
    fclose(file);
}

/* The lines of a scenario into `ret_lines`, each with its newline; false: there are none. */
static bool expected_lines(const char *key, char *ret_lines)
{
    const char *found = strstr(expected, text("\n== %s\n", key));
    if (!found)
        return false;
    const char *begin = strchr(found + 1, '\n') + 1;
    const char *end = strstr(begin, "\n\n");
    size_t length = end ? (size_t)(end + 1 - begin) : strlen(begin);
    memcpy(ret_lines, begin, length);
    ret_lines[length] = '\0';
    return true;
}

/* Both traces side by side, with a mark where they differ. */
static void show_difference(const char *wanted, const char *got)
{
    printf("    %-40s %s\n", "CPython", "here");
    while (*wanted || *got) {
        int wanted_length = (int)strcspn(wanted, "\n"), got_length = (int)strcspn(got, "\n");
        bool same = wanted_length == got_length && memcmp(wanted, got, (size_t)got_length) == 0 &&
                    *wanted && *got;
        printf("  %c %-40.*s %.*s\n", same ? ' ' : '!', wanted_length, wanted, got_length, got);
        wanted += wanted_length + (wanted[wanted_length] == '\n');
        got += got_length + (got[got_length] == '\n');
    }
    fflush(stdout);
}

/* Plays it until it says `wanted`, on a real clock with longer ticks each time; the longest are for
 * a processor that is emulated, or one that many share. False: it never did. */
static bool says(struct scenario *scenario, const char *wanted, const char **ret_fate)
{
    static const double slower[] = { 1, 3, 10, 10, 25, 50, 100 };
    size_t tries = is_sim ? 1 : sizeof slower / sizeof *slower;
    double tick = T;
    bool same = false;
    for (size_t i = 0; i < tries && !same; i++) {
        T = tick * slower[i];
        *ret_fate = play_apart(scenario);
        same = !*ret_fate && strcmp(wanted, trace_said->text) == 0;
        if (*ret_fate && strcmp(*ret_fate, "waits for ever") == 0)
            break;
    }
    T = tick;
    return same;
}

static void case_of_scenario(void **case_state)
{
    struct scenario *scenario = *case_state;
    static char lines[TRACE_SIZE];
    if (is_sim && scenario->needs_threads)
        skip();
    if (allocation_is_failing()) {
        play(scenario);
        return;
    }
    bool known = expected_lines(text("%s @3.14", scenario->name), lines) ||
                 expected_lines(scenario->name, lines);
    if (!known)
        fail_msg("there is no trace of CPython's for %s", scenario->name);
    const char *wanted = scenario->lines ? scenario->lines : lines, *fate = NULL;
    trace_polls = true;
    bool same = says(scenario, wanted, &fate);
    if (same && !scenario->polls) {
        trace_polls = false;
        same = says(scenario, wanted, &fate);
    }
    if (!same) {
        printf("---- %s%s%s%s\n", scenario->name,
               trace_polls ? "" : ", without a poll in each turn", fate ? ": " : "",
               fate ? fate : "");
        show_difference(wanted, trace_said->text);
        fail_msg("%s is not what CPython does", scenario->name);
    }
}

/* Nobody forgets a scenario: each trace has a body here, or a word on why there is none. */
static void case_of_all(void **case_state)
{
    (void)case_state;
    int missing = 0;
    for (const char *at_key = expected; (at_key = strstr(at_key, "\n== ")) != NULL; at_key++) {
        const char *key = at_key + 4;
        size_t length = strcspn(key, " \n");
        const struct scenario *scenario = scenarios;
        while (scenario &&
               (strlen(scenario->name) != length || memcmp(scenario->name, key, length) != 0))
            scenario = scenario->next;
        if (!scenario)
            printf("  a trace without a scenario in C: %.*s\n", (int)length, key), missing++;
    }
    if (missing)
        fail_msg("%d traces without a scenario", missing);
}

static void case_of_points(void **case_state)
{
    (void)case_state;
    play_points(scenarios);
}

/* --points: the sweep and nothing else. */
static int play_only_points(const char *topic)
{
    const struct CMUnitTest cases[] = { { "cancelled_at_every_suspension", case_of_points, NULL,
                                          NULL, NULL } };
    return _cmocka_run_group_tests(topic, cases, 1, NULL, NULL);
}

/* --point NAME NTH HOW: one point of the sweep. */
static int play_named(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--point") == 0) {
        for (struct scenario *scenario = scenarios; scenario; scenario = scenario->next)
            if (strcmp(scenario->name, argv[2]) == 0)
                play_point(scenario, (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
        return 0;
    }
    for (int i = 1; i < argc; i++)
        for (struct scenario *scenario = scenarios; scenario; scenario = scenario->next)
            if (strcmp(scenario->name, argv[i]) == 0 && scenario->body) {
                trace_said->length = 0;
                printf("== %s\n", scenario->name);
                play(scenario);
                fputs(trace_said->text, stdout);
            }
    return 0;
}

int play_topic(const char *topic, int argc, char **argv)
{
    const char *backend = getenv("ASYNCIO_BACKEND");
    is_sim = backend && strcmp(backend, "sim") == 0;
    T = is_sim ? 1.0 : 0.02;
    trace_said =
        mmap(NULL, sizeof *trace_said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (trace_said == MAP_FAILED)
        return 1;
    signal(SIGINT, SIG_DFL);
    if (argc == 2 && strcmp(argv[1], "--points") == 0)
        return play_only_points(topic);
    if (argc > 1)
        return play_named(argc, argv);
    read_traces(topic);
    static struct CMUnitTest cases[CASES];
    size_t count = 0;
    for (struct scenario *scenario = scenarios; scenario && count < CASES - 2;
         scenario = scenario->next)
        if (scenario->body)
            cases[count++] =
                (struct CMUnitTest){ scenario->name, case_of_scenario, NULL, NULL, scenario };
    cases[count++] =
        (struct CMUnitTest){ "every_trace_has_its_scenario", case_of_all, NULL, NULL, NULL };
    if (is_sim)
        cases[count++] = (struct CMUnitTest){ "cancelled_at_every_suspension", case_of_points, NULL,
                                              NULL, NULL };
    return _cmocka_run_group_tests(topic, cases, count, NULL, NULL);
}
