/* SPDX-License-Identifier: MIT */
/* The cookie jar's file: everything is kept, nothing else is taken. */
/* TEST: backends io_uring epoll */
#include "net/net_test.h"

#include "client/cookie_jar.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/aiohttp-cookies-XXXXXX", path[64];
static int64_t clock_now = 1700000000;

static int64_t now(void)
{
    return clock_now;
}

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/jar.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char command[160];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? 0 : -1;
}

static int new_jar(aiohttp_cookie_jar **ret_jar)
{
    int r = aiohttp_cookie_jar_new(ret_jar);
    if (r >= 0)
        aiohttp__cookie_jar_clock(*ret_jar, now);
    return r;
}

static int set(aiohttp_cookie_jar *jar, const char *from, const char *cookie)
{
    aiohttp_url *url;
    int r = aiohttp_url_new(from, &url);
    if (r < 0)
        return r;
    r = aiohttp__cookie_jar_receive(jar, span_of(cookie), url);
    aiohttp_url_unref(url);
    return r < 0 ? r : r == 1 ? 0 : -EPROTO;
}

static const char *const cookies[][2] = {
    { "http://h.org/", "host=1" },
    { "http://h.org/", "domain=2; Domain=h.org; Path=/x" },
    { "https://h.org/", "__Host-s=3; Secure; HttpOnly; Path=/; SameSite=Strict; Partitioned" },
    { "http://i.org/", "age=4; Max-Age=100; SameSite=None" },
    { "http://i.org/", "quoted=\"a \\\"b\"" },
    { "http://i.org/", "bytes=\xff\xfe; Path=/\xe9" },
    { "http://i.org/", "soon=1; Max-Age=5" },
};

static int texts_of(aiohttp_cookie_jar *jar, char *text, size_t room)
{
    const aiohttp_cookie *cookie;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof cookies / sizeof *cookies; i++)
        for (size_t at = 0; aiohttp_cookie_jar_next(jar, &at, &cookie);) {
            size_t size = strlen(cookie->name);
            if (strncmp(cookies[i][1], cookie->name, size) != 0 || cookies[i][1][size] != '=')
                continue;
            size_t have = strlen(text);
            snprintf(text + have, room - have, "%s=%s=%s %s %s %s %.0f %d%d%d%d\n", cookie->name,
                     cookie->value, cookie->coded_value, cookie->domain, cookie->path,
                     cookie->samesite, cookie->expires < 0 ? -1.0 : cookie->expires,
                     cookie->host_only, cookie->secure, cookie->httponly, cookie->partitioned);
        }
    return 0;
}

static int keeps(aiohttp_cookie_jar *jar, aiohttp_cookie_jar *other)
{
    char text[2048], again[2048];
    struct stat status;
    int r = 0;
    clock_now = 1700000000;
    for (size_t i = 0; r >= 0 && i < sizeof cookies / sizeof *cookies; i++)
        r = set(jar, cookies[i][0], cookies[i][1]);
    if (r >= 0)
        r = set(other, "http://gone.org/", "gone=1");
    umask(0);
    if (r >= 0)
        r = aiohttp_cookie_jar_save(jar, path);
    if (r >= 0) /* over what is there */
        r = aiohttp_cookie_jar_save(jar, path);
    if (r < 0)
        return r;
    CHECK_IS(stat(path, &status), 0);
    CHECK_IS(status.st_mode & 07777, 0600);
    CHECK((r = aiohttp_cookie_jar_load(other, path)) == 0 || r == -ENOMEM);
    if (r < 0)
        return r;
    texts_of(jar, text, sizeof text);
    texts_of(other, again, sizeof again);
    CHECK(strcmp(text, again) == 0);
    CHECK_IS((int)aiohttp_cookie_jar_count(other), 7);
    clock_now += 5;
    r = aiohttp_cookie_jar_load(other, path);
    if (r < 0)
        return r;
    CHECK_IS((int)aiohttp_cookie_jar_count(other), 6);
    return 0;
}

static int kept(void *data)
{
    aiohttp_cookie_jar *jar = NULL, *other = NULL;
    (void)data;
    int r = new_jar(&jar);
    if (r >= 0)
        r = new_jar(&other);
    if (r >= 0)
        r = keeps(jar, other);
    aiohttp_cookie_jar_unref(jar);
    aiohttp_cookie_jar_unref(other);
    return r;
}

static void CVE_2026_54279_everything_is_kept(void **state)
{
    (void)state;
    run_everywhere(kept);
}

#define ONE(text) "{\"version\":1,\"cookies\":[{" text "}]}"
#define REST ",\"domain\":\"h.org\",\"path\":\"/\""

static const char *const broken[] = {
    "",
    "[]",
    "{\"version\":2,\"cookies\":[]}",
    "{\"version\":1,\"cookies\":{}}",
    "{\"version\":1,\"cookies\":[1]}",
    "{\"version\":1,\"cookies\":[[[[[[]]]]]]}",
    ONE("\"name\":\"a\"" REST),
    ONE("\"name\":\"\",\"value\":\"b\"" REST),
    ONE("\"name\":\"a\\r\\nX\",\"value\":\"b\"" REST),
    ONE("\"name\":\"a=b\",\"value\":\"b\"" REST),
    ONE("\"name\":\"a\",\"value\":\"b; c=d\"" REST),
    ONE("\"name\":\"a\",\"value\":\"b\\r\\n\"" REST),
    ONE("\"name\":\"a\",\"value\":\" b\"" REST),
    ONE("\"name\":\"a\",\"value\":1" REST),
    ONE("\"name\":\"a\",\"value_base64\":\"?\"" REST),
    ONE("\"name\":\"a\",\"value_base64\":\"DQo=\"" REST),
    ONE("\"name\":\"a\",\"value\":\"b\",\"domain\":\"H.org\",\"path\":\"/\""),
    ONE("\"name\":\"a\",\"value\":\"b\",\"domain\":\"h.org\",\"path\":\"\""),
    ONE("\"name\":\"a\",\"value\":\"b\",\"domain\":\"\",\"path\":\"/\",\"host_only\":true"),
    ONE("\"name\":\"a\",\"value\":\"b\",\"secure\":1" REST),
    ONE("\"name\":\"a\",\"value\":\"b\",\"samesite\":\"lax\"" REST),
    ONE("\"name\":\"a\",\"value\":\"b\",\"expires\":\"soon\"" REST),
};

static int put(const char *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    size_t size = strlen(text);
    ssize_t n = write(file, text, size);
    close(file);
    return n == (ssize_t)size ? 0 : -EIO;
}

static int refuses(aiohttp_cookie_jar *jar)
{
    int r = set(jar, "http://h.org/", "old=1");
    for (size_t i = 0; r >= 0 && i < sizeof broken / sizeof *broken; i++) {
        r = put(broken[i]);
        if (r < 0)
            return r;
        r = aiohttp_cookie_jar_load(jar, path);
        if (r == -ENOMEM)
            return r;
        if (r != -EINVAL)
            print_error("%s\n", broken[i]);
        CHECK_IS(r, -EINVAL);
        CHECK_IS((int)aiohttp_cookie_jar_count(jar), 1);
        r = 0;
    }
    if (r >= 0)
        r = put(ONE("\"name\":\"a\",\"value\":\"b\"" REST));
    if (r >= 0)
        r = aiohttp_cookie_jar_load(jar, path);
    if (r < 0)
        return r;
    CHECK_IS((int)aiohttp_cookie_jar_count(jar), 1);
    CHECK_IS(aiohttp_cookie_jar_load(jar, "/nowhere/jar"), -ENOENT);
    CHECK_IS(aiohttp_cookie_jar_save(jar, "/nowhere/jar"), -ENOENT);
    CHECK_IS(aiohttp_cookie_jar_save(jar, folder), -EISDIR);
    CHECK_IS(aiohttp_cookie_jar_load(jar, NULL), -EINVAL);
    CHECK_IS(aiohttp_cookie_jar_save(NULL, path), -EINVAL);
    return 0;
}

static int refused(void *data)
{
    aiohttp_cookie_jar *jar = NULL;
    (void)data;
    int r = new_jar(&jar);
    if (r >= 0)
        r = refuses(jar);
    aiohttp_cookie_jar_unref(jar);
    return r;
}

static void CVE_2026_34993_what_is_no_jar_changes_nothing(void **state)
{
    (void)state;
    run_everywhere(refused);
}

/* Cancelled at each await in turn: the file is whole, the old one or the new, and nothing lies
 * beside it. */
static int save(aiohttp_cookie_jar *jar)
{
    return aiohttp_cookie_jar_save(jar, path);
}

static int files_of(const char *name)
{
    int count = 0;
    DIR *open_folder = opendir(name);
    while (open_folder && readdir(open_folder))
        count++;
    if (open_folder)
        closedir(open_folder);
    return count - 2;
}

static int cancels(aiohttp_cookie_jar *jar)
{
    int r = set(jar, "http://h.org/", "a=1");
    if (r >= 0)
        r = aiohttp_cookie_jar_save(jar, path);
    for (int turns = 0; r >= 0 && turns < 12; turns++) {
        asyncio_task *task;
        r = asyncio_create_task(asyncio_coro(save, jar), &task);
        for (int i = 0; r >= 0 && i < turns; i++)
            r = asyncio_sleep(0);
        if (r < 0)
            return r;
        asyncio_task_cancel(task);
        r = asyncio_await(task);
        asyncio_task_unref(task);
        CHECK(r == 0 || r == -ECANCELED || r == -ENOMEM);
        CHECK(r == -ENOMEM || files_of(folder) == 1);
        r = aiohttp_cookie_jar_load(jar, path);
        if (r >= 0)
            CHECK_IS((int)aiohttp_cookie_jar_count(jar), 1);
    }
    return r;
}

static int cancelled(void *data)
{
    aiohttp_cookie_jar *jar = NULL;
    (void)data;
    int r = new_jar(&jar);
    if (r >= 0)
        r = cancels(jar);
    aiohttp_cookie_jar_unref(jar);
    return r;
}

static void cancelled_saving_leaves_a_whole_file(void **state)
{
    (void)state;
    run_everywhere(cancelled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(CVE_2026_54279_everything_is_kept),
        cmocka_unit_test(CVE_2026_34993_what_is_no_jar_changes_nothing),
        cmocka_unit_test(cancelled_saving_leaves_a_whole_file),
    };
    return cmocka_run_group_tests_name("cookie_file", tests, make_folder, remove_folder);
}
