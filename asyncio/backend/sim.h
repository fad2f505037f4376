/* SPDX-License-Identifier: MIT */
/* The sim backend's own state, shared by sim.c (time, order, ops) and sim_socket.c (the calls on
 * handles). */
#pragma once

#include "backend/backend.h"
#include "backend/simnet.h"
#include "backend/simnet_datagram.h"
#include "backend/table.h"

#include <stdatomic.h>

enum { SIM_OPTIONS = 8 }; /* socket options remembered for each handle */

enum { FLAG_CANCELLED = 1 }; /* of an op: cancel said 0 */

struct option {
    int level, name, value;
};

struct sim_handle {
    struct entry entry;
    struct simnet_socket socket;
    struct sim *sim;
    struct list link; /* in sim->active, or alone */
    unsigned delay;   /* polls that pass before it is looked at */
    struct op *reader, *writer;
    struct simnet_datagrams *datagrams; /* of a datagram socket; NULL: `socket` is used */
    int number;      /* of an adopted descriptor, -1: a socket in memory */
    bool is_running; /* `run` is on it: who closes it leaves the rest to that */
    bool is_closing;
    unsigned option_count;
    struct option options[SIM_OPTIONS];
};

struct sim {
    struct backend backend;
    struct table table;
    struct list active; /* handles to look at */
    struct list polls;  /* OP_POLL_*, armed */
    struct list jobs, jobs_done;
    size_t chop;
    uint64_t seed, random;
    unsigned faults;
    int64_t now;
    unsigned busy_polls;
    atomic_bool is_woken;
    int wake; /* an eventfd, for the waits in real time */
};

static inline struct sim *sim_of(struct backend *backend)
{
    return (struct sim *)(void *)backend;
}

static inline struct sim_handle *handle_of(struct sim *sim, sock socket)
{
    return table_get(&sim->table, socket);
}

/* A handle with nothing in it but its place in the table, or NULL. */
struct sim_handle *asyncio__sim_handle_new(struct sim *sim);
/* Has the next polls look at the handle's ops. */
void asyncio__sim_activate(struct sim_handle *handle);
/* What the network in memory calls. */
void asyncio__sim_datagrams_changed(void *handle);
void asyncio__sim_changed(struct simnet_socket *socket);
/* Forgets the handle's OP_POLL_*. */
void asyncio__sim_polls_drop(struct sim_handle *handle);
/* The second half of close: after the last op. */
void asyncio__sim_handle_end(struct sim_handle *handle);

int asyncio__sim_socket(struct backend *backend, int family, int type, int protocol,
                        sock *ret_socket);
int asyncio__sim_adopt(struct backend *backend, int number, sock *ret_socket);
int asyncio__sim_detach(struct backend *backend, sock socket, int *ret_descriptor);
int asyncio__sim_descriptor(struct backend *backend, sock socket);
int asyncio__sim_bind(struct backend *backend, sock socket, const struct sockaddr *address,
                      socklen_t size);
int asyncio__sim_listen(struct backend *backend, sock socket, int backlog);
int asyncio__sim_setsockopt(struct backend *backend, sock socket, int level, int name,
                            const void *value, socklen_t size);
int asyncio__sim_getsockopt(struct backend *backend, sock socket, int level, int name, void *value,
                            socklen_t *size);
int asyncio__sim_getsockname(struct backend *backend, sock socket, struct sockaddr_storage *address,
                             socklen_t *size);
int asyncio__sim_getpeername(struct backend *backend, sock socket, struct sockaddr_storage *address,
                             socklen_t *size);
int asyncio__sim_shutdown(struct backend *backend, sock socket, int how);
int asyncio__sim_close(struct backend *backend, sock socket);
int asyncio__sim_path_id(struct backend *backend, const char *path, uint64_t ret_id[2]);
int asyncio__sim_path_remove(struct backend *backend, const char *path);
int asyncio__sim_resolve(struct backend *backend, const char *host,
                         struct sockaddr_storage *ret_addresses, size_t capacity);
