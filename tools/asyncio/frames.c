/* SPDX-License-Identifier: MIT */
/* See frames.h. Names are asyncio/inspect/libdw.c's. */
#include "frames.h"

#include "map.h"
#include "running.h"

#include "inspect/libdw.h"
#include "inspect/spoken.h"
#include "inspect/symbols.h"

#include <stdlib.h>
#include <string.h>

typedef struct dwfl_thread dwfl_thread;
typedef struct dwfl_frame dwfl_frame;

typedef struct thread_callbacks {
    pid_t (*next_thread)(dwfl *session, void *argument, void **ret_thread);
    bool (*get_thread)(dwfl *session, pid_t tid, void *argument, void **ret_thread);
    bool (*memory_read)(dwfl *session, uint64_t address, uint64_t *ret_word, void *argument);
    bool (*set_initial_registers)(dwfl_thread *thread, void *argument);
    void (*detach)(dwfl *session, void *argument);
    void (*thread_detach)(dwfl_thread *thread, void *argument);
} thread_callbacks;

#define FUNCTIONS(F)                                                                               \
    F(dwfl *, dwfl_begin, (const dwfl_callbacks *))                                                \
    F(void, dwfl_end, (dwfl *))                                                                    \
    F(int, dwfl_linux_proc_report, (dwfl *, pid_t))                                                \
    F(int, dwfl_report_end, (dwfl *, void *, void *))                                              \
    F(bool, dwfl_attach_state, (dwfl *, void *, pid_t, const thread_callbacks *, void *))          \
    F(int, dwfl_getthread_frames,                                                                  \
      (dwfl *, pid_t, int (*)(dwfl_frame *, void *), void *))                                      \
    F(bool, dwfl_frame_pc, (dwfl_frame *, uint64_t *, bool *))                                     \
    F(bool, dwfl_thread_state_registers, (dwfl_thread *, int, unsigned, const uint64_t *))         \
    F(void, dwfl_thread_state_register_pc, (dwfl_thread *, uint64_t))

LIBDW_TABLE(FUNCTIONS);

enum { FRAMES_MAX = 256, ALL_DONE = 0, ENOUGH = 1 };

static dwfl *session;
static struct process *process;
static const struct task *unwound;
static const struct registers *running; /* of its thread; NULL: it is suspended */
static uint64_t addresses[FRAMES_MAX]; /* of the task that is unwound, innermost first */
static size_t address_count;

/* --- unwinding --- */

static pid_t next_thread(dwfl *of, void *argument, void **ret_thread)
{
    (void)of;
    (void)argument;
    (void)ret_thread;
    return 0; /* only the one that get_thread gives */
}

static bool get_thread(dwfl *of, pid_t tid, void *argument, void **ret_thread)
{
    (void)of;
    (void)tid;
    (void)argument;
    *ret_thread = NULL;
    return true;
}

static bool memory_read(dwfl *of, uint64_t address, uint64_t *ret_word, void *argument)
{
    (void)of;
    (void)argument;
    return process_read(process, address, ret_word, sizeof *ret_word);
}

static bool set_running_registers(dwfl_thread *thread)
{
#if defined(__x86_64__)
    return dw.dwfl_thread_state_registers(thread, 0, 17, running->all);
#elif defined(__aarch64__)
    dw.dwfl_thread_state_register_pc(thread, running->pc);
    return dw.dwfl_thread_state_registers(thread, 0, 32, running->all);
#endif
}

/* As asyncio/coro/switch_<cpu>.S draws it. */
static bool set_initial_registers(dwfl_thread *thread, void *argument)
{
    uint64_t saved[14];
    (void)argument;
    if (running)
        return set_running_registers(thread);
    if (!process_read(process, unwound->sp, saved, sizeof saved))
        return false;
#if defined(__x86_64__)
    /* sp: caught, uncaught, r15 r14 r13 r12 rbx rbp, where it goes on, 128 bytes of red zone */
    const uint64_t registers[17] = { [3] = saved[6],  [6] = saved[7],  [7] = unwound->sp + 200,
                                     [12] = saved[5], [13] = saved[4], [14] = saved[3],
                                     [15] = saved[2], [16] = saved[8] };
    return dw.dwfl_thread_state_registers(thread, 0, 17, registers);
#elif defined(__aarch64__)
    /* sp: x29 x30 x19 ... x28, the exception globals, and on: 112 bytes */
    const uint64_t sp = unwound->sp + 112;
    if (!dw.dwfl_thread_state_registers(thread, 19, 10, &saved[2]) ||
        !dw.dwfl_thread_state_registers(thread, 29, 2, &saved[0]) ||
        !dw.dwfl_thread_state_registers(thread, 31, 1, &sp))
        return false;
    dw.dwfl_thread_state_register_pc(thread, saved[1]);
    return true;
#endif
}

static const thread_callbacks threads = { next_thread,           get_thread, memory_read,
                                          set_initial_registers, NULL,       NULL };

static int take_frame(dwfl_frame *frame, void *argument)
{
    uint64_t pc;
    bool is_exact;
    (void)argument;
    if (!dw.dwfl_frame_pc(frame, &pc, &is_exact))
        return ENOUGH;
    addresses[address_count++] = is_exact ? pc : pc - 1;
    return address_count == FRAMES_MAX ? ENOUGH : ALL_DONE;
}

/* --- what is shown --- */

/* From malloc. */
static char *copy_of_name(const char *name)
{
    name = spoken(name);
    return name ? strndup(name, spoken_length(name)) : NULL;
}

struct named {
    struct place places[PLACES_MAX];
    char *functions[PLACES_MAX]; /* of the places */
    size_t place_count;
    const char *name; /* of the function that the address lies in, inlined ones left out */
    bool is_library;
};

static struct named **all_named;
static size_t named_count;
static struct map index_of_named; /* by address */

/* Searched once: ten thousand tasks mostly wait in the same places. */
static const struct named *name_of(uint64_t address)
{
    size_t known = map_get(&index_of_named, address);
    if (known != (size_t)MAP_NONE)
        return all_named[known];
    const char *object = NULL;
    struct named *named = grow(NULL, 1, sizeof *named);
    *named = (struct named){ .place_count = 0 };
    named->place_count = asyncio__libdw_places(address, named->places, &object);
    if (named->place_count) {
        named->is_library = is_library_object(object);
        for (size_t i = 0; i < named->place_count; i++)
            named->functions[i] = copy_of_name(named->places[i].function);
        named->name = named->functions[named->place_count - 1];
    }
    all_named = grow(all_named, named_count + 1, sizeof *all_named);
    all_named[named_count] = named;
    map_put(&index_of_named, address, named_count++);
    return named;
}

static bool is_runtime(const struct named *named)
{
    return named->is_library || is_internal_name(named->name) || is_public_name(named->name);
}

/* The outermost public function of those that the runtime's innermost frames belong to. */
static size_t first_shown(const struct named *const *named, size_t count)
{
    size_t first = 0;
    while (first < count && !is_public_name(named[first]->name))
        first++;
    if (first == count)
        for (first = 0; first < count && is_runtime(named[first]);)
            first++;
    for (size_t i = first; i < count && is_runtime(named[i]); i++)
        if (is_public_name(named[i]->name))
            first = i;
    return first;
}

static void put_frames(struct task *task, uint64_t address, const struct named *named)
{
    bool is_library = is_runtime(named);
    size_t last = named->place_count ? named->place_count - 1 : 0;
    for (size_t i = is_library ? last : 0; i <= last; i++) {
        const struct place *place = &named->places[i];
        if (i < last && is_internal_name(named->functions[i]))
            continue;
        task->frames[task->frame_count++] = (struct frame){
            .address = address,
            .function = named->functions[i],
            .file = is_library ? NULL : place->file, /* its insides are of no use here */
            .line = is_library ? 0 : place->line,
        };
    }
}

static void unwind(struct task *task, bool may_stop)
{
    struct stopped stopped;
    bool is_stopped = task->top && may_stop && running_stop(process, task->top, &stopped);
    address_count = 0;
    unwound = task;
    running = is_stopped ? &stopped.registers : NULL;
    if (is_stopped || task->is_suspended)
        (void)dw.dwfl_getthread_frames(session, 1, take_frame, NULL);
    if (is_stopped)
        running_go_on(&stopped);
    running = NULL;
}

static void show(struct task *task)
{
    const struct named **named = grow(NULL, address_count, sizeof *named);
    size_t count = 0;
    for (; count < address_count; count++) {
        named[count] = name_of(addresses[count]);
        if (named[count]->name && !strcmp(named[count]->name, "asyncio__task_entry"))
            break;
    }
    while (count > 0 && is_runtime(named[count - 1]) && !is_public_name(named[count - 1]->name))
        count--;
    task->frames = grow(task->frames, count * PLACES_MAX, sizeof *task->frames);
    size_t first = task->is_suspended ? first_shown(named, count) : 0; /* what runs, whole */
    for (size_t i = first; i < count; i++)
        if (i == first || !is_internal_name(named[i]->name))
            put_frames(task, addresses[i], named[i]);
    task->frames = grow(task->frames, task->frame_count, sizeof *task->frames);
    free(named);
}

void frames_take(struct task *task, bool may_stop)
{
    if (!session)
        return;
    unwind(task, may_stop);
    if (address_count)
        show(task);
    if (task->frame_count == 0 && task->fn) { /* or its only call was a tail call */
        const struct named *named = name_of(task->fn);
        if (!named->name)
            return;
        task->frames = grow(task->frames, 1, sizeof *task->frames);
        task->frames[task->frame_count++] = (struct frame){ task->fn, named->name, NULL, 0 };
    }
}

/* --- beginning and end --- */

bool frames_open(struct process *of)
{
    static dwfl_callbacks callbacks;
    if (!asyncio__libdw_bind(dw_slots, sizeof dw_slots / sizeof dw_slots[0], &callbacks))
        return false;
    process = of;
    asyncio__libdw_look_at(of->pid);
    asyncio__libdw_load();
    session = dw.dwfl_begin(&callbacks);
    if (session && dw.dwfl_linux_proc_report(session, of->pid) == 0 &&
        dw.dwfl_report_end(session, NULL, NULL) == 0 &&
        dw.dwfl_attach_state(session, NULL, of->pid, &threads, NULL))
        return true;
    frames_close();
    return false;
}

void frames_close(void)
{
    if (session)
        dw.dwfl_end(session);
    session = NULL;
    asyncio__libdw_refresh();
    for (size_t i = 0; i < named_count; i++) {
        for (size_t k = 0; k < all_named[i]->place_count; k++)
            free(all_named[i]->functions[k]);
        free(all_named[i]);
    }
    free(all_named);
    all_named = NULL;
    named_count = 0;
    map_free(&index_of_named);
}
