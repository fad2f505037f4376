/* SPDX-License-Identifier: MIT */
/* io_uring is forbidden while a loop uses it, by a filter on its system calls, as programs put one
 * on themselves when they have what they need: connections, those that wait, new ones, files and
 * children go on without it. */
/* TEST: backends io_uring; timeout 60; not valgrind aarch64 allocations */
#include "net/net_test.h"

#include <asyncio.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANNOT_TRY = 77, CLIENTS = 20, ROUNDS = 30 };

static bool forbid_io_uring(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filters = { sizeof filter / sizeof *filter, filter };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filters) == 0;
}

static int say(asyncio_stream *stream, int number)
{
    char text[32], back[32];
    size_t size = (size_t)snprintf(text, sizeof text, "number %d\n", number);
    int r = asyncio_stream_write(stream, text, size);
    if (r >= 0)
        r = asyncio_stream_readline(stream, back, sizeof back);
    return r < 0 ? r : strcmp(text, back) == 0 ? 0 : -EPROTO;
}

static int read_one(asyncio_stream *stream)
{
    char byte;
    int r = asyncio_stream_read(stream, &byte, 1);
    return r == 1 ? byte : r;
}

static int much(asyncio_stream *stream)
{
    enum { SIZE = 1000000 };
    char *block = calloc(2, SIZE);
    asyncio_task *writer;
    memset(block, 'm', SIZE);
    START(writer, asyncio_stream_write, stream, block, (size_t)SIZE);
    int r = read_all(stream, block + SIZE, SIZE);
    int written = join(writer);
    bool is_same = memcmp(block, block + SIZE, SIZE) == 0;
    free(block);
    return r == SIZE && written >= 0 && is_same ? 0 : -EPROTO;
}

static int files_and_children(void)
{
    char *text;
    asyncio_process *process;
    int code = -1;
    CHECK_IS(asyncio_read_file("/proc/self/status", &text, NULL), 0);
    CHECK(strncmp(text, "Name:", 5) == 0);
    CHECK_IS(asyncio_create_subprocess_shell("exit 3", &process), 0);
    CHECK_IS(asyncio_process_wait(process, &code), 0);
    CHECK_IS(code, 3);
    asyncio_process_unref(process);
    return 0;
}

static int conversations(void *data)
{
    (void)data;
    asyncio_server *server;
    asyncio_stream *streams[CLIENTS];
    asyncio_task *waiting, *sleeping;
    struct pair pair;
    CHECK_IS(asyncio_start_server(echo, "127.0.0.1", 0, &server), 0);
    int port = asyncio_server_port(server);
    for (int i = 0; i < CLIENTS / 2; i++)
        CHECK_IS(asyncio_open_connection("127.0.0.1", port, &streams[i]), 0);
    for (int i = 0; i < CLIENTS / 2; i++)
        CHECK_IS(say(streams[i], i), 0);
    CHECK_IS(pair_open(&pair, 65536), 0);
    START(waiting, read_one, pair.a); /* and the kernel has it */
    START(sleeping, asyncio_sleep, 0.05);
    CHECK_IS(settle(), 0);
    if (!forbid_io_uring())
        _exit(CANNOT_TRY);
    for (int i = CLIENTS / 2; i < CLIENTS; i++)
        CHECK_IS(asyncio_open_connection("localhost", port, &streams[i]), 0);
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < CLIENTS; i++)
            CHECK_IS(say(streams[i], round * i), 0);
    CHECK_IS(much(streams[0]), 0);
    CHECK_IS(much(streams[CLIENTS - 1]), 0);
    CHECK_IS(asyncio_stream_write(pair.b, "!", 1), 0);
    CHECK_IS(join(waiting), '!');
    CHECK_IS(join(sleeping), 0);
    CHECK_IS(files_and_children(), 0);
    for (int i = 0; i < CLIENTS; i++) { /* each hears of the other's end */
        CHECK_IS(asyncio_stream_write_eof(streams[i]), 0);
        CHECK_IS(read_one(streams[i]), 0);
        asyncio_stream_unref(streams[i]);
    }
    CHECK_IS(pair_close(&pair, 0), 0);
    return end_server(server);
}

static void test_forbidden(void **state)
{
    (void)state;
    int status;
    enter_world("plain", false, 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint64_t live = asyncio__alloc_live();
        int r = asyncio_run(asyncio_coro(observed, conversations, NULL), .shutdown_timeout = 5.0);
        asyncio__record_put(NULL);
        _exit(r != 0 ? 1 : asyncio__alloc_live() != live ? 2 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT_TRY) {
        print_message("skipped: no filters on system calls here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_forbidden) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
