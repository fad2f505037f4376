/* SPDX-License-Identifier: MIT */
/* The harness of the conformance scenarios: plays each in a process of its own and compares what
 * it said. */
#include "support/trace.h"

#include <errno.h>
#include <math.h>
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

enum { TRACE_SIZE = 1 << 16, OWNED = 2048, SECONDS = 20, CASES = 512 };

/* Shared with the process that plays: what it said is there even when it crashes. */
struct said {
    size_t length;
    char text[TRACE_SIZE];
};

double T = 1.0;
static struct said *said;
static struct scenario *scenarios, **last_scenario = &scenarios;
static asyncio_future *owned[OWNED];
static size_t owned_count;
static double loop_made_at;
static bool is_sim;
static bool over; /* the main coroutine has ended: nobody counts turns any more */

void scenario_add(struct scenario *scenario)
{
    *last_scenario = scenario;
    last_scenario = &scenario->next;
}

/* ---- the trace ---- */

const char *text(const char *format, ...)
{
    static char buffers[64][512];
    static unsigned next;
    char *buffer = buffers[next++ % 64];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(buffer, sizeof buffers[0], format, arguments);
    va_end(arguments);
    return buffer;
}

void say(const char *format, ...)
{
    char *end = said->text + said->length;
    size_t room = TRACE_SIZE - said->length - 1;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(end, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length + 1 >= room) {
        fprintf(stderr, "the trace is longer than %d bytes\n", TRACE_SIZE);
        abort();
    }
    end[length] = '\n';
    end[length + 1] = '\0';
    said->length += (size_t)length + 1;
}

const char *yes(int condition)
{
    return condition ? "yes" : "no";
}

const char *name(int result)
{
    switch (result) {
    case -ECANCELED:
        return "CancelledError";
    case -ETIMEDOUT:
        return "TimeoutError";
    case -EINVAL:
        return "ValueError";
    case -EINTR:
        return "KeyboardInterrupt";
    default:
        if (result >= 0)
            return text("%d", result);
        return result > -4096 ? asyncio_error_name(result) : asyncio_error_class(result);
    }
}

const char *group_name(int result)
{
    if (result >= 0 || result == -ECANCELED)
        return name(result);
    const asyncio_error *error = asyncio_last_error(result);
    if (!error || !error->error_count)
        return text("ExceptionGroup[%s]", name(result));
    const char *list = "";
    for (size_t i = 0; i < error->error_count; i++)
        list = text("%s%s%s", list, i ? ", " : "", name(error->errors[i]->code));
    return text("ExceptionGroup[%s]", list);
}

const char *runtime_error(int result)
{
    return result == -ASYNCIO_INVALID_STATE ? "RuntimeError" : name(result);
}

const char *list_name(const int *results, size_t count)
{
    const char *list = "";
    for (size_t i = 0; i < count; i++)
        list = text("%s%s%s", list, i ? ", " : "", name(results[i]));
    return text("[%s]", list);
}

const char *at(void)
{
    double ticks = (asyncio_loop_time(running()) - loop_made_at) / T;
    return text("t=%g", round(ticks * 2) / 2); /* real clocks are a little late */
}

const char *state_of(asyncio_future *future)
{
    if (!asyncio_future_done(future))
        return "pending";
    return asyncio_future_cancelled(future) ? "cancelled" : "finished";
}

/* ---- what the scenario owns ---- */

asyncio_future *own(asyncio_future *future)
{
    if (owned_count == OWNED) {
        fprintf(stderr, "a scenario owns more than %d futures\n", OWNED);
        abort();
    }
    owned[owned_count++] = future;
    return future;
}

void drop_future(asyncio_future *future)
{
    for (size_t i = 0; i < owned_count; i++)
        if (owned[i] == future) {
            owned[i] = NULL;
            asyncio_future_unref(future);
            return;
        }
}

static void drop_all(void)
{
    for (size_t i = 0; i < owned_count; i++)
        asyncio_future_unref(owned[i]);
    owned_count = 0;
}

static asyncio_task *own_task(asyncio_task *task)
{
    own(ASYNCIO__FUTURE(task));
    return task;
}

asyncio_task *start(asyncio_coro coro)
{
    asyncio_task *task;
    ok(asyncio_create_task(coro, &task));
    return own_task(task);
}

asyncio_task *start_named(asyncio_coro coro, const char *task_name)
{
    asyncio_task *task;
    ok(asyncio_create_task(coro, &task, .name = task_name));
    return own_task(task);
}

asyncio_task *start_eager(asyncio_coro coro)
{
    asyncio_task *task;
    ok(asyncio_create_task(coro, &task, .eager_start = 1));
    return own_task(task);
}

asyncio_future *new_future(void)
{
    asyncio_future *future;
    ok(asyncio_loop_create_future(running(), &future));
    return own(future);
}

/* ---- calls that cannot fail here ---- */

int ok_at(int result, const char *file, int line)
{
    if (result >= 0)
        return result;
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, asyncio_error_name(result),
            asyncio_error_text(result));
    say("! %s:%d: %s", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line,
        asyncio_error_name(result));
    _exit(1);
}

asyncio_loop *running(void)
{
    asyncio_loop *loop = asyncio_get_running_loop();
    return loop ? loop : (ok(-ASYNCIO_NO_RUNNING_LOOP), loop);
}

static void say_handled(asyncio_loop *loop, const asyncio_exception_context *context, void *data)
{
    (void)loop;
    (void)data;
    const char *shielded = strstr(context->message, "exception in shielded future");
    say("handler: %s%s%s", shielded ? shielded : context->message, context->exception ? ": " : "",
        context->exception ? name(context->exception) : "");
}

int make_loop(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_loop_new(ret_loop, .poll_every_turn = 1);
    if (r < 0)
        return r;
    asyncio_loop_set_exception_handler(*ret_loop, say_handled, NULL);
    loop_made_at = asyncio_loop_time(*ret_loop);
    return 0;
}

asyncio_loop *new_loop(void)
{
    asyncio_loop *loop = NULL;
    ok(make_loop(&loop, NULL));
    return loop;
}

void soon(void (*callback)(asyncio_loop *loop, void *data), void *data)
{
    ok(asyncio_loop_call_soon(running(), callback, NULL, .data = data));
}

void later(double ticks, void (*callback)(asyncio_loop *loop, void *data), void *data)
{
    ok(asyncio_loop_call_later(running(), ticks * T, callback, NULL, .data = data));
}

void say_words(asyncio_loop *loop, void *words)
{
    (void)loop;
    say("%s", (const char *)words);
}

void cancel_task(asyncio_loop *loop, void *task)
{
    (void)loop;
    asyncio_task_cancel((asyncio_task *)task);
}

void cancel_and_say(asyncio_loop *loop, void *task)
{
    (void)loop;
    say("cancel %s", yes(asyncio_task_cancel((asyncio_task *)task)));
}

void set_result_1(asyncio_loop *loop, void *future)
{
    (void)loop;
    ok(asyncio_future_set_result((asyncio_future *)future, 1));
}

/* ---- coroutines that many scenarios share ---- */

static double seconds(int quarters)
{
    return quarters == FOR_EVER ? (double)INFINITY : quarters / 4.0 * T;
}

int steps(const char *who, int n, int result)
{
    for (int i = 1; i <= n; i++) {
        say("%s %d", who, i);
        int r = asyncio_sleep(0);
        if (r < 0) {
            say("%s cancelled", who);
            return r;
        }
    }
    say("%s ends", who);
    return result;
}

int sleeper(const char *who, int quarters, int result)
{
    say("%s sleeps", who);
    int r = asyncio_sleep(seconds(quarters));
    if (r < 0) {
        say("%s cancelled", who);
        return r;
    }
    say("%s wakes", who);
    return result;
}

int failing(const char *who, int n, int code)
{
    for (int i = 0; i < n; i++) {
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    say("%s raises %s", who, name(-code));
    return -code;
}

int late_failing(const char *who, int quarters, int code)
{
    int r = asyncio_sleep(seconds(quarters));
    if (r < 0)
        return r;
    say("%s raises %s", who, name(-code));
    return -code;
}

int wait_for_ever(void)
{
    asyncio_future *future;
    int r = asyncio_loop_create_future(running(), &future);
    if (r < 0)
        return r;
    r = asyncio_await(future);
    asyncio_future_unref(future);
    return r;
}

int stubborn(const char *who, int n, int result)
{
    say("%s waits", who);
    for (int i = 1; i <= n; i++)
        if (wait_for_ever() == -ECANCELED)
            say("%s swallows %d", who, i);
    return result;
}

int cleaning(const char *who, int n)
{
    say("%s waits", who);
    int r = wait_for_ever();
    if (r == -ECANCELED) {
        say("%s cleans", who);
        for (int i = 0; i < n; i++) {
            int again = asyncio_sleep(0);
            if (again < 0)
                return again;
        }
        say("%s is clean", who);
    }
    return r;
}

int breaking(const char *who, int n, int code)
{
    say("%s waits", who);
    int r = wait_for_ever();
    if (r != -ECANCELED)
        return r;
    for (int i = 0; i < n; i++) {
        r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    say("%s raises %s", who, name(-code));
    return -code;
}

int waiter(const char *who, asyncio_future *future)
{
    say("%s waits", who);
    int r = asyncio_await(future);
    say("%s got %s", who, name(r));
    return r;
}

int task_waiter(const char *who, asyncio_task *task)
{
    return waiter(who, ASYNCIO__FUTURE(task));
}

int quick(int result)
{
    return result;
}

int passes(int n)
{
    for (int i = 0; i < n; i++) {
        int r = asyncio_sleep(0);
        if (r < 0)
            return r;
    }
    return 0;
}

int cancelled_coroutine(void)
{
    return -ECANCELED;
}

static void turn(asyncio_loop *loop, void *data)
{
    int *counter = data; /* this turn, and the last one */
    if (over)
        return;
    say("turn %d", counter[0]);
    if (counter[0]++ < counter[1])
        ok(asyncio_loop_call_soon(loop, turn, NULL, .data = counter));
}

void turns(int n)
{
    static int counters[16][2];
    static unsigned next;
    int *counter = counters[next++ % 16];
    counter[0] = 1;
    counter[1] = n;
    soon(turn, counter);
}

/* ---- playing ---- */

static int body_then_drop(struct scenario *scenario)
{
    int r = scenario->body();
    over = true;
    drop_all();
    return r;
}

static void play(struct scenario *scenario)
{
    int r;
    over = false;
    if (scenario->plain) {
        r = scenario->body();
        drop_all();
    } else {
        r = asyncio_run(asyncio_coro(body_then_drop, scenario), .loop_factory = make_loop);
    }
    say("= %s", name(r));
}

/* Plays it in a process of its own. NULL, or what became of that. */
static const char *play_apart(struct scenario *scenario)
{
    said->length = 0;
    said->text[0] = '\0';
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS);
        play(scenario);
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

static void case_of_scenario(void **case_state)
{
    struct scenario *scenario = *case_state;
    static char lines[TRACE_SIZE];
    if (is_sim && scenario->needs_threads)
        skip();
    bool known = expected_lines(text("%s @3.14", scenario->name), lines) ||
                 expected_lines(scenario->name, lines);
    if (!known)
        fail_msg("there is no trace of CPython's for %s", scenario->name);
    const char *wanted = scenario->lines ? scenario->lines : lines;
    static const double slower[] = { 1, 3, 10 };
    double tick = T;
    const char *fate = NULL;
    bool same = false;
    for (size_t i = 0; i < (is_sim ? 1 : 3) && !same; i++) {
        T = tick * slower[i];
        fate = play_apart(scenario);
        same = !fate && strcmp(wanted, said->text) == 0;
        if (fate && strcmp(fate, "waits for ever") == 0)
            break;
    }
    T = tick;
    if (!same) {
        printf("---- %s%s%s\n", scenario->name, fate ? ": " : "", fate ? fate : "");
        show_difference(wanted, said->text);
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

static int play_named(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        for (struct scenario *scenario = scenarios; scenario; scenario = scenario->next)
            if (strcmp(scenario->name, argv[i]) == 0 && scenario->body) {
                said->length = 0;
                printf("== %s\n", scenario->name);
                play(scenario);
                fputs(said->text, stdout);
            }
    return 0;
}

int play_topic(const char *topic, int argc, char **argv)
{
    const char *backend = getenv("ASYNCIO_BACKEND");
    is_sim = backend && strcmp(backend, "sim") == 0;
    T = is_sim ? 1.0 : 0.02;
    said = mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (said == MAP_FAILED)
        return 1;
    signal(SIGINT, SIG_DFL);
    if (argc > 1)
        return play_named(argc, argv);
    read_traces(topic);
    static struct CMUnitTest cases[CASES];
    size_t count = 0;
    for (struct scenario *scenario = scenarios; scenario && count < CASES - 1;
         scenario = scenario->next)
        if (scenario->body)
            cases[count++] =
                (struct CMUnitTest){ scenario->name, case_of_scenario, NULL, NULL, scenario };
    cases[count++] =
        (struct CMUnitTest){ "every_trace_has_its_scenario", case_of_all, NULL, NULL, NULL };
    return _cmocka_run_group_tests(topic, cases, count, NULL, NULL);
}
