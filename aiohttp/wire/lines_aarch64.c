/* SPDX-License-Identifier: MIT */
/* The line readers with NEON, 16 bytes a step: as lines_x86_64.c does it, with tbl for pshufb.
 * Every AArch64 has it. */
#include "wire/names_find.h"
#include "wire/scan.h"

#include <arm_neon.h>

struct class_neon {
    uint8x16_t low, high;
    const struct char_class *class;
};

/* Four bits for each byte: all set where it ends the scan. */
static inline __attribute__((always_inline)) uint64_t ends_neon(const char *p, struct class_neon c)
{
    uint8x16_t bytes = vld1q_u8((const uint8_t *)p);
    uint8x16_t low = vqtbl1q_u8(c.low, vandq_u8(bytes, vdupq_n_u8(15)));
    uint8x16_t high = vqtbl1q_u8(c.high, vshrq_n_u8(bytes, 4));
    uint8x16_t ends = vtstq_u8(low, high);
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(ends), 4)), 0);
}

static inline __attribute__((always_inline)) const char *scan_of_neon(const char *data,
                                                                      const char *p,
                                                                      const char *end,
                                                                      struct class_neon c)
{
    for (; end - p >= 16; p += 16) {
        uint64_t ends = ends_neon(p, c);
        if (ends != 0)
            return p + __builtin_ctzll(ends) / 4;
    }
    if (p == end || end - data < 16)
        return scan_bytes(p, end, c.class);
    uint64_t ends = ends_neon(end - 16, c) >> 4 * (16 - (end - p));
    return ends != 0 ? p + __builtin_ctzll(ends) / 4 : end;
}

static inline __attribute__((always_inline)) struct class_neon class_of_neon(
    const struct char_class *class)
{
    return (struct class_neon){ vld1q_u8(class->low), vld1q_u8(class->high), class };
}

#define LINES(name) name##_neon
#define LINES_TARGET
#define LINES_CLASS(name, class) const struct class_neon name = class_of_neon(class)
#define LINES_SCAN(data, p, end, name) scan_of_neon(data, p, end, name)
#define LINES_SCAN_LONG(data, p, end, name) scan_of_neon(data, p, end, name)
#define LINES_DIFFER(name, text, size) names_differ(name, text, size)
#define LINES_LEAVE() (void)0
#include "wire/lines.h"

static int is_neon_there(void)
{
    return 1;
}

static const struct lines lines_neon = {
    "neon", is_neon_there, request_neon, status_neon, fields_neon, scan_neon,
};

const struct lines *const aiohttp__lines_all[] = { &aiohttp__lines_plain, &lines_neon, NULL };
