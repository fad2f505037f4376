/* SPDX-License-Identifier: MIT */
/* Dates, read: see date.h. */
#include "wire/date.h"

#include "wire/ascii.h"

#include <errno.h>

struct moment {
    int year, month, day, hour, minute, second; /* month: 1 to 12 */
};

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday",
                                    "Thursday", "Friday", "Saturday" };

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first of March of `year`'s March-year plus the rest: the year is made
 * to begin in March, so that the leap day is its last. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int seconds_of(const struct moment *m, int64_t *ret_seconds)
{
    static const unsigned char lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (m->month < 1 || m->month > 12 || m->day < 1 || m->hour > 23 || m->minute > 59 ||
        m->second > 60 || m->day > lengths[m->month - 1] + (m->month == 2 && is_leap(m->year)))
        return -EINVAL;
    *ret_seconds = days_of(m->year, m->month, m->day) * 86400 + m->hour * 3600 + m->minute * 60 +
                   m->second;
    return 0;
}

/* Text that is read by a pattern: what of it is left. */
struct reader {
    const char *at, *end;
    bool is_wrong;
};

static void literal(struct reader *reader, const char *text)
{
    size_t size = strlen(text);
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, text, size) != 0)
        reader->is_wrong = true;
    else
        reader->at += size;
}

/* So many digits. */
static int number(struct reader *reader, int digits)
{
    int value = 0;
    if (reader->end - reader->at < digits)
        reader->is_wrong = true;
    for (; !reader->is_wrong && digits > 0; digits--, reader->at++) {
        if (!ascii_is_digit(*reader->at))
            reader->is_wrong = true;
        else
            value = value * 10 + (*reader->at - '0');
    }
    return value;
}

static int month(struct reader *reader)
{
    for (int i = 0; i < 12 && reader->end - reader->at >= 3; i++)
        if (memcmp(reader->at, months + 3 * i, 3) == 0) {
            reader->at += 3;
            return i + 1;
        }
    reader->is_wrong = true;
    return 0;
}

static void clock_of(struct reader *reader, struct moment *m)
{
    m->hour = number(reader, 2);
    literal(reader, ":");
    m->minute = number(reader, 2);
    literal(reader, ":");
    m->second = number(reader, 2);
}

/* The day of the week, in full or by three letters. */
static bool weekday(struct reader *reader, bool *ret_is_full)
{
    size_t left = (size_t)(reader->end - reader->at);
    for (size_t i = 0; i < 7; i++) {
        size_t full = strlen(days[i]);
        if (left > full && memcmp(reader->at, days[i], full) == 0) {
            reader->at += full;
            *ret_is_full = true;
            return true;
        }
        if (left > 3 && memcmp(reader->at, days[i], 3) == 0) {
            reader->at += 3;
            *ret_is_full = false;
            return true;
        }
    }
    return false;
}

static int year_now(int64_t now)
{
    /* the mean year is exact enough: the window is 50 years wide */
    return (int)(1970 + now / 31556952);
}

int aiohttp__date_parse(struct span text, int64_t now, int64_t *ret_seconds)
{
    struct reader reader = { text.data, text.data + text.size, false };
    struct moment m = { 0 };
    bool is_full;
    if (text.size > 40 || !weekday(&reader, &is_full))
        return -EINVAL;
    if (is_full) { /* Sunday, 06-Nov-94 08:49:37 GMT */
        literal(&reader, ", ");
        m.day = number(&reader, 2);
        literal(&reader, "-");
        m.month = month(&reader);
        literal(&reader, "-");
        int present = year_now(now);
        m.year = present - present % 100 + number(&reader, 2);
        if (m.year > present + 50)
            m.year -= 100;
        literal(&reader, " ");
        clock_of(&reader, &m);
        literal(&reader, " GMT");
    } else if (*reader.at == ',') { /* Sun, 06 Nov 1994 08:49:37 GMT */
        literal(&reader, ", ");
        m.day = number(&reader, 2);
        literal(&reader, " ");
        m.month = month(&reader);
        literal(&reader, " ");
        m.year = number(&reader, 4);
        literal(&reader, " ");
        clock_of(&reader, &m);
        literal(&reader, " GMT");
    } else { /* Sun Nov  6 08:49:37 1994 */
        literal(&reader, " ");
        m.month = month(&reader);
        literal(&reader, " ");
        bool is_one_digit = reader.at != reader.end && *reader.at == ' ';
        if (is_one_digit)
            reader.at++;
        m.day = number(&reader, is_one_digit ? 1 : 2);
        literal(&reader, " ");
        clock_of(&reader, &m);
        literal(&reader, " ");
        m.year = number(&reader, 4);
    }
    return reader.is_wrong || reader.at != reader.end ? -EINVAL : seconds_of(&m, ret_seconds);
}

/* RFC 6265, 5.1.1: what divides a date's parts. */
static bool divides(char c)
{
    unsigned char u = (unsigned char)c;
    return u == 9 || (u >= 0x20 && u <= 0x2f) || (u >= 0x3b && u <= 0x40) ||
           (u >= 0x5b && u <= 0x60) || (u >= 0x7b && u <= 0x7e);
}

/* Up to `most` digits at the beginning, at least `least`, and no digit behind them. */
static int leading(struct span text, size_t least, size_t most, size_t *ret_size)
{
    int value = 0;
    size_t size = 0;
    while (size < text.size && size <= most && ascii_is_digit(text.data[size])) {
        value = value * 10 + (text.data[size] - '0');
        size++;
    }
    *ret_size = size;
    return size >= least && size <= most ? value : -1;
}

static bool cookie_time(struct span part, struct moment *m)
{
    int *const fields[] = { &m->hour, &m->minute, &m->second };
    int values[3];
    for (int i = 0; i < 3; i++) {
        size_t size;
        if ((values[i] = leading(part, 1, 2, &size)) < 0)
            return false;
        part = (struct span){ part.data + size, part.size - size };
        if (i < 2 && (part.size == 0 || part.data[0] != ':'))
            return false;
        if (i < 2)
            part = (struct span){ part.data + 1, part.size - 1 };
    }
    for (int i = 0; i < 3; i++)
        *fields[i] = values[i];
    return true;
}

static int cookie_month(struct span part)
{
    for (int i = 0; i < 12 && part.size >= 3; i++)
        if (span_is_case((struct span){ part.data, 3 }, (struct span){ months + 3 * i, 3 }))
            return i + 1;
    return 0;
}

int aiohttp__date_parse_cookie(struct span text, int64_t *ret_seconds)
{
    struct moment m = { .year = -1, .hour = -1 };
    for (size_t at = 0; at < text.size;) {
        size_t first = at, size;
        while (at < text.size && !divides(text.data[at]))
            at++;
        struct span part = { text.data + first, at - first };
        at += at < text.size;
        int value;
        if (part.size == 0)
            continue;
        if (m.hour < 0 && cookie_time(part, &m))
            continue;
        if (m.day == 0 && (value = leading(part, 1, 2, &size)) > 0)
            m.day = value;
        else if (m.month == 0 && (value = cookie_month(part)) > 0)
            m.month = value;
        else if (m.year < 0 && (value = leading(part, 2, 4, &size)) >= 0)
            m.year = size > 2 ? value : value >= 70 ? value + 1900 : value + 2000;
    }
    if (m.hour < 0 || m.year < 1601 || m.second > 59)
        return -EINVAL;
    return seconds_of(&m, ret_seconds);
}
