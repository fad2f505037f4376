/* SPDX-License-Identifier: MIT */
/* Patterns of routes, run: see pattern.h.
 *
 * INVARIANT  A list holds each instruction at most once, in the order in which a backtracking
 *            matcher would come to it: so for a byte of the path at most as much is done as the
 *            program is long. */
#include "web/pattern_code.h"

#include <asyncio/error.h>

/* What is to be done: an instruction, or (slot >= 0) a slot put back. */
struct __attribute__((may_alias)) todo {
    uint32_t value;
    int32_t slot;
};

struct list {
    uint32_t count;
    uint32_t *at;    /* instructions */
    uint32_t *slots; /* as many for each */
};

struct machine {
    const struct pattern *pattern;
    uint32_t *seen;     /* by instruction: the step in which it was listed */
    struct todo *todo;  /* a stack */
    uint32_t *slots;    /* of the way that is followed */
    struct list lists[2];
};

/* Follows what takes no byte from `from` on. */
static void add(struct machine *machine, struct list *list, uint32_t from, uint32_t position)
{
    const struct instruction *code = machine->pattern->code;
    size_t count = 0, slots = machine->pattern->slots;
    machine->todo[count++] = (struct todo){ from, -1 };
    while (count) {
        struct todo next = machine->todo[--count];
        if (next.slot >= 0) {
            machine->slots[next.slot] = next.value;
            continue;
        }
        uint32_t at = next.value;
        while (machine->seen[at] != position + 1) {
            machine->seen[at] = position + 1;
            if (code[at].op == JUMP) {
                at = code[at].x;
            } else if (code[at].op == SPLIT) {
                machine->todo[count++] = (struct todo){ code[at].y, -1 };
                at = code[at].x;
            } else if (code[at].op == SAVE) {
                uint32_t slot = code[at++].x;
                machine->todo[count++] = (struct todo){ machine->slots[slot], (int32_t)slot };
                machine->slots[slot] = position;
            } else {
                memcpy(list->slots + list->count * slots, machine->slots, slots * sizeof(uint32_t));
                list->at[list->count++] = at;
            }
        }
    }
}

static bool takes(const struct instruction *code, unsigned char byte)
{
    switch (code->op) {
    case BYTE: return code->byte == byte;
    case ANY: return byte != '\n';
    case SET: return (code->set->bits[byte >> 6] >> (byte & 63) & 1) != 0;
    default: return false;
    }
}

static int run(struct machine *machine, struct span path, struct span *values)
{
    const struct pattern *pattern = machine->pattern;
    struct list *now = &machine->lists[0], *next = &machine->lists[1];
    memset(machine->seen, 0, pattern->count * sizeof *machine->seen);
    memset(machine->slots, 0, pattern->slots * sizeof *machine->slots);
    add(machine, now, 0, 0);
    for (size_t i = 0; i < path.size && now->count; i++) {
        next->count = 0;
        for (size_t k = 0; k < now->count; k++) {
            if (!takes(&pattern->code[now->at[k]], (unsigned char)path.data[i]))
                continue;
            memcpy(machine->slots, now->slots + k * pattern->slots,
                   pattern->slots * sizeof *machine->slots);
            add(machine, next, now->at[k] + 1, (uint32_t)i + 1);
        }
        struct list *old = now;
        now = next;
        next = old;
    }
    for (size_t k = 0; k < now->count; k++) {
        if (pattern->code[now->at[k]].op != MATCH)
            continue;
        const uint32_t *slots = now->slots + k * pattern->slots;
        for (size_t i = 0; i < pattern->slots / 2; i++)
            values[i] = (struct span){ path.data + slots[i * 2],
                                       slots[i * 2 + 1] - slots[i * 2] };
        return 1;
    }
    return 0;
}

int aiohttp__pattern_match(const struct pattern *pattern, struct span path, struct arena *arena,
                           struct span *values)
{
    size_t count = pattern->count, slots = pattern->slots;
    /* seen, twice `at`, and todo at most once for each instruction and one more */
    size_t words = count * 3 + (count + 1) * 2 + slots + count * slots * 2;
    uint32_t few[512];
    uint32_t *memory =
        words <= sizeof few / sizeof *few ? few : aiohttp__arena_alloc(arena, words * sizeof *few);
    if (!memory)
        return -ENOMEM;
    if (path.size >= INT32_MAX)
        return 0;
    struct machine machine = { .pattern = pattern, .seen = memory };
    machine.todo = (struct todo *)(void *)(memory + count);
    memory += count + (count + 1) * 2;
    machine.slots = memory;
    memory += slots;
    for (size_t i = 0; i < 2; i++) {
        machine.lists[i].at = memory;
        machine.lists[i].slots = memory + count;
        memory += count + count * slots;
    }
    return run(&machine, path, values);
}
