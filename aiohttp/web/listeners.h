/* SPDX-License-Identifier: MIT */
/* Sockets of several workers: bound once, before there are workers, and kept by who supervises
 * them.
 *
 * MODEL      A list of bound descriptors, each for one worker or for all. They are made by
 *            asyncio_start_server in a loop of its own, which is closed again, so hosts, families
 *            and errors are what they are elsewhere; then duplicated, since a server closes its
 *            own.
 * HANDED ON  To a program that takes over they are descriptors 3 and up, named "aiohttp-N" after
 *            their worker or "aiohttp-all". It takes them in the same way.
 * OWNERSHIP  The list has its descriptors. A worker's site gets duplicates. The file of an AF_UNIX
 *            socket belongs to the supervisor, unless a successor has taken it over. */
#pragma once

#include <aiohttp/web_workers.h>
#include <stdbool.h>

enum { LISTENERS_MAX = 512, LISTENER_FOR_ALL = -1 };

struct listeners {
    size_t count;
    unsigned workers; /* they were bound for so many; not more than LISTENERS_MAX */
    struct {
        int descriptor, worker;
        bool is_unix;
    } items[LISTENERS_MAX];
    uint64_t file[2]; /* of options->path: what was made there */
    int predecessor;  /* 0, or whose sockets they were */
};

/* Binds what the options say for so many workers, or takes over what a predecessor has handed on.
 * 0, or an error; then there are none. Blocks. */
int aiohttp__listeners_open(struct listeners *listeners, const aiohttp_web_run_app_options *options,
                            unsigned workers);

/* Whether the worker has this one. With fewer sockets than workers several have one; with more one
 * has several. */
bool aiohttp__listeners_is_for(const struct listeners *listeners, size_t index, unsigned worker);

/* A duplicate of one, or -errno. */
int aiohttp__listeners_duplicate(const struct listeners *listeners, size_t index);

/* Closes such a duplicate; one below 0 is none. */
void aiohttp__listener_close(int descriptor);

/* Closes them all. */
void aiohttp__listeners_close(struct listeners *listeners);

/* Removes the file at options->path if it is still what was bound there. */
void aiohttp__listeners_remove_file(const struct listeners *listeners,
                                    const aiohttp_web_run_app_options *options);

/* In a child that was forked off for it: runs `program` with the sockets. Returns -errno. */
int aiohttp__listeners_exec(const struct listeners *listeners, const char *const *program,
                            int predecessor);

/* Calls options->print with the name of each place, once. In the process that bound them. */
void aiohttp__listeners_print(const struct listeners *listeners,
                              const aiohttp_web_run_app_options *options);
