/* SPDX-License-Identifier: MIT */
/* run
 *
 * Subprocesses, pipes, files, plain sockets and datagrams, with their options. */
#include <asyncio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "check.h"

static int files(void)
{
    char name[] = "/tmp/asyncio-compile-XXXXXX", *text;
    size_t size;
    close(mkstemp(name));
    int file = asyncio_open(name, O_WRONLY | O_CREAT, .mode = 0600);
    CHECK(file >= 0 && asyncio_write(file, "text", 4) == 4 && asyncio_close(file) == 0);
    CHECK(asyncio_read_file(name, &text, &size, .max_size = 100) == 0 && size == 4);
    CHECK(strcmp(text, "text") == 0);
    CHECK(asyncio_mkdir(name, .mode = 0700) == -EEXIST);
    file = asyncio_open(name, O_RDONLY);
    int ends[2];
    int64_t sent;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(asyncio_loop_sock_sendfile(asyncio_get_running_loop(), ends[0], file, &sent,
                                     .offset = 1) == 0);
    CHECK(sent == 3);
    char back[4];
    CHECK(asyncio_loop_sock_recv(asyncio_get_running_loop(), ends[1], back, sizeof back) == 3);
    close(ends[0]);
    close(ends[1]);
    CHECK(asyncio_close(file) == 0);
    return asyncio_unlink(name);
}

static int program(void)
{
    asyncio_process *process;
    asyncio_process_output output;
    int code;
    CHECK(asyncio_create_subprocess_exec(ASYNCIO_ARGS("cat", "-"), &process,
                                         .std_in = ASYNCIO_SUBPROCESS_PIPE,
                                         .std_out = ASYNCIO_SUBPROCESS_PIPE) == 0);
    CHECK(asyncio_process_communicate(process, &output, .input = "hello", .input_size = 5) == 0);
    CHECK(strcmp(output.std_out, "hello") == 0);
    asyncio_process_unref(process);
    CHECK(asyncio_create_subprocess_shell("exit 3", &process) == 0);
    CHECK(asyncio_process_wait(process, &code) == 0 && code == 3);
    asyncio_process_unref(process);
    asyncio_datagram_transport *udp;
    CHECK(asyncio_loop_create_datagram_endpoint(asyncio_get_running_loop(), NULL, &udp,
                                                .local_host = "127.0.0.1") == 0);
    asyncio_datagram_transport_unref(udp);
    return files();
}

int main(void)
{
    CHECK(asyncio_run(asyncio_coro(program)) == 0);
    return 0;
}
