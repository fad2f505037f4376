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

/* What chance does to a program; asyncio__sim_event_names says it in words. */
enum sim_event {
    SIM_SHORT,          /* seeded */
    SIM_LATER,
    SIM_OVERTAKES,
    SIM_FULL,
    SIM_CANCEL_LATE,
    SIM_CANCEL_LOST,
    SIM_NO_ACCEPT,
    SIM_JOB_LATER,
    SIM_NO_OPCODE,
    SIM_RESET,          /* FAULT_RESET, and so on */
    SIM_ABORT,
    SIM_LOST,
    SIM_TWICE,
    SIM_SHUFFLED,
    SIM_NO_SOCKET,
    SIM_NO_CONNECTION,
    SIM_NO_BUFFERS,
    SIM_FILE_SHORT,
    SIM_FILE_FAILED,
    SIM_NO_NAME,
    SIM_HANGS,
    SIM_EVENTS
};
extern const char *const asyncio__sim_event_names[SIM_EVENTS];

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
    struct list hanging; /* jobs, until `hang_end` */
    int64_t hang_end;
    struct list files;   /* struct file_op */
    size_t chop;
    uint64_t seed, random;
    unsigned faults;
    unsigned long *counts;
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

/* ---- chance ---- */

/* splitmix64 */
static inline uint64_t sim_draw(struct sim *sim)
{
    uint64_t z = sim->random += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

/* True once in `n`, and never with seed 0. */
static inline bool happens(struct sim *sim, unsigned n)
{
    return sim->seed && sim_draw(sim) % n == 0;
}

static inline void sim_count(struct sim *sim, enum sim_event event)
{
    if (sim->counts)
        sim->counts[event]++;
}

static inline bool event_happens(struct sim *sim, enum sim_event event, unsigned n)
{
    bool r = happens(sim, n);
    if (r)
        sim_count(sim, event);
    return r;
}

/* The same, where the test has asked for faults of that kind. */
static inline bool fault_happens(struct sim *sim, unsigned fault, enum sim_event event, unsigned n)
{
    return sim->faults & fault && event_happens(sim, event, n);
}

/* sim_fault.c: 0, or the error that happens now. */
int asyncio__sim_socket_fault(struct sim *sim);
int asyncio__sim_connect_fault(struct sim *sim);

/* sim_file.c */
int asyncio__sim_file(struct backend *backend, struct file_op *op);
int asyncio__sim_file_cancel(struct backend *backend, struct file_op *op);
/* One look at all of them: how many completed. */
int asyncio__sim_run_files(struct sim *sim);

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
int asyncio__sim_is_readable(struct backend *backend, sock socket);
int asyncio__sim_close(struct backend *backend, sock socket);
int asyncio__sim_path_id(struct backend *backend, const char *path, uint64_t ret_id[2]);
int asyncio__sim_path_remove(struct backend *backend, const char *path);
int asyncio__sim_resolve(struct backend *backend, const char *host,
                         struct sockaddr_storage *ret_addresses, size_t capacity);
