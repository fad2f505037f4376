/* SPDX-License-Identifier: MIT */
/* Files: each call, by each way it can be done (at once, by the backend, by a thread), cancelled at
 * every turn, and refused each allocation. */
/* TEST: timeout 120 */
#include "net/net_test.h"

#include "files/files.h"
#include "support/sweep.h"

#include <asyncio.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

/* This program's own read(2), which hides libc's: so many bytes at most. 0: as many as asked. */
static size_t read_at_most;

ssize_t read(int number, void *buffer, size_t size)
{
    ssize_t (*libc)(int, void *, size_t);
    void *found = dlsym(RTLD_NEXT, "read");
    memcpy(&libc, &found, sizeof libc);
    return libc(number, buffer, read_at_most && size > read_at_most ? read_at_most : size);
}

/* Several tasks at once may use what it gives. */
static const char *in_folder(const char *name)
{
    static char paths[1024][256];
    static unsigned next;
    char *path = paths[next++ % 1024];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/asyncio-files-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* In all worlds, at once and not. */
static void run_all_ways(program *body)
{
    for (int i = 0; i < 2; i++) {
        asyncio__file_tries_nothing = i;
        run_everywhere(body);
    }
    asyncio__file_tries_nothing = false;
}

static int write_all(int file, const char *text)
{
    size_t size = strlen(text);
    while (size) {
        int n = asyncio_write(file, text, size);
        if (n < 0)
            return n;
        text += n;
        size -= (size_t)n;
    }
    return 0;
}

static int put(const char *name, const char *text)
{
    int file = asyncio_open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC, .mode = 0600);
    if (file < 0)
        return file;
    int r = write_all(file, text);
    int c = asyncio_close(file);
    return r < 0 ? r : c;
}

static int calls(void *data)
{
    (void)data;
    char text[64] = "";
    struct stat status, other;
    int file = asyncio_open(in_folder("a"), O_RDWR | O_CREAT | O_TRUNC, .mode = 0640);
    CHECK(file > 2);
    CHECK_IS(fcntl(file, F_GETFD), FD_CLOEXEC);
    CHECK_IS(write_all(file, "hello world"), 0);
    CHECK_IS(asyncio_fsync(file), 0);
    CHECK_IS(asyncio_fdatasync(file), 0);
    CHECK_IS(asyncio_read(file, text, sizeof text), 0); /* at the end */
    CHECK_IS(asyncio_pread(file, text, 5, 6), 5);
    CHECK(memcmp(text, "world", 5) == 0);
    CHECK_IS(asyncio_pwrite(file, "W", 1, 6), 1);
    CHECK_IS(lseek(file, 0, SEEK_SET), 0);
    CHECK_IS(asyncio_read(file, text, 4), 4);
    CHECK_IS(asyncio_read(file, text + 4, sizeof text - 4), 7);
    CHECK(memcmp(text, "hello World", 11) == 0);
    CHECK_IS(asyncio_ftruncate(file, 5), 0);
    CHECK_IS(asyncio_fstat(file, &status), 0);
    CHECK_IS(status.st_size, 5);
    CHECK_IS(status.st_mode & 07777, 0640);
    CHECK_IS(asyncio_close(file), 0);
    CHECK_IS(asyncio_close(file), -EBADF);
    CHECK_IS(asyncio_stat(in_folder("a"), &other), 0);
    struct stat real;
    CHECK_IS(stat(in_folder("a"), &real), 0);
    CHECK(other.st_ino == real.st_ino && other.st_dev == real.st_dev && other.st_size == 5 &&
          other.st_uid == real.st_uid && other.st_nlink == 1 &&
          other.st_mtim.tv_sec == real.st_mtim.tv_sec &&
          other.st_mtim.tv_nsec == real.st_mtim.tv_nsec && other.st_mode == real.st_mode &&
          other.st_blocks == real.st_blocks);
    CHECK_IS(asyncio_rename(in_folder("a"), in_folder("b")), 0);
    CHECK_IS(asyncio_stat(in_folder("a"), &status), -ENOENT);
    CHECK_IS(symlink("b", in_folder("link")), 0);
    CHECK_IS(asyncio_lstat(in_folder("link"), &status), 0);
    CHECK(S_ISLNK(status.st_mode));
    CHECK_IS(asyncio_stat(in_folder("link"), &status), 0);
    CHECK(S_ISREG(status.st_mode));
    CHECK_IS(asyncio_unlink(in_folder("link")), 0);
    CHECK_IS(asyncio_unlink(in_folder("b")), 0);
    CHECK_IS(asyncio_mkdir(in_folder("d"), .mode = 0700), 0);
    CHECK_IS(asyncio_mkdir(in_folder("d")), -EEXIST);
    CHECK_IS(asyncio_stat(in_folder("d"), &status), 0);
    CHECK_IS(status.st_mode & 07777, 0700);
    CHECK_IS(asyncio_rmdir(in_folder("d")), 0);
    return 0;
}

static int errors(void *data)
{
    (void)data;
    char text[8] = "";
    struct stat status;
    char **names;
    char *whole = NULL;
    CHECK_IS(asyncio_open(in_folder("none"), O_RDONLY), -ENOENT);
    CHECK_IS(asyncio_open(in_folder("none/x"), O_RDONLY), -ENOENT);
    CHECK_IS(asyncio_open(folder, O_WRONLY), -EISDIR);
    CHECK_IS(asyncio_open(NULL, O_RDONLY), -EFAULT);
    CHECK_IS(asyncio_read(1000, text, 1), -EBADF);
    CHECK_IS(asyncio_pread(0, text, 1, -5), -EINVAL);
    CHECK_IS(asyncio_pwrite(0, text, 1, -5), -EINVAL);
    CHECK_IS(asyncio_write(1000, text, 1), -EBADF);
    CHECK_IS(asyncio_fsync(1000), -EBADF);
    CHECK_IS(asyncio_ftruncate(1000, 1), -EBADF);
    CHECK_IS(asyncio_fstat(1000, &status), -EBADF);
    CHECK_IS(asyncio_stat(NULL, &status), -EFAULT);
    CHECK_IS(asyncio_rename(in_folder("none"), in_folder("other")), -ENOENT);
    CHECK_IS(asyncio_unlink(in_folder("none")), -ENOENT);
    CHECK_IS(asyncio_unlink(folder), -EISDIR);
    CHECK_IS(asyncio_rmdir(in_folder("none")), -ENOENT);
    CHECK_IS(asyncio_mkdir(in_folder("none/x")), -ENOENT);
    CHECK_IS(asyncio_listdir(in_folder("none"), &names), -ENOENT);
    CHECK_IS(asyncio_read_file(in_folder("none"), &whole, NULL), -ENOENT);
    int file = asyncio_open(folder, O_RDONLY | O_DIRECTORY);
    CHECK(file >= 0);
    CHECK_IS(asyncio_read(file, text, 1), -EISDIR);
    CHECK_IS(asyncio_close(file), 0);
    file = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK_IS(asyncio_write(file, text, 1), -ENOSPC);
    CHECK_IS(asyncio_close(file), 0);
    CHECK(whole == NULL);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int wholes(void *data)
{
    (void)data;
    char **names, *text;
    size_t size;
    CHECK_IS(asyncio_mkdir(in_folder("d")), 0);
    CHECK_IS(asyncio_listdir(in_folder("d"), &names), 0);
    CHECK(names[0] == NULL);
    CHECK_IS(put("d/one", "1"), 0);
    CHECK_IS(put("d/two", ""), 0);
    CHECK_IS(put("d/three and a longer name, longer than the others", "3"), 0);
    CHECK_IS(asyncio_listdir(in_folder("d"), &names), 3);
    CHECK(names[3] == NULL);
    qsort(names, 3, sizeof *names, by_name);
    CHECK(strcmp(names[0], "one") == 0 && strcmp(names[2], "two") == 0);
    CHECK_IS(asyncio_read_file(in_folder("d/one"), &text, &size), 0);
    CHECK(size == 1 && strcmp(text, "1") == 0);
    CHECK_IS(asyncio_read_file(in_folder("d/two"), &text, &size), 0);
    CHECK(size == 0 && *text == '\0');
    CHECK_IS(asyncio_read_file("/proc/self/status", &text, NULL), 0); /* tells no size */
    CHECK(strstr(text, "\nPid:\t"));
    CHECK_IS(asyncio_read_file("/proc/self/status", &text, NULL, .max_size = 10), -EFBIG);
    if (strcmp(world.name, "plain") == 0) { /* this one is large, and slow */
        CHECK_IS(asyncio_read_file("/proc/kallsyms", &text, &size), 0);
        CHECK(size > 10000 && strlen(text) == size);
    }
    CHECK_IS(asyncio_read_file(in_folder("d/one"), &text, &size, .max_size = 1), 0);
    CHECK_IS(asyncio_read_file(folder, &text, &size), -EISDIR);
    for (int i = 0; i < 3; i++) {
        char name[80];
        snprintf(name, sizeof name, "d/%s", names[i]);
        CHECK_IS(asyncio_unlink(in_folder(name)), 0);
    }
    CHECK_IS(asyncio_rmdir(in_folder("d")), 0);
    return 0;
}

/* A read may bring less than there is, as over a network: a whole file is whole all the same. */
static int short_reads(void *data)
{
    (void)data;
    char *text;
    size_t size;
    asyncio_exit_stack stack;
    CHECK_IS(put("short", "a file of more bytes than one read brings"), 0);
    asyncio_exit_stack_enter(&stack);
    read_at_most = 7;
    int r = asyncio_read_file(in_folder("short"), &text, &size);
    read_at_most = 0;
    CHECK_IS(r, 0);
    CHECK_IS((int)size, 41);
    CHECK(strcmp(text, "a file of more bytes than one read brings") == 0);
    CHECK_IS(asyncio_unlink(in_folder("short")), 0);
    return asyncio_exit_stack_exit(&stack, 0);
}

/* Bytes of which each tells where it is. */
static int put_bytes(const char *name, size_t size)
{
    char *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)('a' + i % 23);
    bytes[size] = '\0';
    int r = put(name, bytes);
    free(bytes);
    return r;
}

static bool is_whole(const char *text, size_t size, size_t wanted)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] != (char)('a' + i % 23))
            return false;
    return size == wanted && text[size] == '\0';
}

/* Around what is read in one go, and in the two reads of a chain. */
static int sizes(void *data)
{
    (void)data;
    static const size_t wanted[] = { 0,     1,     4096,  16127, 16128, 16129, 16383,
                                     16384, 16385, 16640, 32768, 70001 };
    int descriptors = count_descriptors();
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        char *text = NULL;
        size_t size = 7;
        asyncio_exit_stack stack;
        asyncio_exit_stack_enter(&stack);
        CHECK_IS(put_bytes("sized", wanted[i]), 0);
        CHECK_IS(asyncio_read_file(in_folder("sized"), &text, &size), 0);
        CHECK(is_whole(text, size, wanted[i]));
        text = NULL;
        if (wanted[i] > 1) {
            CHECK_IS(asyncio_read_file(in_folder("sized"), &text, &size, .max_size = wanted[i] - 1),
                     -EFBIG);
            CHECK(text == NULL && size == wanted[i]);
            CHECK_IS(
                asyncio_read_file(in_folder("sized"), &text, NULL, .max_size = wanted[i]), 0);
        }
        CHECK_IS(asyncio_exit_stack_exit(&stack, 0), 0);
    }
    CHECK_IS(asyncio_unlink(in_folder("sized")), 0);
    char *long_name = malloc(5000);
    memset(long_name, 'x', 4999);
    long_name[4999] = '\0';
    char *text;
    CHECK_IS(asyncio_read_file(long_name, &text, NULL), -ENAMETOOLONG);
    free(long_name);
    CHECK_IS(count_descriptors(), descriptors);
    return 0;
}

static void *feed(void *path)
{
    int file = open(path, O_WRONLY | O_CLOEXEC); /* waits for who reads */
    for (size_t i = 0; i < 20000; i++)
        if (write(file, &(char){ (char)('a' + i % 23) }, 1) != 1)
            break;
    close(file);
    return NULL;
}

/* A pipe can be read once: what the first read took may not be lost where more follows. */
static int pipes(void *data)
{
    (void)data;
    char *path = strdup(in_folder("fifo")), *text;
    size_t size;
    pthread_t feeder;
    CHECK_IS(mkfifo(path, 0600), 0);
    CHECK_IS(pthread_create(&feeder, NULL, feed, path), 0);
    CHECK_IS(asyncio_read_file(path, &text, &size), 0);
    pthread_join(feeder, NULL);
    CHECK(is_whole(text, size, 20000));
    int r = asyncio_unlink(path);
    free(path);
    return r;
}

static volatile sig_atomic_t broken;

static void on_broken(int number)
{
    (void)number;
    broken++;
}

/* Nobody reads: that is an error and no signal, by the ring, by a thread and in the loop's own. */
static int nobody_reads(void *data)
{
    (void)data;
    struct sigaction before, action = { .sa_handler = on_broken };
    int ends[2];
    sigemptyset(&action.sa_mask);
    CHECK_IS(sigaction(SIGPIPE, &action, &before), 0);
    broken = 0;
    for (int i = 0; i < 2; i++) {
        CHECK_IS(i ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)
                   : pipe2(ends, O_CLOEXEC), 0);
        close(ends[0]);
        CHECK_IS(asyncio_write(ends[1], "x", 1), -EPIPE);
        close(ends[1]);
    }
    CHECK_IS(asyncio_sleep(0.001), 0); /* none is pending */
    CHECK_IS(broken, 0);
    CHECK_IS(sigaction(SIGPIPE, &before, NULL), 0);
    return 0;
}

/* Beyond what RLIMIT_FSIZE allows it is likewise; what still fits is written. */
static int grow_too_large(void *data)
{
    (void)data;
    enum { LIMIT = 1 << 20 };
    struct sigaction before, action = { .sa_handler = on_broken };
    struct rlimit limit, small;
    struct stat status;
    sigemptyset(&action.sa_mask);
    int file = asyncio_open(in_folder("large"), O_WRONLY | O_CREAT | O_TRUNC, .mode = 0600);
    CHECK(file >= 0);
    CHECK_IS(sigaction(SIGXFSZ, &action, &before), 0);
    CHECK_IS(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = LIMIT;
    CHECK_IS(setrlimit(RLIMIT_FSIZE, &small), 0);
    broken = 0;
    int fitting = asyncio_pwrite(file, "0123456789", 10, LIMIT - 3);
    int beyond = asyncio_pwrite(file, "x", 1, LIMIT);
    off_t place = lseek(file, LIMIT - 1, SEEK_SET);
    int last = asyncio_write(file, "xy", 2), here = asyncio_write(file, "y", 1);
    int truncated = asyncio_ftruncate(file, LIMIT + 1);
    int slept = asyncio_sleep(0.001); /* none is pending */
    CHECK_IS(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_IS(sigaction(SIGXFSZ, &before, NULL), 0);
    CHECK(fitting > 0 && fitting <= 3);
    CHECK_IS(beyond, -EFBIG);
    CHECK_IS(place, LIMIT - 1);
    CHECK_IS(last, 1);
    CHECK_IS(here, -EFBIG);
    CHECK_IS(truncated, -EFBIG);
    CHECK_IS(slept, 0);
    CHECK_IS(broken, 0);
    CHECK_IS(asyncio_fstat(file, &status), 0);
    CHECK_IS(status.st_size, LIMIT);
    CHECK_IS(asyncio_close(file), 0);
    return asyncio_unlink(in_folder("large"));
}

static void test_calls(void **state)
{
    (void)state;
    run_all_ways(calls);
    run_all_ways(errors);
    run_all_ways(wholes);
    run_all_ways(short_reads);
    run_all_ways(sizes);
    run_all_ways(nobody_reads);
    run_all_ways(grow_too_large);
    const char *backend = getenv("ASYNCIO_BACKEND");
    asyncio__file_tries_nothing = true;
    if (backend && strcmp(backend, "epoll") == 0)
        run_everywhere(pipes); /* a ring's open does not wait for a writer */
    asyncio__file_tries_nothing = false;
    struct stat status;
    assert_int_equal(asyncio_stat("/", &status), -ASYNCIO_NO_TASK);
    assert_int_equal(asyncio_open("/", O_RDONLY), -ASYNCIO_NO_TASK);
}

/* ---- many at once ---- */

static int one_of_many(int number)
{
    char name[32], text[32], back[32];
    snprintf(name, sizeof name, "n%d", number);
    snprintf(text, sizeof text, "file %d", number);
    CHECK_IS(put(name, text), 0);
    int file = asyncio_open(in_folder(name), O_RDONLY);
    CHECK(file >= 0);
    int n = asyncio_read(file, back, sizeof back);
    CHECK_IS(asyncio_close(file), 0);
    CHECK_IS(n, (int)strlen(text));
    CHECK(memcmp(text, back, (size_t)n) == 0);
    return asyncio_unlink(in_folder(name));
}

static int many(void *data)
{
    (void)data;
    enum { MANY = 300 };
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    int r = 0;
    for (int i = 0; i < MANY && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(one_of_many, i), NULL);
    return asyncio_task_group_exit(&group, r);
}

static int tick(int *ticks)
{
    int r;
    while ((r = asyncio_sleep(0)) >= 0)
        ++*ticks;
    return r;
}

/* Who is always answered at once lets others run. */
static int fair(void *data)
{
    (void)data;
    int ticks = 0;
    char byte;
    asyncio_task *other;
    CHECK_IS(put("a", "x"), 0);
    int file = asyncio_open(in_folder("a"), O_RDONLY);
    START(other, tick, &ticks);
    for (int i = 0; i < 1000; i++)
        CHECK_IS(asyncio_pread(file, &byte, 1, 0), 1);
    CHECK(ticks > 5);
    asyncio_task_cancel(other);
    CHECK_IS(join(other), -ECANCELED);
    CHECK_IS(asyncio_close(file), 0);
    return asyncio_unlink(in_folder("a"));
}

/* More than the slots of a ring, and one after another in each. */
static int read_some(int number)
{
    char name[32], *text;
    size_t size;
    for (int i = 0; i < 3; i++) {
        size_t wanted = (size_t)(number * 300 % 20000);
        snprintf(name, sizeof name, "w%d", number);
        CHECK_IS(asyncio_read_file(in_folder(name), &text, &size), 0);
        CHECK(is_whole(text, size, wanted));
    }
    return 0;
}

static int many_wholes(void *data)
{
    (void)data;
    enum { MANY = 150 };
    char name[32];
    int descriptors = count_descriptors(), r = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "w%d", i);
        CHECK_IS(put_bytes(name, (size_t)(i * 300 % 20000)), 0);
    }
    asyncio_task_group group;
    asyncio_task_group_enter(&group);
    for (int i = 0; i < MANY && r >= 0; i++)
        r = asyncio_task_group_create_task(&group, asyncio_coro(read_some, i), NULL);
    CHECK_IS(asyncio_task_group_exit(&group, r), 0);
    CHECK_IS(count_descriptors(), descriptors);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "w%d", i);
        CHECK_IS(unlink(in_folder(name)), 0);
    }
    return 0;
}

static void test_many(void **state)
{
    (void)state;
    run_all_ways(many);
    run_all_ways(many_wholes);
    run_all_ways(fair);
}

/* ---- cancelled ---- */

static int read_fifo(int file)
{
    char byte;
    int r = asyncio_read(file, &byte, 1);
    return r == 1 ? byte : r;
}

/* What was read is told, the cancellation comes with the next suspension: by a thread the read
 * cannot be taken back once it has begun. */
static int read_then_sleep(int *ret_read, int file)
{
    *ret_read = read_fifo(file);
    return *ret_read < 0 ? *ret_read : asyncio_sleep(0);
}

static int nothing_lost(void *data)
{
    (void)data;
    int ends[2], got = 0;
    CHECK_IS(pipe2(ends, O_CLOEXEC), 0);
    asyncio_task *task;
    START(task, read_then_sleep, &got, ends[0]);
    CHECK_IS(settle(), 0);
    CHECK_IS(asyncio_task_done(task), 0);
    CHECK_IS(asyncio_task_cancel(task), 1);
    CHECK_IS(write(ends[1], "7", 1), 1);
    CHECK_IS(join(task), -ECANCELED);
    char byte = 0;
    if (got == '7') /* else it is where it was */
        CHECK_IS(write(ends[1], "7", 1), 1);
    CHECK_IS(got == '7' || got == -ECANCELED, 1);
    CHECK_IS(read(ends[0], &byte, 1), 1);
    CHECK_IS(byte, '7');
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static int all_of_it(void)
{
    char **names, *text;
    struct stat status;
    int r = asyncio_mkdir(in_folder("s"));
    if (r >= 0 || r == -EEXIST)
        r = put("s/x", "text");
    if (r >= 0)
        r = asyncio_rename(in_folder("s/x"), in_folder("s/y"));
    if (r >= 0)
        r = asyncio_stat(in_folder("s/y"), &status);
    if (r >= 0)
        r = asyncio_read_file(in_folder("s/y"), &text, NULL);
    if (r >= 0)
        r = put_bytes("s/large", 40000);
    if (r >= 0)
        r = asyncio_read_file(in_folder("s/large"), &text, NULL);
    if (r >= 0)
        r = asyncio_unlink(in_folder("s/large"));
    if (r >= 0)
        r = asyncio_listdir(in_folder("s"), &names);
    if (r >= 0)
        r = asyncio_unlink(in_folder("s/y"));
    if (r >= 0)
        r = asyncio_rmdir(in_folder("s"));
    return r > 0 ? 0 : r;
}

static int cancelled_at_each(void *data)
{
    (void)data;
    int descriptors = count_descriptors();
    int r = sweep_moments("files", all_of_it, 40, 0.0001, true);
    CHECK_IS(count_descriptors(), descriptors);
    return r;
}

static void run_program(program *body)
{
    enter_world("plain", false, 0);
    assert_int_equal(run_once(body, NULL), 0);
}

static void test_sweep(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        asyncio__file_tries_nothing = i;
        enter_world("plain", false, 0);
        int descriptors = count_descriptors();
        assert_true(sweep_allocations("files", all_of_it) > 5);
        assert_int_equal(count_descriptors(), descriptors);
        run_program(cancelled_at_each);
    }
    asyncio__file_tries_nothing = false;
}

static void test_cancel(void **state)
{
    (void)state;
    const char *backend = getenv("ASYNCIO_BACKEND");
    if (backend && strcmp(backend, "sim") == 0)
        return; /* its jobs run on the loop's thread: nobody could write meanwhile */
    asyncio__file_tries_nothing = true;
    run_everywhere(nothing_lost);
    asyncio__file_tries_nothing = false;
}

/* ---- the loop closes in the middle ---- */

static int read_into(char *buffer, int file)
{
    return asyncio_pread(file, buffer, 4096, 0);
}

static void test_dropped(void **state)
{
    (void)state;
    asyncio__file_tries_nothing = true;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    for (int round = 0; round < 40; round++) {
        int turns = round % 4;
        asyncio__record_put(NULL);
        uint64_t live = asyncio__alloc_live();
        asyncio_loop *loop;
        asyncio_task *tasks[8];
        char *buffer = malloc(8 * 4096);
        assert_int_equal(asyncio_loop_new(&loop), 0);
        asyncio_loop_set_exception_handler(loop, on_report, NULL);
        for (int i = 0; i < 8; i++)
            assert_int_equal(asyncio_loop_create_task(
                                 loop, asyncio_coro(read_into, buffer + i * 4096, file), &tasks[i]),
                             0);
        for (int i = 0; i < turns; i++) {
            if (i && round >= 8) /* done by now, and their answers are in the queue of this turn */
                nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
            asyncio_loop_stop(loop);
            assert_int_equal(asyncio_loop_run_forever(loop), 0);
        }
        assert_int_equal(asyncio_loop_close(loop), 0);
        free(buffer); /* nobody writes to it any more */
        for (int i = 0; i < 8; i++)
            asyncio_task_unref(tasks[i]);
        asyncio_loop_unref(loop);
        for (int k = 0; k < 2000 && asyncio__alloc_live() != live; k++)
            nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
        assert_int_equal(asyncio__alloc_live(), live);
    }
    close(file);
    asyncio__file_tries_nothing = false;
}

static int read_it(const char *path)
{
    char *text;
    return asyncio_read_file(path, &text, NULL);
}

static int open_it(const char *path)
{
    return asyncio_open(path, O_RDONLY);
}

/* What was opened for a task that is gone, or does not wait any more, is closed, whoever opened
 * it. */
static void test_dropped_open(void **state)
{
    (void)state;
    asyncio__file_tries_nothing = true;
    int descriptors = count_descriptors();
    uint64_t live = asyncio__alloc_live();
    for (int round = 0; round < 40; round++) {
        asyncio_loop *loop;
        asyncio_task *tasks[8];
        asyncio__record_put(NULL);
        assert_int_equal(asyncio_loop_new(&loop), 0);
        asyncio_loop_set_exception_handler(loop, on_report, NULL);
        for (int i = 0; i < 8; i++) {
            const char *path = i % 4 < 2 ? "/proc/self/exe" : "/proc/self/status";
            asyncio_coro coro =
                i % 2 ? asyncio_coro(read_it, path) : asyncio_coro(open_it, path);
            assert_int_equal(asyncio_loop_create_task(loop, coro, &tasks[i]), 0);
        }
        for (int i = 0; i < 1 + round % 5; i++) {
            if (i && round >= 20)
                nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
            asyncio_loop_stop(loop);
            assert_int_equal(asyncio_loop_run_forever(loop), 0);
        }
        if (round / 2 % 2) {
            for (int i = 0; i < 8; i++)
                asyncio_task_cancel(tasks[i]);
            asyncio_loop_stop(loop);
            assert_int_equal(asyncio_loop_run_forever(loop), 0);
        }
        assert_int_equal(asyncio_loop_close(loop), 0);
        for (int i = 0; i < 8; i++) {
            if (asyncio_task_done(tasks[i]) && i % 2 == 0)
                close(asyncio_task_result(tasks[i]));
            asyncio_task_unref(tasks[i]);
        }
        asyncio_loop_unref(loop);
    }
    asyncio__record_put(NULL);
    for (int k = 0; k < 2000 && count_descriptors() != descriptors; k++)
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    assert_int_equal(count_descriptors(), descriptors);
    for (int k = 0; k < 2000 && asyncio__alloc_live() != live; k++)
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    assert_int_equal(asyncio__alloc_live(), live);
    asyncio__file_tries_nothing = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls), cmocka_unit_test(test_many),    cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_sweep), cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_dropped_open),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
