/* SPDX-License-Identifier: MIT */
/* How libdw (elfutils) is bound at run time: for libdw.c, which names addresses, and for the
 * asyncio command (tools/asyncio/frames.c), which unwinds stacks of another process. The few types
 * of its stable interface (libdw.so.1) that both need are declared here: nobody needs its
 * headers to build.
 *
 *     #define FUNCTIONS(F) F(result, name, (parameters)) ...
 *     LIBDW_TABLE(FUNCTIONS);      `dw`, a struct of pointers, and `dw_slots`, their names
 *     asyncio__libdw_bind(dw_slots, sizeof dw_slots / sizeof dw_slots[0], &callbacks) */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct dwfl dwfl;

typedef struct dwfl_callbacks {
    void *find_elf, *find_debuginfo, *section_address;
    char **debuginfo_path;
} dwfl_callbacks;

struct libdw_slot {
    const char *name;
    void **function;
};

#define LIBDW_MEMBER(result, name, parameters) result(*name) parameters;
#define LIBDW_SLOT(result, name, parameters) { #name, (void **)&dw.name },
#define LIBDW_TABLE(functions)                                                                     \
    static struct {                                                                                \
        functions(LIBDW_MEMBER)                                                                    \
    } dw;                                                                                          \
    static const struct libdw_slot dw_slots[] = { functions(LIBDW_SLOT) }

/* Loads the library and finds each function. False: it is not on the machine, or lacks one. Debug
 * information is looked for in the object and by build id on this machine; never on the network,
 * which DEBUGINFOD_URLS would have libdw do. */
bool asyncio__libdw_bind(const struct libdw_slot *slots, size_t count,
                         dwfl_callbacks *ret_callbacks);
