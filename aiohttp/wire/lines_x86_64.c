/* SPDX-License-Identifier: MIT */
/* The line readers with vectors of x86-64: 16 bytes a step (SSE4.2's level), 32 with AVX2.
 *
 * A byte's halves look up the class's two tables (pshufb); where the entries share no bit, the byte
 * is of the class. The last bytes before `end` are read with the ones before them, from `end` minus
 * a vector: nothing behind `end` is touched, and nothing before `data`. */
#include "wire/names_find.h"
#include "wire/scan.h"

#include <immintrin.h>

/* --- 16 bytes --- */

#define TARGET_SSE __attribute__((target("sse4.2")))

struct class_sse {
    __m128i low, high;
    const struct char_class *class;
};

static inline __attribute__((always_inline)) TARGET_SSE unsigned ends_sse(const char *p,
                                                                          struct class_sse c)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i half = _mm_set1_epi8(15);
    __m128i low = _mm_shuffle_epi8(c.low, _mm_and_si128(bytes, half));
    __m128i high = _mm_shuffle_epi8(c.high, _mm_and_si128(_mm_srli_epi16(bytes, 4), half));
    __m128i is_of_class = _mm_cmpeq_epi8(_mm_and_si128(low, high), _mm_setzero_si128());
    return (unsigned)_mm_movemask_epi8(is_of_class) ^ 0xffffu;
}

static inline __attribute__((always_inline)) TARGET_SSE const char *scan_of_sse(const char *data,
                                                                                const char *p,
                                                                                const char *end,
                                                                                struct class_sse c)
{
    for (; end - p >= 16; p += 16) {
        unsigned ends = ends_sse(p, c);
        if (ends != 0)
            return p + __builtin_ctz(ends);
    }
    if (p == end || end - data < 16)
        return scan_bytes(p, end, c.class);
    unsigned ends = ends_sse(end - 16, c) >> (16 - (end - p));
    return ends != 0 ? p + __builtin_ctz(ends) : end;
}

static inline __attribute__((always_inline)) TARGET_SSE struct class_sse class_of_sse(
    const struct char_class *class)
{
    return (struct class_sse){
        _mm_loadu_si128((const __m128i *)(const void *)class->low),
        _mm_loadu_si128((const __m128i *)(const void *)class->high),
        class,
    };
}

static inline __attribute__((always_inline)) TARGET_SSE uint32_t same_sse(const char *a,
                                                                          const char *b)
{
    __m128i small = _mm_set1_epi8(0x20);
    __m128i x = _mm_or_si128(_mm_loadu_si128((const __m128i *)(const void *)a), small);
    __m128i y = _mm_or_si128(_mm_loadu_si128((const __m128i *)(const void *)b), small);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y));
}

/* Whether two names of 1 to 32 bytes differ; 32 are read of both. */
static inline __attribute__((always_inline)) TARGET_SSE bool differ_sse(const char *a,
                                                                        const char *b, size_t size)
{
    uint32_t same = same_sse(a, b) | same_sse(a + 16, b + 16) << 16;
    return (~same << (32 - size)) != 0;
}

#define LINES(name) name##_sse
#define LINES_TARGET TARGET_SSE
#define LINES_CLASS(name, class) const struct class_sse name = class_of_sse(class)
#define LINES_SCAN(data, p, end, name) scan_of_sse(data, p, end, name)
#define LINES_SCAN_LONG(data, p, end, name) scan_of_sse(data, p, end, name)
#define LINES_DIFFER(name, text, size) differ_sse(name, text, size)
#define LINES_LEAVE() (void)0
#include "wire/lines.h"
#undef LINES
#undef LINES_TARGET
#undef LINES_CLASS
#undef LINES_SCAN
#undef LINES_SCAN_LONG
#undef LINES_LEAVE
#undef LINES_DIFFER
#undef LINES_WINDOW
#undef LINES_FIND
#undef LINES_HOST

static int is_sse_there(void)
{
    return __builtin_cpu_supports("sse4.2");
}

static const struct lines lines_sse = {
    "sse4.2", is_sse_there, request_sse, status_sse, fields_sse, scan_sse,
};

/* --- 32 bytes --- */

#define TARGET_AVX2 __attribute__((target("avx2,bmi")))

struct class_avx2 {
    __m256i low, high;
    const struct char_class *class;
};

static inline __attribute__((always_inline)) TARGET_AVX2 uint32_t ends_avx2(const char *p,
                                                                            struct class_avx2 c)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i half = _mm256_set1_epi8(15);
    __m256i low = _mm256_shuffle_epi8(c.low, _mm256_and_si256(bytes, half));
    __m256i high =
        _mm256_shuffle_epi8(c.high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half));
    __m256i is_of_class = _mm256_cmpeq_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256());
    return ~(uint32_t)_mm256_movemask_epi8(is_of_class);
}

static inline __attribute__((always_inline)) TARGET_AVX2 const char *scan_of_avx2(
    const char *data, const char *p, const char *end, struct class_avx2 c)
{
    for (; end - p >= 32; p += 32) {
        uint32_t ends = ends_avx2(p, c);
        if (ends != 0)
            return p + __builtin_ctz(ends);
    }
    if (p == end || end - data < 32)
        return scan_bytes(p, end, c.class);
    uint32_t ends = ends_avx2(end - 32, c) >> (32 - (end - p));
    return ends != 0 ? p + __builtin_ctz(ends) : end;
}

/* 64 bytes a step: most lines end in the first, and a branch that always goes one way costs less
 * than a loop that ends now here, now there. */
static inline __attribute__((always_inline)) TARGET_AVX2 const char *
scan_long_avx2(const char *data, const char *p, const char *end, struct class_avx2 c)
{
    for (; end - p >= 64; p += 64) {
        uint64_t ends = ends_avx2(p, c) | (uint64_t)ends_avx2(p + 32, c) << 32;
        if (ends != 0)
            return p + __builtin_ctzll(ends);
    }
    return scan_of_avx2(data, p, end, c);
}

static inline __attribute__((always_inline)) TARGET_AVX2 struct class_avx2 class_of_avx2(
    const struct char_class *class)
{
    return (struct class_avx2){
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)class->low)),
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)class->high)),
        class,
    };
}

static inline __attribute__((always_inline)) TARGET_AVX2 bool differ_avx2(const char *a,
                                                                          const char *b,
                                                                          size_t size)
{
    __m256i small = _mm256_set1_epi8(0x20);
    __m256i x = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)(const void *)a), small);
    __m256i y = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)(const void *)b), small);
    return (~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, y)) << (32 - size)) != 0;
}

/* Which of 64 bytes end a name, and a line; the bit of `base` is the lowest. From `end` on all
 * bits are set. */
struct window_avx2 {
    const char *base;
    uint64_t token, value;
};

static inline __attribute__((always_inline)) TARGET_AVX2 void window_part(
    const char *p, struct class_avx2 token, struct class_avx2 value, uint64_t *ret_token,
    uint64_t *ret_value)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i half = _mm256_set1_epi8(15), zero = _mm256_setzero_si256();
    __m256i low = _mm256_and_si256(bytes, half);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
    __m256i t = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(token.low, low),
                                                   _mm256_shuffle_epi8(token.high, high)),
                                  zero);
    __m256i v = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(value.low, low),
                                                   _mm256_shuffle_epi8(value.high, high)),
                                  zero);
    *ret_token = (uint32_t)~_mm256_movemask_epi8(t);
    *ret_value = (uint32_t)~_mm256_movemask_epi8(v);
}

/* The window that begins at `p`, before `end`. The last bytes are read with the ones before. */
static inline __attribute__((always_inline)) TARGET_AVX2 struct window_avx2 window_at(
    const char *data, const char *p, const char *end, struct class_avx2 token,
    struct class_avx2 value)
{
    struct window_avx2 window = { .base = p };
    uint64_t size = (uint64_t)(end - p), more_token, more_value;
    if (__builtin_expect(size > 32, 1)) {
        window_part(p, token, value, &window.token, &window.value);
        uint64_t at = size < 64 ? size - 32 : 32;
        window_part(p + at, token, value, &more_token, &more_value);
        window.token |= more_token << at;
        window.value |= more_value << at;
    } else if (end - data >= 32) {
        window_part(end - 32, token, value, &window.token, &window.value);
        window.token >>= 32 - size;
        window.value >>= 32 - size;
    } else {
        for (uint64_t i = 0; i < size; i++) {
            window.token |= (uint64_t)class_ends(token.class, p[i]) << i;
            window.value |= (uint64_t)class_ends(value.class, p[i]) << i;
        }
    }
    uint64_t behind = size < 64 ? ~UINT64_C(0) << size : 0;
    window.token |= behind;
    window.value |= behind;
    return window;
}

/* Short lines find their ends in a window that an earlier one has made. What ends a line ends a
 * name too. */
static inline __attribute__((always_inline)) TARGET_AVX2 const char *
find_avx2(struct window_avx2 *window, const char *data, const char *p, const char *end,
          struct class_avx2 token, struct class_avx2 value, const char **ret_stop)
{
    uint64_t from = (uint64_t)(p - window->base);
    if (from >= 64 || window->value >> from == 0) {
        *window = window_at(data, p, end, token, value);
        from = 0;
    }
    uint64_t tokens = window->token >> from, values = window->value >> from;
    *ret_stop = values != 0 ? p + __builtin_ctzll(values)
                            : scan_long_avx2(data, p + 64, end, value);
    return tokens != 0 ? p + __builtin_ctzll(tokens) : scan_of_avx2(data, p + 64, end, token);
}

/* A name of host_fault's class, with or without digits behind a colon that are no number above
 * 65535: four, or five of which the first is below 6. The 32 bytes that are looked at begin at
 * `value` or before. */
static inline __attribute__((always_inline)) TARGET_AVX2 bool
host_is_plain(const char *data, const char *value, size_t size, const char *end)
{
    if (size - 1 >= 32 || end - data < 32)
        return false;
    unsigned skip = end - value >= 32 ? 0 : (unsigned)(value - (end - 32));
    const char *from = value - skip;
    uint32_t ends = ends_avx2(from, class_of_avx2(&aiohttp__class_host)) >> skip;
    uint32_t at = ends != 0 ? (uint32_t)__builtin_ctz(ends) : 32;
    if (at >= size)
        return true;
    if (value[at] != ':' || size - at > 6 || (size - at == 6 && value[at + 1] >= '6'))
        return false;
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)from);
    __m256i above = _mm256_sub_epi8(bytes, _mm256_set1_epi8('0')), nine = _mm256_set1_epi8(9);
    __m256i is_digit = _mm256_cmpeq_epi8(_mm256_min_epu8(above, nine), above);
    uint64_t digits = (uint32_t)_mm256_movemask_epi8(is_digit) >> skip;
    return (((UINT64_C(1) << size) - (UINT64_C(2) << at)) & ~digits) == 0;
}

#define LINES(name) name##_avx2
#define LINES_WINDOW(name) struct window_avx2 name = { data + head->next, 0, 0 }
#define LINES_FIND(name, data, p, end, token, value, at, stop)                                     \
    (at = find_avx2(&name, data, p, end, token, value, &stop))
#define LINES_HOST(data, value, size, end) host_is_plain(data, value, size, end)
#define LINES_TARGET TARGET_AVX2
#define LINES_CLASS(name, class) const struct class_avx2 name = class_of_avx2(class)
#define LINES_SCAN(data, p, end, name) scan_of_avx2(data, p, end, name)
#define LINES_SCAN_LONG(data, p, end, name) scan_long_avx2(data, p, end, name)
#define LINES_DIFFER(name, text, size) differ_avx2(name, text, size)
#define LINES_LEAVE() _mm256_zeroupper()
#include "wire/lines.h"

static int is_avx2_there(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");
}

static const struct lines lines_avx2 = {
    "avx2", is_avx2_there, request_avx2, status_avx2, fields_avx2, scan_avx2,
};

const struct lines *const aiohttp__lines_all[] = {
    &aiohttp__lines_plain,
    &lines_sse,
    &lines_avx2,
    NULL,
};
