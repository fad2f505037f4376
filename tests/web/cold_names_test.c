/* SPDX-License-Identifier: MIT */
/* Names of files that the kernel would have to ask a disk for are opened by a thread, and what it
 * has in memory at once. What is cold is asked of the kernel itself: a name that nobody has asked
 * for yet is, and where links are stamped with the time at which they are read, one that was not
 * read for long. */
/* Valgrind 3.19 does not know openat2. */
/* TEST: not valgrind */
#include "web/file.h"

#include "web/web_test.h"

#include <aiohttp/web_file.h>
#include <asyncio/exit_stack.h>
#include <asyncio/threads.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

static char folder[] = "/tmp/aiohttp-cold-XXXXXX";

static int make_files(void **state)
{
    char path[128];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.txt", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs("0123456789", file) >= 0);
    assert_int_equal(fclose(file), 0);
    return 0;
}

static int remove_files(void **state)
{
    char command[160];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? 0 : -1;
}

/* 1: it would have to be waited for; 0; or below 0 where the kernel does not tell. */
static int is_cold(const char *name)
{
    char path[128];
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                            .resolve = RESOLVE_CACHED };
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int r = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (r < 0)
        return errno == EAGAIN ? 1 : errno == ENOSYS || errno == EINVAL ? -1 : 0;
    close(r);
    return 0;
}

/* A name that nobody has asked for: of nothing, or of a link to a.txt. */
static const char *fresh(bool is_link)
{
    static char name[32];
    static int count;
    char path[128];
    const struct timespec times[2] = { { 1577836800, 0 }, { 1577836800, 0 } };
    snprintf(name, sizeof name, "%s-%d", is_link ? "link" : "none", ++count);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (is_link) {
        assert_int_equal(symlink("a.txt", path), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
    }
    return name;
}

/* An executor that counts what it is given, and makes it at once or when it is told to. */
static struct {
    int count;
    bool keeps;
    asyncio_work *kept;
} threads;

static int submit(void *data, asyncio_work *work)
{
    (void)data;
    threads.count++;
    if (threads.keeps)
        threads.kept = work;
    else
        asyncio_work_run(work);
    return 0;
}

static const asyncio_executor_type counting = { .size = sizeof counting,
                                                .name = "counting",
                                                .submit = submit };

static int count_threads(void)
{
    asyncio_executor *executor;
    int r = asyncio_executor_new(&counting, NULL, &executor);
    if (r < 0)
        return r;
    threads.count = 0;
    threads.keeps = false;
    asyncio_loop_set_default_executor(asyncio_get_running_loop(), executor);
    asyncio_executor_unref(executor);
    return 0;
}

static int one_file(aiohttp_web_request *request)
{
    char path[128];
    const char *name = aiohttp_web_request_match_info(request, "name");
    if (!name)
        return -ENOMEM;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return aiohttp_web_file_response(request, path);
}

/* Asks for it (not for its bytes, which a thread may read): how many threads that took. */
static int asks(struct live *live, const char *prefix, const char *name, const char *begins)
{
    char text[128], answer[4096];
    int before = threads.count;
    snprintf(text, sizeof text, "HEAD %s%s HTTP/1.1\r\nHost: a\r\n\r\n", prefix, name);
    int r = live_ask(live, text, answer, sizeof answer);
    if (r < 0)
        return r;
    CHECK_BEGINS(answer, begins);
    if (strstr(begins, "200"))
        CHECK_HAS(answer, "\r\nContent-Length: 10\r\n");
    return threads.count - before;
}

/* Two names that nobody has asked for. */
static int asks_cold(struct live *live, const char *prefix)
{
    for (int i = 0; i < 2; i++) {
        const char *name = fresh(i == 1);
        int cold = is_cold(name);
        int r = asks(live, prefix, name, i ? "HTTP/1.1 200 " : "HTTP/1.1 404 ");
        if (r < 0)
            return r;
        CHECK(r >= cold);
        CHECK(i == 1 || r == 1);
    }
    return 0;
}

/* The kernel may say that it would have to wait when somebody else renames what is elsewhere: not
 * every time. */
static int asks_warm(struct live *live, const char *prefix)
{
    int r = 1;
    for (int i = 0; i < 100 && r > 0; i++)
        r = asks(live, prefix, "a.txt", "HTTP/1.1 200 ");
    if (r >= 0)
        CHECK_IS(r, 0);
    return r;
}

static int names(void *data)
{
    aiohttp_web_runner *runner = NULL;
    aiohttp_web_site *site = NULL;
    (void)data;
    aiohttp_web_application *app = aiohttp_web_application_new();
    asyncio_loop_set_exception_handler(asyncio_get_running_loop(), on_web_report, NULL);
    (void)aiohttp_web_application_add_static(app, "/s", folder);
    (void)aiohttp_web_application_add_get(app, "/f/{name}", one_file);
    int r = aiohttp_web_app_runner_new(app, &runner);
    if (r >= 0)
        r = aiohttp_web_runner_setup(runner);
    if (r >= 0)
        r = aiohttp_web_tcp_site_new(runner, "127.0.0.1", 0, &site);
    if (r >= 0)
        r = aiohttp_web_site_start(site);
    if (r >= 0)
        r = count_threads();
    if (r >= 0 && is_cold("a.txt") >= 0) {
        struct live live = { .port = aiohttp_web_site_port(site) };
        static const char *const prefixes[] = { "/s/", "/f/" };
        for (int i = 0; i < 2 && r >= 0; i++) {
            r = asks_cold(&live, prefixes[i]);
            if (r >= 0)
                r = asks_warm(&live, prefixes[i]);
        }
    }
    int ended = runner ? aiohttp_web_runner_cleanup(runner) : 0;
    aiohttp_web_site_unref(site);
    aiohttp_web_runner_unref(runner);
    aiohttp_web_application_unref(app);
    int slept = asyncio_sleep(0);
    return r < 0 ? r : ended < 0 ? ended : slept;
}

static int opens(int directory, const char *name)
{
    int r = aiohttp__web_open_below(directory, name, false);
    if (r >= 0)
        close(r);
    return r;
}

/* Who is cancelled meanwhile waits for the thread, and what that has opened is closed. */
static int cancelled(void *data)
{
    asyncio_task *task = NULL;
    const char *name = fresh(true);
    int cold = is_cold(name), r = count_threads();
    (void)data;
    if (r < 0 || cold < 1)
        return r;
    int directory = aiohttp__web_open_directory(folder);
    threads.keeps = true;
    threads.kept = NULL;
    START(task, opens, directory, name);
    r = asyncio_sleep(0);
    if (r >= 0)
        CHECK(threads.kept);
    asyncio_task_cancel(task);
    if (r >= 0)
        r = asyncio_sleep(0);
    CHECK(!asyncio_task_done(task));
    int before = dup(directory); /* the lowest one that is free */
    close(before);
    asyncio_work_run(threads.kept);
    int result = asyncio_await(task);
    asyncio_task_unref(task);
    int after = dup(directory);
    close(after);
    close(directory);
    CHECK_IS(result, -ECANCELED);
    CHECK_IS(after, before);
    return r;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_everywhere(name);                                                                      \
    }
CASE(names)
CASE(cancelled)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
