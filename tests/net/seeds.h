/* SPDX-License-Identifier: MIT */
/* What the tests share that play worlds of the sim backend by seed: chance of the test's own, what
 * may come of which fault, replay, and how often chance did what.
 *
 * A seed makes up a world and what happens in it. Half of them are harmless: I/O is chopped, put
 * off and reordered, and all has to succeed. In the others chance takes some kinds of faults, and
 * each call has to end in what its manual names for those. In all of them each byte that arrives
 * is the right one, nothing hangs, and nothing is left.
 *
 * ASYNCIO_TEST_SEED=N plays that one alone, twice, and says what it was; ASYNCIO_TEST_SEEDS=N
 * plays so many; ASYNCIO_TEST_FIRST_SEED=N begins there. */
#pragma once

#include "net/net_test.h"

#include "backend/sim.h"

/* Chance of the test's own, so that what it does is the same whatever the backend draws; and of
 * others who want chance in the same world. */
static uint64_t chance, other_chance;

static inline unsigned draw(unsigned n)
{
    chance = chance * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(chance >> 33) % n;
}

static struct {
    unsigned faults;                     /* of this world */
    unsigned long done, cut, bytes;      /* of all seeds: who got through, who did not */
    unsigned long counts[SIM_EVENTS];    /* what the backend did */
    uint64_t trace;                      /* of what happened in this world, in its order */
} story;

static inline void note(uint64_t what)
{
    story.trace = (story.trace ^ what) * 0x100000001b3U;
}

/* What may come of a call that nobody cancelled, in this world. */
static inline bool is_fault(int r)
{
    static const struct {
        unsigned fault;
        int result;
    } results[] = {
        { FAULT_RESET, -ECONNRESET },          { FAULT_RESET, -EPIPE },
        { FAULT_RESET, -ASYNCIO_SSL_EOF },     { FAULT_ABORT, -ECONNRESET },
        { FAULT_ABORT, -EPIPE },               { FAULT_ABORT, -ECONNREFUSED },
        { FAULT_ABORT, -ASYNCIO_SSL_EOF },     { FAULT_SOCKET, -EMFILE },
        { FAULT_SOCKET, -ENFILE },             { FAULT_SOCKET, -ENOBUFS },
        { FAULT_SOCKET, -ENOMEM },             { FAULT_CONNECT, -ECONNREFUSED },
        { FAULT_CONNECT, -ETIMEDOUT },         { FAULT_CONNECT, -ENETUNREACH },
        { FAULT_CONNECT, -EHOSTUNREACH },      { FAULT_CONNECT, -ECONNRESET },
        { FAULT_CONNECT, -EADDRNOTAVAIL },     { FAULT_BUFFERS, -ENOBUFS },
        { FAULT_BUFFERS, -ECONNRESET },        { FAULT_BUFFERS, -EPIPE },
        { FAULT_BUFFERS, -ASYNCIO_SSL_EOF },   { FAULT_FILE, -EIO },
        { FAULT_FILE, -ENOSPC },               { FAULT_FILE, -EMFILE },
        { FAULT_NAME, -ASYNCIO_RESOLVE },      { FAULT_HANG, -ETIMEDOUT },
    };
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (story.faults & results[i].fault && r == results[i].result)
            return true;
    return false;
}

/* Takes some of the faults that a kind of world can have. */
static inline unsigned some_faults(unsigned of)
{
    unsigned faults = 0;
    for (unsigned fault = 1; fault <= of; fault *= 2)
        if (of & fault && draw(3) == 0)
            faults |= fault;
    return faults;
}

/* ---- playing ---- */

struct world_kind {
    const char *name;
    program *body;
    unsigned faults;                     /* those it can have */
};

static inline int with_faults(asyncio_loop **ret_loop, void *data)
{
    (void)data;
    int r = asyncio_new_event_loop(ret_loop);
    if (r >= 0) {
        sim_of((*ret_loop)->backend)->faults = story.faults;
        sim_of((*ret_loop)->backend)->counts = story.counts;
    }
    return r;
}

static inline int play(const struct world_kind *kind, unsigned long seed)
{
    enter_world(kind->name, false, seed);
    chance = other_chance = seed * 0x9e3779b97f4a7c15U;
    story.trace = 0xcbf29ce484222325U;
    story.faults = seed % 2 ? 0 : some_faults(kind->faults);
    reports.count = 0;
    asyncio__record_put(NULL);
    uint64_t live = asyncio__alloc_live();
    int r = asyncio_run(asyncio_coro(observed, kind->body, NULL), .loop_factory = with_faults,
                        .shutdown_timeout = 5.0);
    asyncio__record_put(NULL);
    if (asyncio__alloc_live() == live)
        return r;
    print_error("seed %lu: %d blocks are left\n", seed, (int)(asyncio__alloc_live() - live));
    return -EPROTO;
}

static inline unsigned long number_of(const char *name, unsigned long fallback)
{
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 0) : fallback;
}

static inline void play_or_fail(const struct world_kind *kinds, size_t count, unsigned long seed)
{
    const struct world_kind *kind = &kinds[seed / 2 % count];
    int r = play(kind, seed);
    if (r != 0)
        fail_msg("seed %lu, %s, faults %#x: %s. ASYNCIO_TEST_SEED=%lu plays it alone", seed,
                 kind->name, story.faults, asyncio_error_name(r), seed);
}

static inline void play_seeds(const struct world_kind *kinds, size_t count, unsigned long seeds)
{
    int descriptors = count_descriptors();
    unsigned long one = number_of("ASYNCIO_TEST_SEED", 0);
    unsigned long first = one ? one : number_of("ASYNCIO_TEST_FIRST_SEED", 1);
    seeds = one ? 1 : number_of("ASYNCIO_TEST_SEEDS", seeds);
    memset(story.counts, 0, sizeof story.counts);
    story.done = story.cut = story.bytes = 0;
    for (unsigned long seed = first; seed < first + seeds; seed++)
        play_or_fail(kinds, count, seed);
    print_message("sweep: %lu seeds, %lu got through and %lu did not, %lu bytes\n", seeds,
                  story.done, story.cut, story.bytes);
    for (int i = 0; i < SIM_EVENTS; i++)
        if (story.counts[i])
            print_message("       %10lu %s\n", story.counts[i], asyncio__sim_event_names[i]);
    assert_int_equal(count_descriptors(), descriptors);
}

/* Each of these has happened, if there were worlds enough. */
static inline void expect_events(const enum sim_event *events, size_t count)
{
    if (number_of("ASYNCIO_TEST_SEED", 0) || number_of("ASYNCIO_TEST_SEEDS", 1000) < 1000)
        return;
    for (size_t i = 0; i < count; i++)
        if (!story.counts[events[i]])
            fail_msg("never happened: %s", asyncio__sim_event_names[events[i]]);
}

/* A seed is worth something only when it repeats itself. */
static inline void replay_seeds(const struct world_kind *kinds, size_t count)
{
    for (unsigned long seed = 1; seed <= 200; seed++) {
        play_or_fail(kinds, count, seed);
        uint64_t trace = story.trace;
        play_or_fail(kinds, count, seed);
        if (trace != story.trace)
            fail_msg("seed %lu plays differently the second time", seed);
    }
}
