/* SPDX-License-Identifier: MIT */
/* Classes of bytes, the choice of vectors, and the loop without any: see scan.h. */
#include "wire/scan.h"

/* Bits of the tables are rows of the ASCII table: what of them ends the scan. A high half that
 * belongs to several patterns has several bits. */
enum {
    ROW_0 = 1,
    ROW_1 = 2,
    ROW_2 = 4,
    ROW_3 = 8,
    ROW_4 = 16,
    ROW_5 = 32,
    ROW_6 = 64,
    ROW_7 = 128,
    ALL = ROW_0, /* rows in which every byte ends it; in row 0 itself HTAB may be excepted */
};

/* tchar: ! # $ % & ' * + - . ^ _ ` | ~ digits, letters */
const struct char_class aiohttp__class_token = {
    .high = { ALL, ALL, ROW_2, ROW_3, ROW_4, ROW_5, ROW_6, ROW_7, ALL, ALL, ALL, ALL, ALL, ALL, ALL,
              ALL },
    .low = { ALL | ROW_2 | ROW_4,                                /* SP @ */
             ALL,                                                /* */
             ALL | ROW_2,                                        /* " */
             ALL, ALL, ALL, ALL, ALL,                            /* */
             ALL | ROW_2,                                        /* ( */
             ALL | ROW_2,                                        /* ) */
             ALL | ROW_3,                                        /* : */
             ALL | ROW_3 | ROW_5 | ROW_7,                        /* ; [ { */
             ALL | ROW_2 | ROW_3 | ROW_5,                        /* , < \ */
             ALL | ROW_3 | ROW_5 | ROW_7,                        /* = ] } */
             ALL | ROW_3,                                        /* > */
             ALL | ROW_2 | ROW_3 | ROW_7 },                      /* / ? DEL */
};

const struct char_class aiohttp__class_value = {
    .high = { ROW_0, ROW_1, 0, 0, 0, 0, 0, ROW_7, 0, 0, 0, 0, 0, 0, 0, 0 },
    .low = { ROW_0 | ROW_1, ROW_0 | ROW_1, ROW_0 | ROW_1, ROW_0 | ROW_1, ROW_0 | ROW_1,
             ROW_0 | ROW_1, ROW_0 | ROW_1, ROW_0 | ROW_1, ROW_0 | ROW_1, ROW_1 /* HTAB */,
             ROW_0 | ROW_1, ROW_0 | ROW_1, ROW_0 | ROW_1, ROW_0 | ROW_1, ROW_0 | ROW_1,
             ROW_0 | ROW_1 | ROW_7 /* DEL */ },
};

/* letters, digits, - . _ ~ and ! $ & ' ( ) * + , ; = */
const struct char_class aiohttp__class_host = {
    .high = { ALL, ALL, ROW_2, ROW_3, ROW_4, ROW_5, ROW_6, ROW_7, ALL, ALL, ALL, ALL, ALL, ALL, ALL,
              ALL },
    .low = { ALL | ROW_2 | ROW_4 | ROW_6 /* SP @ ` */, ALL, ALL | ROW_2 /* " */,
             ALL | ROW_2 /* # */, ALL, ALL | ROW_2 /* % */, ALL, ALL, ALL, ALL,
             ALL | ROW_3 /* : */, ALL | ROW_5 | ROW_7 /* [ { */,
             ALL | ROW_3 | ROW_5 | ROW_7 /* < \ | */, ALL | ROW_5 | ROW_7 /* ] } */,
             ALL | ROW_3 | ROW_5 /* > ^ */, ALL | ROW_2 | ROW_3 | ROW_7 /* / ? DEL */ },
};

const struct char_class aiohttp__class_target = {
    .high = { ALL, ALL, ROW_2, ROW_3, 0, 0, 0, ROW_7, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL },
    .low = { ALL | ROW_2 /* SP */, ALL, ALL | ROW_2 /* " */, ALL | ROW_2 /* # */, ALL, ALL, ALL,
             ALL, ALL, ALL, ALL, ALL, ALL | ROW_3 /* < */, ALL, ALL | ROW_3 /* > */,
             ALL | ROW_7 /* DEL */ },
};

const struct char_class aiohttp__class_target_lenient = {
    .high = { ALL, ALL, ROW_2, 0, 0, 0, 0, ROW_7, 0, 0, 0, 0, 0, 0, 0, 0 },
    .low = { ALL | ROW_2 /* SP */, ALL, ALL, ALL | ROW_2 /* # */, ALL, ALL, ALL, ALL, ALL, ALL, ALL,
             ALL, ALL, ALL, ALL, ALL | ROW_7 /* DEL */ },
};

const struct lines *_Atomic aiohttp__lines_chosen;

const struct lines *aiohttp__lines_choose(void)
{
    const struct lines *best = NULL;
    for (const struct lines *const *at = aiohttp__lines_all; *at != NULL; at++)
        if ((*at)->is_there())
            best = *at;
    atomic_store_explicit(&aiohttp__lines_chosen, best, memory_order_relaxed);
    return best;
}

#define LINES(name) name##_plain
#define LINES_TARGET
#define LINES_CLASS(name, class) const struct char_class *const name = (class)
#define LINES_SCAN(data, p, end, name) scan_bytes(p, end, name)
#define LINES_SCAN_LONG(data, p, end, name) scan_bytes(p, end, name)
#define LINES_DIFFER(name, text, size) names_differ(name, text, size)
#define LINES_LEAVE() (void)0
#include "wire/lines.h"

static int is_always_there(void)
{
    return 1;
}

const struct lines aiohttp__lines_plain = {
    "plain", is_always_there, request_plain, status_plain, fields_plain, scan_plain,
};
