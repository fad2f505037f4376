/* SPDX-License-Identifier: MIT */
/* Operations on files in the sim backend: real files, in an order that the seed makes up. With seed
 * 0 it has none of them, and threads do it; in other worlds some are missing, and always the one
 * whose result is memory. A cancel is done at
 * once, or comes too late: then the operation ends in -ECANCELED, or with what it has done. */
#include "backend/sim.h"

#include "backend/file.h"

#include <errno.h>

enum { STATE_IDLE, STATE_QUEUED, STATE_CANCELLED };

int asyncio__sim_file(struct backend *backend, struct file_op *op)
{
    struct sim *sim = sim_of(backend);
    if (!sim->seed || op->kind == FILE_LIST || event_happens(sim, SIM_NO_OPCODE, 4))
        return -EOPNOTSUPP;
    op->state = STATE_QUEUED;
    if (event_happens(sim, SIM_OVERTAKES, 2))
        list_prepend(&sim->files, &op->link);
    else
        list_append(&sim->files, &op->link);
    return 0;
}

int asyncio__sim_file_cancel(struct backend *backend, struct file_op *op)
{
    struct sim *sim = sim_of(backend);
    if (op->state == STATE_CANCELLED)
        return 0;
    if (op->state == STATE_QUEUED && event_happens(sim, SIM_CANCEL_LATE, 2)) {
        op->state = STATE_CANCELLED;
        return 0;
    }
    list_remove(&op->link);
    op->state = STATE_IDLE;
    return 1;
}

/* What a disk may do to it; none of it undoes anything. */
static int fault_of(struct sim *sim, struct file_op *op)
{
    switch ((enum file_kind)op->kind) {
    case FILE_READ:
    case FILE_WRITE:
        if (op->size > 1 && fault_happens(sim, FAULT_FILE, SIM_FILE_SHORT, 4))
            op->size = 1 + (size_t)(sim_draw(sim) % op->size);
        if (!fault_happens(sim, FAULT_FILE, SIM_FILE_FAILED, 16))
            return 0;
        return op->kind == FILE_WRITE && sim_draw(sim) % 2 ? -ENOSPC : -EIO;
    case FILE_FSYNC: return fault_happens(sim, FAULT_FILE, SIM_FILE_FAILED, 8) ? -EIO : 0;
    case FILE_WHOLE:
        if (op->size > 1 && fault_happens(sim, FAULT_FILE, SIM_FILE_SHORT, 4))
            op->size = 1 + (size_t)(sim_draw(sim) % op->size);
        /* fall through */
    case FILE_OPEN: return fault_happens(sim, FAULT_FILE, SIM_FILE_FAILED, 16) ? -EMFILE : 0;
    default: return 0;
    }
}

static int result_of(struct sim *sim, struct file_op *op)
{
    bool is_cancelled = op->state == STATE_CANCELLED;
    if (is_cancelled && happens(sim, 2))
        return -ECANCELED;
    int r = fault_of(sim, op);
    if (r == 0)
        r = asyncio__file_run(op);
    if (is_cancelled)
        sim_count(sim, SIM_CANCEL_LOST);
    return r;
}

int asyncio__sim_run_files(struct sim *sim)
{
    int completed = 0;
    struct list now = LIST_INIT(now);
    list_splice(&now, &sim->files);
    for (struct list *link; (link = list_pop(&now));) {
        struct file_op *op = container_of(link, struct file_op, link);
        if (event_happens(sim, SIM_LATER, 2)) {
            list_append(&sim->files, link);
            continue;
        }
        int r = result_of(sim, op);
        op->state = STATE_IDLE;
        op->complete(op, r);
        completed++;
    }
    return completed;
}
