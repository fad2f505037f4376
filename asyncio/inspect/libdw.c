/* SPDX-License-Identifier: MIT */
/* Function, file and line by libdw (elfutils), loaded at run time: whoever has it gets them,
 * whoever has not needs it neither to build nor to run. How it is bound: libdw.h. */
#include "inspect/libdw.h"

#include "inspect/symbols.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

typedef struct dwfl_module dwfl_module;
typedef struct dwarf_line dwarf_line;
typedef struct dwarf_files dwarf_files;
typedef struct dwarf dwarf;
typedef struct dwarf_die {
    void *address, *unit, *abbreviation;
    long padding;
} dwarf_die;
typedef struct dwarf_attribute {
    unsigned code, form;
    unsigned char *value;
    void *unit;
} dwarf_attribute;

enum { TAG_INLINED = 0x1d, TAG_FUNCTION = 0x2e, ATTRIBUTE_CALL_FILE = 0x58, ATTRIBUTE_CALL_LINE };

#define FUNCTIONS(F)                                                                               \
    F(dwfl *, dwfl_begin, (const dwfl_callbacks *))                                                \
    F(void, dwfl_end, (dwfl *))                                                                    \
    F(int, dwfl_linux_proc_report, (dwfl *, pid_t))                                                \
    F(int, dwfl_report_end, (dwfl *, void *, void *))                                              \
    F(dwfl_module *, dwfl_addrmodule, (dwfl *, uint64_t))                                          \
    F(const char *, dwfl_module_info,                                                              \
      (dwfl_module *, void *, uint64_t *, uint64_t *, uint64_t *, uint64_t *, const char **,       \
       const char **))                                                                             \
    F(const char *, dwfl_module_addrname, (dwfl_module *, uint64_t))                               \
    F(dwarf *, dwfl_module_getdwarf, (dwfl_module *, uint64_t *))                                  \
    F(dwarf_die *, dwfl_module_addrdie, (dwfl_module *, uint64_t, uint64_t *))                     \
    F(dwarf_die *, dwfl_module_nextcu, (dwfl_module *, dwarf_die *, uint64_t *))                   \
    F(int, dwarf_haspc, (dwarf_die *, uint64_t))                                                   \
    F(int, dwarf_getscopes, (dwarf_die *, uint64_t, dwarf_die **))                                 \
    F(int, dwarf_getscopes_die, (dwarf_die *, dwarf_die **))                                       \
    F(uint64_t, dwarf_dieoffset, (dwarf_die *))                                                    \
    F(dwarf_die *, dwarf_offdie, (dwarf *, uint64_t, dwarf_die *))                                 \
    F(int, dwarf_tag, (dwarf_die *))                                                               \
    F(const char *, dwarf_diename, (dwarf_die *))                                                  \
    F(dwarf_attribute *, dwarf_attr, (dwarf_die *, unsigned, dwarf_attribute *))                   \
    F(int, dwarf_formudata, (dwarf_attribute *, uint64_t *))                                       \
    F(int, dwarf_getsrcfiles, (dwarf_die *, dwarf_files **, size_t *))                             \
    F(const char *, dwarf_filesrc, (dwarf_files *, size_t, uint64_t *, uint64_t *))                \
    F(dwarf_line *, dwarf_getsrc_die, (dwarf_die *, uint64_t))                                     \
    F(const char *, dwarf_linesrc, (dwarf_line *, uint64_t *, uint64_t *))                         \
    F(int, dwarf_lineno, (dwarf_line *, int *))

LIBDW_TABLE(FUNCTIONS);

static dwfl_callbacks callbacks;
static dwfl *session;
static bool is_loaded;
static pid_t looked_at; /* 0: this process, which may fork */

bool asyncio__libdw_bind(const struct libdw_slot *slots, size_t count,
                         dwfl_callbacks *ret_callbacks)
{
    void *library = dlopen("libdw.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (!library)
        return false;
    bool has_all = true;
    for (size_t i = 0; i < count; i++) {
        *slots[i].function = dlsym(library, slots[i].name);
        has_all = has_all && *slots[i].function;
    }
    *ret_callbacks = (dwfl_callbacks){
        .find_elf = dlsym(library, "dwfl_linux_proc_find_elf"),
        .find_debuginfo = dlsym(library, "dwfl_build_id_find_debuginfo"),
    };
    has_all = has_all && ret_callbacks->find_elf && ret_callbacks->find_debuginfo;
    if (!has_all)
        (void)dlclose(library);
    return has_all;
}

static void load(void)
{
    is_loaded = asyncio__libdw_bind(dw_slots, sizeof dw_slots / sizeof dw_slots[0], &callbacks);
}

void asyncio__libdw_refresh(void)
{
    if (session)
        dw.dwfl_end(session);
    session = NULL;
}

void asyncio__libdw_look_at(pid_t process)
{
    asyncio__libdw_refresh();
    looked_at = process;
}

void asyncio__libdw_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load);
}

static bool open_session(void)
{
    if (!is_loaded)
        return false;
    if (session)
        return true;
    session = dw.dwfl_begin(&callbacks);
    if (!session)
        return false;
    if (dw.dwfl_linux_proc_report(session, looked_at ? looked_at : getpid()) == 0 &&
        dw.dwfl_report_end(session, NULL, NULL) == 0)
        return true;
    asyncio__libdw_refresh();
    return false;
}

/* The unit that holds `address`. clang writes no index of addresses: then libdw finds none, or the
 * one before, and all units are asked. */
static dwarf_die *unit_of(dwfl_module *module, uint64_t address, uint64_t *ret_bias)
{
    dwarf_die *unit = dw.dwfl_module_addrdie(module, address, ret_bias);
    if (unit && dw.dwarf_haspc(unit, address - *ret_bias) > 0)
        return unit;
    unit = NULL;
    while ((unit = dw.dwfl_module_nextcu(module, unit, ret_bias)))
        if (dw.dwarf_haspc(unit, address - *ret_bias) > 0)
            return unit;
    return NULL;
}

static bool is_function(dwarf_die *die)
{
    int tag = dw.dwarf_tag(die);
    return tag == TAG_FUNCTION || tag == TAG_INLINED;
}

static uint64_t attribute(dwarf_die *die, unsigned name)
{
    dwarf_attribute found;
    uint64_t value = 0;
    if (!dw.dwarf_attr(die, name, &found) || dw.dwarf_formudata(&found, &value) < 0)
        return 0;
    return value;
}

/* The debug information entries around the address, innermost first, as they are nested in the
 * function's code; from malloc. */
static int scopes_of(dwfl_module *module, dwarf_die *unit, uint64_t address, dwarf_die **ret_scopes)
{
    void (*const give_back)(void *) = free; /* what libdw takes from malloc */
    dwarf_die *scopes = NULL, innermost;
    uint64_t bias;
    dwarf *debug = dw.dwfl_module_getdwarf(module, &bias);
    if (!debug || dw.dwarf_getscopes(unit, address, &scopes) <= 0)
        return 0;
    bool found = dw.dwarf_offdie(debug, dw.dwarf_dieoffset(&scopes[0]), &innermost) != NULL;
    give_back(scopes);
    *ret_scopes = NULL;
    return found ? dw.dwarf_getscopes_die(&innermost, ret_scopes) : 0;
}

/* Each inlined function was called at a place of the one around it. */
static size_t inlined_places(dwarf_die *unit, dwarf_die *scopes, int count, struct place *places)
{
    size_t found = 0;
    dwarf_files *files = NULL;
    (void)dw.dwarf_getsrcfiles(unit, &files, NULL);
    for (int i = 0; i < count && found < PLACES_MAX; i++) {
        if (!is_function(&scopes[i]))
            continue;
        places[found++].function = dw.dwarf_diename(&scopes[i]);
        if (dw.dwarf_tag(&scopes[i]) != TAG_INLINED || found == PLACES_MAX)
            break;
        uint64_t file = attribute(&scopes[i], ATTRIBUTE_CALL_FILE);
        places[found] = (struct place){
            .file = files ? dw.dwarf_filesrc(files, file, NULL, NULL) : NULL,
            .line = (int)attribute(&scopes[i], ATTRIBUTE_CALL_LINE),
        };
    }
    return found;
}

static size_t debug_places(dwfl_module *module, uint64_t address, struct place *places)
{
    uint64_t bias;
    dwarf_die *unit = unit_of(module, address, &bias), *scopes = NULL;
    if (!unit)
        return 0;
    dwarf_line *line = dw.dwarf_getsrc_die(unit, address - bias);
    if (line) {
        places[0].file = dw.dwarf_linesrc(line, NULL, NULL);
        (void)dw.dwarf_lineno(line, &places[0].line);
    }
    int count = scopes_of(module, unit, address - bias, &scopes);
    if (count <= 0)
        return 0;
    void (*const give_back)(void *) = free;
    size_t found = inlined_places(unit, scopes, count, places);
    give_back(scopes);
    return found;
}

size_t asyncio__libdw_places(uintptr_t address, struct place *ret_places, const char **ret_object)
{
    dwfl_module *module = open_session() ? dw.dwfl_addrmodule(session, address) : NULL;
    if (!module)
        return 0;
    *ret_object = dw.dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    ret_places[0] = (struct place){ NULL, NULL, 0 };
    size_t count = debug_places(module, address, ret_places);
    struct place *outermost = &ret_places[count ? count - 1 : 0];
    if (!outermost->function)
        outermost->function = dw.dwfl_module_addrname(module, address);
    return count ? count : 1;
}
