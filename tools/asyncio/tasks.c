/* SPDX-License-Identifier: MIT */
/* See tasks.h. What awaits what is told by the library as data, struct awaits of
 * asyncio/task/future.h, and followed here as asyncio/inspect/edges.c follows it from within. */
#include "tasks.h"

#include "map.h"

#include "task/future.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ATTEMPTS = 20,
    PAUSE_NS = 2 * 1000 * 1000,
    MEMBERS_MAX = 1 << 26, /* of one list or array: more is a torn one */
    BLOCK_MAX = 4096,      /* of a task's fields */
};

struct type {
    uint64_t at;
    char name[64];
    bool is_real, has_awaits;
    struct awaits awaits;
};

struct reader {
    struct process *process;
    const struct debug_layout *layout;
    struct type *types;
    size_t type_count;
    struct map tasks, followed; /* by address: index in the loop; by whom it was followed last */
    uint64_t *queue;            /* what one task awaits, directly and through others */
    size_t queue_count, queue_capacity;
    bool is_torn;
};

/* --- reading --- */

static void torn(struct reader *reader)
{
    reader->is_torn = true;
}

static bool get(struct reader *reader, uint64_t address, void *value, size_t size)
{
    if (process_read(reader->process, address, value, size))
        return true;
    torn(reader);
    return false;
}

static uint64_t get_pointer(struct reader *reader, uint64_t address)
{
    uint64_t value = 0;
    (void)get(reader, address, &value, sizeof value);
    return value;
}

/* The members of a list whose link lies at `offset` in each, from malloc. */
static uint64_t *get_list(struct reader *reader, uint64_t head, int64_t offset, size_t *ret_count)
{
    uint64_t links[2], before = head, *members = NULL;
    size_t count = 0, capacity = 0;
    *ret_count = 0;
    if (!get(reader, head, links, sizeof links))
        return NULL;
    for (uint64_t at = links[0]; at != head; at = links[0]) {
        if (!get(reader, at, links, sizeof links) || links[1] != before || count == MEMBERS_MAX) {
            torn(reader);
            free(members);
            return NULL;
        }
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            members = grow(members, capacity, sizeof *members);
        }
        members[count++] = at - (uint64_t)offset;
        before = at;
    }
    *ret_count = count;
    return members;
}

/* NULL when it is not readable. Valid until the next one is read. */
static const struct type *get_type(struct reader *reader, uint64_t at)
{
    for (size_t i = 0; i < reader->type_count; i++)
        if (reader->types[i].at == at)
            return &reader->types[i];
    const struct debug_layout *layout = reader->layout;
    struct type type = { .at = at };
    uint32_t flags = 0;
    uint64_t name = get_pointer(reader, at + layout->future_type_name);
    uint64_t awaits = get_pointer(reader, at + layout->future_type_awaits);
    if (!get(reader, at + layout->future_type_flags, &flags, sizeof flags) ||
        !process_text(reader->process, name, type.name, sizeof type.name) ||
        (awaits && !get(reader, awaits, &type.awaits, sizeof type.awaits))) {
        torn(reader);
        return NULL;
    }
    type.is_real = flags & layout->flag_real;
    type.has_awaits = awaits != 0;
    reader->types = grow(reader->types, reader->type_count + 1, sizeof type);
    reader->types[reader->type_count++] = type;
    return &reader->types[reader->type_count - 1];
}

/* --- what awaits what --- */

static void enqueue(struct reader *reader, uint64_t future)
{
    if (!future)
        return;
    if (reader->queue_count == reader->queue_capacity) {
        reader->queue_capacity = reader->queue_capacity ? reader->queue_capacity * 2 : 64;
        reader->queue = grow(reader->queue, reader->queue_capacity, sizeof *reader->queue);
    }
    reader->queue[reader->queue_count++] = future;
}

static void enqueue_items(struct reader *reader, const struct awaits *awaits, uint64_t items,
                          size_t count)
{
    if (awaits->item <= 0 || count > MEMBERS_MAX ||
        awaits->future > awaits->item - (int32_t)sizeof(uint64_t) || awaits->future < 0) {
        torn(reader);
        return;
    }
    size_t size = (size_t)awaits->item;
    char *all = count ? grow(NULL, count, size) : NULL;
    if (count && get(reader, items, all, count * size))
        for (size_t i = 0; i < count; i++) {
            uint64_t future;
            memcpy(&future, all + i * size + awaits->future, sizeof future);
            enqueue(reader, future);
        }
    free(all);
}

static void enqueue_list(struct reader *reader, const struct awaits *awaits, uint64_t head)
{
    size_t count;
    uint64_t *items = get_list(reader, head, awaits->item, &count);
    for (size_t i = 0; i < count; i++)
        enqueue(reader, get_pointer(reader, items[i] + (uint64_t)(int64_t)awaits->future));
    free(items);
}

/* What lies behind `base`. */
static void follow(struct reader *reader, uint64_t base, const struct awaits *awaits)
{
    uint64_t at = base + (uint64_t)(int64_t)awaits->at;
    uint64_t count = 0;
    if (awaits->kind == AWAITS_ARRAY || awaits->kind == AWAITS_INLINE)
        count = get_pointer(reader, base + (uint64_t)(int64_t)awaits->count);
    switch (awaits->kind) {
    case AWAITS_ONE:
        enqueue(reader, get_pointer(reader, at));
        break;
    case AWAITS_ARRAY:
        enqueue_items(reader, awaits, get_pointer(reader, at), count);
        break;
    case AWAITS_INLINE:
        enqueue_items(reader, awaits, at, count);
        break;
    case AWAITS_LIST:
        enqueue_list(reader, awaits, at);
        break;
    default:
        break;
    }
}

static void follow_scopes(struct reader *reader, uint64_t scope)
{
    const struct debug_layout *layout = reader->layout;
    for (int i = 0; scope && i < MEMBERS_MAX && !reader->is_torn; i++) {
        uint64_t type = get_pointer(reader, scope + layout->scope_type);
        uint64_t at = type ? get_pointer(reader, type + layout->scope_type_awaits) : 0;
        struct awaits awaits;
        if (at && get(reader, at, &awaits, sizeof awaits))
            follow(reader, scope, &awaits);
        scope = get_pointer(reader, scope + layout->scope_outer);
    }
}

static void add_awaited(struct loop *loop, size_t waiter, size_t awaited)
{
    struct task *from = &loop->tasks[waiter], *to = &loop->tasks[awaited];
    if (to->awaited_by_count && to->awaited_by[to->awaited_by_count - 1] == waiter)
        return; /* by another way */
    if ((from->awaits_count & (from->awaits_count - 1)) == 0) /* full: a power of two, or none */
        from->awaits = grow(from->awaits, from->awaits_count ? from->awaits_count * 2 : 1,
                            sizeof *from->awaits);
    if ((to->awaited_by_count & (to->awaited_by_count - 1)) == 0)
        to->awaited_by = grow(to->awaited_by, to->awaited_by_count ? to->awaited_by_count * 2 : 1,
                              sizeof *to->awaited_by);
    from->awaits[from->awaits_count++] = awaited;
    to->awaited_by[to->awaited_by_count++] = waiter;
}

/* A future in the queue of the task `waiter`: it is a task, or follows others, or is a plain
 * one. */
static void take_queued(struct reader *reader, struct loop *loop, size_t waiter, uint64_t future)
{
    const struct debug_layout *layout = reader->layout;
    size_t awaited = map_get(&reader->tasks, future);
    if (awaited != (size_t)MAP_NONE) {
        add_awaited(loop, waiter, awaited);
        return;
    }
    uint8_t state = 0;
    if (!get(reader, future + layout->future.state, &state, sizeof state) || state != 0 ||
        map_get(&reader->followed, future) == waiter)
        return;
    const struct type *type = get_type(reader, get_pointer(reader, future + layout->future.type));
    if (!type || !type->has_awaits)
        return;
    map_put(&reader->followed, future, waiter);
    struct awaits awaits = type->awaits;
    follow(reader, future, &awaits);
}

/* --- tasks --- */

static uint64_t pointer_in(const char *block, uint32_t offset)
{
    uint64_t value;
    memcpy(&value, block + offset, sizeof value);
    return value;
}

static size_t block_size(const struct debug_layout *layout)
{
    const uint32_t fields[] = { layout->task.all,     layout->task.flags,   layout->task.extra,
                                layout->task.number,  layout->task.waiting, layout->task.step_link,
                                layout->task.sp,      layout->task.fn,      layout->task.type,
                                layout->task_scopes,   layout->task_prepared };
    size_t size = 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        size = fields[i] + sizeof(uint64_t) > size ? fields[i] + sizeof(uint64_t) : size;
    return size;
}

/* Its address, or 0: it has a number. */
static uint64_t find_name(struct reader *reader, const char *block)
{
    const struct debug_layout *layout = reader->layout;
    uint64_t extra = pointer_in(block, layout->task.extra);
    uint64_t name = extra ? get_pointer(reader, extra + layout->extra_name) : 0;
    uint16_t flags;
    memcpy(&flags, block + layout->task.flags, sizeof flags);
    if (name || !(flags & layout->flag_name_on_stack))
        return name;
    return pointer_in(block, layout->task_prepared) + layout->name_on_stack;
}

static void read_name(struct reader *reader, const char *block, struct task *task)
{
    uint64_t name = find_name(reader, block);
    uint32_t number;
    memcpy(&number, block + reader->layout->task.number, sizeof number);
    if (!name)
        (void)snprintf(task->name, sizeof task->name, "Task-%" PRIu32, number);
    else if (!process_text(reader->process, name, task->name, sizeof task->name))
        torn(reader);
}

static void describe_task(struct reader *reader, uint64_t waiting, struct task *task)
{
    char block[BLOCK_MAX];
    struct task other = { .at = waiting };
    size_t size = block_size(reader->layout);
    if (size > sizeof block || !get(reader, waiting, block, size))
        return;
    read_name(reader, block, &other);
    (void)snprintf(task->state, sizeof task->state, "waits for task '%s'", other.name);
}

static void describe_waiting(struct reader *reader, uint64_t waiting, struct task *task)
{
    const struct debug_layout *layout = reader->layout;
    const struct type *type = get_type(reader, get_pointer(reader, waiting));
    if (!type)
        return;
    if (!type->is_real) {
        bool has_object = type->has_awaits && type->awaits.kind == AWAITS_OBJECT;
        uint64_t object =
            has_object ? get_pointer(reader, waiting + (uint64_t)(int64_t)type->awaits.at) : 0;
        if (object)
            (void)snprintf(task->state, sizeof task->state, "waits for %s %#" PRIx64, type->name,
                           object);
        else
            (void)snprintf(task->state, sizeof task->state, "waits for %s", type->name);
        return;
    }
    uint8_t state = 0, is = 0;
    (void)get(reader, waiting + layout->future.state, &state, sizeof state);
    (void)get(reader, waiting + layout->future.is, &is, sizeof is);
    if (state)
        (void)snprintf(task->state, sizeof task->state, "ready: %s %#" PRIx64 " is done",
                       type->name, waiting);
    else if (is & layout->flag_is_task)
        describe_task(reader, waiting, task);
    else
        (void)snprintf(task->state, sizeof task->state, "waits for %s %#" PRIx64, type->name,
                       waiting);
}

static void read_task(struct reader *reader, struct loop *loop, size_t index)
{
    struct task *task = &loop->tasks[index];
    const struct debug_layout *layout = reader->layout;
    char block[BLOCK_MAX];
    size_t size = block_size(layout);
    if (size > sizeof block || !get(reader, task->at, block, size)) {
        torn(reader);
        return;
    }
    uint16_t flags;
    memcpy(&flags, block + layout->task.flags, sizeof flags);
    bool is_foreign = flags & layout->flag_foreign, is_started = flags & layout->flag_started;
    uint64_t waiting = pointer_in(block, layout->task.waiting);
    task->sp = pointer_in(block, layout->task.sp);
    task->fn = pointer_in(block, layout->task.fn);
    read_name(reader, block, task);
    bool is_running =
        !waiting && is_started &&
        pointer_in(block, layout->task.step_link) == task->at + layout->task.step_link;
    if (!is_started)
        (void)snprintf(task->state, sizeof task->state, "not started");
    else if (waiting)
        describe_waiting(reader, waiting, task);
    else
        (void)snprintf(task->state, sizeof task->state, "%s", is_running ? "running" : "ready");
    task->is_suspended = is_started && !is_foreign && !is_running;
    task->top = is_running && !is_foreign ? pointer_in(block, layout->task_prepared) : 0;
    if (is_foreign) {
        uint64_t type = pointer_in(block, layout->task.type);
        uint64_t name = get_pointer(reader, type + layout->coroutine_type_name);
        if (!process_text(reader->process, name, task->coroutine, sizeof task->coroutine))
            torn(reader);
    }
    reader->queue_count = 0;
    if (waiting) {
        const struct type *type = get_type(reader, get_pointer(reader, waiting));
        if (type && type->is_real) {
            enqueue(reader, waiting);
        } else if (type && type->has_awaits) {
            struct awaits awaits = type->awaits;
            follow(reader, waiting, &awaits);
        }
    }
    follow_scopes(reader, pointer_in(block, layout->task_scopes));
    for (size_t i = 0; i < reader->queue_count && !reader->is_torn; i++)
        take_queued(reader, loop, index, reader->queue[i]);
}

static void read_loop(struct reader *reader, struct loop *loop)
{
    const struct debug_layout *layout = reader->layout;
    uint8_t running = 0;
    (void)get(reader, loop->at + layout->loop.running, &running, sizeof running);
    loop->is_running = running != 0;
    size_t count;
    uint64_t *tasks =
        get_list(reader, loop->at + layout->loop.tasks, layout->task.all, &count);
    loop->tasks = grow(NULL, count, sizeof *loop->tasks);
    memset(loop->tasks, 0, count * sizeof *loop->tasks);
    loop->task_count = count;
    map_free(&reader->tasks);
    map_free(&reader->followed);
    for (size_t i = 0; i < count; i++) {
        loop->tasks[i].at = tasks[i];
        map_put(&reader->tasks, tasks[i], i);
    }
    for (size_t i = 0; i < count && !reader->is_torn; i++)
        read_task(reader, loop, i);
    free(tasks);
}

/* --- the picture --- */

static void read_all(struct reader *reader, struct picture *picture)
{
    const struct debug_layout *layout = reader->layout;
    size_t count;
    uint64_t *loops =
        get_list(reader, (uint64_t)(uintptr_t)layout->loops, layout->loop.all, &count);
    picture->loops = grow(NULL, count, sizeof *picture->loops);
    for (size_t i = 0; i < count; i++) {
        picture->loops[i] = (struct loop){ .at = loops[i] };
        picture->loop_count++;
        read_loop(reader, &picture->loops[i]);
    }
    free(loops);
}

int picture_take(struct process *process, const struct debug_layout *layout,
                 struct picture *ret_picture)
{
    struct reader reader = { .process = process, .layout = layout };
    for (int i = 0; i < ATTEMPTS; i++) {
        *ret_picture = (struct picture){ .loops = NULL };
        reader.is_torn = false;
        read_all(&reader, ret_picture);
        if (!reader.is_torn)
            break;
        picture_free(ret_picture);
        const struct timespec pause = { .tv_nsec = PAUSE_NS };
        (void)nanosleep(&pause, NULL);
    }
    free(reader.types);
    free(reader.queue);
    map_free(&reader.tasks);
    map_free(&reader.followed);
    return reader.is_torn ? process_lost(process) : STATUS_OK;
}

void picture_free(struct picture *picture)
{
    for (size_t i = 0; i < picture->loop_count; i++) {
        for (size_t k = 0; k < picture->loops[i].task_count; k++) {
            free(picture->loops[i].tasks[k].awaits);
            free(picture->loops[i].tasks[k].awaited_by);
            free(picture->loops[i].tasks[k].frames);
        }
        free(picture->loops[i].tasks);
    }
    free(picture->loops);
    *picture = (struct picture){ .loops = NULL };
}
