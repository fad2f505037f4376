/* SPDX-License-Identifier: MIT */
/* The user's netrc: which file, and which one is safe to use. */
/* TEST: backends io_uring epoll */
#include "net/net_test.h"

#include "client/netrc.h"

#include <asyncio/alloc.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/aiohttp-netrc-XXXXXX", path[64];

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/.netrc", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char command[160];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? 0 : -1;
}

static int put(const char *text, mode_t mode)
{
    unlink(path);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    ssize_t n = write(file, text, strlen(text));
    int r = fchmod(file, mode);
    close(file);
    return n < 0 || r < 0 ? -errno : 0;
}

static int find(const char *host, const char *user, const char *password)
{
    char *found_user = NULL, *found_password = NULL;
    int r = aiohttp__netrc_find(host, &found_user, &found_password);
    if (r == -ENOMEM)
        return r;
    if (user) {
        CHECK_IS(r, 1);
        CHECK(strcmp(found_user, user) == 0 && strcmp(found_password, password) == 0);
    }
    asyncio_mem_free(found_user);
    asyncio_mem_free(found_password);
    return r;
}

static int finds(void *data)
{
    (void)data;
    unsetenv("NETRC");
    setenv("HOME", folder, 1);
    unlink(path);
    CHECK_IS(find("a.org", NULL, NULL), 0);
    int r = put("machine a.org login me password secret\n", 0600);
    if (r >= 0)
        r = find("a.org", "me", "secret");
    if (r < 0)
        return r;
    CHECK_IS(find("b.org", NULL, NULL), 0);
    /* named by the environment */
    setenv("HOME", "/nowhere", 1);
    CHECK_IS(find("a.org", NULL, NULL), 0);
    setenv("NETRC", path, 1);
    r = find("a.org", "me", "secret");
    if (r < 0)
        return r;
    unsetenv("NETRC");
    unsetenv("HOME");
    CHECK_IS(find("a.org", NULL, NULL), 0);
    return 0;
}

static void found(void **state)
{
    (void)state;
    run_everywhere(finds);
}

static int refuses(void *data)
{
    static const mode_t modes[] = { 0640, 0604, 0620, 0601, 0660 };
    (void)data;
    setenv("NETRC", path, 1);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        CHECK_IS(put("machine a.org login me password secret\n", modes[i]), 0);
        CHECK_IS(find("a.org", NULL, NULL), -EPERM);
    }
    CHECK_IS(put("machine a.org\nlogin\n", 0600), 0);
    CHECK_IS(find("a.org", NULL, NULL), -EINVAL);
    setenv("NETRC", folder, 1);
    CHECK_IS(find("a.org", NULL, NULL), -EINVAL);
    /* one that would block for ever is not read */
    unlink(path);
    CHECK_IS(mkfifo(path, 0600), 0);
    setenv("NETRC", path, 1);
    CHECK_IS(find("a.org", NULL, NULL), -EINVAL);
    unlink(path);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(file >= 0 && ftruncate(file, (1 << 20) + 1) == 0);
    close(file);
    CHECK_IS(find("a.org", NULL, NULL), -EFBIG);
    unsetenv("NETRC");
    return 0;
}

static void not_safe(void **state)
{
    (void)state;
    run_everywhere(refuses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found),
        cmocka_unit_test(not_safe),
    };
    return cmocka_run_group_tests_name("netrc_file", tests, make_folder, remove_folder);
}
