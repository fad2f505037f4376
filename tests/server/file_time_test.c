/* SPDX-License-Identifier: MIT */
/* The time of writing, and a file: who takes it slowly gets all of it, who takes nothing does not
 * get its end. On the clock of the sim backend. */
/* TEST: backends sim; timeout 120 */
#include "web/web_test.h"

#include <aiohttp/limits.h>
#include <unistd.h>

enum { SIZE = 600000 };

static char path[] = "/tmp/aiohttp-file-time-XXXXXX";

static int make_file(void)
{
    static char bytes[SIZE];
    int file = mkstemp(path);
    if (file < 0)
        return -errno;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)('a' + i % 23);
    ssize_t n = write(file, bytes, sizeof bytes);
    close(file);
    return n == (ssize_t)sizeof bytes ? 0 : -EIO;
}

static int handler(aiohttp_web_request *request, void *data)
{
    (void)data;
    return aiohttp_web_file_response(request, path);
}

/* Takes up to `step` bytes and rests, again and again; how many came. */
static int take(struct live *live, int step, double rest, size_t *ret_size)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    char some[8192];
    asyncio_stream *stream;
    *ret_size = 0;
    int r = asyncio_open_connection("127.0.0.1", live->port, &stream, .limit = 4096);
    if (r < 0)
        return r;
    r = asyncio_stream_write(stream, text, sizeof text - 1);
    while (r >= 0 && (r = asyncio_stream_read(stream, some, (size_t)step)) > 0) {
        *ret_size += (size_t)r;
        r = asyncio_sleep(rest);
    }
    asyncio_stream_abort(stream);
    asyncio_stream_unref(stream);
    return r == -ECONNRESET ? 0 : r;
}

/* The time of writing is one second, and the whole takes a minute or more; what is unsent when
 * somebody looks goes up and down, at other moments each time. */
static int slowly(void *data)
{
    aiohttp_limits limits = aiohttp_server_limits();
    limits.write_time = 1.0;
    limits.keep_alive_time = limits.head_time = 1000;
    aiohttp_web_server_options options = { .size = sizeof options, .keepalive_timeout = -1 };
    options.limits = &limits;
    struct live live;
    size_t size = 0;
    (void)data;
    int r = make_file();
    if (r >= 0)
        r = live_start_with(&live, handler, &options);
    for (int step = 2048; step <= 8192 && r >= 0; step += 1365) {
        r = take(&live, step, 0.3, &size);
        if (r >= 0)
            CHECK(size > SIZE);
    }
    if (r >= 0)
        r = take(&live, 8192, 3.0, &size);
    unlink(path);
    if (r >= 0)
        CHECK(size < SIZE);
    return live_end(&live, r);
}

static void test_slowly(void **state)
{
    (void)state;
    enter_world("plain", false, 0);
    int r = run_once(slowly, NULL);
    if (r != 0)
        fail_msg("%s", asyncio_error_name(r));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_slowly) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
