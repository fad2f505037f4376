/* SPDX-License-Identifier: MIT */
/* What an address in the program is called: function, file and line.
 *
 * MODEL      libdw (elfutils), when it is on the machine, reads symbol tables and debug
 *            information; it is loaded the first time somebody asks. Without it dladdr knows the
 *            exported functions. What was found is kept for the life of the process, so dumping
 *            ten thousand tasks that wait at the same place costs one search.
 * INLINING   An address inside an inlined function has several places, innermost first.
 * STACK      libdw wants more stack than a task has: the search runs in a thread made for it.
 * OWNERSHIP  Texts are lent until asyncio__symbols_forget, which nobody calls but tests.
 * THREADS    Any thread; one searches at a time. Not from signal handlers. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct place {
    const char *function; /* NULL: no symbol */
    const char *file;     /* NULL: no debug information */
    int line;             /* 0 likewise */
};

struct symbol {
    struct symbol *next;
    uintptr_t address;
    const char *object; /* NULL: the address is in no object */
    size_t place_count; /* at least 1 */
    struct place places[];
};

enum { PLACES_MAX = 16 };

/* Looks up `count` addresses, each inside the instruction it is about. NULL where memory lacked. */
void asyncio__symbols_find(const uintptr_t *addresses, size_t count,
                           const struct symbol **ret_symbols);

/* Gives everything back that was kept. Nobody may use what was found. */
void asyncio__symbols_forget(void);

/* libdw.c: loads it, if it is there and was not loaded yet. */
void asyncio__libdw_load(void);
/* The places of one address, at most PLACES_MAX; 0 when libdw is not loaded or knows nothing.
 * Texts are lent until the next refresh. One thread at a time. */
size_t asyncio__libdw_places(uintptr_t address, struct place *ret_places, const char **ret_object);
/* From here on it is about another process: for the asyncio tool. */
void asyncio__libdw_look_at(pid_t process);
/* Looks anew which objects are loaded, at the next search. */
void asyncio__libdw_refresh(void);
