/* SPDX-License-Identifier: MIT */
/* Two programs, one reading what the other writes, and a time limit that kills what is late. */
#include <asyncio.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Both ends of the pipe between them belong to the children; here it is closed. */
static int start_both(const char *writer, const char *reader, asyncio_process *ret_children[2])
{
    int ends[2];
    if (pipe(ends) < 0)
        return -errno;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    int r = asyncio_create_subprocess_shell(writer, &ret_children[0], .std_out = ends[1],
                                            .process_group = 0);
    if (r >= 0)
        r = asyncio_create_subprocess_shell(reader, &ret_children[1], .std_in = ends[0],
                                            .std_out = ASYNCIO_SUBPROCESS_PIPE,
                                            .process_group = 0);
    close(ends[0]);
    close(ends[1]);
    return r;
}

static int pipeline(const char *writer, const char *reader, double limit)
{
    asyncio_process *children[2] = { NULL, NULL };
    asyncio_process_output output;
    int code;

    asyncio_timeout timeout;
    asyncio_timeout_enter(&timeout, limit);
    int r = start_both(writer, reader, children);
    if (r >= 0)
        r = asyncio_process_communicate(children[1], &output);
    if (r >= 0)
        r = asyncio_process_wait(children[0], &code);
    r = asyncio_timeout_exit(&timeout, r);

    if (r >= 0)
        printf("%s | %s: %d\n%s", writer, reader, code, output.std_out);
    else
        printf("%s | %s: %s\n", writer, reader, asyncio_error_name(r));

    /* Whoever still runs when the last reference goes is killed, with the group he leads, and
     * reaped by the loop. */
    asyncio_process_unref(children[0]);
    asyncio_process_unref(children[1]);
    return r;
}

static int program(void)
{
    int r = pipeline("printf 'pear\\napple\\nfig\\n'", "sort", 10.0);
    if (r < 0)
        return r;
    r = pipeline("echo soon; sleep 60; echo late", "cat", 0.2);
    return r == -ETIMEDOUT ? 0 : r;
}

int main(void)
{
    return asyncio_print_exception(asyncio_run(asyncio_coro(program)));
}
