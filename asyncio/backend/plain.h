/* SPDX-License-Identifier: MIT */
/* System calls on sockets that belong to the user and not to a backend. None waits, whatever the
 * socket's own mode is, but for sendfile; EINTR never gets out, and no SIGPIPE. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

int asyncio__plain_recv(int socket, void *data, size_t size, struct sockaddr_storage *address,
                        socklen_t *address_size);
int asyncio__plain_send(int socket, const void *data, size_t size, const struct sockaddr *address,
                        socklen_t address_size);
/* A descriptor, non-blocking and close-on-exec. Makes the listener non-blocking. -EAGAIN also for a
 * connection that was gone before it could be taken. */
int asyncio__plain_accept(int socket, struct sockaddr_storage *address, socklen_t *address_size);
/* Makes it non-blocking. -EINPROGRESS: asyncio__plain_connected tells how it ended. */
int asyncio__plain_connect(int socket, const struct sockaddr *address, socklen_t address_size);
int asyncio__plain_connected(int socket);
/* More follows at once: the system may wait for it. */
int asyncio__plain_send_more(int socket, const void *data, size_t size);
/* Makes it non-blocking, for good. */
int asyncio__plain_unblock(int socket);
/* From *offset (moved) of a file: bytes, 0 at its end. -EINVAL, -ENOSYS and so on: not for these
 * two. The system has no flag for it: a socket that is blocking waits. */
int asyncio__plain_sendfile(int socket, int file, int64_t *offset, size_t size);
/* Of a file, possibly from the disk: for a thread. */
int asyncio__plain_pread(int file, void *data, size_t size, int64_t offset);
/* Where a file stands; -1 as `offset` asks. -ESPIPE: it is no file. */
int64_t asyncio__plain_seek(int file, int64_t offset);
