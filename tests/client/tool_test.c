/* SPDX-License-Identifier: MIT */
/* asyncio fetch and asyncio serve, as they are started from a shell: files arrive whole, what was
 * cut off is resumed, what failed is repeated, Ctrl-C leaves what is there, and nothing that was
 * there before is lost. */
/* TEST: backends epoll io_uring; timeout 120; not valgrind aarch64 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { BIG = 2000000, HALF = 50000, ALL = 100000 };

static char folder[] = "/tmp/aiohttp-tool-XXXXXX", tool[1024], url[128];
static pid_t serving;
static char *big;

/* --- files and programs --- */

static const char *in_folder(const char *name)
{
    static char text[4][256];
    static unsigned turn;
    char *path = text[turn++ % 4];
    snprintf(path, sizeof text[0], "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *data, size_t size)
{
    int file = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, data, size), (ssize_t)size);
    close(file);
}

static bool holds(const char *name, const char *data, size_t size)
{
    char *found = malloc(size + 1);
    int file = open(in_folder(name), O_RDONLY | O_CLOEXEC);
    ssize_t n = file >= 0 && found ? read(file, found, size + 1) : -1;
    bool is_same = n == (ssize_t)size && memcmp(found, data, size) == 0;
    if (file >= 0)
        close(file);
    free(found);
    return is_same;
}

static bool is_there(const char *name)
{
    return access(in_folder(name), F_OK) == 0;
}

static char said[16384];

/* Runs a command line with the tool's name before it: its exit status, and what it says. */
static int run(const char *format, ...)
{
    char line[2048];
    int at = snprintf(line, sizeof line, "exec '%s' ", tool);
    va_list list;
    va_start(list, format);
    vsnprintf(line + at, sizeof line - (size_t)at, format, list);
    va_end(list);
    snprintf(line + strlen(line), sizeof line - strlen(line), " 2>&1");
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    size_t size = fread(said, 1, sizeof said - 1, pipe);
    said[size] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void says(const char *part)
{
    if (!strstr(said, part))
        fail_msg("no \"%s\" in \"%s\"", part, said);
}

/* Starts the tool with its output in a pipe. */
static pid_t start(char *const *words, int *ret_output)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* however the test ends */
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        execv(tool, words);
        _exit(127);
    }
    close(ends[1]);
    *ret_output = ends[0];
    return child;
}

static int end_of(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* asyncio serve, on a free port, with an option of more; its URL. */
static pid_t start_serving(char *option, char *ret_url, size_t room)
{
    int output;
    char *const words[] = { tool, (char[]){ "serve" }, (char[]){ "--port=0" }, option,
                            (char *)(uintptr_t)in_folder("www"), NULL };
    pid_t child = start(words, &output);
    size_t size = 0;
    while (size < sizeof said - 1 && !memchr(said, '\n', size)) {
        ssize_t n = read(output, said + size, sizeof said - 1 - size);
        assert_true(n > 0);
        size += (size_t)n;
    }
    said[size] = '\0';
    const char *at = strstr(said, "http://127.0.0.1:");
    assert_non_null(at);
    snprintf(ret_url, room, "%.*s", (int)strcspn(at, "\n"), at);
    /* the log goes on into the pipe, which holds much more than it is here */
    assert_true(fcntl(output, F_DUPFD_CLOEXEC, 100) >= 0);
    return child;
}

static int set_up(void **state)
{
    (void)state;
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    snprintf(tool, sizeof tool, "%s/tools/asyncio/asyncio",
             getenv("BUILD_ROOT") ? getenv("BUILD_ROOT") : "build/w");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(mkdir(in_folder("www"), 0755), 0);
    assert_int_equal(mkdir(in_folder("www/sub"), 0755), 0);
    big = malloc(BIG);
    assert_non_null(big);
    for (unsigned i = 0, random = 1; i < BIG; i++) {
        random = random * 1103515245 + 12345;
        big[i] = (char)(random >> 16);
    }
    put("www/big.bin", big, BIG);
    put("www/a.txt", "a", 1);
    put("www/sub/a.txt", "other", 5);
    put("www/sub/index.html", "<p>index", 8);
    put("www/.hidden", "x", 1);
    serving = start_serving((char[]){ "--port=0" }, url, sizeof url);
    return 0;
}

static int tear_down(void **state)
{
    char command[160];
    (void)state;
    kill(serving, SIGINT);
    int status = end_of(serving);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    free(big);
    return system(command) == 0 && status == 0 ? 0 : -1;
}

/* --- a server that does as it is told --- */

enum { CUTS_ONCE, HANGS, OTHER_VERSION, FAILS_ONCE, NO_HEAD, MIXES_VERSIONS, COMES, ENDS_AT };

static void send_text(int peer, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = send(peer, text, size, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        text += n;
        size -= (size_t)n;
    }
}

/* An answer without a body, to all but the first of those that begin anew; whether it was one. */
static bool refuse(int peer, int how, int turn, const char *request)
{
    char head[256] = "";
    if (how == FAILS_ONCE && turn == 0)
        snprintf(head, sizeof head, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    if (how == NO_HEAD && strncmp(request, "HEAD ", 5) == 0)
        snprintf(head, sizeof head, "HTTP/1.1 501 No\r\nContent-Length: 0\r\n\r\n");
    if (how == ENDS_AT && strstr(request, "If-Range: \"one\""))
        snprintf(head, sizeof head,
                 "HTTP/1.1 416 No\r\nContent-Range: bytes */%d\r\nContent-Length: 0\r\n\r\n", ALL);
    send_text(peer, head, strlen(head));
    return *head;
}

static void answer(int peer, int how, int turn)
{
    char request[4096] = "", head[256];
    size_t size = 0;
    while (!strstr(request, "\r\n\r\n") && size < sizeof request - 1) {
        ssize_t n = recv(peer, request + size, sizeof request - 1 - size, 0);
        if (n <= 0)
            return;
        size += (size_t)n;
        request[size] = '\0';
    }
    bool resumes = strstr(request, "Range: bytes=50000-") && strstr(request, "If-Range: \"one\"");
    if (refuse(peer, how, turn, request))
        return;
    if (resumes && how != OTHER_VERSION) {
        snprintf(head, sizeof head,
                 "HTTP/1.1 206 Partial\r\nETag: \"%s\"\r\nContent-Length: %d\r\n"
                 "Content-Range: bytes %d-%d/%d\r\n\r\n",
                 how == MIXES_VERSIONS ? "two" : "one", ALL - HALF, HALF, ALL - 1, ALL);
        send_text(peer, head, strlen(head));
        send_text(peer, big + HALF, ALL - HALF);
    } else {
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nETag: \"%s\"\r\nContent-Length: %d\r\n\r\n",
                 how == OTHER_VERSION ? "two" : "one", ALL);
        send_text(peer, head, strlen(head));
        if (how == COMES)
            put("come/come", "mine", 4);
        send_text(peer, big, how == CUTS_ONCE || how == HANGS ? HALF : ALL);
        while (how == HANGS && recv(peer, request, sizeof request, 0) > 0)
            ;
    }
}

/* In a process of its own; it ends with the test. */
static pid_t serve_badly(int how, int *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listening >= 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listening, 8), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int turn = 0;; turn++) {
            int peer = accept(listening, NULL, NULL);
            if (peer < 0)
                _exit(1);
            answer(peer, how, turn);
            close(peer);
        }
    }
    close(listening);
    return child;
}

static void stop(pid_t child)
{
    kill(child, SIGKILL);
    (void)end_of(child);
}

/* --- the tests --- */

static void many_at_once(void **state)
{
    (void)state;
    assert_int_equal(run("fetch -d %s -j 3 %sbig.bin %sa.txt %ssub/a.txt %ssub/", in_folder("out"),
                         url, url, url, url), 0);
    says("done ");
    assert_true(holds("out/big.bin", big, BIG));
    /* names that are the same get a number */
    assert_true(holds("out/a.txt", "a", 1));
    assert_true(holds("out/a.txt.2", "other", 5));
    assert_true(holds("out/index.html", "<p>index", 8));
    assert_false(is_there("out/big.bin.part"));
    assert_false(is_there("out/big.bin.part.tag"));
}

/* What is in a folder, without what is hidden, unless that is asked for. */
static void a_folder_is_served(void **state)
{
    (void)state;
    char all[128];
    assert_int_equal(run("fetch -q -o - %s", url), 0);
    says("big.bin");
    says("sub");
    assert_null(strstr(said, ".hidden"));
    assert_int_equal(run("fetch -r0 -o - %s.hidden", url), 1);
    says("404");
    pid_t other = start_serving((char[]){ "--dot-files" }, all, sizeof all);
    assert_int_equal(run("fetch -q -o - %s", all), 0);
    says(".hidden");
    assert_int_equal(run("fetch -q -o - %s.hidden", all), 0);
    assert_string_equal(said, "x");
    kill(other, SIGINT);
    assert_int_equal(end_of(other), 0);
}

static void into_one_file(void **state)
{
    (void)state;
    assert_int_equal(run("fetch -q -o %s %sa.txt", in_folder("one"), url), 0);
    assert_string_equal(said, "");
    assert_true(holds("one", "a", 1));
    assert_int_equal(run("fetch -q -o - %ssub/a.txt", url), 0);
    assert_string_equal(said, "other");
}

static void what_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(run("fetch -t -d %s %snone %sa.txt %s.hidden", in_folder("some"), url, url,
                         url), 1);
    says("the server answered 404");
    says("first byte");
    says("   404          0 ");
    assert_true(holds("some/a.txt", "a", 1));
    assert_false(is_there("some/none"));
    assert_false(is_there("some/none.part"));
    assert_int_equal(run("fetch -r 0 -d %s http://127.0.0.1:1/x", in_folder("some")), 1);
    says("refused");
}

static void misuse(void **state)
{
    (void)state;
    assert_int_equal(run("fetch"), 2);
    says("usage: asyncio fetch");
    assert_int_equal(run("fetch -j 0 %s", url), 2);
    assert_int_equal(run("fetch --nonsense %s", url), 2);
    assert_int_equal(run("fetch -o x %s %s", url, url), 2);
    assert_int_equal(run("fetch ftp://a.org/"), 2);
    says("no URL of http");
    assert_int_equal(run("fetch --help"), 0);
    says("--retries");
    assert_int_equal(run("serve -p 99999"), 2);
    assert_int_equal(run("serve a b"), 2);
    assert_int_equal(run("serve --help"), 0);
    says("--bind");
    assert_int_equal(run("serve /nowhere"), 1);
    says("/nowhere");
    assert_int_equal(run("--help"), 0);
    says("asyncio fetch");
}

static void what_was_cut_off_is_resumed(void **state)
{
    (void)state;
    int port;
    pid_t server = serve_badly(CUTS_ONCE, &port);
    assert_int_equal(run("fetch -d %s http://127.0.0.1:%d/cut", in_folder("cut"), port), 0);
    says("resumed");
    assert_true(holds("cut/cut", big, ALL));
    assert_false(is_there("cut/cut.part.tag"));
    stop(server);
    /* another version by now: all of it */
    server = serve_badly(OTHER_VERSION, &port);
    put("cut/new.part", "nonsense of another version", 27);
    put("cut/new.part.tag", "\"one\"", 5);
    assert_int_equal(run("fetch -d %s http://127.0.0.1:%d/new", in_folder("cut"), port), 0);
    assert_true(holds("cut/new", big, ALL));
    /* a part of which nobody knows the version is not gone on with */
    put("cut/old.part", big + 1, HALF);
    assert_int_equal(run("fetch -d %s http://127.0.0.1:%d/old", in_folder("cut"), port), 0);
    assert_true(holds("cut/old", big, ALL));
    stop(server);
    server = serve_badly(FAILS_ONCE, &port);
    assert_int_equal(run("fetch -d %s http://127.0.0.1:%d/busy", in_folder("cut"), port), 0);
    assert_true(holds("cut/busy", big, ALL));
    stop(server);
    server = serve_badly(FAILS_ONCE, &port);
    assert_int_equal(run("fetch -r0 -d %s http://127.0.0.1:%d/no", in_folder("cut"), port), 1);
    says("503");
    stop(server);
}

/* What is there is the user's: it counts as loaded when it is the same, and else it stays. */
static void what_is_there_stays(void **state)
{
    (void)state;
    const struct timeval long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
    int port;
    assert_int_equal(run("fetch -q -d %s %sbig.bin %sa.txt", in_folder("there"), url, url), 0);
    assert_int_equal(run("fetch -d %s %sbig.bin %sa.txt", in_folder("there"), url, url), 0);
    says("there   ");
    says("not loaded again");
    assert_null(strstr(said, "done "));
    /* another length, and as long but older than the server's */
    put("there/big.bin", "mine", 4);
    assert_int_equal(run("fetch -d %s %sbig.bin %sa.txt", in_folder("there"), url, url), 1);
    says("big.bin is there already, and the server has another; --force replaces it");
    says("there   ");
    assert_true(holds("there/big.bin", "mine", 4));
    put("there/a.txt", "b", 1);
    assert_int_equal(utimes(in_folder("there/a.txt"), long_ago), 0);
    assert_int_equal(run("fetch -o %s %sa.txt", in_folder("there/a.txt"), url), 1);
    says("the server has another");
    assert_true(holds("there/a.txt", "b", 1));
    assert_int_equal(run("fetch --force -d %s %sbig.bin %sa.txt", in_folder("there"), url, url), 0);
    assert_true(holds("there/big.bin", big, BIG));
    assert_true(holds("there/a.txt", "a", 1));
    /* nobody knows */
    pid_t server = serve_badly(NO_HEAD, &port);
    assert_int_equal(run("fetch -o %s http://127.0.0.1:%d/x", in_folder("there/a.txt"), port), 1);
    says("does not tell whether");
    assert_true(holds("there/a.txt", "a", 1));
    stop(server);
    /* it was not there when the download began */
    server = serve_badly(COMES, &port);
    assert_int_equal(mkdir(in_folder("come"), 0755), 0);
    assert_int_equal(run("fetch -d %s http://127.0.0.1:%d/come", in_folder("come"), port), 1);
    says("come: is there by now; --force replaces it");
    assert_true(holds("come/come", "mine", 4));
    assert_true(holds("come/come.part", big, ALL));
    stop(server);
}

static void has_time(const char *name, time_t seconds, long nanoseconds)
{
    const struct timespec both[2] = { { seconds, nanoseconds }, { seconds, nanoseconds } };
    assert_int_equal(utimensat(AT_FDCWD, in_folder(name), both, 0), 0);
}

/* A server tells the time of a change in seconds, and ours the next whole one. */
static void loaded_in_the_second_of_the_change(void **state)
{
    (void)state;
    put("www/new.txt", "new", 3);
    has_time("www/new.txt", 1000000000, 200000000);
    assert_int_equal(run("fetch -o %s %snew.txt", in_folder("new.txt"), url), 0);
    has_time("new.txt", 1000000000, 400000000);
    assert_int_equal(run("fetch -o %s %snew.txt", in_folder("new.txt"), url), 0);
    says("not loaded again");
    has_time("new.txt", 1000000000, 0);
    assert_int_equal(run("fetch -o %s %snew.txt", in_folder("new.txt"), url), 1);
    says("the server has another");
}

/* No two downloads have a file in common, and no name is a path or moves a terminal's cursor. */
static void names(void **state)
{
    (void)state;
    int port;
    put("www/a.txt.part", "part", 4);
    assert_int_equal(run("fetch -d %s %sa.txt %sa.txt.part %sa.txt", in_folder("names"), url, url,
                         url), 0);
    assert_true(holds("names/a.txt", "a", 1));
    assert_true(holds("names/a.txt.part.2", "part", 4));
    assert_true(holds("names/a.txt.2", "a", 1));
    pid_t server = serve_badly(FAILS_ONCE, &port);
    assert_int_equal(run("fetch -d %s http://127.0.0.1:%d/x/..%%2f..%%2fb "
                         "http://127.0.0.1:%d/c%%0a%%1b%%c2%%9bd http://127.0.0.1:%d/.. "
                         "http://127.0.0.1:%d/.profile",
                         in_folder("names"), port, port, port, port),
                     0);
    assert_true(holds("names/_._.._b", big, ALL));
    assert_true(holds("names/c___d", big, ALL));
    assert_true(holds("names/index.html", big, ALL));
    assert_true(holds("names/_profile", big, ALL));
    stop(server);
}

static void a_part_that_cannot_be_gone_on_with(void **state)
{
    (void)state;
    int port;
    /* all of it was there, but it had not got its name */
    pid_t server = serve_badly(ENDS_AT, &port);
    put("whole.part", big, ALL);
    put("whole.part.tag", "\"one\"", 5);
    assert_int_equal(run("fetch -r0 -o %s http://127.0.0.1:%d/x", in_folder("whole"), port), 0);
    assert_true(holds("whole", big, ALL));
    assert_false(is_there("whole.part"));
    assert_false(is_there("whole.part.tag"));
    /* more than all of it */
    put("more.part", big, ALL + 1);
    put("more.part.tag", "\"one\"", 5);
    assert_int_equal(run("fetch -r1 -o %s http://127.0.0.1:%d/x", in_folder("more"), port), 0);
    assert_true(holds("more", big, ALL));
    stop(server);
    /* a server that sends the rest of another version, whatever it was asked */
    server = serve_badly(MIXES_VERSIONS, &port);
    put("mixed.part", big + 1, HALF);
    put("mixed.part.tag", "\"one\"", 5);
    assert_int_equal(run("fetch -r1 -o %s http://127.0.0.1:%d/x", in_folder("mixed"), port), 0);
    assert_true(holds("mixed", big, ALL));
    stop(server);
}

/* What goes wrong with a file is told with its name, and is not tried again. */
static void faults_of_files(void **state)
{
    (void)state;
    struct rlimit before, least;
    /* devices are written to; by links, so that a mistake costs nobody the device */
    assert_int_equal(symlink("/dev/full", in_folder("no_room")), 0);
    assert_int_equal(symlink("/dev/null", in_folder("nothing")), 0);
    assert_int_equal(run("fetch -o %s %sbig.bin", in_folder("no_room"), url), 1);
    says("no_room: no space left");
    assert_int_equal(run("fetch -o %s %sbig.bin", in_folder("nothing"), url), 0);
    assert_false(is_there("nothing.part"));
    assert_int_equal(unlink(in_folder("nothing")), 0);
    assert_int_equal(symlink("/nowhere/x", in_folder("nothing")), 0);
    assert_int_equal(run("fetch -o %s %sbig.bin", in_folder("nothing"), url), 1);
    says("nothing: is there by now");
    assert_int_equal(run("fetch -o %s %sbig.bin", in_folder("www"), url), 1);
    says("www: is there, and is no file");
    assert_int_equal(run("fetch -d %s %sbig.bin", in_folder("www/a.txt"), url), 1);
    says("a.txt/big.bin: not a directory");
    assert_int_equal(mkdir(in_folder("b.part"), 0755), 0);
    assert_int_equal(run("fetch -o %s %sbig.bin", in_folder("b"), url), 1);
    says("b.part: is there, and is no file");
    /* a disk that is full: what is there is kept, and gone on with */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    least = (struct rlimit){ .rlim_cur = HALF, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &least), 0);
    int status = run("fetch -o %s %sbig.bin", in_folder("full"), url);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, 1);
    says("full.part: ");
    assert_true(holds("full.part", big, HALF));
    assert_int_equal(run("fetch -o %s %sbig.bin", in_folder("full"), url), 0);
    says("resumed");
    assert_true(holds("full", big, BIG));
}

static void wait_for_size(const char *name, long size)
{
    struct stat status;
    for (int i = 0; i < 1000; i++) {
        if (stat(in_folder(name), &status) == 0 && status.st_size >= size)
            return;
        usleep(10000);
    }
    fail_msg("%s did not come", name);
}

static void interrupted(void **state)
{
    (void)state;
    int port, output;
    char address[64], into[256];
    pid_t server = serve_badly(HANGS, &port);
    snprintf(address, sizeof address, "http://127.0.0.1:%d/slow", port);
    snprintf(into, sizeof into, "%s", in_folder("slow"));
    char *const words[] = { tool, (char[]){ "fetch" }, (char[]){ "-d" }, into, address, NULL };
    pid_t child = start(words, &output);
    wait_for_size("slow/slow.part", HALF);
    /* meanwhile another process leaves it alone */
    assert_int_equal(run("fetch -d %s %s", into, address), 1);
    says("slow.part: another process writes it");
    kill(child, SIGINT);
    assert_int_equal(end_of(child), 130);
    close(output);
    assert_true(holds("slow/slow.part", big, HALF));
    assert_false(is_there("slow/slow"));
    stop(server);
    /* and the same command resumes, from the other process */
    server = serve_badly(CUTS_ONCE, &port);
    assert_int_equal(run("fetch -d %s http://127.0.0.1:%d/slow", into, port), 0);
    says("resumed");
    assert_true(holds("slow/slow", big, ALL));
    stop(server);
}

/* On a terminal there is a bar, as wide as that. */
static void on_a_terminal(void **state)
{
    (void)state;
    int port, terminal;
    char address[64], into[256];
    struct winsize size = { .ws_row = 10, .ws_col = 100 };
    pid_t server = serve_badly(HANGS, &port);
    snprintf(address, sizeof address, "http://127.0.0.1:%d/bar", port);
    snprintf(into, sizeof into, "%s", in_folder("bar"));
    pid_t child = forkpty(&terminal, NULL, NULL, &size);
    assert_true(child >= 0);
    if (child == 0) {
        setenv("TERM", "xterm", 1);
        execl(tool, tool, "fetch", "-d", into, address, (char *)NULL);
        _exit(127);
    }
    size_t have = 0;
    said[0] = '\0';
    while ((!strstr(said, " 50% ") || !strstr(said, "\x1b[J")) && have < sizeof said - 1) {
        ssize_t n = read(terminal, said + have, sizeof said - 1 - have);
        assert_true(n > 0);
        have += (size_t)n;
        said[have] = '\0';
    }
    says("bar ");
    says("[####");
    says("\x1b[J");
    const char *line = strstr(said, "[####");
    assert_true(strcspn(line, "\r\n") < 100);
    assert_int_equal(write(terminal, "\3", 1), 1); /* Ctrl-C */
    while (read(terminal, said, sizeof said) > 0)
        ;
    assert_int_equal(end_of(child), 130);
    close(terminal);
    stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(a_folder_is_served),
        cmocka_unit_test(into_one_file),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(misuse),
        cmocka_unit_test(what_was_cut_off_is_resumed),
        cmocka_unit_test(what_is_there_stays),
        cmocka_unit_test(loaded_in_the_second_of_the_change),
        cmocka_unit_test(names),
        cmocka_unit_test(a_part_that_cannot_be_gone_on_with),
        cmocka_unit_test(faults_of_files),
        cmocka_unit_test(interrupted),
        cmocka_unit_test(on_a_terminal),
    };
    return cmocka_run_group_tests_name("tool", tests, set_up, tear_down);
}
